"""Options and functions of NumPy that traced arrays do not support, and what to write instead.

In the form of tests/error_snapshots.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import functrans as ft
from functrans.core import errors
from tests.error_snapshots import X

Row = tuple[Callable[[], Any], type[Exception], str]

eigh_function = ft.numpy.linalg.eigh_function


def on_traced(function: Callable[[Any], Any], x: Any = X) -> Callable[[], Any]:
    return lambda: ft.grad(lambda x: np.sum(function(x)))(x)


def option(function: Callable[[Any], Any], message: str, x: Any = X) -> Row:
    return on_traced(function, x), errors.OptionError, message


SNAPSHOTS: dict[str, Row] = {
    "a function without rule": (
        on_traced(np.i0),
        errors.MissingRuleError,
        r"numpy\.i0 has no rule for traced arrays \(called at .*functrans\.custom",
    ),
    "a ufunc without rule": (
        on_traced(np.frompyfunc(abs, 1, 1)),
        errors.MissingRuleError,
        "has no rule for traced arrays",
    ),
    "a ufunc method without rule": (
        on_traced(lambda x: np.frompyfunc(max, 2, 1).outer(x, x)),
        errors.MissingRuleError,
        "has no rule for traced arrays",
    ),
    "qr raw": (
        on_traced(lambda x: np.linalg.qr(x, mode="raw")[0], np.eye(2)),
        errors.MissingRuleError,
        "mode='raw'.*use mode='reduced'",
    ),
    "eigh_function with a traced parameter": (
        lambda: ft.grad(lambda c: np.sum(eigh_function(lambda w: np.exp(c * w), c * np.eye(2))))(
            1.0
        ),
        errors.InputTypeError,
        r"uses a traced array besides its argument.*eigh_function\(np\.exp, p \* eigh_function",
    ),
    "eigh_function of complex values": (
        lambda: eigh_function(lambda w: np.exp(1j * w), np.eye(2)),
        errors.OutputTypeError,
        "returned complex numbers.*the real and the imaginary part",
    ),
    "eigh_function that is not elementwise": (
        lambda: eigh_function(lambda w: w[..., :1], np.eye(2)),
        errors.OutputTypeError,
        r"made shape \(1,\) of \(2,\) at .*it must be elementwise",
    ),
    "ufunc option": option(  # NumPy itself refuses what it does not know; a later one may know more
        lambda x: x.__array_ufunc__(np.add, "__call__", x, 1.0, later=True),
        r"numpy\.add\(later=\) is not supported for traced arrays, at ",
    ),
    "where without out": option(
        lambda x: np.add(x, 1.0, where=[True, False, True]),
        r"numpy\.add\(where=\) without out= leaves elements undefined, at .* Write "
        r"numpy\.where\(mask, numpy\.add\(x\), other\)",
    ),
    "einsum option": option(
        lambda x: np.einsum("i->", x, subok=True),  # type: ignore[call-overload]
        r"numpy\.einsum\(subok=\) is not supported for traced arrays, at .*; leave it out",
    ),
    "astype to text": option(lambda x: x.astype(str), "take a numeric dtype"),
    "complex geomspace": option(
        lambda x: np.real(ft.numpy.geomspace(x[0] * 1j, 2.0)), r"numpy\.exp\(numpy\.linspace"
    ),
    "pad mode": option(lambda x: np.pad(x, 1, mode=lambda *args: None), r"by numpy\.concatenate"),
    "polyfit option": option(
        lambda x: np.polyfit(np.arange(3.0), x, 1, full=True)[0], r"numpy\.linalg\.lstsq"
    ),
    "poly of a matrix": option(np.poly, r"numpy\.linalg\.eigvals", np.eye(2)),
    "nan_to_num of arrays": option(
        lambda x: np.nan_to_num(x, nan=np.ones(3)),  # type: ignore[call-overload]
        r"numpy\.where\(numpy\.isnan\(x\), y, x\)",
    ),
    "clip option": option(
        lambda x: np.clip(x, 0, 1, subok=True), r"numpy\.clip\(subok=\) is not supported"
    ),
    "reshape order": option(
        lambda x: np.reshape(x, 3, order="A"), "the layout in memory is not known; take C or F"
    ),
    "ravel order": option(lambda x: np.ravel(x, "A"), "take C or F"),
    "writable windows": option(
        lambda x: np.lib.stride_tricks.sliding_window_view(x, 2, writeable=True), "leave it out"
    ),
    "sort by fields": option(lambda x: np.sort(x, order="a"), "have no fields"),
    "partition by fields": option(lambda x: np.partition(x, 1, order="a"), "have no fields"),
    "argpartition by fields": option(
        lambda x: x[np.argpartition(x, 1, order="a")], "have no fields"
    ),
    "quantile with weights": option(
        lambda x: np.quantile(x, 0.5, weights=np.ones(3), method="inverted_cdf"), "weights="
    ),
    "quantile method": option(
        lambda x: np.quantile(x, 0.5, method="inverted_cdf"), "take one that interpolates"
    ),
}
