"""Run folders → one row per system, the sizes of slips, and each system against the last."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from microslip.config import Config
from microslip.core.errors import MicroslipError
from microslip.core.smoothing import Smoothing
from microslip.core.visible import quoted
from microslip.data.files import read_table
from microslip.data.run import Run
from microslip.dem.flow import read_flow
from microslip.events.stages import detect_stages, share_of_one_sample
from microslip.statistics.lengths import rows_of
from microslip.statistics.resampling import block_edges, cut, error_of_interval, group_by_block, jackknife
from microslip.study.scores import read_scores

# Swings of s that end a stage [p], and those at which slips are measured.
THRESHOLDS = {"1e-4": 1e-4, "3e-4": 3e-4, "1e-3": 1e-3, "3e-3": 3e-3}
SLIP_THRESHOLDS = ("1e-4", "1e-3")

# Points of a curve: the largest slips one by one, and ever fewer of the many small ones.
N_POINTS = 200

# What the flow of a system is; empty where its frames do not tell.
BANDS, UNSTEADY, HOMOGENEOUS, UNDECIDED = "bands", "not steady", "homogeneous", "not decided"

# What `convergence` compares.
COMPARED = (
    "stress",
    "stress_deviation",
    "solid_fraction",
    "normal_stress",
    *(f"stages_per_strain_{name}" for name in THRESHOLDS),
    *(f"{what}_{name}" for name in SLIP_THRESHOLDS for what in ("mean_slip", "slip_99")),
    "xi_stick",
    "xi_slip",
)


def summarise_series(
    series: Mapping[str, Float[np.ndarray, "sample"]],
    first_sample: int,
    smoothing: tuple[Smoothing, int] | None = None,
) -> dict[str, float]:
    """Means, deviations, stages per strain and sizes of slips of the steady state, each with its standard error.

    Parameters
    ----------
    series
        `strain`, `stress` [p], `normal_stress` [p] and `solid_fraction` of every sample, shape (sample,).
    first_sample
        Where the steady state begins.
    smoothing
        Causal filter before stages are searched for, as in `detect_stages`.

    Returns
    -------
    dict
        By column of the summary. Errors are those of the block jackknife, counts included: stages follow each other
        more regularly than chance, or in bursts, and a Poisson error knows of neither.

    Raises
    ------
    MicroslipError
        As in `detect_stages`.
    """
    strain = series["strain"]
    edges = block_edges(strain, first_sample)
    row: dict[str, float] = {
        "steady_strain": float(strain[-1] - strain[first_sample]),
        "n_blocks": len(edges) - 1,
    }

    def add(name: str, value_and_error: tuple[float, float]) -> None:
        row[name], row[f"{name}_error"] = value_and_error

    add("stress", jackknife(cut(series["stress"], edges), np.mean))
    add("stress_deviation", jackknife(cut(series["stress"], edges), np.std))
    add("solid_fraction", jackknife(cut(series["solid_fraction"], edges), np.mean))
    add("normal_stress", jackknife(cut(series["normal_stress"], edges), np.mean))
    # of the steady state alone: a warm-up at another rate has its samples at other strains
    samples_per_strain = (len(strain) - 1 - first_sample) / max(row["steady_strain"], np.finfo(float).tiny)
    widths = np.diff(edges)
    tables = {
        name: detect_stages(strain, series["stress"], threshold, smoothing, first_sample)
        for name, threshold in THRESHOLDS.items()
    }
    row["one_sample_1e-4"] = share_of_one_sample(tables["1e-4"])
    for name, table in tables.items():
        starts = table["start_sample"].to_numpy()
        counts = [len(block) for block in group_by_block(starts, starts, edges)]
        rates = [np.array([count / width]) for count, width in zip(counts, widths, strict=True)]
        _, error = jackknife(rates, np.mean)
        # blocks differ in length by a sample at most; the rate itself is that of the whole
        add(
            f"stages_per_strain_{name}",
            (len(table) / int(widths.sum()) * samples_per_strain, error * samples_per_strain),
        )
    for name in SLIP_THRESHOLDS:
        slips = tables[name][tables[name]["kind"] == "slip"]
        sizes = group_by_block(slips["fluctuation"].to_numpy(), slips["start_sample"].to_numpy(), edges)
        row[f"n_slips_{name}"] = len(slips)
        add(f"mean_slip_{name}", jackknife(sizes, np.mean))
        add(f"slip_99_{name}", jackknife(sizes, _percentile_99))
    return row


def _percentile_99(values: np.ndarray) -> float:
    return float(np.quantile(values, 0.99))


def slip_sizes(
    strain: Float[np.ndarray, "sample"],
    stress: Float[np.ndarray, "sample"],
    first_sample: int = 0,
    smoothing: tuple[Smoothing, int] | None = None,
) -> pd.DataFrame:
    """Complementary cumulative distribution of the sizes of slips at the smallest threshold.

    Returns
    -------
    DataFrame
        `size` [p], rising; `fraction` of the slips that are as large or larger; `n_slips`, their number. At most 200
        points: every one of the largest slips, and fewer of the smaller ones.
    """
    table = detect_stages(strain, stress, min(THRESHOLDS.values()), smoothing, first_sample)
    return exceedance(table.loc[table["kind"] == "slip", "fluctuation"].to_numpy())


def exceedance(sizes: Float[np.ndarray, "slip"]) -> pd.DataFrame:
    """Columns `size`, `fraction` and `n_slips` as in `slip_sizes`, from sizes of shape (slip,) [p]."""
    falling = np.sort(sizes)[::-1]
    n = len(falling)
    rank = np.unique(np.geomspace(1, n, min(n, N_POINTS)).round().astype(int))[::-1] if n else np.empty(0, dtype=int)
    # equal sizes are all as large as the last of them
    count = np.searchsorted(-falling, -falling[rank - 1], side="right") if n else rank
    return pd.DataFrame({"size": falling[rank - 1], "fraction": count / max(n, 1), "n_slips": count})


def read_system(run: Run, config: Config, current: Collection[str]) -> tuple[dict[str, Any], pd.DataFrame]:
    """A row of the summary, and the sizes of slips, of a run folder; `current` as of `read_scores`.

    Raises
    ------
    MicroslipError
        A store is missing or unreadable, or the simulation has not reached its strain.
    """
    attributes, samples = run.attributes, run.series
    if samples.sizes["sample"] < (n_samples := config.simulation.n_samples):
        raise MicroslipError(
            f"{run.folder} is simulated to {samples.sizes['sample']} of {n_samples} samples:"
            f" run `microslip simulate {quoted(run.folder)}`"
        )
    names = ("strain", "stress", "normal_stress", "solid_fraction")
    # the stress of the stages, in whichever of the two they were looked for
    series = {name: samples[name].to_numpy() for name in names} | {"stress": run.stress.to_numpy()}
    smoothing = config.stage_smoothing
    simulated = run.provenance["steps"].get("simulate", {})
    first = config.steady_sample(series["strain"])
    row: dict[str, Any] = {
        "n_grains": run.grains.sizes["grain"],
        "inertial_number": attributes.get("inertial_number", np.nan),
        "stiffness_number": attributes.get("stiffness_number", np.nan),
        "timestep": attributes.get("timestep", np.nan),
        **summarise_series(series, first, smoothing),
        **_flow(run, first, config),
        **_lengths(run, config.bootstrap.confidence),
        **read_scores(run, current),
        "simulation_seconds": simulated.get("seconds", np.nan),
        "grain_steps_per_second": simulated.get("grain_steps_per_second", np.nan),
    }
    return row, slip_sizes(series["strain"], series["stress"], first, smoothing)


def _flow(run: Run, first_sample: int, config: Config) -> dict[str, Any]:
    """What the flow is, the extremes of its profiles, and the drift of the solid fraction in 0.1 of strain."""
    flow = read_flow(run, first_sample, config.clusters.fraction, config.nonaffine.cutoff)
    names = ("departure", "least_quarter", "most_quarter", "drift", "drift_error")
    if flow is None:
        return {"flow": "", **dict.fromkeys(names, np.nan)}
    answers = [flow.numbers[name] for name in ("homogeneous", "steady")]
    kind = HOMOGENEOUS if answers == ["yes", "yes"] else UNDECIDED
    if "no" in answers:
        kind = BANDS if answers[0] == "no" else UNSTEADY
    return {"flow": kind, **{name: float(flow.numbers[name]) for name in names}}


def _lengths(run: Run, confidence: float) -> dict[str, float]:
    """ξ of all sticks and of all slips with its interval and the error that belongs to it; NaN where there is none."""
    path = run.folder / "statistics" / "correlation_length.csv"
    table = read_table(path, ["kind", "by"]) if path.exists() else pd.DataFrame(columns=["kind", "by"])
    lengths: dict[str, float] = {}
    for kind in ("stick", "slip"):
        rows = rows_of(table[(table["by"] == "kind") & (table["kind"] == kind)])
        # a table without any ξ has no such columns
        xi, low, high = (
            float(rows[name].iloc[0]) if len(rows) and name in rows else np.nan for name in ("xi", "xi_low", "xi_high")
        )
        lengths |= {
            f"xi_{kind}": xi,
            f"xi_{kind}_low": low,
            f"xi_{kind}_high": high,
            f"xi_{kind}_error": error_of_interval(low, high, confidence),
        }
    return lengths


def convergence(summary: pd.DataFrame) -> pd.DataFrame:
    """Every quantity of every system against that of the last one.

    Parameters
    ----------
    summary
        One row per system, with its name in `system`, in the order of the study.

    Returns
    -------
    DataFrame
        quantity, system, value, last (the last system's value), difference (value − last), standard_error (of the
        difference, errors of both added in squares) and within_two_errors, yes or no, empty where an error is not
        known; a quantity that the last system lacks is left out.
    """
    rows = []
    reference = summary.iloc[-1]
    for quantity in COMPARED:
        if quantity not in summary or not np.isfinite(reference[quantity]):
            continue
        for system in summary.iloc[:-1].to_dict("records"):
            difference = system[quantity] - reference[quantity]
            error = float(np.hypot(system[f"{quantity}_error"], reference[f"{quantity}_error"]))
            comparable = np.isfinite(difference) and np.isfinite(error)
            rows.append(
                {
                    "quantity": quantity,
                    "system": system["system"],
                    "value": system[quantity],
                    "last": reference[quantity],
                    "difference": difference,
                    "standard_error": error,
                    "within_two_errors": ("yes" if abs(difference) <= 2 * error else "no") if comparable else "",
                }
            )
    columns = ["quantity", "system", "value", "last", "difference", "standard_error", "within_two_errors"]
    return pd.DataFrame(rows, columns=columns)
