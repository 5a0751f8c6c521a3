"""Grain-steps per second of LAMMPS' bare deck from 3,000 to 100,000 grains, two ranks against one in the same run.

Medians of interleaved runs; `engines.py --large` does it for the native engine.
"""

import statistics
import tempfile
from pathlib import Path

from cell.shear_runs import bare_seconds, prepared

REPEATS = 2
GRAIN_STEPS = 8e6
SIZES = ((1, 1), (2, 2), (4, 3), (6, 6))


def main():
    with tempfile.TemporaryDirectory() as folder:
        run, config = prepared(Path(folder) / "run")
        speed = {}
        for _ in range(REPEATS):
            for replicate in SIZES:
                n_grains = config.n_grains * replicate[0] * replicate[1]
                steps = max(60, round(GRAIN_STEPS / n_grains))
                for ranks in (1, 2):
                    seconds, n = bare_seconds(
                        run, ranks, steps, histories=False, replicate=replicate, first=max(100, steps // 4)
                    )
                    speed.setdefault((n, ranks), []).append(n * steps / seconds / 1e6)
        print("grains     1 rank   2 ranks   strong scaling   [M grain-steps/s]")
        for n in sorted({n for n, _ in speed}):
            one, two = speed[n, 1], speed[n, 2]
            ratio = statistics.median(b / a for a, b in zip(one, two, strict=True))
            print(f"{n:7}{statistics.median(one):10.2f}{statistics.median(two):10.2f}{ratio:12.2f}")


if __name__ == "__main__":
    main()
