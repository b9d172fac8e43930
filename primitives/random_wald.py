"""Inverse Gaussian variables, with their derivative by the mean.

The sampler of Michael, Schucany and Haas (1976) takes one root of an equation or the other, by a
probability that depends on the mean: its formula says nothing of how the variable moves. The
derivative is that which keeps the probability, ``-(dF/dmean) / f``. In it all exponentials cancel
but for the ratio of Mills, of the normal tail to the density.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from functrans.core.kinds import elementwise, general
from functrans.core.primitive import ZERO
from functrans.core.types import Array, ArrayType, type_of

from .arithmetic import add, divide, multiply, negative, square
from .exponential import sqrt
from .gamma_quantile import integrals
from .normal_quantile import mills_ratio
from .random import KEY, KEYS, normal, unit
from .samples import Sample, draw
from .special_operands import double, double_shape, fit
from .threefry import fill, fold

if TYPE_CHECKING:
    from functrans.core.kinds import Function


def tail_moment_impl(x: Array, y: int) -> Array:
    """The integral of ``s**y * exp(-x * s - s**2 / 2)`` over s > 0, for x >= 0: the ratio of Mills
    and, up to their sign, its derivatives."""
    at = np.asarray(x, float)
    if y == 0:
        return mills_ratio(at).reshape(at.shape)[()]

    def integrand(s: Array, x: Array) -> Array:
        return s**y * np.exp(-s * (x + s / 2))

    flat = at.reshape(-1)
    found = integrals(integrand, 1 / (flat + math.sqrt(y)), flat)
    return found.reshape(at.shape)[()]


tail_moment: Function = elementwise(
    "tail_moment",
    tail_moment_impl,
    lambda x, y: negative(tail_moment(x, add(y, 1))),
    ZERO,
    shape=lambda x, y: double_shape(x),
    samples=lambda: [
        Sample(draw((3,), 0.5, 5), 0),
        Sample(draw((2, 3), 0.5, 20).T, 1, label="non-contiguous"),
        Sample(0.0, 0, value=math.sqrt(math.pi / 2), smooth=False, label="0-d"),
        Sample(0.0, 1, value=1.0, smooth=False, label="the first moment"),
        Sample(1e8, 0, value=1e-8, pinned=[-1e-16, None], label="far out"),
        Sample(draw((0,), 0.5, 5), 1, label="empty"),
    ],
)


def random_wald_impl(x: Array, y: Array) -> Array:
    """Inverse Gaussian variables of the means `y` and scale 1."""
    keys, given = np.asarray(x).reshape(-1, 2), np.asarray(y)
    mean = given.astype(float)
    each = mean.size // max(len(keys), 1)
    steps = fill(fold(keys, 0), (each,), float, normal).reshape(mean.shape)
    u = fill(fold(keys, 1), (each,), float, unit).reshape(mean.shape)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        half = mean * steps * steps / 2
        factor = 1 + half + np.sqrt(half * (2 + half))
        low = mean / factor
        values = np.where(u * (mean + low) <= mean, low, mean * factor)
        return np.where(mean > 0, values, math.nan).astype(given.dtype)[()]


def wald_by_mean(g: Array, ans: Array, y: Array) -> Array:
    value, mean = double(ans), double(y)
    root = sqrt(value)
    ratio = tail_moment(add(divide(root, mean), divide(1.0, root)), 0)
    slope = divide(multiply(multiply(2.0, multiply(value, root)), ratio), square(mean))
    return multiply(g, fit(slope, type_of(ans)))


random_wald: Function = general(
    "random_wald",
    random_wald_impl,
    pushes=(ZERO, wald_by_mean),
    pulls=(ZERO, wald_by_mean),
    batch=lambda x, y: random_wald(x, y),
    shape=lambda x, y: ArrayType(y.shape, y.dtype),
    samples=lambda: [
        Sample(
            KEY,
            np.array([0.5, 2.5]),
            value=[0.4263728105822588, 1.0580989611182363],
            pinned=[None, [0.7110438847157375, 0.18925911692560302]],
        ),
        Sample(KEYS, draw((2, 3), 0.5, 3).T, smooth=False, label="lanes, non-contiguous"),
        Sample(KEY, draw((3,), 0.5, 5).astype(np.float32), smooth=False, label="float32"),
        Sample(KEY, np.array(2.5), smooth=False, label="0-d"),
        Sample(KEY, np.zeros((0,)), smooth=False, label="empty"),
    ],
)
