"""Stress of the volume at a sample, and what every grain of a frame carries, from the pairs' forces."""

from __future__ import annotations

import math

import numba
import numpy as np

from microslip.core.contacts import SLIDING
from microslip.core.grain_values import N_VALUES
from microslip.dem.native.contact_law import Images

# Grains and pairs are summed in so many sums side by side, in an order that is written down: where the compiler chooses
# it, code that was just compiled and the same code from the cache differ in the last bit.
LANES = 4
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


@numba.njit(cache=True, error_model="numpy")
def _rise(z, i, j, lz, inverse_lz):  # type: ignore[no-untyped-def]
    dz = z[i] - z[j]
    return dz - lz * np.rint(dz * inverse_lz)


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
        # sums side by side, or each addition would wait for the one before
        a, b, c, d = 0.0, 0.0, 0.0, 0.0
        e, f, g, h = 0.0, 0.0, 0.0, 0.0
        begin, end = block * BLOCK, min((block + 1) * BLOCK, n)
        whole = end - (end - begin) % LANES
        for q in range(begin, whole, LANES):
            z0 = _rise(z, first[q], second[q], lz, inverse_lz)
            z1 = _rise(z, first[q + 1], second[q + 1], lz, inverse_lz)
            z2 = _rise(z, first[q + 2], second[q + 2], lz, inverse_lz)
            z3 = _rise(z, first[q + 3], second[q + 3], lz, inverse_lz)
            a += fx[q] * z0
            b += fx[q + 1] * z1
            c += fx[q + 2] * z2
            d += fx[q + 3] * z3
            e += fz[q] * z0
            f += fz[q + 1] * z1
            g += fz[q + 2] * z2
            h += fz[q + 3] * z3
        for q in range(whole, end):
            dz = _rise(z, first[q], second[q], lz, inverse_lz)
            a += fx[q] * dz
            e += fz[q] * dz
        shear[block], normal[block] = (a + b) + (c + d), (e + f) + (g + h)
    total_shear, total_normal = 0.0, 0.0
    for block in range(n_blocks):
        total_shear += shear[block]
        total_normal += normal[block]
    return total_shear, total_normal


@numba.njit(cache=True, error_model="numpy")
def _moments_between_walls(n_bulk, net, radius, place, given, pairs):  # type: ignore[no-untyped-def]
    """Σ f_x r_z and Σ f_z r_z over the contacts of bulk grains, r up to the middle of the overlap with a wall [J].

    Summed by grains: Σ F_x z over the net forces on bulk grains, less Σ f_x z at the contacts with walls, is the same.
    """
    shear, normal = 0.0, 0.0
    for i in range(n_bulk):
        shear += net[0, i] * place[2, i]
        normal += net[2, i] * place[2, i]
    for on_wall in (pairs.on_bottom, pairs.on_top):
        for q in on_wall:
            i, j = pairs.first[q], pairs.second[q]
            overlap = given[6, q]
            share = (radius[i] - overlap / 2) / (radius[i] + radius[j] - overlap)
            z = place[2, i] + share * (place[2, j] - place[2, i])
            shear -= given[0, q] * z
            normal -= given[2, q] * z
    return shear, normal


@numba.njit(cache=True, error_model="numpy")
def momentum_moment(n_bulk, mass, place, motion, middle):  # type: ignore[no-untyped-def]
    """Σ m v_x (z − middle) over bulk grains [kg m²/s]."""
    z = place[2]
    vx = motion[0]
    a, b, c, d = 0.0, 0.0, 0.0, 0.0
    whole = n_bulk - n_bulk % LANES
    for i in range(0, whole, LANES):
        a += mass[i] * vx[i] * (z[i] - middle)
        b += mass[i + 1] * vx[i + 1] * (z[i + 1] - middle)
        c += mass[i + 2] * vx[i + 2] * (z[i + 2] - middle)
        d += mass[i + 3] * vx[i + 3] * (z[i + 3] - middle)
    for i in range(whole, n_bulk):
        a += mass[i] * vx[i] * (z[i] - middle)
    return (a + b) + (c + d)


