"""What steers network, training and attribution."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from microslip.core.settings import Settings


class Network(Settings):
    """Four times [Conv3d 3³ → MaxPool 2³ → ReLU], then fully connected layers to one number."""

    channels: tuple[int, ...] = Field((16, 32, 64, 128), min_length=1, description="of the convolutions, the paper's")
    hidden: int = Field(128, ge=1, description="units of the fully connected layer; the paper gives no number")
    batch_normalisation: bool = Field(
        False, description="after each convolution; not in the paper, but it learns in fewer epochs"
    )


class Training(Settings):
    """Mean squared error, AdamW, one cycle of the learning rate."""

    seed: int = Field(
        1, ge=0, lt=2**31, description="initial weights, order of the samples, augmentation, random split"
    )
    epochs: int = Field(40, ge=1)
    patience: int = Field(
        25,
        ge=1,
        description="epochs without a better validation loss before training stops; most of a cycle, which ends low",
    )
    batch_size: int = Field(32, ge=2)
    learning_rate: float = Field(1e-3, gt=0, lt=1, description="peak of the cycle; 2e-3 killed the plain network")
    weight_decay: float = Field(1e-4, ge=0, lt=1)
    gradient_clip: float = Field(
        1.0,
        gt=0,
        description="largest norm of a step's gradient: fluctuations are heavy-tailed, one batch can kill the net",
    )
    floor: float = Field(
        1e-10, gt=0, description="ε of the input log₁₀(D²min + ε) [d̄²]; well above the precision of the positions"
    )
    augment: bool = Field(True, description="random periodic shifts in x and y, and the mirror in y")
    threads: int = Field(2, ge=1, description="processor threads; their number changes the last digits")


class Attribution(Settings):
    """Integrated Gradients of stages of the test set."""

    n_stages: int = Field(
        40, ge=2, multiple_of=2, description="stages explained, half stick and half slip, over all sizes"
    )
    n_steps: int = Field(
        64, ge=2, le=1024, description="points on the path, doubled until the completeness error is met"
    )
    completeness: float = Field(
        0.01, gt=0, lt=1, description="largest |Σ attribution − prediction difference| over that difference"
    )
    baseline: Literal["mean", "zero"] = Field(
        "mean", description="start of the path: every node at the training mean of log₁₀ D²min, or at D²min = 0"
    )
