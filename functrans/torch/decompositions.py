"""Solutions of linear equations from factors, exponentials and further functions of matrices."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from functrans import primitives as p
from functrans.core.array import TracedArray
from functrans.core.types import dtype_of, shape_of
from functrans.torch import return_types
from functrans.torch.linear_algebra import (
    _square,
    cholesky,
    inv,
    matmul,
    qr as reduced_qr,
    solve,
    svd as full_svd,
)
from functrans.torch.operands import floating, promoted, tensor_array
from functrans.torch.pointwise import add, conj, mul
from functrans.torch.shaping import reshape, transpose, unsqueeze
from functrans.torch.tensor import Tensor, wrap


def _no_info(A: Tensor) -> Tensor:
    return wrap(np.zeros(A.shape[:-2], np.int32))


def inv_ex(A: Tensor, *, check_errors: bool = False) -> Any:
    """The inverse of matrices, and zeros; a singular matrix raises all the same."""
    return return_types.linalg_inv_ex(inv(A), _no_info(A))


def solve_ex(A: Tensor, B: Tensor, *, left: bool = True, check_errors: bool = False) -> Any:
    """The solution of ``A X = B``, and zeros; a singular matrix raises all the same."""
    return return_types.linalg_solve_ex(solve(A, B, left=left), _no_info(A))


def cholesky_ex(A: Tensor, *, upper: bool = False, check_errors: bool = False) -> Any:
    """The Cholesky factor, and zeros; a matrix that is not positive definite raises all the
    same."""
    return return_types.linalg_cholesky_ex(cholesky(A, upper=upper), _no_info(A))


def solve_triangular(
    A: Tensor, B: Tensor, *, upper: bool, left: bool = True, unitriangular: bool = False
) -> Tensor:
    """The solution of ``A X = B`` (``X A = B`` unless `left`), of one triangle of A."""
    a = _square("solve_triangular", A)
    triangle = (
        np.triu(a, 1 if unitriangular else 0) if upper else (np.tril(a, -1 if unitriangular else 0))
    )
    if unitriangular:
        triangle = p.add(triangle, np.eye(shape_of(a)[-1], dtype=dtype_of(a)))
    return solve(wrap(triangle), B, left=left)


def triangular_solve(
    b: Tensor, A: Tensor, upper: bool = True, transpose: bool = False, unitriangular: bool = False
) -> Any:
    """Refused, as by PyTorch: write `torch.linalg.solve_triangular`."""
    raise NotImplementedError(
        "torch.triangular_solve is not supported by functrans.torch; write "
        "torch.linalg.solve_triangular"
    )


def cholesky_solve(input: Tensor, L: Tensor, upper: bool = False) -> Tensor:
    """The solution of ``A X = input`` from the Cholesky factor of A."""
    lower = conj(transpose(L, -2, -1)) if upper else L
    y = solve_triangular(lower, input, upper=False)
    return solve_triangular(conj(transpose(lower, -2, -1)), y, upper=True)


def cholesky_inverse(L: Tensor, upper: bool = False) -> Tensor:
    """The inverse of a matrix from its Cholesky factor."""
    n = L.shape[-1]
    return cholesky_solve(wrap(np.eye(n, dtype=L.array.dtype)), L, upper)


def lstsq(A: Tensor, B: Tensor, rcond: Any = None, *, driver: str | None = None) -> Any:
    """The least-squares solution of ``A X = B`` of full rank, residuals, and the rank."""
    a, b = promoted(tensor_array(A, "lstsq"), tensor_array(B, "lstsq"))
    a, b = floating(a), floating(b)
    m, n = shape_of(a)[-2:]
    vector = len(shape_of(b)) == len(shape_of(a)) - 1
    b = p.reshape(b, shape=(*shape_of(b), 1)) if vector else b
    x = matmul(wrap(np.linalg.pinv(a)), wrap(b))
    rank = wrap(np.asarray(np.linalg.matrix_rank(a.concrete("lstsq"))).astype(np.int64))
    empty = wrap(np.zeros(0, np.dtype(dtype_of(a).type(0).real.dtype)))
    residuals = empty
    if m > n and driver != "gelsy" and bool((rank.numpy_memory() == n).all()):
        missing = p.subtract(matmul(wrap(a), x).array, b)
        size = np.abs(missing) ** 2
        residuals = wrap(p.sum(size, axes=(len(shape_of(size)) - 2,), keepdims=False))
    solution = reshape(x, x.shape[:-1]) if vector else x
    return return_types.linalg_lstsq(solution, residuals, rank, empty)


def pinverse(input: Tensor, rcond: float = 1e-15) -> Tensor:
    """The pseudo-inverse."""
    return wrap(np.linalg.pinv(floating(tensor_array(input, "pinverse")), rcond))


def qr(input: Tensor, some: bool = True) -> Any:
    """Orthonormal columns times an upper triangle."""
    return reduced_qr(input, "reduced" if some else "complete")


def svd(input: Tensor, some: bool = True, compute_uv: bool = True) -> Any:
    """Singular vectors and values, the right ones as columns."""
    u, s, vh = full_svd(input, full_matrices=not some)
    return return_types.svd(u, s, conj(transpose(vh, -2, -1)))


# Coefficients of the Pade approximant of order 13, good to the precision of double numbers for
# norms up to 5.37 (Higham, The scaling and squaring method, 2005).
_PADE = [
    math.factorial(26 - k)
    * math.factorial(13)
    / (math.factorial(26) * math.factorial(k) * math.factorial(13 - k))
    for k in range(14)
]
_LARGEST = 5.37


def matrix_exp(A: Tensor) -> Tensor:
    """The exponential of matrices, by scaling and squaring."""
    a = _square("matrix_exp", A)
    n = shape_of(a)[-1]
    if not math.prod(shape_of(a)):
        return wrap(p.positive(a))
    halvings = _halvings(a)
    x = wrap(p.multiply(a, dtype_of(a).type(0.5**halvings)))
    one = wrap(np.broadcast_to(np.eye(n, dtype=dtype_of(a)), shape_of(a)))
    power, even, odd = one, mul(one, _PADE[0]), mul(one, _PADE[1])
    square = matmul(x, x)
    for k in range(2, 14, 2):
        power = matmul(power, square)
        even, odd = add(even, mul(power, _PADE[k])), add(odd, mul(power, _PADE[k + 1]))
    odd = matmul(x, odd)
    ans = solve(add(even, mul(odd, -1)), add(even, odd))
    for _ in range(halvings):
        ans = matmul(ans, ans)
    return ans


def _halvings(a: Any) -> int:
    """How often matrices have to be halved before their exponential is easy."""
    while isinstance(a, TracedArray):
        a = a.underlying
    if a is None:
        raise NotImplementedError("matrix_exp of values that are not known yet is not supported")
    size = float(np.max(np.sum(np.abs(a), axis=-2), initial=0.0))
    if not math.isfinite(size):
        return 0
    return max(0, math.ceil(math.log2(max(size, 1e-300) / _LARGEST)))


def cond(A: Tensor, p: Any = None) -> Tensor:
    """The condition number of matrices."""
    return wrap(np.linalg.cond(floating(tensor_array(A, "cond")), p))


def diagonal(A: Tensor, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """The elements on a diagonal, as the last dimension."""
    return A.diagonal(offset, dim1, dim2)  # type: ignore[no-any-return]


def vecdot(x: Tensor, y: Tensor, *, dim: int = -1) -> Tensor:
    """The inner products along a dimension; those of complex numbers conjugate the first."""
    return mul(conj(x), y).sum(dim)  # type: ignore[no-any-return]


def tensorinv(A: Tensor, ind: int = 2) -> Tensor:
    """The inverse of a tensor as a linear function."""
    return wrap(np.linalg.tensorinv(floating(tensor_array(A, "tensorinv")), ind))


def tensorsolve(A: Tensor, B: Tensor, dims: Any = None) -> Tensor:
    """The solution of ``tensordot(A, X) = B``."""
    a, b = promoted(tensor_array(A, "tensorsolve"), tensor_array(B, "tensorsolve"))
    return wrap(np.linalg.tensorsolve(floating(a), floating(b), dims))


def linalg_vander(x: Tensor, *, N: int | None = None) -> Tensor:
    """The powers of elements as the columns of matrices, rising."""
    a = tensor_array(x, "vander")
    n = shape_of(a)[-1] if N is None else N
    if dtype_of(a).kind in "biu":
        a = p.astype(a, dtype=np.dtype(np.int64))
    column = unsqueeze(wrap(a), -1).array
    return wrap(p.power(column, np.arange(n).astype(dtype_of(a))))


def addr(input: Tensor, vec1: Tensor, vec2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """``beta * input + alpha * outer(vec1, vec2)``."""
    from functrans.torch.linear_algebra import outer

    return add(input if beta == 1 else mul(input, beta), outer(vec1, vec2), alpha=alpha)


def addbmm(
    input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Any = 1, alpha: Any = 1
) -> Tensor:
    """``beta * input + alpha * sum(batch1 @ batch2)``."""
    from functrans.torch.linear_algebra import bmm

    total = bmm(batch1, batch2).sum(0).to(input.dtype)
    return add(input if beta == 1 else mul(input, beta), total, alpha=alpha)


def vdot(input: Tensor, other: Tensor) -> Tensor:
    """The inner product of two vectors, the first one conjugated."""
    from functrans.torch.linear_algebra import dot

    return dot(conj(input), other)


def chain_matmul(*matrices: Any) -> Tensor:
    """The product of several matrices, in the cheapest order."""
    from functrans.torch.linear_algebra import multi_dot

    given: Any = (
        matrices[0] if len(matrices) == 1 and not isinstance(matrices[0], Tensor) else matrices
    )
    return multi_dot(given) if len(given) > 1 else given[0]
