"""What a caller gives, as checked arrays and numbers: for the entrance of public functions, not for their insides.

Whatever NumPy reads as numbers is taken: lists, columns of pandas, arrays of xarray, integers, single precision,
read-only, strided and big-endian arrays. Anything else is refused in one sentence that names the argument.
"""

from __future__ import annotations

import contextlib
import numbers
import os
from pathlib import Path
from types import EllipsisType
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64, Int64

from microslip.core.errors import MicroslipError

# Up to here sixth powers, the largest that a kernel takes, are finite; from its inverse on they are not zero.
LARGEST = 1e50

# Whole numbers up to here are exact in double precision too, and so are sums of some thousands of them.
MOST = 10**12

# A length of each axis: a number; the name of what may be any number of; or that, how many there are, and the argument
# that says so. `...` stands for any axes in front.
Shape = tuple[int | str | tuple[str, int, str] | EllipsisType, ...]

HELD = {
    "b": "marks (true and false)",
    "c": "complex numbers",
    "U": "text",
    "T": "text",
    "S": "bytes",
    "M": "dates",
    "m": "durations",
    "V": "records",
    "O": "objects that are no numbers",
}


def reals(
    name: str,
    values: Any,
    shape: Shape,
    *,
    missing: bool = False,
    positive: bool = False,
    marks: bool = False,
    largest: float = LARGEST,
    noun: str = "the value",
) -> Float64[np.ndarray, "*n"]:
    """Real numbers as a contiguous array of double precision.

    With `missing`, NaN is taken for a value that is not known, and so is what a mask hides; with `marks`, true and
    false are 1 and 0. The array may be the caller's own: it is not to be written to.

    Raises
    ------
    MicroslipError
        Another shape or type, a number that is not finite or beyond `largest`, or not positive where it must be.
    """
    given, masked = _read(name, values, "uifb" if marks else "uif")
    given = _shaped(name, given, shape)
    with np.errstate(over="ignore", invalid="ignore"):
        array = _contiguous(given, np.float64)
    if masked is not None:
        masked = masked.reshape(array.shape)
        if not missing:
            raise MicroslipError(
                f"{name} has masked entries, first at {_place(masked, shape)}: fill or drop them first"
            )
        array = np.where(masked, np.nan, array)
    if not array.size:
        return array
    if missing:
        bad = np.abs(array) > largest
        if positive:
            bad |= array < 1 / largest
        fine = not bad.any()
    else:
        low = 1 / largest if positive else -largest
        # NaN fails both, and no array of marks is made where all is well
        fine = bool(array.min() >= low and array.max() <= largest)
        if not fine:
            bad = ~((array >= low) & (array <= largest))
    if not fine:
        wanted = f"between {1 / largest:.0e} and {largest:.0e}" if positive else f"finite and at most {largest:.0e}"
        raise MicroslipError(f"{_found(name, array, bad, shape, noun)}: mend or drop it first, numbers are {wanted}")
    return array


def wholes(
    name: str, values: Any, shape: Shape, low: int, high: int = MOST, floats: bool = True, remedy: str = ""
) -> Int64[np.ndarray, "*n"]:
    """Whole numbers from `low` to `high`; `floats` that have no fraction are some, too.

    Raises
    ------
    MicroslipError
        Another shape or type, fractions, or numbers out of range; `remedy` is added to what is wrong.
    """
    given, masked = _read(name, values, "uif" if floats else "ui")
    given = _shaped(name, given, shape)
    if masked is not None:
        raise MicroslipError(f"{name} has masked entries: fill or drop them first")
    whole = given.dtype.kind in "ui" or (given == np.rint(given))
    if given.size and not (given.min() >= low and given.max() <= high and np.all(whole)):
        bad = ~((given >= low) & (given <= high) & whole)
        wanted = f"whole numbers from {low} to {high}" if -low < high < MOST else "whole numbers"
        raise MicroslipError(f"{_found(name, given, bad, shape)}: give {wanted}{remedy}")
    return _contiguous(given, np.int64)


