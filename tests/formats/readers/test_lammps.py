"""Text dumps that LAMMPS wrote, whole, rearranged, cut and damaged."""

import contextlib
import gzip
import re
import threading
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microslip import MicroslipError, Source
from microslip.formats.frame import places
from microslip.formats.readers.lammps import cell_of, read_blocks, read_lammps
from microslip.formats.reading import read_frames_of
from microslip.formats.text.lines import Unfinished

# 17 digits of coordinates of order ten, multiplied and added once or twice.
ROUNDING = 1e-12
PROPERTIES = settings(derandomize=True, deadline=None, max_examples=200)


def whole_frames(path):
    """The frames that are whole, and whether the file ends within another one."""
    frames = []
    try:
        frames.extend(read_lammps(path))
    except Unfinished:
        return frames, True
    return frames, False


def only(frame, *names):
    return type(frame)(
        **{**vars(frame), "columns": {name: values for name, values in frame.columns.items() if name in names}}
    )


def by_id(frame):
    order = np.argsort(frame.columns["id"])
    return {name: values[order] for name, values in frame.columns.items()}


def assert_same(one, other):
    """The same frames, whatever the order of the grains."""
    assert len(one) == len(other)
    for a, b in zip(one, other, strict=True):
        assert a.step == b.step
        assert a.periodic == b.periodic
        np.testing.assert_array_equal(a.edges, b.edges)
        np.testing.assert_array_equal(a.origin, b.origin)
        first, second = by_id(a), by_id(b)
        assert set(first) == set(second)
        for name in first:
            np.testing.assert_array_equal(first[name], second[name])


def shortened(text, n_frames, n_grains):
    """The first grains of the first frames of a dump, as a small dump of its own."""
    found = []
    for block in re.split(rb"(?=ITEM: TIMESTEP\n)", text)[1 : n_frames + 1]:
        lines = block.splitlines()
        lines[3] = b"%d" % n_grains
        found += lines[: 9 + n_grains]
    return b"\n".join(found) + b"\n"


@pytest.fixture(scope="module")
def small(sheared):
    """A real dump of a few grains and frames, as bytes."""
    return shortened((sheared / "plain.dump").read_bytes(), 4, 6)


def test_every_kind_of_coordinates_says_the_same_places(sheared):
    """x with images, unwrapped, and shares of the edges of a cell that leans, and that LAMMPS flips underway."""
    frames, unfinished = whole_frames(sheared / "whole.dump")
    assert not unfinished
    assert [frame.step for frame in frames] == list(range(0, 2001, 50))
    tilts = [frame.edges[2, 0] for frame in frames]
    assert min(tilts) < -1
    assert max(tilts) > 1
    kinds = (("x", "y", "z", "ix", "iy", "iz"), ("xsu", "ysu", "zsu"), ("xs", "ys", "zs", "ix", "iy", "iz"))
    for frame in frames:
        expected = np.stack([frame.columns[name] for name in ("xu", "yu", "zu")], axis=1)
        for kind in kinds:
            found = places(only(frame, *kind))
            assert found.unwrapped
            np.testing.assert_allclose(found.position, expected, atol=ROUNDING)
        assert not places(only(frame, "x", "y", "z")).unwrapped
        inside = places(only(frame, "xs", "ys", "zs"))
        assert not inside.unwrapped
        apart = (inside.position - expected) @ np.linalg.inv(frame.edges)
        np.testing.assert_allclose(apart, apart.round(), atol=ROUNDING)
        assert frame.periodic == (True, True, True)
        np.testing.assert_allclose(np.diag(frame.edges), [8.2207069144, 6.5765655315, 6.5765655315], rtol=1e-9)


def test_digits_are_all_that_other_dumps_of_the_run_lack(sheared):
    exact = [by_id(frame) for frame in read_lammps(sheared / "whole.dump")]
    for frame, expected in zip(read_lammps(sheared / "coarse.dump"), exact, strict=True):
        found = by_id(frame)
        for name in "xyz":
            np.testing.assert_allclose(found[name], expected[name], rtol=1e-5, atol=1e-5)
    for frame, expected in zip(read_lammps(sheared / "atom.dump"), exact, strict=True):
        found = by_id(frame)
        for name in ("xs", "ys", "zs"):
            np.testing.assert_allclose(found[name], expected[name], atol=1e-5)


