"""The shear cell against LIGGGHTS: grain-steps per second, and the stress and solid fraction of steady shear.

Both engines start from the same grains at rest and run the same walls, load, drag and time step, with contact histories
from zero. The LAMMPS deck is microslip's own; LIGGGHTS reads its servo and its shear word for word.
"""

import argparse
import math
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from microslip import open_run, simulate
from microslip.dem import deck
from microslip.dem.config import ShearCell
from microslip.dem.packing import BOTTOM, BULK, TOP, LoosePacking

# Up to the first strain the engines follow the same path; later chaos parts them, and means are compared, from the
# second strain on. Shorter blocks would give smaller errors: the mean stresses of neighbours are not independent.
SAME_PATH, STEADY, BLOCK = 0.01, 0.3, 0.1
UNTIMED_STEPS, TIMED_STEPS, REPEATS = 5_000, 8_000, 3
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
OURS, THEIRS, OTHER_LAW = "LAMMPS granular", "LIGGGHTS hertz", "LAMMPS gran/hertz/history *"


def shear_cell(strain, n_grains):
    """The cell of 10 × 10 d̄ across the flow that holds so many bulk grains."""
    cell = {"length": 12.0, "depth": 10.0, "height": 10.0}
    cell["length"] *= n_grains / ShearCell(cell=cell).n_bulk
    loading = {"shear_rate": 20.0, "strain": strain, "warm_up": 0.0}
    return ShearCell(cell=cell, loading=loading, recording={"strain_step": 1e-4}, parallel={"ranks": 2})


def prepared(config, folder):
    """The product's packing at rest, one sample into shear: its first turning point is the start itself."""
    one_sample = {"loading": {"strain": config.recording.strain_step}, "recording": {"threshold": 1e-12}}
    content = config.model_dump()
    for section, changes in one_sample.items():
        content[section].update(changes)
    simulate(ShearCell.model_validate(content), folder)
    run = open_run(folder)
    return LoosePacking(
        position=run.frames["position"].values[0],
        diameter=run.grains["diameter"].values,
        kind=run.grains["kind"].values.astype(np.int64),
        top_plane=run.box.lengths[2] + 1,
    )


# --- decks -----------------------------------------------------------------------------------------------------------


def lammps_law(config):
    return deck.header(), deck.contacts(config)


def lammps_other_law(config):
    """The product's faster law, whose damping is that of a typical contact alone."""
    grains = config.grains.model_copy(update={"damping": "viscous"})
    return deck.header(), deck.contacts(config.model_copy(update={"grains": grains}))


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


LAWS = {OURS: lammps_law, THEIRS: liggghts_law, OTHER_LAW: lammps_other_law}


def sheared(name, config, packing):
    """Deck up to the first step of shear."""
    header, law = LAWS[name](config)
    z = packing.position[:, 2]
    height = z[packing.kind == TOP].mean() - z[packing.kind == BOTTOM].mean() - 1
    motion = deck.servo(config) + deck.shear(config, height * config.grains.mean_diameter)
    return f"{header}read_data start.data\n{law}{motion}"


# --- running ---------------------------------------------------------------------------------------------------------


def peer():
    """LIGGGHTS and the launcher of its own MPI beside it, not the one of this environment."""
    program = shutil.which("liggghts")
    launcher = Path(program).with_name("mpirun") if program else None
    return (program, launcher) if launcher is not None and launcher.exists() else None


def start(name, ranks, folder, packing, config, commands):
    """Start an engine in a folder of its own."""
    folder.mkdir()
    deck.write_filling(packing, config, folder / "start.data")
    (folder / "deck.in").write_text(commands)
    own = Path(sys.prefix) / "bin"
    program, launcher = peer() if name == THEIRS else (own / "lmp", own / "mpiexec")
    command = [str(launcher), "-n", str(ranks), str(program), *ARGUMENTS]
    with (folder / "output.txt").open("w") as output:
        return subprocess.Popen(command, cwd=folder, env=os.environ | VARIABLES, stdout=output, stderr=output)


def finished(process, folder):
    """The engine's log once it has ended."""
    if process.wait() != 0:
        files = [folder / name for name in ("log.txt", "output.txt") if (folder / name).exists()]
        said = "".join(file.read_text(errors="replace")[-1000:] for file in files)
        raise SystemExit(f"{' '.join(process.args)} failed:\n{said}")
    return (folder / "log.txt").read_text()


