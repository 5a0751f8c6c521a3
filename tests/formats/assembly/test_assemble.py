"""Frames of real and of made-up dumps → one store: grains by id, followed across faces, in our axes and units."""

import itertools
import re

import numpy as np
import pytest

from microslip import Box, MicroslipError, d2min
from microslip.formats.assembly import buffer
from microslip.formats.readers.lammps import read_lammps

from ..importing import imported

# Coordinates of 17 digits, after a few additions of edges.
ROUNDING = 1e-11


class Imported:
    """What read_trajectory made of some files, and what it said."""

    def __init__(self, folder, **settings):
        self.store, self.said = imported(folder, *settings.pop("files"), **settings)

    def __getitem__(self, name):
        return self.store[name][:]

    def by_id(self):
        """Positions with grains in the order of their ids."""
        return self["frames/position"][:, np.argsort(self["grains/id"])]

    def heard(self, pattern):
        return any(re.search(pattern, sentence) for sentence in self.said)


def edges_of(cells):
    """Edge vectors of every frame, shape (frame, edge, axis)."""
    edges = np.zeros((len(cells), 3, 3))
    edges[:, [0, 1, 2], [0, 1, 2]] = cells[:, :3]
    edges[:, 2, 0] = cells[:, 3]
    return edges


def box_of(cell):
    return Box(tuple(cell[:3]), (True, True, True), cell[3])


def write(path, frames, columns="id type x y z", flags="pp pp ff", bounds=((0, 10),) * 3):
    """A dump of frames of (step, rows)."""
    parts = []
    for step, rows in frames:
        head = ["ITEM: TIMESTEP", step, "ITEM: NUMBER OF ATOMS", len(rows), f"ITEM: BOX BOUNDS {flags}"]
        head += [f"{low!r} {high!r}" for low, high in bounds]
        names = columns.split()
        words = [
            " ".join(
                str(int(v)) if name in ("id", "type") else repr(float(v)) for name, v in zip(names, row, strict=True)
            )
            for row in rows
        ]
        parts += [*map(str, head), f"ITEM: ATOMS {columns}", *words]
    path.write_text("\n".join(parts) + "\n")
    return str(path)


@pytest.fixture
def start(rng):
    """Sixty grains in a box of edge 10, of type 2 below, 3 above, 1 between."""
    position = rng.random((60, 3)) * 10
    kind = np.where(position[:, 2] < 1.5, 2, np.where(position[:, 2] > 8.5, 3, 1))
    return position, kind


def rows(start, strain=0.0, wrapped=True):
    position, kind = start
    moved = position + strain * position[:, 2:] * np.array([1.0, 0, 0])
    return np.column_stack([np.arange(1, 61), kind, moved % 10 if wrapped else moved])


def test_positions_are_those_of_the_file_and_cells_lean_on_and_on(sheared, tmp_path):
    made = Imported(tmp_path, files=(str(sheared / "few.dump"),), last_step=50)
    frame = next(read_lammps(sheared / "few.dump"))
    n = frame.n_grains
    np.testing.assert_array_equal(made["grains/id"][:n], frame.columns["id"])
    for axis, name in enumerate(("xu", "yu", "zu")):
        np.testing.assert_array_equal(made["frames/position"][0, :n, axis], frame.columns[name])
    made = Imported(tmp_path, files=(str(sheared / "plain.dump"),))
    cells, strain = made["frames/cell"], made["frames/strain"]
    assert (np.diff(cells[:, 3]) > 0).all()
    np.testing.assert_allclose(cells[:, 3] / cells[:, 2], np.linspace(0, 1, 41), atol=1e-12)
    np.testing.assert_allclose(strain, np.linspace(0, 1, 41), atol=1e-12)
    np.testing.assert_array_equal(made["frames/step"], range(0, 2001, 50))
    assert made.store.attrs["periodic"] == [True, True, True]
    assert made.heard("by the tilt of the cell")


