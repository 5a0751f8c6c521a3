"""Stress of the volume at a sample, and what every grain of a frame carries, from the pairs' forces."""

from __future__ import annotations

import math

import numba
import numpy as np

from microslip.dem.native.contact_law import Images

# Pairs are summed in blocks of this many, and the blocks in their order: any number of threads gives the same sum.
BLOCK = 512


@numba.njit(cache=True, error_model="numpy")
def images_of(lx, ly, frame):  # type: ignore[no-untyped-def]
    """Where the copies of the grains are now."""
    if frame.walls:
        return Images(lx, 1.0 / lx, ly, 1.0 / ly, 0.0, 0.0, 0.0, 0.0, 0.0)
    stretch = frame.top_speed / frame.height
    return Images(
        lx, 1.0 / lx, ly, 1.0 / ly, frame.height, 1.0 / frame.height, frame.lean, -frame.bottom_speed, stretch
    )


@numba.njit(cache=True)
def wall_force(pairs, given, axis):  # type: ignore[no-untyped-def]
    """Sum of the force on a wall's grains, which are second in their pairs [N]."""
    total = 0.0
    for q in pairs:
        total -= given[axis, q]
    return total


@numba.njit(cache=True, parallel=True, error_model="numpy")
def volume_moments(first, second, place, given, images):  # type: ignore[no-untyped-def]
    """Σ f_x r_z and Σ f_z r_z over the pairs [J], f on the first grain and r from the second's centre to its."""
    n = len(first)
    n_blocks = (n + BLOCK - 1) // BLOCK
    shear, normal = np.zeros(n_blocks), np.zeros(n_blocks)
    z = place[2]
    fx = given[0]
    fz = given[2]
    lz, inverse_lz = images.lz, images.inverse_lz
    for block in numba.prange(n_blocks):
        one, other = 0.0, 0.0
        for q in range(block * BLOCK, min((block + 1) * BLOCK, n)):
            dz = z[first[q]] - z[second[q]]
            dz -= lz * np.rint(dz * inverse_lz)
            one += fx[q] * dz
            other += fz[q] * dz
        shear[block], normal[block] = one, other
    total_shear, total_normal = 0.0, 0.0
    for block in range(n_blocks):
        total_shear += shear[block]
        total_normal += normal[block]
    return total_shear, total_normal


@numba.njit(cache=True)
def beyond_the_contact(on_wall, first, second, radius, place, given):  # type: ignore[no-untyped-def]
    """The part of Σ f_x r_z and Σ f_z r_z that lies inside wall grains, between their centres and the contact [J].

    The contact point is the middle of the overlap; Love–Weber stress of the bulk ends there.
    """
    shear, normal = 0.0, 0.0
    for q in on_wall:
        i, j = first[q], second[q]
        if given[6, q] > 0:
            share = (radius[j] - given[6, q] / 2) / (radius[i] + radius[j] - given[6, q])
            dz = share * (place[2, i] - place[2, j])
            shear += given[0, q] * dz
            normal += given[2, q] * dz
    return shear, normal


@numba.njit(cache=True, error_model="numpy")
def read_sample(frames, sizes, grains, place, given, pairs, reach):  # type: ignore[no-untyped-def]
    """Forces on the bottom and the top wall along x and z [N], moments of the volume [J], level [m], grains outside."""
    frame = frames[0]
    n_bulk, n_bottom, lx, ly = sizes
    radius = grains[0]
    images = images_of(lx, ly, frame)
    shear, normal = volume_moments(pairs.first, pairs.second, place, given, images)
    if not frame.walls:
        return 0.0, 0.0, 0.0, 0.0, shear, normal, frame.height, 0
    for on_wall in (pairs.on_bottom, pairs.on_top):
        one, other = beyond_the_contact(on_wall, pairs.first, pairs.second, radius, place, given)
        shear -= one
        normal -= other
    level = place[2, n_bulk + n_bottom :].mean()
    n_outside = 0
    for i in range(n_bulk):
        if place[2, i] < -reach or place[2, i] > level + reach:
            n_outside += 1
    bottom_x, bottom_z = wall_force(pairs.on_bottom, given, 0), wall_force(pairs.on_bottom, given, 2)
    top_x, top_z = wall_force(pairs.on_top, given, 0), wall_force(pairs.on_top, given, 2)
    return bottom_x, bottom_z, top_x, top_z, shear, normal, level, n_outside


