"""Folds that roll forward in strain."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from microslip.core.errors import MicroslipError
from microslip.grids.config import Split
from microslip.grids.splits import TEST, TRAIN, VALIDATION, rolling_folds
from microslip.learn.assessment import ROLLING, assessed_splits, longest_embargo
from microslip.learn.config import Assessment
from microslip.statistics.resampling import BLOCK_STRAIN


def stages_of(rng, n=1200, strain=1.0):
    """Stages that follow each other, of uneven lengths."""
    length = rng.exponential(size=n)
    end = 0.2 + strain * np.cumsum(length) / length.sum()
    return pd.DataFrame({"start_strain": np.append(0.2, end[:-1]), "end_strain": end})


@pytest.mark.parametrize("n_folds", [1, 3, 6])
@pytest.mark.parametrize("embargo", [0.0, 0.003, 0.03])
def test_no_stage_of_a_test_lies_before_one_that_was_learnt_from(rng, n_folds, embargo):
    stages = stages_of(rng)
    start, end = stages["start_strain"].to_numpy(), stages["end_strain"].to_numpy()
    folds = rolling_folds(start, end, n_folds, 0.25, embargo)
    assert len(folds) == n_folds
    for sets in folds:
        for earlier, later in ((TRAIN, VALIDATION), (VALIDATION, TEST)):
            gap = start[sets[later]].min() - end[sets[earlier]].max()
            # and two cycles, four stages, lie between
            assert gap >= embargo
            assert sets[later].min() - sets[earlier].max() > 4
        assert sets[TRAIN][0] == 0
    # each learns from what the one before was tested on, and no stage is tested twice
    for one, other in pairwise(folds):
        seen = np.concatenate([other[TRAIN], other[VALIDATION]])
        assert np.isin(one[TEST], seen).mean() > 0.3
        assert not np.isin(other[TEST], one[TEST]).any()
    assert folds[-1][TEST][-1] == 1199


def test_parts_are_equal_in_strain(rng):
    stages = stages_of(rng)
    start, end = stages["start_strain"].to_numpy(), stages["end_strain"].to_numpy()
    for number, sets in enumerate(rolling_folds(start, end, 4, 0.25, 0.0), start=1):
        learnt = (number + 1) / 6
        assert start[sets[TEST]].min() == pytest.approx(0.2 + learnt, abs=0.02)
        assert end[sets[TEST]].max() == pytest.approx(0.2 + learnt + 1 / 6, abs=0.02)
        assert start[sets[VALIDATION]].min() == pytest.approx(0.2 + 0.75 * learnt, abs=0.02)


def test_too_short_a_strain_is_refused(rng):
    stages = stages_of(rng, n=40)
    start, end = stages["start_strain"].to_numpy(), stages["end_strain"].to_numpy()
    with pytest.raises(MicroslipError, match="fold 1 of 4 has"):
        rolling_folds(start, end, 4, 0.25, 0.01)


def test_the_embargo_is_the_memory_of_the_stress_or_a_quarter_of_a_part():
    settings = Assessment()
    assert settings.embargo == BLOCK_STRAIN
    assert longest_embargo(0.2, 1.7, settings) == BLOCK_STRAIN
    assert longest_embargo(0.2, 0.5, settings) == pytest.approx(0.0125)


def test_a_leak_would_be_seen(rng):
    """Targets that stages close in strain share: who looks at the nearest stage that was learnt from gains nothing."""
    stages = stages_of(rng, n=4000)
    # white noise, constant over 0.01 of strain
    target = rng.normal(size=100)[((stages["start_strain"].to_numpy() - 0.2) / 0.01).astype(int).clip(0, 99)]
    splits = assessed_splits(stages, Split(), Assessment(folds=3), 1)
    assert list(splits) == [("random", 0), ("blocked", 0), *((ROLLING, number) for number in (1, 2, 3))]
    errors = {}
    for line, sets in splits.items():
        nearest = sets[TRAIN][np.abs(sets[TRAIN][:, None] - sets[TEST]).argmin(axis=0)]
        errors[line] = np.mean((target[nearest] - target[sets[TEST]]) ** 2) / target[sets[TEST]].var()
    assert errors["random", 0] < 0.3
    # no better than to guess the mean
    assert min(error for (rule, _), error in errors.items() if rule == ROLLING) > 0.99
