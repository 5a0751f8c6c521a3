"""Trajectories as other programs and hard use leave them: the right numbers, or one sentence."""

import gsd.hoomd
import numpy as np
import pandas as pd
import pytest

from microslip import Box, MicroslipError, d2min

from .importing import imported

N, LENGTHS, STEPS = 60, (6.0, 5.0, 7.0), (0, 1000, 2000, 3000, 4000, 10000)
WORDS = "xy xz yz pp pp pp"
# Of a square of a rounded motion, over distances of some diameters.
ROUNDED = 1e-9


class Sheared:
    """Grains that follow a cell as it leans, each with a small motion of its own."""

    def __init__(self, rng):
        self.tilt = 0.35 * np.arange(len(STEPS))
        self.edges = np.array([np.diag(LENGTHS)] * len(STEPS))
        self.edges[:, 2, 0] = self.tilt
        shares = rng.random((N, 3)) + np.cumsum(rng.normal(0, 1e-3, (len(STEPS), N, 3)), axis=0)
        self.unwrapped = shares @ self.edges
        self.wrapped = (shares - np.floor(shares)) @ self.edges

    def d2min(self, frame):
        box = Box(LENGTHS, (True, True, True), self.tilt[frame])
        return d2min(self.unwrapped[frame], self.unwrapped[frame + 1], box).d2min


@pytest.fixture
def sheared(rng):
    return Sheared(rng)


def dump(positions, tilts, words=WORDS, names="id type x y z", steps=STEPS, kind=lambda grain: 1, ids=range(1, N + 1)):
    """The text of every frame."""
    frames = []
    for step, position, tilt in zip(steps, positions, tilts, strict=True):
        lx, ly, lz = LENGTHS
        tilt = float(tilt)
        bounds = f"{min(0, tilt)!r} {lx + max(0, tilt)!r} 0.0\n0.0 {ly!r} {float(tilt)!r}\n0.0 {lz!r} 0.0\n"
        rows = [f"{i} {kind(i)} {x!r} {y!r} {z!r}" for i, (x, y, z) in zip(ids, position.tolist(), strict=True)]
        head = f"ITEM: TIMESTEP\n{step}\nITEM: NUMBER OF ATOMS\n{N}\nITEM: BOX BOUNDS {words}\n{bounds}"
        frames.append(head + f"ITEM: ATOMS {names}\n" + "\n".join(rows) + "\n")
    return frames


class Imported:
    def __init__(self, folder, *files, **settings):
        self.store, self.said = imported(folder, *files, **settings)
        self.position = self.store["frames/position"][:]
        self.step = self.store["frames/step"][:].tolist()
        self.resolution = self.store.attrs["position_resolution"]

    @property
    def warnings(self):
        return [sentence for sentence in self.said if sentence.startswith("warning")]

    def d2min(self, frame):
        cells = self.store["frames/cell"][:]
        box = Box(tuple(cells[frame, :3]), tuple(self.store.attrs["periodic"]), cells[frame, 3])
        order = np.argsort(self.store["grains/id"][:])
        return d2min(self.position[frame][order], self.position[frame + 1][order], box).d2min


def check(made, sheared):
    assert made.step == list(STEPS)
    np.testing.assert_allclose(made.store["frames/cell"][:], [[*LENGTHS, tilt] for tilt in sheared.tilt], atol=1e-12)
    for frame in range(len(STEPS) - 1):
        np.testing.assert_allclose(made.d2min(frame), sheared.d2min(frame), rtol=ROUNDED)


def refused(folder, sentence, *files, **settings):
    with pytest.raises(MicroslipError, match=sentence) as raised:
        Imported(folder, *files, **settings)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("words", [WORDS, "pp pp pp xy xz yz", "xy pp xz pp yz pp", "xy xz yz p p p"])
