"""The contact law of both engines on two grains, against closed forms and a finer theory.

Hertz (1882): F_n = 4/3 E* √R* δ^(3/2). Mindlin (1949): k_t = 8 G* a with a = √(R* δ). Mindlin & Deresiewicz (1953)
and Maw, Barber & Fawcett (1976) let the contact slip from its rim inwards; `mindlin` slips as a whole or not at all: it
begins and ends as they do, and departs from them in between by bounds that are tested here. `mindlin_force` differs
from it where the overlap changes under a tangential load.
"""

import json
import math
import subprocess
import sys
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.integrate import cumulative_trapezoid

from microslip.core.contacts import contact_energy
from microslip.dem.config import ShearCell
from microslip.dem.lammps.installed import rank_environment

SCRIPTS = {"lammps": "two_grains.py", "native": "two_grains_native.py"}

# Restitution 1 takes the damping away: what is left is elastic, and exact at any speed of loading.
ELASTIC = ShearCell.model_validate({"grains": {"restitution": 1}})
PAPER = ShearCell()
D = PAPER.grains.mean_diameter
EQUAL, UNEQUAL = (D, D), (0.8 * D, 1.2 * D)

# A skew line of centres, from the first grain to the second, and a tangent: no axis of the box is special.
NORMAL = np.array([2.0, -1.0, 2.0]) / 3
TANGENT = np.array([1.0, 2.0, 0.0]) / math.sqrt(5)
BINORMAL = np.cross(NORMAL, TANGENT)
REST = [[0.0] * 3] * 2

# Of an elastic normal impact, in units of (m*²/(R* E*² v))^(1/5) (Johnson, Contact Mechanics, 1985, eq. 11.24).
HERTZ_DURATION = 2.87
# Sums and differences of some 1e3 rounded numbers.
ROUNDING = 1e-9
# Centres are about 1e-3 m apart and overlaps down to 1e-9 m: six of the sixteen digits are lost in the difference.
OVERLAP_ROUNDING = 1e-8


# What a contact remembers while its overlap changes: its tangential displacement, or its tangential force.
LAWS = ("mindlin", "mindlin_force")


def under(law, config):
    """The same grains under one of the two laws."""
    content = config.model_dump(mode="json")
    return ShearCell.model_validate({**content, "grains": {**content["grains"], "tangential": law}})


def material(config, diameter):
    """Masses, radii and the contact's moduli for two grains."""
    g = config.grains
    radius = np.array(diameter) / 2
    mass = g.density * 4 / 3 * math.pi * radius**3
    return SimpleNamespace(
        radius=radius,
        mass=mass,
        inertia=0.4 * mass * radius**2,
        reduced_mass=mass.prod() / mass.sum(),
        reduced_radius=radius.prod() / radius.sum(),
        e_star=g.youngs_modulus / (2 * (1 - g.poisson_ratio**2)),
        g_star=g.youngs_modulus / (4 * (2 - g.poisson_ratio) * (1 + g.poisson_ratio)),
        friction=g.friction,
    )


def hertz_force(config, diameter, overlap):
    m = material(config, diameter)
    return 4 / 3 * m.e_star * math.sqrt(m.reduced_radius) * overlap**1.5


def tangential_stiffness(config, diameter, overlap):
    m = material(config, diameter)
    return 8 * m.g_star * np.sqrt(m.reduced_radius * overlap)


def hertz_time(config, diameter, speed):
    """Duration of an elastic normal impact."""
    m = material(config, diameter)
    return HERTZ_DURATION * (m.reduced_mass**2 / (m.reduced_radius * m.e_star**2 * speed)) ** 0.2


# --- cases ------------------------------------------------------------------------------------------------------------


def stage(motion, steps, velocity=None, omega=None):
    as_lists = [None if v is None else np.asarray(v, dtype=float).tolist() for v in (velocity, omega)]
    return {"motion": motion, "steps": steps, "velocity": as_lists[0], "omega": as_lists[1]}


def case(config, diameter, overlap, stages, every=1):
    position = [[0.0] * 3, ((sum(diameter) / 2 - overlap) * NORMAL).tolist()]
    content = config.model_dump(mode="json", include=set(ShearCell.model_fields))
    return {"config": content, "diameter": diameter, "position": position, "every": every, "stages": stages}


def impact(config, diameter, speed, sideways=0.0, slip=None, gap_steps=2.25, common=(0, 0, 0), every=None):
    """Free flight to an impact in the centre-of-mass frame, and out of the contact again.

    `sideways` is the relative tangential speed of the centres. Without `slip` the grains do not spin; with it, they
    spin such that their surfaces pass each other at that speed.
    """
    m = material(config, diameter)
    relative = speed * NORMAL + sideways * TANGENT  # of the first grain, seen from the second
    share = m.reduced_mass / m.mass
    velocity = np.array([share[0] * relative, -share[1] * relative]) + np.array(common)
    spin = 0.0 if slip is None else slip - sideways
    # both surfaces take half of what is asked for
    omega = np.array([spin / (2 * r) * BINORMAL for r in m.radius])
    # a strongly damped contact lasts longer than Hertz's
    steps = math.ceil(1.8 * hertz_time(config, diameter, speed) / config.timestep + gap_steps)
    gap = gap_steps * speed * config.timestep
    return case(config, diameter, -gap, [stage("free", steps, velocity, omega)], every or steps)


