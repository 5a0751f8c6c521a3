"""Slopes at fixed Δγ: planted ones are found, those of the length alone are not taken for those of the size."""

import numpy as np
import pandas as pd
import pytest

from microslip.statistics.conditioning import (
    SLOPES,
    Measured,
    cells_of,
    condition,
    conditioned_table,
    inflation,
    measure,
    nested,
    slopes,
)
from microslip.statistics.contrasts import matched_differences
from microslip.statistics.false_positives import exchanged, false_contrasts, false_positives, planted_power, shifted
from microslip.statistics.resampling import estimate, strain_blocks
from microslip.statistics.statistic import mean_of, ratio_of_means
from microslip.statistics.trend import POWER, detectable


def stages_of(rng, n, together):
    """Sticks and slips in turn; log Δγ follows log |Δs| with the slope `together`, and scatters by 0.3."""
    kind = np.where(np.arange(n) % 2, "slip", "stick")
    size = rng.uniform(-4, -2, n)
    length = 10 ** (-3.5 + together * (size + 3) + rng.normal(0, 0.3, n))
    end = np.cumsum(length)
    signed = np.where(kind == "slip", 1, -1) * 10**size
    return pd.DataFrame(
        {"stage": range(n), "kind": kind, "start_strain": end - length, "end_strain": end}
        | {"strain_increment": length, "fluctuation": signed}
    )


def blocks_of(stages, n_blocks=20):
    middle = ((stages["start_strain"] + stages["end_strain"]) / 2).to_numpy()
    return strain_blocks(middle, np.ptp(middle) / n_blocks)


def table_of(stages, values):
    followed = {"x": mean_of(values)}
    return conditioned_table(condition(stages, followed, blocks_of(stages))).set_index(["quantity", "kind"])


def logs(stages):
    return np.log10(stages["fluctuation"].abs().to_numpy()), np.log10(stages["strain_increment"].to_numpy())


def test_what_hangs_on_the_length_alone_has_a_plain_slope_and_no_conditioned_one(rng):
    stages = stages_of(rng, 1200, together=0.6)
    _, length = logs(stages)
    table = table_of(stages, -0.3 * length + rng.normal(0, 0.2, len(stages)))
    for kind in ("stick", "slip"):
        row = table.loc["x", kind]
        assert row["plain_high"] < -0.05
        # an interval of 95 %, and 3 to be sure
        width = row["conditioned_high"] - row["conditioned_low"]
        assert row["conditioned"] == pytest.approx(0, abs=width)
        assert row["matched"] == pytest.approx(0, abs=max(width, 0.06))
        assert row["of_length"] == pytest.approx(-0.3, abs=2 * width)
        assert row["variance_inflation"] > 1.5


def test_a_slope_turns_when_the_length_hides_it(rng):
    """Size raises the value and length lowers it by more: the plain slope has the wrong sign."""
    stages = stages_of(rng, 1600, together=0.8)
    size, length = logs(stages)
    row = table_of(stages, 0.1 * size - 0.4 * length + rng.normal(0, 0.1, len(stages))).loc["x", "slip"]
    assert row["plain_high"] < 0 < row["conditioned_low"]
    assert row["conditioned"] == pytest.approx(0.1, abs=0.04)


def test_slopes_are_those_of_least_squares_written_out(rng):
    n = 12
    length = np.repeat(np.arange(3), 4)
    sizes, value, weight = rng.normal(size=(1, n, 2)), rng.normal(size=(1, n)), rng.integers(3, 9, (1, n)).astype(float)
    row = slopes(Measured(value, weight, sizes), length)[0]
    w, x, y = weight[0], sizes[0], value[0]
    design = np.column_stack([x, np.ones(n)])
    both = np.linalg.solve(design.T @ (w[:, None] * design), design.T @ (w * y))
    about = [x[:, 0] - np.average(x[:, 0], weights=w), y - np.average(y, weights=w)]
    levels = [[np.average(of[length == each], weights=w[length == each]) for each in range(3)] for of in (x[:, 0], y)]
    within = [of - np.array(level)[length] for of, level in zip((x[:, 0], y), levels, strict=True)]
    expected = {
        "plain": (w * about[0]) @ about[1] / ((w * about[0]) @ about[0]),
        "conditioned": both[0],
        "of_length": both[1],
        "matched": (w * within[0]) @ within[1] / ((w * within[0]) @ within[0]),
    }
    np.testing.assert_allclose(row, [expected[name] for name in SLOPES])


def test_inflation_is_that_of_the_correlation(rng):
    x = rng.normal(size=(2, 40))
    x[1] = 0.8 * x[0] + 0.6 * x[1]
    measured = Measured(np.ones((1, 40)), np.ones((1, 40)), x.T[None])
    assert inflation(measured) == pytest.approx(1 / (1 - np.corrcoef(x)[0, 1] ** 2))


def test_cells_hold_equal_numbers_in_order(rng):
    first, second = rng.random(60), rng.random(60)
    cells = nested([first, second], [3, 4])
    assert [len(cell) for cell in cells] == [5] * 12
    assert first[cells[3]].max() <= first[np.concatenate(cells[4:])].min()
    assert second[cells[4]].max() <= second[cells[5]].min()


def test_few_stages_have_no_cells(rng):
    stages = stages_of(rng, 40, 0.5)
    assert cells_of(stages, ["slip"]) is None
    assert condition(stages, {"x": mean_of(rng.random(40))}, np.zeros(40, dtype=int)) == {}


