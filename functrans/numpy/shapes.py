"""Functions that rearrange elements: reshape, transpose, broadcast, flip, roll, tile and repeat."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from functrans import primitives as p
from functrans.core.array import TracedArray, array_of_its_own, own_handle
from functrans.core.types import Array, Shape, shape_of
from functrans.numpy.axes import (
    a_shape,
    axis_slice,
    inserted_axes,
    ndim_of,
    one_axis,
    reduced_axes,
    several_axes,
    whole,
)
from functrans.numpy.operands import contains_traced, flattened, in_one_axis, operand, scalar
from functrans.numpy.options import checked_copy, checked_order, unsupported
from functrans.numpy.registry import implements


def full_shape(size: int, shape: Any) -> Shape:
    """A wanted shape with its -1, if any, worked out from the number of elements."""
    wanted = a_shape(shape)
    known = math.prod(n for n in wanted if n != -1)
    unknown = wanted.count(-1)
    if unknown == 1 and known and size % known == 0:
        return tuple(size // known if n == -1 else n for n in wanted)
    if unknown or known != size or any(n < 0 for n in wanted):
        shown = str(wanted).replace(" ", "")
        raise ValueError(f"cannot reshape array of size {size} into shape {shown}")
    return wanted


def as_array(x: Array) -> Array:
    """A value without axes as an array, where functions of NumPy give no scalar."""
    return array_of_its_own(p.reshape(p.reshape(x, shape=(1,)), shape=()))  # of a scalar it is none


@implements(np.reshape, views=True)
def reshape(
    a: Any,
    shape: Any = None,
    order: Any = "C",
    *,
    newshape: Any = None,
    copy: Any = None,
) -> Array:
    """The elements in another shape."""
    x = operand(a)
    own = shape_of(x)
    shape = shape if newshape is None else newshape
    wanted = own if shape is None else full_shape(math.prod(own), shape)
    if copy is not None:
        checked_copy(copy)
    if order in ("C", None):
        return x if wanted == own else p.reshape(x, shape=wanted)
    if order == "F":
        return transpose(p.reshape(transpose(x), shape=wanted[::-1]))
    if order != "A":
        raise ValueError(f"numpy.reshape: order must be one of 'C', 'F', or 'A', got {order!r}")
    raise unsupported(
        "reshape", f"order={order!r}", "the layout in memory is not known; take C or F"
    )


@implements(np.ravel, views=True)
def ravel(a: Any, order: Any = "C") -> Array:
    """All elements in one axis."""
    x = operand(a)
    checked_order(order)
    if order == "F":
        x = transpose(x)
    elif order not in ("C", None):
        raise unsupported(
            "ravel", f"order={order!r}", "the layout in memory is not known; take C or F"
        )
    return own_handle(x) if ndim_of(x) == 1 else flattened(x)  # of elements apart NumPy's is a copy


@implements(np.transpose, views=True)
def transpose(a: Any, axes: Any = None) -> Array:
    """The axes in another order; reversed if none is given."""
    x = operand(a)
    ndim = ndim_of(x)
    if axes is None:
        axes = tuple(range(ndim))[::-1]
    else:
        axes = several_axes(axes, ndim)
        if len(axes) != ndim:
            raise ValueError("axes don't match array")
    return x if axes == tuple(range(ndim)) else p.transpose(x, axes=axes)


@implements(np.matrix_transpose, views=True)
def matrix_transpose(x: Any, /) -> Array:
    """The last two axes exchanged."""
    x = operand(x)
    if ndim_of(x) < 2:
        raise ValueError(f"matrix_transpose needs at least 2 axes, got {ndim_of(x)}")
    return swapaxes(x, -1, -2)


@implements(np.swapaxes, views=True)
def swapaxes(a: Any, axis1: Any, axis2: Any) -> Array:
    """Two axes exchanged."""
    x = operand(a)
    axes = list(range(ndim_of(x)))
    i, j = one_axis(axis1, len(axes)), one_axis(axis2, len(axes))
    axes[i], axes[j] = axes[j], axes[i]
    return transpose(x, tuple(axes))


@implements(np.moveaxis, views=True)
def moveaxis(a: Any, source: Any, destination: Any) -> Array:
    """Axes moved to new places, the others kept in order."""
    x = operand(a)
    ndim = ndim_of(x)
    sources, destinations = several_axes(source, ndim), several_axes(destination, ndim)
    if len(sources) != len(destinations):
        raise ValueError(
            "`source` and `destination` arguments must have the same number of elements"
        )
    order = [n for n in range(ndim) if n not in sources]
    for place, axis in sorted(zip(destinations, sources, strict=True)):
        order.insert(place, axis)
    return transpose(x, tuple(order))


@implements(np.lib.stride_tricks.sliding_window_view, views=True)
def sliding_window_view(
    x: Any, window_shape: Any, axis: Any = None, *, subok: bool = False, writeable: bool = False
) -> Array:
    """All windows of a given shape, their own axes last."""
    if writeable:
        raise unsupported("lib.stride_tricks.sliding_window_view", "writeable=True")
    x = operand(x)
    ndim, window = ndim_of(x), a_shape(window_shape)
    axes = several_axes(range(ndim) if axis is None else axis, ndim, repeats=True)
    if len(window) != len(axes):
        raise ValueError(f"window_shape {window} has not one length for each of the axes {axes}")
    for axis, length in zip(axes, window, strict=True):
        count = shape_of(x)[axis] - length + 1
        if length < 0 or count < 1:
            raise ValueError(f"no window of length {length} fits into axis {axis} of the array")
        places = np.arange(count)[:, None] + np.arange(length)
        x = moveaxis(p.take(x, places, axis=axis), axis + 1, -1)
    return x


@implements(np.rollaxis, views=True)
def rollaxis(a: Any, axis: Any, start: int = 0) -> Array:
    """One axis moved back until it stands before `start`."""
    x = operand(a)
    ndim = ndim_of(x)
    axis = one_axis(axis, ndim)
    place = one_axis(whole(start), ndim + 1)
    return moveaxis(x, axis, place - 1 if axis < place else place)


@implements(np.squeeze, views=True)
def squeeze(a: Any, axis: Any = None) -> Array:
    """Axes of length 1 removed."""
    x = operand(a)
    shape = shape_of(x)
    if axis is None:
        axes: tuple[int, ...] = tuple(i for i, n in enumerate(shape) if n == 1)
    else:
        axes = reduced_axes(axis, len(shape))
        if any(shape[i] != 1 for i in axes):
            raise ValueError("cannot select an axis to squeeze out which has size not equal to one")
    return reshape(x, tuple(n for i, n in enumerate(shape) if i not in axes))


@implements(np.expand_dims, views=True)
def expand_dims(a: Any, axis: Any) -> Array:
    """Axes of length 1 inserted."""
    x = operand(a)
    shape = iter(shape_of(x))
    new = inserted_axes(axis, ndim_of(x))
    ndim = ndim_of(x) + len(new)
    return reshape(x, tuple(1 if i in new else next(shape) for i in range(ndim)))


@implements(np.atleast_1d, views=True)
def atleast_1d(*arys: Any) -> Any:
    """The arrays with an axis if they have none."""
    return _each(arys, lambda x: x if ndim_of(x) else reshape(x, (1,)))


@implements(np.atleast_2d, views=True)
def atleast_2d(*arys: Any) -> Any:
    """The arrays with axes put in front until there are two."""
    return _each(arys, lambda x: reshape(x, (1,) * (2 - ndim_of(x)) + shape_of(x)))


@implements(np.atleast_3d, views=True)
def atleast_3d(*arys: Any) -> Any:
    """The arrays with axes added around until there are three."""

    def enlarged(x: Array) -> Array:
        shape = shape_of(x)
        before, after = {0: (2, 1), 1: (1, 1), 2: (0, 1)}.get(len(shape), (0, 0))
        return reshape(x, (1,) * before + shape + (1,) * after)

    return _each(arys, enlarged)


def _each(arys: tuple[Any, ...], function: Any) -> Any:
    done = tuple(function(operand(x)) for x in arys)
    return done[0] if len(done) == 1 else done


@implements(np.broadcast_to, views=True)
def broadcast_to(array: Any, shape: Any, subok: bool = False) -> Array:
    """The array stretched to a shape."""
    x = operand(array)
    shape = a_shape(shape)
    if shape == shape_of(x):
        return x if shape else as_array(x)
    if np.broadcast_shapes(shape_of(x), shape) != shape:
        raise ValueError(f"an array of shape {shape_of(x)} cannot be broadcast to shape {shape}")
    return p.broadcast_to(x, shape=shape)


@implements(np.broadcast_arrays, views=True)
def broadcast_arrays(*args: Any, subok: bool = False) -> tuple[Array, ...]:
    """The arrays stretched to their common shape."""
    arrays = [operand(x) for x in args]
    shape = np.broadcast_shapes(*map(shape_of, arrays))
    return tuple(broadcast_to(x, shape) for x in arrays)


@implements(np.flip, views=True)
def flip(m: Any, axis: Any = None) -> Array:
    """The order along axes reversed."""
    x = operand(m)
    ndim = ndim_of(x)
    axes = tuple(range(ndim)) if axis is None else several_axes(axis, ndim)
    ans = p.flip(x, axes=axes)
    return ans if ndim else scalar(ans)


@implements(np.flipud, views=True)
def flipud(m: Any) -> Array:
    """The order along the first axis reversed."""
    return flip(m, 0)


@implements(np.fliplr, views=True)
def fliplr(m: Any) -> Array:
    """The order along the second axis reversed."""
    x = operand(m)
    if ndim_of(x) < 2:
        raise ValueError("Input must be >= 2-d.")
    return flip(x, 1)


@implements(np.rot90, views=True)
def rot90(m: Any, k: int = 1, axes: Any = (0, 1)) -> Array:
    """A plane turned by `k` right angles, from the first of its axes towards the second."""
    x = operand(m)
    plane = tuple(axes)
    if len(plane) != 2:
        raise ValueError("len(axes) must be 2.")
    first, second = several_axes(plane, ndim_of(x), repeats=True)
    if first == second:
        raise ValueError("Axes must be different.")
    turns = k % 4
    if turns == 2:
        return flip(x, (first, second))
    if turns == 1:
        return swapaxes(flip(x, second), first, second)
    return flip(swapaxes(x, first, second), second) if turns else x  # three, or any other part


@implements(np.roll)
def roll(a: Any, shift: Any, axis: Any = None) -> Array:
    """Elements moved along axes, those that leave at the end coming in at the start."""
    x = operand(a)
    shape = shape_of(x)
    if axis is None:
        if len(shape) != 1:
            return array_of_its_own(reshape(roll(flattened(x), shift, 0), shape))
        axis = 0
    if type(shift) is int and type(axis) is int:
        return _rolled(x, shift, one_axis(axis, len(shape)))
    axes = several_axes(axis, len(shape), repeats=True)
    shifts: Any = shift if contains_traced(shift) else np.asarray(shift)
    shifts = list(shifts) if np.iterable(shifts) else [shifts]
    if any(map(np.ndim, shifts)):
        raise ValueError("'shift' and 'axis' should be scalars or 1D sequences")
    for k, i in np.broadcast(range(len(shifts)), axes):
        s = shifts[k]
        x = _rolled(x, s if isinstance(s, TracedArray) else int(s), int(i))
    return x


def _rolled(x: Array, shift: Any, axis: int) -> Array:
    shape = shape_of(x)
    size = shape[axis]
    if size and isinstance(shift, TracedArray) and shift.dtype.kind in "iu":
        return p.take(x, p.subtract(np.arange(size), shift), axis=axis, mode="wrap")
    start = int(shift) % size if size else 0
    if start == 0:
        return x.copy()
    return p.roll(x, shift=start, axis=axis)


@implements(np.tile)
def tile(A: Any, reps: Any) -> Array:
    """The array repeated as a whole along each axis."""
    x = operand(A)
    counts = a_shape(reps)
    shape = (1,) * (len(counts) - ndim_of(x)) + shape_of(x)
    counts = (1,) * (len(shape) - len(counts)) + counts
    split = tuple(n for pair in zip((1,) * len(shape), shape, strict=True) for n in pair)
    stretched = tuple(n for pair in zip(counts, shape, strict=True) for n in pair)
    whole = tuple(r * n for r, n in zip(counts, shape, strict=True))
    return reshape(broadcast_to(reshape(x, split), stretched), whole)


@implements(np.repeat)
def repeat(a: Any, repeats: Any, axis: Any = None) -> Array:
    """Each element repeated on the spot."""
    x, axis = in_one_axis(operand(a), axis)
    shape = shape_of(x)
    if not issubclass(type(repeats), np.ndarray | np.generic | TracedArray):
        repeats = np.array(repeats, np.intp)  # cut to whole numbers, as NumPy does
    if np.ndim(repeats) == 0:
        count = operator.index(repeats)
        if count < 0:
            raise ValueError("repeats may not contain negative values.")
        stretched = broadcast_to(
            expand_dims(x, axis + 1), (*shape[: axis + 1], count, *shape[axis + 1 :])
        )
        return reshape(stretched, (*shape[:axis], shape[axis] * count, *shape[axis + 1 :]))
    counts = np.broadcast_to(np.asarray(repeats), (shape[axis],))
    return x[axis_slice(len(shape), axis, np.repeat(np.arange(shape[axis]), counts))]


@implements(np.resize)
def resize(a: Any, new_shape: Any) -> Array:
    """The elements, started over as often as needed, in another shape."""
    x = flattened(operand(a))
    shape = a_shape(new_shape)
    size, wanted = shape_of(x)[0], math.prod(shape)
    if any(n < 0 for n in shape):
        raise ValueError("all elements of `new_shape` must be non-negative")
    if size == 0 or wanted == 0:
        return np.zeros(shape, x.dtype)
    return reshape(tile(x, -(-wanted // size))[:wanted], shape)
