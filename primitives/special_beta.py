"""Incomplete beta functions of scipy.special, with the derivatives by both parameters."""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.core.kinds import align, elementwise, general
from functrans.core.types import Array, ArrayType, type_of

from .arithmetic import add, divide, multiply, negative, subtract
from .exponential import log, log1p
from .polygamma_series import excess
from .samples import Sample, draw
from .special_gamma import polygamma, polygamma_difference, stirling_error
from .special_operands import double, double_shape, fit, with_parameters
from .special_ufuncs import sp

if TYPE_CHECKING:
    from collections.abc import Callable

    from functrans.core.kinds import Function

PROBABILITIES = with_parameters((0.5, 3), (0.5, 3), last=(0.3, 0.8))


def beta_density_impl(x: Array, y: Array, z: Array) -> Array:
    """``z**(x - 1) * (1 - z)**(y - 1) / beta(x, y)``."""
    a, b, t = (np.asarray(v, float) for v in (x, y, z))
    with np.errstate(all="ignore"):
        plain = (a > 0) & (b > 0) & (t > 0) & (t < 1)
        c, d, u = np.where(plain, a, 1), np.where(plain, b, 1), np.where(plain, t, 0.5)
        off = d * u - c * (1 - u)
        deviance = c * excess(off / c, u * (c + d) / c)
        deviance += d * excess(-off / d, (1 - u) * (c + d) / d)
        error = stirling_error(c + d) - stirling_error(c) - stirling_error(d)
        saddle = np.exp(error - deviance) * np.sqrt(c / (c + d) * d / (2 * math.pi))
        values = np.where(
            plain,
            saddle / u / (1 - u),
            t ** (a - 1) * (1 - t) ** (b - 1) * sp.rgamma(a) * sp.rgamma(b) * sp.gamma(a + b),
        )
    return values[()]


def beta_density_slope(ans: Array, x: Array, y: Array, z: Array) -> Array:
    """The derivative by z."""
    left = divide(subtract(x, 1), z)
    right = divide(subtract(y, 1), subtract(1, z))
    return multiply(ans, subtract(left, right))


def beta_density_by(ans: Array, logarithm: Array, x: Array, y: Array) -> Array:
    """The derivative by the parameter `x`, whose base has this logarithm."""
    return multiply(ans, add(logarithm, polygamma_difference(x, y, 0)))


beta_density: Function = elementwise(
    "beta_density",
    beta_density_impl,
    lambda ans, x, y, z: beta_density_by(ans, log(z), x, y),
    lambda ans, x, y, z: beta_density_by(ans, log1p(negative(z)), y, x),
    beta_density_slope,
    shape=double_shape,
    samples=lambda: [
        *PROBABILITIES(),
        Sample(1.5, 2.5, 0.5, value=1.2732395447351628, label="the middle"),  # 4 / pi
    ],
)


CHUNK = 4096  # elements integrated at a time

# The derivatives by the parameters are integrals of the density times a polynomial in the
# derivatives of its logarithm. Those are ``log(t)``, ``log(1 - t)`` and polygamma functions.


def mixed_growth(slope: Callable[[int, int], Any], orders: tuple[int, int]) -> Any:
    """The derivative of these orders of ``exp(g)`` over ``exp(g)``, given those of g."""
    slope = cache(slope)  # each is used again and again
    known: dict[tuple[int, int], Any] = {(0, 0): 1.0}
    for i in range(orders[0] + 1):
        for j in range(orders[1] + 1):
            if i:
                known[i, j] = sum(
                    math.comb(i - 1, k)
                    * math.comb(j, m)
                    * slope(k + 1, m)
                    * known[i - 1 - k, j - m]
                    for k in range(i)
                    for m in range(j + 1)
                )
            elif j:
                known[i, j] = sum(
                    math.comb(j - 1, m) * slope(0, m + 1) * known[0, j - 1 - m] for m in range(j)
                )
    return known[orders]


