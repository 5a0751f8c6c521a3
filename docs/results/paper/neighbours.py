"""E(G) of active clusters against the number of nearest clusters that each is joined to: `python neighbours.py RUN`."""

import sys

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from microslip import open_run
from microslip.statistics.clusters import cluster_centres
from microslip.statistics.efficiency import global_efficiency
from microslip.statistics.statistic import stage_grains
from microslip.steps.frames import read_starts
from microslip.steps.run_settings import run_config

EVERY, NEIGHBOURS = 12, (2, 3, 4, 6, 10)

run = open_run(sys.argv[1])
settings, stages, diameter = run_config(run.folder).clusters, run.stages, run.grains["diameter"].to_numpy()
rows = []
# every twelfth slip and the stick before it
for cycle in range(0, stages["cycle"].max(), EVERY):
    for stage in np.flatnonzero(stages["cycle"] == cycle):
        (start,) = read_starts(run, slice(stage, stage + 1))
        d2min = run.fields["d2min"][stage].to_numpy()
        grains = stage_grains(start.position, start.box, diameter, lambda _name, own=d2min: own, settings, stage)
        centres = cluster_centres(grains.clusters, diameter)[grains.large]
        row = {"kind": stages["kind"][stage], "size": abs(stages["fluctuation"][stage])}
        rows.append(row | {k: global_efficiency(centres, start.box, k) for k in NEIGHBOURS})
table = pd.DataFrame(rows)
print("kind,neighbours,stages,efficiency,error,spearman_with_size,p_value")
for kind, part in table.groupby("kind"):
    for k in NEIGHBOURS:
        rank = spearmanr(part["size"], part[k])
        error = part[k].std() / np.sqrt(len(part))
        print(f"{kind},{k},{len(part)},{part[k].mean():.4f},{error:.4f},{rank.statistic:.3f},{rank.pvalue:.2g}")
