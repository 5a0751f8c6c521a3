"""One process of the native engine: `python native_speed.py JSON`, NUMBA_NUM_THREADS set, started by `engines.py`.

Takes up the grains of a file that `packings.save` wrote, shears them without recording, and prints what the steps and
their kernels cost, and the memory. Kernels are timed alone, in compiled loops, on the arrays that the steps have left.
"""

import json
import statistics
import sys
import time
from pathlib import Path

import numba
import packings

from microslip.dem.native.contact_kernels import contact_forces
from microslip.dem.native.engine import NativeEngine
from microslip.dem.native.motion_kernels import _gather_and_kick, _kick_and_drift

KERNEL_SECONDS, KERNEL_REPEATS = 0.05, 5


class TimedLists(NativeEngine):
    """The engine, with a clock around the making of its lists of pairs."""

    list_seconds, n_lists = 0.0, 0

    def _find_pairs(self):
        begun = time.perf_counter()
        super()._find_pairs()
        self.list_seconds += time.perf_counter() - begun
        self.n_lists += 1


@numba.njit(cache=True)
def _repeat_contacts(times, place, motion, history, given, pairs, images, law):
    for _ in range(times):
        contact_forces(pairs.first, pairs.second, place, motion, pairs.constants, history, given, images, law, 0.0)


@numba.njit(cache=True)
def _repeat_gather(times, n, pairs, given, motion, net, mass, radius, arm):
    for _ in range(times):
        _gather_and_kick(
            n, pairs.own, pairs.start, pairs.others, given, motion, net, mass, radius, 0.0, 1.0, True, 0.0, arm
        )


@numba.njit(cache=True)
def _repeat_drift(times, n, here, there, motion, net, mass, origin):
    for _ in range(times):
        _kick_and_drift(n, here, there, motion, net, mass, origin, 0.0, 1.0, True, 0.0, 0.0, 1.0, 0.0, 1.0, 1.0, 1.0)


def seconds_each(repeat, *arguments):
    """Median seconds of one call of a kernel; the loop over calls is compiled, as it is in the engine."""
    repeat(1, *arguments)
    begun = time.perf_counter()
    repeat(3, *arguments)
    times = max(3, int(KERNEL_SECONDS / (time.perf_counter() - begun) * 3))
    found = []
    for _ in range(KERNEL_REPEATS):
        begun = time.perf_counter()
        repeat(times, *arguments)
        found.append((time.perf_counter() - begun) / times)
    return statistics.median(found)


def kernel_seconds(engine):
    """Seconds of each kernel, alone; a time step of 0 leaves the grains where they are at the same arithmetic."""
    place, pairs, given = engine.slot.place, engine.pairs, engine.slot.given
    motion, net, n = engine.motion.copy(), engine.net.copy(), engine.n_bulk
    return {
        "contacts": seconds_each(
            _repeat_contacts, place, motion, pairs.history.copy(), given, pairs, engine.images(), engine.law
        ),
        "gather and kick": seconds_each(
            _repeat_gather, n, pairs, given, motion, net, engine.mass, engine.radius, engine.law.arm
        ),
        "kick and drift": seconds_each(_repeat_drift, n, place, place.copy(), motion, net, engine.mass, engine.origin),
    }


def call_seconds(engine):
    """Seconds that the Python around an interval of no steps takes."""
    slot, found = engine.slot, []
    for _ in range(200):
        begun = time.perf_counter()
        engine._advance(0)
        found.append(time.perf_counter() - begun)
        # no step has written into the slot that is the engine's now
        engine.slot = slot
    return statistics.median(found)


def resident_bytes(what):
    """`VmHWM`, the most so far, or `VmRSS`, now; getrusage's maximum would count the process that started this one."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(what))


def main():
    """Print one line of JSON; times in seconds, memory in bytes."""
    case = json.loads(sys.argv[1])
    config, packing = packings.load(Path(case["packing"]))
    engine = TimedLists(config)
    before = resident_bytes("VmRSS")
    height = packings.height(packing)
    engine.fill(packing)
    engine.begin(height * config.grains.mean_diameter)
    speed = config.loading.shear_rate * height * config.grains.mean_diameter
    per_interval = case["steps_per_interval"]

    def shear(n_steps):
        for _ in range(n_steps // per_interval):
            engine._advance(per_interval, speed, speed)

    shear(case["untimed"])
    engine.list_seconds, engine.n_lists = 0.0, 0
    begun = time.perf_counter()
    shear(case["timed"])
    seconds = time.perf_counter() - begun
    sample = engine._sample()
    lists = {"seconds": engine.list_seconds, "number": engine.n_lists}
    answer = {
        "seconds": seconds,
        "bytes_at_most": resident_bytes("VmHWM"),
        "call_seconds": call_seconds(engine),
        "lists": lists,
        "kernels": kernel_seconds(engine),
        "n_grains": len(engine.rows),
        "n_pairs": len(engine.pairs.first),
        "n_contacts": int((engine.slot.given[6, : len(engine.pairs.first)] > 0).sum()),
        "threading_layer": numba.threading_layer(),
        "bytes_before": before,
        "shear_stress": 0.5 * (sample.top[0] - sample.bottom[0]),
    }
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
