"""Gradients of while loops are loops of native code, which keep their rounds on a tape."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytest.importorskip("llvmlite")

import functrans as ft
from functrans.compile.llvm.kernels import recording
from functrans.compile.llvm.segment import supported
from tests.llvm.native import carried_out, staged, status


def compare(f: Callable[..., Any], *args: Any, rtol: float = 1e-12) -> None:
    """Native results are those of the function, and all of it is native."""
    graph, values = staged(f, *args)
    assert all([supported(e, False) for e in graph.equations]), graph
    with np.errstate(all="ignore"):
        wanted = graph.evaluate(values)
    for found, x in zip(carried_out(graph, *values), wanted, strict=True):
        assert found.dtype == x.dtype and found.shape == np.shape(x)
        np.testing.assert_allclose(found, x, rtol=rtol, atol=1e-300)


def iterated(x: Any, y: Any, rounds: Any = 7) -> Any:
    """A loop with constants, a counter, and two arrays that depend on one another."""

    def step(carry: Any) -> Any:
        i, u, v = carry
        return i + 1, np.sin(u) * x + v[..., :1] * 0.5, v * np.cos(u) + y

    _, u, v = ft.while_loop(lambda c: c[0] < rounds, step, (0, x * 1.0, y * x))
    return np.sum(u * v)


@pytest.mark.parametrize("shape", [(1,), (5,), (3, 4)])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("rounds", [0, 1, 2, 7])
def test_gradients(shape: tuple[int, ...], dtype: str, rounds: int) -> None:
    """By constants and by what the loop begins with, for any number of rounds."""
    x, y = np.random.default_rng(0).uniform(0.1, 1, (2, *shape)).astype(dtype)
    rtol = 1e-12 if dtype == "float64" else 1e-4
    compare(ft.grad(iterated, argnums=(0, 1)), x, y, rounds, rtol=rtol)
    compare(ft.value_and_grad(lambda x: iterated(x, y, rounds)), x, rtol=rtol)


def test_numbers_and_complex_numbers() -> None:
    """A root by Newton's method, which is as long as it takes; carries in registers."""

    def root(a: Any) -> Any:
        return ft.while_loop(lambda x: abs(x * x - a) > 1e-12, lambda x: (x + a / x) / 2, a * 0.5)

    compare(ft.grad(root), 2.0)
    compare(ft.grad(lambda a: root(a) ** 2 * a), np.float64(3.0))

    def power(z: Any) -> Any:
        found = ft.while_loop(lambda c: abs(c[0]) < 4.0, lambda c: (c[0] * c[0] + z, c[1]), (z, z))
        return np.sum(np.abs(found[0]) ** 2)

    compare(ft.grad(power), np.complex128(0.9 + 0.3j))


def test_zeros_keep_their_sign() -> None:
    """No gradient of a constant is positive zero, and so is one that no round adds to."""
    f = ft.grad(lambda x, y: iterated(x, y, 0), argnums=(0, 1))
    graph, values = staged(f, np.zeros(2), np.zeros(2))
    assert not np.signbit(carried_out(graph, *values)).any()


def test_loops_within_loops() -> None:
    """A loop that keeps within a scan, and one within another."""
    x = np.linspace(0.1, 0.9, 4)

    def rows(x: Any) -> Any:
        def step(total: Any, r: Any) -> Any:
            grown = ft.while_loop(lambda c: c < 4.0, lambda c: c * (1.5 + r), 1.0 + total * 0.01)
            return total + grown, grown

        return np.sum(ft.scan(step, 0.0, x)[1])

    wanted = ft.jit(ft.grad(rows), backend="numpy")(x)
    np.testing.assert_allclose(ft.jit(ft.grad(rows), backend="llvm")(x), wanted, rtol=1e-12)


def test_more_rounds_than_the_tape_has_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The call says so, touches nothing beyond, and NumPy carries the program out."""
    monkeypatch.setattr(recording, "TAPE", 1 << 15)
    x = np.linspace(0.1, 0.9, 3)
    f = ft.grad(lambda x, n: iterated(x, x, n))
    graph, values = staged(f, x, 20)
    assert status(graph, *values) == 0
    values[-1] = np.asarray(3000)
    assert status(graph, *values) == 1
    program = ft.jit(f, backend="llvm")
    for n in (20, 3000):
        np.testing.assert_allclose(program(x, n), f(x, n), rtol=1e-9)


def test_too_much_in_a_round() -> None:
    """Rounds that would fill the tape at once are left to NumPy."""
    graph, _ = staged(ft.grad(lambda x: iterated(x, x)), np.ones(200_000))
    assert not all([supported(e, False) for e in graph.equations])
