"""Linear systems, inverses and determinants.

Operands are stacks of matrices in their last two axes, as in ``numpy.linalg``. Transposes do not
conjugate, except where :func:`adjoint` says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.linalg import LinAlgError

from functrans.core.kinds import align, general
from functrans.core.types import Array, ArrayType, Shape, dtype_of, shape_of

from .arithmetic import (
    add,
    conjugate,
    divide,
    imag,
    make_complex,
    multiply,
    negative,
    real,
    real_dtype,
    subtract,
)
from .contraction import batch_first, column, matmul, matrix_transpose, reshaped
from .reduction import sum
from .samples import Sample, draw, draw_complex
from .shape import reshape, transpose

if TYPE_CHECKING:
    from collections.abc import Callable

    from functrans.core.kinds import Function

LAST_TWO = (-2, -1)


def adjoint(x: Array) -> Array:
    """The conjugate transpose."""
    return matrix_transpose(conjugate(x) if dtype_of(x).kind == "c" else x)


def symmetrized(x: Array) -> Array:
    """The Hermitian part."""
    return multiply(0.5, add(x, adjoint(x)))


def pairing(x: Array, y: Array) -> Array:
    """The sum of the products of all elements of two matrices, for each pair of a stack."""
    z = multiply(x, y)
    return sum(z, axes=(z.ndim - 2, z.ndim - 1))


def scaled(a: Array, x: Array) -> Array:
    """Matrices, each times its own number."""
    return multiply(reshape(a, shape=(*shape_of(a), 1, 1)), x)


# Types.


def matrices(x: ArrayType) -> tuple[Shape, int, int]:
    """The stack's shape, and rows and columns of its matrices."""
    if x.ndim < 2:
        raise LinAlgError(
            f"{x.ndim}-dimensional array given. Array must be at least two-dimensional"
        )
    return x.shape[:-2], x.shape[-2], x.shape[-1]


def squares(x: ArrayType) -> tuple[Shape, int]:
    """The stack's shape, and the order of its square matrices."""
    stack, rows, columns = matrices(x)
    if rows != columns:
        raise LinAlgError("Last 2 dimensions of the array must be square")
    return stack, rows


