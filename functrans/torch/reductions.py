"""Sums, means, extremes and their like over dimensions, cumulative functions, sorting."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from functrans import primitives as p
from functrans.core.types import dtype_of, shape_of
from functrans.torch import dtypes, return_types
from functrans.torch.operands import (
    cast,
    dim_index,
    dim_tuple,
    floating,
    promoted,
    tensor_array,
)
from functrans.torch.outputs import written_to
from functrans.torch.tensor import Tensor, wrap


def _named(tensor: Tensor, name: str) -> Tensor:
    """The result under the name that PyTorch gives its node."""
    index = tensor.index
    if index is not None:
        index.node.name = name
    return tensor


def _typed(a: Any, dtype: Any) -> Any:
    return a if dtype is None else cast(a, dtypes.to_numpy(dtype))


def _summand(a: Any, dtype: Any) -> Any:
    """Integers are summed in 64 bits."""
    if dtype is None and dtype_of(a).kind in "biu":
        return cast(a, np.dtype(np.int64))
    return _typed(a, dtype)


def sum(
    input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None, out: Any = None
) -> Tensor:
    """The sum of the elements."""
    if out is not None:
        return written_to("sum", sum(input, dim, keepdim, dtype=dtype), out)  # type: ignore[no-any-return]
    a = tensor_array(input, "sum")
    if dtype is not None or a.dtype.kind in "biu":
        a = _summand(a, dtype)
    ans = wrap(p.sum(a, axes=dim_tuple(dim, len(a.shape)), keepdims=keepdim))
    return ans if dim is None else _named(ans, "SumBackward1")


def mean(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The mean of the elements."""
    a = _typed(tensor_array(input, "mean"), dtype)
    if dtype_of(a).kind not in "fc":
        raise RuntimeError(
            "mean(): could not infer output dtype. Input dtype must be either a floating point or "
            f"complex dtype. Got: {dtypes.of_numpy(dtype_of(a))}"
        )
    ans = p.mean(a, axes=dim_tuple(dim, len(a.shape)), keepdims=keepdim)
    return _named(wrap(ans), "MeanBackward1" if dim is not None else "MeanBackward0")


