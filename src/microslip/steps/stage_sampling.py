"""The number of stages of a run against threshold and sampling; nothing of the run is changed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from microslip.config import Config
from microslip.core.errors import MicroslipError
from microslip.data.files import write_table
from microslip.data.run import Run
from microslip.data.stage_stress import MEASURES, SERIES_STRESS, VOLUME, StressMeasure
from microslip.events.sampling import DECKS_SAMPLING, PAPER_STAGES, PAPER_THRESHOLD, count_stages, matching_threshold
from microslip.steps.common import Advance
from microslip.steps.stages import has_walls, stress_of_stages


def stage_sampling(run: Run, config: Config, advance: Advance, into: Path | None = None) -> list[str]:
    """Lines of a table for each stress that the run knows, that of the stages first; the rows also as CSV.

    Raises
    ------
    MicroslipError
        The run knows no stress, or not the one asked for, or has too few samples in its steady state.
    """
    series = run.series
    strain = series["strain"].to_numpy()
    used = stress_of_stages(run, config)
    measures = [each for each in (used, _other(used, run, config)) if each is not None and _known(series, each.column)]
    if not measures:
        raise MicroslipError(f"{run.folder} knows no stress, so it has no stages to count")
    lines: list[str] = []
    tables = []
    for number, measure in enumerate(measures):
        stress = series[measure.column].to_numpy()
        finite = np.isfinite(stress)

        def part(done: int, total: int, number: int = number) -> None:
            advance(number * total + done, len(measures) * total)

        # the samples of an imported run that have no stress are none of its series, as where its stages are found
        begin = (
            int(finite[: config.steady_sample(strain)].sum())
            if config.source is None
            else config.steady_sample(strain[finite])
        )
        table = count_stages(
            strain[finite], stress[finite], smoothing=config.stage_smoothing, first_sample=begin, advance=part
        )
        mark = " (that of the stages)" if measure is used else ""
        looked_at = float(strain[finite][-1] - strain[finite][begin])
        lines += [
            "",
            f"{measure.title}{mark}: stages in a strain of {looked_at:.4g}, and per unit strain",
            *_lines(table),
        ]
        lines += ["", *_beside_the_paper(table)]
        table.insert(0, "stress", measure.whose)
        tables.append(table)
    if into is not None:
        write_table(into, pd.concat(tables, ignore_index=True))
        lines += ["", f"rows → {into}"]
    return lines[1:]


def _other(used: StressMeasure, run: Run, config: Config) -> StressMeasure | None:
    """The stress in which the stages are not looked for; None where it would be that of walls the cell lacks."""
    if used is not VOLUME:
        return VOLUME
    if config.source is not None:
        return SERIES_STRESS
    return MEASURES["walls"] if has_walls(run) else None


def _known(series: object, column: str) -> bool:
    return column in series and bool(np.isfinite(series[column].to_numpy()).any())  # type: ignore[operator,index]


def _lines(table: pd.DataFrame) -> list[str]:
    """A row per sampling, a column per threshold: stages, and stages per unit strain."""
    thresholds = table["threshold"].unique()
    head = f"{'sampled every':>14} |" + "".join(f"{f'{each:.0e} p':>18}" for each in thresholds)
    lines = [head.replace("e-0", "e-"), "-" * len(head)]
    for _, rows in table.groupby("stride", sort=True):
        sampling = rows["sampling"].iloc[0]
        mark = "*" if np.isclose(sampling, DECKS_SAMPLING, rtol=0.05) else " "
        cells = (f"{n:,} · {rate:,.0f}" for n, rate in zip(rows["n_stages"], rows["stages_per_strain"], strict=True))
        lines.append(f"{f'{sampling:.2g}':>13}{mark} |" + "".join(f"{cell:>18}" for cell in cells))
    return [
        *lines,
        f"cycles are half as many; * sampled every {DECKS_SAMPLING:g} of strain, as by the authors' earlier decks",
    ]


def _beside_the_paper(table: pd.DataFrame) -> list[str]:
    """At which threshold a unit of strain has as many stages as the paper counts, for each sampling."""
    lines = [
        f"the paper counts {PAPER_STAGES // 2:,} cycles, {PAPER_STAGES:,} stages, above {PAPER_THRESHOLD:g} p, and"
        " gives no strain; if that was a unit of strain, this run has as many"
    ]
    for _, rows in table.groupby("stride", sort=True):
        sampling, rates = rows["sampling"].iloc[0], rows["stages_per_strain"].to_numpy()
        threshold = matching_threshold(rows["threshold"].to_numpy(), rates, PAPER_STAGES)
        mark = "*" if np.isclose(sampling, DECKS_SAMPLING, rtol=0.05) else " "
        where = f"at a threshold of {threshold:.2g} p"
        if np.isnan(threshold):
            where = f"at no threshold: {rates.max():,.0f} at most" if rates[0] < PAPER_STAGES else "above 0.01 p"
        strain = f"{PAPER_STAGES / rates[0]:.3g} of strain" if rates[0] > 0 else "no strain"
        at = f"{rows['threshold'].iloc[0]:g} p"
        lines.append(f"{f'{sampling:.2g}':>13}{mark} | {where}; above {at} in {strain}")
    return lines
