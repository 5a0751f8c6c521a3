"""Two dimensions in other programs' files: where planarity is known, and how its axes become ours."""

import gsd.hoomd
import h5py
import numpy as np
import pytest

from microslip import MicroslipError, Source, read_trajectory
from microslip.formats.assembly.assemble import assemble
from microslip.formats.assembly.layout import lay_out
from microslip.formats.frame import Frame, places
from microslip.formats.readers.extxyz import read_extxyz
from microslip.formats.readers.gsd import read_gsd
from microslip.formats.readers.h5md import read_h5md
from microslip.formats.readers.lammps import read_lammps
from microslip.formats.readers.table import read_table_frames

FILES = ("frames.dump",)


def frame_of(columns, edges=None, periodic=None, step=0):
    return Frame(step, columns, f"frames.dump, frame {step}", edges=edges, periodic=periodic)


@pytest.fixture
def plane(rng):
    """Discs in two coordinates."""
    return rng.random((200, 2)) * [20.0, 16.0]


def columns_of(plane, missing, height=0.5):
    """Our plane's coordinates under the names of the two axes of the file that it has."""
    names = [axis for axis in "xyz" if axis != missing]
    return {**dict(zip(names, plane.T, strict=True)), missing: np.full(len(plane), height)}


@pytest.mark.parametrize(
    ("missing", "asked", "axes"),
    [
        ("z", {}, "xzy"),
        ("y", {}, "xyz"),
        ("x", {}, "yxz"),
        ("z", {"flow": "y", "gradient": "x"}, "yzx"),
        ("y", {"flow": "z", "gradient": "x"}, "zyx"),
        ("z", {"flow": "y", "gradient": "z"}, "yzx"),
        ("x", {"flow": "z", "gradient": "x"}, "zxy"),
    ],
)
@pytest.mark.parametrize("height", [0.0, 0.5, -3.25])
def test_one_constant_coordinate_is_the_missing_axis(plane, missing, asked, axes, height):
    layout = lay_out(frame_of(columns_of(plane, missing, height)), Source(files=FILES, length=2.0, **asked))
    assert layout.planar
    assert "".join("xyz"[axis] for axis in layout.axes) == axes
    frame = frame_of(columns_of(plane, missing, height))
    cell = layout.cell(frame)
    box = layout.box(cell)
    assert box.planar
    assert box.lengths[1] == 1
    assert not box.periodic[1]
    centres = layout.centres(frame, places(frame).position, cell)
    assert (centres[:, 1] == 0.5).all()
    in_file = columns_of(plane, missing)
    for ours, theirs in ((0, axes[0]), (2, axes[2])):
        np.testing.assert_allclose(np.diff(centres[:, ours]), np.diff(in_file[theirs]) / 2, atol=1e-12)
    assert any(f"the file's {missing} is the same for all grains" in one for one in layout.messages)


def test_what_the_file_says_of_the_missing_axis_means_nothing(plane):
    """LAMMPS' plane of x and y, tilted by xy; its z is a unit thick and repeats."""
    edges = np.array([[20.0, 0, 0], [3.5, 16.0, 0], [0, 0, 1.0]])
    frame = frame_of(columns_of(plane, "z"), edges, (True, True, True))
    layout = lay_out(frame, Source(files=FILES, length=0.8))
    box = layout.box(layout.cell(frame))
    np.testing.assert_allclose(box.lengths, [25, 1, 20])
    assert box.periodic == (True, False, True)
    assert box.tilt == pytest.approx(3.5 / 0.8)
    assert layout.area == 20.0


def test_walls_and_settings_of_a_planar_slab(plane):
    walls = np.array([[x, y] for y in (-0.5, 16.5) for x in range(20)])
    columns = columns_of(np.concatenate([plane, walls]), "z")
    columns |= {"type": np.repeat([1, 2], [200, 40]), "radius": np.full(240, 0.5)}
    layout = lay_out(
        frame_of(columns), Source(files=FILES, wall_types=(2,), periodic=(True, True, False), box=(20, 7, 16))
    )
    assert layout.periodic == (True, False, False)
    np.testing.assert_allclose(layout.lengths, [20, 1, 16])
    kinds = layout.kinds(frame_of(columns), columns["y"])
    np.testing.assert_array_equal(kinds, np.repeat([0, 1, 2], [200, 20, 20]))


