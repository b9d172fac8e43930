"""NumPy's ways to write into an array, on traced arrays: ``ufunc.at``, ``copyto`` and their like.

A traced array can be written to; a plain ndarray cannot hold traced values, which is an error that
says how to make an array that can.
"""

from __future__ import annotations

import math
import operator
from typing import TYPE_CHECKING, Any

import numpy as np

from functrans import primitives as p
from functrans.core.array import TracedArray
from functrans.core.errors import user_line
from functrans.core.types import Array, Shape, dtype_of, shape_of, type_of
from functrans.numpy import views
from functrans.numpy.operands import contains_traced, flattened, operand
from functrans.numpy.options import clip_mode
from functrans.numpy.outputs import refuse_plain
from functrans.numpy.specimens import specimen

if TYPE_CHECKING:
    from collections.abc import Callable

    Function = Callable[..., Any]


def target(x: Any, name: str) -> TracedArray:
    """The array to write to."""
    if not isinstance(x, TracedArray):
        refuse_plain(name, x)
    return x


def copyto(dst: Any, src: Any, casting: Any = "same_kind", where: Any = True) -> None:
    """Write the elements of one array, where a mask holds, into another."""
    if dst is src:
        return  # not even of a read-only view is anything asked
    x, y = target(dst, "numpy.copyto"), operand(src)
    sample = specimen(y)  # NumPy says what it casts: of Python's numbers it asks their value
    np.copyto(np.empty(np.shape(sample), x.dtype), sample, casting)
    if where is not True:
        mask = _mask(where)
        y = p.to_assign(y, len(x.shape))
        y = p.where(mask, p.astype(y, dtype=x.dtype), x)
        if shape_of(y) != x.shape:
            raise ValueError(
                f"could not broadcast the source or the mask to the destination's shape {x.shape}"
            )
    views.write(x, ..., y)


def _mask(where: Any) -> Array:
    """Where to write: an array has to hold bools, all else is converted to them."""
    if not isinstance(where, np.ndarray | np.generic | TracedArray | list | tuple):
        return np.asarray(where, bool)
    mask = operand(where)
    if dtype_of(mask).kind == "b":
        return mask
    if isinstance(mask, TracedArray) or isinstance(where, np.ndarray | np.generic):
        raise TypeError(
            f"numpy.copyto: the mask `where` holds {dtype_of(mask)}, not bools, at {user_line()}"
        )
    return np.asarray(where, bool)


def _values(x: TracedArray, values: Any) -> Array:
    """Values to be written, in one axis: NumPy converts what is no array to the dtype of `x`."""
    if not (isinstance(values, np.ndarray | np.generic) or contains_traced(values)):
        return np.array(values, x.dtype).reshape(-1)
    return flattened(operand(values))


def putmask(a: Any, mask: Any, values: Any) -> None:
    """Write values where a mask holds, each at its own place of the flattened array."""
    x = target(a, "numpy.putmask")
    y = _values(x, values)
    mask = _of_size("putmask", mask, x)
    if not shape_of(y)[0]:
        return
    repeated = p.take(y, np.arange(x.size) % shape_of(y)[0], axis=0)
    new = p.reshape(repeated, shape=x.shape)
    views.write_all(x, p.where(operand(mask), p.astype(new, dtype=x.dtype), x))


def place(arr: Any, mask: Any, vals: Any) -> None:
    """Write values, one after the other, where a mask holds."""
    x = target(arr, "numpy.place")
    y = _values(x, vals)
    mask = _of_size("place", mask, x)
    if isinstance(mask, TracedArray) and shape_of(y) == (1,):
        views.write(x, mask, p.reshape(y, shape=()))
        return
    known = mask.concrete("numpy.place") if isinstance(mask, TracedArray) else np.asarray(mask)
    places = np.flatnonzero(known)
    if places.size and not shape_of(y)[0]:
        raise ValueError("Cannot insert from an empty array!")
    if places.size:
        put(x, places, p.take(y, np.arange(places.size) % shape_of(y)[0], axis=0))


