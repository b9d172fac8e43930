"""Quantiles, modes, counts, distances of all pairs, sets, and integrals over samples."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from functrans import primitives as p
from functrans.core.errors import ConversionError
from functrans.core.types import WEAK, dtype_of, shape_of
from functrans.numpy.sorting import bincount as counts_of, within
from functrans.torch import dtypes, return_types
from functrans.torch.derivative_free import derivative_free
from functrans.torch.engine import EngineArray
from functrans.torch.operands import (
    cast,
    dim_index,
    dim_tuple,
    floating,
    tensor_array,
    unwrap,
)
from functrans.torch.tensor import Tensor, wrap


def _known(x: Any, name: str) -> Any:
    """The plain values of an argument of a function that looks at them."""
    a = tensor_array(x, name)
    return np.asarray(a.concrete(name))


# Quantiles


def _quantile(name: str, function: Any) -> Any:
    def quantile(
        input: Tensor,
        q: Any,
        dim: int | None = None,
        keepdim: bool = False,
        *,
        interpolation: str = "linear",
    ) -> Tensor:
        a = tensor_array(input, name)
        if dtype_of(a).kind != "f":
            raise RuntimeError(f"{name}() input tensor must be either float or double dtype")
        if not math.prod(shape_of(a)):
            raise RuntimeError(f"{name}() input tensor must be non-empty")
        places = unwrap(q, name)
        if type(places) not in WEAK and dtype_of(places) != dtype_of(a):
            raise RuntimeError(f"{name}() q tensor must be same dtype as the input tensor")
        places = dtype_of(a).type(places) if type(places) in WEAK else places
        if dim is None and len(shape_of(a)) > 1 and not keepdim:
            a = p.reshape(a, shape=(math.prod(shape_of(a)),))
        axis = None if dim is None else dim_index(dim, len(shape_of(a)))
        if not shape_of(a):
            a, axis = p.reshape(a, shape=(1,)), 0
        ans = function(a, places, axis, method=interpolation, keepdims=keepdim)
        if not input.ndim:
            ans = p.reshape(ans, shape=shape_of(places))
        return wrap(ans)

    quantile.__name__ = quantile.__qualname__ = name
    quantile.__doc__ = f"As `numpy.{name}`, of all elements or along a dimension."
    return quantile


quantile = _quantile("quantile", np.quantile)
nanquantile = _quantile("nanquantile", np.nanquantile)


def nansum(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The sum of the elements that are numbers."""
    from functrans.torch.reductions import sum as total

    return total(_without_nan(input), dim, keepdim, dtype=dtype)


def _without_nan(input: Tensor) -> Tensor:
    a = tensor_array(input, "nansum")
    if dtype_of(a).kind not in "fc":
        return input
    return wrap(p.where(p.isnan(a), dtype_of(a).type(0), a))