def test_a_monolayer_that_scatters_is_in_space_unless_it_is_said_to_be_planar(plane, rng):
    columns = columns_of(plane, "z") | {"z": 0.02 * rng.random(200), "radius": np.full(200, 0.5)}
    layout = lay_out(frame_of(columns), Source(files=FILES))
    assert not layout.planar
    (warning,) = [one for one in layout.messages if one.startswith("warning")]
    assert "a single layer" in warning
    assert "along the file's z" in warning
    assert "source.planar=true" in warning
    assert not any(
        "single layer" in one for one in lay_out(frame_of(columns), Source(files=FILES, planar=False)).messages
    )
    flat = lay_out(frame_of(columns), Source(files=FILES, planar=True))
    assert flat.planar
    assert flat.axes == (0, 2, 1)
    assert any("scatters by 0.0" in one and "is dropped" in one for one in flat.messages)


def test_an_import_says_that_a_layer_scatters(plane, tmp_path, rng):
    path, z = tmp_path / "layer.csv", 0.02 * rng.random(200)
    grains = list(zip(*plane.T.tolist(), z.tolist(), strict=True))
    rows = [f"{k},{0.1 * k},{x + 0.1 * k * y!r},{y!r},{h!r}" for k in range(3) for x, y, h in grains]
    path.write_text("frame,strain,x,y,z\n" + "\n".join(rows) + "\n")
    for planar, sentence in ((None, "warning: the grains form a single layer"), (True, "scatters by 0.0")):
        said: list[str] = []
        read_trajectory(Source(files=(str(path),), gradient="y", planar=planar), tmp_path / "t.zarr", say=said.append)
        assert sum(sentence in one for one in said) == 1


def test_a_packing_in_space_is_not_planar(rng):
    columns = dict(zip("xyz", rng.random((3, 200)) * 9, strict=True))
    assert not lay_out(frame_of(columns), Source(files=FILES)).planar
    with pytest.raises(MicroslipError, match="they lie in no plane"):
        lay_out(frame_of(columns), Source(files=FILES, planar=True, length=1.0))
    # grains in a line, or too few to tell, lie in many planes
    assert not lay_out(frame_of(columns | {"y": np.ones(200), "z": np.ones(200)}), Source(files=FILES)).planar
    two = {name: values[:2] for name, values in columns.items()} | {"y": np.ones(2)}
    assert not lay_out(frame_of(two), Source(files=FILES)).planar


def test_grains_that_leave_the_plane_are_said(plane, tmp_path, rng):
    later = columns_of(plane, "z") | {"z": 0.3 * rng.random(200)}
    frames = [frame_of(columns_of(plane, "z")), frame_of(later, step=1)]
    with pytest.raises(MicroslipError, match=r"frame 1: the grains of a planar run span 0\.\d+ along the file's z"):
        assemble(
            frames, Source(files=FILES), tmp_path / "t.zarr", None, (), False, lambda share: None, lambda said: None
        )


def write_dump(path, plane, names, rows):
    head = "ITEM: TIMESTEP\n0\nITEM: NUMBER OF ATOMS\n200\nITEM: BOX BOUNDS pp pp pp\n0 20\n0 16\n-0.5 0.5\n"
    path.write_text(
        head + f"ITEM: ATOMS {names}\n" + "\n".join(" ".join(f"{v:.17g}" for v in row) for row in rows) + "\n"
    )
    return next(iter(read_lammps(path)))


def write_xyz(path, plane, properties, lattice):
    rows = "\n".join(" ".join(f"{v:.17g}" for v in row) for row in plane)
    path.write_text(f'{len(plane)}\nLattice="{lattice}" Properties={properties} pbc="T T F"\n{rows}\n')
    return next(iter(read_extxyz(path)))


def from_gsd(path, plane, lz):
    frame = gsd.hoomd.Frame()
    frame.particles.N = len(plane)
    frame.particles.position = np.column_stack([plane - [10, 8], np.zeros(len(plane))])
    frame.configuration.box = [20, 16, lz, 0.25, 0, 0]
    frame.configuration.dimensions = 2
    with gsd.hoomd.open(path, "w", precision="double") as file:
        file.append(frame)
    return next(iter(read_gsd(path)))


