"""The energy of bodies that attract each other, softened: value and gradient by their places, which
is the force."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.compiled import AHEAD, COMPILED
from benchmarks.workload import Inputs, Workload


def loss(xp: Any, scan: Any, places: Any, masses: Any) -> Any:
    """Return the potential energy."""
    apart = places[:, None, :] - places[None, :, :]
    distance = xp.sqrt(xp.sum(apart * apart, 2) + 0.01)
    return -0.5 * xp.sum(masses[:, None] * masses[None, :] / distance)


def inputs(n: int) -> Inputs:
    """Return the function, places and masses."""
    rng = np.random.default_rng(0)
    return loss, rng.normal(size=(n, 3)), rng.uniform(0.5, 1.5, n)


WORKLOAD = Workload(
    name="n_body",
    title="Value and gradient of the energy of n bodies",
    size_label="n",
    sizes=(50, 500),
    quick_sizes=(50,),
    inputs=inputs,
    contestants=COMPILED,
    targets=AHEAD,
)
