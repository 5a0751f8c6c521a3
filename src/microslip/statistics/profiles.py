"""Profiles over the height of velocity, solid fraction, non-affine motion and activity, and whether the flow bands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int64

from microslip.core.box import Box
from microslip.statistics.clusters import active_grains
from microslip.statistics.steadiness import BLOCKS

# The criterion of a homogeneous flow: over a window of strain, the departure of u/U from 1 − z/H, and the share of the
# active grains in each quarter of the height.
WINDOW = 0.3
LARGEST_DEPARTURE = 0.1
LEAST_SHARE, LARGEST_SHARE = 0.15, 0.35
# Over less strain than this, even a homogeneous flow departs: slips are few.
SHORTEST_WINDOW = 0.1
# The criterion of a steady one: change of the solid fraction over a strain.
LARGEST_DRIFT, DRIFT_STRAIN = 1e-3, 0.1

LAYERS, QUARTERS = 10, 4

Decision = Literal["yes", "no", "not decided"]


@dataclass(frozen=True)
class Moment:
    """Grains in one frame: `position` (grain, 3) [d̄], NaN of one that is not there, the cell, and its height H [d̄]."""

    position: Float[np.ndarray, "grain 3"]
    box: Box
    height: float

    @property
    def level(self) -> Float[np.ndarray, "grain"]:
        """z/H of every grain: 0 at the inner face of the bottom wall, 1 at that of the top one."""
        if not self.box.periodic[2]:
            return np.asarray(self.position[:, 2] / self.height)
        return np.asarray(np.mod(self.position[:, 2] / self.height, 1.0))


@dataclass(frozen=True)
class Motion:
    """Non-affine motion of a stage: z/H at its start and D²min [d̄²], both (grain,); NaN of a grain without a value."""

    level: Float[np.ndarray, "grain"]
    d2min: Float[np.ndarray, "grain"]


class FlowProfile(NamedTuple):
    """u/U and solid fraction of each layer, shape (layer,), NaN where unknown, and the number of frames behind them."""

    velocity: Float[np.ndarray, "layer"]
    solid_fraction: Float[np.ndarray, "layer"]
    n_frames: int


class MotionProfile(NamedTuple):
    """Non-affine motion by height; NaN where nothing moves.

    `log_d2min` (layer): mean over the stages of the median of log₁₀ D²min. `active` (layer) and `quarters` (quarter):
    share of all active grains there. `quarter_error`: largest standard error of a quarter's share, from the scatter
    between the stages.
    """

    log_d2min: Float[np.ndarray, "layer"]
    active: Float[np.ndarray, "layer"]
    quarters: Float[np.ndarray, "quarter"]
    quarter_error: float
    n_stages: int


@dataclass(frozen=True)
class Flow:
    """Profiles of the windows of strain, a row a layer; the numbers of each window, a row a window; and the verdicts.

    The columns are those of `statistics/profiles.csv`, `statistics/profile_windows.csv` and `statistics/profiles.json`.
    """

    layers: pd.DataFrame
    windows: pd.DataFrame
    numbers: dict[str, Any]


def strain_windows(first: float, last: float, length: float = WINDOW) -> list[tuple[float, float]]:
    """Windows of one length, spread evenly from the first strain to the last, and so many that they leave no gap.

    They overlap where the whole is no multiple of the length; a whole that is shorter is the only window.
    """
    whole = last - first
    n = max(1, int(np.ceil(whole / length - 1e-6)))
    if n == 1:
        return [(first, min(last, first + length))]
    return [(float(start), float(start + length)) for start in np.linspace(first, last - length, n)]


def sliced_volumes(
    height: Float[np.ndarray, "grain"],
    diameter: Float[np.ndarray, "grain"],
    edges: Float[np.ndarray, "edge"],
    planar: bool = False,
) -> Float[np.ndarray, "layer"]:
    """Volume of all spheres between each edge and the next; of discs their area.

    .. math:: V(t) = \\pi \\left( r^2 t - t^3 / 3 \\right), \\quad A(t) = t \\sqrt{r^2 - t^2} + r^2 \\arcsin(t / r)

    for the part of a sphere or a disc between its centre and a plane at the distance t, at most r. The slices are
    exact: those of layers that hold all grains sum to the volume of the grains.

    Parameters
    ----------
    height, diameter
        z of the centres and diameters [d̄], shape (grain,).
    edges
        Rising heights of the planes [d̄].
    planar
        Whether the grains are discs.

    Returns
    -------
    ndarray
        (layer,) [d̄³], of discs [d̄²]; one layer fewer than edges.
    """
    radius = diameter / 2
    below = np.empty(len(edges))
    # edge by edge: grains times edges would be the largest array of the step
    for number, edge in enumerate(edges):
        t = np.clip(edge - height, -radius, radius)
        if planar:
            part = t * np.sqrt(np.maximum(radius**2 - t**2, 0.0)) + radius**2 * np.arcsin(t / radius)
        else:
            part = np.pi * (radius**2 * t - t**3 / 3)
        below[number] = part.sum()
    return np.diff(below)


def layer_fractions(
    moment: Moment, diameter: Float[np.ndarray, "grain"], bulk: Bool[np.ndarray, "grain"], n_layers: int = LAYERS
) -> Float[np.ndarray, "layer"]:
    """Solid fraction of each layer: volume of the bulk grains in it, spheres sliced by its planes, over its own.

    Shape (layer,), equal layers from z = 0 to H. In a cell that repeats in z a grain that reaches beyond an end counts
    at the other one.
    """
    here = bulk & np.isfinite(moment.position).all(axis=1)
    z, size = moment.level[here] * moment.height, diameter[here]
    edges = np.linspace(0, moment.height, n_layers + 1)
    copies = (-moment.height, 0.0, moment.height) if moment.box.periodic[2] else (0.0,)
    volume = sum(sliced_volumes(z + shift, size, edges, moment.box.planar) for shift in copies)
    lx, ly, _ = moment.box.lengths
    return np.asarray(volume / (lx * ly * moment.height / n_layers))


def layer_of(level: Float[np.ndarray, "grain"], n_layers: int = LAYERS) -> Int64[np.ndarray, "grain"]:
    """The layer of each grain by its z/H, from 0; centres beyond an end count for the last layer there."""
    return np.clip((level * n_layers).astype(np.int64), 0, n_layers - 1)


def motion_beside_the_top(
    before: Moment, after: Moment, kind: Int64[np.ndarray, "grain"]
) -> tuple[Float[np.ndarray, "grain"], float] | None:
    """Motion along x of every grain less that of the top wall, and that of the bottom wall, U, both [d̄].

    In homogeneous shear the first is U (1 − z/H). A cell without walls moves by its tilt: U is minus the change of the
    tilt, γ̇ H times the time, and the bulk has no motion beside the mean shear on average, since no wall tells how fast
    it moves as a whole.
    None where neither walls nor a tilt tell how the cell is sheared, and of grains at rest.
    """
    moved = after.position[:, 0] - before.position[:, 0]
    bulk, bottom, top = (np.isfinite(moved) & (kind == which) for which in (0, 1, 2))
    if not bulk.any():
        return None
    if bottom.any() and top.any():
        beside = moved - moved[top].mean()
        speed = float(beside[bottom].mean())
    elif before.box.periodic[2]:
        shear = before.box.gradient_to(after.box)[0, 2]
        speed = float(-shear * before.height)
        # as of the copies that lie in the cell: a copy above moves by the tilt more
        beside = moved - shear * before.position[:, 2]
        beside = beside - beside[bulk].mean() + speed * (1 - before.level)
    else:
        return None
    return (beside, speed) if speed else None


def flow_profile(
    moments: Iterable[Moment],
    diameter: Float[np.ndarray, "grain"],
    kind: Int64[np.ndarray, "grain"],
    n_layers: int = LAYERS,
) -> FlowProfile:
    """Mean velocity and solid fraction of each layer of a cell, over successive frames.

    .. math:: u / U = \\sum_k \\langle \\Delta x_i \\rangle_{k} / \\sum_k \\Delta X_k

    over the steps k from frame to frame: Δx is the motion of a grain along x beside that of the top wall, averaged over
    the bulk grains whose centres lie in the layer at the start of the step, and ΔX that of the bottom wall. Steps must
    be short, so that grains hardly leave their layer within one.

    Parameters
    ----------
    moments
        The frames, in order; each is looked at once and with the next one alone.
    diameter, kind
        Of every grain [d̄]; 0 bulk, 1 bottom wall, 2 top wall.
    n_layers
        Equal layers of the height.
    """
    bulk = kind == 0
    travel, whole = np.zeros(n_layers), np.zeros(n_layers)
    fractions, n_frames = np.zeros(n_layers), 0

    def counted() -> Iterator[Moment]:
        nonlocal fractions, n_frames
        for moment in moments:
            fractions += layer_fractions(moment, diameter, bulk, n_layers)
            n_frames += 1
            yield moment

    for before, after in pairwise(counted()):
        motion = motion_beside_the_top(before, after, kind)
        if motion is None:
            continue
        beside, speed = motion
        here = bulk & np.isfinite(beside)
        layer = layer_of(before.level[here], n_layers)
        n = np.bincount(layer, minlength=n_layers)
        total = np.bincount(layer, beside[here], minlength=n_layers)
        travel += np.divide(total, n, out=np.zeros(n_layers), where=n > 0)
        # a layer without grains says nothing of this step
        whole += np.where(n > 0, speed, 0.0)
    velocity = np.divide(travel, whole, out=np.full(n_layers, np.nan), where=whole != 0)
    return FlowProfile(velocity, fractions / (n_frames or np.nan), n_frames)


def motion_profile(motions: Iterable[Motion], fraction: float = 0.1, n_layers: int = LAYERS) -> MotionProfile:
    """Non-affine motion and share of the active grains by height, over stages that count the same.

    Parameters
    ----------
    motions
        Stages, each looked at once; those in which no grain moves more than another are left out.
    fraction
        Share of the grains with the largest D²min of a stage that are active.
    n_layers
        Equal layers of the height.
    """
    medians, n_known, active = np.zeros(n_layers), np.zeros(n_layers), np.zeros(n_layers)
    shares: list[np.ndarray] = []
    for motion in motions:
        measured = np.isfinite(motion.d2min) & np.isfinite(motion.level)
        level, values = motion.level[measured], motion.d2min[measured]
        if not len(values) or values.max() <= values.min():
            continue
        layer = layer_of(level, n_layers)
        with np.errstate(divide="ignore"):
            logarithm = np.log10(values)
        for number in range(n_layers):
            of_layer = logarithm[(layer == number) & np.isfinite(logarithm)]
            if len(of_layer):
                medians[number] += np.median(of_layer)
                n_known[number] += 1
        chosen = active_grains(values, fraction)
        active += np.bincount(layer[chosen], minlength=n_layers) / chosen.sum()
        shares.append(np.bincount(layer_of(level[chosen], QUARTERS), minlength=QUARTERS) / chosen.sum())
    log_d2min = np.divide(medians, n_known, out=np.full(n_layers, np.nan), where=n_known > 0)
    n = len(shares)
    if not n:
        return MotionProfile(log_d2min, np.full(n_layers, np.nan), np.full(QUARTERS, np.nan), np.nan, 0)
    error = float(np.std(shares, axis=0, ddof=1).max() / np.sqrt(n)) if n > 1 else np.nan
    return MotionProfile(log_d2min, active / n, np.mean(shares, axis=0), error, n)


def solid_fraction_drift(
    strain: Float[np.ndarray, "sample"], solid_fraction: Float[np.ndarray, "sample"]
) -> tuple[float, float]:
    """Change of the solid fraction over 0.1 of strain, from a straight line through the steady state, and its error.

    The line goes through the means of seven equal blocks, which are independent where they outlive the memory of the
    packing; the error is that of the slope by their scatter about it. NaN of fewer than two samples a block.

    Source: Draper & Smith, Applied Regression Analysis (Wiley, 1998), chapter 1.
    """
    finite = np.isfinite(strain) & np.isfinite(solid_fraction)
    if finite.sum() < 2 * BLOCKS:
        return np.nan, np.nan
    x, y = (
        np.array([block.mean() for block in np.array_split(values[finite], BLOCKS)])
        for values in (strain, solid_fraction)
    )
    away = x - x.mean()
    squares = float(away @ away)
    if squares == 0:
        return np.nan, np.nan
    slope = float(away @ y) / squares
    residual = y - y.mean() - slope * away
    error = np.sqrt(residual @ residual / (BLOCKS - 2) / squares)
    return slope * DRIFT_STRAIN, float(error) * DRIFT_STRAIN


def window_rows(
    window: int, strains: tuple[float, float], flow: FlowProfile, motion: MotionProfile
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The rows of a window in the table of layers, and its row in that of windows, from both profiles of it."""
    edges = np.linspace(0, 1, len(flow.velocity) + 1)
    departure = flow.velocity - (1 - (edges[:-1] + edges[1:]) / 2)
    same = {"window": window, "start_strain": strains[0], "end_strain": strains[1]}
    columns = {"low": edges[:-1], "high": edges[1:], "velocity": flow.velocity, "departure": departure}
    columns |= {"solid_fraction": flow.solid_fraction, "log_d2min": motion.log_d2min, "active": motion.active}
    known = np.abs(departure[np.isfinite(departure)])
    row = {
        **same,
        "departure": float(known.max()) if len(known) else np.nan,
        **{f"quarter_{number}": float(share) for number, share in enumerate(motion.quarters, start=1)},
        "quarter_error": motion.quarter_error,
        "n_frames": flow.n_frames,
        "n_stages": motion.n_stages,
    }
    return pd.DataFrame({**same, **columns}), row


