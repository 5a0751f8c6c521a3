import numpy as np
import pytest

from microslip import MicroslipError, local_packing_fraction, major_principal_stress


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
