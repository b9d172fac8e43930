"""Set operations: their elements are elements of the arguments, and so are their derivatives."""

from __future__ import annotations

from typing import Any

import numpy as np

from functrans import primitives as p
from functrans.core.types import Array, dtype_of, shape_of
from functrans.numpy import indexing, joining, reductions
from functrans.numpy.operands import flattened, operand
from functrans.numpy.registry import implements
from functrans.numpy.sorting import unique


@implements(np.isin)
def isin(
    element: Any,
    test_elements: Any,
    assume_unique: bool = False,
    invert: bool = False,
    *,
    kind: Any = None,
) -> Array:
    """Whether each element is among some values."""
    x, values = operand(element), flattened(operand(test_elements))
    if kind not in (None, "sort", "table"):
        raise ValueError(f"Invalid kind: {kind!r}. Please use None, 'sort' or 'table'.")
    if kind == "table" and {dtype_of(z).kind for z in (x, values)} - set("biu"):
        raise ValueError(
            "The 'table' method is only supported for boolean or integer arrays. Please select "
            "'sort' or None for kind."
        )
    if not shape_of(values)[0]:
        found: Array = np.zeros(shape_of(x), bool)
    else:
        ordered = p.sort(values, axis=0)
        place = p.searchsorted(ordered, x, side="left")
        place = p.minimum(place, shape_of(values)[0] - 1)
        found = p.equal(p.getitem(ordered, place), x)
    found = p.logical_not(found) if invert else found
    return found if shape_of(x) else p.reshape(p.reshape(found, shape=(1,)), shape=())


@implements(getattr(np, "in1d", None))
def in1d(
    ar1: Any, ar2: Any, assume_unique: bool = False, invert: bool = False, *, kind: Any = None
) -> Array:
    """Whether each element of the flattened array is among some values."""
    return isin(flattened(operand(ar1)), ar2, assume_unique, invert, kind=kind)


@implements(np.union1d)
def union1d(ar1: Any, ar2: Any) -> Array:
    """The different elements of two arrays together."""
    both = [flattened(operand(x)) for x in (ar1, ar2)]
    ans: Array = unique(joining.concatenate(both))
    return ans


def _different(x: Any, assume_unique: bool) -> Array:
    x = flattened(operand(x))
    return x if assume_unique else unique(x)


@implements(np.intersect1d)
def intersect1d(
    ar1: Any, ar2: Any, assume_unique: bool = False, return_indices: bool = False
) -> Any:
    """The different elements that two arrays share, taken from the first."""
    x, y = (flattened(operand(z)) for z in (ar1, ar2))
    plain_x, plain_y = (indexing.plain(z, "numpy.intersect1d") for z in (x, y))
    _, first, second = np.intersect1d(plain_x, plain_y, assume_unique, return_indices=True)
    shared = reductions.cast(p.take(x, first, axis=0), np.result_type(plain_x, plain_y))
    return (shared, first, second) if return_indices else shared


@implements(np.setdiff1d)
def setdiff1d(ar1: Any, ar2: Any, assume_unique: bool = False) -> Array:
    """The different elements of an array that are not in another."""
    x = _different(ar1, assume_unique)
    kept = isin(x, ar2, invert=True)
    return p.take(x, np.flatnonzero(indexing.plain(kept, "numpy.setdiff1d")), axis=0)


@implements(np.setxor1d)
def setxor1d(ar1: Any, ar2: Any, assume_unique: bool = False) -> Array:
    """The different elements that are in one of two arrays only."""
    x, y = _different(ar1, assume_unique), _different(ar2, assume_unique)
    both = joining.concatenate([x, y])
    values, first, counts = np.unique(  # no NaN is another
        indexing.plain(both, "numpy.setxor1d"),
        return_index=True,
        return_counts=True,
        equal_nan=False,
    )
    return p.take(both, first[counts == 1], axis=0)
