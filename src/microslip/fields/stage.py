"""The frames of one stage: what every field of grains is measured from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Float64, Int, Int64

from microslip.core.box import Box
from microslip.core.touching import Contacts, FindContacts, count_shared, touching_pairs
from microslip.fields.nonaffine import NonaffineMotion, d2min
from microslip.fields.strain import displacement_without_shear, local_strain


@dataclass(frozen=True)
class FrameValues:
    """A quantity of all grains in the frames of a stage, in their order, each read when it is asked for."""

    read: Callable[[int], np.ndarray]
    frames: range

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, number: int) -> np.ndarray:
        return self.read(self.frames[number])

    def __iter__(self) -> Iterator[np.ndarray]:
        return map(self.read, self.frames)


@dataclass(frozen=True)
class StageFrames:
    """Grains at the start and at the end of a stage, and what the frames from one to the other tell of them.

    `reference`, `current` (grain, 3): centres in the first and in the last frame [d̄], NaN of a grain that is not there.
    `kind` (grain): 0 bulk, 1 bottom wall, 2 top wall. `diameter` (grain) [d̄]. `box`, `end_box`: the cell in those two
    frames. `cutoff`: how near neighbours are [d̄]. `there` (grain): the grains that have a motion. `values`: quantities
    of the frames by their names in `trajectory.zarr`, such as `grain_stress`; `diameter` where it is the grains' own.
    `touching`: how contacts are found, `touching_pairs` or the like that remembers what it found last.
    """

    reference: Float64[np.ndarray, "grain 3"]
    current: Float64[np.ndarray, "grain 3"]
    kind: Int[np.ndarray, "grain"]
    diameter: Float[np.ndarray, "grain"]
    box: Box
    end_box: Box
    cutoff: float
    there: Bool[np.ndarray, "grain"]
    values: Mapping[str, FrameValues] = field(default_factory=dict)
    touching: FindContacts = touching_pairs

    @cached_property
    def motion(self) -> NonaffineMotion:
        """Non-affine motion of the bulk grains: one pass over the neighbours for all fields that need it."""
        motion = d2min(*self._ends, self.box, self.cutoff, (self.kind == 0)[self.there], self.end_box)
        return NonaffineMotion(*(self._of_all(part) for part in (motion.d2min, motion.gradient, motion.n_neighbours)))

    @cached_property
    def strain(self) -> tuple[Float64[np.ndarray, "grain"], Float64[np.ndarray, "grain"]]:
        """Shear and volumetric strain of the neighbourhood of every bulk grain."""
        return local_strain(self.motion.gradient, self.box.planar)

    @cached_property
    def displacement(self) -> Float64[np.ndarray, "grain 3"]:
        """Displacement less the mean shear, of wall grains too [d̄]."""
        of_cell = self.box.gradient_to(self.end_box) if self.box.periodic[2] else None
        return self._of_all(displacement_without_shear(*self._ends, self.kind[self.there], of_cell))

    @cached_property
    def start_contacts(self) -> Contacts:
        """The contacts at the start, by overlap, of the grains that both frames hold."""
        return self._contacts(self._ends[0], self.box)

    @cached_property
    def end_contacts(self) -> Contacts:
        """The contacts at the end."""
        return self._contacts(self._ends[1], self.end_box)

    @cached_property
    def n_kept(self) -> Int64[np.ndarray, "grain"]:
        """Number of each grain's contacts that are there at the start and at the end."""
        return count_shared(self.start_contacts[0], self.end_contacts[0], len(self.kind))

    def _contacts(self, position: Float64[np.ndarray, "there 3"], box: Box) -> Contacts:
        pairs, separation = self.touching(position, self.diameter[self.there].astype(float), box)
        return np.flatnonzero(self.there)[pairs], separation

    @property
    def _ends(self) -> tuple[Float64[np.ndarray, "there 3"], Float64[np.ndarray, "there 3"]]:
        return self.reference[self.there], self.current[self.there]

    def _of_all(self, values: np.ndarray) -> np.ndarray:
        """Values of the grains that are there as values of all: NaN of the others, or 0 of what is counted."""
        missing = np.nan if values.dtype.kind == "f" else 0
        of_all = np.full((len(self.there), *values.shape[1:]), missing, dtype=values.dtype)
        of_all[self.there] = values
        return of_all
