"""A Gaussian field whose correlation length is known."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float64
from scipy.ndimage import map_coordinates

from microslip.core.box import Box
from microslip.core.errors import MicroslipError


def correlated_field(
    positions: Float[np.ndarray, "grain 3"], box: Box, xi: float, *, seed: int, exponent: float = 0.5
) -> Float64[np.ndarray, "grain"]:
    """A Gaussian field at the grains, of mean 0 and variance near 1, whose C(r) is what `fit_ornstein_zernike` fits.

    .. math:: C(r) \\propto r^{-m} e^{-r/\\xi}, \\qquad
        S(k) \\propto \\frac{\\sin((2 - m) \\arctan k \\xi)}{k \\, (1 + k^2 \\xi^2)^{1 - m/2}}

    White noise on a grid is filtered by the root of the spectrum S(k), which is the transform of C(r) in three
    dimensions. The grid is as fine as ξ/8 and 0.25 d̄ or finer; C(r) holds from two of its spacings on. Along an axis
    that does not repeat the grid is twice as long as the box, so that its ends know nothing of each other.

    Parameters
    ----------
    positions
        Centres, shape (grain, 3) [d̄].
    xi
        Correlation length ξ [d̄].
    exponent
        m of the prefactor, at least 0 and below 2; 1/2 in Mei et al. 2023, eq. 6, and 1 in Ornstein and Zernike's own.

    Raises
    ------
    MicroslipError
        A length that is not positive, an exponent out of range.
    """
    if not (xi > 0 and 0 <= exponent < 2):
        raise MicroslipError(f"xi = {xi:g}, exponent = {exponent:g}: ξ is positive, and m at least 0 and below 2")
    rng = np.random.default_rng(seed)
    around = np.array(box.lengths) * np.where(box.periodic, 1, 2)
    counts = np.ceil(around / min(0.25, xi / 8)).astype(int)
    spacing = around / counts
    waves = [np.fft.fftfreq(counts[0], spacing[0]), np.fft.fftfreq(counts[1], spacing[1])]
    waves.append(np.fft.rfftfreq(counts[2], spacing[2]))
    k = 2 * np.pi * np.sqrt(sum(wave**2 for wave in np.meshgrid(*waves, indexing="ij", sparse=True)))
    k[0, 0, 0] = 1.0
    spectrum = np.sin((2 - exponent) * np.arctan(k * xi)) / (k * (1 + (k * xi) ** 2) ** (1 - exponent / 2))
    # the mean is not seen by the correlation of fluctuations
    spectrum[0, 0, 0] = 0.0
    grid = np.fft.irfftn(np.fft.rfftn(rng.normal(size=counts)) * np.sqrt(spectrum), s=counts.tolist(), axes=(0, 1, 2))
    return np.asarray(map_coordinates(grid / grid.std(), (positions / spacing).T, order=1, mode="grid-wrap"))
