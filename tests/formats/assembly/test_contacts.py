"""Contacts that another program wrote: stress, energy and number of every grain, as our own functions have them."""

import re

import numpy as np
import pytest
import zarr

from microslip import Box, MicroslipError, Source, contact_energy, grain_stress, read_trajectory
from microslip.formats.readers.lammps import read_blocks, read_lammps
from microslip.formats.series.reader import read_series

from .. import importing

NAMES = {"id1": "c_near[1]", "id2": "c_near[2]", "fx": "c_force[2]", "fy": "c_force[3]", "fz": "c_force[4]"}

# The store keeps stresses in single precision.
SINGLE = 1e-6
# The box that LAMMPS deforms is a time step ahead of the forces: the shear stress of contacts across its leaning faces
# differs by that step's strain of their vectors.
ONE_STEP_OF_SHEAR = 4e-3


@pytest.fixture
def imported(sheared, tmp_path):
    usual = {"contacts": str(sheared / "contacts.dump"), "contact_columns": NAMES}
    plain = (sheared / "plain.dump",)
    return lambda files=plain, **rest: importing.imported(tmp_path, *files, **usual | rest)


def expected_of(sheared, length=1.0, pressure=1.0):
    """Pairs, separations, forces and cell of every frame, worked out from the raw files."""
    for frame, block in zip(
        read_lammps(sheared / "plain.dump"), read_blocks(sheared / "contacts.dump", NAMES.values()), strict=True
    ):
        position = np.stack([frame.columns[axis] for axis in "xyz"], axis=1)[np.argsort(frame.columns["id"])]
        pairs = np.stack([block.columns[NAMES[name]] for name in ("id1", "id2")], axis=1).astype(int) - 1
        force = np.stack([block.columns[NAMES[name]] for name in ("fx", "fy", "fz")], axis=1)
        box = Box(tuple(np.diag(frame.edges)), (True, True, True), frame.edges[2, 0])
        separation = box.minimum_image(position[pairs[:, 1]] - position[pairs[:, 0]])
        yield pairs, separation / length, force / (pressure * length**2), box


def test_stress_energy_and_number_are_those_of_our_own_functions(imported, sheared):
    store, said = imported(length=0.9, pressure=3.0, youngs_modulus=1000.0, poisson_ratio=0.25)
    order = np.argsort(store["grains/id"][:])
    stress, energy, number = (
        store[f"frames/{name}"][:][:, order] for name in ("grain_stress", "grain_energy", "n_contacts")
    )
    diameter = np.ones(320)
    for frame, (pairs, separation, force, _) in enumerate(expected_of(sheared, 0.9, 3.0)):
        np.testing.assert_allclose(
            stress[frame], grain_stress(pairs, separation, force, diameter), rtol=SINGLE, atol=1e-5
        )
        stored = contact_energy(pairs, separation, force, diameter, 1000.0 / 3.0, 0.25)
        halves = sum(np.bincount(pairs[:, side], stored / 2, 320) for side in (0, 1))
        np.testing.assert_allclose(energy[frame], halves, rtol=SINGLE, atol=1e-12)
        np.testing.assert_array_equal(number[frame], np.bincount(pairs.ravel(), minlength=320))
    assert any(one == "contacts in 41 of 41 frames" for one in said)


def test_the_stress_of_all_contacts_is_the_virial_that_lammps_has(imported, sheared):
    store, said = imported()
    average = read_series(sheared / "average.txt")
    average = average[average["TimeStep"] % 50 == 0]
    np.testing.assert_allclose(store["series/normal_stress"][:], average["c_virial[3]"], rtol=1e-5)
    # the pressure tensor's xz is negative in steady shear: the stress that resists is its opposite
    found = store["series/stress"][:]
    np.testing.assert_allclose(found, -average["c_virial[5]"], atol=ONE_STEP_OF_SHEAR * average["c_virial[3]"].max())
    assert any("the stress is that of the contacts, summed over the bulk grains" in one for one in said)
    assert any("its sign is turned" in one for one in said)


def test_forces_on_the_second_grain_are_turned(imported):
    expected = imported()[0]["frames/grain_stress"][:]
    store, said = imported(contact_columns={**NAMES, "id1": NAMES["id2"], "id2": NAMES["id1"]})
    np.testing.assert_allclose(store["frames/grain_stress"][:], expected, rtol=SINGLE)
    assert any("the forces are those on the second grain, and are turned" in one for one in said)


