import freud
import numpy as np
import pandas as pd
import pytest

from microslip import Box, MicroslipError, fit_ornstein_zernike, spatial_correlation
from microslip.statistics.bins import bin_stages

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


@pytest.mark.parametrize("exponent", [0.0, 0.5, 1.0])
def test_the_fit_finds_a_known_length(exponent, rng):
    r = (edges[:-1] + edges[1:]) / 2
    exact = 0.4 * r**-exponent * np.exp(-r / 1.7)
    assert fit_ornstein_zernike(r, exact, exponent=exponent).xi == pytest.approx(1.7, rel=1e-4)
    error = np.full_like(r, 0.003)
    intervals = [fit_ornstein_zernike(r, exact + rng.normal(0, error), error, exponent=exponent) for _ in range(200)]
    covered = np.mean([fit.xi_low <= 1.7 <= fit.xi_high for fit in intervals])
    assert 0.88 <= covered <= 0.99


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


@pytest.mark.parametrize("shape", [lambda r: 0.1 * r, lambda r: 0 * r + 0.3, lambda r: 0.1 * np.cos(9 * r)])
def test_what_does_not_decay_has_no_length(shape):
    r = np.linspace(1, 4, 20)
    with pytest.raises(MicroslipError):
        fit_ornstein_zernike(r, shape(r))


def test_a_correlation_of_nothing_has_no_length():
    r = np.linspace(1, 4, 10)
    with pytest.raises(MicroslipError, match="distance bins are too few"):
        fit_ornstein_zernike(r, np.full(10, np.nan))


def test_bins_hold_every_stage_once_per_kind():
    size = np.geomspace(1e-4, 1e-1, 40)
    kind = np.where(np.arange(40) % 2, "slip", "stick")
    stages = pd.DataFrame({"stage": range(40), "kind": kind, "fluctuation": np.where(kind == "slip", size, -size)})
    groups = bin_stages(stages, 5)
    in_bins = groups[groups["by"] == "bin"]
    assert sorted(in_bins["members"].sum()) == list(range(40))
    assert groups[groups["by"] == "kind"]["n_stages"].tolist() == [20, 20]
    assert (np.sign(in_bins["mean_fluctuation"]) == np.where(in_bins["kind"] == "slip", 1, -1)).all()
