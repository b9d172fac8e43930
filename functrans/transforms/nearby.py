"""Which derivative to take where values are near each other: that by their gaps, or that at the
middle of each cluster of them (departures.py).

That by the gaps has an error of rounding over a power of the gap. If a function does not depend on
how the vectors turn into each other, the one at the middle is right to a power of the gap, and is
as good as the other within that error. If it does, it has poles there or depends on the path, or
the two differ by more. So the one at the middle is taken where nothing tells it from the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.core.interpreter import under
from functrans.primitives.arithmetic import absolute, add, divide, multiply, subtract
from functrans.primitives.comparison import (
    isfinite,
    less_equal,
    logical_and,
    maximum,
    where,
)
from functrans.transforms.departures import STRICT, way_back

if TYPE_CHECKING:
    from functrans.transforms.limits import Limits
    from functrans.transforms.series import ExpandedArray

ROUNDINGS = 64
"""How many roundings a value may be off that comes of a decomposition and its rules."""

SMOOTH = 1e-3
"""By which part a derivative may change within a cluster: if by more, it is not known between."""


def at_middle(limits: Limits, x: ExpandedArray, by_gaps: Any) -> tuple[Any, Any]:
    """What a series tends to at the middle, moved back to the values themselves, and where this is
    to be taken."""
    place = -x.low
    with under(limits.paths):
        coefficients = limits.coefficients(x.content)
        poles = [c for c in coefficients[:place] if c is not None]
        known = place + 1 < min(x.known, len(coefficients))
        change = coefficients[place + 1] if known else None
        value = limits.value(x)
        size = maximum(limits.size(x), limits.magnitude([value]))
    middle, first, last, _ = limits.lanes(value)[STRICT:]
    sizes = limits.lanes(size)[STRICT:]
    size = sizes[0]
    rounding, width = ROUNDINGS * limits.eps, limits.width
    with under(limits.paths.parent), np.errstate(all="ignore"):
        ok: Any = isfinite(limits.gap)
        for pole in poles:
            for lane, peak in zip(limits.lanes(pole)[STRICT:], sizes, strict=True):
                ok = logical_and(ok, _within(lane, 0, rounding, peak))
        ok = logical_and(ok, _within(first, last, SMOOTH, size))
        between = multiply(0.5, add(first, last))
        ok = logical_and(ok, _within(middle, between, ROUNDINGS * width**2, size))
        if change is not None:
            near, *_, far = limits.lanes(change)[STRICT:]
            middle = add(middle, multiply(way_back(width), subtract(far, near)))
        for _ in range(limits.order if x.derived else 1):
            rounding = divide(rounding, where(isfinite(limits.gap), limits.gap, 1))
        return middle, logical_and(ok, _within(middle, by_gaps, rounding, size))


def _within(a: Any, b: Any, part: Any, size: Any) -> Any:
    return less_equal(absolute(subtract(a, b)), multiply(part, size))
