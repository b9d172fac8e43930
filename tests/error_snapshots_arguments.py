"""Wrong arguments of transforms, and the errors that they raise.

In the form of tests/error_snapshots.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import functrans as ft
from functrans.core import errors
from tests.error_snapshots import X, sine, total

Row = tuple[Callable[[], Any], type[Exception], str]

SNAPSHOTS: dict[str, Row] = {
    "argnums that is no int": (
        lambda: ft.grad(total, "0")(X),  # type: ignore[call-overload]
        errors.InputTypeError,
        "grad: argnums must be one int or a sequence of them, got '0'",
    ),
    "a masked tangent": (
        lambda: ft.jvp(sine, (X,), (np.ma.masked_array(X),)),
        errors.InputTypeError,
        r"the tangent of argument 'x' is a MaskedArray, its primal has type float64\[3\]",
    ),
    "a tangent of an integer": (
        lambda: ft.jvp(lambda x, n: x * n, (1.0, 3), (1.0, 1.0)),
        errors.InputTypeError,
        r"argument 'n' is an integer, which has no tangent; give None for it, or convert the",
    ),
    "tangents of a linear function": (
        lambda: ft.linearize(total, X)[1](X, X),
        errors.TreeError,
        "the linear function takes 1 tangents, got 2",
    ),
    "holomorphic gradient of a real output": (
        lambda: ft.grad(np.abs, holomorphic=True)(1j),
        errors.OutputTypeError,
        r"with holomorphic=True the output must be complex, got float64\[\]",
    ),
    "holomorphic Jacobian of a real argument": (
        lambda: ft.jacrev(sine, holomorphic=True)(X),
        errors.InputTypeError,
        r"with holomorphic=True the arguments must be complex, got float64\[3\]",
    ),
    "Jacobian of a complex output": (
        lambda: ft.jacrev(lambda x: x * 1j)(X),
        errors.OutputTypeError,
        r"the output has type complex128\[3\]; a Jacobian needs",
    ),
    "Jacobian of a converted argument": (
        lambda: ft.jacrev(lambda a, b: a * float(b), argnums=1)(1.0, 2.0),
        errors.ConversionError,
        r"of jacrev\(<lambda>.*\) cannot become a Python float .* The value is argument 'b'\.",
    ),
    "Jacobian of text": (
        lambda: ft.jacfwd(lambda x: "x")(X),
        errors.OutputTypeError,
        r"jacfwd\(<lambda>.*\): the output is a str, which has no derivative",
    ),
    "Hessian of an argument too far": (
        lambda: ft.hessian(total, argnums=1)(X),
        errors.InputTypeError,
        r"hessian\(total.*\): argnums=1 selects a positional argument, but the call has 1",
    ),
    "vmap of no function": (
        lambda: ft.vmap(total(X)),
        errors.InputTypeError,
        r"vmap takes a function, got float64\. Write vmap\(f\)\(x\), not vmap\(f\(x\)\)",
    ),
    "in_axes that is text": (
        lambda: ft.vmap(sine, in_axes="0")(X),  # type: ignore[arg-type]
        errors.AxisError,
        "in_axes must be an int, None or a tuple with an entry for each positional argument, got "
        "'0'",
    ),
    "an axis that is text": (
        lambda: ft.vmap(sine, in_axes=("0",))(X),
        errors.AxisError,
        "in_axes has '0' for argument 'x'; give an int or None",
    ),
    "out_axes that is text": (
        lambda: ft.vmap(sine, out_axes="0")(X),
        errors.AxisError,
        "out_axes has '0' for the output; give an int or None",
    ),
    "chunks of no example": (
        lambda: ft.vmap(sine, chunk_size=0)(X),
        errors.AxisError,
        "chunk_size must be an int of at least 1, got 0",
    ),
    "mapped masked array": (
        lambda: ft.vmap(sine)(np.ma.masked_array(X)),
        errors.InputTypeError,
        "argument 'x' is a numpy.ma.MaskedArray.*pass a plain array",
    ),
    "checkpoint of no function": (
        lambda: ft.checkpoint(3),  # type: ignore[arg-type]
        errors.InputTypeError,
        "checkpoint takes a function, got int",
    ),
    "make_graph of a masked array": (
        lambda: ft.make_graph(sine)(np.ma.masked_array(X)),
        errors.InputTypeError,
        "argument 'x' is a numpy.ma.MaskedArray.*pass a plain array",
    ),
    "make_graph of no function": (
        lambda: ft.make_graph(3),  # type: ignore[arg-type]
        errors.InputTypeError,
        "make_graph takes a function, got int",
    ),
}
