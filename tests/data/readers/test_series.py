"""Tables over time steps: what LAMMPS and LIGGGHTS wrote, continued, cut and damaged."""

import gzip
import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microslip import MicroslipError
from microslip.data.readers.series import read_series


def test_a_log_of_several_runs(sheared):
    """Its first run has other columns; the second repeats the step that the first ends with."""
    table = read_series(sheared / "log.lammps")
    assert table.columns.tolist() == ["Step", "Temp", "Pxz", "Press", "v_strain", "c_virial[5]", "c_virial[3]"]
    step = table["Step"].to_numpy()
    np.testing.assert_array_equal(step[:5], range(0, 201, 50))
    np.testing.assert_array_equal(step[5:], [*range(0, 1001, 10), *range(1000, 2001, 10)])
    assert np.isnan(table["c_virial[5]"][:5]).all()
    assert np.isfinite(table.to_numpy()[5:]).all()
    np.testing.assert_allclose(table["v_strain"], 0.0005 * step, rtol=1e-12)


def test_log_fix_print_and_fix_ave_time_agree(sheared):
    log = read_series(sheared / "log.lammps")[5:].drop_duplicates("Step").reset_index(drop=True)
    printed = read_series(sheared / "print.txt").drop_duplicates("step").reset_index(drop=True)
    averaged = read_series(sheared / "average.txt")
    assert printed.columns.tolist() == ["step", "strain", "pxz", "press"]
    assert averaged.columns.tolist() == ["TimeStep", "c_virial[5]", "c_virial[3]"]
    for ours, theirs in (("step", "Step"), ("strain", "v_strain"), ("pxz", "Pxz"), ("press", "Press")):
        np.testing.assert_allclose(printed[ours], log[theirs], rtol=1e-13, atol=1e-15)
    np.testing.assert_array_equal(averaged["TimeStep"], log["Step"])
    np.testing.assert_allclose(averaged["c_virial[5]"], log["c_virial[5]"], rtol=1e-13)


def test_warnings_between_rows_are_passed_over(sheared, tmp_path):
    text = (sheared / "log.lammps").read_text()
    noisy = re.sub(r"\n( +\d+0 )", r"\nWARNING: Lost atoms: original 320 current 312\n\1", text, count=100)
    noisy = re.sub(r"\n( +\d+50 )", r"\n\nSome 3 words and 5 numbers 7 8\n\1", noisy, count=10)
    assert noisy.count("\n") > text.count("\n") + 50
    (tmp_path / "log").write_text(noisy)
    pd.testing.assert_frame_equal(read_series(tmp_path / "log"), read_series(sheared / "log.lammps"))


def test_titles_that_a_restart_repeats_are_no_rows(sheared, tmp_path):
    text = (sheared / "print.txt").read_text()
    (tmp_path / "appended.txt").write_text(text + text)
    table = read_series(tmp_path / "appended.txt")
    once = read_series(sheared / "print.txt")
    pd.testing.assert_frame_equal(table, pd.concat([once, once], ignore_index=True))