def parameter_slopes(x: Array, y: Array) -> Callable[[int, int], Array]:
    """The derivatives of ``-betaln(x, y)``, by order in x and in y."""

    def slope(i: int, j: int) -> Array:
        if j == 0:
            return polygamma_difference(x, y, i - 1)
        if i == 0:
            return polygamma_difference(y, x, j - 1)
        return polygamma(i + j - 1, add(x, y))

    return slope


def log_density_slopes(x: Array, y: Array, first: Any, second: Any) -> Callable[[int, int], Any]:
    """The derivatives of the logarithm of the density, given both logarithms."""
    slope = parameter_slopes(x, y)
    logarithms = {(1, 0): first, (0, 1): second}

    def full(i: int, j: int) -> Any:
        found = slope(i, j)
        return found + logarithms[i, j] if (i, j) in logarithms else found

    return full


def lower_beta_integral(
    a: Any,
    b: Any,
    x: Any,
    rest: Any,
    first: Any,
    second: Any,
    density: Any,
    *,
    orders: tuple[int, int],
) -> Any:
    """The integral over the lower tail, for x below the mean and ``rest = 1 - x``, with both
    logarithms.

    By the double exponential rule after ``t = x * exp(-s)``, whose scale is that of the density's
    fall from x on.
    """
    ratio = x / rest
    scale = 1 / (np.maximum(a - (b - 1) * ratio, 0) + np.sqrt(np.abs(b - 1) * ratio / rest))
    h = 1 / 24
    last = math.ceil(max(4.5, float(np.log(45 / (a * scale)).max())) / h)
    u = h * np.arange(-110, last + 1)[:, None]
    node = np.exp(u - np.exp(-u))
    s = scale * node
    rise = np.log1p(-ratio * np.expm1(-s))
    weight = np.exp((b - 1) * rise - a * s) * (node * (1 + np.exp(-u)))
    slope = log_density_slopes(a, b, first - s, second + rise)
    total = np.sum(weight * mixed_growth(slope, orders), axis=0)
    return density * x * scale * h * total


def tail_integrals(*args: Any, orders: tuple[int, int]) -> Any:
    """:func:`lower_beta_integral` of some elements at a time: each takes hundreds of nodes."""
    n = len(args[0])
    parts = [
        lower_beta_integral(*(v[i : i + CHUNK] for v in args), orders=orders)
        for i in range(0, n, CHUNK)
    ]
    return np.concatenate(parts) if parts else np.zeros(0)


def betainc_derivative_impl(x: Array, y: Array, z: Array, *, orders: tuple[int, int]) -> Array:
    """The derivative of betainc by its parameters, of these orders (not both 0)."""
    a, b, t = np.broadcast_arrays(*(np.asarray(v, float) for v in (x, y, z)))
    inside = (a > 0) & (b > 0) & np.isfinite(a) & np.isfinite(b) & (t > 0) & (t < 1)
    edge = (a > 0) & (b > 0) & ((t == 0) | (t == 1))
    values = np.where(edge, 0.0, np.nan)
    a, b, t = a[inside], b[inside], t[inside]
    # For a single derivative the integrand changes its sign where the logarithm is at its mean.
    if orders[1] == 0:
        middle = np.exp(sp.psi(a) - sp.psi(a + b))
    elif orders[0] == 0:
        middle = -np.expm1(sp.psi(b) - sp.psi(a + b))
    else:
        middle = a / (a + b)
    low, density, rest = t <= middle, beta_density_impl(a, b, t), 1 - t
    logs = np.log(t), np.log1p(-t)
    found = np.empty_like(t)
    with np.errstate(under="ignore"):
        parts = [v[low] for v in (a, b, t, rest, *logs, density)]
        found[low] = tail_integrals(*parts, orders=orders)
        parts = [v[~low] for v in (b, a, rest, t, *logs[::-1], density)]
        found[~low] = -tail_integrals(*parts, orders=(orders[1], orders[0]))
    values[inside] = found
    return values[()]


def betainc_derivative_by(place: int) -> Callable[..., Array]:
    """The push, and pull, of the parameter at this place."""

    def scaled(t: Array, x: Array, y: Array, z: Array, *, orders: tuple[int, int]) -> Array:
        higher = (orders[0] + (place == 0), orders[1] + (place == 1))
        return multiply(t, betainc_derivative(x, y, z, orders=higher))

    return scaled


