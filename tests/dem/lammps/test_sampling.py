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


class Arrays:
    """An engine that has these arrays, with integers of so many bytes."""

    def __init__(self, width, turns):
        kind, bits = (np.int64, 21) if width == 8 else (np.int32, 10)
        middle = 1 << (bits - 1)
        image = sum((turns[:, axis] + middle) << (bits * axis) for axis in range(3)).astype(kind)
        self.width, self.arrays = width, {"tag": np.array(TAGS, dtype=kind), "x": PLACES.copy(), "f": FORCES.copy()}
        self.arrays["image"] = image

    def extract_setting(self, name):
        return self.width

    def pointer(self, name):
        return self.arrays[name].ctypes.data_as(ctypes.POINTER(ctypes.c_char))

    def extract_atom(self, name, kind):
        return [self.pointer(name)] if name == "f" else self.pointer(name)


def reader_of(width, turns, lengths=(5.0, 4.0)):
    engine = Arrays(width, turns)
    reader = Reader(engine, lengths)
    taken = []
    engine.FIX_EXTERNAL_CALLBACK_FUNC = lambda function: function
    engine.lib = SimpleNamespace(lammps_set_fix_external_callback=lambda *_: None)
    engine.lmp = None
    reader.call_back("sample", taken.append)
    reader.function(None, 40, len(TAGS), engine.pointer("tag"), [engine.pointer("x")], None)
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
    reader_of(4, np.zeros((4, 3), dtype=int)).walls(values, ROLES, 0.0, 8.0)
    bottom, top = TAGS.index(1), TAGS.index(3)
    np.testing.assert_allclose(values[:3], FORCES[bottom])
    np.testing.assert_allclose(values[3:6], FORCES[top])
    assert values[6] == PLACES[top, 2]
    assert values[7] == len(TAGS)
    assert values[8] == 1  # the one at 9


def test_a_rank_without_grains_reads_nothing():
    reader = Reader(Arrays(4, np.zeros((4, 3), dtype=int)), (5.0, 4.0))
    values = np.full(N_READ, 7.0)
    reader.walls(values, ROLES, 0.0, 8.0)
    assert not values.any()
    tags, position = reader.grains()
    assert tags.shape == (0,)
    assert position.shape == (0, 3)
