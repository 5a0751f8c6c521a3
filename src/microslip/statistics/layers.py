"""Layers of height, about one mean diameter each: means over them, and values permuted within them."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Float64, Int64

from microslip.core.box import Box

# Height of a layer [d̄], about.
THICKNESS = 1.0


def layer_numbers(
    positions: Float[np.ndarray, "grain 3"], measured: Bool[np.ndarray, "grain"], box: Box
) -> Int64[np.ndarray, "grain"]:
    """The layer that each measured grain's centre lies in, from 0 at the lowest; −1 of the others.

    Layers are equally high, and together span the cell where it repeats in z, and the measured grains otherwise.
    """
    layer = np.full(len(positions), -1)
    z = positions[measured, 2]
    if not len(z):
        return layer
    low, high = (0.0, box.lengths[2]) if box.periodic[2] else (float(z.min()), float(z.max()))
    n = max(1, round((high - low) / THICKNESS))
    place = np.floor((z - low) / max(high - low, np.finfo(float).tiny) * n).astype(np.int64)
    layer[measured] = place % n if box.periodic[2] else np.minimum(place, n - 1)
    return layer


def layer_means(values: Float[np.ndarray, "grain"], layer: Int64[np.ndarray, "grain"]) -> Float64[np.ndarray, "grain"]:
    """The mean of the values in the layer of each grain; NaN of grains in none."""
    inside = layer >= 0
    means = np.full(len(values), np.nan)
    of = layer[inside]
    means[inside] = (np.bincount(of, values[inside]) / np.maximum(np.bincount(of), 1))[of]
    return means


def permuted_within(
    values: Float[np.ndarray, "grain"], layer: Int64[np.ndarray, "grain"], rng: np.random.Generator
) -> Float64[np.ndarray, "grain"]:
    """The values permuted at random among the grains of each layer; NaN of grains in none."""
    inside = np.flatnonzero(layer >= 0)
    # both orders go through the layers from the lowest: one as it comes, the other at random within each
    target = inside[np.argsort(layer[inside], kind="stable")]
    mixed = inside[np.lexsort((rng.random(len(inside)), layer[inside]))]
    permuted = np.full(len(values), np.nan)
    permuted[target] = values[mixed]
    return permuted