def turn(distance, steps, config, diameter):
    """Both surfaces turn so that the contact slips by this distance; the overlap stays what it is."""
    rate = distance / (steps * config.timestep)
    omega = [rate / (2 * r) * BINORMAL for r in material(config, diameter).radius]
    return stage("driven", steps, REST, omega)


def quarter_turn(diameter, overlap, config):
    """Both grains turn about the first one as a body, in the plane of NORMAL and TANGENT; nothing slips.

    Stages of one step each, along the chords of the circle. A force is of the end of a step: there the second grain's
    surface moves with the part of the chord that is across the normal.
    """
    distance, step = sum(diameter) / 2 - overlap, config.timestep
    angles = np.linspace(0, math.pi / 2, STEPS + 1)
    places = distance * (np.cos(angles)[:, None] * NORMAL + np.sin(angles)[:, None] * TANGENT)
    spin = distance * math.sin(angles[1]) / step / (sum(diameter) / 2) * BINORMAL
    return [stage("driven", 1, [np.zeros(3), chord / step], [spin, spin]) for chord in np.diff(places, axis=0)]


def shift(distance, direction, steps, config, omega=REST):
    """The first grain is moved by this distance."""
    velocity = [distance / (steps * config.timestep) * direction, np.zeros(3)]
    return stage("driven", steps, velocity, omega)


SPEEDS = (0.01, 0.03, 0.1, 0.3, 1.0)
GAPS = (2.0, 2.5, 2.75)
RESTITUTIONS = (0.87, 0.5)
FRACTIONS = (0.05, 0.4)
STATIC_OVERLAPS = tuple(D * 10.0**k for k in (-6, -5, -4, -3, -2))

LOADED = 1e-4 * D
# The kinks of a stage of three sliding distances fall on records, the first and the second third.
STEPS = 300
EVERY = 4
RECORDS = STEPS // EVERY
SLIDING_DISTANCE = {
    diameter: PAPER.grains.friction
    * hertz_force(PAPER, diameter, LOADED)
    / tangential_stiffness(PAPER, diameter, LOADED)
    for diameter in (EQUAL, UNEQUAL)
}
# under which no contact of four times the overlap LOADED slides when it is relieved to LOADED
TANGENTIAL_WAY = 0.25 * SLIDING_DISTANCE[EQUAL]
APPROACH = 1e-3 * D
# Maw, Barber & Fawcett's angle of incidence, (1 − ν)/(μ (1 − ν/2)) times slip over normal speed
INCIDENCES = (0.3, 0.6, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0)
OBLIQUE_SPEED = 1e-3
# surfaces slide to the end of an impact when the centres pass at this many times the normal speed
STEEP = 8.0
COMMON = np.array([3.0, -2.0, 0.5])


def with_restitution(restitution, fraction=PAPER.loading.rayleigh_fraction):
    return ShearCell.model_validate(
        {"grains": {"restitution": restitution}, "loading": {"rayleigh_fraction": fraction}}
    )


def incidence_scale(config):
    g = config.grains
    return (1 - g.poisson_ratio) / (g.friction * (1 - g.poisson_ratio / 2))


