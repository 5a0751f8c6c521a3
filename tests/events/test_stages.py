import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from microslip import MicroslipError, detect_stages
from microslip.dem.config import ShearCell
from microslip.dem.recorder import TurningPointWatch
from microslip.events.stages import attach_frames, share_of_one_sample

# a fall that began before the record, then a stick, a slip, a stick, and a fall whose end is not seen
strain = np.arange(8) * 0.1
stress = np.array([0.3, 0.0, 0.5, 1.0, 0.6, 0.2, 0.4, 0.0])


def test_a_known_signal():
    table = detect_stages(strain, stress, threshold=0.1)
    assert table["kind"].tolist() == ["stick", "slip", "stick"]
    assert table["cycle"].tolist() == [0, 0, 1]
    np.testing.assert_allclose(table["fluctuation"], [-1.0, 0.8, -0.2])
    np.testing.assert_allclose(table["start_strain"], [0.1, 0.3, 0.5])
    np.testing.assert_allclose(table["strain_increment"], [0.2, 0.2, 0.1])


def test_stages_of_one_sample_are_told():
    table = detect_stages(strain, stress, threshold=0.1)
    assert share_of_one_sample(table) == pytest.approx(1 / 3)
    assert np.isnan(share_of_one_sample(table[:0]))


@given(hnp.arrays(np.float64, st.integers(1, 200), elements=st.floats(-1, 1, width=32)))
def test_slip_is_positive_and_stick_negative(values):
    table = detect_stages(np.arange(len(values), dtype=float), values, threshold=0.01)
    assert (table.loc[table["kind"] == "slip", "fluctuation"] > 0.01).all()
    assert (table.loc[table["kind"] == "stick", "fluctuation"] < -0.01).all()
    assert (table["end_sample"].to_numpy()[:-1] == table["start_sample"].to_numpy()[1:]).all()
    assert (table.groupby("cycle").size() <= 2).all()


@given(
    hnp.arrays(np.float64, st.integers(30, 200), elements=st.floats(-1, 1, width=32)),
    st.sampled_from(["none", "ewma", "median"]),
)
def test_finds_the_turning_points_that_the_running_watch_kept(values, kind):
    """The simulation smooths from its first sample and watches from the end of the warm-up."""
    config = ShearCell.model_validate(
        {
            "loading": {"warm_up": 2e-4, "strain": 1e-2},
            "recording": {"threshold": 0.05, "smoothing": kind, "smoothing_span": 5},
        }
    )
    watch = TurningPointWatch(config)
    kept = [found[0] for sample, value in enumerate(values) if (found := watch.feed(sample, value, object))]
    smoothing = None if kind == "none" else (kind, 5)
    table = detect_stages(np.arange(len(values), dtype=float), values, 0.2, smoothing, config.first_stage_sample)
    assert set(table["start_sample"]) | set(table["end_sample"]) <= set(kept)
    assert (table["start_sample"] > config.first_stage_sample).all()


def test_a_monotonic_stress_has_no_stage():
    assert detect_stages(strain, strain).empty


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stress": np.where(strain == strain[3], np.nan, stress)}, "the stress is nan at sample 3"),
        ({"strain": strain[::-1].copy()}, "does not increase from sample 0"),
        ({"strain": strain[:-1]}, "two equal columns"),
        ({"threshold": -1e-5}, "threshold = -1e-05 is not positive"),
    ],
)
def test_bad_series_are_refused(change, message):
    with pytest.raises(MicroslipError, match=message):
        detect_stages(**{"strain": strain, "stress": stress, "threshold": 1e-5} | change)


def test_frames_are_those_of_the_turning_points():
    table = attach_frames(detect_stages(strain, stress, threshold=0.1), np.array([1, 3, 4, 5, 6]))
    assert table["start_frame"].tolist() == [0, 1, 3]
    assert table["end_frame"].tolist() == [1, 3, 4]


def test_a_turning_point_without_frame_is_said():
    with pytest.raises(MicroslipError, match=r"no frame was kept at sample 3.*recording\.threshold"):
        attach_frames(detect_stages(strain, stress, threshold=0.1), np.array([1, 5, 6]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"first_sample": -5}, "first_sample = -5 is no whole number from 0 to"),
        ({"first_sample": len(strain) + 1}, "first_sample = "),
        ({"first_sample": 2.5}, "first_sample = 2.5"),
        ({"smoothing": ("mean", 3)}, "smoothing = .* is no filter"),
        ({"smoothing": "ewma"}, "smoothing = 'ewma' is no filter"),
        ({"smoothing": ("ewma", np.nan)}, "span of smoothing = nan"),
        ({"strain": np.repeat(strain[::2], 2)[: len(strain)]}, "strain does not increase from sample 0 to 1"),
        ({"threshold": np.nan}, "threshold = nan is not positive"),
        ({"stress": stress.astype(str)}, "stress = .* holds text"),
        ({"stress": np.ma.masked_greater(stress, np.median(stress))}, "stress has masked entries"),
    ],
)
def test_other_bad_arguments_are_refused_by_name(change, message):
    with pytest.raises(MicroslipError, match=message):
        detect_stages(**{"strain": strain, "stress": stress, "threshold": 1e-5} | change)


def test_no_sample_after_the_first_is_no_stage():
    assert detect_stages(strain, stress, 1e-5, first_sample=len(strain)).empty
