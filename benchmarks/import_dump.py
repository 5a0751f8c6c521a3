"""A LAMMPS text dump of 20,000 grains, read and imported, against MDAnalysis, OVITO, ASE and a loop of pandas.

Rates are megabytes of text per second of processor time and of wall time. Every reading runs in a process of its own on
one core, and they take turns; libraries are loaded before the clock starts. Peak memory is the process's own, what the
libraries take is told apart, and the last lines give it at a quarter of the frames and at all of them: a quarter of 160
holds more frames than an import writes at a time. The file is one as LIGGGHTS writes it: 14 columns of six digits,
grains in another order in every frame.

Peers that are not installed here can be lent: --peers /elsewhere/bin/python, with MDAnalysis and OVITO in it.
"""

import argparse
import gzip
import io
import itertools
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np

N_GRAINS, DIAMETER, LENGTHS = 20_000, 1e-3, (0.05, 0.015, 0.02)
COLUMNS = "id type x y z ix iy iz vx vy vz radius fx fz"
# So many frames are made; longer files repeat them under other steps.
DISTINCT = 10
# Some peers take minutes for a long file: all read its first frames alone.
PEER_FRAMES = 40
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
    "OVITO_THREAD_COUNT": "1",
    "ZARR_THREADING__MAX_WORKERS": "1",
    "QT_QPA_PLATFORM": "offscreen",
}
OURS = ("microslip, frames", "microslip, import")
# As exactly as text of six digits and a reader in single precision agree.
SAME = 1e-5


# --- the file --------------------------------------------------------------------------------------------------------


def bodies():
    """Rows of the distinct frames as text."""
    rng = np.random.default_rng(1)
    lengths = np.array(LENGTHS)
    start, image = rng.random((N_GRAINS, 3)) * lengths, rng.integers(-2, 3, (N_GRAINS, 3))
    radius, kind = DIAMETER / 2 * rng.uniform(0.8, 1.2, N_GRAINS), rng.choice([1, 2, 3], N_GRAINS, p=[0.94, 0.03, 0.03])
    row = "%d %d %g %g %g %d %d %d %g %g %g %g %g %g \n"
    found = []
    for _ in range(DISTINCT):
        place = np.clip(start + rng.normal(0, 1e-5, start.shape), 1e-3 * lengths, 0.999 * lengths)
        rows = np.column_stack(
            [
                np.arange(1, N_GRAINS + 1),
                kind,
                place,
                image,
                rng.normal(0, 0.1, start.shape),
                radius,
                rng.normal(0, 10, (N_GRAINS, 2)),
            ]
        )
        rows = rows[rng.permutation(N_GRAINS)]
        found.append("".join(row % tuple(one) for one in rows.tolist()).encode())
    return found


def write(path, n_frames, of_frames):
    """A dump of so many frames, packed where its name ends in .gz; returns the megabytes of its text."""
    size = 0
    bounds = "\n".join(f"0 {length:g}" for length in LENGTHS)
    with gzip.open(path, "wb", compresslevel=4) if path.suffix == ".gz" else path.open("wb") as file:
        for frame in range(n_frames):
            head = (
                f"ITEM: TIMESTEP\n{1000 * frame}\nITEM: NUMBER OF ATOMS\n{N_GRAINS}\nITEM: BOX BOUNDS pp pp ff\n"
                f"{bounds}\nITEM: ATOMS {COLUMNS} \n"
            )
            size += file.write(head.encode()) + file.write(of_frames[frame % DISTINCT])
    return size / 1e6


# --- readers: each returns the number of frames and the sum of the last frame's x -------------------------------------


def our_frames(path):
    from microslip.formats.reading import read_frames_of
    from microslip.formats.source import Source

    def read():
        for number, frame in enumerate(read_frames_of([path], "lammps", Source(files=(str(path),)), print)):
            last = number + 1, float(frame.columns["x"].sum())
        return last

    return read


def our_import(path):
    import zarr

    import microslip.fields.precision  # noqa: F401
    from microslip.formats.source import Source
    from microslip.formats.trajectory import read_trajectory

    def read():
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            source = Source(files=(str(path),), wall_types=(2, 3), strain_per_step=1e-6)
            read_trajectory(source, f"{folder}/trajectory.zarr")
            store = zarr.open_group(f"{folder}/trajectory.zarr", mode="r")
            position = store["frames/position"]
            x = position[-1][:, 0] * store.attrs["length"]
            # images are counted into the positions: taken off as the file's own wrapping does
            return position.shape[0], float((x - LENGTHS[0] * np.floor(x / LENGTHS[0])).sum())

    return read


def with_mdanalysis(path):
    import MDAnalysis

    def read():
        options = {"format": "LAMMPSDUMP", "lammps_coordinate_convention": "unscaled"}
        universe = MDAnalysis.Universe(str(path), topology_format="LAMMPSDUMP", **options)
        for number, step in enumerate(universe.trajectory):
            last = number + 1, float(step.positions[:, 0].sum(dtype=float))
        return last

    return read


def with_ovito(path):
    from ovito.io import import_file

    def read():
        pipeline = import_file(str(path), input_format="lammps/dump", sort_particles=True)
        for number in range(pipeline.source.num_frames):
            last = number + 1, float(np.sum(pipeline.compute(number).particles.positions[:, 0]))
        return last

    return read


