"""Triangular systems, and the LU factorisation that leads to them; needs SciPy."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.linalg as sl

from functrans.core.kinds import align, general, nondifferentiable
from functrans.core.types import Array, ArrayType, dtype_of, shape_of

from .arithmetic import add, astype, negative, subtract
from .comparison import equal
from .contraction import column, matmul, matrix_transpose
from .decompositions import below
from .linalg import linalg_dtype, matrices, regular, regular_complex, squares
from .samples import Sample, draw, draw_complex
from .shape import concatenate
from .stacks import over_stacks

if TYPE_CHECKING:
    from functrans.core.kinds import Function

# Systems. Transposed ones are those of the transpose: there is no option for them.


def triangle(x: Array, *, lower: bool, unit: bool) -> Array:
    """The part of a matrix that a triangular solver reads."""
    if lower:
        return below(x, -1 if unit else 0)
    return matrix_transpose(below(matrix_transpose(x), -1 if unit else 0))


def system_shape(x: ArrayType, y: ArrayType, **params: Any) -> ArrayType:
    """The type of the solution, like the right sides, which are matrices of columns."""
    stack, n = squares(x)
    other, rows, columns = matrices(y)
    if rows != n:
        raise ValueError(f"matrices of shape {x.shape} do not fit right sides of shape {y.shape}")
    return ArrayType(
        (*np.broadcast_shapes(stack, other), n, columns), linalg_dtype(x.dtype, y.dtype)
    )


def solve_triangular_impl(x: Array, y: Array, *, lower: bool, unit: bool) -> Array:
    like = system_shape(ArrayType(x.shape, x.dtype), ArrayType(y.shape, y.dtype))

    def single(a: Array, b: Array) -> Any:
        return sl.solve_triangular(a, b, lower=lower, unit_diagonal=unit, check_finite=False)

    return over_stacks(single, like, x, y)


def solve_triangular_push(ts: Any, ans: Array, x: Array, *, lower: bool, unit: bool) -> Array:
    moved = matmul(triangle(ts[0], lower=lower, unit=unit), ans)
    return solve_triangular(x, subtract(ts[1], moved), lower=lower, unit=unit)


def solve_triangular_pull(g: Array, ans: Array, x: Array, *, lower: bool, unit: bool) -> Any:
    g_y = solve_triangular(matrix_transpose(x), g, lower=not lower, unit=unit)
    g_x = negative(matmul(g_y, matrix_transpose(ans)))
    return triangle(g_x, lower=lower, unit=unit), g_y


def solve_triangular_samples() -> list[Sample]:
    def case(x: Array, y: Array, label: str, lower: bool = True, unit: bool = False) -> Sample:
        return Sample(x, y, lower=lower, unit=unit, label=label)

    singles = [
        case(regular((3, 3)), draw((3, 2), -1, 1), "lower"),
        case(regular((3, 3)), draw((3, 1), -1, 1), "upper", lower=False),
        case(regular((3, 3)), draw((3, 2), -1, 1), "unit diagonal", unit=True),
        case(regular((2, 2)).mT, draw((4, 2, 1), -1, 1), "one matrix, stack", lower=False),
        case(regular((2, 3, 3)), draw((3, 2), -1, 1), "stack, one right side"),
        case(regular_complex((2, 2)), draw((2, 1), -1, 1), "complex, real"),
        case(regular((2, 2)), draw_complex((2, 2), -1, 1), "real, complex", lower=False),
        case(regular((2, 2)).astype(np.float32), np.ones((2, 1), np.float32), "float32"),
        case(np.zeros((0, 0)), np.zeros((0, 2)), "0 x 0"),
        case(np.eye(2), np.zeros((2, 0)), "no right side"),
        case(np.zeros((0, 2, 2)), np.ones((2, 1)), "empty stack"),
    ]
    return singles


solve_triangular: Function = general(
    "solve_triangular",
    solve_triangular_impl,
    push_all=solve_triangular_push,
    pull_all=solve_triangular_pull,
    batch=lambda x, y, *, batched, lower, unit: solve_triangular(
        *align((x, y), batched), lower=lower, unit=unit
    ),
    shape=system_shape,
    samples=solve_triangular_samples,
)


def upper_from_right(x: Array, u: Array) -> Array:
    """``x @ inv(u)`` for an upper triangle u."""
    solved = solve_triangular(matrix_transpose(u), matrix_transpose(x), lower=True, unit=False)
    return matrix_transpose(solved)


# LU with partial pivoting: x[order] = l @ u.


def lu_shape(x: ArrayType) -> tuple[ArrayType, ...]:
    stack, m, n = matrices(x)
    k, dtype = min(m, n), linalg_dtype(x.dtype)
    return (
        ArrayType((*stack, m), np.dtype(np.int64)),
        ArrayType((*stack, m, k), dtype),
        ArrayType((*stack, k, n), dtype),
    )


def lu_impl(x: Array) -> tuple[Array, ...]:
    types = lu_shape(ArrayType(x.shape, x.dtype))
    m, n = x.shape[-2:]
    k = min(m, n)
    if k == 0 or 0 in x.shape:
        order = np.broadcast_to(np.arange(m), types[0].shape).copy()
        return (
            order,
            np.zeros(types[1].shape, types[1].dtype),
            np.zeros(types[2].shape, types[2].dtype),
        )
    flat = np.asarray(x, types[1].dtype).reshape(-1, m, n)
    orders, packed = np.empty((len(flat), m), np.int64), np.empty_like(flat)
    for i, matrix in enumerate(flat):
        factors: Any = sl.lu(matrix, p_indices=True, check_finite=False)
        p, low, up = factors
        orders[i] = np.argsort(p)
        packed[i] = 0
        packed[i, :, :k] += np.tril(low, -1)
        packed[i, :k] += up
    packed = packed.reshape(x.shape)
    lower = np.tril(packed[..., :k], -1)
    np.einsum("...ii->...i", lower[..., :k, :])[...] = 1
    return orders.reshape(types[0].shape), lower, np.triu(packed[..., :k, :])


def ordered_rows(x: Array, order: Array, *, back: bool = False) -> Array:
    """The rows of matrices in another order, or (`back`) in the one that they had before."""
    n = shape_of(order)[-1]
    places = astype(equal(column(order), np.arange(n)), dtype=dtype_of(x))
    return matmul(matrix_transpose(places) if back else places, x)


def lu_push(t: Array, ans: Any) -> Any:
    order, lower, upper = ans
    m, n = lower.shape[-2], upper.shape[-1]
    k = min(m, n)
    t = ordered_rows(t, order)
    l_1, u_1 = lower[..., :k, :], upper[..., :k]
    inner = upper_from_right(solve_triangular(l_1, t[..., :k, :k], lower=True, unit=True), u_1)
    low = below(inner)
    t_l, t_u = matmul(l_1, low), matmul(subtract(inner, low), u_1)
    if m > k:
        rest = subtract(t[..., k:, :], matmul(lower[..., k:, :], t_u))
        t_l = concatenate(t_l, upper_from_right(rest, u_1), axis=t_l.ndim - 2)
    if n > k:
        rest = subtract(t[..., k:], matmul(t_l, upper[..., k:]))
        t_u = concatenate(
            t_u, solve_triangular(l_1, rest, lower=True, unit=True), axis=t_u.ndim - 1
        )
    return 0, t_l, t_u


def lu_pull(g: Any, ans: Any) -> Array:
    (order, lower, upper), (_, g_l, g_u) = ans, g
    m, n = lower.shape[-2], upper.shape[-1]
    k = min(m, n)
    l_1, u_1 = lower[..., :k, :], upper[..., :k]
    l_transpose, u_transpose = matrix_transpose(l_1), matrix_transpose(u_1)
    g_low, g_up = g_l[..., :k, :], g_u[..., :k]
    g_rest: Any = None
    if m > k:
        g_rest = matrix_transpose(
            solve_triangular(u_1, matrix_transpose(g_l[..., k:, :]), lower=False, unit=False)
        )
        g_up = subtract(g_up, matmul(matrix_transpose(lower[..., k:, :]), g_rest))
    if n > k:
        g_rest = solve_triangular(l_transpose, g_u[..., k:], lower=False, unit=True)
        g_low = subtract(g_low, matmul(g_rest, matrix_transpose(upper[..., k:])))
    inner_u = matmul(g_up, u_transpose)
    inner = add(below(matmul(l_transpose, g_low)), subtract(inner_u, below(inner_u)))
    half = solve_triangular(l_transpose, inner, lower=False, unit=True)
    out = matrix_transpose(solve_triangular(u_1, matrix_transpose(half), lower=False, unit=False))
    if g_rest is not None:
        out = concatenate(out, g_rest, axis=out.ndim - (2 if m > k else 1))
    return ordered_rows(out, order, back=True)


lu: Function = general(
    "lu",
    lu_impl,
    pushes=(lu_push,),
    pulls=(lu_pull,),
    batch=lambda x: lu(x),
    shape=lu_shape,
    outputs=3,
    samples=lambda: [
        Sample(regular((3, 3))),
        Sample(regular((3, 3))[[1, 2, 0]], label="pivots"),
        Sample(draw((2, 4, 2), -1, 1), label="stack, tall"),
        Sample(draw((2, 4), -1, 1), label="wide"),
        Sample(regular_complex((3, 3)), label="complex"),
        Sample(draw_complex((3, 2), -1, 1).mT, label="complex, non-contiguous"),
        Sample(regular((2, 2)).astype(np.float32), label="float32"),
        Sample(np.array([[2.0]]), label="1 x 1"),
        Sample(np.zeros((0, 0)), label="0 x 0"),
        Sample(np.zeros((0, 2, 2)), label="empty stack"),
    ],
)


# LAPACK gives the order as successive exchanges: row i was exchanged with row pivots[i].


def lu_pivots_impl(x: Array, *, count: int) -> Array:
    orders = np.asarray(x).reshape(prod(x.shape[:-1]), x.shape[-1])  # -1 fails for no rows
    pivots = np.empty((len(orders), count), np.int32)
    for order, found in zip(orders, pivots, strict=True):
        rows = list(range(len(order)))
        for i in range(count):
            j = rows.index(order[i])
            rows[i], rows[j] = rows[j], rows[i]
            found[i] = j
    return pivots.reshape(*x.shape[:-1], count)


def lu_order_impl(x: Array, *, rows: int) -> Array:
    pivots = np.asarray(x).reshape(prod(x.shape[:-1]), x.shape[-1])
    orders = np.empty((len(pivots), rows), np.int64)
    for exchanges, order in zip(pivots, orders, strict=True):
        order[:] = range(rows)
        for i, j in enumerate(exchanges):
            order[[i, j]] = order[[j, i]]
    return orders.reshape(*x.shape[:-1], rows)


ORDERS = np.array([[2, 0, 1, 3], [0, 1, 2, 3]])
PIVOTS = np.array([[2, 2, 2, 3], [0, 1, 2, 3]], np.int32)

lu_pivots: Function = nondifferentiable(
    "lu_pivots",
    lu_pivots_impl,
    batch=lambda x, *, count: lu_pivots(x, count=count),
    shape=lambda x, *, count: ArrayType((*x.shape[:-1], count), np.dtype(np.int32)),
    samples=lambda: [
        Sample(ORDERS, count=4, value=PIVOTS),
        Sample(ORDERS[0], count=2, label="wide"),
        Sample(np.zeros(0, np.int64), count=0, label="0 x 0"),
    ],
)
lu_order: Function = nondifferentiable(
    "lu_order",
    lu_order_impl,
    batch=lambda x, *, rows: lu_order(x, rows=rows),
    shape=lambda x, *, rows: ArrayType((*x.shape[:-1], rows), np.dtype(np.int64)),
    samples=lambda: [
        Sample(PIVOTS, rows=4, value=ORDERS),
        Sample(np.array([2, 2], np.int32), rows=4, label="wide"),
        Sample(np.zeros(0, np.int32), rows=0, label="0 x 0"),
    ],
)
