"""The exported page: which stages, the same bytes as from the server, and replaced whole or not at all."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from microslip.cli import app
from microslip.core.errors import MicroslipError
from microslip.data.step_state import Cause, StepState
from microslip.views.explorer.exporting import choose_stages, export_page
from microslip.views.explorer.files import page_files
from microslip.views.explorer.parts import read_part

PATIENCE = 60


def files_of(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


STAGES = pd.DataFrame({"stage": range(8), "fluctuation": [0.1, -0.8, 0.2, -0.7, 0.3, -0.6, 0.4, -0.5]})
# The worst of the test set are 0, then 2; 5 is worse, and was trained with.
PREDICTED = pd.DataFrame(
    {
        "stage": range(8),
        "split": ["test", "train", "test", "train", "test", "train", "test", "validation"],
        "target": STAGES["fluctuation"],
        "prediction": STAGES["fluctuation"] + [0.9, 0, -0.5, 0, 0.1, 3, 0.2, 4],
    }
)
NOTHING = np.empty(0, dtype=int)


@pytest.mark.parametrize(
    ("n", "explained", "predictions", "expected"),
    [
        (0, [4, 6], PREDICTED, []),
        (1, [4, 6], PREDICTED, [1]),
        (2, [4, 6], PREDICTED, [1, 4]),
        (3, [4, 6], PREDICTED, [0, 1, 4]),
        (6, [4, 6], PREDICTED, [0, 1, 2, 3, 4, 6]),
        (3, NOTHING, None, [1, 3, 5]),
        (2, NOTHING, PREDICTED, [0, 1]),
        (3, [1, 3], None, [1, 3, 5]),
        (8, NOTHING, None, list(range(8))),
        (99, [4], PREDICTED, list(range(8))),
    ],
)
def test_the_stages_that_are_looked_at_first(n, explained, predictions, expected):
    found = choose_stages(STAGES, predictions, n, np.array(explained, dtype=int))
    assert found.tolist() == expected
    assert found.dtype.kind == "i"


@pytest.mark.parametrize("n", range(9))
def test_each_list_is_represented_and_none_is_named_twice(n):
    found = choose_stages(STAGES, PREDICTED, n, np.array([5, 7])).tolist()
    assert found == sorted(set(found))
    assert len(found) == n
    if n >= 3:
        assert {1, 5, 0} <= set(found)


def test_a_run_without_stress_has_no_largest_stage():
    table = STAGES.assign(fluctuation=np.nan)
    assert choose_stages(table, None, 3, NOTHING).tolist() == [0, 1, 2]


@pytest.fixture(scope="module")
def exported(explored, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exports") / "page"
    size = export_page(explored, folder, [3, 9, 17])
    return folder, size


def test_the_files_are_those_that_a_server_would_send(exported, explored, unpack):
    folder, size = exported
    found = files_of(folder)
    assert size == sum(map(len, found.values()))
    for name, path in page_files().items():
        assert found.pop(name) == path.read_bytes()
    contents = unpack.strict(found.pop("data/run.json"))
    assert contents["exported"] == [3, 9, 17]
    assert unpack.strict(found.pop("data/states.json")) == []
    for name, content in found.items():
        assert content == read_part(explored, name.removeprefix("data/")), name
    fields = {field["name"] for field in contents["fields"]} | {"displacement"}
    expected = {f"data/stage/{stage}/{field}.bin" for stage in (3, 9, 17) for field in fields}
    # stage 17 has not been explained
    expected.remove("data/stage/17/attribution.bin")
    expected |= {f"data/frame/{frame}.bin" for frame in (0, 3, 9, 17)}
    expected |= {f"data/{name}.bin" for name in ("stages", "grains", "curve", "curve/0")}
    assert set(found) == expected


def test_every_address_within_the_page_is_relative(exported):
    folder, _ = exported
    for name, content in files_of(folder).items():
        if name.endswith((".html", ".css", ".js", ".svg")) and not name.startswith("vendor/"):
            text = content.decode()
            for outside in ("http://", "https://", '="/', "url(/", "import(", "//cdn"):
                assert outside not in text.replace("http://www.w3.org/2000/svg", ""), (name, outside)


def test_an_older_export_is_replaced_as_a_whole(copied, tmp_path, unpack):
    folder = tmp_path / "page"
    export_page(copied, folder, [3, 9])
    (folder / "leftover.txt").write_text("of another version")
    steps = []
    late = [StepState("fields", "measuring", "out of date", Cause("settings", ("nonaffine.cutoff",)))]
    export_page(copied, folder, [4], states=late, advance=lambda done, total: steps.append((done, total)))
    found = files_of(folder)
    assert "leftover.txt" not in found
    assert not any(name.startswith(("data/stage/3/", "data/stage/9/")) for name in found)
    assert unpack.strict(found["data/run.json"])["exported"] == [4]
    assert "nonaffine.cutoff" in unpack.strict(found["data/states.json"])[0]
    assert steps == [(0, 1), (1, 1)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["damaged", "page"]


def test_an_empty_folder_will_do(explored, tmp_path):
    (tmp_path / "page").mkdir()
    export_page(explored, tmp_path / "page", [])
    assert (tmp_path / "page" / "data" / "frame" / "0.bin").is_file()
    assert not (tmp_path / "page" / "data" / "stage").exists()


@pytest.mark.parametrize("what", ["file", "folder", "run", "data alone"])
def test_a_folder_with_something_else_is_left_alone(explored, copied, tmp_path, what):
    folder = tmp_path / "thesis"
    if what == "file":
        folder.write_text("years of work")
    elif what == "run":
        folder = copied.folder
    else:
        inside = folder / ("data" if what == "data alone" else "chapters")
        inside.mkdir(parents=True)
        (inside / "one.tex").write_text("years of work")
    before = folder.read_bytes() if folder.is_file() else files_of(folder)
    with pytest.raises(MicroslipError, match="holds something else than an exported page"):
        export_page(explored, folder, [3])
    assert before == (folder.read_bytes() if folder.is_file() else files_of(folder))


def test_a_failure_in_the_middle_leaves_the_older_page(copied, tmp_path, cut_short):
    folder = tmp_path / "page"
    export_page(copied, folder, [3])
    before = files_of(folder)
    cut_short(copied.folder / "fields.zarr", "d2min", 14)
    with pytest.raises(MicroslipError, match=r"fields\.zarr/d2min/c/\d+/0 fails its checksum"):
        export_page(copied, folder, [3, 14])
    assert files_of(folder) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["damaged", "page"]


KILLED = """
import sys, time
from pathlib import Path
from microslip.data.run import Run
from microslip.views.explorer.exporting import export_page

