"""Newton's law for the grains and the walls: velocity Verlet, a stretch of steps in one compiled call.

A bulk grain carries the velocity of its centre and r ω, the velocity that its spin gives its surface; both change by a
force over a mass: m dv/dt = F and 0.4 m d(r ω)/dt = −Σ (1 − arm δ/r) n × F_t.
"""

from __future__ import annotations

import math

import numba
import numpy as np

from microslip.dem.native.contact_kernels import contact_forces
from microslip.dem.native.stress_kernels import carried_moment, images_of, momentum_moment, volume_moments, wall_force

# Motion of the walls, or of the periodic cell in their place: one record, which every step changes. SI units.
FRAME = np.dtype(
    [
        ("bottom_speed", "f8"),  # of the bottom wall along x; without walls, of a cell against the one above it
        ("top_speed", "f8"),  # of the top wall along z; without walls, of the height
        ("top_force", "f8"),  # net force on the top wall along z, load and drag included
        ("height", "f8"),  # Lz without walls
        ("lean", "f8"),  # how far along x the cell above lies, without walls
        ("moved", "f8"),  # of the bottom wall along x since the list of pairs was made
        ("stretched", "f8"),  # relative change of height since then, without walls
        ("load", "f8"),  # on the top wall along z
        ("drag", "f8"),  # on the top wall
        ("mass", "f8"),  # of the top wall
        ("middle", "f8"),  # height at which the mean flow is at rest
        ("over_height", "f8"),  # 1/H₀
        ("reach", "f8"),  # of the largest pair
        ("walls", "?"),
        ("servo", "?"),  # whether the height adjusts
    ]
)


@numba.njit(cache=True, parallel=True, error_model="numpy")
def _kick_and_drift(  # type: ignore[no-untyped-def]
    n, here, there, motion, load, mass, start, step, longest, spins,
    shear, stretch, middle, lowest, highest, growth, margin, slack, faster,
):  # fmt: skip
    """Half a kick and a drift of the n bulk grains; returns how many have gone too far since `start`.

    The motion that counts is the one beside the mean shear and the mean stretch of the cell. `faster`: change of the
    mean shear's rate that every grain takes part in at once.
    """
    x = here[0]
    y = here[1]
    z = here[2]
    newx = there[0]
    newy = there[1]
    newz = there[2]
    vx = motion[0]
    vy = motion[1]
    vz = motion[2]
    wx = motion[3]
    wy = motion[4]
    wz = motion[5]
    fx = load[0]
    fy = load[1]
    fz = load[2]
    tx = load[3]
    ty = load[4]
    tz = load[5]
    x0 = start[0]
    y0 = start[1]
    z0 = start[2]
    half, limit2 = step / 2, (longest / step) ** 2
    turn = 2.5 * half if spins else 0.0
    n_far = 0
    for i in numba.prange(n):
        kick = half / mass[i]
        ux, uy, uz = vx[i] + kick * fx[i], vy[i] + kick * fy[i], vz[i] + kick * fz[i]
        ux += faster * min(max(middle - z[i], lowest), highest)
        speed2 = ux * ux + uy * uy + uz * uz
        slower = math.sqrt(limit2 / speed2) if speed2 > limit2 else 1.0
        ux, uy, uz = ux * slower, uy * slower, uz * slower
        spin = turn / mass[i]
        wx[i] += spin * tx[i]
        wy[i] += spin * ty[i]
        wz[i] += spin * tz[i]
        vx[i], vy[i], vz[i] = ux, uy, uz
        ax, ay, az = x[i] + step * ux, y[i] + step * uy, z[i] * growth + step * uz
        newx[i], newy[i], newz[i] = ax, ay, az
        flow = shear * min(max(middle - z0[i], lowest), highest)
        bx, by, bz = ax - x0[i] - flow, ay - y0[i], az - z0[i] * (1.0 + stretch)
        room = max(margin[i] - slack, 0.0)
        # a place that is no number counts too, and is said when the list is made
        n_far += 0 if bx * bx + by * by + bz * bz < room * room else 1
    return n_far


