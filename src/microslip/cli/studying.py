"""The verb of families of systems."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from microslip.cli.common import (
    Engine,
    Hosts,
    Launcher,
    Ranks,
    Set,
    Threads,
    console,
    engine_overrides,
    perform_step,
)
from microslip.core.errors import MicroslipError
from microslip.data.holding import only_one
from microslip.steps.run_settings import run_folder
from microslip.study.folder import check_study_folder, progress, study_folder, write_results
from microslip.study.plan import Study, System, choose_systems, load_study


def study(
    config: Path,
    *,
    into: Path | None = None,
    only: Annotated[list[str] | None, Parameter(negative="", consume_multiple=True)] = None,
    job: int | None = None,
    list_: Annotated[bool, Parameter(name="--list", negative="")] = False,
    engine: Engine = None,
    threads: Threads = None,
    ranks: Ranks = None,
    launcher: Launcher = None,
    hosts: Hosts = None,
    set_: Set = None,
) -> None:
    """Run a family of systems, one after another or each as a job, and sum up what is finished.

    What is done and current is skipped; an interrupted study goes on where it stopped with the same command. A system
    that fails is said, and the others still run.

    Parameters
    ----------
    config
        TOML file that says what varies, or a study's folder to go on with.
    into
        Folder of the study, with one run folder per system; runs/NAME for NAME.toml where left out.
    only
        Run the systems of these names alone.
    job
        Run the system of this number alone, counted from 1, as in a job array: --job $SLURM_ARRAY_TASK_ID.
    list_
        Only list the systems and how far they are.
    """
    planned = load_study(config, [*(set_ or []), *engine_overrides(engine, threads, ranks, launcher, hosts)])
    chosen = choose_systems(planned, only or [], job)
    if config.is_dir() and into is not None and into.resolve() != config.resolve():
        raise MicroslipError(f"--into {into} differs from the study's folder {config}: give its study.toml instead")
    folder = into or (config if config.is_dir() else Path("runs") / config.stem)
    if list_:
        check_study_folder(folder)
        _list_systems(planned, chosen, folder)
        return
    study_folder(folder, planned)
    failed = []
    for number, system in chosen:
        console.begin(f"system {number}/{len(planned.systems)}: {system.name}", f", {system.describe()}")
        if system.run is not None:
            console.print(f"  {progress(system, planned.steps, folder)}; read alone", markup=False)
            continue
        try:
            run_folder(folder / system.name, system.config)
            with only_one(folder / system.name):
                for step, verb in enumerate(planned.steps, start=1):
                    perform_step(verb, folder / system.name, system.config, f"{step}/{len(planned.steps)} ")
        except MicroslipError as problem:
            console.print(f"  failed: {problem}", markup=False)
            failed.append(system.name)
    console.begin("summary", "")
    write_results(planned, folder, lambda text: console.print(f"  {text}", markup=False))
    if failed:
        raise MicroslipError(
            f"{len(failed)} of {len(chosen)} systems failed ({', '.join(failed)}): what they said stands above"
        )


def _list_systems(planned: Study, chosen: list[tuple[int, System]], folder: Path) -> None:
    """A line per system: number, name, what differs, state and I."""
    lines = [("", "system", "what differs", "state", "I")]
    for number, system in chosen:
        inertial_number = f"{system.config.simulation.numbers()['inertial_number']:.2g}"
        state = progress(system, planned.steps, folder)
        lines.append((str(number), system.name, system.describe(), state, inertial_number))
    widths = [max(len(line[column]) for line in lines) for column in range(5)]
    for line in lines:
        console.print("  ".join(part.ljust(width) for part, width in zip(line, widths, strict=True)), markup=False)
