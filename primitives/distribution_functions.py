"""Distribution functions that only scipy.stats has: skew normal and von Mises."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from functrans.core.errors import REASONS
from functrans.core.kinds import elementwise
from functrans.core.types import Array

from .arithmetic import add, divide, multiply, square
from .exponential import exp
from .samples import Sample, draw
from .special_operands import double, double_shape, with_parameters
from .special_ufuncs import sp

if TYPE_CHECKING:
    from collections.abc import Callable

    from functrans.core.kinds import Function


def from_stats(family: str) -> Callable[..., Array]:
    """The distribution function of a family; scipy.stats takes long to import, so not before."""

    def cdf(x: Array, y: Array) -> Array:
        import scipy.stats

        return np.asarray(getattr(scipy.stats, family).cdf(x, y), float)[()]

    return cdf


def skewnorm_by_first(x: Array, y: Array) -> Array:
    """The density."""
    x = double(x)
    gauss = multiply(math.sqrt(2 / math.pi), exp(multiply(-0.5, square(x))))
    return multiply(gauss, sp.ndtr(multiply(x, double(y))))


def skewnorm_by_shape(x: Array, y: Array) -> Array:
    """Minus twice the derivative of Owen's function."""
    growth = add(1.0, square(double(y)))
    gauss = exp(multiply(-0.5, multiply(square(double(x)), growth)))
    return divide(multiply(-1 / math.pi, gauss), growth)


skewnorm_cdf: Function = elementwise(
    "skewnorm_cdf",
    from_stats("skewnorm"),
    skewnorm_by_first,
    skewnorm_by_shape,
    shape=double_shape,
    samples=with_parameters((-2, 2), last=(-2, 2)),
)


def vonmises_density(x: Array, y: Array) -> Array:
    width = double(y)
    height = exp(multiply(width, sp.cosm1(double(x))))
    return divide(height, multiply(2 * math.pi, sp.i0e(width)))


vonmises_cdf: Function = elementwise(
    "vonmises_cdf",
    from_stats("vonmises"),
    vonmises_density,
    None,
    shape=double_shape,
    samples=lambda: [
        Sample(draw((3,), -3, 3), draw((3,), 0.5, 4)),
        Sample(draw((2, 1), -3, 3), draw((3,), 0.5, 4), label="broadcast"),
        Sample(draw((2, 3), -3, 3).T, 2.0, label="non-contiguous"),
        Sample(0.5, 2.0, label="0-d"),
        Sample(draw((0,), -3, 3), 2.0, label="empty"),
    ],
)
REASONS["vonmises_cdf", 1] = "the slope by the concentration is a series of Bessel functions"
