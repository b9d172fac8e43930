"""What neural networks apply to their units, where composing it would lose accuracy or time."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from functrans.core.algebra import algebra
from functrans.core.kinds import chooser, elementwise, general, ufunc_shape
from functrans.core.primitive import ZERO
from functrans.core.types import Array, ArrayType, shape_of, type_of

from .arithmetic import astype, divide, multiply, square, subtract
from .comparison import equal, joint_dtype, maximum, not_equal
from .exponential import exp, log, sigmoid
from .exponential_sums import log_softmax_impl, probabilities, softmax
from .reduction import floating, floating_dtype, sum
from .samples import Sample, binary, draw, draw_complex, unary

if TYPE_CHECKING:
    from functrans.core.kinds import Function

nan, inf = np.nan, np.inf

relu = chooser(
    "relu",
    lambda x: np.maximum(x, 0),
    lambda ans: not_equal(ans, 0),
    shape=lambda x: ufunc_shape(np.maximum)(x, ArrayType((), int, weak=True)),
    samples=unary(
        -2,
        2,
        Sample(np.array([-0.0, 0.0]), pinned=[0], label="the kink"),
        Sample(np.array([-inf, inf, nan]), pinned=[np.array([0.0, 1.0, 1.0])], label="far out"),
        complex_too=False,
    ),
)
"""``maximum(x, 0)``, with derivative 0 at 0."""


def softplus_impl(x: Array) -> Array:
    x = floating(x)
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


softplus = elementwise(
    "softplus",
    softplus_impl,
    lambda x: sigmoid(x),
    shape=lambda x: ArrayType(x.shape, floating_dtype(x.dtype)),
    samples=unary(
        -2,
        2,
        Sample(
            np.array([-inf, -1e4, -40.0, 0.0, 40.0, 1e4, inf]),
            pinned=[np.array([0.0, 0.0, math.exp(-40.0), 0.5, 1.0, 1.0, 1.0])],
            label="far out",
        ),
        complex_too=False,
    ),
)
"""``log(1 + exp(x))``."""


# The normal distribution. For x >= 0 the upper tail is exp(-x**2 / 2) times a ratio of polynomials,
# which was fitted on the whole half-line to a relative error of 1e-17. All coefficients are
# positive, so that nothing cancels.

TAIL_NUMERATOR = (
    3.2537413014393e-07,
    9.57698076068369e-06,
    0.00013961560137119324,
    0.00130705751079583,
    0.008626862242877465,
    0.041741380867311835,
    0.1496404569131316,
    0.3927186202218378,
    0.7247979864432329,
    0.8564232073208348,
    0.5,
)
TAIL_DENOMINATOR = (
    8.15591994452242e-07,
    2.4005930760326872e-05,
    0.0003507800059710809,
    0.0033003132438929467,
    0.021972670049023337,
    0.1078584209750058,
    0.39602556343638673,
    1.082717191342207,
    2.152082220820167,
    2.952869454523124,
    2.5107309754445364,
    1.0,
)


def polynomial(coefficients: tuple[float, ...], x: Array) -> Array:
    """The value at `x`, the leading coefficient first."""
    total = x * coefficients[0] + coefficients[1]
    for c in coefficients[2:]:
        total *= x
        total += c
    return total


def normal_cdf_impl(x: Array) -> Array:
    x = floating(x)
    dtype = x.dtype
    if dtype.itemsize < 4:  # the polynomials leave the range of half precision
        x = x.astype(np.float32)
    distance = np.atleast_1d(np.minimum(np.abs(x), 40))  # beyond, the tail is 0 in any precision
    # x**2 in two parts: the exponential of the first, rounded product would be inexact far out.
    head = np.floor(distance * 16) / 16
    tail = np.exp(head * head / -2) * np.exp((head - distance) * (head + distance) / 2)
    tail *= polynomial(TAIL_NUMERATOR, distance)
    tail /= polynomial(TAIL_DENOMINATOR, distance)
    return np.where(x < 0, tail, 1 - tail).reshape(x.shape).astype(dtype, copy=False)[()]


normal_cdf: Function = elementwise(
    "normal_cdf",
    normal_cdf_impl,
    lambda x: multiply(1 / math.sqrt(2 * math.pi), exp(divide(square(x), -2))),
    shape=lambda x: ArrayType(x.shape, floating_dtype(x.dtype)),
    samples=unary(
        -3,
        3,
        Sample(
            np.array([-inf, -30.0, -1e4, 1e4, inf]),
            pinned=[np.array([0.0, math.exp(-450.0) / math.sqrt(2 * math.pi), 0.0, 0.0, 0.0])],
            label="far out",
        ),
        Sample(np.array([-0.0, 0.0]), pinned=[1 / math.sqrt(2 * math.pi)], label="zero"),
        complex_too=False,
    ),
)
"""The probability that a standard normal variable is below `x`, accurate in the lower tail."""


# Logarithms of probabilities.


def one_hot(y: Array, classes: int, axis: int) -> Array:
    """Where along a new axis the class is that of `y`."""
    shape = shape_of(y)
    wide = algebra.reshape(y, shape=(*shape[:axis], 1, *shape[axis:]))
    return equal(wide, np.arange(classes).reshape((classes,) + (1,) * (len(shape) - axis)))


def cross_entropy_impl(x: Array, y: Array, *, axis: int) -> Array:
    x = floating(x)
    if x.ndim == 2 and axis == 1 and x.size and x.dtype.kind == "f":
        rows = np.arange(len(x))
        first = x.argmax(1)
        first += rows * x.shape[1]
        with np.errstate(all="ignore"):
            below = x - x.take(first)[:, None]
            e = np.exp(below)
            e.put(first, 0)  # log1p sees the small rest exactly
            loss = np.log1p(np.add.reduce(e, axis=1))
            loss -= below[rows, y]
            if not math.isnan(loss.dot(loss)):  # NaN for any NaN, and quicker than its sum
                return loss
    scores = np.moveaxis(log_softmax_impl(x, axes=(axis,)), axis, -1)
    rows = scores.reshape(-1, scores.shape[-1])
    picked = rows[np.arange(len(rows)), np.reshape(y, -1)]
    return np.negative(picked.reshape(scores.shape[:-1]))[()]


def cross_entropy_slope(x: Array, y: Array, axis: int) -> Array:
    """The derivatives of each loss by the logits of its classes."""
    return subtract(softmax(x, axes=(axis,)), one_hot(y, x.shape[axis], axis))


def cross_entropy_push(t: Array, x: Array, y: Array, *, axis: int) -> Array:
    return sum(multiply(cross_entropy_slope(x, y, axis), t), axes=(axis,))


def cross_entropy_pull(g: Array, x: Array, y: Array, *, axis: int) -> Array:
    shape = shape_of(g)
    if type(x) is type(y) is type(g) is np.ndarray and x.ndim == 2 and axis == 1:
        slope = probabilities(x, (1,))  # the same, at half the cost, where nothing is traced
        slope[np.arange(len(x)), y] -= 1
        slope *= g[:, None]
        return slope
    g = algebra.reshape(g, shape=(*shape[:axis], 1, *shape[axis:]))
    return multiply(cross_entropy_slope(x, y, axis), g)


cross_entropy: Function = general(
    "cross_entropy",
    cross_entropy_impl,
    pushes=(cross_entropy_push, ZERO),
    pulls=(cross_entropy_pull, ZERO),
    batch=lambda x, y, *, axis: cross_entropy(x, y, axis=axis + 1),
    shape=lambda x, y, *, axis: ArrayType(
        (*x.shape[:axis], *x.shape[axis + 1 :]), floating_dtype(x.dtype)
    ),
    samples=lambda: [
        Sample(draw((2, 3), -1, 1), np.array([2, 0]), axis=1),
        Sample(draw((3,), -1, 1), np.array(1), axis=0, label="one example"),
        Sample(draw((2, 3, 2), -1, 1), np.array([[2, 0], [1, 1]]), axis=1, label="middle axis"),
        Sample(draw((3, 2), -1, 1).T, np.array([1, 1]), axis=1, label="non-contiguous"),
        Sample(draw((2, 3), -1, 1).astype(np.float32), np.array([0, 2]), axis=1, label="float32"),
        Sample(draw_complex((2, 3), -1, 1), np.array([0, 2]), axis=1, label="complex"),
        Sample(
            np.array([[1e4, 0.0], [0.0, -1e4]]),
            np.array([1, 0]),
            axis=1,
            pinned=[np.array([[1.0, -1.0], [0.0, 0.0]]), None],
            label="far out",
        ),
        Sample(
            np.array([[0.5, 0.5]]),
            np.array([0]),
            axis=1,
            pinned=[np.array([[-0.5, 0.5]]), None],
            label="ties",
        ),
        Sample(
            np.array([[-inf, 1.0]]),
            np.array([1]),
            axis=1,
            pinned=[np.array([[0.0, 0.0]]), None],
            label="-inf",
        ),
        Sample(np.zeros((0, 3)), np.zeros(0, int), axis=1, label="empty"),
    ],
)
"""``-log_softmax(x)`` at the class of `y`, in one operation."""


def bounded_log(x: Array) -> Array:
    """``log(x)``, at least -100."""
    return maximum(log(maximum(x, 1e-44)), -100)


def binary_cross_entropy_impl(x: Array, y: Array) -> Array:
    dtype = np.result_type(x, y, 1.0)  # in which a Python number takes part as it is
    x = floating(x)
    with np.errstate(divide="ignore"):  # the logarithm of 0 is replaced
        inside, outside = np.maximum(np.log(x), -100), np.maximum(np.log1p(-x), -100)
    return ((y - 1) * outside - y * inside).astype(dtype, copy=False)


def binary_cross_entropy_by_target(x: Array, y_type: ArrayType) -> Array:
    x = astype(x, dtype=joint_dtype(type_of(x), y_type))  # a Python number would become float64
    return subtract(bounded_log(subtract(1, x)), bounded_log(x))


binary_cross_entropy = elementwise(
    "binary_cross_entropy",
    binary_cross_entropy_impl,
    lambda g, x, y: divide(
        multiply(g, subtract(x, y)), maximum(multiply(subtract(1, x), x), 1e-12)
    ),
    binary_cross_entropy_by_target,
    shape=lambda x, y: ArrayType(
        np.broadcast_shapes(x.shape, y.shape), joint_dtype(x, y, ArrayType((), float, weak=True))
    ),
    samples=binary(
        0.1,
        0.9,
        Sample(
            np.array([0.0, 0.0, 1.0, 1.0]),
            np.array([0.0, 1.0, 0.0, 1.0]),
            pinned=[np.array([0.0, -1e12, 1e12, 0.0]), np.array([100.0, 100.0, -100.0, -100.0])],
            label="certain",
        ),
        complex_too=False,
    ),
)
"""``-y * log(x) - (1 - y) * log(1 - x)``, the logarithms being at least -100.

Its derivative by `x` is that of the unbounded function, with a divisor of at least 1e-12: a certain
but wrong prediction is pushed back.
"""
