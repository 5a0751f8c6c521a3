r"""
Stages of a noisy stress
========================

A turning point counts when the swing after it exceeds the threshold. With a threshold below the
noise, every wiggle is a stage. A causal filter takes most of them away, and a threshold above the
noise all; the last fall has no rise after it that would confirm its end, and is no stage.
"""

import matplotlib.pyplot as plt
import numpy as np

import microslip
from microslip import TWO_COLUMNS, journal_style, stress_window

rng = np.random.default_rng(11)

# 60 slow rises and sudden falls, and measuring noise of 5e-4 p
per_tooth, n_teeth = 500, 60
strain = 1e-5 * np.arange(per_tooth * n_teeth)
tooth = (
    rng.uniform(0.004, 0.012, n_teeth).repeat(per_tooth)
    * (np.arange(len(strain)) % per_tooth)
    / per_tooth
)
stress = 0.35 + tooth + 5e-4 * rng.normal(size=len(strain))

choices = {
    "threshold 1e-4": {"threshold": 1e-4},
    "threshold 1e-4, mean over 51": {"threshold": 1e-4, "smoothing": ("ewma", 51)},
    "threshold 4e-3": {"threshold": 4e-3},
}
found = {
    name: microslip.detect_stages(strain, stress, **choice) for name, choice in choices.items()
}
for name, stages in found.items():
    print(f"{name}: {np.sum(stages['kind'] == 'slip')} slips, where {n_teeth} were put in")

# %%
with journal_style():
    figure, axes = plt.subplots(
        1, 3, figsize=(TWO_COLUMNS, 2.4), sharey=True, layout="constrained"
    )
    for panel, (name, stages) in zip(axes, found.items(), strict=True):
        stress_window(strain, stress, stages, (0.05, 0.07), title=name, axes=panel)
    for panel in axes[1:]:
        panel.set_ylabel("")
