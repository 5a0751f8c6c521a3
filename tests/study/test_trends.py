import numpy as np
import pandas as pd
import pytest

from microslip.study.trends import packings_of, quantities_of, trends

FRICTIONS = [0.1, 0.3, 0.5, 0.7, 0.9]


def values_of(numbers, error=0.01, quantity="stress"):
    names = [f"s{number}" for number in range(len(numbers))]
    return pd.DataFrame({"quantity": quantity, "system": names, "value": numbers, "error": error})


def family(values, key="grains.friction"):
    names = [f"s{number}" for number in range(len(values))]
    return pd.DataFrame({"number": 0, "family": key, "system": names, "value": np.array(values, float)})


def seeds(spread, n=4):
    return pd.DataFrame([{"quantity": "stress", "n_packings": n, "spread": spread}])


def test_a_straight_line_has_its_change_and_the_interval_of_its_errors():
    x = np.array(FRICTIONS)
    row = trends(values_of(0.2 + 0.3 * x), family(x)).iloc[0]
    assert row["change"] == pytest.approx(0.3 * 0.8)
    assert (row["lowest"], row["highest"]) == pytest.approx((0.23, 0.47))
    # σ of a slope is σ / √Σ(x − x̄)², and Student's t of three degrees at 0.975 is 3.182
    half = 3.1824463 * 0.8 * 0.01 / np.sqrt(0.4)
    assert row["change_high"] - row["change"] == pytest.approx(half)
    assert row["verdict"] == "rises (one packing)"
    assert trends(values_of(0.2 + 0.3 * x), family(x), seeds(0.0)).iloc[0]["verdict"] == "rises"
    assert trends(values_of(0.2 - 0.3 * x), family(x), seeds(0.0)).iloc[0]["verdict"] == "falls"


def test_weights_are_those_of_least_squares(rng):
    x, errors = np.array(FRICTIONS), np.array([0.01, 0.05, 0.02, 0.1, 0.03])
    y = rng.normal(0.4, 0.1, 5)
    slope, _ = np.polyfit(x, y, 1, w=1 / errors)
    assert trends(values_of(y, errors), family(x)).iloc[0]["change"] == pytest.approx(0.8 * slope)


def test_packings_that_differ_widen_the_interval():
    x = np.array(FRICTIONS)
    values = values_of(0.2 + 0.1 * x)
    narrow, wide = (trends(values, family(x), seeds(spread)).iloc[0] for spread in (0.0, 0.05))
    assert narrow["verdict"] == "rises"
    assert wide["verdict"] == "not decided"
    assert wide["change"] == pytest.approx(narrow["change"])


def test_values_a_decade_apart_are_taken_by_their_logarithms():
    x = np.array([1e6, 5e6, 10e6, 15e6, 20e6])
    row = trends(values_of(2 + np.log(x)), family(x, "loading.pressure")).iloc[0]
    assert row["axis"] == "log"
    assert row["change"] == pytest.approx(np.log(20))


def test_chance_is_a_trend_in_one_row_of_twenty_or_fewer(rng):
    x, n = np.array(FRICTIONS), 2000
    table = pd.concat([values_of(rng.normal(0, 0.01, 5), quantity=str(number)) for number in range(n)])
    assert (trends(table, family(x))["verdict"] != "not decided").mean() < 0.06


def test_chance_among_many_rows_is_corrected_for(rng):
    x, n = np.array(FRICTIONS), 60
    chance = [values_of(rng.normal(0, 0.01, 5), quantity=str(number)) for number in range(n)]
    found = trends(pd.concat([values_of(x, quantity="true"), *chance]), family(x)).set_index("quantity")
    assert found.loc["true", "corrected_verdict"] == "rises (one packing)"
    assert (found.loc[found.index != "true", "corrected_verdict"] == "not decided").all()
    assert found.loc["true", "p_holm"] == pytest.approx((n + 1) * found["p_value"].min())


def test_what_is_not_known_is_counted_and_two_systems_are_no_trend():
    values = values_of([0.3, np.nan, 0.4, 0.5, 0.6], [0.01, 0.01, np.nan, 0.01, 0.01])
    row = trends(values, family(FRICTIONS)).iloc[0]
    assert (row["n_systems"], row["n_left_out"]) == (3, 2)
    assert trends(values_of([0.3, 0.4]), family([0.1, 0.9])).iloc[0]["verdict"] == "not measured"
    assert trends(values_of([0.3, 0.4, 0.5]), family([1, 2, 3], "seed")).empty


def test_seeds_are_combined(rng):
    summary = pd.DataFrame(
        {
            "system": list("abcd"),
            "stress": rng.normal(0.4, 0.01, 4),
            "stress_error": 0.01,
            "r2_test_random": 0.8,
            "r2_test_random_error": 0.02,
        }
    )
    values = quantities_of(summary)
    together = packings_of(values, list("abc")).set_index("quantity")
    assert together.loc["stress", "n_packings"] == 3
    assert together.loc["stress", "value"] == pytest.approx(summary["stress"].iloc[:3].mean())
    assert together.loc["r2_test_random", "spread"] == 0
