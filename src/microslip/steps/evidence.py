"""The tables of the statistics: what the passes over the stages measured, by size of the fluctuation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from microslip.config import Config
from microslip.core.errors import MicroslipError
from microslip.data.files import write_json, write_table
from microslip.data.run import Run
from microslip.data.store import open_dataset
from microslip.statistics.bins import bin_stages
from microslip.statistics.exponential import fit_tails
from microslip.statistics.lengths import curve_sums, fit_length, mean_curve
from microslip.statistics.ornstein_zernike import OrnsteinZernike, correlation_length_sensitivity
from microslip.statistics.pair_correlation import find_minima, pair_correlation
from microslip.statistics.power_law import fit_power_law
from microslip.statistics.tables import (
    contrast_kinds,
    density,
    evolution,
    group_sums,
    judge_claims,
    membership,
    of_single_stages,
    quantities,
)
from microslip.steps.common import Say
from microslip.steps.frames import read_frames

# Stages whose wide rows are read at a time.
STAGES_AT_A_TIME = 512

# Choices that ξ is tried with, besides the settings' own.
EXPONENTS = (0.0, 0.5, 1.0)
FIT_STARTS = (1.0, 1.5, 2.0)


def energy_scale(run: Run, config: Config) -> np.ndarray:
    """⟨|ΔE|⟩ over all grains of the stages in each stage's bin [p d̄³], shape (stage,); NaN in no bin or unknown."""
    groups = bin_stages(run.stages, config.correlation.n_bins)
    sizes = open_dataset(run.folder / "statistics" / "clusters.zarr")["abs_delta_energy_all"].to_numpy()
    scale = np.full(len(run.stages), np.nan)
    for members in groups.loc[groups["by"] == "bin", "members"]:
        if np.isfinite(sizes[members]).any():
            scale[members] = np.nanmean(sizes[members])
    return scale


def write_tables(run: Run, config: Config, edges: np.ndarray, say: Say) -> None:
    """Every table of `statistics/`."""
    stages, target = run.stages, run.folder / "statistics"
    groups = bin_stages(stages, config.correlation.n_bins)
    if groups.empty:
        raise MicroslipError("no stage changes the stress, as far as it is known: there is nothing to sort by size")
    n_grouped = int(groups.loc[groups["by"] == "kind", "n_stages"].sum())
    if n_grouped < len(stages):
        say(
            f"{len(stages) - n_grouped} of {len(stages)} stages are in no group: no change of the stress is known of"
            " them"
        )
    clusters = open_dataset(target / "clusters.zarr")
    narrow = [str(name) for name in clusters.data_vars if clusters[name].dims[1:] in ((), ("moment",))]
    per_stage = {name: clusters[name].to_numpy() for name in narrow}
    correlation = open_dataset(target / "correlation.zarr")
    per_stage["correlation"] = correlation["correlation"].to_numpy()
    r = correlation["r"].to_numpy()
    followed = quantities(per_stage, r, config.correlation, config.clusters.smallest)
    table, samples = evolution(groups, len(stages), followed, config.bootstrap)
    write_correlations(run, config, groups, r, per_stage["correlation"], table, say)
    write_pair_correlation(run, config, say)
    write_clusters(run, config, groups, clusters)
    write_distributions(run, groups)
    single = stages[["stage", "cycle", "kind", "strain_increment", "fluctuation"]]
    values = of_single_stages(followed)
    write_table(target / "stages.csv", single.assign(below_floor=run.fields["below_floor"].to_numpy(), **values))
    write_table(target / "evolution.csv", table)
    claims = judge_claims(table, samples, config.bootstrap.confidence)
    contrasts = contrast_kinds(stages, values, table, samples, config.bootstrap.confidence)
    write_table(target / "claims.csv", claims)
    write_table(target / "contrasts.csv", contrasts)
    for row in claims.to_dict("records"):
        change = f": {row['slope']:+.3g} a decade [{row['slope_low']:.3g}, {row['slope_high']:.3g}]"
        said = change if np.isfinite(row["slope"]) else ""
        say(f"{row['quantity'].replace('_', ' ')} {row['claim']} in {row['kind']}s? {row['verdict']}{said}")
    for row in contrasts.to_dict("records"):
        said = f": {row['stick']:.4g} and {row['slip']:.4g}" if row["verdict"] != "not measured" else ""
        say(f"{row['quantity'].replace('_', ' ')} {row['claim']} than in sticks? {row['verdict']}{said}")


