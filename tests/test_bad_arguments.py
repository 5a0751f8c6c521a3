"""Every public function with every argument in every form: the clean call's result, or one sentence that names it.

Two zoos. One holds other forms of the same numbers, which must give the same result; the other holds what no argument
should be, and must end in a MicroslipError of one line with the argument's name, or in a finite result.
"""

import inspect
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from typing import Any

import jaxtyping
import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import microslip
from microslip import Box, MicroslipError
from microslip.learn.config import Attribution, Network
from microslip.learn.networks.predictor import build_network
from microslip.learn.nulls import randomised
from microslip.learn.samples import Samples, Scaling

RNG = np.random.default_rng(4)
BOX = Box((8.0, 6.0, 7.0))
N = 120
START = RNG.random((N, 3)) * BOX.lengths
END = START + RNG.normal(0, 0.01, (N, 3))
VALUES = RNG.random(N)
DIAMETER = RNG.uniform(0.8, 1.2, N)
ACTIVE = VALUES > 0.7
KIND = np.where(START[:, 2] < 1, 1, np.where(START[:, 2] > 6, 2, 0))
PAIRS = np.array([[0, 1], [1, 2], [5, 9], [9, 3]])
APART = RNG.normal(size=(4, 3))
FORCE = RNG.normal(size=(4, 3))
STRAIN = np.linspace(0, 1, 60)
STRESS = np.sin(20 * STRAIN) + 0.1 * RNG.random(60)
R = np.linspace(0.5, 6, 20)
GRID = (4, 4, 4)
NETWORK = Network(channels=(2, 2), hidden=3)
SCALING = Scaling(("d2min",), "log", 1e-10, (0.1,), (1.5,), "linear", 2e-3)
SAMPLES = Samples(RNG.normal(size=(6, 1, *GRID)).astype(np.float32), ("d2min",), RNG.normal(size=6))
TRAINED = randomised(build_network(GRID, NETWORK), 99, 3)

