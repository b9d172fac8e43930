"""Axis and shape arguments in the one form that primitives take: non-negative, in tuples."""

from __future__ import annotations

import operator
from typing import Any

from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from functrans.core.array import TracedArray
from functrans.core.types import Array, Shape, shape_of


def one_axis(axis: Any, ndim: int) -> int:
    """A single axis, counted from the front."""
    return normalize_axis_index(operator.index(axis), ndim)


def whole(number: Any) -> int:
    """An integer, also one that is given as a float."""
    return int(number) if isinstance(number, float) else operator.index(number)


def true_axis(axis: Any) -> Any:
    """An axis as NumPy's compiled functions take it: not True for 1, and no list."""
    if isinstance(axis, bool | list):
        raise TypeError(f"an axis is an integer, not {axis!r}")
    return axis


def several_axes(axis: Any, ndim: int, *, repeats: bool = False) -> tuple[int, ...]:
    """A tuple of axes, counted from the front, in the given order."""
    if isinstance(axis, TracedArray):
        axis = operator.index(axis)  # whose error NumPy's function would swallow
    return normalize_axis_tuple(axis, ndim, allow_duplicate=repeats)


def reduced_axes(axis: Any, ndim: int, *, numbers: bool = True) -> tuple[int, ...]:
    """The axes that a reduction removes: all of them for None.

    A number has the axes 0 and -1, but not for functions that are no reductions of ufuncs in NumPy,
    of which the axes may stand in a list.
    """
    if axis is None:
        return tuple(range(ndim))
    if type(axis) is int and -ndim <= axis < ndim:
        return (axis if axis >= 0 else axis + ndim,)
    if numbers and is_of_number(axis, ndim):
        return ()
    return several_axes(true_axis(axis) if numbers else axis, ndim)


def is_of_number(axis: Any, ndim: int) -> bool:
    """Whether an axis is one that NumPy lets an array without axes have."""
    return ndim == 0 and axis in (0, -1)


def inserted_axes(axis: Any, ndim: int) -> tuple[int, ...]:
    """The places of new axes in the result, which they enlarge."""
    count = len(axis) if isinstance(axis, tuple | list) else 1
    return several_axes(axis, ndim + count)


def a_shape(shape: Any) -> Shape:
    """A shape given as an integer or a sequence of integers."""
    if isinstance(shape, tuple | list):
        return tuple(map(operator.index, shape))
    return (operator.index(shape),)


def axis_slice(ndim: int, axis: int, part: Any) -> tuple[Any, ...]:
    """The index that takes `part` of one axis and all of the others."""
    return (slice(None),) * axis + (part,) + (slice(None),) * (ndim - axis - 1)


def ndim_of(x: Array) -> int:
    """The rank of an array, traced array or Python number."""
    return len(shape_of(x))
