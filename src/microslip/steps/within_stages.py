"""What happens inside the stages of a run that keeps frames there."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from microslip.config import Config
from microslip.core.errors import MicroslipError
from microslip.data.files import write_table
from microslip.data.frames import read_frames
from microslip.data.run import Run
from microslip.dem.inside import evenly_inside
from microslip.dem.sections import LEAST_FRAMES_PER_STAGE
from microslip.fields.nonaffine import d2min
from microslip.statistics.within_stages import Passage, motion_within_stages
from microslip.steps.common import Say

TABLE = "statistics/within_stages.csv"

# Of the slips, those that change the stress most: what comes before a small one is hardly told from what comes before
# none.
SHARE = 0.25
# Grains in all pieces of all stages, about a minute of work; and cycles that are looked at whatever it takes.
GRAINS_MEASURED, FEWEST_CYCLES = 20_000_000, 40
MOST_PARTS = 20


def write_within_stages(run: Run, config: Config, block: np.ndarray, say: Say) -> None:
    """The table of the non-affine speed through the largest slips and the sticks before them, or none of it."""
    (run.folder / TABLE).unlink(missing_ok=True)
    if "kind" not in run.frames:
        return
    n_inside = config.shear_cell.recording.frames_per_stage if config.shear_cell is not None else 0
    cycles = cycles_of_large_slips(run, n_inside)
    if not len(cycles):
        say(f"no motion within stages: no large slip and the stick before it have {LEAST_FRAMES_PER_STAGE} frames each")
        return
    measured = list(_measure(run, cycles, n_inside, config.nonaffine.cutoff))
    table = motion_within_stages(measured, block[cycles[:, 1]], min(n_inside + 1, MOST_PARTS))
    write_table(run.folder / TABLE, table)
    last = table[table["kind"] == "stick"].iloc[-1]
    error = f" ± {last['relative_error']:.2g}" if np.isfinite(last["relative_error"]) else ""
    smallest = run.stages["fluctuation"].to_numpy()[cycles[:, 1]].min()
    say(
        f"before {len(cycles)} slips of {smallest:.2g} p and more the last part of the stick has {last['relative']:.3g}"
        f"{error} of its mean non-affine speed"
    )


def cycles_of_large_slips(run: Run, n_inside: int) -> np.ndarray:
    """Numbers of a stick and of the slip after it, (cycle, 2): large slips, as many as there is time for, in order."""
    stages = run.stages
    kind, size = stages["kind"].to_numpy(), stages["fluctuation"].abs().to_numpy()
    n_frames = (stages["end_frame"] - stages["start_frame"]).to_numpy() - 1
    slips = np.flatnonzero(kind == "slip")
    if not len(slips):
        return np.empty((0, 2), dtype=np.int64)
    large = slips[size[slips] >= np.quantile(size[slips], 1 - SHARE)]
    large = large[large > 0]
    follows = stages["start_frame"].to_numpy()[large] == stages["end_frame"].to_numpy()[large - 1]
    enough = np.minimum(n_frames[large], n_frames[large - 1]) >= LEAST_FRAMES_PER_STAGE
    large = large[follows & enough & (kind[large - 1] == "stick")]
    n_most = max(FEWEST_CYCLES, GRAINS_MEASURED // (2 * (n_inside + 1) * run.grains.sizes["grain"]))
    chosen = large[np.unique(np.linspace(0, len(large) - 1, min(n_most, len(large))).round().astype(np.int64))]
    return np.column_stack([chosen - 1, chosen])


def _measure(run: Run, cycles: np.ndarray, n_inside: int, cutoff: float) -> Iterator[tuple[Passage, Passage]]:
    strain, frames, box = run.series["strain"].to_numpy(), run.frames, run.boxes()
    sample, bulk = frames["sample"].to_numpy(), run.grains["kind"].to_numpy() == 0
    ends: pd.DataFrame = run.stages[["start_frame", "end_frame"]]

    def passage(stage: int) -> Passage:
        start, end = (int(frame) for frame in ends.iloc[stage])
        chosen = evenly_inside(sample[start + 1 : end].tolist(), int(sample[start]), int(sample[end]), n_inside)
        edges = np.concatenate([[start], np.searchsorted(sample, chosen), [end]]).astype(np.int64)
        position, means = read_frames(frames["position"], edges), []
        for before, after in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
            try:
                motion = d2min(position[before], position[after], box(before), cutoff, bulk, box(after))
            except MicroslipError as problem:
                raise MicroslipError(f"stage {stage}, from frame {before} to {after}: {problem}") from None
            means.append(float(np.nanmean(motion.d2min)))
        return Passage(strain[sample[edges]], np.array(means))

    for stick, slip in cycles.tolist():
        yield passage(stick), passage(slip)
