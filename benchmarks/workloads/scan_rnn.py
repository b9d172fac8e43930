"""The gradient of the recurrent network whose steps are a ``scan``."""

from __future__ import annotations

from typing import Any

from benchmarks.loops import LOOPS
from benchmarks.workload import Inputs, Workload
from benchmarks.workloads import rnn


def loss(xp: Any, scan: Any, parameters: tuple[Any, Any, Any], sequence: Any, start: Any) -> Any:
    """Return the mean square of the last state."""
    from_input, from_state, bias = parameters

    def step(state: Any, element: Any) -> tuple[Any, None]:
        return xp.tanh(element @ from_input + state @ from_state + bias), None

    state, _ = scan(step, start, sequence)
    return xp.mean(state * state)


def inputs(steps: int) -> Inputs:
    """Return the function and the arguments of the network that is a loop in Python."""
    return loss, *rnn.inputs(steps)[1:]


WORKLOAD = Workload(
    name="scan_rnn",
    title="Gradient of a recurrent network by scan",
    size_label="steps",
    sizes=(10, 100),
    quick_sizes=(10,),
    inputs=inputs,
    contestants=LOOPS,
)
