"""Loops that would go on for ever are interrupted as those of Python are, and let others run."""

import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

pytest.importorskip("llvmlite")

import functrans as ft
from functrans.compile.llvm.calling import scratch

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="os.kill ends the process there")

LATE = 2.0
"""Seconds after which Ctrl-C should have had an effect, on a loaded machine; a second loop of the
tests would take minutes."""

AGAIN = 0.8
"""Seconds after which it is pressed again."""


@pytest.fixture(autouse=True)
def _signals_of_a_terminal() -> Iterator[None]:
    """A process that was started in the background may have been told to ignore Ctrl-C.

    Functions that watch the collector of garbage are gone: the one that Hypothesis has where it has
    run loses what a handler raises within it, and Pytest reports that as an error.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    watching = gc.callbacks[:]
    gc.callbacks.clear()
    yield
    gc.callbacks[:] = watching
    signal.signal(signal.SIGINT, before)


def interrupted(call: Callable[[], Any], after: float = 0.1) -> None:
    """The call raises KeyboardInterrupt soon after the process has got the signal of Ctrl-C.

    It is sent again each second, as users press it again: Python drops it where it arrives while an
    object that a weak reference watches is collected, and loops that keep what their pullbacks need
    would take all memory.
    """
    sent: list[float] = []
    begun, ended = threading.Event(), threading.Event()

    def send() -> None:
        begun.wait()
        pause = after
        while not ended.wait(pause):
            sent.append(time.monotonic())
            os.kill(os.getpid(), signal.SIGINT)
            pause = AGAIN

    sending = threading.Thread(target=send)
    sending.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            begun.set()
            try:
                call()
            finally:
                ended.set()
    finally:
        sending.join()
    assert time.monotonic() - sent[0] < LATE


def halved(x: Any, n: Any) -> Any:
    """Fixed after some rounds, but repeated."""

    def once(state: Any) -> Any:
        i, c = state
        return i + 1, c * 0.5 + 1.0

    return ft.while_loop(lambda state: state[0] < n, once, (0, x))[1]


def in_a_loop(x: Any, n: Any) -> Any:
    """Short loops in a loop."""

    def once(state: Any) -> Any:
        i, c = state
        return i + 1, halved(c, 3)

    return ft.while_loop(lambda state: state[0] < n, once, (0, x))[1]


def branching(x: Any, n: Any) -> Any:
    """A loop in a branch."""
    return ft.cond(n > 0, lambda x, n: halved(x, n), lambda x, n: x * 2.0, x, n)


def systems(x: Any, n: Any) -> Any:
    """Work that lets others run."""

    def once(state: Any) -> Any:
        i, c = state
        return i + 1, np.linalg.solve(np.ones((150, 150)) + 200 * np.eye(150), c)

    return ft.while_loop(lambda state: state[0] < n, once, (0, np.ones((150, 150)) * x))[1]


@pytest.mark.parametrize("x", [np.float64(3.0), np.arange(50.0), np.ones((20, 30), np.float32)])
@pytest.mark.parametrize("f", [halved, in_a_loop, branching])
def test_while_loops(f: Callable[..., Any], x: Any) -> None:
    """The call raises, and the next one does what it did before."""
    jitted = ft.jit(f, backend="llvm")
    wanted = jitted(x, 5)
    assert jitted.lower(x, 5).native
    interrupted(lambda: jitted(x, 10**15))
    assert np.array_equal(jitted(x, 5), wanted)


def test_without_the_gil() -> None:
    jitted = ft.jit(systems, backend="llvm")
    wanted = jitted(2.0, 3)
    interrupted(lambda: jitted(2.0, 10**9))
    assert np.array_equal(jitted(2.0, 3), wanted)


def test_scans() -> None:
    """Those that take long, by their length and what is done in a round."""

    def f(x: Any) -> Any:
        return ft.scan(lambda c, _: (np.sin(c) * 0.5 + 1.0, None), x, length=4_000_000_000)[0]

    interrupted(lambda: ft.jit(f, backend="llvm")(np.ones(3)), after=1.0)


def test_gradients() -> None:
    """The loop that keeps what its pullback needs, the pullback, and NumPy where it is too long."""

    def f(x: Any, n: Any) -> Any:
        return np.sum(halved(np.sin(x), n))

    slope = ft.jit(ft.grad(f), backend="llvm")
    x = np.arange(4.0)
    wanted = slope(x, 4)
    interrupted(lambda: slope(x, 10**12))
    assert np.array_equal(slope(x, 4), wanted)


def test_outside_of_jit() -> None:
    interrupted(lambda: halved(np.arange(5.0), 10**12))


def test_arguments_in_containers_and_donated_ones() -> None:
    """What is taken out of a container meanwhile stays, and nothing is lost or freed twice."""
    jitted = ft.jit(lambda p, n: halved(p["x"], n), backend="llvm", donate_argnums=(0,))
    p = {"x": np.arange(1000.0)}
    jitted({"x": p["x"].copy()}, 2)
    taken = threading.Timer(0.05, p.clear)
    taken.start()
    interrupted(lambda: jitted(p, 10**12), after=0.2)
    taken.join()
    assert not p
    assert np.array_equal(jitted({"x": np.ones(1000)}, 2), np.full(1000, 1.75))


def test_memory_is_given_back() -> None:
    jitted = ft.jit(lambda x, n: halved(x, n) + np.sin(x), backend="llvm")
    x = np.ones(5000)
    jitted(x, 3)
    for _ in range(3):
        interrupted(lambda: jitted(x, 10**12), after=0.05)
    gc.collect()
    assert sys.getrefcount(x) == 2
    assert not scratch._arena.taken


def test_other_threads_go_on() -> None:
    """A loop in the main thread, and one in another, let a third of Python count."""
    jitted = ft.jit(halved, backend="llvm")
    counts = [0]
    stop = threading.Event()

    def count() -> None:
        while not stop.is_set():
            counts[0] += 1

    counting = threading.Thread(target=count)
    other = threading.Thread(target=lambda: jitted(3.0, 200_000_000))
    counting.start()
    other.start()
    interrupted(lambda: jitted(3.0, 10**15), after=0.3)
    stop.set()
    counting.join()
    other.join()
    assert counts[0] > 1000


def test_handlers_that_return() -> None:
    """A signal whose handler raises nothing is handled while the loop runs, which goes on; the
    second one ends it."""
    seen: list[int] = []

    def handle(*_: Any) -> None:
        seen.append(len(seen))
        if len(seen) == 2:
            raise TimeoutError

    def send() -> None:
        for sent in range(2):
            time.sleep(0.05)
            os.kill(os.getpid(), signal.SIGUSR1)
            while len(seen) == sent:
                time.sleep(0.01)

    before = signal.signal(signal.SIGUSR1, handle)
    sending = threading.Thread(target=send)
    try:
        jitted = ft.jit(halved, backend="llvm")
        jitted(3.0, 3)
        sending.start()
        with pytest.raises(TimeoutError):
            jitted(3.0, 10**15)
        sending.join()
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert seen == [0, 1]


def test_other_ways_to_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where native code cannot read Python's objects, too."""
    monkeypatch.setattr("functrans.compile.llvm.calling.entry.layouts", lambda: None)
    jitted = ft.jit(halved, backend="llvm")
    assert jitted(3.0, 0) == 3.0
    interrupted(lambda: jitted(3.0, 10**15))
    assert jitted(3.0, 0) == 3.0
