"""Products of matrices and tensors: one axis or several are multiplied and summed away."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import numpy as np
from numpy import ndarray

from functrans.core.kinds import bilinear, general
from functrans.core.types import Array, ArrayType, Shape, dtype_of, shape_of

from .arithmetic import add, conjugate, multiply
from .samples import Sample, draw, draw_complex
from .shape import inverse_permutation, reshape, transpose

if TYPE_CHECKING:
    from functrans.core.kinds import Function


def matrix_transpose(x: Array) -> Array:
    """`x` with its last two axes swapped."""
    if type(x) is ndarray:
        return x.mT  # the view at a tenth of the cost; a constant to every interpreter
    n = x.ndim
    return transpose(x, axes=(*range(n - 2), n - 1, n - 2))


def product_over_rows(x: Array, y: Array) -> Array:
    """``matmul(x.T, y)``, the sum over the rows of both."""
    if type(x) is type(y) is ndarray and x.ndim == y.ndim == 2 and len(x) == 1:
        return np.dot(x.T, y)  # numpy.matmul takes ten times as long to sum over one row
    return matmul(matrix_transpose(x), y)


def permuted(x: Array, axes: tuple[int, ...]) -> Array:
    """`x` with its axes in the given order."""
    return x if axes == tuple(range(len(axes))) else transpose(x, axes=axes)


def reshaped(x: Array, shape: Shape) -> Array:
    """`x` in the given shape."""
    return x if shape_of(x) == shape else reshape(x, shape=shape)


def column(x: Array) -> Array:
    """`x` with a new last axis of length 1."""
    return reshape(x, shape=(*x.shape, 1))


def row(x: Array) -> Array:
    """`x` with a new axis of length 1 before its last."""
    return reshape(x, shape=(*x.shape[:-1], 1, x.shape[-1]))


def tall(x: Array) -> Array:
    """A stack of matrices as one matrix, their rows below one another."""
    return reshape(x, shape=(prod(x.shape[:-1]), x.shape[-1]))


# Whether an operand of matmul was a vector is seen from the ranks of the other and of the product.


def matmul_transpose_x(g: Array, y: Array) -> Array:
    if y.ndim == 1:
        return multiply(column(g), y)
    if g.ndim != y.ndim - 1:
        return matmul(g, matrix_transpose(y))
    return matmul(y, g) if y.ndim == 2 else reshape(matmul(y, column(g)), shape=y.shape[:-1])


def matmul_transpose_y(g: Array, x: Array, y_type: ArrayType) -> Array:
    if x.ndim == 2:
        return product_over_rows(x, g)
    if x.ndim == 1:
        return multiply(g, x) if g.ndim == 0 else multiply(column(x), row(g))
    if len(y_type.shape) > 2:
        return matmul(matrix_transpose(x), g)
    # One matrix for the whole stack: one large product sums over the stack too.
    g = reshape(g, shape=(prod(g.shape),)) if len(y_type.shape) == 1 else tall(g)
    return matmul(matrix_transpose(tall(x)), g)


def matmul_batch(x: Array, y: Array, *, batched: tuple[bool, bool]) -> Array:
    for i, z in enumerate((x, y)):
        if not shape_of(z):
            raise ValueError(
                f"matmul: Input operand {i} does not have enough dimensions (has 0, the operation "
                "requires 1)"
            )
    if batched == (True, True):
        return stacked_matmul(x, y)
    if batched[0]:
        return matmul_batch_x(x, y)
    if y.ndim == 2 and x.ndim >= 2:  # a batch of vectors is one matrix
        return batch_first(matmul(x, matrix_transpose(y)), -1)
    return matmul(y, x) if y.ndim == 2 else align_stacks(x, y, False)


def matmul_batch_x(x: Array, y: Array) -> Array:
    """The product of a batch of `x` with one `y`, without a copy of `y` for each lane."""
    if x.ndim == 2:
        return batch_first(matmul(x, y), 0 if y.ndim == 1 else -2)
    if y.ndim <= 2:
        return reshape(matmul(tall(x), y), shape=(*x.shape[:-1], *y.shape[1:]))
    if x.ndim > 3:
        return align_stacks(x, y, True)
    out = matmul(tall(x), y)
    out = reshape(out, shape=(*out.shape[:-2], *x.shape[:2], out.shape[-1]))
    return batch_first(out, -3)


def batch_first(x: Array, axis: int) -> Array:
    """`x` with one axis moved to the front."""
    axes = list(range(x.ndim))
    axes.insert(0, axes.pop(axis))
    return permuted(x, tuple(axes))


def align_stacks(x: Array, y: Array, x_is_batched: bool) -> Array:
    """The product of stacks, one of which has a batch axis in front of the stack's own axes."""
    long, short = (x, y) if x_is_batched else (y, x)
    missing = max(short.ndim - (long.ndim - 1), 0)
    long = reshaped(long, (long.shape[0], *(1,) * missing, *long.shape[1:]))
    return matmul(long, short) if x_is_batched else matmul(short, long)


