"""Layer normalisation with scale and shift: value and gradient by all three.

Sums along rows and along columns over the same large array.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.compiled import AHEAD, COMPILED
from benchmarks.workload import Inputs, Workload

WIDTH = 1024


def loss(xp: Any, scan: Any, variables: tuple[Any, Any, Any], weights: Any) -> Any:
    """Return a weighted sum of the normalised rows."""
    x, scale, shift = variables
    centred = x - xp.mean(x, 1)[:, None]
    spread = xp.sqrt(xp.mean(centred * centred, 1) + 1e-5)
    return xp.sum(weights * (centred / spread[:, None] * scale + shift))


def inputs(batch: int) -> Inputs:
    """Return the function, rows, scale, shift and weights."""
    rng = np.random.default_rng(0)
    x, weights = rng.normal(size=(2, batch, WIDTH))
    return loss, (x, rng.normal(size=WIDTH), rng.normal(size=WIDTH)), weights


WORKLOAD = Workload(
    name="layer_norm",
    title="Value and gradient of layer normalisation, 1024 wide",
    size_label="batch",
    sizes=(16, 1024),
    quick_sizes=(16,),
    inputs=inputs,
    contestants=COMPILED,
    targets=AHEAD,
)
