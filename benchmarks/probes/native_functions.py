"""Times of the mathematical functions of native code, an element: ``python -m
benchmarks.probes.native_functions [name ...]``.

4096 elements, which stay in the cache, in one thread: in vectors of the machine's width and of
twice that, which LLVM computes interleaved, against NumPy or SciPy; and how long it took to
compile the second. Needs llvmlite and SciPy.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import functrans  # noqa: F401  (the rule book)
from functrans.compile.llvm.code.engine import machine
from functrans.compile.llvm.elements.operations import mathematical
from functrans.compile.llvm.mathematics import FUNCTIONS
from functrans.core.primitive import REGISTRY
from tests.llvm.elementwise import compiled

COUNT = 4096
RANGES = {
    "arccos": (-1, 1),
    "arccosh": (1, 10),
    "arcsin": (-1, 1),
    "arctanh": (-0.9, 0.9),
    "log": (0.1, 10),
    "log10": (0.1, 10),
    "log1p": (-0.5, 5),
    "log2": (0.1, 10),
    "power": (0.1, 10),
}


def best(run: Callable[[], Any], rounds: int) -> float:
    """The least time of a call, in nanoseconds an element."""
    run()
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        for _ in range(4):
            run()
        times.append(time.perf_counter() - start)
    return min(times) / 4 / COUNT * 1e9


def reference(name: str) -> Any:
    if name in ("erf", "erfc"):
        import scipy.special

        return getattr(scipy.special, name)
    return REGISTRY[name].impl


def measured(name: str, dtype: np.dtype[Any]) -> tuple[float, float, float, float]:
    """Times of both widths and of NumPy in ns an element, and that of compilation in ms."""
    rng = np.random.default_rng(0)
    xs = [
        rng.uniform(*RANGES.get(name, (-5, 5)), COUNT).astype(dtype) for _ in range(FUNCTIONS[name])
    ]
    out = np.empty(COUNT, dtype)
    places = [x.ctypes.data for x in (*xs, out)]
    times = []
    width = machine().vector_bytes // dtype.itemsize
    for lanes in (width, 2 * width):
        start = time.perf_counter()
        run = compiled(mathematical(name, dtype), [dtype] * len(xs), lanes)
        took = (time.perf_counter() - start) * 1e3
        times.append(best(lambda run=run: run(*places, COUNT), 60))  # type: ignore[misc]
    function = reference(name)
    return times[0], times[1], best(lambda: function(*xs), 10), took


def main() -> None:
    names = sys.argv[1:] or list(FUNCTIONS)
    columns = "once  twice  NumPy  ms"
    print(f"{'ns an element':14s}{'float64: ' + columns:>34s}{'float32: ' + columns:>34s}")
    for name in names:
        cells = []
        for dtype in (np.dtype("f8"), np.dtype("f4")):
            once, twice, numpy, took = measured(name, dtype)
            cells.append(f"{once:16.2f}{twice:7.2f}{numpy:7.2f}{took:4.0f}")
        print(f"{name:14s}{''.join(cells)}", flush=True)


if __name__ == "__main__":
    main()
