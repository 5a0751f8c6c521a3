"""The networks of a study's systems on each other, once they are trained."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from microslip.data.files import read_table, replacing
from microslip.data.provenance import fingerprint, read_provenance
from microslip.data.run import open_run
from microslip.learn.lines import LEFT_OUT
from microslip.steps.common import Advance, Say
from microslip.study.plan import TRANSFER, Study, System
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

    asked, into, n_systems = study.content.transfer, folder / TRANSFER, len(study.transferred)
    done = _finished(study, folder)
    if asked is None or len(done) < (2 if all_ran else n_systems):
        say(f"left out: {len(done)} of {n_systems} systems are finished")
        return
    if read_transfers(study, folder) is not None:
        say("skipped: done before with these networks")
        return
    runs = [open_run(system.place(folder)) for system in done]
    transfer_matrix(runs, into, asked.leave_one_out, advance, say, overrides=asked.overrides)
    with replacing(into / MARK) as beside:
        beside.write_text(_made_of(study, done, folder))


def read_transfers(study: Study, folder: Path) -> pd.DataFrame | None:
    """Table of transfer/transfer.csv, as of `transfer_matrix`; None where it is not of the networks as they are now."""
    into, done = folder / TRANSFER, _finished(study, folder)
    whole = all((into / name).exists() for name in (MARK, "transfer.csv", "transfer.png"))
    if not done or not whole or (into / MARK).read_text() != _made_of(study, done, folder):
        return None
    return read_table(into / "transfer.csv", ["trained_on", "tested_on", "rule", "r2"])


def transfers_by_system(table: pd.DataFrame) -> pd.DataFrame:
    """Medians of R² by system: of its network on the others, of their networks on it, and of one that learnt from them.

    Returns
    -------
    DataFrame
        system, r2_of_its_own [1] on others, r2_of_others [1] on it, r2_of_all_others [1]: of one network that learnt
        from all others, NaN where there is none.
    """
    others = table[(table["rule"] == "random") & (table["trained_on"] != table["tested_on"])]
    taught, tested = (others.groupby(name, sort=False)["r2"].median() for name in ("trained_on", "tested_on"))
    without = table[table["rule"] == LEFT_OUT].set_index("tested_on")["r2"]
    # in the order of the systems, which two unlike indices lose
    order = list(dict.fromkeys(table["tested_on"]))
    medians = pd.DataFrame({"r2_of_its_own": taught, "r2_of_others": tested}).loc[order]
    return medians.assign(r2_of_all_others=without).rename_axis("system").reset_index()


def _finished(study: Study, folder: Path) -> list[System]:
    systems = [system for system in study.systems if system.name in study.transferred]
    return [system for system in systems if progress(system, study.steps, folder) == DONE]


def _made_of(study: Study, systems: list[System], folder: Path) -> str:
    trained = [read_provenance(system.place(folder))["steps"]["train"]["fingerprint"] for system in systems]
    asked = study.content.transfer
    return fingerprint([[system.name for system in systems], trained, asked and asked.model_dump(mode="json")])
