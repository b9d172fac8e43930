"""How a gamma variable moves with its shape when its probability stays: what its random numbers are
differentiated by.

With F the distribution function and f the density of the *logarithm* w of a gamma variable of
shape a, ``F(w, a)`` is constant along ``dw/da = -(dF/da) / f``. The ratio is computed as such:
factors that both have, which may be no numbers, cancel, and small shapes, whose variables
underflow, are as good as others.
"""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from functrans.core.kinds import elementwise
from functrans.core.primitive import ZERO
from functrans.core.types import Array

from .arithmetic import add, multiply, negative, subtract
from .exponential import exp
from .polygamma_series import digamma_by_series, growth, polygamma_by_series, positive_polygamma
from .samples import Sample, draw
from .special_operands import double_shape

if TYPE_CHECKING:
    from collections.abc import Callable

    from functrans.core.kinds import Function

    Digamma: TypeAlias = Callable[[Array], Array]

EPSILON = float(np.finfo(float).eps)
LARGE = 200.0  # a shape whose series would need too many terms
STEP = 1 / 24  # of the double exponential rule
CHUNK = 1 << 12  # elements whose series is summed at a time
ROWS = 64  # elements integrated at a time, each at all nodes


def lower_series(a: Any, x: Any, w: Any, order: int, psi: Digamma) -> Any:
    """For ``x <= a + 1`` with its logarithm w: the power series of the distribution function term
    by term, of one sign for order 1."""
    term = 1 / a
    n, total = a + 1, np.zeros_like(x)
    slopes = [w - psi(n), *(-polygamma_by_series(i, n) for i in range(1, order))]
    while True:
        factor = growth(slopes)
        total = total + term * factor
        if np.all(term * np.maximum(1, np.abs(factor)) <= EPSILON / 8 * np.abs(total)):
            return total
        # polygamma(i, n + 1) - polygamma(i, n)
        steps = [(-1) ** i * math.factorial(i) / n ** (i + 1) for i in range(order)]
        slopes = [slope - step for slope, step in zip(slopes, steps, strict=True)]
        term = term * x / n
        n = n + 1


@cache
def nodes() -> Array:
    """Those of the double exponential rule on (0, inf), at scale 1, and their weights."""
    u = STEP * np.arange(-110, 121)
    node = np.exp(u - np.exp(-u))
    return np.stack([node, STEP * node * (1 + np.exp(-u))])


def integrals(integrand: Callable[..., Array], scale: Array, *operands: Array) -> Array:
    """Those of ``integrand(s, *operands)`` over s > 0, which falls at this scale, for each element
    of flat operands. The sum over the nodes of one does not depend on how many others there are."""
    node, weight = nodes()
    values = np.empty(scale.shape)
    for start in range(0, scale.size, ROWS):
        i = slice(start, start + ROWS)
        at_nodes = integrand(scale[i, None] * node, *[x[i, None] for x in operands])
        values[i] = np.sum(at_nodes * weight, axis=-1)
    return scale * values


def lower_integral(a: Any, x: Any, w: Any, order: int, psi: Digamma) -> Any:
    """The integral of the derivative of the density over what lies below, over the density: for
    large shapes, whose series has too many terms. Its scale is that of the density's fall."""

    def integrand(s: Any, a: Any, x: Any, offset: Any, *higher: Any) -> Any:
        return np.exp(-a * s - x * np.expm1(-s)) * growth([offset - s, *higher])

    scale = 1 / (np.maximum(a - x, 0) + np.sqrt(x))
    higher = [-polygamma_by_series(i, a) for i in range(1, order)]
    return integrals(integrand, scale, a, x, w - psi(a), *higher)


def upper_integral(a: Any, x: Any, w: Any, order: int, psi: Digamma) -> Any:
    """For ``x > a + 1``: the same of what lies above, in terms of x, with its sign."""

    def integrand(s: Any, a: Any, x: Any, offset: Any, *higher: Any) -> Any:
        ratio = np.log1p(s / x)
        return np.exp((a - 1) * ratio - s) * growth([offset + ratio, *higher])

    scale = 1 / (1 - (a - 1) / x + np.sqrt(a) / x)
    higher = [-polygamma_by_series(i, a) for i in range(1, order)]
    return -integrals(integrand, scale, a, x, w - psi(a), *higher) / x


def shape_ratio(
    a: Array, x: Array, w: Array, order: int, psi: Digamma = digamma_by_series
) -> Array:
    """The derivative of this order of F by the shape over the density of w, for flat arrays of
    shapes, of numbers and of the logarithms of these; `psi` is digamma."""
    values = np.empty(a.shape)
    below = x <= a + 1
    for which, found in (
        (below & (a < LARGE), lower_series),
        (below & (a >= LARGE), lower_integral),
        (~below, upper_integral),
    ):
        places = np.flatnonzero(which)
        for start in range(0, places.size, CHUNK):
            i = places[start : start + CHUNK]
            values[i] = found(a[i], x[i], w[i], order, psi)
    return values


def gamma_shape_ratio_impl(x: Array, y: Array, z: int) -> Array:
    """The derivative of order z > 0 of F by the shape `x`, over the density, both at the logarithm
    `y`."""
    a, w = np.broadcast_arrays(np.asarray(x, float), np.asarray(y, float))
    inside = (a > 0) & np.isfinite(a) & np.isfinite(w)
    values = np.full(a.shape, math.nan)
    with np.errstate(under="ignore", over="ignore"):
        values[inside] = shape_ratio(a[inside], np.exp(w[inside]), w[inside], int(z))
    return values[()]


def log_density_slopes(x: Array, y: Array, order: int) -> list[Array]:
    """The derivatives of ``log f`` by the shape, in order."""
    higher = [negative(positive_polygamma(i, x)) for i in range(1, order)]
    return [subtract(y, positive_polygamma(0, x)), *higher]


def ratio_by_shape(ans: Array, x: Array, y: Array, z: int) -> Array:
    (slope,) = log_density_slopes(x, y, 1)
    return subtract(gamma_shape_ratio(x, y, add(z, 1)), multiply(ans, slope))


def ratio_by_logarithm(ans: Array, x: Array, y: Array, z: int) -> Array:
    higher = growth(log_density_slopes(x, y, int(z)))
    return subtract(higher, multiply(ans, subtract(x, exp(y))))


gamma_shape_ratio: Function = elementwise(
    "gamma_shape_ratio",
    gamma_shape_ratio_impl,
    ratio_by_shape,
    ratio_by_logarithm,
    ZERO,
    shape=lambda x, y, z: double_shape(x, y),
    samples=lambda: [
        Sample(draw((4,), 0.5, 5), draw((4,), -1, 1.5, 1), 1),
        Sample(draw((2, 1), 0.5, 5), draw((3,), -1, 1.5, 1), 2, label="broadcast"),
        Sample(draw((2, 3), 0.5, 5).T, 0.75, 1, label="non-contiguous"),
        Sample(1.0, 0.0, 1, value=-1.1735630272247268, label="0-d"),
        Sample(
            0.01,
            np.array([-250.0, -1.0, 1.0]),
            1,
            value=[-24943.911454213132, -110.85699256097347, -28.966590973163726],
            label="a small shape",
        ),
        Sample(
            300.0,
            np.array([5.5, 5.75, 5.9]),
            1,
            value=[-0.0036865428977438256, -0.0032587073276399833, -0.003018666646760884],
            label="a large shape",
        ),
        Sample(1.5, draw((0,), 0.5, 5), 1, label="empty"),
    ],
)
