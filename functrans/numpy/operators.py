"""The operators of traced arrays: ``x + y``, ``x[key]``, ``x ** n``, ``x < y`` and their like."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy import ndarray

from functrans import primitives as p
from functrans.core.array import TracedArray, python_number
from functrans.core.errors import ConversionError
from functrans.core.interpreter import stack
from functrans.core.primitive import primitive_of
from functrans.core.types import OPERANDS, PERHAPS_WEAK, is_weak
from functrans.numpy.operands import converted, is_operand
from functrans.numpy.outputs import write_result
from functrans.numpy.python_numbers import PYTHONS, among_numbers
from functrans.numpy.selected import Selection, select, written
from functrans.numpy.views import getitem, write, write_all

if TYPE_CHECKING:
    from collections.abc import Callable

    from functrans.core.types import Array

    Function = Callable[..., Any]


def unary(function: Function) -> Function:
    """The operator ``?x`` of a primitive."""
    primitive = primitive_of(function)
    python = PYTHONS.get(primitive)

    def operator(x: Any) -> Any:
        interpreter = x.interpreter
        if stack.top is not interpreter:
            x.check_active()
            interpreter = stack.top
        below = type(x.underlying)
        if below is float:
            ans = interpreter.of_float(primitive, python, x)  # type: ignore[union-attr]
            if ans is not None:
                return ans
        if below is not ndarray and below in PERHAPS_WEAK and x.weak:
            return among_numbers(primitive, x)
        return function(x)

    return operator


def forward(function: Function, unlike: bool | None = None) -> Function:
    """The operator ``x ? y`` of a primitive, with `x` traced.

    It is the primitive's own dispatch, with a check of `y` in place of the check for plain NumPy.
    `unlike` is what a comparison says of each element beside None or a text.
    """
    primitive = primitive_of(function)
    python = PYTHONS.get(primitive)

    def operator(x: Any, y: Any) -> Any:
        if type(y) not in OPERANDS:
            if not is_operand(y):
                if unlike is None or not x.shape or not (y is None or isinstance(y, str | bytes)):
                    return NotImplemented
                return np.full(x.shape, unlike)
            y = converted(y)
        interpreter = x.interpreter
        if stack.top is not interpreter:
            x.check_active()
            interpreter = stack.top
        below = type(x.underlying)
        if below is float:
            other = type(y)
            if other is type(x):
                other = type(y.underlying)
            if other is float or other is int:
                ans = interpreter.of_floats(primitive, python, x, y)  # type: ignore[union-attr]
                if ans is not None:
                    return ans
            if other in PERHAPS_WEAK and is_weak(y):
                return among_numbers(primitive, x, y)
        elif below is not ndarray and below in PERHAPS_WEAK and x.weak and is_weak(y):
            return among_numbers(primitive, x, y)
        return interpreter.binary(primitive, x, y)  # type: ignore[union-attr]

    return operator


def reflected(function: Function) -> Function:
    """The operator ``y ? x`` of a primitive, with `x` traced."""
    primitive = primitive_of(function)
    python = PYTHONS.get(primitive)

    def operator(x: Any, y: Any) -> Any:
        if type(y) not in OPERANDS:
            if not is_operand(y):
                return NotImplemented
            y = converted(y)
        interpreter = x.interpreter
        if stack.top is not interpreter:
            x.check_active()
            interpreter = stack.top
        below = type(x.underlying)
        if below is float:
            other = type(y)
            if other is type(x):
                other = type(y.underlying)
            if other is float or other is int:
                ans = interpreter.of_floats(primitive, python, y, x)  # type: ignore[union-attr]
                if ans is not None:
                    return ans
            if other in PERHAPS_WEAK and is_weak(y):
                return among_numbers(primitive, y, x)
        elif below is not ndarray and below in PERHAPS_WEAK and x.weak and is_weak(y):
            return among_numbers(primitive, y, x)
        return interpreter.binary(primitive, y, x)  # type: ignore[union-attr]

    return operator


def composed(function: Function, *, swap: bool = False) -> Function:
    """The operator of a function that is no primitive."""

    def operator(x: Any, y: Any) -> Any:
        if type(y) not in OPERANDS:
            if not is_operand(y):
                return NotImplemented
            y = converted(y)
        return function(y, x) if swap else function(x, y)

    return operator


def divmod_(x: Array, y: Array) -> tuple[Array, Array]:
    """Floored quotient and remainder."""
    if is_weak(x) and is_weak(y):
        quotient = among_numbers(primitive_of(p.floor_divide), x, y)
        return quotient, among_numbers(primitive_of(p.remainder), x, y)
    return p.floor_divide(x, y), p.remainder(x, y)


power_operator = forward(p.power)

# The exponents for which NumPy's own operator takes a faster function.
_FAST_POWERS: dict[float, Function] = {
    2: unary(p.square),
    1: unary(p.positive),
    0.5: unary(p.sqrt),
    -1: unary(p.reciprocal),
}


_SQUARES_BOOLS = (np.zeros(1, bool) ** 2).dtype == np.square(np.zeros(1, bool)).dtype
"""Whether NumPy's operator does so, which gives int8 where the power gives int64."""