# What each function is called with when all is well.
CALLS: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
    "Box": (Box, {"lengths": np.array([8.0, 6.0, 7.0]), "periodic": np.array([True, True, True]), "tilt": 0.5}),
    "Box.wrap": (BOX.wrap, {"positions": START}),
    "Box.minimum_image": (BOX.minimum_image, {"vectors": START}),
    "d2min": (
        microslip.d2min,
        {"reference": START, "current": END, "box": BOX, "cutoff": 2.0, "of": ACTIVE, "end_box": BOX},
    ),
    "precision_floor": (
        microslip.precision_floor,
        {"positions": START, "box": BOX, "resolution": 1e-4, "cutoff": 2.0, "of": ACTIVE, "seed": 1},
    ),
    "local_strain": (microslip.local_strain, {"gradient": RNG.normal(0, 0.1, (N, 3, 3))}),
    "displacement_without_shear": (
        microslip.displacement_without_shear,
        {"reference": START, "current": END, "kind": KIND, "of_cell": np.zeros((3, 3))},
    ),
    "major_principal_stress": (microslip.major_principal_stress, {"stress": RNG.random((N, 6))}),
    "local_packing_fraction": (
        microslip.local_packing_fraction,
        {"diameter": DIAMETER, "cell_volume": RNG.uniform(1, 2, N)},
    ),
    "coarse_grain": (
        microslip.coarse_grain,
        {"positions": START, "values": VALUES, "box": BOX, "spacing": 1.0, "radius": 1.3},
    ),
    "spatial_correlation": (
        microslip.spatial_correlation,
        {"positions": START, "values": VALUES, "box": BOX, "edges": np.linspace(0, 3, 4)},
    ),
    "moran_i": (microslip.moran_i, {"positions": START, "values": VALUES, "box": BOX, "cutoff": 1.5}),
    "pair_correlation": (
        microslip.pair_correlation,
        {"positions": START, "box": BOX, "edges": np.linspace(0, 3, 4), "height": 7.0},
    ),
    "fit_ornstein_zernike": (
        microslip.fit_ornstein_zernike,
        {
            "r": R,
            "correlation": R**-0.5 * np.exp(-R / 2),
            "standard_error": np.full(20, 0.01),
            "exponent": 0.5,
            "r_min": 1.0,
            "r_max": 5.0,
        },
    ),
    "active_grains": (microslip.active_grains, {"values": VALUES, "fraction": 0.2}),
    "find_clusters": (
        microslip.find_clusters,
        {"positions": START, "active": ACTIVE, "box": BOX, "diameter": DIAMETER},
    ),
    "find_clusters by distance": (
        microslip.find_clusters,
        {"positions": START, "active": ACTIVE, "box": BOX, "link_distance": 1.0},
    ),
    "radius_of_gyration": (
        microslip.radius_of_gyration,
        {"clusters": microslip.find_clusters(START, ACTIVE, BOX, DIAMETER), "diameter": DIAMETER},
    ),
    "fractal_dimension": (
        microslip.fractal_dimension,
        {"size": np.arange(3, 33), "radius": np.arange(3, 33) ** 0.45, "smallest": 3},
    ),
    "global_efficiency": (microslip.global_efficiency, {"centres": START, "box": BOX, "n_neighbours": 3}),
    "fit_power_law": (
        microslip.fit_power_law,
        {
            "sizes": np.arange(1, 9),
            "counts": np.array([500, 120, 50, 25, 15, 9, 6, 4]),
            "smallest": 1,
            "discrete": True,
        },
    ),
    "fit_power_law of reals": (
        microslip.fit_power_law,
        {"sizes": 1 + RNG.pareto(1.5, 60), "smallest": 1.0, "discrete": False},
    ),
    "fit_power_law between two ends": (
        microslip.fit_power_law,
        {"sizes": 1 + RNG.random(60), "smallest": 1.0, "discrete": False, "upper": 3.0},
    ),
    "detect_stages": (
        microslip.detect_stages,
        {"strain": STRAIN, "stress": STRESS, "threshold": 0.05, "smoothing": ("ewma", 3), "first_sample": 4},
    ),
    "grain_stress": (
        microslip.grain_stress,
        {"pairs": PAIRS, "separation": APART, "force": FORCE, "diameter": DIAMETER},
    ),
    "contact_energy": (
        microslip.contact_energy,
        {
            "pairs": PAIRS,
            "separation": APART,
            "force": FORCE,
            "diameter": DIAMETER,
            "youngs_modulus": 6500.0,
            "poisson_ratio": 0.25,
        },
    ),
    "SlipNet": (microslip.SlipNet, {"grid": GRID, "config": NETWORK}),
    "predict": (
        microslip.predict,
        {
            "network": TRAINED,
            "samples": SAMPLES,
            "scaling": SCALING,
            "stages": np.array([4, 0, 5]),
            "decoded": True,
        },
    ),
    "integrated_gradients": (
        microslip.integrated_gradients,
        {
            "network": TRAINED,
            "scaling": SCALING,
            "inputs": SAMPLES.inputs[0].astype(float),
            "config": Attribution(n_steps=2, completeness=0.5),
            "baseline": np.zeros((1, *GRID)),
        },
    ),
}

# Public names that are no functions of arrays: their own tests say what they refuse.
OTHERS = {
    "artificial",
    "learning",
    "MicroslipError",
    "NonaffineMotion",
    "Run",
    "ShearCell",
    "Source",
    "VoxelGrid",
    "Clusters",
}
OPENED = {"load_config", "open_run", "read_trajectory", "simulate", "train"}


# Sentences on the data as a whole, whichever argument made them so.
OF_THE_DATA = (
    "C(r) does not",
    "distance bins are too few",
    "are too few for a power law",
    "follow no power law",
    "are too few for a fractal dimension",
    "no fractal dimension",
)


class Stranger:
    """Of a class that answers every question with an error."""

    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("two\nlines")

    def __repr__(self):
        raise RuntimeError("two\nlines")


