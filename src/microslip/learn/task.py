"""What a network is to learn, and from what: checked to belong together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from microslip.core import arguments
from microslip.core.errors import MicroslipError
from microslip.grids.splits import TRAIN, VALIDATION, SplitSets
from microslip.learn.config import Network, Training
from microslip.learn.samples import Samples, Scaling, check_samples


@dataclass(frozen=True)
class Task:
    """Stages, their sets and scaling, the shape of the network, how it is trained, and the weights to start from."""

    samples: Samples
    sets: SplitSets
    scaling: Scaling
    network: Network
    training: Training
    start: Mapping[str, torch.Tensor] | None = None


def check_task(samples: Samples, sets: SplitSets, scaling: Scaling, network_config: Network, config: Training) -> Task:
    """The task, with the sets as arrays of stage numbers.

    Raises
    ------
    MicroslipError
        Samples, sets or settings that do not belong together.
    """
    check_samples(samples)
    arguments.record("network_config", network_config, Network, "give a Network of microslip.learn.config")
    arguments.record("config", config, Training, "give a Training of microslip.learn.config")
    arguments.record("scaling", scaling, Scaling, "give what fit_scaling returns")
    if not tuple(samples.names) == tuple(scaling.names) == network_config.inputs:
        raise MicroslipError(
            f"samples hold {', '.join(samples.names)}, scaling {', '.join(scaling.names)}, network_config"
            f" {', '.join(network_config.inputs)}: give all three the same channels"
        )
    arguments.record("sets", sets, dict, "give what random_split or blocked_split returns")
    checked = dict(sets)
    for name, fewest in ((TRAIN, 2), (VALIDATION, 1)):
        if name not in sets:
            raise MicroslipError(f"sets has no {name}: give what random_split or blocked_split returns")
        checked[name] = arguments.wholes(f"sets[{name!r}]", sets[name], ("entry",), 0, len(samples.target) - 1)
        if len(checked[name]) < fewest:
            raise MicroslipError(f"sets[{name!r}] holds {len(checked[name])} stages: it takes {fewest} or more")
    return Task(samples, checked, scaling, network_config, config)
