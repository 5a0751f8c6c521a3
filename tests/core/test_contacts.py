import numpy as np
import pytest
from scipy.integrate import quad

from microslip import MicroslipError, contact_energy, grain_stress
from microslip.core.contacts import count_contacts, grain_energy

# Sums of a few products: round-off alone.
ROUND_OFF = 1e-12
# scipy.integrate.quad stops there.
QUADRATURE = 1e-8
MODULUS, POISSON = 6500.0, 0.25


@pytest.fixture
def cluster(rng):
    """Grains of different sizes, some overlapping, with random forces between those that do."""
    diameter = rng.uniform(0.6, 1.4, 60)
    position = rng.random((60, 3)) * 2.5
    first, second = np.triu_indices(60, 1)
    separation = position[second] - position[first]
    touching = np.linalg.norm(separation, axis=1) < (diameter[first] + diameter[second]) / 2
    pairs = np.column_stack([first, second])[touching]
    return position, diameter, pairs, separation[touching], rng.normal(size=(len(pairs), 3))


def test_stress_of_a_grain_squeezed_between_two():
    """A force F at both poles, at a distance R − δ/2: σ = 2 F (R − δ/2) / V along the axis, compression positive."""
    diameter = np.array([1.0, 0.8, 1.2])
    separation = np.array([[0.0, 0.0, 0.88], [0.0, 0.0, -1.08]])
    force = np.array([[0.0, 0.0, -3.0], [0.0, 0.0, 3.0]])
    stress = grain_stress(np.array([[0, 1], [0, 2]]), separation, force, diameter)
    arms = (0.5 - 0.01) + (0.5 - 0.01)
    assert stress[0, 2] == pytest.approx(3.0 * arms / (np.pi / 6), rel=ROUND_OFF)
    np.testing.assert_array_equal(stress[0, [0, 1, 3, 4, 5]], 0)


def test_sum_of_moments_is_that_of_the_centre_distances(cluster):
    """Both arms of a contact add up to the distance of the centres: Σ V σ = −Σ sym(f ⊗ r)."""
    _, diameter, pairs, separation, force = cluster
    stress = grain_stress(pairs, separation, force, diameter)
    total = (np.pi / 6 * diameter[:, None] ** 3 * stress).sum(axis=0)
    virial = -np.einsum("ca,cb->ab", force, separation)
    virial = (virial + virial.T) / 2
    np.testing.assert_allclose(
        total,
        virial[(0, 1, 2, 0, 0, 1), (0, 1, 2, 1, 2, 2)],
        rtol=0,
        atol=ROUND_OFF * np.abs(virial).max() * len(pairs),
    )


def test_naming_the_grains_the_other_way_round_changes_nothing(cluster):
    _, diameter, pairs, separation, force = cluster
    swapped = pairs[:, ::-1], -separation, -force, diameter
    np.testing.assert_allclose(grain_stress(*swapped), grain_stress(pairs, separation, force, diameter), atol=1e-9)
    np.testing.assert_allclose(
        contact_energy(*swapped, MODULUS, POISSON),
        contact_energy(pairs, separation, force, diameter, MODULUS, POISSON),
        rtol=ROUND_OFF,
    )


def test_stress_turns_with_the_contacts(cluster, rng):
    _, diameter, pairs, separation, force = cluster
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]

    def tensors(components):
        matrix = np.empty((len(components), 3, 3))
        for column, (a, b) in enumerate(((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))):
            matrix[:, a, b] = matrix[:, b, a] = components[:, column]
        return matrix

    turned = tensors(grain_stress(pairs, separation @ turn.T, force @ turn.T, diameter))
    expected = turn @ tensors(grain_stress(pairs, separation, force, diameter)) @ turn.T
    np.testing.assert_allclose(turned, expected, atol=1e-10)


def test_energy_is_the_work_of_slow_loading():
    """∫ F_n dδ of Hertz and ∫ F_t dξ of Mindlin's spring, by quadrature."""
    diameter = np.array([0.9, 1.3])
    overlap, slide = 0.01, 0.002
    reduced_modulus = MODULUS / (2 * (1 - POISSON**2))
    reduced_radius = 0.45 * 0.65 / (0.45 + 0.65)
    shear_modulus = MODULUS / (2 * (1 + POISSON))
    stiffness = 8 * shear_modulus / (2 * (2 - POISSON)) * np.sqrt(reduced_radius * overlap)
    normal_work = quad(lambda d: 4 / 3 * reduced_modulus * np.sqrt(reduced_radius) * d**1.5, 0, overlap)[0]
    tangential_work = quad(lambda x: stiffness * x, 0, slide)[0]
    separation = np.array([[0.0, 1.1 - overlap, 0.0]])
    force = np.array([[stiffness * slide, -4 / 3 * reduced_modulus * np.sqrt(reduced_radius) * overlap**1.5, 0.0]])
    energy = contact_energy(np.array([[0, 1]]), separation, force, diameter, MODULUS, POISSON)
    assert energy[0] == pytest.approx(normal_work + tangential_work, rel=QUADRATURE)


