"""Grains before compaction: loose, random, and allowed to overlap a little."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from microslip.core.errors import MicroslipError
from microslip.dem.config import ShearCell
from microslip.dem.packing_kernels import insert

BULK, BOTTOM, TOP = 0, 1, 2

# The filling is looser than the packing it becomes; closer than this, centres would start with a violent push.
LOOSE_SOLID_FRACTION = 0.48
CLOSEST_CENTRES = 0.72


@dataclass(frozen=True)
class LoosePacking:
    """Grains in the order of their ids: bulk, bottom wall, top wall.

    `position` (grain, 3) [d̄], `diameter` (grain) [d̄], `kind` (grain) 0 bulk, 1 bottom, 2 top; `top_plane` is the
    height of the top lattice's centres [d̄], without walls that of the cell; z = 0 is the inner face of the bottom wall.
    """

    position: Float64[np.ndarray, "grain 3"]
    diameter: Float64[np.ndarray, "grain"]
    kind: Int64[np.ndarray, "grain"]
    top_plane: float


def loose_packing(config: ShearCell) -> LoosePacking:
    """Random grains by sequential addition, between two walls of overlapping grains where the cell has walls.

    Raises
    ------
    MicroslipError
        The grains do not fit, which only a cell of a few grains can cause.
    """
    rng = np.random.default_rng(config.seed)
    lx, ly = config.cell.length, config.cell.depth
    n_filled, thickness, walls = config.n_filled, config.glued_thickness, config.cell.walls
    height = (config.cell.height + 2 * thickness) * config.cell.solid_fraction / LOOSE_SOLID_FRACTION
    # half a grain of room at both walls, and the walls' own roughness
    margin = 0.5 + config.cell.wall_roughness if walls else 0.0
    lengths = np.array([lx, ly, height])
    diameter = rng.uniform(1 - config.grains.width, 1 + config.grains.width, n_filled)
    bulk = insert(rng.random((200 * n_filled, 3)) * lengths, lengths, CLOSEST_CENTRES, n_filled, not walls)
    if len(bulk) < n_filled:
        raise MicroslipError(
            f"only {len(bulk)} of {n_filled} grains fit the loose filling: lower cell.solid_fraction or enlarge the"
            " cell"
        )
    if not walls:
        return LoosePacking(bulk, diameter, np.full(n_filled, BULK), height)
    # the inner face of the bottom wall will be that of the grains glued to its lattice
    bulk = bulk + np.array([0.0, 0.0, margin - thickness])
    top_plane = height + 2 * margin + 0.5 - thickness

    nx, ny = config.wall_shape
    x, y = np.meshgrid((np.arange(nx) + 0.5) * lx / nx, (np.arange(ny) + 0.5) * ly / ny, indexing="ij")
    n_wall = nx * ny

    def wall(plane: float) -> Float64[np.ndarray, "grain 3"]:
        rough = rng.uniform(-1, 1, n_wall) * config.cell.wall_roughness
        return np.column_stack([x.ravel(), y.ravel(), plane + rough - rough.mean()])

    return LoosePacking(
        position=np.concatenate([bulk, wall(-0.5 - thickness), wall(top_plane)]),
        diameter=np.concatenate([diameter, np.ones(2 * n_wall)]),
        kind=np.repeat([BULK, BOTTOM, TOP], [n_filled, n_wall, n_wall]),
        top_plane=top_plane,
    )


def glued(
    position: Float64[np.ndarray, "grain 3"], kind: Int64[np.ndarray, "grain"], height: float
) -> Int64[np.ndarray, "grain"]:
    """Kinds after gluing to each wall the bulk grains whose centres lie beyond its inner face, z = 0 and `height`."""
    z, bulk = position[:, 2], kind == BULK
    return np.where(bulk & (z < 0), BOTTOM, np.where(bulk & (z > height), TOP, kind))
