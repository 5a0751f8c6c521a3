"""The stages that a figure shows as examples: a large slip with the stick before it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from microslip.core.errors import MicroslipError

# Quantile of the sizes of all cycles at which the example lies: well above the wiggles at the threshold.
TYPICAL = 0.97


class TooFewStages(MicroslipError):
    """The table lacks a stick or a slip that a figure needs."""


def cycles(stages: pd.DataFrame) -> pd.DataFrame:
    """Pairs of a stick and the slip right after it: `stick`, `slip` (row numbers of the table), `size`.

    The size is the smaller of the two changes of stress [p]: where it is large, both can be seen.
    """
    kind = stages["kind"].to_numpy()
    first = np.flatnonzero((kind[:-1] == "stick") & (kind[1:] == "slip"))
    size = stages["fluctuation"].abs().to_numpy()
    return pd.DataFrame({"stick": first, "slip": first + 1, "size": np.minimum(size[first], size[first + 1])})


def _some_cycles(stages: pd.DataFrame) -> pd.DataFrame:
    """As `cycles`, of which there must be one."""
    pairs = cycles(stages)
    if pairs.empty:
        raise TooFewStages("no stick stage has a slip after it: shear further or lower stages.threshold")
    return pairs


def choose_cycle(stages: pd.DataFrame, quantile: float, without: int | None = None) -> tuple[int, int]:
    """Row numbers of the stick and the slip of the cycle whose size lies nearest that quantile of all cycles.

    The cycle with the slip in row `without` is passed over.

    Raises
    ------
    TooFewStages
        There is no stick with a slip after it.
    """
    pairs = _some_cycles(stages)
    typical = pairs["size"].quantile(quantile)
    pairs = pairs[pairs["slip"] != without]
    row = pairs.loc[(pairs["size"] - typical).abs().idxmin()]
    return int(row["stick"]), int(row["slip"])


def typical_stages(stages: pd.DataFrame, quantile: float) -> tuple[int, int]:
    """Row numbers of two stages to be looked at side by side: those of `choose_cycle`, or two windows of strain.

    Where no stress is known there are windows alone: one after a quarter of the run, and one after three quarters.

    Raises
    ------
    TooFewStages
        There is no stick with a slip after it, and there are no two windows.
    """
    windows = np.flatnonzero(stages["kind"] == "window")
    if len(windows) < 2:
        return choose_cycle(stages, quantile)
    return int(windows[len(windows) // 4]), int(windows[(3 * len(windows)) // 4])


def largest_slip(stages: pd.DataFrame) -> tuple[int, int]:
    """Row numbers of the largest slip that a stick comes before, and of that stick: (stick, slip).

    Raises
    ------
    TooFewStages
        There is no stick with a slip after it.
    """
    pairs = _some_cycles(stages)
    slip = int(pairs["slip"].iloc[int(np.argmax(stages["fluctuation"].to_numpy()[pairs["slip"]]))])
    return slip - 1, slip


def choose_explained(stages: pd.DataFrame, explained: np.ndarray) -> tuple[int, int]:
    """Positions in `explained` of its largest slip and its largest stick.

    Raises
    ------
    TooFewStages
        A slip or a stick is missing among the explained stages.
    """
    table = stages.set_index("stage").reindex(explained)
    positions = []
    for kind in ("slip", "stick"):
        sizes = table["fluctuation"].abs().where(table["kind"] == kind)
        if sizes.isna().all():
            raise TooFewStages(f"no {kind} stage has been explained")
        positions.append(int(np.nanargmax(sizes.to_numpy())))
    return positions[0], positions[1]
