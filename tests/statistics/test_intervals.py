"""How often values lie inside their intervals, by size."""

import numpy as np
import pandas as pd
import pytest

from microslip.statistics.intervals import coverage_apart, coverage_by_size, wilson


def test_every_bin_counts_its_own_stages():
    """Ten stages of growing size: those of the upper half lie outside."""
    target = np.arange(1.0, 11.0)
    low, high = target - 1, np.where(target > 5, target - 0.5, target + 1)
    table = coverage_by_size(target, low, high, target, n_bins=5)
    assert table["n"].tolist() == [2] * 5
    assert table["coverage"].tolist() == [1, 1, 0.5, 0, 0]
    assert table["size_low"].tolist() == [1, 3, 5, 7, 9]
    assert table["size_high"].tolist() == [2, 4, 6, 8, 10]
    assert table["width"].tolist() == [2, 2, 1.25, 0.5, 0.5]
    assert table[["low", "high"]].iloc[2].tolist() == pytest.approx(list(wilson(1, 2)))


def test_stages_without_an_interval_are_left_out_and_few_make_few_bins():
    target = np.arange(6.0)
    low = np.where(target < 3, np.nan, target)
    table = coverage_by_size(target, low, target, target)
    assert table["n"].tolist() == [1, 1, 1]
    nothing = coverage_by_size(target, np.full(6, np.nan), target, target)
    assert nothing.empty
    assert list(nothing) == list(table)
    assert coverage_apart(nothing, 0.9, 0.05) is None


def test_coverage_is_apart_only_where_the_numbers_decide_it():
    def of(hits, n):
        low, high = wilson(hits, n)
        return pd.DataFrame({"coverage": [hits / n], "low": [low], "high": [high]})

    assert coverage_apart(of(900, 1000), 0.9, 0.05) is False
    assert coverage_apart(of(800, 1000), 0.9, 0.05) is True
    assert coverage_apart(of(990, 1000), 0.9, 0.05) is True
    assert coverage_apart(of(8, 10), 0.9, 0.05) is None
    assert coverage_apart(of(10, 10), 0.9, 0.05) is None
