"""Checks of the stress: which one is cut into stages, its noise, and whether walls and volume tell the same."""

from __future__ import annotations

from functools import partial

import numpy as np

from microslip.data.stage_stress import VOLUME, WALLS, walls_and_volume
from microslip.dem.steady import steady_sample_of
from microslip.events.noise import LEAST_OVER_NOISE
from microslip.statistics.walls import momentum_balance, wall_agreement
from microslip.views.report.check import Answer, Check, judge, share
from microslip.views.report.checks_cell import NO_WALLS
from microslip.views.report.parts import Parts
from microslip.views.settings import threshold
from microslip.views.wording import show

# Of the stages of one size: the two walls change in one direction.
LEAST_SAME_SIGN = 0.9
# Of both factors of the balance of momentum, which are one by Newton's law.
LARGEST_FAULT = 0.1


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
    bottom, top, volume = walls_and_volume(series)
    if "stress_bottom" in series and not np.isfinite(bottom + top).any() and not parts.imported:
        return Answer("passed", NO_WALLS)
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
    balance = momentum_balance(*(series[name][first:] for name in ("walls", "stress_volume", "momentum_rate")))
    if balance is None:
        return None
    value = (
        f"s of the walls = {balance.ratio:.3f} s of the volume − {balance.share:.3f} rate; from sample to sample they"
        f" differ by {show(balance.difference, 2)} p, and {show(balance.residual, 2)} p remain"
    )
    if balance.residual >= balance.difference:
        return Answer("open", value)
    return Answer(judge(max(abs(balance.share - 1), abs(balance.ratio - 1)) <= LARGEST_FAULT), value)


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
        f"both factors are one, within {show(LARGEST_FAULT)}",
        "What the walls carry beyond the stress of the volume accelerates grains. That the first factor is not"
        " quite one says where the walls' forces act.",
        "Look at stress, stress_volume and momentum_rate in the series: one of them is wrong.",
    ),
)
