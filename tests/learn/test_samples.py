import itertools
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from microslip import Box, MicroslipError, coarse_grain
from microslip.learn.config import Network, Training
from microslip.learn.inputs import on_scale, write_inputs
from microslip.learn.networks.predictor import build_network
from microslip.learn.prediction import mean_prediction, predict
from microslip.learn.samples import (
    Samples,
    Scaling,
    Turns,
    assemble,
    averaged_symmetries,
    draw_turns,
    fit_scaling,
    no_turns,
    turns_of_group,
)

NAMES = ("d2min", "displacement_y")
TRAIN = np.arange(150)

# Sums of float32 inputs in another order.
FLOAT32 = 1e-5


@pytest.fixture
def samples(rng):
    inputs = rng.normal([[[[[-6.0]]], [[[0.3]]]]], [[[[[1.0]]], [[[2.0]]]]], (200, 2, 4, 3, 5)).astype(np.float32)
    return Samples(inputs, NAMES, rng.normal(0, 1e-3, 200))


def test_training_inputs_are_standardised_and_others_use_the_same_scale(samples):
    scaling = fit_scaling(samples, TRAIN, Training())
    inputs = scaling.standardise(samples.inputs)
    np.testing.assert_allclose(inputs[TRAIN].mean(axis=(0, 2, 3, 4)), 0, atol=FLOAT32)
    np.testing.assert_allclose(inputs[TRAIN].std(axis=(0, 2, 3, 4)), 1, rtol=FLOAT32)
    assert np.abs(inputs[150:].mean(axis=(0, 2, 3, 4))).min() > FLOAT32
    exact = samples.inputs[TRAIN].astype(float)
    np.testing.assert_allclose(scaling.means, exact.mean(axis=(0, 2, 3, 4)), rtol=1e-9)
    np.testing.assert_allclose(scaling.deviations, exact.std(axis=(0, 2, 3, 4)), rtol=1e-9)


def test_test_stages_do_not_leak_into_the_scaling(samples):
    inputs, target = samples.inputs.copy(), samples.target.copy()
    inputs[150:], target[150:] = 99, 7
    for form in ("linear", "asinh"):
        settings = Training(target=form)
        assert fit_scaling(samples, TRAIN, settings) == fit_scaling(Samples(inputs, NAMES, target), TRAIN, settings)


def test_fluctuations_are_measured_by_their_deviation_or_their_median_size(samples):
    target = samples.target[TRAIN]
    assert fit_scaling(samples, TRAIN, Training()).target_scale == pytest.approx(target.std())
    typical = fit_scaling(samples, TRAIN, Training(target="asinh"))
    assert typical.target_scale == pytest.approx(np.median(np.abs(target)))
    np.testing.assert_allclose(typical.encode(target), np.arcsinh(target / typical.target_scale), rtol=1e-6)


@given(
    form=st.sampled_from(["linear", "asinh"]),
    fluctuations=st.lists(st.floats(-1, 1, allow_subnormal=False), min_size=1, max_size=9),
    size=st.floats(1e-6, 1e-2),
)
def test_what_is_encoded_is_decoded(form, fluctuations, size):
    scaling = Scaling(("d2min",), "log", 1e-10, (0.0,), (1.0,), form, size)
    encoded = scaling.encode(np.array(fluctuations))
    assert encoded.dtype == np.float32
    np.testing.assert_array_equal(np.sign(encoded)[np.abs(encoded) > 0], np.sign(fluctuations)[np.abs(encoded) > 0])
    # float32 in between: an error of its precision in the exponent
    np.testing.assert_allclose(scaling.decode(encoded), fluctuations, rtol=1e-5, atol=1e-12)


@pytest.mark.parametrize("form", ["linear", "asinh"])
def test_zero_change_stays_zero_and_signs_stay(form):
    scaling = Scaling(("d2min",), "log", 1e-10, (0.0,), (1.0,), form, 1e-4)
    np.testing.assert_array_equal(scaling.encode(np.zeros(2)), 0)
    np.testing.assert_array_equal(scaling.decode(np.zeros(2)), 0)
    values = np.array([1e-5, 1e-3, 1e-1])
    np.testing.assert_array_equal(scaling.encode(-values), -scaling.encode(values))


@pytest.mark.parametrize("transform", ["log", "raw"])
def test_the_zero_field_is_the_input_of_a_cell_at_rest(samples, transform):
    settings = Training(transform=transform)
    scaling = fit_scaling(samples, TRAIN, settings)
    at_rest = np.stack([on_scale(name, np.zeros((4, 3, 5)), settings.floor, transform) for name in NAMES])
    expected = np.broadcast_to(scaling.zero_field()[:, None, None, None], at_rest.shape)
    np.testing.assert_allclose(scaling.standardise(at_rest), expected, rtol=FLOAT32, atol=FLOAT32)


