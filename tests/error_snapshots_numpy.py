"""Options and functions of NumPy that traced arrays do not support, and what to write instead.

In the form of tests/error_snapshots.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy._core.overrides import array_function_dispatch

import functrans as ft
from functrans.core import errors
from tests.error_snapshots import X

Row = tuple[Callable[[], Any], type[Exception], str]

eigh_function = ft.numpy.linalg.eigh_function


def on_traced(function: Callable[[Any], Any], x: Any = X) -> Callable[[], Any]:
    return lambda: ft.grad(lambda x: np.sum(function(x)))(x)


def of_selection(function: Callable[[Any], Any], what: str) -> Row:
    message = (
        what + r", at .*error_snapshots_numpy\.py:\d+ in .*: how many elements a traced mask "
        r"selects \(a traced bool\[3\] of vmap\(.*is not known.*numpy\.where\(mask, x, other\)"
    )
    batch = np.ones((2, 3))
    return lambda: ft.vmap(lambda x: function(x[x > 1]))(batch), errors.ConversionError, message


def option(function: Callable[[Any], Any], message: str, x: Any = X) -> Row:
    return on_traced(function, x), errors.OptionError, message


@array_function_dispatch(lambda x: (x,))
def handed_over(x: Any) -> Any:
    """A function that NumPy hands over to arrays of other classes, and that functrans lacks."""
    return x


SNAPSHOTS: dict[str, Row] = {
    "sorted elements of a traced mask": of_selection(np.sort, r"numpy\.sort"),
    "length of elements of a traced mask": of_selection(len, r"len\(\)"),
    "a loop over elements of a traced mask": of_selection(list, r"a loop over x\[mask\]"),
    "method of elements of a traced mask": of_selection(lambda s: s.argmax(), r"\.argmax"),
    "values beside elements of a traced mask": of_selection(
        lambda s: s + np.ones(2), r"numpy\.add with values of shape \(2,\)"
    ),
    "elements of two masks": (
        lambda: ft.vmap(lambda x: np.sum(x[x > 1] + x[x < 1]))(np.arange(6.0).reshape(2, 3)),
        errors.ConversionError,
        r"numpy\.add of the elements of two masks, at .*A mask that is used twice needs a name",
    ),
    "objects beside a traced array": (
        on_traced(lambda x: np.array([1, 2, 3], object) * x),
        errors.OperandError,
        r"multiply of a traced array and an array of dtype object, at .*no derivative\. Convert",
    ),
    "a function without rule": (
        on_traced(handed_over),
        errors.MissingRuleError,
        r"handed_over has no rule for traced arrays \(called at .*functrans\.custom",
    ),
    "a function of dates": (
        on_traced(lambda x: np.busday_count(x, x)),
        errors.MissingRuleError,
        r"numpy\.busday_count does not take a traced array, at .*: dates are no numbers",
    ),
    "a function that stores": (
        on_traced(lambda x: np.save("no file", x)),
        errors.ConversionError,
        "no values to store while a transform runs.* Store what the transformed function returns",
    ),
    "a question about memory": (
        on_traced(lambda x: np.shares_memory(x, x)),
        errors.ConversionError,
        "no memory of its own.* Ask this of plain arrays",
    ),
    "checked indices": (
        lambda: ft.vmap(lambda i: np.ravel_multi_index((i, i), (3, 3)))(np.arange(3)),
        errors.ConversionError,
        "its values, which would have to be checked, are not known.*mode='clip' or mode='wrap'",
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
    "several ratios of least squares": option(
        lambda x: np.polyfit(x, x, 1, rcond=[0.1]),
        r"numpy\.polyfit\(rcond= an array\) is not supported .*; give one number",
    ),
    "factors in an old form": option(
        lambda x: np.linalg.qr(np.outer(x, x), "economic"),
        r"numpy\.linalg\.qr\(mode='economic'\) is not supported .* mode='raw'",
    ),
    "variance of whole numbers": option(
        lambda x: np.var(x, dtype=int), r"numpy\.var\(dtype=int64\) .*no whole number"
    ),
    "sum of objects": option(
        lambda x: np.sum(x, dtype=object), r"numpy\.astype\(dtype=object\) .*a numeric dtype"
    ),
    "ufunc into objects": option(
        lambda x: np.equal(x, 1.0, dtype=object),
        r"numpy\.equal\(dtype=<class 'object'>\) is not supported .*; take a numeric dtype",
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
    "histogram of complex numbers": (
        on_traced(lambda x: np.histogram(x * 1j)[1]),
        errors.OperandError,
        r"a histogram of complex numbers \(complex128\[3\]\), at .*numpy\.real\(x\)",
    ),
    "einsum dtype": option(
        lambda x: np.einsum("i->", x, dtype=object),
        r"numpy\.einsum\(dtype=object\) is not supported .*; take a numeric dtype",
    ),
    "astype to text": option(lambda x: x.astype(str), "take a numeric dtype"),
    "pad mode": option(lambda x: np.pad(x, 1, mode=lambda *args: None), r"by numpy\.concatenate"),
    "clip option": option(
        lambda x: np.clip(x, 0, 1, where=x > 0), r"numpy\.clip\(where=\) is not supported"
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
}
