"""The cardinal sine and its derivatives."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from functrans.core.kinds import elementwise
from functrans.core.primitive import ZERO
from functrans.core.types import Array

from .arithmetic import multiply, negative, square, subtract
from .exponential import real_line_shape
from .samples import Sample, draw, unary

if TYPE_CHECKING:
    from functrans.core.kinds import Function


def spherical_bessel_impl(x: Array, y: int) -> Array:
    """The spherical Bessel function of order `y` over ``x**y``: an even function without poles.

    Near 0 by its power series, elsewhere by recurrence from cos(x) and sin(x) / x.
    """
    x = np.asarray(x)
    near = np.abs(x) < y + 2
    s = np.where(near, x, 0) ** 2 / -2
    series = term = np.ones_like(s) / np.prod(np.arange(1.0, 2 * y + 2, 2)).item()
    for k in range(1, 20 + 2 * y):
        term = term * s / (k * (2 * (y + k) + 1))
        series = series + term
    x = np.where(near, 1, x)
    before, here = np.cos(x), np.sin(x) / x
    for k in range(y):
        before, here = here, ((2 * k + 1) * here - before) / (x * x)
    return np.where(near, series, here)[()]


spherical_bessel: Function = elementwise(
    "spherical_bessel",
    spherical_bessel_impl,
    lambda x, y: negative(multiply(x, spherical_bessel(x, y + 1))),
    ZERO,
    shape=real_line_shape,
    samples=lambda: [
        Sample(draw((5,), -4, 4), 0),
        Sample(draw((2, 3), -9, 9).T, 1, label="non-contiguous"),
        Sample(draw((3,), -4, 4).astype(np.float32), 2, label="float32"),
        Sample(draw((), 1, 4)[()], 3, label="0-d"),
        Sample(draw((0,), 1, 4), 1, label="empty"),
        Sample(np.array([0.0, 1e-5]), 1, value=[1 / 3, 1 / 3 - 1e-10 / 30], label="the origin"),
    ],
)


def sinc_slope_impl(x: Array) -> Array:
    """Near 0 by the Bessel function, elsewhere by cosine and sine of pi times what is left of a
    whole number, which is exact."""
    x = np.asarray(x)
    if x.dtype.kind == "c":
        return -(np.pi**2) * x * spherical_bessel_impl(np.pi * x, 1)
    x = x if x.dtype.kind == "f" else x.astype(float)
    near = np.abs(x) < 0.75
    at = np.where(near | ~np.isfinite(x), 1, x)
    whole = np.rint(at)
    rest = at - whole
    sign = np.where(whole % 2 == 0, 1, -1).astype(x.dtype)
    sine, cosine = np.sin(np.pi * rest), np.sin(np.pi * (0.5 - np.abs(rest)))
    far = sign * (cosine - sine / (np.pi * at)) / at
    far = np.where(np.isfinite(x), far, np.nan)  # as NumPy's value at infinity
    close = np.where(near, x, 0)
    return np.where(near, -(np.pi**2) * close * spherical_bessel_impl(np.pi * close, 1), far)[()]


def sinc_curvature(x: Array) -> Array:
    u = multiply(math.pi, x)
    falling = multiply(square(u), spherical_bessel(u, 2))
    return multiply(math.pi**2, subtract(falling, spherical_bessel(u, 1)))


sinc_slope: Function = elementwise(
    "sinc_slope",
    sinc_slope_impl,
    sinc_curvature,
    shape=real_line_shape,
    samples=unary(
        -3,
        3,
        Sample(
            np.array([0.0, 1.0, -2.0, 2.5]),
            smooth=False,
            value=[0.0, -1.0, -0.5, -1 / (2.5 * np.pi) / 2.5],
            label="zeros and extremes of the sine",
        ),
    ),
)
sinc = elementwise(
    "sinc",
    lambda x: np.sinc(x),
    lambda x: sinc_slope(x),
    shape=real_line_shape,
    samples=unary(
        -3,
        3,
        Sample(0.0, pinned=[0], label="the origin"),
        Sample(1e-9, pinned=[-(math.pi**2) / 3 * 1e-9], label="near the origin"),
        Sample(np.array([1.0, -2.0]), pinned=[np.array([-1.0, -0.5])], label="zeros"),
    ),
)
