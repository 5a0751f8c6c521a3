import networkx
import numpy as np
import pytest

from microslip import Box, MicroslipError, global_efficiency


def by_networkx(centres, box, n_neighbours):
    """Paths by weight: networkx.global_efficiency itself counts links."""
    n = len(centres)
    distance = np.linalg.norm(box.minimum_image(centres[:, None] - centres[None]), axis=2)
    graph = networkx.Graph()
    graph.add_nodes_from(range(n))
    for i in range(n):
        for j in np.argsort(distance[i])[1 : n_neighbours + 1]:
            graph.add_edge(i, int(j), weight=distance[i, j])
    total = 0.0
    for source, lengths in networkx.all_pairs_dijkstra_path_length(graph):
        total += sum(1 / length for target, length in lengths.items() if target != source)
    return total / (n * (n - 1))


@pytest.mark.parametrize("n_neighbours", [1, 3, 6])
def test_agrees_with_networkx(box, rng, n_neighbours):
    # more centres than are worked on at a time
    centres = rng.random((300, 3)) * box.lengths
    assert global_efficiency(centres, box, n_neighbours) == pytest.approx(by_networkx(centres, box, n_neighbours))


def test_a_ring_around_the_cell_in_closed_form():
    ring = np.column_stack([np.arange(0.0, 10, 2), np.ones(5), np.ones(5)])
    # each has two others at 2 and two at 4
    assert global_efficiency(ring, Box((10.0, 8.0, 8.0)), 2) == pytest.approx((2 / 2 + 2 / 4) / 4)


def test_what_no_path_joins_counts_nothing(box):
    far = np.array([[1.0, 1, 1], [2, 1, 1], [5, 5, 9], [6, 5, 9]])
    assert global_efficiency(far, box, 1) == pytest.approx(4 * 1.0 / 12)


def test_a_smaller_copy_is_more_efficient(box, rng):
    centres = 3 + rng.random((40, 3))
    near = global_efficiency(centres, box)
    assert global_efficiency(centres * 0.5, box) == pytest.approx(2 * near)
    assert global_efficiency(centres + np.array([2.0, 9.0, 1.0]), box) == pytest.approx(near)


def test_one_cluster_or_two_at_one_place_are_refused(box):
    with pytest.raises(MicroslipError, match="1 clusters make no graph"):
        global_efficiency(np.ones((1, 3)), box)
    with pytest.raises(MicroslipError, match="the same centre"):
        global_efficiency(np.array([[1.0, 1, 1], [1, 1, 1], [3, 3, 3]]), box)


def along(axis, places):
    centres = np.ones((len(places), 3))
    centres[:, axis] = places
    return centres


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_line_of_equally_spaced_centres_in_closed_form(axis):
    # in a cell so long that nothing reaches around
    box = Box((40.0, 40.0, 40.0))
    n, spacing = 12, 0.75
    steps = np.arange(1, n)
    expected = 2 * ((n - steps) / (spacing * steps)).sum() / (n * (n - 1))
    assert global_efficiency(along(axis, 1 + spacing * np.arange(n)), box, 2) == pytest.approx(expected)


def test_a_line_of_growing_gaps_hangs_together_by_one_neighbour_each():
    # each asks for the one before it, and distances along a line are those of the path
    places = np.cumsum(1.0 + 0.1 * np.arange(10))
    apart = np.abs(places[:, None] - places[None])
    expected = (1 / apart[apart > 0]).sum() / 90
    assert global_efficiency(along(2, places), Box((9.0, 9.0, 30.0)), 1) == pytest.approx(expected)


def test_a_link_reaches_across_periodic_faces_and_not_across_walls():
    box = Box((10.0, 10.0, 10.0))
    for axis in range(2):
        assert global_efficiency(along(axis, [0.5, 9.5]), box) == pytest.approx(1)
    assert global_efficiency(along(2, [0.5, 9.5]), box) == pytest.approx(1 / 9)


def test_order_of_the_centres_and_neighbours_beyond_all_change_nothing(box, rng):
    centres = rng.random((30, 3)) * box.lengths
    found = global_efficiency(centres, box)
    assert global_efficiency(rng.permutation(centres), box) == pytest.approx(found)
    # where every centre is joined to every other, the paths are straight
    apart = np.linalg.norm(box.minimum_image(centres[:, None] - centres[None]), axis=2)
    straight = (1 / apart[apart > 0]).sum() / (30 * 29)
    assert global_efficiency(centres, box, 29) == pytest.approx(straight)
    assert global_efficiency(centres, box, 500) == pytest.approx(straight)
