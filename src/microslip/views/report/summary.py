"""The top of a report: what was sheared, and the findings."""

from __future__ import annotations

from typing import Any

import numpy as np

from microslip.data.attributes import cell_edges
from microslip.views.report import results
from microslip.views.report.attribution_claims import apart, explained_network, measured_fields
from microslip.views.report.check import Result, share
from microslip.views.report.checks import counts
from microslip.views.report.checks_cell import SMALLEST_CONVERGED, small_stages
from microslip.views.report.parts import Parts
from microslip.views.settings import setting, threshold
from microslip.views.tables import score
from microslip.views.wording import between, count, show

# Values of the paper, to compare with: Mei et al., Int. J. Plasticity 163 (2023) 103570.
PAPER: dict[str, Any] = {
    "inertial_number": 1.7e-6,
    "cell": "50 × 15 × 20 d̄",
    "n_cycles": 4232,
    "r2_train": 0.956,
    "r2_test": 0.85,
}


def lead(parts: Parts) -> str:
    """One sentence on the cell and how it was sheared."""
    box, config = parts.attributes.get("box"), parts.config
    if parts.kind is None or not box:
        return "The run holds no trajectory that can be read."
    walls = int((parts.kind != 0).sum())
    shape = "planar cell" if parts.attributes.get("planar") else "cell"
    none = "none of them in a wall" if parts.imported else "no walls: the cell repeats on all sides"
    of_walls = f"{show(walls)} of them in the walls" if walls else none
    edges = " × ".join(show(edge) for edge in cell_edges(parts.attributes))
    text = f"{show(len(parts.kind))} grains ({of_walls}) in a {shape} of {edges} d̄"
    strain, rate, pressure = (setting(config, f"loading.{name}") for name in ("strain", "shear_rate", "pressure"))
    if parts.imported:
        text += f", imported from {_engine(parts)}"
        if parts.series is not None:
            text += f", sheared by {show(float(np.nanmax(parts.series['strain']) - np.nanmin(parts.series['strain'])))}"
    elif None not in (strain, rate, pressure):
        text += f", sheared to a strain of {show(strain)} at {show(rate)} /s"
        fast, load = setting(config, "loading.warm_up_rate"), f"under {show(pressure / 1e6)} MPa"
        text += f" after a warm-up at {show(fast)} /s" if fast is not None else ""
        text += f", compacted {load} and held at that volume" if parts.volume_is_held else f" {load}"
    number = parts.attributes.get("inertial_number")
    return text + (f"; inertial number {show(number)}." if number is not None else ".")


def _engine(parts: Parts) -> str:
    kinds = {"lammps": "a text dump", "vtk": "VTK files", "table": "a table", "xyz": "XYZ files"}
    engine = str(parts.attributes.get("engine", "files"))
    return kinds.get(engine, engine)


def findings(parts: Parts) -> list[tuple[str, str]]:
    """What was found, as topic and sentence; a step that has not run says which command would tell."""
    folder = parts.folder
    rows = [("Stages", _stages(parts) or f"Not found yet: microslip stages {folder}.")]
    rows.append(("Motion", _lengths(parts) or f"ξ is not known yet: microslip statistics {folder}."))
    untrained = parts.too_few_to_train
    untrained = (
        f"Not possible: {untrained}." if untrained else f"No network has been trained yet: microslip train {folder}."
    )
    rows.append(("Prediction", _prediction(parts) or untrained))
    claims = results.claims(parts)
    if claims:
        rows.append(("The paper's claims", f"Of {len(results.counted(claims))}, {results.verdicts(claims)}."))
    attribution = _attribution(parts)
    if attribution:
        rows.append(("Attributions", attribution))
    clusters = _clusters(parts)
    if clusters:
        rows.append(("Attributions at clusters", clusters))
    return rows


