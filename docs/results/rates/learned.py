"""ξ and R² over the shear rate: `python learned.py NAME=RUN … > learned.csv`.

Every run has been through `microslip stages`, `fields`, `statistics`, `voxels` and `train`.
"""

import sys
from pathlib import Path

import pandas as pd

from microslip import open_run
from microslip.data.files import read_json


def main():
    rows = []
    for argument in sys.argv[1:]:
        name, path = argument.split("=")
        lengths = pd.read_csv(Path(path) / "statistics/correlation_length.csv").query("by == 'kind'").set_index("kind")
        metrics = read_json(Path(path) / "model/metrics.json")
        row = {"system": name, "seed": open_run(path).attributes["seed"], "stages": int(lengths["n_stages"].sum())}
        for kind in ("stick", "slip"):
            row |= {f"{key}_{kind}": lengths.loc[kind, key] for key in ("xi", "xi_low", "xi_high")}
        for rule in ("random", "blocked"):
            test = metrics[rule]["network"]["test"]
            row |= {f"{key}_{rule}": test[key] for key in ("r2", "r2_low", "r2_high")}
        rows.append(row)
    pd.DataFrame(rows).to_csv(sys.stdout, index=False, float_format="%.4g")


if __name__ == "__main__":
    main()
