"""Recompute D²min of one slip stage of a run from its two frames, and compare with fields.zarr."""

import sys

import numpy as np

import microslip

run = microslip.open_run(sys.argv[1] if len(sys.argv) > 1 else "runs/quick")

stages = run.stages
slip = stages[stages["kind"] == "slip"].nlargest(1, "fluctuation").iloc[0]
number = int(slip["stage"])
print(f"stage {number}: from s = {slip['start_stress']:.4f} to {slip['end_stress']:.4f} p")

# Only these two frames are read from disk.
position = run.frames["position"]
start = position[int(slip["start_frame"])].to_numpy()
end = position[int(slip["end_frame"])].to_numpy()

bulk = run.grains["kind"].to_numpy() == 0
motion = microslip.d2min(start, end, run.box, cutoff=run.fields.attrs["cutoff"], of=bulk)

stored = run.fields["d2min"][number].to_numpy()
assert np.array_equal(np.isnan(stored), np.isnan(motion.d2min)), "other grains are undefined"
np.testing.assert_allclose(motion.d2min, stored, rtol=1e-12, atol=0)
print(f"{bulk.sum()} grains, median {np.nanmedian(stored):.3g} d², largest {np.nanmax(stored):.3g} d²: the same")
