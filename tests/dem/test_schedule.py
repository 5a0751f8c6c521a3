"""How fast the cell is sheared: what a schedule's samples add up to, and that the wall is never jerked."""

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from microslip.dem.config import ShearCell
from microslip.dem.schedule import shear_schedule

STRAIN_STEP = 1e-5
# Sums of some thousand steps, over one.
ROUNDING = 1e-8
# A sample of 1.5 steps takes 2.
MOST_STRAIN, LEAST_STRAIN = 4 / 3, 2 / 3


def plan(rate, steps_per_sample, ratio, n_fast, n_slow, n_last):
    """Arguments of a schedule whose warm-up has `ratio` times the rate aimed at, with at most one sample a step."""
    timestep = STRAIN_STEP / rate / steps_per_sample
    return {
        "timestep": timestep,
        "steps_per_sample": steps_per_sample,
        "strain_step": STRAIN_STEP,
        "shear_rate": rate,
        "strain": (n_fast + n_slow + n_last) * STRAIN_STEP,
        "fast_rate": rate * min(ratio, steps_per_sample),
        "fast_strain": n_fast * STRAIN_STEP,
        "slow_down": n_slow * STRAIN_STEP,
    }


# Slowing down may end a sample later than asked for: what follows is longer than that.
PLANS = st.builds(
    plan,
    st.floats(0.1, 100),
    st.integers(1, 400),
    st.floats(-1, 3).map(lambda power: 10**power),
    st.integers(0, 300),
    st.integers(0, 300),
    st.integers(3, 300),
)
AT_ONCE = plan(10.0, 40, 8.0, 20, 0, 20)


@given(PLANS)
@example(AT_ONCE)
def test_strain_is_what_rates_and_steps_add_up_to(settings):
    found = shear_schedule(**settings)
    # the rate goes evenly from one sample to the next
    grown = found.steps * settings["timestep"] * (found.rate[1:] + found.rate[:-1]) / 2
    assert found.strain[0] == 0
    np.testing.assert_allclose(found.strain[1:], np.cumsum(grown), rtol=0, atol=ROUNDING * STRAIN_STEP)


@given(PLANS)
@example(AT_ONCE)
def test_steps_are_whole_and_the_strain_asked_for_is_reached_within_half_a_sample(settings):
    found = shear_schedule(**settings)
    assert len(found.strain) == len(found.rate) == len(found.steps) + 1
    assert found.steps.dtype == np.int64
    assert found.steps.min() >= 1
    assert abs(found.strain[-1] - settings["strain"]) < (0.5 + ROUNDING) * STRAIN_STEP
    grown = np.diff(found.strain) / STRAIN_STEP
    assert grown.min() > LEAST_STRAIN - ROUNDING
    assert grown.max() < MOST_STRAIN + ROUNDING


@given(PLANS)
def test_the_rate_goes_smoothly_from_one_to_the_other(settings):
    found, rate = shear_schedule(**settings), settings["shear_rate"]
    np.testing.assert_array_equal(found.rate[found.first_steady :], rate)
    change = np.log(rate / found.rate[0])
    steps = np.diff(np.log(found.rate))
    # always towards the rate aimed at
    assert (steps * np.sign(change)).min(initial=0.0) >= -ROUNDING
    n_slow = round(settings["slow_down"] / STRAIN_STEP)
    # 3p² − 2p³ is steepest in its middle, 1.5
    share = min(1.0, 1.5 * MOST_STRAIN / n_slow) if n_slow else 1.0
    assert np.abs(steps).max() <= share * abs(change) + ROUNDING


@given(PLANS.filter(lambda settings: settings["fast_strain"] > 0))
def test_the_warm_up_has_the_rate_asked_for_or_the_nearest_with_whole_steps_between_samples(settings):
    found = shear_schedule(**settings)
    n_fast = round(settings["fast_strain"] / STRAIN_STEP)
    n_steps = STRAIN_STEP / (settings["fast_rate"] * settings["timestep"])
    assert np.abs(found.steps[:n_fast] - n_steps).max() <= 0.5 + ROUNDING
    np.testing.assert_allclose(
        found.rate[:n_fast], STRAIN_STEP / (found.steps[0] * settings["timestep"]), rtol=ROUNDING
    )


@given(st.floats(0.1, 100), st.integers(1, 400), st.integers(1, 2000))
def test_a_constant_rate_samples_at_whole_multiples(rate, steps_per_sample, n):
    timestep = STRAIN_STEP / rate / steps_per_sample
    found = shear_schedule(timestep, steps_per_sample, STRAIN_STEP, rate, n * STRAIN_STEP)
    np.testing.assert_array_equal(found.strain, np.arange(n + 1) * STRAIN_STEP)
    np.testing.assert_array_equal(found.steps, steps_per_sample)
    np.testing.assert_array_equal(found.rate, rate)
    assert found.first_steady == 0


def test_a_warm_up_of_its_own_rate_costs_fewer_steps_and_ends_where_stages_are_sought():
    loading = {"shear_rate": 1.0, "strain": 0.3, "warm_up": 0.2, "slow_down": 0.05}
    slow, fast = (ShearCell.model_validate({"loading": {**loading, "warm_up_rate": rate}}) for rate in (None, 50.0))
    assert fast.timestep == slow.timestep
    assert fast.schedule.steps.sum() < 0.5 * slow.schedule.steps.sum()
    assert fast.first_stage_sample >= fast.schedule.first_steady
    assert abs(fast.schedule.strain[fast.first_stage_sample] - 0.2) < 2 * fast.recording.strain_step
