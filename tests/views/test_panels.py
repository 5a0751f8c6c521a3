from __future__ import annotations

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from microslip.core.box import Box
from microslip.views.choose import TooFewStages, choose_cycle, choose_explained, largest_slip
from microslip.views.figures.attributions import largest_over_depth, log_nodes, mean_over_depth, mid_depth, node_map
from microslip.views.figures.cell_and_stress import stress_strain, stress_window
from microslip.views.figures.correlation import correlation_length
from microslip.views.figures.scores import score_bars
from microslip.views.figures.training import both_test_sets, error_histogram, predicted_against_true
from microslip.views.names import R2_FLOOR
from microslip.views.panels import thin_series
from microslip.views.render.snapshot import draw_snapshot, grain_colours, log_limits, notch
from microslip.views.style import WALL, journal_style, new_figure, say_missing, scientific, symmetric_limit

STAGES = pd.DataFrame(
    {
        "stage": range(6),
        "kind": ["slip", "stick", "slip", "stick", "slip", "stick"],
        "fluctuation": [0.5, -0.01, 0.02, -0.03, 0.04, -0.2],
        "start_strain": np.arange(6) * 0.1,
        "end_strain": np.arange(1, 7) * 0.1,
        "start_stress": 0.3,
        "end_stress": 0.3,
    }
)


def labels(figure: Figure) -> list[str]:
    """All axis labels of a figure."""
    return [text for axes in figure.axes for text in (axes.get_xlabel(), axes.get_ylabel()) if text]


def test_cycles_pair_a_stick_with_the_slip_after_it():
    assert choose_cycle(STAGES, 1.0) == (3, 4)
    assert choose_cycle(STAGES, 0.0) == (1, 2)
    assert largest_slip(STAGES) == (3, 4), "the slip at the start has no stick before it"


@pytest.mark.parametrize("choose", [lambda table: choose_cycle(table, 0.5), largest_slip])
def test_without_a_cycle_there_is_a_sentence(choose):
    with pytest.raises(TooFewStages, match=r"lower stages\.threshold"):
        choose(STAGES.iloc[:2])


def test_explained_stages_are_the_largest_of_each_kind():
    assert choose_explained(STAGES, np.array([1, 2, 4, 5])) == (2, 3)
    with pytest.raises(TooFewStages, match="no stick"):
        choose_explained(STAGES, np.array([0, 2]))


def test_thinning_keeps_every_extreme():
    x = np.arange(100_000.0)
    y = np.sin(x / 5000)
    y[43_210] = 9.0
    thin_x, thin_y = thin_series(x, y, 2000)
    assert len(thin_x) <= 2002
    assert thin_y.max() == 9.0
    assert thin_x[np.argmax(thin_y)] == 43_210
    assert thin_x[0] == x[0]
    assert thin_x[-1] == x[-1]
    assert np.all(np.diff(thin_x) > 0)


def test_stress_panels_carry_units_and_shade_the_warm_up():
    strain = np.linspace(0, 1, 500)
    figure = stress_strain(strain, 0.3 * np.tanh(10 * strain), warm_up=0.2)
    assert any("[$p$]" in label for label in labels(figure))
    assert any("strain" in label for label in labels(figure))
    assert any(text.get_text() == "warm-up" for text in figure.axes[0].texts)
    window = stress_window(strain, strain, STAGES, (0.1, 0.5), cycle=(3, 4))
    assert [text.get_text() for text in window.axes[0].get_legend().get_texts()][:2] == ["stick", "slip"]


def test_panels_draw_into_the_readers_axes_and_leave_no_trace():
    before = dict(matplotlib.rcParams)
    figure = new_figure()
    axes = figure.subplots()
    assert stress_strain(np.arange(5.0), np.arange(5.0), axes=axes) is figure
    assert dict(matplotlib.rcParams) == before
    assert plt.get_fignums() == []


def test_walls_have_a_colour_of_their_own_and_missing_values_too():
    kind = np.array([0, 0, 0, 1, 2])
    values = np.array([1e-6, 1e-4, np.nan, np.nan, np.nan])
    colours = grain_colours(kind, values, matplotlib.colors.LogNorm(1e-6, 1e-4), "viridis")
    assert np.allclose(colours[3:], to_rgb(WALL))
    assert np.allclose(colours[0], matplotlib.colormaps["viridis"](0.0)[:3])
    assert np.allclose(colours[1], matplotlib.colormaps["viridis"](1.0)[:3])
    assert np.ptp(colours[2]) < 0.1, "no value: grey"
    paler = grain_colours(kind, values, matplotlib.colors.LogNorm(1e-6, 1e-4), "viridis", pale=np.arange(5) == 0)
    assert paler[0].mean() > colours[0].mean()
    assert np.allclose(paler[1], colours[1])


def test_snapshot_names_its_colour_scale():
    rng = np.random.default_rng(0)
    box = Box((4.0, 3.0, 3.0))
    positions = rng.random((40, 3)) * 3
    values = np.exp(rng.normal(-10, 1, 40))
    kind = np.zeros(40, dtype=int)
    keep = notch(positions, box)
    assert 0 < keep.sum() < 40
    figure = draw_snapshot(positions, np.ones(40), kind, box, values=values, keep=keep, annotate=True, pixels=200)
    assert any("D^2" in label and r"\bar d^2" in label for label in labels(figure))


