"""Tables of tracked grains: comma, semicolon, tab, blank, Parquet; grains that come and go."""

import gzip
import re

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microslip import MicroslipError
from microslip.formats.readers import table as reader
from microslip.formats.readers.table import read_table_frames

N_FRAMES, N_GRAINS = 5, 30


@pytest.fixture(scope="module")
def tracked():
    """Grains under the names of an image analysis; some rows are missing, some positions empty."""
    rng = np.random.default_rng(12)
    frame, label = (one.ravel() for one in np.mgrid[0:N_FRAMES, 1 : N_GRAINS + 1])
    table = pd.DataFrame(
        {
            "time_step": 10 * frame,
            "label": label,
            "x_mm": rng.uniform(0, 20, len(frame)),
            "y_mm": rng.uniform(0, 20, len(frame)),
            "z_mm": rng.uniform(-20, 20, len(frame)),
            "d_mm": np.tile(rng.uniform(0.8, 1.2, N_GRAINS), N_FRAMES),
            "quality": "good",
        }
    )
    table.loc[rng.random(len(table)) < 0.05, ["x_mm", "y_mm", "z_mm"]] = np.nan
    return table[rng.random(len(table)) < 0.95].reset_index(drop=True)


NAMES = {"frame": "time_step", "id": "label", "x": "x_mm", "y": "y_mm", "z": "z_mm", "diameter": "d_mm"}


def check(path, tracked, names=NAMES):
    frames = list(read_table_frames(path, names))
    assert [frame.step for frame in frames] == [0, 10, 20, 30, 40]
    for frame in frames:
        expected = tracked[(tracked["time_step"] == frame.step) & tracked["x_mm"].notna()]
        for ours, theirs in (("id", "label"), ("x", "x_mm"), ("y", "y_mm"), ("z", "z_mm"), ("diameter", "d_mm")):
            np.testing.assert_array_equal(frame.columns[ours], expected[theirs])
        assert frame.columns["id"].dtype == np.int64
        assert frame.edges is None
        assert frame.periodic is None
        assert str(path) in frame.where


WRITERS = {
    "grains.csv": lambda table, path: table.to_csv(path, index=False),
    "semicolons.csv": lambda table, path: table.to_csv(path, index=False, sep=";"),
    "grains.tsv": lambda table, path: table.to_csv(path, index=False, sep="\t"),
    "blanks.txt": lambda table, path: table.to_csv(path, index=False, sep=" ", na_rep="nan"),
    "grains.csv.gz": lambda table, path: table.to_csv(path, index=False),
    "dos.csv": lambda table, path: table.to_csv(path, index=False, lineterminator="\r\n"),
    "marked.csv": lambda table, path: table.to_csv(path, index=False, encoding="utf-8-sig"),
    "aligned.txt": lambda table, path: path.write_text(
        table.to_string(index=False, float_format=lambda x: repr(float(x)))
    ),
    "remarks.csv": lambda table, path: path.write_text(
        "# tomograph 7\n\n# a Tuesday\n" + table.to_csv(index=False).replace("\n10,", "\n# next\n10,", 1)
    ),
    "no_end.csv": lambda table, path: path.write_text(table.to_csv(index=False).rstrip("\n")),
    "grains.parquet": lambda table, path: table.to_parquet(path, index=False),
}


@pytest.mark.parametrize("name", WRITERS)
def test_every_kind_of_table_gives_the_same_frames(tracked, tmp_path, name):
    WRITERS[name](tracked, tmp_path / name)
    check(tmp_path / name, tracked)


def test_a_parquet_file_whose_ids_are_its_index(tracked, tmp_path):
    tracked.set_index("label").to_parquet(tmp_path / "grains.parquet")
    check(tmp_path / "grains.parquet", tracked)


@pytest.mark.parametrize("rows", [1, 7, 29, 30, 31, 1000])
@pytest.mark.parametrize("name", ["grains.csv", "grains.parquet"])
def test_frames_do_not_depend_on_how_many_rows_are_read_at_a_time(tracked, tmp_path, monkeypatch, name, rows):
    monkeypatch.setattr(reader, "ROWS_AT_A_TIME", rows)
    WRITERS[name](tracked, tmp_path / name)
    check(tmp_path / name, tracked)


