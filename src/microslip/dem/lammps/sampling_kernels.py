"""LAMMPS' arrays read by their addresses, compiled."""

from __future__ import annotations

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
def read_walls(values, like, tag_at, x_at, f_at, n, roles, low, high):  # type: ignore[no-untyped-def]
    tag = carray(_pointer(tag_at), n, like.dtype)
    x = carray(_pointer(x_at), (n, 3), np.float64)
    f = carray(_pointer(f_at), (n, 3), np.float64)
    values[7] = n
    for i in range(n):
        role = roles[tag[i] - 1]
        if role == 0:
            if x[i, 2] < low or x[i, 2] > high:
                values[8] += 1
            continue
        first = 0 if role == 1 else 3
        for axis in range(3):
            values[first + axis] += f[i, axis]
        if first == 3:
            values[6] += x[i, 2]


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
