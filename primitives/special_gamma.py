"""Gamma and beta functions of scipy.special, with the derivatives of digamma and of zeta."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.core.kinds import elementwise, nondifferentiable
from functrans.core.primitive import ZERO
from functrans.core.types import Array, ArrayType, dtype_of

from .arithmetic import absolute, add, divide, multiply, negative, remainder, subtract
from .comparison import equal, less, minimum, rint, where
from .exponential import log
from .polygamma_series import (
    SHIFT,
    excess,
    polygamma_by_series,
    stirling_tail,
    tail_coefficients,
)
from .samples import Sample, binary, draw, unary
from .special_operands import double, double_shape, fit
from .special_ufuncs import sp
from .trigonometric import cos, sin

if TYPE_CHECKING:
    from functrans.core.kinds import Function

inf = np.inf

# Digamma and its derivatives.


def polygamma_impl(x: Array, y: Array) -> Array:
    """SciPy's, and for complex numbers and whole orders our own."""
    if dtype_of(y).kind != "c":
        return sp.polygamma(x, y)[()]
    orders = np.unique(x)
    values: Any = np.zeros(np.broadcast_shapes(np.shape(x), np.shape(y)), dtype_of(y))
    for n in orders.tolist():
        order = sp.psi(y) if n == 0 else polygamma_by_series(int(n), y)
        values = np.where(np.equal(x, n), order, values)
    return values[()]


def polygamma_shape(x: ArrayType, y: ArrayType) -> ArrayType:
    dtype = np.result_type(y.dtype, np.float64) if y.dtype.kind != "c" else y.dtype
    return ArrayType(np.broadcast_shapes(x.shape, y.shape), dtype)


polygamma: Function = elementwise(
    "polygamma",
    polygamma_impl,
    None,
    lambda x, y: polygamma(add(x, 1), y),
    shape=polygamma_shape,
    samples=lambda: [
        Sample(1, draw((3,), 0.5, 3)),
        Sample(np.array([0, 1, 3]), draw((2, 3), 0.5, 3, 1), label="orders, broadcast"),
        Sample(2, draw((2, 3), 1, 4).T, label="non-contiguous"),
        Sample(1, draw((3,), 0.5, 3).astype(np.float32), label="float32"),
        Sample(1, 0.75, value=2.5418796476716063, label="0-d"),
        Sample(1, draw((0,), 0.5, 3), label="empty"),
        Sample(1, draw((3,), -3, 3, 1) + 1j, label="complex"),
        Sample(1, np.array([-0.5, -3.25]), label="negative"),
    ],
)
digamma = elementwise(
    "digamma",
    sp.digamma,
    lambda x: polygamma(1, x),
    samples=unary(
        0.5,
        3,
        Sample(np.array([-0.5, -3.25]), label="negative"),
        Sample(1e9, pinned=[1e-9 + 0.5e-18], label="far out"),
        Sample(0.0, pinned=[inf], label="a pole"),
    ),
)


def polygamma_difference_impl(x: Array, y: Array, z: int) -> Array:
    """``polygamma(z, x + y) - polygamma(z, x)``, without cancellation where y is small beside x.

    All terms are differences of powers, taken as ``x**-e * expm1(-e * log1p(y / x))``.
    """
    first, step = np.asarray(x, float), np.asarray(y, float)
    plain = (first > 0) & (first + step > 0)
    a, b = np.where(plain, first, 1), np.where(plain, step, 0)
    s = z + 1

    def change(a: Any, e: int) -> Any:
        return a**-e * np.expm1(-e * np.log1p(b / a))

    with np.errstate(all="ignore"):
        total = sum(change(a + k, s) for k in range(SHIFT))
        a = a + SHIFT
        total += change(a, s) / 2 + (change(a, s - 1) / z if z else -np.log1p(b / a))
        for k, c in enumerate(tail_coefficients(s), 1):
            total += c * change(a, s - 1 + 2 * k)
        values = (-1) ** s * math.factorial(z) * total
        if not plain.all():
            direct = sp.polygamma(z, first + step) - sp.polygamma(z, first)
            values = np.where(plain, values, direct)
    return np.asarray(values)[()]


polygamma_difference: Function = elementwise(
    "polygamma_difference",
    polygamma_difference_impl,
    lambda x, y, z: polygamma_difference(x, y, z + 1),
    lambda x, y, z: polygamma(z + 1, add(x, y)),
    ZERO,
    shape=lambda x, y, z: double_shape(x, y),
    samples=lambda: [
        Sample(draw((3,), 0.5, 3), draw((3,), 0.5, 3, 1), 0),
        Sample(draw((2, 1), 0.5, 3), draw((3,), 0.5, 3, 1), 1, label="broadcast"),
        Sample(draw((2, 3), 0.5, 3).T, 1.5, 0, label="non-contiguous"),
        Sample(draw((0,), 0.5, 3), 2.0, 0, label="empty"),
        Sample(0.5, 2.0, 2, label="0-d"),
        Sample(-0.5, 2.25, 1, label="negative"),
    ],
)


def digamma_difference(x: Array, y: Array, ans_type: ArrayType) -> Array:
    """``digamma(x + y) - digamma(x)`` in the dtype of the output."""
    return fit(polygamma_difference(double(x), double(y), 0), ans_type)


# Gamma functions.

