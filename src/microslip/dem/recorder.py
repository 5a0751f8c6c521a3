"""What each MPI rank does with the stress of a sample: watch for turning points, keep the grains at them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float64, Int64

from microslip.core.contacts import contact_energy, count_contacts, grain_energy, grain_stress
from microslip.core.turning_points import Smoother, advance, initial_state
from microslip.dem.config import ShearCell


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
    """A rank's own grains at one sample: ids from 1, centres unwrapped in x and y [m], and what their contacts say.

    `contacts` are the engine's; grains that a checkpoint brought back have `values` instead, already summed.
    """

    tag: Int64[np.ndarray, "grain"]
    position: Float64[np.ndarray, "grain 3"]
    contacts: LocalContacts | None = None
    values: Float64[np.ndarray, "every_grain value"] | None = None


def contact_values(
    contacts: LocalContacts, diameter: Float64[np.ndarray, "every_grain"], config: ShearCell
) -> Float64[np.ndarray, "every_grain value"]:
    """This rank's part of the six stress components [p], the energy [p d̄³] and the contacts of every grain."""
    units, grains = config.units, config.grains
    pairs, separation = contacts.pairs - 1, contacts.separation / units.length
    force = contacts.force / (units.pressure * units.length**2)
    modulus = grains.youngs_modulus / units.pressure
    energy = contact_energy(pairs, separation, force, diameter, modulus, grains.poisson_ratio)
    return np.column_stack(
        [
            grain_stress(pairs, separation, force, diameter),
            grain_energy(pairs, energy, len(diameter)),
            count_contacts(pairs, len(diameter)),
        ]
    )


@dataclass
class TurningPointWatch:
    """Finds turning points as samples arrive, holding the grains at the running extremes until one is confirmed.

    Every rank feeds the same stress and takes the same decisions; only the grains held differ.
    """

    config: ShearCell
    state: Float64[np.ndarray, "5"] | None = None
    highest: LocalGrains | None = None
    lowest: LocalGrains | None = None
    smoother: Smoother = field(init=False)

    def __post_init__(self) -> None:
        recording = self.config.recording
        self.smoother = Smoother(recording.smoothing, recording.smoothing_span)

    def feed(self, sample: int, stress: float, grab: Callable[[], LocalGrains]) -> tuple[int, LocalGrains] | None:
        """Feed one sample; return the turning point that it confirms, with the grains at that moment.

        `grab` copies the grains out of the engine; it is called only at a running extreme.
        """
        value = self.smoother.feed(stress)
        if sample < self.config.first_stage_sample:
            return None
        if self.state is None:
            self.state = initial_state(value, sample)
            self.highest = self.lowest = grab()
            return None
        confirmed = int(advance(self.state, value, sample, self.config.recording.threshold))
        found = None
        if confirmed >= 0:
            kept = self.highest if self.state[0] < 0 else self.lowest
            assert kept is not None
            found = (confirmed, kept)
            self.highest = self.lowest = None  # the one that is sought from here on is grabbed below
        if self.state[2] == sample:
            self.highest = grab()
        if self.state[4] == sample:
            self.lowest = grab()
        return found
