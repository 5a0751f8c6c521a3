import numpy as np
import pytest
import torch
import xarray as xr

from microslip import MicroslipError
from microslip.learn.samples import augment, fit_scaling, write_inputs


@pytest.fixture
def voxels(rng):
    return xr.DataArray(10 ** rng.normal(-6, 1, (40, 4, 3, 5)).astype(np.float32), dims=["stage", "x", "y", "z"])


def test_training_inputs_are_standardised_and_others_use_the_same_scale(voxels, rng, tmp_path):
    train = np.arange(20)
    target = rng.normal(size=40)
    scaling = fit_scaling(voxels, target, train, 1e-10)
    inputs = write_inputs(voxels, scaling, tmp_path / "inputs.npy")
    assert inputs[train].mean() == pytest.approx(0, abs=1e-5)
    assert inputs[train].std() == pytest.approx(1, rel=1e-4)
    assert inputs[20:].mean() != pytest.approx(0, abs=1e-5)
    assert scaling.target_deviation == pytest.approx(target[train].std())


def test_empty_nodes_have_a_finite_input(voxels, rng):
    scaling = fit_scaling(voxels, rng.normal(size=40), np.arange(20), 1e-10)
    assert scaling.transform(np.zeros(1))[0] == pytest.approx(scaling.zero_field())


def test_test_stages_do_not_leak_into_the_scaling(voxels, rng):
    target = rng.normal(size=40)
    changed = voxels.copy()
    changed[20:] = 1.0
    assert fit_scaling(voxels, target, np.arange(20), 1e-10) == fit_scaling(changed, target, np.arange(20), 1e-10)


@pytest.mark.parametrize(("value", "message"), [(np.nan, "not finite"), (None, "nothing to learn")])
def test_useless_voxels_are_refused(voxels, rng, value, message):
    target = np.zeros(40) if value is None else rng.normal(size=40)
    if value is not None:
        voxels[3, 0, 0, 0] = value
    with pytest.raises(MicroslipError, match=message):
        fit_scaling(voxels, target, np.arange(20), 1e-10)


def test_augmentation_only_shifts_x_and_y_and_mirrors_y(rng):
    inputs = torch.from_numpy(rng.random((64, 1, 4, 3, 5), dtype=np.float32))
    seen = augment(inputs, np.random.default_rng(1)).numpy()
    mirrored = 0
    for before, after in zip(inputs.numpy()[:, 0], seen[:, 0], strict=True):
        images = {
            flip: [np.roll(before[:, ::-1] if flip else before, (i, j), (0, 1)) for i in range(4) for j in range(3)]
            for flip in (False, True)
        }
        found = [flip for flip, candidates in images.items() if any(np.array_equal(after, c) for c in candidates)]
        assert found
        mirrored += found == [True]
    assert 16 < mirrored < 48
