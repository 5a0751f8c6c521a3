import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microslip import MicroslipError, artificial
from microslip.config import Config, load_config
from microslip.study.plan import (
    STUDY_FILE,
    StudyFile,
    choose_systems,
    flatten,
    load_study,
    plan_study,
    setting,
    write_study,
    written,
)
from microslip.study.progress import progress

CONFIGS = Path(__file__).parent.parent.parent / "configs"
STUDIES = sorted(path for path in CONFIGS.glob("*.toml") if {"vary", "system"} & tomllib.loads(path.read_text()).keys())


@pytest.fixture
def plan(tmp_path):
    """A study from the text of its file."""

    def load(text, *overrides):
        (tmp_path / "some.toml").write_text(text)
        return load_study(tmp_path / "some.toml", overrides)

    return load


def test_the_three_families_of_the_paper_are_thirteen_systems():
    study = load_study(CONFIGS / "families.toml")
    base = load_config(CONFIGS / "paper_scaled.toml")
    names = [system.name for system in study.systems]
    assert len(names) == 13 == len(set(names))
    assert names[:3] == ["base", "width-0.1", "width-0.3"]
    assert {"friction-0.9", "pressure-1e6", "pressure-1.5e7"} <= set(names)
    assert study.systems[0].config == base
    for system in study.systems[1:]:
        ((key, value),) = system.changes.items()
        assert setting(system.config, key) == value != setting(base, key)
    for family in study.families:
        assert len(family.systems) == 5
        assert "base" in family.systems
        assert list(family.values) == sorted(family.values)


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_presets_of_studies_are_valid_and_hold_only_differences(path):
    study = load_study(path)
    defaults = Config().model_dump(mode="json")
    for section, content in study.content.settings.items():
        for key, value in content.items() if isinstance(content, dict) else ():
            assert defaults[section][key] != value, f"{section}.{key} repeats the default"
    numbers = [system.config.simulation.numbers()["inertial_number"] for system in study.systems]
    assert max(numbers) < 1.1e-3, "a preset is not quasi-static"


def test_the_rates_cover_two_decades_of_inertia():
    systems = load_study(CONFIGS / "rates.toml").systems
    numbers = [system.config.simulation.numbers()["inertial_number"] for system in systems]
    assert numbers == sorted(numbers, reverse=True)
    assert numbers[0] == pytest.approx(1e-3, rel=0.05)
    assert numbers[-1] == pytest.approx(1e-5, rel=0.05)


def test_a_base_that_no_list_names_is_no_system(plan):
    study = plan('[vary]\n"grains.friction" = [0.1, 0.9]')
    assert [system.name for system in study.systems] == ["friction-0.1", "friction-0.9"]


def test_keys_may_be_quoted_or_dotted(plan):
    quoted = plan('[vary]\n"grains.friction" = [0.1]\n[[system]]\nname = "a"\nset = { "cell.length" = 20 }')
    dotted = plan('[vary]\ngrains.friction = [0.1]\n[[system]]\nname = "a"\nset = { cell.length = 20 }')
    assert quoted.systems == dotted.systems
    assert flatten({"seed": 1, "cell": {"length": 2}}) == {"seed": 1, "cell.length": 2}


def test_a_base_has_settings_put_on_top(plan, tmp_path):
    (tmp_path / "below.toml").write_text("seed = 7\n[cell]\nlength = 30\ndepth = 10\n")
    study = plan('base = "below.toml"\n[settings.cell]\ndepth = 12\n[vary]\nseed = [7, 8]', "loading.strain=0.5")
    assert [system.name for system in study.systems] == ["base", "seed-8"]
    for system in study.systems:
        assert (system.config.simulation.cell.length, system.config.simulation.cell.depth) == (30, 12)
        assert system.config.simulation.loading.strain == 0.5


def test_steps_keep_the_order_of_the_pipeline(plan):
    assert plan('steps = ["stages", "simulate"]\n[vary]\nseed = [1]').steps == ("simulate", "stages")


