import numpy as np
import pytest

from microslip import Box, MicroslipError, d2min, displacement_without_shear, local_strain
from microslip.fields.strain import shear_strain_xz


def test_small_simple_shear_is_half_its_angle_and_no_volume(grains, box):
    current = grains + np.array([1e-6, 0, 0]) * grains[:, 2:]
    shear, volume = local_strain(d2min(grains, current, box).gradient)
    np.testing.assert_allclose(shear, 0.5e-6, rtol=1e-5)
    np.testing.assert_allclose(volume, 0, atol=1e-11)


def test_dilation_is_volume_alone():
    shear, volume = local_strain(np.broadcast_to(0.01 * np.eye(3), (4, 3, 3)).copy())
    np.testing.assert_allclose(volume, 0.01 + 0.01**2 / 2)
    np.testing.assert_allclose(shear, 0, atol=1e-15)


def test_a_turn_of_any_angle_is_no_strain():
    turn = np.array([[0.6, -0.8, 0], [0.8, 0.6, 0], [0, 0, 1.0]])
    shear, volume = local_strain((turn - np.eye(3))[None])
    np.testing.assert_allclose([shear[0], volume[0]], 0, atol=1e-12)


def test_large_simple_shear():
    """η has γ/2 off the diagonal and γ²/2 at zz: all of second order is kept."""
    gamma = 0.3
    gradient = np.zeros((1, 3, 3))
    gradient[0, 0, 2] = gamma
    shear, volume = local_strain(gradient)
    assert volume[0] == pytest.approx(gamma**2 / 6)
    assert shear[0] == pytest.approx(np.sqrt(gamma**2 / 4 + gamma**4 / 12))


def test_is_told_by_the_principal_stretches(rng):
    """Of any map, from its singular values: η = (s² − 1) / 2."""
    gradient = rng.normal(0, 0.3, (500, 3, 3))
    principal = (np.linalg.svd(gradient + np.eye(3), compute_uv=False) ** 2 - 1) / 2
    shear, volume = local_strain(gradient)
    np.testing.assert_allclose(volume, principal.mean(axis=1), atol=1e-13)
    np.testing.assert_allclose(shear, np.sqrt(principal.var(axis=1) * 1.5), atol=1e-13)


def test_the_component_xz_keeps_the_sign_of_the_shear():
    gradient = np.zeros((3, 3, 3))
    gradient[:, 0, 2] = gamma = np.array([0.3, -0.3, 1e-6])
    np.testing.assert_allclose(shear_strain_xz(gradient), gamma / 2)
    # a turn is no strain, and one of second order neither
    turn = np.array([[0.6, 0, -0.8], [0, 1, 0], [0.8, 0, 0.6]]) - np.eye(3)
    np.testing.assert_allclose(shear_strain_xz(turn[None]), 0, atol=1e-15)


@pytest.mark.parametrize("signs", [(1, -1, 1), (-1, 1, -1)])
def test_the_component_xz_is_even_in_both_symmetries_of_simple_shear(rng, signs):
    gradient, turn = rng.normal(0, 0.1, (20, 3, 3)), np.diag(signs).astype(float)
    np.testing.assert_allclose(shear_strain_xz(turn @ gradient @ turn), shear_strain_xz(gradient), rtol=1e-12)


def test_a_turn_of_the_end_frame_changes_nothing(rng):
    box = Box((10.0, 8.0, 12.0), (False, False, False))
    reference = rng.random((400, 3)) * box.lengths
    current = reference @ (np.eye(3) + rng.normal(0, 0.02, (3, 3))) + rng.normal(0, 0.02, reference.shape)
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    here, there = (local_strain(d2min(reference, end, box).gradient) for end in (current, current @ turn.T))
    np.testing.assert_allclose(there, here, atol=1e-10)


def test_undefined_stays_undefined():
    shear, volume = local_strain(np.full((1, 3, 3), np.nan))
    assert np.isnan([shear[0], volume[0]]).all()


def test_agrees_with_ovito(rng, monkeypatch):
    """Atomic strain: the same tensor, its shear invariant and a third of its trace, over the same neighbours."""
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    pytest.importorskip("ovito")
    from ovito.data import DataCollection, Particles, SimulationCell
    from ovito.modifiers import AtomicStrainModifier
    from ovito.pipeline import Pipeline, PythonSource

    box = Box((10.0, 9.0, 8.0), (True, True, True))
    frames = [rng.random((800, 3)) * box.lengths]
    frames.append(frames[0] + rng.normal(0, 0.02, frames[0].shape))

    def collection(positions):
        data = DataCollection()
        cell = SimulationCell(pbc=(True, True, True))
        cell[...] = np.column_stack([np.diag(box.lengths), np.zeros(3)])
        data.objects.append(cell)
        particles = Particles()
        particles.create_property("Position", data=positions)
        data.objects.append(particles)
        return data

    def source(positions):
        return PythonSource(function=lambda _frame, data: data.objects.extend(collection(positions).objects))

    pipeline = Pipeline(source=source(frames[1]))
    strain = AtomicStrainModifier(cutoff=2.0, output_nonaffine_squared_displacements=True)
    strain.reference = source(frames[0])
    pipeline.modifiers.append(strain)
    theirs = pipeline.compute().particles
    ours = d2min(frames[0], frames[1], box, 2.0)
    shear, volume = local_strain(ours.gradient)
    np.testing.assert_allclose(shear, theirs["Shear Strain"], rtol=1e-6)
    np.testing.assert_allclose(volume, theirs["Volumetric Strain"], rtol=1e-5, atol=1e-9)
    # OVITO sums over neighbours where we take the mean
    np.testing.assert_allclose(ours.d2min * ours.n_neighbours, theirs["Nonaffine Squared Displacement"], rtol=1e-6)


