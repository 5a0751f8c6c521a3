import numpy as np
import pytest

from microslip import MicroslipError
from microslip.statistics.exponential import fit_exponential_tails, fit_tails, tail_moments


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
