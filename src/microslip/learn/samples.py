"""Stages as the network takes them: standardised, and turned by the symmetries of simple shear."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Float32, Int64

from microslip.core import arguments
from microslip.core.errors import MicroslipError
from microslip.learn.config import OF_STAGE, Training
from microslip.learn.inputs import STAGES_PER_READ, is_odd_in_turn, is_odd_in_y, on_scale
from microslip.learn.sample_kernels import gather


@dataclass(frozen=True)
class Samples:
    """Inputs of every stage (stage, channel, x, y, z) on their scales, what the channels are, and fluctuations [p].

    Another process opens the same memory-mapped file instead of getting a copy.
    """

    inputs: Float32[np.ndarray, "stage channel x y z"]
    names: tuple[str, ...]
    target: Float[np.ndarray, "stage"]

    @property
    def grid(self) -> tuple[int, int, int]:
        """Number of nodes per axis."""
        _, _, *grid = self.inputs.shape
        return grid[0], grid[1], grid[2]

    def __reduce__(self) -> Any:
        path = _whole_file(self.inputs)
        if path is not None:
            return _reopen, (path, self.names, self.target)
        return Samples, (self.inputs, self.names, self.target)


def check_samples(samples: Samples) -> None:
    """Refuse samples whose parts do not belong together; their inputs, which may be larger than memory, are not read.

    Raises
    ------
    MicroslipError
        Inputs that are no array of real numbers of five axes, one channel for each name; fluctuations that are not
        finite, or not one for each stage.
    """
    arguments.record("samples", samples, Samples, "give microslip.learn.samples.Samples")
    inputs = samples.inputs
    if not isinstance(inputs, np.ndarray) or inputs.ndim != 5 or inputs.dtype.kind not in "uif":
        raise MicroslipError("samples: the inputs are no array of real numbers of shape (stage, channel, x, y, z)")
    if inputs.shape[1] != len(samples.names) or 0 in inputs.shape[1:]:
        raise MicroslipError(
            f"samples: inputs of shape {inputs.shape} do not have nodes for {len(samples.names)} named channels"
        )
    arguments.reals("target of samples", samples.target, (("stage", len(inputs), "its inputs"),))


def n_without_pattern(samples: Samples) -> int:
    """Stages that are the same at every node, such as without any motion that is known."""
    on_nodes = [channel for channel, name in enumerate(samples.names) if name not in OF_STAGE]
    if not on_nodes:
        return 0
    return sum(bool((np.ptp(stage[on_nodes], axis=(1, 2, 3)) == 0).all()) for stage in samples.inputs)


def _whole_file(inputs: np.ndarray) -> str | None:
    """The .npy file that an array is all of; a part of one keeps the file's name."""
    if not isinstance(inputs, np.memmap) or inputs.filename is None:
        return None
    whole = np.load(inputs.filename, mmap_mode="r")
    same = whole.shape == inputs.shape and whole.dtype == inputs.dtype and whole.offset == inputs.offset
    return str(inputs.filename) if same else None


def _reopen(path: str, names: tuple[str, ...], target: np.ndarray) -> Samples:
    return Samples(np.load(path, mmap_mode="r"), names, target)


