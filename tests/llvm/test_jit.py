"""jit on native code: which executor is taken, when, and what a call goes through."""

from __future__ import annotations

import contextlib
import gc
import os
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import functrans as ft
from functrans.compile import background, executors
from functrans.core import errors
from tests.executors import same
from tests.llvm.processes import run

X = np.linspace(0.1, 1.0, 5)


def test_executor_is_chosen_by_name_environment_and_what_there_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In this order; a mistake says what there is."""
    monkeypatch.setattr(executors, "available", lambda: True)
    monkeypatch.delenv("FUNCTRANS_BACKEND", raising=False)
    assert executors.executor().backend == "llvm"
    assert executors.executor("numpy").backend == "numpy"
    monkeypatch.setenv("FUNCTRANS_BACKEND", "numpy")
    assert executors.executor().backend == "numpy"
    assert executors.executor("llvm", exact=True) == ("llvm", True, False)
    monkeypatch.setenv("FUNCTRANS_BACKEND", "cuda")
    with pytest.raises(errors.OptionError, match="FUNCTRANS_BACKEND is 'cuda'"):
        executors.executor()
    with pytest.raises(errors.OptionError, match="backend is 'cuda'; it takes"):
        ft.jit(np.sin, backend="cuda")  # type: ignore[call-overload]
    monkeypatch.setattr(executors, "available", lambda: False)
    with pytest.raises(errors.OptionError, match=r"pip install 'functrans\[jit\]'"):
        ft.jit(np.sin, backend="llvm")
    monkeypatch.delenv("FUNCTRANS_BACKEND")
    assert executors.executor().backend == "numpy"


def chain(x: Any) -> Any:
    return x * 2.0 + x / 3.0 - 1.0


class TestNative:
    """With llvmlite."""

    @pytest.fixture(autouse=True)
    def with_llvmlite(self) -> None:
        pytest.importorskip("llvmlite")

    def test_whole_function_is_a_builtin(self) -> None:
        """Its calls begin there from the third on, and what it declines goes the usual way."""
        jitted = ft.jit(chain, backend="llvm", exact=True)
        plain = ft.jit(chain, backend="numpy")
        same(jitted(X), chain(X), exact=True)
        assert jitted._quick is None  # many programs run once
        same(jitted(X), chain(X), exact=True)
        run = jitted._run
        assert type(run) is type(len)
        for x in (X, X[::-1], X.astype(np.float32), 2.0, np.float64(3.0), np.outer(X, X).T):
            for _ in range(2):
                same(jitted(x), plain(x), exact=True)
        same(jitted(x=X), chain(X), exact=True)
        assert jitted.cache_info().misses == 6
        assert jitted.cache_info().hits == 9

    def test_structures_are_taken_and_made(self) -> None:
        """Those that native code knows, and others."""

        def swap(pair: Any, extra: Any = None) -> Any:
            return {"first": pair[1] * 2.0, "rest": [pair[0]["a"] + 1.0, (pair[1] / 3.0, None)]}

        jitted = ft.jit(swap, backend="llvm", exact=True)
        pair = ({"a": X}, np.ones((2, 3)))
        for _ in range(2):
            same(jitted(pair), swap(pair), exact=True)
        assert jitted._quick is not None
        same(jitted([{"a": X}, X]), swap([{"a": X}, X]), exact=True)

    def test_registered_containers(self) -> None:
        """They are taken apart in Python."""

        @dataclass
        class Point:
            x: Any

        ft.tree.register(Point, lambda p: ((p.x,), None), lambda _, children: Point(*children))
        jitted = ft.jit(lambda p: Point(chain(p.x)), backend="llvm", exact=True)
        for _ in range(3):
            same(jitted(Point(X)).x, chain(X), exact=True)

    def test_static_arguments(self) -> None:
        """Told apart by identity first, and by equality then."""

        def scaled(n: int, x: Any, name: str) -> Any:
            return x * float(n) + len(name)

        jitted = ft.jit(scaled, static_argnums=(0, 2), backend="llvm", exact=True)
        for n in (2, 3, 2, 10**6, 10**6 + 0):
            same(jitted(n, X, "ab"), scaled(n, X, "ab"), exact=True)
        same(jitted(2, X, name="abc"), scaled(2, X, "abc"), exact=True)

    def test_many_signatures(self) -> None:
        """More than native code tries one after the other."""
        jitted = ft.jit(chain, backend="llvm", exact=True)
        for _ in range(2):
            for n in range(1, 12):
                same(jitted(np.arange(n * 1.0)), chain(np.arange(n * 1.0)), exact=True)

    def test_what_a_function_reads_is_looked_at(self) -> None:
        """Before each call."""
        holder = {"a": 2.0}
        scale, array = 2.0, np.ones(5)

        def reading(x: Any) -> Any:
            return x * scale + array * holder["a"] + OFFSET

        jitted = ft.jit(reading, backend="llvm", exact=True)
        for _ in range(2):
            same(jitted(X), reading(X), exact=True)
        scale = 3.0
        same(jitted(X), reading(X), exact=True)
        array[0] = 7.0
        same(jitted(X), reading(X), exact=True)
        holder["a"] = 4.0
        same(jitted(X), reading(X), exact=True)
        globals()["OFFSET"] = 5.0
        try:
            same(jitted(X), reading(X), exact=True)
        finally:
            globals()["OFFSET"] = 1.0

    def test_globals_alone_are_identities(self) -> None:
        """What is looked at is spelt out where it can be."""
        jitted = ft.jit(lambda x: x * 2.0 + OFFSET, backend="llvm", exact=True)
        for _ in range(2):
            jitted(X)
        fresh = jitted._fresh
        assert fresh()
        globals()["OFFSET"] = 5.0
        try:
            assert not fresh()
            same(jitted(X), X * 2.0 + 5.0, exact=True)
        finally:
            globals()["OFFSET"] = 1.0

    def test_transforms_of_native_programs(self) -> None:
        """Derivatives, lanes and programs within programs."""
        jitted = ft.jit(lambda x: np.sum(chain(x) * x), backend="llvm")
        jitted(X)
        plain = ft.grad(lambda x: np.sum(chain(x) * x))
        same(ft.grad(jitted)(X), plain(X), exact=False)
        same(ft.jit(ft.grad(jitted), backend="llvm")(X), plain(X), exact=False)
        rows = np.outer(X, X)
        same(ft.vmap(ft.grad(jitted))(rows), np.stack([plain(x) for x in rows]), exact=False)
        same(ft.jit(lambda x: jitted(x) * 2.0)(X), 2.0 * jitted(X), exact=False)

    def test_loops_and_branches(self) -> None:
        """Their bodies are cut, those of lanes are not."""

        def loop(x: Any) -> Any:
            def body(state: Any) -> Any:
                n, y = state
                return n + 1, ft.cond(y > 0.5, lambda: y * 0.5 + 0.1, lambda: y * y + 0.4)

            return ft.while_loop(lambda s: s[0] < 7, body, (0, x))[1]

        jitted = ft.jit(ft.vmap(ft.value_and_grad(loop)), backend="llvm")
        same(jitted(X), ft.vmap(ft.value_and_grad(loop))(X), exact=False)
        alone = ft.jit(ft.grad(loop), backend="llvm")
        same(alone(0.3), ft.grad(loop)(0.3), exact=False)

    def test_loops_that_would_not_end_on_other_numbers(self) -> None:
        """Nothing is tried out with them while a program is made."""

        def halved(x: Any) -> Any:
            return ft.while_loop(lambda y: y != 0.25, lambda y: y * 0.5, x)

        jitted = ft.jit(halved, backend="llvm")
        for _ in range(2):
            assert jitted(8.0) == 0.25

    def test_effects_in_loops(self) -> None:
        """They are carried out in each round, in their order."""
        seen: list[float] = []

        def summed(xs: Any) -> Any:
            def step(total: Any, x: Any) -> Any:
                total = total + x * 2.0
                ft.debug.callback(lambda v: seen.append(float(v)), total)
                return total, None

            return ft.scan(step, 0.0, xs)[0]

        assert ft.jit(summed, backend="llvm")(np.arange(4.0)) == 12.0
        assert seen == [0.0, 2.0, 6.0, 12.0]

    def test_python_conditions(self) -> None:
        """Each path is a program, and is left where it is not taken."""

        def root(x: Any) -> Any:
            return np.sqrt(x) * 2.0 if x > 0 else -x * 3.0

        jitted = ft.jit(root, backend="llvm", exact=True)
        for x in (4.0, -2.0, 9.0, -1.0):
            same(jitted(np.float64(x)), root(np.float64(x)), exact=True)

    def test_errors_that_interrupt(self) -> None:
        """Native code reports no floating-point errors, so NumPy takes over where one would be more
        than a warning."""
        jitted = ft.jit(lambda x: 1.0 / x + x * 2.0, backend="llvm")
        zeros = np.zeros(5)
        for _ in range(2):
            assert np.isinf(jitted(zeros)).all()
        for _ in range(2):
            with np.errstate(divide="raise"), pytest.raises(FloatingPointError):
                jitted(zeros)
        seen: list[str] = []
        with np.errstate(divide="call", call=lambda what, flag: seen.append(what)):
            jitted(zeros)
        assert seen
        with np.errstate(all="ignore"):
            assert np.isinf(jitted(zeros)).all()

        def strict(x: Any) -> Any:
            with np.errstate(divide="raise"):
                return 1.0 / x + x * 2.0

        with pytest.raises(FloatingPointError):
            ft.jit(strict, backend="llvm")(zeros)

    def test_debugging_is_by_numpy(self) -> None:
        """Whose results the program's are compared with."""
        jitted = ft.jit(chain, backend="llvm", debug=True)
        same(jitted(X), chain(X), exact=True)
        assert jitted.lower(X).native == ""

    def test_what_is_seen_of_native_code(self) -> None:
        """The kernels, and the part that is left to NumPy."""
        whole = ft.jit(chain, backend="llvm").lower(X)
        assert "define " in whole.native
        assert whole.source == ""
        assert str(whole) == f"{whole.graph}\n\n{whole.native}"
        parts = ft.jit(lambda x: np.fft.fft(chain(x)).real * 2.0 + x, backend="llvm").lower(X)
        assert "fft(" in parts.source
        assert "define " in parts.native
        assert ft.jit(chain, backend="numpy").lower(X).native == ""

    def test_layouts_are_as_numpy_has_them(self) -> None:
        """Sums depend on how operands lie in memory, and `exact` is to the bit."""
        rng = np.random.default_rng(0)
        a, b = rng.normal(size=(2, 40, 30))

        def function(x: Any, y: Any) -> Any:
            z = x * 2.0 + y.T
            return np.sum(z * 1.5 + 0.1), np.sum(z, axis=0), np.sort(z, axis=0) * 3.0 + z

        jitted = ft.jit(function, backend="llvm", exact=True)
        for x, y in ((a, b.T), (np.asfortranarray(a), b.T), (a[:, ::-1], b.T.copy())):
            same(jitted(x, y), function(x, y), exact=True)

    def test_scalars_and_arrays_without_dimensions(self) -> None:
        """Results are of the type that NumPy returns."""

        def function(x: Any) -> Any:
            return np.where(x > 0, x, -x), x * 2.0, np.reshape(x * 3.0, ()), np.sum(x + 1.0)

        jitted = ft.jit(function, backend="llvm", exact=True)
        plain = ft.jit(function, backend="numpy")
        for x in (np.float64(2.0), np.array(2.0), 2.0):
            for _ in range(2):
                same(jitted(x), plain(x), exact=True)

    def test_results_of_loops_without_dimensions(self) -> None:
        """Their types are found without running them, which might not end."""

        def function(n: Any, x: Any) -> Any:
            def step(c: Any, i: Any) -> Any:
                return (np.sum(x * c[0]), np.reshape(c[1] + x[:1], ()), c[2], c[3] * 0.5), c[0] + i

            first = np.max(x)
            carry, ys = ft.scan(step, (first, first, first, 1.0), np.arange(4))
            far = ft.while_loop(lambda s: s[0] != n, lambda s: (s[0] + 1, s[1] + 0.5), (0, 1.0))
            return carry, ys, far, ft.cond(n > 3, lambda: first, lambda: first * 2.0)

        jitted = ft.jit(function, backend="llvm", exact=False)
        plain = ft.jit(function, backend="numpy")
        for n in (np.int64(0), np.int64(5)):
            same(jitted(n, X), plain(n, X), exact=False)

    def test_threads_call_at_once(self) -> None:
        """Each gets its own results."""
        jitted = ft.jit(lambda x: np.sort(chain(x)) * 2.0 + x, backend="llvm")
        wrong: list[int] = []

        def work(k: int) -> None:
            x = np.arange(100.0) * k
            wanted = np.sort(chain(x)) * 2.0 + x
            for _ in range(200):
                if not np.allclose(jitted(x), wanted, rtol=1e-14):
                    wrong.append(k)

        threads = [threading.Thread(target=work, args=[k]) for k in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not wrong

    def test_nothing_is_kept_of_functions_that_are_gone(self) -> None:
        """A jitted function, its builtin and its arguments are freed."""

        def make() -> tuple[Any, Any]:
            def inner(x: Any) -> Any:
                return x * 2.0 + 1.0

            jitted = ft.jit(inner, backend="llvm")
            argument = np.ones(4)
            jitted(argument)
            jitted(argument)
            return weakref.ref(jitted), weakref.ref(argument)

        jitted, argument = make()
        gc.collect()
        assert argument() is None
        assert jitted() is None

    @pytest.mark.parametrize("size", [7, 100_000])
    def test_background(self, size: int) -> None:
        """NumPy serves the first calls; then it is native code, with the same results."""
        step = ft.jit(long_chain, backend="llvm", exact=True, background=True)
        x = np.linspace(0.0, 1.0, size)
        wanted = long_chain(x)
        for _ in range(3):
            same(step(x), wanted, exact=True)
        assert "define " in step.lower(x).native  # which waits for it
        for _ in range(3):
            same(step(x), wanted, exact=True)
        assert step._quick is not None

    def test_background_by_the_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """FUNCTRANS_BACKGROUND is for those that say nothing."""
        monkeypatch.setenv("FUNCTRANS_BACKGROUND", "1")
        assert ft.jit(chain, backend="llvm").executor.background
        assert not ft.jit(chain, backend="llvm", background=False).executor.background

    def test_defects_in_the_background_are_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """By the next call."""

        def broken(*_: Any, **__: Any) -> Any:
            raise RuntimeError("it could not be compiled")

        monkeypatch.setattr("functrans.compile.llvm.planned.PlannedProgram", broken)
        step = ft.jit(lambda x: long_chain(x) + 2.0, backend="llvm", background=True)
        x = np.ones(3)
        with contextlib.suppress(RuntimeError):  # it may have been quick
            np.testing.assert_array_equal(step(x), long_chain(x) + 2.0)
        background.finish()
        with pytest.raises(RuntimeError, match="it could not be compiled"):
            step(x)

    def test_threads_while_it_compiles(self) -> None:
        """All get results of one of the two programs; with `exact`, the same."""
        step = ft.jit(lambda x: long_chain(x) * 0.5, backend="llvm", exact=True, background=True)
        x = np.linspace(0.0, 1.0, 100)
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(lambda _: step(x), range(200)))
        background.finish()
        for y in [*found, step(x)]:
            np.testing.assert_array_equal(y, found[0])

    def test_small_programs_are_compiled_at_once(self) -> None:
        """In the background that would take as long as to begin."""
        step = ft.jit(chain, backend="llvm", background=True)
        for _ in range(2):
            step(X)
        assert step._quick is not None

    def test_process_ends_while_it_compiles(self) -> None:
        """What waits is dropped."""
        code = (
            "import numpy as np, functrans as ft\n"
            "from tests.llvm.test_jit import long_chain\n"
            "for k in range(6):\n"
            "    def f(x, k=k): return long_chain(x * float(k))\n"
            "    ft.jit(f, backend='llvm', background=True)(np.ones(3))\n"
            "print('done')\n"
        )
        assert run(code) == (0, "done\n", "")

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
    def test_fork_while_it_compiles(self) -> None:
        """The child compiles what its parent has begun."""
        code = (
            "import os, numpy as np, functrans as ft\n"
            "from tests.llvm.test_jit import long_chain\n"
            "step = ft.jit(long_chain, backend='llvm', background=True)\n"
            "step(np.ones(3))\n"
            "child = os.fork()\n"
            "step(np.ones(3))\n"
            "assert 'define ' in step.lower(np.ones(3)).native\n"
            "if child:\n"
            "    assert os.waitpid(child, 0)[1] == 0\n"
        )
        assert run(code, "-W", "ignore::DeprecationWarning") == (0, "", "")

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
    def test_fork_while_code_is_freed(self) -> None:
        """Another thread that is within LLVM is not in the child, nor is its lock held there."""
        code = (
            "import os, threading, time, numpy as np, functrans as ft\n"
            "ft.jit(np.sin, backend='llvm')(np.ones(3))\n"
            "from llvmlite.binding.ffi import lib\n"
            "within = threading.Event()\n"
            "def free():\n"
            "    with lib._lock:\n"
            "        within.set()\n"
            "        time.sleep(0.2)\n"
            "threading.Thread(target=free).start()\n"
            "within.wait()\n"
            "child = os.fork()\n"
            "assert ft.jit(np.cos, backend='llvm')(np.zeros(3))[0] == 1\n"
            "if child:\n"
            "    assert os.waitpid(child, 0)[1] == 0\n"
        )
        assert run(code, "-W", "ignore::DeprecationWarning") == (0, "", "")


OFFSET = 1.0


def long_chain(x: Any) -> Any:
    """More equations than are compiled at once."""
    y = x
    for i in range(40):
        y = y * 0.5 + (x + float(i))
    return y
