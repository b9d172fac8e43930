"""The gradient of an ordinary differential equation solved by Runge and Kutta's method.

Lotka's and Volterra's predators and prey, with respect to the four rates and the two numbers at the
start: scalars alone, so what is measured is the overhead of each step.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.loops import LOOPS
from benchmarks.workload import Inputs, Workload

STEP = 0.01


def energy(xp: Any, scan: Any, variables: tuple[Any, ...], times: Any) -> Any:
    """Return the sum of squares of both numbers at the end."""
    birth, eaten, death, grown, prey, predators = variables

    def slope(x: Any, y: Any) -> tuple[Any, Any]:
        return birth * x - eaten * x * y, grown * x * y - death * y

    def step(state: tuple[Any, Any], _: Any) -> tuple[tuple[Any, Any], None]:
        x, y = state
        a, b = slope(x, y)
        c, d = slope(x + STEP / 2 * a, y + STEP / 2 * b)
        e, f = slope(x + STEP / 2 * c, y + STEP / 2 * d)
        g, h = slope(x + STEP * e, y + STEP * f)
        x = x + STEP / 6 * (a + 2 * c + 2 * e + g)
        y = y + STEP / 6 * (b + 2 * d + 2 * f + h)
        return (x, y), None

    (x, y), _ = scan(step, (prey, predators), times)
    return x * x + y * y


def inputs(steps: int) -> Inputs:
    """Return the function, rates and numbers, and as many times as there are steps."""
    variables = tuple(np.array(v) for v in (1.1, 0.4, 0.4, 0.1, 10.0, 5.0))
    return energy, variables, np.arange(steps) * STEP


WORKLOAD = Workload(
    name="rk4",
    title="Gradient of an ODE by scan",
    size_label="steps",
    sizes=(100, 1000),
    quick_sizes=(100,),
    inputs=inputs,
    contestants=LOOPS,
    limits={"torch": 100, "functrans_eager": 100},
)
