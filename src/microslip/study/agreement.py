"""Every number of every system against a stated reference system: does it agree within the errors of both?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

# A difference of more than this many combined standard errors is no agreement: of two equal systems one row in twenty.
MOST_ERRORS = 2.0

_COLUMNS = ["quantity", "system", "value", "error"]


def measured(summary: pd.DataFrame, quantities: Sequence[str]) -> pd.DataFrame:
    """The summary's columns as rows.

    Parameters
    ----------
    summary
        One row per system, with its name in `system`; the error of a column stands in `COLUMN_error`.
    quantities
        Columns; those that the summary lacks are left out.

    Returns
    -------
    DataFrame
        quantity, system, value and error (NaN where none is known).
    """
    parts = [
        pd.DataFrame(
            {
                "quantity": name,
                "system": summary["system"],
                "value": summary[name].astype(float),
                "error": summary[f"{name}_error"].astype(float) if f"{name}_error" in summary else np.nan,
            }
        )
        for name in quantities
        if name in summary
    ]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=_COLUMNS)


def agreement(values: pd.DataFrame, reference: str) -> pd.DataFrame:
    """Every number of every other system against that of the reference.

    .. math:: d = \\frac{x - x_{ref}}{\\sqrt{\\sigma^2 + \\sigma_{ref}^2}}

    Parameters
    ----------
    values
        quantity, system, value and error, one row per number, as of `measured`.
    reference
        Name of the system that the others are compared with.

    Returns
    -------
    DataFrame
        quantity, system, value, error, reference_value, reference_error, difference (value − reference),
        combined_error, difference_over_error, and agrees: yes where it is at most 2, no where it is larger, and empty
        where a value or an error is not known. Quantities that the reference lacks are left out.
    """
    of_reference = values.loc[values["system"] == reference, ["quantity", "value", "error"]]
    table = values[values["system"] != reference].merge(
        of_reference[np.isfinite(of_reference["value"])].rename(
            columns={"value": "reference_value", "error": "reference_error"}
        ),
        on="quantity",
    )
    difference = table["value"] - table["reference_value"]
    error = np.hypot(table["error"], table["reference_error"])
    with np.errstate(divide="ignore", invalid="ignore"):
        # two exact numbers that are equal differ by none of their errors
        ratio = np.where((difference == 0) & (error == 0), 0.0, difference / error)
    agrees = np.where(np.isnan(ratio), "", np.where(np.abs(ratio) <= MOST_ERRORS, "yes", "no"))
    return table.assign(difference=difference, combined_error=error, difference_over_error=ratio, agrees=agrees)
