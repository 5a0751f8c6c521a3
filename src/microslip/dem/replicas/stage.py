"""A stage done again from its start, as it was and perturbed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from microslip.dem.config import ShearCell
from microslip.dem.native.engine import NativeEngine
from microslip.dem.native.moments import go_back, moment_of, move_grains
from microslip.dem.replicas.config import Replicas
from microslip.dem.replicas.members import StageReplicas
from microslip.dem.replicas.plan import Plan
from microslip.dem.replicas.stretch import Stretch, shear_again, state_path, stress_of
from microslip.dem.seam import Frame, Sample


def replicate_stage(
    engine: NativeEngine,
    config: ShearCell,
    stretch: Stretch,
    plan: Plan,
    settings: Replicas,
    samples: tuple[int, int],
    folder: Path,
    look: Callable[[], None],
) -> StageReplicas:
    """Do the stage between two samples of the stretch again, as it was and with each perturbation of its start."""
    start, end = samples
    before = start - start % plan.between

    def ignored(_read: Sample) -> None:
        look()

    engine.load(state_path(folder, before), plan.height)
    shear_again(engine, stretch, plan, before, start, ignored)
    moment, begun = moment_of(engine), _frame(engine)
    members = [(0.0, 0), *((size, copy) for size in settings.perturbations for copy in range(settings.copies))]
    ends: list[Frame] = []
    stresses = []
    for number, (size, _) in enumerate(members):
        go_back(engine, moment)
        if size > 0:
            # another one for each stage and replica, whatever is done of the others
            rng = np.random.default_rng([settings.seed, start, number])
            move_grains(engine, rng.normal(scale=size, size=begun.position.shape))
        stress = [float(stretch.stress[start])]

        def sampled(read: Sample, stress: list[float] = stress) -> None:
            look()
            stress.append(stress_of(read, plan, config.cell.walls))

        shear_again(engine, stretch, plan, start, end, sampled)
        stresses.append(stress)
        ends.append(_frame(engine))
    nothing = np.empty(0)
    return StageReplicas(
        np.array([size for size, _ in members]),
        np.array([copy for _, copy in members]),
        np.array(stresses),
        begun.position,
        np.array([frame.position for frame in ends]),
        nothing if begun.cell is None else begun.cell,
        np.array([nothing if frame.cell is None else frame.cell for frame in ends]),
    )


def _frame(engine: NativeEngine) -> Frame:
    frame = engine.frame(engine.hold())
    assert frame is not None
    return frame
