"""Checks of the flow: homogeneous over the height, and steady."""

from __future__ import annotations

from functools import partial

import numpy as np

from microslip.dem.flow import drift_in_words, flow_in_words
from microslip.statistics.profiles import (
    DRIFT_STRAIN,
    LARGEST_DEPARTURE,
    LARGEST_DRIFT,
    LARGEST_SHARE,
    LEAST_SHARE,
    QUARTERS,
    WINDOW,
    Decision,
)
from microslip.views.report.check import Answer, Check, Verdict
from microslip.views.report.parts import Parts
from microslip.views.wording import show

_VERDICT: dict[Decision, Verdict] = {"yes": "passed", "no": "failed", "not decided": "open"}


def _homogeneous(parts: Parts) -> Answer:
    numbers = parts.flow
    short = numbers["homogeneous"] == "not decided" and numbers["window"] < WINDOW
    return Answer(_VERDICT[numbers["homogeneous"]], flow_in_words(numbers), "Shear longer." if short else "")


def _steady(parts: Parts) -> Answer | None:
    numbers = parts.flow
    if not np.isfinite(numbers["drift"]):
        return None
    remedy = "Shear longer." if numbers["steady"] == "not decided" else ""
    return Answer(_VERDICT[numbers["steady"]], drift_in_words(numbers), remedy)


_of_the_cell = partial(Check, "Cell and loading")

FLOW = (
    _of_the_cell(
        "Homogeneous flow",
        ("flow",),
        _homogeneous,
        f"|u/U − (1 − z/H)| at most {show(LARGEST_DEPARTURE)}, and {show(100 * LEAST_SHARE)} to"
        f" {show(100 * LARGEST_SHARE)} % of the active grains in each of {show(QUARTERS)} parts of the height, over"
        f" {show(WINDOW)} of strain",
        "In a band another packing flows at another rate beside one that rests, and lengths, clusters and stages are"
        " those of the band.",
        "Take thick amorphous walls (cell.wall), a lower loading.preparation_friction or a looser packing, or leave the"
        " walls out (cell.walls).",
    ),
    _of_the_cell(
        "Drift of the solid fraction",
        ("flow",),
        _steady,
        f"less than {show(LARGEST_DRIFT)} in {show(DRIFT_STRAIN)} of strain, its error on top",
        "A packing that still dilates is on its way to another state, however slowly.",
        "Raise loading.warm_up, or shear longer.",
    ),
)