def stacked_matmul(x: Array, y: Array) -> Array:
    """The product where both operands have a batch axis in front."""
    x_is_vector, y_is_vector = x.ndim == 2, y.ndim == 2
    x = row(x) if x_is_vector else x
    y = column(y) if y_is_vector else y
    rank = max(x.ndim, y.ndim)
    x = reshaped(x, (x.shape[0], *(1,) * (rank - x.ndim), *x.shape[1:]))
    y = reshaped(y, (y.shape[0], *(1,) * (rank - y.ndim), *y.shape[1:]))
    out = matmul(x, y)
    kept = out.shape[-2:-1] * (not x_is_vector) + out.shape[-1:] * (not y_is_vector)
    return reshaped(out, (*out.shape[:-2], *kept))


def matmul_shape(x: ArrayType, y: ArrayType) -> ArrayType:
    if not x.shape or not y.shape:
        raise ValueError("matmul: a 0-d operand cannot be a matrix or a vector; use multiply")
    inner = y.shape[-2] if y.ndim > 1 else y.shape[0]
    if x.shape[-1] != inner:
        raise ValueError(
            f"matmul: in operands of shapes {x.shape} and {y.shape} the last axis of the first "
            f"({x.shape[-1]}) and the {'second to last' if y.ndim > 1 else 'only'} axis of the "
            f"second ({inner}) differ"
        )
    stack = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
    rows = x.shape[-2:-1]
    columns = y.shape[-1:] if y.ndim > 1 else ()
    return ArrayType(stack + rows + columns, np.result_type(x.dtype, y.dtype))


def matmul_samples() -> list[Sample]:
    def pair(x: Shape, y: Shape, label: str = "") -> Sample:
        return Sample(draw(x, -1, 1, 1), draw(y, -1, 1, 2), label=label)

    return [
        pair((2, 3), (3, 4)),
        pair((3,), (3,), "vectors"),
        pair((2, 3), (3,), "matrix, vector"),
        pair((3,), (3, 4), "vector, matrix"),
        pair((5, 2, 3), (3, 4), "stack, matrix"),
        pair((2, 3), (5, 3, 4), "matrix, stack"),
        pair((5, 1, 2, 3), (4, 3, 2), "stacks that broadcast"),
        pair((1, 2, 3), (5, 3, 2), "stack of one"),
        pair((5, 2, 3), (3,), "stack, vector"),
        pair((3,), (5, 3, 2), "vector, stack"),
        pair((2, 0), (0, 3), "empty sum"),
        pair((0, 3), (3, 2), "no rows"),
        pair((0, 2, 3), (3, 2), "empty stack"),
        Sample(draw((3, 2), -1, 1).T, draw((4, 3), -1, 1).T, label="non-contiguous"),
        Sample(
            draw((2, 3), -1, 1).astype(np.float32), draw((3, 2), -1, 1), label="mixed precision"
        ),
        Sample(draw_complex((2, 3), -1, 1), draw((3, 2), -1, 1), label="complex, real"),
        Sample(draw((5, 2, 3), -1, 1), draw_complex((3,), -1, 1), label="real stack, complex"),
    ]


