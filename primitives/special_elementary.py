"""Elementary functions of scipy.special: logistic, entropies, losses, powers, degrees."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from functrans.core.kinds import elementwise
from functrans.core.primitive import ZERO
from functrans.core.types import Array, type_of

from .arithmetic import absolute, add, divide, multiply, negative, radius, square, subtract
from .comparison import clip, equal, logical_and, maximum, where
from .exponential import (
    direction,
    exp,
    hypot,
    log,
    log1p,
    power,
    power_by_base,
    power_by_exponent,
    real_line_shape,
)
from .samples import Sample, binary, draw, unary
from .special_operands import double, double_shape, fit, ordered
from .special_ufuncs import sp
from .trigonometric import sin

if TYPE_CHECKING:
    from functrans.core.kinds import Function

inf = np.inf

# The logistic function.

expit: Function = elementwise(
    "expit",
    sp.expit,
    lambda ans, x: multiply(ans, expit(negative(x))),
    samples=unary(
        -2,
        2,
        Sample(np.array([-40.0, 40.0, inf]), pinned=[np.array([math.exp(-40)] * 2 + [0])]),
        complex_too=False,
    ),
)
logit = elementwise(
    "logit",
    sp.logit,
    lambda g, x: divide(divide(g, x), subtract(1, x)),
    samples=unary(
        0.2,
        0.8,
        Sample(np.array([0.0, 1e-300, 1.0]), pinned=[np.array([inf, 1e300, inf])], label="ends"),
        complex_too=False,
    ),
)
log_expit = elementwise(
    "log_expit",
    sp.log_expit,
    lambda x: expit(negative(x)),
    samples=unary(
        -2,
        2,
        Sample(np.array([-800.0, 40.0]), pinned=[np.array([1, math.exp(-40)])], label="far out"),
        complex_too=False,
    ),
)

# Products with logarithms, entropies and divergences.


def quotient_at_zero(x: Array, y: Array) -> Array:
    """``x / y``, and 0 for 0 / 0."""
    return divide(x, where(logical_and(equal(x, 0), equal(y, 0)), 1, y))


xlogy = elementwise(
    "xlogy",
    sp.xlogy,
    lambda y: log(y),
    lambda x, y: quotient_at_zero(x, y),
    samples=binary(
        0.5, 2, Sample(0.0, 0.0, pinned=[-inf, 0]), Sample(0.0, 2.0, pinned=[math.log(2), 0])
    ),
)
xlog1py = elementwise(
    "xlog1py",
    sp.xlog1py,
    lambda y: log1p(y),
    lambda x, y: quotient_at_zero(x, add(1, y)),
    samples=binary(0.5, 2, Sample(0.0, -1.0, pinned=[-inf, 0])),
)
entr = elementwise(
    "entr",
    sp.entr,
    lambda x: subtract(-1, log(x)),
    samples=unary(0.3, 2, Sample(0.0, pinned=[inf], label="the border"), complex_too=False),
)


def log_ratio_impl(x: Array, y: Array) -> Array:
    a, b = np.asarray(x, float), np.asarray(y, float)
    with np.errstate(all="ignore"):
        near = np.abs(a - b) <= 0.5 * np.abs(b)
        close = np.log1p(np.where(near, a - b, 0) / np.where(b == 0, 1, b))
        return np.where(near & (b != 0), close, np.log(a) - np.log(b))[()]


# log(x / y) that is exact near x = y and does not overflow.
log_ratio: Function = elementwise(
    "log_ratio",
    log_ratio_impl,
    lambda g, x: divide(g, x),
    lambda g, y: negative(divide(g, y)),
    shape=double_shape,
    samples=binary(0.5, 2, Sample(1.0, 1.0, label="equal"), complex_too=False),
)
rel_entr = elementwise(
    "rel_entr",
    sp.rel_entr,
    lambda x, y, ans_type: fit(add(log_ratio(double(x), double(y)), 1), ans_type),
    lambda x, y: negative(quotient_at_zero(x, y)),
    samples=binary(
        0.5,
        2,
        Sample(0.0, 2.0, pinned=[-inf, 0], label="nothing"),
        Sample(1e200, 1e-200, pinned=[1 + 400 * math.log(10), -inf], label="extremes"),
        complex_too=False,
    ),
)


def kl_div_by_second(x: Array, y: Array) -> Array:
    """``1 - x / y``, and 1 at the origin."""
    return where(logical_and(equal(x, 0), equal(y, 0)), 1, quotient_at_zero(subtract(y, x), y))


kl_div = elementwise(
    "kl_div",
    sp.kl_div,
    lambda x, y, ans_type: fit(log_ratio(double(x), double(y)), ans_type),
    kl_div_by_second,
    samples=binary(
        0.5,
        2,
        Sample(1.0, 1.0, pinned=[0, 0], label="equal"),
        Sample(np.zeros(2), np.array([0.0, 2.0]), pinned=[None, 1], label="nothing"),
        complex_too=False,
    ),
)

# Losses.

huber = elementwise(
    "huber",
    sp.huber,
    lambda x, y: maximum(subtract(absolute(y), x), 0.0),
    lambda x, y: clip(y, negative(x), x),
    samples=lambda: [
        Sample(draw((3,), 0.5, 1), draw((3,), -2, -1.2), label="beyond"),
        Sample(draw((2, 1), 1.5, 2), draw((3,), -1, 1), label="within, broadcast"),
        Sample(draw((3,), 0.5, 1).astype(np.float32), np.float32(1.5), label="float32"),
        Sample(0.5, draw((0,), 0.5, 1), label="empty"),
        Sample(1.0, np.array([-1.0, 1.0]), pinned=[0, np.array([-1.0, 1.0])], label="the joint"),
    ],
)
pseudo_huber = elementwise(
    "pseudo_huber",
    sp.pseudo_huber,
    lambda x, y: multiply(
        multiply(direction(y, x), y), square(divide(y, radius(add(x, hypot(x, y)))))
    ),
    lambda x, y: multiply(x, direction(y, x)),
    samples=binary(
        0.5,
        2,
        Sample(1.0, 0.0, pinned=[0, 0], label="the minimum"),
        Sample(0.0, -2.0, pinned=[2, 0], label="no width"),
        Sample(1.5, inf, pinned=[None, 1.5], label="far out"),
        complex_too=False,
    ),
)

# Powers.

exp10 = elementwise(
    "exp10",
    sp.exp10,
    lambda ans: multiply(math.log(10), ans),
    samples=unary(-1, 1, complex_too=False),
)
special_exp2 = elementwise(
    "special_exp2",
    sp.exp2,
    lambda ans: multiply(math.log(2), ans),
    samples=unary(-2, 2, complex_too=False),
)
special_expm1 = elementwise(
    "special_expm1",
    sp.expm1,
    lambda x: exp(x),
    samples=unary(-2, 2, Sample(-40.0, pinned=[math.exp(-40)], label="far out")),
)
special_log1p = elementwise(
    "special_log1p", sp.log1p, lambda g, x: divide(g, add(1, x)), samples=unary(-0.5, 2)
)
special_cbrt = elementwise(
    "special_cbrt",
    sp.cbrt,
    lambda g, ans: divide(divide(g, multiply(3, ans)), ans),
    samples=unary(0.5, 2, Sample(inf, pinned=[0], label="infinity"), complex_too=False),
)
powm1 = elementwise(
    "powm1",
    sp.powm1,
    lambda x, y: power_by_base(x, y),
    lambda x, y: power_by_exponent(power(x, y), x, y),
    samples=binary(0.5, 2, complex_too=False),
)


def exprel_moment_impl(x: Array, y: int) -> Array:
    """The integral of ``t**y * exp(x * t)`` over t from 0 to 1.

    By its power series, times exp(x) left of the origin so that all terms are positive; far out
    by recurrence.
    """
    x = np.asarray(x)
    near = np.abs(x) <= 2 * y + 4
    left = x < 0
    s = np.abs(np.where(near, x, 0))
    term = np.full_like(s, 1 / (y + 1))
    series = term
    for k in range(40 + 4 * y):
        term = term * s / np.where(left, k + y + 2, (k + 1) * (k + y + 2) / (k + y + 1))
        series = series + term
    series = np.where(left, np.exp(-s) * series, series)
    z = np.where(near, 1, x)
    with np.errstate(over="ignore", invalid="ignore"):
        far, grown = np.asarray(sp.exprel(z)), np.exp(z)
        for k in range(1, y + 1):
            far = np.where(np.isposinf(grown), grown, (grown - k * far) / z)
    return np.where(near, series, far).astype(x.dtype)[()]


exprel_moment: Function = elementwise(
    "exprel_moment",
    exprel_moment_impl,
    lambda x, y: exprel_moment(x, y + 1),
    ZERO,
    shape=real_line_shape,
    samples=ordered(
        -3,
        3,
        Sample(np.array([-40.0, 0.0, 9.0]), 1, label="far out"),
        Sample(1.5, 2, value=1.0672922482733573, label="0-d"),
    ),
)
exprel = elementwise(
    "exprel",
    sp.exprel,
    lambda x: exprel_moment(x, 1),
    samples=unary(
        -2,
        2,
        Sample(np.array([-1e9, 0.0]), pinned=[np.array([1e-18, 0.5])], label="far out, origin"),
        complex_too=False,
    ),
)


def boxcox_by_exponent(ans: Array, y: Array, logarithm: Array) -> Array:
    """``log(x)**2`` times the derivative of exprel at ``y * log(x)``; its limit at x = 0."""
    origin = equal(logarithm, -inf)
    u = where(origin, 0.0, logarithm)
    inner = multiply(square(u), exprel_moment(multiply(y, u), 1))
    limit = negative(divide(ans, where(equal(y, 0), 1.0, y)))
    return fit(where(origin, limit, inner), type_of(ans))


boxcox = elementwise(
    "boxcox",
    sp.boxcox,
    lambda x, y, ans_type: fit(power(x, subtract(y, 1)), ans_type),
    lambda ans, x, y: boxcox_by_exponent(ans, y, log(x)),
    samples=binary(
        0.5,
        2,
        Sample(2.0, 0.0, pinned=[0.5, math.log(2) ** 2 / 2], label="the logarithm"),
        Sample(0.0, 2.0, pinned=[0, 0.25], label="the border"),
        complex_too=False,
    ),
)
boxcox1p = elementwise(
    "boxcox1p",
    sp.boxcox1p,
    lambda x, y, ans_type: fit(exp(multiply(subtract(y, 1), log1p(x))), ans_type),
    lambda ans, x, y: boxcox_by_exponent(ans, y, log1p(x)),
    samples=binary(
        -0.5,
        2,
        Sample(1.0, 0.0, pinned=[0.5, math.log(2) ** 2 / 2], label="the logarithm"),
        complex_too=False,
    ),
)


def inv_boxcox_by_exponent(power: Array, x: Array, y: Array) -> Array:
    """``power`` times the derivative of ``log1p(x * y) / y`` by y."""
    slope = sp.hyp2f1(2.0, 2.0, 3.0, negative(multiply(x, y)))
    return fit(multiply(multiply(power, square(x)), multiply(-0.5, slope)), type_of(power))


inv_boxcox = elementwise(
    "inv_boxcox",
    sp.inv_boxcox,
    lambda ans, x, y: divide(ans, add(1, multiply(x, y))),
    lambda ans, x, y: inv_boxcox_by_exponent(ans, x, y),
    samples=binary(
        0.3,
        2,
        Sample(1.5, 0.0, pinned=[math.exp(1.5), -1.125 * math.exp(1.5)], label="the exponential"),
        complex_too=False,
    ),
)
inv_boxcox1p = elementwise(
    "inv_boxcox1p",
    sp.inv_boxcox1p,
    lambda ans, x, y: divide(add(ans, 1), add(1, multiply(x, y))),
    lambda ans, x, y: inv_boxcox_by_exponent(add(ans, 1), x, y),
    samples=binary(
        0.3,
        2,
        Sample(1.5, 0.0, pinned=[math.exp(1.5), -1.125 * math.exp(1.5)], label="the exponential"),
        complex_too=False,
    ),
)

# Angles.

DEGREE = math.pi / 180

cosm1 = elementwise(
    "cosm1", sp.cosm1, lambda x: negative(sin(x)), samples=unary(-3, 3, complex_too=False)
)
sindg: Function = elementwise(
    "sindg",
    sp.sindg,
    lambda x: multiply(DEGREE, cosdg(x)),
    samples=unary(-300, 300, Sample(90.0, pinned=[0]), complex_too=False),
)
cosdg: Function = elementwise(
    "cosdg",
    sp.cosdg,
    lambda x: multiply(-DEGREE, sindg(x)),
    samples=unary(-300, 300, Sample(180.0, pinned=[0]), complex_too=False),
)
tandg = elementwise(
    "tandg",
    sp.tandg,
    lambda ans: multiply(DEGREE, add(1, square(ans))),
    samples=unary(-60, 60, complex_too=False),
)
cotdg = elementwise(
    "cotdg",
    sp.cotdg,
    lambda ans: multiply(-DEGREE, add(1, square(ans))),
    samples=unary(30, 120, complex_too=False),
)
