"""Indexing, gathering, scattering and taking along a dimension."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from functrans import primitives as p
from functrans.core.types import WEAK, dtype_of, shape_of
from functrans.numpy import views
from functrans.torch.engine import EngineArray
from functrans.torch.operands import cast, dim_index, tensor_array, unwrap
from functrans.torch.tensor import Tensor, wrap


def plain_key(key: Any) -> Any:
    """An index with arrays in place of tensors."""
    if isinstance(key, tuple):
        return tuple(map(plain_key, key))
    if isinstance(key, Tensor):
        a = key.array
        value = a.value if type(a) is EngineArray else a
        if value.dtype.kind not in "biu":
            raise IndexError("tensors used as indices must be long, int, byte or bool tensors")
        return value.astype(bool) if value.dtype == np.uint8 else value
    if isinstance(key, list):
        return np.asarray([k.item() if isinstance(k, Tensor) else k for k in key])
    if isinstance(key, slice):
        if key.step is not None and int(key.step) <= 0:
            raise ValueError("step must be greater than zero")
        return slice(*(k if k is None else int(k) for k in (key.start, key.stop, key.step)))
    return key


def getitem(input: Tensor, key: Any) -> Tensor:
    """``input[key]``: a view for ints, slices, None and Ellipsis."""
    a = tensor_array(input, "getitem")
    plain = plain_key(key)
    basic = views.basic_key(a, plain)
    if basic is None:
        return wrap(p.getitem(a, plain))
    entries = basic if type(basic) is tuple else (basic,)
    if Ellipsis not in entries:
        entries = (*entries, Ellipsis)  # an element is a view as well
    ans = p.getitem(a, entries)
    views.link(a, ans, lambda base: p.getitem(base, entries), lambda n: n[entries], entries)
    if type(ans) is EngineArray:
        ans.version = a.version
        if ans.index is not None:
            ans.index.node.name = _INDEXED[type(_last(basic))]
    return wrap(ans)


_INDEXED = {
    int: "SelectBackward0",
    slice: "SliceBackward0",
    type(None): "UnsqueezeBackward0",
    type(...): "AliasBackward0",
}


def _last(basic: Any) -> Any:
    """The last entry of an index that does something, as PyTorch takes one after the other."""
    if type(basic) is not tuple:
        return basic
    return next((entry for entry in reversed(basic) if entry is not Ellipsis), ...)


def gather(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """For each position the element at `index` along a dimension."""
    a, where = tensor_array(input, "gather"), tensor_array(index, "gather")
    _check_index(a, where, dim)
    return wrap(p.getitem(a, _along(a, where, dim_index(dim, len(a.shape)))))


def _check_index(a: Any, where: Any, dim: int, src: Any = None) -> None:
    """Raise PyTorch's errors for positions that do not fit."""
    if dtype_of(where).kind not in "iu":
        raise RuntimeError("gather(): Expected dtype int32/int64 for index")
    rank = len(shape_of(a))
    if len(shape_of(where)) != rank and rank and shape_of(where):
        raise RuntimeError("Index tensor must have the same number of dimensions as input tensor")
    axis = dim_index(dim, rank)
    limits = list(shape_of(a))
    if src is None:
        sizes = [
            (n, k)
            for i, (n, k) in enumerate(zip(shape_of(where), limits, strict=False))
            if i != axis
        ]
    else:
        sizes = list(zip(shape_of(where), shape_of(src), strict=False))
    if any(n > k for n, k in sizes) and 0 not in shape_of(where):
        raise RuntimeError(
            f"Size does not match at dimension {axis} expected index {list(shape_of(where))} to be "
            f"no larger than self {limits} apart from dimension {axis}"
        )


def _along(a: Any, where: Any, axis: int) -> tuple[Any, ...]:
    """The index that has `where` along an axis and each position elsewhere."""
    shape = shape_of(where)
    where = where.value if type(where) is EngineArray else where
    if not a.shape:
        return (...,)
    grids = np.ogrid[tuple(slice(n) for n in shape)]
    return tuple(where if i == axis else grids[i] for i in range(len(shape)))


