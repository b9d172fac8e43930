"""Differences, gradients on grids, integrals, interpolation and convolution."""

from __future__ import annotations

from typing import Any

import numpy as np

from functrans import primitives as p
from functrans.core.types import Array, dtype_of, shape_of
from functrans.numpy import indexing, joining, reductions, shapes
from functrans.numpy.axes import axis_slice, ndim_of, one_axis, reduced_axes, true_axis
from functrans.numpy.operands import flattened, operand, scalar
from functrans.numpy.reductions import MISSING
from functrans.numpy.registry import implements


def _part(x: Array, axis: int, start: int | None, stop: int | None) -> Array:
    return x[axis_slice(ndim_of(x), axis, slice(start, stop))]


@implements(np.diff)
def diff(
    a: Any, n: int = 1, axis: Any = -1, prepend: Any = MISSING, append: Any = MISSING
) -> Array:
    """Differences of neighbours along an axis."""
    if n < 0:
        raise ValueError(f"order must be non-negative but got {n}")
    x = operand(a)
    if n == 0:
        return x
    if ndim_of(x) == 0:
        raise ValueError("diff requires input that is at least one dimensional")
    axis = one_axis(axis, ndim_of(x))
    parts = [_beside(prepend, x, axis), x, _beside(append, x, axis)]
    given = [part for part in parts if part is not None]
    x = joining.concatenate(given, axis) if len(given) > 1 else x
    for _ in range(n):
        high, low = _part(x, axis, 1, None), _part(x, axis, None, -1)
        x = p.not_equal(high, low) if dtype_of(x).kind == "b" else p.subtract(high, low)
    return x


def _beside(values: Any, x: Array, axis: int) -> Array | None:
    """What is joined to the array before taking differences."""
    if values is MISSING:
        return None
    values = operand(values)
    if ndim_of(values):
        return values
    shape = shape_of(x)
    return shapes.broadcast_to(values, (*shape[:axis], 1, *shape[axis + 1 :]))


def _no_bools(name: str, x: Array) -> None:
    if dtype_of(x).kind == "b":
        raise TypeError(f"numpy.{name}: bools are not subtracted; convert them (x.astype(int))")


@implements(np.ediff1d)
def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Array:
    """Differences of neighbours in the flattened array."""
    x = operand(ary)
    _no_bools("ediff1d", x)
    steps = diff(flattened(x))
    dtype = dtype_of(steps)
    parts = []
    for name, part in (("to_begin", to_begin), ("", steps), ("to_end", to_end)):
        if part is None:
            continue
        part = operand(part)
        if not np.can_cast(dtype_of(part), dtype, "same_kind"):
            raise TypeError(f"dtype of `{name}` must be compatible with input `ary`")
        parts.append(reductions.cast(flattened(part), dtype))
    return joining.concatenate(parts)


@implements(np.gradient)
def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    """Second-order differences inside an axis, first- or second-order ones at its ends."""
    x = operand(f)
    axes = reduced_axes(axis, ndim_of(x), numbers=False)
    if len(varargs) not in (0, 1, len(axes)):
        raise TypeError("invalid number of arguments")
    spacings = varargs or (1.0,)
    spacings = spacings * len(axes) if len(spacings) == 1 else spacings
    if edge_order > 2:
        raise ValueError("'edge_order' greater than 2 not supported")
    _no_bools("gradient", x)
    if dtype_of(x).kind in "iu":
        x = p.astype(x, dtype=np.dtype(float))
    ans = tuple(
        reductions.cast(_axis_gradient(x, operand(spacing), i, edge_order), dtype_of(x))
        for i, spacing in zip(axes, spacings, strict=True)
    )
    return ans[0] if len(ans) == 1 else ans


