"""A long short-term memory cell, repeated over a sequence: value and gradient by its weights.

The steps are a ``scan``; PyTorch runs them as a loop in Python.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.compiled import AHEAD, WITHOUT_TORCH_COMPILE
from benchmarks.workload import Inputs, Workload

BATCH, FEATURES, WIDTH = 16, 32, 64


def sigmoid(xp: Any, x: Any) -> Any:
    """Return the logistic function, by tanh, which all libraries have."""
    return 0.5 + 0.5 * xp.tanh(0.5 * x)


def loss(xp: Any, scan: Any, variables: tuple[Any, ...], sequence: Any, start: Any) -> Any:
    """Return the mean square of the last output."""
    from_input, from_state, bias = variables

    def step(carry: tuple[Any, Any], element: Any) -> tuple[tuple[Any, Any], None]:
        state, cell = carry
        gates = element @ from_input + state @ from_state + bias
        enter, keep = sigmoid(xp, gates[:, :WIDTH]), sigmoid(xp, gates[:, WIDTH : 2 * WIDTH])
        leave = sigmoid(xp, gates[:, 2 * WIDTH : 3 * WIDTH])
        cell = keep * cell + enter * xp.tanh(gates[:, 3 * WIDTH :])
        return (leave * xp.tanh(cell), cell), None

    (state, _), _ = scan(step, (start, start), sequence)
    return xp.mean(state * state)


def inputs(steps: int) -> Inputs:
    """Return the function, the weights, a sequence and the first state."""
    rng = np.random.default_rng(0)
    weights = (
        rng.normal(scale=0.2, size=(FEATURES, 4 * WIDTH)),
        rng.normal(scale=0.1, size=(WIDTH, 4 * WIDTH)),
        np.zeros(4 * WIDTH),
    )
    sequence = rng.normal(size=(steps, BATCH, FEATURES))
    return loss, weights, sequence, np.zeros((BATCH, WIDTH))


WORKLOAD = Workload(
    name="lstm",
    title="Value and gradient of an LSTM by scan",
    size_label="steps",
    sizes=(10, 100),
    quick_sizes=(10,),
    inputs=inputs,
    contestants=WITHOUT_TORCH_COMPILE,
    targets=AHEAD,
)
