"""Gaps between stages, and frames beside their turning points."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from microslip.events.coverage import covered_strain, frame_mismatch


@pytest.fixture
def stages():
    start = np.arange(10)
    columns = {"start_sample": start, "end_sample": start + 1, "start_strain": start / 100}
    return pd.DataFrame({**columns, "end_strain": (start + 1) / 100, "strain_increment": 0.01})


def test_gaps_are_counted_and_the_strain_that_is_left(stages):
    assert covered_strain(stages) == (0, pytest.approx(1))
    assert covered_strain(stages.drop(index=[2, 3, 7])) == (2, pytest.approx(0.7))
    assert covered_strain(stages.iloc[:1].assign(end_strain=0.0)) == (0, 1)


def test_mismatches_are_known_of_nearest_frames_alone(stages):
    assert frame_mismatch(stages) is None
    found = frame_mismatch(stages.assign(start_mismatch=-0.002, end_mismatch=0.001))
    assert found == (pytest.approx(0.0015), pytest.approx(0.01))
