"""R² of the networks of a run on the test sets of both split rules: over several seeds where they were assessed."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from microslip.data.files import read_table
from microslip.data.run import Run
from microslip.statistics.resampling import SCORE_COVERAGE, error_of_interval

_COLUMNS = ["r2", "r2_low", "r2_high", "seeds", "r2_spread"]

# Steps whose results hold scores: what the first of them says goes before the second.
SCORING = {"assess": "assessment", "train": "model"}


def read_scores(run: Run, current: Collection[str]) -> dict[str, float]:
    """R² on the test set of each split rule, its interval over cycles and its error; nothing of a run without networks.

    .. math:: \\sigma^2 = \\sigma_{cycles}^2 + s^2 / n

    Parameters
    ----------
    run
        With assessment/summary.csv, means over n seeds of which s is the standard deviation; else with
        model/metrics.json, of one network, whose s is not known and left out.
    current
        Which of the steps in `SCORING` are current: the others are not read.

    Returns
    -------
    dict
        `r2_test_random` and `r2_test_blocked`, each with `_low`, `_high`, `_error` (σ), `_seeds` (n) and `_spread` (s,
        NaN of one seed).
    """
    row = dict[str, float]()
    tests = _assessed(run) if "assess" in current else {}
    tests = tests or (_trained(run) if "train" in current else {})
    for rule, test in tests.items():
        spread, n_seeds = test["r2_spread"], test["seeds"]
        of_seeds = spread / np.sqrt(n_seeds) if np.isfinite(spread) else 0.0
        of_cycles = error_of_interval(test["r2_low"], test["r2_high"], SCORE_COVERAGE)
        row |= {
            f"r2_test_{rule}": test["r2"],
            f"r2_test_{rule}_low": test["r2_low"],
            f"r2_test_{rule}_high": test["r2_high"],
            f"r2_test_{rule}_error": float(np.hypot(of_cycles, of_seeds)),
            f"r2_test_{rule}_seeds": n_seeds,
            f"r2_test_{rule}_spread": spread,
        }
    return row


def _assessed(run: Run) -> dict[str, dict[str, float]]:
    if not (path := run.folder / "assessment" / "summary.csv").exists():
        return {}
    table = read_table(path, ["rule", "fold", "method", *_COLUMNS])
    # the folds that roll forward are a rule of their own
    networks = table[(table["method"] == "network") & table["rule"].isin(["random", "blocked"])]
    return {str(row["rule"]): {name: float(row[name]) for name in _COLUMNS} for row in networks.to_dict("records")}


def _trained(run: Run) -> dict[str, dict[str, float]]:
    if not (run.folder / "model" / "metrics.json").exists():
        return {}
    one = {"r2_low": np.nan, "r2_high": np.nan, "seeds": 1.0, "r2_spread": np.nan}
    tests = {str(rule): methods["network"]["test"] for rule, methods in run.metrics.items()}
    return {
        rule: one | {name: float(test[name]) for name in _COLUMNS if name in test}
        for rule, test in tests.items()
        if "r2" in test
    }
