"""The report of a run: one HTML file that carries its figures, needs no server, and loads nothing from elsewhere."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel

from microslip.core.errors import MicroslipError
from microslip.data.run import Run
from microslip.data.source import Source
from microslip.dem.config import ShearCell
from microslip.events.config import Stages
from microslip.fields.config import Nonaffine
from microslip.grids.config import Split, Voxels
from microslip.learn.config import Ablation, Attribution, Network, Search, Training
from microslip.statistics.config import Correlation
from microslip.views.captions import ALTERNATIVES, TITLES, caption, setting, threshold
from microslip.views.compose import read_lengths
from microslip.views.learning import RULES, score
from microslip.views.page import embedded, write_page
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
    "search": Search,
    "attribution": Attribution,
    "correlation": Correlation,
}

_MODELS = {
    "network": "network",
    "ridge_voxels": "ridge on voxels",
    "d2min_quantiles": "quantiles of D²min",
    "mean_d2min": "mean D²min",
    "strain_increment": "length of the stage",
}

# What the report is scaled against: Mei et al., Int. J. Plasticity 163 (2023) 103570.
PAPER = {"inertial_number": 1.7e-6, "cell": "50 × 15 × 20 d̄", "n_cycles": 4232, "r2_train": 0.956, "r2_test": 0.85}


def write_report(run: Run, target: Path) -> None:
    """Write the report of a run to one HTML file.

    Parameters
    ----------
    run
        The run; figures are read from its folder `figures`, parts that have not been made are named as such.
    target
        The HTML file written.
    """
    write_page("report.html.jinja", gather(run), target)


def gather(run: Run) -> dict[str, Any]:
    """Everything that the report states, as plain numbers, tables and texts."""
    attributes = _or_none(lambda: run.attributes) or {}
    config = read_config(run, attributes)
    steps = run.provenance.get("steps", {})
    if "source" in config and steps.get("stages", {}).get("threshold"):
        # chosen by what the frames support, where the settings leave it open
        config["stages"] = {**config.get("stages", {}), "threshold": steps["stages"]["threshold"]}
    stages = _or_none(lambda: run.stages)
    metrics = _or_none(lambda: run.metrics) or {}
    lengths = _or_none(lambda: read_lengths(run))
    grains = _or_none(lambda: run.grains)
    n_grains = int(grains.sizes["grain"]) if grains is not None else None
    return {
        "name": run.folder.resolve().name,
        "folder": str(run.folder),
        "paper": PAPER,
        "box": attributes.get("box"),
        "n_grains": n_grains,
        "n_walls": int((grains["kind"].to_numpy() != 0).sum()) if grains is not None else None,
        "strain": setting(config, "loading.strain"),
        "shear_rate": setting(config, "loading.shear_rate"),
        "pressure": setting(config, "loading.pressure"),
        "threshold": threshold(config),
        "batch_normalisation": setting(config, "network.batch_normalisation"),
        "stages": _stage_summary(stages),
        "numbers": _numbers(attributes),
        "inertial_number": attributes.get("inertial_number"),
        "headline": _headline(n_grains, attributes, stages, lengths, metrics),
        "sections": sections(config),
        "metrics": _metric_rows(metrics),
        "r2": {rule: score(metrics, rule, "network", "test") for rule in RULES},
        "figures": _figures(run, config),
        "steps": steps,
        "imported": _imported(attributes, stages),
        "seeds": _seeds(config, attributes),
        "versions": attributes.get("versions", {}),
        "show": show,
    }


def read_config(run: Run, attributes: dict[str, Any]) -> dict[str, Any]:
    """The resolved configuration: config.toml of the run, else what the trajectory carries.

    Raises
    ------
    MicroslipError
        config.toml is not readable.
    """
    path = run.folder / "config.toml"
    if not path.exists():
        return dict(attributes.get("config", {}))
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise MicroslipError(f"{path} is not readable as TOML ({problem}): restore it from the run's preset") from None


def _imported(attributes: dict[str, Any], stages: pd.DataFrame | None) -> dict[str, Any] | None:
    """Where an imported run comes from, and how well its files know positions, strain and turning points."""
    if not attributes.get("imported"):
        return None
    found = {name: attributes[name] for name in ("engine", "position_resolution", "strain_from", "length", "pressure")}
    found["files"] = attributes["source"]["files"]
    if stages is not None and "start_mismatch" in stages and len(stages):
        mismatch = stages[["start_mismatch", "end_mismatch"]].abs().to_numpy()
        found["mismatch"], found["length_of_stages"] = np.median(mismatch), stages["strain_increment"].median()
    return found


def _or_none(read: Any) -> Any:
    """What a reader gives, None where the run has not made it yet."""
    try:
        return read()
    except MicroslipError:
        return None


def _stage_summary(stages: pd.DataFrame | None) -> dict[str, Any] | None:
    if stages is None or stages.empty:
        return None
    slips = stages.loc[stages["kind"] == "slip", "fluctuation"]
    return {
        "n": len(stages),
        "n_windows": int((stages["kind"] == "window").sum()),
        "n_stick": int((stages["kind"] == "stick").sum()),
        "n_slip": len(slips),
        "largest_slip": float(slips.max()) if len(slips) else None,
        "median_slip": float(slips.median()) if len(slips) else None,
    }


def _numbers(attributes: dict[str, Any]) -> list[tuple[str, str, Any]]:
    """Name, meaning and value of the numbers that state how slow, stiff and finely resolved the run is."""
    rows = [
        ("I", "inertial number γ̇ d̄ √(ρ/p); quasi-static below about 10⁻³", "inertial_number"),
        ("κ", "stiffness number (E / ((1 − ν²) p))^(2/3); rigid above about 10⁴", "stiffness_number"),
        ("Δt", "time step [s]", "timestep"),
        ("Δt / T_R", "over the Rayleigh time of the smallest grain", "timestep_over_rayleigh_time"),
    ]
    return [(name, meaning, attributes[key]) for name, meaning, key in rows if key in attributes]


def _xi(lengths: pd.DataFrame | None, kind: str) -> str:
    if lengths is None:
        return "–"
    rows = lengths[(lengths["kind"] == kind) & (lengths["by"] == "kind")]
    if rows.empty:
        return "–"
    row = rows.iloc[0]
    return f"{show(float(row['xi']))} d̄ [{show(float(row['xi_low']))}, {show(float(row['xi_high']))}]"


def _headline(
    n_grains: int | None,
    attributes: dict[str, Any],
    stages: pd.DataFrame | None,
    lengths: pd.DataFrame | None,
    metrics: Any,
) -> list[tuple[str, str, str]]:
    """What, value, and the paper's value."""
    return [
        ("grains, walls included", show(n_grains), "20 215"),
        ("inertial number I", show(attributes.get("inertial_number")), show(PAPER["inertial_number"])),
        ("stages", show(len(stages)) if stages is not None else "–", show(2 * PAPER["n_cycles"])),  # type: ignore[operator]
        ("ξ of D²min, stick [interval]", _xi(lengths, "stick"), ""),
        ("ξ of D²min, slip [interval]", _xi(lengths, "slip"), ""),
        ("R², train, random split", show(score(metrics, "random", "network", "train")), show(PAPER["r2_train"])),
        ("R², test, random split", show(score(metrics, "random", "network", "test")), show(PAPER["r2_test"])),
        ("R², test, blocked split", show(score(metrics, "blocked", "network", "test")), "not given"),
        (
            "R², test, blocked split, mean D²min alone",
            show(score(metrics, "blocked", "mean_d2min", "test")),
            "not given",
        ),
    ]


