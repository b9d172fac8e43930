"""Attempts to end the process through the public interface, each in a process of its own.

A case passes if the process ends as it should, with what the case asserts: a crash of native code
ends it by a signal.
"""

import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

pytest.importorskip("llvmlite")
pytest.importorskip("resource")

BEGIN = """
import gc, os, resource, signal, sys, threading, time
import numpy as np
from numpy.lib.stride_tricks import as_strided
import functrans as ft

L = {"backend": "llvm"}
affine = ft.jit(lambda x, y: x * 2.0 + y, **L)
ones = np.ones(4)

def space():
    return int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()

def raised(kinds, call, *args):
    try:
        call(*args)
    except kinds as error:
        return error
    raise AssertionError("nothing was raised")

def loop(n):
    def once(state):
        i, c = state
        return i + 1, np.sin(c)
    return ft.jit(lambda x: ft.while_loop(lambda s: s[0] < n, once, (0, x))[1], **L)
"""

CASES = {
    "huge views": """
        affine(ones, ones)
        wide = np.broadcast_to(np.float64(1.0), (1 << 40,))
        for y in (1.0, ones[:1]):
            raised(MemoryError, affine, wide, y)
        first = ft.jit(lambda x: np.sum(x[:3]), **L)
        assert first(ones) == first(wide) == 3.0
    """,
    "huge results": """
        x = np.ones(1 << 20)
        raised(MemoryError, ft.jit(lambda x: x[:, None] * x, **L), x)
        raised(MemoryError, ft.jit(lambda x: np.zeros(1 << 40) + x, **L), 1.0)
    """,
    "layouts": """
        odd = np.frombuffer(b"." + ones.tobytes(), np.uint8)[1:].view("f8")
        square = as_strided(ones, (2, 2), (0, 0))
        kinds = [square, ones[::-1], ones[::2], odd, ones.astype(">f8"), ones[:0], np.empty((0, 3))]
        for x in kinds:
            assert np.array_equal(affine(x, x), x * 2.0 + x)
        given = ft.jit(lambda x, y: (x + y, x * y), donate_argnums=0, **L)
        fixed = ones.copy()
        fixed.flags.writeable = False
        for x in [*kinds, fixed, np.frombuffer(bytes(32))]:
            total, product = given(x, x)
            assert np.array_equal(total, x + x) and np.array_equal(product, x * x)
        base = np.arange(10.0)
        total, product = given(base[:5], base[3:8])
        assert np.array_equal(product, np.arange(5.0) * np.arange(3.0, 8.0))
    """,
    "no memory for results": """
        sines = ft.jit(lambda x: np.sin(x)[::-1] * np.cumsum(x) + np.sort(x), **L)
        x = np.ones(1_000_000)
        sines(x)
        large = np.ones(20_000_000)
        resource.setrlimit(resource.RLIMIT_AS, (space() + 100_000_000,) * 2)
        for _ in range(5):
            raised(MemoryError, sines, large)
            assert sines(x).shape == x.shape
    """,
    "no memory to compile": """
        os.environ["FUNCTRANS_CACHE"] = "0"

        def long(x, k):
            for i in range(50):
                x = np.sin(x) * x + i * k
            return x

        affine(ones, ones)
        resource.setrlimit(resource.RLIMIT_AS, (space() + (1 << 20),) * 2)
        kept = []
        for k in range(3):
            raised(MemoryError, ft.jit(lambda x: long(x, k), **L), ones)
        assert np.array_equal(affine(ones, ones), 3 * ones)
    """,
    "another shape meanwhile": """
        f, x = loop(30_000), np.ones(1000)
        f(x)
        thread = threading.Thread(target=f, args=(x,))
        thread.start()
        time.sleep(0.02)
        x.shape = (20, 50)
        thread.join()
    """,
    "deleted while they run": """
        functions = [loop(20_000 + i) for i in range(4)]
        x = np.ones(100)

        def run(f):
            for _ in range(3):
                f(x)

        threads = [threading.Thread(target=run, args=(f,)) for f in functions]
        for thread in threads:
            thread.start()
        del functions
        ft.clear_caches()
        ft.clear_cache()
        gc.collect()
        for thread in threads:
            thread.join()
    """,
    "the program ends in a loop": """
        f = loop(10**12)
        threading.Thread(target=f, args=(np.ones(100),), daemon=True).start()
        time.sleep(0.5)
    """,
    "the program ends while others run": """
        x = np.random.rand(600, 600)
        f = ft.jit(lambda x: np.linalg.inv(x @ x + np.eye(600)), **L)
        f(x)

        def run():
            while True:
                f(x)

        threading.Thread(target=run, daemon=True).start()
        time.sleep(0.3)
    """,
    "the program ends while threads work": """
        ft.set_num_threads(4)
        x = np.random.rand(1_000_000)
        f = ft.jit(lambda x: np.sum(np.sin(x) * np.exp(x)), **L)
        f(x)

        def run():
            while True:
                f(x)

        threading.Thread(target=run, daemon=True).start()
        time.sleep(0.3)
    """,
    "the program ends while it compiles": """
        def long(x):
            for i in range(300):
                x = np.sin(x) * x + i
            return x

        ft.jit(long, background=True, **L)(ones)
    """,
    "forks among threads": """
        ft.set_num_threads(3)
        x = np.ones(500_000)
        f = ft.jit(lambda x: np.sum(np.sin(x) * np.exp(x)), **L)
        f(x)
        threads = [threading.Thread(target=lambda: [f(x) for _ in range(20)]) for _ in range(3)]
        for thread in threads:
            thread.start()
        for i in range(3):
            child = os.fork()
            if not child:
                ft.jit(lambda x: np.cos(x) * i + np.sum(x), **L)(x)
                f(x)
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0
        for thread in threads:
            thread.join()
    """,
    "subinterpreters": """
        import _xxsubinterpreters as others
        affine(ones, ones)
        program = f"import sys; sys.path[:] = {sys.path!r}; import functrans; functrans.jit"
        other = others.create()
        error = raised(others.RunFailedError, others.run_string, other, program)
        assert "ImportError" in str(error)
        others.destroy(other)
    """,
    "copies": """
        import copy, pickle
        affine(ones, ones)
        assert np.array_equal(copy.copy(affine)(ones, ones), 3 * ones)
        raised(Exception, copy.deepcopy, affine)
        raised(Exception, pickle.dumps, affine)
    """,
    "recursion": """
        @ft.jit
        def endless(x):
            return endless(x)

        raised(RecursionError, endless, ones)
        sys.setrecursionlimit(60)
        try:
            ft.jit(lambda x: np.sin(x) * x, **L)(ones)
        except RecursionError:
            pass
        sys.setrecursionlimit(1000)
        assert np.array_equal(affine(ones, ones), 3 * ones)
    """,
    "objects that go within calls": """
        table = ft.jit(lambda p: {k: v * 2 for k, v in p.items()}, **L)

        class Calling:
            def __del__(self):
                affine(ones, 1.0)
                table({"a": ones, "b": 1.0})

        gc.set_threshold(1, 1, 1)
        for _ in range(200):
            x = Calling()
            x.me = x
            del x
            affine(ones, ones)
            table({"a": ones, "b": 1.0})
    """,
    "positions": """
        x = np.arange(5.0)
        far = [np.array([10**18, -(10**18)]), np.array([np.iinfo(np.int64).min]), np.array([-6])]
        for i in far:
            raised(IndexError, ft.jit(lambda x, i: x[i], **L), x, i)
            raised(IndexError, ft.jit(lambda x, i: np.take(x, i), **L), x, i)
            raised(IndexError, ft.jit(ft.primitives.setitem, **L), x, i, np.ones(len(i)))
            found = ft.jit(lambda x, i: np.take(x, i, mode="clip"), **L)(x, i)
            assert np.array_equal(found, np.take(x, i, mode="clip"))
            found = ft.jit(lambda x, i: np.take(x, i, mode="wrap"), **L)(x, i)
            assert np.array_equal(found, x[i % 5])  # NumPy subtracts 5 again and again
        with np.errstate(all="ignore"):
            least = np.array([np.iinfo(np.int64).min, 1, 5])
            by = np.array([-1, 0, 0])
            for f in (lambda a, b: a // b, lambda a, b: a % b, lambda a, b: a << b * 64):
                assert np.array_equal(ft.jit(f, **L)(least, by), f(least, by))
    """,
    "damaged files": """
        import random, subprocess
        from functrans.compile import background
        program = "import numpy as np, functrans as ft\\n"
        program += "ft.jit(lambda x: np.sin(x) * 3.3, backend='llvm')(np.ones(7))"
        ft.jit(lambda x: np.sin(x) * 3.3, **L)(np.ones(7))
        background.finish()
        rng = random.Random(0)
        for folder, _, names in os.walk(os.environ["FUNCTRANS_CACHE_DIR"]):
            for name in names:
                path = os.path.join(folder, name)
                content = bytearray(open(path, "rb").read())
                way = rng.randrange(4)
                if way == 0:
                    content = content[: len(content) // 2]
                elif way == 1:
                    content = rng.randbytes(1000)
                elif way == 2:
                    content = b""
                elif content:
                    for _ in range(20):
                        content[rng.randrange(len(content))] ^= 0xFF
                open(path, "wb").write(content)
        subprocess.run([sys.executable, "-c", program], check=True)
    """,
    "odd classes": """
        class Angry(np.ndarray):
            def __array_finalize__(self, other):
                if other is not None:
                    affine(ones, 1.0)

        raised(Exception, affine, ones.view(Angry), 1.0)
        assert np.array_equal(affine(ones, ones), 3 * ones)
    """,
    "NumPy is another": """
        affine(ones, ones)
        kept = np.ndarray
        np.sin = np.ascontiguousarray = None
        np.ndarray = list
        for y in (ones, ones[::-1], 1.0):
            try:
                affine(ones, y)
            except Exception:
                pass
        np.ndarray = kept
        assert np.array_equal(affine(ones, ones), 3 * ones)
    """,
    "signals while it compiles": """
        signal.signal(signal.SIGINT, signal.default_int_handler)

        def send():
            for _ in range(20):
                time.sleep(0.02)
                os.kill(os.getpid(), signal.SIGINT)

        def long(x, k):
            for i in range(60):
                x = np.sin(x) * x + i * k
            return x

        thread = threading.Thread(target=send)
        seen = 0
        try:
            thread.start()
        except KeyboardInterrupt:
            pass
        for i in range(1000):
            try:
                if not thread.is_alive():
                    break
                ft.jit(lambda x: long(x, i), **L)(ones)
            except KeyboardInterrupt:
                seen += 1
        assert seen
        assert np.allclose(ft.jit(lambda x: long(x, 0.1), **L)(ones), long(ones, 0.1))
    """,
}

