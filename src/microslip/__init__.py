"""microslip: from the motion of single grains to the stick-slip of a sheared packing."""

from importlib import import_module as _import_module
from typing import TYPE_CHECKING as _TYPE_CHECKING
from typing import Any as _Any

if _TYPE_CHECKING:
    from microslip import artificial
    from microslip.core.box import Box
    from microslip.core.contacts import contact_energy, grain_stress
    from microslip.core.errors import MicroslipError
    from microslip.data.run import Run, open_run
    from microslip.dem.launch import simulate
    from microslip.events.stages import detect_stages
    from microslip.fields.mechanics import local_packing_fraction, major_principal_stress
    from microslip.fields.nonaffine import NonaffineMotion, d2min
    from microslip.fields.strain import displacement_without_shear, local_strain
    from microslip.formats.source import Source
    from microslip.grids.coarse import VoxelGrid, coarse_grain
    from microslip.statistics.clusters import Clusters, active_grains, find_clusters, radius_of_gyration
    from microslip.statistics.correlation import spatial_correlation
    from microslip.statistics.efficiency import global_efficiency
    from microslip.statistics.fractal import fractal_dimension
    from microslip.statistics.moran import moran_i
    from microslip.statistics.ornstein_zernike import fit_ornstein_zernike
    from microslip.statistics.pair_correlation import pair_correlation
    from microslip.statistics.power_law import fit_power_law
    from microslip.steps.import_ import read_trajectory

# Fetched when asked for: together they take seconds to import, in which a command could not answer a Ctrl-C.
_NAMES = {
    "microslip.core.box": ("Box",),
    "microslip.core.contacts": ("contact_energy", "grain_stress"),
    "microslip.core.errors": ("MicroslipError",),
    "microslip.data.run": ("Run", "open_run"),
    "microslip.formats.source": ("Source",),
    "microslip.dem.launch": ("simulate",),
    "microslip.events.stages": ("detect_stages",),
    "microslip.fields.mechanics": ("local_packing_fraction", "major_principal_stress"),
    "microslip.fields.nonaffine": ("NonaffineMotion", "d2min"),
    "microslip.fields.strain": ("displacement_without_shear", "local_strain"),
    "microslip.grids.coarse": ("VoxelGrid", "coarse_grain"),
    "microslip.statistics.clusters": ("Clusters", "active_grains", "find_clusters", "radius_of_gyration"),
    "microslip.statistics.correlation": ("spatial_correlation",),
    "microslip.statistics.efficiency": ("global_efficiency",),
    "microslip.statistics.fractal": ("fractal_dimension",),
    "microslip.statistics.moran": ("moran_i",),
    "microslip.statistics.ornstein_zernike": ("fit_ornstein_zernike",),
    "microslip.statistics.pair_correlation": ("pair_correlation",),
    "microslip.statistics.power_law": ("fit_power_law",),
    "microslip.steps.import_": ("read_trajectory",),
    "microslip.learn.networks.plain": ("SlipNet",),
    "microslip.learn.train": ("train",),
    "microslip.learn.prediction": ("predict",),
    "microslip.learn.attribution": ("integrated_gradients",),
}
# Reached as `microslip.artificial`, without an import of its own.
_MODULES = ("artificial",)
_HOME = {name: home for home, names in _NAMES.items() for name in names}

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
    "artificial",
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
    if name == "__version__":
        from importlib.metadata import version

        return version("microslip")
    if name in _MODULES:
        return _import_module(f"microslip.{name}")
    if name in _HOME:
        if _HOME[name].startswith("microslip.learn."):
            from microslip.core.extras import require

            require("learn", f"microslip.{name}")
        return getattr(_import_module(_HOME[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *__all__]
