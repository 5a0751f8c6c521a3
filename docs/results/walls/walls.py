"""What the walls do to stages and clusters: `python walls.py NAME=RUN … --into FOLDER`.

Every run has been through `microslip stages`, `fields` and `statistics`; stages are those of its `stages.threshold`.
Runs of one NAME are pooled. Means are over the stages of a kind and a range of sizes; errors are those of a jackknife
over blocks of 0.05 of strain. Writes `stages.csv` and `walls.png`.
"""

import argparse
from itertools import pairwise
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from microslip import open_run
from microslip.statistics.resampling import jackknife
from microslip.views.style import journal_style

EDGES = (1e-3, 3e-3, 1e-2, 1.0)
BLOCK = 0.05
# Column of the stages' statistics → what is averaged, and how it is called.
QUANTITIES = {
    "xi": (lambda v: v, "ξ of a stage [d̄]"),
    "moran_i": (lambda v: v, "Moran's I"),
    "efficiency": (lambda v: v, "global efficiency"),
    "largest_cluster": (lambda v: v, "grains of the largest cluster"),
    "n_clusters": (lambda v: v, "number of clusters"),
    "d2min_all": (np.log10, "log₁₀ of the mean D²min [d̄²]"),
}
SHOWN = ("xi", "moran_i", "efficiency", "largest_cluster", "d2min_all")


def stages_of(path):
    """A run's stages with their statistics, and the block of strain in which each begins."""
    run = open_run(path)
    table = run.stages[["stage", "start_strain"]].merge(pd.read_csv(Path(path) / "statistics/stages.csv"), on="stage")
    return table.assign(block=(table["start_strain"] / BLOCK).astype(int).astype(str) + f" of {path}")


def mean_and_error(table, column, change):
    """The mean over all stages, its jackknife error over blocks, and how many stages know the quantity."""
    values = table.loc[np.isfinite(table[column].astype(float)), [column, "block"]]
    if len(values) < 3:
        return np.nan, np.nan, len(values)
    groups = [change(part[column].to_numpy(float)) for _, part in values.groupby("block")]
    value, error = jackknife(groups, np.mean)
    return value, error, len(values)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="+", metavar="NAME=RUN")
    parser.add_argument("--into", type=Path, default=Path())
    arguments = parser.parse_args()
    systems: dict[str, list] = {}
    for argument in arguments.runs:
        name, path = argument.split("=")
        systems.setdefault(name, []).append(stages_of(path))
    rows = []
    for name, tables in systems.items():
        table = pd.concat(tables)
        size = table["fluctuation"].abs()
        for kind in ("stick", "slip"):
            for low, high in pairwise(EDGES):
                part = table[(table["kind"] == kind) & (size >= low) & (size < high)]
                for column, (change, label) in QUANTITIES.items():
                    value, error, n = mean_and_error(part, column, change)
                    rows.append(
                        {
                            "system": name,
                            "kind": kind,
                            "low": low,
                            "high": high,
                            "quantity": label,
                            "mean": value,
                            "error": error,
                            "stages": n,
                            "mean_size": part["fluctuation"].abs().mean(),
                        }
                    )
    rows = pd.DataFrame(rows)
    rows.to_csv(arguments.into / "stages.csv", index=False, float_format="%.4g")
    with journal_style():
        figure, axes = plt.subplots(1, len(SHOWN), figsize=(12, 2.8), layout="constrained")
        for axis, column in zip(axes, SHOWN, strict=True):
            label = QUANTITIES[column][1]
            for number, name in enumerate(systems):
                for kind, mark in (("stick", "o:"), ("slip", "s-")):
                    one = rows.query("system == @name and kind == @kind and quantity == @label")
                    points, look = (one["mean_size"], one["mean"], one["error"]), {"color": f"C{number}", "ms": 3}
                    axis.errorbar(*points, fmt=mark, label=f"{name}, {kind}s", **look)
            axis.set(xscale="log", xlabel="size of the stage [p]", ylabel=label)
            axis.xaxis.set_minor_formatter("")
        axes[0].legend(fontsize=6)
        figure.savefig(arguments.into / "walls.png", dpi=150)


if __name__ == "__main__":
    main()
