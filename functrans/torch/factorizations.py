"""Triangular factors of matrices and what is made of them, by functrans.scipy.linalg; products of
Householder's reflections.

SciPy is an extra: it is imported at the first call.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np

from functrans import primitives as p
from functrans.core.types import dtype_of, shape_of
from functrans.numpy import householder
from functrans.torch import return_types
from functrans.torch.engine import EngineArray
from functrans.torch.operands import promoted, tensor_array
from functrans.torch.tensor import Tensor, wrap


def _library(file: str) -> Any:
    return import_module(f"functrans.scipy.linalg.{file}")


def _matrices(name: str, A: Tensor) -> Any:
    a = tensor_array(A, name)
    if len(a.shape) < 2:
        raise RuntimeError(
            f"torch.{name}: Expected tensor with 2 or more dimensions. Got size: {list(a.shape)} "
            "instead"
        )
    if a.dtype.kind not in "fc":
        raise RuntimeError(f"linalg.{name}: Expected a floating point or complex tensor as input")
    return a


def _pivoted(name: str, pivot: bool) -> None:
    if not pivot:
        raise RuntimeError(f"linalg.{name}: LU without pivoting is not implemented on the CPU")


def lu(A: Tensor, *, pivot: bool = True) -> Any:
    """A permutation, a unit lower and an upper triangle: ``A = P L U``."""
    a = _matrices("lu", A)
    _pivoted("lu", pivot)
    order, low, up = _library("factorizations").lu(a)
    return return_types.linalg_lu(wrap(p.astype(order, dtype=a.dtype)), wrap(low), wrap(up))


def lu_factor_ex(A: Tensor, *, pivot: bool = True, check_errors: bool = False) -> Any:
    """As `lu_factor`, and for each matrix which element of the diagonal is 0 (counted from 1)."""
    a = _matrices("lu_factor", A)
    _pivoted("lu_factor", pivot)
    packed, pivots = _library("factorizations").lu_factor(a)
    info = np.zeros(shape_of(a)[:-2], np.int32)
    if type(packed) is EngineArray:  # within a transform the values are not known
        zero = np.diagonal(packed.value, axis1=-2, axis2=-1) == 0
        before = np.logical_not(np.logical_or.accumulate(zero, -1)).sum(-1)
        info = np.where(zero.any(-1), before + 1, 0).astype(np.int32)
        if check_errors and info.any():
            k = int(info.flat[np.flatnonzero(info)[0]])
            raise RuntimeError(
                f"torch.linalg.lu_factor: U[{k},{k}] is zero and using it on lu_solve would result "
                "in a division by zero. If you still want to perform the factorization, consider "
                "calling linalg.lu(A, pivot) or linalg.lu_factor_ex(A, pivot)"
            )
    one_based = wrap(p.astype(p.add(pivots, 1), dtype=np.dtype(np.int32)))
    return return_types.linalg_lu_factor_ex(wrap(packed), one_based, wrap(np.asarray(info)))


def lu_factor(A: Tensor, *, pivot: bool = True) -> Any:
    """Both triangles in one matrix, and the rows that were exchanged, counted from 1.

    Raises
    ------
    RuntimeError
        A matrix is singular.

    Examples
    --------
    >>> import functrans.torch as torch
    >>> LU, pivots = torch.linalg.lu_factor(torch.tensor([[1.0, 2.0], [4.0, 1.0]]))
    >>> LU, pivots
    (tensor([[4.0000, 1.0000],
            [0.2500, 1.7500]]), tensor([2, 2], dtype=torch.int32))
    >>> torch.linalg.lu_solve(LU, pivots, torch.tensor([[3.0], [5.0]]))
    tensor([[1.],
            [1.]])
    """
    found = lu_factor_ex(A, pivot=pivot, check_errors=True)
    return return_types.linalg_lu_factor(found.LU, found.pivots)


def _swapped(x: Any) -> Any:
    n = len(shape_of(x))
    return p.transpose(x, axes=(*range(n - 2), n - 1, n - 2))


def _conjugate(x: Any) -> Any:
    return p.conjugate(x) if dtype_of(x).kind == "c" else x


def _order(pivots: Tensor, rows: int) -> Any:
    """The order in which the exchanges leave the rows."""
    given = p.subtract(tensor_array(pivots, "lu_solve"), 1)
    triangular = import_module("functrans.primitives.triangular")
    return triangular.lu_order(given, rows=rows)


def lu_solve(
    LU: Tensor, pivots: Tensor, B: Tensor, *, left: bool = True, adjoint: bool = False
) -> Tensor:
    """The solution of ``A X = B`` by the factors of A, as `lu_factor` gives them.

    Parameters
    ----------
    left : bool
        False: of ``X A = B``.
    adjoint : bool
        With the conjugate transpose of A in the place of A.
    """
    factors, b = promoted(_matrices("lu_solve", LU), _matrices("lu_solve", B))
    places = p.subtract(tensor_array(pivots, "lu_solve"), 1)
    n = shape_of(factors)[-1]
    if shape_of(factors)[-2] != n or shape_of(b)[-2 if left else -1] != n:
        raise RuntimeError(
            f"linalg.lu_solve: Incompatible shapes of LU and B for the equation "
            f"{'AX = B' if left else 'XA = B'} ({shape_of(factors)[-2]}x{n} and "
            f"{shape_of(b)[-2]}x{shape_of(b)[-1]})"
        )
    lead = np.broadcast_shapes(shape_of(factors)[:-2], shape_of(b)[:-2])
    factors = p.broadcast_to(factors, shape=(*lead, n, n))
    b = p.broadcast_to(b, shape=(*lead, *shape_of(b)[-2:]))
    places = p.broadcast_to(places, shape=(*lead, n))
    solve = _library("systems").lu_solve
    if left:
        return wrap(solve((factors, places), b, trans=2 if adjoint else 0))
    if adjoint:  # X A^H = B is A conj(X)^T = conj(B)^T
        return wrap(_conjugate(_swapped(solve((factors, places), _conjugate(_swapped(b))))))
    return wrap(_swapped(solve((factors, places), _swapped(b), trans=1)))


def lu_unpack(
    LU_data: Tensor, LU_pivots: Tensor, unpack_data: bool = True, unpack_pivots: bool = True
) -> Any:
    """Permutation and triangles of what `lu_factor` gives; empty ones for what is not wanted."""
    packed = _matrices("lu_unpack", LU_data)
    m, n = shape_of(packed)[-2:]
    k = min(m, n)
    kind = dtype_of(packed)
    order = low = up = np.zeros(0, kind)
    if unpack_data:
        low = p.add(np.tril(packed[..., :k], -1), np.eye(m, k, dtype=kind))
        up = np.triu(packed[..., :k, :])
    if unpack_pivots:
        rows = _order(LU_pivots, m)
        rows = p.reshape(rows, shape=(*shape_of(rows)[:-1], 1, m))
        order = p.astype(p.equal(np.arange(m)[:, None], rows), dtype=kind)
    return return_types.lu_unpack(*map(wrap, (order, low, up)))


def householder_product(A: Tensor, tau: Tensor) -> Tensor:
    """The first columns of the product of the reflections that `geqrf` gives."""
    a, factors = _matrices("householder_product", A), tensor_array(tau, "householder_product")
    m, n = shape_of(a)[-2:]
    if m < n or shape_of(factors)[-1] > n:
        raise RuntimeError(
            "torch.linalg.householder_product: input.shape[-2] must be greater than or equal to "
            "input.shape[-1], and this to tau.shape[-1]"
        )
    return wrap(householder.product(a, factors))


def geqrf(input: Tensor) -> Any:
    """The triangle of a QR factorisation and the reflections below it, and their factors."""
    h, tau = np.linalg.qr(_matrices("geqrf", input), mode="raw")
    return return_types.geqrf(wrap(_swapped(h)), wrap(tau))
