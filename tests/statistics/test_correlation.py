import freud
import numpy as np
import pytest

from microslip import Box, MicroslipError, spatial_correlation

edges = np.linspace(0, 3.75, 16)


def test_agrees_with_freud(grains, box, rng):
    values = rng.normal(size=len(grains)) + np.sin(grains[:, 0])
    found = spatial_correlation(grains, values, box, edges)
    fluctuation = values - values.mean()
    # freud repeats z too: move the periodic image out of reach
    padded = freud.box.Box(*box.lengths[:2], 2 * box.lengths[2])
    oracle = freud.density.CorrelationFunction(bins=15, r_max=3.75)
    oracle.compute((padded, grains), fluctuation, grains, fluctuation, neighbors={"r_max": 3.75, "exclude_ii": True})
    pairs = found.n_pairs > 0
    expected = np.asarray(oracle.correlation)[pairs] / np.mean(fluctuation**2)
    np.testing.assert_allclose(found.correlation[pairs], expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(2 * found.n_pairs, oracle.bin_counts)


def test_counts_every_pair_once_and_knows_no_wrap_in_z(rng):
    box = Box((8.0, 8.0, 8.0))
    pair = np.array([[1.0, 1.0, 0.1], [1.0, 1.0, 7.9]])
    assert spatial_correlation(pair, np.array([0.0, 1.0]), box, edges).n_pairs.sum() == 0
    pair = pair[:, ::-1].copy()
    assert spatial_correlation(pair, np.array([0.0, 1.0]), box, edges).n_pairs.sum() == 1


def test_uncorrelated_values_have_none(grains, box, rng):
    found = spatial_correlation(grains, rng.normal(size=len(grains)), box, edges)
    noise = 1 / np.sqrt(found.n_pairs[4:])
    assert (np.abs(found.correlation[4:]) < 5 * noise).all()


def test_scale_and_offset_of_the_values_drop_out(grains, box, rng):
    values = rng.normal(size=len(grains))
    one = spatial_correlation(grains, values, box, edges).correlation
    other = spatial_correlation(grains, 7 * values + 3, box, edges).correlation
    np.testing.assert_allclose(other, one, rtol=1e-6, atol=1e-12)


def test_walls_are_left_out(grains, box, rng):
    values = rng.normal(size=len(grains))
    bulk = rng.random(len(grains)) < 0.5
    with_walls = spatial_correlation(grains, np.where(bulk, values, np.nan), box, edges)
    alone = spatial_correlation(grains[bulk], values[bulk], box, edges)
    np.testing.assert_allclose(with_walls.correlation, alone.correlation)


@pytest.mark.parametrize(
    ("values", "bins", "message"),
    [
        (np.ones(1000), edges, "no fluctuation"),
        (np.full(1000, np.nan), edges, "0 grains have a value"),
        (np.arange(1000.0), np.array([0, 1, 3.0]), "equally spaced"),
        (np.arange(1000.0), np.linspace(0, 5, 11), "half the smallest periodic length"),
    ],
)
def test_bad_input_is_refused(grains, box, values, bins, message):
    with pytest.raises(MicroslipError, match=message):
        spatial_correlation(grains, values, box, bins)
