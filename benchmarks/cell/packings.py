"""Packings that several engines start from: centres, diameters and kinds alone, at rest or in flow."""

import tomllib
from pathlib import Path

import numpy as np

from microslip import open_run, simulate
from microslip.data.files import read_json
from microslip.dem.config import ShearCell
from microslip.dem.native.engine import NativeEngine
from microslip.dem.packing import BOTTOM, TOP, LoosePacking

WALLED = Path(__file__).parent / "walled.toml"


def changed(config, **sections):
    """The same cell with other settings in some of its sections."""
    content = config.model_dump(mode="json")
    for name, values in sections.items():
        # another engine has other settings altogether
        content[name] = values if name == "engine" else {**content[name], **values}
    return ShearCell.model_validate(content)


def walled_cell(**sections):
    """The cell between walls that every engine can shear, with other settings in some sections."""
    content = tomllib.loads(WALLED.read_text())
    cell = ShearCell.model_validate({name: content[name] for name in ShearCell.model_fields if name in content})
    return changed(cell, **sections)


def at_rest(config, folder):
    """The product's packing at rest, as its first frame shows it: the first turning point is the start itself."""
    loading = {"strain": config.recording.strain_step, "warm_up": 0.0}
    simulate(changed(config, loading=loading, recording={"threshold": 1e-12}), folder)
    run = open_run(folder)
    return _packing(config, run.frames["position"].values[0], run.grains)


def flowing(config, folder, strain):
    """The product's packing after so much shear by the native engine, contact histories and velocities left out."""
    config = changed(
        config,
        engine={"kind": "native"},
        loading={"strain": strain, "warm_up": 0.0},
        recording={"threshold": 0.9, "contacts": False},
    )
    simulate(config, folder)
    pointer = read_json(folder / "dem" / "checkpoint.json")
    engine = NativeEngine(config)
    engine.load(folder / "dem" / pointer["name"], pointer["height"])
    return _packing(config, engine.positions(), open_run(folder).grains)


def _packing(config, position, grains):
    position, kind = position.copy(), grains["kind"].values.astype(np.int64)
    position[:, :2] %= config.cell.length, config.cell.depth
    return LoosePacking(position, grains["diameter"].values, kind, float(position[kind == TOP, 2].mean()))


def side_by_side(config, packing, nx, ny):
    """The same packing nx × ny times side by side, and the cell that holds it."""
    lx, ly = config.cell.length, config.cell.depth
    shifts = [(a * lx, b * ly, 0.0) for a in range(nx) for b in range(ny)]
    position = np.concatenate([packing.position + np.array(shift) for shift in shifts])
    diameter, kind = (np.tile(values, nx * ny) for values in (packing.diameter, packing.kind))
    config = changed(config, cell={"length": nx * lx, "depth": ny * ly})
    return config, LoosePacking(position, diameter, kind, packing.top_plane)


def height(packing):
    """Between the inner faces of its walls [d̄], each half a diameter beside the centres of its lattice."""
    z = packing.position[:, 2]
    return z[packing.kind == TOP].mean() - z[packing.kind == BOTTOM].mean() - 1


def save(packing, config, path):
    """Write packing and cell for another process."""
    np.savez(path, position=packing.position, diameter=packing.diameter, kind=packing.kind, top=packing.top_plane)
    path.with_suffix(".json").write_text(config.model_dump_json())


def load(path):
    """Cell and packing that `save` wrote."""
    config = ShearCell.model_validate_json(path.with_suffix(".json").read_text())
    with np.load(path) as held:
        return config, LoosePacking(held["position"], held["diameter"], held["kind"], float(held["top"]))
