"""Tables over time steps: what LAMMPS and LIGGGHTS wrote, continued, cut and damaged."""

import gzip
import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microslip import MicroslipError
from microslip.formats.series.reader import read_series


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


def test_of_one_name_twice_the_column_that_is_meant_must_be_named(tmp_path):
    (tmp_path / "table.txt").write_text("step s s step\n0 1 2 0\n1 3 4 1\n")
    table = read_series(tmp_path / "table.txt")
    assert table.columns.tolist() == ["step", "s (column 2)", "s (column 3)"]
    assert table["s (column 3)"].tolist() == [2, 4]


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


def read(folder, text):
    """The table of a text, and what was said of it."""
    path, notes = folder / "table.txt", []
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_series(path, notes.append), notes


def rows_of(names, *rows):
    return pd.DataFrame(np.array(rows, dtype=float), columns=names)


LOOP = "Loop time of 1.0 on 1 procs for 2 steps with 4 atoms\n"
MEMORY = "Per MPI rank memory allocation (min/avg/max) = 3.1 | 3.1 | 3.1 Mbytes\n"
WARNING = "WARNING: Too many warnings: 106 vs 100. All future warnings will be suppressed (src/thermo.cpp:461)\n"
FIRST = "   Step Pxz Pzz\n      0 0.1 1.0\n     10 0.2 1.0\n"
# The second run of a log, under its own names whatever they are and whatever stands before and behind them.
SECOND_RUNS = {
    "a warning under the names": LOOP + "   Step Temp Pxz\n" + WARNING + "ROWS",
    "two lines under the names": LOOP + "   Step Temp Pxz\nWARNING: so\nFor more information see a page\nROWS",
    "no word on the end of the first": "   Step Temp Pxz\n" + WARNING + "ROWS",
    "names that do not begin with the step": LOOP + "   Temp Step Pxz\nROWS",
    "no step at all": LOOP + "   Time Temp Pxz\nROWS",
    "no name known": LOOP + MEMORY + "   t T tau\nROWS",
    "no end and one known name": "   Time Temp Pxz\nROWS",
    "another program start": "LAMMPS (2 Aug 2023)\nrun 10\n" + MEMORY + "   t T tau\n" + WARNING + "ROWS",
    "LIGGGHTS": LOOP + "Setting up run at Tue\n\nMemory usage per processor = 10.3 Mbytes\n   Step T tau\nROWS",
    "the first cut within a line": "     20 0.3LAMMPS (2 Aug 2023)\n" + MEMORY + "   Step Temp Pxz\nROWS",
    "the names behind a row that was cut": "     20 0.3Step Temp Pxz\nROWS",
    "words of the same number between": LOOP + "Grains settled now\n" + MEMORY + "   t T tau\nROWS",
    "a minimisation before": LOOP + "  Energy initial, next-to-last, final =\n  -6.3 -6.3 -6.3\n   Step T tau\nROWS",
    "blanks in names": LOOP + MEMORY + "   Step      my temp      Pxz\nROWS",
}


@pytest.mark.parametrize("layout", SECOND_RUNS)
def test_a_second_run_is_read_under_its_own_names(tmp_path, layout):
    rows = "      0 300.0 0.3\n      5 301.0 0.4\n"
    text = "LAMMPS (2 Aug 2023)\n" + FIRST + SECOND_RUNS[layout].replace("ROWS", rows) + LOOP
    table, _ = read(tmp_path, text)
    title = next(line for line in text.splitlines()[4:] if re.search(r"(Temp|T|temp) .*(Pxz|tau)", line))
    names = re.split(r"\s{2,}" if "my temp" in title else r"\s+", re.sub(r".*0\.3(?=Step)", "", title).strip())
    pd.testing.assert_frame_equal(
        table[names][2:].reset_index(drop=True), rows_of(names, (0, 300, 0.3), (5, 301, 0.4)), check_names=False
    )
    assert table["Pzz"].tolist()[:2] == [1, 1]
    assert table["Pzz"][2:].isna().all()


