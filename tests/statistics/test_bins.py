import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from microslip.statistics.bins import bin_stages


def stages_of(kind, size):
    kind = np.asarray(kind)
    fluctuation = np.where(kind == "slip", size, -np.asarray(size, dtype=float))
    return pd.DataFrame({"stage": range(len(kind)), "kind": kind, "fluctuation": fluctuation})


def test_bins_hold_every_stage_once_per_kind():
    size = np.geomspace(1e-4, 1e-1, 40)
    groups = bin_stages(stages_of(np.where(np.arange(40) % 2, "slip", "stick"), size), 5)
    in_bins = groups[groups["by"] == "bin"]
    assert sorted(in_bins["members"].sum()) == list(range(40))
    assert groups[groups["by"] == "kind"]["n_stages"].tolist() == [20, 20]
    assert (np.sign(in_bins["mean_fluctuation"]) == np.where(in_bins["kind"] == "slip", 1, -1)).all()


@given(st.lists(st.tuples(st.sampled_from(["stick", "slip"]), st.floats(1e-6, 1)), min_size=1), st.integers(1, 8))
def test_no_stage_is_lost_or_counted_twice(stages, n_bins):
    kind, size = map(list, zip(*stages, strict=True))
    groups = bin_stages(stages_of(kind, size), n_bins)
    for by in ("kind", "bin"):
        assert sorted(groups.loc[groups["by"] == by, "members"].sum()) == list(range(len(stages)))
    for group in groups.to_dict("records"):
        assert {kind[stage] for stage in group["members"]} == {group["kind"]}
        assert all(group["low"] <= size[stage] <= group["high"] for stage in group["members"])
        assert group["n_stages"] == len(group["members"])


def test_both_kinds_share_the_edges_and_empty_bins_are_left_out():
    groups = bin_stages(stages_of(["stick", "stick", "slip", "slip"], [1e-4, 1e-1, 2e-4, 9e-2]), 3)
    in_bins = groups[groups["by"] == "bin"].set_index("kind")
    assert in_bins.loc["stick", "low"].tolist() == in_bins.loc["slip", "low"].tolist()
    assert len(in_bins) == 4


def test_a_stage_that_changes_nothing_is_in_no_group():
    groups = bin_stages(stages_of(["stick", "slip", "slip"], [1e-3, 0, 1e-2]), 2)
    assert sorted(groups.loc[groups["by"] == "kind", "members"].sum()) == [0, 2]
    assert bin_stages(stages_of(["stick", "slip"], [0, 0]), 2).empty


def test_narrow_bins_have_names_of_their_own():
    """Tables and figures go by the name: two bins called “1.0e-03 to 1.0e-03” would be one group."""
    size = np.linspace(1.0e-3, 1.02e-3, 100)
    groups = bin_stages(stages_of(["slip"] * 100, size), 20)
    assert groups["group"].is_unique
    assert (groups["by"] == "bin").sum() == 20


def test_stages_of_one_size_are_one_bin():
    groups = bin_stages(stages_of(["stick", "slip", "slip"], [1e-3] * 3), 5)
    assert groups.loc[groups["by"] == "bin", "group"].tolist() == [
        "stick 1.0e-03 to 1.0e-03",
        "slip 1.0e-03 to 1.0e-03",
    ]


def test_a_stage_of_unknown_size_is_in_no_group():
    groups = bin_stages(stages_of(["stick", "slip", "slip"], [1e-3, np.nan, 1e-2]), 2)
    assert sorted(groups.loc[groups["by"] == "kind", "members"].sum()) == [0, 2]
