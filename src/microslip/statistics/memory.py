"""Over how much strain a series remembers itself, and how long blocks must be to forget each other."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy.fft import irfft, next_fast_len, rfft

from microslip.statistics.bins import log_sizes

# Shorter series tell no correlation from noise.
FEWEST_VALUES = 30

# Neighbouring blocks of one memory share half of what they hold; of two they share little.
MEMORIES_IN_A_BLOCK = 2


def memory(values: Float[np.ndarray, "sample"]) -> float:
    """Steps after which a series no longer resembles itself, beyond what chance makes of its length.

    The first lag at which the autocorrelation ρ falls below two of its standard errors after Bartlett:

    .. math:: \\rho_k < 2 \\sqrt{\\frac{1}{n} \\Bigl(1 + 2 \\sum_{j<k} \\rho_j^2\\Bigr)}

    Parameters
    ----------
    values
        Equally spaced, shape (sample,).

    Returns
    -------
    float
        In steps, 1 at least; NaN with fewer than 30 values, or where they are all alike.

    Source: Bartlett, J. R. Stat. Soc. Suppl. 8 (1946) 27.
    """
    n = len(values)
    if n < FEWEST_VALUES:
        return float("nan")
    about = values - values.mean()
    variance = float(about @ about)
    if variance <= n * (1e-12 * np.abs(values).max()) ** 2:
        return float("nan")
    length = next_fast_len(2 * n)
    correlation = irfft(np.abs(rfft(about, length)) ** 2, length)[1:n] / variance
    error = np.sqrt((1 + 2 * (np.cumsum(correlation**2) - correlation**2)) / n)
    forgotten = np.flatnonzero(correlation < 2 * error)
    return float(forgotten[0] + 1 if len(forgotten) else n)


def memories(
    stages: pd.DataFrame,
    of_stage: Mapping[str, Float[np.ndarray, "stage"]],
    strain: Float[np.ndarray, "sample"],
    stress: Float[np.ndarray, "sample"],
) -> pd.DataFrame:
    """The strain over which the stress, and each statistic from stage to stage of a kind, remember themselves.

    Parameters
    ----------
    stages
        Table of stages.
    of_stage
        Statistics of each stage alone, by name. What log |Δs| and log Δγ of the stage tell of them is taken out first.
    strain, stress
        The series of the steady state, shape (sample,); empty where no stress is known.

    Returns
    -------
    DataFrame
        series (`stress` or a statistic), kind, n (values), memory [strain], NaN of too few values.
    """
    rows: list[dict[str, object]] = []
    if len(strain) > 1:
        known = stress[np.isfinite(stress)]
        steps = memory(known) if len(known) else float("nan")
        step = float(strain[-1] - strain[0]) / (len(strain) - 1)
        rows.append({"series": "stress", "kind": "", "n": len(known), "memory": steps * step})
    middle = ((stages["start_strain"] + stages["end_strain"]) / 2).to_numpy()
    sizes = log_sizes(stages)
    for kind in dict.fromkeys(stages["kind"]):
        # windows of a run without a stress have no size
        told = sizes[:, 1:] if kind == "window" else sizes
        here = (stages["kind"] == kind).to_numpy() & np.isfinite(told).all(axis=1)
        for name, values in of_stage.items():
            known = here & np.isfinite(values)
            n = int(known.sum())
            steps, spacing = float("nan"), float("nan")
            if n >= FEWEST_VALUES:
                design = np.column_stack([np.ones(n), told[known]])
                left = values[known] - design @ np.linalg.lstsq(design, values[known], rcond=None)[0]
                steps, spacing = memory(left), float(np.ptp(middle[known])) / (n - 1)
            rows.append({"series": name, "kind": kind, "n": n, "memory": steps * spacing})
    return pd.DataFrame(rows, columns=["series", "kind", "n", "memory"])


def block_length(memories: pd.DataFrame) -> float:
    """The strain of a block: two of the longest memory; NaN where none could be measured."""
    return MEMORIES_IN_A_BLOCK * float(memories["memory"].max()) if len(memories) else float("nan")
