"""Remarks on a run that stand before its report: what is damaged, out of date, imported, or lost."""

from __future__ import annotations

from microslip.events.coverage import covered_strain, frame_mismatch
from microslip.views.report.parts import Parts
from microslip.views.report.repeat import warnings
from microslip.views.report.summary import PAPER
from microslip.views.settings import setting
from microslip.views.wording import count, show


def remarks(parts: Parts) -> list[tuple[str, str]]:
    """Remarks as heading and text, the gravest first."""
    rows = [("Cannot be read", text) for text in dict.fromkeys(parts.problems.values())]
    rows += _late(parts)
    if parts.imported:
        rows += _imported(parts)
    rows += [("A step warned", warning) for warning in warnings(parts)]
    rows += _without_warnings(parts)
    rows += _lost(parts)
    if parts.metrics:
        rows.append(
            (
                "The random split leaks",
                "Stages that follow each other share most of their packing, and the random split puts neighbours into"
                " training and test. The blocked split keeps them apart, with stages left out between the blocks; where"
                " the two differ, believe the blocked one.",
            )
        )
    number = parts.attributes.get("inertial_number")
    if not parts.imported and number is not None:
        ratio = show(number / float(PAPER["inertial_number"]), 2)
        rows.append(
            (
                "Scaled against the paper",
                f"The paper shears at I = {show(PAPER['inertial_number'])}; this run has {ratio} times that. Split rule"
                " and seed of the paper's scores are not given.",
            )
        )
    if parts.metrics and setting(parts.config, "network.batch_normalisation"):
        rows.append(
            (
                "Batch normalisation",
                "After each convolution, which the paper's network has not: set network.batch_normalisation to false"
                " for it.",
            )
        )
    unit = "the normal stress p" if parts.stress_unit == "p" else parts.stress_unit
    if parts.attributes.get("planar"):
        rows.append(
            (
                "Two dimensions",
                "The grains are discs in the plane of x and z. D²min is left by an affine map of the plane, stresses"
                " are forces over lengths, discs weigh by area, g(r) counts rings, one layer of voxels lies in the"
                " plane. The prefactor r^(−1/2) of C(r), the paper's choice in space, is that of Ornstein and Zernike"
                " in the plane.",
            )
        )
    rows.append(
        (
            "Units",
            f"Lengths in mean diameters d̄, stresses in {unit}, D²min in d̄². A fluctuation is"
            " s(start) − s(end): positive for slip, negative for stick. Brackets hold an interval.",
        )
    )
    return rows


def _late(parts: Parts) -> list[tuple[str, str]]:
    late = [state.verb for state in (parts.states or {}).values() if state.state == "out of date"]
    if not late:
        return []
    return [
        (
            "Results out of date",
            f"{', '.join(late)}: made with other settings or inputs than those shown here, and marked where they are"
            f" shown; microslip run {parts.folder} renews them.",
        )
    ]


def _imported(parts: Parts) -> list[tuple[str, str]]:
    attributes = parts.attributes
    text = (
        f"From {', '.join(attributes.get('source', {}).get('files', []))}. One d̄ is"
        f" {show(attributes.get('length'), 5)} in the files' lengths; strain by"
        f" {attributes.get('strain_from', 'unknown means')}; positions are known to"
        f" {show(attributes.get('position_resolution'), 2)} d̄."
    )
    mismatch = None if parts.stages is None else frame_mismatch(parts.stages)
    if mismatch is not None:
        off, length = (show(strain, 2) for strain in mismatch)
        text += (
            f" Frames were taken where they stood: they miss the ends of the stages by a strain of {off} in the median,"
            f" of stages {length} long."
        )
    if parts.stress_unit == "p":
        scale = ("Pressure", f"One p is {show(attributes.get('pressure'), 5)} in the files' stresses.")
    else:
        scale = (
            "Stresses",
            "No pressure sets the scale: stresses are in source units, those of the files. Read p as"
            " source units wherever it stands.",
        )
    paper = (
        "Not compared with the paper",
        "Its values are those of frictional grains under a constant pressure, at another size and rate; they are left"
        " out of this page.",
    )
    return [("Imported", text), scale, paper]


def _without_warnings(parts: Parts) -> list[tuple[str, str]]:
    """Steps of versions that did not record warnings apart from other sentences."""
    older = [verb for verb, entry in parts.steps.items() if entry.get("said") and "warnings" not in entry]
    verbs = [verb for verb in older if verb != "report"]
    if not verbs:
        return []
    text = f"Of {', '.join(verbs)}, which an older version made: look among the sentences of the steps."
    return [("Warnings are not recorded", text)]


def _lost(parts: Parts) -> list[tuple[str, str]]:
    """Stages between frames, where the step has not warned of them itself."""
    if parts.stages is None or parts.stages.empty or parts.steps.get("stages", {}).get("n_lost"):
        return []
    n_gaps, covered = covered_strain(parts.stages)
    if not n_gaps:
        return []
    return [
        (
            "Stages are lost",
            f"{count(n_gaps, 'gap')} between stages, which cover {show(100 * covered)} % of the strain: stages that lie"
            " between two frames, or too far from one, are left out.",
        )
    ]
