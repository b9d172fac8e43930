"""Time to the first gradient of each of the other workloads: staging, compiling and running."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.first_results import FIRST_RESULTS
from benchmarks.network import loss
from benchmarks.workload import Inputs, Target, Workload
from benchmarks.workloads import chain, mlp, rnn, scalar_function

SOURCES: dict[str, Callable[[], Inputs]] = {
    "chain": lambda: chain.inputs(100),
    "scalar function": lambda: scalar_function.inputs(100),
    "MLP": lambda: (loss, *mlp.inputs(32)),
    "RNN": lambda: rnn.inputs(50),
}


def inputs(name: str) -> Inputs:
    """Return the function and the arguments of that workload."""
    return SOURCES[name]()


WORKLOAD = Workload(
    name="first_result",
    title="First gradient, from nothing",
    size_label="of",
    sizes=tuple(SOURCES),
    quick_sizes=("chain",),
    inputs=inputs,
    contestants=FIRST_RESULTS,
    targets=(Target(at_most=0.2, peer="jax_jit", sizes=tuple(SOURCES)),),
)
