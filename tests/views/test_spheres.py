from __future__ import annotations

import time

import numpy as np
import pytest

from microslip.views.render.spheres import camera_axes, render_spheres

RED, BLUE = [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]

# Discretising a disc of 200 pixels' radius moves its area by about one part in its circumference.
AREA_TOLERANCE = 0.01


def test_disc_has_the_area_of_a_circle():
    image = render_spheres(np.zeros((1, 3)), np.array([2.0]), np.array([RED]), pixels=400)
    area = image.rgba[..., 3].sum() / image.pixels_per_length**2
    assert area == pytest.approx(np.pi, rel=AREA_TOLERANCE)


@pytest.mark.parametrize(("azimuth", "elevation"), [(-90, 0), (-60, 20), (10, 70), (180, -30)])
def test_nearer_sphere_hides_the_farther_one(azimuth, elevation):
    towards = camera_axes(azimuth, elevation)[2]
    positions = np.array([[0.0, 0.0, 0.0], 3 * towards])
    for order in ([0, 1], [1, 0]):
        colours = np.array([BLUE, RED])[order]
        image = render_spheres(positions[order], np.ones(2), colours, azimuth=azimuth, elevation=elevation, pixels=101)
        middle = image.rgba[image.rgba.shape[0] // 2, 50]
        assert middle[0] > middle[2], "the red sphere is nearer to the camera"
        assert order[image.grain[image.grain.shape[0] // 2, 50]] == 1


def test_intersecting_spheres_meet_half_way():
    image = render_spheres(
        np.array([[0.0, 0, 0], [0.6, 0, 0]]), np.ones(2), np.array([RED, BLUE]), azimuth=-90, elevation=0, pixels=320
    )
    row = image.grain[image.grain.shape[0] // 2]
    border = np.flatnonzero((row[:-1] == 0) & (row[1:] == 1))[0]
    at = image.extent[0] + (border + 1) / image.pixels_per_length
    assert at == pytest.approx(0.3, abs=2 / image.pixels_per_length)


def test_projection_agrees_with_the_picture():
    positions = np.array([[0.0, 0.0, 0.0], [3.0, 1.0, 2.0], [-1.0, 4.0, 0.5]])
    image = render_spheres(positions, np.full(3, 0.5), np.array([RED, BLUE, RED]), pixels=500)
    left, right, bottom, top = image.extent
    assert (right - left) / (top - bottom) == pytest.approx(image.grain.shape[1] / image.grain.shape[0], rel=1e-9)
    for number, (u, v) in enumerate(image.project(positions)):
        column = int((u - left) * image.pixels_per_length)
        row = int((top - v) * image.pixels_per_length)
        assert image.grain[row, column] == number


def test_camera_axes_are_a_right_handed_frame():
    axes = camera_axes(-37.0, 21.0)
    np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(axes) == pytest.approx(1.0)
    np.testing.assert_allclose(camera_axes(-90, 0), [[1, 0, 0], [0, 0, 1], [0, -1, 0]], atol=1e-12)


def test_nothing_to_draw_is_an_error():
    with pytest.raises(ValueError, match="no spheres"):
        render_spheres(np.empty((0, 3)), np.empty(0), np.empty((0, 3)))


def test_twenty_thousand_spheres_are_no_burden():
    rng = np.random.default_rng(0)
    positions = rng.random((20_000, 3)) * [50, 15, 20]
    colours = rng.random((20_000, 3))
    render_spheres(positions[:2], np.ones(2), colours[:2], pixels=50)
    start = time.perf_counter()
    image = render_spheres(positions, rng.uniform(0.8, 1.2, 20_000), colours, pixels=1000)
    # a bound for a busy machine; a quiet one needs about a second
    assert time.perf_counter() - start < 10
    assert image.rgba.shape[1] == 1000
    assert image.rgba.min() >= 0
    assert image.rgba.max() <= 1
