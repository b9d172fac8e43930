"""Pooling over small windows: sums, and the places of greatest elements, as elementwise work on the
elements that windows have at each of their places."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.core.types import dtype_of, shape_of
from functrans.graph.graph import operand_types
from functrans.primitives import (
    add,
    astype,
    equal,
    getitem,
    less_equal,
    logical_and,
    logical_not,
    logical_or,
    pad,
    take,
    where,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from functrans.core.types import Array, Shape
    from functrans.graph.graph import Equation
    from functrans.primitives.convolution import Pairs

LARGEST = 16
"""Elements of a window up to which it is spelt out."""


def pooling(equation: Equation) -> Callable[..., Any] | None:
    """What pooling consists of, for native code; None if it is another operation, or is carried out
    as it stands."""
    found = _POOLING.get(equation.primitive.name)
    if found is None or math.prod(equation.params["window"]) > LARGEST:
        return None
    (kind,) = operand_types(equation.inputs)
    if not kind.size or not equation.outputs[0].type.size:
        return None
    if found is greatest and (
        math.prod(equation.params["window"]) == 1  # nothing is compared
        or kind.dtype.kind == "b"
        or _empty_windows(kind.shape, equation)  # there is an error to be raised
    ):
        return None
    return found


def _empty_windows(shape: Shape, equation: Equation) -> bool:
    """Whether some window holds padding only."""
    params, out = equation.params, equation.outputs[0].type.shape
    names = ("window", "stride", "padding", "dilation")
    pooled = range(len(shape) - len(params["window"]), len(shape))
    return any(
        not _inside(shape[axis], out[axis], *given).any(axis=0).all()
        for axis, *given in zip(pooled, *[params[name] for name in names], strict=True)
    )


def _inside(
    size: int, count: int, window: int, stride: int, padding: tuple[int, int], dilation: int
) -> Any:
    """For each element of a window and each window, whether it is an element of the array."""
    starts = np.arange(count) * stride - padding[0]
    places = np.arange(window)[:, None] * dilation + starts
    return (places >= 0) & (places < size)


def _every(x: Array, axis: int, first: int, count: int, stride: int) -> Array:
    """Each `stride`-th of the elements along an axis from one on."""
    part = slice(first, first + (count - 1) * stride + 1, stride)
    return getitem(x, (*[slice(None)] * axis, part, *[slice(None)] * (len(shape_of(x)) - axis - 1)))


def _padded(x: Array, window: Shape, padding: Pairs) -> Array:
    if not any(map(any, padding)):
        return x
    others = ((0, 0),) * (len(shape_of(x)) - len(window))
    return pad(x, widths=(*others, *padding))


def _counts(size: Shape, window: Shape, stride: Shape, dilation: Shape) -> list[int]:
    sizes = zip(size, window, stride, dilation, strict=True)
    return [(n - (k - 1) * d - 1) // s + 1 for n, k, s, d in sizes]


def window_sums(
    x: Array, *, window: Shape, stride: Shape, padding: Pairs, dilation: Shape
) -> Array:
    """Added up axis by axis, beginning with 0."""
    x = _padded(x, window, padding)
    first = len(shape_of(x)) - len(window)
    counts = _counts(shape_of(x)[first:], window, stride, dilation)
    for axis, count in enumerate(counts, first):
        i = axis - first
        total: Array = dtype_of(x).type(0)
        for k in range(window[i]):
            total = add(total, _every(x, axis, k * dilation[i], count, stride[i]))
        x = total
    return x


def window_spread(
    x: Array, *, size: Shape, window: Shape, stride: Shape, padding: Pairs, dilation: Shape
) -> Array:
    """For each element the windows that hold it at one of their places, in their order."""
    first = len(shape_of(x)) - len(window)
    for i, n in enumerate(size):
        count = shape_of(x)[first + i]
        places = np.arange(n) + padding[i][0] - dilation[i] * np.arange(window[i])[:, None]
        held = (places % stride[i] == 0) & (places >= 0) & (places // stride[i] < count)
        total: Array = dtype_of(x).type(0)
        # The windows that hold an element come in turn: most places of a window hold few.
        order = np.argsort(~held, axis=0, kind="stable")
        places = np.take_along_axis(places, order, axis=0) // stride[i]
        held = np.take_along_axis(held, order, axis=0)
        for which, holds in zip(places, held, strict=True):
            if not holds.any():
                break
            part = take(x, np.where(holds, which, 0), axis=first + i)
            if not holds.all():
                mask = holds.reshape(-1, *[1] * (len(size) - i - 1))
                part = where(mask, part, dtype_of(x).type(0))
            total = add(total, part)
        x = total if shape_of(total) else add(total, take(x, np.zeros(n, int), axis=first + i))
    return x


def greatest(x: Array, *, window: Shape, stride: Shape, padding: Pairs, dilation: Shape) -> Array:
    """Of the elements in the order of memory the first that is greater than those before; a NaN is
    greater than numbers."""
    size = shape_of(x)[len(shape_of(x)) - len(window) :]
    axes = list(zip(window, stride, padding, dilation, strict=True))
    x = _padded(x, window, padding)
    first = len(shape_of(x)) - len(window)
    counts = _counts(shape_of(x)[first:], window, stride, dilation)
    inside = [_inside(n, c, *given) for n, c, given in zip(size, counts, axes, strict=True)]
    width = np.dtype(np.int32 if dtype_of(x).itemsize == 4 else np.intp)
    best: Any = None
    chosen: Any = None
    seen: Any = False
    for taps in itertools.product(*map(range, window)):
        step, value = 0, x
        real: Any = np.bool(True)
        for axis, k in enumerate(taps):
            value = _every(value, first + axis, k * dilation[axis], counts[axis], stride[axis])
            step = step * size[axis] + k * dilation[axis]
            real = real[..., None] & inside[axis][k]
        number = width.type(step)
        if best is None:
            best, chosen, seen = value, number, real
            continue
        greater = logical_not(less_equal(value, best))
        if dtype_of(x).kind == "f":
            greater = logical_and(greater, equal(best, best))
        if not seen.all():
            greater = logical_or(greater, ~seen)
        if not real.all():
            greater = logical_and(greater, real)
        best, chosen = where(greater, value, best), where(greater, number, chosen)
        seen = seen | real
    start: Any = np.zeros((), np.intp)
    for n, count, (_, s, (before, _), _) in zip(size, counts, axes, strict=True):
        start = start[..., None] * n + (np.arange(count) * s - before)
    return add(astype(chosen, dtype=np.dtype(np.intp)), start)


_POOLING: dict[str, Callable[..., Any]] = {
    "window_argmax": greatest,
    "window_spread": window_spread,
    "window_sum": window_sums,
}
