"""What a list of contacts says of its grains: Love–Weber stress, stored energy, number of contacts, which slide.

A contact is a pair of grains with the vector between their centres and the force that one exerts on the other; where it
comes from (our own shear cell or another program's file) does not matter here.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Int64

from microslip.core import arguments
from microslip.core.errors import MicroslipError
from microslip.core.volume import grain_volume

# Order of the six components of a symmetric tensor, everywhere.
COMPONENTS = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))

# A tangential force of this share of μ F_n is at the limit: an engine that cuts it there leaves it rounded.
SLIDING = 1 - 1e-6


def grain_stress(
    pairs: Int64[np.ndarray, "contact 2"],
    separation: Float[np.ndarray, "contact 3"],
    force: Float[np.ndarray, "contact 3"],
    diameter: Float[np.ndarray, "grain"],
    planar: bool = False,
) -> Float[np.ndarray, "grain 6"]:
    """Love–Weber stress of every grain, compression positive.

    σᵢ = −(1/Vᵢ) Σ_c ½ (f_c ⊗ l_c + l_c ⊗ f_c), with f_c the force on grain i and l_c from its centre to the contact
    point, the middle of the overlap: l_c = ±(Rᵢ − δ_c/2) n_c. The antisymmetric part, which vanishes in equilibrium, is
    left out.

    Parameters
    ----------
    pairs
        The two grains of each contact, as indices into `diameter`.
    separation
        From the centre of the first grain to that of the second, nearest images [d̄].
    force
        On the first grain, from the second [p d̄²].
    diameter
        Of every grain [d̄].
    planar
        Whether the grains are discs in the x–z plane: the stress is over their area then, a force over a length, and
        forces are in p d̄.

    Returns
    -------
    Components xx, yy, zz, xy, xz, yz [p]; 0 for a grain without contact. Any consistent units do: the stress is in
    units of force over length².

    Raises
    ------
    MicroslipError
        A contact names a grain that does not exist, or one grain twice, or is listed twice; two centres coincide;
        arrays of other contacts, numbers that are not finite, or a diameter that is not positive.

    Source: Love (1927); Mei et al. (2023), eq. 10.
    """
    pairs, separation, force, diameter = _checked(pairs, separation, force, diameter)
    radius = diameter / 2
    distance = np.linalg.norm(separation, axis=1)
    overlap = radius[pairs].sum(axis=1) - distance
    moment = np.zeros((len(diameter), len(COMPONENTS)))
    for side in (0, 1):
        grain = pairs[:, side]
        # the second grain feels −force across −separation: the products are those of the first
        arm = separation * ((radius[grain] - overlap / 2) / distance)[:, None]
        for column, (a, b) in enumerate(COMPONENTS):
            product = 0.5 * (force[:, a] * arm[:, b] + force[:, b] * arm[:, a])
            moment[:, column] -= np.bincount(grain, product, len(diameter))
    return np.asarray(moment / grain_volume(diameter, planar)[:, None])


def contact_energy(
    pairs: Int64[np.ndarray, "contact 2"],
    separation: Float[np.ndarray, "contact 3"],
    force: Float[np.ndarray, "contact 3"],
    diameter: Float[np.ndarray, "grain"],
    youngs_modulus: float,
    poisson_ratio: float,
) -> Float[np.ndarray, "contact"]:
    """Elastic energy stored in each Hertz–Mindlin contact of equal materials.

    E_n = (8/15) E* √R* δ^(5/2) and E_t = f_t² / (2 k_t), k_t = 4 (1 − ν) E* a / (2 − ν), with E* = E / (2 (1 − ν²)),
    R* = R₁R₂/(R₁ + R₂) and a = √(R* δ). These are the work done on a slowly loaded contact; the paper's eqs 11
    and 12 as printed give half of the first and 1 − ν² times the second.

    Parameters
    ----------
    pairs, separation, force, diameter
        As in `grain_stress`; the tangential force is the part of `force` across `separation`.
    youngs_modulus
        E, in the unit of stress of the other arguments [p].
    poisson_ratio
        ν, above −1 and at most 1/2.

    Returns
    -------
    Energy [p d̄³]; 0 where the grains do not overlap.

    Raises
    ------
    MicroslipError
        As in `grain_stress`; a modulus that is not positive, a ratio that no solid has.

    Source: Johnson, Contact Mechanics (1985), eqs 4.23 and 7.43; Mei et al. (2023), eqs 11 and 12.
    """
    pairs, separation, force, diameter = _checked(pairs, separation, force, diameter)
    youngs_modulus = arguments.real("youngs_modulus", youngs_modulus, "positive", low=1 / arguments.LARGEST)
    poisson_ratio = arguments.real("poisson_ratio", poisson_ratio, "between -1 and 0.5", above=-1, high=0.5)
    radii = diameter[pairs] / 2
    distance = np.linalg.norm(separation, axis=1)
    overlap = np.maximum(radii.sum(axis=1) - distance, 0.0)
    reduced_radius = radii.prod(axis=1) / radii.sum(axis=1)
    reduced_modulus = youngs_modulus / (2 * (1 - poisson_ratio**2))
    normal = separation / distance[:, None]
    tangential = force - (force * normal).sum(axis=1)[:, None] * normal
    stiffness = 4 * (1 - poisson_ratio) / (2 - poisson_ratio) * reduced_modulus * np.sqrt(reduced_radius * overlap)
    stored = (8 / 15) * reduced_modulus * np.sqrt(reduced_radius) * overlap**2.5
    touching = overlap > 0
    stored[touching] += (tangential[touching] ** 2).sum(axis=1) / (2 * stiffness[touching])
    return np.asarray(stored)


def sliding_contacts(
    separation: Float[np.ndarray, "contact 3"], force: Float[np.ndarray, "contact 3"], friction: float
) -> Bool[np.ndarray, "contact"]:
    """Which contacts are at Coulomb's limit, |F_t| ≥ μ |F_n| but for rounding.

    Parameters
    ----------
    separation
        From the centre of the first grain to that of the second.
    force
        On the first grain; in any unit.
    friction
        μ.
    """
    normal = separation / np.linalg.norm(separation, axis=1)[:, None]
    pressing = (force * normal).sum(axis=1)
    tangential = np.linalg.norm(force - pressing[:, None] * normal, axis=1)
    return np.asarray(tangential >= SLIDING * friction * np.abs(pressing))


def grain_energy(
    pairs: Int64[np.ndarray, "contact 2"], energy: Float[np.ndarray, "contact"], n_grains: int
) -> Float[np.ndarray, "grain"]:
    """Half the energy of every contact that a grain takes part in [p d̄³]. Source: Mei et al. (2023), eq. 13."""
    return np.bincount(pairs.ravel(), np.repeat(energy / 2, 2), n_grains)


def count_contacts(pairs: Int64[np.ndarray, "contact 2"], n_grains: int) -> Int64[np.ndarray, "grain"]:
    """Number of contacts of every grain."""
    return np.bincount(pairs.ravel(), minlength=n_grains)


def _checked(
    pairs: np.ndarray, separation: np.ndarray, force: np.ndarray, diameter: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    diameter = arguments.reals("diameter", diameter, ("grain",), positive=True)
    last = len(diameter) - 1
    pairs = arguments.wholes("pairs", pairs, ("contact", 2), -arguments.MOST)
    contacts = ("contact", len(pairs), "pairs")
    separation = arguments.reals("separation", separation, (contacts, 3), noun="the vector")
    force = arguments.reals("force", force, (contacts, 3), noun="the force")
    if len(pairs) and not (pairs.min() >= 0 and pairs.max() <= last):
        bad = int(pairs.max() if pairs.max() > last else pairs.min())
        raise MicroslipError(
            f"pairs: a contact names grain {bad} of {len(diameter)}: pairs are indices from 0 into diameter"
        )
    if (alone := pairs[:, 0] == pairs[:, 1]).any():
        bad = int(np.argmax(alone))
        raise MicroslipError(
            f"pairs: contact {bad} joins grain {pairs[bad, 0]} with itself, at the same place: leave it out"
        )
    if not (separation**2).sum(axis=1).all():
        raise MicroslipError(
            "separation: a contact joins two grains at the same place: give nearest-image centre distances"
        )
    _check_once(pairs, separation)
    return pairs, separation, force, diameter


def _check_once(pairs: np.ndarray, separation: np.ndarray) -> None:
    """Two grains may touch twice in a thin cell, but not twice in one place."""
    key = pairs.min(axis=1) * (int(pairs.max(initial=0)) + 1) + pairs.max(axis=1)
    order = np.argsort(key, kind="stable")
    starts = np.flatnonzero(np.diff(key[order], prepend=-1))
    if len(starts) == len(pairs):
        return
    for several in np.split(order, starts[1:]):
        apart = np.where(pairs[several] == pairs[several[0], 0], 1, -1)[:, :1] * separation[several]
        for row, vector in enumerate(apart):
            if np.isclose(apart[:row], vector, atol=1e-9).all(axis=1).any():
                first, second = pairs[several[0]]
                raise MicroslipError(
                    f"the contact of grains {first} and {second} is listed twice, with one separation: list it once,"
                    " not once for each of them"
                )
