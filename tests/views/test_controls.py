"""What the panels of the controls draw is what the tables hold."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import same_color
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse, Rectangle

from microslip.data.run import Run
from microslip.views.figures.ablations import ablation_bars, sweep
from microslip.views.figures.attribution_clusters import cluster_ratios, cluster_shares
from microslip.views.figures.lengths import ELLIPSE_FROM, attribution_correlation, length_plane, ratio_bars
from microslip.views.figures.nulls import deletion_areas, deletion_curves, randomised_layers
from microslip.views.figures.registry import FIGURES
from microslip.views.figures.reliability import calibration, sign_accuracy
from microslip.views.names import (
    FIELD_MARKER,
    NETWORK_COLOUR,
    ORDER_COLOUR,
    ORDER_NAME,
    R2_FLOOR,
    RULE_COLOUR,
    RULE_MARKER,
)
from microslip.views.style import BLUE, KIND_COLOUR, KIND_MARKER, VERMILLION


@pytest.fixture
def tables(complete):
    """The tables of a complete run, by name."""
    names = {"model": ("sign_by_size", "calibration"), "ablations": ("summary",)}
    names |= {"interpretation": ("correlation", "ellipses", "claim", "layers", "deletion", "areas", "clusters")}
    return {name: pd.read_csv(complete.folder / part / f"{name}.csv") for part, some in names.items() for name in some}


def curves(axes: Axes, colour: str, least: int = 2) -> list[np.ndarray]:
    """Points of the lines of a colour, shape (point, 2) each."""
    drawn = [line for line in axes.lines if same_color(line.get_color(), colour)]
    return [np.array(line.get_xydata()) for line in drawn if len(line.get_xdata()) >= least]


def paint(figure: Figure) -> None:
    """Lay out and draw: the canvas that a figure is born with does neither."""
    FigureCanvasAgg(figure).draw()


def labels(figure: Figure) -> list[str]:
    """Texts of the first panel's legend."""
    return [text.get_text() for text in figure.axes[0].get_legend().get_texts()]


def test_the_sign_is_drawn_at_the_middle_of_each_size_for_the_test_sets_alone(tables):
    table = tables["sign_by_size"]
    figure = sign_accuracy(table)
    axes = figure.axes[0]
    assert labels(figure) == ["random split", "blocked split"]
    for rule, colour in RULE_COLOUR.items():
        part = table[(table["split"] == "test") & (table["rule"] == rule)]
        (line,) = curves(axes, colour, len(part))
        middle = np.exp((np.log(part["size_low"]) + np.log(part["size_high"])) / 2)
        np.testing.assert_allclose(line, np.stack([middle, part["sign_accuracy"]], axis=1))
    low, high = axes.get_ylim()
    assert low <= table.loc[table["split"] == "test", "low"].min()
    assert high >= 1
    assert axes.get_xscale() == "log"


def test_the_calibration_shows_the_true_above_the_predicted_with_its_interval(tables):
    table = tables["calibration"]
    axes = calibration(table).axes[0]
    for rule, colour in RULE_COLOUR.items():
        part = table[(table["split"] == "test") & (table["rule"] == rule)]
        (points,) = curves(axes, colour)
        np.testing.assert_allclose(points, part[["predicted", "true"]])
    bars = [bar for container in axes.containers for bar in container[2][0].get_segments()]
    tests = table[table["split"] == "test"]
    lengths = [bar[1, 1] - bar[0, 1] for bar in bars]
    np.testing.assert_allclose(sorted(lengths), sorted(2 * 1.645 * tests["standard_error"]), rtol=1e-6, atol=1e-12)


def test_each_bar_is_as_long_as_its_score_and_a_hopeless_one_is_clipped_and_written(tables):
    summary = tables["summary"]
    figure = ablation_bars(summary, ("input", "boosting"))
    axes = figure.axes[0]
    chosen = summary[summary["family"].isin(["input", "boosting"])]
    bars = [bar for bar in axes.patches if isinstance(bar, Rectangle)]
    assert len(bars) == len(chosen) == 22
    names = [text.get_text() for text in axes.get_yticklabels()]
    assert names[-6:] == ["full", "shuffled", "phases", "pattern", "amplitude", "mask"][::-1]
    assert "boosting: mean d2min" in names
    for row in chosen.itertuples():
        name = row.value if row.family == "input" else f"boosting: {row.value.replace('_', ' ')}"
        place = names.index(name)
        (bar,) = (
            bar
            for bar in bars
            if abs(bar.get_y() + bar.get_height() / 2 - place) < 0.5
            and same_color(bar.get_facecolor(), RULE_COLOUR[row.rule])
        )
        assert bar.get_width() == pytest.approx(max(row.r2, R2_FLOOR))
    assert "−3.20" in [text.get_text() for text in axes.texts]
    assert axes.get_xlim()[0] <= R2_FLOOR