def test_a_run_with_a_warning_under_its_names_is_read(tmp_path):
    table, notes = read(tmp_path, "Step Pxz\n" + WARNING + "0 0.1\n10 0.2\n")
    pd.testing.assert_frame_equal(table, rows_of(["Step", "Pxz"], (0, 0.1), (10, 0.2)))
    assert notes == []


def test_what_may_be_a_remark_or_other_names_is_refused(tmp_path):
    with pytest.raises(MicroslipError, match="line 4: 'Grains settled now' among rows of 3 columns may be a remark"):
        read(tmp_path, "Step Pxz Pzz\n0 0.1 1\n10 0.2 1\nGrains settled now\n20 0.3 1\n")


def test_numbers_that_fix_print_puts_into_a_log_are_no_rows_of_it(tmp_path):
    """LAMMPS writes its rows in columns; a line of fix print begins at the edge, with other values in other order."""
    rows = "".join(f"{step} 9.0 9.0\n{step:>10}   0.{step}   1.0\n" for step in range(100, 1200, 100))
    table, notes = read(tmp_path, f"LAMMPS (x)\n{MEMORY}   Step   Pxz   Pzz\n         0   0.0   1.0\n{rows}{LOOP}")
    assert table["Step"].tolist() == list(range(0, 1200, 100))
    assert (table["Pzz"] == 1).all()
    path = tmp_path / "table.txt"
    assert notes == [f"{path}: 11 lines of numbers under no names left out, the first line 5: '100 9.0 9.0'"]


@pytest.mark.parametrize("line", ["10,0.5,0.5", "10, 0.5, 0.5", "10,5", "10;0.5;0.5"])
def test_lines_with_commas_in_a_log_are_no_rows_of_it(tmp_path, line):
    table, notes = read(tmp_path, "LAMMPS (x)\n" + FIRST.replace("     10", line + "\n     10") + LOOP)
    assert table["Step"].tolist() == [0, 10]
    assert notes == [f"{tmp_path}/table.txt: 1 line of numbers under no names left out, the first line 4: {line!r}"]


def test_style_multi_between_other_runs(tmp_path):
    def block(step, *pairs):
        head = f"------------ Step {step:>14} ----- CPU = {0.5:12.7g} (sec) -------------\n"
        return head + "".join(
            f"{name:<8} = {value:>14} " + "\n" * (n % 3 == 2) for n, (name, value) in enumerate(pairs)
        )

    def full(step):
        pairs = (("TotEng", -4.6), ("KinEng", 2.1), ("c_s[1]", step / 10), ("v_x", "1e-3"), ("Press", "nan"))
        return block(step, *pairs) + "\n"

    multi = full(20) + "WARNING: so it is\n20 0.5 0.5\n" + full(30) + block(40, ("TotEng", -4.6)) + "\n"
    table, notes = read(tmp_path, "LAMMPS (x)\n" + FIRST + LOOP + MEMORY + multi + LOOP + FIRST + LOOP)
    assert table["Step"].tolist() == [0, 10, 20, 30, 0, 10]
    assert table["c_s[1]"][2:4].tolist() == [2, 3]
    assert table["v_x"][2:4].tolist() == [1e-3, 1e-3]
    assert table["CPU"][2:4].tolist() == [0.5, 0.5]
    assert table["Press"].isna().all()
    assert table["Pxz"].isna().tolist() == [False, False, True, True, False, False]
    assert any("the block of step 40 is cut, and left out" in note for note in notes)
    assert any("1 line of numbers under no names left out, the first line 11: '20 0.5 0.5'" in note for note in notes)


YAML_ROWS = "  - [0, 0.3, .nan, ]\n" + WARNING + "7 8 9\n  - [250, 0.35, -1e-3, ]\n"
YAML = "---\nkeywords: ['Step', 'my tau, in Pa', \"v_p\", ]\ndata:\n" + YAML_ROWS