def nanmean(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The mean of the elements that are numbers."""
    a = tensor_array(input, "nanmean")
    if dtype_of(a).kind not in "fc":
        raise RuntimeError("nanmean(): expected input to have floating point or complex dtype")
    axes = dim_tuple(dim, len(shape_of(a)))
    total = nansum(input, dim, keepdim, dtype=dtype).array
    numbers = p.astype(p.logical_not(p.isnan(a)), dtype=dtype_of(total))
    with np.errstate(all="ignore"):
        return wrap(p.divide(total, p.sum(numbers, axes=axes, keepdims=keepdim)))


def nanmedian(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
    """The lower median of the elements that are numbers, of all or along a dimension."""
    a = tensor_array(input, "nanmedian")
    if dim is None:
        from functrans.torch.reductions import median

        known = _known(input, "nanmedian")
        numbers = np.flatnonzero(known == known)
        n = math.prod(shape_of(a))
        return median(wrap(p.take(p.reshape(a, shape=(n,)), numbers)))
    from functrans.torch.reductions import _taken, argsort

    axis = dim_index(dim, len(shape_of(a)))
    if not shape_of(a):
        return return_types.nanmedian(wrap(p.positive(a)), wrap(np.zeros((), np.int64)))
    known = _known(input, "nanmedian")
    count = (
        (~np.isnan(known)).sum(axis, keepdims=True)
        if known.dtype.kind == "f"
        else (
            np.full([1 if i == axis else n for i, n in enumerate(known.shape)], known.shape[axis])
        )
    )
    order = argsort(input, dim).array.value  # NaN stand last
    where = np.take_along_axis(order, np.maximum(count - 1, 0) // 2, axis)
    return return_types.nanmedian(*_taken(a, where, axis, keepdim))


def mode(input: Tensor, dim: int = -1, keepdim: bool = False) -> Any:
    """The most frequent element along a dimension, the smallest of several, and where it stands."""
    from functrans.torch.reductions import _taken

    a = tensor_array(input, "mode")
    axis = dim_index(dim, len(shape_of(a)))
    if not shape_of(a):
        return return_types.mode(wrap(p.positive(a)), wrap(np.zeros((), np.int64)))
    known = np.moveaxis(_known(input, "mode"), axis, -1)
    if not known.shape[-1]:
        raise IndexError(f"mode(): Expected reduction dim {axis} to have non-zero size.")
    rows = known.reshape(-1, known.shape[-1])
    where = np.array([_mode_place(row) for row in rows]).reshape(known.shape[:-1])
    return return_types.mode(
        *_taken(a, np.expand_dims(where, axis).astype(np.int64), axis, keepdim)
    )


def _mode_place(row: Any) -> int:
    """Where the last of the most frequent elements of a row stands."""
    values, counts = np.unique(row, return_counts=True)
    value = values[np.argmax(counts)]
    same = np.isnan(row) if value != value else row == value
    return int(np.flatnonzero(same)[-1])


def aminmax(input: Tensor, *, dim: int | None = None, keepdim: bool = False) -> Any:
    """The smallest and the largest element; ties share the derivative."""
    from functrans.torch.reductions import amax, amin

    dims = () if dim is None else dim
    return return_types.aminmax(amin(input, dims, keepdim), amax(input, dims, keepdim))


# Counts


def bincount(input: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Tensor:
    """How often each number from 0 on occurs, or the sums of weights."""
    try:
        values = _known(input, "bincount")
    except ConversionError:
        staged = tensor_array(input, "bincount")
        if weights is not None or not within(staged, minlength):
            raise
        return wrap(counts_of(staged, minlength=minlength))
    if values.ndim != 1 or values.dtype.kind not in "iu" or (values < 0).any():
        raise RuntimeError("bincount only supports 1-d non-negative integral inputs.")
    if weights is None:
        return wrap(np.bincount(values, minlength=minlength))
    w = _known(weights, "bincount")
    counted = np.bincount(values, w, minlength)
    kind = np.float32 if w.dtype == np.float32 else np.float64
    return derivative_free("bincount", counted.astype(kind), weights)


def histc(input: Tensor, bins: int = 100, min: float = 0, max: float = 0) -> Tensor:
    """How many elements fall into each of equal bins; those outside are not counted."""
    values = _known(input, "histc")
    if values.dtype.kind != "f":
        raise RuntimeError(f'"histogram_cpu" not implemented for {values.dtype}')
    low, high = float(min), float(max)
    if low == high and values.size:
        low, high = float(values.min()), float(values.max())
    if low == high:
        low, high = low - 1, high + 1
    if not (math.isfinite(low) and math.isfinite(high)):
        raise RuntimeError(f"range of [{low}, {high}] is not finite")
    if low > high:
        raise RuntimeError("max must be larger than min")
    counted = np.histogram(values, bins, (low, high))[0]
    return wrap(counted.astype(values.dtype))


def histogram(
    input: Tensor,
    bins: Any,
    *,
    range: Any = None,
    weight: Tensor | None = None,
    density: bool = False,
) -> Any:
    """How many elements, or which weight, falls into each bin, and the edges of the bins."""
    values = _known(input, "histogram")
    if values.dtype.kind != "f":
        raise RuntimeError(f'"histogram_cpu" not implemented for {values.dtype}')
    edges = _known(bins, "histogram") if isinstance(bins, Tensor) else bins
    if range is None and isinstance(bins, int) and not values.size:
        range = (0.0, 1.0)
    w = None if weight is None else _known(weight, "histogram").reshape(-1)
    hist, edges = np.histogram(values, edges, range, density, w)
    return return_types.histogram(
        derivative_free("histogram", hist.astype(values.dtype), input, weight),
        derivative_free("histogram", edges.astype(values.dtype), input),
    )


def searchsorted(
    sorted_sequence: Tensor,
    input: Any,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
    sorter: Tensor | None = None,
) -> Tensor:
    """Where elements would stand in sequences that are in order along the last dimension."""
    if side == "left" and right:
        raise RuntimeError(
            "torch.searchsorted(): side and right can't be set to opposites, got side of left "
            "while right was True"
        )
    where: Any = "right" if right or side == "right" else "left"
    rows = _known(sorted_sequence, "searchsorted")
    values = _known(input, "searchsorted") if isinstance(input, Tensor) else np.asarray(input)
    if sorter is not None:
        rows = np.take_along_axis(rows, _known(sorter, "searchsorted"), -1)
    if rows.ndim == 1:
        found = np.searchsorted(rows, values, where)
    else:
        if values.ndim != rows.ndim or values.shape[:-1] != rows.shape[:-1]:
            raise RuntimeError(
                "torch.searchsorted(): boundaries tensor should be 1 dimension or the first N-1 "
                "dimensions of boundaries tensor and input value tensor must match, but we got "
                f"boundaries tensor {list(rows.shape)} and input value tensor {list(values.shape)}"
            )
        flat = rows.reshape(-1, rows.shape[-1]), values.reshape(-1, values.shape[-1])
        each = [np.searchsorted(r, v, where) for r, v in zip(*flat, strict=True)]
        found = np.reshape(each, values.shape)
    return wrap(np.asarray(found).astype(np.int32 if out_int32 else np.int64))


def bucketize(
    input: Any, boundaries: Tensor, *, out_int32: bool = False, right: bool = False
) -> Tensor:
    """The bucket between boundaries that each element falls into."""
    return searchsorted(boundaries, input, out_int32=out_int32, right=right)


# Sets


def unique(
    input: Tensor,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """The distinct elements, or entries of a dimension, in order."""
    values = _known(input, "unique")
    found = np.unique(values, return_inverse=True, return_counts=True, axis=dim, equal_nan=False)
    return _distinct("_unique2", input, found, return_inverse, return_counts)


def unique_consecutive(
    input: Tensor,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """The elements, or entries of a dimension, of which each differs from the one before it."""
    values = _known(input, "unique_consecutive")
    rows = values.reshape(-1) if dim is None else np.moveaxis(values, dim, 0)
    n = rows.shape[0]
    changed = np.ones(n, bool)
    if n > 1:
        changed[1:] = (rows[1:] != rows[:-1]).reshape(n - 1, -1).any(1)
    inverse = np.cumsum(changed) - 1
    kept = rows[changed] if dim is None else np.moveaxis(rows[changed], 0, dim)
    inverse = inverse.reshape(values.shape) if dim is None else inverse
    counts = np.diff(np.append(np.flatnonzero(changed), n))
    found = (kept, inverse, counts)
    return _distinct("unique_consecutive", input, found, return_inverse, return_counts)


def _distinct(name: str, input: Tensor, found: Any, inverse: bool, counts: bool) -> Any:
    values = derivative_free(name, found[0], input)
    more = [wrap(np.asarray(found[1]).astype(np.int64))] if inverse else []
    more += [wrap(np.asarray(found[2]).astype(np.int64))] if counts else []
    return (values, *more) if more else values


def isin(
    elements: Any, test_elements: Any, *, assume_unique: bool = False, invert: bool = False
) -> Tensor:
    """Which elements are among others."""
    a, b = (
        _known(x, "isin") if isinstance(x, Tensor) else np.asarray(x)
        for x in (elements, test_elements)
    )
    return wrap(np.isin(a, b, assume_unique, invert))


# Pairs


def cdist(x1: Tensor, x2: Tensor, p: float = 2.0, compute_mode: Any = None) -> Tensor:
    """The distances of all rows of one tensor from all rows of another."""
    from functrans.torch.pointwise import sub

    a, b = tensor_array(x1, "cdist"), tensor_array(x2, "cdist")
    for x in (a, b):
        if dtype_of(x).kind != "f":
            raise RuntimeError("cdist only supports floating-point dtypes")
        if len(shape_of(x)) < 2:
            raise RuntimeError("cdist only supports at least 2D tensors")
    if shape_of(a)[-1] != shape_of(b)[-1]:
        raise RuntimeError(
            f"X1 and X2 must have the same number of columns. X1: {shape_of(a)[-1]} X2: "
            f"{shape_of(b)[-1]}"
        )
    difference = sub(x1.unsqueeze(-2), x2.unsqueeze(-3))
    return wrap(np.linalg.vector_norm(difference.array, axis=-1, ord=p))


def renorm(input: Tensor, p: float, dim: int, maxnorm: float) -> Tensor:
    """The tensor with entries of a dimension shortened to a norm that they exceed."""
    a = tensor_array(input, "renorm")
    axis = dim_index(dim, len(shape_of(a)))
    others = tuple(i for i in range(len(shape_of(a))) if i != axis)
    norms = np.linalg.vector_norm(a, axis=others, ord=p, keepdims=True)
    return wrap(_scaled(a, norms, maxnorm))


def _scaled(a: Any, norms: Any, maxnorm: float) -> Any:
    kind = dtype_of(norms).type
    shorter = p.divide(kind(maxnorm), p.add(norms, kind(1e-7)))
    return p.multiply(a, p.where(p.greater(norms, maxnorm), shorter, kind(1)))


def cov(
    input: Tensor,
    *,
    correction: int = 1,
    fweights: Tensor | None = None,
    aweights: Tensor | None = None,
) -> Tensor:
    """The covariances of the rows."""
    a = floating(tensor_array(input, "cov"))
    if len(shape_of(a)) > 2:
        raise RuntimeError(
            f"cov(): expected input to have two or fewer dimensions but got an input with "
            f"{len(shape_of(a))} dimensions"
        )
    if len(shape_of(a)) < 2:
        row = p.reshape(a, shape=(1, math.prod(shape_of(a))))
        return wrap(p.reshape(_covariance(row, correction, fweights, aweights), shape=()))
    return wrap(_covariance(a, correction, fweights, aweights))


def _covariance(a: Any, correction: int, fweights: Any, aweights: Any) -> Any:
    """The covariances of the rows of a matrix."""
    kind, n = dtype_of(a), shape_of(a)[1]
    times = np.ones(n) if fweights is None else _known(fweights, "cov").astype(float)
    weights = times * (1.0 if aweights is None else _known(aweights, "cov"))
    total = weights.sum()
    squares = (weights * (1.0 if aweights is None else _known(aweights, "cov"))).sum()
    with np.errstate(all="ignore"):
        count = total - correction * (squares / total if aweights is not None else 1)
        w = weights.astype(kind)
        mean = p.divide(p.sum(p.multiply(a, w), axes=(1,), keepdims=True), kind.type(total))
        apart = p.subtract(a, mean)
        product = p.matmul(p.multiply(apart, w), p.transpose(p.conjugate(apart), axes=(1, 0)))
        return p.divide(product, kind.type(max(count, 0)))


def corrcoef(input: Tensor) -> Tensor:
    """The correlations of the rows."""
    a = floating(tensor_array(input, "corrcoef"))
    if len(shape_of(a)) > 2:
        raise RuntimeError(
            f"corrcoef(): expected input to have two or fewer dimensions but got an input with "
            f"{len(shape_of(a))} dimensions"
        )
    if len(shape_of(a)) < 2:
        c = cov(input).array
        return wrap(p.divide(c, c))
    c = _covariance(a, 1, None, None)
    n = shape_of(c)[0]
    size = p.sqrt(p.getitem(c, (np.arange(n), np.arange(n))))
    if dtype_of(size).kind == "c":
        size = p.real(size)
    with np.errstate(all="ignore"):
        scaled = p.divide(p.divide(c, p.reshape(size, shape=(n, 1))), size)
    if dtype_of(scaled).kind == "c":
        return wrap(scaled)
    return wrap(np.clip(scaled, -1, 1))


# Samples of functions


def trapezoid(y: Tensor, x: Any = None, *, dx: Any = 1, dim: int = -1) -> Tensor:
    """The integral over samples along a dimension, by trapezoids."""
    areas = _trapezoids(y, x, dx, dim)
    return areas.sum(dim)  # type: ignore[no-any-return]


trapz = trapezoid


def cumulative_trapezoid(y: Tensor, x: Any = None, *, dx: Any = 1, dim: int = -1) -> Tensor:
    """The running integral over samples along a dimension, by trapezoids."""
    return _trapezoids(y, x, dx, dim).cumsum(dim)  # type: ignore[no-any-return]


def _trapezoids(y: Tensor, x: Any, dx: Any, dim: int) -> Tensor:
    from functrans.torch.pointwise import add, div, mul
    from functrans.torch.shaping import diff, narrow

    n = y.shape[dim_index(dim, y.ndim)]
    if not n:
        return y
    pairs = add(narrow(y, dim, 1, n - 1), narrow(y, dim, 0, n - 1))
    if x is None:
        return div(mul(pairs, dx), 2)
    steps = diff(x, 1, dim if x.ndim == y.ndim else -1)
    if x.ndim == 1 and y.ndim > 1:
        steps = steps.reshape([-1 if i == dim_index(dim, y.ndim) else 1 for i in range(y.ndim)])
    return div(mul(pairs, steps), 2)


def gradient(
    input: Tensor, *, spacing: Any = 1, dim: Any = None, edge_order: Any = 1
) -> tuple[Tensor, ...]:
    """The derivative over samples along dimensions, by differences."""
    a = floating(tensor_array(input, "gradient"))
    axes = dim_tuple(dim, len(shape_of(a)))
    if isinstance(spacing, int | float):
        steps: Any = [spacing] * len(axes)
    else:
        steps = [_known(s, "gradient") if isinstance(s, Tensor) else s for s in spacing]
    found = np.gradient(a, *steps, axis=axes, edge_order=edge_order)
    return tuple(map(wrap, found if isinstance(found, tuple | list) else (found,)))


def vander(x: Tensor, N: int | None = None, increasing: bool = False) -> Tensor:
    """The powers of elements as the columns of a matrix."""
    a = tensor_array(x, "vander")
    if len(shape_of(a)) != 1:
        raise RuntimeError("x must be a one-dimensional tensor.")
    if dtype_of(a).kind in "biu":
        a = cast(a, np.dtype(np.int64))
    n = shape_of(a)[0] if N is None else N
    powers = np.arange(n) if increasing else np.arange(n)[::-1]
    columns = p.power(p.reshape(a, shape=(shape_of(a)[0], 1)), powers.astype(dtype_of(a)))
    return wrap(columns)


def window(name: str, function: Any) -> Any:
    """The maker of a window of `scipy`'s and NumPy's symmetric shapes."""

    def make(
        window_length: int,
        periodic: bool = True,
        *args: Any,
        dtype: Any = None,
        requires_grad: bool = False,
        **options: Any,
    ) -> Tensor:
        n = window_length + 1 if periodic and window_length > 1 else window_length
        values = function(n, *args)[:window_length]
        kind = (dtype or dtypes.get_default_dtype()).numpy
        return wrap(EngineArray(values.astype(kind))).requires_grad_(requires_grad)

    make.__name__ = make.__qualname__ = name
    make.__doc__ = "A window, to taper signals with."
    return make


hann_window = window("hann_window", np.hanning)
hamming_window = window("hamming_window", np.hamming)
blackman_window = window("blackman_window", np.blackman)
bartlett_window = window("bartlett_window", np.bartlett)
kaiser_window = window("kaiser_window", lambda n, beta=12.0: np.kaiser(n, beta))