@pytest.mark.parametrize("form", ["linear", "asinh"])
@pytest.mark.parametrize("value", [0.0, 0.1])
def test_a_constant_target_is_refused(samples, form, value):
    with pytest.raises(MicroslipError, match="the same fluctuation"):
        fit_scaling(Samples(samples.inputs, NAMES, np.full(200, value)), TRAIN, Training(target=form))


@pytest.mark.parametrize("value", [0.0, -7.3, 1e-12])
def test_a_constant_channel_is_refused_by_name(samples, value):
    inputs = samples.inputs.copy()
    inputs[TRAIN, 1] = value
    with pytest.raises(MicroslipError, match="displacement_y is the same in all training stages"):
        fit_scaling(Samples(inputs, NAMES, samples.target), TRAIN, Training())


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_fluctuation_that_is_not_finite_is_refused_wherever_it_is(samples, value):
    samples.target[170] = value
    with pytest.raises(MicroslipError, match=r"1 of 200 stages are not known \(stage 170 first"):
        fit_scaling(samples, TRAIN, Training())


def test_assembled_stages_are_the_standardised_ones_in_the_order_asked_for(samples):
    scaling = fit_scaling(samples, TRAIN, Training())
    stages = np.array([17, 3, 199, 3])
    found = assemble(samples, scaling, stages)
    assert found.shape == (4, 2, 4, 3, 5)
    assert found.is_contiguous(memory_format=torch.channels_last_3d)
    np.testing.assert_allclose(found.numpy(), scaling.standardise(samples.inputs[stages]), rtol=FLOAT32, atol=FLOAT32)
    assert torch.equal(found, assemble(samples, scaling, stages, no_turns(4)))


def test_turned_stages_are_rolled_and_mirrored_and_motion_along_y_turns_round(samples, rng):
    scaling = fit_scaling(samples, TRAIN, Training())
    stages = rng.permutation(200)[:24]
    turns = draw_turns(24, samples.grid, rng)
    found = assemble(samples, scaling, stages, turns).numpy()
    assert 0 < turns.mirrored.sum() < 24
    assert 0 < turns.rotated.sum() < 24
    for stage, x, y, mirrored, rotated, after in zip(stages, *turns, found, strict=True):
        expected = np.roll(samples.inputs[stage], (-x, -y), (1, 2))
        if mirrored:
            expected = expected[:, :, ::-1] * np.array([1, -1], dtype=np.float32)[:, None, None, None]
        if rotated:
            # neither D²min nor the displacement in y changes its sign about y
            expected = expected[:, ::-1, :, ::-1]
        np.testing.assert_allclose(after, scaling.standardise(expected), rtol=FLOAT32, atol=FLOAT32)


def test_a_mirror_applied_twice_and_a_turn_by_the_whole_cell_change_nothing(samples):
    stages = np.arange(3)
    plain = Scaling(NAMES, "raw", 1e-10, (0.0, 0.0), (1.0, 1.0), "linear", 1.0)
    mirror = Turns(np.zeros(3, dtype=np.int64), np.array([0, 1, 2]), np.ones(3, dtype=bool), np.zeros(3, dtype=bool))
    once = Samples(assemble(samples, plain, stages, mirror).numpy(), NAMES, samples.target[:3])
    np.testing.assert_array_equal(assemble(once, plain, stages, mirror), samples.inputs[:3])
    whole = Turns(np.full(3, 4), np.full(3, 3), np.zeros(3, dtype=bool), np.zeros(3, dtype=bool))
    np.testing.assert_array_equal(assemble(samples, plain, stages, whole), samples.inputs[:3])


def test_turns_are_drawn_evenly_over_the_plane(rng):
    n = 6000
    turns = draw_turns(n, (4, 3, 50), rng)
    # four deviations of the shares
    np.testing.assert_allclose(np.bincount(turns.x, minlength=4) / n, 1 / 4, atol=0.023)
    np.testing.assert_allclose(np.bincount(turns.y, minlength=3) / n, 1 / 3, atol=0.025)
    assert turns.mirrored.mean() == pytest.approx(0.5, abs=0.026)
    assert (turns.mirrored & turns.rotated).mean() == pytest.approx(0.25, abs=0.023)
    assert not draw_turns(n, (4, 3, 50), rng, rotate=False).rotated.any()


SIGNED = ("d2min", "displacement_x", "displacement_y", "displacement_z")


