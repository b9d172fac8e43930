"""Predators and prey (Lotka and Volterra) by the method of Runge and Kutta: value and gradient by
the four rates.

A thousand steps on two numbers: nothing but the cost of a step.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.compiled import AHEAD, WITHOUT_TORCH_COMPILE
from benchmarks.workload import Inputs, Workload

STEP = 0.01


def loss(xp: Any, scan: Any, rates: Any, start: Any, elements: Any) -> Any:
    """Return the sum of both populations at the end."""
    birth, prey, gain, death = rates[0], rates[1], rates[2], rates[3]

    def change(x: Any, y: Any) -> tuple[Any, Any]:
        return birth * x - prey * x * y, gain * x * y - death * y

    def step(carry: tuple[Any, Any], _: Any) -> tuple[tuple[Any, Any], None]:
        x, y = carry
        x1, y1 = change(x, y)
        x2, y2 = change(x + 0.5 * STEP * x1, y + 0.5 * STEP * y1)
        x3, y3 = change(x + 0.5 * STEP * x2, y + 0.5 * STEP * y2)
        x4, y4 = change(x + STEP * x3, y + STEP * y3)
        x = x + STEP / 6.0 * (x1 + 2.0 * x2 + 2.0 * x3 + x4)
        y = y + STEP / 6.0 * (y1 + 2.0 * y2 + 2.0 * y3 + y4)
        return (x, y), None

    (x, y), _ = scan(step, (start[0], start[1]), elements)
    return x + y


def inputs(steps: int) -> Inputs:
    """Return the function, the rates, the start, and as many elements as steps."""
    return loss, np.array([1.0, 0.5, 0.4, 0.8]), np.array([1.0, 0.6]), np.zeros(steps)


WORKLOAD = Workload(
    name="lotka_volterra",
    title="Value and gradient of a Lotka-Volterra system by scan",
    size_label="steps",
    sizes=(100, 1000),
    quick_sizes=(100,),
    inputs=inputs,
    contestants=WITHOUT_TORCH_COMPILE,
    targets=AHEAD,
)
