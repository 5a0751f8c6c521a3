"""Stages gathered, turned and scaled in one pass, compiled."""

from __future__ import annotations

import numba


@numba.njit(cache=True, nogil=True)
def gather(inputs, stages, means, factors, odd_mirrored, odd_rotated, turns_x, turns_y, mirrored, rotated, out):  # type: ignore[no-untyped-def]
    n_channels, n_x, n_y, n_z = inputs.shape[1:]
    for row in range(len(stages)):
        for channel in range(n_channels):
            mean = means[channel]
            # the two signs of a quantity that is odd in both cancel
            turned = (mirrored[row] and odd_mirrored[channel]) != (rotated[row] and odd_rotated[channel])
            factor = -factors[channel] if turned else factors[channel]
            shift = -mean if turned else mean
            for x in range(n_x):
                from_x = (x + turns_x[row]) % n_x
                if rotated[row]:
                    from_x = (n_x - 1 - x + turns_x[row]) % n_x
                for y in range(n_y):
                    from_y = (y + turns_y[row]) % n_y
                    if mirrored[row]:
                        from_y = (n_y - 1 - y + turns_y[row]) % n_y
                    for z in range(n_z):
                        from_z = n_z - 1 - z if rotated[row] else z
                        value = inputs[stages[row], channel, from_x, from_y, from_z]
                        out[row, x, y, z, channel] = (value - shift) * factor
