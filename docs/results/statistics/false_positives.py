"""How often a slope is found where there is none: `python false_positives.py RUN RUN … > false_positives.csv`.

In every run |Δs| and Δγ of the stages are moved along the run by whole cycles, 40 shifts from one end to the other, and
the claims' slopes are judged as ever at a nominal 5 %. Quantities whose fits take seconds, ξ, are left out.
"""

import sys

import numpy as np
import pandas as pd

from microslip import open_run
from microslip.statistics.claims import CLAIMS
from microslip.statistics.evolution import of_single_stages
from microslip.statistics.false_positives import false_positives
from microslip.statistics.memory import block_length, memories
from microslip.statistics.registry import quantities
from microslip.statistics.resampling import strain_blocks
from microslip.statistics.statistic import Grouping
from microslip.steps.claims import steady_stress
from microslip.steps.run_settings import run_config
from microslip.steps.statistics import read_measured

SHIFTS = 40


def rates_of(path):
    """Share of slopes that are called different from zero, by quantity, kind and slope."""
    run, config = open_run(path), run_config(open_run(path).folder, [])
    r, per_stage = read_measured(run)
    every = quantities(per_stage, Grouping(r, config.correlation, config.clusters.smallest))
    followed = {name: every[name] for name in CLAIMS if not name.startswith("xi")}
    stages = run.stages
    length = block_length(memories(stages, of_single_stages(followed), *steady_stress(run)))
    block = strain_blocks(((stages["start_strain"] + stages["end_strain"]) / 2).to_numpy(), length)
    n_cycles = int((stages["kind"] == "slip").sum())
    shifts = np.linspace(0, n_cycles, SHIFTS + 2)[1:-1].astype(int)
    table = false_positives(stages, followed, block, shifts)
    return table.assign(run=run.folder.name, n_blocks=int(block.max()) + 1)


def main():
    table = pd.concat([rates_of(path) for path in sys.argv[1:]])
    by_run = table.pivot_table(index=["run", "n_blocks"], columns="slope", values="positive")
    total = table.groupby("slope")["positive"].mean().to_frame().T.assign(run="all", n_blocks=0)
    pd.concat([by_run.reset_index(), total]).to_csv(sys.stdout, index=False, float_format="%.4f")


if __name__ == "__main__":
    main()
