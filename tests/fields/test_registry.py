"""Every field is told once: what knows fields by name must agree with the registry, or fail here."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from microslip import Box, MicroslipError
from microslip.core.contacts import COMPONENTS
from microslip.data.artifacts import artifact
from microslip.fields.record import GrainField
from microslip.fields.registry import FIELDS, by_name, grain_field, node_field_name, on_nodes, with_means
from microslip.fields.stage import FrameValues, StageFrames
from microslip.grids.config import Voxels
from microslip.learn.inputs import is_signed
from microslip.statistics.registry import STATISTICS
from microslip.views.explorer import shown_fields

DOCS = Path(__file__).parents[2] / "docs" / "data-formats.md"


@pytest.fixture
def motion(rng):
    """A random motion in a cell that repeats in x and y."""
    before = rng.random((500, 3)) * 8.0
    return before, before + rng.normal(0, 1e-2, before.shape)


def frames_of(before, after):
    """Grains of a stage, of which two layers move with the cell and hold the mean shear."""
    box, kind = Box((8.0, 8.0, 8.0)), np.zeros(len(before), dtype=int)
    kind[np.argsort(before[:, 2])[:20]], kind[np.argsort(before[:, 2])[-20:]] = 1, 2
    rng, there = np.random.default_rng(3), np.ones(len(before), dtype=bool)
    recorded = {
        "grain_stress": rng.random((2, len(before), 6)),
        "grain_energy": rng.random((2, len(before))),
        "cell_volume": 1 + rng.random((2, len(before))),
        "n_contacts": rng.integers(0, 8, (2, len(before))),
        "n_sliding": rng.integers(0, 2, (2, len(before))),
    }
    values = {name: FrameValues(list(two).__getitem__, range(2)) for name, two in recorded.items()}
    values["diameter"] = FrameValues(lambda _frame: np.ones(len(before)), range(2))
    return StageFrames(before, after, kind, np.ones(len(before)), box, box, 2.0, there, values)


def test_the_signs_are_those_of_measured_values(motion):
    stage = frames_of(*motion)
    for name, field in FIELDS.items():
        values = field.measure(stage)
        assert (values[np.isfinite(values)] < 0).any() == field.signed, name


@pytest.mark.parametrize(("symmetry", "odd"), [((1, -1, 1), "odd_in_y"), ((-1, 1, -1), "odd_in_turn")])
def test_the_symmetries_of_simple_shear_turn_what_the_registry_says(motion, symmetry, odd):
    """The mirror in y and the rotation by π about y, which exchanges the walls."""
    stage = frames_of(*motion)
    # a box begins at 0: what is turned is put back by a whole cell
    back = np.where(np.array(symmetry) < 0, 8.0, 0.0)
    signs = [symmetry[a] * symmetry[b] for a, b in COMPONENTS]
    turned = FrameValues(lambda frame: stage.values["grain_stress"][frame] * signs, range(2))
    other = replace(
        stage,
        reference=stage.reference * symmetry + back,
        current=stage.current * symmetry + back,
        kind=np.choose(stage.kind, [0, 2, 1]) if symmetry[2] < 0 else stage.kind,
        values={**stage.values, "grain_stress": turned},
    )
    for name, field in FIELDS.items():
        sign = -1 if getattr(field, odd) else 1
        expected = sign * field.measure(stage)
        np.testing.assert_allclose(field.measure(other), expected, rtol=1e-6, atol=1e-12, err_msg=name)


def test_a_stranger_adds_a_field_by_its_record_alone(monkeypatch, motion):
    """Measured, averaged on nodes and scaled for a network: nothing else knows fields by name."""
    vorticity = GrainField(
        name="vorticity",
        unit="",
        description="turning of the neighbourhood about y",
        measure=lambda stage: (stage.motion.gradient[:, 0, 2] - stage.motion.gradient[:, 2, 0]) / 2,
        signed=True,
        short="vorticity",
    )
    monkeypatch.setitem(FIELDS, "vorticity", vorticity)
    assert node_field_name("vorticity") == "vorticity"
    assert Voxels(fields=("d2min", "vorticity")).fields[1] == "vorticity"
    assert is_signed("vorticity")
    assert (vorticity.measure(frames_of(*motion)) < 0).any()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"signed": True, "logarithmic": True}, "v is signed: its logarithm"),
        ({"odd_in_y": True}, "v changes its sign in a symmetry"),
    ],
)
def test_a_record_that_contradicts_itself_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        GrainField(**{"name": "v", "unit": "", "description": "", "measure": len, "signed": False, **changes})
    with pytest.raises(ValueError, match="two fields have one name: d2min"):
        by_name(FIELDS["d2min"], FIELDS["d2min"])


def test_the_page_draws_every_field_with_its_sign():
    shown = {name: field for name, field in shown_fields.SHOWN.items() if name in FIELDS}
    assert set(shown) == {name for name, field in FIELDS.items() if field.title}
    for name, field in shown.items():
        assert field.scale == FIELDS[name].scale, name


def test_a_mean_of_sizes_is_that_of_a_signed_field():
    for name, field in with_means().items():
        assert field.mean == "value" or field.signed
        assert {STATISTICS[f"{name}_{grains}"].unit for grains in ("all", "active")} == {field.unit}


def test_every_field_is_described_in_the_docs():
    # the page's tables are made from the records of the stores
    text = DOCS.read_text(encoding="utf-8")
    for store, arrays in (
        ("fields.zarr", {field.array or name for name, field in FIELDS.items()}),
        ("voxels.zarr", on_nodes().keys()),
    ):
        assert f"generated/data-{store}.md" in text
        assert arrays <= {column.name for column in artifact(store).columns}
    assert on_nodes().keys() < FIELDS.keys()


def test_an_unknown_field_is_named():
    with pytest.raises(MicroslipError, match="bla is no field of grains: known are d2min"):
        grain_field("bla")
    with pytest.raises(ValueError, match="n_neighbours is no field that is averaged on nodes"):
        node_field_name("n_neighbours")
