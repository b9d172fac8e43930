"""Control flow under linearize: the primals are known, the tangents come later."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functrans as ft

X = np.linspace(0.1, 1.0, 4)
V = np.arange(4.0) + 1.0

FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "scan": lambda x: np.sum(ft.scan(lambda c, y: (np.sin(c * y), c + y), x[0], x)[0]),
    "scan with integers": lambda x: np.sum(
        ft.scan(lambda c, y: ((c[0] * y, c[1] + 1), c[1]), (x[0], 0), x)[0][0]
    ),
    "while_loop": lambda x: np.sum(
        ft.while_loop(lambda c: c[0] < 5, lambda c: (c[0] + 1, c[1] * np.sin(c[1])), (0, x))[1]
    ),
    "cond": lambda x: ft.cond(np.sum(x) > 1, lambda x: np.sum(np.sin(x)), lambda x: x[0] * 2.0, x),
    "map": lambda x: np.sum(ft.map(lambda y: np.sin(y) * y, x)),
    "vmap": lambda x: np.sum(
        ft.vmap(lambda y: ft.cond(y > 0.5, lambda y: y**3, lambda y: y * 1.0, y))(x)
    ),
    "jit": ft.jit(lambda x: np.sum(np.sin(x) * x)),
    "scan of jit": lambda x: ft.scan(
        lambda c, y: (ft.jit(lambda c: np.tanh(c * y))(c), None), x[0], x
    )[0],
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_it_is_the_derivative(name: str) -> None:
    f = FUNCTIONS[name]
    expected = ft.grad(f)(X)
    y, linear = ft.linearize(f, X)
    assert y == f(X)
    np.testing.assert_allclose(linear(V), expected @ V, rtol=1e-13)
    np.testing.assert_allclose(linear(2.0 * V), 2.0 * linear(V), rtol=1e-13)
    np.testing.assert_allclose(ft.jacfwd(f)(X), expected, rtol=1e-13, atol=1e-15)
    second = ft.jacrev(ft.grad(f))(X)
    for hessian in (ft.hessian(f), ft.make_graph(ft.hessian(f))(X), ft.jacfwd(ft.jacfwd(f))):
        np.testing.assert_allclose(hessian(X), second, rtol=1e-12, atol=1e-13)


def test_the_nonlinear_part_runs_once() -> None:
    rounds: list[float] = []

    def body(c: Any, y: Any) -> Any:
        ft.debug.callback(lambda c: rounds.append(float(c)), c)
        return np.sin(c * y), None

    _, linear = ft.linearize(lambda x: ft.scan(body, x[0], x)[0], X)
    assert len(rounds) == 4
    linear(V)
    linear(V)
    assert len(rounds) == 4
