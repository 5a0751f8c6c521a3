"""Strain and stress of an imported run: named columns, turned signs, restarts, frames that the table does not reach."""

import re
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microslip import MicroslipError, Source
from microslip.formats.assembly.strain import strain_of_frames, strain_of_samples
from microslip.formats.series.reader import read_series
from microslip.formats.series.stress import read_stress

from .. import importing


def table(folder, rows, names="step strain tau p"):
    path = folder / "series.txt"
    path.write_text("# " + names + "\n" + "".join(" ".join(repr(float(v)) for v in row) + "\n" for row in rows))
    return str(path)


def source(series="", **rest):
    return Source(**{"files": ("frames.dump",), "series": series, "shear_stress": ("tau",), **rest})


STEPS = np.arange(0.0, 110, 10)


@pytest.fixture
def usual(tmp_path):
    rows = np.column_stack([STEPS, STEPS / 1000, np.sin(STEPS), 2 + np.cos(STEPS)])
    return table(tmp_path, rows), rows


def test_columns_are_those_that_are_named(usual):
    path, rows = usual
    found = read_stress(source(path, normal_stress=("p",), strain_column="strain"), 1.0)
    for ours, column in (("step", 0), ("strain", 1), ("shear", 2), ("normal", 3)):
        np.testing.assert_array_equal(getattr(found, ours), rows[:, column])
    assert found.notes == ()
    bare = read_stress(source(path), 1.0)
    assert np.isnan(bare.normal).all()
    assert np.isnan(bare.strain).all()


def test_a_leading_minus_turns_a_column_and_of_several_the_mean_is_taken(usual):
    path, rows = usual
    found = read_stress(source(path, shear_stress=("-tau",), normal_stress=("p", "-tau")), 1.0)
    np.testing.assert_array_equal(found.shear, -rows[:, 2])
    np.testing.assert_allclose(found.normal, (rows[:, 3] - rows[:, 2]) / 2, rtol=1e-15)


def test_forces_are_divided_by_the_area_of_the_walls(usual):
    path, rows = usual
    found = read_stress(source(path, shear_stress=(), shear_force=("tau", "p"), normal_force=("-p",)), 8.0)
    np.testing.assert_allclose(found.shear, (rows[:, 2] + rows[:, 3]) / 16, rtol=1e-15)
    np.testing.assert_allclose(found.normal, -rows[:, 3] / 8, rtol=1e-15)


def test_a_log_of_lammps_needs_no_name_for_its_steps(sheared):
    found = read_stress(source(str(sheared / "log.lammps"), shear_stress=("-Pxz",), strain_column="v_strain"), 1.0)
    np.testing.assert_array_equal(found.step, range(0, 2001, 10))
    log = read_series(sheared / "log.lammps")[5:].drop_duplicates("Step", keep="last")
    np.testing.assert_array_equal(found.shear, -log["Pxz"])
    # five of the run before the steps were counted anew, one where the two runs meet
    assert any("6 of 207 samples are repeated by a later run" in note for note in found.notes)


@settings(derandomize=True, deadline=None, max_examples=100)
@given(parts=st.lists(st.tuples(st.integers(0, 30), st.integers(5, 20)), min_size=1, max_size=5))
def test_after_a_restart_the_later_samples_count(tmp_path_factory, parts):
    """Every part begins at some step and goes on by ones; what follows its first step in earlier parts is replaced."""
    expected, rows = {}, []
    for number, (first, n) in enumerate(parts):
        expected = {step: value for step, value in expected.items() if step < first}
        for step in range(first, first + n):
            expected[step] = number
            rows.append((step, 0, number, 0))
    path = table(tmp_path_factory.getbasetemp(), rows)
    if len(expected) < 2:
        with pytest.raises(MicroslipError, match="two or more are needed"):
            read_stress(source(path), 1.0)
        return
    found = read_stress(source(path), 1.0)
    assert found.step.tolist() == sorted(expected)
    assert found.shear.tolist() == [expected[step] for step in sorted(expected)]
    assert bool(found.notes) == (len(rows) > len(expected))


