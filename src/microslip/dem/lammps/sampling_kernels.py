"""LAMMPS' arrays read by their addresses, compiled."""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np
from numba.core import cgutils, types
from numba.extending import intrinsic


def _as_pointer(_typing: Any, address: Any) -> Any:
    """An address as a pointer, for compiled code."""

    def code(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], cgutils.voidptr_t)

    return types.voidptr(address), code


_pointer: Any = intrinsic(_as_pointer)

carray: Any = numba.carray  # type: ignore[attr-defined]


@numba.njit(cache=True)
def _point_of_action(f0, f1, f2, t0, t1, t2, radius):  # type: ignore[no-untyped-def]
    """Height above a grain's centre where the line of action of its net force enters the grain [m].

    Of force and torque about the centre; the line passes the centre by F × T / F². One contact acts there but for half
    an overlap; of several, the torque is kept.
    """
    squared = f0 * f0 + f1 * f1 + f2 * f2
    if squared == 0.0:
        return 0.0
    c0, c1, c2 = (f1 * t2 - f2 * t1) / squared, (f2 * t0 - f0 * t2) / squared, (f0 * t1 - f1 * t0) / squared
    along = radius * radius - c0 * c0 - c1 * c1 - c2 * c2
    return c2 - f2 * math.sqrt(max(along, 0.0) / squared)


@numba.njit(cache=True)
def read_sample(  # type: ignore[no-untyped-def]
    values, like, tag_at, arrays_at, n, roles, low, high, height, rate, half_step
):
    """Fill in what `Reader.sample` says; `arrays_at`: addresses of x, v, f, torque, rmass and radius.

    `half_step`: Δt/2, by which LAMMPS' velocities are behind its places while forces are new [s].
    """
    tag = carray(_pointer(tag_at), n, like.dtype)
    x = carray(_pointer(arrays_at[0]), (n, 3), np.float64)
    v = carray(_pointer(arrays_at[1]), (n, 3), np.float64)
    f = carray(_pointer(arrays_at[2]), (n, 3), np.float64)
    torque = carray(_pointer(arrays_at[3]), (n, 3), np.float64)
    mass = carray(_pointer(arrays_at[4]), n, np.float64)
    radius = carray(_pointer(arrays_at[5]), n, np.float64)
    values[7] = n
    for i in range(n):
        role = roles[tag[i] - 1]
        f0, f1, f2, z = f[i, 0], f[i, 1], f[i, 2], x[i, 2]
        if role == 0:
            if z < low or z > high:
                values[8] += 1
            kick = half_step / mass[i]
            u0, u1, u2 = v[i, 0] + kick * f0, v[i, 1] + kick * f1, v[i, 2] + kick * f2
            values[9] += f0 * z
            values[10] += f2 * z
            values[11] += f0 * (z - height / 2) + mass[i] * u0 * u2
            beside = u0 - rate * min(max(height - z, 0.0), height)
            values[12] += mass[i] * (beside * beside + u1 * u1 + u2 * u2) / 2
            continue
        first = 0 if role == 1 else 3
        for axis in range(3):
            values[first + axis] += f[i, axis]
        if first == 3:
            values[6] += z
        at = z + _point_of_action(f0, f1, f2, torque[i, 0], torque[i, 1], torque[i, 2], radius[i])
        values[9] += f0 * at
        values[10] += f2 * at


@numba.njit(cache=True)
def read_grains(like, tag_at, x_at, image_at, n, lx, ly, bits):  # type: ignore[no-untyped-def]
    tag = carray(_pointer(tag_at), n, like.dtype)
    x = carray(_pointer(x_at), (n, 3), np.float64)
    image = carray(_pointer(image_at), n, like.dtype)
    mask, middle = (1 << bits) - 1, 1 << (bits - 1)
    tags, position = np.empty(n, dtype=np.int64), np.empty((n, 3))
    for i in range(n):
        tags[i] = tag[i]
        position[i, 0] = x[i, 0] + ((image[i] & mask) - middle) * lx
        position[i, 1] = x[i, 1] + ((image[i] >> bits & mask) - middle) * ly
        position[i, 2] = x[i, 2]
    return tags, position