# --- two grains ------------------------------------------------------------------------------------------------------


def collided(name, config, folder, speed, offset):
    """Velocities (grain, axis) over the speed of approach, after two grains met with that sideways offset [d̄]."""
    gap = 100 * speed * config.timestep / config.grains.mean_diameter
    along = math.sqrt(1.05**2 - offset**2) + gap
    packing = LoosePacking(
        position=np.array([[1, 2, 2], [1 + along, 2 + offset, 2]]),
        diameter=np.array([1.0, 1.1]),
        kind=np.array([BULK, BULK]),
        top_plane=4.0,
    )
    header, law = LAWS[name](config)
    components = [f"v{axis}[{grain}]" for grain in (1, 2) for axis in "xyz"]
    variables = "".join(f"variable component{n} equal {what}\n" for n, what in enumerate(components))
    values = " ".join(f"${{component{n}}}" for n in range(len(components)))
    commands = f"""{header}read_data start.data
{law}
group first id 1
velocity first set {speed} 0 0 units box
fix move bulk nve/sphere
{variables}run 1000
print "after {values}"
"""
    log = finished(start(name, 1, folder, packing, config, commands), folder)
    return np.array(re.findall(r"^after (.*)$", log, re.M)[-1].split(), float).reshape(2, 3) / speed


def compare_collisions(config, folder):
    """Restitution of head-on impacts, and velocities after an oblique one."""
    print(f"two grains, restitution {config.grains.restitution:g} asked for:")
    speeds = (0.01, 0.1, 1.0)
    for name in (OURS, THEIRS):
        after = [collided(name, config, folder / f"{name} head-on {speed}", speed, 0.0) for speed in speeds]
        found = ", ".join(f"{v[1, 0] - v[0, 0]:.4f} at {speed:g} m/s" for v, speed in zip(after, speeds, strict=True))
        print(f"  {name:18}{found}")
    for offset in (0.3, 0.7):
        ours, theirs = (collided(name, config, folder / f"{name} {offset}", 0.1, offset) for name in (OURS, THEIRS))
        print(
            f"  {offset} d̄ off centre: velocities differ by {np.abs(ours - theirs).max():.1e} of the speed of approach"
        )


# --- steady shear ----------------------------------------------------------------------------------------------------


def compare_steady_shear(config, packing, folder):
    """Shear in both engines at once, a core each; the grains of ours at the end."""
    every = config.steps_per_sample
    # a fix that sets forces reports what they were
    recording = f"""
variable top_height equal xcm(top,z)
fix record all ave/time {every} 1 {every} f_bottom_force[1] f_top_force[1] f_bottom_force[3] f_top_force[3] &
  v_top_height file series.txt
thermo 100000
run {every * (config.n_samples - 1)}
"""
    running = {}
    for name in (OURS, THEIRS):
        last = "write_dump all custom end.txt id x y z modify sort id format float %.17g\n" if name == OURS else ""
        commands = sheared(name, config, packing) + recording + last
        running[name] = start(name, 1, folder / name, packing, config, commands)
    try:
        for name, process in running.items():
            finished(process, folder / name)
    finally:
        for process in running.values():
            process.terminate()  # where the other one failed
    series = {name: quantities(config, packing, folder / name / "series.txt") for name in running}
    strain = np.arange(config.n_samples) * config.recording.strain_step
    print(
        f"{config.n_bulk} grains at {config.loading.shear_rate:g} /s from the same start; until strain {SAME_PATH:g}:"
    )
    for quantity, (ours, theirs) in paired(series, strain <= SAME_PATH):
        print(f"  {quantity:18}differs by {np.abs(ours - theirs).max():.4f} at most, {ours[-1]:.4f} at the end")
    n_blocks = max(2, round((config.loading.strain - STEADY) / BLOCK))
    print(
        f"strain {STEADY:g} to {config.loading.strain:g}, means and their standard errors from {n_blocks} blocks of"
        f" strain {(config.loading.strain - STEADY) / n_blocks:g}:"
    )
    print(f"  {'':18}{OURS:>20}{THEIRS:>20}   difference over its standard error")
    for quantity, pair in paired(series, strain > STEADY):
        (ours, our_error), (theirs, their_error) = (mean_and_error(values, n_blocks) for values in pair)
        apart = abs(ours - theirs) / math.hypot(our_error, their_error)
        verdict = "agree" if apart <= 2 else "DIFFER"
        texts = (f"{mean:.4f} ± {error:.4f}" for mean, error in ((ours, our_error), (theirs, their_error)))
        print(f"  {quantity:18}{''.join(f'{text:>20}' for text in texts)}   {apart:.1f}, {verdict}")
    position = np.loadtxt(folder / OURS / "end.txt", skiprows=9)[:, 1:] / config.grains.mean_diameter
    return LoosePacking(position, packing.diameter, packing.kind, packing.top_plane)


