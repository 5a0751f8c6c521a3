"""Checks of the network's scores and of its attributions: against leaks, baselines without pattern, and nulls."""

from __future__ import annotations

import numpy as np
import pandas as pd

from microslip.views.captions import setting
from microslip.views.learning import RULES, score
from microslip.views.report.checks import Check, Verdict, below, judge, share
from microslip.views.report.parts import Parts
from microslip.views.wording import between, show

# R² on the test set, random less blocked split; and training less test set.
LARGEST_LEAK = 0.1
LARGEST_OVERFIT = 0.15
# Share of stages inside the 90 % interval.
COVERAGE = (0.85, 0.95)
# The same of the largest stages, a tenth of the test set and no fewer than ten: this share of the 90 %.
STATED_COVERAGE = 0.9
LEAST_OF_LARGEST = 0.8
LARGEST_STAGES = (0.1, 10)
# Slope of the true on the predicted.
CALIBRATED = (0.8, 1.25)
# What has no place of a grain in it.
WITHOUT_PATTERN = {
    "mean_d2min": "mean D²min",
    "d2min_quantiles": "quantiles of D²min",
    "strain_increment": "length of the stage",
}
# Rank correlation of the attribution with that of a network whose layers are all random.
LARGEST_RANDOM = 0.5
# Of the explained stages.
COMPLETE = 0.95
LEAST_FITTED = 0.5

NETWORK, ATTRIBUTIONS = "Network", "Attributions"
FIELDS = {"signed": "signed attribution", "size": "size of the attribution"}
NULLS = {
    "untrained": "an untrained network",
    "shuffled": "a network trained on noise",
    "input": "the input itself",
}


def check_network(parts: Parts) -> list[Check]:
    """Scores of the blocked split, which does not put neighbours in time on both sides, where there are such."""
    if not parts.metrics:
        return []
    rule = "blocked" if np.isfinite(score(parts.metrics, "blocked", "network", "test")) else "random"
    checks = [_leak(parts), _better(parts, rule), _sign(parts, rule), _coverage(parts, rule), _slope(parts, rule)]
    checks += [_overfit(parts), _pattern(parts)]
    return [check for check in checks if check is not None]


def check_attributions(parts: Parts) -> list[Check]:
    """Whether attributions add up, belong to the trained network, and point at what the prediction needs."""
    checks = [_complete(parts), _fitted(parts), *_nulls(parts), _layers(parts), _deletion(parts)]
    return [check for check in checks if check is not None]


def _r2(parts: Parts, rule: str, model: str, split: str = "test") -> str:
    values = [score(parts.metrics, rule, model, split, name) for name in ("r2", "r2_low", "r2_high")]
    return between(*values)


def _leak(parts: Parts) -> Check:
    values = [score(parts.metrics, rule, "network", "test") for rule in RULES]
    gap = values[0] - values[1]
    return Check(
        NETWORK,
        "Splits that leak",
        judge(below(gap, LARGEST_LEAK)),
        f"R² {show(values[0])} random, {show(values[1])} blocked",
        f"random less blocked at most {show(LARGEST_LEAK)}",
        "Stages that follow each other share most of their packing. The random split puts them on both sides.",
        "Quote the blocked split alone."
        if np.isfinite(gap)
        else parts.too_few_to_train or "One of the split rules has no score: microslip train makes both.",
    )


def _better(parts: Parts, rule: str) -> Check:
    network = score(parts.metrics, rule, "network", "test")
    low = score(parts.metrics, rule, "network", "test", "r2_low")
    rivals = {name: score(parts.metrics, rule, name, "test") for name in WITHOUT_PATTERN}
    known = {name: value for name, value in rivals.items() if np.isfinite(value)}
    if not known or not np.isfinite(network):
        verdict: Verdict = "open"
        said = "no baseline has been measured"
    else:
        best = max(known, key=lambda name: known[name])
        verdict = "passed" if network > known[best] else "failed"
        if verdict == "passed" and np.isfinite(low) and low <= known[best]:
            verdict = "open"
        said = f"R² {_r2(parts, rule, 'network')} against {show(known[best])} of {WITHOUT_PATTERN[best]}"
    return Check(
        NETWORK,
        "Network against no pattern",
        verdict,
        said,
        "above the best of them, interval included",
        "How much grains move says a part of the stress change. Only what is beyond that comes from where they move.",
        "Do not speak of a pattern: the amplitude explains as much. Train on more stages."
        if verdict == "failed"
        else "More test stages narrow the interval.",
    )


def _sign(parts: Parts, rule: str) -> Check | None:
    value, low, high = (
        score(parts.metrics, rule, "network", "test", f"sign_accuracy{end}") for end in ("", "_low", "_high")
    )
    if not np.isfinite(value):
        return None
    return Check(
        NETWORK,
        "Sign of the stress change",
        judge(None if not np.isfinite(low) else low > 0.5),
        f"sign right in {between(value, low, high)} of the test stages",
        "interval above 0.5",
        "R² is made by the few largest stages; the sign counts each stage once, and chance is one half.",
        "Read the scores by size of the stage: the smallest may be noise.",
    )