matmul: Function = bilinear(
    "matmul",
    np.matmul,
    matmul_transpose_x,
    matmul_transpose_y,
    batch=matmul_batch,
    shape=matmul_shape,
    samples=matmul_samples,
)


def affine_impl(x: Array, y: Array, z: Array) -> Array:
    out = np.matmul(x, y.T)
    return np.add(out, z, out=out) if out.dtype == z.dtype else out + z


def affine_transpose_y(g: Array, x: Array) -> Array:
    if x.ndim == 1:
        return multiply(column(g), x)
    if x.ndim > 2:
        g, x = tall(g), tall(x)
    return product_over_rows(g, x)


def affine_batch(x: Array, y: Array, z: Array, *, batched: tuple[bool, bool, bool]) -> Array:
    if batched == (True, False, False):
        return affine(x, y, z)
    if batched[0] or batched[1]:
        out = matmul_batch(x, matrix_transpose(y), batched=batched[:2])
    else:
        out = matmul(x, matrix_transpose(y))
    if batched[2]:
        rank = out.ndim - (batched[0] or batched[1])
        z = reshape(z, shape=(z.shape[0], *(1,) * (rank - 1), z.shape[1]))
    return add(out, z)


def affine_shape(x: ArrayType, y: ArrayType, z: ArrayType) -> ArrayType:
    if not x.shape or y.ndim != 2 or x.shape[-1] != y.shape[1] or z.shape != y.shape[:1]:
        raise ValueError(
            f"affine: inputs of shape {x.shape}, a weight of shape {y.shape} and a bias of shape "
            f"{z.shape} do not fit; they must be (..., inputs), (outputs, inputs) and (outputs,)"
        )
    return ArrayType((*x.shape[:-1], y.shape[0]), np.result_type(x.dtype, y.dtype, z.dtype))


def affine_samples() -> list[Sample]:
    def layer(x: Shape, outputs: int, label: str = "") -> Sample:
        weight, bias = draw((outputs, x[-1]), -1, 1, 2), draw((outputs,), -1, 1, 3)
        return Sample(draw(x, -1, 1, 1), weight, bias, label=label)

    return [
        layer((2, 3), 4),
        layer((3,), 4, "vector"),
        layer((5, 2, 3), 4, "stack"),
        layer((5, 1, 2, 3), 1, "one output"),
        layer((2, 0), 3, "empty sum"),
        layer((0, 3), 2, "no rows"),
        layer((2, 3), 0, "no outputs"),
        Sample(
            draw((3, 2), -1, 1).T,
            draw((3, 4), -1, 1).T,
            draw((8,), -1, 1)[::2],
            label="non-contiguous",
        ),
        Sample(
            draw((2, 3), -1, 1).astype(np.float32),
            draw((4, 3), -1, 1),
            draw((4,), -1, 1).astype(np.float32),
            label="mixed precision",
        ),
        Sample(
            draw((2, 3), -1, 1), draw_complex((4, 3), -1, 1), draw((4,), -1, 1), label="complex"
        ),
        Sample(
            draw_complex((3,), -1, 1), draw((4, 3), -1, 1), draw_complex((4,), -1, 1), label="mixed"
        ),
    ]


affine: Function = general(
    "affine",
    affine_impl,
    pushes=(
        lambda t, y: matmul(t, matrix_transpose(y)),
        lambda t, x: matmul(x, matrix_transpose(t)),
        lambda t: t,
    ),
    pulls=(lambda g, y: matmul(g, y), affine_transpose_y, lambda g: g),
    batch=affine_batch,
    shape=affine_shape,
    samples=affine_samples,
)
"""``x @ y.T + z``: a layer in one operation, of which a training step has many."""


AxesPair = tuple[tuple[int, ...], tuple[int, ...]]


