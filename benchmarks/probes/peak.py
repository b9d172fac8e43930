"""What the processor reaches at most: ``python -m benchmarks.probes.peak``.

Multiplications and additions in registers, on one thread and on as many as there are processors,
and sums over memory of some sizes. Probes of products measure these beside what they look at.
"""

from __future__ import annotations

import ctypes
import os
import threading
import time
from typing import TYPE_CHECKING, Any

from benchmarks.threads import limit_threads

if TYPE_CHECKING:
    from collections.abc import Callable

limit_threads()

import numpy as np  # noqa: E402

from functrans.compile.llvm.code.builder import Builder, Module, Value, number, vector  # noqa: E402
from functrans.compile.llvm.code.engine import load  # noqa: E402
from functrans.compile.llvm.kernels.tiles import lanes_of, multiply_add, registers  # noqa: E402
from functrans.compile.llvm.kernels.tiling import ELEMENTS  # noqa: E402

STEPS = 10_000
"""Rounds of multiplications and additions of one call, some forty microseconds."""


def sums_at_once() -> int:
    """How many vectors are summed at once, in registers: more than an addition takes cycles."""
    return 16 if registers() == 32 else 12


def seconds(call: Callable[[], Any], lasting: float = 0.5) -> float:
    """The least of the times of a call, over half a second."""
    call()
    least = float("inf")
    end = time.perf_counter() + lasting
    while time.perf_counter() < end:
        start = time.perf_counter()
        call()
        least = min(least, time.perf_counter() - start)
    return least


class Peak:
    """The multiplications and additions that registers allow.

    Parameters
    ----------
    dtype : numpy dtype
        float32 or float64.
    """

    def __init__(self, dtype: np.dtype[Any]) -> None:
        element = ELEMENTS[dtype]
        kind = vector(element, lanes_of(element))
        count = sums_at_once()
        self.operations = 2 * count * lanes_of(element) * STEPS
        b = Builder(Module(), "run", "void", ["ptr", "ptr", "i64"])
        x = b.load(kind, b.operands[0])

        def step(_: Value, sums: list[Value]) -> list[Value]:
            return [multiply_add(b, x, x, total) for total in sums]

        total, *others = b.loop(0, b.operands[2], step, [number(i, kind) for i in range(count)])
        for other in others:
            total = b.fadd(total, other)
        b.store(total, b.operands[1])
        b.finish()
        address = load(b.module.text(), ["run"])["run"]
        self._run = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)(
            address
        )
        self._memory = np.zeros((2, 64))

    def once(self, rounds: int = 1) -> float:
        """Seconds of so many times :attr:`operations`, in this thread."""
        out = np.empty(64)
        start = time.perf_counter()
        self._run(self._memory.ctypes.data, out.ctypes.data, STEPS * rounds)
        return time.perf_counter() - start

    def gigaflops(self, lasting: float = 0.5, threads: int = 1) -> float:
        """Operations a nanosecond, the most of many runs, of all threads together."""
        if threads == 1:
            end = time.perf_counter() + lasting
            least = self.once()
            while time.perf_counter() < end:
                least = min(least, self.once())
            return self.operations / least / 1e9
        rounds, best = 100, 0.0
        for _ in range(max(round(lasting / 0.01), 1)):
            ready = threading.Barrier(threads + 1)

            def work(ready: threading.Barrier = ready) -> None:
                ready.wait()
                self.once(rounds)

            workers = [threading.Thread(target=work) for _ in range(threads)]
            for worker in workers:
                worker.start()
            ready.wait()
            start = time.perf_counter()
            for worker in workers:
                worker.join()
            taken = time.perf_counter() - start
            best = max(best, threads * rounds * self.operations / taken / 1e9)
        return best


class Reading:
    """Sums over bytes that lie one after the other: what any work on them takes at least."""

    def __init__(self) -> None:
        element, kind, count = "i64", vector("i64", lanes_of("double")), 8
        width = lanes_of("double")
        self.step = 8 * width * count
        b = Builder(Module(), "read", "i64", ["ptr", "i64"])
        x, size = b.operands

        def some(i: Value, sums: list[Value]) -> list[Value]:
            places = [b.at(x, b.add(i, j * width), element) for j in range(count)]
            return [b.xor(s, b.load(kind, p, 8)) for s, p in zip(sums, places, strict=True)]

        zeros = [number(0, kind)] * count
        total, *others = b.loop(0, b.binary("sdiv", size, 8), some, zeros, step=width * count)
        for other in others:
            total = b.xor(total, other)
        b.finish(b.element(total, 0))
        address = load(b.module.text(), ["read"])["read"]
        self._run = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p, ctypes.c_int64)(address)
        self._memory: dict[int, Any] = {}

    def once(self, size: int) -> float:
        """Seconds that reading so many bytes takes, in memory that is read each time."""
        size = -(-size // self.step) * self.step
        memory = self._memory.get(size)
        if memory is None:
            memory = self._memory[size] = np.zeros(size // 8)
        place = memory.ctypes.data
        start = time.perf_counter()
        self._run(place, size)
        return time.perf_counter() - start

    def forget(self) -> None:
        """Give the memory back."""
        self._memory.clear()


def main() -> None:
    """Print all of it."""
    threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2
    for name in ("float32", "float64"):
        peak = Peak(np.dtype(name))
        figures = [peak.gigaflops(threads=count) for count in dict.fromkeys((1, threads))]
        print(f"{name}: GF/s on 1 and {threads} threads:", *[f"{x:.1f}" for x in figures])
    reading = Reading()
    for size in (1 << 14, 1 << 17, 1 << 20, 1 << 23, 1 << 26, 1 << 28):
        least = seconds(lambda: reading.once(size), 0.2)  # noqa: B023
        print(f"reading {size:10} bytes: {size / least / 1e9:.1f} GB/s")


if __name__ == "__main__":
    main()