QUICK = ("huge views", "no memory to compile", "forks among threads", "positions")
"""Those that run by default; a process takes two seconds."""


@pytest.mark.parametrize(
    "name", [x if x in QUICK else pytest.param(x, marks=pytest.mark.slow) for x in CASES]
)
@pytest.mark.skipif(sys.platform != "linux", reason="they look at what Linux tells of memory")
def test_attempts(name: str, tmp_path: Path) -> None:
    if name == "subinterpreters" and sys.version_info[:2] > (3, 12):
        pytest.skip("the module has another name")
    attempt(CASES[name], tmp_path)


def attempt(case: str, cache: Path) -> None:
    """Run a case in a process of its own."""
    program = BEGIN + dedent(case)
    environment = dict(os.environ, FUNCTRANS_CACHE_DIR=str(cache))
    command = [sys.executable, "-X", "faulthandler", "-W", "ignore", "-c", program]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, (done.returncode, done.stderr[-3000:])


LARGE = """
import numpy as np
import functrans as ft

x = np.ones((1 << 31) + 5, np.int8)
x[2**31 + 2] = 0
L = {"backend": "llvm"}
assert ft.jit(lambda x: np.sum(x, dtype=np.int64), **L)(x) == x.size - 1
assert ft.jit(lambda x, i: x[i], **L)(x, np.array([2**31 + 2, -1])).tolist() == [0, 1]
assert ft.jit(lambda x: np.argmin(x), **L)(x) == 2**31 + 2
assert ft.jit(lambda x: x[-3:] + x[1 << 31 :][:3], **L)(x).tolist() == [1, 2, 1]
"""


@pytest.mark.slow
def test_more_elements_than_an_int_counts() -> None:
    """Of 2 GiB, whose places do not fit 32 bits."""
    if sys.maxsize < 1 << 40 or os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGESIZE") < 6 << 30:
        pytest.skip("there is too little memory")
    subprocess.run([sys.executable, "-c", LARGE], check=True, timeout=280)
