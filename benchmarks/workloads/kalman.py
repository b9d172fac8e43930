"""A Kalman filter of two numbers that move with constant speed, seen one at a time: the likelihood
of what was seen and its gradient by the noises."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.compiled import AHEAD, WITHOUT_TORCH_COMPILE
from benchmarks.workload import Inputs, Workload


def loss(xp: Any, scan: Any, noises: Any, seen: Any, start: Any, covariance: Any, move: Any) -> Any:
    """Return the negative logarithm of the likelihood, without its constant."""
    of_state, of_sight = noises[0], noises[1]

    def step(carry: tuple[Any, Any, Any], z: Any) -> tuple[tuple[Any, Any, Any], None]:
        state, spread, total = carry
        state = move @ state
        spread = move @ spread @ move.T + of_state * covariance
        off = z - state[0]
        size = spread[0, 0] + of_sight
        gain = spread[:, 0] / size
        state = state + gain * off
        spread = spread - gain[:, None] * spread[0][None, :]
        return (state, spread, total + 0.5 * (off * off / size + xp.log(size))), None

    (_, _, total), _ = scan(step, (start, covariance, 0.0 * of_state), seen)
    return total


def inputs(steps: int) -> Inputs:
    """Return the function, the noises, what is seen, and the model."""
    rng = np.random.default_rng(0)
    seen = np.cumsum(rng.normal(scale=0.3, size=steps)) + rng.normal(scale=0.5, size=steps)
    move = np.array([[1.0, 1.0], [0.0, 1.0]])
    return loss, np.array([0.1, 0.3]), seen, np.zeros(2), np.eye(2), move


WORKLOAD = Workload(
    name="kalman",
    title="Value and gradient of a Kalman filter by scan",
    size_label="steps",
    sizes=(100, 1000),
    quick_sizes=(100,),
    inputs=inputs,
    contestants=WITHOUT_TORCH_COMPILE,
    targets=AHEAD,
)
