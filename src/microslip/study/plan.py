"""A study's file of settings that vary → systems with names and whole configurations."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any, Self

import tomli_w
from pydantic import Field, ValidationError, field_validator, model_validator

from microslip.config import Config, parse_config
from microslip.config_files import apply_overrides, explain, read_toml
from microslip.core.errors import MicroslipError
from microslip.core.settings import Settings
from microslip.core.visible import nearest, quoted
from microslip.data.artifacts import RUN_STEPS
from microslip.data.files import replacing
from microslip.steps.registry import STEPS, check_overrides
from microslip.steps.run_settings import run_config

BASE = "base"

# The file in a study's folder that says what the study is; it stands alone.
STUDY_FILE = "study.toml"

# Names of what stands beside the systems in a study's folder.
TRANSFER = "transfer"
TAKEN = ("figures", "report", TRANSFER)


class NamedSystem(Settings):
    """A system written out by name: with settings that differ from the base, or a run that was made elsewhere."""

    name: str = Field(description="folder of the system")
    changes: dict[str, Any] = Field({}, alias="set", description="settings that differ from the base")
    run: str | None = Field(None, description="run folder, relative to this file, that is read and never changed")

    @field_validator("name")
    @classmethod
    def _is_a_folder(cls, name: str) -> str:
        plain = re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}", name)
        if not plain or name in TAKEN or name.endswith((".csv", ".toml")):
            raise ValueError(
                f"the name {name} does not serve for a system's folder: use letters, digits, -, + and _, and not"
                f" {', '.join(TAKEN[:-1])} or {TAKEN[-1]}"
            )
        return name

    @field_validator("changes", mode="before")
    @classmethod
    def _flat(cls, changes: Any) -> Any:
        return flatten(changes)

    @model_validator(mode="after")
    def _says_what_it_is(self) -> Self:
        if self.run is None and "changes" not in self.model_fields_set:
            raise ValueError(f"system {self.name} has neither set nor run: give the settings that differ, or a run")
        return self


class Transfer(Settings):
    """Networks of systems on each other, once all are trained."""

    families: tuple[str, ...] = Field(description="keys of vary whose systems take part")
    leave_one_out: bool = Field(True, description="learn from all of them but one as well, and test on that one")
    changes: dict[str, Any] = Field({}, alias="set", description="settings of these networks that differ")

    @field_validator("changes", mode="before")
    @classmethod
    def _flat(cls, changes: Any) -> Any:
        return flatten(changes)

    @property
    def overrides(self) -> list[str]:
        """Its settings as words of the command line."""
        return [f"{key}={value}" for key, value in self.changes.items()]


class StudyFile(Settings):
    """The study's TOML."""

    base: str | None = Field(None, description="TOML file of a run, relative to this one")
    settings: dict[str, Any] = Field({}, description="sections as in a run's TOML, put on top of the base")
    steps: tuple[str, ...] = Field(RUN_STEPS, description="verbs, run in the pipeline's order")
    vary: dict[str, Any] = Field({}, description="section.key = list of values, one at a time about the base")
    system: tuple[NamedSystem, ...] = Field((), description="systems that are named one by one")
    transfer: Transfer | None = Field(None, description="systems whose networks are tested on each other")
    reference: str | None = Field(None, description="system with which all others are compared in agreement.csv")

    @field_validator("steps")
    @classmethod
    def _in_order(cls, steps: tuple[str, ...]) -> tuple[str, ...]:
        if not steps:
            raise ValueError(f"steps is empty: name verbs such as {', '.join(list(STEPS)[:2])}, or leave steps out")
        for step in steps:
            if step not in STEPS:
                raise ValueError(f"unknown step {step} in steps: {nearest(step, STEPS)}")
            if steps.count(step) > 1:
                raise ValueError(f"steps names {step} twice: remove one")
        return tuple(verb for verb in STEPS if verb in steps)

    @field_validator("vary", mode="before")
    @classmethod
    def _lists(cls, vary: Any) -> Any:
        for key, values in (flat := flatten(vary)).items():
            if not isinstance(values, list) or not values:
                raise ValueError(f"vary {key} = {values} is not a list of values: write it as [1.0, 2.0]")
        return flat

    @model_validator(mode="after")
    def _transfers_what_it_trains(self) -> Self:
        if self.transfer is not None:
            for key in self.transfer.families:
                if key not in self.vary:
                    raise ValueError(f"transfer.families names {key}, which vary lacks: {nearest(key, self.vary)}")
            if "train" not in self.steps:
                raise ValueError("transfer takes trained networks: add train to steps")
        return self

    @model_validator(mode="after")
    def _has_systems(self) -> Self:
        if not self.vary and not self.system:
            raise ValueError("the study names no system: give a [vary] table or [[system]] entries")
        return self


