"""What recording costs on LAMMPS: the product's stretch of shear against the bare deck over the same steps, in one run.

The product's time holds reading the checkpoint, watching the stress every 1e-5 of strain, keeping frames and writing;
the bare deck's only its `run`. Medians of interleaved repeats.
"""

import statistics
import tempfile
from pathlib import Path

from cell.shear_runs import SLAB, bare_seconds, prepared

from microslip import open_run
from microslip.dem.config import ShearCell
from microslip.dem.launch import simulate, time_spent

REPEATS = 3
PAPER = {"length": 50, "depth": 15, "height": 20}
# cell, shear rate [1/s], strain of a repeat, contact values
CASES = (
    (SLAB, 20.0, 0.04, False),
    (SLAB, 20.0, 0.04, True),
    (SLAB, 2.0, 0.005, True),
    (PAPER, 10.0, 0.003, True),
)


def sheared_further(config, strain):
    """The same simulation with a larger strain."""
    content = config.model_dump(mode="json")
    content["loading"]["strain"] += strain
    return ShearCell.model_validate(content)


def main():
    print("grains  shear rate  steps a sample  frames a unit strain  over the bare deck, median (least, most)")
    for cell, rate, strain, contacts in CASES:
        with tempfile.TemporaryDirectory() as folder:
            run, config = prepared(
                Path(folder) / "run",
                cell=cell,
                loading={"shear_rate": rate, "strain": 0.0011, "warm_up": 0.001},
                recording={"contacts": contacts},
            )
            ratios = []
            for _ in range(REPEATS):
                config = sheared_further(config, strain)
                steps = round(strain / config.recording.strain_step) * config.steps_per_sample
                bare, n_grains = bare_seconds(run, 2, steps, first=10)
                before = time_spent(run)["shear"]
                simulate(config, run)
                ratios.append(100 * ((time_spent(run)["shear"] - before) / bare - 1))
            frames = open_run(run).frames.sizes["frame"] / (REPEATS * strain)
            print(
                f"{n_grains:6}{rate:12g}{config.steps_per_sample:16}{frames:22.0f}"
                f"  {statistics.median(ratios):+.1f} % ({min(ratios):+.1f}, {max(ratios):+.1f}),"
                f" {'with contact values' if contacts else 'positions alone'}",
                flush=True,
            )


if __name__ == "__main__":
    main()
