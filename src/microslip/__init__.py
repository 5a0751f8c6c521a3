"""microslip: from the motion of single grains to the stick-slip of a sheared packing."""

from importlib import import_module as _import_module
from importlib.metadata import version as _version
from typing import Any as _Any

from microslip.core.box import Box
from microslip.core.contacts import contact_energy, grain_stress
from microslip.core.errors import MicroslipError
from microslip.core.extras import require
from microslip.data.run import Run, open_run
from microslip.data.source import Source
from microslip.dem.launch import simulate
from microslip.events.stages import detect_stages
from microslip.fields.mechanics import local_packing_fraction, major_principal_stress
from microslip.fields.nonaffine import NonaffineMotion, d2min
from microslip.fields.strain import displacement_without_shear, local_strain
from microslip.grids.coarse import VoxelGrid, coarse_grain
from microslip.statistics.clusters import Clusters, active_grains, find_clusters, radius_of_gyration
from microslip.statistics.correlation import spatial_correlation
from microslip.statistics.efficiency import global_efficiency
from microslip.statistics.fractal import fractal_dimension
from microslip.statistics.moran import moran_i
from microslip.statistics.ornstein_zernike import fit_ornstein_zernike
from microslip.statistics.pair_correlation import pair_correlation
from microslip.statistics.power_law import fit_power_law
from microslip.steps.importing import read_trajectory

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
    "Clusters",
    "MicroslipError",
    "NonaffineMotion",
    "Run",
    "SlipNet",
    "Source",
    "VoxelGrid",
    "active_grains",
    "coarse_grain",
    "contact_energy",
    "d2min",
    "detect_stages",
    "displacement_without_shear",
    "find_clusters",
    "fit_ornstein_zernike",
    "fit_power_law",
    "fractal_dimension",
    "global_efficiency",
    "grain_stress",
    "integrated_gradients",
    "local_packing_fraction",
    "local_strain",
    "major_principal_stress",
    "moran_i",
    "open_run",
    "pair_correlation",
    "predict",
    "radius_of_gyration",
    "read_trajectory",
    "simulate",
    "spatial_correlation",
    "train",
]


def __getattr__(name: str) -> _Any:
    if name in _LEARNING:
        require("learn", f"microslip.{name}")
        return getattr(_import_module(_LEARNING[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
