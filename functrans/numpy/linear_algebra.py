"""Linear algebra: the functions of ``numpy.linalg`` on traced arrays.

Where NumPy takes a matrix to be Hermitian (`cholesky`, `eigh`, `eigvalsh`) it reads one triangle;
derivatives are those of the function of the Hermitian part, so that gradients are Hermitian. At
equal eigenvalues or singular values, derivatives hold for functions that are symmetric in these and
do not depend on the choice of their vectors, and there is a warning where a function may be another
one (`eigh_function` has no such points). Second derivatives of `eigvalsh` and `svdvals` are exact
there by forward over reverse mode; others of values that are used and equal are NaN, with a
warning.
"""

from __future__ import annotations

import builtins
import math
import operator
from typing import Any, NamedTuple

import numpy as np
from numpy.linalg import LinAlgError

from functrans import primitives as p
from functrans.core.errors import ConversionError, warn_user
from functrans.core.types import Array, dtype_of, shape_of
from functrans.numpy import contraction, indexing, reductions, shapes, sorting
from functrans.numpy.axes import ndim_of, one_axis, several_axes, true_axis
from functrans.numpy.householder import reflections
from functrans.numpy.operands import flattened, operand, scalar
from functrans.numpy.options import unsupported
from functrans.numpy.registry import implements

MISSING = object()


class EigResult(NamedTuple):
    """Eigenvalues and eigenvectors (in columns)."""

    eigenvalues: Array
    eigenvectors: Array


class EighResult(NamedTuple):
    """Eigenvalues, the smallest first, and eigenvectors (in columns)."""

    eigenvalues: Array
    eigenvectors: Array


class QRResult(NamedTuple):
    """A matrix with orthonormal columns and an upper triangle."""

    Q: Array
    R: Array


class SVDResult(NamedTuple):
    """Left singular vectors, singular values and the conjugate transpose of the right ones."""

    U: Array
    S: Array
    Vh: Array


class SlogdetResult(NamedTuple):
    """Sign and logarithm of the magnitude."""

    sign: Array
    logabsdet: Array


def _matrices(a: Any) -> Array:
    """An operand, which must hold matrices: the lanes of a batch of vectors make up none."""
    x = operand(a)
    rank = len(shape_of(x))
    if rank < 2:
        raise LinAlgError(f"{rank}-dimensional array given. Array must be at least two-dimensional")
    return x


def _stack_of_squares(a: Any) -> Array:
    """An operand, which must hold square matrices."""
    x = _matrices(a)
    shape = shape_of(x)
    if shape[-1] != shape[-2]:
        raise LinAlgError("Last 2 dimensions of the array must be square")
    return x


# Systems, inverses and determinants.


@implements(np.linalg.solve)
def solve(a: Any, b: Any) -> Array:
    """The solution of ``a @ x = b``; `b` holds columns unless it is one vector."""
    x, y = _stack_of_squares(a), operand(b)
    if not ndim_of(y):
        raise ValueError("solve: Input operand 1 does not have enough dimensions (has 0)")
    return p.solve(x, y)


@implements(np.linalg.inv)
def inv(a: Any) -> Array:
    """The inverse."""
    return p.inv(_stack_of_squares(a), strict=True)


@implements(np.linalg.det)
def det(a: Any) -> Array:
    """The determinant. First and second derivatives are exact at singular matrices too."""
    return p.det(operand(a))


@implements(np.linalg.slogdet)
def slogdet(a: Any) -> SlogdetResult:
    """Sign and logarithm of the magnitude of the determinant."""
    return SlogdetResult(*p.slogdet(operand(a)))


@implements(np.linalg.pinv)
def pinv(a: Any, rcond: Any = None, hermitian: bool = False, *, rtol: Any = MISSING) -> Array:
    """The pseudoinverse. Its derivative takes the rank to stay as it is."""
    x = _matrices(a)
    if rcond is None:
        rcond = _relative_cutoff(x) if rtol is None else 1e-15 if _is_missing(rtol) else rtol
    elif not _is_missing(rtol):
        raise ValueError("`rtol` and `rcond` can't be both set.")
    return p.pinv(x, operand(rcond), hermitian=hermitian)