@cache
def all_cases():
    cases = {}
    for diameter in (EQUAL, UNEQUAL):
        for speed in SPEEDS:
            for gap in GAPS:
                for e in RESTITUTIONS:
                    cases[f"rebound {e} {diameter} {speed} {gap}"] = impact(
                        with_restitution(e), diameter, speed, gap_steps=gap
                    )
                for fraction in FRACTIONS:
                    cases[f"step {fraction} {diameter} {speed} {gap}"] = impact(
                        with_restitution(0.87, fraction), diameter, speed, gap_steps=gap
                    )
        for overlap in STATIC_OVERLAPS:
            cases[f"rest {diameter} {overlap}"] = case(PAPER, diameter, overlap, [stage("driven", 1, REST, REST)])
        cases[f"approach {diameter}"] = case(
            ELASTIC, diameter, 0.0, [shift(APPROACH, NORMAL, STEPS, ELASTIC), shift(-APPROACH, NORMAL, STEPS, ELASTIC)]
        )
        slide = SLIDING_DISTANCE[diameter]
        for law in LAWS:
            elastic = under(law, ELASTIC)
            cases[f"sliding cycle {law} {diameter}"] = case(
                elastic, diameter, LOADED, [turn(k * slide, STEPS, ELASTIC, diameter) for k in (3, -6, 6)], EVERY
            )
            cases[f"sticking cycle {law} {diameter}"] = case(
                elastic,
                diameter,
                LOADED,
                [turn(k * 0.9 * slide, STEPS, ELASTIC, diameter) for k in (1, -1, -1, 1)],
                EVERY,
            )
            cases[f"carried round {law} {diameter}"] = case(
                elastic,
                diameter,
                LOADED,
                [turn(0.5 * slide, STEPS, ELASTIC, diameter), *quarter_turn(diameter, LOADED, ELASTIC)],
            )
        cases[f"shifted {diameter}"] = case(
            ELASTIC, diameter, LOADED, [shift(3 * slide, TANGENT, STEPS, ELASTIC)], EVERY
        )
        rolling = 3 * slide / (STEPS * ELASTIC.timestep)
        cases[f"rolled {diameter}"] = case(
            ELASTIC,
            diameter,
            LOADED,
            [shift(3 * slide, TANGENT, STEPS, ELASTIC, [-rolling / (diameter[0] / 2) * BINORMAL, np.zeros(3)])],
            EVERY,
        )
        radius = np.array(diameter) / 2
        cases[f"gears {diameter}"] = case(
            PAPER,
            diameter,
            LOADED,
            [stage("turning", STEPS, REST, [BINORMAL / radius[0], -BINORMAL / radius[1]])],
            EVERY,
        )
        cases[f"impact without slip {diameter}"] = impact(
            PAPER, diameter, OBLIQUE_SPEED, sideways=2 * OBLIQUE_SPEED, slip=0.0
        )
        for config in (PAPER, ELASTIC):
            e = config.grains.restitution
            for psi in INCIDENCES:
                slip = psi * OBLIQUE_SPEED / incidence_scale(config)
                for law in LAWS:
                    cases[f"oblique {law} {e} {diameter} {psi}"] = impact(
                        under(law, config), diameter, OBLIQUE_SPEED, sideways=slip
                    )
            cases[f"steep {e} {diameter}"] = impact(
                config, diameter, OBLIQUE_SPEED, sideways=STEEP * OBLIQUE_SPEED, every=1
            )
    slip = INCIDENCES[3] * OBLIQUE_SPEED / incidence_scale(PAPER)
    cases["at rest"] = impact(PAPER, UNEQUAL, OBLIQUE_SPEED, sideways=slip)
    cases["moving"] = impact(PAPER, UNEQUAL, OBLIQUE_SPEED, sideways=slip, common=COMMON)
    cases["exchanged"] = exchanged(cases["at rest"])
    for law in LAWS:
        elastic = under(law, ELASTIC)
        # tangential load at one overlap, the same way back at another, four times or a quarter of it
        for name, overlap, change in (("larger", LOADED, 3 * LOADED), ("smaller", 4 * LOADED, -3 * LOADED)):
            cases[f"through a {name} overlap {law}"] = case(
                elastic,
                EQUAL,
                overlap,
                [
                    turn(TANGENTIAL_WAY, STEPS, ELASTIC, EQUAL),
                    shift(change, NORMAL, STEPS, ELASTIC),
                    turn(-TANGENTIAL_WAY, STEPS, ELASTIC, EQUAL),
                    shift(-change, NORMAL, STEPS, ELASTIC),
                ],
            )
    return cases


def exchanged(one):
    """The same two grains under each other's number."""
    (only,) = one["stages"]
    turned = {**only, "velocity": only["velocity"][::-1], "omega": only["omega"][::-1]}
    return {**one, "diameter": one["diameter"][::-1], "position": one["position"][::-1], "stages": [turned]}


@pytest.fixture(scope="module", params=SCRIPTS)
def results(request):
    """What one engine makes of all cases."""
    process = subprocess.run(
        [sys.executable, str(Path(__file__).with_name(SCRIPTS[request.param]))],
        input=json.dumps(all_cases()),
        capture_output=True,
        text=True,
        env=rank_environment(),
        check=False,
    )
    assert process.returncode == 0, process.stderr
    content = json.loads(process.stdout)
    return {
        name: SimpleNamespace(**{key: np.array(value) for key, value in result.items()})
        for name, result in content.items()
    }


def relative_velocity(result):
    """Of the first grain, seen from the second, at the end."""
    return result.velocity[-1, 0] - result.velocity[-1, 1]


def surface_slip(velocity, omega, radius):
    """Of the first grain's surface past the second's, where the line of centres is NORMAL: a vector in the plane."""
    v = velocity[0] - velocity[1]
    turning = np.cross(radius[0] * omega[0] + radius[1] * omega[1], NORMAL)
    return v - v @ NORMAL * NORMAL + turning


def separated(result):
    return not np.any(result.normal_force[-1])


def initial(one):
    return SimpleNamespace(
        position=np.array(one["position"]),
        velocity=np.array(one["stages"][0]["velocity"]),
        omega=np.array(one["stages"][0]["omega"]),
    )


# --- normal impact ----------------------------------------------------------------------------------------------------


def rebounds(results, name, speed):
    measured = []
    for gap in GAPS:
        result = results[f"{name} {gap}"]
        assert separated(result)
        measured.append(-relative_velocity(result) @ NORMAL / speed)
    return np.array(measured)


# The law itself gives e exactly (Antypov & Elliott, EPL 94, 50004, 2011); the rest is the time step: a contact at 1 m/s
# lasts some thirty steps, and begins and ends between two of them. Strong damping acts hardest just there.
RESTITUTION_TOLERANCE = {0.87: 0.01, 0.5: 0.02}


@pytest.mark.parametrize("restitution", RESTITUTIONS)
@pytest.mark.parametrize("diameter", [EQUAL, UNEQUAL])
@pytest.mark.parametrize("speed", SPEEDS)
def test_grains_rebound_with_the_restitution_asked_for_at_any_speed(results, restitution, diameter, speed):
    e = rebounds(results, f"rebound {restitution} {diameter} {speed}", speed)
    np.testing.assert_allclose(e, restitution, rtol=RESTITUTION_TOLERANCE[restitution])


# Measured at 5e-4 with a fifth of the default step, where a contact lasts 140 steps and more.
FINE_STEP_TOLERANCE = 1e-3


