"""The process that makes the replicas: `python -m microslip.dem.replicas.worker FOLDER`, started by `launch`.

It shears the stretch, cuts it into stages, and does those that are chosen again. What is finished is kept, and a later
process goes on from there.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from microslip.core.errors import MicroslipError
from microslip.data.files import read_json, write_table
from microslip.dem.config import ShearCell
from microslip.dem.native.engine import NativeEngine
from microslip.dem.process import FINISHED, STOPPED, report, stop_asked, work_on
from microslip.dem.protocol import SECONDS_BETWEEN_LOOKS
from microslip.dem.replicas.choosing import choose_stages
from microslip.dem.replicas.config import Replicas
from microslip.dem.replicas.members import save_replicas
from microslip.dem.replicas.plan import CHOSEN, PLAN, Plan
from microslip.dem.replicas.stage import replicate_stage
from microslip.dem.replicas.stretch import Stretch, shear_stretch
from microslip.dem.seam import Alone
from microslip.events.stages import detect_stages


class Watch:
    """Stops where the starter asks for it, and reports how far the work is."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.last_look, self.last_report = folder, 0.0, 0.0

    def look(self, **content: Any) -> None:
        now = time.monotonic()
        if now - self.last_look > SECONDS_BETWEEN_LOOKS:
            self.last_look = now
            if stop_asked(self.folder / "dem"):
                raise KeyboardInterrupt
        if content and now - self.last_report > 1:
            self.last_report = now
            report(content)


def make(folder: Path, config: ShearCell) -> int:
    """The stretch, and the replicas of each chosen stage; how it ended."""
    content = read_json(folder / PLAN)
    plan, settings = Plan(**content["plan"]), Replicas.model_validate(content["settings"])
    report({"phase": "compile"})
    engine, watch = NativeEngine(config), Watch(folder)
    try:
        stretch = shear_stretch(
            engine, config, plan, folder,
            lambda sample: watch.look(phase="stretch", done=sample, total=plan.n_samples),
        )  # fmt: skip
        chosen = _choose(stretch, config, plan, settings, content)
        write_table(folder / CHOSEN, chosen)
        for number, stage in enumerate(chosen.itertuples()):
            path = folder / f"stage-{stage.start_sample}.npz"
            if not path.exists():
                samples = int(stage.start_sample), int(stage.end_sample)
                save_replicas(
                    replicate_stage(engine, config, stretch, plan, settings, samples, folder, watch.look), path
                )
            report({"phase": "replicas", "done": number + 1, "total": len(chosen)})
    except KeyboardInterrupt:
        return STOPPED
    return FINISHED


def _choose(
    stretch: Stretch, config: ShearCell, plan: Plan, settings: Replicas, content: dict[str, Any]
) -> pd.DataFrame:
    strain = plan.first_strain + np.arange(len(stretch.stress)) * config.recording.strain_step
    smoothing = content["smoothing"]
    stages = detect_stages(
        strain, stretch.stress, content["threshold"], None if smoothing is None else tuple(smoothing)
    )
    chosen = choose_stages(stages, settings.stages)
    if len(chosen) < 2:
        raise MicroslipError(
            f"a strain of replicas.strain = {settings.strain:g} beyond the run's end holds {len(stages)} stages, which"
            " are too few to choose from: raise it"
        )
    return chosen.assign(n_stages=len(stages))


if __name__ == "__main__":
    work_on(Path(sys.argv[1]), Alone(), make)
