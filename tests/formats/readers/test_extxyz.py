"""Extended XYZ: what ASE writes and reads is the second opinion; lines of OVITO and LAMMPS stand as they write them."""

import gzip

import ase
import ase.io
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from microslip.core.errors import MicroslipError
from microslip.formats.frame import places
from microslip.formats.readers.extxyz import read_extxyz
from microslip.formats.text.lines import Unfinished

N, CELL = 20, np.array([[10.0, 0, 0], [0, 8, 0], [2.5, 0, 12]])


def atoms(rng, step):
    one = ase.Atoms("He5H15", positions=rng.uniform(-20, 20, (N, 3)), cell=CELL, pbc=[True, True, False])
    one.arrays["id"] = rng.permutation(N) + 1
    one.arrays["radius"] = rng.random(N)
    one.arrays["vel"] = rng.random((N, 3))
    one.info.update(step=step, energy_per_grain=1.5, note="two words = one")
    return one


@pytest.mark.parametrize("name", ["a.extxyz", "a.extxyz.gz"])
def test_files_of_ase_are_read_as_ase_reads_them(tmp_path, rng, name):
    path = tmp_path / name
    plain = tmp_path / "a.extxyz"
    ase.io.write(plain, [atoms(rng, step) for step in (0, 100, 250)], format="extxyz")
    if name.endswith("gz"):
        path.write_bytes(gzip.compress(plain.read_bytes()))
    found = list(read_extxyz(path))
    assert [one.step for one in found] == [0, 100, 250]
    for one, want in zip(found, ase.io.read(plain, ":"), strict=True):
        assert np.array_equal(np.stack([one.columns[axis] for axis in "xyz"], axis=1), want.positions)
        assert np.array_equal(one.columns["id"], want.arrays["id"])
        assert np.array_equal(one.columns["radius"], want.arrays["radius"])
        # helium comes first
        assert one.columns["type"].tolist() == [1] * 5 + [2] * 15
        assert np.array_equal(one.edges, want.cell.array)
        assert one.periodic == tuple(want.pbc)
    assert (found[1].where, found[1].first_line, found[2].read) == (f"{path}, frame 1", N + 5, 1.0)


def test_every_digit_counts(tmp_path, rng):
    path = tmp_path / "a.xyz"
    position = rng.normal(size=(N, 3)) * 10.0 ** rng.integers(-30, 30, (N, 3))
    rows = [f"A {x!r}  {y:.17g}\t{z:.16e}" for x, y, z in position.tolist()]
    path.write_text("\n".join([str(N), "Properties=species:S:1:pos:R:3", *rows, ""]))
    columns = next(read_extxyz(path)).columns
    assert np.array_equal(np.stack([columns[axis] for axis in "xyz"], axis=1), position)


OVITO = """2
Lattice="10.0 0.0 0.0 2.0 6.0 0.0 1.0 0.7 8.0" Origin="0.5 0.25 -1.0" pbc="T T F" \
Properties=id:I:1:species:S:1:pos:R:3:map_shift:I:3:radius:R:1:velo:R:3
7 2 4.5664078109 2.6194882938 3.5328507967 1 0 -2 0.2371430656 1.8601253768 0.1804015984 0.1175570225
3 11 1.5 2.5 3.5 0 0 0 0.25 0 0 0
"""
LAMMPS = """2
Timestep=1200 Time=0.12 pbc="T T F" Lattice="10 0 0 0 6 0 0 0 8" Potential_energy=0 Temperature=2.7e+25 \
Properties=species:S:1:pos:R:3:vel:R:3:forces:R:3
B 4.56641 2.61949 3.53285 0 0 0 0 0 0
A nan 2 3 0 0 0 0 0 0
"""
GPUMD = """2
pbc="T T T" lattice="10 0 0 0 6 0 0 0 8" properties=species:S:1:pos:R:3:unwrapped_position:R:3
Si 1 2 3 11 2 3
O 4 5 6 4 -1 6
"""
PLAIN = "2\nAtoms. Timestep: 300\n1 1.0 2.0 3.0 9 9\n2 4.0 5.0 6.0 9 9\n"


def read(path, text):
    path.write_text(text)
    return list(read_extxyz(path))


def test_dialects(tmp_path):
    (found,) = read(tmp_path / "a.xyz", OVITO)
    assert found.columns["id"].tolist() == [7, 3]
    assert found.columns["type"].tolist() == [2, 11]
    assert np.array_equal(found.edges, [[10, 0, 0], [2, 6, 0], [1, 0.7, 8]])
    assert np.array_equal(found.origin, [0.5, 0.25, -1])
    want = [4.5664078109 + 10 - 2, 2.6194882938 - 1.4, 3.5328507967 - 16]
    assert np.allclose(places(found).position[0], want, rtol=1e-15)
    (found,) = read(tmp_path / "a.xyz", LAMMPS)
    assert (found.step, found.columns["type"].tolist()) == (1200, [1, 2])
    assert np.isnan(found.columns["x"][1])
    (found,) = read(tmp_path / "a.xyz", GPUMD)
    assert places(found).unwrapped
    assert np.array_equal(places(found).position, [[11, 2, 3], [4, -1, 6]])
    (found,) = read(tmp_path / "a.xyz", PLAIN)
    assert (found.step, found.columns["type"].tolist(), found.edges, found.periodic) == (300, [1, 2], None, None)
    assert found.columns["z"].tolist() == [3, 6]


