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


def test_lines_of_grains_have_their_radius_in_closed_form():
    size = np.arange(10, 201)
    radius = np.array([gyration(np.arange(n)[:, None]) for n in size])
    np.testing.assert_allclose(radius, np.sqrt((size**2 - 1) / 12))
    assert fractal_dimension(size, radius).dimension == pytest.approx(1, rel=0.005)


def test_the_unit_of_length_is_in_the_prefactor_alone(rng):
    size = rng.integers(3, 200, 100)
    radius = size**0.5 * np.exp(rng.normal(0, 0.1, 100))
    one, other = fractal_dimension(size, radius), fractal_dimension(size, 7 * radius)
    assert other.dimension == pytest.approx(one.dimension)
    assert other.standard_error == pytest.approx(one.standard_error)
    assert other.prefactor == pytest.approx(7 * one.prefactor)


def test_moments_add_up_over_single_clusters(rng):
    size, radius = rng.integers(1, 20, 60), rng.random(60)
    singly = [log_moments(size[i : i + 1], radius[i : i + 1]) for i in range(60)]
    np.testing.assert_allclose(np.sum(singly, axis=0), log_moments(size, radius))
    assert log_moments(size, radius)[0] == (size >= 3).sum()
    assert (log_moments(size[:0], radius[:0]) == 0).all()


@pytest.mark.parametrize("radius", [1.0, 1.3, 2.2, 0.1])
def test_a_radius_that_stays_the_same_does_not_grow(radius):
    with pytest.raises(MicroslipError, match="does not grow"):
        fractal_dimension(np.arange(3, 40), np.full(37, radius))


def test_the_true_dimension_lies_within_its_error_as_often_as_it_says(rng):
    size = rng.integers(3, 200, 60)
    inside = 0
    for _ in range(300):
        found = fractal_dimension(size, size**0.5 * np.exp(rng.normal(0, 0.2, 60)))
        inside += abs(found.dimension - 2) < 1.96 * found.standard_error
    # 95 of 100, by three standard deviations of a binomial
    assert inside / 300 == pytest.approx(0.95, abs=0.038)
