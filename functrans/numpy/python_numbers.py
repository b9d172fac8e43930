"""Operators among Python numbers: what they give is such a number, which takes the dtype of what it
meets, and not one of NumPy, as its functions give."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import numpy as np

from functrans import primitives as p
from functrans.core.array import python_number
from functrans.core.primitive import primitive_of
from functrans.core.types import WEAK, Array, dtype_of

if TYPE_CHECKING:
    from functrans.core.primitive import Primitive

# What Python makes of a bool is an int, but for these, which are bools.
_OF_BOOLS = frozenset(
    map(
        primitive_of,
        (
            *(p.bitwise_and, p.bitwise_or, p.bitwise_xor),
            *(p.equal, p.not_equal, p.less, p.less_equal, p.greater, p.greater_equal),
        ),
    )
)

PYTHONS: dict[Primitive, Any] = {
    primitive_of(function): python
    for function, python in (
        (p.add, operator.add),
        (p.subtract, operator.sub),
        (p.multiply, operator.mul),
        (p.divide, operator.truediv),
        (p.negative, operator.neg),
        (p.positive, operator.pos),
        (p.absolute, operator.abs),
        (p.square, lambda x: x * x),
        (p.reciprocal, lambda x: 1.0 / x),
    )
}
"""Python's operators that give NumPy's bits where floats give a finite number: those that IEEE 754
defines to the last place. Powers are another library's."""


def among_numbers(primitive: Primitive, *operands: Array, **params: Any) -> Any:
    """What a primitive gives as an operator or a method of Python numbers.

    It is NumPy's value: infinity where Python would refuse to divide by zero.
    """
    if primitive not in _OF_BOOLS:
        for x in operands:
            if _perhaps_bool(x):
                operands = tuple(map(no_bool, operands))
                break
    return python_number(primitive.call(*operands, **params))


def _perhaps_bool(x: Array) -> bool:
    """Whether a Python number, traced or not, may be a bool: what carries a derivative is none."""
    cls = type(x)
    if cls in WEAK:
        return cls is bool
    return not x.interpreter.differentiates


def no_bool(x: Array) -> Array:
    """A Python number as one that is no bool."""
    return python_number(p.astype(x, dtype=np.dtype(int))) if dtype_of(x).kind == "b" else x