def pow_(x: Any, n: Any, modulus: Any = None) -> Any:
    """``x ** n``, by a faster function for the exponents for which ndarray takes one."""
    if modulus is not None:
        return NotImplemented
    if (type(n) is int or type(n) is float) and n in _FAST_POWERS and x.dtype.kind in "fc":
        return _FAST_POWERS[n](x)
    if type(n) is int and n == 2 and x.dtype.kind == "b" and x.shape and _SQUARES_BOOLS:
        return p.square(x)
    if type(n) is int and n < 0 and x.weak and x.dtype.kind in "bi":
        x = p.astype(x, dtype=np.dtype(float))  # as Python's, where NumPy's refuse
        return python_number(power_operator(x, n))
    return power_operator(x, n)


def in_place_operator(name: str, operator: Function) -> Function:
    """The operator ``x ?= y``, which writes into an array and gives a scalar a new value."""

    def in_place(x: Any, y: Any) -> Any:
        ans = operator(x, y)
        if ans is NotImplemented or not x.is_ndarray:
            return ans
        write_result(x, ans, f"numpy.{name}")
        return x

    return in_place


def get_item(x: TracedArray, key: Any) -> Any:
    """``x[key]``."""
    try:
        return getitem(x, key)
    except ConversionError:
        selection = select(x, key)
        if selection is None:
            raise
        return selection


def _is(key: Any, basic: Any) -> bool:
    """Whether an index is this basic one; arrays in it, which are compared by elements, tell."""
    entries = key if type(key) is tuple else (key,)
    return all(map(p.is_static, entries)) and bool(key == basic)


def set_item(x: TracedArray, key: Any, value: Any) -> None:
    """``x[key] = value``."""
    if stack.top is not x.interpreter:
        x.check_active()
    if type(value) is Selection:
        write_all(x, written(x, key, value))
        return
    place = getattr(value, "place", None)
    if place is not None and place.base is x and place.key is not None and _is(key, place.key):
        return  # the second half of x[key] += y, whose first has written through the view x[key]
    write(x, key, value if type(value) in OPERANDS else converted(value))


def contains(x: Any, value: Any) -> bool:
    """``value in x``: whether some element is equal to it."""
    same = x == value
    return bool(p.any(same, axes=tuple(range(np.ndim(same)))))


def attach() -> None:
    """Give the traced array its operators."""
    binary: dict[str, Function] = {
        "add": p.add,
        "sub": p.subtract,
        "mul": p.multiply,
        "truediv": p.divide,
        "floordiv": p.floor_divide,
        "mod": p.remainder,
        "and": p.bitwise_and,
        "or": p.bitwise_or,
        "xor": p.bitwise_xor,
        "lshift": p.left_shift,
        "rshift": p.right_shift,
    }
    operators: dict[str, Any] = {
        "neg": unary(p.negative),
        "pos": unary(p.positive),
        "abs": unary(p.absolute),
        "invert": unary(p.invert),
        "lt": forward(p.less),
        "le": forward(p.less_equal),
        "gt": forward(p.greater),
        "ge": forward(p.greater_equal),
        "eq": forward(p.equal, unlike=False),
        "ne": forward(p.not_equal, unlike=True),
        "pow": pow_,
        "rpow": reflected(p.power),
        "ipow": in_place_operator("power", pow_),
        "divmod": composed(divmod_),
        "rdivmod": composed(divmod_, swap=True),
        "matmul": composed(p.matmul),
        "rmatmul": composed(p.matmul, swap=True),
        "imatmul": in_place_operator("matmul", composed(p.matmul)),
        "getitem": get_item,
        "setitem": set_item,
        "contains": contains,
    }
    for name, function in binary.items():
        operators[name] = forward(function)
        operators[f"r{name}"] = reflected(function)
        operators[f"i{name}"] = in_place_operator(function.__name__, operators[name])
    for name, operator in operators.items():
        setattr(TracedArray, f"__{name}__", operator)
