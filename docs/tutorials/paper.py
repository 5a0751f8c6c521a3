# %% [markdown]
# # The paper in ten minutes
#
# From a sheared packing to the question what a network sees in it, one picture a step. The run is
# the one that `make demo` leaves in `runs/quick`: a cell with an eighth of the paper's grains,
# sheared two hundred times as fast. What such a cell cannot show stands at the end.

# %%
import numpy as np
import pandas as pd

import microslip
from microslip import (
    LOG_D2MIN_LABEL,
    TWO_COLUMNS,
    correlation_curves,
    correlation_length,
    draw_snapshot,
    journal_style,
    log_nodes,
    mid_depth,
    new_figure,
    node_map,
    notch,
    predicted_against_true,
    score_bars,
    stress_strain,
    stress_window,
)

run = microslip.open_run("runs/quick")
print(run)

# %% [markdown]
# ## Shear
#
# The packing is held under the pressure p. The paper shears it between two rough walls; this cell
# has none: it repeats along the height, too, and leans with the shear, so that no grain is
# special. The shear stress s, summed over the contacts in units of p, rises to a plateau and then
# climbs and falls. The first part, where the packing remembers its preparation, is left out.

# %%
series, stages = run.series, run.stages
strain, stress = series["strain"].to_numpy(), run.stress.to_numpy()
steady = stress[strain > stages["start_strain"].iloc[0]]
attributes = run.attributes
inertial_number = attributes["inertial_number"]
warm_up = attributes["config"]["loading"]["warm_up"]
print(f"I = {inertial_number:.1e}; s = {steady.mean():.3f} ± {steady.std():.3f} p")

stress_strain(strain, stress, warm_up=warm_up)

# %% [markdown]
# ## Stages
#
# Where the stress rises the packing sticks, where it falls it slips. A turning point counts when
# the swing after it exceeds a threshold, so that sticks and slips alternate. This is the largest
# slip, and what comes before and after it.

# %%
slip = stages[stages["kind"] == "slip"].nlargest(1, "fluctuation").iloc[0]
length = slip["strain_increment"]
print(f"{len(stages)} stages; the largest slip: {slip['fluctuation']:.3f} p within {length:.4f}")

window = (slip["start_strain"] - 2 * length, slip["end_strain"] + 2 * length)
stress_window(strain, stress, stages, window)

# %% [markdown]
# ## Non-affine motion
#
# From the start to the end of the slip, the neighbours of a grain move almost as if the
# surroundings were strained evenly. D²min is what is left: the mean squared motion about the best
# affine map. The largest slip lights up a region, not single grains; both ends of the colours are
# decades apart.

# %%
position = run.frames["position"]
first, last = (position[int(slip[name])].to_numpy() for name in ("start_frame", "end_frame"))
kind, diameter = run.grains["kind"].to_numpy(), run.grains["diameter"].to_numpy()
motion = microslip.d2min(first, last, run.box, cutoff=2.0, of=kind == 0)

low, median, high = np.nanquantile(motion.d2min, [0.05, 0.5, 0.95])
print(f"D²min: 5 % below {low:.1e}, half below {median:.1e}, 5 % above {high:.1e} d̄²")
draw_snapshot(first, diameter, kind, run.box, values=motion.d2min, keep=notch(first, run.box))

# %% [markdown]
# ## How far it is correlated
#
# C(r) says how alike the D²min of two grains is at distance r; a fit of $r^{-1/2} \exp(-r/\xi)$
# gives a length. The paper finds that ξ of slips grows with the size of the stress drop and that
# of sticks does not. Here are the slips, from small (dark) to large.

# %%
correlation = pd.read_csv(run.folder / "statistics" / "correlation.csv")
lengths = pd.read_csv(run.folder / "statistics" / "correlation_length.csv")
columns = ["kind", "mean_fluctuation", "n_stages", "xi", "xi_low", "xi_high"]
print(lengths[lengths["by"] == "bin"][columns].round(4).to_string(index=False))

