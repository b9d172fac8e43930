"""Python numbers stay weak: every transform gives the dtypes that NumPy gives the same program.

The programs are random expressions of Python numbers and small arrays. What Python computes from
Python numbers alone is one, by operators; what NumPy's functions compute is none.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, reject, settings

import functrans as ft
from functrans.core.types import WEAK

ARRAYS = {
    "x": np.array([0.5, 1.25, 2.0], np.float32),
    "h": np.array([1.0, 2.0, 0.5], np.float16),
    "k": np.array([1, 2, 3], np.int8),
    "w": np.array([0.5 + 1j, 1.0, 2.0], np.complex64),
    "s": np.float64(1.5),
}
NUMBERS: dict[str, Any] = {"a": 2.5, "b": 0.75, "n": 3, "c": True, "z": 1.5 - 0.5j}

OPERATORS = (
    *("+", "-", "*", "/", "//", "%", "<", "<=", ">", ">=", "==", "!="),
    *("&", "|", "^", "<<", ">>"),
)
UNARY = (
    *("-({})", "+({})", "~({})", "abs({})", "round({}, 1)", "({}) ** 2", "({}) ** 3", "({}) ** -1"),
    *("abs({}) ** 0.5", "({}).real", "({}).imag", "({}).conjugate()", "2 ** abs({})"),
    "sum([{0}, {0}])",
    *("np.sin({})", "np.real({})", "np.imag({})", "np.negative({})", "np.abs({})", "np.sum({})"),
    *("np.where(True, {}, x)", "np.conjugate({})", "np.square({})"),
    "np.zeros(3, np.float32) + ({})",
)
BINARY = (
    "np.add({}, {})",
    "np.multiply({}, {})",
    "np.maximum({}, {})",
    "np.where(True, {}, {})",
    "np.less({}, {})",
    "divmod({}, {})[0]",
    "divmod({}, {})[1]",
)


def expressions(leaves: tuple[str, ...]) -> Any:
    """Texts of expressions; operators come most often."""
    operators = st.sampled_from([f"(({{}}) {op} ({{}}))" for op in OPERATORS])
    return st.recursive(
        st.sampled_from((*leaves, "2.0", "2", "True", "1.5j")),
        lambda inner: st.one_of(
            st.builds(lambda f, x, y: f.format(x, y), operators, inner, inner),
            st.builds(lambda f, x, y: f.format(x, y), operators, inner, inner),
            st.builds(lambda f, x: f.format(x), st.sampled_from(UNARY), inner),
            st.builds(lambda f, x, y: f.format(x, y), st.sampled_from(BINARY), inner, inner),
        ),
        max_leaves=6,
    )


@contextmanager
def quiet() -> Iterator[None]:
    """Without warnings of values, and of ``~True``."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def function(text: str, names: tuple[str, ...]) -> Callable[..., Any]:
    """The function of these names that an expression is."""
    return eval(f"lambda {', '.join(names)}: {text}", {"np": np, **NUMBERS, **ARRAYS})


def plain(fun: Callable[..., Any], *args: Any) -> Any:
    """The result of a program that NumPy carries out."""
    try:
        with quiet():
            ans = fun(*args)
    except (TypeError, ValueError, ZeroDivisionError, OverflowError, AttributeError):
        reject()
    if type(ans) is int and abs(ans) >= 2**31:  # Python's integers have no end
        reject()
    return ans


def kind(x: Any) -> Any:
    """The type of a Python number, the dtype of anything else."""
    return type(x) if type(x) in WEAK else np.asarray(x).dtype


def check(text: str, found: Any, expected: Any) -> None:
    assert kind(found) == kind(expected), (text, found, expected)
    np.testing.assert_allclose(found, expected, rtol=1e-2, equal_nan=True)


def jitted(text: str, backend: str) -> None:
    """Compare what a compiled program returns with NumPy."""
    fun = function(text, tuple(NUMBERS))
    args = tuple(NUMBERS.values())
    expected = plain(fun, *args)
    with quiet():
        check(text, ft.jit(fun, backend=backend)(*args), expected)


STAGED = expressions((*NUMBERS, *ARRAYS))
DIFFERENTIATED = expressions(("a", "b", "z", *ARRAYS))


@given(text=STAGED)
def test_jit_gives_the_dtypes_of_numpy(text: str) -> None:
    jitted(text, "numpy")


