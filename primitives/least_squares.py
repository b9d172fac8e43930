"""The pseudoinverse and least squares, differentiated as far as the rank does not change."""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.linalg import LinAlgError

from functrans.core.kinds import general
from functrans.core.primitive import ZERO
from functrans.core.types import Array, ArrayType, dtype_of

from .arithmetic import add, astype, conjugate, multiply, real, real_dtype, subtract
from .comparison import greater
from .contraction import matmul, matrix_transpose, reshaped
from .linalg import (
    adjoint,
    as_columns,
    from_columns,
    linalg_dtype,
    matrices,
    regular,
    symmetrized,
)
from .reduction import sum
from .samples import Sample, draw, draw_complex
from .shape import broadcast_to
from .spectral_values import svdvals, svdvals_pull, svdvals_push

if TYPE_CHECKING:
    from functrans.core.kinds import Function


# The pseudoinverse.


def pinv_parts(ans: Array, x: Array) -> tuple[Array, Array, Array, Array]:
    """The products of the pseudoinverse that its derivative is made of."""
    p_h = adjoint(ans)
    eye_m, eye_n = (np.eye(n, dtype=dtype_of(ans)) for n in x.shape[-2:])
    left = subtract(eye_m, matmul(x, ans))
    right = subtract(eye_n, matmul(ans, x))
    return matmul(ans, p_h), left, right, matmul(p_h, ans)


def pinv_push(t: Array, ans: Array, x: Array, *, hermitian: bool) -> Array:
    t = symmetrized(t) if hermitian else t
    p_p, left, right, q_q = pinv_parts(ans, x)
    t_h = adjoint(t)
    out = add(matmul(matmul(p_p, t_h), left), matmul(matmul(right, t_h), q_q))
    return subtract(out, matmul(matmul(ans, t), ans))


def pinv_pull(g: Array, ans: Array, x: Array, *, hermitian: bool) -> Array:
    p_p, left, right, q_q = pinv_parts(ans, x)
    g_t = matrix_transpose(g)
    out = add(matmul(matmul(left, g_t), p_p), matmul(matmul(q_q, g_t), right))
    out = conjugate(out) if dtype_of(out).kind == "c" else out
    p_t = matrix_transpose(ans)
    out = subtract(out, matmul(matmul(p_t, g), p_t))
    return symmetrized(out) if hermitian else out


def pinv_batch(x: Array, y: Array, *, batched: tuple[bool, bool], hermitian: bool) -> Array:
    if not batched[0]:
        x = broadcast_to(x, shape=(y.shape[0], *x.shape))
    if batched[1]:
        y = reshaped(y, (y.shape[0], *(1,) * (x.ndim - 2 - y.ndim), *y.shape[1:]))
    return pinv(x, y, hermitian=hermitian)


def pinv_shape(x: ArrayType, y: ArrayType, *, hermitian: bool) -> ArrayType:
    stack, rows, columns = matrices(x)
    return ArrayType((*stack, columns, rows), linalg_dtype(x.dtype))


pinv: Function = general(
    "pinv",  # y: singular values up to y times the largest count as zero
    lambda x, y, *, hermitian: np.linalg.pinv(x, y, hermitian),
    pushes=(pinv_push, ZERO),
    pulls=(pinv_pull, ZERO),
    batch=pinv_batch,
    shape=pinv_shape,
    samples=lambda: [
        Sample(draw((2, 3), -1, 1), 1e-15, hermitian=False, label="wide"),
        Sample(draw((2, 4, 2), -1, 1), 1e-15, hermitian=False, label="stack, tall"),
        Sample(draw((3, 3), -1, 1), 1e-15, hermitian=False, label="square"),
        Sample(draw_complex((3, 2), -1, 1), 1e-15, hermitian=False, label="complex"),
        Sample(draw((2, 3), -1, 1).astype(np.float32), 1e-6, hermitian=False, label="float32"),
        Sample(np.zeros((0, 2)), 1e-15, hermitian=False, label="empty"),
        Sample(np.array([[2.0]]), 1e-15, hermitian=True, label="Hermitian"),
        Sample(regular((2, 3, 3)), np.full(2, 1e-15), hermitian=False, label="a limit for each"),
    ],
)


# Least squares. The outputs are NumPy's: solution, residuals, rank and singular values.


def cutoff(x: Array, rcond: float | None) -> float:
    """The ratio to the largest below which NumPy counts singular values as zero.

    LAPACK takes one that is not between 0 and 1 for the rounding error.
    """
    eps = float(np.finfo(float).eps)
    if rcond is None:
        return eps * int(builtins.max(x.shape[-2:]))
    return rcond if 0 < rcond < 1 else eps


def misfit(ans: Array, x: Array, y: Array) -> Array:
    """What the solution leaves of the right sides, which are columns."""
    return subtract(y, matmul(x, ans))


