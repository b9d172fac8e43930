"""Sorting, partitioning, searching, and the different elements of an array."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from functrans import primitives as p
from functrans.core.errors import ConversionError
from functrans.core.types import Array, dtype_of, shape_of
from functrans.numpy import indexing, shapes
from functrans.numpy.axes import ndim_of, one_axis
from functrans.numpy.operands import converted_all, flattened, in_one_axis, operand
from functrans.numpy.options import unsupported
from functrans.numpy.reductions import truth
from functrans.numpy.registry import implements, method


def along(a: Any, axis: Any) -> tuple[Array, int]:
    """The array and the axis to sort along; flattened for None."""
    x = operand(a)
    return (flattened(x), 0) if axis is None else (x, one_axis(axis, ndim_of(x)))


def _kind(kind: Any, stable: Any, order: Any, name: str) -> Any:
    """The sorting algorithm that arguments ask for."""
    if order is not None:
        raise unsupported(name, "order=", "traced arrays have no fields")
    if kind is not None and stable is not None:
        raise ValueError("`kind` and `stable` parameters can't be provided at the same time")
    return "stable" if stable else kind


def _descending(x: Array) -> Array:
    """Values whose ascending order is the descending one of `x`; its own inverse.

    Equal elements stay equal and NaN stays NaN, which comes last either way.
    """
    kind = dtype_of(x).kind
    return p.invert(x) if kind in "biu" else p.negative(x)


@implements(np.sort)
def sort(
    a: Any,
    axis: Any = -1,
    kind: Any = None,
    order: Any = None,
    *,
    stable: Any = None,
    descending: Any = None,
) -> Array:
    """The elements in sorted order; elements that are equal share their derivative."""
    x, axis = along(a, axis)
    kind = _kind(kind, stable, order, "sort")
    if truth(descending):
        return _descending(p.sort(_descending(x), axis=axis, kind=kind))
    return p.sort(x, axis=axis, kind=kind)


@method("argsort")
@implements(np.argsort)
def argsort(
    a: Any,
    axis: Any = -1,
    kind: Any = None,
    order: Any = None,
    *,
    stable: Any = None,
    descending: Any = None,
) -> Array:
    """The positions of the elements in sorted order."""
    x, axis = in_one_axis(operand(a), axis)
    if truth(descending):
        x = _descending(x)
    return p.argsort(x, axis=axis, kind=_kind(kind, stable, order, "argsort"))


@implements(np.sort_complex)
def sort_complex(a: Any) -> Array:
    """The elements as complex numbers, by real part, then by imaginary part."""
    x = sort(a)
    if dtype_of(x).kind == "c":
        return x
    small = {"b": "F", "h": "F", "B": "F", "H": "F", "g": "G"}
    return p.astype(x, dtype=np.dtype(small.get(dtype_of(x).char, "D")))


def _positions(kth: Any) -> Any:
    """The wanted places as one integer or a tuple of them."""
    table = np.asarray(kth)
    if table.dtype.kind == "b":
        raise ValueError("Booleans unacceptable as partition index")
    if table.dtype.kind not in "iu":
        raise TypeError("Partition index must be integer")
    return int(table) if table.ndim == 0 else tuple(map(int, table))


@implements(np.partition)
def partition(
    a: Any, kth: Any, axis: Any = -1, kind: Any = "introselect", order: Any = None
) -> Array:
    """The elements rearranged so that those at `kth` are where sorting puts them."""
    if order is not None:
        raise unsupported("partition", "order=", "traced arrays have no fields")
    x, axis = along(a, axis)
    return p.partition(x, kth=_positions(kth), axis=axis, kind=kind)


@method("argpartition")
@implements(np.argpartition)
def argpartition(
    a: Any, kth: Any, axis: Any = -1, kind: Any = "introselect", order: Any = None
) -> Array:
    """The positions of the elements as `partition` arranges them."""
    if order is not None:
        raise unsupported("argpartition", "order=", "traced arrays have no fields")
    x, axis = in_one_axis(operand(a), axis)
    return p.argpartition(x, kth=_positions(kth), axis=axis, kind=kind)


@implements(np.lexsort)
def lexsort(keys: Any, axis: Any = -1) -> Array:
    """The positions of elements sorted by several keys, the last one first."""
    parts = converted_all(keys)
    return p.lexsort(*parts, axis=one_axis(axis, ndim_of(parts[0])))


@method("searchsorted")
@implements(np.searchsorted)
def searchsorted(a: Any, v: Any, side: Any = "left", sorter: Any = None) -> Array:
    """Where values would go in a sorted array."""
    x = operand(a)
    if ndim_of(x) != 1:
        raise ValueError("object too deep for desired array")
    if sorter is not None:
        if dtype_of(operand(sorter)).kind not in "iu":
            raise TypeError("sorter must only contain integers")
        if shape_of(operand(sorter)) != shape_of(x):
            raise ValueError("sorter.size must equal a.size")
        x = indexing.take(x, sorter)
    return p.searchsorted(x, operand(v), side=side)


@implements(np.digitize)
def digitize(x: Any, bins: Any, right: bool = False) -> Array:
    """The number of the bin that each element is in."""
    edges = operand(bins)
    if "c" in (dtype_of(operand(x)).kind, dtype_of(edges).kind):
        raise TypeError("numpy.digitize: complex numbers have no order; x and bins may hold none")
    steps = np.diff(indexing.plain(edges, "numpy.digitize"))
    if not ((steps >= 0).all() or (steps <= 0).all()):
        raise ValueError("bins must be monotonically increasing or decreasing")
    side = "left" if right else "right"
    if (steps >= 0).all():
        return searchsorted(edges, x, side)
    count = shape_of(edges)[0]
    return p.subtract(count, searchsorted(shapes.flip(edges), x, side))


@implements(np.unique)
def unique(
    ar: Any,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: Any = None,
    *,
    equal_nan: bool = True,
    sorted: bool = True,
) -> Any:
    """The different elements in ascending order; derivatives go to their first occurrences."""
    x = operand(ar)
    numpy_unique: Any = np.unique
    _, first, *rest = numpy_unique(
        indexing.plain(x, "numpy.unique"),
        return_index=True,
        return_inverse=return_inverse,
        return_counts=return_counts,
        axis=axis,
        equal_nan=equal_nan,
    )
    values = indexing.take(x, first, axis)
    extras = ([first] if return_index else []) + rest
    return (values, *extras) if extras else values


class UniqueAllResult(NamedTuple):
    """The different elements, where each is first, which each element is, and how often it is."""

    values: Array
    indices: Array
    inverse_indices: Array
    counts: Array


class UniqueCountsResult(NamedTuple):
    """The different elements, and how often each is."""

    values: Array
    counts: Array


class UniqueInverseResult(NamedTuple):
    """The different elements, and which each element is."""

    values: Array
    inverse_indices: Array


@implements(np.unique_all)
def unique_all(x: Any) -> UniqueAllResult:
    """The different elements with all that `unique` tells of them; NaN is never equal to NaN."""
    values, first, inverse, counts = unique(x, True, True, True, equal_nan=False)
    return UniqueAllResult(values, first, inverse.reshape(shape_of(operand(x))), counts)


@implements(np.unique_counts)
def unique_counts(x: Any) -> UniqueCountsResult:
    """The different elements and their counts; NaN is never equal to NaN."""
    return UniqueCountsResult(*unique(x, return_counts=True, equal_nan=False))


@implements(np.unique_inverse)
def unique_inverse(x: Any) -> UniqueInverseResult:
    """The different elements and the places of all among them; NaN is never equal to NaN."""
    values, inverse = unique(x, return_inverse=True, equal_nan=False)
    return UniqueInverseResult(values, inverse.reshape(shape_of(operand(x))))


@implements(np.unique_values)
def unique_values(x: Any) -> Array:
    """The different elements."""
    return unique(x, equal_nan=False)


@implements(np.bincount)
def bincount(x: Any, /, weights: Any = None, minlength: int = 0) -> Array:
    """How often each integer occurs, or the sums of its weights."""
    try:
        places = indexing.plain(x, "numpy.bincount")
    except ConversionError:
        if not within(x, minlength):
            raise
        return _counted(x, weights, minlength)
    if weights is None:
        return np.bincount(places, minlength=minlength)
    amounts = operand(weights)
    if ndim_of(amounts) != 1 or shape_of(amounts) != np.shape(places):
        raise ValueError("The weights and list don't have the same length.")
    length = len(np.bincount(places, minlength=minlength))
    amounts = p.astype(amounts, dtype=np.dtype(float))
    return indexing.index_add(np.zeros(length), np.asarray(places), amounts)


def within(x: Any, minlength: int) -> bool:
    """Whether the integers of an array that is staged all count below `minlength`, so that there
    are as many results: programs take it for a Python condition, which they follow."""
    if dtype_of(x).kind not in "iu" or ndim_of(x) != 1 or minlength <= 0:
        return False
    if shape_of(x) == (0,):
        return True
    try:
        fit = p.logical_and(p.greater_equal(x, 0), p.less(x, minlength))
        return bool(p.all(fit, axes=(0,)))
    except ConversionError:  # no condition can be followed here
        return False


def _counted(x: Any, weights: Any, length: int) -> Array:
    """How often each of integers below a number occurs, or the sums of weights."""
    dtype = np.dtype(np.intp if weights is None else float)
    amounts = np.ones((), dtype) if weights is None else p.astype(operand(weights), dtype=dtype)
    if weights is not None and shape_of(amounts) != shape_of(x):
        raise ValueError("The weights and list don't have the same length.")
    if shape_of(x) == (0,):
        return np.zeros(length, np.intp)  # as NumPy has it, weights or not
    return indexing.index_add(np.zeros(length, dtype), x, amounts)
