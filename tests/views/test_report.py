from __future__ import annotations

import base64
import json
import shutil
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import zarr

from microslip.data.files import write_json, write_table
from microslip.data.run import Run
from microslip.data.step_state import Cause, StepState
from microslip.data.store import add_array
from microslip.views.figures.record import NOT_MADE
from microslip.views.figures.registry import FIGURES
from microslip.views.report import repeat
from microslip.views.report.run_report import write_report
from microslip.views.wording import between, show, with_error

from .page_reader import Page, check_page

# The smallest PNG: one transparent pixel.
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)


def read_page(run: Run, folder: Path, states: dict[str, StepState] | None = None) -> Page:
    write_report(run, folder, states)
    page = Page((folder / "index.html").read_text(encoding="utf-8"))
    check_page(page)
    assert "nan" not in page.text.lower().replace("nanos", "").replace("are nan", "")
    assert "None" not in page.text
    return page


def add_claims(folder: Path) -> None:
    """Three claims of known verdicts, and both kinds compared."""
    claim = {"section": 4.2, "p_value": 0.01, "slope": 0.5, "slope_low": 0.4, "slope_high": 0.6}
    slope = {"conditioned": 0.125, "conditioned_low": 0.05, "conditioned_high": 0.2}
    rows = [
        {"quantity": "moran_i", "kind": "slip", "claim": "grows", "verdict": "yes"} | claim | slope,
        {"quantity": "eta", "kind": "slip", "claim": "falls", "verdict": "no"} | claim | slope,
        {"quantity": "xi", "kind": "stick", "claim": "unchanged", "verdict": "not decided"} | claim | slope,
    ]
    write_table(folder / "statistics" / "claims.csv", pd.DataFrame(rows))
    contrast = {"section": 4.3, "quantity": "abs_delta_sigma1_ratio", "claim": "larger in slips", "verdict": "yes"}
    contrast |= {"stick": 2.9, "slip": 3.2, "matched": 0.3, "matched_low": 0.2, "matched_high": 0.4}
    write_table(folder / "statistics" / "contrasts.csv", pd.DataFrame([contrast]))
    evolution = [
        {"group": kind, "kind": kind, "by": "kind", "quantity": "moran_i", "value": value, "value_low": value - 0.0125,
         "value_high": value + 0.0125}
        for kind, value in (("stick", 0.375), ("slip", 0.425))
    ]  # fmt: skip
    evolution += [
        {**row, "quantity": "xi", "value": xi, "value_low": xi - 0.25, "value_high": xi + 0.25}
        for row, xi in zip(evolution, (1.5, 2.5), strict=True)
    ]
    write_table(folder / "statistics" / "evolution.csv", pd.DataFrame(evolution))


@pytest.fixture
def illustrated(request: pytest.FixtureRequest, tmp_path: Path, made: dict[str, Path]) -> Run:
    """A complete run whose figures are one pixel each; made once, and copied."""
    if "illustrated" not in made:
        run = illustrate(request.getfixturevalue("complete"))
        made["illustrated"] = made["folder"] / "small"
        shutil.copytree(run.folder, made["illustrated"])
        return run
    return Run(Path(shutil.copytree(made["illustrated"], tmp_path / "small")))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {"folder": tmp_path_factory.mktemp("made")}


def illustrate(complete: Run) -> Run:
    (complete.folder / "figures").mkdir()
    for name in FIGURES:
        (complete.folder / "figures" / f"{name}.png").write_bytes(PIXEL)
        (complete.folder / "figures" / f"{name}.pdf").write_bytes(b"%PDF-1.4")
    (complete.folder / "figures" / "scores-scores.csv").write_text("rule,r2\nrandom,0.873\n")
    for result in ("model/checkpoint.pt", "statistics/clusters.zarr", "statistics/evolution.csv"):
        if not (complete.folder / result).exists():
            (complete.folder / result).touch()
    add_claims(complete.folder)
    return complete


