from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from microslip.config import Config
from microslip.study.folder import family_table
from microslip.study.plan import StudyFile, plan_study
from microslip.study.summary import convergence, exceedance
from microslip.views.figures.registry import STUDY_FIGURES
from microslip.views.figures.study import draw_study
from microslip.views.gallery import save_drawing
from microslip.views.panels import Drawing
from microslip.views.report.study_report import with_error, write_study_report

QUANTITIES = ["stress", "stress_deviation", "solid_fraction", "normal_stress"]
QUANTITIES += [f"stages_per_strain_{name}" for name in ("1e-4", "3e-4", "1e-3", "3e-3")]
QUANTITIES += [f"{what}_{name}" for what in ("mean_slip", "slip_99") for name in ("1e-4", "1e-3")]


def tables(study, xi=True):
    """Summary and slips of a study whose numbers are stated and not measured."""
    rng = np.random.default_rng(1)
    rows, drops = [], []
    for number, system in enumerate(study.systems, start=1):
        row = {"number": number, "system": system.name, "n_grains": system.config.simulation.n_filled, "n_blocks": 15}
        row["inertial_number"] = system.config.simulation.numbers()["inertial_number"]
        row |= dict.fromkeys(QUANTITIES, 0.3 + 0.01 * number) | {f"{name}_error": 0.002 for name in QUANTITIES}
        for kind in ("stick", "slip"):
            known = {"": 2.0, "_low": 1.5, "_high": 2.5, "_error": 0.25}
            row |= {f"xi_{kind}{end}": value if xi else np.nan for end, value in known.items()}
        rows.append(row)
        drops.append(exceedance(1e-4 * (1 + rng.pareto(1.5, 500))).assign(system=system.name))
    return pd.DataFrame(rows), pd.concat(drops, ignore_index=True)


def planned(vary=None, system=()):
    return plan_study("some", StudyFile.model_validate({"vary": vary or {}, "system": list(system)}), Path())


SIZES = [{"name": name, "set": {"cell.length": length}} for name, length in (("small", 20), ("large", 30))]
KINDS = [
    {"name": "rough", "set": {"grains.friction": 0.9}},
    {"name": "fine", "set": {"cell.height": 30, "grains.width": 0.1}},
]


@pytest.mark.parametrize(
    ("study", "n_axes", "label"),
    [
        (planned({"loading.shear_rate": [20, 2, 0.6]}), 4, "inertial number $I$ [1]"),
        (planned({"grains.friction": [0.3, 0.5], "seed": [1, 2, 3]}), 8, r"friction $\mu$ [1]"),
        (planned({"recording.smoothing": ["none", "ewma"]}), 4, "recording.smoothing"),
        (planned(system=SIZES), 4, "cell.length"),
        (planned(system=KINDS), 4, ""),
    ],
)
def test_each_family_has_a_column_of_panels(study, n_axes, label):
    summary, drops = tables(study)
    figure = draw_study(summary, drops, family_table(study, summary))
    assert len(figure.axes) == n_axes
    assert figure.axes[0].get_xlabel() == label
    letters = [axes.get_title(loc="left") for axes in figure.axes]
    assert letters == list("abcdefgh"[:n_axes])


def test_small_numbers_share_their_power_of_ten_on_the_axis():
    study = planned({"loading.shear_rate": [6, 2, 0.6]})
    summary, drops = tables(study)
    axes = draw_study(summary, drops, family_table(study, summary)).axes[0]
    assert axes.get_xlabel() == "inertial number $I$ [$10^{-4}$]"
    numbers = [text.get_text() for text in axes.get_xticklabels()]
    assert [float(text) for text in numbers] == pytest.approx([1.0, 0.34, 0.1], abs=0.005)


def test_without_any_correlation_length_its_panel_is_left_out():
    study = planned({"grains.friction": [0.3, 0.5]})
    summary, drops = tables(study, xi=False)
    assert len(draw_study(summary, drops, family_table(study, summary)).axes) == 3


def test_a_family_holds_finished_systems_in_the_order_of_the_file():
    study = planned({"grains.friction": [0.3, 0.5, 0.9]})
    summary, _ = tables(study)
    table = family_table(study, summary[summary["system"] != "friction-0.9"])
    assert table["system"].tolist() == ["friction-0.3", "base"]
    assert table["value"].tolist() == [0.3, 0.5]
    cells = planned(system=[{"name": "a", "set": {"cell.length": 20, "cell.depth": 12}}])
    summary, _ = tables(cells)
    table = family_table(cells, summary)
    assert table["family"].tolist() == ["cell"]
    assert table["value"].tolist() == [summary["n_grains"].iloc[0]]


def test_the_page_names_every_system(tmp_path):
    study = planned({"loading.shear_rate": [20, 2, 0.6]})
    summary, drops = tables(study)
    summary, missing = summary.iloc[:-1], {"shear_rate-0.6": "simulate 43 %"}
    for name in STUDY_FIGURES:
        save_drawing(Drawing(draw_study(summary, drops, family_table(study, summary))), tmp_path / "figures", name)
    write_study_report(
        tmp_path / "report" / "index.html",
        folder=tmp_path,
        settings={"steps": ["simulate"], "settings": Config().model_dump(mode="json", exclude_none=True)},
        differences={system.name: system.describe() for system in study.systems},
        summary=summary,
        convergence=convergence(summary),
        missing=missing,
    )
    page = (tmp_path / "report" / "index.html").read_text(encoding="utf-8")
    assert "2 of 3 systems are finished" in page
    assert "<b>shear_rate-0.6</b> is left out: simulate 43 %" in page
    assert "loading.shear_rate = 20" in page
    assert "0.3100 ± 0.0020" in page
    # 0.01 apart, each ± 0.002
    assert "0.31 (−3.5)" in page
    assert 'class="number far"' in page
    for figure in STUDY_FIGURES.values():
        assert figure.title in page
        assert figure.alternative in page
    assert "http" not in page.replace("http-equiv", "")


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [(0.3412, 0.0123, "0.341 ± 0.012"), (-2.5, 0.5, "−2.50 ± 0.50"), (1234.5, 20.0, "1234 ± 20"), (2e-5, 1e-6, "±")],
)
def test_a_value_has_the_digits_of_its_error(value, error, text):
    assert text in with_error(value, error)
