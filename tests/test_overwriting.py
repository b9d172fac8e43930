"""Writes into the memory of large arrays in reverse mode: when they happen, and their results."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

import functrans as ft
from functrans.testing import check_grads
from functrans.transforms import overwriting
from tests.in_place_programs import programs
from tests.test_in_place import check_program


@pytest.fixture
def written_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """Arrays of all sizes are written to in their own memory, as large ones are."""
    monkeypatch.setattr(overwriting, "LARGE", 0)
    monkeypatch.setattr(overwriting, "PART", 1)


@given(programs())
@settings(
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_programs_that_write_in_place(written_in_place: None, source: str) -> None:
    check_program(source)


@pytest.mark.slow
@given(programs(length=14))
@settings(
    max_examples=2000,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_many_programs_that_write_in_place(written_in_place: None, source: str) -> None:
    check_program(source)


def test_a_loop_copies_a_large_array_once() -> None:
    """However many rows are written, and kept by the rules of what is read."""
    memories = set()

    def run(p: Any) -> Any:
        u = np.zeros_like(p, shape=(30, 1000))
        u[0] = p
        for t in range(29):
            u[t + 1] = u[t] + 0.1 * np.sin(u[t])
            memories.add(id(u.value))
        return np.sum(u[-1] ** 2)

    p = np.linspace(0, 1, 1000)
    step, seed = 1e-6, np.random.default_rng(0).normal(size=1000)
    g = ft.grad(run)(p)
    assert len(memories) <= 2

    def plain(p: Any) -> Any:
        for _ in range(29):
            p = p + 0.1 * np.sin(p)
        return np.sum(p**2)

    slope = (plain(p + step * seed) - plain(p - step * seed)) / (2 * step)
    np.testing.assert_allclose(g @ seed, slope, rtol=1e-7)
    np.testing.assert_allclose(g, ft.grad(plain)(p), rtol=1e-12)


def test_memory_that_somebody_else_holds_is_not_written_to() -> None:
    size = 5000
    x = np.linspace(1, 2, size)

    def saved(x: Any) -> Any:  # by a rule
        y = x.copy()
        z = y * y
        y[0] = 7.0
        return np.sum(z) + np.sum(y)

    def viewed(x: Any) -> Any:
        y = x.copy()
        z = np.sin(y.reshape(2, -1))
        y[1:] = 3.0
        return np.sum(z) + y[0]

    def assigned(x: Any) -> Any:
        y = x.copy()
        y[0] = 2.0
        z = y
        w = y.copy()
        z[1] = y[2]
        w[3] = z[1] ** 2
        return np.sum(w) + np.sum(y**2)

    for f in (saved, viewed, assigned):
        check_grads(lambda s, f=f: f(x * s), (1.3,), modes=("rev",), order=1)
    np.testing.assert_array_equal(x, np.linspace(1, 2, size))
    outer: Any = []

    def kept(x: Any) -> Any:
        y = x.copy()
        y[0] = 0.0
        outer.append(ft.stop_gradient(y))
        y[1] = 0.0
        return np.sum(y)

    ft.grad(kept)(x)
    assert outer[0][1] == x[1]


def test_overwritten_elements_are_structurally_zero() -> None:
    def f(x: Any) -> Any:
        y = np.zeros_like(x, shape=(5000,))
        with np.errstate(divide="ignore"):
            y[0] = np.log(x - 1.0)  # minus infinity at 1, with an infinite derivative
        y[1] = x**2
        y[0] = x
        return np.sum(y)

    assert ft.grad(f)(1.0) == 3.0
    out, pullback = ft.vjp(f, 1.0)
    assert pullback(np.float64(1.0))[0] == pullback(np.float64(1.0))[0] == 3.0
    rows = ft.vmap(lambda g: pullback(g)[0])(np.array([1.0, 2.0]))
    np.testing.assert_array_equal(rows, [3.0, 6.0])
    assert ft.grad(ft.grad(f))(1.0) == 2.0
