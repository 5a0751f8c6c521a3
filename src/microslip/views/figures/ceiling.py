"""Where the network stands between baselines and ceilings, for all stages and by size."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from microslip.core.errors import MicroslipError
from microslip.data.artifacts import artifact
from microslip.data.run import Run
from microslip.views.figures.record import SETS, About, RunFigure
from microslip.views.names import MODEL_COLOUR, MODEL_NAME, R2_FLOOR, RULE_COLOUR, RULE_MARKER
from microslip.views.panels import Drawing, panel
from microslip.views.style import (
    GREEN,
    GREY,
    INK,
    NEW_AXES,
    TWO_COLUMNS,
    VERMILLION,
    add_letters,
    draws_panel,
    journal_style,
    new_figure,
)
from microslip.views.tables import read

SCORES, REPLICAS, CURVE, SEEDS = (
    "ceiling/scores.csv", "replicas/ceiling.csv", "ablations/learning_curve.csv", "assessment/summary.csv"
)  # fmt: skip
# From below: what knows no pattern, what knows fields and strains, networks, what positions tell, and bounds.
LINES = {
    "mean_d2min": MODEL_NAME["mean_d2min"],
    "d2min_quantiles": MODEL_NAME["d2min_quantiles"],
    "strain_increment": MODEL_NAME["strain_increment"],
    "ridge_voxels": MODEL_NAME["ridge_voxels"],
    "neighbours": "nearest neighbours",
    "elastic": "local strains, linear",
    "network": "network",
    "seeds": "network, mean over seeds",
    "limit": "network, ever more stages",
    "hertz": "Hertz' forces of positions",
    "hertz_elastic": "Hertz' forces and strains",
    "same_field": "≤ replicas, one field",
    "same_start": "≤ replicas, one start",
}
THIRDS = ("small", "middle", "large")
BY_SIZE = {
    "strain_increment": MODEL_COLOUR["strain_increment"],
    "elastic": GREEN,
    "network": MODEL_COLOUR["network"],
    "hertz": VERMILLION,
    "same_start": INK,
}


@draws_panel()
def standing(lines: pd.DataFrame, *, title: str = "", axes: Axes = NEW_AXES) -> None:
    """R² of every line with its interval, by split rule: columns line, rule (empty of a bound), r2, r2_low, r2_high."""
    shown = [line for line in LINES if line in set(lines["line"])]
    for row in lines.to_dict("records"):
        rule = row["rule"]
        height = shown.index(row["line"]) + {"random": 0.15, "blocked": -0.15}.get(rule, 0.0)
        low, high = (max(row[name], R2_FLOOR) for name in ("r2_low", "r2_high"))
        colour, value = RULE_COLOUR.get(rule, INK), max(row["r2"], R2_FLOOR)
        if np.isfinite(low + high):
            axes.plot([low, high], [height, height], color=colour, linewidth=0.9)
        axes.plot(value, height, RULE_MARKER.get(rule, "|"), color=colour, markersize=3.5 if rule else 7)
    for rule, colour in RULE_COLOUR.items():
        if (lines["rule"] == rule).any():
            axes.plot([], [], RULE_MARKER[rule], color=colour, markersize=3.5, label=f"{rule} split")
    axes.axvline(1.0, color=GREY, linewidth=0.7)
    axes.axvline(0.0, color=GREY, linewidth=0.7, linestyle=(0, (4, 3)))
    axes.set_yticks(range(len(shown)), [LINES[line] for line in shown])
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(-0.6, len(shown) - 0.4)
    axes.set_xlim(R2_FLOOR - 0.03, 1.04)
    axes.set_xlabel(r"$R^2$ on the test set [1]")
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="lower right")


@draws_panel()
def by_size(lines: pd.DataFrame, *, title: str = "", axes: Axes = NEW_AXES) -> None:
    """Share of the mean square that is explained in thirds by size: columns line, group, r2, r2_low, r2_high."""
    shown = [line for line in BY_SIZE if line in set(lines["line"])]
    for number, line in enumerate(shown):
        part = lines[lines["line"] == line].set_index("group").reindex(THIRDS)
        x = np.arange(len(THIRDS)) + 0.06 * (number - (len(shown) - 1) / 2)
        value = part["r2"].clip(lower=R2_FLOOR)
        ends = [part[name].clip(lower=R2_FLOOR).fillna(value) for name in ("r2_low", "r2_high")]
        bars = [(value - ends[0]).clip(lower=0), (ends[1] - value).clip(lower=0)]
        axes.errorbar(
            x, value, bars, fmt="o-" if line != "same_start" else "_:", color=BY_SIZE[line], markersize=3.5,
            linewidth=0.9, elinewidth=0.7, label=LINES[line],
        )  # fmt: skip
    axes.axhline(0.0, color=GREY, linewidth=0.7, linestyle=(0, (4, 3)))
    axes.set_xticks(range(len(THIRDS)), THIRDS)
    axes.set_xlabel("third of the stages by size", color=INK)
    axes.set_ylabel(r"$1 - \Sigma(t - p)^2/\Sigma t^2$ [1]")
    axes.set_ylim(R2_FLOOR - 0.03, 1.9)
    axes.set_yticks([-0.2, 0.0, 0.2, 0.4, 0.6, 0.8, 1.0])
    axes.legend(loc="upper left", fontsize=6)


def lines_of(run: Run) -> tuple[pd.DataFrame, list[str]]:
    """Every line that the run holds, of all stages and of thirds, and the commands whose tables are missing.

    Columns line, rule (empty of a bound), group, r2, r2_low, r2_high. The scores themselves must be there.
    """
    ends = "r2 r2_low r2_high"
    parts = [read(run, SCORES, f"rule method group {ends}").rename(columns={"method": "line"})]
    missing = []
    for path, columns in (
        (SEEDS, f"rule fold method {ends}"),
        (CURVE, "rule r2_limit r2_limit_low r2_limit_high determined"),
        (REPLICAS, f"bound perturbation group {ends}"),
    ):
        try:
            table = read(run, path, columns)
        except MicroslipError:
            missing.append(artifact(path).step)
            continue
        if path == SEEDS:
            part = table[(table["method"] == "network") & (table["fold"] == 0) & table["rule"].isin(list(RULE_COLOUR))]
            parts.append(part.assign(line="seeds", group="all"))
        elif path == CURVE:
            part = table[table["determined"]].rename(columns=lambda name: name.replace("_limit", ""))
            parts.append(part.assign(line="limit", group="all"))
        else:
            # of several perturbations the least: what all others have besides is their size
            smallest = table["perturbation"].isna() | (table["perturbation"] == table["perturbation"].min())
            part = table[smallest & table["bound"].isin(list(LINES))]
            parts.append(part.rename(columns={"bound": "line"}).assign(rule=""))
    return pd.concat([part[["line", "rule", "group", *ends.split()]] for part in parts], ignore_index=True), missing


@journal_style()
def draw(run: Run) -> Drawing:
    """Baselines, network, physical predictors and bounds: R² of all stages, and what is explained by size."""
    drawing = Drawing(new_figure(TWO_COLUMNS, 3.2))
    panels = drawing.figure.subplots(1, 2, width_ratios=[1.25, 1])
    with panel(panels[0], run, SCORES, "All stages"):
        lines, missing = lines_of(run)
        standing(lines[lines["group"] == "all"], title="All stages", axes=panels[0])
        drawing.tables["lines"] = lines
        if missing:
            told = " and ".join(f"`microslip {verb}`" for verb in missing)
            panels[0].annotate(f"not made yet: {told}", (1, 0.99), xycoords="axes fraction", fontsize=5.5, color=GREY,
                               ha="right", va="top")  # fmt: skip
    with panel(panels[1], run, SCORES, "By size"):
        lines, _ = lines_of(run)
        blocked = lines["rule"].isin(["blocked", ""]) & (lines["group"] != "all")
        by_size(lines[blocked], title="By size", axes=panels[1])
    add_letters(panels)
    return drawing


def _caption(about: About) -> str:
    both = " The walls' and the volume's are not the same: statistics/walls.csv." if about.walls else ""
    return (
        "(a) R² on the test set, with 90 % intervals. Local strains: a straight line in Δγ and signed means of the "
        "local strain. Hertz' forces: a straight line in the change of the stress of the normal forces of the "
        "overlaps at the start and at the end of a stage, which positions alone tell. Replicas: what is left where "
        "stages of a stretch beyond the run are done again from starts that are hardly moved, at one start and at one "
        "field. (b) The same in thirds of the stages by size, blocked split, over the mean square of the third. "
        f"Points end at {R2_FLOOR:g}. The stress is the {about.measure.title}.{both}"
    )


FIGURE = RunFigure(
    name="ceiling",
    title="Between baselines and ceiling",
    draw=draw,
    caption=_caption,
    alternative="R² of baselines, network, physical predictors and upper bounds, one below the other; and by size.",
    needs=SCORES,
    settings=SETS,
    in_pressure=False,
    of_few_runs=True,
)
