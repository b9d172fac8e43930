"""Print first results and peak memory of one contestant: ``python -m benchmarks.probes.fresh
WORKLOAD SIZE CONTESTANT``.

The library has compiled and run a sum of squares before, so what every program loads is there.
Nothing that was compiled for the workload is at hand, neither in the process nor on the disk. Times
are the medians of three first calls, and that of the very first, which compiles what programs share
besides, such as a factorisation of functrans. The peaks of memory are those of the very first, with
what is compiled after it in the background, and of some calls later; both less what the process
held when the library was loaded and the data was made. What an allocator keeps of what is free
counts too, and processes that a compiler starts do not.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from statistics import median

import numpy as np

from benchmarks.memory import peak_bytes, start_of_peak
from benchmarks.peers import SLOW, is_installed, settle
from benchmarks.run import chosen
from benchmarks.workload import Size, Workload

FIRST_CALLS = 3
LATER_CALLS = 5
LONG = 5.0
"""Seconds of a first call that is made once only."""

NO_CACHE = {
    "FUNCTRANS_CACHE": "0",
    "JAX_ENABLE_COMPILATION_CACHE": "false",
    "TORCHINDUCTOR_FORCE_DISABLE_CACHES": "1",
}


def _warm_functrans() -> None:
    import functrans as ft

    ft.jit(ft.grad(lambda x: np.sum(x * x)))(np.ones(3))
    settle()


def _forget_functrans() -> None:
    import functrans as ft

    ft.clear_caches()
    engine = sys.modules.get("functrans.compile.llvm.code.engine")
    if engine is not None:
        engine.forget()


def _warm_jax() -> None:
    import jax

    jax.jit(jax.grad(lambda x: (x * x).sum()))(np.ones(3))


def _forget_jax() -> None:
    import jax

    jax.clear_caches()


def _warm_torch() -> None:
    import torch

    x = torch.ones(3, requires_grad=True)
    torch.autograd.grad((x * x).sum(), x)


def _forget_nothing() -> None:
    pass


def _warm_torch_compile() -> None:
    import torch

    x = torch.ones(3, requires_grad=True)
    torch.autograd.grad(torch.compile(lambda x: (x * x).sum())(x), x)


def _forget_torch_compile() -> None:
    import torch

    torch._dynamo.reset()  # what users call too


Step = Callable[[], None]

LIBRARIES: dict[str, tuple[Step, Step]] = {
    "functrans": (_warm_functrans, _forget_functrans),
    "jax_jit": (_warm_jax, _forget_jax),
    "torch": (_warm_torch, _forget_nothing),
    "torch_compile": (_warm_torch_compile, _forget_torch_compile),
}
"""For each contestant (any of functrans: the first): compile something, forget what is compiled."""


class Contestant:
    """A contestant of a workload in this process, whose first calls are timed."""

    def __init__(self, workload: Workload, size: Size, name: str) -> None:
        known = name if name in LIBRARIES else "functrans"
        warm, self.forget = LIBRARIES[known]
        warm()
        self.make, self.inputs = workload.contestants[name], workload.inputs(size)
        self.seconds: list[float] = []
        self.processor_seconds: list[float] = []
        self.renew()

    def renew(self) -> None:
        """Make the call anew, of which nothing is compiled."""
        self.forget()
        self.function, self.arguments = self.make(*self.inputs)

    def call(self) -> None:
        """Call, and note what the call took; what it puts off is done after that."""
        start, start_of_work = time.perf_counter(), time.process_time()
        self.function(*self.arguments)
        self.seconds.append(time.perf_counter() - start)
        self.processor_seconds.append(time.process_time() - start_of_work)
        settle()


def main(name: str, size: str, contestant_name: str) -> None:
    """Measure, and print a JSON object."""
    os.environ.update(NO_CACHE)
    (workload,) = chosen([name])
    assert isinstance(workload, Workload), name
    SLOW.discard(contestant_name)
    assert is_installed(contestant_name), contestant_name
    at = next(known for known in workload.sizes if str(known) == size)
    contestant = Contestant(workload, at, contestant_name)

    before = start_of_peak()
    contestant.call()
    first = peak_bytes()
    start_of_peak()
    for _ in range(LATER_CALLS):
        contestant.function(*contestant.arguments)
    later = peak_bytes()

    while len(contestant.seconds) < FIRST_CALLS and contestant.seconds[0] < LONG:
        contestant.renew()
        contestant.call()
    measured = {
        "seconds": median(contestant.seconds),
        "seconds_of_the_very_first": contestant.seconds[0],
        "processor_seconds": median(contestant.processor_seconds),
    }
    if before is not None and first is not None and later is not None:
        measured["megabytes_to_compile_and_run"] = (first - before) / 1e6
        measured["megabytes_to_run"] = (later - before) / 1e6
        measured["megabytes_in_all"] = max(first, later) / 1e6
    print(json.dumps(measured))


if __name__ == "__main__":
    main(*sys.argv[1:])