def test_simple_shear_between_walls_leaves_nothing(rng):
    reference = rng.random((300, 3)) * [10, 8, 12]
    kind = np.repeat([0, 1, 2], [200, 50, 50])
    reference[kind == 1, 2], reference[kind == 2, 2] = -0.5, 12.5
    strain = np.array([0.03, 0.0, 0.002])
    current = reference + strain * (12.5 - reference[:, 2:]) + [0.7, 0, 0]
    np.testing.assert_allclose(displacement_without_shear(reference, current, kind), 0, atol=1e-12)
    # without walls: the best straight line
    bulk = np.zeros(300, dtype=int)
    np.testing.assert_allclose(displacement_without_shear(reference, current, bulk), 0, atol=1e-12)


def test_between_thick_walls_the_shear_begins_where_they_end(rng):
    """Walls of glued grains move as a whole, however thick they are."""
    reference = rng.random((300, 3)) * [10, 8, 12]
    kind = np.repeat([0, 1, 2], [200, 50, 50])
    reference[kind == 1, 2], reference[kind == 2, 2] = -2.5 * rng.random(50), 12 + 2.5 * rng.random(50)
    reference[[200, 250], 2] = 0.0, 12.0
    current = reference + np.outer(12 - np.clip(reference[:, 2], 0, 12), [0.03, 0.0, 0.002]) + [0.7, 0, 0]
    left = displacement_without_shear(reference, current, kind)
    np.testing.assert_allclose(left[kind == 0], 0, atol=1e-12)


@pytest.mark.parametrize("missing", [1, 2])
def test_without_a_wall_the_line_is_that_of_least_squares(rng, missing):
    reference = rng.random((300, 3)) * [10, 8, 12]
    current = reference + rng.normal(0, 0.1, reference.shape) + 0.02 * reference[:, 2:]
    kind = np.repeat([0, 3 - missing], [250, 50])
    z, moved = reference[:, 2], current - reference
    lines = np.polynomial.polynomial.polyval(z, np.polynomial.polynomial.polyfit(z, moved, 1)).T
    np.testing.assert_allclose(displacement_without_shear(reference, current, kind), moved - lines, atol=1e-12)


def test_the_motion_of_single_grains_remains(rng):
    reference = rng.random((100, 3)) * [10, 8, 12]
    kind = np.repeat([0, 1, 2], [60, 20, 20])
    reference[kind == 1, 2], reference[kind == 2, 2] = 0.0, 12.0
    current = reference.copy()
    current[5] += [0.1, -0.2, 0.3]
    left = displacement_without_shear(reference, current, kind)
    np.testing.assert_allclose(left[5], [0.1, -0.2, 0.3], atol=1e-12)
    np.testing.assert_allclose(np.delete(left, 5, axis=0), 0, atol=1e-12)


def test_other_grains_and_a_flat_layer_are_refused(grains):
    with pytest.raises(MicroslipError, match="1000, 999 and 1000 grains"):
        displacement_without_shear(grains, grains[:-1], np.zeros(1000, dtype=int))
    flat = grains * [1, 1, 0]
    with pytest.raises(MicroslipError, match="at one height"):
        displacement_without_shear(flat, flat, np.zeros(1000, dtype=int))


@pytest.mark.parametrize("height", [0.1, 3.7, 5.0])
def test_a_flat_layer_is_refused_at_any_height(grains, rng, height):
    """The mean of equal numbers need not be that number: their spread is rounding, not zero."""
    flat = grains * [1, 1, 0] + [0, 0, height]
    with pytest.raises(MicroslipError, match="at one height"):
        displacement_without_shear(flat, flat + rng.normal(0, 0.1, flat.shape), np.zeros(1000, dtype=int))


def test_walls_at_one_height_are_refused(grains):
    kind = np.repeat([0, 1, 2], [800, 100, 100])
    grains[kind > 0, 2] = 3.0
    with pytest.raises(MicroslipError, match="no height between them"):
        displacement_without_shear(grains, grains, kind)
