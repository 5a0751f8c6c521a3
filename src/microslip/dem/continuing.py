"""Continue a run from the last state of another one, at another rate and in another folder."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from microslip.core.errors import MicroslipError
from microslip.data.files import read_json, replacing, write_json
from microslip.data.provenance import digest_output
from microslip.dem.checkpoints import POINTER, check_files, read_pointer
from microslip.dem.checks import sections_of
from microslip.dem.config import ShearCell

# Beside the checkpoints: what a run goes on from, and the name of the engine's state there.
ORIGIN, STATE = "origin.json", "origin"
# Sections in which the new run may differ: they say how it is sheared and recorded, not what is sheared.
FREE = ("loading", "recording")
KEPT_OF_LOADING = ("pressure", "preparation_friction", "hold")


def continued_defaults(run: Path, before: ShearCell, overrides: Iterable[str]) -> list[str]:
    """Default settings of a run that continues another one.

    It begins at the rate that the other has reached, slows down at once, and looks for stages from then on.
    """
    given = {key.strip(): value for key, _, value in (override.partition("=") for override in overrides)}
    rate = _rate_reached(before, _pointer(run))
    defaults = [f"loading.warm_up_rate={rate:.17g}"]
    if "loading.warm_up" not in given:
        slow_down = given.get("loading.slow_down") or before.loading.slow_down
        defaults.append(f"loading.warm_up={slow_down}")
    return defaults


def _pointer(run: Path) -> dict[str, Any]:
    if not (run / "dem" / POINTER).exists():
        raise MicroslipError(f"{run} has no checkpoint to go on from: simulate it first")
    return read_pointer(run / "dem")


def _rate_reached(before: ShearCell, pointer: dict[str, Any]) -> float:
    """γ̇ at the last checkpoint [1/s]."""
    last = max(pointer["last_sample"], 0)
    if before.loading.drive == "adaptive" and last > before.schedule.first_steady:
        return float(pointer["drive"]["rate"])
    return float(before.schedule.rate[last])


def continue_run(run: Path, into: Path, before: ShearCell, config: ShearCell) -> None:
    """Copy the last state of a run into the folder of the new one; nothing is done where it is there already.

    Raises
    ------
    MicroslipError
        The run has no checkpoint, the new one is of other grains, or its folder holds a run of its own.
    """
    pointer, folder = _pointer(run), into / "dem"
    if (folder / ORIGIN).exists():
        origin = read_json(folder / ORIGIN)
        if origin["run"] != str(run.resolve()):
            raise MicroslipError(f"{into} goes on from {origin['run']}: choose another folder with --into")
        return
    if (folder / POINTER).exists():
        raise MicroslipError(f"{into} holds a simulation of its own: choose another folder with --into")
    old, new = sections_of(before), sections_of(config)
    for section, values in new.items():
        for key, value in values.items():
            bound = section not in FREE or (section == "loading" and key in KEPT_OF_LOADING)
            if bound and old[section][key] != value:
                name = f"{section}.{key}".removeprefix(".")
                raise MicroslipError(
                    f"{name} = {value} where {run} has {old[section][key]}: a run goes on with the same grains in the"
                    " same cell; change loading.shear_rate, loading.strain and the recording only"
                )
    check_files(run / "dem", pointer)
    folder.mkdir(parents=True, exist_ok=True)
    files = {}
    for file in (run / "dem").glob(f"{pointer['name']}.*"):
        if file.name != f"{pointer['name']}.npz":  # of the recording, which begins anew
            copy = folder / file.name.replace(pointer["name"], STATE, 1)
            with replacing(copy) as beside:
                shutil.copy2(file, beside)
            files[copy.name] = digest_output(copy)
    last = max(pointer["last_sample"], 0)
    origin = {
        **{key: pointer[key] for key in ("height", "offset", "bulk_volume", "engine_version") if key in pointer},
        "files": files,
        "run": str(run.resolve()),
        "strain": float(before.schedule.strain[last]),
        "shear_rate": _rate_reached(before, pointer),
    }
    write_json(folder / ORIGIN, origin)