def write_correlations(
    run: Run,
    config: Config,
    groups: pd.DataFrame,
    r: np.ndarray,
    per_stage: np.ndarray,
    evolving: pd.DataFrame,
    say: Say,
) -> None:
    """C(r) and ξ by group, and how ξ moves with exponent and range; intervals of ξ are those of `evolving`."""
    settings, target = config.correlation, run.folder / "statistics"
    means = mean_curve(group_sums(curve_sums(per_stage), membership(groups, len(per_stage))))
    drawn = evolving[evolving["quantity"] == "xi"].set_index("group")
    exponents, starts = sorted({*EXPONENTS, settings.exponent}), sorted({*FIT_STARTS, settings.fit_from})
    far = (float(r[-1]), float(r[-1]) / 2)
    curves, lengths, sensitivity = [], [], []
    for group, mean in zip(groups.to_dict("records"), means, strict=True):
        members = per_stage[group.pop("members")]
        # nearer than two grains can be, bins hold no pair in any stage
        known = np.isfinite(mean)
        error = np.full(len(r), np.nan)
        if len(members) > 1:
            error[known] = np.nanstd(members[:, known], axis=0) / np.sqrt(np.isfinite(members[:, known]).sum(axis=0))
        curves.append(pd.DataFrame({**group, "r": r, "correlation": mean, "standard_error": error}))
        interval = {f"xi_{end}": drawn.at[group["group"], f"value_{end}"] for end in ("low", "high")}
        try:
            fit = fit_length(r, mean, settings)
        except MicroslipError as reason:
            lengths.append({**group, "reason": str(reason)})
        else:
            lengths.append({**group, "xi": fit.xi, **interval, **_of_the_fit(fit)})
        tried = correlation_length_sensitivity(r, mean, None, exponents, starts, far)
        sensitivity.append(pd.DataFrame([group] * len(tried)).assign(**tried))
    write_table(target / "correlation.csv", pd.concat(curves, ignore_index=True))
    table = pd.DataFrame(lengths)
    write_table(target / "correlation_length.csv", table)
    write_table(target / "correlation_sensitivity.csv", pd.concat(sensitivity, ignore_index=True))
    for row in table[table["by"] == "kind"].to_dict("records"):
        if not np.isfinite(row.get("xi", np.nan)):
            say(f"{row['kind']}: no ξ, {row['reason']}")
        elif np.isfinite(row["xi_low"]):
            say(f"{row['kind']}: ξ = {row['xi']:.2f} d̄ [{row['xi_low']:.2f}, {row['xi_high']:.2f}]")
        else:
            say(
                f"{row['kind']}: ξ = {row['xi']:.2f} d̄, from too few blocks of stages, or too few fits, for an interval"
            )


def _of_the_fit(fit: OrnsteinZernike) -> dict[str, float]:
    """The fit of a ξ as columns; its own interval, which knows nothing of the sampling of stages, beside the other."""
    return {
        "fit_low": fit.xi_low,
        "fit_high": fit.xi_high,
        "amplitude": fit.amplitude,
        "exponent": fit.exponent,
        "r_min": fit.r_min,
        "r_max": fit.r_max,
    }


def write_pair_correlation(run: Run, config: Config, say: Say) -> None:
    """g(r) of the bulk grains, averaged over evenly spaced frames, and its minima."""
    settings, target = config.correlation, run.folder / "statistics"
    if not run.box.repeats_across:
        say("no g(r): it is normalised for cells that repeat in x and y")
        return
    starts = run.stages["start_frame"].to_numpy()
    spread = np.linspace(0, len(starts) - 1, min(settings.pair_frames, len(starts))).round().astype(int)
    chosen = np.unique(starts[spread])
    bulk = run.grains["kind"].to_numpy() == 0
    found = []
    for frame in chosen:
        position, box = (
            read_frames(run.frames["position"], np.array([frame]))[int(frame)][bulk],
            run.box_at(int(frame)),
        )
        position = position[np.isfinite(position).all(axis=1)]
        farthest = min(settings.farthest, box.half_period, float(np.ptp(position[:, 2])))
        n_bins = int(farthest / settings.pair_bin_width + 1e-9)
        found.append(pair_correlation(position, box, np.arange(n_bins + 1) * settings.pair_bin_width))
    n_bins = min(len(one.r) for one in found)
    r, g = found[0].r[:n_bins], np.mean([one.g[:n_bins] for one in found], axis=0)
    first, second = find_minima(r, g)
    write_table(target / "pair_correlation.csv", pd.DataFrame({"r": r, "g": g}))
    about = {"frames": len(chosen), "bin_width": settings.pair_bin_width, "peak": float(r[int(np.argmax(g))])}
    write_json(target / "pair_correlation.json", {**about, "first_minimum": first, "second_minimum": second})
    say(f"g(r): first minimum at {first:.2f} d̄, second at {second:.2f} d̄")


def _wide_rows(dataset: xr.Dataset, names: list[str]) -> Iterator[tuple[slice, dict[str, np.ndarray]]]:
    """Rows of wide arrays, some stages at a time."""
    n_stages = dataset.sizes["stage"]
    for start in range(0, n_stages, STAGES_AT_A_TIME):
        batch = slice(start, min(start + STAGES_AT_A_TIME, n_stages))
        yield batch, {name: dataset[name][batch].to_numpy() for name in names}