def from_h5md(path, plane, edges):
    with h5py.File(path, "w") as file:
        particles = file.create_group("particles/all")
        box = particles.create_group("box")
        box.attrs["dimension"] = 2
        box.attrs["boundary"] = np.array(["periodic", "none"], dtype="S8")
        box["edges"] = edges
        position = particles.create_group("position")
        position["value"], position["step"] = plane[None], np.array([0])
        image = particles.create_group("image")
        image["value"], image["step"] = np.zeros((1, *plane.shape), dtype=int), position["step"]
    return next(iter(read_h5md(path)))


def from_table(path, plane, names):
    rows = "\n".join(f"0,{a!r},{b!r}" for a, b in plane.tolist())
    path.write_text(f"frame,{names}\n{rows}\n")
    return next(iter(read_table_frames(path, {})))


FILES_IN_THE_PLANE = {
    "dump without z": lambda p, x: write_dump(p / "a.dump", x, "x y", x),
    "dump without zu": lambda p, x: write_dump(p / "a.dump", x, "xu yu", x),
    "dump of shares without zs": lambda p, x: write_dump(p / "a.dump", x, "xs ys", x / [20, 16]),
    "dump of dimension 2": lambda p, x: write_dump(p / "a.dump", x, "x y z", np.insert(x, 2, 0, axis=1)),
    "dump of shares": lambda p, x: write_dump(p / "a.dump", x, "xs ys zs", np.insert(x / [20, 16], 2, 0.5, axis=1)),
    "xyz of two columns": lambda p, x: write_xyz(p / "a.xyz", x, "pos:R:2", "20 0 0 0 16 0 0 0 1"),
    "xyz without a third edge": lambda p, x: write_xyz(
        p / "a.xyz", np.insert(x, 2, 0, axis=1), "pos:R:3", "20 0 0 0 16 0 0 0 0"
    ),
    "gsd of HOOMD 3 and later": lambda p, x: from_gsd(p / "a.gsd", x, 0),
    "gsd of HOOMD 2": lambda p, x: from_gsd(p / "a.gsd", x, 1),
    "h5md": lambda p, x: from_h5md(p / "a.h5", x, np.array([20.0, 16.0])),
    "h5md with edge vectors": lambda p, x: from_h5md(p / "a.h5", x, np.diag([20.0, 16.0])),
    "table": lambda p, x: from_table(p / "a.csv", x, "x,y"),
    "table of x and z": lambda p, x: from_table(p / "a.csv", x, "x,z"),
}


@pytest.mark.parametrize("kind", FILES_IN_THE_PLANE)
def test_every_format_knows_the_plane(kind, plane, tmp_path):
    frame = FILES_IN_THE_PLANE[kind](tmp_path, plane)
    periodic = (True, True, True) if kind.startswith("gsd") else None
    layout = lay_out(frame, Source(files=FILES, length=1.0, periodic=periodic))
    assert layout.planar
    cell = layout.cell(frame)
    box = layout.box(cell)
    if frame.edges is not None:
        assert box.lengths[0] == pytest.approx(20)
        assert box.tilt == pytest.approx(4.0 if kind.startswith("gsd") else 0)
    centres = layout.centres(frame, places(frame).position, cell)[:, ::2]
    expected = plane + (0 if not kind.startswith("gsd") else centres.mean(axis=0) - plane.mean(axis=0))
    if frame.edges is None or kind.startswith("h5md"):
        # the cell ends half a grain beyond those that there are
        expected = expected + (centres.mean(axis=0) - expected.mean(axis=0))
    np.testing.assert_allclose(centres, expected, atol=1e-12)


def test_a_dump_that_lacks_x_is_no_planar_one(plane):
    with pytest.raises(MicroslipError, match="there are no x y z"):
        lay_out(frame_of(dict(zip("yz", plane.T, strict=True))), Source(files=FILES))


def test_a_cell_without_a_third_length_needs_a_plane(tmp_path, rng):
    frame = write_xyz(tmp_path / "a.xyz", rng.random((50, 3)), "pos:R:3", "20 0 0 0 16 0 0 0 0")
    with pytest.raises(MicroslipError, match="the box has no volume"):
        lay_out(frame, Source(files=FILES))
