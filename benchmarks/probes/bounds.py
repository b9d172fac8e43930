"""Print what comparing positions with the bounds costs: ``python -m benchmarks.probes.bounds``.

For reading and writing at positions that an array holds: microseconds of a call as it is, and with
the comparison left out, in turn in one process, one thread; the median of the ratios of neighbours.
"""

from __future__ import annotations

import ctypes
import time
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from benchmarks.threads import limit_threads

if TYPE_CHECKING:
    from collections.abc import Callable

limit_threads()

import numpy as np  # noqa: E402

import functrans as ft  # noqa: E402
from functrans import primitives  # noqa: E402
from functrans.compile.llvm.kernels.loops import Loops  # noqa: E402
from functrans.compile.llvm.segment import NativeFunction, prepared  # noqa: E402
from functrans.graph.passes import optimize  # noqa: E402

TURNS = 101
TIME = 0.002
"""Seconds of a measurement."""


def reading(x: Any, i: Any) -> Any:
    return x[i]


def computing(x: Any, i: Any) -> Any:
    return np.sin(x[i]) * 2.0


def writing(x: Any, i: Any) -> Any:
    return primitives.setitem(x, i, 1.0)


def adding(x: Any, i: Any) -> Any:
    return ft.numpy.index_add(x, i, 1.0)


CASES: list[tuple[str, Callable[..., Any], tuple[int, ...], int]] = [
    ("x[i], 10 000 of 1000", reading, (1000,), 10_000),
    ("x[i], 100 000 of 1 000 000", reading, (1_000_000,), 100_000),
    ("sin(x[i]) * 2, 10 000 of 1000", computing, (1000,), 10_000),
    ("x[i], 1000 rows of 64", reading, (1000, 64), 1000),
    ("x[i] = 1, 10 000 of 1000", writing, (1000,), 10_000),
    ("x[i] = 1, 1000 rows of 64", writing, (1000, 64), 1000),
    ("x[i] += 1, 10 000 of 1000", adding, (1000,), 10_000),
    ("x[i] += 1, 1000 rows of 64", adding, (1000, 64), 1000),
]


def unchecked(self: Loops, at: Any, extent: int, mask: Any) -> Any:
    """A position as it is, but for those that count from the end."""
    return self.b.select(self.b.icmp("slt", at, 0), self.b.add(at, extent), at)


def native(f: Callable[..., Any], *args: Any) -> Callable[[], object]:
    """A call of a function's native code."""
    graph = prepared(optimize(ft.make_graph(f)(*args)), exact=False)
    function = NativeFunction(graph)
    (kind,) = graph.output_types
    out = np.empty(kind.shape, kind.dtype)
    memory = np.empty(function.arena + 64, np.uint8)
    pair = ctypes.c_void_p * 2
    given, made = pair(*[x.ctypes.data for x in args]), pair(out.ctypes.data)
    start = memory.ctypes.data + -memory.ctypes.data % 64
    run = ctypes.CFUNCTYPE(ctypes.c_int, *[ctypes.c_void_p] * 4)(function.address)
    table = function.numbers
    numbers = None if table is None else table.ctypes.data

    def call() -> object:
        assert not run(given, made, start, numbers), function
        return memory, args, out, function

    return call


def seconds(call: Callable[[], object], count: int) -> float:
    start = time.perf_counter()
    for _ in range(count):
        call()
    return (time.perf_counter() - start) / count


def main() -> None:
    print(f"{'':32} {'us':>8} {'without':>8} {'ratio':>6}")
    for name, f, shape, n in CASES:
        random = np.random.default_rng(0)
        x, i = random.normal(size=shape), random.integers(0, shape[0], n)
        checked = native(f, x, i)
        with patch.object(Loops, "_checked", unchecked):
            bare = native(f, x, i)
        count = max(int(TIME / seconds(checked, 3)), 1)
        pairs = [(seconds(checked, count), seconds(bare, count)) for _ in range(TURNS)]
        ratio = float(np.median([a / b for a, b in pairs]))
        with_, without = (1e6 * float(np.median(column)) for column in zip(*pairs, strict=True))
        print(f"{name:32} {with_:8.2f} {without:8.2f} {ratio:6.2f}", flush=True)


if __name__ == "__main__":
    main()
