"""What the series of an expansion tend to at the end of its paths (expansion.py): where they have
poles, depend on the path, or have a kink, and what then stands for them.
"""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.core.cotangent import Masked, zeros
from functrans.core.interpreter import under
from functrans.core.types import dtype_of, is_inexact, shape_of, type_of
from functrans.primitives.arithmetic import absolute, multiply, subtract
from functrans.primitives.comparison import (
    isfinite,
    less_equal,
    logical_and,
    logical_not,
    logical_or,
    maximum,
    where,
)
from functrans.primitives.nearness import width_of
from functrans.primitives.paths import with_limit
from functrans.primitives.reduction import any as any_of, max as greatest
from functrans.transforms.departures import PATHS
from functrans.transforms.nearby import at_middle
from functrans.transforms.orders import too_deep
from functrans.transforms.series import ExpandedArray, Series

if TYPE_CHECKING:
    from functrans.core.interpreter import Interpreter
    from functrans.core.types import Array


class Limits(Series):
    """Series that have an end, with what is known there of the values that parted.

    Attributes
    ----------
    order : int
        Of the derivative.
    found : list of tuple
        For each decomposition its family and its values.
    before : Splitting or None
        What lay below the transform.
    arbitrary : array
        Whether a value of the function depends on the sign of a left vector, so that what looks
        like a kink is none.
    kinked : array
        Whether the first derivative has a kink where singular values vanish.
    width, eps : float
        Up to which gap values are near each other, and the rounding of the first ones.
    gap : array or None
        The least gap of values that are near each other; None if there are none.
    """

    __slots__ = ("arbitrary", "before", "eps", "found", "gap", "kinked", "order", "width")

    def __init__(
        self, parent: Interpreter | None, order: int, dtype: np.dtype[Any], before: Any
    ) -> None:
        super().__init__(parent, PATHS, order + 1)  # one more, to go back to near values
        self.order = order
        self.width, self.eps = width_of(dtype, order), float(np.finfo(dtype).eps)
        self.gap: Any = None
        self.found: list[tuple[str, Array]] = []
        self.before = before
        self.arbitrary: Any = np.zeros((), bool)
        self.kinked: Any = np.zeros((), bool)

    # Poles.

    def regular(self, x: Any) -> Any:
        """A series without its poles, which are to be nothing but rounding; NaN where they are
        not, with a warning."""
        if not self.owns(x) or not x.low:
            return x
        place = -x.low
        if x.known <= place:
            too_deep()
            return ExpandedArray(self, np.full(shape_of(x), np.nan, dtype_of(x)), derived=True)
        with under(self.paths):
            coefficients = self.coefficients(x.content)
            doubt = self.standing(coefficients[:place], x)
            rest: list[Any] = [*coefficients[place:], *[None] * place]
            if rest[0] is None:
                rest[0] = zeros(type_of(x))
            rest[0] = self.told(rest[0], doubt)
            content = self.content(rest)
        return ExpandedArray(self, content, 0, x.known - place, derived=True)

    def standing(self, poles: list[Any], x: ExpandedArray) -> Any:
        """Where a series has poles."""
        bound = multiply(_roundings(x), self.size(x))
        doubt: Any = np.zeros(shape_of(x), bool)
        for pole in poles:
            if pole is not None:
                doubt = logical_or(doubt, logical_not(less_equal(absolute(pole), bound)))
        return doubt

    def bounded(self, x: ExpandedArray) -> tuple[list[Any], Any]:
        """Where a series has poles on each path, and by how much its values differ by rounding."""
        with under(self.paths):
            doubt: Any = np.zeros(shape_of(x), bool)
            if x.low:
                doubt = self.standing(self.coefficients(x.content)[: -x.low], x)
            size = maximum(self.size(x), self.magnitude([self.value(x)]))
        with under(self.paths.parent):
            return self.lanes(doubt), multiply(_roundings(x), maximum(*self.lanes(size)[:2]))

    # The end.

    def told(self, x: Any, doubt: Any, first: bool | None = None) -> Any:
        """A value, NaN where it is in doubt, with a warning; this alone for a first derivative."""
        first = self.order == 1 if first is None else first
        for family, w in self.found:
            x = with_limit(x, doubt, w, family=family, first=first)
        return x

    def bare(self, x: Any, derivative: bool = False) -> Any:
        """What stands for a value, tangent or cotangent at the end of the path."""
        if type(x) is Masked:
            return Masked(self.bare(x.value, derivative), self.bare(x.mask))
        if self.owns(x):
            x = self.limit(x, derivative)
        return x if self.before is None else self.before.bare(x, derivative)

    def limit(self, x: ExpandedArray, derivative: bool) -> Any:
        """What a series tends to; NaN with a warning where it does not, or depends on the path."""
        if x.known <= -x.low:
            too_deep()
            return np.full(shape_of(x), np.nan, dtype_of(x))
        value = self.value(x)
        if not x.derived or not is_inexact(dtype_of(value)):
            one, _, beyond, *_ = self.lanes(value)
            if self.order == 1 and beyond is not one and 0 not in shape_of(one):
                self.see_choice(one, beyond)
            return one
        doubts, bound = self.bounded(x)
        with under(self.paths.parent):
            one, other, beyond, still, *_ = self.lanes(value)
            doubt = logical_or(doubts[0], doubts[1])
            doubt = logical_or(doubt, _differ(one, other, bound))
            if beyond is not one:
                kink = _differ(one, beyond, bound)
                if self.order == 1 or self.order == 2 and not derivative:
                    self.kinked = logical_or(self.kinked, _anywhere(kink))
                doubt = logical_or(doubt, kink)
                again = logical_or(doubts[3], logical_and(kink, self.arbitrary))
                doubt = where(self.kinked, again, doubt)
                one = where(self.kinked, still, one)
            if self.gap is None:
                return self.told(one, doubt)
            middle, ok = at_middle(self, x, one)
            return where(ok, middle, self.told(one, logical_and(doubt, logical_not(ok))))

    def see_choice(self, one: Any, beyond: Any) -> None:
        """Look whether a value of the function depends on the sign of a vector."""
        with under(self.paths.parent):
            sizes = [_largest(absolute(x)) for x in (one, *(w for _, w in self.found))]
            bound = multiply(_roundings(one), reduce(maximum, sizes))
            differ = _anywhere(_differ(one, beyond, bound))
            self.arbitrary = logical_or(self.arbitrary, differ)

    def crossed(self, x: ExpandedArray) -> tuple[Any, Any, Any]:
        """What a series tends to on the first path, and where it does not, or to something else on
        another; and what it tends to where values are near each other, None if none are."""
        if x.known <= -x.low:
            too_deep()
            return np.zeros(shape_of(x), dtype_of(x)), np.ones(shape_of(x), bool), None
        one, other, beyond, *_ = self.lanes(self.value(x))
        doubts, bound = self.bounded(x)
        with under(self.paths.parent):
            doubt = logical_or(logical_or(doubts[0], doubts[1]), _differ(one, other, bound))
            if beyond is not one:
                doubt = logical_or(doubt, _differ(one, beyond, bound))
            if self.gap is None:
                return one, doubt, None
            middle, ok = at_middle(self, x, one)
            doubt = logical_and(doubt, logical_not(ok))
            near = where(isfinite(self.gap), where(ok, middle, np.nan), one)
            return (where(ok, middle, one) if x.derived else one), doubt, near


def _differ(a: Any, b: Any, bound: Any) -> Any:
    """Where two values are not the same up to a bound, or are none."""
    return logical_not(less_equal(absolute(subtract(a, b)), bound))


def _anywhere(x: Any) -> Any:
    return any_of(x, axes=tuple(range(len(shape_of(x)))))


def _largest(x: Any) -> Any:
    return greatest(x, axes=tuple(range(len(shape_of(x)))))


def _roundings(x: Any) -> float:
    return float(np.finfo(dtype_of(x)).eps ** 0.5)
