"""Another program's files → the stores of a run."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from microslip.config import Config
from microslip.core import arguments
from microslip.core.errors import MicroslipError
from microslip.core.messages import Caution
from microslip.core.units import inertial_number, stiffness_number
from microslip.core.volume import grain_volume
from microslip.data.files import replacing
from microslip.data.provenance import versions
from microslip.data.run import Run
from microslip.data.store import add_array, finish_store
from microslip.data.trajectory import SERIES, TrajectoryWriter
from microslip.dem.native.config import usable_cores
from microslip.formats.assembly.assemble import Assembled, assemble
from microslip.formats.assembly.contacts import ContactValues
from microslip.formats.assembly.far_motion import check_told_motion
from microslip.formats.assembly.layout import Layout, find_plane, lay_out
from microslip.formats.files import find_files, fits
from microslip.formats.frame import Frame, places
from microslip.formats.reading import in_order, read_frames_of
from microslip.formats.registry import reader, recognise
from microslip.formats.series.stress import StressTable, lean, read_stress, strain_of_frames, strain_of_samples
from microslip.formats.source import Source
from microslip.steps.common import Advance, Say, array

# Progress is counted in megabytes of the files.
MEGABYTE = 10**6
# Six digits in a cell of some ten d̄ are coarser than this, single precision is not [d̄].
COARSE = 2.5e-6
# Frames whose digits are looked at, at most.
FRAMES_LOOKED_AT = 8


def import_step(run: Run, config: Config, mark: str, advance: Advance, say: Say) -> None:
    """Read another program's files."""
    if config.source is None:
        raise MicroslipError(f"{run.folder / 'config.toml'} has no [source]: `microslip import` makes such a run")
    total = sum(path.stat().st_size for path in find_files(config.source.files)) // MEGABYTE + 1
    store = run.folder / "trajectory.zarr"
    read_trajectory(config.source, store, lambda share: advance(round(share * total), total), say)
    if config.source.cell_volumes:
        from microslip.dem.launch import voronoi_cells

        say("Voronoi cells of the frames")
        n_ranks = usable_cores()
        voronoi_cells(run.folder, n_ranks, lambda message: advance(message["sample"] + 1, message["total"]))


def read_trajectory(
    source: Source,
    path: str | Path,
    progress: Callable[[float], None] = lambda share: None,
    say: Callable[[str], None] = lambda sentence: None,
) -> None:
    """Read another program's files into a `trajectory.zarr`, in our axes and units.

    Parameters
    ----------
    source
        Which files, and what their numbers mean.
    path
        The store to write; it takes its place when it is whole.
    progress, say
        Called with the share of the files that has been read, and with sentences on what was decided and met.

    Raises
    ------
    MicroslipError
        What is wrong with the files, with file, frame and line; what the settings leave open.
    """
    arguments.record("source", source, Source, "give microslip.Source(files=…)")
    path = arguments.path("path", path)
    files = find_files(source.files)
    kind = recognise(files[0]) if source.format == "auto" else source.format
    notes: list[str] = []
    ordered = in_order(files, kind, source, notes.append)
    sorted_ = ", in the order of the steps in them" if ordered != files[: len(ordered)] else ""
    say(f"{len(files)} file{'s' if len(files) > 1 else ''} read as {kind}{sorted_}")
    files = ordered
    first = _first_frame(files, kind, source)
    if not first.step_told:
        say("the files tell no time steps: the frames are numbered from 0")
    source = find_plane(first, source)
    if source.planar and source.youngs_modulus is not None:
        raise MicroslipError(
            "source.youngs_modulus is given for the energy of Hertz contacts, which is that of spheres and not of the"
            " discs of a planar run: leave it out"
        )
    if source.sheared:
        first = next(lean([first], source, None))
    layout = lay_out(first, source)
    told = read_stress(source, layout.area) if source.series else None
    known_pressure = _pressure(source, told, say)
    pressure = 1.0 if known_pressure is None else known_pressure
    contacts = None
    if source.contacts:
        # in the order of the frames, without those that a restart replaces
        of_contacts = in_order(find_files([source.contacts]), "lammps", source, notes.append)
        contacts = ContactValues(of_contacts, source, pressure, say)
    energies = source.youngs_modulus is not None and source.poisson_ratio is not None
    kept = ("grain_stress", "n_contacts", *(("grain_energy",) if energies else ())) if contacts else ()
    kept += ("cell_volume",) if source.cell_volumes else ()
    with replacing(path) as beside:
        digits = _Digits(layout.axes[::2] if layout.planar else layout.axes)
        frames = digits.looked_at(read_frames_of(files, kind, source, notes.append))
        if source.sheared:
            frames = lean(frames, source, told)
        made = assemble(frames, source, beside, contacts, kept, reader(kind).grains_come_and_go, progress, say)
        made.refuse_disorder()
        if len(made.step) < 2:
            raise _too_few("one frame is no run, two or more are needed", source, [*notes, *made.notes])
        resolution = _resolution(digits, layout)
        _finish(beside, source, kind, made, told, known_pressure, resolution, contacts is not None, say)
        finish_store(beside)
    for note in [*notes, *made.notes, *(told.notes if told else ())]:
        say(Caution(note))
    if made.n_missing:
        share = made.n_missing / (made.n_grains * len(made.step))
        say(f"{made.n_missing} positions are missing ({share:.2%} of {made.n_grains} grains × {len(made.step)} frames)")
    if contacts:
        left = f"; {contacts.n_strangers} contacts with none of its grains are left out" if contacts.n_strangers else ""
        say(f"contacts in {contacts.n_frames} of {len(made.step)} frames{left}")


