"""Profiles of flows whose profile is known, and slices of spheres beside their whole."""

import numpy as np
import pandas as pd
import pytest

from microslip import Box
from microslip.artificial import packing
from microslip.statistics.profiles import (
    DRIFT_STRAIN,
    LARGEST_DEPARTURE,
    FlowProfile,
    Moment,
    Motion,
    MotionProfile,
    flow_profile,
    judge,
    layer_fractions,
    motion_profile,
    sliced_volumes,
    solid_fraction_drift,
    strain_windows,
    window_rows,
)

LENGTHS = (10.0, 6.0, 12.0)
MIDDLE = (np.arange(10) + 0.5) / 10
STRAINS = np.linspace(0, 0.3, 31)


def linear(level):
    return 1 - level


def band(level):
    """All shear in the lowest fifth of the height."""
    return np.clip(1 - level / 0.2, 0, 1)


def sheared(grains, profile, shift=0.0, drift=0.0):
    """Moments in which the bulk follows a profile of u/U and the bottom wall moves by γ H; all drifts in x."""
    height = grains.box.lengths[2]
    speed = np.select([grains.kind == 1, grains.kind == 2], [1.0, 0.0], profile(grains.positions[:, 2] / height))
    for strain in STRAINS:
        position = grains.positions + np.array([shift, 0.3 * shift, 0])
        position[:, 0] += strain * height * (speed + drift)
        yield Moment(position, grains.box, height)


def test_a_linear_flow_is_the_line():
    grains = packing(LENGTHS, seed=1)
    velocity, _, n_frames = flow_profile(sheared(grains, linear), grains.diameters, grains.kind)
    assert n_frames == len(STRAINS)
    # the mean height of the grains of a layer is not its middle: by up to their jitter
    np.testing.assert_allclose(velocity, 1 - MIDDLE, atol=0.06)
    level = np.clip(grains.positions[grains.kind == 0, 2] / LENGTHS[2], 0, 0.999)
    means = pd.Series(1 - level).groupby((10 * level).astype(int)).mean()
    np.testing.assert_allclose(velocity, means, rtol=1e-9)


def test_a_band_is_measured_where_it_is():
    grains = packing((20.0, 15.0, 20.0), seed=2, jitter=0.5)
    velocity, _, _ = flow_profile(sheared(grains, band), grains.diameters, grains.kind)
    np.testing.assert_allclose(velocity, np.clip(1 - MIDDLE / 0.2, 0, 1), atol=0.03)


@pytest.mark.parametrize(("shift", "drift"), [(137.0, 0.0), (0.0, -0.5), (-3.3, 1.0)])
def test_neither_the_origin_nor_the_frame_of_reference_matters(shift, drift):
    grains = packing(LENGTHS, seed=3)
    as_it_is = flow_profile(sheared(grains, band), grains.diameters, grains.kind)
    moved = flow_profile(sheared(grains, band, shift, drift), grains.diameters, grains.kind)
    for one, other in zip(as_it_is, moved, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-12)


def leaning(grains, extra, lift=0.0, turns=0):
    """Moments of a cell without walls that leans ever more: grains follow it, and `extra` (level) of U beside."""
    height = grains.box.lengths[2]
    start = grains.positions + np.array([0, 0, lift * height])
    level = np.mod(start[:, 2] / height, 1)
    # grains that have gone around keep their places in the copies of the cell
    start[:, 2] += turns * height * (np.arange(len(start)) % 3 - 1)
    for strain in STRAINS:
        tilt = -strain * height
        position = start.copy()
        position[:, 0] += tilt * start[:, 2] / height + strain * height * extra(np.mod(level - lift, 1))
        yield Moment(position, Box(grains.box.lengths, (True, True, True), tilt), height)


def wave(level):
    return 0.2 * np.sin(2 * np.pi * level)


@pytest.mark.parametrize("turns", [0, 1])
def test_without_walls_the_flow_is_held_against_the_tilt(turns):
    grains = packing((20.0, 12.0, 20.0), seed=4, walls=False, jitter=0.5)
    velocity, _, _ = flow_profile(leaning(grains, np.zeros_like, turns=turns), grains.diameters, grains.kind)
    np.testing.assert_allclose(velocity, 1 - MIDDLE, atol=0.03)
    velocity, _, _ = flow_profile(leaning(grains, wave, turns=turns), grains.diameters, grains.kind)
    np.testing.assert_allclose(velocity, 1 - MIDDLE + wave(MIDDLE), atol=0.03)


def test_without_walls_no_height_is_the_first():
    """A lift of the whole by layers turns the profile by as many."""
    grains = packing((20.0, 12.0, 20.0), seed=5, walls=False)
    velocity, fraction, _ = flow_profile(leaning(grains, wave), grains.diameters, grains.kind)
    lifted, fraction_lifted, _ = flow_profile(leaning(grains, wave, lift=0.3), grains.diameters, grains.kind)
    departure, turned = velocity - (1 - MIDDLE), lifted - (1 - MIDDLE)
    np.testing.assert_allclose(np.roll(departure, 3), turned, atol=1e-9)
    np.testing.assert_allclose(np.roll(fraction, 3), fraction_lifted, atol=1e-9)