def _stages(parts: Parts) -> str:
    stages = parts.stages
    if stages is None or stages.empty:
        return ""
    unit, kinds = parts.stress_unit, stages["kind"].value_counts()
    if kinds.get("window", 0):
        return f"The files hold no stress: {show(len(stages))} windows of strain take the place of stages."
    sizes = stages.loc[stages["kind"] == "slip", "fluctuation"]
    limit = threshold(parts.config)
    window = setting(parts.config, "stages.window")
    if window is not None:
        text = f"{show(len(stages))} windows, each a strain of {show(window)}: the stress rises in "
        text += f"{show(int(kinds.get('stick', 0)))} (sticks) and falls in {show(len(sizes))} (slips)"
    else:
        text = f"{show(len(stages))}: {count(kinds.get('stick', 0), 'stick')} and {count(len(sizes), 'slip')}"
        text += f" at a threshold of {show(limit)} {unit}" if limit is not None else ""
    if len(sizes):
        text += f"; the median slip takes {show(float(sizes.median()))} {unit},"
        text += f" the largest {show(float(sizes.max()))} {unit}"
    small = small_stages(parts)
    # windows are cut by strain, and none is left out for its size
    if window is None and small is not None and small[1] > 0:
        text += (
            f"; {share(small[1])} are smaller than {show(SMALLEST_CONVERGED)} p, where counts and sizes were seen to"
        )
        text += " change with the rate of shear (docs/results/rates)"
    return text + "."


def _lengths(parts: Parts) -> str:
    fits = {kind: results.length_of(parts, kind) for kind in ("stick", "slip", "window")}
    lengths = [
        f"ξ = {between(*value)} d̄ in {'all' if kind == 'window' else ''} {kind}s".replace("in  ", "in ")
        for kind, value in fits.items()
        if value
    ]
    if not lengths:
        return ""
    text = ", ".join(lengths) + "; fits to the mean C(r), with intervals over blocks of strain."
    below = noise(parts)
    if not below:
        return "D²min is correlated in space: " + text
    # a correlated error of the positions has a length, too
    return f"D²min lies {below}: what is fitted may be the length of that noise and is no finding. " + text


def _r2(parts: Parts, rule: str, model: str = "network") -> str:
    return between(*results.with_interval(parts.metrics, rule, model))


def _prediction(parts: Parts) -> str:
    if not parts.metrics:
        return ""
    rival = results.best_without_pattern(parts.metrics, "blocked")
    text = "From the pattern of non-affine motion alone the network predicts the stress change of unseen stages with "
    text += f"R² = {_r2(parts, 'blocked')} under the blocked split and {_r2(parts, 'random')} under the random one"
    if rival is not None:
        best = rival[0]
        text += (
            f"; the best baseline without pattern, {results.MODELS[best]}, has {_r2(parts, 'blocked', best)} (blocked)"
        )
    return text + "."


def _attribution(parts: Parts) -> str:
    if parts.tables.get("interpretation/claim") is None:
        return ""
    ratios = []
    separate: dict[str, list[bool | None]] = {}
    for words, rows in measured_fields(parts):
        own = rows.loc["trained"]
        if not np.isfinite(own["ratio"]):
            continue
        ratio = between(own["ratio"], own["low"], own["high"])
        ratios.append(
            f"{ratio} for the {words} (median of {show(int(own['n']))} of {show(int(own['n_stages']))} stages)"
        )
        for name in rows.index.drop("trained"):
            separate.setdefault(str(name), []).append(apart(rows, str(name)))
    if not ratios:
        return "No length of an attribution could be fitted."
    text = f"Of the {explained_network(parts).removeprefix('the ')}: ξ_Attr/ξ_D = {', and '.join(ratios)}"
    if not separate:
        return text + "."
    clear = sum(all(each) for each in separate.values())
    return text + f"; {clear} of {len(separate)} nulls have intervals apart from it in all of these, which is no test."


