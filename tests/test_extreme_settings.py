"""Every numeric setting, found from the models, with values that no cell, grid or network can have."""

import itertools
import math
import typing
from collections.abc import Iterator

import annotated_types
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from microslip.config import Config, load_config, parse_config
from microslip.config_files import apply_overrides
from microslip.core.errors import MicroslipError
from microslip.dem.config import ENGINE_SETTINGS
from microslip.formats.source import Source
from microslip.study.plan import load_study

# A sentence, not a page: what was given is cut where it is longer.
LONGEST = 700

SECTIONS: dict[str, type[BaseModel]] = {
    name: type(value)
    for name, value in (*Config(), *Config().shear_cell)
    if isinstance(value, BaseModel) and name not in ("engine", "shear_cell")
} | {"source": Source}
MODELS = [*SECTIONS.items(), *(("engine", model) for model in ENGINE_SETTINGS.values())]


def numbers_of(annotation, metadata=()) -> Iterator[tuple[type, list]]:
    """The numbers that a type holds, each with its limits."""
    if annotation in (int, float):
        yield annotation, list(metadata)
    elif typing.get_origin(annotation) is typing.Annotated:
        inner, *more = typing.get_args(annotation)
        limits = itertools.chain.from_iterable(getattr(one, "metadata", [one]) for one in more)
        yield from numbers_of(inner, [*metadata, *limits])
    else:
        for part in typing.get_args(annotation):
            yield from numbers_of(part, metadata)


def settings_of_all_models():
    for section, model in MODELS:
        for name, field in model.model_fields.items():
            yield section, model, name, field


NUMERIC = sorted(
    {"seed"}
    | {
        f"{section}.{name}"
        for section, _, name, field in settings_of_all_models()
        if any(numbers_of(field.annotation, field.metadata))
    }
)
OF_THE_CELL = [key for key in NUMERIC if key.split(".")[0] in ("grains", "cell", "loading", "recording")]


def test_every_number_of_every_model_has_two_limits():
    seen = 0
    for section, _, name, field in settings_of_all_models():
        for kind, limits in numbers_of(field.annotation, field.metadata):
            seen += 1
            low = [one for one in limits if isinstance(one, annotated_types.Ge | annotated_types.Gt)]
            high = [one for one in limits if isinstance(one, annotated_types.Le | annotated_types.Lt)]
            both = any(isinstance(one, annotated_types.Interval) for one in limits) or (low and high)
            assert both, f"{section}.{name} ({kind.__name__}) has no limits"
    assert seen > 90


EXTREMES = [
    *("1e300", "-1e300", "1e-300", "5e-324", "inf", "-inf", "nan", "0", "-1", "1e15", "1e-15", "1e9", "1e-9", "1e-12"),
    *("4294967296", "9223372036854775807", "18446744073709551616", "9" * 4_299, "9" * 5_000, "-" + "9" * 4_000),
    *("[1e300]", "[0,0,0]", "[4096,4096,4096]", "[" * 2_000, "{}", "{a=1e300}", "true", "1979-05-27", '"1e300"', '""'),
]


def overrides_for(key: str, value: str) -> list[str]:
    before = {"source": 'source.files=["a"]'}.get(key.split(".")[0])
    return ([before] if before else []) + [f"{key}={value}"]


def check(overrides: list[str]) -> None:
    """Accepted, and then all that a simulation is planned from can be counted; or one sentence."""
    try:
        config = parse_config(apply_overrides({}, overrides))
    except MicroslipError as problem:
        sentence = str(problem)
        config = None
    if config is None:
        assert "\n" not in sentence
        assert len(sentence) < LONGEST
        return
    if config.shear_cell is None:
        assert config.source is not None
        return
    cell = config.shear_cell
    assert all(math.isfinite(number) for number in cell.numbers().values())
    assert cell.n_grains > 0
    assert cell.steps_per_sample >= 1
    assert cell.bytes_on_disk() >= 0
    assert cell.loading.strain / cell.recording.strain_step < 1.01e8
    cell.warnings()
    cell.identity()
    assert cell.engine.describe(cell.n_grains)


@pytest.mark.parametrize("key", NUMERIC)
def test_an_extreme_value_is_taken_or_refused_in_a_sentence(key):
    for value in EXTREMES:
        # a schedule of this many samples is right, and takes a second
        check(overrides_for(key, value))


