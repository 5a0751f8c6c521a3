"""Networks of other stages that are trained on with a few of a run's own, beside networks of these few alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from microslip.grids.splits import TRAIN, SplitSets
from microslip.learn.config import Network, Training
from microslip.learn.elsewhere import Fitted, with_baselines
from microslip.learn.networks.predictor import Predictor
from microslip.learn.samples import Samples, Scaling, fit_scaling
from microslip.learn.train import train

AS_IT_IS, TUNED, ALONE = "as it is", "fine-tuned", "alone"

# Of the rate of a whole training: at that rate itself a few hundred stages would undo what was learnt from thousands.
TUNING_RATE = 0.1


def fine_tuned(
    fitted: Fitted,
    samples: Samples,
    features: Mapping[str, Float[np.ndarray, "stage feature"]],
    sets: SplitSets,
    network: Network,
    training: Training,
    state: Path,
) -> dict[str, Fitted]:
    """Networks as they are, trained on with the first stages of another run, and trained on these alone.

    Parameters
    ----------
    fitted
        Networks that learnt from other stages. Their scaling is kept, that of the target too.
    samples, features
        Of every stage of the other run.
    sets
        Training and validation set, as `first_stages` gives them.
    network, training
        Of the networks as they were trained. They are trained on with a tenth of the rate.
    state
        Folder for the state of every training, from which an interrupted one goes on.

    Returns
    -------
    By `AS_IT_IS`, `TUNED` and `ALONE`, as many networks in each. Baselines and intervals of the latter two come from
    the first stages too, those of the first from where its networks do.
    """
    slow = training.model_copy(update={"learning_rate": TUNING_RATE * training.learning_rate})
    own = fit_scaling(samples, sets[TRAIN], training)
    starts: dict[str, tuple[Scaling, Training, Sequence[Predictor | None]]] = {
        TUNED: (fitted.scaling, slow, fitted.networks),
        ALONE: (own, training, [None] * len(fitted.networks)),
    }
    lines = {AS_IT_IS: fitted}
    for name, (scaling, settings, networks) in starts.items():
        trained = [
            train(
                samples, sets, scaling, network, settings.model_copy(update={"seed": settings.seed + number}),
                state / f"{name}-{number}.pt", start=start,
            ).network
            for number, start in enumerate(networks)
        ]  # fmt: skip
        lines[name] = with_baselines(trained, samples, scaling, features, sets, settings.seed)
    return lines
