import numpy as np
import pandas as pd
import pytest

from microslip.study.agreement import agreement, measured


def summary_of(values, errors):
    names = [f"s{number}" for number in range(len(values))]
    return pd.DataFrame({"system": names, "stress": values, "stress_error": errors})


def test_a_difference_is_counted_in_the_errors_of_both():
    table = agreement(measured(summary_of([0.40, 0.41, 0.50], [0.03, 0.04, 0.04]), ["stress"]), "s0")
    assert table["system"].tolist() == ["s1", "s2"]
    assert table["combined_error"].tolist() == pytest.approx([0.05, 0.05])
    assert table["difference_over_error"].tolist() == pytest.approx([0.2, 2.0])
    assert table["agrees"].tolist() == ["yes", "yes"]
    assert agreement(measured(summary_of([0.40, 0.51], [0.03, 0.04]), ["stress"]), "s0")["agrees"].tolist() == ["no"]


def test_without_an_error_nothing_is_claimed():
    table = agreement(measured(summary_of([0.4, 0.4, np.nan], [0.1, np.nan, 0.1]), ["stress", "absent"]), "s0")
    assert table["agrees"].tolist() == ["", ""]
    assert agreement(measured(summary_of([np.nan, 0.4], [0.1, 0.1]), ["stress"]), "s0").empty


def test_two_samples_of_one_law_agree_in_nineteen_rows_of_twenty(rng):
    n = 4000
    parts = [
        pd.DataFrame({"quantity": np.arange(n), "system": name, "value": rng.normal(5, error, n), "error": error})
        for name, error in (("a", 0.3), ("b", 0.1))
    ]
    table = agreement(pd.concat(parts), "a")
    assert (table["agrees"] == "yes").mean() == pytest.approx(0.954, abs=0.015)
    swapped = agreement(pd.concat(parts), "b")
    assert swapped["difference_over_error"].to_numpy() == pytest.approx(-table["difference_over_error"].to_numpy())
