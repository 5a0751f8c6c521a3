"""Tables written from the code at build time: every setting, every step of the pipeline, the deck."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
import re
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from sphinx.application import Sphinx
from sphinx.errors import ConfigError

from microslip.config import Config
from microslip.config_files import sections_of
from microslip.core.units import printed_unit
from microslip.data.artifact import Artifact
from microslip.data.artifacts import ARTIFACTS
from microslip.dem.config import ENGINE_SETTINGS, ShearCell
from microslip.dem.lammps import deck
from microslip.dem.protocol import DRAG_STEPS, RELEASE_DISTANCE
from microslip.dem.seam import Preparing
from microslip.dem.servo import servo
from microslip.fields.registry import FIELDS
from microslip.formats.registry import FORMATS, reader, writers
from microslip.steps.registry import STEPS
from microslip.views.figures.registry import FIGURES, STUDY_FIGURES

# A unit is a bracket without a comma; "[1 − width, 1 + width]" is an interval.
_UNIT = re.compile(r"\s*\[([^\[\],]+)\]")

PAPER = "as in Mei et al. 2023, section 2.1"

# Units and reasons that the descriptions in the code leave to be understood.
UNITS = {"recording.threshold": "p", "stages.threshold": "p"}
NOTES = {
    "grains.mean_diameter": PAPER,
    "grains.width": PAPER,
    "grains.density": PAPER,
    "grains.youngs_modulus": PAPER,
    "grains.poisson_ratio": f"ν; {PAPER}",
    "grains.friction": PAPER,
    "grains.restitution": f"the value {PAPER}",
    "cell.length": PAPER,
    "cell.depth": PAPER,
    "cell.height": PAPER,
    "loading.pressure": PAPER,
    "recording.strain_step": "steps are whole numbers between samples",
    "engine.kind": "which engine; the keys of the other one are refused",
    "split.train": "share of the stages that train; Mei et al. 2023, section 3.2",
    "split.validation": "share that validates; the rest tests; Mei et al. 2023, section 3.2",
    "training.epochs": "most epochs per split rule; the paper gives no number",
    "training.batch_size": "stages per step; the paper gives no number",
    "training.weight_decay": "of AdamW; the paper names no optimiser",
    "correlation.bin_width": "width of a distance bin",
}


def _default(field: FieldInfo) -> str:
    value = field.default
    if value is None:
        return "left out"
    if isinstance(value, float):
        # 1e7 rather than 1e+07
        return "`" + re.sub(r"e\+?(-?)0*", r"e\1", f"{value:g}") + "`"
    return f"`{json.dumps(list(value) if isinstance(value, tuple) else value)}`"


def _range(field: FieldInfo) -> str:
    kinds = get_args(field.annotation) if get_origin(field.annotation) is Literal else ()
    if kinds:
        return ", ".join(f"`{kind}`" for kind in kinds)
    if field.annotation is bool:
        return "`true`, `false`"
    low, high = "", ""
    for rule in field.metadata:
        match rule:
            case Gt():
                low = f"> {rule.gt:g}"
            case Ge():
                low = f"≥ {rule.ge:g}"
            case Lt():
                high = f"< {_power(rule.lt)}"
            case Le():
                high = f"≤ {_power(rule.le)}"
    return ", ".join(filter(None, (low, high))) or "any"


def _power(value: Any) -> str:
    return "2³¹" if value == 2**31 else f"{value:g}"


def _row(key: str, name: str, field: FieldInfo) -> str:
    text = field.description or ""
    found = _UNIT.search(text)
    unit = found.group(1) if found else UNITS.get(key, "–")
    if found:
        text = (text[: found.start()] + text[found.end() :]).strip()
    text = "; ".join(filter(None, (text, NOTES.get(key, "")))) or "–"
    cells = [f"`{name}`", _default(field), unit, _range(field), text]
    return _cells(*cells)


_HEAD = "| key | default | unit | range | meaning and reason |\n|---|---|---|---|---|"


def settings_page() -> str:
    """Every section and key of the configuration as Markdown."""
    seen: set[str] = set()
    alone, sections = [], []
    for name, field in sections_of(Config).items():
        model = field.annotation
        if name == "engine":
            for kind, one in ENGINE_SETTINGS.items():
                sections.append(_section(name, one, seen, f' with `kind = "{kind}"`'))
        elif isinstance(model, type) and issubclass(model, BaseModel):
            sections.append(_section(name, model, seen))
        else:
            seen.add(name)
            alone.append(_row(name, name, field))
    unknown = (UNITS.keys() | NOTES.keys()) - seen
    if unknown:
        raise ConfigError(f"generated_tables.py speaks of settings that do not exist: {', '.join(sorted(unknown))}")
    top = "\n".join(["### Before the first section", "", _HEAD, *alone, ""])
    return "\n".join([top, *sections])


def _section(name: str, model: type[BaseModel], seen: set[str], which: str = "") -> str:
    """A section's title, what it is, and a row for each of its keys, which are added to `seen`."""
    rows = []
    for key, entry in model.model_fields.items():
        seen.add(f"{name}.{key}")
        rows.append(_row(f"{name}.{key}", key, entry))
    intro = " ".join((model.__doc__ or "").split())
    return "\n".join([f"### `[{name}]`{which}", "", intro, "", _HEAD, *rows, ""])


def fields_page() -> str:
    """Every field of grains, from its record, as Markdown."""
    lines = ["| field | unit | meaning | signed | mirror | rotation |", "|---|---|---|---|---|---|"]
    for name, field in FIELDS.items():
        unit = printed_unit(field.unit) or "–"
        marks = ["yes" if mark else "no" for mark in (field.signed, field.odd_in_y, field.odd_in_turn)]
        lines.append(f"| `{name}` | {unit} | {field.description} | " + " | ".join(marks) + " |")
    return "\n".join(lines) + "\n"


