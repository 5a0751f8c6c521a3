import numpy as np
import pytest

from microslip import Box, MicroslipError

TOLERANCE = 1e-12


def test_minimum_image_is_the_nearest_copy(box, rng):
    vectors = rng.uniform(-30, 30, (200, 3))
    shifts = np.array([(i, j, 0) for i in range(-5, 6) for j in range(-5, 6)]) * box.lengths
    nearest = np.linalg.norm(vectors[:, None] + shifts, axis=2).min(axis=1)
    np.testing.assert_allclose(np.linalg.norm(box.minimum_image(vectors), axis=1), nearest, rtol=TOLERANCE)


def test_wrapping_moves_by_whole_periods_and_leaves_z(box, rng):
    positions = rng.uniform(-50, 50, (200, 3))
    wrapped = box.wrap(positions)
    assert (wrapped[:, :2] >= 0).all()
    assert (wrapped[:, :2] < box.lengths[:2]).all()
    np.testing.assert_array_equal(wrapped[:, 2], positions[:, 2])
    crossings = (positions - wrapped)[:, :2] / box.lengths[:2]
    np.testing.assert_allclose(crossings, crossings.round(), atol=TOLERANCE)


def test_tiny_negative_coordinate_does_not_wrap_onto_the_far_face(box):
    assert box.wrap(np.array([[-1e-20, 0.0, 0.0]]))[0, 0] < box.lengths[0]


def test_a_cell_that_changed_is_stretched_onto_another_one(rng):
    box, whole = Box((10.0, 8.0, 6.0), (True, True, True), -12.0), Box((10.0, 8.0, 6.3), (True, True, True))
    positions = rng.uniform(-20, 20, (100, 3))
    onto = box.wrapped_onto(whole, positions)
    np.testing.assert_allclose(onto / whole.lengths, box.wrap(positions) / box.lengths, atol=TOLERANCE)
    assert ((onto >= 0) & (onto <= whole.lengths)).all()


@pytest.mark.parametrize("lengths", [(1, 2), (1, -2, 3), (1, 2, float("nan"))])
def test_impossible_lengths_are_refused(lengths):
    with pytest.raises(MicroslipError, match="three positive numbers"):
        Box(lengths)


def test_half_period_ignores_walls():
    assert Box((10.0, 8.0, 2.0)).half_period == 4
    assert Box((10.0, 8.0, 2.0), (False, False, False)).half_period == np.inf


def test_a_planar_cell_has_no_y():
    box = Box((10.0, 1.0, 12.0), (True, True, True), 2.5, planar=True)
    assert box.periodic == (True, False, True)
    assert box.volume == 120
    assert box.half_period == 5
    assert box.axes == [0, 2]
    assert box.repeats_across
    assert not Box((10.0, 1.0, 12.0), (True, False, True)).repeats_across
    assert box.upright == Box((10.0, 1.0, 12.0), (True, False, True), planar=True)
    assert box.slab == Box((10.0, 1.0, 12.0), (True, False, False), planar=True)
    with pytest.raises(MicroslipError, match="a planar cell is 1 d̄ thick in y, the axis it lacks, not 9: give 1"):
        Box((10.0, 9.0, 12.0), planar=True)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"lengths": 5}, "lengths"),
        ({"lengths": "abc"}, "lengths"),
        ({"lengths": (1, 2, 1e300)}, "three positive numbers"),
        ({"periodic": True}, "periodic has shape"),
        ({"periodic": ("no", "no", "no")}, "periodic = .* holds text"),
        ({"periodic": (True, True)}, "periodic has shape"),
        ({"tilt": "1"}, "tilt = '1' holds text"),
        ({"tilt": 1e300, "periodic": (True, True, True)}, r"tilt = 1e\+300 d̄ is not a finite number"),
    ],
)
def test_what_makes_no_box(arguments, sentence):
    with pytest.raises(MicroslipError, match=sentence):
        Box(**{"lengths": (1, 2, 3), **arguments})


def test_a_list_is_wrapped_nan_stays_and_far_places_are_refused():
    box = Box((10.0, 8.0, 6.0))
    assert box.wrap([11, -1, 3]).tolist() == [1, 7, 3]
    assert np.isnan(box.minimum_image([[np.nan, 1, 1]])).tolist() == [[True, False, False]]
    with pytest.raises(MicroslipError, match="positions"):
        box.wrap([1e300, 0, 0])
    with pytest.raises(MicroslipError, match="vectors has shape"):
        box.minimum_image([1.0, 2.0])
    with pytest.raises(MicroslipError, match="later = 3 is no Box"):
        box.gradient_to(3)
