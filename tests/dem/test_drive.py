"""The adaptive drive: its bounds and its samples, what it feels, and whole runs of it."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microslip import open_run
from microslip.config import parse_config
from microslip.dem.config import ShearCell
from microslip.dem.continuing import continue_run, continued_defaults
from microslip.dem.drive import HURRYING, SLOWING, AdaptiveDrive
from microslip.dem.launch import simulate
from microslip.dem.native.engine import NativeEngine
from microslip.dem.packing import loose_packing
from microslip.dem.protocol import DRAG_STEPS, RELEASE_DISTANCE, RELEASE_STEPS
from microslip.dem.seam import Preparing
from microslip.steps.simulate import simulate_step

SLOW, HURRY = 2.0, 20.0
CALM = 3.0
# A state that is taken up has its forces worked out anew [p, d̄].
SAME_STATE = 1e-4


def adaptive(walls=True, **sections):
    """A cell of some 250 grains between walls of 64, sheared by an adaptive drive."""
    content = {
        "cell": {"length": 6, "depth": 6, "height": 6, "walls": walls},
        "loading": {
            "shear_rate": SLOW,
            "hurry_rate": HURRY,
            "drive": "adaptive",
            "calm": CALM,
            "strain": 0.01,
            "warm_up": 0.001,
            **sections.pop("loading", {}),
        },
        "recording": {"threshold": 1e-6, "checkpoint_steps": 2000},
        "engine": {"threads": 1},
        **sections,
    }
    return ShearCell.model_validate(content)


# --- the drive alone --------------------------------------------------------------------------------------------------


@given(
    st.floats(0.1, 2.5),
    st.floats(1, 30),
    st.lists(st.tuples(st.booleans(), st.integers(1, 40)), min_size=1, max_size=12),
)
def test_samples_are_a_strain_step_apart_and_the_rate_stays_within_its_bounds(slow, factor, phases):
    config = adaptive(loading={"shear_rate": slow, "hurry_rate": slow * factor})
    drive = AdaptiveDrive(config, slow)
    for slips, n in phases:
        for _ in range(n):
            drive.slipping = slips
            steps, rate = drive.following()
            assert steps * config.timestep * rate == pytest.approx(config.recording.strain_step, rel=1e-12)
            assert slow * (1 - 1e-9) <= rate <= drive.fast * (1 + 1e-9)
    # the fastest rate is the nearest with whole steps
    fewest = drive.strain_step / (config.loading.hurry_rate * config.timestep)
    assert abs(drive.strain_step / (drive.fast * config.timestep) - fewest) <= 0.5 + 1e-9


def test_it_is_slow_within_some_samples_of_a_slip_and_hurries_again_after_some_more():
    drive = AdaptiveDrive(adaptive(), SLOW)
    for slips, n, steps in (
        (False, HURRYING, round(1e-5 / HURRY / drive.timestep)),
        (True, SLOWING, adaptive().steps_per_sample),
        (False, HURRYING, round(1e-5 / HURRY / drive.timestep)),
    ):
        drive.slipping = slips
        taken = [drive.following()[0] for _ in range(n + 1)]
        assert taken[-1] == steps
        assert taken[n // 2] not in (steps, taken[0])
        # no to and fro
        assert (np.diff(taken) >= 0).all() if slips else (np.diff(taken) <= 0).all()


def test_grains_slip_while_the_stress_falls_or_while_they_move():
    config = adaptive()
    drive = AdaptiveDrive(config, SLOW)
    d, density = config.grains.mean_diameter, config.grains.density
    speed = CALM * drive.fast * d
    energy = 0.5 * density * math.pi / 6 * d**3 * speed**2 / config.units.energy
    swing = config.recording.threshold
    for stress, share, slips in (
        (0.0, 0.9, False),
        (2 * swing, 0.9, False),
        (1.1 * swing, 0.9, False),  # not by as much as a stage
        (0.9 * swing, 0.9, True),
        (1.8 * swing, 0.9, True),
        (0.0, 0.9, True),
        (1.1 * swing, 0.9, False),
        (2 * swing, 1.1, True),
    ):
        drive.feel(0.3 + stress, share * energy)
        assert drive.slipping == slips


# --- a resting packing ------------------------------------------------------------------------------------------------


def test_a_change_of_rate_that_all_grains_take_part_in_radiates_less(tmp_path):
    """A packing without friction that flows evenly is sheared faster at once: the walls' imbalance right after."""
    config = adaptive(grains={"friction": 0.0})
    engine, d = NativeEngine(config), config.grains.mean_diameter
    drag = config.grains.density * math.pi / 6 * d**3 / (DRAG_STEPS * config.timestep)
    engine.fill(loose_packing(config))
    engine.prepare(Preparing(0.0, drag, RELEASE_DISTANCE * d), RELEASE_STEPS)
    engine.prepare(Preparing(0.0, drag), 6000)
    height = (engine.level() - 0.5) * d
    engine.begin(height)
    engine.save(tmp_path / "rest")
    imbalance = {}
    for carries in (True, False):
        again = NativeEngine(config)
        again.load(tmp_path / "rest", height)
        again.carries = carries
        samples = []
        # the first crossing of a wave takes some 0.5 ms / 20
        again.shear(np.full(60, 2), np.full(61, 10 * HURRY), samples.append, from_start=False)
        imbalance[carries] = np.array([one.top[0] + one.bottom[0] for one in samples])
    strongest = {carries: np.abs(values - values[0]).max() for carries, values in imbalance.items()}
    assert strongest[True] < 0.5 * strongest[False]


