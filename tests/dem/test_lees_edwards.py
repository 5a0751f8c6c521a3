"""A cell without walls, sheared by sliding images: a gas against kinetic theory, a dense flow against symmetry."""

import math

import numpy as np
import pytest

from microslip.dem.config import ShearCell
from microslip.dem.native.engine import NativeEngine
from microslip.dem.packing import BULK, LoosePacking
from microslip.dem.protocol import Protocol

# --- a dilute, frictionless gas ---------------------------------------------------------------------------------------

SOLID_FRACTION, RESTITUTION, SIDE = 0.1, 0.9, 14.0
GAS_RATE = 20.0
# Soft grains under hardly any pressure: long steps, and contacts that still last a fiftieth of the time between them.
GAS = ShearCell.model_validate(
    {
        "cell": {"length": SIDE, "depth": SIDE, "height": SIDE, "walls": False},
        "grains": {"width": 0, "friction": 0, "restitution": RESTITUTION, "youngs_modulus": 1e6},
        "loading": {"pressure": 10.0, "shear_rate": GAS_RATE, "strain": 40, "hold": "volume"},
        "recording": {"strain_step": 1e-3},
        "engine": {"threads": 1},
    }
)
# Kinetic theory leaves out that the three temperatures differ, and the gas of some 500 grains fluctuates.
KINETIC_THEORY = 0.15


def kinetic_theory():
    """Temperature over (γ̇ d)² and shear stress over ρ (γ̇ d)² of smooth inelastic spheres in uniform shear.

    Lun, Savage, Jeffrey & Chepurniy, J. Fluid Mech. 140 (1984) 223: what shear works, collisions dissipate.
    """
    eta, phi = (1 + RESTITUTION) / 2, SOLID_FRACTION
    g0 = (1 - phi / 2) / (1 - phi) ** 3
    kinetic = 5 * math.sqrt(math.pi) / (96 * eta * (2 - eta))
    viscosity = kinetic * (1 / g0 + 8 / 5 * eta * phi) * (1 + 8 / 5 * eta * (3 * eta - 2) * phi * g0)
    viscosity += 8 / (5 * math.sqrt(math.pi)) * eta * phi**2 * g0
    temperature = viscosity / (48 / math.sqrt(math.pi) * eta * (1 - eta) * phi**2 * g0)
    return temperature, viscosity * math.sqrt(temperature)