@pytest.mark.parametrize("diameter", [EQUAL, UNEQUAL])
def test_what_restitution_misses_is_due_to_the_time_step(results, diameter):
    worst = {
        fraction: max(
            abs(rebounds(results, f"step {fraction} {diameter} {speed}", speed) / 0.87 - 1).max() for speed in SPEEDS
        )
        for fraction in FRACTIONS
    }
    # even the longest step that a configuration may ask for keeps the restitution
    assert worst[0.4] < RESTITUTION_TOLERANCE[0.87]
    assert worst[0.05] < FINE_STEP_TOLERANCE
    assert worst[0.05] < worst[0.4] / 4


# --- slow loading -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("diameter", [EQUAL, UNEQUAL])
def test_grains_at_rest_press_on_each_other_as_hertz_says(results, diameter):
    for overlap in STATIC_OVERLAPS:
        result = results[f"rest {diameter} {overlap}"]
        expected = -hertz_force(PAPER, diameter, overlap) * NORMAL
        np.testing.assert_allclose(result.normal_force[-1], expected, rtol=OVERLAP_ROUNDING)
        np.testing.assert_array_equal(result.tangential_force[-1], 0)


def approach_and_retreat(results, diameter):
    result = results[f"approach {diameter}"]
    distance = (result.position[:, 1] - result.position[:, 0]) @ NORMAL
    return sum(diameter) / 2 - distance, -result.normal_force @ NORMAL


@pytest.mark.parametrize("diameter", [EQUAL, UNEQUAL])
def test_normal_force_follows_hertz_in_and_out(results, diameter):
    overlap, force = approach_and_retreat(results, diameter)
    largest = hertz_force(ELASTIC, diameter, APPROACH)
    assert force.max() == pytest.approx(largest, rel=OVERLAP_ROUNDING)
    expected = hertz_force(ELASTIC, diameter, np.maximum(overlap, 0))
    np.testing.assert_allclose(force, expected, rtol=0, atol=OVERLAP_ROUNDING * largest)


def slipped(results, name, diameter):
    """Distance that the surfaces have slipped, from the spins, and the tangential force against it."""
    result = results[name]
    radius = np.array(diameter) / 2
    rate = (result.omega @ BINORMAL) @ radius
    return np.cumsum(rate * np.diff(result.time, prepend=0.0)), -result.tangential_force @ TANGENT


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("diameter", [EQUAL, UNEQUAL])
def test_tangential_force_rises_with_mindlins_stiffness_until_coulombs_limit(results, diameter, law):
    slip, force = slipped(results, f"sliding cycle {law} {diameter}", diameter)
    limit = ELASTIC.grains.friction * hertz_force(ELASTIC, diameter, LOADED)
    stiffness = tangential_stiffness(ELASTIC, diameter, LOADED)
    loading = slice(0, RECORDS)
    expected = np.minimum(stiffness * slip[loading], limit)
    np.testing.assert_allclose(force[loading], expected, rtol=OVERLAP_ROUNDING)
    # a whole-contact slip begins at two thirds of the displacement at which Mindlin's slip reaches the centre
    begins = slip[loading][np.argmax(force[loading] >= limit * (1 - ROUNDING))]
    one_record = slip[0]
    assert begins == pytest.approx(2 / 3 * (3 * limit / (2 * stiffness)), abs=1.01 * one_record)


# A grain that is moved by u along a straight line leaves the other by u²/2r, some 1e-4 of the overlap here.
STRAIGHT_LINE = 1e-3


@pytest.mark.parametrize("diameter", [EQUAL, UNEQUAL])
def test_moving_a_grain_and_turning_both_load_the_contact_alike(results, diameter):
    _, turned = slipped(results, f"sliding cycle mindlin {diameter}", diameter)
    moved = -results[f"shifted {diameter}"].tangential_force @ TANGENT
    limit = ELASTIC.grains.friction * hertz_force(ELASTIC, diameter, LOADED)
    np.testing.assert_allclose(moved, turned[:RECORDS], rtol=0, atol=STRAIGHT_LINE * limit)


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("diameter", [EQUAL, UNEQUAL])
def test_a_sliding_contact_keeps_a_residual_displacement_of_its_sliding(results, diameter, law):
    slip, force = slipped(results, f"sliding cycle {law} {diameter}", diameter)
    back = slice(RECORDS, 2 * RECORDS)
    slide = SLIDING_DISTANCE[diameter]
    # turned 3 sliding distances: 1 elastic and 2 slid; np.interp wants a rising force
    residual = np.interp(0.0, force[back][::-1], slip[back][::-1])
    assert residual == pytest.approx(2 * slide, rel=OVERLAP_ROUNDING)
    assert force[2 * RECORDS - 1] == pytest.approx(-force[RECORDS - 1], rel=OVERLAP_ROUNDING)
    assert force[-1] == pytest.approx(force[RECORDS - 1], rel=OVERLAP_ROUNDING)


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("diameter", [EQUAL, UNEQUAL])
def test_below_coulombs_limit_a_cycle_leaves_no_trace(results, diameter, law):
    slip, force = slipped(results, f"sticking cycle {law} {diameter}", diameter)
    limit = ELASTIC.grains.friction * hertz_force(ELASTIC, diameter, LOADED)
    stiffness = tangential_stiffness(ELASTIC, diameter, LOADED)
    assert force.max() == pytest.approx(0.9 * limit, rel=OVERLAP_ROUNDING)
    np.testing.assert_allclose(force, stiffness * slip, rtol=0, atol=OVERLAP_ROUNDING * limit)


