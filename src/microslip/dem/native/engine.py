"""The native engine: one shear cell in this process, its grains sorted in space."""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import numpy as np
from jaxtyping import Float64, Int64

from microslip.core.box import Box
from microslip.core.errors import MicroslipError
from microslip.core.grain_values import GrainValues
from microslip.core.neighbours import sort_into_cells
from microslip.data.files import replacing
from microslip.dem.config import ShearCell
from microslip.dem.native.config import LEAST_MARGIN, MARGIN_STEPS, MOST_MARGIN, VERSION
from microslip.dem.native.contact_kernels import contact_forces
from microslip.dem.native.contact_law import N_GIVEN, Images, contact_law
from microslip.dem.native.motion_kernels import FRAME, advance, forces
from microslip.dem.native.pairs import Pairs, complete_pairs, find_pairs, renumbered
from microslip.dem.native.stress_kernels import grain_values, images_of, read_sample
from microslip.dem.packing import BOTTOM, BULK, TOP, LoosePacking
from microslip.dem.seam import WALL_REACH, Frame, Preparing, Rest, Sample
from microslip.dem.servo import servo

ENDING = ".state.npz"


class Slot:
    """Places of the grains [m], and the forces of their pairs where the slot is a sample's."""

    def __init__(self, n_grains: int) -> None:
        self.place = np.empty((3, n_grains))
        self.given = np.empty((N_GIVEN, 0))

    def with_room(self, n_pairs: int) -> Float64[np.ndarray, "7 room"]:
        """The array for the forces of so many pairs; one that is too short is left to whoever holds it."""
        if self.given.shape[1] < n_pairs:
            self.given = np.zeros((N_GIVEN, n_pairs * 5 // 4 + 64))
        return self.given


class Held:
    """The arrays of a sample; the engine overwrites none of them while this object lives."""

    def __init__(self, engine: NativeEngine) -> None:
        self.slot = engine.slot
        self.place, self.given, self.pairs = engine.slot.place, engine.slot.given, engine.pairs
        self.rows, self.radius, self.n_bulk = engine.rows, engine.radius, engine.n_bulk
        self.images = engine.images()


class NativeEngine:
    """One shear cell on the threads of this process; see `dem.seam.Engine`.

    Grains lie in the order bulk, bottom wall, top wall, each sorted in space; `rows` is each one's row in the packing.
    Every interval between two samples writes places and forces into another slot than the one before, so that a sample
    is held by leaving its slot alone: nothing is copied.
    """

    first = True
    version = VERSION

    def __init__(self, config: ShearCell) -> None:
        self.config = config
        self.d = config.grains.mean_diameter
        self.lengths = config.cell.length * self.d, config.cell.depth * self.d
        self.servo, self.units = servo(config), config.units
        self.stiffness_number = config.numbers()["stiffness_number"]
        self.timestep = config.timestep
        self.carries = config.loading.drive == "adaptive"
        self.momentum = np.full(3, np.nan)
        self.frames = np.zeros(1, dtype=FRAME)
        self.frame_record = self.frames[0]
        self.n_steps = 0
        self.law = contact_law(config.grains, self.stiffness_number, config.grains.friction)
        self.preparing: Preparing | None = None
        numba.set_num_threads(min(config.engine.n_threads(config.n_grains), numba.config.NUMBA_NUM_THREADS))  # type: ignore

    def share(self, value: Any) -> Any:
        """There is one process."""
        return value

    # --- taking up grains ----------------------------------------------------------------------------------------

    def fill(self, packing: LoosePacking) -> None:
        n = len(packing.diameter)
        radius = packing.diameter * self.d / 2
        mass = self.config.grains.density * 4 / 3 * np.pi * radius**3
        frame = self.frame_record
        frame["walls"], frame["servo"] = self.config.cell.walls, True
        frame["height"] = packing.top_plane * self.d
        frame["over_height"] = 1 / frame["height"]
        self._take(np.arange(n), radius, mass, packing.kind.astype(np.int8), np.zeros((6, n)), np.zeros((6, n)))
        self._sort((packing.position * self.d).T)

    def _take(
        self,
        rows: Int64[np.ndarray, "grain"],
        radius: Float64[np.ndarray, "grain"],
        mass: Float64[np.ndarray, "grain"],
        kind: np.ndarray,
        motion: Float64[np.ndarray, "6 grain"],
        net: Float64[np.ndarray, "6 grain"],
        pairs: Pairs | None = None,
    ) -> None:
        """Make these the engine's grains: new arrays all, for what is held keeps the old ones."""
        self.rows, self.radius, self.mass, self.kind, self.motion, self.net = rows, radius, mass, kind, motion, net
        self.n_bulk, self.n_bottom, self.n_top = (int((kind == role).sum()) for role in (BULK, BOTTOM, TOP))
        self.pairs = Pairs.none(self.n_bulk) if pairs is None else pairs
        self.slots = [Slot(len(rows))]
        self.slot, self.scratch = self.slots[0], Slot(0)
        self.holders: weakref.WeakSet[Held] = weakref.WeakSet()
        frame = self.frame_record
        frame["load"], frame["drag"], frame["mass"] = self.servo.load, self.servo.drag, self.servo.mass(self.n_top)
        frame["reach"] = 2 * (radius.max() + MOST_MARGIN * self.d)

    def _sort(self, place: Float64[np.ndarray, "3 grain"]) -> None:
        """Put the grains at these places, sorted in space; their pairs' histories go along."""
        if not np.isfinite(place).all():
            raise self._not_finite(place)
        cells = sort_into_cells(place.T, self._box(place), 2 * float(self.radius.max()))
        order = cells.order[np.argsort(self.kind[cells.order], kind="stable")]
        kind = self.kind[order]
        pairs = renumbered(self.pairs, order, int((kind == BULK).sum()))
        self._take(
            self.rows[order],
            self.radius[order],
            self.mass[order],
            kind,
            np.ascontiguousarray(self.motion[:, order]),
            np.ascontiguousarray(self.net[:, order]),
            pairs,
        )
        self.slot.place[:] = place[:, order]
        self._find_pairs()

    def _find_pairs(self) -> None:
        """A new list of pairs, in which the histories of the old one live on."""
        place = self.slot.place
        if not np.isfinite(place).all():
            raise self._not_finite(place)
        self._begin_list()
        self.pairs = find_pairs(
            place, self.radius, self.mass, self.kind, self._box(place), self.margin, self.law, self.pairs
        )

    def _begin_list(self) -> None:
        """From here on the grains' ways beside the mean flow count against their margins."""
        frame, place = self.frame_record, self.slot.place
        self.origin = place.copy()
        frame["moved"] = frame["stretched"] = 0.0
        height = 1 / frame["over_height"]
        above = frame["middle"] - place[2]
        if frame["walls"]:
            above = np.clip(above, 0.0, height)
        vx = self.motion[0] - frame["bottom_speed"] / height * above
        speed = np.sqrt(vx**2 + self.motion[1] ** 2 + self.motion[2] ** 2)
        way = speed * (MARGIN_STEPS * self.timestep)
        self.margin = np.clip(way, LEAST_MARGIN * self.d, MOST_MARGIN * self.d)

    def _box(self, place: Float64[np.ndarray, "3 grain"]) -> Box:
        frame = self.frame_record
        if frame["walls"]:
            return Box((*self.lengths, max(float(np.ptp(place[2])), self.d)))
        return Box((*self.lengths, float(frame["height"])), (True, True, True), float(frame["lean"]))

    def images(self) -> Images:
        """Where the copies of the grains are now."""
        images: Images = images_of(*self.lengths, self.frame_record)
        return images

    def _pair_forces(self) -> None:
        """Forces of the pairs at the places that the grains have; nothing else changes."""
        pairs, given = self.pairs, self.slot.with_room(len(self.pairs.first))
        contact_forces(
            pairs.first, pairs.second, self.slot.place, self.motion, pairs.constants, pairs.history.copy(), given,
            self.images(), self.law, 0.0,
        )  # fmt: skip

    def _evaluate(self) -> None:
        """Net forces at the places that the grains have, under a law that is new; motion stays."""
        drag = 0.0 if self.preparing is None else self.preparing.drag
        given = self.slot.with_room(len(self.pairs.first))
        drive = (0.0, 0.0, 0.0, math.inf, True, drag, False)
        forces(self.frames, *self._arrays(), self.slot.place, self.motion, self.net, given, self.pairs, self.law, drive)

    def _arrays(self) -> tuple[tuple[int, int, float, float], tuple[np.ndarray, np.ndarray]]:
        return (self.n_bulk, self.n_bottom, *self.lengths), (self.radius, self.mass)

    # --- moving them ---------------------------------------------------------------------------------------------

    def _advance(self, n_steps: int, first_speed: float = 0.0, last_speed: float = 0.0) -> None:
        """Take steps into a slot that nobody holds, with the bottom wall's speed going from one value to the other."""
        held = {holder.slot for holder in self.holders} | {self.slot}
        target = next((slot for slot in self.slots if slot not in held), None)
        if target is None:
            target = Slot(len(self.rows))
            self.slots.append(target)
        how = self.preparing
        longest = math.inf if how is None or how.longest_step is None else how.longest_step
        drag = 0.0 if how is None else how.drag
        drive = (first_speed, last_speed, self.timestep, longest, math.isinf(longest), drag, self.carries)
        here, begin, drifted = self.slot.place, 0, False
        while True:
            n_pairs = len(self.pairs.first)
            begin = advance(
                self.frames, *self._arrays(), here, target.place, self.motion, self.net, self.origin, self.margin,
                self.scratch.with_room(n_pairs), target.with_room(n_pairs), self.pairs, self.law,
                begin, drifted, n_steps, drive, self.momentum,
            )  # fmt: skip
            self.slot = target
            if begin == n_steps:
                break
            self._find_pairs()
            drifted = True
        self.n_steps += n_steps

    def prepare(self, how: Preparing, n_steps: int) -> Rest:
        if how != self.preparing:
            self.preparing = how
            self.law = contact_law(self.config.grains, self.stiffness_number, how.friction)
            self._evaluate()
        self._advance(n_steps)
        bulk = slice(0, self.n_bulk)
        return Rest(
            float(np.abs(self.net[:3, bulk]).max(initial=0.0)),
            float(0.5 * (self.mass[bulk] * (self.motion[:3, bulk] ** 2).sum(axis=0)).sum()),
            float(self.frame_record["top_speed"]),
        )

    def glue(self, kind: Int64[np.ndarray, "grain"]) -> None:
        glued = kind[self.rows] != self.kind
        self.mass = np.where(glued, self.servo.grain_mass, self.mass)
        self.kind = kind[self.rows].astype(np.int8)
        self.motion[:, glued] = 0.0
        self._sort(self.slot.place)

    def level(self) -> float:
        if self.frame_record["walls"]:
            return float(self.slot.place[2, self.n_bulk + self.n_bottom :].mean()) / self.d
        return float(self.frame_record["height"]) / self.d

    def positions(self) -> Float64[np.ndarray, "grain 3"]:
        position = np.empty((len(self.rows), 3))
        position[self.rows] = self.slot.place.T / self.d
        return position

    def begin(self, height: float) -> None:
        frame = self.frame_record
        self.n_steps, self.preparing = 0, None
        # no step lies before time zero, whether the run goes on or is taken up here
        self.momentum[:] = np.nan
        self.law = contact_law(self.config.grains, self.stiffness_number, self.config.grains.friction)
        frame["over_height"] = 1 / height
        frame["middle"] = height * (1 if frame["walls"] else 0.5)
        if self.config.loading.hold == "volume":
            frame["servo"], frame["top_speed"] = False, 0.0
        self._find_pairs()
        self._evaluate()

    def shear(
        self,
        steps: Int64[np.ndarray, "interval"],
        rate: Float64[np.ndarray, "interval_and_one"],
        sampled: Callable[[Sample], None],
        from_start: bool,
    ) -> None:
        if from_start:
            self._pair_forces()
            sampled(self._sample())
        speed = (rate / float(self.frame_record["over_height"])).tolist()
        for number, n_steps in enumerate(steps.tolist()):
            self._advance(n_steps, speed[number], speed[number + 1])
            sampled(self._sample())

    # --- what a sample shows -------------------------------------------------------------------------------------

    def _sample(self) -> Sample:
        frame, slot = self.frame_record, self.slot
        walls = bool(frame["walls"])
        read = read_sample(
            self.frames, *self._arrays(), slot.place, self.motion, self.net, slot.given, self.pairs, WALL_REACH * self.d
        )
        bottom_x, bottom_z, top_x, top_z, shear, normal, energy, level, n_outside = read
        before, after, _ = self.momentum.tolist()
        if not math.isfinite(shear + normal + top_x + bottom_x):
            raise self._not_finite(self.net)
        full = self.servo.load
        nan = math.nan
        return Sample(
            (bottom_x / full, bottom_z / full) if walls else (nan, nan),
            (top_x / full, top_z / full) if walls else (nan, nan),
            (shear / (full * self.d), normal / (full * self.d)),
            (after - before) / self.timestep / (full * self.d),
            energy / max(self.n_bulk, 1) / self.units.energy,
            level / self.d,
            int(n_outside),
        )

    def _not_finite(self, values: np.ndarray) -> MicroslipError:
        bad = np.flatnonzero(~np.isfinite(values).all(axis=0))
        number = int(self.rows[bad[0]]) + 1 if len(bad) else 0
        return MicroslipError(
            f"the force on grain {number} is not a number at step {self.n_steps} (Δt = {self.timestep:.3g} s): lower"
            " loading.rayleigh_fraction"
        )

    def hold(self) -> Held:
        held = Held(self)
        self.holders.add(held)
        return held

    def frame(self, held: Held) -> Frame:
        position = np.empty((len(held.rows), 3))
        position[held.rows] = held.place.T / self.d
        images = held.images
        cell = None
        if images.lz:
            cell = np.array([images.lx, images.ly, images.lz, images.lean]) / self.d
        values = None
        if self.config.recording.contacts:
            table = grain_values(
                held.n_bulk, held.rows, held.radius, held.place, held.given, held.pairs, images, self.law,
                self.units.pressure, self.units.energy,
            )  # fmt: skip
            values = GrainValues.of(table)
        return Frame(position, values, cell)

    # --- checkpoints ---------------------------------------------------------------------------------------------

    def save(self, path: Path) -> None:
        """Sort the grains, and write the whole state: who goes on from the file takes the same steps as who stays."""
        self._sort(self.slot.place)
        with replacing(path.with_name(path.name + ENDING)) as beside, beside.open("wb") as file:
            np.savez(
                file,
                version=VERSION,
                frame=self.frames,
                place=self.slot.place,
                n_steps=self.n_steps,
                first=self.pairs.first,
                second=self.pairs.second,
                history=self.pairs.history,
                **{name: getattr(self, name) for name in ("rows", "radius", "mass", "kind", "motion", "net")},
            )

    def load(self, path: Path, height: float) -> None:
        with np.load(path.with_name(path.name + ENDING)) as state:
            self.frames[:] = state["frame"]
            self.n_steps = int(state["n_steps"])
            self._take(*(state[name] for name in ("rows", "radius", "mass", "kind", "motion", "net")))
            self.slot.place[:] = state["place"]
            self.pairs = complete_pairs(
                state["first"], state["second"], self.radius, self.mass, self.kind, self.law, state["history"]
            )
        self._begin_list()