def test_colour_limits():
    assert log_limits(np.array([np.nan, 0.0])) == (1e-8, 1.0)
    low, high = log_limits(np.geomspace(1e-9, 1e-3, 1000))
    assert 1e-9 < low < 1e-8
    assert 1e-4 < high < 1e-3
    assert symmetric_limit(np.array([-2.0, 1.0, np.nan]), 1.0) == 2.0
    assert symmetric_limit(np.zeros(3)) == 1.0
    assert scientific(-0.00123) == r"$-1.2\times 10^{-3}$"
    assert scientific(0.5) == "$0.50$"


@pytest.fixture
def predictions() -> pd.DataFrame:
    """Perfect on the random test set, the mean on the blocked one."""
    target = np.linspace(-1, 1, 21)
    parts = [
        pd.DataFrame({"rule": rule, "split": split, "target": target, "prediction": target * (rule == "random")})
        for rule in ("random", "blocked")
        for split in ("train", "validation", "test")
    ]
    return pd.concat(parts)


def metrics_of(r2):
    return {rule: {"network": {split: {"r2": value} for split in ("train", "test")}} for rule, value in r2.items()}


def legend_of(figure: Figure) -> list[str]:
    legend = figure.axes[0].get_legend()
    return [text.get_text() for text in legend.get_texts()] if legend else []


def test_the_r2_of_the_training_is_printed_and_none_is_worked_out(predictions):
    """Numbers that the table of predictions does not give: a figure says what the run's metrics say."""
    metrics = metrics_of({"random": 0.8734, "blocked": -1.255})
    figure = predicted_against_true(predictions, metrics, "random")
    assert legend_of(figure) == ["train, $R^2$ = 0.873", "test, $R^2$ = 0.873"]
    both = both_test_sets(predictions, metrics)
    assert "blocked split, $R^2$ = −1.25" in legend_of(both)
    assert all("[$p$]" in label for label in labels(figure))


def test_a_set_without_an_r2_has_none_in_the_legend(predictions):
    figure = predicted_against_true(predictions, metrics_of({"random": float("nan")}), "random")
    assert legend_of(figure) == ["train", "test"]
    assert legend_of(both_test_sets(predictions, {})) == ["random split", "blocked split"]


def test_a_hopeless_baseline_is_clipped_and_its_number_written():
    metrics = {"random": {"network": {"test": {"r2": 0.8}}, "mean_d2min": {"test": {"r2": -7.5}}}}
    figure = score_bars(metrics)
    assert "−7.50" in [text.get_text() for text in figure.axes[0].texts]
    assert min(bar.get_height() for bar in figure.axes[0].patches) == R2_FLOOR


def test_the_histogram_of_errors_is_that_of_the_training():
    errors = pd.DataFrame(
        {"rule": "blocked", "split": ["train", "train", "test", "test"], "error_low": [-1.0, 0.0] * 2,
         "error_high": [0.0, 1.0] * 2, "n": [3, 1, 1, 1], "density": [0.75, 0.25, 0.5, 0.5]}
    )  # fmt: skip
    metrics = {"blocked": {"network": {"train": {"rmse": 0.5}, "test": {"rmse": float("nan")}}}}
    figure = error_histogram(errors, metrics, "blocked")
    assert any("1/p" in label for label in labels(figure))
    assert legend_of(figure) == ["train\nrmse 0.5 $p$", "test"]
    drawn = [patch.get_data() for patch in figure.axes[0].patches]
    assert [list(step.values) for step in drawn] == [[0.75, 0.25], [0.5, 0.5]]
    assert list(drawn[0].edges) == [-1, 0, 1]
    empty = error_histogram(errors.iloc[:0], {}, "random")
    assert empty.axes[0].get_legend() is None


def test_maps_of_the_attribution_are_symmetric_about_zero():
    plane = np.random.default_rng(0).normal(0, 1e-5, (6, 5)) + 1e-5
    figure = node_map(plane, np.arange(6.0), np.arange(5.0), signed=True, label="attribution", unit="p")
    low, high = figure.axes[0].images[0].get_clim()
    assert low == -high
    assert high > 0
    assert any("attribution" in label and "p$" in label for label in labels(figure))


def test_projections_over_depth():
    nodes = np.zeros((2, 3, 4))
    nodes[1, 2, 3] = 100.0
    logs = log_nodes(nodes)
    assert np.isnan(logs).sum() == nodes.size - 1
    assert largest_over_depth(logs)[1, 3] == 2.0
    assert np.isnan(largest_over_depth(logs)[0, 0])
    assert mean_over_depth(nodes)[1, 3] == pytest.approx(100 / 3)
    assert mid_depth(nodes).shape == (2, 4)


def test_correlation_length_shows_both_kinds():
    rows = [
        {"group": f"{kind}{i}", "kind": kind, "by": "bin", "mean_fluctuation": sign * 10.0**-i,
         "xi": 2.0, "xi_low": 1.5,
         "xi_high": 2.5, "amplitude": 1.0, "exponent": 0.5, "r_min": 1.0, "r_max": 3.0}
        for kind, sign in (("stick", -1), ("slip", 1))
        for i in (2, 3)
    ]  # fmt: skip
    figure = correlation_length(pd.DataFrame(rows))
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == ["stick", "slip"]
    assert r"correlation length $\xi$ [$\bar d$]" in labels(figure)


def test_a_dollar_in_a_sentence_is_no_formula():
    figure = new_figure()
    axes = figure.subplots()
    with journal_style():
        say_missing(axes, "Run `microslip train a$b$c`")
    FigureCanvasAgg(figure).draw()
