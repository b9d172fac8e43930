"""A block of a transformer: attention of four heads and a network of two layers, with layer
normalisation before each; value and gradient by all weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.compiled import AHEAD, COMPILED
from benchmarks.workload import Inputs, Workload

LENGTH, WIDTH, HEADS = 64, 64, 4


def normalised(xp: Any, x: Any, scale: Any) -> Any:
    """Return the rows with mean 0 and variance 1, scaled."""
    centred = x - xp.mean(x, -1)[..., None]
    return centred / xp.sqrt(xp.mean(centred * centred, -1) + 1e-5)[..., None] * scale


def loss(xp: Any, scan: Any, variables: tuple[Any, ...], x: Any) -> Any:
    """Return the mean square of what the block returns."""
    before, query, key, value, out, after, first, second = variables
    batch = x.shape[0]

    def heads(y: Any) -> Any:
        return xp.swapaxes(xp.reshape(y, (batch, LENGTH, HEADS, WIDTH // HEADS)), 1, 2)

    y = normalised(xp, x, before)
    q, k, v = heads(y @ query), heads(y @ key), heads(y @ value)
    scores = q @ xp.swapaxes(k, -1, -2) * (WIDTH // HEADS) ** -0.5
    e = xp.exp(scores - xp.amax(scores, -1)[..., None])
    mixed = (e / xp.sum(e, -1)[..., None]) @ v
    x = x + xp.reshape(xp.swapaxes(mixed, 1, 2), (batch, LENGTH, WIDTH)) @ out
    hidden = normalised(xp, x, after) @ first
    gelu = 0.5 * hidden * (1.0 + xp.tanh(0.7978845608 * (hidden + 0.044715 * hidden**3)))
    x = x + gelu @ second
    return xp.mean(x * x)


def inputs(batch: int) -> Inputs:
    """Return the function, the weights and a batch of sequences."""
    rng = np.random.default_rng(0)
    square = tuple(rng.normal(scale=WIDTH**-0.5, size=(4, WIDTH, WIDTH)))
    first = rng.normal(scale=WIDTH**-0.5, size=(WIDTH, 4 * WIDTH))
    second = rng.normal(scale=(4 * WIDTH) ** -0.5, size=(4 * WIDTH, WIDTH))
    weights = (np.ones(WIDTH), *square, np.ones(WIDTH), first, second)
    return loss, weights, rng.normal(size=(batch, LENGTH, WIDTH))


WORKLOAD = Workload(
    name="transformer",
    title="Value and gradient of a transformer block, 64 by 64",
    size_label="batch",
    sizes=(1, 8),
    quick_sizes=(1,),
    inputs=inputs,
    contestants=COMPILED,
    targets=AHEAD,
)