def _is_missing(value: Any) -> bool:
    return value is MISSING or value is np._NoValue


def _relative_cutoff(x: Array) -> float:
    return builtins.max(shape_of(x)[-2:]) * float(np.finfo(dtype_of(x)).eps)


@implements(np.linalg.lstsq)
def lstsq(a: Any, b: Any, rcond: Any = None) -> tuple[Array, Array, Array, Array]:
    """Least squares: the solution, residuals, rank and singular values."""
    x, y = operand(a), operand(b)
    for z, ranks in ((x, (2,)), (y, (1, 2))):
        if ndim_of(z) not in ranks:
            raise LinAlgError(
                f"{ndim_of(z)}-dimensional array given. Array must be two-dimensional"
            )
    return least_squares(x, y, rcond, "linalg.lstsq")


def least_squares(x: Array, y: Array, rcond: Any, name: str) -> tuple[Array, Array, Array, Array]:
    """The same for a function of this name."""
    if np.ndim(rcond):
        raise unsupported(name, "rcond= an array", "give one number")
    ans: tuple[Array, Array, Array, Array] = p.lstsq(x, y, rcond=rcond)
    return ans


@implements(np.linalg.tensorsolve)
def tensorsolve(a: Any, b: Any, axes: Any = None) -> Array:
    """The solution of ``tensordot(a, x, x.ndim) = b``."""
    x, y = operand(a), operand(b)
    ndim = ndim_of(x)
    if axes is not None:
        order = list(range(ndim))
        for axis in axes:
            order.remove(axis)
            order.insert(ndim, axis)
        x = shapes.transpose(x, order)
    shape = shape_of(x)[ndim_of(y) - ndim :]
    n = math.prod(shape)
    if math.prod(shape_of(x)) != n**2:
        raise LinAlgError(
            f"tensorsolve: an array of shape {shape_of(x)} is not square: the product of its last "
            f"{len(shape)} axes must be that of the others"
        )
    return shapes.reshape(solve(shapes.reshape(x, (n, n)), flattened(y)), shape)


@implements(np.linalg.tensorinv)
def tensorinv(a: Any, ind: Any = 2) -> Array:
    """The inverse with respect to ``tensordot(a, b, ind)``."""
    x = operand(a)
    if ind <= 0:
        raise ValueError("Invalid ind argument.")
    shape = shape_of(x)
    n = math.prod(shape[ind:])
    return shapes.reshape(inv(shapes.reshape(x, (n, -1))), shape[ind:] + shape[:ind])


@implements(np.linalg.matrix_power)
def matrix_power(a: Any, n: Any) -> Array:
    """The product of `n` factors `a`; for negative `n` of its inverse."""
    x = _stack_of_squares(a)
    try:
        n = operator.index(n)
    except ConversionError:
        raise
    except TypeError as error:
        raise TypeError("exponent must be an integer") from error
    if n == 0:
        identity = np.eye(shape_of(x)[-1], dtype=dtype_of(x))
        return np.array(np.broadcast_to(identity, shape_of(x)))
    if n < 0:
        x, n = inv(x), -n
    if n == 3:  # NumPy's order
        return p.matmul(p.matmul(x, x), x)
    ans = None
    while True:
        n, odd = divmod(n, 2)
        if odd:
            ans = x if ans is None else p.matmul(ans, x)
        if not n:
            return ans
        x = p.matmul(x, x)


