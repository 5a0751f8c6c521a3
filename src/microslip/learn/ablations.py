"""What may be taken away from a stage before a network sees it, so that what is left shows what it needs."""

from __future__ import annotations

from functools import partial

import numpy as np
from jaxtyping import Float

from microslip.core.errors import MicroslipError
from microslip.learn.inputs import Change

Fields = Float[np.ndarray, "channel x y z"]


def shuffled(fields: Fields, rng: np.random.Generator) -> Fields:
    """Nodes in random order, the same for all channels: every value kept, every place lost."""
    flat = fields.reshape(len(fields), -1)
    return flat[:, rng.permutation(flat.shape[1])].reshape(fields.shape)


def phases(fields: Fields, rng: np.random.Generator) -> Fields:
    """Fourier phases drawn at random, amplitudes kept: same mean, variance and two-point correlation, nothing beyond.

    The phases are those of the transform of white noise, antisymmetric as those of any real field; all channels turn
    by the same ones, which keeps the correlation between channels. The transform takes z as periodic and upright, which
    no cell is: the step from the upper to the lower face is spread over the field.
    """
    noise = np.fft.fftn(rng.normal(size=fields.shape[1:]))
    turn = np.exp(1j * np.angle(noise))
    turn[0, 0, 0] = 1
    turned = np.fft.fftn(fields, axes=(1, 2, 3)) * turn
    return np.asarray(np.fft.ifftn(turned, axes=(1, 2, 3)).real, dtype=fields.dtype)


def pattern(fields: Fields, rng: np.random.Generator) -> Fields:
    """Mean and deviation of each channel of the stage taken away: where it moves, not how much."""
    wide = fields.astype(float)
    mean = wide.mean(axis=(1, 2, 3), keepdims=True)
    # by its ends: the mean of equal numbers differs from them by rounding
    varies = np.ptp(wide, axis=(1, 2, 3), keepdims=True) > 0
    deviation = np.where(varies, wide.std(axis=(1, 2, 3), keepdims=True), 1)
    return np.where(varies, (wide - mean) / deviation, 0).astype(fields.dtype)


def amplitude(fields: Fields, rng: np.random.Generator) -> Fields:
    """Every node at the stage's mean of its channel: how much it moves, and nothing else."""
    mean = fields.astype(float).mean(axis=(1, 2, 3), keepdims=True)
    return np.array(np.broadcast_to(mean, fields.shape), dtype=fields.dtype)


def mask(fields: Fields, rng: np.random.Generator, fraction: float = 0.1) -> Fields:
    """1 at the given fraction of nodes with the largest values, 0 elsewhere."""
    flat = fields.reshape(len(fields), -1)
    n = max(1, round(fraction * flat.shape[1]))
    # so many and no more, where several nodes are alike; none of a channel that is the same everywhere
    largest = np.argsort(flat, axis=1, kind="stable")[:, flat.shape[1] - n :]
    marked = np.zeros_like(flat)
    np.put_along_axis(marked, largest, 1, axis=1)
    return np.asarray(marked * (np.ptp(flat, axis=1, keepdims=True) > 0), dtype=fields.dtype).reshape(fields.shape)


def cut(fields: Fields, rng: np.random.Generator, share: float) -> Float[np.ndarray, "channel some y z"]:
    """The first part of the cell along x: a smaller cell, which no longer repeats in x."""
    n = max(1, round(share * fields.shape[1]))
    return fields[:, :n]


def change_of(variant: str, active_fraction: float) -> Change | None:
    """The change behind a variant's name; None for the untouched fields.

    Raises
    ------
    MicroslipError
        No such variant.
    """
    changes: dict[str, Change | None] = {
        "full": None,
        "shuffled": shuffled,
        "phases": phases,
        "pattern": pattern,
        "amplitude": amplitude,
        "mask": partial(mask, fraction=active_fraction),
    }
    if variant not in changes:
        raise MicroslipError(f"unknown ablation {variant}: known are {', '.join(changes)}")
    return changes[variant]
