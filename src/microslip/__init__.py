"""microslip: from the motion of single grains to the stick-slip of a sheared packing."""

from importlib import import_module as _import_module
from importlib.metadata import version as _version
from typing import Any as _Any

from microslip.core.box import Box
from microslip.core.contacts import contact_energy, grain_stress
from microslip.core.errors import MicroslipError
from microslip.data.run import Run, open_run
from microslip.dem.launch import simulate
from microslip.events.stages import detect_stages
from microslip.fields.nonaffine import NonaffineMotion, d2min
from microslip.grids.coarse import VoxelGrid, coarse_grain
from microslip.statistics.correlation import fit_ornstein_zernike, spatial_correlation

__version__ = _version("microslip")

# torch takes seconds to import: what needs it is fetched when asked for
_LEARNING = {
    "SlipNet": "microslip.learn.network",
    "train": "microslip.learn.train",
    "predict": "microslip.learn.train",
    "integrated_gradients": "microslip.learn.attribution",
}

__all__ = [
    "Box",
    "MicroslipError",
    "NonaffineMotion",
    "Run",
    "SlipNet",
    "VoxelGrid",
    "coarse_grain",
    "contact_energy",
    "d2min",
    "detect_stages",
    "fit_ornstein_zernike",
    "grain_stress",
    "integrated_gradients",
    "open_run",
    "predict",
    "simulate",
    "spatial_correlation",
    "train",
]


def __getattr__(name: str) -> _Any:
    if name in _LEARNING:
        return getattr(_import_module(_LEARNING[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
