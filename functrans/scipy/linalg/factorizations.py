"""Factorisations: Cholesky, LU, QR, singular values, polar decomposition, subspaces.

``overwrite_a``, ``check_finite`` and the choice of a LAPACK routine change nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from functrans import primitives as p
from functrans.core.types import Array, dtype_of, shape_of
from functrans.primitives import structured_systems, triangular
from functrans.primitives.arithmetic import real_dtype
from functrans.scipy.linalg.operands import (
    adjoint,
    check_choice,
    from_bands,
    from_triangle,
    known,
    matrices,
    no_option,
    of_number,
    to_bands,
)
from functrans.scipy.linalg.systems import cholesky_factor

# Cholesky.


def cholesky(
    a: Any, lower: bool = False, overwrite_a: bool = False, check_finite: bool = True
) -> Array:
    """The triangle ``u`` of ``a = u.conj().T @ u``, or for ``lower=True`` the one of ``a = l @
    l.conj().T``.

    One triangle of `a` is read; the derivative is that of the function of the Hermitian matrix, so
    that a gradient is Hermitian.
    """
    return cholesky_factor(matrices(of_number(a), "cholesky", check_finite), lower)


def cho_factor(
    a: Any, lower: bool = False, overwrite_a: bool = False, check_finite: bool = True
) -> tuple[Array, bool]:
    """The Cholesky factor for ``cho_solve``; the other triangle is that of `a`."""
    a = matrices(of_number(a), "cho_factor", check_finite)
    read = np.tri(shape_of(a)[-1], dtype=bool)
    return np.where(read if lower else read.T, cholesky_factor(a, lower), a), lower


def cholesky_banded(
    ab: Any, overwrite_ab: bool = False, lower: bool = False, check_finite: bool = True
) -> Array:
    """The Cholesky factor of a banded matrix, both given by the diagonals of one triangle."""
    ab = matrices(ab, finite=check_finite)
    count = shape_of(ab)[-2] - 1
    above, below = (0, count) if lower else (count, 0)
    a = from_triangle(from_bands(ab, above), lower)
    return to_bands(cholesky_factor(a, lower), above, below)


# LU.


def lu(
    a: Any,
    permute_l: bool = False,
    overwrite_a: bool = False,
    check_finite: bool = True,
    p_indices: bool = False,
) -> Any:
    """Permutation, unit lower and upper triangle: ``a = p @ l @ u``.

    Parameters
    ----------
    a : array_like, shape (..., m, n)
    permute_l : bool
        Return ``p @ l, u``.
    p_indices : bool
        Return the permutation as indices: ``a = l[p] @ u``.

    Examples
    --------
    >>> import functrans as ft
    >>> import numpy as np
    >>> ft.grad(lambda a: lu(a)[2][1, 1])(np.array([[1.0, 2.0], [4.0, 1.0]]))
    array([[-0.25  ,  1.    ],
           [ 0.0625, -0.25  ]])
    """
    a = matrices(a, "lu", check_finite)
    order, low, up = triangular.lu(a)
    if permute_l:
        return triangular.ordered_rows(low, order, back=True), up
    if p_indices:
        return p.astype(np.argsort(order, axis=-1), dtype=np.dtype(np.int32)), low, up
    rows = shape_of(a)[-2] if shape_of(a)[-1] else 0  # SciPy permutes nothing without columns
    places = np.arange(rows)[:, None] == order[..., None, :rows]
    return np.astype(places, real_dtype(dtype_of(low))), low, up


def lu_factor(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> tuple[Array, Array]:
    """Both triangles in one matrix, and the pivots, for ``lu_solve``."""
    a = matrices(a, "lu_factor", check_finite)
    m, n = shape_of(a)[-2:]
    order, low, up = triangular.lu(a)
    stack = [(0, 0)] * (len(shape_of(a)) - 2)
    k = min(m, n)
    low = np.pad(low, [*stack, (0, 0), (0, n - k)])
    up = np.pad(up, [*stack, (0, m - k), (0, 0)])
    packed = np.where(np.tri(m, n, -1, dtype=bool), low, up)
    return packed, triangular.lu_pivots(order, count=k)


# QR.


def qr(
    a: Any,
    overwrite_a: bool = False,
    lwork: Any = None,
    mode: str = "full",
    pivoting: bool = False,
    check_finite: bool = True,
) -> Any:
    """A matrix with orthonormal columns, and a triangle."""
    check_choice("qr", "mode", mode, ("full", "r", "economic", "raw"))
    a = matrices(a, "qr", check_finite)
    if pivoting:
        raise no_option("qr(pivoting=True)", "permute the columns before: qr(a[:, order])")
    if mode == "full":
        return p.qr(a, complete=True)
    if mode == "economic":
        return p.qr(a, complete=False)
    if mode == "r":
        return (p.qr(a, complete=True)[1],)
    raise no_option("qr(mode='raw')", "use mode='economic'")


def rq(
    a: Any,
    overwrite_a: bool = False,
    lwork: Any = None,
    mode: str = "full",
    check_finite: bool = True,
) -> Any:
    """A triangle, and a matrix with orthonormal rows: ``a = r @ q``."""
    check_choice("rq", "mode", mode, ("full", "r", "economic"))
    a = matrices(a, "rq", check_finite)
    q, r = p.qr(adjoint(a[..., ::-1, ::-1]), complete=mode != "economic")
    r, q = adjoint(r)[..., ::-1, ::-1], adjoint(q)[..., ::-1, ::-1]
    return r if mode == "r" else (r, q)


# Singular values, and what is made of them.


def svd(
    a: Any,
    full_matrices: bool = True,
    compute_uv: bool = True,
    overwrite_a: bool = False,
    check_finite: bool = True,
    lapack_driver: str = "gesdd",
) -> Any:
    """Left singular vectors, singular values, and the adjoint of the right singular vectors."""
    _check_driver("svd", lapack_driver)
    a = matrices(a, "svd", check_finite)
    return p.svd(a, full=bool(full_matrices)) if compute_uv else p.svdvals(a)


def _check_driver(name: str, driver: Any) -> None:
    """Raise unless LAPACK has a routine of this name for singular values."""
    if not isinstance(driver, str):
        raise TypeError(f"{name}: lapack_driver must be a string, got {type(driver).__name__}")
    check_choice(name, "lapack_driver", driver, ("gesdd", "gesvd"))


def svdvals(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> Array:
    """Singular values, the largest first."""
    return p.svdvals(matrices(a, "svdvals", check_finite))


def polar(a: Any, side: str = "right") -> tuple[Array, Array]:
    """The unitary and the positive factor: ``a = u @ p``, or ``p @ u`` for ``side="left"``.

    It is differentiable where `a` has full rank, at equal singular values too.

    Examples
    --------
    >>> import functrans as ft
    >>> import numpy as np
    >>> ft.grad(lambda a: polar(a)[0][0, 1])(np.eye(2))
    array([[ 0. ,  0.5],
           [-0.5,  0. ]])
    """
    check_choice("polar", "side", side, ("right", "left"))
    a = matrices(a, "polar")
    m, n = shape_of(a)[-2:]
    if m >= n:
        u, positive = structured_systems.polar_decomposition(a)
        return u, positive if side == "right" else u @ positive @ adjoint(u)
    w, positive = structured_systems.polar_decomposition(adjoint(a))
    u = adjoint(w)
    return u, positive if side == "left" else w @ positive @ u


def _range(s: Array, shape: tuple[int, ...], rcond: float | None) -> int:
    """How many singular values count."""
    value = known(s)
    if value is None:
        raise no_option(
            "orth or null_space under vmap or staging",
            "how many columns the result has depends on values, which are not known there",
        )
    if rcond is None:
        rcond = float(np.finfo(value.dtype).eps) * max(shape)
    return int(np.sum(value > np.max(value, initial=0.0) * rcond))


def orth(A: Any, rcond: float | None = None) -> Array:
    """An orthonormal basis of the range. Derivatives are those of functions of the range alone."""
    a = matrices(A, "orth")
    u, s, _ = p.svd(a, full=False)
    return u[..., : _range(s, shape_of(a), rcond)]


def null_space(
    A: Any,
    rcond: float | None = None,
    *,
    overwrite_a: bool = False,
    check_finite: bool = True,
    lapack_driver: str = "gesdd",
) -> Array:
    """An orthonormal basis of the null space. Derivatives are those of functions of the space
    alone, at matrices of full rank."""
    _check_driver("null_space", lapack_driver)
    a = matrices(A, "null_space", check_finite)
    _, s, vh = p.svd(a, full=True)
    return adjoint(vh[..., _range(s, shape_of(a), rcond) :, :])


def orthogonal_procrustes(A: Any, B: Any, check_finite: bool = True) -> tuple[Array, Array]:
    """The unitary matrix that takes `A` closest to `B`, and the sum of the singular values."""
    a, b = matrices(A, finite=check_finite), matrices(B, finite=check_finite)
    if shape_of(a)[-2:] != shape_of(b)[-2:]:
        raise ValueError(f"the shapes of A and B differ ({shape_of(a)} vs {shape_of(b)})")
    m = adjoint(a) @ b
    u, positive = structured_systems.polar_decomposition(m)
    return u, np.real(np.trace(positive))


def subspace_angles(A: Any, B: Any) -> Array:
    """The angles between the ranges of two matrices of full column rank, the largest first."""
    a, b = (p.qr(matrices(x), complete=False)[0] for x in (A, B))
    if shape_of(a)[-1] < shape_of(b)[-1]:
        a, b = b, a
    across = adjoint(a) @ b
    cosines = p.svdvals(across)[..., ::-1]
    sines = p.svdvals(b - a @ across)
    large = cosines**2 < 0.5
    arcs = np.arcsin(np.where(large, 0, np.clip(sines, -1, 1)))
    return np.where(large, np.arccos(np.where(large, cosines, 0)), arcs)
