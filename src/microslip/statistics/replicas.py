"""What replicas of stages say of the best that any prediction can be: their spread, from one start and at one field."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float, Float64, Int64

from microslip.statistics.resampling import FEWEST_BLOCKS, N_RESAMPLES, SCORE_COVERAGE, draws, interval

# Groups of stages by size.
THIRDS = ("small", "middle", "large")


def twins(
    fluctuation: Float[np.ndarray, "replica"],
    d2min: Float[np.ndarray, "replica grain"],
    perturbation: Float[np.ndarray, "replica"],
) -> pd.DataFrame:
    """Every pair of a stage's replicas: how much their fluctuations and their fields differ.

    Parameters
    ----------
    fluctuation
        s(start) − s(end) of each [p].
    d2min
        D²min of every grain [d̄²]; grains that have none in a replica are left out of its pairs.
    perturbation
        Of each start, 0 of the stage itself [d̄].

    Returns
    -------
    Columns first, second, numbers of the replicas; perturbation, the larger one of theirs, NaN of two that differ in
    it and are both perturbed; half_square, ½ (Δs₁ − Δs₂)² [p²], whose mean over pairs is their variance;
    field_difference, the mean over grains of (log₁₀ D²min,₁/D²min,₂)².
    """
    rows = []
    with np.errstate(divide="ignore"):
        logs = np.log10(d2min)
    for first, second in combinations(range(len(fluctuation)), 2):
        of_field = _difference(logs[first], logs[second])
        sizes = perturbation[first], perturbation[second]
        size = max(sizes) if min(sizes) == 0 or sizes[0] == sizes[1] else np.nan
        rows.append((first, second, size, (fluctuation[first] - fluctuation[second]) ** 2 / 2, of_field))
    return pd.DataFrame(rows, columns=["first", "second", "perturbation", "half_square", "field_difference"])


def _difference(first: Float[np.ndarray, "grain"], second: Float[np.ndarray, "grain"]) -> float:
    """Mean square difference over the grains that both have; NaN without any."""
    there = np.isfinite(first) & np.isfinite(second)
    return float(np.mean((first[there] - second[there]) ** 2)) if there.any() else float("nan")


def between_stages(fields: Sequence[Float[np.ndarray, "grain"]]) -> float:
    """The mean field difference of two different stages, D²min of each stage's grains [d̄²]: beside that of twins."""
    with np.errstate(divide="ignore"):
        logs = [np.log10(field) for field in fields]
    pairs = [_difference(first, second) for first, second in combinations(logs, 2)]
    return float(np.nanmean(pairs)) if np.isfinite(pairs).any() else float("nan")


def third_of(size: Float[np.ndarray, "some"], of: Float[np.ndarray, "stage"]) -> Int64[np.ndarray, "some"]:
    """In which third of the sizes `of` a run's stages some sizes lie: 0, 1 or 2."""
    return np.searchsorted(np.quantile(of, [1 / 3, 2 / 3]), size)


