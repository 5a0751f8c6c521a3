"""Slips as avalanches: their sizes, durations and energies, how these go together, and how a slip runs.

What mean field says of them stands beside: P(S) ~ S^−3/2, P(T) ~ T^−2, P(E) ~ E^−4/3, each up to a cutoff, S ~ T²,
and a mean shape in time that is a parabola (Sethna, Dahmen & Myers, Nature 410 (2001) 242; Dahmen, Ben-Zion & Uhl,
Phys. Rev. Lett. 102 (2009) 175501 and Nature Phys. 7 (2011) 554).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float, Float64, Int
from scipy.optimize import Bounds, minimize, minimize_scalar
from scipy.special import chdtrc, digamma, polygamma

from microslip.events.stages import detect_stages
from microslip.statistics.conditioning import with_ends
from microslip.statistics.continuous_power_law import log_cut_total
from microslip.statistics.resampling import FEWEST_BLOCKS, block_sums, leave_out, resample

# Exponents of mean field by what they are of.
MEAN_FIELD = {"size": 1.5, "duration": 2.0, "energy": 4 / 3}

# Slips whose course has fewer samples tell no shape, and durations below as many are a matter of the sampling.
FEWEST_SAMPLES = 8

# Fewer slips give no law.
FEWEST_SLIPS = 50

# Parts of a slip's duration, and groups of slips by duration, whose mean shapes are compared.
PARTS, GROUPS = 20, 3

# Rates of the cutoff that are searched, in units of 1/x_min.
SLOWEST, FASTEST = 1e-7, 30.0


@dataclass(frozen=True)
class CutLaw:
    """The density ∝ x^−τ exp(−x/cutoff) from x_min up: τ, the cutoff in units of x_min, and the log-likelihood."""

    exponent: float
    cutoff: float
    log_likelihood: float


def law_sums(values: Float[np.ndarray, "slip"], smallest: float) -> Float64[np.ndarray, "slip 3"]:
    """n, Σ ln t and Σ (t − 1) of t = x/x_min ≥ 1: all that the law's likelihood needs, additive over slips."""
    if not smallest > 0:
        # of slips whose energies are not known, or none, no law begins anywhere
        return np.zeros((len(values), 3))
    t = np.where(values >= smallest, values / smallest, np.nan)
    return np.asarray(np.nan_to_num(np.stack([np.isfinite(t), np.log(t), t - 1], axis=1).astype(float)))


def fit_cut_law(sums: Float[np.ndarray, "3"], exponent: float | None = None) -> CutLaw:
    """The most likely law of these sums of `law_sums`; with `exponent` given, the cutoff alone is fitted.

    .. math:: \\ln L = -\\tau \\sum \\ln t - \\lambda \\sum (t - 1) - n \\ln \\int_1^\\infty t^{-\\tau}
        e^{-\\lambda (t - 1)} dt

    NaN of fewer than 50 slips. A cutoff as far away as 1e7 x_min is none.

    Source: Clauset, Shalizi & Newman, SIAM Rev. 51 (2009) 661, table 2.
    """
    n, logs, beyond = (float(each) for each in sums)
    if n < FEWEST_SLIPS:
        return CutLaw(np.nan, np.nan, np.nan)

    def loss(tau: float, log_rate: float) -> float:
        rate = float(np.exp(np.clip(log_rate, np.log(SLOWEST), np.log(FASTEST))))
        return (tau * logs + rate * beyond) / n + log_cut_total(tau, rate)

    ends = (float(np.log(SLOWEST)), float(np.log(FASTEST)))
    if exponent is not None:
        best = minimize_scalar(lambda log_rate: loss(exponent, log_rate), bounds=ends, method="bounded")
        return CutLaw(exponent, float(np.exp(-best.x)), -n * float(best.fun))
    first = np.array([1.2, np.log(np.clip(n / max(beyond, 1e-300), SLOWEST, FASTEST))])
    best = minimize(  # type: ignore[call-overload]
        lambda at: loss(float(at[0]), float(at[1])),
        first,
        method="Nelder-Mead",
        bounds=Bounds([-5.0, ends[0]], [10.0, ends[1]]),
        options={"xatol": 1e-5, "fatol": 1e-10},
    )
    return CutLaw(float(best.x[0]), float(np.exp(-best.x[1])), -n * float(best.fun))