def coverage_of_largest(parts: Parts, rule: str) -> tuple[float, int, float] | None:
    """Share of the largest test stages inside their intervals, their number, and the smallest |Δs| among them."""
    table = parts.tables.get("model/predictions")
    if table is None or not {"low", "high"} <= set(table.columns):
        return None
    test = table[(table["rule"] == rule) & (table["split"] == "test")].dropna(subset=["target", "low", "high"])
    fraction, fewest = LARGEST_STAGES
    n = max(fewest, int(np.ceil(fraction * len(test))))
    # the largest ten of fewer than twenty are no largest ones
    if len(test) < 2 * n:
        return None
    size = test["target"].abs()
    largest = test.loc[size.nlargest(n).index]
    inside = (largest["low"] <= largest["target"]) & (largest["target"] <= largest["high"])
    return float(inside.mean()), n, float(size.nlargest(n).min())


def _coverage(parts: Parts, rule: str) -> Check | None:
    value = score(parts.metrics, rule, "network", "test", "coverage")
    if not np.isfinite(value):
        return None
    largest = coverage_of_largest(parts, rule)
    least = LEAST_OF_LARGEST * STATED_COVERAGE
    said = f"{share(value)} of the test stages inside the {share(STATED_COVERAGE)} interval ({rule} split), "
    if largest is None:
        said += "by size not known"
    else:
        said += f"{share(largest[0])} of the {largest[1]} largest (|Δs| ≥ {show(largest[2], 2)} {parts.stress_unit})"
    whole = COVERAGE[0] <= value <= COVERAGE[1]
    one_width = int(setting(parts.config, "training.ensemble") or 1) == 1
    width = "one width for all stages" if one_width else "a width that follows the spread of the ensemble"
    return Check(
        NETWORK,
        "Coverage of the intervals",
        judge(False if not whole else None if largest is None else largest[0] >= least),
        said,
        f"{share(COVERAGE[0])} to {share(COVERAGE[1])} of all, at least {share(least)} of the largest tenth",
        f"Intervals are made as in split conformal prediction, with {width}, set by the errors of the validation "
        "stages (which also chose the epoch): they promise coverage of all stages together, not of the large ones.",
        "Do not quote the interval for large stages; give their coverage beside it."
        if whole
        else "Use more validation stages, which set the width.",
    )


def _slope(parts: Parts, rule: str) -> Check | None:
    value = score(parts.metrics, rule, "network", "test", "slope")
    if not np.isfinite(value):
        return None
    return Check(
        NETWORK,
        "Calibration",
        judge(CALIBRATED[0] <= value <= CALIBRATED[1]),
        f"slope of true on predicted {show(value)}",
        f"{show(CALIBRATED[0])} to {show(CALIBRATED[1])}",
        "Below 1 the predictions are too large, above 1 they shrink towards the mean.",
        "Train longer or on more stages; until then rescale by the slope.",
    )


def _overfit(parts: Parts) -> Check:
    train, test = (score(parts.metrics, "random", "network", split) for split in ("train", "test"))
    return Check(
        NETWORK,
        "Overfitting",
        judge(below(train - test, LARGEST_OVERFIT)),
        f"R² {show(train)} on training, {show(test)} on test stages, random split",
        f"apart by at most {show(LARGEST_OVERFIT)}",
        "What a network knows of the stages it was trained on and of no others is their noise.",
        "Train on more stages, or stop earlier.",
    )


def _pattern(parts: Parts) -> Check | None:
    table = parts.tables.get("ablations/summary")
    if table is None:
        return None
    rows = table[(table["family"] == "input") & table["value"].isin(["full", "shuffled"])]
    for rule in reversed(RULES):
        found = rows[rows["rule"] == rule].set_index("value")
        if {"full", "shuffled"} <= set(found.index):
            break
    else:
        return None
    full, mixed = found.loc["full"], found.loc["shuffled"]
    apart = bool(full["r2_low"] > mixed["r2_high"])
    verdict: Verdict = "failed" if full["r2"] <= mixed["r2"] else "passed" if apart else "open"
    return Check(
        NETWORK,
        "Nodes shuffled",
        verdict,
        f"R² {between(full['r2'], full['r2_low'], full['r2_high'])}, nodes shuffled "
        f"{between(mixed['r2'], mixed['r2_low'], mixed['r2_high'])}, {rule} split",
        "better with the nodes where they are, intervals apart",
        "Shuffled nodes keep every value and lose every place. What is left without places is no pattern.",
        "More stages or more seeds narrow the intervals (training.seed, ablation.seeds).",
    )


def _complete(parts: Parts) -> Check | None:
    if parts.completeness is None or not len(parts.completeness):
        return None
    limit = float(setting(parts.config, "attribution.completeness") or 0.01)
    errors = np.abs(parts.completeness)
    found = float(np.mean(errors <= limit))
    return Check(
        ATTRIBUTIONS,
        "Completeness",
        judge(found >= COMPLETE),
        f"{share(found)} of {show(len(errors))} stages within {show(limit)}, "
        f"worst {show(float(np.nanmax(errors)), 2)}; {explained(parts)}",
        f"at least {share(COMPLETE)} of the stages",
        "The sum over nodes must be the prediction less that of the baseline; what it misses belongs to no node.",
        "Raise attribution.n_steps.",
    )