ORDERS = {
    "by the steps' text": lambda steps: sorted(steps, key=str),
    "falling": lambda steps: steps[::-1],
    "mixed": lambda steps: steps[::2] + steps[1::2][::-1],
}


@pytest.mark.parametrize("order", ORDERS)
def test_rows_in_another_order_are_sorted(tmp_path, order):
    steps = ORDERS[order](list(range(0, 5001, 250)))
    found = read_stress(source(table(tmp_path, [(step, 0, step / 7, 1) for step in steps])), 1.0)
    assert found.step.tolist() == list(range(0, 5001, 250))
    np.testing.assert_array_equal(found.shear, found.step / 7)
    assert any("not in the order of their steps, and are sorted" in note for note in found.notes)


def test_steps_that_are_counted_anew_are_another_run(tmp_path):
    found = read_stress(source(table(tmp_path, [(step, 0, step, 1) for step in [*range(20, 30), *range(10)]])), 1.0)
    assert found.step.tolist() == list(range(10))
    assert any("10 of 20 samples are repeated by a later run" in note for note in found.notes)


def log(folder, text):
    (folder / "log.lammps").write_text(text)
    return str(folder / "log.lammps")


def test_the_second_run_of_a_log_gives_the_stress_and_the_first_the_pressure(tmp_path):
    first = "LAMMPS (x)\nStep Pxz Pzz\n -500 0.0 1.0\n -250 0.0 1.0\n    0 0.0 1.0\nLoop time of 1.0 on 1 procs\n"
    second = "Step Temp Pxz\nWARNING: Too many warnings\n    0 300.0 0.30\n  250 300.0 0.348\nLoop time of 1.0\n"
    path = log(tmp_path, first + second)
    found = read_stress(source(path, shear_stress=("Pxz",), normal_stress=("Pzz",)), 1.0)
    assert found.step.tolist() == [-500, -250, 0, 250]
    assert found.shear.tolist() == [0, 0, 0.3, 0.348]
    assert np.nanmean(found.normal) == 1
    assert any("the normal stress is known in 2 of 4 samples" in note for note in found.notes)


def test_runs_that_name_their_steps_differently_follow_one_another(tmp_path):
    text = "LAMMPS (x)\nStep Pxz\n 0 1\n 1 2\nLoop time of 1\nTimeStep Pxz\n 2 3\n 3 4\nLoop time of 1\n"
    found = read_stress(source(log(tmp_path, text), shear_stress=("Pxz",)), 1.0)
    assert found.step.tolist() == [0, 1, 2, 3]
    assert found.shear.tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("step,tau,Step\n0,1,0\n1,2,10\n", "has the columns Step, step: name the one that counts"),
        ("step,tau,tau\n0,1,2\n1,2,4\n", "has no column tau: it has step, tau (column 2), tau (column 3)"),
        ("step,tau\n0,1\n10,aborted\n", "row 2: tau is 'aborted', not a number"),
        ("step,tau\n0,1\n10 s,2\n", "row 2: step is '10 s', not a number"),
    ],
)
def test_columns_that_do_not_say_what_is_meant_are_refused(tmp_path, text, sentence):
    with pytest.raises(MicroslipError, match=re.escape(sentence)):
        read_stress(source(log(tmp_path, text)), 1.0)


def test_rows_without_a_stress_and_steps_outside_are_left_out(tmp_path):
    rows = [(step, 0.1 * step, np.nan if step == 3 else step, 1) for step in range(10)]
    found = read_stress(source(table(tmp_path, rows), first_step=2, last_step=7), 1.0)
    assert found.step.tolist() == [2, 4, 5, 6, 7]
    assert any("1 of 10 rows hold no" in note for note in found.notes)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"shear_stress": ("sxz",)}, "has no column sxz: it has step, strain, tau, p"),
        ({"normal_stress": ("-szz",)}, "has no column szz"),
        ({"strain_column": "gamma"}, "has no column gamma"),
        ({"step_column": "time"}, "has no column time"),
        (
            {"shear_stress": (), "strain_column": ""},
            "has the columns step, strain, tau, p: name that of the shear stress",
        ),
        ({"first_step": 95}, "holds 1 samples of the stress: two or more"),
    ],
)
def test_what_is_not_there_is_said(usual, settings, sentence):
    path, _ = usual
    with pytest.raises(MicroslipError, match=re.escape(sentence)):
        read_stress(source(path, **settings), 1.0)