def test_our_own_names_need_no_mapping_capital_or_not(tracked, tmp_path):
    ours = tracked.rename(columns={theirs: name for name, theirs in NAMES.items()})
    ours.to_csv(tmp_path / "ours.csv", index=False)
    check(tmp_path / "ours.csv", tracked, {})
    ours.rename(columns={"x": "X", "id": " ID", "frame": "Frame"}).to_csv(tmp_path / "capitals.csv", index=False)
    check(tmp_path / "capitals.csv", tracked, {})


def test_a_mapping_goes_before_a_column_of_our_name(tmp_path):
    (tmp_path / "t.csv").write_text("frame,id,x,y,z,raw\n0,1,1,2,3,7\n0,2,4,5,6,8\n")
    (frame,) = read_table_frames(tmp_path / "t.csv", {"x": "raw"})
    assert frame.columns["x"].tolist() == [7, 8]


def test_a_table_without_frames_is_one_frame(tmp_path):
    (tmp_path / "t.csv").write_text("id,x,y,z,radius\n4,1,2,3,0.5\n2,4,5,6,0.25\n")
    (frame,) = read_table_frames(tmp_path / "t.csv", {}, number=17)
    assert frame.step == 17
    assert frame.columns["id"].tolist() == [4, 2]
    assert frame.columns["radius"].tolist() == [0.5, 0.25]


def test_a_column_of_strain_has_one_value_a_frame(tmp_path):
    (tmp_path / "t.csv").write_text("frame,strain,x,y,z\n0,0.5,1,2,3\n0,0.5,4,5,6\n3,0.625,4,5,6\n")
    assert [frame.strain for frame in read_table_frames(tmp_path / "t.csv", {})] == [0.5, 0.625]
    (tmp_path / "t.csv").write_text("frame,strain,x,y,z\n0,0.5,1,2,3\n0,0.6,4,5,6\n")
    with pytest.raises(MicroslipError, match="frame 0: strain has more than one value"):
        list(read_table_frames(tmp_path / "t.csv", {}))


@settings(derandomize=True, deadline=None, max_examples=100)
@given(st.lists(st.tuples(*[st.floats(allow_nan=False, allow_infinity=False, width=64)] * 3), min_size=1, max_size=20))
def test_every_number_comes_back_to_the_last_bit(tmp_path_factory, rows):
    path = tmp_path_factory.getbasetemp() / "t.csv"
    path.write_text("x,y,z\n" + "".join(f"{x!r},{y!r},{z!r}\n" for x, y, z in rows))
    (frame,) = read_table_frames(path, {})
    found = np.stack([frame.columns[name] for name in "xyz"], axis=1)
    np.testing.assert_array_equal(found, np.array(rows))


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_separators_at_the_ends_of_rows_add_no_column(tracked, tmp_path, separator):
    text = tracked.to_csv(index=False, sep=separator).replace("\n", f"{separator}\n").replace(f"{separator}\n", "\n", 1)
    (tmp_path / "t.csv").write_text(text)
    check(tmp_path / "t.csv", tracked)


def test_separators_at_the_ends_of_all_lines_add_no_column(tracked, tmp_path):
    (tmp_path / "t.csv").write_text(tracked.to_csv(index=False).replace("\n", ",\n"))
    check(tmp_path / "t.csv", tracked)


def test_a_title_line_as_numpy_writes_it(tmp_path):
    numbers = np.array([[0, 1, 1.5, 2.5, 3.5], [0, 2, 4.5, 5.5, 6.5]])
    np.savetxt(tmp_path / "t.txt", numbers, header="frame id x y z")
    (frame,) = read_table_frames(tmp_path / "t.txt", {})
    assert frame.columns["id"].tolist() == [1, 2]
    assert frame.columns["x"].tolist() == [1.5, 4.5]


def test_words_with_a_separator_in_them_are_one_value(tracked, tmp_path):
    noted = tracked.assign(quality="good, but for its edge")
    noted.to_csv(tmp_path / "t.csv", index=False)
    check(tmp_path / "t.csv", tracked)
    noted.rename(columns={"quality": "quality, by eye"}).to_csv(tmp_path / "t.csv", index=False)
    check(tmp_path / "t.csv", tracked)