def test_report_has_the_runs_numbers(illustrated, tmp_path):
    page = read_page(illustrated, tmp_path / "report")
    for text in (
        "60 grains (20 of them in the walls)",
        "3.4 × 10⁻⁴",
        "200 times",
        "4.5 × 10⁻⁴ p",
        "0.873",
        "0.642",
        "−3.21",
        "12.5 s",
        "numpy 9.8.7",
        "0.956",
        "1.7 × 10⁻⁶",
        "ξ = 1.50 [1.25, 1.75] d̄ in sticks",
        "2.50 [2.25, 2.75] d̄ in slips",
        "Of 4, 2 hold, 1 does not hold, 1 is not decided.",
        "0.125 [0.050, 0.200] a decade",
        "0.425 [0.412, 0.438]",
        "slip less stick 0.300 [0.200, 0.400]",
        "trained network",
        "nodes shuffled",
        "microslip run config.toml --into runs/small",
    ):
        assert text in page.text, text


def test_every_figure_is_embedded_and_described(illustrated, tmp_path):
    page = read_page(illustrated, tmp_path / "report")
    pictures = page.of("img")
    assert len(pictures) == len(FIGURES)
    assert base64.b64decode(pictures[0]["src"].split(",")[1]) == PIXEL
    assert all(len(picture["alt"]) > 20 for picture in pictures)
    assert "Not shown" not in page.text


def test_links_lead_to_files_beside_the_page(illustrated, tmp_path):
    page = read_page(illustrated, tmp_path / "report")
    addresses = [each for each in page.values("a", "href") if not each.startswith(("#", "data:"))]
    assert "figures/scores-scores.csv" in addresses
    assert "figures/scores.pdf" in addresses
    assert "tables/statistics-claims.csv" in addresses
    for address in addresses:
        assert (tmp_path / "report" / address).is_file(), address
    assert {path.name for path in (tmp_path / "report").iterdir()} == {
        "index.html", "checks.csv", "config.toml", "provenance.json", "figures", "tables"
    }  # fmt: skip


def test_the_configuration_can_be_saved_from_the_page(illustrated, tmp_path):
    page = read_page(illustrated, tmp_path / "report")
    link = next(each for each in page.of("a") if each.get("download") == "config.toml")
    text = base64.b64decode(link["href"].split(",")[1]).decode()
    assert tomllib.loads(text) == tomllib.loads((illustrated.folder / "config.toml").read_text())


def test_a_run_that_has_only_been_simulated(simulated, tmp_path):
    page = read_page(simulated, tmp_path / "report")
    for verb in ("train", "statistics", "explain", "figures", "ablate"):
        assert f"microslip {verb}" in page.text
    assert page.of("img") == []


def test_a_folder_with_nothing_but_settings(tmp_path):
    folder = tmp_path / "bare"
    folder.mkdir()
    (folder / "config.toml").write_text("seed = 5\n")
    page = read_page(Run(folder), tmp_path / "report")
    assert "no trajectory" in page.text
    assert "microslip stages" in page.text


def test_one_stage(complete, tmp_path):
    write_table(complete.folder / "stages.csv", complete.stages.iloc[:1])
    page = read_page(complete, tmp_path / "report")
    assert "1: 0 sticks and 1 slip at a threshold" in page.text


def test_no_stage_at_all(complete, tmp_path):
    write_table(complete.folder / "stages.csv", complete.stages.iloc[:0])
    page = read_page(complete, tmp_path / "report")
    assert "Not found yet: microslip stages" in page.text


def test_hostile_names_are_escaped(illustrated, tmp_path):
    odd = illustrated.folder.with_name("<b>&\"'$odd")
    illustrated.folder.rename(odd)
    config = (odd / "config.toml").read_text() + '\n[network]\nkind = "</style><b>"\n'
    (odd / "config.toml").write_text(config)
    page = read_page(Run(odd), tmp_path / "report")
    assert "<b>&\"'$odd" in page.text
    assert "<b>&" not in page.source
    assert page.source.count("</style>") == 1


def test_a_broken_configuration_is_said_in_place(illustrated, tmp_path):
    (illustrated.folder / "config.toml").write_text("a = = 1")
    page = read_page(illustrated, tmp_path / "report")
    assert "Cannot be read" in page.text
    assert "config.toml cannot be read" in page.text
    assert "0.873" in page.text


def test_a_store_of_another_version_is_said_in_place(illustrated, tmp_path):
    zarr.open_group(illustrated.folder / "trajectory.zarr", mode="r+").attrs["format_version"] = 99
    page = read_page(illustrated, tmp_path / "report")
    assert "format_version = 99" in page.text
    assert "0.873" in page.text
    assert "0.425" in page.text


