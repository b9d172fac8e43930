"""Activation functions, with PyTorch's derivatives at their kinks.

All take and return arrays of any shape and keep their dtype. ``axis`` is counted as in NumPy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from functrans import primitives as p
from functrans.core.types import Array, dtype_of, shape_of
from functrans.nn.sources import gumbel
from functrans.numpy.axes import axis_slice, one_axis, reduced_axes
from functrans.numpy.operands import operand
from functrans.transforms.stop_gradient import stop_gradient

if TYPE_CHECKING:
    from functrans.nn.sources import Source


def relu(x: Any) -> Array:
    """``max(x, 0)``; the derivative at 0 is 0.

    Examples
    --------
    >>> relu(np.array([-1.0, 0.0, 2.0]))
    array([0., 0., 2.])
    """
    return p.relu(operand(x))


def relu6(x: Any) -> Array:
    """``min(max(x, 0), 6)``; the derivative at both bounds is 0.

    Examples
    --------
    >>> relu6(np.array([-1.0, 2.0, 7.0]))
    array([0., 2., 6.])
    """
    return hardtanh(x, 0.0, 6.0)


def leaky_relu(x: Any, negative_slope: float = 0.01) -> Array:
    """`x` where it is positive, elsewhere ``negative_slope * x``, at 0 too.

    Examples
    --------
    >>> leaky_relu(np.array([-1.0, 2.0]))
    array([-0.01,  2.  ])
    """
    x = operand(x)
    return p.where(x > 0, x, p.multiply(x, negative_slope))


def prelu(x: Any, weight: Any) -> Array:
    """`x` where it is positive, elsewhere ``weight * x`` with a learned weight.

    Parameters
    ----------
    x : array_like
    weight : array_like
        One number, or one for each channel (axis 1 of `x`).

    Raises
    ------
    ValueError
        The number of weights is neither 1 nor that of the channels.

    Examples
    --------
    >>> prelu(np.array([[-1.0, -1.0]]), np.array([0.5, 0.25]))
    array([[-0.5 , -0.25]])
    """
    x, weight = operand(x), operand(weight)
    shape, count = shape_of(x), shape_of(weight)
    if count not in ((), (1,)):
        channels = shape[1] if len(shape) > 1 else 1
        if count != (channels,):
            raise ValueError(
                f"prelu: weight has shape {count}; it must be one number or one for each of the "
                f"{channels} channels (axis 1) of x, whose shape is {shape}"
            )
        weight = p.reshape(weight, shape=(channels,) + (1,) * (len(shape) - 2))
    return p.where(x > 0, x, p.multiply(weight, x))


def elu(x: Any, alpha: float = 1.0) -> Array:
    """`x` where it is positive, elsewhere ``alpha * (exp(x) - 1)``.

    Examples
    --------
    >>> elu(np.array([-np.inf, 2.0]))
    array([-1.,  2.])
    """
    x = operand(x)
    positive = x > 0
    return p.where(positive, x, p.multiply(alpha, p.expm1(p.where(positive, 0.0, x))))


def selu(x: Any) -> Array:
    """`elu` scaled so that activations keep mean 0 and variance 1.

    Examples
    --------
    >>> selu(np.array([0.0, 1.0]))
    array([0.        , 1.05070099])
    """
    return p.multiply(1.0507009873554804934193349852946, elu(x, 1.6732632423543772848170429916717))


def celu(x: Any, alpha: float = 1.0) -> Array:
    """`x` where it is positive, elsewhere ``alpha * (exp(x / alpha) - 1)``, which is smooth at 0.

    Examples
    --------
    >>> celu(np.array([-np.inf, 2.0]), alpha=0.5)
    array([-0.5,  2. ])
    """
    x = operand(x)
    positive = x > 0
    below = p.expm1(p.divide(p.where(positive, 0.0, x), alpha))
    return p.where(positive, x, p.multiply(alpha, below))


def gelu(x: Any, approximate: Literal["none", "tanh"] = "none") -> Array:
    """`x` times the probability that a standard normal variable is below `x`.

    Parameters
    ----------
    x : array_like
    approximate : {"none", "tanh"}
        ``"tanh"`` for the approximation by a hyperbolic tangent.

    Raises
    ------
    ValueError
        `approximate` is neither.

    Examples
    --------
    >>> gelu(np.array([-20.0, 1.0]))            # not 0 at -20
    array([-5.50724824e-88,  8.41344746e-01])
    """
    x = operand(x)
    if approximate == "none":
        return p.multiply(x, p.normal_cdf(x))
    if approximate != "tanh":
        raise ValueError(f"gelu: approximate must be 'none' or 'tanh', got {approximate!r}")
    # (1 + tanh(u)) / 2 is the sigmoid of 2 u, which does not cancel.
    cubic = p.add(x, p.multiply(0.044715, p.multiply(x, p.square(x))))
    return p.multiply(x, p.sigmoid(p.multiply(2 * np.sqrt(2 / np.pi).item(), cubic)))


def silu(x: Any) -> Array:
    """``x * sigmoid(x)``, also called swish.

    Examples
    --------
    >>> silu(np.array([0.0, 1.0]))
    array([0.        , 0.73105858])
    """
    x = operand(x)
    return p.multiply(x, p.sigmoid(x))


def mish(x: Any) -> Array:
    """``x * tanh(softplus(x))``.

    Examples
    --------
    >>> mish(np.array([0.0, 1.0]))
    array([0.        , 0.86509839])
    """
    x = operand(x)
    # The tangent as a ratio in s = sigmoid(-x), in which nothing cancels or overflows.
    s = p.sigmoid(p.negative(x))
    ratio = p.divide(p.add(1.0, s), p.add(1.0, p.square(s)))
    return p.multiply(p.multiply(x, p.sigmoid(x)), ratio)


def sigmoid(x: Any) -> Array:
    """``1 / (1 + exp(-x))``.

    Examples
    --------
    >>> sigmoid(np.array([-np.inf, 0.0]))
    array([0. , 0.5])
    """
    return p.sigmoid(operand(x))


def log_sigmoid(x: Any) -> Array:
    """The logarithm of `sigmoid`, exact far out.

    Examples
    --------
    >>> log_sigmoid(np.array([-1e4, 0.0]))
    array([-1.00000000e+04, -6.93147181e-01])
    """
    return p.negative(p.softplus(p.negative(operand(x))))


def tanh(x: Any) -> Array:
    """The hyperbolic tangent.

    Examples
    --------
    >>> tanh(np.array([0.0, np.inf]))
    array([0., 1.])
    """
    return p.tanh(operand(x))


def softplus(x: Any, beta: float = 1.0, threshold: float = 20.0) -> Array:
    """``log(1 + exp(beta * x)) / beta``, and `x` itself where ``beta * x > threshold``.

    Examples
    --------
    >>> softplus(np.array([0.0, 1e4]))
    array([6.93147181e-01, 1.00000000e+04])
    """
    x = operand(x)
    scaled = p.multiply(x, beta)
    return p.where(scaled > threshold, x, p.divide(p.softplus(scaled), beta))


def softsign(x: Any) -> Array:
    """``x / (1 + |x|)``.

    Examples
    --------
    >>> softsign(np.array([-1.0, 3.0]))
    array([-0.5 ,  0.75])
    """
    x = operand(x)
    return p.divide(x, p.add(1.0, p.absolute(x)))


def tanhshrink(x: Any) -> Array:
    """``x - tanh(x)``.

    Examples
    --------
    >>> tanhshrink(np.array([0.0, 1.0]))
    array([0.        , 0.23840584])
    """
    x = operand(x)
    return p.subtract(x, p.tanh(x))


def softshrink(x: Any, lambd: float = 0.5) -> Array:
    """`x` moved towards 0 by `lambd`, and 0 within `lambd` of it.

    Raises
    ------
    ValueError
        `lambd` is negative.

    Examples
    --------
    >>> softshrink(np.array([-2.0, 0.5, 1.0]))
    array([-1.5,  0. ,  0.5])
    """
    if lambd < 0:
        raise ValueError(f"softshrink: lambd must not be negative, got {lambd}")
    x = operand(x)
    return p.where(_within(x, lambd), 0.0, p.subtract(x, p.copysign(lambd, x)))


def hardshrink(x: Any, lambd: float = 0.5) -> Array:
    """`x`, and 0 within `lambd` of 0.

    Examples
    --------
    >>> hardshrink(np.array([-2.0, 0.5, 1.0]))
    array([-2.,  0.,  1.])
    """
    x = operand(x)
    return p.where(_within(x, lambd), 0.0, x)


def _within(x: Array, bound: float) -> Array:
    return p.logical_and(x >= -bound, x <= bound)


def threshold(x: Any, threshold: float, value: float) -> Array:
    """`x` where it is above the threshold, elsewhere `value`.

    Examples
    --------
    >>> threshold(np.array([0.5, 2.0]), 1.0, -1.0)
    array([-1.,  2.])
    """
    x = operand(x)
    return p.where(x <= threshold, value, x)


def hardtanh(x: Any, min_val: float = -1.0, max_val: float = 1.0) -> Array:
    """`x` between two bounds; the derivative at both is 0.

    Raises
    ------
    ValueError
        The bounds are crossed.

    Examples
    --------
    >>> hardtanh(np.array([-2.0, 0.5, 2.0]))
    array([-1. ,  0.5,  1. ])
    """
    if min_val > max_val:
        raise ValueError(f"hardtanh: min_val ({min_val}) is greater than max_val ({max_val})")
    x = operand(x)
    return p.where(x <= min_val, min_val, p.where(x >= max_val, max_val, x))


def hardsigmoid(x: Any) -> Array:
    """``x / 6 + 1/2`` between 0 and 1: a sigmoid of three straight lines.

    Examples
    --------
    >>> hardsigmoid(np.array([-4.0, 0.0, 4.0]))
    array([0. , 0.5, 1. ])
    """
    return p.divide(hardtanh(p.add(operand(x), 3.0), 0.0, 6.0), 6.0)


def hardswish(x: Any) -> Array:
    """``x * hardsigmoid(x)``.

    Examples
    --------
    >>> hardswish(np.array([-4.0, 1.0, 4.0]))
    array([0.        , 0.66666667, 4.        ])
    """
    x = operand(x)
    middle = p.divide(p.multiply(x, p.add(x, 3.0)), 6.0)
    return p.where(x <= -3, 0.0, p.where(x >= 3, x, middle))


def glu(x: Any, axis: int = -1) -> Array:
    """The first half of `x` along an axis, times the sigmoid of the second.

    Raises
    ------
    ValueError
        The length of the axis is odd.

    Examples
    --------
    >>> glu(np.array([2.0, 4.0, 0.0, 0.0]))
    array([1., 2.])
    """
    x = operand(x)
    ndim = len(shape_of(x))
    axis = one_axis(axis, ndim)
    half, odd = divmod(shape_of(x)[axis], 2)
    if odd:
        raise ValueError(
            f"glu: the axis {axis} of x, of shape {shape_of(x)}, must have an even length"
        )
    value, gate = (x[axis_slice(ndim, axis, part)] for part in (slice(half), slice(half, None)))
    return p.multiply(value, p.sigmoid(gate))


def softmax(x: Any, axis: int | tuple[int, ...] | None = -1) -> Array:
    """Exponentials, divided by their sum along the axis (None: all axes).

    Examples
    --------
    >>> softmax(np.array([1e4, 1e4, -1e4]))
    array([0.5, 0.5, 0. ])
    """
    x = operand(x)
    return p.softmax(x, axes=reduced_axes(axis, len(shape_of(x))))


def softmin(x: Any, axis: int | tuple[int, ...] | None = -1) -> Array:
    """The `softmax` of ``-x``.

    Examples
    --------
    >>> softmin(np.array([1e4, -1e4]))
    array([0., 1.])
    """
    return softmax(p.negative(operand(x)), axis)


def log_softmax(x: Any, axis: int | tuple[int, ...] | None = -1) -> Array:
    """The logarithm of `softmax`, which neither underflows nor cancels.

    Examples
    --------
    >>> log_softmax(np.array([1e4, 0.0]))
    array([     0., -10000.])
    """
    x = operand(x)
    return p.log_softmax(x, axes=reduced_axes(axis, len(shape_of(x))))


def gumbel_softmax(
    logits: Any,
    rng: Source,
    *,
    tau: float = 1.0,
    hard: bool = False,
    axis: int = -1,
) -> Array:
    """A random choice among classes, relaxed so that it has a derivative by `logits`.

    Parameters
    ----------
    logits : array_like
        Logarithms of probabilities, up to a constant.
    rng : numpy.random.Generator or key
    tau : float
        The temperature: near 0 the result is close to one-hot.
    hard : bool
        The value is one-hot; the derivative remains that of the relaxed choice.
    axis : int
        The axis of the classes.

    Examples
    --------
    >>> gumbel_softmax(np.array([0.0, 100.0]), np.random.default_rng(0), hard=True)
    array([0., 1.])
    """
    logits = operand(logits)
    shape = shape_of(logits)
    noise = p.astype(gumbel(rng, shape), dtype=dtype_of(logits))
    soft = softmax(p.divide(p.add(logits, noise), tau), axis)
    if not hard:
        return soft
    axis = one_axis(axis, len(shape))
    chosen = p.argmax(stop_gradient(soft), axis=axis, keepdims=True)
    places = np.arange(shape[axis]).reshape([-1 if i == axis else 1 for i in range(len(shape))])
    one_hot = p.astype(p.equal(chosen, places), dtype=dtype_of(soft))
    return p.add(one_hot, p.subtract(soft, stop_gradient(soft)))
