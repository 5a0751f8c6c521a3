"""Errors and intervals from the data themselves: blocks of consecutive stages or samples, drawn again or left out.

Stages next to each other share a frame and much of their pattern, and samples share the memory of the stress. So whole
blocks are drawn, with replacement, or left out once each. The number of a group of stages is a function of sums over
its stages. One sum per block and group is kept, and leaving one out is a product of matrices.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Float, Float64, Int, Int64, Shaped
from scipy.special import ndtri, stdtr, stdtrit

# Fewer blocks than this are hardly varied by drawing them, and their scatter says too little of an error.
FEWEST_BLOCKS = 5

# Confidence of the intervals of scores, of predictions, and of the ratio of correlation lengths.
SCORE_COVERAGE = 0.9
N_RESAMPLES = 2000

# A block outlives the memory of the stress: large slips are a few hundredths of strain apart.
BLOCK_STRAIN = 0.05

# More blocks than this say nothing new of an error; longer ones forget better.
MOST_BLOCKS = 32


# --- blocks drawn again -----------------------------------------------------------------------------------------------


def strain_blocks(middle: Float[np.ndarray, "stage"], length: float) -> Int64[np.ndarray, "stage"]:
    """The block of every stage, by the strain at its middle: as many equal lengths of at least `length` as there fit.

    5 to 32 blocks, or a single one, and thus no error, where the strain does not suffice for 5 or no length is known.
    """
    if not len(middle):
        return np.zeros(0, dtype=np.int64)
    first, spanned = float(middle.min()), float(np.ptp(middle))
    n_blocks = min(MOST_BLOCKS, int(spanned / length + 1e-6)) if length > 0 and spanned > 0 else 1
    if n_blocks < FEWEST_BLOCKS:
        return np.zeros(len(middle), dtype=np.int64)
    return np.minimum(((middle - first) / spanned * n_blocks).astype(np.int64), n_blocks - 1)


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


def leave_out(n_blocks: int) -> Float64[np.ndarray, "sample block"]:
    """How often each block counts in each sample, where every block is left out once."""
    return 1.0 - np.eye(n_blocks)


@dataclass(frozen=True)
class Estimate:
    """A value with its standard error, the ends of its interval, and the two-sided p-value of zero; arrays alike."""

    value: Float[np.ndarray, "*n"]
    error: Float[np.ndarray, "*n"]
    low: Float[np.ndarray, "*n"]
    high: Float[np.ndarray, "*n"]
    p_value: Float[np.ndarray, "*n"]


def estimate(
    value: Float[np.ndarray, "*n"] | float, left_out: Float[np.ndarray, "block *n"], confidence: float = 0.95
) -> Estimate:
    """Error and interval of a value from its values without each block, by Student's t with one degree less than those.

    .. math:: \\sigma^2 = \\frac{n - 1}{n} \\sum_{b=1}^{n} (\\theta_{-b} - \\bar\\theta)^2, \\qquad
              \\theta \\pm t_{n - 1}\\, \\sigma

    Percentiles of draws of ten or twenty blocks are too narrow: they know nothing of the error of the spread itself.

    Parameters
    ----------
    value
        Of all blocks, any shape.
    left_out
        Without each block, which come along the first axis.
    confidence
        Of the interval.

    Returns
    -------
    Estimate
        NaN with fewer than 5 blocks, or where leaving one out leaves no value.

    Source: Künsch, Ann. Statist. 17 (1989) 1217; Efron & Stein, Ann. Statist. 9 (1981) 586.
    """
    n, value = len(left_out), np.asarray(value, dtype=float)
    if n < FEWEST_BLOCKS:
        nothing = np.full_like(value, np.nan)
        return Estimate(value, nothing, nothing, nothing, nothing)
    error = np.sqrt((n - 1) / n * ((left_out - left_out.mean(axis=0)) ** 2).sum(axis=0))
    error = np.where(np.isfinite(value), error, np.nan)
    half = stdtrit(n - 1, 0.5 + confidence / 2) * error
    with np.errstate(divide="ignore", invalid="ignore"):
        p_value = 2 * stdtr(n - 1, -np.abs(value / error))
    # of a single value, arithmetic leaves a number
    return Estimate(*(np.asarray(of) for of in (value, error, value - half, value + half, p_value)))


def interval(
    samples: Float[np.ndarray, "sample *n"], confidence: float = 0.95
) -> tuple[Float64[np.ndarray, "*n"], Float64[np.ndarray, "*n"]]:
    """Percentile interval over the samples, NaN where more than a tenth of them have no value."""
    tail = 50 * (1 - confidence)
    finite = np.isfinite(samples)
    enough = finite.mean(axis=0) >= 0.9
    filled = np.where(enough, np.where(finite, samples, np.nan), 0.0)
    low, high = np.nanpercentile(filled, [tail, 100 - tail], axis=0)
    return np.where(enough, low, np.nan), np.where(enough, high, np.nan)


def median_interval(values: Float[np.ndarray, "stage"], seed: int, confidence: float) -> tuple[float, float]:
    """Interval of the median of independent values, single ones drawn again; NaN of too few to draw from."""
    if len(values) < FEWEST_BLOCKS:
        return float("nan"), float("nan")
    drawn = np.random.default_rng(seed).choice(values, (N_RESAMPLES, len(values)))
    low, high = interval(np.median(drawn, axis=1), confidence)
    return float(low), float(high)


def error_of_interval(low: float, high: float, confidence: float) -> float:
    """The standard error of a normal quantity that has this interval of this confidence."""
    return (high - low) / (2 * float(ndtri(0.5 + confidence / 2)))


# --- blocks left out --------------------------------------------------------------------------------------------------


def block_edges(strain: Float[np.ndarray, "sample"], first_sample: int = 0) -> Int[np.ndarray, "edge"]:
    """Samples at which equal blocks of at least 0.05 of strain begin, and the end of the last one.

    Parameters
    ----------
    strain
        γ of every sample, equally spaced from the first one of the steady state, shape (sample,).
    first_sample
        Where the steady state begins.

    Returns
    -------
    array
        Shape (block + 1,): 5 to 32 blocks, or a single one, and thus no error, where the strain does not suffice for 5.
    """
    spanned = float(strain[-1] - strain[first_sample])
    # a strain of 0.75 in floating point is still fifteen blocks
    n_blocks = min(MOST_BLOCKS, int(spanned / BLOCK_STRAIN + 1e-6))
    if n_blocks < FEWEST_BLOCKS:
        n_blocks = 1
    return np.linspace(first_sample, len(strain), n_blocks + 1).round().astype(np.int64)


def cut(values: np.ndarray, edges: Int[np.ndarray, "edge"]) -> list[np.ndarray]:
    """The pieces of a series, one per block."""
    return [values[start:end] for start, end in pairwise(edges)]


def group_by_block(
    values: Shaped[np.ndarray, "event"], sample: Int[np.ndarray, "event"], edges: Int[np.ndarray, "edge"]
) -> list[np.ndarray]:
    """The values of events, such as slips, in the block in which each begins, shapes (event,)."""
    block = np.searchsorted(edges, sample, side="right") - 1
    return [values[block == number] for number in range(len(edges) - 1)]


def jackknife(blocks: Sequence[np.ndarray], statistic: Callable[[np.ndarray], float]) -> tuple[float, float]:
    """A statistic of all blocks together, and its standard error from leaving out each block once.

    .. math:: \\sigma^2 = \\frac{n - 1}{n} \\sum_{b=1}^{n} (\\theta_{-b} - \\bar\\theta)^2

    For the mean of equal blocks it is the standard error of the mean of the blocks' means. Correlations within a block
    are accounted for, those between blocks are not.

    Parameters
    ----------
    blocks
        One array per block.
    statistic
        From an array to a number.

    Returns
    -------
    tuple of float
        The statistic, NaN without a value; its error, NaN with fewer than two blocks or where leaving one out leaves
        nothing.

    Source: Künsch, Ann. Statist. 17 (1989) 1217.
    """
    everything = np.concatenate(blocks)
    if not len(everything):
        return float("nan"), float("nan")
    n = len(blocks)
    if n < 2 or any(len(block) == len(everything) for block in blocks):
        return float(statistic(everything)), float("nan")
    without = np.array(
        [statistic(np.concatenate([*blocks[:number], *blocks[number + 1 :]])) for number in range(n)], dtype=float
    )
    error = np.sqrt((n - 1) / n * np.sum((without - without.mean()) ** 2))
    return float(statistic(everything)), float(error)
