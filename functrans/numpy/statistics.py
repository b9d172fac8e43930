"""Weighted means, order statistics, covariances and histograms of weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from functrans import primitives as p
from functrans.core.array import TracedArray
from functrans.core.errors import user_line
from functrans.core.types import Array, dtype_of, shape_of
from functrans.numpy import indexing, joining, reductions, shapes
from functrans.numpy.axes import axis_slice, ndim_of, reduced_axes
from functrans.numpy.operands import operand, scalar
from functrans.numpy.reductions import truth
from functrans.numpy.registry import implements

if TYPE_CHECKING:
    pass


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
    axis = None if axis is None else reduced_axes(axis, ndim_of(x), numbers=False)
    if weights is None:
        mean = reductions.mean(x, axis, keepdims=keepdims)
        total: Any = float(reductions.count_of(x, axis, False, True))
    else:
        w = weights_of(operand(weights), x, axis)
        total = reductions.sum(w, axis, keepdims=keepdims)
        if not isinstance(total, TracedArray) and np.any(total == 0.0):
            raise ZeroDivisionError("Weights sum to zero, can't be normalized")
        mean = p.divide(reductions.sum(p.multiply(x, w), axis, keepdims=keepdims), total)
    if not returned:
        return mean
    return mean, shapes.broadcast_to(reductions.cast(total, dtype_of(mean)), shape_of(mean))


def weights_of(w: Array, x: Array, axis: Any) -> Array:
    """The weights in the shape of the array."""
    if shape_of(w) == shape_of(x):
        return w
    if axis is None:
        raise TypeError("Axis must be specified when shapes of a and weights differ.")
    axes = reduced_axes(axis, ndim_of(x), numbers=False)
    if shape_of(w) != tuple(shape_of(x)[i] for i in axes):
        raise ValueError(
            "Shape of weights must be consistent with shape of a along specified axis."
        )
    order = sorted(range(len(axes)), key=axes.__getitem__)
    kept = tuple(n if i in axes else 1 for i, n in enumerate(shape_of(x)))
    return shapes.broadcast_to(shapes.reshape(shapes.transpose(w, order), kept), shape_of(x))


def last_axis(x: Array, axis: Any) -> tuple[Array, tuple[int, ...]]:
    """The array with the reduced axes in one, the last; and its shape with them kept as 1."""
    axes = reduced_axes(axis, ndim_of(x), numbers=False)
    kept = tuple(1 if i in axes else n for i, n in enumerate(shape_of(x)))
    others = tuple(i for i in range(ndim_of(x)) if i not in axes)
    x = shapes.transpose(x, others + axes)
    return shapes.reshape(
        x, (*shape_of(x)[: len(others)], -1) if 0 not in shape_of(x) else _flat_end(x, len(others))
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
    x, kept = last_axis(operand(a), axis)
    n = shape_of(x)[-1]
    if n == 0:
        return reductions.mean(operand(a), axis, keepdims=truth(keepdims))
    middle = slice((n - 1) // 2, n // 2 + 1)
    last = ndim_of(x) - 1
    ordered = p.sort(x, axis=last)
    ans = reductions.mean(ordered[axis_slice(last + 1, last, middle)], last)
    if dtype_of(x).kind in "fc":  # NaN is sorted to the end, and value and derivative follow it
        end = ordered[..., -1]
        ans = p.where(p.isnan(end), end, ans)
    return shapes.reshape(ans, kept) if truth(keepdims) else scalar(ans)


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
    if 0 in shape_of(x):
        return reductions.mean(x, axis, keepdims=truth(keepdims))
    x, kept = last_axis(x, axis)
    last = ndim_of(x) - 1
    ordered = p.sort(x, axis=last)
    count = reductions.count_nonzero(p.logical_not(p.isnan(x)), last, keepdims=True)
    places = [p.maximum(p.floor_divide(p.subtract(count, 1), 2), 0), p.floor_divide(count, 2)]
    places[1] = p.minimum(places[1], shape_of(x)[-1] - 1)
    low, high = (indexing.take_along_axis(ordered, i, last) for i in places)
    ans = p.multiply(0.5, p.add(low, high))
    ans = p.where(p.equal(p.remainder(count, 2), 1), low, ans)
    return shapes.reshape(ans, kept) if truth(keepdims) else scalar(shapes.squeeze(ans, last))


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
    for name, z in (("m", m), ("y", y)):
        if z is not None and ndim_of(operand(z)) > 2:
            raise ValueError(f"{name} has more than 2 dimensions")
    x = shapes.atleast_2d(operand(m))
    if not rowvar and ndim_of(operand(m)) != 1:
        x = shapes.transpose(x)
    if shape_of(x)[0] == 0:
        return np.zeros((0, 0))
    if y is not None:
        other = shapes.atleast_2d(operand(y))
        if not rowvar and shape_of(other)[0] != 1:
            other = shapes.transpose(other)
        x = joining.concatenate([x, other], 0)
    if ddof is not None and ddof != int(ddof):
        raise ValueError("ddof must be integer")
    if ddof is None:
        ddof = 1 if bias == 0 else 0  # None is not 0
    x = reductions.cast(x, np.result_type(dtype_of(x), np.float64) if dtype is None else dtype)
    if dtype_of(x).kind not in "fc":
        raise TypeError(
            f"numpy.cov(dtype={dtype_of(x)}): means are no whole numbers, at {user_line()}; take a "
            "floating-point dtype"
        )
    w: Any = None
    for name, weights in (("fweights", fweights), ("aweights", aweights)):
        if weights is not None:
            given = _observations(name, operand(weights), shape_of(x)[1])
            w = given if w is None else p.multiply(w, given)
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


def _observations(name: str, w: Array, count: int) -> Array:
    """The weights of observations: repetitions (``fweights``) or shares (``aweights``)."""
    if not ndim_of(w):
        raise IndexError(f"numpy.cov({name}=) takes an array, not a number, at {user_line()}")
    if ndim_of(w) > 1:
        raise RuntimeError(f"cannot handle multidimensional {name}")
    if shape_of(w)[0] != count:
        raise RuntimeError(f"incompatible numbers of samples and {name}")
    known = indexing.known(w)
    if known is not None and name == "fweights" and not np.all(known == np.around(known)):
        raise TypeError("fweights must be integer")
    if known is not None and np.any(known < 0):
        raise ValueError(f"{name} cannot be negative")
    return w


@implements(np.corrcoef)
def corrcoef(x: Any, y: Any = None, rowvar: bool = True, *, dtype: Any = None) -> Array:
    """The matrix of correlations of variables (rows) over observations (columns)."""
    c = cov(x, y, rowvar, dtype=dtype)
    if ndim_of(c) == 0:
        return p.divide(c, c)
    deviation = p.sqrt(p.real(indexing.diag(c)) if dtype_of(c).kind == "c" else indexing.diag(c))
    c = p.divide(p.divide(c, shapes.expand_dims(deviation, 1)), deviation)
    return c if dtype_of(c).kind == "c" else p.clip(c, -1.0, 1.0)
