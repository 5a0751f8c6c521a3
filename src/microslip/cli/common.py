"""What the verbs share: options, progress, and how a step of a run folder is performed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from microslip.cli.output import Screen
from microslip.config import Config
from microslip.core.disk import naming
from microslip.core.errors import MicroslipError
from microslip.core.stopping import check
from microslip.data.holding import only_one
from microslip.data.run import open_run
from microslip.pipeline import perform
from microslip.steps.registry import STEPS, check_overrides
from microslip.steps.run_settings import run_config

Set = Annotated[
    list[str] | None,
    Parameter(name="--set", negative="", help="Override, as section.key=value; may be repeated."),
]

Workers = Annotated[
    int | None,
    Parameter(name="--workers", help="Processes of a local Dask cluster for the batches; this one alone if left out."),
]
Scheduler = Annotated[
    str | None,
    Parameter(name="--scheduler", help="A running Dask scheduler for the batches instead, such as tcp://host:8786."),
]

Engine = Annotated[str | None, Parameter(name="--engine", help="native or lammps; short for --set engine.kind=….")]
Threads = Annotated[
    int | None, Parameter(name="--threads", help="Threads of the native engine; short for --set engine.threads=N.")
]
Ranks = Annotated[
    int | None, Parameter(name="--ranks", help="MPI processes of LAMMPS; short for --set engine.ranks=N.")
]
Launcher = Annotated[
    str | None,
    Parameter(name="--launcher", help="What starts them in place of mpiexec, such as srun: engine.launcher."),
]
Hosts = Annotated[Path | None, Parameter(name="--hosts", help="File of host names for the launcher: engine.hosts.")]

console = Screen()


@contextmanager
def bar(title: str) -> Iterator[tuple[Callable[[int, int], None], Callable[[str], None]]]:
    """A bar with time left on a terminal, a line every tenth of the way elsewhere; both are safe places to stop at."""
    if not console.is_terminal:
        last = [-1]

        def advance_lines(done: int, total: int) -> None:
            check()
            tenth = 10 * done // max(total, 1)
            if tenth > last[0] and done:
                last[0] = tenth
                console.print(f"  {title}: {done} of {total}")

        yield advance_lines, lambda text: console.print(f"  {text}")
        return
    columns = TextColumn("  {task.description}", markup=False), BarColumn(), TaskProgressColumn()
    times = TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn()
    with Progress(*columns, *times, console=console, transient=True) as progress:
        task = progress.add_task(title, total=None)

        def advance(done: int, total: int) -> None:
            check()
            progress.update(task, completed=done, total=total)

        yield advance, lambda text: console.print(f"  {text}")


def perform_step(
    verb: str,
    folder: Path,
    config: Config,
    number: str = "",
    force: bool = False,
    report: Callable[[str, int, int], None] | None = None,
) -> None:
    """Perform a step before the user's eyes; `report` is called with the verb, the parts done and the parts in all."""
    step = STEPS[verb]
    console.begin(f"{number}{verb}", f": {step.title}")
    with bar(step.title) as (advance, say), naming(folder):

        def advance_and_report(done: int, total: int) -> None:
            advance(done, total)
            if report is not None:
                report(verb, done, total)

        ran = perform(verb, folder, config, advance_and_report, say, force)
    console.print("  done" if ran else "  skipped: done before with these settings and inputs")


def one_step(verb: str, run: Path, overrides: list[str] | None, force: bool = False) -> None:
    if run.suffix == ".zip":
        from microslip.steps.pack import unpacked

        with bar("unpacking") as (advance, say):
            run = unpacked(run, advance, say)
    folder = open_run(run).folder
    check_overrides(verb, overrides or [])
    settings = run_config(folder, overrides or [])
    with only_one(folder):
        perform_step(verb, folder, settings, force=force)


def batch_overrides(workers: int | None, scheduler: str | None) -> list[str]:
    if workers is not None and scheduler is not None:
        raise MicroslipError("--workers starts a cluster here, --scheduler asks one that runs: give one of them")
    given = {"batches.workers": workers, "batches.scheduler": scheduler}
    return [f"{key}={value}" for key, value in given.items() if value is not None]


def engine_overrides(
    engine: str | None, threads: int | None, ranks: int | None, launcher: str | None, hosts: Path | None
) -> list[str]:
    given = {"kind": engine, "threads": threads, "ranks": ranks, "launcher": launcher, "hosts": hosts}
    return [f"engine.{key}={value}" for key, value in given.items() if value is not None]
