"""The correlation length of a group of stages: one estimator for every table, figure and claim.

C(r) is averaged over the stages of a group, each of which counts the same in every bin of r where it has pairs. Then
A r^−m exp(−r/ξ) is fitted to that mean by least squares, every bin with the same weight. Errors between stages are no
weights: a group of one stage has none, those of a few stages are noise themselves, and a weighted ξ of a large group
would be another quantity than that of a small one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float, Float64

from microslip.core.errors import MicroslipError
from microslip.statistics.bins import group_sums, membership
from microslip.statistics.config import Correlation
from microslip.statistics.ornstein_zernike import (
    OrnsteinZernike,
    correlation_length_sensitivity,
    fit_ornstein_zernike,
)

# Choices that ξ is tried with, besides the settings' own.
EXPONENTS = (0.0, 0.5, 1.0)
FIT_STARTS = (1.0, 1.5, 2.0)


def curve_sums(curves: Float[np.ndarray, "stage bin"]) -> Float64[np.ndarray, "stage two_bins"]:
    """Sums for the mean curve of a group, additive over stages: which bins are measured, then C(r) in them."""
    measured = np.isfinite(curves)
    return np.concatenate([measured, np.where(measured, curves, 0.0)], axis=1).astype(float)


def mean_curve(sums: Float[np.ndarray, "*group two_bins"]) -> Float64[np.ndarray, "*group bin"]:
    """C(r) of a group from the sums of `curve_sums` over its stages; NaN in a bin that no stage has measured."""
    n_bins = sums.shape[-1] // 2
    n, total = sums[..., :n_bins], sums[..., n_bins:]
    return np.asarray(np.where(n > 0, total / np.where(n > 0, n, 1.0), np.nan))


def fit_length(
    r: Float[np.ndarray, "bin"], curve: Float[np.ndarray, "bin"], settings: Correlation, fit_from: float | None = None
) -> OrnsteinZernike:
    """ξ of a mean C(r), every bin from `fit_from` [d̄] on with the same weight; that of the settings where left out.

    Raises
    ------
    MicroslipError
        As in `fit_ornstein_zernike`.
    """
    start = settings.fit_from if fit_from is None else fit_from
    return fit_ornstein_zernike(r, curve, None, settings.exponent, start)


def length_or_nan(
    r: Float[np.ndarray, "bin"], curve: Float[np.ndarray, "bin"], settings: Correlation, fit_from: float | None = None
) -> float:
    """ξ [d̄] as `fit_length` gives it, NaN where it gives none."""
    try:
        return fit_length(r, curve, settings, fit_from).xi
    except MicroslipError:
        return float("nan")


def array_name(of: str) -> str:
    """The array of correlation.zarr that holds C(r) of `raw`, `profile` or `in_plane`."""
    return "correlation" if of == "raw" else f"correlation_{of}"


def length_name(of: str) -> str:
    """The statistic that is ξ of `raw`, `profile` or `in_plane`."""
    return "xi" if of == "raw" else f"xi_{of}"


def rows_of(table: pd.DataFrame, of: str = "raw") -> pd.DataFrame:
    """The rows of `raw`, `profile` or `in_plane` of a table of `correlation_tables`; older tables hold raw alone."""
    if "of" in table:
        return table[table["of"] == of]
    return table if of == "raw" else table.iloc[:0]


def correlation_tables(
    groups: pd.DataFrame,
    r: Float[np.ndarray, "bin"],
    curves: Mapping[str, Float[np.ndarray, "stage bin"]],
    evolving: pd.DataFrame,
    settings: Correlation,
) -> dict[str, pd.DataFrame]:
    """C(r) and ξ of every group, and how ξ moves with exponent and range.

    Parameters
    ----------
    groups
        From `bin_stages`.
    r, curves
        Bin centres [d̄], and C(r) of every stage, by `raw`, `profile` and `in_plane`.
    evolving
        From `evolution`: the intervals of ξ are those of its `xi`, `xi_profile` and `xi_in_plane`.
    settings
        Of the fit.

    Returns
    -------
    `correlation`: the group, of (raw, profile or in_plane), r, correlation, standard_error over its stages.
    `correlation_length`: the group, of, xi with xi_low and xi_high, the fit's own interval fit_low to fit_high, which
    knows nothing of the sampling of stages, amplitude, exponent, r_min, r_max; or the reason for no ξ.
    `correlation_sensitivity`: the group, of, and the columns of `correlation_length_sensitivity`.
    """
    parts = [_tables_of(of, groups, r, each, evolving, settings) for of, each in curves.items()]
    return {name: pd.concat([part[name] for part in parts], ignore_index=True) for name in parts[0]}


def _tables_of(
    of: str,
    groups: pd.DataFrame,
    r: Float[np.ndarray, "bin"],
    curves: Float[np.ndarray, "stage bin"],
    evolving: pd.DataFrame,
    settings: Correlation,
) -> dict[str, pd.DataFrame]:
    means = mean_curve(group_sums(curve_sums(curves), membership(groups, len(curves))))
    drawn = evolving[evolving["quantity"] == length_name(of)].set_index("group")
    exponents, starts = sorted({*EXPONENTS, settings.exponent}), sorted({*FIT_STARTS, settings.fit_from})
    far = (float(r[-1]), float(r[-1]) / 2)
    tables, lengths, sensitivity = [], [], []
    for group, mean in zip(groups.to_dict("records"), means, strict=True):
        error = _standard_error(curves[group.pop("members")], np.isfinite(mean))
        group["of"] = of
        tables.append(pd.DataFrame({**group, "r": r, "correlation": mean, "standard_error": error}))
        ends = {f"xi_{end}": drawn.at[group["group"], f"value_{end}"] for end in ("low", "high")}
        try:
            lengths.append({**group, **_columns(fit_length(r, mean, settings), ends)})
        except MicroslipError as reason:
            lengths.append({**group, "reason": str(reason)})
        tried = correlation_length_sensitivity(r, mean, None, exponents, starts, far)
        sensitivity.append(pd.DataFrame([group] * len(tried)).assign(**tried))
    return {
        "correlation": pd.concat(tables, ignore_index=True),
        "correlation_length": pd.DataFrame(lengths),
        "correlation_sensitivity": pd.concat(sensitivity, ignore_index=True),
    }


def _standard_error(curves: Float[np.ndarray, "stage bin"], measured: np.ndarray) -> Float64[np.ndarray, "bin"]:
    """Of the mean of the curves; NaN of a single one, and in bins nearer than two grains can be, without any pair."""
    error = np.full(len(measured), np.nan)
    if len(curves) > 1:
        near = curves[:, measured]
        error[measured] = np.nanstd(near, axis=0) / np.sqrt(np.isfinite(near).sum(axis=0))
    return error


def _columns(fit: OrnsteinZernike, ends: dict[str, Any]) -> dict[str, Any]:
    return {
        "xi": fit.xi,
        **ends,
        "fit_low": fit.xi_low,
        "fit_high": fit.xi_high,
        "amplitude": fit.amplitude,
        "exponent": fit.exponent,
        "r_min": fit.r_min,
        "r_max": fit.r_max,
    }
