"""A study's folder: how far each system is, and the tables, figures and page of all finished ones."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from microslip.core.errors import MicroslipError
from microslip.core.visible import quoted
from microslip.data.files import write_table
from microslip.data.holding import LOCK, only_one
from microslip.data.run import Run
from microslip.states import is_current
from microslip.steps.common import Say
from microslip.study.agreement import agreement, measured
from microslip.study.counts import count_values, read_counts
from microslip.study.patterns import read_patterns
from microslip.study.plan import STUDY_FILE, Study, write_study, written
from microslip.study.progress import DONE, progress
from microslip.study.scores import SCORING
from microslip.study.summary import BANDS, COMPARED, UNSTEADY, convergence, exceedance, read_system
from microslip.study.systems import SYSTEMS_TABLE, earlier_failures, system_table
from microslip.study.transfers import read_transfers, transfers_by_system
from microslip.study.trends import SEEDS, packings_of, quantities_of, trends

# The file in a study's folder that a command holds while it runs systems; `LOCK` beside it is held to write.
HELD = ".study.lock"

COUNT_COLUMNS = ["system", "stress", "threshold", "n_stages", "stages_per_strain", "stages_per_strain_error"]
DURATION_COLUMNS = ["system", "stress", "unit", "duration", "fraction", "n_slips"]


@contextmanager
def study_folder(folder: Path, study: Study, whole: bool = True) -> Iterator[Path]:
    """Make a study's folder, or accept an existing one, keep the study's file there, and hold the folder.

    `whole`: for all systems of the study; commands for single ones may work beside each other.

    Raises
    ------
    MicroslipError
        The path is a file, or a folder with other content; or another command works there.
    """
    check_study_folder(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with only_one(folder, name=HELD, shared=not whole):
        with only_one(folder, wait=True):
            write_study(study, folder / STUDY_FILE)
        yield folder


def check_study_folder(folder: Path) -> None:
    """Refuse what is no study's folder; errors as in `study_folder`."""
    if folder.exists() and not folder.is_dir():
        raise MicroslipError(f"{folder} is a file: choose a folder with --into")
    others = [path for path in folder.iterdir() if path.name not in (LOCK, HELD)] if folder.is_dir() else []
    if others and not (folder / STUDY_FILE).exists():
        raise MicroslipError(f"{folder} is not a study's folder and is not empty: choose another one with --into")


def write_results(study: Study, folder: Path, say: Say, failures: Mapping[str, str] | None = None) -> None:
    """Sum up the finished systems: tables, figure and page in the study's folder; the others are named.

    Writes `systems.csv`, `summary.csv`, `drops.csv`, `counts.csv`, `durations.csv`, `trends.csv`, the figures of a
    study as PNG and PDF, and `report/index.html`; `packings.csv` where packings of other seeds are finished,
    `convergence.csv` where the study is one sequence of systems, and `agreement.csv` where it names a reference that is
    finished. `failures`: what went wrong in this command, by system; of others it stands in `systems.csv`.
    """
    # jobs of one study that end together take turns: the last one sees all
    with only_one(folder, wait=True):
        _write_results(study, folder, say, failures or {})


