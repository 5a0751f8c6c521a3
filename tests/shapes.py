"""Which modules have the shapes in their types checked while the tests run, and how.

Annotations without a shape are mypy's. A parameter that a function hands to `core.arguments` may be whatever NumPy
reads as numbers: there is nothing to check before the call, and what the function returns is checked.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

from beartype import beartype
from jaxtyping import AbstractArray

SOURCE = Path(__file__).parents[1] / "src" / "microslip"

# What compiled code is in has no Python function to check.
COMPILED = "_kernels"

# Folders that hold no arrays to speak of, and why.
WITHOUT_SHAPES = {
    "cli": "words and paths",
    "steps": "arrays of stores, whose shapes the functions check that the steps call",
    "views": "pictures, checked by the tests that look at them",
}


def module_names() -> dict[str, Path]:
    """Every module of the package by its whole name."""
    files = sorted(path for path in SOURCE.rglob("*.py") if path.name not in ("__init__.py", "__main__.py"))
    return {".".join(path.relative_to(SOURCE.parent).with_suffix("").parts): path for path in files}


def is_checked(name: str) -> bool:
    """Whether the shapes of a module are checked."""
    return not name.endswith(COMPILED) and name.split(".")[1] not in WITHOUT_SHAPES


def _handed_on(function: ast.FunctionDef, parameters: list[str]) -> list[tuple[str, int | str | None, str]]:
    """What a function hands on as it was given: to which other, as which argument of it, and which parameter."""
    calls = [node for node in ast.walk(function) if isinstance(node, ast.Call)]
    return [
        (call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", ""), place, value.id)
        for call in calls
        for place, value in [*enumerate(call.args), *((each.arg, each.value) for each in call.keywords)]
        if isinstance(value, ast.Name) and value.id in parameters
    ]


def _find_lenient() -> set[tuple[str, str]]:
    """(function, parameter) wherever `core.arguments` checks the parameter, directly or through other functions."""
    names: dict[str, list[str]] = {}
    calls: set[tuple[str, str, str, int | str | None]] = set()
    for path in module_names().values():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                parameters = [each.arg for each in (*node.args.args, *node.args.kwonlyargs) if each.arg != "self"]
                names.setdefault(node.name, parameters)
                handed = _handed_on(node, parameters)
                calls |= {(node.name, parameter, called, place) for called, place, parameter in handed}
    lenient = {("reals", "values"), ("wholes", "values"), ("marks", "values"), ("real", "value")}
    while True:
        before = len(lenient)
        for name, parameter, called, place in calls:
            if isinstance(place, int):
                place = dict(enumerate(names.get(called, []))).get(place)
            if (called, place) in lenient:
                lenient.add((name, parameter))
        if len(lenient) == before:
            return lenient


LENIENT = _find_lenient()


def _has_shape(annotation: Any) -> bool:
    is_array = isinstance(annotation, type) and issubclass(annotation, AbstractArray)
    return is_array or any(map(_has_shape, get_args(annotation)))


def check(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that refuses arrays of other shapes than its annotations name."""
    function.__annotations__ = {
        name: annotation
        for name, annotation in function.__annotations__.items()
        if _has_shape(annotation) and (function.__name__, name) not in LENIENT
    }
    return beartype(function) if function.__annotations__ else function
