"""The verb of families of systems."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.live import Live
from rich.text import Text

from microslip.cli.common import (
    Engine,
    Hosts,
    Launcher,
    Ranks,
    Set,
    Threads,
    bar,
    console,
    engine_overrides,
    perform_step,
)
from microslip.core.errors import MicroslipError
from microslip.core.jobs import usable_cores
from microslip.core.stopping import PATIENCE, watch
from microslip.core.visible import visible
from microslip.data.holding import is_held, only_one
from microslip.dem.cost import installed_memory
from microslip.steps.registry import needed_of
from microslip.steps.run_settings import run_folder
from microslip.study.costs import check_room, costs_in_words, expected_costs, free_disk
from microslip.study.folder import check_study_folder, study_folder, write_results
from microslip.study.plan import TRANSFER, Study, System, choose_systems, load_study
from microslip.study.processes import Job, plan_jobs, reporter, run_jobs
from microslip.study.progress import DONE, progress
from microslip.study.systems import earlier_failures
from microslip.study.transfers import transfer_systems
from microslip.study.workload import choose_jobs, seconds_left, written_time

# Seconds that the systems' own processes have to end in an orderly way, each with a patience of its own.
PATIENCE_WITH_ALL = 4 * PATIENCE
# Systems that the line of the whole names with how far they are.
NAMED = 6


def study(
    config: Path,
    *,
    into: Path | None = None,
    only: Annotated[list[str] | None, Parameter(negative="", consume_multiple=True)] = None,
    job: int | None = None,
    jobs: int | None = None,
    list_: Annotated[bool, Parameter(name="--list", negative="")] = False,
    progress_to: Annotated[int | None, Parameter(show=False)] = None,
    engine: Engine = None,
    threads: Threads = None,
    ranks: Ranks = None,
    launcher: Launcher = None,
    hosts: Hosts = None,
    set_: Set = None,
) -> None:
    """Run a family of systems, several at once or each as a job of its own, and sum up what is finished.

    What is done and current is skipped; an interrupted study goes on where it stopped with the same command. A system
    that fails is said, and the others still run. What each system prints stands in study.log in its run folder.

    Parameters
    ----------
    config
        TOML file that says what varies, or a study's folder to go on with.
    into
        Folder of the study, with one run folder per system; runs/NAME for NAME.toml where left out.
    only
        Run the systems of these names alone.
    job
        Run the system of this number alone, counted from 1, in this process, as in a job array:
        --job $SLURM_ARRAY_TASK_ID.
    jobs
        Systems that run at once, each in a process of its own; as many as there are cores, or fewer where a system
        asks for several of them, if left out. Cores that are left become threads.
    list_
        Start nothing: list the systems, how far they are, which are running, why one failed, and what is left to do.
    """
    planned = load_study(config, [*(set_ or []), *engine_overrides(engine, threads, ranks, launcher, hosts)])
    chosen = choose_systems(planned, only or [], job)
    if config.is_dir() and into is not None and into.resolve() != config.resolve():
        raise MicroslipError(f"--into {into} differs from the study's folder {config}: give its study.toml instead")
    if jobs is not None and (job is not None or jobs < 1):
        raise MicroslipError(
            f"--jobs {jobs} is not possible: "
            + ("--job runs one system; leave one of the two out" if job is not None else "give 1 or more")
        )
    folder = into or (config if config.is_dir() else Path("runs") / config.stem)
    if list_:
        check_study_folder(folder)
        _list_systems(planned, chosen, folder, jobs)
        return
    if progress_to is not None:
        # the study that has started this process holds the folder
        _run_here(planned, *chosen[0], folder, reporter(progress_to))
        return
    with study_folder(folder, planned, whole=job is None and not only):
        failures = _run_one(planned, chosen[0], folder) if job is not None else _run_all(planned, chosen, jobs, folder)
        reasons, untested = {name: str(problem) for name, problem in failures.items()}, None
        if planned.transferred:
            console.begin(TRANSFER, ": networks of systems on each other")
            try:
                with bar("testing networks elsewhere") as (advance, say):
                    transfer_systems(planned, folder, len(chosen) == len(planned.systems), advance, say)
            except MicroslipError as problem:
                # the systems are summed up all the same
                console.print(f"  failed: {problem}", markup=False)
                untested = problem
        console.begin("summary", "")
        write_results(planned, folder, lambda text: console.print(f"  {text}", markup=False), reasons)
    if job is not None and failures:
        raise failures[chosen[0][1].name]
    if failures:
        raise MicroslipError(
            f"{len(failures)} of {len(chosen)} systems failed: "
            + "; ".join(f"{name}: {problem}" for name, problem in failures.items())
        )
    if untested:
        raise MicroslipError(f"{TRANSFER}: {untested}")


def _run_one(planned: Study, chosen: tuple[int, System], folder: Path) -> dict[str, MicroslipError]:
    """Run a system in this process, and say so where it fails."""
    try:
        _run_here(planned, *chosen, folder, None)
    except MicroslipError as problem:
        console.print(f"  failed: {problem}", markup=False)
        return {chosen[1].name: problem}
    return {}


def _run_here(
    planned: Study, number: int, system: System, folder: Path, report: Callable[[str, int, int], None] | None
) -> None:
    """Every step of a system in this process; a step that fails takes along those alone that read what it makes."""
    console.begin(f"system {number}/{len(planned.systems)}: {system.name}", f", {system.describe()}")
    if system.run is not None:
        console.print(f"  {progress(system, planned.steps, folder)}; read alone", markup=False)
        return
    run_folder(folder / system.name, system.config)
    failures, without = dict[str, MicroslipError](), list[str]()
    with only_one(folder / system.name):
        for step, verb in enumerate(planned.steps, start=1):
            number_of_step = f"{step}/{len(planned.steps)} "
            if needed := needed_of(verb, without):
                console.begin(f"{number_of_step}{verb}", f": left out, for want of {' and '.join(needed)}")
                without.append(verb)
                continue
            try:
                perform_step(verb, folder / system.name, system.config, number_of_step, report=report)
            except MicroslipError as problem:
                # what does not hang on it is still made
                console.print(f"  failed: {problem}", markup=False)
                failures[verb] = problem
                without.append(verb)
    if failures:
        raise MicroslipError("; ".join(f"{verb}: {problem}" for verb, problem in failures.items()))


def _run_all(
    planned: Study, chosen: list[tuple[int, System]], n_jobs: int | None, folder: Path
) -> dict[str, MicroslipError]:
    """Run the systems side by side in processes of their own; what went wrong, by system."""
    n_systems, to_do = len(planned.systems), []
    for number, system in chosen:
        state = progress(system, planned.steps, folder)
        if system.run is None and state != DONE:
            to_do.append((number, system))
            continue
        skipped = f"{state}; read alone" if system.run is not None else "skipped: done before with these settings"
        console.begin(f"system {number}/{n_systems}: {system.name}", f", {skipped}")
    if not to_do:
        return {}
    jobs, cores = plan_jobs(to_do, planned.steps, folder), usable_cores()
    n_jobs, why = (min(n_jobs, len(jobs)), "as --jobs says") if n_jobs is not None else _choose(jobs, cores)
    at_once = "one after another" if n_jobs == 1 else f"{n_jobs} at once"
    what = f"{len(jobs)} system{'s' if len(jobs) > 1 else ''} to run on {cores} core{'s' if cores > 1 else ''}"
    console.print(f"{what}: {at_once}, {why}; the costliest first")
    costs, free = expected_costs(to_do, planned.steps, folder), free_disk(folder)
    console.print(costs_in_words(costs, n_jobs, free), markup=False)
    check_room(costs, free)
    n_before = len(chosen) - len(jobs)
    watch(PATIENCE_WITH_ALL)
    with Live(console=console, transient=True, auto_refresh=False) as live:
        tenth = [0]

        def tell(job: Job | None) -> None:
            if job is not None:
                how = f"done in {written_time(job.seconds)}" if job.state == DONE else f"failed: {job.failure}"
                console.begin(f"system {job.number}/{n_systems}: {job.system.name}", f", {how}")
            line = _whole(jobs, n_before, n_jobs)
            if console.is_terminal:
                live.update(Text(line, no_wrap=True, overflow="ellipsis"), refresh=True)
                return
            now = _tenths(jobs)
            if job is not None or now > tenth[0]:
                tenth[0] = max(now, tenth[0])
                console.print(line, markup=False)

        run_jobs(jobs, folder, n_jobs, cores, tell)
    watch(PATIENCE)
    return {job.system.name: MicroslipError(job.failure) for job in jobs if job.state == "failed"}


def _choose(jobs: list[Job], cores: int) -> tuple[int, str]:
    """How many systems run at once, by the cores and the memory that they take, and why."""
    cells = [job.system.config.simulation for job in jobs]
    memory = max(cell.engine.memory(cell.n_grains, cell.n_samples) for cell in cells)
    return choose_jobs([cell.engine.cores_asked() for cell in cells], cores, memory, installed_memory())


def _whole(jobs: list[Job], n_before: int, n_jobs: int) -> str:
    """The line of the whole: systems done, failed and running, and the time that is left."""
    of_state = {state: [job for job in jobs if job.state == state] for state in ("done", "failed", "running")}
    parts = [f"{n_before + len(of_state['done'])} of {n_before + len(jobs)} systems done"]
    if of_state["failed"]:
        parts.append(f"{len(of_state['failed'])} failed")
    if running := of_state["running"]:
        names = [f"{job.system.name} {_how_far(job)}" for job in running[:NAMED]]
        more = [f"and {len(running) - NAMED} more"] if len(running) > NAMED else []
        parts.append(f"{len(running)} running ({', '.join([*names, *more])})")
        parts.append(f"time left: {written_time(seconds_left([job.course for job in jobs], n_jobs))}")
    return visible(", ".join(parts))


def _how_far(job: Job) -> str:
    if not job.verb and not job.share:
        return "preparing"
    if job.verb in ("", "simulate"):
        return f"{100 * job.share:.0f} %"
    return job.verb


def _tenths(jobs: list[Job]) -> int:
    """Tenths of the work of all systems that are done."""
    whole = sum(job.cost for job in jobs)
    done = sum(job.cost * (job.share if job.state != "failed" else 1.0) for job in jobs)
    return int(10 * done / whole) if whole else 0


def _list_systems(planned: Study, chosen: list[tuple[int, System]], folder: Path, n_jobs: int | None) -> None:
    """A line per system: number, name, what differs, state, I and what it still takes; then why some failed."""
    costs = expected_costs(chosen, planned.steps, folder)
    states = dict(zip(costs["system"], costs["state"], strict=True))
    reasons = earlier_failures(folder, states)
    running = {system.name for _, system in chosen if system.run is None and is_held(folder / system.name)}
    lines = [("", "system", "what differs", "state", "I", "time left", "disk left")]
    for (number, system), cost in zip(chosen, costs.to_dict("records"), strict=True):
        state, name = states[system.name], system.name
        lines.append(
            (
                str(number),
                name,
                system.describe(),
                state + (", running" if name in running else ", failed" if name in reasons else ""),
                f"{system.config.simulation.numbers()['inertial_number']:.2g}",
                "-" if system.run is not None or states[name] == DONE else written_time(cost["seconds"] or None),
                f"{cost['disk'] / 1e9:.2g} GB" if cost["disk"] else "-",
            )
        )
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    for line in lines:
        console.print("  ".join(part.ljust(width) for part, width in zip(line, widths, strict=True)), markup=False)
    for name, why in reasons.items():
        console.print(f"{name} failed: {why}", markup=False)
    n_done, n_failed = sum(state == DONE for state in states.values()), len(reasons.keys() - running)
    n_missing = len(chosen) - n_done - n_failed - len(running)
    console.print(f"{n_done} finished, {len(running)} running, {n_failed} failed, {n_missing} missing")
    n_jobs = n_jobs or choose_jobs([s.config.simulation.engine.cores_asked() for _, s in chosen], usable_cores())[0]
    console.print(costs_in_words(costs, n_jobs, free_disk(folder)), markup=False)