def _of_size(name: str, mask: Any, x: TracedArray) -> Array:
    """A mask in the shape of the array, of which it has as many elements."""
    mask = operand(mask)
    if math.prod(shape_of(mask)) != x.size:
        raise ValueError(f"{name}: mask and data must be the same size")
    return mask if shape_of(mask) == x.shape else p.reshape(mask, shape=x.shape)


def put(a: Any, ind: Any, v: Any, mode: Any = "raise") -> None:
    """Write values at positions of the flattened array."""
    x, mode = target(a, "numpy.put"), clip_mode(mode)
    positions, y = flattened(whole_positions(ind)), _values(x, v)
    count = shape_of(positions)[0]
    if not count or not shape_of(y)[0]:
        return
    if not x.size:
        raise IndexError("cannot replace elements of an empty array")
    if mode == "clip":
        positions = p.minimum(p.maximum(positions, 0), x.size - 1)
    elif mode == "wrap":
        positions = p.remainder(positions, x.size)
    elif mode != "raise":
        raise ValueError(f"put: mode must be 'raise', 'wrap' or 'clip', got {mode!r}")
    if shape_of(y)[0] != count:
        y = p.take(y, np.arange(count) % shape_of(y)[0], axis=0)
    if not x.shape:
        views.write_all(x, p.reshape(p.setitem(flattened(x), positions, y), shape=x.shape))
        return
    views.write(x, _unravelled(positions, x.shape), y)


def whole_positions(ind: Any) -> Array:
    """Positions as NumPy takes them: numbers are cut to whole ones, arrays have to be whole
    already."""
    if isinstance(ind, str):
        return np.array(ind).astype(np.intp)
    positions = operand(ind)
    whole = np.dtype(np.intp)
    if np.can_cast(dtype_of(positions), whole, "safe"):
        return positions
    if isinstance(positions, TracedArray) or isinstance(ind, np.ndarray):
        raise TypeError(
            f"Cannot cast array data from {dtype_of(positions)!r} to {whole!r} according to the "
            "rule 'safe'"
        )
    return np.array(ind, whole)


def _unravelled(positions: Array, shape: Shape) -> tuple[Array, ...]:
    """The index in an array of this shape of positions in C order, which may be counted from the
    end: what is out of bounds is so along the first axis."""
    size = math.prod(shape)
    if dtype_of(positions).kind in "iub":
        positions = p.astype(positions, dtype=np.dtype(np.intp))
    if not isinstance(positions, TracedArray):
        wrong = positions[(positions < -size) | (positions >= size)]
        if wrong.size:
            raise IndexError(f"index {wrong[0]} is out of bounds for axis 0 with size {size}")
    index = []
    for n in shape[:0:-1]:
        index.append(p.remainder(positions, n))
        positions = p.floor_divide(positions, n)
    return (positions, *reversed(index))


def put_along_axis(arr: Any, indices: Any, values: Any, axis: Any = -1) -> None:
    """Write values at an array of positions along an axis, as `argsort` gives them."""
    x, y = target(arr, "numpy.put_along_axis"), operand(values)
    index = an_array("put_along_axis", indices)
    if axis is None:
        if len(shape_of(index)) != 1:
            raise ValueError("when axis=None, `indices` must have a single dimension.")
        put(x, index, y)
        return
    axis = int(np.lib.array_utils.normalize_axis_index(axis, x.ndim))
    views.write(x, p.along_axis(x.shape, index, axis), y)


def an_array(name: str, indices: Any) -> Array:
    """Positions along an axis, which NumPy takes from arrays only."""
    if not isinstance(indices, np.ndarray | np.generic | TracedArray):
        raise TypeError(
            f"numpy.{name}: the indices are a {type(indices).__name__}, not an array, at "
            f"{user_line()}"
        )
    return operand(indices)


def fill_diagonal(a: Any, val: Any, wrap: bool = False) -> None:
    """Write values on the main diagonal."""
    x = target(a, "numpy.fill_diagonal")
    if x.ndim < 2:
        raise ValueError("array must be at least 2-d")
    if x.ndim == 2:
        step = x.shape[1] + 1
        end = None if wrap else x.shape[1] * x.shape[1]
    else:
        if len(set(x.shape)) > 1:
            raise ValueError("All dimensions of input must be of equal length")
        step = 1 + int(np.cumprod(x.shape[:-1]).sum())
        end = None
    put(x, np.arange(x.size)[:end:step], val)


