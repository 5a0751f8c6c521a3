"""Slopes of claims, exponents and shapes of slips: what is drawn is what the tables say."""

import numpy as np
import pandas as pd

from microslip.views.figures.avalanches import exponents, shape_curves
from microslip.views.figures.claims import slopes_of_claims


def table(run, name):
    return pd.read_csv(run.folder / "statistics" / f"{name}.csv")


def test_slopes_are_in_units_of_half_the_interval(complete):
    axes = slopes_of_claims(table(complete, "claims"), "slip").axes[0]
    drawn = {bars.get_label(): bars[0].get_xdata() for bars in axes.containers}
    np.testing.assert_allclose(drawn["at equal Δγ"], [2, 2])
    np.testing.assert_allclose(drawn["as it is"], [0.5, 0.5])
    np.testing.assert_allclose(drawn["grains at random"], [0, 0])
    assert [text.get_text() for text in axes.get_yticklabels()] == ["ξ", "Moran's I"]
    assert "within bins of Δγ" not in drawn, "what was not measured is not drawn"


def test_exponents_stand_at_their_starts_beside_mean_field(complete):
    axes = exponents(table(complete, "avalanches")).axes[0]
    levels = {round(float(line.get_ydata()[0]), 3) for line in axes.lines if line.get_linestyle() == "--"}
    assert {1.5, 2.0, 1.333} <= levels
    first = axes.containers[0][0]
    np.testing.assert_allclose(np.asarray(first.get_xdata(), float), [1, 3])
    np.testing.assert_allclose(np.asarray(first.get_ydata(), float), [1.5, 1.5])


def test_few_slips_have_a_sentence_in_place_of_exponents(complete):
    axes = exponents(table(complete, "avalanches").assign(exponent=np.nan)).axes[0]
    assert axes.texts[0].get_text() == "too few slips for a law"
    axes.figure.draw_without_rendering()


def test_shapes_and_the_parabola(complete):
    shapes = table(complete, "avalanche_shapes")
    axes = shape_curves(shapes).axes[0]
    assert len(axes.lines) == 4
    np.testing.assert_allclose(axes.lines[0].get_ydata(), axes.lines[3].get_ydata())
    assert not shape_curves(shapes.iloc[:0]).axes[0].lines
