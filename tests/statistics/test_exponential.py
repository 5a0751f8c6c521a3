import numpy as np
import pytest
from scipy.stats import expon

from microslip import MicroslipError
from microslip.statistics.exponential import CORE, FAR, fit_exponential_tails, fit_tails, tail_moments


def test_two_known_decays(rng):
    values = np.concatenate([rng.exponential(1.3, 20_000), -rng.exponential(0.8, 20_000)])
    gain, loss = fit_exponential_tails(values)
    assert gain.decay == pytest.approx(1.3, abs=4 * gain.standard_error)
    assert loss.decay == pytest.approx(0.8, abs=4 * loss.standard_error)
    assert gain.evenness == pytest.approx(1, abs=0.1)
    assert gain.share == pytest.approx(0.5 * np.exp(-1 / 1.3), rel=0.03)


def test_a_heavier_tail_is_uneven(rng):
    gain, _ = fit_exponential_tails(rng.standard_t(3, 50_000))
    assert gain.evenness > 1.3


def test_moments_add_up(rng):
    values = rng.laplace(0, 1, 5000)
    np.testing.assert_allclose(tail_moments(values[:999]) + tail_moments(values[999:]), tail_moments(values))
    assert fit_tails(tail_moments(values)) == fit_exponential_tails(values)


def test_a_side_without_values_is_refused():
    with pytest.raises(MicroslipError, match="0 negative values beyond 1 are too few"):
        fit_exponential_tails(np.linspace(2, 3, 50))


def test_agrees_with_scipy(rng):
    values = rng.laplace(0, 1.4, 3000)
    gain, loss = fit_exponential_tails(values)
    assert gain.decay == pytest.approx(expon.fit(values[values > CORE], floc=CORE)[1])
    assert loss.decay == pytest.approx(expon.fit(-values[values < -CORE], floc=CORE)[1])
    assert gain.far_decay == pytest.approx(expon.fit(values[values > FAR], floc=FAR)[1])


def test_a_known_decay_lies_within_its_error_as_often_as_it_says(rng):
    gains = [fit_exponential_tails(rng.laplace(0, 1.4, 1000))[0] for _ in range(300)]
    inside = np.mean([abs(gain.decay - 1.4) < 1.96 * gain.standard_error for gain in gains])
    # 95 of 100, by three standard deviations of a binomial
    assert inside == pytest.approx(0.95, abs=0.038)


def test_an_exponential_is_even_and_a_lighter_tail_less_than_even(rng):
    even, _ = fit_exponential_tails(rng.laplace(0, 1, 200_000))
    assert even.evenness == pytest.approx(1, abs=0.05)
    light, _ = fit_exponential_tails(rng.normal(0, 2, 200_000))
    assert light.evenness < 0.9


def test_the_mirror_swaps_the_sides(rng):
    values = np.concatenate([rng.exponential(1.3, 500), -rng.exponential(0.8, 700)])
    assert fit_exponential_tails(-values) == fit_exponential_tails(values)[::-1]


def test_few_values_far_out_give_no_evenness():
    gain, _ = fit_exponential_tails(np.concatenate([np.linspace(1.1, 2, 20), -np.linspace(1.1, 2, 20)]))
    assert gain.decay == pytest.approx(0.55)
    assert np.isnan([gain.far_decay, gain.evenness]).all()


def test_values_within_the_core_count_in_the_share_alone():
    tails = np.concatenate([np.linspace(1.1, 2, 20), -np.linspace(1.1, 2, 20)])
    gain, _ = fit_exponential_tails(tails)
    diluted, _ = fit_exponential_tails(np.concatenate([tails, np.zeros(40)]))
    assert diluted.decay == gain.decay
    assert (gain.share, diluted.share) == (0.5, 0.25)
