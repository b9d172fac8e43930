"""Running sums and products along an axis, and the products of all other elements.

No derivative here divides by an element, so that every order is exact at zeros. What makes this
possible is :data:`recurrence`: with exclusive running products it expresses the derivative of a
running product, and its own derivatives are recurrences again.
"""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.core.kinds import general, linear
from functrans.core.types import Array, ArrayType

from .arithmetic import add, multiply
from .samples import Sample, draw, draw_complex

if TYPE_CHECKING:
    from functrans.core.kinds import Function


def accumulated_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """NumPy adds and multiplies small integers and bools in the platform's integer."""
    return np.add.reduce(np.zeros(1, dtype)).dtype if dtype.kind in "biu" else dtype


def along(axis: int, part: slice) -> tuple[Any, ...]:
    """The index that takes `part` of one axis."""
    return (slice(None),) * axis + (part,)


def directed(x: Array, axis: int, reverse: bool) -> Array:
    """`x`, or a view of it that runs backwards along the axis."""
    return x[along(axis, slice(None, None, -1))] if reverse else x


def same_type(x: ArrayType, *rest: ArrayType, **params: Any) -> ArrayType:
    return ArrayType(x.shape, accumulated_dtype(x.dtype))


def shift_impl(x: Array, *, axis: int, reverse: bool = False) -> Array:
    out = np.zeros_like(x)
    directed(out, axis, reverse)[along(axis, slice(1, None))] = directed(x, axis, reverse)[
        along(axis, slice(None, -1))
    ]
    return out


shift: Function = linear(
    "shift",
    shift_impl,
    lambda g, *, axis, reverse=False: shift(g, axis=axis, reverse=not reverse),
    batch=lambda x, *, axis, reverse=False: shift(x, axis=axis + 1, reverse=reverse),
    shape=lambda x, *, axis, reverse=False: x,
    samples=lambda: [
        Sample(draw((3,), -1, 1), axis=0),
        Sample(np.array([1.0, 2.0, 3.0]), axis=0, value=[0, 1, 2]),
        Sample(draw_complex((3,), -1, 1), axis=0, label="complex"),
        Sample(draw((2, 3), -1, 1).T, axis=1, reverse=True, label="non-contiguous"),
        Sample(draw((1, 3), -1, 1), axis=0, label="a single element"),
        Sample(draw((0,), -1, 1), axis=0, label="empty"),
    ],
)
"""Every element moves on by one along the axis (towards the start if `reverse`); 0 comes in."""


cumsum: Function = linear(
    "cumsum",
    lambda x, *, axis, reverse=False: directed(
        np.add.accumulate(directed(x, axis, reverse), axis=axis), axis, reverse
    ),
    lambda g, *, axis, reverse=False: cumsum(g, axis=axis, reverse=not reverse),
    batch=lambda x, *, axis, reverse=False: cumsum(x, axis=axis + 1, reverse=reverse),
    shape=same_type,
    samples=lambda: [
        Sample(draw((4,), -1, 1), axis=0),
        Sample(draw((2, 3), -1, 1).T, axis=1, label="non-contiguous"),
        Sample(draw((2, 3), -1, 1), axis=0, reverse=True),
        Sample(draw((0, 3), -1, 1), axis=0, label="empty"),
        Sample(draw((3,), -1, 1).astype(np.float32), axis=0, label="float32"),
        Sample(draw_complex((3,), -1, 1), axis=0, label="complex"),
        Sample(np.array([True, False, True]), axis=0, label="bool"),
        Sample(np.array([1.0, np.inf]), axis=0, pinned=[[2.0, 1.0]], label="infinite"),
    ],
)


def recurrence_impl(x: Array, y: Array, *, axis: int, reverse: bool = False, lag: int = 0) -> Array:
    dtype = np.result_type(x, y)
    out = np.empty(np.shape(y), dtype)
    a, b, ans = (np.moveaxis(directed(z, axis, reverse), axis, 0) for z in (x, y, out))
    n = len(b)
    if n == 0:
        return out
    if dtype == np.float64 and ans[0].size <= 12:  # Python's floats beat arrays this short
        for column in np.ndindex(ans.shape[1:]):
            every = (slice(None), *column)
            factors = a[every][: n - 1] if lag else a[every][1:]
            steps = zip(factors.tolist(), b[every][1:].tolist(), strict=True)
            first = b[(0, *column)].item()
            ans[every] = list(accumulate(steps, lambda v, s: s[1] + s[0] * v, initial=first))
        return out
    ans[0] = b[0]
    for k in range(1, n):
        ans[k] = b[k] + a[k - lag] * ans[k - 1]
    return out


