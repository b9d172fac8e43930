"""Results in the memory of arguments that were given up, and where they must not be."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functrans as ft
from tests.executors import same

pytest.importorskip("llvmlite")

A = np.random.default_rng(0).normal(size=(6, 6)) + 2.0

TAKEN: dict[str, Callable[..., Any]] = {
    "elementwise": lambda x, y: x * 2.0 + y,
    "read twice": lambda x, y: x * y + x / 3.0,
    "momentum": lambda x, y: x - 0.1 * y + np.sum(y),
}
KEPT: dict[str, Callable[..., Any]] = {
    "turned": lambda x, y: x + x.T,
    "reversed": lambda x, y: x[::-1] * 2.0 + y,
    "read by a sum behind": lambda x, y: (x * 2.0 + y, np.sum(x * y)),
    "rows before columns": lambda x, y: x - np.sum(x, axis=0) + y,
    "a product": lambda x, y: x @ y,
    "shifted": lambda x, y: np.concatenate([x[1:], x[:1]]) + y,
    "read by the second": lambda x, y: (x + 1.0, x[:, ::-1] * y),
    "an argument itself": lambda x, y: (x, y * 2.0),
    "smaller": lambda x, y: np.sum(x, axis=0) + y[0],
    "broadcast": lambda x, y: x[0] + y,
    "a softmax": lambda x, y: np.exp(x) / np.sum(np.exp(x), axis=1, keepdims=True) * y,
    "columns": lambda x, y: x / np.sum(np.abs(x), axis=0) + x,
}


@pytest.mark.parametrize("name", [*TAKEN, *KEPT])
@pytest.mark.parametrize("size", [6, 300])
def test_results_are_the_same(name: str, size: int) -> None:
    """Whatever memory they take."""
    function = {**TAKEN, **KEPT}[name]
    step = ft.jit(function, donate_argnums=0, backend="llvm")
    x, y = np.random.default_rng(1).normal(size=(2, size, size)) + 2.0
    wanted = ft.jit(function, backend="llvm")(x, y)
    for _ in range(3):
        given = x.copy()
        found = step(given, y)
        same(found, wanted, exact=True)
        if name in TAKEN:
            assert ft.tree.leaves(found)[0] is given


def test_several_arguments() -> None:
    """Each result takes one, and arguments that share memory are nobody's to give."""

    def adam(params: Any, state: Any, gradient: Any) -> Any:
        first = 0.9 * state["first"] + 0.1 * gradient
        second = 0.99 * state["second"] + 0.01 * gradient**2
        return params - 0.1 * first / (np.sqrt(second) + 1e-8), {"first": first, "second": second}

    step = ft.jit(adam, donate_argnums=(0, 1), backend="llvm")
    plain = ft.jit(adam, backend="llvm")
    for _ in range(3):
        params, state = A.copy(), {"first": A * 0.1, "second": A**2}
        wanted = plain(params, state, A)
        held = {id(params), *map(id, state.values())}
        found = step(params, state, A)
        same(found, wanted, exact=True)
        assert {id(x) for x in ft.tree.leaves(found)} == held
    shared = A.copy()
    wanted = plain(shared, {"first": shared, "second": A**2}, A)
    same(step(shared, {"first": shared, "second": A**2}, A), wanted, exact=True)
    frozen = A.copy()
    frozen.flags.writeable = False
    wanted = plain(frozen, {"first": A * 0.1, "second": A**2}, A)
    same(step(frozen, {"first": A * 0.1, "second": A**2}, A), wanted, exact=True)
    np.testing.assert_array_equal(frozen, A)