def steps_page() -> str:
    """What each step's fingerprint is made of, as Markdown."""
    lines = ["| number | verb | sections | reads | writes |", "|---|---|---|---|---|"]
    for number, step in enumerate(STEPS.values(), start=1):
        columns = (step.sections, step.inputs, step.outputs)
        parts = [", ".join(f"`{name}`" for name in names) or "–" for names in columns]
        lines.append(f"| {number} | `{step.verb}` | " + " | ".join(parts) + " |")
    return "\n".join(lines) + "\n"


def data_pages() -> dict[str, str]:
    """Files of a run and their columns, by the file, store or folder that holds them."""
    tops = dict.fromkeys(record.top for record in ARTIFACTS if "/" in record.path or record.columns)
    return {top: _data_page([record for record in ARTIFACTS if record.top == top]) for top in tops}


def _data_page(records: list[Artifact]) -> str:
    """A list of the files of a folder, and the columns of each that has some."""
    folder = "/" in records[0].path
    names = [record.path.removeprefix(f"{record.top}/") for record in records]
    lines = ["| file | content |", "|---|---|"] if folder else []
    lines += [_cells(f"`{name}`", record.meaning) for name, record in zip(names, records, strict=True) if folder]
    for name, record in zip(names, records, strict=True):
        if record.columns:
            lines += ["", f"**`{name}`**", ""] if folder else []
            lines += _columns(record)
    return "\n".join(lines) + "\n"


def _columns(record: Artifact) -> list[str]:
    """A table of the columns; neighbours that differ in their names alone share a row."""
    store = record.path.endswith(".zarr")
    lines = ["| array | dimensions | type | unit | meaning |", "|---|---|---|---|---|"]
    lines = (
        lines
        if store
        else [f"| {'key' if record.path.endswith('.json') else 'column'} | unit | meaning |", "|---|---|---|"]
    )
    for _, columns in itertools.groupby(record.columns, key=lambda column: dataclasses.replace(column, name="")):
        alike = list(columns)
        of = alike[0]
        names = ", ".join(f"`{column.name}`" for column in alike)
        unit = printed_unit(of.unit)
        meaning = f"{of.meaning}; {of.when}" if of.when else of.meaning
        lines.append(_cells(names, *([", ".join(of.dimensions), of.dtype] if store else []), unit, meaning))
    return lines


def _cells(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def figures_page() -> str:
    """Every figure of a run and of a study, from its record, as Markdown."""
    lines = ["| figure | of the paper | after | shows |", "|---|---|---|---|"]
    for name, figure in FIGURES.items():
        step = f"`{figure.step}`" if figure.needs else "any step"
        lines.append(_cells(f"`{name}`", figure.counterpart, step, figure.alternative))
    for name, of_study in STUDY_FIGURES.items():
        lines.append(_cells(f"`{name}`, of a study", of_study.counterpart, "`study`", of_study.alternative))
    return "\n".join(lines) + "\n"


def formats_page() -> str:
    """Every format of frames that is read, from its record, as Markdown."""
    head = ("format", "`--format`", "names end in", "beside positions", "digits", "read by", "notes")
    lines = [_cells(*head), "|---" * len(head) + "|"]
    for name in FORMATS:
        one = reader(name)
        suffixes = ", ".join(f"`{suffix}`" for suffix in one.suffixes)
        lines.append(_cells(one.title, f"`{name}`", suffixes, ", ".join(one.tells), one.digits, one.read_by, one.notes))
    return "\n".join(lines) + "\n"


def written_page() -> str:
    """Every format that a run is exported in, from its record, as Markdown."""
    lines = ["| format | names end in | holds |", "|---|---|---|"]
    for one in writers().values():
        lines.append(_cells(one.title, ", ".join(f"`{suffix}`" for suffix in one.suffixes), ", ".join(one.write)))
    return "\n".join(lines) + "\n"


def deck_page() -> str:
    """The commands that LAMMPS is given for the default cell, in their order."""
    cell = ShearCell.model_validate({"engine": {"kind": "lammps"}})
    d, n_top = cell.grains.mean_diameter, math.prod(cell.wall_shape)
    drag = cell.grains.density * math.pi / 6 * d**3 / (DRAG_STEPS * cell.timestep)
    release = Preparing(cell.grains.friction, drag, RELEASE_DISTANCE * d)
    parts = {
        "before the grains": deck.header(cell.engine.processors),  # type: ignore[union-attr]
        "contacts, walls that do not feel each other, time step": deck.contacts(cell),
        "walls and load": deck.servo(servo(cell), n_top),
        "release of the filling": deck.preparing(release),
        "end of the preparation": "\n".join([deck.END_PREPARING, deck.END_SERVO, "reset_timestep 0"]),
        "what is read of the contacts at a turning point": deck.contact_output(),
        "shear, beside the walls and the load; the height is the prepared one": deck.shear(
            cell.loading.shear_rate * cell.cell.height * d
        ),
    }
    text = "\n".join(f"# {title}\n{commands.strip()}\n" for title, commands in parts.items())
    return f"```text\n{text}```\n"


def _write(app: Sphinx) -> None:
    folder = Path(app.srcdir) / "generated"
    folder.mkdir(exist_ok=True)
    pages = {"settings": settings_page(), "fields": fields_page(), "steps": steps_page(), "figures": figures_page()}
    pages |= {"deck": deck_page(), "formats": formats_page(), "written": written_page()}
    pages |= {f"data-{top}": text for top, text in data_pages().items()}
    for name, text in pages.items():
        path = folder / f"{name}.md"
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Write the tables before any page is read."""
    app.connect("builder-inited", _write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
