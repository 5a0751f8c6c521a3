import numpy as np
import pandas as pd
import pytest

from microslip.statistics.memory import MEMORIES_IN_A_BLOCK, block_length, memories, memory
from microslip.statistics.resampling import FEWEST_BLOCKS, MOST_BLOCKS, strain_blocks
from microslip.steps.claims import describe_blocks


def test_noise_is_forgotten_at_once_and_a_running_mean_after_its_length(rng):
    noise = rng.normal(size=20_000)
    assert memory(noise) <= 2
    # neighbours of a mean over 50 share what 50 less their distance have in common
    smooth = np.convolve(noise, np.ones(50), "valid")
    assert 35 < memory(smooth) <= 60


def test_short_or_constant_series_tell_none(rng):
    assert np.isnan(memory(rng.normal(size=20)))
    assert np.isnan(memory(np.full(100, 3.0)))


def test_what_the_size_tells_is_no_memory_of_a_statistic(rng):
    """Sizes that go in long waves make any number that follows them remember; what they do not tell forgets at once."""
    n = 600
    waves = np.sin(np.arange(n) / 40)
    end = np.cumsum(np.full(n, 1e-3))
    stages = pd.DataFrame(
        {"kind": "slip", "start_strain": end - 1e-3, "end_strain": end, "strain_increment": 1e-3 * 10 ** rng.random(n)}
        | {"fluctuation": 10 ** (waves - 3)}
    )
    table = memories(stages, {"x": waves + rng.normal(0, 0.1, n)}, np.empty(0), np.empty(0)).set_index("series")
    assert table.loc["x", "memory"] <= 3e-3
    assert block_length(table) == MEMORIES_IN_A_BLOCK * table.loc["x", "memory"]


def test_the_memory_of_the_stress_is_in_strain(rng):
    n = 5000
    stress = np.convolve(rng.normal(size=n + 99), np.ones(100), "valid")
    stages = pd.DataFrame(
        columns=["kind", "start_strain", "end_strain", "strain_increment", "fluctuation"], dtype=float
    )
    table = memories(stages, {}, 1e-4 * np.arange(n), stress)
    assert table["series"].tolist() == ["stress"]
    assert table["memory"][0] == pytest.approx(0.009, rel=0.4)


@pytest.mark.parametrize(("length", "n_blocks"), [(0.1, 10), (0.3, 1), (0.001, MOST_BLOCKS), (0.2, FEWEST_BLOCKS)])
def test_blocks_are_of_equal_strain_and_at_least_as_long(length, n_blocks):
    middle = np.sort(np.append(np.random.default_rng(1).random(500), [0.0, 1.0]))
    block = strain_blocks(middle, length)
    assert block.max() + 1 == n_blocks
    edges = np.arange(n_blocks) / n_blocks
    np.testing.assert_array_equal(block, np.searchsorted(edges, middle, side="right") - 1)
    assert not strain_blocks(middle, float("nan")).any()


def test_the_sentence_on_blocks_says_the_memories_of_the_stress_and_of_a_band():
    table = pd.DataFrame(
        [("stress", "", 900, 0.02), ("xi", "slip", 400, 0.01), ("band_sine", "slip", 400, 0.03)],
        columns=["series", "kind", "n", "memory"],
    )
    text = describe_blocks(table, block_length(table), 10, 0.6, True)
    assert "10 blocks of 0.06 of strain; the longest memory is that of band sine in slips, 0.03 of strain" in text
    assert text.endswith("active is forgotten within 0.03, the stress within 0.02")
    # a run without a stress or a band, such as a glass in windows of strain
    assert describe_blocks(table[1:2], 0.02, 30, 0.6, True).endswith("that of xi in slips, 0.01 of strain")
