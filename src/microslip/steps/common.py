"""What the steps share: how they report, and the writable arrays of a store."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from microslip.core.disk import naming

Advance = Callable[[int, int], None]
"""Called with what is done and what is to be done in all."""

Say = Callable[[str], None]
"""Called with a sentence for the reader."""


def scratch_folder(folder: Path, mark: str) -> Path:
    """A folder for what an interrupted step keeps; emptied where it is of another configuration or of other inputs."""
    note = folder / "mark"
    with naming(note):
        if not note.exists() or note.read_text() != mark:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            note.write_text(mark)
    return folder


def describe(numbers: dict[str, float]) -> str:
    """I, κ and Δt in a sentence."""
    return (
        f"I = {numbers['inertial_number']:.2g}, κ = {numbers['stiffness_number']:.0f},"
        f" Δt = {numbers['timestep']:.3g} s = {numbers['timestep_over_rayleigh_time']:.2f} T_Rayleigh"
    )


def metric_lines(metrics: dict[str, Any]) -> list[str]:
    """R² on the test set of every split rule, network first."""
    return [
        f"{rule} split, test R²: "
        + ", ".join(f"{name.replace('_', ' ')} {parts['test']['r2']:.3f}" for name, parts in methods.items())
        for rule, methods in metrics.items()
    ]
