"""Homogeneity of the flow of runs with different walls: `python flows.py [--from STRAIN] NAME=RUN …`.

For every window of 0.3 of strain after STRAIN, 0.05 where left out: the largest |u/U − (1 − z/H)| and the shares of the
active tenth of grains in the quarters of the height; of the whole run the drift of the solid fraction in 0.1 of strain.
Runs of one NAME follow each other.
"""

import argparse
import sys

import numpy as np
import pandas as pd

from microslip import open_run
from microslip.dem.flow import measure_flow


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="+", metavar="NAME=RUN")
    parser.add_argument("--from", dest="start", type=float, default=0.05)
    arguments = parser.parse_args()
    rows = []
    for argument in arguments.runs:
        name, path = argument.split("=")
        run = open_run(path)
        strain = run.series["strain"].to_numpy()
        flow = measure_flow(run, int(np.searchsorted(strain, arguments.start)))
        preparation = run.attributes["preparation"]
        whole = {
            "walls": name,
            "seed": run.attributes["seed"],
            "grains": run.grains.sizes["grain"],
            "prepared solid fraction": preparation["solid_fraction"],
            "s of the volume": float(run.series["stress_volume"].to_numpy()[strain > arguments.start].mean()),
            "drift": flow.numbers["drift"],
            "drift error": flow.numbers["drift_error"],
        }
        rows += [{**whole, **window} for window in flow.windows.to_dict("records")]
    pd.DataFrame(rows).to_csv(sys.stdout, index=False, float_format="%.4g")


if __name__ == "__main__":
    main()