def test_a_dilute_gas_has_the_temperature_and_the_stress_of_kinetic_theory(rng):
    engine = NativeEngine(GAS)
    d, height = engine.d, SIDE * engine.d
    n = round(SOLID_FRACTION * SIDE**3 / (math.pi / 6))
    # on a lattice, so that none overlaps
    per_side = math.ceil(n ** (1 / 3))
    cells = rng.permutation(per_side**3)[:n]
    place = (np.array(np.unravel_index(cells, (per_side,) * 3)).T + 0.5) * SIDE / per_side
    engine.fill(LoosePacking(place, np.ones(n), np.full(n, BULK), SIDE))
    engine.begin(height)
    expected, expected_stress = kinetic_theory()
    speed = GAS_RATE * d
    engine.motion[:3] = rng.normal(0, speed * math.sqrt(expected), (3, n))
    engine.motion[:3] -= engine.motion[:3].mean(axis=1)[:, None]
    engine.motion[0] += GAS_RATE * (height / 2 - engine.slot.place[2])
    temperatures, stresses = [], []

    def look(sample):
        if len(temperatures) % 5 == 0:
            thermal = engine.motion[:3].copy()
            thermal[0] -= GAS_RATE * (height / 2 - engine.slot.place[2])
            flux = (engine.mass * thermal[0] * thermal[2]).sum() / height**3
            # what contacts carry, in Pa, and what grains carry along
            carried = sample.moments[0] * GAS.loading.pressure / SIDE
            temperatures.append((thermal**2).mean() / speed**2)
            stresses.append((carried + flux) / (GAS.grains.density * speed**2))
        else:
            temperatures.append(np.nan)
            stresses.append(np.nan)

    steps = np.full(round(40 / 1e-3), GAS.steps_per_sample)
    engine.shear(steps, np.full(len(steps) + 1, GAS_RATE), look, from_start=False)
    steady = slice(len(temperatures) // 4, None)
    print(f"T/(γ̇d)² {np.nanmean(temperatures[steady]):.3f}, theory {expected:.3f}", end="; ")
    print(f"σ/ρ(γ̇d)² {np.nanmean(stresses[steady]):.4f}, theory {expected_stress:.4f}")
    assert np.nanmean(temperatures[steady]) == pytest.approx(expected, rel=KINETIC_THEORY)
    assert np.nanmean(stresses[steady]) == pytest.approx(expected_stress, rel=KINETIC_THEORY)


# --- a dense flow -----------------------------------------------------------------------------------------------------

DENSE = ShearCell.model_validate(
    {
        "seed": 5,
        "cell": {"length": 10, "depth": 8, "height": 8, "walls": False},
        "loading": {"shear_rate": 50.0, "strain": 0.8, "warm_up": 0.3},
        "recording": {"strain_step": 1e-4},
        "engine": {"threads": 1},
    }
)
N_LAYERS = 4


@pytest.fixture(scope="module")
def dense_flow(tmp_path_factory):
    """Samples of the steady part: layer by layer velocity and its fluctuation, stress both ways, pressure, momentum."""
    folder = tmp_path_factory.mktemp("dense")
    (folder / "dem").mkdir()
    engine = NativeEngine(DENSE)
    protocol = Protocol(folder, DENSE, engine)
    (folder / "dem" / "driver.pid").write_text("")
    protocol._stop_asked = lambda at_once=False: False
    protocol._prepare()
    found = {name: [] for name in ("profile", "fluctuation", "xz", "zx", "zz", "momentum")}
    speed = DENSE.loading.shear_rate * protocol.height * engine.d

    def look(sample):
        if engine.n_steps % 200:
            return
        images, pairs, given, place = engine.images(), engine.pairs, engine.slot.given, engine.slot.place
        dx, _, dz = place[:, pairs.first] - place[:, pairs.second]
        above = np.rint(dz / images.lz)
        dz = dz - above * images.lz
        dx = dx - above * images.lean
        dx = dx - images.lx * np.rint(dx / images.lx)
        n, volume = len(pairs.first), images.lx * images.ly * images.lz * DENSE.loading.pressure
        found["xz"].append((given[0, :n] * dz).sum() / volume)
        found["zx"].append((given[2, :n] * dx).sum() / volume)
        found["zz"].append((given[2, :n] * dz).sum() / volume)
        # beside the mean flow, in layers of the cell
        beside = engine.motion[0] / speed - (0.5 - place[2] / images.lz)
        layer = (np.floor(place[2] / images.lz * N_LAYERS) % N_LAYERS).astype(int)
        count = np.bincount(layer, minlength=N_LAYERS)
        found["profile"].append(np.bincount(layer, beside, N_LAYERS) / count)
        found["fluctuation"].append(np.bincount(layer, beside**2, N_LAYERS) / count)
        found["momentum"].append((engine.mass * engine.motion[:3]).sum(axis=1) / (engine.mass.sum() * speed))

    steps = DENSE.schedule.steps
    engine.shear(steps, DENSE.schedule.rate, look, from_start=False)
    half = len(found["xz"]) * 3 // 8
    return {name: np.array(values)[half:] for name, values in found.items()}


def test_the_mean_flow_is_affine(dense_flow):
    print(f"farthest from affine, by layer: {np.abs(dense_flow['profile'].mean(axis=0)).max():.3f} of the wall's speed")
    assert np.abs(dense_flow["profile"].mean(axis=0)).max() < 0.1


def test_no_layer_is_another_at_any_height(dense_flow):
    fluctuation = dense_flow["fluctuation"].mean(axis=0)
    print(f"fluctuation of the velocity, largest over smallest layer: {fluctuation.max() / fluctuation.min():.2f}")
    # 170 grains a layer, half a strain
    assert fluctuation.max() < 2.5 * fluctuation.min()


def test_the_stress_is_symmetric_and_the_height_holds_the_pressure(dense_flow):
    xz, zx = dense_flow["xz"].mean(), dense_flow["zx"].mean()
    print(f"σ_xz {xz:.4f} p, σ_zx {zx:.4f} p, σ_zz {dense_flow['zz'].mean():.4f} p")
    assert 0.2 < xz < 0.6
    assert zx == pytest.approx(xz, rel=0.02)
    assert dense_flow["zz"].mean() == pytest.approx(1, abs=0.02)


def test_sliding_images_give_no_momentum(dense_flow):
    """What the preparation left, some 1e-4 of the wall's speed, stays."""
    momentum = dense_flow["momentum"]
    assert np.abs(momentum).max() < 1e-3
    np.testing.assert_allclose(momentum, np.broadcast_to(momentum[0], momentum.shape), rtol=0, atol=1e-9)
