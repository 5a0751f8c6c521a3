"""What the training of a run left, made ready to predict the stages of others."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from microslip.core.errors import MicroslipError
from microslip.core.messages import Caution
from microslip.data.openings import ELSEWHERE, Opening
from microslip.data.provenance import digest_output, fingerprint
from microslip.data.run import Run, open_run
from microslip.grids.splits import TEST, SplitSets
from microslip.learn.checkpoint import Checkpoint, load_checkpoint, load_ensemble
from microslip.learn.elsewhere import Fitted, networks_alone, with_baselines
from microslip.learn.reading import keep_samples, stage_features, stage_reader
from microslip.steps.common import Say
from microslip.steps.run_settings import run_config


class Model(NamedTuple):
    """Networks that were trained before, where they lie, in which run folder, and that run if all are meant."""

    path: Path
    members: list[Checkpoint]
    folder: Path
    run: Run | None

    @property
    def name(self) -> str:
        """Of the run that they learnt from."""
        return self.folder.name


def load_model(path: Path) -> Model:
    """All networks of a run's random split, or the one of a checkpoint; errors as in `load_checkpoint`."""
    if not path.is_dir():
        return Model(path, [load_checkpoint(path)], path.resolve().parent.parent, None)
    return Model(path, load_ensemble(path), path.resolve(), open_run(path))


def check_grid(model: Model, run: Run) -> None:
    """Refuse a run whose voxels are not as many as the network takes."""
    grid, own = tuple(run.voxels["d2min"].shape[1:]), tuple(model.members[0].network.grid)
    if grid != own:
        raise MicroslipError(
            f"{model.path} takes {own} nodes, the voxels of {run.folder} have {grid}:"
            " train on this run, or coarse-grain it to that grid"
        )


def random_sets(run: Run) -> SplitSets:
    """The sets that the networks of the random split learnt from, as its predictions have them."""
    of_rule = run.predictions.query("rule == 'random'")
    return {str(name): np.sort(part["stage"].to_numpy()) for name, part in of_rule.groupby("split")}


def fit_again(model: Model, scratch: Path, say: Say) -> Fitted:
    """The networks with their errors on validation stages, and baselines fitted anew on their training stages.

    Where the run that they were trained on is not there, or holds other stages by now, they are alone; that is said.
    """
    networks, scaling = [member.network for member in model.members], model.members[0].scaling
    alone = networks_alone(networks, scaling)
    if model.run is None:
        say(f"{model.path} is a checkpoint: give its run's folder for baselines and intervals")
        return alone
    try:
        run = model.run
        sets, target = random_sets(run), run.stages["fluctuation"].to_numpy()
        learnt = run.predictions.query("rule == 'random'")
        if learnt["stage"].max() >= len(target) or not np.allclose(target[learnt["stage"]], learnt["target"]):
            raise MicroslipError("its stages are not those that its networks learnt from")
        samples = keep_samples(stage_reader(run, scaling.names, scaling).batches(), scaling.names, target, scratch)
        features = stage_features(run)
    except MicroslipError as problem:
        say(Caution(f"no baselines and no intervals from {model.name}: {problem}"))
        return alone
    fitted = with_baselines(networks, samples, scaling, features, sets, run_config(run.folder).training.seed)
    scratch.unlink()
    return fitted


def tested_stages(model: Model, run: Run) -> np.ndarray:
    """The stages of a run that networks have not learnt from: all, or of their own run the random split's test set.

    A stage whose fluctuation is not known is not among them.
    """
    known = np.flatnonzero(run.stages["fluctuation"].notna())
    return np.intersect1d(known, random_sets(run)[TEST]) if is_own(model, run) else known


def is_own(model: Model, run: Run) -> bool:
    """Whether the networks learnt from this run."""
    return model.folder == run.folder.resolve()


def look_elsewhere(verb: str, model: Model, target: Float[np.ndarray, "stage"], rule: str = ELSEWHERE) -> Opening:
    """A look at another run's stages, with these networks as they are."""
    files = sorted(model.path.glob("model/checkpoint*.pt")) if model.path.is_dir() else [model.path]
    settings = fingerprint([digest_output(file) for file in files])
    return Opening(verb, f"networks of {model.name}", rule, target, settings, len(model.members))
