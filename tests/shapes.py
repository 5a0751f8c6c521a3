"""Which modules have the shapes in their types checked while the tests run, and how.

Annotations without a shape are mypy's. A parameter that a function hands to `core.arguments` before it uses it may be
whatever NumPy reads as numbers, so that there is nothing to check before the call; what the function returns is checked.
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


def _calls(tree: ast.AST, parameters: list[str]) -> list[tuple[str, int | str, str]]:
    """The parameters that a function hands on as they are: to which function, at which place or name, and which."""
    handed_on = []
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        called = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        places = [*enumerate(call.args), *((keyword.arg, keyword.value) for keyword in call.keywords)]
        handed_on += [
            (called, place, value.id) for place, value in places if isinstance(value, ast.Name) and value.id in parameters
        ]
    return handed_on


def _find_lenient() -> set[tuple[str, str]]:
    """(function, parameter) wherever core.arguments checks the parameter, directly or through other functions."""
    functions: dict[str, tuple[list[str], list[tuple[str, int | str, str]]]] = {}
    for path in module_names().values():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                parameters = [one.arg for one in (*node.args.args, *node.args.kwonlyargs) if one.arg != "self"]
                before, calls = functions.get(node.name, (parameters, []))
                functions[node.name] = (before, [*calls, *_calls(node, parameters)])
    lenient = {(name, "values" if name != "real" else "value") for name in ("reals", "wholes", "marks", "real")}
    while True:
        more = {
            (name, parameter)
            for name, (_, calls) in functions.items()
            for called, place, parameter in calls
            if called in functions
            and (called, place if isinstance(place, str) else dict(enumerate(functions[called][0])).get(place)) in lenient
        }
        if more <= lenient:
            return lenient
        lenient |= more


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
