"""Every network once, by its `network.kind`. Who adds one writes its class in a file, and its line here."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class NetworkKind:
    """`module` and `name` of its class, which is loaded when it is built, for it needs torch; `description`.

    `repeats`: it takes the cell to repeat in x and y. `normalises`: always, whatever `network.batch_normalisation` is.
    """

    module: str
    name: str
    description: str
    repeats: bool = False
    normalises: bool = False


NETWORKS = {
    "plain": NetworkKind(
        "microslip.learn.networks.plain",
        "SlipNet",
        "the paper's four times [Conv3d 3³ → MaxPool 2³ → ReLU], then two fully connected layers",
    ),
    "residual": NetworkKind(
        "microslip.learn.networks.residual",
        "ResidualNet",
        "the same pools, a residual block after each, periodic in x and y",
        repeats=True,
        normalises=True,
    ),
}


def network_kind(name: str) -> str:
    """The name itself where a network has it; a ValueError that names the networks, where not."""
    if name not in NETWORKS:
        raise ValueError(f"{name} is no kind of network: known are {', '.join(NETWORKS)}")
    return name
