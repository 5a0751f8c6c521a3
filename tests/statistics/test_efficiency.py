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
