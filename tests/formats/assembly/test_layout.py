"""From another program's axes, units and types to ours: what is decided at the first frame."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microslip import MicroslipError, Source
from microslip.formats.assembly.layout import cell_in_our_axes, lay_out, turn_of
from microslip.formats.frame import Frame, places

FILES = ("frames.dump",)


def frame_of(position, edges=None, **rest):
    columns = {
        "id": np.arange(1, len(position) + 1),
        **dict(zip("xyz", np.asarray(position, dtype=float).T, strict=True)),
    }
    columns |= rest.pop("columns", {})
    return Frame(0, columns, "frames.dump, frame 0", edges=edges, **rest)


@pytest.fixture
def slab(rng):
    """A slab of grains between two walls of grains, 12 × 8 long, walls about z = 0 and z = 10."""
    bulk = rng.uniform([0, 0, 1], [12, 8, 9], (400, 3))
    wall = rng.uniform([0, 0, -0.1], [12, 8, 0.1], (2, 60, 3))
    wall[1, :, 2] += 10
    position = np.concatenate([bulk, *wall])
    kind = np.repeat([1, 2, 3], [400, 60, 60])
    radius = np.concatenate([rng.uniform(0.4, 0.6, 400), np.full(120, 0.45)])
    edges = np.diag([12.0, 8.0, 30.0])
    return frame_of(
        position,
        edges,
        origin=np.array([0, 0, -10.0]),
        periodic=(True, True, False),
        columns={"type": kind, "radius": radius},
    )


def test_walls_bound_the_cell_at_their_inner_faces(slab):
    layout = lay_out(slab, Source(files=FILES, wall_types=(2, 3)))
    z, radius = slab.columns["z"], slab.columns["radius"]
    assert layout.length == pytest.approx(2 * radius[:400].mean())
    bottom, top = z[400:460].mean() + 0.45, z[460:].mean() - 0.45
    assert layout.origin[2] == pytest.approx(bottom)
    np.testing.assert_allclose(layout.lengths, [12, 8, top - bottom])
    assert layout.periodic == (True, True, False)
    kinds = layout.kinds(slab, z)
    np.testing.assert_array_equal(kinds, np.repeat([0, 1, 2], [400, 60, 60]))
    cell = layout.cell(slab)
    np.testing.assert_allclose(cell.lengths, layout.lengths)
    np.testing.assert_allclose(cell.origin, [0, 0, bottom])
    said = " ".join(layout.messages)
    assert "walls: 60 grains below, 60 above, 400 grains between them" in said
    assert "repeats in x, repeats in y, ends in z" in said
    assert "the mean diameter of the bulk grains" in said


@pytest.mark.parametrize("walls", [(2,), (3,), ()])
def test_without_a_wall_the_cell_ends_where_the_grains_do(slab, walls):
    layout = lay_out(slab, Source(files=FILES, wall_types=walls))
    z, radius = slab.columns["z"], slab.columns["radius"]
    low = z[400:460].mean() + 0.45 if 2 in walls else (z - radius).min()
    high = z[460:].mean() - 0.45 if 3 in walls else (z + radius).max()
    assert layout.origin[2] == pytest.approx(low)
    assert layout.lengths[2] == pytest.approx(high - low)


def test_one_type_may_make_both_walls(slab):
    columns = {**slab.columns, "type": np.minimum(slab.columns["type"], 2)}
    one = lay_out(
        frame_of(np.empty((0, 3))).__class__(**{**vars(slab), "columns": columns}), Source(files=FILES, wall_types=(2,))
    )
    both = lay_out(slab, Source(files=FILES, wall_types=(2, 3)))
    np.testing.assert_allclose(one.origin, both.origin)
    np.testing.assert_allclose(one.lengths, both.lengths)


@pytest.mark.parametrize("axes", list(itertools.permutations("xyz")))
def test_any_axes_may_be_those_of_the_shear(slab, axes):
    """The same slab in other axes: `axes` are the file's names of our x, y and z."""
    place = ["xyz".index(axis) for axis in axes]
    columns = dict(slab.columns)
    for ours, theirs in zip("xyz", axes, strict=True):
        columns[theirs] = slab.columns[ours]
    edges, origin = np.zeros((3, 3)), np.zeros(3)
    edges[np.ix_(place, place)], origin[place] = slab.edges, slab.origin
    periodic = [True] * 3
    periodic[place[2]] = False
    turned = Frame(0, columns, "turned", origin, edges, tuple(periodic))
    source = Source(files=FILES, wall_types=(2, 3), flow=axes[0], gradient=axes[2])
    found, expected = lay_out(turned, source), lay_out(slab, Source(files=FILES, wall_types=(2, 3)))
    assert found.axes == tuple(place)
    for name in ("length", "periodic", "middle"):
        assert getattr(found, name) == getattr(expected, name)
    np.testing.assert_array_equal(found.origin, expected.origin)
    np.testing.assert_array_equal(found.lengths, expected.lengths)
    np.testing.assert_array_equal(found.cell(turned).lengths, expected.cell(slab).lengths)