def mindlin_deresiewicz(slip, limit, stiffness, turns):
    """Partial slip at constant normal force, for a path that slides before every turn (their case of μ = const.)."""
    through = 3 * limit / (2 * stiffness)

    def first_loading(u):
        return limit * (1 - (1 - np.minimum(u / through, 1)) ** 1.5)

    force = first_loading(slip)
    sign = 1
    for start in turns:
        sign = -sign
        part = slice(start, None)
        force[part] = sign * (2 * first_loading(np.abs(slip[part] - slip[start - 1]) / 2) - limit)
    return force


# At the first record, 0.04 sliding distances, partial slip has taken 0.7 % off Mindlin's force.
FIRST_RECORD = 0.01
# The contact that sticks as a whole is too stiff, most where it begins to slide: there Mindlin's force is less by
# (1/3)^1.5 of the limit, and by twice that after a turn.
PARTIAL_SLIP = 3**-1.5


@pytest.mark.parametrize("diameter", [EQUAL, UNEQUAL])
def test_the_law_departs_from_partial_slip_by_a_fifth_of_coulombs_limit_and_by_twice_that_after_a_turn(
    results, diameter
):
    slip, force = slipped(results, f"sliding cycle mindlin {diameter}", diameter)
    limit = ELASTIC.grains.friction * hertz_force(ELASTIC, diameter, LOADED)
    stiffness = tangential_stiffness(ELASTIC, diameter, LOADED)
    exact = mindlin_deresiewicz(slip, limit, stiffness, turns=(RECORDS, 2 * RECORDS))
    departure = np.abs(force - exact).reshape(3, RECORDS).max(axis=1) / limit
    np.testing.assert_allclose(
        departure, [PARTIAL_SLIP, 2 * PARTIAL_SLIP, 2 * PARTIAL_SLIP], rtol=0, atol=OVERLAP_ROUNDING
    )
    # both begin with the same stiffness and end at the same limit
    assert force[0] == pytest.approx(exact[0], rel=FIRST_RECORD)
    np.testing.assert_allclose(force[RECORDS - 1 :: RECORDS], exact[RECORDS - 1 :: RECORDS], rtol=OVERLAP_ROUNDING)


# --- energy of a contact ----------------------------------------------------------------------------------------------


def work(force, distance):
    """Trapezoids; the path begins at rest without force."""
    return np.trapezoid(np.concatenate([[0.0], force]), np.concatenate([[0.0], distance]))


# Trapezoids of 1/300 of the path.
QUADRATURE = 1e-5


@pytest.mark.parametrize("diameter", [EQUAL, UNEQUAL])
def test_work_of_pressing_two_grains_together_is_hertzs_energy(results, diameter):
    overlap, force = approach_and_retreat(results, diameter)
    m = material(ELASTIC, diameter)
    energy = 8 / 15 * m.e_star * math.sqrt(m.reduced_radius) * APPROACH**2.5
    assert work(force[:STEPS], overlap[:STEPS]) == pytest.approx(energy, rel=QUADRATURE)
    assert work(force, overlap) == pytest.approx(0, abs=QUADRATURE * energy)


@pytest.mark.parametrize("diameter", [EQUAL, UNEQUAL])
def test_work_of_tangential_loading_is_a_springs(results, diameter):
    slip, force = slipped(results, f"sticking cycle mindlin {diameter}", diameter)
    energy = force[RECORDS - 1] ** 2 / (2 * tangential_stiffness(ELASTIC, diameter, LOADED))
    assert work(force[:RECORDS], slip[:RECORDS]) == pytest.approx(energy, rel=QUADRATURE)
    assert work(force, slip) == pytest.approx(0, abs=QUADRATURE * energy)


# What a cycle takes in, over the energy of a tangential load at the smaller overlap. Stiffness goes with the overlap's
# root. A displacement that is kept costs nothing to make stiffer, a force nothing to make softer: each law returns more
# than it took on one of two ways, and takes as much on the other.
TAKEN = {
    ("mindlin", "larger"): 1 - 2,
    ("mindlin", "smaller"): 2 - 1,
    # relieved from kq to −kq at the stiffness 2k
    ("mindlin_force", "larger"): 1 + 0,
    # relieved from 2kq to kq at the stiffness k
    ("mindlin_force", "smaller"): 2 - 3,
}


@pytest.mark.parametrize(("law", "name"), TAKEN)
def test_each_law_returns_more_than_it_took_on_one_way_through_another_overlap(results, law, name):
    """A property to know of: the stored displacement, or else the force, is kept when the overlap changes."""
    result = results[f"through a {name} overlap {law}"]
    slip, tangential = slipped(results, f"through a {name} overlap {law}", EQUAL)
    start = LOADED if name == "larger" else 4 * LOADED
    overlap = D - (result.position[:, 1] - result.position[:, 0]) @ NORMAL
    before = np.concatenate([[start], overlap])
    normal = np.concatenate([[hertz_force(ELASTIC, EQUAL, start)], -result.normal_force @ NORMAL])
    stored = 0.5 * tangential_stiffness(ELASTIC, EQUAL, LOADED) * TANGENTIAL_WAY**2
    total = work(tangential, slip) + np.trapezoid(normal, before)
    assert total == pytest.approx(TAKEN[law, name] * stored, rel=1e-3)


