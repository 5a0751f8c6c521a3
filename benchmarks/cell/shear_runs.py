"""What the benchmarks of LAMMPS share: a prepared run to start from, and the bare deck in processes of its own."""

import json
import subprocess
import sys
from pathlib import Path

from microslip.dem.config import ShearCell
from microslip.dem.lammps.installed import find_launcher, rank_environment
from microslip.dem.launch import simulate

BARE_DECK = Path(__file__).with_name("bare_deck.py")
SLAB = {"length": 20, "depth": 8, "height": 12}


def prepared(folder, ranks=2, cell=None, **sections):
    """A run of the product by LAMMPS, sheared a little from its preparation: its folder and its configuration."""
    content = {
        "cell": cell or SLAB,
        "loading": {"shear_rate": 20.0, "strain": 0.02, "warm_up": 0.01},
        "recording": {"threshold": 1e-4, "contacts": False},
        "engine": {"kind": "lammps", "ranks": ranks},
    }
    for name, values in sections.items():
        content[name] = {**content.get(name, {}), **values}
    config = ShearCell.model_validate(content)
    simulate(config, folder)
    return folder, config


def bare_seconds(run, ranks, steps, **case):
    """Seconds that the bare deck takes for these steps, and the number of grains."""
    answer = subprocess.run(
        [
            find_launcher(),
            "-n",
            str(ranks),
            sys.executable,
            BARE_DECK,
            json.dumps({"run": str(run), "steps": steps, **case}),
        ],
        capture_output=True,
        text=True,
        env=rank_environment(case.get("threads", 1)),
        check=False,
    )
    if answer.returncode:
        raise SystemExit(answer.stderr or answer.stdout)
    found = json.loads(answer.stdout.strip().splitlines()[-1])
    return found["seconds"], found["n_grains"]
