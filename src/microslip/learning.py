"""Learning in a notebook: arrays in, a predictor out.

>>> from microslip import learning, open_run
>>> run = open_run("runs/quick")
>>> fitted = learning.fit(run.voxels["d2min"].to_numpy(), run.stages["fluctuation"].to_numpy(), split="blocked")
>>> fitted.scores["r2"]

What is learnt is how much the stress changes over a stage, from the motion in the same stage; it forecasts nothing yet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Float
from pydantic import ValidationError
from rich.progress import Progress

from microslip.config_files import explain
from microslip.core import arguments
from microslip.core.errors import MicroslipError
from microslip.core.extras import require
from microslip.core.settings import Settings
from microslip.grids.config import Split
from microslip.grids.splits import RULES, SplitSets, split_stages
from microslip.learn.config import Network, Training

require("learn", "microslip.learning")

from microslip.learn.ensemble import Ensemble, train_ensemble  # noqa: E402
from microslip.learn.inputs import inputs_of_arrays  # noqa: E402
from microslip.learn.samples import Samples  # noqa: E402

Section = TypeVar("Section", bound=Settings)


def fit(
    voxels: Float[np.ndarray, "*n x y z"],
    fluctuation: Float[np.ndarray, "stage"],
    *,
    split: str | SplitSets = "random",
    seed: int = 1,
    fields: Sequence[str] = ("d2min",),
    state: str | Path | None = None,
    progress: bool = True,
    **settings: Any,
) -> Ensemble:
    """Train a network to tell the stress fluctuation of a stage from its voxels, as `microslip train` does.

    Parameters
    ----------
    voxels
        Shape (stage, x, y, z), or (stage, field, x, y, z) for several fields: D²min [d̄²], strains, displacements [d̄].
    fluctuation
        Stress at the start of each stage less that at its end, shape (stage,) [p].
    split
        "random", as in the paper; "blocked", with blocks in order and a gap between them; or the sets themselves, a
        dictionary of stage numbers with the keys train, validation and, if wanted, test.
    seed
        Of the initial weights, the order of the stages, and the random split.
    fields
        What the fields are: names of `microslip.fields.registry`, which tell their scale and their sign in a mirror.
    state
        Path, without a suffix, of the files from which an interrupted training goes on; in memory alone where left out.
    progress
        Whether a bar shows the epochs.
    **settings
        Any of the sections [network] and [training], such as `epochs=20`, `kind="residual"` or `ensemble=5`. For a cell
        that does not repeat in x and y give `augment=False`.

    Returns
    -------
    Ensemble
        With `predict`, `score`, `attributions`; `scores` and `predictions` of all sets, and the loss curves, `history`.

    Raises
    ------
    MicroslipError
        Arrays that do not belong together or are not finite, an unknown setting, too few stages; errors of `train`.
    """
    fields = (fields,) if isinstance(fields, str) else tuple(fields)
    _refuse_unknown(settings)
    network = _section(Network, {**settings, "inputs": fields})
    training = _section(Training, {**settings, "seed": seed})
    inputs = inputs_of_arrays(voxels, network.inputs, training.floor, training.transform)
    target = arguments.reals("fluctuation", fluctuation, (("stage", len(inputs), "the voxels"),))
    if isinstance(split, str):
        if split not in RULES:
            raise MicroslipError(f'split = "{split}" is no split rule: give {" or ".join(RULES)}, or the sets')
        split = split_stages(split, len(target), Split(), training.seed)
    samples = Samples(inputs, network.inputs, target)
    with _bar(progress) as report:
        return train_ensemble(
            samples, split, network, training, None if state is None else arguments.path("state", state), report
        )


def _refuse_unknown(settings: dict[str, Any]) -> None:
    names = {*Network.model_fields, *Training.model_fields} - {"inputs", "seed"}
    if unknown := sorted(set(settings) - names):
        raise MicroslipError(f"{', '.join(unknown)}: no such setting, known are {', '.join(sorted(names))}")


def _section(section: type[Section], settings: dict[str, Any]) -> Section:
    try:
        return section.model_validate({name: settings[name] for name in section.model_fields if name in settings})
    except ValidationError as problem:
        raise MicroslipError(explain(problem.errors()[0], section)) from None


@contextmanager
def _bar(shown: bool) -> Iterator[Callable[[int, int], None] | None]:
    if not shown:
        yield None
        return
    with Progress(transient=True) as bar:
        epochs = bar.add_task("training", total=None)
        yield lambda done, total: bar.update(epochs, completed=done, total=total)
