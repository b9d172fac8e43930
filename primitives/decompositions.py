"""Factorisations of matrices: Cholesky, QR, eigenvectors and singular vectors.

Where NumPy takes a matrix to be Hermitian (`cholesky`, `eigh`) it reads one triangle. Derivatives
are those of the function of the Hermitian part: tangents and cotangents are symmetrised, so that
a gradient is Hermitian like its matrix.

Eigenvectors of equal eigenvalues are free to turn into each other, and so are singular vectors.
The turn is taken to be zero: right for functions of the equal values that are symmetric in them,
and of the space that their vectors span. Second derivatives are NaN there, because they depend
on the turn that the eigenvectors, as functions, do not have.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.core.kinds import general
from functrans.core.primitive import ZERO
from functrans.core.types import Array, ArrayType, dtype_of, shape_of

from .arithmetic import (
    absolute,
    add,
    conjugate,
    make_complex,
    multiply,
    real,
    real_dtype,
    reciprocal,
    subtract,
)
from .comparison import equal, less_equal, where
from .contraction import column, matmul, matrix_transpose, row
from .linalg import (
    adjoint,
    linalg_dtype,
    matrices,
    regular,
    regular_complex,
    same_shape,
    solve,
    squares,
    symmetrized,
)
from .reduction import sum
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
    return where(np.tri(*shape_of(x)[-2:], k, dtype=bool), x, 0)


def diagonal(x: Array) -> Array:
    """The diagonals of square matrices."""
    return sum(where(identity(x), x, 0), axes=(x.ndim - 1,))


def on_diagonal(x: Array) -> Array:
    """Diagonal matrices."""
    return where(identity(x), row(x), 0)


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


def hermitian_samples(*hard: Sample, **params: Any) -> Callable[[], list[Sample]]:
    """Samples of a function of Hermitian matrices.

    Differences along matrices that are not Hermitian see the one triangle that NumPy reads, so
    that derivatives are compared at 1 x 1 only; the tests compare the rest along Hermitian ones.
    """

    def samples() -> list[Sample]:
        z = regular_complex((3, 3))
        f32 = positive(2).astype(np.float32)
        return [
            Sample(positive(3), smooth=False, **params),
            Sample(positive(2, 3), smooth=False, label="stack", **params),
            Sample(z @ z.conj().T, smooth=False, label="complex", **params),
            Sample(f32, smooth=False, label="float32", **params),
            Sample(np.array([[2.0]]), label="1 x 1", **params),
            Sample(np.array([[2.0 + 0j]]), smooth=False, label="complex 1 x 1", **params),
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


def qr_push(t: Array, ans: tuple[Array, Array]) -> tuple[Array, Array]:
    q, r = ans
    n = q.shape[-1]
    wide = r.shape[-1] > n
    square_r, square_t = (r[..., :n], t[..., :n]) if wide else (r, t)
    change = over(square_t, square_r)
    inner = matmul(adjoint(q), change)
    # What is left of the diagonal must vanish: the columns turn (by an anti-Hermitian matrix).
    turn = subtract(below(inner), adjoint(below(inner)))
    triangle = without_phases(subtract(inner, turn))
    t_q = subtract(change, matmul(q, triangle))
    t_r = matmul(triangle, square_r)
    if wide:
        right = matmul(adjoint(q), t[..., n:])
        right = add(right, matmul(adjoint(t_q), matmul(q, r[..., n:])))
        t_r = concatenate(t_r, right, axis=t_r.ndim - 1)
    return t_q, t_r


def qr_pull(g: tuple[Array, Array], ans: tuple[Array, Array]) -> Array:
    (g_q, g_r), (q, r) = g, ans
    n = q.shape[-1]
    wide = r.shape[-1] > n
    if wide:
        g_right = g_r[..., n:]
        g_q = add(g_q, conjugated(matmul(matmul(q, r[..., n:]), matrix_transpose(g_right))))
        g_r, r = g_r[..., :n], r[..., :n]
    g_triangle = subtract(matmul(g_r, matrix_transpose(r)), matmul(matrix_transpose(q), g_q))
    # The transpose of taking the triangle of `inner`, see the push.
    g_triangle = without_phases(g_triangle)
    g_inner = add(subtract(g_triangle, below(g_triangle)), below(adjoint(g_triangle)))
    g_change = add(g_q, matmul(conjugated(q), g_inner))
    out = matrix_transpose(solve(r, matrix_transpose(g_change)))
    if wide:
        out = concatenate(out, matmul(conjugated(q), g_right), axis=out.ndim - 1)
    return out


def qr_shape(x: ArrayType) -> tuple[ArrayType, ArrayType]:
    stack, rows, columns = matrices(x)
    k, dtype = min(rows, columns), linalg_dtype(x.dtype)
    return ArrayType((*stack, rows, k), dtype), ArrayType((*stack, k, columns), dtype)


qr: Function = general(
    "qr",  # reduced: as many columns of q as the shorter side has
    lambda x: tuple(np.linalg.qr(x)),
    pushes=(qr_push,),
    pulls=(qr_pull,),
    batch=lambda x: qr(x),
    shape=qr_shape,
    outputs=2,
    samples=lambda: [
        Sample(regular((3, 3)), label="square"),
        Sample(draw((2, 4, 2), -1, 1), label="stack, tall"),
        Sample(draw((2, 4), -1, 1), label="wide"),
        Sample(draw_complex((3, 2), -1, 1), label="complex"),
        Sample(draw_complex((2, 3), -1, 1), label="complex, wide"),
        Sample(regular((2, 2)).astype(np.float32), label="float32"),
        Sample(np.array([[-2.0]]), label="1 x 1"),
        Sample(np.zeros((3, 0)), label="no columns"),
        Sample(np.zeros((0, 2, 2)), label="empty stack"),
    ],
)


# Eigenvalues and eigenvectors of Hermitian matrices.


def reciprocal_gaps(w: Array, fill: float) -> Array:
    """At ``i, j`` the number ``1 / (w[j] - w[i])``.

    It is `fill` for values that are equal up to rounding, and 0 on the diagonal.
    """
    gaps = subtract(row(w), column(w))
    size = sum(absolute(w), axes=(w.ndim - 1,), keepdims=True)
    rounding = multiply(4 * float(np.finfo(dtype_of(w)).eps), column(size))
    alike = less_equal(absolute(gaps), rounding)
    inverse = where(alike, fill, reciprocal(where(alike, 1, gaps)))
    return where(identity(inverse), 0, inverse) if fill else inverse


def eigh_tangent(t: Array, basis: tuple[Array, Array], fill: float) -> tuple[Array, Array]:
    w, v = basis
    inner = matmul(adjoint(v), matmul(symmetrized(t), v))
    return real(diagonal(inner)), matmul(v, multiply(reciprocal_gaps(w, fill), inner))


def eigh_cotangent(g: tuple[Array, Array], basis: tuple[Array, Array], fill: float) -> Array:
    (g_w, g_v), (w, v) = g, basis
    turn = multiply(reciprocal_gaps(w, fill), matmul(matrix_transpose(v), g_v))
    inner = add(on_diagonal(g_w), turn)
    return symmetrized(matmul(conjugated(v), matmul(inner, matrix_transpose(v))))


def eigh_shape(x: ArrayType, **params: Any) -> tuple[ArrayType, ArrayType]:
    return eigvalsh_shape(x), same_shape(x)


def eigvalsh_shape(x: ArrayType, **params: Any) -> ArrayType:
    stack, n = squares(x)
    return ArrayType((*stack, n), real_dtype(linalg_dtype(x.dtype)))


eigh: Function = general(
    "eigh",  # uplo: "L" or "U", the triangle that is read
    lambda x, *, uplo: tuple(np.linalg.eigh(x, uplo)),
    pushes=(lambda t, ans, x: eigh_tangent(t, eigenbasis(x, *ans), 0.0),),
    pulls=(lambda g, ans, x: eigh_cotangent(g, eigenbasis(x, *ans), 0.0),),
    batch=lambda x, *, uplo: eigh(x, uplo=uplo),
    shape=eigh_shape,
    outputs=2,
    samples=lambda: hermitian_samples(uplo="L")() + hermitian_samples(uplo="U")(),
)
eigenbasis: Function = general(
    "eigenbasis",  # eigenvalues y and eigenvectors z of x, known already, for use in derivatives
    lambda x, y, z: (y, z),
    pushes=(lambda t, ans, x: eigh_tangent(t, eigenbasis(x, *ans), np.nan), ZERO, ZERO),
    pulls=(lambda g, ans, x: eigh_cotangent(g, eigenbasis(x, *ans), np.nan), ZERO, ZERO),
    batch=lambda x, y, z: eigenbasis(x, y, z),
    shape=lambda x, y, z: (y, z),
    outputs=2,
    samples=lambda: [Sample(np.array([[2.0]]), np.array([2.0]), np.array([[1.0]]), smooth=False)],
)


def eigvalsh_push(t: Array, x: Array, *, uplo: str) -> Array:
    v = eigenbasis(x, *eigh(x, uplo=uplo))[1]
    part = matmul(symmetrized(t), v)
    return sum(real(multiply(conjugated(v), part)), axes=(v.ndim - 2,))


def eigvalsh_pull(g: Array, x: Array, *, uplo: str) -> Array:
    v = eigenbasis(x, *eigh(x, uplo=uplo))[1]
    return symmetrized(matmul(multiply(conjugated(v), row(g)), matrix_transpose(v)))


eigvalsh: Function = general(
    "eigvalsh",
    lambda x, *, uplo: np.linalg.eigvalsh(x, uplo),
    pushes=(eigvalsh_push,),
    pulls=(eigvalsh_pull,),
    batch=lambda x, *, uplo: eigvalsh(x, uplo=uplo),
    shape=eigvalsh_shape,
    samples=lambda: hermitian_samples(uplo="L")() + hermitian_samples(uplo="U")(),
)


# Singular values and singular vectors.


def zero_at_zero(s: Array) -> Array:
    """Reciprocals, but 0 for 0: a singular value has a kink there, and its vectors are free."""
    none = equal(s, 0)
    return where(none, 0, reciprocal(where(none, 1, s)))


def away_from_zero(s: Array) -> Array:
    """1 for positive singular values, 0 for those at zero."""
    return where(equal(s, 0), 0, np.ones((), dtype_of(s)))


def svd_tangent(t: Array, basis: tuple[Array, Array, Array], fill: float) -> tuple[Array, ...]:
    u, s, vh = basis
    inner = matmul(matmul(adjoint(u), t), adjoint(vh))
    other = adjoint(inner)
    # The turns of u and of v: half the sum and half the difference of these two.
    both = multiply(reciprocal_gaps(s, fill), add(inner, other))
    apart = multiply(zero_at_zero(add(row(s), column(s))), subtract(inner, other))
    t_u = matmul(u, multiply(0.5, add(both, apart)))
    t_vh = matmul(multiply(0.5, subtract(apart, both)), vh)
    inverse = zero_at_zero(s)
    if u.shape[-2] > u.shape[-1]:  # the part of the change outside the span of u
        left = matmul(t, adjoint(vh))
        left = subtract(left, matmul(u, matmul(adjoint(u), left)))
        t_u = add(t_u, multiply(left, row(inverse)))
    if vh.shape[-1] > vh.shape[-2]:
        right = matmul(adjoint(u), t)
        right = subtract(right, matmul(matmul(right, adjoint(vh)), vh))
        t_vh = add(t_vh, multiply(column(inverse), right))
    return t_u, multiply(away_from_zero(s), real(diagonal(inner))), t_vh


def svd_cotangent(g: tuple[Array, ...], basis: tuple[Array, Array, Array], fill: float) -> Array:
    (g_u, g_s, g_vh), (u, s, vh) = g, basis
    u_t, v = matrix_transpose(u), matrix_transpose(vh)  # v is not conjugated
    turn_u, turn_v = matmul(u_t, g_u), matmul(g_vh, v)
    both = multiply(multiply(0.5, reciprocal_gaps(s, fill)), subtract(turn_u, turn_v))
    apart = multiply(multiply(0.5, zero_at_zero(add(row(s), column(s)))), add(turn_u, turn_v))
    inner = add(add(both, adjoint(both)), subtract(apart, adjoint(apart)))
    inner = add(inner, on_diagonal(multiply(away_from_zero(s), g_s)))
    out = matmul(matmul(conjugated(u), inner), conjugated(vh))
    inverse = zero_at_zero(s)
    if u.shape[-2] > u.shape[-1]:
        left = subtract(g_u, matmul(conjugated(u), turn_u))
        out = add(out, matmul(multiply(left, row(inverse)), conjugated(vh)))
    if vh.shape[-1] > vh.shape[-2]:
        right = subtract(g_vh, matmul(turn_v, conjugated(vh)))
        out = add(out, matmul(conjugated(u), multiply(column(inverse), right)))
    return out


def svd_shape(x: ArrayType) -> tuple[ArrayType, ...]:
    stack, rows, columns = matrices(x)
    k, dtype = min(rows, columns), linalg_dtype(x.dtype)
    return (
        ArrayType((*stack, rows, k), dtype),
        ArrayType((*stack, k), real_dtype(dtype)),
        ArrayType((*stack, k, columns), dtype),
    )


def svd_samples() -> list[Sample]:
    return [
        Sample(regular((3, 3)), label="square"),
        Sample(draw((2, 4, 2), -1, 1), label="stack, tall"),
        Sample(draw((2, 4), -1, 1), label="wide"),
        Sample(draw((3, 2), -1, 1).astype(np.float32), label="float32"),
        Sample(np.array([[-2.0]]), label="1 x 1"),
        Sample(np.zeros((3, 0)), label="no columns"),
        Sample(np.zeros((0, 2, 2)), label="empty stack"),
    ]


svd: Function = general(
    "svd",  # reduced: u, the singular values, and the conjugate transpose of v
    lambda x: tuple(np.linalg.svd(x, full_matrices=False)),
    pushes=(lambda t, ans, x: svd_tangent(t, singular_basis(x, *ans), 0.0),),
    pulls=(lambda g, ans, x: svd_cotangent(g, singular_basis(x, *ans), 0.0),),
    batch=lambda x: svd(x),
    shape=svd_shape,
    outputs=3,
    samples=lambda: [
        *svd_samples(),
        # The phases of complex singular vectors are free, so that differences see LAPACK's choice.
        Sample(draw_complex((3, 2), -1, 1), smooth=False, label="complex"),
    ],
)
singular_basis: Function = general(
    "singular_basis",  # the svd y, z, w of x, known already, for use in derivatives
    lambda x, y, z, w: (y, z, w),
    pushes=(lambda t, ans, x: svd_tangent(t, singular_basis(x, *ans), np.nan), ZERO, ZERO, ZERO),
    pulls=(lambda g, ans, x: svd_cotangent(g, singular_basis(x, *ans), np.nan), ZERO, ZERO, ZERO),
    batch=lambda x, y, z, w: singular_basis(x, y, z, w),
    shape=lambda x, y, z, w: (y, z, w),
    outputs=3,
    samples=lambda: [
        Sample(
            np.array([[2.0]]), np.array([[1.0]]), np.array([2.0]), np.array([[1.0]]), smooth=False
        )
    ],
)


def svdvals_push(t: Array, x: Array) -> Array:
    u, s, vh = singular_basis(x, *svd(x))
    part = matmul(t, adjoint(vh))
    rate = sum(real(multiply(conjugated(u), part)), axes=(u.ndim - 2,))
    return multiply(away_from_zero(s), rate)


def svdvals_pull(g: Array, x: Array) -> Array:
    u, s, vh = singular_basis(x, *svd(x))
    weights = multiply(away_from_zero(s), g)
    return matmul(multiply(conjugated(u), row(weights)), conjugated(vh))


svdvals: Function = general(
    "svdvals",
    lambda x: np.linalg.svd(x, compute_uv=False),
    pushes=(svdvals_push,),
    pulls=(svdvals_pull,),
    batch=lambda x: svdvals(x),
    shape=lambda x: svd_shape(x)[1],
    samples=lambda: [
        *svd_samples(),
        Sample(draw_complex((2, 3), -1, 1), label="complex"),
        Sample(np.zeros((2, 2)), pinned=[np.zeros((2, 2))], label="zero"),
        Sample(np.eye(2), pinned=[np.eye(2)], label="equal singular values"),
        Sample(np.diag([3.0, 0.0]), pinned=[np.diag([1.0, 0.0])], label="rank n - 1"),
    ],
)
