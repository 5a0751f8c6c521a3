r"""
D²min of an artificial avalanche
================================

Three places of a sheared slab rearrange: each pushes its surroundings out along the one diagonal
of the x–z plane and pulls them in along the other, as a shear transformation does, and jumbles
its core. Of the shear D²min has nothing, of the smooth field around the places little: the cores
stand out by decades.
"""

import numpy as np

import microslip
from microslip import draw_snapshot, notch

rng = np.random.default_rng(3)
box = microslip.Box((24.0, 12.0, 14.0))

# grains on a shaken lattice, lengths in mean diameters
counts = [int(length) for length in box.lengths]
grid = np.meshgrid(*(np.arange(n) + 0.5 for n in counts), indexing="ij")
start = np.stack(grid, axis=-1).reshape(-1, 3)
start += rng.normal(0, 0.1, start.shape)

# a strain of 1e-3, and the three places
end = start + 1e-3 * start[:, [2]] * [1.0, 0.0, 0.0]
places = np.array([[5.0, 3.0, 9.0], [11.0, 2.0, 6.0], [19.0, 9.0, 11.0]])
for place, strength in zip(places, (0.02, 0.03, 0.02), strict=True):
    away = box.minimum_image(start - place)
    distance = np.linalg.norm(away, axis=1, keepdims=True)
    quadrupole = away[:, [2, 1, 0]] * [1.0, 0.0, 1.0] / np.maximum(distance, 1.5) ** 3
    end += strength * quadrupole + 0.3 * strength * rng.normal(size=start.shape) * np.exp(
        -((distance / 1.5) ** 2)
    )

motion = microslip.d2min(start, end, box)
print(f"median D²min {np.median(motion.d2min):.1e} d̄², largest {motion.d2min.max():.1e} d̄²")
for place in places:
    near = np.linalg.norm(box.minimum_image(start - place), axis=1) < 2
    print(f"at {place}: median {np.median(motion.d2min[near]):.1e} d̄²")

# %%
# The front right corner is cut out, so that the inside shows.
bulk = np.zeros(len(start), dtype=int)
diameters = rng.uniform(0.8, 1.1, len(start))
draw_snapshot(start, diameters, bulk, box, values=motion.d2min, keep=notch(start, box))