@pytest.mark.parametrize(
    "text",
    [
        YAML + "...\n",
        YAML,
        "# Time-averaged data for fix 1\n# TimeStep a b\n" + YAML,
        "LAMMPS (x)\n" + MEMORY + YAML + "...\n" + LOOP,
    ],
)
def test_thermo_output_in_yaml(tmp_path, text):
    table, _ = read(tmp_path, text)
    pd.testing.assert_frame_equal(
        table, rows_of(["Step", "my tau, in Pa", "v_p"], (0, 0.3, np.nan), (250, 0.35, -1e-3))
    )


def test_yaml_among_other_runs_and_with_other_columns(tmp_path):
    text = "LAMMPS (x)\n" + FIRST + LOOP + YAML + "...\n" + LOOP + YAML.replace("v_p", "Pzz") + "...\n" + FIRST + LOOP
    table, _ = read(tmp_path, text)
    assert table["Step"].tolist() == [0, 10, 0, 250, 0, 250, 0, 10]
    np.testing.assert_array_equal(table["Pzz"], [1, 1, np.nan, np.nan, np.nan, -1e-3, 1, 1])


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("keywords:\n- Step\n- Pxz\ndata:\n- - 0\n  - 0.3\n", "line 1: this is not the YAML that LAMMPS writes"),
        ("keywords: ['Step', 'Pxz']\ndata:\n- - 0\n  - 0.3\n", "line 3: this is not the YAML that LAMMPS writes"),
        ("keywords: ['c_1', ]\ndata:\n  10:\n  - [0.25, ]\n", "line 3: several rows belong to one time step"),
        ("# TimeStep Number-of-rows\n# Row c_1 c_2\n10 2\n1 2 3\n2 3 4\n", "line 3: several rows belong to one"),
        (YAML + "  - [500, 0.3, ]\n", "line 8: '- [500, 0.3, ]' does not fit the names Step, my tau, in Pa, v_p"),
        (YAML + "  - [500, 0.3\n", "line 8: '- [500, 0.3' does not fit the names"),
    ],
)
def test_rows_that_are_laid_out_otherwise_are_refused(tmp_path, text, sentence):
    with pytest.raises(MicroslipError, match=re.escape(sentence)):
        read(tmp_path, text)


STEPS = [0, 250, 500, 1000]
TAU = [0.0, 0.348, 0.4, 3.479]


def comma(number):
    return f"{number:g}".replace(".", ",")


def lines(names, separator, values=lambda number: f"{number:g}"):
    return (
        names + "\n" + "".join(separator.join(map(values, (s, t, 1))) + "\n" for s, t in zip(STEPS, TAU, strict=True))
    )


TABLES = {
    "decimal commas": lines("step;tau;p", ";", comma),
    "decimal commas, tabs": lines("step\ttau\tp", "\t", comma),
    "decimal commas, blanks": lines("step tau p", "  ", comma),
    "decimal commas in quotes": lines("step,tau,p", ",", lambda number: f'"{comma(number)}"'),
    "byte-order mark": b"\xef\xbb\xbf" + lines("step,tau,p", ",").encode(),
    "byte-order mark before #": b"\xef\xbb\xbf" + lines("# step tau p", " ").encode(),
    "quoted names": lines('"step","tau","p"', ","),
    "all quoted": lines('"step";"tau";"p"', ";", lambda number: f'"{number:g}"'),
    "DOS line ends": lines("step,tau,p", ",").replace("\n", "\r\n"),
    "old line ends": lines("step,tau,p", ",").replace("\n", "\r") + "\n",
    "separators at the end": lines("step,tau,p", ",").replace("\n", ",\n"),
    "separators at the end of rows": lines("step,tau,p", ",").replace("\n", ",\n").replace("p,\n", "p\n"),
    "NumPy's title over blanks": lines("# step,tau,p", " "),
    "units": lines("step;tau;p\n-;Pa;Pa", ";"),
    "units in brackets": lines("step tau p\n[-] [Pa] [Pa]", " "),
    "remarks behind rows": lines("step tau p", " ").replace(" 1\n", " 1 # so\n"),
    "remarks behind cells": lines("step,tau,p", ",").replace(",1\n", ",1  # so, so\n"),
    "decimals in threes, and thousands without a sign": lines("step;tau;p", ";", comma).replace("0,4;", "1,400;"),
    "remarks": lines("# a table\nmade by me\nstep,tau,p\n# of grains", ","),
    "the title again in its midst": lines("step,tau,p", ",").replace("500,", "step,tau,p\n500,"),
    "rows without anything": lines("step,tau,p", ",").replace("500,", ",,\n500,"),
    "for a spreadsheet": "sep=;\n" + lines("step;tau;p", ";", comma),
    "exponents": lines("step;tau;p", ";", lambda number: f"{number:.12e}".replace(".", ",")),
}


