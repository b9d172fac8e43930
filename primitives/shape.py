"""Operations that move elements without changing them: linear, with coefficients 0 and 1."""

from __future__ import annotations

import numpy as np

from functrans.core.kinds import linear
from functrans.core.types import Array, ArrayType, Shape

from .reduction import sum
from .samples import Sample, draw

reshape = linear(
    "reshape",
    lambda x, *, shape: np.reshape(x, shape),
    lambda g, x_type, *, shape: reshape(g, shape=x_type.shape),
    batch=lambda x, *, shape: reshape(x, shape=(x.shape[0], *shape)),
    shape=lambda x, *, shape: ArrayType(shape, x.dtype),
    samples=lambda: [
        Sample(draw((2, 3), -1, 1), shape=(3, 2)),
        Sample(draw((2, 3), -1, 1).T, shape=(6,), label="non-contiguous"),
        Sample(draw((1,), -1, 1), shape=(), label="to 0-d"),
        Sample(draw((0, 3), -1, 1), shape=(3, 0), label="empty"),
    ],
)


def inverse_permutation(axes: tuple[int, ...]) -> tuple[int, ...]:
    """The permutation that undoes `axes`."""
    inverse = [0] * len(axes)
    for i, a in enumerate(axes):
        inverse[a] = i
    return tuple(inverse)


transpose = linear(
    "transpose",
    lambda x, *, axes: np.transpose(x, axes),
    lambda g, *, axes: transpose(g, axes=inverse_permutation(axes)),
    batch=lambda x, *, axes: transpose(x, axes=(0, *(a + 1 for a in axes))),
    shape=lambda x, *, axes: ArrayType(tuple(x.shape[a] for a in axes), x.dtype),
    samples=lambda: [
        Sample(draw((2, 3), -1, 1), axes=(1, 0)),
        Sample(draw((2, 3, 4), -1, 1), axes=(2, 0, 1)),
        Sample(draw((), -1, 1), axes=(), label="0-d"),
        Sample(draw((0, 3), -1, 1), axes=(1, 0), label="empty"),
    ],
)


def broadcast_to_transpose(g: Array, x_type: ArrayType, *, shape: Shape) -> Array:
    extra = len(shape) - len(x_type.shape)
    stretched = tuple(
        extra + i for i, n in enumerate(x_type.shape) if n == 1 and shape[extra + i] != 1
    )
    g = sum(g, axes=tuple(range(extra)) + stretched)
    return reshape(g, shape=x_type.shape) if stretched else g


def broadcast_to_batch(x: Array, *, shape: Shape) -> Array:
    own = x.shape[1:]
    x = reshape(x, shape=(x.shape[0],) + (1,) * (len(shape) - len(own)) + own)
    return broadcast_to(x, shape=(x.shape[0], *shape))


broadcast_to = linear(
    "broadcast_to",
    lambda x, *, shape: np.broadcast_to(x, shape),
    broadcast_to_transpose,
    batch=broadcast_to_batch,
    shape=lambda x, *, shape: ArrayType(shape, x.dtype),
    samples=lambda: [
        Sample(draw((3,), -1, 1), shape=(2, 3)),
        Sample(draw((2, 1), -1, 1), shape=(4, 2, 3)),
        Sample(draw((), -1, 1), shape=(2,), label="0-d"),
        Sample(draw((1,), -1, 1), shape=(0,), label="to empty"),
        Sample(draw((1, 1), -1, 1), shape=(1, 1), label="unchanged"),
    ],
)
