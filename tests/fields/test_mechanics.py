import numpy as np
import pytest

from microslip import MicroslipError, local_packing_fraction, major_principal_stress

# Of sums of stresses of order ten.
ROUNDING = 1e-13

# Half the digits are lost where two roots of a cubic meet.
DOUBLE_ROOT = 1e-7


def tensors(components):
    full = np.empty((len(components), 3, 3))
    for column, (a, b) in enumerate(((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))):
        full[:, a, b] = full[:, b, a] = components[:, column]
    return full


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_is_the_largest_eigenvalue(rng, dtype):
    components = rng.normal(size=(2000, 6)).astype(dtype)
    expected = np.linalg.eigvalsh(tensors(components.astype(float)))[:, -1]
    np.testing.assert_allclose(major_principal_stress(components), expected, atol=1e-7)


def test_degenerate_stresses():
    pressure = np.array([[2.0, 2, 2, 0, 0, 0], [0, 0, 0, 0, 0, 0], [1, 1, 3, 0, 0, 0], [3, 3, 1, 0, 0, 0]])
    np.testing.assert_allclose(major_principal_stress(pressure), [2, 0, 3, 3], atol=1e-7)
    assert np.isnan(major_principal_stress(np.full((1, 6), np.nan)))[0]


def test_nearly_degenerate_stresses(rng):
    """Deviators of a millionth of the pressure, as in a packing at rest."""
    components = np.array([5.0, 5, 5, 0, 0, 0]) + 1e-6 * rng.normal(size=(500, 6))
    expected = np.linalg.eigvalsh(tensors(components))[:, -1]
    np.testing.assert_allclose(major_principal_stress(components), expected, atol=ROUNDING)


def test_two_equal_stresses_in_any_direction(rng):
    """The root of the cubic is double here, where its cosine is flattest or steepest."""
    turns = np.linalg.qr(rng.normal(size=(400, 3, 3)))[0]
    for values, largest in (([3.0, 3.0, 1.0], 3.0), ([3.0, 1.0, 1.0], 3.0), ([0.0, 0.0, -2.0], 0.0)):
        full = turns @ np.diag(values) @ turns.transpose(0, 2, 1)
        components = np.stack([full[:, a, b] for a, b in ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))], axis=1)
        np.testing.assert_allclose(major_principal_stress(components), largest, atol=DOUBLE_ROOT)


@pytest.mark.parametrize("unit", [1e-60, 1e-9, 1e9, 1e60])
def test_the_unit_of_stress_does_not_matter(rng, unit):
    components = rng.normal(size=(100, 6))
    np.testing.assert_allclose(major_principal_stress(unit * components), unit * major_principal_stress(components))


@pytest.mark.parametrize("component", range(6))
def test_one_undefined_component_leaves_no_value(rng, component):
    components = rng.normal(size=(3, 6))
    components[1, component] = np.nan
    assert np.isnan(major_principal_stress(components)).tolist() == [False, True, False]


def test_no_grain_has_no_stress():
    assert major_principal_stress(np.empty((0, 6))).shape == (0,)


def test_compression_is_positive():
    assert major_principal_stress(np.array([[-1.0, -2, -3, 0, 0, 0]]))[0] == pytest.approx(-1)


def test_a_grain_in_its_cube_fills_a_sixth_of_pi():
    found = local_packing_fraction(np.array([1.0, 2.0]), np.array([[1.0, 8.0], [2.0, np.nan]]))
    np.testing.assert_allclose(found, [[np.pi / 6, np.pi / 6], [np.pi / 12, np.nan]])


def test_no_volume_is_refused():
    with pytest.raises(MicroslipError, match="grain 1 or its Voronoi cell has no volume"):
        local_packing_fraction(np.ones(3), np.array([1.0, 0.0, 1.0]))
    with pytest.raises(MicroslipError, match="grain 2"):
        local_packing_fraction(np.array([1.0, 1.0, 0.0]), np.ones(3))
