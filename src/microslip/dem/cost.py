"""Time and memory of a shear cell; a cell that no machine could run is refused before anything is allocated."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from microslip.dem.config import ShearCell

# Grains, samples and grain-steps beyond which a run ends nowhere: the last take a thousand machines a year.
MOST_GRAINS = 10**9
MOST_SAMPLES = 10**8
MOST_GRAIN_STEPS = 1e19
# κ below which grains overlap by a third, and I above which they fly: no packing is left to measure.
LEAST_STIFFNESS, MOST_STIFFNESS = 3.0, 1e8
MOST_INERTIA = 10.0
# Memory of the native engine, its lists of pairs included [bytes a grain], from below; seen with 20,000 grains.
BYTES_PER_GRAIN = 1_500
BYTES_PER_SAMPLE = 40
GRAIN_STEPS_PER_SECOND = 3e7


def too_much(cell: ShearCell) -> str | None:
    """Why no machine can run this cell; None where one can. Counts in floats: nothing is allocated."""
    numbers, loading, sides = cell.reduced_numbers(), cell.loading, cell.cell
    if not LEAST_STIFFNESS <= (stiffness := numbers["stiffness_number"]) <= MOST_STIFFNESS:
        remedy = "lower loading.pressure" if stiffness < LEAST_STIFFNESS else "lower grains.youngs_modulus"
        return (
            f"grains.youngs_modulus = {cell.grains.youngs_modulus:g} Pa under loading.pressure ="
            f" {loading.pressure:g} Pa gives a stiffness number of {stiffness:.3g}, which must lie between"
            f" {LEAST_STIFFNESS:g} and {MOST_STIFFNESS:g}: {remedy}, or change the other one"
        )
    hurrying = loading.hurry_rate if loading.drive == "adaptive" else 0.0
    fastest = max(loading.shear_rate, loading.warm_up_rate or 0.0, hurrying)
    if (inertia := numbers["inertial_number"] * fastest / loading.shear_rate) > MOST_INERTIA:
        return (
            f"a shear rate of {fastest:g} /s gives an inertial number of {inertia:.3g}, and above {MOST_INERTIA:g} no"
            " packing is left: lower loading.shear_rate, warm_up_rate or hurry_rate"
        )
    if (n_grains := float(cell.n_grains)) > MOST_GRAINS:
        return (
            f"cell.length, depth, height = {sides.length:g}, {sides.depth:g}, {sides.height:g} d̄ hold {n_grains:.2g}"
            f" grains, which take some {_bytes(n_grains * BYTES_PER_GRAIN)} of memory; {MOST_GRAINS:.0e} are the most:"
            " use a smaller cell"
        )
    n_samples = loading.strain / cell.recording.strain_step
    if n_samples > MOST_SAMPLES:
        return (
            f"loading.strain = {loading.strain:g} in steps of recording.strain_step ="
            f" {cell.recording.strain_step:g} are {n_samples:.2g} samples, which take"
            f" {_bytes(n_samples * BYTES_PER_SAMPLE)} of memory; {MOST_SAMPLES:.0e} are the most: raise the second or"
            " lower the first"
        )
    grain_steps = n_grains * _steps(cell)
    if grain_steps > MOST_GRAIN_STEPS:
        years = grain_steps / GRAIN_STEPS_PER_SECOND / 3.15e7
        return (
            f"{grain_steps / n_grains:.2g} time steps of {n_grains:.2g} grains would take some {years:.1g} years of one"
            " machine: lower loading.strain, or raise loading.shear_rate, warm_up_rate, timestep or rayleigh_fraction"
        )
    return None


def shear_cost(cell: ShearCell) -> float:
    """Grains times time steps of the whole shear; an adaptive drive takes no more than these."""
    return float(cell.n_grains) * float(cell.schedule.steps.sum())


def share_of_steps(cell: ShearCell, sample: int) -> float:
    """Share of the time steps that lies before a sample, from 0 to 1; of an adaptive drive as if it were constant."""
    steps = cell.schedule.steps
    return float(steps[: max(sample, 0)].sum() / steps.sum())


def memory_of(n_grains: int, n_samples: int) -> float:
    """Memory that the native engine takes, from below [bytes]."""
    return float(n_grains) * BYTES_PER_GRAIN + float(n_samples) * BYTES_PER_SAMPLE


def installed_memory() -> float:
    """Memory of this machine [bytes]."""
    return float(os.sysconf("SC_PAGE_SIZE")) * os.sysconf("SC_PHYS_PAGES")


def _steps(cell: ShearCell) -> float:
    """Time steps of the whole shear, at least one between two samples; an adaptive drive takes no more than these."""
    loading, bound = cell.loading, cell.timestep_bound
    slow, fast = loading.shear_rate, loading.warm_up_rate
    if fast is None:
        return _steps_at(loading.strain, slow, bound, cell.recording.strain_step)
    # while it slows down the rate lies between both
    first = _steps_at(loading.warm_up, min(fast, slow), bound, cell.recording.strain_step)
    return first + _steps_at(loading.strain - loading.warm_up, slow, bound, cell.recording.strain_step)


def _steps_at(strain: float, rate: float, bound: float, strain_step: float) -> float:
    return max(strain / (rate * bound), strain / strain_step)


def _bytes(n: float) -> str:
    for unit, size in (("PB", 1e15), ("TB", 1e12)):
        if n >= size:
            return f"{n / size:.3g} {unit}"
    return f"{n / 1e9:.3g} GB"
