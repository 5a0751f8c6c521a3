"""Growth of free volume before a stage, planted, feigned by a layer, and feigned by regression to the mean."""

import numpy as np
import pytest

from microslip.statistics.free_volume import (
    COMPARISONS,
    LAGS,
    excess,
    free_volume_growth,
    lagged_frames,
    shuffled_stages,
)

N_GRAINS, N_LAYERS, N_STAGES = 2000, 10, 60
BEFORE, START, AFTER = LAGS.index(-1.0), LAGS.index(0.0), LAGS.index(1.0)


# --- the difference at equal layer and covariates ---------------------------------------------------------------------


def by_dummies(values, marked, layer, covariates):
    """The same fit with a column for each layer."""
    known = np.isfinite(np.column_stack([values, covariates])).all(axis=1)
    dummies = np.eye(layer.max() + 1)[layer]
    columns = np.column_stack([marked, dummies, covariates])[known].astype(float)
    return np.linalg.lstsq(columns, values[known], rcond=None)[0][0]


def test_is_the_coefficient_of_a_fit_with_a_column_for_each_layer(rng):
    for _ in range(20):
        layer, marked = rng.integers(0, 6, 300), rng.random(300) < 0.2
        covariates = rng.normal(size=(300, 2)) + marked[:, None] + 0.3 * layer[:, None]
        values = rng.normal(size=300) + 2 * marked + layer + covariates @ [1.0, -0.5]
        values[rng.random(300) < 0.1] = np.nan
        assert excess(values, marked, layer, covariates) == pytest.approx(by_dummies(values, marked, layer, covariates))
        nothing = np.empty((300, 0))
        assert excess(values, marked, layer) == pytest.approx(by_dummies(values, marked, layer, nothing))
        finite = np.isfinite(values)
        plain = values[finite & marked].mean() - values[finite & ~marked].mean()
        assert excess(values, marked) == pytest.approx(plain)


def test_marks_that_the_layers_tell_have_no_difference():
    layer = np.repeat([0, 1], 50)
    assert np.isnan(excess(np.arange(100.0), layer == 1, layer))
    assert np.isnan(excess(np.arange(100.0), layer == 1, None, (layer == 1)[:, None].astype(float)))
    assert np.isnan(excess(np.full(100, np.nan), layer == 1))
    assert np.isnan(excess(np.arange(100.0), np.zeros(100, dtype=bool)))


# --- planted, and feigned ---------------------------------------------------------------------------------------------


def mean_growth(make, n_stages=N_STAGES):
    """Mean and standard error over stages, by comparison (lag,); `make` gives free volumes and marks of a stage."""
    rows = {name: [] for name in COMPARISONS}
    for stage in range(n_stages):
        rng = np.random.default_rng(stage)
        diameter, layer = rng.uniform(0.8, 1.2, N_GRAINS), rng.integers(0, N_LAYERS, N_GRAINS)
        free, active = make(rng, diameter, layer)
        shuffled = rng.random(N_GRAINS) < 0.1
        for name, values in free_volume_growth(free, diameter, layer, active, shuffled).items():
            rows[name].append(values)
    return {name: (np.mean(of, axis=0), np.std(of, axis=0) / np.sqrt(n_stages)) for name, of in rows.items()}


def noise(rng, diameter, scale=0.03):
    """Free volumes about those of the grains' size, drawn anew in every frame."""
    return 0.5 * diameter**3 + rng.normal(0, scale, (len(LAGS), len(diameter)))


def assert_nothing(mean, error, where):
    assert abs(mean[where]) < 3.5 * error[where]


def test_growth_where_grains_will_be_active_is_measured_before_and_not_after():
    def make(rng, diameter, layer):
        free, active = noise(rng, diameter), rng.random(N_GRAINS) < 0.1
        # grows by 0.01 in each stage before, and stays
        free += 0.01 * np.minimum(np.array(LAGS), 0)[:, None] * active
        return free, active

    growth = mean_growth(make)
    for name in ("plain", "layered", "matched"):
        mean, error = growth[name]
        np.testing.assert_allclose(mean[:5] / [0.03, 0.02, 0.01, 0.005, 1], [1, 1, 1, 1, 0], atol=0.15)
        assert error[BEFORE] < 1e-3
        assert_nothing(mean, error, AFTER)
    assert_nothing(*growth["shuffled"], BEFORE)


