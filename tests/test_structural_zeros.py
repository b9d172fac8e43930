"""Lanes that were not selected stay zero, whatever partial they meet, in both modes and to second
order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functrans as ft

X = np.array([-1.0, 0.0, 4.0])

CASES: dict[str, tuple[Callable[[Any], Any], list[float], list[float]]] = {
    "where, unselected log": (
        lambda x: np.where(x > 0, np.log(x), 0),
        [0, 0, 1 / 4],
        [0, 0, -1 / 16],
    ),
    "where, unselected sqrt": (
        lambda x: np.where(x > 0, np.sqrt(x), x),
        [1, 1, 1 / 4],
        [0, 0, -1 / 32],
    ),
    "where below a sum": (
        lambda x: np.where(x > 0, np.sqrt(x * x * x), 0) * 1.0,
        [0, 0, 3.0],
        [0, 0, 0.375],
    ),
    "sqrt of maximum": (
        lambda x: np.sqrt(np.maximum(x, 1e-300) * (x > 0)),
        [0, 0, 1 / 4],
        [0, 0, -1 / 32],
    ),
    "selected from a chain": (
        lambda x: np.where(x > 0, np.exp(np.log(np.where(x > 0, x, 0))), 0),
        [0, 0, 1],
        [0, 0, 0],
    ),
    "clip below log": (lambda x: np.log(np.clip(x, 1.0, None)), [0, 0, 1 / 4], [0, 0, -1 / 16]),
}


@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value")
@pytest.mark.parametrize("name", CASES)
def test_first_and_second_derivative(name: str) -> None:
    f, first, second = CASES[name]
    gradient = ft.grad(lambda x: np.sum(f(x)))
    np.testing.assert_allclose(gradient(X), first, rtol=1e-14)
    ones = np.ones(3)
    np.testing.assert_allclose(ft.jvp(f, (X,), (ones,))[1], first, rtol=1e-14)
    np.testing.assert_allclose(ft.grad(lambda x: np.sum(gradient(x)))(X), second, rtol=1e-14)
    np.testing.assert_allclose(ft.jvp(gradient, (X,), (ones,))[1], second, rtol=1e-14)
    both = ft.jvp(lambda x: ft.jvp(f, (x,), (ones,))[1], (X,), (ones,))[1]
    np.testing.assert_allclose(both, second, rtol=1e-14)
    np.testing.assert_allclose(ft.vmap(ft.grad(f))(X), first, rtol=1e-14)
    np.testing.assert_allclose(ft.linearize(f, X)[1](ones), first, rtol=1e-14)


@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value")
def test_masked_indexing() -> None:
    def f(x: Any) -> Any:
        y = np.sqrt(x)
        return np.sum(y[x > 0])

    np.testing.assert_array_equal(ft.grad(f)(np.array([0.0, 4.0])), [0.0, 0.25])


@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value")
def test_a_selected_infinity_stays() -> None:
    assert ft.grad(np.sqrt)(0.0) == np.inf
    assert np.isnan(ft.grad(lambda x: np.sqrt(x) * 0.0)(0.0))  # a zero factor is no selection
    assert np.isnan(ft.grad(lambda x: np.sqrt(x) ** 2)(0.0))
