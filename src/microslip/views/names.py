"""Names, labels with units, colours and markers of what figures and pages show."""

from __future__ import annotations

from typing import Any

from microslip.views.style import BLUE, GREEN, GREY, INK, ORANGE, PURPLE, SKY, VERMILLION

STRESS_LABEL = r"shear stress $s$ [$p$]"
STRAIN_LABEL = r"shear strain $\gamma$ [1]"
D2MIN_LABEL = r"$D^2_\mathrm{min}$ [$\bar d^2$]"
LOG_D2MIN_LABEL = r"$\log_{10}(D^2_\mathrm{min}\,/\,\bar d^2)$"
LENGTH_LABEL = r"correlation length $\xi$ [$\bar d$]"
SPACING_LABEL = r"$L_\mathrm{grid}$ [$d_{50}$]"
RADIUS_LABEL = r"$\delta$ [$d_{50}$]"
FLUCTUATION_LABEL = r"mean $|\Delta s|$ [$p$]"
RULES = ("random", "blocked")
RULE_COLOUR = {"random": BLUE, "blocked": VERMILLION}

# The two rules often agree; in grey print, marker and line tell them apart.
RULE_MARKER = {"random": "o", "blocked": "s"}
RULE_LINE: dict[str, Any] = {"random": "-", "blocked": (0, (4, 1.5))}

# The lines of an assessment: both rules, and folds that roll forward in strain.
LINE_COLOUR = RULE_COLOUR | {"rolling": GREEN}
LINE_MARKER = RULE_MARKER | {"rolling": "^"}
LINE_STYLE = RULE_LINE | {"rolling": (0, (1, 1.2))}
LINE_NAME = {"random": "random split", "blocked": "blocked split", "rolling": "rolling folds"}
SPLIT_COLOUR = {"train": GREY, "validation": ORANGE, "test": VERMILLION}
MODEL_COLOUR = {
    "network": BLUE,
    "ridge_voxels": SKY,
    "d2min_quantiles": GREEN,
    "mean_d2min": PURPLE,
    "strain_increment": ORANGE,
}
MODEL_NAME = {
    "network": "network",
    "ensemble": "mean of the seeds",
    "d2min_quantiles": r"quantiles of $D^2_\mathrm{min}$",
    "mean_d2min": r"mean $D^2_\mathrm{min}$",
    "ridge_voxels": "ridge on voxels",
    "strain_increment": "length of the stage",
}

# Bars of R² end here, with the number beside them: how far R² lies below 0 is of no interest.
R2_FLOOR = -0.25

# Blue and vermilion are sticks and slips.
NETWORK_COLOUR = {"trained": INK, "untrained": ORANGE, "shuffled": PURPLE, "input": GREEN}
NETWORK_NAME = {
    "trained": "trained",
    "untrained": "untrained",
    "shuffled": "trained on noise",
    "input": "no network: the input",
}

# Other markers than those of the kinds of stages.
FIELD_MARKER = {"signed": "D", "size": "v"}
FIELD_NAME = {"signed": "with its sign", "size": "its size"}

# Lines without gaps are of orders that know the direction of what a node does.
ORDER_COLOUR = {
    "attribution": BLUE,
    "expected": INK,
    "untrained": ORANGE,
    "shuffled": VERMILLION,
    "size of attribution": PURPLE,
    "d2min": GREEN,
    "input": SKY,
    "random": GREY,
}
ORDER_LINE: dict[str, Any] = {
    "attribution": "-",
    "expected": "-",
    "untrained": "-",
    "shuffled": "-",
    "size of attribution": (0, (5, 1.5)),
    "d2min": (0, (5, 1.2, 1, 1.2)),
    "input": (0, (3, 1, 1, 1, 1, 1)),
    "random": (0, (1, 1)),
}
ORDER_NAME = {
    "attribution": "attribution",
    "expected": "Expected Gradients",
    "untrained": "of an untrained network",
    "shuffled": "of one trained on noise",
    "size of attribution": "its size",
    "d2min": r"$D^2_\mathrm{min}$",
    "input": "size of the input",
    "random": "at random",
}
CONTROL_NAME = {"number": "any node", "height": "equal height", "amplitude": r"equal $D^2_\mathrm{min}$"}
AREA_MARKER = {"stages": "o", "baseline": "x"}
AREA_NAME = {"stages": "other stages", "baseline": "baseline"}
