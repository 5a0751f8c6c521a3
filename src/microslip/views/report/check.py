"""What a check is: a question asked of a run with its limit, and the answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from microslip.views.report.parts import Parts
from microslip.views.wording import show

Verdict = Literal["passed", "failed", "open"]


@dataclass(frozen=True)
class Answer:
    """A verdict and the number behind it; `open` where it has not been measured or cannot be decided.

    `remedy`, `limit` and `why` replace those of the check where they depend on the run.
    """

    verdict: Verdict
    value: str
    remedy: str = ""
    limit: str = ""
    why: str = ""


@dataclass(frozen=True)
class Result:
    """A check with its answer: a row of checks.csv."""

    group: str
    name: str
    verdict: Verdict
    value: str
    limit: str
    why: str
    remedy: str = ""


@dataclass(frozen=True)
class Check:
    """A number that a run is asked for, its limit, why it matters, and what to do where it fails.

    `needs` names the parts without which the check is left out: attributes of `Parts`, or tables by their path without
    its ending. `ask` answers, or returns None where the parts do not hold what it needs.
    """

    group: str
    name: str
    needs: tuple[str, ...]
    ask: Callable[[Parts], Answer | None]
    limit: str = ""
    why: str = ""
    remedy: str = ""

    def of(self, parts: Parts) -> Result | None:
        """The check with its answer for one run; None where it does not apply."""
        if not all(parts.has(need) for need in self.needs):
            return None
        answer = self.ask(parts)
        if answer is None:
            return None
        limit, why, remedy = answer.limit or self.limit, answer.why or self.why, answer.remedy or self.remedy
        return Result(self.group, self.name, answer.verdict, answer.value, limit, why, remedy)


def judge(passed: bool | None) -> Verdict:
    """The verdict of a comparison; None where a side of it is not known."""
    if passed is None:
        return "open"
    return "passed" if passed else "failed"


def below(value: float | None, limit: float) -> bool | None:
    """Whether a value keeps below its limit; None where it is not known."""
    return None if value is None or not np.isfinite(value) else bool(value <= limit)


def share(value: float) -> str:
    """A share in per cent; none where there is none at all."""
    return "none" if value == 0 else f"{show(100 * value, 2)} %"
