"""A whole small run, and the trajectory of any other one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w
from jaxtyping import Float, Float64, Int64

from microslip.artificial.packings import Packing, packing
from microslip.artificial.stress import StickSlip, stage_table, stick_slip
from microslip.core.grain_values import GrainValues
from microslip.data.files import write_table
from microslip.data.run import Run
from microslip.data.store import add_array, create_store
from microslip.data.trajectory import CONTACT_VALUES, SERIES, TrajectoryWriter, create_trajectory
from microslip.fields.registry import FIELDS

# Settings with which every step after the simulation takes seconds on the run below.
FAST: dict[str, dict[str, Any]] = {
    "split": {"guard": 1},
    "network": {"channels": [4, 8], "hidden": 8},
    "training": {"epochs": 3, "batch_size": 8, "threads": 1, "device": "cpu"},
    "attribution": {
        "n_stages": 4, "n_steps": 8, "completeness": 0.5, "n_compared": 2, "null_epochs": 1, "n_noisy": 2
    },
    "correlation": {"n_bins": 2},
}  # fmt: skip


def write_trajectory(
    folder: Path,
    grains: Packing,
    series: Mapping[str, Float[np.ndarray, "sample"]],
    sample: Int64[np.ndarray, "frame"],
    positions: Float64[np.ndarray, "frame grain 3"],
    *,
    values: GrainValues | None = None,
    cell_volume: Float[np.ndarray, "frame grain"] | None = None,
    cells: Float64[np.ndarray, "frame 4"] | None = None,
    ids: Int64[np.ndarray, "grain"] | None = None,
    attributes: Mapping[str, Any] | None = None,
) -> None:
    """`trajectory.zarr` of a run folder, as the simulation and the import leave it.

    Parameters
    ----------
    series
        `strain`, `stress` and whatever else of `data.trajectory.SERIES` is known; what is not is NaN.
    sample, positions
        Index of each frame into the series, and unwrapped centres [d̄].
    values, cell_volume
        Stress, energy and contacts of every grain in every frame, and volumes of its cells; left out of the store where
        left out here.
    cells
        Lx, Ly, Lz and tilt of each frame's own cell [d̄].
    attributes
        What the store says besides the box.
    """
    kept = [*(CONTACT_VALUES if values is not None else ()), *(["cell_volume"] if cell_volume is not None else ())]
    about = {"box": list(grains.box.lengths), "periodic": list(grains.box.periodic), **(attributes or {})}
    store = folder / "trajectory.zarr"
    create_trajectory(store, grains.diameters, grains.kind, about, ids, kept, cells is not None)
    writer = TrajectoryWriter(store)
    unknown = np.full(len(series["strain"]), np.nan)
    writer.add_samples({name: series.get(name, unknown) for name in SERIES})
    writer.add_frames(sample, positions, values, cells)
    if cell_volume is not None:
        writer.kept["cell_volume"][:] = cell_volume


def write_fields(
    folder: Path, values: Mapping[str, Float[np.ndarray, "stage grain *axis"]], per_chunk: int | None = None
) -> None:
    """`fields.zarr` of a run folder, with these values by the names of their arrays; `per_chunk` stages in a chunk."""
    known = {field.array or field.name: field for field in FIELDS.values()}
    store = create_store(folder / "fields.zarr", {})
    for name, array in values.items():
        field, dimensions = known[name], ["stage", "grain", "axis"][: array.ndim]
        about = (field.dtype, field.unit, field.description)
        add_array(store, name, dimensions, array.shape, *about, per_chunk=per_chunk)[:] = array


def run(
    folder: str | Path,
    *,
    seed: int,
    n_stages: int = 40,
    lengths: tuple[float, float, float] = (8.0, 6.0, 8.0),
    motion: float = 0.02,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
) -> Run:
    """A run folder as `microslip simulate` and `microslip stages` leave it, on which every later step takes seconds.

    The packing and the stress are those of `packing` and `stick_slip`; one frame is kept at every turning point. From
    frame to frame all grains follow the shear, and those of a patch some 2 d̄ wide move at random on top, by `motion`
    times the root of the stage's size over the largest. The patch of a stick lies below the middle of the cell, that of
    a slip above it, the farther away the larger the stage is: so the pattern of D²min tells the stage's stress change.
    Grains carry the stress of the whole packing, energies and cells of random size.

    Parameters
    ----------
    folder
        A new or an empty one; files of a run that are there are written over.
    n_stages
        See `stick_slip`; a network takes at least 20.
    lengths
        Of the box [d̄].
    motion
        Standard deviation of the random motion along each axis, in the largest stage [d̄].
    settings
        Sections of config.toml whose keys go before those of `FAST`.

    Returns
    -------
    Run
        With config.toml, trajectory.zarr and stages.csv. `microslip stages` finds the same stages.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    grains, events = packing(lengths, seed=seed), stick_slip(n_stages, seed=seed)
    sample = events.turning_sample
    write_table(folder / "stages.csv", stage_table(sample, events.strain[sample], events.stress[sample]))
    positions = _sheared(grains, events, motion, rng)
    shape = (n_stages + 1, len(grains.kind))
    tensor = np.zeros((*shape, 6))
    tensor[..., :3] = 1 + rng.normal(0, 0.1, (*shape, 3))
    tensor[..., 4] = events.stress[sample][:, None] + rng.normal(0, 0.05, shape)
    energy, n_contacts = 1e-4 * rng.lognormal(0, 0.5, shape), rng.poisson(5, shape).astype(float)
    volume = np.pi / 6 * grains.diameters**3
    fraction = volume[grains.kind == 0].sum() / np.prod(lengths)
    apart = rng.normal(0, 1e-6, len(events.stress))
    same = np.ones(len(events.stress))
    series = {
        "strain": events.strain,
        **dict.fromkeys(("stress", "stress_volume"), events.stress),
        "stress_bottom": events.stress + apart,
        "stress_top": events.stress - apart,
        "normal_stress": same,
        "height": lengths[2] * same,
        "solid_fraction": fraction * same,
    }
    config = _settings(seed, events, lengths, settings or {})
    sections = ("cell", "loading", "recording")
    attributes = {
        "seed": seed,
        "config": {"seed": seed, **{name: config[name] for name in sections}},
        "inertial_number": 1e-4,
        "versions": {"numpy": np.__version__},
    }
    cell_volume = volume / fraction * rng.uniform(0.9, 1.1, shape)
    values = GrainValues(tensor, energy, n_contacts, rng.binomial(n_contacts.astype(int), 0.1).astype(float))
    write_trajectory(
        folder, grains, series, sample, positions, values=values, cell_volume=cell_volume, attributes=attributes
    )
    (folder / "config.toml").write_text(tomli_w.dumps(config), encoding="utf-8")
    return Run(folder)