def slips_of(
    strain: Float[np.ndarray, "sample"],
    stress: Float[np.ndarray, "sample"],
    time: Float[np.ndarray, "sample"],
    threshold: float,
) -> pd.DataFrame:
    """Every slip of a series, as an avalanche.

    Parameters
    ----------
    strain, stress, time
        γ, s [p] and time of every sample of the steady state, shape (sample,).
    threshold
        Smallest swing of s [p].

    Returns
    -------
    DataFrame
        start_sample, end_sample, middle (γ), size (fall of s, [p]), duration (in the unit of time), energy [p]: the
        elastic energy that the slip gives off per volume, (s₁² − s₂²)/2G, with G the median slope of the sticks;
        waiting, the strain since the end of the slip before it, NaN of the first.
    """
    stages = detect_stages(strain, stress, threshold)
    stick, slip = (stages[stages["kind"] == kind] for kind in ("stick", "slip"))
    modulus = float((-stick["fluctuation"] / stick["strain_increment"]).median()) if len(stick) else np.nan
    start, end = (slip[f"{name}_sample"].to_numpy() for name in ("start", "end"))
    waiting = strain[start] - np.append(np.nan, strain[end])[:-1]
    return pd.DataFrame(
        {
            "start_sample": start,
            "end_sample": end,
            "middle": (strain[start] + strain[end]) / 2,
            "size": slip["fluctuation"].to_numpy(),
            "duration": time[end] - time[start],
            "energy": (stress[start] ** 2 - stress[end] ** 2) / (2 * modulus),
            "waiting": waiting,
        }
    )


def laws(
    slips: pd.DataFrame, block: Int[np.ndarray, "slip"], smallest: dict[str, float], confidence: float = 0.95
) -> pd.DataFrame:
    """The laws of sizes, durations and energies, with what mean field says.

    Parameters
    ----------
    slips
        From `slips_of`.
    block
        Block of strain of each slip, shape (slip,); each is left out once for the intervals.
    smallest
        x_min by quantity.
    confidence
        Of the intervals.

    Returns
    -------
    DataFrame
        quantity, x_min, n (slips from there up), decades (from x_min to the largest), exponent τ and cutoff of
        x^−τ exp(−x/cutoff) with _low and _high; mean_field, its τ; loss, the log-likelihood that it costs, and
        mean_field_p, by the χ² of one degree, of slips that were independent.
    """
    rows = []
    for quantity, x_min in smallest.items():
        values = slips[quantity].to_numpy(float)
        every = _with_and_without(law_sums(values, x_min), block)
        fits = [fit_cut_law(sums) for sums in every]
        fixed = fit_cut_law(every[0], MEAN_FIELD[quantity])
        loss = fits[0].log_likelihood - fixed.log_likelihood
        row: dict[str, object] = {"quantity": quantity, "x_min": x_min, "n": int(every[0, 0])}
        largest = float(np.nanmax(values, initial=x_min))
        row["decades"] = float(np.log10(largest / x_min)) if x_min > 0 else np.nan
        row |= with_ends(np.array([[fit.exponent] for fit in fits]), ["exponent"], confidence)
        # a cutoff is a scale: its logarithm has the even errors
        of_cutoff = with_ends(np.log([[fit.cutoff * x_min] for fit in fits]), ["cutoff"], confidence)
        row |= {name: float(np.exp(value)) for name, value in of_cutoff.items()}
        row |= {"mean_field": MEAN_FIELD[quantity], "loss": loss, "mean_field_p": float(chdtrc(1, max(2 * loss, 0.0)))}
        rows.append(row)
    return pd.DataFrame(rows)


