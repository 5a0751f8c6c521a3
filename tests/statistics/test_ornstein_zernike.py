import numpy as np

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
