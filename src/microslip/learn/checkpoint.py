"""A trained network in a file, with all that is needed to use it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from microslip.core.errors import MicroslipError
from microslip.data.files import replacing
from microslip.data.seals import check_whole
from microslip.data.text_files import regular_file
from microslip.learn.config import MOST_MEMBERS, Network, Training
from microslip.learn.losses import n_outputs
from microslip.learn.networks.predictor import Predictor, build_network
from microslip.learn.samples import Scaling
from microslip.learn.saved import as_bytes, load_saved
from microslip.learn.train import Trained

# Raised when an older checkpoint would be misread.
FORMAT_VERSION = 2


@dataclass(frozen=True)
class Checkpoint:
    """The network, ready to predict, its scaling, its configuration, and the cell that it learnt from."""

    network: Predictor
    scaling: Scaling
    config: Network
    cell: dict[str, Any]


def save_checkpoint(
    trained: Trained, network_config: Network, config: Training, cell: dict[str, Any], path: Path
) -> None:
    """Write weights, grid, configuration, scaling and the description of the cell."""
    content: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        "weights": trained.network.state_dict(),
        "grid": list(trained.network.grid),
        "network": network_config.model_dump(mode="json"),
        "training": config.model_dump(mode="json"),
        "scaling": asdict(trained.scaling),
        "cell": cell,
    }
    with replacing(path) as beside:
        beside.write_bytes(as_bytes(content))


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint.

    Raises
    ------
    MicroslipError
        The file is missing, is not a checkpoint, or is one of another version.
    """
    check_whole(path)
    if not path.exists():
        raise MicroslipError(f"{path} is missing: run `microslip train` first")
    regular_file(path, "give a run folder with a trained network, or its model/checkpoint.pt")
    try:
        content = load_saved(path)
    except MicroslipError as problem:
        raise MicroslipError(f"{problem}: train again") from None
    if not isinstance(content, dict):
        raise MicroslipError(f"{path} is not a checkpoint (it holds a {type(content).__name__}): train again")
    version = content.get("format_version")
    if version != FORMAT_VERSION:
        raise MicroslipError(
            f"{path} has format_version = {version}, this microslip reads {FORMAT_VERSION}: train again, or use the"
            " microslip that wrote it"
        )
    try:
        config = Network.model_validate(content["network"])
        # one of before losses were told is of the mean squared error
        outputs = n_outputs(content["training"].get("loss", "mse"))
        network = build_network(tuple(content["grid"]), config, outputs)
        network.load_state_dict(content["weights"])
        kept: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in content["scaling"].items()
        }
        scaling, cell = Scaling(**kept), dict(content["cell"])
    except Exception as problem:
        raise MicroslipError(f"{path} is damaged ({_in_a_line(problem)}): train again") from None
    network.eval().to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    return Checkpoint(network, scaling, config, cell)


def checkpoint_name(rule: str, member: int = 0) -> str:
    """File of a member of the ensemble under a split rule; the paper's, the random one, has the plain name."""
    return "checkpoint" + ("" if rule == "random" else f"_{rule}") + (f"_{member}" if member else "") + ".pt"


def load_ensemble(folder: Path) -> list[Checkpoint]:
    """All networks of a run's random split, whose mean is the run's prediction; errors as in `load_checkpoint`."""
    first, *others = (folder / "model" / checkpoint_name("random", member) for member in range(MOST_MEMBERS))
    return [load_checkpoint(path) for path in (first, *(path for path in others if path.exists()))]


def _in_a_line(problem: Exception) -> str:
    return " ".join(str(problem).split())