def test_a_layer_that_dilates_as_a_whole_is_no_growth_at_equal_height():
    def make(rng, diameter, layer):
        free = noise(rng, diameter)
        free += 0.02 * np.minimum(np.array(LAGS), 0)[:, None] * (layer < 3)
        # where it dilates, more grains are active
        return free, rng.random(N_GRAINS) < np.where(layer < 3, 0.25, 0.03)

    growth = mean_growth(make)
    assert growth["plain"][0][BEFORE] > 0.008
    for name in ("layered", "matched", "shuffled"):
        assert_nothing(*growth[name], BEFORE)


def test_large_cells_that_happen_to_be_large_are_no_growth_at_equal_volume():
    """Activity that follows from the free volume at the start, of volumes that forget: regression to the mean."""

    def make(rng, diameter, layer):
        free = noise(rng, diameter)
        beyond = free[START] - 0.5 * diameter**3 + rng.normal(0, 0.03, N_GRAINS)
        return free, beyond > np.quantile(beyond, 0.9)

    growth = mean_growth(make)
    mean, error = growth["layered"]
    # grown before, shrunk after, as much
    assert mean[BEFORE] > 20 * error[BEFORE]
    np.testing.assert_allclose(mean[AFTER], -mean[BEFORE], rtol=0.1)
    for lag in (BEFORE, AFTER):
        assert_nothing(*growth["matched"], lag)
    # the free volume itself is larger at the start, by more than chance
    assert growth["matched"][0][START] > 0.02


def test_noise_beside_random_grains_is_nothing():
    growth = mean_growth(lambda rng, diameter, layer: (noise(rng, diameter), rng.random(N_GRAINS) < 0.1))
    for name in COMPARISONS:
        for lag in range(len(LAGS)):
            assert_nothing(*growth[name], lag)


def test_neither_walls_nor_missing_frames_count(rng):
    diameter, layer = np.ones(200), rng.integers(0, 3, 200)
    free, active = rng.random((len(LAGS), 200)), rng.random(200) < 0.3
    free[1] = np.nan
    whole = free_volume_growth(free, diameter, layer, active, active)
    assert all(np.isnan(values).tolist() == [lag == -2 for lag in LAGS] for values in whole.values())
    # grains without a cell, active as they may be called
    more = np.concatenate([free, np.full((len(LAGS), 50), np.nan)], axis=1)
    with_walls = free_volume_growth(
        more,
        np.ones(250),
        np.append(layer, np.zeros(50, int)),
        np.append(active, np.ones(50, bool)),
        np.append(active, np.zeros(50, bool)),
    )
    for name, values in whole.items():
        np.testing.assert_allclose(with_walls[name], values)


# --- which frames -----------------------------------------------------------------------------------------------------


def test_lags_count_stages_and_stop_at_gaps():
    # frames 0 to 4 and 6 to 8 join; one frame lies inside the stage from 2 to 4
    start, end = np.array([0, 1, 2, 6, 7]), np.array([1, 2, 4, 7, 8])
    frames = lagged_frames(start, end, np.array([0, 10, 20, 26, 30, 40, 50, 60, 70]))
    expected = {
        -3.0: [-1, -1, -1, -1, -1],
        -2.0: [-1, -1, 0, -1, -1],
        -1.0: [-1, 0, 1, -1, 6],
        -0.5: [-1, -1, -1, -1, -1],
        0.0: [0, 1, 2, 6, 7],
        0.5: [-1, -1, 3, -1, -1],
        1.0: [1, 2, 4, 7, 8],
        2.0: [2, 4, -1, 8, -1],
        3.0: [4, -1, -1, -1, -1],
    }
    assert dict(zip(LAGS, frames.T.tolist(), strict=True)) == expected


def test_the_frame_inside_is_the_one_nearest_to_the_middle_of_the_stage():
    start, end = np.array([0, 4]), np.array([4, 5])
    frames = lagged_frames(start, end, np.array([0, 10, 52, 90, 100, 110]))
    assert frames[1, LAGS.index(-0.5)] == frames[0, LAGS.index(0.5)] == 2


def test_shuffled_stages_are_others_of_the_same_kind():
    kind = np.array(["stick", "slip"] * 10 + ["window"])
    other = shuffled_stages(kind)
    assert other[-1] == -1
    assert (kind[other[:-1]] == kind[:-1]).all()
    assert sorted(other[:-1]) == list(range(20))
    assert np.abs(other[:-1] - np.arange(20)).min() == 10
