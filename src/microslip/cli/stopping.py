"""What a command that was stopped says: what it keeps, and what the same command does next."""

from __future__ import annotations

from collections.abc import Sequence

# These put their result in place at their end; until then there is nothing to go on from.
_AT_ONCE = {
    "stages": "the stages are",
    "import": "the import is",
    "export": "the export is",
    "pack": "the archive is",
    "report": "the report is",
    "predict": "the predictions are",
    "ceiling": "the scores are",
}


def stopped(arguments: Sequence[str]) -> str:
    """The sentence for a command line that was stopped."""
    verb = arguments[0] if arguments else ""
    if verb in _AT_ONCE:
        return f"stopped; what was there before stays: {_AT_ONCE[verb]} begun anew by the same command"
    if verb == "view":
        return "stopped; what was there before stays: the page is begun anew by the same command"
    if verb == "transfer":
        return "stopped; trainings go on from here with the same command, all else is begun anew"
    if verb in ("info", "steps", "claims"):
        return "stopped"
    return "stopped; the same command goes on from here"
