import numpy as np
import pytest

from microslip import MicroslipError, fractal_dimension
from microslip.statistics.fractal import fit_log_moments, log_moments

# Small clusters are not yet the shape that they grow into.
FINITE_SIZE = 0.04


def gyration(points):
    return np.sqrt(((points - points.mean(axis=0)) ** 2).sum(axis=1).mean())


def shapes(dimension, extents):
    """Balls of lattice points in one, two or three dimensions."""
    for extent in extents:
        axis = np.arange(-extent, extent + 1)
        points = np.stack(np.meshgrid(*[axis] * dimension, indexing="ij"), axis=-1).reshape(-1, dimension)
        yield points[(points**2).sum(axis=1) <= extent**2].astype(float)


@pytest.mark.parametrize(("dimension", "extents"), [(1, range(10, 200, 10)), (2, range(5, 40, 3)), (3, range(3, 16))])
def test_a_line_a_plane_and_a_ball(dimension, extents):
    made = list(shapes(dimension, extents))
    size, radius = np.array([len(one) for one in made]), np.array([gyration(one) for one in made])
    assert fractal_dimension(size, radius).dimension == pytest.approx(dimension, rel=FINITE_SIZE)


def test_is_the_straight_line_through_the_logarithms(rng):
    size = rng.integers(3, 200, 300)
    radius = 0.6 * size**0.45 * np.exp(rng.normal(0, 0.1, 300))
    (slope, offset), covariance = np.polyfit(np.log(size), np.log(radius), 1, cov=True)
    found = fractal_dimension(size, radius)
    assert found.dimension == pytest.approx(1 / slope)
    assert found.prefactor == pytest.approx(np.exp(offset))
    assert found.standard_error == pytest.approx(np.sqrt(covariance[0, 0]) / slope**2)
    halves = log_moments(size[:100], radius[:100]) + log_moments(size[100:], radius[100:])
    assert fit_log_moments(halves).dimension == pytest.approx(found.dimension)


def test_small_and_shapeless_clusters_are_left_out():
    size, radius = np.array([1, 2, 3, 5, 9]), np.array([0.0, 0.5, 0.7, np.nan, 1.2])
    assert log_moments(size, radius, 3)[0] == 2


@pytest.mark.parametrize(
    ("size", "radius", "message"),
    [
        (np.arange(3, 8), np.arange(3, 8) ** 0.5, "5 clusters are too few"),
        (np.full(20, 4), np.linspace(1, 2, 20), "the same size"),
        (np.arange(3, 30), np.arange(3, 30) ** -0.5, "does not grow"),
    ],
)
def test_no_dimension_but_a_reason(size, radius, message):
    with pytest.raises(MicroslipError, match=message):
        fractal_dimension(size, radius)