@dataclass(frozen=True)
class Scaling:
    """Maps between the stores' units and the network's, from training stages alone.

    Every channel is shifted by its mean and divided by its deviation, after `on_scale` with `floor` and `transform`.
    The target is divided by `target_scale` [p], and passed through arsinh where `target` says so; it is not shifted:
    zero change stays zero. `symmetries` names those over which predictions are averaged, of `mirror` and `rotation`;
    none in a checkpoint of a network that did not learn with them.
    """

    names: tuple[str, ...]
    transform: str
    floor: float
    means: tuple[float, ...]
    deviations: tuple[float, ...]
    target: str
    target_scale: float
    symmetries: tuple[str, ...] = ()

    def encode(self, fluctuation: Float[np.ndarray, "*n"]) -> Float32[np.ndarray, "*n"]:
        """Fluctuation [p] → what the network is to predict."""
        scaled = np.asarray(fluctuation, dtype=float) / self.target_scale
        return (np.arcsinh(scaled) if self.target == "asinh" else scaled).astype(np.float32)

    def decode(self, prediction: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
        """What the network predicts → fluctuation [p]."""
        prediction = np.asarray(prediction, dtype=float)
        return (np.sinh(prediction) if self.target == "asinh" else prediction) * self.target_scale

    def decode_scale(
        self, prediction: Float[np.ndarray, "*n"], log_scale: Float[np.ndarray, "*n"]
    ) -> Float[np.ndarray, "*n"]:
        """Logarithm of a scale about what the network predicts → scale of the fluctuation [p]."""
        slope = np.cosh(np.asarray(prediction, dtype=float)) if self.target == "asinh" else 1.0
        return np.asarray(np.exp(np.asarray(log_scale, dtype=float)) * slope * self.target_scale)

    def standardise(self, inputs: Float32[np.ndarray, "*n channel x y z"]) -> Float32[np.ndarray, "*n channel x y z"]:
        """Inputs on their scales → the network's input."""
        means, deviations = (
            np.array(numbers, dtype=np.float32)[:, None, None, None] for numbers in (self.means, self.deviations)
        )
        return np.asarray((inputs - means) / deviations, dtype=np.float32)

    def zero_field(self) -> Float32[np.ndarray, "channel"]:
        """The network's input of a node where nothing moves."""
        zeros = [on_scale(name, np.zeros(1), self.floor, self.transform)[0] for name in self.names]
        return ((np.array(zeros) - self.means) / self.deviations).astype(np.float32)


def fit_scaling(samples: Samples, train: Int64[np.ndarray, "chosen"], config: Training) -> Scaling:
    """Means and deviations of the training stages' inputs, and the size of their fluctuations.

    Raises
    ------
    MicroslipError
        A channel or the targets do not vary, or targets are not finite.
    """
    target = samples.target[train]
    if not np.isfinite(samples.target).all():
        bad = int(np.argmin(np.isfinite(samples.target)))
        n_bad = int((~np.isfinite(samples.target)).sum())
        raise MicroslipError(
            f"the fluctuations of {n_bad} of {len(samples.target)} stages are not known (stage {bad} first): leave"
            " these stages out of the table, or import a stress that covers them"
        )
    n = samples.inputs.shape[1]
    count, total, squares = 0, np.zeros(n), np.zeros(n)
    for start in range(0, len(train), STAGES_PER_READ):
        part = samples.inputs[train[start : start + STAGES_PER_READ]].astype(float)
        count += part[:, 0].size
        total += part.sum(axis=(0, 2, 3, 4))
        squares += (part**2).sum(axis=(0, 2, 3, 4))
    means = total / count
    deviations = np.sqrt(np.maximum(squares / count - means**2, 0.0))
    flat = deviations <= 1e-6 * np.maximum(np.abs(means), np.finfo(np.float32).tiny)
    if flat.any():
        name = samples.names[int(np.argmax(flat))]
        raise MicroslipError(f"{name} is the same in all training stages and nodes: there is nothing to learn from")
    size = float(np.std(target)) if config.target == "linear" else float(np.median(np.abs(target)))
    if np.ptp(target) == 0 or size == 0:
        raise MicroslipError("all training stages have the same fluctuation: there is nothing to learn")
    return Scaling(
        samples.names,
        config.transform,
        config.floor,
        tuple(means.tolist()),
        tuple(deviations.tolist()),
        config.target,
        size,
        averaged_symmetries(config),
    )


def averaged_symmetries(config: Training) -> tuple[str, ...]:
    """Symmetries over which predictions are averaged: none that the network did not see while it learnt."""
    if not (config.augment and config.average_symmetries):
        return ()
    return ("mirror", "rotation") if config.rotate else ("mirror",)


class Turns(NamedTuple):
    """A symmetry for every stage of a batch: nodes to shift in x and in y, and after that whether y is mirrored, and
    whether the cell is rotated by π about y.
    """

    x: Int64[np.ndarray, "stage"]
    y: Int64[np.ndarray, "stage"]
    mirrored: np.ndarray
    rotated: np.ndarray

    def part(self, chosen: slice) -> Turns:
        """Those of some stages of the batch."""
        return Turns(self.x[chosen], self.y[chosen], self.mirrored[chosen], self.rotated[chosen])


def draw_turns(n: int, grid: tuple[int, int, int], rng: np.random.Generator, rotate: bool = True) -> Turns:
    """Shifts along x and y, which repeat, and the mirror in y and the rotation about y for half of the stages each.

    Simple shear in x with gradient in z keeps its sense under the y-mirror and under the rotation by π about y, not
    under the mirrors in x or z alone. Nodes lie half a spacing from the faces, so that both map nodes onto nodes,
    whether their number is even or odd.
    """
    shifts = rng.integers(0, grid[0], n), rng.integers(0, grid[1], n)
    return Turns(*shifts, rng.random(n) < 0.5, rng.random(n) < 0.5 if rotate else np.zeros(n, dtype=bool))


def group_of(symmetries: tuple[str, ...]) -> list[tuple[bool, bool]]:
    """Every element of the group that the symmetries make, the identity first: whether mirrored, whether rotated."""
    mirrors = (False, True) if "mirror" in symmetries else (False,)
    rotations = (False, True) if "rotation" in symmetries else (False,)
    return [(mirrored, rotated) for rotated in rotations for mirrored in mirrors]


def turns_of_group(n: int, symmetries: tuple[str, ...]) -> list[Turns]:
    """Every element of the group for n stages."""
    still = np.zeros(n, dtype=np.int64)
    return [Turns(still, still, np.full(n, m), np.full(n, r)) for m, r in group_of(symmetries)]


def no_turns(n: int) -> Turns:
    """Every stage as it is."""
    return turns_of_group(n, ())[0]


def assemble(
    samples: Samples, scaling: Scaling, stages: Int64[np.ndarray, "some"], turns: Turns | None = None
) -> torch.Tensor:
    """The network's input for some stages, shifted and turned while it is copied, channels last in memory.

    Shape (stage, channel, x, y, z). A quantity that is odd in a symmetry changes its sign in it.
    """
    chosen = no_turns(len(stages)) if turns is None else turns
    means = np.array(scaling.means, dtype=np.float32)
    factors = (1 / np.array(scaling.deviations)).astype(np.float32)
    in_y = np.array([is_odd_in_y(name) for name in samples.names])
    in_turn = np.array([is_odd_in_turn(name) for name in samples.names])
    out = np.empty((len(stages), *samples.grid, len(samples.names)), dtype=np.float32)
    gather(np.asarray(samples.inputs), np.asarray(stages), means, factors, in_y, in_turn, *chosen, out)
    return torch.from_numpy(out).permute(0, 4, 1, 2, 3)
