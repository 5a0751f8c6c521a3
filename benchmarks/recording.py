"""What recording costs: the product's stretch of shear against the bare deck over the same steps, in one run.

The product's time holds reading the checkpoint, watching the stress every 1e-5 of strain, keeping frames and writing;
the bare deck's only its `run`. Medians of interleaved repeats.
"""

import statistics
import tempfile
from pathlib import Path

from cell.shear_runs import bare_seconds, prepared

from microslip.dem.config import ShearCell
from microslip.dem.launch import simulate, time_spent

REPEATS = 5
# shear rate [1/s], strain of a repeat
CASES = ((20.0, 0.03), (10.0, 0.02), (2.0, 0.005))


def sheared_further(config, strain):
    """The same simulation with a larger strain."""
    content = config.model_dump(mode="json")
    content["loading"]["strain"] += strain
    return ShearCell.model_validate(content)


def main():
    print("shear rate   steps a sample   frames a unit strain   over the bare deck")
    for rate, strain in CASES:
        for contacts in (False, True):
            with tempfile.TemporaryDirectory() as folder:
                run, config = prepared(
                    Path(folder) / "run",
                    loading={"shear_rate": rate, "strain": 0.011},
                    recording={"contacts": contacts, "checkpoint_strain": 0.01},
                )
                ratios = []
                for _ in range(REPEATS):
                    config = sheared_further(config, strain)
                    steps = round(strain / config.recording.strain_step) * config.steps_per_sample
                    bare, _ = bare_seconds(run, 2, steps)
                    before = time_spent(run)["shear"]
                    simulate(config, run)
                    ratios.append((time_spent(run)["shear"] - before) / bare)
                frames = _frames(run) / (REPEATS * strain)
                what = "with contact values" if contacts else "positions alone"
                print(
                    f"{rate:10g}{config.steps_per_sample:17}{frames:23.0f}   "
                    f"{100 * (statistics.median(ratios) - 1):+.1f} % ({what};"
                    f" {100 * (min(ratios) - 1):+.1f} to {100 * (max(ratios) - 1):+.1f})"
                )


def _frames(run):
    from microslip import open_run

    return open_run(run).frames.sizes["frame"]


if __name__ == "__main__":
    main()
