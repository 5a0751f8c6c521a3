import freud
import numpy as np
import pytest
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from microslip import Box, MicroslipError, active_grains, find_clusters, radius_of_gyration
from microslip.statistics.clusters import cluster_centres


def same_parts(one, other):
    """Whether two labellings cut grains into the same parts."""
    pairs = set(zip(one.tolist(), other.tolist(), strict=True))
    return len(pairs) == len(set(one.tolist())) == len(set(other.tolist()))


def test_the_top_tenth_is_active(rng):
    values = rng.random(1000)
    values[:100] = np.nan
    active = active_grains(values, 0.1)
    assert active.sum() == 90
    assert not active[:100].any()
    assert values[active].min() > np.nanmax(values[~active])
    assert active_grains(np.ones(30), 0.1).sum() == 3
    with pytest.raises(MicroslipError, match="no grain has a value"):
        active_grains(np.full(3, np.nan))
    with pytest.raises(MicroslipError, match="fraction = 0"):
        active_grains(values, 0.0)


def test_linked_by_distance_as_freud_links(grains, box, rng):
    active = rng.random(len(grains)) < 0.3
    found = find_clusters(grains, active, box, link_distance=1.2)
    # freud repeats z too: move the periodic image out of reach
    padded = freud.box.Box(*box.lengths[:2], 2 * box.lengths[2])
    oracle = freud.cluster.Cluster()
    oracle.compute((padded, grains[active]), neighbors={"r_max": 1.2})
    assert same_parts(found.label[active], np.asarray(oracle.cluster_idx))
    assert (found.label[~active] == 0).all()
    np.testing.assert_array_equal(np.bincount(found.label)[1:], found.size)
    assert (np.diff(found.size) <= 0).all()


def test_linked_by_contact_as_by_brute_force(grains, box, rng):
    diameter = rng.uniform(0.8, 1.2, len(grains))
    active = rng.random(len(grains)) < 0.4
    own = np.flatnonzero(active)
    distance = np.linalg.norm(box.minimum_image(grains[own][:, None] - grains[own][None]), axis=2)
    touching = distance <= (diameter[own][:, None] + diameter[own][None]) / 2
    _, expected = connected_components(coo_array(touching))
    assert same_parts(find_clusters(grains, active, box, diameter).label[active], expected)


def test_every_cluster_is_laid_out_in_one_piece(grains, box, rng):
    active = rng.random(len(grains)) < 0.25
    found = find_clusters(grains, active, box, link_distance=1.1)
    compact = found.label * np.isin(found.label, np.flatnonzero(~found.wraps) + 1)
    own = np.flatnonzero(compact)
    apart = found.positions[own][:, None] - found.positions[own][None]
    nearest = box.minimum_image(grains[own][:, None] - grains[own][None])
    linked = (np.linalg.norm(nearest, axis=2) <= 1.1) & (compact[own][:, None] == compact[own][None])
    np.testing.assert_allclose(apart[linked], nearest[linked], atol=1e-9)


def test_a_chain_around_the_cell_has_the_radius_of_one_period():
    """Six grains on a line, wherever the circle is cut: (6² − 1)/12."""
    box = Box((6.0, 6.0, 6.0))
    chain = np.column_stack([np.arange(6.0), np.full(6, 3.0), np.full(6, 3.0)])
    found = find_clusters(chain, np.ones(6, dtype=bool), box, link_distance=1.01)
    assert found.wraps_along.tolist() == [[True, False, False]]
    assert radius_of_gyration(found, np.ones(6))[0] == pytest.approx(np.sqrt(35 / 12), rel=1e-9)
    open_chain = find_clusters(chain[:5], np.ones(5, dtype=bool), box, link_distance=1.01)
    assert radius_of_gyration(open_chain, np.ones(5))[0] == pytest.approx(np.sqrt(2))


def test_moving_and_renumbering_grains_changes_nothing(grains, box, rng):
    active, diameter = rng.random(len(grains)) < 0.3, rng.uniform(0.8, 1.2, len(grains))
    here = find_clusters(grains, active, box, diameter)
    moved = grains + np.array([3.3, -17.1, 0.4])
    there = find_clusters(moved, active, box, diameter)
    assert same_parts(here.label, there.label)
    np.testing.assert_allclose(
        np.sort(radius_of_gyration(here, diameter)), np.sort(radius_of_gyration(there, diameter)), atol=1e-9
    )
    order = rng.permutation(len(grains))
    mixed = find_clusters(grains[order], active[order], box, diameter[order])
    assert same_parts(here.label[order], mixed.label)


