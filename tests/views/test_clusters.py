"""Active clusters, mechanisms and evolution: what is drawn is what the tables say."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import zeta

from microslip.core.box import Box
from microslip.data.files import read_table
from microslip.statistics.cluster_sizes import binned_sizes
from microslip.views.choose import choose_cycle, largest_slip
from microslip.views.figures.cluster_curves import evolution_curve, radius_curves, size_distribution
from microslip.views.figures.clusters import cluster_snapshot, looked_at
from microslip.views.figures.mechanisms import energy_tails, packing_densities
from microslip.views.figures.registry import FIGURES
from microslip.views.groups import binned, fluctuation_limits, size_colour

# Read from a curve on a logarithmic axis.
TOLERANCE = 1e-9


def table(run, name):
    return read_table(run.folder / "statistics" / f"{name}.csv", ["group"])


def test_a_snapshot_shows_the_large_clusters_alone_in_one_frame():
    positions, label = np.array([[1.0, 1, 1], [1.8, 1, 1], [1.4, 1.6, 1], [3, 3, 3]]), np.array([1, 1, 1, 2])
    box = Box((4.0, 4.0, 4.0))
    pictures = []
    for chosen in (label, np.array([0, 1, 1, 1]), np.array([1, 0, 0, 2])):
        figure = cluster_snapshot(positions, np.ones(4), chosen, box, limits=(3, 30), pixels=80)
        pictures.append(figure.axes[0])
    assert pictures[0].images[0].get_extent() == pictures[1].images[0].get_extent()
    assert pictures[0].get_xlim() == pictures[2].get_xlim(), "without a cluster, too, the cell is the same"
    assert len(pictures[2].images) == 0
    assert len(pictures[2].lines) == 12, "the edges of the cell"


def test_the_line_is_the_power_law_fitted_from_the_smallest_cluster(complete):
    sizes, laws = table(complete, "cluster_sizes"), table(complete, "power_law")
    of_slips = binned(sizes)[lambda rows: rows["kind"] == "slip"]
    axes = size_distribution(of_slips, laws, shift=1.0).axes[0]
    points = binned_sizes(of_slips)
    drawn = [line for line in axes.lines if line.get_linestyle() == "None"]
    assert np.array_equal(np.concatenate([line.get_ydata() for line in drawn]), points["density"])
    n, p = next(line for line in axes.lines if line.get_linestyle() == "-").get_data()
    one = of_slips[of_slips["group"] == points["group"].iloc[0]]
    share = one.loc[one["size"] >= 3, "n_clusters"].sum() / one["n_clusters"].sum()
    assert np.allclose(p, share * n**-2.0 / zeta(2.0, 3), rtol=TOLERANCE)


def test_radii_and_their_line_have_the_dimension_of_the_table(complete):
    sizes, evolution = binned(table(complete, "cluster_sizes")), table(complete, "evolution")
    axes = radius_curves(sizes, evolution, shift=1.0).axes[0]
    for line in axes.lines:
        n, radius = line.get_data()
        # all points and lines of this run lie on R_g = 0.4 N^(1/1.7)
        assert np.allclose(radius, 0.4 * np.asarray(n) ** (1 / 1.7), rtol=1e-6)
    assert {line.get_linestyle() for line in axes.lines} == {"-", "None"}


def test_evolution_is_drawn_with_its_band(complete):
    evolution = table(complete, "evolution")
    axes = evolution_curve(evolution, "moran_i", "Moran's $I$ [1]", legend=True).axes[0]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["stick", "slip"]
    assert [line.get_xdata().tolist() for line in axes.lines] == [[5e-4, 5e-3]] * 4, (
        "each kind has its values, and a thin line of those at one Δγ"
    )
    for band in axes.collections:
        heights = band.get_paths()[0].vertices[:, 1]
        assert (heights.min(), heights.max()) == pytest.approx((0.36, 0.48))


def test_windows_have_no_size_to_stand_at():
    row = {"group": "window", "kind": "window", "by": "kind", "mean_fluctuation": np.nan}
    row |= {"quantity": "moran_i", "value": 0.3, "value_low": 0.2, "value_high": 0.4}
    axes = evolution_curve(pd.DataFrame([row]), "moran_i", "Moran's $I$ [1]").axes[0]
    assert axes.get_xticks().size == 0
    assert list(axes.lines[0].get_ydata()) == [0.3, 0.3]
    assert fluctuation_limits(pd.DataFrame([row]))[0] > 0
    assert size_colour(np.nan, (1e-5, 1.0)) == size_colour(-1e-5, (1e-5, 1.0))


def test_tails_are_the_exponentials_of_the_table(complete):
    energy, tails = table(complete, "energy_density"), table(complete, "energy_tails")
    axes = energy_tails(energy, tails).axes[0]
    dotted = [line for line in axes.lines if line.get_linestyle() == ":"]
    assert len(dotted) == 8, "two kinds, all and active grains, two sides"
    for line in dotted:
        x, density = line.get_data()
        assert np.allclose(density, 0.2 / 1.25 * np.exp(-(np.abs(x) - 1) / 1.25), rtol=TOLERANCE)
        assert np.abs(x).min() == 1.0


def test_sticks_and_slips_that_agree_are_both_seen(complete):
    axes = packing_densities(table(complete, "packing_density")).axes[0]
    widths = [line.get_linewidth() for line in axes.lines]
    assert min(widths[:2]) > 2 * max(widths[2:]), "sticks first and broad, slips thin on top of them"


def test_snapshots_are_of_the_stages_and_the_grains_of_the_run(complete):
    drawing = FIGURES["mechanisms"].draw(complete)
    stick, slip = choose_cycle(complete.stages, 0.97)
    for name, row in (("stick_1", stick), ("slip_2", slip)):
        expected = complete.fields["delta_sigma1"][row].to_numpy()[:40]
        assert np.array_equal(drawing.tables[name]["delta_sigma1"], expected)
    largest = largest_slip(complete.stages)[1]
    assert slip == largest
    assert looked_at(complete.stages) == (*choose_cycle(complete.stages, 0.97, largest), largest)


def test_what_the_files_do_not_hold_no_command_makes(complete):
    (complete.folder / "statistics" / "energy_density.csv").unlink()
    texts = [text.get_text() for axes in FIGURES["mechanisms"].draw(complete).figure.axes for text in axes.texts]
    said = " ".join(" ".join(texts).split())
    assert "No elastic energy of grains is known." in said
    assert "microslip" not in said


def test_of_few_cycles_the_largest_slip_is_not_shown_twice():
    kinds = ["stick", "slip"] * 3
    stages = pd.DataFrame({"kind": kinds, "fluctuation": [-1.0, 1.0, -9.0, 9.0, -4.0, 4.0]})
    assert looked_at(stages) == (4, 5, 3)
    assert looked_at(stages[:2]) == (0, 1, 1), "there is but one"
