"""What attributions are compared with: layers made random, other methods, a shuffled target."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Float64, Int64

from microslip.grids.config import Split
from microslip.grids.splits import TEST, TRAIN, VALIDATION, random_split
from microslip.learn.attribution import (
    Attributed,
    Nodes,
    Voxels,
    integrated_gradients,
    occlusion,
    smoothed_integrated_gradients,
)
from microslip.learn.config import Attribution, Network, Training
from microslip.learn.expected import Expected, Fields, expected_gradients
from microslip.learn.networks.predictor import Predictor
from microslip.learn.nulls import layers_from_the_output, randomised
from microslip.learn.samples import Samples, Scaling, fit_scaling
from microslip.learn.train import train
from microslip.statistics.ranks import spearman

# Stages by which a network that learns noise is judged.
JUDGED_STAGES = 500

Done = Callable[[int], None]
"""Called with the number of attributions that were made since the last call."""


@dataclass(frozen=True)
class Explainer:
    """A trained network with its scaling, where the paths of its attributions start, and how they are made.

    `starts`: scaled voxels of stages drawn from the training set, from which paths start in Expected Gradients, and
    the first `settings.n_donors` of which, `donors`, stand in for nodes that are taken out.
    """

    network: Predictor
    scaling: Scaling
    baseline: Voxels
    starts: Fields
    settings: Attribution
    seed: int

    @property
    def donors(self) -> Fields:
        """The stages whose values stand at nodes that are taken out."""
        return self.starts[: self.settings.n_donors]

    def attribute(self, inputs: Voxels) -> Attributed:
        """Integrated Gradients of one stage."""
        return integrated_gradients(self.network, self.scaling, inputs, self.settings, self.baseline)

    def expect(self, stage: ExplainedStage) -> Expected:
        """Expected Gradients of one stage, with random numbers of its own."""
        return expected_gradients(self.network, self.scaling, stage.inputs, self.starts, self.seed + stage.number)


@dataclass(frozen=True)
class ExplainedStage:
    """A stage's number, its scaled voxels, and its attribution (x, y, z) summed over channels [p]."""

    number: int
    inputs: Voxels
    attribution: Float64[np.ndarray, "x y z"]


def choose_stages(predictions: pd.DataFrame, n_stages: int) -> Int64[np.ndarray, "chosen"]:
    """Half sticks, half slips of the random split's test set, spread evenly over the ranks of |fluctuation|."""
    test = predictions[(predictions["rule"] == "random") & (predictions["split"] == TEST)]
    chosen = []
    for of_kind in (test[test["target"] < 0], test[test["target"] > 0]):
        ranked = of_kind.sort_values("target", key=np.abs)["stage"].to_numpy()
        chosen.append(evenly(ranked, max(1, n_stages // 2)))
    return np.unique(np.concatenate(chosen))


def evenly(stages: Int64[np.ndarray, "stage"], n: int) -> Int64[np.ndarray, "chosen"]:
    """So many stages, or all where there are fewer, spread evenly over their order."""
    if len(stages) == 0:
        return stages
    places = np.linspace(0, len(stages) - 1, min(n, len(stages)))
    return np.asarray(stages[np.unique(places.round().astype(int))])


def randomise_layers(explainer: Explainer, stages: Sequence[ExplainedStage], done: Done) -> pd.DataFrame:
    """Rank correlation of |attribution| with the trained network's while layer after layer is made random.

    Returns
    -------
    Columns n_layers, last_layer, spearman and its deviation over the n stages where it has a value.
    """
    rows = []
    for n_layers, name in enumerate(layers_from_the_output(explainer.network), start=1):
        other = replace(explainer, network=randomised(explainer.network, n_layers, explainer.seed))
        alike = np.empty(len(stages))
        for row, stage in enumerate(stages):
            attribution = other.attribute(stage.inputs).attribution.sum(axis=0)
            alike[row] = spearman(np.abs(stage.attribution).ravel(), np.abs(attribution).ravel())
            done(1)
        alike = alike[np.isfinite(alike)]
        mean, deviation = (alike.mean(), alike.std()) if len(alike) else (np.nan, np.nan)
        rows.append((n_layers, name, mean, deviation, len(alike)))
    return pd.DataFrame(rows, columns=["n_layers", "last_layer", "spearman", "deviation", "n"])


def compare_methods(explainer: Explainer, stages: Sequence[ExplainedStage], done: Done) -> dict[str, pd.DataFrame]:
    """Rank correlation of other methods' attributions with those of Integrated Gradients, and the errors of one.

    Returns
    -------
    `methods`: stage, method, spearman_of_sizes, spearman. `expected`, of Expected Gradients: stage; difference, sum and
    sum_error [p]; node_error and repeatability, as in `Expected`.
    """
    network, scaling, settings, baseline = explainer.network, explainer.scaling, explainer.settings, explainer.baseline
    rows, drawn = [], []
    for stage in stages:
        inputs, own = stage.inputs, stage.attribution.ravel()
        smoothed = smoothed_integrated_gradients(network, scaling, inputs, settings, explainer.seed, baseline)
        expected = explainer.expect(stage)
        others = {
            "expected": expected.attribution.sum(axis=0),
            "smoothgrad": smoothed.sum(axis=0),
            "occlusion": occlusion(network, scaling, inputs, settings, baseline)[0],
            "input": (inputs - baseline).sum(axis=0),
        }
        for name, other in others.items():
            sizes = spearman(np.abs(own), np.abs(other).ravel())
            rows.append((stage.number, name, sizes, spearman(own, other.ravel())))
        drawn.append(
            {
                "stage": stage.number,
                "difference": expected.difference,
                "sum": float(expected.attribution.sum()),
                "sum_error": expected.sum_error,
                "node_error": expected.relative_error,
                "repeatability": expected.repeatability,
            }
        )
        done(3)
    methods = pd.DataFrame(rows, columns=["stage", "method", "spearman_of_sizes", "spearman"])
    return {"methods": methods, "expected": pd.DataFrame(drawn)}


def furthest_first(attributions: Nodes, n: int) -> Int64[np.ndarray, "chosen"]:
    """The rows (row, x, y, z) whose prediction lies furthest from that of the baseline, the furthest first."""
    difference = np.abs(attributions.sum(axis=(1, 2, 3)))
    return np.argsort(-difference)[:n]


def train_on_shuffled(
    samples: Samples,
    scaling: Scaling,
    network: Network,
    training: Training,
    split: Split,
    n_epochs: int,
    state: Path,
    done: Callable[[], None],
) -> Predictor:
    """A network trained on the fluctuations in random order: what it knows is noise.

    Parameters
    ----------
    samples
        Inputs of all stages, and their true fluctuations.
    scaling, network
        Of the network that it is compared with, on whose scales it learns.
    training, split
        Its training, but for `n_epochs`, and the sets, of which the training set is used.
    state
        File from which an interrupted training goes on.
    done
        Called after each epoch.
    """
    scales = {name: getattr(scaling, name) for name in ("floor", "transform", "target")}
    settings = training.model_copy(update={"epochs": n_epochs, "patience": n_epochs, **scales})
    shuffled = np.random.default_rng(settings.seed).permutation(samples.target)
    samples = replace(samples, target=shuffled)
    chosen = random_split(len(shuffled), split, settings.seed)[TRAIN]
    # judged by what it was trained on: the epoch that knows the noise best is kept
    sets = {TRAIN: chosen, VALIDATION: chosen[:: max(1, len(chosen) // JUDGED_STAGES)]}
    own_scaling = fit_scaling(samples, chosen, settings)
    return train(samples, sets, own_scaling, network, settings, state, lambda row: done()).network
