"""How R² grows with the number of training stages, and where it would end with ever more of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from microslip.statistics.resampling import N_RESAMPLES, SCORE_COVERAGE, interval

# Exponents of the approach: slower ones cannot be told from a logarithm, faster ones from a step.
EXPONENTS = np.geomspace(0.05, 2.0, 60)
# The limit of a curve takes three sizes; and an interval wider than this says that it is not determined.
FEWEST_SIZES, WIDEST = 3, 0.2


def learning_curve(
    n_train: Int[np.ndarray, "training"],
    r2: Float[np.ndarray, "training"],
    seed: Int[np.ndarray, "training"],
    draw_seed: int,
) -> dict[str, Any]:
    """Fit R²(n) = R²∞ − a n^−b to trainings with several numbers of stages and several seeds.

    Least squares under a ≥ 0 and R²∞ ≤ 1, b between 0.05 and 2. The 90 % interval comes of drawing the seeds of each
    number again. All trainings share one test set, whose own error is no part of it.

    Parameters
    ----------
    n_train, r2, seed
        Stages, R² on the test set and seed of every training, shape (training,).
    draw_seed
        Of the bootstrap.

    Returns
    -------
    `n_sizes`, `seeds`, the fewest of any size; `n_most` and `r2_most`, the mean R² of all stages; `r2_limit`, R²∞, with
    `r2_limit_low` and `r2_limit_high`; `exponent`, b; `determined`: whether the interval is narrower than 0.2 and b
    lies within its bounds. NaN with fewer than three sizes, the ends also with fewer than two seeds.

    Source: Hestness et al., arXiv:1712.00409 (2017), for the power law.
    """
    sizes = np.unique(n_train)
    groups = [r2[n_train == size] for size in sizes]
    seeds = min((len(np.unique(seed[n_train == size])) for size in sizes), default=0)
    nothing = float("nan")
    row: dict[str, Any] = {
        "n_sizes": len(sizes),
        "seeds": seeds,
        "n_most": int(sizes[-1]) if len(sizes) else 0,
        "r2_most": float(groups[-1].mean()) if groups else nothing,
        **dict.fromkeys(("r2_limit", "r2_limit_low", "r2_limit_high", "exponent"), nothing),
        "determined": False,
    }
    if len(sizes) < FEWEST_SIZES:
        return row
    weights = np.array([len(group) for group in groups], dtype=float)
    means = np.array([group.mean() for group in groups])
    limit, exponent = _fit(sizes.astype(float), means[None], weights)
    row |= {"r2_limit": float(limit[0]), "exponent": float(exponent[0])}
    if seeds < 2:
        return row
    rng = np.random.default_rng(draw_seed)
    drawn = np.stack([rng.choice(group, (N_RESAMPLES, len(group))).mean(axis=1) for group in groups], axis=1)
    low, high = interval(_fit(sizes.astype(float), drawn, weights)[0], SCORE_COVERAGE)
    return row | {
        "r2_limit_low": float(low),
        "r2_limit_high": float(high),
        # at either end of the exponents it is a step or a logarithm, and no law of a limit
        "determined": bool(high - low < WIDEST and EXPONENTS[0] < exponent[0] < EXPONENTS[-1]),
    }


def _fit(
    sizes: Float[np.ndarray, "size"], means: Float[np.ndarray, "draw size"], weights: Float[np.ndarray, "size"]
) -> tuple[Float[np.ndarray, "draw"], Float[np.ndarray, "draw"]]:
    """R²∞ and b of every draw: for each b the line is solved, and the b with the least squares taken."""
    w = weights / weights.sum()
    best = np.full(len(means), np.inf)
    limits, exponents = np.full(len(means), np.nan), np.full(len(means), np.nan)
    centre = means @ w
    for exponent in EXPONENTS:
        x = (sizes / sizes[-1]) ** -exponent
        way = x - x @ w
        falls = np.maximum(-((means - centre[:, None]) @ (w * way)) / (w @ way**2), 0.0)
        limit = centre + falls * (x @ w)
        beyond = limit > 1
        # through R²∞ = 1 where the line would pass it
        held = np.maximum((1 - means) @ (w * x) / (w @ x**2), 0.0)
        limit, falls = np.where(beyond, 1.0, limit), np.where(beyond, held, falls)
        squares = ((means - limit[:, None] + falls[:, None] * x) ** 2) @ w
        better = squares < best
        best[better], limits[better], exponents[better] = squares[better], limit[better], exponent
    return limits, exponents


def learning_curves(ablations: pd.DataFrame, draw_seed: int) -> pd.DataFrame:
    """The learning curve under each split rule, of the lines of an ablation with the whole input.

    `ablations`: columns family, value, rule, seed, n_train, r2. Returns `rule` and the numbers of `learning_curve`.
    """
    whole = (ablations["family"] == "input") & (ablations["value"] == "full")
    lines = ablations[whole | (ablations["family"] == "training share")]
    return pd.DataFrame(
        [{"rule": rule} | _curve_of(part, draw_seed) for rule, part in lines.groupby("rule", sort=False)],
        columns=["rule", *_curve_of(lines.iloc[:0], draw_seed)],
    )


def _curve_of(lines: pd.DataFrame, draw_seed: int) -> dict[str, Any]:
    n_train, r2, seed = lines["n_train"].to_numpy(), lines["r2"].to_numpy(dtype=float), lines["seed"].to_numpy()
    return learning_curve(n_train.astype(np.int64), r2, seed.astype(np.int64), draw_seed)


def describe(curves: pd.DataFrame) -> list[str]:
    """A sentence on each curve whose limit has a value."""
    lines = []
    for row in curves.to_dict("records"):
        if not np.isfinite(row["r2_limit"]):
            continue
        ends = f" [{row['r2_limit_low']:.3f}, {row['r2_limit_high']:.3f}]" if np.isfinite(row["r2_limit_low"]) else ""
        text = f"{row['rule']} split, R² {row['r2_most']:.3f} of {row['n_most']} training stages"
        limit = f"ever more of them: {row['r2_limit']:.3f}{ends}, as n^−{row['exponent']:.2g}"
        lines.append(f"{text}; {limit}{'' if row['determined'] else ', which is not determined'}")
    return lines
