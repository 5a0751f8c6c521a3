"""Standard errors of what is measured along one series: the steady state cut into blocks, each left out once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
from jaxtyping import Float, Int, Shaped

# A block outlives the memory of the stress: large slips are a few hundredths of strain apart.
BLOCK_STRAIN = 0.05

# The scatter of fewer than these says too little of an error to state one.
FEWEST_BLOCKS = 5

# More blocks than this say nothing new of an error; longer ones forget better.
MOST_BLOCKS = 32


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
