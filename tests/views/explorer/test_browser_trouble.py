"""The page in a real browser when something is missing or broken: it says so in place, and the rest works."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import subprocess
import sys
import time
from urllib.request import urlopen

import numpy as np
import pandas as pd
import pytest

from microslip.core.errors import MicroslipError
from microslip.data.run import Run
from microslip.data.step_state import Cause, StepState
from microslip.views.explorer.exporting import export_page
from microslip.views.explorer.parts import read_part

# A browser's own word for every answer that tells of trouble, beside what the page says.
REFUSED = (r"Failed to load resource", r"status of 4\d\d")
UNREACHABLE = (r"Failed to load resource", r"^failed: ")
# three.js complains on the console where there is none.
NO_WEBGL = (r"WebGL",)
WITHOUT_WEBGL = ("--disable-gpu", "--disable-software-rasterizer", "--disable-3d-apis")
PATIENCE = 60


def says(page, selector, sentence):
    """The page says it there, now or in a moment."""
    page.locator(selector).filter(has_text=re.compile(re.escape(sentence))).first.wait_for()


def refusal(run, name):
    """What the server says of a damaged part: which file fails its checksum."""
    with pytest.raises(MicroslipError, match="fails its checksum") as refused:
        read_part(run, name)
    return str(refused.value)


def loaded(page):
    page.wait_for_function("() => document.getElementById('sentence').textContent !== 'Loading the run…'")


def test_without_webgl_the_grains_are_discs(launch, visit, address):
    with launch(*WITHOUT_WEBGL) as plain:
        page = visit(address + "#stage=9", within=plain, expect=NO_WEBGL)
        says(page, "#notes", "This browser has no WebGL: the grains are drawn without it, as discs.")
        assert page.evaluate("explorer.drawer()") == "canvas"
        page.click("[data-view=front]")
        assert page.text("#counted") == "208 of 208 grains shown"
        seen = page.shot("#scene")
        # walls and some of plasma's yellow
        assert (np.abs(seen - [0x5B, 0x66, 0x75]).sum(axis=2) < 6).sum() > 2000
        assert ((seen[..., 0] > 230) & (seen[..., 1] > 180) & (seen[..., 2] < 80)).sum() > 100
        page.uncheck("#walls")
        without = page.shot("#scene")
        assert (np.abs(without - [0x5B, 0x66, 0x75]).sum(axis=2) < 6).sum() < 300
        page.check("#arrows")
        arrows = page.shot("#scene")
        assert (arrows == 255).all(axis=2).sum() > 1.2 * (without == 255).all(axis=2).sum()
        page.uncheck("#arrows")
        page.locator("#scene").focus()
        page.keyboard.press("0")
        page.keyboard.press("Shift+ArrowLeft")
        assert np.abs(page.shot("#scene") - without).mean() > 2
        page.click("#next")
        page.ready(10)
        page.click("#theme")
        assert page.shot("#scene").mean() < without.mean() - 60
        page.locator("#scene").click(position={"x": 250, "y": 170})
        if page.locator("#picked").is_visible():
            assert page.text("#picked").startswith("Grain ")
        page.context.close()


def test_missing_steps_are_said_in_place(copied, served, visit):
    for gone in ("attributions.zarr", "statistics", "model"):
        shutil.rmtree(copied.folder / gone)
    address = served(copied)
    page = visit(address + "#stage=9&colour=cluster&rule=blocked")
    # what the link asked for and is not there gives way
    page.ready(9, "d2min")
    says(page, "#notes", f"no network has been trained: `microslip train {copied.folder}`")
    assert page.locator("#scatter-figure").is_hidden()
    assert page.locator("#rule").is_hidden()
    assert page.locator("#table-head th").count() == 4
    assert "predicted" not in page.text("#facts")
    assert "R²" not in page.text("#sentence")
    for field, verb in (("attribution", "explain"), ("cluster", "statistics")):
        option = page.locator(f"#colour option[value={field}]")
        assert option.is_disabled()
        assert f"not made: `microslip {verb} {copied.folder}`" in option.inner_text()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.keyboard.press("c")
    page.ready(9, "shear_strain")
    assert page.text("#counted") == "208 of 208 grains shown"


def test_a_run_that_has_just_been_sheared_shows_its_curve_and_grains(copied, served, visit):
    for gone in ("attributions.zarr", "statistics", "model", "fields.zarr"):
        shutil.rmtree(copied.folder / gone)
    address = served(copied)
    page = visit(address, ready=False)
    says(page, "#notes", "fields.zarr does not exist")
    says(page, "#counted", "208 of 208 grains shown")
    page.locator("#scale").wait_for(state="hidden")
    assert page.locator("#flip").is_disabled()
    assert page.locator("#scene-message").is_hidden()
    assert np.ptp(page.drawn("#curve"), axis=2).max() > 30
    page.locator("#table-body button >> nth=4").click()
    assert page.state()["stage"] == 4
    address = served(copied)
    (copied.folder / "stages.csv").unlink()
    page = visit(address, ready=False)
    says(page, "#notes", "stages.csv is missing")
    says(page, "#counted", "208 of 208 grains shown")
    assert page.text("#stage-title") == "First frame"
    assert page.text("#page-of") == "0–0 of 0"
    for key in ("ArrowRight", "End", "PageDown", "c", "f", "a", "+"):
        page.keyboard.press(key)
    assert page.state()["stage"] == 0
    assert page.text("#counted") == "208 of 208 grains shown"


def test_a_run_without_a_trajectory_is_still_a_page(copied, served, visit):
    shutil.rmtree(copied.folder / "trajectory.zarr")
    address = served(copied)
    page = visit(address + "#stage=9", ready=False)
    says(page, "#notes", "trajectory.zarr does not exist")
    says(page, "#scene-message", "This run has no frames to show.")
    assert page.locator("#table-body tr").count() == 15
    page.keyboard.press("ArrowRight")
    assert page.text("#stage-title") == "Stage 10, stick"


def test_an_empty_run_folder_is_still_a_page(tmp_path, served, visit):
    (tmp_path / "config.toml").write_text("")
    address = served(Run(tmp_path))
    page = visit(address, ready=False)
    loaded(page)
    says(page, "#notes", "does not exist")
    says(page, "#scene-message", "This run has no frames to show.")


def test_one_stage_is_enough(make_run, tmp_path, served, visit):
    run = make_run(tmp_path / "one", n_stages=1)
    address = served(run)
    page = visit(address)
    page.ready(0)
    assert page.text("#stage-title") == "Stage 0, stick"
    assert page.locator("#previous").is_disabled()
    assert page.locator("#next").is_disabled()
    for key in ("ArrowLeft", "ArrowRight", "PageDown", "End", "+", "-"):
        page.keyboard.press(key)
    assert page.state()["stage"] == 0
    page.locator("#curve").click(position={"x": 200, "y": 60})
    assert page.state()["stage"] == 0
    assert page.text("#page-of") == "1–1 of 1"


def test_a_run_without_stress_has_windows(no_stress, served, visit):
    address = served(no_stress)
    page = visit(address + "#stage=2")
    page.ready(2)
    assert page.text("#stage-title") == "Stage 2, window"
    assert "true Δs" not in page.text("#facts")
    assert page.text("#kind-legend") == "window"
    assert page.locator("#scatter-figure").is_hidden()
    assert "Δs" not in page.text("#table-head")
    # shaded in the windows' green
    row = page.drawn("#curve")[13]
    assert ((row[:, 1] > row[:, 0] + 10) & (row[:, 1] > row[:, 2])).sum() > 50
    page.select_option("#colour", "delta_sigma1")
    page.ready(2, "delta_sigma1")
    assert "[source units]" in page.text("#scale-title")


def test_a_damaged_chunk_is_said_in_place_and_the_rest_works(copied, served, visit, cut_short):
    cut_short(copied.folder / "fields.zarr", "shear_strain", 14)
    cut_short(copied.folder / "statistics" / "clusters.zarr", "label", 26)
    address = served(copied)
    page = visit(address + "#stage=14&colour=shear_strain", expect=REFUSED)
    says(page, "#scene-message", refusal(copied, "stage/14/shear_strain.bin"))
    # the grains are there, without colour
    says(page, "#counted", "208 of 208 grains shown")
    assert page.locator("#scale").is_hidden()
    page.select_option("#colour", "d2min")
    page.ready(14, "d2min")
    assert page.locator("#scene-message").is_hidden()
    assert page.locator("#scale").is_visible()
    page.select_option("#colour", "shear_strain")
    says(page, "#scene-message", refusal(copied, "stage/14/shear_strain.bin"))
    page.fill("#number", "20")
    page.press("#number", "Enter")
    page.ready(20, "shear_strain")
    assert page.locator("#scene-message").is_hidden()


@pytest.mark.parametrize("array", ["d2min", "displacement"])
def test_damage_to_what_ranks_or_moves_the_grains_leaves_their_other_colours(copied, served, visit, cut_short, array):
    cut_short(copied.folder / "fields.zarr", array, 14)
    address = served(copied)
    page = visit(address + "#stage=14&colour=shear_strain", expect=REFUSED, ready=False)
    says(page, "#scene-message", refusal(copied, f"stage/14/{array}.bin"))
    page.ready(14, "shear_strain")
    assert page.text("#counted") == "208 of 208 grains shown"
    page.keyboard.press("End")
    page.ready(47, "shear_strain")
    assert page.locator("#scene-message").is_hidden()


def test_damaged_places_leave_the_curve_and_the_list(copied, served, visit, cut_short):
    cut_short(copied.folder / "trajectory.zarr", "frames/position", 0)
    address = served(copied)
    page = visit(address + "#stage=14", expect=REFUSED, ready=False)
    says(page, "#scene-message", refusal(copied, "frame/14.bin"))
    assert np.ptp(page.shot("#scene")[:200], axis=2).max() < 40
    page.select_option("#colour", "shear_strain")
    page.keyboard.press("Escape")
    assert refusal(copied, "frame/14.bin") in page.text("#scene-message")
    page.locator("#table-body button >> nth=2").click()
    says(page, "#scene-message", refusal(copied, "frame/2.bin"))
    assert page.text("#stage-title").startswith("Stage 2,")


def test_a_stage_that_was_not_explained_says_how(address, visit):
    page = visit(address + "#stage=9&colour=attribution", expect=REFUSED)
    page.ready(9, "attribution")
    page.click("#next")
    says(
        page, "#scene-message", "stage 10 has not been explained: raise attribution.n_stages and run `microslip explain"
    )
    assert "not made for this stage" in page.text("#facts")
    page.click("#previous")
    page.ready(9, "attribution")
    assert page.locator("#scene-message").is_hidden()


def test_results_that_are_out_of_date_are_said(explored, served, visit):
    states = [StepState("fields", "measuring", "out of date", Cause("settings", ("nonaffine.cutoff",)))]
    address = served(explored, lambda: states)
    page = visit(address + "#stage=9")
    says(page, "#notes", "out of date: what fields left; fields: nonaffine.cutoff changed since.")
    assert page.locator("#notes .note").count() == 1


def test_names_with_markup_are_only_text(make_run, tmp_path, served, visit):
    run = make_run(tmp_path / '<img src=x onerror="document.title=1">&amp;', n_stages=24)
    shutil.rmtree(run.folder / "model")
    address = served(run)
    page = visit(address + "#stage=1")
    page.ready(1)
    assert page.text("#name") == run.folder.name
    assert run.folder.name in page.title()
    assert page.locator("#notes img, h1 img").count() == 0
    assert run.folder.name in page.text("#notes")


def test_stages_that_are_no_longer_the_same_are_said(copied, served, visit):
    """The run is measured anew, with other grains, while its page is open."""
    address = served(copied)
    page = visit(address + "#stage=9", expect=REFUSED)
    page.ready(9)
    shutil.rmtree(copied.folder / "fields.zarr")
    page.fill("#number", "40")
    page.press("#number", "Enter")
    says(page, "#scene-message", "fields.zarr does not exist")


@contextlib.contextmanager
def plain_server(folder, port=0):
    """The standard library's server of files, as the command line tells the reader to start it."""
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "http.server", str(port), "--bind", "127.0.0.1", "--directory", str(folder)],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    try:
        yield int(re.search(r"port (\d+)", process.stdout.readline())[1])
    finally:
        process.kill()
        process.wait(PATIENCE)
        process.stdout.close()


