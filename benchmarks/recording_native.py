"""What recording costs on the native engine: the product's whole shear against the bare loop over the same steps.

Claims: at most 5 % over the bare loop at 5 steps a sample, contact values included. The peer is the engine itself: its
steps in intervals of a sample, with nobody who looks. The product reads every sample, watches it for turning points,
holds the grains at the running extremes, works out the values of the frames, writes all to zarr and saves checkpoints.
Both start from the same state of the grains of walled.toml, and of eight times those side by side; they take turns.
A third run, with a clock around each part of the product, says what each part costs; time in a part inside another
counts once.
"""

import argparse
import contextlib
import io
import math
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from cell import packings

from microslip.dem.native.engine import NativeEngine
from microslip.dem.native.kind import environment
from microslip.dem.packing import BULK
from microslip.dem.protocol import Protocol

# 5 steps a sample, from the first of which turning points are watched for.
RAYLEIGH_FRACTION, STEPS_PER_SAMPLE = 0.25, 5
STRAIN, UNTIMED_STEPS, REPEATS = 0.1, 5_000, 5
# Samples of a repeat: as many as there are steps between two checkpoints, so that a repeat holds one of them.
SAMPLES, QUICK_SAMPLES = 4_000, 200
# copies of the packing along x and y, threshold of the frames: that of walled.toml, and the default
CASES = (((1, 1), 1e-4), ((1, 1), 1e-5), ((2, 4), 1e-4), ((2, 4), 1e-5))
STEPS, OTHER = "steps, beside the bare loop's", "what runs between these"


class Clocks:
    """Seconds of each part, those of the parts inside it left out."""

    def __init__(self):
        self.seconds, self.inside = {}, [0.0]

    def around(self, owner, name, part):
        """Put a clock around a method of one object."""
        method = getattr(owner, name)

        def timed(*arguments, **settings):
            self.inside.append(0.0)
            begun = time.perf_counter()
            try:
                return method(*arguments, **settings)
            finally:
                taken = time.perf_counter() - begun
                self.seconds[part] = self.seconds.get(part, 0.0) + taken - self.inside.pop()
                self.inside[-1] += taken

        setattr(owner, name, timed)


class Start:
    """A state in flow that every run of a case takes up."""

    def __init__(self, config, packing, folder, untimed):
        self.config, self.packing, self.folder = config, packing, folder
        self.height = packings.height(packing)
        engine = NativeEngine(config)
        engine.fill(packing)
        engine.begin(self.height * config.grains.mean_diameter)
        engine._advance(untimed, self.speed, self.speed)
        engine.save(folder / "start")

    @property
    def speed(self):
        """Of the bottom wall [m/s]."""
        return self.config.loading.shear_rate * self.height * self.config.grains.mean_diameter

    def engine(self):
        """A new engine in this state."""
        engine = NativeEngine(self.config)
        engine.load(self.folder / "start", self.height * self.config.grains.mean_diameter)
        return engine

    def protocol(self):
        """The product with a new run folder, its packing prepared."""
        run, config = self.folder / "run", self.config
        shutil.rmtree(run, ignore_errors=True)
        (run / "dem").mkdir(parents=True)
        # the protocol stops where the process that is written here does not live
        (run / "dem" / "driver.pid").write_text(f"{os.getpid()} {socket.gethostname()}")
        protocol = Protocol(run, config, self.engine())
        protocol.height, protocol.offset = self.height, protocol.engine.level() - self.height
        protocol.bulk_volume = math.pi / 6 * float((self.packing.diameter[self.packing.kind == BULK] ** 3).sum())
        protocol._create_trajectory(self.packing.diameter, self.packing.kind, {})
        protocol._checkpoint()
        return protocol


def bare_seconds(start):
    """The steps alone."""
    engine, speed = start.engine(), start.speed
    steps = start.config.schedule.steps.tolist()
    engine._evaluate()
    begun = time.perf_counter()
    for n_steps in steps:
        engine._advance(n_steps, speed, speed)
    return time.perf_counter() - begun


