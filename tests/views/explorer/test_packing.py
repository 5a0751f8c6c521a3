"""Packed arrays against a second reader that knows their description alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from microslip.views.explorer.packing import pack_columns, pack_places, pack_values, pack_vectors

FINITE = st.floats(-1e9, 1e9, width=64)
SOME = st.one_of(FINITE, st.just(np.nan), st.just(np.inf), st.just(-np.inf))
POSITIVE = st.one_of(st.floats(1e-30, 1e9), st.just(0.0), st.just(np.nan))
SHAPES = st.integers(0, 40)
# Half a step of 16 bits, and what single precision loses of the ends.
HALF_A_STEP = 0.5 / 65534 + 2e-7
# Below it single precision loses more.
TINY = float(np.finfo("f4").tiny)


def rows(n):
    return st.tuples(n, st.just(3))


@given(arrays.arrays(float, SHAPES, elements=SOME), st.sampled_from(["linear", "signed"]))
def test_values_come_back_within_half_a_step(unpack, values, scale):
    found, shown = unpack.values(pack_values(values, scale, (-2.0, 3.0)))
    known = np.isfinite(values)
    np.testing.assert_array_equal(np.isfinite(found), known)
    np.testing.assert_array_equal(shown, [-2, 3])
    if known.any():
        span = np.ptp(values[known])
        off = HALF_A_STEP * span + 2e-7 * np.abs(values[known]).max() + TINY
        np.testing.assert_allclose(found[known], values[known], rtol=0, atol=off)


@given(arrays.arrays(float, SHAPES, elements=POSITIVE))
def test_logarithms_come_back_and_zeros_are_the_smallest(unpack, values):
    found, shown = unpack.values(pack_values(values, "log", (1e-8, 1.0)))
    np.testing.assert_allclose(shown, [-8, 0])
    known = np.isfinite(values)
    positive = values[known & (values > 0)]
    np.testing.assert_array_equal(np.isfinite(found), known)
    if positive.size:
        expected = np.log10(np.where(values == 0, positive.min(), values)[known])
        off = HALF_A_STEP * np.ptp(expected) + 2e-7 * np.abs(expected).max()
        np.testing.assert_allclose(found[known], expected, rtol=0, atol=off)
    else:
        np.testing.assert_array_equal(found[known], 0)


def test_a_negative_number_has_no_logarithm(unpack):
    found, _ = unpack.values(pack_values(np.array([-1.0, 1, 10]), "log", (1.0, 10.0)))
    np.testing.assert_allclose(found, [np.nan, 0, 1], atol=1e-4)


@given(st.lists(st.integers(0, 65534), max_size=40))
def test_whole_numbers_come_back_as_they_are(unpack, numbers):
    values = np.array([np.nan, *numbers])
    found, shown = unpack.values(pack_values(values, "number", (1.0, 9.0)))
    np.testing.assert_array_equal(found, values)
    np.testing.assert_array_equal(shown, [1, 9])


@pytest.mark.parametrize("scale", ["linear", "signed", "log"])
@pytest.mark.parametrize("value", [0.7, 1e-12, 1e9])
def test_equal_values_come_back_equal(unpack, scale, value):
    found, _ = unpack.values(pack_values(np.full(5, value), scale, (1e-12, 1.0)))
    expected = np.log10(value) if scale == "log" else value
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("scale", ["linear", "signed", "log", "number"])
def test_nothing_known_is_none_everywhere(unpack, scale):
    found, shown = unpack.values(pack_values(np.full(4, np.nan), scale, (1.0, 2.0)))
    assert np.isnan(found).all()
    assert np.isfinite(shown).all()
    assert len(unpack.values(pack_values(np.empty(0), scale, (1.0, 2.0)))[0]) == 0


def test_the_ends_are_met_and_the_last_code_is_none():
    """Codes by hand: a quarter of the way is a quarter of 65534."""
    packed = pack_values(np.array([-1.0, 0, np.nan, 3]), "linear", (-1.0, 3.0))
    assert np.frombuffer(packed, "<f4", 4).tolist() == [-1, 3, -1, 3]
    assert np.frombuffer(packed, "<u2", offset=16).tolist() == [0, round(65534 / 4), 65535, 65534]


@given(arrays.arrays(float, rows(SHAPES), elements=st.floats(-1e4, 1e4)))
def test_places_come_back_within_half_a_step(unpack, positions):
    found = unpack.places(pack_places(positions))
    if len(positions):
        off = HALF_A_STEP * np.ptp(positions, axis=0) + 2e-7 * np.abs(positions).max(axis=0) + TINY
        assert (np.abs(found - positions) <= off).all()


@given(st.integers(1, 20), st.data())
def test_a_grain_that_is_not_there_has_no_place(unpack, n, data):
    positions = np.random.default_rng(n).uniform(-5, 30, (n, 3))
    gone = data.draw(st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, 2), st.sampled_from([np.nan, np.inf]))))
    for grain, axis, what in gone:
        positions[grain, axis] = what
    found = unpack.places(pack_places(positions))
    there = np.isfinite(positions).all(axis=1)
    assert np.isnan(found[~there]).all()
    np.testing.assert_allclose(found[there], positions[there], atol=35 * HALF_A_STEP)


@given(arrays.arrays(float, rows(SHAPES), elements=st.one_of(st.floats(-1e6, 1e6), st.just(np.nan))))
def test_vectors_come_back_within_half_a_step(unpack, vectors):
    packed = pack_vectors(vectors)
    found = unpack.vectors(packed)
    largest = np.nan_to_num(np.abs(vectors)).max(initial=0)
    assert np.frombuffer(packed, "<f4", 1)[0] == np.float32(largest)
    np.testing.assert_allclose(found, np.nan_to_num(vectors), rtol=0, atol=largest * (0.5 / 32767 + 2e-7) + TINY)


def test_no_motion_is_no_motion(unpack):
    np.testing.assert_array_equal(unpack.vectors(pack_vectors(np.zeros((3, 3)))), 0)
    np.testing.assert_array_equal(unpack.vectors(pack_vectors(np.full((3, 3), np.inf))), 0)


@settings(max_examples=50)
@given(
    st.integers(0, 9),
    st.lists(st.sampled_from(["float64", "float32", "int32", "uint8", ">f8", ">i4"]), min_size=1, max_size=6),
)
def test_columns_lie_where_the_layout_says(unpack, n, types):
    columns = {f"column_{i}": (np.arange(n) * (i + 1)).astype(kind) for i, kind in enumerate(types)}
    packed, layout = pack_columns(columns)
    assert [one["name"] for one in layout] == list(columns)
    # a browser's typed arrays must begin at a multiple of their numbers' size
    assert all(one["offset"] % 8 == 0 for one in layout)
    found = unpack.columns(packed, layout, n)
    for name, column in columns.items():
        np.testing.assert_array_equal(found[name], column)
        assert found[name].dtype.itemsize == column.dtype.itemsize
