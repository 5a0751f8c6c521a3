"""Counts of stages against threshold and sampling."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from microslip import MicroslipError, detect_stages
from microslip.artificial.stress import stick_slip
from microslip.core.turning_points import turning_points
from microslip.events.sampling import THRESHOLDS, count_stages, matching_threshold


def test_counts_the_stages_of_a_known_series():
    known = stick_slip(60, seed=3, smallest=1e-3, samples=400)
    table = count_stages(known.strain, known.stress, thresholds=(1e-5, 1e-4), strides=(1, 2, 10))
    # straight lines of 200 samples and more are seen whole through every tenth of them
    assert set(table["n_stages"]) == {60}
    assert set(table["n_cycles"]) == {30}
    np.testing.assert_allclose(table["sampling"], 1e-5 * table["stride"], rtol=1e-6)
    np.testing.assert_allclose(table["stages_per_strain"], 60 / known.strain[-1], rtol=0.01)


@given(
    hnp.arrays(np.float64, st.integers(9, 300), elements=st.floats(-0.0625, 0.0625, width=32)),
    st.integers(0, 6),
)
def test_agrees_with_the_table_of_stages_and_falls_with_the_threshold(stress, first):
    strain = 1e-5 * np.arange(len(stress))
    smoothing = ("ewma", 3)
    if len(stress) - first < 3:
        return
    table = count_stages(strain, stress, THRESHOLDS, (1, 3), smoothing, first)
    for stride, rows in table.groupby("stride"):
        assert (np.diff(rows["n_stages"]) <= 0).all()
        thin = slice(first % stride, None, stride)
        for row in rows.itertuples():
            stages = detect_stages(strain[thin], stress[thin], row.threshold, smoothing, first // stride)
            assert len(stages) == row.n_stages
            pairs = stages["kind"].to_numpy()
            assert row.n_cycles == ((pairs[:-1] == "stick") & (pairs[1:] == "slip")).sum()


@given(hnp.arrays(np.float64, st.integers(2, 300), elements=st.floats(-0.0625, 0.0625, width=32)))
def test_turning_points_at_a_larger_threshold_are_among_those_at_a_smaller_one(stress):
    points = [set(turning_points(stress, each).tolist()) for each in THRESHOLDS]
    assert all(larger <= smaller for smaller, larger in itertools.pairwise(points))


def test_the_matching_threshold_is_that_of_a_power_law():
    threshold = np.array([1e-5, 1e-4, 1e-3])
    assert matching_threshold(threshold, 1 / threshold, 3e4) == pytest.approx(1 / 3e4)
    assert matching_threshold(threshold, 1 / threshold, 1e4) == pytest.approx(1e-4)
    assert np.isnan(matching_threshold(threshold, 1 / threshold, 1e6))
    assert np.isnan(matching_threshold(threshold, 1 / threshold, 10))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"thresholds": (0.0,)}, "positive"),
        ({"strides": (0,)}, "stride"),
        ({"first_sample": 8}, "too few"),
    ],
)
def test_refuses_what_cannot_be_counted(change, message):
    with pytest.raises(MicroslipError, match=message):
        count_stages(np.arange(10.0), np.zeros(10), **change)
