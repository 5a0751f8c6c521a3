"""How often slopes and differences are found that are not there: `python false_positives.py RUN … > TABLE.csv`.

In every run |Δs| and Δγ of the stages are moved along the run by whole cycles, from one end to the other, and the
claims' slopes are judged as ever at a nominal 5 %; then slopes of the size that `claims.csv` calls detectable are
planted, up and down. For the contrasts the two stages of half of the cycles exchange their names. ξ, whose fits take
seconds, is moved less often.
"""

import sys

import numpy as np
import pandas as pd

from microslip import open_run
from microslip.data.files import read_table
from microslip.statistics.claims import CLAIMS
from microslip.statistics.contrasts import CONTRASTS
from microslip.statistics.evolution import of_single_stages
from microslip.statistics.false_positives import false_contrasts, false_positives, planted_power
from microslip.statistics.memory import block_length, memories
from microslip.statistics.registry import quantities
from microslip.statistics.resampling import strain_blocks
from microslip.statistics.statistic import Grouping
from microslip.steps.claims import steady_stress
from microslip.steps.run_settings import run_config
from microslip.steps.statistics import read_measured

SHIFTS, SHIFTS_OF_XI, EXCHANGES, SEED = 40, 10, 40, 1


def rates_of(path):
    """Rows of one run: of what, slope, tests, share called different from zero, share of planted slopes found."""
    run, config = open_run(path), run_config(open_run(path).folder, [])
    r, per_stage = read_measured(run)
    every = quantities(per_stage, Grouping(r, config.correlation, config.clusters.smallest))
    stages = run.stages
    quick = {name: every[name] for name in CLAIMS if not name.startswith("xi")}
    length = block_length(memories(stages, of_single_stages(quick), *steady_stress(run)))
    block = strain_blocks(((stages["start_strain"] + stages["end_strain"]) / 2).to_numpy(), length)
    n_cycles = int((stages["kind"] == "slip").sum())
    claims = read_table(run.folder / "statistics" / "claims.csv", ["quantity", "kind", "detectable"])
    sizes = claims.set_index(["quantity", "kind"])["detectable"]
    rows = []
    for of, names, n in (
        ("slopes", list(quick), SHIFTS),
        ("slopes of ξ", [n for n in CLAIMS if n not in quick], SHIFTS_OF_XI),
    ):
        shifts = np.linspace(0, n_cycles, n + 2)[1:-1].astype(int)
        table = false_positives(stages, {name: every[name] for name in names}, block, shifts)
        size = sizes.reindex(pd.MultiIndex.from_frame(table[["quantity", "kind"]])).to_numpy()
        both = np.mean([planted_power(table, sign * size) for sign in (-1, 1)], axis=0)
        # claims.csv says the detectable size of the conditioned slope, where one could be told
        table["power"] = np.where((table["slope"] == "conditioned") & np.isfinite(size), both, np.nan)
        rows += [
            {
                "of": of,
                "slope": slope,
                "n": len(part),
                "positive": part["positive"].mean(),
                "power": part["power"].mean(),
            }
            for slope, part in table.groupby("slope")
        ]
    followed = {name: every[name] for name in CONTRASTS if name in every}
    table = false_contrasts(stages, followed, block, np.random.default_rng(SEED), EXCHANGES)
    rows.append({"of": "contrasts", "slope": "matched", "n": len(table), "positive": table["positive"].mean()})
    return pd.DataFrame(rows).assign(run=run.folder.name, n_blocks=int(block.max()) + 1)


def main():
    table = pd.concat([rates_of(path) for path in sys.argv[1:]])
    weights = table.groupby(["of", "slope"])["n"].transform("sum")
    total = table.assign(**{name: table[name] * table["n"] / weights for name in ("positive", "power")})
    sums = total.groupby(["of", "slope"])[["n", "positive", "power"]].sum(min_count=1).reset_index()
    columns = ["run", "n_blocks", "of", "slope", "n", "positive", "power"]
    both = pd.concat([table, sums.assign(run="all", n_blocks=0)])[columns]
    both.to_csv(sys.stdout, index=False, float_format="%.4f")


if __name__ == "__main__":
    main()
