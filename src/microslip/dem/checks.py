"""Refusals before a simulation begins: the folder of another one, a disk or a memory that is too small."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from microslip.core.errors import MicroslipError
from microslip.data.store import array, check_store, open_dataset
from microslip.dem.checkpoints import POINTER, read_pointer
from microslip.dem.config import ShearCell
from microslip.dem.cost import installed_memory


def refuse_other_simulation(config: ShearCell, folder: Path, engine_version: int | None = None) -> None:
    """Refuse settings that would make another trajectory than the run has: it took long to make.

    Raises
    ------
    MicroslipError
        The run was made with other settings or by another version of its engine, went further than is asked for, or
        has lost its trajectory or its checkpoint.
    """
    trajectory, remedy = folder.parent / "trajectory.zarr", "choose another run folder with --into, or remove this one"
    strain = _strain_of(trajectory) if trajectory.is_dir() else np.empty(0)
    if not (folder / POINTER).exists():
        if len(strain):
            raise MicroslipError(
                f"{trajectory} holds {len(strain)} samples, and {folder / POINTER}, from which the simulation would go"
                f" on, is gone: restore it, or {remedy}"
            )
        return
    pointer = read_pointer(folder)
    if not trajectory.is_dir():
        raise MicroslipError(f"{trajectory} is gone, and {folder} alone cannot bring it back: restore it, or {remedy}")
    try:
        # a setting that is newer than the run has its default, under which the run was made
        before = ShearCell.model_validate(check_store(trajectory).attrs.get("config"))
    except ValidationError:
        raise MicroslipError(f"{folder.parent} was made by another version with other settings: {remedy}") from None
    changed = [
        f"{section}.{key} = {value} where the run has {old_section.get(key)}".removeprefix(".")
        for section, new_section in sections_of(config).items()
        for key, value in new_section.items()
        if (old_section := sections_of(before)[section]).get(key) != value
    ]
    if changed:
        raise MicroslipError(f"{folder.parent} holds a simulation with other settings ({changed[0]}): {remedy}")
    if engine_version is not None and pointer.get("engine_version") != engine_version:
        raise MicroslipError(
            f"{folder.parent} was begun with {config.engine.title} {pointer.get('engine_version')}, this one is"
            f" {engine_version} and would go on differently: install that version, or {remedy}"
        )
    if pointer["last_sample"] >= config.n_samples:
        raise MicroslipError(
            f"{folder.parent} was sheared to a strain of {strain[-1]:g}, beyond loading.strain ="
            f" {config.loading.strain:g}: {remedy}"
        )


def _strain_of(trajectory: Path) -> np.ndarray:
    try:
        # this array alone: a disk that filled up may have left the others shorter, which the engine mends as it goes on
        return np.asarray(array(check_store(trajectory), "series/strain"))
    except (KeyError, ValueError, OSError):
        # says what is damaged
        return open_dataset(trajectory, "series")["strain"].to_numpy()


def check_disk(config: ShearCell, run: Path) -> None:
    """Refuse to begin a trajectory that the disk has no room for.

    Raises
    ------
    MicroslipError
        Less is free than the frames are expected to take, beyond what the run folder holds already.
    """
    place = next(folder for folder in (run, *run.absolute().parents) if folder.exists())
    written = sum(file.stat().st_size for file in (run / "trajectory.zarr").rglob("*") if file.is_file())
    free = shutil.disk_usage(place).free
    if config.bytes_on_disk() - written > free:
        remedies = "raise recording.threshold, lower loading.strain or set recording.contacts = false"
        if config.recording.frames_per_stage:
            remedies = f"lower recording.frames_per_stage = {config.recording.frames_per_stage}, {remedies}"
        raise MicroslipError(
            f"the frames may take {config.bytes_on_disk() / 1e9:.3g} GB and {place} has {free / 1e9:.3g} GB free: free"
            f" some, {remedies}"
        )


def check_memory(config: ShearCell) -> None:
    """Refuse a cell that this machine's memory cannot hold, where the engine knows what it takes of it.

    Raises
    ------
    MicroslipError
        The engine would take more than is installed.
    """
    needed, installed = config.engine.memory(config.n_grains, config.n_samples), installed_memory()
    held = config.bytes_held() if needed else 0
    if needed <= installed < needed + held:
        raise MicroslipError(
            f"frames inside the stages take some {held / 1e9:.3g} GB of memory until a stage ends, {config.n_grains}"
            f" grains {needed / 1e9:.3g} GB, and this machine has {installed / 1e9:.3g} GB: lower"
            f" recording.frames_per_stage = {config.recording.frames_per_stage}, or use a smaller cell"
        )
    if needed > installed:
        raise MicroslipError(
            f"{config.n_grains} grains and {config.n_samples} samples take some {needed / 1e9:.3g} GB of memory, and"
            f" this machine has {installed / 1e9:.3g} GB: use a smaller cell or a larger recording.strain_step, or"
            " engine.kind = lammps on several machines"
        )


def sections_of(config: ShearCell) -> dict[str, dict[str, Any]]:
    """The settings that make another simulation, by section; the seed is in a section without a name."""
    content = config.identity()
    return {"": {"seed": content.pop("seed")}, **content}