def _with_and_without(columns: Float[np.ndarray, "slip k"], block: Int[np.ndarray, "slip"]) -> np.ndarray:
    """Sums over all slips, then without each block; the first alone where there are too few blocks."""
    whole = columns.sum(axis=0)[None]
    n_blocks = int(block.max()) + 1 if len(block) else 0
    if n_blocks < FEWEST_BLOCKS:
        return np.asarray(whole)
    sums = block_sums(columns, block, np.ones((len(block), 1)))
    return np.asarray(np.concatenate([whole, resample(sums, leave_out(n_blocks))[:, 0]]))


def numbers(slips: pd.DataFrame, block: Int[np.ndarray, "slip"], confidence: float = 0.95) -> pd.DataFrame:
    """How sizes go with durations, and whether slips come at random.

    Parameters
    ----------
    slips, block, confidence
        As of `laws`.

    Returns
    -------
    DataFrame
        quantity, value, value_low, value_high, expected, meaning; of `size_by_duration`, `waiting_shape` and
        `after_large`, the functions of these names.
    """
    rows = []
    for values_of, expected, meaning in (
        (size_by_duration, 2.0, "exponent of S ~ T^x; mean field"),
        (waiting_shape, 1.0, "k of the gamma density of waiting strains; slips at random"),
        (after_large, 1.0, "mean waiting strain after the largest tenth over that after all; slips at random"),
    ):
        ends = with_ends(values_of(slips, block)[:, None], ["value"], confidence)
        rows.append({"quantity": values_of.__name__, **ends, "expected": expected, "meaning": meaning})
    return pd.DataFrame(rows)


def size_by_duration(slips: pd.DataFrame, block: Int[np.ndarray, "slip"]) -> Float64[np.ndarray, "sample"]:
    """Slope of log S against log T over slips of at least 8 samples, of all blocks and without each.

    NaN of fewer than 50 slips.
    """
    resolved = (slips["end_sample"] - slips["start_sample"]).to_numpy() >= FEWEST_SAMPLES
    x, y = (np.where(resolved, np.log(slips[name].to_numpy(float)), 0.0) for name in ("duration", "size"))
    n, sx, sy, sxx, sxy = _with_and_without(np.stack([resolved, x, y, x * x, x * y], axis=1).astype(float), block).T
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(n >= FEWEST_SLIPS, (n * sxy - sx * sy) / (n * sxx - sx * sx), np.nan)


def waiting_shape(slips: pd.DataFrame, block: Int[np.ndarray, "slip"]) -> Float64[np.ndarray, "sample"]:
    """k of the gamma density of the strains between slips, of all blocks and without each; NaN of fewer than 50.

    1 of slips at random, below 1 of bursts, above 1 of slips that come evenly.
    """
    known = slips["waiting"].to_numpy(float) > 0
    waiting = np.where(known, slips["waiting"].to_numpy(float), 1.0)
    n, total, logs = _with_and_without(np.stack([known, known * waiting, np.log(waiting)], axis=1), block).T
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(n >= FEWEST_SLIPS, gamma_shape(np.log(total / n) - logs / n), np.nan)


def after_large(slips: pd.DataFrame, block: Int[np.ndarray, "slip"]) -> Float64[np.ndarray, "sample"]:
    """Mean strain to the next slip after the largest tenth over that after all, of all blocks and without each."""
    after = np.append(slips["waiting"].to_numpy(float)[1:], np.nan)[: len(slips)]
    size = slips["size"].to_numpy(float)
    known = np.isfinite(after)
    large = known & (size >= np.quantile(size, 0.9) if len(size) else known)
    after = np.where(known, after, 0.0)
    n, total, n_large, total_large = _with_and_without(np.stack([known, after, large, large * after], axis=1), block).T
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(n_large > 1, (total_large / n_large) / (total / n), np.nan)


