import numpy as np
import pandas as pd
import pytest

from microslip.study.summary import convergence, exceedance, slip_sizes, summarise_series

# A sawtooth: s rises by 0.004 in 40 samples and falls within 10; every swing is above every threshold.
PERIOD, RISE, SIZE = 50, 40, 4e-3


@pytest.fixture
def sawtooth():
    n = 50_001
    phase = np.arange(n) % PERIOD
    stress = 0.3 + SIZE * np.where(phase < RISE, phase / RISE, (PERIOD - phase) / (PERIOD - RISE))
    strain = 1e-5 * np.arange(n)
    return {"strain": strain, "stress": stress, "normal_stress": np.ones(n), "solid_fraction": np.full(n, 0.6)}


def test_a_sawtooth_has_its_known_numbers(sawtooth):
    row = summarise_series(sawtooth, 10_000)
    assert row["steady_strain"] == pytest.approx(0.4)
    assert row["n_blocks"] == 8
    assert row["stress"] == pytest.approx(0.3 + SIZE / 2, rel=1e-3)
    assert row["stress_deviation"] == pytest.approx(SIZE / np.sqrt(12), rel=1e-2)
    assert row["solid_fraction"] == pytest.approx(0.6)
    assert row["solid_fraction_error"] == pytest.approx(0, abs=1e-12)
    for name in ("1e-4", "3e-4", "1e-3", "3e-3"):
        # two stages per period of 50 samples, but for those that the two ends cut
        assert row[f"stages_per_strain_{name}"] == pytest.approx(2 / (PERIOD * 1e-5), rel=0.005)
        # a regular series has no scatter of counts, where Poisson's would be √1600
        assert row[f"stages_per_strain_{name}_error"] < 0.005 * 2 / (PERIOD * 1e-5)
    assert row["mean_slip_1e-3"] == pytest.approx(SIZE)
    assert row["slip_99_1e-3"] == pytest.approx(SIZE)
    assert row["n_slips_1e-4"] == pytest.approx(800, abs=2)
    assert row["one_sample_1e-4"] == 0


def test_a_warm_up_with_samples_at_other_strains_leaves_the_rate_of_stages(sawtooth):
    before = summarise_series(sawtooth, 10_000)
    strain = sawtooth["strain"].copy()
    strain[:10_000] = 0.5 * strain[:10_000] + 0.5 * strain[10_000]
    found = summarise_series({**sawtooth, "strain": strain}, 10_000)
    for name in ("1e-4", "1e-3"):
        assert found[f"stages_per_strain_{name}"] == pytest.approx(before[f"stages_per_strain_{name}"], rel=1e-9)


def test_the_number_of_stages_falls_with_the_threshold(rng):
    n = 40_001
    stress = 0.3 + np.cumsum(rng.normal(0, 2e-4, n))
    series = {"strain": 1e-5 * np.arange(n), "stress": stress, "normal_stress": stress, "solid_fraction": stress}
    row = summarise_series(series, 0)
    rates = [row[f"stages_per_strain_{name}"] for name in ("1e-4", "3e-4", "1e-3", "3e-3")]
    assert rates == sorted(rates, reverse=True)
    assert row["slip_99_1e-3"] > row["mean_slip_1e-3"] > row["mean_slip_1e-4"] > 0
    assert row["mean_slip_1e-4_error"] > 0


def test_a_short_or_still_series_has_no_error_and_no_slip():
    n = 2001
    still = {name: np.ones(n) for name in ("stress", "normal_stress", "solid_fraction")}
    row = summarise_series({"strain": 1e-5 * np.arange(n), **still}, 1000)
    assert row["stress"] == 1
    assert np.isnan(row["stress_error"])
    assert row["stages_per_strain_1e-4"] == 0
    assert np.isnan(row["mean_slip_1e-4"])
    assert slip_sizes(1e-5 * np.arange(n), still["stress"]).empty


def test_shares_of_slips_are_counted():
    table = exceedance(np.array([1.0, 3.0, 2.0, 3.0]))
    assert table["size"].tolist() == [1, 2, 3, 3]
    assert table["fraction"].tolist() == [1, 0.75, 0.5, 0.5]
    assert table["n_slips"].tolist() == [4, 3, 2, 2]


def test_a_power_law_has_its_slope_and_a_curve_few_points(rng):
    table = exceedance(1e-4 * (1 + rng.pareto(1.5, 100_000)))
    assert len(table) <= 200
    assert table["fraction"].iloc[0] == 1
    assert (table["size"].diff().dropna() >= 0).all()
    middle = table[(table["fraction"] < 0.5) & (table["fraction"] > 1e-3)]
    slope = np.polyfit(np.log(middle["size"]), np.log(middle["fraction"]), 1)[0]
    assert slope == pytest.approx(-1.5, abs=0.1)


def test_each_system_is_compared_with_the_last():
    table = pd.DataFrame(
        {
            "system": ["fast", "slow", "slowest"],
            "stress": [0.40, 0.349, 0.34],
            "stress_error": [0.003, 0.004, 0.003],
            "xi_slip": [2.0, np.nan, 2.1],
            "xi_slip_error": [0.1, np.nan, 0.1],
            "xi_stick": [1.0, 1.0, np.nan],
            "xi_stick_error": [0.1, 0.1, np.nan],
        }
    )
    found = convergence(table).set_index(["quantity", "system"])
    assert found.loc[("stress", "fast"), "difference"] == pytest.approx(0.06)
    assert found.loc[("stress", "slow"), "standard_error"] == pytest.approx(0.005)
    assert found["within_two_errors"].to_dict() == {
        ("stress", "fast"): "no",
        ("stress", "slow"): "yes",
        ("xi_slip", "fast"): "yes",
        ("xi_slip", "slow"): "",
    }
