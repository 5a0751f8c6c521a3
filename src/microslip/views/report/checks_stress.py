"""Checks of the stress: which one is cut into stages, its noise, and whether walls and volume tell the same."""

from __future__ import annotations

from functools import partial

import numpy as np

from microslip.data.stage_stress import VOLUME, WALLS
from microslip.dem.steady import steady_sample_of
from microslip.events.noise import LEAST_OVER_NOISE
from microslip.statistics.walls import momentum_balance, wall_agreement
from microslip.views.report.check import Answer, Check, judge, share
from microslip.views.report.parts import Parts
from microslip.views.settings import setting, threshold
from microslip.views.wording import show

# Of the stages of one size: the two walls change in one direction.
LEAST_SAME_SIGN = 0.9
# The momentum rate takes away at least half of what lies between walls and volume, or that is small beside s.
LARGEST_RESIDUAL, SMALL_RESIDUAL = 0.5, 1e-3
# Speed of shear waves [m/s], measured: docs/physics.md.
WAVE_SPEED = 390.0
# Samples of a mean where single ones do not resolve the waves.
BLOCK = 32


def _noise(parts: Parts) -> Answer | None:
    record = parts.steps.get("stages", {})
    limit, imbalance, vibrations = threshold(parts.config), record.get("imbalance"), record.get("volume_noise")
    by_walls = parts.measure is WALLS
    noise = imbalance if by_walls else vibrations
    if limit is None or noise is None or parts.measure not in (VOLUME, WALLS):
        return None
    value = f"threshold {show(limit)} p in the {parts.measure.title}"
    if vibrations is not None:
        value += f"; the volume's noise {show(vibrations, 2)} p"
    if imbalance is not None:
        value += f"; the walls' imbalance {show(imbalance, 2)} p"
    return Answer(judge(limit >= LEAST_OVER_NOISE * noise), value)


def _signs(parts: Parts) -> Answer | None:
    series, stages = parts.series, parts.stages
    if series is None or stages is None or not {"start_sample", "fluctuation"} <= {*stages.columns}:
        return None
    unknown = np.full(len(series["strain"]), np.nan)
    bottom, top, volume = (series.get(name, unknown) for name in ("stress_bottom", "stress_top", "stress_volume"))
    if not np.isfinite(bottom + top).any() or (stages["end_sample"] >= len(bottom)).any():
        return None
    table = wall_agreement(stages, bottom, top, volume)
    if table.empty:
        return None
    rows = [
        f"{share(row.same_sign)} of {row.n_stages} from {show(row.low)} p"
        + (f" (r = {row.correlation:.2f})" if np.isfinite(row.correlation) else "")
        for row in table.itertuples()
    ]
    return Answer(judge(bool((table["same_sign"] >= LEAST_SAME_SIGN).all())), "; ".join(rows))


def _momentum(parts: Parts) -> Answer | None:
    series = parts.series
    if series is None or not {"walls", "stress_volume", "momentum_rate"} <= series.keys():
        return None
    first = steady_sample_of(parts.config, series["strain"], parts.imported)
    walls, volume, rate = (series[name][first:] for name in ("walls", "stress_volume", "momentum_rate"))
    resolved = _resolves_waves(parts)
    balance = momentum_balance(walls, volume, rate, 1 if resolved else BLOCK)
    if balance is None:
        return None
    value = (
        f"s of the walls = {balance.ratio:.4f} s of the volume + rate; they differ by {show(balance.difference, 2)} p,"
        f" {show(balance.residual, 2)} p remain less the rate (standard deviations of {balance.n}"
        f" {'samples' if balance.block == 1 else f'means over {balance.block} samples'})"
    )
    small = SMALL_RESIDUAL * abs(float(np.nanmean(volume)))
    holds = balance.residual <= max(LARGEST_RESIDUAL * balance.difference, small)
    return Answer("passed" if holds else "failed" if resolved else "open", value)


def _resolves_waves(parts: Parts) -> bool:
    """Whether a sample is shorter than a third of the period of the slowest shear wave, 2H/c."""
    step, rate = setting(parts.config, "recording.strain_step"), setting(parts.config, "loading.shear_rate")
    diameter, box = setting(parts.config, "grains.mean_diameter"), parts.attributes.get("box")
    if not (step and rate and diameter and box):
        return False
    return bool(step / rate < 2 * box[2] * diameter / WAVE_SPEED / 3)


_of_the_cell = partial(Check, "Cell and loading")

STRESS = (
    _of_the_cell(
        "Threshold over the noise",
        ("stages",),
        _noise,
        f"at least {show(LEAST_OVER_NOISE)} times the noise of the stress that is cut into stages",
        "Turning points of smaller swings are those of shear waves between the walls, or of vibrations.",
        "Raise stages.threshold, shear more slowly, or take stages.stress=volume.",
    ),
    _of_the_cell(
        "Walls agree on the stages",
        ("stages", "series"),
        _signs,
        f"both change in one direction in at least {share(LEAST_SAME_SIGN)} of the stages of every size",
        "A stage in which the walls disagree is a wave between them, or too fast for both to follow. r: correlation of"
        " the volume's change with theirs.",
        "Raise stages.threshold to the smallest size that agrees, or shear more slowly.",
    ),
    _of_the_cell(
        "Balance of momentum",
        ("series",),
        _momentum,
        f"the rate leaves at most {share(LARGEST_RESIDUAL)} of the difference, or {share(SMALL_RESIDUAL)} of s",
        "What the walls carry beyond the stress of the volume accelerates grains. A ratio beside one says where the"
        " walls' forces act.",
        "Look at stress, stress_volume and momentum_rate in the series: one of them is wrong.",
    ),
)
