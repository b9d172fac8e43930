"""Writes into the memory of large arrays in reverse mode: when they happen, and their results."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, seed, settings

import functrans as ft
from functrans import primitives as p
from functrans.core import overwriting
from functrans.core.primitive import primitive_of
from functrans.testing import check_grads
from tests.in_place_programs import X, Y, compiled, programs
from tests.test_in_place import check_program, same


@pytest.fixture(params=[1, 10**9], ids=["parts are copied", "parts are views"])
def written_in_place(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Arrays of all sizes are written to in their own memory, as large ones are."""
    monkeypatch.setattr(overwriting, "LARGE", 0)
    monkeypatch.setattr(overwriting, "PART", request.param)


def check_nestings(source: str) -> None:
    """The derivatives of a program in nestings of modes that :func:`check_program` leaves out."""
    f = compiled(source)
    x, y = X.copy(), Y.copy()
    tx, ty = np.sin(np.arange(6.0)).reshape(2, 3), np.array([0.3, -1.2, 0.5])
    both = ft.grad(f, argnums=(0, 1))
    out, tangent = ft.jvp(f, (x, y), (tx, ty))
    second = ft.jvp(both, (x, y), (tx, ty))[1]
    dot = lambda g: np.sum(g[0] * tx) + np.sum(g[1] * ty)  # noqa: E731
    same(ft.grad(lambda a, b: dot(both(a, b)), argnums=(0, 1))(x, y), second, 1e-9)
    nested = ft.jvp(lambda a, b: ft.jvp(f, (a, b), (tx, ty))[1], (x, y), (tx, ty))[1]
    same((nested,), (dot(second),), 1e-9)
    value, linear = ft.linearize(f, x, y)
    same((value, linear(tx, ty), linear(2 * tx, 2 * ty)), (out, tangent, 2 * tangent), 1e-11)
    xs, ys = np.stack([X, X + 0.01, X * 1.1]), np.stack([Y, Y * 0.9, Y + 0.02])
    outs, tangents = ft.vmap(lambda a, b: ft.jvp(f, (a, b), (tx, ty)))(xs, ys)
    wide = [np.broadcast_to(t, (3, *t.shape)) for t in (tx, ty)]
    same(ft.jvp(ft.vmap(f), (xs, ys), tuple(wide)), (outs, tangents), 1e-11)
    for i in range(3):
        same((outs[i], tangents[i]), ft.jvp(f, (xs[i], ys[i]), (tx, ty)), 1e-11)
    rows = ft.vmap(lambda a: ft.jvp(lambda b: both(a, b), (Y,), (ty,))[1])(xs)
    for i in range(3):
        same([r[i] for r in rows], ft.jvp(lambda b, i=i: both(xs[i], b), (Y,), (ty,))[1], 1e-9)
    blocks = ft.hessian(f, argnums=(0, 1))(x, y)
    for i in range(2):
        row = blocks[i][0].reshape(-1, 6) @ tx.ravel() + blocks[i][1].reshape(-1, 3) @ ty
        same((row,), (second[i].ravel(),), 1e-9)
    np.testing.assert_array_equal(x, X)
    np.testing.assert_array_equal(y, Y)


@given(programs())
@settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_programs_that_write_in_place(written_in_place: None, source: str) -> None:
    check_program(source)
    check_nestings(source)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(8))
def test_many_programs_that_write_in_place(written_in_place: None, part: int) -> None:
    """The parts draw other programs each, and end at about the same time."""

    def check(source: str) -> None:
        check_program(source)
        check_nestings(source)

    seed(part)(settings(max_examples=125)(given(programs(length=14))(check)))()


def steps(n: int) -> Callable[[Any], Any]:
    def run(p: Any) -> Any:
        u = np.zeros_like(p, shape=(n, 400))
        u[0] = p
        for t in range(n - 1):
            u[t + 1] = u[t] + 0.1 * np.sin(u[t])
        return np.sum(u[-1] ** 2) + np.sum(u[::2])

    return run


P = np.linspace(0.1, 1, 400)
NESTINGS: dict[str, Callable[[Any], Any]] = {
    "grad": lambda f: ft.grad(f)(P),
    "jvp": lambda f: ft.jvp(f, (P,), (P,)),
    "vmap": lambda f: ft.vmap(f)(np.stack([P, P + 1])),
    "checkpoint": lambda f: ft.grad(ft.checkpoint(f))(P),
    "jvp(grad)": lambda f: ft.jvp(ft.grad(f), (P,), (P,)),
    "vmap(grad)": lambda f: ft.vmap(ft.grad(f))(np.stack([P, P + 1])),
    "grad(vmap)": lambda f: ft.grad(lambda q: np.sum(ft.vmap(f)(q)))(np.stack([P, P + 1])),
    "grad(grad)": lambda f: ft.grad(lambda q: np.sum(ft.grad(f)(q) * q))(P),
    "grad(jvp)": lambda f: ft.grad(lambda q: ft.jvp(f, (q,), (P,))[1])(P),
    "jvp(jvp)": lambda f: ft.jvp(lambda q: ft.jvp(f, (q,), (P,))[1], (P,), (P,)),
    "linearize": lambda f: ft.linearize(f, P)[1](P),
    "hessian": lambda f: ft.hessian(lambda s: f(P * s[0] + s[1]))(np.array([1.0, 0.5])),
    "vmap(jvp(grad))": lambda f: ft.vmap(lambda q: ft.jvp(ft.grad(f), (q,), (P,))[1])(
        np.stack([P, P + 1])
    ),
}


