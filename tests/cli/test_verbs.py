"""The list of verbs: in groups, complete, and shown without loading what they need."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

from microslip.cli.verbs import GROUPS, app
from microslip.steps.registry import RUN_STEPS, STEPS

PLACES = [(verb, module) for verbs in GROUPS.values() for verb, module in verbs.items()]
HEAVY = {"matplotlib", "numba", "numpy", "pandas", "pydantic", "scipy", "torch", "xarray", "zarr"}


@pytest.mark.parametrize(("verb", "module"), PLACES)
def test_a_verb_is_a_function_whose_docstring_is_its_help(verb, module):
    function = getattr(importlib.import_module(f"microslip.cli.{module}"), "import_" if verb == "import" else verb)
    assert app[verb].default_command is function
    assert " ".join(app[verb].help.split()) == " ".join(function.__doc__.split())


def test_every_step_has_a_verb_and_those_of_a_run_stand_in_their_order():
    assert {verb for verb, _ in PLACES} >= set(STEPS)
    assert tuple(GROUPS["The steps, in their order"]) == RUN_STEPS


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], []])
def test_the_list_of_verbs_loads_nothing_heavy(arguments):
    script = f"import sys\nsys.argv[1:] = {arguments}\nfrom microslip.__main__ import main\nimport atexit\n"
    script += f"atexit.register(lambda: print(sorted({HEAVY} & set(sys.modules)), file=sys.stderr))\nmain()"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert result.stderr == "[]\n"
    assert result.returncode == 0
    if arguments != ["--version"]:
        places = [result.stdout.index(title) for title in GROUPS]
        assert places == sorted(places)