def other_forms(value: Any) -> Iterator[tuple[str, Any]]:
    """The same numbers in other forms."""
    if isinstance(value, np.ndarray):
        yield "list", value.tolist()
        yield "tuple", tuple(value.tolist())
        if value.dtype.kind == "f":
            yield "objects", value.astype(object)
        frozen = value.copy()
        frozen.flags.writeable = False
        yield "read-only", frozen
        yield "strided", np.repeat(value, 2, axis=0)[::2]
        yield "column by column", np.asfortranarray(value)
        yield "big-endian", value.astype(value.dtype.newbyteorder(">"))
        yield "mask of nothing", np.ma.masked_array(value, mask=False)
        yield "xarray", xr.DataArray(value)
        yield "torch", torch.from_numpy(value.copy())
        if value.ndim == 1:
            yield "pandas", pd.Series(value, index=np.arange(len(value))[::-1])
        if value.ndim == 2:
            yield "table", pd.DataFrame(value)
        if value.dtype == bool:
            yield "0 and 1", value.astype(np.uint8)
            yield "0.0 and 1.0", value.astype(float)
        if value.dtype.kind == "i":
            yield "small integers", value.astype(np.int16)
    elif isinstance(value, float):
        yield "numpy's", np.float64(value)
        yield "array of nothing", np.array(value)
        yield "xarray", xr.DataArray(value)
    elif isinstance(value, int) and not isinstance(value, bool):
        yield "numpy's", np.int32(value)
        yield "with a point", float(value)


