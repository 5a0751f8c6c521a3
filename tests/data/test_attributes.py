"""Whether a pressure sets the scale of a run's stresses."""

import pytest

from microslip.data.attributes import pressure_known, stress_unit


@pytest.mark.parametrize(
    ("attributes", "known"),
    [
        ({}, True),
        ({"imported": True, "pressure": 4.0, "pressure_known": True}, True),
        ({"imported": True, "pressure": 1.0, "pressure_known": True}, True),
        ({"imported": True, "pressure": 1.0, "pressure_known": False}, False),
        # older stores say it by a pressure of 1
        ({"imported": True, "pressure": 4.0}, True),
        ({"imported": True, "pressure": 1.0}, False),
        ({"imported": True, "pressure": 1}, False),
    ],
)
def test_a_pressure_is_known_or_stresses_are_in_source_units(attributes, known):
    assert pressure_known(attributes) == known
    assert stress_unit(attributes) == ("p" if known else "source units")
