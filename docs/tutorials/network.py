# %% [markdown]
# # What the network looked at
#
# An attribution is a picture that always looks meaningful. This page asks of the run in
# `runs/quick`, which `make demo` makes, what its attributions are worth: whether they add up,
# whether they follow D²min, and whether a network that has learnt nothing gives the same answer.

# %%
import numpy as np
import pandas as pd

import microslip
from microslip import (
    LOG_D2MIN_LABEL,
    TWO_COLUMNS,
    completeness_histogram,
    deletion_curves,
    journal_style,
    log_nodes,
    mid_depth,
    new_figure,
    node_map,
    randomised_layers,
    ratio_bars,
)

run = microslip.open_run("runs/quick")
explained, stages = run.attributions, run.stages
numbers = explained["stage"].to_numpy()
n_slips = np.sum(stages["kind"][numbers] == "slip")
print(f"{len(numbers)} stages of the test set, {n_slips} of them slips")

# %% [markdown]
# ## Do they add up?
#
# The shares of a stage sum to the difference between its prediction and that of the starting
# point, a cell at the mean D²min of each height. The integral is a sum over steps; the error left
# is measured for every stage, and small.

# %%
errors = explained["completeness_error"].to_numpy()
print(f"{np.mean(errors <= 0.01):.0%} of the stages within 1 %, the worst {errors.max():.1%}")
completeness_histogram(errors)

# %% [markdown]
# ## Do they follow D²min?
#
# Two stages, the largest stick and the largest slip that were explained: D²min above, the shares
# below, in the middle of the depth. A node where grains moved far may speak for either sign.

# %%
voxels = run.voxels
x, z = voxels["x"].to_numpy(), voxels["z"].to_numpy()
fluctuation = stages["fluctuation"][numbers].to_numpy()
with journal_style():
    panels = new_figure(TWO_COLUMNS, 4.6).subplots(2, 2)


def both_maps(row, above, below):
    """D²min and shares of one explained stage, one above the other."""
    stage = stages.loc[numbers[row]]
    nodes = log_nodes(voxels["d2min"][int(stage["stage"])].to_numpy())
    shares = explained["attribution"][int(row)].to_numpy()
    title = f"{stage['kind']}, Δs = {stage['fluctuation']:.3f} p".replace("-", "−")
    label = LOG_D2MIN_LABEL
    plane = mid_depth(nodes)
    node_map(plane, x, z, signed=False, label=label, title=title, axes=above)
    plane = mid_depth(shares)
    return node_map(plane, x, z, signed=True, label="attribution", unit="p", axes=below)


both_maps(fluctuation.argmin(), *panels[:, 0])
both_maps(fluctuation.argmax(), *panels[:, 1])

# %% [markdown]
# Over all explained stages: the rank correlation of D²min and the size of the share, node by
# node, and how much of all sizes lies at the most active tenth of the nodes, where chance would
# put a tenth. Over the whole cell there is next to no order in common; the few places that moved
# farthest stand out all the same.

# %%
claim = pd.read_csv(run.folder / "interpretation" / "claim.csv")
trained = claim[(claim["network"] == "trained") & (claim["field"] == "size")].iloc[0]
print(f"rank correlation {trained['spearman']:.2f}")
print(f"{trained['share_active']:.0%} of all sizes at the most active tenth of the nodes")

# %% [markdown]
# ## The claim about lengths
#
# The paper compares the correlation length of the attributions with that of D²min, finds them
# equal, and concludes that the network has found the clusters. A comparison needs something to be
# compared with. Three stand here: a network that was never trained, one that was trained on
# shuffled fluctuations, so that there was nothing to learn, and no network at all, the deviation
# of the input from the starting point. The ratio is taken of the shares as they are and of their
# sizes; above each point, in how many stages both lengths could be fitted. The network is that of
# the random split, and so it is on the whole page.

# %%
print(claim[["network", "field", "n", "ratio", "low", "high"]].round(2).to_string(index=False))
ratio_bars(claim)

# %% [markdown]
# The claim fails here, twice. No interval of the trained network holds 1: the sizes are
# correlated farther than D²min, and the shares as they are over a shorter length, where one can
# be fitted at all. And the ratio of the sizes is the same, within the intervals, for the network
# that was never trained, and no smaller for the one that had nothing to learn: it comes from the
# input and from the shape of the network. Whatever the ratio is, it is no evidence of what was
# learnt. In the paper's own cell, with more stages, it is the same: [What the network
# learns](../results/learning.md).
#
# ## Do they depend on what was learnt?
#
# Two checks that can fail. The layers of the trained network are made random, from the output on:
# as far as attributions stay alike, they do not depend on what was learnt. And nodes are put into
# an empty input in the order of their share: if the shares mean something, the prediction comes
# back sooner than in the order of D²min, or by chance. It is done for a few stages alone: those
# whose prediction lies furthest from that of the empty input, where there is most to bring back.

# %%
layers = pd.read_csv(run.folder / "interpretation" / "layers.csv")
deletion = pd.read_csv(run.folder / "interpretation" / "deletion.csv")
whole = layers.iloc[-1]
print(f"all layers random: rank correlation {whole['spearman']:.2f} ± {whole['deviation']:.2f}")
put_in = deletion[(deletion["mode"] == "insertion") & np.isclose(deletion["fraction"], 0.02)]
for row in put_in.itertuples():
    share, spread = f"{row.median:.2f}", f"quartiles {row.low:.2f} to {row.high:.2f}, n = {row.n}"
    print(f"2 % of the nodes put in by {row.order}: {share} of the prediction, {spread}")

with journal_style():
    left, right = new_figure(TWO_COLUMNS, 2.9).subplots(1, 2)
deletion_curves(deletion, "insertion", title="nodes put in", axes=right)
right.set(xlim=(0, 0.05), ylim=(-2.5, 4.5))
randomised_layers(layers, title="random layers", axes=left)

# %% [markdown]
# Neither check is clearly passed. With nothing learnt left, a rank correlation well above 0
# remains: that much of the picture is the input's. Of the second, the median alone looks well: by
# the order of the shares a fiftieth of the nodes brings the whole prediction back and more, and
# by D²min, as by chance, next to nothing. But the quartiles of the shares reach from below 0, a
# prediction of the wrong sign, to well above 1: that median speaks for few stages, there are not
# many of them, and they were picked; another run may give another. With more nodes the prediction
# overshoots in any order, chance among them: cells that are half empty are unlike any stage that
# the network has seen, and what it says of them means little. Whether the shares know more than
# D²min does stays open here.
#
# ## Another method
#
# Occlusion hides cubes of nodes and looks how the prediction changes; SmoothGrad averages over
# noisy copies of the input. Two methods that agree are no proof, but two that do not are a
# warning: SmoothGrad, a variant of the same gradients, agrees here, and occlusion does not. The
# numbers are medians over the stages of the rank correlation with Integrated Gradients, signed
# and of the sizes; `input` is the deviation of the input from the starting point, no method at
# all.

# %%
methods = pd.read_csv(run.folder / "interpretation" / "methods.csv")
methods.groupby("method")[["spearman", "spearman_of_sizes"]].median().round(2)

# %% [markdown]
# `microslip explain` makes all of these tables for any run; [Learning that a referee
# believes](../howto/learning.md) says which to look at first.
