"""Precision floor of D²min from rounded positions: below it a stage is noise."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Float64

from microslip.core import arguments
from microslip.core.box import Box
from microslip.core.errors import MicroslipError
from microslip.core.neighbours import check_positions
from microslip.fields import nonaffine

# A stage is flagged when its median D²min is below this many floors: rounding is then a tenth of it or more.
MARGIN = 10.0

# Coordinates whose digits are looked at.
LOOKED_AT = 3000


def position_resolution(positions: Float[np.ndarray, "grain 3"]) -> float:
    """The step in which coordinates are known [d̄]: that of the digits, of single or of double precision.

    The root mean square of the steps of single coordinates: numbers printed with a fixed number of significant digits
    are known the less well the larger they are. Positions that were scaled after reading look like full double
    precision; a reader that scales must state the resolution itself.

    Raises
    ------
    MicroslipError
        No coordinate is finite.
    """
    coordinates = positions[np.isfinite(positions) & (positions != 0)]
    if not len(coordinates):
        raise MicroslipError("no coordinate is finite and not zero: there are no positions to speak of")
    some = np.abs(coordinates[:: max(1, len(coordinates) // LOOKED_AT)])
    single = some.astype(np.float32)
    exact = single if (single == some).all() else some
    decimals = np.array([_decimals(value) for value in exact])
    step = np.spacing(exact).astype(float)
    # zeros at the end are not printed: among numbers of one size the longest shows how many decimals were kept
    size = np.floor(np.log10(some))
    for decade in np.unique(size):
        alike = size == decade
        step[alike] = np.maximum(step[alike], 10.0 ** -decimals[alike].max())
    return float(np.sqrt(np.mean(step**2)))


def _decimals(value: np.floating) -> int:
    """Decimal places of the shortest text that gives the number back."""
    text = np.format_float_positional(value, unique=True, trim="-")
    return len(text.partition(".")[2])


def precision_floor(
    positions: Float64[np.ndarray, "grain 3"],
    box: Box,
    resolution: float,
    cutoff: float = 2.0,
    of: Bool[np.ndarray, "grain"] | None = None,
    seed: int = 103570,
) -> float:
    """Mean D²min of two frames of grains that do not move, each rounded to `resolution` [d̄²].

    Parameters
    ----------
    positions
        A frame, shape (grain, 3) [d̄].
    resolution
        Step of the coordinates [d̄].
    box, cutoff, of
        As in `d2min`.
    seed
        Of the rounding errors, drawn uniformly from half a step up and down.

    Raises
    ------
    MicroslipError
        As in `d2min`; a resolution that is negative or no number.
    """
    positions = check_positions("positions", positions, box)
    resolution = arguments.real("resolution", resolution, "0 or more: give the coordinates' step", low=0.0, unit=" d̄")
    seed = arguments.whole("seed", seed, 0)
    if of is not None:
        of = arguments.marks("of", of, (("grain", len(positions), "positions"),))
    if resolution == 0:
        return 0.0
    rng = np.random.default_rng(seed)
    # errors of unit step, scaled afterwards: those of double precision would drown in the positions themselves
    errors = rng.uniform(-0.5, 0.5, (2, *positions.shape))
    if box.planar:
        errors[..., 1] = 0.0
    scale = 1e-3
    motion = nonaffine.d2min(positions, positions + scale * (errors[1] - errors[0]), box, cutoff, of)
    floor = np.nanmean(motion.d2min) if np.isfinite(motion.d2min).any() else np.nan
    return float(floor) * (resolution / scale) ** 2


def below_floor(d2min: Float64[np.ndarray, "stage grain"], floor: float) -> Bool[np.ndarray, "stage"]:
    """Whether the median D²min of each stage [d̄²] is less than `MARGIN` floors; not where no grain has a value."""
    medians = [np.median(row[np.isfinite(row)]) if np.isfinite(row).any() else np.inf for row in d2min]
    return np.array(medians) < MARGIN * floor
