"""Questions about arrays: closeness, equality, and kinds of numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from functrans import primitives as p
from functrans.core.types import Array, dtype_of, shape_of
from functrans.numpy import reductions
from functrans.numpy.operands import operand, promoted
from functrans.numpy.registry import implements


@implements(np.isclose)
def isclose(a: Any, b: Any, rtol: Any = 1e-05, atol: Any = 1e-08, equal_nan: bool = False) -> Array:
    """Whether elements agree up to an absolute and a relative tolerance."""
    x, y = operand(a), operand(b)
    if dtype_of(y).kind in "bui":
        y = p.astype(y, dtype=np.dtype(float))
    allowed = p.add(atol, p.multiply(rtol, p.absolute(y)))
    near = p.logical_and(p.less_equal(p.absolute(p.subtract(x, y)), allowed), p.isfinite(y))
    same = p.logical_or(near, p.equal(x, y))
    return p.logical_or(same, p.logical_and(p.isnan(x), p.isnan(y))) if equal_nan else same


@implements(np.allclose)
def allclose(a: Any, b: Any, rtol: Any = 1e-05, atol: Any = 1e-08, equal_nan: bool = False) -> bool:
    """Whether all elements agree up to an absolute and a relative tolerance."""
    return bool(reductions.all(isclose(a, b, rtol, atol, equal_nan)))


@implements(np.array_equal)
def array_equal(a1: Any, a2: Any, equal_nan: bool = False) -> bool:
    """Whether shapes and all elements are equal."""
    x, y = operand(a1), operand(a2)
    if shape_of(x) != shape_of(y) or no_numbers(x, y):
        return False
    return bool(reductions.all(_equal(x, y, equal_nan)))


def no_numbers(x: Array, y: Array) -> bool:
    """Whether one of two arrays holds texts or dates, which equal no number."""
    return not {dtype_of(x).kind, dtype_of(y).kind}.isdisjoint("SUTMm")


@implements(np.array_equiv)
def array_equiv(a1: Any, a2: Any) -> bool:
    """Whether all elements are equal after broadcasting."""
    x, y = operand(a1), operand(a2)
    try:
        np.broadcast_shapes(shape_of(x), shape_of(y))
    except ValueError:
        return False
    return not no_numbers(x, y) and bool(reductions.all(p.equal(x, y)))


def _equal(x: Array, y: Array, equal_nan: bool) -> Array:
    same = p.equal(x, y)
    if not equal_nan or not {dtype_of(x).kind, dtype_of(y).kind} <= {"f", "c"}:
        return same
    return p.logical_or(same, p.logical_and(p.isnan(x), p.isnan(y)))


@implements(np.isposinf)
def isposinf(x: Any, out: Any = None) -> Array:
    """Where elements are positive infinity."""
    x = operand(x)
    return p.logical_and(p.isinf(x), p.logical_not(p.signbit(x)))


@implements(np.isneginf)
def isneginf(x: Any, out: Any = None) -> Array:
    """Where elements are negative infinity."""
    x = operand(x)
    return p.logical_and(p.isinf(x), p.signbit(x))


@implements(np.iscomplexobj)
def iscomplexobj(x: Any) -> bool:
    """Whether the dtype is complex."""
    return bool(dtype_of(operand(x)).kind == "c")


@implements(np.isrealobj)
def isrealobj(x: Any) -> bool:
    """Whether the dtype is not complex."""
    return not iscomplexobj(x)


@implements(np.iscomplex)
def iscomplex(x: Any) -> Array:
    """Where the imaginary part is not zero."""
    x = operand(x)
    return p.not_equal(p.imag(x), 0) if iscomplexobj(x) else np.zeros(shape_of(x), bool)[()]


@implements(np.isreal)
def isreal(x: Any) -> Array:
    """Where the imaginary part is zero."""
    return p.logical_not(iscomplex(x))


@implements(np.result_type)
def result_type(*arrays_and_dtypes: Any) -> np.dtype[Any]:
    """The dtype that NumPy's promotion gives."""
    return np.result_type(*map(promoted, arrays_and_dtypes))


@implements(np.can_cast)
def can_cast(from_: Any, to: Any, casting: Any = "safe") -> bool:
    """Whether a dtype can be cast to another."""
    return np.can_cast(dtype_of(operand(from_)), to, casting)


@implements(np.common_type)
def common_type(*arrays: Any) -> Any:
    """The inexact scalar type that all arrays can be cast to."""
    return np.common_type(*(np.empty(0, dtype_of(operand(x))) for x in arrays))


@implements(np.min_scalar_type)
def min_scalar_type(a: Any, /) -> np.dtype[Any]:
    """The dtype of an array."""
    return dtype_of(operand(a))
