"""D²min of tracked grains against that of their true positions: python tracked_against_truth.py RUN SAMPLE.

RUN was imported from what examples/tomography/track.py made of SAMPLE.
"""

import sys
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from microslip import d2min, open_run

sys.path.insert(0, str(Path(__file__).parents[3] / "examples" / "tomography"))
import track


def main(run_folder, sample_folder):
    """Print medians, rank correlation and the share of the most active tenth that both agree on."""
    run, sample = open_run(run_folder), open_run(sample_folder)
    strain = sample.series["strain"].to_numpy()[sample.frames["sample"].to_numpy()]
    chosen = np.unique(np.abs(strain[:, None] - np.linspace(strain[0], strain[-1], track.N_SCANS)).argmin(axis=0))
    bulk = np.flatnonzero(sample.grains["kind"].to_numpy() == 0)
    label = np.random.default_rng(track.SEED).permutation(len(bulk)) + 1
    grain = bulk[np.argsort(label)][run.grains["id"].to_numpy() - 1]
    rows = []
    for stage in run.stages.itertuples():
        start, end = (
            sample.frames["position"][int(chosen[at])].to_numpy() for at in (stage.start_frame, stage.end_frame)
        )
        true = d2min(start, end, sample.box).d2min[grain]
        tracked = run.fields["d2min"][stage.stage].to_numpy()
        both = np.isfinite(tracked) & np.isfinite(true)
        true, tracked = true[both], tracked[both]
        active = [values >= np.quantile(values, 0.9) for values in (true, tracked)]
        rows.append(
            (
                np.median(true),
                np.median(tracked),
                spearmanr(true, tracked)[0],
                (active[0] & active[1]).sum() / active[0].sum(),
            )
        )
    true, tracked, rank, shared = np.median(rows, axis=0)
    print(f"{len(rows)} windows, floor {run.fields.attrs['precision_floor']:.2g} d̄²")
    print(f"median D²min: true {true:.3g}, tracked {tracked:.3g} d̄²; rank correlation {rank:.3f}")
    print(f"share of the most active tenth that both agree on: {shared:.3f}")


if __name__ == "__main__":
    main(*sys.argv[1:3])
