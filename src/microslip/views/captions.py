"""What each figure shows and how it was measured, in a run's own numbers."""

from __future__ import annotations

from typing import Any

from microslip.views.wording import show

# Where a setting is not in the run's configuration, the sentence about it is left out.
Config = dict[str, Any]

TITLES = {
    "overview": "The run at a glance",
    "cell_and_stress": "Shear cell and stress",
    "d2min_snapshots": "Non-affine motion in a stick and in a slip",
    "correlation": "Spatial correlation of non-affine motion",
    "training": "Learning the stress change from the pattern",
    "scores": "Network against baselines without pattern",
    "reliability": "What the predictions are worth",
    "ablations": "What the pattern adds",
    "attributions": "Where the network looks",
    "completeness": "Do the attributions add up?",
    "lengths": "Size of the attributions and of the motion",
    "nulls": "Attributions under controls",
}

SHOWN_OF_IMPORTED = {
    "cell_and_stress": (
        "(a) First frame, wall grains dark. (b) One stick-slip cycle, turning points as circles. (c) The imported "
        "shear stress over p."
    ),
}

SHOWN = {
    "overview": (
        "Grains coloured by D²min in a large slip; shear stress around it, stick stages blue and slip stages red; "
        "predicted against true change of stress on the test sets of both split rules."
    ),
    "cell_and_stress": (
        "(a) First kept frame, wall grains dark. (b) One stick-slip cycle, turning points as circles. (c) Mean of "
        "the shear forces on the two walls over area and pressure; grey, the warm-up, in which no stage starts."
    ),
    "d2min_snapshots": (
        "One camera, one colour scale: a stick stage and the slip after it. Positions and neighbours are those at "
        "the start of the stage. Wall grains serve as neighbours and get no value of their own."
    ),
    "correlation": (
        "C(r) of D²min, stages grouped by the size of their stress fluctuation, with fits A r⁻ᵐ exp(−r/ξ). Bars: "
        "standard error between stages. (c) ξ with its confidence interval; dashed with a band, all sticks and "
        "all slips."
    ),
    "training": (
        "Loss, predicted against true change of stress, and errors (the 1 % largest not drawn), under the random "
        "split (above) and the blocked split (below)."
    ),
    "scores": (
        "R² on the test set. Baselines: gradient-boosted trees on log₁₀ of the mean of D²min, and of its "
        "quantiles, over the grains. Bars end at −0.25; the numbers do not."
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
    "attributions": (
        "Integrated Gradients of the predicted change of stress for the largest slip and the largest stick "
        "explained: positive nodes (red) push towards slip. Grey nodes are empty."
    ),
    "completeness": "|Σ attribution − (prediction − that of the baseline)| over that difference, by stage.",
    "lengths": (
        "(a) C(r) of D²min (lines) and of the size of the attribution (points) on the same nodes, by bin of the change "
        "of stress, sticks blue, slips red, large ones dark. (b, c) Correlation lengths of stages: mean by bin, with "
        "1σ (dotted) and 2σ ellipses; dashed, ratio 1. (d) Median ratio with its 90 % interval, and in how many of the "
        "stages both lengths can be fitted."
    ),
    "nulls": (
        "(a) Rank correlation of |attribution| with the trained network's while layers get random weights, from the "
        "output. (b, c) Median of the prediction while nodes are set to the baseline, or put in, the most important "
        "first; bands hold half of the stages."
    ),
}

ALTERNATIVES = {
    "overview": (
        "Three panels: sheared spheres coloured by non-affine motion, a stress curve, a scatter plot of predictions."
    ),
    "cell_and_stress": "Spheres between two rough walls, an enlarged stick-slip cycle, the whole stress-strain curve.",
    "d2min_snapshots": "Two pictures of the same grains, coloured by non-affine motion in a stick and in a slip.",
    "correlation": "Correlation against distance for sticks and slips, correlation length against stress fluctuation.",
    "training": "Loss curves, predicted against true stress change, and histograms of errors, for each split.",
    "scores": "Bars of R² of the network and of two baselines under the random and the blocked split.",
    "reliability": "Share of right signs against size of the stage; true against predicted stress change in bins.",
    "ablations": "Bars of R² for changed inputs and baselines, and R² against grid, radius, cell and training set.",
    "attributions": "Maps of non-affine motion beside maps of attribution for a slip and for a stick.",
    "completeness": "Histogram of the relative completeness error.",
    "lengths": "Correlation curves, ellipses of correlation lengths, ratios of lengths for trained and null networks.",
    "nulls": "Rank correlation against randomised layers, and deletion and insertion curves.",
}


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


def caption(name: str, config: Config) -> str:
    """What a figure shows, then the settings that its numbers depend on."""
    shown = SHOWN_OF_IMPORTED.get(name) if "source" in config else None
    return " ".join([shown or SHOWN.get(name, ""), *_settings(name, config)]).strip()


def _settings(name: str, config: Config) -> list[str]:
    sentences = []

    def add(sentence: str, *names: str) -> None:
        values = [threshold(config) if each == "threshold" else setting(config, each) for each in names]
        if all(value is not None for value in values):
            sentences.append(sentence.format(*(show(value) for value in values)))

    if name in {"overview", "cell_and_stress", "d2min_snapshots", "correlation", "training"}:
        add("A stage ends where the swing that follows exceeds {} p.", "threshold")
    if name in {"overview", "d2min_snapshots", "correlation"}:
        add("D²min: mean over the neighbours within {} d̄ in the frame at the start of the stage.", "nonaffine.cutoff")
    if name == "cell_and_stress":
        add("Warm-up: {} of strain. Stress every {} of strain.", "loading.warm_up", "recording.strain_step")
    if name == "correlation":
        add("Fits start at {} d̄ with m = {}; distances reach {} d̄ or half the smallest period.",
            "correlation.fit_from", "correlation.exponent", "correlation.farthest")  # fmt: skip
    if name in {"overview", "training", "scores"}:
        add("Shares: {} training, {} validation, the rest test.", "split.train", "split.validation")
        add("Between blocks {} stages are left out.", "split.guard")
        add("Seed {} (weights, order, augmentation, random split).", "training.seed")
    if name in {"training", "attributions"}:
        add("Nodes every {} d₅₀ carry the mean D²min of the grains within {} d₅₀.", "voxels.spacing", "voxels.radius")
        add("Input: log₁₀(D²min + {}), standardised.", "training.floor")
    if name in {"attributions", "completeness"}:
        add("Path from the baseline “{}”, {} points or more.", "attribution.baseline", "attribution.n_steps")
    return sentences
