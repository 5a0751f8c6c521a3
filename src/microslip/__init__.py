"""microslip: from the motion of single grains to the stick-slip of a sheared packing.

Learning is a regression of a stage's stress change on the motion in the same stage; it forecasts nothing yet.

The public names stand in `__init__.pyi`. Together they take seconds to import, in which a command could not answer a
Ctrl-C: each is imported when it is asked for.
"""

import ast as _ast
from importlib import import_module as _import_module
from pathlib import Path as _Path
from typing import Any as _Any

# The module of each name.
_HOME = {
    alias.name: node.module
    for node in _ast.parse(_Path(__file__).with_suffix(".pyi").read_text(encoding="utf-8")).body
    if isinstance(node, _ast.ImportFrom)
    for alias in node.names
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> _Any:
    if name == "__version__":
        # costs more than all else that the list of verbs needs
        from importlib.metadata import version

        return version("microslip")
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = _HOME[name]
    if home == __name__:
        return _import_module(f"{home}.{name}")
    if home.startswith("microslip.learn."):
        from microslip.core.extras import require

        require("learn", f"microslip.{name}")
    return getattr(_import_module(home), name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
