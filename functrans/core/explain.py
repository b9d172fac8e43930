"""What to write instead: remedies by what the user's line does, and other people's errors retold.

A conversion to a plain number or array is asked for by NumPy or by a function in C, which does not
say for whom. The user's frame does: the instruction that it is at, and the source of the call. And
what Python, NumPy and the standard library raise about a traced array, in words that mean nothing
to its user (or in place of our own error), an interpreter passes through :func:`explained`.
"""

from __future__ import annotations

import os
import re
import sys
from types import BuiltinFunctionType
from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.core.errors import (
    SCIPY,
    ConversionError,
    FunctransError,
    InPlaceError,
    OperandError,
    described,
    is_user_code,
    user_frame,
)
from functrans.core.types import OPERANDS

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, FrameType

    from functrans.core.interpreter import Interpreter

NAMESPACE: set[str] = set()
"""The functions of ``functrans.numpy``, which fills it."""

PACKAGES: dict[str, Callable[[], Any]] = {}
"""The packages of SciPy whose functions we have, each with what loads ours."""

STORED = (
    "Make the array with numpy.zeros_like(x) of a traced x or functrans.numpy.zeros, or collect "
    "the values in a list for numpy.stack"
)


# The place in the user's code.


def instruction(frame: FrameType) -> str:
    """The name of the instruction that a frame is at."""
    import opcode  # here and below: only errors need them, and imports take time

    return opcode.opname[frame.f_code.co_code[frame.f_lasti]]


