import numpy as np
import pandas as pd
import pytest
from scipy.special import zeta
from scipy.stats import mannwhitneyu

from microslip import fit_power_law, fractal_dimension
from microslip.fields.registry import with_means
from microslip.statistics.bins import bin_stages, membership
from microslip.statistics.claims import CLAIMS, judge_claims
from microslip.statistics.conditioning import condition
from microslip.statistics.config import Correlation
from microslip.statistics.contrasts import contrast_kinds
from microslip.statistics.distributions import density
from microslip.statistics.evolution import evolution, of_single_stages
from microslip.statistics.fractal import log_moments
from microslip.statistics.ornstein_zernike import fit_ornstein_zernike
from microslip.statistics.power_law import exponent_at
from microslip.statistics.registry import STATISTICS, quantities
from microslip.statistics.statistic import ACTIVE, Grouping, Quantity, null_name

r = np.arange(0.125, 5, 0.25)
FIT = Correlation()
SMALLEST = 3
N_CLUSTERS = 20
GROUPING = Grouping(r, FIT, SMALLEST)

# Of 400 slopes of nothing, 5 % lie outside their interval of 95 %, give or take three standard deviations of 1.1 %.
FALSE_ALARMS = (0.017, 0.083)

LENGTHS = ("xi", "xi_profile", "xi_in_plane")

# What changes per decade of |Δs| in slips, and its value at 1e-5.
PLANTED = {
    "xi": (0.5, 1.5),
    "eta": (-0.15, 2.6),
    "fractal_dimension": (0.15, 1.8),
    "moran_i": (0.02, 0.3),
    "efficiency": (0.01, 0.1),
}


def alternating_stages(rng, n):
    """Sticks and slips in turn, of sizes spread evenly over three decades."""
    kind = np.where(np.arange(n) % 2, "slip", "stick")
    size = 10 ** rng.uniform(-5, -2, n)
    end = np.cumsum(10 ** rng.uniform(-4, -3, n))
    begin = np.append(0.0, end[:-1])
    return pd.DataFrame(
        {"stage": range(n), "kind": kind, "start_strain": begin, "end_strain": end, "strain_increment": end - begin}
        | {"fluctuation": np.where(kind == "slip", size, -size)}
    )


def artificial_stages(rng, stages, strength=1.0):
    """One number per stage as the passes over the stages leave it, with `PLANTED` times strength in slips."""
    n = len(stages)
    decades = np.where(stages["kind"] == "slip", np.log10(stages["fluctuation"].abs() / 1e-5), 0.0)
    level = {name: start + strength * slope * decades for name, (slope, start) in PLANTED.items()}

    def noisy(values, deviation):
        return values + rng.normal(0, deviation, n)

    curves = 0.4 * r**-0.5 * np.exp(-r / level["xi"][:, None]) + rng.normal(0, 0.02, (n, len(r)))
    # nearer than two grains can be, there is no pair
    curves[:, r < 0.8] = np.nan
    # ⟨ln N⟩ = −ζ′/ζ
    mean_log = -(np.log(zeta(level["eta"] + 1e-5, SMALLEST)) - np.log(zeta(level["eta"] - 1e-5, SMALLEST))) / 2e-5
    sizes = rng.integers(SMALLEST, 100, (n, N_CLUSTERS))
    radii = 0.5 * sizes ** (1 / level["fractal_dimension"][:, None]) * np.exp(rng.normal(0, 0.1, sizes.shape))
    found = {
        "correlation": curves,
        # of these nothing is planted, and no time goes into their fits
        "correlation_profile": np.full_like(curves, np.nan),
        "correlation_in_plane": np.full_like(curves, np.nan),
        "n_large": np.full(n, N_CLUSTERS),
        "sum_log_size": N_CLUSTERS * noisy(mean_log, 0.1),
        "log_moments": np.array([log_moments(*one, SMALLEST) for one in zip(sizes, radii, strict=True)]),
        "moran_i": noisy(level["moran_i"], 0.05),
        "efficiency": noisy(level["efficiency"], 0.03),
    }
    for name in ("n_clusters", "largest_cluster", "n_wrapping"):
        found[name] = rng.integers(1, 50, n).astype(float)
    for name in with_means():
        found[f"{name}_all"], found[f"{name}_active"] = rng.uniform(1, 2, n), rng.uniform(2, 3, n)
    for name in ("cell_growth", "cell_growth_matched"):
        found[name] = rng.normal(size=n)
    # nothing is planted in other active grains
    for name, statistic in STATISTICS.items():
        if statistic.measure is not None:
            found.setdefault(name, np.full(n, np.nan))
    for active in ACTIVE:
        found.setdefault(null_name("log_moments", active), np.zeros((n, 6)))
    # what was not kept, like the energies of a run without contacts
    found["abs_delta_energy_all"] = found["abs_delta_energy_active"] = np.full(n, np.nan)
    return found


