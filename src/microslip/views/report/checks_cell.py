"""Checks of the cell and its loading: slow, stiff, finely resolved, in balance, steady, whole."""

from __future__ import annotations

from functools import partial

import numpy as np

from microslip.data.attributes import cell_edges
from microslip.dem.sections import STABLE_FRACTION
from microslip.dem.steady import steady_sample_of
from microslip.statistics.steadiness import BLOCKS, SIGNIFICANT_T, Drift, drift, half_means, relative_difference
from microslip.statistics.wholeness import missing_share, n_beyond_walls
from microslip.views.report.check import Answer, Check, below, judge, share
from microslip.views.report.parts import Parts
from microslip.views.settings import setting
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
# Between the two halves of the steady state, and of a change that is more than chance; shares of the mean.
STRESS_DRIFTS, STRESS_CHANGES = 0.1, 0.05
SOLID_FRACTION_DRIFTS = SOLID_FRACTION_CHANGES = 0.01
# Grains of other programs may come and go: a scanner finds 98 of a hundred.
MISSING_FROM_IMPORTED = 0.05

NO_WALLS = "there are no walls: the cell repeats on all sides"


def _size(parts: Parts) -> Answer | None:
    if not parts.attributes.get("box"):
        return None
    shortest = min(cell_edges(parts.attributes))
    remedy = "Give d̄ in the files' lengths (source.length), and import again." if parts.imported else ""
    return Answer(judge(shortest >= SMALLEST_CELL), f"shortest edge {show(shortest)} d̄", remedy)


def _inertial_number(parts: Parts) -> Answer:
    number = parts.attributes.get("inertial_number")
    verdict = judge(below(number, LARGEST_INERTIAL_NUMBER))
    value = f"I = {show(number)}" if number is not None else "I is not known"
    if number is None:
        return Answer(verdict, value, "Set source.density, source.shear_rate and source.pressure, and import again.")
    small = small_stages(parts)
    if small is None:
        if parts.stages is not None:
            return Answer(verdict, f"{value}; stages have no size of their own")
        verdict = "open" if verdict == "passed" else verdict
        remedy = f"microslip stages {parts.folder}" if verdict == "open" else ""
        return Answer(verdict, f"{value}; no stage with a size yet", remedy)
    median, share_small = small
    limit, remedy = show(SMALLEST_CONVERGED), ""
    if verdict == "passed" and median < SMALLEST_CONVERGED:
        verdict = "open"
        remedy = (
            f"Read counts and sizes below {limit} p as those of a vibrating packing, or raise stages.threshold to "
            f"{limit}."
            if number >= VIBRATING
            else f"No rate has been shown to be slow enough for stages below {limit} p: quote counts and sizes above "
            "it, or shear at another rate and compare."
        )
    sizes = f"median |Δs| {show(median)} p, {share(share_small)} of the stages below {limit} p"
    return Answer(verdict, f"{value}; {sizes}", remedy)


def small_stages(parts: Parts) -> tuple[float, float] | None:
    """Median |Δs| [p], and the share of stages below the sizes that converge; None where sizes in p are not known."""
    if parts.stages is None or parts.stress_unit != "p":
        return None
    sizes = parts.stages["fluctuation"].abs().dropna()
    if sizes.empty:
        return None
    return float(sizes.median()), float((sizes < SMALLEST_CONVERGED).mean())


def _stiffness(parts: Parts) -> Answer:
    number = parts.attributes.get("stiffness_number")
    if number is None:
        remedy = "Set source.youngs_modulus, source.poisson_ratio and source.pressure, where the grains have them."
        return Answer("open", "κ is not known", remedy)
    return Answer(judge(number >= SMALLEST_STIFFNESS), f"κ = {show(number)}")


def _timestep(parts: Parts) -> Answer | None:
    if parts.imported:
        return None
    fraction = parts.attributes.get("timestep_over_rayleigh_time")
    return Answer(judge(below(fraction, STABLE_FRACTION)), f"Δt / T_R = {show(fraction)}")


def _strain_reached(parts: Parts) -> Answer | None:
    wanted, step = setting(parts.config, "loading.strain"), setting(parts.config, "recording.strain_step")
    if parts.imported or wanted is None or parts.series is None:
        return None
    reached = float(parts.series["strain"][-1])
    verdict = judge(reached >= wanted - 2 * (step or 0.0) - 1e-9)
    command = f"microslip simulate {parts.folder}"
    return Answer(verdict, f"γ = {show(reached)}", command, limit=f"γ = {show(wanted)} was asked for")


