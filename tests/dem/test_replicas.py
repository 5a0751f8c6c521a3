"""Stages done again: exactly where nothing is moved, farther apart the more is, and the same after an interruption."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microslip.dem.config import ShearCell
from microslip.dem.native.engine import NativeEngine
from microslip.dem.packing import loose_packing
from microslip.dem.protocol import DRAG_STEPS, RELEASE_DISTANCE, RELEASE_STEPS
from microslip.dem.replicas.choosing import choose_stages, over_sizes
from microslip.dem.replicas.config import Replicas
from microslip.dem.replicas.members import load_replicas, save_replicas
from microslip.dem.replicas.plan import Plan
from microslip.dem.replicas.stage import replicate_stage
from microslip.dem.replicas.stretch import shear_stretch, state_path
from microslip.dem.seam import Preparing

# Samples of the stretch, and those of a stage that lies across both states that are kept inside.
N_SAMPLES, STAGE = 120, (30, 110)


def cell(walls, drive):
    """A cell of some 250 grains, sheared fast; the adaptive drive needs none."""
    return ShearCell.model_validate(
        {
            "cell": {"length": 6, "depth": 6, "height": 6, "walls": walls},
            "loading": {"shear_rate": 50, "drive": drive, "hurry_rate": 100},
            "recording": {"contacts": False, "threshold": 1e-5},
            "engine": {"threads": 1},
        }
    )


@pytest.fixture(scope="module", params=[(True, "constant"), (False, "adaptive")], ids=["walls", "no walls, adaptive"])
def begun(request, tmp_path_factory):
    """A packing pressed for a while, begun to shear: its cell, its plan and the folder of its state."""
    config = cell(*request.param)
    engine, d = NativeEngine(config), config.grains.mean_diameter
    drag = config.grains.density * math.pi / 6 * d**3 / (DRAG_STEPS * config.timestep)
    engine.fill(loose_packing(config))
    engine.prepare(Preparing(0.5, drag, RELEASE_DISTANCE * d), RELEASE_STEPS)
    engine.prepare(Preparing(0.5, drag), 2_000)
    height = (engine.level() - 0.5 if request.param[0] else engine.level()) * d
    engine.begin(height)
    folder = tmp_path_factory.mktemp("stretch")
    engine.save(state_path(folder, 0))
    offset = engine.level() - height / d
    return config, Plan(height, offset, "stress_volume", 0.0, N_SAMPLES, {}), folder


@pytest.fixture(scope="module")
def stretched(begun):
    config, plan, folder = begun
    return *begun, shear_stretch(NativeEngine(config), config, plan, folder, lambda sample: None)


def replicas(stretched, **settings):
    config, plan, folder, stretch = stretched
    return replicate_stage(
        NativeEngine(config), config, stretch, plan, Replicas(**settings), STAGE, folder, lambda: None
    )


def test_a_start_that_nothing_moved_gives_the_stage_itself(stretched):
    stretch = stretched[3]
    of_stage = replicas(stretched, perturbations=(0.0,), copies=2)
    for stress in of_stage.stress:
        assert np.array_equal(stress, stretch.stress[STAGE[0] : STAGE[1] + 1])
    assert np.array_equal(of_stage.end, np.broadcast_to(of_stage.end[0], of_stage.end.shape))
    assert not np.array_equal(of_stage.end[0], of_stage.start)


def test_the_more_a_start_is_moved_the_more_the_stages_differ(stretched):
    of_stage = replicas(stretched, perturbations=(1e-9, 1e-6, 1e-3), copies=3)
    assert of_stage.perturbation.tolist() == [0.0, *[1e-9] * 3, *[1e-6] * 3, *[1e-3] * 3]
    spread = of_stage.fluctuation[1:].reshape(3, 3).std(axis=1)
    distance = np.abs(of_stage.end - of_stage.end[0])[1:].max(axis=(1, 2)).reshape(3, 3).mean(axis=1)
    assert spread[0] > 0
    assert (np.diff(np.log10(spread)) > 0.5).all()
    assert (np.diff(np.log10(distance)) > 0.5).all()


def test_replicas_are_the_same_each_time_and_other_ones_of_another_seed(stretched, tmp_path):
    one, two, other = (replicas(stretched, copies=1, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(one.stress, two.stress)
    assert not np.array_equal(one.stress[1], other.stress[1])
    assert np.array_equal(one.stress[0], other.stress[0])
    save_replicas(one, tmp_path / "stage.npz")
    for name, values in vars(load_replicas(tmp_path / "stage.npz")).items():
        assert np.array_equal(values, getattr(one, name)), name


def test_a_stretch_that_was_interrupted_goes_on_to_the_same_bytes(stretched, tmp_path):
    config, plan, folder, whole = stretched
    origin = next(folder.glob("origin.*"))
    Path(tmp_path / origin.name).write_bytes(origin.read_bytes())

    def interrupt(sample):
        if sample == 80:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        shear_stretch(NativeEngine(config), config, plan, tmp_path, interrupt)
    looked = []
    again = shear_stretch(NativeEngine(config), config, plan, tmp_path, looked.append)
    assert looked[0] == 51
    for name, values in vars(again).items():
        assert np.array_equal(values, getattr(whole, name)), name


@given(st.lists(st.floats(1e-5, 1.0), min_size=1, max_size=80), st.integers(1, 12))
def test_chosen_stages_stand_for_all_once(sizes, n):
    size = np.array(sizes)
    chosen, weight = over_sizes(size, n)
    assert len(set(chosen.tolist())) == len(chosen) <= n
    assert weight.sum() == len(size)
    assert (np.diff(size[chosen]) >= 0).all()


def test_both_kinds_are_chosen_and_their_weighted_mean_is_that_of_all(rng):
    size = 10 ** rng.uniform(-4, -1, 4000)
    stages = pd.DataFrame({"kind": np.tile(["stick", "slip"], 2000), "fluctuation": np.tile([-1, 1], 2000) * size})
    chosen = choose_stages(stages, 200)
    assert chosen["kind"].value_counts().tolist() == [100, 100]
    assert np.average(chosen["fluctuation"].abs(), weights=chosen["weight"]) == pytest.approx(size.mean(), rel=0.05)
    assert np.average(chosen["fluctuation"] ** 2, weights=chosen["weight"]) == pytest.approx((size**2).mean(), rel=0.1)
