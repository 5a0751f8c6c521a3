"""Contacts of another program's grains, frame by frame: what `dump local` wrote → stress, energy, number."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from microslip.core.contacts import contact_energy, count_contacts, grain_energy, grain_stress
from microslip.core.errors import MicroslipError
from microslip.core.grain_values import GrainValues
from microslip.core.images import contact_separations
from microslip.formats.assembly.cell import FrameCell
from microslip.formats.assembly.layout import Layout
from microslip.formats.frame import Frame
from microslip.formats.readers.lammps import Block, read_blocks
from microslip.formats.source import CONTACT_COLUMNS, Source
from microslip.formats.text.lines import Unfinished


class ContactValues:
    """Walks through the contact files beside the frames: call it with each frame in turn.

    `n_strangers`: contacts with something that the frames do not hold, left out.
    """

    def __init__(self, files: list[Path], source: Source, pressure: float, say: Callable[[str], None]) -> None:
        # a planar file may lack the force across its plane
        across = f"f{'xyz'[source.axes[1]]}" if source.planar else ""
        missing = [name for name in CONTACT_COLUMNS if name not in source.contact_columns and name != across]
        if missing:
            raise MicroslipError(
                f"source.contact_columns does not name {missing[0]}: give the file's columns for"
                f" {', '.join(CONTACT_COLUMNS)}, such as {{id1 = 'c_ids[1]', …}}"
            )
        self._blocks = _blocks(files, set(source.contact_columns.values()), say)
        self._next: Block | None = next(self._blocks, None)
        self._source, self._pressure, self._say = source, pressure, say
        self._sign = 0.0
        self._steps: list[int] = []
        self._seen: int | None = None
        self._held = False
        self.n_strangers = 0

    @property
    def n_frames(self) -> int:
        """Frames that have contacts."""
        return len(self._steps)

    def __call__(
        self,
        frame: Frame,
        layout: Layout,
        cell: FrameCell,
        position: Float64[np.ndarray, "grain 3"],
        diameter: Float64[np.ndarray, "grain"],
    ) -> GrainValues | None:
        """Stress, energy and contacts of every grain of the frame; None where it has no contacts in the files."""
        if self._seen is not None and frame.step <= self._seen:
            self._held = False
        self._seen = frame.step
        while self._next is not None and self._next.step < frame.step and not self._held:
            self._advance(self._next)
        if self._held or self._next is None or self._next.step != frame.step:
            return None
        block = self._next
        # frames that a restart replaces count once
        while self._steps and self._steps[-1] >= frame.step:
            self._steps.pop()
        self._steps.append(frame.step)
        self._advance(block)
        columns = self._columns(block)
        ids = frame.columns.get("id", np.arange(1, frame.n_grains + 1))
        for name in ("id1", "id2"):
            if not (columns[name] == np.round(columns[name])).all():
                raise MicroslipError(
                    f"{block.where}: {self._source.contact_columns[name]}, which source.contact_columns names for"
                    f" {name}, holds fractions: it is no column of ids"
                )
        pairs = np.stack([_rows(ids, columns[name]) for name in ("id1", "id2")], axis=1)
        both_there = (pairs >= 0).all(axis=1)
        self.n_strangers += int((~both_there).sum())
        pairs = pairs[both_there]
        unit = self._pressure * layout.length ** (1 if layout.planar else 2)
        nothing = np.zeros(np.shape(both_there))
        force = np.stack([columns.get(name, nothing)[both_there] for name in ("fx", "fy", "fz")], axis=1)
        force = layout.in_our_axes(force) / unit
        if layout.planar:
            force[:, 1] = 0.0
        box = layout.box(cell)
        if self._sign == 0 and len(force):
            self._find_sign(block.where, force, box.minimum_image(position[pairs[:, 1]] - position[pairs[:, 0]]), pairs)
        force = self._sign * force
        try:
            separation = contact_separations(pairs, position, diameter, force, box, ids)
            stress = grain_stress(pairs, separation, force, diameter, layout.planar)
        except MicroslipError as problem:
            raise MicroslipError(f"{block.where}: {problem}") from None
        energy = np.full(frame.n_grains, np.nan)
        modulus, ratio = self._source.youngs_modulus, self._source.poisson_ratio
        if modulus is not None and ratio is not None:
            stored = contact_energy(pairs, separation, force, diameter, modulus / self._pressure, ratio)
            energy = grain_energy(pairs, stored, frame.n_grains)
        n_contacts = count_contacts(pairs, frame.n_grains).astype(float)
        # the files do not tell the friction
        return GrainValues(stress, energy, n_contacts, np.full(frame.n_grains, np.nan))

    def _find_sign(self, where: str, force: np.ndarray, separation: np.ndarray, pairs: np.ndarray) -> None:
        """Which grain the forces act on: grains in contact push each other away, on the whole."""
        # of two contacts of one pair the nearest copies say nothing
        _, of_pair, n_times = np.unique(np.sort(pairs, axis=1), axis=0, return_inverse=True, return_counts=True)
        once = n_times[of_pair.reshape(-1)] == 1
        self._sign = -1.0 if (force * separation)[once].sum() > 0 else 1.0
        if self._sign < 0:
            self._say(f"{where}: the forces are those on the second grain, and are turned")

    def _advance(self, block: Block) -> None:
        """Go on to the next block; one that goes back in steps, as after a restart, waits until the frames do so."""
        self._next = next(self._blocks, None)
        self._held = self._next is not None and self._next.step <= block.step

    def _columns(self, block: Block) -> dict[str, np.ndarray]:
        columns = {}
        for ours, theirs in self._source.contact_columns.items():
            if theirs not in block.columns:
                raise MicroslipError(
                    f"{block.where} has no column {theirs}, which source.contact_columns names for {ours}: it has"
                    f" {', '.join(block.labels)}"
                )
            columns[ours] = block.columns[theirs]
        return columns


def _blocks(files: list[Path], names: set[str], say: Callable[[str], None]) -> Iterator[Block]:
    for path in files:
        try:
            yield from read_blocks(path, names)
        except Unfinished:
            say(f"{path}: the last frame is not whole; its contacts are left out")


def _rows(ids: np.ndarray, named: np.ndarray) -> np.ndarray:
    """Row of each named grain, −1 for those that are not there."""
    if not len(ids):
        return np.full(len(named), -1)
    order = np.argsort(ids, kind="stable")
    whole = np.where(np.abs(named) < 2**62, np.round(named), -1).astype(np.int64)
    place = np.minimum(np.searchsorted(ids[order], whole), len(ids) - 1)
    rows = order[place]
    return np.where(ids[rows] == whole, rows, -1)