def take_along_dim(input: Tensor, indices: Tensor, dim: int | None = None) -> Tensor:
    """The elements at positions along a dimension, with broadcasting."""
    return wrap(np.take_along_axis(tensor_array(input, "take"), plain_key(indices), dim))


def take(input: Tensor, index: Tensor) -> Tensor:
    """The elements at positions of the flattened tensor."""
    return wrap(p.take(tensor_array(input, "take"), plain_key(index)))


def index_select(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """The entries of a dimension at positions."""
    axis = dim_index(dim, input.ndim)
    where = plain_key(index)
    if type(where) is np.ndarray and where.size:
        n = input.shape[axis] if input.ndim else 1
        if where.min() < 0 or where.max() >= n:
            raise IndexError("index out of range in self")
    return wrap(p.take(tensor_array(input, "index_select"), where, axis=axis))


def masked_select(input: Tensor, mask: Tensor) -> Tensor:
    """The elements where a mask holds."""
    a, m = input.array, plain_key(mask)
    shape = np.broadcast_shapes(shape_of(a), shape_of(m))
    return wrap(p.getitem(p.broadcast_to(a, shape=shape), np.broadcast_to(m, shape)))


def nonzero(input: Tensor, *, as_tuple: bool = False) -> Any:
    """The indices of the nonzero elements, one row for each."""
    known = np.asarray(input.array.concrete("nonzero"))
    found = np.nonzero(np.atleast_1d(known))
    if as_tuple:
        return tuple(map(wrap, found))
    rows = np.stack(found, 1).astype(np.int64)
    return wrap(rows if known.ndim else rows[:, :0])


def _source(src: Any, like: Any, index: Any) -> Any:
    """What is scattered: as much of it as there are indices."""
    a = unwrap(src, "scatter")
    if type(a) in WEAK:
        return dtype_of(like).type(a)
    shape = shape_of(index)
    cut = p.getitem(a, tuple(slice(n) for n in shape)) if shape_of(a) != shape else a
    return cast(cut, dtype_of(like))


def scatter(
    input: Tensor, dim: int, index: Tensor, src: Any, *, reduce: str | None = None
) -> Tensor:
    """A copy with elements of `src` at `index` along a dimension."""
    a, where = tensor_array(input, "scatter"), tensor_array(index, "scatter")
    if reduce == "add":
        return scatter_add(input, dim, index, src)
    if reduce == "multiply":
        from functrans.torch.scattering import scatter_multiplied

        return scatter_multiplied(input, dim, index, src)
    if reduce is not None:
        raise RuntimeError("reduce argument must be either add or multiply.")
    key = _along(a, where, dim_index(dim, len(a.shape)))
    return wrap(p.setitem(a, key, _source(src, a, where)))


def scatter_add(input: Tensor, dim: int, index: Tensor, src: Any) -> Tensor:
    """A copy with elements of `src` added at `index` along a dimension."""
    a, where = tensor_array(input, "scatter_add"), tensor_array(index, "scatter_add")
    key = _along(a, where, dim_index(dim, len(a.shape)))
    static, arrays = p.index_arguments(shape_of(a), key)
    return wrap(p.index_add(a, _source(src, a, where), *arrays, index=static))


def index_put(
    input: Tensor, indices: Sequence[Tensor], values: Any, accumulate: bool = False
) -> Tensor:
    """A copy with values at an index, added if asked for."""
    a, y = tensor_array(input, "index_put"), unwrap(values)
    key = tuple(map(plain_key, indices))
    if accumulate:
        static, arrays = p.index_arguments(shape_of(a), key)
        return wrap(p.index_add(a, y, *arrays, index=static))
    return wrap(p.setitem(a, key, y))