def scaled(frame, factor):
    columns = {
        name: values * factor if name in ("x", "y", "z", "radius") else values for name, values in frame.columns.items()
    }
    return Frame(0, columns, frame.where, frame.origin * factor, frame.edges * factor, frame.periodic)


@settings(derandomize=True, deadline=None, max_examples=50)
@given(power=st.integers(-12, 12))
def test_units_do_not_matter(power):
    rng = np.random.default_rng(1)
    position = rng.uniform(0, 10, (50, 3))
    frame = frame_of(
        position, np.diag([10.0, 10, 10]), periodic=(True, True, False), columns={"radius": np.full(50, 0.4)}
    )
    source = Source(files=FILES)
    one, other = lay_out(frame, source), lay_out(scaled(frame, 10.0**power), source)
    np.testing.assert_allclose(other.lengths / other.length, one.lengths / one.length, rtol=1e-12)
    np.testing.assert_allclose(other.origin / other.length, one.origin / one.length, rtol=1e-12)
    assert other.length == pytest.approx(one.length * 10.0**power, rel=1e-12)


def test_what_the_settings_say_goes_before_what_the_files_say(slab):
    source = Source(
        files=FILES, wall_types=(2, 3), length=2.0, origin=-1.0, box=(24, 16, 20), periodic=(False, False, False)
    )
    layout = lay_out(slab, source)
    assert layout.length == 2
    assert layout.periodic == (False, False, False)
    assert layout.origin[2] == -1
    np.testing.assert_array_equal(layout.lengths, [24, 16, 20])
    np.testing.assert_array_equal(layout.cell(slab).lengths, [24, 16, 20])


def test_a_box_that_the_settings_give_is_that_of_every_frame(slab):
    layout = lay_out(slab, Source(files=FILES, wall_types=(2, 3), box=(24, 16, 20)))
    np.testing.assert_array_equal(layout.cell(slab).lengths, layout.lengths)


def test_diameters_come_by_type_from_the_file_or_not_at_all(slab):
    by_type = Source(files=FILES, diameters={"1": 1.5, "2": 0.5, "3": 0.25}, wall_types=(2, 3))
    layout = lay_out(slab, by_type)
    assert layout.length == 1.5
    np.testing.assert_array_equal(layout.diameters(slab), np.repeat([1.5, 0.5, 0.25], [400, 60, 60]))
    columns = {name: values for name, values in slab.columns.items() if name != "radius"}
    bare = Frame(**{**vars(slab), "columns": columns})
    layout = lay_out(bare, Source(files=FILES, length=0.8))
    np.testing.assert_array_equal(layout.diameters(bare), 0.8)
    layout = lay_out(bare, Source(files=FILES))
    assert layout.length == 1
    assert "for want of diameters: give --length" in " ".join(layout.messages)


def test_a_cell_is_known_by_its_file_or_ends_where_the_grains_do(rng):
    position = rng.uniform(-3, 7, (100, 3))
    layout = lay_out(frame_of(position, columns={"diameter": np.full(100, 0.5)}), Source(files=FILES))
    assert layout.periodic == (False, False, False)
    assert "does not say whether the cell repeats, so it does not" in " ".join(layout.messages)
    np.testing.assert_allclose(layout.origin, position.min(axis=0) - 0.25)
    np.testing.assert_allclose(layout.lengths, np.ptp(position, axis=0) + 0.5)


tilts = st.floats(-5, 5)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(tilt=tilts, axes=st.sampled_from(list(itertools.permutations("xyz"))), lengths=st.tuples(*[st.floats(1, 9)] * 3))
def test_a_cell_that_leans_leans_in_our_axes(tilt, axes, lengths):
    place = ["xyz".index(axis) for axis in axes]
    ours = np.diag(lengths)
    ours[2, 0] = tilt
    edges = np.zeros((3, 3))
    edges[np.ix_(place, place)] = ours
    source = Source(files=FILES, flow=axes[0], gradient=axes[2])
    cell = cell_in_our_axes(frame_of(np.zeros((1, 3)), edges), source)
    np.testing.assert_array_equal(cell.lengths, lengths)
    assert cell.tilt == pytest.approx(tilt, abs=1e-8)


