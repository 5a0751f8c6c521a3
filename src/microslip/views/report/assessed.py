"""Several seeds under each split and on folds, as rows of text for the report's table."""

from __future__ import annotations

from typing import Any

import numpy as np

from microslip.statistics.intervals import coverage_apart
from microslip.statistics.resampling import SCORE_COVERAGE
from microslip.views.names import LINE_NAME
from microslip.views.report.check import share
from microslip.views.report.checks_network import TOLERANCE
from microslip.views.report.parts import Parts
from microslip.views.report.results import MODELS
from microslip.views.wording import between, show

HOLDS = {False: "holds", True: "does not hold", None: "open"}


def assessed(parts: Parts) -> list[dict[str, str]]:
    """R² of networks, of their mean and against the best baseline; signs, and whether intervals hold, line by line."""
    table = parts.tables.get("assessment/summary")
    if table is None:
        return []
    rows = []
    for (rule, fold), line in table.groupby(["rule", "fold"], sort=False):
        by_method = line.set_index("method")
        own = by_method.loc["network"].to_dict()
        baselines = by_method.loc[[name for name in by_method.index if name in MODELS and name != "network"]]
        best = baselines.loc[baselines["r2"].idxmax()].to_dict() if baselines["r2"].notna().any() else {}
        rows.append(
            {
                "line": LINE_NAME.get(str(rule), str(rule)) if fold == 0 else f"fold {fold}",
                "seeds": show(int(own["seeds"])),
                "n": f"{int(own['n']):,}",
                "r2": _with_spread(own),
                "ensemble": show(by_method.loc["ensemble", "r2"]) if "ensemble" in by_method.index else "–",
                "more": f"{_more(best)} than {MODELS[str(baselines['r2'].idxmax())]}" if best else "–",
                "sign": share(own["sign_accuracy"]),
                "sign_above": f"{share(own['sign_above'])} of {int(own['n_above']):,}" if own["n_above"] else "–",
                "coverage": _coverage(own),
                "holds": _holds(parts, rule, fold),
            }
        )
    return rows


def _with_spread(own: dict[str, Any]) -> str:
    text = between(own["r2"], own["r2_low"], own["r2_high"])
    return f"{text}, seeds ± {show(own['r2_spread'], 2)}" if np.isfinite(own["r2_spread"]) else text


def _more(best: dict[str, Any]) -> str:
    return between(*(best[f"less_than_network{end}"] for end in ("", "_low", "_high")))


def _coverage(own: dict[str, Any]) -> str:
    if not np.isfinite(own["coverage"]):
        return "–"
    return f"{share(own['coverage'])}; {share(own['coverage_least'])} to {share(own['coverage_most'])}"


def _holds(parts: Parts, rule: Any, fold: Any) -> str:
    """Whether coverage keeps within 5 % of nominal in every tenth by predicted size."""
    table = parts.tables.get("assessment/coverage_by_size")
    if table is None:
        return "–"
    own = table.query("rule == @rule and fold == @fold and method == 'network' and by == 'prediction'")
    return HOLDS[coverage_apart(own, SCORE_COVERAGE, TOLERANCE)]
