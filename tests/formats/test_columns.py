"""Names and whole numbers, whatever the format."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microslip import MicroslipError
from microslip.formats.columns import named, whole_numbers

KNOWN = {"id": "id", "ids": "id", "radius": "radius", "radii": "radius"}


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (["ID", "id"], {"id": "id"}),
        (["id", "ID"], {"id": "id"}),
        (["ids", "id", "x"], {"id": "id"}),
        (["ID"], {"ID": "id"}),
        (["Radii"], {"Radii": "radius"}),
        ([], {}),
    ],
)
def test_the_exact_name_wins(names, chosen):
    assert named(names, KNOWN, "here") == chosen


@pytest.mark.parametrize("names", [["ID", "Id"], ["ids", "ID"], ["Radius", "radii"]])
def test_names_of_which_none_is_exact_are_refused(names):
    with pytest.raises(MicroslipError, match=f"here: {names[0]} and {names[1]} may both be"):
        named(names, KNOWN, "here")


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1))
def test_whole_numbers_stay_as_they_are(numbers):
    assert whole_numbers(np.array(numbers, dtype=np.int64), "id", "here").tolist() == numbers
    small = np.array([number % 2**53 for number in numbers], dtype=float)
    assert whole_numbers(small, "id", "here").tolist() == [int(number) for number in small]


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (np.array([1.0, 1.5]), "id is 1.5, not a whole number"),
        (np.array([np.nan]), "id is nan, not a whole number"),
        (np.array([np.inf]), "id is inf, not a whole number"),
        (np.array([2.0**53 + 2]), "id 9007199254740994 is kept as a float64 number, which does not tell it"),
        (np.array([2.0**24 + 2], dtype=np.float32), "id 16777218 is kept as a float32 number"),
        (np.array([2**63], dtype=np.uint64), "id is 9223372036854775808, not a whole number"),
        (np.array(["a"]), "id holds .*a.*, not whole numbers"),
    ],
)
def test_what_is_no_whole_number_is_refused(values, sentence):
    with pytest.raises(MicroslipError, match=f"here: {sentence}"):
        whole_numbers(values, "id", "here")