@pytest.mark.parametrize("layout", TABLES)
def test_every_row_of_a_table_is_read(tmp_path, layout):
    table, _ = read(tmp_path, TABLES[layout])
    tau = [0, 0.348, 1.4 if "threes" in layout else 0.4, 3.479]
    expected = rows_of(["step", "tau", "p"], *zip(STEPS, tau, [1] * 4, strict=True))
    pd.testing.assert_frame_equal(table, expected, check_exact=True)


def test_names_may_hold_blanks_and_separators(tmp_path):
    names = 'Step;"shear stress; mean";normal, all [kPa]'
    table, _ = read(tmp_path, lines(names, ";", comma))
    assert table.columns.tolist() == ["Step", "shear stress; mean", "normal, all [kPa]"]
    assert table["shear stress; mean"].tolist() == TAU


def test_empty_cells_and_words_leave_their_rows(tmp_path):
    text = ",step,phase,tau,p\n0,0,filling,0,\n1,250,,0.348,NA\n2,500,shear,,1\n3,1000,shear,3.479,nan\n"
    table, _ = read(tmp_path, text)
    assert table.columns.tolist() == ["column 1", "step", "phase", "tau", "p"]
    assert table["step"].tolist() == STEPS
    np.testing.assert_array_equal(table["tau"], [0, 0.348, np.nan, 3.479])
    np.testing.assert_array_equal(table["p"], [np.nan, np.nan, 1, np.nan])
    assert table["phase"][0] == "filling"


def test_empty_cells_between_tabs(tmp_path):
    table, _ = read(tmp_path, "step\ttau\tp\n0\t0.3\t1\n250\t\t1\n500\t0.4\t\n")
    np.testing.assert_array_equal(table.to_numpy(), [[0, 0.3, 1], [250, np.nan, 1], [500, 0.4, np.nan]])


def test_rows_of_a_run_without_names_are_counted(tmp_path):
    energies = "  Energy initial, next-to-last, final =\n  -6.3 -6.3 -6.3\n"
    table, notes = read(tmp_path, "LAMMPS (x)\n" + FIRST + LOOP + energies + "500 300 0.4\n750 300 0.5\n")
    assert len(table) == 2
    assert notes == [
        f"{tmp_path}/table.txt: 2 lines of numbers under no names left out, the first line 8: '500 300 0.4'"
    ]


def test_a_line_of_units_is_said(tmp_path):
    _, notes = read(tmp_path, TABLES["units"])
    assert notes == [f"{tmp_path}/table.txt, line 2: '-;Pa;Pa' is passed over: the names stand above it"]


