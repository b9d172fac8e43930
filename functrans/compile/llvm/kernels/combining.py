"""How reductions combine: their neutral elements, two values, and the lanes of a vector."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from functrans.compile.llvm.code.builder import Value, number, vector, width_of
from functrans.compile.llvm.elements.conversions import Pair, element, joined, parts
from functrans.compile.llvm.elements.operations import operation

if TYPE_CHECKING:
    from functrans.compile.llvm.code.builder import Builder
    from functrans.compile.llvm.elements.conversions import DType, Operand

_PRIMITIVES = {
    "sum": "add",
    "prod": "multiply",
    "max": "maximum",
    "min": "minimum",
    "any": "logical_or",
    "all": "logical_and",
}


def combinable(how: str, dtype: DType) -> bool:
    """Whether values of a dtype can be combined so."""
    return operation(_PRIMITIVES[how], (dtype, dtype), dtype) is not None


def exact(how: str, dtype: DType) -> bool:
    """Whether the order in which values are combined does not matter."""
    return how in ("max", "min", "any", "all") or dtype.kind in "biu"


def combined(builder: Builder, how: str, dtype: DType, x: Operand, y: Operand) -> Operand:
    """Two values, or vectors of them."""
    found = operation(_PRIMITIVES[how], (dtype, dtype), dtype)
    assert found is not None
    return found.emit(builder, x, y)


def neutral(how: str, dtype: DType, width: int, empty: bool = False) -> Operand:
    """What leaves other values as they are; for nothing at all, what NumPy returns for that."""
    kind = vector(element(dtype), width)
    if dtype.kind == "c":
        if how in ("max", "min"):  # they are ordered by their real parts, then by the others
            least = number(-np.inf if how == "max" else np.inf, kind)
            return Pair(least, least)
        # A sum begins with negative zeros, to which a negative zero can be added.
        re = 1.0 if how == "prod" else 0.0 if empty else -0.0
        return Pair(number(re, kind), number(0.0 if empty or how == "prod" else -0.0, kind))
    if how == "sum":
        return number(-0.0 if dtype.kind == "f" and not empty else 0, kind)
    if how in ("prod", "all"):
        return number(1, kind)
    if how == "any" or dtype.kind == "b":
        return number(how == "min", kind)
    if dtype.kind == "f":
        return number(-np.inf if how == "max" else np.inf, kind)
    limits = np.iinfo(dtype.name)
    return number(int(limits.min if how == "max" else limits.max), kind)


def across(builder: Builder, how: str, dtype: DType, x: Operand) -> Operand:
    """All lanes of a vector as one scalar: halves onto each other, again and again. Of extrema of
    numbers somebody else knows whether there was NaN."""
    if how in ("max", "min") and dtype.kind == "f" and dtype.itemsize > 2:
        assert isinstance(x, Value)
        return _extremum(builder, how, x)
    values = parts(x)
    width = width_of(values[0].type)
    while width > 1:
        width //= 2
        low = [_half(builder, part, 0, width) for part in values]
        high = [_half(builder, part, width, width) for part in values]
        values = parts(combined(builder, how, dtype, joined(low), joined(high)))
    return joined(values)


def _extremum(b: Builder, how: str, x: Value) -> Value:
    """The same of numbers of which none is NaN."""
    best, width = x, width_of(x.type)
    while width > 1:
        width //= 2
        low, high = _half(b, best, 0, width), _half(b, best, width, width)
        best = b.select(b.fcmp("ogt" if how == "max" else "olt", low, high), low, high)
    return best


def _half(builder: Builder, x: Value, start: int, count: int) -> Value:
    if count == 1:
        return builder.element(x, start)
    return builder.shuffle(x, x, range(start, start + count))
