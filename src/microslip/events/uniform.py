"""Stages of a run whose frames stand where its dump plan put them, not at turning points."""

from __future__ import annotations

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from microslip.core.errors import MicroslipError
from microslip.core.smoothing import Smoothing
from microslip.events.stages import detect_stages

# A stage is resolved when its ends have frames of their own, which miss them by no more than this share of its length.
MISMATCH = 0.5
# A threshold is supported by the frames when at most this share of its stages is not resolved.
UNRESOLVED = 0.05
# Thresholds that are tried, and the smallest of them [p]: the paper's, below which a stress is mostly rounding.
N_TRIED, SMALLEST = 61, 1e-5


def attach_nearest_frames(stages: pd.DataFrame, frame_strain: Float[np.ndarray, "frame"]) -> pd.DataFrame:
    """The resolved stages, with the frames nearest in strain to their ends.

    Parameters
    ----------
    stages
        Of `detect_stages`.
    frame_strain
        γ of every frame, rising, shape (frame,).

    Returns
    -------
    DataFrame
        The stages whose two ends have frames of their own, numbered anew, with start_frame, end_frame, and
        start_mismatch and end_mismatch, γ of the frame less that of the turning point. A stage is left out when the two
        mismatches are together more than half of its length.
    """
    ends = stages[["start_strain", "end_strain"]].to_numpy()
    middles = (frame_strain[:-1] + frame_strain[1:]) / 2
    frame = np.searchsorted(middles, ends)
    mismatch = frame_strain[frame] - ends
    length = stages["strain_increment"].to_numpy()
    resolved = (frame[:, 0] < frame[:, 1]) & (np.abs(mismatch).sum(axis=1) <= MISMATCH * length)
    table = stages.copy()
    table.insert(3, "start_frame", frame[:, 0])
    table.insert(4, "end_frame", frame[:, 1])
    table["start_mismatch"], table["end_mismatch"] = mismatch.T
    table = table[resolved].reset_index(drop=True)
    table["stage"] = np.arange(len(table))
    return table


def supported_threshold(
    strain: Float[np.ndarray, "sample"],
    stress: Float[np.ndarray, "sample"],
    frame_strain: Float[np.ndarray, "frame"],
    smoothing: tuple[Smoothing, int] | None = None,
    first_sample: int = 0,
) -> float:
    """The smallest threshold [p] from which on nearly every stage has frames of its own; inf where there is none.

    Tried from the largest swing of the series downwards, not below 1e-5; one stage in twenty may lie between frames.
    Parameters as in `detect_stages` and `attach_nearest_frames`.
    """
    swing = float(np.ptp(stress[first_sample:])) if len(stress) > first_sample else 0.0
    supported = np.inf
    for threshold in np.geomspace(max(swing, SMALLEST), SMALLEST, N_TRIED):
        stages = detect_stages(strain, stress, threshold, smoothing, first_sample)
        if not len(stages):
            continue
        if len(attach_nearest_frames(stages, frame_strain)) < (1 - UNRESOLVED) * len(stages):
            break
        supported = float(threshold)
    return supported


def strain_windows(
    strain: Float[np.ndarray, "sample"],
    stress: Float[np.ndarray, "sample"],
    frame_strain: Float[np.ndarray, "frame"],
    frame_sample: Int[np.ndarray, "frame"],
    window: float,
    first_strain: float = 0.0,
) -> pd.DataFrame:
    """Windows of one strain in place of stages, each from the frame nearest to its start to that nearest to its end.

    Returns
    -------
    DataFrame
        The columns of `attach_nearest_frames`. kind is `stick` where the stress rises over the window, `slip` where it
        falls, and `window` where it is not known; every window is a cycle of its own.

    Raises
    ------
    MicroslipError
        The window is shorter than the strain between frames, or longer than all of them.
    """
    usable = frame_strain[frame_strain >= first_strain]
    if len(usable) < 2 or window > usable[-1] - usable[0]:
        raise MicroslipError(f"a window of strain {window:g} does not fit into the frames: use a smaller stages.window")
    apart = float(np.median(np.diff(usable)))
    if window < apart * (1 - 1e-9):
        raise MicroslipError(
            f"stages.window = {window:g} is less than the strain between frames, {apart:.4g}: use that or more"
        )
    edges = usable[0] + window * np.arange(int((usable[-1] - usable[0]) / window + 1e-6) + 1)
    frame = np.searchsorted((frame_strain[:-1] + frame_strain[1:]) / 2, edges)
    start, end = frame[:-1], frame[1:]
    own = start < end
    start, end, edges = start[own], end[own], np.stack([edges[:-1][own], edges[1:][own]])
    first, last = frame_sample[start], frame_sample[end]
    change = stress[first] - stress[last]
    return pd.DataFrame(
        {
            "stage": np.arange(len(start)),
            "cycle": np.arange(len(start)),
            "kind": np.where(np.isnan(change), "window", np.where(change < 0, "stick", "slip")),
            "start_frame": start,
            "end_frame": end,
            "start_sample": first,
            "end_sample": last,
            "start_strain": edges[0],
            "end_strain": edges[1],
            "strain_increment": edges[1] - edges[0],
            "start_stress": stress[first],
            "end_stress": stress[last],
            "fluctuation": change,
            "start_mismatch": frame_strain[start] - edges[0],
            "end_mismatch": frame_strain[end] - edges[1],
        }
    )
