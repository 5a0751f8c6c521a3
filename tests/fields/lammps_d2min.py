"""LAMMPS' own D²min of two frames: JSON frames on stdin, JSON results on stdout.

A process of its own, since LAMMPS is never loaded into the one that runs the tests. Grains fly freely for one step of
length one, their velocity the displacement. Of the input: `lengths` of a box from the origin that repeats in x and y,
`reference` and `displacement` of every grain, `cutoff`. Of the output, one row per grain: the root of D²min over the
number of neighbours, and the volumetric and the deviatoric part of FᵀF − 1.
"""

import json
import sys

import numpy as np
from lammps import LMP_STYLE_ATOM, LMP_TYPE_ARRAY, lammps


def main():
    case = json.load(sys.stdin)
    reference, displacement = np.array(case["reference"]), np.array(case["displacement"])
    n, cutoff = len(reference), case["cutoff"]
    lmp = lammps(cmdargs=["-screen", "none", "-log", "none"])
    lmp.commands_list(
        [
            "units lj",
            "atom_style atomic",
            "atom_modify map yes",
            "boundary p p f",
            "region box block 0 {:.17g} 0 {:.17g} 0 {:.17g}".format(*case["lengths"]),
            "create_box 1 box",
            "mass 1 1",
            # no force, but ghosts as far as the cutoff
            f"pair_style zero {cutoff:.17g} nocoeff",
            "pair_coeff * *",
            "neighbor 0.3 bin",
            "neigh_modify every 1 delay 0 check no",
            "timestep 1",
        ]
    )
    lmp.create_atoms(n, list(range(1, n + 1)), [1] * n, reference.ravel().tolist())
    index = lmp.numpy.extract_atom("id")[:n] - 1
    lmp.numpy.extract_atom("v")[:n] = displacement[index]
    lmp.commands_list(
        [
            "fix move all nve",
            f"fix d2min all nonaffine/displacement 1 d2min custom {cutoff:.17g} fixed 0",
            "run 1",
        ]
    )
    index = lmp.numpy.extract_atom("id")[:n] - 1
    rows = np.empty((n, 3))
    rows[index] = lmp.numpy.extract_fix("d2min", LMP_STYLE_ATOM, LMP_TYPE_ARRAY)[:n]
    json.dump(rows.tolist(), sys.stdout)


if __name__ == "__main__":
    main()
