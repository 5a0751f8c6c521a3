r"""
Cluster sizes and power laws
============================

Active grains that touch belong to a cluster. Where the active tenth is drawn by chance, sizes
fall off exponentially; where it follows a smooth field, large clusters are far more frequent. A
straight piece in a log-log plot is no proof: the likelihood-ratio tests against a lognormal and
against a power law with a cut-off say which law the sizes prefer, here neither time the power
law.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.ndimage import gaussian_filter

import microslip
from microslip.views.style import GREY, VERMILLION, journal_style

rng = np.random.default_rng(8)
box = microslip.Box((30.0, 16.0, 20.0))
counts = [int(length) for length in box.lengths]
grid = np.meshgrid(*(np.arange(n) + 0.5 for n in counts), indexing="ij")
lattice = np.stack(grid, axis=-1).reshape(-1, 3)

sizes: dict[str, list[np.ndarray]] = {"by chance": [], "in a correlated field": []}
for _ in range(40):
    positions = lattice + rng.normal(0, 0.05, lattice.shape)
    noise = rng.normal(size=counts)
    smooth = gaussian_filter(noise, 1.0, mode=("wrap", "wrap", "nearest"))
    for name, field in (("by chance", noise), ("in a correlated field", smooth + 0.1 * noise)):
        active = microslip.active_grains(field.ravel(), fraction=0.1)
        sizes[name].append(
            microslip.find_clusters(positions, active, box, link_distance=1.2).size
        )

laws = {}
for name, found in sizes.items():
    law = laws[name] = microslip.fit_power_law(np.concatenate(found))
    print(f"{name}: η = {law.exponent:.2f} ± {law.standard_error:.2f} from N = {law.smallest} up")
    for rival, test in (
        ("a lognormal", law.against_lognormal),
        ("a cut-off", law.against_truncated),
    ):
        better = rival if test.ratio < 0 else "the power law alone"
        print(f"  or {rival}? log ratio {test.ratio:.0f}, p = {test.p_value:.0e}: {better}")

# %%
with journal_style():
    figure, axes = plt.subplots(figsize=(4.2, 2.8), layout="constrained")
    for (name, found), colour in zip(sizes.items(), (GREY, VERMILLION), strict=True):
        size = np.sort(np.concatenate(found))
        share = 1 - np.arange(len(size)) / len(size)
        first = np.unique(size, return_index=True)[1]
        axes.loglog(size[first], share[first], "o", color=colour, markersize=3, label=name)
        law = laws[name]
        line = np.geomspace(law.smallest, size[-1], 50)
        at = share[np.searchsorted(size, law.smallest)]
        axes.loglog(
            line, at * (line / law.smallest) ** (1 - law.exponent), color=colour, linewidth=0.9
        )
    axes.set_xlabel("grains in a cluster $N$ [1]")
    axes.set_ylabel("share of clusters with $N$ or more [1]")
    axes.set_ylim(share[first][-1] / 3, 1.5)
    axes.legend()
