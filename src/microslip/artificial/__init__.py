"""Ground truth: a packing, a stress series, a field, clusters and a whole small run whose answers are known.

Every function draws its chance from the seed that is passed. Lengths are in d̄, stresses in p.
"""

from microslip.artificial.correlated import correlated_field
from microslip.artificial.fractal import LINK, ArtificialClusters, clusters
from microslip.artificial.packings import Packing, packing
from microslip.artificial.runs import FAST, run, write_fields, write_trajectory
from microslip.artificial.stress import StickSlip, stage_table, stick_slip

__all__ = [
    "FAST",
    "LINK",
    "ArtificialClusters",
    "Packing",
    "StickSlip",
    "clusters",
    "correlated_field",
    "packing",
    "run",
    "stage_table",
    "stick_slip",
    "write_fields",
    "write_trajectory",
]
