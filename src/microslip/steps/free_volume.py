"""Free volume of the grains that are active in a stage, before it and after it, beside that of the others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import zarr

from microslip.core.volume import grain_volume
from microslip.data.artifacts import artifact
from microslip.data.frames import read_frames
from microslip.data.run import Run
from microslip.data.seals import in_the_making
from microslip.data.store import add_column, array, create_store, open_dataset
from microslip.dem.flow import moments_of
from microslip.statistics.evolution import evolution
from microslip.statistics.free_volume import (
    COMPARISONS,
    LAGS,
    free_volume_growth,
    lagged_frames,
    shuffled_stages,
)
from microslip.statistics.profiles import layer_of
from microslip.statistics.statistic import mean_of

STORE, TABLE = "free_volume", "statistics/free_volume.csv"
# What the registry of statistics knows of it, by its names there: growth in the stage before.
FOLLOWED = {"cell_growth": "layered", "cell_growth_matched": "matched"}


def knows_cells(run: Run) -> bool:
    """Whether the frames hold Voronoi cells, judged by the first stage's first one."""
    if "cell_volume" not in run.frames:
        return False
    frame = int(run.stages["start_frame"].iloc[0])
    bulk = run.grains["kind"].to_numpy() == 0
    volume = read_frames(run.frames["cell_volume"], np.array([frame]))[frame]
    return bool(np.isfinite(volume[bulk]).any())


def create_free_volume(n_stages: int, per_chunk: int, path: Path) -> zarr.Group:
    """The empty store."""
    store = create_store(path, {})
    for column in artifact(f"statistics/{STORE}.zarr").columns:
        chunk = per_chunk if column.dimensions[0] == "stage" else None
        add_column(store, column, {"stage": n_stages, "lag": len(LAGS)}, per_chunk=chunk)
    array(store, "lag")[:] = np.array(LAGS)
    return store


def fill_free_volume(run: Run, path: Path, batch: slice) -> None:
    """One batch of stages of `free_volume.zarr`; clusters.zarr must tell which grains are active."""
    stages, grains, frames = run.stages, run.grains, run.frames
    diameter, bulk = grains["diameter"].to_numpy().astype(float), grains["kind"].to_numpy() == 0
    sample, moment = frames["sample"].to_numpy(), moments_of(run)
    strain = frames["strain"].to_numpy() if "strain" in frames else run.series["strain"].to_numpy()[sample]
    at = lagged_frames(stages["start_frame"].to_numpy(), stages["end_frame"].to_numpy(), sample)[batch]
    volume = read_frames(frames["cell_volume"], at[at >= 0])
    partner = shuffled_stages(stages["kind"].to_numpy())[batch]
    with in_the_making(run.folder, ("statistics",)):
        label = open_dataset(run.folder / "statistics" / "clusters.zarr")["label"]
        active, others = (
            label[rows].to_numpy() > 0 for rows in (np.arange(batch.start, batch.stop), np.maximum(partner, 0))
        )
    own = np.where(bulk, grain_volume(diameter, run.box.planar), np.nan)
    unknown = np.full(len(diameter), np.nan)
    rows = {name: np.full(at.shape, np.nan) for name in (*COMPARISONS, "strain")}
    for row, of_lag in enumerate(at):
        start = int(of_lag[LAGS.index(0.0)])
        level = moment(start).level
        free = np.stack([volume[frame] - own if frame >= 0 else unknown for frame in of_lag.tolist()])
        # a grain that is not there has no height
        free[:, ~np.isfinite(level)] = np.nan
        layer = layer_of(np.nan_to_num(level))
        shuffled = others[row] & (partner[row] >= 0)
        for name, values in free_volume_growth(free, diameter, layer, active[row], shuffled).items():
            rows[name][row] = values
        rows["strain"][row] = np.where(of_lag >= 0, strain[of_lag] - strain[start], np.nan)
    group = zarr.open_group(path, mode="r+")
    for name, values in rows.items():
        array(group, name)[batch] = values


def free_volume_table(run: Run, groups: pd.DataFrame, block: np.ndarray, confidence: float) -> pd.DataFrame:
    """The table: one row per group of stages, lag and comparison; blocks as of `strain_blocks`."""
    store = open_dataset(run.folder / "statistics" / f"{STORE}.zarr")
    strain = store["strain"].to_numpy()
    tables = []
    for number, lag in enumerate(LAGS):
        followed = {name: mean_of(store[name][:, number].to_numpy()) for name in COMPARISONS}
        table, _ = evolution(groups, run.stages, followed, {}, block, confidence)
        table = table.drop(columns=["fixed", "fixed_low", "fixed_high"])
        away = {group: np.nanmean(strain[members, number]) if np.isfinite(strain[members, number]).any() else np.nan
                for group, members in zip(groups["group"], groups["members"], strict=True)}  # fmt: skip
        tables.append(table.rename(columns={"quantity": "comparison"}).assign(lag=lag, strain=table["group"].map(away)))
    table = pd.concat(tables, ignore_index=True)
    return table[table["n_known"] > 0].reset_index(drop=True)


def growth_of_stages(run: Run) -> dict[str, np.ndarray]:
    """Growth in the stage before each stage, (stage,), as the registry of statistics names it; NaN without cells."""
    path = run.folder / "statistics" / f"{STORE}.zarr"
    if not path.exists():
        return {name: np.full(len(run.stages), np.nan) for name in FOLLOWED}
    store = open_dataset(path)
    return {name: store[of][:, LAGS.index(-1.0)].to_numpy() for name, of in FOLLOWED.items()}


def describe_growth(table: pd.DataFrame) -> Iterator[str]:
    """Whether free volume grows before a stage where grains will be active, in a sentence for each kind."""
    whole = table[(table["by"] == "kind") & (table["lag"] == -1)]
    for kind, rows in whole.groupby("kind", sort=False):
        of = rows.set_index("comparison")

        def number(name: str, of: pd.DataFrame = of) -> str:
            if name not in of.index:
                return "unknown"
            value, low, high = (float(of.loc[name, column]) for column in ("value", "value_low", "value_high"))
            return f"{value:+.2g} d̄³" + (f" [{low:+.2g}, {high:+.2g}]" if np.isfinite(low) else "")

        yield (
            f"in the stage before a {kind} the free volume of the grains that will be active grows by"
            f" {number('layered')} more than that of others at the same height, by {number('matched')} at equal free"
            f" volume at the start; with the active grains of another {kind}: {number('shuffled')}"
        )