def claims_of(parts: Parts, field: str) -> pd.DataFrame | None:
    """Rows of claim.csv of the signed attribution or of its size, by network; None where there are none."""
    table = parts.tables.get("interpretation/claim")
    if table is None:
        return None
    rows = table[table["field"] == field].drop_duplicates("network").set_index("network")
    return None if "trained" not in rows.index else rows


def fields_of(parts: Parts) -> list[tuple[str, pd.DataFrame]]:
    """What ξ_Attr is the length of, in words, and its rows; fields that were not measured are left out."""
    found = [(words, claims_of(parts, field)) for field, words in FIELDS.items()]
    return [(words, rows) for words, rows in found if rows is not None]


def explained(parts: Parts) -> str:
    """Which network the attributions are of."""
    return f"network of the {parts.explained} split" if parts.explained else "the network"


def _fitted(parts: Parts) -> Check | None:
    fields = fields_of(parts)
    if not fields:
        return None
    of = [(words, rows.loc["trained"]) for words, rows in fields]
    found = min(float(row["n"]) / max(float(row["n_stages"]), 1.0) for _, row in of)
    said = ", ".join(f"{show(int(row['n']))} of {show(int(row['n_stages']))} for the {words}" for words, row in of)
    return Check(
        ATTRIBUTIONS,
        "Lengths that can be fitted",
        judge(found >= LEAST_FITTED),
        f"stages with both lengths: {said}",
        f"at least {share(LEAST_FITTED)} for each",
        "A ratio of two lengths says something of the stages in which both exist, and nothing of the others.",
        "Say in how many stages the ratio is measured.",
    )


def apart(own: pd.Series, other: pd.Series) -> bool | None:
    """Whether a null's interval is apart from the network's; False where its ratio lies within, None in between."""
    if not np.isfinite([own["low"], own["high"], other["ratio"], other["low"], other["high"]]).all():
        return None
    if own["low"] > other["high"] or own["high"] < other["low"]:
        return True
    return False if own["low"] <= other["ratio"] <= own["high"] else None


def _nulls(parts: Parts) -> list[Check]:
    """ξ_Attr/ξ_D of the trained network against that of nulls, for the signed attribution and for its size."""
    fields = fields_of(parts)
    checks = []
    for null, name in NULLS.items():
        of = [(words, rows.loc["trained"], rows.loc[null]) for words, rows in fields if null in rows.index]
        if not of:
            continue
        found = [apart(own, other) for _, own, other in of]
        checks.append(
            Check(
                ATTRIBUTIONS,
                f"Null: {name}",
                judge(False if False in found else None if None in found else True),
                "; ".join(
                    f"{words}: ξ_Attr/ξ_D {between(own['ratio'], own['low'], own['high'])}, null "
                    f"{between(other['ratio'], other['low'], other['high'])}"
                    for words, own, other in of
                )
                + f" ({explained(parts)})",
                "intervals apart for both; failed where the null's ratio lies within the network's interval",
                "A ratio that a null has too comes from the input or the network's shape, not from what it learned. "
                "Comparing intervals is no test of a difference: where they overlap, nothing is decided.",
                "Do not read the ratio as a result of learning.",
            )
        )
    return checks


def _layers(parts: Parts) -> Check | None:
    table = parts.tables.get("interpretation/layers")
    if table is None or table.empty:
        return None
    last = float(table.sort_values("n_layers")["spearman"].iloc[-1])
    return Check(
        ATTRIBUTIONS,
        "Random layers",
        judge(below(last, LARGEST_RANDOM)),
        f"rank correlation {show(last, 2)} once all layers are random",
        f"at most {show(LARGEST_RANDOM)}",
        "An attribution that stays the same with random weights is an edge detector, not an explanation.",
        "Trust the deletion curves more than the maps.",
    )


def _deletion(parts: Parts) -> Check | None:
    table = parts.tables.get("interpretation/deletion")
    if table is None:
        return None
    rows = table[(table["mode"] == "deletion") & (table["fraction"] < 1)]
    # beyond zero the prediction is as far from the network's as it was before
    means = rows.assign(left=rows["median"].abs()).groupby("order")["left"].mean()
    own = next((name for name in ("size of attribution", "attribution") if name in means), None)
    if own is None or "random" not in means:
        return None
    # where the prediction grows while nodes go, the baseline leads the network out of what it has seen
    astray = float(means["random"]) > 1
    return Check(
        ATTRIBUTIONS,
        "Deletion of important nodes",
        judge(None if astray else below(float(means[own]), float(means["random"]))),
        f"mean share left {show(float(means[own]), 2)}, in random order {show(float(means['random']), 2)}",
        "less is left than in random order",
        "Taking the most important nodes away must hurt the prediction more than taking any.",
        "The prediction grows while nodes are set to the baseline, so that the test decides nothing."
        if astray
        else "The attribution does not point at what the network uses: do not show its maps.",
    )
