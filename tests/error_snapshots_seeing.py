"""Wrong use of what looks into programs (printing, calls back), and the errors that it raises.

In the form of tests/error_snapshots.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import functrans as ft
from functrans import debug
from functrans.core import errors
from tests.error_snapshots import X

Row = tuple[Callable[[], Any], type[Exception], str]


def answered(result: Any, declared: Any = None) -> Any:
    """A call back that returns this, where this was declared."""
    declared = ft.ArrayType((), float) if declared is None else declared
    return debug.pure_callback(lambda x: result, declared, X)


def guarded() -> Any:
    with debug.nans():
        return ft.grad(lambda x: 0.0 * np.sqrt(x))(0.0)


SNAPSHOTS: dict[str, Row] = {
    "a field without a value": (
        lambda: ft.grad(lambda x: debug.print("{y}", x=x) or x)(1.0),
        errors.FormatError,
        r"functrans.debug.print\('{y}'\) at .*: the field {y} names no value. Write a field for "
        r"each value \({x}\)",
    ),
    "a value without a field": (
        lambda: debug.print("x", X, y=X),
        errors.FormatError,
        "no field shows the value 0, 'y'",
    ),
    "a text that is no text": (
        lambda: debug.print(X),  # type: ignore[arg-type]
        errors.FormatError,
        "the first argument is a ndarray, not a text",
    ),
    "an f-string": (
        lambda: ft.vmap(lambda x: debug.print(f"{x}") or x)(X),
        errors.FormatError,
        "the text shows a traced array already, as an f-string does",
    ),
    "a format that does not fit": (
        lambda: ft.vmap(lambda x: debug.print("{:d}", x) or x)(X),
        errors.FormatError,
        "Unknown format code 'd' for object of type 'float'",
    ),
    "a call back of no function": (
        lambda: debug.callback("x", X),  # type: ignore[arg-type]
        errors.InputTypeError,
        "functrans.debug.callback takes a function, got str",
    ),
    "an unknown way to map": (
        lambda: debug.pure_callback(np.sin, X, X, vmap_method="legacy"),  # type: ignore[arg-type]
        errors.InputTypeError,
        "vmap_method is 'legacy', not one of sequential, expand_dims, broadcast_all",
    ),
    "a declared type that is none": (
        lambda: answered(X, {"a": float}),
        errors.InputTypeError,
        r"result_types\['a'\] is a type; give a functrans.ArrayType\(shape, dtype\)",
    ),
    "a result of another structure": (
        lambda: answered((X, X)),
        errors.OutputTypeError,
        "functrans.debug.pure_callback.*at the root",
    ),
    "a result of another type": (
        lambda: answered(X),
        errors.OutputTypeError,
        r"returned float64\[3\], but float64\[\] was declared, at .*numpy.asarray\(x, dtype\)",
    ),
    "a derivative of a call back forward": (
        lambda: ft.jvp(lambda x: debug.pure_callback(np.sin, x, x), (X,), (X,)),
        errors.MissingRuleError,
        "functrans.debug.pure_callback.* has no derivative, at .*functrans.custom",
    ),
    "explain_nan takes a function": (
        lambda: ft.explain_nan(3),  # type: ignore[arg-type]
        errors.InputTypeError,
        "explain_nan takes a function, got int",
    ),
    "a NaN": (
        guarded,
        errors.NonFiniteError,
        "functrans.debug.nans: NaN was made in the backward pass, by the derivative of sqrt at .*",
    ),
    "a derivative of a call back": (
        lambda: ft.grad(lambda x: debug.pure_callback(np.sin, x, x))(1.0),
        errors.MissingRuleError,
        "functrans.debug.pure_callback.* has no derivative, at .*functrans.custom",
    ),
}
