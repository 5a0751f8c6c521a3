"""The native engine against other algorithms: lists of pairs, what is read of them, threads, energy, bad input."""

import inspect
import math
import platform
import re
from types import SimpleNamespace

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy.spatial import cKDTree

from microslip import MicroslipError, open_run
from microslip.core.box import Box
from microslip.core.contacts import contact_energy, count_contacts, grain_energy, grain_stress, sliding_contacts
from microslip.core.touching import touching_pairs
from microslip.dem.config import ShearCell
from microslip.dem.launch import simulate
from microslip.dem.native import config as native_config
from microslip.dem.native.config import MOST_MARGIN
from microslip.dem.native.contact_kernels import contact_forces
from microslip.dem.native.contact_law import N_GIVEN, Law
from microslip.dem.native.engine import NativeEngine
from microslip.dem.native.pairs import Pairs, find_pairs, renumbered
from microslip.dem.native.stress_kernels import LANES, kinetic_energy, momentum_moment
from microslip.dem.packing import BOTTOM, BULK, TOP, loose_packing
from microslip.dem.protocol import DRAG_STEPS, RELEASE_DISTANCE, RELEASE_STEPS
from microslip.dem.seam import Preparing

SMALL = {"cell": {"length": 6, "depth": 6, "height": 6}, "loading": {"shear_rate": 50}}
STEPS_PER_SAMPLE = 5

# Sums of some dozen forces, over the largest.
SAME_SUMS = 1e-12
# What is left of the difference between the stress of the volume and that of the walls.
SAME_IDENTITY = 0.2


def small(walls=True, **sections):
    """A cell of some 250 grains between walls of 64."""
    content = {**SMALL, "engine": {"threads": 1}, **sections}
    return ShearCell.model_validate({**content, "cell": {**SMALL["cell"], "walls": walls, **sections.get("cell", {})}})


def prepared(config, friction, n_steps):
    """An engine whose loose grains have been pressed for so many steps."""
    engine, d = NativeEngine(config), config.grains.mean_diameter
    drag = config.grains.density * math.pi / 6 * d**3 / (DRAG_STEPS * config.timestep)
    engine.fill(loose_packing(config))
    engine.prepare(Preparing(friction, drag, RELEASE_DISTANCE * d), RELEASE_STEPS)
    engine.prepare(Preparing(friction, drag), n_steps)
    return engine


def height_of(engine):
    """H₀ [m]."""
    return (engine.level() - (0.5 if engine.config.cell.walls else 0.0)) * engine.d


@pytest.fixture(scope="module", params=[True, False], ids=["walls", "no walls"])
def flowing(request, tmp_path_factory):
    """A state of a cell in flow, which each test takes up anew."""
    config = small(request.param)
    engine = prepared(config, config.grains.friction, 2000)
    height = height_of(engine)
    engine.begin(height)
    shear(engine, 400)
    path = tmp_path_factory.mktemp("flowing") / "state"
    engine.save(path)

    def take_up():
        again = NativeEngine(config)
        again.load(path, height)
        return again

    return take_up


only_walls = pytest.mark.parametrize("flowing", [True], indirect=True, ids=["walls"])


def shear(engine, n_samples):
    """Shear on, and return the samples."""
    samples = []
    rate = engine.config.loading.shear_rate
    engine.shear(np.full(n_samples, STEPS_PER_SAMPLE), np.full(n_samples + 1, rate), samples.append, from_start=False)
    return samples


@pytest.fixture(scope="module")
def flowing_fast():
    """A cell between walls under fast shear, and its samples."""
    config = small(loading={"shear_rate": 200})
    engine = prepared(config, config.grains.friction, 2000)
    engine.begin(height_of(engine))
    shear(engine, 200)
    return engine, shear(engine, 400)


