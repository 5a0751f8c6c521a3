"""The networks of a study's systems on each other, once they are trained."""

from __future__ import annotations

from pathlib import Path

from microslip.data.provenance import fingerprint, read_provenance
from microslip.data.run import open_run
from microslip.steps.common import Advance, Say
from microslip.study.plan import TRANSFER, Study
from microslip.study.progress import DONE, progress

# Of which networks and settings the tables in the folder are.
MARK = "made_of"


def transfer_systems(study: Study, folder: Path, all_ran: bool, advance: Advance, say: Say) -> None:
    """Write transfer/ in the study's folder, as `microslip transfer` does; skipped where nothing has changed since.

    Parameters
    ----------
    all_ran
        Every system has had its turn: those that are finished by now are all that there will be. Else it waits for the
        last of them.

    Raises
    ------
    MicroslipError
        The systems have different numbers of nodes; as of `transfer_matrix`.
    """
    from microslip.steps.transfer import transfer_matrix

    asked, into = study.content.transfer, folder / TRANSFER
    systems = [system for system in study.systems if system.name in study.transferred]
    done = [system for system in systems if progress(system, study.steps, folder) == DONE]
    if asked is None or len(done) < (2 if all_ran else len(systems)):
        say(f"left out: {len(done)} of {len(systems)} systems are finished")
        return
    places = [system.place(folder) for system in done]
    trained = [read_provenance(place)["steps"]["train"]["fingerprint"] for place in places]
    made_of = fingerprint([[system.name for system in done], trained, asked.model_dump(mode="json")])
    if (into / MARK).exists() and (into / MARK).read_text() == made_of and (into / "transfer.csv").exists():
        say("skipped: done before with these networks")
        return
    runs = [open_run(place) for place in places]
    transfer_matrix(runs, into, asked.leave_one_out, advance, say, overrides=asked.overrides)
    (into / MARK).write_text(made_of)
