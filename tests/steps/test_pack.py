"""An archive for others holds what it says, opens without this package, and is a run again where it is whole."""

import hashlib
import json
import re
import shutil
import subprocess
import sys
import zipfile

import numpy as np
import pandas as pd
import pytest

from microslip import open_run
from microslip.config import load_config, write_config
from microslip.formats.pack.archive import SUMS
from microslip.grids.splits import split_stages
from microslip.steps import pack
from microslip.steps.pack_contents import draw_stages

from ..command_line import microslip, refused
from .test_export import own  # noqa: F401, a fixture

SMALL = ("network.channels=[4]", "network.hidden=4", "training.epochs=1", "training.threads=1", "training.device=cpu")


@pytest.fixture(scope="module")
def source(own, tmp_path_factory):  # noqa: F811
    """A run of some twenty stages, which leave no room between blocks."""
    folder = shutil.copytree(own, tmp_path_factory.mktemp("source") / "run")
    write_config(load_config(folder / "config.toml", ["split.guard=0"]), folder / "config.toml")
    return folder


@pytest.fixture
def run(source, tmp_path):
    return shutil.copytree(source, tmp_path / "run")


@pytest.fixture(scope="module")
def archive(source, tmp_path_factory):
    target = tmp_path_factory.mktemp("pack") / "sheared.zip"
    said = microslip("pack", source, "--into", target, "--stages", 5).stdout
    assert "licence CC-BY-4.0" in said
    assert "no author is named" in said
    return target


@pytest.fixture
def opened(archive, tmp_path):
    with zipfile.ZipFile(archive) as content:
        content.extractall(tmp_path)
    return tmp_path / "sheared"


def test_every_file_has_its_sum(opened):
    lines = [line.split("  ") for line in (opened / SUMS).read_text().splitlines()]
    for sha256, name in lines:
        assert hashlib.sha256((opened / name).read_bytes()).hexdigest() == sha256
    files = {path.relative_to(opened).as_posix() for path in opened.rglob("*") if path.is_file()}
    assert files == {name for _, name in lines} | {SUMS}


