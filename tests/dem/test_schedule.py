"""How fast the cell is sheared: what a schedule's samples add up to, and that the wall is never jerked."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microslip.dem.config import ShearCell
from microslip.dem.schedule import shear_schedule

STRAIN_STEP = 1e-5
# Sums of some thousand numbers.
ROUNDING = 1e-9


@st.composite
def plans(draw):
    """Arguments of a schedule with a warm-up of its own rate, faster or slower than the one aimed at."""
    rate = 10 ** draw(st.floats(-1, 2))
    steps_per_sample = draw(st.integers(1, 400))
    timestep = STRAIN_STEP / rate / steps_per_sample
    # at most one sample a step
    fast = min(rate * 10 ** draw(st.floats(-1, 3)), STRAIN_STEP / timestep)
    n_fast, n_slow, n_last = (draw(st.integers(low, 300)) for low in (0, 0, 1))
    warm_up = (n_fast + n_slow) * STRAIN_STEP
    return {
        "timestep": timestep,
        "steps_per_sample": steps_per_sample,
        "strain_step": STRAIN_STEP,
        "shear_rate": rate,
        "strain": warm_up + n_last * STRAIN_STEP,
        "fast_rate": fast,
        "fast_strain": n_fast * STRAIN_STEP,
        "slow_down": n_slow * STRAIN_STEP,
    }


@given(plans())
def test_strain_is_what_steps_and_rates_add_up_to(plan):
    found = shear_schedule(**plan)
    # the rate goes evenly from one sample to the next: its mean is that of both ends
    grown = found.steps * plan["timestep"] * (found.rate[1:] + found.rate[:-1]) / 2
    np.testing.assert_allclose(np.diff(found.strain), grown, rtol=0, atol=0)
    assert found.strain[0] == 0


@given(plans())
def test_steps_are_whole_and_the_last_strain_is_reached(plan):
    found = shear_schedule(**plan)
    assert found.steps.dtype == np.int64
    assert found.steps.min() >= 1
    assert len(found.strain) == len(found.rate) == len(found.steps) + 1
    assert abs(found.strain[-1] - plan["strain"]) <= (0.5 + ROUNDING) * STRAIN_STEP
    assert found.rate[found.first_steady :] == pytest.approx(plan["shear_rate"], rel=0)


