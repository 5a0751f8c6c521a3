"""What an archive for others says of itself: README, datasheet, licence, training script, metadata."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import pandas as pd

import microslip
from microslip.config import Config
from microslip.data.artifacts import PACK_NOTE, PACKED
from microslip.data.overview import describe
from microslip.data.run import Run
from microslip.data.seals import PROVENANCE
from microslip.formats.pack import crate
from microslip.formats.pack.archive import Entry, Packed
from microslip.steps.pack_contents import NODES, packed_record

MEANINGS = {
    "stages.csv": "a row per stage: kind, strain, stress at both ends, and their fluctuation, the target [p]",
    "splits.csv": "which stages train, validate and test, by split rule",
    NODES: "D²min on the nodes, stage × x × y × z, for plain numpy [d̄²]",
    "voxels.zarr/": "the same with names and units, and other fields if there are some",
    "fields.zarr/": "D²min of every grain in every stage [d̄²]",
    "sample.zarr/": "of some stages: positions at the start and every field of every grain",
    "trajectory.zarr/": "diameters and kinds of the grains, and the series of strain and stress",
    "config.toml": "every setting",
    "provenance.json": "which step ran with what, when, with which versions",
    "train.py": "a small network, learnt and scored in a few minutes",
    "DATASHEET.md": "how the data came about, and what they lack",
}

About = dict[str, Any]
"""What the texts are made of, by the names in them."""


def _unmeasured(run: Run) -> Iterator[str]:
    """Grains without D²min, and stages whose D²min is noise, counted over all stages."""
    d2min, bulk = run.fields["d2min"], run.grains["kind"].to_numpy() == 0
    step = max(1, 2**22 // max(1, len(bulk)))
    n_missing = sum(
        int(np.isnan(d2min[first : first + step].to_numpy()[:, bulk]).sum()) for first in range(0, len(d2min), step)
    )
    yield (
        f"D²min of {n_missing:,} of {len(d2min) * int(bulk.sum()):,} grains in stages: fewer than 4 neighbours, a"
        " singular map, or a grain that is not there; NaN, and in no node."
    )
    if "below_floor" in run.fields and (n_noise := int((run.fields["below_floor"] == 1).sum())):
        yield f"No stage for its noise: the median D²min of {n_noise:,} lies within the floor of the positions."


def describe_for_others(
    run: Run, config: Config, stages: pd.DataFrame, chosen: np.ndarray, licence: str, authors: Sequence[str]
) -> About:
    """What the texts say of the run."""
    attributes, split, entries = run.attributes, config.split, run.provenance["steps"]
    shares = f"{split.train:.0%} of the stages to train, {split.validation:.0%} to validate, the rest to test"
    parts = f"split.train = {split.train:g}, split.validation = {split.validation:g}"
    kinds = stages["kind"].value_counts()
    unknown = int(stages["fluctuation"].isna().sum())
    gone = [name for name in ("statistics", "model", "attributions.zarr", "assessment") if (run.folder / name).exists()]
    n_frames = run.frames.sizes["frame"]
    return {
        "run": run.folder.resolve().name,
        "version": microslip.__version__,
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "licence": licence,
        "authors": list(authors),
        "meanings": MEANINGS,
        "n_stages": len(stages),
        "n_grains": run.grains.sizes["grain"],
        "n_sampled": len(chosen),
        "sampled": chosen.tolist(),
        "n_stick": int(kinds.get("stick", 0)),
        "n_slip": int(kinds.get("slip", 0)),
        "n_unknown": unknown,
        "threshold": entries.get("stages", {}).get("threshold", config.stages.threshold),
        "stress": entries.get("stages", {}).get("stress", "as config.toml says"),
        "origin": list(_origin(run, config, attributes)),
        "cutoff": run.fields.attrs["cutoff"],
        "spacing": config.voxels.spacing,
        "radius": config.voxels.radius,
        "rule_random": f"stages drawn at random with seed {config.training.seed}, {shares} ({parts})",
        "rule_blocked": f"three blocks of strain in order, {split.guard} stages left out at each border (guard)",
        "left_out": [
            f"Frames: of {n_frames} of them the positions at the start of {len(chosen)} stages go along"
            f" (sample.zarr), nothing of contacts, forces or Voronoi cells.",
            f"Fields of the grains but D²min: those of the same {len(chosen)} stages.",
            *([f"Results of later steps that the run has: {', '.join(gone)}."] if gone else []),
            *([f"The fluctuation of {unknown} stages, which is not known."] if unknown else []),
            *_unmeasured(run),
        ],
        "warnings": [f"{verb}: {text}" for verb in PACKED for text in entries.get(verb, {}).get("warnings", [])],
    }


def _origin(run: Run, config: Config, attributes: dict[str, Any]) -> Iterator[str]:
    if config.source is not None:
        yield f"Imported from {attributes.get('engine', 'another program')}: `config.toml`, section source."
        yield "Inertial number and time step are as far known as `config.toml` says."
        return
    cell = config.simulation
    numbers = describe(attributes) if "inertial_number" in attributes else "I and Δt were not kept"
    yield f"Discrete elements, simulated by the {cell.engine.kind} engine: {numbers}, seed {cell.seed}."
    grains = cell.grains
    yield (
        f"Hertz–Mindlin spheres, diameters uniform within ±{grains.width:.0%}, μ = {grains.friction:g},"
        f" E = {grains.youngs_modulus:g} Pa, ν = {grains.poisson_ratio:g}, e = {grains.restitution:g}."
    )
    box, loading = cell.cell, cell.loading
    walls = "between walls" if box.walls else "without walls"
    yield (
        f"{box.length:g} × {box.depth:g} × {box.height:g} d̄ {walls}, p = {loading.pressure:g} Pa,"
        f" γ̇ = {loading.shear_rate:g} /s, sheared to γ = {loading.strain:g}."
    )


def texts(about: About, run: Run) -> dict[str, bytes]:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(crate.__file__).parent, encoding="utf-8"),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
    )
    texts = {
        name: environment.get_template(f"{name}.jinja").render(about)
        for name in ("README.md", "DATASHEET.md", "train.py")
    }
    licence = about["licence"]
    texts["LICENSE.txt"] = f"{licence}\n\nThe terms: https://spdx.org/licenses/{licence}.html\n"
    keys = {"run": "run", "microslip": "version", "packed": "date", "stages": "n_stages", "grains": "n_grains",
            "sampled": "sampled", "licence": "licence", "authors": "authors"}  # fmt: skip
    texts[PACK_NOTE] = json.dumps({key: about[name] for key, name in keys.items()}, indent=1)
    return {name: text.encode() for name, text in texts.items()} | {PROVENANCE: packed_record(run)}


def metadata_file(about: About, files: list[Packed]) -> list[Entry]:
    description = (
        f"{about['n_stages']} stick and slip stages of {about['n_grains']} sheared grains: the stress change of each"
        " and the non-affine motion of the grains in it"
    )
    content = crate.crate(
        about["name"], description, about["date"], about["licence"], about["authors"], MEANINGS, files, about["version"]
    )
    return [Entry(crate.METADATA, content, len(content))]