def _settings(
    seed: int, events: StickSlip, lengths: tuple[float, float, float], given: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """What config.toml says beyond the defaults."""
    own: dict[str, dict[str, Any]] = {
        "cell": dict(zip(("length", "depth", "height"), lengths, strict=True)),
        "loading": {"strain": float(events.strain[-1]), "warm_up": 0.0},
        "recording": {"threshold": 1e-4, "cell_volumes": True},
        **FAST,
    }
    return {"seed": seed, **{name: own.get(name, {}) | dict(given.get(name, {})) for name in {**own, **given}}}


def _sheared(
    grains: Packing, events: StickSlip, motion: float, rng: np.random.Generator
) -> Float64[np.ndarray, "frame grain 3"]:
    """Positions at the turning points; see `run`."""
    lengths, stages = np.array(grains.box.lengths), events.stages
    positions = np.repeat(grains.positions[None], len(stages) + 1, axis=0)
    # some grains have gone around the cell before
    positions[..., 0] += lengths[0] * (np.arange(len(grains.kind)) % 3 - 1)
    size = stages["fluctuation"].abs().to_numpy()
    side = np.sign(stages["fluctuation"].to_numpy())
    middle = lengths[2] * (0.5 + 0.4 * side * np.argsort(np.argsort(size)) / len(size))
    for stage, (height, share) in enumerate(zip(middle, np.sqrt(size / size.max()), strict=True)):
        centre = np.array([*rng.uniform(0, lengths[:2]), height])
        away = grains.box.minimum_image(grains.positions - centre)
        within = np.exp(-(away**2).sum(axis=1) / 4) + 0.02
        moved = motion * share * within[:, None] * rng.normal(size=positions.shape[1:])
        positions[stage + 1] = positions[stage] + np.where(grains.kind[:, None] == 0, moved, 0)
    sheared = np.append(stages["start_strain"], stages["end_strain"].iloc[-1]) - stages["start_strain"].iloc[0]
    positions[..., 0] += sheared[:, None] * grains.positions[:, 2]
    return positions
