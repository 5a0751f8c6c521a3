"""Frames inside stages: the rule that chooses them, against the turning points of the whole series."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microslip import detect_stages
from microslip.core.grain_values import GrainValues
from microslip.dem.config import ShearCell
from microslip.dem.inside import MOST_HELD, Candidates, evenly_inside
from microslip.dem.recorder import STRETCHES, Recorder, TurningPointWatch
from microslip.dem.seam import Frame

THRESHOLD = 0.05


def config_of(n, first=20):
    return ShearCell.model_validate(
        {
            "loading": {"warm_up": first * 1e-5, "strain": 1e-2},
            "recording": {"threshold": THRESHOLD, "frames_per_stage": n},
        }
    )


def watched(values, config, look=lambda watch: None):
    """The sample of each turning point and those inside its stage; grains are the samples at which they were held."""
    watch, turnings = TurningPointWatch(config), []
    for sample, value in enumerate(values):
        turning = watch.feed(sample, float(value), lambda sample=sample: sample)
        look(watch)
        if turning is not None:
            turnings.append(turning)
    return turnings


def walk(seed, length, memory):
    """From noise, whose stages have a few samples, to walks, whose stages have hundreds."""
    steps, values = np.random.default_rng(seed).uniform(-0.1, 0.1, length), [0.0]
    for step in steps:
        values.append(memory * values[-1] + step)
    return np.array(values)


series = st.builds(walk, st.integers(0, 10**6), st.integers(30, 900), st.sampled_from([0.0, 0.9, 1.0]))


@settings(max_examples=40)
@given(series, st.sampled_from([5, 8]))
def test_frames_lie_inside_the_stages_at_even_strain(values, n):
    config, most = config_of(n), 0

    def look(watch):
        nonlocal most
        most = max(most, sum(len(getattr(watch, name).held) for name in STRETCHES))

    turnings = watched(values, config, look)
    assert most <= MOST_HELD * n
    stages = detect_stages(np.arange(len(values)) * 1e-5, values, THRESHOLD, None, config.first_stage_sample)
    ends = {turning.sample: turning for turning in turnings}
    inside = {sample for turning in turnings for sample in turning.inside}
    for start, end in stages[["start_sample", "end_sample"]].itertuples(index=False):
        chosen = [*ends[end].inside]
        assert [*ends[end].inside.values()] == chosen
        assert chosen == [*candidates_of(start, end, n)]
        assert len(chosen) == min(n, end - start - 1)
        pieces, ideal = np.diff([start, *chosen, end]), (end - start) / (n + 1)
        assert (pieces > 0).all()
        assert pieces.max() <= max(2 * ideal, 1)
        assert (pieces[1:-1] >= ideal / 2).all()
        inside -= set(chosen)
    assert not inside


def candidates_of(start, end, n):
    """The choice with the whole stage known: of the finest grid of 2^k samples that has no more than 2n inside."""
    spacing = 1
    while len(grid := [sample for sample in range(start + 1, end) if sample % spacing == 0]) > 2 * n:
        spacing *= 2
    return evenly_inside(grid, start, end, n)


@settings(max_examples=20)
@given(series)
def test_turning_points_are_the_same_with_and_without_frames_inside(values):
    without, plain = (watched(values, config_of(n)) for n in (5, 0))
    assert [turning[:2] for turning in without] == [turning[:2] for turning in plain]
    assert not any(turning.inside for turning in plain)


def test_nothing_but_extremes_is_held_where_nothing_is_asked_for():
    watch, held = TurningPointWatch(config_of(0, first=1)), []
    for sample, value in enumerate([0.0, 0.0, 0.1, 0.09, 0.08, 0.09, 0.11, 0.0]):
        watch.feed(sample, value, lambda sample=sample: held.append(sample))
    assert held == [1, 2, 6, 7]


@given(st.lists(st.integers(1, 60), min_size=1, max_size=6), st.integers(1, 12))
def test_stretches_that_join_hold_what_one_long_stretch_holds(lengths, most):
    joined, whole, start = Candidates(most), Candidates(most), 1
    for length in lengths:
        piece = Candidates(most)
        for sample in range(start, start + length):
            piece.add(sample, None)
            whole.add(sample, None)
        joined.join(piece)
        start += length
    assert (joined.spacing, [*joined.held]) == (whole.spacing, [*whole.held])
    assert len(whole.held) <= most


class Engine:
    """Three grains whose places are the sample."""

    first, sample = True, 0

    def hold(self):
        return self.sample

    def frame(self, held):
        values = GrainValues.of(np.full((3, 9), float(held)))
        return Frame(np.full((3, 3), float(held)), values, np.full(4, float(held)))


@settings(max_examples=12)
@given(values=series, stops=st.sets(st.integers(0, 900), max_size=5))
def test_a_recording_that_is_taken_up_again_keeps_the_same_frames(values, stops, tmp_path_factory):
    """A checkpoint at any sample carries all that is held."""
    folder, config = tmp_path_factory.mktemp("recorded"), config_of(5, first=3)

    def record(stops):
        engine, kept = Engine(), []
        recorder = Recorder(config, engine, folder)
        for sample, value in enumerate(values):
            engine.sample = sample
            recorder.add(sample, (), float(value))
            if sample in stops:
                # nothing is written to a store here: what would be is looked at
                recorder.flush = lambda: None
                recorder.save(folder / "checkpoint.npz")
                kept += recorder.frames
                recorder, n_frames = Recorder(config, engine, folder), recorder.n_frames
                recorder.load(folder / "checkpoint.npz", n_frames)
        return kept + recorder.frames, recorder.n_frames

    (whole, n), (pieces, n_pieces) = record(set()), record(stops)
    assert n == n_pieces == len(whole)
    assert [each[:2] for each in whole] == [each[:2] for each in pieces]
    for (sample, _, one), (*_, other) in zip(whole, pieces, strict=True):
        np.testing.assert_array_equal(one.position, sample)
        np.testing.assert_array_equal(one.position, other.position)
        np.testing.assert_array_equal(one.values.table, other.values.table)
        np.testing.assert_array_equal(one.cell, other.cell)


@pytest.mark.parametrize("n", [1, 4])
def test_too_few_frames_for_a_mean_are_refused(n):
    with pytest.raises(ValueError, match=rf"frames_per_stage = {n} is too few .* give 5 or more, or 0"):
        config_of(n)