@pytest.mark.parametrize("law", LAWS)
def test_a_law_keeps_its_displacement_or_its_force_when_the_overlap_changes(results, law):
    _, force = slipped(results, f"through a larger overlap {law}", EQUAL)
    loaded = tangential_stiffness(ELASTIC, EQUAL, LOADED) * TANGENTIAL_WAY
    # after the load, at four times the overlap, after the way back there, and at the first overlap again
    expected = {"mindlin": [1, 2, 0, 0], "mindlin_force": [1, 1, -1, -1]}[law]
    np.testing.assert_allclose(force[STEPS - 1 :: STEPS] / loaded, expected, rtol=0, atol=OVERLAP_ROUNDING)


# The product's own measure of the energy, from what a record of the simulation would hold.
def energy_of_records(result, config, diameter):
    separation = result.position[:, 1] - result.position[:, 0]
    force = result.normal_force + result.tangential_force
    g = config.grains
    # one grain pair for each record
    count = len(separation)
    pairs = np.arange(2 * count).reshape(count, 2)
    return contact_energy(pairs, separation, force, np.tile(diameter, count), g.youngs_modulus, g.poisson_ratio)


@pytest.mark.parametrize("diameter", [EQUAL, UNEQUAL])
def test_contact_energy_is_the_work_done_on_the_contact(results, diameter):
    overlap, force = approach_and_retreat(results, diameter)
    energy = energy_of_records(results[f"approach {diameter}"], ELASTIC, diameter)
    done = cumulative_trapezoid(force, overlap, initial=0)
    np.testing.assert_allclose(energy, energy[0] + done, rtol=0, atol=QUADRATURE * energy.max())
    slip, force = slipped(results, f"sticking cycle mindlin {diameter}", diameter)
    energy = energy_of_records(results[f"sticking cycle mindlin {diameter}"], ELASTIC, diameter)
    done = cumulative_trapezoid(force, slip, initial=0)
    stored = energy.max() - energy.min()
    np.testing.assert_allclose(energy, energy[0] + done, rtol=0, atol=QUADRATURE * stored)


# --- turning ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("diameter", [EQUAL, UNEQUAL])
def test_a_loaded_contact_that_is_carried_round_keeps_its_force_turned_with_it(results, diameter, law):
    force = results[f"carried round {law} {diameter}"].tangential_force
    angles = np.linspace(0, math.pi / 2, STEPS + 1)
    turned = np.cos(angles)[:, None] * TANGENT - np.sin(angles)[:, None] * NORMAL
    loaded = 0.5 * ELASTIC.grains.friction * hertz_force(ELASTIC, diameter, LOADED)
    np.testing.assert_allclose(force[-STEPS - 1 :] / loaded, -turned, rtol=0, atol=OVERLAP_ROUNDING)


# --- rolling ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("diameter", [EQUAL, UNEQUAL])
def test_gears_turn_on_without_any_force_between_their_teeth(results, diameter):
    result = results[f"gears {diameter}"]
    # far enough to slide many times over, were the surfaces to slip: they pass the contact at 1 m/s
    assert result.time[-1] * 1.0 > 100 * SLIDING_DISTANCE[diameter]
    limit = PAPER.grains.friction * hertz_force(PAPER, diameter, LOADED)
    np.testing.assert_allclose(result.tangential_force / limit, 0, atol=OVERLAP_ROUNDING)
    start = initial(all_cases()[f"gears {diameter}"]).omega
    np.testing.assert_allclose(result.omega[-1], start, rtol=0, atol=OVERLAP_ROUNDING * np.abs(start).max())


@pytest.mark.parametrize("diameter", [EQUAL, UNEQUAL])
def test_a_grain_that_rolls_on_a_fixed_one_feels_no_tangential_force(results, diameter):
    limit = ELASTIC.grains.friction * hertz_force(ELASTIC, diameter, LOADED)
    moved, rolled = (np.abs(results[f"{name} {diameter}"].tangential_force @ TANGENT) for name in ("shifted", "rolled"))
    assert moved[-1] > 0.99 * limit
    assert rolled.max() < STRAIGHT_LINE * limit


# While the grains touch, the line of their centres turns by some 1e-5, and takes the normal along.
TURN_OF_THE_CENTRES = 1e-4


@pytest.mark.parametrize("diameter", [EQUAL, UNEQUAL])
def test_an_impact_without_slip_changes_neither_spin_nor_tangential_motion(results, diameter):
    name = f"impact without slip {diameter}"
    result, start = results[name], initial(all_cases()[name])
    assert separated(result)
    sideways = (start.velocity[0] - start.velocity[1]) @ TANGENT
    assert relative_velocity(result) @ TANGENT == pytest.approx(sideways, rel=TURN_OF_THE_CENTRES)
    np.testing.assert_allclose(
        result.omega[-1], start.omega, rtol=0, atol=TURN_OF_THE_CENTRES * np.abs(start.omega).max()
    )


# --- oblique impact ---------------------------------------------------------------------------------------------------


def angular_momentum(position, velocity, omega, m):
    return (m.mass[:, None] * np.cross(position, velocity) + m.inertia[:, None] * omega).sum(axis=0)


def kinetic_energy(velocity, omega, m):
    return 0.5 * (m.mass * (velocity**2).sum(axis=1) + m.inertia * (omega**2).sum(axis=1)).sum()


