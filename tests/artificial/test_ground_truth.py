"""What is built with a known answer gives that answer back through the library's own functions."""

import numpy as np
import pandas as pd
import pytest

import microslip
from microslip import artificial
from microslip.config import load_config
from microslip.core.errors import MicroslipError
from microslip.steps.stages import stages_step

# ξ of one cell of 8,000 grains scatters by some 15 %; so the mean of this many by 5 %.
N_CELLS, OF_XI = 8, 0.15


def test_every_grain_of_a_packing_lies_in_its_box_and_the_same_seed_gives_the_same():
    grains, again = artificial.packing((7.0, 5.0, 6.0), seed=3), artificial.packing((7.0, 5.0, 6.0), seed=3)
    np.testing.assert_array_equal(grains.positions, again.positions)
    assert not np.array_equal(grains.positions, artificial.packing((7.0, 5.0, 6.0), seed=4).positions)
    bulk = grains.kind == 0
    assert bulk.sum() == 7 * 5 * 6
    assert ((grains.positions[bulk] > 0) & (grains.positions[bulk] < grains.box.lengths)).all()
    assert (grains.positions[grains.kind == 1, 2] < 0).all()
    assert (grains.positions[grains.kind == 2, 2] > 6).all()
    assert 0.8 <= grains.diameters.min() < grains.diameters.max() <= 1.2
    free = artificial.packing((7.0, 5.0, 6.0), seed=3, walls=False)
    assert (free.kind == 0).all()
    assert free.box.periodic == (True, True, True)


@pytest.mark.parametrize("threshold", [1e-6, 1e-4])
def test_the_stages_of_a_series_are_found(threshold):
    events = artificial.stick_slip(60, seed=1, smallest=1e-4)
    found = microslip.detect_stages(events.strain, events.stress, threshold)
    pd.testing.assert_frame_equal(found, events.stages)
    assert found["kind"].tolist() == ["stick", "slip"] * 30
    assert events.turning_sample.tolist() == [*found["start_sample"], found["end_sample"].iloc[-1]]


@pytest.mark.parametrize(("xi", "exponent"), [(2.0, 0.5), (1.5, 1.0)])
def test_the_length_of_a_field_is_found(xi, exponent):
    lengths = []
    for seed in range(N_CELLS):
        grains = artificial.packing((20.0, 20.0, 20.0), seed=seed, walls=False)
        values = artificial.correlated_field(grains.positions, grains.box, xi, seed=seed, exponent=exponent)
        measured = microslip.spatial_correlation(grains.positions, values, grains.box, np.linspace(0, 6, 25))
        lengths.append(microslip.fit_ornstein_zernike(measured.r, measured.correlation, exponent=exponent).xi)
    assert np.mean(lengths) == pytest.approx(xi, rel=OF_XI)


def test_a_field_between_walls_is_not_correlated_from_one_to_the_other():
    across = []
    for seed in range(60):
        grains = artificial.packing((6.0, 6.0, 12.0), seed=seed)
        values = artificial.correlated_field(grains.positions, grains.box, 2.0, seed=seed)
        ends = [values[near].mean() for near in (grains.positions[:, 2] < 1, grains.positions[:, 2] > 11)]
        across.append(ends)
    assert abs(np.corrcoef(np.transpose(across))[0, 1]) < 0.4


@pytest.mark.parametrize("dimension", [1.0, 1.7, 3.0])
def test_the_dimension_and_the_sizes_of_clusters_are_found(dimension):
    made = artificial.clusters(400, seed=5, dimension=dimension, eta=2.2)
    n = len(made.positions)
    found = microslip.find_clusters(made.positions, np.ones(n, dtype=bool), made.box, link_distance=artificial.LINK)
    assert sorted(found.size) == sorted(made.sizes)
    radius = microslip.radius_of_gyration(found, np.ones(n))
    assert microslip.fractal_dimension(found.size, radius).dimension == pytest.approx(dimension, rel=1e-9)


def test_the_exponent_of_the_sizes_of_clusters_is_found():
    law = microslip.fit_power_law(artificial.clusters(4000, seed=6, eta=2.5).sizes, smallest=1)
    assert law.exponent == pytest.approx(2.5, abs=3 * law.standard_error)
    assert law.standard_error < 0.05


def test_a_run_is_read_and_its_stages_are_found_again(tmp_path):
    run = artificial.run(tmp_path / "run", seed=2, settings={"training": {"epochs": 5}})
    written, config = run.stages, load_config(run.folder / "config.toml")
    assert config.training.epochs == 5
    assert config.network.channels == (4, 8)
    stages_step(run, config, "mark", lambda done, total: None, lambda text: None)
    pd.testing.assert_frame_equal(run.stages, written)
    assert run.frames["sample"].to_numpy()[written["start_frame"]].tolist() == written["start_sample"].tolist()
    other = artificial.run(tmp_path / "other", seed=2)
    np.testing.assert_array_equal(run.frames["position"], other.frames["position"])


def test_the_motion_of_a_run_tells_the_kind_of_each_stage(tmp_path):
    """Above the middle in a slip, below it in a stick."""
    run = artificial.run(tmp_path / "run", seed=2)
    bulk, box = run.grains["kind"].to_numpy() == 0, run.box
    n_right = 0
    for stage in run.stages.to_dict("records"):
        before, after = (run.frames["position"][stage[name]].to_numpy() for name in ("start_frame", "end_frame"))
        motion = microslip.d2min(box.wrap(before), box.wrap(after), box).d2min[bulk]
        middle = np.average(before[bulk, 2], weights=motion)
        n_right += (middle > box.lengths[2] / 2) == (stage["kind"] == "slip")
    assert n_right >= 0.9 * len(run.stages)


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: artificial.stick_slip(5, seed=0), "n_stages = 5"),
        (lambda: artificial.stick_slip(4, seed=0, samples=3), "samples = 3"),
        (lambda: artificial.correlated_field(np.zeros((1, 3)), microslip.Box((4, 4, 4)), -1.0, seed=0), "xi = -1"),
        (lambda: artificial.correlated_field(np.zeros((1, 3)), microslip.Box((4, 4, 4)), 1, seed=0, exponent=2), "= 2"),
        (lambda: artificial.clusters(seed=0, eta=1), "eta = 1"),
        (lambda: artificial.clusters(seed=0, dimension=3.1), "dimension = 3.1"),
    ],
)
def test_what_cannot_be_built_is_refused(call, named):
    with pytest.raises(MicroslipError, match=named):
        call()
