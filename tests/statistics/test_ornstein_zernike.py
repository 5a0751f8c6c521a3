import numpy as np
import pytest

from microslip import MicroslipError
from microslip.statistics.ornstein_zernike import correlation_length_sensitivity, fit_ornstein_zernike

r = np.arange(0.125, 7, 0.25)


def test_only_the_right_exponent_gives_one_length_for_every_range():
    exact = 0.4 * r**-0.5 * np.exp(-r / 1.7)
    table = correlation_length_sensitivity(r, exact, None, (0.0, 0.5, 1.0), (1.0, 2.0), (3.5, 7.0))
    assert len(table) == 12
    right = table[table["exponent"] == 0.5]["xi"]
    np.testing.assert_allclose(right, 1.7, rtol=1e-3)
    for exponent in (0.0, 1.0):
        wrong = table[table["exponent"] == exponent]["xi"]
        assert (np.abs(wrong - 1.7) > 0.1).all()
        assert np.ptp(wrong) > 0.05


def test_the_range_is_what_was_asked_for():
    fit = fit_ornstein_zernike(r, np.exp(-r / 1.7), None, 0.0, 1.0, 3.0)
    assert (fit.r_min, fit.r_max) == (1.125, 2.875)


def test_where_there_is_no_length_there_is_a_reason():
    table = correlation_length_sensitivity(r, np.full(len(r), 0.3))
    assert table["xi"].isna().all()
    assert (table["reason"] != "").all()


def test_equal_errors_weigh_like_none():
    exact = 0.4 * r**-0.5 * np.exp(-r / 1.7)
    plain = correlation_length_sensitivity(r, exact)
    weighed = correlation_length_sensitivity(r, exact, np.full(len(r), 0.01))
    np.testing.assert_allclose(weighed["xi"], plain["xi"], rtol=1e-4)


def test_the_amplitude_drops_out():
    exact = 0.4 * r**-0.5 * np.exp(-r / 1.7)
    plain = correlation_length_sensitivity(r, exact)
    np.testing.assert_allclose(correlation_length_sensitivity(r, 2 * exact)["xi"], plain["xi"], rtol=1e-4)


def test_the_unit_of_length_scales_the_length():
    exact = 0.4 * r**-0.5 * np.exp(-r / 1.7)
    plain = correlation_length_sensitivity(r, exact)
    doubled = correlation_length_sensitivity(2 * r, exact, None, r_mins=(2.0, 3.0, 4.0))
    np.testing.assert_allclose(doubled["xi"], 2 * plain["xi"], rtol=1e-4)


def test_a_range_too_short_has_a_reason_and_the_others_a_length():
    exact = 0.4 * r**-0.5 * np.exp(-r / 1.7)
    table = correlation_length_sensitivity(r, exact, None, (0.5,), (1.0,), (1.6, 5.0, np.inf))
    assert table["r_max"].tolist() == [1.6, 5.0, r[-1]]
    assert "too few" in table["reason"][0]
    assert table["reason"].tolist()[1:] == ["", ""]
    np.testing.assert_allclose(table["xi"][1:], 1.7, rtol=1e-3)


def test_bins_without_a_value_are_left_out():
    exact = 0.4 * r**-0.5 * np.exp(-r / 1.7)
    exact[8] = np.nan
    np.testing.assert_allclose(correlation_length_sensitivity(r, exact, None, (0.5,))["xi"], 1.7, rtol=1e-3)


@pytest.mark.parametrize("exponent", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("r_min", [1.0, 2.0, 3.0])
def test_every_exact_curve_has_its_length(exponent, r_min):
    for xi in np.arange(0.5, 6.01, 0.25):
        exact = 0.4 * r**-exponent * np.exp(-r / xi)
        assert fit_ornstein_zernike(r, exact, None, exponent, r_min).xi == pytest.approx(xi, rel=1e-3)


@pytest.mark.parametrize("exponent", [0.0, 0.5, 1.0])
def test_the_fit_finds_a_known_length(exponent, rng):
    near = np.arange(0.125, 3.75, 0.25)
    exact = 0.4 * near**-exponent * np.exp(-near / 1.7)
    assert fit_ornstein_zernike(near, exact, exponent=exponent).xi == pytest.approx(1.7, rel=1e-4)
    error = np.full_like(near, 0.003)
    intervals = [fit_ornstein_zernike(near, exact + rng.normal(0, error), error, exponent) for _ in range(200)]
    covered = np.mean([fit.xi_low <= 1.7 <= fit.xi_high for fit in intervals])
    assert 0.88 <= covered <= 0.99


@pytest.mark.parametrize("shape", [lambda r: 0.1 * r, lambda r: 0 * r + 0.3, lambda r: 0.1 * np.cos(9 * r)])
def test_what_does_not_decay_has_no_length(shape):
    near = np.linspace(1, 4, 20)
    with pytest.raises(MicroslipError):
        fit_ornstein_zernike(near, shape(near))


def test_a_correlation_of_nothing_has_no_length():
    with pytest.raises(MicroslipError, match="distance bins are too few"):
        fit_ornstein_zernike(np.linspace(1, 4, 10), np.full(10, np.nan))