def product_seconds(start, clocks=None):
    """The product's shear, and how many frames it kept."""
    with contextlib.redirect_stdout(io.StringIO()):  # the protocol's reports
        protocol = start.protocol()
        if clocks is not None:
            put_clocks(protocol, clocks)
        begun = time.perf_counter()
        protocol._shear()
        return time.perf_counter() - begun, protocol.recorder.n_frames


def put_clocks(protocol, clocks):
    """Name the parts of the product's time."""
    engine, recorder = protocol.engine, protocol.recorder
    clocks.around(engine, "_advance", STEPS)
    clocks.around(engine, "_sample", "reading samples")
    clocks.around(recorder.watch, "feed", "watching for turning points")
    clocks.around(engine, "hold", "holding grains at extremes")
    clocks.around(engine, "frame", "grain values of frames")
    clocks.around(recorder, "flush", "writing to zarr")
    clocks.around(recorder, "save", "checkpoint of the recording")
    clocks.around(engine, "save", "checkpoint of the grains, sorted anew")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few steps, once: a check that it runs, no measurement")
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if not options.measure:
        # threads as the product's process has them, which reads its environment at the start
        here = [sys.executable, __file__, "--measure", *sys.argv[1:]]
        sys.exit(subprocess.run(here, env=environment(packings.walled_cell()), check=False).returncode)
    n_samples, repeats, untimed, strain = SAMPLES, REPEATS, UNTIMED_STEPS, STRAIN
    if options.quick:
        n_samples, repeats, untimed, strain = QUICK_SAMPLES, 1, 200, 0.002
    cell = packings.walled_cell(loading={"rayleigh_fraction": RAYLEIGH_FRACTION})
    assert cell.steps_per_sample == STEPS_PER_SAMPLE
    shear = {"strain": n_samples * cell.recording.strain_step, "warm_up": 0.0}
    with tempfile.TemporaryDirectory() as temporary:
        flowing = packings.flowing(cell, Path(temporary) / "run", strain)
        for copies, threshold in CASES:
            config, packing = packings.side_by_side(cell, flowing, *copies)
            recording = {"threshold": threshold, "contacts": True, "cell_volumes": False}
            config = packings.changed(config, loading=shear, recording=recording)
            folder = Path(temporary) / f"{copies} {threshold}"
            folder.mkdir()
            measure(Start(config, packing, folder, untimed), repeats)


def measure(start, repeats):
    """Print what recording costs from this start; runs are interleaved, and ratios paired by repeat."""
    bare_seconds(start)
    product_seconds(start)  # all code is compiled before anything is timed
    over, bares, clocked = [], [], []
    for _ in range(repeats):
        bare = bare_seconds(start)
        whole, n_frames = product_seconds(start)
        clocks = Clocks()
        total = product_seconds(start, clocks)[0]
        bares.append(bare)
        over.append(100 * (whole / bare - 1))
        clocks.seconds[OTHER] = total - sum(clocks.seconds.values())
        clocks.seconds[STEPS] -= bare
        clocked.append({part: (seconds, 100 * seconds / bare) for part, seconds in clocks.seconds.items()})
    config, n_samples = start.config, start.config.n_samples - 1
    n_grains, bare = len(start.packing.diameter), statistics.median(bares)
    print(
        f"{n_grains:,} grains, threshold {config.recording.threshold:g}, {config.steps_per_sample} steps a sample:"
        f" {n_frames} frames in {n_samples} samples ({n_frames / config.loading.strain:,.0f} a unit strain);"
        f" bare loop {1e6 * bare / n_samples:.0f} µs a sample"
    )
    print(
        f"  recording costs {statistics.median(over):+.1f} % ({min(over):+.1f}, {max(over):+.1f}), median of {repeats}"
    )
    for part in clocked[0]:
        seconds, share = (statistics.median(one[part][n] for one in clocked) for n in (0, 1))
        print(f"    {part:40}{share:+7.2f} %{1e6 * seconds / n_samples:9.1f} µs a sample", flush=True)


if __name__ == "__main__":
    main()