def test_the_exported_page_works_from_a_plain_server_and_when_that_goes_away(explored, tmp_path, visit, address):
    site = tmp_path / "site"
    export_page(explored, site / "runs" / "small", [3, 9, 10, 17])
    with plain_server(site) as port:
        page = visit(f"http://127.0.0.1:{port}/runs/small/#stage=9", expect=UNREACHABLE)
        page.ready(9)
        assert page.text("#counted") == "208 of 208 grains shown"
        # the same as from the run's own server
        served = visit(address + "#stage=9")
        served.ready(9)
        assert np.abs(page.shot("#scene") - served.shot("#scene")).mean() < 0.1
        assert page.text("#facts") == served.text("#facts")
        page.click("#next")
        page.ready(10)
        page.click("#next")
        said = "The grains of stage 11 are not among the exported files"
        says(page, "#scene-message", said)
        assert page.text("#stage-title") == "Stage 11, slip"
        assert "true Δs" in page.text("#facts")
        # the grains of another stage do not stand for those of this one
        assert np.ptp(page.shot("#scene")[:200], axis=2).max() < 40
        page.select_option("#colour", "shear_strain")
        says(page, "#scene-message", said)
        page.keyboard.press("Home")
        for _ in range(3):
            page.keyboard.press("ArrowRight")
        page.ready(3, "shear_strain")
        assert page.locator("#scene-message").is_hidden()
        # without a stage in its address the page opens one that is there
        fresh = visit(f"http://127.0.0.1:{port}/runs/small/index.html".removesuffix("index.html"))
        assert fresh.state()["stage"] in (3, 9, 10, 17)
        fresh.context.close()
    page.fill("#number", "17")
    page.press("#number", "Enter")
    says(page, "#scene-message", "The page's server does not answer")
    with plain_server(site, port):
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), urlopen(f"http://127.0.0.1:{port}/runs/small/") as answer:
                assert answer.status == 200
                break
        page.fill("#number", "9")
        page.press("#number", "Enter")
        page.ready(9, "shear_strain")
        page.fill("#number", "17")
        page.press("#number", "Enter")
        page.ready(17, "shear_strain")
        assert page.locator("#scene-message").is_hidden()
        page.context.close()