with journal_style():
    left, right = new_figure(TWO_COLUMNS, 2.7).subplots(1, 2)
correlation_curves(correlation, lengths, "slip", title="slips", axes=left)
correlation_length(lengths, title="length against size", axes=right)

# %% [markdown]
# ## A network that reads the pattern
#
# D²min goes onto a grid, and a network of four convolutions learns the stress change of the stage
# from it, sign and all. A random split puts neighbouring stages, which share a frame, on both
# sides; the blocked split leaves a gap between them, and its score is the one that holds for the
# next shear test. Beside the network stand models that know how much moved, but not where.

# %%
scores = {
    rule: {name: model["test"]["r2"] for name, model in run.metrics[rule].items()}
    for rule in ("random", "blocked")
}
print("R² on the test sets\n", pd.DataFrame(scores).round(2))

with journal_style():
    left, right = new_figure(TWO_COLUMNS, 3.1).subplots(1, 2)
predicted_against_true(run.predictions, run.metrics, "blocked", title="blocked split", axes=left)
score_bars(run.metrics, title="beside the baselines", axes=right)

# %% [markdown]
# ## What the prediction rests on
#
# Integrated Gradients share the prediction out over the nodes of the grid: red ones speak for a
# slip, blue ones against it. They sum to what the network predicts beyond its starting point, a
# cell at mean D²min, and not to the true change. On the left D²min of the explained slip that is
# largest, on the right the shares, both in the middle of the depth.

# %%
explained = run.attributions
chosen = stages.loc[explained["stage"].to_numpy(), "fluctuation"].to_numpy().argmax()
number = int(explained["stage"][chosen])
share = explained["attribution"][chosen].to_numpy()
nodes = run.voxels["d2min"][number].to_numpy()
x, z = run.voxels["x"].to_numpy(), run.voxels["z"].to_numpy()
true = stages["fluctuation"][number]
print(f"stage {number}: Δs = {true:.4f} p, sum of the shares {share.sum():.4f} p")

with journal_style():
    left, right = new_figure(TWO_COLUMNS, 2.4).subplots(1, 2)
plane = mid_depth(log_nodes(nodes))
node_map(plane, x, z, signed=False, label=LOG_D2MIN_LABEL, title="D²min", axes=left)
plane = mid_depth(share)
node_map(plane, x, z, signed=True, label="attribution", unit="p", title="share", axes=right)

# %% [markdown]
# The paper's last claim is that the shares are correlated over the same length as D²min, so that
# the network has found the clusters that matter. [What the network looked at](network.md) puts
# that claim beside networks that have learnt nothing.
#
# ## What a small cell cannot show

# %%
n_grains, half = run.grains.sizes["grain"], run.box.half_period
slips = lengths[(lengths["by"] == "bin") & (lengths["kind"] == "slip")]
largest = slips.loc[slips["mean_fluctuation"].idxmax()]
print(f"I = {inertial_number:.1e}, the paper's 1.7e-06")
print(f"{n_grains:,} grains, the paper's 20,215; {len(stages):,} stages, the paper's 8,464")
print(
    f"C(r) ends at {half:.0f} d̄; {largest['n_stages']} largest slips: ξ = {largest['xi']:.1f} d̄"
)

# %% [markdown]
# - **Lengths.** C(r) can be followed to half the depth of the cell. A length ξ that comes near to
#   that is bounded by the cell and not by the grains, and the largest slips, where it matters,
#   are few.
# - **Rates.** The inertial number is far above the paper's. [How slow is slow
#   enough](../results/rates.md) says what that changes.
# - **Scores.** R² hangs on a handful of large slips, and the paper had five times as many stages.
#   In a cell of the paper's size the same network scores higher: [What the network
#   learns](../results/learning.md).
# - **Claims.** Every claim of the paper with a verdict and its interval, in two runs of the
#   paper's cell: [What two runs say of the paper's claims](../results/statistics.md).
