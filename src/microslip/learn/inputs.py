"""What the network sees: voxels of one quantity or several, each on a scale of its own, on disk."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import xarray as xr
from jaxtyping import Float, Float32
from numpy.lib.format import write_array_header_1_0

from microslip.core import arguments
from microslip.core.disk import naming
from microslip.core.errors import MicroslipError
from microslip.fields.registry import grain_field, on_nodes
from microslip.learn.config import OF_STAGE

# Stages read at a time.
STAGES_PER_READ = 128

# A change of the fields before a network sees them: (channel, x, y, z) of one stage → the same, and a generator.
Change = Callable[[Float[np.ndarray, "channel x y z"], np.random.Generator], Float[np.ndarray, "channel i j k"]]


def is_signed(name: str) -> bool:
    """Whether an input takes both signs, as its record says; errors as in `grain_field`."""
    return name not in OF_STAGE and grain_field(name).signed


def is_odd_in_y(name: str) -> bool:
    """Whether the mirror that turns y into −y changes the sign of an input; errors as in `grain_field`."""
    return name not in OF_STAGE and grain_field(name).odd_in_y


def is_odd_in_turn(name: str) -> bool:
    """Whether the rotation by π about y changes the sign of an input; errors as in `grain_field`."""
    return name not in OF_STAGE and grain_field(name).odd_in_turn


def on_scale(name: str, values: Float[np.ndarray, "*n"], floor: float, transform: str) -> Float32[np.ndarray, "*n"]:
    """A quantity as the network takes it, before it is standardised.

    Parameters
    ----------
    name
        A field on nodes, or a number of the stage.
    values
        D²min [d̄²], strains, or displacements [d̄].
    floor
        ε [d̄²]. With "log": log₁₀(D²min + ε); sizes of strain log₁₀(η + √ε); what has a sign arsinh(u/√ε), for √ε is the
        displacement that belongs to ε.
    transform
        "log", or "raw" for the values themselves.

    Raises
    ------
    MicroslipError
        An input that is not known, or negative values of one that has no sign: their logarithm would be a guess.
    """
    signed = is_signed(name)
    values = np.asarray(values, dtype=float)
    if transform == "raw":
        return values.astype(np.float32)
    if signed:
        return np.arcsinh(values / math.sqrt(floor)).astype(np.float32)
    if n_negative := int((values < 0).sum()):
        raise MicroslipError(
            f"{n_negative} of {values.size} values of {name} are negative, down to {np.nanmin(values):.2g}, and it is"
            " told to have no sign: run the step that made them again, or say signed in its record of fields/"
        )
    smallest = floor if name == "d2min" else math.sqrt(floor)
    return np.asarray(np.log10(values + smallest), dtype=np.float32)


def inputs_of_arrays(
    voxels: Float[np.ndarray, "*n x y z"], names: Sequence[str], floor: float, transform: str
) -> Float32[np.ndarray, "stage channel x y z"]:
    """The inputs of stages whose fields are in memory, shape (stage, x, y, z) or (stage, field, x, y, z).

    Raises
    ------
    MicroslipError
        Another shape or type, another number of fields than names, or values that are not finite.
    """
    values = np.asarray(voxels)
    if values.ndim not in (4, 5):
        raise MicroslipError(f"voxels have shape {values.shape}: give (stage, x, y, z) or (stage, field, x, y, z)")
    values = values if values.ndim == 5 else values[:, None]
    fields = arguments.reals("voxels", values, ("stage", "field", "x", "y", "z"))
    if fields.shape[1] != len(names):
        raise MicroslipError(
            f"voxels hold {fields.shape[1]} fields, and {len(names)} are named ({', '.join(names)}): name each one"
        )
    return np.stack([on_scale(name, fields[:, i], floor, transform) for i, name in enumerate(names)], axis=1)


def read_inputs(
    voxels: xr.Dataset,
    strain_increment: Float[np.ndarray, "stage"],
    names: Sequence[str],
    floor: float,
    transform: str,
    first: int = 0,
) -> Iterator[Float32[np.ndarray, "some channel x y z"]]:
    """The inputs of all stages in order, some at a time; `first` is the number of the first one.

    Raises
    ------
    MicroslipError
        A quantity that the voxels do not hold, or values that are not finite.
    """
    held = [name for name in on_nodes() if name in voxels]
    missing = [name for name in names if name not in OF_STAGE and name not in held]
    if missing:
        wanted = ", ".join(f'"{name}"' for name in [*held, *missing])
        raise MicroslipError(
            f"network.inputs names {', '.join(missing)}, voxels.zarr holds {', '.join(held)}:"
            f" run `microslip voxels` with --set 'voxels.fields=[{wanted}]' first"
        )
    shape = voxels["d2min"].shape
    if shape[0] != len(strain_increment):
        raise MicroslipError(
            f"the voxels hold {shape[0]} stages, the table of stages {len(strain_increment)}: run the voxels step again"
        )
    for start in range(0, shape[0], STAGES_PER_READ):
        some = slice(start, min(start + STAGES_PER_READ, shape[0]))
        inputs = np.empty((some.stop - start, len(names), *shape[1:]), dtype=np.float32)
        for channel, name in enumerate(names):
            if name == "strain_increment":
                inputs[:, channel] = on_scale(name, strain_increment[some], floor, transform)[:, None, None, None]
            else:
                inputs[:, channel] = on_scale(name, voxels[name][some].to_numpy(), floor, transform)
        bad = ~np.isfinite(inputs).all(axis=(1, 2, 3, 4))
        if bad.any():
            raise MicroslipError(
                f"voxels.zarr holds values that are not finite, first in stage {first + start + int(np.argmax(bad))}:"
                " run the voxels step again"
            )
        yield inputs


def write_inputs(
    path: Path, n_stages: int, batches: Iterable[Float32[np.ndarray, "some channel x y z"]]
) -> Float32[np.ndarray, "stage channel x y z"]:
    """All batches in one file, which is read as it is needed, so that a run larger than memory can be learnt.

    It is written and only then memory-mapped: a disk that fills up under a map kills the process without a word.
    """
    done = 0
    with naming(path), path.open("wb") as file:
        for batch in batches:
            if done == 0:
                about = {"descr": "<f4", "fortran_order": False, "shape": (n_stages, *batch.shape[1:])}
                write_array_header_1_0(file, about)
            file.write(np.ascontiguousarray(batch, dtype="<f4").data)
            done += len(batch)
    if done != n_stages:
        raise MicroslipError(
            f"the voxels hold {done} stages, the table of stages {n_stages}: run the voxels step again"
        )
    inputs: np.ndarray = np.load(path, mmap_mode="r")
    return inputs


def changed(
    batches: Iterable[Float32[np.ndarray, "some channel x y z"]], change: Change, seed: int
) -> Iterator[Float32[np.ndarray, "some channel i j k"]]:
    """Every stage changed, each with a random stream of its own."""
    stage = 0
    for batch in batches:
        changed_fields = []
        for fields in batch:
            changed_fields.append(np.asarray(change(fields, np.random.default_rng([seed, stage])), dtype=np.float32))
            stage += 1
        yield np.stack(changed_fields)