def test_families_that_are_not_asked_for_are_not_drawn(tables):
    axes = ablation_bars(tables["summary"], ("radius",)).axes[0]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["radius: 2", "radius: 0.8"]


@pytest.mark.parametrize(("family", "own"), [("spacing", 1.0), ("cell share", 1.0), ("radius", 1.3)])
def test_a_sweep_holds_the_untouched_run_at_its_own_value_in_order(tables, family, own):
    summary = tables["summary"]
    axes = sweep(summary, family, own, "x").axes[0]
    for rule, colour in RULE_COLOUR.items():
        of_rule = summary[summary["rule"] == rule].set_index(["family", "value"])["r2"]
        expected = {float(value): r2 for value, r2 in of_rule[family].items()} | {own: of_rule["input", "full"]}
        (line,) = curves(axes, colour)
        np.testing.assert_allclose(line, sorted(expected.items()))


def test_lines_are_of_the_motion_and_points_of_the_attribution(tables):
    table = tables["correlation"]
    axes = attribution_correlation(table, network="untrained", field="signed").axes[0]
    part = table[(table["network"] == "untrained") & (table["field"] == "signed")]
    for kind, colour in (("stick", BLUE), ("slip", VERMILLION)):
        drawn = curves(axes, colour)
        groups = [one for _, one in part[part["kind"] == kind].groupby("group", sort=False)]
        assert len(drawn) == 2 * len(groups) == 6
        for number, group in enumerate(groups):
            np.testing.assert_allclose(drawn[2 * number], group[["r", "c_d2min"]])
            np.testing.assert_allclose(drawn[2 * number + 1], group[["r", "c_attribution"]])


@pytest.mark.parametrize("degrees", [0, 30, 90, 120, 165])
def test_ellipses_have_the_axes_and_the_angle_of_a_known_covariance(degrees):
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    covariance = turn @ np.diag([0.5**2, 0.2**2]) @ turn.T
    row = {"network": "trained", "field": "size", "group": "a", "kind": "slip", "mean_xi_d2min": 3.0, "n": 20}
    row |= {"mean_xi_attribution": 2.0, "var_d2min": covariance[0, 0], "covariance": covariance[0, 1]}
    axes = length_plane(pd.DataFrame([row | {"var_attribution": covariance[1, 1]}]), ("trained",)).axes[0]
    (one,) = (patch for patch in axes.patches if isinstance(patch, Ellipse))
    assert one.get_center() == pytest.approx((3, 2))
    assert (one.width, one.height) == pytest.approx((2 * 0.5, 2 * 0.2))
    assert np.sin(np.radians(one.angle - degrees)) == pytest.approx(0, abs=1e-9)
    # a point one deviation away along any direction lies on the first
    on = one.get_path().vertices @ np.diag([one.width / 2, one.height / 2])
    turned = on[::7] @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    distance = np.einsum("ni,ij,nj->n", turned, np.linalg.inv(covariance), turned)
    assert distance.min() > 0.9
    assert distance.max() < 1.3


def test_only_the_networks_and_the_field_asked_for_are_in_the_plane(tables):
    figure = length_plane(tables["ellipses"], ("untrained", "input"), field="signed")
    axes = figure.axes[0]
    assert labels(figure) == ["untrained", "no network: the input", "stick", "slip"]
    part = tables["ellipses"].query("network == 'input' and field == 'signed'").dropna(subset="mean_xi_d2min")
    drawn = np.concatenate(curves(axes, NETWORK_COLOUR["input"], 1))
    drawn = drawn[np.isfinite(drawn).all(axis=1)]
    np.testing.assert_allclose(drawn, part[["mean_xi_d2min", "mean_xi_attribution"]])
    assert not axes.patches, "ellipses of several networks would be a tangle"
    low, high = axes.get_xlim()
    assert low == 0
    assert high > tables["ellipses"]["mean_xi_d2min"].max()
    assert axes.get_ylim()[1] > tables["ellipses"]["mean_xi_attribution"].max()


