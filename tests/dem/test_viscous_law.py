"""The older damping law on two grains: elastic forces as in the other law, restitution where both are set alike."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from microslip.dem.config import ShearCell
from microslip.dem.lammps.installed import rank_environment

SCRIPTS = {"lammps": "two_grains.py", "native": "two_grains_native.py"}
D = 1e-3
SPEEDS = (0.01, 0.1, 1.0)
OVERLAPS = tuple(D * 10.0**k for k in (-6, -4, -2))
STEPS = 2000

# Overlaps lose six of sixteen digits in the difference of centres.
ROUNDING = 1e-7


def case(restitution, overlap, steps, motion, velocity, omega=(0.0, 0.0)):
    """Two equal grains along x; velocities along x, spins about z."""
    config = ShearCell.model_validate({"grains": {"damping": "viscous", "restitution": restitution}})
    along_x = [[v, 0.0, 0.0] for v in velocity]
    about_z = [[0.0, 0.0, w] for w in omega]
    return {
        "config": config.model_dump(mode="json"),
        "diameter": [D, D],
        "position": [[0.0, 0.0, 0.0], [D - overlap, 0.0, 0.0]],
        "every": steps,
        "stages": [{"motion": motion, "steps": steps, "velocity": along_x, "omega": about_z}],
    }


def hertz_force(overlap):
    return 4 / 3 * (65e9 / (2 * (1 - 0.25**2))) * np.sqrt(D / 4) * overlap**1.5


def stiffness(overlap):
    return 8 * 65e9 / (4 * (2 - 0.25) * (1 + 0.25)) * np.sqrt(D / 4 * overlap)


@pytest.fixture(scope="module", params=SCRIPTS)
def results(request):
    """What one engine makes of all cases."""
    step = ShearCell().timestep
    cases = {f"rebound {v}": case(0.87, -0.1 * v * step, round(2e-5 / v**0.2 / step), "free", (v, 0.0)) for v in SPEEDS}
    cases |= {f"rest {overlap}": case(1.0, overlap, 1, "driven", (0.0, 0.0)) for overlap in OVERLAPS}
    # both surfaces turn by half of a slip that loads the contact to half of Coulomb's limit
    slip = 0.25 * hertz_force(OVERLAPS[-1]) / stiffness(OVERLAPS[-1])
    spin = slip / (STEPS * step) / 2 / (D / 2)
    cases["turn"] = case(1.0, OVERLAPS[-1], STEPS, "driven", (0.0, 0.0), (spin, spin))
    process = subprocess.run(
        [sys.executable, str(Path(__file__).with_name(SCRIPTS[request.param]))],
        input=json.dumps(cases),
        capture_output=True,
        text=True,
        env=rank_environment(),
        check=False,
    )
    assert process.returncode == 0, process.stderr
    return {name: {k: np.array(v) for k, v in one.items()} for name, one in json.loads(process.stdout).items()}


def test_restitution_falls_with_speed_towards_the_one_asked_for(results):
    found = {}
    for speed in SPEEDS:
        velocity = results[f"rebound {speed}"]["velocity"][-1]
        found[speed] = (velocity[1, 0] - velocity[0, 0]) / speed
    assert found[0.01] > found[0.1] > found[1.0] > 0.87
    assert found[0.01] < 1


@pytest.mark.parametrize("overlap", OVERLAPS)
def test_normal_force_is_hertzs(results, overlap):
    force = np.linalg.norm(results[f"rest {overlap}"]["normal_force"][-1])
    assert force == pytest.approx(hertz_force(overlap), rel=ROUNDING)


def test_tangential_stiffness_is_mindlins(results):
    force = np.linalg.norm(results["turn"]["tangential_force"][-1])
    # the overlap opens a little as the spheres turn about centres that are held: nothing to first order
    assert force == pytest.approx(0.25 * hertz_force(OVERLAPS[-1]), rel=1e-3)