def test_radius_and_centre_of_a_pair_across_a_face(box):
    pair = np.array([[9.8, 1.0, 1.0], [0.6, 1.0, 1.0], [5.0, 5.0, 5.0]])
    diameter = np.array([2.0, 1.0, 1.0])
    found = find_clusters(pair, np.ones(3, dtype=bool), box, diameter)
    assert found.size.tolist() == [2, 1]
    # volumes 8 and 1: the centre divides 0.8 as 1 to 8, and R_g² = 8·1/81 · 0.8²
    np.testing.assert_allclose(radius_of_gyration(found, diameter), [np.sqrt(8) / 9 * 0.8, 0], atol=1e-12)
    np.testing.assert_allclose(box.wrap(cluster_centres(found, diameter))[0], [9.8 + 0.8 / 9, 1, 1])


def test_no_active_grain_makes_no_cluster(grains, box):
    found = find_clusters(grains, np.zeros(len(grains), dtype=bool), box, link_distance=1.0)
    assert len(found.size) == 0


def test_bad_input_is_refused(grains, box):
    active = np.ones(len(grains), dtype=bool)
    with pytest.raises(MicroslipError, match="not both or neither"):
        find_clusters(grains, active, box)
    with pytest.raises(MicroslipError, match="999 values for 1000 grains"):
        find_clusters(grains, active[1:], box, link_distance=1.0)
    with pytest.raises(MicroslipError, match="half the smallest periodic length"):
        find_clusters(grains, active, box, link_distance=5.0)


@pytest.mark.parametrize("fraction", [-0.1, 1.01, np.nan])
def test_a_fraction_that_is_none_is_refused(fraction):
    with pytest.raises(MicroslipError, match="is not between 0 and 1"):
        active_grains(np.arange(9.0), fraction)


def test_a_fraction_of_one_takes_all_and_the_smallest_takes_one():
    values = np.array([3.0, np.nan, 1.0, 2.0])
    assert active_grains(values, 1.0).tolist() == [True, False, True, True]
    assert active_grains(values, 1e-6).tolist() == [True, False, False, False]


def test_laid_out_clusters_hang_together_without_the_cell(grains, box, rng):
    active = rng.random(len(grains)) < 0.3
    found = find_clusters(grains, active, box, link_distance=1.2)
    own = np.flatnonzero(active)
    apart = np.linalg.norm(found.positions[own][:, None] - found.positions[own][None], axis=2)
    label = found.label[own]
    linked = (apart <= 1.2 + 1e-9) & (label[:, None] == label[None])
    assert connected_components(coo_array(linked))[0] == len(found.size)
    turns = (found.positions[own] - grains[own]) / box.lengths
    np.testing.assert_allclose(turns, np.round(turns), atol=1e-12)
    assert (np.round(turns)[:, 2] == 0).all()
    assert np.round(turns)[:, :2].any()
    assert np.isnan(found.positions[~active]).all()


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("start", [0.0, 2.5, 5.0])
def test_only_chains_along_periodic_axes_reach_around(axis, start):
    box = Box((6.0, 6.0, 6.0))
    chain = np.full((6, 3), 3.0)
    chain[:, axis] = np.arange(6.0) + (start if axis < 2 else 0.0)
    chain = box.wrap(chain)
    found = find_clusters(chain, np.ones(6, dtype=bool), box, np.ones(6) * 1.001)
    assert found.wraps.tolist() == [axis < 2]
    # of five, none closes the ring, wherever the face cuts it: (5² − 1)/12
    part = find_clusters(chain[:5], np.ones(5, dtype=bool), box, np.ones(5) * 1.001)
    assert not part.wraps.any()
    np.testing.assert_allclose(radius_of_gyration(part, np.ones(5)), [np.sqrt(2)])


def test_a_staircase_around_the_cell_wraps_and_a_small_ring_does_not():
    box = Box((8.0, 8.0, 8.0))
    steps = np.column_stack([np.arange(8.0), np.arange(8.0), np.full(8, 4.0)])
    stairs = find_clusters(steps, np.ones(8, dtype=bool), box, link_distance=1.5)
    assert stairs.wraps_along.tolist() == [[True, True, False]]
    angle = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    ring = box.wrap(np.column_stack([2 * np.cos(angle), 2 * np.sin(angle), np.full(12, 4.0)]))
    found = find_clusters(ring, np.ones(12, dtype=bool), box, link_distance=1.1)
    assert found.wraps.tolist() == [False]
    assert radius_of_gyration(found, np.ones(12))[0] == pytest.approx(2)


def test_every_grain_keeps_the_radius_of_its_cluster_when_renumbered(grains, box, rng):
    active, diameter = rng.random(len(grains)) < 0.3, rng.uniform(0.8, 1.2, len(grains))
    order = rng.permutation(len(grains))
    here = find_clusters(grains, active, box, diameter)
    there = find_clusters(grains[order], active[order], box, diameter[order])
    np.testing.assert_array_equal(here.size, there.size)
    chosen = active[order]
    radius = radius_of_gyration(here, diameter)[here.label[order][chosen] - 1]
    np.testing.assert_allclose(radius_of_gyration(there, diameter[order])[there.label[chosen] - 1], radius, atol=1e-9)


