"""Checks of the network's scores: against leaks between the sets, baselines without pattern, and chance."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd

from microslip.data.openings import count_openings, openings_in_words
from microslip.statistics.intervals import coverage_apart, coverage_by_size, coverage_of_largest, wilson
from microslip.statistics.resampling import SCORE_COVERAGE
from microslip.views.names import RULES
from microslip.views.report.check import Answer, Check, Verdict, below, judge, share
from microslip.views.report.parts import Parts
from microslip.views.report.results import MODELS, best_without_pattern, with_interval
from microslip.views.tables import score
from microslip.views.wording import between, show

# R² on the test set, random less blocked split; and training less test set.
LARGEST_LEAK = 0.1
LARGEST_OVERFIT = 0.15
# Share of stages inside the 90 % interval: of all, of each tenth by predicted size, and of the largest stages, a tenth
# of the test set and no fewer than ten.
TOLERANCE = 0.05
COVERAGE = (SCORE_COVERAGE - TOLERANCE, SCORE_COVERAGE + TOLERANCE)
LARGEST_FRACTION, FEWEST_OF_LARGEST = 0.1, 10
# Slope of the true on the predicted.
CALIBRATED = (0.8, 1.25)
_NOT_BOTH = "One of the split rules has no score: microslip train makes both."


def _rule(parts: Parts) -> str:
    """The blocked split, which does not put neighbours in time on both sides, where it has scores."""
    return "blocked" if np.isfinite(score(parts.metrics, "blocked", "network", "test")) else "random"


def _test(parts: Parts, name: str) -> float:
    return score(parts.metrics, _rule(parts), "network", "test", name)


def _with_interval(parts: Parts, name: str) -> str:
    return between(*with_interval(parts.metrics, _rule(parts), name=name))


def _leak(parts: Parts) -> Answer:
    random, blocked = (score(parts.metrics, rule, "network", "test") for rule in RULES)
    remedy = "" if np.isfinite(random - blocked) else parts.too_few_to_train or _NOT_BOTH
    verdict = judge(below(random - blocked, LARGEST_LEAK))
    return Answer(verdict, f"R² {show(random)} random, {show(blocked)} blocked", remedy)


def _better(parts: Parts) -> Answer:
    network, low = _test(parts, "r2"), _test(parts, "r2_low")
    rival = best_without_pattern(parts.metrics, _rule(parts))
    if rival is None or not np.isfinite(network):
        return Answer("open", "no baseline has been measured")
    model, best = rival
    value = f"R² {_with_interval(parts, 'r2')} against {show(best)} of {MODELS[model]}"
    paired = [
        score(parts.metrics, _rule(parts), model, "test", f"less_than_network{end}") for end in ("", "_low", "_high")
    ]
    gain, gain_low = network - best, low - best
    if np.isfinite(paired).all():
        # the same stages are hard for both: their difference is known better than either
        value += f", paired difference {between(*paired)}"
        gain, gain_low, _ = paired
    if gain <= 0:
        return Answer(
            "failed", value, "Do not speak of a pattern: the amplitude explains as much. Train on more stages."
        )
    return Answer("passed" if gain_low > 0 else "open", value)


def _sign(parts: Parts) -> Answer | None:
    if not np.isfinite(_test(parts, "sign_accuracy")):
        return None
    low = _test(parts, "sign_accuracy_low")
    value = f"sign right in {_with_interval(parts, 'sign_accuracy')} of the test stages"
    return Answer(judge(low > 0.5 if np.isfinite(low) else None), value)


def _coverage(parts: Parts) -> Answer | None:
    covered = _test(parts, "coverage")
    if not np.isfinite(covered):
        return None
    value = f"{share(covered)} of the test stages inside the {share(SCORE_COVERAGE)} interval ({_rule(parts)} split)"
    return Answer(judge(COVERAGE[0] <= covered <= COVERAGE[1]), value)


def _intervals(parts: Parts) -> pd.DataFrame | None:
    """The test stages with their intervals; None where there are none."""
    table = parts.tables.get("model/predictions")
    if table is None or not {"prediction", "low", "high"} <= set(table.columns):
        return None
    test = table[(table["rule"] == _rule(parts)) & (table["split"] == "test")].astype(
        dict.fromkeys(("target", "prediction", "low", "high"), "float64")
    )
    return test if np.isfinite(test[["low", "high"]].to_numpy()).any() else None


def _coverage_by_size(parts: Parts) -> Answer | None:
    test = _intervals(parts)
    if test is None:
        return None
    target, low, high = (test[name].to_numpy() for name in ("target", "low", "high"))
    table = coverage_by_size(target, low, high, np.abs(test["prediction"].to_numpy()))
    apart = coverage_apart(table, SCORE_COVERAGE, TOLERANCE)
    value = f"{share(table['coverage'].min())} to {share(table['coverage'].max())} of the stages in tenths by predicted"
    value += f" size, {share(table['coverage'].iloc[-1])} in the largest (|Δs| ≥ {show(table['size_low'].iloc[-1], 2)}"
    value += f" {parts.stress_unit}, {_rule(parts)} split)"
    remedy = "" if apart else "A tenth holds too few stages to decide: more test stages do."
    return Answer(judge(None if apart is None else not apart), value, remedy)


def _coverage_of_largest(parts: Parts) -> Answer | None:
    test = _intervals(parts)
    if test is None:
        return None
    target, low, high = (test[name].to_numpy() for name in ("target", "low", "high"))
    largest = coverage_of_largest(target, low, high, fraction=LARGEST_FRACTION, fewest=FEWEST_OF_LARGEST)
    if largest is None:
        return Answer("open", "too few test stages", "More test stages tell.")
    value = f"{share(largest.share)} of the {largest.n} truly largest inside (|Δs| ≥ {show(largest.smallest, 2)}"
    value += f" {parts.stress_unit}, {_rule(parts)} split)"
    _, most = wilson(round(largest.share * largest.n), largest.n)
    short = largest.share < COVERAGE[0]
    return Answer(judge(None if short and most >= COVERAGE[0] else not short), value)


def _openings(parts: Parts) -> Answer:
    table = parts.tables.get("test_openings")
    if table is None or table.empty:
        return Answer("open", "not recorded", "Networks that were trained before a record was kept: train again.")
    trained = count_openings(table).set_index("rule")["trained"].reindex(list(RULES)).dropna()
    return Answer(judge(bool((trained <= 1).all()) if len(trained) else None), openings_in_words(table))


def _slope(parts: Parts) -> Answer | None:
    slope = _test(parts, "slope")
    if not np.isfinite(slope):
        return None
    return Answer(judge(CALIBRATED[0] <= slope <= CALIBRATED[1]), f"slope of true on predicted {show(slope)}")


def _overfit(parts: Parts) -> Answer:
    train, test = (score(parts.metrics, "random", "network", split) for split in ("train", "test"))
    verdict = judge(below(train - test, LARGEST_OVERFIT))
    return Answer(verdict, f"R² {show(train)} on training, {show(test)} on test stages, random split")


def _shuffled(parts: Parts) -> Answer | None:
    table = parts.tables["ablations/summary"]
    table = table[(table["family"] == "input") & table["value"].isin(["full", "shuffled"])]
    for rule in reversed(RULES):
        rows = table[table["rule"] == rule].set_index("value")
        if {"full", "shuffled"} <= set(rows.index):
            break
    else:
        return None
    full, mixed = rows.loc["full"], rows.loc["shuffled"]
    apart = bool(full["r2_low"] > mixed["r2_high"])
    verdict: Verdict = "failed" if full["r2"] <= mixed["r2"] else "passed" if apart else "open"
    texts = [between(row["r2"], row["r2_low"], row["r2_high"]) for row in (full, mixed)]
    return Answer(verdict, f"R² {texts[0]}, nodes shuffled {texts[1]}, {rule} split")


_of_the_network = partial(Check, "Network")

NETWORK = (
    _of_the_network(
        "Splits that leak",
        ("metrics",),
        _leak,
        f"random less blocked at most {show(LARGEST_LEAK)}",
        "Stages that follow each other share most of their packing. The random split puts them on both sides.",
        "Quote the blocked split alone.",
    ),
    _of_the_network(
        "Network against no pattern",
        ("metrics",),
        _better,
        "above the best of them, interval of the paired difference included",
        "How much grains move says a part of the stress change. Only what is beyond that comes from where they move.",
        "More test stages narrow the interval.",
    ),
    _of_the_network(
        "Sign of the stress change",
        ("metrics",),
        _sign,
        "interval above 0.5",
        "R² is made by the few largest stages; the sign counts each stage once, and chance is one half.",
        "Read the scores by size of the stage: the smallest may be noise.",
    ),
    _of_the_network(
        "Coverage of the intervals",
        ("metrics",),
        _coverage,
        f"{share(COVERAGE[0])} to {share(COVERAGE[1])}",
        "Widths are set by the errors of the validation stages, which also chose the epoch.",
        "Use more validation stages, which set the width.",
    ),
    _of_the_network(
        "Coverage by size",
        ("metrics", "model/predictions"),
        _coverage_by_size,
        f"{share(COVERAGE[0])} to {share(COVERAGE[1])} in every tenth by predicted size",
        "One width for all stages would be right on the whole, too wide for the small stages and too narrow for the"
        " large ones. Widths follow the predicted size, so that the coverage can hold for every predicted size.",
        "Do not quote the interval for the sizes where it fails; use more validation stages.",
    ),
    _of_the_network(
        "Coverage of the largest stages",
        ("metrics", "model/predictions"),
        _coverage_of_largest,
        f"at least {share(COVERAGE[0])} of the truly largest tenth",
        "An interval about a prediction promises nothing given the true size: a large stage that was taken for a small"
        " one lies outside. How often that happens is measured here.",
        "Do not quote the interval for large stages; give their coverage beside it.",
    ),
    _of_the_network(
        "Test set opened once",
        ("metrics",),
        _openings,
        "trained and scored with one set of settings",
        "Whoever looks again with other settings, and keeps the better ones, has chosen by the test set.",
        "Say beside the score how often it was opened, or quote that of another packing (microslip transfer).",
    ),
    _of_the_network(
        "Calibration",
        ("metrics",),
        _slope,
        f"{show(CALIBRATED[0])} to {show(CALIBRATED[1])}",
        "Below 1 the predictions are too large, above 1 they shrink towards the mean.",
        "Train longer or on more stages; until then rescale by the slope.",
    ),
    _of_the_network(
        "Overfitting",
        ("metrics",),
        _overfit,
        f"apart by at most {show(LARGEST_OVERFIT)}",
        "What a network knows of the stages it was trained on and of no others is their noise.",
        "Train on more stages, or stop earlier.",
    ),
    _of_the_network(
        "Nodes shuffled",
        ("metrics", "ablations/summary"),
        _shuffled,
        "better with the nodes where they are, intervals apart",
        "Shuffled nodes keep every value and lose every place. What is left without places is no pattern.",
        "More stages or more seeds narrow the intervals (training.seed, ablation.seeds).",
    ),
)
