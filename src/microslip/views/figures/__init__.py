"""The figures of a run and of a study, each in a file of its own with its record, in the order of the pipeline.

To add a figure, write a file NAME.py with its `FIGURE` and put the name into the list below. `microslip figures` then
draws it with its caption and tables, and the report and the documentation show it. The records are in `registry`, apart
from the names, because they load matplotlib.
"""

RUN_FIGURES = (
    "overview",
    "cell_and_stress",
    "profiles",
    "d2min_snapshots",
    "correlation",
    "coarse_graining",
    "network",
    "training",
    "scores",
    "reliability",
    "assessment",
    "ablations",
    "ceiling",
    "volumes",
    "attributions",
    "completeness",
    "lengths",
    "nulls",
    "attribution_clusters",
    "clusters",
    "claims",
    "mechanisms",
    "free_volume",
    "within_stages",
    "avalanches",
)

OF_A_STUDY = ("study", "counts", "families", "patterns")