def test_ellipses_are_whole_and_of_bins_with_stages_enough(tables):
    ellipses = tables["ellipses"].query("network == 'trained' and field == 'size'")
    axes = length_plane(ellipses, ("trained",)).axes[0]
    drawn = [patch for patch in axes.patches if isinstance(patch, Ellipse)]
    assert len(drawn) == 4
    view = axes.get_xlim()[1], axes.get_ylim()[1]
    for ellipse in drawn:
        assert (axes.transData.inverted().transform(ellipse.get_extents())[1] <= view).all()
    few = length_plane(ellipses.assign(n=ELLIPSE_FROM - 1), ("trained",)).axes[0]
    assert not few.patches
    assert len(curves(few, BLUE, 1)) == len(curves(few, VERMILLION, 1)) == 2


def test_no_marker_means_two_things_within_the_figure_of_lengths():
    assert not set(FIELD_MARKER.values()) & set(KIND_MARKER.values())
    assert not set(NETWORK_COLOUR.values()) & set(KIND_COLOUR.values()) - {KIND_COLOUR["window"]}


def test_split_rules_are_told_apart_without_colour(tables):
    for figure in (
        sign_accuracy(tables["sign_by_size"]),
        sweep(tables["summary"], "spacing", 1, "x"),
    ):
        drawn = [line for line in figure.axes[0].lines if line.get_marker() in set(RULE_MARKER.values())]
        assert len({line.get_marker() for line in drawn}) == 2
        assert len({line.get_linestyle() for line in drawn}) == 2


def test_ratios_stand_at_their_network_with_the_number_of_stages(tables):
    figure = ratio_bars(tables["claim"])
    axes = figure.axes[0]
    assert labels(figure) == ["with its sign", "its size"]
    names = [text.get_text().replace("\n", " ") for text in axes.get_xticklabels()]
    assert names == ["trained", "untrained", "trained on noise", "no network: the input"]
    for place, (name, colour) in enumerate(NETWORK_COLOUR.items()):
        drawn = np.concatenate(curves(axes, colour, 1))
        rows = tables["claim"][tables["claim"]["network"] == name]
        np.testing.assert_allclose(drawn[:, 0], [place - 0.2, place + 0.2])
        np.testing.assert_allclose(drawn[:, 1], rows["ratio"])
    said = [text.get_text() for text in axes.texts]
    assert said.count("5/8") == said.count("8/8") == 2
    paint(figure)


def test_a_ratio_without_an_interval_still_says_how_many_stages_it_has(tables):
    figure = ratio_bars(tables["claim"])
    paint(figure)
    places = {text.get_text(): text.xy for text in figure.axes[0].texts}
    assert np.isfinite(places["1/8"]).all()


def test_networks_lose_their_attributions_layer_by_layer_from_one(tables):
    axes = randomised_layers(tables["layers"]).axes[0]
    (line,) = curves(axes, BLUE)
    np.testing.assert_allclose(line[0], [0, 1])
    np.testing.assert_allclose(line[1:], tables["layers"][["n_layers", "spearman"]])


@pytest.mark.parametrize("mode", ["deletion", "insertion"])
def test_the_curves_of_every_order_are_the_medians_of_their_mode(tables, mode):
    table = tables["deletion"]
    figure = deletion_curves(table, mode)
    axes = figure.axes[0]
    for order, colour in ORDER_COLOUR.items():
        part = table[(table["mode"] == mode) & (table["order"] == order)]
        # the line at zero, drawn last, has the colour of one of them
        line, *_ = curves(axes, colour)
        np.testing.assert_allclose(line, part[["fraction", "median"]])
    assert axes.get_xlabel() == ("nodes put in [1]" if mode == "insertion" else "nodes taken out [1]")
    low, high = axes.get_ylim()
    assert low <= 0 < 1 <= high


def test_curves_that_overshoot_stay_in_the_picture(tables):
    wild = tables["deletion"].assign(median=lambda table: 12 * table["median"], low=-40.0, high=60.0)
    low, high = deletion_curves(wild, "insertion").axes[0].get_ylim()
    assert low < -40
    assert high > 60


