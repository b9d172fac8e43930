"""Print what matrix products reach: ``python -m benchmarks.probes.products [float32] [float64]``.

For each size and layout: microseconds and GF/s of the generated code, the way it went, and the same
of ``numpy.matmul`` into an array that exists. First of all the processor's peak: sums in registers,
with no memory at all. One thread; the least of many runs.
"""

from __future__ import annotations

import ctypes
import sys
import time
from typing import TYPE_CHECKING, Any

from benchmarks.threads import limit_threads

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

limit_threads()

import numpy as np  # noqa: E402

from functrans.compile.llvm.code.builder import Builder, Module, Value, number, vector  # noqa: E402
from functrans.compile.llvm.code.engine import load  # noqa: E402
from functrans.compile.llvm.kernels.contractions import Matrices, Product  # noqa: E402
from functrans.compile.llvm.kernels.products import multiply_matrices  # noqa: E402
from functrans.compile.llvm.kernels.tiles import lanes_of, multiply_add  # noqa: E402
from functrans.compile.llvm.kernels.tiling import ELEMENTS, room, way  # noqa: E402

CASES = [
    *[(n, n, n, "nn") for n in (4, 16, 32, 64, 128, 256, 512, 1024)],
    (16, 64, 64, "nn"),
    *[(m, 512, 784, "nn") for m in (1, 8, 32, 128)],
    *[(m, 784, 512, "nt") for m in (1, 8, 32, 128)],
    *[(784, 512, k, "tn") for k in (1, 8, 32, 128)],
    (512, 512, 512, "tn"),
    (512, 512, 512, "nt"),
    (4096, 64, 64, "nn"),
    (1, 1, 100_000, "nn"),
    (1000, 1, 1000, "nn"),
]
"""m, n, k, and which of the operands is transposed."""


def native(body: Callable[[Builder], None]) -> Any:
    """A function of three addresses and a count of repetitions."""
    module = Module()
    builder = Builder(module, "run", "void", ["ptr", "ptr", "ptr", "i64"])

    def again(_: Value, carried: Sequence[Value]) -> Sequence[Value]:
        body(builder)
        return carried

    builder.loop(0, builder.operands[3], again)
    builder.finish()
    address = load(module.text(), ["run"])["run"]
    kind = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 3, ctypes.c_int64)
    return kind(address)


def seconds(call: Callable[[], Any]) -> float:
    """The least of the times of a call, over half a second."""
    call()
    least = float("inf")
    end = time.perf_counter() + 0.5
    while time.perf_counter() < end:
        start = time.perf_counter()
        call()
        least = min(least, time.perf_counter() - start)
    return least


def peak(dtype: np.dtype[Any]) -> float:
    """GF/s of multiplications and additions in 16 registers that wait for nothing else."""
    element = ELEMENTS[dtype]
    kind = vector(element, lanes_of(element))

    def body(builder: Builder) -> None:
        x = builder.load(kind, builder.operands[0])

        def step(_: Value, sums: list[Value]) -> list[Value]:
            return [multiply_add(builder, x, x, total) for total in sums]

        sums = builder.loop(0, 10_000, step, [number(i, kind) for i in range(16)])
        total = sums[0]
        for other in sums[1:]:
            total = builder.fadd(total, other)
        builder.store(total, builder.operands[1])

    run = native(body)
    x, out = np.zeros((2, 16))
    least = seconds(lambda: run(x.ctypes.data, out.ctypes.data, None, 1))
    return 2 * 16 * lanes_of(element) * 10_000 / least / 1e9


def operand(rows: int, columns: int, dtype: np.dtype[Any], transposed: bool) -> Any:
    shape = (columns, rows) if transposed else (rows, columns)
    x = np.random.default_rng(0).normal(size=shape).astype(dtype)
    return x.T if transposed else x


def measure(case: tuple[int, int, int, str], dtype: np.dtype[Any]) -> str:
    """One line of the table."""
    m, n, k, layout = case
    a = operand(m, k, dtype, layout[0] == "t")
    b = operand(k, n, dtype, layout[1] == "t")
    out = np.empty((m, n), dtype)
    steps = [tuple(s // x.itemsize for s in x.strides) for x in (a, b, out)]
    product = Product(dtype, (), m, n, k, *(Matrices((), *step) for step in steps))
    run = native(
        lambda builder: multiply_matrices(
            builder, product, *builder.operands[:3], builder.slot("i8", max(room(product), 1))
        )
    )
    work = 2 * m * n * k
    count = max(1_000_000 // work, 1)
    places = [x.ctypes.data for x in (a, b, out)]
    ours = seconds(lambda: run(*places, count)) / count
    theirs = seconds(lambda: np.matmul(a, b, out=out))
    return (
        f"{m:5} {n:5} {k:7} {layout}  {way(product):8}"
        f"{ours * 1e6:11.3f} {work / ours / 1e9:7.1f}"
        f"{theirs * 1e6:11.2f} {work / theirs / 1e9:7.1f}"
    )


def main(dtypes: Sequence[str]) -> None:
    """Print a table for each dtype."""
    for name in dtypes or ["float32", "float64"]:
        dtype = np.dtype(name)
        print(f"{name}: peak {peak(dtype):.1f} GF/s")
        print("    m     n       k     way          us    GF/s   numpy us    GF/s")
        for case in CASES:
            print(measure(case, dtype), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
