"""Parameters of a run: its settings with their meanings, the numbers that follow from them, and how two runs differ."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from microslip.dem.config import ShearCell
from microslip.dem.replicas.config import Replicas
from microslip.events.config import Stages
from microslip.fields.config import Nonaffine
from microslip.formats.source import Source
from microslip.grids.config import Split, Voxels
from microslip.learn.config import Ablation, Assessment, Attribution, Network, Search, Training
from microslip.statistics.config import ActiveClusters, Bootstrap, Correlation, Distributions
from microslip.views.wording import show

_SECTIONS: dict[str, type[BaseModel]] = {
    "source": Source,
    "stages": Stages,
    "nonaffine": Nonaffine,
    "voxels": Voxels,
    "split": Split,
    "network": Network,
    "training": Training,
    "ablation": Ablation,
    "assessment": Assessment,
    "search": Search,
    "replicas": Replicas,
    "attribution": Attribution,
    "correlation": Correlation,
    "clusters": ActiveClusters,
    "distributions": Distributions,
    "bootstrap": Bootstrap,
}

# They say where the run was made, not what it is.
_NOT_COMPARED = ("launch", "batches", "parallel")


def sections(config: dict[str, Any]) -> list[tuple[str, list[tuple[str, str, str]]]]:
    """Sections of the configuration that are not empty: name, and rows of key, value and meaning."""
    whole = {key: value for key, value in config.items() if not isinstance(value, dict)}
    parts = [("run", whole)] if whole else []
    parts += [(name, section) for name, section in config.items() if isinstance(section, dict) and section]
    return [
        (name, [(key, show(value, 6), meaning(name, key)) for key, value in section.items()]) for name, section in parts
    ]


def meaning(section: str, key: str) -> str:
    """The description of a setting in its model; empty where there is none."""
    if section == "run":
        model: Any = ShearCell
    else:
        field = ShearCell.model_fields.get(section)
        model = field.annotation if field is not None else _SECTIONS.get(section)
    fields = getattr(model, "model_fields", {})
    return (fields[key].description or "") if key in fields else ""


def numbers(attributes: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Symbol, meaning and value of the numbers that state how slow, stiff and finely resolved the run is."""
    rows = [
        ("I", "inertial number γ̇ d̄ √(ρ/p); quasi-static below about 10⁻³", "inertial_number"),
        ("κ", "stiffness number (E / ((1 − ν²) p))^(2/3); rigid above about 10⁴", "stiffness_number"),
        ("Δt", "time step [s]", "timestep"),
        ("Δt / T_R", "over the Rayleigh time of the smallest grain", "timestep_over_rayleigh_time"),
    ]
    numbers = [(name, meaning, show(attributes[key])) for name, meaning, key in rows if key in attributes]
    preparation = attributes.get("preparation")
    if isinstance(preparation, dict):
        prepared = [
            ("μ, prepared", "friction while compacting", "friction"),
            ("H₀", "height after compaction [d̄]", "height"),
            ("φ, prepared", "solid fraction after compaction", "solid_fraction"),
            ("F, at rest", "largest net force on a grain before shear [p d̄²]", "largest_net_force"),
            ("E, at rest", "mean kinetic energy of a grain before shear [p d̄³]", "mean_kinetic_energy"),
        ]
        numbers += [(name, meaning, show(preparation[key])) for name, meaning, key in prepared if key in preparation]
    return numbers


def flat(config: dict[str, Any]) -> dict[str, Any]:
    """Settings by their dotted names."""
    settings: dict[str, Any] = {}
    for name, value in config.items():
        if isinstance(value, dict):
            settings |= {f"{name}.{key}": inner for key, inner in value.items()}
        else:
            settings[name] = value
    return settings


def differences(configs: list[dict[str, Any]]) -> tuple[list[tuple[str, list[str], str]], list[tuple[str, str, str]]]:
    """Settings of several runs: those that differ, as key, values and meaning, and those that are the same.

    Where a run has no such setting its value is a dash.
    """
    every = [flat(config) for config in configs]
    differing, same = [], []
    for key in dict.fromkeys(key for settings in every for key in settings):
        section, _, name = key.rpartition(".")
        if section.partition(".")[0] in _NOT_COMPARED:
            continue
        values = [settings.get(key) for settings in every]
        text = meaning(section or "run", name)
        if all(value == values[0] for value in values):
            same.append((key, show(values[0], 6), text))
        else:
            differing.append((key, [show(value, 6) for value in values], text))
    return differing, same
