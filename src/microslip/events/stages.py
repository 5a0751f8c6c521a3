"""Stick and slip stages of a stress series."""

from __future__ import annotations

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from microslip.core import arguments
from microslip.core.errors import MicroslipError
from microslip.core.smoothing import LONGEST_SPAN, SMOOTHINGS, Smoothing, smooth
from microslip.core.turning_points import turning_points


def detect_stages(
    strain: Float[np.ndarray, "sample"],
    stress: Float[np.ndarray, "sample"],
    threshold: float = 1e-5,
    smoothing: tuple[Smoothing, int] | None = None,
    first_sample: int = 0,
) -> pd.DataFrame:
    """Cut the series at its turning points: a stick stage while s rises, a slip stage while it falls.

    A turning point counts when the swing that follows it exceeds the threshold, so stick and slip alternate; a cycle is
    a stick stage and the slip stage after it. The fluctuation is s(start) − s(end): positive for slip, negative for
    stick (Mei et al. 2023, section 2.1).

    Parameters
    ----------
    strain, stress
        Shear strain γ and shear stress s [p] of every sample, shape (sample,).
    threshold
        Smallest swing of s [p].
    smoothing
        Causal filter before detection, `("ewma", span)` or `("median", span)` with the span in samples. Stresses in the
        table are those of the unsmoothed series.
    first_sample
        Where the search begins, such as the end of the warm-up; the filter has seen what comes before.

    Returns
    -------
    DataFrame
        stage, cycle, kind, start_sample, end_sample, start_strain, end_strain, strain_increment, start_stress,
        end_stress, fluctuation; one row per stage, in order, and none where the series does not turn. The pieces before
        the first and after the last turning point are no stages.

    Raises
    ------
    MicroslipError
        Numbers that are not finite, unequal lengths, strain that does not increase, a threshold that is not positive, a
        filter that is not known, a first sample that the series does not have.
    """
    strain, stress = arguments.reals("strain", strain, ("sample",)), arguments.reals("stress", stress, ("sample",))
    if len(strain) != len(stress):
        raise MicroslipError(f"strain and stress have {len(strain)} and {len(stress)} samples: give two equal columns")
    if np.any(np.diff(strain) <= 0):
        bad = int(np.flatnonzero(np.diff(strain) <= 0)[0])
        raise MicroslipError(
            f"strain: the strain does not increase from sample {bad} to {bad + 1}: sort or cut the series first"
        )
    threshold = arguments.real("threshold", threshold, "positive: give the smallest swing of s that counts", above=0)
    first_sample = arguments.whole("first_sample", first_sample, 0, len(strain))
    smoothed = stress if smoothing is None else smooth(stress, *_filter(smoothing))
    points = first_sample + turning_points(smoothed[first_sample:], threshold)
    # a record that begins in the midst of a stage has an extreme, not a turning point, at its first sample
    points = points[points > first_sample]
    start, end = points[:-1], points[1:]
    rising = smoothed[end] > smoothed[start]
    table = pd.DataFrame(
        {
            "stage": np.arange(len(start)),
            # a record that begins with a slip gives that slip a cycle of its own
            "cycle": np.cumsum(rising) - (1 if len(rising) and rising[0] else 0),
            "kind": np.where(rising, "stick", "slip"),
            "start_sample": start,
            "end_sample": end,
            "start_strain": strain[start],
            "end_strain": strain[end],
            "strain_increment": strain[end] - strain[start],
            "start_stress": stress[start],
            "end_stress": stress[end],
            "fluctuation": stress[start] - stress[end],
        }
    )
    return table


def _filter(smoothing: tuple[Smoothing, int]) -> tuple[Smoothing, int]:
    if not isinstance(smoothing, tuple | list) or len(smoothing) != 2 or smoothing[0] not in SMOOTHINGS:
        raise MicroslipError(
            f'smoothing = {arguments.shown(smoothing)} is no filter: give ("ewma", span), ("median", span) or None'
        )
    return smoothing[0], arguments.whole("span of smoothing", smoothing[1], 1, LONGEST_SPAN)


# Of the stages: where more last one sample, the series is too coarse for the threshold.
MOST_OF_ONE_SAMPLE = 0.1


def share_of_one_sample(stages: pd.DataFrame) -> float:
    """Share of the stages whose end is the sample after their start; NaN where there is no stage.

    The stress crosses the threshold within a sample there: such a stage may begin, turn or end between two samples, and
    its size and length are not known.
    """
    length = stages["end_sample"] - stages["start_sample"]
    return float((length <= 1).mean()) if len(length) else np.nan


def attach_frames(stages: pd.DataFrame, frame_sample: Int[np.ndarray, "frame"]) -> pd.DataFrame:
    """Add `start_frame` and `end_frame`: the frames kept at the stages' turning points.

    Raises
    ------
    MicroslipError
        A turning point has no frame, as when the threshold is below that of the recording.
    """
    wanted = stages[["start_sample", "end_sample"]].to_numpy()
    frame = np.searchsorted(frame_sample, wanted)
    missing = np.append(frame_sample, -1)[frame] != wanted
    if missing.any():
        bad = int(wanted[missing][0])
        raise MicroslipError(
            f"no frame was kept at sample {bad}, where a stage starts or ends:"
            " use stages.threshold at or above recording.threshold, and the recording's smoothing"
        )
    with_frames = stages.copy()
    with_frames.insert(3, "start_frame", frame[:, 0])
    with_frames.insert(4, "end_frame", frame[:, 1])
    return with_frames
