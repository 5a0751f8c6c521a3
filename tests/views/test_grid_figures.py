"""From grains to grid and network: sketch, volumes, layers, splits, families."""

from __future__ import annotations

from itertools import pairwise

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from microslip.core.box import Box
from microslip.data.stage_stress import WALLS
from microslip.learn.config import Network
from microslip.learn.networks.predictor import build_network
from microslip.views.figures.coarse_graining import choose_patch, pair_correlation_curve, slab_of_grains
from microslip.views.figures.families import draw_families, scores_of_family, stacked_curves
from microslip.views.figures.network import blocks_of, draw_network
from microslip.views.figures.record import NOT_MADE, About
from microslip.views.figures.registry import FIGURES
from microslip.views.figures.training import split_stripes, split_table
from microslip.views.figures.transfer import transfer_map
from microslip.views.render.volume import Scale, draw_slices, render_volume, slice_numbers
from microslip.views.source_units import reworded
from microslip.views.style import STYLE, journal_style

SIZES = (8.0, 4.0, 6.0)
GREY_LEVELS = np.tile(np.linspace(0, 1, 64)[:, None], 3)


def test_the_slab_holds_the_grains_that_the_plane_cuts():
    positions = np.array([[2.0, 1.0, 2.0], [2.0, 1.3, 3.0], [2.0, 1.6, 2.5], [20.0, 1.0, 2.0]])
    slab = slab_of_grains(positions, np.ones(4), np.arange(4.0), 1.0, (0.0, 5.0, 0.0, 5.0))
    assert slab["d2min"].tolist() == [0.0, 1.0]
    assert slab["radius"].tolist() == pytest.approx([0.5, 0.4])


def test_the_patch_holds_the_strongest_node_of_the_slice_and_stays_inside():
    nodes = np.ones((30, 3, 12))
    nodes[29, 1, 0] = 9.0
    nodes[3, 0, 5] = 99.0
    x, z = np.arange(30) + 0.5, np.arange(12) + 0.5
    left, right, bottom, top = choose_patch(nodes, x, z)
    assert (right, bottom) == (30.0, 0.0)
    assert (left, top) == (20.0, 7.0)


def test_minima_stand_on_the_curve():
    r = np.arange(0, 4, 0.01)
    curve = pd.DataFrame({"r": r, "g": 1 + np.cos(2 * np.pi * r)})
    axes = pair_correlation_curve(curve, (1.5, float("nan")), spacing=1.0, radius=1.3).axes[0]
    marks = next(line for line in axes.lines if line.get_marker() == "v")
    assert marks.get_xdata().tolist() == [1.5]
    assert marks.get_ydata()[0] == pytest.approx(0.0, abs=1e-3)
    assert {line.get_xdata()[0] for line in axes.lines if line.get_label().startswith("$")} == {1.0, 1.3}


def test_an_empty_field_is_not_seen_and_a_full_one_hides_what_is_behind():
    opacity = np.linspace(0, 50, 64)
    nothing, _ = render_volume(np.zeros((8, 4, 6)), SIZES, GREY_LEVELS, opacity, pixels=60)
    assert nothing[..., 3].max() == 0.0
    field = np.zeros((8, 4, 6))
    field[3:5, 1:3, 2:4] = 1.0
    image, extent = render_volume(field, SIZES, GREY_LEVELS, opacity, azimuth=-90, elevation=0, pixels=120)
    rows, columns = np.nonzero(image[..., 3] > 0.5)
    # seen along y: the cube of nodes 3, 4 along x and 2, 3 along z, of unit edges, and half an edge of slope around it
    u = extent[0] + (columns + 0.5) * (extent[1] - extent[0]) / image.shape[1]
    v = extent[3] - (rows + 0.5) * (extent[3] - extent[2]) / image.shape[0]
    assert (u.min(), u.max()) == pytest.approx((3.0, 5.0), abs=0.6)
    assert (v.min(), v.max()) == pytest.approx((2.0, 4.0), abs=0.6)


