"""A stretch of shear from a saved state on, and how any part of it is sheared again, to the same bytes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float64, Int64

from microslip.core.errors import MicroslipError
from microslip.data.files import replacing
from microslip.dem.config import ShearCell
from microslip.dem.drive import AdaptiveDrive
from microslip.dem.native.engine import NativeEngine
from microslip.dem.native.moments import sort_grains
from microslip.dem.protocol import DRIVEN
from microslip.dem.replicas.plan import SERIES, Plan
from microslip.dem.seam import Sample


@dataclass(frozen=True)
class Stretch:
    """Stress at each sample [p], the one at the beginning included, and steps and rate [1/s] of each interval."""

    stress: Float64[np.ndarray, "sample"]
    steps: Int64[np.ndarray, "interval"]
    rate: Float64[np.ndarray, "interval"]


def stress_of(read: Sample, plan: Plan, walls: bool) -> float:
    """The stress of a sample that is cut into stages [p]."""
    if read.n_lost > 0:
        raise MicroslipError(f"{read.n_lost} grains have left the cell: lower loading.rayleigh_fraction")
    if walls and plan.column == "stress":
        return 0.5 * (read.top[0] - read.bottom[0])
    return read.moments[0] / (read.level - plan.offset)


def state_path(folder: Path, sample: int) -> Path:
    """The name of the state that is kept at a sample."""
    return folder / (f"state-{sample}" if sample else "origin")


def shear_stretch(
    engine: NativeEngine, config: ShearCell, plan: Plan, folder: Path, look: Callable[[int], None]
) -> Stretch:
    """Shear the whole stretch, or go on from the last state of it that is kept; `look` is called at every sample."""
    drive = AdaptiveDrive(config, config.loading.shear_rate)
    adaptive = config.loading.drive == "adaptive"
    stress: list[float] = []
    steps: list[int] = []
    rates: list[float] = []
    state = plan.drive
    if (folder / SERIES).exists():
        with np.load(folder / SERIES) as kept:
            stress, steps, rates = kept["stress"].tolist(), kept["steps"].tolist(), kept["rate"].tolist()
            state = dict(zip(DRIVEN, kept["drive"].tolist(), strict=True))
    for name, value in state.items():
        setattr(drive, name, np.nan if value is None else type(getattr(drive, name))(value))

    def sampled(read: Sample) -> None:
        stress.append(stress_of(read, plan, config.cell.walls))
        drive.feel(read.moments[0] / (read.level - plan.offset), read.kinetic_energy)
        look(len(stress) - 1)

    def keep(sample: int) -> None:
        engine.save(state_path(folder, sample))
        with replacing(folder / SERIES) as beside:
            remembered = np.array([float(getattr(drive, name)) for name in DRIVEN])
            np.savez(beside, stress=stress, steps=np.array(steps, dtype=np.int64), rate=rates, drive=remembered)

    begin = max(len(stress) - 1, 0)
    engine.load(state_path(folder, begin), plan.height)
    if not stress:
        engine.shear(np.empty(0, dtype=np.int64), np.full(1, config.loading.shear_rate), sampled, from_start=True)
    for sample in range(begin, plan.n_samples):
        n_steps, rate = drive.following() if adaptive else (config.steps_per_sample, config.loading.shear_rate)
        steps.append(n_steps)
        rates.append(rate)
        engine.shear(np.array([n_steps]), np.full(2, rate), sampled, from_start=False)
        if (sample + 1) % plan.between == 0 or sample + 1 == plan.n_samples:
            keep(sample + 1)
    return Stretch(np.array(stress), np.array(steps, dtype=np.int64), np.array(rates, dtype=float))


def shear_again(
    engine: NativeEngine, stretch: Stretch, plan: Plan, first: int, last: int, sampled: Callable[[Sample], None]
) -> None:
    """Shear from one sample of the stretch to another by its steps and rates; the engine is at the first of them."""
    for sample in range(first, last):
        if sample > first and sample % plan.between == 0:
            # the stretch was saved here, for which its grains were sorted
            sort_grains(engine)
        engine.shear(stretch.steps[sample : sample + 1], np.full(2, stretch.rate[sample]), sampled, from_start=False)