def _steady(parts: Parts, name: str) -> np.ndarray:
    """Finite samples of a quantity after the warm-up; none where it is not known."""
    if parts.series is None or name not in parts.series:
        return np.empty(0)
    after = parts.series[name][steady_sample_of(parts.config, parts.series["strain"], parts.imported) :]
    finite: np.ndarray = after[np.isfinite(after)]
    return finite


def _normal_stress(parts: Parts) -> Answer | None:
    halves = half_means(_steady(parts, "normal_stress"))
    if halves is None and not parts.imported and "normal_stress" not in (parts.series or {}):
        return None
    remedy = "Look at normal_stress in the series: the servo has not held its load."
    if parts.imported:
        remedy = "Give the mean normal stress as source.pressure, and import again: nothing else changes."
    elif parts.volume_is_held:
        remedy = (
            "The volume was held, not the pressure: divide stresses by this one to compare them with another run's."
        )
    if parts.stress_unit != "p":
        return Answer("open", f"no pressure is known, stresses are in {parts.stress_unit}", remedy)
    if halves is None:
        return Answer("open", "not in the files" if parts.imported else "not recorded", remedy)
    mean = float(np.mean(halves))
    return Answer(judge(abs(mean - 1) <= NORMAL_STRESS_OFF), f"{show(mean, 5)} p", remedy)


def _walls_agree(parts: Parts) -> Answer | None:
    if parts.without_walls:
        return Answer("passed", NO_WALLS, why="Momentum that leaves the cell at one face enters it at the other.")
    halves = half_means(_steady(parts, "stress_bottom")), half_means(_steady(parts, "stress_top"))
    if halves[0] is None or halves[1] is None:
        return None
    bottom, top = float(np.mean(halves[0])), float(np.mean(halves[1]))
    value = f"{show(bottom)} p below, {show(top)} p above"
    return Answer(judge(relative_difference(bottom, top) <= WALLS_DIFFER), value)


def _steadiness(parts: Parts, name: str, apart: float, change: float, digits: int) -> Answer | None:
    """Two halves of the steady state, and the drift of its blocks, against shares of the mean."""
    samples = _steady(parts, name)
    halves, drifts = half_means(samples), drift(samples)
    if halves is None:
        return None
    first, second = (show(half, digits) for half in halves)
    value = f"⟨s⟩ = {first}, then {second} {parts.stress_unit}" if name == "stress" else f"{first}, then {second}"
    value += f"; {_in_words(drifts)}" if drifts is not None else "; too few samples for blocks"
    if relative_difference(*halves) > apart or (drifts is not None and drifts.largest > change):
        return Answer("failed", value)
    return Answer("open" if drifts is None or drifts.largest > 0 else "passed", value)


def _in_words(drifts: Drift) -> str:
    trend, first = (f"{100 * value:+.1f} %".replace("-", "−") for value in (drifts.trend, drifts.first))
    return (
        f"trend over {BLOCKS} blocks {trend} (t = {show(drifts.trend_t, 2)}), first block {first} from the rest"
        f" (t = {show(drifts.first_t, 2)})"
    )


def _limit_of_steadiness(apart: float, change: float) -> str:
    return (
        f"halves apart by at most {share(apart)}; no trend and no first block beyond chance "
        f"(|t| ≤ {show(SIGNIFICANT_T)}), failed where one exceeds {share(change)} of the mean"
    )


def _missing(parts: Parts) -> Answer | None:
    if parts.last_frame is None:
        return None
    missing, n_unknown = missing_share(parts.last_frame), 0
    if parts.series is not None and not parts.imported:
        names = [name for name in ("strain", "stress") if name in parts.series]
        n_unknown = sum(int((~np.isfinite(parts.series[name])).sum()) for name in names)
    allowed = MISSING_FROM_IMPORTED if parts.imported else 0.0
    value = f"{share(missing)} missing in the last frame"
    value += f", {n_unknown} samples of the stress are NaN" if n_unknown else ""
    limit = f"at most {share(allowed)}" if allowed else ""
    return Answer(judge(missing <= allowed and n_unknown == 0), value, limit=limit)


