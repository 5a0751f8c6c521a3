"""Both engines through the seam from the same start: the same forces to rounding, and the same motion until chaos.

LAMMPS works in a process of its own, the native engine in this one. Histories of LAMMPS' contacts are not within reach:
what is compared is the force of the tangential spring that follows from them, which LAMMPS shows once the velocities
are taken away.
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

CELL = {
    "cell": {"length": 8, "depth": 8, "height": 8},
    "loading": {"shear_rate": 20},
    "recording": {"contacts": False},
}
LAWS = {
    "mindlin": {},
    "mindlin_force": {"tangential": "mindlin_force"},
    "viscous": {"damping": "viscous"},
}
# A packing that has all but come to rest, after this many times REST_STEPS.
REST_PIECES = 4
# So fast [m/s] that the contacts of grains which move at random are loaded to Coulomb's limit within a step or two.
KICK = 3.0
SHEARED = 2000

# Of the largest force, torque or spring: some ten roundings of places 1e-3 m apart, whose overlaps are 1e-6 m.
SAME_FORCES = 1e-12
SAME_PLACES = 1e-9  # d̄


def cell(law, **engine):
    return ShearCell.model_validate({**CELL, "grains": LAWS[law], "engine": engine or {"kind": "native", "threads": 1}})


@pytest.fixture(scope="module")
def begun():
    """A packing at rest, and velocities at random for its bulk."""
    config = cell("mindlin")
    engine, loose = NativeEngine(config), loose_packing(config)
    engine.fill(loose)
    d = config.grains.mean_diameter
    mass = config.grains.density * math.pi / 6 * d**3
    drag = mass / (DRAG_STEPS * config.timestep)
    # without friction: centres alone are then the whole state of rest
    engine.prepare(Preparing(0.0, drag, RELEASE_DISTANCE * d), RELEASE_STEPS)
    print(engine.prepare(Preparing(0.0, drag), REST_PIECES * REST_STEPS))
    packing = LoosePacking(engine.positions(), loose.diameter, loose.kind, engine.level())
    rng = np.random.default_rng(20270214)
    bulk = (packing.kind == BULK)[:, None]
    velocity, surface = (KICK * bulk * rng.normal(size=packing.position.shape) for _ in range(2))
    omega = surface / (packing.diameter[:, None] * d / 2)
    height = (engine.level() - 0.5) * d
    return SimpleNamespace(
        packing=packing, velocity=velocity, omega=omega, height=height, how=Preparing(config.grains.friction, drag)
    )


def shear_plan(config):
    steps = np.array([SHEARED // 4] * 4)
    return steps, np.full(len(steps) + 1, config.loading.shear_rate)


@pytest.fixture(scope="module")
def lammps(begun, tmp_path_factory):
    """What LAMMPS makes of every law, in one process."""
    folder = tmp_path_factory.mktemp("lammps")
    one = begun.packing
    np.savez(
        folder / "start.npz",
        position=one.position,
        diameter=one.diameter,
        kind=one.kind,
        top_plane=one.top_plane,
        velocity=begun.velocity,
        omega=begun.omega,
    )
    cases = {}
    for law in LAWS:
        config = cell(law, kind="lammps", ranks=1)
        steps, rate = shear_plan(config)
        cases[law] = {
            "config": config.model_dump(mode="json"),
            "how": {"friction": begun.how.friction, "drag": begun.how.drag},
            "height": begun.height,
            "steps": steps.tolist(),
            "rate": rate.tolist(),
        }
    (folder / "cases.json").write_text(json.dumps(cases))
    command = [find_launcher(), "-n", "1", sys.executable, str(SCRIPT), str(folder)]
    process = subprocess.run(command, capture_output=True, text=True, env=rank_environment(), check=False)
    assert process.returncode == 0, process.stderr
    return {law: SimpleNamespace(**np.load(folder / f"{law}.npz")) for law in LAWS}


def in_order(engine, values):
    """Values of the engine's grains (axis, grain) in the packing's order."""
    found = np.empty((len(engine.rows), len(values)))
    found[engine.rows] = values.T
    return found


def springs(engine):
    """Force of every touching pair's tangential spring on the lower grain of the packing [N], by pair."""
    pairs, law = engine.pairs, engine.law
    overlap = engine.slot.given[6, : len(pairs.first)]
    touching = overlap > 0
    stiffness = law.shear * np.sqrt(pairs.constants[1] * overlap)
    force = pairs.history if law.as_force else -stiffness * pairs.history
    return by_pair(engine.rows[pairs.first][touching], engine.rows[pairs.second][touching], force[:, touching].T)


