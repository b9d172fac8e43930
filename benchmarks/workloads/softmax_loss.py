"""Softmax cross entropy of a batch by its logits: value and gradient.

Rows are walked through several times: for the largest element, for the sum, for the gradient.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.compiled import AHEAD, COMPILED
from benchmarks.workload import Inputs, Workload

CLASSES = 1000


def loss(xp: Any, scan: Any, logits: Any, targets: Any) -> Any:
    """Return the mean cross entropy with targets that are probabilities."""
    shifted = logits - xp.amax(logits, 1)[:, None]
    normalised = shifted - xp.log(xp.sum(xp.exp(shifted), 1))[:, None]
    return -xp.mean(xp.sum(targets * normalised, 1))


def inputs(batch: int) -> Inputs:
    """Return the function, logits and targets."""
    rng = np.random.default_rng(0)
    targets = rng.uniform(size=(batch, CLASSES))
    targets /= targets.sum(1, keepdims=True)
    return loss, rng.normal(size=(batch, CLASSES)), targets


WORKLOAD = Workload(
    name="softmax_loss",
    title="Value and gradient of softmax cross entropy, 1000 classes",
    size_label="batch",
    sizes=(16, 1024),
    quick_sizes=(16,),
    inputs=inputs,
    contestants=COMPILED,
    targets=AHEAD,
)
