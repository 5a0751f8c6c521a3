"""How systems share cores, and how long they still take: known answers, and a walk through it second by second."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microslip.core.jobs import CORES, usable_cores, with_cores
from microslip.dem.config import ShearCell
from microslip.dem.cost import share_of_steps, shear_cost
from microslip.study.workload import Course, choose_jobs, seconds_left, share_of_cores, written_time


@pytest.mark.parametrize(
    ("asked", "cores", "n_jobs", "why"),
    [
        ([None] * 13, 2, 2, "one on each core"),
        ([None] * 13, 16, 13, "all that there are"),
        ([None] * 3, 16, 3, "all that there are"),
        ([8, 8, 8], 16, 2, "8 cores asked for by one of them"),
        ([None, 4], 16, 2, "all that there are"),
        ([*[None] * 12, 4], 16, 4, "4 cores asked for by one of them"),
        ([32, 32], 16, 1, "32 cores asked for by one of them"),
    ],
)
def test_as_many_at_once_as_cores_allow(asked, cores, n_jobs, why):
    assert choose_jobs(asked, cores) == (n_jobs, why)


def test_no_more_at_once_than_the_memory_holds():
    assert choose_jobs([None] * 8, 8, memory=3e9, installed=10e9) == (3, "some 3 GB of memory each")
    assert choose_jobs([None] * 8, 8, memory=30e9, installed=10e9) == (1, "some 30 GB of memory each")


def shares(n_jobs, cores, asked=None):
    """Cores of each of the systems that begin at once."""
    given = []
    while len(given) < n_jobs:
        given.append(share_of_cores(asked, cores - sum(given), n_jobs - len(given)))
    return given


def test_cores_that_no_system_waits_for_become_threads_and_none_is_left():
    assert shares(13, 16) == [2, 2, 2, *[1] * 10]
    assert shares(3, 16) == [6, 5, 5]
    assert shares(2, 2) == [1, 1]
    assert shares(1, 16) == [16]
    assert shares(2, 16, asked=4) == [4, 4]
    assert shares(4, 2) == [1, 1, 1, 1], "more at once than cores, where one asks for it"


def test_a_process_has_its_share_and_no_more_than_its_starter_allows(monkeypatch):
    environment = with_cores({"OMP_NUM_THREADS": "2", "NUMBA_NUM_THREADS": "16", "HOME": "/"}, 4)
    assert environment["OMP_NUM_THREADS"] == "2"
    assert environment["NUMBA_NUM_THREADS"] == environment[CORES] == "4"
    assert environment["HOME"] == "/"
    monkeypatch.delenv(CORES, raising=False)
    cores = usable_cores()
    monkeypatch.setenv(CORES, "1")
    assert usable_cores() == 1
    monkeypatch.setenv(CORES, str(cores + 5))
    assert usable_cores() == cores


def waiting(left):
    return Course(left)


def test_the_time_left_of_a_plan_with_known_speeds():
    # 10 a second measured, 2 s beyond the shear
    done = Course(0.0, sheared=100.0, shear_seconds=10.0, other_seconds=2.0, state="done")
    # twice as fast as the other, and has spent its other seconds
    running = Course(200.0, sheared=100.0, shear_seconds=5.0, other_seconds=2.0, state="running")
    mean = 200 / 15
    assert seconds_left([done, running], 1) == pytest.approx(10.0)
    assert seconds_left([done, running, waiting(400.0)], 1) == pytest.approx(10 + 400 / mean + 2)
    # a second place takes the one that waits at once
    assert seconds_left([done, running, waiting(400.0)], 2) == pytest.approx(400 / mean + 2)
    assert seconds_left([done, running, waiting(400.0), waiting(40.0)], 2) == pytest.approx(400 / mean + 2)
    assert seconds_left([done, done], 2) == 0
    failed = Course(0.0, state="failed")
    assert seconds_left([done, failed, waiting(100.0)], 2) == pytest.approx(12.0)


def test_the_time_left_is_not_known_before_anything_is():
    preparing = Course(100.0, other_seconds=30.0, state="running")
    assert seconds_left([preparing, waiting(100.0)], 2) is None
    # simulated already, and the first of them has not ended
    assert seconds_left([Course(0.0, other_seconds=3.0, state="running"), waiting(0.0)], 1) is None
    assert written_time(None) == "not known yet"
    done = Course(0.0, other_seconds=8.0, state="done")
    assert seconds_left([done, Course(0.0, other_seconds=3.0, state="running"), waiting(0.0)], 1) == pytest.approx(13)


@given(
    running=st.lists(st.integers(1, 40), max_size=4),
    lefts=st.lists(st.integers(1, 40), max_size=9),
    more=st.integers(1, 4),
)
def test_the_time_left_is_that_of_going_through_it_second_by_second(running, lefts, more):
    n_jobs = len(running) + more
    courses = [Course(float(left), 1.0, 1.0, 0.0, "running") for left in running]
    courses += [Course(0.0, 1.0, 1.0, 0.0, "done"), *map(waiting, map(float, lefts))]
    at_work, queue, seconds = list(running), list(lefts), 0
    while True:
        while queue and len(at_work) < n_jobs:
            at_work.append(queue.pop(0))
        if not at_work:
            break
        at_work = [left - 1 for left in at_work if left > 1]
        seconds += 1
    assert seconds_left(courses, n_jobs) == pytest.approx(seconds)


def test_times_are_written_as_a_reader_counts():
    assert [written_time(seconds) for seconds in (0.2, 89, 90, 3540, 12_000, 86_400, 200_000)] == [
        "1 s", "89 s", "2 min", "59 min", "3 h 20 min", "1 d 0 h", "2 d 8 h",
    ]  # fmt: skip


def test_the_cost_of_a_cell_is_its_grains_times_its_steps():
    loading = {"shear_rate": 1.0, "strain": 0.2, "warm_up": 0.1}
    cell = ShearCell.model_validate({"loading": loading})
    fast = ShearCell.model_validate({"loading": {**loading, "warm_up_rate": 10.0, "slow_down": 0.01}})
    for each in (cell, fast):
        assert share_of_steps(each, -1) == share_of_steps(each, 0) == 0
        assert share_of_steps(each, each.n_samples - 1) == 1
    steps = 0.2 / (1.0 * cell.timestep)
    assert shear_cost(cell) == pytest.approx(cell.n_grains * steps)
    # half of the strain takes a tenth of its steps, but for the slowing down
    assert shear_cost(fast) == pytest.approx(0.55 * shear_cost(cell), rel=0.05)
    assert share_of_steps(cell, cell.n_samples // 2) == pytest.approx(0.5, abs=0.01)
    # ten times as fast in the first half of the strain
    assert share_of_steps(fast, fast.n_samples // 2) == pytest.approx(1 / 11, rel=0.35)
