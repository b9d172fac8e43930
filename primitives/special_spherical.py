"""Spherical Bessel functions, and spherical harmonics by the polar angle.

The order is a whole number. Derivatives are sums over its neighbours, without poles.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.core.errors import REASONS
from functrans.core.kinds import elementwise
from functrans.core.types import Array, ArrayType

from .arithmetic import add, divide, multiply, subtract
from .comparison import equal, maximum, where
from .exponential import sqrt
from .samples import Sample, draw
from .special_operands import double_shape, fit
from .special_ufuncs import sp

if TYPE_CHECKING:
    from functrans.core.kinds import Function

ORDER = "the order is a whole number"


def spherical_shape(x: ArrayType, y: ArrayType) -> ArrayType:
    dtype = y.dtype if y.dtype.kind in "fc" else np.dtype(float)
    return ArrayType(np.broadcast_shapes(x.shape, y.shape), dtype)


def spherical(name: str, own: Any, below: int, above: int, low: float, stated: float) -> Function:
    """``(below * n * f(n - 1) + above * (n + 1) * f(n + 1)) / (2 * n + 1)`` is the derivative.

    `stated` is the value of order 1 at 1.5.
    """

    def partial(x: Array, y: Array, ans_type: ArrayType) -> Array:
        lowest = equal(x, 0)
        lower = function(maximum(subtract(x, 1), 0), y)
        lower = where(lowest, 0.0, multiply(multiply(below, x), lower))
        upper = multiply(multiply(above, add(x, 1)), function(add(x, 1), y))
        return fit(divide(add(lower, upper), add(multiply(2, x), 1)), ans_type)

    def impl(x: Array, y: Array) -> Array:
        dtype = spherical_shape(
            ArrayType(np.shape(x), int), ArrayType(np.shape(y), np.asarray(y).dtype)
        )
        return np.asarray(own(x, y), dtype.dtype)[()]

    function: Function = elementwise(
        name,
        impl,
        None,
        partial,
        shape=spherical_shape,
        samples=lambda: [
            Sample(np.array([0, 1, 2, 5]), draw((4,), low, 4)),
            Sample(1, draw((2, 3), low, 4).T, label="non-contiguous"),
            Sample(2, draw((3,), 0.5, 4).astype(np.float32), label="float32"),
            Sample(1, 1.5, value=stated, label="0-d"),
            Sample(1, draw((0,), 0.5, 4), label="empty"),
            Sample(2, np.array([1.5 + 0.5j, 0.5 - 1j]), label="complex"),
        ],
    )
    REASONS[name, 0] = ORDER
    return function


spherical_jn = spherical("spherical_jn", sp.spherical_jn, 1, -1, -4, 0.39617297071222224)
spherical_yn = spherical("spherical_yn", sp.spherical_yn, 1, -1, 0.5, -0.6964354140327932)
spherical_in = spherical("spherical_in", sp.spherical_in, 1, 1, -4, 0.621926652342246)
spherical_kn = spherical("spherical_kn", sp.spherical_kn, -1, -1, 0.5, 0.389435595509234)


def sph_legendre_impl(x: Array, y: Array, z: Array) -> Array:
    """SciPy's since 1.15; before that by its associated Legendre function."""
    n, m, angle = np.broadcast_arrays(x, y, np.asarray(z, float))
    if hasattr(sp, "sph_legendre_p"):
        return np.reshape(sp.sph_legendre_p(n, m, angle), angle.shape)[()]
    order = np.abs(m)
    sign = np.where((m < 0) & (order % 2 == 1), -1.0, 1.0)
    scale = np.exp(0.5 * (sp.gammaln(n - order + 1.0) - sp.gammaln(n + order + 1.0)))
    scale = np.where(order > n, 0.0, scale * np.sqrt((2 * n + 1) / (4 * np.pi)))
    return (sign * scale * sp.lpmv(order, n, np.cos(angle)))[()]


def sph_legendre_partial(x: Array, y: Array, z: Array) -> Array:
    """Half the difference of the neighbouring orders, weighted."""
    above = sqrt(maximum(multiply(subtract(x, y), add(add(x, y), 1)), 0.0))
    below = sqrt(maximum(multiply(add(x, y), add(subtract(x, y), 1)), 0.0))
    upper = multiply(above, sph_legendre(x, add(y, 1), z))
    return multiply(0.5, subtract(upper, multiply(below, sph_legendre(x, subtract(y, 1), z))))


sph_legendre: Function = elementwise(
    "sph_legendre",  # of degree x, order y, polar angle z
    sph_legendre_impl,
    None,
    None,
    sph_legendre_partial,
    shape=double_shape,
    samples=lambda: [
        Sample(np.array([0, 1, 3, 3]), np.array([0, 1, 2, -3]), draw((4,), 0.2, 3)),
        Sample(3, 1, draw((2, 3), 0.2, 3).T, label="non-contiguous"),
        Sample(2, 0, 1.5, label="0-d"),
        Sample(2, 1, draw((0,), 0.2, 3), label="empty"),
        # On the far side of the pole SciPy continues evenly; the slope is that of this side.
        Sample(
            3,
            np.array([0, 1, 2]),
            np.zeros(3),
            pinned=[None, None, np.array([0.0, -((21 / (4 * np.pi)) ** 0.5), 0.0])],
            label="the pole",
        ),
    ],
)
REASONS["sph_legendre", 0] = REASONS["sph_legendre", 1] = "degree and order are whole numbers"
