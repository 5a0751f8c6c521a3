r"""
C(r) and its length
===================

A random field with the correlation of Ornstein and Zernike in three dimensions, :math:`C(r)
\propto \exp(-r/\xi)/r` with ξ = 2.5, is given to grains at random places. The fit finds ξ when it
is told the exponent of the prefactor, and another length when it is not: quote ξ with its
exponent.
"""

import matplotlib.pyplot as plt
import numpy as np

import microslip
from microslip.views.style import GREEN, INK, VERMILLION, journal_style

rng = np.random.default_rng(2)
box = microslip.Box((40.0, 40.0, 40.0), periodic=(True, True, True))
xi = 2.5

# white noise, filtered to a spectrum of 1/(k² + 1/ξ²); a little blurred, since 1/r has no end
n = 96
k = 2 * np.pi * np.fft.fftfreq(n, box.lengths[0] / n)
k2 = sum(np.meshgrid(k**2, k**2, k**2, indexing="ij"))
spectrum = np.exp(-k2 * 0.3**2) / (k2 + xi**-2)
field = np.fft.ifftn(np.fft.fftn(rng.normal(size=(n, n, n))) * np.sqrt(spectrum)).real

positions = rng.random((30_000, 3)) * box.lengths
values = field[tuple((positions * n / box.lengths[0]).astype(int).T)]

found = microslip.spatial_correlation(positions, values, box, np.linspace(0, 10, 41))
fits = {
    m: microslip.fit_ornstein_zernike(found.r, found.correlation, exponent=m) for m in (1.0, 0.5)
}
for m, fit in fits.items():
    print(f"prefactor r^-{m:g}: ξ = {fit.xi:.2f} d̄, from {fit.xi_low:.2f} to {fit.xi_high:.2f}")

# %%
# The interval is that of the curve through these points. It does not know of the exponent, nor
# that another field would give other points.
with journal_style():
    figure, axes = plt.subplots(figsize=(4.2, 2.8), layout="constrained")
    axes.plot(found.r, found.correlation, "o", color=INK, markersize=3, label="30,000 grains")
    r = np.linspace(1, 10, 100)
    for (m, fit), colour in zip(fits.items(), (GREEN, VERMILLION), strict=True):
        axes.plot(
            r, fit(r), color=colour, label=rf"$r^{{-{m:g}}}\,\exp(-r/\xi)$, $\xi$ = {fit.xi:.2f}"
        )
    axes.set_yscale("log")
    axes.set_xlabel(r"distance $r$ [$\bar d$]")
    axes.set_ylabel("$C(r)$ [1]")
    axes.legend()