def _uneven(quarters: Float[np.ndarray, "*window quarter"]) -> Any:
    """Whether a share of the active grains lies beyond its limits, to the hundredth that is shown."""
    shares = np.round(quarters, 2)
    return ((shares < LEAST_SHARE) | (shares > LARGEST_SHARE)).any(axis=-1)


def judge(windows: pd.DataFrame, drift: tuple[float, float]) -> dict[str, Any]:
    """The numbers of the criterion and its two verdicts, from the rows of all windows and the drift with its error.

    `homogeneous`: the velocity of every window keeps to its limit, and so do the shares of the quarters over all
    windows, to a hundredth. Shares of one window decide nothing: without walls, where no height is preferred, some
    leave the limits while the velocity stays linear, for the activity of a few large slips wanders. Not decided where
    something is not known, or where what does not keep to a limit is shorter than 0.1 of strain. `steady`: the drift
    with its error on top stays below its limit; not decided where it may lie on either side.
    """
    quarters = windows[[f"quarter_{number}" for number in range(1, QUARTERS + 1)]].to_numpy(dtype=float)
    departure = windows["departure"].to_numpy(dtype=float)
    # without the rounding of the difference of two strains
    length = round(float((windows["end_strain"] - windows["start_strain"]).min()), 12) if len(windows) else np.nan
    # to the hundredth that is shown: more digits than the fluctuation of a window leaves
    far = np.round(departure, 2) > LARGEST_DEPARTURE
    beyond = far | _uneven(quarters)
    mean = quarters.mean(axis=0) if len(quarters) else np.full(QUARTERS, np.nan)
    known = np.isfinite(departure) & np.isfinite(quarters).all(axis=1)
    homogeneous: Decision = "yes" if len(windows) and known.all() else "not decided"
    if far.any() or _uneven(mean):
        homogeneous = "no" if length >= SHORTEST_WINDOW else "not decided"
    change, error = abs(drift[0]), drift[1]
    steady: Decision = "not decided"
    if change + error <= LARGEST_DRIFT:
        steady = "yes"
    elif change - error > LARGEST_DRIFT:
        steady = "no"

    def extreme(values: np.ndarray, least: bool = False) -> float:
        finite = values[np.isfinite(values)]
        return float(finite.min() if least else finite.max()) if len(finite) else np.nan

    return {
        "window": length,
        "n_windows": len(windows),
        "n_beyond": int(beyond.sum()),
        "departure": extreme(departure),
        "least_quarter": extreme(quarters, least=True),
        "most_quarter": extreme(quarters),
        "least_mean_quarter": extreme(mean, least=True),
        "most_mean_quarter": extreme(mean),
        "quarter_error": extreme(windows["quarter_error"].to_numpy(dtype=float)),
        "drift": drift[0],
        "drift_error": error,
        "homogeneous": homogeneous,
        "steady": steady,
    }
