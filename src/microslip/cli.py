"""`microslip`: one verb per step, each an ordinary function whose docstring is its help."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import cyclopts
from cyclopts import App, Parameter
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from microslip import __version__
from microslip.config import Config, load_config, read_toml, source_config
from microslip.core.errors import MicroslipError
from microslip.data.readers.sources import find_files
from microslip.data.run import Run, open_run
from microslip.data.source import Axis, Format
from microslip.data.step_state import StepState
from microslip.info import describe_run
from microslip.pipeline import STEPS, check_overrides, is_current, only_one, perform, run_folder, run_steps, step_states
from microslip.steps.exporting import Kind, export_run
from microslip.steps.transferring import predict_elsewhere, transfer_matrix
from microslip.steps.viewing import export_view
from microslip.study.folder import check_study_folder, progress, study_folder, write_results
from microslip.study.plan import Study, System, choose_systems, load_study

app = App(
    name="microslip",
    version=__version__,
    help="From the motion of single grains to the stick-slip of a sheared packing.",
    help_on_error=False,
    # a Ctrl-C is answered in main, with a sentence
    suppress_keyboard_interrupt=False,
)

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

STOPPED = "stopped; the same command goes on from here"

# long lines are left to the terminal, so that a log keeps each sentence whole
console = Console(highlight=False, soft_wrap=True)


@contextmanager
def _bar(title: str) -> Iterator[tuple[Callable[[int, int], None], Callable[[str], None]]]:
    """A bar with time left on a terminal, a line every tenth of the way elsewhere."""
    if not console.is_terminal:
        last = [-1]

        def advance_lines(done: int, total: int) -> None:
            tenth = 10 * done // max(total, 1)
            if tenth > last[0] and done:
                last[0] = tenth
                console.print(f"  {title}: {done} of {total}")

        yield advance_lines, lambda text: console.print(f"  {text}")
        return
    columns = TextColumn("  {task.description}"), BarColumn(), TaskProgressColumn()
    times = TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn()
    with Progress(*columns, *times, console=console, transient=True) as progress:
        task = progress.add_task(title, total=None)

        def advance(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total)

        yield advance, lambda text: progress.console.print(f"  {text}")


def _perform(verb: str, folder: Path, config: Config, number: str = "") -> None:
    step = STEPS[verb]
    console.print(f"[bold]{number}{verb}[/bold]: {step.title}")
    with _bar(step.title) as (advance, say):
        ran = perform(verb, folder, config, advance, say)
    console.print("  done" if ran else "  skipped: done before with these settings and inputs")


@app.command
def run(
    config: Path,
    *,
    into: Path | None = None,
    ranks: int | None = None,
    launcher: str | None = None,
    hosts: Path | None = None,
    workers: Workers = None,
    scheduler: Scheduler = None,
    set_: Set = None,
) -> None:
    """Run every step: shear the cell, find stages, measure, learn, explain, draw, report.

    What is done and current is skipped; an interrupted run goes on where it stopped with the same command.

    Parameters
    ----------
    config
        TOML file with the settings that differ from the defaults, or a run folder to go on with.
    into
        Run folder; runs/NAME for NAME.toml where left out.
    ranks
        MPI processes for the simulation; short for --set parallel.ranks=N.
    launcher
        What starts them in place of mpiexec, such as srun; short for --set launch.command=….
    hosts
        File of host names for the launcher; short for --set launch.hosts=….
    """
    overrides = [*(set_ or []), *_launch_overrides(ranks, launcher, hosts), *_batch_overrides(workers, scheduler)]
    if config.is_dir():
        folder, settings = config, load_config(open_run(config).folder / "config.toml", overrides)
        if into is not None and into.resolve() != config.resolve():
            raise MicroslipError(f"--into {into} differs from the run folder {config}: give its config.toml instead")
    else:
        settings = load_config(config, overrides)
        folder = into or Path("runs") / config.stem
    run_folder(folder, settings)
    with only_one(folder):
        steps = run_steps(settings)
        for number, verb in enumerate(steps, start=1):
            _perform(verb, folder, settings, f"{number}/{len(steps)} ")


def _batch_overrides(workers: int | None, scheduler: str | None) -> list[str]:
    if workers is not None and scheduler is not None:
        raise MicroslipError("--workers starts a cluster here, --scheduler asks one that runs: give one of them")
    given = {"batches.workers": workers, "batches.scheduler": scheduler}
    return [f"{key}={value}" for key, value in given.items() if value is not None]


def _launch_overrides(ranks: int | None, launcher: str | None, hosts: Path | None) -> list[str]:
    given = {"parallel.ranks": ranks, "launch.command": launcher, "launch.hosts": hosts}
    return [f"{key}={value}" for key, value in given.items() if value is not None]


def _one_step(verb: str, run: Path, overrides: list[str] | None) -> None:
    folder = open_run(run).folder
    check_overrides(verb, overrides or [])
    settings = load_config(folder / "config.toml", overrides or [])
    with only_one(folder):
        _perform(verb, folder, settings)


@app.command
def simulate(
    config: Path,
    *,
    into: Path | None = None,
    ranks: int | None = None,
    launcher: str | None = None,
    hosts: Path | None = None,
    set_: Set = None,
) -> None:
    """Shear the cell alone: LAMMPS from loose grains to the last strain, resuming from the last checkpoint.

    Parameters
    ----------
    config
        TOML file, or a run folder to go on with.
    into
        Run folder; runs/NAME for NAME.toml where left out.
    ranks
        MPI processes; short for --set parallel.ranks=N.
    launcher
        What starts them in place of mpiexec, such as srun; short for --set launch.command=….
    hosts
        File of host names for the launcher; short for --set launch.hosts=….
    """
    overrides = [*(set_ or []), *_launch_overrides(ranks, launcher, hosts)]
    if config.is_dir():
        _one_step("simulate", config, overrides)
        return
    settings = load_config(config, overrides)
    folder = run_folder(into or Path("runs") / config.stem, settings)
    with only_one(folder):
        _perform("simulate", folder, settings)


@app.command(name="import")
def import_(
    *source: Path,
    into: Path | None = None,
    format: Format | None = None,
    flow: Axis | None = None,
    gradient: Axis | None = None,
    walls: Annotated[list[int] | None, Parameter(negative="", consume_multiple=True)] = None,
    length: float | None = None,
    pressure: float | None = None,
    strain_per_step: float | None = None,
    series: Path | None = None,
    shear_stress: Annotated[list[str] | None, Parameter(negative="", allow_leading_hyphen=True)] = None,
    shear_force: Annotated[list[str] | None, Parameter(negative="", allow_leading_hyphen=True)] = None,
    normal_stress: Annotated[list[str] | None, Parameter(negative="", allow_leading_hyphen=True)] = None,
    columns: Annotated[list[str] | None, Parameter(negative="", consume_multiple=True)] = None,
    contacts: str | None = None,
    set_: Set = None,
) -> None:
    """Read another program's frames into a run folder, on which every later step works → trajectory.zarr.

    What the files leave open is guessed and said; `microslip run RUN` goes on from here.

    Parameters
    ----------
    source
        Frames: dumps of LAMMPS or LIGGGHTS, extended XYZ, GSD, H5MD, NetCDF, VTK points, CSV or Parquet tables; or one
        TOML file with a [source] section that names them, beside settings of later steps.
    into
        Run folder; runs/NAME for NAME.toml where left out.
    format
        Of the frames, where their names and first bytes do not say.
    flow
        The files' axis along which the cell is sheared; x where left out.
    gradient
        The files' axis along which the flow changes; z where left out.
    walls
        Types of the wall grains.
    length
        d̄ in the files' lengths; the mean diameter of the bulk grains where left out.
    pressure
        p in the files' stresses; the mean normal stress of the series, or 1, where left out.
    strain_per_step
        Shear strain a time step, shear rate × Δt; from the tilt of the cell or the motion of the walls where left out.
    series
        Table of the stress: a log, or what fix print or fix ave/time wrote.
    shear_stress
        Its column of the shear stress, such as -Pxz: a leading minus turns the sign; of several the mean is taken.
    shear_force
        Its column of the shear force on a wall instead.
    normal_stress
        Its column of the normal stress, likewise.
    columns
        The frames' names of our columns, as OURS=THEIRS: id=label x=x_mm. Ours are frame, strain, id, type, x, y, z,
        ix, iy, iz, diameter, radius.
    contacts
        File or pattern of the contacts, as dump local writes them; their columns go into source.contact_columns.
    """
    given = {
        "format": format,
        "flow": flow,
        "gradient": gradient,
        "wall_types": walls,
        "length": length,
        "pressure": pressure,
        "strain_per_step": strain_per_step,
        "series": None if series is None else str(series),
        "shear_stress": shear_stress,
        "shear_force": shear_force,
        "normal_stress": normal_stress,
        "columns": _named_columns(columns),
        "contacts": contacts,
    }
    if into is None and source and (len(source) != 1 or source[0].suffix != ".toml"):
        raise MicroslipError("say where the run shall be: --into RUN, such as --into runs/mine")
    before = read_toml(into / "config.toml") if into is not None and (into / "config.toml").is_file() else {}
    named = {name: value for name, value in given.items() if value is not None}
    settings = source_config(source, named, set_ or [], before if "source" in before else {})
    assert settings.source is not None
    # looked for before a folder is made for them
    find_files(settings.source.files)
    folder = run_folder(into or Path("runs") / source[0].stem, settings)
    with only_one(folder):
        _perform("import", folder, settings)
    console.print(f"  go on with: microslip run {folder}", markup=False)


def _named_columns(columns: list[str] | None) -> dict[str, str] | None:
    pairs = [one.partition("=") for one in columns or []]
    for ours, equals, theirs in pairs:
        if not ours or not equals or not theirs:
            raise MicroslipError(f"--columns {ours}{equals}{theirs} is not of the form OURS=THEIRS, such as id=label")
    return {ours: theirs for ours, _, theirs in pairs} or None


@app.command
def stages(run: Path, *, set_: Set = None) -> None:
    """Find stick and slip stages in the stress of RUN → stages.csv."""
    _one_step("stages", run, set_)


@app.command
def fields(run: Path, *, workers: Workers = None, scheduler: Scheduler = None, set_: Set = None) -> None:
    """D²min, local strain, and changes of stress, energy and free volume of every grain of RUN → fields.zarr."""
    _one_step("fields", run, [*(set_ or []), *_batch_overrides(workers, scheduler)])


@app.command
def voxels(run: Path, *, workers: Workers = None, scheduler: Scheduler = None, set_: Set = None) -> None:
    """D²min of RUN, and what else --set voxels.fields=[…] names, on a regular grid → voxels.zarr."""
    _one_step("voxels", run, [*(set_ or []), *_batch_overrides(workers, scheduler)])


@app.command
def train(run: Path, *, set_: Set = None) -> None:
    """Train the network on RUN under the random and the blocked split, with baselines → model/."""
    _one_step("train", run, set_)


@app.command
def explain(run: Path, *, set_: Set = None) -> None:
    """Integrated Gradients for stages of RUN, with nulls and other methods → attributions.zarr, interpretation/."""
    _one_step("explain", run, set_)


@app.command
def ablate(run: Path, *, set_: Set = None) -> None:
    """Train RUN's network on less: places, amplitude, nodes, cell or stages taken away → ablations/."""
    _one_step("ablate", run, set_)


