"""Time to the first gradient of a loop over stencil steps that Python unrolls.

Each step adds up 16 neighbours with weights. Compilers that take more than linear time in the
length of a program show it here. Staged code finds the steps again as two loops, forward and
backward, so that what is compiled is the same for all lengths, and time goes into staging.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.first_results import FIRST_RESULTS, gradient
from benchmarks.workload import Inputs, Target, Workload

POINTS = 16
WIDTH = 64


def evolved(xp: Any, state: Any, steps: int) -> Any:
    """Return the mean square of the state after so many steps."""
    for _ in range(steps):
        total = 0.0
        for shift in range(POINTS):
            total = total + xp.roll(state, shift - POINTS // 2) * (1.0 / (1 + shift))
        state = xp.tanh(0.3 * total)
    return xp.mean(state * state)


def inputs(steps: int) -> Inputs:
    """Return the gradient of so many steps, and a state of 64 numbers."""

    def loss(xp: Any, state: Any) -> Any:
        return evolved(xp, state, steps)

    return gradient(loss), np.random.default_rng(0).normal(size=WIDTH)


WORKLOAD = Workload(
    name="stencil",
    title="First gradient of unrolled stencil steps",
    size_label="steps",
    sizes=(10, 20, 50, 100, 300),
    quick_sizes=(10,),
    inputs=inputs,
    contestants=FIRST_RESULTS,
    limits={"jax_jit": 20},
    targets=(
        Target(at_most=0.2, peer="jax_jit", sizes=(10, 20)),
        Target(at_most=1.0, sizes=(100,)),
        Target(at_most=3.0, sizes=(300,)),
    ),
)