def test_areas_and_ratios_are_drawn_where_the_tables_have_them(tables):
    axes = deletion_areas(tables["areas"]).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == list(ORDER_NAME.values())
    assert len(axes.containers) == 2 * len(ORDER_NAME)
    axes = cluster_ratios(tables["clusters"]).axes[0]
    heights = [container.lines[0].get_ydata()[0] for container in axes.containers]
    assert heights == [1.4] * (3 * len(NETWORK_COLOUR))
    # no explained stage has a cluster that wraps: no bars of it
    shares = cluster_shares(tables["clusters"]).axes[0]
    assert [label.get_text() for label in shares.get_xticklabels()] == ["all", "bounded"]


PANELS = {
    "sign_by_size": sign_accuracy,
    "calibration": calibration,
    "summary": lambda table: ablation_bars(table, ("input",)),
    "spacing": lambda table: sweep(table, "spacing", 1.0, "x"),
    "correlation": attribution_correlation,
    "ellipses": lambda table: length_plane(table, ("trained",)),
    "claim": ratio_bars,
    "layers": randomised_layers,
    "deletion": lambda table: deletion_curves(table, "deletion"),
    "areas": deletion_areas,
    "clusters": cluster_ratios,
}


@pytest.mark.parametrize("name", PANELS)
def test_a_table_without_rows_gives_an_empty_panel(tables, name):
    table = tables["summary" if name == "spacing" else name].iloc[:0]
    figure = PANELS[name](table)
    paint(figure)
    assert figure.axes[0].get_xlabel() or name in ("claim", "clusters")


@pytest.mark.parametrize("name", PANELS)
def test_the_axes_carry_units(tables, name):
    axes = PANELS[name](tables["summary" if name == "spacing" else name]).axes[0]
    named = [label for label in (axes.get_xlabel(), axes.get_ylabel()) if label not in ("", "x")]
    assert named
    assert all("[" in label for label in named)


@pytest.mark.parametrize("name", ["reliability", "assessment", "ablations", "ceiling", "lengths", "nulls"])
def test_each_figure_hands_out_the_tables_behind_it(complete, name):
    drawing = FIGURES[name].draw(complete)
    assert drawing.tables
    for table in drawing.tables.values():
        assert len(table)
    letters = [axes.get_title(loc="left").split("  ")[0] for axes in drawing.figure.axes]
    assert letters == list("abcdef")[: len(letters)]


def boxes(figure: Figure) -> dict[str, np.ndarray]:
    """Corners of every text that is seen, with its frame, in pixels, by the text."""
    paint(figure)
    texts = []
    for axes in figure.axes:
        texts += [*axes.texts, axes.xaxis.label, axes.yaxis.label, axes._left_title]
    shown = [text for text in texts if text.get_visible() and text.get_text()]
    framed = [text.get_bbox_patch() or text for text in shown]
    return {
        f"{number} {text.get_text()}": one.get_window_extent().get_points()
        for number, (text, one) in enumerate(zip(shown, framed, strict=True))
    }


def cut(figure: Figure) -> list[str]:
    """Texts that reach beyond the figure by more than a pixel."""
    size = figure.bbox.get_points()[1]
    return [text for text, (low, high) in boxes(figure).items() if (low < -1).any() or (high > size + 1).any()]


@pytest.mark.parametrize("name", ["reliability", "assessment", "ablations", "ceiling", "lengths", "nulls"])
def test_no_text_of_a_figure_is_cut(complete, name):
    assert cut(FIGURES[name].draw(complete).figure) == []


@pytest.mark.parametrize("name", ["reliability", "assessment", "ablations", "ceiling", "lengths", "nulls"])
def test_without_data_every_sentence_can_be_read(tmp_path, monkeypatch, name):
    """In the folder of a study's system; `microslip run` does not ablate, so that this is what it draws."""
    monkeypatch.chdir(tmp_path)
    figure = FIGURES[name].draw(Run(Path("runs/families/friction_0.3"))).figure
    assert cut(figure) == []
    sentences = [box for text, box in boxes(figure).items() if "microslip" in text]
    assert sentences
    for (low, high), (other_low, other_high) in combinations(sentences, 2):
        assert (high <= other_low).any() or (other_high <= low).any()
