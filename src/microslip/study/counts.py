"""Stages per strain by size, in the stress of the volume and of the walls, and the sizes and durations of slips."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from jaxtyping import Float

from microslip.config import Config
from microslip.core.smoothing import Smoothing
from microslip.data.run import Run
from microslip.data.stage_stress import MEASURES, WALLS
from microslip.events.stages import detect_stages
from microslip.events.time import times
from microslip.statistics.resampling import block_edges, cut, group_by_block, jackknife

# Swings of s that end a stage [p].
SIZES = {"1e-5": 1e-5, "3e-5": 3e-5, "1e-4": 1e-4, "3e-4": 3e-4, "1e-3": 1e-3, "3e-3": 3e-3, "1e-2": 1e-2}

# The threshold at which slips are measured: as that of drops.csv.
SLIP_SIZE = "1e-4"


def known_stresses(series: Mapping[str, Float[np.ndarray, "sample"]]) -> dict[str, Float[np.ndarray, "sample"]]:
    """The stresses that are known in every sample, by `volume` and `walls`; a cell without walls has the former."""
    without_walls = "stress_bottom" in series and not np.isfinite(series["stress_bottom"]).any()
    return {
        name: series[measure.column]
        for name, measure in MEASURES.items()
        if _is_known(series, measure.column) and not (measure is WALLS and without_walls)
    }


def _is_known(series: Mapping[str, Float[np.ndarray, "sample"]], column: str) -> bool:
    return column in series and bool(np.isfinite(series[column]).all())


def count_stages(
    strain: Float[np.ndarray, "sample"],
    stress: Float[np.ndarray, "sample"],
    first_sample: int = 0,
    smoothing: tuple[Smoothing, int] | None = None,
) -> pd.DataFrame:
    """Stages per unit of strain above each size, in the steady state.

    Returns
    -------
    DataFrame
        threshold [p], n_stages, stages_per_strain and stages_per_strain_error, the standard error of the jackknife over
        blocks of strain; NaN where the strain does not suffice for blocks.
    """
    edges = block_edges(strain, first_sample)
    last_sample = len(strain) - 1
    spans = np.diff(strain[np.minimum(edges, last_sample)])
    rows = []
    for threshold in SIZES.values():
        starts = detect_stages(strain, stress, threshold, smoothing, first_sample)["start_sample"].to_numpy()
        blocks = group_by_block(starts, starts, edges)
        rates = [np.array([len(block) / span]) for block, span in zip(blocks, spans, strict=True)]
        rows.append(
            {
                "threshold": threshold,
                "n_stages": len(starts),
                "stages_per_strain": len(starts) / float(strain[-1] - strain[first_sample]),
                "stages_per_strain_error": jackknife(rates, np.mean)[1],
            }
        )
    return pd.DataFrame(rows)


def slip_durations(
    strain: Float[np.ndarray, "sample"],
    stress: Float[np.ndarray, "sample"],
    clock: Float[np.ndarray, "sample"],
    first_sample: int = 0,
    smoothing: tuple[Smoothing, int] | None = None,
) -> pd.DataFrame:
    """Size [p] and duration, in the unit of the clock, of every slip above 1e-4 p, and the sample where it begins."""
    table = detect_stages(strain, stress, SIZES[SLIP_SIZE], smoothing, first_sample)
    slips = table[table["kind"] == "slip"]
    start, end = slips["start_sample"].to_numpy(), slips["end_sample"].to_numpy()
    return pd.DataFrame(
        {"start_sample": start, "size": slips["fluctuation"].to_numpy(), "duration": clock[end] - clock[start]}
    )


def read_counts(run: Run, config: Config) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, float]]:
    """As `measure_counts`, of a run folder's steady state; errors as in `read_system`."""
    samples = run.series
    names = ("strain", "stress", "stress_volume", "stress_bottom", "stress_top", "shear_rate")
    series = {name: samples[name].to_numpy() for name in names if name in samples}
    return measure_counts(series, config.steady_sample(series["strain"]), config.stage_smoothing)


def count_values(counts: pd.DataFrame) -> pd.DataFrame:
    """Rows of counts.csv as `agreement` takes them: quantity, system, value, error."""
    names = {threshold: name for name, threshold in SIZES.items()}
    quantity = [
        f"stages_per_strain_{names[threshold]}_{stress}"
        for threshold, stress in zip(counts["threshold"], counts["stress"], strict=True)
    ]
    return pd.DataFrame(
        {
            "quantity": quantity,
            "system": counts["system"],
            "value": counts["stages_per_strain"],
            "error": counts["stages_per_strain_error"],
        }
    )


def measure_counts(
    series: Mapping[str, Float[np.ndarray, "sample"]],
    first_sample: int,
    smoothing: tuple[Smoothing, int] | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, float]]:
    """What counts.csv, durations.csv and the summary hold of one system.

    Parameters
    ----------
    series
        `strain`, `stress`, and where they are known `stress_volume`, `stress_bottom`, `stress_top` [p] and
        `shear_rate` [1/s], shapes (sample,).
    first_sample
        Where the steady state begins.

    Returns
    -------
    tuple
        Table of `count_stages` with the column `stress` (volume or walls); table of the slips of `slip_durations` with
        `stress` and `unit` of the duration, s where the rate is known and strain elsewhere; mean size and duration of
        slips and rms of the walls' imbalance (half the difference of their stresses), each with its error.
    """
    strain = series["strain"]
    rate = series.get("shear_rate", np.full(len(strain), np.nan))
    in_time = bool(np.isfinite(rate[first_sample:]).all() and (rate[first_sample:] > 0).all())
    clock = strain
    if in_time:
        clock = np.full(len(strain), np.nan)
        clock[first_sample:] = times(strain[first_sample:], rate[first_sample:])
    unit = "s" if in_time else "strain"
    edges = block_edges(strain, first_sample)
    counts, slips_of = [], []
    row: dict[str, float] = {}
    for name, stress in known_stresses(series).items():
        counts.append(count_stages(strain, stress, first_sample, smoothing).assign(stress=name))
        slips = slip_durations(strain, stress, clock, first_sample, smoothing)
        slips_of.append(slips.assign(stress=name, unit=unit))
        for what, column in ((f"mean_slip_{SLIP_SIZE}", "size"), (f"slip_duration_{unit}", "duration")):
            blocks = group_by_block(slips[column].to_numpy(), slips["start_sample"].to_numpy(), edges)
            value, error = jackknife(blocks, np.mean)
            row |= {f"{what}_{name}": value, f"{what}_{name}_error": error}
    half = (
        (series["stress_top"] - series["stress_bottom"]) / 2 if "stress_top" in series else np.full(len(strain), np.nan)
    )
    value, error = jackknife(cut(half, edges), _root_mean_square)
    row |= {"imbalance_rms": value, "imbalance_rms_error": error}
    no_counts = pd.DataFrame(
        columns=["threshold", "n_stages", "stages_per_strain", "stages_per_strain_error", "stress"]
    )
    no_slips = pd.DataFrame(columns=["start_sample", "size", "duration", "stress", "unit"])
    return (
        pd.concat(counts, ignore_index=True) if counts else no_counts,
        pd.concat(slips_of, ignore_index=True) if slips_of else no_slips,
        row,
    )


def _root_mean_square(values: Float[np.ndarray, "sample"]) -> float:
    return float(np.sqrt(np.mean(values**2)))