@dataclass(frozen=True)
class System:
    """One run of the study: its name, the settings that set it apart from the base, and its whole configuration.

    `run` is the folder of a run that was made elsewhere: it is read alone, and its configuration is its own.
    """

    name: str
    changes: Mapping[str, Any]
    config: Config
    run: Path | None = None

    def place(self, folder: Path) -> Path:
        """Its run folder, where the study has the folder given."""
        return folder / self.name if self.run is None else self.run

    def describe(self) -> str:
        """The settings that set it apart from the base, and the folder of a run from elsewhere."""
        if self.run is not None:
            settings = "".join(f", {key} = {written(value)}" for key, value in self.changes.items())
            return f"the run {self.run}{settings}"
        return ", ".join(f"{key} = {written(value)}" for key, value in self.changes.items()) or "as the base"


@dataclass(frozen=True)
class Family:
    """Systems that are compared with each other, in the order of the file.

    `key` is the setting that tells them apart, and `values` its values; both are empty where the systems are named one
    by one and differ in several settings.
    """

    key: str
    systems: tuple[str, ...]
    values: tuple[Any, ...]


@dataclass(frozen=True)
class Study:
    """Systems in the order in which they are run, the families that they form, and the verbs that each goes through."""

    name: str
    steps: tuple[str, ...]
    base: Config
    systems: tuple[System, ...]
    families: tuple[Family, ...]
    content: StudyFile

    @property
    def varied(self) -> tuple[str, ...]:
        """Every setting in which a system differs from the base, in the order of the file."""
        return tuple(dict.fromkeys(key for system in self.systems for key in system.changes))

    @property
    def transferred(self) -> tuple[str, ...]:
        """Names of the systems whose networks are tested on each other."""
        keys = self.content.transfer.families if self.content.transfer else ()
        chosen = {name for family in self.families if family.key in keys for name in family.systems}
        return tuple(system.name for system in self.systems if system.name in chosen)

    def value(self, system: System, key: str) -> Any:
        """A setting of one of the systems, such as `grains.width`."""
        return setting(system.config, key)


def load_study(path: Path, overrides: Iterable[str] = ()) -> Study:
    """Read a study's TOML, or that of its folder, and apply overrides such as `loading.strain=0.5` to every system.

    Raises
    ------
    MicroslipError
        A file is missing or not TOML; a key or a step is unknown; a value is out of range; two systems have one name or
        the same settings; an override would change what the study varies.
    """
    name = path.resolve().name if path.is_dir() else path.stem
    if path.is_dir():
        path = path / STUDY_FILE
    try:
        content = StudyFile.model_validate(read_toml(path))
    except ValidationError as problem:
        raise MicroslipError(f"{path}: {explain(problem.errors()[0], StudyFile)}") from None
    return plan_study(name, content, path.parent, overrides)


def plan_study(name: str, content: StudyFile, folder: Path, overrides: Iterable[str] = ()) -> Study:
    """The systems of a study's file whose `base` is relative to that folder; errors as in `load_study`."""
    common = read_toml(folder / content.base) if content.base else {}
    for key, value in content.settings.items():
        merge = isinstance(value, Mapping) and isinstance(common.get(key), Mapping)
        common[key] = {**common[key], **value} if merge else value
    overrides = list(overrides)
    fixed = {*content.vary, *(key for named in content.system for key in named.changes)}
    for override in overrides:
        if (key := override.partition("=")[0].strip()) in fixed:
            raise MicroslipError(f"--set {override}: the study varies {key}: change its file instead")
    common = apply_overrides(common, overrides)
    base = parse_config(common)
    if content.transfer is not None:
        # hours before it is needed
        check_overrides("train", content.transfer.overrides)
        parse_config(apply_overrides(common, content.transfer.overrides))

    systems: dict[str, System] = {}
    families = []
    ends = [key.split(".")[-1] for key in content.vary]
    for key, values in content.vary.items():
        end = key.split(".")[-1]
        members = []
        for value in values:
            changes = {key: value}
            system = _system(f"{end if ends.count(end) == 1 else key}-{written(value)}", changes, common)
            if system.config == base:
                system = System(BASE, {}, base)
            if system.name in members:
                raise MicroslipError(f"vary {key} gives the system {system.name} twice: remove one of its values")
            members.append(system.name)
            systems[system.name] = system
        families.append(Family(key, tuple(members), tuple(setting(systems[name].config, key) for name in members)))
    if BASE in systems:
        systems = {BASE: systems.pop(BASE), **systems}
    named = [
        _system(entry.name, entry.changes, common)
        if entry.run is None
        else _system_elsewhere(entry.name, entry.changes, folder / entry.run)
        for entry in content.system
    ]
    for system in named:
        for other in systems.values():
            if other.name == system.name:
                raise MicroslipError(f"two systems have the name {system.name}: give each a name of its own")
            if system.run is not None and other.run is not None and other.run.samefile(system.run):
                raise MicroslipError(f"the systems {other.name} and {system.name} are the same run {system.run}")
            # a run from elsewhere may repeat settings: with another engine, or from another packing
            if system.run is None and other.run is None and other.config == system.config:
                raise MicroslipError(f"the systems {other.name} and {system.name} have the same settings: remove one")
        systems[system.name] = system
    if named:
        keys = tuple(dict.fromkeys(key for system in named for key in system.changes))
        only = keys[0] if len(keys) == 1 else ""
        values = tuple(setting(system.config, only) for system in named) if only else ()
        families.append(Family(only, tuple(system.name for system in named), values))
    if content.reference is not None and content.reference not in systems:
        raise MicroslipError(
            f"reference = {content.reference}: the study has no such system: {nearest(content.reference, systems)}"
        )
    return Study(name, content.steps, base, tuple(systems.values()), tuple(families), content)


