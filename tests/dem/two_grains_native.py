"""Two grains in the native engine: the cases of `two_grains.py`, in its words.

Grains are taken up, listed as a pair and moved by the engine's own functions. What holds the centres or the spins of a
stage is done here between its steps: forces are dropped before each, velocities set again after it. LAMMPS shows its
contact forces again at the velocities after the step, this engine those that moved the grains.
"""

import json
import sys

import numpy as np

from microslip.dem.config import ShearCell
from microslip.dem.native.engine import NativeEngine
from microslip.dem.packing import BULK, LoosePacking

# The rows of motion and force that a stage holds: velocities of the centres, and of the surfaces by their spin.
HELD = {"free": slice(0, 0), "turning": slice(0, 3), "driven": slice(0, 6)}
# Height between walls that are not there [d̄].
HEIGHT = 20


class TwoGrains:
    """One case, from the grains' first places to its last record."""

    def __init__(self, case):
        self.case = case
        self.config = ShearCell.model_validate(case["config"])
        self.engine = self._filled()
        self.records = {
            key: [] for key in ("time", "position", "velocity", "omega", "normal_force", "tangential_force")
        }

    def _filled(self):
        d = self.config.grains.mean_diameter
        position, diameter = np.array(self.case["position"]) / d, np.array(self.case["diameter"]) / d
        engine = NativeEngine(self.config)
        engine.fill(LoosePacking(position, diameter, np.full(2, BULK), HEIGHT))
        # no wall and no height to adjust: the grains alone
        engine.frame_record["servo"] = False
        engine.begin(HEIGHT * d)
        return engine

    def run(self):
        for stage in self.case["stages"]:
            self._set(slice(0, 3), stage["velocity"], 1.0)
            self._set(slice(3, 6), stage["omega"], self.engine.radius)
            self._advance(stage["motion"], stage["steps"])
        return {"timestep": self.config.timestep, **self.records}

    def _set(self, rows, values, lever):
        if values is not None:
            self.engine.motion[rows] = np.array(values)[self.engine.rows].T * lever

    def _advance(self, motion, steps):
        engine = self.engine
        engine._evaluate()
        every = min(self.case["every"], steps)
        for _ in range(0, steps, every):
            if motion == "free":
                engine._advance(every)
            else:
                self._hold(HELD[motion], every)
            self._record()

    def _hold(self, rows, steps):
        engine = self.engine
        held = engine.motion[rows].copy()
        for _ in range(steps):
            engine.net[rows] = 0.0
            engine._advance(1)
            engine.motion[rows] = held

    def _record(self):
        engine = self.engine
        by_grain = np.argsort(engine.rows)
        normal, tangential = self._contact()
        record = {
            "time": engine.n_steps * self.config.timestep,
            "position": engine.slot.place.T[by_grain],
            "velocity": engine.motion[:3].T[by_grain],
            "omega": (engine.motion[3:] / engine.radius).T[by_grain],
            "normal_force": normal,
            "tangential_force": tangential,
        }
        for key, value in record.items():
            self.records[key].append(np.asarray(value).tolist())

    def _contact(self):
        """Forces on the first grain; the engine gives those on the first of the pair, which may be either grain."""
        engine = self.engine
        place, given = engine.slot.place, engine.slot.given
        if len(engine.pairs.first) == 0:
            return np.zeros(3), np.zeros(3)
        first, second = int(engine.pairs.first[0]), int(engine.pairs.second[0])
        normal = place[:, first] - place[:, second]
        normal = normal / np.linalg.norm(normal)
        sign = 1.0 if engine.rows[first] == 0 else -1.0
        # the engine gives n × F_t
        tangential = np.cross(given[3:6, 0], normal)
        return sign * (given[:3, 0] - tangential), sign * tangential


def main():
    json.dump({name: TwoGrains(case).run() for name, case in json.load(sys.stdin).items()}, sys.stdout)


if __name__ == "__main__":
    main()
