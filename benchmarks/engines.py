"""The native engine against LAMMPS' `pair granular` and LIGGGHTS' `hertz tangential history`, on the same contacts.

Claims: at least 5 times the grain-steps per second of LAMMPS and 4 times those of LIGGGHTS on two cores, at least 25
million at 20,000 grains; a grain-step costs at most 1.4 times as much at 200,000 grains (`--large`) as at 20,000.

All start from the same flowing grains, those of cell/walled.toml and eight times those side by side, with the same
walls, load, drag and time step, velocities and contact histories from zero. None records. The engines take turns; each
measures its own steps, after untimed ones in which the grains flow again. LIGGGHTS is left out where it is not
installed.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from cell import packings
from cell.peers import LAMMPS, LIGGGHTS, NOT_INSTALLED, liggghts_programs, seconds_of_shear

from microslip.dem.native.kind import environment

NATIVE = "native"
NATIVE_SPEED = Path(__file__).parent / "cell" / "native_speed.py"
THREADS, CORES_ASKED_FOR = (1, 2), (16, 64)
STRAIN, STEPS_PER_INTERVAL, REPEATS = 0.1, 5, 3


@dataclass(frozen=True)
class Size:
    """The packing of walled.toml so many times side by side along x and y, and the steps of a measurement."""

    copies: tuple[int, int]
    untimed: int
    timed: int
    peers: bool = True


SIZES = (Size((1, 1), 4_000, 8_000), Size((2, 4), 4_000, 2_000))
LARGE = Size((8, 10), 4_000, 2_000, peers=False)
# enough to see that everything runs; the numbers mean nothing
QUICK_STRAIN, QUICK_STEPS = 0.002, 100


def native_answer(config, path, threads, untimed, timed):
    """What `native_speed.py` says of the grains in that file, in a process with so many threads."""
    case = {"packing": str(path), "untimed": untimed, "timed": timed, "steps_per_interval": STEPS_PER_INTERVAL}
    answer = subprocess.run(
        [sys.executable, NATIVE_SPEED, json.dumps(case)],
        capture_output=True,
        text=True,
        env=environment(packings.changed(config, engine={"kind": "native", "threads": threads})),
        check=False,
    )
    if answer.returncode:
        raise SystemExit(answer.stderr)
    return json.loads(answer.stdout.strip().splitlines()[-1])


def measured(size, config, packing, folder, names, repeats):
    """Seconds of the timed steps by (engine, threads), a list over repeats, and the native answers by threads."""
    path = folder / "packing.npz"
    packings.save(packing, config, path)
    # code is compiled, or read from the cache, before anything is timed
    native_answer(config, path, 1, STEPS_PER_INTERVAL, STEPS_PER_INTERVAL)
    seconds = {(name, threads): [] for threads in THREADS for name in names}
    answers = {threads: [] for threads in THREADS}
    for repeat in range(repeats):
        for name, threads in seconds:
            if name == NATIVE:
                answer = native_answer(config, path, threads, size.untimed, size.timed)
                answers[threads].append(answer)
                seconds[name, threads].append(answer["seconds"])
            else:
                here = folder / f"{name} {threads} {repeat}"
                taken = seconds_of_shear(name, threads, here, packing, config, size.untimed, size.timed)
                seconds[name, threads].append(taken)
    return seconds, answers


def median(answers, value):
    return statistics.median(value(answer) for answer in answers)


def print_speeds(size, seconds, n_grains):
    """A row for each engine and number of threads; ratios are paired by repeat."""
    print(f"  {'million grain-steps/s':26}{'median':>8}{'least':>8}{'most':>8}{'µs a step':>12}   native over it")
    for (name, threads), times in seconds.items():
        rates = [1e-6 * n_grains * size.timed / one for one in times]
        ratio = statistics.median(a / b for a, b in zip(times, seconds[NATIVE, threads], strict=True))
        unit = "thread" if name == NATIVE else "rank"
        label = f"{name}, {threads} {unit}{'s' if threads > 1 else ''}"
        spread = f"{statistics.median(rates):8.2f}{min(rates):8.2f}{max(rates):8.2f}"
        print(f"  {label:26}{spread}{1e6 * statistics.median(times) / size.timed:12.1f}   {ratio:.2f}", flush=True)


def print_shares(size, answers):
    """Where the native engine's steps go: kernels timed alone, lists and Python with a clock around them."""
    for threads, found in answers.items():
        step = median(found, lambda one: one["seconds"]) / size.timed
        parts = {
            name: median(found, lambda one, name=name: one["kernels"][name]) / step for name in found[0]["kernels"]
        }
        parts["lists of pairs"] = median(found, lambda one: one["lists"]["seconds"]) / size.timed / step
        call = median(found, lambda one: one["call_seconds"])
        parts["Python between intervals"] = call / STEPS_PER_INTERVAL / step
        parts["rest"] = 1 - sum(parts.values())
        n_lists = median(found, lambda one: one["lists"]["number"])
        each = median(found, lambda one: one["lists"]["seconds"] / max(one["lists"]["number"], 1))
        pair = median(found, lambda one: one["kernels"]["contacts"] / one["n_pairs"])
        label = f"{threads} thread{'s' if threads > 1 else ''}"
        print(f"  {label}: the contact loop alone takes {1e9 * pair:.2f} ns a candidate pair")
        print("    shares of a step: " + ", ".join(f"{name} {100 * share:.0f} %" for name, share in parts.items()))
        print(
            f"    {1e6 * call:.0f} µs of Python an interval of {STEPS_PER_INTERVAL} steps; {n_lists:g} lists in"
            f" {size.timed} steps, {1e6 * each:.0f} µs each",
            flush=True,
        )