def test_the_metadata_keep_the_rules_of_ro_crate(opened):
    """RO-Crate 1.1: a descriptor about the root, which has a name, a description, a date, a licence and its parts."""
    content = json.loads((opened / "ro-crate-metadata.json").read_text())
    assert content["@context"] == "https://w3id.org/ro/crate/1.1/context"
    entities = {entity["@id"]: entity for entity in content["@graph"]}
    assert len(entities) == len(content["@graph"])
    descriptor, root = entities["ro-crate-metadata.json"], entities["./"]
    assert descriptor["about"] == {"@id": "./"}
    assert descriptor["conformsTo"] == {"@id": "https://w3id.org/ro/crate/1.1"}
    assert root["@type"] == "Dataset"
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", root["datePublished"])
    assert root["license"]["@id"] in entities
    assert root["name"] == "sheared"
    assert "stick and slip stages of" in root["description"]
    parts = [part["@id"] for part in root["hasPart"]]
    for name in parts:
        entity, path = entities[name], opened / name
        assert path.is_dir() == (entity["@type"] == "Dataset")
        if path.is_file():
            assert entity["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
            assert entity["contentSize"] == str(path.stat().st_size)
    tops = {path.name + "/" * path.is_dir() for path in opened.iterdir()}
    assert set(parts) == tops - {SUMS, "ro-crate-metadata.json"}


def test_the_same_run_makes_the_same_archive(source, archive, tmp_path):
    again = tmp_path / "sheared.zip"
    microslip("pack", source, "--into", again, "--stages", 5)
    assert again.read_bytes() == archive.read_bytes()


def test_what_the_readme_shows_runs_and_finds_the_runs_own_numbers(source, opened):
    """Without microslip: numpy and xarray alone."""
    code = "\n".join(re.findall(r"```python\n(.*?)```", (opened / "README.md").read_text(), re.S))
    code += """
import sys
assert "microslip" not in sys.modules
np.savez("found.npz", voxels=voxels.d2min, position=sample.position, stage=sample.stage, strain=series.strain)
"""
    subprocess.run([sys.executable, "-c", code], cwd=opened, check=True, capture_output=True)
    run, found = open_run(source), np.load(opened / "found.npz")
    np.testing.assert_array_equal(found["voxels"], run.voxels["d2min"])
    np.testing.assert_array_equal(np.load(opened / "voxels_d2min.npy"), run.voxels["d2min"])
    np.testing.assert_array_equal(found["strain"], run.series["strain"])
    assert len(found["stage"]) == 5
    start = run.stages["start_frame"].to_numpy()[found["stage"]]
    np.testing.assert_array_equal(found["position"], run.frames["position"].to_numpy()[start])


def test_the_splits_are_those_of_the_training(source, opened):
    config, table = load_config(source / "config.toml"), pd.read_csv(opened / "splits.csv")
    for rule in ("random", "blocked"):
        for name, stages in split_stages(rule, len(table), config.split, config.training.seed).items():
            assert table.loc[table[rule] == name, "stage"].tolist() == stages.tolist()


def test_a_sample_favours_neither_sticks_nor_slips():
    # evenly spread, 64 of 127 stages that alternate would all be of one kind
    drawn = draw_stages(127, 64, seed=1)
    assert len(set(drawn.tolist())) == 64
    assert (np.diff(drawn) > 0).all()
    # draws without replacement: expected 32.3 odd ones, standard deviation 2.8
    assert abs((drawn % 2).sum() - 32) < 12
    assert draw_stages(5, 100, seed=1).tolist() == [0, 1, 2, 3, 4]


def test_the_training_script_learns(opened):
    said = subprocess.run([sys.executable, "train.py"], cwd=opened, check=True, capture_output=True, text=True).stdout
    assert re.search(r"epoch 10: R² of the blocked test set -?\d\.\d{3}", said)


def test_an_archive_is_looked_at_and_trained_from(archive, tmp_path):
    own_copy = shutil.copy(archive, tmp_path / "mine.zip")
    said = microslip("info", own_copy).stdout
    assert "packed on" in said
    assert "all fields of 5 of them" in said
    assert not (tmp_path / "mine").exists()
    settings = [word for one in SMALL for word in ("--set", one)]
    microslip("train", own_copy, *settings)
    assert (tmp_path / "mine" / "model" / "metrics.json").exists()
    said = microslip("info", tmp_path / "mine").stdout
    assert "out of date" not in said
    assert "; damaged" not in said
    assert "skipped: done before" in microslip("train", own_copy, *settings).stdout
    assert "holds no frames but those of sample.zarr" in refused(
        "voxels", tmp_path / "mine", "--set", "voxels.radius=2"
    )


def test_a_folder_of_other_content_is_not_taken_for_the_archive(archive, tmp_path):
    own_copy = shutil.copy(archive, tmp_path / "mine.zip")
    (tmp_path / "mine").mkdir()
    assert "would be unpacked, and is not it" in refused("train", own_copy)
    assert not list((tmp_path / "mine").iterdir())


@pytest.mark.parametrize("damage", ["flipped", "flipped where packed", "cut", "other"])
def test_a_damaged_archive_is_refused_and_leaves_nothing(archive, tmp_path, damage):
    content, path = bytearray(archive.read_bytes()), tmp_path / "broken.zip"
    if damage == "flipped":
        content[len(content) // 3] ^= 1
    elif damage == "flipped where packed":
        with zipfile.ZipFile(archive) as whole:
            about = whole.getinfo("sheared/stages.csv")
        # behind the header of 30 bytes and the name: a kind of block that deflate does not know
        content[about.header_offset + 30 + len(about.filename)] = 0b111
    path.write_bytes(
        content[: len(content) // 2] if damage == "cut" else b"no archive" if damage == "other" else content
    )
    for verb in ("info", "train"):
        said = refused(verb, path)
        assert "broken.zip is damaged" in said
        assert "fetch it again" in said
    assert [each.name for each in tmp_path.iterdir()] == ["broken.zip"]


def test_a_file_that_was_changed_and_a_name_that_leads_out_are_refused(opened, tmp_path):
    (opened / "stages.csv").write_text("stage\n")
    shutil.make_archive(str(tmp_path / "changed"), "zip", tmp_path, "sheared")
    assert "stages.csv fails its checksum" in refused("info", tmp_path / "changed.zip")
    (opened / SUMS).write_text(f"{hashlib.sha256(b'x').hexdigest()}  ../outside\n")
    shutil.make_archive(str(tmp_path / "outside"), "zip", tmp_path, "sheared")
    assert "leads out of its folder" in refused("train", tmp_path / "outside.zip")


def test_a_name_with_dots_keeps_them(source, tmp_path):
    folder = shutil.copytree(source, tmp_path / "mu0.5")
    microslip("pack", folder)
    shutil.rmtree(folder)
    assert "mu0.5" in microslip("info", tmp_path / "mu0.5.zip").stdout
    archive = tmp_path / "mu0.5.zip"
    assert pack.unpacked(archive, lambda *_: None, lambda _: None) == folder
    assert (folder / "stages.csv").exists()


def test_a_zip_of_something_else_is_no_run(tmp_path):
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "one.txt").write_text("one")
    shutil.make_archive(str(tmp_path / "letters"), "zip", tmp_path, "letters")
    assert "is no archive of a run" in refused("info", tmp_path / "letters.zip")


def test_a_stale_or_damaged_run_is_not_packed(run, source, tmp_path):
    target = tmp_path / "run.zip"
    write_config(load_config(run / "config.toml", ["voxels.radius=1.6"]), run / "config.toml")
    assert "voxels is out of date: voxels.radius changed since" in refused("pack", run)
    write_config(load_config(run / "config.toml", ["voxels.radius=1.3"]), run / "config.toml")
    chunk = next(path for path in (run / "voxels.zarr" / "d2min" / "c").rglob("*") if path.is_file())
    chunk.write_bytes(chunk.read_bytes()[:-1])
    assert "voxels is damaged" in refused("pack", run)
    assert not target.exists()
    assert "ends in .zip" in refused("pack", source, "--into", tmp_path / "run.tar")
    assert "give 1 or more" in refused("pack", source, "--stages", 0)


def test_a_disk_that_cannot_hold_it_is_said_before(run, archive, tmp_path, monkeypatch):
    own_copy = shutil.copy(archive, tmp_path / "mine.zip")
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    assert "0 MB are free there" in refused("pack", run)
    assert not (tmp_path / "run.zip").exists()
    assert "0 MB are free there" in refused("train", own_copy)
    assert not (tmp_path / "mine").exists()


def test_authors_stand_where_archives_look_for_them(run, archive, opened, tmp_path):
    assert "author" not in {entity["@id"]: entity for entity in _graph(opened)}["./"]
    assert "By " not in (opened / "DATASHEET.md").read_text()
    # the number that ORCID gives as its example
    authors = ("--author", "The first, https://orcid.org/0000-0002-1825-0097", "--author", "The second")
    said = microslip("pack", run, "--stages", 5, *authors).stdout
    assert "no author is named" not in said
    assert "by The first, https://orcid.org/0000-0002-1825-0097; The second" in microslip("info", f"{run}.zip").stdout
    shutil.rmtree(run)
    pack.unpacked(run.with_suffix(".zip"), lambda *_: None, lambda _: None)
    entities = {entity["@id"]: entity for entity in _graph(run)}
    first, second = (entities[author["@id"]] for author in entities["./"]["author"])
    assert first == {"@id": "https://orcid.org/0000-0002-1825-0097", "@type": "Person", "name": "The first"}
    assert second == {"@id": "#The%20second", "@type": "Person", "name": "The second"}
    assert "The second.\n" in (run / "DATASHEET.md").read_text()


def _graph(folder):
    return json.loads((folder / "ro-crate-metadata.json").read_text())["@graph"]


def test_a_pack_of_an_import_names_no_folder_of_this_machine_and_asks_for_a_licence(source, tmp_path):
    microslip("export", source, "--into", tmp_path / "elsewhere" / "frames.dump")
    run = tmp_path / "imported"
    threshold = f"stages.threshold={load_config(source / 'config.toml').stage_threshold}"
    given = ("--set", threshold, "--set", "split.guard=0", "--set", "stages.warm_up=0.001")
    microslip("import", tmp_path / "elsewhere" / "frames.toml", "--into", run, *given)
    for verb in ("stages", "fields", "voxels"):
        microslip(verb, run)
    assert "give --licence" in refused("pack", run)
    microslip("pack", run, "--licence", "CC0-1.0")
    with zipfile.ZipFile(tmp_path / "imported.zip") as content:
        for name in content.namelist():
            assert str(tmp_path).encode() not in content.read(name), name
        assert b"frames.dump" in content.read("imported/config.toml")
    assert "licence CC0-1.0" in microslip("info", tmp_path / "imported.zip").stdout
