"""What may stand beside a traced array in an operation, in the form that primitives take.

Primitives take ndarrays, NumPy scalars, Python numbers and traced arrays. NumPy also takes lists,
which are converted here; everything else is refused here.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from functrans import primitives as p
from functrans.core.array import TracedArray
from functrans.core.errors import OperandError, user_line
from functrans.core.types import OPERANDS, WEAK, Array, dtype_of, is_weak, shape_of, type_of
from functrans.numpy.axes import is_of_number, one_axis, true_axis

NUMERIC_KINDS = "?biufc"


def operand(x: Any) -> Array:
    """`x` in a form that primitives take."""
    return x if type(x) in OPERANDS else converted(x)


def scalar(x: Array) -> Array:
    """A result as ufuncs return it: a scalar of NumPy if it has no dimensions. What ends with
    ``where``, ``reshape`` or ``take`` is an array then."""
    return x if shape_of(x) else p.getitem(x, ())


def converted(x: Any) -> Array:
    """The array that NumPy would make of `x`, also of nested lists with traced arrays in them."""
    if isinstance(x, list | tuple) and contains_traced(x):
        return stacked(x)
    if issubclass(type(x), np.ndarray) and type(x) not in (np.ndarray, np.memmap):
        raise OperandError(
            f"a {type(x).__module__}.{type(x).__name__} cannot be combined with traced arrays, at "
            f"{user_line()}: what it adds to an array (a mask, other products) would be lost. "
            "Convert it (numpy.asarray(x)), or write numpy.where(mask, x, y)."
        )
    array = np.asarray(x)
    if array.dtype.kind not in NUMERIC_KINDS:
        raise no_number(x)
    return array


def no_number(x: Any) -> OperandError:
    """The error for an operand that is no number, nor an array of some."""
    return OperandError(
        f"an operand of type {type(x).__name__} (as an array: dtype {np.asarray(x).dtype}) cannot "
        f"be combined with traced arrays, at {user_line()}: it must be numeric. "
        "Convert it (numpy.asarray(x, dtype=float))."
    )


def is_operand(x: Any) -> bool:
    """Whether an operator accepts `x` beside a traced array, or lets Python ask `x` itself."""
    if isinstance(x, list | tuple | TracedArray | np.memmap):
        return True
    if hasattr(x, "takes_traced"):  # a selection
        return False
    # Subclasses of ndarray bring operators of their own.
    return not isinstance(x, np.ndarray | str | bytes) and hasattr(x, "__array__")


def contains_traced(x: Any) -> bool:
    """Whether a traced array stands anywhere in nested lists."""
    if isinstance(x, _SEQUENCES):
        return any(map(contains_traced, x))
    return isinstance(x, TracedArray)


_SEQUENCES = (list, tuple)  # made once: every untraced call of `array` asks


def stacked(parts: list[Any] | tuple[Any, ...]) -> Array:
    """The array whose first axis runs over `parts`: arrays, numbers or nested lists."""
    return p.stack([operand(part) for part in parts])


def flattened(x: Array) -> Array:
    """`x` with all axes in one."""
    shape = shape_of(x)
    return x if len(shape) == 1 else p.reshape(x, shape=(math.prod(shape),))


def in_one_axis(x: Array, axis: Any) -> tuple[Array, int]:
    """The array and an axis of it: all elements in one axis for None, and for a number."""
    ndim = len(shape_of(x))
    if axis is None or is_of_number(axis, ndim):
        return flattened(x), 0
    return x, one_axis(axis if type(axis) is int else true_axis(axis), ndim)


def converted_all(xs: Any) -> list[Array]:
    """Every array of a sequence, or of an array's first axis, in a form that primitives take."""
    return [operand(x) for x in xs]


def full_width(x: Any) -> Array:
    """An operand where NumPy lets a Python number widen the other one."""
    x = operand(x)
    if type(x) in WEAK:
        return np.asarray(x)
    return p.astype(x, dtype=dtype_of(x)) if is_weak(x) else x


def promoted(x: Any) -> Any:
    """What stands for a value in NumPy's promotion: its dtype, or a Python number of its kind."""
    if isinstance(x, np.dtype | type | str) or not isinstance(x, TracedArray):
        return x
    kind = type_of(x)
    return kind.dtype.type(1).item() if kind.weak else kind.dtype
