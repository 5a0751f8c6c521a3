import freud
import numpy as np
import pytest

from microslip import Box, MicroslipError, fit_ornstein_zernike, spatial_correlation
from microslip.statistics.correlation import NEAR_PLANE, layered_correlation
from microslip.statistics.layers import layer_means, layer_numbers, permuted_within

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


def of_all_pairs(positions, values, box, edges, near=np.inf):
    """C(r) by brute force, of pairs that lie near one plane where asked for."""
    i, j = np.triu_indices(len(positions), 1)
    apart = box.minimum_image(positions[j] - positions[i])
    distance = np.linalg.norm(apart, axis=1)
    used = (np.abs(apart[:, 2]) <= near) & (distance < edges[-1])
    place = np.digitize(distance if near == np.inf else np.hypot(apart[:, 0], apart[:, 1]), edges) - 1
    place, product = place[used], (values[i] * values[j])[used]
    counts = np.bincount(place, minlength=len(edges) - 1)
    with np.errstate(invalid="ignore"):
        return np.bincount(place, product, len(edges) - 1) / counts / np.mean(values**2), counts


@pytest.mark.parametrize("tilt", [None, 0.0, 2.3])
def test_all_three_correlations_are_those_of_a_loop_over_all_pairs(rng, tilt):
    box = Box((10.0, 9.0, 8.0)) if tilt is None else Box((10.0, 9.0, 8.0), (True, True, True), tilt)
    positions = rng.random((500, 3)) * box.lengths
    values = rng.normal(size=500) + 0.3 * positions[:, 2] ** 2
    values[:30] = np.nan
    found = layered_correlation(positions, values, box, edges)
    own, measured = positions[30:], values[30:]
    layer = layer_numbers(positions, np.isfinite(values), box)[30:]
    about = measured - np.array([measured[layer == each].mean() for each in layer])
    for name, fluctuation, near in (
        ("raw", measured - measured.mean(), np.inf),
        ("profile", about, np.inf),
        ("in_plane", about, NEAR_PLANE),
    ):
        expected, counts = of_all_pairs(own, fluctuation, box, edges, near)
        np.testing.assert_array_equal(found[name].n_pairs, counts)
        np.testing.assert_allclose(found[name].correlation, expected, atol=1e-12)


def test_a_planted_profile_has_a_length_of_its_own_and_none_once_subtracted(rng):
    """A band of shear about the middle, and grains that know nothing of each other."""
    box = Box((20.0, 12.0, 14.0))
    positions = rng.random((4000, 3)) * box.lengths
    values = 4 * np.exp(-(((positions[:, 2] - 7) / 2) ** 2)) + rng.normal(size=4000)
    found = layered_correlation(positions, values, box, np.linspace(0, 6, 25))
    raw = found["raw"]
    assert fit_ornstein_zernike(raw.r, raw.correlation).xi > 2
    for name in ("profile", "in_plane"):
        # less 1/n of pairs of one layer, n = 286, and what the band rises within a layer
        noise = 1 / np.sqrt(found[name].n_pairs[4:])
        assert (np.abs(found[name].correlation[4:]) < 0.03 + 4 * noise).all()


def test_a_mean_over_a_layer_lowers_its_pairs_by_its_number_of_grains(rng):
    """Σ over all pairs of one layer of the products is minus half the sum of squares."""
    box = Box((12.0, 12.0, 1.0))
    positions = rng.random((144, 3)) * box.lengths
    found = layered_correlation(positions, rng.normal(size=144), box, np.array([0.0, 6.0]))["profile"]
    everything = np.full(200, 0.0)
    for seed in range(200):
        values = np.random.default_rng(seed).normal(size=144)
        everything[seed] = layered_correlation(positions, values, box, np.array([0.0, 6.0]))["profile"].correlation[0]
    assert found.n_pairs[0] > 5000
    assert everything.mean() == pytest.approx(-1 / 144, abs=3 * everything.std() / np.sqrt(200))


def test_values_that_are_a_profile_alone_have_no_correlation_about_it():
    box = Box((8.0, 8.0, 3.0))
    # one plane of grains in each of three layers
    positions = np.indices((8, 8, 3)).reshape(3, -1).T * [1, 1, 1.5]
    found = layered_correlation(positions, positions[:, 2] ** 2, box, edges)
    assert np.isnan(found["profile"].correlation).all()
    assert np.isfinite(found["raw"].correlation[4])


def test_layers_hold_every_grain_once_and_permuting_keeps_what_each_holds(rng):
    for box in (Box((5.0, 5.0, 7.3)), Box((5.0, 5.0, 7.3), (True, True, True), 1.1)):
        positions = rng.random((300, 3)) * box.lengths + [0, 0, 20.0 if box.periodic[2] else 0.0]
        measured = np.arange(300) > 20
        layer = layer_numbers(positions, measured, box)
        assert set(layer[measured].tolist()) == set(range(7))
        assert (layer[~measured] == -1).all()
        values = rng.random(300)
        mixed = permuted_within(values, layer, rng)
        for each in range(7):
            np.testing.assert_array_equal(np.sort(mixed[layer == each]), np.sort(values[layer == each]))
            assert layer_means(values, layer)[layer == each] == pytest.approx(values[layer == each].mean())
        assert (mixed[measured] != values[measured]).mean() > 0.9
        assert np.isnan(mixed[~measured]).all()
