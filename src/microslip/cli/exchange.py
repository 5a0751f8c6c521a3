"""Verbs that bring other programs' runs here and take runs to other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from microslip.cli.common import (
    Set,
    bar,
    console,
    perform_step,
)
from microslip.config import source_config
from microslip.config_files import read_toml
from microslip.core.errors import MicroslipError
from microslip.core.visible import quoted
from microslip.data.holding import only_one
from microslip.data.run import open_run
from microslip.data.seals import check_whole
from microslip.formats.files import find_files
from microslip.formats.registry import Exported, Format
from microslip.formats.source import Axis
from microslip.states import is_current, refuse_stale
from microslip.steps.export import export_run
from microslip.steps.run_settings import run_config, run_folder


def import_(
    *source: Path,
    into: Path | None = None,
    format: Format | None = None,
    flow: Axis | None = None,
    gradient: Axis | None = None,
    walls: Annotated[list[int] | None, Parameter(negative="", consume_multiple=True)] = None,
    length: float | None = None,
    pressure: float | Literal["none"] | None = None,
    strain_per_step: float | None = None,
    series: Path | None = None,
    shear_stress: Annotated[list[str] | None, Parameter(negative="", allow_leading_hyphen=True)] = None,
    shear_force: Annotated[list[str] | None, Parameter(negative="", allow_leading_hyphen=True)] = None,
    normal_stress: Annotated[list[str] | None, Parameter(negative="", allow_leading_hyphen=True)] = None,
    columns: Annotated[list[str] | None, Parameter(negative="", consume_multiple=True)] = None,
    contacts: str | None = None,
    set_: Set = None,
) -> None:
    """Read another program's frames into a run folder, on which every later step works → trajectory.zarr.

    What the files leave open is guessed, and each guess is printed; `microslip run RUN` goes on from here.

    Parameters
    ----------
    source
        Frames in one of the formats of --format; or one TOML file with a [source] section that names them, beside
        settings of later steps.
    into
        Run folder; runs/NAME for NAME.toml where left out.
    format
        Of the frames; found by their names and first bytes where left out.
    flow
        The files' axis along which the cell is sheared; x where left out.
    gradient
        The files' axis along which the flow changes; z where left out.
    walls
        Types of the wall grains.
    length
        d̄ in the files' lengths; the mean diameter of the bulk grains where left out.
    pressure
        p in the files' stresses, or none to leave them as they are; the mean normal stress of the series where left
        out, or none.
    strain_per_step
        Shear strain a time step, shear rate × Δt; from the tilt of the cell or the motion of the walls where left out.
    series
        Table of the stress: a log, or what fix print or fix ave/time wrote.
    shear_stress
        Its column of the shear stress, such as -Pxz: a leading minus turns the sign; of several the mean is taken.
    shear_force
        Its column of the shear force on a wall instead.
    normal_stress
        Its column of the normal stress, likewise.
    columns
        The frames' names of our columns, as OURS=THEIRS: id=label x=x_mm. Ours are frame, strain, id, type, x, y, z,
        ix, iy, iz, diameter, radius.
    contacts
        File or pattern of the contacts, as dump local writes them; their columns go into source.contact_columns.
    """
    given = {
        "format": format,
        "flow": flow,
        "gradient": gradient,
        "wall_types": walls,
        "length": length,
        "pressure": pressure,
        "strain_per_step": strain_per_step,
        "series": None if series is None else str(series),
        "shear_stress": shear_stress,
        "shear_force": shear_force,
        "normal_stress": normal_stress,
        "columns": _named_columns(columns),
        "contacts": contacts,
    }
    if into is None and source and (len(source) != 1 or source[0].suffix != ".toml"):
        raise MicroslipError("say where the run shall be: --into RUN, such as --into runs/mine")
    before = read_toml(into / "config.toml") if into is not None and (into / "config.toml").is_file() else {}
    named = {name: value for name, value in given.items() if value is not None}
    settings = source_config(source, named, set_ or [], before if "source" in before else {})
    assert settings.source is not None
    # looked for before a folder is made for them
    find_files(settings.source.files)
    folder = run_folder(into or Path("runs") / source[0].stem, settings)
    with only_one(folder):
        perform_step("import", folder, settings)
    console.print(f"  go on with: microslip run {quoted(folder)}", markup=False)


def pack(
    run: Path,
    *,
    into: Path | None = None,
    stages: int = 64,
    licence: str | None = None,
    author: Annotated[list[str] | None, Parameter(negative="")] = None,
) -> None:
    """Write RUN as one zip archive that others can use: stages, voxels, splits, grain fields, and what they are.

    It says how it is opened with xarray and with plain numpy, holds a datasheet, a training script, checksums and
    RO-Crate metadata, which Zenodo reads. `microslip info` and `microslip train` take the archive itself.

    Parameters
    ----------
    into
        The archive; RUN.zip beside the run where left out.
    stages
        Stages, drawn at random, of which positions and all fields of the grains go along.
    licence
        Of the data, as an SPDX identifier; CC-BY-4.0 where left out, but for imported runs, whose makers choose it.
    author
        Who made the data, as NAME or 'NAME, ORCID'; may be repeated.
    """
    from microslip.steps.pack import pack_run

    if stages < 1:
        raise MicroslipError(f"--stages {stages} is not possible: give 1 or more")
    opened = open_run(run)
    refuse_stale(opened.folder, run_config(opened.folder))
    with only_one(opened.folder), bar("packing") as (advance, say):
        pack_run(opened, into, stages, licence, author or [], advance, say)


def _named_columns(columns: list[str] | None) -> dict[str, str] | None:
    pairs = [one.partition("=") for one in columns or []]
    for ours, equals, theirs in pairs:
        if not ours or not equals or not theirs:
            raise MicroslipError(f"--columns {ours}{equals}{theirs} is not of the form OURS=THEIRS, such as id=label")
    return {ours: theirs for ours, _, theirs in pairs} or None


def export(run: Path, what: Exported = "frames", *, into: Path | None = None, stages: str | None = None) -> None:
    """Write frames, fields or voxels of RUN for OVITO, LAMMPS, MDAnalysis (text dumps) or ParaView (VTKHDF).

    Parameters
    ----------
    what
        frames: every frame, with the series beside it and a TOML file that imports it again; fields: the grains of each
        stage at its start with their values; voxels: the nodes of every stage.
    into
        File; its ending says the format: .dump or .dump.gz for frames and fields, .vtkhdf for fields and voxels.
        RUN/export/ where left out.
    stages
        Which stages, or frames, as first:last, such as 0:100; all where left out.
    """
    opened = open_run(run)
    for name in () if what == "frames" else ("stages.csv", f"{what}.zarr"):
        check_whole(opened.folder / name)
    made = all((opened.folder / name).exists() for name in (f"{what}.zarr", "stages.csv", "config.toml"))
    if made and not is_current(what, opened.folder, run_config(opened.folder)):
        raise MicroslipError(
            f"{what} of {run} were made of other stages or settings: run `microslip {what} {quoted(run)}` again"
        )
    with bar(f"writing {what}") as (advance, say):
        export_run(opened, what, into, stages, advance, say)