def by_pair(first, second, force):
    turned = first > second
    return {
        (min(i, j), max(i, j)): one
        for i, j, one in zip(first.tolist(), second.tolist(), np.where(turned[:, None], -force, force), strict=True)
    }


@pytest.fixture(scope="module")
def native(begun):
    """What the native engine makes of every law."""
    found = {}
    for law in LAWS:
        config = cell(law)
        engine = NativeEngine(config)
        engine.fill(begun.packing)
        engine.motion[:3] = begun.velocity[engine.rows].T
        engine.motion[3:] = begun.omega[engine.rows].T * engine.radius
        rest = engine.prepare(begun.how, 1)
        load = in_order(engine, engine.net)
        radius = begun.packing.diameter * engine.d / 2
        one = {"force": load[:, :3], "torque": load[:, 3:] * radius[:, None], "wall_speed": rest.speed}
        one["springs"] = springs(engine)

        engine = NativeEngine(config)
        engine.fill(begun.packing)
        engine.prepare(begun.how, 1)
        engine.begin(begun.height)
        # LAMMPS works out the first forces with the walls at the speeds that they have then; here they take them up with
        # the first step
        engine.motion[0, engine.kind == BOTTOM] = config.loading.shear_rate * begun.height
        engine.motion[2, engine.kind == TOP] = float(engine.frame_record["top_speed"])
        samples = []

        def read(sample, samples=samples):
            samples.append([*sample.bottom, *sample.top, sample.level, sample.n_lost])

        engine.shear(*shear_plan(config), read, from_start=True)
        one |= {"sheared_position": engine.frame(engine.hold()).position, "sheared_samples": np.array(samples)}
        one["sheared_springs"] = springs(engine)
        found[law] = SimpleNamespace(**one)
    return found


@pytest.mark.parametrize("law", LAWS)
def test_all(begun, lammps, native, law):
    a, b = lammps[law], native[law]
    bulk = begun.packing.kind == BULK
    print(len(bulk), bulk.sum())
    for name in ("force", "torque"):
        x, y = getattr(a, name)[bulk], getattr(b, name)[bulk]
        print(law, name, np.abs(x - y).max() / np.abs(x).max(), np.abs(x).max(), np.median(np.abs(x)))
    e=np.abs(a.force-b.force).max(axis=1)[bulk]/np.abs(a.force[bulk]).max(); print(np.sort(e)[::40], begun.packing.position[bulk][np.argsort(e)[-8:]])
    print("speed", a.wall_speed, b.wall_speed, a.wall_speed / b.wall_speed - 1)
    for pre in ("", "sheared_"):
        p = getattr(a, pre + "pairs")
        la = by_pair(p[:, 0], p[:, 1], getattr(a, pre + "spring"))
        nb = getattr(b, pre + "springs")
        print("pairs", len(la), len(nb), la.keys() == nb.keys())
        x = np.array([la.get(k,[0,0,0]) for k in nb]); y = np.array(list(nb.values()))
        dd = np.abs(x - y).max(axis=1); big = np.abs(x).max()
        print("spring", dd.max() / big, np.sort(dd)[-5:] / big, np.median(dd)/big, big, (dd/big > 1e-9).sum())
    dr = np.abs(a.sheared_position - b.sheared_position)
    lx = 8
    dr[:, :2] = np.minimum(dr[:, :2], np.abs(lx - dr[:, :2]))
    print("moved", dr.max())
    print(np.abs(a.sheared_samples - b.sheared_samples).max(axis=0), a.sheared_samples)