def nothing(n_stages):
    """What is never measured, so that no time goes into its fit."""
    return Quantity(np.zeros((n_stages, 1)), lambda sums: np.full(sums.shape[:-1], np.nan))


def followed_of(stages, per_stage, with_length=False):
    # what nothing is planted in takes time alone
    followed = {name: of for name, of in quantities(per_stage, GROUPING).items() if not STATISTICS[name].active}
    return followed | ({} if with_length else {name: nothing(len(stages)) for name in LENGTHS})


def blocks(stages, n_blocks=20):
    return np.arange(len(stages)) * n_blocks // len(stages)


def follow(stages, per_stage, n_bins=4, with_length=False, n_blocks=20):
    followed, block = followed_of(stages, per_stage, with_length), blocks(stages, n_blocks)
    groups = bin_stages(stages, n_bins)
    return evolution(groups, stages, followed, condition(stages, followed, block), block)


def contrast(stages, per_stage):
    followed = followed_of(stages, per_stage)
    table, samples = follow(stages, per_stage)
    return contrast_kinds(stages, of_single_stages(followed), followed, table, samples, blocks(stages))


def judge(stages, per_stage, with_length=False, n_blocks=20):
    followed, block = followed_of(stages, per_stage, with_length), blocks(stages, n_blocks)
    conditioned = condition(stages, followed, block)
    table, samples = evolution(bin_stages(stages, 4), stages, followed, conditioned, block)
    return judge_claims(table, samples, conditioned, block)


def verdicts(stages, per_stage, **choices):
    return judge(stages, per_stage, **choices).set_index(["quantity", "kind"])


def test_planted_growth_is_found_and_sticks_are_left_alone(rng):
    stages = alternating_stages(rng, 600)
    found = verdicts(stages, artificial_stages(rng, stages), with_length=True).drop(
        ["xi_profile", "xi_in_plane"], level="quantity"
    )
    slips, sticks = found.xs("slip", level="kind"), found.xs("stick", level="kind")
    assert (slips["verdict"] == "yes").all()
    for name, (slope, _) in PLANTED.items():
        for which in ("slope", "conditioned", "matched"):
            assert np.sign(slips.loc[name, which]) == np.sign(slope)
            assert sticks.loc[name, f"{which}_low"] < 0 < sticks.loc[name, f"{which}_high"]
    assert (sticks["verdict"] == "not contradicted").all()
    for name in ("moran_i", "efficiency"):
        for which in ("slope", "conditioned", "matched"):
            assert slips.loc[name, f"{which}_low"] < PLANTED[name][0] < slips.loc[name, f"{which}_high"]


def test_growth_of_the_other_sign_is_a_no(rng):
    stages = alternating_stages(rng, 600)
    found = verdicts(stages, artificial_stages(rng, stages, -1.0))
    slips = found.xs("slip", level="kind")["verdict"]
    assert (slips.drop(list(LENGTHS)) == "no").all()


def test_a_planted_nothing_is_mostly_not_found(rng):
    alarms, asked = 0, 0
    for _ in range(50):
        stages = alternating_stages(rng, 400)
        found = verdicts(stages, artificial_stages(rng, stages, 0.0))["verdict"]
        measured = found[found != "not measured"]
        alarms += measured.isin(["yes", "no"]).sum()
        asked += len(measured)
    assert asked == 50 * 8
    assert FALSE_ALARMS[0] < alarms / asked < FALSE_ALARMS[1]


def test_every_claim_is_answered_once(rng):
    stages = alternating_stages(rng, 100)
    found = verdicts(stages, artificial_stages(rng, stages))
    assert sorted(found.index) == sorted((name, kind) for name in CLAIMS for kind in ("stick", "slip"))


