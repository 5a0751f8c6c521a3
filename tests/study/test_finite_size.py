"""ξ by the range of its fit: planted curves of one length, of which one is cut short."""

import numpy as np
import pandas as pd
import pytest

from microslip.config import Config
from microslip.data.files import write_table
from microslip.data.run import Run
from microslip.study.finite_size import lengths_by_size


def test_a_common_range_gives_two_sizes_one_length_where_the_whole_does_not(tmp_path):
    """C(r) of ξ = 2 with a tail that a larger cell shows: a fit of the whole range follows the tail."""
    for name, reach in (("small", 4.0), ("large", 7.0)):
        r = np.arange(0.125, reach, 0.25)
        curve = 0.4 * r**-0.5 * np.exp(-r / 2) + 0.05 * (r > 4)
        rows = {"kind": "slip", "by": "kind", "of": "raw", "r": r, "correlation": curve}
        write_table(tmp_path / name / "statistics" / "correlation.csv", pd.DataFrame(rows))
    table = lengths_by_size([Run(tmp_path / "small"), Run(tmp_path / "large")], Config())
    xi = table.set_index(["run", "range"])["xi"]
    assert xi["small", "whole"] == xi["small", "common"] == pytest.approx(2, rel=1e-3)
    assert xi["large", "common"] == pytest.approx(2, rel=1e-3)
    assert xi["large", "whole"] > 2.2
