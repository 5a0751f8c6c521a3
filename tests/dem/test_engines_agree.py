"""Both engines through the seam from the same start: the same forces to rounding, and the same motion until chaos.

LAMMPS works in a process of its own, the native engine in this one. Histories of LAMMPS' contacts are not within reach:
what is compared is the tangential force that follows from them once nothing moves, that of the contact's spring.
"""

import json
import math
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from microslip.dem.config import ShearCell
from microslip.dem.lammps.installed import find_launcher, rank_environment
from microslip.dem.native.engine import NativeEngine
from microslip.dem.packing import BOTTOM, BULK, TOP, LoosePacking, loose_packing
from microslip.dem.protocol import DRAG_STEPS, RELEASE_DISTANCE, RELEASE_STEPS, REST_STEPS
from microslip.dem.seam import Preparing

SCRIPT = Path(__file__).with_name("agreeing_lammps.py")

CELL = {"cell": {"length": 8, "depth": 8, "height": 8}, "loading": {"shear_rate": 20}, "recording": {"contacts": False}}
LAWS = {"mindlin": {}, "mindlin_force": {"tangential": "mindlin_force"}, "viscous": {"damping": "viscous"}}
# LAMMPS' older style, that of `viscous`, loses its histories when a state is read in the process that wrote it.
SHEARED_LAWS = ("mindlin", "mindlin_force")
# Steps of a packing that comes to rest but for a few per cent of p d̄².
REST = 4 * REST_STEPS
# So fast [m/s] that grains which move at random load their contacts to Coulomb's limit within a step or two.
KICK = 3.0
SHEARED, SAMPLES = 2000, 4

# Of the largest force, torque or spring. Centres are 1e-3 m apart and overlaps some 1e-6 m: three of sixteen digits are
# lost in the difference.
SAME_FORCES = dict.fromkeys(LAWS, 1e-12)
# LAMMPS' older style turns a displacement by taking its normal part away, the native engine keeps its length: half the
# square of an angle, here of KICK Δt / d̄ = 3e-4 at one σ of one grain. How near that comes depends on the packing, and
# the packing on the vector instructions of the machine.
SAME_FORCES["viscous"] = 1e-8
# After 2,000 steps, in which rounding grows by five orders of magnitude: places [d̄], stresses and levels [p, d̄], and
# springs over the largest.
SAME_PLACES, SAME_SAMPLES, SAME_SPRINGS = 1e-9, 1e-9, 1e-8
# Where forces act on a wall, on average [d̄]; the rate of the moment of momentum, half a step apart.
SAME_LEVERS, SAME_MOMENTUM = 0.04, 0.06


def cell(law, **engine):
    return ShearCell.model_validate({**CELL, "grains": LAWS[law], "engine": engine or {"kind": "native", "threads": 1}})


