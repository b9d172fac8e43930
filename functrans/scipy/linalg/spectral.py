"""Eigenvalues and eigenvectors, generalised and banded too.

At equal eigenvalues derivatives hold as for ``numpy.linalg.eigh``. Eigenvectors may differ from
SciPy's by a sign (or phase), which is LAPACK's choice.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from functrans import primitives as p
from functrans.core.types import Array, dtype_of, shape_of
from functrans.scipy.linalg.operands import (
    adjoint,
    check_choice,
    from_bands,
    full_bands,
    inexact,
    matrices,
    no_option,
)
from functrans.scipy.linalg.systems import cholesky_factor, solve_triangular
from functrans.transforms.stop_gradient import stop_gradient


def eigh(
    a: Any,
    b: Any = None,
    *,
    lower: bool = True,
    eigvals_only: bool = False,
    overwrite_a: bool = False,
    overwrite_b: bool = False,
    type: int = 1,
    check_finite: bool = True,
    subset_by_index: Any = None,
    subset_by_value: Any = None,
    driver: str | None = None,
) -> Any:
    """Eigenvalues, the smallest first, and eigenvectors of Hermitian matrices.

    Parameters
    ----------
    a : array_like, shape (..., n, n)
    b : array_like, optional
        A Hermitian positive definite matrix of the generalised problem.
    lower : bool
        Which triangle is read.
    eigvals_only : bool
    type : {1, 2, 3}
        ``a @ v = w * b @ v``, ``a @ b @ v = w * v`` or ``b @ a @ v = w * v``.
    subset_by_index : (int, int), optional
        The first and the last eigenvalue to return.

    Raises
    ------
    MissingRuleError
        ``subset_by_value``: how many there are depends on the values.

    Examples
    --------
    >>> import functrans as ft
    >>> import numpy as np
    >>> a, b = np.diag([1.0, 6.0]), np.diag([1.0, 2.0])
    >>> ft.grad(lambda b: eigh(a, b, eigvals_only=True)[1])(b)
    array([[ 0. ,  0. ],
           [ 0. , -1.5]])
    """
    subset = subset_by_index is not None or subset_by_value is not None
    check_choice("eigh", "driver", driver, _drivers(b is not None, subset))
    if subset_by_value is not None:
        raise no_option(
            "eigh(subset_by_value=)", "how many values are in it is not known; use subset_by_index"
        )
    a = matrices(a, "eigh", check_finite)
    chosen = slice(None)
    if subset_by_index is not None:
        first, last = subset_by_index
        if not 0 <= first <= last < shape_of(a)[-1]:
            raise ValueError("Requested eigenvalue indices are not valid.")
        chosen = slice(first, last + 1)
    uplo = "L" if lower else "U"
    factor = None
    if b is not None:
        check_choice("eigh", "type", type, (1, 2, 3))
        factor = (
            cholesky_factor(matrices(b, "eigh", check_finite), True)
            if lower
            else adjoint(cholesky_factor(matrices(b, "eigh", check_finite), False))
        )
        a = _standard(_hermitian(a, lower), factor, type)
    if eigvals_only:
        return p.eigvalsh(a, uplo=uplo)[..., chosen]
    w, v = p.eigh(a, uplo=uplo)
    if factor is not None:
        v = factor @ v if type == 3 else solve_triangular(factor, v, trans=2, lower=True)
    return w[..., chosen], v[..., chosen]


def _drivers(generalised: bool, subset: bool) -> tuple[str | None, ...]:
    """The routines of LAPACK that solve a problem; derivatives are those of any."""
    if generalised:
        return (None, "gvx") if subset else (None, "gv", "gvd", "gvx")
    return (None, "evr", "evx") if subset else (None, "ev", "evd", "evr", "evx")


def _hermitian(a: Array, lower: bool) -> Array:
    """The matrix with the derivative of the function of its Hermitian part, as ``eigh`` has it."""
    part = (a + adjoint(a)) / 2
    kept = np.tril(a) if lower else np.triu(a)
    strict = np.tril(a, -1) if lower else np.triu(a, 1)
    read = stop_gradient(kept + adjoint(strict))
    return read + (part - stop_gradient(part))


def _standard(a: Array, factor: Array, type: int) -> Array:
    """The matrix of the standard problem with the same eigenvalues."""
    if type == 1:
        half = solve_triangular(factor, a, lower=True)
        return solve_triangular(factor, adjoint(half), lower=True)
    return adjoint(factor) @ a @ factor


def eigvalsh(
    a: Any,
    b: Any = None,
    *,
    lower: bool = True,
    overwrite_a: bool = False,
    overwrite_b: bool = False,
    type: int = 1,
    check_finite: bool = True,
    subset_by_index: Any = None,
    subset_by_value: Any = None,
    driver: str | None = None,
) -> Array:
    """Eigenvalues of Hermitian matrices; the arguments are those of ``eigh``."""
    ans: Array = eigh(
        a,
        b,
        lower=lower,
        eigvals_only=True,
        type=type,
        check_finite=check_finite,
        subset_by_index=subset_by_index,
        subset_by_value=subset_by_value,
        driver=driver,
    )
    return ans


def eig(
    a: Any,
    b: Any = None,
    left: bool = False,
    right: bool = True,
    overwrite_a: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
    homogeneous_eigvals: bool = False,
) -> Any:
    """Eigenvalues, which are complex numbers, and right eigenvectors of length 1.

    A matrix `b` of the generalised problem must be invertible. There is no rule for left
    eigenvectors (they are the right ones of the adjoint) and homogeneous eigenvalues.
    """
    if left:
        raise no_option("eig(left=True)", "take the right eigenvectors of a.conj().T")
    if homogeneous_eigvals:
        raise no_option("eig(homogeneous_eigvals=True)", "use the eigenvalues themselves")
    a = (
        matrices(a, "eig", check_finite)
        if b is None
        else np.linalg.solve(matrices(b, "eig", check_finite), matrices(a, "eig", check_finite))
    )
    if not right:
        return _complex(p.eigvals(a))
    w, v = p.eig(a)
    return _complex(w), v


def _complex(w: Array) -> Array:
    if dtype_of(w).kind == "c":
        return w
    return np.astype(w, np.result_type(dtype_of(w), np.complex64))


def eigvals(
    a: Any,
    b: Any = None,
    overwrite_a: bool = False,
    check_finite: bool = True,
    homogeneous_eigvals: bool = False,
) -> Array:
    """Eigenvalues, which are complex numbers."""
    ans: Array = eig(
        a, b, right=False, check_finite=check_finite, homogeneous_eigvals=homogeneous_eigvals
    )
    return ans


def _subset(name: str, select: Any, select_range: Any) -> Any:
    if select in (0, "a", "all"):
        return None
    if select in (2, "i", "index"):
        return tuple(select_range)
    raise no_option(f"{name}(select='v')", "how many values are in the range is not known")


def eig_banded(
    a_band: Any,
    lower: bool = False,
    eigvals_only: bool = False,
    overwrite_a_band: bool = False,
    select: Any = "a",
    select_range: Any = None,
    max_ev: int = 0,
    check_finite: bool = True,
) -> Any:
    """Eigenvalues and eigenvectors of Hermitian banded matrices, given one triangle's diagonals."""
    ab = matrices(a_band, finite=check_finite)
    a = from_bands(full_bands(ab, lower), shape_of(ab)[-2] - 1)
    subset = _subset("eig_banded", select, select_range)
    return eigh(a, eigvals_only=eigvals_only, check_finite=check_finite, subset_by_index=subset)