def test_a_table_without_steps_is_said(tmp_path):
    path = table(tmp_path, [(0, 0, 0, 0), (1, 1, 1, 1)], "when strain tau p")
    with pytest.raises(MicroslipError, match="has no column Step among when, strain, tau, p"):
        read_stress(source(path), 1.0)
    assert read_stress(source(path, step_column="when"), 1.0).step.tolist() == [0, 1]


def made(step, **rest):
    n = len(step)
    usual = {
        "strain_told": [np.nan] * n,
        "tilt": [0.0] * n,
        "lengths": [(10.0, 8.0, 5.0)] * n,
        "wall_shift": [np.nan] * n,
    }
    return SimpleNamespace(step=list(step), notes=[], **(usual | rest))


def test_strain_is_known_from_the_best_that_there_is(usual):
    path, _ = usual
    steps = [0, 20, 50, 100]
    told = read_stress(source(path, strain_column="strain"), 1.0)
    everything = {"strain_told": [0.5, 0.6, 0.8, 1.0], "tilt": [0.0, 5, 10, 20], "wall_shift": [0.0, 1, 2, 4]}
    frames = made(steps, **everything)
    assert strain_of_frames(frames, source(strain_per_step=0.1), told)[0].tolist() == [0.5, 0.6, 0.8, 1.0]
    del everything["strain_told"]
    frames = made(steps, **everything)
    np.testing.assert_allclose(strain_of_frames(frames, source(strain_per_step=0.1), told)[0], [0, 2, 5, 10])
    np.testing.assert_allclose(strain_of_frames(frames, source(), told)[0], [0, 0.02, 0.05, 0.1])
    np.testing.assert_allclose(strain_of_frames(frames, source(), None)[0], [0, 1, 2, 4])
    del everything["tilt"]
    np.testing.assert_allclose(strain_of_frames(made(steps, **everything), source(), None)[0], [0, 0.2, 0.4, 0.8])
    with pytest.raises(MicroslipError, match="nothing says how far"):
        strain_of_frames(made(steps), source(), None)


def test_strain_that_falls_is_turned_and_one_that_stands_still_is_refused():
    found, origin, _ = strain_of_frames(made([0, 1, 2], tilt=[3.0, 2, 0]), source(), None)
    np.testing.assert_allclose(found, [0, 0.2, 0.6])
    assert "whose sign is turned" in origin
    with pytest.raises(MicroslipError, match=r"does not grow from step 1 \(0\.2\) to 2 \(0\.2\)"):
        strain_of_frames(made([0, 1, 2, 3], tilt=[0.0, 1, 1, 2]), source(), None)


def test_samples_have_the_strain_of_the_frames_at_their_steps(usual):
    path, _ = usual
    found = strain_of_samples(read_stress(source(path), 1.0), np.array([20.0, 40, 80]), np.array([0.0, 0.5, 1.0]))
    np.testing.assert_allclose(found, [np.nan, np.nan, 0, 0.25, 0.5, 0.625, 0.75, 0.875, 1.0, np.nan, np.nan])


@pytest.fixture
def imported(sheared, tmp_path):
    """Import the plain dump of the sheared cell with a table of the stress."""

    usual = {"shear_stress": ("tau",), "normal_stress": ("p",)}
    return lambda **rest: importing.imported(tmp_path, sheared / "plain.dump", **usual | rest)


def smooth_rows(steps, strain):
    return np.column_stack([steps, strain, 1 + 0.3 * np.sin(steps / 60.0), np.full(len(steps), 4.0)])