def prod(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The product of the elements."""
    a = _summand(tensor_array(input, "prod"), dtype)
    ans = wrap(p.prod(a, axes=dim_tuple(dim, len(a.shape)), keepdims=keepdim))
    return ans if dim is None else _named(ans, "ProdBackward1")


def var(
    input: Tensor,
    dim: Any = None,
    unbiased: bool = True,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> Tensor:
    """The variance, divided by the count less `correction` (1 unless `unbiased` is False)."""
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    less = (1 if unbiased else 0) if correction is None else correction
    a = floating(tensor_array(input, "var"))
    axis = dim_tuple(dim, len(a.shape))
    with np.errstate(all="ignore"):
        return _named(wrap(np.var(a, axis, ddof=less, keepdims=keepdim)), "VarBackward0")


def std(
    input: Tensor,
    dim: Any = None,
    unbiased: bool = True,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> Tensor:
    """The standard deviation."""
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    less = (1 if unbiased else 0) if correction is None else correction
    a = floating(tensor_array(input, "std"))
    axis = dim_tuple(dim, len(a.shape))
    with np.errstate(all="ignore"):
        return _named(wrap(np.std(a, axis, ddof=less, keepdims=keepdim)), "StdBackward0")


def var_mean(input: Tensor, dim: Any = None, **options: Any) -> tuple[Tensor, Tensor]:
    """Variance and mean."""
    keepdim = options.get("keepdim", False)
    return var(input, dim, **options), mean(input, dim, keepdim)


def std_mean(input: Tensor, dim: Any = None, **options: Any) -> tuple[Tensor, Tensor]:
    """Standard deviation and mean."""
    keepdim = options.get("keepdim", False)
    return std(input, dim, **options), mean(input, dim, keepdim)


def logsumexp(input: Tensor, dim: Any, keepdim: bool = False) -> Tensor:
    """The logarithm of the sum of exponentials."""
    a = floating(tensor_array(input, "logsumexp"))
    return wrap(p.logsumexp(a, axes=dim_tuple(dim, len(a.shape)), keepdims=keepdim))


def softmax(input: Tensor, dim: int, dtype: Any = None) -> Tensor:
    """Exponentials, divided by their sum along a dimension."""
    a = floating(_typed(tensor_array(input, "softmax"), dtype))
    ans = p.softmax(a, axes=(dim_index(dim, len(a.shape)),)) if a.shape else p.exp(p.subtract(a, a))
    return _named(wrap(ans), "SoftmaxBackward0")


def log_softmax(input: Tensor, dim: int, dtype: Any = None) -> Tensor:
    """The logarithm of `softmax`."""
    a = floating(_typed(tensor_array(input, "log_softmax"), dtype))
    axes = (dim_index(dim, len(a.shape)),) if a.shape else ()
    return _named(wrap(p.log_softmax(a, axes=axes)), "LogSoftmaxBackward0")


def all(input: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    """Whether all elements are nonzero."""
    a = tensor_array(input, "all")
    return _truth(p.all(a, axes=dim_tuple(dim, len(a.shape)), keepdims=keepdim), a)


def _truth(ans: Any, a: Any) -> Tensor:
    """A truth; of bytes, PyTorch's old truths, it is a byte as well."""
    return wrap(cast(ans, dtype_of(a)) if dtype_of(a) == np.uint8 else ans)


def any(input: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    """Whether some element is nonzero."""
    a = tensor_array(input, "any")
    return _truth(p.any(a, axes=dim_tuple(dim, len(a.shape)), keepdims=keepdim), a)


def count_nonzero(input: Tensor, dim: Any = None) -> Tensor:
    """The number of nonzero elements."""
    a = tensor_array(input, "count_nonzero")
    return wrap(p.count_nonzero(a, axes=dim_tuple(dim, len(a.shape))))


# Extremes


def amax(input: Tensor, dim: Any = (), keepdim: bool = False) -> Tensor:
    """The largest element; ties share the derivative."""
    a = tensor_array(input, "amax")
    return wrap(p.max(a, axes=dim_tuple(dim, len(a.shape)), keepdims=keepdim))


def amin(input: Tensor, dim: Any = (), keepdim: bool = False) -> Tensor:
    """The smallest element; ties share the derivative."""
    a = tensor_array(input, "amin")
    return wrap(p.min(a, axes=dim_tuple(dim, len(a.shape)), keepdims=keepdim))


def _extreme(name: str, whole: Any, pair: Any, positions: Any, result: Any) -> Any:
    def extreme(input: Tensor, dim: Any = None, keepdim: bool = False, **options: Any) -> Any:
        dim = options.pop("other", dim)
        if isinstance(dim, Tensor):
            a, b = promoted(tensor_array(input, name), dim.array)
            return wrap(pair(a, b))
        a = tensor_array(input, name)
        if dim is None:
            if not math.prod(a.shape):
                raise RuntimeError(
                    f"{name}(): Expected reduction dim to be specified for input.numel() == 0. "
                    "Specify the reduction dim with the 'dim' argument."
                )
            return _named(
                wrap(whole(a, axes=tuple(range(len(a.shape))))), f"{name.title()}Backward1"
            )
        axis = dim_index(dim, len(a.shape))
        if not a.shape:
            return result(wrap(p.positive(a)), wrap(np.zeros((), np.int64)))
        where = positions(a, axis)
        return result(*_taken(a, where, axis, keepdim))

    extreme.__name__ = extreme.__qualname__ = name
    extreme.__doc__ = (
        f"The {name}imum of all elements (ties share the derivative), along a dimension as a pair "
        "(values, indices), or of two tensors."
    )
    return extreme


def _taken(a: Any, where: Any, axis: int, keepdim: bool) -> tuple[Tensor, Tensor]:
    """The elements at positions along an axis, and the positions."""
    values = p.take_along_axis(a, where, axis=axis)
    if not keepdim:
        shape = shape_of(values)[:axis] + shape_of(values)[axis + 1 :]
        values, where = p.reshape(values, shape=shape), p.reshape(where, shape=shape)
    return wrap(values), wrap(where)


def _first(function: Any) -> Any:
    def positions(a: Any, axis: int) -> Any:
        return function(a, axis, keepdims=True)

    return positions


max = _extreme("max", p.max, p.maximum, _first(np.argmax), return_types.max)
min = _extreme("min", p.min, p.minimum, _first(np.argmin), return_types.min)


def argmax(input: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    """The position of the first largest element."""
    return _extreme_place(np.argmax, input, dim, keepdim)


def _extreme_place(function: Any, input: Tensor, dim: Any, keepdim: bool) -> Tensor:
    a = tensor_array(input, function.__name__)
    axis = None if dim is None else dim_index(dim, len(a.shape))
    if not a.shape:
        return wrap(np.zeros((), np.int64))
    if not math.prod(a.shape) and (dim is None or not a.shape[axis]):
        raise IndexError(
            f"{function.__name__}(): Expected reduction dim to be specified for input.numel() == "
            "0. Specify the reduction dim with the 'dim' argument."
        )
    return wrap(function(a, axis, keepdims=keepdim))


def argmin(input: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    """The position of the first smallest element."""
    return _extreme_place(np.argmin, input, dim, keepdim)


# Order


def sort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False) -> Any:
    """The elements in order along a dimension, and where they stood."""
    where = argsort(input, dim, descending, stable)
    a = tensor_array(input, "sort")
    if not a.shape:
        return return_types.sort(wrap(p.positive(a)), where)
    axis = dim_index(dim, len(a.shape))
    values = p.take_along_axis(a, where.array, axis=axis, unique=True)
    return return_types.sort(_named(wrap(values), "SortBackward0"), where)


def argsort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False) -> Tensor:
    """Where the elements in order stand, along a dimension."""
    a = tensor_array(input, "argsort")
    if not a.shape:
        return wrap(np.zeros((), np.int64))
    axis = dim_index(dim, len(a.shape))
    if not descending:
        return wrap(np.argsort(a, axis, kind="stable"))
    # Equal elements keep their order: the last of the reversed ones is the first.
    n = a.shape[axis]
    backwards = np.argsort(p.flip(a, axes=(axis,)), axis, kind="stable")
    return wrap(p.subtract(n - 1, p.flip(backwards, axes=(axis,))))


def topk(input: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Any:
    """The k largest (or smallest) elements along a dimension, and where they stood."""
    a = tensor_array(input, "topk")
    axis = dim_index(dim, len(a.shape))
    if not 0 <= k <= a.shape[axis]:
        raise RuntimeError("selected index k out of range")
    order = argsort(input, dim, descending=largest).array
    where = p.getitem(order, (slice(None),) * axis + (slice(0, k),))
    values = p.take_along_axis(a, where, axis=axis, unique=True)
    return return_types.topk(_named(wrap(values), "TopkBackward0"), wrap(where))


def kthvalue(input: Tensor, k: int, dim: int = -1, keepdim: bool = False) -> Any:
    """The k-th smallest element along a dimension, and where it stood."""
    a = tensor_array(input, "kthvalue")
    axis = dim_index(dim, len(a.shape))
    if not a.shape:
        return return_types.kthvalue(wrap(p.positive(a)), wrap(np.zeros((), np.int64)))
    if not 1 <= k <= a.shape[axis]:
        raise RuntimeError("kthvalue(): selected number k out of range for dimension " + str(axis))
    order = argsort(input, dim).array
    where = p.getitem(order, (slice(None),) * axis + (slice(k - 1, k),))
    return return_types.kthvalue(*_taken(a, where, axis, keepdim))


def median(input: Tensor, dim: Any = None, keepdim: bool = False) -> Any:
    """The lower median: of all elements (ties share the derivative), or along a dimension."""
    a = tensor_array(input, "median")
    if dim is None:
        n = math.prod(a.shape)
        if not n:
            return wrap(np.full((), np.nan, dtype_of(a)))
        ordered = np.sort(p.reshape(a, shape=(n,)))
        middle = p.getitem(ordered, ((n - 1) // 2, ...))
        if dtype_of(a).kind != "f":
            return wrap(middle)
        last = p.getitem(ordered, (n - 1, ...))  # NaN stands last
        return wrap(p.where(p.isnan(last), last, middle))
    axis = dim_index(dim, len(a.shape))
    if not a.shape:
        return return_types.median(wrap(p.positive(a)), wrap(np.zeros((), np.int64)))
    n = a.shape[axis]
    order = argsort(input, dim).array
    where = p.getitem(order, (slice(None),) * axis + (slice((n - 1) // 2, (n - 1) // 2 + 1),))
    if dtype_of(a).kind == "f":
        missing = p.isnan(a)
        first = np.argmax(missing, axis, keepdims=True)
        where = p.where(p.any(missing, axes=(axis,), keepdims=True), first, where)
    return return_types.median(*_taken(a, where, axis, keepdim))


# Cumulative


def cumsum(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """Running sums along a dimension."""
    a = _summand(tensor_array(input, "cumsum"), dtype)
    return wrap(p.cumsum(a, axis=dim_index(dim, len(a.shape))) if a.shape else p.positive(a))


def cumprod(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """Running products along a dimension."""
    a = _summand(tensor_array(input, "cumprod"), dtype)
    return wrap(p.cumprod(a, axis=dim_index(dim, len(a.shape))) if a.shape else p.positive(a))


def logcumsumexp(input: Tensor, dim: int) -> Tensor:
    """The logarithm of running sums of exponentials."""
    a = floating(tensor_array(input, "logcumsumexp"))
    return wrap(np.logaddexp.accumulate(a, dim_index(dim, len(a.shape))))


def _cumulative_extreme(name: str, ufunc: Any, result: Any) -> Any:
    def extreme(input: Tensor, dim: int) -> Any:
        a = tensor_array(input, name)
        axis = dim_index(dim, len(a.shape))
        if not a.shape:
            return result(wrap(p.positive(a)), wrap(np.zeros((), np.int64)))
        known = np.asarray(a.concrete(name))
        reached = known == ufunc.accumulate(known, axis)
        if known.dtype.kind == "f":
            reached |= np.isnan(known)
        shape = [1] * known.ndim
        shape[axis] = known.shape[axis]
        places = np.arange(known.shape[axis]).reshape(shape)
        where = np.maximum.accumulate(np.where(reached, places, 0), axis)
        return result(wrap(p.take_along_axis(a, where, axis=axis)), wrap(where))

    extreme.__name__ = extreme.__qualname__ = name
    extreme.__doc__ = "The running extreme along a dimension, and where it stood."
    return extreme


cummax = _cumulative_extreme("cummax", np.maximum, return_types.cummax)
cummin = _cumulative_extreme("cummin", np.minimum, return_types.cummin)


# Norms


def norm(
    input: Tensor, p: Any = "fro", dim: Any = None, keepdim: bool = False, dtype: Any = None
) -> Tensor:
    """The norm of the elements as one vector, or along dimensions; 0 at 0 has derivative 0."""
    a = floating(_typed(tensor_array(input, "norm"), dtype))
    axis = dim_tuple(dim, len(a.shape))
    order = 2 if p in ("fro", None) else p
    return _named(
        wrap(np.linalg.vector_norm(a, axis=axis, ord=order, keepdims=keepdim)), "NormBackward0"
    )


def dist(input: Tensor, other: Tensor, p: float = 2) -> Tensor:
    """The norm of the difference."""
    from functrans.torch.pointwise import sub

    return norm(sub(input, other), p)
