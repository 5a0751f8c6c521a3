r"""
Stages of a stress in your own CSV
==================================

The detection takes two columns. Strain must rise, and the stress be divided by the normal stress;
what a log repeats after a restart is dropped first.
"""

import io

import numpy as np
import pandas as pd

import microslip
from microslip import stress_window

# in place of a file of yours: step, forces, and a stretch that a restart has written twice
rng = np.random.default_rng(1)
step = np.r_[0:3000, 2800:6000] * 100
force = 700 + 40 * ((step % 40_000) / 40_000) + rng.normal(0, 0.3, len(step))
file = io.StringIO()
pd.DataFrame({"step": step, "F_x": force, "F_z": 2000.0}).to_csv(file, index=False)
file.seek(0)

table = pd.read_csv(file).drop_duplicates("step", keep="last").sort_values("step")
strain = 2e-7 * table["step"].to_numpy()  # shear rate × time step
stress = (table["F_x"] / table["F_z"]).to_numpy()

stages = microslip.detect_stages(strain, stress, threshold=5e-3)
print(f"{len(table)} samples, {len(stages)} stages")
print(
    stages[["kind", "start_strain", "end_strain", "fluctuation"]]
    .head(6)
    .round(5)
    .to_string(index=False)
)

# %%
stress_window(strain, stress, stages, (0.0, 0.05))