def flat(n: int) -> Callable[[Any], Any]:
    """Written and read through a view of all elements, while another one lives."""

    def run(p: Any) -> Any:
        u = np.zeros_like(p, shape=(n, 400))
        every, upper = u.reshape(-1), u[: n // 2]
        every[:400] = p
        for t in range(n - 1):
            every[400 * (t + 1) : 400 * (t + 2)] = np.cos(every[400 * t : 400 * (t + 1)])
        return np.sum(u) + np.sum(upper**2)

    return run


def columns(n: int) -> Callable[[Any], Any]:
    """Written and read through a transposed view, and through a view of that."""

    def run(p: Any) -> Any:
        u = np.zeros_like(p, shape=(400, n))
        rows = u.T
        inner = rows[:, 1:-1]
        rows[0] = p
        for t in range(n - 1):
            inner[t + 1] = np.sin(rows[t, 2:]) + inner[t]
        return np.sum(u**2)

    return run


def scattered(n: int) -> Callable[[Any], Any]:
    """Written at arrays of positions, some of them twice, by each function that does."""

    def run(p: Any) -> Any:
        u = np.zeros_like(p, shape=(n, 400))
        rows = np.array([0, 0])
        for t in range(n - 1):
            u[[t, t + 1, t + 1]] = np.sin(p) + t
            u[rows + t, [3, -4]] *= 2.0
            np.add.at(u, ([t, t + 1, t], slice(None, 7)), p[:7])
            np.subtract.at(u, (t + 1, [2, 2]), p[0])
            np.multiply.at(u, (rows + t, [5, 5]), p[1])
            np.put(u, [400 * t + 9, -400 * t - 1, 400 * t + 9], p[:3])
            np.put_along_axis(u[t], np.array([8, 1]), p[3:5], 0)
        return np.sum(u**2)

    return run


def scattered_through_views(n: int) -> Callable[[Any], Any]:
    """The same through large views of one array."""

    def run(p: Any) -> Any:
        u = np.zeros_like(p, shape=(400, n))
        rows, every = u.T, u.reshape(-1)
        for t in range(n - 1):
            rows[[t, t + 1, t + 1]] = np.sin(p) + t
            np.add.at(rows, ([t, t + 1, t], slice(None, 7)), p[:7])
            np.multiply.at(u, ([5, 5], [t, t]), p[1])
            np.put(rows, [400 * t + 9, 400 * t + 9], p[:2])
            np.put(every, [t, -t - 1], p[:2])
            every[np.array([t, t])] = p[2:4]
        return np.sum(u**2) + np.sum(rows[0] * every[0])

    return run


LOOPS = [steps, flat, columns, scattered, scattered_through_views]


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("nesting", NESTINGS)
def test_work_grows_with_what_is_written(
    nesting: str, loop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Copies of large arrays are as many for a long loop as for a short one."""
    copies = []

    def counted(holder: Any, name: str) -> None:
        call = getattr(holder, name)

        def copying(x: Any, *args: Any, **params: Any) -> Any:
            if np.size(x) >= 15 * 400:  # not of what is written
                copies.append(np.shape(x))
            return call(x, *args, **params)

        monkeypatch.setattr(holder, name, copying)

    counted(overwriting, "own_copy")
    for operation in (p.index_update, p.index_add):
        counted(primitive_of(operation), "impl")
    counts = []
    for n in (15, 30):
        copies.clear()
        NESTINGS[nesting](loop(n))
        counts.append(len(copies))
    assert counts[0] == counts[1] <= 12


@pytest.mark.parametrize("loop", LOOPS)
def test_loops_have_the_derivatives_of_plain_ones(
    loop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [NESTINGS[nesting](loop(12)) for nesting in NESTINGS]
    monkeypatch.setattr(overwriting, "LARGE", 10**12)
    for nesting, value in zip(NESTINGS, found, strict=True):
        expected = NESTINGS[nesting](loop(12))
        for a, b in zip(ft.tree.leaves(value), ft.tree.leaves(expected), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-13, err_msg=nesting)


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