@app.command
def search(run: Path, *, trials: int | None = None, set_: Set = None) -> None:
    """Search settings of RUN's training by validation loss alone; the best are said, not applied → search/.

    Parameters
    ----------
    trials
        Trainings; short for --set search.trials=N.
    """
    _one_step("search", run, [*(set_ or []), *([f"search.trials={trials}"] if trials is not None else [])])


@app.command
def predict(run: Path, *, model: Path, into: Path | None = None, allow_transfer: bool = False) -> None:
    """Predict the fluctuations of RUN's stages with a network that was trained elsewhere.

    Parameters
    ----------
    model
        The run folder that the network was trained on, or one of its checkpoints.
    into
        Table of predictions; RUN/transfer/NAME.csv for a network of the run NAME where left out.
    allow_transfer
        Also where the network learnt from another cell, other grains or other stages; what differs is said.
    """
    predict_elsewhere(open_run(run), model, into, allow_transfer, lambda text: console.print(f"  {text}", markup=False))


@app.command
def transfer(*runs: Path, into: Path, leave_one_out: bool = False) -> None:
    """Test the network of every run on every other run → a matrix of R².

    Parameters
    ----------
    runs
        Run folders with a trained network each; their voxels have the same number of nodes.
    into
        Folder of the tables and the figure.
    leave_one_out
        Train on all runs but one as well, and test on that one.
    """
    opened = [open_run(run) for run in runs]
    with _bar("testing networks elsewhere") as (advance, say):
        transfer_matrix(opened, into, leave_one_out, advance, say)


