"""Threads of native code: each chunk is done once, whoever does it, whatever happens meanwhile."""

import ctypes
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

pytest.importorskip("llvmlite")

import functrans as ft
from functrans.compile.llvm.code import pool, threads
from functrans.compile.llvm.code.builder import Builder, Module, Value, number
from functrans.compile.llvm.code.engine import load
from functrans.core.errors import InputTypeError, OptionError

LONG = 1 << 40
"""Nanoseconds for which all threads are worth waking."""

Run = Callable[..., None]


@pytest.fixture(scope="module")
def kernels() -> dict[str, int]:
    """``count`` adds 1 at the place of each chunk, after some work; ``nested`` calls it for each of
    its own chunks."""
    module = Module()
    b = Builder(module, "one", "void", threads.OPERANDS)
    context, i, _ = b.operands
    data, work = b.load("ptr", context), b.load("i64", b.at(context, 1, "i64"))
    spin = b.slot("i64")

    def wait(k: Value, _: list[Value]) -> list[Value]:
        b.line(f"store volatile {k}, {spin}")
        return []

    b.loop(0, work, wait)
    place = b.at(data, i, "i64")
    b.store(b.add(b.load("i64", place), 1), place)
    b.finish()
    b = Builder(module, "count", "void", ["ptr", "i64", "i64"])
    threads.parallel(b, "one", *b.operands)
    b.finish()
    b = Builder(module, "row", "void", threads.OPERANDS)
    context, i, _ = b.operands
    inner = b.slot("i64", 2)
    data = b.load("ptr", context)
    b.store(b.at(data, b.mul(i, 10), "i64"), inner)
    b.store(number(20, "i64"), b.at(inner, 1, "i64"))
    b.call("count", "void", inner, number(10, "i64"), number(LONG, "i64"))
    b.finish()
    b = Builder(module, "nested", "void", ["ptr", "i64", "i64"])
    threads.parallel(b, "row", *b.operands)
    b.finish()
    names = ["one", "row", "count", "nested"]
    loaded = load(module.text(), names, verify=True)
    return {name: loaded[name] for name in names}


@pytest.fixture(autouse=True)
def four_threads() -> Iterator[None]:
    before = ft.get_num_threads()
    ft.set_num_threads(4)
    yield
    ft.set_num_threads(before)


def runner(address: int) -> Run:
    return ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)(address)


def counted(run: Run, chunks: int, work: int = 10, size: int | None = None, ns: int = LONG) -> Any:
    data = np.zeros(size or chunks, np.int64)
    context = np.array([data.ctypes.data, work], np.int64)
    run(context.ctypes.data, chunks, ns)
    return data


def test_each_chunk_is_done_once(kernels: dict[str, int]) -> None:
    """Whatever their number, with work that workers can and cannot help with."""
    run = runner(kernels["count"])
    for chunks in [0, 1, 2, 3, 7, 64, 1000]:
        for work in (0, 1000):
            for ns in (0, 70_000, LONG):
                for _ in range(10):
                    assert (counted(run, chunks, work, ns=ns) == 1).all()


def test_workers_wake_from_sleep(kernels: dict[str, int]) -> None:
    run = runner(kernels["count"])
    for _ in range(20):
        time.sleep(0.002)
        assert (counted(run, 50, 5000) == 1).all()


def test_kernels_in_chunks(kernels: dict[str, int]) -> None:
    """A kernel within a chunk is carried out there."""
    run = runner(kernels["nested"])
    for _ in range(50):
        assert (counted(run, 30, size=300) == 1).all()


def test_many_threads_of_python(kernels: dict[str, int]) -> None:
    """Kernels that are called at once, while the number of threads changes."""
    run = runner(kernels["count"])
    wrong: list[Any] = []

    def call(k: int) -> None:
        for i in range(200):
            data = counted(run, 5 + (i + k) % 40, 50)
            if (data != 1).any():
                wrong.append(data)

    callers = [threading.Thread(target=call, args=(k,)) for k in range(6)]
    for caller in callers:
        caller.start()
    for i in range(30):
        ft.set_num_threads(1 + i % 5)
    for caller in callers:
        caller.join(60)
    assert not any(caller.is_alive() for caller in callers)
    assert not wrong