@numba.njit(cache=True, error_model="numpy")
def carried_moment(n_bulk, mass, place, middle, zero, lowest, highest):  # type: ignore[no-untyped-def]
    """Σ m (zero − z) (z − middle) over bulk grains, the first within its limits [kg m²]: of a mean shear of 1/s."""
    z = place[2]
    total = 0.0
    for i in range(n_bulk):
        total += mass[i] * min(max(zero - z[i], lowest), highest) * (z[i] - middle)
    return total


@numba.njit(cache=True, error_model="numpy")
def _twice_the_energy(i, mass, vx, vy, vz, z, shear, zero, lowest, highest):  # type: ignore[no-untyped-def]
    ux = vx[i] - shear * min(max(zero - z[i], lowest), highest)
    return mass[i] * (ux * ux + vy[i] * vy[i] + vz[i] * vz[i])


@numba.njit(cache=True, error_model="numpy")
def kinetic_energy(n_bulk, mass, place, motion, shear, zero, lowest, highest):  # type: ignore[no-untyped-def]
    """Σ m v²/2 over bulk grains beside the mean shear, the spin left out [J]."""
    z = place[2]
    vx = motion[0]
    vy = motion[1]
    vz = motion[2]
    a, b, c, d = 0.0, 0.0, 0.0, 0.0
    whole = n_bulk - n_bulk % LANES
    for i in range(0, whole, LANES):
        a += _twice_the_energy(i, mass, vx, vy, vz, z, shear, zero, lowest, highest)
        b += _twice_the_energy(i + 1, mass, vx, vy, vz, z, shear, zero, lowest, highest)
        c += _twice_the_energy(i + 2, mass, vx, vy, vz, z, shear, zero, lowest, highest)
        d += _twice_the_energy(i + 3, mass, vx, vy, vz, z, shear, zero, lowest, highest)
    for i in range(whole, n_bulk):
        a += _twice_the_energy(i, mass, vx, vy, vz, z, shear, zero, lowest, highest)
    return ((a + b) + (c + d)) / 2


@numba.njit(cache=True, error_model="numpy")
def read_sample(frames, sizes, grains, place, motion, net, given, pairs, reach):  # type: ignore[no-untyped-def]
    """Forces on the bottom and the top wall along x and z [N], moments of the volume [J], kinetic energy of the bulk
    beside the mean shear [J], level [m], grains outside."""
    frame = frames[0]
    n_bulk, n_bottom, lx, ly = sizes
    radius, mass = grains
    rate = frame.bottom_speed * frame.over_height
    lowest, highest = (0.0, 1.0 / frame.over_height) if frame.walls else (-np.inf, np.inf)
    energy = kinetic_energy(n_bulk, mass, place, motion, rate, frame.middle, lowest, highest)
    if not frame.walls:
        shear, normal = volume_moments(pairs.first, pairs.second, place, given, images_of(lx, ly, frame))
        return 0.0, 0.0, 0.0, 0.0, shear, normal, energy, frame.height, 0
    shear, normal = _moments_between_walls(n_bulk, net, radius, place, given, pairs)
    level = place[2, n_bulk + n_bottom :].mean()
    n_outside = 0
    for i in range(n_bulk):
        if place[2, i] < -reach or place[2, i] > level + reach:
            n_outside += 1
    bottom_x, bottom_z = wall_force(pairs.on_bottom, given, 0), wall_force(pairs.on_bottom, given, 2)
    top_x, top_z = wall_force(pairs.on_top, given, 0), wall_force(pairs.on_top, given, 2)
    return bottom_x, bottom_z, top_x, top_z, shear, normal, energy, level, n_outside