gammaln = elementwise(
    "gammaln",
    sp.gammaln,
    lambda x: digamma(x),
    samples=unary(
        0.5,
        3,
        Sample(np.array([-0.5, -3.25]), label="negative"),
        Sample(np.array([0.0, inf]), pinned=[np.array([-inf, inf])], label="the ends"),
        complex_too=False,
    ),
)
loggamma = elementwise("loggamma", sp.loggamma, lambda x: digamma(x), samples=unary(0.5, 3))
gamma = elementwise(
    "gamma",
    sp.gamma,
    lambda ans, x: multiply(ans, digamma(x)),
    samples=unary(0.5, 3, Sample(np.array([-0.5, -3.25]), label="negative")),
)
gammasgn = nondifferentiable("gammasgn", sp.gammasgn, samples=unary(0.5, 3, complex_too=False))


def rgamma_partial(ans: Array, x: Array) -> Array:
    """``-ans * digamma(x)``; left of 1/2 by reflection, which has no poles there."""
    if dtype_of(x).kind == "c":
        return negative(multiply(ans, digamma(x)))
    left = less(x, 0.5)
    right = negative(multiply(ans, digamma(where(left, 1.0, minimum(x, 1e3)))))  # 0 there
    z = where(left, x, 0.0)
    whole = rint(z)
    angle = multiply(math.pi, subtract(z, whole))
    sign = subtract(1.0, multiply(2.0, remainder(absolute(whole), 2.0)))
    mirrored = subtract(1.0, z)
    slope = subtract(cos(angle), multiply(divide(sin(angle), math.pi), digamma(mirrored)))
    return where(left, multiply(multiply(sign, sp.gamma(mirrored)), slope), right)


rgamma: Function = elementwise(
    "rgamma",
    sp.rgamma,
    rgamma_partial,
    samples=unary(
        0.6,
        3,
        Sample(np.array([0.25, -0.5, -3.25, 0.0, -2.0]), label="left, with zeros"),
        Sample(np.array([0.0, -1.0, -2.0]), pinned=[np.array([1.0, -1.0, 2.0])], label="zeros"),
        Sample(inf, pinned=[0], label="infinity"),
    ),
)
poch = elementwise(
    "poch",
    sp.poch,
    lambda ans, x, y, ans_type: multiply(ans, digamma_difference(x, y, ans_type)),
    lambda ans, x, y: multiply(ans, digamma(add(x, y))),
    samples=binary(0.5, 2, complex_too=False),
)

# Beta functions.

beta = elementwise(
    "beta",
    sp.beta,
    lambda ans, x, y, ans_type: negative(multiply(ans, digamma_difference(x, y, ans_type))),
    lambda ans, x, y, ans_type: negative(multiply(ans, digamma_difference(y, x, ans_type))),
    samples=binary(0.5, 2, complex_too=False),
)
betaln = elementwise(
    "betaln",
    sp.betaln,
    lambda x, y, ans_type: negative(digamma_difference(x, y, ans_type)),
    lambda x, y, ans_type: negative(digamma_difference(y, x, ans_type)),
    samples=binary(
        0.5,
        2,
        Sample(2.0**27, 1.0, pinned=[-(2.0**-27), None], label="far apart"),
        complex_too=False,
    ),
)

# The densities behind the incomplete functions, in the form that does not cancel: the deviance
# from the mode, and the error of Stirling's formula.


def stirling_error(a: Any) -> Any:
    """``log(gamma(a)) - ((a - 1/2) * log(a) - a + log(2 * pi) / 2)`` for a > 0."""
    small = np.minimum(a, SHIFT)
    direct = sp.gammaln(small) - (
        (small - 0.5) * np.log(small) - small + 0.5 * math.log(2 * math.pi)
    )
    return np.where(a >= SHIFT, stirling_tail(np.maximum(a, SHIFT)), direct)


def gamma_density_impl(x: Array, y: Array) -> Array:
    """``y**(x - 1) * exp(-y) / gamma(x)``."""
    a, t = np.asarray(x, float), np.asarray(y, float)
    with np.errstate(all="ignore"):
        plain = (a > 0) & (t > 0)
        b, u = np.where(plain, a, 1), np.where(plain, t, 1)
        saddle = np.exp(-b * excess((u - b) / b, u / b) - stirling_error(b))
        values = saddle * np.sqrt(b / (2 * math.pi)) / u
        values = np.where(plain, values, t ** (a - 1) * np.exp(-t) * sp.rgamma(a))
    return values[()]


def gamma_density_slope(ans: Array, x: Array, y: Array) -> Array:
    """The derivative by y, at the border by its limit."""
    border = equal(y, 0)
    inner = multiply(ans, subtract(divide(subtract(x, 1), where(border, 1.0, y)), 1))
    limit = subtract(gamma_density(subtract(x, 1), where(border, 0.0, 1.0)), ans)
    return where(border, limit, inner)


gamma_density: Function = elementwise(
    "gamma_density",
    gamma_density_impl,
    lambda ans, x, y: multiply(ans, subtract(log(y), digamma(x))),
    gamma_density_slope,
    shape=double_shape,
    samples=binary(
        0.5,
        3,
        Sample(30.0, 28.0, label="large"),
        Sample(2.0, 0.0, pinned=[None, 1], label="the border"),
        complex_too=False,
    ),
)