# Methods


def sort(
    x: TracedArray, axis: Any = -1, kind: Any = None, order: Any = None, **stable: Any
) -> None:
    """Sort the elements along an axis."""
    axis = operator.index(axis)  # not None, for which the function flattens
    views.write_all(x, np.sort(x, axis, kind, order, **stable))


def partition(
    x: TracedArray, kth: Any, axis: Any = -1, kind: Any = "introselect", order: Any = None
) -> None:
    """Reorder the elements along an axis so that the kth has its place."""
    axis = operator.index(axis)
    views.write_all(x, np.partition(x, kth, axis, kind, order))


def fill(x: TracedArray, value: Any) -> None:
    """Write one value everywhere."""
    y = operand(value)
    if shape_of(y) not in ((), (1,)):
        raise ValueError(f"fill takes a single value, got one of shape {shape_of(y)}")
    views.write(x, ..., y)


# ufunc.at


def at(ufunc: np.ufunc, name: str, call: Function, x: Any, indices: Any, *values: Any) -> None:
    """``ufunc.at``: an operation on elements at an index, once for each time that they occur."""
    x = target(x, f"{name}.at")
    if ufunc in (np.add, np.subtract):
        y = operand(values[0])
        _check_cast(ufunc, name, x, y)
        views.write(x, indices, p.negative(y) if ufunc is np.subtract else y, adds=True)
        return
    where = _places(x.shape, _known(indices, name))
    operands = [p.broadcast_to(operand(y), shape=where.shape) for y in values]
    places = np.unravel_index(where.reshape(-1), x.shape) if x.shape else ()
    operands = list(map(flattened, operands))
    for turn in _turns(where.reshape(-1)):
        index = tuple([axis[turn] for axis in places]) or (None,)  # of 0-d arrays one at a time
        new = call(p.getitem(x, index), *[p.getitem(y, turn) for y in operands])
        if not np.can_cast(dtype_of(new), x.dtype, "same_kind"):
            raise _uncastable(name, dtype_of(new), x.dtype)
        views.write(x, index, new)


def _places(shape: Shape, key: Any) -> Any:
    """The positions in C order of what an index takes of an array of this shape, at the cost of as
    many."""
    places = np.broadcast_to(np.intp(0), shape)[key]
    for axis, n in enumerate(shape):
        rows = np.arange(n).reshape((n,) + (1,) * (len(shape) - 1 - axis))
        places = places * n + np.broadcast_to(rows, shape)[key]
    return np.asarray(places)


def _check_cast(ufunc: np.ufunc, name: str, x: Array, y: Array) -> None:
    own = dtype_of(y) if not type_of(y).weak else type(y)
    result = ufunc.resolve_dtypes((x.dtype, own, None))[-1]
    if not np.can_cast(result, x.dtype, "same_kind"):
        raise _uncastable(name, result, x.dtype)


def _uncastable(name: str, given: Any, wanted: Any) -> TypeError:
    return TypeError(
        f"{name}.at: Cannot cast the result from {given!r} to {wanted!r} with casting rule "
        f"'same_kind', at {user_line()}"
    )


def _known(indices: Any, name: str) -> Any:
    if isinstance(indices, tuple):
        return tuple(_known(i, name) for i in indices)
    return indices.concrete(f"{name}.at") if isinstance(indices, TracedArray) else indices


def _turns(places: Any) -> list[Any]:
    """Positions in `places` such that no place occurs twice in one turn, in the order of NumPy."""
    order = np.argsort(places, kind="stable")
    ordered = places[order]
    first = np.ones(places.size, bool)
    first[1:] = ordered[1:] != ordered[:-1]
    starts = np.flatnonzero(first)
    counts = np.diff(np.r_[starts, places.size]).astype(int)
    nth = np.empty(places.size, int)
    nth[order] = np.arange(places.size) - np.repeat(starts, counts)
    return [np.flatnonzero(nth == k) for k in range(counts.max(initial=0))]