def test_further_properties_changing_numbers_and_no_frame(tmp_path):
    path = tmp_path / "a.xyz"
    path.write_text(OVITO.replace("velo:R:3", "size:R:1:v:R:2") + "\n" + LAMMPS + "0\nnothing\n")
    assert [one.n_grains for one in read_extxyz(path)] == [2, 2, 0]
    assert next(read_extxyz(path, ["size"])).columns["size"].tolist() == [1.8601253768, 0]
    assert read(path, "\n\n") == []


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(end=st.integers(0, len(OVITO + LAMMPS + PLAIN) - 1))
def test_what_is_cut_off_gives_the_whole_frames(tmp_path, end):
    text = (OVITO + LAMMPS + PLAIN)[:end]
    (tmp_path / "cut.xyz").write_text(text)
    # a last row without its end is whole where all its values are there
    ends = (len(OVITO), len(OVITO + LAMMPS), len(OVITO + LAMMPS + PLAIN))
    found, whole = [], sum(end >= one - 1 for one in ends)
    try:
        for one in read_extxyz(tmp_path / "cut.xyz"):
            found.append(one)
    except (Unfinished, MicroslipError):
        pass
    assert len(found) == whole


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("2\nL", "two\nL", "line 1: a number of grains is due"),
        ("id:I:1", "id:I", "is not name:kind:columns"),
        ("pos:R:3", "place:R:3", "holds no pos"),
        ("10.0 0.0", "10.0", "are not 9 numbers"),
        ("10.0 0.0", "0.0 0.0", "spans no volume"),
        ('"T T F"', '"T T"', "are not three"),
        ("4.5664078109", "4.56x", "line 3: x is '4.56x', not a number"),
        ("7 2", "7.5 2", "line 3: id is '7.5', not a whole number"),
        ("7 2", "7", "line 3: 11 values stand there, and 12 columns are named"),
        ("0 0 0\n", "0 0 0\n8 8\n", "frame 1, line 5: a number of grains is due and '8 8' stands there"),
    ],
)
def test_what_is_wrong_is_said(tmp_path, old, new, said):
    with pytest.raises(MicroslipError, match=said):
        read(tmp_path / "a.xyz", OVITO.replace(old, new, 1))
    with pytest.raises(MicroslipError, match="does not exist"):
        next(read_extxyz(tmp_path / "b.xyz"))


@pytest.mark.parametrize(
    ("pbc", "periodic"),
    [
        ("", (True, True, True)),
        (' pbc="T T F"', (True, True, False)),
        (' pbc="F F F"', (False, False, False)),
        (" pbc=[T, F, T]", (True, False, True)),
        (' pbc="1 0 1"', (True, False, True)),
        (' PBC="true False TRUE"', (True, False, True)),
        (" pbc=TTF", (True, True, False)),
        (" pbc=F", (False, False, False)),
    ],
)
def test_a_lattice_repeats_unless_pbc_says_otherwise(tmp_path, pbc, periodic):
    text = f'1\nLattice="6 0 0 0 5 0 0 0 7" Properties=id:I:1:pos:R:3{pbc}\n1 1 2 3\n'
    (found,) = read(tmp_path / "a.xyz", text)
    assert found.periodic == periodic
    (found,) = read(tmp_path / "a.xyz", text.replace('Lattice="6 0 0 0 5 0 0 0 7" ', "").replace(pbc, ""))
    assert found.periodic is None


def test_of_two_properties_the_exact_name_wins(tmp_path):
    text = "1\nProperties=ID:I:1:id:I:1:Position:R:3:pos:R:3\n9 8 1 2 3 4 5 6\n"
    (found,) = read(tmp_path / "a.xyz", text)
    assert (found.columns["id"].tolist(), found.columns["x"].tolist()) == ([8], [4])
    with pytest.raises(MicroslipError, match="ID and Id may both be id"):
        read(tmp_path / "a.xyz", text.replace(":id:", ":Id:"))
    with pytest.raises(MicroslipError, match="two columns are named id and hold other numbers"):
        read(tmp_path / "a.xyz", text.replace("ID:", "id:"))


def test_types_in_words_are_passed_over_where_they_are_not_asked_for(tmp_path):
    text = "1\nProperties=type:S:1:pos:R:3\nsand 1 2 3\n"
    with pytest.raises(MicroslipError, match="type is 'sand'"):
        read(tmp_path / "a.xyz", text)
    assert set(next(read_extxyz(tmp_path / "a.xyz", passed={"type"})).columns) == {"x", "y", "z"}
