"""What the steps note before they show a score of test stages."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float

from microslip.data.openings import Opening
from microslip.data.provenance import fingerprint
from microslip.learn.config import Network, Training

# Where a network is trained changes the last digits alone.
_MACHINE = ("threads", "processes", "device")


def opening(
    verb: str,
    line: str,
    rule: str,
    target: Float[np.ndarray, "stage"],
    network: Network,
    training: Training,
    seeds: int = 1,
    **more: Any,
) -> Opening:
    """A look at test stages with predictions that hang on these settings, and on `more`, such as the ablated input."""
    of_training = {name: value for name, value in training.fingerprinted().items() if name not in _MACHINE}
    settings = fingerprint([network.fingerprinted(), of_training, more])
    return Opening(verb, line, rule, target, settings, seeds)
