"""``numpy.pad``: every mode is an index into the array, or a join with what stands beside it."""

from __future__ import annotations

from typing import Any

import numpy as np

from functrans import primitives as p
from functrans.core.types import Array, dtype_of, shape_of
from functrans.numpy import reductions, shapes, statistics as statistics_functions
from functrans.numpy.axes import axis_slice, ndim_of
from functrans.numpy.operands import operand
from functrans.numpy.options import unsupported
from functrans.numpy.registry import implements

Widths = list[tuple[int, int]]

_REPEATING = ("edge", "reflect", "symmetric", "wrap")
_STATISTICS: dict[str, Any] = {
    "maximum": reductions.max,
    "minimum": reductions.min,
    "mean": reductions.mean,
    "median": statistics_functions.median,
}


@implements(np.pad)
def pad(array: Any, pad_width: Any, mode: Any = "constant", **kwargs: Any) -> Array:
    """The array with elements put around it."""
    x = operand(array)
    if not shape_of(x):
        x = shapes.as_array(x)
    widths = pairs(pad_width, ndim_of(x), "pad_width")
    if any(n < 0 for pair in widths for n in pair):
        raise ValueError("index can't contain negative values")
    if mode == "constant":
        values = kwargs.pop("constant_values", 0)
        _no_more(kwargs, mode)
        return constant(x, widths, values)
    if mode == "empty":
        _no_more(kwargs, mode)
        return constant(x, widths, 0)
    if mode in ("reflect", "symmetric"):
        reflected = kwargs.pop("reflect_type", "even")
        _no_more(kwargs, mode)
        if reflected == "odd":
            return odd_reflections(x, widths, beside=mode == "reflect")
        if reflected != "even":
            raise ValueError(f"reflect_type must be 'even' or 'odd', got {reflected!r}")
    if mode in _REPEATING:
        _no_more(kwargs, mode)
        for axis, (before, after) in enumerate(widths):
            # NumPy pads the positions, and then one index does it.
            places = np.pad(np.arange(shape_of(x)[axis]), (before, after), mode)
            x = x[axis_slice(ndim_of(x), axis, places)] if before or after else x
        return x
    if mode == "linear_ramp":
        ends = kwargs.pop("end_values", 0)
        _no_more(kwargs, mode)
        return ramps(x, widths, ends)
    if mode in _STATISTICS:
        lengths = kwargs.pop("stat_length", None)
        _no_more(kwargs, mode)
        return statistics(x, widths, _STATISTICS[mode], lengths)
    if callable(mode):
        raise unsupported("pad", "mode=function", "join arrays by numpy.concatenate")
    raise ValueError(f"mode {mode!r} is not supported")


def _no_more(kwargs: dict[str, Any], mode: str) -> None:
    if kwargs:
        raise ValueError(f"unsupported keyword arguments for mode {mode!r}: {set(kwargs)}")


def pairs(given: Any, ndim: int, name: str) -> Widths:
    """A pair of integers for each axis."""
    if isinstance(given, dict):
        table: Any = np.zeros((ndim, 2), int)
        for axis, pair in given.items():
            table[axis] = pair
    else:
        table = np.asarray(given)
    if table.dtype.kind not in "iu" and table.size:
        raise TypeError(f"`{name}` must be of integral type.")
    return [(int(a), int(b)) for a, b in np.broadcast_to(table, (ndim, 2))]


def constant(x: Array, widths: Widths, values: Any) -> Array:
    """The array surrounded by given values, which may be traced."""
    if issubclass(type(values), int | float) and values == 0:
        return p.pad(x, widths=tuple(widths)) if any(map(any, widths)) else x
    table = shapes.broadcast_to(operand(values), (ndim_of(x), 2))
    return surrounded(x, widths, lambda x, axis: (table[axis, 0], table[axis, 1]))


