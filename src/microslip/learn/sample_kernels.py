"""Stages gathered, turned and scaled in one pass, compiled."""

from __future__ import annotations

import numba


@numba.njit(cache=True, nogil=True)
def gather(inputs, stages, means, factors, odd, turns_x, turns_y, mirrored, out):  # type: ignore[no-untyped-def]
    n_channels, n_x, n_y, n_z = inputs.shape[1:]
    for row in range(len(stages)):
        for channel in range(n_channels):
            mean = means[channel]
            factor = -factors[channel] if mirrored[row] and odd[channel] else factors[channel]
            shift = -mean if mirrored[row] and odd[channel] else mean
            for x in range(n_x):
                from_x = (x + turns_x[row]) % n_x
                for y in range(n_y):
                    from_y = (y + turns_y[row]) % n_y
                    if mirrored[row]:
                        from_y = (n_y - 1 - y + turns_y[row]) % n_y
                    for z in range(n_z):
                        value = inputs[stages[row], channel, from_x, from_y, z]
                        out[row, x, y, z, channel] = (value - shift) * factor
