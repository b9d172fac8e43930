"""NumPy's functions of polynomials, given by their coefficients, the highest power first."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from functrans.core.types import Array, dtype_of, shape_of
from functrans.numpy import calculus, joining, shapes
from functrans.numpy.axes import ndim_of
from functrans.numpy.operands import operand
from functrans.numpy.options import unsupported
from functrans.numpy.registry import implements
from functrans.primitives import add, divide, multiply, negative, pad, subtract


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
