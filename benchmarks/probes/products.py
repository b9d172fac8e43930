"""Print what matrix products reach: ``python -m benchmarks.probes.products [--help]``.

For each size and each order of transposition, the percentage of what the machine can do that
``jit`` of the product reaches, called from Python and with a new result each time, and the same of
``numpy.matmul``, ``torch.mm`` and ``jax.jit`` where these are installed. What the machine can do is
measured beside them in each round: multiplications and additions in registers, or reading as many
bytes once, whichever takes longer; below 1 µs, of which much is the call, times stand there
instead. With ``--kernels`` the generated code is called without Python around it.
"""

from __future__ import annotations

import argparse
import ctypes
import importlib.util
import json
import platform
import sys
import time
from math import prod
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.threads import limit_threads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

THREADS = int(sys.argv[sys.argv.index("--threads") + 1]) if "--threads" in sys.argv else 1
limit_threads(THREADS)

import numpy as np  # noqa: E402

import functrans as ft  # noqa: E402
from benchmarks.peers import settle, versions  # noqa: E402
from benchmarks.probes.peak import Peak, Reading  # noqa: E402
from functrans.compile.llvm.code.builder import Builder, Module  # noqa: E402
from functrans.compile.llvm.code.engine import load  # noqa: E402
from functrans.compile.llvm.kernels.contractions import Matrices, Product  # noqa: E402
from functrans.compile.llvm.kernels.products import multiply_matrices, room_of  # noqa: E402
from functrans.compile.llvm.plans.arena import LINE  # noqa: E402

ORDERS = ("nn", "nt", "tn", "tt")
SQUARES = (2, 4, 8, 16, 32, 64, 100, 128, 256, 500, 512, 1000, 1024, 2048)

GROUPS: dict[str, list[tuple[int, ...]]] = {
    "squares": [(n, n, n) for n in SQUARES],
    "skinny": [
        *[(100_000, 16, 16), (4096, 64, 64), (2048, 2048, 32), (64, 64, 100_000)],
        *[(16, 4096, 4096), (4096, 16, 4096), (300, 2000, 7), (1001, 999, 333)],
    ],
    "vectors": [
        *[(n, 1, n) for n in (32, 128, 512, 1024, 4096)],
        *[(1, 1, 100_000), (1, 4096, 1024)],
    ],
    "stacks": [
        *[(1000, 4, 4, 4), (1000, 8, 8, 8), (100, 32, 32, 32), (32, 64, 64, 16)],
        (8, 256, 256, 256),
    ],
    "network": [(128, 512, 784), (128, 512, 512), (128, 10, 512), (784, 512, 128), (512, 512, 128)],
    "transformer": [
        *[(512, 64, 64), (512, 256, 64), (512, 64, 256), (64, 256, 512)],
        *[(32, 64, 64, 16), (32, 64, 16, 64)],
    ],
}
"""m, n and k, after the number of matrices where these are stacks: of all sizes, and those of a
network 784-512-512-10 and a block of a transformer, forward and backward."""

ROUNDS = 7
SLICE = 0.004
"""Seconds of one contestant in a round, at least."""

SMALL = 1e-6
"""Seconds of a call that is compared in time alone."""


class Case(NamedTuple):
    """A product to measure."""

    shape: tuple[int, ...]
    order: str
    dtype: np.dtype[Any]

    def operands(self) -> tuple[Any, Any]:
        """What is transposed in the product, as it lies."""
        *stack, m, n, k = self.shape
        shapes = (
            (k, m) if self.order[0] == "t" else (m, k),
            (n, k) if self.order[1] == "t" else (k, n),
        )
        rng = np.random.default_rng(0)
        x, y = (rng.normal(size=(*stack, *shape)).astype(self.dtype) for shape in shapes)
        return x, y

    def views(self, x: Any, y: Any) -> tuple[Any, Any]:
        """The two as they are multiplied; arrays of any library."""
        return x.mT if self.order[0] == "t" else x, y.mT if self.order[1] == "t" else y

    @property
    def bytes(self) -> int:
        """Those of the operands and of the result."""
        *stack, m, n, k = self.shape
        return prod(stack) * (m * k + k * n + m * n) * self.dtype.itemsize


