"""Joining and splitting arrays: concatenate, stack, split, append, insert and delete."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from functrans import primitives as p
from functrans.core.array import TracedArray
from functrans.core.types import Array, dtype_of, shape_of
from functrans.numpy import shapes
from functrans.numpy.axes import axis_slice, ndim_of, one_axis, true_axis, whole
from functrans.numpy.operands import contains_traced, converted_all, flattened, operand
from functrans.numpy.options import checked_casting
from functrans.numpy.registry import implements


@implements(np.concatenate)
def concatenate(
    arrays: Any,
    /,
    axis: Any = 0,
    out: Any = None,
    *,
    dtype: Any = None,
    casting: Any = "same_kind",
) -> Array:
    """Arrays joined along an axis that they have."""
    parts = converted_all(arrays)
    if not parts:
        raise ValueError("need at least one array to concatenate")
    if axis is None:
        parts, axis = [flattened(x) for x in parts], 0
    ranks = {ndim_of(x) for x in parts}
    if ranks == {0}:
        raise ValueError("zero-dimensional arrays cannot be concatenated")
    if type(axis) is not int:
        axis = true_axis(axis)
    if len(ranks) > 1:
        raise ValueError(
            "all the input arrays must have the same number of dimensions; got shapes "
            f"{[shape_of(x) for x in parts]}"
        )
    return p.concatenate(*_cast_all(parts, dtype, casting), axis=one_axis(axis, ranks.pop()))


def _cast_all(parts: list[Array], dtype: Any, casting: Any) -> list[Array]:
    if casting != "same_kind":
        checked_casting(casting)
    if dtype is None:
        return parts
    wanted = np.dtype(dtype)
    for x in parts:
        if not np.can_cast(dtype_of(x), wanted, casting):
            raise TypeError(
                f"cannot cast {dtype_of(x)} to {wanted} according to the rule {casting!r}"
            )
    return [x if dtype_of(x) == wanted else p.astype(x, dtype=wanted) for x in parts]


@implements(np.stack)
def stack(
    arrays: Any, axis: Any = 0, out: Any = None, *, dtype: Any = None, casting: Any = "same_kind"
) -> Array:
    """Arrays of one shape joined along a new axis."""
    parts = converted_all(arrays)
    if not parts:
        raise ValueError("need at least one array to stack")
    if len({shape_of(x) for x in parts}) > 1:
        raise ValueError(
            f"all input arrays must have the same shape; got {[shape_of(x) for x in parts]}"
        )
    axis = one_axis(axis, ndim_of(parts[0]) + 1)
    return p.stack(_cast_all(parts, dtype, casting), axis=axis)


@implements(np.vstack)
def vstack(tup: Any, *, dtype: Any = None, casting: Any = "same_kind") -> Array:
    """Arrays joined as rows."""
    parts = [shapes.atleast_2d(x) for x in converted_all(tup)]
    return concatenate(parts, 0, dtype=dtype, casting=casting)


@implements(np.hstack)
def hstack(tup: Any, *, dtype: Any = None, casting: Any = "same_kind") -> Array:
    """Arrays joined along the second axis, vectors along their only one."""
    parts = [shapes.atleast_1d(x) for x in converted_all(tup)]
    axis = 0 if parts and ndim_of(parts[0]) == 1 else 1
    return concatenate(parts, axis, dtype=dtype, casting=casting)


@implements(np.dstack)
def dstack(tup: Any) -> Array:
    """Arrays joined along the third axis."""
    return concatenate([shapes.atleast_3d(x) for x in converted_all(tup)], 2)


@implements(np.column_stack)
def column_stack(tup: Any) -> Array:
    """Arrays joined side by side, vectors as columns."""
    return concatenate(
        [x if ndim_of(x) > 1 else shapes.reshape(x, (-1, 1)) for x in converted_all(tup)], 1
    )


@implements(np.block)
def block(arrays: Any) -> Array:
    """An array put together from nested lists of blocks."""
    depth = _depth(arrays)
    rank = max(depth, _largest_rank(arrays))
    return _joined_blocks(arrays, rank, rank - depth)


def _depth(arrays: Any) -> int:
    return 1 + max(map(_depth, arrays), default=0) if isinstance(arrays, list) else 0


def _largest_rank(arrays: Any) -> int:
    if isinstance(arrays, list):
        return max(map(_largest_rank, arrays), default=0)
    return ndim_of(operand(arrays))


def _joined_blocks(arrays: Any, rank: int, axis: int) -> Array:
    if isinstance(arrays, list):
        if not arrays:
            raise ValueError("numpy.block: a list of blocks is empty")
        return concatenate([_joined_blocks(x, rank, axis + 1) for x in arrays], axis)
    x = operand(arrays)
    if axis != rank:
        raise ValueError("numpy.block: lists are nested to different depths")
    return shapes.reshape(x, (1,) * (rank - ndim_of(x)) + shape_of(x))


@implements(np.array_split, views=True)
def array_split(ary: Any, indices_or_sections: Any, axis: Any = 0) -> list[Array]:
    """Parts of an array along an axis, of nearly equal or given lengths."""
    x = operand(ary)
    axis = one_axis(axis, ndim_of(x))
    size = shape_of(x)[axis]
    if np.ndim(indices_or_sections):
        stops = [operator.index(i) for i in indices_or_sections]
        cuts = [0, *stops, size]
    else:
        sections = whole(indices_or_sections)
        if sections <= 0:
            raise ValueError("number sections must be larger than 0.")
        least, longer = divmod(size, sections)
        cuts = [i * least + min(i, longer) for i in range(sections + 1)]
    return [
        x[axis_slice(ndim_of(x), axis, slice(start, stop))]
        for start, stop in zip(cuts[:-1], cuts[1:], strict=True)
    ]


@implements(np.split, views=True)
def split(ary: Any, indices_or_sections: Any, axis: Any = 0) -> list[Array]:
    """Parts of an array along an axis, of equal or given lengths."""
    x = operand(ary)
    if np.ndim(indices_or_sections) == 0 and shape_of(x)[axis] % indices_or_sections:
        raise ValueError("array split does not result in an equal division")
    return array_split(x, indices_or_sections, axis)


@implements(np.vsplit, views=True)
def vsplit(ary: Any, indices_or_sections: Any) -> list[Array]:
    """Parts of an array along its first axis."""
    return _split_along("vsplit", ary, indices_or_sections, 0, 2)


@implements(np.hsplit, views=True)
def hsplit(ary: Any, indices_or_sections: Any) -> list[Array]:
    """Parts of an array along its second axis, of a vector along its only one."""
    x = operand(ary)
    return _split_along("hsplit", x, indices_or_sections, 1 if ndim_of(x) > 1 else 0, 1)


@implements(np.dsplit, views=True)
def dsplit(ary: Any, indices_or_sections: Any) -> list[Array]:
    """Parts of an array along its third axis."""
    return _split_along("dsplit", ary, indices_or_sections, 2, 3)


def _split_along(name: str, ary: Any, sections: Any, axis: int, least: int) -> list[Array]:
    x = operand(ary)
    if ndim_of(x) < least:
        raise ValueError(f"{name} only works on arrays of {least} or more dimensions")
    return split(x, sections, axis)


@implements(getattr(np, "unstack", None), views=True)
def unstack(x: Any, /, *, axis: Any = 0) -> tuple[Array, ...]:
    """The entries of an array along an axis."""
    x = operand(x)
    if ndim_of(x) == 0:
        raise ValueError("Input array must be at least 1-d.")
    return tuple(shapes.moveaxis(x, axis, 0))


@implements(np.append)
def append(arr: Any, values: Any, axis: Any = None) -> Array:
    """Values put behind an array."""
    return concatenate([operand(arr), operand(values)], axis)


@implements(np.delete)
def delete(arr: Any, obj: Any, axis: Any = None) -> Array:
    """An array without some positions of an axis."""
    x = operand(arr)
    if axis is None:
        x, axis = flattened(x), 0
    axis = one_axis(axis, ndim_of(x))
    if isinstance(obj, TracedArray):
        obj = obj.concrete("numpy.delete (its positions)")
    kept = np.delete(np.arange(shape_of(x)[axis]), obj)
    return x[axis_slice(ndim_of(x), axis, kept)]


@implements(np.insert)
def insert(arr: Any, obj: Any, values: Any, axis: Any = None) -> Array:
    """An array with values put in before some positions of an axis."""
    x = operand(arr)
    if axis is None:
        x, axis = flattened(x), 0
    axis = one_axis(axis, ndim_of(x))
    if isinstance(obj, TracedArray):
        obj = obj.concrete("numpy.insert (its positions)")
    ndim, size = ndim_of(x), shape_of(x)[axis]
    if not (isinstance(values, np.ndarray | np.generic) or contains_traced(values)):
        values = np.array(values, dtype_of(x))  # NumPy converts what is no array
    new = operand(values)
    if ndim_of(new) < ndim:
        new = shapes.reshape(new, (1,) * (ndim - ndim_of(new)) + shape_of(new))
    if not isinstance(obj, slice) and np.ndim(obj) == 0:
        new = shapes.moveaxis(new, 0, axis)  # NumPy reads the values as a part without this axis
    count = len(np.insert(np.zeros(size, int), obj, 0)) - size
    count = shape_of(new)[axis] if count == 1 else count
    shape = shape_of(x)
    new = shapes.broadcast_to(new, (*shape[:axis], count, *shape[axis + 1 :]))
    if dtype_of(new) != dtype_of(x):
        new = p.astype(new, dtype=dtype_of(x))
    # NumPy inserts the positions of new entries among those of the old, and one index does it.
    order = np.insert(np.arange(size), obj, size + np.arange(count))
    return concatenate([x, new], axis)[axis_slice(ndim, axis, order)]
