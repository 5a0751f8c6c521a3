"""The tables of `statistics/`: a quantity of a group is one number, whichever table it stands in."""

import numpy as np
import pandas as pd
import pytest

from microslip.config import Config
from microslip.data.files import write_table
from microslip.data.run import Run
from microslip.statistics.bins import bin_stages
from microslip.statistics.config import Correlation
from microslip.statistics.evolution import evolution
from microslip.statistics.lengths import correlation_tables, curve_sums, fit_length, mean_curve
from microslip.statistics.registry import STATISTICS
from microslip.statistics.statistic import Grouping, Quantity
from microslip.steps.statistics import describe_lengths
from microslip.study.summary import _lengths as study_lengths

r = np.arange(0.125, 5, 0.25)
N = 60
CONFIG = Config.model_validate({"correlation": {"n_bins": 3}})


@pytest.fixture
def stages(rng):
    kind = np.where(np.arange(N) % 2, "slip", "stick")
    size = 10 ** rng.uniform(-4, -2, N)
    # one slip far above the others: a group of a single stage
    size[7] = 1.0
    fluctuation = np.where(kind == "slip", size, -size)
    return pd.DataFrame({"stage": range(N), "kind": kind, "fluctuation": fluctuation, "strain_increment": 1e-3})


@pytest.fixture
def curves(rng, stages):
    """C(r) whose error between stages grows with r, so that a weighted fit would give another ξ."""
    xi = np.where(stages["kind"] == "slip", 2.5, 1.5)[:, None]
    noise = rng.normal(0, 0.01, (N, len(r))) * r**2
    found = 0.4 * r**-0.5 * np.exp(-r / xi) + np.where(np.arange(N)[:, None] == 7, 0, noise)
    found[:, r < 0.8] = np.nan
    return found


def tables_of(folder, stages, curves):
    groups = bin_stages(stages, CONFIG.correlation.n_bins)
    xi = STATISTICS["xi"].quantity({"correlation": curves}, Grouping(r, CONFIG.correlation, 3))
    evolving, _ = evolution(groups, stages, {"xi": xi}, {}, np.arange(N) // 3)
    for name, table in correlation_tables(groups, r, {"raw": curves}, evolving, CONFIG.correlation).items():
        write_table(folder / "statistics" / f"{name}.csv", table)
    tables = {path.stem: pd.read_csv(path) for path in (folder / "statistics").iterdir()}
    lines = [*describe_lengths(tables["correlation_length"])]
    return tables | {"evolution": evolving}, lines, xi.value(xi.columns)


def test_every_table_holds_the_same_xi_of_a_group(tmp_path, stages, curves):
    tables, lines, of_stage = tables_of(tmp_path, stages, curves)
    lengths = tables["correlation_length"].set_index("group")
    evolving = tables["evolution"].set_index("group")
    assert lengths["xi"].notna().all()
    for column, other in (("xi", "value"), ("xi_low", "value_low"), ("xi_high", "value_high")):
        np.testing.assert_array_equal(lengths[column], evolving.loc[lengths.index, other])
    tried = tables["correlation_sensitivity"]
    settings = CONFIG.correlation
    own = tried[(tried["exponent"] == settings.exponent) & (tried["r_min"] == settings.fit_from)]
    own = own[own["r_max"] == r[-1]].set_index("group")
    np.testing.assert_array_equal(own["xi"], lengths["xi"])
    np.testing.assert_array_equal(own[["fit_low", "fit_high"]], lengths[["fit_low", "fit_high"]])
    single = lengths[lengths["n_stages"] == 1]
    assert len(single) == 1
    assert single["xi"].iloc[0] == of_stage[7]
    for name, curve in tables["correlation"].groupby("group"):
        assert fit_length(r, curve["correlation"].to_numpy(), settings).xi == lengths["xi"][name]
    found = study_lengths(Run(tmp_path), CONFIG.bootstrap.confidence)
    for kind in ("stick", "slip"):
        assert found[f"xi_{kind}"] == lengths["xi"][kind]
        assert any(f"{kind}: ξ = {lengths['xi'][kind]:.2f} d̄ [" in line for line in lines)


def test_a_weighted_fit_would_be_another_xi(stages, curves):
    """What the tables once differed by: the planted errors grow with r, and weights by them move ξ."""
    from microslip import fit_ornstein_zernike

    slips = curves[(stages["kind"] == "slip").to_numpy()]
    mean, error = slips.mean(axis=0), slips.std(axis=0) / np.sqrt(len(slips))
    weighted = fit_ornstein_zernike(r, mean, error).xi
    own = fit_length(r, mean_curve(curve_sums(slips).sum(axis=0)), CONFIG.correlation).xi
    assert own == pytest.approx(fit_ornstein_zernike(r, mean).xi)
    assert abs(weighted / own - 1) > 0.005


def test_the_choice_of_the_settings_is_among_those_tried(tmp_path, stages, curves, monkeypatch):
    own = Correlation(n_bins=3, exponent=0.7, fit_from=1.25)
    monkeypatch.setattr(f"{__name__}.CONFIG", CONFIG.model_copy(update={"correlation": own}))
    tables, _, _ = tables_of(tmp_path, stages, curves)
    tried = tables["correlation_sensitivity"].query("exponent == 0.7 and r_min == 1.25 and r_max > 4")
    np.testing.assert_array_equal(tried["xi"], tables["correlation_length"]["xi"])


def test_a_bin_of_r_that_few_stages_know_is_the_mean_of_those(rng):
    curves = np.array([[1.0, np.nan], [0.5, np.nan], [0.3, 0.2]])
    np.testing.assert_allclose(mean_curve(curve_sums(curves).sum(axis=0)), [0.6, 0.2])
    assert np.isnan(mean_curve(curve_sums(curves[:2]).sum(axis=0))[1])


def test_a_group_without_a_length_says_why_and_others_go_on(tmp_path, stages, curves):
    curves[(stages["kind"] == "stick").to_numpy()] = np.nan
    tables, lines, _ = tables_of(tmp_path, stages, curves)
    lengths = tables["correlation_length"].set_index("group")
    assert "too few" in lengths["reason"]["stick"]
    assert np.isnan(lengths["xi"]["stick"])
    assert np.isfinite(lengths["xi"]["slip"])
    assert any("stick: no ξ, 0 distance bins are too few" in line for line in lines)


def test_a_quantity_is_summed_alike_for_every_table(rng):
    """A group of one stage has that stage's value to the last digit, which sums over blocks would lose."""
    columns = rng.random((40, 3))
    groups = pd.DataFrame({"group": ["one", "all"], "kind": "slip", "by": "bin", "members": [[11], list(range(40))]})
    quantity = Quantity(columns, lambda sums: sums[..., 0] / np.maximum(sums[..., 1], 1e-300))
    stages = pd.DataFrame({"fluctuation": rng.random(40), "strain_increment": rng.random(40)})
    table, _ = evolution(groups, stages, {"ratio": quantity}, {}, np.arange(40) // 4)
    assert table["value"][0] == columns[11, 0] / columns[11, 1]
    assert table["value"][1] == columns[:, 0].sum() / columns[:, 1].sum()


def test_the_error_of_a_length_belongs_to_the_confidence_of_its_interval(tmp_path, stages, curves):
    tables_of(tmp_path, stages, curves)
    wide, narrow = (study_lengths(Run(tmp_path), confidence)["xi_slip_error"] for confidence in (0.9, 0.99))
    assert wide / narrow == pytest.approx(2.5758 / 1.6449, rel=1e-3)
