"""Random vectors and matrices: normal with a covariance, on a simplex, in a ball, orthogonal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

import functrans.numpy as fnp
from functrans import primitives as p
from functrans.core.errors import user_line
from functrans.core.types import Array, Shape, shape_of
from functrans.numpy.operands import operand
from functrans.random.arguments import (
    check_float,
    check_key,
    check_shape,
    common_dtype,
    in_dtype,
    keys_of,
)
from functrans.random.continuous import exponentials
from functrans.random.gammas import loggammas, powered

if TYPE_CHECKING:
    from collections.abc import Callable


def _leading(who: str, shape: Any, inner: Shape) -> Shape:
    """The axes before the vectors: as given, or those of the parameters."""
    if shape is None:
        return inner
    wanted = check_shape(who, shape)
    try:
        fits = np.broadcast_shapes(inner, wanted) == wanted
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(
            f"random.{who}: the parameters are for vectors of leading shape {inner}, which does "
            f"not broadcast to shape={shape!r}, at {user_line()}"
        )
    return wanted


def multivariate_normal(
    key: Any, mean: Any, cov: Any, shape: Any = None, dtype: Any = None, method: str = "cholesky"
) -> Array:
    """Vectors of a normal distribution with a mean and a covariance.

    Parameters
    ----------
    key : key
    mean : array_like, shape (..., n)
    cov : array_like, shape (..., n, n)
        Symmetric; positive definite for ``method="cholesky"``, else semidefinite.
    shape : int or tuple of int, optional
        What comes before the last axis; the leading axes of `mean` and `cov` broadcast to it.
    dtype : dtype, optional
        Default: that of the parameters.
    method : "cholesky", "eigh" or "svd"
        How the covariance is taken apart.

    Returns
    -------
    ndarray, shape (..., n)
        Differentiable by `mean` and `cov`.

    Examples
    --------
    >>> import numpy as np, functrans as ft
    >>> cov = np.array([[1.0, 0.9], [0.9, 1.0]])
    >>> ft.random.multivariate_normal(ft.random.key(0), np.zeros(2), cov).round(6)
    array([-0.205842, -0.527329])
    """
    who = "multivariate_normal"
    key = check_key(who, key)
    if method not in _FACTORS:
        raise ValueError(
            f'random.{who}: method must be "cholesky", "eigh" or "svd", got {method!r}, at '
            f"{user_line()}"
        )
    mean, cov = operand(mean), operand(cov)
    n = shape_of(mean)[-1:]
    if not n or shape_of(cov)[-2:] != n * 2:
        raise ValueError(
            f"random.{who}: mean has shape {shape_of(mean)} and cov {shape_of(cov)}, at "
            f"{user_line()}; they must be (..., n) and (..., n, n)"
        )
    kind = common_dtype(who, dtype, (mean, cov))
    lead = _leading(who, shape, np.broadcast_shapes(shape_of(mean)[:-1], shape_of(cov)[:-2]))
    noise = p.random_normal(key, shape=(*lead, *n, 1), dtype=kind)
    moved = p.matmul(_FACTORS[method](in_dtype(cov, kind)), noise)
    return p.add(in_dtype(mean, kind), p.reshape(moved, shape=(*lead, *n)))


def _by_eigenvalues(cov: Array) -> Array:
    values, vectors = fnp.linalg.eigh(cov)
    return p.multiply(vectors, _roots(values))


def _by_singular_values(cov: Array) -> Array:
    vectors, values, _ = fnp.linalg.svd(cov)
    return p.multiply(vectors, _roots(values))


def _roots(values: Array) -> Array:
    """Square roots along the rows of a matrix; rounding may have made zeros negative."""
    return p.sqrt(p.maximum(fnp.expand_dims(values, -2), 0.0))


_FACTORS: dict[str, Callable[[Array], Array]] = {
    "cholesky": fnp.linalg.cholesky,
    "eigh": _by_eigenvalues,
    "svd": _by_singular_values,
}


def dirichlet(key: Any, alpha: Any, shape: Any = None, dtype: Any = None) -> Array:
    """Vectors of positive numbers with sum 1, of the Dirichlet distribution.

    Parameters
    ----------
    key : key
    alpha : array_like, shape (..., n)
        Greater than 0.
    shape : int or tuple of int, optional
        What comes before the last axis; the leading axes of `alpha` broadcast to it.
    dtype : dtype, optional
        Default: that of `alpha`.

    Returns
    -------
    ndarray, shape (..., n)
        Differentiable by `alpha`, as quotients of gamma variables.

    Examples
    --------
    >>> import numpy as np, functrans as ft
    >>> ft.random.dirichlet(ft.random.key(0), np.array([1.0, 2.0, 3.0])).round(6)
    array([0.186789, 0.201234, 0.611977])
    """
    key = check_key("dirichlet", key)
    alpha = operand(alpha)
    if not shape_of(alpha):
        raise ValueError(
            f"random.dirichlet: alpha must have an axis for the parts, at {user_line()}; got a "
            "number"
        )
    kind = common_dtype("dirichlet", dtype, (alpha,))
    *inner, n = shape_of(alpha)
    full = (*_leading("dirichlet", shape, tuple(inner)), n)
    logarithms = loggammas(key, in_dtype(alpha, kind), full)
    return p.softmax(logarithms, axes=(len(full) - 1,))


def ball(key: Any, d: int, p: Any = 2, shape: Any = (), dtype: Any = float) -> Array:
    """Points uniformly distributed in the unit ball of a norm.

    Parameters
    ----------
    key : key
    d : int
        The dimension.
    p : float
        Of the norm ``sum(abs(x)**p)**(1/p)``; at least 1.
    shape : int or tuple of int
    dtype : dtype

    Returns
    -------
    ndarray, shape (..., d)

    Examples
    --------
    >>> import functrans as ft
    >>> ft.random.ball(ft.random.key(0), 2).shape
    (2,)
    """
    key = check_key("ball", key)
    (d,) = check_shape("ball", d)
    return _in_ball(key, d, operand(p), check_shape("ball", shape), check_float("ball", dtype))


def _in_ball(key: Array, d: int, power: Array, shape: Shape, dtype: np.dtype[Any]) -> Array:
    points, radii = keys_of(key, 2)
    power = in_dtype(power, dtype)
    at = powered(points, power, (*shape, d), dtype)
    total = p.sum(p.power(p.absolute(at), power), axes=(len(shape),))
    radius = p.power(
        p.add(total, exponentials(radii, shape, dtype)), p.divide(dtype.type(1), power)
    )
    return p.divide(at, fnp.expand_dims(radius, -1))


def orthogonal(
    key: Any, n: int, shape: Any = (), dtype: Any = float, m: int | None = None
) -> Array:
    """Matrices with orthonormal rows or columns, uniformly distributed among all of them.

    Parameters
    ----------
    key : key
    n : int
        The number of rows.
    shape : int or tuple of int
    dtype : dtype
    m : int, optional
        The number of columns; default `n`.

    Returns
    -------
    ndarray, shape (..., n, m)

    Examples
    --------
    >>> import numpy as np, functrans as ft
    >>> q = ft.random.orthogonal(ft.random.key(0), 3)
    >>> bool(np.allclose(q @ q.T, np.eye(3)))
    True
    """
    key = check_key("orthogonal", key)
    kind = check_float("orthogonal", dtype)
    rows, columns = check_shape("orthogonal", (n, n if m is None else m))
    shape = check_shape("orthogonal", shape)
    sides = (max(rows, columns), min(rows, columns))
    q, r = fnp.linalg.qr(p.random_normal(key, shape=(*shape, *sides), dtype=kind))
    # Signs that make the factors unique, and so the distribution uniform.
    q = p.multiply(q, fnp.expand_dims(p.sign(fnp.linalg.diagonal(r)), -2))
    return q if rows >= columns else fnp.matrix_transpose(q)