def gamma_shape(excess: Float[np.ndarray, "*n"] | float) -> Float64[np.ndarray, "*n"]:
    """k of the most likely gamma density, from ln ⟨x⟩ − ⟨ln x⟩ = ln k − ψ(k), by Newton's steps from a close start.

    Source: Minka, Estimating a gamma distribution (2002).
    """
    # of waiting that hardly scatters k is 1/2 over the excess; of none, or of what is not known, there is none
    even = ~(np.asarray(excess) > 1e-4)
    scatter = np.where(even, 1.0, excess)
    k = (3 - scatter + np.sqrt((scatter - 3) ** 2 + 24 * scatter)) / (12 * scatter)
    for _ in range(4):
        k = 1 / (1 / k + (-scatter + np.log(k) - digamma(k)) / (k * k * (1 / k - polygamma(1, k))))
    of_even = np.where(even & (np.asarray(excess) > 1e-9), excess, np.nan)
    return np.where(even, 1 / (2 * of_even), k)


def mean_shapes(
    time: Float[np.ndarray, "sample"],
    stress: Float[np.ndarray, "sample"],
    slips: pd.DataFrame,
    block: Int[np.ndarray, "slip"],
    confidence: float = 0.95,
) -> pd.DataFrame:
    """The mean rate of a slip's fall over its course, scaled to the duration and the size 1, by duration.

    .. math:: f(u) = -\\frac{T}{S} \\Bigl\\langle \\frac{ds}{dt} \\Bigr\\rangle_{t = t_1 + u T}

    Parameters
    ----------
    time, stress
        Of every sample, shape (sample,).
    slips, block
        From `slips_of`, and the block of each.
    confidence
        Of the intervals.

    Returns
    -------
    DataFrame
        group (1 the shortest third), duration (its median), n; u, the middle of a part; rate with its interval;
        parabola, 6 u (1 − u), mean field's; asymmetry, ∫ u f du − ½ of the group, with its interval: below 0 where
        slips begin faster than they end. Slips of fewer than 8 samples are left out; empty where fewer than 50 remain.

    Source: Papanikolaou et al., Nature Phys. 7 (2011) 316.
    """
    start, end = slips["start_sample"].to_numpy(), slips["end_sample"].to_numpy()
    resolved = np.flatnonzero(end - start >= FEWEST_SAMPLES)
    columns = ["group", "duration", "n", "u", "rate", "rate_low", "rate_high", "parabola"]
    columns += ["asymmetry", "asymmetry_low", "asymmetry_high"]
    if len(resolved) < FEWEST_SLIPS:
        return pd.DataFrame(columns=columns)
    edges = np.linspace(0, 1, PARTS + 1)
    middle = (edges[:-1] + edges[1:]) / 2
    rates = np.empty((len(resolved), PARTS))
    for row, (first, last) in enumerate(zip(start[resolved], end[resolved], strict=True)):
        u = (time[first : last + 1] - time[first]) / (time[last] - time[first])
        fallen = (stress[first] - stress[first : last + 1]) / (stress[first] - stress[last])
        rates[row] = np.diff(np.interp(edges, u, fallen)) * PARTS
    duration = slips["duration"].to_numpy()[resolved]
    rows = []
    for number, chosen in enumerate(np.array_split(np.argsort(duration, kind="stable"), GROUPS)):
        sums = _with_and_without(np.column_stack([np.ones(len(chosen)), rates[chosen]]), block[resolved[chosen]])
        with np.errstate(divide="ignore", invalid="ignore"):
            means = np.where(sums[:, :1] > 0, sums[:, 1:] / sums[:, :1], np.nan)
        about: dict[str, object] = {
            "group": number + 1,
            "duration": float(np.median(duration[chosen])),
            "n": len(chosen),
        }
        asymmetry = with_ends((means @ middle / PARTS - 0.5)[:, None], ["asymmetry"], confidence)
        for part, u in enumerate(middle):
            rate = with_ends(means[:, part : part + 1], ["rate"], confidence)
            rows.append({**about, "u": u, **rate, "parabola": 6 * u * (1 - u), **asymmetry})
    return pd.DataFrame(rows, columns=columns)