@settings(max_examples=150)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(OF_THE_CELL),
            st.floats(min_value=1e-320, max_value=1e308),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_no_mixture_of_extremes_overflows(given_values):
    check([f"{key}={value!r}" for key, value in given_values])


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ["grains.youngs_modulus=1e300"],
            r"grains\.youngs_modulus = 1e\+300 is not possible: it must be at most 1e\+15",
        ),
        (["grains.youngs_modulus=1e6"], r"gives a stiffness number of 0\.225, .*: lower loading\.pressure"),
        (["seed=" + "9" * 5_000], r"--set seed=9{80}… \(5,000 characters\) is no value of a setting"),
        (["seed=" + "9" * 4_000], r"seed = 9{80}… \(4,000 characters\) is not possible"),
        (
            ["voxels.spacing=0.001"],
            r"voxels\.spacing = 0\.001 d̄ makes 1\.5e\+13 nodes, which take 3.6e\+05 GB of memory",
        ),
        (["ablation.spacings=[2, 0.001]"], r"a value of ablation\.spacings = 0\.001 d̄ makes 1\.5e\+13 nodes"),
        (["training.threads=4294967296"], r"training\.threads = 4294967296 is not possible: it must be at most 1024"),
        (["stages.warm_up=1e300"], r"stages\.warm_up = 1e\+300 is not possible"),
        (["stages.warm_up=3"], r"stages\.warm_up = 3 leaves nothing of loading\.strain = 1\.25"),
        (["cell.length=1e5", "cell.depth=1e5"], r"hold 2\.\de\+11 grains, which take some \d+ TB of memory"),
        (["loading.strain=1e4"], r"are 1e\+09 samples, which take 40 GB of memory"),
        (["loading.shear_rate=1e-9"], r"time steps of .* grains would take some .* years"),
        (["loading.shear_rate=1e8"], r"inertial number of 1\.7e\+03, and above 10 no packing is left"),
        (["network.channels=[4096, 4096, 4096]"], r"has 9\.1e\+08 weights, which take 14\.5 GB"),
        (["correlation.farthest=1e4", "correlation.bin_width=0.01"], r"are 1e\+06 bins, 100000 are the most"),
        (['engine.kind="lammps"', 'engine.hosts="a\\u0000b"'], r"engine\.hosts = a\x00b holds a character"),
    ],
)
def test_what_would_take_too_much_is_said_with_what_it_would_take(overrides, message):
    with pytest.raises(MicroslipError, match=message):
        parse_config(apply_overrides({}, overrides))


@pytest.mark.parametrize(
    "content", ["seed = " + "9" * 5_000, "a = " + "[" * 3_000, "[grains]\nyoungs_modulus = 1e300\n"]
)
def test_the_same_in_a_file_and_in_a_study(tmp_path, content):
    path = tmp_path / "run.toml"
    path.write_text(content)
    with pytest.raises(MicroslipError) as caught:
        load_config(path)
    assert len(str(caught.value)) < LONGEST
    (tmp_path / "study.toml").write_text('base = "run.toml"\n[vary]\n"grains.friction" = [0.1, 0.2]\n')
    with pytest.raises(MicroslipError):
        load_study(tmp_path / "study.toml")


@pytest.mark.parametrize("values", ["1e300", "5e-324", "9" * 5_000, "nan"])
@pytest.mark.parametrize("key", ["grains.youngs_modulus", "loading.strain", "voxels.spacing", "training.threads"])
def test_a_grid_of_a_study_with_extremes_is_refused(tmp_path, key, values):
    (tmp_path / "study.toml").write_text(f'[vary]\n"{key}" = [{values}]\n')
    with pytest.raises(MicroslipError) as caught:
        load_study(tmp_path / "study.toml")
    assert len(str(caught.value)) < LONGEST


def test_limits_leave_the_fingerprints_of_older_runs():
    """A section's own words for itself, from which its steps' fingerprints are made."""
    assert Config().stages.fingerprinted() == {
        "threshold": None, "warm_up": None, "smoothing": None, "smoothing_span": None, "window": None
    }  # fmt: skip
    assert Config().nonaffine.fingerprinted() == {"cutoff": 2.0}
    assert Config().voxels.fingerprinted() == {"spacing": 1.0, "radius": 1.3, "fields": ["d2min"]}
