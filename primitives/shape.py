"""Operations that move elements without changing them: linear, with coefficients 0 and 1."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy import ndarray

from functrans.core.kinds import linear
from functrans.core.types import Array, ArrayType, Shape, shape_of

from .reduction import spread, sum
from .samples import Sample, draw, draw_complex

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functrans.core.kinds import Function

# NumPy's functions call the methods of arrays, after steps that take as long.

reshape: Function = linear(
    "reshape",
    lambda x, *, shape: x.reshape(shape) if isinstance(x, ndarray) else np.reshape(x, shape),
    lambda g, x_type, *, shape: reshape(g, shape=x_type.shape),
    batch=lambda x, *, shape: reshape(x, shape=(x.shape[0], *shape)),
    shape=lambda x, *, shape: ArrayType(shape, x.dtype),
    samples=lambda: [
        Sample(draw((2, 3), -1, 1), shape=(3, 2)),
        Sample(draw((2, 3), -1, 1).T, shape=(6,), label="non-contiguous"),
        Sample(draw((1,), -1, 1), shape=(), label="to 0-d"),
        Sample(0.5, shape=(1, 1), label="Python number"),
        Sample(draw((0, 3), -1, 1), shape=(3, 0), label="empty"),
        Sample(draw((2, 2), -1, 1).astype(np.float32), shape=(4,), label="float32"),
        Sample(draw_complex((2, 2), -1, 1), shape=(4, 1), label="complex"),
    ],
)


def inverse_permutation(axes: tuple[int, ...]) -> tuple[int, ...]:
    """The permutation that undoes `axes`."""
    inverse = [0] * len(axes)
    for i, a in enumerate(axes):
        inverse[a] = i
    return tuple(inverse)


transpose: Function = linear(
    "transpose",
    lambda x, *, axes: x.transpose(axes) if isinstance(x, ndarray) else np.transpose(x, axes),
    lambda g, *, axes: transpose(g, axes=inverse_permutation(axes)),
    batch=lambda x, *, axes: transpose(x, axes=(0, *(a + 1 for a in axes))),
    shape=lambda x, *, axes: ArrayType(tuple(x.shape[a] for a in axes), x.dtype),
    samples=lambda: [
        Sample(draw((2, 3), -1, 1), axes=(1, 0)),
        Sample(draw((2, 3, 4), -1, 1), axes=(2, 0, 1)),
        Sample(draw((), -1, 1), axes=(), label="0-d"),
        Sample(draw((0, 3), -1, 1), axes=(1, 0), label="empty"),
        Sample(draw((2, 3), -1, 1).astype(np.float32), axes=(1, 0), label="float32"),
        Sample(draw_complex((2, 3), -1, 1), axes=(1, 0), label="complex"),
    ],
)


def broadcast_to_impl(x: Array, *, shape: Shape) -> Array:
    """``np.broadcast_to``, and its like for scalars."""
    return spread(x, shape) if isinstance(x, np.generic) else np.broadcast_to(x, shape)


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


broadcast_to: Function = linear(
    "broadcast_to",
    broadcast_to_impl,
    broadcast_to_transpose,
    batch=broadcast_to_batch,
    shape=lambda x, *, shape: ArrayType(shape, x.dtype),
    samples=lambda: [
        Sample(draw((3,), -1, 1), shape=(2, 3)),
        Sample(draw((2, 1), -1, 1), shape=(4, 2, 3)),
        Sample(draw((), -1, 1), shape=(2,), label="0-d"),
        Sample(0.5, shape=(2, 3), label="Python number"),
        Sample(draw((1,), -1, 1), shape=(0,), label="to empty"),
        Sample(draw((1, 1), -1, 1), shape=(1, 1), label="unchanged"),
        Sample(draw((3,), -1, 1).astype(np.float32), shape=(2, 3), label="float32"),
        Sample(draw_complex((1, 2), -1, 1), shape=(3, 2), label="complex"),
    ],
)


# Joining


def concatenate_transpose(
    g: Array, x_types: tuple[ArrayType, ...], *, axis: int
) -> tuple[Array, ...]:
    before = (slice(None),) * axis
    pieces = []
    start = 0
    for x_type in x_types:
        stop = start + x_type.shape[axis]
        pieces.append(g[(*before, slice(start, stop))])
        start = stop
    return tuple(pieces)


def concatenate_shape(*types: ArrayType, axis: int) -> ArrayType:
    first = types[0].shape
    length = 0
    for kind in types:
        if kind.shape[:axis] + kind.shape[axis + 1 :] != first[:axis] + first[axis + 1 :]:
            raise ValueError(
                f"concatenate along axis {axis}: the other axes must agree, "
                f"got {first} and {kind.shape}"
            )
        length += kind.shape[axis]
    dtype = np.result_type(*(kind.dtype for kind in types))
    return ArrayType((*first[:axis], length, *first[axis + 1 :]), dtype)


concatenate: Function = linear(
    "concatenate",
    lambda *xs, axis: np.concatenate(xs, axis),
    concatenate_transpose,
    operands=0,
    batch=lambda *xs, axis: concatenate(*xs, axis=axis + 1),
    shape=concatenate_shape,
    samples=lambda: [
        Sample(draw((2,), -1, 1), draw((3,), -1, 1, 1), axis=0),
        Sample(draw((2, 1), -1, 1), draw((2, 3), -1, 1, 1), draw((2, 2), -1, 1, 2), axis=1),
        Sample(draw((2, 3), -1, 1), axis=0, label="one operand"),
        Sample(draw((2, 3), -1, 1).T, draw((3, 1), -1, 1, 1), axis=1, label="non-contiguous"),
        Sample(draw((0, 2), -1, 1), draw((1, 2), -1, 1, 1), axis=0, label="empty operand"),
        Sample(
            draw((2,), -1, 1).astype(np.float32),
            draw((2,), -1, 1, 1),
            axis=0,
            label="mixed precision",
        ),
        Sample(draw((2,), -1, 1), draw_complex((1,), -1, 1), axis=0, label="real, complex"),
        Sample(*(draw_complex((2,), -1, 1, i) for i in range(3)), axis=0, label="complex"),
    ],
)


def stack(xs: Sequence[Array], *, axis: int = 0) -> Array:
    """Arrays of one shape as one array, along a new `axis` (0 or positive)."""
    shapes = {shape_of(x) for x in xs}
    if len(shapes) != 1:
        raise ValueError(
            f"all arrays of a stack must have the same shape, got {sorted(shapes)}"
            if shapes
            else "need at least one array to stack"
        )
    (shape,) = shapes
    new = (*shape[:axis], 1, *shape[axis:])
    return concatenate(*[reshape(x, shape=new) for x in xs], axis=axis)


# Padding, flipping and rolling

Widths = tuple[tuple[int, int], ...]


def pad_impl(x: Array, *, widths: Widths) -> Array:
    shape = np.shape(x)
    inner = tuple(slice(low, low + n) for n, (low, _) in zip(shape, widths, strict=True))
    out = np.zeros(padded_shape(shape, widths), x.dtype)
    out[inner] = x
    return out


def padded_shape(shape: Shape, widths: Widths) -> Shape:
    return tuple(low + n + high for n, (low, high) in zip(shape, widths, strict=True))


def pad_transpose(g: Array, x_type: ArrayType, *, widths: Widths) -> Array:
    return g[tuple(slice(low, low + n) for n, (low, _) in zip(x_type.shape, widths, strict=True))]


pad: Function = linear(
    "pad",  # with zeros; widths: a pair (before, after) for each axis
    pad_impl,
    pad_transpose,
    batch=lambda x, *, widths: pad(x, widths=((0, 0), *widths)),
    shape=lambda x, *, widths: ArrayType(padded_shape(x.shape, widths), x.dtype),
    samples=lambda: [
        Sample(draw((3,), -1, 1), widths=((1, 2),)),
        Sample(draw((3, 2), -1, 1).T, widths=((0, 1), (2, 0)), label="non-contiguous"),
        Sample(draw((), -1, 1), widths=(), label="0-d"),
        Sample(draw((0, 2), -1, 1), widths=((1, 1), (0, 0)), label="empty"),
        Sample(draw((2,), -1, 1).astype(np.float32), widths=((1, 1),), label="float32"),
        Sample(draw_complex((2,), -1, 1), widths=((1, 0),), label="complex"),
    ],
)

flip: Function = linear(
    "flip",
    lambda x, *, axes: np.flip(x, axes),
    lambda g, *, axes: flip(g, axes=axes),
    batch=lambda x, *, axes: flip(x, axes=tuple(a + 1 for a in axes)),
    shape=lambda x, *, axes: ArrayType(x.shape, x.dtype),
    samples=lambda: [
        Sample(draw((3,), -1, 1), axes=(0,)),
        Sample(np.array([1.0, 2.0, 3.0]), axes=(0,), value=[3, 2, 1]),
        Sample(draw((2, 3), -1, 1).T, axes=(0, 1), label="non-contiguous"),
        Sample(draw((2, 3), -1, 1), axes=(1,)),
        Sample(draw((2,), -1, 1), axes=(), label="no axes"),
        Sample(draw((), -1, 1), axes=(), label="0-d"),
        Sample(draw((0, 2), -1, 1), axes=(0,), label="empty"),
        Sample(draw((2,), -1, 1).astype(np.float32), axes=(0,), label="float32"),
        Sample(draw_complex((2,), -1, 1), axes=(0,), label="complex"),
    ],
)


def roll_impl(x: Array, *, shift: int, axis: int) -> Array:
    before = (slice(None),) * axis
    size = np.shape(x)[axis]
    return np.concatenate(
        (x[(*before, slice(size - shift, size))], x[(*before, slice(0, size - shift))]), axis
    )


def roll_transpose(g: Array, *, shift: int, axis: int) -> Array:
    size = shape_of(g)[axis]
    return roll(g, shift=(size - shift) % max(size, 1), axis=axis)


roll: Function = linear(
    "roll",  # 0 <= shift < size
    roll_impl,
    roll_transpose,
    batch=lambda x, *, shift, axis: roll(x, shift=shift, axis=axis + 1),
    shape=lambda x, *, shift, axis: x,
    samples=lambda: [
        Sample(draw((5,), -1, 1), shift=2, axis=0),
        Sample(np.array([1.0, 2.0, 3.0]), shift=1, axis=0, value=[3, 1, 2]),
        Sample(draw((2, 3), -1, 1), shift=2, axis=1),
        Sample(draw((2, 3), -1, 1).T, shift=1, axis=0, label="non-contiguous"),
        Sample(draw((2,), -1, 1), shift=0, axis=0, label="unchanged"),
        Sample(draw((0, 2), -1, 1), shift=0, axis=0, label="empty"),
        Sample(draw((3,), -1, 1).astype(np.float32), shift=1, axis=0, label="float32"),
        Sample(draw_complex((3,), -1, 1), shift=1, axis=0, label="complex"),
    ],
)
