"""NumPy's functions of polynomials, given by their coefficients, the highest power first."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from functrans.core.types import Array, dtype_of, shape_of
from functrans.numpy import calculus, creation, joining, linear_algebra, reductions, shapes
from functrans.numpy.axes import ndim_of
from functrans.numpy.operands import operand
from functrans.numpy.options import unsupported
from functrans.numpy.registry import implements
from functrans.primitives import add, divide, multiply, negative, pad, sqrt, subtract


@implements(np.polyval)
def polyval(p: Any, x: Any) -> Array:
    """The value of a polynomial."""
    x = operand(x)
    ans: Any = multiply(x, 0)
    for coefficient in operand(p):
        ans = add(multiply(ans, x), coefficient)
    return ans


def _aligned(a1: Any, a2: Any) -> tuple[Array, Array]:
    """Two polynomials with as many coefficients each."""
    x, y = shapes.atleast_1d(a1), shapes.atleast_1d(a2)
    length = max(shape_of(x)[0], shape_of(y)[0])
    return pad(x, widths=((length - shape_of(x)[0], 0),)), pad(
        y, widths=((length - shape_of(y)[0], 0),)
    )


@implements(np.polyadd)
def polyadd(a1: Any, a2: Any) -> Array:
    """The sum of two polynomials."""
    return add(*_aligned(a1, a2))


@implements(np.polysub)
def polysub(a1: Any, a2: Any) -> Array:
    """The difference of two polynomials."""
    return subtract(*_aligned(a1, a2))


@implements(np.polymul)
def polymul(a1: Any, a2: Any) -> Array:
    """The product of two polynomials."""
    return calculus.convolve(a1, a2)


@implements(np.polyder)
def polyder(p: Any, m: int = 1) -> Array:
    """The derivative of order `m` of a polynomial."""
    order = operator.index(m)
    if order < 0:
        raise ValueError("Order of derivative must be positive (see polyint)")
    x = shapes.atleast_1d(p)
    degree = shape_of(x)[0] - 1
    if order > degree:
        return np.zeros(0, x.dtype)
    powers = np.arange(degree, order - 1, -1)
    factors = np.prod([powers - i for i in range(order)], axis=0) if order else 1
    return multiply(x[: degree + 1 - order], factors)


@implements(np.polyint)
def polyint(p: Any, m: int = 1, k: Any = None) -> Array:
    """The integral of order `m` of a polynomial, with constants of integration `k`."""
    order = operator.index(m)
    if order < 0:
        raise ValueError("Order of integral must be positive (see polyder)")
    x = shapes.atleast_1d(p)
    constants = shapes.atleast_1d(0.0 if k is None else k)
    constants = shapes.broadcast_to(constants, (order,))
    for i in range(order):
        length = shape_of(x)[0]
        x = joining.concatenate([divide(x, np.arange(length, 0, -1)), constants[i : i + 1]])
    return x


@implements(np.polyfit)
def polyfit(
    x: Any, y: Any, deg: Any, rcond: Any = None, full: bool = False, w: Any = None, cov: Any = False
) -> Array:
    """The coefficients of the polynomial that fits best, by (weighted) least squares."""
    if full or cov:
        option = "full=True" if full else f"cov={cov!r}"
        raise unsupported("polyfit", option, "call numpy.linalg.lstsq with numpy.vander(x)")
    order = operator.index(deg) + 1
    if order < 1:
        raise ValueError("polyfit: deg must not be negative")
    places, values = add(operand(x), 0.0), add(operand(y), 0.0)
    weights = None if w is None else add(operand(w), 0.0)
    for name, z, ranks in (("x", places, (1,)), ("y", values, (1, 2)), ("w", weights, (1,))):
        if z is not None and (ndim_of(z) not in ranks or shape_of(z)[0] != shape_of(places)[0]):
            raise TypeError(f"polyfit: {name} has shape {shape_of(z)}, x has {shape_of(places)}")
    if not shape_of(places)[0]:
        raise TypeError("polyfit: x is empty")
    powers = creation.vander(places, order)
    if weights is not None:
        powers = multiply(powers, weights[:, None])
        values = multiply(values, weights if ndim_of(values) == 1 else weights[:, None])
    scale = sqrt(reductions.sum(multiply(powers, powers), 0))
    rcond = shape_of(places)[0] * np.finfo(dtype_of(places)).eps if rcond is None else rcond
    found = linear_algebra.lstsq(divide(powers, scale), values, rcond)[0]
    return divide(found, scale if ndim_of(found) == 1 else scale[:, None])


@implements(np.poly)
def poly(seq_of_zeros: Any) -> Array:
    """The monic polynomial with given zeros."""
    zeros = operand(seq_of_zeros)
    if ndim_of(zeros) != 1:
        raise unsupported("poly", "a matrix", "give its eigenvalues (numpy.linalg.eigvals)")
    one = np.ones(1, np.mintypecode(dtype_of(zeros).char))
    ans: Any = one
    for i in range(math.prod(shape_of(zeros))):
        factor = joining.concatenate([one, negative(zeros[i : i + 1])])
        ans = calculus.convolve(ans, factor)
    return ans