@app.command
def statistics(run: Path, *, workers: Workers = None, scheduler: Scheduler = None, set_: Set = None) -> None:
    """Correlations, clusters, distributions of RUN by size of the fluctuation, and the paper's claims → statistics/."""
    _one_step("statistics", run, [*(set_ or []), *_batch_overrides(workers, scheduler)])


@app.command
def export(run: Path, what: Kind = "frames", *, into: Path | None = None, stages: str | None = None) -> None:
    """Write frames, fields or voxels of RUN for OVITO, LAMMPS, MDAnalysis (text dumps) or ParaView (VTKHDF).

    Parameters
    ----------
    what
        frames: every frame, with the series beside it and a TOML file that imports it again; fields: the grains of each
        stage at its start with their values; voxels: the nodes of every stage.
    into
        File; its ending says the format: .dump or .dump.gz for frames and fields, .vtkhdf for fields and voxels.
        RUN/export/ where left out.
    stages
        Which stages, or frames, as first:last, such as 0:100; all where left out.
    """
    opened = open_run(run)
    made = all((opened.folder / name).exists() for name in (f"{what}.zarr", "stages.csv", "config.toml"))
    if made and not is_current(what, opened.folder, load_config(opened.folder / "config.toml")):
        raise MicroslipError(
            f"{what} of {run} were made of other stages or settings: run `microslip {what} {run}` again"
        )
    with _bar(f"writing {what}") as (advance, say):
        export_run(opened, what, into, stages, advance, say)