def test_grains_share_energy_and_contacts_equally(cluster):
    _, diameter, pairs, separation, force = cluster
    energy = contact_energy(pairs, separation, force, diameter, MODULUS, POISSON)
    assert grain_energy(pairs, energy, 60).sum() == pytest.approx(energy.sum(), rel=ROUND_OFF)
    counts = count_contacts(pairs, 60)
    assert counts.sum() == 2 * len(pairs)
    np.testing.assert_array_equal(grain_energy(pairs, energy, 60)[counts == 0], 0)


def test_grains_that_do_not_overlap_store_nothing():
    pairs, force = np.array([[0, 1]]), np.ones((1, 3))
    assert contact_energy(pairs, np.array([[1.2, 0.0, 0.0]]), force, np.ones(2), MODULUS, POISSON)[0] == 0


def test_impossible_contacts_are_refused():
    with pytest.raises(MicroslipError, match="names grain 5 of 2"):
        grain_stress(np.array([[0, 5]]), np.ones((1, 3)), np.ones((1, 3)), np.ones(2))
    with pytest.raises(MicroslipError, match="at the same place"):
        grain_stress(np.array([[0, 1]]), np.zeros((1, 3)), np.ones((1, 3)), np.ones(2))
    with pytest.raises(MicroslipError, match=r"contact 1 (is one of grain 1|joins grain 1) with itself"):
        grain_stress(np.array([[0, 1], [1, 1]]), np.ones((2, 3)), np.ones((2, 3)), np.ones(2))


@pytest.mark.parametrize("second", [(0, 1), (1, 0)])
def test_two_contacts_of_one_pair_need_separations_of_their_own(second):
    """Through both sides of a thin cell they are two contacts; listed for each grain they would count twice."""
    side = np.array([[0.0, 0.95, 0.0]])
    turn = 1 if second == (0, 1) else -1
    pairs, force = np.array([(0, 1), second]), np.array([[0.0, -0.3, 0.0], [0.0, turn * 0.3, 0.0]])
    stress = grain_stress(pairs, np.concatenate([side, -turn * side]), force, np.ones(2))
    # arms end in the middle of the overlap
    np.testing.assert_allclose(stress[:, 1], 2 * 0.3 * 0.475 / (np.pi / 6), rtol=ROUND_OFF)
    for problem in (grain_stress, lambda *rest: contact_energy(*rest, MODULUS, POISSON)):
        with pytest.raises(MicroslipError, match="the contact of grains 0 and 1 is listed twice"):
            problem(pairs, np.concatenate([side, turn * side]), force, np.ones(2))


def test_stress_of_a_disc_is_over_its_area():
    """A force F at both poles, at a distance R − δ/2: σ = 2 F (R − δ/2) / (π R²)."""
    separation, force = np.array([[0.0, 0.0, 0.98], [0.0, 0.0, -0.98]]), np.array([[0.0, 0.0, -3.0], [0.0, 0.0, 3.0]])
    stress = grain_stress(np.array([[0, 1], [0, 2]]), separation, force, np.ones(3), planar=True)
    assert stress[0, 2] == pytest.approx(2 * 3.0 * (0.5 - 0.01) / (np.pi / 4), rel=ROUND_OFF)
    np.testing.assert_array_equal(stress[0, [0, 1, 3, 4, 5]], 0)


ONE = {"pairs": [[0, 1]], "separation": [[0.9, 0.0, 0.0]], "force": [[-1.0, 0.0, 0.0]], "diameter": [1.0, 1.0]}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"pairs": [[0, -5]]}, "pairs: a contact names grain -5 of 2"),
        ({"pairs": [[1, 1]]}, "pairs: contact 0 joins grain 1 with itself"),
        ({"pairs": [[0, 0.5]]}, r"the value of contact 0 is \[0 0.5\] in pairs: give whole numbers"),
        ({"pairs": [[True, False]]}, "pairs = .* holds marks"),
        ({"force": [[1.0, 0, 0], [1.0, 0, 0]]}, "force has 2 values for 1 contacts of pairs"),
        ({"separation": [[np.nan, 0, 0]]}, r"the vector of contact 0 is \[nan 0 0\] in separation"),
        ({"diameter": [1.0, 0.0]}, "the diameter is 0 at grain 1"),
    ],
)
def test_contacts_that_cannot_be_are_refused_by_name(change, sentence):
    with pytest.raises(MicroslipError, match=sentence):
        grain_stress(**{**ONE, **change})
    with pytest.raises(MicroslipError, match=sentence):
        contact_energy(**{**ONE, **change}, youngs_modulus=MODULUS, poisson_ratio=POISSON)


def test_one_force_is_not_that_of_all_contacts():
    pairs = np.array([[0, 1], [1, 2], [2, 3]])
    with pytest.raises(MicroslipError, match="force has 1 values for 3 contacts of pairs"):
        grain_stress(pairs, np.ones((3, 3)), np.ones((1, 3)), np.ones(4))


@pytest.mark.parametrize(("modulus", "ratio"), [(-1.0, 0.2), (0.0, 0.2), (np.nan, 0.2), (1.0, 1.0), (1.0, -1.0)])
def test_no_material_has_such_constants(modulus, ratio):
    with pytest.raises(MicroslipError, match=r"youngs_modulus|poisson_ratio"):
        contact_energy(**ONE, youngs_modulus=modulus, poisson_ratio=ratio)
