"""Sorting, partitioning and searching.

Sorting permutes, and its derivative is the same permutation. Elements that tie have no order of
their own: tangents and cotangents are averaged over each group of equal elements. The average is
symmetric, so that forward and reverse agree, and it is the subgradient of least norm.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.core.algebra import algebra
from functrans.core.kinds import general, linear, nondifferentiable
from functrans.core.types import Array, ArrayType, shape_of

from .indexing import rearrange, take_along_axis
from .samples import Sample, draw, draw_complex

if TYPE_CHECKING:
    from functrans.core.kinds import Function


def same_shape(x: ArrayType, **params: Any) -> ArrayType:
    return ArrayType(x.shape, x.dtype)


def index_shape(x: ArrayType, **params: Any) -> ArrayType:
    return ArrayType(x.shape, np.intp)


ORDERS = (
    Sample(draw((4,), -1, 1), axis=0),
    Sample(draw((2, 3), -1, 1).T, axis=0, label="non-contiguous"),
    Sample(draw((2, 3, 2), -1, 1), axis=1),
    Sample(draw((3,), -1, 1).astype(np.float32), axis=0, label="float32"),
    Sample(draw_complex((3,), -1, 1), axis=0, label="complex"),
    Sample(np.array([2, 1, 1], np.int8), axis=0, label="small integers"),
    Sample(draw((1, 3), -1, 1), axis=0, label="one element"),
    Sample(draw((0, 3), -1, 1), axis=0, label="empty"),
)


argsort: Function = nondifferentiable(
    "argsort",
    lambda x, *, axis, kind=None: np.argsort(x, axis=axis, kind=kind),
    batch=lambda x, *, axis, kind=None: argsort(x, axis=axis + 1, kind=kind),
    shape=index_shape,
    samples=lambda: [
        *ORDERS,
        Sample(
            np.array([2.0, 1.0, 2.0, 1.0]),
            axis=0,
            kind="stable",
            value=[1, 3, 0, 2],
            label="ties",
        ),
        Sample(np.array([np.nan, -np.inf, 1.0]), axis=0, label="NaN"),
    ],
)


def tie_mean_impl(x: Array, y: Array, *, axis: int) -> Array:
    keys = np.moveaxis(y, axis, -1)
    first = np.ones(keys.shape, bool)
    np.not_equal(keys[..., 1:], keys[..., :-1], out=first[..., 1:])
    if first.all():
        return x
    values = np.moveaxis(x, axis, -1)
    starts = np.flatnonzero(first)
    counts = np.diff(starts, append=first.size)
    means = np.add.reduceat(values.ravel(), starts) / counts.astype(values.real.dtype)
    return np.moveaxis(np.repeat(means, counts).reshape(values.shape), -1, axis)


tie_mean: Function = linear(
    "tie_mean",
    tie_mean_impl,
    lambda g, y, *, axis: tie_mean(g, y, axis=axis),
    batch=lambda x, y, *, axis: tie_mean(x, y, axis=axis + 1),
    shape=lambda x, y, *, axis: x,
    operands=2,
    samples=lambda: [
        Sample(draw((3,), -1, 1), np.arange(3.0), axis=0, label="no ties"),
        Sample(draw((4,), -1, 1), np.array([0.0, 1.0, 1.0, 2.0]), axis=0),
        Sample(np.array([1.0, 2.0, 4.0]), np.array([0.0, 1.0, 1.0]), axis=0, value=[1, 3, 3]),
        Sample(draw((3, 2), -1, 1), np.array([[0.0, 1.0], [0.0, 1.0], [1.0, 1.0]]), axis=0),
        Sample(draw_complex((3,), -1, 1), np.zeros(3), axis=0, label="complex"),
        Sample(draw((2,), -1, 1), np.full(2, np.nan), axis=0, label="NaN"),
        Sample(np.zeros((0, 2)), np.zeros((0, 2)), axis=0, label="empty"),
    ],
)
"""`x` averaged over each run of equal elements of `y` (sorted) along the axis."""


def sort_push(t: Array, ans: Array, x: Array, *, axis: int, kind: str | None = None) -> Array:
    order = argsort(x, axis=axis, kind=kind)
    return tie_mean(take_along_axis(t, order, axis=axis, unique=True), ans, axis=axis)


def sort_pull(g: Array, ans: Array, x: Array, *, axis: int, kind: str | None = None) -> Array:
    order = argsort(x, axis=axis, kind=kind)
    return rearrange(tie_mean(g, ans, axis=axis), order, axis=axis)


def sort_impl(x: Array, *, axis: int, kind: Any = None) -> Array:
    ans = x.copy()  # what np.sort does, after steps that take as long
    ans.sort(axis, kind)
    return ans


sort: Function = general(
    "sort",
    sort_impl,
    pushes=(sort_push,),
    pulls=(sort_pull,),
    batch=lambda x, *, axis, kind=None: sort(x, axis=axis + 1, kind=kind),
    shape=same_shape,
    masks="moves",
    samples=lambda: [
        *ORDERS,
        Sample(draw((4,), -1, 1), axis=0, kind="stable"),
        Sample(np.array([2.0, 1.0, 2.0]), axis=0, pinned=[[1.0, 1.0, 1.0]], label="ties"),
        Sample(np.array([np.nan, np.inf, 1.0]), axis=0, pinned=[[1.0, 1.0, 1.0]], label="NaN"),
    ],
)


def reorder(a: Array, source: Array, target: Array, *, axis: int) -> Array:
    """Move `a`, laid out as `source`, to where `target` has the same elements; ties average."""
    order = argsort(source, axis=axis)
    keys = take_along_axis(source, order, axis=axis, unique=True)
    ordered = tie_mean(take_along_axis(a, order, axis=axis, unique=True), keys, axis=axis)
    return rearrange(ordered, argsort(target, axis=axis), axis=axis)


PARTS = (
    Sample(draw((6,), -1, 1), kth=2, axis=0),
    Sample(draw((2, 5), -1, 1).T, kth=(1, 3), axis=0, label="non-contiguous, two positions"),
    Sample(draw((2, 3), -1, 1).astype(np.float32), kth=0, axis=1, label="float32"),
    Sample(draw_complex((4,), -1, 1), kth=1, axis=0, label="complex"),
    Sample(np.array([1.0, 2.0, 1.0]), kth=1, axis=0, smooth=False, label="ties"),
)

# The order within the parts is NumPy's own affair: the rules read it off the output.
partition: Function = general(
    "partition",
    lambda x, *, kth, axis, **params: np.partition(x, kth, axis=axis, **params),
    pushes=(lambda t, ans, x, *, kth, axis, kind="introselect": reorder(t, x, ans, axis=axis),),
    pulls=(lambda g, ans, x, *, kth, axis, kind="introselect": reorder(g, ans, x, axis=axis),),
    batch=lambda x, *, axis, **params: partition(x, axis=axis + 1, **params),
    shape=same_shape,
    masks="moves",
    samples=lambda: [
        *PARTS,
        Sample(
            np.array([2.0, 1.0, 2.0, 3.0]), kth=1, axis=0, pinned=[[1.0] * 4], label="ties, summed"
        ),
    ],
)
argpartition: Function = nondifferentiable(
    "argpartition",
    lambda x, *, kth, axis, **params: np.argpartition(x, kth, axis=axis, **params),
    batch=lambda x, *, axis, **params: argpartition(x, axis=axis + 1, **params),
    shape=index_shape,
    samples=lambda: [
        *PARTS,
        Sample(np.array([3.0, 1.0, 2.0]), kth=(0, 1), axis=0, value=[1, 2, 0]),
    ],
)


lexsort: Function = nondifferentiable(
    "lexsort",
    lambda *keys, axis: np.lexsort(keys, axis=axis),
    batch=lambda *keys, axis: lexsort(*keys, axis=axis + 1),
    shape=lambda *keys, axis: ArrayType(keys[0].shape, np.intp),
    samples=lambda: [
        Sample(draw((4,), -1, 1), axis=0),
        Sample(np.array([3, 1, 4, 2]), np.array([1, 0, 1, 0]), axis=0, value=[1, 3, 0, 2]),
        Sample(draw((2, 3), -1, 1), np.zeros((2, 3)), axis=1),
    ],
)


def searchsorted_impl(x: Array, y: Array, *, side: str = "left") -> Array:
    if np.ndim(x) == 1:
        return np.searchsorted(x, y, side=side)  # type: ignore[call-overload]
    out = np.empty(y.shape, np.intp)
    for lane in np.ndindex(x.shape[:-1]):
        out[lane] = np.searchsorted(x[lane], y[lane], side=side)  # type: ignore[call-overload]
    return out


def searchsorted_batch(
    x: Array, y: Array, *, batched: tuple[bool, bool], side: str = "left"
) -> Array:
    if not batched[0] and len(shape_of(x)) > 1:
        x = algebra.broadcast_to(x, shape=(shape_of(y)[0], *shape_of(x)))
    elif not batched[1]:
        y = algebra.broadcast_to(y, shape=(shape_of(x)[0], *shape_of(y)))
    return searchsorted(x, y, side=side)


searchsorted: Function = nondifferentiable(
    "searchsorted",
    searchsorted_impl,
    batch=searchsorted_batch,
    shape=lambda x, y, *, side="left": ArrayType(y.shape, np.intp),
    samples=lambda: [
        Sample(np.arange(4.0), draw((2, 3), -1, 4)),
        Sample(np.arange(4.0), np.array([-1.0, 2.0, 2.5]), value=[0, 2, 3], label="at an element"),
        Sample(np.arange(4.0), 2.0, side="right", label="0-d, at an element"),
        Sample(np.zeros(0), draw((3,), -1, 1), label="nothing to search"),
        Sample(np.arange(3.0), np.array([np.nan, -np.inf]), label="NaN"),
        Sample(
            np.arange(6.0).reshape(2, 3), draw((2, 4), 0, 6), label="a lane of places for each lane"
        ),
    ],
)
"""Where the elements of `y` go into the sorted last axis of `x`; other axes of `x` lead in `y`."""
