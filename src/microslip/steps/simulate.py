"""From loose grains to a sheared cell."""

from __future__ import annotations

from typing import Any

from microslip.config import Config
from microslip.core.messages import Caution
from microslip.data.overview import describe
from microslip.data.run import Run
from microslip.dem.launch import simulate, time_spent
from microslip.steps.common import Advance, Say


def simulate_step(run: Run, config: Config, mark: str, advance: Advance, say: Say) -> dict[str, Any]:
    """Shear the cell."""
    cell = config.simulation
    say(f"{cell.n_grains} grains on {cell.engine.describe(cell.n_grains)}, {describe(cell.numbers())}")
    for warning in cell.warnings():
        say(Caution(warning))
    fewest, most = cell.step_bounds
    if cell.loading.drive == "adaptive":
        say(f"{fewest:,} to {most:,} time steps: the last are those of a constant {cell.loading.shear_rate:g} /s")
    n_inside = cell.recording.frames_per_stage
    inside = f", with up to {n_inside} inside each stage" if n_inside else ""
    say(f"the frames may take {cell.bytes_on_disk() / 1e9:.2g} GB{inside}")
    total = cell.n_samples

    def follow(message: dict[str, Any]) -> None:
        if message["phase"] == "compile":
            say("machine code of the engine: compiled once, then read from the cache")
        elif message["phase"] == "prepare":
            if "prepare" not in phases:
                say("filling, compacting and resting")
        elif message["phase"] == "cells":
            if "cells" not in phases:
                say("Voronoi cells of the frames")
            advance(message["sample"] + 1, message["total"])
        else:
            advance(message["sample"] + 1, total)
        phases.add(message["phase"])

    phases: set[str] = set()
    simulate(cell, run.folder, progress=follow)
    seconds, n_steps = time_spent(run.folder, cell)
    grain_steps = run.grains.sizes["grain"] * n_steps / seconds["shear"]
    prepared = run.attributes["preparation"]
    say(f"prepared at a solid fraction of {prepared['solid_fraction']:.4f} and a height of {prepared['height']:.2f} d̄")
    say(f"{grain_steps / 1e6:.2f} million grain-steps per second of shear, recording included")
    if cell.loading.drive == "adaptive":
        say(
            f"{n_steps:,} time steps of an adaptive drive; a constant {cell.loading.shear_rate:g} /s takes"
            f" {most / n_steps:.2g} times as many, {most:,}"
        )
    return {"seconds": seconds["prepare"] + seconds["shear"], "grain_steps_per_second": round(grain_steps)}
