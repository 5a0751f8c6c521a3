"""Checks of the attributions: do they add up, belong to the trained network, and point at what the prediction needs."""

from __future__ import annotations

from functools import partial

import numpy as np

from microslip.views.report.attribution_claims import apart, explained_network, measured_fields
from microslip.views.report.check import Answer, Check, below, judge, share
from microslip.views.report.parts import Parts
from microslip.views.settings import setting
from microslip.views.wording import between, show

# Rank correlation of the attribution with that of a network whose layers are all random.
LARGEST_RANDOM = 0.5
# Of the explained stages.
COMPLETE = 0.95
LEAST_FITTED = 0.5

NULLS = {"untrained": "an untrained network", "shuffled": "a network trained on noise", "input": "the input itself"}


def _complete(parts: Parts) -> Answer:
    limit = float(setting(parts.config, "attribution.completeness") or 0.01)
    errors = np.abs(np.asarray(parts.completeness))
    complete = float(np.mean(errors <= limit))
    value = f"{share(complete)} of {show(len(errors))} stages within {show(limit)}, "
    value += f"worst {show(float(np.nanmax(errors)), 2)}; {explained_network(parts)}"
    return Answer(judge(complete >= COMPLETE), value)


def _fitted(parts: Parts) -> Answer | None:
    trained = [(words, rows.loc["trained"]) for words, rows in measured_fields(parts)]
    if not trained:
        return None
    least = min(float(row["n"]) / max(float(row["n_stages"]), 1.0) for _, row in trained)
    texts = [f"{show(int(row['n']))} of {show(int(row['n_stages']))} for the {words}" for words, row in trained]
    return Answer(judge(least >= LEAST_FITTED), f"stages with both lengths: {', '.join(texts)}")


def _null(parts: Parts, null: str) -> Answer | None:
    """The ratio of the trained network against that of a null, for the signed attribution and for its size."""
    fields = [(words, rows) for words, rows in measured_fields(parts) if null in rows.index]
    if not fields:
        return None
    separate = [apart(rows, null) for _, rows in fields]
    texts = []
    for words, rows in fields:
        own, other = (between(row["ratio"], row["low"], row["high"]) for row in (rows.loc["trained"], rows.loc[null]))
        texts.append(f"{words}: ξ_Attr/ξ_D {own}, null {other}")
    verdict = judge(False if False in separate else None if None in separate else True)
    return Answer(verdict, f"{'; '.join(texts)} ({explained_network(parts)})")


def _layers(parts: Parts) -> Answer:
    last = float(parts.tables["interpretation/layers"].sort_values("n_layers")["spearman"].iloc[-1])
    return Answer(judge(below(last, LARGEST_RANDOM)), f"rank correlation {show(last, 2)} once all layers are random")


def _deletion(parts: Parts) -> Answer | None:
    table = parts.tables["interpretation/deletion"]
    rows = table[(table["mode"] == "deletion") & (table["fraction"] < 1)]
    # beyond zero the prediction is as far from the network's as it was before
    means = rows.assign(left=rows["median"].abs()).groupby("order")["left"].mean()
    order = next((name for name in ("size of attribution", "attribution") if name in means), None)
    if order is None or "random" not in means:
        return None
    own, random = float(means[order]), float(means["random"])
    value = f"mean share left {show(own, 2)}, in random order {show(random, 2)}"
    if random > 1:
        # the baseline leads the network out of what it has seen
        remedy = "The prediction grows while nodes are set to the baseline, so that the test decides nothing."
        return Answer("open", value, remedy)
    return Answer(judge(below(own, random)), value)


_of_attributions = partial(Check, "Attributions")

ATTRIBUTIONS = (
    _of_attributions(
        "Completeness",
        ("completeness",),
        _complete,
        f"at least {share(COMPLETE)} of the stages",
        "The sum over nodes must be the prediction less that of the baseline; what it misses belongs to no node.",
        "Raise attribution.n_steps.",
    ),
    _of_attributions(
        "Lengths that can be fitted",
        ("interpretation/claim",),
        _fitted,
        f"at least {share(LEAST_FITTED)} for each",
        "A ratio of two lengths says something of the stages in which both exist, and nothing of the others.",
        "Say in how many stages the ratio is measured.",
    ),
    *(
        _of_attributions(
            f"Null: {name}",
            ("interpretation/claim",),
            partial(_null, null=null),
            "intervals apart for both; failed where the null's ratio lies within the network's interval",
            "A ratio that a null has too comes from the input or the network's shape, not from what it learned. "
            "Comparing intervals is no test of a difference: where they overlap, nothing is decided.",
            "Do not read the ratio as a result of learning.",
        )
        for null, name in NULLS.items()
    ),
    _of_attributions(
        "Random layers",
        ("interpretation/layers",),
        _layers,
        f"at most {show(LARGEST_RANDOM)}",
        "An attribution that stays the same with random weights is an edge detector, not an explanation.",
        "Trust the deletion curves more than the maps.",
    ),
    _of_attributions(
        "Deletion of important nodes",
        ("interpretation/deletion",),
        _deletion,
        "less is left than in random order",
        "Taking the most important nodes away must hurt the prediction more than taking any.",
        "The attribution does not point at what the network uses: do not show its maps.",
    ),
)
