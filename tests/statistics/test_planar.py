"""Two dimensions: rings, discs and areas in the statistics."""

import itertools

import freud
import numpy as np
import pytest

from microslip import Box, MicroslipError, find_clusters, fractal_dimension, pair_correlation, radius_of_gyration
from microslip.statistics.clusters import cluster_centres
from microslip.statistics.correlation import spatial_correlation
from microslip.statistics.efficiency import global_efficiency
from microslip.statistics.moran import moran_i

WHOLE = Box((20.0, 1.0, 18.0), (True, False, True), planar=True)
LEANING = Box((20.0, 1.0, 18.0), (True, False, True), 6.5, planar=True)
SLAB = Box((20.0, 1.0, 18.0), (True, False, False), planar=True)
edges = np.linspace(0, 5, 26)


def discs(rng, n=500):
    return np.insert(rng.random((n, 2)) * [20.0, 18.0], 1, 0.5, axis=1)


def distances(positions, box):
    return np.linalg.norm(box.minimum_image(positions[:, None] - positions[None]), axis=2)


@pytest.mark.parametrize("box", [SLAB, WHOLE, LEANING], ids=["slab", "whole", "leaning"])
def test_discs_at_random_give_one(box, rng):
    """Rings, and between walls the part of them that lies within."""
    height = 18.0 if box is SLAB else None
    found = [pair_correlation(discs(rng), box, edges, height).g for _ in range(60)]
    error = np.std(found, axis=0) / np.sqrt(60)
    assert (np.abs(np.mean(found, axis=0) - 1)[1:] < 4 * error[1:]).all()


def test_agrees_with_freud_in_two_dimensions(rng):
    positions = discs(rng, 700)
    oracle = freud.density.RDF(bins=25, r_max=5, normalization_mode="finite_size")
    flat = np.column_stack([positions[:, 0], positions[:, 2], np.zeros(700)])
    oracle.compute((freud.box.Box(20.0, 18.0, is2D=True), flat))
    # finite_size divides by N − 1 where the density of all N is meant here
    expected = np.asarray(oracle.rdf) * 699 / 700
    np.testing.assert_allclose(pair_correlation(positions, WHOLE, edges).g, expected, rtol=5e-3)


@pytest.mark.parametrize("box", [SLAB, WHOLE, LEANING], ids=["slab", "whole", "leaning"])
def test_correlation_and_moran_are_those_of_all_pairs(box, rng):
    positions, values = discs(rng), rng.random(500)
    apart, off = distances(positions, box), values - values.mean()
    products = np.outer(off, off)
    np.fill_diagonal(apart, np.inf)
    found = spatial_correlation(positions, values, box, edges)
    for number, (low, high) in enumerate(itertools.pairwise(edges)):
        inside = (apart >= low) & (apart < high)
        assert found.n_pairs[number] == inside.sum() / 2
        assert found.correlation[number] == pytest.approx(products[inside].mean() / np.mean(off**2), abs=1e-12)
    near = apart < 1.5
    assert moran_i(positions, values, box) == pytest.approx(products[near].mean() / np.mean(off**2), rel=1e-9)


def test_grains_of_a_cluster_weigh_as_discs():
    positions = np.array([[0.0, 0.5, 1.0], [1.0, 0.5, 1.0]])
    diameter = np.array([1.2, 0.8])
    clusters = find_clusters(positions, np.ones(2, dtype=bool), SLAB, diameter)
    area = diameter**2
    centre = area[1] / area.sum()
    assert cluster_centres(clusters, diameter)[0, 0] == pytest.approx(centre)
    expected = np.sqrt((area[0] * centre**2 + area[1] * (1 - centre) ** 2) / area.sum())
    assert radius_of_gyration(clusters, diameter)[0] == pytest.approx(expected)


def test_full_patches_have_two_dimensions():
    sizes, radii = [], []
    for n in range(9, 30):
        x, z = np.meshgrid(np.arange(n), np.arange(n), indexing="ij")
        positions = np.column_stack([x.ravel(), np.full(x.size, 0.5), z.ravel()]).astype(float)
        box = Box((60.0, 1.0, 60.0), (True, False, True), planar=True)
        clusters = find_clusters(positions, np.ones(x.size, dtype=bool), box, np.ones(x.size))
        sizes.append(clusters.size[0])
        radii.append(radius_of_gyration(clusters, np.ones(x.size))[0])
    assert fractal_dimension(np.array(sizes), np.array(radii)).dimension == pytest.approx(2, abs=0.05)


@pytest.mark.parametrize("box", [SLAB, WHOLE, LEANING], ids=["slab", "whole", "leaning"])
def test_efficiency_of_three_is_the_mean_inverse_path(box, rng):
    centres = discs(rng, 3)
    apart = distances(centres, box)
    expected = np.mean([1 / apart[i, j] for i in range(3) for j in range(3) if i != j])
    assert global_efficiency(centres, box) == pytest.approx(expected, rel=1e-12)


def test_a_plane_in_a_box_in_space_is_said(rng):
    with pytest.raises(MicroslipError, match=r"lie in one plane.*planar=True"):
        pair_correlation(discs(rng), Box((20.0, 10.0, 18.0), (True, True, True)), edges)
