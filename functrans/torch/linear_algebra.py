"""Products of matrices, and ``torch.linalg``."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import numpy as np

from functrans import primitives as p
from functrans.core.types import dtype_of, shape_of
from functrans.torch import dtypes, return_types
from functrans.torch.operands import cast, floating, promoted, tensor_array
from functrans.torch.pointwise import add, mul
from functrans.torch.tensor import Tensor, wrap

F = TypeVar("F", bound=Callable[..., Any])


def _same_dtype(name: str, *tensors: Any) -> list[Any]:
    """Operands of a product, which PyTorch does not promote."""
    arrays = [tensor_array(x, name) for x in tensors]
    for a in arrays[1:]:
        if dtype_of(a) != dtype_of(arrays[0]):
            raise RuntimeError(
                f"expected m1 and m2 to have the same dtype, but got: "
                f"{_c_name(arrays[0])} != {_c_name(a)}"
            )
    return arrays


def _c_name(a: Any) -> str:
    own = dtypes.of_numpy(dtype_of(a))
    return {"float32": "float", "float64": "double", "int64": "long", "int32": "int"}.get(
        own.name, own.name
    )


def matmul(input: Tensor, other: Tensor) -> Tensor:
    """The matrix product, of the last two dimensions."""
    a, b = _same_dtype("matmul", input, other)
    if not shape_of(a) or not shape_of(b):
        raise RuntimeError(
            "both arguments to matmul need to be at least 1D, but they are "
            f"{len(shape_of(a))}D and {len(shape_of(b))}D"
        )
    try:
        return wrap(p.matmul(a, b))
    except ValueError:
        raise RuntimeError(_mismatch(a, b)) from None


def _mismatch(a: Any, b: Any) -> str:
    if len(shape_of(a)) == len(shape_of(b)) == 1:
        return (
            f"inconsistent tensor size, expected tensor {list(shape_of(a))} and src "
            f"{list(shape_of(b))} to have the same number of elements, but got {shape_of(a)[0]} "
            f"and {shape_of(b)[0]} elements respectively"
        )

    def shown(x: Any) -> str:
        return "x".join(map(str, shape_of(x)))

    return f"mat1 and mat2 shapes cannot be multiplied ({shown(a)} and {shown(b)})"


def _of_rank(name: str, rank: int) -> Any:
    def call(input: Tensor, mat2: Tensor) -> Tensor:
        for x in (input, mat2):
            if x.ndim != rank:
                raise RuntimeError(f"{name}: Expected {rank}-dimensional tensors, got {x.ndim}D")
        return matmul(input, mat2)

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"The matrix product of {rank}-dimensional tensors."
    return call


mm = _of_rank("mm", 2)
bmm = _of_rank("bmm", 3)


def mv(input: Tensor, vec: Tensor) -> Tensor:
    """A matrix times a vector."""
    return matmul(input, vec)


def dot(input: Tensor, tensor: Tensor) -> Tensor:
    """The inner product of two vectors."""
    a, b = _same_dtype("dot", input, tensor)
    if len(shape_of(a)) != 1 or len(shape_of(b)) != 1:
        raise RuntimeError(
            f"1D tensors expected, but got {len(shape_of(a))}D and {len(shape_of(b))}D tensors"
        )
    return wrap(p.matmul(a, b))


def inner(input: Tensor, other: Tensor) -> Tensor:
    """The inner products of the rows of two tensors."""
    a, b = _same_dtype("inner", input, other)
    if not shape_of(a) or not shape_of(b):
        return mul(input, other)  # type: ignore[no-any-return]
    return tensordot(input, other, ([-1], [-1]))


def outer(input: Tensor, vec2: Tensor) -> Tensor:
    """The outer product of two vectors."""
    a, b = promoted(tensor_array(input, "outer"), tensor_array(vec2, "outer"))
    return wrap(p.multiply(p.reshape(a, shape=(*shape_of(a), 1)), b))


ger = outer


def addmm(input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """``beta * input + alpha * (mat1 @ mat2)``."""
    if not (input.is_floating_point() or input.is_complex()):
        beta, alpha = int(beta), int(alpha)
    return add(input if beta == 1 else mul(input, beta), matmul(mat1, mat2), alpha=alpha)


addmv = addmm
baddbmm = addmm


def einsum(equation: Any, *operands: Any) -> Tensor:
    """A sum of products, by its index letters."""
    given = (
        operands[0] if len(operands) == 1 and isinstance(operands[0], list | tuple) else operands
    )
    if isinstance(equation, Tensor):
        equation, given = _lettered((equation, *given))
    arrays = promoted(*[tensor_array(x, "einsum") for x in given])
    try:
        return wrap(np.einsum(equation, *arrays))
    except ValueError as error:
        raise RuntimeError(f"einsum(): {error}") from None


def _lettered(given: tuple[Any, ...]) -> tuple[str, list[Any]]:
    """The equation of operands that come with lists of index numbers."""

    def letters(numbers: Any) -> str:
        return "".join(
            "..." if k is Ellipsis else chr((ord("a") if k < 26 else ord("A") - 26) + k)
            for k in numbers
        )

    count = len(given) // 2 * 2
    equation = ",".join(letters(given[i + 1]) for i in range(0, count, 2))
    if len(given) % 2:
        equation += "->" + letters(given[-1])
    return equation, [given[i] for i in range(0, count, 2)]


def tensordot(a: Tensor, b: Tensor, dims: Any = 2) -> Tensor:
    """A product summed over some dimensions of each."""
    return wrap(np.tensordot(tensor_array(a, "tensordot"), tensor_array(b, "tensordot"), dims))


def kron(input: Tensor, other: Tensor) -> Tensor:
    """The Kronecker product."""
    return wrap(np.kron(*promoted(tensor_array(input, "kron"), tensor_array(other, "kron"))))


def cross(input: Tensor, other: Tensor, dim: int = -1) -> Tensor:
    """The vector product, along a dimension of length 3."""
    a, b = promoted(tensor_array(input, "cross"), tensor_array(other, "cross"))
    return wrap(np.cross(a, b, axis=dim))


def trace(input: Tensor) -> Tensor:
    """The sum of the diagonal."""
    a = tensor_array(input, "trace")
    if len(shape_of(a)) != 2:
        raise RuntimeError("trace: expected a matrix")
    return wrap(np.trace(cast(a, np.dtype(np.int64)) if dtype_of(a).kind in "biu" else a))


# torch.linalg


def _square(name: str, x: Tensor) -> Any:
    a = tensor_array(x, name)
    shape = shape_of(a)
    if dtype_of(a).kind not in "fc":
        raise RuntimeError(
            f"linalg.{name}: Expected a floating point or complex tensor as input. Got "
            f"{_c_name(a).title()}"
        )
    if len(shape) < 2 or shape[-1] != shape[-2]:
        raise RuntimeError(
            f"linalg.{name}: A must be batches of square matrices, but they are "
            f"{'x'.join(map(str, shape[-2:]))} matrices"
        )
    return floating(a)


class LinAlgError(np.linalg.LinAlgError, RuntimeError):
    """A matrix has no inverse, no factor, or the iteration for its values does not settle."""


def _factored(function: F) -> F:
    """The function with PyTorch's class of error, which is a RuntimeError too."""

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except np.linalg.LinAlgError as error:
            raise LinAlgError(f"linalg.{call.__name__}: {error}") from None

    return call  # type: ignore[return-value]