def quantities(config, packing, path):
    """What is compared, at every sample."""
    _, bottom_x, top_x, bottom_z, top_z, height = np.loadtxt(path).T
    d, cell = config.grains.mean_diameter, config.cell
    load = config.loading.pressure * d**2 * cell.length * cell.depth
    bulk_volume = math.pi / 6 * (packing.diameter[packing.kind == BULK] ** 3).sum()
    return {
        "shear stress / p": (top_x - bottom_x) / 2 / load,
        "normal stress / p": (top_z - bottom_z) / 2 / load,
        "solid fraction": bulk_volume / (cell.length * cell.depth * (height / d - 0.5)),
    }


def paired(series, chosen):
    """Each quantity with both engines' values at the chosen samples."""
    return [(quantity, [series[name][quantity][chosen] for name in (OURS, THEIRS)]) for quantity in series[OURS]]


def mean_and_error(values, n_blocks):
    """Mean, and its standard error from the means of blocks."""
    blocks = [block.mean() for block in np.array_split(values, n_blocks)]
    return values.mean(), np.std(blocks, ddof=1) / math.sqrt(len(blocks))


# --- speed -----------------------------------------------------------------------------------------------------------


def compare_speed(config, packing, folder):
    """Grain-steps per second by each engine's own clock, set-up left out; the engines take turns."""
    run = f"\nthermo 100000\nrun {UNTIMED_STEPS}\nrun {TIMED_STEPS}\n"
    print(f"{len(packing.diameter)} grains, walls included, {TIMED_STEPS} steps of steady shear:")
    print(f"  {'million grain-steps/s':36}{'median':>8}{'least':>8}{'most':>8}   {OURS} over it")
    for ranks in (1, 2):
        rates = {name: [] for name in LAWS}
        for repeat in range(REPEATS):
            for name in LAWS:
                here = folder / f"{ranks} {repeat} {name.replace('/', ' ')}"
                log = finished(start(name, ranks, here, packing, config, sheared(name, config, packing) + run), here)
                seconds = float(re.findall(r"^Loop time of (\S+) on", log, re.M)[-1])
                rates[name].append(1e-6 * len(packing.diameter) * TIMED_STEPS / seconds)
        for name, values in rates.items():
            ratio = statistics.median(a / b for a, b in zip(rates[OURS], values, strict=True))
            label = f"{name}, {ranks} {'core' if ranks == 1 else 'ranks'}"
            print(f"  {label:36}{statistics.median(values):8.2f}{min(values):8.2f}{max(values):8.2f}   {ratio:.2f}")
    print("  * another damping law: restitution varies with the overlap")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--strain", type=float, default=0.8, help="strain of the steady shear that is compared")
    parser.add_argument("--grains", type=int, default=1267, help="bulk grains")
    options = parser.parse_args()
    if options.strain <= STEADY + 2 * BLOCK:
        parser.error(f"--strain must exceed {STEADY + 2 * BLOCK:g}: the steady state is looked for after {STEADY:g}")
    if peer() is None:
        print("liggghts and its mpirun are not installed: on Debian, apt install liggghts openmpi-bin")
        return
    config = shear_cell(options.strain, options.grains)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        packing = prepared(config, folder / "run")
        compare_collisions(config, folder)
        flowing = compare_steady_shear(config, packing, folder)
        compare_speed(config, flowing, folder)


if __name__ == "__main__":
    main()