BAD = {
    "wrong names": ("frame,id,x,y,z\n0,1,1,2,3\n", {"x": "X_mm"}, "has no column X_mm, .* it has frame, id, x, y, z"),
    "no position": ("frame,id,x,Z_mm\n0,1,1,2\n", {}, "has no column y; it has frame, id, x, Z_mm"),
    "a third coordinate of another name": (
        "frame,x,y,z_mm\n0,1,1,2\n",
        {},
        "has no column z; it has frame, x, y, z_mm",
    ),
    "a word": ("frame,id,x,y,z\n0,1,1,2,3\n0,2,1,?,3\n", {}, r"row 2: y is '\?', not a number"),
    "a decimal comma": ("frame;x;y;z\n0;1,5;2,5;3,5\n", {}, "row 1: x is '1,5', not a number"),
    "half an id": ("frame,id,x,y,z\n0,1.5,1,2,3\n", {}, "row 1: id is .*1.5.*, not a whole number"),
    "no id": ("frame,id,x,y,z\n0,,1,2,3\n0,1,1,2,3\n", {}, "row 1: id is .*nan.*, not a whole number"),
    "half a frame": ("frame,x,y,z\n0.5,1,2,3\n", {}, "row 1: frame is 0.5, not a whole number"),
    "no frame": ("frame,x,y,z\n0,1,2,3\n,1,2,3\n", {}, "row 2: frame is nan, not a whole number"),
    "unsorted": ("frame,x,y,z\n0,1,2,3\n1,1,2,3\n0,1,2,3\n", {}, "frame 0 stands in two places of the table: sort it"),
    "a long row": ("frame,x,y,z\n0,1,2,3\n0,1,2,3,4\n", {}, "not a readable table"),
    "empty": ("", {}, "is empty"),
    "empty lines": ("\n\n\n", {}, "is empty"),
    "remarks alone": ("# a\n# b\n", {}, "is empty"),
    "binary": ("x\0y\n1 2", {}, "is a binary file, not a table"),
}


@pytest.mark.parametrize("what", BAD)
def test_what_is_wrong_is_said(tmp_path, what):
    text, names, sentence = BAD[what]
    path = tmp_path / "t.csv"
    path.write_text(text)
    with pytest.raises(MicroslipError, match=sentence) as raised:
        list(read_table_frames(path, names))
    assert str(path) in str(raised.value)


def test_a_sentence_is_one_line(tmp_path):
    (tmp_path / "t.csv").write_text(BAD["a long row"][0])
    with pytest.raises(MicroslipError) as raised:
        list(read_table_frames(tmp_path / "t.csv", {}))
    assert "\n" not in str(raised.value)


def test_a_row_far_down_has_its_own_number(tmp_path, monkeypatch):
    monkeypatch.setattr(reader, "ROWS_AT_A_TIME", 10)
    rows = [f"{row // 20},{row},1,2,{'?' if row == 57 else 3}\n" for row in range(100)]
    (tmp_path / "t.csv").write_text("frame,id,x,y,z\n" + "".join(rows))
    with pytest.raises(MicroslipError, match=r"row 58: z is '\?'"):
        list(read_table_frames(tmp_path / "t.csv", {}))


def test_a_frame_beyond_all_whole_numbers_is_refused(tmp_path):
    (tmp_path / "t.csv").write_text("frame,x,y,z\n1e300,1,2,3\n")
    with pytest.raises(MicroslipError, match="whole number"):
        list(read_table_frames(tmp_path / "t.csv", {}))


def test_a_missing_table_and_a_folder_are_said(tmp_path):
    for name in ("none.csv", "none.parquet"):
        with pytest.raises(MicroslipError, match=f"{name} does not exist"):
            list(read_table_frames(tmp_path / name, {}))
    with pytest.raises(MicroslipError, match="is a folder"):
        list(read_table_frames(tmp_path, {}))


