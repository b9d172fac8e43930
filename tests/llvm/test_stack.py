"""Native code takes little of the stack, and the compiler brings its own."""

import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytest.importorskip("llvmlite")

import functrans as ft
from functrans import primitives as p
from functrans.compile import background, stacks
from functrans.compile.llvm.code import engine
from tests.llvm import frames

MOST = 1 << 14
"""Bytes of the stack for a native function."""


def drawn(*shape: int, dtype: str = "float64") -> Any:
    return np.random.default_rng(0).normal(size=shape).astype(dtype)


def convolved(x: Any, w: Any) -> Any:
    return p.convolution(x, w, stride=(1, 1), padding=((1, 1), (1, 1)), dilation=(1, 1), groups=1)


def convolution_gradients(x: Any, w: Any) -> Any:
    return ft.grad(lambda x, w: np.sum(convolved(x, w) ** 2), argnums=(0, 1))(x, w)


def recurrent(x: Any, w: Any) -> Any:
    def step(h: Any, row: Any) -> tuple[Any, Any]:
        h = np.tanh(w @ h + row)
        return h, np.sum(h)

    return ft.scan(step, np.zeros(x.shape[1]), x)


def descended(x: Any) -> Any:
    return ft.while_loop(lambda s: np.sum(s) > 1.0, lambda s: s * 0.5, np.abs(x))


def branched(x: Any) -> Any:
    return ft.cond(np.sum(x) > 0, lambda x: np.sort(x), lambda x: np.cumsum(x), x)


def normal(x: Any) -> Any:
    return ft.random.normal(ft.random.key(0), x.shape) + x


PROGRAMS: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "elementwise": (lambda x: np.exp(np.sin(x)) / (1 + x * x), (drawn(5000),)),
    "rows": (lambda x: np.exp(x) / np.sum(np.exp(x), axis=1, keepdims=True), (drawn(50, 60),)),
    "chunks": (lambda x: np.sum(np.tanh(x) ** 2, axis=0), (drawn(1000, 500),)),
    "positions": (lambda x, i: (x[i], np.argmax(x)), (drawn(100), np.arange(9))),
    "product": (lambda a, b: np.tanh(a @ b), (drawn(300, 600), drawn(600, 520))),
    "transposed": (lambda a, b: a @ b.T, (drawn(128, 600), drawn(520, 600))),
    "batch": (lambda a, b: a @ b, (drawn(3, 80, 600), drawn(3, 600, 90))),
    "convolution": (convolved, (drawn(4, 32, 16, 16), drawn(40, 32, 3, 3))),
    "its gradients": (convolution_gradients, (drawn(2, 8, 9, 9), drawn(12, 8, 3, 3))),
    "few positions": (convolution_gradients, (drawn(2, 3, 4, 4), drawn(70, 3, 3, 3))),
    "system": (np.linalg.solve, (drawn(150, 150), drawn(150, 70))),
    "determinant": (lambda x: np.linalg.slogdet(x @ x.T + np.eye(90)), (drawn(90, 90),)),
    "factor": (lambda x: np.linalg.cholesky(x @ x.T + np.eye(200)), (drawn(200, 200),)),
    "scan": (recurrent, (drawn(20, 30), drawn(30, 30))),
    "its gradient": (lambda x, w: ft.grad(lambda x: recurrent(x, w)[0].sum())(x),
                     (drawn(20, 30), drawn(30, 30))),
    "while": (descended, (drawn(40),)),
    "branch": (branched, (drawn(400),)),
    "median": (lambda x: np.median(x, axis=0), (drawn(9, 70),)),
    "random": (normal, (drawn(1000),)),
    "numbers": (lambda x, y: (x * y + 2.0, x / y), (1.5, 2.5)),
    "many arguments": (lambda *xs: [x + 1.0 for x in xs], (*[drawn(3)] * 300,)),
    "complex": (lambda x: np.abs(np.exp(x)) * x, (drawn(300) + 1j * drawn(300),)),
}  # fmt: skip


@pytest.mark.parametrize("name", PROGRAMS)
def test_functions_take_little(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No function of a program takes more than so much, without optimisations and with them; those
    of the pool's own threads apart."""
    monkeypatch.setenv("FUNCTRANS_CACHE", "0")
    f, args = PROGRAMS[name]
    with frames.collected() as texts:
        ft.jit(f, backend="llvm").lower(*args)
        background.finish()
    assert texts
    for text, quick in texts:
        found = frames.frames_of(text, quick=quick)
        assert found.pop("worker", 0) <= stacks.STACK
        assert max(found.values()) <= MOST, found


SMALL = """
import threading
import numpy as np
import functrans as ft
from tests.llvm.test_stack import PROGRAMS

done = []

def run():
    for name, (f, args) in PROGRAMS.items():
        ft.jit(f, backend="llvm")(*args)
    x = np.linspace(0.0, 1.0, 100_000)
    ft.grad(lambda x: np.sum(np.sin(x) * x))(x)
    done.append(True)

threading.stack_size(65536)
thread = threading.Thread(target=run)
thread.start()
thread.join()
assert done
"""


def test_smallest_stack() -> None:
    """All of these compile and run in a thread with the smallest stack that NumPy does with."""
    subprocess.run([sys.executable, "-c", SMALL], check=True, timeout=300)


def test_compiler_has_a_stack_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """LLVM runs in the main thread, or in one with a large stack."""
    seen: list[bool] = []
    inner = engine._made
    monkeypatch.setattr(
        engine, "_made", lambda *args: (seen.append(stacks.is_large()), inner(*args))[1]
    )
    x = drawn(7)

    def run() -> None:
        assert not stacks.is_large()
        assert ft.jit(lambda x: x * 3.25 - x, backend="llvm")(x).shape == (7,)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert seen and all(seen)


def test_work_of_a_thread_raises_where_it_was_asked_for() -> None:
    def fail() -> None:
        raise ValueError("no")

    caught: list[BaseException] = []

    def run() -> None:
        try:
            stacks.on_large_stack(fail)
        except ValueError as error:
            caught.append(error)
        assert stacks.on_large_stack(lambda x, y: x + y, 1, y=2) == 3

    before = threading.stack_size()
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert len(caught) == 1 and threading.stack_size() == before
