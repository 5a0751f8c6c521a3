"""Verbs that train networks, ask what they rest on, and test them elsewhere."""

from __future__ import annotations

from pathlib import Path

from microslip.cli.common import (
    Set,
    bar,
    console,
    one_step,
)
from microslip.core.errors import MicroslipError
from microslip.core.extras import require
from microslip.data.run import open_run
from microslip.steps.registry import check_overrides


def train(run: Path, *, set_: Set = None) -> None:
    """Train the network on RUN under the random and the blocked split, with baselines → model/.

    It learns how much the stress changes over a stage from the motion of the grains in the same stage: a regression, no
    forecast.
    """
    one_step("train", run, set_)


def explain(run: Path, *, set_: Set = None) -> None:
    """Integrated Gradients for stages of RUN, with nulls and other methods → attributions.zarr, interpretation/."""
    one_step("explain", run, set_)


def ablate(run: Path, *, set_: Set = None) -> None:
    """Train RUN's network on less: places, amplitude, nodes, cell or stages taken away → ablations/."""
    one_step("ablate", run, set_)


def assess(run: Path, *, set_: Set = None) -> None:
    """Train RUN's network with five seeds on each split and on folds in strain, beside baselines → assessment/."""
    one_step("assess", run, set_)


def ceiling(run: Path, *, set_: Set = None) -> None:
    """Nearest neighbours, local strains and Hertz' forces beside RUN's network, on its test stages → ceiling/."""
    one_step("ceiling", run, set_)


def replicas(run: Path, *, set_: Set = None) -> None:
    """Do stages beyond RUN's end again from starts moved by 1e-9 d̄: the most that R² can be → replicas/.

    The run is one of the native engine; it is sheared on from its last state, in a folder of its own.
    """
    one_step("replicas", run, set_)


def search(run: Path, *, trials: int | None = None, set_: Set = None) -> None:
    """Search settings of RUN's training by validation loss alone; the best are said, not applied → search/.

    Parameters
    ----------
    trials
        Trainings; short for --set search.trials=N.
    """
    one_step("search", run, [*(set_ or []), *([f"search.trials={trials}"] if trials is not None else [])])


def predict(run: Path, *, model: Path, into: Path | None = None, allow_transfer: bool = False) -> None:
    """Predict the fluctuations of RUN's stages with a network that was trained elsewhere, beside its baselines.

    From the motion in each stage its own stress change: no forecast of a later one.

    Parameters
    ----------
    model
        The run folder that the network was trained on, or one of its checkpoints.
    into
        Table of predictions; RUN/transfer/NAME.csv for a network of the run NAME where left out.
    allow_transfer
        Also where the network learnt from another cell, other grains or other stages; what differs is said.
    """
    require("learn", "microslip predict")
    from microslip.steps.predict import predict_elsewhere

    predict_elsewhere(open_run(run), model, into, allow_transfer, lambda text: console.print(f"  {text}", markup=False))


def transfer(
    *runs: Path, into: Path, leave_one_out: bool = False, fewer: bool = False, fine_tune: float | None = None,
    set_: Set = None,
) -> None:  # fmt: skip
    """Test the network of every run on every other run → a matrix of R².

    Parameters
    ----------
    runs
        Run folders with a trained network each; their voxels have the same number of nodes.
    into
        Folder of the tables and the figure.
    leave_one_out
        Train on all runs but one as well, and test on that one.
    fewer
        Train on 1, 2 and more of the other runs as well, up to all but one: R² against the number of packings.
    fine_tune
        Share of each run's stages, such as 0.05: also train every network on with that run's first stages, and test it
        on the rest, beside the network as it is and one that learnt from these first stages alone.
    set_
        Of the networks that learn from several runs, such as training.epochs=5; the first run's else.
    """
    require("learn", "microslip transfer")
    if set_ and not (leave_one_out or fewer):
        raise MicroslipError("--set is for networks that learn from several runs: give --leave-one-out or --fewer")
    check_overrides("train", set_ or [])
    from microslip.steps.transfer import transfer_matrix

    opened = [open_run(run) for run in runs]
    with bar("testing networks elsewhere") as (advance, say):
        transfer_matrix(opened, into, leave_one_out, advance, say, fine_tune, fewer, set_ or [])
