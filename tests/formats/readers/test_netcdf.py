"""NetCDF files in LAMMPS' layout, written by scipy and, with 64-bit data, by the specification."""

import itertools
import struct
import warnings

import numpy as np
import pytest
from scipy.io import netcdf_file

from microslip.core.errors import MicroslipError
from microslip.formats.frame import places
from microslip.formats.readers.netcdf import UNWRITTEN, read_netcdf
from microslip.formats.text.lines import Unfinished

T, N = 4, 25
DIMENSIONS = {"frame": None, "atom": N, "spatial": 3, "cell_spatial": 3, "cell_angular": 3, "label": 10}
# The specification's numbers of types, which begin with byte, char, short, int, float, double.
KINDS = {"S1": 2, ">i4": 4, ">f4": 5, ">f8": 6, ">i8": 10}


def variables(rng, real=">f8", lengths=(10.0, 8.0, 12.0), angles=(90.0, 90.0, 90.0), coordinates="coordinates"):
    """Of LAMMPS' dump netcdf: their dimensions and values."""
    framed = {
        "time": (("frame",), np.array([0, 100, 200, 350], dtype=">f8")),
        "cell_origin": (("frame", "cell_spatial"), np.tile([1.0, 2.0, 3.0], (T, 1)).astype(">f8")),
        "cell_lengths": (("frame", "cell_spatial"), np.tile(lengths, (T, 1)).astype(">f8")),
        "cell_angles": (("frame", "cell_angular"), np.tile(angles, (T, 1)).astype(">f8")),
        coordinates: (("frame", "atom", "spatial"), rng.uniform(-9, 9, (T, N, 3)).astype(real)),
        "id": (("frame", "atom"), np.tile(np.arange(1, N + 1), (T, 1)).astype(">i4")),
        "type": (("frame", "atom"), rng.integers(1, 4, (T, N)).astype(">i4")),
        "radius": (("frame", "atom"), rng.random((T, N)).astype(real)),
    }
    spatial = np.array([b"x", b"y", b"z", b""], dtype="S1")
    return {"spatial": (("frame",), spatial), **framed}


def write(path, found, version=2, program="LAMMPS", scales=None):
    """By scipy, which knows the versions 1 and 2."""
    with netcdf_file(path, "w", version=version) as file, warnings.catch_warnings():
        file.Conventions, file.program = "AMBER", program
        for name, length in DIMENSIONS.items():
            file.createDimension(name, length)
        for name, (dimensions, values) in found.items():
            variable = file.createVariable(name, values.dtype, dimensions)
            variable[:] = values
            variable.units = "m"
            if name in (scales or {}):
                variable.scale_factor = scales[name]
    return path