def contacts(engine):
    """Touching pairs in the packing's order, separation [d̄], force on the first [p d̄²], in the box of the moment."""
    pairs, slot, images = engine.pairs, engine.slot, engine.images()
    touching = slot.given[6, : len(pairs.first)] > 0
    first, second = pairs.first[touching], pairs.second[touching]
    box = Box((*engine.lengths, images.lz or 1.0), (True, True, images.lz > 0), images.lean)
    diameter = np.empty(len(engine.rows))
    diameter[engine.rows] = 2 * engine.radius / engine.d
    return SimpleNamespace(
        pairs=np.column_stack([engine.rows[first], engine.rows[second]]).astype(np.int64),
        separation=box.minimum_image((slot.place[:, second] - slot.place[:, first]).T) / engine.d,
        force=slot.given[:3, : len(pairs.first)][:, touching].T / (engine.units.pressure * engine.d**2),
        diameter=diameter,
        bulk=engine.rows[engine.kind == BULK],
    )


# --- what is read of the pairs ----------------------------------------------------------------------------------------


def test_what_a_frame_says_of_its_grains_is_what_their_contacts_say(flowing):
    engine = flowing()
    shear(engine, 1)
    values = engine.frame(engine.hold()).values.table
    one, g = contacts(engine), engine.config.grains
    modulus = g.youngs_modulus / engine.config.loading.pressure
    energy = contact_energy(one.pairs, one.separation, one.force, one.diameter, modulus, g.poisson_ratio)
    expected = [
        grain_stress(one.pairs, one.separation, one.force, one.diameter),
        grain_energy(one.pairs, energy, len(one.diameter))[:, None],
        count_contacts(one.pairs, len(one.diameter))[:, None],
        count_contacts(one.pairs[sliding_contacts(one.separation, one.force, g.friction)], len(one.diameter))[:, None],
    ]
    for ours, theirs in zip(np.split(values, [6, 7, 8], axis=1), expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=SAME_SUMS * np.abs(theirs).max())
    assert values[:, 7].sum() > 4 * len(one.bulk)
    # no force lies beyond the cone, and some on it
    assert 0.01 < values[:, 8].sum() / values[:, 7].sum() < 0.5
    assert not sliding_contacts(one.separation, one.force, g.friction * (1 + 1e-5)).any()


def test_contacts_by_overlap_are_those_with_a_force(flowing):
    engine = flowing()
    shear(engine, 1)
    one, frame = contacts(engine), engine.frame(engine.hold())
    images = engine.images()
    periodic = images.lz > 0
    box = Box((*(np.array(engine.lengths) / engine.d), (images.lz or engine.d) / engine.d), (True, True, periodic),
              images.lean / engine.d if periodic else 0.0)  # fmt: skip
    pairs, _ = touching_pairs(frame.position, one.diameter, box)
    # two grains of walls have no force
    bulk = np.isin(pairs, one.bulk).any(axis=1)
    assert {frozenset(pair) for pair in pairs[bulk].tolist()} == {frozenset(pair) for pair in one.pairs.tolist()}


def test_a_frame_that_is_held_stays_what_it_was(flowing):
    engine, again = flowing(), flowing()
    shear(engine, 1)
    held = engine.hold()
    shear(engine, 300)
    shear(again, 1)
    late, soon = engine.frame(held), again.frame(again.hold())
    np.testing.assert_array_equal(late.position, soon.position)
    np.testing.assert_array_equal(late.values.table, soon.values.table)


def test_the_stress_of_the_volume_is_love_webers_sum_over_bulk_grains(flowing):
    engine = flowing()
    (sample,) = shear(engine, 1)
    one = contacts(engine)
    radius, distance = one.diameter / 2, np.linalg.norm(one.separation, axis=1)
    overlap = radius[one.pairs].sum(axis=1) - distance
    moment = np.zeros((2, len(one.diameter)))
    for side, sign in ((0, 1.0), (1, -1.0)):
        grain = one.pairs[:, side]
        # from the grain's centre to the middle of the overlap
        arm = sign * one.separation[:, 2] * (radius[grain] - overlap / 2) / distance
        for row, axis in enumerate((0, 2)):
            moment[row] -= np.bincount(grain, sign * one.force[:, axis] * arm, len(radius))
    expected = moment[:, one.bulk].sum(axis=1) / (engine.config.cell.length * engine.config.cell.depth)
    np.testing.assert_allclose(sample.moments, expected, rtol=0, atol=SAME_SUMS * np.abs(expected).max())
    # a stress of the order of the pressure
    assert 0.5 < expected[1] / (height_of(engine) / engine.d) < 2


