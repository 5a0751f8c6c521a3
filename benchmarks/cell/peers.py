"""LAMMPS and LIGGGHTS as programs of their own: their decks for one shear cell, and how they are started."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from microslip.dem.lammps import deck
from microslip.dem.packing import TOP
from microslip.dem.servo import servo

from . import packings

ARGUMENTS = ["-in", "deck.in", "-log", "log.txt", "-screen", "none", "-nocite"]
# Open MPI alone reads OMPI: as with LAMMPS' MPICH, ranks are not bound to cores, may outnumber them, and root may start
# them.
VARIABLES = {
    "OMP_NUM_THREADS": "1",
    "OMPI_MCA_hwloc_base_binding_policy": "none",
    "OMPI_MCA_rmaps_base_oversubscribe": "1",
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
}
LAMMPS, LIGGGHTS, OTHER_LAW = "LAMMPS granular", "LIGGGHTS hertz", "LAMMPS gran/hertz/history *"
NOT_INSTALLED = "liggghts and its mpirun are not installed: on Debian, apt install liggghts openmpi-bin"


def lammps_law(config):
    """The product's own deck."""
    return deck.header(), deck.contacts(config)


def lammps_other_law(config):
    """The product's faster law, whose damping is that of a typical contact alone."""
    return deck.header(), deck.contacts(packings.changed(config, grains={"damping": "viscous"}))


def liggghts_law(config):
    """What `deck.header` and `deck.contacts` say, in LIGGGHTS' words."""
    g = config.grains
    header = """
hard_particles yes
units si
atom_style granular
atom_modify map array
boundary p p f
newton off
communicate single vel yes
processors * * 1
"""
    law = f"""
pair_style gran model hertz tangential history
pair_coeff * *
fix young all property/global youngsModulus peratomtype {f"{g.youngs_modulus} " * 3}
fix poisson all property/global poissonsRatio peratomtype {f"{g.poisson_ratio} " * 3}
fix restitution all property/global coefficientRestitution peratomtypepair 3 {f"{g.restitution} " * 9}
fix friction all property/global coefficientFriction peratomtypepair 3 {f"{g.friction} " * 9}
"""
    return header, law + deck.surroundings(config)


LAWS = {LAMMPS: lammps_law, LIGGGHTS: liggghts_law, OTHER_LAW: lammps_other_law}


def sheared(name, config, packing):
    """Deck up to the first step of shear."""
    header, law = LAWS[name](config)
    speed = config.loading.shear_rate * packings.height(packing) * config.grains.mean_diameter
    motion = deck.servo(servo(config), int((packing.kind == TOP).sum())) + deck.shear(speed)
    return f"{header}read_data start.data\n{law}{motion}"


def liggghts_programs():
    """LIGGGHTS and the launcher of its own MPI beside it, not the one of this environment; None without it."""
    program = shutil.which("liggghts")
    launcher = Path(program).with_name("mpirun") if program else None
    return (program, launcher) if launcher is not None and launcher.exists() else None


def start(name, ranks, folder, packing, config, commands):
    """Start an engine in a folder of its own."""
    folder.mkdir()
    deck.write_filling(packing, config, folder / "start.data")
    (folder / "deck.in").write_text(commands)
    own = Path(sys.prefix) / "bin"
    program, launcher = liggghts_programs() if name == LIGGGHTS else (own / "lmp", own / "mpiexec")
    command = [str(launcher), "-n", str(ranks), str(program), *ARGUMENTS]
    with (folder / "output.txt").open("w") as output:
        return subprocess.Popen(command, cwd=folder, env=os.environ | VARIABLES, stdout=output, stderr=output)


def finished(process, folder):
    """The engine's log once it has ended."""
    if process.wait() != 0:
        files = [folder / name for name in ("log.txt", "output.txt") if (folder / name).exists()]
        reason = "".join(file.read_text(errors="replace")[-1000:] for file in files)
        raise SystemExit(f"{' '.join(process.args)} failed:\n{reason}")
    return (folder / "log.txt").read_text()


def seconds_of_shear(name, ranks, folder, packing, config, untimed, timed):
    """Seconds that the last `timed` steps take by the engine's own clock, after `untimed` ones."""
    run = f"\nthermo 100000\nrun {untimed}\nrun {timed}\n"
    log = finished(start(name, ranks, folder, packing, config, sheared(name, config, packing) + run), folder)
    return float(re.findall(r"^Loop time of (\S+) on", log, re.M)[-1])