@pytest.mark.parametrize("way", ["futex", "condition", "none"])
def test_ways_to_wait(kernels: dict[str, int], way: pool.Waiting) -> None:
    """The pool does the same with each way to sleep that there is here."""
    if way == "futex" and pool._waiting() != "futex" or way != "none" and pool._waiting() == "none":
        pytest.skip("not on this system")
    own = pool.Pool(3, way)
    function = ctypes.CFUNCTYPE(
        None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64
    )(own.address)

    def run(context: int, chunks: int, ns: int) -> None:
        function(kernels["one"], context, chunks, ns)

    for i in range(300):
        if i % 50 == 0:
            time.sleep(0.002)
        assert (counted(run, 20, 300) == 1).all()
    assert own.get("started") == (0 if way == "none" else 2)
    own.resize(1)
    assert own.get("started") == 0
    assert (counted(run, 20) == 1).all()


def test_short_kernels_wake_nobody(kernels: dict[str, int]) -> None:
    """Threads start with the first kernel that is worth it."""
    run = runner(kernels["count"])
    pool_ = threads._pool
    assert pool_ is not None
    ft.set_num_threads(3)
    counted(run, 100, ns=59_000)
    counted(run, 1)
    assert pool_.get("started") == 0
    counted(run, 100, ns=61_000)
    assert pool_.get("started") == (2 if pool._waiting() != "none" else 0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_fork(kernels: dict[str, int]) -> None:
    """A child has none of the threads, and starts its own."""
    run = runner(kernels["count"])
    stop = threading.Event()

    def busy() -> None:
        while not stop.is_set():
            counted(run, 100, 2000)

    other = threading.Thread(target=busy)
    other.start()
    try:
        for _ in range(5):
            child = os.fork()
            if child == 0:
                right = all((counted(run, 50, 500) == 1).all() for _ in range(20))
                os._exit(0 if right else 1)
            deadline = time.monotonic() + 60
            while (done := os.waitpid(child, os.WNOHANG))[0] == 0:
                assert time.monotonic() < deadline, "the child hangs"
                time.sleep(0.001)
            assert done[1] == 0
    finally:
        stop.set()
        other.join()
    assert (counted(run, 50, 500) == 1).all()


def test_the_end_of_a_process() -> None:
    """Workers that look for work when Python ends do no harm."""
    code = (
        "from tests.llvm.test_pool import kernels, runner, counted, ft\n"
        "ft.set_num_threads(4)\n"
        "run = runner(kernels.__wrapped__()['count'])\n"
        "assert (counted(run, 40, 100) == 1).all()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()


def test_numbers_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was set last counts, then the environment, then the processors."""
    assert ft.get_num_threads() == 4
    for wrong in (0, -1, 257, 2.0, True, "2"):
        with pytest.raises(InputTypeError, match="from 1 to 256"):
            ft.set_num_threads(wrong)  # type: ignore[arg-type]
    assert ft.get_num_threads() == 4
    monkeypatch.setattr(threads, "_wanted", None)
    monkeypatch.setenv("FUNCTRANS_NUM_THREADS", "2")
    assert ft.get_num_threads() == 2
    processors = threads.told({})
    assert 1 <= processors <= (os.cpu_count() or 1)
    assert threads.told({"OMP_NUM_THREADS": "3,2"}) == processors
    assert threads.told({"OMP_NUM_THREADS": "3"}) == 3
    assert threads.told({"OMP_NUM_THREADS": "3", "FUNCTRANS_NUM_THREADS": "2"}) == 2
    with pytest.raises(OptionError, match="FUNCTRANS_NUM_THREADS is 'many'"):
        threads.told({"FUNCTRANS_NUM_THREADS": "many"})