@numba.njit(cache=True, parallel=True, error_model="numpy")
def _gather_and_kick(  # type: ignore[no-untyped-def]
    n, own, start, others, given, motion, load, mass, radius, step, longest, spins, drag, arm
):
    """Forces of the n bulk grains, each summed in the order of its pairs, and the second half of the kick."""
    vx = motion[0]
    vy = motion[1]
    vz = motion[2]
    wx = motion[3]
    wy = motion[4]
    wz = motion[5]
    fx = load[0]
    fy = load[1]
    fz = load[2]
    tx = load[3]
    ty = load[4]
    tz = load[5]
    gx = given[0]
    gy = given[1]
    gz = given[2]
    mx = given[3]
    my = given[4]
    mz = given[5]
    overlap = given[6]
    half, limit2 = step / 2, (longest / step) ** 2 if step > 0 else np.inf
    turn = 2.5 * half if spins else 0.0
    for i in numba.prange(n):
        ax, ay, az, bx, by, bz = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        inside = arm / radius[i]
        for q in range(own[i], own[i + 1]):
            lever = 1.0 - inside * overlap[q]
            ax += gx[q]
            ay += gy[q]
            az += gz[q]
            bx -= lever * mx[q]
            by -= lever * my[q]
            bz -= lever * mz[q]
        for k in range(start[i], start[i + 1]):
            q = others[k]
            lever = 1.0 - inside * overlap[q]
            ax -= gx[q]
            ay -= gy[q]
            az -= gz[q]
            bx -= lever * mx[q]
            by -= lever * my[q]
            bz -= lever * mz[q]
        ux, uy, uz = vx[i], vy[i], vz[i]
        ax -= drag * ux
        ay -= drag * uy
        az -= drag * uz
        fx[i], fy[i], fz[i], tx[i], ty[i], tz[i] = ax, ay, az, bx, by, bz
        kick = half / mass[i]
        ux, uy, uz = ux + kick * ax, uy + kick * ay, uz + kick * az
        speed2 = ux * ux + uy * uy + uz * uz
        slower = math.sqrt(limit2 / speed2) if speed2 > limit2 else 1.0
        vx[i], vy[i], vz[i] = ux * slower, uy * slower, uz * slower
        spin = turn / mass[i]
        wx[i] += spin * bx
        wy[i] += spin * by
        wz[i] += spin * bz


@numba.njit(cache=True)
def limited(speed, longest, step):  # type: ignore[no-untyped-def]
    return min(max(speed, -longest / step), longest / step)


@numba.njit(cache=True, error_model="numpy")
def forces(frames, sizes, grains, place, motion, load, given, pairs, law, drive):  # type: ignore[no-untyped-def]
    """Contact forces, net forces and the second half of the kick, at the places that the grains have.

    Arguments as in `advance`.
    """
    frame = frames[0]
    n_bulk, _, lx, ly = sizes
    radius, mass = grains
    _, _, step, longest, spins, drag, _ = drive
    first, second = pairs.first, pairs.second
    images = images_of(lx, ly, frame)
    contact_forces(first, second, place, motion, pairs.constants, pairs.history, given, images, law, step)
    _gather_and_kick(
        n_bulk, pairs.own, pairs.start, pairs.others, given, motion, load, mass, radius,
        step, longest, spins, drag, law.arm,
    )  # fmt: skip
    if frame.servo:
        if frame.walls:
            pushing = wall_force(pairs.on_top, given, 2)
        else:
            pushing = volume_moments(first, second, place, given, images)[1] / frame.height
        frame.top_force = pushing - frame.load - frame.drag * frame.top_speed
        if step > 0:
            frame.top_speed = limited(frame.top_speed + step / 2 * frame.top_force / frame.mass, longest, step)


