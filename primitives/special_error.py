"""Error functions of scipy.special, the normal distribution, and Dawson's integral."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from functrans.core.kinds import elementwise, ufunc_shape
from functrans.core.primitive import ZERO
from functrans.core.types import Array, dtype_of

from .arithmetic import add, divide, multiply, negative, square
from .comparison import greater, maximum, minimum, where
from .exponential import exp, real_line_shape
from .samples import Sample, draw, unary
from .special_operands import ordered
from .special_ufuncs import sp

if TYPE_CHECKING:
    from functrans.core.kinds import Function

inf = np.inf
ROOT_PI, ROOT_2 = math.sqrt(math.pi), math.sqrt(2)


def bounded(x: Array) -> Array:
    """The argument of a Gaussian, brought back to where that is 0 as well if it is beyond: the
    derivatives of the Gaussian are products with it, and 0 times infinity were none."""
    return x if dtype_of(x).kind == "c" else minimum(maximum(x, -100.0), 100.0)


def gauss_impl(x: Array) -> Array:
    with np.errstate(over="ignore"):  # where the square is infinite, 0 is the right value
        return np.exp(-np.square(x))


# exp(-x**2), with derivatives that are 0 at infinity, as it is.
gauss: Function = elementwise(
    "gauss",
    gauss_impl,
    lambda ans, x: multiply(-2, multiply(ans, bounded(x))),
    shape=ufunc_shape(np.exp),
    samples=unary(
        -2,
        2,
        Sample(np.array([-inf, -60.0, 1e200, inf]), pinned=[0], label="beyond"),
        Sample(0.5, value=math.exp(-0.25), label="0-d"),
    ),
)


# Error functions.

erf = elementwise(
    "erf",
    sp.erf,
    lambda x: multiply(2 / ROOT_PI, gauss(x)),
    samples=unary(
        -2,
        2,
        Sample(np.array([-inf, inf]), pinned=[0], label="infinity"),
        Sample(10.0, pinned=[2 / ROOT_PI * math.exp(-100)], label="far out"),
    ),
)
erfc = elementwise(
    "erfc",
    sp.erfc,
    lambda x: multiply(-2 / ROOT_PI, gauss(x)),
    samples=unary(
        -2,
        2,
        Sample(np.array([-inf, inf]), pinned=[0], label="infinity"),
        Sample(10.0, pinned=[-2 / ROOT_PI * math.exp(-100)], label="far out"),
    ),
)
erfi = elementwise(
    "erfi", sp.erfi, lambda x: multiply(2 / ROOT_PI, exp(square(x))), samples=unary(-1, 1)
)
erfinv = elementwise(
    "erfinv",
    sp.erfinv,
    lambda ans: multiply(ROOT_PI / 2, exp(square(ans))),
    samples=unary(
        -0.6,
        0.6,
        Sample(np.array([-1.0, 0.0, 1.0]), pinned=[np.array([inf, ROOT_PI / 2, inf])]),
        complex_too=False,
    ),
)
erfcinv = elementwise(
    "erfcinv",
    sp.erfcinv,
    lambda ans: multiply(-ROOT_PI / 2, exp(square(ans))),
    samples=unary(
        0.3,
        1.6,
        Sample(np.array([0.0, 1.0, 2.0]), pinned=[np.array([-inf, -ROOT_PI / 2, -inf])]),
        complex_too=False,
    ),
)


def erfcx_moment_impl(x: Array, y: int) -> Array:
    """The integral of ``2 / sqrt(pi) * t**y * exp(-t**2 - 2*x*t)`` over positive t.

    Order 0 is erfcx. Its recurrence cancels to the right of the origin; there the ratios of
    consecutive orders come from their continued fraction. Near the imaginary axis that is an
    asymptotic series, broken off in time.
    """
    x = np.asarray(x)
    first = sp.erfcx(x)
    plain = np.asarray(np.real(x) >= 1)
    size = np.abs(x) ** 2
    right = plain | ((np.real(x) >= 0) & (size >= 49))
    before, here = np.full_like(first, 1 / ROOT_PI), first
    for k in range(y):  # order -1 stands for 2 * ierfc, so that one formula serves order 1, too
        factor = 1 if k == 0 else k / 2
        before, here = here, factor * before - x * here
    if y == 0 or not right.any():
        return here[()]
    z = np.where(right, x, 1).astype(first.dtype)
    ratio = np.zeros_like(z)
    scaled = first
    depth = np.where(plain, 200, np.minimum(200, size / 2))
    for k in range(y + 200, 0, -1):
        ratio = np.where(k <= y + depth, (k / 2) / (z + ratio), 0)
        if k <= y:
            scaled = scaled * ratio
    return np.where(right, scaled, here).astype(first.dtype)[()]


erfcx_moment: Function = elementwise(
    "erfcx_moment",
    erfcx_moment_impl,
    lambda x, y: multiply(-2, erfcx_moment(x, y + 1)),
    ZERO,
    shape=real_line_shape,
    samples=ordered(
        -2,
        4,
        Sample(draw((3,), 0.5, 2) * (1 - 1j), 1, label="complex"),
        Sample(0.5, 1, value=0.25634441145129333, label="0-d"),
    ),
)
erfcx = elementwise(
    "erfcx",
    sp.erfcx,
    lambda x: multiply(-2, erfcx_moment(x, 1)),
    samples=unary(-2, 2, Sample(1e8, pinned=[-1e-16 / ROOT_PI], label="far out"), complex_too=True),
)


def wofz_slope(x: Array) -> Array:
    """The derivative of wofz."""
    return multiply(2j, erfcx_moment(multiply(-1j, x), 1))


wofz = elementwise(
    "wofz",
    sp.wofz,
    lambda x: wofz_slope(x),
    samples=lambda: [
        Sample(draw((3,), -1, 1) + 1j * draw((3,), -1, 1, 1)),
        Sample(draw((2, 3), 0.5, 4).T * (1 + 2j), label="non-contiguous"),
        Sample((draw((3,), 0.5, 4) * (1 + 2j)).astype(np.complex64), label="complex64"),
        Sample(0.5 + 0.25j, label="0-d"),
        Sample(np.zeros(0, complex), label="empty"),
    ],
)


def dawson_derivative_impl(x: Array, y: int) -> Array:
    """A derivative of Dawson's integral: by recurrence, on the real line far out by its
    asymptotic series, where the recurrence cancels."""
    x = np.asarray(x)
    before, here = np.zeros_like(x), sp.dawsn(x)
    for k in range(y):
        before, here = here, (1 - 2 * x * here if k == 0 else -2 * x * here - 2 * k * before)
    far = np.abs(x) > 6.25 if x.dtype.kind != "c" else np.zeros(x.shape, bool)
    if y == 0 or not far.any():
        return np.asarray(here)[()]
    z = np.where(far, x, inf)
    term = (-1) ** y * math.factorial(y) / (2 * z ** (y + 1))
    series = term
    for k in range(36):
        term = term * ((2 * k + 1 + y) * (2 * k + 2 + y) / ((2 * k + 2) * 2)) / (z * z)
        series = series + term
    return np.where(far, series, here).astype(x.dtype)[()]


dawson_derivative: Function = elementwise(
    "dawson_derivative",
    dawson_derivative_impl,
    lambda x, y: dawson_derivative(x, y + 1),
    ZERO,
    shape=real_line_shape,
    samples=ordered(
        -3,
        3,
        Sample(np.array([-30.0, 7.0, 60.0]), 1, label="far out"),
        Sample(0.5, 1, value=0.5755636164979777, label="0-d"),
        Sample(draw((3,), 0.5, 2) * (1 - 1j), 1, label="complex"),
    ),
)
dawsn = elementwise(
    "dawsn",
    sp.dawsn,
    lambda x: dawson_derivative(x, 1),
    samples=unary(-2, 2, Sample(1e9, pinned=[-5e-19], label="far out")),
)

# The normal distribution.

ndtr = elementwise(
    "ndtr",
    sp.ndtr,
    lambda x: multiply(1 / math.sqrt(2 * math.pi), square(gauss(multiply(0.5, x)))),
    samples=unary(
        -2,
        2,
        Sample(-20.0, pinned=[math.exp(-200) / math.sqrt(2 * math.pi)], label="far out"),
        Sample(np.array([-inf, inf]), pinned=[0], label="infinity"),
    ),
)
ndtri = elementwise(
    "ndtri",
    sp.ndtri,
    lambda ans: multiply(math.sqrt(2 * math.pi), exp(multiply(0.5, square(ans)))),
    samples=unary(
        0.2,
        0.8,
        Sample(np.array([0.0, 1.0]), pinned=[inf], label="the ends"),
        complex_too=False,
    ),
)


def normal_hazard_impl(x: Array) -> Array:
    with np.errstate(over="ignore"):  # 1 / infinity is the right value
        return np.asarray(math.sqrt(2 / math.pi) / sp.erfcx(x / -ROOT_2))[()]


def normal_hazard_slope(ans: Array, x: Array) -> Array:
    """``-ans * (x + ans)``, by ratios of integrals where that sum cancels."""
    if dtype_of(x).kind == "c":
        return negative(multiply(ans, add(x, ans)))
    far = min(1e18, math.sqrt(np.finfo(dtype_of(x)).max))  # from there on it is -1
    x, ans = maximum(x, -far), minimum(ans, far)
    right = greater(x, 0)
    u = divide(where(right, 0, x), -ROOT_2)
    left = multiply(ROOT_2, divide(erfcx_moment(u, 1), erfcx_moment(u, 0)))
    return negative(multiply(ans, where(right, add(bounded(x), ans), left)))


# The density over the distribution function: the derivative of log_ndtr.
normal_hazard: Function = elementwise(
    "normal_hazard",
    normal_hazard_impl,
    normal_hazard_slope,
    shape=real_line_shape,
    samples=unary(
        -3,
        3,
        Sample(0.0, label="where the formula changes"),
        Sample(-1e8, pinned=[-1], label="far out"),
        Sample(np.array([-inf, inf]), pinned=[np.array([-1.0, 0.0])], label="infinity"),
    ),
)
log_ndtr = elementwise(
    "log_ndtr",
    sp.log_ndtr,
    lambda x: normal_hazard(x),
    samples=unary(
        -2,
        2,
        Sample(-1e8, pinned=[1e8], label="far left"),
        Sample(60.0, pinned=[0], label="far right"),
    ),
)
ndtri_exp = elementwise(
    "ndtri_exp",
    sp.ndtri_exp,
    lambda g, ans: divide(g, normal_hazard(ans)),
    samples=unary(-3, -0.3, complex_too=False),
)
