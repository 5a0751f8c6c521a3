"""Noise of known size in series of the stress."""

import numpy as np
import pytest

from microslip.artificial import stick_slip
from microslip.events.noise import series_noise, walls_imbalance


def test_the_imbalance_is_the_amplitude_of_the_wave():
    phase = np.arange(100_000) * 0.7
    wave = 2e-3 * np.sin(phase)
    common = np.cumsum(np.random.default_rng(1).normal(0, 1e-3, len(phase)))
    assert walls_imbalance(common + wave, common - wave) == pytest.approx(2e-3 / np.sqrt(2), rel=1e-3)
    # what the filter takes away from the stress it takes away from the waves
    assert walls_imbalance(common + wave, common - wave, ("ewma", 51)) < 2e-4
    assert np.isnan(walls_imbalance(np.full(3, np.nan), np.ones(3)))


def test_the_noise_is_that_which_was_added_and_no_slip():
    stress = stick_slip(40, seed=3).stress
    rng = np.random.default_rng(2)
    noisy = np.repeat(stress, 1) + rng.normal(0, 1e-3, len(stress))
    assert series_noise(noisy) == pytest.approx(1e-3, rel=0.15)
    straight = np.interp(np.arange(3000), [0, 1000, 1010, 2999], [0, 1, 0, 1])
    assert series_noise(straight) < 1e-12
    assert np.isnan(series_noise(np.ones(2)))
