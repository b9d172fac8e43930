"""Polygamma functions in plain NumPy, by recurrence up to where their asymptotic series are exact;
Stirling's formula and what else densities are made of."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.core.kinds import elementwise
from functrans.core.types import Array

from .arithmetic import add
from .samples import Sample, draw
from .special_operands import double_shape

if TYPE_CHECKING:
    from functrans.core.kinds import Function

BERNOULLI = [1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510]
"""The Bernoulli numbers of order 2, 4, 6 ..."""
SHIFT = 16  # from here on the series below are exact to the last bit


def tail_coefficients(s: int) -> list[float]:
    """Those of ``a**(1 - s - 2 * k)``, k = 1, 2 ..., in the asymptotic series of zeta(s, a)."""
    rising = 1.0
    coefficients = []
    for k, bernoulli in enumerate(BERNOULLI, 1):
        rising *= s if k == 1 else (s + 2 * k - 3) * (s + 2 * k - 2)
        coefficients.append(bernoulli * rising / math.factorial(2 * k))
    return coefficients


def polygamma_by_series(n: int, x: Array) -> Array:
    """The derivative of order n > 0 of digamma, by recurrence up to the series of zeta(n + 1)."""
    s = n + 1
    z = np.asarray(x)
    total = np.zeros_like(z)
    while (low := np.real(z) < SHIFT).any():
        total = np.where(low, total + 1 / z**s, total)
        z = np.where(low, z + 1, z)
    total = total + z ** (1 - s) / (s - 1) + z**-s / 2
    for k, c in enumerate(tail_coefficients(s), 1):
        total = total + c * z ** (1 - s - 2 * k)
    return (-1) ** s * math.factorial(n) * total


def digamma_by_series(x: Array) -> Array:
    """Digamma of numbers greater than 0."""
    z = np.asarray(x, float)
    total = np.zeros_like(z)
    while (low := z < SHIFT).any():
        total = np.where(low, total - 1 / z, total)
        z = np.where(low, z + 1, z)
    total = total + np.log(z) - 0.5 / z
    for k, bernoulli in enumerate(BERNOULLI, 1):
        total = total - bernoulli / (2 * k) * z ** (-2.0 * k)
    return total


def stirling_tail(a: Any) -> Any:
    """``log(gamma(a)) - ((a - 1/2) * log(a) - a + log(2 * pi) / 2)`` for a >= SHIFT."""
    return sum(
        bernoulli / (2 * k * (2 * k - 1)) * a ** (1.0 - 2 * k)
        for k, bernoulli in enumerate(BERNOULLI, 1)
    )


SMALL_FACTORIALS = np.cumsum(np.log(np.maximum(np.arange(SHIFT + 1.0), 1)))
_WHOLE = np.arange(1.0, SHIFT + 1)
SMALL_TAILS = np.append(
    0.0,
    SMALL_FACTORIALS[1:] - ((_WHOLE + 0.5) * np.log(_WHOLE) - _WHOLE + 0.5 * math.log(2 * math.pi)),
)


def factorial_tail(k: Array) -> Array:
    """``log(k!) - ((k + 1/2) * log(k) - k + log(2 * pi) / 2)`` for whole numbers k >= 1."""
    small = SMALL_TAILS[np.minimum(k, SHIFT).astype(int)]
    return np.where(k < SHIFT, small, stirling_tail(np.maximum(k, SHIFT)))


def excess(u: Any, ratio: Any) -> Any:
    """``u - log(1 + u)`` for ``ratio = 1 + u``, without cancellation near 0."""
    near = np.abs(u) < 0.5
    v = np.where(near, u, 0)
    r = v / (2 + v)
    square = r * r
    series = np.zeros_like(r)
    for k in range(39, 1, -2):
        series = (series + 1 / k) * square
    return np.where(near, v * r - 2 * r * series, u - np.log(ratio))


def growth(slopes: list[Any]) -> Any:
    """The derivative of ``exp(g)`` over ``exp(g)`` itself, given the derivatives of g in order."""
    orders: list[Any] = [1.0]
    for n in range(len(slopes)):
        orders.append(sum(math.comb(n, i) * slopes[i] * orders[n - i] for i in range(n + 1)))
    return orders[-1]


def positive_polygamma_impl(x: int, y: Array) -> Array:
    """The derivative of order `x` of digamma, at y >= 0."""
    z = np.asarray(y, float)
    inside = (z > 0) & np.isfinite(z)
    at = np.where(inside, z, 1.0)
    values = digamma_by_series(at) if x == 0 else polygamma_by_series(x, at)
    pole, end = (-1) ** (x + 1) * math.inf, math.inf if x == 0 else 0.0
    edges = np.where(z == 0, pole, np.where(np.isposinf(z), end, math.nan))
    return np.where(inside, values, edges)[()]


positive_polygamma: Function = elementwise(
    "positive_polygamma",
    positive_polygamma_impl,
    None,
    lambda x, y: positive_polygamma(add(x, 1), y),
    shape=lambda x, y: double_shape(y),
    samples=lambda: [
        Sample(0, draw((3,), 0.5, 3)),
        Sample(1, draw((2, 3), 0.5, 20).T, label="non-contiguous"),
        Sample(0, 1.0, value=-0.5772156649015329, label="Euler's constant"),
        Sample(1, 0.75, value=2.5418796476716063, label="0-d"),
        Sample(2, np.array([0.01, 40.0]), label="both ends"),
        Sample(0, np.array([0.0, math.inf]), value=[-math.inf, math.inf], smooth=False),
        Sample(1, draw((0,), 0.5, 3), label="empty"),
    ],
)
