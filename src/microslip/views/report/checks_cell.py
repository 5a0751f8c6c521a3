"""Checks of the cell and its loading: slow, stiff, finely resolved, in balance, steady, whole."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from microslip.data.edges import cell_edges
from microslip.dem.config import STABLE_FRACTION
from microslip.views.captions import setting
from microslip.views.compose import steady_from
from microslip.views.report.checks import Check, Verdict, below, judge, share
from microslip.views.report.parts import Parts
from microslip.views.wording import show

# Quasi-static flow: GDR MiDi, Eur. Phys. J. E 14 (2004) 341.
LARGEST_INERTIAL_NUMBER = 1e-3
# Counts of stages above this converge with the rate, those of smaller ones do not: docs/results/rates [p].
SMALLEST_CONVERGED = 3e-3
# From this rate on, smaller ones are those of a vibrating packing: docs/results/rates.
VIBRATING = 1e-4
# Twice the neighbourhood of D²min [d̄].
SMALLEST_CELL = 4.0
# Grains overlap by some d̄/κ: a hundredth of a diameter.
SMALLEST_STIFFNESS = 100.0
# Of p: the servo holds the mean much closer.
NORMAL_STRESS_OFF = 0.02
# Between the two walls, of the mean stress.
WALLS_DIFFER = 0.02
# Between the two halves of the steady state: of the mean stress, and of the solid fraction.
STRESS_DRIFTS = 0.1
# Blocks of the steady state, and beyond how many standard errors a trend over them or a first block apart from the rest
# is more than chance: t of 5 degrees of freedom, 2.5 % for each of the two.
BLOCKS = 7
SIGNIFICANT_T = 3.16
# A significant change of the mean stress that is smaller than this is said and left open.
STRESS_CHANGES = 0.05
SOLID_FRACTION_DRIFTS = 0.01

GROUP = "Cell and loading"


def check_cell(parts: Parts) -> list[Check]:
    """What the trajectory says of itself; nothing where there is none."""
    if not parts.attributes and parts.series is None:
        return []
    checks: list[Check | None] = [_size(parts), _inertial_number(parts), _stiffness(parts)]
    if not parts.imported:
        checks += [_timestep(parts), _strain_reached(parts)]
    checks += [_normal_stress(parts), _walls_agree(parts), _steady_stress(parts), _steady_solid_fraction(parts)]
    checks += [_finite(parts), _leaks(parts)]
    return [check for check in checks if check is not None]


def _size(parts: Parts) -> Check | None:
    if not parts.attributes.get("box"):
        return None
    shortest = min(cell_edges(parts.attributes))
    return Check(
        GROUP,
        "Size of the cell",
        judge(shortest >= SMALLEST_CELL),
        f"shortest edge {show(shortest)} d̄",
        f"at least {show(SMALLEST_CELL)} d̄",
        "Neighbours within two diameters must not meet themselves. A cell of a few grains, or of less than one, tells "
        "that d̄ is another.",
        "Give d̄ in the files' lengths (source.length), and import again."
        if parts.imported
        else "Raise cell.length, cell.depth or cell.height.",
    )


def _inertial_number(parts: Parts) -> Check:
    number = parts.attributes.get("inertial_number")
    verdict: Verdict = judge(below(number, LARGEST_INERTIAL_NUMBER))
    said = f"I = {show(number)}" if number is not None else "I is not known"
    remedy = "Shear more slowly (loading.shear_rate), or say that the flow is inertial."
    small = small_stages(parts)
    if number is None:
        remedy = "Set source.density, source.shear_rate and source.pressure, and import again."
    elif small is None:
        said += "; no stage with a size yet" if parts.stages is None else "; stages have no size of their own"
        if verdict == "passed" and parts.stages is None:
            verdict, remedy = "open", f"microslip stages {parts.folder}"
    else:
        median, share_small = small
        limit = show(SMALLEST_CONVERGED)
        said += f"; median |Δs| {show(median)} p, {share(share_small)} of the stages below {limit} p"
        if verdict == "passed" and median < SMALLEST_CONVERGED:
            verdict = "open"
            remedy = (
                f"Read counts and sizes below {limit} p as those of a vibrating packing, or raise stages.threshold to "
                f"{limit}."
                if number >= VIBRATING
                else f"No rate has been shown to be slow enough for stages below {limit} p: quote counts and sizes "
                "above it, or shear at another rate and compare."
            )
    return Check(
        GROUP,
        "Quasi-static shear",
        verdict,
        said,
        f"I ≤ {show(LARGEST_INERTIAL_NUMBER)}, and median |Δs| at least {show(SMALLEST_CONVERGED)} p",
        "The first says that the mean stress does not depend on the rate, and no more than that. Numbers and sizes of "
        f"stages were seen to converge above {show(SMALLEST_CONVERGED)} p alone; smaller ones change with the rate "
        "(docs/results/rates).",
        remedy,
    )


def small_stages(parts: Parts) -> tuple[float, float] | None:
    """Median |Δs| [p], and the share of stages below the sizes that converge; None where sizes in p are not known."""
    if parts.stages is None or parts.stress_unit != "p":
        return None
    sizes = parts.stages["fluctuation"].abs().dropna()
    if sizes.empty:
        return None
    return float(sizes.median()), float((sizes < SMALLEST_CONVERGED).mean())


def _stiffness(parts: Parts) -> Check:
    number = parts.attributes.get("stiffness_number")
    return Check(
        GROUP,
        "Stiffness of the grains",
        judge(None if number is None else number >= SMALLEST_STIFFNESS),
        f"κ = {show(number)}" if number is not None else "κ is not known",
        f"κ ≥ {show(SMALLEST_STIFFNESS)}",
        "Contacts overlap by about d̄/κ. Softer grains merge their contacts; the rigid limit begins near 10⁴, and the "
        "paper's grains have 364 at 10 MPa.",
        "Set source.youngs_modulus, source.poisson_ratio and source.pressure, where the grains have them."
        if number is None
        else "Lower loading.pressure or raise grains.youngs_modulus.",
    )


def _timestep(parts: Parts) -> Check:
    fraction = parts.attributes.get("timestep_over_rayleigh_time")
    return Check(
        GROUP,
        "Time step",
        judge(below(fraction, STABLE_FRACTION)),
        f"Δt / T_R = {show(fraction)}",
        f"Δt / T_R ≤ {show(STABLE_FRACTION)}",
        "Beyond it a packing without friction gains energy from the integration itself.",
        "Lower loading.rayleigh_fraction.",
    )


def _strain_reached(parts: Parts) -> Check | None:
    wanted, step = setting(parts.config, "loading.strain"), setting(parts.config, "recording.strain_step")
    if wanted is None or parts.series is None:
        return None
    reached = float(parts.series["strain"][-1])
    return Check(
        GROUP,
        "Strain reached",
        judge(reached >= wanted - 2 * (step or 0.0) - 1e-9),
        f"γ = {show(reached)}",
        f"γ = {show(wanted)} was asked for",
        "A run that stopped early has fewer stages than its settings say.",
        f"microslip simulate {parts.folder}",
    )


def _steady_samples(parts: Parts, name: str) -> np.ndarray | None:
    """Samples after the warm-up; None where the series is not known."""
    if parts.series is None or name not in parts.series:
        return None
    after: np.ndarray = parts.series[name][steady_from(parts.config, parts.series["strain"], parts.imported) :]
    after = after[np.isfinite(after)]
    return after if len(after) >= 2 else None


def _steady(parts: Parts, name: str) -> tuple[float, float] | None:
    """Means of the first and the second half of the steady state; None where the series is not known."""
    after = _steady_samples(parts, name)
    if after is None:
        return None
    middle = len(after) // 2
    return float(after[:middle].mean()), float(after[middle:].mean())


@dataclass(frozen=True)
class Drift:
    """Means of equal blocks of the steady state, and how they change over it, as shares of the mean, with t values."""

    blocks: np.ndarray
    trend: float
    trend_t: float
    first: float
    first_t: float

    @property
    def largest(self) -> float:
        """The larger of those changes that are more than chance; 0 where none is."""
        changes = ((self.trend, self.trend_t), (self.first, self.first_t))
        return max((abs(change) for change, t in changes if abs(t) > SIGNIFICANT_T), default=0.0)

    @property
    def said(self) -> str:
        """Both changes in words."""
        return (
            f"trend over {len(self.blocks)} blocks {_per_cent(self.trend)} (t = {show(self.trend_t, 2)}), first block "
            f"{_per_cent(self.first)} from the rest (t = {show(self.first_t, 2)})"
        )


def _per_cent(value: float) -> str:
    return f"{100 * value:+.1f} %".replace("-", "−")


def drift_of(values: np.ndarray) -> Drift | None:
    """A straight line through the block means, and the first block against the others; None of too few samples."""
    if len(values) < 2 * BLOCKS:
        return None
    blocks = np.array([block.mean() for block in np.array_split(values, BLOCKS)])
    mean, place = float(blocks.mean()), np.arange(BLOCKS) - (BLOCKS - 1) / 2
    squares = float(place @ place)
    slope = float(place @ blocks) / squares
    residual = blocks - mean - slope * place
    rest = blocks[1:]
    first = float(blocks[0] - rest.mean())
    # of a series that does not fluctuate at all, rounding is no drift
    smallest = 1e-9 * max(abs(mean), 1e-12)
    slope_error = max(float(np.sqrt(residual @ residual / (BLOCKS - 2) / squares)), smallest)
    first_error = max(float(rest.std(ddof=1) * np.sqrt(1 + 1 / len(rest))), smallest)
    scale = max(abs(mean), 1e-12)
    return Drift(blocks, slope * (BLOCKS - 1) / scale, slope / slope_error, first / scale, first / first_error)


def _steadiness(halves: tuple[float, float], largest: float, drift: Drift | None, change: float) -> Verdict:
    apart = abs(halves[1] - halves[0]) / max(abs(halves[0] + halves[1]) / 2, 1e-12)
    if apart > largest or (drift is not None and drift.largest > change):
        return "failed"
    return "open" if drift is None or drift.largest > 0 else "passed"


def _normal_stress(parts: Parts) -> Check | None:
    halves = _steady(parts, "normal_stress")
    if halves is None:
        said = "not in the files" if parts.imported else "not recorded"
        if parts.series is None or (not parts.imported and "normal_stress" not in parts.series):
            return None
    else:
        said = f"{show(float(np.mean(halves)), 5)} p"
    verdict: Verdict = judge(None if halves is None else abs(float(np.mean(halves)) - 1) <= NORMAL_STRESS_OFF)
    if parts.stress_unit != "p":
        verdict, said = "open", f"no pressure is known, stresses are in {parts.stress_unit}"
    return Check(
        GROUP,
        "Normal stress",
        verdict,
        said,
        f"1 p within {share(NORMAL_STRESS_OFF)}",
        "Every stress is given in p. Where the mean normal stress is another one, so is the scale of all fluctuations.",
        _remedy_of_normal_stress(parts),
    )


def _remedy_of_normal_stress(parts: Parts) -> str:
    if parts.imported:
        return "Give the mean normal stress as source.pressure, and import again: nothing else changes."
    if parts.volume_is_held:
        return "The volume was held, not the pressure: divide stresses by this one to compare them with another run's."
    return "Look at normal_stress in the series: the servo has not held its load."


def _walls_agree(parts: Parts) -> Check | None:
    name, limit = "Balance of the walls", f"apart by at most {share(WALLS_DIFFER)}"
    if parts.without_walls:
        return _no_walls(name, limit, "Momentum that leaves the cell at one face enters it at the other.")
    bottom, top = _steady(parts, "stress_bottom"), _steady(parts, "stress_top")
    if bottom is None or top is None:
        return None
    means = float(np.mean(bottom)), float(np.mean(top))
    apart = abs(means[0] - means[1]) / max(abs(sum(means)) / 2, 1e-12)
    return Check(
        GROUP,
        name,
        judge(apart <= WALLS_DIFFER),
        f"{show(means[0])} p below, {show(means[1])} p above",
        limit,
        "In slow shear both walls carry the same mean shear stress. A difference is momentum that does not arrive.",
        "Shear more slowly, or longer.",
    )


def _steady_stress(parts: Parts) -> Check | None:
    halves, samples = _steady(parts, "stress"), _steady_samples(parts, "stress")
    if halves is None or samples is None:
        return None
    drift = drift_of(samples)
    said = f"⟨s⟩ = {show(halves[0])}, then {show(halves[1])} {parts.stress_unit}"
    return Check(
        GROUP,
        "Steady stress",
        _steadiness(halves, STRESS_DRIFTS, drift, STRESS_CHANGES),
        f"{said}; {drift.said if drift else 'too few samples for blocks'}",
        f"halves apart by at most {share(STRESS_DRIFTS)}; no trend and no first block beyond chance "
        f"(|t| ≤ {show(SIGNIFICANT_T)}), failed where one exceeds {share(STRESS_CHANGES)} of the mean",
        "Stages of a packing that still evolves are not samples of one state.",
        "Raise the warm-up by at least a block, or shear longer.",
    )


def _steady_solid_fraction(parts: Parts) -> Check | None:
    halves, samples = _steady(parts, "solid_fraction"), _steady_samples(parts, "solid_fraction")
    if halves is None or samples is None:
        return None
    drift = drift_of(samples)
    return Check(
        GROUP,
        "Steady solid fraction",
        _steadiness(halves, SOLID_FRACTION_DRIFTS, drift, SOLID_FRACTION_DRIFTS),
        f"{show(halves[0], 4)}, then {show(halves[1], 4)}; {drift.said if drift else 'too few samples for blocks'}",
        f"halves apart by at most {share(SOLID_FRACTION_DRIFTS)}; no trend and no first block beyond chance "
        f"(|t| ≤ {show(SIGNIFICANT_T)}), failed where one exceeds {share(SOLID_FRACTION_DRIFTS)} of the mean",
        "A packing that still dilates has not reached its critical state, and its stresses drift with it.",
        "Raise loading.warm_up, or shear longer.",
    )


def _finite(parts: Parts) -> Check | None:
    if parts.last_frame is None:
        return None
    missing = float((~np.isfinite(parts.last_frame)).any(axis=-1).mean())
    unknown = 0
    if parts.series is not None and not parts.imported:
        names = [name for name in ("strain", "stress") if name in parts.series]
        unknown = sum(int((~np.isfinite(parts.series[name])).sum()) for name in names)
    # grains of other programs may come and go: a scanner finds 98 of a hundred
    allowed = 0.05 if parts.imported else 0.0
    said = f"{share(missing)} missing in the last frame"
    return Check(
        GROUP,
        "Missing grains",
        judge(missing <= allowed and unknown == 0),
        f"{said}, {unknown} samples of the stress are NaN" if unknown else said,
        f"at most {share(allowed)}" if allowed else "none",
        "A grain without a position has no motion, and its neighbours have one neighbour less.",
        "Look for frames that were cut off, or grains that left the cell; import or simulate again.",
    )


def _no_walls(name: str, limit: str, why: str) -> Check:
    return Check(GROUP, name, "passed", "there are no walls: the cell repeats on all sides", limit, why)


def _leaks(parts: Parts) -> Check | None:
    name, limit = "Leaks through the walls", "none"
    if parts.without_walls:
        return _no_walls(name, limit, "A grain that leaves the cell enters it on the other side.")
    if parts.last_frame is None or parts.kind is None or not ((parts.kind == 1).any() and (parts.kind == 2).any()):
        return None
    height = parts.last_frame[:, 2]
    low, high = np.nanmin(height[parts.kind == 1]), np.nanmax(height[parts.kind == 2])
    bulk = height[parts.kind == 0]
    outside = int(((bulk < low) | (bulk > high)).sum())
    return Check(
        GROUP,
        name,
        judge(outside == 0),
        f"{show(outside)} bulk grains beyond them in the last frame" if outside else "no bulk grain beyond them",
        limit,
        "A grain that has left carries no stress, and the cell is no longer the one that was prepared.",
        "Lower cell.wall_spacing or loading.rayleigh_fraction, and simulate again.",
    )
