"""Incomplete gamma functions of scipy.special, with the derivative by the shape parameter."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.core.kinds import elementwise
from functrans.core.primitive import ZERO
from functrans.core.types import Array, type_of

from .arithmetic import divide, multiply, negative, subtract
from .exponential import log
from .samples import Sample, binary, draw
from .special_gamma import digamma, gamma_density, gamma_density_impl, polygamma
from .special_operands import double, double_shape, fit
from .special_ufuncs import sp

if TYPE_CHECKING:
    from functrans.core.kinds import Function

EPSILON = float(np.finfo(float).eps)


def growth(slopes: list[Any]) -> Any:
    """The derivative of ``exp(g)`` over ``exp(g)`` itself, given the derivatives of g in order."""
    orders: list[Any] = [1.0]
    for n in range(len(slopes)):
        orders.append(sum(math.comb(n, i) * slopes[i] * orders[n - i] for i in range(n + 1)))
    return orders[-1]


def lower_series(a: Any, x: Any, order: int) -> Any:
    """For ``x <= a + 1``: the power series of gammainc term by term, of one sign for order 1."""
    term = gamma_density_impl(a, x) * x / a
    digamma = sp.psi(a + 1)
    n, total = a + 1, np.zeros_like(x)
    logarithm = np.log(x)
    while True:
        higher = [-sp.polygamma(i, n) for i in range(1, order)]
        factor = growth([logarithm - digamma, *higher])
        total = total + term * factor
        if np.all(term * np.maximum(1, np.abs(factor)) <= EPSILON / 8 * np.abs(total)):
            return total
        digamma = digamma + 1 / n
        term = term * x / n
        n = n + 1


def upper_integral(a: Any, x: Any, order: int) -> Any:
    """For ``x > a + 1``: the integral of the derivative of the density over the upper tail, which
    is of one sign for order 1, by the double exponential rule."""
    scale = 1 / (1 - (a - 1) / x + np.sqrt(a) / x)
    offset = np.log(x) - sp.psi(a)
    higher = [-sp.polygamma(i, a) for i in range(1, order)]
    total = np.zeros_like(x)
    h = 1 / 24
    for k in range(-110, 121):
        u = k * h
        node = math.exp(u - math.exp(-u))
        s = scale * node
        ratio = np.log1p(s / x)
        weight = np.exp((a - 1) * ratio - s) * (node * (1 + math.exp(-u)))
        total = total + weight * growth([offset + ratio, *higher])
    return gamma_density_impl(a, x) * scale * h * total


def gammainc_by_shape_impl(x: Array, y: Array, z: int) -> Array:
    """The derivative of order z > 0 of gammainc by its first operand."""
    a, t = np.broadcast_arrays(np.asarray(x, float), np.asarray(y, float))
    inside = (a > 0) & np.isfinite(a) & (t > 0) & np.isfinite(t)
    lower, upper = inside & (t <= a + 1), inside & (t > a + 1)
    edge = (a > 0) & ((t == 0) | np.isposinf(t))
    values = np.where(edge, 0.0, np.nan)
    with np.errstate(under="ignore"):
        if lower.any():
            values[lower] = lower_series(a[lower], t[lower], z)
        if upper.any():
            values[upper] = -upper_integral(a[upper], t[upper], z)
    return values[()]


def gamma_density_by_shape(x: Array, y: Array, z: int) -> Array:
    """The derivative of order z of the density by the shape."""
    higher = [negative(polygamma(i, x)) for i in range(1, z)]
    return multiply(gamma_density(x, y), growth([subtract(log(y), digamma(x)), *higher]))


gammainc_by_shape: Function = elementwise(
    "gammainc_by_shape",
    gammainc_by_shape_impl,
    lambda x, y, z: gammainc_by_shape(x, y, z + 1),
    gamma_density_by_shape,
    ZERO,
    shape=lambda x, y, z: double_shape(x, y),
    samples=lambda: [
        Sample(draw((4,), 0.5, 5), draw((4,), 0.5, 5, 1), 1),
        Sample(draw((2, 1), 0.5, 5), draw((3,), 0.5, 5, 1), 2, label="broadcast"),
        Sample(draw((2, 3), 0.5, 5).T, 2.5, 1, label="non-contiguous"),
        Sample(30.0, np.array([20.0, 40.0]), 1, label="both sides"),
        Sample(1.5, 2.0, 1, label="0-d"),
        Sample(1.5, draw((0,), 0.5, 5), 1, label="empty"),
    ],
)


def gammaincinv_by_shape(ans: Array, x: Array) -> Array:
    """The derivative of either inverse, which has the value `ans`, by its shape."""
    shape, value = double(x), double(ans)
    slope = divide(gammainc_by_shape(shape, value, 1), gamma_density(shape, value))
    return fit(negative(slope), type_of(ans))


gammainc = elementwise(
    "gammainc",
    sp.gammainc,
    lambda x, y, ans_type: fit(gammainc_by_shape(double(x), double(y), 1), ans_type),
    lambda x, y, ans_type: fit(gamma_density(double(x), double(y)), ans_type),
    samples=binary(0.5, 3, Sample(1.0, 0.0, pinned=[0, 1], label="the border"), complex_too=False),
)
gammaincc = elementwise(
    "gammaincc",
    sp.gammaincc,
    lambda x, y, ans_type: negative(fit(gammainc_by_shape(double(x), double(y), 1), ans_type)),
    lambda x, y, ans_type: negative(fit(gamma_density(double(x), double(y)), ans_type)),
    samples=binary(0.5, 3, complex_too=False),
)
gammaincinv = elementwise(
    "gammaincinv",
    sp.gammaincinv,
    lambda ans, x: gammaincinv_by_shape(ans, x),
    lambda g, ans, x: divide(g, fit(gamma_density(double(x), double(ans)), type_of(ans))),
    samples=binary(0.3, 0.8, complex_too=False),
)
gammainccinv = elementwise(
    "gammainccinv",
    sp.gammainccinv,
    lambda ans, x: gammaincinv_by_shape(ans, x),
    lambda g, ans, x: divide(g, negative(fit(gamma_density(double(x), double(ans)), type_of(ans)))),
    samples=binary(0.3, 0.8, complex_too=False),
)
