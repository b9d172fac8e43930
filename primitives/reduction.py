"""Sums and other reductions over axes."""

from __future__ import annotations

from typing import Any

import numpy as np

from functrans.core.kinds import reduction
from functrans.core.types import Array, ArrayType

from .samples import Sample, draw

Axes = tuple[int, ...]


def expand_reduced(g: Array, shape: tuple[int, ...], axes: Axes) -> Array:
    """A reduced array with its lost axes back as 1, then stretched to the operand's shape."""
    from .shape import broadcast_to, reshape

    kept = tuple(1 if i in axes else n for i, n in enumerate(shape))
    return broadcast_to(reshape(g, shape=kept), shape=shape)


def sum_dtype(dtype: np.dtype[Any]) -> Any:
    """NumPy sums small integers and bools in the platform's integer."""
    return np.add.reduce(np.zeros(1, dtype)).dtype if dtype.kind in "biu" else dtype


sum = reduction(
    "sum",
    lambda x, *, axes, keepdims=False: np.add.reduce(x, axis=axes, keepdims=keepdims),
    transpose=lambda g, x_type, *, axes, keepdims=False: expand_reduced(g, x_type.shape, axes),
    dtype=sum_dtype,
    samples=lambda: [
        Sample(draw((2, 3), -1, 1), axes=(0,)),
        Sample(draw((2, 3, 4), -1, 1), axes=(0, 2), keepdims=True),
        Sample(draw((2, 3), -1, 1), axes=(), label="no axes"),
        Sample(draw((), -1, 1), axes=(), label="0-d"),
        Sample(draw((0, 3), -1, 1), axes=(0,), label="empty"),
    ],
)
