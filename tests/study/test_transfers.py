"""Medians of a table of transfers; the tables themselves are tested with the command."""

import numpy as np
import pandas as pd
import pytest

from microslip.study.transfers import transfers_by_system


def row(trained_on, tested_on, r2, rule="random"):
    return {"trained_on": trained_on, "tested_on": tested_on, "rule": rule, "r2": r2}


def test_medians_leave_out_a_network_on_its_own_system():
    r2 = {("a", "b"): 0.2, ("a", "c"): 0.4, ("b", "a"): 0.5, ("b", "c"): 0.7, ("c", "a"): -3.0, ("c", "b"): 0.6}
    rows = [row(*pair, value) for pair, value in r2.items()] + [row(name, name, 0.99) for name in "abc"]
    table = transfers_by_system(pd.DataFrame(rows)).set_index("system")
    assert table.loc["a"].tolist()[:2] == pytest.approx([0.3, -1.25])
    assert table.loc["b"].tolist()[:2] == pytest.approx([0.6, 0.4])
    assert table["r2_of_all_others"].isna().all()
    left_out = {"a": 0.1, "b": 0.2, "c": np.nan}
    # in the order of the rows
    assert transfers_by_system(pd.DataFrame(rows[::-1]))["system"].tolist() == ["c", "b", "a"]
    rows += [row(f"all but {name}", name, value, "leave one out") for name, value in left_out.items()]
    table = transfers_by_system(pd.DataFrame(rows)).set_index("system")
    np.testing.assert_array_equal(table.loc[["a", "b", "c"], "r2_of_all_others"], [0.1, 0.2, np.nan])
    assert table.loc["a", "r2_of_its_own"] == pytest.approx(0.3)
