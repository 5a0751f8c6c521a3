"""Signals at random moments of every verb: how each command ends, and whether its result is the same in the end.

    python tests/random_signals.py RUN [--each 9] [--verbs fields statistics] [--signals INT TERM HUP]

RUN is a finished small run, such as `microslip run tests/tiny.toml --into RUN`; it is copied. A trial that fails is
printed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

MARK = "MICROSLIP_SIGNALS"
COMMAND = [sys.executable, "-X", "faulthandler", "-m", "microslip"]
# Seconds from the signal to the end that are allowed: a second or two, and more on a busy machine.
SLOW = 4.0

# What each verb leaves, and its words after the run folder.
VERBS = {
    "simulate": (("trajectory.zarr", "dem"), ()),
    "stages": (("stages.csv",), ()),
    "fields": (("fields.zarr",), ()),
    "fields --workers": (("fields.zarr",), ("--workers", "2")),
    "voxels": (("voxels.zarr",), ()),
    "train": (("model",), ()),
    "train in two": (("model",), ("--set", "training.processes=2")),
    "explain": (("attributions.zarr", "interpretation"), ()),
    "statistics": (("statistics",), ()),
    "figures": (("figures",), ()),
    "report": (("report",), ()),
    "export": (("export",), ()),
    "info": ((), ()),
    "simulate with lammps": (("trajectory.zarr", "dem"), ("--engine", "lammps", "--ranks", "2")),
}


def digests(folder: Path, names: tuple[str, ...]) -> dict[str, str]:
    """Of every file of a verb's results; times of epochs and processes differ."""
    files = [file for name in names for file in sorted((folder / name).rglob("*")) if file.is_file()]
    files += [folder / name for name in names if (folder / name).is_file()]
    timed = ("dem", "history.csv", "search", "index.html", "provenance.json", ".pt", ".pdf")
    told = {str(file.relative_to(folder)): file for file in files}
    return {
        name: hashlib.sha256(file.read_bytes()).hexdigest()
        for name, file in told.items()
        if not any(part in name for part in timed)
    }


def prepare(run: Path, folder: Path, names: tuple[str, ...]) -> None:
    """A copy of the run without what the verb leaves."""
    shutil.copytree(run, folder)
    for name in names:
        path = folder / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    if "trajectory.zarr" in names:
        for path in folder.iterdir():
            if path.name != "config.toml":
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def started(verb: str, folder: Path, words: tuple[str, ...], mark: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COMMAND, verb.split()[0], str(folder), *words],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, MARK: mark},
        # as in a terminal, where a Ctrl-C reaches all of a command's processes
        start_new_session=True,
    )  # fmt: skip


def left_behind(mark: str) -> list[str]:
    """The processes that still carry the mark of a command."""
    found = []
    for name in os.listdir("/proc"):
        try:
            if name.isdigit() and f"{MARK}={mark}".encode() in Path("/proc", name, "environ").read_bytes():
                found.append(Path("/proc", name, "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


def trial(verb: str, folder: Path, words: tuple[str, ...], number: int, wait: float, group: bool) -> tuple[str, float]:
    """One signal after so many seconds: how the command ended, in a word, and how long that took."""
    mark = f"{time.time_ns()}"
    process = started(verb, folder, words, mark)
    time.sleep(wait)
    sent = time.monotonic()
    if process.poll() is None:
        os.killpg(process.pid, number) if group else process.send_signal(number)
    try:
        output, error = process.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        return "hang", 60.0
    took = time.monotonic() - sent
    time.sleep(0.3)
    orphans = left_behind(mark)
    if orphans:
        time.sleep(2)
        orphans = left_behind(mark)
    if process.returncode == 0 and not error:
        return "finished before", took
    lines = error.splitlines()
    good = process.returncode == 128 + number and len(lines) == 1 and lines[0].startswith("microslip: stopped")
    if good and not orphans and took < SLOW:
        return "stopped", took
    print(
        f"--- {verb} {signal.Signals(number).name} after {wait:.2f} s: code {process.returncode} in {took:.1f} s,",
        end="",
    )
    print(f" left behind {orphans}\n{output[-500:]}\n{error[-3000:]}", flush=True)
    if process.returncode == -number:
        return "died before our first line" if not output + error and wait < 1 else "died", took
    if orphans:
        return "orphans", took
    return ("slow" if good else f"code {process.returncode}"), took


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("run", type=Path)
    parser.add_argument("--each", type=int, default=9)
    parser.add_argument("--verbs", nargs="*", default=list(VERBS))
    parser.add_argument("--signals", nargs="*", default=["INT", "TERM", "HUP"])
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    numbers = [int(getattr(signal, f"SIG{name}")) for name in given.signals]
    rng, bad = random.Random(given.seed), 0
    for verb in given.verbs:
        names, words = VERBS[verb]
        with tempfile.TemporaryDirectory() as place:
            reference = Path(place) / "reference"
            prepare(given.run, reference, names)
            began = time.monotonic()
            done = subprocess.run([*COMMAND, verb.split()[0], str(reference), *words], capture_output=True, text=True)
            length = time.monotonic() - began
            assert done.returncode == 0, done.stderr
            told: Counter[str] = Counter()
            slowest, differing = 0.0, []
            folder = Path(place) / "tried"
            prepare(given.run, folder, names)
            for n in range(given.each):
                number = numbers[rng.randrange(len(numbers))]
                how, took = trial(verb, folder, words, number, rng.uniform(0.05, length), rng.random() < 0.5)
                told[f"{signal.Signals(number).name} {how}"] += 1
                slowest = max(slowest, took)
                bad += how not in ("stopped", "finished before", "died before our first line")
                # each goes on where the one before was stopped, until it has finished
                if how != "finished before" and n < given.each - 1:
                    continue
                again = subprocess.run(
                    [*COMMAND, verb.split()[0], str(folder), *words], capture_output=True, text=True, check=False
                )
                wanted, got = digests(reference, names), digests(folder, names)
                left_over = [str(path) for path in folder.rglob("*partial*")]
                if again.returncode != 0 or wanted != got or left_over:
                    differing.append([name for name in {*wanted, *got} if wanted.get(name) != got.get(name)])
                    print(again.stderr, differing[-1], left_over, flush=True)
                shutil.rmtree(folder)
                prepare(given.run, folder, names)
            bad += len(differing)
            said = {
                "verb": verb,
                "seconds": round(length, 1),
                **told,
                "slowest": round(slowest, 2),
                "differ": len(differing),
            }
            print(json.dumps(said), flush=True)
    sys.exit(bad > 0)


if __name__ == "__main__":
    main()