def test_grains_that_come_and_go_and_grains_at_rest():
    grains = packing(LENGTHS, seed=6)
    moments = list(sheared(grains, linear))
    whole, _, _ = flow_profile(moments, grains.diameters, grains.kind)
    for number, moment in enumerate(moments):
        moment.position[(np.arange(len(grains.kind)) + number) % 7 == 0] = np.nan
    some, _, _ = flow_profile(moments, grains.diameters, grains.kind)
    np.testing.assert_allclose(some, whole, atol=0.02)
    velocity, fraction, n_frames = flow_profile([moments[0]] * 3, grains.diameters, grains.kind)
    assert np.isnan(velocity).all()
    assert np.isfinite(fraction).all()
    assert n_frames == 3
    nobody_drives = np.where(grains.kind == 1, 0, grains.kind)
    assert np.isnan(flow_profile(moments, grains.diameters, nobody_drives)[0]).all()


def test_slices_of_spheres_sum_to_the_spheres(rng):
    height, diameter = rng.uniform(0, 9, 300), rng.uniform(0.3, 1.5, 300)
    edges = np.sort(np.concatenate([[-2.0, 11.0], rng.uniform(-2, 11, 40)]))
    volumes = sliced_volumes(height, diameter, edges)
    assert (volumes >= -1e-12).all()
    assert volumes.sum() == pytest.approx((np.pi / 6 * diameter**3).sum(), rel=1e-12)
    areas = sliced_volumes(height, diameter, edges, planar=True)
    assert areas.sum() == pytest.approx((np.pi / 4 * diameter**2).sum(), rel=1e-12)


def test_slices_of_a_sphere_are_those_of_points_in_it(rng):
    points = rng.normal(size=(400_000, 3))
    points *= (rng.uniform(size=len(points)) ** (1 / 3) / np.linalg.norm(points, axis=1) * 0.6)[:, None]
    edges = np.array([-1.0, -0.3, 0.05, 0.4, 1.0])
    share = np.histogram(points[:, 2], edges)[0] / len(points)
    volumes = sliced_volumes(np.zeros(1), np.array([1.2]), edges)
    np.testing.assert_allclose(volumes / volumes.sum(), share, atol=4e-3)


@pytest.mark.parametrize("walls", [True, False])
def test_layers_of_solid_sum_to_the_solid_fraction(walls):
    """Of a packing in which no grain reaches beyond an end, or one that repeats and lacks none by it."""
    grains = packing(LENGTHS, seed=7, walls=walls)
    bulk = grains.kind == 0
    if walls:
        grains.positions[bulk, 2] = np.clip(grains.positions[bulk, 2], 0.7, LENGTHS[2] - 0.7)
    moment = Moment(grains.positions, grains.box, LENGTHS[2])
    fractions = layer_fractions(moment, grains.diameters, bulk)
    whole = (np.pi / 6 * grains.diameters[bulk] ** 3).sum() / np.prod(LENGTHS)
    assert fractions.mean() == pytest.approx(whole, rel=1e-12)


def test_even_activity_has_even_shares_and_a_band_has_all(rng):
    level = rng.uniform(0, 1, 4000)
    even = [Motion(level, np.exp(rng.normal(-12, 1, 4000))) for _ in range(20)]
    log_d2min, active, quarters, error, n_stages = motion_profile(even)
    assert n_stages == 20
    np.testing.assert_allclose(log_d2min, -12 / np.log(10), atol=0.05)
    np.testing.assert_allclose(active, 0.1, atol=0.02)
    np.testing.assert_allclose(quarters, 0.25, atol=0.02)
    # 400 active grains a stage, each in a quarter by chance
    assert error == pytest.approx(np.sqrt(0.25 * 0.75 / 400 / 20), rel=0.6)
    banded = [Motion(level, motion.d2min * np.where(level < 0.2, 1e6, 1)) for motion in even]
    log_d2min, active, quarters, error, _ = motion_profile(banded)
    assert error == 0
    assert quarters.tolist() == [1, 0, 0, 0]
    assert active[:2].sum() == pytest.approx(1)
    np.testing.assert_allclose(log_d2min[:2] - log_d2min[2:4], 6, atol=0.1)
    # a unit of length is no activity, and grains without a value are none
    scaled = [Motion(level, np.where(level > 0.9, np.nan, 1e-3 * motion.d2min)) for motion in banded]
    np.testing.assert_allclose(motion_profile(scaled).quarters, quarters)


