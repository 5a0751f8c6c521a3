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
        else "One of the split rules has no score: microslip train makes both.",
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


def _coverage(parts: Parts, rule: str) -> Check | None:
    value = score(parts.metrics, rule, "network", "test", "coverage")
    if not np.isfinite(value):
        return None
    return Check(
        NETWORK,
        "Coverage of the intervals",
        judge(COVERAGE[0] <= value <= COVERAGE[1]),
        f"{share(value)} of the test stages inside the 90 % interval",
        f"{share(COVERAGE[0])} to {share(COVERAGE[1])}",
        "An interval that holds too few stages promises more than the network knows.",
        "Use more validation stages, which set the width.",
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
        f"{share(found)} of {show(len(errors))} stages within {show(limit)}, worst {show(float(np.nanmax(errors)), 2)}",
        f"at least {share(COMPLETE)} of the stages",
        "The sum over nodes must be the prediction less that of the baseline; what it misses belongs to no node.",
        "Raise attribution.n_steps.",
    )


def _claims(parts: Parts, field: str) -> pd.DataFrame | None:
    table = parts.tables.get("interpretation/claim")
    if table is None:
        return None
    return table[table["field"] == field].drop_duplicates("network").set_index("network")


def _fitted(parts: Parts) -> Check | None:
    claims = _claims(parts, "signed")
    if claims is None or "trained" not in claims.index:
        return None
    row = claims.loc["trained"]
    found = float(row["n"]) / max(float(row["n_stages"]), 1.0)
    return Check(
        ATTRIBUTIONS,
        "Lengths that can be fitted",
        judge(found >= LEAST_FITTED),
        f"both lengths in {show(int(row['n']))} of {show(int(row['n_stages']))} stages",
        f"at least {share(LEAST_FITTED)}",
        "A ratio of two lengths says something of the stages in which both exist, and nothing of the others.",
        "Say in how many stages the ratio is measured.",
    )


def _nulls(parts: Parts) -> list[Check]:
    """ξ_Attr/ξ_D of the trained network against that of nulls: it tells them apart where the intervals are."""
    claims = _claims(parts, "signed")
    if claims is None or "trained" not in claims.index:
        return []
    trained = claims.loc["trained"]
    checks = []
    for null, name in NULLS.items():
        if null not in claims.index:
            continue
        other = claims.loc[null]
        known = np.isfinite([trained["low"], trained["high"], other["low"], other["high"]]).all()
        apart = bool(trained["low"] > other["high"] or trained["high"] < other["low"]) if known else None
        checks.append(
            Check(
                ATTRIBUTIONS,
                f"Null: {name}",
                judge(apart),
                f"ξ_Attr/ξ_D {between(trained['ratio'], trained['low'], trained['high'])}, null "
                f"{between(other['ratio'], other['low'], other['high'])}",
                "intervals apart",
                "A ratio that a null has too comes from the input or the network's shape, not from what it learned.",
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
