"""Stages over the shear rate, by the volume's and the walls' stress: `python rates.py NAME=RUN … --into FOLDER`.

Runs of one NAME are pooled. Each is cut into blocks of 0.05 of strain after its warm-up; a number is that of all blocks
together, its error that of the block jackknife. Writes `counts.csv` (stages per unit strain by size and stress),
`means.csv`, `slips.csv` (sizes and durations of slips of the volume's stress) and `rates.png`.
"""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from microslip import d2min, detect_stages, open_run
from microslip.events.time import times
from microslip.statistics.resampling import block_edges, cut, group_by_block, jackknife
from microslip.study.summary import exceedance
from microslip.views.style import journal_style

THRESHOLDS = (1e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2)
# Slips whose sizes, durations and D²min are compared, and every how many of them D²min is measured.
SLIPS, EVERY = 1e-3, 5
# Stages in which the signs of the walls' changes are compared.
SIGNS = (3e-4, 1e-3)


def blocks_of(path):
    """The blocks of a run: its series, stages of each stress at each threshold, and slips with size, time and D²min."""
    run = open_run(path)
    series = {name: values.to_numpy() for name, values in run.series.load().items()}
    strain, rate = series["strain"], series["shear_rate"]
    loading = run.attributes["config"]["loading"]
    first = int(np.searchsorted(strain, loading["warm_up"] + loading["slow_down"]))
    edges = block_edges(strain, first)
    if len(edges) == 2:
        edges = np.linspace(first, len(strain), max(2, round((strain[-1] - strain[first]) / 0.05)) + 1).astype(int)
    time = times(strain, rate)
    walls = bool(np.isfinite(series["stress_top"]).all())
    half = (series["stress_top"] - series["stress_bottom"]) / 2
    names = {"volume": "stress_volume", "walls": "stress"} if walls else {"volume": "stress_volume"}
    tables = {
        (measure, threshold): detect_stages(strain, series[column], threshold, None, first)
        for measure, column in names.items()
        for threshold in THRESHOLDS
    }
    slips = tables["volume", SLIPS].query("kind == 'slip'").copy()
    slips["time"] = time[slips["end_sample"]] - time[slips["start_sample"]]
    slips["d2min"] = motion_of(run, slips)
    small = tables["volume", SIGNS[0]].query(f"abs(fluctuation) < {SIGNS[1]}")
    change = {
        name: series[name][small["end_sample"]] - series[name][small["start_sample"]]
        for name in ("stress_top", "stress_bottom")
    }
    small = small.assign(agree=np.sign(change["stress_top"]) == np.sign(change["stress_bottom"]))
    blocks, mean = [], series["stress_volume"][first:].mean()
    samples = [strain, time, series["stress_volume"], half, series["solid_fraction"]]
    pieces = zip(*(cut(values, edges) for values in samples), strict=True)
    starts = {key: table["start_sample"].to_numpy() for key, table in tables.items()}
    grouped = {key: group_by_block(sample, sample, edges) for key, sample in starts.items()}
    slip_rows = group_by_block(np.arange(len(slips)), slips["start_sample"].to_numpy(), edges)
    small_rows = group_by_block(small["agree"].to_numpy(), small["start_sample"].to_numpy(), edges)
    for number, (gamma, seconds, stress, imbalance, solid) in enumerate(pieces):
        blocks.append(
            {
                "strain": gamma[-1] - gamma[0],
                "time": seconds[-1] - seconds[0],
                "s": stress.mean(),
                "variance": np.mean((stress - mean) ** 2),
                "half": imbalance.std() if walls else np.nan,
                "solid": solid.mean(),
                "counts": {key: len(rows[number]) for key, rows in grouped.items()},
                "slips": slips.iloc[slip_rows[number]],
                "agree": small_rows[number] if walls else np.empty(0),
            }
        )
    return blocks


def motion_of(run, slips):
    """log10 of the median D²min of the bulk [d̄²] of every few slips; NaN elsewhere."""
    sample = run.frames["sample"].to_numpy()
    frame_at = dict(zip(sample.tolist(), range(len(sample)), strict=True))
    bulk = run.grains["kind"].to_numpy() == 0
    values = np.full(len(slips), np.nan)
    for number, slip in enumerate(slips.itertuples()):
        if number % EVERY == 0 and slip.start_sample in frame_at and slip.end_sample in frame_at:
            one, other = (frame_at[at] for at in (slip.start_sample, slip.end_sample))
            ends = (run.frames["position"][at].to_numpy() for at in (one, other))
            values[number] = np.log10(np.nanmedian(d2min(*ends, run.box_at(one), of=bulk).d2min[bulk]))
    return values


