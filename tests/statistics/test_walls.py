"""Walls and volume whose agreement is known."""

import numpy as np
import pandas as pd
import pytest

from microslip.statistics.walls import momentum_balance, wall_agreement


def test_waves_disagree_and_slips_agree():
    """Small stages are waves of opposite sign at the two walls, large ones are carried by both."""
    changes = np.array([5e-4, -5e-4, 2e-2, -2e-2] * 5)
    volume = np.concatenate([[0.0], np.cumsum(changes)])
    small = np.where(np.abs(changes) < 1e-3, -1, 1) * changes
    bottom, top = volume, np.concatenate([[0.0], np.cumsum(small)])
    start = np.arange(len(changes))
    stages = pd.DataFrame({"start_sample": start, "end_sample": start + 1, "fluctuation": -changes})
    table = wall_agreement(stages, bottom, top, volume)
    assert table["n_stages"].tolist() == [10, 10]
    assert table["low"].tolist() == [3e-4, 1e-2]
    assert table["same_sign"].tolist() == [0, 1]
    # in the mean of both walls such waves leave nothing but rounding
    assert table["correlation"].iloc[1] == pytest.approx(1)
    assert wall_agreement(stages, bottom * np.nan, top, volume).empty


def test_momentum_accounts_for_the_difference():
    """A ratio, a rate, and the place where the walls' forces act, which wanders slowly."""
    rng = np.random.default_rng(1)
    volume, rate, rest = (size * rng.normal(size=4000) for size in (1e-3, 1e-3, 1e-6))
    volume += 0.3
    place = 1e-2 * np.sin(np.arange(4000) / 2000)
    balance = momentum_balance(0.98 * volume - rate + place + rest, volume, rate)
    assert balance.ratio == pytest.approx(0.98, abs=1e-3)
    assert balance.share == pytest.approx(1, abs=1e-3)
    assert balance.n == 3999
    assert balance.difference == pytest.approx(1e-3 * np.sqrt(2), rel=0.1)
    assert balance.residual < 1e-5


def test_without_the_rate_there_is_no_balance():
    assert momentum_balance(np.ones(9), np.ones(9), np.full(9, np.nan)) is None
