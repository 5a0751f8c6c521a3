"""The stress over strain of an imported run, in units of its pressure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import zarr

from microslip.core.errors import MicroslipError
from microslip.core.messages import Caution
from microslip.core.volume import grain_volume
from microslip.data.store import array
from microslip.formats.assembly.assembled import Assembled
from microslip.formats.assembly.strain import strain_of_samples
from microslip.formats.series.stress import StressTable
from microslip.formats.source import Source


def pressure_of(source: Source, table: StressTable | None, say: Callable[[str], None]) -> float | None:
    """p in the files' stresses; None where nothing sets their scale."""
    is_known = table is not None and np.isfinite(table.normal).any()
    normal = float(np.nanmean(table.normal)) if table is not None and is_known else np.nan
    spread = float(np.nanstd(table.normal)) if table is not None and is_known else np.nan
    if source.pressure == "none":
        say("stresses are in the files' own unit: source.pressure = none")
        return None
    if source.pressure is not None:
        if is_known and not 0.5 < abs(normal) / source.pressure < 2:
            say(
                Caution(
                    f"the mean normal stress is {normal:.4g}, and p = {source.pressure:.4g} is given: check the unit"
                )
            )
        return source.pressure
    if is_known and spread > abs(normal):
        say(f"the normal stress, {normal:.3g} ± {spread:.3g}, sets no scale")
        normal = 0.0
    if np.isfinite(normal) and normal != 0:
        say(f"p = {abs(normal):.6g} in the file's stresses, the mean normal stress; else give --pressure")
        return abs(normal)
    say("no p is known: stresses are in the file's own unit; else give --pressure")
    return None


@dataclass(frozen=True)
class StressCurve:
    """The series in our units, and the sample of each frame; `volume` is the stress of the contacts in the frames."""

    strain: np.ndarray
    stress: np.ndarray
    normal: np.ndarray
    volume: np.ndarray
    frame_sample: np.ndarray


def curve_of(
    store: zarr.Group,
    made: Assembled,
    table: StressTable | None,
    frame_strain: np.ndarray,
    pressure: float,
    say: Callable[[str], None],
) -> StressCurve:
    """The series: of the table, or without one of the contacts in the frames [p].

    Raises
    ------
    MicroslipError
        Table and frames have no steps in common.
    """
    shear, normal = _stress_from_contacts(store, made)
    if table is None:
        return StressCurve(frame_strain, shear, normal, shear, np.arange(len(frame_strain)))
    strain = strain_of_samples(table, np.array(made.step, dtype=float), frame_strain)
    within = np.isfinite(strain)
    if within.sum() < 2:
        raise MicroslipError(
            f"the series goes from step {table.step[0]:.0f} to {table.step[-1]:.0f}, the frames from {made.step[0]} to"
            f" {made.step[-1]}: they have no steps in common; check source.step_column"
        )
    beyond = int(((frame_strain < strain[within][0]) | (frame_strain > strain[within][-1])).sum())
    if beyond:
        say(Caution(f"{beyond} frames lie beyond the series, in steps or strain, and take its nearest sample"))
    strain = strain[within]
    middles = (strain[:-1] + strain[1:]) / 2
    nearest = np.searchsorted(middles, frame_strain)
    # at the nearest sample of each frame, with its own sign: tables name the direction of the shear as they like
    volume = np.full(len(strain), np.nan)
    volume[nearest] = resisting(shear)
    return StressCurve(strain, table.shear[within] / pressure, table.normal[within] / pressure, volume, nearest)


def resisting(stress: np.ndarray) -> np.ndarray:
    """The stress with the sign that resists the shear: positive in the mean of its second half."""
    late = stress[len(stress) // 2 :]
    turned = bool(np.isfinite(late).any()) and bool(np.nanmean(late) < 0)
    return -stress if turned else stress


def _stress_from_contacts(store: zarr.Group, made: Assembled) -> tuple[np.ndarray, np.ndarray]:
    """Shear and normal stress of the whole cell in every frame [p]: Σ V σ of the bulk grains over their cell."""
    n = len(made.step)
    shear, normal = np.full(n, np.nan), np.full(n, np.nan)
    if "frames/grain_stress" not in store:
        return shear, normal
    diameter = np.asarray(array(store, "grains/diameter")[:])
    volume = grain_volume(diameter, made.layout.planar) * (np.asarray(array(store, "grains/kind")[:]) == 0)
    box_volume = np.prod(np.array(made.lengths)[:, :2], axis=1) * np.array(made.height)
    stress = array(store, "frames/grain_stress")
    for frame in range(n):
        one = np.asarray(stress[frame], dtype=float)
        if np.isfinite(one).any():
            total = np.nansum(volume[:, None] * one, axis=0) / box_volume[frame]
            shear[frame], normal[frame] = total[4], total[2]
    return shear, normal
