"""ξ_Attr/ξ_D of the trained network and of its nulls, as the checks, the summary and the comparison read it."""

from __future__ import annotations

import pandas as pd

from microslip.statistics.intervals import intervals_apart
from microslip.views.report.parts import Parts

ATTRIBUTION_PARTS = {"signed": "signed attribution", "size": "size of the attribution"}


def claims_of(parts: Parts, field: str) -> pd.DataFrame | None:
    """Rows of claim.csv of the signed attribution or of its size, by network; None where there are none."""
    table = parts.tables.get("interpretation/claim")
    if table is None:
        return None
    rows = table[table["field"] == field].drop_duplicates("network").set_index("network")
    return None if "trained" not in rows.index else rows


def measured_fields(parts: Parts) -> list[tuple[str, pd.DataFrame]]:
    """Each field whose length was measured, in words, with its rows of claim.csv by network."""
    fields = [(words, claims_of(parts, field)) for field, words in ATTRIBUTION_PARTS.items()]
    return [(words, rows) for words, rows in fields if rows is not None]


def explained_network(parts: Parts) -> str:
    """Which network the attributions are of."""
    return f"network of the {parts.explained} split" if parts.explained else "the network"


def apart(rows: pd.DataFrame, null: str) -> bool | None:
    """Whether the interval of a null's ratio is apart from the trained network's, as in `intervals_apart`."""
    own, other = ((row["ratio"], row["low"], row["high"]) for row in (rows.loc["trained"], rows.loc[null]))
    return intervals_apart(own, other)