def linalg_dtype(*dtypes: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype in which ``numpy.linalg`` works on operands of these dtypes."""
    for dtype in dtypes:
        if dtype.char not in "fdFD" and dtype.kind not in "biu":
            raise TypeError(f"array type {dtype.name} is unsupported in linalg")
    return np.result_type(*(d if d.kind in "fc" else np.float64 for d in dtypes))


def same_shape(x: ArrayType, **params: Any) -> ArrayType:
    """The type of a function of square matrices to matrices like them."""
    squares(x)
    return ArrayType(x.shape, linalg_dtype(x.dtype))


# Samples.


def regular(shape: Shape, seed: int = 0) -> Array:
    """Square matrices far from singular."""
    return draw(shape, -1, 1, seed) + 2 * np.eye(shape[-1])


def regular_complex(shape: Shape, seed: int = 0) -> Array:
    """Complex square matrices far from singular."""
    return draw_complex(shape, -1, 1, seed) + 2 * np.eye(shape[-1])


def square_samples(*hard: Sample, **params: Any) -> Callable[[], list[Sample]]:
    """Samples of a function of regular square matrices, and `hard` points."""

    def samples() -> list[Sample]:
        return [
            Sample(regular((3, 3)), **params),
            Sample(regular((2, 2, 2)), label="stack", **params),
            Sample(regular((2, 3, 3), 1)[::-1].mT, label="non-contiguous", **params),
            Sample(regular((2, 2)).astype(np.float32), label="float32", **params),
            Sample(regular_complex((2, 2, 2)), label="complex", **params),
            Sample(np.array([[2.0]]), label="1 x 1", **params),
            Sample(np.zeros((0, 0)), label="0 x 0", **params),
            Sample(np.zeros((0, 2, 2)), label="empty stack", **params),
            *hard,
        ]

    return samples


# Linear systems.


def solve_columns(x: Array, y: Array) -> Array:
    """``solve(x, y)`` for matrices `y`: one matrix `x` is factorised once for a whole stack."""
    if x.ndim > 2 or y.ndim == 2:
        return solve(x, y)
    *stack, n, m = y.shape
    order = (y.ndim - 2, *range(y.ndim - 2), y.ndim - 1)
    wide = reshape(transpose(y, axes=order), shape=(n, y.size // n if n else 0))
    ans = reshape(solve(x, wide), shape=(n, *stack, m))
    return transpose(ans, axes=(*range(1, y.ndim - 1), 0, y.ndim - 1))


def as_columns(y: Array, is_vector: bool) -> Array:
    """Vectors as matrices of one column."""
    return column(y) if is_vector else y


def from_columns(y: Array, is_vector: bool) -> Array:
    """Matrices of one column as vectors."""
    return reshape(y, shape=y.shape[:-1]) if is_vector else y


def solve_push(ts: tuple[Array, Array], ans: Array, x: Array, y_type: ArrayType) -> Array:
    is_vector = y_type.ndim == 1
    moved = matmul(ts[0], as_columns(ans, is_vector))
    out = solve_columns(x, subtract(as_columns(ts[1], is_vector), moved))
    return from_columns(out, is_vector)


def solve_pull(g: Array, ans: Array, x: Array, y_type: ArrayType) -> tuple[Array, Array]:
    is_vector = y_type.ndim == 1
    g_y = solve_columns(matrix_transpose(x), as_columns(g, is_vector))
    g_x = negative(matmul(g_y, matrix_transpose(as_columns(ans, is_vector))))
    return g_x, from_columns(g_y, is_vector)


def solve_batch(x: Array, y: Array, *, batched: tuple[bool, bool]) -> Array:
    rank = y.ndim - batched[1]
    if batched == (True, False):
        missing = max(rank - x.ndim + 1, 0)
        return solve(reshaped(x, (x.shape[0], *(1,) * missing, *x.shape[1:])), y)
    if batched == (False, True) and rank == 1:  # a batch of vectors is one matrix
        return batch_first(solve(x, matrix_transpose(y)), -1)
    if batched == (False, True) and x.ndim == 2:
        return solve_columns(x, y)
    y = as_columns(y, rank == 1)
    ranks = x.ndim - batched[0], y.ndim - 1
    y = reshaped(y, (y.shape[0], *(1,) * (ranks[0] - ranks[1]), *y.shape[1:]))
    if batched[0]:
        x = reshaped(x, (x.shape[0], *(1,) * (ranks[1] - ranks[0]), *x.shape[1:]))
    return from_columns(solve(x, y), rank == 1)


def solve_shape(x: ArrayType, y: ArrayType) -> ArrayType:
    stack, n = squares(x)
    own = (n,) if y.ndim == 1 else (n, y.shape[-1] if y.shape else 0)
    if not y.shape or y.shape[-len(own)] != n:
        raise ValueError(f"solve: matrices of shape {x.shape} do not fit right sides {y.shape}")
    stack = np.broadcast_shapes(stack, y.shape[: -len(own)])
    return ArrayType(stack + own, linalg_dtype(x.dtype, y.dtype))


def solve_samples() -> list[Sample]:
    def case(x: Shape, y: Shape, label: str = "") -> Sample:
        return Sample(regular(x), draw(y, -1, 1, 1), label=label)

    return [
        case((3, 3), (3,), "vector"),
        case((3, 3), (3, 2)),
        case((3, 3), (4, 3, 2), "one matrix, stack"),
        case((2, 3, 3), (3,), "stack, vector"),
        case((2, 3, 3), (3, 2), "stack, one right side"),
        case((2, 1, 3, 3), (4, 3, 1), "stacks that broadcast"),
        case((1, 1), (1,), "1 x 1"),
        case((0, 0), (0, 2), "0 x 0"),
        case((0, 2, 2), (2,), "empty stack"),
        case((2, 2), (2, 0), "no right side"),
        Sample(regular((2, 2)).astype(np.float32), draw((2,), -1, 1), label="mixed precision"),
        Sample(regular((2, 2)).astype(np.float32), np.ones(2, np.float32), label="float32"),
        Sample(regular_complex((2, 2)), draw((2,), -1, 1), label="complex, real"),
        Sample(regular((3, 2, 2)).mT, draw_complex((2, 3), -1, 1), label="real stack, complex"),
    ]


solve: Function = general(
    "solve",
    lambda x, y: np.linalg.solve(x, y),
    push_all=solve_push,
    pull_all=solve_pull,
    batch=solve_batch,
    shape=solve_shape,
    samples=solve_samples,
)


def inv_impl(x: Array, *, strict: bool) -> Array:
    try:
        return np.linalg.inv(x)
    except LinAlgError:
        if strict or np.ndim(x) < 2 or np.shape(x)[-1] != np.shape(x)[-2]:
            raise
    singular = np.linalg.slogdet(x)[0] == 0
    out = np.linalg.inv(np.where(singular[..., None, None], np.eye(x.shape[-1], dtype=x.dtype), x))
    with np.errstate(all="ignore"):
        out[singular] = cofactor_impl(x[singular]).mT / np.zeros((), out.dtype)
    return out


def inv_push(t: Array, ans: Array) -> Array:
    return negative(matmul(matmul(ans, t), ans))


def inv_pull(g: Array, ans: Array) -> Array:
    transposed = matrix_transpose(ans)
    return negative(matmul(matmul(transposed, g), transposed))


inv: Function = general(
    "inv",  # strict=False: no error for a singular matrix, but infinities (and NaN)
    inv_impl,
    pushes=(inv_push,),
    pulls=(inv_pull,),
    batch=lambda x, *, strict: inv(x, strict=strict),
    shape=same_shape,
    samples=square_samples(
        Sample(np.array([[0.0]]), strict=False, pinned=[[[-np.inf]]], label="singular, tolerated"),
        strict=True,
    ),
)


# Determinants. Their derivative, the matrix of cofactors, is finite at singular matrices too.


def products_of_others(s: Array) -> Array:
    """For each number the product of all others along the last axis, without a division."""
    ones = np.ones((*s.shape[:-1], 1), s.dtype)
    before = np.concatenate([ones, np.cumprod(s[..., :-1], axis=-1)], axis=-1)
    after = np.concatenate([ones, np.cumprod(s[..., :0:-1], axis=-1)], axis=-1)[..., ::-1]
    return (before * after)[..., : s.shape[-1]]


def products_of_other_pairs(s: Array) -> Array:
    """At ``i, j`` the product of all numbers but these two; 0 on the diagonal."""
    eye = np.eye(s.shape[-1], dtype=bool)
    return np.where(eye, 0, products_of_others(np.where(eye, 1, s[..., None, :])))


def inverse_if_safe(x: Array) -> tuple[Array, Array]:
    """The inverses, and where they are no way to the cofactors: close to singular matrices."""
    finite = np.isfinite(x).all(axis=LAST_TWO)
    try:
        inverse = np.linalg.inv(x)
    except LinAlgError:
        return np.full(x.shape, np.nan, x.dtype), np.asarray(finite)
    size = np.abs(x).sum(axis=-1).max(axis=-1, initial=0)
    condition = size * np.abs(inverse).sum(axis=-1).max(axis=-1, initial=0)
    limit = 0.01 / np.sqrt(np.finfo(inverse.dtype).eps)
    return inverse, np.asarray((condition > limit) & finite)


def svd_with_sign(x: Array) -> tuple[Array, Array, Array, Array]:
    """The singular value decomposition, and the determinant of the two unitary factors."""
    u, s, vh = np.linalg.svd(x)
    return u, s, vh, (np.linalg.det(u) * np.linalg.det(vh))[..., None, None]


def of_moderate_det(x: Array) -> tuple[Array, Array]:
    """The matrices times powers of two, which change no bits, such that determinants are about 1;
    and what powers of two they were times that: cofactors may be finite where determinants are not.
    """
    with np.errstate(all="ignore"):
        size = np.linalg.slogdet(x)[1] / (max(x.shape[-1], 1) * np.log(2.0))
        largest = np.log2(np.abs(x).max(axis=LAST_TWO, initial=0))
    size = np.where(np.isfinite(size), size, np.where(np.isfinite(largest), largest, 0))
    power = np.rint(size).astype(np.int64)[..., None, None]
    return raised(x, -power), power


def raised(x: Array, power: Array) -> Array:
    """``x * 2**power``."""
    with np.errstate(all="ignore"):
        if x.dtype.kind != "c":
            return np.asarray(np.ldexp(x, power))
        return np.ldexp(x.real, power) + 1j * np.ldexp(x.imag, power)


def cofactor_impl(x: Array) -> Array:
    x, power = of_moderate_det(np.asarray(x, linalg_dtype(x.dtype)))
    inverse, ill = inverse_if_safe(x)
    out = np.linalg.det(x)[..., None, None] * inverse.mT
    if ill.any():
        u, s, vh, sign = svd_with_sign(x[ill])
        out[ill] = sign * (u.conj() * products_of_others(s)[..., None, :]) @ vh.conj()
    return raised(out, power * (x.shape[-1] - 1))


def cofactor_change_impl(x: Array, y: Array) -> Array:
    dtype = linalg_dtype(x.dtype, y.dtype)
    x, y = np.broadcast_arrays(np.asarray(x, dtype), np.asarray(y, dtype))
    x, power = of_moderate_det(x)
    inverse, ill = inverse_if_safe(x)
    eye = np.eye(x.shape[-1], dtype=dtype)
    turned = inverse @ y
    trace = np.trace(turned, axis1=-2, axis2=-1)[..., None, None]
    change = (trace * eye - turned) @ inverse
    out = np.linalg.det(x)[..., None, None] * change.mT
    if ill.any():
        u, s, vh, sign = svd_with_sign(x[ill])
        turned = u.conj().mT @ y[ill] @ vh.conj().mT
        others = products_of_other_pairs(s)
        along = others @ np.diagonal(turned, axis1=-2, axis2=-1)[..., None]
        change = eye * along - others * turned.mT
        out[ill] = sign * (u.conj() @ change @ vh.conj())
    return raised(out, power * (x.shape[-1] - 2))


def cofactor_change_partial(t: Array, ans: Array, x: Array, y: Array) -> Array:
    """The third derivative of `det`, by a formula for invertible matrices alone."""
    size = reciprocal_det(x)
    c, c_t = cofactor(x), cofactor_change(x, t)
    product = matmul(matmul(c, matrix_transpose(y)), c_t)
    change = add(scaled(pairing(c_t, y), c), scaled(pairing(c, y), c_t))
    change = subtract(change, add(product, matmul(matmul(c_t, matrix_transpose(y)), c)))
    return scaled(size, subtract(change, scaled(pairing(c, t), ans)))


def reciprocal_det(x: Array) -> Array:
    """1 / det."""
    return divide(1, det(x))


cofactor_change: Function = general(
    "cofactor_change",  # the derivative of `cofactor` at x in the direction y: symmetric, bilinear
    cofactor_change_impl,
    pushes=(cofactor_change_partial, lambda t, x: cofactor_change(x, t)),
    pulls=(cofactor_change_partial, lambda g, x: cofactor_change(x, g)),
    batch=lambda x, y, *, batched: cofactor_change(*align((x, y), batched)),
    shape=lambda x, y: ArrayType(
        np.broadcast_shapes(x.shape, y.shape), linalg_dtype(x.dtype, y.dtype)
    ),
    samples=lambda: [
        Sample(regular((3, 3)), draw((3, 3), -1, 1, 1)),
        Sample(regular((2, 2, 2)), draw((2, 2, 2), -1, 1, 1), label="stack"),
        Sample(regular_complex((3, 3)), draw_complex((3, 3), -1, 1, 1), label="complex"),
        Sample(regular((2, 2)).astype(np.float32), np.eye(2, dtype=np.float32), label="float32"),
        Sample(np.zeros((0, 0)), np.zeros((0, 0)), label="0 x 0"),
        Sample(
            np.diag([2.0, 0.0]),
            np.array([[1.0, 3.0], [5.0, 7.0]]),
            pinned=[None, [[1.0, -1.0], [-1.0, 1.0]]],
            label="singular",
        ),
    ],
)
cofactor: Function = general(
    "cofactor",
    cofactor_impl,
    pushes=(lambda t, x: cofactor_change(x, t),),
    pulls=(lambda g, x: cofactor_change(x, g),),
    batch=lambda x: cofactor(x),
    shape=same_shape,
    samples=square_samples(
        Sample(regular_complex((3, 3)), label="complex 3 x 3"),
        Sample(np.diag([2.0, 0.0]), second=False, label="rank n - 1"),
        Sample(
            np.diag([1e120] * 3),
            smooth=False,
            value=np.diag([1e240] * 3),
            label="the determinant overflows",
        ),
        Sample(np.diag([2.0, 0.0, 0.0]), second=False, label="rank n - 2"),
    ),
)
det: Function = general(
    "det",
    lambda x: np.linalg.det(x),
    pushes=(lambda t, x: pairing(t, cofactor(x)),),
    pulls=(lambda g, x: scaled(g, cofactor(x)),),
    batch=lambda x: det(x),
    shape=lambda x: ArrayType(squares(x)[0], linalg_dtype(x.dtype)),
    samples=square_samples(
        Sample(np.diag([2.0, 0.0]), pinned=[np.diag([0.0, 2.0])], label="rank n - 1"),
        Sample(np.zeros((3, 3)), pinned=[np.zeros((3, 3))], label="zero"),
        Sample(np.array([[0.0]]), pinned=[[[1.0]]], label="1 x 1 zero"),
    ),
)


def slogdet_push(t: Array, ans: tuple[Array, Array], x: Array) -> tuple[Array, Array]:
    rate = pairing(t, matrix_transpose(inv(x, strict=False)))
    if dtype_of(rate).kind != "c":
        return multiply(0, ans[0]), rate
    return multiply(ans[0], make_complex(0, imag(rate))), real(rate)


def slogdet_pull(g: tuple[Array, Array], ans: tuple[Array, Array], x: Array) -> Array:
    weight = g[1]
    if dtype_of(x).kind == "c":
        weight = make_complex(weight, imag(multiply(g[0], ans[0])))
    return scaled(weight, matrix_transpose(inv(x, strict=False)))


def slogdet_shape(x: ArrayType) -> tuple[ArrayType, ArrayType]:
    dtype = linalg_dtype(x.dtype)
    return ArrayType(squares(x)[0], dtype), ArrayType(squares(x)[0], real_dtype(dtype))


slogdet: Function = general(
    "slogdet",  # sign and logarithm of the magnitude
    lambda x: tuple(np.linalg.slogdet(x)),
    pushes=(slogdet_push,),
    pulls=(slogdet_pull,),
    batch=lambda x: slogdet(x),
    shape=slogdet_shape,
    outputs=2,
    samples=square_samples(
        Sample(np.array([[0.0]]), pinned=[[[np.inf]]], label="singular"),
        Sample(np.diag([1e-200, 1e-200]), pinned=[np.diag([1e200, 1e200])], label="det underflows"),
    ),
)