def test_a_group_has_the_values_of_its_stages_together(rng):
    """Sums over stages give what the functions on all clusters of a group give."""
    stages = alternating_stages(rng, 60)
    per_stage = artificial_stages(rng, stages)
    sizes = [rng.integers(3, 60, 15) for _ in range(60)]
    radii = [size**0.5 * np.exp(rng.normal(0, 0.1, 15)) for size in sizes]
    per_stage["n_large"] = np.full(60, 15)
    per_stage["sum_log_size"] = np.array([np.log(size).sum() for size in sizes])
    per_stage["log_moments"] = np.array([log_moments(*one, SMALLEST) for one in zip(sizes, radii, strict=True)])
    per_stage["moran_i"][::7] = np.nan
    table, _ = follow(stages, per_stage, with_length=True)
    for group, members in bin_stages(stages, 4).set_index("group")["members"].items():
        value = table[table["group"] == group].set_index("quantity")["value"]
        of_group = np.concatenate([sizes[stage] for stage in members])
        # the table of exponents is good to 1e-5 or so, and a sample may lack clusters of the smallest size
        assert value["eta"] == pytest.approx(exponent_at(np.log(of_group).mean(), SMALLEST), abs=1e-9)
        if SMALLEST in of_group:
            assert value["eta"] == pytest.approx(fit_power_law(of_group, smallest=SMALLEST).exponent, abs=1e-4)
        expected = fractal_dimension(of_group, np.concatenate([radii[stage] for stage in members]), SMALLEST)
        assert value["fractal_dimension"] == pytest.approx(expected.dimension)
        curve = np.full(len(r), np.nan)
        curve[r > 0.8] = per_stage["correlation"][members][:, r > 0.8].mean(axis=0)
        assert value["xi"] == pytest.approx(fit_ornstein_zernike(r, curve).xi)
        assert value["moran_i"] == pytest.approx(np.nanmean(per_stage["moran_i"][members]))
        above, below = (per_stage[f"abs_delta_sigma1_{which}"][members].mean() for which in ("active", "all"))
        assert value["abs_delta_sigma1_ratio"] == pytest.approx(above / below)


def test_a_quantity_of_a_single_stage_is_that_of_its_own_sums(rng):
    stages = alternating_stages(rng, 30)
    per_stage = artificial_stages(rng, stages)
    followed = quantities(per_stage, GROUPING)
    np.testing.assert_allclose(followed["moran_i"].value(followed["moran_i"].columns), per_stage["moran_i"])
    expected = exponent_at(per_stage["sum_log_size"] / N_CLUSTERS, SMALLEST)
    np.testing.assert_array_equal(followed["eta"].value(followed["eta"].columns), expected)


def test_clusters_of_one_size_have_no_dimension(rng):
    """As `fractal_dimension` says: what rounding leaves of a spread of nothing is no number."""
    one_size = np.array([log_moments(np.full(n, 7), rng.uniform(0.8, 1.2, n)) for n in range(10, 40)])
    stages = alternating_stages(rng, 30)
    per_stage = artificial_stages(rng, stages) | {"log_moments": one_size}
    found = quantities(per_stage, GROUPING)["fractal_dimension"]
    assert np.isnan(found.value(found.columns)).all()


def test_few_clusters_have_neither_exponent_nor_dimension(rng):
    stages = alternating_stages(rng, 10)
    per_stage = artificial_stages(rng, stages)
    per_stage["n_large"], per_stage["sum_log_size"] = np.full(10, 9), np.full(10, 9 * np.log(6))
    per_stage["log_moments"][:, 0] = 9
    followed = quantities(per_stage, GROUPING)
    for name in ("eta", "fractal_dimension"):
        assert np.isnan(followed[name].value(followed[name].columns)).all()


def test_what_was_not_measured_says_so(rng):
    stages = alternating_stages(rng, 200)
    per_stage = artificial_stages(rng, stages)
    per_stage["efficiency"] = np.full(200, np.nan)
    table, _ = follow(stages, per_stage)
    rows = table[table["quantity"] == "efficiency"]
    assert rows[["value", "value_low", "value_high", "fixed"]].isna().all(axis=None)
    claims = judge(stages, per_stage).set_index("quantity")
    assert (claims.loc[["efficiency", "xi"], "verdict"] == "not measured").all()
    assert claims.loc[["efficiency", "xi"], ["slope", "conditioned", "p_value"]].isna().all(axis=None)
    assert claims.loc[["efficiency", "xi"], "reason"].notna().all()
    contrasts = contrast(stages, per_stage).set_index("quantity")
    assert contrasts.loc["abs_delta_energy_ratio", "verdict"] == "not measured"
    assert contrasts.loc["abs_delta_sigma1_ratio", "verdict"] != "not measured"


