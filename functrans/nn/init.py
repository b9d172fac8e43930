"""First values of parameters, drawn from a ``numpy.random.Generator``.

``shape`` is that of a weight as the layers take it: (outputs, inputs, ...); the number of inputs of
a unit (*fan in*) is the product of all but the first length.
"""

from __future__ import annotations

import math
from math import prod
from typing import Any, Literal

import numpy as np
from numpy.typing import DTypeLike

from functrans import primitives as p
from functrans.core.types import Array, Shape

Mode = Literal["fan_in", "fan_out"]

_GAINS: dict[str, float] = {
    "linear": 1.0,
    "conv1d": 1.0,
    "conv2d": 1.0,
    "conv3d": 1.0,
    "conv_transpose1d": 1.0,
    "conv_transpose2d": 1.0,
    "conv_transpose3d": 1.0,
    "sigmoid": 1.0,
    "tanh": 5 / 3,
    "relu": math.sqrt(2),
    "selu": 3 / 4,
}


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """By how much weights are scaled before a nonlinearity, so that activations keep their size.

    Parameters
    ----------
    nonlinearity : str
        ``"linear"``, the name of a convolution, ``"sigmoid"``, ``"tanh"``, ``"relu"``, ``"selu"``
        or ``"leaky_relu"``.
    param : float, optional
        The slope of ``"leaky_relu"``; default 0.01.

    Examples
    --------
    >>> round(calculate_gain("relu") ** 2, 12)
    2.0
    """
    if nonlinearity == "leaky_relu":
        return math.sqrt(2 / (1 + (0.01 if param is None else param) ** 2))
    if nonlinearity not in _GAINS:
        raise ValueError(
            f"calculate_gain: unknown nonlinearity {nonlinearity!r}; known are "
            f"{', '.join(['leaky_relu', *_GAINS])}"
        )
    return _GAINS[nonlinearity]


def fans(shape: Shape) -> tuple[int, int]:
    """The number of inputs and of outputs of a unit whose weights have this shape.

    Examples
    --------
    >>> fans((8, 3, 5, 5))
    (75, 200)
    """
    if len(shape) < 2:
        raise ValueError(
            f"a weight needs axes (outputs, inputs, ...) to count what a unit is connected with, "
            f"got shape {shape}"
        )
    return prod(shape[1:]), shape[0] * prod(shape[2:])


def constant(shape: Shape, value: float, dtype: DTypeLike = float) -> Array:
    """The same number everywhere.

    Examples
    --------
    >>> constant((2,), 0.5)
    array([0.5, 0.5])
    """
    return np.full(shape, value, dtype)


def uniform(
    shape: Shape,
    rng: np.random.Generator,
    low: float = 0.0,
    high: float = 1.0,
    dtype: DTypeLike = float,
) -> Array:
    """Evenly distributed numbers between two bounds.

    Examples
    --------
    >>> uniform((2,), np.random.default_rng(0), -1.0, 1.0)
    array([ 0.27392337, -0.46042657])
    """
    return np.asarray(rng.uniform(low, high, shape)).astype(dtype)


def normal(
    shape: Shape,
    rng: np.random.Generator,
    mean: float = 0.0,
    std: float = 1.0,
    dtype: DTypeLike = float,
) -> Array:
    """Normally distributed numbers.

    Examples
    --------
    >>> normal((2,), np.random.default_rng(0), std=0.5)
    array([ 0.06286511, -0.06605243])
    """
    return np.asarray(rng.normal(mean, std, shape)).astype(dtype)


def truncated_normal(
    shape: Shape,
    rng: np.random.Generator,
    mean: float = 0.0,
    std: float = 1.0,
    low: float = -2.0,
    high: float = 2.0,
    dtype: DTypeLike = float,
) -> Array:
    """Normally distributed numbers of which those outside of two bounds are drawn again.

    Raises
    ------
    ValueError
        No number within the bounds can be expected.

    Examples
    --------
    >>> x = truncated_normal((1000,), np.random.default_rng(0))
    >>> bool(abs(x).max() <= 2.0)
    True
    """
    inside = p.normal_cdf((high - mean) / std) - p.normal_cdf((low - mean) / std)
    if not inside > 1e-4:
        raise ValueError(
            f"truncated_normal: hardly any number of mean {mean} and deviation {std} lies between "
            f"{low} and {high}"
        )
    out = np.asarray(rng.normal(mean, std, shape))
    flat = out.reshape(-1)
    wrong = np.flatnonzero((flat < low) | (flat > high))
    while wrong.size:
        flat[wrong] = again = rng.normal(mean, std, wrong.size)
        wrong = wrong[(again < low) | (again > high)]
    return flat.reshape(shape).astype(dtype)