@numba.njit(cache=True, parallel=True, error_model="numpy")
def _moments(first, second, place, given, images, constants, law, moment):  # type: ignore[no-untyped-def]
    """Per pair: the symmetric part of force × unit normal (6) [N], half the stored energy [J], one contact and whether
    it slides; else 0.

    A pair's numbers lie side by side (pair, 9), for each grain adds those of a dozen pairs.
    """
    x = place[0]
    y = place[1]
    z = place[2]
    fx = given[0]
    fy = given[1]
    fz = given[2]
    overlap = given[6]
    reduced_radius = constants[1]
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
        normal = ax * nx + ay * ny + az * nz
        tx, ty, tz = ax - normal * nx, ay - normal * ny, az - normal * nz
        depth = overlap[q]
        contact_radius = math.sqrt(reduced_radius[q] * depth)
        # (8/15) E* √R* δ^(5/2) and F_t²/(2 k_t)
        stored = 0.4 * hertz * contact_radius * depth * depth
        sideways = (tx * tx + ty * ty + tz * tz) / (2 * shear * contact_radius)
        moment[q, 0] = ax * nx
        moment[q, 1] = ay * ny
        moment[q, 2] = az * nz
        moment[q, 3] = 0.5 * (ax * ny + ay * nx)
        moment[q, 4] = 0.5 * (ax * nz + az * nx)
        moment[q, 5] = 0.5 * (ay * nz + az * ny)
        moment[q, 6] = 0.5 * (stored + sideways) if depth > 0 else 0.0
        moment[q, 7] = 1.0 if depth > 0 else 0.0
        # a contact that slides was cut to the limit, but for rounding
        limit = SLIDING * law.friction * abs(normal)
        moment[q, 8] = 1.0 if depth > 0 and tx * tx + ty * ty + tz * tz >= limit * limit else 0.0


@numba.njit(cache=True, parallel=True, error_model="numpy")
def _sum_over_pairs(  # type: ignore[no-untyped-def]
    n_bulk, own, start, others, given, moment, radius, rows, stress_unit, energy_unit, values
):
    overlap = given[6]
    for i in numba.prange(n_bulk):
        xx, yy, zz, xy, xz, yz, energy, count, sliding = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        n_own = own[i + 1] - own[i]
        for k in range(n_own + start[i + 1] - start[i]):
            q = own[i] + k if k < n_own else others[start[i] + k - n_own]
            arm = radius[i] - overlap[q] / 2
            xx += arm * moment[q, 0]
            yy += arm * moment[q, 1]
            zz += arm * moment[q, 2]
            xy += arm * moment[q, 3]
            xz += arm * moment[q, 4]
            yz += arm * moment[q, 5]
            energy += moment[q, 6]
            count += moment[q, 7]
            sliding += moment[q, 8]
        row, over = rows[i], 1 / (4 / 3 * math.pi * radius[i] ** 3 * stress_unit)
        values[row, 0] = xx * over
        values[row, 1] = yy * over
        values[row, 2] = zz * over
        values[row, 3] = xy * over
        values[row, 4] = xz * over
        values[row, 5] = yz * over
        values[row, 6] = energy / energy_unit
        values[row, 7] = count
        values[row, 8] = sliding


@numba.njit(cache=True)
def grain_values(  # type: ignore[no-untyped-def]
    n_bulk, rows, radius, place, given, pairs, images, law, stress_unit, energy_unit
):
    """Love–Weber stress (6) [p], energy [p d̄³], contacts and sliding ones of every grain, in row `rows[i]` of grain i.

    As `core.contacts` has them of a list of contacts; compiled, for they are kept while the engine runs.
    """
    moment = np.empty((len(pairs.first), N_VALUES))
    _moments(pairs.first, pairs.second, place, given, images, pairs.constants, law, moment)
    values = np.zeros((len(radius), N_VALUES))
    _sum_over_pairs(
        n_bulk, pairs.own, pairs.start, pairs.others, given, moment, radius, rows, stress_unit, energy_unit, values
    )
    # the grains of the walls, which are second in few pairs
    for on_wall in (pairs.on_bottom, pairs.on_top):
        for q in on_wall:
            j = pairs.second[q]
            row, arm = rows[j], radius[j] - given[6, q] / 2
            over = 1 / (4 / 3 * math.pi * radius[j] ** 3 * stress_unit)
            for component in range(6):
                values[row, component] += arm * moment[q, component] * over
            values[row, 6] += moment[q, 6] / energy_unit
            values[row, 7] += moment[q, 7]
            values[row, 8] += moment[q, 8]
    return values