def test_signed_values_about_zero_are_transparent_and_both_ends_are_not():
    opacity = Scale(-1.0, 1.0, signed=True).opacity()
    assert opacity[len(opacity) // 2] == 0.0
    assert opacity[0] == opacity[-1] == opacity.max()
    sizes = Scale(-6.0, -2.0, signed=False).opacity()
    assert sizes[: len(sizes) // 2].max() == 0.0


def test_slices_are_the_planes_of_the_field():
    nodes = np.random.default_rng(0).random((6, 4, 5))
    assert slice_numbers(5) == [0, 2, 4]
    assert slice_numbers(1) == [0]
    figure = draw_slices(nodes, Box((6.0, 4.0, 5.0)), Scale(0.0, 1.0, signed=False))
    drawn = [mesh.get_array().ravel() for mesh in figure.axes[0].collections]
    assert all(np.array_equal(one, nodes[:, :, k].ravel()) for one, k in zip(drawn, (0, 2, 4), strict=True))


def test_volumes_carry_every_node_in_their_table(complete):
    table = FIGURES["volumes"].draw(complete).tables["slip"]
    assert len(table) == 6 * 4 * 5
    row = table[(table["x"] == 2.5) & (table["y"] == 1.5) & (table["z"] == 3.5)].iloc[0]
    stages = complete.stages.set_index("stage").loc[complete.attributions["stage"].to_numpy(), "fluctuation"]
    at = int(np.argmax(stages.to_numpy()))
    assert row["attribution"] == pytest.approx(float(complete.attributions["attribution"][at, 2, 1, 3]), rel=1e-6)


@pytest.mark.parametrize("kind", ["plain", "residual"])
def test_layers_are_those_of_the_network(kind):
    config = Network(kind=kind, channels=(4, 8), hidden=16, inputs=("d2min", "shear_strain"), batch_normalisation=True)
    network = build_network((6, 5, 4), config)
    layers = network.layers()
    assert layers["shape"].iloc[0] == "2 × 6 × 5 × 4"
    assert layers["shape"].iloc[-1] == "1"
    assert layers["parameters"].sum() == sum(weights.numel() for weights in network.parameters())
    pools = layers.loc[layers["kind"] == "MaxPool3d", "shape"].tolist()
    assert pools == ["4 × 3 × 3 × 2", "8 × 2 × 2 × 1"], "pools halve and round up"
    assert network.training, "it is left as it was"
    texts = [text.get_text() for text in draw_network(layers).axes[0].texts]
    assert {"6×5×4", "3×3×2", "2×2×1", "16", "8"} <= set(texts)
    blocks = blocks_of(layers)
    assert all(block.kind not in ("ReLU", "BatchNorm3d") for block in blocks)
    assert blocks[2].then == ["batch normalisation", "ReLU"]
    assert [block.key for block in blocks if block.kind == "Linear"] == ["Linear", "Output"], "Δs has a sign"


def test_stripes_are_the_sets_of_the_stages(complete):
    predictions, stages = complete.predictions, complete.stages
    guarded = predictions[~((predictions["rule"] == "blocked") & (predictions["stage"] == 5))]
    table = split_table(guarded, stages)
    assert len(table) == len(guarded)
    assert 5 not in table.loc[table["rule"] == "blocked", "stage"].tolist()
    figure = split_stripes(guarded, stages)
    bars = {bar.get_label(): len(bar.get_paths()) for bar in figure.axes[0].collections}
    expected = guarded[guarded["rule"] == "random"].groupby("split").size()
    assert {name: bars[name] for name in expected.index} == expected.to_dict()


def test_curves_of_a_family_are_shifted_clear_of_each_other():
    strain = np.linspace(0, 1, 200)
    curves = pd.concat(
        pd.DataFrame({"system": name, "strain": strain, "stress": mean + 0.01 * np.sin(40 * strain)})
        for name, mean in (("a", 0.3), ("b", 0.25), ("c", 0.35))
    )
    part = pd.DataFrame({"system": ["a", "b", "c"], "label": ["0.1", "0.2", "0.3"]})
    axes = stacked_curves(part, curves).axes[0]
    ends = [(line.get_ydata().min(), line.get_ydata().max()) for line in axes.lines]
    assert all(below[1] < above[0] for below, above in pairwise(ends))
    assert [text.get_text() for text in axes.texts] == ["0.1", "0.2", "0.3"]


def test_a_study_of_two_families_has_two_columns_on_one_scale():
    names = ["base", "friction-0.3", "width-0.1", "friction-0.1"]
    strain = np.linspace(0, 1, 50)
    curves = pd.concat(
        pd.DataFrame({"system": name, "strain": strain, "stress": 0.3 + 0.01 * number * np.sin(9 * strain)})
        for number, name in enumerate(names, start=1)
    )
    scores = {"r2_test_random": [0.8, 0.7, 0.6, 0.2], "r2_test_random_low": [0.7, 0.6, 0.5, 0.1]}
    summary = pd.DataFrame({"number": [1, 2, 3, 4], "system": names, **scores})
    rows = [
        (1, "grains.friction", "friction-0.1", 0.1, "0.1"),
        (1, "grains.friction", "friction-0.3", 0.3, "0.3"),
        (1, "grains.friction", "base", 0.5, "0.5"),
        (2, "grains.width", "width-0.1", 0.1, "0.1"),
        (2, "grains.width", "base", 0.2, "0.2"),
        # one of its systems is finished
        (3, "seed", "base", 1.0, "1"),
    ]
    table = pd.DataFrame(rows, columns=["number", "family", "system", "value", "label"])
    above_left, above_right, left, right = draw_families(curves, summary, table).axes
    assert above_left.get_ylim() == above_right.get_ylim(), "one shift for all, for it is written once"
    assert left.containers[0].lines[0].get_xydata().tolist() == [[0.1, 0.2], [0.3, 0.7], [0.5, 0.8]]
    assert above_right.get_ylim()[1] > max(line.get_ydata().max() for line in above_left.lines)
    assert right.get_ylim()[0] < 0.1, "the interval of the worst"
    assert right.containers[0].lines[0].get_xydata().tolist() == [[0.1, 0.6], [0.2, 0.8]]
    assert max(left.get_yticks()) <= 1.001


def test_scores_of_a_family_need_a_network():
    part = pd.DataFrame({"family": "grains.friction", "value": [0.1, 0.5], "label": ["0.1", "0.5"]})
    assert "train" in scores_of_family(part).axes[0].texts[0].get_text()
    scored = part.assign(
        r2_test_random=[0.9, 0.8], r2_test_random_low=[0.8, np.nan], r2_test_random_high=[0.95, np.nan]
    )
    axes = scores_of_family(scored).axes[0]
    assert axes.containers[0].lines[0].get_ydata().tolist() == [0.9, 0.8]


@pytest.mark.parametrize(
    ("label", "said"),
    [
        (r"shear stress $s$ [$p$]", "shear stress $s$ [source units]"),
        (r"density [$1/p$]", "density [1/source units]"),
        (r"attribution [$10^{-4}\,p$]", r"attribution [$10^{-4}$ source units]"),
        (
            r"Slip: $\Delta s$ = $3.2\times 10^{-3}$ $p$, $\Delta\gamma$",
            r"Slip: $\Delta s$ = $3.2\times 10^{-3}$, $\Delta\gamma$",
        ),
        ("rmse 0.01 $p$", "rmse 0.01"),
        (r"$P(N)$ [1]", r"$P(N)$ [1]"),
        (r"pressure $p$ [Pa]", r"pressure $p$ [Pa]"),
    ],
)
def test_without_a_pressure_stresses_are_in_units_of_the_source(label, said):
    assert reworded(label) == said


def test_captions_know_what_a_run_lacks():
    config = {"source": {}, "stages": {"threshold": 1e-3}}
    assert "wall" not in FIGURES["d2min_snapshots"].words(config, About(walls=False)).lower()
    assert "Wall grains" in FIGURES["d2min_snapshots"].words(config, About())
    assert "in source units" in FIGURES["training"].words(config, About(pressure_known=False))
    assert "window" in FIGURES["correlation"].words(config, About(stress=False))
    assert FIGURES["nulls"].words(config, About(data=False)) == NOT_MADE
    own = FIGURES["cell_and_stress"].words({"cell": {"walls": False}})
    assert own == FIGURES["cell_and_stress"].words({}, About(walls=False))
    assert "of the volume" in own
    assert "wall" not in own
    assert "two walls" in FIGURES["cell_and_stress"].words({"cell": {"walls": True}}, About(measure=WALLS))
    rates = {"loading": {"warm_up_rate": 50.0, "shear_rate": 5.0}}
    assert "Warm-up at 50 /s, the rest at 5 /s." in FIGURES["cell_and_stress"].words(rates)


def test_the_style_is_a_style_sheet_for_notebooks():
    with plt.style.context(STYLE):
        mine = dict(matplotlib.rcParams)
    with journal_style():
        assert dict(matplotlib.rcParams) == mine


# --- networks elsewhere -----------------------------------------------------------------------------------------------


def test_networks_of_all_other_runs_share_a_row():
    pairs = [("a", "a", 0.9), ("a", "b", -0.25), ("b", "a", 0.1), ("b", "b", 0.8)]
    left_out = [("all but a", "a", 0.5), ("all but b", "b", 0.6)]
    table = pd.DataFrame(pairs + left_out, columns=["trained_on", "tested_on", "r2"])
    table["rule"] = ["random"] * 4 + ["leave one out"] * 2
    axes = transfer_map(table).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "b", "all others"]
    texts = {tuple(map(float, text.get_position())): text.get_text() for text in axes.texts}
    assert [texts[0, 2], texts[1, 2], texts[1, 0]] == ["0.50", "0.60", "−0.25"]
