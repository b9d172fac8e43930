"""The gradient of a small scalar function of 10 variables, against finite differences.

This is what an optimiser such as ``scipy.optimize.minimize`` does when it is given no gradient:
two-point differences evaluate the function 11 times. A gradient that costs more is of little use.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.gradients import (
    GRADIENTS,
    Function,
    central_difference,
    forward_difference,
    numpy_forward,
)
from benchmarks.workload import Inputs, Target, Workload

VARIABLES = 10


def energy_of(operations: int) -> Function:
    """Return a function of ``operations`` NumPy operations: rounds of nine and a sum."""
    rounds = (operations - 1) // 9

    def energy(xp: Any, x: Any) -> Any:
        v = x
        for _ in range(rounds):
            v = xp.tanh(xp.sin(v) * x + xp.exp(-(v * v))) * 0.5 + x
        return xp.sum(v)

    return energy


def inputs(operations: int) -> Inputs:
    """Return the function and a vector of 10 variables."""
    return energy_of(operations), np.random.default_rng(0).uniform(-1.0, 1.0, VARIABLES)


WORKLOAD = Workload(
    name="scalar_function",
    title="Gradient of a scalar function of 10 variables",
    size_label="operations",
    sizes=(10, 28, 100),
    quick_sizes=(10, 28),
    inputs=inputs,
    contestants={
        **GRADIENTS,
        "forward_difference": forward_difference,
        "central_difference": central_difference,
        "numpy_forward": numpy_forward,
    },
    references=frozenset({"numpy_forward"}),
    targets=(Target(at_most=1.0, peer="forward_difference"),),
)
