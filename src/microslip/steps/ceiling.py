"""What physics and nearest neighbours know of the stress change, beside the network, of all sizes."""

from __future__ import annotations

import shutil

import numpy as np
import pandas as pd

from microslip.config import Config
from microslip.data.attributes import diameters_known
from microslip.data.files import replacing, write_table
from microslip.data.run import Run
from microslip.fields.elastic import elastic_numbers
from microslip.fields.hertz import hertz_stress
from microslip.grids.splits import RULES, TEST, split_stages
from microslip.learn.ceiling import scores_by_size
from microslip.learn.predictors import linear, nearest_neighbours
from microslip.learn.reading import keep_samples, stage_reader
from microslip.learn.samples import fit_scaling
from microslip.steps.common import Advance, Say, scratch_folder
from microslip.steps.fields import read_stages
from microslip.steps.trained_cell import fit_to_cell

STAGES_PER_READ = 32
# Of model/predictions.csv: no methods.
NOT_METHODS = ("stage", "rule", "split", "target", "spread", "low", "high")


def ceiling_step(run: Run, config: Config, mark: str, advance: Advance, say: Say) -> None:
    """Predict test stages by nearest neighbours, by the local strains and by Hertz' forces, and score all by size."""
    config = fit_to_cell(run, config, say)
    stages, training = run.stages, config.training
    target, cycle = stages["fluctuation"].to_numpy(), stages["cycle"].to_numpy()
    measured = _measure(run, config, advance, say)
    features = {"elastic": measured.drop(columns="hertz", errors="ignore")}
    if "hertz" in measured:
        features |= {"hertz": measured[["hertz"]], "hertz_elastic": measured}
    scratch = scratch_folder(run.folder / ".ceiling", mark)
    reader = stage_reader(run, config.network.inputs, training)
    samples = keep_samples(reader.batches(), reader.names, target, scratch / "inputs.npy")
    before, parts = run.predictions, []
    methods = [name for name in before.columns if name not in NOT_METHODS]
    for rule in RULES:
        sets = split_stages(rule, len(target), config.split, training.seed)
        scaling = fit_scaling(samples, sets["train"], training)
        of_rule = {"neighbours": nearest_neighbours(samples, scaling, sets, training.seed)}
        of_rule |= {name: linear(values.to_numpy(), target, sets) for name, values in features.items()}
        trained = before[(before["rule"] == rule) & (before["split"] == TEST)]
        chosen = trained["stage"].to_numpy()
        table = trained[["stage", "target", *methods]].rename(columns={"prediction": "network"})
        table = table.assign(**{name: values[chosen] for name, values in of_rule.items()})
        table.insert(0, "rule", rule)
        parts.append(table)
    predictions = pd.concat(parts, ignore_index=True)
    named = [name for name in predictions if name not in ("rule", "stage", "target")]
    scores = scores_by_size(predictions, named, target, cycle, training.seed)
    with replacing(run.folder / "ceiling") as beside:
        beside.mkdir()
        write_table(beside / "numbers.csv", measured.assign(stage=stages["stage"])[["stage", *measured.columns]])
        write_table(beside / "predictions.csv", predictions)
        write_table(beside / "scores.csv", scores)
    shutil.rmtree(scratch)
    for rule in RULES:
        of_all = scores[(scores["rule"] == rule) & (scores["group"] == "all")].set_index("method")["r2"]
        told = ", ".join(f"{name.replace('_', ' ')} {of_all[name]:.3f}" for name in ("network", *of_rule))
        say(f"{rule} split, test R²: {told}")


def _measure(run: Run, config: Config, advance: Advance, say: Say) -> pd.DataFrame:
    """Numbers of every stage: its length, its local strains, and the change of Hertz' stress where it is known."""
    stages, grains, cell = run.stages, run.grains, config.shear_cell
    kind, diameter = grains["kind"].to_numpy(), grains["diameter"].to_numpy()
    known = cell is not None and diameters_known(run.attributes, diameter)
    if not known:
        say("no stress from Hertz' forces: what the grains are made of is not known of an imported run")
    modulus, ratio = (
        (cell.grains.youngs_modulus / cell.loading.pressure, cell.grains.poisson_ratio) if cell else (0.0, 0.0)
    )
    volume = _volumes(run) if known else np.empty(0)
    rows = []
    for start in range(0, len(stages), STAGES_PER_READ):
        batch = slice(start, min(start + STAGES_PER_READ, len(stages)))
        part = stages.iloc[batch]
        for (_, frames), stage in zip(read_stages(run, batch, config.nonaffine.cutoff), part.itertuples(), strict=True):
            numbers = {"strain_increment": stage.strain_increment} | elastic_numbers(frames)
            if known:
                before, after = (
                    hertz_stress(position, diameter, kind == 0, box, volume[sample], modulus, ratio)
                    for position, box, sample in (
                        (frames.reference, frames.box, stage.start_sample),
                        (frames.current, frames.end_box, stage.end_sample),
                    )
                )
                # as the fluctuation: the start less the end
                numbers["hertz"] = before - after
            rows.append(numbers)
        advance(batch.stop, len(stages))
    return pd.DataFrame(rows)


def _volumes(run: Run) -> np.ndarray:
    """Volume between the walls, or of the cell, at every sample [d̄³]."""
    series, (lx, ly, lz) = run.series, run.box.lengths
    height = series["height"].to_numpy() if "height" in series else np.full(series.sizes["sample"], np.nan)
    return lx * ly * np.where(np.isfinite(height), height, lz)
