"""The contact law as one loop over candidate pairs, without a branch, so that the compiler turns it into vectors.

Plain IEEE arithmetic, nothing reordered and nothing fused: a pair gives the same bits in a vector and out of it, on one
thread and on many, on this processor and on the next."""

from __future__ import annotations

import math

import numba
import numpy as np

# Stored displacement is turned with the contact once its part along the normal is worth this share of Coulomb's limit;
# less is rounding. LAMMPS' own threshold.
TURN_THRESHOLD = 1e-10


@numba.njit(cache=True, parallel=True, error_model="numpy")
def contact_forces(  # type: ignore[no-untyped-def]
    first, second, place, motion, constants, history, given, images, law, step
):
    """Forces of every pair, and its history one step later; with `step` = 0 it is turned and cut, but does not grow.

    Hertz: F_n = 4/3 E* a δ − g v_n with a = √(R* δ). Constant restitution: g = c √a; viscous: g = c a. Mindlin:
    F_t = −8 G* a h − g v_t, cut to μ |F_n|; then h is what makes up for the cut. As a force, h is F_t without damping.
    """
    lx, inverse_lx, ly, inverse_ly = images.lx, images.inverse_lx, images.ly, images.inverse_ly
    lz, inverse_lz, lean, slide, stretch = images.lz, images.inverse_lz, images.lean, images.slide, images.stretch
    hertz, shear, friction = law.hertz, law.shear, law.friction
    constant_restitution, as_force = law.constant_restitution, law.as_force
    # each row in a statement of its own: of rows that are unpacked together numba loses what a prange writes
    x = place[0]
    y = place[1]
    z = place[2]
    vx = motion[0]
    vy = motion[1]
    vz = motion[2]
    wx = motion[3]
    wy = motion[4]
    wz = motion[5]
    radii = constants[0]
    reduced_radius = constants[1]
    damping = constants[2]
    hx = history[0]
    hy = history[1]
    hz = history[2]
    fx = given[0]
    fy = given[1]
    fz = given[2]
    tx = given[3]
    ty = given[4]
    tz = given[5]
    overlap = given[6]
    for q in numba.prange(len(first)):
        i, j = first[q], second[q]
        # from the nearest copy of the second grain to the first
        dx, dy, dz = x[i] - x[j], y[i] - y[j], z[i] - z[j]
        above = np.rint(dz * inverse_lz)
        dz -= above * lz
        dx -= above * lean
        dx -= lx * np.rint(dx * inverse_lx)
        dy -= ly * np.rint(dy * inverse_ly)
        squared = dx * dx + dy * dy + dz * dz
        touching = squared < radii[q] * radii[q]
        distance = math.sqrt(squared)
        inverse = 1.0 / distance
        nx, ny, nz = dx * inverse, dy * inverse, dz * inverse
        depth = radii[q] - distance if touching else 0.0
        contact_radius = math.sqrt(reduced_radius[q] * depth)
        viscous = damping[q] * (math.sqrt(contact_radius) if constant_restitution else contact_radius)
        # velocity of the first past the second: of the centres, then of the surfaces across the normal
        ux, uy, uz = vx[i] - vx[j] - above * slide, vy[i] - vy[j], vz[i] - vz[j] + stretch * dz
        closing = ux * nx + uy * ny + uz * nz
        cx, cy, cz = wx[i] + wx[j], wy[i] + wy[j], wz[i] + wz[j]
        ux = ux - closing * nx - (cy * nz - cz * ny)
        uy = uy - closing * ny - (cz * nx - cx * nz)
        uz = uz - closing * nz - (cx * ny - cy * nx)
        normal = hertz * contact_radius * depth - viscous * closing
        limit = friction * abs(normal)
        stiffness = shear * contact_radius
        # turned with the contact, at its old length
        h0, h1, h2 = hx[q], hy[q], hz[q]
        along = h0 * nx + h1 * ny + h2 * nz
        p0, p1, p2 = h0 - along * nx, h1 - along * ny, h2 - along * nz
        kept = p0 * p0 + p1 * p1 + p2 * p2
        scale = math.sqrt((h0 * h0 + h1 * h1 + h2 * h2) / kept) if kept > 0 else 0.0
        turns = abs(along) * (1.0 if as_force else stiffness) > TURN_THRESHOLD * limit
        gain = -stiffness * step if as_force else step
        h0 = (p0 * scale if turns else h0) + gain * ux
        h1 = (p1 * scale if turns else h1) + gain * uy
        h2 = (p2 * scale if turns else h2) + gain * uz
        to_force = 1.0 if as_force else -stiffness
        s0, s1, s2 = to_force * h0 - viscous * ux, to_force * h1 - viscous * uy, to_force * h2 - viscous * uz
        size = math.sqrt(s0 * s0 + s1 * s1 + s2 * s2)
        slides = size > limit
        cut = limit / size if slides else 1.0
        s0, s1, s2 = s0 * cut, s1 * cut, s2 * cut
        to_history = 1.0 if as_force else -1.0 / stiffness
        h0 = to_history * (s0 + viscous * ux) if slides else h0
        h1 = to_history * (s1 + viscous * uy) if slides else h1
        h2 = to_history * (s2 + viscous * uz) if slides else h2
        hx[q] = h0 if touching else 0.0
        hy[q] = h1 if touching else 0.0
        hz[q] = h2 if touching else 0.0
        fx[q] = normal * nx + s0 if touching else 0.0
        fy[q] = normal * ny + s1 if touching else 0.0
        fz[q] = normal * nz + s2 if touching else 0.0
        tx[q] = ny * s2 - nz * s1 if touching else 0.0
        ty[q] = nz * s0 - nx * s2 if touching else 0.0
        tz[q] = nx * s1 - ny * s0 if touching else 0.0
        overlap[q] = depth