def shear_plan(config):
    return np.full(SAMPLES, SHEARED // SAMPLES), np.full(SAMPLES + 1, config.loading.shear_rate)


@pytest.fixture(scope="module")
def start():
    """A packing at rest made by the native engine, and velocities at random for its bulk.

    Without friction: it is at rest without histories, which no engine takes over from another one.
    """
    config = cell("mindlin")
    engine, loose = NativeEngine(config), loose_packing(config)
    d = config.grains.mean_diameter
    drag = config.grains.density * math.pi / 6 * d**3 / (DRAG_STEPS * config.timestep)
    engine.fill(loose)
    engine.prepare(Preparing(0.0, drag, RELEASE_DISTANCE * d), RELEASE_STEPS)
    engine.prepare(Preparing(0.0, drag), REST)
    packing = LoosePacking(engine.positions(), loose.diameter, loose.kind, engine.level())
    rng, bulk = np.random.default_rng(20270214), (packing.kind == BULK)[:, None]
    velocity, surface = (KICK * bulk * rng.normal(size=packing.position.shape) for _ in range(2))
    omega = surface / (packing.diameter[:, None] * d / 2)
    return SimpleNamespace(
        packing=packing,
        velocity=velocity,
        omega=omega,
        height=(packing.top_plane - 0.5) * d,
        friction=config.grains.friction,
        drag=(drag, 2 * drag),
    )


# --- the two engines --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def lammps(start, tmp_path_factory):
    """What LAMMPS makes of every law, in one process."""
    folder, one = tmp_path_factory.mktemp("lammps"), start.packing
    np.savez(
        folder / "start.npz",
        position=one.position,
        diameter=one.diameter,
        kind=one.kind,
        top_plane=one.top_plane,
        velocity=start.velocity,
        omega=start.omega,
    )
    cases = {}
    for law in LAWS:
        config = cell(law, kind="lammps", ranks=1)
        steps, rate = shear_plan(config)
        cases[law] = {
            "config": config.model_dump(mode="json"),
            "friction": start.friction,
            "drag": start.drag,
            "height": start.height,
        }
        if law in SHEARED_LAWS:
            cases[law] |= {"steps": steps.tolist(), "rate": rate.tolist()}
    (folder / "cases.json").write_text(json.dumps(cases))
    command = [find_launcher(), "-n", "1", sys.executable, str(SCRIPT), str(folder)]
    process = subprocess.run(command, capture_output=True, text=True, env=rank_environment(), check=False)
    assert process.returncode == 0, process.stderr
    results = {}
    for law in LAWS:
        with np.load(folder / f"{law}.npz") as held:
            content = dict(held)
        for key in [key for key in content if key.endswith("pairs")]:
            pairs, force = content.pop(key), content.pop(key.replace("pairs", "spring"))
            content[key.replace("pairs", "springs")] = by_pair(pairs[:, 0], pairs[:, 1], force)
        results[law] = SimpleNamespace(**content)
    return results


def by_pair(first, second, force):
    """Force on the lower grain of each pair of the packing."""
    turned = (first > second)[:, None]
    low, high = np.minimum(first, second).tolist(), np.maximum(first, second).tolist()
    return dict(zip(zip(low, high, strict=True), np.where(turned, -force, force), strict=True))


def springs(engine):
    """Tangential force of every touching pair were nothing to move, from the histories [N]."""
    pairs, law = engine.pairs, engine.law
    overlap = engine.slot.given[6, : len(pairs.first)]
    contact_radius = np.sqrt(pairs.constants[1] * overlap)
    force = pairs.history if law.as_force else -law.shear * contact_radius * pairs.history
    limit, size = law.friction * law.hertz * contact_radius * overlap, np.linalg.norm(force, axis=0)
    force = force * np.where(size > limit, limit / np.maximum(size, np.finfo(float).tiny), 1.0)
    touching = overlap > 0
    return by_pair(engine.rows[pairs.first][touching], engine.rows[pairs.second][touching], force[:, touching].T)


def in_order(engine, values):
    """Values of the engine's grains (axis, grain) in the packing's order."""
    ordered = np.empty((len(engine.rows), len(values)))
    ordered[engine.rows] = values.T
    return ordered


def kicked(start, law):
    """As `kicked` in `agreeing_lammps.py`."""
    engine = NativeEngine(cell(law))
    first, second = (Preparing(start.friction, drag) for drag in start.drag)
    engine.fill(start.packing)
    engine.prepare(first, 1)
    set_walls_going(engine, 0.0)
    bulk = engine.kind == BULK
    engine.motion[:3, bulk] = start.velocity[engine.rows[bulk]].T
    engine.motion[3:, bulk] = start.omega[engine.rows[bulk]].T * engine.radius[bulk]
    rest = engine.prepare(second, 1)
    load, radius = in_order(engine, engine.net), start.packing.diameter * engine.d / 2
    return {
        "force": load[:, :3],
        # the engine keeps torques over the radius
        "torque": load[:, 3:] * radius[:, None],
        "wall_speed": rest.speed,
        "springs": springs(engine),
    }


def sheared(start, law):
    """As `sheared` in `agreeing_lammps.py`."""
    config = cell(law)
    engine, samples, volume = NativeEngine(config), [], []
    engine.fill(start.packing)
    engine.prepare(Preparing(start.friction, start.drag[0]), 1)
    set_walls_going(engine, config.loading.shear_rate * start.height)
    engine.begin(start.height)

    def read(one):
        samples.append([*one.bottom, *one.top, one.level, one.n_lost])
        volume.append([*one.moments, one.momentum_rate, one.kinetic_energy])

    engine.shear(*shear_plan(config), read, from_start=True)
    position = engine.frame(engine.hold()).position
    return {"position": position, "samples": np.array(samples), "volume": np.array(volume), "springs": springs(engine)}


def set_walls_going(engine, bottom_speed):
    """LAMMPS works out the forces before the first step of a stretch with the walls at the speeds of that moment; the
    native engine's walls take up a new speed with the step."""
    engine.motion[0, engine.kind == BOTTOM] = bottom_speed
    engine.motion[2, engine.kind == TOP] = float(engine.frame_record["top_speed"])


@pytest.fixture(scope="module")
def native(start):
    """What the native engine makes of every law."""
    results = {}
    for law in LAWS:
        found = kicked(start, law)
        if law in SHEARED_LAWS:
            found |= {f"sheared_{key}": value for key, value in sheared(start, law).items()}
        results[law] = SimpleNamespace(**found)
    return results


# --- what they agree on -----------------------------------------------------------------------------------------------


def assert_same(ours, theirs, tolerance):
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance * np.abs(theirs).max())


