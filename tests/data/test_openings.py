"""The record of when test stages were scored."""

import numpy as np
import pandas as pd

from microslip.data.openings import Opening, count_openings, log_openings, openings_in_words, read_openings

TARGET = np.array([1e-3, -2e-3, 5e-4])


def look(settings="one", rule="random", verb="train", target=TARGET):
    return Opening(verb, "network", rule, target, settings)


def test_every_look_adds_a_row_and_none_is_lost(tmp_path):
    assert read_openings(tmp_path).empty
    assert openings_in_words(read_openings(tmp_path)) == ""
    log_openings(tmp_path, [look(), look(rule="blocked")])
    before = (tmp_path / "test_openings.csv").read_bytes()
    log_openings(tmp_path, [look()])
    log_openings(tmp_path, [])
    assert (tmp_path / "test_openings.csv").read_bytes().startswith(before)
    table = read_openings(tmp_path)
    assert table["rule"].tolist() == ["random", "blocked", "random"]
    assert table["n"].tolist() == [3, 3, 3]
    assert table["test_set"].nunique() == 1


def test_looks_and_settings_are_counted_by_rule(tmp_path):
    log_openings(tmp_path, [look("a"), look("a"), look("b", verb="ablate"), look("a", rule="blocked")])
    table = count_openings(read_openings(tmp_path)).set_index("rule")
    assert table.loc["random"].tolist() == [3, 2, 1]
    assert table.loc["blocked"].tolist() == [1, 1, 1]
    said = openings_in_words(read_openings(tmp_path))
    assert said == "test set opened: that of the random split 3 times with 2 settings, that of the blocked split once"
    log_openings(tmp_path, [look("c")])
    assert count_openings(read_openings(tmp_path)).set_index("rule").loc["random", "trained"] == 2


def test_other_stages_are_another_test_set(tmp_path):
    log_openings(tmp_path, [look("a"), look("b"), look("b", target=TARGET[:2])])
    assert count_openings(read_openings(tmp_path)).to_numpy().tolist() == [["random", 1, 1, 1]]
    pd.testing.assert_frame_equal(
        count_openings(pd.DataFrame({"rule": []})), count_openings(read_openings(tmp_path))[:0], check_dtype=False
    )
