"""A table of tracked grains, as tomography gives one, from a run whose true positions are known.

    python track.py RUN FOLDER

Scans are taken at equal strains. In each, a grain is found with a probability of 98 %, and its centre is known to a
tenth of a voxel at 20 voxels a diameter. Lengths are in mm, labels are in no order, walls are not tracked, and the
sample does not repeat: it is followed from where it was in the first scan.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from microslip import open_run

N_SCANS, FOUND, ERROR_MM, DIAMETER_MM, SEED = 60, 0.98, 0.005, 1.0, 20261125


def main(run_folder, into):
    """Write grains.csv and load.csv."""
    run, rng = open_run(run_folder), np.random.default_rng(SEED)
    series, frames = run.series, run.frames
    strain, sample = series["strain"].to_numpy(), frames["sample"].to_numpy()
    wanted = np.linspace(strain[sample[0]], strain[sample[-1]], N_SCANS)
    chosen = np.unique(np.abs(strain[sample][:, None] - wanted).argmin(axis=0))
    bulk = np.flatnonzero(run.grains["kind"].to_numpy() == 0)
    label = rng.permutation(len(bulk)) + 1
    diameter = run.grains["diameter"].to_numpy()[bulk] * DIAMETER_MM
    first = frames["position"][int(chosen[0])].to_numpy()[bulk]
    start = run.box.wrap(first) - first
    scans = []
    for scan, frame in enumerate(chosen):
        centre = (frames["position"][int(frame)].to_numpy()[bulk] + start) * DIAMETER_MM
        measured = centre + rng.normal(0, ERROR_MM, centre.shape)
        table = pd.DataFrame(measured.round(4), columns=["x_mm", "y_mm", "z_mm"])
        table.insert(0, "scan", scan)
        table.insert(1, "label", label)
        table["diameter_mm"] = (diameter * rng.normal(1, 0.01, len(bulk))).round(4)
        scans.append(table[rng.random(len(bulk)) < FOUND].sample(frac=1, random_state=rng.integers(2**31)))
    into.mkdir(parents=True, exist_ok=True)
    pd.concat(scans).to_csv(into / "grains.csv", index=False)
    pressure_kpa = run.attributes["config"]["loading"]["pressure"] / 1e3
    load = pd.DataFrame({"scan": np.arange(len(chosen)), "strain": strain[sample[chosen]]})
    load["shear_kPa"] = (series["stress"].to_numpy()[sample[chosen]] * pressure_kpa).round(2)
    load["normal_kPa"] = (series["normal_stress"].to_numpy()[sample[chosen]] * pressure_kpa).round(2)
    load.to_csv(into / "load.csv", index=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
