"""Checkpointing: the same derivatives, under every transform, with closures, and less memory."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functrans as ft
from functrans.graph.graph import graphs_in

X = np.array([1.0, 2.0, 3.0])
W = np.array([0.3, 0.2, 0.1])
BATCH = np.stack([X, X + 1])


def body(v: Any) -> Any:
    return np.sin(v) * v


def program(wrap: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Checkpointed parts, nested, closing over traced values."""

    def f(x: Any) -> Any:
        y = np.exp(x)
        z = wrap(lambda v: np.sin(v) * y)(x * 2.0)
        z = wrap(lambda v: wrap(body)(v) * x)(z)
        return np.sum(z)

    return f


USES: dict[str, Callable[[Any], Any]] = {
    "value": lambda f: f(X),
    "grad": lambda f: ft.grad(f)(X),
    "jvp": lambda f: ft.jvp(f, (X,), (W,))[1],
    "hessian": lambda f: ft.hessian(f)(X),
    "reverse over reverse": lambda f: ft.grad(lambda x: np.sum(ft.grad(f)(x) * W))(X),
    "grad of vmap": lambda f: ft.grad(lambda b: np.sum(ft.vmap(f)(b)))(BATCH),
    "vmap of grad": lambda f: ft.vmap(ft.grad(f))(BATCH),
    "jacrev": lambda f: ft.jacrev(lambda x: ft.grad(f)(x))(X),
    "graph": lambda f: ft.make_graph(ft.grad(f))(X)(X),
    "linearize": lambda f: ft.linearize(f, X)[1](W),
    "pullback twice": lambda f: [ft.vjp(f, X)[1](1.0)[0] for _ in range(2)],
}


@pytest.mark.parametrize("use", USES)
def test_equals_the_plain_function(use: str) -> None:
    plain, checkpointed = program(lambda f: f), program(ft.checkpoint)
    np.testing.assert_allclose(USES[use](checkpointed), USES[use](plain), rtol=1e-13)


def test_closure_over_a_traced_value_inside_vmap() -> None:
    def f(x: Any) -> Any:
        return np.sum(ft.vmap(ft.checkpoint(lambda a: np.sin(a) * x))(BATCH))

    np.testing.assert_allclose(ft.grad(f)(X), np.sin(BATCH).sum(0), rtol=1e-15)


def test_trees_and_other_leaves() -> None:
    f = ft.checkpoint(lambda p, *, name: {"y": p["a"] * 2.0, "name": name, "n": 3})
    out, pullback = ft.vjp(lambda p: f(p, name="f")["y"], {"a": X})
    np.testing.assert_array_equal(pullback(np.ones(3))[0]["a"], np.full(3, 2.0))


def test_an_exception_leaves_the_tape_whole() -> None:
    def f(x: Any) -> Any:
        try:
            ft.checkpoint(lambda v: v * np.ones(2))(x)
        except ValueError:
            return np.sum(x * x)

    np.testing.assert_array_equal(ft.grad(f)(X), 2 * X)


def test_memory() -> None:
    x = np.ones(20_000)

    def block(v: Any) -> Any:
        for _ in range(20):
            v = np.sin(v)
        return v

    def peak(wrap: Callable[[Any], Any]) -> int:
        def f(x: Any) -> Any:
            for _ in range(10):
                x = wrap(block)(x)
            return np.sum(x)

        ft.grad(f)(x[:1])
        tracemalloc.start()
        ft.grad(f)(x)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    # 200 values without, one block of 20 and the 10 inputs with.
    assert peak(ft.checkpoint) < 0.25 * peak(lambda f: f)


def dense(x: Any) -> Any:
    return np.sum(np.sin(np.tanh(x @ x)))


@pytest.mark.parametrize(
    ("policy", "kept"),
    [
        (ft.checkpoint_policies.nothing_saveable, 0),
        (ft.checkpoint_policies.dots_saveable, 1),
        (ft.checkpoint_policies.everything_saveable, 4),
    ],
)
def test_a_policy_says_what_is_kept(policy: Any, kept: int) -> None:
    """Besides the argument: nothing; the product; all that the backward pass needs."""
    x = np.random.default_rng(0).normal(size=(3, 3))
    function = ft.checkpoint(dense, policy=policy)
    np.testing.assert_allclose(ft.grad(function)(x), ft.grad(dense)(x), rtol=1e-14)
    np.testing.assert_allclose(ft.hessian(function)(x), ft.hessian(dense)(x), rtol=1e-12)
    graph = ft.make_graph(ft.grad(function))(x)
    forward = next(graphs_in(e.params) for e in graph.equations if e.primitive.name == "call")
    (halves,) = forward
    assert len(halves.outputs) == 1 + kept


def test_a_checkpointed_function_is_one_operation_of_a_graph() -> None:
    """So that what runs again is not shared with what has run before."""
    x = np.eye(3)
    graph = ft.make_graph(ft.checkpoint(dense))(x)
    assert [e.primitive.name for e in graph.equations] == ["call"]
    np.testing.assert_array_equal(graph(x), dense(x))
    np.testing.assert_allclose(ft.grad(graph)(x), ft.grad(dense)(x), rtol=1e-14)
