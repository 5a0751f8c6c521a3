"""Settings of a run folder that were lost or changed behind its back."""

import pytest
import tomli_w

from microslip.config import Config, load_config, parse_config, write_config
from microslip.core.errors import MicroslipError
from microslip.data.store import create_store
from microslip.dem.config import ShearCell
from microslip.steps.run_settings import run_config, run_folder

MADE = parse_config({"cell": {"length": 12}, "training": {"epochs": 7}})


def begun(folder, config=MADE, **attributes):
    """A run folder whose trajectory says what it was made with."""
    folder.mkdir()
    made = {"config": (config.shear_cell or ShearCell()).model_dump(mode="json")} | attributes
    create_store(folder / "trajectory.zarr", made)
    write_config(config, folder / "config.toml")
    return folder


def test_settings_as_they_were_written_are_taken(tmp_path):
    folder = begun(tmp_path / "run")
    assert run_config(folder) == MADE
    assert run_config(folder, ["training.epochs=9"]).training.epochs == 9


LOST = [
    *(("head", share) for share in (0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99)),
    ("tail", 0.3),
    ("tail", 0.6),
    ("tail", 0.9),
]


@pytest.mark.parametrize(("kept", "share"), LOST)
def test_settings_of_which_lines_are_lost_are_refused(tmp_path, kept, share):
    folder = begun(tmp_path / "run")
    path = folder / "config.toml"
    lines = path.read_text().splitlines(keepends=True)
    n = int(share * len(lines))
    path.write_text("".join(lines[:n] if kept == "head" else lines[len(lines) - n :]))
    with pytest.raises(
        MicroslipError, match=r"config\.toml (is empty|holds|says) .*|is empty: put|is not valid TOML|unknown key"
    ):
        run_config(folder)


def test_one_setting_that_is_lost_is_noticed(tmp_path):
    folder = begun(tmp_path / "run")
    path = folder / "config.toml"
    path.write_text("".join(line for line in path.read_text().splitlines(keepends=True) if "learning_rate" not in line))
    with pytest.raises(MicroslipError, match=r"holds \d+ of the \d+ settings that were written there"):
        run_config(folder)


def test_another_cell_than_the_trajectorys_is_refused(tmp_path):
    folder = begun(tmp_path / "run")
    write_config(Config(), folder / "config.toml")
    with pytest.raises(MicroslipError, match=r"says cell\.length = 50\.0, and trajectory\.zarr was made with 12\.0"):
        run_config(folder)
    # how far it is sheared is no other simulation
    write_config(parse_config({"cell": {"length": 12}, "loading": {"strain": 9}}), folder / "config.toml")
    assert run_config(folder).simulation.loading.strain == 9


def test_an_imported_run_keeps_its_source(tmp_path):
    imported = parse_config({"source": {"files": ["a"]}})
    folder = begun(tmp_path / "run", imported, imported=True, source={"files": ["a"]})
    assert run_config(folder).source == load_config(folder / "config.toml").source
    write_config(Config(), folder / "config.toml")
    with pytest.raises(MicroslipError, match=r"has no \[source\], and trajectory\.zarr was imported"):
        run_config(folder)


def test_a_preset_in_a_folder_where_nothing_ran_is_fine(tmp_path):
    (tmp_path / "config.toml").write_text("[cell]\nlength = 20\n")
    assert run_config(tmp_path).simulation.cell.length == 20


def test_settings_of_older_versions_are_read(tmp_path):
    """Without the line that counts them, and without settings and sections that came later."""
    folder = begun(tmp_path / "run")
    content = MADE.model_dump(mode="json", exclude_none=True)
    for section in ("ablation", "search", "clusters", "distributions", "bootstrap", "engine", "batches"):
        del content[section]
    for section, key in (("cell", "walls"), ("grains", "tangential"), ("network", "calibrated"), ("loading", "hold")):
        del content[section][key]
    (folder / "config.toml").write_text(tomli_w.dumps(content))
    assert run_config(folder) == MADE


def test_a_damaged_file_is_replaced_by_the_settings_given(tmp_path):
    folder = begun(tmp_path / "run")
    (folder / "config.toml").write_text("")
    run_folder(folder, MADE)
    assert load_config(folder / "config.toml") == MADE
