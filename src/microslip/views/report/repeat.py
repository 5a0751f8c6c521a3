"""How long a run took and how to make it again: steps, their state and share of the time, commands, seeds, versions."""

from __future__ import annotations

import base64
from typing import Any

from microslip.core.visible import quoted
from microslip.views.report.parts import Parts
from microslip.views.wording import show

# Asked for by name: `microslip run` leaves them out.
_BY_NAME = ("search", "assess", "ablate", "ceiling", "replicas")


def timings(parts: Parts) -> list[dict[str, Any]]:
    """One row per step that has run or could: title, state, seconds, share of all of them, when, on what."""
    states = parts.states or {}
    verbs = list(states) + [verb for verb in parts.steps if verb not in states]
    whole = sum(_seconds(entry) for entry in parts.steps.values())
    rows = []
    for verb in verbs:
        entry = parts.steps.get(verb, {})
        if verb == "report" or (not entry and verb not in states):
            continue
        state = states.get(verb)
        rows.append(
            {
                "verb": verb,
                "title": state.title if state else "",
                "state": state.state if state else "",
                "why": state.why if state else "",
                "seconds": _seconds(entry) if entry else None,
                "share": _seconds(entry) / whole if whole else 0.0,
                "finished": str(entry.get("finished", "")).replace("T", " ").replace("Z", " UTC"),
                "speed": entry.get("grain_steps_per_second"),
            }
        )
    return rows


def _seconds(entry: dict[str, Any]) -> float:
    return float(entry.get("seconds") or 0.0)


def duration(seconds: float | None) -> str:
    """Seconds below two minutes, minutes below two hours, else hours."""
    if seconds is None:
        return "–"
    if seconds < 120:
        return f"{show(round(float(seconds), 1))} s"
    return f"{show(seconds / 60)} min" if seconds < 7200 else f"{show(seconds / 3600)} h"


def machine(parts: Parts) -> str:
    """Processors and platform of the steps, in a line."""
    entries = parts.steps.values()
    processors = sorted({int(entry["processors"]) for entry in entries if entry.get("processors")})
    platforms = list(dict.fromkeys(entry.get("versions", {}).get("platform", "") for entry in entries))
    texts = [f"{' or '.join(map(str, processors))} processors"] if processors else []
    return ", ".join(texts + [platform for platform in platforms if platform])


def versions(parts: Parts) -> dict[str, str]:
    """Version of each package; all of them where steps differ."""
    by_package: dict[str, list[str]] = {}
    for entry in [{"versions": parts.attributes.get("versions", {})}, *parts.steps.values()]:
        for name, version in entry.get("versions", {}).items():
            if version not in by_package.setdefault(name, []):
                by_package[name].append(version)
    return {name: " / ".join(each) for name, each in by_package.items() if name != "platform"}


def commands(parts: Parts) -> list[tuple[str, str]]:
    """Commands that make the run again from its config.toml, and what each does."""
    into = quoted(f"runs/{parts.name}")
    rows = []
    made_with = versions(parts)
    commit, version = made_with.get("commit"), made_with.get("microslip")
    if commit and "/" not in commit:
        rows.append((f"git checkout {commit}", "in a clone of microslip, at the commit that made it"))
    of = f" of version {version}" if version and "/" not in version and not rows else ""
    rows.append(("make install", f"in a clone of microslip{of}: makes .venv, as its README says"))
    rows.append(("source .venv/bin/activate", ""))
    if parts.imported or "source" in parts.config:
        rows.append((f"microslip import config.toml --into {into}", "reads the files of frames named in it"))
        # without a network the chain of all steps ends in an error
        later = [verb for verb in parts.steps if verb not in ("import", *_BY_NAME)] if parts.too_few_to_train else []
        rows += [(f"microslip {verb} {into}", "") for verb in later]
        rows += [] if later else [(f"microslip run {into}", "every later step")]
    else:
        rows.append((f"microslip run config.toml --into {into}", "every step from the simulation on"))
    rows += [(f"microslip {verb} {into}", "asked for by name") for verb in _BY_NAME if verb in parts.steps]
    return rows


def seeds(parts: Parts) -> list[tuple[str, str, str]]:
    """Seed, its value, and what it fixes."""
    fixes = {
        "training": "the random split, initial weights, the order of the samples, augmentation, boosting",
        "clusters": "the grains of the nulls",
        "search": "the proposals of the search",
    }
    rows = [] if parts.imported else [("seed", parts.attributes.get("seed", parts.config.get("seed")), "the packing")]
    rows += [
        (f"{name}.seed", section["seed"], fixes.get(name, ""))
        for name, section in parts.config.items()
        if isinstance(section, dict) and "seed" in section and (name != "search" or name in parts.steps)
    ]
    return [(name, str(seed), what) for name, seed, what in rows if seed is not None]


def sentences_of_steps(parts: Parts) -> list[tuple[str, list[str]]]:
    """Sentences that the steps printed while they ran, by verb, where they were recorded."""
    return [(verb, entry["said"]) for verb, entry in parts.steps.items() if entry.get("said") and verb != "report"]


def warnings(parts: Parts) -> list[str]:
    """What the steps warned of."""
    entries = [entry for verb, entry in parts.steps.items() if verb != "report"]
    return [sentence for entry in entries for sentence in entry.get("warnings", [])]


def download(text: str, kind: str = "text/plain") -> str:
    """The address of a file that holds the text itself."""
    return f"data:{kind};base64,{base64.b64encode(text.encode()).decode()}"
