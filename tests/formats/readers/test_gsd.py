"""GSD files written by gsd itself: what was put in comes out to the bit, what is damaged is said in one sentence."""

import sys

import gsd.fl
import gsd.hoomd
import numpy as np
import pytest

from microslip.core.errors import MicroslipError
from microslip.formats.frame import places
from microslip.formats.readers.gsd import read_gsd

N, BOX = 50, [10.0, 8.0, 12.0, 0.25, -0.5, 0.125]


def make(rng, n_frames, precision="single", images=True, diameters=True, numbers=None):
    """Frames and the arrays in them."""
    frames = []
    for number, n in enumerate(numbers or [N] * n_frames):
        frame = gsd.hoomd.Frame()
        frame.configuration.step = 1000 + 10 * number
        frame.configuration.box = BOX
        frame.particles.N = n
        frame.particles.types = ["grain", "wall"]
        frame.particles.typeid = rng.integers(0, 2, n)
        frame.particles.position = rng.uniform(-4, 4, (n, 3)).astype("f4" if precision == "single" else "f8")
        if images:
            frame.particles.image = rng.integers(-3, 4, (n, 3))
        if diameters:
            frame.particles.diameter = rng.uniform(0.8, 1.2, n)
        frames.append(frame)
    return frames


def write(path, frames, precision="single"):
    with gsd.hoomd.open(path, "w", precision=precision) as file:
        file.extend(frames)
    return path


@pytest.mark.parametrize(("precision", "dtype"), [("single", np.float32), ("double", np.float64)])
def test_everything_comes_back_to_the_bit(tmp_path, rng, precision, dtype):
    frames = make(rng, 3, precision)
    found = list(read_gsd(write(tmp_path / "a.gsd", frames, precision)))
    assert [one.step for one in found] == [1000, 1010, 1020]
    assert found[1].where == f"{tmp_path / 'a.gsd'}, frame 1"
    for one, frame in zip(found, frames, strict=True):
        columns = one.columns
        assert columns["x"].dtype == dtype
        for name, want in [("xyz", frame.particles.position), (("ix", "iy", "iz"), frame.particles.image)]:
            assert np.array_equal(np.stack([columns[axis] for axis in name], axis=1), want)
        assert np.array_equal(columns["type"], frame.particles.typeid + 1)
        assert np.array_equal(columns["diameter"], frame.particles.diameter.astype(dtype))
    assert [one.read for one in found] == [1 / 3, 2 / 3, 1.0]


def test_cell_is_that_of_hoomd(tmp_path, rng):
    (found,) = read_gsd(write(tmp_path / "a.gsd", make(rng, 1, "double"), "double"))
    # HOOMD: a = (Lx, 0, 0), b = (xy Ly, Ly, 0), c = (xz Lz, yz Lz, Lz), the middle of the box at 0
    assert np.array_equal(found.edges, [[10, 0, 0], [2, 8, 0], [-6, 1.5, 12]])
    assert np.allclose(found.origin + found.edges.sum(axis=0) / 2, 0)
    turns = np.stack([found.columns[name] for name in ("ix", "iy", "iz")], axis=1)
    written = np.stack([found.columns[name] for name in "xyz"], axis=1)
    assert np.allclose(places(found).position, written + turns @ found.edges)


@pytest.mark.parametrize(
    ("program", "periodic"),
    [("HOOMD-blue 5.3.0", (True,) * 3), ("gsd.hoomd 4.2.0", (True,) * 3), ("mine", (True,) * 3), ("ovito 3.10", None)],
)
def test_cell_repeats_as_the_schema_has_it(tmp_path, program, periodic):
    path = tmp_path / "a.gsd"
    with gsd.fl.open(path, "w", application=program, schema="hoomd", schema_version=(1, 4)) as file:
        file.write_chunk("configuration/box", np.array([10, 8, 12, 0, 0, 0], dtype=np.float32))
        file.write_chunk("particles/N", np.array([2], dtype=np.uint32))
        file.write_chunk("particles/position", np.zeros((2, 3), dtype=np.float32))
        file.end_frame()
    (found,) = read_gsd(path)
    assert found.periodic == periodic
    assert (found.step, found.step_told) == (0, False)