def _write_results(study: Study, folder: Path, say: Say, failures: Mapping[str, str]) -> None:
    from microslip.views.figures.families import N_POINTS
    from microslip.views.figures.registry import STUDY_FIGURES
    from microslip.views.figures.study_record import StudyTables
    from microslip.views.gallery import save_drawing
    from microslip.views.panels import thin_series
    from microslip.views.report.study_report import write_study_report

    rows, drops, curves_of, counts_of, durations_of, missing = [], [], [], [], [], {}
    states = {system.name: progress(system, study.steps, folder) for system in study.systems}
    reasons = earlier_failures(folder, states) | dict(failures)
    for number, system in enumerate(study.systems, start=1):
        state = states[system.name]
        if state != DONE:
            missing[system.name] = f"{state}: {reasons[system.name]}" if system.name in reasons else state
            continue
        run = Run(system.place(folder))
        current = [verb for verb in SCORING if is_current(verb, run.folder, system.config)]
        for verb, name in SCORING.items():
            if verb not in current and (run.folder / name).exists():
                where = quoted(run.folder)
                say(f"R² of {verb} left out, {run.folder / name} is out of date: run `microslip {verb} {where}`")
        try:
            row, sizes = read_system(run, system.config, current)
            row |= read_patterns(run, system.config.steady_sample(run.series["strain"].to_numpy()))
            counts, slips, slip_row = read_counts(run, system.config)
        except MicroslipError as problem:
            missing[system.name] = reasons[system.name] = str(problem)
            continue
        varied = {key: plain(study.value(system, key)) for key in study.varied}
        rows.append({"number": number, "system": system.name, **varied, **row, **slip_row})
        counts_of.append(counts.assign(system=system.name))
        durations_of.append(durations(slips).assign(system=system.name))
        drops.append(sizes.assign(system=system.name))
        steady = slice(system.config.steady_sample(run.series["strain"].to_numpy()), None)
        strain, stress = (values[steady].to_numpy() for values in (run.series["strain"], run.stress))
        thin = thin_series(strain, stress, N_POINTS)
        curves_of.append(pd.DataFrame({"system": system.name, "strain": thin[0], "stress": thin[1]}))
    for name, state in missing.items():
        say(f"left out: {name}, {state}")
    flows = {row["system"]: row["flow"] for row in rows}
    write_table(folder / SYSTEMS_TABLE, system_table(study, folder, states, reasons, flows))
    if not rows:
        say("no system is finished: nothing to sum up yet")
        return
    summary = pd.DataFrame(rows)
    curves = pd.concat(drops, ignore_index=True)[["system", "size", "fraction", "n_slips"]]
    families = family_table(study, summary)
    write_table(folder / "summary.csv", summary)
    write_table(folder / "drops.csv", curves)
    counts = pd.concat(counts_of, ignore_index=True)[COUNT_COLUMNS]
    write_table(folder / "counts.csv", counts)
    write_table(folder / "durations.csv", pd.concat(durations_of, ignore_index=True)[DURATION_COLUMNS])
    compared = None
    order = [name for name in study.families[0].systems if name in set(summary["system"])]
    # nothing is compared before the system is there that all are compared with
    if len(study.families) == 1 and len(order) > 1 and order[-1] == study.families[0].systems[-1]:
        compared = convergence(summary.set_index("system", drop=False).loc[order])
        write_table(folder / "convergence.csv", compared)
    else:
        (folder / "convergence.csv").unlink(missing_ok=True)
    reference = study.content.reference
    if reference in set(summary["system"]):
        slip_names = [name for name in summary if name.startswith(("slip_duration", "imbalance"))]
        slip_names = [name for name in slip_names if not name.endswith("_error")]
        values = pd.concat([measured(summary, [*COMPARED, *slip_names]), count_values(counts)], ignore_index=True)
        write_table(folder / "agreement.csv", agreement(values, str(reference)))
    else:
        (folder / "agreement.csv").unlink(missing_ok=True)
    _write_trends(study, folder, summary, families)
    tables = StudyTables(summary, curves, counts, pd.concat(curves_of, ignore_index=True), families)
    for figure in STUDY_FIGURES.values():
        save_drawing(figure.draw(tables), folder / "figures", figure.name)
    target, transfers = folder / "report" / "index.html", read_transfers(study, folder)
    write_study_report(
        target,
        folder=folder,
        settings=tomllib.loads((folder / STUDY_FILE).read_text(encoding="utf-8")),
        differences={system.name: system.describe() for system in study.systems},
        summary=summary,
        convergence=compared,
        missing=missing,
        transfers=None if transfers is None else transfers_by_system(transfers),
    )
    say(f"{len(rows)} of {len(study.systems)} systems in {folder / 'summary.csv'}; open {target} in a browser")


def _write_trends(study: Study, folder: Path, summary: pd.DataFrame, families: pd.DataFrame) -> None:
    """How numbers go with what varies; systems that band, or are not steady, carry no claim and are left out."""
    values, packings = quantities_of(summary[~summary["flow"].isin([BANDS, UNSTEADY])]), None
    seeds = [name for family in study.families if family.key == SEEDS for name in family.systems]
    if len(seeds) > 1:
        packings = packings_of(values, seeds)
        write_table(folder / "packings.csv", packings)
    else:
        (folder / "packings.csv").unlink(missing_ok=True)
    write_table(folder / "trends.csv", trends(values, families, packings))


def durations(slips: pd.DataFrame) -> pd.DataFrame:
    """Complementary cumulative distribution of the slips' durations in each stress: columns of durations.csv."""
    parts = [
        exceedance(part["duration"].to_numpy()).rename(columns={"size": "duration"}).assign(stress=stress, unit=unit)
        for (stress, unit), part in slips.groupby(["stress", "unit"])
    ]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=DURATION_COLUMNS)


def family_table(study: Study, summary: pd.DataFrame) -> pd.DataFrame:
    """One row per family and finished system: `family` (its key), `system`, `value` and `label`.

    The value is NaN where it is no number; systems that differ in their cell alone are told apart by their number of
    grains.
    """
    of_system = summary.set_index("system")
    rows = []
    for number, family in enumerate(study.families):
        members = [system for system in study.systems if system.name in family.systems]
        keys = {key for system in members for key in system.changes}
        only_cell = not family.key and all(key.startswith("cell.") for key in keys)
        values = dict(zip(family.systems, family.values or [None] * len(family.systems), strict=True))
        for name, value in values.items():
            if name not in of_system.index:
                continue
            if only_cell:
                value = int(of_system.loc[name, "n_grains"])
            number_like = isinstance(value, int | float) and not isinstance(value, bool)
            rows.append(
                {
                    "number": number,
                    "family": family.key or ("cell" if only_cell else ""),
                    "system": name,
                    "value": float(value) if number_like else float("nan"),
                    "label": written(value) if family.key else name,
                }
            )
    return pd.DataFrame(rows, columns=["number", "family", "system", "value", "label"])


def plain(value: Any) -> Any:
    """A setting as one cell of a table holds it."""
    return written(value) if isinstance(value, list | tuple) else value
