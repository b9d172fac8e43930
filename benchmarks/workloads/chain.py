"""The gradient of a chain of 20 elementwise operations and a sum: the cost of one operation.

Small sizes show the overhead per operation, large ones how well memory is used.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.gradients import GRADIENTS, numpy_forward
from benchmarks.workload import Inputs, Target, Workload


def chain(xp: Any, x: Any) -> Any:
    """Four rounds of sin, multiply, add, tanh and exp, then the sum."""
    v = x
    for _ in range(4):
        v = xp.sin(v)
        v = v * x
        v = v + x
        v = xp.tanh(v)
        v = xp.exp(v)
    return xp.sum(v)


def inputs(size: int) -> Inputs:
    """Return the function and a vector of ``size`` numbers between -1 and 1."""
    return (chain, np.random.default_rng(0).uniform(-1.0, 1.0, size))


WORKLOAD = Workload(
    name="chain",
    title="Gradient of a chain of 20 operations",
    size_label="n",
    sizes=(1, 100, 10_000, 1_000_000),
    quick_sizes=(1, 100),
    inputs=inputs,
    contestants={**GRADIENTS, "numpy_forward": numpy_forward},
    references=frozenset({"numpy_forward"}),
    targets=(
        Target(at_most=0.6, peer="torch", sizes=(1, 100)),
        Target(at_most=0.4, peer="autograd", sizes=(1, 100)),
    ),
)