def ceilings(
    pairs: pd.DataFrame,
    stages: pd.DataFrame,
    fluctuations: Float[np.ndarray, "stage"],
    seed: int,
) -> pd.DataFrame:
    """Upper bounds of R² by the spread of replicas, of all stages and of thirds by size.

    .. math:: R^2 \\le 1 - \\frac{\\langle \\sigma_i^2 \\rangle}{\\mathrm{Var}(\\Delta s)}, \\qquad
        \\sigma_i^2 = \\langle \\tfrac12 (\\Delta s_a - \\Delta s_b)^2 \\rangle_{ab}

    `same_start`: over all pairs of one perturbation; what no prediction from the state at the start can go beyond.
    `nearest_twin`: over the one pair of each stage whose fields are most alike. `same_field`: extrapolated to equal
    fields. Over the pairs of a stage the half squares grow with the field differences δ as γ/⟨γ⟩ = 1 + b (δ/⟨δ⟩ − 1),
    with one b for all stages, so that the share 1 − b of the variance is left at δ = 0: the Gamma test.

    Parameters
    ----------
    pairs
        Of `twins`, with a column stage.
    stages
        Columns stage, fluctuation [p] and weight, the number of stages that each stands for.
    fluctuations
        Of all stages of the run [p]: their variance is what is predicted.
    seed
        Of the bootstrap over stages.

    Returns
    -------
    Columns bound, perturbation [d̄] (NaN where all are taken), group (`all`, `small`, `middle`, `large`), noise, the
    root of ⟨σ²⟩ [p], share, 1 − b, r2 with its 90 % interval r2_low to r2_high, n_stages, n_pairs. Of a group the mean
    square of its fluctuations takes the place of the variance: within a size sticks and slips lie far apart.

    Source: Stefánsson, Končar & Jones, Neural Comput. Appl. 5 (1997) 131; Widmer-Cooper, Harrowell & Fynewever, Phys.
    Rev. Lett. 93 (2004) 135701, for ensembles from one configuration.
    """
    size = np.abs(fluctuations)
    of_all, of_chosen = third_of(size, size), third_of(stages["fluctuation"].abs().to_numpy(), size)
    groups: dict[str, tuple[np.ndarray, float]] = {
        "all": (np.ones(len(stages), dtype=bool), float(np.var(fluctuations)))
    }
    for number, name in enumerate(THIRDS):
        chosen = of_chosen == number
        if chosen.any():
            groups[name] = chosen, float(np.mean(fluctuations[of_all == number] ** 2))
    single = pairs[pairs["perturbation"].notna()]
    bounds = [("same_start", value, part) for value, part in single.groupby("perturbation")]
    # what is said of equal fields takes every pair: the fields of twins should differ by little and by much
    bounds += [(name, np.nan, pairs) for name in ("nearest_twin", "same_field")]
    rows: list[dict[str, Any]] = []
    for name, perturbation, part in bounds:
        sums = _sums(part, stages, nearest=name == "nearest_twin")
        for group, (chosen, spread) in groups.items():
            found = _bound(sums, chosen, spread, seed, extrapolated=name == "same_field")
            kept = part["stage"].isin(stages["stage"][chosen])
            n = {"n_stages": int(chosen.sum()), "n_pairs": int(kept.sum())}
            rows.append({"bound": name, "perturbation": perturbation, "group": group} | found | n)
    return pd.DataFrame(rows)


def _sums(pairs: pd.DataFrame, stages: pd.DataFrame, *, nearest: bool) -> Float64[np.ndarray, "stage 4"]:
    """Of each stage: weight, weighted variance, and Σ(x − 1)(y − 1) and Σ(x − 1)² of its pairs over their means."""
    sums = np.zeros((len(stages), 4))
    by_stage = dict(iter(pairs.groupby("stage")))
    for row, (stage, weight) in enumerate(zip(stages["stage"], stages["weight"], strict=True)):
        part = by_stage[stage]
        gamma, delta = part["half_square"].to_numpy(), part["field_difference"].to_numpy()
        mean = gamma[np.nanargmin(delta)] if nearest and np.isfinite(delta).any() else gamma.mean()
        sums[row, :2] = weight, weight * mean
        usable = np.isfinite(delta).all() and delta.mean() > 0 and gamma.mean() > 0
        if usable and np.ptp(delta) > 1e-9 * delta.mean():
            x, y = delta / delta.mean() - 1, gamma / gamma.mean() - 1
            sums[row, 2:] = x @ y, x @ x
    return sums


def _bound(
    sums: Float64[np.ndarray, "stage 4"], chosen: np.ndarray, spread: float, seed: int, *, extrapolated: bool
) -> dict[str, float]:
    def of(weight: np.ndarray, inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean variance of the chosen stages, and share of it at equal fields, of all stages, by draws."""
        weights, variance = np.moveaxis((weight[:, inside] @ sums[inside])[:, :2], -1, 0)
        products, squares = np.moveaxis((weight @ sums)[:, 2:], -1, 0)
        # fields that are all as far apart tell nothing of nearer ones
        slope = np.divide(products, squares, out=np.zeros_like(squares), where=squares > 0)
        share = np.clip(1 - slope, 0, 1) if extrapolated else np.ones(len(weight))
        with np.errstate(invalid="ignore"):
            return variance / weights, share

    variance, share = of(np.ones((1, len(sums))), chosen)
    noise = float((variance * share)[0])
    r2, low, high = 1 - noise / spread if spread > 0 else np.nan, np.nan, np.nan
    if chosen.sum() >= FEWEST_BLOCKS and spread > 0:
        drawn, shares = of(draws(len(sums), N_RESAMPLES, seed), chosen)
        low, high = map(float, interval(1 - drawn * shares / spread, SCORE_COVERAGE))
    root = float(np.sqrt(noise)) if noise >= 0 else float("nan")
    return {"noise": root, "share": float(share[0]), "r2": r2, "r2_low": low, "r2_high": high}