def with_ase(path):
    import ase.io

    def read():
        for number, atoms in enumerate(ase.io.iread(str(path), ":", format="lammps-dump-text")):
            last = number + 1, float(atoms.positions[:, 0].sum())
        return last

    return read


def with_pandas(path):
    import pandas as pd

    def read():
        names, number = COLUMNS.split(), 0
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
            while len(list(itertools.islice(file, 9))) == 9:
                rows = io.BytesIO(b"".join(itertools.islice(file, N_GRAINS)))
                table = pd.read_csv(rows, sep=" ", names=names, index_col=False)
                number += 1
        return number, float(table["x"].sum())

    return read


READERS = {
    "microslip, frames": our_frames,
    "microslip, import": our_import,
    "MDAnalysis": with_mdanalysis,
    "OVITO": with_ovito,
    "ASE": with_ase,
    "pandas": with_pandas,
}


# --- measuring -------------------------------------------------------------------------------------------------------


def read_in_this_process(name, path):
    """One reading on one core; its seconds, the peak of the process, and what was read, as JSON."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    warnings.simplefilter("ignore")
    try:
        read = READERS[name](path)
    except ImportError as problem:
        print(json.dumps({"missing": str(problem)}))
        return
    spent, start = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    n_frames, x = read()
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF)
    processor = after.ru_utime + after.ru_stime - spent.ru_utime - spent.ru_stime
    # in kilobytes, on macOS in bytes
    libraries, peak = (one.ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3) for one in (spent, after))
    memory = {"libraries": libraries, "peak": peak}
    print(json.dumps({"wall": wall, "processor": processor, "n_frames": n_frames, "x": x} | memory))


def measured(name, path, interpreter):
    """What a process of its own found; None where the library is missing."""
    command = [interpreter, __file__, "--child", name, str(path)]
    done = subprocess.run(command, env=os.environ | ONE_THREAD, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{name} failed on {path.name}:\n{done.stderr[-1000:]}")
    found = json.loads(done.stdout.splitlines()[-1])
    return None if "missing" in found else found


def compare(title, files, interpreters, repeats):
    """Rates on the files by reader: {name: (path, megabytes, frames)}."""
    print(f"{title}:")
    print(f"  {'':20}{'MB/s of CPU':>12}{'MB/s wall':>11}{'peak MB':>9}{'libraries':>11}   CPU time over our import")
    found = {name: [] for name in files}
    for _ in range(repeats):
        for name, (path, *_) in files.items():
            one = measured(name, path, interpreters[name])
            if one is not None:
                found[name].append(one)
    rates = {name: [files[name][1] / one["processor"] for one in of] for name, of in found.items()}
    sums = [one["x"] for of in found.values() for one in of]
    for name, of in found.items():
        if not of:
            print(f"  {name:20}is not installed")
            continue
        if {one["n_frames"] for one in of} != {files[name][2]} or np.ptp(sums) > SAME * abs(np.mean(sums)):
            raise SystemExit(f"{name} reads other numbers: {of}")
        wall = statistics.median(files[name][1] / one["wall"] for one in of)
        ratio = statistics.median(ours / theirs for ours, theirs in zip(rates[OURS[1]], rates[name], strict=True))
        peak, libraries = (max(one[what] for one in of) for what in ("peak", "libraries"))
        print(
            f"  {name:20}{statistics.median(rates[name]):12.1f}{wall:11.1f}{peak:9.0f}{libraries:11.0f}   {ratio:.1f}"
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=160, help="1000 for two gigabytes of text")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--peers", default=sys.executable, help="Python with the peers in it")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        read_in_this_process(options.child[0], Path(options.child[1]))
        return
    # the last frames of both lengths are the same where both are multiples
    n_frames = max(DISTINCT * 4, options.frames // (DISTINCT * 4) * DISTINCT * 4)
    of_frames = bodies()
    interpreters = {name: sys.executable if name in OURS else options.peers for name in READERS}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        lengths = {"quarter": n_frames // 4, "whole": n_frames, "peers": min(n_frames, PEER_FRAMES)}
        for ending in ("dump", "dump.gz"):
            files = {}
            for name, length in lengths.items():
                path = folder / f"{name}.{ending}"
                files[name] = (path, write(path, length, of_frames), length)
            of_reader = {name: files["whole" if name in OURS else "peers"] for name in READERS}
            packed = files["whole"][0].stat().st_size / 1e6
            title = f"{N_GRAINS} grains, {n_frames} frames, {files['whole'][1]:.0f} MB of text"
            title += f" in {packed:.0f} MB of gzip" if ending.endswith("gz") else ""
            if lengths["peers"] < n_frames:
                title += f", the peers {lengths['peers']} frames"
            compare(title, of_reader, interpreters, options.repeats)
            for name in OURS:
                few, many = (
                    measured(name, files[length][0], sys.executable)["peak"] for length in ("quarter", "whole")
                )
                print(f"  {name}: peak {few:.0f} MB at {lengths['quarter']} frames, {many:.0f} MB at {n_frames}")
            for path, *_ in files.values():
                path.unlink()


if __name__ == "__main__":
    main()
