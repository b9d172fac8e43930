"""Histograms, differentiable in their weights and, where the data span them, in their edges.

A count does not change with small changes of the data, so its derivative is zero; but edges
between the smallest and the largest element move with these.
"""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from functrans import primitives as p
from functrans.core.array import TracedArray
from functrans.core.errors import ConversionError, OperandError, user_line
from functrans.core.types import Array, dtype_of, shape_of, type_of
from functrans.numpy import calculus, creation, indexing, joining, reductions, shapes
from functrans.numpy.axes import ndim_of
from functrans.numpy.operands import flattened, operand, promoted
from functrans.numpy.reductions import cast
from functrans.numpy.registry import implements


@implements(np.histogram)
def histogram(
    a: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None
) -> tuple[Array, Array]:
    """The numbers of elements in bins, or the sums of their weights, and the edges."""
    x = operand(a)
    amounts = None if weights is None else operand(weights)
    if amounts is not None and shape_of(amounts) != shape_of(x):
        raise ValueError("weights should have the same shape as a.")
    x = _real_data(flattened(x))
    edges = histogram_bin_edges(x, bins, range, None if amounts is None else flattened(amounts))
    count = shape_of(edges)[0] - 1
    ans = _sums(_place(x, edges), None if amounts is None else flattened(amounts), count + 2)[1:-1]
    if density:
        widths = cast(calculus.diff(edges), float)
        ans = p.divide(p.divide(ans, widths), reductions.sum(ans))
    return ans, edges


@implements(np.histogram_bin_edges)
def histogram_bin_edges(a: Any, bins: Any = 10, range: Any = None, weights: Any = None) -> Array:
    """The edges of the bins of `histogram`."""
    if weights is not None and shape_of(operand(weights)) != shape_of(operand(a)):
        raise ValueError("weights should have the same shape as a.")
    x = _real_data(flattened(operand(a)))
    if isinstance(bins, str):
        if weights is not None:
            raise TypeError(
                "Automated estimation of the number of bins is not supported for weighted data"
            )
        ends = None if range is None else tuple(indexing.plain(end, "range") for end in range)
        known = indexing.plain(x, f"numpy.histogram(bins={bins!r})")
        bins = len(np.histogram_bin_edges(known, bins, ends)) - 1
    if np.ndim(bins) == 0:
        try:
            count = operator.index(bins)
        except ConversionError:
            raise
        except TypeError as error:
            raise TypeError("`bins` must be an integer, a string, or an array") from error
        if count < 1:
            raise ValueError("`bins` must be positive, when an integer")
        first, last = _ends(x, range)
        kind = np.result_type(*map(promoted, (first, last)), dtype_of(x))
        kind = kind if kind.kind in "fc" else np.dtype(float)
        return creation.linspace(first, last, count + 1, dtype=kind)
    edges = operand(bins)
    if ndim_of(edges) != 1:
        raise ValueError("`bins` must be 1d, when an array")
    if not isinstance(edges, TracedArray) and np.any(edges[:-1] > edges[1:]):
        raise ValueError("`bins` must increase monotonically, when an array")
    return edges


def _real_data(x: Array) -> Array:
    """Data to be counted: bools as integers, and no complex numbers, which have no order."""
    if dtype_of(x).kind == "c":
        raise OperandError(
            f"a histogram of complex numbers ({type_of(x)}), at {user_line()}: they have no order. "
            "Take one of their real parts (numpy.real(x)) or their sizes (numpy.abs(x))."
        )
    return cast(x, np.uint8) if dtype_of(x).kind == "b" else x


def _ends(x: Array, range: Any) -> tuple[Array, Array]:
    """The outer edges: given, or the extrema of the data; half a unit around a single value."""
    if range is not None:
        first, last = map(operand, range)
    elif 0 in shape_of(x):
        return 0.0, 1.0
    else:
        first, last = reductions.min(x), reductions.max(x)
    for end in (first, last):
        if not np.isfinite(0.0 if (known := indexing.known(end)) is None else known):
            raise ValueError(f"the range of the bins ends at {known}, which is not finite")
    if isinstance(first, TracedArray) or isinstance(last, TracedArray):
        same = p.equal(first, last)
        first, last = (p.astype(z, dtype=_floating(z)) for z in (first, last))
        return p.where(same, first - 0.5, first), p.where(same, last + 0.5, last)
    if first > last:
        raise ValueError("max must be larger than min in range parameter.")
    return (first - 0.5, last + 0.5) if first == last else (first, last)


