"""Sorting along any axis by sorting along the last, and searching by halving."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.core.types import dtype_of, shape_of
from functrans.graph.graph import operand_types
from functrans.primitives import (
    add,
    argsort,
    astype,
    less,
    logical_and,
    logical_not,
    logical_or,
    minimum,
    not_equal,
    reshape,
    sort,
    subtract,
    take,
    take_along_axis,
    tie_mean,
    transpose,
    where,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from functrans.core.types import Array
    from functrans.graph.graph import Equation

SHORT = 256
"""Elements of a line up to which sorting takes little longer than partitioning."""

_SORTS: dict[str, Callable[..., Any]] = {
    "sort": sort,
    "argsort": argsort,
    "partition": sort,
    "argpartition": argsort,
    "tie_mean": tie_mean,
}


def rearranging(equation: Equation) -> Callable[..., Any] | None:
    """What an operation that sorts or searches consists of, for native code; None if it is another,
    or is carried out as it stands."""
    name, params = equation.primitive.name, equation.params
    if name == "searchsorted":
        return searched
    if name not in _SORTS:
        return None
    kinds = operand_types(equation.inputs)
    shape, axis = kinds[0].shape, params["axis"]
    parts = name.endswith("partition")
    if not parts and axis == len(shape) - 1:
        return None
    if parts and not (shape[axis] <= SHORT and _inside(params["kth"], shape[axis])):
        return None
    operation = _SORTS[name]

    def along_last(*xs: Array, axis: int, **others: Any) -> Array:
        own = {k: v for k, v in others.items() if not parts}
        last = len(shape) - 1
        order = tuple([i for i in range(last + 1) if i != axis] + [axis])
        back = tuple([order.index(i) for i in range(last + 1)])
        turned = [x if axis == last else transpose(x, axes=order) for x in xs]
        found = operation(*turned, axis=last, **own)
        return found if axis == last else transpose(found, axes=back)

    return along_last


def _inside(kth: int | tuple[int, ...], n: int) -> bool:
    """Whether places to partition at are within a line; otherwise NumPy has an error to raise."""
    places = (kth,) if isinstance(kth, int) else kth
    return all([-n <= k < n for k in places])


def searched(x: Array, y: Array, *, side: str = "left") -> Array:
    """How many elements of the sorted last axis of `x` come before each of `y`, NaN last: the
    greatest count is found bit by bit."""
    *lanes, n = shape_of(x)
    shape = shape_of(y)
    common = np.promote_types(dtype_of(x), dtype_of(y))
    x, y = (a if dtype_of(a) == common else astype(a, dtype=common) for a in (x, y))
    if len(lanes) > 0:
        y = reshape(y, shape=(*lanes, math.prod(shape[len(lanes) :])))
    found: Array = np.zeros(shape_of(y), np.intp)
    for bit in reversed(range(n.bit_length())):
        further = minimum(add(found, 1 << bit), n)
        place = subtract(further, 1)
        there = take_along_axis(x, place, axis=len(lanes)) if lanes else take(x, place, axis=0)
        before = _before(there, y) if side == "left" else logical_not(_before(y, there))
        found = where(before, further, found)
    if not shape:
        return add(found, 0)  # a scalar of NumPy's, as ufuncs return them
    return reshape(found, shape=shape) if lanes else found


def _before(x: Array, y: Array) -> Array:
    """Whether x comes before y in sorted order."""
    if dtype_of(x).kind != "f":
        return less(x, y)
    numbers = logical_not(not_equal(x, x))
    return logical_or(less(x, y), logical_and(not_equal(y, y), numbers))
