"""Verbs that make a run: all its steps, or the simulation and the measurements one by one."""

from __future__ import annotations

from pathlib import Path

from microslip.cli.common import (
    Engine,
    Hosts,
    Launcher,
    Ranks,
    Scheduler,
    Set,
    Threads,
    Workers,
    bar,
    batch_overrides,
    console,
    engine_overrides,
    one_step,
    perform_step,
)
from microslip.config import load_config
from microslip.core.errors import MicroslipError
from microslip.core.extras import MissingPackageError, require
from microslip.core.visible import quoted
from microslip.data.holding import only_one
from microslip.data.run import open_run
from microslip.dem.continuing import continue_run, continued_defaults
from microslip.grids.splits import FEWEST_TO_SPLIT
from microslip.states import is_current
from microslip.steps.registry import STEPS, check_overrides, left_out, run_steps
from microslip.steps.run_settings import run_config, run_folder
from microslip.steps.stage_sampling import stage_sampling

# A run with too few stages for these is still measured, drawn and reported.
LEARNING = ("train", "explain")


def run(
    config: Path,
    *,
    into: Path | None = None,
    engine: Engine = None,
    threads: Threads = None,
    ranks: Ranks = None,
    launcher: Launcher = None,
    hosts: Hosts = None,
    workers: Workers = None,
    scheduler: Scheduler = None,
    force: bool = False,
    set_: Set = None,
) -> None:
    """Run every step: shear the cell, find stages, measure, learn, explain, draw, report.

    What is done and current is skipped; an interrupted run goes on where it stopped with the same command. With too few
    stages for a network, train and explain are left out.

    Parameters
    ----------
    config
        TOML file with the settings that differ from the defaults, or a run folder to go on with.
    into
        Run folder; runs/NAME for NAME.toml where left out.
    force
        Take stages whose threshold lies within the waves between the walls, too.
    """
    overrides = [
        *(set_ or []),
        *engine_overrides(engine, threads, ranks, launcher, hosts),
        *batch_overrides(workers, scheduler),
    ]
    if config.is_dir():
        folder, settings = config, run_config(open_run(config).folder, overrides)
        if into is not None and into.resolve() != config.resolve():
            raise MicroslipError(f"--into {into} differs from the run folder {config}: give its config.toml instead")
    else:
        settings = load_config(config, overrides)
        folder = into or Path("runs") / config.stem
    if settings.batches.workers or settings.batches.scheduler:
        # before the long simulation, not after it
        require("scale", "--workers or --scheduler")
    folder = run_folder(folder, settings)
    with only_one(folder):
        steps = run_steps(settings)
        lacking = {verb: why for verb, why in left_out(steps).items() if not is_current(verb, folder, settings)}
        for why in dict.fromkeys(lacking.values()):
            verbs = " and ".join(verb for verb, reason in lacking.items() if reason == why)
            console.print(f"warning: {verbs} will be left out: {why}", markup=False)
        for number, verb in enumerate(steps, start=1):
            if verb in LEARNING and (n_stages := len(open_run(folder).stages)) < FEWEST_TO_SPLIT:
                reason = f"{n_stages} stages are too few for a network, {FEWEST_TO_SPLIT} are the least"
                console.begin(f"{number}/{len(steps)} {verb}", f": left out: {reason}")
                continue
            if verb in lacking:
                console.begin(f"{number}/{len(steps)} {verb}", f": left out: {lacking[verb]}")
                continue
            try:
                perform_step(verb, folder, settings, f"{number}/{len(steps)} ", force)
            except MissingPackageError as problem:
                # it is there and does not load: what follows from it is left out as well
                console.print(f"  left out: {problem}")
                lacking |= {other: str(problem) for other in steps if STEPS[other].needs}
    console.print(f"look inside with: microslip view {quoted(folder)}", markup=False)


def simulate(
    config: Path,
    *,
    into: Path | None = None,
    engine: Engine = None,
    threads: Threads = None,
    ranks: Ranks = None,
    launcher: Launcher = None,
    hosts: Hosts = None,
    set_: Set = None,
) -> None:
    """Shear the cell alone, from loose grains to the last strain, resuming from the last checkpoint.

    `simulate RUN --into OTHER --set loading.shear_rate=…` goes on from the state that RUN has reached, in a new run
    folder, at another rate; the wall slows down over loading.slow_down.

    Parameters
    ----------
    config
        TOML file, or a run folder to go on with.
    into
        Run folder; runs/NAME for NAME.toml where left out. For a run folder: the new one that goes on from it.
    """
    overrides = [*(set_ or []), *engine_overrides(engine, threads, ranks, launcher, hosts)]
    if config.is_dir() and (into is None or into.resolve() == config.resolve()):
        one_step("simulate", config, overrides)
        return
    if config.is_dir():
        before = run_config(open_run(config).folder)
        settings = run_config(config, [*continued_defaults(config, before.simulation, overrides), *overrides])
        assert into is not None
        folder = run_folder(into, settings)
        continue_run(config, folder, before.simulation, settings.simulation)
    else:
        settings = load_config(config, overrides)
        folder = run_folder(into or Path("runs") / config.stem, settings)
    with only_one(folder):
        perform_step("simulate", folder, settings)


def stages(
    run: Path, *, sampling: bool = False, table: Path | None = None, force: bool = False, set_: Set = None
) -> None:
    """Find stick and slip stages in the stress of RUN → stages.csv.

    Parameters
    ----------
    sampling
        Only count stages, at thresholds of 1e-5 to 1e-2 p and with every 1st to 50th sample of the stress, and print a
        table; nothing in RUN changes. With smoothing = "median" it takes a minute or two for every million samples.
    table
        Write the rows of that table to this CSV file as well.
    force
        Take stages whose threshold lies within the waves between the walls, too.
    """
    if not sampling:
        if table is not None:
            raise MicroslipError("--table takes the rows of --sampling: give both")
        one_step("stages", run, set_, force)
        return
    check_overrides("stages", set_ or [])
    opened = open_run(run)
    with bar("counting stages") as (advance, _):
        lines = stage_sampling(opened, run_config(opened.folder, set_ or []), advance, table)
    for line in lines:
        console.print(line, markup=False)


def fields(run: Path, *, workers: Workers = None, scheduler: Scheduler = None, set_: Set = None) -> None:
    """D²min, local strain, and changes of stress, energy and free volume of every grain of RUN → fields.zarr."""
    one_step("fields", run, [*(set_ or []), *batch_overrides(workers, scheduler)])


def voxels(run: Path, *, workers: Workers = None, scheduler: Scheduler = None, set_: Set = None) -> None:
    """D²min of RUN, and what else --set voxels.fields=[…] names, on a regular grid → voxels.zarr."""
    one_step("voxels", run, [*(set_ or []), *batch_overrides(workers, scheduler)])


def statistics(run: Path, *, workers: Workers = None, scheduler: Scheduler = None, set_: Set = None) -> None:
    """Correlations, clusters, distributions of RUN by size of the fluctuation, and the paper's claims → statistics/."""
    one_step("statistics", run, [*(set_ or []), *batch_overrides(workers, scheduler)])