def test_damaged_chunks_are_said_in_place(illustrated, tmp_path):
    for array in ("trajectory.zarr/series/stress", "attributions.zarr/completeness_error"):
        for chunk in (illustrated.folder / array).rglob("c/*"):
            if chunk.is_file():
                chunk.write_bytes(b"\x00broken")
    page = read_page(illustrated, tmp_path / "report")
    assert "trajectory.zarr/series/stress/c/0 fails its checksum" in page.text
    assert "attributions.zarr/completeness_error/c/0 fails its checksum" in page.text
    assert "0.873" in page.text


def test_damaged_tables_are_said_in_place(illustrated, tmp_path):
    names = ("model/metrics.json", "statistics/claims.csv", "interpretation/claim.csv", "stages.csv")
    for name in names:
        (illustrated.folder / name).write_bytes(b"\xff\xfe{")
    write_table(illustrated.folder / "ablations" / "summary.csv", pd.DataFrame({"family": [1], "value": 2, "rule": 3}))
    power_law = pd.DataFrame({"kind": ["slip"], "by": "kind", "x_min_rule": "fixed", "eta": "many"})
    write_table(illustrated.folder / "statistics" / "power_law.csv", power_law)
    page = read_page(illustrated, tmp_path / "report")
    for name in (*names, "ablations/summary.csv", "statistics/power_law.csv"):
        assert f"{illustrated.folder / name} " in page.text
    assert "3.4 × 10⁻⁴" in page.text


def test_results_out_of_date_are_marked_where_they_are_shown(illustrated, tmp_path):
    states = {
        "stages": StepState("stages", "finding stages", "current"),
        "train": StepState("train", "training", "out of date", Cause("settings", ("training.epochs",))),
        "statistics": StepState("statistics", "statistics", "not done"),
    }
    page = read_page(illustrated, tmp_path / "report", states)
    assert "Results out of date" in page.text
    before, after = page.text.split("Scores of the network and of the baselines")
    assert after.startswith(" Out of date. train: training.epochs changed since.")
    assert "not yet: statistics" in before


def make_imported(run: Run, pressure: float) -> None:
    store = zarr.open_group(run.folder / "trajectory.zarr", mode="r+")
    kept = {name: store.attrs[name] for name in ("box", "format", "format_version")}
    store.attrs.clear()
    imported = {"imported": True, "engine": "lammps", "source": {"files": ["/data/glass.dump"]}, "length": 1.0}
    imported |= {"pressure": pressure, "position_resolution": 1e-5, "strain_from": "the tilt, whose sign is turned"}
    store.attrs.update(kept | imported)


def test_an_import_without_pressure_is_not_held_against_the_paper(illustrated, tmp_path):
    make_imported(illustrated, 1.0)
    warnings = ["7 of 40 stages lie between frames or too far from them and are left out"]
    warnings += ["the shear stress is negative on the whole: its sign is turned, so that it resists the shear"]
    entry = {"seconds": 1.0, "said": ["40 stages"], "warnings": warnings, "n_lost": 7}
    write_json(illustrated.folder / "provenance.json", {"steps": {"stages": entry}})
    page = read_page(illustrated, tmp_path / "report")
    assert "Mei et al., Int. J. Plasticity" not in page.text
    assert "0.956" not in page.text
    assert "Not compared with the paper" in page.text
    assert "Read p as source units" in page.text
    assert "rmse, blocked [source units]" in page.text
    assert "7 of 40 stages lie between frames" in page.text
    assert "its sign is turned, so that" in page.text
    assert "whose sign is turned" in page.text
    assert "microslip import config.toml" in page.text


def test_an_import_with_pressure_says_what_p_is(illustrated, tmp_path):
    make_imported(illustrated, 2.5e6)
    page = read_page(illustrated, tmp_path / "report")
    assert "One p is 2.5 × 10⁶ in the files' stresses" in page.text
    assert "Read p as source units" not in page.text


def test_stages_that_were_lost_are_counted_where_no_step_has_said_so(illustrated, tmp_path):
    stages = illustrated.stages
    write_table(illustrated.folder / "stages.csv", stages.drop(index=[10, 11, 25]))
    page = read_page(illustrated, tmp_path / "report")
    assert "2 gaps between stages, which cover 92.5 % of the strain" in page.text


