"""Claims of packings together: their tables in, means and verdicts out."""

import numpy as np
import pandas as pd
import pytest

from microslip import artificial
from microslip.core.errors import MicroslipError
from microslip.data.files import write_table
from microslip.study.packings import check_alike, claims_together, describe_together


def packing(folder, seed, slope, settings=None):
    """A run whose tables say that Moran's I of slips has this slope, and that sticks and slips differ by as much."""
    run = artificial.run(folder, seed=seed, n_stages=12, settings=settings)
    ends = {"_low": slope - 0.1, "": slope, "_high": slope + 0.1}
    about = {"section": "4.2", "quantity": "moran_i", "n_blocks": 10}
    claims = [
        {**about, "kind": "slip", "claim": "grows", **{f"conditioned{end}": value for end, value in ends.items()}},
        {**about, "quantity": "eta", "kind": "slip", "claim": "falls"},
    ]
    contrast = {**about, "claim": "larger in sticks", **{f"matched{end}": value for end, value in ends.items()}}
    write_table(run.folder / "statistics" / "claims.csv", pd.DataFrame(claims))
    write_table(run.folder / "statistics" / "contrasts.csv", pd.DataFrame([contrast]))
    return run


def test_three_packings_decide_together(tmp_path):
    runs = [packing(tmp_path / str(seed), seed, 0.2 + 0.01 * seed) for seed in (1, 2, 3)]
    assert check_alike(runs) == []
    table = claims_together(runs).set_index(["quantity", "kind"])
    row = table.loc["moran_i", "slip"]
    assert row["value"] == pytest.approx(0.22)
    assert (row["n_packings"], row["verdict"]) == (3, "yes")
    assert (row["lowest"], row["highest"]) == (pytest.approx(0.21), pytest.approx(0.23))
    assert row["value_low"] < 0.21
    assert row["value_high"] > 0.23
    # larger in slips, where the paper says sticks
    assert table.loc["moran_i", ""]["verdict"] == "no"
    assert table.loc["eta", "slip"]["verdict"] == "not measured"
    lines = list(describe_together(table.reset_index()))
    assert lines[0].startswith("moran i grows in slips? yes")
    assert "3 packings from 0.21 to 0.23" in lines[0]


def test_packings_that_contradict_each_other_decide_nothing(tmp_path):
    runs = [packing(tmp_path / str(seed), seed, slope) for seed, slope in ((1, -1.0), (2, 1.2))]
    row = claims_together(runs).iloc[0]
    assert row["verdict"] == "not decided"
    assert row["heterogeneity"] > 0.9


def test_one_packing_twice_is_refused_and_other_settings_are_said(tmp_path):
    first = packing(tmp_path / "one", 1, 0.2)
    with pytest.raises(MicroslipError, match="two or more"):
        check_alike([first])
    with pytest.raises(MicroslipError, match="given twice"):
        check_alike([first, first])
    with pytest.raises(MicroslipError, match="one packing"):
        check_alike([first, packing(tmp_path / "again", 1, 0.2)])
    other = packing(tmp_path / "other", 2, 0.2, {"clusters": {"fraction": 0.2}})
    (line,) = check_alike([first, other])
    assert "clusters.fraction = 0.1 and 0.2" in line
    assert np.isfinite(claims_together([first, other])["value"].iloc[0])
