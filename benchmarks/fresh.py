"""First results and peak memory: every contestant of a workload in a process of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from benchmarks.first_results import FIRST_RESULTS
from benchmarks.timing import run_probe
from benchmarks.workload import AnyWorkload, Size, Workload, entrants

Measured = Mapping[str, float]

MEMORY = ("megabytes_to_compile_and_run", "megabytes_to_run", "megabytes_in_all")
"""What is measured of memory, where the system tells."""

CONTESTANTS = (
    *("functrans_native", "functrans_compiled", "functrans_jit", "functrans"),
    *("jax_jit", "torch", "torch_compile"),
)
"""Who is measured: the programs of functrans before what is not compiled, and the peers."""


def contestants(workload: AnyWorkload, size: Size) -> list[str]:
    """Return who is measured in fresh processes: nobody where nothing is compiled, or where each
    call is a first one already."""
    if not isinstance(workload, Workload) or workload.contestants is FIRST_RESULTS:
        return []
    if not {"jax_jit", "torch_compile"} & set(workload.contestants):
        return []
    admitted = set(entrants(workload, size)) - workload.ahead
    return [name for name in CONTESTANTS if name in admitted]


def measure(workload: AnyWorkload, size: Size, tick: Callable[[], Any]) -> dict[str, Measured]:
    """Return what each contestant's process measured: seconds of a first call, and memory."""
    found = {}
    for name in contestants(workload, size):
        found[name] = run_probe(("benchmarks.probes.fresh", workload.name, str(size), name))
        tick()
    return found


def compiled(names: Iterable[str]) -> str:
    """Return who of them stands for functrans beside peers that compile."""
    return next(name for name in CONTESTANTS if name in names)