def test_too_few_blocks_give_values_without_intervals(rng):
    stages = alternating_stages(rng, 200)
    per_stage = artificial_stages(rng, stages)
    table, _ = follow(stages, per_stage, n_blocks=4)
    rows = table[table["quantity"] == "moran_i"]
    assert rows["value"].notna().all()
    assert table[["value_low", "value_high"]].isna().all(axis=None)
    claims = judge(stages, per_stage, n_blocks=4).set_index("quantity").loc["moran_i"]
    assert (claims["verdict"] == "not decided").all()
    assert claims["conditioned"].notna().all()
    assert claims["reason"].str.contains("fewer than 5 blocks").all()


def test_a_group_in_too_few_blocks_has_no_interval(rng):
    """Three stages far apart: draws of their blocks know nothing of stages like them that were not seen."""
    stages = alternating_stages(rng, 400)
    rare = [10, 170, 330]
    groups = pd.DataFrame({"group": ["rare"], "kind": ["stick"], "by": ["bin"], "members": [rare]})
    followed = {"moran_i": quantities(artificial_stages(rng, stages), GROUPING)["moran_i"]}
    table, _ = evolution(groups, stages, followed, {}, blocks(stages, 40))
    assert np.isfinite(table["value"]).all()
    assert table[["value_low", "value_high"]].isna().all(axis=None)


def contrasts_with(rng, slip_ratio, n=400):
    """|Δσ₁| of active grains is twice that of all in sticks, and `slip_ratio` times in slips."""
    stages = alternating_stages(rng, n)
    per_stage = artificial_stages(rng, stages)
    everywhere = rng.uniform(1, 2, n)
    ratio = np.where(stages["kind"] == "slip", slip_ratio, 2.0) * np.exp(rng.normal(0, 0.2, n))
    per_stage["abs_delta_sigma1_all"], per_stage["abs_delta_sigma1_active"] = everywhere, ratio * everywhere
    contrasts = contrast(stages, per_stage).set_index("quantity")
    return stages["kind"].to_numpy(), ratio, contrasts.loc["abs_delta_sigma1_ratio"]


@pytest.mark.parametrize(("slip_ratio", "verdict"), [(2.4, "yes"), (1.6, "no")])
def test_a_planted_contrast_is_found(rng, slip_ratio, verdict):
    kind, ratio, found = contrasts_with(rng, slip_ratio)
    assert found["verdict"] == verdict
    assert found["difference"] == pytest.approx(found["slip"] - found["stick"])
    for name in ("difference", "matched"):
        # the whole width of the interval is four standard errors
        width = found[f"{name}_high"] - found[f"{name}_low"]
        assert found[name] == pytest.approx((slip_ratio - 2) * np.exp(0.02), abs=width)
    assert found["p_value"] < 0.05
    expected = mannwhitneyu(ratio[kind == "stick"], ratio[kind == "slip"]).pvalue
    assert found["rank_p_value"] == pytest.approx(expected)


def test_no_contrast_is_mostly_not_found(rng):
    found = [contrasts_with(rng, 2.0, 200)[2]["verdict"] for _ in range(60)]
    # 3 of 60 are expected, 10 are beyond four standard deviations
    assert sum(verdict != "not decided" for verdict in found) < 10


def test_a_run_of_sticks_alone_has_no_contrast(rng):
    stages = alternating_stages(rng, 60)
    per_stage = artificial_stages(rng, stages)
    stages["kind"], stages["fluctuation"] = "stick", -stages["fluctuation"].abs()
    found = contrast(stages, per_stage)
    assert (found["verdict"] == "not measured").all()


def test_membership_marks_the_stages_of_each_group():
    groups = pd.DataFrame({"members": [[0, 2], [1], []]})
    assert membership(groups, 4).tolist() == [[1, 0, 0], [0, 1, 0], [1, 0, 0], [0, 0, 0]]


def test_a_density_holds_one_and_its_error_is_that_of_a_count(rng):
    edges = np.array([0.0, 1.0, 1.5, 4.0])
    counts = np.array([40, 10, 50])
    value, error = density(counts, edges)
    assert value @ np.diff(edges) == pytest.approx(1)
    np.testing.assert_allclose(error / value, 1 / np.sqrt(counts))
