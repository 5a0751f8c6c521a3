"""The stability limit of Δt: energy that a frictionless, undamped, kicked packing gains or loses, as Δt grows.

Claims: the native engine drifts no more than LAMMPS, its peer in the same run, and both lose the grains beyond the
same Δt. The packing is the product's, at rest under p between walls that are then held; every grain is kicked, with a
kinetic energy of KICK p d̄³ in the mean, alike in both engines. The drift is the change of total energy over the kinetic
energy given, in the same physical time.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from cell import packings

from microslip.dem.config import ShearCell
from microslip.dem.lammps.installed import rank_environment

WIDTHS, FRACTIONS = (0.2, 0.7), (0.1, 0.25, 0.4, 0.6, 0.8, 1.0, 1.1, 1.2, 1.3, 1.4, 1.6)
KICK, TIME, PIECES = 1e-4, 2000, 4  # p d̄³ a grain; critical times; looks at the energy
VIBRATE = Path(__file__).parent / "cell" / "vibrate.py"


def drifts(engine, path, fraction, time):
    """What an engine's energy has changed by at each look, over the kinetic energy given; as text."""
    case = {"engine": engine, "packing": str(path), "fraction": fraction, "kick": KICK, "time": time, "pieces": PIECES}
    answer = subprocess.run(
        [sys.executable, VIBRATE, json.dumps(case)], capture_output=True, text=True, env=rank_environment(), check=False
    )
    if answer.returncode:
        lines = answer.stderr.strip().splitlines() or ["?"]
        return "lost: " + next((line for line in lines if "ERROR" in line), lines[-1])
    energy = json.loads(answer.stdout.strip().splitlines()[-1])["energy"]
    return "  ".join(f"{(one - energy[0]) / KICK:+9.1e}" for one in energy[1:])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="two time steps, for a short while: no measurement")
    options = parser.parse_args()
    fractions, time = ((0.25, 1.4), 40) if options.quick else (FRACTIONS, TIME)
    for width in WIDTHS:
        with tempfile.TemporaryDirectory() as folder:
            config = ShearCell(
                cell={"length": 10, "depth": 8, "height": 8, "solid_fraction": 0.637},
                grains={"width": width},
                loading={"strain": 2e-5, "warm_up": 0, "preparation_friction": 0},
            )
            path = Path(folder) / "packing.npz"
            packings.save(packings.at_rest(config, Path(folder) / "run"), config, path)
            limit = "Rayleigh" if config.critical_time == config.rayleigh_time else "contact"
            print(f"width {width}: {config.n_grains} grains, critical time {config.critical_time:.3g} s ({limit})")
            print("Δt / critical             drift of the energy over the kinetic energy given")
            for fraction in fractions:
                for engine in ("native", "lammps"):
                    print(f"{fraction:8.2f}   {engine:8}   {drifts(engine, path, fraction, time)}", flush=True)


if __name__ == "__main__":
    main()