def test_contacts_with_what_is_no_grain_are_left_out_and_counted(imported, sheared, tmp_path):
    """Walls of planes and grains that the dump leaves out have ids of their own, or none."""
    text = (sheared / "contacts.dump").read_text()
    strange, n = re.subn(r"(?m)^(\d+) (\d+) (7|11|12|300) ", r"\1 \2 99\3 ", text)
    strange, m = re.subn(r"(?m)^(\d+) (5|6) (\d+) ", r"\1 -1 \3 ", strange)
    (tmp_path / "contacts.dump").write_text(strange)
    store, said = imported(contacts=str(tmp_path / "contacts.dump"))
    lost = sum(
        (np.isin(pairs[:, 1] + 1, [7, 11, 12, 300]) | np.isin(pairs[:, 0] + 1, [5, 6])).sum()
        for pairs, *_ in expected_of(sheared)
    )
    assert lost
    assert any(f"{lost} contacts with none of its grains are left out" in one for one in said)
    assert n + m >= lost
    number = store["frames/n_contacts"][:].sum()
    assert number == 2 * (sum(len(pairs) for pairs, *_ in expected_of(sheared)) - lost)


def test_frames_without_contacts_have_no_stress(imported, sheared, tmp_path):
    text = (sheared / "contacts.dump").read_text()
    blocks = re.split(r"(?=ITEM: TIMESTEP\n)", text)[1:]
    (tmp_path / "contacts.dump").write_text("".join(blocks[4::5]))
    store, said = imported(contacts=str(tmp_path / "contacts.dump"))
    known = np.isfinite(store["frames/grain_stress"][:]).all(axis=(1, 2))
    np.testing.assert_array_equal(np.flatnonzero(known), range(4, 41, 5))
    np.testing.assert_array_equal(np.isfinite(store["series/stress"][:]), known)
    assert any(one == "contacts in 8 of 41 frames" for one in said)


def test_contacts_of_one_file_a_frame_and_of_steps_without_frames(imported, sheared, tmp_path):
    expected = imported()[0]["frames/grain_stress"][:]
    text = (sheared / "contacts.dump").read_text()
    for block in re.split(r"(?=ITEM: TIMESTEP\n)", text)[1:]:
        step = block.split("\n")[1]
        (tmp_path / f"contacts.{step}").write_text(block)
    between = (tmp_path / "contacts.50").read_text().replace("TIMESTEP\n50\n", "TIMESTEP\n57\n")
    (tmp_path / "contacts.57").write_text(between)
    store, _ = imported(contacts=str(tmp_path / "contacts.*"))
    np.testing.assert_array_equal(store["frames/grain_stress"][:], expected)


def test_a_last_frame_of_contacts_that_is_not_whole_is_left_out(imported, sheared, tmp_path):
    text = (sheared / "contacts.dump").read_text()
    (tmp_path / "contacts.dump").write_text(text[: len(text) - 1000])
    store, said = imported(contacts=str(tmp_path / "contacts.dump"))
    assert np.isfinite(store["frames/grain_stress"][:]).all(axis=(1, 2)).sum() == 40
    assert any("the last frame is not whole; its contacts are left out" in one for one in said)


@pytest.mark.parametrize(
    "every",
    [
        1,
        3,
        5,
    ],
)
def test_after_a_restart_frames_have_the_contacts_of_after_it(imported, sheared, tmp_path, every):
    """Both dumps were appended to, contacts every few frames; before the restart every force was twice as large."""
    frames, contacts = (
        re.split(r"(?=ITEM: TIMESTEP\n)", (sheared / name).read_text())[1:] for name in ("plain.dump", "contacts.dump")
    )

    def doubled(block):
        head, items, rows = re.split(r"(ITEM: ENTRIES[^\n]*\n)", block)
        rows = [row.split() for row in rows.splitlines()]
        return (
            head + items + "".join(" ".join([*row[:4], *(repr(2 * float(v)) for v in row[4:])]) + "\n" for row in rows)
        )

    expected = imported()[0]["frames/grain_stress"][:]
    (tmp_path / "frames.dump").write_text("".join(frames[:13] + frames[8:]))
    first, second = (range(0, 13, every), range(8 + -8 % every, 41, every))
    parts = [*(doubled(contacts[n]) for n in first), *(contacts[n] for n in second)]
    (tmp_path / "contacts.dump").write_text("".join(parts))
    store, said = imported(files=(str(tmp_path / "frames.dump"),), contacts=str(tmp_path / "contacts.dump"))
    stress = store["frames/grain_stress"][:]
    known = np.arange(41) % every == 0
    np.testing.assert_array_equal(np.isfinite(stress).all(axis=(1, 2)), known)
    before = known & (np.arange(41) < 8)
    np.testing.assert_allclose(stress[before], 2 * expected[before], rtol=SINGLE)
    np.testing.assert_allclose(stress[known & ~before], expected[known & ~before], rtol=SINGLE)
    assert any(one == f"contacts in {known.sum()} of 41 frames" for one in said)