def _first_frame(files: list[Path], kind: Any, source: Source) -> Frame:
    notes: list[str] = []
    for frame in read_frames_of(files, kind, source, notes.append):
        return frame
    raise _too_few("no whole frame", source, notes)


def _too_few(what: str, source: Source, notes: Sequence[str]) -> MicroslipError:
    """What was given, what was asked for, and what was met on the way."""
    asked = [
        f"source.{name} = {value}"
        for name, value in (("first_step", source.first_step), ("last_step", source.last_step))
        if value is not None
    ]
    return MicroslipError("; ".join([f"{what}: {fits(source.files)}", *asked, *notes[:3]]))


class _Digits:
    """How finely the files know their positions, from frames spread evenly over the run.

    One frame would not do: a run may begin on a lattice, whose coordinates have few digits.
    """

    def __init__(self, axes: Sequence[int]) -> None:
        self.axes = axes
        self.steps: list[float] = []
        self._every = 1

    def looked_at(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """The same frames, some of which are looked at on their way."""
        for number, frame in enumerate(frames):
            if number % self._every == 0 and frame.n_grains:
                if len(self.steps) == FRAMES_LOOKED_AT:
                    self.steps, self._every = self.steps[::2], 2 * self._every
                if number % self._every == 0:
                    self.steps.append(_step_of(frame, self.axes))
            yield frame


def _step_of(frame: Frame, axes: Sequence[int]) -> float:
    """The step in which a frame knows its positions along these axes, in the file's lengths."""
    from microslip.fields.precision import position_resolution

    found = places(frame)
    steps = []
    for axis in axes:
        coordinate = found.written[:, axis]
        known = coordinate[np.isfinite(coordinate) & (coordinate != 0)]
        if len(known):
            steps.append(position_resolution(np.repeat(known[:, None], 3, axis=1)) * found.scale[axis])
    return float(np.sqrt(np.mean(np.square(steps or [0.0]))))


def _resolution(digits: _Digits, layout: Layout) -> float:
    """The step in which the files know their positions [d̄]."""
    # the upper of the middle two, for frames of which half are coarse are coarse; of two the second, for the first may
    # lie on a lattice
    n = len(digits.steps)
    step = digits.steps[-1] if n == 2 else sorted(digits.steps)[n // 2] if n else 0.0
    # a rounding to a step is spread evenly over it: its standard deviation is the step over √12
    measured = (layout.source.position_error or 0.0) * np.sqrt(12)
    return float(np.hypot(step, measured)) / layout.length


def _pressure(source: Source, told: StressTable | None, say: Say) -> float | None:
    """p in the files' stresses; None where nothing sets their scale."""
    known = told is not None and np.isfinite(told.normal).any()
    normal = float(np.nanmean(told.normal)) if told is not None and known else np.nan
    spread = float(np.nanstd(told.normal)) if told is not None and known else np.nan
    if source.pressure == "none":
        say("stresses are in the files' own unit: source.pressure = none")
        return None
    if source.pressure is not None:
        if known and not 0.5 < abs(normal) / source.pressure < 2:
            say(
                Caution(
                    f"the mean normal stress is {normal:.4g}, and p = {source.pressure:.4g} is given: check the unit"
                )
            )
        return source.pressure
    if known and spread > abs(normal):
        say(f"the normal stress, {normal:.3g} ± {spread:.3g}, sets no scale")
        normal = 0.0
    if np.isfinite(normal) and normal != 0:
        say(f"p = {abs(normal):.6g} in the file's stresses, the mean normal stress; else give --pressure")
        return abs(normal)
    say("no p is known: stresses are in the file's own unit; else give --pressure")
    return None


@dataclass(frozen=True)
class _Curve:
    """The series in our units, and the sample of each frame."""

    strain: np.ndarray
    stress: np.ndarray
    normal: np.ndarray
    frame_sample: np.ndarray


def _curve(
    store: zarr.Group, made: Assembled, told: StressTable | None, frame_strain: np.ndarray, pressure: float, say: Say
) -> _Curve:
    if told is None:
        shear, normal = _stress_from_contacts(store, made)
        return _Curve(frame_strain, shear, normal, np.arange(len(frame_strain)))
    strain = strain_of_samples(told, np.array(made.step, dtype=float), frame_strain)
    within = np.isfinite(strain)
    if within.sum() < 2:
        raise MicroslipError(
            f"the series goes from step {told.step[0]:.0f} to {told.step[-1]:.0f}, the frames from {made.step[0]} to"
            f" {made.step[-1]}: they have no steps in common; check source.step_column"
        )
    beyond = int(((frame_strain < strain[within][0]) | (frame_strain > strain[within][-1])).sum())
    if beyond:
        say(Caution(f"{beyond} frames lie beyond the series, in steps or strain, and take its nearest sample"))
    strain = strain[within]
    middles = (strain[:-1] + strain[1:]) / 2
    nearest = np.searchsorted(middles, frame_strain)
    return _Curve(strain, told.shear[within] / pressure, told.normal[within] / pressure, nearest)


def _stress_from_contacts(store: zarr.Group, made: Assembled) -> tuple[np.ndarray, np.ndarray]:
    """Shear and normal stress of the whole cell in every frame [p]: Σ V σ of the bulk grains over their cell."""
    n = len(made.step)
    shear, normal = np.full(n, np.nan), np.full(n, np.nan)
    if "frames/grain_stress" not in store:
        return shear, normal
    diameter = np.asarray(array(store, "grains/diameter")[:])
    volume = grain_volume(diameter, made.layout.planar) * (np.asarray(array(store, "grains/kind")[:]) == 0)
    box_volume = np.prod(np.array(made.lengths)[:, :2], axis=1) * np.array(made.height)
    stress = array(store, "frames/grain_stress")
    for frame in range(n):
        one = np.asarray(stress[frame], dtype=float)
        if np.isfinite(one).any():
            total = np.nansum(volume[:, None] * one, axis=0) / box_volume[frame]
            shear[frame], normal[frame] = total[4], total[2]
    return shear, normal


def _finish(
    path: Path,
    source: Source,
    kind: str,
    made: Assembled,
    told: StressTable | None,
    pressure: float | None,
    resolution: float,
    contacts: bool,
    say: Say,
) -> None:
    """Series, samples of the frames, cells and attributes."""
    store, layout = zarr.open_group(path, mode="r+"), made.layout
    frame_strain, origin = strain_of_frames(made, source, told)
    check_told_motion(made, frame_strain, origin)
    by = origin
    if origin.startswith("the motion of the walls") and np.isfinite(made.followed).any():
        by += f": at most {np.nanmax(made.followed):.2g} of Lx between frames, if it is not whole Lx more"
    say(f"{len(made.step)} frames to a strain of {frame_strain[-1] - frame_strain[0]:.4g}, by {by}")
    curve = _curve(store, made, told, frame_strain, pressure or 1.0, say)
    late = curve.stress[len(curve.stress) // 2 :]
    sign = 1.0
    if np.isfinite(late).any() and np.nanmean(late) < 0:
        sign = -1.0
        say(Caution("the shear stress is negative on the whole: its sign is turned, so that it resists the shear"))
    if not np.isfinite(curve.stress).any():
        say("no stress is known: stages are windows of strain, `--set stages.window=…` of `microslip stages`")
    elif told is None and contacts:
        say("the stress is that of the contacts, summed over the bulk grains")
    writer = TrajectoryWriter(path)
    columns = dict.fromkeys(SERIES, np.full(len(curve.strain), np.nan))
    columns |= {"strain": curve.strain, "stress": sign * curve.stress, "normal_stress": curve.normal}
    writer.add_samples(columns)
    writer.frame_sample[:] = curve.frame_sample
    frames = store["frames"]
    assert isinstance(frames, zarr.Group)
    n = len(made.step)
    add_array(frames, "strain", ["frame"], (n,), "float64", "", "shear strain γ")[:] = frame_strain
    add_array(frames, "step", ["frame"], (n,), "int64", "", "the files' own time step")[:] = np.array(made.step)
    lengths = np.array(made.lengths)
    if np.ptp(lengths, axis=0).any() or np.any(made.tilt):
        cell = np.column_stack([lengths, made.tilt])
        meaning = "Lx, Ly, Lz of the cell, and how far along x its copy above lies"
        add_array(frames, "cell", ["frame", "edge"], cell.shape, "float64", "d", meaning)[:] = cell
    if resolution > COARSE:
        remedy = f"keep more digits, {reader(kind).more_digits}"
        if source.position_error:
            remedy = "measure them better, or use longer stages"
        say(
            Caution(
                f"the files know positions to {resolution:.2g} d̄ only, so that D²min below some"
                f" {10 * resolution**2:.1g} d̄² is rounding: {remedy}"
            )
        )
    if np.isfinite(made.wall_shift).all():
        array(store, "series/height")[:] = np.interp(curve.strain, frame_strain, made.height)
    store.attrs.update(
        {
            "box": lengths[0].tolist(),
            "periodic": list(layout.periodic),
            "planar": layout.planar,
            "imported": True,
            "engine": kind,
            "source": _from_anywhere(source),
            "length": layout.length,
            "pressure": pressure or 1.0,
            "pressure_known": pressure is not None,
            "position_resolution": resolution,
            "strain_from": origin,
            **_numbers(source, layout.length, pressure),
            "versions": versions(),
        }
    )


def _from_anywhere(source: Source) -> dict[str, Any]:
    """The source with whole names of files: the run folder may be used from another folder than this one."""
    found = source.model_dump(mode="json")
    found["files"] = [os.path.abspath(name) for name in source.files]
    return found | {name: os.path.abspath(found[name]) for name in ("series", "contacts") if found[name]}


def _numbers(source: Source, length: float, pressure: float | None) -> dict[str, float]:
    """I and κ where the settings tell what they are made of."""
    found: dict[str, float] = {}
    if pressure is None:
        return found
    if source.density is not None and source.shear_rate is not None:
        found["inertial_number"] = inertial_number(source.shear_rate, length, source.density, pressure)
    if source.youngs_modulus is not None and source.poisson_ratio is not None:
        found["stiffness_number"] = stiffness_number(source.youngs_modulus, source.poisson_ratio, pressure)
    return found
