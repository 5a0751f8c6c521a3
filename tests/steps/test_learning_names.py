"""What is measured has a name wherever it is shown."""

from typing import get_args

import pandas as pd

from microslip import open_run
from microslip.learn.config import Ablated
from microslip.learn.lines import ENSEMBLE
from microslip.statistics.claims import CLAIMS
from microslip.statistics.contrasts import CONTRASTS
from microslip.views.figures.clusters import EVOLUTIONS
from microslip.views.names import (
    FIELD_MARKER,
    FIELD_NAME,
    MODEL_COLOUR,
    MODEL_NAME,
    NETWORK_COLOUR,
    NETWORK_NAME,
    ORDER_COLOUR,
    ORDER_LINE,
    ORDER_NAME,
    RULE_COLOUR,
    RULES,
)
from microslip.views.report import results
from microslip.views.report.attribution_claims import ATTRIBUTION_PARTS
from microslip.views.report.checks_attributions import NULLS
from microslip.views.report.results import WITHOUT_PATTERN


def test_whatever_is_measured_has_a_name_in_figures_and_reports(learnt, ablated):
    """A baseline, a null or an ablation entered in one place alone would be left out of pages without a word."""
    metrics = open_run(learnt).metrics
    assert tuple(sorted(metrics)) == tuple(sorted(RULES)) == tuple(sorted(RULE_COLOUR))
    for methods in metrics.values():
        # the mean of the seeds is in the tables of `assess` alone
        assert {*methods, ENSEMBLE} == set(MODEL_NAME)
        assert set(methods) == set(MODEL_COLOUR) == set(results.MODELS)
        assert {split for of in methods.values() for split in of} == set(results.SPLITS)
        assert set(WITHOUT_PATTERN) < set(methods)
    claim = pd.read_csv(learnt / "interpretation" / "claim.csv")
    assert set(claim["network"]) == set(NETWORK_NAME) == set(NETWORK_COLOUR) == set(results.NETWORKS)
    assert set(claim["network"]) == {"trained", *NULLS}
    assert set(claim["field"]) == set(ATTRIBUTION_PARTS) == set(FIELD_MARKER) == set(FIELD_NAME)
    orders = set(pd.read_csv(learnt / "interpretation" / "deletion.csv")["order"])
    assert orders == set(ORDER_NAME) == set(ORDER_COLOUR) == set(ORDER_LINE)
    summary = pd.read_csv(ablated / "ablations" / "summary.csv")
    assert set(summary["family"]) == set(results.FAMILIES)
    assert set(summary.loc[summary["family"] == "input", "value"]) == set(results.INPUTS) == set(get_args(Ablated))


def test_what_follows_the_fluctuation_is_called_something():
    assert set(CLAIMS) | set(CONTRASTS) <= set(results.QUANTITIES)
    assert {name for name, _, _ in EVOLUTIONS} | {"xi", "xi_profile", "xi_in_plane"} == set(CLAIMS)