def with_entry(value: np.ndarray, entry: Any) -> np.ndarray:
    """The array with one wrong entry in the middle."""
    changed = value.astype(np.result_type(value.dtype, type(entry))) if value.dtype != bool else value.astype(float)
    changed.reshape(-1)[changed.size // 2] = entry
    return changed


def bad_forms(value: Any) -> Iterator[tuple[str, Any]]:
    """What no argument should be; some of it is some argument's right value all the same."""
    for entry in (None, "text", b"bytes", True, 1j, np.nan, np.inf, -np.inf, 0, -1, -5, 2.5, 1e300, -1e300, 1e-300):
        yield repr(entry), entry
    for entry in (10**400, 10**5000, [], [[]], [[1, 2], [3]], {}, {"a": 1}, object(), Stranger(), print, np.ma.masked):
        yield f"a {type(entry).__name__}", entry
    yield "no axis", np.array(3.0)
    yield "dates", np.array(["2020-01-01"] * 3, dtype="datetime64[D]")
    yield "records", np.zeros(3, dtype=[("x", float), ("y", float)])
    yield "a table with text", pd.DataFrame({"x": ["a", "b"], "y": [1, 2]})
    yield "columns with NA", pd.Series([1, None, 3], dtype="Int64")
    yield "a generator", (one for one in range(3))
    yield "a set of arrays", xr.Dataset({"a": ("x", [1.0, 2.0])})
    if not isinstance(value, np.ndarray):
        return
    for entry in (np.nan, np.inf, -np.inf, -5.0, 0.0, 2.5, 1e300, -1e300, 5e-324, 1e17):
        yield f"entry {entry}", with_entry(value, entry)
    yield "complex", value.astype(complex)
    yield "text", value.astype(str)
    yield "bytes", value.astype(str).astype(bytes)
    yield "object None", np.where(np.arange(value.size).reshape(value.shape) == 1, None, value)
    yield "object text", np.where(np.arange(value.size).reshape(value.shape) == 1, "1.5", value.astype(object))
    yield "all True", np.ones(value.shape, dtype=bool)
    hidden = np.zeros(value.shape, dtype=bool)
    hidden.reshape(-1)[1] = True
    yield "masked", np.ma.masked_array(value, mask=hidden)
    yield "list of masked", list(np.ma.masked_array(value, mask=hidden))
    yield "one too few", value[:-1]
    yield "one row", value[:1]
    yield "none", value[:0]
    yield "an axis more", value[..., None]
    yield "an axis less", value.reshape(-1)[: len(value)] if value.ndim > 1 else value[0]
    yield "turned", value.T if value.ndim > 1 else value[::-1]
    yield "two columns", value[:, :2] if value.ndim > 1 else value[:2]
    yield "all at one place", np.broadcast_to(value[:1], value.shape)
    yield "doubled", np.concatenate([value[:1], value[:-1]])


def finite(result: Any, missing: bool) -> bool:
    """Whether all that is found is finite, or NaN where that is documented."""
    if is_dataclass(result) and not isinstance(result, type):
        return all(finite(getattr(result, field.name), missing) for field in fields(result))
    if isinstance(result, tuple):
        return all(finite(one, missing) for one in result)
    if isinstance(result, pd.DataFrame):
        return finite(result.select_dtypes("number").to_numpy(float), missing)
    if isinstance(result, np.ndarray | float | int | np.generic) and not isinstance(result, str):
        array = np.asarray(result)
        return array.dtype.kind not in "fc" or not (np.isinf(array) if missing else ~np.isfinite(array)).any()
    return True


def same(found: Any, clean: Any) -> bool:
    if is_dataclass(clean) and not isinstance(clean, type):
        return all(same(getattr(found, one.name), getattr(clean, one.name)) for one in fields(clean))
    if isinstance(clean, tuple):
        return len(found) == len(clean) and all(same(*both) for both in zip(found, clean, strict=True))
    if isinstance(clean, pd.DataFrame):
        return found.equals(clean)
    if isinstance(clean, torch.nn.Module):
        return str(found) == str(clean)
    return np.array_equal(found, clean, equal_nan=np.asarray(clean).dtype.kind == "f")


@contextmanager
def as_users_call() -> Iterator[None]:
    """Without the tests' own look at shapes, and with every warning an error."""
    jaxtyping.config.update("jaxtyping_disable", True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            yield
    finally:
        jaxtyping.config.update("jaxtyping_disable", False)


CASES = [(name, argument) for name, (_, clean) in CALLS.items() for argument in clean]


def test_every_public_function_is_here():
    tried = {getattr(function, "__name__", "") for function, _ in CALLS.values()} | {"Box"}
    drawn = {name for name, home in microslip._HOME.items() if home.startswith("microslip.views.")}
    assert set(microslip.__all__) - OTHERS - OPENED - drawn <= tried
    for function, clean in CALLS.values():
        optional = set(inspect.signature(function).parameters) - set(clean)
        assert optional <= {"diameter", "link_distance", "counts", "planar", "upper", "faces", "n_outputs"}, function


@pytest.mark.parametrize(("name", "argument"), CASES)
def test_other_forms_of_the_same_numbers_give_the_same(name, argument):
    function, clean = CALLS[name]
    with as_users_call():
        expected = function(**clean)
        for form, value in other_forms(clean[argument]):
            found = function(**{**clean, argument: value})
            assert same(found, expected), form


def tell(function: Callable[..., Any], arguments: dict[str, Any], changed: set[str], form: str) -> None:
    """Call, and check that what comes back is a finite result or one sentence on what was changed."""
    try:
        result = function(**arguments)
    except MicroslipError as problem:
        sentence = str(problem)
        assert "\n" not in sentence, (form, sentence)
        assert len(sentence) < 400, (form, sentence)
        if any(words in sentence for words in OF_THE_DATA):
            return
        named = {*changed, *(one.replace("_", " ") for one in changed)}
        assert any(one in sentence for one in named), (form, sentence)
    else:
        assert finite(result, missing=True), form


@pytest.mark.parametrize(("name", "argument"), CASES)
def test_bad_values_end_in_a_sentence_that_names_the_argument(name, argument):
    function, clean = CALLS[name]
    with as_users_call():
        for form, value in bad_forms(clean[argument]):
            tell(function, {**clean, argument: value}, {argument}, form)


@settings(max_examples=150)
@given(st.data())
def test_several_bad_values_at_once(data):
    name = data.draw(st.sampled_from(sorted(CALLS)))
    function, clean = CALLS[name]
    changed = data.draw(st.sets(st.sampled_from(sorted(clean)), min_size=2 if len(clean) > 1 else 1))
    arguments = dict(clean)
    for argument in sorted(changed):
        form, arguments[argument] = data.draw(st.sampled_from(list(bad_forms(clean[argument]))))
    with as_users_call():
        tell(function, arguments, changed, f"{name} {sorted(changed)} {form}")