def write_study(study: Study, path: Path) -> None:
    """Write a study's file that stands alone: the base with every key, and what varies about it."""
    runs = {system.name: system.run.resolve() for system in study.systems if system.run is not None}
    content: dict[str, Any] = {
        "steps": list(study.steps),
        "settings": study.base.model_dump(mode="json", exclude_none=True),
        "vary": study.content.vary,
        "system": [
            # a path relative to the study's first file leads nowhere from here
            {
                **entry.model_dump(by_alias=True, exclude={"run"}),
                **({"run": str(runs[entry.name])} if entry.run else {}),
            }
            for entry in study.content.system
        ],
        "transfer": study.content.transfer.model_dump(by_alias=True) if study.content.transfer else None,
        "reference": study.content.reference,
    }
    with replacing(path) as beside:
        beside.write_text(tomli_w.dumps({key: part for key, part in content.items() if part}))


def choose_systems(study: Study, only: Sequence[str], job: int | None) -> list[tuple[int, System]]:
    """The systems asked for by name or by number, all where neither is given, each with its number from 1.

    Raises
    ------
    MicroslipError
        There is no such system, or both are given.
    """
    numbered = list(enumerate(study.systems, start=1))
    if only and job is not None:
        raise MicroslipError(f"--job {job} and --only {only[0]} name systems both: give one of the two")
    if job is not None:
        if not 1 <= job <= len(numbered):
            raise MicroslipError(f"--job {job} is not possible: the study has systems 1 to {len(numbered)}")
        return [numbered[job - 1]]
    names = [system.name for system in study.systems]
    for name in only:
        if name not in names:
            raise MicroslipError(f"--only {name}: the study has no such system: {nearest(name, names)}")
    return [(number, system) for number, system in numbered if not only or system.name in only]


def flatten(table: Any) -> Any:
    """`{"grains": {"width": x}}`, as TOML's bare dotted keys give it, and `{"grains.width": x}` become the latter."""
    if not isinstance(table, Mapping):
        return table
    flat: dict[str, Any] = {}
    for name, part in table.items():
        flat |= {f"{name}.{key}": value for key, value in part.items()} if isinstance(part, Mapping) else {name: part}
    return flat


def setting(config: Config, key: str) -> Any:
    """The value of a key such as `grains.width`."""
    section, *rest = key.split(".")
    return reduce(getattr, rest, config.section(section))


def written(value: Any) -> str:
    """A value as a name or a line of text holds it: 0.1, 5e6, true, 16x32."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return "x".join(written(each) for each in value)
    if isinstance(value, int | float):
        short = f"{value:g}" if float(f"{value:g}") == value else repr(value)
        return re.sub(r"e\+?(-?)0*", r"e\1", short)
    return re.sub(r"[^A-Za-z0-9._+-]", "_", str(value))


def _system(name: str, changes: Mapping[str, Any], common: Mapping[str, Any]) -> System:
    content = {key: dict(part) if isinstance(part, Mapping) else part for key, part in common.items()}
    for key, value in changes.items():
        *sections, last = key.split(".")
        target: Any = content
        if len(sections) > 1 or not last:
            raise MicroslipError(f"system {name}: {key} is not of the form section.key, such as grains.width")
        if sections:
            target = content.setdefault(sections[0], {})
        if not isinstance(target, dict):
            raise MicroslipError(f"system {name}: {sections[0]} is a value, not a section")
        target[last] = value
    try:
        config = parse_config(content)
    except MicroslipError as problem:
        raise MicroslipError(f"system {name}: {problem}") from None
    return System(name, {key: setting(config, key) for key in changes}, config)


def _system_elsewhere(name: str, changes: Mapping[str, Any], run: Path) -> System:
    """A run that was made elsewhere, with its own settings; `set` says which of them it is compared by."""
    if not run.is_dir():
        raise MicroslipError(
            f"system {name}: run = {run} is no folder: give the run's folder, relative to the study's file"
        )
    if not (run / "config.toml").exists() or not (run / "trajectory.zarr").exists():
        raise MicroslipError(
            f"system {name}: run = {run} is no run folder with a trajectory: make it with"
            f" `microslip simulate TOML --into {quoted(run)}`"
        )
    try:
        config = run_config(run)
        _ = config.simulation
        own = {key: setting(config, key) for key in changes}
    except MicroslipError as problem:
        raise MicroslipError(f"system {name}: {problem}") from None
    except AttributeError:
        raise MicroslipError(
            f"system {name}: set names {', '.join(changes)}, which the run {run} does not have"
        ) from None
    for key, value in changes.items():
        if written(own[key]) != written(value):
            raise MicroslipError(
                f"system {name}: set says {key} = {written(value)}, and the run {run} was made with"
                f" {written(own[key])}: a finished run keeps its settings"
            )
    return System(name, own, config, run)
