import numpy as np
import pytest

from microslip import MicroslipError, d2min
from microslip.fields.precision import position_resolution, precision_floor

# Largest difference of the floor and of what twenty to sixty pairs of really rounded frames show.
FLOOR = 0.2

# All coordinates of so few grains are looked at.
EXACT = 1e-6


def six_digits(positions):
    return np.array([float(f"{value:g}") for value in positions.ravel()]).reshape(positions.shape)


def single(positions):
    return positions.astype(np.float32).astype(float)


def four_decimals(positions):
    return np.round(positions, 4)


def test_the_step_of_the_digits_is_found(grains):
    assert position_resolution(four_decimals(grains)) == pytest.approx(1e-4, rel=1e-6)
    # 4 decimals from 10 up, 5 below
    above = (grains >= 10).mean()
    expected = np.sqrt(above * 1e-4**2 + (1 - above) * 1e-5**2)
    assert position_resolution(six_digits(grains)) == pytest.approx(expected, rel=0.2)
    assert 1e-7 < position_resolution(single(grains)) < 2e-6
    assert 1e-16 < position_resolution(grains) < 1e-14


@pytest.mark.parametrize("decimals", [1, 2, 3, 5, 7, 9])
def test_fixed_decimals_are_counted(grains, decimals):
    assert position_resolution(np.round(grains, decimals)) == pytest.approx(10.0**-decimals, rel=1e-6)


@pytest.mark.parametrize("size", [1e-3, 1.0, 300.0])
def test_binary_precisions_are_the_spacing_of_the_numbers(grains, size):
    """Root mean square over all coordinates."""
    for dtype in (np.float64, np.float32):
        positions = (size * grains).astype(dtype)
        expected = np.sqrt(np.mean(np.spacing(positions).astype(float) ** 2))
        assert position_resolution(positions.astype(float)) == pytest.approx(expected, rel=EXACT)


@pytest.mark.parametrize("digits", [4, 5, 6, 7])
@pytest.mark.parametrize("size", [1e-3, 1.0, 300.0])
def test_significant_digits_are_a_step_for_every_power_of_ten(grains, digits, size):
    positions = np.array([float(f"{value:.{digits}g}") for value in size * grains.ravel()]).reshape(grains.shape)
    step = 10.0 ** (np.floor(np.log10(positions)) - digits + 1)
    assert position_resolution(positions) == pytest.approx(np.sqrt(np.mean(step**2)), rel=EXACT)


def test_the_unit_of_length_changes_nothing_of_the_digits(grains):
    """Written in metres, millimetres or diameters: the step goes with the unit."""
    here = position_resolution(np.round(grains, 6))
    assert position_resolution(np.round(grains * 1e-3, 9)) == pytest.approx(1e-3 * here, rel=1e-6)


def test_nothing_to_look_at_is_refused():
    with pytest.raises(MicroslipError, match="no coordinate is finite"):
        position_resolution(np.zeros((5, 3)))


@pytest.mark.parametrize("rounded", [six_digits, four_decimals, single])
def test_the_floor_is_what_rounding_leaves(grains, box, rng, rounded):
    """Grains that only shift together, by many amounts: all that D²min sees is rounding."""
    resolution = position_resolution(rounded(grains))
    floor = precision_floor(rounded(grains), box, resolution)
    found = []
    for _ in range(20):
        shift = rng.uniform(0.1, 0.2, 3)
        found.append(np.mean(d2min(rounded(grains), rounded(grains + shift) - shift, box).d2min))
    assert np.mean(found) == pytest.approx(floor, rel=FLOOR)


@pytest.mark.parametrize("rounded", [six_digits, four_decimals, single])
def test_the_floor_is_what_rounding_adds_to_motions_of_a_few_steps(grains, box, rng, rounded):
    """Each grain moves on its own, and so far that its two rounding errors have nothing to do with each other."""
    resolution = position_resolution(rounded(grains))
    floor = precision_floor(rounded(grains), box, resolution)
    added = []
    for _ in range(60):
        start = grains + rng.uniform(0, 10 * resolution, grains.shape)
        end = start + rng.normal(0, 4 * resolution, grains.shape)
        added.append(np.mean(d2min(rounded(start), rounded(end), box).d2min - d2min(start, end, box).d2min))
    assert np.mean(added) == pytest.approx(floor, rel=FLOOR)


def test_the_floor_of_double_precision_does_not_drown_in_it(grains, box):
    resolution = position_resolution(grains)
    assert precision_floor(grains, box, resolution) == pytest.approx(
        precision_floor(grains, box, 1e-3) * (resolution / 1e-3) ** 2
    )


def test_the_floor_is_that_of_the_grains_asked_for(grains, box):
    """Known answer: two errors of variance 1/12 for every coordinate, of the grain and of its neighbours."""
    of = grains[:, 2] > 6
    floor = precision_floor(grains, box, 1e-3, of=of)
    n = d2min(grains, grains, box, of=of).n_neighbours[of]
    # the error of the centre is shared by all vectors, and the affine map takes about nine degrees of freedom away
    variance = 1e-6 / 6
    assert 3 * variance * np.mean(1 - 3 / n) <= floor <= 6 * variance
    assert np.isnan(precision_floor(grains[:3], box, 1e-3))


def test_the_floor_grows_with_the_square_of_the_step(grains, box):
    assert precision_floor(grains, box, 2e-4) == pytest.approx(4 * precision_floor(grains, box, 1e-4))
    assert precision_floor(grains, box, 0.0) == 0