@pytest.mark.parametrize("n", [0, 3, 4, 41])
def test_sums_over_grains_keep_an_order_that_no_compiler_chooses(rng, n):
    """Or code that was just compiled would differ from the same code of the cache, and one thread's run from two's."""
    mass, place, motion = rng.random(n), rng.random((3, n)), rng.normal(size=(6, n))
    shear, zero = 0.7, 0.9
    beside = motion[0] - shear * np.clip(zero - place[2], 0.1, 0.5)
    moments = mass * motion[0] * (place[2] - 0.3)
    energies = mass * (beside * beside + motion[1] * motion[1] + motion[2] * motion[2])

    def in_lanes(terms):
        lanes = [0.0] * LANES
        for i, term in enumerate(terms.tolist()):
            lanes[i % LANES if i < n - n % LANES else 0] += term
        return (lanes[0] + lanes[1]) + (lanes[2] + lanes[3])

    assert momentum_moment(n, mass, place, motion, 0.3) == in_lanes(moments)
    assert kinetic_energy(n, mass, place, motion, shear, zero, 0.1, 0.5) == in_lanes(energies) / 2


def test_walls_and_volume_differ_by_the_rate_of_the_moment_of_momentum(flowing_fast):
    """At a fast rate the walls carry waves: inertia alone parts them from the volume, through velocities here."""
    engine, samples = flowing_fast
    height = height_of(engine) / engine.d
    walls, volume, rate = (
        np.array(values)
        for values in zip(
            *(
                (0.5 * (one.top[0] - one.bottom[0]), one.moments[0] / height, one.momentum_rate / height)
                for one in samples
            ),
            strict=True,
        )
    )
    # what is left: forces act on a wall's grains here and there about its face, and the rate is half a step older
    assert np.std(volume - walls - rate) < SAME_IDENTITY * np.std(volume - walls)
    assert np.std(rate) > 1e-3


# --- lists of pairs ---------------------------------------------------------------------------------------------------

LAW = Law(1.0, 1.0, 0.5, 0.0, True, 0.5, False)


