"""Steps per second of LAMMPS' bare deck under other settings than the product's, which are the peer in the same run.

Medians of interleaved runs, and of the ratios to the product's settings paired by repeat.
"""

import statistics
import tempfile
from pathlib import Path

from cell.shear_runs import bare_seconds, prepared

STEPS, REPEATS = 4000, 3
CASES = {
    "as shipped, 2 ranks": {},
    "skin 0.05 d": {"skin": 0.05},
    "skin 0.15 d": {"skin": 0.15},
    "skin 0.2 d": {"skin": 0.2},
    "rebuild looked for every 5 steps": {"rebuild": "delay 0 every 5 check yes"},
    "newton on": {"newton": "on", "histories": False},
    "processors 2 1 1": {"processors": (2, 1, 1)},
    "processors 1 2 1": {"processors": (1, 2, 1)},
    "1 rank": {"ranks": 1},
    "1 rank, 2 threads, omp styles": {"ranks": 1, "threads": 2, "switches": ["-suffix", "omp", "-package", "omp", "2"]},
    "viscous damping": {"damping": "viscous", "histories": False},
}


def main():
    with tempfile.TemporaryDirectory() as folder:
        run, _ = prepared(Path(folder) / "run")
        seconds = {name: [] for name in CASES}
        for _ in range(REPEATS):
            for name, case in CASES.items():
                options = {"ranks": 2, **case}
                taken, n_grains = bare_seconds(run, options.pop("ranks"), STEPS, **options)
                seconds[name].append(taken)
        print(f"{n_grains} grains, {STEPS} steps, medians of {REPEATS}")
        shipped = seconds["as shipped, 2 ranks"]
        for name, times in seconds.items():
            speed = n_grains * STEPS / statistics.median(times) / 1e6
            ratio = statistics.median(a / b for a, b in zip(shipped, times, strict=True))
            print(f"{name:36}{speed:7.2f} M grain-steps/s   ratio {ratio:.2f}")


if __name__ == "__main__":
    main()
