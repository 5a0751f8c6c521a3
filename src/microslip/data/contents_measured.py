"""What a run holds from the trajectory to the voxels."""

from __future__ import annotations

from microslip.data.artifact import Artifact, Column, files
from microslip.fields.registry import FIELDS, ON_NODES, STORED

SHOWING = ("figures", "report")
_MEASURING = ("fields", "voxels", "statistics", "ablate")
_LEARNING = ("train", "explain", "ablate", "search")

NODES = """
    x | x | float64 | d | node position
    y | y | float64 | d | node position
    z | z | float64 | d | node position
"""


def _on_nodes(name: str) -> str:
    """The line of a field that is averaged on nodes."""
    what = f"mean {ON_NODES[name].short} of the grains within the radius, at the start of the stage; 0 without any"
    when = "" if name == "d2min" else " | where `voxels.fields` names it"
    return f"    {name} | stage x y z | float32 | {ON_NODES[name].unit} | {what}{when}\n"


(TRAJECTORY,) = files(
    "simulate",
    """
trajectory.zarr: grains, stress series, and the frames at turning points
    grains/diameter | grain | float64 | d | grain diameter; 1 for grains of a wall's lattice
    grains/kind | grain | int8 | | 0 bulk, 1 bottom wall, 2 top wall
    grains/id | grain | int64 | | the engine's own number, from 1; of an imported run the files' own
    series/strain | sample | float64 | | shear strain γ
    series/stress | sample | float64 | p | shear stress s, the mean of both walls or, without any, of the volume
    series/stress_bottom | sample | float64 | p | shear stress on the bottom wall; NaN without walls
    series/stress_top | sample | float64 | p | shear stress on the top wall; NaN without walls
    series/normal_stress | sample | float64 | p | normal stress, compression positive, the mean of both walls or, \
        without walls, of the volume
    series/height | sample | float64 | d | distance between the walls' inner faces, or height of the cell without walls
    series/solid_fraction | sample | float64 | | volume of the bulk grains over that of the cell between the walls
    series/stress_volume | sample | float64 | p | shear stress of the volume, −(1/V) Σ f_x r_z over all contacts of \
        bulk grains; NaN with LAMMPS | not in older runs
    frames/sample | frame | int64 | | index into the series, rising; of an imported run the nearest sample
    frames/position | frame grain axis | float64 | d | centres, unwrapped where the cell repeats; z = 0 is the bottom \
        wall's inner face, or the cell's lower face
    frames/grain_stress | frame grain component | float32 | p | Love–Weber stress, compression positive; xx, yy, zz, \
        xy, xz, yz | not in every import
    frames/grain_energy | frame grain | float32 | p d**3 | half the elastic energy of the grain's contacts | not in \
        every import
    frames/n_contacts | frame grain | uint16 | | contacts of the grain | not in every import
    frames/cell_volume | frame grain | float32 | d**3 | radical Voronoi cell; NaN unless `recording.cell_volumes` is \
        set | not in every import
    frames/cell | frame edge | float64 | d | Lx, Ly, Lz and tilt of the periodic cell | runs without walls, imports \
        whose cell changes
    frames/strain | frame | float64 | | shear strain γ | imported runs
    frames/step | frame | int64 | | the files' own time step | imported runs
""",
    ("stages", *_MEASURING, *SHOWING),
)

(STAGES,) = files(
    "stages",
    """
stages.csv: one row per stick or slip stage
    stage | | number, from 0, the row
    cycle | | a stick and the slip after it share a number
    kind | | `stick` or `slip`; `window` without a stress
    start_frame end_frame | | rows of `frames`
    start_sample end_sample | | rows of `series`
    start_strain end_strain | | γ
    strain_increment | | end minus start
    start_stress end_stress | p | s
    fluctuation | p | start minus end: positive for slip, negative for stick
    start_mismatch end_mismatch | | γ of the frame less that of the stage's end | imported runs
""",
    (*_MEASURING, *_LEARNING, *SHOWING),
)

_BELOW = "1 where the median D²min is within precision_margin of precision_floor"

FIELDS_STORE = Artifact(
    "fields.zarr",
    "fields",
    "one value per stage and grain",
    (
        *(Column(name, of.unit, of.description, "", ("stage", "grain"), of.dtype) for name, of in STORED.items()),
        Column("displacement", "d", FIELDS["displacement_x"].description, "", ("stage", "grain", "axis"), "float32"),
        Column("below_floor", "", _BELOW, "", ("stage",), "int8"),
    ),
    ("voxels", "train", "statistics", "ablate", *SHOWING),
)

(VOXELS,) = files(
    "voxels",
    f"""
voxels.zarr: one value per stage and node
{"".join(_on_nodes(name) for name in ON_NODES)}{NODES}""",
    (*_LEARNING, *SHOWING),
)