def recurrence_push_x(
    t: Array, ans: Array, x: Array, *, axis: int, reverse: bool = False, lag: int = 0
) -> Array:
    if lag:
        source = shift(multiply(t, ans), axis=axis, reverse=reverse)
    else:
        source = multiply(t, shift(ans, axis=axis, reverse=reverse))
    return recurrence(x, source, axis=axis, reverse=reverse, lag=lag)


def recurrence_push_y(
    t: Array, x: Array, *, axis: int, reverse: bool = False, lag: int = 0
) -> Array:
    return recurrence(x, t, axis=axis, reverse=reverse, lag=lag)


def recurrence_pull(
    g: Array, ans: Array, x: Array, *, axis: int, reverse: bool = False, lag: int = 0
) -> tuple[Array, Array]:
    h = recurrence(x, g, axis=axis, reverse=not reverse, lag=1 - lag)
    if lag:
        return multiply(ans, shift(h, axis=axis, reverse=not reverse)), h
    return multiply(h, shift(ans, axis=axis, reverse=reverse)), h


recurrence: Function = general(
    "recurrence",
    recurrence_impl,
    pushes=(recurrence_push_x, recurrence_push_y),
    pull_all=recurrence_pull,
    batch=lambda x, y, *, axis, **params: recurrence(x, y, axis=axis + 1, **params),
    shape=lambda x, y, **params: ArrayType(y.shape, np.result_type(x.dtype, y.dtype)),
    samples=lambda: [
        Sample(draw((4,), -1, 1), draw((4,), -1, 1, 1), axis=0),
        Sample(draw((4,), -1, 1), draw((4,), -1, 1, 1), axis=0, lag=1),
        Sample(draw((3, 2), -1, 1), draw((3, 2), -1, 1, 1), axis=0, reverse=True),
        Sample(draw((2, 3), -1, 1), draw((2, 3), -1, 1, 1), axis=1, reverse=True, lag=1),
        Sample(draw((3, 20), -1, 1), draw((3, 20), -1, 1, 1), axis=0, label="wide"),
        Sample(draw_complex((3,), -1, 1), draw_complex((3,), -1, 1, 2), axis=0, label="complex"),
        Sample(np.zeros(3), draw((3,), -1, 1), axis=0, label="zero factors"),
        Sample(draw((1,), -1, 1), draw((1,), -1, 1, 1), axis=0, label="a single element"),
        Sample(draw((0, 2), -1, 1), draw((0, 2), -1, 1, 1), axis=0, label="empty"),
    ],
)
"""``ans[k] = y[k] + x[k - lag] * ans[k - 1]`` along the axis, `lag` being 0 or 1.

With `reverse` it starts at the end: ``ans[k] = y[k] + x[k + lag] * ans[k + 1]``.
"""


def cumprod_impl(x: Array, *, axis: int, reverse: bool = False, exclusive: bool = False) -> Array:
    x = directed(x, axis, reverse)
    if exclusive:
        out = np.ones(x.shape, accumulated_dtype(x.dtype))
        if x.shape[axis] > 1:
            source = x[along(axis, slice(None, -1))]
            np.multiply.accumulate(source, axis=axis, out=out[along(axis, slice(1, None))])
    else:
        out = np.multiply.accumulate(x, axis=axis)
    return directed(out, axis, reverse)


def cumprod_push(
    t: Array, x: Array, *, axis: int, reverse: bool = False, exclusive: bool = False
) -> Array:
    before = cumprod(x, axis=axis, reverse=reverse, exclusive=True)
    out = recurrence(x, multiply(before, t), axis=axis, reverse=reverse, lag=0)
    return shift(out, axis=axis, reverse=reverse) if exclusive else out