# --- whole runs -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=[True, False], ids=["walls", "no walls"])
def driven(request, tmp_path_factory):
    """A run from loose grains."""
    folder = tmp_path_factory.mktemp("driven") / "run"
    simulate(adaptive(request.param), folder)
    return folder


def test_a_run_slows_while_grains_slip_and_saves_steps(driven):
    run = open_run(driven)
    config = ShearCell.model_validate(run.attributes["config"])
    series = run.series
    strain, rate, stress, energy = (
        series[name].to_numpy() for name in ("strain", "shear_rate", "stress_volume", "kinetic_energy")
    )
    np.testing.assert_allclose(np.diff(strain), 1e-5, rtol=1e-9)
    drive = AdaptiveDrive(config, SLOW)
    assert rate.min() == pytest.approx(SLOW)
    assert rate.max() == pytest.approx(drive.fast)
    slips = np.append(False, np.diff(stress) < 0) | (energy > drive.most_energy)
    # what a sample shows sets the interval after it
    slows = np.diff(rate[1:]) <= 0
    assert slows[slips[1:-1]].all()
    pointer = json.loads((driven / "dem" / "checkpoint.json").read_text())
    steps = config.recording.strain_step / (rate[1:] * config.timestep)
    assert pointer["n_steps"] == round(steps.sum())
    assert config.step_bounds[0] <= pointer["n_steps"] <= config.step_bounds[1]


def test_interrupted_and_resumed_or_by_two_threads_it_is_the_same_run(driven, tmp_path, monkeypatch):
    one = open_run(driven)
    config = ShearCell.model_validate(one.attributes["config"])
    folder = tmp_path / "run"
    seen = []

    def interrupt(message):
        if message["phase"] == "shear":
            seen.append(message["sample"])
            if len(seen) in (2, 4):
                raise KeyboardInterrupt

    content = config.model_dump(mode="json")
    content["engine"]["threads"] = 2
    twice = ShearCell.model_validate(content)
    interruptions = 0
    while True:
        try:
            simulate(twice if interruptions else config, folder, progress=interrupt)
            break
        except KeyboardInterrupt:
            interruptions += 1
    assert interruptions == 2
    assert one.series.equals(open_run(folder).series)
    assert one.frames.equals(open_run(folder).frames)


def test_the_number_of_steps_is_said_before_and_after(driven):
    run, lines = open_run(driven), []
    config = parse_config(run.attributes["config"])
    simulate_step(run, config, "", lambda *_: None, lambda message: lines.append(str(message)))
    fewest, most = config.simulation.step_bounds
    taken = json.loads((driven / "dem" / "checkpoint.json").read_text())["n_steps"]
    assert f"{fewest:,} to {most:,} time steps: the last are those of a constant 2 /s" in lines
    saving = f"a constant 2 /s takes {most / taken:.2g} times as many, {most:,}"
    assert f"{taken:,} time steps of an adaptive drive; {saving}" in lines


@pytest.mark.parametrize("drive", ["constant", "adaptive"])
def test_another_run_goes_on_from_an_adaptive_one(driven, tmp_path, drive):
    one = open_run(driven)
    before = ShearCell.model_validate(one.attributes["config"])
    further = {"drive": drive, "slow_down": 0.001, "warm_up": 0.001, "strain": 0.002}
    for setting in continued_defaults(driven, before, ["loading.warm_up=0.001"]):
        key, _, value = setting.partition("=")
        further[key.removeprefix("loading.")] = float(value)
    content = before.model_dump(mode="json")
    config = ShearCell.model_validate({**content, "loading": content["loading"] | further})
    continue_run(driven, tmp_path / "run", before, config)
    simulate(config, tmp_path / "run")
    last, series = one.series.isel(sample=-1), open_run(tmp_path / "run").series
    # the rate that was reached, but for whole steps
    assert series["shear_rate"][0] == pytest.approx(float(last["shear_rate"]), rel=0.3)
    for name in ("stress_volume", "height"):
        assert series[name][0] == pytest.approx(float(last[name]), abs=SAME_STATE)
    assert series["strain"][-1] == pytest.approx(0.002, abs=1.1e-5)
    steady = series["shear_rate"][config.schedule.first_steady :]
    np.testing.assert_allclose(steady if drive == "constant" else steady.min(), SLOW)