@implements(np.linalg.multi_dot)
def multi_dot(arrays: Any, *, out: Any = None) -> Array:
    """The product of several matrices in the cheapest order; the outermost may be vectors."""
    xs = [operand(x) for x in arrays]
    if len(xs) < 2:
        raise ValueError("Expecting at least two arrays.")
    if len(xs) == 2:
        return contraction.dot(*xs)
    first, last = ndim_of(xs[0]) == 1, ndim_of(xs[-1]) == 1
    if first:
        xs[0] = shapes.reshape(xs[0], (1, -1))
    if last:
        xs[-1] = shapes.reshape(xs[-1], (-1, 1))
    for x in xs:
        if ndim_of(x) != 2:
            raise LinAlgError(
                f"{ndim_of(x)}-dimensional array given. Array must be two-dimensional"
            )
    ans = _in_order(xs, _cheapest_splits(xs), 0, len(xs) - 1)
    if first and last:
        return ans[0, 0]
    return flattened(ans) if first or last else ans


def _cheapest_splits(xs: list[Array]) -> dict[tuple[int, int], int]:
    """Where to split each part ``i..j`` of a product of matrices, by dynamic programming."""
    sizes = [shape_of(xs[0])[0], *(shape_of(x)[1] for x in xs)]
    costs = {(i, i): 0 for i in range(len(xs))}
    splits = {}
    for length in range(1, len(xs)):
        for i in range(len(xs) - length):
            j = i + length
            prices = {
                k: costs[i, k] + costs[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1]
                for k in range(i, j)
            }
            splits[i, j] = builtins.min(prices, key=prices.__getitem__)
            costs[i, j] = prices[splits[i, j]]
    return splits


def _in_order(xs: list[Array], splits: dict[tuple[int, int], int], i: int, j: int) -> Array:
    if i == j:
        return xs[i]
    k = splits[i, j]
    return p.matmul(_in_order(xs, splits, i, k), _in_order(xs, splits, k + 1, j))


# Factorisations.


@implements(np.linalg.cholesky)
def cholesky(a: Any, /, *, upper: bool = False) -> Array:
    """The triangle `L` of ``a = L @ L.mT.conj()``; its conjugate transpose for ``upper=True``."""
    return p.cholesky(operand(a), upper=bool(upper))


@implements(np.linalg.qr)
def qr(a: Any, mode: str = "reduced") -> Any:
    """A matrix with orthonormal columns, and a triangle."""
    x = _matrices(a)
    if mode in ("f", "full"):
        warn_user(f"numpy.linalg.qr(mode={mode!r}) is deprecated: reduced", DeprecationWarning)
        mode = "reduced"
    if mode in ("reduced", "complete"):
        return QRResult(*p.qr(x, complete=mode == "complete"))
    if mode == "r":
        return p.qr(x, complete=False)[1]
    if mode == "raw":
        return reflections(x)
    if mode in ("e", "economic"):
        raise unsupported("linalg.qr", f"mode={mode!r}", "take the triangle of mode='raw'")
    raise ValueError(f"Unrecognized mode '{mode}'")


@implements(np.linalg.eigh)
def eigh(a: Any, UPLO: str = "L") -> EighResult:
    """Eigenvalues and eigenvectors of Hermitian matrices."""
    return EighResult(*p.eigh(_stack_of_squares(a), uplo=_triangle(UPLO)))


@implements(np.linalg.eigvalsh)
def eigvalsh(a: Any, UPLO: str = "L") -> Array:
    """Eigenvalues of Hermitian matrices."""
    return p.eigvalsh(_stack_of_squares(a), uplo=_triangle(UPLO))


def _triangle(uplo: str) -> str:
    uplo = uplo.upper()
    if uplo not in ("L", "U"):
        raise ValueError("UPLO argument must be 'L' or 'U'")
    return uplo


@implements(np.linalg.eig)
def eig(a: Any) -> EigResult:
    """Eigenvalues and eigenvectors, of length 1, of general matrices."""
    return EigResult(*p.eig(_stack_of_squares(a)))


