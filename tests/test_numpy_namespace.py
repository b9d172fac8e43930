"""NumPy functions on traced arrays beside those in the coverage table: errors, and hard points."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functrans as ft
import functrans.numpy as fnp
from functrans import tree
from tests.coverage.rows import ARRAYS
from tests.test_odd_arguments import judged
from tests.test_ufunc_options import TRANSFORMS, outcome


def function(call: str) -> Any:
    return eval(f"lambda x, y=None: {call}", {"np": np, "fnp": fnp})


def same(found: Any, expected: Any, exact: bool = True) -> None:
    """Equal structure, dtypes, shapes, and values up to rounding in the last places."""
    a, b = tree.leaves(found), tree.leaves(expected)
    assert len(a) == len(b)
    for x, y in zip(a, b, strict=True):
        x, y = np.asarray(x), np.asarray(y)
        assert x.shape == y.shape
        if exact:
            assert x.dtype == y.dtype
        rtol = 1e-6 if y.dtype in (np.float32, np.complex64) else 1e-13
        np.testing.assert_allclose(x, y, rtol=rtol, atol=rtol)


def test_functions_of_types_and_positions() -> None:
    """Functions whose results carry no derivative are plain where the values are known."""
    x, n = ARRAYS["A"], np.array([3, 1, 3])
    plain = {
        "np.result_type(x, np.float32)": np.dtype(float),
        "np.result_type(x.astype(np.float32), 1.0)": np.dtype(np.float32),
        "np.can_cast(x, complex)": True,
        "np.common_type(x, np.ones(2, np.float32))": np.float64,
        "np.min_scalar_type(x)": np.dtype(float),
        "np.ndim(x)": 2,
        "np.einsum_path('ij,jk->ik', x, x.T)[0][0]": "einsum_path",
    }
    for call, expected in plain.items():
        seen: list[Any] = []
        ft.vjp(lambda x, call=call, seen=seen: seen.append(function(call)(x)) or x, x)
        assert seen == [expected], call
    calls = {
        "np.isin(x, [1, 2])": np.isin(n, [1, 2]),
        "np.unique(x, return_index=True, return_inverse=True, return_counts=True)": np.unique(
            n, return_index=True, return_inverse=True, return_counts=True
        ),
        "np.unique_values(x)": np.unique(n),
        "np.tril_indices_from(x[:, None] * x)": np.tril_indices(3),
        "np.argwhere(x > 1)": np.argwhere(n > 1),
        "np.array_equal(x, x, equal_nan=True)": True,
        "np.array_equiv(x, np.ones((2, 2)))": False,
        "np.isclose(x, [3, 1, 4])": np.isclose(n, [3, 1, 4]),
    }
    for call, expected in calls.items():
        f = function(call)
        values: list[Any] = []
        ft.vjp(lambda x, f=f, v=values: v.append(ft.stop_gradient(f(x))) or x, n * 1.0)
        same(ft.tree.leaves(values), ft.tree.leaves(expected), exact=False)


def test_arrays_of_anything_keep_subclasses_and_take_traced_values() -> None:
    masked = np.ma.masked_array([1.0, 2.0], [False, True])

    def f(x: Any) -> Any:
        assert fnp.asanyarray(masked) is masked
        assert fnp.asanyarray(x) is x
        y = fnp.asanyarray([x[0], x[1]], np.float32)
        assert y.dtype == np.float32
        return y * np.asanyarray([1.0, 2.0], like=x)

    np.testing.assert_array_equal(ft.jacobian(f)(np.ones(2)), [[1, 0], [0, 2]])
    with pytest.raises(ft.core.errors.OperandError, match="cannot be combined with traced"):
        ft.grad(lambda x: np.sum(np.asanyarray(masked, like=x) * x))(np.ones(2))


ODD: dict[str, Callable[[Any, Any], Any]] = {
    "positions that are floats": lambda f, x: f.take(np.arange(3.0), x),
    "no such axis": lambda f, x: f.take(np.arange(3.0), x.astype(int), axis=5),
    "no such mode": lambda f, x: f.pad(np.ones(3), 1, "bogus", constant_values=x[0]),
    "negative widths": lambda f, x: f.pad(np.ones(3), -1, constant_values=x[0]),
    "choices of other lengths": lambda f, x: f.select([x > 0.5], [1.0, 2.0], x),
    "keys of other lengths": lambda f, x: f.lexsort((x, np.ones(2))),
    "a list not to be copied": lambda f, x: f.asarray([x[0]], copy=False),
    "a list not to be copied, of any class": lambda f, x: f.asanyarray([x[0]], copy=False),
    "a dtype not to be copied": lambda f, x: f.asarray(x, "f4", copy=False),
    "filled in no such order": lambda f, x: f.full(3, x[0], order="Z"),
    "filled elsewhere": lambda f, x: f.full(3, x[0], device="gpu"),
    "copied in no such order": lambda f, x: f.copy([x[0]], order="Z"),
    "a ragged list": lambda f, x: f.asanyarray([x, x[:1]]),
}


@pytest.mark.parametrize("name", ODD)
def test_functions_of_the_namespace_refuse_what_numpys_refuse(name: str) -> None:
    x = np.array([0.25, 1.5, 0.5])
    wanted = outcome(lambda: ODD[name](np, x))
    assert isinstance(wanted, Exception)
    for transform, apply in TRANSFORMS.items():
        found = outcome(apply, lambda x: ODD[name](fnp, x), x)
        assert judged(found, wanted, scalars=True) == "", (transform, found)


def test_the_fraction_at_whole_numbers() -> None:
    """modf is x minus a constant on either side of 0, and beside other whole numbers."""
    x = np.array([-2.0, -0.0, 0.0, 3.0, -np.inf, np.inf, 0.25])
    (fraction, whole), pull = ft.vjp(np.modf, x)
    for found, expected in zip((fraction, whole), np.modf(x), strict=True):
        np.testing.assert_array_equal(found, expected)
        np.testing.assert_array_equal(np.signbit(found), np.signbit(expected))
    (rate,) = pull((np.ones(7), np.ones(7)))
    np.testing.assert_array_equal(rate, [1, 1, 1, 1, 0, 0, 1])


def test_round_of_python() -> None:
    assert ft.grad(lambda x: x * round(x))(2.6) == 3
    assert ft.grad(lambda x: x * round(x, 1))(2.66) == 2.7
    with pytest.raises(ft.core.errors.ConversionError, match="round"):
        ft.vmap(lambda x: round(x))(np.array([2.6]))


@pytest.mark.parametrize("window", [(3,), (2, -1), (2, 5), (1, 1, 1)])
def test_windows_that_do_not_fit(window: tuple[int, ...]) -> None:
    for call in (ft.grad, lambda f: f):
        with pytest.raises(ValueError):
            call(lambda x: np.sum(np.lib.stride_tricks.sliding_window_view(x, window)))(
                np.ones((3, 4))
            )


def test_polyfit_of_what_does_not_fit() -> None:
    x = np.arange(4.0)
    for args in ((x, x[:3], 1), (x, np.ones((4, 1, 1)), 1), (np.eye(4), x, 1), (x[:0], x[:0], 1)):
        with pytest.raises(TypeError):
            ft.vjp(lambda a, b, n=args[2]: np.polyfit(a, b, n), *args[:2])
    with pytest.raises(ValueError, match="deg"):
        ft.vjp(lambda a: np.polyfit(x, a, -1), x)
    with pytest.raises(ValueError, match="number of data points"):
        ft.vjp(lambda a: np.polyfit(x, a, 3, cov=True), x)
