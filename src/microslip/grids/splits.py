"""Which stages train, validate and test."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from jaxtyping import Float, Int64

from microslip.core.errors import MicroslipError
from microslip.grids.config import Split

# Below this the test scores say nothing.
FEWEST_TO_SPLIT = 20

# Of a set of a fold, so that there is a spread and more than one cycle.
FEWEST_OF_A_FOLD = 5

STAGES_OF_TWO_CYCLES = 4

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


def rolling_folds(
    start_strain: Float[np.ndarray, "stage"],
    end_strain: Float[np.ndarray, "stage"],
    n_folds: int,
    validation: float,
    embargo: float,
) -> list[SplitSets]:
    """Folds that only look forward: each trains on the strain up to some point, and tests on the part that follows.

    The strain is cut into `n_folds` + 2 equal parts. Fold k trains on the first k + 1 of them, whose last piece
    validates, and tests on the next one. Between the sets stages are left out until the strain has gone on by the
    embargo and two cycles have passed, so that no memory of the stress reaches from one set into the next.

    Parameters
    ----------
    start_strain, end_strain
        γ at both ends of each stage, in order, shape (stage,).
    n_folds
        Number of folds.
    validation
        Share of the strain before the test part that validates.
    embargo
        Strain between the end of one set and the beginning of the next.

    Raises
    ------
    MicroslipError
        A set would hold no stage.

    Source: Tashman, Int. J. Forecasting 16 (2000) 437, for the rolling origin.
    """
    stages = np.arange(len(start_strain))
    edges = np.linspace(start_strain[0], end_strain[-1], n_folds + 3)
    folds = []
    for before, after in pairwise(edges[2:]):
        border = before - validation * (before - edges[0])
        train = stages[end_strain <= border]
        held = _later(train, stages[end_strain <= before], start_strain, end_strain, embargo)
        upto = stages[start_strain < after] if after < edges[-1] else stages
        seen = stages[end_strain <= before]
        test = _later(seen, upto, start_strain, end_strain, embargo)
        folds.append({TRAIN: train, VALIDATION: held, TEST: test})
        sizes = {name: len(chosen) for name, chosen in folds[-1].items()}
        if min(sizes.values()) < FEWEST_OF_A_FOLD:
            few = min(sizes, key=lambda name: sizes[name])
            raise MicroslipError(
                f"fold {len(folds)} of {n_folds} has {sizes[few]} stages in its {few} set, {FEWEST_OF_A_FOLD} are the"
                " least: lower assessment.folds or assessment.embargo, or shear longer"
            )
    return folds


def _later(
    earlier: Int64[np.ndarray, "_"],
    candidates: Int64[np.ndarray, "_"],
    start_strain: Float[np.ndarray, "stage"],
    end_strain: Float[np.ndarray, "stage"],
    embargo: float,
) -> Int64[np.ndarray, "_"]:
    """Those of the candidates that begin after the embargo and two cycles from the end of the earlier stages."""
    if not len(earlier):
        return candidates[:0]
    # from one strain to a sum of strains: rounding must not part with a stage at the very end of the embargo
    free = start_strain[candidates] >= end_strain[earlier].max() + embargo - 1e-12
    return np.asarray(candidates[free & (candidates > earlier.max() + STAGES_OF_TWO_CYCLES)])


def first_stages(n_stages: int, share: float, split: Split) -> SplitSets:
    """The first stages of a run, whose last ones validate, to train on, and after a guard all others to test.

    Raises
    ------
    MicroslipError
        The share of the stages is too few, or leaves none to test.
    """
    n = round(share * n_stages)
    if n < FEWEST_TO_SPLIT or n + split.guard >= n_stages:
        raise MicroslipError(
            f"{share:g} of {n_stages} stages is {n}: tuning takes {FEWEST_TO_SPLIT} or more, and leaves some to test"
        )
    border = round(n * split.train / (split.train + split.validation))
    stages = np.arange(n_stages)
    return {TRAIN: stages[:border], VALIDATION: stages[border:n], TEST: stages[n + split.guard :]}


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
