"""Matrices made of vectors, and products of matrices column by column."""

from __future__ import annotations

from typing import Any

import numpy as np

from functrans.core.types import Array, dtype_of, shape_of
from functrans.numpy.axes import ndim_of
from functrans.numpy.operands import operand
from functrans.primitives import structured_systems as rules
from functrans.scipy.linalg.operands import inexact, known


def toeplitz(c: Any, r: Any = None) -> Array:
    """The matrix with constant diagonals, from its first column and first row (default: the
    conjugate of the column).

    Examples
    --------
    >>> import functrans as ft
    >>> import numpy as np
    >>> ft.grad(lambda c: np.sum(toeplitz(c)))(np.ones(3))
    array([3., 4., 2.])
    """
    column = np.atleast_1d(operand(c))
    row = column.conjugate() if r is None else np.atleast_1d(operand(r))
    return rules.toeplitz(column, row)


def circulant(c: Any) -> Array:
    """The circulant matrix with this first column."""
    column = np.atleast_1d(operand(c))
    n = shape_of(column)[-1]
    return column[..., (np.arange(n)[:, None] - np.arange(n)) % max(n, 1)]


def hankel(c: Any, r: Any = None) -> Array:
    """The matrix with constant antidiagonals, from its first column and last row (default 0)."""
    column = operand(c)
    row = np.zeros_like(column) if r is None else operand(r)
    values = np.concatenate([column, row[..., 1:]], axis=-1)
    return values[..., np.arange(shape_of(column)[-1])[:, None] + np.arange(shape_of(row)[-1])]


def companion(a: Any) -> Array:
    """The matrix whose characteristic polynomial has these coefficients."""
    a = operand(a)
    n = shape_of(a)[-1]
    if n < 2:
        raise ValueError("The length of `a` along the last axis must be at least 2.")
    leading = known(a[..., 0], lanes=True)
    if leading is not None and not np.all(leading):
        raise ValueError("The first coefficient(s) of `a` (a[..., 0]) must not be zero.")
    first = -a[..., 1:] / a[..., :1]
    below = np.broadcast_to(np.eye(n - 2, n - 1), (*shape_of(a)[:-1], n - 2, n - 1))
    return np.concatenate([first[..., None, :], below.astype(dtype_of(first))], axis=-2)


def fiedler(a: Any) -> Array:
    """The distances of all pairs of numbers."""
    a = np.atleast_1d(operand(a))
    return np.abs(a[..., :, None] - a[..., None, :])


def leslie(f: Any, s: Any) -> Array:
    """The population matrix with fecundities `f` and survival rates `s`."""
    f, s = np.atleast_1d(operand(f)), np.atleast_1d(operand(s))
    n = shape_of(f)[-1]
    if shape_of(s)[-1] != n - 1:
        raise ValueError(
            "Incorrect lengths for f and s. The length of s along the last axis must be one less "
            "than the length of f."
        )
    rates = s[..., :, None] * np.eye(n - 1, n, dtype=dtype_of(s))
    return np.concatenate([f[..., None, :], rates], axis=-2)


def fiedler_companion(a: Any) -> Array:
    """The companion matrix in Fiedler's pentadiagonal form."""
    a = np.atleast_1d(operand(a))
    n = shape_of(a)[-1] - 1
    if ndim_of(a) > 1 or n < 1:
        raise ValueError("Input 'a' must be a 1-D array with at least two coefficients.")
    k = np.arange(1, n + 1)
    coefficient = np.zeros((n, n), int)  # which one stands where; 0 for none
    coefficient[(k - 1) // 2 * 2, np.maximum(k // 2 * 2 - 1, 0)] = k
    ones = np.zeros((n, n))
    even = np.arange(0, n, 2)
    ones[even[even + 2 < n], even[even + 2 < n] + 2] = 1
    ones[even[even + 3 < n] + 3, even[even + 3 < n] + 1] = 1
    ones[1:2, 0] = 1
    return np.where(coefficient, -(a / a[0])[coefficient], ones)


def convolution_matrix(a: Any, n: int, mode: str = "full") -> Array:
    """The matrix whose product with a vector of `n` elements is its convolution with `a`."""
    a = operand(a)
    m = shape_of(a)[-1]
    if n <= 0:
        raise ValueError("n must be a positive integer.")
    if m == 0:
        raise ValueError("len(a) must be at least 1.")
    if mode not in ("full", "valid", "same"):
        raise ValueError("'mode' argument must be one of ('full', 'valid', 'same')")
    places = np.arange(m + n - 1)[:, None] - np.arange(n)
    inside = (places >= 0) & (places < m)
    matrix = np.where(inside, a[..., np.where(inside, places, 0)], 0)
    if mode == "same":
        start = (min(m, n) - 1) // 2
        return matrix[..., start : start + max(m, n), :]
    if mode == "valid":
        start = min(m, n) - 1
        return matrix[..., start : start + max(m, n) - min(m, n) + 1, :]
    return matrix


def block_diag(*arrs: Any) -> Array:
    """The matrix with these blocks along its diagonal; vectors count as rows."""
    blocks = [np.atleast_2d(operand(a)) for a in (arrs or ([],))]
    stack = np.broadcast_shapes(*(shape_of(b)[:-2] for b in blocks))
    columns = sum(shape_of(b)[-1] for b in blocks)
    rows, start = [], 0
    for b in blocks:
        m, n = shape_of(b)[-2:]
        b = np.broadcast_to(b, (*stack, m, n))
        widths = [(0, 0)] * (len(stack) + 1) + [(start, columns - start - n)]
        rows.append(np.pad(b, widths))
        start += n
    return np.concatenate(rows, axis=-2)


def khatri_rao(a: Any, b: Any) -> Array:
    """The Kronecker products of the columns of `a` with those of `b`."""
    a, b = operand(a), operand(b)
    (m, n), (k, columns) = shape_of(a)[-2:], shape_of(b)[-2:]
    if n != columns:
        raise ValueError("The number of columns for both arrays should be equal.")
    product = a[..., :, None, :] * b[..., None, :, :]
    return np.reshape(product, (*shape_of(product)[: len(shape_of(product)) - 3], m * k, n))


def kron(a: Any, b: Any) -> Array:
    """The Kronecker product."""
    return np.kron(operand(a), operand(b))


def diagsvd(s: Any, M: int, N: int) -> Array:
    """The `M` times `N` matrix of singular values that belongs to ``svd``."""
    s = operand(s)
    n = shape_of(s)[-1]
    if n not in (M, N):
        raise ValueError("Length of s must be M or N.")
    square = s[..., :, None] * np.eye(n, dtype=dtype_of(s))
    widths = [(0, 0)] * (ndim_of(s) - 1) + [(0, M - n), (0, N - n)]
    return np.pad(square, widths)


def matmul_toeplitz(
    c_or_cr: Any, x: Any, check_finite: bool = False, workers: int | None = None
) -> Array:
    """The product of a Toeplitz matrix and columns."""
    x = inexact(x, "matmul_toeplitz", check_finite)
    matrix = toeplitz(*c_or_cr) if isinstance(c_or_cr, tuple) else toeplitz(c_or_cr)
    return matrix @ x
