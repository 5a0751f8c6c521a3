"""The page of a run as files that any web server can deliver."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from microslip.core.errors import MicroslipError
from microslip.data.files import replacing
from microslip.data.run import Run
from microslip.data.step_state import StepState
from microslip.views.explorer.contents import describe_contents, describe_states
from microslip.views.explorer.files import page_files
from microslip.views.explorer.parts import as_json, read_part
from microslip.views.explorer.stage_table import stage_table

_MARK = "data/run.json"


def choose_stages(stages: pd.DataFrame, predictions: pd.DataFrame | None, n: int, explained: np.ndarray) -> np.ndarray:
    """The stages that are looked at first: the explained ones, the largest, and the worst predicted, n in all.

    Parameters
    ----------
    stages, predictions
        Tables of stages.csv and predictions.csv, None where there is none.
    n
        How many; all where there are no more.
    explained
        Numbers of the stages with an attribution.

    Returns
    -------
    Numbers of the stages, rising.
    """
    if n >= len(stages):
        return np.asarray(stages["stage"], dtype=int)
    by_size = stages.assign(size=stages["fluctuation"].abs()).sort_values("size", ascending=False, kind="stable")
    lists = [by_size["stage"].to_numpy(), np.asarray(explained, dtype=int)]
    if predictions is not None:
        error = predictions.assign(error=(predictions["prediction"] - predictions["target"]).abs())
        error = error[error["split"] == "test"].sort_values("error", ascending=False, kind="stable")
        lists.append(error["stage"].to_numpy())
    # one of each list in turn, so that each is represented however small n is
    chosen: dict[int, None] = {}
    for rank in range(len(stages)):
        for numbers in lists:
            if rank < len(numbers) and len(chosen) < n:
                chosen[int(numbers[rank])] = None
    return np.sort(np.array(list(chosen), dtype=int))


def export_page(
    run: Run,
    folder: Path,
    stages: Iterable[int],
    *,
    states: Iterable[StepState] = (),
    advance: Callable[[int, int], None] | None = None,
) -> int:
    """Write the page, its curve and tables whole, and the grains of some stages; the bytes written.

    Parameters
    ----------
    run
        The run shown.
    folder
        A new folder, or one that held such a page before; it is replaced as a whole.
    stages
        Numbers of the stages whose grains are written.
    states
        State of each step, so that the page names those whose results are out of date.
    advance
        Called with the number of stages written and their total.

    Raises
    ------
    MicroslipError
        The folder holds something else.
    """
    if folder.exists() and (not folder.is_dir() or (any(folder.iterdir()) and not (folder / _MARK).is_file())):
        raise MicroslipError(f"{folder} holds something else than an exported page: choose another folder")
    chosen = [int(stage) for stage in stages]
    contents = describe_contents(run, chosen)
    with replacing(folder) as beside:
        for name, path in page_files().items():
            (beside / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, beside / name)
        data = beside / "data"
        data.mkdir()
        (data / "run.json").write_bytes(as_json(contents))
        (data / "states.json").write_bytes(as_json(describe_states(states)))
        for name in _whole_parts(contents):
            _write(run, data, name)
        fields = [field["name"] for field in contents["fields"] if field["missing"] is None]
        fields += ["displacement"] if contents["displacements"] else []
        table = stage_table(run) if chosen else None
        explained = set(run.attributions["stage"].to_numpy().tolist()) if "attribution" in fields else set()
        for done, stage in enumerate(chosen):
            if advance is not None:
                advance(done, len(chosen))
            assert table is not None
            _write(run, data, f"frame/{table['start_frame'].iloc[stage]}.bin")
            for name in fields:
                if name != "attribution" or stage in explained:
                    _write(run, data, f"stage/{stage}/{name}.bin")
        if advance is not None and chosen:
            advance(len(chosen), len(chosen))
        return sum(path.stat().st_size for path in beside.rglob("*") if path.is_file())


def _whole_parts(contents: dict[str, object]) -> list[str]:
    """What is written whatever the stages: the table, the grains, the curve as a whole and in pieces."""
    curve, grains, stages = contents["curve"], contents["grains"], contents["stages"]
    assert isinstance(curve, dict)
    assert isinstance(grains, dict)
    assert isinstance(stages, dict)
    names = ["stages.bin"] if stages["n"] else []
    names += ["grains.bin"] if grains["n"] else []
    # the first frame stands for the grains where there are no stages
    names += ["frame/0.bin"] if grains["n_frames"] else []
    if curve["n"]:
        names += ["curve.bin", *(f"curve/{number}.bin" for number in range(len(curve["starts"])))]
    return names


def _write(run: Run, data: Path, name: str) -> None:
    target = data / name
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(read_part(run, name))
