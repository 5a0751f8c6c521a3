"""A loose packing of spheres on a shaken lattice, between two walls or without any."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from microslip.core.box import Box


@dataclass(frozen=True)
class Packing:
    """Grains between two walls: centres (grain, 3) and diameters (grain,) [d̄], kind 0 bulk, 1 bottom, 2 top wall."""

    positions: Float64[np.ndarray, "grain 3"]
    diameters: Float64[np.ndarray, "grain"]
    kind: Int64[np.ndarray, "grain"]
    box: Box


def packing(
    lengths: tuple[float, float, float] = (8.0, 6.0, 8.0),
    *,
    seed: int,
    width: float = 0.2,
    jitter: float = 0.1,
    walls: bool = True,
) -> Packing:
    """Grains on a cubic lattice, each shifted by up to `jitter` along every axis; one layer of them for each wall.

    Diameters are uniform on [1 − width, 1 + width] d̄. There is about one grain in every d̄³, a solid fraction of some
    0.53, as in a loose packing; grains may overlap. Without walls the box repeats in z, too.

    Source: the size distribution is that of Mei et al. 2023, section 2.1.
    """
    rng = np.random.default_rng(seed)
    counts = [max(1, round(length)) for length in lengths]
    spacing = np.array(lengths) / counts
    sites = np.stack(np.meshgrid(*(np.arange(n) + 0.5 for n in counts), indexing="ij"), axis=-1).reshape(-1, 3)
    positions, kind = sites * spacing, np.zeros(len(sites), dtype=np.int64)
    positions += rng.uniform(-jitter, jitter, positions.shape)
    if walls:
        layer = (sites[sites[:, 2] == 0.5] * spacing)[:, :2]
        faces = [np.column_stack([layer, np.full(len(layer), z)]) for z in (-0.5, lengths[2] + 0.5)]
        positions = np.concatenate([positions, *faces])
        kind = np.concatenate([kind, np.repeat([1, 2], len(layer))])
    diameters = rng.uniform(1 - width, 1 + width, len(positions))
    return Packing(positions, diameters, kind, Box(lengths, (True, True, not walls)))
