"""Numbers of the local strain in motions whose strain is given."""

import numpy as np
import pytest

from microslip.core.box import Box
from microslip.fields.elastic import N_LAYERS, elastic_numbers
from microslip.fields.stage import StageFrames


@pytest.fixture
def packing(rng):
    box = Box((8.0, 8.0, 8.0))
    position = rng.random((800, 3)) * box.lengths
    kind = np.where(position[:, 2] < 0.5, 1, np.where(position[:, 2] > 7.5, 2, 0))
    return box, position, kind


def numbers(packing, displacement):
    box, position, kind = packing
    there = np.ones(len(kind), dtype=bool)
    return elastic_numbers(
        StageFrames(position, position + displacement, kind, np.ones(len(kind)), box, box, 2.0, there)
    )


def test_an_affine_motion_gives_its_own_strain_everywhere(packing):
    z = packing[1][:, 2]
    shear, dilation = 1e-4, 3e-5
    of = numbers(packing, np.stack([-shear * z, 0 * z, dilation * z], axis=1))
    assert of["shear"] == pytest.approx(-shear / 2, rel=1e-3)
    assert of["volume"] == pytest.approx(dilation / 3, rel=1e-3)
    assert of["normal"] == pytest.approx(-dilation, rel=1e-3)
    for layer in range(1, N_LAYERS + 1):
        assert of[f"shear_{layer}"] == pytest.approx(of["shear"], rel=1e-6)
        assert of[f"volume_{layer}"] == pytest.approx(of["volume"], rel=1e-6)
    for name in ("shear", "volume", "normal"):
        assert of[f"yielding_{name}"] == pytest.approx(0, abs=1e-9)
    assert of["motion"] < 1e-9


def test_reversed_motion_reverses_the_signed_numbers_alone(packing, rng):
    displacement = 1e-6 * rng.normal(size=packing[1].shape)
    forth, back = numbers(packing, displacement), numbers(packing, -displacement)
    for name, value in forth.items():
        sign = 1 if name in ("distortion", "motion") else -1
        assert back[name] == pytest.approx(sign * value, rel=1e-3, abs=1e-12), name


def test_a_band_is_seen_in_its_layer_and_where_it_yields(packing, rng):
    position = packing[1]
    z = position[:, 2]
    inside = np.clip(z - 1.0, 0.0, 1.0)
    shaken = np.where(((z > 1) & (z < 2))[:, None], 1e-5 * rng.normal(size=position.shape), 0.0)
    of = numbers(packing, np.stack([-1e-4 * inside, 0 * z, 0 * z], axis=1) + shaken)
    assert of["shear_1"] < -1e-5
    assert abs(of["shear_4"]) < 1e-7
    assert of["yielding_shear"] < 0
