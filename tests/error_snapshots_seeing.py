"""Wrong use of what looks into programs (printing, calls back), and the errors that it raises.

In the form of tests/error_snapshots.py.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
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


def saved(graph: ft.Graph) -> None:
    with tempfile.TemporaryDirectory() as folder:
        graph.save(Path(folder) / "graph")


def loaded() -> ft.Graph:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "graph"
        path.write_bytes(b"no archive")
        os.chdir(folder)  # so that the message is the same each time
        try:
            return ft.Graph.load("graph")
        finally:
            os.chdir(here)


here = os.getcwd()


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
    "a graph of Python functions": (
        lambda: saved(ft.make_graph(ft.custom(lambda x: x + x))(X)),
        errors.GraphFileError,
        "custom_call at .* holds Python functions with rules of their own .*stage the function "
        "inside",
    ),
    "a graph that calls back": (
        lambda: saved(ft.make_graph(lambda x: debug.print("{}", x) or x)(X)),
        errors.GraphFileError,
        r"debug_callback at .* holds the Python function print\('{}'\), which a file cannot hold",
    ),
    "a program that needs more than NumPy": (
        lambda: ft.make_graph(lambda a: ft.debug.io_callback(np.sin, a, a))(X).export(),
        errors.GraphFileError,
        "io_callback at .* holds effects outside of the program; stage the function without it",
    ),
    "a file that is no graph": (
        loaded,
        errors.GraphFileError,
        "graph holds no graph that can be read: BadZipFile: File is not a zip file",
    ),
    "a picture in an unknown format": (
        lambda: ft.show(np.sin)(X).save("sine.png"),
        errors.InputTypeError,
        r"show: 'sine.png' has none of the suffixes .svg, .html and .txt",
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
