"""Tables of quantities over time steps: LAMMPS logs, `fix print`, `fix ave/time`, CSV."""

from __future__ import annotations

from array import array
from pathlib import Path

import numpy as np
import pandas as pd

from microslip.core.errors import MicroslipError
from microslip.data.readers.lines import open_lines

STEP_NAMES = ("Step", "step", "TimeStep", "timestep", "Timestep", "STEP")


def read_series(path: Path) -> pd.DataFrame:
    """Every row of numbers of a text, under the names in the line above the first of them.

    A log with several runs gives them one after another; where they hold other columns, the others are NaN. Warnings
    and remarks between are passed over, and a last row that is not whole.

    Raises
    ------
    MicroslipError
        The file is missing, binary, or holds no row of numbers under names.
    """
    blocks: list[tuple[list[str], array[float]]] = []
    above: list[str] = []
    with open_lines(path) as lines:
        while (line := lines.read_line()) is not None:
            if b"\0" in line:
                raise MicroslipError(f"{path}, line {lines.line - 1}: this is a binary file, not a table")
            words = line.decode("utf-8", "replace").replace(",", " ").replace(";", " ").split()
            # a last number without an end may be cut within its digits
            values = _values(words) if lines.whole else None
            if values is None:
                above = [word for word in words if word != "#"]
                above[:1] = [above[0].lstrip("#")] if above else []
                continue
            # a remark may have as many words as there are columns: only a line of names begins another run
            fits = bool(above) and len(above) == len(values)
            if fits and (not blocks or len(blocks[-1][0]) != len(values) or above[0] in STEP_NAMES):
                blocks.append((above, array("d")))
            if blocks and len(blocks[-1][0]) == len(values):
                blocks[-1][1].extend(values)
            above = []
    tables = [_table(names, rows) for names, rows in blocks]
    if not tables:
        raise MicroslipError(
            f"{path} holds no rows of numbers under a line of names: give a log with thermo output, or what fix print"
            " or fix ave/time wrote, with its title line"
        )
    return pd.concat(tables, ignore_index=True)


def _table(names: list[str], rows: array[float]) -> pd.DataFrame:
    table = pd.DataFrame(np.array(rows).reshape(-1, len(names)), columns=names)
    return table.loc[:, ~table.columns.duplicated()]


def _values(words: list[str]) -> list[float] | None:
    if not words:
        return None
    try:
        return [float(word) for word in words]
    except ValueError:
        return None