def test_a_figure_that_shows_nothing_is_not_shown(illustrated, tmp_path):
    (illustrated.folder / "ablations" / "summary.csv").unlink()
    (illustrated.folder / "figures" / "nulls.png").unlink()
    words = {"lengths": {"title": "Lengths", "caption": NOT_MADE, "alternative": "none"}}
    words["scores"] = {"title": "Scores", "caption": "As it was drawn.", "alternative": "a picture of scores"}
    (illustrated.folder / "figures" / "captions.json").write_text(json.dumps(words))
    page = read_page(illustrated, tmp_path / "report")
    assert len(page.of("img")) == len(FIGURES) - 3
    for text in ("microslip ablate", "microslip figures", "microslip run", "As it was drawn."):
        assert text in page.text


def test_an_attribution_is_said_to_be_signed_or_a_size_and_of_which_network(illustrated, tmp_path):
    zarr.open_group(illustrated.folder / "attributions.zarr", mode="r+").attrs["rule"] = "random"
    rows = [
        {"network": "trained", "field": field, "n": n, "n_stages": 8, "ratio": ratio, "low": ratio / 2,
         "high": 2 * ratio, "spearman": 0.1, "ratio_active": 2.0}
        for field, n, ratio in (("signed", 2, 0.25), ("size", 7, 1.5))
    ]  # fmt: skip
    write_table(illustrated.folder / "interpretation" / "claim.csv", pd.DataFrame(rows))
    page = read_page(illustrated, tmp_path / "report")
    for text in (
        "Of the network of the random split: ξ_Attr/ξ_D = 0.250 [0.125, 0.500] for the signed attribution (median of 2",
        "1.50 [0.75, 3.00] for the size of the attribution (median of 7 of 8 stages)",
        "Network of the random split. Median over stages",
    ):
        assert text in page.text


def test_stages_below_the_noise_and_too_few_for_a_network(illustrated, tmp_path):
    write_table(illustrated.folder / "stages.csv", illustrated.stages.iloc[:14])
    for name in ("model", "interpretation", "attributions.zarr", "ablations"):
        shutil.rmtree(illustrated.folder / name)
    fields = zarr.open_group(illustrated.folder / "fields.zarr", mode="r+")
    n = fields["d2min"].shape[0]
    add_array(fields, "below_floor", ["stage"], (n,), "int8", "", "")[:] = 1
    page = read_page(illustrated, tmp_path / "report")
    assert f"below the noise of the positions in all {n} stages" in page.text
    assert "is no finding. ξ = " in page.text
    assert "a network takes at least 20 stages, and this run has 14" in page.text
    for verb in ("train", "explain"):
        assert f"microslip {verb}" not in page.text


def test_the_agreement_of_the_walls_is_a_table_by_size(illustrated, tmp_path):
    rows = [(0.0, 1e-4, 12, 0.5, np.nan), (1e-4, 1e-3, 1200, 0.975, 0.912), (1e-2, np.inf, 3, 1.0, 1.0)]
    table = pd.DataFrame(rows, columns=["low", "high", "n_stages", "same_sign", "correlation"])
    write_table(illustrated.folder / "statistics" / "walls.csv", table)
    text = " ".join(read_page(illustrated, tmp_path / "report").text.split())
    assert "below 1 × 10⁻⁴ p1250 %–" in text
    assert "1 × 10⁻⁴ to 0.001 p1,20098 %0.91" in text
    assert "above 0.01 p3100 %1.00" in text


def test_a_claim_says_what_decides_and_is_counted_once(illustrated, tmp_path):
    claims = pd.read_csv(illustrated.folder / "statistics" / "claims.csv").iloc[:1]
    write_table(
        illustrated.folder / "statistics" / "claims.csv",
        claims.assign(
            claim="unchanged", verdict="no", plain_verdict="not contradicted", slope=0.024, slope_low=-0.1
        ).assign(slope_high=0.15, corrected_verdict="not contradicted", random=0.01, random_low=0.0, random_high=0.02),
    )
    contrast = {"section": 4.3, "claim": "larger in slips", "verdict": "yes", "stick": 0.55, "slip": 0.56}
    contrast |= {"matched": 0.01, "matched_low": 0.005, "matched_high": 0.015}
    rows = [{"quantity": name, **contrast} for name in ("packing_fraction_active", "packing_fraction_excess")]
    write_table(illustrated.folder / "statistics" / "contrasts.csv", pd.DataFrame(rows))
    page = read_page(illustrated, tmp_path / "report")
    assert "Of 2, 1 holds, 1 does not hold." in page.text
    assert "0.125 [0.050, 0.200] a decade at equal Δγ, which decides" in page.text
    assert "as it is 0.024 [−0.100, 0.150], which alone would say “not contradicted”" in page.text
    assert (
        "as many grains, drawn at random 0.0100 [0.0000, 0.0200]; among so many claims “not contradicted”" in page.text
    )
    assert "not counted" in page.text


