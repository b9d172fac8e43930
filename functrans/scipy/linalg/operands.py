"""What the functions of ``functrans.scipy.linalg`` share: operands, triangles and bands."""

from __future__ import annotations

import inspect
from functools import cache
from typing import Any

import numpy as np
import scipy.linalg
from numpy.linalg import LinAlgError

from functrans import primitives as p
from functrans.core.errors import MissingRuleError, user_line
from functrans.core.types import Array, dtype_of, shape_of
from functrans.numpy.axes import ndim_of
from functrans.numpy.indexing import known as known
from functrans.numpy.operands import operand


def inexact(x: Any, name: str = "", finite: bool = False) -> Array:
    """An operand of linear algebra, in the dtype in which SciPy's function `name` works.

    `finite` says that it must hold neither infinity nor NaN, where its values are known.
    """
    x = operand(x)
    if finite and dtype_of(x).kind in "fc":
        values = known(x, lanes=True)
        if values is not None and not np.isfinite(values).all():
            raise ValueError("array must not contain infs or NaNs")
    wanted = working_dtype(name, dtype_of(x))
    return x if wanted == dtype_of(x) else p.astype(x, dtype=wanted)


@cache
def working_dtype(name: str, given: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype in which SciPy's function works.

    SciPy is asked, with matrices of one element: its functions and versions differ in what they
    make of small integers and of single precision. Without a name it is LAPACK's nearest.
    """
    if not name:
        smallest: Any = np.float32 if given.kind == "f" else np.float64
        return given if given.kind == "c" else np.result_type(given, smallest)
    function = getattr(scipy.linalg, name)
    needed = [q for q in inspect.signature(function).parameters.values() if q.default is q.empty]
    shape = (1,) if name.endswith(("toeplitz", "circulant")) else (1, 1)
    operands: list[Any] = [np.ones(shape, given) for _ in needed]
    if name == "solve_discrete_lyapunov":
        operands[0] = np.zeros(shape, given)  # where it has a solution
    if name == "fractional_matrix_power":
        operands[1] = 0.5
    result: Any = function(*operands)
    found = np.asarray(result[0] if isinstance(result, tuple) else result).dtype
    if given.kind == "c":
        return np.result_type(found, np.complex64)
    return found if found.kind != "c" else np.dtype(found.type().real.dtype)


def of_number(x: Any) -> Array:
    """An operand; of a number the matrix of one element, which some functions of SciPy make."""
    x = operand(x)
    return x if ndim_of(x) else np.reshape(x, (1, 1))


def matrices(x: Any, name: str = "", finite: bool = False) -> Array:
    """An operand that must hold matrices: the lanes of a batch of vectors make up none."""
    x = inexact(x, name, finite)
    if ndim_of(x) < 2:
        raise LinAlgError(f"expected a matrix, got an array of shape {shape_of(x)}")
    return x


def squares(x: Any, name: str = "", finite: bool = False) -> Array:
    """An operand that must hold square matrices."""
    x = matrices(x, name, finite)
    if shape_of(x)[-1] != shape_of(x)[-2]:
        raise LinAlgError(f"expected a square matrix, got an array of shape {shape_of(x)}")
    return x


def adjoint(x: Array) -> Array:
    """The conjugate transpose."""
    x = np.matrix_transpose(x)
    return np.conjugate(x) if dtype_of(x).kind == "c" else x


def as_columns(b: Array) -> tuple[Array, bool]:
    """Right sides as columns, and whether they were one vector."""
    return (b[:, None], True) if ndim_of(b) == 1 else (b, False)


def like_given(x: Array, was_vector: bool) -> Array:
    """The solution in the form of the right sides."""
    return x[..., 0] if was_vector else x


def from_triangle(a: Array, lower: bool, *, hermitian: bool = True) -> Array:
    """The Hermitian (or symmetric) matrix of which one triangle is read."""
    kept = np.tril(a) if lower else np.triu(a)
    strict = np.tril(a, -1) if lower else np.triu(a, 1)
    if not hermitian or dtype_of(a).kind != "c":
        return kept + np.matrix_transpose(strict)
    diagonal = np.eye(shape_of(a)[-1], dtype=bool)
    return np.where(diagonal, np.real(kept), strict + adjoint(strict))


def from_bands(ab: Array, above: int) -> Array:
    """The square matrix with these diagonals: ``ab[above + i - j, j] = a[i, j]``."""
    count, n = shape_of(ab)[-2:]
    rows, columns = np.indices((n, n))
    places = above + rows - columns
    inside = (places >= 0) & (places < count)
    return np.where(inside, ab[..., np.where(inside, places, 0), columns], 0)


def to_bands(a: Array, above: int, below: int) -> Array:
    """The diagonals of a square matrix; places outside of it are 0."""
    n = shape_of(a)[-1]
    places, columns = np.indices((above + below + 1, n))
    rows = columns + places - above
    inside = (rows >= 0) & (rows < n)
    return np.where(inside, a[..., np.where(inside, rows, 0), columns], 0)


def full_bands(ab: Array, lower: bool) -> Array:
    """All diagonals of a Hermitian matrix of which those of one triangle are given."""
    count = shape_of(ab)[-2]
    a = from_bands(ab, 0 if lower else count - 1)
    return to_bands(from_triangle(a, lower), count - 1, count - 1)


def check_choice(name: str, option: str, given: Any, choices: tuple[Any, ...]) -> None:
    """Raise unless an option has one of the values that SciPy's function `name` takes."""
    if given not in choices:
        wanted = ", ".join(map(repr, choices))
        raise ValueError(f"{name}: {option} is {given!r}; it must be one of {wanted}")


def no_option(name: str, reason: str) -> MissingRuleError:
    """The error for an option without a rule."""
    return MissingRuleError(
        f"functrans.scipy.linalg.{name} has no rule, at {user_line()}: {reason}"
    )
