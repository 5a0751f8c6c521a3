"""Frames inside a stage: which samples are held while nobody knows where the stage will end, and which are kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

# Frames that are held for each that is kept inside a stage, at most: two stretches, twice as many candidates in each.
MOST_HELD = 4


@dataclass
class Candidates:
    """Grains at every 2^k-th sample of a stretch that grows, with the smallest k at which they are no more than `most`.

    The spacing counts from sample 0 and not from where the stretch begins, so that stretches that join keep their grid.
    """

    most: int
    spacing: int = 1
    held: dict[int, Any] = field(default_factory=dict)
    """By sample, rising."""

    def wants(self, sample: int) -> bool:
        """Whether the grains at a sample are to be held."""
        return self.most > 0 and sample % self.spacing == 0

    def add(self, sample: int, grains: Any) -> None:
        """Take up a sample that follows all others, unless it lies between those that are wanted."""
        if self.wants(sample):
            self.held[sample] = grains
            self._thin()

    def join(self, following: Candidates) -> None:
        """Take up the stretch that follows."""
        self.held |= following.held
        self.spacing = max(self.spacing, following.spacing)
        self._thin()

    def _thin(self) -> None:
        # of two stretches that join, one may have been the finer
        self.held = {sample: grains for sample, grains in self.held.items() if sample % self.spacing == 0}
        while len(self.held) > self.most:
            self.spacing *= 2
            self.held = {sample: grains for sample, grains in self.held.items() if sample % self.spacing == 0}


def evenly_inside(samples: Sequence[int], start: int, end: int, n: int) -> list[int]:
    """At most `n` of the samples, rising, that cut the stage from `start` to `end` into pieces of about even strain.

    Samples are even in strain wherever there are stages. Each of n places gets the nearest sample that is left. Of
    `Candidates` with `most` = 2n no piece is longer than twice (end − start)/(n + 1), and none between two frames is
    shorter than half of it; where there are no more than n samples inside, all are taken.
    """
    if len(samples) <= n:
        return list(samples)
    chosen: list[int] = []
    first = 0
    for number in range(1, n + 1):
        place = start + (end - start) * number / (n + 1)
        # as many are left as there are places to come
        left = range(first, len(samples) - (n - number))
        nearest = min(left, key=lambda index: abs(samples[index] - place))
        chosen.append(samples[nearest])
        first = nearest + 1
    return chosen
