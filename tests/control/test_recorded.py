"""Loops in programs keep what their gradient needs: no round runs twice."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functrans as ft
from functrans.compile import program
from tests.executors import same

X = np.linspace(0.1, 1.0, 4)


class Counter:
    """An identity that counts its calls."""

    def __init__(self) -> None:
        self.count = 0
        kind = ft.ArrayType((), float)
        self.function = ft.custom(lambda x: ft.debug.pure_callback(self._call, kind, x))
        self.function.defjvp(lambda p, t: (self.function(p[0]), t[0]))

    def _call(self, x: Any) -> Any:
        self.count += 1
        return x

    def of(self, f: Callable[..., Any], *args: Any) -> int:
        """How many calls there are in the second call of a function."""
        f(*args)
        before = self.count
        f(*args)
        return self.count - before


def growing(x: Any) -> Any:
    return ft.while_loop(lambda y: y < 10.0, lambda y: y * (1 + x) + 1.0, x)


def counting(x: Any) -> Any:
    return ft.while_loop(lambda c: c[0] < 5, lambda c: (c[0] + 1, c[1] * np.sin(c[1])), (0, x))[1]


def reset(x: Any) -> Any:
    """A part of the carry that does not depend on what it was."""
    return ft.while_loop(
        lambda c: c[0] < 3, lambda c: (c[0] + 1, np.cos(c[2]), c[2] * 1.1), (0, x * x, x)
    )[1]


def unstarted(x: Any) -> Any:
    return ft.while_loop(lambda y: np.sum(y) < -10.0, lambda y: y * x, x) * x


def scheduled(x: Any) -> Any:
    return ft.scan(
        lambda c, _: (np.sin(c) * 1.1, None), x, length=40, checkpoint=ft.binomial(memory=200)
    )[0]


def value_and_grad(f: Callable[..., Any]) -> Callable[..., Any]:
    return ft.value_and_grad(lambda x: np.sum(np.exp(f(x))))


def test_the_rounds_run_once() -> None:
    counter = Counter()

    def f(x: Any) -> Any:
        return ft.while_loop(lambda y: y < 10, lambda y: counter.function(y) * (1 + x), x)

    rounds = counter.of(f, 0.5)
    assert counter.of(value_and_grad(f), 0.5) == rounds
    assert counter.of(ft.jit(value_and_grad(f)), 0.5) == rounds


@pytest.mark.parametrize("f", [growing, counting, reset, unstarted, scheduled])
@pytest.mark.parametrize("x", [0.3, X], ids=["number", "array"])
def test_gradients_keep_every_bit(f: Any, x: Any) -> None:
    if f is growing and np.ndim(x):
        x = 0.7
    eager, staged = value_and_grad(f)(x), ft.jit(value_and_grad(f))(x)
    for a, b in zip(ft.tree.leaves(staged), ft.tree.leaves(eager), strict=True):
        same(np.asarray(a), np.asarray(b), ulps=20)  # roundings of several rounds on native code
    np.testing.assert_allclose(
        ft.jit(ft.hessian(lambda x: np.sum(f(x))))(x), ft.hessian(lambda x: np.sum(f(x)))(x)
    )


def test_lanes_that_end_at_different_times() -> None:
    v = np.array([0.3, 0.7, 2.0, 20.0])
    eager, staged = ft.vmap(value_and_grad(growing)), ft.jit(ft.vmap(value_and_grad(growing)))
    same(staged(v), eager(v), ulps=20)
    assert "late_record" in staged.lower(v).source


def test_a_pullback_that_is_used_twice() -> None:
    def f(x: Any) -> Any:
        y, pull = ft.vjp(growing, x)
        return y, pull(1.0)[0] + pull(y)[0]

    np.testing.assert_array_equal(ft.jit(f)(0.5), f(0.5))
    jacobian = ft.jacrev(lambda x: np.outer(counting(x), [1.0, 2.0]))
    np.testing.assert_array_equal(ft.jit(jacobian)(X), jacobian(X))


def test_graphs_stay_open_for_transforms() -> None:
    graph = ft.make_graph(value_and_grad(counting))(X)
    names = [e.primitive.name for e in graph.equations]
    assert "late_vjp" in names
    assert "while_replay" in program(graph).source
    for a, b in zip(graph(X), value_and_grad(counting)(X), strict=True):
        assert np.asarray(a).tobytes() == np.asarray(b).tobytes()
    second = ft.jacfwd(lambda x: graph(x)[1])(X)
    np.testing.assert_allclose(second, ft.hessian(lambda x: np.sum(np.exp(counting(x))))(X))


def test_gradients_of_loops_are_exported() -> None:
    for f in (counting, reset):
        graph = ft.make_graph(value_and_grad(f))(X)
        names: dict[str, Any] = {}
        exec(graph.export(), names)
        for a, b in zip(names["function"](X), graph(X), strict=True):
            assert np.asarray(a).tobytes() == np.asarray(b).tobytes()