def assert_same_springs(ours, theirs, tolerance):
    assert ours.keys() == theirs.keys()
    assert_same(np.array(list(ours.values())), np.array([theirs[pair] for pair in ours]), tolerance)


@pytest.mark.parametrize("law", LAWS)
def test_forces_and_torques_are_the_same_after_one_step(start, lammps, native, law):
    bulk, ours, theirs = start.packing.kind == BULK, native[law], lammps[law]
    assert_same(ours.force[bulk], theirs.force[bulk], SAME_FORCES[law])
    assert_same(ours.torque[bulk], theirs.torque[bulk], SAME_FORCES[law])
    assert ours.wall_speed == pytest.approx(float(theirs.wall_speed), rel=SAME_FORCES[law])


@pytest.mark.parametrize("law", LAWS)
def test_histories_are_the_same_after_one_step(lammps, native, law):
    assert_same_springs(native[law].springs, lammps[law].springs, SAME_FORCES[law])


@pytest.mark.parametrize("law", SHEARED_LAWS)
def test_grains_are_at_the_same_places_after_2000_steps_of_shear(lammps, native, law):
    moved = native[law].sheared_position - lammps[law].sheared_position
    # each engine unwraps from the place where it took the grain up
    lengths = np.array([CELL["cell"]["length"], CELL["cell"]["depth"]])
    moved[:, :2] -= lengths * np.round(moved[:, :2] / lengths)
    np.testing.assert_allclose(moved, 0, atol=SAME_PLACES)
    np.testing.assert_allclose(native[law].sheared_samples, lammps[law].sheared_samples, rtol=0, atol=SAME_SAMPLES)
    assert_same_springs(native[law].sheared_springs, lammps[law].sheared_springs, SAME_SPRINGS)


def test_the_two_laws_part_within_these_steps(native):
    """Or the agreement would not tell one from the other."""
    one, other = (native[law].sheared_position for law in SHEARED_LAWS)
    assert np.abs(one - other).max() > 1000 * SAME_PLACES


@pytest.mark.parametrize("law", SHEARED_LAWS)
def test_what_the_bulk_carries_is_the_same_and_the_stress_of_the_volume_nearly(start, lammps, native, law):
    """LAMMPS' engine does not see the contacts with a wall: it takes each grain's for one, at the grain's surface."""
    ours, theirs = native[law].sheared_volume, lammps[law].sheared_volume
    stress = np.abs(ours[:, :2]).max(axis=0) * cell(law).grains.mean_diameter / start.height
    assert (np.abs(theirs - ours)[:, :2] < 2 * SAME_LEVERS * stress).all()
    # over the last step in one engine, at its end in the other; before the first, one knows the preparation's alone
    assert_same(ours[1:, 2], theirs[1:, 2], SAME_MOMENTUM)
    assert_same(ours[:, 3], theirs[:, 3], SAME_SAMPLES)