def xavier_uniform(
    shape: Shape, rng: np.random.Generator, gain: float = 1.0, dtype: DTypeLike = float
) -> Array:
    """Even numbers of variance ``2 * gain**2 / (fan_in + fan_out)`` (Glorot and Bengio, 2010).

    Examples
    --------
    >>> bool(abs(xavier_uniform((3, 3), np.random.default_rng(0))).max() <= 1.0)
    True
    """
    bound = math.sqrt(3) * gain * math.sqrt(2 / sum(fans(shape)))
    return uniform(shape, rng, -bound, bound, dtype)


def xavier_normal(
    shape: Shape, rng: np.random.Generator, gain: float = 1.0, dtype: DTypeLike = float
) -> Array:
    """Normal numbers of variance ``2 * gain**2 / (fan_in + fan_out)`` (Glorot and Bengio, 2010).

    Examples
    --------
    >>> xavier_normal((2, 3), np.random.default_rng(0)).shape
    (2, 3)
    """
    return normal(shape, rng, 0.0, gain * math.sqrt(2 / sum(fans(shape))), dtype)


def _kaiming_deviation(shape: Shape, a: float, mode: str, nonlinearity: str) -> float:
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"mode must be 'fan_in' or 'fan_out', got {mode!r}")
    fan = fans(shape)[mode == "fan_out"]
    return calculate_gain(nonlinearity, a) / math.sqrt(max(fan, 1))


def kaiming_uniform(
    shape: Shape,
    rng: np.random.Generator,
    a: float = 0.0,
    mode: Mode = "fan_in",
    nonlinearity: str = "leaky_relu",
    dtype: DTypeLike = float,
) -> Array:
    """Even numbers of variance ``gain**2 / fan`` (He and others, 2015).

    Parameters
    ----------
    shape : tuple of int
    rng : numpy.random.Generator
    a : float
        The slope of ``"leaky_relu"``; 0 for relu.
    mode : {"fan_in", "fan_out"}
        Whether activations keep their size forwards, or derivatives backwards.
    nonlinearity : str
        See `calculate_gain`.
    dtype : dtype

    Examples
    --------
    >>> bool(abs(kaiming_uniform((4, 6), np.random.default_rng(0))).max() <= 1.0)
    True
    """
    bound = math.sqrt(3) * _kaiming_deviation(shape, a, mode, nonlinearity)
    return uniform(shape, rng, -bound, bound, dtype)


def kaiming_normal(
    shape: Shape,
    rng: np.random.Generator,
    a: float = 0.0,
    mode: Mode = "fan_in",
    nonlinearity: str = "leaky_relu",
    dtype: DTypeLike = float,
) -> Array:
    """Normal numbers of variance ``gain**2 / fan`` (He and others, 2015); see `kaiming_uniform`.

    Examples
    --------
    >>> kaiming_normal((2, 3), np.random.default_rng(0), nonlinearity="relu").shape
    (2, 3)
    """
    return normal(shape, rng, 0.0, _kaiming_deviation(shape, a, mode, nonlinearity), dtype)


def orthogonal(
    shape: Shape, rng: np.random.Generator, gain: float = 1.0, dtype: DTypeLike = float
) -> Array:
    """A random matrix with orthonormal rows or columns (those that are fewer), times `gain`.

    The axes behind the first count as one.

    Examples
    --------
    >>> w = orthogonal((2, 3), np.random.default_rng(0))
    >>> (w @ w.T).round(12)
    array([[ 1., -0.],
           [-0.,  1.]])
    """
    if len(shape) < 2:
        raise ValueError(f"orthogonal: at least two axes are needed, got shape {shape}")
    rows, columns = shape[0], prod(shape[1:])
    tall = rng.normal(size=(max(rows, columns), min(rows, columns)))
    q, r = np.linalg.qr(tall)
    q = q * np.where(np.diag(r) < 0, -1.0, 1.0)  # only so are all matrices equally likely
    q = q.T if rows < columns else q
    return (gain * q).reshape(shape).astype(dtype)


def eye(shape: Shape, dtype: DTypeLike = float) -> Array:
    """A matrix that passes on as many inputs as possible.

    Examples
    --------
    >>> eye((2, 3))
    array([[1., 0., 0.],
           [0., 1., 0.]])
    """
    if len(shape) != 2:
        raise ValueError(f"eye: shape must be that of a matrix, got {shape}")
    return np.eye(*shape, dtype=dtype)


def dirac(shape: Shape, groups: int = 1, dtype: DTypeLike = float) -> Array:
    """The kernel of a convolution that passes on as many channels as possible.

    Examples
    --------
    >>> dirac((1, 1, 3))
    array([[[0., 1., 0.]]])
    """
    if not 3 <= len(shape) <= 5 or shape[0] % groups:
        raise ValueError(
            f"dirac: shape must be (outputs, channels, ...) of a convolution, with a multiple of "
            f"groups={groups} outputs, got {shape}"
        )
    out: Any = np.zeros(shape, dtype)
    each = shape[0] // groups
    middle = tuple(n // 2 for n in shape[2:])
    for group in range(groups):
        for i in range(min(each, shape[1])):
            out[(group * each + i, i, *middle)] = 1
    return out
