"""The settings of a run folder: whole as they were written, and those that its trajectory was made with."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pydantic import ValidationError

from microslip.config import Config, load_config, write_config
from microslip.config_files import FIRST_LINE, count_settings, read_toml
from microslip.core.errors import MicroslipError
from microslip.core.visible import quoted
from microslip.data.run import Run, as_named
from microslip.data.text_files import read_text
from microslip.dem.checks import sections_of
from microslip.dem.config import ShearCell


def run_config(folder: Path, overrides: Iterable[str] = ()) -> Config:
    """The configuration of a run folder, with overrides such as `stages.threshold=1e-4`.

    Raises
    ------
    MicroslipError
        As `load_config`; or settings of a run that has begun are missing, or are not those of its trajectory.
    """
    path = folder / "config.toml"
    if path.exists() and (problem := damage(folder)):
        raise MicroslipError(f"{path} {problem}: {_remedy(folder)}")
    config = load_config(path, overrides)
    if problem := contradiction(folder, load_config(path)):
        raise MicroslipError(f"{path} {problem}: {_remedy(folder)}")
    return config


def damage(folder: Path) -> str | None:
    """What the settings of a run that has begun have lost since they were written; None where they are whole.

    A folder in which no step has run may hold a preset, which says only what differs from the defaults.
    """
    path = folder / "config.toml"
    if not any((folder / name).exists() for name in ("trajectory.zarr", "provenance.json")):
        return None
    content = read_toml(path)
    first = FIRST_LINE.match(read_text(path, "restore it"))
    if first and (n := count_settings(content)) < int(first[1]):
        return f"holds {n} of the {first[1]} settings that were written there"
    # older versions wrote no such line; what they lost, the trajectory tells where it is of the cell
    return None if count_settings(content) else "is empty"


def run_folder(folder: Path, config: Config) -> Path:
    """Make a run folder, or accept an existing one.

    Raises
    ------
    MicroslipError
        The path is a file, or a folder with other content.
    """
    folder = as_named(folder)
    if folder.exists() and not folder.is_dir():
        raise MicroslipError(f"{folder} is a file: choose a folder with --into")
    known = ("config.toml", "provenance.json", "trajectory.zarr")
    seen = [path for path in folder.iterdir() if not path.name.startswith(".")] if folder.is_dir() else []
    if seen and not any((folder / name).exists() for name in known):
        raise MicroslipError(f"{folder} is not a run folder and is not empty: choose another one with --into")
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "config.toml").exists() or _is_damaged(folder):
        write_config(config, folder / "config.toml")
    return folder


def _is_damaged(folder: Path) -> bool:
    """Whether the settings in a run folder have lost some, so that those given take their place."""
    try:
        return damage(folder) is not None
    except MicroslipError:
        return True


def contradiction(folder: Path, config: Config) -> str | None:
    """Where the settings are not those that the trajectory was made with; None where they agree or it is unreadable."""
    try:
        made = Run(folder).attributes
    except MicroslipError:
        # what is wrong with the trajectory, the steps say that read it
        return None
    imported = bool(made.get("imported"))
    if imported != (config.source is not None):
        return f"{'has no' if imported else 'has a'} [source], and trajectory.zarr was {_origin(imported)}"
    if (
        config.shear_cell is None
        or not {"seed", "grains", "cell", "loading", "recording"} <= made.get("config", {}).keys()
    ):
        return None
    try:
        before = sections_of(ShearCell.model_validate(made["config"]))
    except ValidationError:
        return None
    now = sections_of(config.shear_cell)
    for section, values in before.items():
        for key, value in values.items():
            if (given := now[section].get(key)) != value:
                name = f"{section}.{key}".removeprefix(".")
                return f"says {name} = {given}, and trajectory.zarr was made with {value}"
    return None


def _origin(imported: bool) -> str:
    return "imported" if imported else "simulated"


def _remedy(folder: Path) -> str:
    return (
        "put the file back, or remove it and give the TOML file that the run was made from,"
        f" microslip run TOML --into {quoted(folder)}"
    )