def others(ndim: int, axes: tuple[int, ...]) -> tuple[int, ...]:
    """The axes that are not among `axes`."""
    return tuple(i for i in range(ndim) if i not in axes)


def tensordot_transpose_x(g: Array, y: Array, x_type: ArrayType, *, axes: AxesPair) -> Array:
    free_x, free_y = others(x_type.ndim, axes[0]), others(len(shape_of(y)), axes[1])
    out = tensordot(g, y, axes=(tuple(range(len(free_x), g.ndim)), free_y))
    contracted = [axes[0][axes[1].index(a)] for a in sorted(axes[1])]
    return permuted(out, inverse_permutation((*free_x, *contracted)))


def tensordot_transpose_y(g: Array, x: Array, y_type: ArrayType, *, axes: AxesPair) -> Array:
    free_x, free_y = others(len(shape_of(x)), axes[0]), others(y_type.ndim, axes[1])
    out = tensordot(x, g, axes=(free_x, tuple(range(len(free_x)))))
    contracted = [axes[1][axes[0].index(a)] for a in sorted(axes[0])]
    return permuted(out, inverse_permutation((*contracted, *free_y)))


def tensordot_batch(x: Array, y: Array, *, batched: tuple[bool, bool], axes: AxesPair) -> Array:
    moved = tuple(tuple(a + b for a in part) for part, b in zip(axes, batched, strict=True))
    if batched == (True, False):
        return tensordot(x, y, axes=moved)
    if batched == (False, True):
        return batch_first(tensordot(x, y, axes=moved), len(shape_of(x)) - len(axes[0]))
    free_x, free_y = (others(x.ndim, (0, *moved[0])), others(y.ndim, (0, *moved[1])))
    rows, columns = [x.shape[a] for a in free_x], [y.shape[a] for a in free_y]
    inner = prod(x.shape[a] for a in moved[0])
    x = reshape(permuted(x, (0, *free_x, *moved[0])), shape=(x.shape[0], prod(rows), inner))
    y = reshape(permuted(y, (0, *moved[1], *free_y)), shape=(y.shape[0], inner, prod(columns)))
    return reshape(matmul(x, y), shape=(x.shape[0], *rows, *columns))


def tensordot_shape(x: ArrayType, y: ArrayType, *, axes: AxesPair) -> ArrayType:
    if [x.shape[a] for a in axes[0]] != [y.shape[a] for a in axes[1]]:
        raise ValueError(
            f"tensordot: shapes {x.shape} and {y.shape} differ along the axes {axes[0]} "
            f"and {axes[1]}"
        )
    rows = tuple(x.shape[a] for a in others(x.ndim, axes[0]))
    columns = tuple(y.shape[a] for a in others(y.ndim, axes[1]))
    return ArrayType(rows + columns, np.result_type(x.dtype, y.dtype))


tensordot: Function = bilinear(
    "tensordot",
    lambda x, y, *, axes: np.tensordot(x, y, axes),
    tensordot_transpose_x,
    tensordot_transpose_y,
    batch=tensordot_batch,
    shape=tensordot_shape,
    samples=lambda: [
        Sample(draw((2, 3, 4), -1, 1, 1), draw((4, 2, 5), -1, 1, 2), axes=((0, 2), (1, 0))),
        Sample(
            draw((2, 3, 4), -1, 1, 1),
            draw((4, 2, 3), -1, 1, 2),
            axes=((2, 0, 1), (0, 1, 2)),
            label="all axes",
        ),
        Sample(draw((2, 3), -1, 1, 1), draw((4,), -1, 1, 2), axes=((), ()), label="outer product"),
        Sample(draw((), -1, 1, 1), draw((4,), -1, 1, 2), axes=((), ()), label="0-d"),
        Sample(
            draw((2, 0), -1, 1, 1), draw((3, 0), -1, 1, 2), axes=((1,), (1,)), label="empty sum"
        ),
        Sample(
            draw_complex((2, 3), -1, 1, 1),
            draw((3, 3), -1, 1, 2),
            axes=((1,), (0,)),
            label="complex, real",
        ),
        Sample(
            draw((2, 3), -1, 1, 1),
            draw_complex((3, 3), -1, 1, 2),
            axes=((1,), (0,)),
            label="real, complex",
        ),
    ],
)


