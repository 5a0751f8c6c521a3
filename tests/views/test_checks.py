from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from microslip.data.run import Run
from microslip.data.step_state import Cause, StepState
from microslip.views.report.checks import GROUPS, check_run, checks_table
from microslip.views.report.parts import Parts

SCORES = {"r2": 0.7, "r2_low": 0.6, "r2_high": 0.8, "sign_accuracy": 0.7, "sign_accuracy_low": 0.6}
SCORES |= {"sign_accuracy_high": 0.8, "coverage": 0.9, "slope": 1.0}
BASELINES = {name: {"test": {"r2": 0.2}} for name in ("mean_d2min", "d2min_quantiles", "strain_increment")}
NETWORK = {"network": dict.fromkeys(("train", "validation", "test"), SCORES), **BASELINES}


def stages(n: int = 600) -> pd.DataFrame:
    """Stages that follow each other, each ten samples and 0.01 of strain long."""
    first = np.arange(n)
    return pd.DataFrame(
        {"stage": first, "kind": np.resize(["stick", "slip"], n), "start_sample": 10 * first,
         "end_sample": 10 * first + 10, "start_strain": 0.01 * first, "end_strain": 0.01 * first + 0.01,
         "strain_increment": 0.01, "fluctuation": 5e-3}
    )  # fmt: skip


def of_kinds(**columns: object) -> pd.DataFrame:
    return pd.DataFrame({"kind": ["stick", "slip"], "by": "kind", **columns})


