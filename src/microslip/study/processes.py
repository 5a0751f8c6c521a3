"""The systems of a study side by side, each in a process of its own: start, follow and stop them."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from microslip.core.errors import MicroslipError
from microslip.core.jobs import with_cores
from microslip.core.stopping import SAME, asked, check, when_asked
from microslip.core.visible import visible
from microslip.dem.checkpoints import POINTER, read_pointer
from microslip.dem.cost import share_of_steps, shear_cost
from microslip.dem.engines import ENGINES
from microslip.steps.run_settings import run_folder
from microslip.study.plan import System
from microslip.study.workload import Course, share_of_cores

# What a system's process prints, all the times that it was taken up, in its run folder.
LOG = "study.log"

# Seconds between two looks at what has changed.
POLL = 0.5
# Least seconds between two reports of one step.
REPORT_EVERY = 0.5


@dataclass
class Job:
    """A system on its way: `share` of the time steps of its shear; `verb` that it is at; `failure` where it failed."""

    number: int
    system: System
    cost: float  # [grain-steps]
    share: float
    state: str = "waiting"
    verb: str = ""
    cores: int = 0
    seconds: float = 0.0
    failure: str = ""
    _process: subprocess.Popen[bytes] | None = None
    _begun: float = 0.0
    _stopped: bool = False
    # moments and shares of the first and the last report of the shear
    _reports: list[tuple[float, float]] = field(default_factory=list)

    @property
    def course(self) -> Course:
        """What `workload` asks of it."""
        if self.state == "running":
            self.seconds = time.monotonic() - self._begun
        (first, before), (last, after) = (self._reports[0], self._reports[-1]) if self._reports else ((0.0, 0.0),) * 2
        left = self.cost * (1 - self.share) if self.state in ("waiting", "running") else 0.0
        return Course(left, self.cost * (after - before), last - first, self.seconds - (last - first), self.state)

    def follow(self, message: dict[str, Any]) -> None:
        """Take up what its process reports: `verb`, `done`, `total`."""
        self.verb = message["verb"]
        cell = self.system.config.simulation
        if self.verb == "simulate" and message["total"] == cell.n_samples and self.share < 1:
            self.share = share_of_steps(cell, message["done"] - 1)
            self._reports = [*self._reports[:1], (time.monotonic(), self.share)]

    def start(self, folder: Path, cores: int, events: queue.SimpleQueue[tuple[Job, Any]]) -> None:
        """Its process, which does `--job` of the same study, and a thread that hears it; errors as of `run_folder`."""
        self.state, self._begun, self.cores = "running", time.monotonic(), cores
        place = run_folder(folder / self.system.name, self.system.config)
        reader, writer = os.pipe()
        words = ["study", str(folder.absolute()), "--job", str(self.number), "--progress-to", str(writer)]
        try:
            with (place / LOG).open("a") as log:
                log.write(f"--- {time.strftime('%Y-%m-%d %H:%M:%S')}, {cores} core{'s' if cores > 1 else ''}\n")
                log.flush()
                # a session of its own: a Ctrl-C reaches the study alone, which then asks the others to stop
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "microslip", *words],
                    stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                    env=with_cores(os.environ, cores), pass_fds=(writer,), start_new_session=True,
                )  # fmt: skip
        except BaseException:
            os.close(reader)
            raise
        finally:
            os.close(writer)
        threading.Thread(target=self._listen, args=(reader, events), daemon=True).start()

    def _listen(self, reader: int, events: queue.SimpleQueue[tuple[Job, Any]]) -> None:
        assert self._process is not None
        with os.fdopen(reader) as lines:
            for line in lines:
                # that of a process which was killed may be cut
                with suppress(json.JSONDecodeError):
                    events.put((self, json.loads(line)))
        events.put((self, self._process.wait()))

    def stop(self) -> None:
        """Ask its process to stop, once: a second time it would end on the spot."""
        if self._process is None or self._stopped:
            return
        self._stopped = True
        self._process.send_signal(asked() or signal.SIGTERM)

    def wait(self) -> None:
        """Until its process has ended."""
        if self._process is not None:
            self._process.wait()

    def end(self, code: int, folder: Path) -> None:
        """Its process has ended with this exit code."""
        self.seconds = time.monotonic() - self._begun
        self.state = "failed" if code else "done"
        if code:
            log = folder / self.system.name / LOG
            how = f"ended by {signal.Signals(-code).name}: " if code < 0 else ""
            self.failure = f"{how}{_last_line(log)}; see {log}"


def plan_jobs(systems: list[tuple[int, System]], steps: tuple[str, ...], folder: Path) -> list[Job]:
    """A job for each system with its number, the costliest first, so that none is left to run on alone at the end."""
    jobs = []
    for number, system in systems:
        cost, share = 0.0, 0.0
        if "simulate" in steps:
            cost, share = shear_cost(system.config.simulation), _share_before(system, folder / system.name / "dem")
        jobs.append(Job(number, system, cost, share))
    return sorted(jobs, key=lambda job: -job.cost * (1 - job.share))


def _share_before(system: System, folder: Path) -> float:
    """Share of the time steps that an earlier command has done; what is wrong with the run, its own process says."""
    if not (folder / POINTER).exists():
        return 0.0
    try:
        return share_of_steps(system.config.simulation, read_pointer(folder)["last_sample"])
    except MicroslipError:
        return 0.0


def run_jobs(jobs: list[Job], folder: Path, n_jobs: int, cores: int, tell: Callable[[Job | None], None]) -> None:
    """Run every job, so many at once, in the order given; one that fails leaves the others alone.

    Parameters
    ----------
    folder
        The study's.
    cores
        Cores that the jobs share.
    tell
        Called with a job when it has ended, and with None whenever something may have changed.

    Raises
    ------
    KeyboardInterrupt
        A stop was asked for, and all processes have ended; they go on from their checkpoints next time.
    """
    events: queue.SimpleQueue[tuple[Job | None, Any]] = queue.SimpleQueue()

    def ask_to_stop() -> None:
        for job in jobs:
            job.stop()
        events.put((None, None))

    alone = _must_compile(jobs)
    with when_asked(ask_to_stop):
        try:
            while True:
                check()
                waiting, running = ([job for job in jobs if job.state == state] for state in ("waiting", "running"))
                if not waiting and not running:
                    break
                alone = alone and not any(job.course.sheared or job.state in ("done", "failed") for job in jobs)
                if waiting and len(running) < (1 if alone else n_jobs):
                    places = min(len(waiting), n_jobs - len(running))
                    _begin(waiting[0], cores - sum(job.cores for job in running), places, folder, events, tell)
                    continue
                try:
                    job, event = events.get(timeout=POLL)
                except queue.Empty:
                    job, event = None, None
                if job is not None and isinstance(event, int):
                    # a scheduler sends its signal to all processes of a job, and this one's may be the last to come
                    if event > 128 or event < 0:
                        time.sleep(SAME)
                        check()
                    job.end(event, folder)
                    tell(job)
                elif job is not None:
                    job.follow(event)
                tell(None)
        except BaseException:
            for job in jobs:
                job.stop()
            for job in jobs:
                job.wait()
            raise


def _begin(
    job: Job, free: int, places: int, folder: Path, events: queue.SimpleQueue[Any], tell: Callable[[Job | None], None]
) -> None:
    """Begin a job with its share of the cores that are free."""
    try:
        job.start(folder, share_of_cores(job.system.config.simulation.engine.cores_asked(), free, places), events)
    except MicroslipError as problem:
        job.state, job.failure = "failed", str(problem)
        tell(job)
    tell(None)


def _must_compile(jobs: list[Job]) -> bool:
    """Whether the first system makes the engine's machine code, which the others then find.

    Where two processes save code of one function for different arguments at the same moment, numba may mix them up.
    """
    kinds = {job.system.config.simulation.engine.kind for job in jobs if job.share < 1 and job.cost}
    return not all(ENGINES[kind].is_compiled() for kind in kinds)


def reporter(file: int) -> Callable[[str, int, int], None]:
    """What a system's process reports to the study, a line of JSON each: verb, parts done, parts in all.

    Where the study is gone, killed without a chance to say so, this process asks itself to stop.
    """
    os.set_inheritable(file, False)
    last: list[Any] = ["", 0.0]

    def report(verb: str, done: int, total: int) -> None:
        now = time.monotonic()
        if verb == last[0] and now - last[1] < REPORT_EVERY and done < total:
            return
        last[:] = verb, now
        try:
            os.write(file, f"{json.dumps({'verb': verb, 'done': done, 'total': total})}\n".encode())
        except BrokenPipeError:
            os.kill(os.getpid(), signal.SIGTERM)

    return report


def _last_line(log: Path) -> str:
    """The last line of a log that is not empty."""
    with suppress(OSError):
        lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
        if lines:
            return visible(lines[-1].strip().removeprefix("microslip: "))
    return "it has left no line"
