"""Copies with parts exchanged, added to, or reduced with what is scattered to the same place."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from functrans import primitives as p
from functrans.core.types import WEAK, dtype_of, shape_of
from functrans.torch import indexing
from functrans.torch.operands import cast, dim_index, tensor_array, unwrap
from functrans.torch.tensor import Tensor, wrap

REDUCES = ("sum", "prod", "mean", "amax", "amin")


def scatter_reduce(
    input: Tensor, dim: int, index: Tensor, src: Tensor, reduce: str, *, include_self: bool = True
) -> Tensor:
    """A copy in which elements of `src` are combined at `index` along a dimension.

    Parameters
    ----------
    reduce : "sum", "prod", "mean", "amax" or "amin"
    include_self : bool
        The element of `input` takes part.
    """
    if reduce not in REDUCES:
        raise RuntimeError(
            f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}."
        )
    a, where = tensor_array(input, "scatter_reduce"), indexing.plain_key(index)
    axis = dim_index(dim, len(shape_of(a)))
    b = tensor_array(src, "scatter_reduce")
    if dtype_of(a) != dtype_of(b):
        raise RuntimeError("scatter(): Expected self.dtype to be equal to src.dtype")
    if not math.prod(shape_of(where)):
        return wrap(p.positive(a) if dtype_of(a).kind in "fc" else a)
    grids = np.indices(shape_of(where))
    grids[axis] = where
    target = np.ravel_multi_index(tuple(grids), shape_of(a) or (1,), mode="raise").reshape(-1)
    cut = p.getitem(b, tuple(slice(n) for n in shape_of(where))) if shape_of(b) else b
    return _reduced(a, target, p.reshape(cut, shape=(target.size,)), reduce, include_self)


def index_reduce(
    input: Tensor,
    dim: int,
    index: Tensor,
    source: Tensor,
    reduce: str,
    *,
    include_self: bool = True,
) -> Tensor:
    """A copy in which entries of `source` are combined at positions of a dimension.

    Parameters are those of `scatter_reduce`, without "sum".
    """
    if reduce not in REDUCES[1:]:
        raise RuntimeError(
            f"index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got "
            f"{reduce}."
        )
    where = indexing.plain_key(index)
    axis = dim_index(dim, input.ndim)
    shape = [where.size if i == axis else 1 for i in range(input.ndim)]
    full = np.broadcast_to(where.reshape(shape), tuple(source.shape))
    return scatter_reduce(
        input, dim, wrap(np.ascontiguousarray(full)), source, reduce, include_self=include_self
    )


def _reduced(a: Any, target: Any, values: Any, reduce: str, include_self: bool) -> Tensor:
    """What elements of the flattened `a` and the `values` for places `target` in it combine to.

    The values for a place stand in one row of a table, filled up with what changes nothing.
    """
    shape, n = shape_of(a), math.prod(shape_of(a))
    counts = np.bincount(target, minlength=n)
    order = np.argsort(target, kind="stable")
    places = target[order]
    starts = np.cumsum(counts) - counts
    table = np.full((n, int(counts.max(initial=0))), target.size)
    table[places, np.arange(target.size) - starts[places]] = order
    kind = dtype_of(a)
    filler = _filler(reduce, kind)
    own = p.reshape(a, shape=(n, 1))
    if not include_self:
        own = p.where(counts[:, None] > 0, filler, own)
    padded = p.concatenate(values, np.full(1, filler, kind), axis=0)
    rows = p.concatenate(own, p.take(padded, table), axis=1)
    combine = {"prod": p.prod, "amax": p.max, "amin": p.min}.get(reduce, p.sum)
    ans = combine(rows, axes=(1,), keepdims=False)
    if reduce == "mean":
        weight = np.maximum(counts + include_self, 1)
        if kind.kind in "fc":
            ans = p.divide(ans, weight.astype(kind))
        else:
            ans = p.floor_divide(ans, weight.astype(kind))
    ans = p.astype(ans, dtype=kind) if dtype_of(ans) != kind else ans
    return wrap(p.reshape(ans, shape=shape))


def _filler(reduce: str, kind: np.dtype[Any]) -> Any:
    """What changes nothing in a reduction."""
    if reduce in ("amax", "amin"):
        sign = -1 if reduce == "amax" else 1
        if kind.kind == "f":
            return kind.type(sign * np.inf)
        if kind.kind == "b":
            return kind.type(sign > 0)
        bounds = np.iinfo(kind)
        return kind.type(bounds.min if sign < 0 else bounds.max)
    return kind.type(1 if reduce == "prod" else 0)


def put(input: Tensor, index: Tensor, source: Any, accumulate: bool = False) -> Tensor:
    """A copy with elements of `source` at positions in all elements, added if asked for."""
    a, b = tensor_array(input, "put"), tensor_array(source, "put")
    if dtype_of(a) != dtype_of(b):
        raise RuntimeError(
            f"put_(): self and source expected to have the same dtype, but got self.dtype = "
            f"{input.dtype} and source.dtype = {source.dtype}"
        )
    where = indexing.plain_key(index).reshape(-1)
    n = math.prod(shape_of(a))
    flat = p.reshape(a, shape=(n,))
    values = p.reshape(b, shape=(math.prod(shape_of(b)),))
    if accumulate:
        static, arrays = p.index_arguments((n,), where)
        changed = p.index_add(flat, values, *arrays, index=static)
    else:
        changed = p.setitem(flat, where, values)
    return wrap(p.reshape(changed, shape=shape_of(a)))


def index_add(input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: Any = 1) -> Tensor:
    """A copy with entries of `source` added at positions of a dimension."""
    a = tensor_array(input, "index_add")
    axis = dim_index(dim, len(a.shape))
    key = (slice(None),) * axis + (indexing.plain_key(index),)
    static, arrays = p.index_arguments(shape_of(a), key)
    y = cast(source.array, dtype_of(a))
    y = y if alpha == 1 else cast(p.multiply(y, alpha), dtype_of(a))
    return wrap(p.index_add(a, y, *arrays, index=static))


def index_copy(input: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
    """A copy with entries of `source` at positions of a dimension."""
    a = tensor_array(input, "index_copy")
    key = (slice(None),) * dim_index(dim, len(a.shape)) + (indexing.plain_key(index),)
    return wrap(p.setitem(a, key, cast(source.array, dtype_of(a))))


def index_fill(input: Tensor, dim: int, index: Tensor, value: Any) -> Tensor:
    """A copy with one value at positions of a dimension."""
    a = tensor_array(input, "index_fill")
    key = (slice(None),) * dim_index(dim, len(a.shape)) + (indexing.plain_key(index),)
    return wrap(p.setitem(a, key, cast(unwrap(value), dtype_of(a))))


def masked_scatter(input: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """A copy with the elements of `source`, one after the other, where a mask holds."""
    a = tensor_array(input, "masked_scatter")
    m = np.broadcast_to(indexing.plain_key(mask), shape_of(a))
    values = p.getitem(p.reshape(source.array, shape=(source.numel(),)), slice(int(m.sum())))
    return wrap(p.setitem(a, m, values))


def _exchanged(input: Tensor, src: Any, key: Any, name: str) -> Tensor:
    a = tensor_array(input, name)
    b = unwrap(src, name)
    expected = np.empty(shape_of(a), bool)[key].shape
    if shape_of(b) != expected:
        raise RuntimeError(
            f"expected src to have a size equal to the slice of self. src size = "
            f"{list(shape_of(b))}, slice size = {list(expected)}"
        )
    return wrap(p.setitem(a, key, b if type(b) in WEAK else cast(b, dtype_of(a))))


def select_scatter(input: Tensor, src: Tensor, dim: int, index: int) -> Tensor:
    """A copy with `src` in the place of one entry of a dimension."""
    axis = dim_index(dim, input.ndim)
    return _exchanged(input, src, (slice(None),) * axis + (index,), "select_scatter")


def slice_scatter(
    input: Tensor,
    src: Tensor,
    dim: int = 0,
    start: int | None = None,
    end: int | None = None,
    step: int = 1,
) -> Tensor:
    """A copy with `src` in the place of a stretch of a dimension."""
    axis = dim_index(dim, input.ndim)
    key = (slice(None),) * axis + (slice(start, end, step),)
    return _exchanged(input, src, key, "slice_scatter")


def diagonal_scatter(
    input: Tensor, src: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1
) -> Tensor:
    """A copy with `src` on a diagonal."""
    a = tensor_array(input, "diagonal_scatter")
    rank = len(shape_of(a))
    i, j = dim_index(dim1, rank), dim_index(dim2, rank)
    size = np.diagonal(np.empty(shape_of(a), bool), offset, i, j).shape[-1]
    along = np.arange(size)
    key: list[Any] = [slice(None)] * rank
    key[i], key[j] = along + max(-offset, 0), along + max(offset, 0)
    others = [k for k in range(rank) if k not in (i, j)]
    moved = p.transpose(a, axes=(*others, i, j))
    changed = _exchanged(
        wrap(moved), src, (*[slice(None)] * len(others), key[i], key[j]), "diagonal_scatter"
    )
    return wrap(p.transpose(changed.array, axes=tuple(np.argsort((*others, i, j)).tolist())))


def scatter_multiplied(input: Tensor, dim: int, index: Tensor, src: Any) -> Tensor:
    """``scatter(reduce="multiply")``."""
    a = tensor_array(input, "scatter")
    b = unwrap(src, "scatter")
    if type(b) in WEAK:
        filled = np.full(shape_of(index.array), b, dtype_of(a))
        return scatter_reduce(input, dim, index, wrap(filled), "prod")
    return scatter_reduce(input, dim, index, src, "prod")
