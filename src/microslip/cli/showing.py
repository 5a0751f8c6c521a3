"""Verbs that show a run: in the terminal, as figures, as a report, and as a page to explore."""

from __future__ import annotations

import signal
from contextlib import suppress
from pathlib import Path

from microslip.cli.common import (
    Set,
    bar,
    console,
    one_step,
)
from microslip.core.errors import MicroslipError
from microslip.core.stopping import asked, check, when_asked
from microslip.data.files import write_table
from microslip.data.run import Run, open_run
from microslip.data.step_state import StepState
from microslip.info import describe_run, describe_steps
from microslip.states import step_states
from microslip.steps.registry import check_overrides
from microslip.steps.run_settings import run_config
from microslip.steps.view import export_view
from microslip.study.folder import write_results
from microslip.study.packings import check_alike, claims_together, describe_together
from microslip.study.plan import STUDY_FILE, load_study


def info(run: Path) -> None:
    """Say what RUN, or a zip archive of `microslip pack`, holds: cell, progress, stages, scores and timings."""
    if run.suffix == ".zip" and run.is_file():
        from microslip.steps.pack import describe_pack

        with bar("reading the archive") as (advance, _):
            lines = describe_pack(run, advance)
        for line in lines:
            console.print(line, markup=False)
        return
    for line in describe_run(open_run(run)):
        console.print(line, markup=False)


def steps(run: Path) -> None:
    """Say which steps of RUN are done, out of date, damaged or missing, why, and what to do."""
    for line in describe_steps(open_run(run)):
        console.print(line, markup=False)


def figures(run: Path, *, set_: Set = None) -> None:
    """Draw the figures of RUN → figures/; given a study's folder, those of its systems together."""
    if (run / STUDY_FILE).is_file():
        if set_:
            raise MicroslipError(f"{run} is a study's folder: its settings are those of {run / STUDY_FILE}")
        write_results(load_study(run), run, lambda text: console.print(f"  {text}", markup=False))
        return
    one_step("figures", run, set_)


def claims(run: Path, *others: Path, into: Path | None = None) -> None:
    """Say what RUN and other packings of the same system, runs of other seeds, say of the paper's claims together.

    Each has been through `microslip statistics`. Means over packings, with an interval that counts how they differ.

    Parameters
    ----------
    others
        The runs of other seeds.
    into
        A CSV file for the table; printed alone where left out.
    """
    runs = [open_run(folder) for folder in (run, *others)]
    for line in check_alike(runs):
        console.print(f"  warning: {line}")
    table = claims_together(runs)
    for line in describe_together(table):
        console.print(f"  {line}", markup=False)
    if into is not None:
        write_table(into, table)


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
        states = step_states(opened.folder, run_config(opened.folder))
    except MicroslipError as problem:
        # what tells which steps are current is damaged: the rest can still be shown
        console.print(f"  warning: {problem}", markup=False)
    if states is None or into is not None:
        from microslip.views.report.run_report import write_report

        folder = into or opened.folder / "report"
        write_report(opened, folder, states)
        console.print(f"  open {folder / 'index.html'} in a browser", markup=False)
        return
    one_step("report", run, set_)


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
    states = _states(opened)
    for state in states:
        if state.state == "damaged":
            console.print(f"  warning: damaged, {state.verb}: {state.why}", markup=False)
    with bar("writing the page") as (advance, say):
        n_stages, size = export_view(opened, export, stages, states, advance)
        say(f"{size / 1e6:.0f} MB with the grains of {n_stages} stages; look at it with:")
        say(f"python -m http.server --directory {export}")


def _states(run: Run) -> list[StepState]:
    """State of every step, so that results that are out of date can be named; none without readable settings."""
    try:
        return list(step_states(run.folder, run_config(run.folder)).values())
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
        with suppress(KeyboardInterrupt), when_asked(server.shutdown):
            server.serve_forever()
        if asked() not in (None, signal.SIGINT):
            check()
        console.print("  ended")