def lstsq_push(ts: Any, ans: Any, x: Array, y: Array, *, rcond: float | None) -> Any:
    is_vector = y.ndim == 1
    columns, t_y = as_columns(y, is_vector), as_columns(ts[1], is_vector)
    p = pinv(x, cutoff(x, rcond), hermitian=False)
    t = add(matmul(pinv_push(ts[0], p, x, hermitian=False), columns), matmul(p, t_y))
    solution = as_columns(ans[0], is_vector)
    left = misfit(solution, x, columns)
    t_left = subtract(t_y, matmul(ts[0], solution))
    left = conjugate(left) if dtype_of(left).kind == "c" else left
    t_residuals = multiply(2, sum(real(multiply(left, t_left)), axes=(0,)))
    if not ans[1].size:
        t_residuals = np.zeros(ans[1].shape)
    return from_columns(t, is_vector), t_residuals, 0, svdvals_push(ts[0], x)[0]


def lstsq_pull(g: Any, ans: Any, x: Array, y: Array, *, rcond: float | None) -> Any:
    is_vector = y.ndim == 1
    columns, g_x = as_columns(y, is_vector), as_columns(g[0], is_vector)
    p = pinv(x, cutoff(x, rcond), hermitian=False)
    g_y = matmul(matrix_transpose(p), g_x)
    g_p = matmul(g_x, matrix_transpose(columns))
    g_a = add(pinv_pull(g_p, p, x, hermitian=False), svdvals_pull((g[3], g[3]), ans[3:], x))
    if ans[1].size:
        solution = as_columns(ans[0], is_vector)
        left = misfit(solution, x, columns)
        left = conjugate(left) if dtype_of(left).kind == "c" else left
        g_left = multiply(2, multiply(left, g[1]))
        g_y = add(g_y, g_left)
        g_a = subtract(g_a, matmul(g_left, matrix_transpose(solution)))
    return g_a, from_columns(g_y, is_vector)


def lstsq_batch(x: Array, y: Array, *, batched: tuple[bool, bool], rcond: float | None) -> Any:
    """NumPy has no stacked version: through the pseudoinverse, all lanes taken to have one rank."""
    is_vector = y.ndim - batched[1] == 1
    dtype = linalg_dtype(dtype_of(x), dtype_of(y))
    x, y = (astype(z, dtype=np.result_type(dtype, float)) for z in (x, y))  # as NumPy works
    size = x.shape[0] if batched[0] else y.shape[0]
    x = x if batched[0] else broadcast_to(x, shape=(size, *x.shape))
    y = as_columns(y, is_vector)
    y = y if batched[1] else broadcast_to(y, shape=(size, *y.shape))
    ratio = cutoff(x, rcond)
    ans = matmul(pinv(x, ratio, hermitian=False), y)
    s = svdvals(x)
    largest = s[..., :1]
    rank = sum(greater(s, multiply(ratio, largest)), axes=(1,))
    rank = astype(rank, dtype=np.dtype(np.int32))
    left = misfit(ans, x, y)
    square = real(multiply(left, conjugate(left) if dtype_of(left).kind == "c" else left))
    residuals = sum(square, axes=(1,))
    if x.shape[1] <= x.shape[2]:
        residuals = np.zeros((size, 0), dtype_of(s))
    parts = real_dtype(dtype)
    return (
        astype(from_columns(ans, is_vector), dtype=dtype),
        astype(residuals, dtype=parts),
        rank,
        astype(s, dtype=parts),
    )


def lstsq_shape(x: ArrayType, y: ArrayType, *, rcond: float | None) -> tuple[ArrayType, ...]:
    if x.ndim != 2 or y.ndim not in (1, 2):
        wrong = x if x.ndim != 2 else y
        raise LinAlgError(f"{wrong.ndim}-dimensional array given. Array must be two-dimensional")
    rows, columns = x.shape
    if y.shape[0] != rows:
        raise LinAlgError("Incompatible dimensions")
    dtype = linalg_dtype(x.dtype, y.dtype)
    sides = y.shape[1] if y.ndim == 2 else 1
    parts = real_dtype(dtype)
    # The rank, and with it whether there are residuals, depends on values: taken to be full.
    return (
        ArrayType((columns, *y.shape[1:]), dtype),
        ArrayType((sides if rows > columns else 0,), parts),
        ArrayType((), np.int32),
        ArrayType((builtins.min(rows, columns),), parts),
    )


def lstsq_impl(x: Array, y: Array, *, rcond: float | None) -> tuple[Array, ...]:
    solution, residuals, rank, s = np.linalg.lstsq(x, y, rcond)
    return solution, residuals, np.int32(rank), s


lstsq: Function = general(
    "lstsq",
    lstsq_impl,
    push_all=lstsq_push,
    pull_all=lstsq_pull,
    batch=lstsq_batch,
    shape=lstsq_shape,
    outputs=4,
    samples=lambda: [
        Sample(draw((4, 2), -1, 1), draw((4,), -1, 1, 1), rcond=None, label="vector"),
        Sample(draw((4, 2), -1, 1), draw((4, 3), -1, 1, 1), rcond=None, label="tall"),
        Sample(draw((2, 4), -1, 1), draw((2, 3), -1, 1, 1), rcond=1e-12, label="wide"),
        Sample(regular((2, 2)), draw((2,), -1, 1, 1), rcond=-1.0, label="square"),
        Sample(
            draw_complex((3, 2), -1, 1), draw_complex((3,), -1, 1, 1), rcond=None, label="complex"
        ),
    ],
)
