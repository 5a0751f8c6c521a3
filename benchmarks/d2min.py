"""D²min of one stage of 20,000 grains, against scipy's tree with numpy, and OVITO where it is installed.

Median ratios of interleaved runs.
"""

import importlib.util
import os
import statistics
import time

import numpy as np
from scipy.spatial import cKDTree

from microslip import Box, d2min

N_GRAINS, REPEATS = 20_000, 5


def with_tree(reference, current, lengths, cutoff=2.0):
    """All pairs from a periodic tree, sums by bincount, one batched solve."""
    pairs = cKDTree(reference, boxsize=[*lengths[:2], 1e6]).query_pairs(cutoff, output_type="ndarray")
    i, j = np.concatenate([pairs, pairs[:, ::-1]]).T
    r = reference[j] - reference[i]
    r[:, :2] -= lengths[:2] * np.round(r[:, :2] / lengths[:2])
    u = (current - reference)[j] - (current - reference)[i]
    n = len(reference)

    def summed(products):
        columns = products.reshape(len(products), -1).T
        return np.stack([np.bincount(i, column, n) for column in columns], axis=1)

    y = summed(r[:, :, None] * r[:, None, :]).reshape(n, 3, 3)
    x = summed(u[:, :, None] * r[:, None, :]).reshape(n, 3, 3)
    gradient = np.linalg.solve(y, x.transpose(0, 2, 1)).transpose(0, 2, 1)
    residual = u - np.einsum("nab,nb->na", gradient[i], r)
    return np.bincount(i, (residual**2).sum(axis=1), n) / np.bincount(i, minlength=n)


def with_ovito(reference, current, lengths, cutoff=2.0):
    """The same as a sum over neighbours, by OVITO's atomic strain with all its threads."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from ovito.data import Particles, SimulationCell
    from ovito.modifiers import AtomicStrainModifier
    from ovito.pipeline import Pipeline, PythonSource

    def source(positions):
        def fill(_frame, data):
            cell = SimulationCell(pbc=(True, True, False))
            cell[...] = np.column_stack([np.diag(lengths), np.zeros(3)])
            particles = Particles()
            particles.create_property("Position", data=positions)
            data.objects.extend([cell, particles])

        return PythonSource(function=fill)

    pipeline = Pipeline(source=source(current))
    strain = AtomicStrainModifier(cutoff=cutoff, output_nonaffine_squared_displacements=True)
    strain.reference = source(reference)
    pipeline.modifiers.append(strain)
    return np.asarray(pipeline.compute().particles["Nonaffine Squared Displacement"])


def main():
    rng = np.random.default_rng(1)
    lengths = np.array([50.0, 15.0, 20.0])
    box = Box(tuple(lengths))
    reference = rng.random((N_GRAINS, 3)) * lengths
    current = reference + rng.normal(0, 1e-3, reference.shape)
    peers = {"scipy tree and numpy": with_tree}
    if importlib.util.find_spec("ovito"):
        peers["OVITO"] = with_ovito
    ours = d2min(reference, current, box)
    for name, peer in peers.items():
        found = peer(reference, current, lengths) / (ours.n_neighbours if name == "OVITO" else 1)
        print(f"{name}: largest relative difference {np.max(np.abs(ours.d2min / found - 1)):.1e}")
    seconds = {name: [] for name in ("microslip", *peers)}
    for _ in range(REPEATS):
        start = time.perf_counter()
        d2min(reference, current, box)
        seconds["microslip"].append(time.perf_counter() - start)
        for name, peer in peers.items():
            start = time.perf_counter()
            peer(reference, current, lengths)
            seconds[name].append(time.perf_counter() - start)
    for name, times in seconds.items():
        ratio = statistics.median(b / a for a, b in zip(seconds["microslip"], times, strict=True))
        print(f"{name:22}{1e3 * statistics.median(times):8.1f} ms a stage   ratio {ratio:.1f}")


if __name__ == "__main__":
    main()