def test_the_words_of_a_tilt_may_stand_anywhere(tmp_path, sheared, words):
    path = tmp_path / "a.dump"
    path.write_text("".join(dump(sheared.wrapped, sheared.tilt, words)))
    check(Imported(tmp_path, path), sheared)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("pp pp pp", r"frame 1, line 76: a third number stands in '0\.0 5\.0 0\.35', and nothing says what it is"),
        ("", "a third number stands in"),
        ("xy pp pp pp", "names other tilts than xy xz yz"),
        ("xy xz yz abc origin pp pp pp", "names other tilts than xy xz yz, or edges besides"),
        ("xy xz yz pp pp", "says of 2 axes whether they repeat, not of 3"),
        ("xy xz yz pp pp pq", "`pq` in .* is not known"),
        ("abc origin pp pp pp", "are not the 4 numbers that are due"),
    ],
)
def test_bounds_that_nothing_explains_are_refused(tmp_path, sheared, words, sentence):
    path = tmp_path / "a.dump"
    path.write_text("".join(dump(sheared.wrapped, sheared.tilt, words)))
    refused(tmp_path, sentence, path)


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("5.0 0.0 0.35", "the upper bound of the box is below the lower"),
        ("0.0 nan 0.35", "are not the 3 numbers"),
        ("0.0 5.0", "are not the 3 numbers"),
        ("0.0 5.0 0.35 1", "are not the 3 numbers"),
        ("0.0 5.0 x", "are not the 3 numbers"),
    ],
)
def test_bounds_that_are_none_are_refused(tmp_path, sheared, line, sentence):
    path = tmp_path / "a.dump"
    path.write_text("".join(dump(sheared.wrapped, sheared.tilt)).replace("0.0 5.0 0.35\n", line + "\n"))
    refused(tmp_path, f"frame 1, line 76: .*{sentence}", path)


def general(sheared, turn, mirrored=False, name="x y z"):
    """Frames of a cell that lies askew, as LAMMPS' general triclinic boxes do."""
    frames = dump(sheared.wrapped @ turn, sheared.tilt, "abc origin pp pp pp", f"id type {name}")
    found = []
    for text, edges in zip(frames, sheared.edges @ turn, strict=True):
        edges[2] *= -1 if mirrored else 1
        lines = text.splitlines()
        lines[5:8] = [" ".join(map(repr, edge)) + " 0.0" for edge in edges.tolist()]
        found.append("\n".join(lines) + "\n")
    return found


def rotation(rng):
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    return turn * np.sign(np.linalg.det(turn))


@pytest.mark.parametrize("mirrored", [False, True])
def test_a_cell_that_lies_askew_is_turned(tmp_path, rng, sheared, mirrored):
    path = tmp_path / "a.dump"
    path.write_text("".join(general(sheared, rotation(rng), mirrored)))
    made = Imported(tmp_path, path)
    check(made, sheared)
    assert any("lies askew in the file's axes" in sentence for sentence in made.said)
    assert made.resolution < 1e-15


def test_a_lattice_askew_with_shares_of_its_edges_is_turned(tmp_path, rng, sheared):
    path = tmp_path / "a.xyz"
    turn, parts = rotation(rng), []
    for step, edges, position in zip(STEPS, sheared.edges @ turn, sheared.wrapped @ turn, strict=True):
        lattice = " ".join(map(repr, edges.ravel().tolist()))
        parts.append(f'{N}\nLattice="{lattice}" Properties=id:I:1:pos:R:3 Timestep={step}')
        parts += [f"{i + 1} {x!r} {y!r} {z!r}" for i, (x, y, z) in enumerate(position.tolist())]
    path.write_text("\n".join(parts) + "\n")
    check(Imported(tmp_path, path), sheared)


def test_a_cell_that_rotates_as_it_is_sheared_is_refused(tmp_path, rng, sheared):
    first, second = rotation(rng), rotation(rng)
    path = tmp_path / "a.dump"
    path.write_text("".join([*general(sheared, first)[:3], *general(sheared, second)[3:]]))
    refused(tmp_path, r"frame 3 .*: the box lies askew .* or the box rotates as it is sheared", path)


