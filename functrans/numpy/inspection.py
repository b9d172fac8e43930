"""What NumPy tells of an array besides its elements, and loops over the parts of an array."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.core.types import Array, Shape, shape_of
from functrans.numpy import joining, shapes
from functrans.numpy.axes import ndim_of, one_axis, several_axes
from functrans.numpy.operands import operand
from functrans.numpy.registry import implements

if TYPE_CHECKING:
    from collections.abc import Callable


@implements(np.shape)
def shape(a: Any) -> Shape:
    """The lengths of the axes."""
    return shape_of(operand(a))


@implements(np.ndim)
def ndim(a: Any) -> int:
    """The number of axes."""
    return ndim_of(operand(a))


@implements(np.size)
def size(a: Any, axis: Any = None) -> int:
    """The number of elements, in all or along axes."""
    lengths = shape_of(operand(a))
    if axis is None:
        return math.prod(lengths)
    return math.prod(lengths[i] for i in several_axes(axis, len(lengths)))


@implements(np.array_repr, np.array_str, np.array2string)
def text(a: Any, *args: Any, **kwargs: Any) -> str:
    """The text of a traced array."""
    return str(a)


@implements(np.apply_along_axis)
def apply_along_axis(
    func1d: Callable[..., Any], axis: Any, arr: Any, *args: Any, **kwargs: Any
) -> Array:
    """The results of a function of vectors, for each vector along an axis."""
    x = operand(arr)
    axis = one_axis(axis, ndim_of(x))
    lanes = shapes.moveaxis(x, axis, -1)
    lead = shape_of(lanes)[:-1]
    if 0 in lead:
        raise ValueError("Cannot apply_along_axis when any iteration dimensions are 0")
    flat = shapes.reshape(lanes, (math.prod(lead), shape_of(x)[axis]))
    results = joining.stack([func1d(lane, *args, **kwargs) for lane in flat])
    own = shape_of(results)[1:]
    ans = shapes.reshape(results, lead + own)
    places = tuple(range(len(lead), len(lead) + len(own)))
    return shapes.moveaxis(ans, places, tuple(range(axis, axis + len(own))))


@implements(np.apply_over_axes)
def apply_over_axes(func: Callable[..., Any], a: Any, axes: Any) -> Array:
    """An array reduced by a function over one axis after the other."""
    x = operand(a)
    rank = ndim_of(x)
    for axis in (axes,) if np.ndim(axes) == 0 else axes:
        axis = axis + rank if axis < 0 else axis
        reduced = func(x, axis)
        if ndim_of(reduced) != ndim_of(x):
            reduced = shapes.expand_dims(reduced, axis)
        if ndim_of(reduced) != ndim_of(x):
            raise ValueError("function is not returning an array of the correct shape")
        x = reduced
    return x