def write_64(path, found, program="LAMMPS"):
    """The 64-bit data format, which scipy does not know and LAMMPS writes."""

    def named(text):
        return struct.pack(">q", len(text)) + text.encode().ljust(-(-len(text) // 4) * 4, b"\0")

    def header(begins):
        out = b"CDF\x05" + struct.pack(">q", T) + struct.pack(">iq", 10, len(DIMENSIONS))
        out += b"".join(named(name) + struct.pack(">q", length or 0) for name, length in DIMENSIONS.items())
        out += struct.pack(">iq", 12, 1) + named("program") + struct.pack(">i", 2) + named(program)
        out += struct.pack(">iq", 11, len(found))
        for (name, (dimensions, values)), begin in zip(found.items(), begins, strict=True):
            out += named(name) + struct.pack(">q", len(dimensions))
            out += b"".join(struct.pack(">q", list(DIMENSIONS).index(one)) for one in dimensions)
            out += struct.pack(">iq", 12, 1) + named("scale_factor") + struct.pack(">iqd", 6, 1, 1.0)
            out += struct.pack(">iqq", KINDS[values.dtype.str.replace("|", "")], values[0].nbytes, begin)
        return out

    sizes = [-(-values[0].nbytes // 4) * 4 for _, values in found.values()]
    first = len(header([0] * len(found)))
    begins = first + np.cumsum([0, *sizes[:-1]])
    rows = [
        values[k : k + 1].tobytes().ljust(size, b"\0")
        for k in range(T)
        for (_, values), size in zip(found.values(), sizes, strict=True)
    ]
    path.write_bytes(header(begins.tolist()) + b"".join(rows))
    return path


WRITERS = [lambda p, v: write(p, v, 1), lambda p, v: write(p, v, 2), write_64]


@pytest.mark.parametrize("writer", WRITERS, ids=["CDF-1", "CDF-2", "CDF-5"])
@pytest.mark.parametrize("real", [">f4", ">f8"])
def test_everything_comes_back_to_the_bit(tmp_path, rng, writer, real):
    written = variables(rng, real)
    found = list(read_netcdf(writer(tmp_path / "a.nc", written)))
    assert [one.step for one in found] == [0, 100, 200, 350]
    for number, one in enumerate(found):
        assert one.columns["x"].dtype == np.dtype(real[1:])
        assert np.array_equal(
            np.stack([one.columns[axis] for axis in "xyz"], axis=1), written["coordinates"][1][number]
        )
        for name in ("id", "type", "radius"):
            assert np.array_equal(one.columns[name], written[name][1][number])
        assert np.array_equal(one.edges, np.diag([10.0, 8.0, 12.0]))
        assert np.array_equal(one.origin, [1, 2, 3])
        assert one.periodic == (True, True, True)
        assert one.where == f"{tmp_path / 'a.nc'}, frame {number}"


def test_tilted_cell_has_the_edges_that_lammps_has(tmp_path, rng):
    edges = np.array([[10, 0, 0], [2, 8, 0], [-3, 1.5, 12]])
    lengths = np.linalg.norm(edges, axis=1)
    pairs = [(1, 2), (0, 2), (0, 1)]
    angles = [np.degrees(np.arccos(edges[i] @ edges[j] / lengths[i] / lengths[j])) for i, j in pairs]
    found = next(read_netcdf(write(tmp_path / "a.nc", variables(rng, lengths=lengths, angles=angles))))
    assert np.allclose(found.edges, edges, rtol=1e-14, atol=1e-14)
    path = write(tmp_path / "b.nc", variables(rng, lengths=lengths, angles=angles), program="OVITO")
    with pytest.raises(MicroslipError, match="OVITO writes other angles"):
        next(read_netcdf(path))


def test_length_of_nought_is_an_axis_that_does_not_repeat(tmp_path, rng):
    written = variables(rng, lengths=(10.0, 8.0, 0.0))
    z = written["coordinates"][1][0, :, 2]
    found = next(read_netcdf(write(tmp_path / "a.nc", written)))
    assert found.periodic == (True, True, False)
    assert np.array_equal(found.edges, np.diag([10, 8, z.max() - z.min()]))
    assert np.array_equal(found.origin, [1, 2, z.min()])
    path = write(tmp_path / "b.nc", variables(rng, lengths=(10.0, 8.0, 0.0), coordinates="scaled_coordinates"))
    with pytest.raises(MicroslipError, match="holds shares of a cell"):
        next(read_netcdf(path))


def test_unwrapped_coordinates_and_other_programs(tmp_path, rng):
    written = variables(rng, coordinates="unwrapped_coordinates")
    found = next(read_netcdf(write(tmp_path / "a.nc", written)))
    assert places(found).unwrapped
    assert np.array_equal(places(found).position, written["unwrapped_coordinates"][1][0])
    few = {"coordinates": variables(rng)["coordinates"]}
    found = list(read_netcdf(write(tmp_path / "b.nc", few, program="MDAnalysis")))
    assert [(one.step, one.edges, one.periodic) for one in found] == [(k, None, None) for k in range(T)]
    assert np.array_equal(found[3].columns["z"], few["coordinates"][1][3, :, 2])


def test_rows_that_were_never_written_are_left_out(tmp_path, rng):
    written = variables(rng, ">f4")
    written["coordinates"][1][2, 20:] = UNWRITTEN
    written["coordinates"][1][1, 3] = np.nan
    found = list(read_netcdf(write(tmp_path / "a.nc", written)))
    assert [one.n_grains for one in found] == [N, N, 20, N]
    assert np.isnan(found[1].columns["x"][3])


@pytest.mark.parametrize("writer", WRITERS, ids=["CDF-1", "CDF-2", "CDF-5"])
def test_what_is_cut_off_gives_the_whole_frames(tmp_path, rng, writer):
    written = variables(rng)
    whole, cut = writer(tmp_path / "a.nc", written).read_bytes(), tmp_path / "cut.nc"
    for end in rng.integers(0, len(whole) - 3, 30):
        cut.write_bytes(whole[:end])
        found = []
        with pytest.raises((MicroslipError, Unfinished)):
            found += itertools.chain(one.columns["x"] for one in read_netcdf(cut))
        assert all(np.array_equal(x, written["coordinates"][1][k, :, 0]) for k, x in enumerate(found))


def test_files_without_frames_and_of_other_kinds(tmp_path, rng):
    path = tmp_path / "a.nc"
    none = {name: (dimensions, values[:0]) for name, (dimensions, values) in variables(rng).items()}
    assert list(read_netcdf(write(path, none))) == []
    for content, said in [
        (b"\x89HDF\r\n\x1a\n", "nccopy"),
        (b"ITEM: TIMESTEP", "no NetCDF file"),
        (b"CDF\x01", "header"),
    ]:
        path.write_bytes(content)
        with pytest.raises(MicroslipError, match=said):
            next(read_netcdf(path))
    with pytest.raises(MicroslipError, match="holds no coordinates, but time"):
        next(read_netcdf(write(path, {"time": variables(rng)["time"]})))


@pytest.mark.parametrize(
    ("program", "periodic"),
    [("LAMMPS", (True,) * 3), ("sander", (True,) * 3), ("MDAnalysis", (True,) * 3), ("OVITO", None)],
)
def test_a_cell_repeats_as_the_convention_has_it(tmp_path, rng, program, periodic):
    assert next(read_netcdf(write(tmp_path / "a.nc", variables(rng), program=program))).periodic == periodic


def test_of_two_variables_the_exact_name_wins(tmp_path, rng):
    written = variables(rng)
    written["ID"] = (written["id"][0], written["id"][1] + 5)
    found = next(read_netcdf(write(tmp_path / "a.nc", written)))
    assert np.array_equal(found.columns["id"], written["id"][1][0])


def test_a_scale_factor_multiplies_its_variable(tmp_path, rng):
    written = variables(rng)
    factors = {"coordinates": 0.5, "cell_lengths": 0.5, "cell_origin": 0.5, "time": 0.005, "id": np.int32(1)}
    found = list(read_netcdf(write(tmp_path / "a.nc", written, scales=factors)))
    assert [one.step for one in found] == [0, 100, 200, 350]
    assert np.array_equal(found[1].columns["y"], 0.5 * written["coordinates"][1][1, :, 1])
    assert np.array_equal(found[1].edges, np.diag([5.0, 4.0, 6.0]))
    assert np.array_equal(found[1].origin, [0.5, 1, 1.5])
    assert np.array_equal(found[1].columns["radius"], written["radius"][1][1])