def dot_axes(rank_x: int, rank_y: int) -> AxesPair:
    """The axes over which NumPy's dot sums."""
    return (rank_x - 1,), (max(rank_y - 2, 0),)


stacked_dot: Function = bilinear(
    "dot",
    np.dot,
    lambda g, y, x_type: tensordot_transpose_x(g, y, x_type, axes=dot_axes(x_type.ndim, y.ndim)),
    lambda g, x, y_type: tensordot_transpose_y(g, x, y_type, axes=dot_axes(x.ndim, y_type.ndim)),
    batch=lambda x, y, *, batched: tensordot_batch(
        x, y, batched=batched, axes=dot_axes(x.ndim - batched[0], y.ndim - batched[1])
    ),
    shape=lambda x, y: tensordot_shape(x, y, axes=dot_axes(x.ndim, y.ndim)),
    samples=lambda: [
        Sample(draw((2, 3, 4), -1, 1, 1), draw((4,), -1, 1, 2), label="stack, vector"),
        Sample(draw((4,), -1, 1, 1), draw((2, 4, 3), -1, 1, 2), label="vector, stack"),
        Sample(draw((2, 3, 4), -1, 1, 1), draw((5, 4, 2), -1, 1, 2), label="pairs of two stacks"),
        Sample(draw_complex((2, 1, 3), -1, 1, 1), draw((3, 2), -1, 1, 2), label="complex, real"),
        Sample(draw((2, 1, 3), -1, 1, 1), draw_complex((3, 2), -1, 1, 2), label="real, complex"),
    ],
)


def dot(x: Array, y: Array) -> Array:
    """The sum of products over the last axis of `x` and the last but one of `y`.

    With a 0-d operand it is the product.
    """
    rank_x, rank_y = len(shape_of(x)), len(shape_of(y))
    if not rank_x or not rank_y:
        return multiply(x, y)
    return matmul(x, y) if rank_x <= 2 and rank_y <= 2 else stacked_dot(x, y)


def inner(x: Array, y: Array) -> Array:
    """The sum of products over the last axes of both."""
    rank_x, rank_y = len(shape_of(x)), len(shape_of(y))
    if not rank_x or not rank_y:
        return multiply(x, y)
    if rank_x <= 2 and rank_y <= 2:
        return matmul(x, y if rank_y == 1 else matrix_transpose(y))
    return stacked_dot(x, y if rank_y == 1 else matrix_transpose(y))


def vdot(x: Array, y: Array) -> Array:
    """The inner product of all elements, those of `x` conjugated."""
    x, y = (reshape(z, shape=(prod(shape_of(z)),)) for z in (x, y))
    return matmul(conjugate(x) if dtype_of(x).kind == "c" else x, y)


def outer(x: Array, y: Array) -> Array:
    """The products of all elements of `x` (rows) with all of `y` (columns)."""
    x = reshape(x, shape=(prod(shape_of(x)), 1))
    return multiply(x, reshape(y, shape=(1, prod(shape_of(y)))))


def kron(x: Array, y: Array) -> Array:
    """The Kronecker product: each element of `x` times the whole of `y`."""
    shape_x, shape_y = shape_of(x), shape_of(y)
    rank = max(len(shape_x), len(shape_y))
    shape_x = (1,) * (rank - len(shape_x)) + shape_x
    shape_y = (1,) * (rank - len(shape_y)) + shape_y
    x = reshape(x, shape=tuple(n for size in shape_x for n in (size, 1)))
    y = reshape(y, shape=tuple(n for size in shape_y for n in (1, size)))
    shape = tuple(a * b for a, b in zip(shape_x, shape_y, strict=True))
    return reshape(multiply(x, y), shape=shape)