def test_sorted_and_unsorted_frames_and_one_file_a_frame_hold_the_same(sheared):
    def kept(path):
        return [only(frame, "id", "type", "x", "y", "z") for frame in read_lammps(path)]

    everything = kept(sheared / "whole.dump")
    ids = [frame.columns["id"] for frame in everything]
    assert any((a != b).any() for a, b in zip(ids[1:], ids[:-1], strict=True))
    assert_same(everything, kept(sheared / "plain.dump"))
    # columns laid out by their width, under headers with units and time
    assert_same(everything, kept(sheared / "aligned.dump"))
    singles = sorted(sheared.glob("single.*.dump"), key=lambda path: int(path.name.split(".")[1]))
    assert_same(everything, [frame for path in singles for frame in kept(path)])


def test_a_set_of_atoms_that_changes(sheared):
    whole, sizes = list(read_lammps(sheared / "whole.dump")), set()
    for frame, every in zip(read_lammps(sheared / "few.dump"), whole, strict=True):
        expected, found = by_id(every), by_id(frame)
        sizes.add(frame.n_grains)
        rows = np.searchsorted(expected["id"], found["id"])
        for name in ("id", "type", "xu", "yu", "zu"):
            np.testing.assert_array_equal(found[name], expected[name][rows])
    assert len(sizes) > 5


def test_a_local_dump_gives_its_columns_by_their_own_names(sheared):
    names = {"c_near[1]", "c_near[2]", "c_force[1]"}
    positions = [by_id(frame) for frame in read_lammps(sheared / "plain.dump")]
    n_rows = set()
    for block, grains in zip(read_blocks(sheared / "contacts.dump", names), positions, strict=True):
        assert set(block.columns) == names
        assert block.labels[:3] == ("index", "c_near[1]", "c_near[2]")
        n_rows.add(len(block.columns["c_force[1]"]))
        first, second = (block.columns[name].astype(int) - 1 for name in ("c_near[1]", "c_near[2]"))
        apart = np.stack([grains[axis][second] - grains[axis][first] for axis in "xyz"], axis=1)
        same_copy = np.abs(apart).max(axis=1) < 1.2
        distance = np.linalg.norm(apart[same_copy], axis=1)
        np.testing.assert_allclose(distance, block.columns["c_force[1]"][same_copy], rtol=1e-9)
    assert len(n_rows) > 5


def rearranged(text, change):
    """The text with each row of grains, or what it says of columns, changed by a function of its words."""
    lines = []
    for line in text.decode().splitlines():
        words = line.split()
        if line.startswith("ITEM: ATOMS"):
            lines.append("ITEM: ATOMS " + " ".join(change(words[2:])))
        elif len(words) == 5:
            lines.append(" ".join(change(words)))
        else:
            lines.append(line)
    return ("\n".join(lines) + "\n").encode()


def rows_turned(text):
    blocks = re.split(rb"(?=ITEM: TIMESTEP\n)", text)[1:]
    lines = [block.splitlines() for block in blocks]
    return b"\n".join(b"\n".join([*block[:9], *block[:8:-1]]) for block in lines) + b"\n"


def some_rows_wider(text):
    """Blanks before some rows alone, as where numbers of other widths are set flush right."""
    return re.sub(rb"\n([1-3] )", rb"\n   \1", text)


