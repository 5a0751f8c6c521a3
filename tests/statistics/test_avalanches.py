"""A critical branching process is mean field's avalanche: its exponents, shape and waiting come back."""

import numpy as np
import pandas as pd
import pytest

from microslip.core.errors import MicroslipError
from microslip.statistics.avalanches import fit_cut_law, gamma_shape, law_sums, laws, mean_shapes, numbers, slips_of
from microslip.study.avalanche_scaling import scaling

UNIT = 1e-3


def branching(rng, n, mean=0.985):
    """Grains that slip in each generation of `n` avalanches; each makes `mean` others slip."""
    avalanches = []
    for _ in range(n):
        course = [1]
        while course[-1]:
            course.append(int(rng.poisson(mean * course[-1])))
        avalanches.append(course[:-1])
    return avalanches


def series_of(avalanches, waiting):
    """The stress rises in one step by what the next avalanche takes off it, a generation after the other."""
    strain, stress = [0.0], [1.0]
    for course, wait in zip(avalanches, waiting, strict=True):
        strain.append(strain[-1] + wait)
        stress.append(1.0 + UNIT * sum(course))
        for fallen in course:
            strain.append(strain[-1] + 1e-9)
            stress.append(stress[-1] - UNIT * fallen)
    strain.append(strain[-1] + 1.0)
    stress.append(2.0)
    # generations are as long as each other, and the time of a stick does not matter
    return np.array(strain), np.array(stress), np.arange(len(strain), dtype=float)


@pytest.fixture(scope="module")
def mean_field():
    rng = np.random.default_rng(3)
    waiting = rng.exponential(1e-3, 6000)
    series = series_of(branching(rng, 6000), waiting)
    slips = slips_of(*series, UNIT / 2)
    return series, slips, np.arange(len(slips)) * 12 // len(slips), waiting


def test_slips_are_the_avalanches(mean_field):
    (strain, _, _), slips, _, waiting = mean_field
    assert len(slips) == 6000
    np.testing.assert_allclose(slips["waiting"].to_numpy()[1:], waiting[1:], rtol=1e-6)
    assert (slips["middle"] < strain[-1]).all()


def test_the_exponents_of_mean_field_come_back(mean_field):
    _, slips, block, _ = mean_field
    table = laws(slips, block, {"size": 10 * UNIT, "duration": 8.0}).set_index("quantity")
    assert table.loc["size", "exponent"] == pytest.approx(1.5, abs=0.08)
    assert table.loc["duration", "exponent"] == pytest.approx(2.0, abs=0.3)
    assert table.loc["size", "mean_field_p"] > 0.01
    # of Poisson's offspring with a mean m, ln m − m + 1 to first order: half the squared distance from 1
    assert table.loc["size", "cutoff"] == pytest.approx(2 * UNIT / 0.015**2, rel=0.5)
    for name in ("size", "duration"):
        assert table.loc[name, "exponent_low"] < table.loc[name, "exponent"] < table.loc[name, "exponent_high"]
        assert table.loc[name, "exponent_high"] - table.loc[name, "exponent_low"] < 0.8


def test_sizes_durations_and_waiting_go_as_they_should(mean_field):
    _, slips, block, _ = mean_field
    table = numbers(slips, block).set_index("quantity")
    assert table.loc["size_by_duration", "value"] == pytest.approx(2, abs=0.35)
    assert table.loc["waiting_shape", "value"] == pytest.approx(1, abs=0.06)
    assert table.loc["waiting_shape", "value_low"] < 1 < table.loc["waiting_shape", "value_high"]
    assert table.loc["after_large", "value_low"] < 1 < table.loc["after_large", "value_high"]


