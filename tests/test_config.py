import tomllib
from pathlib import Path

import pytest

from microslip import MicroslipError, Source, read_trajectory
from microslip.config import Config, load_config, parse_config, write_config
from microslip.config_files import apply_overrides
from microslip.data.store import create_store
from microslip.dem.config import ShearCell

# presets of studies have a test of their own
PRESETS = sorted(
    path
    for path in (Path(__file__).parent.parent / "configs").glob("*.toml")
    if not {"vary", "system"} & tomllib.loads(path.read_text()).keys()
)


@pytest.mark.parametrize("path", PRESETS, ids=lambda path: path.stem)
def test_presets_are_valid_and_hold_only_differences(path):
    load_config(path)
    defaults = Config().model_dump(mode="json")
    for section, content in tomllib.loads(path.read_text()).items():
        if isinstance(content, dict):
            for key, value in content.items():
                assert defaults[section][key] != value, f"{section}.{key} repeats the default"


def test_a_written_configuration_reads_back_the_same(tmp_path):
    config = load_config(PRESETS[0], ["network.channels=[4, 8]", "seed=5"])
    write_config(config, tmp_path / "config.toml")
    assert load_config(tmp_path / "config.toml") == config


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("loading.presure=1e6", r"unknown key loading\.presure = 1000000\.0: did you mean pressure\?"),
        ("lading.pressure=1e6", r"unknown key lading = .*did you mean loading\?"),
        (
            "loading.pressure=-1",
            r"loading\.pressure = -1 is not possible: it must be at least 1e-09 \(normal stress",
        ),
        ("grains.friction=-0.1", r"grains\.friction = -0\.1 is not possible"),
        ("grains.restitution=1.2", r"grains\.restitution = 1\.2"),
        ("grains.poisson_ratio=0.5", r"grains\.poisson_ratio = 0\.5"),
        ("grains.width=1", r"grains\.width = 1 "),
        ("loading.strain=nan", r"loading\.strain = nan"),
        ("loading.strain=0.1", r"warm_up = 0\.2 leaves nothing of strain = 0\.1"),
        ("cell.depth=abc", r"cell\.depth = abc is not possible"),
        ("nonaffine.cutoff=9", r"nonaffine\.cutoff = 9 exceeds half the smallest periodic length, 7\.5 d̄"),
        ("voxels.radius=9", r"voxels\.radius = 9 exceeds half"),
        # as the section was called before there was a choice of engines
        ("parallel.ranks=1000", r"engine\.ranks = 1000 cuts the cell .* at most 120"),
        ("engine.ranks=2", r"engine\.ranks = 2 is a setting of the engine lammps, and engine\.kind = native"),
        ("engine.kind=yade", r"engine\.kind = yade is unknown: it is one of native, lammps"),
        ("engine.threads=0", r"engine\.threads = 0 is not possible"),
        ("stages.threshold=1e-6", r"stages\.threshold = 1e-06 is below recording\.threshold = 1e-05"),
        ("split.train=0.9", r"leaves no test set"),
        ("recording.smoothing=mean", r"recording\.smoothing = mean"),
        ("seed", "not of the form section.key=value"),
        ("a.b.c=1", "not of the form section.key=value"),
    ],
)
def test_each_mistake_is_one_sentence_with_key_value_and_remedy(override, message):
    with pytest.raises(MicroslipError, match=message) as caught:
        parse_config(apply_overrides({}, [override]))
    assert "\n" not in str(caught.value)


def test_a_cell_without_walls_repeats_over_its_height_too():
    low = ["cell.height=4", "nonaffine.cutoff=2.5"]
    parse_config(apply_overrides({}, low))
    with pytest.raises(
        MicroslipError, match=r"nonaffine\.cutoff = 2\.5 exceeds half the smallest periodic length, 2 d̄"
    ):
        parse_config(apply_overrides({}, ["cell.walls=false", *low]))


def test_files_that_are_no_configuration_are_said(tmp_path):
    with pytest.raises(MicroslipError, match="does not exist"):
        load_config(tmp_path / "none.toml")
    with pytest.raises(MicroslipError, match="is a folder"):
        load_config(tmp_path)
    (tmp_path / "bad.toml").write_text("[loading\n")
    with pytest.raises(MicroslipError, match="is not valid TOML"):
        load_config(tmp_path / "bad.toml")


def test_a_folder_without_settings_has_those_of_its_trajectory(tmp_path, monkeypatch):
    """As `read_trajectory` leaves it: every verb works on it, from whatever folder."""
    frames = [
        f"{frame},{grain},{grain % 4},{grain // 4 % 4},{grain // 16 + 0.01 * frame}"
        for frame in range(3)
        for grain in range(32)
    ]
    (tmp_path / "grains.csv").write_text("\n".join(["frame,id,x,y,z", *frames]) + "\n")
    monkeypatch.chdir(tmp_path)
    source = Source(files=("grains.csv",), box=(4.0, 4.0, 2.0), length=1.0, strain_per_step=1e-3)
    read_trajectory(source, "run/trajectory.zarr")
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["trajectory.zarr"]
    monkeypatch.chdir("/")
    settings = load_config(tmp_path / "run" / "config.toml", ["stages.window=0.5"])
    assert settings.source.files == (str(tmp_path / "grains.csv"),)
    assert settings.source.length == 1.0
    assert settings.stages.window == 0.5
    write_config(settings, tmp_path / "run" / "config.toml")
    assert load_config(tmp_path / "run" / "config.toml") == settings


def test_a_simulated_folder_without_settings_has_those_of_its_trajectory(tmp_path):
    cell = Config(seed=7)
    create_store(tmp_path / "trajectory.zarr", {"config": cell.shear_cell.model_dump(mode="json")})
    assert load_config(tmp_path / "config.toml").shear_cell == cell.shear_cell
    with pytest.raises(MicroslipError, match="does not exist"):
        load_config(tmp_path / "other.toml")


def test_an_imported_run_carries_no_made_up_cell():
    settings = parse_config({"source": {"files": ["dump"]}, "loading": {"strain": 3.0}})
    assert settings.shear_cell is None
    assert "loading" not in settings.model_dump()
    # what the fingerprints of its steps are made of
    assert settings.section("recording") == ShearCell().recording
    with pytest.raises(MicroslipError, match="the run is imported: it has no shear cell"):
        settings.simulation  # noqa: B018
    with pytest.raises(MicroslipError, match="unknown key shear_cell: give its sections, seed, grains"):
        parse_config({"shear_cell": {"seed": 1}})


def test_a_mistyped_key_of_the_simulation_is_refused_beside_a_source_too():
    with pytest.raises(MicroslipError, match=r"loading\.shear_rat"):
        parse_config({"source": {"files": ["dump"]}, "loading": {"shear_rat": 3.0}})


def test_settings_of_blocks_that_were_drawn_are_refused_where_somebody_chose_them():
    older = {"n_samples": 400, "n_blocks": 40, "seed": 1, "confidence": 0.9}
    assert parse_config({"bootstrap": older}).bootstrap.confidence == 0.9
    for name in ("n_samples", "n_blocks", "seed"):
        with pytest.raises(MicroslipError, match=f"bootstrap.{name} = 77 is of older versions"):
            parse_config({"bootstrap": {**older, name: 77}})
