"""Every file of a run once: the step that writes it, what is in it in which units, and the steps that read it.

The pipeline takes its inputs and outputs from here, the report what it attaches, the documentation its tables.
"""

from __future__ import annotations

from pathlib import Path

from microslip.data.artifact import Artifact, files
from microslip.data.contents_learned import (
    ABLATIONS,
    ASSESSMENT,
    ATTRIBUTIONS,
    CEILING,
    INTERPRETATION,
    MODEL,
    REPLICAS,
    SEARCH,
)
from microslip.data.contents_measured import FIELDS_STORE, STAGES, TRAJECTORY, VOXELS
from microslip.data.contents_statistics import STATISTICS

# The steps of `microslip run`, in order; an import takes the place of the simulation.
RUN_STEPS = ("simulate", "stages", "fields", "voxels", "train", "explain", "statistics", "figures", "report")

# The steps whose results are packed for others, and the file that says of a run folder that it came out of an archive.
PACKED = ("simulate", "import", "stages", "fields", "voxels")
PACK_NOTE = "pack.json"

RECORDS = (
    *files("", "config.toml: the settings, every key with its value", ("report",)),
    *files(
        "",
        """
test_openings.csv: one row for each time that test stages were scored; only ever appended to
    when | | time, UTC
    verb | | the command
    line | | what was scored
    rule | | split rule that set the stages aside; `packing` where all stages of the run are a test
    seeds | | networks of these settings that were scored
    n | | stages
    test_set | | fingerprint of the stages
    settings | | fingerprint of what the predictions depend on
""",
        ("report",),
    ),
    *files(
        "",
        """
provenance.json: which step ran with what, when and for how long
.checked.json: until when the chunks of each array are known to be whole
.lock: held while a command works on the folder
study.log: what the system of a study printed here, each time that `microslip study` took it up
pack.json: of a folder out of an archive of `microslip pack`: which run, when, by which version; with it come \
sample.zarr, splits.csv, voxels_d2min.npy, a README, a datasheet and SHA256SUMS
""",
    ),
)

SHOWN = (
    *files(
        "figures",
        """
figures/captions.json: title, caption and alternative text of each figure
figures/NAME.png: the figure, 200 dots per inch
figures/NAME.pdf: vectors and text; pictures of grains as images
figures/NAME.csv: the numbers behind its panels, NAME-PART.csv
""",
        ("report",),
    ),
    *files(
        "report",
        """
report/index.html: the report; stands alone: pictures are embedded, nothing is loaded, there is no script
report/checks.csv: one row per check
    group name | | heading, and what is checked
    verdict | | `passed`, `failed`, or `open`: not measured, or not to be decided from the data
    value limit | | what was measured, and what is asked for
    why remedy | | why it matters, and what helps
report/figures/: the figures as PDF, and their tables as CSV
report/tables/: copies of the run's tables, `statistics-claims.csv` for `statistics/claims.csv`; those beyond 5 MB \
    stay in the run
report/config.toml: a copy
report/provenance.json: a copy
report/with-NAME.html: this run beside NAME, by `microslip report RUN OTHER`; kept when the report is written again
report/with-NAME.pdf: the figure of that page
""",
    ),
)

SIMULATION = files(
    "simulate",
    """
dem/config.json: the settings of the simulation
dem/checkpoint.json: which checkpoint is the last one: its name, engine and version, last sample, number of frames, \
    geometry, seconds, digests of its files and of itself
dem/checkpoint-NAME.npz: the search for turning points after NAME steps
dem/checkpoint-NAME.state.npz: the native engine's whole state, arrays of numpy
dem/checkpoint-NAME.restart: LAMMPS' own file in place of it
dem/origin.json: of a run that goes on from another one: which, and at what strain and rate
dem/origin.state.npz: the state that it began with
dem/origin.restart: the same for LAMMPS
dem/filling.data: the loose grains of LAMMPS
dem/lammps.log: the log of LAMMPS
dem/stderr.log: what the engine printed
dem/error.json: what went wrong
dem/lock: held while the engine works
dem/driver.pid: the process that works
""",
    result=False,
)

BY_NAME = (
    *files(
        "predict",
        """
transfer/NAME.csv: predictions of the network of the run NAME
    stage | | as in `stages.csv`
    target prediction | p | fluctuation, and what the network says, the mean of an ensemble
    low high | p | ends of the 90 % interval, as wide as the errors on the validation stages of NAME were
    mean_d2min d2min_quantiles strain_increment ridge_voxels | p | of baselines that learnt from the same stages | \
        NAME is whole
transfer/NAME_summary.csv: scores of the network (means over its members), of their mean and of the baselines, as in \
assessment/summary.csv
transfer/NAME_sign_by_size.csv: as in assessment/sign_by_size.csv
transfer/NAME_coverage_by_size.csv: as in assessment/coverage_by_size.csv
""",
    ),
    *files("export", "export/NAME: frames, fields or voxels for other programs"),
)

ARTIFACTS: tuple[Artifact, ...] = (
    *RECORDS,
    TRAJECTORY,
    *SIMULATION,
    STAGES,
    FIELDS_STORE,
    VOXELS,
    *MODEL,
    *ATTRIBUTIONS,
    *INTERPRETATION,
    *STATISTICS,
    *ABLATIONS,
    *ASSESSMENT,
    *SEARCH,
    *CEILING,
    *REPLICAS,
    *SHOWN,
    *BY_NAME,
)


# The run's own records, which no step makes.
OF_NO_STEP = tuple(record.path for record in RECORDS)


def artifact(path: str) -> Artifact:
    """The record of a file by its path in the run folder.

    Raises
    ------
    KeyError
        There is no such record.
    """
    for record in ARTIFACTS:
        if record.path == path:
            return record
    raise KeyError(path)


def outputs_of(step: str) -> tuple[str, ...]:
    """What a step leaves: files, stores and folders, by their names in the run folder."""
    # an import leaves what a simulation does
    maker = "simulate" if step == "import" else step
    return tuple(dict.fromkeys(record.top for record in ARTIFACTS if record.step == maker and record.result))


def inputs_of(step: str) -> tuple[str, ...]:
    """What a step reads: a folder of which it reads everything by its name, else each file."""
    names: dict[str, None] = {}
    for record in ARTIFACTS:
        if step in record.read_by:
            whole = all(step in other.read_by for other in ARTIFACTS if other.top == record.top)
            names[record.top if whole else record.path] = None
    return tuple(names)


def tables_in(folder: Path) -> list[Path]:
    """The tables and JSON files with columns that the report may attach, as they lie in a run folder."""
    tables = [record for record in ARTIFACTS if record.path.endswith((".csv", ".json")) and "report" in record.read_by]
    return [path for record in tables if record.columns for path in sorted(folder.glob(record.pattern))]
