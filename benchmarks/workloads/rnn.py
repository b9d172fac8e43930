"""The gradient of a recurrent network whose steps are a Python loop: 32 units, batch of 16."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.gradients import GRADIENTS, numpy_forward
from benchmarks.workload import Inputs, Workload

UNITS = 32
FEATURES = 32
BATCH = 16


def loss(xp: Any, parameters: tuple[Any, Any, Any], sequence: Any, start: Any) -> Any:
    """Return the mean square of the last state."""
    from_input, from_state, bias = parameters
    state = start
    for step in range(sequence.shape[0]):
        state = xp.tanh(sequence[step] @ from_input + state @ from_state + bias)
    return xp.mean(state * state)


def inputs(steps: int) -> Inputs:
    """Return the function, its parameters, a sequence of ``steps`` and the first state."""
    rng = np.random.default_rng(0)
    parameters = (
        rng.normal(0.0, FEATURES**-0.5, (FEATURES, UNITS)),
        rng.normal(0.0, UNITS**-0.5, (UNITS, UNITS)),
        rng.normal(0.0, 0.1, UNITS),
    )
    return loss, parameters, rng.normal(size=(steps, BATCH, FEATURES)), np.zeros((BATCH, UNITS))


WORKLOAD = Workload(
    name="rnn",
    title="Gradient of a recurrent network",
    size_label="steps",
    sizes=(10, 50),
    quick_sizes=(10,),
    inputs=inputs,
    contestants={**GRADIENTS, "numpy_forward": numpy_forward},
    references=frozenset({"numpy_forward"}),
)
