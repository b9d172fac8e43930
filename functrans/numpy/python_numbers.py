"""Operators among Python numbers: what they give is such a number, which takes the dtype of what it
meets, and not one of NumPy, as its functions give."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from functrans import primitives as p
from functrans.core.array import TracedArray, python_number
from functrans.core.primitive import primitive_of
from functrans.core.types import Array, dtype_of

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


def among_numbers(primitive: Primitive, *operands: Array, **params: Any) -> Any:
    """What a primitive gives as an operator or a method of Python numbers.

    It is NumPy's value: infinity where Python would refuse to divide by zero.
    """
    if primitive not in _OF_BOOLS:
        for x in operands:
            cls = type(x)
            if cls is not float and (cls is bool or _perhaps_bool(x)):
                operands = tuple(map(no_bool, operands))
                break
    return python_number(primitive.call(*operands, **params))


def _perhaps_bool(x: Array) -> bool:
    """Whether a Python number of another type than `bool` may stand for one: what carries a
    derivative does not."""
    return isinstance(x, TracedArray) and not x.interpreter.differentiates


def no_bool(x: Array) -> Array:
    """A Python number as one that is no bool."""
    return python_number(p.astype(x, dtype=np.dtype(int))) if dtype_of(x).kind == "b" else x
