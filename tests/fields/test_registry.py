"""Every field is told once: what knows fields by name must agree with the registry, or fail here."""

import importlib
from pathlib import Path

import numpy as np
import pytest

from microslip import Box, MicroslipError, d2min, displacement_without_shear, local_strain
from microslip.fields import registry
from microslip.fields.registry import FIELDS, ON_NODES, STORED, GrainField, grain_field
from microslip.statistics.registry import STATISTICS
from microslip.steps import fields as measuring
from microslip.views.explorer import shown_fields

DOCS = Path(__file__).parents[2] / "docs" / "data-formats.md"

# Fields of grains that the page does not colour by, and why.
NOT_SHOWN = {"n_neighbours": "a count of the method", **{f"displacement_{axis}": "an arrow" for axis in "xyz"}}


@pytest.fixture
def motion(rng):
    """A random motion in a cell that repeats on all sides, and the same in the mirror that turns y into −y."""
    before = rng.random((500, 3)) * 8.0
    after = before + rng.normal(0, 1e-2, before.shape)
    mirror = np.array([1.0, -1.0, 1.0])
    return (before, after), (before * mirror, after * mirror)


def displacement(before, after):
    # two layers that move with the cell hold the mean shear
    kind = np.zeros(len(before), dtype=int)
    kind[np.argsort(before[:, 2])[:20]], kind[np.argsort(before[:, 2])[-20:]] = 1, 2
    return displacement_without_shear(before, after, kind)


def test_the_signs_are_those_of_measured_values(motion):
    before, after = motion[0]
    found = d2min(before, after, Box((8.0, 8.0, 8.0)))
    shear, dilation = local_strain(found.gradient)
    values = {"d2min": found.d2min, "n_neighbours": found.n_neighbours, "shear_strain": shear}
    values |= {"volumetric_strain": dilation}
    values |= {f"displacement_{name}": displacement(before, after)[:, axis] for axis, name in enumerate("xyz")}
    for name, one in values.items():
        assert (one[np.isfinite(one)] < 0).any() == FIELDS[name].signed, name


def test_the_mirror_in_y_turns_what_the_registry_says(motion):
    one, other = (displacement(*each) for each in motion)
    for axis, name in enumerate("xyz"):
        sign = -1 if FIELDS[f"displacement_{name}"].odd_in_y else 1
        np.testing.assert_allclose(other[:, axis], sign * one[:, axis], atol=1e-12)


def test_a_field_in_the_registry_alone_stops_the_steps(monkeypatch):
    """It would be NaN in every run without a word."""
    monkeypatch.setitem(STORED, "vorticity", GrainField("float32", "", "", True))
    with pytest.raises(RuntimeError, match=r"in the registry or in measure_fields alone: \['vorticity'\]"):
        importlib.reload(measuring)
    monkeypatch.undo()
    importlib.reload(measuring)


def test_the_page_draws_every_field_with_its_sign():
    shown = {name: field.scale for name, field in shown_fields.FIELDS.items() if name in FIELDS}
    assert set(shown) | set(NOT_SHOWN) == set(FIELDS)
    for name, scale in shown.items():
        assert (scale == "signed") == FIELDS[name].signed, name


def test_a_mean_of_sizes_is_that_of_a_signed_field():
    for name, field in FIELDS.items():
        if field.symbol:
            assert field.mean == "value" or field.signed
            column = f"abs_{name}" if field.mean == "size" else name
            assert {STATISTICS[f"{column}_{grains}"].unit for grains in ("all", "active")} == {field.unit}


def test_every_field_is_described_in_the_docs():
    text = DOCS.read_text(encoding="utf-8").replace(
        "`displacement_x`, `_y`, `_z`", "`displacement_x` `displacement_y` `displacement_z`"
    )
    assert [name for name in FIELDS if f"`{name}`" not in text] == []
    assert ON_NODES.keys() < FIELDS.keys()


def test_an_unknown_field_is_named():
    with pytest.raises(MicroslipError, match="bla is no field of grains: known are d2min"):
        grain_field("bla")
    with pytest.raises(ValueError, match="n_neighbours is no field that is averaged on nodes"):
        registry.node_field_name("n_neighbours")
