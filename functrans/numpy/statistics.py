"""Weighted means, order statistics, covariances and histograms of weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from functrans import primitives as p
from functrans.core.array import TracedArray
from functrans.core.types import Array, dtype_of, shape_of
from functrans.numpy import indexing, joining, reductions, shapes
from functrans.numpy.axes import axis_slice, ndim_of, reduced_axes
from functrans.numpy.operands import flattened, operand, promoted
from functrans.numpy.options import unsupported
from functrans.numpy.reductions import flag
from functrans.numpy.registry import implements

if TYPE_CHECKING:
    from collections.abc import Callable


@implements(np.average)
def average(
    a: Any,
    axis: Any = None,
    weights: Any = None,
    returned: bool = False,
    *,
    keepdims: Any = False,
) -> Any:
    """Weighted mean."""
    x = operand(a)
    if weights is None:
        mean = reductions.mean(x, axis, keepdims=keepdims)
        total: Any = float(reductions.count_of(x, axis, False, True))
    else:
        w = _weights(operand(weights), x, axis)
        total = reductions.sum(w, axis, keepdims=keepdims)
        if not isinstance(total, TracedArray) and np.any(total == 0.0):
            raise ZeroDivisionError("Weights sum to zero, can't be normalized")
        mean = p.divide(reductions.sum(p.multiply(x, w), axis, keepdims=keepdims), total)
    if not returned:
        return mean
    return mean, shapes.broadcast_to(reductions.cast(total, dtype_of(mean)), shape_of(mean))


def _weights(w: Array, x: Array, axis: Any) -> Array:
    """The weights in the shape of the array."""
    if shape_of(w) == shape_of(x):
        return w
    if axis is None:
        raise TypeError("Axis must be specified when shapes of a and weights differ.")
    axes = reduced_axes(axis, ndim_of(x))
    if shape_of(w) != tuple(shape_of(x)[i] for i in axes):
        raise ValueError(
            "Shape of weights must be consistent with shape of a along specified axis."
        )
    order = sorted(range(len(axes)), key=axes.__getitem__)
    kept = tuple(n if i in axes else 1 for i, n in enumerate(shape_of(x)))
    return shapes.broadcast_to(shapes.reshape(shapes.transpose(w, order), kept), shape_of(x))


def _last_axis(x: Array, axis: Any) -> tuple[Array, tuple[int, ...]]:
    """The array with the reduced axes in one, the last; and its shape with them kept as 1."""
    axes = reduced_axes(axis, ndim_of(x))
    kept = tuple(1 if i in axes else n for i, n in enumerate(shape_of(x)))
    others = tuple(i for i in range(ndim_of(x)) if i not in axes)
    x = shapes.transpose(x, others + axes)
    return shapes.reshape(
        x, (*shape_of(x)[: len(others)], -1) if x.size else _flat_end(x, len(others))
    ), kept


def _flat_end(x: Array, lead: int) -> tuple[int, ...]:
    return (*shape_of(x)[:lead], int(np.prod(shape_of(x)[lead:])))


@implements(np.median)
def median(
    a: Any,
    axis: Any = None,
    out: Any = None,
    overwrite_input: bool = False,
    keepdims: Any = False,
) -> Array:
    """The middle of the sorted elements, or the mean of the two in the middle."""
    x, kept = _last_axis(operand(a), axis)
    n = shape_of(x)[-1]
    if n == 0:
        return reductions.mean(operand(a), axis, keepdims=keepdims)
    middle = slice((n - 1) // 2, n // 2 + 1)
    last = ndim_of(x) - 1
    ordered = p.sort(x, axis=last)
    ans = reductions.mean(ordered[axis_slice(last + 1, last, middle)], last)
    if dtype_of(x).kind in "fc":  # NaN is sorted to the end, and value and derivative follow it
        end = ordered[..., -1]
        ans = p.where(p.isnan(end), end, ans)
    return shapes.reshape(ans, kept) if flag(keepdims) else ans


_ROUNDING: dict[str, Callable[[Array], Array]] = {
    "lower": p.floor,
    "higher": p.ceil,
    "nearest": p.rint,
}
"""The methods that take one of the elements themselves."""

_METHODS: dict[str, tuple[float, float]] = {
    "weibull": (0.0, 0.0),
    "hazen": (0.5, 0.5),
    "median_unbiased": (1 / 3, 1 / 3),
    "normal_unbiased": (3 / 8, 3 / 8),
    "interpolated_inverted_cdf": (0.0, 1.0),
}
"""The constants (alpha, beta) of the methods that interpolate: see :func:`numpy.quantile`."""


@implements(np.quantile)
def quantile(
    a: Any,
    q: Any,
    axis: Any = None,
    out: Any = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: Any = False,
    *,
    weights: Any = None,
) -> Array:
    """The elements below which given fractions of all lie."""
    x, kept = _quantile_operand("quantile", a, axis, out, weights, method)
    fraction = _fraction(q)
    last = ndim_of(x) - 1
    ordered = p.sort(x, axis=last)
    ans = _between(fraction, shape_of(x)[last], method, lambda i: p.getitem(ordered, (..., i)))
    if dtype_of(x).kind == "f":
        end = ordered[..., -1]  # NaN is sorted to the end, and value and derivative follow it
        end = shapes.reshape(end, shape_of(end) + (1,) * ndim_of(fraction))
        ans = p.where(p.isnan(end), end, ans)
    return _quantile_result(ans, x, fraction, kept if flag(keepdims) else None)


@implements(np.nanquantile)
def nanquantile(
    a: Any,
    q: Any,
    axis: Any = None,
    out: Any = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: Any = False,
    *,
    weights: Any = None,
) -> Array:
    """The elements below which given fractions of those that are no NaN lie."""
    x, kept = _quantile_operand("nanquantile", a, axis, out, weights, method)
    fraction = _fraction(q)
    last = ndim_of(x) - 1
    ordered = p.sort(x, axis=last)  # NaN is sorted to the end
    count = reductions.count_nonzero(p.logical_not(p.isnan(x)), last, keepdims=True)
    ans = _between(
        flattened(fraction), count, method, lambda i: indexing.take_along_axis(ordered, i, last)
    )
    ans = shapes.reshape(ans, shape_of(x)[:-1] + shape_of(fraction))
    return _quantile_result(ans, x, fraction, kept if flag(keepdims) else None)


def _quantile_operand(
    name: str, a: Any, axis: Any, out: Any, weights: Any, method: str
) -> tuple[Array, tuple[int, ...]]:
    if weights is not None:
        raise unsupported(name, "weights=")
    x, kept = _last_axis(operand(a), axis)
    if dtype_of(x).kind == "c":
        raise TypeError("a must be an array of real numbers")
    if dtype_of(x).kind in "biu" and method not in _ROUNDING:
        x = p.astype(x, dtype=np.dtype(float))
    return x, kept


def _fraction(q: Any) -> Array:
    fraction = operand(q)
    outside = p.logical_not(p.logical_and(p.less_equal(0, fraction), p.less_equal(fraction, 1)))
    if not isinstance(outside, TracedArray) and np.any(outside):
        raise ValueError("Quantiles must be in the range [0, 1]")
    return fraction


def _between(q: Array, count: Any, method: str, element: Callable[[Array], Array]) -> Array:
    """The quantiles `q` of `count` sorted elements, of which ``element(i)`` takes some."""
    end = count - 1 if isinstance(count, int) else p.maximum(p.subtract(count, 1), 0)
    if method in _ROUNDING:
        place = _ROUNDING[method](p.multiply(q, end))
        return element(p.astype(place, dtype=np.dtype(np.intp)))
    place = _virtual_index(count, end, q, method)
    # Rounding down decides between two neighbours; the weight of each stays differentiable in q.
    below = p.astype(p.floor(place), dtype=np.dtype(np.intp))
    above = p.minimum(p.add(below, 1), end)
    weight = p.subtract(place, p.floor(place))
    low, high = element(below), element(above)
    gap = p.subtract(high, low)
    # From the nearer end, as NumPy does, so that both ends are exact.
    from_low = p.add(low, p.multiply(gap, weight))
    from_high = p.subtract(high, p.multiply(gap, p.subtract(1, weight)))
    return p.where(p.equal(low, high), low, p.where(p.less(weight, 0.5), from_low, from_high))


def _quantile_result(ans: Array, x: Array, fraction: Array, kept: Any) -> Array:
    """Quantiles with the axes of `q` in front; `kept`: the reduced axes come back as 1."""
    lanes, own = ndim_of(x) - 1, ndim_of(fraction)
    ans = shapes.moveaxis(ans, tuple(range(lanes, lanes + own)), tuple(range(own)))
    if promoted(fraction) is fraction and not isinstance(fraction, np.ndarray):
        ans = reductions.cast(ans, dtype_of(x))  # a Python number does not widen float32
    return ans if kept is None else shapes.reshape(ans, shape_of(fraction) + kept)


def _virtual_index(count: Any, end: Any, q: Array, method: str) -> Array:
    """The place of quantiles between sorted elements, a fraction counted from 0 to `end`."""
    if method == "linear":
        place = p.multiply(q, end)
    elif method == "midpoint":
        linear = p.multiply(q, end)
        place = p.multiply(0.5, p.add(p.floor(linear), p.ceil(linear)))
    elif method in _METHODS:
        alpha, beta = _METHODS[method]
        shift = p.add(alpha, p.multiply(q, 1 - alpha - beta))
        place = p.subtract(p.add(p.multiply(count, q), shift), 1)
    else:
        raise unsupported("quantile", f"method={method!r}", "take one that interpolates")
    return p.minimum(p.maximum(place, 0.0), end)


@implements(np.percentile)
def percentile(
    a: Any,
    q: Any,
    axis: Any = None,
    out: Any = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: Any = False,
    *,
    weights: Any = None,
) -> Array:
    """The elements below which given percentages of all lie."""
    fraction = p.divide(operand(q), 100)
    return quantile(a, fraction, axis, out, False, method, keepdims, weights=weights)


@implements(np.nanpercentile)
def nanpercentile(
    a: Any,
    q: Any,
    axis: Any = None,
    out: Any = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: Any = False,
    *,
    weights: Any = None,
) -> Array:
    """The elements below which given percentages of those that are no NaN lie."""
    fraction = p.divide(operand(q), 100)
    return nanquantile(a, fraction, axis, out, False, method, keepdims, weights=weights)


@implements(np.nanmedian)
def nanmedian(
    a: Any,
    axis: Any = None,
    out: Any = None,
    overwrite_input: bool = False,
    keepdims: Any = False,
) -> Array:
    """The median of the elements that are no NaN."""
    x = operand(a)
    if dtype_of(x).kind not in "fc":
        return median(x, axis, keepdims=keepdims)
    x, kept = _last_axis(x, axis)
    last = ndim_of(x) - 1
    ordered = p.sort(x, axis=last)
    count = reductions.count_nonzero(p.logical_not(p.isnan(x)), last, keepdims=True)
    places = [p.maximum(p.floor_divide(p.subtract(count, 1), 2), 0), p.floor_divide(count, 2)]
    places[1] = p.minimum(places[1], shape_of(x)[-1] - 1)
    low, high = (indexing.take_along_axis(ordered, i, last) for i in places)
    ans = p.multiply(0.5, p.add(low, high))
    ans = p.where(p.equal(p.remainder(count, 2), 1), low, ans)
    return shapes.reshape(ans, kept) if flag(keepdims) else shapes.squeeze(ans, last)


@implements(np.cov)
def cov(
    m: Any,
    y: Any = None,
    rowvar: bool = True,
    bias: bool = False,
    ddof: int | None = None,
    fweights: Any = None,
    aweights: Any = None,
    *,
    dtype: Any = None,
) -> Array:
    """The matrix of covariances of variables (rows) over observations (columns)."""
    x = shapes.atleast_2d(operand(m))
    if not rowvar and ndim_of(operand(m)) != 1:
        x = shapes.transpose(x)
    if y is not None:
        other = shapes.atleast_2d(operand(y))
        if not rowvar and shape_of(other)[0] != 1:
            other = shapes.transpose(other)
        x = joining.concatenate([x, other], 0)
    if ddof is None:
        ddof = 0 if bias else 1
    x = reductions.cast(x, np.result_type(dtype_of(x), np.float64) if dtype is None else dtype)
    w: Any = None
    for weights in (fweights, aweights):
        if weights is not None:
            w = operand(weights) if w is None else p.multiply(w, operand(weights))
    if w is None:
        total: Any = float(shape_of(x)[1])
        freedom: Any = max(total - ddof, 0.0)
    else:
        total = reductions.sum(w)
        freedom = total
        if ddof:
            freedom = total - ddof
            if aweights is not None:
                freedom = total - ddof * reductions.sum(p.multiply(w, operand(aweights))) / total
    mean = average(x, 1, w, keepdims=True)
    distance = p.subtract(x, mean)
    weighted = distance if w is None else p.multiply(distance, w)
    turned = shapes.transpose(p.conjugate(weighted) if dtype_of(x).kind == "c" else weighted)
    return shapes.squeeze(p.divide(p.matmul(distance, turned), freedom))


@implements(np.corrcoef)
def corrcoef(x: Any, y: Any = None, rowvar: bool = True, *, dtype: Any = None) -> Array:
    """The matrix of correlations of variables (rows) over observations (columns)."""
    c = cov(x, y, rowvar, dtype=dtype)
    if ndim_of(c) == 0:
        return p.divide(c, c)
    deviation = p.sqrt(p.real(indexing.diag(c)) if dtype_of(c).kind == "c" else indexing.diag(c))
    c = p.divide(p.divide(c, shapes.expand_dims(deviation, 1)), deviation)
    return c if dtype_of(c).kind == "c" else p.clip(c, -1.0, 1.0)


@implements(np.histogram)
def histogram(
    a: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None
) -> Any:
    """The numbers of elements in bins, or the sums of their weights."""
    values = flattened(operand(a))
    known = np.asarray(indexing.plain(values, "numpy.histogram"))
    counts, edges = np.histogram(known, bins, range)
    if weights is not None:
        w = flattened(operand(weights))
        inside = (known >= edges[0]) & (known <= edges[-1])
        place = np.clip(np.searchsorted(edges, known[inside], "right") - 1, 0, len(edges) - 2)
        zeros = np.zeros(len(edges) - 1, dtype_of(w))
        counts = indexing.index_add(zeros, place, w[np.flatnonzero(inside)])
    if density:
        counts = p.divide(p.divide(counts, np.diff(edges)), reductions.sum(counts))
    return counts, edges
