"""Bounds of R² from replicas whose noise, and what of it their fields show, is planted."""

import numpy as np
import pandas as pd
import pytest

from microslip.statistics.replicas import between_stages, ceilings, twins

N_STAGES, N_REPLICAS, N_GRAINS = 60, 8, 40


def planted(rng, of_field, of_nothing):
    """Twins of stages whose fluctuations follow a number that the field shows, and a noise that it does not show.

    How far replicas part differs from one to the next, as where a perturbation has grown.
    """
    size = 10 ** rng.uniform(-3, -1, N_STAGES)
    parts = []
    for stage in range(N_STAGES):
        way = rng.normal(size=N_REPLICAS) * 10 ** rng.uniform(-2, 0, N_REPLICAS)
        d2min = 1e-6 * 10 ** (way[:, None] * np.ones(N_GRAINS))
        noise = of_field * way / 0.3 + of_nothing * rng.normal(size=N_REPLICAS)
        parts.append(twins(size[stage] * (1 + noise), d2min, np.full(N_REPLICAS, 1e-9)).assign(stage=stage))
    stages = pd.DataFrame({"stage": np.arange(N_STAGES), "fluctuation": size, "weight": 1})
    return pd.concat(parts), stages, size


def bounds(rng, of_field, of_nothing):
    pairs, stages, size = planted(rng, of_field, of_nothing)
    table = ceilings(pairs, stages, size, 1)
    return table[table["group"] == "all"].set_index("bound"), size


def test_noise_that_the_field_does_not_show_stays(rng):
    table, size = bounds(rng, 0.0, 0.1)
    true = 1 - 0.01 * np.mean(size**2) / np.var(size)
    for name in ("same_start", "same_field"):
        assert table.loc[name, "r2"] == pytest.approx(true, abs=0.01)
        assert table.loc[name, "r2_low"] < table.loc[name, "r2"] < table.loc[name, "r2_high"]
    assert table.loc["same_field", "share"] > 0.8


def test_noise_that_the_field_shows_goes(rng):
    table, _ = bounds(rng, 0.1, 0.0)
    assert table.loc["same_field", "share"] == pytest.approx(0.0, abs=1e-9)
    assert table.loc["same_field", "r2"] == pytest.approx(1.0)
    assert table.loc["nearest_twin", "r2"] > 0.999
    assert table.loc["same_start", "r2"] < 0.99


def test_of_both_the_share_is_told(rng):
    table, _ = bounds(rng, 0.1, 0.05)
    assert 0.05 < table.loc["same_field", "share"] < 0.5
    assert table.loc["same_start", "r2"] < table.loc["same_field", "r2"] < 1


def test_replicas_that_are_the_same_bound_nothing(rng):
    pairs, stages, size = planted(rng, 0.0, 0.0)
    table = ceilings(pairs.assign(field_difference=0.0), stages, size, 1)
    assert (table["r2"] == 1).all()
    assert (table["noise"] == 0).all()


def test_a_pair_says_how_far_its_fluctuations_and_fields_are_apart():
    d2min = np.array([[1e-6, 1e-5, np.nan], [1e-6, 1e-4, 1e-6], [1e-5, 1e-5, 1e-6]])
    table = twins(np.array([0.0, 2e-3, 1e-3]), d2min, np.array([0.0, 1e-9, 1e-6]))
    assert table["half_square"].tolist() == pytest.approx([2e-6, 0.5e-6, 0.5e-6])
    assert table["field_difference"].tolist() == pytest.approx([0.5, 0.5, 2 / 3])
    assert table["perturbation"].tolist() == pytest.approx([1e-9, 1e-6, np.nan], nan_ok=True)
    assert between_stages(list(d2min)) == pytest.approx((0.5 + 0.5 + 2 / 3) / 3)


def test_thirds_by_size_are_measured_against_their_own_mean_square(rng):
    pairs, stages, size = planted(rng, 0.0, 0.1)
    table = ceilings(pairs, stages, size, 1).query("bound == 'same_start'").set_index("group")
    assert table["n_stages"].tolist() == [60, 20, 20, 20]
    # the noise is a tenth of the size
    assert table.loc[["small", "middle", "large"], "r2"].to_numpy() == pytest.approx(0.99, abs=0.003)