def marks(name: str, values: Any, shape: Shape) -> Bool[np.ndarray, "*n"]:
    """True or false; 1 and 0 stand for them, and nothing else does.

    Raises
    ------
    MicroslipError
        Another shape or type, NaN or another number, masked entries.
    """
    given, masked = _read(name, values, "buif")
    given = _shaped(name, given, shape)
    if masked is not None:
        raise MicroslipError(f"{name} has masked entries, first at {_place(masked, shape)}: fill or drop them first")
    if given.dtype.kind != "b" and not (flags := (given == 0) | (given == 1)).all():
        raise MicroslipError(f"{_found(name, given, ~flags, shape)}: give True or False")
    return _contiguous(given, np.bool_)


def real(
    name: str,
    value: Any,
    rule: str,
    *,
    above: float = -np.inf,
    low: float = -LARGEST,
    high: float = LARGEST,
    unit: str = "",
) -> float:
    """One number within bounds, said by `rule` ("is not …"); `above` is the bound that it may not have itself.

    Raises
    ------
    MicroslipError
        No number, NaN, or out of bounds.
    """
    number = float(_one(name, value))
    if not (above < number and low <= number <= high):
        raise MicroslipError(f"{name} = {number:g}{unit} is not {rule}")
    return number


def whole(name: str, value: Any, low: int, high: int = MOST) -> int:
    """One whole number within bounds.

    Raises
    ------
    MicroslipError
        No number, a fraction, or out of bounds.
    """
    number = _one(name, value)
    if not (low <= number <= high and number == np.rint(number)):
        raise MicroslipError(f"{name} = {number:g} is no whole number from {low} to {high}")
    return int(number)


def flag(name: str, value: Any) -> bool:
    """True or false, and nothing that only looks like one.

    Raises
    ------
    MicroslipError
        Anything else, such as the text "false".
    """
    if not isinstance(value, bool | np.bool_):
        raise MicroslipError(f"{name} = {shown(value)} is neither True nor False: give one of them")
    return bool(value)


def record(name: str, value: Any, kind: type, remedy: str) -> None:
    """Refuse what is not of a class of ours; `remedy` says where one comes from.

    Raises
    ------
    MicroslipError
        A value of another class.
    """
    if not isinstance(value, kind):
        raise MicroslipError(f"{name} = {shown(value)} is no {kind.__name__}: {remedy}")


def function(name: str, value: Any) -> None:
    """Refuse what cannot be called.

    Raises
    ------
    MicroslipError
        It cannot.
    """
    if not callable(value):
        raise MicroslipError(f"{name} = {shown(value)} cannot be called: give a function, or leave it out")


def path(name: str, value: Any) -> Path:
    """A file's or a folder's path.

    Raises
    ------
    MicroslipError
        No text and no path, or one that no file can have.
    """
    if not isinstance(value, str | os.PathLike) or not isinstance(os.fspath(value), str) or "\0" in os.fspath(value):
        raise MicroslipError(f"{name} = {shown(value)} is no path: give one as text")
    return Path(value)


def shown(value: Any) -> str:
    """A value on one short line, whatever it is."""
    text = f"a {type(value).__name__}"
    # a number of thousands of digits has no text, and of a stranger's class anything may be expected
    with contextlib.suppress(Exception):
        text = " ".join(repr(value).split())
    return text if len(text) <= 60 else f"{text[:57]}…"


def _read(name: str, values: Any, kinds: str) -> tuple[np.ndarray, np.ndarray | None]:
    """The values as an array of one of the kinds of NumPy's types, and what a mask hides, if anything."""
    if isinstance(values, list | tuple) and any(np.ma.isMaskedArray(row) for row in values):
        with contextlib.suppress(Exception):
            data, mask = [np.ma.getdata(row) for row in values], [np.ma.getmaskarray(row) for row in values]
            values = np.ma.masked_array(data, mask)
    masked = None
    if np.ma.isMaskedArray(values):
        masked = np.ma.getmaskarray(values)
        masked = masked if masked.dtype == bool and masked.any() else None
        values = np.ma.getdata(values)
    try:
        given = np.asarray(values)
    except Exception:  # rows of several lengths, or a stranger's class
        raise MicroslipError(f"{name} = {shown(values)} is no array of numbers: give rows of one length") from None
    if given.dtype.kind == "O":
        given = _unboxed(given, kinds)
    if given.dtype.kind not in kinds and given.size:
        held = HELD.get(given.dtype.kind, str(given.dtype))
        wanted = "True or False" if kinds == "buif" else "whole numbers" if "f" not in kinds else "real numbers"
        held = "numbers with a decimal point" if given.dtype.kind == "f" else held
        raise MicroslipError(f"{name} = {shown(values)} holds {held}: give {wanted}")
    return given, masked