def test_the_stress_between_walls_is_that_of_the_volume_between_them_now(tmp_path):
    """One column of grains squeezed between two walls of one grain each: the force over the area is the stress."""
    lines, contacts = [], []
    for step, gap in enumerate((1.0, 0.9, 0.8)):
        z = np.array([0.0, 1.0, 2.0, 3.0]) * gap
        lines += ["ITEM: TIMESTEP", step, "ITEM: NUMBER OF ATOMS", 4, "ITEM: BOX BOUNDS pp pp ff", "0 4", "0 4", "-1 5"]
        lines += ["ITEM: ATOMS id type xu yu zu radius"]
        lines += [
            f"{n + 1} {kind} {step * (n == 3)} 2 {height} 0.5"
            for n, (kind, height) in enumerate(zip((2, 1, 1, 3), z, strict=True))
        ]
        contacts += [
            "ITEM: TIMESTEP",
            step,
            "ITEM: NUMBER OF ENTRIES",
            3,
            "ITEM: BOX BOUNDS pp pp ff",
            "0 4",
            "0 4",
            "-1 5",
        ]
        contacts += ["ITEM: ENTRIES a b fx fy fz", "1 2 0 0 -32", "2 3 0 0 -32", "3 4 0 0 -32"]
    (tmp_path / "frames.dump").write_text("\n".join(map(str, lines)) + "\n")
    (tmp_path / "contacts.dump").write_text("\n".join(map(str, contacts)) + "\n")
    read_trajectory(
        Source(
            files=(str(tmp_path / "frames.dump"),),
            wall_types=(2, 3),
            contacts=str(tmp_path / "contacts.dump"),
            contact_columns={"id1": "a", "id2": "b", "fx": "fx", "fy": "fy", "fz": "fz"},
            strain_per_step=0.1,
        ),
        tmp_path / "out.zarr",
    )
    normal = zarr.open_group(tmp_path / "out.zarr", mode="r")["series/normal_stress"][:]
    # arms end in the middle of the overlaps, planes of the walls at the radius of their grains
    inner = np.array([2.0, 1.7, 1.4])
    arms = np.array([2.0, 1.8, 1.6])
    np.testing.assert_allclose(normal, 32 / 16 * arms / inner, rtol=1e-5)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"contact_columns": {"id1": "c_near[1]"}}, "source.contact_columns does not name id2"),
        ({"contact_columns": {**NAMES, "fx": "c_force[9]"}}, r"has no column c_force[9], which source.contact_columns"),
        ({"contacts": "nothing*.dump"}, "nothing*.dump names no file"),
    ],
)
def test_what_is_not_there_is_said_and_leaves_no_store(imported, tmp_path, settings, sentence):
    with pytest.raises(MicroslipError, match=re.escape(sentence)):
        imported(**settings)
    assert not (tmp_path / "out.zarr").exists()


def test_a_column_that_holds_no_ids_is_refused(imported):
    """LIGGGHTS names its columns by number alone: c_contacts[1] for c_contacts[7] is soon written."""
    with pytest.raises(MicroslipError, match=r"contacts\.dump, frame 0 .*c_force\[1\]"):
        imported(contact_columns={**NAMES, "id1": "c_force[1]"})


def test_ids_beyond_all_numbers_are_those_of_no_grain(imported, sheared, tmp_path):
    text = (sheared / "contacts.dump").read_text()
    (tmp_path / "contacts.dump").write_text(re.sub(r"(?m)^(\d+) (\d+) (7) ", r"\1 \2 1\g<3>0000000000000000000 ", text))
    _, said = imported(contacts=str(tmp_path / "contacts.dump"))
    assert any("contacts with none of its grains are left out" in one for one in said)


