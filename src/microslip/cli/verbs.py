"""The application and its verbs by group; the module of a verb is imported when the verb is asked for."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from cyclopts import App, Group

import microslip

# In the order of the help: the module of each verb beside this one. A verb is the function of its name there.
GROUPS = {
    "Run everything": {"run": "running", "study": "studying"},
    "The steps, in their order": {
        "simulate": "running",
        "stages": "running",
        "fields": "running",
        "voxels": "running",
        "train": "learning",
        "explain": "learning",
        "statistics": "running",
        "figures": "showing",
        "report": "showing",
    },
    "Look at a run": {"info": "showing", "steps": "showing", "view": "showing"},
    "Compare runs": {"claims": "showing"},
    "Learn more": {
        "ablate": "learning",
        "assess": "learning",
        "ceiling": "learning",
        "replicas": "learning",
        "search": "learning",
        "predict": "learning",
        "transfer": "learning",
    },
    "Exchange with other programs": {"import": "exchange", "export": "exchange", "pack": "exchange"},
}


def application() -> App:
    """The command line with every verb, none of them loaded."""
    app = App(
        name="microslip",
        version=lambda: microslip.__version__,
        help="From the motion of single grains to the stick-slip of a sheared packing. Learns a stage's stress change"
        " from the motion in the same stage; forecasts nothing yet.",
        help_on_error=False,
        # a Ctrl-C is answered in main, with a sentence
        suppress_keyboard_interrupt=False,
    )
    for title, verbs in GROUPS.items():
        group = Group.create_ordered(title)
        for number, (verb, module) in enumerate(verbs.items()):
            # import is a word of Python's own
            function = "import_" if verb == "import" else verb
            path, text = f"microslip.cli.{module}:{function}", _docstrings(module)[function]
            app.command(path, name=verb, group=group, sort_key=number, help=text)
    options = Group.create_ordered("Options")
    for flag in ("--help", "--version"):
        app[flag].group = options
    return app


@cache
def _docstrings(module: str) -> dict[str, str]:
    """The docstring of each function of a module beside this one, read without importing it."""
    source = Path(__file__).with_name(f"{module}.py").read_text(encoding="utf-8")
    functions = [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)]
    return {function.name: ast.get_docstring(function) or "" for function in functions}


def load(arguments: Sequence[str]) -> None:
    """Import the module of the verb that a command line begins with."""
    if arguments and arguments[0] in app:
        # an item of the application is loaded when it is looked up
        app[arguments[0]]


app = application()