@app.command
def figures(run: Path, *, set_: Set = None) -> None:
    """Draw the figures of RUN → figures/."""
    _one_step("figures", run, set_)


@app.command
def report(run: Path, *others: Path, into: Path | None = None, set_: Set = None) -> None:
    """Write the report of RUN → report/index.html, or of two to four runs side by side → report/with-NAME.html.

    What is missing, damaged or out of date is said in its place.

    Parameters
    ----------
    others
        Runs to set beside the first one.
    into
        Folder of the page; the folder report of the first run where left out.
    """
    check_overrides("report", set_ or [])
    if others:
        from microslip.study.side_by_side import compare_runs, comparison_target

        page = comparison_target([run, *others], into)
        compare_runs([run, *others], page, lambda text: console.print(f"  {text}", markup=False))
        console.print(f"  open {page} in a browser", markup=False)
        return
    opened = open_run(run)
    states = None
    try:
        states = step_states(opened.folder, load_config(opened.folder / "config.toml"))
    except MicroslipError as problem:
        # what tells which steps are current is damaged: the rest can still be shown
        console.print(f"  warning: {problem}", markup=False)
    if states is None or into is not None:
        from microslip.views.report.run_report import write_report

        folder = into or opened.folder / "report"
        write_report(opened, folder, states)
        console.print(f"  open {folder / 'index.html'} in a browser", markup=False)
        return
    _one_step("report", run, set_)


@app.command
def view(
    run: Path,
    *,
    port: int | None = None,
    browser: bool = True,
    export: Path | None = None,
    stages: str | None = None,
) -> None:
    """Explore RUN in a browser: its stress, its stages, and the grains of each in 3D.

    The page is served to this machine alone, until Ctrl-C. From another machine: ssh -L 8765:127.0.0.1:8765 HOST.

    Parameters
    ----------
    port
        Of the page's address; 8765, or any free one where that is taken, if left out.
    browser
        Whether a browser is opened.
    export
        Write the page into this folder instead, as files that any web server can deliver.
    stages
        Whose grains are exported: a number of them, the explained, largest and worst predicted first, or all; 200 if
        left out.
    """
    opened = open_run(run)
    if export is None:
        if stages is not None:
            raise MicroslipError("--stages chooses what is exported: give --export DIR with it")
        _serve(opened, port, browser)
        return
    if stages is not None and stages != "all" and not stages.isdecimal():
        raise MicroslipError(f"--stages {stages} is neither a number of stages nor all")
    with _bar("writing the page") as (advance, say):
        n_stages, size = export_view(opened, export, stages, _states(opened), advance)
        say(f"{size / 1e6:.0f} MB with the grains of {n_stages} stages; look at it with:")
        say(f"python -m http.server --directory {export}")


