r"""
In your own figure
==================

Every function of `microslip.views` that draws one panel takes `axes`. It then draws there and
leaves the rest of the figure, and matplotlib's settings, as they are.
"""

import matplotlib.pyplot as plt
import numpy as np

import microslip
from microslip import node_map, stress_window

rng = np.random.default_rng(12)
strain = 1e-4 * np.arange(4000)
stress = 0.3 + 0.05 * np.cumsum(rng.normal(size=4000)) / 60
stages = microslip.detect_stages(strain, stress, threshold=0.01)

figure = plt.figure(figsize=(7, 4), layout="constrained")
panels = figure.subplot_mosaic([["stress", "stress"], ["map", "sizes"]])
stress_window(
    strain, stress, stages, (0.1, 0.3), title="drawn by microslip", axes=panels["stress"]
)
x, z = np.arange(20) + 0.5, np.arange(10) + 0.5
plane = np.sin(x[:, None] / 3) * np.cos(z[None, :] / 2) * 1e-3
node_map(
    plane,
    x,
    z,
    signed=True,
    label="a signed field",
    unit="p",
    title="drawn by microslip",
    axes=panels["map"],
)
panels["sizes"].hist(np.abs(stages["fluctuation"]), bins=15, color="tan")
panels["sizes"].set(xlabel="size of a stage [p]", ylabel="stages", title="drawn by you")
print(f"{len(stages)} stages; your own font size is still {plt.rcParams['font.size']:g}")
