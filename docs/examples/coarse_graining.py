r"""
From grains to a grid
=====================

The network sees D²min as a grid: a node carries the mean of the grains whose centres lie within a
radius of it, and 0 where there are none. A small radius leaves holes, a large one blurs.
"""

import matplotlib.pyplot as plt
import numpy as np

import microslip
from microslip import TWO_COLUMNS, journal_style, log_nodes, mid_depth, node_map

rng = np.random.default_rng(4)
box = microslip.Box((30.0, 12.0, 16.0))
positions = rng.random((5_000, 3)) * box.lengths

# two bands and noise over two decades
height = positions[:, 2] - 2 * np.sin(2 * np.pi * positions[:, 0] / 30)
d2min = 1e-6 * np.exp(-((height - 5) ** 2) / 2) + 3e-7 * np.exp(-((height - 12) ** 2)) + 1e-8
d2min *= 10 ** rng.normal(0, 0.3, len(d2min))

with journal_style():
    figure, axes = plt.subplots(1, 3, figsize=(TWO_COLUMNS, 2.3), layout="constrained")
    for panel, radius in zip(axes, (0.6, 1.3, 3.0), strict=True):
        grid = microslip.coarse_grain(positions, d2min, box, spacing=1.0, radius=radius)
        empty = np.mean(grid.values == 0)
        print(f"radius {radius}: {grid.values.shape} nodes, {empty:.1%} of them empty")
        nodes = [
            grid.origin[axis] + grid.spacing[axis] * np.arange(grid.values.shape[axis])
            for axis in (0, 2)
        ]
        node_map(
            mid_depth(log_nodes(grid.values)),
            *nodes,
            signed=False,
            label=r"$\log_{10} D^2_\mathrm{min}$",
            unit=r"\bar d^2",
            limits=(-8.2, -5.8),
            title=f"within {radius:g} of a node",
            axes=panel,
        )
