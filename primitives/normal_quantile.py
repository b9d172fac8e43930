"""Quantiles of the normal distribution in plain NumPy, good to 1e-15: by Wichura's rational
approximations (algorithm AS 241, Applied Statistics 37, 1988)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from functrans.core.types import Array

from .activation import TAIL_DENOMINATOR, TAIL_NUMERATOR, normal_cdf_impl, polynomial

# From the leading coefficient on.
CENTRAL = (
    (
        2.5090809287301226727e3,
        3.3430575583588128105e4,
        6.7265770927008700853e4,
        4.5921953931549871457e4,
        1.3731693765509461125e4,
        1.9715909503065514427e3,
        1.3314166789178437745e2,
        3.3871328727963666080e0,
    ),
    (
        5.2264952788528545610e3,
        2.8729085735721942674e4,
        3.9307895800092710610e4,
        2.1213794301586595867e4,
        5.3941960214247511077e3,
        6.8718700749205790830e2,
        4.2313330701600911252e1,
        1.0,
    ),
)
MIDDLE = (
    (
        7.74545014278341407640e-4,
        2.27238449892691845833e-2,
        2.41780725177450611770e-1,
        1.27045825245236838258e0,
        3.64784832476320460504e0,
        5.76949722146069140550e0,
        4.63033784615654529590e0,
        1.42343711074968357734e0,
    ),
    (
        1.05075007164441684324e-9,
        5.47593808499534494600e-4,
        1.51986665636164571966e-2,
        1.48103976427480074590e-1,
        6.89767334985100004550e-1,
        1.67638483018380384940e0,
        2.05319162663775882187e0,
        1.0,
    ),
)
FAR = (
    (
        2.01033439929228813265e-7,
        2.71155556874348757815e-5,
        1.24266094738807843860e-3,
        2.65321895265761230930e-2,
        2.96560571828504891230e-1,
        1.78482653991729133580e0,
        5.46378491116411436990e0,
        6.65790464350110377720e0,
    ),
    (
        2.04426310338993978564e-15,
        1.42151175831644588870e-7,
        1.84631831751005468180e-5,
        7.86869131145613259100e-4,
        1.48753612908506148525e-2,
        1.36929880922735805310e-1,
        5.99832206555887937690e-1,
        1.0,
    ),
)
LEAST = np.finfo(float).tiny

LOGARITHM = (
    0.14616585424888623,
    0.15331710618210773,
    0.18182889455674947,
    0.22222211130259878,
    0.2857142862600327,
    0.39999999999899444,
    0.666666666666667,
)
"""(2 artanh(s) / s - 2) / s**2 by s**2, from the leading coefficient on, to 3e-16."""

LOG_2 = (0.6931471803691238, 1.9082149292705877e-10)
"""The logarithm of 2 in two parts; multiples of the first have no rounding."""

ROOT_HALF = 0.7071067811865476

FEW = 32
"""Numbers whose quantiles Python's arithmetic has faster than forty operations on arrays."""


def rational(pair: tuple[tuple[float, ...], tuple[float, ...]], x: Array) -> Array:
    top = polynomial(pair[0], x)
    top /= polynomial(pair[1], x)
    return top


def logarithm(x: Array) -> Array:
    """The logarithm of positive numbers, within one unit in the last place.

    NumPy's own has other bits on other processors. This is made of operations whose rounding is
    fixed, so random numbers are the same everywhere, in native code too.
    """
    z, k = np.frexp(x)
    small = z < ROOT_HALF
    np.add(z, z, out=z, where=small)
    k = np.subtract(k, small, dtype=float)
    f = z - 1
    s = f / (f + 2)
    w = s * s
    half = f * 0.5 * f
    rest = polynomial(LOGARITHM, w)
    rest *= w
    rest += half
    rest *= s
    rest += k * LOG_2[1]
    half -= rest
    half -= f
    return k * LOG_2[0] - half


def upper_quantile(tail: Array) -> Array:
    """The number that a normal variable exceeds with these probabilities (at most 0.075)."""
    root = np.sqrt(-logarithm(tail))
    far = root > 5
    if not far.any():
        return rational(MIDDLE, root - 1.6)
    return np.where(far, rational(FAR, root - 5), rational(MIDDLE, np.minimum(root, 5) - 1.6))


