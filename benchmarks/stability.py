"""The stability limit of Δt: energy that a frictionless, undamped, kicked packing gains or loses, as Δt grows.

The packing is the product's, at rest under p between walls that are then held; every grain is kicked with a kinetic
energy of KICK p d̄³. The drift is the change of total energy over the kinetic energy given, in the same physical time.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from cell.shear_runs import prepared

from microslip.dem.engine import environment

FRACTIONS = (0.1, 0.25, 0.4, 0.6, 0.8, 1.0, 1.1, 1.2, 1.3, 1.4, 1.6)
KICK, TIME, PIECES = 1e-4, 2000, 4  # p d̄³ a grain; critical times; looks at the energy


def main():
    vibrate = Path(__file__).parent / "cell" / "vibrate.py"
    for width in (0.2, 0.7):
        with tempfile.TemporaryDirectory() as folder:
            run, config = prepared(
                Path(folder) / "run",
                ranks=1,
                cell={"length": 10, "depth": 8, "height": 8, "solid_fraction": 0.637},
                grains={"width": width},
                loading={"strain": 2e-5, "warm_up": 0, "preparation_friction": 0},
                recording={"checkpoint_steps": 1},
            )
            limit = "Rayleigh" if config.critical_time == config.rayleigh_time else "contact"
            print(f"width {width}: {config.n_grains} grains, critical time {config.critical_time:.3g} s ({limit})")
            print("Δt / critical   drift of the energy over the kinetic energy given")
            for fraction in FRACTIONS:
                case = {"run": str(run), "fraction": fraction, "kick": KICK, "time": TIME, "pieces": PIECES}
                answer = subprocess.run(
                    [sys.executable, vibrate, json.dumps(case)],
                    capture_output=True,
                    text=True,
                    env=environment(),
                    check=False,
                )
                if answer.returncode:
                    print(f"{fraction:8.2f}          lost: {(answer.stderr.strip().splitlines() or ['?'])[-1]}")
                    continue
                energy = json.loads(answer.stdout.strip().splitlines()[-1])["energy"]
                drifts = "  ".join(f"{(one - energy[0]) / KICK:+9.1e}" for one in energy[1:])
                print(f"{fraction:8.2f}       {drifts}", flush=True)


if __name__ == "__main__":
    main()
