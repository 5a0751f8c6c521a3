"""How much the solid fraction scatters between cubes of one size: `python rve.py RUN > rve.csv`.

RUN is a cell without walls, leaning by less than half its length. Spheres are painted on a grid of 1/8 d̄ in the half of
the cell that lies in the leaning box at every height; cubes of each side stand at every half of a side. Ten frames.
"""

import sys

import numpy as np
import pandas as pd

from microslip import open_run

SPACING = 1 / 8
SIDES = (2, 3, 4, 5, 6, 7, 8, 10)
FRAMES = 10


def painted(position, radius, low, high):
    """1 where a grid point of the block lies in a sphere, else 0."""
    shape = np.floor((high - low) / SPACING).astype(int)
    inside = np.zeros(shape, dtype=bool)
    reach = int(np.ceil(radius.max() / SPACING)) + 1
    window = np.stack(np.meshgrid(*[np.arange(-reach, reach + 1)] * 3, indexing="ij"), -1).reshape(-1, 3)
    for centre, r in zip((position - low) / SPACING - 0.5, radius / SPACING, strict=True):
        nodes = np.round(centre).astype(int) + window
        nodes = nodes[((nodes - centre) ** 2).sum(axis=1) <= r * r]
        nodes = nodes[((nodes >= 0) & (nodes < shape)).all(axis=1)]
        inside[tuple(nodes.T)] = True
    return inside


def shares_of_cubes(inside, side):
    """Share of the grid points inside spheres, of every cube of `side` grid points at each half of a side."""
    total = np.pad(inside.astype(np.int64), ((1, 0),) * 3).cumsum(0).cumsum(1).cumsum(2)
    starts = [np.arange(0, n - side + 1, max(1, side // 2)) for n in inside.shape]
    x, y, z = np.meshgrid(*starts, indexing="ij")
    corners = sum(
        (-1) ** (3 - a - b - c) * total[x + a * side, y + b * side, z + c * side]
        for a in (0, 1)
        for b in (0, 1)
        for c in (0, 1)
    )
    return (corners / side**3).ravel()


def main():
    run = open_run(sys.argv[1])
    radius = run.grains["diameter"].to_numpy() / 2
    cubes = {side: [] for side in SIDES}
    for frame in np.linspace(0, run.frames.sizes["frame"] - 1, FRAMES).round().astype(int):
        box = run.box_at(int(frame))
        length, depth, height = box.lengths
        # wrapped into the leaning box, this half of its length is filled at every height
        left = length / 2 if box.nearest_tilt > 0 else 0.0
        low, high = np.array([left, 0, 0]), np.array([left + length / 2, depth, height])
        position = box.wrap(run.frames["position"][int(frame)].to_numpy())
        near = ((position > low - 1) & (position < high + 1)).all(axis=1)
        # one d̄ from the faces across y and z is left out: spheres cut by them are missing there
        inside = painted(position[near], radius[near], low, high)[:, 8:-8, 8:-8]
        for side in SIDES:
            cubes[side].append(shares_of_cubes(inside, round(side / SPACING)))
    rows = []
    for side, frames in cubes.items():
        spread = np.array([shares.std() / shares.mean() for shares in frames])
        error = spread.std(ddof=1) / np.sqrt(len(spread))
        rows.append((side, len(frames[0]), np.mean([s.mean() for s in frames]), spread.mean(), error))
    table = pd.DataFrame(rows, columns=["side", "cubes_a_frame", "solid_fraction", "relative_scatter", "error"])
    table.to_csv(sys.stdout, index=False, float_format="%.4g")


if __name__ == "__main__":
    main()
