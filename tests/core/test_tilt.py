"""Cells that simple shear has tilted: every kernel against explicit images, and what a tilt must not change."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microslip import (
    Box,
    MicroslipError,
    active_grains,
    coarse_grain,
    d2min,
    find_clusters,
    global_efficiency,
    moran_i,
    pair_correlation,
    radius_of_gyration,
    spatial_correlation,
)
from microslip.core.neighbours import find_pairs
from microslip.fields.strain import displacement_without_shear
from microslip.statistics.efficiency import nearest_graph

# Positions of order ten, moved by some periods: the rounding of a few additions.
ROUNDING = 1e-12
PROPERTIES = settings(derandomize=True, deadline=None, max_examples=40)


def images(box, reach=(4, 1, 1)):
    """The lattice vectors about the origin, by their definition."""
    x, y, z = (np.arange(-n, n + 1) if flag else np.zeros(1) for n, flag in zip(reach, box.periodic, strict=True))
    turns = np.stack(np.meshgrid(x, y, z, indexing="ij"), axis=-1).reshape(-1, 3)
    edges = np.diag(box.lengths)
    edges[2, 0] = box.tilt
    return turns @ edges


def nearest(vectors, box, reach=(4, 1, 1)):
    """The shortest copy of each vector that joins two points of the cell, looked for among all that may be."""
    copies = vectors[:, None] + images(box, reach)
    return copies[np.arange(len(vectors)), np.linalg.norm(copies, axis=2).argmin(axis=1)]


def all_pairs(positions, box):
    """Every pair i < j and its shortest vector."""
    i, j = np.triu_indices(len(positions), 1)
    return np.stack([i, j], axis=1), nearest(positions[j] - positions[i], box)


cells = st.builds(
    lambda lengths, tilt, walls: Box(lengths, (True, not walls, True), tilt * lengths[0]),
    st.tuples(*[st.floats(4.0, 9.0)] * 3),
    st.one_of(st.floats(-2.0, 2.0), st.sampled_from([0.5, -0.5, 1.0, 0.25, 1e-9, 1.5])),
    st.booleans(),
)
seeds = st.integers(0, 10_000)


def filled(box, seed, n=60):
    """Grains inside the upright cell, some of them on its faces, and copies of them a few periods away."""
    rng = np.random.default_rng(seed)
    inside = rng.random((n, 3)) * box.lengths
    inside[: n // 10] = rng.integers(0, 2, (n // 10, 3)) * np.array(box.lengths)
    lattice = images(box, (2, 1, 1))
    return inside, inside + lattice[rng.integers(0, len(lattice), n)]


@PROPERTIES
@given(box=cells, share=st.floats(0.1, 0.999), seed=seeds)
def test_every_pair_once_with_its_nearest_copy(box, share, seed):
    cutoff = share * min(box.half_period, 3.0)
    inside, away = filled(box, seed)
    pairs, vectors = find_pairs(away, box, cutoff)
    found = {(min(a, b), max(a, b)): v if a < b else -v for (a, b), v in zip(pairs.tolist(), vectors, strict=True)}
    assert len(found) == len(pairs)
    every, shortest = all_pairs(inside, box)
    expected = {tuple(p): v for p, v in zip(every.tolist(), shortest, strict=True) if np.linalg.norm(v) <= cutoff}
    # two at the cutoff itself may fall on either side by rounding
    for key in found.keys() ^ expected.keys():
        assert np.linalg.norm(found.get(key, expected.get(key))) == pytest.approx(cutoff, rel=1e-12)
    for key in found.keys() & expected.keys():
        np.testing.assert_allclose(found[key], expected[key], atol=100 * ROUNDING)


@PROPERTIES
@given(box=cells, seed=seeds)
def test_a_short_vector_has_its_shortest_copy_and_a_wrapped_grain_lies_in_the_cell(box, seed):
    inside, away = filled(box, seed)
    vectors = nearest(inside[1:] - inside[:-1], box)
    short = np.linalg.norm(vectors, axis=1) < 0.999 * box.half_period
    found = box.minimum_image(away[1:] - away[:-1])
    np.testing.assert_allclose(found[short], vectors[short], atol=100 * ROUNDING)
    wrapped = box.wrap(away)
    repeats = np.array(box.periodic)
    assert (wrapped[:, repeats] >= 0).all()
    assert (wrapped < box.lengths)[:, repeats].all()
    # by whole edges of the cell
    edges = np.diag(box.lengths)
    edges[2, 0] = box.tilt
    turns = (away - wrapped) @ np.linalg.inv(edges)
    np.testing.assert_allclose(turns, turns.round(), atol=100 * ROUNDING)
    at_a_face = (np.minimum(inside, np.array(box.lengths) - inside) < 1e-9).any(axis=1)
    np.testing.assert_allclose(wrapped[~at_a_face], inside[~at_a_face], atol=100 * ROUNDING)


@PROPERTIES
@given(box=cells, seed=seeds)
def test_voxels_see_every_copy(box, seed):
    inside, away = filled(box, seed)
    values = np.random.default_rng(seed).random(len(away))
    values[3] = np.nan
    radius = min(1.3, 0.99 * box.half_period)
    grid = coarse_grain(away, values, box, 1.0, radius)
    nodes = np.stack(np.meshgrid(*map(grid.coordinates, range(3)), indexing="ij"), -1).reshape(-1, 3)
    apart = np.linalg.norm(nodes[:, None, None] - inside[:, None] - images(box, (3, 1, 1)), axis=3)
    near = (apart <= radius).sum(axis=2)[:, np.isfinite(values)]
    counts = near.sum(axis=1)
    expected = np.where(counts > 0, near @ values[np.isfinite(values)] / np.maximum(counts, 1), 0)
    np.testing.assert_allclose(grid.values.ravel(), expected, rtol=1e-9)


def deform(box, gradient):
    """The cell whose edges are those of `box` after a displacement gradient that shears and stretches it."""
    edges = np.diag(box.lengths)
    edges[2, 0] = box.tilt
    after = edges @ (np.eye(3) + gradient).T
    return Box(tuple(np.diag(after)), box.periodic, after[2, 0])


gradients = st.tuples(st.floats(-0.05, 0.05), st.floats(-0.05, 0.05), st.floats(-0.05, 0.05), st.floats(-0.3, 0.3))


def as_gradient(numbers, box):
    gradient = np.diag(np.where(box.periodic, numbers[:3], 0.0))
    gradient[0, 2] = numbers[3]
    return gradient


@PROPERTIES
@given(box=cells, numbers=gradients)
def test_the_gradient_of_the_cell_is_that_which_made_it(box, numbers):
    gradient = as_gradient(numbers, box)
    np.testing.assert_allclose(box.gradient_to(deform(box, gradient)), gradient, atol=10 * ROUNDING)


@PROPERTIES
@given(box=cells, numbers=gradients, seed=seeds)
def test_nonaffine_motion_in_a_cell_that_deforms_agrees_with_least_squares(box, numbers, seed):
    gradient = as_gradient(numbers, box)
    inside, start = filled(box, seed)
    noise = 0.01 * np.random.default_rng(seed + 1).normal(size=start.shape)
    end = start + start @ gradient.T + noise
    cutoff = 0.95 * min(box.half_period, 2.5)
    found = d2min(start, end, box, cutoff, end_box=deform(box, gradient))
    every, shortest = all_pairs(inside, box)
    length = np.linalg.norm(shortest, axis=1)
    for grain in range(0, len(start), 16):
        first, second = (every[:, 0] == grain) & (length <= cutoff), (every[:, 1] == grain) & (length <= cutoff)
        others = np.concatenate([every[first, 1], every[second, 0]])
        r = np.concatenate([shortest[first], -shortest[second]])
        if len(r) < 6 or np.linalg.svd(r, compute_uv=False)[-1] < 0.3:
            continue
        u = r @ gradient.T + noise[others] - noise[grain]
        affine, *_ = np.linalg.lstsq(r, u, rcond=None)
        assert found.n_neighbours[grain] == len(r)
        assert found.d2min[grain] == pytest.approx(np.mean(((u - r @ affine) ** 2).sum(axis=1)), rel=1e-6)
        np.testing.assert_allclose(found.gradient[grain], affine.T, atol=1e-8)


@PROPERTIES
@given(box=cells, numbers=gradients, seed=seeds)
def test_grains_that_move_with_their_cell_do_not_move_against_each_other(box, numbers, seed):
    gradient, (_, start) = as_gradient(numbers, box), filled(box, seed)
    found = d2min(start, start + start @ gradient.T, box, 0.9 * box.half_period, end_box=deform(box, gradient))
    known = np.isfinite(found.d2min)
    assert known.any()
    assert (found.d2min[known] < 1e-24).all()
    expected = np.broadcast_to(box.gradient_to(deform(box, gradient)), (known.sum(), 3, 3))
    # of four neighbours nearly in a plane the rounding of the motion is all that is left
    error = np.abs(found.gradient[known] - expected).max(axis=(1, 2))
    assert np.median(error) < 1e-11
    assert error.max() < 1e-6
    kind = np.zeros(len(start), dtype=int)
    moved = displacement_without_shear(start, start + start @ gradient.T, kind, gradient)
    np.testing.assert_allclose(moved, 0, atol=10 * ROUNDING)


@PROPERTIES
@given(box=cells, numbers=gradients, seed=seeds)
def test_it_does_not_matter_which_copy_of_a_grain_is_followed(box, numbers, seed):
    gradient, (start, _) = as_gradient(numbers, box), filled(box, seed)
    rng = np.random.default_rng(seed + 2)
    end = start + start @ gradient.T + 0.02 * rng.normal(size=start.shape)
    after = deform(box, gradient)
    chosen = rng.integers(0, len(images(box, (2, 2, 2))), len(start))
    here, there = images(box, (2, 2, 2))[chosen], images(after, (2, 2, 2))[chosen]
    one = d2min(start, end, box, 0.9 * box.half_period, end_box=after)
    other = d2min(start + here, end + there, box, 0.9 * box.half_period, end_box=after)
    np.testing.assert_array_equal(one.n_neighbours, other.n_neighbours)
    np.testing.assert_allclose(other.d2min, one.d2min, rtol=1e-8, atol=1e-24)
    # relative to all motions: grains with four neighbours in nearly a plane magnify the rounding
    assert np.nanmedian(np.abs(other.gradient - one.gradient)) < 1e-11


@pytest.fixture
def leaning(rng):
    """A cell of many grains that leans by a third of its length, with a value on each."""
    box = Box((11.0, 8.0, 9.0), (True, True, True), 3.7)
    return box, rng.random((900, 3)) * box.lengths, rng.lognormal(0, 1, 900)


def everything(box, positions, values):
    """One number or more from every kernel that knows a cell."""
    rng = np.random.default_rng(7)
    active = active_grains(values, 0.1)
    clusters = find_clusters(positions, active, box, link_distance=1.1)
    motion = d2min(positions, positions + 0.01 * rng.normal(size=positions.shape), box)
    return {
        "pairs": np.array([len(find_pairs(positions, box, 2.0)[0])]),
        "voxels": coarse_grain(positions, values, box).values,
        "motion": motion.d2min,
        "gradient": motion.gradient,
        "correlation": spatial_correlation(positions, values, box, np.linspace(0, 3.5, 15)).correlation,
        "clusters": clusters.size,
        "labels": clusters.label,
        "gyration": radius_of_gyration(clusters, np.ones(len(positions))),
        "moran": np.array([moran_i(positions, active.astype(float), box)]),
        "efficiency": np.array([global_efficiency(positions[:60], box)]),
        "pair correlation": pair_correlation(positions, box, np.linspace(0, 3.5, 15)).g,
    }


@pytest.mark.parametrize("turns", [-2, 1, 5])
def test_a_cell_sheared_by_whole_lengths_has_its_copies_where_they_were(leaning, turns):
    box, positions, values = leaning
    further = Box(box.lengths, box.periodic, box.tilt + turns * box.lengths[0])
    one, other = everything(box, positions, values), everything(further, positions, values)
    for name, expected in one.items():
        np.testing.assert_allclose(other[name], expected, rtol=1e-7, atol=1e-10, err_msg=name)


@pytest.mark.parametrize("tilt", [0.0, 11.0, -33.0])
def test_without_a_tilt_every_number_is_that_of_the_plain_cell_to_the_bit(leaning, tilt):
    box, positions, values = leaning
    plain, upright = Box(box.lengths, box.periodic), Box(box.lengths, box.periodic, tilt)
    one, other = everything(plain, positions, values), everything(upright, positions, values)
    for name, expected in one.items():
        np.testing.assert_array_equal(other[name], expected, err_msg=name)


def test_the_same_lattice_told_in_two_ways_gives_the_same_numbers(rng):
    """A cube turned by 45° about y: leaning by half of its √2 it is the square lattice of side 1/√2."""
    side = 8.0
    wide = Box((np.sqrt(2) * side, 7.0, side / np.sqrt(2)), (True, True, True), side / np.sqrt(2))
    square = Box((side, 7.0, side), (True, True, True))
    turn = np.array([[1, 0, 1], [0, np.sqrt(2), 0], [-1, 0, 1]]) / np.sqrt(2)
    # the lattice of the wide cell holds that of the square one, turned
    np.testing.assert_allclose(nearest(np.array([[side, 0, 0], [0, 0, side]]) @ turn.T, wide), 0, atol=1e-12)
    assert wide.volume == pytest.approx(square.volume)
    positions, values = rng.random((600, 3)) * square.lengths, rng.lognormal(0, 1, 600)
    turned = positions @ turn.T
    motion = 0.01 * rng.normal(size=positions.shape)
    cutoff = 2.5
    np.testing.assert_allclose(
        d2min(turned, turned + motion @ turn.T, wide, cutoff).d2min,
        d2min(positions, positions + motion, square, cutoff).d2min,
        rtol=1e-9,
    )
    edges = np.linspace(0, cutoff, 6)
    one, other = (spatial_correlation(p, values, b, edges) for p, b in ((positions, square), (turned, wide)))
    np.testing.assert_array_equal(one.n_pairs, other.n_pairs)
    np.testing.assert_allclose(one.correlation, other.correlation, rtol=1e-9, atol=1e-12)
    active = active_grains(values, 0.2)
    assert moran_i(turned, active.astype(float), wide) == pytest.approx(
        moran_i(positions, active.astype(float), square)
    )
    diameter = rng.uniform(0.8, 1.2, 600)
    for how in ({"diameter": diameter}, {"link_distance": 1.0}):
        a, b = find_clusters(positions, active, square, **how), find_clusters(turned, active, wide, **how)
        np.testing.assert_array_equal(a.size, b.size)
        same = a.label[active][:, None] == a.label[active]
        np.testing.assert_array_equal(same, b.label[active][:, None] == b.label[active])
        np.testing.assert_allclose(
            np.sort(radius_of_gyration(a, diameter)), np.sort(radius_of_gyration(b, diameter)), atol=1e-9
        )
    assert global_efficiency(turned[:40], wide) == pytest.approx(global_efficiency(positions[:40], square))
    np.testing.assert_allclose(
        pair_correlation(turned, wide, edges).g, pair_correlation(positions, square, edges).g, rtol=1e-9
    )


def test_points_without_order_have_a_flat_pair_correlation(rng):
    box = Box((12.0, 10.0, 9.0), (True, True, True), 5.0)
    positions = rng.random((6000, 3)) * box.lengths
    found = pair_correlation(positions, box, np.linspace(0.5, 4.5, 9))
    # some 10⁵ pairs a bin
    np.testing.assert_allclose(found.g, 1, atol=0.02)


@PROPERTIES
@given(box=cells, seed=seeds, n=st.integers(2, 40), n_neighbours=st.integers(1, 6))
def test_links_to_the_nearest_centres_are_those_of_explicit_images(box, seed, n, n_neighbours):
    centres = np.random.default_rng(seed).random((n, 3)) * box.lengths
    every, shortest = all_pairs(centres, box)
    distance = np.full((n, n), np.inf)
    distance[every[:, 0], every[:, 1]] = distance[every[:, 1], every[:, 0]] = np.linalg.norm(shortest, axis=1)
    expected = np.zeros((n, n))
    for i in range(n):
        for j in np.argsort(distance[i])[: min(n_neighbours, n - 1)]:
            expected[i, j] = expected[j, i] = distance[i, j]
    np.testing.assert_allclose(nearest_graph(centres, box, n_neighbours).toarray(), expected, atol=1e-9)


def test_a_cluster_across_the_slanting_face_is_one_piece():
    box = Box((10.0, 8.0, 9.0), (True, True, True), 4.0)
    # a chain straight up that leaves through the top: its next grain stands four to the left at the bottom
    chain = np.array([[8.0, 4, 7.5], [8.0, 4, 8.4], [4.0, 4, 0.3], [4.0, 4, 1.2]])
    found = find_clusters(chain, np.ones(4, dtype=bool), box, link_distance=1.0)
    assert found.size.tolist() == [4]
    np.testing.assert_allclose(np.diff(found.positions[:, 2]), 0.9)
    np.testing.assert_allclose(np.diff(found.positions[:, 0]), 0, atol=1e-12)
    # in the upright cell the two halves are far apart
    assert (
        find_clusters(chain, np.ones(4, dtype=bool), Box((10.0, 8.0, 9.0), (True,) * 3), link_distance=1.0).size[0] == 2
    )


@pytest.mark.parametrize(
    ("periodic", "tilt"),
    [
        ((True, True, False), 1.0),
        ((False, True, True), 1.0),
        ((True, True, True), float("nan")),
        ((True, True, True), float("inf")),
    ],
)
def test_a_tilt_that_no_cell_can_have_is_refused(periodic, tilt):
    with pytest.raises(MicroslipError, match="tilt"):
        Box((10.0, 8.0, 9.0), periodic, tilt)


def test_a_motion_of_half_the_cell_is_refused_and_the_shear_of_the_cell_is_none():
    box = Box((10.0, 8.0, 9.0), (True, True, True), 1.0)
    positions = np.random.default_rng(5).random((200, 3)) * box.lengths
    after = Box(box.lengths, box.periodic, 1.0 + 3 * 9.0)
    gradient = box.gradient_to(after)
    assert gradient[0, 2] == pytest.approx(3)
    d2min(positions, positions + positions @ gradient.T, box, end_box=after)
    with pytest.raises(MicroslipError, match="half the cell or more"):
        d2min(positions, positions + positions @ gradient.T, box)
