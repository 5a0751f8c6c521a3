"""How long a band of activity stays where it is."""

import numpy as np
import pandas as pd
import pytest

from microslip import Box
from microslip.statistics.band import BAND
from microslip.statistics.config import ActiveClusters
from microslip.statistics.memory import memories
from microslip.statistics.registry import STATISTICS
from microslip.statistics.statistic import stage_grains

HEIGHT = 12.0


def bands(rng, periodic, centres, width=0.5):
    """cosine and sine of stages in which grains near a height move most."""
    box = Box((6.0, 6.0, HEIGHT), periodic=(True, True, periodic))
    found = []
    for centre in centres:
        positions = rng.random((600, 3)) * box.lengths
        away = np.abs(positions[:, 2] - centre)
        away = np.minimum(away, HEIGHT - away) if periodic else away
        d2min = np.exp(-((away / width) ** 2)) if np.isfinite(centre) else rng.random(600)
        grains = stage_grains(positions, box, np.ones(600), {"d2min": d2min}.__getitem__, ActiveClusters())
        found.append([STATISTICS[part].measure(grains) for part in BAND])
    return np.array(found)


@pytest.mark.parametrize(("periodic", "turns"), [(True, 2), (False, 1)])
def test_a_narrow_band_is_where_its_harmonic_says(rng, periodic, turns):
    heights = np.array([1.0, 4.0, 9.0])
    angle = turns * np.pi * heights / HEIGHT
    whole = np.array([0.0, 0.0 if periodic else 2 / np.pi])
    np.testing.assert_allclose(
        bands(rng, periodic, heights) + whole, np.stack([np.cos(angle), np.sin(angle)], axis=1), atol=0.15
    )
    # 60 active grains
    assert np.abs(bands(rng, periodic, [np.nan])).max() < 4 / np.sqrt(60)


def test_the_memory_is_the_time_that_a_band_stays(rng):
    """It jumps to a new height after every 20 stages, and chance hides the last few of them."""
    stay, n = 20, 2000
    place = np.repeat(rng.random(n // stay) * HEIGHT, stay)
    angle = 2 * np.pi * place / HEIGHT
    end = 1e-3 * np.arange(1, n + 1)
    stages = pd.DataFrame(
        {"kind": "slip", "start_strain": end - 1e-3, "end_strain": end, "strain_increment": 1e-3}
        | {"fluctuation": 10 ** rng.uniform(-4, -2, n)}
    )
    values = {part: of(angle) + 0.1 * rng.normal(size=n) for part, of in BAND.items()}
    table = memories(stages, values, np.empty(0), np.empty(0))
    assert table["memory"].max() == pytest.approx(stay * 1e-3, rel=0.4)
