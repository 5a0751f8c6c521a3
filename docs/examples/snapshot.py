r"""
A snapshot with your own colours
================================

Any value per grain colours the spheres: here the number of grains within 1.2 diameters. NaN
leaves a grain grey, `pale` washes it out, `keep` leaves grains away.
"""

import numpy as np
from matplotlib.figure import Figure
from scipy.spatial import cKDTree

import microslip
from microslip import TWO_COLUMNS, draw_snapshot, notch

rng = np.random.default_rng(9)
box = microslip.Box((18.0, 9.0, 10.0))
counts = [int(length) for length in box.lengths]
grid = np.meshgrid(*(np.arange(n) + 0.5 for n in counts), indexing="ij")
positions = np.stack(grid, axis=-1).reshape(-1, 3)
positions += rng.normal(0, 0.09, positions.shape)
diameters = rng.uniform(0.8, 1.1, len(positions))

# the lowest and the highest layer are walls
layer = np.arange(len(positions)) % counts[2]
kind = np.select([layer == 0, layer == counts[2] - 1], [1, 2], 0)

near = np.array(
    [len(around) - 1 for around in cKDTree(positions).query_ball_point(positions, 1.2)],
    dtype=float,
)
near[kind != 0] = np.nan

figure = Figure(figsize=(TWO_COLUMNS, 2.8), layout="constrained")
left, right = figure.subplots(1, 2)
draw_snapshot(
    positions,
    diameters,
    kind,
    box,
    values=near,
    log=False,
    colour_map="viridis",
    label="grains within 1.2 $\\bar d$",
    keep=notch(positions, box),
    title="a value of each grain",
    axes=left,
)
draw_snapshot(
    positions,
    diameters,
    kind,
    box,
    pale=(near < 6) | (kind != 0),
    azimuth=-50.0,
    elevation=25.0,
    title="six or more, the others pale",
    axes=right,
)
