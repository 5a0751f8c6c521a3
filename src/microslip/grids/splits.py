"""Which stages train, validate and test."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int64

from microslip.core.errors import MicroslipError
from microslip.grids.config import Split

# Below this the test scores say nothing.
FEWEST_TO_SPLIT = 20

TRAIN, VALIDATION, TEST = "train", "validation", "test"

SplitSets = dict[str, Int64[np.ndarray, "_"]]


RULES = ("random", "blocked")


def split_stages(rule: str, n_stages: int, split: Split, seed: int) -> SplitSets:
    """The sets of one of the `RULES`; the seed is of the random one."""
    return random_split(n_stages, split, seed) if rule == "random" else blocked_split(n_stages, split)


def random_split(n_stages: int, split: Split, seed: int) -> SplitSets:
    """The paper's split: stages drawn at random.

    Adjacent stages share a frame and much of their pattern, so this split leaks: show the blocked one beside it.
    """
    _check(n_stages, split)
    order = np.random.default_rng(seed).permutation(n_stages)
    n_train, n_validation = round(split.train * n_stages), round(split.validation * n_stages)
    parts = np.split(order, [n_train, n_train + n_validation])
    return {name: np.sort(part) for name, part in zip((TRAIN, VALIDATION, TEST), parts, strict=True)}


def blocked_split(n_stages: int, split: Split) -> SplitSets:
    """Three blocks of strain in order, train, validation, test, with `guard` stages left out at each border."""
    _check(n_stages, split)
    n_train, n_validation = round(split.train * n_stages), round(split.validation * n_stages)
    stages = np.arange(n_stages)
    blocks = np.split(stages, [n_train, n_train + n_validation])
    sets = {TRAIN: blocks[0], VALIDATION: blocks[1][split.guard :], TEST: blocks[2][split.guard :]}
    if min(map(len, sets.values())) == 0:
        raise MicroslipError(
            f"split.guard = {split.guard} leaves no stage of a block of {min(map(len, blocks))}:"
            " lower it, or shear longer"
        )
    return sets


def stretches_split(n_stages: Sequence[int], split: Split) -> SplitSets:
    """Training and validation sets of several runs, one run after another: the end of each validates its beginning."""
    parts: dict[str, list[np.ndarray]] = {TRAIN: [], VALIDATION: []}
    first = 0
    for n in n_stages:
        border = first + round((1 - split.validation) * n)
        parts[TRAIN].append(np.arange(first, max(first + 1, border - split.guard)))
        parts[VALIDATION].append(np.arange(border, first + n))
        first += n
    return {name: np.concatenate(stages) for name, stages in parts.items()}


def _check(n_stages: int, split: Split) -> None:
    if n_stages < FEWEST_TO_SPLIT:
        raise MicroslipError(
            f"{n_stages} stages are too few to train, validate and test, {FEWEST_TO_SPLIT} are the least:"
            " raise loading.strain or lower stages.threshold"
        )
    shares = {"split.train": split.train, "split.validation": split.validation}
    sizes = {key: round(share * n_stages) for key, share in shares.items()}
    if empty := [key for key, size in sizes.items() if not size]:
        raise MicroslipError(f"{empty[0]} = {shares[empty[0]]:g} of {n_stages} stages is none: raise it")
    if sum(sizes.values()) >= n_stages:
        raise MicroslipError(
            f"split.train + split.validation = {sum(shares.values()):g} of {n_stages} stages leaves no test set:"
            " lower one"
        )