def predictions(inside_of_largest: int, n: int = 200) -> pd.DataFrame:
    """Test stages of growing size; a tenth of each tenth by size lies outside, and of the largest all but a few."""
    target, number = 1e-3 * np.arange(1, n + 1), np.arange(n)
    of_largest = number >= n - n // 10
    outside = np.where(of_largest, number >= n - n // 10 + inside_of_largest, number % 10 == 0)
    guess = target + np.where(outside, 2e-4, 0.0)
    of_test = {"split": "test", "target": target, "prediction": guess, "low": guess - 1e-4, "high": guess + 1e-4}
    return pd.concat([pd.DataFrame({"rule": rule, **of_test}) for rule in ("random", "blocked")])


def openings(n_settings: int) -> pd.DataFrame:
    """Trainings with so many settings, each scored under both rules."""
    rows = [
        {"verb": "train", "rule": rule, "test_set": "a", "settings": str(number)}
        for number in range(n_settings)
        for rule in ("random", "blocked")
    ]
    return pd.DataFrame(rows, columns=["verb", "rule", "test_set", "settings"])


def claim(**ratios: tuple[float, float, float]) -> pd.DataFrame:
    rows = [
        {"network": network, "field": "signed", "n": 90, "n_stages": 100, "ratio": value[0], "low": value[1],
         "high": value[2]}
        for network, value in ratios.items()
    ]  # fmt: skip
    return pd.DataFrame(rows)


@pytest.fixture
def good() -> Parts:
    """A run that passes every check."""
    n = 6001
    one = np.ones(n)
    layers = pd.DataFrame({"n_layers": [1, 2], "spearman": [0.7, 0.1]})
    areas = pd.DataFrame(
        [("attribution", 0.3, 0.0, 0.0, 0.0), ("random", 0.6, 0.3, 0.2, 0.4), ("untrained", 0.5, 0.2, 0.1, 0.3),
         ("shuffled", 0.4, 0.1, 0.05, 0.2)],
        columns=["order", "area", "more", "more_low", "more_high"],
    ).assign(mode="deletion", replacement="stages")  # fmt: skip
    clusters = pd.DataFrame(
        {"network": ["trained", "shuffled"], "clusters": "all", "control": "amplitude", "n": 90, "share_nodes": 0.06,
         "share_size": [0.3, 0.2], "ratio": [1.5, 1.1], "ratio_low": [1.4, 1.0], "ratio_high": [1.6, 1.2],
         "trained_over": [1.0, 1.4], "trained_over_low": [1.0, 1.2], "trained_over_high": [1.0, 1.6]}
    )  # fmt: skip
    ablations = pd.DataFrame(
        {"family": "input", "value": ["full", "shuffled"], "rule": "blocked", "r2": [0.7, 0.2], "r2_low": [0.6, 0.1],
         "r2_high": [0.8, 0.3]}
    )  # fmt: skip
    grains = np.zeros((5, 3))
    grains[:, 2] = [-0.5, 1.0, 2.0, 3.0, 10.5]
    verbs = ("simulate", "stages", "fields", "train")
    return Parts(
        run=Run(Path("runs/good")),
        config={"loading": {"strain": 6.0, "warm_up": 1.0}, "recording": {"strain_step": 1e-3}},
        config_text="",
        attributes={"box": [20.0, 8.0, 12.0], "inertial_number": 1e-4, "stiffness_number": 364.0,
                    "timestep_over_rayleigh_time": 0.25},
        steps={verb: {"versions": {"microslip": "0.1.0", "torch": "2"}} for verb in verbs},
        states={verb: StepState(verb, verb, "current") for verb in verbs},
        series={"strain": 1e-3 * np.arange(n), "stress": 0.3 * one, "stress_bottom": 0.3 * one,
                "stress_top": 0.3 * one, "normal_stress": 1.001 * one, "solid_fraction": 0.6 * one},
        kind=np.array([1, 0, 0, 0, 2]),
        last_frame=grains,
        stages=stages(),
        fields_attributes={"position_resolution": 1e-15},
        below_floor=np.zeros(600),
        metrics={"random": NETWORK, "blocked": NETWORK},
        completeness=np.full(100, 0.005),
        tables={
            "statistics/stages": pd.DataFrame({"stage": range(600), "d2min_all": 1e-6}),
            "statistics/correlation_length": of_kinds(xi=[2.0, 3.0], r_max=6.9),
            "statistics/correlation_sensitivity": of_kinds(xi=[2.0, 3.0]),
            "statistics/power_law": of_kinds(
                x_min_rule="fixed", lognormal_ratio=-1.0, lognormal_p_value=0.4, truncated_ratio=-2.0,
                truncated_p_value=0.3
            ),
            "interpretation/claim": claim(
                trained=(1.0, 0.9, 1.1), untrained=(0.2, 0.1, 0.3), shuffled=(2.0, 1.9, 2.1), input=(1.5, 1.4, 1.6)
            ),
            "interpretation/layers": layers,
            "interpretation/areas": areas,
            "interpretation/clusters": clusters,
            "ablations/summary": ablations,
            "test_openings": openings(1),
            "model/predictions": predictions(18),
        },
    )  # fmt: skip


def verdicts(parts: Parts) -> dict[str, str]:
    return {check.name: check.verdict for check in check_run(parts)}


def test_a_good_run_passes_every_check(good):
    checks = check_run(good)
    assert {check.verdict for check in checks} == {"passed"}, [check for check in checks if check.verdict != "passed"]
    assert len(checks) == 42
    assert {check.group for check in checks} == set(GROUPS)
    assert len({check.name for check in checks}) == len(checks)
    assert all(check.value and check.limit and check.why.endswith(".") for check in checks)
    assert checks_table(checks).shape == (42, 7)


def with_attribute(name, value):
    return lambda parts: replace(parts, attributes={**parts.attributes, name: value})


def with_series(name, change):
    return lambda parts: replace(parts, series={**parts.series, name: change(parts.series[name])})


def with_table(name, table):
    return lambda parts: replace(parts, tables={**parts.tables, name: table})


def with_score(rule, model, **scores):
    def change(parts):
        methods = parts.metrics[rule]
        test = {**methods[model]["test"], **scores}
        return replace(parts, metrics={**parts.metrics, rule: {**methods, model: {**methods[model], "test": test}}})

    return change


def with_grain(grain, height):
    def change(parts):
        frame = parts.last_frame.copy()
        frame[grain, 2] = height
        return replace(parts, last_frame=frame)

    return change


def without_stages(*numbers):
    return lambda parts: replace(parts, stages=parts.stages.drop(index=list(numbers)))


def with_step(verb, state, cause=None):
    return lambda parts: replace(parts, states={**parts.states, verb: StepState(verb, verb, state, cause)})


def rough(x: np.ndarray, first: float = 1.0) -> np.ndarray:
    """A series whose sevenths after the warm-up differ by half a per cent, in turn, and the first by a factor."""
    block = np.clip((np.arange(len(x)) - 1000) * 7 // 5001, 0, 6)
    return x * (1 + 0.005 * (-1.0) ** block) * np.where(block == 0, first, 1.0)


NEARER = {"trained": (1.0, 0.9, 1.1), "untrained": (0.95, 0.85, 1.05)}

BAD = [
    ("Size of the cell", with_attribute("box", [0.015, 0.009, 0.012]), "failed"),
    ("Quasi-static shear", with_attribute("inertial_number", 2e-3), "failed"),
    ("Quasi-static shear", lambda parts: replace(parts, stages=stages().assign(fluctuation=1e-3)), "open"),
    ("Quasi-static shear", lambda parts: replace(parts, stages=stages().assign(fluctuation=-4e-3)), "passed"),
    ("Quasi-static shear", lambda parts: with_attribute("inertial_number", 1e-6)(
        replace(parts, stages=stages().assign(fluctuation=1e-3))), "open"),
    ("Stiffness of the grains", with_attribute("stiffness_number", 20.0), "failed"),
    ("Time step", with_attribute("timestep_over_rayleigh_time", 0.5), "failed"),
    ("Strain reached", with_series("strain", lambda x: 0.9 * x), "failed"),
    ("Normal stress", with_series("normal_stress", lambda x: 1.03 * x), "failed"),
    ("Balance of the walls", with_series("stress_top", lambda x: 0.9 * x), "failed"),
    ("Steady stress", with_series("stress", lambda x: x * np.linspace(1, 2, len(x))), "failed"),
    # halves as good as equal
    ("Steady stress", with_series("stress", lambda x: rough(x, first=0.9)), "failed"),
    ("Steady stress", with_series("stress", lambda x: rough(x, first=0.97)), "open"),
    ("Steady stress", with_series("stress", lambda x: rough(x) * np.linspace(0.96, 1.04, len(x))), "failed"),
    ("Steady stress", with_series("stress", rough), "passed"),
    ("Steady solid fraction", with_series("solid_fraction", lambda x: x - np.linspace(0, 0.1, len(x))), "failed"),
    ("Missing grains", with_grain(1, np.nan), "failed"),
    ("Missing grains", with_series("stress", lambda x: np.where(x.cumsum() < 1, np.nan, x)), "failed"),
    ("Leaks through the walls", with_grain(2, 10.6), "failed"),
    ("Leaks through the walls", with_grain(2, -0.6), "failed"),
    ("Number of stages", lambda parts: replace(parts, stages=stages(499)), "failed"),
    ("Lost stages", without_stages(*range(100, 200)), "failed"),
    ("Lost stages", without_stages(*range(100, 110)), "passed"),
    ("Frames at the turning points",
     lambda parts: replace(parts, stages=parts.stages.assign(start_mismatch=-0.002, end_mismatch=0.002)), "failed"),
    ("Samples of a stage", lambda parts: replace(parts, stages=stages().assign(end_sample=lambda table:
        table["start_sample"] + np.where(table["stage"] < 61, 1, 10))), "failed"),
    ("Samples of a stage", lambda parts: replace(parts, stages=stages().assign(end_sample=lambda table:
        table["start_sample"] + np.where(table["stage"] < 60, 1, 10))), "passed"),
    ("Precision of the positions", lambda parts: replace(parts, below_floor=np.resize([0, 1], 600)), "failed"),
    ("Stages without D²min",
     with_table("statistics/stages", pd.DataFrame({"stage": range(4), "d2min_all": [1, 1, np.nan, 1]})), "failed"),
    ("Reach of C(r)", with_table("statistics/correlation_length", of_kinds(xi=[2.0, 6.0], r_max=6.9)), "failed"),
    ("Reach of C(r)", with_table("statistics/correlation_length", pd.concat(
        [of_kinds(xi=[2.0, 3.0], r_max=6.9), of_kinds(xi=[2.0, 6.0], r_max=6.9).assign(by="bin")],
        ignore_index=True)), "failed"),
    ("Reach of C(r)", with_table("statistics/correlation_length", of_kinds(reason="no fit")), "open"),
    ("ξ under other fits", with_table("statistics/correlation_sensitivity",
     pd.concat([of_kinds(xi=[2.0, 3.0]), of_kinds(xi=[5.0, 3.0])])), "failed"),
    ("Power law of the cluster sizes", with_table("statistics/power_law", of_kinds(
        x_min_rule="fixed", lognormal_ratio=-50.0, lognormal_p_value=1e-9, truncated_ratio=0.0, truncated_p_value=1.0
     )), "failed"),
    ("Splits that leak", with_score("random", "network", r2=0.85), "failed"),
    ("Network against no pattern", with_score("blocked", "mean_d2min", r2=0.75), "failed"),
    ("Network against no pattern", with_score("blocked", "mean_d2min", r2=0.65), "open"),
    ("Sign of the stress change", with_score("blocked", "network", sign_accuracy_low=0.45), "failed"),
    ("Coverage of the intervals", with_score("blocked", "network", coverage=0.7), "failed"),
    ("Coverage by size", with_table("model/predictions", predictions(10)), "failed"),
    ("Coverage by size", with_table("model/predictions", predictions(2, n=18)), "open"),
    ("Coverage of the largest stages", with_table("model/predictions", predictions(10)), "failed"),
    ("Coverage of the largest stages", with_table("model/predictions", predictions(16)), "open"),
    ("Coverage of the largest stages", with_table("model/predictions", predictions(2, n=18)), "open"),
    ("Test set opened once", with_table("test_openings", openings(2)), "failed"),
    ("Test set opened once", with_table("test_openings", openings(0)), "open"),
    ("Calibration", with_score("blocked", "network", slope=0.5), "failed"),
    ("Overfitting", with_score("random", "network", r2=0.5), "failed"),
    ("Nodes shuffled", with_table("ablations/summary", pd.DataFrame(
        {"family": "input", "value": ["full", "shuffled"], "rule": "blocked", "r2": [0.7, 0.8], "r2_low": [0.6, 0.7],
         "r2_high": [0.8, 0.9]})), "failed"),
    ("Nodes shuffled", with_table("ablations/summary", pd.DataFrame(
        {"family": "input", "value": ["full", "shuffled"], "rule": "blocked", "r2": [0.7, 0.6], "r2_low": [0.6, 0.5],
         "r2_high": [0.8, 0.7]})), "open"),
    ("Completeness", lambda parts: replace(parts, completeness=np.resize([0.005, 0.05], 100)), "failed"),
    ("Lengths that can be fitted", with_table("interpretation/claim", claim(trained=(1.0, 0.9, 1.1)).assign(n=20)),
     "failed"),
    ("Null: an untrained network", with_table("interpretation/claim", claim(**NEARER)), "failed"),
    ("Null: an untrained network",
     with_table("interpretation/claim", claim(trained=(1.0, 0.9, 1.1), untrained=(0.9, np.nan, np.nan))), "open"),
    ("Null: an untrained network",
     with_table("interpretation/claim", claim(trained=(1.0, 0.9, 1.1), untrained=(0.8, 0.7, 0.95))), "open"),
    ("Null: an untrained network", with_table("interpretation/claim", pd.concat(
        [claim(trained=(1.0, 0.9, 1.1), untrained=(0.2, 0.1, 0.3)), claim(**NEARER).assign(field="size")])), "failed"),
    ("Random layers", with_table("interpretation/layers", pd.DataFrame({"n_layers": [2, 1], "spearman": [0.6, 0.1]})),
     "failed"),
    ("Deletion of important nodes", lambda parts: with_table("interpretation/areas", parts.tables[
        "interpretation/areas"].assign(more_low=-0.3, more_high=-0.1))(parts), "failed"),
    ("Clusters beyond their amplitude", lambda parts: with_table("interpretation/clusters", parts.tables[
        "interpretation/clusters"].assign(ratio_low=0.9))(parts), "failed"),
    ("Damaged parts", lambda parts: replace(parts, problems={"series": "it is torn"}), "failed"),
    ("Steps up to date", with_step("train", "out of date", Cause("settings", ("training.epochs",))), "failed"),
    ("Steps up to date", with_step("import", "not checked", Cause("missing", detail="files are gone")), "open"),
    ("Steps up to date", lambda parts: replace(parts, states=None), "open"),
    ("Steps not run", with_step("explain", "not done"), "open"),
    ("Versions of the steps",
     lambda parts: replace(parts, steps={**parts.steps, "train": {"versions": {"torch": "3"}}}), "failed"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "change", "verdict"), BAD)
def test_a_check_that_must_fail_does(good, name, change, verdict):
    found = verdicts(change(good))
    assert found[name] == verdict
    changed = next(check for check in check_run(change(good)) if check.name == name)
    assert verdict == "passed" or changed.remedy


def test_a_failed_check_leaves_the_others(good):
    found = verdicts(with_attribute("inertial_number", 2e-3)(good))
    assert [name for name, verdict in found.items() if verdict != "passed"] == ["Quasi-static shear"]


def test_an_import_is_judged_by_what_its_files_tell(good):
    attributes = {"imported": True, "pressure": 1.0, "source": {"files": []}}
    nothing = np.full(6001, np.nan)
    series = {
        **good.series,
        **dict.fromkeys(("stress_bottom", "stress_top", "normal_stress", "solid_fraction"), nothing),
    }
    found = verdicts(replace(good, attributes=attributes, series=series))
    assert found["Quasi-static shear"] == found["Stiffness of the grains"] == found["Normal stress"] == "open"
    for name in ("Time step", "Strain reached", "Balance of the walls", "Steady solid fraction"):
        assert name not in found
    assert found["Steady stress"] == "passed"


def test_without_walls_the_checks_of_walls_say_so(good):
    nothing = np.full(6001, np.nan)
    parts = replace(
        good, kind=np.zeros(5), attributes={**good.attributes, "periodic": [True, True, True]},
        series={**good.series, "stress_bottom": nothing, "stress_top": nothing},
    )  # fmt: skip
    assert set(verdicts(parts).values()) == {"passed"}
    assert verdicts(parts).keys() == verdicts(good).keys()
    for name in ("Balance of the walls", "Leaks through the walls"):
        assert value_of(parts, name) == "there are no walls: the cell repeats on all sides"
    # another program's walls may not be named
    imported = replace(parts, attributes={**parts.attributes, "imported": True})
    assert "Leaks through the walls" not in verdicts(imported)
    assert not any("–" in check.value or "nan" in check.value for check in check_run(parts))


def test_a_held_volume_has_another_normal_stress_and_another_remedy(good):
    held = replace(good, config={**good.config, "loading": {**good.config["loading"], "hold": "volume"}})
    assert verdicts(held)["Normal stress"] == "passed"
    checks = check_run(with_series("normal_stress", lambda x: 0.5 * x)(held))
    check = next(check for check in checks if check.name == "Normal stress")
    assert check.verdict == "failed"
    assert "volume was held" in check.remedy


def test_a_scanner_may_miss_a_grain_in_fifty(good):
    frame = np.zeros((50, 3))
    frame[0] = np.nan
    parts = replace(good, attributes={"imported": True}, kind=np.zeros(50), last_frame=frame)
    assert verdicts(parts)["Missing grains"] == "passed"
    assert verdicts(replace(parts, attributes=good.attributes))["Missing grains"] == "failed"


def test_a_deletion_that_a_null_does_as_well_or_better_decides_nothing_or_fails(good):
    table = good.tables["interpretation/areas"]
    for change, verdict in (({"more_low": -0.1}, "open"), ({"more_low": -0.3, "more_high": -0.1}, "failed")):
        rows = table["order"] == "shuffled"
        other = table.assign(**{name: table[name].where(~rows, value) for name, value in change.items()})
        assert verdicts(with_table("interpretation/areas", other)(good))["Deletion of important nodes"] == verdict
    # mixtures that lead the network out of what it has seen
    grown = table.assign(area=4 * table["area"])
    assert verdicts(with_table("interpretation/areas", grown)(good))["Deletion of important nodes"] == "open"
    # of nodes set to the baseline nothing follows
    baseline = table.assign(replacement="baseline")
    assert "Deletion of important nodes" not in verdicts(with_table("interpretation/areas", baseline)(good))


@pytest.mark.parametrize(
    ("low", "over", "verdict"),
    [(1.4, 1.2, "passed"), (0.9, 1.2, "failed"), (1.4, 0.9, "failed"), (np.nan, 1.2, "open")],
)
def test_clusters_count_for_more_than_their_amplitude_where_noise_does_not_teach_it(good, low, over, verdict):
    table = good.tables["interpretation/clusters"].assign(ratio_low=[low, 1.0], trained_over_low=[1.0, over])
    found = verdicts(with_table("interpretation/clusters", table)(good))["Clusters beyond their amplitude"]
    assert found == verdict


def test_what_follows_from_one_change_is_not_told_as_many(good):
    late = StepState("stages", "", "out of date", Cause("settings", ("stages.threshold",)))
    after = StepState("fields", "", "out of date", Cause("upstream", ("stages",)))
    parts = replace(good, states={**good.states, "stages": late, "fields": after})
    check = next(check for check in check_run(parts) if check.name == "Steps up to date")
    assert check.value == "stages: stages.threshold changed since; and what was made from it: fields"


def test_a_run_with_nothing_is_not_checked(good):
    nothing = dict.fromkeys(("series", "kind", "last_frame", "stages", "below_floor", "completeness"))
    parts = replace(good, attributes={}, metrics={}, tables={}, steps={}, states={}, **nothing)
    assert {check.group for check in check_run(parts)} == {"Record"}
    undone = replace(parts, states={"stages": StepState("stages", "", "not done")})
    assert verdicts(undone)["Steps up to date"] == "open"


def value_of(parts: Parts, name: str) -> str:
    return next(check.value for check in check_run(parts) if check.name == name)


def test_checks_show_both_numbers_and_say_of_what(good):
    small = replace(good, stages=stages().assign(fluctuation=np.resize([1e-3, 1e-3, 1e-3, 5e-3], 600)))
    assert "75 % of the stages below 0.003 p" in value_of(small, "Quasi-static shear")
    assert value_of(good, "Coverage of the intervals").startswith("90 % of the test stages")
    covered = value_of(with_table("model/predictions", predictions(10))(good), "Coverage of the largest stages")
    assert covered.startswith("50 % of the 20 truly largest inside (|Δs| ≥ 0.18 p")
    covered = value_of(with_table("model/predictions", predictions(10))(good), "Coverage by size")
    assert covered.startswith("50 % to 90 % of the stages in tenths by predicted size, 50 % in the largest")
    both = pd.concat([claim(**NEARER), claim(trained=(2.0, 1.9, 2.1), untrained=(3.0, 2.9, 3.1)).assign(field="size")])
    parts = replace(with_table("interpretation/claim", both)(good), explained="random")
    said = value_of(parts, "Null: an untrained network")
    assert "signed attribution: ξ_Attr/ξ_D 1.00" in said
    assert "size of the attribution: ξ_Attr/ξ_D 2.00" in said
    assert "network of the random split" in said
