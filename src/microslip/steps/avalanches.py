"""From the series of the stress to slips as avalanches: the laws that they follow, and their mean shape."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from microslip.config import Config
from microslip.data.run import Run
from microslip.events.time import times
from microslip.statistics.avalanches import FEWEST_SAMPLES, FEWEST_SLIPS, laws, mean_shapes, numbers, slips_of
from microslip.steps.common import Say

# Slips are cut anew at these multiples of the run's threshold, for small ones that are left out merge their neighbours;
# and laws begin at these multiples of that.
THRESHOLDS, STARTS = (1, 3, 10), (1, 3)


def avalanche_tables(run: Run, config: Config, block: np.ndarray, say: Say) -> dict[str, pd.DataFrame]:
    """Tables of the slips as avalanches by the names of their files; none where the run has no stress or few slips.

    `block` is that of every stage.
    """
    stages = run.stages
    if "start_sample" not in stages or not (stages["kind"] == "slip").any():
        say("no avalanches: the run has no stress whose slips could be looked at")
        return {}
    first, last = int(stages["start_sample"].min()), int(stages["end_sample"].max())
    series = run.series.isel(sample=slice(first, last + 1))
    strain, stress = series["strain"].to_numpy(), run.stress[first : last + 1].to_numpy()
    if not np.isfinite(stress).all():
        say(f"no avalanches: {int((~np.isfinite(stress)).sum())} samples between the stages have no stress")
        return {}
    time, unit = _time(series, strain)
    threshold, confidence = run.stage_threshold or config.stage_threshold, config.bootstrap.confidence
    edges = _edges(stages, block)
    tables, shapes, of_numbers = [], pd.DataFrame(), pd.DataFrame()
    for factor in THRESHOLDS:
        slips = slips_of(strain, stress, time, factor * threshold)
        if factor > 1 and len(slips) < FEWEST_SLIPS:
            continue
        blocks = np.searchsorted(edges, slips["middle"].to_numpy(), side="right")
        fewest = FEWEST_SAMPLES * float(np.median(np.diff(time)))
        # a slip as large as the threshold, from the mean stress, gives off so much
        energy = float(np.median(slips["energy"] / slips["size"])) * factor * threshold
        for start in STARTS:
            smallest = {"size": start * factor * threshold, "duration": start * fewest, "energy": start * energy}
            table = laws(slips, blocks, smallest, confidence)
            tables.append(table.assign(threshold=factor * threshold, unit=table["quantity"].map(_units(unit))))
        if factor == 1:
            shapes = mean_shapes(time, stress, slips, blocks, confidence)
            of_numbers = numbers(slips, blocks, confidence)
    every = pd.concat(tables, ignore_index=True)
    for line in describe(every, of_numbers, shapes):
        say(line)
    return {"avalanches": every, "avalanche_numbers": of_numbers, "avalanche_shapes": shapes}


def _time(series: xr.Dataset, strain: np.ndarray) -> tuple[np.ndarray, str]:
    """Time of every sample and its unit: strain where the rate is not known."""
    rate = series["shear_rate"].to_numpy() if "shear_rate" in series else np.full(len(strain), np.nan)
    if not (np.isfinite(rate).all() and (rate > 0).all()):
        return strain, "strain"
    return times(strain, rate), "s"


def _units(time: str) -> dict[str, str]:
    return {"size": "p", "duration": "" if time == "strain" else time, "energy": "p"}


def _edges(stages: pd.DataFrame, block: np.ndarray) -> np.ndarray:
    """The strains at which blocks after the first begin."""
    middle = ((stages["start_strain"] + stages["end_strain"]) / 2).to_numpy()
    n_blocks = int(block.max()) + 1
    return np.asarray(middle.min() + np.ptp(middle) * np.arange(1, n_blocks) / n_blocks)


def describe(every: pd.DataFrame, of_numbers: pd.DataFrame, shapes: pd.DataFrame) -> Iterator[str]:
    """Exponents beside those of mean field, in a sentence each."""
    names = {"size": "sizes", "duration": "durations", "energy": "energies"}
    for row in every.drop_duplicates("quantity").to_dict("records"):
        name = names[row["quantity"]]
        if not np.isfinite(row["exponent"]):
            yield f"no law of the {name} of slips: {row['n']} from {row['x_min']:.2g} up are too few"
            continue
        unit = f" {row['unit']}" if row["unit"] else ""
        yield (
            f"{name} of {row['n']} slips at a threshold of {row['threshold']:.2g} p, {row['decades']:.1f} decades:"
            f" τ = {_between(row, 'exponent')}, cut off at {row['cutoff']:.2g}{unit}; mean field's"
            f" {row['mean_field']:.2f} costs {row['loss']:.1f} of ln L"
        )
    for row in of_numbers.to_dict("records"):
        if np.isfinite(row["value"]):
            meaning, whose = row["meaning"].split("; ")
            yield f"{meaning}: {_between(row, 'value')}, {row['expected']:g} of {whose}"
    for row in shapes.drop_duplicates("group").tail(1).to_dict("records"):
        yield f"asymmetry of the mean shape of the longest third of slips: {row['asymmetry']:+.3f}, 0 of mean field"


def _between(row: dict[str, Any], name: str) -> str:
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    return f"{row[name]:.2f}" + (f" [{low:.2f}, {high:.2f}]" if np.isfinite(low) else "")