@st.composite
def lists(draw):
    """Grains at random, at most a few to a diameter cubed, their margins, and the cell: upright or leaning."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n, width = draw(st.integers(2, 80)), draw(st.floats(0, 0.7))
    margin = rng.uniform(0, draw(st.floats(0.0, 0.2)), n)
    radius = rng.uniform(1 - width, 1 + width, n) / 2
    # two grains meet on one side of the cell only
    shortest = 4 * float((radius + margin).max()) * (1 + 1e-9)
    lengths = shortest * np.array([draw(st.floats(1, 3)) for _ in range(3)])
    repeats = draw(st.booleans())
    lean = draw(st.floats(-3, 3)) * lengths[0] if repeats else 0.0
    box = Box(tuple(lengths), (True, True, repeats), lean)
    # some cells away from the first, as unwrapped places are
    place = (rng.random((n, 3)) + rng.integers(-2, 3, (n, 3)) * [1, 1, repeats]) * lengths
    kind = np.zeros(n, dtype=np.int8) if repeats else np.sort(rng.choice([BULK, BULK, BOTTOM, TOP], n)).astype(np.int8)
    return SimpleNamespace(place=place.T.copy(), radius=radius, margin=margin, kind=kind, box=box, rng=rng)


def found_pairs(one, before=None):
    n_bulk = int((one.kind == BULK).sum())
    mass = np.ones(len(one.radius))
    before = Pairs.none(n_bulk) if before is None else before
    return find_pairs(one.place, one.radius, mass, one.kind, one.box, one.margin, LAW, before)


def near_pairs(one):
    """Pairs nearer than radii and margins, from a tree of all grains and their copies around the cell."""
    lx, ly, lz = one.box.lengths
    place, n = one.box.wrap(one.place.T), len(one.radius)
    above = range(-1, 2) if one.box.periodic[2] else (0,)
    # a cell that leans by less than its length: its copies two to each side are near enough
    shifts = [
        [i * lx + k * one.box.nearest_tilt, j * ly, k * lz] for i in range(-2, 3) for j in range(-1, 2) for k in above
    ]
    copies = np.concatenate([place + shift for shift in shifts])
    reach = one.radius + one.margin
    pairs = set()
    for i, near in enumerate(cKDTree(copies).query_ball_point(place, 2 * reach.max())):
        for k in near:
            j = k % n
            close = np.linalg.norm(copies[k] - place[i]) < reach[i] + reach[j]
            if i < j and close and not (one.kind[i] and one.kind[j]):
                pairs.add((i, j))
    return sorted(pairs)


@given(lists())
def test_the_list_holds_every_pair_within_radii_and_margins_once(one):
    pairs = found_pairs(one)
    expected = near_pairs(one)
    assert list(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True)) == expected
    for i in range(int((one.kind == BULK).sum())):
        own = np.arange(pairs.own[i], pairs.own[i + 1])
        np.testing.assert_array_equal(own, np.flatnonzero(pairs.first == i))
        others = pairs.others[pairs.start[i] : pairs.start[i + 1]]
        np.testing.assert_array_equal(others, np.flatnonzero(pairs.second == i))
    for on_wall, wall in ((pairs.on_bottom, BOTTOM), (pairs.on_top, TOP)):
        np.testing.assert_array_equal(on_wall, np.flatnonzero(one.kind[pairs.second] == wall))


def histories(pairs, number):
    """By pair of the grains' own numbers, seen from the lower one."""
    found = {}
    for i, j, history in zip(pairs.first, pairs.second, pairs.history.T, strict=True):
        i, j = int(number[i]), int(number[j])
        found[min(i, j), max(i, j)] = tuple(history if i < j else -history)
    return found


@given(lists())
def test_histories_live_on_in_the_next_list_and_under_new_numbers(one):
    n, rng = len(one.radius), one.rng
    number = np.arange(n)
    before = found_pairs(one)
    before.history[:] = rng.normal(size=before.history.shape)
    kept = histories(before, number)
    # grains go to other places in the order, walls behind the bulk as ever
    order = rng.permutation(n)
    order = order[np.argsort(one.kind[order], kind="stable")]
    moved = renumbered(before, order, int((one.kind == BULK).sum()))
    assert histories(moved, number[order]) == kept
    # some move so far that they leave each other, and others meet
    one.place += 0.2 * rng.normal(size=one.place.shape)
    after = found_pairs(
        SimpleNamespace(
            place=np.ascontiguousarray(one.place[:, order]),
            radius=one.radius[order],
            margin=one.margin[order],
            kind=one.kind[order],
            box=one.box,
        ),
        moved,
    )
    nothing = (0.0, 0.0, 0.0)
    for pair, history in histories(after, number[order]).items():
        assert history == kept.get(pair, nothing)


# After 50 steps in which rounding grows [d̄].
SAME_MOTION = 1e-11


def test_the_order_of_the_grains_in_memory_changes_nothing_but_rounding(flowing):
    engine, other = flowing(), flowing()
    for one in (engine, other):
        shear(one, 200)
    before = histories(other.pairs, other.rows), other.rows
    other._sort(other.slot.place)
    assert not np.array_equal(other.rows, before[1])
    after = histories(other.pairs, other.rows)
    # a new list has other pairs that do not touch
    assert {pair: one for pair, one in before[0].items() if any(one)} == {
        pair: one for pair, one in after.items() if any(one)
    }
    np.testing.assert_array_equal(other.positions(), engine.positions())
    for one in (engine, other):
        shear(one, 10)
    np.testing.assert_allclose(other.positions(), engine.positions(), rtol=0, atol=SAME_MOTION)


