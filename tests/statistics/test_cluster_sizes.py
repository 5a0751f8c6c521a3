from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from microslip.statistics.cluster_sizes import binned_radii, binned_sizes, sizes_of_grains

GROUP = {"group": "slip", "kind": "slip", "by": "kind", "mean_fluctuation": 1e-3}


def test_every_grain_has_the_size_of_its_cluster():
    assert sizes_of_grains(np.array([1, 0, 2, 1, 1, 0, 2, 3])).tolist() == [3, 0, 2, 3, 3, 0, 2, 1]
    assert sizes_of_grains(np.zeros(3, dtype=int)).tolist() == [0, 0, 0]


def test_binned_sizes_are_a_density_over_whole_numbers():
    sizes = np.arange(1, 200)
    counts = np.round(1e7 * sizes**-2.5).astype(int)
    table = binned_sizes(pd.DataFrame({**GROUP, "size": sizes, "n_clusters": counts}))
    assert table["n_clusters"].sum() == counts.sum()
    assert table["density"].iloc[0] == pytest.approx(counts[0] / counts.sum())
    slope = np.polyfit(np.log(table["size"]), np.log(table["density"]), 1)[0]
    # the mean of a bin lies a little off the density in its middle
    assert slope == pytest.approx(-2.5, abs=0.1)


def test_binned_radii_lie_on_the_power_law_that_the_radii_follow():
    sizes = np.arange(2, 200)
    table = pd.DataFrame({**GROUP, "size": sizes, "n_shaped": 3, "radius": 0.4 * sizes**0.5})
    points = binned_radii(pd.concat([table, table.assign(n_shaped=0, radius=9.0)]))
    assert points["n_clusters"].sum() == 3 * len(sizes)
    assert np.allclose(points["radius"], 0.4 * points["size"] ** 0.5, rtol=1e-12)
