"""The activation GELU, in its approximation by tanh, summed: value and gradient.

One long elementwise chain and one sum: what fusing operations into one loop gains.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.compiled import AHEAD, COMPILED
from benchmarks.workload import Inputs, Workload


def loss(xp: Any, scan: Any, x: Any) -> Any:
    """Return the sum of GELU."""
    inner = 0.7978845608028654 * (x + 0.044715 * x**3)
    return xp.sum(0.5 * x * (1.0 + xp.tanh(inner)))


def inputs(n: int) -> Inputs:
    """Return the function and n numbers."""
    return loss, np.random.default_rng(0).normal(size=n)


WORKLOAD = Workload(
    name="gelu",
    title="Value and gradient of GELU",
    size_label="n",
    sizes=(100, 16_384, 1_000_000),
    quick_sizes=(100,),
    inputs=inputs,
    contestants=COMPILED,
    targets=AHEAD,
)