def test_grains_are_followed_across_leaning_faces_as_their_images_say(sheared, tmp_path):
    """Without images a grain may begin as another copy; it then stays that copy, which moves with its cell."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    plain = Imported(tmp_path / "a", files=(str(sheared / "plain.dump"),))
    whole = Imported(tmp_path / "b", files=(str(sheared / "whole.dump"),))
    np.testing.assert_array_equal(plain["frames/cell"], whole["frames/cell"])
    turns = np.einsum("fga,fab->fgb", plain.by_id() - whole.by_id(), np.linalg.inv(edges_of(plain["frames/cell"])))
    np.testing.assert_allclose(turns, turns.round(), atol=ROUNDING)
    np.testing.assert_array_equal(turns.round(), np.broadcast_to(turns[0].round(), turns.shape))
    # faces were crossed, or nothing would be shown
    crossed = np.abs(whole.by_id()[-1] - whole.by_id()[0]).max(axis=0)
    assert (crossed > 5).any()
    cells = plain["frames/cell"]
    for first, last in ((0, 1), (3, 8), (22, 29)):
        before, after = (Box(tuple(cells[n, :3]), (True,) * 3, cells[n, 3]) for n in (first, last))
        one, other = (
            d2min(p[first], p[last], before, 2.0, end_box=after).d2min for p in (plain.by_id(), whole.by_id())
        )
        np.testing.assert_allclose(one, other, rtol=1e-8)


def test_every_kind_of_coordinates_makes_the_same_store(sheared, tmp_path):
    text = (sheared / "whole.dump").read_text()
    names = "id type x y z ix iy iz xs ys zs xu yu zu xsu ysu zsu"
    made = {}
    for kept in ("x y z ix iy iz", "xs ys zs ix iy iz", "xu yu zu", "xsu ysu zsu"):
        hidden = " ".join(name if name in ("id", "type", *kept.split()) else f"no{name}" for name in names.split())
        path = tmp_path / "one.dump"
        path.write_text(text.replace(names, hidden))
        made[kept] = Imported(tmp_path, files=(str(path),)).by_id()
    for found in made.values():
        np.testing.assert_allclose(found, made["xu yu zu"], atol=ROUNDING)


def test_the_order_of_the_grains_does_not_matter(sheared, tmp_path):
    unsorted = Imported(tmp_path, files=(str(sheared / "aligned.dump"),)).by_id()
    text = (sheared / "whole.dump").read_text().replace(" xu yu zu", " a b c").replace(" xsu ysu zsu", " d e f")
    (tmp_path / "whole.dump").write_text(text)
    np.testing.assert_array_equal(unsorted, Imported(tmp_path, files=(str(tmp_path / "whole.dump"),)).by_id())


def turned(text, axes, factor=1.0):
    """A dump with its axes renamed and its lengths scaled; edges as they are, since LAMMPS' own rules forbid them."""
    place = ["xyz".index(axis) for axis in axes]
    lines, at = text.splitlines(), 0
    found = []
    while at < len(lines):
        n = int(lines[at + 3])
        bounds = np.array([[float(word) for word in line.split()] for line in lines[at + 5 : at + 8]])
        xz = bounds[1, 2]
        ours = np.diag([bounds[0, 1] - bounds[0, 0] - abs(xz), bounds[1, 1], bounds[2, 1]])
        ours[2, 0] = xz
        edges = np.zeros((3, 3))
        edges[np.ix_(place, place)] = ours * factor
        found += [*lines[at : at + 4], "ITEM: BOX BOUNDS abc origin pp pp pp"]
        found += [" ".join(map(repr, [*edge.tolist(), 0.0])) for edge in edges]
        found.append("ITEM: ATOMS id type " + " ".join(axes))
        for line in lines[at + 9 : at + 9 + n]:
            words = line.split()
            found.append(" ".join([*words[:2], *(repr(float(word) * factor) for word in words[2:])]))
        at += 9 + n
    return "\n".join(found) + "\n"


@pytest.fixture(scope="module")
def few_frames(sheared):
    text = (sheared / "plain.dump").read_text()
    return text[: text.index("ITEM: TIMESTEP\n600\n")]


