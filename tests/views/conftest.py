"""A small run folder with every store, its contents known and seeded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from microslip import Box, artificial
from microslip.data.files import write_json, write_table
from microslip.data.run import Run
from microslip.data.store import add_array, create_store
from microslip.learn.evaluate import calibration, error_histogram, sign_by_size, size_edges
from microslip.learn.lines import line_predictions, score_lines, size_lines

N_STAGES, N_GRAINS = 40, 60
BOX = (6.0, 4.0, 5.0)
SHAPE = (6, 4, 5)
INERTIAL_NUMBER = 3.4e-4


def write_run(folder: Path, rng: np.random.Generator) -> None:
    """Sawtooth stress that falls first, one frame per turning point."""
    attributes = {
        "config": {
            "seed": 7,
            "loading": {"pressure": 1e7, "shear_rate": 10.0, "strain": 0.41, "warm_up": 0.01},
            "recording": {"strain_step": 1e-3},
        },
        "seed": 7,
        "versions": {"numpy": "9.8.7"},
        "inertial_number": INERTIAL_NUMBER,
        "stiffness_number": 364.0,
        "timestep": 1e-7,
        "timestep_over_rayleigh_time": 0.22,
    }
    sample, turning = np.arange(10 * (N_STAGES + 1)), 10 * np.arange(N_STAGES + 1)
    strain, stress = 1e-3 * sample, 0.3 + 0.001 * np.abs((sample / 10) % 2 - 1)
    kind, diameter = np.repeat([0, 1, 2], [N_GRAINS - 20, 10, 10]), rng.uniform(0.8, 1.2, N_GRAINS)
    position = rng.uniform(0, 1, (N_STAGES + 1, N_GRAINS, 3)) * BOX
    position[:, kind == 1, 2], position[:, kind == 2, 2] = -0.5, BOX[2] + 0.5
    grains = artificial.Packing(position[0], diameter, kind, Box(BOX))
    series = {"strain": strain, "stress": stress}
    artificial.write_trajectory(folder, grains, series, turning, position, attributes=attributes)
    write_table(folder / "stages.csv", artificial.stage_table(turning, strain[turning], stress[turning]))


def write_fields(folder: Path, rng: np.random.Generator) -> None:
    """Log-normal D²min of grains and nodes, walls without."""
    d2min, change = np.exp(rng.normal(-12, 1, (N_STAGES, N_GRAINS))), rng.normal(0, 0.1, (N_STAGES, N_GRAINS))
    d2min[:, -20:] = change[:, -20:] = np.nan
    artificial.write_fields(folder, {"d2min": d2min, "delta_sigma1": change})
    voxels = create_store(folder / "voxels.zarr", {})
    nodes = np.exp(rng.normal(-12, 1, (N_STAGES, *SHAPE)))
    nodes[:, 0, 0, 0] = 0.0
    add_array(voxels, "d2min", ("stage", "x", "y", "z"), nodes.shape, "f4", "d̄²", "")[:] = nodes
    for axis, n in zip("xyz", SHAPE, strict=True):
        add_array(voxels, axis, (axis,), (n,), "f8", "d̄", "")[:] = np.arange(n) + 0.5


def write_statistics(folder: Path) -> None:
    """C(r) of known ξ: 1.5 for sticks, 2.5 for slips."""
    r = np.arange(1.0, 3.0, 0.25)
    curves, lengths = [], []
    for kind, sign in (("stick", -1), ("slip", 1)):
        xi = XI[kind]
        for by, size in (("kind", 1e-3), ("bin", 5e-4), ("bin", 5e-3)):
            group = kind if by == "kind" else f"{kind} {size:g}"
            same = {"group": group, "kind": kind, "by": by, "low": size / 2, "high": size * 2, "n_stages": 20}
            same["mean_fluctuation"] = sign * size
            c = 0.5 * r**-0.5 * np.exp(-r / xi)
            curves.append(pd.DataFrame({**same, "r": r, "correlation": c, "standard_error": 0.05 * c}))
            fit = {"xi": xi, "xi_low": xi - 0.25, "xi_high": xi + 0.25, "amplitude": 0.5, "exponent": 0.5}
            lengths.append({**same, **fit, "r_min": 1.0, "r_max": 2.75})
    write_table(folder / "statistics" / "correlation.csv", pd.concat(curves))
    write_table(folder / "statistics" / "correlation_length.csv", pd.DataFrame(lengths))


ETA, DIMENSION, DECAY = 2.0, 1.7, 1.25
EVOLVING = {"eta": ETA, "fractal_dimension": DIMENSION, "moran_i": 0.4, "efficiency": 0.1}
# the same in every table
XI = {"stick": 1.5, "slip": 2.5}


def groups() -> list[dict[str, object]]:
    """All sticks, all slips, and two bins of each."""
    return [
        {"group": kind if by == "kind" else f"{kind} {size:g}", "kind": kind, "by": by, "low": size / 2,
         "high": size * 2, "n_stages": 20, "mean_fluctuation": sign * size}
        for kind, sign in (("stick", -1), ("slip", 1))
        for by, size in (("kind", 1e-3), ("bin", 5e-4), ("bin", 5e-3))
    ]  # fmt: skip


def write_clusters(folder: Path) -> None:
    """Power laws, radii and tails of known exponents; labels of three clusters of 5, 3 and 1 grains in every stage."""
    target = folder / "statistics"
    root = create_store(target / "clusters.zarr", {"smallest": 3, "fraction": 0.1})
    label = np.zeros((N_STAGES, N_GRAINS), dtype="i4")
    label[:, :9] = [1, 1, 1, 1, 1, 2, 2, 2, 3]
    add_array(root, "label", ("stage", "grain"), label.shape, "i4", "", "")[:] = label
    sizes_of = np.tile([5, 3, 1, 0], (N_STAGES, 1))
    add_array(root, "size", ("stage", "cluster"), sizes_of.shape, "i4", "", "")[:] = sizes_of
    size = np.array([1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64])
    count = np.round(1e6 * size**-ETA).astype(int)
    x, rows = np.linspace(-11.5, 11.5, 24), []
    sizes, evolution, laws, tails = [], [], [], []
    for group in groups():
        radius = {"radius": 0.4 * size ** (1 / DIMENSION), "n_shaped": np.where(size > 1, count, 0)}
        sizes.append(pd.DataFrame({**group, "size": size, "n_clusters": count, **radius}))
        law = {"x_min_rule": "fixed", "reason": "", "eta": ETA, "x_min": 3}
        laws += [group | law, group | law | {"x_min_rule": "searched", "eta": 3.0}]
        for name, value in EVOLVING.items():
            evolution.append(
                group | {"quantity": name, "value": value, "value_low": 0.9 * value, "value_high": 1.2 * value}
            )
        xi = XI[str(group["kind"])]
        evolution.append(group | {"quantity": "xi", "value": xi, "value_low": xi - 0.25, "value_high": xi + 0.25})
        for grains in ("all", "active"):
            both = {**group, "grains": grains, "x": x, "n": 50}
            rows.append(pd.DataFrame({**both, "density": np.exp(-np.abs(x) / DECAY) / (2 * DECAY)}))
            for side in ("gain", "loss"):
                tails.append(group | {"grains": grains, "side": side, "decay": DECAY, "share": 0.2})
    write_table(target / "cluster_sizes.csv", pd.concat(sizes))
    write_table(target / "power_law.csv", pd.DataFrame(laws))
    curves = [
        {"kind": kind, "active": active, "axis": axis, "fraction": fraction, "share": min(1.0, 2 * fraction)}
        for kind in ("stick", "slip")
        for active in ("d2min", "height", "random", "layered")
        for axis in ("x", "y")
        for fraction in (0.1, 0.3, 0.5)
    ]
    write_table(target / "percolation.csv", pd.DataFrame(curves))
    write_table(target / "evolution.csv", pd.DataFrame(evolution).assign(fixed=lambda table: 1.1 * table["value"]))
    write_table(target / "energy_density.csv", pd.concat(rows))
    write_table(target / "energy_tails.csv", pd.DataFrame(tails))
    packing = pd.concat(rows).assign(x=lambda table: 0.6 + 0.01 * table["x"])
    write_table(target / "packing_density.csv", packing)
    r = np.arange(0.01, 4.0, 0.02)
    g = np.where(r < 0.9, 0.0, 1 + np.cos(2 * np.pi * (r - 1.0)) * np.exp(-(r - 1.0)))
    write_table(target / "pair_correlation.csv", pd.DataFrame({"r": r, "g": g}))
    about = {"frames": 3, "bin_width": 0.02, "peak": 1.0, "first_minimum": 1.45, "second_minimum": 2.45}
    write_json(target / "pair_correlation.json", about)


def write_within_stages(folder: Path) -> None:
    """A stick that hurries before its slip, with errors of a tenth, and a slip that begins fast."""
    part = np.arange(6)
    rows = []
    for kind, relative in (("stick", 0.5 + part / 5), ("slip", 1.5 - part / 5)):
        both = {"speed": 0.02 * relative, "relative": relative}
        errors = {f"{name}_error": 0.1 * values for name, values in both.items()}
        rows.append(
            pd.DataFrame({"kind": kind, "low": part / 6, "high": (part + 1) / 6, **both, **errors, "n_stages": 9})
        )
    write_table(folder / "statistics" / "within_stages.csv", pd.concat(rows))


def write_coverage(folder: Path) -> None:
    """Intervals that hold nine of ten stages, of two sizes."""
    rows = [
        {"rule": rule, "split": "test", "by": by, "size_low": size, "size_high": 2 * size}
        for rule in ("random", "blocked")
        for by in ("prediction", "target")
        for size in (1e-3, 1e-2)
    ]
    table = pd.DataFrame(rows).assign(n=20, coverage=0.9, low=0.8, high=0.95, width=1e-3)
    write_table(folder / "model" / "coverage_by_size.csv", table)


def write_ceiling(folder: Path) -> None:
    """Methods that explain more and more, a network of several seeds, replicas, and a curve with a limit."""
    methods = ("mean_d2min", "strain_increment", "ridge_voxels", "neighbours", "elastic", "network", "hertz")
    groups = ("all", "small", "middle", "large")
    rows = [
        {"rule": rule, "method": method, "group": group, "n": 30, "r2": 0.1 * number + 0.3}
        for rule in ("random", "blocked")
        for number, method in enumerate(methods)
        for group in groups
    ]
    ends = {"r2_low": lambda table: table["r2"] - 0.1, "r2_high": lambda table: table["r2"] + 0.05}
    write_table(folder / "ceiling" / "scores.csv", pd.DataFrame(rows).assign(**ends, sign_accuracy=0.8))
    bounds = [
        {"bound": bound, "perturbation": size, "group": group, "r2": 0.98}
        for bound, size in (
            ("same_start", 1e-9),
            ("same_start", 1e-6),
            ("nearest_twin", np.nan),
            ("same_field", np.nan),
        )
        for group in groups
    ]
    write_table(folder / "replicas" / "ceiling.csv", pd.DataFrame(bounds).assign(**ends))
    limit = {"r2_limit": 0.95, "r2_limit_low": 0.9, "r2_limit_high": 0.97}
    curve = [{"rule": rule, **limit, "determined": rule == "random"} for rule in ("random", "blocked")]
    write_table(folder / "ablations" / "learning_curve.csv", pd.DataFrame(curve))
    seeds = [
        {"rule": rule, "fold": fold, "method": method, "r2": 0.85}
        for rule, fold in (("random", 0), ("blocked", 0), ("rolling", 1), ("rolling", 0))
        for method in ("network", "mean_d2min")
    ]
    write_table(folder / "assessment" / "summary.csv", pd.DataFrame(seeds).assign(**ends))


def write_claims(folder: Path) -> None:
    """Slopes of 0.2 at equal Δγ with an interval of ±0.1, which are 0.05 without, and 0 of grains at random."""
    rows = [
        {"quantity": quantity, "kind": kind, "claim": "grows", "verdict": "yes"}
        for kind in ("stick", "slip")
        for quantity in ("xi", "moran_i")
    ]
    table = pd.DataFrame(rows)
    for name, slope, half in (("slope", 0.05, 0.02), ("conditioned", 0.2, 0.1), ("random", 0.0, 0.02)):
        table = table.assign(**{name: slope, f"{name}_low": slope - half, f"{name}_high": slope + half})
    write_table(folder / "statistics" / "claims.csv", table)


def write_avalanches(folder: Path) -> None:
    """Exponents of mean field, from two starts on at two thresholds, and shapes that are parabolas."""
    rows = [
        {"quantity": quantity, "threshold": threshold, "x_min": start * threshold, "exponent": tau, "mean_field": tau}
        for quantity, tau in (("size", 1.5), ("duration", 2.0), ("energy", 4 / 3))
        for threshold in (1e-4, 3e-4)
        for start in (1, 3)
    ]
    table = pd.DataFrame(rows)
    table = table.assign(exponent_low=table["exponent"] - 0.1, exponent_high=table["exponent"] + 0.1)
    write_table(folder / "statistics" / "avalanches.csv", table)
    u = (np.arange(20) + 0.5) / 20
    rate = 6 * u * (1 - u)
    shapes = [
        pd.DataFrame({"group": group, "duration": 1e-4 * group, "n": 60, "u": u, "rate": rate, "parabola": rate})
        for group in (1, 2, 3)
    ]
    shape = pd.concat(shapes).assign(
        rate_low=lambda table: table["rate"] - 0.1, rate_high=lambda table: table["rate"] + 0.1
    )
    write_table(folder / "statistics" / "avalanche_shapes.csv", shape)


def write_free_volume(folder: Path) -> None:
    """Free volume that grows by 1e-4 d̄³ in each of two stages before a slip, and not before a stick."""
    rows = [
        {"kind": kind, "by": "kind", "lag": lag, "comparison": comparison, "value": value}
        for kind, growth in (("stick", 0.0), ("slip", 1e-4))
        for comparison in ("plain", "layered", "matched", "shuffled")
        for lag in (-2, -1, 0, 1, 2)
        for value in [growth * max(-lag, 0) * (comparison != "shuffled")]
    ]
    table = pd.DataFrame(rows)
    table = table.assign(value_low=table["value"] - 1e-5, value_high=table["value"] + 1e-5)
    write_table(folder / "statistics" / "free_volume.csv", table)


def write_model(folder: Path, rng: np.random.Generator) -> None:
    """Predictions with noise, metrics that are stated and not measured."""
    stages = pd.read_csv(folder / "stages.csv")
    tables, history = [], []
    metrics: dict[str, object] = {"stages": N_STAGES}
    for rule, r2 in (("random", 0.873), ("blocked", 0.642)):
        target = stages["fluctuation"] * rng.uniform(0.5, 2, N_STAGES)
        split = np.resize(["train", "train", "train", "validation", "test"], N_STAGES)
        guess = target + rng.normal(0, 1e-4, N_STAGES)
        columns = {"stage": stages["stage"], "rule": rule, "split": split, "target": target, "prediction": guess}
        tables.append(pd.DataFrame(columns))
        epoch = np.arange(5)
        loss = {"train_loss": 0.9**epoch, "validation_loss": 0.95**epoch, "learning_rate": 1e-3, "seconds": 1.0}
        history.append(pd.DataFrame({"rule": rule, "epoch": epoch, **loss}))
        scores = {"r2": r2, "sign_accuracy": 0.9, "rmse": 1e-4, "n": 8}
        metrics[rule] = {
            "network": dict.fromkeys(("train", "validation", "test"), scores),
            "mean_d2min": {split: {**scores, "r2": -3.21} for split in ("train", "validation", "test")},
            "d2min_quantiles": {split: {**scores, "r2": 0.31} for split in ("train", "validation", "test")},
        }
    predictions = pd.concat(tables)
    write_table(folder / "model" / "predictions.csv", predictions)
    edges, by_size, calibrated, errors = size_edges(predictions["target"].to_numpy()), [], [], []
    for (rule, name), part in predictions.groupby(["rule", "split"], sort=False):
        pair = part["target"].to_numpy(), part["prediction"].to_numpy()
        by_size.append(sign_by_size(*pair, edges).assign(rule=rule, split=name))
        calibrated.append(calibration(*pair).assign(rule=rule, split=name))
        errors.append(error_histogram(*pair, np.linspace(-4e-4, 4e-4, 21)).assign(rule=rule, split=name))
    write_table(folder / "model" / "errors.csv", pd.concat(errors))
    write_table(folder / "model" / "sign_by_size.csv", pd.concat(by_size))
    write_table(folder / "model" / "calibration.csv", pd.concat(calibrated))
    write_table(folder / "model" / "history.csv", pd.concat(history))
    write_json(folder / "model" / "metrics.json", metrics)


ABLATED = {
    "input": {"full": 0.8, "shuffled": 0.2, "phases": 0.35, "pattern": 0.75, "amplitude": 0.25, "mask": 0.6},
    "cell share": {"0.5": 0.6, "0.25": 0.4},
    "training share": {"0.5": 0.7, "0.25": 0.55, "0.125": 0.3},
    "spacing": {"1.5": 0.72, "2": 0.6, "3": 0.4},
    "radius": {"0.8": 0.77, "2": 0.7},
    "boosting": {
        "mean_d2min": -3.2, "d2min_quantiles": 0.4, "strain_increment": 0.1, "clusters": 0.35, "all of these": 0.45
    },
}  # fmt: skip


def write_assessment(folder: Path, rng: np.random.Generator) -> None:
    """Two seeds on both splits and two folds: errors in proportion to what is predicted, and a baseline of noise."""
    lines = []
    for number, (rule, fold) in enumerate((("random", 0), ("blocked", 0), ("rolling", 1), ("rolling", 2))):
        size = rng.lognormal(-7, 1, 200) * rng.choice([-1, 1], 200)
        target, noise = size * (1 + 0.2 * rng.laplace(size=200)), {"d2min_quantiles": 1e-3 * rng.normal(size=100)}
        seeds = size * (1 + 0.05 * rng.normal(size=(2, 200)))
        table = line_predictions(seeds, target, 100, [1, 2], np.arange(100) + 100 * number, noise)
        lines.append(table.assign(rule=rule, fold=fold))
    predictions = pd.concat(lines, ignore_index=True)
    _, summary = score_lines(predictions, np.arange(400) // 2, 5e-4, 1)
    for name, table in {"summary": summary, **size_lines(predictions)}.items():
        write_table(folder / "assessment" / f"{name}.csv", table)


def write_ablations(folder: Path) -> None:
    """Stated scores; the blocked split is worse by a fifth."""
    rows = [
        {"family": family, "value": value, "rule": rule, "seeds": 1, "n_train": 24, "r2": r2 - less,
         "r2_low": r2 - less - 0.1, "r2_high": r2 - less + 0.05, "sign_accuracy": 0.8, "r2_stick": 0.3, "r2_slip": 0.3,
         "r2_train": 0.9, "r2_spread": np.nan, "less_than_full": 0.8 - r2}
        for family, values in ABLATED.items()
        for value, r2 in values.items()
        for rule, less in (("random", 0.0), ("blocked", 0.2))
    ]  # fmt: skip
    write_table(folder / "ablations" / "summary.csv", pd.DataFrame(rows))


NETWORKS = ("trained", "untrained", "shuffled", "input")
ORDERS = ("attribution", "expected", "untrained", "shuffled", "size of attribution", "d2min", "input", "random")


def write_interpretation(folder: Path) -> None:
    """Lengths of known covariance; one bin in which no length could be fitted."""
    r, curves, ellipses, claims = np.arange(1.0, 4.0, 0.5), [], [], []
    for number, network in enumerate(NETWORKS):
        for field in ("signed", "size"):
            for kind, sign in (("stick", -1), ("slip", 1)):
                for size in (5e-4, 2e-3, 8e-3):
                    same = {"network": network, "field": field, "group": f"{kind} {size:g}", "kind": kind}
                    xi = 1.5 + 200 * size
                    c = {"c_d2min": np.exp(-r / xi), "c_attribution": 0.6 * np.exp(-r / (0.8 * xi))}
                    curves.append(pd.DataFrame({**same, "r": r, **c}))
                    mean = {"mean_xi_d2min": xi, "mean_xi_attribution": (0.5 + 0.2 * number) * xi}
                    spread = {"var_d2min": 0.2, "covariance": 0.05 * sign, "var_attribution": 0.1}
                    if size == 8e-3:
                        mean, spread = dict.fromkeys(mean, np.nan), dict.fromkeys(spread, np.nan)
                    n = {"mean_fluctuation": sign * size, "n": 0 if size == 8e-3 else 9, "xi_d2min": xi}
                    ellipses.append(same | n | {"xi_attribution": 0.8 * xi} | mean | spread)
            n_known = (5, 8, 1, 0)[number]
            ratio = {"ratio": 0.5 + 0.2 * number if n_known else np.nan}
            low, high = (0.3 + 0.1 * number, 1 + 0.2 * number) if n_known > 1 else (np.nan, np.nan)
            claim = {"network": network, "field": field, "n": n_known, "n_stages": 8, **ratio, "low": low, "high": high}
            claims.append(claim | {"spearman": 0.3, "share_active": 0.4, "ratio_active": 6.0})
    layers = {"n_layers": range(1, 7), "last_layer": ["head.3", "head.1", *(f"convolutions.{i}" for i in (9, 6, 3, 0))]}
    layers |= {"spearman": np.linspace(0.7, 0.2, 6), "deviation": 0.08, "n": 4}
    fraction = np.linspace(0, 1, 11)
    deletion = [
        pd.DataFrame({"mode": mode, "order": order, "fraction": fraction, "low": curve - 0.2, "median": curve,
                      "high": curve + 0.2})
        for power, order in enumerate(ORDERS, start=2)
        for mode, curve in (("deletion", (1 - fraction) ** power), ("insertion", 1 - (1 - fraction) ** power))
    ]  # fmt: skip
    tables = {"correlation": pd.concat(curves), "ellipses": pd.DataFrame(ellipses), "claim": pd.DataFrame(claims)}
    tables |= {"layers": pd.DataFrame(layers), "deletion": pd.concat(deletion), "replacement": pd.concat(deletion)}
    about = [
        {"replacement": replacement, "mode": mode, "order": order, "n": 8, "than": "attribution"}
        for replacement in ("stages", "baseline")
        for mode in ("deletion", "insertion")
        for order in ORDERS
    ]
    areas = {"area": 0.4, "area_low": 0.3, "area_high": 0.6, "more": 0.1, "more_low": 0.02, "more_high": 0.2}
    tables["areas"] = pd.DataFrame(about).assign(**areas)
    about = [
        {"network": network, "clusters": which, "control": control, "n": 0 if which == "wrapping" else 8}
        for network in NETWORKS
        for which in ("all", "wrapping", "bounded")
        for control in ("number", "height", "amplitude")
    ]
    clusters = pd.DataFrame(about).assign(share_nodes=0.06, share_size=0.2, share_signed=0.3, share_matched=0.9)
    for name, value in (("ratio", 1.4), ("excess", 0.3), ("trained_over", 1.2)):
        clusters[[name, f"{name}_low", f"{name}_high"]] = value, 0.9 * value, 1.1 * value
    clusters.loc[clusters["n"] == 0, clusters.columns[4:]] = np.nan
    tables["clusters"] = clusters
    for name, table in tables.items():
        write_table(folder / "interpretation" / f"{name}.csv", table)


def write_attributions(folder: Path, rng: np.random.Generator) -> None:
    """Eight explained stages, half slip, half stick."""
    root = create_store(folder / "attributions.zarr", {})
    values = rng.normal(0, 1e-5, (8, *SHAPE))
    add_array(root, "attribution", ("stage", "x", "y", "z"), values.shape, "f8", "p", "")[:] = values
    add_array(root, "completeness_error", ("stage",), (8,), "f8", "1", "")[:] = rng.uniform(1e-4, 1e-2, 8)
    add_array(root, "stage", ("stage",), (8,), "i8", "1", "")[:] = np.arange(10, 18)


@pytest.fixture
def simulated(tmp_path: Path) -> Run:
    """A run with a trajectory and stages, and nothing after them."""
    folder = tmp_path / "small"
    folder.mkdir()
    write_run(folder, np.random.default_rng(1))
    return Run(folder)


@pytest.fixture
def complete(simulated: Run) -> Run:
    """A run with every store."""
    rng = np.random.default_rng(2)
    write_fields(simulated.folder, rng)
    write_statistics(simulated.folder)
    write_within_stages(simulated.folder)
    write_free_volume(simulated.folder)
    write_claims(simulated.folder)
    write_avalanches(simulated.folder)
    write_clusters(simulated.folder)
    write_model(simulated.folder, rng)
    write_coverage(simulated.folder)
    write_attributions(simulated.folder, rng)
    write_ablations(simulated.folder)
    write_ceiling(simulated.folder)
    write_assessment(simulated.folder, rng)
    write_interpretation(simulated.folder)
    config = (
        "[loading]\npressure = 1e7\nwarm_up = 0.01\n\n[recording]\nstrain_step = 1e-3\n\n[stages]\nthreshold = 4.5e-4\n"
    )
    config += "\n[nonaffine]\ncutoff = 2.0\n"
    config += "\n[voxels]\nspacing = 1.0\nradius = 1.3\n"
    (simulated.folder / "config.toml").write_text(config)
    write_json(simulated.folder / "provenance.json", {"steps": {"simulate": {"seconds": 12.5, "finished": "today"}}})
    return simulated