def eigvals_banded(
    a_band: Any,
    lower: bool = False,
    overwrite_a_band: bool = False,
    select: Any = "a",
    select_range: Any = None,
    check_finite: bool = True,
) -> Array:
    """Eigenvalues of Hermitian banded matrices."""
    ans: Array = eig_banded(
        a_band,
        lower,
        True,
        select=select,
        select_range=select_range,
        check_finite=check_finite,
    )
    return ans


def eigh_tridiagonal(
    d: Any,
    e: Any,
    eigvals_only: bool = False,
    select: Any = "a",
    select_range: Any = None,
    check_finite: bool = True,
    tol: float = 0.0,
    lapack_driver: str = "auto",
) -> Any:
    """Eigenvalues and eigenvectors of real symmetric matrices with these diagonals."""
    d, e = inexact(d, finite=check_finite), inexact(e, finite=check_finite)
    e = np.concatenate([e, np.zeros((*shape_of(e)[:-1], 1), dtype_of(e))], axis=-1)
    return eig_banded(
        np.stack([d, e], axis=-2),
        True,
        eigvals_only,
        select=select,
        select_range=select_range,
        check_finite=check_finite,
    )


def eigvalsh_tridiagonal(
    d: Any,
    e: Any,
    select: Any = "a",
    select_range: Any = None,
    check_finite: bool = True,
    tol: float = 0.0,
    lapack_driver: str = "auto",
) -> Array:
    """Eigenvalues of real symmetric matrices with these diagonals."""
    ans: Array = eigh_tridiagonal(d, e, True, select, select_range, check_finite)
    return ans
