"""What a run holds from the trajectory to the voxels."""

from __future__ import annotations

from microslip.data.artifact import files, line
from microslip.fields.registry import FIELDS, on_nodes

SHOWING = ("figures", "report")
_MEASURING = ("fields", "voxels", "statistics", "ablate")
_LEARNING = ("train", "explain", "ablate", "assess", "search")

NODES = """
    x | x | float64 | d | node position
    y | y | float64 | d | node position
    z | z | float64 | d | node position
"""


def _fields() -> str:
    """The lines of the arrays in fields.zarr."""
    stored = {field.array or name: field for name, field in FIELDS.items()}
    return "".join(
        line(name, "stage grain axis" if field.array else "stage grain", field.dtype, field.unit, field.description)
        for name, field in stored.items()
    )


def _voxels() -> str:
    """The lines of the fields in voxels.zarr."""
    what = "mean {} of the grains within the radius, at the start of the stage; 0 where there is none"
    named = {name: [] if name == "d2min" else ["where `voxels.fields` names it"] for name in on_nodes()}
    return "".join(
        line(name, "stage x y z", "float32", field.unit, what.format(field.short), *named[name])
        for name, field in on_nodes().items()
    )


(TRAJECTORY,) = files(
    "simulate",
    """
trajectory.zarr: grains, stress series, and the frames at turning points and inside stages
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
        bulk grains | not in older runs
    series/momentum_rate | sample | float64 | p | (1/V) d/dt Σ m v_x (z − H₀/2) of the bulk grains over the last time \
        step: what parts the walls' stress from the volume's | not in older runs
    series/kinetic_energy | sample | float64 | p d**3 | mean kinetic energy of a bulk grain beside the mean shear, \
        rotation left out | not in older runs
    series/shear_rate | sample | float64 | 1/s | shear rate γ̇; in between it goes evenly in time, or at \
        once with an adaptive drive | not in older runs
    frames/sample | frame | int64 | | index into the series, rising; of an imported run the nearest sample
    frames/position | frame grain axis | float64 | d | centres, unwrapped where the cell repeats; z = 0 is the bottom \
        wall's inner face, or the cell's lower face
    frames/grain_stress | frame grain component | float32 | p | Love–Weber stress, compression positive; xx, yy, zz, \
        xy, xz, yz | not in every import
    frames/grain_energy | frame grain | float32 | p d**3 | half the elastic energy of the grain's contacts | not in \
        every import
    frames/n_contacts | frame grain | uint16 | | contacts of the grain | not in every import
    frames/n_sliding | frame grain | float32 | | contacts of the grain at Coulomb's limit | not in older runs, not in \
        imports
    frames/cell_volume | frame grain | float32 | d**3 | radical Voronoi cell; NaN unless `recording.cell_volumes` is \
        set | not in every import
    frames/cell | frame edge | float64 | d | Lx, Ly, Lz and tilt of the periodic cell | runs without walls, imports \
        whose cell changes
    frames/kind | frame | int8 | | 0 at a turning point, 1 inside a stage; without it all are at turning \
        points | runs with `recording.frames_per_stage`
    frames/strain | frame | float64 | | shear strain γ | imported runs
    frames/step | frame | int64 | | the files' own time step | imported runs
""",
    ("stages", "explain", *_MEASURING, "ceiling", "replicas", *SHOWING),
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
    (*_MEASURING, *_LEARNING, "ceiling", "replicas", *SHOWING),
)

(FIELDS_STORE,) = files(
    "fields",
    f"""
fields.zarr: one value per stage and grain
{_fields()}
    n_frames | stage | int32 | | frames from the start to the end of the stage, both counted: those of \
        packing_fraction | not in older runs
    below_floor | stage | int8 | | 1 where the median D²min is within precision_margin of precision_floor
""",
    ("voxels", "train", "explain", "statistics", "ablate", *SHOWING),
)

(VOXELS,) = files(
    "voxels",
    f"""
voxels.zarr: one value per stage and node
{_voxels()}{NODES}""",
    (*_LEARNING, "ceiling", *SHOWING),
)
