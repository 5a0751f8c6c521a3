"""Another program's files → `trajectory.zarr`."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from microslip.core import arguments
from microslip.core.errors import MicroslipError
from microslip.core.messages import Caution
from microslip.core.units import inertial_number, stiffness_number
from microslip.data.files import replacing
from microslip.data.provenance import versions
from microslip.data.stage_stress import imported_measure
from microslip.data.store import add_column, array, finish_store
from microslip.data.trajectory import FRAMES, SERIES, TrajectoryWriter
from microslip.formats.assembly.assemble import assemble
from microslip.formats.assembly.assembled import Assembled
from microslip.formats.assembly.contacts import ContactValues
from microslip.formats.assembly.digits import Digits, resolution_of
from microslip.formats.assembly.far_motion import check_told_motion
from microslip.formats.assembly.layout import find_plane, lay_out
from microslip.formats.assembly.strain import lean, strain_of_frames
from microslip.formats.assembly.stress_curve import curve_of, pressure_of, resisting
from microslip.formats.files import find_files, fits
from microslip.formats.frame import Frame
from microslip.formats.reading import in_order, read_frames_of
from microslip.formats.registry import reader, recognise
from microslip.formats.series.stress import StressTable, read_stress
from microslip.formats.source import Source

# Six digits in a cell of some ten d̄ are coarser than this, single precision is not [d̄].
COARSE = 2.5e-6


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
    stress_table = read_stress(source, layout.area) if source.series else None
    known_pressure = pressure_of(source, stress_table, say)
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
        digits = Digits(layout.axes[::2] if layout.planar else layout.axes)
        frames = digits.looked_at(read_frames_of(files, kind, source, notes.append))
        if source.sheared:
            frames = lean(frames, source, stress_table)
        made = assemble(frames, source, beside, contacts, kept, reader(kind).grains_come_and_go, progress, say)
        made.refuse_disorder()
        if len(made.step) < 2:
            raise _too_few("one frame is no run, two or more are needed", source, [*notes, *made.notes])
        resolution = resolution_of(digits, layout)
        _finish(beside, source, kind, made, stress_table, known_pressure, resolution, contacts is not None, say)
        finish_store(beside)
    for note in [*notes, *made.notes, *(stress_table.notes if stress_table else ())]:
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


def _finish(
    path: Path,
    source: Source,
    kind: str,
    made: Assembled,
    stress_table: StressTable | None,
    pressure: float | None,
    resolution: float,
    contacts: bool,
    say: Callable[[str], None],
) -> None:
    """Series, samples of the frames, cells and attributes."""
    store, layout = zarr.open_group(path, mode="r+"), made.layout
    frame_strain, origin, by_walls = strain_of_frames(made, source, stress_table)
    check_told_motion(made, frame_strain, origin)
    by = origin
    if by_walls and np.isfinite(made.followed).any():
        by += f": at most {np.nanmax(made.followed):.2g} of Lx between frames, if it is not whole Lx more"
    say(f"{len(made.step)} frames to a strain of {frame_strain[-1] - frame_strain[0]:.4g}, by {by}")
    curve = curve_of(store, made, stress_table, frame_strain, pressure or 1.0, say)
    late = curve.stress[len(curve.stress) // 2 :]
    sign = 1.0
    if np.isfinite(late).any() and np.nanmean(late) < 0:
        sign = -1.0
        say(Caution("the shear stress is negative on the whole: its sign is turned, so that it resists the shear"))
    if not np.isfinite(curve.stress).any():
        say("no stress is known: stages are windows of strain, `--set stages.window=…` of `microslip stages`")
    elif stress_table is None and contacts:
        say("the stress is that of the contacts, summed over the bulk grains")
    writer = TrajectoryWriter(path)
    samples = dict.fromkeys(SERIES, np.full(len(curve.strain), np.nan))
    samples |= {"strain": curve.strain, "stress": sign * curve.stress, "normal_stress": curve.normal}
    samples["stress_volume"] = resisting(curve.volume)
    if stress_table is not None and np.isfinite(curve.volume).any():
        whose = imported_measure(None, samples)
        say(
            f"the stress of the volume is known from the contacts in {np.isfinite(curve.volume).sum()} samples: stages"
            f" are found in the {whose.title}, unless stages.stress says otherwise"
        )
    writer.add_samples(samples)
    writer.frame_sample[:] = curve.frame_sample
    frames = store["frames"]
    assert isinstance(frames, zarr.Group)
    columns = {"strain": frame_strain, "step": np.array(made.step)}
    lengths = np.array(made.lengths)
    if np.ptp(lengths, axis=0).any() or np.any(made.tilt):
        columns["cell"] = np.column_stack([lengths, made.tilt])
    for name, values in columns.items():
        add_column(frames, FRAMES[name], {"frame": len(values), "edge": 4})[:] = values
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
            "diameters_known": layout.diameters_known,
            "strain_from": origin,
            **_numbers(source, layout.length, pressure),
            "versions": versions(),
        }
    )


def _from_anywhere(source: Source) -> dict[str, Any]:
    """The source with whole names of files: the run folder may be used from another folder than this one."""
    settings = source.model_dump(mode="json")
    settings["files"] = [os.path.abspath(name) for name in source.files]
    return settings | {name: os.path.abspath(settings[name]) for name in ("series", "contacts") if settings[name]}


def _numbers(source: Source, length: float, pressure: float | None) -> dict[str, float]:
    """I and κ where the settings tell what they are made of."""
    numbers: dict[str, float] = {}
    if pressure is None:
        return numbers
    if source.density is not None and source.shear_rate is not None:
        numbers["inertial_number"] = inertial_number(source.shear_rate, length, source.density, pressure)
    if source.youngs_modulus is not None and source.poisson_ratio is not None:
        numbers["stiffness_number"] = stiffness_number(source.youngs_modulus, source.poisson_ratio, pressure)
    return numbers
