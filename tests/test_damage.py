"""A finished run whose files are cut, changed or taken away: every verb that reads them names what is damaged."""

import itertools
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import zarr

from microslip import open_run
from microslip.core.errors import MicroslipError
from microslip.data import seals
from microslip.data.provenance import read_provenance
from microslip.learn.saved import load_saved

from .command_line import microslip

CONFIG = Path(__file__).parent / "tiny.toml"
SMALLER = ["loading.strain=0.035", "recording.cell_volumes=false", "training.epochs=2", "attribution.n_stages=4"]
# all that leaves results; figures and report show them
MADE = ("stages", "fields", "voxels", "train", "explain", "statistics")


def answer(*arguments):
    """What a verb prints, and the line that it is refused with or nothing."""
    seals._WHOLE.clear()
    done = microslip(*arguments, check=False)
    assert done.stderr.count("\n") <= 1
    return done.stdout, done.stderr


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A whole run without pictures, made once."""
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    overrides = itertools.chain(*(("--set", one) for one in SMALLER))
    said = [answer("simulate", CONFIG, "--into", folder, *overrides), *(answer(verb, folder) for verb in MADE)]
    assert not any(refused for _, refused in said), said
    return folder


@pytest.fixture
def copied(finished, tmp_path):
    return Path(shutil.copytree(finished, tmp_path / "tiny"))


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x10
    path.write_bytes(content)


def take_away(path):
    path.unlink()


DAMAGES = (cut, flip, take_away)

# What reads the outputs of each step, besides figures and report, which show what is sound.
READERS = {
    "simulate": ["stages", "fields", "voxels", "statistics", "export frames"],
    "stages": ["fields", "voxels", "train", "explain", "statistics", "view", "export fields", "predict"],
    "fields": ["voxels", "train", "statistics", "export fields"],
    "voxels": ["train", "explain", "search", "export voxels", "predict"],
    "train": ["explain", "predict"],
}


def sealed_files(folder, step):
    """A file of each thing that a step left: itself, or the first chunk and the metadata of an array."""
    for name in read_provenance(folder)["steps"][step]["outputs"]:
        path = folder / name
        if path.is_file():
            yield name, path
            continue
        yield name, path / "zarr.json"
        chunks = sorted(one for one in (path / "c").rglob("*") if one.is_file()) if (path / "c").exists() else []
        if chunks:
            yield name, chunks[0]


def tell(folder, verb, into):
    """What a verb says of a run."""
    what, *more = verb.split()
    arguments = [what, folder, *more]
    if what == "view":
        arguments += ["--export", into / "page"]
    if what == "export":
        arguments += ["--into", into / ("out.dump" if more[0] != "voxels" else "out.vtkhdf")]
    if what == "predict":
        arguments += ["--model", folder, "--into", into / "predicted.csv"]
    return answer(*arguments)


@pytest.mark.parametrize("step", READERS)
def test_who_reads_a_damaged_file_names_it_and_computes_nothing_from_it(finished, step, tmp_path):
    for name, path in list(sealed_files(finished, step)):
        stat, content = path.stat(), path.read_bytes()
        for damage in DAMAGES:
            damage(path)
            seals._WHOLE.clear()
            with pytest.raises(MicroslipError, match=f"{path.name}|{Path(name).name}"):
                seals.check_whole(finished / name)
            path.write_bytes(content)
            os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    # every verb, for one file of each kind
    tried = {Path(name).suffix + path.name: (name, path) for name, path in sealed_files(finished, step)}
    for (name, path), damage, verb in itertools.product(tried.values(), DAMAGES, READERS[step]):
        if damage is take_away and path.parent == finished:
            continue  # a whole result that is missing is named otherwise
        stat, content = path.stat(), path.read_bytes()
        before = {other: other.stat().st_mtime_ns for other in finished.rglob("*") if other.name != ".lock"}
        damage(path)
        output, refused = tell(finished, verb, tmp_path)
        path.write_bytes(content)
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        if step == "train" and name not in ("model/checkpoint.pt", "model/predictions.csv")[: 1 + (verb == "explain")]:
            continue  # which the verb does not read
        if verb == "view":
            # the page shows what is sound
            refused = output
        assert name.split("/")[0] in refused, (name, damage, verb, output, refused)
        after = {other: other.stat().st_mtime_ns for other in finished.rglob("*") if other.name != ".lock"}
        changed = {other.name for other in before if before[other] != after.get(other)} - {finished.name}
        assert changed <= {path.name, path.parent.name, ".checked.json"}, (name, damage, verb, changed)


@pytest.mark.parametrize(
    "name",
    [
        "trajectory.zarr/grains/kind/c/0",
        "trajectory.zarr/frames/position/c/0/0/0",
        "stages.csv",
        "fields.zarr/d2min/c/0/0",
        "voxels.zarr/d2min/c/0/0/0/0",
        "statistics/correlation_length.csv",
        "model/metrics.json",
        "attributions.zarr/attribution/c/0/0/0/0",
        "interpretation/lengths.csv",
    ],
)
def test_info_and_report_name_what_is_damaged(copied, name):
    if not (copied / name).exists():
        name = next(str(one.relative_to(copied)) for one in sorted((copied / name.split("/")[0]).glob("*.csv")))
    flip(copied / name)
    shown = name.split("/c/")[0]
    assert shown in answer("info", copied)[0]
    assert shown in answer("report", copied)[0]
    page = (copied / "report" / "index.html").read_text()
    assert "nothing is damaged" not in page
    assert shown in page


def test_run_makes_again_what_is_damaged_and_says_so(copied):
    before = open_run(copied)
    values = {
        "fields": before.fields.load(),
        "voxels": before.voxels.load(),
        "attributions": before.attributions.load(),
        "predictions": before.predictions,
    }
    texts = {name: (copied / name).read_bytes() for name in ("stages.csv", "statistics/claims.csv")}
    (copied / "stages.csv").write_text("\n".join((copied / "stages.csv").read_text().splitlines()[:30]) + "\n")
    take_away(next((copied / "fields.zarr" / "d2min" / "c").rglob("0/0")))
    flip(copied / "voxels.zarr" / "d2min" / "c" / "0" / "0" / "0" / "0")
    (copied / "statistics" / "claims.csv").write_text("")
    flip(copied / "model" / "checkpoint.pt")
    shutil.rmtree(copied / "attributions.zarr" / "attribution")
    said = "".join("".join(answer(verb, copied)) for verb in MADE)
    for words in (
        "stages.csv was changed since it was made: made again",
        "fields.zarr/d2min has",
        "voxels.zarr/d2min/c/0/0/0/0 fails its checksum",
        "statistics/claims.csv was changed",
        "model/checkpoint.pt was changed",
        "attributions.zarr/attribution is missing",
    ):
        assert words in said, said
    after = open_run(copied)
    for name in ("fields", "voxels", "attributions"):
        assert getattr(after, name).load().identical(values[name])
    assert after.predictions.equals(values["predictions"])
    assert {name: (copied / name).read_bytes() for name in texts} == texts
    assert all("skipped" in answer(verb, copied)[0] for verb in MADE)


def test_processes_of_a_step_take_what_it_has_just_made_for_no_damage(copied):
    """Statistics of other clusters: workers read what the record knows otherwise."""
    said, refused = answer("statistics", copied, "--workers", "2", "--set", "clusters.fraction=0.3")
    assert not refused, said
    assert not answer("info", copied)[1]


def test_a_damaged_trajectory_is_never_made_again(copied):
    flip(copied / "trajectory.zarr" / "frames" / "position" / "c" / "0" / "0" / "0")
    content = {path: path.read_bytes() for path in copied.rglob("*") if path.is_file()}
    for verb in ("run", "simulate"):
        _, refused = answer(verb, copied)
        assert "frames/position/c/0/0/0 fails its checksum" in refused
        assert "restore it from a copy" in refused
    assert {path: path.read_bytes() for path in copied.rglob("*") if path.is_file()} == content


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda run: shutil.rmtree(run / "dem"), "checkpoint.json, from which the simulation would go on, is gone"),
        (lambda run: (run / "dem" / "checkpoint.json").unlink(), "is gone: restore it"),
        (lambda run: flip(run / "dem" / "checkpoint.json"), "checkpoint.json"),
        (lambda run: (run / "dem" / "checkpoint.json").write_text("[]"), "points to no checkpoint"),
        (lambda run: flip(next((run / "dem").glob("checkpoint-*.npz"))), "was changed since it was written"),
        (lambda run: next((run / "dem").glob("checkpoint-*.npz")).unlink(), "is missing since it was written"),
    ],
)
def test_a_finished_simulation_is_never_overwritten(copied, change, message):
    change(copied)
    content = {path: path.read_bytes() for path in (copied / "trajectory.zarr").rglob("*") if path.is_file()}
    for overrides in (["--set", "loading.strain=0.04"], ["--set", "seed=99"]):
        _, refused = answer("simulate", copied, *overrides)
        assert message in refused or "other settings" in refused, refused
    after = {path: path.read_bytes() for path in (copied / "trajectory.zarr").rglob("*") if path.is_file()}
    assert after == content
    # what refused to go on left the seals as they were
    assert "trajectory.zarr/frames/position" in read_provenance(copied)["steps"]["simulate"]["outputs"]
    assert "no step has recorded" not in answer("stages", copied, "--set", "stages.threshold=2e-4")[0]


def test_a_run_without_its_trajectory_is_not_begun_anew(copied):
    shutil.rmtree(copied / "trajectory.zarr")
    assert "trajectory.zarr is gone" in answer("simulate", copied)[1]


def test_a_run_that_is_sheared_further_is_sealed_anew(copied):
    answer("simulate", copied, "--set", "loading.strain=0.036")
    assert open_run(copied).series.sizes["sample"] == 3601
    assert "skipped" in answer("simulate", copied)[0]


@pytest.mark.parametrize("content", ["[]", "{}", "null", '{"steps": null}', '{"steps": {"stages": null}}', "{", ""])
@pytest.mark.parametrize("verb", ["run", "simulate", "stages", "fields", "train", "statistics", "figures"])
def test_a_record_that_is_none_is_said(copied_once, content, verb, tmp_path):
    (copied_once / "provenance.json").write_text(content)
    _, refused = tell(copied_once, verb, tmp_path)
    assert "provenance.json" in refused


@pytest.mark.parametrize("verb", ["info", "view", "report"])
def test_what_shows_a_run_goes_on_without_a_record(copied_once, verb, tmp_path):
    for content in ("[]", '{"steps": {"stages": {"seconds": null}}}')[: 1 + (verb == "info")]:
        (copied_once / "provenance.json").write_text(content)
        output, refused = tell(copied_once, verb, tmp_path)
        assert not refused
        assert output


@pytest.fixture(scope="module")
def copied_once(finished, tmp_path_factory):
    return Path(shutil.copytree(finished, tmp_path_factory.mktemp("records") / "tiny"))


def test_a_changed_number_in_the_record_is_noticed(copied):
    path = copied / "provenance.json"
    text = path.read_text()
    path.write_text(text.replace('"seconds": ', '"seconds": 1', 1))
    with pytest.raises(MicroslipError, match="fails its checksum"):
        read_provenance(copied)


def test_without_a_record_results_are_taken_as_they_are_and_that_is_said(copied):
    (copied / "provenance.json").unlink()
    said = answer("fields", copied)[0]
    assert "no step has recorded that it finished trajectory.zarr, stages.csv: taken as it is" in said


def test_every_flipped_bit_of_a_chunk_and_of_a_network_is_noticed(copied):
    rng = np.random.default_rng(11)
    for name in ("trajectory.zarr/frames/position", "fields.zarr/d2min", "voxels.zarr/d2min"):
        chunk = sorted(one for one in (copied / name / "c").rglob("*") if one.is_file())[0]
        whole = chunk.read_bytes()
        for place in rng.integers(len(whole), size=40):
            damaged = bytearray(whole)
            damaged[place] ^= 1 << int(rng.integers(8))
            assert not seals.chunk_is_whole(bytes(damaged))
        assert seals.chunk_is_whole(whole)
    path = copied / "model" / "checkpoint.pt"
    whole, weights = path.read_bytes(), load_saved(path)["weights"]
    n_refused = 0
    for place in rng.integers(len(whole), size=60):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        try:
            found = load_saved(path)["weights"]
        except MicroslipError:
            n_refused += 1
            continue
        # a byte of padding, or of a time that nobody reads
        assert all(found[name].equal(weights[name]) for name in weights)
    assert n_refused > 20


def test_a_chunk_that_is_damaged_while_it_is_read_is_named(copied):
    """Whoever opened the run before the damage came is told when the chunk is read."""
    fields = open_run(copied).fields
    flip(copied / "fields.zarr" / "d2min" / "c" / "0" / "0")
    with pytest.raises(MicroslipError, match=r"fields\.zarr/d2min/c/0/0 fails its checksum"):
        fields["d2min"].to_numpy()


def test_stores_of_before_there_were_checksums_are_read(tmp_path):
    group = zarr.open_group(tmp_path / "old.zarr", mode="w")
    group.attrs.update({"format": "microslip", "format_version": 1})
    group.create_array("x", data=np.arange(5.0), dimension_names=["x"])
    from microslip.data.store import open_dataset

    np.testing.assert_array_equal(open_dataset(tmp_path / "old.zarr")["x"], np.arange(5.0))


def test_a_copied_run_is_whole(finished, tmp_path):
    """Times of change differ after a plain copy: the chunks are read once, and nothing is made again."""
    folder = Path(shutil.copytree(finished, tmp_path / "other", copy_function=shutil.copyfile))
    assert all("skipped" in answer(verb, folder)[0] for verb in ("simulate", *MADE))
