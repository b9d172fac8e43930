"""Finding what repeats in a sequence: the stretches that go on as they did one period before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    Integers = np.ndarray[Any, np.dtype[np.int64]]


class Period(NamedTuple):
    """A stretch of a sequence that repeats: from `start` to before `stop`, each element is the one
    that stands `period` before it, where that is in the stretch."""

    start: int
    stop: int
    period: int

    @property
    def saved(self) -> int:
        """How many elements need not be written down if one period is."""
        return self.stop - self.start - self.period


def periods(sequence: Sequence[int], least: int) -> list[Period]:
    """The stretches of a sequence that repeat and of which `least` elements or more are saved.

    Windows of 1, 2, 4, 8, ... elements get a number each, equal for equal windows. Where a stretch
    repeats with a period of up to one window and more than half of it, equal windows follow each
    other at that distance. So it takes n log(n)^2 steps at most, and ends at the first length of
    which no window comes twice. A stretch is found if it holds three periods.

    Examples
    --------
    >>> periods([7, 1, 2, 1, 2, 1, 2, 1, 9], 2)
    [Period(start=1, stop=8, period=2)]
    """
    numbers = np.asarray(sequence, np.int64)
    found: set[Period] = set()
    width = 1
    while len(numbers):
        numbers = np.unique(numbers, return_inverse=True)[1].astype(np.int64)
        distances = _distances(numbers)
        if not distances.any():
            break
        found.update(_stretches(distances, width, least))
        numbers = numbers[:-width] * np.int64(len(numbers)) + numbers[width:]
        width *= 2
    return sorted(found, key=lambda p: (-p.saved, p.start))


def _distances(numbers: Integers) -> Integers:
    """How far before each element the same number was last; 0 where it was not."""
    order = np.argsort(numbers, kind="stable")
    ordered = numbers[order]
    same = ordered[1:] == ordered[:-1]
    distances = np.zeros(len(numbers), np.int64)
    distances[order[1:][same]] = (order[1:] - order[:-1])[same]
    return distances


def _stretches(distances: Integers, width: int, least: int) -> list[Period]:
    """The stretches of windows of this width that all follow their like at one distance."""
    fits = (distances > width // 2) & (distances <= width)
    edges = np.flatnonzero(np.diff(np.where(fits, distances, 0), prepend=0, append=0))
    found = []
    for first, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        if fits[first]:
            period = int(distances[first])
            stretch = Period(first - period, end - 1 + width, period)
            if stretch.saved >= max(least, 2 * period):
                found.append(stretch)
    return found