def sections(config: dict[str, Any]) -> list[tuple[str, list[tuple[str, str, str]]]]:
    """Sections of the configuration: name, and rows of key, value, unit and meaning."""
    whole = {key: value for key, value in config.items() if not isinstance(value, dict)}
    parts = [("run", whole, ShearCell)] if whole else []
    for name, section in config.items():
        if isinstance(section, dict):
            field = ShearCell.model_fields.get(name)
            model = field.annotation if field is not None else _SECTIONS.get(name)
            parts.append((name, section, model))  # type: ignore[arg-type]
    return [
        (name, [(key, show(value, 6), _description(model, key)) for key, value in section.items()])
        for name, section, model in parts
    ]


def _description(model: Any, key: str) -> str:
    fields = getattr(model, "model_fields", {})
    return (fields[key].description or "") if key in fields else ""


def _metric_rows(metrics: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"rule": rule, "model": _MODELS[model], "split": split, **metrics[rule][model][split]}
        for rule in RULES
        for model in _MODELS
        for split in ("train", "validation", "test")
        if isinstance(setting(metrics, f"{rule}.{model}.{split}"), dict)
    ]


def _figures(run: Run, config: dict[str, Any]) -> list[dict[str, str]]:
    """Embedded pictures with their titles, captions and alternative texts."""
    figures = []
    for name, title in TITLES.items():
        path = run.folder / "figures" / f"{name}.png"
        if path.exists():
            figures.append(
                {
                    "name": name,
                    "title": title,
                    "source": embedded(path),
                    "caption": caption(name, config),
                    "alternative": ALTERNATIVES[name],
                }
            )
    return figures


def _seeds(config: dict[str, Any], attributes: dict[str, Any]) -> list[tuple[str, Any]]:
    seeds = [("simulation", attributes.get("seed", config.get("seed")))]
    seeds += [(name, part["seed"]) for name, part in config.items() if isinstance(part, dict) and "seed" in part]
    return [(name, seed) for name, seed in seeds if seed is not None]
