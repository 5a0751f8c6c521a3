"""Stages done again from the same start, but for a breath: what no prediction of the stress change can go beyond."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from microslip.config import Config
from microslip.core.box import Box
from microslip.core.errors import MicroslipError
from microslip.data.files import replacing, write_table
from microslip.data.run import Run
from microslip.dem.replicas.launch import make_replicas, replicas_of
from microslip.dem.replicas.members import StageReplicas
from microslip.fields.stage import StageFrames
from microslip.statistics.replicas import between_stages, ceilings, twins
from microslip.steps.common import Advance, Say, scratch_folder


def replicas_step(run: Run, config: Config, mark: str, advance: Advance, say: Say) -> None:
    """Shear on from the run's end, do stages of that stretch again with perturbed starts, and compare what they do."""
    if config.shear_cell is None:
        raise MicroslipError(
            f"{run.folder} was imported: replicas go on from the state of an engine, contact histories and all, which"
            " frames do not hold"
        )
    settings, scratch = config.replicas, scratch_folder(run.folder / ".replicating", mark)
    phases: set[str] = set()

    def follow(message: dict[str, Any]) -> None:
        phase = message["phase"]
        if phase == "compile":
            return
        if phase not in phases:
            say(
                f"shearing on by {settings.strain:g}"
                if phase == "stretch"
                else f"{settings.copies * len(settings.perturbations)} replicas of {message['total']} stages"
            )
        phases.add(phase)
        advance(message["done"], message["total"])

    chosen = make_replicas(
        run.folder, scratch, config.shear_cell, settings, run.stress_measure.column, config.stage_threshold,
        config.stage_smoothing, follow,
    )  # fmt: skip
    replicas, pairs, fields = _measure(run, chosen, scratch, config.nonaffine.cutoff)
    columns = [
        "stage",
        "kind",
        "start_strain",
        "end_strain",
        "strain_increment",
        "start_stress",
        "fluctuation",
        "weight",
    ]
    stages = chosen[columns]
    table = ceilings(pairs, stages, run.stages["fluctuation"].to_numpy(), settings.seed)
    unrelated = between_stages(fields)
    with replacing(run.folder / "replicas") as beside:
        beside.mkdir()
        write_table(beside / "stages.csv", stages)
        write_table(beside / "replicas.csv", replicas)
        write_table(beside / "twins.csv", pairs)
        write_table(beside / "ceiling.csv", table)
    shutil.rmtree(scratch)
    n_stages = int(chosen["n_stages"].iloc[0])
    say(f"{len(chosen)} of {n_stages} stages over a strain of {settings.strain:g} from the run's end were done again")
    for line in describe(table, pairs, unrelated):
        say(line)


def _measure(
    run: Run, chosen: pd.DataFrame, scratch: Path, cutoff: float
) -> tuple[pd.DataFrame, pd.DataFrame, list[np.ndarray]]:
    """One row per replica, one per pair of them, and D²min of each stage as it was."""
    rows: list[dict[str, Any]] = []
    pairs, fields = [], []
    kind = run.grains["kind"].to_numpy()
    for stage, start in zip(chosen["stage"].tolist(), chosen["start_sample"].tolist(), strict=True):
        of_stage = replicas_of(scratch, start)
        motions = [_frames(run, of_stage, number, cutoff) for number in range(len(of_stage.copy))]
        d2min = np.array([frames.motion.d2min[kind == 0] for frames in motions])
        moved = of_stage.end[:, kind == 0] - of_stage.end[0, kind == 0]
        of_pairs = twins(of_stage.fluctuation, d2min, of_stage.perturbation).assign(stage=stage)
        to_stage = of_pairs[of_pairs["first"] == 0].set_index("second")["field_difference"]
        for number, frames in enumerate(motions):
            gradient = frames.motion.gradient[kind == 0]
            rows.append(
                {
                    "stage": stage,
                    "perturbation": of_stage.perturbation[number],
                    "copy": of_stage.copy[number],
                    "fluctuation": of_stage.fluctuation[number],
                    "distance": float(np.sqrt((moved[number] ** 2).sum(axis=-1).mean())),
                    "field_difference": to_stage.get(number, 0.0),
                    "mean_d2min": float(np.nanmean(d2min[number])),
                    "mean_shear_strain": float(np.nanmean(gradient[:, 0, 2] + gradient[:, 2, 0])) / 2,
                    "mean_volumetric_strain": float(np.nanmean(frames.strain[1][kind == 0])),
                }
            )
        fields.append(d2min[0])
        pairs.append(of_pairs)
    return pd.DataFrame(rows), pd.concat(pairs, ignore_index=True), fields


def _frames(run: Run, replicas: StageReplicas, number: int, cutoff: float) -> StageFrames:
    kind, diameter, whole = run.grains["kind"].to_numpy(), run.grains["diameter"].to_numpy(), run.box
    start, end = (_box(whole, cell) for cell in (replicas.start_cell, replicas.end_cell[number]))
    there = np.ones(len(kind), dtype=bool)
    return StageFrames(replicas.start, replicas.end[number], kind, diameter, start, end, cutoff, there)


def _box(whole: Box, cell: np.ndarray) -> Box:
    if not len(cell):
        return whole
    return replace(whole, lengths=tuple(cell[:3]), tilt=float(cell[3]))


def describe(table: pd.DataFrame, pairs: pd.DataFrame, unrelated: float) -> list[str]:
    """The bounds of R² over all stages in a sentence each, and how alike the twins' fields are."""
    lines = []
    meaning = {
        "same_start": "from one start, moved by {perturbation:.1e} d̄, fluctuations spread by {noise:.2g} p",
        "nearest_twin": "the two replicas of a stage whose fields are most alike differ by {noise:.2g} p",
        "same_field": "at equal fields {share:.0%} of the variance is left",
    }
    for row in table[table["group"] == "all"].to_dict("records"):
        ends = f" [{row['r2_low']:.4f}, {row['r2_high']:.4f}]" if np.isfinite(row["r2_low"]) else ""
        lines.append(f"{meaning[row['bound']].format(**row)}: R² ≤ {row['r2']:.4f}{ends}")
    own = float(pairs["field_difference"].mean())
    lines.append(
        f"log₁₀ D²min of a grain differs by {np.sqrt(own):.2g} between replicas of a stage, by"
        f" {np.sqrt(unrelated):.2g} between stages"
    )
    return lines
