"""Linear systems, inverses and determinants, with SciPy's options.

``overwrite_a``, ``overwrite_b`` and ``check_finite`` are accepted and change nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.linalg import LinAlgError

from functrans import primitives as p
from functrans.core.array import TracedArray
from functrans.core.types import Array, dtype_of, shape_of
from functrans.numpy.axes import ndim_of
from functrans.primitives import structured_systems, triangular
from functrans.scipy.linalg.operands import (
    adjoint,
    as_columns,
    check_choice,
    from_triangle,
    full_bands,
    inexact,
    known,
    like_given,
    matrices,
    of_number,
    squares,
)
from functrans.transforms.stop_gradient import stop_gradient

STRUCTURES = {
    "general": "gen",
    "symmetric": "sym",
    "hermitian": "her",
    "positive definite": "pos",
    "upper triangular": "upper",
    "lower triangular": "lower",
    "diagonal": "diagonal",
    "tridiagonal": "tridiagonal",
    "banded": "banded",
}
"""The short names of what ``assume_a`` may say."""


def solve(
    a: Any,
    b: Any,
    lower: bool = False,
    overwrite_a: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
    assume_a: str | None = None,
    transposed: bool = False,
) -> Array:
    """The solution of ``a @ x = b``.

    Parameters
    ----------
    a : array_like, shape (..., n, n)
    b : array_like, shape (n,) or (..., n, k)
    lower : bool
        Which triangle is read where `assume_a` says symmetric, Hermitian or positive definite.
    assume_a : str, optional
        What is known of `a`, in SciPy's words. The derivative is that of the function of what is
        read: of one triangle, of the diagonal.
    transposed : bool
        Solve ``a.T @ x = b`` (real `a`).

    Examples
    --------
    >>> import functrans as ft
    >>> import numpy as np
    >>> a = np.array([[2.0, 0.0], [9.0, 4.0]])
    >>> ft.grad(lambda b: np.sum(solve(a, b, assume_a="upper triangular")))(np.ones(2))
    array([0.5 , 0.25])
    """
    a, b = matrices(of_number(a), "solve", check_finite), inexact(b, "solve", check_finite)
    kind = STRUCTURES.get(assume_a or "gen", assume_a or "gen")
    if kind not in STRUCTURES.values():
        raise ValueError(f"{assume_a} is not a recognized matrix structure")
    if shape_of(a) == (1, 1):
        if np.all(known(a, lanes=True) == 0):
            raise LinAlgError("Matrix is singular.")
        return np.atleast_1d(b) / a[0, 0]
    if transposed:
        if dtype_of(a).kind == "c":
            raise NotImplementedError(
                "scipy.linalg.solve can currently not solve a^T x = b or "
                "a^H x = b for complex matrices."
            )
        a = np.matrix_transpose(a)
        kind = {"upper": "lower", "lower": "upper"}.get(kind, kind)
        lower = not lower
    if kind in ("upper", "lower"):
        return solve_triangular(a, b, lower=kind == "lower")
    if kind == "pos":
        return cho_solve((cholesky_factor(from_triangle(a, lower), lower), lower), b)
    if kind in ("sym", "her"):
        a = from_triangle(a, lower, hermitian=kind == "her")
    elif kind == "diagonal":
        a = np.where(np.eye(shape_of(a)[-1], dtype=bool), a, 0)
    elif kind == "tridiagonal":
        a = np.triu(np.tril(a, 1), -1)
    return np.linalg.solve(a, b)


def cholesky_factor(a: Array, lower: bool) -> Array:
    """The Cholesky factor of the matrix of which one triangle is read."""
    return p.cholesky(a, upper=not lower)


def solve_triangular(
    a: Any,
    b: Any,
    trans: Any = 0,
    lower: bool = False,
    unit_diagonal: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
) -> Array:
    """The solution of a triangular system; the other triangle is not read.

    Parameters
    ----------
    a : array_like, shape (..., n, n)
    b : array_like, shape (n,) or (..., n, k)
    trans : {0, 1, 2, 'N', 'T', 'C'}
        Solve with `a`, its transpose, or its conjugate transpose.
    lower, unit_diagonal : bool
        Which triangle it is, and whether its diagonal is taken to be 1.

    Examples
    --------
    >>> import functrans as ft
    >>> import numpy as np
    >>> a = np.array([[1.0, 7.0], [2.0, 4.0]])
    >>> ft.grad(lambda a: solve_triangular(a, np.ones(2), lower=True)[1])(a)
    array([[ 0.5   ,  0.    ],
           [-0.25  ,  0.0625]])
    """
    a, (columns, was_vector) = (
        inexact(a, "solve_triangular", check_finite),
        as_columns(inexact(b, "solve_triangular", check_finite)),
    )
    check_choice("solve_triangular", "trans", trans, (0, 1, 2, "N", "T", "C"))
    code = {"N": 0, "T": 1, "C": 2}.get(trans, trans)
    if code:
        a, lower = adjoint(a) if code == 2 else np.matrix_transpose(a), not lower
    x = triangular.solve_triangular(a, columns, lower=bool(lower), unit=bool(unit_diagonal))
    return like_given(x, was_vector)


def cho_solve(
    c_and_lower: Any, b: Any, overwrite_b: bool = False, check_finite: bool = True
) -> Array:
    """The solution of a system whose Cholesky factor is given, as by ``cho_factor``."""
    c, lower = c_and_lower
    first, second = (0, 2) if lower else (2, 0)
    half = solve_triangular(c, b, trans=first, lower=lower)
    return solve_triangular(c, half, trans=second, lower=lower)


def lu_solve(
    lu_and_piv: Any,
    b: Any,
    trans: int = 0,
    overwrite_b: bool = False,
    check_finite: bool = True,
) -> Array:
    """The solution of a system whose LU factors are given, as by ``lu_factor``."""
    check_choice("lu_solve", "trans", trans, (0, 1, 2))
    lu, pivots = lu_and_piv
    lu, (columns, was_vector) = (
        inexact(lu, finite=check_finite),
        as_columns(inexact(b, finite=check_finite)),
    )
    order = triangular.lu_order(pivots, rows=shape_of(lu)[-2])
    if trans == 0:
        x = triangular.ordered_rows(columns, order)
        x = solve_triangular(lu, x, lower=True, unit_diagonal=True)
        return like_given(solve_triangular(lu, x), was_vector)
    x = solve_triangular(lu, columns, trans=trans)
    x = solve_triangular(lu, x, trans=trans, lower=True, unit_diagonal=True)
    return like_given(triangular.ordered_rows(x, order, back=True), was_vector)


# Structured systems.


def solve_banded(
    l_and_u: tuple[int, int],
    ab: Any,
    b: Any,
    overwrite_ab: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
) -> Array:
    """The solution of a banded system: ``ab[u + i - j, j] = a[i, j]``.

    Examples
    --------
    >>> import functrans as ft
    >>> import numpy as np
    >>> ab = np.array([[0.0, 1.0], [2.0, 2.0]])
    >>> ft.grad(lambda b: solve_banded((0, 1), ab, b)[0])(np.ones(2))
    array([ 0.5 , -0.25])
    """
    below, above = l_and_u
    ab, (columns, was_vector) = (
        inexact(ab, finite=check_finite),
        as_columns(inexact(b, finite=check_finite)),
    )
    if below + above + 1 != shape_of(ab)[-2]:
        raise ValueError(
            f"invalid values for the number of lower and upper diagonals: l+u+1 "
            f"({below + above + 1}) does not equal ab.shape[0] ({shape_of(ab)[-2]})"
        )
    return like_given(structured_systems.solve_banded(ab, columns, above=int(above)), was_vector)


def solveh_banded(
    ab: Any,
    b: Any,
    overwrite_ab: bool = False,
    overwrite_b: bool = False,
    lower: bool = False,
    check_finite: bool = True,
) -> Array:
    """The solution of a Hermitian positive definite banded system, given one triangle's diagonals.

    Whether the matrix is positive definite is not tested.
    """
    ab = inexact(ab, finite=check_finite)
    count = shape_of(ab)[-2] - 1
    return solve_banded((count, count), full_bands(ab, lower), b)


def cho_solve_banded(
    cb_and_lower: Any, b: Any, overwrite_b: bool = False, check_finite: bool = True
) -> Array:
    """The solution of a system whose banded Cholesky factor is given, as by ``cholesky_banded``."""
    cb, lower = cb_and_lower
    cb, (columns, was_vector) = (
        inexact(cb, finite=check_finite),
        as_columns(inexact(b, finite=check_finite)),
    )
    count = shape_of(cb)[-2] - 1
    turned = structured_systems.transposed_bands(cb, 0 if lower else count)
    turned = np.conjugate(turned) if dtype_of(turned).kind == "c" else turned
    low, up = (cb, turned) if lower else (turned, cb)
    half = structured_systems.solve_banded(low, columns, above=0)
    return like_given(structured_systems.solve_banded(up, half, above=count), was_vector)


def solve_toeplitz(c_or_cr: Any, b: Any, check_finite: bool = True) -> Array:
    """The solution of a Toeplitz system, given the first column, or a tuple of it and the first
    row (default: the conjugate of the column)."""
    c, r = c_or_cr if isinstance(c_or_cr, tuple) else (c_or_cr, None)
    c = inexact(c, "solve_toeplitz", check_finite)
    r = np.conjugate(c) if r is None else inexact(r, "solve_toeplitz", check_finite)
    columns, was_vector = as_columns(inexact(b, "solve_toeplitz", check_finite))
    return like_given(structured_systems.solve_toeplitz(c, r, columns), was_vector)


def solve_circulant(
    c: Any,
    b: Any,
    singular: str = "raise",
    tol: float | None = None,
    caxis: int = -1,
    baxis: int = 0,
    outaxis: int = 0,
) -> Array:
    """The solution of ``circulant(c) @ x = b`` by Fourier transforms.

    Parameters
    ----------
    c, b : array_like
        Columns along the axes `caxis` and `baxis`.
    singular : {'raise', 'lstsq'}
        What to do about a singular matrix: an error (where its values are known, which excludes
        ``vmap`` and staging), or the least-squares solution.
    tol : float, optional
        Below this an eigenvalue counts as zero.
    caxis, baxis, outaxis : int
    """
    check_choice("solve_circulant", "singular", singular, ("raise", "lstsq"))
    c, b = (
        np.atleast_1d(inexact(c, "solve_circulant")),
        np.atleast_1d(inexact(b, "solve_circulant")),
    )
    c, b = np.moveaxis(c, caxis, -1), np.moveaxis(b, baxis, -1)
    n = shape_of(c)[-1]
    if shape_of(b)[-1] != n:
        raise ValueError(f"Shapes of c {shape_of(c)} and b {shape_of(b)} are incompatible")
    values = np.fft.fft(c)
    size = known(np.abs(values))
    if size is None:
        near: Any = np.abs(values) <= (n * np.finfo(float).eps if tol is None else tol)
    else:
        limit = size.max(axis=-1, keepdims=True) * n * np.finfo(float).eps if tol is None else tol
        near = size <= limit
        if singular == "raise" and near.any():
            raise LinAlgError("near singular circulant matrix.")
    quotient = np.where(near, 0, np.fft.fft(b) / np.where(near, 1, values))
    x = np.fft.ifft(quotient)
    if dtype_of(c).kind != "c" and dtype_of(b).kind != "c":
        x = np.real(x)
    return np.moveaxis(x, -1, outaxis)


# Inverses and determinants.


def inv(
    a: Any,
    overwrite_a: bool = False,
    check_finite: bool = True,
    *,
    assume_a: str | None = None,
    lower: bool = False,
) -> Array:
    """The inverse; `assume_a` and `lower` as for ``solve``."""
    a = inexact(a, "inv", check_finite)
    n = shape_of(a)[-1]
    return solve(a, np.eye(n, dtype=dtype_of(a)), lower=lower, assume_a=assume_a)


def det(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> Array:
    """The determinant. Its first and second derivatives are exact at singular matrices too."""
    return np.linalg.det(inexact(a, "det", check_finite))


def norm(
    a: Any, ord: Any = None, axis: Any = None, keepdims: bool = False, check_finite: bool = True
) -> Array:
    """The norm of a vector or matrix. Its derivative at 0 is 0."""
    return np.linalg.norm(inexact(a, "norm", check_finite), ord, axis, keepdims)


def _ratio(a: Array, s: Array, atol: Any, rtol: Any) -> Any:
    """The ratio to the largest below which singular values count as zero."""
    for tolerance in (atol, rtol):
        if not isinstance(tolerance, TracedArray | None) and np.any(np.less(tolerance, 0)):
            raise ValueError("atol and rtol values must be positive.")
    if rtol is None:
        rtol = max(shape_of(a)[-2:]) * np.finfo(dtype_of(a)).eps
    if atol is None or not shape_of(s)[-1]:
        return rtol
    largest = np.max(s, axis=-1)
    return rtol + atol / np.where(largest == 0, 1, largest)


def pinv(
    a: Any,
    *,
    atol: Any = None,
    rtol: Any = None,
    return_rank: bool = False,
    check_finite: bool = True,
) -> Any:
    """The pseudoinverse. Its derivative takes the rank to stay as it is."""
    a = inexact(a, "pinv", check_finite)
    return _pseudoinverse(a, np.linalg.svdvals(a), atol, rtol, return_rank, hermitian=False)


def pinvh(
    a: Any,
    atol: Any = None,
    rtol: Any = None,
    lower: bool = True,
    return_rank: bool = False,
    check_finite: bool = True,
) -> Any:
    """The pseudoinverse of a Hermitian matrix, of which one triangle is read."""
    a = from_triangle(squares(a, "pinvh", check_finite), lower)
    s = np.sort(np.abs(np.linalg.eigvalsh(a)))[..., ::-1]
    return _pseudoinverse(a, s, atol, rtol, return_rank, hermitian=True)


def _pseudoinverse(
    a: Array, s: Array, atol: Any, rtol: Any, return_rank: bool, *, hermitian: bool
) -> Any:
    s = stop_gradient(s)
    ratio = _ratio(a, s, atol, rtol)
    ans = p.pinv(a, ratio, hermitian=hermitian)
    if not return_rank:
        return ans
    return ans, np.sum(s > np.expand_dims(ratio, -1) * s[..., :1], axis=-1)


def lstsq(
    a: Any,
    b: Any,
    cond: float | None = None,
    overwrite_a: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
    lapack_driver: str | None = None,
) -> Any:
    """Least squares: solution, residuals, rank and singular values."""
    a, b = inexact(a, "lstsq", check_finite), inexact(b, "lstsq", check_finite)
    if cond is None:
        cond = float(np.finfo(np.result_type(dtype_of(a), dtype_of(b))).eps)
    check_choice("lstsq", "lapack_driver", lapack_driver, (None, "gelsd", "gelsy", "gelss"))
    x, residuals, rank, s = p.lstsq(a, b, rcond=cond)
    if ndim_of(b) == 1 and shape_of(residuals)[-1]:
        residuals = residuals[..., 0]
    elif not shape_of(residuals)[-1]:
        residuals = p.astype(residuals, dtype=dtype_of(x))
    rank = p.astype(rank, dtype=np.dtype(np.intp))
    return x, residuals, rank, None if lapack_driver == "gelsy" else s
