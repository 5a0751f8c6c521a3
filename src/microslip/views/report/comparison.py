"""Runs side by side: settings that differ, numbers with their differences, checks, figures, time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from microslip.core.visible import quoted
from microslip.views.figures.registry import FIGURES
from microslip.views.report import repeat, summary
from microslip.views.report.check import Result
from microslip.views.report.checks import check_run, counts
from microslip.views.report.checks_record import COMPARED as PACKAGES
from microslip.views.report.comparison_figure import draw_comparison, in_one_unit
from microslip.views.report.comparison_numbers import Compared, compare, numbers_table
from microslip.views.report.illustrations import illustrations
from microslip.views.report.page import embedded, embedded_figure, write_page
from microslip.views.report.parameters import differences
from microslip.views.report.parts import Parts
from microslip.views.wording import show

MOST_RUNS = 4


def write_comparison(runs: Sequence[Compared], target: Path) -> None:
    """Write the page of two to four runs, side by side, with a figure of all of them, also beside it as PDF."""
    letters = "ABCD"[: len(runs)]
    parts = [run.parts for run in runs]
    checks = [check_run(each) for each in parts]
    differing, same = differences([each.config for each in parts])
    figure = draw_comparison(runs, [f"{letter}  {each.name}" for letter, each in zip(letters, parts, strict=True)])
    numbers = compare(runs)
    target.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(target.with_suffix(".pdf"), metadata={"CreationDate": None})
    content = {
        "letters": letters,
        "title": " and ".join([", ".join(each.name for each in parts[:-1]), parts[-1].name]),
        "runs": [_header(each, results) for each, results in zip(parts, checks, strict=True)],
        "remarks": _remarks(letters, parts),
        "differing": differing,
        "same": same,
        "numbers": numbers,
        "numbers_file": repeat.download(numbers_table(letters, numbers).to_csv(index=False), "text/csv"),
        "checks": _checks(checks),
        "relative": not in_one_unit(runs),
        "overlay": embedded_figure(figure),
        "overlay_pdf": target.with_suffix(".pdf").name,
        "figures": _figures(parts),
        "timings": _timings(parts),
        "versions": _versions(parts),
        "command": "microslip report " + " ".join(quoted(each.run.folder) for each in parts),
        "show": show,
    }
    write_page("comparison.html.jinja", content, target)


def _header(parts: Parts, checks: list[Result]) -> dict[str, Any]:
    return {"name": parts.name, "folder": str(parts.run.folder), "lead": summary.lead(parts), **counts(checks)}


def _remarks(letters: str, parts: Sequence[Parts]) -> list[tuple[str, str]]:
    """What cannot be read, is missing, out of date, in another unit, or measured otherwise in one of the runs."""
    remarks = []
    some_walls = any(not each.without_walls for each in parts)
    for letter, each in zip(letters, parts, strict=True):
        if each.without_walls and some_walls:
            remarks.append((letter, "there are no walls: its stress is that of the volume, not the mean of two walls."))
        remarks += [(letter, text) for text in dict.fromkeys(each.problems.values())]
        late = [state.verb for state in (each.states or {}).values() if state.state == "out of date"]
        undone = [state.verb for state in (each.states or {}).values() if state.state == "not done"]
        if late:
            remarks.append(
                (letter, f"out of date, made with other settings or inputs than those shown: {', '.join(late)}.")
            )
        if undone:
            few = each.too_few_to_train
            remedy = f"{few[:1].upper()}{few[1:]}" if few else f"microslip run {quoted(each.run.folder)} does them"
            remarks.append((letter, f"not done: {', '.join(undone)}. {remedy}."))
        if each.stress_unit != "p":
            text = f"no pressure is known, stresses are in {each.stress_unit}: do not compare them with another run's."
            remarks.append((letter, text))
        if summary.noise(each):
            remarks.append((letter, f"D²min lies {summary.noise(each)}: ξ may be the length of that noise."))
    return remarks


def _checks(checks: list[list[Result]]) -> list[dict[str, Any]]:
    """One row per check that any run has, with that of each run or None."""
    by_name = [{(check.group, check.name): check for check in each} for each in checks]
    keys = list(dict.fromkeys(key for each in by_name for key in each))
    order = list(dict.fromkeys(check.group for each in checks for check in each))
    keys.sort(key=lambda key: order.index(key[0]))
    return [
        {"group": group, "name": name, "checks": [each.get((group, name)) for each in by_name]} for group, name in keys
    ]


def _figures(parts: Sequence[Parts]) -> list[dict[str, Any]]:
    """Figures that at least one run has, with the picture of each or None."""
    by_name = [{figure.name: figure for figure in illustrations(each)[0]} for each in parts]
    rows = []
    for name, record in FIGURES.items():
        figures = [each.get(name) for each in by_name]
        if any(figures):
            pictures = [embedded(figure.picture) if figure else None for figure in figures]
            text = next(figure.alternative for figure in figures if figure)
            rows.append(
                {"name": name, "title": record.title, "pictures": pictures, "text": text, "narrow": record.narrow}
            )
    return rows


def _timings(parts: Sequence[Parts]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Verb, and time and state in each run."""
    rows = [{row["verb"]: row for row in repeat.timings(each)} for each in parts]
    verbs = list(dict.fromkeys(verb for each in rows for verb in each))
    nothing = {"seconds": None, "state": "not done"}
    return [
        (verb, [(repeat.duration(row["seconds"]), row["state"]) for row in (each.get(verb, nothing) for each in rows)])
        for verb in verbs
    ]


def _versions(parts: Sequence[Parts]) -> list[tuple[str, list[str]]]:
    """Packages whose version differs between the runs."""
    versions = [repeat.versions(each) for each in parts]
    rows = [(name, [each.get(name, "–") for each in versions]) for name in PACKAGES]
    return [(name, each) for name, each in rows if len(set(each)) > 1]