# --- the contact loop -------------------------------------------------------------------------------------------------


def loop_arguments(engine, rows=slice(None)):
    """What the contact loop takes, of some pairs; its histories are copies."""
    pairs = engine.pairs
    first, second = pairs.first[rows].copy(), pairs.second[rows].copy()
    constants, history = pairs.constants[:, rows].copy(), pairs.history[:, rows].copy()
    given = np.zeros((N_GIVEN, len(first)))
    step = engine.timestep
    return (
        first, second, engine.slot.place, engine.motion, constants, history, given, engine.images(), engine.law, step,
    )  # fmt: skip


def test_a_pair_gives_the_same_bits_in_a_vector_and_alone(flowing):
    engine = flowing()
    together = loop_arguments(engine)
    contact_forces(*together)
    touching = np.flatnonzero(together[6][6] > 0)[:100]
    for q in touching:
        alone = loop_arguments(engine, slice(q, q + 1))
        contact_forces(*alone)
        for whole, single in ((together[5], alone[5]), (together[6], alone[6])):
            np.testing.assert_array_equal(whole[:, q : q + 1], single)


@only_walls
@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="names of instructions of x86-64")
def test_the_contact_loop_is_made_of_vector_instructions(flowing):
    # compiled again with the loop's own options: what comes from numba's cache cannot be looked at
    fresh = numba.jit(**contact_forces.targetoptions)(contact_forces.py_func)
    fresh(*loop_arguments(flowing()))
    (code,) = fresh.inspect_asm().values()
    packed = re.findall(r"\bv?sqrtpd\b", code)
    roots = inspect.getsource(contact_forces.py_func).count("math.sqrt(")
    assert roots == 5
    # in the loop over whole vectors, every root is a packed one
    assert len(packed) >= roots


# --- threads ----------------------------------------------------------------------------------------------------------


def test_a_whole_run_by_two_threads_is_that_of_one_to_the_byte(tmp_path):
    loading = {"shear_rate": 50, "strain": 0.01, "warm_up": 0.0}
    recording = {"threshold": 1e-6, "checkpoint_steps": 1000}
    for threads in (1, 2):
        config = small(loading=loading, recording=recording, engine={"threads": threads})
        simulate(config, tmp_path / str(threads))
    one, two = (open_run(tmp_path / str(threads)) for threads in (1, 2))
    assert one.series.sizes["sample"] == 1001
    # 5 on one machine and more than 10 on another: the packing hangs on the vector instructions
    assert one.frames.sizes["frame"] > 2
    assert one.series.equals(two.series)
    assert one.frames.equals(two.frames)


@pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="this process may start one thread only")
def test_a_stretch_by_two_threads_is_that_of_one_to_the_byte(flowing):
    results = []
    for threads in (1, 2):
        engine = flowing()
        numba.set_num_threads(threads)
        results.append((shear(engine, 40), engine.frame(engine.hold()), engine.pairs.history))
    numba.set_num_threads(1)
    (samples, frame, history), (samples_of_two, frame_of_two, history_of_two) = results
    np.testing.assert_equal(samples_of_two, samples)
    np.testing.assert_array_equal(frame_of_two.position, frame.position)
    np.testing.assert_array_equal(frame_of_two.values.table, frame.values.table)
    np.testing.assert_array_equal(history_of_two, history)


# --- energy -----------------------------------------------------------------------------------------------------------

# Of the kinetic energy given, by Δt over the critical time: LAMMPS' drift on such a packing in as long a time, from
# docs/results/stability.md. Another packing drifts by a few per cent more or less.
DRIFT_OF_LAMMPS = {0.25: 5.3e-3, 0.4: 1.4e-2}
ANOTHER_PACKING = 1.1
KICK = 1e-4  # p d̄³ a grain
CRITICAL_TIMES = 2000


