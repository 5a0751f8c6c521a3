"""The figures of a run and of a study, each in a file of its own with its record, in the order of the pipeline.

A new one takes a file NAME.py with its `FIGURE`, and its name in the list below. It is then drawn by `microslip
figures`, with its caption and tables, and stands on the report's page and in the documentation. The records themselves
are in `registry`: to load them loads matplotlib, which the names do not need.
"""

RUN_FIGURES = (
    "overview",
    "cell_and_stress",
    "d2min_snapshots",
    "correlation",
    "coarse_graining",
    "network",
    "training",
    "scores",
    "reliability",
    "ablations",
    "volumes",
    "attributions",
    "completeness",
    "lengths",
    "nulls",
    "clusters",
    "mechanisms",
)

OF_A_STUDY = ("study", "families")
