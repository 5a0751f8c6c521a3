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
