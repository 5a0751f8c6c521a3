from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy.spatial import cKDTree

from microslip.config import load_config
from microslip.dem.config import ShearCell
from microslip.dem.packing import BOTTOM, BULK, CLOSEST_CENTRES, TOP, loose_packing

CONFIGS = Path(__file__).parents[2] / "configs"
SMALL = {"cell": {"length": 10, "depth": 8, "height": 8}}


def test_the_papers_numbers():
    paper = ShearCell.model_validate({"loading": {"shear_rate": 0.1}}).numbers()
    assert paper["inertial_number"] == pytest.approx(1.7e-6, rel=0.01)


@given(st.floats(1e-2, 1e3), st.floats(1e-6, 1e-3), st.floats(0.01, 0.4))
def test_samples_fall_on_steps_and_the_time_step_keeps_its_bound(rate, strain_step, fraction):
    cell = ShearCell.model_validate(
        {"loading": {"shear_rate": rate, "rayleigh_fraction": fraction}, "recording": {"strain_step": strain_step}}
    )
    assert cell.timestep * cell.steps_per_sample * rate == pytest.approx(strain_step)
    assert cell.timestep <= fraction * cell.rayleigh_time * (1 + 1e-12)


def test_loose_filling_holds_the_grains_between_sealed_walls():
    config = ShearCell.model_validate(SMALL)
    packing = loose_packing(config)
    bulk = packing.position[packing.kind == BULK]
    assert len(bulk) == config.n_bulk
    assert bulk[:, 2].min() > 0
    assert bulk[:, 2].max() < packing.top_plane
    tree = cKDTree(bulk, boxsize=[10, 8, 1e3])
    assert tree.query(bulk, k=2)[0][:, 1].min() >= CLOSEST_CENTRES
    for kind in (BOTTOM, TOP):
        wall = packing.position[packing.kind == kind]
        # the widest gap between wall grains, seen from above, lets no grain of 0.8 d̄ through
        x, y = np.meshgrid(np.linspace(0, 10, 101)[:-1], np.linspace(0, 8, 81)[:-1])
        distance = cKDTree(wall[:, :2], boxsize=[10, 8]).query(np.column_stack([x.ravel(), y.ravel()]))[0]
        assert distance.max() < 0.5 + 0.4 - 0.25


def test_the_filling_follows_its_seed():
    one, same, other = (loose_packing(ShearCell.model_validate({**SMALL, "seed": seed})) for seed in (3, 3, 4))
    np.testing.assert_array_equal(one.position, same.position)
    assert not np.array_equal(one.position, other.position)


def test_mean_diameter_and_width_of_the_grains():
    config = ShearCell.model_validate({**SMALL, "grains": {"width": 0.3}})
    packing = loose_packing(config)
    diameter = packing.diameter[packing.kind == BULK]
    assert diameter.mean() == pytest.approx(1, abs=0.02)
    assert diameter.min() >= 0.7
    assert diameter.max() <= 1.3


def test_the_preset_of_the_paper_has_its_number_of_grains():
    for name in ("paper", "paper_scaled"):
        assert load_config(CONFIGS / f"{name}.toml").n_grains == 20_215


@pytest.mark.parametrize(
    "content",
    [
        {"grains": {"restitution": 1.1}},
        {"grains": {"poisson_ratio": 0.5}},
        {"grains": {"width": 1.0}},
        {"grains": {"friction": -0.1}},
        {"loading": {"pressure": 0}},
        {"loading": {"timestep": 1e-6}},
        {"parallel": {"ranks": 3, "processors": [2, 0, 1]}},
    ],
)
def test_parameters_outside_physics_are_refused(content):
    with pytest.raises(ValidationError):
        ShearCell.model_validate(content)


def test_a_timestep_that_divides_the_sample_time_is_kept():
    cell = ShearCell.model_validate({"loading": {"timestep": 5e-8, "shear_rate": 10}})
    assert cell.steps_per_sample == 20
    assert cell.timestep == pytest.approx(5e-8)


def test_the_contact_time_rules_where_small_grains_sit_in_strong_chains():
    narrow, wide = (ShearCell.model_validate({"grains": {"width": width}}) for width in (0.2, 0.7))
    assert narrow.critical_time == narrow.rayleigh_time
    assert wide.critical_time < wide.rayleigh_time


def test_a_cell_below_the_representative_volume_and_a_fast_one_are_warned_of():
    cell = ShearCell.model_validate({"cell": {"depth": 6}, "loading": {"shear_rate": 100}})
    assert [text.split(" is ")[0] for text in cell.warnings()] == ["I = 0.0017", "cell.depth = 6 d̄"]
    assert not ShearCell().warnings()


def test_more_strain_and_cell_volumes_leave_it_the_same_simulation():
    cell = ShearCell.model_validate(SMALL)
    further = {**SMALL, "loading": {"strain": 9}, "recording": {"cell_volumes": True}}
    assert ShearCell.model_validate(further).identity() == cell.identity()
    assert ShearCell.model_validate({**SMALL, "seed": 2}).identity() != cell.identity()
