"""Settings of the statistics."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from microslip.core.settings import MOST_NEIGHBOUR_DISTANCE, Settings

# Bins of a distance, beyond which a table of them is longer than any eye follows.
MOST_BINS = 100_000

# Settings of older versions, which drew blocks of stages, with what their configurations hold where nobody chose it.
_OF_DRAWS = {"n_samples": 400, "n_blocks": 40, "seed": 1}


class Correlation(Settings):
    """C(r) of D²min, its Ornstein–Zernike fit, and g(r)."""

    farthest: float = Field(
        7.0, gt=1, le=1e4, description="largest distance [d̄], cut at half the smallest periodic length"
    )
    bin_width: float = Field(0.25, ge=1e-3, le=1, description="[d̄]")
    fit_from: float = Field(1.0, ge=0, le=1e4, description="distance from which the fit counts [d̄]: contact")
    exponent: float = Field(
        0.5,
        ge=0,
        le=2,
        description="of the prefactor r^−exponent; 0.5 is the paper's in space, Ornstein–Zernike's own in a plane",
    )
    n_bins: int = Field(
        5, ge=1, le=50, description="logarithmic bins of the fluctuation's size, for stick and slip each"
    )
    pair_bin_width: float = Field(0.02, ge=1e-4, le=0.5, description="bins of g(r) [d̄]")
    pair_frames: int = Field(20, ge=1, le=10_000, description="frames that g(r) is averaged over, evenly spaced")

    @model_validator(mode="after")
    def _bins_can_be_counted(self) -> Self:
        for key, width in (("bin_width", self.bin_width), ("pair_bin_width", self.pair_bin_width)):
            if (n := self.farthest / width) > MOST_BINS:
                raise ValueError(
                    f"correlation.farthest = {self.farthest:g} in bins of correlation.{key} = {width:g} are {n:.2g}"
                    f" bins, {MOST_BINS} are the most: raise the second or lower the first"
                )
        return self


class ActiveClusters(Settings):
    """Active grains and their clusters."""

    fraction: float = Field(0.1, ge=1e-6, le=0.5, description="share of grains with the largest D²min that are active")
    link: Literal["contact", "distance"] = Field(
        "contact", description="active grains are linked when they touch, or when they lie within link_distance"
    )
    link_distance: float = Field(1.5, ge=0.1, le=MOST_NEIGHBOUR_DISTANCE, description="[d̄], for link = distance")
    smallest: int = Field(
        3, ge=2, le=1000, description="clusters of fewer grains are left out of η, D and the efficiency"
    )
    moran_distance: float = Field(
        1.5,
        ge=0.1,
        le=MOST_NEIGHBOUR_DISTANCE,
        description="neighbours of Moran's I lie this near [d̄]: about the first minimum of g(r)",
    )
    n_neighbours: int = Field(3, ge=1, le=50, description="links of each cluster in the graph of the efficiency")
    seed: int = Field(1, ge=0, lt=2**63, description="of the draws of grains that the clusters are held against")


class Bootstrap(Settings):
    """Confidence intervals over stages: blocks of strain, each left out in turn."""

    block_strain: Annotated[float, Field(gt=0, le=1e3)] | Literal["measured"] = Field(
        "measured",
        description="strain of a block, within which stages may depend on each other; measured: two memories of the "
        "stress or the statistics, whichever is longer",
    )
    confidence: float = Field(0.95, gt=0.5, lt=1, description="of the intervals, and 1 − that of the verdicts' tests")

    @model_validator(mode="before")
    @classmethod
    def _read_older(cls, content: Any) -> Any:
        if not isinstance(content, dict):
            return content
        for name, default in _OF_DRAWS.items():
            if content.get(name, default) != default:
                raise ValueError(
                    f"bootstrap.{name} = {content[name]} is of older versions, which drew blocks of stages: leave it"
                    " out; blocks are of strain now (bootstrap.block_strain), and each is left out once"
                )
        return {name: value for name, value in content.items() if name not in _OF_DRAWS}


class Distributions(Settings):
    """Probability densities of ΔE and φ_local."""

    energy_range: float = Field(
        12.0, gt=3, le=1e6, description="ΔE is sorted into bins up to this many of its mean sizes"
    )
    energy_bins: int = Field(96, ge=10, le=10_000, description="bins from −energy_range to energy_range")
    packing_low: float = Field(0.4, ge=0, lt=1, description="lower end of the bins of φ_local")
    packing_high: float = Field(0.9, gt=0, le=1, description="upper end")
    packing_bins: int = Field(100, ge=10, le=10_000)

    @model_validator(mode="after")
    def _rises(self) -> Self:
        if self.packing_low >= self.packing_high:
            raise ValueError(
                f"distributions.packing_low = {self.packing_low:g} is not below packing_high = {self.packing_high:g}"
            )
        return self
