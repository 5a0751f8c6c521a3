"""R² of the network beside the baselines without pattern."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from microslip.data.run import Run
from microslip.views.figures.record import SETS, RunFigure
from microslip.views.names import MODEL_COLOUR, MODEL_NAME, R2_FLOOR, RULES
from microslip.views.panels import Drawing, panel
from microslip.views.style import INK, NEW_AXES, ONE_COLUMN, draws_panel, journal_style, new_figure
from microslip.views.tables import score


@draws_panel()
def score_bars(metrics: dict[str, Any], *, split: str = "test", title: str = "", axes: Axes = NEW_AXES) -> None:
    """R² of the network and the baselines under each split rule; bars end at `R2_FLOOR`, numbers are written out."""
    models = list(MODEL_COLOUR)
    width = 0.8 / len(models)
    top = 0.0
    for j, model in enumerate(models):
        for i, rule in enumerate(RULES):
            r2 = score(metrics, rule, model, split)
            if not np.isfinite(r2):
                continue
            x, height = i + (j - (len(models) - 1) / 2) * width, max(r2, R2_FLOOR)
            top = max(top, height)
            axes.bar(x, height, 0.9 * width, color=MODEL_COLOUR[model], label=MODEL_NAME[model] if i == 0 else None)
            axes.annotate(
                f"{r2:.2f}".replace("-", "−"), (x, max(height, 0.0)), xytext=(0, 2),
                textcoords="offset points", ha="center", fontsize=5,
            )  # fmt: skip
    axes.axhline(0, color=INK, linewidth=0.7)
    axes.set_xticks(range(len(RULES)), [f"{rule} split" for rule in RULES])
    axes.tick_params(axis="x", length=0)
    axes.set_xlim(-0.5, len(RULES) - 0.5)
    axes.set_ylim(R2_FLOOR - 0.02, max(top, 0.5) + 1.0)
    axes.set_yticks([tick for tick in (-0.2, 0.0, 0.2, 0.4, 0.6, 0.8, 1.0) if tick <= max(top, 0.5) + 0.1])
    axes.set_ylabel(rf"$R^2$ on the {split} set [1]")
    axes.legend(loc="upper left", borderaxespad=0.1, handlelength=1.2)


@journal_style()
def draw(run: Run) -> Drawing:
    """R² on the test set of the network and of the baselines without pattern, under both split rules."""
    drawing = Drawing(new_figure(ONE_COLUMN, 2.6))
    axes = drawing.figure.subplots()
    with panel(axes, run, "model/metrics.json", "Network and baselines"):
        metrics = run.metrics
        score_bars(metrics, title="Network and baselines", axes=axes)
        rows = [
            {"rule": rule, "model": model, "split": split, **values}
            for rule in RULES
            for model, splits in metrics.get(rule, {}).items()
            if isinstance(splits, dict)
            for split, values in splits.items()
            if isinstance(values, dict)
        ]
        if rows:
            drawing.tables["scores"] = pd.DataFrame(rows)
    return drawing


FIGURE = RunFigure(
    name="scores",
    title="Network against baselines without pattern",
    draw=draw,
    caption=(
        "R² on the test set. Baselines: gradient-boosted trees on log₁₀ of the mean of D²min, and of its quantiles, "
        "over the grains. Bars end at −0.25; the numbers do not."
    ),
    alternative="Bars of R² of the network and of two baselines under the random and the blocked split.",
    needs="model/metrics.json",
    settings=SETS,
    in_pressure=False,
    narrow=True,
)
