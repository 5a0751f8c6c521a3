"""What each figure shows and how it was measured, in a run's own numbers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from microslip.core.errors import MicroslipError
from microslip.data.files import read_table
from microslip.data.run import Run
from microslip.data.units import pressure_known
from microslip.views.compose import grid_sweeps, knows_stress
from microslip.views.wording import show

# Where a setting is not in the run's configuration, the sentence about it is left out.
Config = dict[str, Any]

TITLES = {
    "overview": "The run at a glance",
    "cell_and_stress": "Shear cell and stress",
    "d2min_snapshots": "Non-affine motion in a stick and in a slip",
    "correlation": "Spatial correlation of non-affine motion",
    "coarse_graining": "From grains to a grid",
    "network": "The network, layer by layer",
    "training": "Learning the stress change from the pattern",
    "scores": "Network against baselines without pattern",
    "reliability": "What the predictions are worth",
    "ablations": "What the pattern adds",
    "volumes": "Motion and attribution in space",
    "attributions": "Where the network looks",
    "completeness": "Do the attributions add up?",
    "lengths": "Size of the attributions and of the motion",
    "nulls": "Attributions under controls",
    "clusters": "Clusters of active grains",
    "mechanisms": "What happens to active grains",
}

# Which figure of Mei et al. 2023 shows the same; the others have none.
COUNTERPARTS = {
    "cell_and_stress": "1",
    "d2min_snapshots": "2a, b",
    "correlation": "2c, d",
    "coarse_graining": "3",
    "network": "4",
    "training": "5",
    "volumes": "7a",
    "lengths": "7b, c",
    "clusters": "8",
    "mechanisms": "9",
}

NOT_MADE = "Nothing to show yet: the step that makes its data has not run, or the run does not hold them."

# Of a run that knows no stress, whose stages are windows of strain.
SHOWN_OF_WINDOWS = {
    "overview": "Grains coloured by D²min in one window of strain; mean D²min of every window.",
    "cell_and_stress": "First frame. The imported files hold no stress.",
    "d2min_snapshots": (
        "One camera, one colour scale: two windows of strain. Positions and neighbours are those at the start of the "
        "window."
    ),
    "correlation": (
        "(a) C(r) of D²min, mean over all windows of strain, with the fit A r⁻ᵐ exp(−r/ξ). Bars: standard error "
        "between windows. (b) ξ of every window."
    ),
    "clusters": (
        "(a to c) Active grains of three windows of strain, coloured by the number of grains in their cluster; one "
        "camera. (d) P(N) over all windows in bins of two an octave; line, discrete power law by maximum likelihood. "
        "(e) Mean of ln R_g; line, R_g ∝ N^(1/D). (f to i) η, D, Moran's I of being active and global efficiency over "
        "all windows; bands, bootstrap intervals over blocks of consecutive windows."
    ),
}

_WALLS = " Wall grains serve as neighbours and get no value of their own."

# Of a cell that repeats on all sides.
SHOWN_WITHOUT_WALLS = {
    "cell_and_stress": (
        "(a) First kept frame; the cell repeats on all sides, and its copies above and below slide along x. (b) One "
        "stick-slip cycle, turning points as circles. (c) Shear stress of the volume over the pressure, −(1/Vp) Σ f_x "
        "r_z over all contacts; grey, the warm-up, in which no stage starts."
    ),
}

SHOWN_OF_IMPORTED = {
    "cell_and_stress": (
        "(a) First frame. (b) One stick-slip cycle, turning points as circles. (c) The imported shear stress."
    ),
}

SHOWN = {
    "overview": (
        "Grains coloured by D²min in a large slip; shear stress around it, stick stages blue and slip stages orange; "
        "predicted against true change of stress on the test sets of both split rules."
    ),
    "cell_and_stress": (
        "(a) First kept frame, wall grains dark. (b) One stick-slip cycle, turning points as circles. (c) Mean of the "
        "shear forces on the two walls over area and pressure; grey, the warm-up, in which no stage starts."
    ),
    "d2min_snapshots": (
        "One camera, one colour scale: a stick stage and the slip after it. Positions and neighbours are those at the "
        "start of the stage."
    ),
    "correlation": (
        "C(r) of D²min, stages grouped by the size of their stress fluctuation, with fits A r⁻ᵐ exp(−r/ξ). Bars: "
        "standard error between stages. (c) ξ with its confidence interval; dashed with a band, all sticks and all "
        "slips."
    ),
    "coarse_graining": (
        "(a) Grains that a vertical plane in the middle of the depth cuts, in one stage, coloured by D²min; crosses, "
        "nodes; the circle, what one node averages, in depth too. (b) The nodes of that plane. (c) g(r) of bulk "
        "grains, the spacing L_grid and the radius δ of the grid."
    ),
    "network": (
        "Features that each layer hands on, from the trained network itself: number of channels or units, below it "
        "nodes along x, y, z. Edges are drawn by the root of the number of nodes, thickness by the logarithm of the "
        "channels."
    ),
    "training": (
        "(a) Sets of the stages along the strain under both split rules; white, left out. (b to d) Loss, predicted "
        "against true change of stress, and errors (the 1 % largest not drawn), under the random split; (e to g) under "
        "the blocked one."
    ),
    "scores": (
        "R² on the test set. Baselines: gradient-boosted trees on log₁₀ of the mean of D²min, and of its quantiles, "
        "over the grains. Bars end at −0.25; the numbers do not."
    ),
    "reliability": (
        "(a) Share of test stages whose sign is right, by size, with 90 % Wilson intervals. (b) Mean true against mean "
        "predicted change of stress in bins of the prediction; bars are 1.645 standard errors."
    ),
    "ablations": (
        "R² on the test set with 90 % bootstrap intervals over cycles. (a) Networks trained on changed inputs, and "
        "boosted trees on hand-made numbers; bars end at −0.25, the numbers do not. (b) to (e) One quantity varied at "
        "a time; dashed, the run itself."
    ),
    "volumes": (
        "D²min on the nodes (left) and attribution (right) for the largest slip (a to d) and the largest stick (e to "
        "h) explained; one camera. Clouds: opaque where D²min is in the upper half of its scale, or the attribution "
        "beyond a quarter of its; red, positive. Slices are horizontal, heights in d̄. Scales end at the 5th and the "
        "99.9th percentile of log₁₀ D²min, and the 99.8th of |attribution|."
    ),
    "attributions": (
        "Integrated Gradients of the predicted change of stress for the largest slip and the largest stick explained: "
        "positive nodes (red) push towards slip. Scales end at quantiles, arrows where values lie beyond. Grey "
        "nodes are empty."
    ),
    "completeness": "|Σ attribution − (prediction − that of the baseline)| over that difference, by stage.",
    "lengths": (
        "(a, b) C(r) of D²min (lines) and of the trained network's attribution (points) on the same nodes, by bin of "
        "the change of stress, sticks blue, slips orange, large ones dark: (a) of the attribution with its sign, (b) "
        "of its size. (c, d) Correlation lengths of stages, mean by bin, of the same two fields; ellipses, 1σ where a "
        "bin has 8 stages or more; dashed, ratio 1. (e) As d without ellipses, of networks that learned nothing and of "
        "the input. (f) Median ratio of both fields with its 90 % interval, and in how many of the stages both lengths "
        "can be fitted."
    ),
    "nulls": (
        "(a) Rank correlation of |attribution| with the trained network's while layers get random weights, from the "
        "output. (b, c) Median of the prediction while nodes are set to the baseline, or put in, the most important "
        "first, as a share of the way from the prediction of the baseline to that of the stage; bands, quartiles over "
        "stages, for the orders by attribution and at random. The scale is linear to ±2, logarithmic beyond."
    ),
    "clusters": (
        "(a, b) Active grains of a stick and of the slip after it, (c) of the largest slip, coloured by the number of "
        "grains in their cluster; one camera. (d, e) P(N) in bins of two an octave, curves of rising |Δs| shifted by a "
        "factor of 10 each; lines, discrete power laws by maximum likelihood. (f) Mean of ln R_g, sticks as circles, "
        "slips as squares, shifted by 1.6 each; lines, R_g ∝ N^(1/D). (g to j) η, D, Moran's I of being active and "
        "global efficiency; bands, bootstrap intervals over blocks of consecutive stages."
    ),
    "mechanisms": (
        "(a, b) Change of the major principal stress of every grain over a stick and the slip after it; one camera, "
        "one scale that ends at the 98th percentile of its size; red, larger. (c) Change of the elastic energy of all "
        "grains over its mean size in the bin; sticks dashed, curves shifted by a factor of 4 each. (d) The same for "
        "all sticks and all slips, of all (dashed) and of active grains (drawn through); dotted, exponential tails "
        "beyond one mean size by maximum likelihood. (e) Solid fraction in the radical Voronoi cells, mean over the "
        "frames of the stage."
    ),
}

ALTERNATIVES = {
    "overview": (
        "Three panels: sheared spheres coloured by non-affine motion, a stress curve, a scatter plot of predictions."
    ),
    "cell_and_stress": "Spheres in the shear cell, an enlarged stick-slip cycle, the whole stress-strain curve.",
    "d2min_snapshots": "Two pictures of the same grains, coloured by non-affine motion in a stick and in a slip.",
    "correlation": "Correlation against distance for sticks and slips, correlation length against stress fluctuation.",
    "coarse_graining": "Grains of a slice beside the nodes made of them, and the pair correlation.",
    "network": "A row of boxes, wide and flat at first, then smaller and thicker, then three bars: the layers.",
    "training": (
        "Stripes of training, validation and test stages; loss curves, predicted against true stress change, and "
        "histograms of errors, for each split."
    ),
    "scores": "Bars of R² of the network and of two baselines under the random and the blocked split.",
    "reliability": "Share of right signs against size of the stage; true against predicted stress change in bins.",
    "ablations": "Bars of R² for changed inputs and baselines, and R² against grid, radius, cell and training set.",
    "volumes": "Clouds and slices of non-affine motion beside those of the attribution, for a slip and for a stick.",
    "attributions": "Maps of non-affine motion beside maps of attribution for a slip and for a stick.",
    "completeness": "Histogram of the relative completeness error.",
    "lengths": "Correlation curves, lengths with ellipses, ratios of lengths for trained and null networks.",
    "nulls": "Rank correlation against randomised layers, and deletion and insertion curves.",
    "clusters": (
        "Three pictures of clusters in the cell; cluster sizes and radii on logarithmic axes; four quantities against "
        "the stress fluctuation with bands."
    ),
    "mechanisms": (
        "Two pictures of grains coloured by their change of stress; densities of the change of energy with straight "
        "tails on a logarithmic axis; densities of the local packing fraction."
    ),
}


@dataclass(frozen=True)
class About:
    """What of a run the words to its figures depend on: walls, stress, pressure, what has been made of it."""

    walls: bool = True
    stress: bool = True
    pressure_known: bool = True
    data: bool = True
    # R² for other grids
    sweeps: bool = False
    # split rule of the network that is explained, and stages of the deletion curves
    rule: str | None = None
    n_deleted: int | None = None

    @classmethod
    def of(cls, run: Run) -> About:
        """What its trajectory says; all is there where that cannot be read."""
        try:
            attributes, kind = run.attributes, run.grains["kind"].to_numpy()
        except MicroslipError:
            return cls()
        return cls(
            bool((kind != 0).any()), knows_stress(run), pressure_known(attributes), sweeps=grid_sweeps(run) is not None,
            rule=_explained_rule(run), n_deleted=_deleted_stages(run),
        )  # fmt: skip

    def with_data(self, data: bool) -> About:
        """The same of a figure that shows something, or nothing yet."""
        return replace(self, data=data)


def _explained_rule(run: Run) -> str | None:
    """The split rule whose network the attributions explain; None where there are none."""
    try:
        rule = run.attributions.attrs.get("rule")
    except MicroslipError:
        return None
    return str(rule) if rule else None


def _deleted_stages(run: Run) -> int | None:
    """Number of stages in the deletion curves; None where there are none."""
    try:
        n = read_table(run.folder / "interpretation" / "deletion.csv", ["n"])["n"]
    except MicroslipError:
        return None
    return int(n.max()) if len(n) else None


def setting(config: Config, name: str) -> Any:
    """A value of the configuration by its dotted name; None where it is not there."""
    value: Any = config
    for part in name.split("."):
        if not isinstance(value, dict) or part not in value:
            return None
        value = value[part]
    return value


def threshold(config: Config) -> Any:
    """The smallest swing of s that ends a stage [p]: that of the stages, else that of the recording."""
    own = setting(config, "stages.threshold")
    return own if own is not None else setting(config, "recording.threshold")


def caption(name: str, config: Config, about: About | None = None) -> str:
    """What a figure shows, the settings that its numbers depend on, and which figure of the paper shows the same.

    Parameters
    ----------
    name, config
        The figure, and the run's resolved configuration.
    about
        What the run has; without it an imported run is taken to have no walls.
    """
    imported = "source" in config
    about = about or About(walls=not imported and setting(config, "cell.walls") is not False)
    if not about.data:
        return NOT_MADE
    of_windows = SHOWN_OF_WINDOWS.get(name) if not about.stress else None
    of_imported = SHOWN_OF_IMPORTED.get(name) if imported else None
    without_walls = SHOWN_WITHOUT_WALLS.get(name) if not imported and not about.walls else None
    said = [of_windows or of_imported or without_walls or SHOWN.get(name, "")]
    if about.walls and name in ("d2min_snapshots", "overview"):
        said.append(_WALLS.strip())
    if about.walls and imported and name == "cell_and_stress":
        said.append("Wall grains are dark.")
    if about.stress or name not in ("overview", "cell_and_stress"):
        said += _settings(name, config)
    said += _made(name, about)
    if not about.pressure_known and about.stress and name in _IN_P:
        said.append("Stresses are in source units, for which p stands in this text.")
    if name in COUNTERPARTS:
        said.append(f"Counterpart of fig. {COUNTERPARTS[name]} of Mei et al. 2023.")
    return " ".join(said).strip()


def _made(name: str, about: About) -> list[str]:
    """Sentences on what has been made of the run."""
    if name == "coarse_graining" and about.sweeps:
        return [
            "(d, e) R² on the test set with 90 % bootstrap intervals for other spacings and radii; dashed, the run "
            "itself."
        ]
    if name == "coarse_graining" and about.stress:
        return ["`microslip ablate` adds panels of R² for other spacings and radii."]
    said = []
    if name == "nulls" and about.n_deleted is not None:
        said.append(
            f"(b, c) are of {about.n_deleted} stages: of those explained, the ones whose prediction lies furthest from "
            "that of the baseline."
        )
    if name in {"attributions", "volumes", "completeness", "lengths", "nulls"} and about.rule is not None:
        said.append(f"Attributions are of the network of the {about.rule} split, stages of its test set.")
    return said


# Figures whose texts give stresses in p.
_IN_P = frozenset(TITLES) - {"coarse_graining", "network", "scores", "ablations", "completeness", "nulls"}


def _settings(name: str, config: Config) -> list[str]:
    sentences = []

    def add(sentence: str, *names: str) -> None:
        values = [threshold(config) if each == "threshold" else setting(config, each) for each in names]
        if all(value is not None for value in values):
            sentences.append(sentence.format(*(show(value) for value in values)))

    if name in {"overview", "cell_and_stress", "d2min_snapshots", "correlation", "training", "clusters", "mechanisms"}:
        add("A stage ends where the swing that follows exceeds {} p.", "threshold")
    if name in {"overview", "d2min_snapshots", "correlation", "coarse_graining", "clusters"}:
        add("D²min: mean over the neighbours within {} d̄ in the frame at the start of the stage.", "nonaffine.cutoff")
    if name == "cell_and_stress":
        add("Warm-up: {} of strain. Stress every {} of strain.", "loading.warm_up", "recording.strain_step")
        add("Warm-up at {} /s, the rest at {} /s.", "loading.warm_up_rate", "loading.shear_rate")
    if name == "correlation":
        add("Fits start at {} d̄ with m = {}; distances reach {} d̄ or half the smallest period.",
            "correlation.fit_from", "correlation.exponent", "correlation.farthest")  # fmt: skip
    if name == "coarse_graining":
        add("L_grid = {} d₅₀, δ = {} d₅₀, d₅₀ = d̄; g(r) over {} frames.",
            "voxels.spacing", "voxels.radius", "correlation.pair_frames")  # fmt: skip
    if name in {"clusters", "mechanisms"}:
        add("Active: the {} of the bulk grains with the largest D²min.", "clusters.fraction")
    if name == "clusters":
        if setting(config, "clusters.link") == "distance":
            add("Linked: centres within {} d̄.", "clusters.link_distance")
        else:
            add("Linked: distance at most the sum of the radii, by “{}”.", "clusters.link")
        add("Smaller clusters than {} grains are not shown, and count in no fit.", "clusters.smallest")
        add("Neighbours of Moran's I: grains within {} d̄; graph of the efficiency: {} nearest clusters.",
            "clusters.moran_distance", "clusters.n_neighbours")  # fmt: skip
        add("Intervals: {} from {} draws of {} blocks.",
            "bootstrap.confidence", "bootstrap.n_samples", "bootstrap.n_blocks")  # fmt: skip
    if name in {"overview", "training", "scores"}:
        add("Shares: {} training, {} validation, the rest test.", "split.train", "split.validation")
        add("Between blocks {} stages are left out.", "split.guard")
        add("Seed {} (weights, order, augmentation, random split).", "training.seed")
    if name in {"training", "attributions", "volumes"}:
        add("Nodes every {} d₅₀ carry the mean D²min of the grains within {} d₅₀.", "voxels.spacing", "voxels.radius")
        add("Input: log₁₀(D²min + {}), standardised.", "training.floor")
    if name in {"attributions", "completeness", "volumes"}:
        add("Path from the baseline “{}”, {} points or more.", "attribution.baseline", "attribution.n_steps")
    return sentences
