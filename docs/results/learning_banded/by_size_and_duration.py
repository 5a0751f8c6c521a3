"""Sign accuracy and R² of test stages above a size, and sign accuracy by size and duration: python THIS RUN [RUN …]."""

import sys

import numpy as np
import pandas as pd

from microslip import open_run

SIZES = (0, 1e-4, 3e-4, 1e-3, 3e-3)  # |Δs| [p]
DURATIONS = (0, 4.5e-5, 8.5e-5, 1.7e-4, np.inf)  # strain increment; Δγ of a sample is 1e-5

for name in sys.argv[1:]:
    run = open_run(name)
    table = run.predictions.query("split == 'test'").copy()
    table["duration"] = run.stages.set_index("stage")["strain_increment"][table["stage"]].to_numpy()
    table["right"] = np.sign(table["target"]) == np.sign(table["prediction"])
    print(name)
    for rule, tests in table.groupby("rule", sort=False):
        for size in SIZES:
            part = tests[tests["target"].abs() > size]
            errors, spread = part["prediction"] - part["target"], part["target"] - part["target"].mean()
            r2 = 1 - (errors**2).sum() / (spread**2).sum()
            print(f"  {rule}, above {size:g} p: {len(part)} stages, sign right {part['right'].mean():.2f}, R² {r2:.3f}")
        small = tests[tests["target"].abs() <= 1e-3]
        by_duration = small.groupby(pd.cut(small["duration"], DURATIONS), observed=True)["right"].agg(["mean", "size"])
        print(f"  {rule}, up to 0.001 p, by duration\n{by_duration.round(2).to_string()}")
    print(f"  median duration of all stages: {run.stages['strain_increment'].median():.1e}")