def test_edges_that_point_back_or_stand_in_another_order_make_the_same_cell(tmp_path, sheared):
    for name, lattice, pbc, periodic in (
        ("back", "6 0 0 0 -5 0 0 0 7", "T F T", [True, False, True]),
        ("order", "0 5 0 6 0 0 0 0 7", "F T T", [True, False, True]),
    ):
        path = tmp_path / f"{name}.xyz"
        head = f'{N}\nLattice="{lattice}" pbc="{pbc}" Properties=id:I:1:pos:R:3 Timestep='
        rows = "".join(f"{i} {x!r} {y!r} {z!r}\n" for i, (x, y, z) in enumerate(sheared.wrapped[0].tolist()))
        path.write_text("".join(f"{head}{step}\n{rows}" for step in (0, 1)))
        made = Imported(tmp_path, path, strain_per_step=1)
        assert made.store.attrs["periodic"] == periodic
        assert made.store.attrs["box"][0] == 6
        assert made.store.attrs["box"][2] == 7


def test_frames_that_repeat_otherwise_or_hold_other_columns_are_refused(tmp_path, sheared):
    frames, path = dump(sheared.wrapped, sheared.tilt), tmp_path / "a.dump"
    path.write_text("".join(frames[:3]) + "".join(frames[3:]).replace("pp pp pp", "pp pp ff"))
    refused(tmp_path, r"frame 3 .* repeats along x and y, and repeats along x and y and z in .*frame 0", path)
    for number, text in enumerate(frames):
        change = {"id type x y z": "id type xu yu zu"} if number == 4 else {}
        for old, new in change.items():
            text = text.replace(old, new)
        (tmp_path / f"d.{number}").write_text(text)
    refused(tmp_path, r"d\.4, frame 0 .*: its coordinates are xu, yu, zu, and x, y, z in", tmp_path / "d.*")
    (tmp_path / "d.4").write_text(frames[4].replace("id type", "tag type"))
    refused(tmp_path, r"d\.4, frame 0 .*: its ids are not given, and given in", tmp_path / "d.*")


def test_units_that_change_are_refused(tmp_path, sheared):
    frames = dump(sheared.wrapped, sheared.tilt)
    for number, text in enumerate(frames):
        unit = "si" if number == 3 else "lj"
        (tmp_path / f"d.{number}").write_text(f"ITEM: UNITS\n{unit}\nITEM: TIME\n0.5\n{text}")
    refused(tmp_path, r"d\.3, frame 0 .* is in units si, those before in lj", tmp_path / "d.*")
    (tmp_path / "d.3").write_text(f"ITEM: UNITS\nlj\n{frames[3]}")
    check(Imported(tmp_path, tmp_path / "d.*"), sheared)


@pytest.mark.parametrize("order", [lambda paths: sorted(paths, key=str), reversed], ids=["as a shell", "backwards"])
def test_files_given_singly_are_read_in_the_order_of_their_steps(tmp_path, sheared, order):
    frames = dump(sheared.wrapped, sheared.tilt)
    paths = [tmp_path / f"dump.{step}" for step in STEPS]
    for path, text in zip(paths, frames, strict=True):
        path.write_text(text)
    made = Imported(tmp_path, *order(paths))
    check(made, sheared)
    assert made.warnings == []


def test_steps_within_the_files_rule_whatever_the_names_say(tmp_path, sheared):
    for name, text in zip("fbdaec", dump(sheared.wrapped, sheared.tilt), strict=True):
        (tmp_path / f"{name}.dump").write_text(text)
    made = Imported(tmp_path, *(tmp_path / f"{name}.dump" for name in "abcdef"))
    check(made, sheared)
    assert any("in the order of the steps in them" in sentence for sentence in made.said)


def test_frames_out_of_order_within_one_file_are_no_restart(tmp_path, sheared):
    frames, path = dump(sheared.wrapped, sheared.tilt), tmp_path / "a.dump"
    path.write_text("".join(frames[k] for k in (0, 1, 5, 2, 3, 4)))
    refused(tmp_path, r"step 2000 follows later steps to 10000, and no step stands twice", path)
    path.write_text("".join(frames[k] for k in (0, 1, 2, 3, 2, 3, 4, 5)))
    made = Imported(tmp_path, path)
    check(made, sheared)
    assert any("as after a restart: the 2 frames from it on are replaced" in sentence for sentence in made.warnings)


