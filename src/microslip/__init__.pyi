"""The public names, and where each is at home; `__init__.py` reads them here and imports one when it is asked for."""

from microslip import artificial as artificial
from microslip.config import load_config as load_config
from microslip.core.box import Box as Box
from microslip.core.contacts import contact_energy as contact_energy
from microslip.core.contacts import grain_stress as grain_stress
from microslip.core.errors import MicroslipError as MicroslipError
from microslip.data.run import Run as Run
from microslip.data.run import open_run as open_run
from microslip.dem.config import ShearCell as ShearCell
from microslip.dem.launch import simulate as simulate
from microslip.events.stages import detect_stages as detect_stages
from microslip.fields.mechanics import local_packing_fraction as local_packing_fraction
from microslip.fields.mechanics import major_principal_stress as major_principal_stress
from microslip.fields.nonaffine import NonaffineMotion as NonaffineMotion
from microslip.fields.nonaffine import d2min as d2min
from microslip.fields.precision import precision_floor as precision_floor
from microslip.fields.strain import displacement_without_shear as displacement_without_shear
from microslip.fields.strain import local_strain as local_strain
from microslip.formats.source import Source as Source
from microslip.grids.coarse import VoxelGrid as VoxelGrid
from microslip.grids.coarse import coarse_grain as coarse_grain
from microslip.learn.attribution import integrated_gradients as integrated_gradients
from microslip.learn.networks.plain import SlipNet as SlipNet
from microslip.learn.prediction import predict as predict
from microslip.learn.train import train as train
from microslip.statistics.clusters import Clusters as Clusters
from microslip.statistics.clusters import active_grains as active_grains
from microslip.statistics.clusters import find_clusters as find_clusters
from microslip.statistics.clusters import radius_of_gyration as radius_of_gyration
from microslip.statistics.correlation import spatial_correlation as spatial_correlation
from microslip.statistics.efficiency import global_efficiency as global_efficiency
from microslip.statistics.fractal import fractal_dimension as fractal_dimension
from microslip.statistics.moran import moran_i as moran_i
from microslip.statistics.ornstein_zernike import fit_ornstein_zernike as fit_ornstein_zernike
from microslip.statistics.pair_correlation import pair_correlation as pair_correlation
from microslip.statistics.power_law import fit_power_law as fit_power_law
from microslip.steps.import_ import read_trajectory as read_trajectory

__version__: str
