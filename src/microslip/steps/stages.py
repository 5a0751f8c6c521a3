"""From the stress series to a table of stages, of simulated and of imported runs."""

from __future__ import annotations

import numpy as np
import pandas as pd

from microslip.config import Config
from microslip.core.errors import MicroslipError
from microslip.core.messages import Caution
from microslip.data.files import write_table
from microslip.data.run import Run
from microslip.data.stage_stress import MEASURES, VOLUME, WALLS, StressMeasure, stage_measure, walls_and_volume
from microslip.events.noise import LEAST_OVER_NOISE, series_noise, walls_imbalance
from microslip.events.stages import MOST_OF_ONE_SAMPLE, attach_frames, detect_stages, share_of_one_sample
from microslip.events.uniform import attach_nearest_frames, strain_windows, supported_threshold
from microslip.steps.common import Advance, Say


def stages_step(
    run: Run, config: Config, mark: str, advance: Advance, say: Say, force: bool = False
) -> dict[str, float | str]:
    """Find stick and slip stages; the record keeps the threshold [p], 0 for windows, whose stress it was, its noise.

    `force`: also where the threshold lies within the waves between the walls.
    """
    measure = stress_of_stages(run, config)
    numbers: dict[str, float] = {"threshold": config.stage_threshold}
    if config.source is None:
        table = _simulated_stages(run, config, measure)
    else:
        table, numbers = _imported_stages(run, config, measure, say)
    noise = _noise(run, config)
    _judge_threshold(numbers["threshold"], noise, measure, force, say)
    if numbers["threshold"] > 0 and (share := share_of_one_sample(table)) > MOST_OF_ONE_SAMPLE:
        finer = "raise stages.threshold, or sample more often" + (
            "" if config.source else f" than recording.strain_step = {config.simulation.recording.strain_step:g}"
        )
        say(Caution(f"{share:.0%} of the stages last one sample: their sizes and lengths are not resolved; {finer}"))
    write_table(run.folder / "stages.csv", table)
    n_slips, n_sticks = (int((table["kind"] == kind).sum()) for kind in ("slip", "stick"))
    kinds = f"{n_slips} of them slips" if n_slips or n_sticks else "windows of strain without a stress"
    say(f"{len(table)} stages, {kinds}" + (f", in the {measure.title}" if n_slips or n_sticks else ""))
    return {**numbers, "stress": measure.whose, **{name: value for name, value in noise.items() if np.isfinite(value)}}


def stress_of_stages(run: Run, config: Config) -> StressMeasure:
    """Whose stress is cut into stages.

    Raises
    ------
    MicroslipError
        One was asked for that the run does not have.
    """
    series, asked = run.series, config.stages.stress
    imported = config.source is not None
    if asked is not None and config.stages.window is None:
        column = MEASURES[asked].column
        if column not in series or not np.isfinite(series[column].to_numpy()).any():
            remedy = "import contacts with their forces (source.contacts)" if imported else "leave stages.stress out"
            raise MicroslipError(
                f"stages.stress = {asked}, and {run.folder} knows no {MEASURES[asked].title}: {remedy}"
            )
        if asked == "walls" and not imported and not has_walls(run):
            raise MicroslipError(
                f"stages.stress = walls, and the cell of {run.folder} has no walls: leave stages.stress out"
            )
    return stage_measure(config.model_dump(mode="json", exclude_none=True), series, imported)


def has_walls(run: Run) -> bool:
    """Whether some grains are those of walls."""
    return bool((run.grains["kind"].to_numpy() != 0).any())


def _noise(run: Run, config: Config) -> dict[str, float]:
    """`imbalance` of the walls and `volume_noise` [p], NaN where their series are not known."""
    series, smoothing = run.series, config.stage_smoothing
    first = min(config.steady_sample(series["strain"].to_numpy()), series.sizes["sample"])
    bottom, top, volume = walls_and_volume(series)
    return {
        "imbalance": walls_imbalance(bottom, top, smoothing, first),
        "volume_noise": series_noise(volume, smoothing, first),
    }


def _judge_threshold(threshold: float, noise: dict[str, float], measure: StressMeasure, force: bool, say: Say) -> None:
    """Refuse stages of the waves between the walls; say where those of the volume lie within its vibrations."""
    imbalance, vibrations = noise["imbalance"], noise["volume_noise"]
    if measure is WALLS and 0 < threshold < LEAST_OVER_NOISE * imbalance:
        sentence = (
            f"the threshold of {threshold:.3g} p lies below {LEAST_OVER_NOISE:g} times the walls' imbalance, an rms of"
            f" {imbalance:.2g} p: most such stages are shear waves between the walls"
        )
        if not force:
            raise MicroslipError(
                f"{sentence}; set stages.threshold={LEAST_OVER_NOISE * imbalance:.2g}, or take them with --force"
            )
        say(Caution(sentence))
    if measure is VOLUME and 0 < threshold < LEAST_OVER_NOISE * vibrations:
        say(
            Caution(
                f"the threshold of {threshold:.3g} p lies below {LEAST_OVER_NOISE:g} times the noise of the volume's"
                f" stress from sample to sample, {vibrations:.2g} p: many of the smallest stages are vibrations"
            )
        )