def test_a_run_begun_again_in_a_folder_of_its_own_replaces_what_followed(tmp_path, sheared):
    spoilt = dump(sheared.wrapped + 0.3, sheared.tilt)
    for folder, frames, some in (
        ("one", spoilt, (0, 1, 2, 3)),
        ("two", dump(sheared.wrapped, sheared.tilt), (2, 3, 4, 5)),
    ):
        (tmp_path / folder).mkdir()
        for k in some:
            (tmp_path / folder / f"dump.{STEPS[k]}").write_text(frames[k])
    paths = sorted(tmp_path.glob("*/dump.*"), key=str)
    made = Imported(tmp_path, *paths)
    assert made.step == list(STEPS)
    np.testing.assert_allclose(made.d2min(3), sheared.d2min(3), rtol=ROUNDED)
    assert any(
        "begins again at step 2000, as after a restart: 2 files from it on are left out" in sentence
        for sentence in made.warnings
    )


def contact(step, force):
    return f"ITEM: TIMESTEP\n{step}\nITEM: NUMBER OF ENTRIES\n1\nITEM: ENTRIES a b fx fy fz\n1 2 {force} 0 0\n"


def test_contacts_of_a_run_begun_again_go_with_its_frames(tmp_path, sheared):
    frames = dump(sheared.wrapped, sheared.tilt)
    for folder, some in (("run1", (0, 1, 2, 3)), ("run2", (2, 3, 4, 5)), ("sound", range(6))):
        (tmp_path / folder).mkdir()
        for k in some:
            again = folder == "run2" or (folder == "sound" and k > 1)
            (tmp_path / folder / f"dump.{STEPS[k]}").write_text(frames[k])
            (tmp_path / folder / f"contacts.{STEPS[k]}").write_text(contact(STEPS[k], 2.0 if again else 1.0))
    columns = {"id1": "a", "id2": "b", "fx": "fx", "fy": "fy", "fz": "fz"}
    stress = []
    for folder in ("run[12]", "sound"):
        contacts = str(tmp_path / folder / "contacts.*")
        made = Imported(tmp_path, tmp_path / folder / "dump.*", contacts=contacts, contact_columns=columns)
        stress.append(made.store["frames/grain_stress"][:])
    np.testing.assert_array_equal(stress[0], stress[1])
    assert np.isfinite(stress[1]).all()


def test_which_pattern_fits_how_many_files_is_said(tmp_path, sheared):
    frames = dump(sheared.wrapped, sheared.tilt)
    (tmp_path / "a").write_text(frames[0])
    refused(
        tmp_path,
        r"one frame is no run, two or more are needed: .*a fits 1 file, .*/\[a\] fits 1 file; 1 files are named twice",
        *(tmp_path / "a", tmp_path / "[a]"),
    )


def test_a_complete_last_frame_needs_no_newline(tmp_path, sheared):
    text, path = "".join(dump(sheared.wrapped, sheared.tilt)), tmp_path / "a.dump"
    path.write_text(text[:-1])
    made = Imported(tmp_path, path)
    check(made, sheared)
    assert any("ends without a newline" in sentence for sentence in made.warnings)
    # a number that is cut, a row that is cut
    for n in (6, 25):
        path.write_text(text[:-n])
        made = Imported(tmp_path, path)
        assert made.step == list(STEPS[:-1])
        assert any("the last frame is not whole" in sentence for sentence in made.warnings)


def test_a_single_frame_blames_no_setting_that_was_not_given(tmp_path, sheared):
    text, path = dump(sheared.wrapped, sheared.tilt)[0], tmp_path / "a.dump"
    path.write_text(text[:-1])
    refused(tmp_path, "^one frame is no run, two or more are needed: .*a.dump fits 1 file; .*newline[^;]*$", path)
    path.write_text(text[:-30])
    refused(tmp_path, "^no whole frame: .*a.dump fits 1 file; .*the last frame is not whole", path)
    refused(tmp_path, "no whole frame: .*; source.first_step = 7", path, first_step=7)