@pytest.mark.parametrize(
    "text",
    [
        "np.linspace(x, n, 4)",
        "np.linspace(n, h, 4)",
        "np.linspace(x, k, 4)",
        "np.logspace(c, x, 4)",
        "np.quantile(x, b)",
        "np.quantile(x, np.float64(0.3))",
        "np.quantile(h, [0.25, 0.5])",
        "np.nanquantile(x, np.array([0.25, 0.5]))",
        "np.percentile(x, a)",
        "np.percentile(h, n)",
        "np.nanpercentile(x, np.float64(30))",
        "np.dot(x, a)",
        "np.dot(n, h)",
        "np.outer(a, x)",
        "np.clip(n, None, x)",
        "np.clip(n, k, None)",
        "np.clip(a, h, x)",
    ],
)
def test_array_functions_give_the_dtypes_of_numpy(text: str) -> None:
    """Whether the numbers are traced, the arrays, or both."""
    given = NUMBERS | ARRAYS
    expected = plain(function(text, ()))
    for names in ((*NUMBERS,), (*ARRAYS,), (*given,)):
        fun = function(text, names)
        check(text, ft.jit(fun, backend="numpy")(*(given[name] for name in names)), expected)
    for name in ("a", "x"):
        fun, x = function(text, (name,)), given[name]
        check(text, ft.jvp(fun, (x,), (x,))[0], expected)


@pytest.mark.parametrize(
    "text",
    [
        "(a * 2.0) * x",
        "(a * 2.0) * h + b / 3",
        "(n + c) * k",
        "((a > b) + c) * 0.5 * x",
        "(z * z).imag * x",
        "a * 2.0",
        "(a > b) & c",
        "n ** -1 * x",
        "np.sin(a) * x",
    ],
)
def test_native_code_gives_the_dtypes_of_numpy(text: str) -> None:
    pytest.importorskip("llvmlite")
    jitted(text, "llvm")


@pytest.mark.slow
@given(text=STAGED)
@settings(max_examples=500, deadline=None)
def test_native_code_gives_the_dtypes_of_numpy_to_any_program(text: str) -> None:
    pytest.importorskip("llvmlite")
    jitted(text, "llvm")


@given(text=DIFFERENTIATED)
def test_derivatives_keep_the_dtypes_of_numpy(text: str) -> None:
    names = ("a", "b", "z")
    fun = function(text, names)
    args = tuple(NUMBERS[name] for name in names)
    expected = plain(fun, *args)
    dtype = np.asarray(expected).dtype
    with quiet():
        value, pull = ft.vjp(fun, *args)
        check(text, value, expected)
        if dtype.kind in "fc":
            gradients = pull(np.ones_like(expected))
            assert [g.dtype for g in gradients] == [float, float, complex], text
        value, tangent = ft.jvp(fun, args, (1.0, 0.5, 1j))
        check(text, value, expected)
        assert tangent is None or np.asarray(tangent).dtype == dtype, (text, tangent, expected)
        check(text, ft.linearize(fun, *args)[0], expected)


@given(text=DIFFERENTIATED)
@settings(max_examples=40)
def test_lanes_and_nests_keep_the_dtypes_of_numpy(text: str) -> None:
    names = ("a", "b", "z")
    fun = function(f"({text}) * y", (*names, "y"))
    args = tuple(NUMBERS[name] for name in names)
    ys = np.array([[0.5, 1.0, 2.0], [1.5, 0.25, 1.0]], np.float32)
    expected = plain(fun, *args, ys[0])
    with quiet():
        for outer in (ft.jit, lambda f: f):
            mapped = outer(ft.vmap(fun, in_axes=(None, None, None, 0)))
            check(text, mapped(*args, ys)[0], expected)
            value = outer(lambda *args: ft.vjp(fun, *args)[0])(*args, ys[0])
            check(text, value, expected)
            value = outer(lambda *args: ft.jvp(fun, args, (1.0, 0.5, 1j, ys[1]))[0])(*args, ys[0])
            check(text, value, expected)
            value = outer(ft.vmap(lambda y: ft.vjp(fun, *args, y)[0]))(ys)[0]
            check(text, value, expected)


@pytest.mark.parametrize("text", ["a + b", "a - b", "a * b", "a / b", "-a", "+a", "abs(a)", "a**2"])
def test_python_carries_out_operators_of_floats_as_numpy_does(text: str) -> None:
    """Values, both derivatives and warnings have NumPy's bits, at infinities and zeros too."""
    fun = function(text, ("a", "b"))
    points = (0.1, -0.0, 3.0, 1e-310, -1e200, 1.7e308, np.inf, np.nan)
    for args in itertools.product(points, points):
        with warnings.catch_warnings(record=True) as expected_warnings:
            warnings.simplefilter("always")
            expected, expected_pull = ft.vjp(fun, *map(np.float64, args))
        with warnings.catch_warnings(record=True) as found_warnings:
            warnings.simplefilter("always")
            found, pull = ft.vjp(fun, *args)
        assert type(found) is float
        assert float(expected).hex() == found.hex(), args
        assert [float(g).hex() for g in pull(1.0)] == [
            float(g).hex() for g in expected_pull(np.float64(1.0))
        ], args
        assert len(found_warnings) == len(expected_warnings), args


def test_floats_beside_integers_that_numpy_does_not_have() -> None:
    assert ft.value_and_grad(lambda a: a * 2**70)(2.5) == (2.5 * 2**70, 2.0**70)
