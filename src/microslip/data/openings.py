"""`test_openings.csv`: when a run's test stages were scored, by which command, with which settings.

A score of unseen stages holds for the first look at them. Whoever looks again with other settings and keeps the better
ones has chosen by the test set. So every command that scores test stages adds a line here, before its scores are shown,
and nothing removes one: the file lies beside `model/`, which every training replaces.
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Float

from microslip.core.disk import naming
from microslip.data.files import read_table
from microslip.data.provenance import fingerprint

OPENINGS = "test_openings.csv"

# The rule of a test set that no split set aside: stages of another run than the one that was learnt from, all of them,
# or those after the first few that a network was tuned on.
ELSEWHERE, TUNED = "elsewhere", "tuned"
_TEST_SETS = {ELSEWHERE: "the whole run as another one's test", TUNED: "what follows the stages of a fine-tuning"}
COLUMNS = ("when", "verb", "line", "rule", "seeds", "n", "test_set", "settings")


@dataclass(frozen=True)
class Opening:
    """One look at a test set: the command, what was scored, the rule that set the stages aside, and their target [p].

    `settings` is a fingerprint of all that the predictions depend on but for these stages; `seeds`, how many networks
    of it were scored.
    """

    verb: str
    line: str
    rule: str
    target: Float[np.ndarray, "stage"]
    settings: str
    seeds: int = 1


def log_openings(folder: Path, openings: Sequence[Opening]) -> None:
    """Append a row for each to the run's record.

    Raises
    ------
    MicroslipError
        The folder cannot be written to, so that its test stages must not be looked at.
    """
    when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    rows = [
        (when, one.verb, one.line, one.rule, one.seeds, len(one.target), test_set_name(one.target), one.settings)
        for one in openings
    ]
    path = folder / OPENINGS
    with naming(path), path.open("a", encoding="utf-8") as log:
        # two commands may score the stages of one run
        fcntl.flock(log, fcntl.LOCK_EX)
        log.write(pd.DataFrame(rows, columns=COLUMNS).to_csv(index=False, header=path.stat().st_size == 0))


def test_set_name(target: Float[np.ndarray, "stage"]) -> str:
    """Which stages a test set is made of: the same ones under whatever settings, others after other stages were cut."""
    return fingerprint(np.asarray(target, dtype=float).tolist())


def read_openings(folder: Path) -> pd.DataFrame:
    """The record of a run; empty where no test set was opened since such a record is kept."""
    if not (folder / OPENINGS).exists():
        return pd.DataFrame(columns=list(COLUMNS))
    return read_table(folder / OPENINGS, list(COLUMNS))


def count_openings(openings: pd.DataFrame) -> pd.DataFrame:
    """How often the test set of each rule was opened, as it is now: earlier ones, of other stages, are left out.

    Returns
    -------
    Columns rule; opened, the number of looks; settings, how many different ones were looked at with; trained, how many
    of these by `microslip train`, whose scores are the run's own.
    """
    rows = []
    for rule, part in openings.groupby("rule", sort=False):
        by_train = part[part["verb"] == "train"]
        now = (by_train if len(by_train) else part)["test_set"].iloc[-1]
        part = part[part["test_set"] == now]
        trained = part.loc[part["verb"] == "train", "settings"].nunique()
        rows.append((str(rule), len(part), part["settings"].nunique(), trained))
    return pd.DataFrame(rows, columns=["rule", "opened", "settings", "trained"])


def openings_in_words(openings: pd.DataFrame) -> str:
    """How often each test set was opened, in a sentence; empty where none was."""
    times = [
        f"{_TEST_SETS.get(row.rule, f'that of the {row.rule} split')} {_times(row.opened)}"
        + (f" with {row.settings} settings" if row.settings > 1 else "")
        for row in count_openings(openings).itertuples()
    ]
    return f"test set opened: {', '.join(times)}" if times else ""


def _times(n: int) -> str:
    return "once" if n == 1 else f"{n} times"