def _states(run: Run) -> list[StepState]:
    """State of every step, so that results that are out of date can be named; none without readable settings."""
    try:
        return list(step_states(run.folder, load_config(run.folder / "config.toml")).values())
    except MicroslipError:
        return []


def _serve(run: Run, port: int | None, browser: bool) -> None:
    import webbrowser

    from microslip.views.explorer.serving import page_server

    with page_server(run, lambda: _states(run), port) as server:
        address = f"http://127.0.0.1:{server.server_port}/"
        console.print(f"{address}  Ctrl-C ends it", markup=False)
        if browser and not webbrowser.open(address):
            console.print("  no browser was found here: open the address in one", markup=False)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            console.print("  ended")


@app.command
def study(
    config: Path,
    *,
    into: Path | None = None,
    only: Annotated[list[str] | None, Parameter(negative="", consume_multiple=True)] = None,
    job: int | None = None,
    list_: Annotated[bool, Parameter(name="--list", negative="")] = False,
    ranks: int | None = None,
    launcher: str | None = None,
    hosts: Path | None = None,
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
    ranks
        MPI processes for every simulation; short for --set parallel.ranks=N.
    launcher
        What starts them in place of mpiexec, such as srun; short for --set launch.command=….
    hosts
        File of host names for the launcher; short for --set launch.hosts=….
    """
    planned = load_study(config, [*(set_ or []), *_launch_overrides(ranks, launcher, hosts)])
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
        console.print(f"[bold]system {number}/{len(planned.systems)}: {system.name}[/bold], {system.describe()}")
        try:
            run_folder(folder / system.name, system.config)
            with only_one(folder / system.name):
                for step, verb in enumerate(planned.steps, start=1):
                    _perform(verb, folder / system.name, system.config, f"{step}/{len(planned.steps)} ")
        except MicroslipError as problem:
            console.print(f"  failed: {problem}", markup=False)
            failed.append(system.name)
    console.print("[bold]summary[/bold]")
    write_results(planned, folder, lambda text: console.print(f"  {text}", markup=False))
    if failed:
        raise MicroslipError(
            f"{len(failed)} of {len(chosen)} systems failed ({', '.join(failed)}): what they said stands above"
        )


def _list_systems(planned: Study, chosen: list[tuple[int, System]], folder: Path) -> None:
    """A line per system: number, name, what differs, state and I."""
    lines = [("", "system", "what differs", "state", "I")]
    for number, system in chosen:
        inertial_number = f"{system.config.numbers()['inertial_number']:.2g}"
        state = progress(system, planned.steps, folder)
        lines.append((str(number), system.name, system.describe(), state, inertial_number))
    widths = [max(len(line[column]) for line in lines) for column in range(5)]
    for line in lines:
        console.print("  ".join(part.ljust(width) for part, width in zip(line, widths, strict=True)), markup=False)


@app.command
def info(run: Path) -> None:
    """Say what RUN holds: its cell, how far it got, its stages, scores and timings."""
    for line in describe_run(open_run(run)):
        console.print(line, markup=False)


def main() -> None:
    """Entry point: a failure that the user can mend ends in one sentence and exit code 2."""
    try:
        app(exit_on_error=False, print_error=False)
    except MicroslipError as problem:
        _fail(str(problem), 2)
    except cyclopts.CycloptsError as problem:
        _fail(f"{' '.join(str(problem).split())}; see microslip --help", 2)
    except KeyboardInterrupt:
        _fail(STOPPED, 130)
    except SystemError as problem:
        # a Ctrl-C inside a compiled kernel surfaces as this
        if not isinstance(problem.__cause__, KeyboardInterrupt):
            raise
        _fail(STOPPED, 130)
    except OSError as problem:
        _fail(
            f"{problem.strerror or problem} ({problem.filename or 'no file named'}): free space or rights, then repeat",
            2,
        )


def _fail(text: str, code: int) -> None:
    sys.stdout.flush()
    print(f"microslip: {text}", file=sys.stderr)
    sys.exit(code)
