from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy import stats

from microslip import MicroslipError
from microslip.learn import ablation_lines
from microslip.learn.ablation_lines import is_stuck
from microslip.learn.ablations import amplitude, change_of, cut, mask, pattern, phases, shuffled
from microslip.learn.config import Ablation, Network, Training

GRIDS = [(8, 6, 4), (7, 5, 3), (8, 5, 1)]

# Of float32 sums over some hundred nodes.
FLOAT32 = 1e-5


@pytest.fixture(params=GRIDS)
def fields(request, rng):
    """Two channels that know of each other, log-normal as D²min is."""
    first = np.exp(rng.normal(size=request.param))
    return np.stack([first, first + rng.normal(size=request.param)]).astype(np.float32)


def test_every_ablation_keeps_the_shape_and_leaves_its_input_alone(fields, rng):
    before = fields.copy()
    for name in ("shuffled", "phases", "pattern", "amplitude", "mask"):
        found = change_of(name, 0.1)(fields, rng)
        assert found.shape == fields.shape
        assert np.isfinite(found).all()
        np.testing.assert_array_equal(fields, before)


def test_shuffling_keeps_the_values_and_what_belongs_to_one_node(fields, rng):
    found = shuffled(fields, rng)
    before, after = (np.unique(one.reshape(2, -1).T, axis=0) for one in (fields, found))
    np.testing.assert_array_equal(before, after)
    assert not np.array_equal(found, fields)


def test_random_phases_keep_the_mean_and_the_power_spectra_across_channels_too(fields, rng):
    found = phases(fields, rng)
    assert found.dtype == np.float32
    assert not np.allclose(found, fields, atol=0.1)
    before, after = (np.fft.fftn(one.astype(float), axes=(1, 2, 3)) for one in (fields, found))
    size = np.abs(before).max()
    # a field that were not real would have lost its imaginary part, and a part of its spectrum
    np.testing.assert_allclose(np.abs(after), np.abs(before), atol=FLOAT32 * size)
    np.testing.assert_allclose(after[0] * after[1].conj(), before[0] * before[1].conj(), atol=FLOAT32 * size**2)
    np.testing.assert_allclose(found.mean(axis=(1, 2, 3)), fields.mean(axis=(1, 2, 3)), rtol=FLOAT32)
    np.testing.assert_allclose(found.std(axis=(1, 2, 3)), fields.std(axis=(1, 2, 3)), rtol=FLOAT32)


def test_random_phases_keep_nothing_beyond(rng):
    """One bright node, which has the skewness of a bright node, becomes noise of the same spectrum."""
    fields = np.zeros((1, 16, 16, 16), dtype=np.float32)
    fields[0, 3, 4, 5] = 1
    found = phases(fields, rng).ravel()
    assert abs(stats.skew(found)) < 0.2
    assert abs(stats.kurtosis(found)) < 0.4
    assert stats.skew(fields.ravel()) > 50


def test_a_field_that_is_the_same_everywhere_has_no_phases(rng):
    found = phases(np.full((1, 4, 3, 5), -6.5, dtype=np.float32), rng)
    np.testing.assert_allclose(found, -6.5, rtol=FLOAT32)


@given(scale=st.floats(0.01, 100), offset=st.floats(-10, 10))
def test_the_pattern_does_not_know_how_much_moved(scale, offset):
    rng = np.random.default_rng(5)
    fields = rng.normal(size=(2, 5, 4, 3))
    found = pattern(fields, rng)
    np.testing.assert_allclose(pattern(scale * fields + offset, rng), found, atol=1e-9)
    np.testing.assert_allclose(found.mean(axis=(1, 2, 3)), 0, atol=1e-12)
    np.testing.assert_allclose(found.std(axis=(1, 2, 3)), 1)
    np.testing.assert_array_equal(np.argsort(found, axis=None), np.argsort(pattern(fields, rng), axis=None))


@pytest.mark.parametrize(
    "value",
    [
        0.0,
        0.5,
        -2.3,
    ],
)
def test_what_is_the_same_at_every_node_has_no_pattern(value, rng):
    fields = np.full((1, 14, 8, 13), value, dtype=np.float32)
    np.testing.assert_array_equal(pattern(fields, rng), 0)


