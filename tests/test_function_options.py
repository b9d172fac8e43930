"""The options of NumPy's reductions and array functions on traced arrays: NumPy is the oracle.

Options are generated from the signatures: each that a function takes is given each value of its
kind, of a right type or a wrong one. `tests/test_ufunc_options.py` does the same for ufuncs.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functrans as ft
from tests.test_ufunc_options import MASK, ROW, X, differences, into

pytestmark = [
    pytest.mark.filterwarnings("ignore::numpy.exceptions.ComplexWarning"),
    pytest.mark.filterwarnings("ignore::RuntimeWarning"),
]

OPTIONS: dict[str, list[Any]] = {
    "axis": [0, -1, 5, None, (), (0, 1), (-1, 0), (0, 0), (0, 7), 1.0, "0", np.int64(1)],
    "dtype": ["?", "i1", "i8", "f4", "f8", "c16", None, float, "none such"],
    "keepdims": [True, False, 1, 0],
    "initial": [0, 2, 1.5, True, np.float32(2), np.array(2.0), [1.0], 1j],
    "where": [MASK, ROW, True, MASK.tolist(), MASK.astype(int), 1, np.ones((2, 3, 4), bool)],
    "include_initial": [True, False],
    "ddof": [0, 1, 5],
    "out": ["?", "i1", "f4", "f8", "c16"],
}
REDUCTIONS = (
    ("sum", "prod", "max", "min", "mean", "std", "var", "any", "all", "ptp", "cumsum", "cumprod")
    + ("nansum", "nanprod", "nanmax", "nanmin", "nanmean", "nanvar", "nanstd")
    + ("nancumsum", "nancumprod", "median", "count_nonzero")
)
WITH_NAN = np.where(np.arange(12).reshape(3, 4) == 5, np.nan, X)

REFUSED = {
    ("std", "dtype"),  # of whole numbers: NumPy rounds in between
    ("var", "dtype"),
}
"""Options whose values are refused, with a reason, where NumPy takes them."""

VALUES = [
    pytest.param(name, option, marks=[] if option in ("dtype", "initial", "out") else slow)
    for slow in [pytest.mark.slow]
    for name in REDUCTIONS
    for option in OPTIONS
    if option in inspect.signature(getattr(np, name)).parameters
]


def calls(name: str, option: str) -> Any:
    """The calls of a function with each value of an option, by the value."""
    function = getattr(np, name)
    for value in OPTIONS[option]:
        if option == "out":
            shape = np.shape(function(X, axis=0))
            yield (
                value,
                lambda x, d=value, s=shape: into(
                    function, np.zeros_like(x, dtype=d, shape=s), x, axis=0
                ),
            )
        elif option == "where" and "initial" in inspect.signature(function).parameters:
            yield value, lambda x, v=value: function(x, axis=1, where=v, initial=1)
        else:
            yield value, lambda x, v=value: function(x, **{option: v})


@pytest.mark.parametrize(("name", "option"), VALUES)
def test_options_of_reductions(name: str, option: str) -> None:
    found = {}
    for value, call in calls(name, option):
        # The sum of float32 numbers depends on the order.
        eps = 1e-6 if option in ("dtype", "out") and value == "f4" else 1e-15
        words = differences(call, WITH_NAN if name.startswith("nan") else X, eps=eps)
        if option == "out":
            # Into integers vjp and jvp refuse to write, which are plain arrays there.
            words = {k: w for k, w in words.items() if "PlainArrayError" not in w}
        if (name, option) in REFUSED:
            words = {k: w for k, w in words.items() if "OptionError" not in w}
        if words:
            found[str(value)] = words
    assert found == {}


def test_positions_of_delete_and_insert_may_be_traced() -> None:
    """They called themselves without end where nothing else was."""
    table = np.arange(4.0)
    for f in (
        lambda x: np.delete(table, x > 1.5) * x[0],
        lambda x: np.insert(table, np.argmax(x), 7.0) * x[0],
    ):
        np.testing.assert_array_equal(ft.vjp(f, X[0])[0], f(X[0]))


def test_a_number_has_percentiles() -> None:
    found = ft.vjp(lambda q: np.percentile(2.5, q), np.array([10.0, 50.0]))[0]
    np.testing.assert_array_equal(found, [2.5, 2.5])


def test_masked_conditions_are_refused() -> None:
    """The elements that the mask leaves out were taken in."""
    condition = np.ma.masked_array(np.ones((3, 4), bool), MASK)
    with pytest.raises(TypeError, match="cannot be combined"):
        ft.vjp(lambda x: np.extract(condition, x), X)


def test_results_do_not_broadcast_into_plain_arrays() -> None:
    with pytest.raises(ValueError, match="non-broadcastable"):
        ft.vjp(lambda x: np.any(x, axis=0, out=np.zeros((3, 4), bool)) * x, X)


def test_turns_by_a_part() -> None:
    """NumPy takes what is no number of right angles for three."""
    np.testing.assert_array_equal(ft.vjp(lambda x: np.rot90(x, 1.5), X)[0], np.rot90(X, 1.5))


@pytest.mark.parametrize(
    "text",
    [
        "np.roll(x, n)",
        "np.roll(x, n, 1)",
        "np.roll(x, (n, -1), (0, 1))",
        "np.roll(x, -n, (0, 1))",
        "np.roll(x[:0], n, 0)",
        "np.var(x, 0, ddof=n)",
        "np.std(x, ddof=n)",
        "np.std(x, 1, correction=n)",
    ],
)
def test_numbers_that_may_be_traced(text: str) -> None:
    """In programs, and one for each lane, with derivatives by the array."""
    f = eval(f"lambda x, n: {text}", {"np": np})
    numbers = np.array([0, 1, 5, -4, 1])
    want = [f(X, int(n)) for n in numbers]
    with np.errstate(all="ignore"):
        for n, value in zip(numbers, want, strict=True):
            np.testing.assert_allclose(ft.jit(f, backend="numpy")(X, int(n)), value)
        stack = np.stack([X] * len(numbers))
        np.testing.assert_allclose(ft.vmap(f)(stack, numbers), want)
        slope = ft.vmap(ft.grad(lambda x, n: np.sum(np.cos(f(x, n)))))(stack, numbers)
        each = [ft.grad(lambda x, n: np.sum(np.cos(f(x, n))))(X, int(n)) for n in numbers]
    np.testing.assert_allclose(slope, each)


KNOWN: tuple[Callable[[Any, Any], Any], ...] = (
    lambda x, n: np.flip(x, n),
    lambda x, n: np.sum(x, n),
    lambda x, n: np.quantile(x, 0.5, n),
    lambda x, n: np.gradient(x, axis=n),
    lambda x, n: np.expand_dims(x, n),
    lambda x, n: np.moveaxis(x, n, 0),
    lambda x, n: np.linalg.matrix_power(x[:2, :2], n),
    lambda x, n: np.histogram(x, n),
    lambda x, n: np.tril(x, n),
    lambda x, n: np.pad(x, n),
    lambda x, n: np.repeat(x, n),
    lambda x, n: np.partition(x, n),
    lambda x, n: np.take(x, 0, n),
)


@pytest.mark.parametrize("f", KNOWN, ids=lambda f: str(f.__code__.co_names[-1]))
def test_numbers_that_have_to_be_known(f: Any) -> None:
    """The error says so, and where to put them: it is none of what NumPy makes of them."""
    with pytest.raises(ft.errors.ConversionError, match="has to be a plain number"):
        ft.jit(f)(X, 1)
    with pytest.raises(ft.errors.ConversionError, match="has to be a plain number"):
        ft.vmap(f)(np.stack([X, X]), np.array([1, 1]))


@pytest.mark.parametrize(
    "text",
    [
        "average(a, weights=[c, 1.0, c, 2.0], axis=1)",
        "nan_to_num(a / 0.0, posinf=c)",
        "std(a, ddof=c)",
        "var(a, 1, correction=c)",
    ],
)
def test_the_namespace_takes_what_only_an_option_has_traced(text: str) -> None:
    """NumPy does not look there."""
    theirs, ours = (eval(f"lambda c: n.sum(n.{text})", {"n": n, "a": X}) for n in (np, ft.numpy))
    with np.errstate(all="ignore"):
        value, slope = ft.value_and_grad(ours)(1.5)
        np.testing.assert_allclose(value, theirs(1.5), rtol=1e-14)
        near = (theirs(1.5 + 1e-6) - theirs(1.5 - 1e-6)) / 2e-6
        np.testing.assert_allclose(slope, near, rtol=1e-6, atol=1e-8)
        with pytest.raises(TypeError):
            ft.grad(theirs)(1.5)