def estimate(blocks, statistic):
    """A statistic of a list of blocks and its jackknife error."""
    indices = [np.array([number]) for number in range(len(blocks))]
    return jackknife(indices, lambda chosen: statistic([blocks[i] for i in chosen]))


def per_strain(key):
    return lambda blocks: sum(b["counts"][key] for b in blocks) / sum(b["strain"] for b in blocks)


def of_slips(column, reduce):
    return lambda blocks: float(reduce(pd.concat([b["slips"] for b in blocks])[column].dropna()))


def mean_of(name):
    return lambda blocks: float(np.mean([b[name] for b in blocks]))


def share_of_agreement(blocks):
    agree = np.concatenate([b["agree"] for b in blocks])
    return float(agree.mean()) if len(agree) else np.nan


MEANS = {
    "strain looked at": lambda blocks: sum(b["strain"] for b in blocks),
    "mean rate [1/s]": lambda blocks: sum(b["strain"] for b in blocks) / sum(b["time"] for b in blocks),
    "s of the volume [p]": mean_of("s"),
    "standard deviation of s [p]": lambda blocks: float(np.sqrt(np.mean([b["variance"] for b in blocks]))),
    "solid fraction": mean_of("solid"),
    "rms of half the walls' difference [p]": mean_of("half"),
    "walls agree in sign, stages of 3e-4 to 1e-3 p": lambda blocks: share_of_agreement(blocks),
    "mean slip above 1e-3 p [p]": of_slips("fluctuation", np.mean),
    "90th percentile of slips above 1e-3 p [p]": of_slips("fluctuation", lambda v: np.quantile(v, 0.9)),
    "median duration of slips above 1e-3 p [s]": of_slips("time", np.median),
    "log10 of the median D²min of slips above 1e-3 p [d̄²]": of_slips("d2min", np.mean),
}


def draw(counts, slips, label, path):
    with journal_style():
        figure, (left, right) = plt.subplots(1, 2, figsize=(8, 4.2), layout="constrained")
        names = list(dict.fromkeys(counts["system"]))
        for number, threshold in enumerate(THRESHOLDS):
            for measure, line in (("volume", "o-"), ("walls", "s:")):
                part = counts[(counts["threshold"] == threshold) & (counts["stress"] == measure)]
                if len(part):
                    at = [names.index(name) for name in part["system"]]
                    above = f"{threshold:g} p" if measure == "volume" else None
                    left.errorbar(
                        at, part["per_strain"], part["error"], fmt=line, color=f"C{number}", label=above, ms=3
                    )
        left.set(yscale="log", xlabel=label, ylabel="stages per unit strain")
        left.set_xticks(range(len(names)), names)
        title = "above, in the stress of the volume (full) and of the walls (dotted)"
        left.legend(title=title, fontsize=7, title_fontsize=7, ncols=3, loc="upper left", bbox_to_anchor=(0, -0.2))
        for name, part in slips.groupby("system", sort=False):
            right.loglog(part["size"], part["fraction"], label=name)
        right.set(xlabel="size of a slip [p]", ylabel="share of slips above 1e-3 p that are larger")
        right.legend(fontsize=7)
        figure.savefig(path, dpi=150)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="+", metavar="NAME=RUN")
    parser.add_argument("--into", type=Path, default=Path())
    parser.add_argument("--label", default="shear rate [1/s]")
    arguments = parser.parse_args()
    arguments.into.mkdir(parents=True, exist_ok=True)
    systems: dict[str, list] = {}
    for argument in arguments.runs:
        name, path = argument.split("=")
        systems.setdefault(name, []).extend(blocks_of(path))
    counts, means, slips = [], [], []
    for name, blocks in systems.items():
        for key in blocks[0]["counts"]:
            value, error = estimate(blocks, per_strain(key))
            counts.append({"system": name, "stress": key[0], "threshold": key[1], "per_strain": value, "error": error})
        for quantity, statistic in MEANS.items():
            value, error = estimate(blocks, statistic)
            means.append({"system": name, "quantity": quantity, "value": value, "error": error, "blocks": len(blocks)})
        sizes = pd.concat([b["slips"] for b in blocks])
        slips.append(exceedance(sizes["fluctuation"].to_numpy()).assign(system=name))
    counts, means, slips = pd.DataFrame(counts), pd.DataFrame(means), pd.concat(slips)
    for name, table in {"counts": counts, "means": means, "slips": slips}.items():
        table.to_csv(arguments.into / f"{name}.csv", index=False, float_format="%.5g")
    draw(counts, slips, arguments.label, arguments.into / "rates.png")


if __name__ == "__main__":
    main()