@implements(np.linalg.eigvals)
def eigvals(a: Any) -> Array:
    """Eigenvalues of general matrices."""
    return p.eigvals(_stack_of_squares(a))


@implements(np.linalg.svd)
def svd(
    a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False
) -> Any:
    """Singular vectors and singular values."""
    x = _matrices(a)
    if hermitian:
        return _hermitian_svd(x, compute_uv)
    if not compute_uv:
        return p.svdvals(x)
    return SVDResult(*p.svd(x, full=bool(full_matrices)))


def _hermitian_svd(x: Array, compute_uv: bool) -> Any:
    """The singular value decomposition by way of the eigenvalues, whose signs go to the right."""
    if not compute_uv:
        return sorting.sort(p.absolute(eigvalsh(x)))[..., ::-1]
    w, v = eigh(x)
    order = sorting.argsort(p.absolute(w))[..., ::-1]
    w = indexing.take_along_axis(w, order, -1)
    u = indexing.take_along_axis(v, order[..., None, :], -1)
    signs = p.copysign(1.0, w)
    vh = shapes.matrix_transpose(p.multiply(u, signs[..., None, :]))
    vh = p.conjugate(vh) if dtype_of(vh).kind == "c" else vh
    return SVDResult(u, p.absolute(w), vh)


@implements(np.linalg.svdvals)
def svdvals(x: Any, /) -> Array:
    """Singular values, the largest first."""
    return p.svdvals(_matrices(x))


# Norms and numbers.


@implements(np.linalg.norm)
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Array:
    """The norm of vectors or matrices. Its derivative at 0 is 0."""
    a = operand(x)
    ndim = ndim_of(a)
    if dtype_of(a).kind not in "fc":
        a = p.astype(a, dtype=np.dtype(float))
    if axis is None:
        axes = tuple(range(ndim))
        euclidean = ord is None or (ndim == 2 and ord in ("fro", "f")) or (ndim == 1 and ord == 2)
        if euclidean:
            return p.norm(a, axes=axes, keepdims=bool(keepdims))
    else:
        axes = _axes_of_norm(axis, ndim)
    if len(axes) == 1:
        return _vector_norm(a, ord, axes, bool(keepdims))
    if len(axes) == 2:
        return _matrix_norm(a, ord, axes, bool(keepdims))
    raise ValueError("Improper number of dimensions to norm.")


def _axes_of_norm(axis: Any, ndim: int) -> tuple[int, ...]:
    """The axes of a norm: a tuple, or what Python makes an integer of."""
    if not isinstance(axis, tuple):
        try:
            axis = int(axis)
        except (TypeError, ValueError) as error:
            raise TypeError("'axis' must be None, an integer or a tuple of integers") from error
    return several_axes(axis, ndim)


def _euclidean(x: Array, axes: tuple[int, ...], keepdims: bool) -> Array:
    """The root of the sum of squares, added up as NumPy does where it is given axes."""
    if len(axes) < ndim_of(x):
        return p.norm(x, axes=axes, keepdims=keepdims)
    return p.norm(x[None], axes=tuple(a + 1 for a in axes), keepdims=keepdims)[0]


def _vector_norm(x: Array, ord: Any, axes: tuple[int, ...], keepdims: bool) -> Array:
    if ord is None or ord == 2:
        return _euclidean(x, axes, keepdims)
    if isinstance(ord, str):
        raise ValueError(f"Invalid norm order '{ord}' for vectors")
    size = p.absolute(x)
    if ord == np.inf:
        return reductions.max(size, axes, keepdims=keepdims, initial=0)
    if ord == -np.inf:
        return p.min(size, axes=axes, keepdims=keepdims)
    if ord == 0:
        count = p.astype(p.not_equal(x, 0), dtype=dtype_of(size))
        return p.sum(count, axes=axes, keepdims=keepdims)
    if ord == 1:
        return p.sum(size, axes=axes, keepdims=keepdims)
    # A vanishing element, and a vanishing norm, have derivative 0, where the powers' is infinite.
    powers = _guarded(size, lambda a: p.power(a, ord), 0.0 if ord > 0 else np.inf)
    total = p.sum(powers, axes=axes, keepdims=keepdims)
    root = np.reciprocal(ord, dtype=dtype_of(total))
    return scalar(_guarded(total, lambda a: p.power(a, root), 0.0 if ord > 0 else np.inf))


