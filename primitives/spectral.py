"""Eigenvalues and eigenvectors, singular values and singular vectors.

Where NumPy takes a matrix to be Hermitian (`eigh`) it reads one triangle. Derivatives are those of
the function of the Hermitian part: tangents and cotangents are symmetrised, so that a gradient is
Hermitian like its matrix.

Eigenvectors of equal eigenvalues are free to turn into each other, and so are singular vectors.
The turn is taken to be zero: right for functions of the equal values that are symmetric in them,
and of the space that their vectors span; where it may not be right there is a warning
(degenerate.py). Where a transform tells how the values part (slopes.py), gradients of functions of
the matrix are right too. Phases of complex vectors do not turn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.core.errors import ConversionError
from functrans.core.kinds import general
from functrans.core.primitive import ZERO
from functrans.core.types import Array, ArrayType, shape_of

from .arithmetic import (
    add,
    multiply,
    real,
    real_dtype,
    subtract,
)
from .comparison import logical_and, logical_not, logical_or, not_equal, where
from .contraction import column, matmul, matrix_transpose, row
from .decompositions import (
    conjugated,
    hermitian_samples,
    rest_cotangent,
    rest_tangent,
    svd_shape,
)
from .degenerate import (
    constants,
    eig_doubt,
    eigh_doubt,
    every_lane,
    marks,
    svd_doubt,
    svd_push_doubt,
    told_apart,
    turn,
    unmarked,
)
from .indexing import diagonal, from_diagonal
from .linalg import (
    adjoint,
    linalg_dtype,
    regular,
    regular_complex,
    same_shape,
    solve,
    squares,
    symmetrized,
)
from .paths import away_from_zero, zero_at_zero
from .reduction import any, sum
from .samples import Sample, draw, draw_complex
from .shape import concatenate
from .shifts import shifts
from .slopes import factor_rates, ties, turned

if TYPE_CHECKING:
    from functrans.core.kinds import Function


def vectors_view(w: Array, v: Array, *marks: Array) -> tuple[Array, Array]:
    """Values, and vectors times the conjugates of their first elements, which hides phases."""
    return w, multiply(v, conjugated(v[..., :1, :]))


def svd_view(u: Array, s: Array, vh: Array, *marks: Array) -> tuple[Array, ...]:
    """Products that hide the phases of pairs of vectors, and projectors onto what they leave."""
    k = s.shape[-1]
    left, right = u[..., :k], vh[..., :k, :]
    rests = u[..., k:], adjoint(vh[..., k:, :])
    return (
        s,
        multiply(left, row(right[..., 0])),
        multiply(right, column(left[..., 0, :])),
        *(matmul(rest, adjoint(rest)) for rest in rests),
    )


def matrix_diagonal(x: Array) -> Array:
    """The diagonals of square matrices."""
    return diagonal(x, axis1=x.ndim - 2, axis2=x.ndim - 1)


def known(
    name: str, rate: Function, transposed: Function, outputs: int, sample: Sample
) -> Function:
    """The factors of `x`, computed already, as functions of it: ``call(x, *factors, counts)``.

    Derivatives name the factors through this primitive. Where values are equal its own derivatives,
    the second ones of the factorisation, are NaN, with a warning: they depend on more than the
    factors there. `counts` tells which vectors are used: those that are not have no say in this.
    """

    def push(t: Array, ans: Any, x: Array, rest: Any) -> Any:
        return rate(t, call(x, *ans, every_lane(rest[-1])), rest[-1])

    def pull(g: Any, ans: Any, x: Array, rest: Any) -> Any:
        return transposed(g, None, call(x, *ans, every_lane(rest[-1])), rest[-1])

    call: Function = general(
        name,
        lambda x, *rest: rest[:-1],
        pushes=(push, *(ZERO,) * (outputs + 1)),
        pulls=(pull, *(ZERO,) * (outputs + 1)),
        batch=lambda x, *rest: call(x, *rest),
        shape=lambda x, *rest: rest[:-1],
        outputs=outputs,
        samples=lambda: [sample],
    )
    return call


# Eigenvalues and eigenvectors of Hermitian matrices.


def eigh_tangent(t: Array, basis: tuple[Array, Array], counts: Array | None) -> tuple[Array, Array]:
    w, v = basis
    inner = matmul(adjoint(v), matmul(symmetrized(t), v))
    return real(matrix_diagonal(inner)), matmul(v, turn(inner, w, None, "eigh", counts=counts))


def eigh_cotangent(
    g: Any, used: Any, basis: tuple[Array, Array], counts: Array | None, x: Array | None = None
) -> Array:
    (g_w, g_v), (w, v) = g, basis
    between = matmul(matrix_transpose(v), g_v)
    if counts is None:
        doubt = eigh_doubt(between, w, *used)
        inner = turned(between, w, x, doubt, "eigh")
        g_w = checked_values(g_w, w, *used, name="eigh")
    else:
        inner = turn(between, w, None, "eigh", counts=counts, pulled=True)
    inner = add(from_diagonal(g_w), inner)
    return symmetrized(matmul(conjugated(v), matmul(inner, matrix_transpose(v))))


def checked_values(g: Array, w: Array, used_w: Array, *used: Array, name: str) -> Array:
    """The cotangents of values; it warns where a function tells equal ones apart.

    Those whose vectors are used have other cotangents in another basis.
    """
    vectors: Array = np.zeros(shape_of(w), bool)
    for factor in used:
        vectors = logical_or(vectors, any(not_equal(factor, 0), axes=(factor.ndim - 2,)))
    alone = logical_and(logical_not(vectors), logical_or(not_equal(used_w, 0), not_equal(g, 0)))
    checked: Array = told_apart(where(vectors, 0, g), w, alone, name=name)
    return where(vectors, g, checked)


def eigh_shape(x: ArrayType, **params: Any) -> tuple[ArrayType, ArrayType]:
    return eigvalsh_shape(x), same_shape(x)


def eigvalsh_shape(x: ArrayType, **params: Any) -> ArrayType:
    stack, n = squares(x)
    return ArrayType((*stack, n), real_dtype(linalg_dtype(x.dtype)))


known_eigh = known(
    "known_eigh",
    eigh_tangent,
    eigh_cotangent,
    2,
    Sample(
        np.array([[2.0]]),
        np.array([2.0]),
        np.array([[1.0]]),
        np.ones(1, bool),
        pinned=[[[1.0]], None, None, None],
    ),
)
eigh_constants = constants(
    "eigh_constants",
    lambda x, *, uplo: tuple(np.linalg.eigh(x, uplo)),
    eigh_shape,
    2,
    "eigh",
    Sample(np.array([[2.0]]), smooth=False, uplo="L", value=([2.0], [[1.0]])),
)


def eigh_push(t: Array, ans: Any, x: Array) -> tuple[Array, ...]:
    factors = ans[:2]
    return marks(eigh_tangent(t, known_eigh(x, *factors, every_lane(ans[0])), None))


def eigh_pull(g: Any, ans: Any, x: Array) -> Array:
    factors = ans[:2]
    basis = known_eigh(x, *factors, every_lane(ans[0]))
    return eigh_cotangent(g[:2], g[2:], basis, None, x)


def eigh_tells(outs: Any, xs: Any, ts: Any, params: Any) -> Any:
    """Equal values whose tangents are not those of each."""
    w, v = outs[:2]
    if ties(w) is False:
        return None
    return 0, *shifts(matmul(adjoint(v), matmul(symmetrized(ts[0]), v)), w, "eigh")


marked_eigh: Function = general(
    "eigh",  # uplo: "L" or "U", the triangle that is read; each factor has a mark (degenerate.py)
    lambda x, *, uplo: marks(np.linalg.eigh(x, uplo)),
    pushes=(eigh_push,),
    pulls=(eigh_pull,),
    splits=factor_rates,
    parts="eigh",
    tells=eigh_tells,
    batch=lambda x, *, uplo: marked_eigh(x, uplo=uplo),
    shape=lambda x, *, uplo: eigh_shape(x) * 2,
    outputs=4,
    samples=lambda: [
        *hermitian_samples(uplo="L", view=vectors_view)(),
        *hermitian_samples(uplo="U", view=vectors_view)(),
        Sample(np.diag([1.0, 2.0]), uplo="L", smooth=False, value=([1, 2], np.eye(2), 0, 0)),
    ],
)


def eigh(x: Array, *, uplo: str) -> tuple[Array, ...]:
    """Eigenvalues, and eigenvectors in columns."""
    return unmarked(marked_eigh(x, uplo=uplo))


# Eigenvalues and eigenvectors of general matrices: the vectors have length 1.


def eig_tangent(t: Array, basis: tuple[Array, Array], counts: Array | None) -> tuple[Array, Array]:
    w, v = basis
    inner = solve(v, matmul(t, v))
    change = matmul(v, turn(inner, w, None, "eig", counts=counts))
    along = sum(multiply(conjugated(v), change), axes=(v.ndim - 2,), keepdims=True)
    return matrix_diagonal(inner), subtract(change, multiply(v, along))


def eig_cotangent(g: Any, used: Any, basis: tuple[Array, Array], counts: Array | None) -> Array:
    (g_w, g_v), (w, v) = g, basis
    along = sum(multiply(v, g_v), axes=(v.ndim - 2,), keepdims=True)
    v_t = matrix_transpose(v)
    between = matmul(v_t, subtract(g_v, multiply(conjugated(v), along)))
    doubt = None
    if used:
        doubt = eig_doubt(between, w, *used)
        g_w = checked_values(g_w, w, *used, name="eig")
    inner = add(from_diagonal(g_w), turn(between, w, doubt, "eig", counts=counts, pulled=True))
    return solve(v_t, matmul(inner, v_t))


def eig_shape(x: ArrayType) -> tuple[ArrayType, ArrayType]:
    stack, n = squares(x)
    dtype = linalg_dtype(x.dtype)
    if dtype.kind != "c":
        raise ConversionError(
            "eig: whether the eigenvalues of a real matrix are real is not known before its values "
            "are. Give eig a complex matrix (x.astype(complex)), or use eigh for a symmetric one."
        )
    return ArrayType((*stack, n), dtype), ArrayType(x.shape, dtype)


def eig_samples(*hard: Sample, **params: Any) -> list[Sample]:
    diagonal_first = np.array([[1.0, 0.2, 0.1], [0.3, 2.0, 0.1], [0.2, 0.1, 4.0]])
    return [
        Sample(diagonal_first + 0j, label="complex", **params),
        *hard,
        Sample(regular_complex((2, 3, 3)), label="stack", **params),
        Sample(regular_complex((2, 2)).astype(np.complex64), label="complex64", **params),
        Sample(np.array([[2.0 + 1j]]), label="1 x 1"),
        Sample(np.zeros((0, 0), complex), label="0 x 0"),
    ]


known_eig = known(
    "known_eig",
    eig_tangent,
    eig_cotangent,
    2,
    Sample(
        np.array([[2j]]),
        np.array([2j]),
        np.array([[1 + 0j]]),
        np.ones(1, bool),
        pinned=[[[1.0]], None, None, None],
    ),
)
eig_constants = constants(
    "eig_constants",
    lambda x: tuple(np.linalg.eig(x)),
    eig_shape,
    2,
    "eig",
    Sample(np.array([[2j]]), smooth=False, value=([2j], [[1.0]])),
)


def eig_push(t: Array, ans: Any, x: Array) -> tuple[Array, ...]:
    factors = ans[:2]
    return marks(eig_tangent(t, known_eig(x, *factors, every_lane(ans[0])), None))


def eig_pull(g: Any, ans: Any, x: Array) -> Array:
    factors = ans[:2]
    basis = known_eig(x, *factors, every_lane(ans[0]))
    return eig_cotangent(g[:2], g[2:], basis, None)


def eig_tells(outs: Any, xs: Any, ts: Any, params: Any) -> Any:
    """Equal values whose tangents are not those of each."""
    w, v = outs[:2]
    return None if ties(w) is False else (0, *shifts(solve(v, matmul(ts[0], v)), w, "eig"))


marked_eig: Function = general(
    "eig",
    lambda x: marks(np.linalg.eig(x)),
    pushes=(eig_push,),
    pulls=(eig_pull,),
    parts="eig",
    tells=eig_tells,
    batch=lambda x: marked_eig(x),
    shape=lambda x: eig_shape(x) * 2,
    outputs=4,
    samples=lambda: eig_samples(
        Sample(np.diag([1j, 2]), smooth=False, value=([1j, 2], np.eye(2), 0, 0)), view=vectors_view
    ),
)


def eig(x: Array) -> tuple[Array, ...]:
    """Eigenvalues, and eigenvectors in columns."""
    return unmarked(marked_eig(x))


def eigvals_push(t: Array, x: Array) -> Array:
    w, v = eig_constants(x)
    v = known_eig(x, w, v, every_lane(w))[1]
    return matrix_diagonal(solve(v, matmul(t, v)))


def eigvals_pull(g: Array, x: Array) -> Array:
    w, v = eig_constants(x)
    v_t = matrix_transpose(known_eig(x, w, v, every_lane(w))[1])
    g = told_apart(g, w, every_lane(w), name="eig")
    return solve(v_t, multiply(column(g), v_t))


def eigvals_tells(outs: Any, xs: Any, ts: Any, params: Any) -> Any:
    """Equal values whose tangents are not those of each."""
    return None if ties(outs[0]) is False else eig_tells(eig_constants(xs[0]), xs, ts, params)


eigvals: Function = general(
    "eigvals",
    lambda x: np.linalg.eigvals(x),
    pushes=(eigvals_push,),
    pulls=(eigvals_pull,),
    parts="eig",
    tells=eigvals_tells,
    batch=lambda x: eigvals(x),
    shape=lambda x: eig_shape(x)[0],
    samples=eig_samples,
)


# Singular values and singular vectors.


def svd_tangent(
    t: Array, basis: tuple[Array, Array, Array], counts: Array | None
) -> tuple[Array, ...]:
    full_u, s, full_vh = basis
    k = s.shape[-1]
    more_u, more_v = full_u.shape[-1] > k, full_vh.shape[-2] > k
    u = full_u[..., :k] if more_u else full_u
    vh = full_vh[..., :k, :] if more_v else full_vh
    inner = matmul(matmul(adjoint(u), t), adjoint(vh))
    other = adjoint(inner)
    left, right = matmul(t, adjoint(vh)), matmul(adjoint(u), t)
    left = subtract(left, matmul(u, matmul(adjoint(u), left)))  # outside the span of u
    right = subtract(right, matmul(matmul(right, adjoint(vh)), vh))
    doubt = None if counts is not None else svd_push_doubt(inner, left, adjoint(right), s)
    # The turns of u and of v: half the sum and half the difference of these two.
    both = turn(add(inner, other), s, doubt, "svd", counts=counts)
    apart = multiply(zero_at_zero(add(row(s), column(s))), subtract(inner, other))
    t_u = matmul(u, multiply(0.5, add(both, apart)))
    t_vh = matmul(multiply(0.5, subtract(apart, both)), vh)
    inverse = zero_at_zero(s)
    if u.shape[-2] > k:
        t_u = add(t_u, multiply(left, row(inverse)))
    if vh.shape[-1] > k:
        t_vh = add(t_vh, multiply(column(inverse), right))
    t_s = multiply(away_from_zero(s), real(matrix_diagonal(inner)))
    if more_u:
        t_rest = rest_tangent(full_u[..., k:], u, t_u)
        t_u = concatenate(t_u, t_rest, axis=t_u.ndim - 1)
    if more_v:
        t_rest = rest_tangent(adjoint(full_vh[..., k:, :]), adjoint(vh), adjoint(t_vh))
        t_vh = concatenate(t_vh, adjoint(t_rest), axis=t_vh.ndim - 2)
    return t_u, t_s, t_vh


def svd_cotangent(
    g: Any, used: Any, basis: tuple[Array, ...], counts: Array | None, x: Array | None = None
) -> Array:
    (g_u, g_s, g_vh), (u, s, vh) = g, basis
    k = s.shape[-1]
    if u.shape[-1] > k:
        rest, u = u[..., k:], u[..., :k]
        g_u = add(g_u[..., :k], rest_cotangent(g_u[..., k:], rest, u))
    if vh.shape[-2] > k:
        rest, vh = vh[..., k:, :], vh[..., :k, :]
        g_rest = rest_cotangent(adjoint(g_vh[..., k:, :]), adjoint(rest), adjoint(vh))
        g_vh = add(g_vh[..., :k, :], adjoint(g_rest))
    u_t, v = matrix_transpose(u), matrix_transpose(vh)  # v is not conjugated
    turn_u, turn_v = matmul(u_t, g_u), matmul(g_vh, v)
    left = subtract(g_u, matmul(conjugated(u), turn_u))  # outside the span of u
    right = subtract(g_vh, matmul(turn_v, conjugated(vh)))
    between = subtract(turn_u, turn_v)
    if counts is None:
        used_u, used_s, used_vh = used
        lanes_u, lanes_v = used_u[..., :k], matrix_transpose(used_vh[..., :k, :])
        lanes = lanes_u, used_s, lanes_v
        doubt = svd_doubt(turn_u, adjoint(turn_v), left, adjoint(right), s, *lanes)
        both = turned(between, s, x, doubt, "svd")
        g_s = checked_values(g_s, s, used_s, lanes_u, lanes_v, name="svd")
    else:
        both = turn(between, s, None, "svd", counts=counts, pulled=True)
    both = multiply(0.5, both)
    apart = multiply(multiply(0.5, zero_at_zero(add(row(s), column(s)))), add(turn_u, turn_v))
    inner = add(add(both, adjoint(both)), subtract(apart, adjoint(apart)))
    inner = add(inner, from_diagonal(multiply(away_from_zero(s), g_s)))
    out = matmul(matmul(conjugated(u), inner), conjugated(vh))
    inverse = zero_at_zero(s)
    if u.shape[-2] > k:
        out = add(out, matmul(multiply(left, row(inverse)), conjugated(vh)))
    if vh.shape[-1] > k:
        out = add(out, matmul(conjugated(u), multiply(column(inverse), right)))
    return out


def svd_samples(**params: Any) -> list[Sample]:
    return [
        Sample(regular((3, 3)), label="square", **params),
        Sample(draw((2, 4, 2), -1, 1), label="stack, tall", **params),
        Sample(draw((2, 4), -1, 1), label="wide", **params),
        Sample(draw((3, 2), -1, 1).astype(np.float32), label="float32", **params),
        Sample(np.array([[-2.0]]), label="1 x 1", **params),
        Sample(np.zeros((3, 0)), label="no columns", **params),
        Sample(np.zeros((0, 2, 2)), label="empty stack", **params),
    ]


known_svd = known(
    "known_svd",
    svd_tangent,
    svd_cotangent,
    3,
    Sample(
        np.array([[2.0]]),
        np.array([[1.0]]),
        np.array([2.0]),
        np.array([[1.0]]),
        np.ones(1, bool),
        pinned=[[[1.0]], None, None, None, None],
    ),
)


def svd_push(t: Array, ans: Any, x: Array) -> tuple[Array, ...]:
    factors = ans[:3]
    return marks(svd_tangent(t, known_svd(x, *factors, every_lane(ans[1])), None))


def svd_pull(g: Any, ans: Any, x: Array) -> Array:
    factors = ans[:3]
    basis = known_svd(x, *factors, every_lane(ans[1]))
    return svd_cotangent(g[:3], g[3:], basis, None, x)


def svd_telling(place: int, t: Array, factors: tuple[Array, Array, Array]) -> Any:
    """Equal singular values whose tangents are not those of each; see `Primitive.tells`."""
    u, s, vh = factors
    inner = symmetrized(matmul(matmul(adjoint(u), t), adjoint(vh)))
    return place, *shifts(inner, s, "svd")


def svd_tells(outs: Any, xs: Any, ts: Any, params: Any) -> Any:
    """Equal values whose tangents are not those of each."""
    u, s, vh = outs[:3]
    if ties(s) is False:
        return None
    k = s.shape[-1]
    return svd_telling(1, ts[0], (u[..., :k], s, vh[..., :k, :]))


marked_svd: Function = general(
    "svd",  # u, the singular values, and the conjugate transpose of v; full: u and v are square
    lambda x, *, full: marks(np.linalg.svd(x, full_matrices=full)),
    pushes=(svd_push,),
    pulls=(svd_pull,),
    splits=factor_rates,
    parts="svd",
    tells=svd_tells,
    batch=lambda x, *, full: marked_svd(x, full=full),
    shape=lambda x, *, full: svd_shape(x, full=full) * 2,
    outputs=6,
    samples=lambda: [
        *svd_samples(full=False),
        Sample(regular((3, 3)), full=True, label="square, full"),
        Sample(draw_complex((3, 2), -1, 1), full=False, view=svd_view, label="complex"),
        Sample(draw((2, 3, 2), -1, 1), full=True, view=svd_view, label="tall, full"),
        Sample(draw_complex((2, 3), -1, 1), full=True, view=svd_view, label="wide, full"),
    ],
)


def svd(x: Array, *, full: bool) -> tuple[Array, ...]:
    """Left vectors in columns, singular values, and right vectors, conjugated, in rows."""
    return unmarked(marked_svd(x, full=full))
