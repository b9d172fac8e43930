"""Zeta functions of scipy.special, by the exponent too."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.core.kinds import elementwise
from functrans.core.primitive import ZERO
from functrans.core.types import Array, ArrayType, dtype_of

from .arithmetic import add, multiply, negative, real, subtract
from .comparison import less, where
from .exponential import power
from .polygamma_series import BERNOULLI, SHIFT
from .samples import Sample, draw, unary
from .special_gamma import digamma
from .special_operands import double, fit, with_parameters
from .special_ufuncs import sp
from .trigonometric import cos, sin

if TYPE_CHECKING:
    from functrans.core.kinds import Function

RISING = [np.polynomial.Polynomial.fromroots(-np.arange(2.0 * k - 1)) for k in range(1, 9)]
"""``s * (s + 1) * ... * (s + 2 * k - 2)``, k = 1, 2 ..."""


def zeta_derivative_impl(x: Array, y: Array, z: int) -> Array:
    """The derivative of order z > 0 of the Hurwitz zeta function by its exponent x, whose real part
    is not negative: terms up to 16, and Euler's and Maclaurin's series for the rest."""
    dtype = np.result_type(x, np.float64)
    s, a = np.broadcast_arrays(np.asarray(x, dtype), np.asarray(y, float))
    with np.errstate(all="ignore"):
        total: Any = 0
        for k in range(SHIFT):
            total = total + (-np.log(a + k)) ** z * (a + k) ** -s
        b = a + SHIFT
        fall = -np.log(b)
        total = total + 0.5 * fall**z * b**-s
        for j in range(z + 1):
            part = math.comb(z, j) * fall ** (z - j)
            total = total + part * b ** (1 - s) * (-1) ** j * math.factorial(j) / (s - 1) ** (j + 1)
            for k, (bernoulli, rising) in enumerate(zip(BERNOULLI, RISING, strict=True), 1):
                slope = rising.deriv(j)(s) if j else rising(s)
                total = total + part * bernoulli / math.factorial(2 * k) * slope * b ** (
                    1 - s - 2 * k
                )
    return np.asarray(total)[()]


def zeta_by_shift(x: Array, y: Array, z: int) -> Array:
    """The derivative by y: that of ``-x * zeta(x + 1, y)``, z times by x."""
    raised = add(x, 1)
    lower = zeta(raised, y) if z == 1 else zeta_derivative(raised, y, z - 1)
    return negative(add(multiply(x, zeta_derivative(raised, y, z)), multiply(z, lower)))


def zeta_shape(x: ArrayType, y: ArrayType, z: ArrayType) -> ArrayType:
    return ArrayType(np.broadcast_shapes(x.shape, y.shape), np.result_type(x.dtype, np.float64))


zeta_derivative: Function = elementwise(
    "zeta_derivative",
    zeta_derivative_impl,
    lambda x, y, z: zeta_derivative(x, y, z + 1),
    lambda x, y, z: zeta_by_shift(x, y, z),
    ZERO,
    shape=zeta_shape,
    samples=lambda: [
        Sample(draw((3,), 1.5, 4), draw((3,), 0.5, 3, 1), 1),
        Sample(draw((2, 1), 1.5, 4), draw((3,), 0.5, 3, 1), 2, label="broadcast"),
        Sample(draw((2, 3), 1.5, 4).T, 1.5, 1, label="non-contiguous"),
        Sample(2.5, 1.5, 1, label="0-d"),
        Sample(2.5, draw((0,), 0.5, 3), 1, label="empty"),
    ],
)


def hurwitz_slope(x: Array, y: Array) -> Array:
    return negative(multiply(x, zeta(add(x, 1), y)))


zeta: Function = elementwise(
    "zeta",
    sp._ufuncs._zeta,
    lambda x, y, ans_type: fit(zeta_derivative(wide(x), double(y), 1), ans_type),
    lambda x, y, ans_type: hurwitz_slope(fit(x, ans_type), y),
    samples=with_parameters((1.5, 4), last=(1.5, 4)),
)


def wide(x: Array) -> Array:
    """In double precision; complex numbers as they are."""
    return x if dtype_of(x).kind == "c" else double(x)


def riemann_slope(x: Array, ans_type: ArrayType) -> Array:
    """To the left of 0 by the functional equation, ``zeta(s) = factor(s) * zeta(1 - s)``."""
    s = wide(x)
    left = less(real(s) if dtype_of(s).kind == "c" else s, 0)
    right = zeta_derivative(where(left, 2.0, s), 1.0, 1)
    mirrored = subtract(1, where(left, s, -1.0))
    angle = multiply(math.pi / 2, subtract(1, mirrored))
    scale = multiply(power(2 * math.pi, negative(mirrored)), multiply(2, sp.gamma(mirrored)))
    factor = multiply(scale, sin(angle))
    slope = multiply(subtract(math.log(2 * math.pi), digamma(mirrored)), factor)
    slope = add(slope, multiply(multiply(math.pi / 2, scale), cos(angle)))
    turned = multiply(factor, zeta_derivative(mirrored, 1.0, 1))
    reflected = subtract(multiply(slope, riemann_zeta(mirrored)), turned)
    return fit(where(left, reflected, right), ans_type)


riemann_zeta: Function = elementwise(
    "riemann_zeta",
    sp._ufuncs._riemann_zeta,
    riemann_slope,
    samples=unary(1.5, 4, Sample(np.array([0.0, 0.5, -0.5, -2.0, -7.25]), label="left of 1")),
)
zetac = elementwise(
    "zetac",
    sp.zetac,
    riemann_slope,
    samples=unary(1.5, 4, Sample(np.array([0.5, -0.5, -2.0]), label="left"), complex_too=False),
)
