"""The TOML of a configuration: read, overridden, and in one sentence what is wrong in it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from microslip.core.errors import MicroslipError
from microslip.core.visible import nearest, shortened
from microslip.data.text_files import read_text
from microslip.dem.config import ENGINE_SETTINGS, ShearCell

# With which a configuration begins that was written whole, so that what is lost of it is noticed.
FIRST_LINE = re.compile(r"# All (\d+) settings of this run\.\n")


def read_toml(path: Path) -> dict[str, Any]:
    """The content of a TOML file.

    Raises
    ------
    MicroslipError
        The file is missing, no regular file, not text in UTF-8 or not TOML.
    """
    text = read_text(path, "give a TOML file such as configs/quick.toml")
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as problem:
        # a number of five thousand digits is a ValueError of its own
        why = "tables in tables without end" if isinstance(problem, RecursionError) else str(problem)
        raise MicroslipError(f"{path} is not valid TOML ({shortened(why)}): mend that line") from None


def apply_overrides(content: Mapping[str, Any], overrides: Iterable[str]) -> dict[str, Any]:
    """A copy with each `section.key=value` put in; values are read as TOML, bare words as text."""
    changed = {name: dict(part) if isinstance(part, Mapping) else part for name, part in content.items()}
    for override in overrides:
        key, equals, text = override.partition("=")
        *sections, name = key.strip().split(".")
        if not equals or not name or len(sections) > 1:
            raise MicroslipError(
                f"--set {shortened(override)} is not of the form section.key=value, such as loading.strain=0.5"
            )
        try:
            value = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            value = text.strip()
        except (ValueError, RecursionError):
            raise MicroslipError(
                f"--set {key.strip()}={shortened(text)} is no value of a setting: shorten it"
            ) from None
        target = changed
        if sections:
            target = changed.setdefault(sections[0], {})
        if not isinstance(target, dict):
            raise MicroslipError(f"--set {override}: {sections[0]} is a value, not a section")
        target[name] = value
    return changed


def count_settings(content: Mapping[str, Any]) -> int:
    """Values in the content of a configuration, those in its sections counted one by one."""
    return sum(len(part) if isinstance(part, Mapping) else 1 for part in content.values())


def not_text(content: Any, key: str = "") -> str | None:
    """Which value of a configuration no file name and no TOML can hold, as a sentence; None where all are text."""
    if isinstance(content, str) and (
        "\0" in content or (not content.isascii() and any("\ud800" <= letter <= "\udfff" for letter in content))
    ):
        return f"{key} = {shortened(content)} holds a character that is no text: write it in UTF-8 without it"
    if isinstance(content, Mapping):
        parts = [(f"{key}.{name}".removeprefix("."), value) for name, value in content.items()]
        checks = (not_text(name, f"the key {key}") or not_text(value, name) for name, value in parts)
        return next(filter(None, checks), None)
    if isinstance(content, list | tuple):
        return next(filter(None, (not_text(value, key) for value in content)), None)
    return None


_LIMITS = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}


def explain(error: ErrorDetails, model: type[BaseModel]) -> str:
    """One sentence on what is wrong with the content of a model: key, value and remedy."""
    location = [str(part) for part in error["loc"] if part != "shear_cell"]
    given = shortened(" ".join(str(error["input"]).split()))
    # the settings of each engine are a model of their own, whose kind pydantic puts behind the section's name
    key = ".".join(
        part
        for before, part in zip(["", *location], location, strict=False)
        if before != "engine" or part not in ENGINE_SETTINGS
    )
    if error["type"] == "extra_forbidden":
        names = sections_of(_model_at(location, model))
        return f"unknown key {key} = {given}: {nearest(location[-1], names, 'known there:')}"
    message = error["msg"].removeprefix("Value error, ")
    if error["type"] == "value_error":
        return message if not key or key.split(".")[-1] in message else f"{key}: {message}"
    for name, words in _LIMITS.items():
        if name in error.get("ctx", {}) and error["type"] not in ("too_short", "too_long"):
            message = f"it must be {words} {error['ctx'][name]:g}"
    description = _description(location, model)
    about = f" ({description})" if description else ""
    return f"{key} = {given} is not possible: {message[0].lower()}{message[1:]}{about}"


def sections_of(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """The keys of a model as they stand in the TOML, where the shear cell's are among the others."""
    fields = dict(model.model_fields)
    return ShearCell.model_fields | fields if fields.pop("shear_cell", None) else fields


def _model_at(location: list[str], model: type[BaseModel]) -> type[BaseModel]:
    for name in location[:-1]:
        if name in ENGINE_SETTINGS:
            model = ENGINE_SETTINGS[name]
            continue
        field = sections_of(model).get(name)
        # a section that may be left out is a union of its model and None
        kinds = [] if field is None else [field.annotation, *get_args(field.annotation)]
        section = next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)
        if section is None:
            break
        model = section
    return model


def _description(location: list[str], model: type[BaseModel]) -> str:
    field = sections_of(_model_at(location, model)).get(location[-1]) if location else None
    return (field.description or "") if field else ""
