"""Shapes in the types are checked in every module that has arrays."""

import ast

import numpy as np
import pytest
from jaxtyping import TypeCheckError

from microslip.fields.precision import below_floor
from microslip.learn.evaluate import r_squared

from . import shapes


def test_shapes_in_the_types_are_checked_while_the_tests_run():
    with pytest.raises(TypeCheckError, match="stage"):
        r_squared(np.zeros(3), np.zeros(4))
    with pytest.raises(TypeCheckError, match="stage grain"):
        below_floor(np.zeros(3), 1.0)


def test_what_core_arguments_checks_is_left_to_it():
    assert {("d2min", "reference"), ("spatial_correlation", "values"), ("wrap", "positions")} <= shapes.LENIENT
    assert ("below_floor", "d2min") not in shapes.LENIENT


def is_compiled(node):
    return isinstance(node, ast.FunctionDef) and any("njit" in ast.unparse(each) for each in node.decorator_list)


@pytest.mark.parametrize("name", shapes.module_names())
def test_compiled_functions_stand_apart_and_the_rest_is_checked(name):
    """The check cannot wrap what numba compiles: it has modules of its own, and nothing else is in them."""
    functions = [
        node for node in ast.parse(shapes.module_names()[name].read_text()).body if isinstance(node, ast.FunctionDef)
    ]
    compiled = [node.name for node in functions if is_compiled(node)]
    if name.endswith(shapes.COMPILED):
        assert compiled
    else:
        assert compiled == []