def test_a_difference_of_kinds_is_found_at_equal_sizes(rng):
    """Slips are longer, and the value hangs on the length: all slips differ from all sticks, matched ones by 0.5."""
    n, n_cells = 1, 24
    sizes = rng.normal(size=(n, n_cells, 2))
    apart = rng.normal(0, 0.1, (n, n_cells, 2))
    counts = rng.integers(3, 20, (n, n_cells)).astype(float)
    stick = Measured(sizes @ [1.0, -2.0], counts, sizes)
    slip = Measured((sizes + apart) @ [1.0, -2.0] + 0.5, counts, sizes + apart)
    matched, overlap = matched_differences(stick, slip)
    np.testing.assert_allclose(matched, 0.5)
    assert overlap == 1


def test_a_shift_keeps_the_pairs_of_size_and_length_and_the_kinds(rng):
    stages = stages_of(rng, 40, 0.5)
    moved = shifted(stages, 3)
    assert (moved["kind"] == stages["kind"]).all()
    assert moved["fluctuation"][1] == stages["fluctuation"][7]
    assert moved["strain_increment"][1] == stages["strain_increment"][7]
    assert moved["fluctuation"].to_numpy()[-1] == stages["fluctuation"][5]


def remembering(rng, n, memory):
    """Noise that forgets over `memory` stages."""
    keep = np.exp(-1 / memory)
    values = np.empty(n)
    values[0] = rng.normal()
    for number in range(1, n):
        values[number] = keep * values[number - 1] + np.sqrt(1 - keep**2) * rng.normal()
    return values


def test_noise_with_a_memory_is_called_a_slope_as_often_as_is_due(rng):
    """In 5 % of shifts: of 60 runs of 20 shifts, which are not independent, between 2 and 9 %."""
    positive = []
    for _ in range(30):
        stages = stages_of(rng, 400, 0.5)
        below = 1 + rng.random(400)
        followed = {"mean": mean_of(remembering(rng, 400, 8)), "ratio": ratio_of_means(rng.random(400), below)}
        table = false_positives(stages, followed, blocks_of(stages, 12), range(10, 190, 18))
        positive.append(table[table["slope"] == "conditioned"]["positive"].mean())
    assert 0.02 < np.mean(positive) < 0.09


def test_a_slope_planted_in_stages_is_the_one_planted_in_the_table(rng):
    """Sizes are moved first, then the effect is added to what was measured of every stage."""
    stages, slope = stages_of(rng, 400, 0.5), 0.07
    values, block = rng.normal(size=400), blocks_of(stages, 12)
    moved = shifted(stages, 25)
    before, after = (
        false_positives(moved, {"x": mean_of(of)}, block, [0]) for of in (values, values + slope * logs(moved)[0])
    )
    chosen = before["slope"] != "plain"
    np.testing.assert_allclose((after["value"] - before["value"])[chosen], slope, rtol=1e-9)
    np.testing.assert_allclose(after["error"], before["error"], rtol=1e-9)
    np.testing.assert_array_equal(
        planted_power(before, np.full(len(before), slope)), after["positive"] & (after["value"] > 0)
    )


def test_a_planted_slope_of_the_size_that_is_called_detectable_is_found_as_often_as_is_said(rng):
    """In 80 %, less what the error of the error takes: of 15 runs of 20 shifts between 65 and 85 %."""
    share = []
    for _ in range(15):
        stages = stages_of(rng, 400, 0.5)
        block = blocks_of(stages, 12)
        table = false_positives(stages, {"x": mean_of(remembering(rng, 400, 8))}, block, range(0, 200, 10))
        of = table[(table["slope"] == "conditioned") & (table["cycles"] > 0)]
        whole = table[(table["slope"] == "conditioned") & (table["cycles"] == 0)].set_index("kind")["error"]
        size = of["kind"].map(whole).map(lambda error: detectable(error, 12)).to_numpy()
        share += [planted_power(of, sign * size).mean() for sign in (-1, 1)]
    assert POWER - 0.15 < np.mean(share) < POWER + 0.05


def test_kinds_that_exchange_their_names_differ_no_more_often_than_is_due(rng):
    """In 5 % at most, of 200 tests that are hardly independent: less than 8 %; named as they are they differ."""
    positive = []
    for _ in range(10):
        stages = stages_of(rng, 400, 0.5).assign(cycle=np.arange(400) // 2)
        named = exchanged(stages, rng)["kind"].to_numpy().reshape(-1, 2)
        assert (named[:, 0] != named[:, 1]).all()
        assert 60 < (named[:, 0] == "slip").sum() < 140
        slips = (stages["kind"] == "slip").to_numpy()
        followed, block = {"x": mean_of(rng.normal(size=400) + slips)}, blocks_of(stages, 12)
        positive.append(false_contrasts(stages, followed, block, rng, 20)["positive"].mean())
    assert np.mean(positive) < 0.08
    # nobody is exchanged: the difference is there
    cells = cells_of(stages, ["stick", "slip"])
    own = [measure(followed["x"], cells.member * of[:, None], cells.sizes, block) for of in (~slips, slips)]
    matched, _ = matched_differences(*own)
    assert estimate(matched[0], matched[1:]).p_value < 1e-3