LAYOUTS = {
    "as it was": lambda text: text,
    "gzip": gzip.compress,
    "gzip in parts": lambda text: gzip.compress(text[:700]) + gzip.compress(text[700:]),
    "DOS line ends": lambda text: text.replace(b"\n", b"\r\n"),
    "mixed line ends": lambda text: text.replace(b"\n", b"\r\n", 25),
    "mixed line ends, late": lambda text: text[:600] + text[600:].replace(b"\n", b"\r\n"),
    "tabs": lambda text: re.sub(rb"(?<=\d) (?=[\d-])", b"\t", text),
    "two blanks": lambda text: re.sub(rb"(?<=\d) (?=[\d-])", b"  ", text),
    "a blank at the end": lambda text: re.sub(rb"(?<=\d)\n", b" \n", text),
    "blanks at the end": lambda text: re.sub(rb"(?<=\d)\n", b"   \n", text),
    "blanks before": lambda text: re.sub(rb"\n(?=\d)", b"\n    ", text),
    "blanks before some": some_rows_wider,
    "columns turned": lambda text: rearranged(text, lambda words: words[::-1]),
    "a column of words": lambda text: rearranged(text, lambda words: [*words[:2], "Si", *words[2:]]),
    "rows turned": rows_turned,
    "empty lines between frames": lambda text: text.replace(b"ITEM: TIMESTEP", b"\n\nITEM: TIMESTEP"),
    "signs and exponents": lambda text: re.sub(rb" (\d\.\d+)(?= |\n)", rb" +\1e+00", text),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layout_does_not_matter(small, tmp_path, layout):
    plain, other = tmp_path / "plain.dump", tmp_path / "other.dump"
    plain.write_bytes(small)
    other.write_bytes(LAYOUTS[layout](small))
    expected, unfinished = whole_frames(plain)
    assert not unfinished
    assert [frame.n_grains for frame in expected] == [6] * 4
    found, unfinished = whole_frames(other)
    assert not unfinished
    assert_same(found, expected)


def test_a_packed_file_equals_the_plain_one_beyond_one_piece(sheared, tmp_path):
    text = (sheared / "whole.dump").read_bytes() * 2
    # more than is read at a time
    assert len(text) > 2**22
    (tmp_path / "plain.dump").write_bytes(text)
    (tmp_path / "packed").write_bytes(gzip.compress(text, 1))
    plain, packed = (list(read_lammps(tmp_path / name)) for name in ("plain.dump", "packed"))
    assert_same(packed, plain)
    for frames in (plain, packed):
        read = [frame.read for frame in frames]
        assert read == sorted(read)
        assert read[-1] == 1


@pytest.mark.parametrize("layout", ["as it was", "blanks before some"])
def test_the_same_name_twice_means_its_first_column(tmp_path, small, layout):
    twice = LAYOUTS[layout](rearranged(small, lambda words: [*words, words[2]]))
    (tmp_path / "twice.dump").write_bytes(twice)
    (tmp_path / "plain.dump").write_bytes(small)
    assert_same(list(read_lammps(tmp_path / "twice.dump")), list(read_lammps(tmp_path / "plain.dump")))


def test_edges_as_ovito_writes_them_are_those_of_lammps(tmp_path, small):
    general = []
    for line in small.decode().splitlines():
        general.append("ITEM: BOX BOUNDS abc origin pp pp ff" if line.startswith("ITEM: BOX") else line)
    at = 5
    while at < len(general):
        general[at : at + 3] = ["8.5 0 0 -1", "0 6.5 0 0.25", "2.5 0 6.25 -2"]
        at += 9 + 6
    (tmp_path / "general.dump").write_text("\n".join(general) + "\n")
    frames, _ = whole_frames(tmp_path / "general.dump")
    assert len(frames) == 4
    for frame in frames:
        np.testing.assert_array_equal(frame.edges, [[8.5, 0, 0], [0, 6.5, 0], [2.5, 0, 6.25]])
        np.testing.assert_array_equal(frame.origin, [-1, 0.25, -2])
        assert frame.periodic == (True, True, False)


@PROPERTIES
@given(lengths=st.tuples(*[st.floats(1, 20)] * 3), tilts=st.tuples(*[st.floats(-9, 9)] * 3), low=st.floats(-5, 5))
def test_the_bounds_of_a_leaning_box_give_its_edges_back(tmp_path_factory, lengths, tilts, low):
    """LAMMPS' documentation: xlo_bound = xlo + min(0, xy, xz, xy + xz), and so on."""
    (lx, ly, lz), (xy, xz, yz) = lengths, tilts
    path = tmp_path_factory.getbasetemp() / "bounds.dump"
    path.write_text(
        "ITEM: TIMESTEP\n0\nITEM: NUMBER OF ATOMS\n1\nITEM: BOX BOUNDS xy xz yz pp pp pp\n"
        f"{low + min(0, xy, xz, xy + xz)!r} {low + lx + max(0, xy, xz, xy + xz)!r} {xy!r}\n"
        f"{low + min(0, yz)!r} {low + ly + max(0, yz)!r} {xz!r}\n"
        f"{low!r} {low + lz!r} {yz!r}\n"
        "ITEM: ATOMS id x y z\n1 0 0 0\n"
    )
    (block,) = read_blocks(path, {"id"})
    origin, edges = cell_of(block)
    np.testing.assert_allclose(origin, low, atol=1e-13)
    np.testing.assert_allclose(edges, [[lx, 0, 0], [xy, ly, 0], [xz, yz, lz]], atol=1e-13)


def rows_of(text):
    """Bytes of the rows of grains, as against those of the headers."""
    found, at, rows = [], 0, False
    for line in text.splitlines(keepends=True):
        if line.startswith(b"ITEM: "):
            rows = line.startswith(b"ITEM: ATOMS")
        elif rows:
            found += range(at + 1, at + len(line))
        at += len(line)
    return found


def check_cut(path, text, expected, cut):
    """Of a text that ends after some bytes, the frames that are whole; whether it ends within another is told."""
    ends = [*[match.start() for match in re.finditer(rb"ITEM: TIMESTEP", text)][1:], len(text)]
    path.write_bytes(text[:cut])
    found, unfinished = whole_frames(path)
    n_whole = sum(end <= cut for end in ends)
    if found and not found[-1].ended:
        # the last row has all its values and none too short: at most digits beyond those of other rows are lost
        assert not unfinished
        assert_same(found[:-1], expected[:n_whole])
        for name, values in found[-1].columns.items():
            np.testing.assert_allclose(values, expected[n_whole].columns[name], rtol=1e-11, atol=0)
        return
    assert cut + 1 not in ends
    assert_same(found, expected[:n_whole])
    assert unfinished == (cut not in (0, *ends))


@PROPERTIES
@given(data=st.data())
def test_a_dump_that_is_cut_within_its_rows_gives_the_frames_before(tmp_path_factory, small, data):
    path = tmp_path_factory.getbasetemp() / "cut.dump"
    path.write_bytes(small)
    expected, _ = whole_frames(path)
    check_cut(path, small, expected, data.draw(st.sampled_from(rows_of(small))))


def test_a_dump_that_is_cut_anywhere_gives_the_frames_before(tmp_path, sheared):
    text, path = shortened((sheared / "plain.dump").read_bytes(), 2, 3), tmp_path / "cut.dump"
    path.write_bytes(text)
    expected, _ = whole_frames(path)
    for cut in range(len(text) + 1):
        check_cut(path, text, expected, cut)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(share=st.floats(0.02, 1))
def test_a_packed_dump_that_is_cut_gives_frames_that_are_whole(tmp_path_factory, sheared, share):
    """As a file that is packed while it is written, or copied before its end."""
    path = tmp_path_factory.getbasetemp() / "cut.dump.gz"
    text = shortened((sheared / "plain.dump").read_bytes(), 12, 40)
    packed = gzip.compress(text, 6)
    path.write_bytes(text)
    expected, _ = whole_frames(path)
    path.write_bytes(packed[: max(1, round(share * len(packed)))])
    try:
        found, _ = whole_frames(path)
    except MicroslipError as problem:
        # a cut within the two bytes that tell a packed file
        assert str(path) in str(problem)  # noqa: PT017
        return
    assert len(found) <= len(expected)
    assert_same(found, expected[: len(found)])


edits = st.one_of(
    st.tuples(st.just("flip"), st.floats(0, 1), st.integers(0, 7)),
    st.tuples(st.just("put"), st.floats(0, 1), st.sampled_from(b"0123456789 \n\r\t-+.eEnaiITEM:_\0\xff")),
    st.tuples(st.just("insert"), st.floats(0, 1), st.sampled_from(b"0123456789 \n\r\t-+.eE_\0\xff")),
    st.tuples(st.just("delete"), st.floats(0, 1), st.sampled_from([1, 2, 10, 60, 200])),
    st.tuples(st.just("repeat"), st.floats(0, 1), st.sampled_from([1, 5, 40, 200])),
)


def damaged(text, changes):
    found = bytearray(text)
    for kind, share, number in changes:
        at = round(share * (len(found) - 1)) if found else 0
        if kind == "delete":
            del found[at : at + number]
        elif kind == "repeat":
            found[at:at] = found[at : at + number]
        elif kind == "insert" or not found:
            found[at:at] = bytes([number])
        elif kind == "flip":
            found[at] ^= 1 << number
        else:
            found[at] = number
    return bytes(found)


def check_damaged(path, frames):
    """Frames that hang together, or a sentence with the file and a line or a frame."""
    began = time.monotonic()
    try:
        for frame in frames:
            assert len({len(values) for values in frame.columns.values()}) <= 1
            assert frame.edges is None or np.isfinite(frame.edges).all()
            if {"x", "y", "z"} <= set(frame.columns):
                places(frame)
    except Unfinished:
        pass
    except MicroslipError as problem:
        assert str(path) in str(problem)  # noqa: PT017
        assert re.search(r"\b(line|frame) \d", str(problem))  # noqa: PT017
        assert "\n" not in str(problem)  # noqa: PT017
    assert time.monotonic() - began < 5


@settings(derandomize=True, deadline=None, max_examples=700)
@given(changes=st.lists(edits, min_size=1, max_size=4))
def test_a_damaged_dump_gives_frames_or_a_sentence(tmp_path_factory, small, changes):
    path = tmp_path_factory.getbasetemp() / "damaged.dump"
    path.write_bytes(damaged(small, changes))
    check_damaged(path, read_lammps(path))


@settings(derandomize=True, deadline=None, max_examples=200)
@given(changes=st.lists(edits, min_size=1, max_size=3))
def test_a_damaged_packed_dump_gives_frames_or_a_sentence(tmp_path_factory, small, changes):
    path = tmp_path_factory.getbasetemp() / "damaged.dump.gz"
    path.write_bytes(damaged(gzip.compress(small, 6), changes))
    check_damaged(path, read_lammps(path))


def changed(text, old, new, count=1):
    assert old in text
    return text.replace(old, new, count)


def second(text, old, new):
    """Change the second frame alone."""
    at = text.index(b"ITEM: TIMESTEP", 10)
    return text[:at] + changed(text[at:], old, new)


def one_row(text, frame, row, change):
    lines = text.splitlines()
    at = frame * 15 + 9 + row
    lines[at] = change(lines[at])
    return b"\n".join(lines) + b"\n"


BAD = {
    "rows missing": (
        lambda text: second(text, b"ATOMS\n6", b"ATOMS\n9"),
        r"frame 1 \(step 50\), line 31: a new frame begins before the 9 rows",
    ),
    "rows too many": (lambda text: second(text, b"ATOMS\n6", b"ATOMS\n5"), r"frame 2, line 30: `ITEM:` is due"),
    "a negative number of atoms": (
        lambda text: second(text, b"ATOMS\n6", b"ATOMS\n-6"),
        r"frame 1, line 19: -6 rows in one frame cannot be",
    ),
    "a huge number of atoms": (
        lambda text: second(text, b"ATOMS\n6", b"ATOMS\n600000000000"),
        r"frame 1, line 19: 600000000000 rows",
    ),
    "no number of atoms": (lambda text: second(text, b"ATOMS\n6", b"ATOMS\nsix"), r"frame 1, line 19: .*six.*is not"),
    "no time step": (lambda text: second(text, b"TIMESTEP\n50", b"TIMESTEP\n5.5"), r"frame 1, line 17: .*5\.5"),
    "no bounds": (lambda text: second(text, b"\n0.0000000000000000e+00", b"\nnan"), r"frame 1, line 21: .*bounds"),
    "endless bounds": (lambda text: second(text, b"\n0.0000000000000000e+00", b"\ninf"), r"frame 1, line 21: .*bounds"),
    "another header": (lambda text: second(text, b"ITEM: BOX BOUNDS", b"ITEM: BALL RADIUS"), r"frame 1, line 20"),
    "other columns": (
        lambda text: second(text, b"ATOMS id type x y z", b"ATOMS id type x y zu"),
        r"frame 1, line 24: the columns are id type x y zu, those of the frame before id type x y z",
    ),
    "no columns": (lambda text: second(text, b"ATOMS id type x y z", b"ATOMS"), r"frame 1, line 24: the columns have"),
    "a word": (
        lambda text: one_row(text, 1, 2, lambda row: row.replace(row.split()[3], b"here")),
        r"frame 1 \(step 50\), line 27: y is 'here', not a number",
    ),
    "a decimal comma": (
        lambda text: one_row(text, 0, 5, lambda row: row.replace(b".", b",")),
        r"frame 0 \(step 0\), line 15: x is '.*,.*', not a number",
    ),
    "a row that is short": (
        lambda text: one_row(text, 1, 2, lambda row: row.rpartition(b" ")[0]),
        r"frame 1 \(step 50\), line 27: 4 values stand there, and 5 columns are named",
    ),
    "a row that is long": (
        lambda text: one_row(text, 3, 0, lambda row: row + b" 7"),
        r"frame 3 \(step 150\), line 55: 6 values stand there, and 5 columns are named",
    ),
    "an empty row": (lambda text: one_row(text, 1, 2, lambda row: b""), r"frame 1 \(step 50\), line 27: 0 values"),
    "an id that is no whole number": (
        lambda text: one_row(text, 1, 2, lambda row: b"1.5 " + row.partition(b" ")[2]),
        r"line 27: id is '1.5', not a whole number",
    ),
    "an id that is none": (
        lambda text: one_row(text, 1, 2, lambda row: b"nan " + row.partition(b" ")[2]),
        r"line 27: id is 'nan', not a whole number",
    ),
    "an id beyond all numbers": (
        lambda text: one_row(text, 1, 2, lambda row: b"99999999999999999999 " + row.partition(b" ")[2]),
        r"line 27: id is '99999999999999999999', not a whole number",
    ),
    "a flat box": (
        lambda text: second(text, b"0.0000000000000000e+00 6.5765", b"6.5765655315479199e+00 6.5765"),
        r"frame 1 \(step 50\): the box measures .* it has shrunk to nothing",
    ),
    "a binary file": (lambda text: bytes(range(256)) * 100, r"frame 0, line 1: `ITEM:` is due .*a binary file"),
    "a compiled program": (lambda text: b"\x7fELF" + bytes(3000), r"frame 0, line 1: .*a binary file"),
    "one endless line": (lambda text: b"x" * 2**23, r"line 1 has no end: this is not text"),
    "a log": (lambda text: b"LAMMPS (22 Jul 2025)\n" + text, r"frame 0, line 1: .*not a text dump"),
    "text": (lambda text: "наносы\n".encode() * 30, r"frame 0, line 1: .*not a text dump"),
    "a header alone": (lambda text: b"ITEM: ATOMS id x y z\n1 1 1 1\n", r"line 1: the header lacks ITEM: TIMESTEP"),
}


@pytest.mark.parametrize("what", BAD)
def test_what_is_wrong_is_said_with_its_place(tmp_path, small, what):
    change, sentence = BAD[what]
    path = tmp_path / "bad.dump"
    path.write_bytes(change(small))
    with pytest.raises(MicroslipError, match=sentence) as raised:
        list(read_lammps(path))
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 400 + len(str(path))


@pytest.mark.parametrize("what", ["no number of atoms", "no time step", "no bounds"])
def test_what_is_quoted_reads_as_in_the_file(tmp_path, small, what):
    path = tmp_path / "bad.dump"
    path.write_bytes(BAD[what][0](small))
    with pytest.raises(MicroslipError) as raised:
        list(read_lammps(path))
    assert "b'" not in str(raised.value)


def test_the_frames_before_what_is_wrong_are_given(tmp_path, small):
    path = tmp_path / "bad.dump"
    path.write_bytes(BAD["a row that is long"][0](small))
    reading = read_lammps(path)
    assert [next(reading).step for _ in range(3)] == [0, 50, 100]


def test_words_for_no_number_are_read_as_none(tmp_path, small):
    for word in (b"nan", b"-nan", b"NaN", b"-NaN", b"-nan(ind)"):
        path = tmp_path / "nan.dump"
        path.write_bytes(one_row(small, 1, 2, lambda row, word=word: row.rpartition(b" ")[0] + b" " + word))
        frame = list(read_lammps(path))[1]
        assert np.isnan(frame.columns["z"]).tolist() == [False, False, True, False, False, False]


def test_an_empty_file_and_an_empty_frame(tmp_path):
    path = tmp_path / "empty.dump"
    path.write_bytes(b"")
    assert whole_frames(path) == ([], False)
    path.write_bytes(b"\n\n")
    assert whole_frames(path) == ([], False)
    path.write_text(
        "ITEM: TIMESTEP\n7\nITEM: NUMBER OF ATOMS\n0\nITEM: BOX BOUNDS pp pp ff\n0 1\n0 1\n0 1\nITEM: ATOMS x\n"
    )
    (frame,) = read_lammps(path)
    assert frame.n_grains == 0
    assert frame.step == 7


@pytest.mark.parametrize("body", ["", "1 1 0.5 0.5", "1 1 0.5 0.5 0.5\n" * 3])
def test_many_rows_that_are_not_there_cost_no_memory(tmp_path, small, body):
    path = tmp_path / "huge.dump"
    head = small[: small.index(b"\n", small.index(b"ITEM: ATOMS")) + 1]
    path.write_bytes(head.replace(b"ATOMS\n6", b"ATOMS\n199999999") + body.encode())
    assert whole_frames(path) == ([], True)


def test_many_rows_where_a_long_one_stands_cost_no_memory(tmp_path, small):
    path = tmp_path / "huge.dump"
    head = small[: small.index(b"\n", small.index(b"ITEM: ATOMS")) + 1]
    path.write_bytes(head.replace(b"ATOMS\n6", b"ATOMS\n199999999") + b"x" * 1_000_000)
    with contextlib.suppress(MicroslipError):
        assert whole_frames(path) == ([], True)


def test_a_missing_file_a_folder_and_one_without_rights_are_said(tmp_path, small):
    with pytest.raises(MicroslipError, match="does not exist"):
        list(read_lammps(tmp_path / "none.dump"))
    with pytest.raises(MicroslipError, match="is a folder: give its files"):
        list(read_lammps(tmp_path))


def test_damaged_gzip_is_said(tmp_path, sheared):
    packed = bytearray(gzip.compress((sheared / "plain.dump").read_bytes(), 6))
    packed[len(packed) // 2 : len(packed) // 2 + 50] = bytes(50)
    path = tmp_path / "damaged.dump.gz"
    path.write_bytes(packed)
    with pytest.raises(MicroslipError, match=r"damaged\.dump\.gz"):
        list(read_lammps(path))
    path.write_bytes(b"\x1f\x8bnothing of the kind")
    with pytest.raises(MicroslipError, match=r"damaged\.dump\.gz cannot be read beyond line 1"):
        list(read_lammps(path))


def test_a_dump_is_read_while_it_is_written(tmp_path, sheared):
    text = (sheared / "plain.dump").read_bytes()
    path = tmp_path / "growing.dump"
    (tmp_path / "whole.dump").write_bytes(text)
    expected = list(read_lammps(tmp_path / "whole.dump"))
    middle = rows_of(text)[len(text) // 3]
    path.write_bytes(text[:middle])
    notes = []
    reading = read_frames_of([path], "lammps", Source(files=("growing.dump",), wall_types=(2,)), notes.append)
    first = next(reading)

    def write():
        with path.open("ab") as file:
            for at in range(middle, len(text), 20_000):
                file.write(text[at : at + 20_000])
                file.flush()

    writer = threading.Thread(target=write)
    writer.start()
    found = [first, *reading]
    writer.join()
    assert_same(found, expected[: len(found)])
    # what was there at the start is there, and what is not whole is said
    assert len(found) >= text[:middle].count(b"ITEM: TIMESTEP") - 1
    assert all("the last frame is not whole" in note or "ends without a newline" in note for note in notes)
    assert all(0 <= frame.read <= 1 for frame in found)


def test_two_columns_of_one_name_that_differ_are_refused(tmp_path, small):
    twice = rearranged(small, lambda words: [*words, words[3] if words[2] != "x" else "x"])
    (tmp_path / "twice.dump").write_bytes(twice)
    with pytest.raises(MicroslipError, match="two columns are named x and hold other numbers: rename one of them"):
        list(read_lammps(tmp_path / "twice.dump"))


def test_a_byte_order_mark_is_passed_over(tmp_path, small):
    (tmp_path / "a.dump").write_bytes(b"\xef\xbb\xbf" + small)
    (tmp_path / "b.dump").write_bytes(small)
    assert_same(list(read_lammps(tmp_path / "a.dump")), list(read_lammps(tmp_path / "b.dump")))