def test_radii_are_those_of_a_loop_over_the_clusters(grains, box, rng):
    active, diameter = rng.random(len(grains)) < 0.2, rng.uniform(0.8, 1.2, len(grains))
    found = find_clusters(grains, active, box, diameter)
    assert not found.wraps.any()
    for number, radius in enumerate(radius_of_gyration(found, diameter), start=1):
        points, volume = found.positions[found.label == number], diameter[found.label == number] ** 3
        centre = np.average(points, axis=0, weights=volume)
        assert radius**2 == pytest.approx(np.average(((points - centre) ** 2).sum(axis=1), weights=volume), abs=1e-9)


def test_an_inactive_grain_may_be_lost_and_an_active_one_may_not(grains, box):
    lost = grains.copy()
    lost[7] = np.nan
    active = np.arange(len(grains)) != 7
    assert find_clusters(lost, active, box, link_distance=1.0).size.sum() == len(grains) - 1
    with pytest.raises(MicroslipError, match="mend or drop"):
        find_clusters(lost, np.ones(len(grains), dtype=bool), box, link_distance=1.0)
    with pytest.raises(MicroslipError, match="half the smallest periodic length"):
        find_clusters(grains, active, box, np.full(len(grains), 4.1))


def test_the_centre_of_a_cluster_does_not_hang_on_the_order_of_its_grains(grains, box, rng):
    """That of one that reaches around the cell, too: the efficiency is measured between centres."""
    diameter = np.full(len(grains), 1.3)
    active = grains[:, 2] < 3
    order = rng.permutation(len(grains))
    here = find_clusters(grains, active, box, diameter)
    there = find_clusters(grains[order], active[order], box, diameter)
    assert here.wraps[0]
    one, other = cluster_centres(here, diameter)[0], cluster_centres(there, diameter)[0]
    assert np.abs(box.minimum_image(one - other)).max() < 1e-9
    moved = find_clusters(grains + np.array([3.3, -17.1, 0.4]), active, box, diameter)
    there = cluster_centres(moved, diameter)[0] - np.array([3.3, -17.1, 0.4])
    assert np.abs(box.minimum_image(one - there)).max() < 1e-9


def test_a_cluster_that_wraps_one_axis_is_laid_out_along_the_others(rng):
    """A staircase up a leaning cell: around x and z at once; a sheet: around x, with its true extent along z."""
    box = Box((10.0, 8.0, 9.0), (True, True, True), tilt=2.5)
    height = np.arange(9.0)
    rise = np.column_stack([height * 2.5 / 9, np.full(9, 4.0), height])
    found = find_clusters(rise, np.ones(9, dtype=bool), box, link_distance=1.1)
    assert found.wraps_along.tolist() == [[False, False, True]]
    # along the leaning edge of the cell: 9 steps of 1/9 of it
    edge = np.hypot(2.5, 9)
    assert radius_of_gyration(found, np.ones(9))[0] == pytest.approx(edge * np.sqrt(80 / 12) / 9)
    sheet = np.column_stack([np.tile(np.arange(10.0), 4), np.full(40, 4.0), np.repeat(np.arange(7.0, 11.0), 10)])
    order = rng.permutation(40)
    found = find_clusters(box.wrap(sheet)[order], np.ones(40, dtype=bool), box, link_distance=1.2)
    assert found.wraps_along.tolist() == [[True, False, False]]
    assert radius_of_gyration(found, np.ones(40))[0] == pytest.approx(np.sqrt(99 / 12 + 15 / 12), rel=0.01)


def test_nan_is_no_mark(grains, box):
    """As a float, NaN counts as true: every grain was active."""
    marks = np.where(np.arange(len(grains)) % 10 == 0, 1.0, np.nan)
    with pytest.raises(MicroslipError, match="the active is nan at grain 1"):
        find_clusters(grains, marks, box, link_distance=1.0)
    with pytest.raises(MicroslipError, match="active has masked entries"):
        find_clusters(grains, np.ma.masked_array(marks == 1, mask=np.isnan(marks)), box, link_distance=1.0)
    with pytest.raises(MicroslipError, match="diameter = 9 d̄"):
        find_clusters(grains, np.ones(len(grains), dtype=bool), box, np.full(len(grains), 9.0))


def test_more_pairs_than_memory_holds_are_refused():
    """20,000 grains at one place are two hundred million pairs."""
    box = Box((8.0, 8.0, 8.0))
    with pytest.raises(MicroslipError, match="199990000 pairs of grains lie within 1 d̄ and would take 8 GB"):
        find_clusters(np.ones((20_000, 3)), np.ones(20_000, dtype=bool), box, link_distance=1.0)
