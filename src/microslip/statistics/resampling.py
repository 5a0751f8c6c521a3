"""Confidence of what is averaged over stages: blocks of consecutive stages, drawn again and again.

Stages next to each other share a frame and much of their pattern. What is drawn is therefore whole blocks of them, and
everything that is asked of a group of stages is a function of sums over its stages: one sum per block and group is
kept, and a draw is a product of matrices.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float64, Int, Int64
from scipy.special import ndtri

# Below this many blocks a draw is not much different from the data, and no interval is given.
FEWEST_BLOCKS = 5


def number_blocks(n_stages: int, n_blocks: int) -> Int64[np.ndarray, "stage"]:
    """The block of every stage: as many stages in each as divide evenly, in order; fewer blocks for few stages."""
    n_blocks = max(1, min(n_blocks, n_stages))
    return np.arange(n_stages) * n_blocks // max(n_stages, 1)


def block_sums(
    values: Float[np.ndarray, "stage quantity"],
    block: Int[np.ndarray, "stage"],
    member: Float[np.ndarray, "stage group"],
) -> Float64[np.ndarray, "block group quantity"]:
    """Σ of each quantity over the stages of each block and group; NaN counts as nothing.

    `member` is 1 where a stage belongs to a group and 0 elsewhere.
    """
    n_blocks = int(block.max()) + 1 if len(block) else 0
    sums = np.zeros((n_blocks, member.shape[1], values.shape[1]))
    for number in range(n_blocks):
        here = block == number
        sums[number] = member[here].T @ np.nan_to_num(values[here])
    return sums


def draws(n_blocks: int, n_samples: int, seed: int) -> Float64[np.ndarray, "sample block"]:
    """How often each block is drawn in each sample, with replacement."""
    return np.random.default_rng(seed).multinomial(n_blocks, np.full(n_blocks, 1 / n_blocks), n_samples).astype(float)


def resample(
    sums: Float[np.ndarray, "block group quantity"], weights: Float[np.ndarray, "sample block"]
) -> Float64[np.ndarray, "sample group quantity"]:
    """The sums of every sample of blocks."""
    return np.asarray(np.einsum("sb,bgq->sgq", weights, sums))


def interval(
    samples: Float[np.ndarray, "sample *n"], confidence: float = 0.95
) -> tuple[Float64[np.ndarray, "*n"], Float64[np.ndarray, "*n"]]:
    """Percentile interval over the samples, NaN where more than a tenth of them have no value."""
    tail = 50 * (1 - confidence)
    known = np.isfinite(samples)
    enough = known.mean(axis=0) >= 0.9
    filled = np.where(enough, np.where(known, samples, np.nan), 0.0)
    low, high = np.nanpercentile(filled, [tail, 100 - tail], axis=0)
    return np.where(enough, low, np.nan), np.where(enough, high, np.nan)


def error_of_interval(low: float, high: float, confidence: float) -> float:
    """The standard error of a normal quantity that has this interval of this confidence."""
    return (high - low) / (2 * float(ndtri(0.5 + confidence / 2)))


def p_value(samples: Float[np.ndarray, "sample"]) -> float:
    """Two-sided p-value for the hypothesis of zero: how far into the samples zero lies; never below 2/(n + 1)."""
    known = samples[np.isfinite(samples)]
    if not len(known):
        return float("nan")
    n = len(known)
    return float(min(1.0, 2 * (1 + min((known <= 0).sum(), (known >= 0).sum())) / (n + 1)))