def cumprod_pull(
    g: Array, x: Array, *, axis: int, reverse: bool = False, exclusive: bool = False
) -> Array:
    if exclusive:
        g = shift(g, axis=axis, reverse=not reverse)
    before = cumprod(x, axis=axis, reverse=reverse, exclusive=True)
    return multiply(before, recurrence(x, g, axis=axis, reverse=not reverse, lag=1))


cumprod: Function = general(
    "cumprod",
    cumprod_impl,
    pushes=(cumprod_push,),
    pulls=(cumprod_pull,),
    batch=lambda x, *, axis, **params: cumprod(x, axis=axis + 1, **params),
    shape=same_type,
    samples=lambda: [
        Sample(draw((4,), -2, 2), axis=0),
        Sample(draw((2, 3), -2, 2).T, axis=1, label="non-contiguous"),
        Sample(draw((2, 3), -2, 2), axis=1, reverse=True),
        Sample(draw((3,), -2, 2), axis=0, exclusive=True),
        Sample(draw((3,), -2, 2), axis=0, reverse=True, exclusive=True),
        Sample(draw((2, 20), 0.5, 2), axis=0, label="wide"),
        Sample(draw((3,), 0.5, 2).astype(np.float32), axis=0, label="float32"),
        Sample(draw_complex((3,), -1, 1), axis=0, label="complex"),
        Sample(np.array([2.0, 0.0, 3.0]), axis=0, label="one zero"),
        Sample(np.array([0.0, 2.0, 0.0, 3.0]), axis=0, label="two zeros"),
        Sample(
            np.array([2.0, 0.0, 3.0, 0.0]),
            axis=0,
            pinned=[[1.0, 2.0 + 6.0, 0.0, 0.0]],
            label="two zeros, exactly",
        ),
        Sample(draw((1,), -1, 1), axis=0, exclusive=True, label="a single element"),
        Sample(draw((0, 3), -1, 1), axis=0, label="empty"),
        Sample(draw((0,), -1, 1), axis=0, exclusive=True, label="empty, exclusive"),
    ],
)
"""Running products; ``exclusive`` leaves the element itself out, ``reverse`` runs from the end."""


def prod_others_impl(x: Array, *, axis: int) -> Array:
    total = np.multiply.reduce(x, axis=axis, keepdims=True)
    size = np.abs(total)
    if np.all((size >= np.finfo(size.dtype).tiny) & np.isfinite(size)):
        return np.divide(total, x)  # no element is 0, no product is out of range
    return np.multiply(
        cumprod_impl(x, axis=axis, exclusive=True),
        cumprod_impl(x, axis=axis, reverse=True, exclusive=True),
    )


def prod_others_push(t: Array, x: Array, *, axis: int) -> Array:
    """Push and pull alike: ``d ans[i] / d x[j]``, the product without i and j, is symmetric."""
    before = cumprod(x, axis=axis, exclusive=True)
    after = cumprod(x, axis=axis, reverse=True, exclusive=True)
    return add(
        multiply(cumprod_push(t, x, axis=axis, exclusive=True), after),
        multiply(before, cumprod_push(t, x, axis=axis, reverse=True, exclusive=True)),
    )


prod_others: Function = general(
    "prod_others",
    prod_others_impl,
    pushes=(prod_others_push,),
    pulls=(prod_others_push,),
    batch=lambda x, *, axis: prod_others(x, axis=axis + 1),
    shape=lambda x, *, axis: x,
    samples=lambda: [
        Sample(draw((4,), -2, 2), axis=0),
        Sample(draw((2, 3), -2, 2).T, axis=1, label="non-contiguous"),
        Sample(draw_complex((3,), -1, 1), axis=0, label="complex"),
        Sample(np.array([2.0, 0.0, 3.0]), axis=0, label="one zero"),
        Sample(np.array([0.0, 2.0, 0.0, 3.0]), axis=0, label="two zeros"),
        Sample(np.zeros(3), axis=0, label="three zeros"),
        Sample(np.array([1e-200, 1e-200, 1e-200]), axis=0, second=False, label="underflow"),
        Sample(draw((1,), -1, 1), axis=0, label="a single element"),
        Sample(draw((0, 3), -1, 1), axis=0, label="empty"),
    ],
)
"""For every element the product of all others along the axis."""