def test_a_last_row_without_an_end_is_said(tmp_path):
    table, notes = read(tmp_path, lines("step,tau,p", ",").rstrip("\n"))
    assert len(table) == 3
    assert notes == [f"{tmp_path}/table.txt, line 5: the last row has no end of line and may be cut: it is left out"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('step,tau\n750,0.5\n"1,000",0.3\n', "line 3: '1,000' has a comma in it, and numbers of line 2 have a point"),
        ('step,tau\n750,5\n"1,000",3\n', "line 3: '1,000' may be 1000 or 1.000"),
        ("step;tau\n750;0.5\n1,000;0.3\n", "line 3: '1,000' has a comma in it"),
        ("step;tau\n750;5\n1,000;3\n", "line 3: '1,000' may be 1000 or 1.000"),
        ("step tau\n750 5\n1,000 3\n", "line 3: '1,000' may be 1000 or 1.000"),
        ("step;tau\n750;5\n1.000;3\n", "line 3: '1.000' may be 1000 or 1"),
        ("step;tau\n750;0,5\n1.000;0,3\n", "'0,5' has a comma in it, and numbers of line 3 have a point"),
        ('step,tau\n750,5\n"1,000,000",3\n', "line 3: '1,000,000' has signs between its thousands"),
        ("step;tau\n750;5\n1.234,5;3\n", "line 3: '1.234,5' has signs between its thousands"),
        ("step,tau\n750,5\n1,000,3\n", "line 3: '1,000,3' does not fit the names step, tau"),
        ("step;tau;p\n750;5;1\n1000;3\n", "line 3: '1000;3' does not fit the names step, tau, p"),
        ("step tau\n750 5\n1 000 3\n", "line 3: '1 000 3' does not fit the names step, tau"),
        ("step tau\n750 5\n1000 ***\n", "line 3: '1000 ***' does not fit the names step, tau"),
        ("step,tau,p\n0,0.3,1\n250;0.35;1\n500,0.4,1\n", "line 3: '250;0.35;1' does not fit the names step, tau, p"),
        ("step tau p\n0 0.3 1\n250,0.35,1\n500 0.4 1\n", "line 3: '250,0.35,1' has signs between its thousands"),
        ("step shear stress\n750 5\n", "holds no rows of numbers under a line of names"),
        ("# Fix print output for fix p\n0 1 2 3 4 5\n1 2 3 4 5 6\n", "holds no rows of numbers under a line of names"),
        ("step,tau\n0,1\n1,2\n".encode("utf-16"), "is text in UTF-16: save it as UTF-8"),
        ("step,tau\n0,1\n1,2\n".encode("utf-16-le"), "line 1: this is a binary file, not a table"),
    ],
)
def test_tables_that_can_be_read_in_two_ways_are_refused(tmp_path, text, sentence):
    with pytest.raises(MicroslipError, match=re.escape(sentence)):
        read(tmp_path, text)


@settings(derandomize=True, deadline=None, max_examples=200)
@given(
    rows=st.lists(
        st.lists(st.floats(allow_infinity=False, width=32) | st.integers(-(10**6), 10**6), min_size=3, max_size=3),
        min_size=1,
        max_size=8,
    ),
    separator=st.sampled_from([",", ";", "\t", " ", "  ", " ; "]),
    decimal=st.sampled_from([".", ","]),
    quoted=st.booleans(),
)
def test_a_table_gives_all_its_numbers_or_a_sentence(tmp_path_factory, rows, separator, decimal, quoted):
    """Whatever its separators: no row is lost and no number is another one."""
    if separator == "," and not quoted:
        decimal = "."
    words = [[repr(value).replace(".", decimal) for value in row] for row in rows]
    words = [[f'"{word}"' if quoted else word for word in row] for row in words]
    text = separator.join(("Step", "a", "b")) + "\n" + "".join(separator.join(row) + "\n" for row in words)
    try:
        table, _ = read(tmp_path_factory.getbasetemp(), text)
    except MicroslipError as problem:
        assert decimal == "," and ("has a comma" in str(problem) or "may be" in str(problem))  # noqa: PT017, PT018
    else:
        np.testing.assert_array_equal(table.to_numpy(), np.array(rows, dtype=float))
