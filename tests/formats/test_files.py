"""Files of one run in the order of the steps in them."""

from pathlib import Path

import numpy as np
import pytest

from microslip import MicroslipError
from microslip.formats.files import by_step, name_numbers, natural_within_families
from microslip.formats.frame import Frame


def ordered(*files):
    """Names in order, and what was noted, of (name, step); a step that is text is a time, None counts, () is empty."""
    first = {}
    for name, step in files:
        told = isinstance(step, int)
        time = float(step) if isinstance(step, str) else None
        first[Path(name)] = (
            None if step == () else Frame(step if told else 0, {"x": np.zeros(1)}, name, step_told=told, time=time)
        )
    notes = []
    found = by_step(list(first), first, notes.append)
    return [path.as_posix() for path in found], notes


def test_steps_go_before_names_and_before_the_order_given():
    assert ordered(("c", 5), ("a", 100), ("b", 20)) == (["c", "b", "a"], [])
    # two disks
    assert ordered(("b/d.1000", 1000), ("a/d.0", 0), ("a/d.2000", 2000)) == (["a/d.0", "b/d.1000", "a/d.2000"], [])


def test_without_steps_times_rule_and_without_times_the_order_given():
    assert ordered(("before", None), ("after", None)) == (["before", "after"], [])
    assert ordered(("a", "2.5"), ("b", "0.5"), ("c", "1")) == (["b", "c", "a"], [])
    assert ordered(("a", "2.5"), ("b", None)) == (["a", "b"], [])


def test_a_part_that_begins_at_a_step_of_another_replaces_what_follows():
    one = [(f"run1/d.{step}", step) for step in (0, 100, 200, 300)]
    two = [(f"run2/d.{step}", step) for step in (200, 300, 400)]
    for files in ([*one, *two], [*two, *one]):
        found, notes = ordered(*files)
        assert found == ["run1/d.0", "run1/d.100", "run2/d.200", "run2/d.300", "run2/d.400"]
        assert notes == [
            "run2/d.200 begins again at step 200, as after a restart: 2 files from it on are left out, run1/d.200 to"
            " run1/d.300"
        ]
    found, notes = ordered(("d.0", 0), ("d.10", 10), ("d.0.gz", 0), ("d.10.gz", 10))
    assert found == ["d.0.gz", "d.10.gz"]
    assert notes == ["2 files, such as d.0, begin at the step of another, which counts"]
    # packed files are of the same part
    assert ordered(("d.0.gz", 0), ("d.10", 10), ("d.5.gz", 5)) == (["d.0.gz", "d.5.gz", "d.10"], [])


def test_files_without_a_whole_frame_come_last_and_a_mixture_is_refused():
    assert ordered(("a", ()), ("b", 5), ("c", 1)) == (["c", "b", "a"], [])
    with pytest.raises(MicroslipError, match="a tells its step, and b does not"):
        ordered(("a", 1), ("b", None))


def test_names_that_differ_in_numbers_alone_follow_their_numbers():
    names = ["x.0", "x.1000", "x.200", "after", "before", "run10/d.0", "run2/d.5", "run2/d.10"]
    found = [path.as_posix() for path in natural_within_families([Path(name) for name in names])]
    assert found == ["x.0", "x.200", "x.1000", "after", "before", "run2/d.5", "run2/d.10", "run10/d.0"]


@pytest.mark.parametrize(
    ("names", "numbers"),
    [
        (["scan_7_3.csv", "scan_7_20.csv"], [3, 20]),
        (["scan_3_v2.csv", "scan_20_v2.csv"], [3, 20]),
        (["a.csv", "b.csv"], [None, None]),
        (["dump.12.csv.gz"], [12]),
    ],
)
def test_the_number_of_a_file_is_the_last_that_differs(names, numbers):
    assert name_numbers([Path(name) for name in names]) == numbers
