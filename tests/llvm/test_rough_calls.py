"""Whatever Python hands over, and whenever it calls, native code does not end the process.

Each test is a process of its own, whose end tells.
"""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

pytest.importorskip("llvmlite")

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="forks and limits memory")

ROOT = Path(__file__).parents[2]


def ended(*arguments: str) -> str:
    """The output of a process that ends by itself."""
    command = [sys.executable, "-X", "faulthandler", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500, cwd=ROOT)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return done.stdout


def script(*texts: str) -> str:
    """The output of a script, which has functions compiled by native code."""
    start = """
        import gc, os, resource, sys, threading, time
        import numpy as np
        import functrans as ft

        def native(f, **options):
            return ft.jit(f, backend="llvm", **options)
    """
    return ended("-c", "\n".join([textwrap.dedent(text) for text in (start, *texts)]))


@pytest.mark.parametrize(
    "block", [0, *[pytest.param(i, marks=pytest.mark.slow) for i in range(1, 20)]]
)
def test_arguments_of_all_kinds(block: int) -> None:
    """Subclasses, other dtypes, byte orders, layouts and addresses, huge views, cycles, objects
    that raise when they are looked at, and numbers out of range."""
    first = 0 if block == 0 else 50 * block
    ended("-m", "tests.llvm.rough_calls", str(first), str(first + (25 if block == 0 else 50)))


@pytest.mark.parametrize("count", [5000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_references_and_memory(count: int) -> None:
    """Calls of each kind leave no reference and no memory behind, errors neither."""
    script(
        f"COUNT = {count}",
        """
        x, i = np.arange(5.0), np.array([0, 1])
        table, wrong, single = {"w": x}, np.array([0, 9]), np.array(3.0)
        tree = native(lambda p, x: {"a": p["w"] * x, "b": (np.sum(x), x[0])})
        gather, times = native(lambda x, i: x[i]), native(lambda x, n: x * n)
        given, same = native(lambda x: x * 2.0, donate_argnums=0), native(lambda x: x)

        def failing(f, *args, **options):
            def call():
                try:
                    f(*args, **options)
                except Exception:
                    return
                raise AssertionError
            return call

        calls = [
            lambda: tree(table, x), lambda: tree(x=x, p=table), lambda: gather(x, i),
            lambda: times(x, 2.5), lambda: times(x, 3), lambda: times(single, 2.0),
            lambda: times(np.float64(2.0), x), lambda: given(x), lambda: same(x),
            lambda: times(x[::-1], 2.0), failing(gather, x, wrong), failing(gather, x),
            failing(tree, table, x, x), failing(tree, table, z=x), failing(times, "a", 2),
            failing(tree, {"z": x}, x), failing(tree, None, x), failing(times, x, object()),
        ]
        known = [x, i, table, wrong, single, x.dtype, i.dtype, np.float64]
        for number, call in enumerate(calls):
            count = COUNT if number < 9 else min(COUNT, 2000)
            for _ in range(200):
                call()
            gc.collect()
            before, objects = [sys.getrefcount(k) for k in known], len(gc.get_objects())
            for _ in range(count):
                call()
            gc.collect()
            after, now = [sys.getrefcount(k) for k in known], len(gc.get_objects())
            assert max(abs(a - b) for a, b in zip(before, after)) < 20, (number, before, after)
            assert now - objects < 100, (number, objects, now)
    """,
    )


def test_threads_that_meet() -> None:
    """Calls of several threads, while others forget programs, change the number of threads, fork,
    and replace what arguments consist of."""
    script("""
        big = np.ones((300, 300))
        fs = [
            native(lambda x: np.sin(np.cos(x) * 2 + 1)), native(lambda x: x @ x),
            native(lambda x: np.sum(x, 0)), native(ft.grad(lambda x: np.sum(np.tanh(x @ x)))),
        ]
        wanted = [f(big) for f in fs]
        pair = native(lambda p: p["a"][0] * 2 + np.cos(p["a"][1]))
        table = {"a": [big, big]}
        pair(table)
        stop, wrong = False, []

        def work(seed):
            random = np.random.default_rng(seed)
            while not stop:
                which = int(random.integers(4))
                if not np.array_equal(fs[which](big), wanted[which]):
                    wrong.append(which)
                pair(table)

        def change():
            while not stop:
                table["a"][0] = big + 1
                table["a"] = [big * 1, big * 2]

        threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
        threads.append(threading.Thread(target=change))
        for thread in threads:
            thread.start()
        children = []
        for turn in range(60):
            if turn % 3 == 0:
                ft.clear_caches()
            elif turn % 3 == 1:
                ft.set_num_threads(turn % 4 + 1)
            elif turn % 4 == 0:
                child = os.fork()
                if not child:
                    os._exit(not all(np.array_equal(f(big), w) for f, w in zip(fs, wanted)))
                children.append(child)
            time.sleep(0.02)
        stop = True
        for thread in threads:
            thread.join()
        assert not wrong and not any(os.waitpid(child, 0)[1] for child in children)
    """)


def test_interpreter_that_ends() -> None:
    """Threads in native code, exit handlers and finalizers that call it."""
    out = script("""
        import atexit
        big = np.ones((500, 500))
        f = native(lambda x: np.sin(np.cos(x) * 2 + 1))
        f(big)

        class Late:
            def __del__(self):
                f(big)

        ft.kept = Late()
        atexit.register(lambda: print(f(big).shape, native(lambda x: x * 3.0)(big).shape))

        def work():
            while True:
                f(big)

        for _ in range(4):
            threading.Thread(target=work, daemon=True).start()
        time.sleep(0.3)
    """)
    assert out == "(500, 500) (500, 500)\n"


@pytest.mark.skipif(sys.platform != "linux", reason="limits memory as Linux does")
def test_memory_that_is_not_there() -> None:
    """For results, and for what is computed in between."""
    script("""
        results = native(lambda x: np.outer(x, x) * 2.0)
        between = native(lambda x: (np.outer(x, x) @ np.outer(x, x)).sum())
        few, many = np.ones(3), np.ones(40_000)
        expected = [f(few) for f in (results, between)]
        resource.setrlimit(resource.RLIMIT_AS, (6 << 30, resource.getrlimit(resource.RLIMIT_AS)[1]))
        for f in (results, between, results, between):
            try:
                f(many)
            except MemoryError:
                continue
            raise AssertionError
        assert all(np.array_equal(f(few), x) for f, x in zip((results, between), expected))
    """)
