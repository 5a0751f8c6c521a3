import freud
import numpy as np
import pytest

from microslip import Box, MicroslipError, pair_correlation
from microslip.statistics.pair_correlation import find_minima

edges = np.linspace(0, 3.9, 40)


def test_grains_at_random_in_a_slab_give_one(box, rng):
    """Padding the box in z, as a library that repeats every axis needs it, gives another normalisation."""
    padded = freud.box.Box(*box.lengths[:2], 2 * box.lengths[2])
    ours, theirs = [], []
    for _ in range(40):
        positions = rng.random((1000, 3)) * box.lengths
        ours.append(pair_correlation(positions, box, edges).g)
        oracle = freud.density.RDF(bins=39, r_max=3.9)
        oracle.compute((padded, positions))
        theirs.append(np.asarray(oracle.rdf))
    error = np.std(ours, axis=0) / np.sqrt(40)
    assert (np.abs(np.mean(ours, axis=0) - 1)[4:] < 4 * error[4:]).all()
    assert abs(np.mean(theirs, axis=0)[-5:].mean() - 1) > 0.1


def test_agrees_with_freud_where_everything_repeats(rng):
    box = Box((9.0, 8.0, 10.0), (True, True, True))
    positions = rng.random((900, 3)) * box.lengths
    oracle = freud.density.RDF(bins=39, r_max=3.9, normalization_mode="finite_size")
    oracle.compute((freud.box.Box(*box.lengths), positions))
    # finite_size divides by N − 1 where the density of all N is meant here
    expected = np.asarray(oracle.rdf) * 899 / 900
    # in its single precision a pair of tens of thousands may fall into the next bin
    np.testing.assert_allclose(pair_correlation(positions, box, edges).g, expected, rtol=5e-4)


def test_the_minima_of_a_known_curve():
    r = np.arange(0.01, 5, 0.02)
    g = 1 + np.where(r > 0.8, 1.5 * np.exp(-0.6 * (r - 1)) * np.cos(2 * np.pi * (r - 1)), -1)
    first, second = find_minima(r, g)
    assert first == pytest.approx(1.5, abs=0.05)
    assert second == pytest.approx(2.5, abs=0.05)
    assert np.isnan(find_minima(r, np.exp(-r))).all()


@pytest.mark.parametrize(
    ("positions", "box", "bins", "message"),
    [
        (np.ones((1, 3)), Box((8.0, 8.0, 8.0)), edges, "1 grains make no pair"),
        (np.ones((9, 3)), Box((8.0, 8.0, 8.0)), edges, "at one height"),
        (np.eye(3), Box((8.0, 8.0, 8.0)), edges, "exceed the height"),
        (np.eye(3), Box((8.0, 8.0, 8.0), (True, False, False)), edges, "repeat in x and y"),
        (np.eye(3), Box((8.0, 8.0, 8.0)), np.array([0, 1, 3.0]), "equally spaced"),
    ],
)
def test_bad_input_is_refused(positions, box, bins, message):
    with pytest.raises(MicroslipError, match=message):
        pair_correlation(positions, box, bins)


def test_a_slab_hardly_higher_than_the_distances_gives_one_too(rng):
    # a shell may then reach beyond both walls
    box = Box((12.0, 11.0, 4.0))
    found = [pair_correlation(rng.random((600, 3)) * box.lengths, box, edges, height=4.0).g for _ in range(60)]
    error = np.std(found, axis=0) / np.sqrt(60)
    assert (np.abs(np.mean(found, axis=0) - 1)[4:] < 4 * error[4:]).all()


def test_pairs_are_counted_as_by_brute_force(grains, box):
    distance = np.linalg.norm(box.minimum_image(grains[:, None] - grains[None]), axis=2)
    counts, _ = np.histogram(distance[np.triu_indices(len(grains), 1)], edges)
    found = pair_correlation(grains, box, edges)
    np.testing.assert_array_equal(found.n_pairs, counts)
    np.testing.assert_allclose(found.r, (edges[:-1] + edges[1:]) / 2)


def test_the_place_and_order_of_the_grains_drop_out(grains, box, rng):
    one = pair_correlation(grains, box, edges).g
    moved = rng.permutation(grains) + np.array([3.7, -21.3, 1.9])
    np.testing.assert_allclose(pair_correlation(moved, box, edges).g, one, rtol=5e-3)


def test_the_height_is_found_where_it_is_not_given(grains, box):
    found, given = pair_correlation(grains, box, edges), pair_correlation(grains, box, edges, height=12.0)
    np.testing.assert_allclose(found.g, given.g, rtol=0.01)


def test_noise_makes_no_minimum(rng):
    r = np.arange(0.01, 5, 0.02)
    g = 1 + np.where(r > 0.8, 1.5 * np.exp(-0.6 * (r - 1)) * np.cos(2 * np.pi * (r - 1)), -1)
    for _ in range(50):
        first, second = find_minima(r, g + rng.normal(0, 0.01, len(r)))
        assert first == pytest.approx(1.5, abs=0.1)
        assert second == pytest.approx(2.5, abs=0.1)


def test_distances_beyond_half_the_cell_are_refused(grains, box):
    with pytest.raises(MicroslipError, match="half the smallest periodic length"):
        pair_correlation(grains, box, np.linspace(0, 4.5, 10))


def test_the_minima_lie_where_the_curve_says():
    r = np.arange(0.01, 5, 0.02)
    g = 1 + np.where(r > 0.8, 1.5 * np.exp(-0.6 * (r - 1)) * np.cos(2 * np.pi * (r - 1)), -1)
    # tan 2π(r − 1) = −0.6/2π; the filter shifts a damped cosine by its variance times the damping, 0.05² · 0.6
    exact = 1.5 - np.arctan(0.6 / (2 * np.pi)) / (2 * np.pi) + 0.05**2 * 0.6
    np.testing.assert_allclose(find_minima(r, g), [exact, exact + 1], atol=2e-4)


def test_a_lost_grain_is_named(grains, box):
    grains[7] = np.nan
    with pytest.raises(MicroslipError, match="position of grain 7"):
        pair_correlation(grains, box, edges)
