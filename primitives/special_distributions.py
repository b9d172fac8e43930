"""Distribution functions of scipy.special and their inverses, by their arguments and parameters.

A family is given by the *slopes* of its distribution function, one for each operand. Those of an
inverse follow: where ``p = F(x, ...)``, x has the slope 1 / F_x by p, and -F_a / F_x by another a.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.core.kinds import elementwise
from functrans.core.primitive import ZERO
from functrans.core.types import Array, type_of

from .arithmetic import (
    absolute,
    add,
    divide,
    multiply,
    negative,
    reciprocal,
    sign,
    square,
    subtract,
)
from .comparison import equal, greater, minimum, where
from .exponential import exp, log, log1p, power, sqrt
from .samples import Sample, draw, unary
from .special_beta import beta_density, betainc_derivative
from .special_elementary import exprel_moment
from .special_gamma import gamma_density
from .special_operands import double, fit, with_parameters
from .special_shape import gammainc_by_shape
from .special_ufuncs import sp

if TYPE_CHECKING:
    from collections.abc import Callable

    Slope = Callable[..., Array]
    Slopes = tuple[Any, ...]  # of Slope, ZERO, or None where there is no formula

ROOT_TAU = math.sqrt(2 * math.pi)


def partials(slopes: Slopes, factor: int = 1) -> list[Any]:
    """The partials of a distribution function, or (``factor=-1``) of its complement."""

    def partial(slope: Any) -> Any:
        if not callable(slope):
            return slope
        return lambda xs, ans_type: fit(multiply(factor, slope(*map(double, xs))), ans_type)

    return [partial(slope) for slope in slopes]


def inverse_partials(slopes: Slopes, unknown: int, factor: int = 1) -> list[Any]:
    """The partials of the function that solves for the operand `unknown`, in whose place it gets
    the probability (``factor=-1``: that of the complement)."""

    def at_solution(ans: Array, xs: tuple[Array, ...]) -> list[Array]:
        return [double(ans if i == unknown else x) for i, x in enumerate(xs)]

    def partial(place: int) -> Any:
        slope = slopes[place]
        if slope is None or slopes[unknown] is None:
            return None
        if place == unknown:
            return lambda ans, xs: fit(divide(factor, slope(*at_solution(ans, xs))), type_of(ans))
        if slope is ZERO:
            return ZERO
        return lambda ans, xs: fit(
            negative(divide(slope(*at_solution(ans, xs)), slopes[unknown](*at_solution(ans, xs)))),
            type_of(ans),
        )

    return [partial(place) for place in range(len(slopes))]


# Chi square and gamma.

CHI_SQUARE: Slopes = (
    lambda v, x: multiply(0.5, gammainc_by_shape(multiply(0.5, v), multiply(0.5, x), 1)),
    lambda v, x: multiply(0.5, gamma_density(multiply(0.5, v), multiply(0.5, x))),
)
GAMMA: Slopes = (
    lambda a, b, x: multiply(x, gamma_density(b, multiply(a, x))),
    lambda a, b, x: gammainc_by_shape(b, multiply(a, x), 1),
    lambda a, b, x: multiply(a, gamma_density(b, multiply(a, x))),
)
chdtr = elementwise(
    "chdtr", sp.chdtr, *partials(CHI_SQUARE), samples=with_parameters((0.5, 3), last=(0.5, 3))
)
chdtrc = elementwise(
    "chdtrc", sp.chdtrc, *partials(CHI_SQUARE, -1), samples=with_parameters((0.5, 3), last=(0.5, 3))
)
chdtri = elementwise(
    "chdtri",
    sp.chdtri,
    *inverse_partials(CHI_SQUARE, 1, -1),
    samples=with_parameters((0.5, 3), last=(0.2, 0.8)),
)
chdtriv = elementwise(
    "chdtriv",
    sp.chdtriv,
    *inverse_partials(CHI_SQUARE, 0),
    samples=with_parameters((0.2, 0.8), last=(0.5, 3)),
)
GAMMA_SAMPLES = with_parameters((0.5, 2), (0.5, 3), last=(0.5, 3))
gdtr = elementwise("gdtr", sp.gdtr, *partials(GAMMA), samples=GAMMA_SAMPLES)
gdtrc = elementwise("gdtrc", sp.gdtrc, *partials(GAMMA, -1), samples=GAMMA_SAMPLES)
gdtria = elementwise(
    "gdtria",
    sp.gdtria,
    *inverse_partials(GAMMA, 0),
    samples=with_parameters((0.2, 0.8), (0.5, 3), last=(0.5, 3)),
)
gdtrib = elementwise(
    "gdtrib",
    sp.gdtrib,
    *inverse_partials(GAMMA, 1),
    samples=with_parameters((0.5, 2), (0.2, 0.8), last=(0.5, 3)),
)
gdtrix = elementwise(
    "gdtrix",
    sp.gdtrix,
    *inverse_partials(GAMMA, 2),
    samples=with_parameters((0.5, 2), (0.5, 3), last=(0.2, 0.8)),
)

# Beta, in its parameters.


def by_first(x: Array, y: Array, z: Array) -> Array:
    return betainc_derivative(x, y, z, orders=(1, 0))


def by_second(x: Array, y: Array, z: Array) -> Array:
    return betainc_derivative(x, y, z, orders=(0, 1))


BETA: Slopes = (by_first, by_second, beta_density)
btdtria = elementwise(
    "btdtria",
    sp.btdtria,
    *inverse_partials(BETA, 0),
    samples=with_parameters((0.3, 0.7), (0.5, 3), last=(0.3, 0.7)),
)
btdtrib = elementwise(
    "btdtrib",
    sp.btdtrib,
    *inverse_partials(BETA, 1),
    samples=with_parameters((0.5, 3), (0.3, 0.7), last=(0.3, 0.7)),
)

# F.


def of_f(parameter: Slope | None, change: Slope) -> Slope:
    """A slope of ``betainc(n / 2, d / 2, n * x / (d + n * x))``: by a parameter, and through the
    last operand, whose numerator of change is given."""

    def slope(n: Array, d: Array, x: Array) -> Array:
        total = add(d, multiply(n, x))
        args = multiply(0.5, n), multiply(0.5, d), divide(multiply(n, x), total)
        through = multiply(beta_density(*args), divide(divide(change(n, d, x), total), total))
        if parameter is None:
            return through
        return add(multiply(0.5, parameter(*args)), through)

    return slope


F_RATIO: Slopes = (
    of_f(by_first, lambda n, d, x: multiply(x, d)),
    of_f(by_second, lambda n, d, x: negative(multiply(n, x))),
    of_f(None, lambda n, d, x: multiply(n, d)),
)
F_SAMPLES = with_parameters((1, 5), (1, 5), last=(0.3, 3))
fdtr = elementwise("fdtr", sp.fdtr, *partials(F_RATIO), samples=F_SAMPLES)
fdtrc = elementwise("fdtrc", sp.fdtrc, *partials(F_RATIO, -1), samples=F_SAMPLES)
fdtri = elementwise(
    "fdtri",
    sp.fdtri,
    *inverse_partials(F_RATIO, 2),
    samples=with_parameters((1, 5), (1, 5), last=(0.3, 0.7)),
)
fdtridfd = elementwise(
    "fdtridfd",
    sp.fdtridfd,
    *inverse_partials(F_RATIO, 1),
    samples=lambda: [
        Sample(np.array([4.0, 5.0, 3.0]), np.array([0.7, 0.8, 0.65]), np.array([1.5, 2.0, 1.5])),
        Sample(3.0, 0.7, np.full((2, 3), 1.6).T, label="non-contiguous"),
        Sample(4.0, 0.7, 1.5, label="0-d"),
        Sample(4.0, 0.7, np.zeros(0), label="empty"),
    ],
)

# Student.


def student_density(v: Array, t: Array) -> Array:
    scale = divide(sp.poch(multiply(0.5, v), 0.5), sqrt(multiply(math.pi, v)))
    fall = multiply(multiply(-0.5, add(v, 1)), log1p(divide(square(t), v)))
    return multiply(scale, exp(fall))


def student_by_freedom(v: Array, t: Array) -> Array:
    """The derivative by the degrees of freedom: through ``v / (v + t**2)`` in the tail, through its
    complement in the middle."""
    square_t = square(t)
    total = add(v, square_t)
    half = multiply(0.5, v)
    change = divide(divide(square_t, total), total)
    tail = greater(square_t, v)
    outer = divide(v, where(tail, total, multiply(2, v)))
    inner = divide(where(tail, v, square_t), where(tail, multiply(2, v), total))
    far = add(
        multiply(0.5, by_first(half, 0.5, outer)), multiply(beta_density(half, 0.5, outer), change)
    )
    # The density is infinite at inner = 0, where the change is 0.
    weight = where(
        equal(inner, 0), 0.0, beta_density(0.5, half, where(equal(inner, 0), 0.5, inner))
    )
    near = subtract(multiply(weight, change), multiply(0.5, by_second(0.5, half, inner)))
    return multiply(multiply(-0.5, sign(t)), where(tail, far, near))


STUDENT: Slopes = (student_by_freedom, student_density)
stdtr = elementwise(
    "stdtr",
    sp.stdtr,
    *partials(STUDENT),
    samples=lambda: [
        *with_parameters((0.5, 5), last=(-3, 3))(),
        Sample(2.0, 0.0, pinned=[0, math.sqrt(0.125)], label="the middle"),
    ],
)
stdtridf = elementwise(
    "stdtridf",
    sp.stdtridf,
    *inverse_partials(STUDENT, 0),
    samples=lambda: [
        Sample(np.array([0.8, 0.82, 0.78]), np.array([1.0, 1.1, 0.9])),
        Sample(0.8, np.full((2, 3), 1.0).T, label="non-contiguous"),
        Sample(0.8, 1.0, label="0-d"),
        Sample(0.8, np.zeros(0), label="empty"),
    ],
)
stdtrit = elementwise(
    "stdtrit",
    sp.stdtrit,
    *inverse_partials(STUDENT, 1),
    samples=with_parameters((0.5, 5), last=(0.2, 0.8)),
)

# Noncentral chi square and F. There is no formula by the degrees of freedom of the first.


def noncentral_density(x: Array, v: Array, c: Array) -> Array:
    """The density of the noncentral chi square distribution, for c = 0 that of the central one."""
    central = equal(c, 0)
    d = where(central, 1.0, c)
    fall = multiply(-0.5, square(subtract(sqrt(x), sqrt(d))))
    growth = power(divide(x, d), subtract(multiply(0.25, v), 0.5))
    bessel = sp.ive(subtract(multiply(0.5, v), 1), sqrt(multiply(x, d)))
    inner = multiply(multiply(0.5, exp(fall)), multiply(growth, bessel))
    return where(central, CHI_SQUARE[1](v, x), inner)


NONCENTRAL_CHI_SQUARE: Slopes = (
    noncentral_density,
    None,
    lambda x, v, c: negative(noncentral_density(x, add(v, 2), c)),
)
NONCENTRAL_SAMPLES = with_parameters((0.5, 5), (1, 4), last=(0.5, 3))
chndtr = elementwise(
    "chndtr", sp.chndtr, *partials(NONCENTRAL_CHI_SQUARE), samples=NONCENTRAL_SAMPLES
)
chndtrix = elementwise(
    "chndtrix",
    sp.chndtrix,
    *inverse_partials(NONCENTRAL_CHI_SQUARE, 0),
    samples=with_parameters((0.3, 0.7), (1, 4), last=(0.5, 3)),
)
chndtrinc = elementwise(
    "chndtrinc",
    sp.chndtrinc,
    *inverse_partials(NONCENTRAL_CHI_SQUARE, 2),
    samples=lambda: [
        Sample(np.array([2.0, 3.0]), np.array([1.5, 2.0]), np.array([0.3, 0.4])),
        Sample(np.full((2, 3), 2.5).T, 1.5, 0.4, label="non-contiguous"),
        Sample(2.0, 1.5, 0.3, label="0-d"),
        Sample(np.zeros(0), 1.5, 0.3, label="empty"),
    ],
)


def of_noncentral_f(raised: int, factor: Slope) -> Slope:
    """A slope of the noncentral F distribution: a density times Kummer's function, whose second
    parameter is raised, times a factor of ``a = n / 2, y = n * f / (d + n * f)``."""

    def slope(n: Array, d: Array, c: Array, f: Array) -> Array:
        total = add(d, multiply(n, f))
        a, b, y = multiply(0.5, n), multiply(0.5, d), divide(multiply(n, f), total)
        series = sp.hyp1f1(add(a, b), add(a, raised), multiply(0.5, multiply(c, y)))
        mixture = multiply(multiply(exp(multiply(-0.5, c)), series), beta_density(a, b, y))
        return multiply(mixture, factor(n, d, f, total))

    return slope


NONCENTRAL_F: Slopes = (
    None,
    None,
    of_noncentral_f(
        1, lambda n, d, f, total: negative(divide(divide(multiply(d, f), total), total))
    ),
    of_noncentral_f(0, lambda n, d, f, total: divide(divide(multiply(n, d), total), total)),
)
ncfdtr = elementwise(
    "ncfdtr",
    sp.ncfdtr,
    *partials(NONCENTRAL_F),
    samples=with_parameters((1, 5), (1, 5), (0.5, 3), last=(0.3, 3)),
)
ncfdtri = elementwise(
    "ncfdtri",
    sp.ncfdtri,
    *inverse_partials(NONCENTRAL_F, 3),
    samples=with_parameters((1, 5), (1, 5), (0.5, 3), last=(0.3, 0.7)),
)
ncfdtrinc = elementwise(
    "ncfdtrinc",
    sp.ncfdtrinc,
    *inverse_partials(NONCENTRAL_F, 2),
    samples=lambda: [
        Sample(np.array([3.0, 4.0]), np.array([5.0, 4.0]), np.array([0.3, 0.4]), 1.5),
        Sample(3.0, 5.0, 0.3, np.full((2, 3), 1.5).T, label="non-contiguous"),
        Sample(3.0, 5.0, 0.3, 1.5, label="0-d"),
        Sample(3.0, 5.0, 0.3, np.zeros(0), label="empty"),
    ],
)

# Normal, in its parameters.

nrdtrimn = elementwise(
    "nrdtrimn",
    sp.nrdtrimn,
    lambda x, y, ans_type: fit(
        negative(multiply(multiply(ROOT_TAU, y), exp(multiply(0.5, square(sp.ndtri(x)))))), ans_type
    ),
    lambda x: negative(sp.ndtri(x)),
    1,
    samples=with_parameters((0.2, 0.8), (0.5, 2), last=(-2, 2)),
)
nrdtrisd = elementwise(
    "nrdtrisd",
    sp.nrdtrisd,
    lambda g, y: negative(divide(g, sp.ndtri(y))),
    lambda ans, y, ans_type: fit(
        negative(
            multiply(
                multiply(ROOT_TAU, divide(ans, sp.ndtri(y))),
                exp(multiply(0.5, square(sp.ndtri(y)))),
            )
        ),
        ans_type,
    ),
    lambda g, y: divide(g, sp.ndtri(y)),
    samples=with_parameters((-2, 0), (0.6, 0.9), last=(0.5, 2)),
)

# Kolmogorov: an alternating series above 0.8, and below it the other theta series.


def kolmogorov_density(x: Array) -> Array:
    high = greater(x, 0.8)
    u = where(high, minimum(x, 100.0), 1.0)  # it underflows long before
    upper: Any = 0.0
    for k in range(7, 0, -1):
        term = multiply((-1) ** (k - 1) * 8.0 * k * k, exp(multiply(-2.0 * k * k, square(u))))
        upper = add(term, upper)
    upper = multiply(upper, u)
    low = where(high, 0.8, where(greater(x, 0.04), x, 0.04))
    inverse = reciprocal(square(low))
    lower: Any = 0.0
    for k in range(4, 0, -1):
        c = (2 * k - 1) ** 2 * math.pi**2 / 8
        factor = multiply(inverse, subtract(multiply(2 * c, inverse), 1))
        lower = add(multiply(exp(multiply(-c, inverse)), factor), lower)
    lower = where(greater(x, 0.04), multiply(ROOT_TAU, lower), 0.0)  # it underflows from there on
    return where(high, upper, lower)


KOLMOGOROV: Slopes = (kolmogorov_density,)
kolmogorov = elementwise(
    "kolmogorov",
    sp.kolmogorov,
    *partials(KOLMOGOROV, -1),
    samples=unary(
        0.3,
        2,
        Sample(np.array([0.0, 0.01, -1.0]), pinned=[0], label="below the support"),
        Sample(np.array([-np.inf, np.inf]), pinned=[0], label="infinity"),
        complex_too=False,
    ),
)
kolmogi = elementwise(
    "kolmogi",
    sp.kolmogi,
    *inverse_partials(KOLMOGOROV, 0, -1),
    samples=unary(0.1, 0.9, complex_too=False),
)

# Tukey's lambda distribution, whose quantiles are elementary: ``(p**l - (1 - p)**l) / l``.


def tukey_sparsity(p: Array, shape: Array) -> Array:
    """The derivative of the quantile by the probability."""
    lower = subtract(shape, 1)
    return add(power(p, lower), power(subtract(1, p), lower))


def tukey_by_shape(p: Array, shape: Array) -> Array:
    """The derivative of the quantile by the shape."""
    first, second = log(p), log1p(negative(p))
    left = multiply(square(first), exprel_moment(multiply(shape, first), 1))
    return subtract(left, multiply(square(second), exprel_moment(multiply(shape, second), 1)))


def tukey_partial(slope: Slope | None) -> Slope:
    """Minus the slope of the quantile over its sparsity; 0 beyond the support."""

    def partial(ans: Array, x: Array, y: Array) -> Array:
        p, shape = double(ans), double(y)
        outside = greater(multiply(absolute(double(x)), shape), 1)
        p = where(outside, 0.5, p)
        top = 1.0 if slope is None else negative(slope(p, shape))
        return fit(where(outside, 0.0, divide(top, tukey_sparsity(p, shape))), type_of(ans))

    return partial


tklmbda = elementwise(
    "tklmbda",
    sp.tklmbda,
    tukey_partial(None),
    tukey_partial(tukey_by_shape),
    samples=lambda: [
        Sample(draw((3,), -0.5, 0.5), draw((3,), 0.2, 1.5, 1)),
        Sample(draw((2, 1), -0.5, 0.5), draw((3,), -1.5, -0.2, 1), label="broadcast"),
        Sample(draw((2, 3), -0.5, 0.5).T, 0.5, label="non-contiguous"),
        Sample(0.25, 0.5, label="0-d"),
        Sample(draw((0,), -0.5, 0.5), 0.5, label="empty"),
        Sample(3.0, 0.5, pinned=[0, 0], label="beyond the support"),
    ],
)
