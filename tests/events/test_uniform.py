"""Stages of frames that are uniform in strain: known answers, and what must hold of all of them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microslip import MicroslipError, detect_stages
from microslip.events.uniform import attach_nearest_frames, strain_windows, supported_threshold

PROPERTIES = settings(derandomize=True, deadline=None, max_examples=100)
FEWER = settings(derandomize=True, deadline=None, max_examples=40)


def zigzag(turns, values, n=2001):
    """Strain and stress of straight pieces between the turns."""
    strain = np.linspace(0, 1, n)
    return strain, np.interp(strain, turns, values)


def walk(seed, n=2000):
    rng = np.random.default_rng(seed)
    stress = np.convolve(np.cumsum(rng.normal(size=n)), np.ones(5) / 5, "same")
    return np.linspace(0, 1, n), 0.01 * stress


def test_the_nearest_frames_are_taken_and_their_distance_is_told():
    strain, stress = zigzag([0, 0.1, 0.3, 0.6, 0.9, 1], [0, 1, 0, 1, 0, 0.5])
    stages = detect_stages(strain, stress, 0.1)
    np.testing.assert_allclose(stages["start_strain"], [0.1, 0.3, 0.6])
    frames = np.array([0.0, 0.12, 0.29, 0.4, 0.61, 0.87, 1.0])
    found = attach_nearest_frames(stages, frames)
    assert found["start_frame"].tolist() == [1, 2, 4]
    assert found["end_frame"].tolist() == [2, 4, 5]
    np.testing.assert_allclose(found["start_mismatch"], [0.02, -0.01, 0.01], atol=1e-12)
    np.testing.assert_allclose(found["end_mismatch"], [-0.01, 0.01, -0.03], atol=1e-12)
    assert found["kind"].tolist() == ["slip", "stick", "slip"]
    # what it keeps of the stages is as it was
    for name in stages.columns:
        np.testing.assert_array_equal(found[name], stages[name])


@pytest.mark.parametrize(
    ("frames", "kept"),
    [
        # both ends of the second stage are nearest to one frame, and those of the others too far
        ([0.1, 0.44, 0.9], []),
        # a tenth and a twentieth of the length away from its ends
        ([0.1, 0.32, 0.585, 0.9], [0, 1, 2]),
        # a third and a third: more than half of it together
        ([0.1, 0.41, 0.5, 0.9], [2]),
        # less and more than half of it at one end alone
        ([0.1, 0.3, 0.46, 0.9], [0, 1, 2]),
        ([0.1, 0.3, 0.44, 0.9], [0]),
    ],
)
def test_a_stage_without_frames_of_its_own_or_far_from_them_is_left_out(frames, kept):
    strain, stress = zigzag([0, 0.1, 0.3, 0.6, 0.9, 1], [0, 1, 0, 1, 0, 0.5])
    stages = detect_stages(strain, stress, 0.1)
    found = attach_nearest_frames(stages, np.array(frames))
    np.testing.assert_array_equal(found["start_strain"], stages["start_strain"][kept])
    assert found["stage"].tolist() == list(range(len(kept)))


@PROPERTIES
@given(seed=st.integers(0, 10_000), n_frames=st.integers(2, 300), threshold=st.floats(0.01, 0.5))
def test_every_stage_has_two_frames_in_order_the_nearest_there_are(seed, n_frames, threshold):
    strain, stress = walk(seed)
    frames = np.sort(np.random.default_rng(seed + 1).random(n_frames))
    frames = frames[np.concatenate([[True], np.diff(frames) > 0])]
    stages = detect_stages(strain, stress, threshold)
    found = attach_nearest_frames(stages, frames)
    assert (found["start_frame"] < found["end_frame"]).all()
    for end in ("start", "end"):
        distance = np.abs(frames - found[f"{end}_strain"].to_numpy()[:, None])
        np.testing.assert_allclose(found[f"{end}_mismatch"].abs(), distance.min(axis=1), atol=1e-15)
        np.testing.assert_allclose(
            frames[found[f"{end}_frame"]], found[f"{end}_strain"] + found[f"{end}_mismatch"], atol=1e-12
        )
    # stages that follow each other share the frame between them
    following = np.flatnonzero(found["end_sample"].to_numpy()[:-1] == found["start_sample"].to_numpy()[1:])
    np.testing.assert_array_equal(
        found["end_frame"].to_numpy()[following], found["start_frame"].to_numpy()[following + 1]
    )


@PROPERTIES
@given(seed=st.integers(0, 10_000), threshold=st.floats(0.01, 0.5))
def test_a_frame_at_every_sample_misses_no_turning_point(seed, threshold):
    strain, stress = walk(seed, 500)
    stages = detect_stages(strain, stress, threshold)
    found = attach_nearest_frames(stages, strain)
    assert len(found) == len(stages)
    assert (found[["start_mismatch", "end_mismatch"]] == 0).all(axis=None)
    np.testing.assert_array_equal(found["start_frame"], found["start_sample"])
    np.testing.assert_array_equal(found["end_frame"], found["end_sample"])


@FEWER
@given(seed=st.integers(0, 10_000), every=st.integers(1, 60), smoothed=st.booleans())
def test_at_the_supported_threshold_nearly_every_stage_has_its_frames(seed, every, smoothed):
    strain, stress = walk(seed, 1000)
    smoothing = ("ewma", 5) if smoothed else None
    supported = supported_threshold(strain, stress, strain[::every], smoothing, 10)
    if not np.isfinite(supported):
        return
    stages = detect_stages(strain, stress, supported, smoothing, 10)
    assert len(stages)
    assert len(attach_nearest_frames(stages, strain[::every])) >= 0.95 * len(stages)
    if every == 1:
        assert supported == pytest.approx(1e-5)


@FEWER
@given(seed=st.integers(0, 10_000), every=st.integers(2, 40))
def test_more_frames_support_no_coarser_a_threshold_for_long(seed, every):
    """Not for each single one, since twice as many frames are nearest to other turning points; but by and large."""
    strain, stress = walk(seed, 1000)
    coarse, fine = (supported_threshold(strain, stress, strain[::n]) for n in (8 * every, every))
    assert fine <= coarse * 1.001 or not np.isfinite(coarse)


def test_too_few_frames_support_nothing():
    strain, stress = zigzag([0, 0.1, 0.3, 0.6, 0.9, 1], [0, 1, 0, 1, 0, 0.5])
    assert supported_threshold(strain, stress, np.array([0.0, 1.0])) == np.inf
    assert supported_threshold(strain, np.zeros(2001), strain) == np.inf


@PROPERTIES
@given(
    n_frames=st.integers(3, 200),
    share=st.floats(1.0, 20.0),
    first=st.floats(0, 0.3),
    seed=st.integers(0, 1000),
    uneven=st.floats(0, 0.3),
)
def test_windows_cover_the_strain_one_after_another(n_frames, share, first, seed, uneven):
    rng = np.random.default_rng(seed)
    frames = 0.2 + (np.arange(n_frames) + uneven * rng.uniform(-1, 1, n_frames)) / n_frames
    sample = np.arange(n_frames) * 7
    strain = np.interp(np.arange(sample[-1] + 1), sample, frames)
    stress = rng.random(len(strain))
    apart = np.median(np.diff(frames[frames >= 0.2 + first]))
    window = share * apart
    usable = frames[frames >= 0.2 + first]
    if window > usable[-1] - usable[0]:
        with pytest.raises(MicroslipError, match="does not fit into the frames"):
            strain_windows(strain, stress, frames, sample, window, 0.2 + first)
        return
    found = strain_windows(strain, stress, frames, sample, window, 0.2 + first)
    assert len(found)
    np.testing.assert_allclose(found["strain_increment"], window)
    assert found["start_strain"].iloc[0] >= 0.2 + first
    # to the end, but for less than a window
    assert usable[-1] - found["end_strain"].iloc[-1] < 2 * window
    assert (found["start_frame"] < found["end_frame"]).all()
    np.testing.assert_array_equal(found["start_sample"], sample[found["start_frame"]])
    for end in ("start", "end"):
        nearest = np.abs(frames - found[f"{end}_strain"].to_numpy()[:, None]).argmin(axis=1)
        mismatch = frames[nearest] - found[f"{end}_strain"]
        np.testing.assert_allclose(found[f"{end}_mismatch"].abs(), mismatch.abs(), atol=1e-12)
    change = stress[found["start_sample"]] - stress[found["end_sample"]]
    np.testing.assert_array_equal(found["fluctuation"], change)
    np.testing.assert_array_equal(found["kind"], np.where(change < 0, "stick", "slip"))
    assert found["stage"].tolist() == found["cycle"].tolist() == list(range(len(found)))


def test_windows_of_a_frame_each_are_the_pairs_of_frames():
    frames = np.linspace(0, 0.5, 51)
    found = strain_windows(frames, np.full(51, np.nan), frames, np.arange(51), 0.01)
    assert found["start_frame"].tolist() == list(range(50))
    assert found["end_frame"].tolist() == list(range(1, 51))
    assert set(found["kind"]) == {"window"}
    np.testing.assert_allclose(found["start_mismatch"], 0, atol=1e-12)
    assert found["fluctuation"].isna().all()


def test_windows_of_ten_frames_share_their_ends():
    frames = np.linspace(0, 0.5, 51)
    found = strain_windows(frames, -frames, frames, np.arange(51), 0.1, first_strain=0.095)
    assert found["start_frame"].tolist() == [10, 20, 30, 40]
    assert found["end_frame"].tolist() == [20, 30, 40, 50]
    assert set(found["kind"]) == {"slip"}
    np.testing.assert_allclose(found["fluctuation"], 0.1)


@pytest.mark.parametrize(
    ("window", "first", "sentence"),
    [
        (0.005, 0, "less than the strain between frames, 0.01"),
        (0.6, 0, "does not fit"),
        (0.1, 0.45, "does not fit"),
        (0.1, 2, "does not fit"),
    ],
)
def test_windows_that_do_not_fit_are_refused(window, first, sentence):
    frames = np.linspace(0, 0.5, 51)
    with pytest.raises(MicroslipError, match=sentence):
        strain_windows(frames, frames, frames, np.arange(51), window, first)