@pytest.fixture(scope="module")
def dense(tmp_path_factory):
    """A packing at rest without friction and damping, between walls that are held."""
    cell = {"length": 10, "depth": 8, "height": 8, "solid_fraction": 0.637}
    config = small(cell=cell, seed=1, loading={}, grains={"friction": 0.0})
    engine = prepared(config, 0.0, 20000)
    path = tmp_path_factory.mktemp("dense") / "state"
    height = height_of(engine)
    engine.begin(height)
    engine.save(path)
    return path, height, cell


def energy(engine):
    """Kinetic and stored energy of all grains [J]."""
    stored = engine.frame(engine.hold()).values.energy.sum() * engine.units.energy
    bulk = slice(0, engine.n_bulk)
    return stored + 0.5 * (engine.mass[bulk] * (engine.motion[:3, bulk] ** 2).sum(axis=0)).sum()


@pytest.mark.parametrize("fraction", DRIFT_OF_LAMMPS)
def test_a_kicked_packing_keeps_its_energy_as_well_as_in_lammps(dense, fraction):
    path, height, cell = dense
    config = small(cell=cell, seed=1, loading={}, grains={"friction": 0.0, "restitution": 1.0})
    engine = NativeEngine(config)
    engine.load(path, height)
    engine.timestep = fraction * config.critical_time
    frame = engine.frame_record
    frame["servo"], frame["top_speed"] = False, 0.0
    bulk = slice(0, engine.n_bulk)
    engine.motion[:] = 0.0
    velocity = np.random.default_rng(4928459).normal(size=(3, engine.n_bulk))
    given = KICK * engine.units.energy * engine.n_bulk
    velocity *= math.sqrt(given / (0.5 * (engine.mass[bulk] * (velocity**2).sum(axis=0)).sum()))
    engine.motion[:3, bulk] = velocity
    engine._find_pairs()
    engine._evaluate()
    before, drift = energy(engine), []
    for _ in range(4):
        engine._advance(round(CRITICAL_TIMES / 4 / fraction))
        drift.append((energy(engine) - before) / given)
    assert np.abs(drift).max() < ANOTHER_PACKING * DRIFT_OF_LAMMPS[fraction]
    # what is there at once stays: nothing grows
    assert abs(drift[-1]) < ANOTHER_PACKING * abs(drift[0])


# --- bad input --------------------------------------------------------------------------------------------------------


def test_a_force_that_is_no_number_is_said_with_grain_and_step(flowing):
    engine = flowing()
    bad = int(engine.rows[17])
    # what a force that is no number leaves behind
    engine.motion[:3, 17] = math.nan
    said = rf"the force on grain {bad + 1} is not a number at step \d+ .*: lower loading\.rayleigh_fraction"
    with pytest.raises(MicroslipError, match=said):
        shear(engine, 1)


@only_walls
def test_a_grain_that_has_flown_out_between_the_walls_is_counted(flowing):
    engine = flowing()
    engine.motion[2, 17] = 1e12
    (sample,) = shear(engine, 1)
    assert sample.n_lost == 1


def test_a_thin_cell_is_refused():
    grains = {"width": 0.9}
    limit = 2 * (1.9 + 2 * MOST_MARGIN)
    small(cell={"depth": limit + 0.01}, grains=grains)
    with pytest.raises(
        ValidationError, match=r"cell\.depth = 4\.19 d̄ is thinner than two neighbour cells of 2\.1 d̄ each"
    ):
        small(cell={"depth": limit - 0.01}, grains=grains)


def test_more_threads_than_cores_are_warned_of(monkeypatch):
    monkeypatch.setattr(native_config, "usable_cores", lambda: 2)
    for threads, expected in ((2, []), (3, ["engine.threads = 3 is more than the 2 cores"])):
        warnings = small(engine={"threads": threads}).engine.warnings()
        assert [text.split(" that ")[0] for text in warnings] == expected
    with pytest.raises(ValidationError):
        small(engine={"threads": 0})
