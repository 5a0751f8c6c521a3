r"""
Predicted against true
======================

R² hangs on the few largest stages. Here two predictors have nearly the same R²: one is off by
noise of one size everywhere, the other by a share of each stage's own size. The sign, sorted by
size, tells them apart.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from microslip import TWO_COLUMNS, journal_style, predicted_against_true
from microslip.learn.evaluate import scores

rng = np.random.default_rng(6)

# half sticks, half slips, sizes over two and a half decades
size = np.minimum(10 ** (-3.6 + rng.exponential(0.35, 3000)), 0.06)
target = size * np.where(np.arange(3000) % 2 == 0, -1, 1)
own = 0.6 * target * rng.normal(size=3000)
one = np.sqrt(np.mean(own**2)) * rng.normal(size=3000)
predictions = {"noise of one size": target + one, "noise of each one's size": target + own}

with journal_style():
    figure, axes = plt.subplots(1, 3, figsize=(TWO_COLUMNS, 2.6), layout="constrained")
    for panel, (name, prediction) in zip(axes, predictions.items(), strict=False):
        table = pd.DataFrame(
            {"rule": "blocked", "split": "test", "target": target, "prediction": prediction}
        )
        found = scores(target, prediction)
        metrics = {"blocked": {"network": {"test": found}}}
        predicted_against_true(
            table, metrics, "blocked", splits=("test",), title=name, axes=panel
        )
        edges = np.geomspace(2.5e-4, 0.06, 9)
        wide = np.digitize(np.abs(target), edges)
        right = [
            np.mean(np.sign(prediction[wide == bin]) == np.sign(target[wide == bin]))
            for bin in range(1, 9)
        ]
        axes[2].plot(np.sqrt(edges[1:] * edges[:-1]), right, "o-", markersize=3, label=name)
        print(f"{name}: R² = {found['r2']:.2f}, sign {np.mean(right):.0%}")
    axes[2].set_xscale("log")
    axes[2].set_ylim(0.4, 1.02)
    axes[2].axhline(0.5, color="grey", linewidth=0.7)
    axes[2].set_xlabel(r"size $|\Delta s|$ [$p$]")
    axes[2].set_ylabel("share with the right sign [1]")
    axes[2].legend(loc="lower right")
