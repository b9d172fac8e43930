"""Functions of single elements that are no ufuncs: real and imaginary parts, angles, rounding."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from functrans.core.primitive import primitive_of
from functrans.core.types import Array, dtype_of, is_weak, shape_of
from functrans.numpy.axes import axis_slice, ndim_of, one_axis, true_axis
from functrans.numpy.calculus import diff
from functrans.numpy.operands import operand
from functrans.numpy.python_numbers import among_numbers, no_bool
from functrans.numpy.registry import implements, method
from functrans.numpy.shapes import as_array
from functrans.primitives import (
    absolute,
    add,
    angle as angle_of,
    astype,
    concatenate,
    cumsum,
    equal,
    greater,
    imag as imaginary_part,
    less,
    logical_and,
    modified_bessel,
    multiply,
    real as real_part,
    remainder,
    round as rounded,
    sinc as normalized_sinc,
    subtract,
    trunc,
    where,
)


@implements(np.real, views=True)
def real(val: Any) -> Array:
    """The real part."""
    x = operand(val)
    if dtype_of(x).kind == "c":
        return among_numbers(primitive_of(real_part), x) if is_weak(x) else real_part(x)
    return no_bool(x) if is_weak(x) else x


@implements(np.imag, views=True)
def imag(val: Any) -> Array:
    """The imaginary part."""
    x = operand(val)
    if dtype_of(x).kind == "c":
        return among_numbers(primitive_of(imaginary_part), x) if is_weak(x) else imaginary_part(x)
    if is_weak(x):
        return dtype_of(no_bool(x)).type().item()
    zeros = np.zeros(shape_of(x), dtype_of(x))
    return zeros if shape_of(x) or isinstance(val, np.ndarray) else zeros[()]


@implements(np.real_if_close)
def real_if_close(a: Any, tol: Any = 100) -> Array:
    """The real part if all imaginary parts are close to zero."""
    x = operand(a)
    if dtype_of(x).kind != "c":
        return x if shape_of(x) else as_array(x)
    if tol > 1:
        tol = tol * np.finfo(dtype_of(x)).eps
    close = less(absolute(imaginary_part(x)), tol)
    return real_part(x) if bool(np.all(close)) else x


@implements(np.angle)
def angle(z: Any, deg: bool = False) -> Array:
    """The angle of complex numbers."""
    ans = angle_of(operand(z))
    return multiply(ans, 180 / math.pi) if deg else ans


@implements(np.unwrap)
def unwrap(p: Any, discont: Any = None, axis: Any = -1, *, period: Any = 2 * math.pi) -> Array:
    """Angles with jumps of more than half a period taken out by whole periods."""
    x = operand(p)
    ndim = ndim_of(x)
    axis = one_axis(true_axis(axis), ndim)
    steps = diff(x, axis=axis)
    half = period / 2
    wrapped = subtract(remainder(add(steps, half), period), half)
    wrapped = where(logical_and(equal(wrapped, -half), greater(steps, 0)), half, wrapped)
    least = half if discont is None else max(discont, half)
    jumps = where(less(absolute(steps), least), 0, subtract(wrapped, steps))
    rest = add(x[axis_slice(ndim, axis, slice(1, None))], cumsum(jumps, axis=axis))
    return concatenate(x[axis_slice(ndim, axis, slice(0, 1))], rest, axis=axis)


@method("round")
@implements(np.round, np.around)
def round(a: Any, decimals: Any = 0, out: Any = None) -> Array:
    """The elements rounded to a number of decimals, halves to even."""
    x = operand(a)
    return rounded(x, decimals=operator.index(decimals))


@implements(np.sinc)
def sinc(x: Any) -> Array:
    """``sin(pi x) / (pi x)``."""
    return normalized_sinc(operand(x))


@implements(np.i0)
def i0(x: Any) -> Array:
    """The modified Bessel function of order 0."""
    x = operand(x)
    if dtype_of(x).kind == "c":
        raise TypeError("i0 not supported for complex values")
    if dtype_of(x).kind != "f":
        x = astype(x, dtype=np.dtype(float))
    ans = modified_bessel(x, 0)
    return ans if shape_of(x) else as_array(ans)


@implements(np.fix)
def fix(x: Any, out: Any = None) -> Array:
    """The elements rounded towards zero."""
    return trunc(operand(x))
