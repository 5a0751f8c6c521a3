"""Whether a statistic changes with |Δs| at equal length Δγ of the stages: those that last longer move more.

Stages of one kind are cut into cells: first into bins of equal numbers by Δγ, then each of these by |Δs|. A statistic
of groups of stages has one value a cell, and straight lines are fitted through the cells.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float, Float64, Int

from microslip.statistics.bins import group_sums, log_sizes
from microslip.statistics.resampling import block_sums, estimate, leave_out, resample
from microslip.statistics.statistic import Quantity

# Parts of a bin of Δγ by |Δs|; the most bins of Δγ, within which it varies little; and stages in a cell, where there
# are enough of them. With fewer stages in a cell than the last one there is no conditioning.
SIZES, MOST_LENGTHS, IN_A_CELL, FEWEST_IN_A_CELL = 4, 8, 8, 3

# A line through the cells takes more of them than it has coefficients.
FEWEST_CELLS = 6

# Where |Δs| tells Δγ this well, what the one does cannot be told from what the other does: 1/(1 − R²), of R² = 0.9.
MOST_INFLATION = 10.0

SLOPES = ("plain", "conditioned", "of_length", "matched")


@dataclass(frozen=True)
class Cells:
    """Cells of the stages of one kind.

    `member` (stage, cell), 1 where a stage lies in a cell. `sizes` (stage, 2): log₁₀|Δs| and log₁₀Δγ, 0 of stages in no
    cell. `length` (cell,): the bin of Δγ.
    """

    member: Float[np.ndarray, "stage cell"]
    sizes: Float[np.ndarray, "stage 2"]
    length: Int[np.ndarray, "cell"]


@dataclass(frozen=True)
class Measured:
    """A statistic in every group of stages, with all blocks and without each.

    `value` and `n`, stages in which something of it was measured: (1 + block, group), the first of all blocks. `sizes`
    (1 + block, group, 2): means of log₁₀|Δs| and log₁₀Δγ over these stages.
    """

    value: Float[np.ndarray, "sample group"]
    n: Float[np.ndarray, "sample group"]
    sizes: Float[np.ndarray, "sample group 2"]


def nested(order_by: Sequence[Float[np.ndarray, "stage"]], parts: Sequence[int]) -> list[np.ndarray]:
    """Numbers of the stages in bins of equal numbers by the first array, each cut by the second, and so on."""
    cells = [np.arange(len(order_by[0]))]
    for values, n in zip(order_by, parts, strict=True):
        cells = [part for cell in cells for part in np.array_split(cell[np.argsort(values[cell], kind="stable")], n)]
    return cells


def cells_of(stages: pd.DataFrame, kinds: Sequence[str]) -> Cells | None:
    """The cells of the stages of these kinds together; None with too few stages of known |Δs| and Δγ."""
    sizes = log_sizes(stages)
    known = np.flatnonzero(stages["kind"].isin(kinds).to_numpy() & np.isfinite(sizes).all(axis=1))
    n_lengths = int(np.clip(len(known) // (SIZES * IN_A_CELL), 2, MOST_LENGTHS))
    if len(known) < FEWEST_IN_A_CELL * SIZES * n_lengths:
        return None
    cells = nested([sizes[known, 1], sizes[known, 0]], [n_lengths, SIZES])
    member = np.zeros((len(stages), len(cells)))
    for number, cell in enumerate(cells):
        member[known[cell], number] = 1
    return Cells(member, np.where(member.sum(axis=1, keepdims=True) > 0, sizes, 0.0), np.arange(len(cells)) // SIZES)


def measure(
    quantity: Quantity,
    member: Float[np.ndarray, "stage group"],
    sizes: Float[np.ndarray, "stage 2"],
    block: Int[np.ndarray, "stage"],
) -> Measured:
    """A statistic in groups of stages, of all blocks and with each left out; NaN of `sizes` counts as nothing."""
    weights = leave_out(int(block.max()) + 1)
    known = np.nan_to_num(quantity.columns).any(axis=1)[:, None]
    about = np.hstack([known, known * sizes])

    def every(columns: np.ndarray) -> np.ndarray:
        return np.concatenate(
            [group_sums(columns, member)[None], resample(block_sums(columns, block, member), weights)]
        )

    counted = every(about)
    n = counted[..., 0]
    return Measured(quantity.value(every(quantity.columns)), n, counted[..., 1:] / np.maximum(n, 1)[..., None])


def slopes(measured: Measured, length: Int[np.ndarray, "cell"]) -> Float64[np.ndarray, "sample slope"]:
    """Slopes of weighted least squares through the cells, per decade, in the order of `SLOPES`.

    plain on log₁₀|Δs| alone; conditioned on log₁₀|Δs| and log₁₀Δγ together, and of_length, that on log₁₀Δγ; matched on
    log₁₀|Δs| with a level of its own in every bin of Δγ. A cell counts with its stages: weights that follow the scatter
    would make slopes wander, and their intervals too narrow.
    """
    value, sizes = measured.value, measured.sizes
    used = np.isfinite(value) & (measured.n > 0)
    # a cell that does not count has a row of zeros, so that all samples are fitted at once
    weight = np.sqrt(np.where(used, measured.n, 0.0))[..., None]
    weighted = np.where(used, value, 0.0)[..., None] * weight
    bins = np.broadcast_to(length[:, None] == np.unique(length), (*value.shape, len(np.unique(length))))

    def fit(*columns: np.ndarray) -> np.ndarray:
        design = np.concatenate(columns, axis=-1) * weight
        precision = np.finfo(float).eps * max(design.shape[1:])
        return np.asarray((np.linalg.pinv(design, rcond=precision) @ weighted)[..., 0])

    one, of_size = np.ones((*value.shape, 1)), sizes[..., :1]
    both = fit(sizes, one)
    found = np.stack([fit(of_size, one)[:, 0], both[:, 0], both[:, 1], fit(of_size, bins)[:, 0]], axis=1)
    found[used.sum(axis=1) < FEWEST_CELLS] = np.nan
    return found


def inflation(measured: Measured) -> float:
    """How much larger the variance of the conditioned slope is than were |Δs| and Δγ independent: 1/(1 − R²)."""
    value, n, sizes = measured.value[0], measured.n[0], measured.sizes[0]
    used = np.isfinite(value) & (n > 0)
    if used.sum() < FEWEST_CELLS:
        return float("nan")
    about = sizes[used] - np.average(sizes[used], axis=0, weights=n[used])
    products = about.T @ (n[used][:, None] * about)
    unexplained = 1 - products[0, 1] ** 2 / (products[0, 0] * products[1, 1]) if products.diagonal().all() else 0.0
    return float(1 / unexplained) if unexplained > 0 else float("inf")


@dataclass(frozen=True)
class Conditioned:
    """A statistic against the sizes of the stages of one kind: its cells, its values there, and slopes through them.

    `slopes` (1 + block, slope) as of `slopes`, the first of all blocks.
    """

    cells: Cells
    measured: Measured
    slopes: Float[np.ndarray, "sample slope"]


def condition(
    stages: pd.DataFrame, followed: Mapping[str, Quantity], block: Int[np.ndarray, "stage"]
) -> dict[tuple[str, str], Conditioned]:
    """Every statistic against |Δs| at fixed Δγ, by its name and the kind of stage; kinds of too few stages left out.

    Parameters
    ----------
    stages
        Table of stages.
    followed
        From `quantities`.
    block
        From `strain_blocks`, shape (stage,).
    """
    results = {}
    for kind in ("stick", "slip"):
        if (cells := cells_of(stages, [kind])) is None:
            continue
        for name, quantity in followed.items():
            measured = measure(quantity, cells.member, cells.sizes, block)
            results[name, kind] = Conditioned(cells, measured, slopes(measured, cells.length))
    return results


def conditioned_table(results: Mapping[tuple[str, str], Conditioned], confidence: float = 0.95) -> pd.DataFrame:
    """The slopes of every statistic and kind with their intervals.

    Returns
    -------
    DataFrame
        quantity, kind, n_stages, n_cells; each of `SLOPES` with _low and _high; variance_inflation.
    """
    rows: list[dict[str, object]] = []
    for (name, kind), of in results.items():
        row = {"quantity": name, "kind": kind, **counts(of.measured), **with_ends(of.slopes, SLOPES, confidence)}
        rows.append(row | {"variance_inflation": inflation(of.measured)})
    ends = [f"{name}{end}" for name in SLOPES for end in ("", "_low", "_high")]
    return pd.DataFrame(rows, columns=["quantity", "kind", "n_stages", "n_cells", *ends, "variance_inflation"])


def counts(measured: Measured) -> dict[str, int]:
    """Stages and cells that have a value."""
    used = np.isfinite(measured.value[0])
    return {"n_stages": int(measured.n[0, used].sum()), "n_cells": int(used.sum())}


def with_ends(samples: Float[np.ndarray, "sample n"], names: Sequence[str], confidence: float) -> dict[str, float]:
    """Values of all blocks, the first of the samples, with the ends of their intervals, as columns of a table."""
    of = estimate(samples[0], samples[1:], confidence)
    return {
        f"{name}{end}": float(values[number])
        for number, name in enumerate(names)
        for end, values in (("", of.value), ("_low", of.low), ("_high", of.high))
    }