@pytest.mark.parametrize("columns", [{}, {"id": "label"}])
def test_ids_beyond_those_that_a_double_tells_apart_stay_apart(tmp_path, sheared, columns):
    name = columns.get("id", "id")
    ids = range(2**53, 2**53 + N)
    path = tmp_path / "a.dump"
    path.write_text("".join(dump(sheared.wrapped, sheared.tilt, names=f"{name} type x y z", ids=ids)))
    made = Imported(tmp_path, path, columns=columns)
    check(made, sheared)
    assert made.store["grains/id"][:].tolist() == list(ids)


def test_types_in_words_matter_only_where_types_do(tmp_path, sheared):
    path = tmp_path / "a.dump"
    path.write_text("".join(dump(sheared.wrapped, sheared.tilt, kind=lambda grain: "AB"[grain % 2])))
    check(Imported(tmp_path, path), sheared)
    refused(tmp_path, "line 10: type is 'B', not a whole number", path, wall_types=(2,))
    table = pd.DataFrame(sheared.unwrapped[0], columns=list("xyz")).assign(id=range(N), type="sand", ix="?")
    pd.concat([table.assign(frame=k) for k in (0, 1)]).to_csv(tmp_path / "t.csv", index=False)
    assert Imported(tmp_path, tmp_path / "t.csv", strain_per_step=1, follow=True).step == [0, 1]
    refused(tmp_path, "type is 'sand'", tmp_path / "t.csv", strain_per_step=1, follow=True, wall_types=(2,))


def lattice_start(rng, dtype=float):
    """Positions that begin on a lattice of short decimals."""
    places = 0.3 + 1.1 * np.stack(np.meshgrid(*[np.arange(4)] * 3, indexing="ij"), -1).reshape(-1, 3)[:N]
    moved = np.cumsum(rng.normal(0, 0.01, (len(STEPS), N, 3)), axis=0)
    moved[0] = 0
    return (np.round(places, 1) + moved).astype(dtype)


def test_a_run_that_begins_on_a_lattice_is_as_precise_as_its_other_frames(tmp_path, rng, sheared):
    path = tmp_path / "a.dump"
    path.write_text("".join(dump(lattice_start(rng), sheared.tilt, names="id type xu yu zu")))
    made = Imported(tmp_path, path)
    assert made.resolution < 1e-15
    assert made.warnings == []


def test_coarse_frames_after_a_fine_first_one_make_a_coarse_run(tmp_path, rng, sheared):
    positions = lattice_start(rng) + 0.01 * rng.random((N, 3))
    positions[1:] = np.round(positions[1:], 3)
    path = tmp_path / "a.dump"
    path.write_text("".join(dump(positions, sheared.tilt, names="id type xu yu zu")))
    assert Imported(tmp_path, path).resolution == pytest.approx(1e-3, rel=0.01)
    path.write_text("".join(dump(positions[:2], sheared.tilt[:2], names="id type xu yu zu", steps=STEPS[:2])))
    assert Imported(tmp_path, path).resolution == pytest.approx(1e-3, rel=0.01)


@pytest.mark.parametrize("precision", ["single", "double"])
def test_a_binary_file_is_as_precise_as_its_type(tmp_path, rng, precision):
    positions = lattice_start(rng, np.float32 if precision == "single" else float)
    with gsd.hoomd.open(tmp_path / "a.gsd", "w", precision=precision) as file:
        for step, position in zip(STEPS, positions, strict=True):
            frame = gsd.hoomd.Frame()
            frame.configuration.step, frame.configuration.box = step, [12, 12, 12, 0, 0, 0]
            frame.particles.N, frame.particles.position = N, position
            file.append(frame)
    expected = np.sqrt(np.mean(np.spacing(positions[-1]).astype(float) ** 2))
    made = Imported(tmp_path, tmp_path / "a.gsd", strain_per_step=1)
    assert made.resolution == pytest.approx(expected, rel=0.1)