@numba.njit(cache=True)
def _move_walls(frame, n_bulk, n_bottom, here, there, motion, step):  # type: ignore[no-untyped-def]
    for i in range(n_bulk, here.shape[1]):
        for axis in range(3):
            there[axis, i] = here[axis, i]
        if i < n_bulk + n_bottom:
            there[0, i] += step * frame.bottom_speed
            motion[0, i] = frame.bottom_speed
        else:
            there[2, i] += step * frame.top_speed
            motion[2, i] = frame.top_speed


@numba.njit(cache=True, error_model="numpy")
def advance(  # type: ignore[no-untyped-def]
    frames, sizes, grains, here, there, motion, load, origin, margin, scratch, last, pairs, law,
    begin, drifted, n_steps, drive, momentum,
):  # fmt: skip
    """Take steps `begin` to `n_steps` of an interval; returns the step that waits for new pairs, or `n_steps`.

    The speed of the bottom wall goes evenly from one value of `drive` to the next over the interval. Places go from
    `here` to `there`; the pairs' forces at the last step are left in `last`, those of all others in `scratch`. A step
    that waits has moved its grains already: the next call, with the new list, must have `drifted` set.

    `sizes`: bulk and bottom grains, Lx, Ly. `grains`: radius, mass. `drive`: the two speeds, Δt, the longest way of a
    grain in a step, whether grains spin, drag on them, whether all grains take part in a change of the speed at once.
    `momentum`: Σ m v_x (z − z_mid) before and after the last step are left there, a change of that kind taken out.
    """
    frame = frames[0]
    n_bulk, n_bottom, _, _ = sizes
    _, mass = grains
    first_speed, last_speed, step, longest, spins, _, carries = drive
    from_place = there if begin > 0 or drifted else here
    lowest, highest = (0.0, 1.0 / frame.over_height) if frame.walls else (-np.inf, np.inf)
    for number in range(begin, n_steps):
        if not (drifted and number == begin):
            before = frame.bottom_speed
            frame.bottom_speed = first_speed + (last_speed - first_speed) * (number + 0.5) / n_steps
            faster = (frame.bottom_speed - before) * frame.over_height if carries else 0.0
            if number == n_steps - 1:
                middle = 0.5 * (frame.middle if frame.walls else frame.height)
                momentum[0] = momentum_moment(n_bulk, mass, from_place, motion, middle)
                momentum[2] = middle
                if carries:
                    momentum[0] += faster * carried_moment(
                        n_bulk, mass, from_place, middle, frame.middle, lowest, highest
                    )
            growth = 1.0
            if frame.servo:
                kick = step / 2 * frame.top_force / frame.mass
                frame.top_speed = limited(frame.top_speed + kick, longest, step)
            frame.moved += step * frame.bottom_speed
            if not frame.walls:
                growth += step * frame.top_speed / frame.height
                frame.stretched = (1 + frame.stretched) * growth - 1
                frame.height *= growth
                frame.lean -= step * frame.bottom_speed
            shear = frame.moved * frame.over_height
            # what the mean shear and stretch alone bring two grains nearer, shared between them
            slack = (abs(shear) + abs(frame.stretched)) * frame.reach / 2
            _move_walls(frame, n_bulk, n_bottom, from_place, there, motion, step)
            n_far = _kick_and_drift(
                n_bulk, from_place, there, motion, load, mass, origin, step, longest, spins, shear, frame.stretched,
                frame.middle, lowest, highest, growth, margin, slack, faster,
            )  # fmt: skip
            from_place = there
            if n_bulk + n_bottom < there.shape[1] and abs(there[2, -1] - origin[2, -1]) > margin[-1] - slack:
                n_far += 1
            if n_far > 0:
                return number
        given = last if number == n_steps - 1 else scratch
        forces(frames, sizes, grains, there, motion, load, given, pairs, law, drive)
        if number == n_steps - 1:
            momentum[1] = momentum_moment(n_bulk, mass, there, motion, momentum[2])
    return n_steps