@pytest.mark.parametrize("axes", list(itertools.permutations("xyz")))
def test_a_run_written_in_other_axes_makes_the_same_store(few_frames, tmp_path, axes):
    (tmp_path / "plain.dump").write_text(few_frames)
    (tmp_path / "turned.dump").write_text(turned(few_frames, axes))
    expected = Imported(tmp_path, files=(str(tmp_path / "plain.dump"),))
    cells, positions, strain = expected["frames/cell"], expected["frames/position"], expected["frames/strain"]
    found = Imported(tmp_path, files=(str(tmp_path / "turned.dump"),), flow=axes[0], gradient=axes[2])
    # bounds of a leaning box are subtracted to give its edges
    np.testing.assert_allclose(found["frames/cell"], cells, rtol=1e-14, atol=1e-14)
    np.testing.assert_allclose(found["frames/position"], positions, rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(found["frames/strain"], strain, rtol=1e-13, atol=1e-15)


def test_images_that_a_deck_left_wrong_may_be_passed_over(sheared, tmp_path):
    """As where change_box flips a tilted box and no one corrects the images."""
    text = (sheared / "aligned.dump").read_text()
    wrong, n = re.subn(r"( +-?\d+){3}\n(?=ITEM|\Z| )", "    7    7    7\n", text)
    assert n == 41 * 320
    (tmp_path / "wrong.dump").write_text(wrong)
    expected = Imported(tmp_path, files=(str(sheared / "plain.dump"),)).by_id()
    found = Imported(tmp_path, files=(str(tmp_path / "wrong.dump"),), follow=True).by_id()
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("factor", [1e-3, 1e9])
def test_units_do_not_matter(few_frames, tmp_path, factor):
    (tmp_path / "plain.dump").write_text(turned(few_frames, "xyz"))
    (tmp_path / "scaled.dump").write_text(turned(few_frames, "xyz", factor))
    expected = Imported(tmp_path, files=(str(tmp_path / "plain.dump"),), length=0.9)
    cells, positions, strain = expected["frames/cell"], expected["frames/position"], expected["frames/strain"]
    resolution = expected.store.attrs["position_resolution"]
    found = Imported(tmp_path, files=(str(tmp_path / "scaled.dump"),), length=0.9 * factor)
    np.testing.assert_allclose(found["frames/cell"], cells, rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(found["frames/position"], positions, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(found["frames/strain"], strain, rtol=1e-12, atol=1e-15)
    assert found.store.attrs["position_resolution"] == pytest.approx(resolution, rel=1)


def test_digits_that_a_file_keeps_are_known(sheared, tmp_path):
    exact = Imported(tmp_path, files=(str(sheared / "plain.dump"),)).store.attrs["position_resolution"]
    coarse = Imported(tmp_path, files=(str(sheared / "coarse.dump"),))
    assert exact < 1e-15
    # six significant digits of coordinates between 1 and 10
    assert 3e-6 < coarse.store.attrs["position_resolution"] < 3e-5
    scaled = Imported(tmp_path, files=(str(sheared / "atom.dump"),))
    assert 1e-6 < scaled.store.attrs["position_resolution"] < 3e-5


def test_how_frames_are_buffered_does_not_matter(sheared, tmp_path, monkeypatch):
    source = {"files": (str(sheared / "few.dump"),), "strain_per_step": 1e-3, "last_step": 600}
    expected = Imported(tmp_path, **source)["frames/position"]
    for size in (1, 20_000, 2**30):
        monkeypatch.setattr(buffer, "BUFFER_BYTES", size)
        found = Imported(tmp_path, **source)
        np.testing.assert_array_equal(found["frames/position"], expected)
        np.testing.assert_array_equal(found["frames/sample"], range(13))


def test_grains_that_come_and_go_are_nan_where_they_are_not(sheared, tmp_path):
    made = Imported(tmp_path, files=(str(sheared / "few.dump"),), strain_per_step=1e-3)
    position, ids = made["frames/position"], made["grains/id"]
    assert len(ids) == len(set(ids))
    row = {number: n for n, number in enumerate(ids.tolist())}
    frames = list(read_lammps(sheared / "few.dump"))
    seen = []
    for n, frame in enumerate(frames):
        there = [row[number] for number in frame.columns["id"].tolist()]
        np.testing.assert_array_equal(position[n, there, 0], frame.columns["xu"])
        gone = np.setdiff1d(range(len(ids)), there)
        assert np.isnan(position[n, gone]).all()
        seen += [number for number in frame.columns["id"].tolist() if number not in seen]
    # in the order of their first appearance
    assert ids.tolist() == seen
    assert len(made["grains/diameter"]) == len(made["grains/kind"]) == len(ids)


def test_missing_positions_are_counted(sheared, tmp_path):
    made = Imported(tmp_path, files=(str(sheared / "few.dump"),), strain_per_step=1e-3)
    missing = np.isnan(made["frames/position"][..., 0]).sum()
    assert made.heard(f"^{missing} positions are missing")


def test_frames_met_again_after_a_restart_replace_those_before(sheared, tmp_path):
    text = (sheared / "plain.dump").read_text()
    first = text[: text.index("ITEM: TIMESTEP\n1050\n")]
    again = text[text.index("ITEM: TIMESTEP\n500\n") :]
    # the grains of the first part that are met again stand elsewhere, by a little
    spoilt = re.sub(r"(\n\d+ \d \d\.)\d", r"\g<1>5", first[first.index("ITEM: TIMESTEP\n500\n") :])
    (tmp_path / "appended.dump").write_text(first[: first.index("ITEM: TIMESTEP\n500\n")] + spoilt + again)
    expected = Imported(tmp_path, files=(str(sheared / "plain.dump"),))
    position, cells = expected["frames/position"], expected["frames/cell"]
    found = Imported(tmp_path, files=(str(tmp_path / "appended.dump"),))
    np.testing.assert_array_equal(found["frames/step"], range(0, 2001, 50))
    np.testing.assert_array_equal(found["frames/cell"], cells)
    np.testing.assert_allclose(found["frames/position"], position, atol=ROUNDING)
    assert found.heard(r"step 500 follows step 1000, as after a restart: the 11 frames from it on are replaced")


def test_only_the_second_of_two_frames_of_one_step_counts(start, tmp_path):
    path = write(
        tmp_path / "a.dump", [(0, rows(start)), (5, rows(start, 0.4)), (5, rows(start, 0.1)), (9, rows(start, 0.2))]
    )
    made = Imported(tmp_path, files=(path,), strain_per_step=1)
    assert made["frames/step"].tolist() == [0, 5, 9]
    moved = made["frames/position"][1] - made["frames/position"][0]
    np.testing.assert_allclose(moved[:, 0], 0.1 * start[0][:, 2], atol=1e-12)


def test_a_restart_from_far_back_moves_no_grain_by_whole_periods(start, tmp_path):
    """A run dies at a strain of 2, half a cell and more later than the frame that it begins again from."""
    steps = [*range(0, 2001, 50), *range(100, 2001, 50)]
    path = write(tmp_path / "a.dump", [(step, rows(start, step * 1e-3)) for step in steps])
    made = Imported(tmp_path, files=(path,), strain_per_step=1e-3)
    assert np.abs(np.diff(made["frames/position"], axis=0)).max() < 0.6


def test_what_replaced_frames_lacked_is_not_missing(start, tmp_path):
    frames = [(0, rows(start)), (10, rows(start)[5:]), (20, rows(start)[5:]), (10, rows(start)), (20, rows(start))]
    made = Imported(tmp_path, files=(write(tmp_path / "a.dump", frames),), strain_per_step=1)
    assert not np.isnan(made["frames/position"]).any()
    assert not made.heard("positions are missing")


def test_a_store_written_in_pieces_is_cut_like_one_in_memory(start, tmp_path, monkeypatch):
    monkeypatch.setattr(buffer, "BUFFER_BYTES", 1)
    monkeypatch.setattr("microslip.data.trajectory.FRAME_CHUNK_BYTES", 1)
    steps = [*range(0, 100, 10), *range(40, 120, 10)]
    frames = [(step, rows(start, step * 1e-3 + (0.5 if n < 10 and step >= 40 else 0))) for n, step in enumerate(steps)]
    made = Imported(tmp_path, files=(write(tmp_path / "a.dump", frames),), strain_per_step=1e-3)
    assert made["frames/step"].tolist() == list(range(0, 120, 10))
    moved = made["frames/position"] - made["frames/position"][0]
    expected = 1e-3 * made["frames/step"][:, None] * start[0][:, 2]
    apart = (moved[..., 0] - expected) / 10
    np.testing.assert_allclose(apart, apart.round(), atol=1e-12)


def test_steps_outside_those_asked_for_are_left_out(sheared, tmp_path):
    made = Imported(tmp_path, files=(str(sheared / "plain.dump"),), first_step=120, last_step=700)
    assert made["frames/step"].tolist() == list(range(150, 701, 50))
    np.testing.assert_allclose(made["frames/strain"], np.arange(0, 0.2751, 0.025), atol=1e-12)
    for settings in ({"first_step": 3000}, {"last_step": -1}, {"first_step": 51, "last_step": 99}):
        with pytest.raises(MicroslipError, match="no whole frame"):
            Imported(tmp_path, files=(str(sheared / "plain.dump"),), **settings)


def test_strain_comes_from_the_walls_whichever_of_them_moves(start, tmp_path):
    position, kind = start
    low = position[kind == 2, 2].mean() + 0.5
    high = position[kind == 3, 2].mean() - 0.5
    for rate in (1.0, -1.0):
        frames = [(step, rows(start, 0.0)) for step in range(8)]
        for step, one in frames:
            one[kind == 2, 2] = (one[kind == 2, 2] + rate * 1.7 * step) % 10
        made = Imported(tmp_path, files=(write(tmp_path / "a.dump", frames),), wall_types=(2, 3))
        np.testing.assert_allclose(made["frames/strain"], 1.7 * np.arange(8) / (high - low), rtol=1e-9)
        assert made.heard("by the motion of the walls") == 1
        np.testing.assert_array_equal(made["grains/kind"], np.where(kind == 1, 0, kind - 1))
        assert made.store.attrs["box"][2] == pytest.approx(high - low)


def test_grains_of_walls_that_are_not_seen_leave_no_warning_of_numpy(start, tmp_path):
    """At present a wall that is not there at all ends in numpy's warning of an empty mean."""
    one = rows(start, 0.01)
    frames = [(0, rows(start)), (1, one[start[1] != 3]), (2, rows(start, 0.02))]
    made = Imported(tmp_path, files=(write(tmp_path / "a.dump", frames),), wall_types=(2,), strain_per_step=0.01)
    assert np.isnan(made["frames/position"][1, start[1] == 3]).all()


def test_a_wall_that_is_not_there_for_a_while_is_no_warning_of_numpy(start, tmp_path):
    one = rows(start, 0.01)
    frames = [(0, rows(start)), (1, one[start[1] != 3]), (2, rows(start, 0.02))]
    Imported(tmp_path, files=(write(tmp_path / "a.dump", frames),), wall_types=(2, 3), strain_per_step=0.01)


def test_grains_of_a_wall_that_come_and_go_do_not_shear_the_cell(start, tmp_path):
    _, kind = start
    frames = []
    for step in range(6):
        one = rows(start)
        one[kind == 3, 2] = (one[kind == 3, 2] + 0.01 * step) % 10
        lost = np.flatnonzero(kind == 3)[: 3 * (step % 2)]
        frames.append((step, np.delete(one, lost, axis=0)))
    made = Imported(tmp_path, files=(write(tmp_path / "a.dump", frames),), wall_types=(2, 3))
    height = made.store.attrs["box"][2]
    np.testing.assert_allclose(made["frames/strain"], 0.01 * np.arange(6) / height, atol=1e-9)


def test_a_cell_that_leans_with_a_strain_told_elsewhere_is_that_of_its_tilt(sheared, tmp_path):
    """As YADE and tracked grains have it: no cell in the file, its edges and the shear rate in the settings."""
    text = (sheared / "plain.dump").read_text()
    bare = re.sub(r"ITEM: BOX BOUNDS.*\n.*\n.*\n.*\n", "", text)
    (tmp_path / "bare.dump").write_text(bare)
    expected = Imported(tmp_path, files=(str(sheared / "plain.dump"),))
    cells, position = expected["frames/cell"], expected["frames/position"]
    found = Imported(
        tmp_path,
        files=(str(tmp_path / "bare.dump"),),
        sheared=True,
        box=tuple(cells[0, :3]),
        periodic=(True, True, True),
        strain_per_step=0.0005,
    )
    np.testing.assert_allclose(found["frames/cell"], cells, atol=1e-12)
    np.testing.assert_allclose(found["frames/position"], position, atol=ROUNDING)


def test_a_cell_that_leans_the_other_way_is_followed_that_way(sheared, tmp_path):
    """The mirror image of the run: the strain falls, and the copies above lie on the other side."""
    text = re.sub(r"ITEM: BOX BOUNDS.*\n.*\n.*\n.*\n", "", (sheared / "plain.dump").read_text())
    mirrored = re.sub(r"(?m)^(\d+ \d) (\S+) ", lambda row: f"{row[1]} {-float(row[2])!r} ", text)
    (tmp_path / "mirrored.dump").write_text(mirrored)
    rows = "".join(f"{step} {-0.0005 * step!r}\n" for step in range(0, 2001, 50))
    (tmp_path / "strain.txt").write_text("step strain\n" + rows)
    expected = Imported(tmp_path, files=(str(sheared / "plain.dump"),))
    cells, position = expected["frames/cell"], expected.by_id()
    found = Imported(
        tmp_path,
        files=(str(tmp_path / "mirrored.dump"),),
        sheared=True,
        box=tuple(cells[0, :3]),
        periodic=(True, True, True),
        series=str(tmp_path / "strain.txt"),
        strain_column="strain",
    )
    assert (np.diff(found["frames/strain"]) > 0).all()
    for first, last in ((0, 1), (22, 29)):
        one, other = (
            d2min(places[first], places[last], box_of(cell[first]), 2.0, end_box=box_of(cell[last])).d2min
            for places, cell in ((position, cells), (found.by_id(), found["frames/cell"]))
        )
        np.testing.assert_allclose(other, one, rtol=1e-7)


def test_a_cell_told_elsewhere_stands_upright_at_the_first_frame_that_counts(start, tmp_path):
    path = write(tmp_path / "a.dump", [(step, rows(start)) for step in range(0, 1000, 100)])
    text = re.sub(r"ITEM: BOX BOUNDS.*\n.*\n.*\n.*\n", "", (tmp_path / "a.dump").read_text())
    (tmp_path / "a.dump").write_text(text)
    made = Imported(
        tmp_path,
        files=(path,),
        sheared=True,
        box=(10, 10, 10),
        periodic=(True, True, True),
        strain_per_step=1e-3,
        first_step=500,
    )
    np.testing.assert_allclose(made["frames/cell"][:, 3], 10 * np.arange(0, 0.41, 0.1), atol=1e-12)


def test_coordinates_that_the_settings_name_go_before_those_of_the_file(start, tmp_path):
    measured = np.column_stack([rows(start), 2 * start[0]])
    path = write(tmp_path / "a.dump", [(0, measured), (1, measured)], "id type xu yu zu px py pz")
    made = Imported(tmp_path, files=(path,), columns={"x": "px", "y": "py", "z": "pz"}, strain_per_step=1)
    np.testing.assert_allclose(np.ptp(made["frames/position"][0], axis=0), 2 * np.ptp(start[0], axis=0))


def replaced(start, row, column, value):
    found = rows(start, 0.01)
    found[row, column] = value
    return found


REFUSED = {
    "an id twice": (lambda s: replaced(s, 4, 0, 3), {}, r"frame 1 \(step 1\) holds grain 3 2 times"),
    "no number": (
        lambda s: replaced(s, 4, 3, np.nan),
        {},
        r"frame 1 \(step 1\), line 83: the position of grain 5 is .*nan",
    ),
    "endless": (lambda s: replaced(s, 4, 3, np.inf), {}, r"line 83: the position of grain 5 is .*inf.*last_step=0"),
    "no strain": (lambda s: rows(s), {"strain_per_step": None}, "nothing says how far the cell is sheared"),
    "no wall": (lambda s: rows(s), {"wall_types": (7,)}, r"holds no grain of source\.wall_types"),
    "types without a diameter": (lambda s: rows(s), {"diameters": {"1": 1, "2": 1}}, "holds type 3"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_wrong_is_said_and_leaves_no_store(start, tmp_path, what):
    later, settings, sentence = REFUSED[what]
    path = write(tmp_path / "a.dump", [(0, rows(start)), (1, later(start))])
    with pytest.raises(MicroslipError, match=sentence):
        Imported(tmp_path, **{"files": (path,), "strain_per_step": 1, **settings})
    assert sorted(one.name for one in tmp_path.iterdir()) == ["a.dump"]


def test_frames_without_ids_hold_the_same_grains_in_the_same_order(start, tmp_path):
    frames = [(step, rows(start, 0.01 * step)[:, 1:]) for step in range(3)]
    made = Imported(tmp_path, files=(write(tmp_path / "a.dump", frames, "type x y z"),), strain_per_step=1)
    assert made["grains/id"].tolist() == list(range(1, 61))
    frames[2] = (2, frames[2][1][:-1])
    with pytest.raises(MicroslipError, match="holds 59 grains, the frames before 60, and no ids tell which"):
        Imported(tmp_path, files=(write(tmp_path / "a.dump", frames, "type x y z"),), strain_per_step=1)


def test_that_rows_are_taken_for_grains_is_said(start, tmp_path):
    frames = [(step, rows(start, 0.01 * step)[:, 1:]) for step in range(3)]
    made = Imported(tmp_path, files=(write(tmp_path / "a.dump", frames, "type x y z"),), strain_per_step=1)
    assert made.heard(r"\bids?\b")


def test_a_step_that_no_store_can_hold_is_refused(start, tmp_path):
    path = write(tmp_path / "a.dump", [(0, rows(start)), (10**25, rows(start))])
    with pytest.raises(MicroslipError, match="step"):
        Imported(tmp_path, files=(path,), strain_per_step=1)


def test_one_frame_makes_no_run(start, tmp_path):
    path = write(tmp_path / "a.dump", [(0, rows(start))])
    with pytest.raises(MicroslipError, match="two"):
        Imported(tmp_path, files=(path,), strain_per_step=1)


def test_a_frame_without_grains_is_one_where_all_are_missing(start, tmp_path):
    frames = [(0, rows(start)), (1, rows(start)[:0]), (2, rows(start, 0.01))]
    made = Imported(tmp_path, files=(write(tmp_path / "a.dump", frames),), strain_per_step=1)
    assert np.isnan(made["frames/position"][1]).all()
    assert np.isfinite(made["frames/position"][[0, 2]]).all()
    assert made.heard("^60 positions are missing")


def test_a_position_that_was_not_found_is_missing_in_a_table_alone(tmp_path, start):
    table = [
        f"{step},{n + 1},{x},{y},{z}"
        for step in range(3)
        for n, (x, y, z) in enumerate((start[0] + 0.1 * step).tolist())
    ]
    table[70] = "1,11,nan,nan,nan"
    (tmp_path / "t.csv").write_text("frame,id,x,y,z\n" + "\n".join(table) + "\n")
    made = Imported(tmp_path, files=(str(tmp_path / "t.csv"),), strain_per_step=1)
    assert np.argwhere(np.isnan(made["frames/position"][..., 0])).tolist() == [[1, 10]]
    assert made.heard("^1 positions are missing")