def test_grains_that_all_move_alike_are_no_stage():
    still = Motion(np.linspace(0, 1, 50), np.zeros(50))
    log_d2min, active, quarters, _, n_stages = motion_profile([still, still])
    assert n_stages == 0
    assert np.isnan(np.concatenate([log_d2min, active, quarters])).all()


def test_a_drift_is_found_with_its_error(rng):
    strain = np.linspace(0.1, 0.9, 8001)
    steady, moving = 0.59 + rng.normal(0, 1e-3, 8001), 0.59 + 0.02 * strain + rng.normal(0, 1e-3, 8001)
    drift, error = solid_fraction_drift(strain, steady)
    assert abs(drift) < 4 * error < 1e-4
    drift, error = solid_fraction_drift(strain, moving)
    assert drift == pytest.approx(0.02 * DRIFT_STRAIN, abs=4 * error)
    # what the samples are spaced by is no matter: a cell that slows down has many at the same strain
    uneven = np.sort(rng.beta(0.5, 2, 8001)) * 0.8 + 0.1
    assert solid_fraction_drift(uneven, 0.6 - 0.01 * uneven)[0] == pytest.approx(-0.01 * DRIFT_STRAIN)
    assert np.isnan(solid_fraction_drift(strain[:10], steady[:10])).all()
    assert np.isnan(solid_fraction_drift(strain, np.full(8001, np.nan))).all()


def test_windows_leave_no_gap_and_have_one_length():
    assert strain_windows(0.05, 0.35) == [(0.05, 0.35)]
    assert strain_windows(0.1, 0.2) == [(0.1, 0.2)]
    for last in (0.36, 0.8, 0.95, 1.55):
        windows = np.array(strain_windows(0.05, last))
        np.testing.assert_allclose(np.diff(windows, axis=1), 0.3)
        assert windows[0, 0] == 0.05
        assert windows[-1, 1] == pytest.approx(last)
        assert (windows[1:, 0] <= windows[:-1, 1] + 1e-9).all()


def judged(departures, quarters=(0.25, 0.25, 0.25, 0.25), drift=(0.0, 1e-4), length=0.3):
    rows, quarters = [], np.broadcast_to(quarters, (len(departures), 4))
    for number, departure in enumerate(departures):
        velocity = 1 - MIDDLE
        velocity[4] += departure
        same = np.full(10, 0.1)
        profile, motion = FlowProfile(velocity, same, 31), MotionProfile(same, same, quarters[number], 0.01, 9)
        rows.append(window_rows(number, (0.3 * number, 0.3 * number + length), profile, motion)[1])
    return judge(pd.DataFrame(rows), drift)


def test_the_verdicts():
    inside, outside = LARGEST_DEPARTURE - 0.01, -LARGEST_DEPARTURE - 0.01
    numbers = judged([inside, 0.02])
    assert (numbers["homogeneous"], numbers["steady"], numbers["n_beyond"]) == ("yes", "yes", 0)
    assert numbers["departure"] == pytest.approx(inside)
    assert judged([0.02, outside])["homogeneous"] == "no"
    assert judged([0.02, outside])["n_beyond"] == 1
    assert judged([0.02], (0.4, 0.2, 0.2, 0.2))["homogeneous"] == "no"
    assert judged([0.02], (0.34, 0.34, 0.2, 0.12))["least_quarter"] == pytest.approx(0.12)
    assert judged([0.02], (0.34, 0.34, 0.2, 0.12))["homogeneous"] == "no"
    wandering = [(0.40, 0.2, 0.2, 0.2), (0.16, 0.2, 0.24, 0.4), (0.25, 0.25, 0.25, 0.25)]
    numbers = judged([0.02, 0.02, 0.02], wandering)
    assert (numbers["homogeneous"], numbers["n_beyond"]) == ("yes", 2), "shares count over all windows"
    assert numbers["least_mean_quarter"] == pytest.approx((0.2 + 0.2 + 0.25) / 3)
    assert numbers["most_mean_quarter"] == pytest.approx((0.2 + 0.4 + 0.25) / 3)
    assert judged([0.02, 0.02], [(0.40, 0.2, 0.2, 0.2), (0.36, 0.2, 0.24, 0.2)])["homogeneous"] == "no"
    assert judged([0.02], (0.3503, 0.2, 0.2, 0.2497))["homogeneous"] == "yes", "to the digits that are shown"
    assert judged([0.02], np.full(4, np.nan))["homogeneous"] == "not decided"
    assert judged([outside], length=0.05)["homogeneous"] == "not decided", "slips are few"
    assert judged([inside], length=0.05)["homogeneous"] == "yes"
    for drift, verdict in (((2e-3, 1e-4), "no"), ((-9e-4, 5e-5), "yes"), ((9e-4, 3e-4), "not decided")):
        assert judged([0.0], drift=drift)["steady"] == verdict
    assert judged([0.0], drift=(np.nan, np.nan))["steady"] == "not decided"
