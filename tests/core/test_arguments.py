"""What a public function takes for numbers, and the sentence on what it does not take: name, place, one line."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from microslip import MicroslipError
from microslip.core import arguments

TABLE = np.arange(12.0).reshape(4, 3)


@pytest.mark.parametrize(
    "form",
    [
        TABLE.tolist(),
        TABLE.astype(">f4"),
        TABLE.astype(np.uint8),
        np.asfortranarray(TABLE),
        np.repeat(TABLE, 2, axis=1)[:, ::2],
        pd.DataFrame(TABLE, columns=list("xyz"), index=[7, 7, 1, 0]),
        xr.DataArray(TABLE, dims=("grain", "axis")),
        np.ma.masked_array(TABLE, mask=False),
        TABLE.astype(object),
        TABLE.astype(np.longdouble),
    ],
)
def test_forms_of_the_same_numbers(form):
    found = arguments.reals("places", form, ("grain", 3))
    np.testing.assert_array_equal(found, TABLE)
    assert found.dtype == np.float64
    assert found.flags.c_contiguous
    assert found.flags.writeable


def test_an_array_that_is_right_is_not_copied():
    assert arguments.reals("places", TABLE, ("grain", 3)) is TABLE or np.shares_memory(
        arguments.reals("places", TABLE, ("grain", 3)), TABLE
    )
    frozen = TABLE.copy()
    frozen.flags.writeable = False
    assert not np.shares_memory(arguments.reals("places", frozen, ("grain", 3)), frozen)


def test_an_empty_list_has_any_shape():
    assert arguments.reals("places", [], ("grain", 3)).shape == (0, 3)
    assert arguments.wholes("pairs", [], ("contact", 2), 0).shape == (0, 2)
    assert arguments.marks("of", [], ("grain",)).shape == (0,)


def test_what_a_mask_hides_is_missing_or_refused():
    """NumPy's own conversion gives the number beneath the mask."""
    hidden = np.ma.masked_array([1.0, 9999.0, 3.0], mask=[False, True, False])
    np.testing.assert_array_equal(arguments.reals("values", hidden, ("grain",), missing=True), [1, np.nan, 3])
    for form in (hidden, list(hidden)):
        with pytest.raises(MicroslipError, match="values has masked entries, first at grain 1"):
            arguments.reals("values", form, ("grain",))
    with pytest.raises(MicroslipError, match="of has masked entries"):
        arguments.marks("of", np.ma.masked_array([True, True], mask=[True, False]), ("grain",))


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        (TABLE[:, :2], r"places has shape \(4, 2\): give \(grain, 3\), a constant z of planar data"),
        (TABLE[0], r"places has shape \(3,\): give \(grain, 3\)"),
        (TABLE.astype(complex), "places = .* holds complex numbers: give real numbers"),
        (TABLE.astype(str), "places = .* holds text"),
        ([[None, 1, 2]], "holds objects that are no numbers"),
        ([["1.5", 1, 2]], "holds text"),
        (np.array([["1.5", 1, 2]], dtype=object), "holds objects that are no numbers"),
        (TABLE > 3, r"holds marks \(true and false\)"),
        ([[1, 2, 3], [4]], "is no array of numbers: give rows of one length"),
        (np.where(TABLE == 7, np.nan, TABLE), r"the value of grain 2 is \[6 nan 8\] in places: mend or drop it first"),
        (np.where(TABLE == 7, 1e300, TABLE), r"the value of grain 2 is \[6 1e\+300 8\] in places"),
        ([[10**400, 1, 2]], "holds objects"),
        (None, "places = None holds objects"),
        (pd.DataFrame({"x": [1], "y": pd.array([None], dtype="Int64"), "z": [2]}), "holds objects"),
    ],
)
def test_what_is_no_table_of_places(form, sentence):
    with pytest.raises(MicroslipError, match=sentence) as raised:
        arguments.reals("places", form, ("grain", 3))
    assert "\n" not in str(raised.value)


def test_nan_is_no_mark():
    """A mask of decimals with NaN made every grain active, for NaN counts as true."""
    for form in (np.array([0.0, np.nan, 1.0]), [0, 2, 1], [0.5, 1, 0], ["", "a", ""]):
        with pytest.raises(MicroslipError, match="active"):
            arguments.marks("active", form, ("grain",))
    np.testing.assert_array_equal(arguments.marks("active", [0.0, 1.0], ("grain",)), [False, True])


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (np.nan, "cutoff = nan is not positive"),
        (-1, "cutoff = -1 is not positive"),
        (True, r"cutoff = True holds marks"),
        ("2", "cutoff = '2' holds text"),
        ([2.0], r"cutoff = \[2.0\] is not one number"),
        (None, "cutoff = None holds objects"),
        (2j, "cutoff = 2j holds complex numbers"),
        (np.ma.masked, "cutoff = masked is not one number"),
        pytest.param(10**5000, "cutoff = a int holds objects", id="5001 digits"),
    ],
)
def test_what_is_no_number(value, sentence):
    with pytest.raises(MicroslipError, match=sentence):
        arguments.real("cutoff", value, "positive", above=0)


@pytest.mark.parametrize("value", [2.5, np.nan, 0, 11, 1e20, "3", True, None])
def test_what_is_no_whole_number(value):
    with pytest.raises(MicroslipError, match=r"^n = "):
        arguments.whole("n", value, 1, 10)
    assert arguments.whole("n", np.int8(3), 1, 10) == arguments.whole("n", 3.0, 1, 10) == 3


def test_a_long_value_is_shown_short_and_on_one_line():
    assert len(arguments.shown(np.arange(10_000))) <= 60
    assert "\n" not in arguments.shown(pd.DataFrame({"a": range(40)}))
    assert "\x1b" not in arguments.shown("\x1b[31mred")