def test_frames_take_the_sample_nearest_to_them_in_strain(imported, tmp_path):
    steps = np.arange(3, 1998, 7.0)
    store, said = imported(series=table(tmp_path, smooth_rows(steps, 0.0005 * steps)), strain_column="strain")
    strain, sample = store["series/strain"][:], store["frames/sample"][:]
    frames = store["frames/strain"][:]
    # where the samples reach
    for frame in range(1, 40):
        assert sample[frame] == np.abs(strain - frames[frame]).argmin()
    np.testing.assert_allclose(store["series/stress"][:], (1 + 0.3 * np.sin(steps / 60)) / 4, rtol=1e-12)
    np.testing.assert_allclose(store["series/normal_stress"][:], 1)
    assert store.attrs["pressure"] == 4
    assert any("p = 4 in the file's stresses, the mean normal stress" in one for one in said)


@pytest.mark.parametrize(
    ("settings", "p", "known", "sentence"),
    [
        ({"normal_stress": ("one",)}, 1, True, "p = 1 in the file's stresses, the mean normal stress"),
        ({"pressure": 1.0}, 1, True, ""),
        ({"pressure": "none"}, 1, False, "stresses are in the files' own unit: source.pressure = none"),
        ({"normal_stress": ()}, 1, False, "no p is known: stresses are in the file's own unit"),
        ({"normal_stress": ("swings",)}, 1, False, "sets no scale"),
        ({}, 4, True, "p = 4 in the file's stresses"),
    ],
)
def test_a_pressure_of_one_is_one(imported, tmp_path, settings, p, known, sentence):
    """In reduced units p is 1 more often than not; that none is known is said by something else."""
    steps = np.arange(0, 2001, 10.0)
    rows = np.column_stack([smooth_rows(steps, 0.0005 * steps), np.ones(len(steps)), np.cos(steps)])
    store, said = imported(
        series=table(tmp_path, rows, "step strain tau p one swings"), density=1.0, shear_rate=1e-3, **settings
    )
    assert store.attrs["pressure"] == p
    assert store.attrs["pressure_known"] is known
    assert ("inertial_number" in store.attrs) == known
    assert any(sentence in one for one in said)
    np.testing.assert_allclose(store["series/stress"][:], rows[:, 2] / p)


@pytest.mark.parametrize("pressure", [0, -1.0, "high", [1.0], True, float("nan"), float("inf")])
def test_what_is_no_pressure_is_refused(pressure):
    with pytest.raises(ValueError, match="is no pressure: give a positive number, or none"):
        source(pressure=pressure)


def test_a_stress_that_is_negative_on_the_whole_is_turned(imported, tmp_path):
    rows = smooth_rows(np.arange(0, 2001, 10.0), np.zeros(201))
    rows[:, 2] *= -1
    store, said = imported(series=table(tmp_path, rows), pressure=2.0)
    np.testing.assert_allclose(store["series/stress"][:], -rows[:, 2] / 2)
    np.testing.assert_allclose(store["series/strain"][:], 0.0005 * rows[:, 0], atol=1e-12)
    assert any("its sign is turned, so that it resists the shear" in one for one in said)


def test_a_strain_column_that_falls_is_turned_for_samples_and_frames(imported, tmp_path):
    steps = np.arange(0, 2001, 10.0)
    store, _ = imported(series=table(tmp_path, smooth_rows(steps, -0.0005 * steps)), strain_column="strain")
    assert (np.diff(store["series/strain"][:]) > 0).all()
    np.testing.assert_array_equal(store["frames/sample"][:], range(0, 201, 5))


def test_frames_that_the_table_does_not_reach_are_said(imported, tmp_path):
    """As where a log was lost or is still written: their stress is not that of the last sample."""
    steps = np.arange(300, 1001, 10.0)
    store, said = imported(series=table(tmp_path, smooth_rows(steps, 0.0005 * steps)))
    sample = store["frames/sample"][:]
    outside = (store["frames/step"][:] > 1000) | (store["frames/step"][:] < 300)
    assert (
        any("frames" in one and ("beyond" in one or "outside" in one) for one in said)
        or not np.isfinite(store["series/stress"][:][sample[outside]]).any()
    )