def betainc_derivative_by_last(
    t: Array, x: Array, y: Array, z: Array, *, orders: tuple[int, int]
) -> Array:
    """The derivative of the density by the parameters."""
    slope = log_density_slopes(x, y, log(z), log1p(negative(z)))
    return multiply(t, multiply(beta_density(x, y, z), mixed_growth(slope, orders)))


BETAINC_DERIVATIVE_RULES = (
    betainc_derivative_by(0),
    betainc_derivative_by(1),
    betainc_derivative_by_last,
)


def betainc_derivative_shape(*types: ArrayType, orders: tuple[int, int]) -> ArrayType:
    return double_shape(*types)


betainc_derivative: Function = general(
    "betainc_derivative",
    betainc_derivative_impl,
    pushes=BETAINC_DERIVATIVE_RULES,
    pulls=BETAINC_DERIVATIVE_RULES,
    batch=lambda x, y, z, *, batched, orders: betainc_derivative(
        *align((x, y, z), batched), orders=orders
    ),
    shape=betainc_derivative_shape,
    samples=lambda: [
        Sample(draw((3,), 0.5, 3), draw((3,), 0.5, 3, 1), draw((3,), 0.1, 0.9, 2), orders=(1, 0)),
        Sample(draw((2, 1), 0.5, 3), 1.5, draw((3,), 0.1, 0.9), orders=(0, 1), label="broadcast"),
        Sample(1.5, 2.5, draw((2, 3), 0.1, 0.9).T, orders=(1, 1), label="non-contiguous"),
        Sample(0.5, 2.0, 0.25, orders=(2, 0), label="0-d"),
        Sample(0.5, 2.0, draw((0,), 0.1, 0.9), orders=(1, 0), label="empty"),
    ],
)


def betainc_slope(place: int, x: Array, y: Array, z: Array) -> Array:
    """The derivative of betainc by the operand at this place."""
    if place == 2:
        return beta_density(x, y, z)
    return betainc_derivative(x, y, z, orders=(1, 0) if place == 0 else (0, 1))


def by_parameter(place: int) -> Callable[..., Array]:
    """The partial of betainc by the operand at this place."""
    return lambda x, y, z, ans_type: fit(
        betainc_slope(place, double(x), double(y), double(z)), ans_type
    )


def complement_by_parameter(place: int) -> Callable[..., Array]:
    """The partial of betaincc by the operand at this place."""
    partial = by_parameter(place)
    return lambda x, y, z, ans_type: negative(partial(x, y, z, ans_type))


def inverse_by_parameter(place: int) -> Callable[..., Array]:
    """The partial of either inverse, which has the value `ans`, by a parameter."""

    def partial(ans: Array, x: Array, y: Array) -> Array:
        args = (double(x), double(y), double(ans))
        return fit(negative(divide(betainc_slope(place, *args), beta_density(*args))), type_of(ans))

    return partial


betainc = elementwise(
    "betainc",
    sp.betainc,
    by_parameter(0),
    by_parameter(1),
    by_parameter(2),
    samples=lambda: [
        *PROBABILITIES(),
        Sample(1.0, 1.0, np.array([0.0, 1.0]), pinned=[0, 0, 1], label="the ends"),
    ],
)
betaincc = elementwise(
    "betaincc",
    sp.betaincc,
    complement_by_parameter(0),
    complement_by_parameter(1),
    complement_by_parameter(2),
    samples=PROBABILITIES,
)
betaincinv = elementwise(
    "betaincinv",
    sp.betaincinv,
    inverse_by_parameter(0),
    inverse_by_parameter(1),
    lambda g, ans, x, y: divide(g, beta_density(double(x), double(y), double(ans))),
    samples=PROBABILITIES,
)
betainccinv = elementwise(
    "betainccinv",
    sp.betainccinv,
    inverse_by_parameter(0),
    inverse_by_parameter(1),
    lambda g, ans, x, y: divide(negative(g), beta_density(double(x), double(y), double(ans))),
    samples=PROBABILITIES,
)