@numba.njit(cache=True, parallel=True, error_model="numpy")
def _moments(first, second, place, given, images, constants, law, moment):  # type: ignore[no-untyped-def]
    """Per pair: the symmetric part of force × unit normal (6) [N] and the stored energy [J]; 0 without contact."""
    x = place[0]
    y = place[1]
    z = place[2]
    fx = given[0]
    fy = given[1]
    fz = given[2]
    overlap = given[6]
    reduced_radius = constants[1]
    xx = moment[0]
    yy = moment[1]
    zz = moment[2]
    xy = moment[3]
    xz = moment[4]
    yz = moment[5]
    energy = moment[6]
    lx, inverse_lx, ly, inverse_ly = images.lx, images.inverse_lx, images.ly, images.inverse_ly
    lz, inverse_lz, lean = images.lz, images.inverse_lz, images.lean
    hertz, shear = law.hertz, law.shear
    for q in numba.prange(len(first)):
        i, j = first[q], second[q]
        dx, dy, dz = x[i] - x[j], y[i] - y[j], z[i] - z[j]
        above = np.rint(dz * inverse_lz)
        dz -= above * lz
        dx -= above * lean
        dx -= lx * np.rint(dx * inverse_lx)
        dy -= ly * np.rint(dy * inverse_ly)
        inverse = 1.0 / math.sqrt(dx * dx + dy * dy + dz * dz)
        nx, ny, nz = dx * inverse, dy * inverse, dz * inverse
        ax, ay, az = fx[q], fy[q], fz[q]
        xx[q], yy[q], zz[q] = ax * nx, ay * ny, az * nz
        xy[q], xz[q], yz[q] = 0.5 * (ax * ny + ay * nx), 0.5 * (ax * nz + az * nx), 0.5 * (ay * nz + az * ny)
        normal = ax * nx + ay * ny + az * nz
        tx, ty, tz = ax - normal * nx, ay - normal * ny, az - normal * nz
        depth = overlap[q]
        contact_radius = math.sqrt(reduced_radius[q] * depth)
        # (8/15) E* √R* δ^(5/2) and F_t²/(2 k_t)
        stored = 0.4 * hertz * contact_radius * depth * depth
        sideways = (tx * tx + ty * ty + tz * tz) / (2 * shear * contact_radius)
        energy[q] = stored + sideways if depth > 0 else 0.0


@numba.njit(cache=True, parallel=True, error_model="numpy")
def _sum_over_pairs(n_bulk, own, start, others, given, moment, radius, rows, values):  # type: ignore[no-untyped-def]
    overlap = given[6]
    for i in numba.prange(n_bulk):
        row = rows[i]
        for q in range(own[i], own[i + 1]):
            _add(values, row, moment, q, radius[i], overlap[q])
        for k in range(start[i], start[i + 1]):
            q = others[k]
            _add(values, row, moment, q, radius[i], overlap[q])


@numba.njit(cache=True)
def _add(values, row, moment, q, radius, overlap):  # type: ignore[no-untyped-def]
    if overlap > 0:
        arm = radius - overlap / 2
        for component in range(6):
            values[row, component] += arm * moment[component, q]
        values[row, 6] += moment[6, q] / 2
        values[row, 7] += 1


@numba.njit(cache=True)
def grain_values(  # type: ignore[no-untyped-def]
    n_bulk, rows, radius, place, given, pairs, images, law, stress_unit, energy_unit
):
    """Love–Weber stress (6) [p], energy [p d̄³] and contacts of every grain, in row `rows[i]` of grain i.

    As `core.contacts` has them of a list of contacts; compiled, for they are kept while the engine runs.
    """
    moment = np.empty((7, len(pairs.first)))
    _moments(pairs.first, pairs.second, place, given, images, pairs.constants, law, moment)
    values = np.zeros((len(radius), 8))
    _sum_over_pairs(n_bulk, pairs.own, pairs.start, pairs.others, given, moment, radius, rows, values)
    for on_wall in (pairs.on_bottom, pairs.on_top):
        for q in on_wall:
            j = pairs.second[q]
            _add(values, rows[j], moment, q, radius[j], given[6, q])
    for i in range(len(radius)):
        volume = 4 / 3 * math.pi * radius[i] ** 3 * stress_unit
        for component in range(6):
            values[rows[i], component] /= volume
        values[rows[i], 6] /= energy_unit
    return values
