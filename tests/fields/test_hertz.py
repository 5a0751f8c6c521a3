"""The stress of normal forces: two spheres by hand, and any packing as the derivative of its energy."""

import numpy as np
import pytest

from microslip.core.box import Box
from microslip.core.contacts import contact_energy
from microslip.core.touching import touching_pairs
from microslip.fields.hertz import hertz_stress

MODULUS, RATIO = 6500.0, 0.25


def test_two_spheres_carry_what_hertz_says():
    diameter, overlap = np.array([1.0, 0.8]), 2e-3
    way = np.array([0.6, 0.0, 0.8])
    position = np.stack([np.full(3, 5.0), 5.0 + (0.9 - overlap) * way])
    size = 4 / 3 * MODULUS / (2 * (1 - RATIO**2)) * np.sqrt(0.5 * 0.4 / 0.9) * overlap**1.5
    # −f_x r_z of a force that pushes the first away from the second, over both grains
    expected = size * 0.6 * (0.9 - overlap) * 0.8 / 1000
    both, first = np.ones(2, dtype=bool), np.array([True, False])
    box = Box((10.0, 10.0, 10.0))
    assert hertz_stress(position, diameter, both, box, 1000.0, MODULUS, RATIO) == pytest.approx(expected, rel=1e-12)
    part = hertz_stress(position, diameter, first, box, 1000.0, MODULUS, RATIO)
    assert part == pytest.approx(expected * (0.5 - overlap / 2) / (0.9 - overlap), rel=1e-12)


def test_it_is_the_derivative_of_the_energy_by_strain(rng):
    """−dU/dγ over V with u_x = −γ z: the bottom goes along x, as in the cell."""
    box = Box((6.0, 6.0, 6.0))
    position, diameter = rng.random((150, 3)) * [6.0, 6.0, 5.0], rng.uniform(0.8, 1.2, 150)

    def energy(strain):
        moved = position.copy()
        moved[:, 0] -= strain * position[:, 2]
        pairs, separation = touching_pairs(moved, diameter, box)
        return contact_energy(pairs, separation, np.zeros_like(separation), diameter, MODULUS, RATIO).sum()

    step = 1e-6
    slope = (energy(step) - energy(-step)) / (2 * step)
    stress = hertz_stress(position, diameter, np.ones(150, dtype=bool), box, box.volume, MODULUS, RATIO)
    assert stress == pytest.approx(slope / box.volume, rel=1e-5)