def print_scaling(size, seconds, n_grains):
    """Amdahl's law from one and two threads: T(n) = T₁ (f + (1 − f)/n), so that f = 2 T₂/T₁ − 1."""
    one, two = (statistics.median(seconds[NATIVE, threads]) for threads in THREADS)
    share = statistics.median(2 * b / a - 1 for a, b in zip(seconds[NATIVE, 1], seconds[NATIVE, 2], strict=True))
    rate = 1e-6 * n_grains * size.timed / one
    print(
        f"  two threads are {one / two:.2f} times as fast as one: {100 * share:.0f} % of a step does not scale", end=""
    )
    if share <= 0:
        print(", as far as this shows")
        return
    predicted = [f"{rate / (share + (1 - share) / n):.0f} million grain-steps/s on {n}" for n in CORES_ASKED_FOR]
    print("; by Amdahl's law\n    " + ", ".join(predicted) + f" cores, {rate / share:.0f} at most", flush=True)


def print_memory(answers):
    """Peak resident memory of the native process, and how much of it came after the imports."""
    most, own = (
        [median(found, lambda one, less=less: one["bytes_at_most"] - less * one["bytes_before"]) for found in answers]
        for less in (0, 1)
    )
    texts = (
        f"{a / 2**20:.0f} MiB on {threads}, {b / 2**20:.0f} MiB of it grains and compiled code"
        for threads, a, b in zip(THREADS, most, own, strict=True)
    )
    print(f"  peak resident memory by threads: {'; '.join(texts)}", flush=True)
    return most[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few steps, once: a check that it runs, no measurement")
    parser.add_argument("--large", action="store_true", help="the native engine at some 200,000 grains too")
    options = parser.parse_args()
    names = [NATIVE, LAMMPS, LIGGGHTS]
    if liggghts_programs() is None:
        print(NOT_INSTALLED)
        names.remove(LIGGGHTS)
    repeats = 1 if options.quick else REPEATS
    cost, memory = {}, {}
    with tempfile.TemporaryDirectory() as temporary:
        cell = packings.walled_cell()
        flowing = packings.flowing(cell, Path(temporary) / "run", QUICK_STRAIN if options.quick else STRAIN)
        for size in (*SIZES, LARGE) if options.large else SIZES:
            if options.quick:
                size = Size(size.copies, QUICK_STEPS, QUICK_STEPS, size.peers)
            config, packing = packings.side_by_side(cell, flowing, *size.copies)
            n_grains = len(packing.diameter)
            folder = Path(temporary) / str(n_grains)
            folder.mkdir()
            seconds, answers = measured(size, config, packing, folder, names if size.peers else [NATIVE], repeats)
            last = answers[1][-1]
            print(
                f"{n_grains:,} grains, walls included: {last['n_pairs']:,} candidate pairs, {last['n_contacts']:,}"
                f" contacts, s = {last['shear_stress']:.3f}; {size.timed} steps after {size.untimed},"
                f" repeats: {repeats}; numba's threads: {last['threading_layer']}"
            )
            print_speeds(size, seconds, n_grains)
            print_shares(size, answers)
            print_scaling(size, seconds, n_grains)
            memory[n_grains] = print_memory(answers.values())
            for threads in THREADS:
                cost[n_grains, threads] = [one / (n_grains * size.timed) for one in seconds[NATIVE, threads]]
        least, *_, most = sorted(memory)
        per_grain = (memory[most] - memory[least]) / (most - least)
        print(f"memory from {least:,} to {most:,} grains: {per_grain:,.0f} bytes a grain")
        if options.large:
            *_, middle, large = sorted({n_grains for n_grains, _ in cost})
            for threads in THREADS:
                pairs = zip(cost[large, threads], cost[middle, threads], strict=True)
                ratio = statistics.median(a / b for a, b in pairs)
                print(
                    f"a grain-step of {large:,} grains costs {ratio:.2f} times one of {middle:,} on {threads} threads"
                )


if __name__ == "__main__":
    main()
