"""NumPy's functions of polynomials, given by their coefficients, the highest power first."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from functrans.core.types import Array, dtype_of, shape_of
from functrans.numpy import (
    calculus,
    creation,
    indexing,
    joining,
    linear_algebra,
    reductions,
    shapes,
)
from functrans.numpy.axes import ndim_of
from functrans.numpy.operands import operand
from functrans.numpy.registry import implements
from functrans.primitives import (
    add,
    astype,
    divide,
    matmul,
    multiply,
    negative,
    pad,
    real,
    sqrt,
    subtract,
)


@implements(np.polyval)
def polyval(p: Any, x: Any) -> Array:
    """The value of a polynomial."""
    x = operand(x)
    ans: Any = multiply(x, False)  # zeros, of the dtype of x
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
    """The product of two polynomials, without their leading zeros where these are known."""
    return calculus.convolve(_without_leading_zeros(a1), _without_leading_zeros(a2))


def _without_leading_zeros(a: Any) -> Array:
    x = shapes.atleast_1d(a)
    if ndim_of(x) != 1:
        raise ValueError("Polynomial must be 1d only.")
    if not shape_of(x)[0]:
        return np.zeros(1, dtype_of(x))
    known = indexing.known(x)
    if known is None or known[0] != 0:
        return x
    used = np.flatnonzero(known)
    return x[used[0] if used.size else -1 :]


@implements(np.polydiv)
def polydiv(u: Any, v: Any) -> tuple[Array, Array]:
    """Quotient and remainder; leading zeros of the remainder are left out."""
    rest, divisor = (shapes.atleast_1d(add(operand(x), 0.0)) for x in (u, v))
    dtype = dtype_of(add(rest[0], divisor[0]))
    n, count = shape_of(divisor)[0], shape_of(rest)[0] - shape_of(divisor)[0] + 1
    scale = divide(1.0, divisor[0])
    quotient: Any = []
    rest = reductions.cast(rest, dtype)
    for k in range(count):
        quotient.append(multiply(scale, rest[k]))
        reduced = subtract(rest[k : k + n], multiply(quotient[-1], divisor))
        rest = joining.concatenate([rest[:k], reduced, rest[k + n :]])
    known = np.abs(indexing.plain(rest, "numpy.polydiv (of the remainder)"))
    used = np.flatnonzero(~(known <= 1e-8))  # what NumPy takes for zero
    start = min(used[0] if used.size else shape_of(rest)[0], shape_of(rest)[0] - 1)
    found = joining.stack(quotient) if quotient else np.zeros(1, dtype)
    return found, rest[start:]


@implements(np.polyder)
def polyder(p: Any, m: int = 1) -> Array:
    """The derivative of order `m` of a polynomial."""
    order = int(m)
    if order < 0:
        raise ValueError("Order of derivative must be positive (see polyint)")
    x = _coefficients("polyder", p)
    if order == 0:
        return x
    degree = shape_of(x)[0] - 1
    if order > degree:
        return np.zeros(0, np.result_type(dtype_of(x), np.intp))
    powers = np.arange(degree, order - 1, -1)
    factors = np.prod([powers - i for i in range(order)], axis=0)
    return multiply(x[: degree + 1 - order], factors)


@implements(np.polyint)
def polyint(p: Any, m: int = 1, k: Any = None) -> Array:
    """The integral of order `m` of a polynomial, with constants of integration `k`."""
    order = int(m)
    if order < 0:
        raise ValueError("Order of integral must be positive (see polyder)")
    constants = shapes.atleast_1d(0.0 if k is None else k)
    if shape_of(constants) == (1,):
        constants = shapes.broadcast_to(constants, (order,))
    if shape_of(constants)[0] < order:
        raise ValueError("k must be a scalar or a rank-1 array of length 1 or >m.")
    x = _coefficients("polyint", p)
    for i in range(order):
        length = shape_of(x)[0]
        x = joining.concatenate([divide(x, np.arange(length, 0, -1)), constants[i : i + 1]])
    return x


def _coefficients(name: str, p: Any) -> Array:
    x = operand(p)
    if not ndim_of(x):
        raise TypeError(f"numpy.{name} takes an array of coefficients, not a number")
    return x


@implements(np.polyfit)
def polyfit(
    x: Any, y: Any, deg: Any, rcond: Any = None, full: bool = False, w: Any = None, cov: Any = False
) -> Any:
    """The coefficients of the polynomial that fits best, by (weighted) least squares."""
    order = int(deg) + 1
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
    scaled = divide(powers, scale)
    found, residuals, rank, s = linear_algebra.least_squares(scaled, values, rcond, "polyfit")
    found = divide(found, scale if ndim_of(found) == 1 else scale[:, None])
    if full:
        return found, residuals, rank, s, rcond
    if not cov:
        return found
    spread = linear_algebra.inv(matmul(shapes.transpose(scaled), scaled))
    spread = divide(spread, multiply(scale[:, None], scale))
    if ndim_of(values) == 2:
        spread = spread[:, :, None]
    if cov == "unscaled":
        return found, spread
    freedom = shape_of(places)[0] - order
    if freedom <= 0:
        raise ValueError(
            "the number of data points must exceed order to scale the covariance matrix"
        )
    return found, multiply(spread, divide(residuals, freedom))


@implements(np.poly)
def poly(seq_of_zeros: Any) -> Array:
    """The monic polynomial with given zeros, or that of a matrix, whose eigenvalues they are."""
    zeros = shapes.atleast_1d(seq_of_zeros)
    shape = shape_of(zeros)
    if len(shape) == 2 and shape[0] == shape[1] != 0:
        zeros = linear_algebra.eigvals(zeros)
    elif len(shape) != 1:
        raise ValueError("input must be 1d or non-empty square 2d array.")
    zeros = reductions.cast(zeros, np.mintypecode(dtype_of(zeros).char))
    one = np.ones(1, dtype_of(zeros))
    ans: Any = one
    for i in range(math.prod(shape_of(zeros))):
        factor = joining.concatenate([one, negative(zeros[i : i + 1])])
        ans = calculus.convolve(ans, factor)
    if dtype_of(ans).kind == "c":
        known = indexing.plain(zeros, "numpy.poly (of complex zeros)")
        if np.all(np.sort(known) == np.sort(np.conj(known))):
            ans = real(ans)  # conjugate pairs
    return ans


@implements(np.roots)
def roots(p: Any) -> Array:
    """The zeros of a polynomial: the eigenvalues of its companion matrix."""
    x = shapes.atleast_1d(p)
    if ndim_of(x) != 1:
        raise ValueError("Input must be a rank-1 array.")
    used = np.flatnonzero(indexing.plain(x, "numpy.roots"))
    if not used.size:
        return np.zeros(0)
    at_zero = shape_of(x)[0] - used[-1] - 1
    x = x[used[0] : used[-1] + 1]
    x = x if dtype_of(x).kind in "fc" else astype(x, dtype=np.dtype(float))
    n = shape_of(x)[0] - 1
    if not n:
        return np.zeros(at_zero, dtype_of(x))
    row = negative(divide(x[1:], x[0]))
    companion = joining.concatenate([row[None], np.eye(n - 1, n, dtype=dtype_of(x))])
    found = linear_algebra.eigvals(companion)
    return joining.concatenate([found, np.zeros(at_zero, dtype_of(found))])
