"""The two forms of LAMMPS' thermo output that are no tables: `thermo_style multi` and YAML."""

from __future__ import annotations

import re

from microslip.core.errors import MicroslipError

SEVERAL_ROWS = (
    "several rows belong to one time step, as with mode vector of fix ave/time or with fix ave/chunk: write one row a"
    " step"
)

_MULTI_HEAD = re.compile(r"\s*-{4,} Step\s+(-?\d+) -+ CPU\s*=\s*(\S+) \(sec\w*\) -+\s*")
_PAIR = re.compile(r"(\S+)\s*=\s*([-+.\w]+)")
_KEYWORDS = re.compile(r"keywords:\s*\[(.*)\]\s*")
_KEYWORD = re.compile(r"\s*(?:'([^']*)'|\"([^\"]*)\"|([^,'\"\s][^,'\"]*?))\s*(?:,|$)")
_ROW = re.compile(r"\s*-\s*\[(.*)\]\s*")
_STEP_OF_ROWS = re.compile(r"\s+-?\d+:\s*")


def multi_head(text: str) -> dict[str, float] | None:
    """Step and CPU time in the line of dashes above a block of style multi; None where this is no such line."""
    match = _MULTI_HEAD.fullmatch(text) if "Step" in text else None
    return None if match is None else {"Step": float(match[1]), "CPU": float(match[2])}


def multi_values(text: str) -> dict[str, float]:
    """Values of a line `name = value name = value`; none where something else stands there too."""
    if "=" not in text or _PAIR.sub("", text).strip():
        return {}
    try:
        return {match[1]: float(match[2]) for match in _PAIR.finditer(text)}
    except ValueError:
        return {}


def yaml_names(text: str, where: str) -> list[str] | None:
    """Names in a line `keywords: […]`; None where this is no such line.

    Raises
    ------
    MicroslipError
        The list is not laid out as LAMMPS writes it.
    """
    if not text.startswith("keywords:"):
        return None
    match = _KEYWORDS.fullmatch(text)
    listed = match[1].strip().removesuffix(",") if match else ""
    if not listed or _KEYWORD.sub("", listed).strip():
        raise MicroslipError(
            f"{where}: this is not the YAML that LAMMPS writes, in which the keywords are a list in one line, keywords:"
            " ['Step', 'Pxz', ]"
        )
    return ["".join(parts) for parts in _KEYWORD.findall(listed)]


def yaml_row(text: str, where: str) -> list[str] | None:
    """Values in a line `- […]`, an empty list where it was cut; None where this is no such line.

    Raises
    ------
    MicroslipError
        Several rows belong to one step, or the lines are not laid out as LAMMPS writes them.
    """
    match = _ROW.fullmatch(text)
    if match:
        # YAML's own names of what is no number have a point in front
        cells = (cell.strip() for cell in match[1].strip().removesuffix(",").split(","))
        return [re.sub(r"^([-+]?)\.(?=nan|inf)", r"\1", cell.lower()) for cell in cells]
    if _STEP_OF_ROWS.fullmatch(text):
        raise MicroslipError(f"{where}: {SEVERAL_ROWS}")
    if re.match(r"\s*-\s+[^[\s]", text):
        raise MicroslipError(
            f"{where}: this is not the YAML that LAMMPS writes, in which a row is one line, - [0, 1.5, ]"
        )
    return [] if re.match(r"\s*-\s*\[", text) else None