def _guarded(x: Array, function: Any, at_zero: float) -> Array:
    """``function(x)``, constant where `x` is zero."""
    zero = p.equal(x, 0)
    return p.where(zero, dtype_of(x).type(at_zero), function(p.where(zero, 1, x)))


def _matrix_norm(x: Array, ord: Any, axes: tuple[int, ...], keepdims: bool) -> Array:
    if ord is None or ord in ("fro", "f"):
        return _euclidean(x, axes, keepdims)
    if ord == "nuc":
        ans = p.nuclear(shapes.moveaxis(x, axes, (-2, -1)))
    elif ord in (2, -2):
        s = p.svdvals(shapes.moveaxis(x, axes, (-2, -1)))
        ans = _extreme(s, -1, ord == 2)
    elif ord in (1, -1, np.inf, -np.inf):
        summed, searched = axes if abs(ord) == 1 else axes[::-1]
        sums = p.sum(p.absolute(x), axes=(summed,))
        ans = _extreme(sums, searched - (searched > summed), ord > 0)
    else:
        raise ValueError("Invalid norm order for matrices.")
    if not keepdims:
        return ans
    return shapes.reshape(ans, tuple(1 if i in axes else n for i, n in enumerate(shape_of(x))))


def _extreme(x: Array, axis: int, largest: bool) -> Array:
    """The largest of numbers that are not negative, or the smallest."""
    if largest:
        return reductions.max(x, axis, initial=0)
    return reductions.min(x, axis)


