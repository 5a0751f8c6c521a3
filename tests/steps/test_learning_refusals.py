"""What cannot be learnt or explained ends in a sentence, and earlier results stay."""

import functools
import shutil

import numpy as np
import pandas as pd
import pytest
import torch
import zarr

from microslip.config import load_config, write_config
from microslip.data.files import write_table
from microslip.data.provenance import break_seals

from ..command_line import contents, refused


def restage(folder, change):
    stages = pd.read_csv(folder / "stages.csv")
    write_table(folder / "stages.csv", change(stages))


def too_few_stages(folder):
    restage(folder, lambda stages: stages.iloc[:15])
    return "15 stages are too few"


def other_number_of_stages(folder):
    restage(folder, lambda stages: stages.iloc[:70])
    return "run the voxels step again"


def constant_fluctuations(folder):
    restage(folder, lambda stages: stages.assign(fluctuation=1e-3))
    return "all training stages have the same fluctuation"


def one_fluctuation_that_is_not_finite(folder):
    restage(folder, lambda stages: stages.assign(fluctuation=stages["fluctuation"].mask(stages["stage"] == 42)))
    return "the fluctuations of 1 of 100 stages are not known (stage 42 first)"


def a_voxel_that_is_not_finite(folder):
    voxels = zarr.open_group(folder / "voxels.zarr", mode="r+")["d2min"]
    voxels[37, 1, 2, 3] = np.nan
    voxels.attrs["changed"] = "yes"
    break_seals(folder, "voxels")
    return "first in stage 37"


def a_channel_that_the_voxels_lack(folder):
    changes = ["network.inputs=['d2min', 'displacement_x']", "voxels.fields=['d2min', 'displacement_x']"]
    write_config(load_config(folder / "config.toml", changes), folder / "config.toml")
    return "network.inputs names displacement_x, voxels.zarr holds d2min, shear_strain: run `microslip voxels`"


def voxels_that_do_not_vary(folder):
    voxels = zarr.open_group(folder / "voxels.zarr", mode="r+")["d2min"]
    voxels[:] = 1e-6
    voxels.attrs["changed"] = "yes"
    break_seals(folder, "voxels")
    return "d2min is the same in all training stages and nodes"


def a_network_too_deep(folder):
    write_config(load_config(folder / "config.toml", ["network.channels=[4, 4, 4, 4]"]), folder / "config.toml")
    return "too small for 4 poolings"


DAMAGES = [
    too_few_stages,
    other_number_of_stages,
    constant_fluctuations,
    one_fluctuation_that_is_not_finite,
    a_voxel_that_is_not_finite,
    a_channel_that_the_voxels_lack,
    voxels_that_do_not_vary,
    a_network_too_deep,
]


@pytest.mark.parametrize("verb", ["train", "ablate", "search"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_what_cannot_be_learnt_ends_in_a_sentence_and_earlier_results_stay(copied, damage, verb):
    message = damage(copied)
    before = contents(copied)
    assert message in refused(verb, copied)
    assert contents(copied) == before


def no_checkpoint(folder):
    (folder / "model" / "checkpoint.pt").unlink()
    return "checkpoint.pt is missing: run `microslip train"


def no_checkpoint_at_all(folder):
    (folder / "model" / "checkpoint.pt").write_bytes(b"")
    return "is not a checkpoint"


def half_a_checkpoint(folder):
    path = folder / "model" / "checkpoint.pt"
    path.write_bytes(path.read_bytes()[:2000])
    return "is not a checkpoint"


def changed_checkpoint(change):
    @functools.wraps(change)
    def damage(folder):
        path = folder / "model" / "checkpoint.pt"
        content = torch.load(path, weights_only=True)
        message = change(content)
        torch.save(content, path)
        return message

    return damage


@changed_checkpoint
def weights_are_missing(content):
    content["weights"].popitem()
    return "is damaged"


@changed_checkpoint
def of_a_later_version(content):
    content["format_version"] = 99
    return "has format_version = 99"


@changed_checkpoint
def of_another_grid(content):
    content["grid"] = [8, 8, 7]
    return "was trained on (8, 8, 7)"


BROKEN = [
    no_checkpoint,
    no_checkpoint_at_all,
    half_a_checkpoint,
    weights_are_missing,
    of_a_later_version,
    of_another_grid,
]


@pytest.mark.parametrize("damage", BROKEN)
def test_a_broken_checkpoint_ends_in_a_sentence_and_earlier_results_stay(copied, damage):
    message = damage(copied)
    if damage is not no_checkpoint:
        # as if it had been written so
        assert "was changed since `microslip train` made it" in refused("explain", copied)
    break_seals(copied, "train")
    before = contents(copied)
    assert message in refused("explain", copied)
    if damage is not of_another_grid:
        refused("predict", copied, "--model", copied)
    assert contents(copied) == before


def test_missing_inputs_name_the_command_that_makes_them(fresh):
    assert "run `microslip train" in refused("explain", fresh)
    shutil.rmtree(fresh / "statistics")
    assert "run `microslip statistics" in refused("ablate", fresh)
    shutil.rmtree(fresh / "voxels.zarr")
    for verb in ("train", "search"):
        assert "run `microslip voxels" in refused(verb, fresh)
