"""Traced values where Python or a plain array needs numbers, and the errors that they raise.

In the form of tests/error_snapshots.py.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np

import functrans as ft
from functrans.core import errors
from tests.error_snapshots import X, added

Row = tuple[Callable[[], Any], type[Exception], str]


def branch(x: Any) -> Any:
    return x if x > 0 else -x


def stored(x: Any) -> Any:
    out = np.zeros(3)
    out[0] = x
    return np.sum(out)


def stored_row(x: Any) -> Any:
    out = np.zeros((2, 3))
    out[1] = x
    return np.sum(out)


def filled(x: Any) -> Any:
    out = np.zeros(3)
    out.fill(x)
    return np.sum(out)


SNAPSHOTS: dict[str, Row] = {
    "if under vmap": (
        lambda: ft.vmap(branch, branches="error")(X),
        errors.ConversionError,
        r"bool\(\) of a traced bool\[\] in vmap\(branch .*\) at .*_values.py:\d+ in "
        r"branch.*"
        r"numpy\.where",
    ),
    "if under staging": (
        lambda: ft.make_graph(branch)(1.0),
        errors.ConversionError,
        r"bool\(\) of a traced bool\[\] in make_graph\(branch .*\) at .*_values.py:\d+ in "
        r"branch.*numpy\.where",
    ),
    "float()": (
        lambda: ft.grad(lambda x: float(x) * x)(1.0),
        errors.ConversionError,
        r"a traced float64\[\] of grad\(<lambda> .*\) cannot become a Python float .*"
        "derivative would be lost.*functrans.stop_gradient",
    ),
    "math.sin": (
        lambda: ft.grad(math.sin)(1.0),
        errors.ConversionError,
        r"grad\(sin\) cannot become a Python float \(by sin\).*Instead write numpy\.sin, or apply",
    ),
    "math.floor": (
        lambda: ft.grad(lambda x: math.floor(x) * x)(1.0),
        errors.ConversionError,
        r"cannot become a Python float \(by math\.floor\(x\)\), at .*Instead write numpy\.floor",
    ),
    "math.lgamma": (
        lambda: ft.grad(lambda x: math.lgamma(x))(1.0),
        errors.ConversionError,
        r"\(by math\.lgamma\(x\)\), at .*Instead write scipy\.special\.gammaln",
    ),
    "a number formatted by %": (
        lambda: ft.grad(lambda x: len("%g" % x) * x)(1.0),  # noqa: UP031
        errors.ConversionError,
        r"\(by \"%g\" % x\), at .*Instead format it as f\"{x:g}\"",
    ),
    "float() of lanes": (
        lambda: ft.vmap(lambda x: float(x))(X),
        errors.ConversionError,
        r"cannot become a Python float \(by float\(x\)\), at .*_values.py:\d+ in "
        r"<lambda>: each "
        r"of its 3 lanes may have another value\. Instead leave out float\(\), which changes "
        r"nothing but the type\.$",
    ),
    "int() of lanes": (
        lambda: ft.vmap(lambda x: int(x) * x)(X),
        errors.ConversionError,
        r"int\(\) of a traced float64\[\] in vmap\(.*each of its 3 lanes may have another value\. "
        r"A "
        r"length, a shape, an axis or the index of a list has to be a plain number",
    ),
    "range": (
        lambda: ft.grad(lambda x: sum(x for _ in range(x)))(3.0),
        errors.ConversionError,
        r"cannot become an integer \(by range\(x\)\), at .*_values.py:\d+ in <lambda>: an "
        r"index "
        r"or a length has no derivative\. Write int\(x\) where a constant integer is meant",
    ),
    "index of a list": (
        lambda: ft.grad(lambda x: [1.0, 2.0][x])(1.0),
        errors.ConversionError,
        r"cannot become an integer \(by \[1\.0, 2\.0\]\[x\]\)",
    ),
    "slice of a list": (
        lambda: ft.grad(lambda x: [1.0, 2.0][:x][0])(1.0),
        errors.ConversionError,
        "cannot become an integer",
    ),
    "traced index of a list": (
        lambda: ft.vmap(lambda i: [1.0, 2.0][i])(np.array([0, 1])),
        errors.ConversionError,
        r"index\(\) of a traced int64\[\] in "
        r"vmap\(.*functrans\.numpy\.take\(numpy\.stack\(list\), i\)",
    ),
    "a shape": (
        lambda: ft.vmap(lambda n: np.zeros(n))(np.array([1, 2])),
        errors.ConversionError,
        r"vmap\(<lambda> \(.*\)\): a traced array cannot be a shape, at .*_values.py:\d+ "
        r"in "
        r"<lambda>\. A shape consists of plain integers: take it from x\.shape",
    ),
    "key of a dict": (
        lambda: ft.grad(lambda x: {1.0: x}[x])(1.0),
        errors.ConversionError,
        r"grad\(.*\): a traced array has no hash, at .*_values.py:\d+ in <lambda>\. So it "
        r"is no "
        r"key.*float\(functrans\.stop_gradient\(x\)\)",
    ),
    "json": (
        lambda: ft.grad(lambda x: len(json.dumps({"x": [x]})) * x)(1.0),
        errors.ConversionError,
        r"a traced array cannot be written as JSON, at .*_values.py:\d+ in <lambda>\. "
        r"Return the "
        r"value .*\(has_aux=True\) and write that",
    ),
    "formatted lanes": (
        lambda: ft.vmap(lambda x: len(f"{x:.2f}") * x)(X),
        errors.ConversionError,
        r"formatting of a traced float64\[\] in vmap\(.*Format what the transformed function "
        r"returns",
    ),
    "percent format": (
        lambda: ft.grad(lambda x: len("%.2f" % x) * x)(1.0),  # noqa: UP031
        errors.ConversionError,
        "cannot become a Python float",
    ),
    "max of Python": (
        lambda: ft.vmap(lambda x: max(x, 0.0), branches="error")(X),
        errors.ConversionError,
        r"bool\(\) of .*numpy\.maximum\(x, y\) in place of max\(x, y\)",
    ),
    "number of selected elements": (
        lambda: ft.vmap(lambda x: np.unique(x))(np.ones((2, 3))),
        errors.ConversionError,
        r"numpy\.unique\(\) of a traced float64\[3\] in vmap\(.*How many elements there are would "
        r"depend on it\. Write numpy\.where\(mask, x, other\), or numpy\.sum\(x, where=mask\)",
    ),
    "a traced mask": (
        lambda: ft.vmap(lambda x: np.sum(x[:2][x > 1]))(np.ones((2, 3))),
        errors.ConversionError,
        r"a mask, a traced bool\[3\] of vmap\(<lambda>.*\), cannot select elements, at .* Write "
        r"numpy\.where\(mask, x, other\)",
    ),
    "a traced bound of a slice": (
        lambda: ft.make_graph(lambda x, i: x[i:])(X, 1),
        errors.ConversionError,
        r"a bound of a slice is a traced int64\[\].*x\[start \+ numpy\.arange\(n\)\]",
    ),
    "choose with checks": (
        lambda: ft.make_graph(lambda i: np.choose(i, [1.0, 2.0]))(np.array([0, 1])),
        errors.ConversionError,
        r"numpy\.choose\(mode='raise'\) of a traced.*Write mode='clip' or mode='wrap'",
    ),
    "eigenvalues of a real matrix": (
        lambda: ft.make_graph(np.linalg.eigvals)(np.eye(2)),
        errors.ConversionError,
        r"Give eig a complex matrix \(x\.astype\(complex\)\), or use eigh .*\(at "
        r".*error_snapshots_values.py",
    ),
    "stored into an ndarray": (
        lambda: ft.grad(stored)(1.0),
        errors.PlainArrayError,
        r"a traced float64\[\] of grad\(stored \(.*\)\) cannot be stored into a plain ndarray, at "
        r".*_values.py:\d+ in stored: its derivative would be lost\. "
        r".*numpy\.zeros_like\(x\)",
    ),
    "stored by vmap": (
        lambda: ft.vmap(stored)(X),
        errors.PlainArrayError,
        r"of vmap\(stored .* in stored: each of its 3 lanes may have another value",
    ),
    "stored by staging": (
        lambda: ft.make_graph(stored)(1.0),
        errors.PlainArrayError,
        r"of make_graph\(stored .* in stored: while a function is staged its values are not known",
    ),
    "a row stored": (
        lambda: ft.grad(stored_row)(X),
        errors.PlainArrayError,
        r"a traced float64\[3\] of grad\(stored_row .* cannot be stored into a plain ndarray, at "
        r".*_values.py:\d+ in stored_row: its derivative would be lost\. "
        r".*numpy\.zeros_like\(x\)",
    ),
    "added to an ndarray": (
        lambda: ft.grad(lambda x: np.sum(np.add(x, 1.0, out=np.zeros(3))))(X),
        errors.PlainArrayError,
        r"numpy\.add: the array to write to is a plain float64\[3\], which cannot hold traced "
        r"values, at .*_values.py:\d+ in <lambda>\. Make it with numpy\.zeros_like\(x\)",
    ),
    "another shape": (
        lambda: ft.grad(lambda x: setattr(x, "shape", (3, 1)))(X),
        errors.InPlaceError,
        r"property 'shape' of a traced array has no setter, at .*Make a new array \(x\.reshape",
    ),
    "filled": (
        lambda: ft.grad(filled)(1.0),
        errors.PlainArrayError,
        r"cannot be stored into a plain ndarray, at .* in filled",
    ),
    "added in place": (
        lambda: ft.grad(added)(1.0),
        errors.PlainArrayError,
        r"cannot be stored into a plain ndarray, at .* in added",
    ),
    "full": (
        lambda: ft.grad(lambda x: np.sum(np.full(3, x)))(1.0),
        errors.ConversionError,
        r"\(by np\.full\(3, x\)\), at .*Instead write functrans\.numpy\.full, which takes traced "
        r"values",
    ),
    "NumPy scalar type": (
        lambda: ft.grad(lambda x: np.float32(x) * x)(1.0),
        errors.ConversionError,
        r"\(by np\.float32\(x\)\), at .*Instead write x\.astype\(numpy\.float32\)",
    ),
    "vectorize": (
        lambda: ft.grad(lambda x: np.sum(np.vectorize(abs)(x)))(X),
        errors.ConversionError,
        "apply NumPy functions to the whole array, or map over it with functrans.vmap",
    ),
    "fromiter": (
        lambda: ft.grad(lambda x: np.sum(np.fromiter([x], float)))(1.0),
        errors.ConversionError,
        "apply NumPy functions to the whole array, or map over it with functrans.vmap",
    ),
    "an array by numpy.r_": (
        lambda: ft.grad(lambda x: np.sum(np.r_[x, 1.0]))(X),
        errors.ConversionError,
        r"\(by np\.r_\[x, 1\.0\]\), at .*Instead write numpy\.concatenate",
    ),
    "an initial value of plain elements": (
        lambda: ft.grad(lambda c: np.max(X, initial=c))(1.0),
        errors.ConversionError,
        r"\(by np\.max\(X, initial=c\)\), at .*Instead combine it with the result: numpy\.maximum\("
        r"numpy\.max\(a\), initial\), or",
    ),
    "numpy.nditer": (
        lambda: ft.grad(lambda x: sum(v for v in np.nditer(x)))(X),
        errors.ConversionError,
        r"grad\(<lambda> .*\): numpy\.nditer and nested_iters take no traced array, at .*x\.flat",
    ),
    "coefficients of numpy.polynomial": (
        lambda: ft.grad(lambda c: np.polynomial.chebyshev.chebval(0.5, c))(X),
        errors.ConversionError,
        r"Instead write functrans\.numpy\.polynomial\.chebyshev\.chebval, which takes traced",
    ),
    "a class of numpy.polynomial": (
        lambda: ft.grad(lambda c: np.polynomial.Polynomial(c)(0.5))(X),
        errors.ConversionError,
        r"Instead use the functions of functrans\.numpy\.polynomial, which take traced",
    ),
    "random numbers with a traced parameter": (
        lambda: ft.grad(lambda x: np.random.default_rng(0).normal(x, 1.0))(1.0),
        errors.ConversionError,
        r"\(by np\.random\.default_rng\(0\)\.normal\(x, 1\.0\)\), at .*draw numbers that do not "
        r"depend "
        r"on it and transform them \(loc \+ scale \* rng\.standard_normal\(size\)",
    ),
    "item()": (lambda: ft.grad(lambda x: x.item())(1.0), errors.ConversionError, "by item"),
    "np.asarray": (
        lambda: ft.grad(lambda x: np.sum(np.asarray(x)))(X),
        errors.ConversionError,
        "cannot become a plain ndarray",
    ),
    "list of traced values": (
        lambda: ft.grad(lambda x: np.sum(np.array([x, x])))(1.0),
        errors.ConversionError,
        "use numpy.stack or functrans.numpy.array",
    ),
    "traced index into a plain array": (
        lambda: ft.vmap(lambda i: X[i])(np.array([0, 1])),
        errors.ConversionError,
        r"a traced int64\[\] of vmap\(.*plain array write functrans\.numpy\.take\(x, i\)",
    ),
    "traced mask of a plain array": (
        lambda: ft.vmap(lambda x: X[x < X])(X),
        errors.ConversionError,
        r"for a mask numpy\.where\(mask, x, y\)",
    ),
}
