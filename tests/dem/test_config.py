from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy.spatial import cKDTree

from microslip import MicroslipError
from microslip.config import load_config
from microslip.dem.config import ENGINE_SETTINGS, ShearCell
from microslip.dem.lammps.config import Lammps
from microslip.dem.native.config import Native
from microslip.dem.packing import BOTTOM, BULK, CLOSEST_CENTRES, TOP, glued, loose_packing

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
    assert len(bulk) == config.n_filled
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
        assert load_config(CONFIGS / f"{name}.toml").simulation.n_grains == 20_215


@pytest.mark.parametrize(
    "content",
    [
        {"grains": {"restitution": 1.1}},
        {"grains": {"poisson_ratio": 0.5}},
        {"grains": {"width": 1.0}},
        {"grains": {"friction": -0.1}},
        {"loading": {"pressure": 0}},
        {"loading": {"timestep": 1e-6}},
        {"engine": {"kind": "lammps", "ranks": 3, "processors": [2, 0, 1]}},
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


# --- the engine -------------------------------------------------------------------------------------------------------


def written(folder, text):
    path = folder / "cell.toml"
    path.write_text(text)
    return path


def test_one_machine_has_the_native_engine_unless_another_is_named():
    assert ShearCell().engine == Native()
    for kind, settings in ENGINE_SETTINGS.items():
        assert ShearCell.model_validate({"engine": {"kind": kind}}).engine == settings()


OLDER = '[parallel]\nranks = 3\nsuffix = "opt"\n[launch]\ncommand = "srun -q"\nhosts = "nodes"\n'


def test_sections_of_runs_from_before_there_was_a_choice_mean_lammps(tmp_path):
    older = written(tmp_path, OLDER)
    expected = Lammps(ranks=3, suffix="opt", launcher="srun -q", hosts="nodes")
    assert load_config(older).simulation.engine == expected
    # and what is written of them now is read as that
    again = ShearCell.model_validate(load_config(older).shear_cell.model_dump(mode="json"))
    assert again.engine == expected


def test_an_engines_setting_goes_before_that_of_an_older_section(tmp_path):
    assert load_config(written(tmp_path, OLDER), ["engine.ranks=4"]).simulation.engine.ranks == 4


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ('kind = "yade"', "engine.kind = yade is unknown: it is one of native, lammps"),
        (
            "ranks = 2",
            "engine.ranks = 2 is a setting of the engine lammps, and engine.kind = native: leave it out, or set"
            ' engine.kind = "lammps"',
        ),
        (
            'kind = "native"\nlauncher = "srun"',
            "engine.launcher = srun is a setting of the engine lammps, and engine.kind = native: leave it out, or set"
            ' engine.kind = "lammps"',
        ),
        ("thread = 2", "unknown key engine.thread = 2: did you mean threads?"),
    ],
)
def test_a_setting_of_no_engine_or_of_another_one_is_one_sentence(tmp_path, section, message):
    with pytest.raises(MicroslipError) as caught:
        load_config(written(tmp_path, f"[engine]\n{section}\n"))
    assert str(caught.value) == message


def test_a_setting_of_another_engine_is_refused_the_other_way_round(monkeypatch):
    """No setting is the native engine's alone today."""

    class OneMore(Native):
        spin: int = 1

    monkeypatch.setitem(ENGINE_SETTINGS, "native", OneMore)
    with pytest.raises(ValidationError, match=r"engine\.spin = 2 is a setting of the engine native, and .* = lammps"):
        ShearCell.model_validate({"engine": {"kind": "lammps", "spin": 2}})


def test_a_cell_without_walls_is_the_native_engines(tmp_path):
    ShearCell.model_validate({"cell": {"walls": False}})
    with pytest.raises(MicroslipError, match=r'lammps does not do: set engine\.kind = "native"'):
        load_config(written(tmp_path, '[cell]\nwalls = false\n[engine]\nkind = "lammps"\n'))


def test_how_ranks_and_threads_are_started_is_no_part_of_the_simulation_but_their_number_is_of_lammps():
    def identity(**engine):
        return ShearCell.model_validate({"engine": engine}).identity()

    assert identity(threads=1) == identity(threads=2)
    assert identity(kind="lammps", launcher="srun", hosts="nodes") == identity(kind="lammps")
    assert identity(kind="lammps", ranks=1) != identity(kind="lammps", ranks=2)
    assert identity(kind="lammps") != identity(kind="native")


def test_threads_are_no_more_than_grains_keep_busy(monkeypatch):
    monkeypatch.setattr("microslip.dem.native.config.usable_cores", lambda: 8)
    assert [Native().n_threads(n) for n in (300, 2_600, 20_000)] == [1, 2, 8]
    assert Native(threads=3).n_threads(300) == 3


# --- what newer cells are filled with ---------------------------------------------------------------------------------