def kernel(case: Case) -> Callable[[], Any]:
    """The generated code alone, into memory that exists; of one matrix."""
    x, y = case.views(*case.operands())
    out = np.empty((x.shape[-2], y.shape[-1]), case.dtype)
    steps = [tuple(s // z.itemsize for s in z.strides) for z in (x, y, out)]
    product = Product(case.dtype, (), *case.shape, *(Matrices((), *step) for step in steps))
    module = Module()
    builder = Builder(module, "run", "void", ["ptr"] * 4)
    a, b, result, memory = builder.operands
    multiply_matrices(builder, product, a, b, result, memory)
    builder.finish()
    run = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 4)(load(module.text(), ["run"])["run"])
    place = np.empty(room_of(product) + LINE, np.uint8)
    arrays = x, y, out, place[-place.ctypes.data % LINE :]
    return lambda: run(*[z.ctypes.data for z in arrays])


def contestants(case: Case, kernels: bool, peers: bool) -> Iterator[tuple[str, Callable[[], Any]]]:
    """What multiplies, by its name."""
    x, y = case.operands()
    if kernels:
        yield "kernel", kernel(case)
    native = ft.jit(lambda x, y: np.matmul(*case.views(x, y)), backend="llvm")
    yield "native", lambda: native(x, y)
    if not peers:
        return
    left, right = case.views(x, y)
    yield "numpy", lambda: np.matmul(left, right)
    if importlib.util.find_spec("torch"):
        import torch

        torch.set_num_threads(THREADS)
        a, b = case.views(torch.from_numpy(x), torch.from_numpy(y))
        yield "torch", lambda: torch.matmul(a, b)
    if importlib.util.find_spec("jax"):
        import jax

        jax.config.update("jax_enable_x64", True)
        compiled = jax.jit(lambda x, y: jax.numpy.matmul(*case.views(x, y)))
        given = jax.numpy.asarray(x), jax.numpy.asarray(y)
        yield "jax", lambda: jax.block_until_ready(compiled(*given))


def least(call: Callable[[], Any]) -> float:
    """The least of the times of a call, over a slice.

    Where one call takes long, and on one thread, that is the processor's time: what other processes
    take meanwhile does not count.
    """
    start = time.perf_counter()
    call()
    long = THREADS == 1 and time.perf_counter() - start > SLICE / 20
    clock = time.process_time if long else time.perf_counter
    best, end = float("inf"), time.perf_counter() + SLICE
    while True:
        start = clock()
        call()
        best = min(best, clock() - start)
        if time.perf_counter() > end:
            return best


class Measured(NamedTuple):
    """A contestant at a product.

    Attributes
    ----------
    seconds : float
    of_peak, of_limit : float
        The part of what registers allow that was reached, and of what registers and memory do.
    """

    seconds: float
    of_peak: float
    of_limit: float


def measure(case: Case, peak: Peak, reading: Reading, options: Any) -> dict[str, Measured]:
    """Medians over rounds in which each contestant has its turn, beside the machine itself."""
    calls = dict(contestants(case, options.kernels and len(case.shape) == 3, options.peers))
    for call in calls.values():
        call()
    settle()
    work = 2 * prod(case.shape)
    rounds: dict[str, list[Measured]] = {name: [] for name in calls}
    names = list(calls)
    for _ in range(options.rounds):
        for name in names:
            rates = [THREADS * peak.operations / min(peak.once() for _ in range(8))]
            taken = least(calls[name])
            rates.append(THREADS * peak.operations / min(peak.once() for _ in range(8)))
            arithmetic = work / max(rates)
            memory = min(reading.once(case.bytes) for _ in range(3)) / THREADS
            limit = max(arithmetic, memory)
            rounds[name].append(Measured(taken, arithmetic / taken, limit / taken))
        names = names[1:] + names[:1]
    reading.forget()
    return {
        name: Measured(*[median(column) for column in zip(*found, strict=True)])
        for name, found in rounds.items()
    }


def line(case: Case, found: dict[str, Measured]) -> str:
    """What is printed of one product."""
    small = found["native"].seconds < SMALL
    cells = []
    for one in found.values():
        microseconds = f"{one.seconds * 1e6:9.2f} us"
        cells.append(
            microseconds if small else f"{100 * one.of_peak:5.0f} {100 * one.of_limit:4.0f} %"
        )
    name = " ".join([f"{size:6}" for size in case.shape]).rjust(28)
    return f"{name} {case.order} {found['native'].seconds * 1e6:11.2f}" + "".join(
        [cell.rjust(14) for cell in cells]
    )


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.probes.products")
    parser.add_argument("--dtypes", nargs="*", default=["float32", "float64"])
    parser.add_argument("--groups", nargs="*", default=list(GROUPS), choices=list(GROUPS))
    parser.add_argument("--orders", nargs="*", default=list(ORDERS), choices=list(ORDERS))
    parser.add_argument("--sizes", nargs="*", type=int, help="squares of these sizes alone")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--kernels", action="store_true", help="the generated code alone, too")
    parser.add_argument("--no-peers", dest="peers", action="store_false")
    parser.add_argument("--output", type=Path, help="a file for all figures, in JSON")
    return parser.parse_args()


def cases(options: Any, dtype: np.dtype[Any]) -> Sequence[Case]:
    """The products that the command line asks for."""
    groups = [shape for name in options.groups for shape in GROUPS[name]]
    shapes = [(n, n, n) for n in options.sizes] if options.sizes else groups
    return [Case(tuple(shape), order, dtype) for shape in shapes for order in options.orders]


def main() -> None:
    """Print a table for each dtype, and write what was measured."""
    options = arguments()
    results = []
    for name in options.dtypes:
        dtype = np.dtype(name)
        peak, reading = Peak(dtype), Reading()
        rate = peak.gigaflops(threads=THREADS)
        print(f"{name}: {rate:.1f} GF/s in registers on {THREADS} threads; % of that, and of what")
        print("memory allows too, of each contestant")
        header = False
        for case in cases(options, dtype):
            found = measure(case, peak, reading, options)
            if not header:
                print(f"{'(stack) m n k':>28}    {'us':>11}" + "".join(f"{x:>14}" for x in found))
                header = True
            print(line(case, found), flush=True)
            figures = {name: one._asdict() for name, one in found.items()}
            results.append({"dtype": name, "shape": case.shape, "order": case.order, **figures})
    if options.output:
        about = {"processor": platform.processor(), "threads": THREADS, "versions": versions()}
        options.output.write_text(json.dumps({**about, "products": results}, indent=1))


if __name__ == "__main__":
    main()