def test_the_mean_shape_of_long_avalanches_is_near_a_parabola(mean_field):
    (_, stress, time), slips, block, _ = mean_field
    shapes = mean_shapes(time, stress, slips, block)
    longest = shapes[shapes["group"] == 3]
    assert np.corrcoef(longest["rate"], longest["parabola"])[0, 1] > 0.9
    assert abs(longest["asymmetry"].iloc[0]) < 0.06
    np.testing.assert_allclose(shapes.groupby("group")["rate"].mean(), 1)


def test_a_planted_asymmetry_is_found(rng):
    """Falls that are fast first, s = 1 − u², and u = 0 at the start: f = 2 (1 − u), whose ∫ u f is a third."""
    u = np.linspace(0, 1, 41)
    piece = 0.01 * (1 - u) ** 2
    stress = np.concatenate([piece] * 60 + [[0.02]])
    time = np.arange(len(stress), dtype=float)
    slips = slips_of(1e-5 * time, 1 + stress, time, 1e-3)
    shapes = mean_shapes(time, 1 + stress, slips, np.arange(len(slips)) // 6)
    assert shapes["asymmetry"].iloc[0] == pytest.approx(1 / 3 - 0.5, abs=0.01)


@pytest.mark.parametrize(("exponent", "cutoff"), [(0.6, 20.0), (1.5, 200.0), (2.2, 1e9)])
def test_planted_laws_come_back(rng, exponent, cutoff):
    """Sizes of x^−τ from 1 up, each kept with the probability exp(−(x − 1)/cutoff)."""
    # between 1 and a far end, by inversion
    u, end = rng.random(400_000), np.log(min(50 * cutoff, 1e12))
    logs = np.log1p(u * np.expm1((1 - exponent) * end)) / (1 - exponent)
    x = np.exp(logs)
    x = x[rng.random(len(x)) < np.exp(-(x - 1) / cutoff)][:20_000]
    law = fit_cut_law(law_sums(x, 1.0).sum(axis=0))
    assert law.exponent == pytest.approx(exponent, abs=0.05)
    if cutoff < 1e6:
        assert law.cutoff == pytest.approx(cutoff, rel=0.12)
    fixed = fit_cut_law(law_sums(x, 1.0).sum(axis=0), exponent + 0.3)
    assert law.log_likelihood - fixed.log_likelihood > 10


def test_few_slips_have_no_law():
    assert np.isnan(fit_cut_law(law_sums(np.arange(1.0, 30.0), 1.0).sum(axis=0)).exponent)


def test_the_shape_of_a_gamma_density_comes_back(rng):
    for shape in (0.4, 1.0, 5.0):
        x = rng.gamma(shape, 3.0, 50_000)
        assert gamma_shape(np.log(x.mean()) - np.log(x).mean()) == pytest.approx(shape, rel=0.03)


def test_even_waiting_has_a_large_shape_or_none():
    shape = gamma_shape(np.array([0.9e-4, 1.1e-4, 0.0, -1e-17, np.nan]))
    np.testing.assert_allclose(shape[:2], [0.5 / 0.9e-4, 0.5 / 1.1e-4], rtol=1e-3)
    assert np.isnan(shape[2:]).all()


def test_a_planted_scaling_of_the_cutoff_is_found(rng):
    n, inertia = np.array([500, 1000, 4000, 16000, 2000]), np.array([1e-5, 3e-5, 1e-4, 1e-5, 3e-4])
    cutoff = 3.0 * n**-0.8 * inertia**0.2
    table = pd.DataFrame({"n_grains": n, "inertial_number": inertia, "cutoff": cutoff, "threshold": 1e-4, "error": 0.1})
    found = scaling(table).set_index("of")["exponent"]
    assert found["n_grains"] == pytest.approx(-0.8)
    assert found["inertial_number"] == pytest.approx(0.2)
    with pytest.raises(MicroslipError, match="thresholds differ"):
        scaling(table.assign(threshold=[1e-4, 1e-4, 1e-3, 1e-4, 1e-4]))
    with pytest.raises(MicroslipError, match="too few"):
        scaling(table.iloc[:2])
