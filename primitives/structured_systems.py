"""Banded and Toeplitz systems, and the polar decomposition; needs SciPy.

Right sides are matrices of columns. A banded matrix is given by its diagonals: ``bands[above + i -
j, j] = a[i, j]``; a Toeplitz matrix by its first column and its first row, whose first element does
not count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.linalg as sl

from functrans.core.kinds import align, general
from functrans.core.types import Array, ArrayType, dtype_of, shape_of

from .arithmetic import add, multiply, negative, subtract
from .contraction import column, matmul, matrix_transpose
from .linalg import adjoint, linalg_dtype, matrices, solve
from .matrix_equations import sylvester
from .reduction import sum
from .samples import Sample, draw, draw_complex
from .shape import broadcast_to, concatenate, reshape
from .stacks import over_stacks

if TYPE_CHECKING:
    from functrans.core.kinds import Function


# Banded systems.


def shifted(x: Array, step: int, axis: int) -> Array:
    """The elements of the axis (-1 or -2) moved on by `step`, with zeros in their place."""
    n = shape_of(x)[axis]
    step = max(-n, min(n, step))
    shape = list(shape_of(x))
    shape[axis] = abs(step)
    zeros = np.zeros(shape, dtype_of(x))
    tail = (slice(None),) * (-1 - axis)
    if step >= 0:
        kept = x[(..., slice(0, n - step), *tail)]
        return concatenate(zeros, kept, axis=x.ndim + axis)
    return concatenate(x[(..., slice(-step, n), *tail)], zeros, axis=x.ndim + axis)


def band_rows(x: Array) -> list[Array]:
    """The diagonals, one an array."""
    return [x[..., i, :] for i in range(shape_of(x)[-2])]


def rows_joined(rows: list[Array]) -> Array:
    wide = [reshape(r, shape=(*shape_of(r)[:-1], 1, shape_of(r)[-1])) for r in rows]
    return concatenate(*wide, axis=wide[0].ndim - 2)


def transposed_bands(x: Array, above: int) -> Array:
    """The diagonals of the transpose, which has as many above as this below."""
    rows = band_rows(x)
    return rows_joined([shifted(r, i - above, -1) for i, r in enumerate(rows)][::-1])


def band_product(x: Array, y: Array, above: int) -> Array:
    """The product of a banded matrix and columns."""
    total: Any = None
    for i, r in enumerate(band_rows(x)):
        part = shifted(multiply(column(r), y), i - above, -2)
        total = part if total is None else add(total, part)
    return total


def banded_shape(x: ArrayType, y: ArrayType, *, above: int) -> ArrayType:
    (stack, _, n), (other, rows, columns) = matrices(x), matrices(y)
    if rows != n:
        raise ValueError("solve_banded: shapes of ab and b are not compatible.")
    return ArrayType(
        (*np.broadcast_shapes(stack, other), n, columns), linalg_dtype(x.dtype, y.dtype)
    )


def solve_banded_impl(x: Array, y: Array, *, above: int) -> Array:
    like = banded_shape(ArrayType(x.shape, x.dtype), ArrayType(y.shape, y.dtype), above=above)
    counts = (x.shape[-2] - 1 - above, above)
    return over_stacks(lambda a, b: sl.solve_banded(counts, a, b), like, x, y)


def solve_banded_push(ts: Any, ans: Array, x: Array, *, above: int) -> Array:
    return solve_banded(x, subtract(ts[1], band_product(ts[0], ans, above)), above=above)


def solve_banded_pull(g: Array, ans: Array, x: Array, *, above: int) -> Any:
    count = shape_of(x)[-2]
    g_y = solve_banded(transposed_bands(x, above), g, above=count - 1 - above)
    rows = [
        negative(sum(multiply(shifted(g_y, above - i, -2), ans), axes=(ans.ndim - 1,)))
        for i in range(count)
    ]
    return rows_joined(rows), g_y


def banded_samples() -> list[Sample]:
    bands = draw((3, 4), -1, 1)
    bands[1] += 3
    uneven = draw((4, 5), -1, 1, 1)
    uneven[2] += 4
    return [
        Sample(bands, draw((4, 2), -1, 1), above=1),
        Sample(uneven, draw((5, 1), -1, 1), above=2, label="two above, one below"),
        Sample(bands[1:], draw((3, 4, 1), -1, 1), above=0, label="one matrix, stack"),
        Sample(np.stack([bands, bands + 0.1]), draw((4, 1), -1, 1), above=1, label="stack"),
        Sample(bands + 0.5j, draw((4, 1), -1, 1), above=1, label="complex"),
        Sample(bands.astype(np.float32), np.ones((4, 1), np.float32), above=1, label="float32"),
        Sample(np.array([[2.0]]), np.array([[1.0]]), above=0, label="1 x 1"),
        Sample(bands, np.zeros((4, 0)), above=1, label="no right side"),
    ]


solve_banded: Function = general(
    "solve_banded",
    solve_banded_impl,
    push_all=solve_banded_push,
    pull_all=solve_banded_pull,
    batch=lambda x, y, *, batched, above: solve_banded(*align((x, y), batched), above=above),
    shape=banded_shape,
    samples=banded_samples,
)

# Toeplitz systems.


def diagonal_sums(x: Array) -> Array:
    """The sums of the diagonals of square matrices, from the upper right corner on."""
    *stack, n, _ = shape_of(x)
    turned = x[..., ::-1]
    wide = concatenate(turned, np.zeros((*stack, n, n), dtype_of(x)), axis=len(stack) + 1)
    flat = reshape(wide, shape=(*stack, 2 * n * n))[..., : n * (2 * n - 1)]
    # Each row starts one place further to the right than the one before.
    return sum(reshape(flat, shape=(*stack, n, 2 * n - 1)), axes=(len(stack),))


def joined(x: Array, y: Array) -> Array:
    """Both along the last axis, their other axes broadcast."""
    stack = np.broadcast_shapes(shape_of(x)[:-1], shape_of(y)[:-1])
    x, y = (broadcast_to(v, shape=(*stack, shape_of(v)[-1])) for v in (x, y))
    return concatenate(x, y, axis=len(stack))


def toeplitz(x: Array, y: Array) -> Array:
    """The matrix with this first column, and first row up to its first element."""
    n, m = shape_of(x)[-1], shape_of(y)[-1]
    values = joined(y[..., :0:-1], x)
    places = np.arange(n)[:, None] - np.arange(m) + m - 1
    return values[..., places]


def toeplitz_shape(x: ArrayType, y: ArrayType, z: ArrayType) -> ArrayType:
    n = x.shape[-1]
    if y.shape[-1] != n or z.shape[-2] != n:
        raise ValueError("solve_toeplitz: incompatible dimensions")
    stack = np.broadcast_shapes(x.shape[:-1], y.shape[:-1], z.shape[:-2])
    return ArrayType((*stack, n, z.shape[-1]), linalg_dtype(x.dtype, y.dtype, z.dtype))


def solve_toeplitz_impl(x: Array, y: Array, z: Array) -> Array:
    types = (ArrayType(v.shape, v.dtype) for v in (x, y, z))
    return over_stacks(
        lambda c, r, b: sl.solve_toeplitz((c, r), b),
        toeplitz_shape(*types),
        x,
        y,
        z,
        ranks=(1, 1, 2),
    )


def solve_toeplitz_push(ts: Any, ans: Array, x: Array, y: Array) -> Array:
    t_x, t_y, t_z = ts
    return solve_toeplitz(x, y, subtract(t_z, matmul(toeplitz(t_x, t_y), ans)))


def solve_toeplitz_pull(g: Array, ans: Array, x: Array, y: Array) -> Any:
    n = shape_of(x)[-1]
    first = joined(x[..., :1], y[..., 1:])
    g_z = solve_toeplitz(first, x, g)
    sums = diagonal_sums(negative(matmul(g_z, matrix_transpose(ans))))
    g_y = concatenate(
        np.zeros((*shape_of(sums)[:-1], 1), dtype_of(sums)),
        sums[..., n - 2 :: -1][..., : n - 1],
        axis=sums.ndim - 1,
    )
    return sums[..., n - 1 :], g_y, g_z


def toeplitz_samples() -> list[Sample]:
    c, r = draw((4,), -1, 1), draw((4,), -1, 1, 1)
    c[0] = 3
    return [
        Sample(c, r, draw((4, 2), -1, 1)),
        Sample(np.stack([c, c + 0.1]), r, draw((4, 1), -1, 1), label="stack"),
        Sample(c + 0.5j, r, draw((4, 1), -1, 1), label="complex"),
        Sample(c[:2], r[:2], draw_complex((3, 2, 1), -1, 1), label="real, complex stack"),
        Sample(c[:1], r[:1], np.array([[1.0]]), label="1 x 1"),
    ]


def toeplitz_batch(x: Array, y: Array, z: Array, *, batched: tuple[bool, ...]) -> Array:
    # Columns and rows stand for matrices: they get an axis for the comparison of ranks.
    x, y, z = align((x[..., None, :], y[..., None, :], z), batched)
    return solve_toeplitz(x[..., 0, :], y[..., 0, :], z)


solve_toeplitz: Function = general(
    "solve_toeplitz",
    solve_toeplitz_impl,
    push_all=solve_toeplitz_push,
    pull_all=solve_toeplitz_pull,
    batch=toeplitz_batch,
    shape=toeplitz_shape,
    samples=toeplitz_samples,
)

# The polar decomposition of a matrix with at least as many rows as columns: x = u @ p.


def polar_shape(x: ArrayType) -> tuple[ArrayType, ArrayType]:
    stack, rows, columns = matrices(x)
    if rows < columns:
        raise ValueError("polar: a wide matrix has the decomposition of its adjoint")
    dtype = linalg_dtype(x.dtype)
    return ArrayType(x.shape, dtype), ArrayType((*stack, columns, columns), dtype)


def polar_impl(x: Array) -> tuple[Array, Array]:
    u, s, vh = np.linalg.svd(x, full_matrices=False)
    return u @ vh, (vh.conj().mT * s[..., None, :]) @ vh


def polar_push(t: Array, ans: Any) -> Any:
    u, p = ans
    inner = matmul(adjoint(u), t)
    turn = sylvester(p, p, subtract(inner, adjoint(inner)))
    outside = subtract(t, matmul(u, inner))
    right = adjoint(solve(p, adjoint(outside)))
    return add(matmul(u, turn), right), subtract(inner, matmul(turn, p))


polar_decomposition: Function = general(
    "polar_decomposition",
    polar_impl,
    pushes=(polar_push,),
    batch=lambda x: polar_decomposition(x),
    shape=polar_shape,
    outputs=2,
    samples=lambda: [
        Sample(draw((3, 3), -1, 1) + np.eye(3)),
        Sample(draw((2, 4, 2), -1, 1), label="stack, tall"),
        Sample(draw_complex((3, 2), -1, 1), label="complex"),
        Sample(np.eye(2), label="the identity"),
        Sample((draw((2, 2), -1, 1) + 2 * np.eye(2)).astype(np.float32), label="float32"),
        Sample(np.array([[-2.0]]), label="1 x 1"),
        Sample(np.zeros((0, 2, 2)), label="empty stack"),
    ],
)
