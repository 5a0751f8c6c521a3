"""Two dimensions: D²min, strain and the precision floor in the plane of x and z."""

import freud
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microslip import Box, MicroslipError, d2min, local_strain
from microslip.fields.mechanics import local_packing_fraction, major_principal_stress
from microslip.fields.precision import precision_floor
from microslip.fields.strain import displacement_without_shear

# Two sums over the same dozen neighbours.
ROUND_OFF = 1e-10

BOXES = {
    "walls": Box((20.0, 1.0, 18.0), (True, False, False), planar=True),
    "wall-free": Box((20.0, 1.0, 18.0), (True, False, True), planar=True),
    "leaning": Box((20.0, 1.0, 18.0), (True, False, True), 7.3, planar=True),
    "open": Box((20.0, 1.0, 18.0), (False, False, False), planar=True),
}


@pytest.fixture
def discs(rng):
    """Discs at the density of a packing, at any y."""
    return np.insert(rng.random((400, 2)) * [20.0, 18.0], 1, 0.5, axis=1)


def images(box):
    """Where the copies of a cell lie in the plane, near enough for a cutoff of 2."""
    across = (-1, 0, 1) if box.periodic[0] else (0,)
    up = (-1, 0, 1) if box.periodic[2] else (0,)
    tilt = box.nearest_tilt
    wide = range(-2, 3) if tilt else across
    return [np.array([i * box.lengths[0] + k * tilt, k * box.lengths[2]]) for i in wide for k in up]


def naive(reference, current, box, cutoff):
    """Two columns, two by two maps, all pairs, numpy's least squares: D²min and Γ − 1 of every disc."""
    start, moved = reference[:, [0, 2]], (current - reference)[:, [0, 2]]
    values, gradients = np.full(len(start), np.nan), np.full((len(start), 2, 2), np.nan)
    for i in range(len(start)):
        vectors, changes = [], []
        for shift in images(box):
            apart = start + shift - start[i]
            near = np.flatnonzero((np.hypot(*apart.T) <= cutoff) & ((np.arange(len(start)) != i) | shift.any()))
            vectors += apart[near].tolist()
            changes += (moved[near] - moved[i]).tolist()
        if len(vectors) >= 3:
            before, change = np.array(vectors), np.array(changes)
            gradient, *_ = np.linalg.lstsq(before, change, rcond=None)
            values[i] = np.mean(((change - before @ gradient) ** 2).sum(axis=1))
            gradients[i] = gradient.T
    return values, gradients


@pytest.mark.parametrize("name", BOXES)
def test_agrees_with_least_squares_in_the_plane(name, discs, rng):
    box = BOXES[name]
    current = discs + rng.normal(0, 0.05, discs.shape) * [1, 0, 1]
    values, gradients = naive(box.wrap(discs), current + box.wrap(discs) - discs, box, 2.0)
    found = d2min(discs, current, box, 2.0)
    np.testing.assert_allclose(found.d2min, values, rtol=ROUND_OFF)
    np.testing.assert_allclose(found.gradient[:, ::2, ::2], gradients, rtol=ROUND_OFF, atol=ROUND_OFF)
    known = np.isfinite(values)
    assert known.mean() > 0.98
    assert (found.gradient[known][:, 1] == 0).all()
    assert (found.gradient[known][:, :, 1] == 0).all()


def test_neighbours_are_those_of_freud(discs):
    system = (freud.box.Box(20.0, 18.0, is2D=True), np.column_stack([discs[:, 0], discs[:, 2], np.zeros(400)]))
    query = freud.locality.AABBQuery(*system).query(system[1], {"r_max": 2.0, "exclude_ii": True})
    counts = np.bincount(query.toNeighborList().query_point_indices, minlength=400)
    np.testing.assert_array_equal(d2min(discs, discs, BOXES["wall-free"]).n_neighbours, counts)


@given(
    st.lists(st.floats(-0.3, 0.3), min_size=4, max_size=4),
    st.floats(-3, 3),
    st.sampled_from([0.0, 0.5, -12.0]),
)
def test_affine_motion_of_the_plane_leaves_nothing(parts, shift, y):
    gradient = np.zeros((3, 3))
    gradient[np.ix_([0, 2], [0, 2])] = np.reshape(parts, (2, 2))
    positions = np.insert(np.random.default_rng(3).random((150, 2)) * 9, 1, y, axis=1)
    found = d2min(positions, positions + positions @ gradient.T + [shift, 0, shift], BOXES["open"])
    there = np.isfinite(found.d2min)
    assert there.mean() > 0.95
    np.testing.assert_allclose(found.d2min[there], 0, atol=1e-12)
    # y itself may be large where it is the same for all: no gradient sees it
    np.testing.assert_allclose(
        found.gradient[there][:, ::2, ::2],
        np.reshape(parts, (1, 2, 2)) + 0 * found.gradient[there][:, ::2, ::2],
        atol=1e-9,
    )


