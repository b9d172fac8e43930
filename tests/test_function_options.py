"""The options of NumPy's reductions and array functions on traced arrays: NumPy is the oracle.

Options are generated from the signatures: each that a function takes is given each value of its
kind, of a right type or a wrong one. `tests/test_ufunc_options.py` does the same for ufuncs.
"""

from __future__ import annotations

import inspect
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
