"""Incomplete gamma functions of scipy.special, with the derivative by the shape parameter."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from functrans.core.kinds import elementwise
from functrans.core.primitive import ZERO
from functrans.core.types import Array, type_of

from .arithmetic import divide, multiply, negative, subtract
from .exponential import log
from .gamma_quantile import shape_ratio
from .polygamma_series import growth
from .samples import Sample, binary, draw
from .special_gamma import digamma, gamma_density, gamma_density_impl, polygamma
from .special_operands import double, double_shape, fit
from .special_ufuncs import sp

if TYPE_CHECKING:
    from functrans.core.kinds import Function


def gammainc_by_shape_impl(x: Array, y: Array, z: int) -> Array:
    """The derivative of order z > 0 of gammainc by its first operand."""
    a, t = np.broadcast_arrays(np.asarray(x, float), np.asarray(y, float))
    inside = (a > 0) & np.isfinite(a) & (t > 0) & np.isfinite(t)
    edge = (a > 0) & ((t == 0) | np.isposinf(t))
    values = np.where(edge, 0.0, np.nan)
    a, t = a[inside], t[inside]
    with np.errstate(under="ignore"):
        values[inside] = gamma_density_impl(a, t) * t * shape_ratio(a, t, np.log(t), z, sp.psi)
    return values[()]


def gamma_density_by_shape(x: Array, y: Array, z: int) -> Array:
    """The derivative of order z of the density by the shape."""
    higher = [negative(polygamma(i, x)) for i in range(1, z)]
    return multiply(gamma_density(x, y), growth([subtract(log(y), digamma(x)), *higher]))


gammainc_by_shape: Function = elementwise(
    "gammainc_by_shape",
    gammainc_by_shape_impl,
    lambda x, y, z: gammainc_by_shape(x, y, z + 1),
    gamma_density_by_shape,
    ZERO,
    shape=lambda x, y, z: double_shape(x, y),
    samples=lambda: [
        Sample(draw((4,), 0.5, 5), draw((4,), 0.5, 5, 1), 1),
        Sample(draw((2, 1), 0.5, 5), draw((3,), 0.5, 5, 1), 2, label="broadcast"),
        Sample(draw((2, 3), 0.5, 5).T, 2.5, 1, label="non-contiguous"),
        Sample(30.0, np.array([20.0, 40.0]), 1, label="both sides"),
        Sample(1.5, 2.0, 1, label="0-d"),
        Sample(1.5, draw((0,), 0.5, 5), 1, label="empty"),
    ],
)


def gammaincinv_by_shape(ans: Array, x: Array) -> Array:
    """The derivative of either inverse, which has the value `ans`, by its shape."""
    shape, value = double(x), double(ans)
    slope = divide(gammainc_by_shape(shape, value, 1), gamma_density(shape, value))
    return fit(negative(slope), type_of(ans))


gammainc = elementwise(
    "gammainc",
    sp.gammainc,
    lambda x, y, ans_type: fit(gammainc_by_shape(double(x), double(y), 1), ans_type),
    lambda x, y, ans_type: fit(gamma_density(double(x), double(y)), ans_type),
    samples=binary(0.5, 3, Sample(1.0, 0.0, pinned=[0, 1], label="the border"), complex_too=False),
)
gammaincc = elementwise(
    "gammaincc",
    sp.gammaincc,
    lambda x, y, ans_type: negative(fit(gammainc_by_shape(double(x), double(y), 1), ans_type)),
    lambda x, y, ans_type: negative(fit(gamma_density(double(x), double(y)), ans_type)),
    samples=binary(0.5, 3, complex_too=False),
)
gammaincinv = elementwise(
    "gammaincinv",
    sp.gammaincinv,
    lambda ans, x: gammaincinv_by_shape(ans, x),
    lambda g, ans, x: divide(g, fit(gamma_density(double(x), double(ans)), type_of(ans))),
    samples=binary(0.3, 0.8, complex_too=False),
)
gammainccinv = elementwise(
    "gammainccinv",
    sp.gammainccinv,
    lambda ans, x: gammaincinv_by_shape(ans, x),
    lambda g, ans, x: divide(g, negative(fit(gamma_density(double(x), double(ans)), type_of(ans)))),
    samples=binary(0.3, 0.8, complex_too=False),
)
