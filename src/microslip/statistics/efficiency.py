"""Global efficiency: how short the paths between the clusters are."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import cKDTree

from microslip.core import arguments
from microslip.core.box import FARTHEST, OF_A_BOX, Box
from microslip.core.errors import MicroslipError

# Shortest paths are found from this many clusters at a time, so that memory grows with their number and not its square.
SOURCES_AT_A_TIME = 256

# Links that are asked for, squared and over all centres: a table of so many bytes is made of them.
MOST_COMPARED = 4 * 10**9


def nearest_graph(centres: Float[np.ndarray, "cluster 3"], box: Box, n_neighbours: int = 3) -> csr_array:
    """The graph that joins every centre to its nearest ones, each link with its length [d̄]; symmetric.

    Distances are to the nearest periodic copy. Shape (cluster, cluster), sparse.
    """
    n = len(centres)
    own = box.wrap(np.asarray(centres, dtype=float))
    points, periods = own, box.periods
    if tilt := box.nearest_tilt:
        # a tree knows no tilt: the copies above and below stand in it themselves
        above = np.array([tilt, 0.0, box.lengths[2]])
        upright = box.slab
        periods = upright.periods
        points = np.concatenate([own, *(upright.wrap(own + turn * above) for turn in (1, -1))])
    # a period of 0 tells the tree that the axis does not repeat
    tree = cKDTree(points, boxsize=periods)
    copies = len(points) // n
    nearest = tree.query(own, k=list(range(1, copies * min(n_neighbours + 1, n) + 1)))
    distance, other = (np.asarray(column) for column in nearest)
    here = np.broadcast_to(np.arange(n)[:, None], other.shape)
    link = (other % n != here) & (other < len(points))
    other = other % n
    # of several copies of a centre the nearest counts
    link &= ~np.tril(other[:, :, None] == other[:, None, :], -1).any(axis=2)
    # of two centres at one place either may be found first: each keeps no more than its nearest ones
    link &= np.cumsum(link, axis=1) <= n_neighbours
    # a length of nothing would be no link at all
    length = np.maximum(distance[link], np.finfo(float).tiny)
    one_way = csr_array((length, (here[link], other[link])), shape=(n, n))
    return one_way.maximum(one_way.T).tocsr()


def global_efficiency(centres: Float[np.ndarray, "cluster 3"], box: Box, n_neighbours: int = 3) -> float:
    """Mean inverse length of the shortest paths between clusters.

    .. math:: E(G) = \\frac{1}{N (N - 1)} \\sum_{i \\ne j} \\frac{1}{d_{ij}}

    with d the length of the shortest path along links between each centre and its nearest ones; 1/d = 0 where no path
    leads.

    Parameters
    ----------
    centres
        Centres of the clusters, shape (cluster, 3) [d̄].
    box
        The cell.
    n_neighbours
        Links that each centre asks for; the paper's number is 3.

    Returns
    -------
    [1/d̄].

    Raises
    ------
    MicroslipError
        Fewer than two clusters, two of them at one place, one without a centre; so many neighbours that memory would
        not hold them.

    Source: Latora & Marchiori, Phys. Rev. Lett. 87 (2001) 198701; Mei et al. 2023, eq. 9.
    """
    arguments.record("box", box, Box, OF_A_BOX)
    centres = arguments.reals("centres", centres, ("cluster", 3), missing=True, largest=FARTHEST * max(box.lengths))
    if np.isnan(centres).any():
        raise MicroslipError("centres: a centre is not finite: leave that cluster out")
    n, n_neighbours = len(centres), arguments.whole("n_neighbours", n_neighbours, 1)
    if n * (3 * min(n_neighbours + 1, n)) ** 2 > MOST_COMPARED:
        raise MicroslipError(f"n_neighbours = {n_neighbours} of {n} clusters are more than memory holds: give fewer")
    if n < 2:
        raise MicroslipError(f"centres: {n} clusters make no graph: a global efficiency needs two or more")
    graph = nearest_graph(centres, box, n_neighbours)
    total = 0.0
    for start in range(0, n, SOURCES_AT_A_TIME):
        sources = np.arange(start, min(start + SOURCES_AT_A_TIME, n))
        distance = dijkstra(graph, directed=False, indices=sources)
        distance[np.arange(len(sources)), sources] = np.inf
        if distance.min() < 1e-300:
            raise MicroslipError("centres: two clusters have the same centre: the path between them has no length")
        total += float((1 / distance).sum())
    return total / (n * (n - 1))
