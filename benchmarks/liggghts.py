"""The shear cell against LIGGGHTS: grain-steps per second, and the stress and solid fraction of steady shear.

Both engines start from the same grains at rest and run the same walls, load, drag and time step, with contact histories
from zero. The LAMMPS deck is microslip's own; LIGGGHTS reads its servo and its shear word for word.
"""

import argparse
import math
import re
import statistics
import tempfile
from pathlib import Path

import numpy as np
from cell.packings import at_rest
from cell.peers import (
    LAMMPS,
    LAWS,
    LIGGGHTS,
    NOT_INSTALLED,
    finished,
    liggghts_programs,
    seconds_of_shear,
    sheared,
    start,
)

from microslip.dem.config import ShearCell
from microslip.dem.packing import BULK, LoosePacking

# Up to the first strain the engines follow the same path; later chaos parts them, and means are compared, from the
# second strain on. Shorter blocks would give smaller errors: the mean stresses of neighbours are not independent.
SAME_PATH, STEADY, BLOCK = 0.01, 0.3, 0.1
UNTIMED_STEPS, TIMED_STEPS, REPEATS = 5_000, 8_000, 3


def shear_cell(strain, n_grains):
    """The cell of 10 × 10 d̄ across the flow that holds so many bulk grains."""
    cell = {"length": 12.0, "depth": 10.0, "height": 10.0}
    cell["length"] *= n_grains / ShearCell(cell=cell).n_filled
    loading = {"shear_rate": 20.0, "strain": strain, "warm_up": 0.0}
    return ShearCell(cell=cell, loading=loading, recording={"strain_step": 1e-4}, engine={"kind": "lammps", "ranks": 2})


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
    for name in (LAMMPS, LIGGGHTS):
        after = [collided(name, config, folder / f"{name} head-on {speed}", speed, 0.0) for speed in speeds]
        found = ", ".join(f"{v[1, 0] - v[0, 0]:.4f} at {speed:g} m/s" for v, speed in zip(after, speeds, strict=True))
        print(f"  {name:18}{found}")
    for offset in (0.3, 0.7):
        ours, theirs = (collided(name, config, folder / f"{name} {offset}", 0.1, offset) for name in (LAMMPS, LIGGGHTS))
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
    for name in (LAMMPS, LIGGGHTS):
        last = "write_dump all custom end.txt id x y z modify sort id format float %.17g\n" if name == LAMMPS else ""
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
        f"{config.n_filled} bulk grains at {config.loading.shear_rate:g} /s from the same start;"
        f" until strain {SAME_PATH:g}:"
    )
    for quantity, (ours, theirs) in paired(series, strain <= SAME_PATH):
        print(f"  {quantity:18}differs by {np.abs(ours - theirs).max():.4f} at most, {ours[-1]:.4f} at the end")
    n_blocks = max(2, round((config.loading.strain - STEADY) / BLOCK))
    print(
        f"strain {STEADY:g} to {config.loading.strain:g}, means and their standard errors from {n_blocks} blocks of"
        f" strain {(config.loading.strain - STEADY) / n_blocks:g}:"
    )
    print(f"  {'':18}{LAMMPS:>20}{LIGGGHTS:>20}   difference over its standard error")
    for quantity, pair in paired(series, strain > STEADY):
        (ours, our_error), (theirs, their_error) = (mean_and_error(values, n_blocks) for values in pair)
        apart = abs(ours - theirs) / math.hypot(our_error, their_error)
        verdict = "agree" if apart <= 2 else "DIFFER"
        texts = (f"{mean:.4f} ± {error:.4f}" for mean, error in ((ours, our_error), (theirs, their_error)))
        print(f"  {quantity:18}{''.join(f'{text:>20}' for text in texts)}   {apart:.1f}, {verdict}")
    position = np.loadtxt(folder / LAMMPS / "end.txt", skiprows=9)[:, 1:] / config.grains.mean_diameter
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
    return [(quantity, [series[name][quantity][chosen] for name in (LAMMPS, LIGGGHTS)]) for quantity in series[LAMMPS]]


def mean_and_error(values, n_blocks):
    """Mean, and its standard error from the means of blocks."""
    blocks = [block.mean() for block in np.array_split(values, n_blocks)]
    return values.mean(), np.std(blocks, ddof=1) / math.sqrt(len(blocks))


# --- speed -----------------------------------------------------------------------------------------------------------


def compare_speed(config, packing, folder):
    """Grain-steps per second by each engine's own clock, set-up left out; the engines take turns."""
    print(f"{len(packing.diameter)} grains, walls included, {TIMED_STEPS} steps of steady shear:")
    print(f"  {'million grain-steps/s':36}{'median':>8}{'least':>8}{'most':>8}   {LAMMPS} over it")
    for ranks in (1, 2):
        rates = {name: [] for name in LAWS}
        for repeat in range(REPEATS):
            for name in LAWS:
                here = folder / f"{ranks} {repeat} {name.replace('/', ' ')}"
                seconds = seconds_of_shear(name, ranks, here, packing, config, UNTIMED_STEPS, TIMED_STEPS)
                rates[name].append(1e-6 * len(packing.diameter) * TIMED_STEPS / seconds)
        for name, values in rates.items():
            ratio = statistics.median(a / b for a, b in zip(rates[LAMMPS], values, strict=True))
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
    if liggghts_programs() is None:
        print(NOT_INSTALLED)
        return
    config = shear_cell(options.strain, options.grains)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        packing = at_rest(config, folder / "run")
        compare_collisions(config, folder)
        flowing = compare_steady_shear(config, packing, folder)
        compare_speed(config, flowing, folder)


if __name__ == "__main__":
    main()
