"""Laws of slips over several runs: `python avalanches.py THRESHOLD RUN RUN … > avalanches.csv`.

Slips of the volume's stress above THRESHOLD [p] after the warm-up, in blocks of 0.05 of strain, each left out once.
What the cutoffs do with the number of grains and the inertial number, where these vary, goes to standard error.
"""

import sys

import numpy as np
import pandas as pd

from microslip import open_run
from microslip.core.errors import MicroslipError
from microslip.events.time import times
from microslip.statistics.avalanches import laws, mean_shapes, numbers, slips_of
from microslip.statistics.resampling import error_of_interval, strain_blocks
from microslip.study.avalanche_scaling import scaling


def look_at(path, threshold):
    """One row: the law of sizes, and the numbers beside it."""
    run = open_run(path)
    series = {name: run.series[name].to_numpy() for name in ("strain", "shear_rate", "stress_volume")}
    loading = run.attributes["config"]["loading"]
    first = int(np.searchsorted(series["strain"], loading["warm_up"] + loading["slow_down"]))
    strain, rate, stress = (values[first:] for values in series.values())
    time = times(strain, rate)
    slips = slips_of(strain, stress, time, threshold)
    block = strain_blocks(slips["middle"].to_numpy(), 0.05)
    law = laws(slips, block, {"size": threshold}).iloc[0]
    beside = numbers(slips, block).set_index("quantity")
    shapes = mean_shapes(time, stress, slips, block).drop_duplicates("group").tail(1)
    row = {
        "run": run.folder.name,
        "n_grains": int((run.grains["kind"] == 0).sum()),
        "inertial_number": run.attributes["inertial_number"],
        "threshold": threshold,
        "strain": strain[-1] - strain[0],
        "blocks": int(block.max()) + 1,
    }
    row |= law.drop(["quantity", "x_min", "mean_field"]).to_dict()
    row["error"] = error_of_interval(np.log(law["cutoff_low"]), np.log(law["cutoff_high"]), 0.95)
    for name in beside.index:
        row |= {f"{name}{end}": beside.loc[name, f"value{end}"] for end in ("", "_low", "_high")}
    for end in ("", "_low", "_high"):
        row[f"asymmetry{end}"] = shapes[f"asymmetry{end}"].iloc[0] if len(shapes) else np.nan
    return row


def main():
    table = pd.DataFrame([look_at(path, float(sys.argv[1])) for path in sys.argv[2:]])
    table.to_csv(sys.stdout, index=False, float_format="%.4g")
    try:
        print(scaling(table).to_string(index=False), file=sys.stderr)
    except MicroslipError as problem:
        print(problem, file=sys.stderr)


if __name__ == "__main__":
    main()