def _axis_gradient(x: Array, spacing: Array, axis: int, edge_order: int) -> Array:
    size = shape_of(x)[axis]
    if size < edge_order + 1:
        raise ValueError(
            "Shape of array too small to calculate a numerical gradient, at least (edge_order + 1) "
            "elements are required."
        )
    if ndim_of(spacing) == 1:
        if shape_of(spacing)[0] != size:
            raise ValueError(
                "when 1d, distances must match the length of the corresponding dimension"
            )
        steps = shapes.reshape(diff(spacing), (-1,) + (1,) * (ndim_of(x) - axis - 1))
    elif ndim_of(spacing) == 0:
        steps = shapes.broadcast_to(spacing, (size - 1,) + (1,) * (ndim_of(x) - axis - 1))
    else:
        raise ValueError("distances must be either scalars or 1d")
    slopes = p.divide(diff(x, axis=axis), steps)
    left, right = _part(slopes, axis, None, -1), _part(slopes, axis, 1, None)
    before, after = steps[:-1], steps[1:]
    width = p.add(before, after)
    # The slope of the parabola through three points, in the middle and at the ends.
    if ndim_of(spacing):
        middle = p.divide(p.add(p.multiply(after, left), p.multiply(before, right)), width)
    else:
        across = p.subtract(_part(x, axis, 2, None), _part(x, axis, None, -2))
        middle = p.divide(across, p.multiply(spacing, 2.0))
    first, last = _part(slopes, axis, 0, 1), _part(slopes, axis, size - 2, None)
    if edge_order != 1:
        bend = p.divide(p.subtract(right, left), width)
        first = p.subtract(first, p.multiply(steps[:1], _part(bend, axis, 0, 1)))
        last = p.add(last, p.multiply(steps[-1:], _part(bend, axis, size - 3, None)))
    return p.concatenate(first, middle, last, axis=axis)


@implements(np.trapezoid, getattr(np, "trapz", None))
def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: Any = -1) -> Array:
    """The integral by the trapezoidal rule."""
    values, given = operand(y), true_axis(axis)
    axis = one_axis(given, ndim_of(values))
    if x is None:
        steps = operand(dx)
    else:
        points = operand(x)
        if ndim_of(points) == 1:
            steps = shapes.reshape(diff(points), (-1,) + (1,) * (ndim_of(values) - axis - 1))
        else:
            steps = diff(points, axis=given)  # of points that may have other axes
    sums = p.add(_part(values, axis, 1, None), _part(values, axis, None, -1))
    return reductions.sum(p.divide(p.multiply(steps, sums), 2.0), given)


@implements(np.interp)
def interp(
    x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None
) -> Array:
    """Values of the polygon through given points, differentiable in all of them."""
    at, points = operand(x), operand(xp)
    for positions in (at, points):
        if not np.can_cast(dtype_of(positions), float, "safe"):
            raise TypeError(
                f"numpy.interp: the positions x and xp become float64, which {dtype_of(positions)} "
                "cannot be cast to"
            )
    at, points = (reductions.cast(z, float) for z in (at, points))
    values = operand(fp)
    values = reductions.cast(values, complex if dtype_of(values).kind == "c" else float)
    if ndim_of(points) != 1 or ndim_of(values) != 1:
        raise ValueError("Data points must be 1-D sequences")
    size = shape_of(points)[0]
    if size == 0:
        raise ValueError("array of sample points is empty")
    if shape_of(values)[0] != size:
        raise ValueError("fp and xp are not of the same length.")
    if period is not None:
        if period == 0:
            raise ValueError("period must be a non-zero value")
        period = abs(period)
        at, points = p.remainder(at, period), p.remainder(points, period)
        order = p.argsort(points, axis=0)
        points, values = p.getitem(points, order), p.getitem(values, order)
        points = joining.concatenate([points[-1:] - period, points, points[:1] + period])
        values = joining.concatenate([values[-1:], values, values[:1]])
        left = right = None
        size += 2
    for name, end in (("left", left), ("right", right)):
        if end is not None and (ndim_of(operand(end)) or not _fits(operand(end), values)):
            raise TypeError(f"numpy.interp({name}=) is a single number, real if those of fp are")
    low = values[0] if left is None else operand(left)
    high = values[-1] if right is None else operand(right)
    if size == 1:
        inside = shapes.broadcast_to(values[0], shape_of(at))
    else:
        # The right end is a knot too, of the last piece.
        knot = p.clip(p.subtract(p.searchsorted(points, at, side="right"), 1), 0, size - 1)
        piece = p.minimum(knot, size - 2)
        slope = p.divide(
            p.subtract(p.getitem(values, piece + 1), p.getitem(values, piece)),
            p.subtract(p.getitem(points, piece + 1), p.getitem(points, piece)),
        )
        distance = p.subtract(at, p.getitem(points, knot))
        start = p.getitem(values, knot)
        inside = p.add(p.multiply(slope, distance), start)
        numbers = indexing.known(slope, lanes=True)
        if numbers is None or not np.isfinite(numbers).all():
            # Beside infinity or NaN NumPy takes the knot itself, or comes from the other end.
            end = p.getitem(values, piece + 1)
            back = p.multiply(slope, p.subtract(at, p.getitem(points, piece + 1)))
            other = p.where(p.equal(start, end), start, p.add(back, end))
            other = p.where(p.equal(distance, 0), start, other)
            inside = p.where(p.isnan(inside), other, inside)
    ans = p.where(p.less(at, points[0]), low, p.where(p.greater(at, points[-1]), high, inside))
    return scalar(p.where(p.isnan(at), at, ans))


