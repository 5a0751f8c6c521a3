"""What steers the statistics."""

from __future__ import annotations

from pydantic import Field

from microslip.core.settings import Settings


class Correlation(Settings):
    """C(r) of D²min and its Ornstein–Zernike fit."""

    farthest: float = Field(7.0, gt=1, description="largest distance [d̄], cut at half the smallest periodic length")
    bin_width: float = Field(0.25, gt=0, le=1, description="[d̄]")
    fit_from: float = Field(1.0, ge=0, description="distance from which the fit counts [d̄]: contact")
    exponent: float = Field(0.5, ge=0, le=2, description="of the prefactor r^−exponent; the paper's is 0.5")
    n_bins: int = Field(
        5, ge=1, le=50, description="logarithmic bins of the fluctuation's size, for stick and slip each"
    )