@pytest.mark.parametrize("tilt", [0.0, 1.7])
@pytest.mark.parametrize("lengths", [(8.0, 6.0, 6.0), (7.0, 5.0, 9.0)])
def test_voxels_of_turned_grains_are_the_turned_voxels(rng, lengths, tilt):
    box = Box(lengths, (True, True, True), tilt=tilt) if tilt else Box(lengths)
    centres = rng.uniform(0, lengths, (150, 3))
    values = {name: rng.normal(size=150) for name in SIGNED}
    plain = Scaling(SIGNED, "raw", 1e-10, (0.1, 0.2, 0.3, 0.4), (1.0, 2.0, 3.0, 4.0), "linear", 1.0)

    def voxels(positions, signs):
        grids = [coarse_grain(positions, signs[name] * values[name], box, 1.0, 1.3).values for name in SIGNED]
        return Samples(np.stack(grids)[None].astype(np.float32), SIGNED, np.zeros(1))

    here = voxels(centres, dict.fromkeys(SIGNED, 1))
    for turns, (rotated, mirrored) in zip(
        turns_of_group(1, ("mirror", "rotation")), itertools.product((False, True), repeat=2), strict=True
    ):
        turned, signs = centres.copy(), dict.fromkeys(SIGNED, 1)
        if mirrored:
            turned[:, 1] = lengths[1] - turned[:, 1]
            signs["displacement_y"] = -1
        if rotated:
            turned[:, [0, 2]] = np.array(lengths)[[0, 2]] - turned[:, [0, 2]]
            signs["displacement_x"] = signs["displacement_z"] = -1
        expected = assemble(voxels(turned, signs), plain, np.arange(1))
        np.testing.assert_allclose(assemble(here, plain, np.arange(1), turns), expected, rtol=FLOAT32, atol=FLOAT32)


def test_another_process_opens_the_same_file(samples, tmp_path):
    mapped = Samples(write_inputs(tmp_path / "inputs.npy", 200, [samples.inputs]), NAMES, samples.target)
    sent = pickle.dumps(mapped)
    assert len(sent) < samples.inputs.nbytes / 4
    for found in (pickle.loads(sent), pickle.loads(pickle.dumps(samples))):
        np.testing.assert_array_equal(found.inputs, samples.inputs)
        np.testing.assert_array_equal(found.target, samples.target)
        assert (found.names, found.grid) == (NAMES, (4, 3, 5))


def test_a_part_of_a_file_stays_that_part_in_another_process(samples, tmp_path):
    inputs = write_inputs(tmp_path / "inputs.npy", 200, [samples.inputs])
    part = Samples(inputs[50:70], NAMES, samples.target[50:70])
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(part)).inputs, samples.inputs[50:70])


@pytest.mark.parametrize("target", ["linear", "asinh"])
def test_the_mean_over_the_symmetries_is_the_same_for_a_turned_stage(rng, target):
    names = ("d2min", "displacement_x", "displacement_y")
    inputs = rng.normal(0.5, 1, (6, 3, 5, 4, 3)).astype(np.float32)
    samples = Samples(inputs, names, rng.normal(size=6))
    network = build_network(samples.grid, Network(inputs=names, channels=(4, 4), hidden=8, calibrated=False))
    torch.manual_seed(1)
    for weights in network.parameters():
        torch.nn.init.normal_(weights, std=0.3)
    alone = fit_scaling(samples, np.arange(6), Training(target=target))
    averaged = fit_scaling(samples, np.arange(6), Training(target=target, rotate=True, average_symmetries=True))
    assert (alone.symmetries, averaged.symmetries) == ((), ("mirror", "rotation"))
    # the fields themselves, turned by hand and not by the code that averages
    sign = np.array([1, -1, -1], dtype=np.float32)[:, None, None, None]
    both = Samples(inputs[:, :, ::-1, ::-1, ::-1] * sign, names, samples.target)
    stages = np.arange(6)
    single, mean = (predict(network, samples, scaling, stages) for scaling in (alone, averaged))
    assert np.abs(single - predict(network, both, alone, stages)).max() > 1e-2
    assert np.abs(single - mean).max() > 1e-2
    np.testing.assert_allclose(predict(network, both, averaged, stages), mean, rtol=1e-4, atol=FLOAT32)
    np.testing.assert_allclose(mean_prediction([network], averaged, inputs), mean, rtol=1e-4, atol=FLOAT32)


def test_predictions_are_averaged_over_no_symmetry_that_was_not_learnt():
    for settings, expected in (
        ({"augment": False}, ()),
        ({}, ("mirror",)),
        ({"rotate": True}, ("mirror", "rotation")),
    ):
        assert averaged_symmetries(Training(average_symmetries=True, **settings)) == expected
        assert averaged_symmetries(Training(**settings)) == ()