def test_a_strain_column_of_the_later_of_two_runs_is_taken_from_there_on(imported, tmp_path):
    """A log whose first run, before the shear, prints no strain."""
    (tmp_path / "log").write_text(
        "Step tau p\n"
        + "".join(f"{step} 0.1 4\n" for step in range(-50, 0, 10))
        + "Loop time\nStep tau p strain\n"
        + "".join(f"{step} {1 + step % 70} 4 {step * 0.002}\n" for step in range(0, 2001, 10))
    )
    store, _ = imported(series=str(tmp_path / "log"), strain_column="strain")
    np.testing.assert_allclose(store["frames/strain"][:], 0.1 * np.arange(41), atol=1e-12)


def test_a_strain_column_of_few_digits_still_rises(imported, tmp_path):
    """LAMMPS prints six digits: strains of 0.1 and more repeat in samples that are 1e-7 apart."""
    steps = np.arange(0, 2001, 10.0)
    rows = smooth_rows(steps, np.round(0.0005 * steps, 2))
    store, _ = imported(series=table(tmp_path, rows), strain_column="strain")
    assert (np.diff(store["series/strain"][:]) > 0).all()


def test_strains_of_a_phase_that_is_left_out_do_not_count(imported, tmp_path):
    """A cell sheared back and forth before its strain is counted anew: source.first_step says where that is."""
    before, after = np.arange(-1000, 0, 10.0), np.arange(0, 2001, 10.0)
    strain = np.concatenate([0.9 + 1e-4 * before, 0.0005 * after])
    rows = smooth_rows(np.concatenate([before, after]), strain)
    store, _ = imported(series=table(tmp_path, rows), strain_column="strain", first_step=0)
    np.testing.assert_allclose(store["series/strain"][:], 0.0005 * after, atol=1e-12)
    np.testing.assert_array_equal(store["frames/sample"][:], range(0, 201, 5))


def test_a_table_of_other_steps_is_refused(imported, tmp_path):
    steps = np.arange(10_000, 20_000, 100.0)
    with pytest.raises(MicroslipError, match=r"they have no steps in common; check source\.step_column"):
        imported(series=table(tmp_path, smooth_rows(steps, steps)))


def test_without_a_stress_that_is_said(imported):
    store, said = imported(shear_stress=(), normal_stress=())
    assert np.isnan(store["series/stress"][:]).all()
    np.testing.assert_array_equal(store["series/strain"][:], store["frames/strain"][:])
    np.testing.assert_array_equal(store["frames/sample"][:], range(41))
    assert any("no stress is known: stages are windows of strain" in one for one in said)


def test_a_table_of_the_strain_alone_tells_it(imported, tmp_path):
    steps = np.arange(0, 2001, 10.0)
    path = table(tmp_path, smooth_rows(steps, 0.002 * steps))
    store, said = imported(series=path, shear_stress=(), normal_stress=(), strain_column="strain")
    np.testing.assert_allclose(store["frames/strain"][:], np.linspace(0, 4, 41), atol=1e-12)
    assert np.isnan(store["series/stress"][:]).all()
    assert any("by the column strain of the series" in one for one in said)
    assert any("no stress is known" in one for one in said)


def test_inertial_and_stiffness_numbers_from_what_they_are_made_of(imported):
    store, _ = imported(
        shear_stress=(),
        normal_stress=(),
        pressure=1e7,
        length=1e-3,
        density=2900.0,
        shear_rate=10.0,
        youngs_modulus=65e9,
        poisson_ratio=0.25,
    )
    assert store.attrs["inertial_number"] == pytest.approx(10 * 1e-3 * np.sqrt(2900 / 1e7))
    assert store.attrs["stiffness_number"] > 100
