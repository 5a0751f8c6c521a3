"""Text dumps that give back every number to the last bit, and leave nothing half written."""

import gzip
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from microslip.core.box import Box
from microslip.formats.readers.lammps import read_lammps
from microslip.formats.writers.dump import write_dump

UPRIGHT = Box((5.0, 4.0, 6.5), (True, True, False))
EVERYWHERE = (True, True, True)
# LAMMPS' header holds the bounds around a tilted cell: of its length along x, what Lx + tilt rounds to is kept.
LENGTH_OF_TILTED = 1e-14

finite = st.floats(allow_nan=False, allow_infinity=False)
lengths = st.floats(0.5, 1e3)


def columns(n, **more):
    return {"id": np.arange(1, n + 1), "xu": np.zeros(n), "yu": np.zeros(n), "zu": np.zeros(n)} | more


def bits(values):
    return np.ascontiguousarray(values, dtype=np.float64).view(np.int64)


def read(path, *names):
    return list(read_lammps(path, {"id", "type", "xu", "yu", "zu", "radius", *names}))


def written(*frames, ending=".dump", names=()):
    """The frames as the reader gives them."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"grains{ending}"
        assert write_dump(path, frames) == len(frames)
        return read(path, *names)


@given(arrays(np.float64, st.tuples(st.integers(1, 40), st.just(4)), elements=finite))
@example(np.array([[5e-324, -5e-324, 2.2250738585072009e-308, -0.0], [1.7976931348623157e308, 0.1, 1 / 3, -1e-300]]))
def test_every_finite_number_comes_back_to_the_last_bit(values):
    put = columns(len(values), **dict(zip(("xu", "yu", "zu", "radius"), values.T, strict=True)))
    (frame,) = written((7, UPRIGHT, put))
    for name in ("xu", "yu", "zu", "radius"):
        np.testing.assert_array_equal(bits(frame.columns[name]), bits(put[name]))


@given(arrays(np.float64, st.integers(1, 40), elements=st.floats(allow_nan=True, allow_infinity=False)))
def test_values_that_are_not_known_come_back_as_such(values):
    (frame,) = written((0, UPRIGHT, columns(len(values), d2min=values)), names=("d2min",))
    np.testing.assert_array_equal(frame.columns["d2min"], values)


@given(arrays(np.float32, st.integers(1, 40), elements=st.floats(allow_nan=False, allow_infinity=False, width=32)))
def test_single_precision_comes_back_to_the_last_bit(values):
    (frame,) = written((0, UPRIGHT, columns(len(values), stress=values)), names=("stress",))
    np.testing.assert_array_equal(frame.columns["stress"].astype(np.float32).view(np.int32), values.view(np.int32))


@given(arrays(np.int64, st.integers(1, 40)), st.integers(-(2**62), 2**62))
def test_whole_numbers_and_steps_come_back(ids, step):
    (frame,) = written((step, UPRIGHT, columns(len(ids), id=ids, type=ids[::-1].copy())))
    assert frame.step == step
    np.testing.assert_array_equal(frame.columns["id"], ids)
    np.testing.assert_array_equal(frame.columns["type"], ids[::-1])
    assert frame.columns["id"].dtype == frame.columns["type"].dtype == np.int64


@given(st.tuples(lengths, lengths, lengths), st.tuples(st.booleans(), st.booleans(), st.booleans()))
def test_an_upright_cell_comes_back_to_the_last_bit(edges, periodic):
    (frame,) = written((0, Box(edges, periodic), columns(1)))
    np.testing.assert_array_equal(frame.edges, np.diag(edges))
    np.testing.assert_array_equal(frame.origin, np.zeros(3))
    assert frame.periodic == periodic


@given(st.tuples(lengths, lengths, lengths), st.floats(-1e4, 1e4))
def test_a_tilted_cell_comes_back_with_whole_lengths_taken_off(edges, tilt):
    box = Box(edges, EVERYWHERE, tilt)
    (frame,) = written((0, box, columns(1)))
    np.testing.assert_array_equal(frame.origin, np.zeros(3))
    # what is lost of the length is what rounding a sum of length and tilt takes
    np.testing.assert_allclose(np.diag(frame.edges), edges, rtol=LENGTH_OF_TILTED)
    np.testing.assert_array_equal(np.diag(frame.edges)[1:], edges[1:])
    assert frame.edges[2, 0] == box.nearest_tilt
    assert abs(frame.edges[2, 0]) <= edges[0] / 2 * (1 + LENGTH_OF_TILTED)
    assert frame.edges[0, 1] == frame.edges[0, 2] == frame.edges[1, 0] == frame.edges[1, 2] == frame.edges[2, 1] == 0


def test_a_tilt_out_of_an_array_is_a_number(tmp_path):
    tilt = np.array([1.25])[0]
    write_dump(tmp_path / "a.dump", [(0, Box((5, 4, 6), EVERYWHERE, tilt), columns(1))])
    assert "float64" not in (tmp_path / "a.dump").read_text()


@settings(max_examples=20)
@given(st.lists(st.integers(0, 30), min_size=1, max_size=5), st.sampled_from([".dump", ".dump.gz", ".lammpstrj.gz"]))
def test_frames_of_any_number_of_grains_follow_one_another(numbers, ending):
    rng = np.random.default_rng(sum(numbers))
    put = [
        (10 * k, Box((5.0, 4.0, 6.0), EVERYWHERE, 0.3 * k), columns(n, xu=rng.normal(size=n)))
        for k, n in enumerate(numbers)
    ]
    found = written(*put, ending=ending)
    assert len(found) == len(put)
    for frame, (step, box, of_frame) in zip(found, put, strict=True):
        assert frame.step == step
        assert frame.edges[2, 0] == box.nearest_tilt
        np.testing.assert_array_equal(frame.columns["id"], of_frame["id"])
        np.testing.assert_array_equal(frame.columns["xu"], of_frame["xu"])


def test_a_packed_dump_holds_the_same_text(tmp_path, rng):
    frames = [(k, UPRIGHT, columns(200, xu=rng.normal(size=200))) for k in range(5)]
    write_dump(tmp_path / "a.dump", frames)
    write_dump(tmp_path / "a.dump.gz", frames)
    assert (tmp_path / "a.dump.gz").read_bytes()[:2] == b"\x1f\x8b"
    assert gzip.decompress((tmp_path / "a.dump.gz").read_bytes()) == (tmp_path / "a.dump").read_bytes()


def test_the_text_is_what_lammps_itself_writes(tmp_path):
    box = Box((4.0, 3.0, 5.0), EVERYWHERE, -1.0)
    put = {"id": np.array([3, 1]), "xu": np.array([-0.5, 1e-7]), "d2min": np.array([np.nan, 2.0])}
    write_dump(tmp_path / "a.dump", [(12, box, put)])
    assert (tmp_path / "a.dump").read_text().splitlines() == [
        "ITEM: TIMESTEP",
        "12",
        "ITEM: NUMBER OF ATOMS",
        "2",
        "ITEM: BOX BOUNDS xy xz yz pp pp pp",
        "-1.0 4.0 0.0",
        "0.0 3.0 -1.0",
        "0.0 5.0 0.0",
        "ITEM: ATOMS id xu d2min",
        "3 -0.5 nan",
        "1 1e-7 2",
    ]


@pytest.mark.parametrize("ending", [".dump", ".dump.gz"])
def test_what_fails_midway_leaves_what_was_there(tmp_path, ending):
    path = tmp_path / f"a{ending}"
    write_dump(path, [(0, UPRIGHT, columns(3))])
    before = path.read_bytes()

    def frames():
        yield 0, UPRIGHT, columns(5)
        raise RuntimeError("the store is damaged")

    for target in (path, tmp_path / f"new{ending}"):
        with pytest.raises(RuntimeError, match="damaged"):
            write_dump(target, frames())
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == [path.name]