def _fits(end: Array, values: Array) -> bool:
    return dtype_of(end).kind != "c" or dtype_of(values).kind == "c"


@implements(np.convolve)
def convolve(a: Any, v: Any, mode: str = "full") -> Array:
    """The convolution of two vectors."""
    x, y = (_vector("convolve", shapes.atleast_1d(z)) for z in (a, v))
    if shape_of(y)[0] > shape_of(x)[0]:
        x, y = y, x
    if shape_of(y)[0] == 0:
        raise ValueError("v cannot be empty")
    return _sliding_products(x, y, mode)


@implements(np.correlate)
def correlate(a: Any, v: Any, mode: str = "valid") -> Array:
    """The sums of products of a vector with shifted copies of another, conjugated."""
    x, y = (_vector("correlate", operand(z)) for z in (a, v))
    if shape_of(x)[0] == 0 or shape_of(y)[0] == 0:
        raise ValueError("a and v cannot be empty")
    y = p.conjugate(y) if dtype_of(y).kind == "c" else y
    if shape_of(y)[0] > shape_of(x)[0]:
        return shapes.flip(_sliding_products(y, shapes.flip(x), mode))
    return _sliding_products(x, shapes.flip(y), mode)


def _vector(name: str, x: Array) -> Array:
    if ndim_of(x) != 1:
        raise ValueError(f"numpy.{name} takes vectors, not an array of {ndim_of(x)} axes")
    return x


_MODES = ("valid", "same", "full")
"""The modes of a convolution, in the order of their numbers."""


def _sliding_products(x: Array, y: Array, mode: Any) -> Array:
    """The convolution of a vector with one that is no longer."""
    n, m = shape_of(x)[0], shape_of(y)[0]
    mode = _MODES[mode] if mode in (0, 1, 2) else mode
    starts = {"full": (m - 1, n + m - 1), "same": (m // 2, n), "valid": (0, n - m + 1)}
    if mode not in starts:
        raise ValueError(f"mode must be 'full', 'same' or 'valid' (got {mode!r})")
    before, count = starts[mode]
    after = count + m - 1 - n - before
    padded = p.pad(x, widths=((before, after),))
    places = np.arange(count)[:, None] + np.arange(m)
    windows, factors = p.getitem(padded, places), shapes.flip(y)
    if not before and not after or not _may_be_infinite(y):
        return p.matmul(windows, factors)
    # What reaches beyond the vector is left out: infinity times its padding would be NaN.
    products = p.where((places >= before) & (places < before + n), windows * factors, 0)
    return reductions.cast(reductions.sum(products, 1), dtype_of(products))


def _may_be_infinite(y: Array) -> bool:
    """Whether an array holds infinity or NaN; in a graph its numbers are taken to be finite."""
    values = indexing.known(y, lanes=True) if dtype_of(y).kind in "fc" else None
    return values is not None and not np.isfinite(values).all()