# An elastic impact that sticks throughout gains 2e-4 of its energy from the time step; a contact lasts a hundred.
ENERGY_OF_A_STEP = 5e-4


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("config", [PAPER, ELASTIC], ids=["damped", "elastic"])
@pytest.mark.parametrize("diameter", [EQUAL, UNEQUAL])
@pytest.mark.parametrize("psi", INCIDENCES)
def test_oblique_impacts_keep_both_momenta_and_gain_no_energy(results, config, diameter, psi, law):
    name = f"oblique {law} {config.grains.restitution} {diameter} {psi}"
    result, start, m = results[name], initial(all_cases()[name]), material(config, diameter)
    assert separated(result)
    moved = m.mass.max() * np.abs(start.velocity).max()
    before, after = (m.mass @ v for v in (start.velocity, result.velocity[-1]))
    np.testing.assert_allclose(after, before, rtol=0, atol=ROUNDING * moved)
    before = angular_momentum(start.position, start.velocity, start.omega, m)
    after = angular_momentum(result.position[-1], result.velocity[-1], result.omega[-1], m)
    np.testing.assert_allclose(after, before, rtol=0, atol=ROUNDING * moved * D)
    before = kinetic_energy(start.velocity, start.omega, m)
    after = kinetic_energy(result.velocity[-1], result.omega[-1], m)
    # the normal motion alone loses this much
    lost = 0.5 * m.reduced_mass * OBLIQUE_SPEED**2 * (1 - config.grains.restitution**2)
    assert after <= before * (1 + ENERGY_OF_A_STEP) - lost * (1 - 2 * RESTITUTION_TOLERANCE[0.87])


# Damping pulls on a contact that is about to end, and friction goes with the size of the normal force, whatever its
# sign: 0.3 % more impulse than the rebound shows at the paper's restitution. Without damping 0.05 % are left, since the
# line of centres turns a little.
ATTRACTION_IMPULSE = {0.87: 5e-3, 1.0: 1e-3}
# Of the greatest force.
ATTRACTION = {0.87: 0.03, 1.0: 0.0}


@pytest.mark.parametrize("config", [PAPER, ELASTIC], ids=["damped", "elastic"])
@pytest.mark.parametrize("diameter", [EQUAL, UNEQUAL])
def test_a_steep_impact_slides_to_its_end_with_coulombs_impulse(results, config, diameter):
    e = config.grains.restitution
    result, m = results[f"steep {e} {diameter}"], material(config, diameter)
    assert separated(result)
    relative = relative_velocity(result)
    assert -relative @ NORMAL == pytest.approx(e * OBLIQUE_SPEED, rel=RESTITUTION_TOLERANCE[0.87])
    impulse = m.friction * (1 + e) * m.reduced_mass * OBLIQUE_SPEED
    lost = m.reduced_mass * (STEEP * OBLIQUE_SPEED - relative @ TANGENT)
    assert lost == pytest.approx(impulse, rel=ATTRACTION_IMPULSE[e])
    spin = -2.5 * impulse / (m.mass * m.radius)[:, None] * BINORMAL
    np.testing.assert_allclose(result.omega[-1], spin, rtol=0, atol=ATTRACTION_IMPULSE[e] * np.abs(spin).max())
    # the surfaces still slide
    assert surface_slip(result.velocity[-1], result.omega[-1], m.radius) @ TANGENT > OBLIQUE_SPEED
    pressing = -result.normal_force @ NORMAL
    assert pressing.min() >= -ATTRACTION[e] * pressing.max()


def angles_of_reflection(results, config, diameter, law="mindlin"):
    """Slip after the impact, scaled as the angle of incidence is."""
    radius, scale = material(config, diameter).radius, incidence_scale(config) / OBLIQUE_SPEED
    chosen = [results[f"oblique {law} {config.grains.restitution} {diameter} {psi}"] for psi in INCIDENCES]
    return np.array([surface_slip(r.velocity[-1], r.omega[-1], radius) @ TANGENT * scale for r in chosen])


class WholeContact:
    """The laws in reduced units: one spring with one limit, and Tsuji's damping in both directions."""

    def __init__(self, restitution, law="mindlin"):
        self.damping = -math.sqrt(5) * math.log(restitution) / math.hypot(math.pi, math.log(restitution))
        self.law = law
        self.kept = 0.0

    def forces(self, overlap, closing, slip_rate, step):
        viscous = self.damping * math.sqrt(4 / 3 * math.sqrt(overlap))
        normal = 4 / 3 * overlap**1.5 + viscous * closing
        stiffness = 2 * SHEAR * math.sqrt(overlap)
        # a displacement gives force by the stiffness of now, a force has it already
        now, then = (stiffness, 1.0) if self.law == "mindlin" else (1.0, stiffness)
        self.kept = self.kept + then * step * slip_rate
        limit = FRICTION * abs(normal)
        tangential = np.clip(now * self.kept + viscous * slip_rate, -limit, limit)
        slides = np.abs(tangential) == limit
        self.kept = np.where(slides, (tangential - viscous * slip_rate) / now, self.kept)
        return normal, tangential


