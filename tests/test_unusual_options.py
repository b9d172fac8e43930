"""What NumPy's functions take or refuse though few write it: traced arrays follow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functrans as ft

NUMBER = np.array([1.5, 2.5])  # whose elements are numbers
MATRIX = np.arange(6.0).reshape(2, 3)

TRANSFORMS: dict[str, Callable[[Callable[[Any], Any], Any], Any]] = {
    "vjp": lambda f, x: ft.vjp(f, x)[0],
    "jvp": lambda f, x: ft.jvp(f, (x,), (x,))[0],
    "vmap": lambda f, x: ft.vmap(f)(np.stack([x, x]))[0],
    "jit": lambda f, x: ft.jit(f, backend="numpy")(x),
}


@pytest.fixture(params=TRANSFORMS)
def transform(request: Any) -> Callable[[Callable[[Any], Any], Any], Any]:
    """What runs a function on a traced array."""
    return TRANSFORMS[request.param]


@pytest.mark.parametrize(
    "function",
    [
        lambda x: np.argmax(x[0], axis=0),
        lambda x: np.argmin(x[0], axis=-1),
        lambda x: np.argmax(x[0], axis=0, keepdims=True),
        lambda x: np.nanargmax(x[0], axis=0),
        lambda x: np.take(x[0], 0, axis=0),
        lambda x: np.take(x[0], [0, 0], axis=-1),
        lambda x: np.repeat(x[0], 2, axis=0),
        lambda x: np.argsort(x[0], axis=0),
        lambda x: np.argpartition(x[0], 0, axis=0),
        lambda x: np.compress([True], x[0], axis=0),
        lambda x: np.squeeze(x[0], axis=0),
        lambda x: np.cumsum(x[0], axis=0),
        lambda x: np.sum(x[0], axis=0),
    ],
)
def test_a_number_has_an_axis_where_numpy_says_so(function: Any, transform: Any) -> None:
    found, expected = transform(function, NUMBER), function(NUMBER)
    assert np.shape(found) == np.shape(expected)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: np.median(x[0], axis=0),
        lambda x: np.nanmedian(x[0], axis=0),
        lambda x: np.quantile(x[0], 0.5, axis=0),
        lambda x: np.var(x[0], axis=0),
        lambda x: np.average(x[0], axis=0),
        lambda x: np.gradient(x[0], axis=0),
        lambda x: np.sort(x[0], axis=0),
        lambda x: np.tensordot(x, x, axes=3),
        lambda x: np.tensordot(x, x, axes=((0, 1), (0, 1))),
    ],
)
def test_an_axis_that_is_not_there_is_refused(function: Any, transform: Any) -> None:
    for x, run in ((NUMBER, lambda f, x: f(x)), (NUMBER, transform)):
        with pytest.raises(IndexError):  # AxisError is one
            run(function, x)


@pytest.mark.parametrize("keepdims", ["yes", "", [1], None, 0.5, {}])
@pytest.mark.parametrize("name", ["sum", "max", "any", "mean", "std", "nansum", "ptp", "average"])
def test_options_of_a_wrong_type_are_refused(name: str, keepdims: Any, transform: Any) -> None:
    def function(x: Any) -> Any:
        return getattr(np, name)(x, axis=0, keepdims=keepdims)

    with pytest.raises(TypeError):
        function(MATRIX)
    with pytest.raises(TypeError):
        transform(function, MATRIX)


@pytest.mark.parametrize("keepdims", ["yes", "", [1], None, 0.5, 1])
@pytest.mark.parametrize("name", ["argmax", "median", "nanmedian"])
def test_some_options_are_anything_that_is_true(name: str, keepdims: Any, transform: Any) -> None:
    def function(x: Any) -> Any:
        return getattr(np, name)(x, axis=0, keepdims=keepdims)

    np.testing.assert_array_equal(transform(function, MATRIX), function(MATRIX))


def test_positions_are_integers(transform: Any) -> None:
    with pytest.raises(TypeError):
        transform(lambda x: np.unravel_index(x, (3, 4))[0], 2.0)


@pytest.mark.parametrize("ends", [lambda x: (0.0 * x, 4.0), lambda x: (1.0, 0.0 * x)])
def test_geometric_sequences_include_no_zero(ends: Any) -> None:
    def function(x: Any) -> Any:
        return np.geomspace(*ends(x), 4)

    for name in ("vjp", "jvp", "vmap"):
        with pytest.raises(ValueError, match="cannot include zero"):
            TRANSFORMS[name](function, np.float64(1.5))
    assert np.isnan(TRANSFORMS["jit"](function, np.float64(1.5))[1:]).all()  # nothing known then


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64])
@pytest.mark.parametrize("sign", [1, -1])
def test_gradients_of_determinants_that_overflow(dtype: Any, sign: int) -> None:
    """They did in single precision: infinity times zero."""
    entry = np.finfo(dtype).max ** (sign * 0.4)
    x = np.diag([entry] * 3).astype(dtype)
    for transformed in (ft.grad, lambda f, **options: ft.jit(ft.grad(f, **options))):
        with np.errstate(all="ignore"):
            found = transformed(np.linalg.det, holomorphic=x.dtype.kind == "c")(x)
        np.testing.assert_allclose(found, np.diag([entry**2] * 3), rtol=1e-6)
        assert found.dtype == dtype
