"""Checks of stages and of the motion in them: enough, none lost, and above the precision floor of the positions."""

from __future__ import annotations

from functools import partial

import numpy as np

from microslip.events.coverage import covered_strain, frame_mismatch
from microslip.events.stages import MOST_OF_ONE_SAMPLE, share_of_one_sample
from microslip.views.report.check import Answer, Check, below, judge, share
from microslip.views.report.parts import Parts
from microslip.views.wording import count, show

# A test set of a fifth then holds a hundred.
ENOUGH_STAGES = 500
# Of the strain between the first stage and the last: one in ten may be lost between frames.
LEAST_COVERED = 0.9
# Of the length of a stage.
LARGEST_MISMATCH = 0.1
# Of the stages.
BELOW_FLOOR = 0.05
WITHOUT_MOTION = 0.01


def _number(parts: Parts) -> Answer:
    n = 0 if parts.stages is None else len(parts.stages)
    return Answer(judge(n >= ENOUGH_STAGES), show(n))


def _covered(parts: Parts) -> Answer | None:
    if parts.stages is None:
        return None
    n_gaps, covered = covered_strain(parts.stages)
    value = f"{count(n_gaps, 'gap')}, {share(covered)} of the strain covered"
    return Answer(judge(covered >= LEAST_COVERED), value if n_gaps else "stages follow each other without a gap")


def _mismatch(parts: Parts) -> Answer | None:
    mismatch = None if parts.stages is None else frame_mismatch(parts.stages)
    if mismatch is None:
        return None
    off, length = mismatch
    verdict = judge(below(off / length if length > 0 else None, LARGEST_MISMATCH))
    return Answer(verdict, f"off by a strain of {show(off, 2)}, of stages {show(length, 2)} long")


def _samples(parts: Parts) -> Answer | None:
    # windows of strain are as long as they were asked for
    if parts.stages is None or parts.steps.get("stages", {}).get("threshold") == 0:
        return None
    of_one = share_of_one_sample(parts.stages)
    verdict = judge(None if np.isnan(of_one) else of_one <= MOST_OF_ONE_SAMPLE)
    return Answer(verdict, f"{share(of_one)} of the stages last one sample")


def _floor(parts: Parts) -> Answer:
    below_floor = float(np.mean(np.asarray(parts.below_floor)))
    resolution = parts.fields_attributes.get("position_resolution")
    precision = f"; positions known to {show(float(resolution), 2)} d̄" if resolution is not None else ""
    value = f"{share(below_floor)} of the stages below ten floors{precision}"
    return Answer(judge(below_floor <= BELOW_FLOOR), value)


def _without_motion(parts: Parts) -> Answer:
    missing = float(parts.tables["statistics/stages"]["d2min_all"].isna().mean())
    return Answer(judge(missing <= WITHOUT_MOTION), f"{share(missing)} of the stages are NaN")


_of_stages = partial(Check, "Stages and motion")

MOTION = (
    _of_stages(
        "Number of stages",
        ("stages",),
        _number,
        f"at least {ENOUGH_STAGES}",
        "The network learns from stages, and the scores are those of a fifth of them.",
        "Shear further, lower stages.threshold, or read the scores as a first look.",
    ),
    _of_stages(
        "Lost stages",
        ("stages",),
        _covered,
        f"at least {share(LEAST_COVERED)} of the strain covered",
        "Stages that lie between two kept frames are left out, the short ones first: what is left is not all stages.",
        "Dump more often, raise stages.threshold, or use windows of strain.",
    ),
    _of_stages(
        "Frames at the turning points",
        ("stages",),
        _mismatch,
        f"at most {share(LARGEST_MISMATCH)} of a stage",
        "A frame beside the turning point mixes the motion of one stage with that of the next.",
        "Dump more often, or raise stages.threshold.",
    ),
    _of_stages(
        "Samples of a stage",
        ("stages",),
        _samples,
        f"at most {share(MOST_OF_ONE_SAMPLE)} of one sample",
        "The stress crosses the threshold within a sample: where such a stage begins, turns and ends is not known.",
        "Sample more often, or raise stages.threshold.",
    ),
    _of_stages(
        "Precision of the positions",
        ("stages", "below_floor"),
        _floor,
        f"at most {share(BELOW_FLOOR)} of the stages",
        "D²min of a small stage drowns in the rounding or the error of the positions: there it is noise.",
        "Keep more digits or measure better; else use longer stages, and leave the marked ones out.",
    ),
    _of_stages(
        "Stages without D²min",
        ("stages", "statistics/stages"),
        _without_motion,
        f"at most {share(WITHOUT_MOTION)}",
        "Such a stage has grains that are missing in a frame, or too few neighbours, and no pattern to learn.",
        "Look for frames that were cut off; raise nonaffine.cutoff.",
    ),
)
