import numpy as np
import pytest

from microslip import MicroslipError, d2min
from microslip.fields.precision import position_resolution, precision_floor


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
    assert np.mean(found) == pytest.approx(floor, rel=0.3)


def test_the_floor_grows_with_the_square_of_the_step(grains, box):
    assert precision_floor(grains, box, 2e-4) == pytest.approx(4 * precision_floor(grains, box, 1e-4))
    assert precision_floor(grains, box, 0.0) == 0
