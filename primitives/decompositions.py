"""The factorisations of Cholesky and QR.

`cholesky` reads one triangle of a matrix that it takes to be Hermitian. Its derivative is that of
the function of the Hermitian part: tangents and cotangents are symmetrised, so that a gradient is
Hermitian like its matrix.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.core.kinds import general
from functrans.core.types import Array, ArrayType, dtype_of, shape_of

from .arithmetic import (
    add,
    conjugate,
    make_complex,
    multiply,
    negative,
    real,
    real_dtype,
    subtract,
)
from .comparison import where
from .contraction import matmul, matrix_transpose
from .degenerate import constants
from .linalg import (
    adjoint,
    linalg_dtype,
    matrices,
    regular,
    regular_complex,
    same_shape,
    solve,
    symmetrized,
)
from .samples import Sample, draw, draw_complex
from .shape import concatenate

if TYPE_CHECKING:
    from collections.abc import Callable

    from functrans.core.kinds import Function


def conjugated(x: Array) -> Array:
    """The conjugate; a real array as it is."""
    return conjugate(x) if dtype_of(x).kind == "c" else x


def identity(x: Array) -> Array:
    """Where the diagonal is of square matrices like `x`."""
    return np.eye(shape_of(x)[-1], dtype=bool)


def below(x: Array, k: int = -1) -> Array:
    """The part of a matrix below the diagonal (for k=0 with the diagonal)."""
    rows, columns = shape_of(x)[-2:]
    return where(np.tri(rows, columns, k, dtype=bool), x, 0)


# Cholesky.


def lower_half(x: Array) -> Array:
    """The lower triangle, its diagonal halved: the triangular part of a Hermitian change."""
    return multiply(below(x, 0), np.asarray(1 - 0.5 * identity(x), real_dtype(dtype_of(x))))


def cholesky_push(t: Array, ans: Array, *, upper: bool) -> Array:
    lower = adjoint(ans) if upper else ans
    inner = solve(lower, adjoint(solve(lower, symmetrized(t))))
    out = matmul(lower, lower_half(inner))
    return adjoint(out) if upper else out


def cholesky_pull(g: Array, ans: Array, *, upper: bool) -> Array:
    lower, g = (adjoint(ans), adjoint(g)) if upper else (ans, g)
    inner = lower_half(matmul(matrix_transpose(lower), g))
    left = solve(matrix_transpose(lower), inner)
    out = matrix_transpose(solve(adjoint(lower), matrix_transpose(left)))
    return symmetrized(out)


def positive(n: int, *stack: int, seed: int = 0) -> Array:
    """Positive definite matrices."""
    x = regular((*stack, n, n), seed)
    return x @ x.mT


def hermitian_part(x: Array) -> Array:
    return (x + x.conj().mT) / 2


def hermitian_samples(*hard: Sample, **params: Any) -> Callable[[], list[Sample]]:
    """Samples of a function of Hermitian matrices.

    Differences are taken along Hermitian matrices: along others they would see the one triangle
    that NumPy reads.
    """

    def samples() -> list[Sample]:
        z = regular_complex((3, 3))
        f32 = positive(2).astype(np.float32)
        return [
            Sample(positive(3), along=hermitian_part, **params),
            Sample(positive(2, 3), along=hermitian_part, label="stack", **params),
            Sample(z @ z.conj().T, along=hermitian_part, label="complex", **params),
            Sample(f32, along=hermitian_part, label="float32", **params),
            Sample(np.array([[2.0]]), label="1 x 1", **params),
            Sample(np.array([[2.0 + 0j]]), along=hermitian_part, label="complex 1 x 1", **params),
            Sample(np.array([[[2.0]], [[3.0]]]), label="stack of 1 x 1", **params),
            Sample(np.zeros((0, 0)), label="0 x 0", **params),
            Sample(np.zeros((0, 2, 2)), label="empty stack", **params),
            *hard,
        ]

    return samples


cholesky: Function = general(
    "cholesky",
    lambda x, *, upper: np.linalg.cholesky(x, upper=upper),
    pushes=(cholesky_push,),
    pulls=(cholesky_pull,),
    batch=lambda x, *, upper: cholesky(x, upper=upper),
    shape=same_shape,
    samples=lambda: hermitian_samples(upper=False)() + hermitian_samples(upper=True)(),
)


# QR.


def over(x: Array, r: Array) -> Array:
    """``x @ inv(r)``."""
    return matrix_transpose(solve(matrix_transpose(r), matrix_transpose(x)))


def without_phases(x: Array) -> Array:
    """A matrix with the real parts of its diagonal."""
    if dtype_of(x).kind != "c":
        return x
    return where(identity(x), make_complex(real(x), 0), x)


def rest_tangent(rest: Array, q: Array, t_q: Array) -> Array:
    """The tangent of columns that complete `q`: they stay orthogonal, and do not turn otherwise."""
    return negative(matmul(q, matmul(adjoint(t_q), rest)))


def rest_cotangent(g_rest: Array, rest: Array, q: Array) -> Array:
    """The part of the cotangent of `q` that the columns which complete it have."""
    return negative(conjugated(matmul(rest, matmul(matrix_transpose(g_rest), q))))


def qr_push(t: Array, ans: tuple[Array, Array], x_type: ArrayType, *, complete: bool) -> Any:
    full_q, full_r = ans
    m, n = x_type.shape[-2:]
    k = min(m, n)
    tall, wide = complete and m > n, n > m
    q = full_q[..., :k] if tall else full_q
    r = full_r[..., :k, :k] if tall or wide else full_r
    change = over(t[..., :k] if wide else t, r)
    inner = matmul(adjoint(q), change)
    # The columns turn by an anti-Hermitian matrix such that a triangle is left.
    turn = subtract(below(inner), adjoint(below(inner)))
    triangle = without_phases(subtract(inner, turn))
    t_q = subtract(change, matmul(q, triangle))
    t_r = matmul(triangle, r)
    if wide:
        right = matmul(adjoint(q), t[..., k:])
        right = add(right, matmul(adjoint(t_q), matmul(q, full_r[..., k:])))
        t_r = concatenate(t_r, right, axis=t_r.ndim - 1)
    if tall:
        t_rest = rest_tangent(full_q[..., k:], q, t_q)
        t_q = concatenate(t_q, t_rest, axis=t_q.ndim - 1)
        below_r = np.zeros((*t_r.shape[:-2], m - n, n), dtype_of(t_r))
        t_r = concatenate(t_r, below_r, axis=t_r.ndim - 2)
    return t_q, t_r


def qr_pull(g: Any, ans: tuple[Array, Array], x_type: ArrayType, *, complete: bool) -> Array:
    (g_q, g_r), (q, r) = g, ans
    m, n = x_type.shape[-2:]
    k = min(m, n)
    tall, wide = complete and m > n, n > m
    if tall:
        g_rest, rest, q = g_q[..., k:], q[..., k:], q[..., :k]
        g_q = add(g_q[..., :k], rest_cotangent(g_rest, rest, q))
        g_r, r = g_r[..., :k, :], r[..., :k, :]
    g_right = g_r[..., k:]
    if wide:
        g_q = add(g_q, conjugated(matmul(matmul(q, r[..., k:]), matrix_transpose(g_right))))
        g_r, r = g_r[..., :k], r[..., :k]
    g_triangle = subtract(matmul(g_r, matrix_transpose(r)), matmul(matrix_transpose(q), g_q))
    # The transpose of taking the triangle of `inner`, see the push.
    g_triangle = without_phases(g_triangle)
    g_inner = add(subtract(g_triangle, below(g_triangle)), below(adjoint(g_triangle)))
    g_change = add(g_q, matmul(conjugated(q), g_inner))
    out = matrix_transpose(solve(r, matrix_transpose(g_change)))
    if wide:
        out = concatenate(out, matmul(conjugated(q), g_right), axis=out.ndim - 1)
    return out


def qr_shape(x: ArrayType, *, complete: bool) -> tuple[ArrayType, ArrayType]:
    stack, rows, columns = matrices(x)
    k, dtype = rows if complete else min(rows, columns), linalg_dtype(x.dtype)
    return ArrayType((*stack, rows, k), dtype), ArrayType((*stack, k, columns), dtype)


qr: Function = general(
    "qr",  # complete: q is square; otherwise it has as many columns as the shorter side
    lambda x, *, complete: tuple(np.linalg.qr(x, "complete" if complete else "reduced")),
    pushes=(qr_push,),
    pulls=(qr_pull,),
    batch=lambda x, *, complete: qr(x, complete=complete),
    shape=qr_shape,
    outputs=2,
    samples=lambda: [
        Sample(regular((3, 3)), complete=False, label="square"),
        Sample(regular((3, 3)), complete=True, label="square, complete"),
        Sample(draw((2, 4, 2), -1, 1), complete=False, label="stack, tall"),
        Sample(draw((2, 4), -1, 1), complete=False, label="wide"),
        Sample(draw((2, 3), -1, 1), complete=True, label="wide, complete"),
        Sample(draw_complex((3, 2), -1, 1), complete=False, label="complex"),
        Sample(draw_complex((2, 3), -1, 1), complete=False, label="complex, wide"),
        Sample(regular((2, 2)).astype(np.float32), complete=False, label="float32"),
        Sample(np.array([[-2.0]]), complete=False, label="1 x 1"),
        Sample(np.zeros((3, 0)), complete=False, label="no columns"),
        Sample(np.zeros((0, 2, 2)), complete=False, label="empty stack"),
        # The turn of the columns that complete q is free: differences see LAPACK's choice.
        Sample(draw((2, 3, 2), -1, 1), complete=True, smooth=False, label="tall, complete"),
    ],
)


# Singular values: what several files need.


def svd_shape(x: ArrayType, *, full: bool) -> tuple[ArrayType, ...]:
    stack, rows, columns = matrices(x)
    k, dtype = min(rows, columns), linalg_dtype(x.dtype)
    return (
        ArrayType((*stack, rows, rows if full else k), dtype),
        ArrayType((*stack, k), real_dtype(dtype)),
        ArrayType((*stack, columns if full else k, columns), dtype),
    )


svd_constants = constants(
    "svd_constants",
    lambda x: tuple(np.linalg.svd(x, full_matrices=False)),
    lambda x: svd_shape(x, full=False),
    3,
    "svd",
    Sample(np.array([[2.0]]), smooth=False, value=([[1.0]], [2.0], [[1.0]])),
)
