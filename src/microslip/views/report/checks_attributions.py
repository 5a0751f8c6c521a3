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


RIVALS = {"random": "random order", "untrained": "an untrained network's", "shuffled": "one trained on noise"}


def _deletion(parts: Parts) -> Answer | None:
    """Areas under the curves while nodes take other stages' values: the attribution's against those of its nulls."""
    table = parts.tables["interpretation/areas"]
    rows = table[(table["replacement"] == "stages") & (table["mode"] == "deletion")].drop_duplicates("order")
    rows = rows.set_index("order")
    rivals = [name for name in RIVALS if name in rows.index]
    if "attribution" not in rows.index or not rivals:
        return None
    texts = [
        f"{RIVALS[name]} {between(*(float(rows.loc[name, f'more{end}']) for end in ('', '_low', '_high')))} more"
        for name in rivals
    ]
    value = f"area {show(float(rows.loc['attribution', 'area']), 2)}; {', '.join(texts)}"
    if "random" in rivals and float(rows.loc["random", "area"]) > 1:
        # single nodes of another stage are rough where every stage is smooth
        remedy = "The prediction grows while nodes of other stages are mixed in, so that the test decides nothing."
        return Answer("open", value, remedy)
    low, high = rows.loc[rivals, "more_low"], rows.loc[rivals, "more_high"]
    if (low > 0).all():
        return Answer("passed", value)
    return Answer("failed" if (high < 0).any() else "open", value)


def _beyond_amplitude(parts: Parts) -> Answer | None:
    """The ratio in clusters at equal D²min, against 1 and against that of the network trained on noise."""
    table = parts.tables["interpretation/clusters"]
    rows = table[(table["clusters"] == "all") & (table["control"] == "amplitude")].drop_duplicates("network")
    rows = rows.set_index("network")
    if not {"trained", "shuffled"} <= set(rows.index):
        return None
    own, null = rows.loc["trained"], rows.loc["shuffled"]
    value = f"{between(own['ratio'], own['ratio_low'], own['ratio_high'])}, "
    value += f"trained on noise {between(null['ratio'], null['ratio_low'], null['ratio_high'])}"
    above = [own["ratio_low"] > 1, null["trained_over_low"] > 1]
    known = np.isfinite([own["ratio_low"], null["trained_over_low"]]).all()
    return Answer(judge(all(above)) if known else "open", value)


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
        ("interpretation/areas",),
        _deletion,
        "a smaller area than in random order and than by networks that know nothing, with intervals of the differences "
        "above 0",
        "Nodes that carry the prediction must hurt it when other stages' values stand there, which the network knows; "
        "where the interval of a difference holds 0, nothing is decided.",
        "The attribution does not point at what the network uses: do not show its maps.",
    ),
    _of_attributions(
        "Clusters beyond their amplitude",
        ("interpretation/clusters",),
        _beyond_amplitude,
        "|attribution| in clusters over that of nodes of equal D²min above 1, and above the ratio of a network trained "
        "on noise",
        "Clusters move most, and attributions follow how much grains move: only what is left at equal D²min speaks of "
        "clusters.",
        "Do not say that the network looks at clusters: it looks at large D²min.",
    ),
)