def _leaks(parts: Parts) -> Answer | None:
    if parts.without_walls:
        return Answer("passed", NO_WALLS, why="A grain that leaves the cell enters it on the other side.")
    if parts.last_frame is None or parts.kind is None:
        return None
    n_outside = n_beyond_walls(parts.last_frame, parts.kind)
    if n_outside is None:
        return None
    value = f"{show(n_outside)} bulk grains beyond them in the last frame" if n_outside else "no bulk grain beyond them"
    return Answer(judge(n_outside == 0), value)


_of_the_cell = partial(Check, "Cell and loading")

CELL = (
    _of_the_cell(
        "Size of the cell",
        ("attributes",),
        _size,
        f"at least {show(SMALLEST_CELL)} d̄",
        "Neighbours within two diameters must not meet themselves. A cell of a few grains, or of less than one, tells "
        "that d̄ is another.",
        "Raise cell.length, cell.depth or cell.height.",
    ),
    _of_the_cell(
        "Quasi-static shear",
        ("attributes",),
        _inertial_number,
        f"I ≤ {show(LARGEST_INERTIAL_NUMBER)}, and median |Δs| at least {show(SMALLEST_CONVERGED)} p",
        "The first says that the mean stress does not depend on the rate, and no more than that. Numbers and sizes of "
        f"stages were seen to converge above {show(SMALLEST_CONVERGED)} p alone; smaller ones change with the rate "
        "(docs/results/rates).",
        "Shear more slowly (loading.shear_rate), or say that the flow is inertial.",
    ),
    _of_the_cell(
        "Stiffness of the grains",
        ("attributes",),
        _stiffness,
        f"κ ≥ {show(SMALLEST_STIFFNESS)}",
        "Contacts overlap by about d̄/κ. Softer grains merge their contacts; the rigid limit begins near 10⁴, and the "
        "paper's grains have 364 at 10 MPa.",
        "Lower loading.pressure or raise grains.youngs_modulus.",
    ),
    _of_the_cell(
        "Time step",
        ("attributes",),
        _timestep,
        f"Δt / T_R ≤ {show(STABLE_FRACTION)}",
        "Beyond it a packing without friction gains energy from the integration itself.",
        "Lower loading.rayleigh_fraction.",
    ),
    _of_the_cell(
        "Strain reached",
        ("series",),
        _strain_reached,
        why="A run that stopped early has fewer stages than its settings say.",
    ),
    _of_the_cell(
        "Normal stress",
        ("series",),
        _normal_stress,
        f"1 p within {share(NORMAL_STRESS_OFF)}",
        "Every stress is given in p. Where the mean normal stress is another one, so is the scale of all fluctuations.",
    ),
    _of_the_cell(
        "Balance of the walls",
        ("attributes",),
        _walls_agree,
        f"apart by at most {share(WALLS_DIFFER)}",
        "In slow shear both walls carry the same mean shear stress. A difference is momentum that does not arrive.",
        "Shear more slowly, or longer.",
    ),
    _of_the_cell(
        "Steady stress",
        ("series",),
        partial(_steadiness, name="stress", apart=STRESS_DRIFTS, change=STRESS_CHANGES, digits=3),
        _limit_of_steadiness(STRESS_DRIFTS, STRESS_CHANGES),
        "Stages of a packing that still evolves are not samples of one state.",
        "Raise the warm-up by at least a block, or shear longer.",
    ),
    _of_the_cell(
        "Steady solid fraction",
        ("series",),
        partial(
            _steadiness, name="solid_fraction", apart=SOLID_FRACTION_DRIFTS, change=SOLID_FRACTION_CHANGES, digits=4
        ),
        _limit_of_steadiness(SOLID_FRACTION_DRIFTS, SOLID_FRACTION_CHANGES),
        "A packing that still dilates has not reached its critical state, and its stresses drift with it.",
        "Raise loading.warm_up, or shear longer.",
    ),
    _of_the_cell(
        "Missing grains",
        ("last_frame",),
        _missing,
        "none",
        "A grain without a position has no motion, and its neighbours have one neighbour less.",
        "Look for frames that were cut off, or grains that left the cell; import or simulate again.",
    ),
    _of_the_cell(
        "Leaks through the walls",
        ("attributes",),
        _leaks,
        "none",
        "A grain that has left carries no stress, and the cell is no longer the one that was prepared.",
        "Lower cell.wall_spacing or loading.rayleigh_fraction, and simulate again.",
    ),
)
