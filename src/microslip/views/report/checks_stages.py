"""Checks of stages, of the motion in them, and of the statistics over them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from microslip.views.report.checks import Check, below, judge, share
from microslip.views.report.parts import Parts
from microslip.views.wording import count, show

# A test set of a fifth then holds a hundred.
FEWEST_STAGES = 500
# Of the strain between the first stage and the last: one in ten may be lost between frames.
LEAST_COVERED = 0.9
# Of the length of a stage.
LARGEST_MISMATCH = 0.1
# Of the stages.
BELOW_FLOOR = 0.05
WITHOUT_MOTION = 0.01
# ξ, at the largest distance of the fit over it, and from one choice of the fit to another.
LEAST_REACH = 1.5
LARGEST_SPREAD = 2.0
# Of the likelihood-ratio tests.
SIGNIFICANT = 0.05

MOTION, STATISTICS = "Stages and motion", "Statistics"


def check_stages(parts: Parts) -> list[Check]:
    """Enough of them, none lost, and motions above what the digits of the positions leave."""
    stages = parts.stages
    if stages is None or stages.empty:
        return []
    checks = [_number(parts, stages), _covered(parts, stages), _mismatch(stages), _floor(parts), _without_motion(parts)]
    return [check for check in checks if check is not None]


def check_statistics(parts: Parts) -> list[Check]:
    """Whether ξ can be seen in the cell and does not hang on the fit, and whether sizes follow a power law."""
    checks = [_reach(parts), _sensitivity(parts), _power_law(parts)]
    return [check for check in checks if check is not None]


def _number(parts: Parts, stages: pd.DataFrame) -> Check:
    return Check(
        MOTION,
        "Number of stages",
        judge(len(stages) >= FEWEST_STAGES),
        show(len(stages)),
        f"at least {FEWEST_STAGES}",
        "The network learns from stages, and the scores are those of a fifth of them.",
        "Shear further, lower stages.threshold, or read the scores as a first look.",
    )


def lost_stages(stages: pd.DataFrame) -> tuple[int, float]:
    """How many gaps there are between stages that should follow each other, and the share of the strain they leave."""
    start, end = stages["start_sample"].to_numpy(), stages["end_sample"].to_numpy()
    gaps = int((start[1:] != end[:-1]).sum())
    whole = float(stages["end_strain"].iloc[-1] - stages["start_strain"].iloc[0])
    return gaps, float(stages["strain_increment"].sum()) / whole if whole > 0 else 1.0


def _covered(parts: Parts, stages: pd.DataFrame) -> Check:
    gaps, covered = lost_stages(stages)
    return Check(
        MOTION,
        "Lost stages",
        judge(covered >= LEAST_COVERED),
        f"{count(gaps, 'gap')}, {share(covered)} of the strain covered"
        if gaps
        else "stages follow each other without a gap",
        f"at least {share(LEAST_COVERED)} of the strain covered",
        "Stages that lie between two kept frames are left out, the short ones first: what is left is not all stages.",
        "Dump more often, raise stages.threshold, or use windows of strain.",
    )


def _mismatch(stages: pd.DataFrame) -> Check | None:
    if "start_mismatch" not in stages or "end_mismatch" not in stages:
        return None
    off = float(np.nanmedian(stages[["start_mismatch", "end_mismatch"]].abs().to_numpy()))
    length = float(stages["strain_increment"].median())
    return Check(
        MOTION,
        "Frames at the turning points",
        judge(below(off / length if length > 0 else None, LARGEST_MISMATCH)),
        f"off by a strain of {show(off, 2)}, of stages {show(length, 2)} long",
        f"at most {share(LARGEST_MISMATCH)} of a stage",
        "A frame beside the turning point mixes the motion of one stage with that of the next.",
        "Dump more often, or raise stages.threshold.",
    )


def _floor(parts: Parts) -> Check | None:
    if parts.below_floor is None or not len(parts.below_floor):
        return None
    found = float(np.mean(parts.below_floor))
    resolution = parts.fields_attributes.get("position_resolution")
    known = f"; positions known to {show(float(resolution), 2)} d̄" if resolution is not None else ""
    return Check(
        MOTION,
        "Precision of the positions",
        judge(found <= BELOW_FLOOR),
        f"{share(found)} of the stages below ten floors{known}",
        f"at most {share(BELOW_FLOOR)} of the stages",
        "D²min of a small stage drowns in the rounding or the error of the positions: there it is noise.",
        "Keep more digits or measure better; else use longer stages, and leave the marked ones out.",
    )


def _without_motion(parts: Parts) -> Check | None:
    table = parts.tables.get("statistics/stages")
    if table is None or table.empty:
        return None
    found = float(table["d2min_all"].isna().mean())
    return Check(
        MOTION,
        "Stages without D²min",
        judge(found <= WITHOUT_MOTION),
        f"{share(found)} of the stages are NaN",
        f"at most {share(WITHOUT_MOTION)}",
        "Such a stage has grains that are missing in a frame, or too few neighbours, and no pattern to learn.",
        "Look for frames that were cut off; raise nonaffine.cutoff.",
    )


def _of_kinds(table: pd.DataFrame) -> pd.DataFrame:
    return table[table["by"] == "kind"]


def _reach(parts: Parts) -> Check | None:
    table = parts.tables.get("statistics/correlation_length")
    if table is None or table.empty:
        return None
    known = table[table["xi"].notna()] if "xi" in table and "r_max" in table else table.iloc[:0]
    reaches = known["r_max"] / known["xi"] if len(known) else pd.Series(dtype=float)
    reach = float(reaches.min()) if len(known) else None
    said = []
    for by, words in (("kind", "all stages of a kind"), ("bin", "bins by size")):
        of = reaches[known["by"] == by]
        if len(of):
            least = known.loc[of.idxmin()]
            name = least["group"] if "group" in known else least["kind"]
            said.append(f"{show(float(of.min()), 5)} ξ at the least in {words} ({name})")
    return Check(
        STATISTICS,
        "Reach of C(r)",
        judge(None if reach is None else reach >= LEAST_REACH),
        f"C(r) is followed to {'; '.join(said)}" if said else "no ξ could be fitted",
        f"at least {show(LEAST_REACH)} ξ, in every bin too",
        "Half the smallest period bounds r. A length that is as large as that is the cell's, not the packing's.",
        "Use a deeper cell; until then call ξ a lower bound, in the bins named here and those near them.",
    )


def _sensitivity(parts: Parts) -> Check | None:
    table = parts.tables.get("statistics/correlation_sensitivity")
    if table is None or table.empty:
        return None
    rows = _of_kinds(table).dropna(subset=["xi"])
    if rows.empty:
        return None
    ends = rows.groupby("kind")["xi"].agg(["min", "max"])
    spread = float((ends["max"] / ends["min"]).max())
    said = "; ".join(f"{kind} {show(row['min'])} to {show(row['max'])} d̄" for kind, row in ends.iterrows())
    return Check(
        STATISTICS,
        "ξ under other fits",
        judge(spread <= LARGEST_SPREAD),
        said,
        f"largest over smallest at most {show(LARGEST_SPREAD)}",
        "The exponent of the prefactor and the range of r are choices. What moves with them is no property of the "
        "packing.",
        "Quote ξ with its exponent and range, and compare only ξ of the same fit.",
    )


def _power_law(parts: Parts) -> Check | None:
    table = parts.tables.get("statistics/power_law")
    if table is None or "lognormal_ratio" not in table:
        return None
    rows = _of_kinds(table)
    rows = rows[(rows["x_min_rule"] == "fixed") & rows["lognormal_ratio"].notna()]
    if rows.empty:
        return None
    worst = {
        rival: rows[(rows[f"{rival}_ratio"] < 0) & (rows[f"{rival}_p_value"] < SIGNIFICANT)]["kind"].tolist()
        for rival in ("lognormal", "truncated")
        if f"{rival}_ratio" in rows
    }
    names = {"lognormal": "a log-normal", "truncated": "a power law with a cut-off"}
    said = [f"{names[rival]} fits better ({', '.join(map(str, kinds))})" for rival, kinds in worst.items() if kinds]
    return Check(
        STATISTICS,
        "Power law of the cluster sizes",
        judge(not said),
        "; ".join(said) or "no rival fits better",
        f"likelihood ratio of a rival, p ≥ {show(SIGNIFICANT)}",
        "η is a property of the packing where the tail is a power law; else it is the slope of a curve at one place.",
        "Give η with its x_min, and the rival that fits better.",
    )