@_factored
def inv(A: Tensor) -> Tensor:
    """The inverse of matrices."""
    return wrap(np.linalg.inv(_square("inv", A)))


inverse = inv


def det(A: Tensor) -> Tensor:
    """The determinant of matrices."""
    return wrap(np.linalg.det(_square("det", A)))


def slogdet(A: Tensor) -> Any:
    """Sign, and logarithm of the absolute value, of determinants."""
    sign, log = np.linalg.slogdet(_square("slogdet", A))
    return return_types.linalg_slogdet(wrap(sign), wrap(log))


def logdet(input: Tensor) -> Tensor:
    """The logarithm of determinants; NaN where they are negative."""
    sign, log = np.linalg.slogdet(_square("logdet", input))
    if dtype_of(sign).kind == "c":
        return wrap(p.add(p.log(sign), log))
    return wrap(p.where(p.greater(sign, 0), log, dtype_of(log).type(np.nan)))


@_factored
def solve(A: Tensor, B: Tensor, *, left: bool = True) -> Tensor:
    """The solution of ``A X = B``, or of ``X A = B`` unless `left`."""
    if not left:
        return solve(A.mT, B.mT).mT  # type: ignore[no-any-return]
    a = _square("solve", A)
    b = cast(tensor_array(B, "solve"), dtype_of(a))
    vector = len(shape_of(b)) == len(shape_of(a)) - 1
    if not vector:
        return wrap(np.linalg.solve(a, b))
    x = np.linalg.solve(a, p.reshape(b, shape=(*shape_of(b), 1)))
    return wrap(p.reshape(x, shape=shape_of(x)[:-1]))


