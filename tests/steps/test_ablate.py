"""Networks trained on less, line by line of one table."""

import math
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from microslip.config import load_config
from microslip.data.files import write_table
from microslip.learn.ablation_lines import summarise
from microslip.pipeline import perform

from ..command_line import contents, microslip, refused


def test_an_ablation_has_a_line_for_every_change_and_rule(ablated):
    table, summary = (pd.read_csv(ablated / "ablations" / f"{name}.csv") for name in ("ablations", "summary"))
    lines = {("input", name) for name in ("full", "shuffled", "phases", "pattern", "amplitude", "mask")}
    lines |= {("cell share", "0.5"), ("training share", "0.5"), ("spacing", "1.6"), ("radius", "2")}
    boosted = ("mean_d2min", "d2min_quantiles", "strain_increment", "clusters", "all of these")
    lines |= {("boosting", name) for name in boosted}
    for one in (table, summary):
        found = list(zip(one["family"], one["value"].astype(str), one["rule"], strict=True))
        assert sorted(found) == sorted((*line, rule) for line in lines for rule in ("random", "blocked"))
    random = table[(table["rule"] == "random") & (table["family"] != "boosting")].set_index(["family", "value"])
    assert random["n_train"].to_dict() == {key: 30 if key[0] == "training share" else 60 for key in random.index}
    nodes = random["nodes"].to_dict()
    assert nodes[("cell share", "0.5")] == "4 × 8 × 8"
    assert nodes[("spacing", "1.6")] == "5 × 5 × 5"
    assert {nodes[key] for key in nodes if key[0] not in ("cell share", "spacing")} == {"8 × 8 × 8"}
    assert (table["r2_low"] <= table["r2"]).all()
    assert (table["r2"] <= table["r2_high"]).all()
    assert not (ablated / ".ablating").exists()


def test_places_matter_where_they_were_planted(ablated):
    summary = pd.read_csv(ablated / "ablations" / "summary.csv").set_index(["family", "value", "rule"])
    for rule in ("random", "blocked"):
        full = summary.loc[("input", "full", rule)]
        assert full["less_than_full"] == 0
        for lost in ("shuffled", "phases", "amplitude"):
            one = summary.loc[("input", lost, rule)]
            assert one["r2"] < full["r2"] - 0.3, lost
            assert one["less_than_full"] == pytest.approx(full["r2"] - one["r2"])
        for kept in ("pattern", "mask"):
            assert summary.loc[("input", kept, rule)]["r2"] > 0.3, kept
    assert "input full, random split: test R²" in (ablated / "ablate.txt").read_text()


def test_an_interrupted_ablation_goes_on_after_the_last_whole_line(fresh, measured, tmp_path):
    chosen = ["ablation.epochs=2", "ablation.seeds=2", "ablation.variants=['full', 'shuffled', 'mask']"]
    none = [f"ablation.{name}=[]" for name in ("spacings", "radii", "cell_shares", "training_shares")]
    config = load_config(fresh / "config.toml", [*chosen, *none, "ablation.rules=['blocked']"])
    other = Path(shutil.copytree(measured, tmp_path / "other"))
    every = []
    perform("ablate", other, config, lambda done, total: None, every.append)

    def interrupt(done, total):
        assert total == 3 * 2 * 2
        if done == 5:
            raise KeyboardInterrupt

    said = []
    with pytest.raises(KeyboardInterrupt):
        perform("ablate", fresh, config, interrupt, said.append)
    assert [one for one in said if not one.startswith("warning: no step has recorded")] == said[1:]
    assert len(said) == 2
    assert not (fresh / "ablations").exists()
    first = fresh / ".ablating" / "input-full.json"
    when, told = first.stat().st_mtime_ns, []

    def watch(done, total):
        told.append(done)
        if first.exists():
            assert first.stat().st_mtime_ns == when

    perform("ablate", fresh, config, watch, said.append)
    assert [one for one in said if one not in every[:1]] == every[1:]
    # the line that was kept, the epochs that were missing
    assert told == [4, 6, 7, 8, 8, 9, 10, 11, 12, 12]
    assert contents(fresh / "ablations") == contents(other / "ablations")