@pytest.mark.parametrize("steps", [True, False])
def test_extended_xyz_with_a_lattice_repeats_unless_it_says_otherwise(tmp_path, sheared, steps):
    parts, parts_told = [], []
    for step, position in zip(STEPS, sheared.wrapped, strict=True):
        head = f'{N}\nLattice="6 0 0 0 5 0 0 0 7" PBC Properties=id:I:1:pos:R:3' + (
            f" Timestep={step}" if steps else ""
        )
        rows = "".join(f"{i} {x!r} {y!r} {z!r}\n" for i, (x, y, z) in enumerate(position.tolist()))
        parts.append(head.replace("PBC ", "") + "\n" + rows)
        parts_told.append(head.replace("PBC", 'pbc="T T T"') + "\n" + rows)
    for name, text in (("silent", parts), ("told", parts_told)):
        (tmp_path / f"{name}.xyz").write_text("".join(text))
    silent, told = (Imported(tmp_path, tmp_path / f"{name}.xyz", strain_per_step=1) for name in ("silent", "told"))
    assert silent.store.attrs["periodic"] == [True, True, True]
    np.testing.assert_array_equal(silent.position, told.position)
    assert np.abs(np.diff(silent.position, axis=0)).max() < 1
    # one frame a file: without steps they count in the order of the numbers in the names
    for number, text in zip((0, 1, 2, 10, 11, 20), parts, strict=True):
        (tmp_path / f"one.{number}.xyz").write_text(text)
    singly = Imported(tmp_path, *sorted(tmp_path.glob("one.*.xyz"), key=str), strain_per_step=1)
    assert singly.step == (list(STEPS) if steps else list(range(6)))
    np.testing.assert_array_equal(singly.position, silent.position)


def test_motion_near_half_a_period_is_told_of(tmp_path, sheared):
    """Walls that move far between frames: which way they went round the cell, the frames do not tell."""
    moved = sheared.wrapped[0] + np.array([2.9, 0, 0]) * np.arange(len(STEPS))[:, None, None]
    path = tmp_path / "a.dump"
    path.write_text("".join(dump(moved % LENGTHS, np.zeros(len(STEPS)))))
    with pytest.raises(MicroslipError, match="seem to move against the cell by more than"):
        Imported(tmp_path, path, strain_per_step=1)
    path.write_text("".join(dump(moved, np.zeros(len(STEPS)), names="id type xu yu zu")))
    assert Imported(tmp_path, path, strain_per_step=1).warnings == []


@pytest.mark.parametrize(("per_frame", "told"), [(0.5, False), (2.0, False), (4.5, True), (9.0, None), (12.0, None)])
def test_a_wall_that_moves_far_between_frames_is_told_of(tmp_path, rng, per_frame, told):
    """Where a wall goes round the cell unseen, some grain between it and the wall at rest moves by half a period."""
    position = rng.random((N, 3)) * np.array([*LENGTHS[:2], 7.0])
    position[:, 0] *= 10 / LENGTHS[0]
    position[:, 2] = np.linspace(0, 7, N)
    kind = np.where(position[:, 2] < 1, 2, np.where(position[:, 2] > 6, 3, 1))
    frames = []
    for step in range(4):
        share = np.where(kind == 1, position[:, 2] / 7, kind == 3)
        moved = position + step * per_frame * share[:, None] * np.array([1, 0, 0])
        rows = [
            f"{i} {t} {x % 10!r} {y!r} {z!r}" for i, (t, (x, y, z)) in enumerate(zip(kind, moved.tolist(), strict=True))
        ]
        head = f"ITEM: TIMESTEP\n{step}\nITEM: NUMBER OF ATOMS\n{N}\nITEM: BOX BOUNDS pp pp ff\n0 10\n0 5\n0 7\n"
        frames.append(head + "ITEM: ATOMS id type x y z\n" + "\n".join(rows) + "\n")
    (tmp_path / "a.dump").write_text("".join(frames))
    if told is None:
        with pytest.raises(MicroslipError, match="grains seem to outrun both walls"):
            Imported(tmp_path, tmp_path / "a.dump", wall_types=(2, 3))
        return
    made = Imported(tmp_path, tmp_path / "a.dump", wall_types=(2, 3))
    assert any("a motion beyond half a period is taken for another one" in one for one in made.warnings) == told
