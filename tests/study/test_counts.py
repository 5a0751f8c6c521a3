"""Counts, sizes and durations of stages of known series, and of whole runs that a study reads."""

import numpy as np
import pandas as pd
import pytest

from microslip import artificial
from microslip.events.time import times
from microslip.study.counts import SIZES, count_stages, known_stresses, measure_counts, slip_durations
from microslip.study.folder import write_results
from microslip.study.plan import load_study

# s rises by 0.004 in 40 samples and falls within 10
PERIOD, RISE, SIZE, STEP = 50, 40, 4e-3, 1e-5


@pytest.fixture
def sawtooth():
    n = 50_001
    phase = np.arange(n) % PERIOD
    stress = 0.3 + SIZE * np.where(phase < RISE, phase / RISE, (PERIOD - phase) / (PERIOD - RISE))
    return {"strain": STEP * np.arange(n), "stress": stress}


def test_a_sawtooth_has_two_stages_a_period_up_to_its_size(sawtooth):
    counts = count_stages(sawtooth["strain"], sawtooth["stress"], 10_000)
    expected = [2 / (PERIOD * STEP) if threshold < SIZE else 0 for threshold in SIZES.values()]
    assert counts["stages_per_strain"].tolist() == pytest.approx(expected, rel=0.005)
    assert (counts["stages_per_strain_error"] < 0.005 * 2 / (PERIOD * STEP)).all()
    assert counts["n_stages"].tolist() == pytest.approx([0.4 * rate for rate in expected], abs=3)


def test_the_error_of_a_count_is_the_scatter_between_repeats(rng):
    def count():
        stress = 0.3 + np.cumsum(rng.normal(0, 2e-4, 50_001))
        return count_stages(STEP * np.arange(50_001), stress).set_index("threshold").loc[1e-3]

    repeats = pd.DataFrame([count() for _ in range(40)])
    scatter = repeats["stages_per_strain"].std()
    assert repeats["stages_per_strain_error"].mean() == pytest.approx(scatter, rel=0.35)


def test_time_is_exact_where_the_rate_goes_evenly_in_time():
    # γ̇ = 1 + 3t, so γ = t + 1.5 t²
    t = np.linspace(0, 2, 30) ** 1.5
    assert times(t + 1.5 * t**2, 1 + 3 * t) == pytest.approx(t)


def test_slips_last_as_long_as_they_do_at_the_rate_of_the_moment(sawtooth):
    strain = sawtooth["strain"]
    # ten times slower while s falls
    slow = np.where(np.arange(len(strain)) % PERIOD < RISE, 2.0, 0.2)
    slips = slip_durations(strain, sawtooth["stress"], times(strain, np.full(len(strain), 0.2)))
    assert slips["size"].to_numpy() == pytest.approx(SIZE)
    assert slips["duration"].to_numpy() == pytest.approx(10 * STEP / 0.2)
    _, of_rate, row = measure_counts({**sawtooth, "shear_rate": slow}, 0)
    assert set(of_rate["unit"]) == {"s"}
    # all but the last of the ten steps are slow, and that one ends at the faster rate
    expected = 9 * STEP / 0.2 + 2 * STEP / 2.2
    assert row["slip_duration_s_walls"] == pytest.approx(expected, abs=2 * STEP / 0.2)
    _, _, row = measure_counts(sawtooth, 0)
    assert row["slip_duration_strain_walls"] == pytest.approx(10 * STEP)


def test_each_stress_that_is_known_is_counted_and_no_other(sawtooth):
    stress = sawtooth["stress"]
    unknown = np.full(len(stress), np.nan)
    both = {**sawtooth, "stress_volume": stress, "stress_bottom": stress + 2e-3, "stress_top": stress - 2e-3}
    assert set(known_stresses(both)) == {"volume", "walls"}
    assert set(known_stresses({**both, "stress_volume": unknown})) == {"walls"}
    assert set(known_stresses({**both, "stress_bottom": unknown, "stress_top": unknown})) == {"volume"}
    counts, _, row = measure_counts(both, 0)
    by_stress = {name: part.drop(columns="stress").reset_index(drop=True) for name, part in counts.groupby("stress")}
    pd.testing.assert_frame_equal(by_stress["volume"], by_stress["walls"])
    assert row["imbalance_rms"] == pytest.approx(2e-3)


def test_runs_from_elsewhere_are_counted_and_compared_and_left_alone(tmp_path):
    for seed in (1, 2):
        artificial.run(tmp_path / f"run{seed}", seed=seed, n_stages=24)
    entries = "".join(f'[[system]]\nname = "s{seed}"\nrun = "run{seed}"\n' for seed in (1, 2))
    (tmp_path / "some.toml").write_text(f'reference = "s1"\n{entries}')
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    study, folder = load_study(tmp_path / "some.toml"), tmp_path / "study"
    folder.mkdir()
    (folder / "study.toml").write_text("steps = []\nsettings = {}\n")
    write_results(study, folder, lambda _: None)
    summary, counts = (pd.read_csv(folder / name) for name in ("summary.csv", "counts.csv"))
    assert summary["system"].tolist() == ["s1", "s2"]
    # the walls' stress and the volume's are the same in these runs, and every stage of them is above 1e-4
    by_stress = counts.pivot(index=["system", "threshold"], columns="stress", values="n_stages")
    assert (by_stress["volume"] == by_stress["walls"]).all()
    assert (by_stress["volume"] > 0).any()
    agreement = pd.read_csv(folder / "agreement.csv")
    assert set(agreement["system"]) == {"s2"}
    assert {"stress", "stages_per_strain_1e-3_volume", "stages_per_strain_1e-3_walls"} <= set(agreement["quantity"])
    assert set(pd.read_csv(folder / "durations.csv")["unit"]) == {"strain"}
    assert (folder / "figures" / "counts.png").stat().st_size > 5000
    assert "Stages by size" in (folder / "report" / "index.html").read_text(encoding="utf-8")
    assert before.items() <= {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}.items()