class PartialSlip:
    """Elastic contact that slips from its rim, by the method of dimensionality reduction (Popov & Heß 2015).

    Springs E* dx and 4 G* dx on a line, the one at x touching from the overlap x²/R* on, each with Coulomb's limit of
    its own: force and displacement are those of Hertz and of Mindlin & Deresiewicz, for any path.
    """

    def __init__(self, deepest, count=150):
        # the middles of equal pieces on one side of the line
        self.x = (np.arange(count) + 0.5) / count * 1.02 * math.sqrt(deepest)
        self.width = 2 * (self.x[1] - self.x[0])
        self.stretch = np.zeros((len(INCIDENCES), count))

    def forces(self, overlap, closing, slip_rate, step):
        pressed = np.maximum(overlap - self.x**2, 0)
        limit = FRICTION * pressed / SHEAR
        self.stretch = np.clip(self.stretch + step * slip_rate[:, None], -limit, limit)
        return pressed.sum() * self.width, SHEAR * self.width * self.stretch.sum(axis=1)


FRICTION = ELASTIC.grains.friction
# 4 G*/E*
SHEAR = 2 * (1 - ELASTIC.grains.poisson_ratio) / (2 - ELASTIC.grains.poisson_ratio)
REDUCED_SPEED = 1e-3


def reflected(law, duration_steps):
    """Angles of reflection that a law gives, E*, R* and the reduced mass being 1.

    Of that mass, 2/7 answers to a force on the surfaces of two spheres: they can turn too.
    """
    step = HERTZ_DURATION * REDUCED_SPEED**-0.2 / duration_steps
    overlap, closing = 0.0, REDUCED_SPEED
    slip_rate = np.array(INCIDENCES) * REDUCED_SPEED / incidence_scale(ELASTIC)
    normal, tangential = 0.0, np.zeros(len(INCIDENCES))
    while True:
        closing -= 0.5 * step * normal
        slip_rate = slip_rate - 0.5 * step * 3.5 * tangential
        overlap += step * closing
        if overlap <= 0:
            return slip_rate / REDUCED_SPEED * incidence_scale(ELASTIC)
        normal, tangential = law.forces(overlap, closing, slip_rate, step)
        closing -= 0.5 * step * normal
        slip_rate = slip_rate - 0.5 * step * 3.5 * tangential


# The same law in other code. With damping, the force on a contact that is about to end is large against its limit and
# changes with the step, so both take about as many steps; they begin at other fractions of a step.
SAME_LAW = 0.01


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("config", [PAPER, ELASTIC], ids=["damped", "elastic"])
@pytest.mark.parametrize("diameter", [EQUAL, UNEQUAL])
def test_oblique_rebounds_are_those_of_an_independent_integration(results, config, diameter, law):
    e = config.grains.restitution
    steps = hertz_time(config, diameter, OBLIQUE_SPEED) / config.timestep
    expected = reflected(WholeContact(e, law), steps)
    np.testing.assert_allclose(angles_of_reflection(results, config, diameter, law), expected, rtol=0, atol=SAME_LAW)
    other = reflected(WholeContact(e, next(one for one in LAWS if one != law)), steps)
    assert np.abs(expected - other).max() > 10 * SAME_LAW


# The slip that is left differs by half of μ (1 − ν/2)/(1 − ν) times the normal speed at the angles where the elastic
# contact of Maw, Barber & Fawcett slips at its rim while the whole one sticks; where all slides, both are the same.
PARTIAL_SLIP_REBOUND = 0.55
SLIDING_REBOUND = 0.01


@pytest.mark.parametrize("diameter", [EQUAL, UNEQUAL])
def test_oblique_rebounds_depart_from_partial_slip_until_all_slides(results, diameter):
    maw = reflected(PartialSlip((15 / 16 * REDUCED_SPEED**2) ** 0.4), 800)
    # 4χ − 1 is the angle beyond which all slides, χ = 7 (1 − ν)/(2 (2 − ν)); there slip falls by 4χ
    chi = 3.5 * SHEAR / 2
    slides = np.array(INCIDENCES) > 4 * chi - 1 + ROUNDING
    assert slides.sum() == 2
    np.testing.assert_allclose(maw[slides], np.array(INCIDENCES)[slides] - 4 * chi, rtol=0, atol=SLIDING_REBOUND)
    departure = np.abs(angles_of_reflection(results, ELASTIC, diameter) - maw)
    assert departure[slides].max() < SLIDING_REBOUND
    assert departure.max() < PARTIAL_SLIP_REBOUND
    # and it is there: a law with partial slip would not need this bound
    assert departure.max() > 0.9 * PARTIAL_SLIP_REBOUND


# --- frames -----------------------------------------------------------------------------------------------------------


# The common velocity is a thousand times the others.
COMMON_ROUNDING = 1000 * ROUNDING


def test_a_common_velocity_changes_nothing(results):
    still, moving = results["at rest"], results["moving"]
    scale = np.abs(still.velocity).max()
    np.testing.assert_allclose(moving.velocity[-1] - COMMON, still.velocity[-1], rtol=0, atol=COMMON_ROUNDING * scale)
    np.testing.assert_allclose(moving.omega, still.omega, rtol=0, atol=COMMON_ROUNDING * np.abs(still.omega).max())


def test_the_order_of_the_grains_changes_nothing(results):
    one, other = results["at rest"], results["exchanged"]
    np.testing.assert_allclose(other.velocity[:, ::-1], one.velocity, rtol=ROUNDING)
    np.testing.assert_allclose(other.omega[:, ::-1], one.omega, rtol=ROUNDING)
    assert np.abs(one.omega).max() > 0