def test_hours_end_the_lines_and_the_next_start_goes_on_with_those_that_are_missing(fresh):
    chosen = ["ablation.epochs=1", "ablation.variants=['full', 'shuffled', 'mask']", "ablation.rules=['blocked']"]
    none = [f"ablation.{name}=[]" for name in ("spacings", "radii", "cell_shares", "training_shares")]
    chosen += [*none, "ablation.baselines=false", "ablation.seeds=1"]

    def start(*more):
        sentences = []
        ran = perform(
            "ablate", fresh, load_config(fresh / "config.toml", [*chosen, *more]), lambda *_: None, sentences.append
        )
        return ran, sentences, pd.read_csv(fresh / "ablations" / "summary.csv")["value"].tolist()

    for number, values in enumerate((["full"], ["full", "shuffled"]), start=1):
        ran, sentences, found = start("ablation.hours=1e-9")
        assert ran
        assert found == values
        assert any(f"left no time for {3 - number} of 3 lines" in one for one in sentences)
    ran, sentences, found = start()
    assert found == ["full", "shuffled", "mask"]
    assert not any("left no time" in one for one in sentences)
    assert not (fresh / ".ablating").exists()
    # the hours are no part of the result
    assert not start("ablation.hours=5")[0]


def test_the_summary_is_a_mean_over_seeds():
    columns = ("n_train", "r2_low", "r2_high", "sign_accuracy", "r2_stick", "r2_slip", "r2_train", "restarts", "stuck")
    rows = [
        {"family": "input", "value": value, "rule": "random", "seed": seed, "r2": r2, **dict.fromkeys(columns, r2)}
        for value, seed, r2 in (("full", 1, 0.8), ("full", 2, 0.6), ("mask", 1, 0.4), ("mask", 2, 0.5))
    ]
    found = summarise(pd.DataFrame(rows)).set_index("value")
    assert found["seeds"].tolist() == [2, 2]
    np.testing.assert_allclose(found["r2"], [0.7, 0.45])
    np.testing.assert_allclose(found["r2_spread"], [0.2 / math.sqrt(2), 0.1 / math.sqrt(2)])
    np.testing.assert_allclose(found["less_than_full"], [0, 0.25], atol=1e-12)


def test_a_training_set_that_is_too_small_is_said_before_anything_is_trained(fresh):
    before = contents(fresh)
    assert "ablation.training_shares = 0.1 leaves fewer than 10 of 60" in refused(
        "ablate", fresh, "--set", "ablation.training_shares=[0.5, 0.1]"
    )
    assert contents(fresh) == before
    assert not (fresh / ".ablating").exists()


def test_a_grid_too_coarse_for_the_network_is_left_out_and_said(fresh):
    few = ["--set", "ablation.variants=['full']", "--set", "ablation.epochs=1", "--set", "ablation.spacings=[8]"]
    for name in ("radii", "cell_shares", "training_shares"):
        few += ["--set", f"ablation.{name}=[]"]
    assert "spacing 8 is left out: 1 × 1 × 1 nodes are too few" in microslip("ablate", fresh, *few).stdout
    assert set(pd.read_csv(fresh / "ablations" / "summary.csv")["family"]) == {"input", "boosting"}


def test_an_ablation_of_nothing_is_said(fresh):
    every = ("variants", "spacings", "radii", "cell_shares", "training_shares")
    nothing = [part for name in every for part in ("--set", f"ablation.{name}=[]")]
    refused("ablate", fresh, *nothing, "--set", "ablation.baselines=false")


def test_a_table_of_clusters_that_lacks_a_number_is_said_and_what_was_trained_is_kept(fresh):
    table = pd.read_csv(fresh / "statistics" / "stages.csv")
    write_table(fresh / "statistics" / "stages.csv", table.drop(columns="moran_i"))
    few = ["--set", "ablation.variants=['full']", "--set", "ablation.epochs=1"]
    for name in ("spacings", "radii", "cell_shares", "training_shares"):
        few += ["--set", f"ablation.{name}=[]"]
    assert "lacks moran_i: run `microslip statistics` again" in refused("ablate", fresh, *few)
    assert not (fresh / "ablations").exists()