def test_damaged_packed_tables_are_said(tracked, tmp_path):
    packed = gzip.compress(tracked.to_csv(index=False).encode())
    path = tmp_path / "t.csv.gz"
    for content in (
        packed[: len(packed) // 2],
        b"\x1f\x8bnothing of the kind",
        packed[:200] + bytes(50) + packed[250:],
    ):
        path.write_bytes(content)
        with pytest.raises(MicroslipError, match=r"t\.csv\.gz"):
            list(read_table_frames(path, NAMES))


def test_gzip_that_breaks_far_down_is_said(tmp_path):
    """Beyond what is looked at before pandas reads."""
    rng = np.random.default_rng(3)
    numbers = rng.random((100_000, 3))
    text = "x,y,z\n" + "".join(f"{x:.15f},{y:.15f},{z:.15f}\n" for x, y, z in numbers)
    path = tmp_path / "t.csv.gz"
    for damage in (bytes(1000), rng.bytes(1000), b"\xff" * 1000):
        packed = bytearray(gzip.compress(text.encode(), 1))
        packed[-3000:-2000] = damage
        path.write_bytes(packed)
        with pytest.raises(MicroslipError, match=r"t\.csv\.gz"):
            list(read_table_frames(path, {}))


def test_damaged_parquet_is_said(tracked, tmp_path):
    path = tmp_path / "t.parquet"
    tracked.to_parquet(path, index=False)
    content = path.read_bytes()
    for damaged in (content[:-100], b"PAR1" + bytes(100)):
        path.write_bytes(damaged)
        with pytest.raises(MicroslipError, match=r"t\.parquet is not a readable Parquet file"):
            list(read_table_frames(path, NAMES))
    path.write_bytes(b"nothing")
    with pytest.raises(MicroslipError, match=r"t\.parquet"):
        list(read_table_frames(path, NAMES))


def test_rows_with_more_numbers_than_names_are_no_frames_with_columns_mixed_up(tmp_path):
    """R writes the names of its rows before them, under no name: every column but the last would be its neighbour."""
    text = '"frame" "id" "x" "y" "z"\n"1" 0 1 1.5 2.5 3.5\n"2" 0 2 4.5 5.5 6.5\n"3" 1 1 1.5 2.5 3.5\n'
    for separator in (" ", ",", ";"):
        (tmp_path / "t.csv").write_text(text.replace(" ", separator))
        try:
            frames = list(read_table_frames(tmp_path / "t.csv", {}))
        except MicroslipError as problem:
            assert "t.csv" in str(problem)  # noqa: PT017
        else:
            assert [frame.columns["x"].tolist() for frame in frames] == [[1.5, 4.5], [1.5]]


def test_a_number_is_quoted_as_it_stands_in_the_table(tmp_path):
    (tmp_path / "t.csv").write_text(BAD["half an id"][0])
    with pytest.raises(MicroslipError) as raised:
        list(read_table_frames(tmp_path / "t.csv", {}))
    assert "np." not in str(raised.value)


def test_a_carriage_return_in_the_first_line_ends_in_a_sentence(tmp_path, tracked):
    path = tmp_path / "damaged.csv"
    path.write_bytes(b"0\r0" + tracked[:40].to_csv(index=False).encode())
    with pytest.raises(MicroslipError, match=re.escape(str(path))):
        list(read_table_frames(path, NAMES))


edits = st.lists(
    st.tuples(st.floats(0, 1), st.sampled_from(b'0123456789,;\t \n\r"#-+.eEnai\0\xff')), min_size=1, max_size=5
)


@settings(derandomize=True, deadline=None, max_examples=200)
@given(changes=edits, insert=st.booleans())
def test_a_damaged_table_gives_frames_or_a_sentence(tmp_path_factory, tracked, changes, insert):
    text = bytearray(tracked[:40].to_csv(index=False).encode())
    for share, byte in changes:
        at = round(share * (len(text) - 1))
        text[at : at if insert else at + 1] = bytes([byte])
    path = tmp_path_factory.getbasetemp() / "damaged.csv"
    path.write_bytes(text)
    try:
        for frame in read_table_frames(path, NAMES):
            assert len({len(values) for values in frame.columns.values()}) == 1
    except MicroslipError as problem:
        assert str(path) in str(problem)  # noqa: PT017


ROWS = "0\t1\t1.5\t2.5\t3.5\n0\t2\t4.5\t5.5\t6.5\n"


@pytest.mark.parametrize(
    "above",
    ["# frame id x y z\n", "#frame\tid\tx\ty\tz\n", "# frame, id, x, y, z\n", "# frame id x y z\n# in millimetres\n"],
)
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_title_line_over_rows_with_other_separators(tmp_path, above, mark):
    (tmp_path / "t.txt").write_bytes(mark + (above + ROWS).encode())
    (frame,) = read_table_frames(tmp_path / "t.txt", {})
    assert frame.columns["id"].tolist() == [1, 2]
    assert frame.columns["x"].tolist() == [1.5, 4.5]


@pytest.mark.parametrize("above", ["", "# grains of the box\n"])
def test_rows_without_names_are_not_taken_for_names(tmp_path, above):
    (tmp_path / "t.txt").write_text(above + ROWS)
    with pytest.raises(
        MicroslipError, match=r"begins with 5 values, '0 1 1\.5 2\.5 3\.5'.*a line above that names every"
    ):
        list(read_table_frames(tmp_path / "t.txt", {}))
    named = {"frame": "0", "id": "1", "x": "1.5", "y": "2.5", "z": "3.5"}
    assert len(next(read_table_frames(tmp_path / "t.txt", named)).columns["x"]) == 1


def test_of_two_columns_that_differ_in_capitals_the_exact_name_wins(tmp_path):
    (tmp_path / "t.csv").write_text("X,frame,id,x,y,z\n1000,0,1,1,2,3\n")
    assert next(read_table_frames(tmp_path / "t.csv", {})).columns["x"].tolist() == [1]
    (tmp_path / "t.csv").write_text("ID,Id,x,y,z\n7,8,1,2,3\n")
    with pytest.raises(MicroslipError, match="ID and Id may both be id"):
        next(read_table_frames(tmp_path / "t.csv", {}))
    assert next(read_table_frames(tmp_path / "t.csv", {"id": "Id"})).columns["id"].tolist() == [8]


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_two_columns_of_one_name_are_refused_where_they_matter(tmp_path, ending):
    path = tmp_path / f"t.{ending}"
    for last, sentence in (("v", None), ("x", "has two columns x: rename one of them")):
        names = ["frame", "id", "x", "y", "z", "v", last]
        values = [[0], [1], [1.0], [2.0], [3.0], [9.0], [8.0]]
        if ending == "csv":
            path.write_text(",".join(names) + "\n" + ",".join(str(value[0]) for value in values) + "\n")
        else:
            pq.write_table(pa.table(values, names=names), path)
        if sentence is None:
            assert next(read_table_frames(path, {})).columns["x"].tolist() == [1]
            continue
        with pytest.raises(MicroslipError, match=sentence):
            next(read_table_frames(path, {}))


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_whole_numbers_beyond_those_that_a_double_tells_apart(tmp_path, ending):
    big = 2**53
    table = pd.DataFrame({"frame": [big, big + 1], "id": [big + 1, big + 3], "x": [1.0, 2], "y": 0.0, "z": 0.0})
    table.to_csv(tmp_path / "t.csv", index=False) if ending == "csv" else table.to_parquet(tmp_path / "t.parquet")
    found = list(read_table_frames(tmp_path / f"t.{ending}", {}))
    assert [(frame.step, frame.columns["id"].tolist()) for frame in found] == [(big, [big + 1]), (big + 1, [big + 3])]
    (tmp_path / "t.csv").write_text(f"id,x,y,z\n{big + 3}.0,1,2,3\n")
    with pytest.raises(MicroslipError, match="kept as a float64 number"):
        next(read_table_frames(tmp_path / "t.csv", {}))


def test_columns_that_nobody_asks_for_may_hold_anything(tmp_path):
    (tmp_path / "t.csv").write_text("id,type,x,y,z\n1,sand,1,2,3\n")
    assert "type" not in next(read_table_frames(tmp_path / "t.csv", {}, passed={"type"})).columns
    with pytest.raises(MicroslipError, match="row 1: type is 'sand', not a whole number"):
        next(read_table_frames(tmp_path / "t.csv", {}))