def test_tilted_cell_of_ovito_is_refused(tmp_path):
    path = tmp_path / "a.gsd"
    with gsd.fl.open(path, "w", application="ovito", schema="hoomd", schema_version=(1, 4)) as file:
        file.write_chunk("configuration/box", np.array(BOX, dtype=np.float32))
        file.write_chunk("particles/position", np.zeros((2, 3), dtype=np.float32))
        file.end_frame()
    with pytest.raises(MicroslipError, match="OVITO writes another tilted cell"):
        list(read_gsd(path))


def test_images_that_never_change_do_not_count(tmp_path, rng):
    frames = make(rng, 3)
    for frame in frames:
        frame.particles.image = frames[0].particles.image
    assert all("ix" not in one.columns for one in read_gsd(write(tmp_path / "a.gsd", frames)))
    for frame in frames:
        frame.particles.image = np.zeros((N, 3))
    assert all("ix" not in one.columns for one in read_gsd(write(tmp_path / "b.gsd", frames)))
    # the first frame leaves out what is its default
    frames[2].particles.image = np.ones((N, 3))
    found = list(read_gsd(write(tmp_path / "c.gsd", frames)))
    assert [int(one.columns["ix"].sum()) for one in found] == [0, 0, N]


def test_diameters_are_told_only_where_written(tmp_path, rng):
    assert "diameter" not in next(read_gsd(write(tmp_path / "a.gsd", make(rng, 1, diameters=False)))).columns


def test_number_of_grains_may_change(tmp_path, rng):
    found = list(read_gsd(write(tmp_path / "a.gsd", make(rng, 3, numbers=[5, 7, 3]))))
    assert [one.n_grains for one in found] == [5, 7, 3]


def test_file_without_frames_and_positions_that_are_no_numbers(tmp_path, rng):
    assert list(read_gsd(write(tmp_path / "a.gsd", []))) == []
    frames = make(rng, 1)
    frames[0].particles.position[3] = np.nan
    assert np.isnan(next(read_gsd(write(tmp_path / "b.gsd", frames))).columns["y"][3])


def test_what_is_cut_off_is_said(tmp_path, rng, capfd):
    whole = write(tmp_path / "a.gsd", make(rng, 4)).read_bytes()
    cut = tmp_path / "cut.gsd"
    for end in rng.integers(0, len(whole), 40):
        cut.write_bytes(whole[:end])
        with pytest.raises(MicroslipError, match=r"cut\.gsd"):
            list(read_gsd(cut))
    assert capfd.readouterr() == ("", "")


def test_other_files_are_refused(tmp_path):
    other = tmp_path / "a.gsd"
    with pytest.raises(MicroslipError, match="does not exist"):
        next(read_gsd(other))
    other.write_text("ITEM: TIMESTEP\n0\n" * 100)
    with pytest.raises(MicroslipError, match="Not a GSD file"):
        next(read_gsd(other))
    with gsd.fl.open(other, "w", application="x", schema="other", schema_version=(1, 0)) as file:
        file.end_frame()
    with pytest.raises(MicroslipError, match="incorrect schema"):
        next(read_gsd(other))
    with gsd.fl.open(other, "w", application="x", schema="hoomd", schema_version=(1, 4)) as file:
        file.write_chunk("particles/N", np.array([2], dtype=np.uint32))
        file.end_frame()
    with pytest.raises(MicroslipError, match=r"frame 0.*no particles/position"):
        next(read_gsd(other))


def test_want_of_the_package_is_said(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "gsd", None)
    with pytest.raises(
        MicroslipError, match=r"needs the package gsd, which is not installed: pip install 'microslip\[import\]'"
    ):
        next(read_gsd(tmp_path / "a.gsd"))
