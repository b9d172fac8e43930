"""What once went wrong, one test for each, named after it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functrans as ft
from functrans.core import errors


def growth(make: Callable[[int], Callable[[], Any]]) -> float:
    """How many times longer a run takes that is eight times as large (the best of three each)."""

    def seconds(n: int) -> float:
        run = make(n)
        times = []
        for _ in range(3):
            start = time.perf_counter()
            run()
            times.append(time.perf_counter() - start)
        return min(times)

    return seconds(4000) / seconds(500)


def many(n: int) -> dict[str, Any]:
    return {f"k{i}": np.ones(2) for i in range(n)}


def doubled(d: dict[str, Any]) -> dict[str, Any]:
    return {key: x * 2 for key, x in d.items()}


def doubled_with_rule() -> Any:
    rule = ft.custom(doubled)
    rule.defvjp(lambda d: (doubled(d), None), lambda _, g: (doubled(g),))
    return rule


QUADRATIC: dict[str, Callable[[int], Callable[[], Any]]] = {
    "pullback of many outputs": lambda n: lambda: ft.vjp(doubled, many(n))[1](many(n)),
    "vmap over many leaves": lambda n: lambda: ft.vmap(doubled)(many(n)),
    "custom rule of many leaves": lambda n: lambda: ft.jvp(
        doubled_with_rule(), (many(n),), (many(n),)
    ),
}


@pytest.mark.parametrize("name", QUADRATIC)
def test_time_is_linear_in_the_number_of_leaves(name: str) -> None:
    assert growth(QUADRATIC[name]) < 24  # 8 if linear, 64 if quadratic


NESTED = {"w": np.array([1.0, 2.0]), "b": None}


@pytest.mark.parametrize("transform", [ft.jacfwd, ft.jacrev, ft.jacobian, ft.hessian])
def test_none_in_an_argument_in_forward_mode(transform: Any) -> None:
    result = transform(lambda d: np.sum(d["w"] ** 2))(NESTED)
    block = result["w"]["w"] if transform is ft.hessian else result["w"]
    np.testing.assert_array_equal(block, 2 * np.eye(2) if transform is ft.hessian else [2.0, 4.0])


def test_none_in_a_tangent() -> None:
    tangent = {"w": None, "b": None}
    assert ft.jvp(lambda d: np.sum(d["w"]), (NESTED,), (tangent,))[1] == 0
    assert ft.linearize(lambda d: np.sum(d["w"]), NESTED)[1](NESTED) == 3


def test_none_in_a_cotangent_is_zero() -> None:
    _, pullback = ft.vjp(lambda x: (x * 2, 3, {"a": x}, None), 2.0)
    assert pullback((1.0, None, {"a": None}, None)) == (2.0,)


@pytest.mark.parametrize("dtype", ["float16", "float32", "longdouble", "complex64"])
@pytest.mark.parametrize("t", [True, 3, 1.0])
def test_a_python_number_as_tangent_takes_the_dtype_of_its_primal(dtype: str, t: Any) -> None:
    x = np.dtype(dtype).type(2)

    def same(x: Any) -> Any:
        return x

    found = (
        ft.jvp(same, (x,), (t,))[1],
        ft.linearize(same, x)[1](t),
        ft.vjp(same, x)[1](t)[0],
        ft.hvp(lambda x: np.real(x * x), (x,), (t,))[0],
    )
    assert [y.dtype for y in found] == [x.dtype] * 4
    assert found[0] == t


def test_complex_number_as_tangent_of_a_real_value() -> None:
    with pytest.raises(errors.InputTypeError, match="the tangent of argument 'x' has type weak"):
        ft.jvp(np.sin, (1.0,), (1j,))


@pytest.mark.parametrize("t", ["one", np.ma.ones(())])
def test_tangent_that_is_no_plain_array(t: Any) -> None:
    with pytest.raises(errors.InputTypeError, match=f"is a {type(t).__name__}"):
        ft.jvp(np.sin, (1.0,), (t,))
    with pytest.raises(errors.InputTypeError, match=f"the cotangent is a {type(t).__name__}"):
        ft.vjp(np.sin, 1.0)[1](t)


def test_none_in_the_output_of_a_jacobian() -> None:
    for transform in (ft.jacfwd, ft.jacrev, ft.jacobian):
        matrix, nothing = transform(lambda x: (x, None))(np.ones(2))
        np.testing.assert_array_equal(matrix, np.eye(2))
        assert nothing is None


def test_integer_output_of_a_jacobian_was_silently_zero_in_forward_mode() -> None:
    for transform in (ft.jacfwd, ft.jacrev, ft.jacobian):
        with pytest.raises(errors.OutputTypeError, match=r"the output at \[1\] has type int64\[2\]"):
            transform(lambda x: (x, np.arange(2)))(np.ones(2))


def test_jacobian_takes_the_mode_that_complex_values_need() -> None:
    z = np.array([1.0 + 2j, 3.0])
    np.testing.assert_array_equal(ft.jacobian(np.real)(z), ft.jacrev(np.real)(z))
    x = np.array([1.0, 2.0, 3.0])
    np.testing.assert_array_equal(ft.jacobian(lambda x: np.sum(x) * 1j)(x), [1j, 1j, 1j])