def _simulated_stages(run: Run, config: Config, measure: StressMeasure) -> pd.DataFrame:
    series = run.series
    strain = series["strain"].to_numpy()
    table = detect_stages(
        strain,
        series[measure.column].to_numpy(),
        config.stage_threshold,
        config.stage_smoothing,
        min(config.steady_sample(strain), len(strain)),
    )
    if table.empty:
        raise MicroslipError(
            f"no stage found: the stress never swings by more than stages.threshold = {config.stage_threshold:g}"
            f" after a strain of loading.warm_up = {config.simulation.loading.warm_up:g}: lower the threshold, or shear"
            " longer"
        )
    samples, recording = run.frames["sample"].to_numpy(), config.simulation.recording
    ends = table[["start_sample", "end_sample"]].to_numpy()
    if measure.whose != recording.stress and not np.isin(ends, samples).all():
        n_without = int((~np.isin(ends, samples)).any(axis=1).sum())
        raise MicroslipError(
            f"{n_without} of {len(table)} stages of the {measure.title} have no frames of their own: frames were kept"
            f" at the turning points of the {MEASURES[recording.stress].title}; leave stages.stress out, or simulate"
            f" again with recording.stress={measure.whose}"
        )
    return attach_frames(table, samples)


def _imported_stages(
    run: Run, config: Config, measure: StressMeasure, say: Say
) -> tuple[pd.DataFrame, dict[str, float]]:
    """The stages that have frames of their own; the threshold, and how many stages were lost between frames."""
    settings, series, frames = config.stages, run.series, run.frames
    strain, stress = series["strain"].to_numpy(), series[measure.column].to_numpy()
    frame_strain, warm_up = frames["strain"].to_numpy(), settings.warm_up or 0.0
    if settings.window is not None:
        sample = frames["sample"].to_numpy()
        table = strain_windows(strain, stress, frame_strain, sample, settings.window, strain[0] + warm_up)
        return table, {"threshold": 0.0}
    if not np.isfinite(stress).any():
        spacing = float(np.median(np.diff(frame_strain)))
        raise MicroslipError(
            f"{run.folder} knows no stress, so it has no stages: ask for windows of strain, such as"
            f" --set stages.window={10 * spacing:.2g} for ten frames"
        )
    number = np.flatnonzero(np.isfinite(stress))
    strain, stress, start = strain[number], stress[number], strain[0]
    first, smoothing = config.steady_sample(strain), config.stage_smoothing
    if warm_up >= strain[-1] - start:
        raise MicroslipError(
            f"stages.warm_up = {warm_up:g} leaves nothing of a strain of {strain[-1] - start:.4g}: lower it"
        )
    supported = supported_threshold(strain, stress, frame_strain, smoothing, first)
    threshold = settings.threshold
    if threshold is None:
        if not np.isfinite(supported):
            raise MicroslipError(
                "no stage has frames of its own: the frames are too far apart for any threshold; dump more often, or"
                " ask for windows of strain with stages.window"
            )
        threshold = supported
        why = "the smallest that the frames support" if threshold > 1e-5 else "the paper's, which the frames support"
        say(f"threshold {threshold:.3g} p: {why}; else set stages.threshold")
    every = detect_stages(strain, stress, threshold, smoothing, first)
    # numbered so far among the samples that have a stress
    for name in ("start_sample", "end_sample"):
        every[name] = number[every[name].to_numpy(dtype=np.int64)]
    table = attach_nearest_frames(every, frame_strain)
    n_lost = len(every) - len(table)
    supported_from = f"from {supported:.3g} p on" if np.isfinite(supported) else "at no threshold"
    if table.empty:
        raise MicroslipError(
            f"no stage has frames of its own at stages.threshold = {threshold:g}, of {len(every)} stages: the frames"
            f" support stages {supported_from}"
        )
    if n_lost:
        say(
            Caution(
                f"{n_lost} of {len(every)} stages lie between frames or too far from them and are left out; frames"
                f" as these support stages {supported_from}"
            )
        )
    mismatch = table[["start_mismatch", "end_mismatch"]].abs().to_numpy()
    say(
        f"the nearest frames miss the turning points by a strain of {np.median(mismatch):.2g} in the median,"
        f" {mismatch.max():.2g} at most, of stages {table['strain_increment'].median():.2g} long in the median"
    )
    return table, {"threshold": threshold, "n_lost": n_lost}
