from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from microslip import MicroslipError
from microslip.fields.registry import FIELDS, on_nodes
from microslip.learn.inputs import (
    STAGES_PER_READ,
    changed,
    is_odd_in_y,
    is_signed,
    on_scale,
    read_inputs,
    write_inputs,
)

FLOOR = 1e-10
SIGNED = ("volumetric_strain", "shear_strain_xz", "displacement_x", "displacement_y", "displacement_z")
N_STAGES = STAGES_PER_READ + 5


@pytest.fixture
def voxels(rng):
    shape, dims = (N_STAGES, 4, 3, 5), ("stage", "x", "y", "z")
    return xr.Dataset(
        {
            "d2min": (dims, (10 ** rng.normal(-6, 1, shape)).astype(np.float32)),
            "displacement_y": (dims, rng.normal(0, 1e-3, shape).astype(np.float32)),
        }
    )


def test_every_quantity_has_the_scale_that_its_description_names():
    values = np.array([0.0, 1e-6, 3e-4])
    np.testing.assert_allclose(on_scale("d2min", values, FLOOR, "log"), np.log10(values + 1e-10), rtol=1e-6)
    for name in ("shear_strain", "strain_increment"):
        np.testing.assert_allclose(on_scale(name, values, FLOOR, "log"), np.log10(values + 1e-5), rtol=1e-6)
    for name in SIGNED:
        np.testing.assert_allclose(on_scale(name, -values, FLOOR, "log"), np.arcsinh(-values / 1e-5), rtol=1e-6)
    for name in ("d2min", "displacement_x"):
        np.testing.assert_array_equal(on_scale(name, values, FLOOR, "raw"), values.astype(np.float32))


@pytest.mark.parametrize("name", SIGNED)
def test_opposite_motions_have_opposite_inputs(name, rng):
    values = rng.normal(0, 1e-2, 100)
    np.testing.assert_array_equal(on_scale(name, -values, FLOOR, "log"), -on_scale(name, values, FLOOR, "log"))


@given(
    name=st.sampled_from(["d2min", "shear_strain", "volumetric_strain", "displacement_z", "strain_increment"]),
    values=st.lists(st.floats(0, 10), min_size=2, max_size=9),
    transform=st.sampled_from(["log", "raw"]),
)
def test_scales_are_finite_and_keep_the_order(name, values, transform):
    scaled = on_scale(name, np.sort(values), FLOOR, transform)
    assert scaled.dtype == np.float32
    assert np.isfinite(scaled).all()
    assert (np.diff(scaled) >= 0).all()


def test_channels_follow_the_names_and_stages_their_order(voxels, rng, tmp_path):
    increments = 10 ** rng.normal(-5, 0.5, N_STAGES)
    names = ("strain_increment", "displacement_y", "d2min")
    inputs = write_inputs(tmp_path / "inputs.npy", N_STAGES, read_inputs(voxels, increments, names, FLOOR, "log"))
    assert inputs.shape == (N_STAGES, 3, 4, 3, 5)
    told = on_scale("strain_increment", increments, FLOOR, "log")
    np.testing.assert_array_equal(inputs[:, 0], np.broadcast_to(told[:, None, None, None], (N_STAGES, 4, 3, 5)))
    for channel, name in ((1, "displacement_y"), (2, "d2min")):
        np.testing.assert_array_equal(inputs[:, channel], on_scale(name, voxels[name].to_numpy(), FLOOR, "log"))
    np.testing.assert_array_equal(np.load(tmp_path / "inputs.npy"), inputs)


def test_a_quantity_that_the_voxels_lack_is_named(voxels):
    with pytest.raises(MicroslipError, match=r"names shear_strain, voxels.zarr holds d2min, displacement_y"):
        next(read_inputs(voxels, np.ones(N_STAGES), ("d2min", "shear_strain"), FLOOR, "log"))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("stage", [3, STAGES_PER_READ + 1])
def test_values_that_are_not_finite_are_refused_with_their_stage(voxels, bad, stage):
    voxels["d2min"][stage, 0, 1, 2] = bad
    with pytest.raises(MicroslipError, match=f"not finite, first in stage {stage}:"):
        list(read_inputs(voxels, np.ones(N_STAGES), ("displacement_y", "d2min"), FLOOR, "log"))


@pytest.mark.parametrize(
    "n_stages",
    [
        N_STAGES - 1,
        N_STAGES + 1,
    ],
)
def test_voxels_of_another_table_of_stages_are_refused(voxels, n_stages, tmp_path):
    batches = read_inputs(voxels, np.ones(N_STAGES), ("d2min",), FLOOR, "log")
    with pytest.raises(MicroslipError, match=rf"hold {N_STAGES} stages, the table of stages {n_stages}"):
        write_inputs(tmp_path / "inputs.npy", n_stages, batches)


def test_no_stage_at_all_is_refused(tmp_path):
    with pytest.raises(MicroslipError, match="hold 0 stages"):
        write_inputs(tmp_path / "inputs.npy", 3, [])


def test_each_stage_is_changed_by_a_random_stream_of_its_own_however_they_are_batched(rng):
    inputs = rng.random((7, 2, 4, 3, 5), dtype=np.float32)

    def add_noise(fields, generator):
        return fields[:, :2] + generator.random()

    one_by_one = np.concatenate(list(changed(np.split(inputs, 7), add_noise, 3)))
    at_once = np.concatenate(list(changed([inputs], add_noise, 3)))
    other_seed = np.concatenate(list(changed([inputs], add_noise, 4)))
    np.testing.assert_array_equal(one_by_one, at_once)
    assert at_once.shape == (7, 2, 2, 3, 5)
    assert at_once.dtype == np.float32
    noise = at_once - inputs[:, :, :2]
    np.testing.assert_allclose(noise, np.broadcast_to(noise[:, :1, :1, :1, :1], noise.shape), atol=1e-6)
    assert len(np.unique(noise[:, 0, 0, 0, 0].round(5))) == 7
    assert not np.allclose(other_seed, at_once)


def test_signs_and_symmetries_are_those_of_the_registry():
    assert tuple(name for name in on_nodes() if is_signed(name)) == SIGNED
    assert [name for name in on_nodes() if is_odd_in_y(name)] == ["displacement_y"]
    assert not is_signed("strain_increment")


@pytest.mark.parametrize("ask", [is_signed, is_odd_in_y, lambda name: on_scale(name, np.zeros(1), FLOOR, "log")])
def test_an_unknown_input_is_refused_and_not_guessed(ask):
    with pytest.raises(MicroslipError, match=r"vorticity is no field of grains: known are d2min, .*displacement_z"):
        ask("vorticity")


@pytest.mark.parametrize("name", ["d2min", "shear_strain", "strain_increment"])
def test_negative_values_of_what_has_no_sign_are_counted_and_refused(name):
    """A logarithm that clipped them at zero would lose half of a new field without a word."""
    with pytest.raises(MicroslipError, match=f"2 of 4 values of {name} are negative, down to -3, and it is"):
        on_scale(name, np.array([0.0, -1.0, 2.0, -3.0]), FLOOR, "log")


def test_a_new_signed_field_keeps_its_sign_by_its_line_alone(monkeypatch):
    new = replace(FIELDS["volumetric_strain"], name="vorticity", short="vorticity")
    monkeypatch.setitem(FIELDS, "vorticity", new)
    values = np.array([-0.1, 0.2])
    np.testing.assert_allclose(on_scale("vorticity", values, FLOOR, "log"), np.arcsinh(values / 1e-5), rtol=1e-6)