def expression(code: CodeType, index: int) -> str:
    """The source of the expression at an instruction; empty where there is no source."""
    import linecache

    line, end_line, column, end_column = list(code.co_positions())[index // 2]
    if line is None or line != end_line or column is None:
        return ""
    text = linecache.getline(code.co_filename, line).encode()[column:end_column].decode()
    return text if 0 < len(text) <= 60 else ""


def called_in(text: str) -> str:
    """The name of the function of which an expression is a call; empty if it is none."""
    head = _before_arguments(text)
    name = re.search(r"\w+$", head)
    return name.group(0) if name else called_in(head) if head else ""


def _before_arguments(text: str) -> str:
    """What is called in an expression that is a call: ``np.sin`` in ``np.sin(x)``."""
    depth = 0
    for k in range(len(text) - 1, -1, -1) if text.endswith(")") else ():
        depth += (text[k] == ")") - (text[k] == "(")
        if depth == 0:
            return text[:k]
    return ""


def _callee(text: str) -> Any:
    """The function of which an expression at the user's line is a call, if names lead to it."""
    frame, head = user_frame(), _before_arguments(text)
    if frame is None or not re.fullmatch(r"\w+(\.\w+)*", head):
        return None
    first, *path = head.split(".")
    found = {**frame.f_builtins, **frame.f_globals, **frame.f_locals}.get(first)
    for name in path:
        found = getattr(found, name, None)
    return found


def asked_by(interpreter: Any) -> tuple[str, str]:
    """The expression at the user's line, and the name of the function that it calls, if any."""
    function = interpreter.function
    if isinstance(function, BuiltinFunctionType):  # as in grad(math.sin): no line of the user's
        return function.__qualname__, function.__name__
    frame = user_frame()
    text = expression(frame.f_code, frame.f_lasti) if frame else ""
    return text, called_in(text)


def stores() -> bool:
    """Whether the user's line stores into an array: ``out[index] = x``, ``out.fill(x)``."""
    frame = user_frame()
    if frame is None:
        return False
    if instruction(frame) == "STORE_SUBSCR":
        return True
    return called_in(expression(frame.f_code, frame.f_lasti)) == "fill"


def in_vectorize() -> bool:
    """Whether it is ``numpy.vectorize`` that asks, whatever the user calls what it returned."""
    frame, user = sys._getframe(1), user_frame()
    while frame is not user and frame.f_back is not None:
        if type(frame.f_locals.get("self")) is np.vectorize:
            return True
        frame = frame.f_back
    return False


def from_masked_array() -> bool:
    """Whether it is numpy.ma that asks, on behalf of a masked array."""
    return _asked_from(f"{os.sep}numpy{os.sep}ma{os.sep}")


def _asked_from(folder: str) -> bool:
    """Whether code in a folder asks, called from the user's line."""
    frame, user = sys._getframe(1), user_frame()
    while frame is not user and frame.f_back is not None:
        if folder in frame.f_code.co_filename:
            return True
        frame = frame.f_back
    return False


# Remedies.


def array_remedy(text: str, called: str) -> str:
    """What to write in place of an expression, a call perhaps, that needs a plain ndarray."""
    if remedy := scipy_remedy(called):
        return remedy
    if builder := re.match(r"\w+\.([rc])_\[", text):
        return f"write numpy.{'concatenate' if builder[1] == 'r' else 'column_stack'}"
    if called in ("float64", "float32", "float16", "complex128", "complex64"):
        return f"write x.astype(numpy.{called})"
    if remedy := _general_remedy(text, called) or _of_ours(text, called):
        return remedy
    return "use numpy.stack or functrans.numpy.array to build an array of traced values"


def whole_remedy(text: str, called: str) -> str:
    """What to write in place of a conversion of positions or a mask to a plain ndarray."""
    if remedy := _of_ours(text, called):
        return f"W{remedy[1:]}"
    return (
        "To index a plain array write functrans.numpy.take(x, i), for a mask numpy.where(mask, x, "
        "y), and to build an array numpy.stack or functrans.numpy.array"
    )


def _of_ours(text: str, called: str) -> str:
    """That we have a function of NumPy; empty if it is none."""
    callee = _callee(text)
    module = getattr(callee, "__module__", None) or ""
    if module.startswith("numpy.polynomial."):
        if isinstance(callee, type):
            return "use the functions of functrans.numpy.polynomial, which take traced coefficients"
        return f"write functrans.{module}.{called}, which takes traced values"
    if called not in NAMESPACE or called in ("asarray", "asanyarray", "array"):
        return ""
    return f"write functrans.numpy.{called}, which takes traced values"


def scipy_remedy(called: str) -> str:
    """The function of ours to write in place of one of SciPy's that converts its arguments."""
    frame, user = sys._getframe(1), user_frame()
    names, inside = [called], False
    while frame is not None and frame is not user:
        if SCIPY in frame.f_code.co_filename:
            inside = True
            owner = _distribution(frame.f_locals.get("self"))
            name = frame.f_code.co_name
            if not name.startswith("_"):
                names.insert(0, f"{owner}.{name}" if owner else name)
        frame = frame.f_back  # type: ignore[assignment]
    for name in names if inside else ():
        for package, load in PACKAGES.items():
            head, _, method = name.partition(".")
            theirs = getattr(sys.modules.get(package), head, None)
            ours = theirs and getattr(load(), head, None)
            if ours is None or ours is theirs or (method and not hasattr(ours, method)):
                continue
            if reason := getattr(ours, "reason", None):
                return f"use other functions: {package}.{name} has no rule ({reason})"
            return f"write functrans.{package}.{name}, which takes traced values"
    return ""


def _distribution(owner: Any) -> str:
    """The name of a distribution of scipy.stats; empty for other objects."""
    kind = type(owner).__name__
    if not kind.endswith("_gen"):
        return ""
    name = getattr(owner, "name", None)
    return name if isinstance(name, str) else kind.removesuffix("_gen")


def number_remedy(text: str, called: str) -> str:
    """What to write in place of an expression, a call perhaps, that needs a Python number."""
    if remedy := _general_remedy(text, called):
        return remedy
    callee = _callee(text)
    if callee is float:
        return "leave out float(), which changes nothing but the type"
    if called in _MATH and getattr(callee, "__module__", "math") == "math":
        return f"write {_MATH[called]}"
    if "initial=" in text and called in _COMBINED:
        return f"combine it with the result: numpy.{_COMBINED[called]}(numpy.{called}(a), initial)"
    if (getattr(callee, "__module__", None) or "").startswith("numpy"):
        return _of_ours(text, called)
    if called in NAMESPACE:
        return f"write numpy.{called}"
    if re.match(r"[bruBRU]*['\"]", text):
        return 'format it as f"{x:g}"'
    return "use the NumPy function (np.sin, not math.sin)"


_COMBINED = {"max": "maximum", "min": "minimum", "prod": "multiply", "sum": "add"}
"""What reductions combine elements by: NumPy's own do not look for traced initial values."""

_MATH = {
    "dist": "numpy.linalg.norm(x - y)",
    "erf": "scipy.special.erf",
    "erfc": "scipy.special.erfc",
    "fsum": "numpy.sum",
    "gamma": "scipy.special.gamma",
    "lgamma": "scipy.special.gammaln",
    "sumprod": "numpy.dot",
}
"""What stands for functions of ``math`` that have another name in NumPy, or are in SciPy."""


def _draws(text: str, called: str) -> bool:
    """Whether an expression draws random numbers."""
    if not called or not hasattr(np.random.Generator, called):
        return False
    callee = _callee(text)
    if callee is None:  # a method of what another call gives
        return f".{called}(" in text
    owner = getattr(callee, "__self__", None)
    return isinstance(owner, np.random.Generator | np.random.RandomState)


def _general_remedy(text: str, called: str) -> str:
    if _asked_from(SCIPY):
        enabled = getattr(sys.modules.get("scipy._lib._array_api"), "SCIPY_ARRAY_API", False)
        return "take the function from functrans.scipy if it has it, " + (
            "or give it a derivative with functrans.custom"
            if enabled
            else "or let SciPy take traced arrays where it can: set SCIPY_ARRAY_API=1 before it is "
            "loaded and call functrans.scipy.enable_array_api()"
        )
    if _draws(text, called):
        return (
            "pass the generator as an argument of the transformed function too, or draw numbers "
            "that do not depend on it and transform them (loc + scale * rng.standard_normal(size); "
            "for a choice, x[rng.permutation(len(x))])"
        )
    if in_vectorize():
        return (
            "apply NumPy functions to the whole array, or map over it with functrans.vmap in place "
            "of numpy.vectorize, which asks for plain numbers"
        )
    if called in ("vectorize", "frompyfunc", "fromiter"):
        return "apply NumPy functions to the whole array, or map over it with functrans.vmap"
    return ""


VALUES = {
    "bincount": "How many elements there are would depend on it. With torch.compile say how many "
    "there are at least, minlength=n: programs take all that are below n.",
    "bool": "Write numpy.where(condition, x, y) in place of a Python if, numpy.maximum(x, y) in "
    "place of max(x, y), functrans.cond or functrans.while_loop where only one path is to run.",
    "formatted number": "Format what the transformed function returns.",
    "numpy.bincount": "How many elements there are would depend on it. With jit say how many there "
    "are at least, minlength=n: programs take all that are below n.",
}
"""What to write where a value is needed which is not known, by what needs it."""

SIZES = (
    "A length, a shape, an axis or the index of a list has to be a plain number: leave it out of "
    "the traced arguments (in_axes=None, static_argnums of jit, functools.partial). To choose from "
    "a list, stack it: functrans.numpy.take(numpy.stack(list), i)."
)
SELECTIONS = (
    "How many elements there are would depend on it. Write numpy.where(mask, x, other), or "
    "numpy.sum(x, where=mask) and its like, which keep the shape."
)


def value_remedy(wanted: str) -> str:
    """What to write in place of what asks for a value that is not known."""
    return VALUES.get(wanted) or (SELECTIONS if wanted.startswith("numpy.") else SIZES)


# Errors of others.


def explained(error: BaseException, who: Interpreter) -> FunctransError | None:
    """The error to raise in place of one that means nothing to the user; None if it may stay.

    An error that NumPy raises of wrong shapes, axes and indices stays, with a note of the place.
    """
    if isinstance(error, FunctransError) or not isinstance(error, Exception):
        return None
    place, inside = _place(error)
    text = str(error)
    cause = error.__cause__
    if isinstance(cause, ConversionError) and (
        text.startswith("setting an array element") or isinstance(error, SystemError)
    ):  # NumPy, or a function in C that did not notice, put this error in the place of ours
        return type(cause)(str(cause))
    if text.startswith("Iterator operand is flagged as writeable, but is an object"):
        return ConversionError(
            f"{who}: numpy.nditer and nested_iters take no traced array, at {place}. Loop over "
            "x.flat, or over numpy.ndindex(x.shape) to write: x[index] = y; or write the operation "
            "on the whole array."
        )
    name = _named(text) or _unwritten(error)
    if name and (isinstance(error, TypeError) or "has no setter" in text):
        complaint, kind, remedy = _retold(text.replace(name, "a traced array"))
        return kind(f"{who}: {complaint}, at {place}. {remedy}")
    if (inside or name) and not getattr(error, "__notes__", None):
        error.add_note(f"in {who}, at {place}{who.hidden}")
    return None


def _place(error: Exception) -> tuple[str, bool]:
    """The user's line at which an error was raised, and whether that was in our code."""
    place, inside = described(user_frame()), False  # of the call, where no line of it was reached
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        if is_user_code(code.co_filename):
            place, inside = described(trace.tb_frame, trace.tb_lineno), False
        else:
            inside = inside or f"{__name__.split('.')[0]}" in trace.tb_frame.f_globals["__name__"]
        trace = trace.tb_next
    return place, inside


def _named(text: str) -> str:
    """How the message names a traced array: by its class, or by its representation."""
    classes = "|".join(c.__name__ for c in OPERANDS if c.__module__.startswith("functrans."))
    found = re.search(rf"'?<traced [^>]*>'?|(type )?'({classes})'( object)?|\b({classes})\b", text)
    return found.group(0) if found else ""


def _unwritten(error: BaseException) -> str:
    """How ``json`` names the traced array that it could not write: as what it stands for."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None or trace.tb_frame.f_globals.get("__name__") != "json.encoder":
        return ""
    kept = type(trace.tb_frame.f_locals.get("o"))
    traced = kept in OPERANDS and kept.__module__.startswith("functrans.")
    return "Object" if traced else ""


def _retold(text: str) -> tuple[str, type[FunctransError], str]:
    """What the message complains of, the class of error for that, and the remedy."""
    for pattern, complaint, kind, remedy in _COMPLAINTS:
        if pattern in text:
            return complaint or text, kind, remedy
    return (
        text,
        ConversionError,
        (
            "This function takes plain numbers. Use a function of NumPy, or apply "
            "functrans.stop_gradient first if no derivative is wanted."
        ),
    )


_COMPLAINTS: tuple[tuple[str, str, type[FunctransError], str], ...] = (
    (
        "has no setter",
        "",
        InPlaceError,
        "Shape, dtype and memory of a traced array are fixed. Make a new array (x.reshape, "
        "x.astype).",
    ),
    (
        "unhashable",
        "a traced array has no hash",
        ConversionError,
        "So it is no key of a dict or set, and no argument of a cached function. Take a constant "
        "as the key: float(functrans.stop_gradient(x)).",
    ),
    (
        "JSON",
        "a traced array cannot be written as JSON",
        ConversionError,
        "Return the value from the transformed function (has_aux=True) and write that, or "
        "float(functrans.stop_gradient(x)).",
    ),
    (
        "sequence of integers",
        "a traced array cannot be a shape",
        ConversionError,
        "A shape consists of plain integers: take it from x.shape or len(x), or leave the number "
        "out of the traced arguments (in_axes=None, functools.partial).",
    ),
    (
        "'NoneType'",
        "",
        OperandError,
        "Look where the None is from: a function without return gives it.",
    ),
    (
        "unsupported operand",
        "",
        OperandError,
        "Convert the other operand to an array or a number: numpy.asarray(y), float(y).",
    ),
    ("concatenate", "", OperandError, 'Write a number into a text as f"{x}".'),
)


def call_of(wanted: str) -> str:
    """How messages name what asks for a value."""
    return "formatting" if wanted == "formatted number" else f"{wanted}()"


def unknown_value(x: Any, wanted: str) -> ConversionError:
    """The error for a value that is needed now and is not known."""
    who = x.interpreter
    return ConversionError(
        f"{call_of(wanted)} of a traced {x.type} in {who} at {described(user_frame())}: {who.lost}."
        f" {value_remedy(wanted)}{x.origin}"
    )