@implements(np.linalg.vector_norm)
def vector_norm(x: Any, /, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Array:
    """The norm of all elements, or of those along some axes."""
    a = operand(x)
    if dtype_of(a).kind not in "fc":
        a = p.astype(a, dtype=np.dtype(float))
    shape = shape_of(a)
    axes = tuple(range(len(shape))) if axis is None else _axes_of_norm(axis, len(shape))
    if len(axes) == 1:
        return _vector_norm(a, ord, axes, bool(keepdims))
    rest = tuple(i for i in range(len(shape)) if i not in axes)
    joined = shapes.transpose(a, axes + rest)
    n = math.prod(shape[i] for i in axes)
    ans = _vector_norm(shapes.reshape(joined, (n, *(shape[i] for i in rest))), ord, (0,), False)
    if not keepdims:
        return ans
    return shapes.reshape(ans, tuple(1 if i in axes else k for i, k in enumerate(shape)))


@implements(np.linalg.matrix_norm)
def matrix_norm(x: Any, /, *, keepdims: bool = False, ord: Any = "fro") -> Array:
    """The norm of matrices."""
    return norm(x, ord=ord, axis=(-2, -1), keepdims=keepdims)


@implements(np.linalg.cond)
def cond(x: Any, p: Any = None) -> Array:
    """The condition number."""
    return _condition(operand(x), p)


def _condition(x: Array, ord: Any) -> Array:
    if 0 in shape_of(x)[-2:]:
        raise LinAlgError("cond is not defined on empty arrays")
    if ord is None or ord in (2, -2):
        s = p.svdvals(x)
        largest, smallest = s[..., 0], s[..., -1]
        ans = p.divide(smallest, largest) if ord == -2 else p.divide(largest, smallest)
    else:
        inverse = p.inv(_stack_of_squares(x), strict=False)
        ans = p.multiply(norm(x, ord, (-2, -1)), norm(inverse, ord, (-2, -1)))
    given = p.any(p.isnan(x), axes=(ndim_of(x) - 2, ndim_of(x) - 1))
    undefined = p.logical_and(p.isnan(ans), p.logical_not(given))
    return scalar(p.where(undefined, np.inf, ans))


@implements(np.linalg.matrix_rank)
def matrix_rank(A: Any, tol: Any = None, hermitian: bool = False, *, rtol: Any = None) -> Array:
    """The number of singular values that are not negligible."""
    if rtol is not None and tol is not None:
        raise ValueError("`tol` and `rtol` can't be both set.")
    x = operand(A)
    if ndim_of(x) < 2:
        nonzero = p.any(p.not_equal(x, 0), axes=tuple(range(ndim_of(x))))
        return p.astype(nonzero, dtype=np.dtype(int))
    s = svd(x, compute_uv=False, hermitian=hermitian)
    if tol is None:
        ratio = _rank_cutoff(x, s) if rtol is None else operand(rtol)
        largest = reductions.max(s, -1, keepdims=True, initial=0)
        tol = p.multiply(largest, ratio if rtol is None else shapes.expand_dims(ratio, -1))
    else:
        tol = shapes.expand_dims(operand(tol), -1)
    return reductions.count_nonzero(p.greater(s, tol), -1)


def _rank_cutoff(x: Array, s: Array) -> Any:
    return builtins.max(shape_of(x)[-2:]) * np.finfo(dtype_of(s)).eps


# What the array API standard has here: the last two axes of stacks.


@implements(np.linalg.diagonal)
def diagonal(x: Any, /, *, offset: Any = 0) -> Array:
    """The diagonals of matrices."""
    return indexing.diagonal(x, offset, -2, -1)


@implements(np.linalg.trace)
def trace(x: Any, /, *, offset: Any = 0, dtype: Any = None) -> Array:
    """The sums of the diagonals of matrices."""
    return indexing.trace(x, offset, -2, -1, dtype)


@implements(np.linalg.outer)
def outer(x1: Any, x2: Any, /) -> Array:
    """The products of all elements of two vectors."""
    x, y = operand(x1), operand(x2)
    if ndim_of(x) != 1 or ndim_of(y) != 1:
        raise ValueError(
            f"Input arrays must be one-dimensional, but they are x1.ndim={ndim_of(x)} and "
            f"x2.ndim={ndim_of(y)}."
        )
    return p.outer(x, y)


@implements(np.linalg.cross)
def cross(x1: Any, x2: Any, /, *, axis: Any = -1) -> Array:
    """The cross product of vectors of 3 elements."""
    x, y = operand(x1), operand(x2)
    lengths = [shape_of(z)[one_axis(axis, ndim_of(z))] for z in (x, y)]
    if lengths != [3, 3]:
        raise ValueError(
            "Both input arrays must be (arrays of) 3-dimensional vectors, but they are "
            f"{lengths[0]} and {lengths[1]} dimensional instead."
        )
    return contraction.cross(x, y, axis=axis)


@implements(np.linalg.matmul)
def matmul(x1: Any, x2: Any, /) -> Array:
    """The matrix product."""
    return p.matmul(operand(x1), operand(x2))


@implements(np.linalg.tensordot)
def tensordot(x1: Any, x2: Any, /, *, axes: Any = 2) -> Array:
    """The sum of products over some axes of both."""
    return contraction.tensordot(x1, x2, axes)


@implements(np.linalg.matrix_transpose, views=True)
def matrix_transpose(x: Any, /) -> Array:
    """The last two axes swapped."""
    return shapes.matrix_transpose(x)


@implements(np.linalg.vecdot)
def vecdot(x1: Any, x2: Any, /, *, axis: Any = -1) -> Array:
    """Inner products along one axis, the elements of `x1` conjugated."""
    axis = true_axis(axis)
    x, y = (shapes.moveaxis(operand(z), axis, -1) for z in (x1, x2))
    return contraction.vecdot(x, y)
