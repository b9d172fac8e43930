"""Standardisation: an array with mean 0 and variance 1, as networks normalise their activations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from functrans.core.kinds import general
from functrans.core.types import Array, ArrayType, shape_of

from .arithmetic import add, divide, multiply, reciprocal, subtract
from .exponential import sqrt
from .reduction import Axes, axes_size, floating, floating_dtype, sum
from .samples import Sample, draw

if TYPE_CHECKING:
    from functrans.core.kinds import Function

Three = tuple[Array, Array, Array]


def standardize_impl(x: Array, *, axes: Axes, eps: float) -> Three:
    x = floating(x)
    if x.dtype.kind == "c":
        raise TypeError(f"standardize: a complex array has no order of size ({x.dtype})")
    count = max(axes_size(x.shape, axes), 1)
    # Sums of half precision would overflow.
    wide = np.float32 if x.dtype.itemsize < 4 else x.dtype

    def mean_of(values: Array) -> Array:
        total = np.add.reduce(values, axis=axes, keepdims=True, dtype=wide)
        return (total / count).astype(x.dtype, copy=False)

    mean = mean_of(x)
    deviation = x - mean
    var = mean_of(deviation * deviation)
    deviation *= 1 / np.sqrt(var + eps)
    return deviation, mean, var


def mean(x: Array, axes: Axes) -> Array:
    """The mean over axes, which are kept."""
    return divide(sum(x, axes=axes, keepdims=True), max(axes_size(shape_of(x), axes), 1))


def inverse_deviation(var: Array, eps: float) -> Array:
    return reciprocal(sqrt(add(var, eps)))


# With y the output and s the inverse deviation, dy = s * (dx - mean(dx) - y * mean(y * dx)), a
# symmetric map. What mean and variance add has the same forms, a constant and a multiple of y.


def standardize_push(t: Array, ans: Three, *, axes: Axes, eps: float) -> Three:
    y, _, var = ans
    scale = inverse_deviation(var, eps)
    shift, stretch = mean(t, axes), mean(multiply(y, t), axes)
    across = multiply(scale, subtract(subtract(t, shift), multiply(y, stretch)))
    return across, shift, divide(multiply(2, stretch), scale)


def standardize_pull(g: Three, ans: Three, *, axes: Axes, eps: float) -> Array:
    y, _, var = ans
    scale = inverse_deviation(var, eps)
    count = max(axes_size(shape_of(y), axes), 1)
    across = multiply(scale, mean(multiply(g[0], y), axes))
    stretch = subtract(divide(multiply(2 / count, g[2]), scale), across)
    shift = subtract(divide(g[1], count), multiply(scale, mean(g[0], axes)))
    return add(add(multiply(scale, g[0]), multiply(y, stretch)), shift)


def standardize_shape(x: ArrayType, *, axes: Axes, eps: float) -> tuple[ArrayType, ...]:
    kept = tuple(1 if i in axes else n for i, n in enumerate(x.shape))
    dtype = floating_dtype(x.dtype)
    return ArrayType(x.shape, dtype), ArrayType(kept, dtype), ArrayType(kept, dtype)


standardize: Function = general(
    "standardize",
    standardize_impl,
    pushes=(standardize_push,),
    pulls=(standardize_pull,),
    batch=lambda x, *, axes, eps: standardize(x, axes=tuple([a + 1 for a in axes]), eps=eps),
    shape=standardize_shape,
    outputs=3,
    samples=lambda: [
        Sample(draw((3,), -1, 1), axes=(0,), eps=0.0),
        Sample(draw((2, 3), -1, 1).T, axes=(1,), eps=0.1, label="non-contiguous"),
        Sample(draw((2, 2, 3), -1, 1), axes=(0, 2), eps=1e-5),
        Sample(draw((4,), -1, 1).astype(np.float32), axes=(0,), eps=0.1, label="float32"),
        Sample(1e6 + draw((3,), -1, 1), axes=(0,), eps=0.1, second=False, label="far from 0"),
        Sample(
            np.full(3, 0.5),
            axes=(0,),
            eps=0.25,
            pinned=[[1 / 3] * 3],
            label="constant",
        ),
        Sample(np.zeros((0, 3)), axes=(0,), eps=0.1, label="empty"),
        Sample(np.array([1, 2, 4], np.int8), axes=(0,), eps=0.1, label="small integers"),
    ],
)
"""``(x - mean) / sqrt(var + eps)`` over axes, the mean, and the variance, with axes kept."""
