"""Quantiles and percentiles by every method of NumPy, with weights, and without NaN."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from functrans import primitives as p
from functrans.core.array import TracedArray
from functrans.core.types import Array, dtype_of, is_weak, shape_of
from functrans.numpy import indexing, nan_reductions, reductions, shapes
from functrans.numpy.axes import ndim_of
from functrans.numpy.operands import flattened, operand, scalar
from functrans.numpy.reductions import truth
from functrans.numpy.registry import implements
from functrans.numpy.statistics import last_axis, weights_of

if TYPE_CHECKING:
    from collections.abc import Callable

    Place = Callable[[Any, Any, Array], Array]


def _rounded(rounding: Callable[[Array], Array]) -> Place:
    return lambda count, end, q: rounding(p.multiply(q, end))


def _inverted_cdf(count: Any, end: Any, q: Array) -> Array:
    return p.ceil(p.subtract(p.multiply(count, q), 1))


def _closest_observation(count: Any, end: Any, q: Array) -> Array:
    """The nearest; of two that are as near the one whose number, counted from 1, is even."""
    place = p.subtract(p.multiply(count, q), 1.5)
    below = p.floor(place)
    stays = p.logical_and(p.equal(place, below), p.equal(p.remainder(below, 2), 1))
    return p.where(stays, below, p.add(below, 1))


_ELEMENTS: dict[str, Place] = {
    "lower": _rounded(p.floor),
    "higher": _rounded(p.ceil),
    "nearest": _rounded(p.rint),
    "inverted_cdf": _inverted_cdf,
    "closest_observation": _closest_observation,
}
"""The place among the sorted elements, by the methods that take one of these."""

_METHODS: dict[str, tuple[float, float]] = {
    "weibull": (0.0, 0.0),
    "hazen": (0.5, 0.5),
    "median_unbiased": (1 / 3, 1 / 3),
    "normal_unbiased": (3 / 8, 3 / 8),
    "interpolated_inverted_cdf": (0.0, 1.0),
    "averaged_inverted_cdf": (0.0, 1.0),
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
    fraction = _fraction(q)
    x, kept = _quantile_operand(a, axis, weights, method, fraction)
    last = ndim_of(x) - 1
    if weights is not None:
        ans, ordered = _weighted(x, _weights_beside(a, axis, weights), fraction)
        return _quantile_result(_nan_at_end(ans, ordered, fraction), x, fraction, kept, keepdims)
    ordered = p.sort(x, axis=last)
    ans = _between(fraction, shape_of(x)[last], method, lambda i: p.getitem(ordered, (..., i)))
    return _quantile_result(_nan_at_end(ans, ordered, fraction), x, fraction, kept, keepdims)


def _nan_at_end(ans: Array, ordered: Array, fraction: Array) -> Array:
    """NaN where there is one: it is sorted to the end, and value and derivative follow it."""
    if dtype_of(ordered).kind != "f":
        return ans
    end = ordered[..., -1]
    end = shapes.reshape(end, shape_of(end) + (1,) * ndim_of(fraction))
    return p.where(p.isnan(end), end, ans)


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
    fraction = _fraction(q)
    if 0 in shape_of(operand(a)):
        return nan_reductions.nanmean(a, axis, keepdims=truth(keepdims))
    x, kept = _quantile_operand(a, axis, weights, method, fraction)
    last = ndim_of(x) - 1
    if weights is not None:
        w = _weights_beside(a, axis, weights)
        ans, _ = _weighted(x, p.where(p.isnan(x), 0, w), fraction)
        return _quantile_result(ans, x, fraction, kept, keepdims)
    ordered = p.sort(x, axis=last)  # NaN is sorted to the end
    count = reductions.count_nonzero(p.logical_not(p.isnan(x)), last, keepdims=True)
    ans = _between(
        flattened(fraction), count, method, lambda i: indexing.take_along_axis(ordered, i, last)
    )
    ans = shapes.reshape(ans, shape_of(x)[:-1] + shape_of(fraction))
    return _quantile_result(ans, x, fraction, kept, keepdims)


def _weights_beside(a: Any, axis: Any, weights: Any) -> Array:
    """The weights in the shape of the array, the reduced axes in one, the last."""
    return last_axis(weights_of(operand(weights), operand(a), axis), axis)[0]


def _weighted(x: Array, w: Array, fraction: Array) -> tuple[Array, Array]:
    """The first elements up to which the share of the weights reaches the fractions.

    Also the sorted elements. The derivative by the weights is zero: they choose an element.
    """
    last = ndim_of(x) - 1
    order = p.argsort(x, axis=last)
    ordered = p.take_along_axis(x, order, axis=last, unique=True)
    shares = p.cumsum(
        reductions.cast(p.take_along_axis(w, order, axis=last, unique=True), float), axis=last
    )
    shares = p.divide(shares, shares[..., -1:])
    if not isinstance(shares, TracedArray) and np.isnan(shares[..., -1]).any():
        raise ValueError("Weights included NaN, inf or were all zero.")
    if dtype_of(x).kind == "f" or not issubclass(type(fraction), int | float):
        shares = reductions.cast(
            shares, dtype_of(x if issubclass(type(fraction), float) else fraction)
        )
    shares = p.where(p.equal(shares, 0), -1, shares)  # elements without weight do not come first
    below = p.less(shares[..., None], flattened(fraction))
    place = p.count_nonzero(below, axes=(last,))
    found = p.take_along_axis(ordered, p.minimum(place, shape_of(x)[last] - 1), axis=last)
    return p.reshape(found, shape=shape_of(x)[:-1] + shape_of(fraction)), ordered


def _quantile_operand(
    a: Any, axis: Any, weights: Any, method: str, fraction: Array
) -> tuple[Array, tuple[int, ...]]:
    if weights is not None and method != "inverted_cdf":
        raise ValueError("Only method 'inverted_cdf' supports weights.")
    if method not in (*_ELEMENTS, *_METHODS, "linear", "midpoint"):
        raise ValueError(f"{method!r} is not a valid method")
    x, kept = last_axis(operand(a), axis)
    if dtype_of(x).kind == "c":
        raise TypeError("a must be an array of real numbers")
    if dtype_of(x).kind in "biu" and not _takes_elements(method, fraction):
        if dtype_of(x).kind == "b" and weights is None:
            raise TypeError("quantiles of bools lie between none; convert them (x.astype(int))")
        x = p.astype(x, dtype=np.dtype(float))
    return x, kept


def _takes_elements(method: str, fraction: Array) -> bool:
    """Whether quantiles are elements themselves, so that integers stay what they are."""
    return method in _ELEMENTS or (method == "linear" and dtype_of(fraction).kind in "biu")


def _fraction(q: Any) -> Array:
    fraction = operand(q)
    outside = p.logical_not(p.logical_and(p.less_equal(0, fraction), p.less_equal(fraction, 1)))
    if not isinstance(outside, TracedArray) and np.any(outside):
        raise ValueError("Quantiles must be in the range [0, 1]")
    return fraction


def _between(q: Array, count: Any, method: str, element: Callable[[Array], Array]) -> Array:
    """The quantiles `q` of `count` sorted elements, of which ``element(i)`` takes some."""
    end = last = count - 1 if isinstance(count, int) else p.maximum(p.subtract(count, 1), 0)
    if not isinstance(count, int) and dtype_of(q).kind == "f":  # it does not widen float32
        count, end = (p.astype(n, dtype=dtype_of(q)) for n in (count, last))
    if method in _ELEMENTS:
        place = _ELEMENTS[method](count, end, q)
        return element(p.astype(p.maximum(place, 0), dtype=np.dtype(np.intp)))
    if _takes_elements(method, q):  # 0 or 1
        return element(p.multiply(q, end))
    unbounded = _virtual_index(count, end, q, method)
    place = p.minimum(p.maximum(unbounded, 0.0), end)
    # Rounding down decides between two neighbours; the weight of each stays differentiable in q.
    below = p.astype(p.floor(place), dtype=np.dtype(np.intp))
    above = p.minimum(p.add(below, 1), last)
    weight = p.subtract(place, p.floor(place))
    if method == "averaged_inverted_cdf":  # a step function, with the middle at its steps
        weight = p.where(p.equal(weight, 0), p.where(p.less(unbounded, 0), 0.0, 0.5), 1.0)
    low, high = element(below), element(above)
    gap = p.subtract(high, low)
    # From the nearer end, as NumPy does, so that both ends are exact.
    from_low = p.add(low, p.multiply(gap, weight))
    from_high = p.subtract(high, p.multiply(gap, p.subtract(1, weight)))
    return p.where(p.less(weight, 0.5), from_low, from_high)


def _quantile_result(
    ans: Array, x: Array, fraction: Array, kept: tuple[int, ...], keepdims: Any
) -> Array:
    """Quantiles with the axes of `q` in front; `kept`: the reduced axes come back as 1."""
    lanes, own = ndim_of(x) - 1, ndim_of(fraction)
    ans = shapes.moveaxis(ans, tuple(range(lanes, lanes + own)), tuple(range(own)))
    if is_weak(fraction):
        ans = reductions.cast(ans, dtype_of(x))  # a Python number does not widen float32
    return shapes.reshape(ans, shape_of(fraction) + kept) if truth(keepdims) else scalar(ans)


def _virtual_index(count: Any, end: Any, q: Array, method: str) -> Array:
    """The place of quantiles between sorted elements, a fraction counted from 0 to `end`."""
    if method == "linear":
        place = p.multiply(q, end)
    elif method == "midpoint":
        linear = p.multiply(q, end)
        place = p.multiply(0.5, p.add(p.floor(linear), p.ceil(linear)))
    else:
        alpha, beta = _METHODS[method]
        shift = p.add(alpha, p.multiply(q, 1 - alpha - beta))
        place = p.subtract(p.add(p.multiply(count, q), shift), 1)
    return place


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
    fraction = operand(q) / 100
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
    fraction = operand(q) / 100
    return nanquantile(a, fraction, axis, out, False, method, keepdims, weights=weights)
