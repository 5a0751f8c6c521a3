"""The table of all systems of a study: how far each is, why it failed, and what it took."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from microslip.data.files import read_table
from microslip.dem.cost import shear_cost
from microslip.study.costs import taken
from microslip.study.plan import Study
from microslip.study.progress import DONE
from microslip.study.summary import BANDS, UNSTEADY

SYSTEMS_TABLE = "systems.csv"


def earlier_failures(folder: Path, states: Mapping[str, str]) -> dict[str, str]:
    """Why systems failed in earlier commands, by name; none of a system that has gone on since."""
    if not (path := folder / SYSTEMS_TABLE).exists():
        return {}
    table = read_table(path, ["system", "state", "why"])
    return {
        str(row["system"]): str(row["why"])
        for row in table.to_dict("records")
        if isinstance(row["why"], str) and row["state"] != DONE and states.get(row["system"]) == row["state"]
    }


def system_table(
    study: Study, folder: Path, states: Mapping[str, str], reasons: Mapping[str, str], flows: Mapping[str, str]
) -> pd.DataFrame:
    """A row per system, finished or not.

    Parameters
    ----------
    states, reasons
        How far each is, and why it failed, by name.
    flows
        `flow` of summary.csv, by name.

    Returns
    -------
    DataFrame
        number, system, what_differs, state; why: the reason of a failure, or that it carries no claim because it bands
        or is not steady; inertial_number, n_grains, grain_steps (of the whole shear); seconds (of all its steps),
        simulation_seconds, speed [grain-steps/s] and disk [bytes], as of `costs.taken`.
    """
    rows = []
    for number, system in enumerate(study.systems, start=1):
        flow, cell = flows.get(system.name, ""), system.config.simulation
        why = reasons.get(system.name, f"{flow}: carries no claim" if flow in (BANDS, UNSTEADY) else "")
        rows.append(
            {
                "number": number,
                "system": system.name,
                "what_differs": system.describe(),
                "state": states[system.name],
                "why": why,
                "inertial_number": cell.numbers()["inertial_number"],
                "n_grains": cell.n_grains,
                "grain_steps": shear_cost(cell),
                **taken(system.place(folder)),
            }
        )
    return pd.DataFrame(rows)
