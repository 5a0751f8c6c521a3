"""Steady means of runs of both engines, with errors from blocks of strain: `python steady.py NAME=RUN … > steady.csv`.

Runs of one NAME are pooled. Every run is cut into blocks of equal strain after the warm-up; a mean is that of the
blocks of all runs, its error their standard error. Stages are found in the walls' stress.
"""

import itertools
import sys

import numpy as np
import pandas as pd

from microslip import d2min, detect_stages, open_run

BLOCK = 0.25
THRESHOLDS = (3e-4, 1e-3, 3e-3)
# D²min of the bulk in stages above this threshold, of every tenth stage
MEASURED, EVERY = 3e-3, 10
QUANTILES = (0.5, 0.9, 0.99)


def blocks_of(path):
    """One row of means for each block of a run."""
    run = open_run(path)
    series = run.series.load()
    strain, stress = series["strain"].to_numpy(), series["stress"].to_numpy()
    first = run.attributes["config"]["loading"]["warm_up"]
    edges = np.arange(first, strain[-1] + 1e-9, BLOCK)
    stages = {threshold: detect_stages(strain, stress, threshold) for threshold in THRESHOLDS}
    motion = motion_of(run, stages[MEASURED])
    rows = []
    for low, high in itertools.pairwise(edges):
        inside = (strain >= low) & (strain < high)
        row = {
            "stress [p]": stress[inside].mean(),
            "normal stress [p]": float(series["normal_stress"].to_numpy()[inside].mean()),
            "solid fraction": float(series["solid_fraction"].to_numpy()[inside].mean()),
        }
        for threshold, table in stages.items():
            row[f"stages a strain above {threshold:g} p"] = table["start_strain"].between(low, high).sum() / BLOCK
        these = motion[(motion["strain"] >= low) & (motion["strain"] < high)]
        for name in motion.columns.drop("strain"):
            row[name] = these[name].mean()
        rows.append(row)
    return rows


def motion_of(run, stages):
    """log10 of quantiles of D²min over the bulk, of every tenth stage whose two ends have frames."""
    sample = run.frames["sample"].to_numpy()
    frame_at = dict(zip(sample.tolist(), range(len(sample)), strict=True))
    bulk = run.grains["kind"].to_numpy() == 0
    rows = []
    for stage in stages.iloc[::EVERY].itertuples():
        if stage.start_sample in frame_at and stage.end_sample in frame_at:
            one, other = (
                run.frames["position"][frame_at[at]].to_numpy() for at in (stage.start_sample, stage.end_sample)
            )
            values = d2min(one, other, run.box, of=bulk).d2min[bulk]
            found = {f"log10 of D²min's {q:g} quantile [d̄²]": np.log10(np.quantile(values, q)) for q in QUANTILES}
            rows.append({"strain": stage.start_strain, **found})
    return pd.DataFrame(rows)


def main():
    runs: dict[str, list] = {}
    for argument in sys.argv[1:]:
        name, path = argument.split("=")
        runs.setdefault(name, []).extend(blocks_of(path))
    tables = {name: pd.DataFrame(rows) for name, rows in runs.items()}
    one, other = tables.values()
    names = list(tables)
    print(f"quantity,{names[0]},error,{names[1]},error,difference over its error,blocks")
    for quantity in one.columns:
        columns = [table[quantity].dropna() for table in (one, other)]
        (a, ea), (b, eb) = ((column.mean(), column.std() / np.sqrt(len(column))) for column in columns)
        print(f"{quantity},{a:.4f},{ea:.4f},{b:.4f},{eb:.4f},{(a - b) / np.hypot(ea, eb):+.1f},{len(one)} {len(other)}")


if __name__ == "__main__":
    main()
