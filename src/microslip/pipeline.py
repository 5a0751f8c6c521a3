"""How a step is performed on a run folder; what is done and current is skipped."""

from __future__ import annotations

import os
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from microslip.config import Config, write_config
from microslip.core.errors import MicroslipError
from microslip.core.extras import require
from microslip.core.messages import Caution
from microslip.data.artifacts import OF_NO_STEP
from microslip.data.provenance import fingerprint, read_provenance, record_step, seals_broken, versions
from microslip.data.run import Run
from microslip.data.seals import Damage, describe_damage, find_damage, in_the_making, remove_stores
from microslip.states import input_digests, is_made, mark, section, step_states
from microslip.steps.common import Advance, Say
from microslip.steps.registry import STEPS, Step


def perform(verb: str, folder: Path, config: Config, advance: Advance, say: Say, force: bool = False) -> bool:
    """Run one step on a run folder, unless it is done, current and whole; True when it ran.

    `force`: stages also where their threshold lies within the noise.

    Raises
    ------
    MicroslipError
        An input is missing or damaged, or what the step itself finds wrong.
    """
    step = STEPS[verb]
    if verb in ("simulate", "import"):
        _refuse_other_origin(verb, folder, config)
    said: list[str] = []

    def remember(sentence: str) -> None:
        said.append(sentence)
        say(sentence)

    for sentence in _damaged_inputs(step, folder):
        remember(Caution(sentence))
    inputs = input_digests(step, folder, config)
    made_with = mark(step, config, inputs)
    changes = _damaged_outputs(step, folder)
    if is_made(step, folder, made_with):
        if not changes:
            return False
        remember(f"{changes[0]}{' and more' if len(changes) > 1 else ''} since it was made: made again")
        if not step.grows:
            remove_stores(folder, step.outputs)
    for needed in step.needs:
        require(needed, f"microslip {verb}")
    started = time.time()
    grown = seals_broken(folder, verb, step.outputs) if step.grows else nullcontext()
    # what an older try began lacks what is measured since
    begun_with = fingerprint([made_with, sorted(step.measures)]) if step.measures else made_with
    more: dict[str, Any] = {"states": step_states(folder, config)} if verb == "report" else {}
    if verb == "stages":
        more["force"] = force
    with in_the_making(folder, step.outputs), grown:
        extra = step.work(Run(folder), config, begun_with, advance, remember, **more)
    entry = {
        "fingerprint": made_with,
        "inputs": inputs,
        **({"measures": sorted(step.measures)} if step.measures else {}),
        "seconds": round(time.time() - started, 2),
        **(extra or {}),
        "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "settings": {name: section(config, name) for name in step.sections},
        "versions": versions(),
        "processors": os.cpu_count(),
        "said": said,
        "warnings": [sentence.sentence for sentence in said if isinstance(sentence, Caution)],
    }
    record_step(folder, verb, entry, step.outputs)
    write_config(config, folder / "config.toml")
    return True


def _damaged_inputs(step: Step, folder: Path) -> list[str]:
    """Refuse what is no longer as its step left it; what shows what there is names it, and leaves it out.

    An input without a record is taken as it is, which is said.
    """
    warnings, without = [], []
    entries = read_provenance(folder)["steps"]
    for name in step.inputs:
        if name in OF_NO_STEP or not (folder / name).exists():
            # no step makes the run's own records; what is missing is named by the mark, or not shown
            continue
        top = name.split("/")[0]
        maker = next((other.verb for other in STEPS.values() if top in other.outputs and other.verb in entries), None)
        if maker is None:
            without.append(name)
            continue
        changes = find_damage(folder, entries[maker].get("outputs", {}), [name])
        if changes:
            sentence = describe_damage(folder, maker, changes)
            if not step.shows:
                raise MicroslipError(sentence)
            warnings.append(sentence)
    if without:
        warnings.append(f"no step has recorded that it finished {', '.join(without)}: taken as it is")
    return warnings


def _damaged_outputs(step: Step, folder: Path) -> list[Damage]:
    """What of a step's result is no longer as it left it.

    Raises
    ------
    MicroslipError
        It is damaged, and the step would have to write into it.
    """
    sealed = read_provenance(folder)["steps"].get(step.verb, {}).get("outputs", {})
    changes = find_damage(folder, sealed, step.outputs)
    if changes and step.grows and any((folder / name).exists() for name in step.outputs):
        raise MicroslipError(describe_damage(folder, step.verb, changes))
    return changes


def _refuse_other_origin(verb: str, folder: Path, config: Config) -> None:
    """Neither puts a simulation in the place of an import nor the reverse."""
    if verb == "simulate" and config.source is not None:
        raise MicroslipError(
            f"{folder} was imported from {', '.join(config.source.files)}: there is nothing to simulate"
        )
    if not (folder / "trajectory.zarr").is_dir():
        return
    # the record tells it of a damaged store as well
    recorded = read_provenance(folder)["steps"]
    if "import" in recorded or "simulate" in recorded:
        imported, before = "import" in recorded, recorded.get("import", {}).get("settings", {}).get("source")
    else:
        attributes = Run(folder).attributes
        imported, before = attributes.get("imported", False), attributes.get("source")
    if imported and verb == "simulate":
        raise MicroslipError(f"{folder} holds a run that was imported: choose another folder with --into")
    if imported and config.source is not None and before is not None:
        files = before["files"]
        if set(files) != set(config.source.files):
            raise MicroslipError(
                f"{folder} holds a run that was imported from {', '.join(files)}: choose another folder with --into,"
                " or remove this one"
            )
    if not imported and verb == "import":
        raise MicroslipError(f"{folder} holds a run that was simulated: choose another folder with --into")