def write_clusters(run: Run, config: Config, groups: pd.DataFrame, clusters: xr.Dataset) -> None:
    """Cluster sizes with their power law, and radii, by group."""
    target, smallest = run.folder / "statistics", config.clusters.smallest
    n_active, member = clusters.sizes["cluster"], membership(groups, clusters.sizes["stage"])
    counts = np.zeros((len(groups), n_active + 1), dtype=np.int64)
    log_radius = np.zeros((2, len(groups), n_active + 1))
    measured = np.zeros_like(counts)
    for batch, rows in _wide_rows(clusters, ["size", "radius"]):
        for number in range(len(groups)):
            mine = member[batch, number] > 0
            size, radius = rows["size"][mine].ravel(), rows["radius"][mine].ravel()
            counts[number] += np.bincount(size, minlength=n_active + 1)
            shaped = (size > 1) & (radius > 0)
            logs = np.log(radius[shaped].astype(float))
            measured[number] += np.bincount(size[shaped], minlength=n_active + 1)
            log_radius[0, number] += np.bincount(size[shaped], logs, n_active + 1)
            log_radius[1, number] += np.bincount(size[shaped], logs**2, n_active + 1)
    counts[:, 0] = 0  # not clusters, but the empty ends of the rows
    sizes, laws = [], []
    for number, group in enumerate(groups.drop(columns="members").to_dict("records")):
        present = np.flatnonzero(counts[number])
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = log_radius[0, number] / measured[number]
            spread = np.sqrt(np.maximum(log_radius[1, number] / measured[number] - mean**2, 0))
        sizes.append(
            pd.DataFrame(
                {
                    **group,
                    "size": present,
                    "n_clusters": counts[number, present],
                    "probability": counts[number, present] / counts[number].sum(),
                    "n_shaped": measured[number, present],
                    "radius": np.exp(mean[present]),
                    "log_radius_deviation": spread[present],
                }
            )
        )
        for x_min in (None, smallest):
            row: dict[str, Any] = {**group, "x_min_rule": "searched" if x_min is None else "fixed", "reason": ""}
            try:
                law = fit_power_law(present, counts[number, present], x_min)
            except MicroslipError as reason:
                laws.append({**row, "reason": str(reason)})
                continue
            laws.append(
                {
                    **row,
                    "eta": law.exponent,
                    "standard_error": law.standard_error,
                    "x_min": law.smallest,
                    "n_tail": law.n_tail,
                    "ks_distance": law.distance,
                    "log_log_eta": law.log_log_exponent,
                    "lognormal_ratio": law.against_lognormal.ratio,
                    "lognormal_p_value": law.against_lognormal.p_value,
                    "truncated_ratio": law.against_truncated.ratio,
                    "truncated_p_value": law.against_truncated.p_value,
                    "truncated_exponent": law.truncated_exponent,
                    "truncated_rate": law.truncated_rate,
                }
            )
    write_table(target / "cluster_sizes.csv", pd.concat(sizes, ignore_index=True))
    write_table(target / "power_law.csv", pd.DataFrame(laws))


def write_distributions(run: Run, groups: pd.DataFrame) -> None:
    """Densities of ΔE and φ_local by group, of active and of all grains, and the exponential tails of the first."""
    target = run.folder / "statistics"
    dataset = open_dataset(target / "distributions.zarr")
    member = membership(groups, dataset.sizes["stage"])
    names = [str(name) for name in dataset.data_vars]
    sums = {name: np.zeros((len(groups), dataset[name].shape[1])) for name in names}
    for batch, rows in _wide_rows(dataset, names):
        for name in names:
            sums[name] += member[batch].T @ rows[name]
    curves: dict[str, list[pd.DataFrame]] = {"energy": [], "packing": []}
    tails = []
    for number, group in enumerate(groups.drop(columns="members").to_dict("records")):
        for which in ("all", "active"):
            for name, tables in curves.items():
                counts = sums[f"{name}_{which}"][number]
                if counts.sum() == 0:
                    continue
                edges = np.array(dataset.attrs[f"{name}_edges"])
                value, error = density(counts, edges)
                about = {**group, "grains": which, "x": (edges[:-1] + edges[1:]) / 2, "n": counts.astype(int)}
                tables.append(pd.DataFrame({**about, "density": value, "standard_error": error}))
            row = {**group, "grains": which}
            try:
                both = fit_tails(sums[f"tails_{which}"][number])
            except MicroslipError as reason:
                tails.append({**row, "reason": str(reason)})
                continue
            tails += [{**row, "side": side, **vars(tail)} for side, tail in zip(("gain", "loss"), both, strict=True)]
    for name, tables in curves.items():
        if tables:
            write_table(target / f"{name}_density.csv", pd.concat(tables, ignore_index=True))
    write_table(target / "energy_tails.csv", pd.DataFrame(tails))