def test_a_filling_without_walls_repeats_in_every_direction():
    config = ShearCell.model_validate({"cell": {**SMALL["cell"], "walls": False}})
    packing = loose_packing(config)
    assert len(packing.position) == config.n_grains == config.n_filled
    assert (packing.kind == BULK).all()
    tree = cKDTree(packing.position, boxsize=[10, 8, packing.top_plane])
    assert tree.query(packing.position, k=2)[0][:, 1].min() >= CLOSEST_CENTRES


def test_an_amorphous_wall_is_the_random_grains_beyond_its_inner_face():
    cell = {**SMALL["cell"], "wall": "amorphous", "wall_thickness": 1.5}
    config = ShearCell.model_validate({"cell": cell})
    thin = ShearCell.model_validate(SMALL)
    # as many random grains as fill the height between the lattices
    assert config.n_filled == pytest.approx(thin.n_filled * (8 + 3) / 8, abs=1)
    packing = loose_packing(config)
    lattices = [packing.position[packing.kind == kind, 2].mean() for kind in (BOTTOM, TOP)]
    assert lattices[0] == pytest.approx(-0.5 - 1.5)
    kind = glued(packing.position, packing.kind, lattices[1] - 0.5 - 1.5)
    z = packing.position[:, 2]
    for wall, beyond in ((BOTTOM, z < 0), (TOP, z > lattices[1] - 2)):
        np.testing.assert_array_equal(kind == wall, beyond | (packing.kind == wall))
        assert (kind == wall).sum() > (packing.kind == wall).sum()


def test_a_wall_thicker_than_half_the_cell_is_refused():
    cell = {**SMALL["cell"], "wall": "amorphous", "wall_thickness": 4.1}
    with pytest.raises(ValidationError, match="use thinner walls or a higher cell"):
        ShearCell.model_validate({"cell": cell})


def test_a_law_that_loses_its_histories_in_lammps_is_warned_of():
    content = {"grains": {"damping": "viscous"}}
    assert not ShearCell.model_validate(content).warnings()
    (said,) = ShearCell.model_validate({**content, "engine": {"kind": "lammps"}}).warnings()
    assert "loses the contact histories" in said


# --- the adaptive drive -----------------------------------------------------------------------------------------------

ADAPTIVE = {"drive": "adaptive", "shear_rate": 0.1, "hurry_rate": 1.0}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            {"engine": {"kind": "lammps"}},
            r'which engine\.kind = lammps does not do: set engine\.kind = "native", or drive = "constant"',
        ),
        (
            {"loading": ADAPTIVE | {"hurry_rate": 0.05}},
            r"loading\.hurry_rate = 0\.05 /s is below shear_rate = 0\.1 /s, to which an adaptive drive slows",
        ),
        (
            {"loading": ADAPTIVE | {"hurry_rate": 200}},
            r"loading\.hurry_rate = 200 /s takes less than one time step from sample to sample: lower it to 87\.\d /s",
        ),
    ],
)
def test_an_adaptive_drive_that_cannot_be_followed_is_refused(content, message):
    ShearCell.model_validate({"loading": ADAPTIVE})
    with pytest.raises(ValidationError, match=message) as caught:
        ShearCell.model_validate({"loading": ADAPTIVE, **content})
    assert len(caught.value.errors()) == 1


def test_settings_of_an_adaptive_drive_are_free_where_the_drive_is_constant():
    ShearCell.model_validate({"loading": {"shear_rate": 10, "hurry_rate": 1}})


def test_an_adaptive_drive_takes_no_more_steps_than_its_slow_rate_and_no_fewer_than_its_fast_one():
    loading = ADAPTIVE | {"strain": 1.0, "warm_up": 0.2, "warm_up_rate": 5.0}
    fewest, most = ShearCell.model_validate({"loading": loading}).step_bounds
    slow, fast = (
        ShearCell.model_validate({"loading": loading | {"drive": "constant", "shear_rate": rate, "timestep": step}})
        for rate, step in ((0.1, None), (1.0, ShearCell.model_validate({"loading": loading}).timestep))
    )
    assert slow.step_bounds == (most, most)
    assert fewest < fast.step_bounds[0] * 1.2
    assert fewest > 0.8 * (loading["strain"] - loading["warm_up"]) / (1.0 * slow.timestep)


def test_frames_by_the_walls_stress_are_for_any_drive_and_any_cell():
    for walls in (True, False):
        ShearCell.model_validate({"cell": {"walls": walls}, "loading": ADAPTIVE, "recording": {"stress": "walls"}})


def test_a_hurry_that_is_not_quasi_static_is_warned_of():
    (said,) = ShearCell.model_validate({"loading": ADAPTIVE | {"hurry_rate": 80}}).warnings()
    assert "lower loading.hurry_rate" in said
