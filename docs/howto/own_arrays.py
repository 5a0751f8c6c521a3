"""The functions of microslip on arrays made here: no run folder, no simulation."""

import numpy as np

import microslip

rng = np.random.default_rng(7)

# --- grains: 4,000 centres in a slab that repeats in x and y; lengths in mean diameters -------------------------------
box = microslip.Box((24.0, 16.0, 12.0))
start = rng.random((4_000, 3)) * box.lengths

# Their motion: a simple shear of 1e-3, and 40 places where grains are displaced at random, less so further away.
shear = np.zeros_like(start)
shear[:, 0] = 1e-3 * start[:, 2]
size = np.zeros(len(start))
for place in rng.random((40, 3)) * box.lengths:
    distance = np.linalg.norm(box.minimum_image(start - place), axis=1)
    size += np.exp(-distance / 1.5)
jumble = 1e-3 * size[:, None] * rng.normal(size=start.shape)

# --- D²min ------------------------------------------------------------------------------------------------------------
affine = microslip.d2min(start, start + shear, box, cutoff=2.0)
motion = microslip.d2min(start, start + shear + jumble, box, cutoff=2.0)
print(f"neighbours: {motion.n_neighbours.mean():.1f} on average, at least {motion.n_neighbours.min()}")
print(f"D2min of the shear alone: at most {np.nanmax(affine.d2min):.0e}")
print(f"D2min with the jumble: median {np.nanmedian(motion.d2min):.2e}, largest {np.nanmax(motion.d2min):.2e}")
print(f"shear strain seen by the grains: {np.nanmean(motion.affine[:, 0, 2]):.2e}")

# What positions of few digits cost: the same motion, none at all, read from a file with 4 decimals.
floor = microslip.d2min(start, np.round(start, 4), box, cutoff=2.0)
print(f"floor of 4 decimals: median {np.nanmedian(floor.d2min):.1e}")

# --- the pattern on a grid --------------------------------------------------------------------------------------------
grid = microslip.coarse_grain(start, motion.d2min, box, spacing=1.0, radius=1.3)
print(f"grid: {grid.values.shape} nodes, first at {grid.origin}, {np.mean(grid.values == 0):.1%} empty")

# --- correlation and its length ---------------------------------------------------------------------------------------
edges = np.linspace(0, 7, 29)
found = microslip.spatial_correlation(start, motion.d2min, box, edges)
fit = microslip.fit_ornstein_zernike(found.r, found.correlation, r_min=1.0)
print(f"C at r = {found.r[4]:.2f}: {found.correlation[4]:.3f}, at r = {found.r[16]:.2f}: {found.correlation[16]:.3f}")
print(f"xi = {fit.xi:.2f}, interval {fit.xi_low:.2f} to {fit.xi_high:.2f}")

# --- stages of a stress series: slow rises, sudden falls, noise ------------------------------------------------------
strain = 1e-5 * np.arange(20_000)
stress = 0.35 + 0.01 * (rng.uniform(0.5, 1.5, 40).repeat(500) * (np.arange(20_000) % 500) / 500)
stress += 1e-4 * rng.normal(size=len(stress))
stages = microslip.detect_stages(strain, stress, threshold=2e-3)
print(stages[["kind", "start_sample", "end_sample", "fluctuation"]].head(4).to_string(index=False))
print(f"{len(stages)} stages, {np.sum(stages['kind'] == 'slip')} of them slips")