def test_turning_the_plane_changes_nothing(discs, rng):
    current = discs + rng.normal(0, 0.05, discs.shape) * [1, 0, 1]
    a = 0.7
    turn = np.array([[np.cos(a), 0, -np.sin(a)], [0, 1, 0], [np.sin(a), 0, np.cos(a)]])
    here, there = (
        d2min(one, other, BOXES["open"]) for one, other in ((discs, current), (discs @ turn.T, current @ turn.T))
    )
    np.testing.assert_allclose(there.d2min, here.d2min, rtol=1e-9)
    np.testing.assert_allclose(
        local_strain(there.gradient, planar=True), local_strain(here.gradient, planar=True), atol=1e-12
    )


def test_a_disc_that_moves_alone_has_the_mean_square_of_what_no_map_explains():
    """Six neighbours on a hexagon: its own step cannot be a map of theirs, so that D²min is u²."""
    angle = np.arange(6) * np.pi / 3
    ring = np.column_stack([np.cos(angle), np.zeros(6), np.sin(angle)])
    positions = np.concatenate([np.zeros((1, 3)), ring])
    moved = positions.copy()
    moved[0] += [0.03, 0, 0.04]
    box = Box((9.0, 1.0, 9.0), (False, False, False), planar=True)
    assert d2min(positions, moved, box, 1.2).d2min[0] == pytest.approx(0.05**2, rel=1e-12)


def test_three_neighbours_are_enough_and_two_or_a_line_are_not(rng):
    box = Box((50.0, 1.0, 50.0), (False, False, False), planar=True)
    corners = np.array([[0, 0, 0], [1, 0, 0], [0, 0, 1], [1.0, 0, 1]])
    end = corners + rng.normal(0, 0.1, corners.shape) * [1, 0, 1]
    assert (d2min(corners, end, box).d2min > 0).all()
    assert np.isnan(d2min(corners[:3], end[:3], box).d2min).all()
    line = np.array([[0.4 * i, 0, 0.3 * i] for i in range(9)])
    assert np.isnan(d2min(line, line, box).d2min).all()


def test_strain_of_the_plane_is_that_of_two_dimensions():
    """Volumetric strain is half the trace; the shear of OVITO in two dimensions: √(η_xz² + (η_xx − η_zz)²/4)."""
    gradient = np.zeros((1, 3, 3))
    gradient[0, ::2, ::2] = [[0.02, 0.05], [0.01, -0.03]]
    plane = gradient[0, ::2, ::2]
    strain = 0.5 * (plane + plane.T + plane.T @ plane)
    shear, volume = local_strain(gradient, planar=True)
    assert volume[0] == pytest.approx(np.trace(strain) / 2, rel=1e-12)
    assert shear[0] == pytest.approx(np.hypot(strain[0, 1], (strain[0, 0] - strain[1, 1]) / 2), rel=1e-12)
    dilated = np.zeros((1, 3, 3))
    dilated[0, 0, 0] = dilated[0, 2, 2] = 0.01
    assert local_strain(dilated, planar=True)[0][0] == pytest.approx(0, abs=1e-15)


def test_the_floor_is_what_rounding_leaves_in_the_plane(discs, rng):
    box, step = BOXES["wall-free"], 1e-4
    rounded = [discs + rng.uniform(-step / 2, step / 2, discs.shape) * [1, 0, 1] for _ in range(2)]
    seen = float(np.nanmean(d2min(*rounded, box).d2min))
    assert precision_floor(discs, box, step) == pytest.approx(seen, rel=0.1)


def test_stress_and_packing_fraction_of_discs():
    stress = np.array([[-3.0, 0.0, -1.0, 0.0, 0.5, 0.0]])
    plane = np.array([[-3.0, 0.5], [0.5, -1.0]])
    # in tension on the whole: the zero along y is no principal stress
    assert major_principal_stress(stress, planar=True)[0] == pytest.approx(np.linalg.eigvalsh(plane)[-1])
    assert local_packing_fraction(np.array([2.0]), np.array([4.0]), planar=True)[0] == pytest.approx(np.pi / 4)


def test_motion_without_shear_is_taken_in_the_plane(discs):
    moved = discs + np.outer(discs[:, 2], [0.1, 0, 0])
    left = displacement_without_shear(discs, moved, np.zeros(len(discs), dtype=int))
    np.testing.assert_allclose(left, 0, atol=1e-12)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("scatter", [0.0, 1e-7])
def test_a_plane_in_a_box_in_space_is_said(axis, scatter, rng):
    positions = rng.random((300, 3)) * 16
    positions[:, axis] = 3 + scatter * rng.random(300)
    with pytest.raises(MicroslipError, match=r"lie in one plane.*planar=True"):
        d2min(positions, positions, Box((16.0, 16.0, 16.0), (True, True, False)))


def test_a_monolayer_that_scatters_is_one_in_space(rng):
    positions = rng.random((300, 3)) * [16, 0.2, 16]
    assert np.isfinite(d2min(positions, positions, Box((16.0, 4.0, 16.0), (True, True, False))).d2min).mean() > 0.9


def test_discs_off_the_plane_are_refused(discs):
    box, off = BOXES["walls"], discs.copy()
    off[7, 1] += 0.1
    for frames in ((off, discs), (discs, off)):
        with pytest.raises(MicroslipError, match=r"the cell is planar, and y, the axis that it lacks, spans 0\.1 d̄"):
            d2min(*frames, box)