def _unboxed(given: np.ndarray, kinds: str) -> np.ndarray:
    """Objects that are all real numbers as numbers, others as they are: NumPy would read text and None as numbers."""
    for value in given.flat:
        if (isinstance(value, bool) and "b" not in kinds) or not isinstance(value, numbers.Real):
            return given
    with contextlib.suppress(Exception):  # whole numbers beyond all that a double holds
        return given.astype(np.float64)
    return given


def _contiguous(given: np.ndarray, dtype: type) -> np.ndarray:
    """In one piece and writeable: compiled kernels would be compiled anew for arrays that are not."""
    array: np.ndarray = np.ascontiguousarray(given, dtype=dtype).reshape(given.shape)
    return array if array.flags.writeable else array.copy()


def _one(name: str, value: Any) -> Any:
    given, masked = _read(name, value, "uif")
    if given.ndim or masked is not None:
        raise MicroslipError(f"{name} = {shown(value)} is not one number: give one")
    return given[()]


def _shaped(name: str, given: np.ndarray, shape: Shape) -> np.ndarray:
    """The array, where its shape is as wanted; an empty list has any."""
    lengths: list[int | None] = [
        axis[1] if isinstance(axis, tuple) else axis if isinstance(axis, int) else None for axis in shape
    ]
    if shape[:1] == (...,):
        lengths[:1] = [None] * (given.ndim - len(shape) + 1)
    elif given.shape == (0,) and len(shape) > 1 and not lengths[0]:
        given = given.reshape(0, *(length or 0 for length in lengths[1:]))
    fits = [length in (None, n) for length, n in zip(lengths, given.shape, strict=False)]
    if given.ndim == len(lengths) and all(fits):
        return given
    first = shape[0]
    if given.ndim == len(lengths) and all(fits[1:]) and isinstance(first, tuple):
        word, n, other = first
        raise MicroslipError(f"{name} has {len(given)} values for {n} {word}s of {other}: give one value per {word}")
    words = ["…" if n is ... else f"{n[1]} as {n[2]}" if isinstance(n, tuple) else str(n) for n in shape]
    wanted = ", ".join(words) + "," * (len(words) == 1)
    planar = (
        ", a constant z of planar data" if given.ndim == 2 and given.shape[1:] == (2,) and shape[1:] == (3,) else ""
    )
    raise MicroslipError(f"{name} has shape {given.shape}: give ({wanted}){planar}")


def _place(bad: np.ndarray, shape: Shape) -> str:
    """The first entry that is bad, by the name of its row."""
    at = np.unravel_index(int(bad.argmax()), bad.shape)
    word = shape[0] if len(shape) else ""
    word = word[0] if isinstance(word, tuple) else word if isinstance(word, str) else "entry"
    return f"{word} {at[0] if isinstance(shape[0], str | tuple) else ', '.join(str(int(i)) for i in at)}"


def _found(name: str, array: np.ndarray, bad: np.ndarray, shape: Shape, noun: str = "the value") -> str:
    """What is wrong with an array, and where."""
    place, at = _place(bad, shape), np.unravel_index(int(bad.argmax()), bad.shape)
    if array.ndim == 1 or not isinstance(shape[0], str | tuple):
        return f"the {name} is {array[at]:g} at {place}"
    row = " ".join(f"{value:g}" for value in array[at[0]].ravel()[:9].tolist())
    return f"{noun} of {place} is [{row}] in {name}"