def test_an_export_without_grains_says_so(explored, tmp_path, visit):
    export_page(explored, tmp_path / "site", [])
    with plain_server(tmp_path / "site") as port:
        page = visit(f"http://127.0.0.1:{port}/", ready=False)
        says(page, "#scene-message", "are not among the exported files")
        assert page.locator("#table-body tr").count() == 15
        page.keyboard.press("ArrowRight")
        says(page, "#scene-message", "The grains of stage 1 are not")
        page.context.close()


def test_a_file_that_the_export_lost_is_said(explored, tmp_path, visit):
    export_page(explored, tmp_path / "site", [9, 17])
    (tmp_path / "site" / "data" / "stage" / "17" / "cluster.bin").unlink()
    with plain_server(tmp_path / "site") as port:
        page = visit(f"http://127.0.0.1:{port}/#stage=17&colour=cluster", expect=REFUSED, ready=False)
        says(page, "#scene-message", "data/stage/17/cluster.bin is not among the exported files.")
        (tmp_path / "site" / "data" / "run.json").write_text(json.dumps({"name": "x"})[:-3])
        broken = visit(f"http://127.0.0.1:{port}/", expect=REFUSED, ready=False)
        says(broken, "#sentence", "The run could not be loaded.")
        assert broken.locator("#notes .note").count() == 1
        for one in (page, broken):
            one.context.close()


def test_a_table_of_many_more_stages_is_a_page_at_a_time(copied, served, visit):
    table = copied.stages
    many = pd.concat([table] * 150, ignore_index=True)
    many["stage"] = np.arange(len(many))
    for name in ("start_strain", "end_strain"):
        many[name] = table[name].iloc[0] + np.arange(len(many)) * 5e-3 / 150 + (name == "end_strain") * 5e-3 / 150
    many.to_csv(copied.folder / "stages.csv", index=False)
    address = served(copied)
    page = visit(address, expect=REFUSED, ready=False)
    says(page, "#counted", "208 of 208")
    assert page.numbers("#page-of")[-1] == 7200
    assert page.locator("#table-body tr").count() == 15
    page.keyboard.press("End")
    says(page, "#stage-title", "Stage 7199")
    assert page.locator("#table-body tr.chosen").count() == 1
    page.click("#zoom-all")
    assert page.drawn("#curve").size
