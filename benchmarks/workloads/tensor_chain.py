"""The chain of 20 elementwise operations and a sum, with ``.backward()``."""

from __future__ import annotations

from typing import Any

from benchmarks.imperative import contestants
from benchmarks.workload import Call, Target, Workload
from benchmarks.workloads.chain import inputs


def program(torch: Any, function: Any, values: Any) -> Call:
    """Return the step that forgets the gradient, runs the chain and its backward pass."""
    x = torch.tensor(values, requires_grad=True)

    def step() -> Any:
        x.grad = None
        function(torch, x).backward()
        return x.grad

    return step, ()


WORKLOAD = Workload(
    name="tensor_chain",
    title="Chain of 20 operations on tensors, with .backward()",
    size_label="n",
    sizes=(1, 100, 10_000),
    quick_sizes=(1, 100),
    inputs=inputs,
    contestants=contestants(program),
    targets=(Target(at_most=0.8, peer="torch", sizes=(1, 100)),),
)