def single_quantile(x: float) -> float:
    """:func:`centred_quantile` of one number, to the bit."""
    half = x * 0.5
    size = abs(half)
    if size <= 0.425:
        ratio: float = rational(CENTRAL, 0.180625 - half * half)
        return ratio * half
    z, k = math.frexp(0.5 - size)
    if z < ROOT_HALF:
        z, k = z + z, k - 1
    f = z - 1
    s = f / (f + 2)
    square = f * 0.5 * f
    rest = (polynomial(LOGARITHM, s * s) * (s * s) + square) * s + k * LOG_2[1]
    root = math.sqrt(-(k * LOG_2[0] - (square - rest - f)))
    value = rational(FAR, root - 5) if root > 5 else rational(MIDDLE, root - 1.6)
    return math.copysign(value, half)


def centred_quantile(x: Array) -> Array:
    """The number between whose negative and itself a normal variable lies with probability `x`,
    with the sign of `x`: for a flat array of float64 strictly between -1 and 1."""
    if x.size <= FEW:
        return np.array([single_quantile(one) for one in x.tolist()])
    half = x * 0.5
    values = half * half
    np.subtract(0.180625, values, out=values)
    values = rational(CENTRAL, values)
    values *= half
    outer = np.flatnonzero(np.abs(half) > 0.425)
    if outer.size:
        sides = half[outer]
        values[outer] = np.copysign(upper_quantile(0.5 - np.abs(sides)), sides)
    return values


def lower_quantile(p: Array) -> Array:
    """The number below which a normal variable lies with probability `p` <= 1/2."""
    p = np.asarray(p, float)
    flat = np.maximum(p.reshape(-1), LEAST)
    values = centred_quantile(2 * np.maximum(flat, 0.01) - 1)
    outer = flat < 0.075
    values[outer] = -upper_quantile(flat[outer])
    return values.reshape(p.shape)


def mills_ratio(x: Array) -> Array:
    """The probability beyond x >= 0 over the density at x."""
    x = np.atleast_1d(x)
    near = np.minimum(x, 1e5)
    ratio = polynomial(TAIL_NUMERATOR, near) / polynomial(TAIL_DENOMINATOR, near)
    with np.errstate(divide="ignore"):
        return np.where(x > near, 1 / x, math.sqrt(2 * math.pi) * ratio)


def far_quantile(u: Any, low: Array, high: Array) -> Array:
    """That of a normal variable between two bounds of one sign which are so far out (10 < low) that
    their probabilities may be no numbers, by Newton's method in the logarithm."""

    def log_tail(z: Array) -> Array:
        with np.errstate(divide="ignore", over="ignore"):
            return np.log(mills_ratio(z)) - z * z / 2

    start = log_tail(low)
    share = np.exp(np.minimum(log_tail(high) - start, 0))
    wanted = np.log1p(-u * (1 - share))
    z = np.sqrt(low * low - 2 * wanted)
    for _ in range(4):
        z += (log_tail(z) - start - wanted) * mills_ratio(z)
    return np.clip(z, low, high)


def truncated_quantile_impl(x: Array, y: Array, z: Array) -> Array:
    """The number below which a standard normal variable between the bounds `y` and `z` lies with
    probability `x`."""
    u, low, high = np.broadcast_arrays(*(np.asarray(v, float) for v in (x, y, z)))
    # On the left side, where probabilities are small numbers and no differences from 1.
    with np.errstate(invalid="ignore"):
        flip = low + high > 0
        a, b = np.where(flip, -high, low), np.where(flip, -low, high)
        v = np.where(flip, 1 - u, u)
    below, above = normal_cdf_impl(a), normal_cdf_impl(b)
    p = below + v * (above - below)
    with np.errstate(invalid="ignore", over="ignore"):
        values = np.where(p <= 0.5, lower_quantile(np.minimum(p, 0.5)), 0.0)
        right = p > 0.5
        if right.any():
            values[right] = -lower_quantile((1 - p)[right])
        far = b < -10
        if far.any():
            values[far] = -far_quantile(1 - v[far], -b[far], -a[far])
        values = np.clip(np.where(flip, -values, values), low, high)
        values = np.where((low <= high) & ~np.isnan(u), values, np.nan)
    return np.asarray(values)[()]
