"""Exponentials and their sums: the softmax, its logarithm and that of the sum, exact far out."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from functrans.core.kinds import general, reduction
from functrans.core.types import Array, ArrayType, shape_of

from .arithmetic import multiply, subtract
from .exponential import exp
from .reduction import (
    INTEGERS,
    NO_AXES,
    SCALAR,
    Axes,
    axes_samples,
    floating,
    floating_dtype,
    restore_axes,
    sum,
)
from .samples import Sample, draw, draw_complex

if TYPE_CHECKING:
    from functrans.core.kinds import Function


def probability_samples(*hard: Sample) -> list[Sample]:
    """Samples of what has the shape of its operand: usual ones, with those at hard points."""
    return [
        Sample(draw((3,), -1, 1), axes=(0,)),
        Sample(draw((2, 3), -1, 1).T, axes=(1,), label="non-contiguous"),
        Sample(draw((2, 3), -1, 1), axes=(0, 1)),
        Sample(draw((3,), -1, 1).astype(np.float32), axes=(0,), label="float32"),
        Sample(draw_complex((3,), -1, 1), axes=(0,), label="complex"),
        *hard,
        Sample(np.zeros((0, 3)), axes=(0,), label="empty"),
        Sample(np.array([1, 2], np.int8), axes=(0,), label="small integers"),
    ]


def shifted(x: Array, axes: Axes) -> tuple[Array, Array, Array]:
    """`x` as floating point, its largest (real) elements, and ``exp(x - largest)``."""
    x = floating(x)
    top = np.maximum.reduce(x.real, axis=axes, keepdims=True, initial=-np.inf)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        return x, top, np.exp(x - np.where(np.isfinite(top), top, 0))


def probabilities(x: Array, axes: Axes) -> Array:
    """`softmax_impl` where warnings are off, as they are in rules."""
    x = floating(x)
    if x.dtype.kind == "f" and x.size:
        e = np.exp(x - np.maximum.reduce(x, axis=axes, keepdims=True))
        total = np.add.reduce(e, axis=axes, keepdims=True)
        if not math.isnan(np.add.reduce(total, axis=None)):
            return e / total
    x, top, e = shifted(x, axes)
    if np.count_nonzero(np.isinf(top)):
        e = np.where(np.isinf(top), x.real == top, e).astype(e.dtype)
    return e / np.add.reduce(e, axis=axes, keepdims=True)


def softmax_impl(x: Array, *, axes: Axes) -> Array:
    with np.errstate(under="ignore", invalid="ignore"):
        return probabilities(x, axes)


def softmax_push(t: Array, ans: Array, *, axes: Axes) -> Array:
    """The push and the pull alike: the Jacobian ``diag(ans) - outer(ans, ans)`` is symmetric."""
    return multiply(ans, subtract(t, sum(multiply(ans, t), axes=axes, keepdims=True)))


softmax: Function = general(
    "softmax",
    softmax_impl,
    pushes=(softmax_push,),
    pulls=(softmax_push,),
    batch=lambda x, *, axes: softmax(x, axes=tuple([a + 1 for a in axes])),
    shape=lambda x, *, axes: ArrayType(x.shape, floating_dtype(x.dtype)),
    samples=lambda: probability_samples(
        Sample(np.array([1000.0, 999.0, -1000.0]), axes=(0,), label="large"),
        Sample(np.array([-np.inf, 1.0]), axes=(0,), pinned=[[0.0, 0.0]], label="-inf"),
        Sample(np.full(4, -np.inf), axes=(0,), pinned=[[0.0] * 4], label="all -inf"),
        Sample(np.array([np.inf, 1.0]), axes=(0,), pinned=[[0.0, 0.0]], label="+inf"),
    ),
)
"""``exp(x) / sum(exp(x))``. If the largest elements are infinite, they share evenly."""


def log_softmax_impl(x: Array, *, axes: Axes) -> Array:
    x = floating(x)
    if x.dtype.kind == "c":
        x, top, e = shifted(x, axes)
        top = np.where(np.isfinite(top), top, 0)
        return x - top - np.log(np.add.reduce(e, axis=axes, keepdims=True))
    top = np.maximum.reduce(x, axis=axes, keepdims=True, initial=-np.inf)
    with np.errstate(all="ignore"):
        below = np.asarray(x - top)
        leads = np.asarray(below == 0)
        if not np.isfinite(top).all():
            infinite = np.isinf(top)
            leads = np.where(infinite, x == top, leads)
            below = np.where(infinite, np.where(leads, 0, -np.inf), below).astype(x.dtype)
        # The leading elements stay out of the sum, so that log1p sees the small rest exactly.
        e = np.asarray(np.exp(below))
        np.putmask(e, leads, 0)
        rest = np.add.reduce(e, axis=axes, keepdims=True)
        count = np.add.reduce(leads, axis=axes, keepdims=True, dtype=x.dtype)
        return below - (np.log(count) + np.log1p(rest / count))


def log_softmax_push(t: Array, ans: Array, *, axes: Axes) -> Array:
    return subtract(t, sum(multiply(exp(ans), t), axes=axes, keepdims=True))


def log_softmax_pull(g: Array, ans: Array, *, axes: Axes) -> Array:
    return subtract(g, multiply(exp(ans), sum(g, axes=axes, keepdims=True)))


log_softmax: Function = general(
    "log_softmax",
    log_softmax_impl,
    pushes=(log_softmax_push,),
    pulls=(log_softmax_pull,),
    batch=lambda x, *, axes: log_softmax(x, axes=tuple([a + 1 for a in axes])),
    shape=lambda x, *, axes: ArrayType(x.shape, floating_dtype(x.dtype)),
    samples=lambda: probability_samples(
        Sample(np.array([1e4, 9999.0, -1e4]), axes=(0,), label="large"),
        Sample(np.array([0.5, 0.5, -1.0]), axes=(0,), label="ties"),
        Sample(
            np.array([0.0, -60.0]),
            axes=(0,),
            pinned=[[1 - 2 / (1 + math.exp(-60.0)), 1 - 2 * math.exp(-60.0)]],
            label="far apart",
        ),
        Sample(np.array([-np.inf, 1.0]), axes=(0,), pinned=[[1.0, -1.0]], label="-inf"),
        Sample(np.full(4, -np.inf), axes=(0,), pinned=[[0.0] * 4], label="all -inf"),
        Sample(np.array([np.inf, 1.0]), axes=(0,), pinned=[[-1.0, 1.0]], label="+inf"),
    ),
)
"""``log(softmax(x))``, which neither underflows nor cancels."""


def logsumexp_impl(x: Array, *, axes: Axes, keepdims: bool = False) -> Array:
    x, top, e = shifted(x, axes)
    with np.errstate(divide="ignore", invalid="ignore"):
        if x.dtype.kind == "c":
            out = np.where(np.isfinite(top), top, 0) + np.log(
                np.add.reduce(e, axis=axes, keepdims=True)
            )
        else:
            # The leading elements stay out of the sum, so that log1p sees the small rest exactly.
            leads = x == top
            count = np.add.reduce(leads, axis=axes, keepdims=True, dtype=x.dtype)
            count = np.maximum(count, 1)
            rest = np.add.reduce(np.where(leads, 0, e), axis=axes, keepdims=True)
            out = top + (np.log(count) + np.log1p(rest / count))
    return out if keepdims else np.squeeze(out, axis=axes)[()]


logsumexp = reduction(
    "logsumexp",
    logsumexp_impl,
    push=lambda t, x, *, axes, keepdims=False: sum(
        multiply(t, softmax(x, axes=axes)), axes=axes, keepdims=keepdims
    ),
    pull=lambda g, x, *, axes, keepdims=False: multiply(
        restore_axes(g, shape_of(x), axes), softmax(x, axes=axes)
    ),
    dtype=floating_dtype,
    samples=axes_samples(
        -1,
        1,
        NO_AXES,
        SCALAR,
        Sample(np.zeros((0, 3)), axes=(0,), smooth=False, label="empty"),
        INTEGERS,
        Sample(np.array([1000.0, 999.0, -1000.0]), axes=(0,), label="large"),
        Sample(
            np.array([0.0, -40.0]),
            axes=(0,),
            pinned=[[1 / (1 + np.exp(-40.0)), np.exp(-40.0) / (1 + np.exp(-40.0))]],
            label="far apart",
        ),
        Sample(np.full(4, -np.inf), axes=(0,), pinned=[[0.25] * 4], label="all -inf"),
        Sample(np.array([-np.inf, 2.0]), axes=(0,), pinned=[[0.0, 1.0]], label="one -inf"),
        Sample(np.array([np.inf, 2.0]), axes=(0,), pinned=[[1.0, 0.0]], label="one +inf"),
        Sample(np.full(2, np.inf), axes=(0,), pinned=[[0.5, 0.5]], label="two +inf"),
    ),
)
