"""Eigenvalues of Hermitian matrices and singular values alone.

Their derivatives are those along the vectors that LAPACK returns: of a function that is symmetric
in equal values they are right. What tells equal values apart is told so (`told_apart`, and
transforms/telling.py in forward mode). Singular values that vanish have a kink, and derivative 0
there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.core.kinds import general
from functrans.core.types import Array

from .arithmetic import multiply, real
from .comparison import logical_or, not_equal
from .contraction import matmul, matrix_transpose, row
from .decompositions import conjugated, hermitian_samples, svd_constants, svd_shape
from .degenerate import every_lane, marks, told_apart, unmarked
from .linalg import adjoint, symmetrized
from .paths import away_from_zero
from .reduction import sum
from .samples import Sample, draw_complex
from .shifts import shifts
from .slopes import ties
from .spectral import (
    eigh_constants,
    eigvalsh_shape,
    known_eigh,
    known_svd,
    svd_samples,
    svd_telling,
)

if TYPE_CHECKING:
    from functrans.core.kinds import Function


def used_values(g: Array, mark: Array) -> Array:
    """Which values are used, from their cotangents and those of their marks."""
    return logical_or(not_equal(mark, 0), not_equal(g, 0))


def real_pairing(a: Array, b: Array) -> Array:
    """The real parts of the inner products of columns."""
    return sum(real(multiply(conjugated(a), b)), axes=(a.ndim - 2,))


# Eigenvalues of Hermitian matrices.


def eigvalsh_push(t: Array, x: Array, *, uplo: str) -> tuple[Array, ...]:
    w, v = eigh_constants(x, uplo=uplo)
    v = known_eigh(x, w, v, every_lane(w))[1]
    return marks((real_pairing(v, matmul(symmetrized(t), v)),))


def eigvalsh_pull(g: tuple[Array, Array], ans: Any, x: Array, *, uplo: str) -> Array:
    used = used_values(*g)
    values = told_apart(g[0], ans[0], used, name="eigh")
    v = known_eigh(x, *eigh_constants(x, uplo=uplo), used)[1]
    return symmetrized(matmul(multiply(conjugated(v), row(values)), matrix_transpose(v)))


def eigvalsh_tells(outs: Any, xs: Any, ts: Any, params: Any) -> Any:
    """Equal values whose tangents are not those of each."""
    if ties(outs[0]) is False:
        return None
    w, v = eigh_constants(xs[0], **params)
    return 0, *shifts(matmul(adjoint(v), matmul(symmetrized(ts[0]), v)), w, "eigh")


marked_eigvalsh: Function = general(
    "eigvalsh",
    lambda x, *, uplo: marks((np.linalg.eigvalsh(x, uplo),)),
    pushes=(eigvalsh_push,),
    pulls=(eigvalsh_pull,),
    batch=lambda x, *, uplo: marked_eigvalsh(x, uplo=uplo),
    shape=lambda x, *, uplo: (eigvalsh_shape(x),) * 2,
    outputs=2,
    parts="eigh",
    tells=eigvalsh_tells,
    samples=lambda: [
        *hermitian_samples(uplo="L")(),
        *hermitian_samples(uplo="U")(),
        Sample(np.eye(2), uplo="L", pinned=[np.eye(2)], label="equal"),
    ],
)


def eigvalsh(x: Array, *, uplo: str) -> Array:
    """Eigenvalues, the smallest first."""
    return unmarked(marked_eigvalsh(x, uplo=uplo))[0]


# Singular values.


def svdvals_push(t: Array, x: Array) -> tuple[Array, ...]:
    u, s, vh = svd_constants(x)
    u, s, vh = known_svd(x, u, s, vh, every_lane(s))
    return marks((multiply(away_from_zero(s), real_pairing(u, matmul(t, adjoint(vh)))),))


def svdvals_pull(g: tuple[Array, Array], ans: Any, x: Array) -> Array:
    used = used_values(*g)
    values = told_apart(g[0], ans[0], used, name="svd")
    u, s, vh = known_svd(x, *svd_constants(x), used)
    left = multiply(conjugated(u), row(multiply(away_from_zero(s), values)))
    return matmul(left, conjugated(vh))


def svdvals_tells(outs: Any, xs: Any, ts: Any, params: Any) -> Any:
    """Equal values whose tangents are not those of each."""
    if ties(outs[0]) is False:
        return None
    return svd_telling(0, ts[0], svd_constants(xs[0]))


marked_svdvals: Function = general(
    "svdvals",
    lambda x: marks((np.linalg.svd(x, compute_uv=False),)),
    pushes=(svdvals_push,),
    pulls=(svdvals_pull,),
    batch=lambda x: marked_svdvals(x),
    shape=lambda x: (svd_shape(x, full=False)[1],) * 2,
    outputs=2,
    parts="svd",
    tells=svdvals_tells,
    samples=lambda: [
        *svd_samples(),
        Sample(draw_complex((2, 3), -1, 1), label="complex"),
        Sample(np.zeros((2, 2)), pinned=[np.zeros((2, 2))], label="zero"),
        Sample(np.eye(2), pinned=[np.eye(2)], label="equal singular values"),
        Sample(np.diag([3.0, 0.0]), pinned=[np.diag([1.0, 0.0])], label="rank n - 1"),
    ],
)


def svdvals(x: Array) -> Array:
    """Singular values, the largest first."""
    return unmarked(marked_svdvals(x))[0]