LAYOUTS = {
    "as it was": lambda text: text,
    "gzip": gzip.compress,
    "DOS line ends": lambda text: text.replace(b"\n", b"\r\n"),
    "commas": lambda text: text.replace(b"# ", b"").replace(b" ", b","),
    "semicolons": lambda text: text.replace(b"# ", b"").replace(b" ", b" ; "),
    "tabs": lambda text: text.replace(b" ", b"\t"),
    "no sign of a remark": lambda text: text.replace(b"# ", b""),
    "a sign without a blank": lambda text: text.replace(b"# ", b"#"),
    "remarks before": lambda text: b"# made on a Tuesday\n# with care\n" + text,
    "empty lines between rows": lambda text: re.sub(rb"\n(?=[1-9])", b"\n\n", text),
    "a last row that is not whole": lambda text: text + b"2010 1.005 ",
    "columns of one width": lambda text: re.sub(rb" (\S+)", lambda word: b"%28s" % word[1], text),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layout_does_not_matter(sheared, tmp_path, layout):
    path = tmp_path / "table.txt"
    path.write_bytes(LAYOUTS[layout]((sheared / "print.txt").read_bytes()))
    pd.testing.assert_frame_equal(read_series(path), read_series(sheared / "print.txt"))


def test_a_last_number_that_is_cut_is_no_number(sheared, tmp_path):
    """A file that is still written ends where a buffer did, most often within a number."""
    text = (sheared / "print.txt").read_bytes()
    whole = read_series(sheared / "print.txt")
    path = tmp_path / "table.txt"
    for cut in range(len(text) - 30, len(text) - 1):
        path.write_bytes(text[:cut])
        table = read_series(path)
        pd.testing.assert_frame_equal(table, whole[: len(table)])


@settings(derandomize=True, deadline=None, max_examples=100)
@given(cut=st.integers(200, 9000))
def test_a_table_that_is_cut_gives_the_rows_before(tmp_path_factory, sheared, cut):
    text = (sheared / "print.txt").read_bytes()
    path = tmp_path_factory.getbasetemp() / "table.txt"
    path.write_bytes(text[:cut])
    whole, table = read_series(sheared / "print.txt"), read_series(path)
    n_whole = text[:cut].count(b"\n") - 1
    assert n_whole <= len(table) <= n_whole + 1
    pd.testing.assert_frame_equal(table[:n_whole], whole[:n_whole])


def test_the_same_name_twice_means_its_first_column(tmp_path):
    (tmp_path / "table.txt").write_text("step s s\n0 1 2\n1 3 4\n")
    table = read_series(tmp_path / "table.txt")
    assert table.columns.tolist() == ["step", "s"]
    assert table["s"].tolist() == [1, 3]


def test_numbers_that_are_none_stay_none(tmp_path):
    (tmp_path / "table.txt").write_text("step s\n0 nan\n1 -nan\n2 inf\n3 1e-3\n")
    np.testing.assert_array_equal(read_series(tmp_path / "table.txt")["s"], [np.nan, np.nan, np.inf, 1e-3])


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "holds no rows of numbers under a line of names"),
        (b"one two\nthree four\n", "holds no rows of numbers under a line of names"),
        (b"1 2 3\n4 5 6\n", "holds no rows of numbers under a line of names"),
        (b"step s\n", "holds no rows of numbers under a line of names"),
        (b"step stress\n1 2 3\n4 5 6\n", "holds no rows of numbers under a line of names"),
        (b"step s\n0 1\n\0\0\0\0 1\n", "line 3: this is a binary file, not a table"),
        (b"\x89HDF\r\n\x1a\n\0\0", "line 3: this is a binary file, not a table"),
        (b"x" * 2**22, "line 1 has no end: this is not text"),
        (b"\x1f\x8bnothing of the kind", "cannot be read beyond line 1"),
    ],
)
def test_what_is_no_table_is_said(tmp_path, content, sentence):
    path = tmp_path / "table.txt"
    path.write_bytes(content)
    with pytest.raises(MicroslipError, match=sentence) as raised:
        read_series(path)
    assert str(path) in str(raised.value)


def test_a_missing_table_and_a_folder_are_said(tmp_path):
    with pytest.raises(MicroslipError, match="does not exist"):
        read_series(tmp_path / "none.txt")
    with pytest.raises(MicroslipError, match="is a folder"):
        read_series(tmp_path)


edits = st.lists(
    st.tuples(st.floats(0, 1), st.integers(0, 255), st.sampled_from(["put", "insert", "cut out"])), max_size=5
)


@settings(derandomize=True, deadline=None, max_examples=200)
@given(changes=edits)
def test_a_damaged_table_gives_rows_or_a_sentence(tmp_path_factory, sheared, changes):
    text = bytearray((sheared / "log.lammps").read_bytes()[:9000])
    for share, byte, kind in changes:
        at = round(share * (len(text) - 1))
        if kind == "put":
            text[at] = byte
        elif kind == "insert":
            text[at:at] = bytes([byte])
        else:
            del text[at : at + byte]
    path = tmp_path_factory.getbasetemp() / "damaged.log"
    path.write_bytes(text)
    try:
        table = read_series(path)
    except MicroslipError as problem:
        assert str(path) in str(problem)  # noqa: PT017
    else:
        assert len(table)
        assert all(kind.kind == "f" for kind in table.dtypes)
