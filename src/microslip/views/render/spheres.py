"""Spheres drawn in software: an orthographic camera, a depth buffer, and light that shows how grains lie on each other.

PyVista and its relatives need the system's OpenGL or EGL libraries, which a bare machine or container lacks; 20,000
spheres are few enough to draw without them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.ndimage import uniform_filter

from microslip.views.render.sphere_kernels import rasterise, shade_pixels

# Light from the upper left, behind the reader's shoulder (right, up, towards the camera).
_LIGHT = np.array([-0.40, 0.55, 0.73])


@dataclass(frozen=True)
class SphereImage:
    """A picture of spheres and how it was projected.

    Parameters
    ----------
    rgba
        Image, first row on top, shape (row, column, 4), values in [0, 1], transparent where nothing was hit.
    grain
        Grain seen in the middle of every pixel, −1 for none, shape (row, column).
    extent
        Left, right, bottom, top of the image in the camera's plane [length of the positions], as `imshow` takes them.
    axes
        Unit vectors right, up and towards the camera, shape (3, 3).
    """

    rgba: Float[np.ndarray, "row column 4"]
    grain: Int[np.ndarray, "row column"]
    extent: tuple[float, float, float, float]
    axes: Float[np.ndarray, "3 3"]

    @property
    def pixels_per_length(self) -> float:
        """Pixels per unit of length."""
        return float(self.rgba.shape[1] / (self.extent[1] - self.extent[0]))

    def project(self, points: Float[np.ndarray, "*n 3"]) -> Float[np.ndarray, "*n 2"]:
        """Points in space to the camera's plane, the coordinates of `extent`, shape (..., 2)."""
        projected: np.ndarray = np.asarray(points, dtype=float) @ self.axes[:2].T
        return projected


def camera_axes(azimuth: float, elevation: float) -> Float[np.ndarray, "3 3"]:
    """Unit vectors right, up and towards the camera; −90° of azimuth and 0° of elevation look along +y, x to the right.

    Parameters: azimuth about z from +x [degrees], elevation above the x-y plane [degrees].
    """
    a, e = np.radians(azimuth), np.radians(elevation)
    towards = np.array([np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)])
    right = np.array([-np.sin(a), np.cos(a), 0.0])
    return np.stack([right, np.cross(towards, right), towards])


def picture_limits(projected: Float[np.ndarray, "point 2"]) -> tuple[Float[np.ndarray, "2"], Float[np.ndarray, "2"]]:
    """Lower left and upper right of a picture that holds points of the camera's plane, with a margin."""
    lower, upper = projected.min(axis=0), projected.max(axis=0)
    margin = 0.01 * float((upper - lower).max())
    return lower - margin, upper + margin


def _smooth(values: np.ndarray, width: int) -> np.ndarray:
    """Two box filters, near enough to a Gaussian and as fast at any width."""
    smoothed: np.ndarray = uniform_filter(uniform_filter(values, width, mode="nearest"), width, mode="nearest")
    return smoothed


def _occlusion(depth: np.ndarray, hit: np.ndarray, diameter: float) -> np.ndarray:
    """How dark a pixel is for lying behind its surroundings: the depth buffer minus its blur (Luft et al. 2006)."""
    filled = np.where(hit, depth, 0.0).astype(np.float32)
    weight = hit.astype(np.float32)
    light = np.ones_like(filled)
    for scale, strength in ((0.5, 0.85), (2.5, 0.40)):
        width = max(3, int(scale * diameter))
        around = _smooth(filled, width) / np.maximum(_smooth(weight, width), 1e-6)
        light *= np.exp(-strength * np.clip((around - filled) / diameter, 0.0, 1.5))
    return light


def render_spheres(
    positions: Float[np.ndarray, "grain 3"],
    diameters: Float[np.ndarray, "grain"],
    colours: Float[np.ndarray, "grain 3"],
    *,
    azimuth: float = -66.0,
    elevation: float = 17.0,
    view: Float[np.ndarray, "point 3"] | None = None,
    pixels: int = 1000,
    supersampling: int = 2,
) -> SphereImage:
    """Draw spheres as seen by an orthographic camera from outside all of them.

    Parameters
    ----------
    positions, diameters
        Centres, shape (grain, 3), and diameters, shape (grain,), in one unit of length.
    colours
        Red, green, blue in [0, 1], shape (grain, 3).
    azimuth, elevation
        Direction of the camera [degrees], as in `camera_axes`.
    view
        Points that the picture just holds, shape (point, 3), such as a cell's corners, so that pictures of different
        spheres have one frame; without them it holds the spheres.
    pixels
        Width of the image; its height follows from what is seen.
    supersampling
        Each pixel is the mean of this many squared.
    """
    positions, diameters = np.asarray(positions, dtype=float), np.asarray(diameters, dtype=float)
    if len(positions) == 0:
        raise ValueError("no spheres to draw")
    axes = camera_axes(azimuth, elevation)
    seen = positions @ axes.T
    radius = diameters / 2
    if view is None:
        lower, upper = picture_limits(np.concatenate([seen[:, :2] - radius[:, None], seen[:, :2] + radius[:, None]]))
    else:
        lower, upper = picture_limits(np.asarray(view, dtype=float) @ axes[:2].T)
    n_rows = max(1, round(pixels * (upper[1] - lower[1]) / (upper[0] - lower[0])))
    scale = pixels * supersampling / (upper[0] - lower[0])
    top = lower[1] + n_rows * supersampling / scale

    depth, grain = rasterise(
        (seen[:, 0] - lower[0]) * scale,
        (top - seen[:, 1]) * scale,
        seen[:, 2] * scale,
        radius * scale,
        n_rows * supersampling,
        pixels * supersampling,
    )
    fine = _shade(depth, grain, (seen - [lower[0], top, 0.0]) * scale * [1, -1, 1], radius * scale, np.asarray(colours))

    coarse = fine.reshape(n_rows, supersampling, pixels, supersampling, 4).mean(axis=(1, 3))
    # colours were multiplied by coverage, so that edges do not mix with the colour of nothing
    coverage = coarse[..., 3:]
    rgba = np.concatenate([coarse[..., :3] / np.maximum(coverage, 1e-6), coverage], axis=2)
    middle = grain[supersampling // 2 :: supersampling, supersampling // 2 :: supersampling]
    extent = (float(lower[0]), float(upper[0]), float(top - n_rows * supersampling / scale), float(top))
    return SphereImage(np.clip(rgba, 0.0, 1.0), middle.copy(), extent, axes)


def _shade(
    depth: np.ndarray, grain: np.ndarray, centres: np.ndarray, radius: np.ndarray, colours: np.ndarray
) -> np.ndarray:
    """Light every pixel: diffuse, a little gloss, darker in gaps, paler far away; (row, column, 4) times coverage."""
    hit = grain >= 0
    if not hit.any():
        return np.zeros((*grain.shape, 4), dtype=np.float32)
    light = _occlusion(depth, hit, 2 * float(np.median(radius)))
    towards_light = _LIGHT / np.linalg.norm(_LIGHT)
    # Blinn: halfway between the light and the camera
    half = towards_light + np.array([0.0, 0.0, 1.0])
    near, far = float(depth[hit].max()), float(depth[hit].min())
    return np.asarray(
        shade_pixels(
            depth, grain, light, centres, radius, colours, towards_light, half / np.linalg.norm(half), near, far
        )
    )
