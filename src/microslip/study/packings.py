"""The claims of several independent packings together, from the tables of their runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from microslip.core.errors import MicroslipError
from microslip.data.files import read_table
from microslip.data.run import Run
from microslip.statistics.config import Bootstrap
from microslip.statistics.packings import combine
from microslip.statistics.trend import Expected, holm, verdict
from microslip.steps.run_settings import run_config

# Settings, and whole sections, in which packings of one system may differ.
_THEIR_OWN = ("seed", "engine", "batches", "bootstrap", "loading.strain")

_COLUMNS = ["section", "quantity", "claim", "n_blocks"]


def check_alike(runs: Sequence[Run]) -> list[str]:
    """Settings in which runs differ beside their seeds, a sentence each.

    Raises
    ------
    MicroslipError
        Fewer than two runs, one given twice, or two of one seed: the same packing counts once.
    """
    if len(runs) < 2:
        raise MicroslipError("one run is one packing: give two or more, of other seeds")
    folders = [run.folder.resolve() for run in runs]
    if len(set(folders)) < len(folders):
        raise MicroslipError("a run is given twice: the same packing counts once")
    first, *others = (_flat(run_config(run.folder, []).model_dump(mode="json")) for run in runs)
    lines = []
    for run, other in zip(runs[1:], others, strict=True):
        different = [key for key in first.keys() | other.keys() if first.get(key) != other.get(key)]
        if not different:
            raise MicroslipError(f"{run.folder} and {runs[0].folder} have one seed and settings: they are one packing")
        different = sorted(key for key in different if not {key, key.split(".")[0]} & set(_THEIR_OWN))
        if different:
            listed = ", ".join(f"{key} = {first.get(key)} and {other.get(key)}" for key in different[:5])
            more = f" and {len(different) - 5} more" if len(different) > 5 else ""
            lines.append(f"{runs[0].folder} and {run.folder} differ in more than the seed: {listed}{more}")
    return lines


def _flat(config: dict, before: str = "") -> dict[str, object]:
    """Settings by their names with dots."""
    flat: dict[str, object] = {}
    for key, value in config.items():
        flat |= _flat(value, f"{before}{key}.") if isinstance(value, dict) else {f"{before}{key}": value}
    return flat


def claims_together(runs: Sequence[Run], confidence: float | None = None) -> pd.DataFrame:
    """Slopes at fixed Δγ, and differences at equal sizes, as means over packings.

    Parameters
    ----------
    runs
        With `statistics/claims.csv` and `statistics/contrasts.csv`.
    confidence
        Of the intervals and tests; that of the settings' default where left out.

    Returns
    -------
    DataFrame
        section, quantity, kind, claim; what (`slope` or `difference`), n_packings; value with _low and _high, p_value,
        p_holm; spread, heterogeneity, of `combine`; verdict and corrected_verdict; lowest and highest of the packings.
    """
    confidence = confidence or Bootstrap().confidence
    rows = []
    for what, name, column in (("slope", "claims", "conditioned"), ("difference", "contrasts", "matched")):
        tables = [read_table(run.folder / "statistics" / f"{name}.csv", [*_COLUMNS]) for run in runs]
        every = pd.concat(tables, ignore_index=True)
        if "kind" not in every:
            every["kind"] = ""
        for (section, quantity, kind, claim), of in every.groupby(["section", "quantity", "kind", "claim"], sort=False):
            ends = of.reindex(columns=[column, f"{column}_low", f"{column}_high"]).to_numpy(float).T
            # intervals of a run are Student's, of its own number of blocks
            half = stdtrit(np.maximum(of["n_blocks"].to_numpy(float) - 1, 1), 0.5 + confidence / 2)
            together = combine(ends[0], (ends[2] - ends[1]) / (2 * half), confidence)
            rows.append(
                {
                    "section": section,
                    "quantity": quantity,
                    "kind": kind,
                    "claim": claim,
                    "what": what,
                    "n_packings": together.n,
                    "value": together.value,
                    "value_low": together.low,
                    "value_high": together.high,
                    "p_value": together.p_value,
                    "spread": together.spread,
                    "heterogeneity": together.heterogeneity,
                    "lowest": _end(np.min, ends[0]),
                    "highest": _end(np.max, ends[0]),
                }
            )
    table = pd.DataFrame(rows)
    table["p_holm"] = holm(table["p_value"].to_numpy(float))
    for column, p in (("verdict", "p_value"), ("corrected_verdict", "p_holm")):
        table[column] = [_verdict(row, row[p] < 1 - confidence) for row in table.to_dict("records")]
    return table


def _end(which: object, values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(which(known)) if len(known) else float("nan")  # type: ignore[operator]


def _verdict(row: dict, differs: bool) -> str:
    if not np.isfinite(row["value"]):
        return "not measured"
    if not np.isfinite(row["p_value"]):
        return "not decided"
    larger: dict[str, Expected] = {"larger in slips": "grows", "larger in sticks": "falls"}
    claim = larger.get(row["claim"], row["claim"])
    return verdict(claim, row["value"], differs)


def describe_together(table: pd.DataFrame) -> Iterator[str]:
    """Every claim with what the packings say of it together, in a sentence."""
    for row in table.to_dict("records"):
        where = f" in {row['kind']}s" if row["kind"] else ""
        text = f"{row['quantity'].replace('_', ' ')} {row['claim']}{where}? {row['verdict']}"
        if row["corrected_verdict"] != row["verdict"]:
            text += f" ({row['corrected_verdict']} among so many claims)"
        if np.isfinite(row["value"]):
            what = " a decade at equal length" if row["what"] == "slope" else " at equal size and length"
            text += f"; {row['value']:+.3g}"
            if np.isfinite(row["value_low"]):
                text += f" [{row['value_low']:.3g}, {row['value_high']:.3g}]"
            text += f"{what}, {row['n_packings']} packings from {row['lowest']:.3g} to {row['highest']:.3g}"
            if row["heterogeneity"] > 0:
                text += f", {100 * row['heterogeneity']:.0f} % of their scatter beyond their errors"
        yield text