def _floating(x: Array) -> np.dtype[Any]:
    return dtype_of(x) if dtype_of(x).kind == "f" else np.dtype(float)


def _place(x: Array, edges: Array) -> Array:
    """The bin of each element, from 1 on; 0 is below all, the number behind the last above."""
    place = p.searchsorted(edges, x, side="right")
    return p.subtract(place, p.astype(p.equal(x, edges[-1]), dtype=np.dtype(np.intp)))


def _sums(places: Array, weights: Array | None, count: int) -> Array:
    """How often each place occurs, or the sums of the weights there."""
    if weights is None:
        zeros, amounts = np.zeros(count, np.intp), np.intp(1)
    else:
        zeros, amounts = np.zeros(count, dtype_of(weights)), weights
    return indexing.index_add(zeros, places, amounts)


@implements(np.histogramdd)
def histogramdd(
    sample: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None
) -> tuple[Array, list[Array]]:
    """The numbers of points in boxes, or the sums of their weights, and the edges of each axis."""
    x = _real_data(operand(sample))
    if isinstance(sample, list | tuple) or ndim_of(x) != 2:
        x = shapes.transpose(shapes.atleast_2d(x))
    if ndim_of(x) != 2:
        raise ValueError(
            f"numpy.histogramdd: the sample has shape {shape_of(x)}; it holds a point a row, or is "
            "a list of coordinates"
        )
    amounts = None if weights is None else operand(weights)
    if amounts is not None and shape_of(amounts) != shape_of(x)[:1]:
        raise ValueError(
            f"numpy.histogramdd: weights has shape {shape_of(amounts)}; it holds a number for each "
            f"of {shape_of(x)[0]} points"
        )
    if amounts is not None and dtype_of(amounts).kind == "c":
        raise TypeError("numpy.histogramdd: weights must be real, got complex numbers")
    axes = shape_of(x)[1]
    scalar = not isinstance(bins, TracedArray) and np.ndim(bins) == 0
    of_axes = [bins] * axes if scalar else list(bins)
    if len(of_axes) != axes:
        raise ValueError("The dimension of bins must be equal to the dimension of the sample x.")
    ranges = [None] * axes if range is None else list(range)
    if len(ranges) != axes:
        raise ValueError("range argument must have one entry per dimension")
    columns = [x[:, i] for i in builtins_range(axes)]
    edges = [
        _axis_edges(column, n, ends)
        for column, n, ends in zip(columns, of_axes, ranges, strict=True)
    ]
    lengths = tuple(shape_of(e)[0] + 1 for e in edges)
    place: Any = np.intp(0)
    for column, edge, length in zip(columns, edges, lengths, strict=True):
        place = p.add(p.multiply(place, length), _place(column, edge))
    amounts = None if amounts is None else cast(amounts, float)
    ans = p.reshape(_sums(place, amounts, math.prod(lengths)), shape=lengths)
    ans = cast(ans, float)[(slice(1, -1),) * axes]
    if density:
        total = reductions.sum(ans)
        for i, edge in enumerate(edges):
            widths = calculus.diff(edge)
            shape = tuple(-1 if j == i else 1 for j in builtins_range(axes))
            ans = p.divide(ans, shapes.reshape(widths, shape))
        ans = p.divide(ans, total)
    return ans, edges


builtins_range = range  # `range` is also the name of an argument


def _axis_edges(x: Array, bins: Any, range: Any) -> Array:
    if isinstance(bins, TracedArray) or np.ndim(bins):
        return histogram_bin_edges(x, bins)
    if bins < 1:
        raise ValueError(f"`bins` must be positive, when an integer, got {bins}")
    return creation.linspace(*_ends(x, range), operator.index(bins) + 1)


@implements(np.histogram2d)
def histogram2d(
    x: Any, y: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None
) -> tuple[Array, Array, Array]:
    """The numbers of pairs in rectangles, or the sums of their weights, and the edges."""
    first, second = operand(x), operand(y)
    if shape_of(first) != shape_of(second):
        raise ValueError("x and y must have the same length.")
    if isinstance(bins, TracedArray) or (np.ndim(bins) == 1 and len(bins) not in (1, 2)):
        bins = [bins, bins]  # the same edges for both
    pair = joining.stack([first, second], 1)
    counts, edges = histogramdd(pair, bins, range, density, weights)
    return counts, edges[0], edges[1]