def _clusters(parts: Parts) -> str:
    """What share of the attribution lies in clusters, and what is left of it at equal D²min."""
    table = parts.tables.get("interpretation/clusters")
    if table is None:
        return ""
    rows = table[table["clusters"] == "all"].drop_duplicates(["network", "control"]).set_index(["network", "control"])
    if not {("trained", "number"), ("trained", "amplitude")} <= set(rows.index):
        return ""

    def ratio(network: str, control: str) -> str:
        row = rows.loc[(network, control)]
        return between(*(float(row[f"ratio{end}"]) for end in ("", "_low", "_high")))

    some = rows.loc[("trained", "number")]
    if not some["n"]:
        return "No explained stage has a cluster of active grains."
    text = f"Nodes in clusters of active grains, {share(float(some['share_nodes']))} of all, hold"
    text += (
        f" {share(float(some['share_size']))} of |attribution|: {ratio('trained', 'number')} times as much as others,"
    )
    text += f" and {ratio('trained', 'amplitude')} times as much as others of equal D²min"
    if ("shuffled", "amplitude") in rows.index:
        text += f"; for a network trained on noise that is {ratio('shuffled', 'amplitude')}"
    return text + "."


def noise(parts: Parts) -> str:
    """How many stages lie below the noise of the positions; empty where none does."""
    below = parts.n_below_floor
    if not below or parts.below_floor is None:
        return ""
    n = len(parts.below_floor)
    of = f"all {show(n)}" if below == n else f"{show(below)} of {show(n)}"
    return f"below the noise of the positions in {of} stages"


def tiles(parts: Parts, checks: list[Result]) -> list[tuple[str, str, str]]:
    """The numbers at the top of the page: name, value, and a note."""
    stages = parts.stages
    windows = stages is not None and bool((stages["kind"] == "window").any())
    length = results.length_of(parts, "window" if windows else "slip")
    number = parts.attributes.get("inertial_number")
    blocked = score(parts.metrics, "blocked", "network", "test")
    n = counts(checks)
    passed, failed = n["passed"], n["failed"]
    rows = [
        (
            "grains",
            show(len(parts.kind)) if parts.kind is not None else "–",
            "no walls" if parts.without_walls else "walls included",
        ),
        ("inertial number I", show(number), "below 10⁻³ ⟨s⟩ is free of the rate"),
        (
            "stages",
            show(len(stages)) if stages is not None else "–",
            "windows of strain" if windows else "sticks and slips",
        ),
        ("ξ of D²min", f"{show(length[0])} d̄" if length else "–", noise(parts) or ("windows" if windows else "slips")),
        ("R² of unseen stages", show(blocked), "blocked split"),
        ("checks passed", f"{passed} of {passed + failed}", f"{failed} failed" if failed else "none failed"),
    ]
    return [(what, value, word if value != "–" else "not known yet") for what, value, word in rows]


def against_paper(parts: Parts) -> list[tuple[str, str, str]]:
    """What, this run's value, the paper's value; nothing of an import, whose grains and loading are other ones."""
    if parts.imported:
        return []
    lengths = {kind: results.length_of(parts, kind) for kind in ("stick", "slip")}
    stages = show(len(parts.stages)) if parts.stages is not None else "–"
    box, train = parts.attributes.get("box"), score(parts.metrics, "random", "network", "train")
    return [
        ("grains, walls included", show(len(parts.kind)) if parts.kind is not None else "–", show(20215)),
        ("cell", " × ".join(show(float(edge)) for edge in box) + " d̄" if box else "–", PAPER["cell"]),
        ("inertial number I", show(parts.attributes.get("inertial_number")), show(PAPER["inertial_number"])),
        ("stages", stages, show(2 * PAPER["n_cycles"])),
        *((f"ξ of D²min, {kind} [d̄]", between(*value) if value else "–", "–") for kind, value in lengths.items()),
        ("R², training set, random split", show(train), show(PAPER["r2_train"])),
        ("R², test set, random split", _r2(parts, "random"), f"{PAPER['r2_test']} (split not given)"),
        ("R², test set, blocked split", _r2(parts, "blocked"), "–"),
    ]  # fmt: skip