@settings(max_examples=50, deadline=None)
@given(
    lengths=st.tuples(*[st.floats(1, 20)] * 3),
    tilt=st.floats(-9, 9),
    seed=st.integers(0, 2**32 - 1),
    signs=st.tuples(*[st.sampled_from([-1, 1])] * 3),
)
def test_a_cell_is_the_same_however_it_lies_and_whichever_way_its_edges_point(lengths, tilt, seed, signs):
    edges = np.diag(np.array(lengths))
    edges[2, 0] = tilt
    turn, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    lying = (edges * np.array(signs)[:, None]) @ turn
    frame = Frame(0, {"x": np.zeros(1)}, "here", edges=lying)
    found = cell_in_our_axes(frame, Source(files=FILES), turn_of(frame))
    np.testing.assert_allclose(found.lengths, lengths, rtol=1e-12)
    assert abs(found.tilt) == pytest.approx(abs(tilt), abs=1e-8)


@pytest.mark.parametrize(("edge", "along"), [(0, 1), (0, 2), (1, 0), (1, 2), (2, 1)])
def test_a_cell_that_leans_otherwise_is_refused(edge, along):
    edges = np.diag([10.0, 9.0, 8.0])
    edges[edge, along] = 0.5
    with pytest.raises(MicroslipError, match=f"edge along {'xyz'[edge]} leans by 0.5 along {'xyz'[along]}"):
        cell_in_our_axes(frame_of(np.zeros((1, 3)), edges), Source(files=FILES))
    edges[edge, along] = 1e-12
    assert cell_in_our_axes(frame_of(np.zeros((1, 3)), edges), Source(files=FILES)).tilt == 0


@pytest.mark.parametrize(
    ("settings", "change", "sentence"),
    [
        ({"wall_types": (9,)}, {}, r"holds no grain of source\.wall_types = \[9\]"),
        ({"wall_types": (1, 2, 3)}, {}, "there is no bulk to measure"),
        ({"wall_types": (2,)}, {"type": None}, "has no column type"),
        ({"diameters": {"1": 1, "2": 1}}, {}, r"holds type 3, to which source\.diameters gives none"),
        ({}, {"radius": np.array([0.0])}, r"grain 1: its diameter is 0; diameters are positive"),
        ({}, {"radius": np.array([np.nan])}, r"grain 1: its diameter is nan"),
        ({}, {"x": None}, "there are no x y z, xu yu zu, xs ys zs or xsu ysu zsu"),
        ({"origin": 50.0}, {}, "the cell would measure"),
    ],
)
def test_what_does_not_fit_is_said(slab, settings, change, sentence):
    columns = dict(slab.columns)
    for name, values in change.items():
        if values is None:
            del columns[name]
        else:
            columns[name] = np.concatenate([values, columns[name][1:]])
    with pytest.raises(MicroslipError, match=sentence):
        lay_out(Frame(**{**vars(slab), "columns": columns}), Source(files=FILES, **settings))


def test_no_grains_and_no_cell_are_said(slab):
    with pytest.raises(MicroslipError, match="holds no grain"):
        lay_out(frame_of(np.empty((0, 3))), Source(files=FILES))
    with pytest.raises(MicroslipError, match="holds no cell, and the cell repeats: give its lengths"):
        lay_out(frame_of(np.ones((3, 3))), Source(files=FILES, periodic=(True, True, False)))
    edges = np.diag([1.0, 1.0, 1.0])
    edges[2, 0] = 0.1
    leaning = frame_of(np.random.default_rng(1).random((5, 3)), edges, periodic=(True, True, True))
    layout = lay_out(leaning, Source(files=FILES, periodic=(True, True, False)))
    with pytest.raises(MicroslipError, match="the box leans along x, but it does not repeat"):
        layout.cell(leaning)


def test_shares_of_a_cell_that_is_not_there_are_said():
    columns = {name: np.zeros(2) for name in ("xs", "ys", "zs")}
    with pytest.raises(MicroslipError, match="shares of a cell, but no cell"):
        places(Frame(0, columns, "here"))


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"flow": "z"}, "source.flow and source.gradient are both z"),
        ({"columns": {"ident": "a"}}, "source.columns names ident"),
        ({"columns": {"x": "a", "y": "a"}}, "source.columns names a for two of our columns"),
        ({"contact_columns": {"f": "a"}}, "source.contact_columns names f"),
        ({"shear_stress": ("a",), "shear_force": ("b",)}, "both given"),
        ({"sheared": True}, "source.sheared needs the cell"),
        ({"first_step": 5, "last_step": 5}, "is not below"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(settings, sentence):
    with pytest.raises(ValueError, match=sentence):
        Source(files=FILES, **settings)