def test_settings_of_one_name_in_two_sections_keep_their_section(plan):
    study = plan('[vary]\n"recording.threshold" = [2e-5]\n"stages.threshold" = [3e-5]')
    assert [system.name for system in study.systems] == ["recording.threshold-2e-5", "stages.threshold-3e-5"]


def test_a_written_study_is_the_same_study(tmp_path):
    for path in STUDIES:
        study = load_study(path, ["engine.threads=1"])
        folder = tmp_path / path.stem
        folder.mkdir()
        write_study(study, folder / STUDY_FILE)
        again = load_study(folder)
        assert (again.name, again.steps, again.systems, again.families, again.content.transfer) == (
            path.stem, study.steps, study.systems, study.families, study.content.transfer,
        )  # fmt: skip


MISTAKES = [
    ('bse = "x.toml"\n[vary]\nseed = [1]', "unknown key bse = x.toml: did you mean base?"),
    ("", "names no system"),
    ('steps = ["filds"]\n[vary]\nseed = [1]', "unknown step filds in steps: did you mean fields?"),
    ('steps = ["fields", "fields"]\n[vary]\nseed = [1]', "names fields twice"),
    ("steps = []\n[vary]\nseed = [1]", "steps is empty"),
    ('[vary]\n"grains.wdth" = [0.1]', "unknown key grains.wdth = 0.1: did you mean width?"),
    ('[vary]\n"grains.width" = 0.1', "vary grains.width = 0.1 is not a list"),
    ('[vary]\n"grains.width" = []', "vary grains.width = [] is not a list"),
    ('[vary]\n"grains.width" = [0.1, 0.10]', "gives the system width-0.1 twice"),
    ('[vary]\n"grains.friction" = [-1]', "system friction--1: grains.friction = -1 is not possible"),
    ('[vary]\n"a.b.c" = [1]', "a.b.c is not of the form section.key"),
    ('[vary]\n"seed.x" = [1]\n[settings]\nseed = 2', "seed is a value, not a section"),
    ("[settings.loading]\npresure = 1\n[vary]\nseed = [1]", "did you mean pressure?"),
    ('base = "none.toml"\n[vary]\nseed = [1]', "none.toml does not exist"),
    ('[[system]]\nname = "a/b"\nset = {}', "the name a/b does not serve"),
    ('[[system]]\nname = "report"\nset = {}', "the name report does not serve"),
    ('[[system]]\nname = "transfer"\nset = {}', "the name transfer does not serve"),
    ('[vary]\nseed = [1]\n[transfer]\nfamilies = ["sed"]', "names sed, which vary lacks: did you mean seed?"),
    ('steps = ["stages"]\n[vary]\nseed = [1]\n[transfer]\nfamilies = ["seed"]', "add train to steps"),
    (
        '[vary]\nseed = [1]\n[transfer]\nfamilies = ["seed"]\nset = {training.epoch = 5}',
        "unknown key training.epoch = 5: did you mean epochs?",
    ),
    (
        '[vary]\nseed = [1]\n[transfer]\nfamilies = ["seed"]\nset = {voxels.radius = 2}',
        "`microslip train` does not read voxels",
    ),
    ("[[system]]\nset = {}", "system.0.name"),
    ('[[system]]\nname = "a"\nset = {seed = 2}\n[[system]]\nname = "a"\nset = {seed = 3}', "have the name a"),
    ('[[system]]\nname = "a"\nset = {seed = 2}\n[[system]]\nname = "b"\nset = {seed = 2}', "have the same settings"),
]


@pytest.mark.parametrize(("text", "message"), MISTAKES, ids=[message for _, message in MISTAKES])
def test_each_mistake_is_one_sentence(plan, text, message):
    with pytest.raises(MicroslipError) as caught:
        plan(text)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    """A run that was made without the study."""
    folder = tmp_path_factory.mktemp("elsewhere") / "slow"
    artificial.run(folder, seed=1, n_stages=20, settings={"loading": {"shear_rate": 0.5}})
    return folder