def test_a_grain_in_contact_with_itself_is_said(imported, sheared, tmp_path):
    text = (sheared / "contacts.dump").read_text()
    (tmp_path / "contacts.dump").write_text(re.sub(r"(?m)^1 (\d+) (\d+) ", r"1 \1 \1 ", text, count=1))
    with pytest.raises(
        MicroslipError, match=r"contacts\.dump, frame 0 \(step 0\): .*grain [0-9]+ is in contact with itself"
    ):
        imported(contacts=str(tmp_path / "contacts.dump"))


def test_a_frame_without_grains_has_no_contacts(imported, sheared, tmp_path):
    text = (sheared / "plain.dump").read_text()
    blocks = re.split(r"(?=ITEM: TIMESTEP\n)", text)[1:]
    head = blocks[2].splitlines()[:9]
    head[3] = "0"
    blocks[2] = "\n".join(head) + "\n"
    (tmp_path / "frames.dump").write_text("".join(blocks))
    store, _ = imported(files=(str(tmp_path / "frames.dump"),))
    assert (store["frames/n_contacts"][2] == 0).all()


def thin_cell(folder, depth, contacts):
    """Grains 1 and 2 side by side in a cell of that depth, grains 3 and 4 above each other; the contacts' rows."""
    frames, listed = [], []
    for step in range(3):
        head = [
            "ITEM: TIMESTEP",
            step,
            "ITEM: NUMBER OF ATOMS",
            4,
            "ITEM: BOX BOUNDS pp pp ff",
            "0 6",
            f"0 {depth}",
            "0 6",
        ]
        frames += [*head, "ITEM: ATOMS id x y z ix iy iz radius"]
        frames += ["1 1.0 0.2 1.0 0 0 0 0.5", "2 1.0 1.15 1.0 0 0 0 0.5", "3 4.0 0.5 3.0 0 0 0 0.5"]
        frames += ["4 4.0 0.5 3.95 0 0 0 0.5"]
        head[2:4] = "ITEM: NUMBER OF ENTRIES", len(contacts)
        listed += [*head, "ITEM: ENTRIES a b fx fy fz", *contacts]
    (folder / "frames.dump").write_text("\n".join(map(str, frames)) + "\n")
    (folder / "contacts.dump").write_text("\n".join(map(str, listed)) + "\n")
    names = {"id1": "a", "id2": "b", "fx": "fx", "fy": "fy", "fz": "fz"}
    files, contacts = (str(folder / name) for name in ("frames.dump", "contacts.dump"))
    said = []
    source = Source(files=(files,), contacts=contacts, contact_columns=names, strain_per_step=0.1)
    read_trajectory(source, folder / "out.zarr", say=said.append)
    return zarr.open_group(folder / "out.zarr", mode="r"), said


@pytest.mark.parametrize("turned", [1, -1])
@pytest.mark.parametrize("rows", [("1 2 0 {} 0", "2 1 0 {} 0"), ("1 2 0 {} 0", "1 2 0 -{} 0")])
def test_two_contacts_of_one_pair_through_both_sides_do_not_cancel(tmp_path, rows, turned):
    """The two push in opposite directions, as each does on its side: σ_yy = 2 F (R − δ/2)/V."""
    rows = [row.format(-0.3 * turned).replace("--", "") for row in rows]
    store, said = thin_cell(tmp_path, 1.9, [*rows, f"3 4 0 0 {-0.3 * turned}"])
    stress, number = store["frames/grain_stress"][:], store["frames/n_contacts"][:]
    one = 0.3 * 0.475 / (np.pi / 6)
    np.testing.assert_allclose(stress[:, :2, 1], 2 * one, rtol=SINGLE)
    np.testing.assert_allclose(stress[:, 2:, 2], one, rtol=SINGLE)
    assert (number == [2, 2, 1, 1]).all()
    assert any("are turned" in one for one in said) == (turned < 0)


def test_a_contact_that_is_listed_twice_is_said(tmp_path):
    with pytest.raises(MicroslipError, match=r"frame 0 \(step 0\): grains 1 and 2 are in contact 2 times, and only 1"):
        thin_cell(tmp_path, 3.0, ["1 2 0 -0.3 0", "2 1 0 0.3 0"])
    assert not (tmp_path / "out.zarr").exists()
