"""R² of the networks of a run on the test sets of both split rules: over several seeds where they were assessed."""

from __future__ import annotations

import numpy as np

from microslip.data.files import read_table
from microslip.data.run import Run
from microslip.statistics.resampling import SCORE_COVERAGE, error_of_interval


def read_scores(run: Run) -> dict[str, float]:
    """R² on the test set of each split rule, its interval over cycles and its error; nothing of a run without networks.

    .. math:: \\sigma^2 = \\sigma_{cycles}^2 + s^2 / n

    Parameters
    ----------
    run
        With assessment/summary.csv, means over n seeds of which s is the standard deviation; else with
        model/metrics.json, of one network, whose s is not known and left out.

    Returns
    -------
    dict
        `r2_test_random` and `r2_test_blocked`, each with `_low`, `_high`, `_error` (σ), `_seeds` (n) and `_spread` (s,
        NaN of one seed).
    """
    row = dict[str, float]()
    for rule, (r2, low, high, n_seeds, spread) in (_assessed(run) or _trained(run)).items():
        of_seeds = spread / np.sqrt(n_seeds) if np.isfinite(spread) else 0.0
        error = float(np.hypot(error_of_interval(low, high, SCORE_COVERAGE), of_seeds))
        ends = {"": r2, "_low": low, "_high": high, "_error": error, "_seeds": n_seeds, "_spread": spread}
        row |= {f"r2_test_{rule}{end}": value for end, value in ends.items()}
    return row


def _assessed(run: Run) -> dict[str, tuple[float, float, float, float, float]]:
    if not (path := run.folder / "assessment" / "summary.csv").exists():
        return {}
    columns = ["r2", "r2_low", "r2_high", "seeds", "r2_spread"]
    table = read_table(path, ["rule", "fold", "method", *columns])
    # the folds that roll forward are a rule of their own, numbered from 1
    networks = table[(table["method"] == "network") & table["rule"].isin(["random", "blocked"])]
    return {str(row["rule"]): tuple(float(row[name]) for name in columns) for row in networks.to_dict("records")}  # type: ignore[misc]


def _trained(run: Run) -> dict[str, tuple[float, float, float, float, float]]:
    if not (run.folder / "model" / "metrics.json").exists():
        return {}
    tests = {rule: methods["network"]["test"] for rule, methods in run.metrics.items()}
    return {
        rule: (test["r2"], test.get("r2_low", np.nan), test.get("r2_high", np.nan), 1.0, np.nan)
        for rule, test in tests.items()
        if "r2" in test
    }
