# %% [markdown]
# # Your own data
#
# Frames and a stress from any program, in its own units and axes, become a run that every
# function works on. Here a script plays the other program, so that the answer is known: three
# places of a packing rearrange, each at its time. With your own files, begin at “Read”.
#
# ## The files
#
# Lengths are in millimetres, d̄ is 2.5 of them; the packing flows along x, and the speed changes
# along **y**. A row a grain, a frame every 100 steps; the stresses, in pascals, every 10 steps.

# %%
from pathlib import Path

import numpy as np
import pandas as pd

import microslip
from microslip import draw_snapshot, precision_floor, stress_window

rng = np.random.default_rng(20)
lengths = np.array([40.0, 30.0, 20.0])  # along x, y, z [mm]
counts = (16, 12, 8)
lattice = np.meshgrid(*(np.arange(n) + 0.5 for n in counts), indexing="ij")
start = 2.5 * np.stack(lattice, axis=-1).reshape(-1, 3)
start += rng.normal(0, 0.25, start.shape)
diameter = rng.uniform(2.0, 3.0, len(start))

# when, where [mm], and how far [mm] grains move there
events = [
    (0.006, (10.0, 18.0, 7.0), 0.06),
    (0.011, (30.0, 10.0, 14.0), 0.15),
    (0.017, (20.0, 22.0, 10.0), 0.03),
]


def moved(strain):
    """Positions at a strain: the shear, what has rearranged by then, and a little noise."""
    now = start + strain * start[:, [1]] * [1.0, 0.0, 0.0] + rng.normal(0, 2e-4, start.shape)
    for at, place, far in events:
        away = start - place
        away -= lengths * np.round(away / lengths) * [1, 0, 1]
        near = np.exp(-np.sum(away**2, axis=1, keepdims=True) / 3.5**2)
        jumble = np.random.default_rng(int(1e4 * at)).normal(size=start.shape)
        now += far * near * jumble * np.clip((strain - at) / 5e-4, 0, 1)
    return now


folder = Path("runs/own")
folder.mkdir(parents=True, exist_ok=True)
step = np.arange(0, 4001, 10)
strain = 5e-6 * step
drops = sum(far / 2 * np.clip((strain - at) / 5e-4, 0, 1) for at, _, far in events)
stress = 0.30 + 8 * strain - drops + rng.normal(0, 3e-4, len(step))
series = pd.DataFrame({"step": step, "strain": strain, "tau": 4e4 * stress, "sigma": 4e4})
series.to_csv(folder / "stress.txt", sep=" ", index=False)

grains = {"id": np.arange(len(start)), "d": diameter}
frames = [
    pd.DataFrame(moved(5e-6 * now), columns=["x", "y", "z"]).assign(frame=now, **grains)
    for now in step[::10]
]
pd.concat(frames).to_csv(folder / "grains.txt", sep=" ", index=False)
print((folder / "grains.txt").read_text()[:230])

# %% [markdown]
# ## Read
#
# `Source` says what the numbers mean; what it leaves open is guessed, and the guesses are said.
# Read these lines once: a wrong axis or a wrong p gives wrong numbers and no error.

# %%
source = microslip.Source(
    files=("runs/own/grains.txt",),
    format="table",
    columns={"diameter": "d"},
    flow="x",
    gradient="y",
    box=(40.0, 20.0, 30.0),  # along flow, vorticity, gradient
    periodic=(True, True, False),
    series="runs/own/stress.txt",
    step_column="step",
    strain_column="strain",
    shear_stress=("tau",),
    normal_stress=("sigma",),
)
microslip.read_trajectory(source, "runs/own/trajectory.zarr", say=print)

# %% [markdown]
# The store holds our units from here on: lengths in d̄, stresses in p, z along the gradient.

# %%
run = microslip.open_run("runs/own")
print(run)

# %% [markdown]
# On the command line the same import, and every later step after it, is
#
# ```console
# $ microslip import runs/own/grains.txt --into runs/mine --format table \
#     --gradient y --columns diameter=d --series runs/own/stress.txt \
#     --shear-stress tau --normal-stress sigma \
#     --set source.step_column=step --set source.strain_column=strain \
#     --set 'source.box=[40, 20, 30]' --set 'source.periodic=[true, true, false]'
# $ microslip run runs/mine
# ```
#
# which leaves the training out: that takes twenty stages, and this stress has three slips.
#
# ## Stages
#
# A threshold well above the noise of the stress, and well below the slips that matter.

# %%
strain, stress = run.series["strain"].to_numpy(), run.series["stress"].to_numpy()
stages = microslip.detect_stages(strain, stress, threshold=0.005)
slips = stages[stages["kind"] == "slip"]
print(slips[["start_strain", "end_strain", "fluctuation"]].round(4).to_string(index=False))
stress_window(strain, stress, stages, (0.0, 0.02))

# %% [markdown]
# Three slips at the strains that were put in, the second the largest. Turning points lie between
# frames; each stage takes the frames nearest to its ends.
#
# ## D²min
#
# For each slip: where did grains move, and was that the place? The planted centre is turned into
# our units and axes.

# %%
position, sample = run.frames["position"], run.frames["sample"].to_numpy()
for (_, place, _), slip in zip(events, slips.itertuples(), strict=True):
    ends = [int(np.abs(sample - at).argmin()) for at in (slip.start_sample, slip.end_sample)]
    first, last = (position[end].to_numpy() for end in ends)
    motion = microslip.d2min(first, last, run.box)
    most = microslip.active_grains(motion.d2min, fraction=0.01)
    x, y, z = place
    away = run.box.minimum_image(first[most] - np.array([x, z, y]) / diameter.mean())
    away = np.linalg.norm(away, axis=1)
    print(f"slip of {slip.fluctuation:.3f} p: the busiest 1 % are {away.mean():.1f} d̄ from there")

# %% [markdown]
# ## A figure
#
# The largest slip, in grains.

# %%
slip = slips.nlargest(1, "fluctuation").iloc[0]
ends = [int(np.abs(sample - slip[name]).argmin()) for name in ("start_sample", "end_sample")]
first, last = (position[end].to_numpy() for end in ends)
motion = microslip.d2min(first, last, run.box)
grains = run.grains
draw_snapshot(
    first, grains["diameter"].to_numpy(), grains["kind"].to_numpy(), run.box, values=motion.d2min
)

# %% [markdown]
# ## How many digits it takes
#
# D²min is the square of a small difference. What a file with fewer digits would leave of this
# stage: the D²min of grains that do not move at all, from rounding alone.

# %%
print(f"this stage: median {np.median(motion.d2min):.1e}, largest {motion.d2min.max():.1e} d̄²")
for decimals in (2, 4, 6):
    floor = precision_floor(first, run.box, 10.0**-decimals / diameter.mean())
    print(f"{decimals} decimals of a millimetre: {floor:.0e} d̄²")

# %% [markdown]
# With two decimals most of this stage would be rounding. [Bring your own
# grains](../howto/import.md) says how to make LAMMPS, LIGGGHTS, YADE and others write all digits,
# and lists every format that is read; [Use the functions on your own
# arrays](../howto/own-arrays.md) goes on with arrays and no files.