def advance(done, total):
    if done == 5:
        print("in the middle", flush=True)
        time.sleep(600)

export_page(Run(Path(sys.argv[1])), Path(sys.argv[2]), range(10), advance=advance)
"""


def test_a_kill_in_the_middle_leaves_the_older_page_and_the_next_export_clears_up(explored, tmp_path):
    folder = tmp_path / "page"
    export_page(explored, folder, [3])
    before = files_of(folder)
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, explored.folder, folder], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout.readline() == "in the middle\n"
        os.kill(process.pid, signal.SIGKILL)
        process.wait(PATIENCE)
    finally:
        process.kill()
        process.stdout.close()
    assert files_of(folder) == before
    assert [path.suffix for path in tmp_path.iterdir() if path.name != "page"] == [".partial"]
    export_page(explored, folder, [4])
    assert [path.name for path in tmp_path.iterdir()] == ["page"]
    assert "data/stage/4/d2min.bin" in files_of(folder)


def test_a_run_with_missing_steps_is_exported_with_what_it_has(copied, tmp_path, unpack):
    (copied.folder / "fields.zarr").rename(tmp_path / "gone")
    export_page(copied, tmp_path / "page", [3])
    found = files_of(tmp_path / "page")
    assert "data/stage/3/cluster.bin" in found
    assert "data/stage/3/d2min.bin" not in found
    assert any("fields.zarr" in note for note in unpack.strict(found["data/run.json"])["notes"])


def view(*arguments):
    """The command in this process: starting it anew takes seconds."""
    app(["view", *map(str, arguments)], exit_on_error=False, print_error=False, result_action="return_value")


def test_the_command_exports_all_stages(explored, tmp_path, unpack, capsys):
    view(explored.folder, "--export", tmp_path / "page", "--stages", "all")
    said = capsys.readouterr().out
    assert "the grains of 48 stages" in said
    assert f"python -m http.server --directory {tmp_path / 'page'}" in said.replace("\n", "")
    found = files_of(tmp_path / "page")
    assert unpack.strict(found["data/run.json"])["exported"] == list(range(48))
    assert sum(name.endswith("/d2min.bin") for name in found) == 48
    assert sum(name.endswith("/attribution.bin") for name in found) == 6


def test_the_command_exports_as_many_stages_as_are_asked_for(explored, tmp_path, unpack, capsys):
    # the largest, the first that was explained, the worst of the test set
    size = explored.stages["fluctuation"].abs()
    of_test = explored.predictions.query("split == 'test'")
    error = (of_test["prediction"] - of_test["target"]).abs()
    three = sorted({int(size.idxmax()), 3, int(of_test["stage"].iloc[error.argmax()])})
    for wanted, expected in (("0", []), ("3", three)):
        view(explored.folder, "--export", tmp_path / "page", "--stages", wanted)
        assert unpack.strict((tmp_path / "page" / "data" / "run.json").read_bytes())["exported"] == expected
        assert f"the grains of {len(expected)} stages" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--export", "PAGE", "--stages", "x"), "--stages x is neither a number of stages nor all"),
        (("--export", "PAGE", "--stages=-1"), "--stages -1 is neither a number of stages nor all"),
        (("--export", "PAGE", "--stages", "1.5"), "--stages 1.5 is neither a number of stages nor all"),
        (("--export", "PAGE", "--stages", "²"), "--stages ² is neither a number of stages nor all"),
        (("--stages", "5"), "--stages chooses what is exported: give --export DIR with it"),
        (("--export", "RUN"), "holds something else than an exported page"),
        (("--port", "70000", "--no-browser"), "port 70000 is none"),
    ],
)
def test_what_the_command_refuses_is_said(explored, tmp_path, arguments, sentence):
    places = {"PAGE": tmp_path / "page", "RUN": explored.folder}
    with pytest.raises(MicroslipError, match=re.escape(sentence)):
        view(explored.folder, *(places.get(one, one) for one in arguments))
    assert not (tmp_path / "page").exists()


def test_what_is_no_run_is_said(tmp_path):
    with pytest.raises(MicroslipError, match="is not a folder"):
        view(tmp_path / "nowhere", "--export", tmp_path / "page")
    with pytest.raises(MicroslipError, match="is not a run folder"):
        view(tmp_path, "--export", tmp_path / "page")
    assert not (tmp_path / "page").exists()
