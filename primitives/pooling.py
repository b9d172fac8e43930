"""Sums and greatest elements of sliding windows over the last axes of an array.

Parameters, each with an entry an axis: the length of the `window`, `stride`, `dilation`, and
`padding`, a pair (before, after). Padding belongs to no window: it adds nothing to a sum and is
never the greatest element.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.core.kinds import linear, nondifferentiable
from functrans.core.types import Array, ArrayType, Shape

from .channelwise import taps
from .convolution import Pairs, output_size
from .samples import Sample, draw, draw_complex

if TYPE_CHECKING:
    from functrans.core.kinds import Function


def windows_shape(
    x: ArrayType, *, window: Shape, stride: Shape, padding: Pairs, dilation: Shape
) -> ArrayType:
    axes = len(window)
    if x.ndim < axes:
        raise ValueError(f"pooling over {axes} axes needs as many, got shape {x.shape}")
    kept = x.ndim - axes
    out = output_size("pooling", x.shape[kept:], window, stride, padding, dilation)
    return ArrayType(x.shape[:kept] + out, x.dtype)


def spread_shape(x: ArrayType, *, size: Shape, **params: Any) -> ArrayType:
    return ArrayType(x.shape[: x.ndim - len(size)] + size, x.dtype)


def along(axis: int, part: slice) -> tuple[Any, ...]:
    """The index of a part of an axis that is counted from the end."""
    return (..., part, *(slice(None),) * (-1 - axis))


def window_sum_impl(
    x: Array, *, window: Shape, stride: Shape, padding: Pairs, dilation: Shape
) -> Array:
    kind = windows_shape(
        ArrayType(x.shape, x.dtype),
        window=window,
        stride=stride,
        padding=padding,
        dilation=dilation,
    )
    for axis in range(-len(window), 0):
        count = kind.shape[axis]
        shape = list(x.shape)
        shape[axis] = count
        out = np.zeros(shape, x.dtype)
        for _, which, where in taps(
            x.shape[axis], count, window[axis], stride[axis], padding[axis][0], dilation[axis]
        ):
            out[along(axis, which)] += x[along(axis, where)]
        x = out
    return x


def window_spread_impl(
    x: Array, *, size: Shape, window: Shape, stride: Shape, padding: Pairs, dilation: Shape
) -> Array:
    for axis in range(-len(window), 0):
        shape = list(x.shape)
        shape[axis] = size[axis]
        out = np.zeros(shape, x.dtype)
        for _, which, where in taps(
            size[axis],
            x.shape[axis],
            window[axis],
            stride[axis],
            padding[axis][0],
            dilation[axis],
        ):
            out[along(axis, where)] += x[along(axis, which)]
        x = out
    return x


def window_argmax_impl(
    x: Array, *, window: Shape, stride: Shape, padding: Pairs, dilation: Shape
) -> Array:
    kind = windows_shape(
        ArrayType(x.shape, x.dtype),
        window=window,
        stride=stride,
        padding=padding,
        dilation=dilation,
    )
    axes = len(window)
    size, out = x.shape[x.ndim - axes :], kind.shape[x.ndim - axes :]
    lowest = -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
    # The elements of a window are numbered in memory's order. Axis by axis from the last, the least
    # number at which the greatest element lies is found; small unsigned numbers make that fast.
    number = np.min_scalar_type(prod(window))
    none = np.iinfo(number).max
    chosen_numbers: Array = number.type(0)
    inner = 1
    for axis in range(-1, -axes - 1, -1):
        steps = list(
            taps(
                size[axis], out[axis], window[axis], stride[axis], padding[axis][0], dilation[axis]
            )
        )
        if len({t for _, which, _ in steps for t in range(which.start, which.stop)}) < out[axis]:
            raise ValueError(
                f"max pooling: along the axis {axis}, of {size[axis]} elements with padding "
                f"{padding[axis]}, a window of {window[axis]} with dilation {dilation[axis]} holds "
                "padding only; pad less"
            )
        shape = list(x.shape)
        shape[axis] = out[axis]
        top = np.full(shape, lowest, x.dtype)
        for _, which, where in steps:
            part = top[along(axis, which)]
            np.maximum(part, x[along(axis, where)], out=part)
        undefined = np.count_nonzero(top != top) > 0
        numbers = np.full(shape, none, number)
        for k, which, where in steps:
            values = x[along(axis, where)]
            passed = values != top[along(axis, which)]
            if undefined:
                passed &= values == values
            own = chosen_numbers if axis == -1 else chosen_numbers[along(axis, where)]
            part = numbers[along(axis, which)]
            np.minimum(
                part, (own + number.type(k * inner)) | (passed * number.type(none)), out=part
            )
        x, chosen_numbers = top, numbers
        inner *= window[axis]
    first, step = np.zeros((), int), np.zeros((), int)
    for n, count, k, s, (before, _), d in zip(
        size, out, window, stride, padding, dilation, strict=True
    ):
        first = first[..., None] * n + (np.arange(count) * s - before)
        step = step[..., None] * n + np.arange(k) * d
    return np.take(step.reshape(-1), chosen_numbers) + first


def window_samples() -> list[Sample]:
    """Every kind of window over small arrays."""
    one, none = (1,), ((0, 0),)
    cases: list[tuple[str, Shape, dict[str, Any]]] = [
        ("one axis", (2, 5), {"window": (2,)}),
        ("two axes", (2, 3, 4), {"window": (2, 3), "stride": (1, 1), "padding": none * 2}),
        ("strides beyond the window", (7,), {"window": (2,), "stride": (3,)}),
        ("dilation", (7,), {"window": (3,), "dilation": (2,)}),
        ("padding on one side", (4,), {"window": (3,), "stride": (2,), "padding": ((0, 2),)}),
        (
            "three axes",
            (2, 3, 3),
            {"window": (2, 2, 1), "stride": (2, 1, 2), "padding": ((0, 0), (1, 0), (0, 1))},
        ),
        ("a window larger than the array", (2,), {"window": (4,), "padding": ((1, 1),)}),
        ("empty batch", (0, 4), {"window": (2,), "stride": (2,)}),
    ]
    samples = []
    for label, shape, given in cases:
        axes = len(given["window"])
        params = {"stride": one * axes, "padding": none * axes, "dilation": one * axes, **given}
        samples.append(Sample(draw(shape, -1, 1), label=label, **params))
    first, second = samples[0], samples[1]
    samples += [
        Sample(first.args[0].astype(np.float32), label="float32", **first.params),
        Sample(second.args[0].T.copy().T, label="non-contiguous", **second.params),
    ]
    return samples


def spread_samples() -> list[Sample]:
    samples = []
    for sample in window_samples():
        (x,) = sample.args
        size = x.shape[x.ndim - len(sample.params["window"]) :]
        out = windows_shape(ArrayType(x.shape, x.dtype), **sample.params)
        samples.append(
            Sample(
                draw(out.shape, -1, 1).astype(x.dtype),
                size=size,
                label=sample.label,
                **sample.params,
            )
        )
    samples.append(Sample(draw_complex((2,), -1, 1), size=(4,), label="complex", **HALVES))
    return samples


HALVES: dict[str, Any] = {
    "window": (2,),
    "stride": (2,),
    "padding": ((0, 0),),
    "dilation": (1,),
}

window_sum: Function = linear(
    "window_sum",
    window_sum_impl,
    lambda g, x_type, *, window, **params: window_spread(
        g, size=x_type.shape[x_type.ndim - len(window) :], window=window, **params
    ),
    batch=lambda x, **params: window_sum(x, **params),
    shape=windows_shape,
    samples=lambda: [
        *window_samples(),
        Sample(draw_complex((4,), -1, 1), label="complex", **HALVES),
    ],
)
"""The sum of every window."""

window_spread: Function = linear(
    "window_spread",
    window_spread_impl,
    lambda g, *, size, **params: window_sum(g, **params),
    batch=lambda x, **params: window_spread(x, **params),
    shape=spread_shape,
    samples=spread_samples,
)
"""The transpose of `window_sum`: what each window holds, added to all its elements."""

window_argmax: Function = nondifferentiable(
    "window_argmax",
    window_argmax_impl,
    batch=lambda x, **params: window_argmax(x, **params),
    shape=lambda x, **params: ArrayType(windows_shape(x, **params).shape, np.intp),
    samples=lambda: [
        *window_samples(),
        Sample(np.array([1.0, 2.0, 5.0, 3.0]), value=[1, 2], label="exactly", **HALVES),
        Sample(np.array([1.0, 1.0, 0.0, -0.0]), label="ties", **HALVES),
        Sample(np.array([np.nan, 1.0, 1.0, np.nan]), label="NaN", **HALVES),
        Sample(
            np.full(3, -np.inf), label="-inf beside padding", **{**HALVES, "padding": ((1, 0),)}
        ),
        Sample(np.array([1, 3, 5, 5]), label="integers", **HALVES),
    ],
)
"""Where the greatest element of every window lies, counted over the pooled axes together: the first
of equal ones, and NaN before numbers."""