def test_the_amplitude_does_not_know_where_it_moved(fields, rng):
    found = amplitude(fields, rng)
    np.testing.assert_allclose(amplitude(shuffled(fields, rng), rng), found, rtol=FLOAT32)
    mean = fields.astype(float).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(found.reshape(2, -1).T, np.broadcast_to(mean, (found[0].size, 2)), rtol=FLOAT32)


@pytest.mark.parametrize("fraction", [0.01, 0.1, 0.5, 0.99])
def test_the_mask_marks_the_largest(fields, rng, fraction):
    found = mask(fields, rng, fraction)
    n = max(1, round(fraction * fields[0].size))
    assert set(np.unique(found)) <= {0, 1}
    np.testing.assert_array_equal(found.sum(axis=(1, 2, 3)), n)
    for one, marked in zip(fields, found > 0, strict=True):
        assert one[marked].min() > one[~marked].max(initial=-np.inf)
    np.testing.assert_array_equal(mask(np.exp(fields), rng, fraction), found)


@pytest.mark.parametrize(("share", "n"), [(0.5, 4), (0.25, 2), (0.01, 1), (0.99, 8)])
def test_a_cut_cell_is_the_first_part_along_x(share, n, rng):
    fields = rng.normal(size=(2, 8, 3, 5))
    np.testing.assert_array_equal(cut(fields, rng, share), fields[:, :n])


def test_variants_are_found_by_name(rng):
    fields = rng.normal(size=(1, 5, 5, 4))
    assert change_of("full", 0.1) is None
    assert change_of("mask", 0.3)(fields, rng).mean() == pytest.approx(0.3)
    assert all(change_of(name, 0.1) is not None for name in Ablation().variants if name != "full")
    with pytest.raises(MicroslipError, match="unknown ablation colour: known are full, shuffled"):
        change_of("colour", 0.1)


@pytest.mark.parametrize(
    "setting", [{"spacings": [0.0]}, {"radii": [11]}, {"cell_shares": [1]}, {"training_shares": [0]}]
)
def test_lengths_and_shares_out_of_bounds_are_refused(setting):
    with pytest.raises(ValidationError, match=r"should be (greater|less) than"):
        Ablation(**setting)


def test_a_network_that_predicts_one_number_is_stuck_and_a_bad_one_is_not(rng):
    target = rng.normal(0, 1e-3, 200)
    constant = np.full(200, 1e-5)
    assert is_stuck(target, constant, 40)
    assert is_stuck(target, constant + rng.normal(0, 1e-6, 200), 40)
    # it has had no time yet
    assert not is_stuck(target, constant, 2)
    # wrong, but of its own mind
    assert not is_stuck(target, rng.normal(0, 1e-3, 200), 40)
    assert not is_stuck(target, 0.2 * target, 40)


def test_a_stuck_training_begins_anew_twice_at_most_and_is_counted(rng, tmp_path, monkeypatch):
    inputs = rng.normal(-8, 1, (40, 1, 8, 4, 4)).astype(np.float32)
    target, cycle = rng.normal(0, 1e-3, 40), np.arange(40) // 2
    sets = {"train": np.arange(24), "validation": np.arange(24, 32), "test": np.arange(32, 40)}
    seeds, dead = [], {1: True, 1_000_001: False, 2: True, 1_000_002: True, 2_000_002: True}

    def told(samples, sets, scaling, network, training, state, advance):
        seeds.append(training.seed)
        return SimpleNamespace(network=training.seed, history=range(10))

    monkeypatch.setattr(ablation_lines, "train", told)
    monkeypatch.setattr(ablation_lines, "predict", lambda seed, *_: target * (0.0 if dead[seed] else 0.9))
    line = ablation_lines.Line("input", "full", lambda: iter([inputs]))
    rows = ablation_lines.train_line(
        line, {"random": sets}, target, cycle, Network(), Training(), 2, tmp_path, lambda number, epoch: None
    )
    assert seeds == [1, 1_000_001, 2, 1_000_002, 2_000_002]
    assert [(row["restarts"], row["stuck"]) for row in rows] == [(1, 0), (2, 1)]
    summary = ablation_lines.summarise(pd.DataFrame(rows))
    assert summary[["restarts", "stuck"]].values.tolist() == [[3, 1]]
