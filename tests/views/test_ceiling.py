"""What stands in the figure of the ceiling, and what it says is missing."""

import shutil

from microslip.views.figures.ceiling import LINES, lines_of
from microslip.views.figures.registry import FIGURES


def test_every_kind_of_line_is_there_once_for_each_rule(complete):
    lines, missing = lines_of(complete)
    assert missing == []
    of_all = lines[lines["group"] == "all"]
    assert not of_all.duplicated(["line", "rule"]).any()
    assert set(of_all["line"]) <= set(LINES)
    assert {"network", "hertz", "seeds", "limit", "same_start", "same_field"} <= set(of_all["line"])
    # a limit that is not determined is none
    assert of_all[of_all["line"] == "limit"]["rule"].tolist() == ["random"]


def test_what_is_missing_is_named_and_left_out(complete):
    for name in ("replicas", "assessment"):
        shutil.rmtree(complete.folder / name)
    (complete.folder / "ablations" / "learning_curve.csv").unlink()
    lines, missing = lines_of(complete)
    assert missing == ["assess", "ablate", "replicas"]
    assert not {"seeds", "limit", "same_start"} & set(lines["line"])
    texts = " ".join(text.get_text() for axes in FIGURES["ceiling"].draw(complete).figure.axes for text in axes.texts)
    assert "`microslip replicas`" in texts
