"""One stage of 20,000 grains: every statistic against the best library route, interleaved runs, medians of the ratios.

C(r) and D²min have files of their own. `python benchmarks/statistics_of_a_stage.py [RUN]` takes the largest slip of a
run where one is given, and random grains in a slab of 50 × 15 × 20 d̄ otherwise.
"""

import statistics
import sys
import time

import freud
import networkx
import numpy as np
from scipy.sparse import csr_array
from scipy.spatial import cKDTree

from microslip import (
    Box,
    active_grains,
    coarse_grain,
    d2min,
    find_clusters,
    fit_power_law,
    global_efficiency,
    moran_i,
    open_run,
    pair_correlation,
    radius_of_gyration,
)
from microslip.statistics.clusters import cluster_centres
from microslip.statistics.efficiency import nearest_graph

N_GRAINS, REPEATS = 20_000, 7


def stage():
    """Positions, values (NaN for walls), diameters and box of one stage."""
    if len(sys.argv) > 1:
        run = open_run(sys.argv[1])
        largest = int(run.stages["fluctuation"].argmax())
        position = run.frames["position"][int(run.stages["start_frame"][largest])].to_numpy()
        return position, run.fields["d2min"][largest].to_numpy(), run.grains["diameter"].to_numpy(), run.box
    rng = np.random.default_rng(1)
    box = Box((50.0, 15.0, 20.0))
    position = rng.random((N_GRAINS, 3)) * box.lengths
    return position, rng.lognormal(0, 1, N_GRAINS), rng.uniform(0.8, 1.2, N_GRAINS), box


def weights_of_moran(positions, values, box):
    """A sparse matrix of weights, as esda and libpysal do it."""
    pairs = cKDTree(box.wrap(positions), boxsize=box.periods).query_pairs(1.5, output_type="ndarray")
    n, z = len(values), values - values.mean()
    weight = csr_array((np.ones(len(pairs)), pairs.T), shape=(n, n))
    return n / len(pairs) * (z @ (weight @ z)) / (z @ z)


def paths_of_networkx(centres, box):
    graph = networkx.from_scipy_sparse_array(nearest_graph(centres, box))
    total = 0.0
    for source, lengths in networkx.all_pairs_dijkstra_path_length(graph):
        total += sum(1 / length for target, length in lengths.items() if target != source)
    return total / (len(centres) * (len(centres) - 1))


def main():
    position, values, diameter, box = stage()
    known = np.isfinite(values)
    bulk = position[known]
    active = active_grains(values)
    clusters = find_clusters(position, active, box, diameter)
    large = cluster_centres(clusters, diameter)[clusters.size >= 3]
    edges = np.linspace(0, 7, 351)
    padded = freud.box.Box(*box.lengths[:2], 2 * float(np.ptp(position[:, 2])) + 20)
    low = position - [0, 0, position[:, 2].mean()]
    marks = active[known].astype(float)
    sizes = np.random.default_rng(2).zipf(2.5, 100_000)
    print(
        f"{len(position)} grains, {known.sum()} with a value, {len(clusters.size)} clusters, {len(large)} of 3 or more"
    )

    def everything():
        found = find_clusters(position, active_grains(values), box, diameter)
        radius_of_gyration(found, diameter)
        moran_i(position, np.where(known, active, np.nan), box)
        if len(large) > 1:
            global_efficiency(cluster_centres(found, diameter)[found.size >= 3], box)

    def freud_clusters():
        oracle = freud.cluster.Cluster()
        oracle.compute((padded, low[active]), neighbors={"r_max": 1.0})
        freud.cluster.ClusterProperties().compute((padded, low[active]), oracle.cluster_idx)

    def freud_pairs():
        freud.density.RDF(bins=350, r_max=7).compute((padded, low[known]))

    ours_and_theirs = {
        "clusters and R_g (freud)": (
            lambda: radius_of_gyration(find_clusters(position, active, box, link_distance=1.0), diameter),
            freud_clusters,
        ),
        "g(r) to 7 d (freud)": (lambda: pair_correlation(bulk, box, edges), freud_pairs),
        "Moran's I (tree, sparse matrix)": (
            lambda: moran_i(bulk, marks, box),
            lambda: weights_of_moran(bulk, marks, box),
        ),
        "global efficiency (networkx)": (
            lambda: global_efficiency(large, box),
            lambda: paths_of_networkx(large, box),
        ),
        "all of the clusters' numbers": (everything, None),
        "voxels": (lambda: coarse_grain(position, values, box), None),
        "D²min": (lambda: d2min(position, position, box, of=known), None),
        "power law of 100,000 sizes": (lambda: fit_power_law(sizes), None),
    }
    for name, (ours, theirs) in ours_and_theirs.items():
        if name.startswith("global") and len(large) < 2:
            continue
        seconds = [[], []]
        for repeat in range(REPEATS + 1):
            for side, work in enumerate((ours, theirs)):
                if work is not None:
                    start = time.perf_counter()
                    work()
                    # the first round compiles
                    seconds[side] += [time.perf_counter() - start] if repeat else []
        line = f"{name:34}{1e3 * statistics.median(seconds[0]):9.2f} ms"
        if theirs is not None:
            ratio = statistics.median(b / a for a, b in zip(*seconds, strict=True))
            line += f"{1e3 * statistics.median(seconds[1]):10.2f} ms   ratio {ratio:.1f}"
        print(line)


if __name__ == "__main__":
    main()
