"""How the systems of a study share the cores of a machine, and how long they still take."""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Course:
    """How far a system is, in grain-steps of its shear and in seconds since this command began.

    `left`: grain-steps that are to come. `sheared`: those that were done here, in `shear_seconds`. `other_seconds`:
    spent on all else, such as the preparation and the steps that follow. `state`: waiting, running, done or failed.
    """

    left: float
    sheared: float = 0.0
    shear_seconds: float = 0.0
    other_seconds: float = 0.0
    state: str = "waiting"


def choose_jobs(
    asked: Sequence[int | None], cores: int, memory: float = 0.0, installed: float = math.inf
) -> tuple[int, str]:
    """How many systems run at once: each takes the cores that its settings ask for, or a single one.

    A second thread makes a system 1.5 times as fast, a second process does twice the work. So threads are for cores
    that no system waits for.

    Parameters
    ----------
    asked
        Cores that each system's settings name, None where they leave it open.
    cores
        Cores there are.
    memory, installed
        Of the largest system, and of the machine [bytes].

    Returns
    -------
    tuple
        The number, and what it follows from, in a few words.
    """
    most = max((n or 1 for n in asked), default=1)
    by_cores, why = cores // most, "one on each core" if most == 1 else f"{most} cores asked for by one of them"
    if len(asked) <= by_cores:
        by_cores, why = len(asked), "all that there are"
    if memory > 0 and (by_memory := int(installed // memory)) < by_cores:
        by_cores, why = by_memory, f"some {memory / 1e9:.3g} GB of memory each"
    return max(1, by_cores), why


def share_of_cores(asked: int | None, free: int, places: int) -> int:
    """Cores of the next system: those that it asks for, or its part of the free ones, of which so many places share.

    The larger systems begin first, and get what does not divide.
    """
    return asked or max(1, math.ceil(free / places))


def seconds_left(courses: Sequence[Course], n_jobs: int) -> float | None:
    """Seconds to the end of the last system, where those that wait begin in this order; None before one is measured.

    What is left of a shear goes on at the system's own speed, or at the mean of all. All else takes what it took in
    the systems that are done, or has taken so far where none is.
    """
    measured = [course for course in courses if course.sheared > 0]
    if not measured and (any(course.left > 0 for course in courses) or not any(c.state == "done" for c in courses)):
        return None
    mean = sum(course.sheared for course in measured) / max(sum(course.shear_seconds for course in measured), 1e-9)
    of_others = [course.other_seconds for course in courses if course.state == "done"]
    of_others = of_others or [course.other_seconds for course in measured]
    other = sum(of_others) / len(of_others) if of_others else 0.0

    def rest(course: Course) -> float:
        speed = course.sheared / course.shear_seconds if course.sheared > 0 else mean
        shear = course.left / speed if course.left > 0 else 0.0
        return shear + max(0.0, other - course.other_seconds)

    ends = [rest(course) for course in courses if course.state == "running"]
    ends += [0.0] * (n_jobs - len(ends))
    heapq.heapify(ends)
    for course in courses:
        if course.state == "waiting":
            heapq.heapreplace(ends, ends[0] + rest(course))
    return max(ends)


def written_time(seconds: float | None) -> str:
    """Seconds as a reader counts them: 40 s, 12 min, 3 h 20 min, 2 d 5 h."""
    if seconds is None:
        return "not known yet"
    if seconds < 90:
        return f"{math.ceil(seconds)} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 24 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    hours = round(minutes / 60)
    return f"{hours // 24} d {hours % 24} h"