def test_a_title_that_asks_has_one_stop(illustrated, tmp_path):
    page = read_page(illustrated, tmp_path / "report")
    assert "Do the attributions add up?" in page.text
    assert "?." not in page.text


def test_the_way_to_repeat_a_run_exists(illustrated, tmp_path):
    page = read_page(illustrated, tmp_path / "report")
    assert "make install" in page.text
    assert "pip install" not in page.text
    record = {"steps": {"stages": {"seconds": 1.0, "versions": {"microslip": "0.1.0", "commit": "abc123"}}}}
    write_json(illustrated.folder / "provenance.json", record)
    assert "git checkout abc123" in read_page(illustrated, tmp_path / "report").text


def test_large_tables_stay_in_the_run(illustrated, tmp_path, monkeypatch):
    monkeypatch.setattr("microslip.views.report.attachments.LARGEST", 2000)
    write_report(illustrated, tmp_path / "report")
    assert not (tmp_path / "report" / "tables" / "model-predictions.csv").exists()
    assert (tmp_path / "report" / "tables" / "statistics-claims.csv").exists()


def test_the_same_run_gives_the_same_page(illustrated, tmp_path):
    pages = [read_page(illustrated, tmp_path / name).source for name in ("a", "b")]
    assert pages[0] == pages[1]


def test_every_figure_has_title_caption_and_alternative_text():
    assert all(figure.title and figure.caption and figure.alternative for figure in FIGURES.values())


def test_captions_state_the_settings_that_are_known():
    config = {"stages": {"threshold": None}, "recording": {"threshold": 1e-5}, "nonaffine": {"cutoff": 2.5}}
    text = FIGURES["correlation"].words(config)
    assert "exceeds 1 × 10⁻⁵ p" in text
    assert "within 2.5 d̄" in text
    assert "Fits start" not in text
    assert "None" not in text


def test_numbers_for_a_reader():
    assert show(20215) == "20\u202f215"
    assert show(1.7e-6) == "1.7 × 10⁻⁶"
    assert show(-0.25) == "−0.25"
    assert show(None) == show(float("nan")) == "–"
    assert show(True) == "yes"
    assert show(204.3, 2) == "200"
    assert show(12.5) == "12.5"
    assert show([16, 32]) == "16, 32"
    assert with_error(0.3412, 0.0123) == "0.341 ± 0.012"


@pytest.mark.parametrize(
    ("value", "low", "high", "text"),
    [
        (0.6557, 0.5202, 0.7534, "0.656 [0.520, 0.753]"),
        (9.28e-6, 7.92e-6, 1.09e-5, "0.93 [0.79, 1.09] × 10⁻⁵"),
        (-0.0255, -0.0598, 0.001, "−0.0255 [−0.0598, 0.0010]"),
        (2.35, np.nan, np.nan, "2.35"),
        (-0.00001, -0.0179, 0.0184, "0.0000 [−0.0179, 0.0184]"),
        (12345.0, 12000.0, 13000.0, "12\u202f300 [12\u202f000, 13\u202f000]"),
        (0.0, 0.0, 0.0, "0.00 [0.00, 0.00]"),
    ],
)
def test_an_interval_stands_to_one_place(value, low, high, text):
    assert between(value, low, high) == text


def test_durations_for_a_reader():
    assert repeat.duration(None) == "–"
    assert repeat.duration(12.47) == "12.5 s"
    assert repeat.duration(1800) == "30 min"
    assert repeat.duration(9000) == "2.5 h"


def test_a_renamed_run_is_named_as_it_is_called_now(illustrated, tmp_path):
    moved = illustrated.folder.with_name("other name")
    illustrated.folder.rename(moved)
    page = read_page(Run(moved), tmp_path / "report")
    assert "'other name'" in page.text
    assert str(moved) not in page.text
    assert "runs/small" not in page.text