def test_a_run_from_elsewhere_keeps_its_settings_and_its_place(plan, elsewhere, tmp_path):
    text = f"""reference = "slow"
[vary]
"loading.shear_rate" = [2.0]
[[system]]
name = "slow"
run = "{elsewhere}"
set = {{ loading.shear_rate = 0.5 }}"""
    study = plan(text, "cell.length=30")
    fast, slow = study.systems
    assert slow.config == load_config(elsewhere / "config.toml"), "an override holds for what the study makes"
    assert fast.config.simulation.cell.length == 30
    assert (slow.place(tmp_path), fast.place(tmp_path)) == (elsewhere, tmp_path / fast.name)
    assert study.value(slow, "loading.shear_rate") == 0.5
    assert str(elsewhere) in slow.describe()
    before = {path: path.stat().st_mtime_ns for path in elsewhere.rglob("*")}
    assert progress(slow, study.steps, tmp_path) == "done"
    write_study(study, tmp_path / STUDY_FILE)
    again = load_study(tmp_path)
    assert again.systems == study.systems
    assert again.content.reference == "slow"
    assert before == {path: path.stat().st_mtime_ns for path in elsewhere.rglob("*")}


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ('name = "a"', "system a has neither set nor run"),
        ('name = "a"\nrun = "nowhere"', "nowhere is no folder"),
        ('name = "a"\nrun = "."', "is no run folder with a trajectory"),
        ('name = "a"\nrun = "RUN"\nset = { loading.shear_rate = 2 }', "was made with 0.5: a finished run keeps"),
        ('name = "a"\nrun = "RUN"\nset = { loading.sheer_rate = 2 }', "loading.sheer_rate, which the run"),
        ('name = "a"\nrun = "RUN"\n[[system]]\nname = "b"\nrun = "RUN"', "a and b are the same run"),
    ],
)
def test_a_run_that_does_not_serve_is_refused_in_one_sentence(plan, elsewhere, entries, message):
    with pytest.raises(MicroslipError) as caught:
        plan("[[system]]\n" + entries.replace("RUN", str(elsewhere)))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_reference_is_one_of_the_systems(plan):
    with pytest.raises(MicroslipError, match=r"reference = seed-3: the study has no such system: did you mean seed-"):
        plan('reference = "seed-3"\n[vary]\nseed = [2, 4]')


def test_what_varies_is_not_overridden(plan):
    with pytest.raises(MicroslipError, match=r"--set grains\.width=0\.4: the study varies grains\.width"):
        plan('[vary]\n"grains.width" = [0.1]', "grains.width=0.4")


def test_systems_are_chosen_by_name_or_number():
    study = load_study(CONFIGS / "families.toml")
    assert [number for number, _ in choose_systems(study, [], None)] == list(range(1, 14))
    assert choose_systems(study, [], 3) == [(3, study.systems[2])]
    assert [system.name for _, system in choose_systems(study, ["width-0.3", "base"], None)] == ["base", "width-0.3"]
    for only, job, message in (
        ([], 0, "systems 1 to 13"),
        ([], 14, "systems 1 to 13"),
        (["widht-0.3"], None, r"did you mean width-0\.3\?"),
        (["base"], 1, "give one of the two"),
    ):
        with pytest.raises(MicroslipError, match=message):
            choose_systems(study, only, job)


@given(st.lists(st.floats(0, 10), min_size=1, max_size=12, unique=True))
def test_names_are_unique_and_serve_as_folders(values):
    study = plan_study("any", StudyFile(vary={"grains.friction": values}), Path())
    names = [system.name for system in study.systems]
    assert len(names) == len(set(names)) == len(values)
    assert all(set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789.-") for name in names)


def test_values_are_written_short():
    shown = [written(value) for value in (0.1, 1e6, 1.5e7, 60, True, (16, 32), "ewma", 1e-5, 1 / 3)]
    assert shown == ["0.1", "1e6", "1.5e7", "60", "true", "16x32", "ewma", "1e-5", "0.3333333333333333"]