@_factored
def cholesky(A: Tensor, *, upper: bool = False) -> Tensor:
    """The Cholesky factor of positive definite matrices."""
    return wrap(np.linalg.cholesky(_square("cholesky", A), upper=upper))


@_factored
def eigh(A: Tensor, UPLO: Any = "L") -> Any:
    """Eigenvalues and eigenvectors of Hermitian matrices."""
    return return_types.linalg_eigh(*map(wrap, np.linalg.eigh(_square("eigh", A), UPLO)))


def eigvalsh(A: Tensor, UPLO: Any = "L") -> Tensor:
    """Eigenvalues of Hermitian matrices."""
    return wrap(np.linalg.eigvalsh(_square("eigvalsh", A), UPLO))


def _as_complex(a: Any) -> Any:
    return a if dtype_of(a).kind == "c" else p.make_complex(a, dtype_of(a).type(0))


def eig(A: Tensor) -> Any:
    """Eigenvalues and eigenvectors."""
    return return_types.linalg_eig(*map(wrap, np.linalg.eig(_as_complex(_square("eig", A)))))


def eigvals(A: Tensor) -> Tensor:
    """Eigenvalues."""
    return wrap(np.linalg.eigvals(_as_complex(_square("eigvals", A))))


@_factored
def svd(A: Tensor, full_matrices: bool = True) -> Any:
    """Singular vectors and values."""
    a = floating(tensor_array(A, "svd"))
    return return_types.linalg_svd(*map(wrap, np.linalg.svd(a, full_matrices=full_matrices)))


def svdvals(A: Tensor) -> Tensor:
    """Singular values."""
    return wrap(np.linalg.svdvals(floating(tensor_array(A, "svdvals"))))


def qr(A: Tensor, mode: Any = "reduced") -> Any:
    """Orthonormal columns times an upper triangle."""
    return return_types.linalg_qr(*map(wrap, np.linalg.qr(floating(tensor_array(A, "qr")), mode)))


def pinv(A: Tensor) -> Tensor:
    """The pseudo-inverse."""
    return wrap(np.linalg.pinv(floating(tensor_array(A, "pinv"))))


def matrix_power(A: Tensor, n: int) -> Tensor:
    """The n-th power of matrices."""
    a = tensor_array(A, "matrix_power")
    whole = n >= 0 and dtype_of(a).kind in "iu"
    return wrap(np.linalg.matrix_power(a if whole else _square("matrix_power", A), n))


def matrix_rank(A: Tensor) -> Tensor:
    """The rank of matrices."""
    return wrap(np.linalg.matrix_rank(tensor_array(A, "matrix_rank")))


def vector_norm(
    x: Tensor, ord: Any = 2, dim: Any = None, keepdim: bool = False, *, dtype: Any = None
) -> Tensor:
    """The norm of vectors."""
    from functrans.torch.reductions import norm

    return norm(x, ord, dim, keepdim, dtype)


def matrix_norm(A: Tensor, ord: Any = "fro", keepdim: bool = False) -> Tensor:
    """The norm of matrices."""
    a = floating(tensor_array(A, "matrix_norm"))
    return wrap(np.linalg.matrix_norm(a, keepdims=keepdim, ord=ord))


def norm(A: Tensor, ord: Any = None, dim: Any = None, keepdim: bool = False) -> Tensor:
    """The norm of vectors, or of matrices where two dimensions or an order of matrices is given."""
    if ord is None or not (dim is None and A.ndim == 2) and not isinstance(dim, tuple):
        return vector_norm(A, 2 if ord is None else ord, dim, keepdim)
    a = floating(tensor_array(A, "norm"))
    return wrap(np.linalg.norm(a, ord, dim, keepdim))


def multi_dot(tensors: Any) -> Tensor:
    """The product of several matrices, in the cheapest order."""
    return wrap(np.linalg.multi_dot([tensor_array(x, "multi_dot") for x in tensors]))
