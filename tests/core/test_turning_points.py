import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from microslip.core.errors import MicroslipError
from microslip.core.smoothing import Smoother, smooth
from microslip.core.turning_point_kernels import advance
from microslip.core.turning_points import initial_state, turning_points

series = hnp.arrays(np.float64, st.integers(1, 200), elements=st.floats(-1, 1, width=32))
thresholds = st.floats(1e-3, 1.0)


def test_zigzag_of_known_corners():
    values = np.concatenate([np.linspace(0, 1, 11), np.linspace(1, 0.4, 7)[1:], np.linspace(0.4, 0.9, 6)[1:], [0.0]])
    assert turning_points(values, 0.3).tolist() == [0, 10, 16, 21]
    assert (
        turning_points(values, 0.55).tolist() == [0, 10] or turning_points(values, 0.55).tolist() == [0, 10, 16, 21][:2]
    )


@given(series, thresholds)
def test_points_alternate_and_swing_by_more_than_the_threshold(values, threshold):
    found = turning_points(values, threshold)
    swings = np.diff(values[found])
    assert (np.diff(found) > 0).all()
    assert (np.abs(swings) > threshold).all()
    assert (np.sign(swings[1:]) == -np.sign(swings[:-1])).all()


@given(series, thresholds)
def test_each_point_is_the_extreme_between_its_neighbours(values, threshold):
    found = turning_points(values, threshold)
    for before, point, after in zip(found, found[1:], found[2:], strict=False):
        between = values[before : after + 1]
        assert values[point] in (between.max(), between.min())


@given(series, thresholds, thresholds)
def test_a_larger_threshold_finds_a_subset(values, one, other):
    small, large = sorted((one, other))
    assert set(turning_points(values, large)) <= set(turning_points(values, small))


@given(series, thresholds)
def test_turning_the_signal_over_keeps_the_points(values, threshold):
    np.testing.assert_array_equal(turning_points(values, threshold), turning_points(-values, threshold))


@given(series, thresholds)
def test_sample_by_sample_equals_the_whole_series(values, threshold):
    state = initial_state(values[0], 0)
    found = [advance(state, value, sample, threshold) for sample, value in enumerate(values)]
    assert [point for point in found if point >= 0] == turning_points(values, threshold).tolist()


@given(series, st.integers(1, 20))
def test_median_smoothing_is_the_trailing_median(values, span):
    expected = [np.median(values[max(0, i - span + 1) : i + 1]) for i in range(len(values))]
    np.testing.assert_array_equal(smooth(values, "median", span), expected)


@given(series, st.integers(1, 20))
def test_ewma_equals_pandas(values, span):
    import pandas as pd

    expected = pd.Series(values).ewm(span=span, adjust=False).mean()
    np.testing.assert_allclose(smooth(values, "ewma", span), expected, atol=1e-12)


def test_span_of_nothing_is_refused():
    with pytest.raises(MicroslipError, match="smoothing_span = 0"):
        Smoother("median", 0)