def surrounded(x: Array, widths: Widths, sides: Any) -> Array:
    """The array with ``sides(x, axis)``, two arrays that broadcast, at the ends of each axis."""
    for axis, pair in enumerate(widths):
        if not any(pair):
            continue
        shape = shape_of(x)
        parts = [
            shapes.broadcast_to(
                _in_dtype(side, dtype_of(x)), (*shape[:axis], n, *shape[axis + 1 :])
            )
            for side, n in zip(sides(x, axis), pair, strict=True)
        ]
        x = p.concatenate(parts[0], x, parts[1], axis=axis)
    return x


def _in_dtype(side: Array, dtype: np.dtype[Any]) -> Array:
    if dtype_of(side) == dtype:
        return side
    if dtype.kind in "iu":  # NumPy rounds here
        side = p.rint(side)
    return p.astype(side, dtype=dtype)


def ramps(x: Array, widths: Widths, ends: Any) -> Array:
    """The array surrounded by straight lines from its edges to the end values."""
    table = shapes.broadcast_to(operand(ends), (ndim_of(x), 2))

    def sides(x: Array, axis: int) -> tuple[Array, Array]:
        size = shape_of(x)[axis]
        first, last = (x[axis_slice(ndim_of(x), axis, slice(i, i + 1))] for i in (0, size - 1))
        before, after = widths[axis]
        shape = tuple(-1 if i == axis else 1 for i in range(ndim_of(x)))
        rise = (np.arange(before) / max(before, 1)).reshape(shape)
        fall = (np.arange(1, after + 1) / max(after, 1)).reshape(shape)
        low, high = table[axis, 0], table[axis, 1]
        ramps = low + (first - low) * rise, last + (high - last) * fall
        return ramps if dtype_of(x).kind in "fc" else (p.floor(ramps[0]), p.floor(ramps[1]))

    return surrounded(x, widths, sides)


def odd_reflections(x: Array, widths: Widths, *, beside: bool) -> Array:
    """The array surrounded by its reflections in its ends; `beside`: an end is not repeated."""
    for axis, (before, after) in enumerate(widths):
        ndim, size = ndim_of(x), shape_of(x)[axis]
        if not size and (before or after):
            raise ValueError(f"can't extend empty axis {axis} using modes other than 'constant'")
        if size == 1 and beside:  # NumPy repeats a single element
            x = x[axis_slice(ndim, axis, np.zeros(before + 1 + after, int))]
            continue
        period = size - beside
        turns, places = np.divmod(np.arange(-before, size + after), period)
        # Every second turn runs backwards; each is as far above the last as the ends are apart.
        backwards = turns % 2 != 0
        places = np.where(backwards, period - 1 + beside - places, places)
        shape = tuple(-1 if i == axis else 1 for i in range(ndim))
        first, last = (x[axis_slice(ndim, axis, slice(i, i + 1))] for i in (0, size - 1))
        inner = x[axis_slice(ndim, axis, places)]
        # By point reflection x -> 2 * end - x, and by shifts of twice the distance of the ends.
        inner = p.where(backwards.reshape(shape), p.subtract(p.multiply(2, first), inner), inner)
        distance = p.subtract(last, first)
        steps = np.where(backwards, turns + 1, turns).reshape(shape)
        x = p.add(inner, p.multiply(distance, steps.astype(dtype_of(x))))
    return x


def statistics(x: Array, widths: Widths, statistic: Any, lengths: Any) -> Array:
    """The array surrounded by a statistic of its edges, `lengths` deep."""
    table = None if lengths is None else pairs(lengths, ndim_of(x), "stat_length")

    def sides(x: Array, axis: int) -> tuple[Array, Array]:
        size = shape_of(x)[axis]
        before, after = (size, size) if table is None else table[axis]
        first = x[axis_slice(ndim_of(x), axis, slice(0, min(before, size)))]
        last = x[axis_slice(ndim_of(x), axis, slice(size - min(after, size), size))]
        return statistic(first, axis, keepdims=True), statistic(last, axis, keepdims=True)

    return surrounded(x, widths, sides)
