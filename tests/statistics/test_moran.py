import numpy as np
import pytest

from microslip import Box, MicroslipError, moran_i


def brute_force(positions, values, box, cutoff):
    weight = np.linalg.norm(box.minimum_image(positions[:, None] - positions[None]), axis=2) < cutoff
    np.fill_diagonal(weight, False)
    z = values - values.mean()
    return len(z) / weight.sum() * (z @ weight @ z) / (z @ z)


@pytest.mark.parametrize("cutoff", [0.8, 1.5, 3.0])
def test_agrees_with_the_double_sum(grains, box, rng, cutoff):
    values = (rng.random(len(grains)) < 0.1).astype(float) + np.sin(grains[:, 0])
    assert moran_i(grains, values, box, cutoff) == pytest.approx(brute_force(grains, values, box, cutoff), abs=1e-12)


def test_values_at_random_have_their_expectation(grains, box, rng):
    found = [moran_i(grains, rng.permutation(np.arange(1000) < 100).astype(float), box) for _ in range(200)]
    assert np.mean(found) == pytest.approx(-1 / 999, abs=4 * np.std(found) / np.sqrt(200))


def test_stripes_and_a_checkerboard():
    box = Box((8.0, 8.0, 8.0), (True, True, True))
    lattice = np.stack(np.meshgrid(*[np.arange(8.0)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    assert moran_i(lattice, lattice.sum(axis=1) % 2, box, 1.1) == pytest.approx(-1)
    # of six neighbours in a half-and-half cell, five are alike in the two layers at the border and six elsewhere
    halves = (lattice[:, 0] < 4).astype(float)
    assert moran_i(lattice, halves, box, 1.1) == pytest.approx((0.5 * 6 + 0.5 * 4) / 6)


def test_walls_are_left_out_and_constants_refused(grains, box, rng):
    values = rng.random(1000)
    bulk = rng.random(1000) < 0.7
    assert moran_i(grains, np.where(bulk, values, np.nan), box) == pytest.approx(
        moran_i(grains[bulk], values[bulk], box)
    )
    with pytest.raises(MicroslipError, match="no fluctuation"):
        moran_i(grains, np.ones(1000), box)
    with pytest.raises(MicroslipError, match="no grain has a neighbour"):
        moran_i(np.array([[1.0, 1, 1], [5, 5, 5]]), np.array([0.0, 1.0]), box)


@pytest.mark.parametrize("alike", [0.0, 1.0, 0.1, 1 / 3, 3.3])
def test_values_all_alike_are_refused(grains, box, alike):
    with pytest.raises(MicroslipError, match="no fluctuation"):
        moran_i(grains, np.full(len(grains), alike), box)


def test_scale_offset_place_and_order_drop_out(grains, box, rng):
    values = np.sin(grains[:, 0]) + rng.random(len(grains))
    found = moran_i(grains, values, box)
    assert found > 0.1
    order = rng.permutation(len(grains))
    assert moran_i(grains, 5 - 3 * values, box) == pytest.approx(found)
    assert moran_i(grains[order], values[order], box) == pytest.approx(found)
    assert moran_i(grains + np.array([4.4, -9.1, 0.7]), values, box) == pytest.approx(found)


def test_a_cutoff_beyond_half_the_cell_is_refused(grains, box, rng):
    with pytest.raises(MicroslipError, match="half the smallest periodic length"):
        moran_i(grains, rng.random(len(grains)), box, 4.5)


def test_infinite_values_and_lost_grains_are_refused(grains, box, rng):
    values = rng.random(len(grains))
    with pytest.raises(MicroslipError, match="the values is inf at grain 5"):
        moran_i(grains, np.where(np.arange(1000) == 5, np.inf, values), box)
    lost = np.where(np.arange(1000)[:, None] == 5, np.nan, grains)
    with pytest.raises(MicroslipError, match="the position of grain 5"):
        moran_i(lost, values, box)
    # a grain without a value need not have a place
    without = np.where(np.arange(1000) == 5, np.nan, values)
    assert moran_i(lost, without, box) == moran_i(grains, without, box)


@pytest.mark.parametrize("scale", [1e-200, 1e40])
def test_tiny_and_huge_values_have_squares_too(grains, box, rng, scale):
    values = rng.random(len(grains))
    assert moran_i(grains, scale * values, box) == pytest.approx(moran_i(grains, values, box))


def test_marks_are_values(grains, box, rng):
    marks = rng.random(len(grains)) < 0.1
    assert moran_i(grains, marks, box) == moran_i(grains, marks.astype(float), box)
