"""Whether what a step left in a run folder still belongs to the folder's settings and inputs, and why not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["current", "out of date", "damaged", "not done", "not checked"]
Kind = Literal["settings", "inputs", "measures", "edition", "upstream", "unfinished", "damaged", "missing", "shown"]

# Settings that are named; the others are counted in words.
_NAMED = 3


@dataclass(frozen=True)
class Cause:
    """Why a step is not current.

    kind        names                             detail
    settings    the settings that changed
    inputs      the files that changed, none where the record does not tell them
    measures    fields, statistics or figures that were
                added or removed
    edition     none: another version of the step made it
    upstream    the steps whose results it was made from, which are out of date
    unfinished  what it had no time for
    damaged     the files                         what is wrong with the first one
    missing     none                              what is missing
    shown       none: what a page shows changed
    """

    kind: Kind
    names: tuple[str, ...] = ()
    detail: str = ""

    def __str__(self) -> str:
        more = f"{', '.join(self.names[:_NAMED])}{' and others' if len(self.names) > _NAMED else ''}"
        match self.kind:
            case "settings":
                return f"{more} changed since"
            case "inputs":
                return f"{more or 'its inputs'} changed since{'' if self.names else ', or another version made it'}"
            case "measures":
                return f"{more} added or removed since"
            case "edition":
                return "another version of the step made it"
            case "upstream":
                return f"made from what {self.names[0]} left, which is out of date"
            case "unfinished":
                return f"{more} left for the next start"
            case "damaged":
                return f"{self.names[0]} {self.detail}"
            case "missing":
                return self.detail
            case "shown":
                return "what it shows changed since"


@dataclass(frozen=True)
class StepState:
    """State of one step, and why it is not current."""

    verb: str
    title: str
    state: State
    cause: Cause | None = None

    @property
    def why(self) -> str:
        """The cause in half a sentence; empty where there is none."""
        return "" if self.cause is None else str(self.cause)
