"""Functions of square matrices: exponential, logarithm, roots, circular and hyperbolic functions.

Each is the primary function, whose derivative exists at repeated eigenvalues and Jordan blocks too.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from functrans.core.array import TracedArray
from functrans.core.types import Array
from functrans.primitives import primary_functions as rules
from functrans.scipy.linalg.operands import no_option, of_number, squares
from functrans.scipy.linalg.systems import solve


def expm(A: Any) -> Array:
    """The exponential.

    Parameters
    ----------
    A : array_like, shape (..., n, n)

    Examples
    --------
    >>> import functrans as ft
    >>> import numpy as np
    >>> ft.grad(lambda a: expm(a)[0, 1])(np.zeros((2, 2)))
    array([[0., 1.],
           [0., 0.]])
    """
    return rules.expm(squares(of_number(A)))


def expm_frechet(
    A: Any, E: Any, method: str | None = None, compute_expm: bool = True, check_finite: bool = True
) -> Any:
    """The exponential and its derivative at `A` along `E`; the derivative alone for
    ``compute_expm=False``.

    Examples
    --------
    >>> import numpy as np
    >>> expm_frechet(np.zeros((2, 2)), np.eye(2), compute_expm=False)
    array([[1., 0.],
           [0., 1.]])
    """
    a, e = squares(A, finite=check_finite), squares(E, finite=check_finite)
    change = rules.corner(rules.expm, a, e)
    return (rules.expm(a), change) if compute_expm else change


def logm(A: Any) -> Array:
    """The principal logarithm: complex where a real matrix has negative eigenvalues.

    Examples
    --------
    >>> import functrans as ft
    >>> import numpy as np
    >>> ft.grad(lambda a: np.trace(logm(a)))(np.diag([1.0, 4.0]))
    array([[1.  , 0.  ],
           [0.  , 0.25]])
    """
    return rules.logm(squares(A, "logm"))


def sqrtm(A: Any) -> Array:
    """The principal square root. It has no derivative at singular matrices.

    Examples
    --------
    >>> import functrans as ft
    >>> import numpy as np
    >>> ft.grad(lambda a: np.trace(sqrtm(a)))(np.diag([1.0, 4.0]))
    array([[0.5 , 0.  ],
           [0.  , 0.25]])
    """
    return rules.sqrtm(squares(A))


def signm(A: Any) -> Array:
    """The matrix sign function: locally constant in the eigenvalues, but not in the matrix."""
    return rules.signm(squares(A, "signm"))


def fractional_matrix_power(A: Any, t: Any) -> Array:
    """The principal power with the exponent `t`, which must be a plain number.

    Raises
    ------
    MissingRuleError
        `t` is traced: write ``expm(t * logm(A))``.
    """
    if isinstance(t, TracedArray):
        raise no_option(
            "fractional_matrix_power of a traced exponent", "write expm(t * logm(A)) instead"
        )
    if float(t) == int(t):
        return np.linalg.matrix_power(squares(A, "fractional_matrix_power"), int(t))
    return rules.matrix_power(squares(A, "fractional_matrix_power"), exponent=float(t))


def cosm(A: Any) -> Array:
    """The cosine."""
    return rules.cosm(squares(A, "cosm"))


def sinm(A: Any) -> Array:
    """The sine."""
    return rules.sinm(squares(A, "sinm"))


def tanm(A: Any) -> Array:
    """The tangent."""
    return solve(cosm(A), sinm(A))


def coshm(A: Any) -> Array:
    """The hyperbolic cosine."""
    return rules.coshm(squares(A))


def sinhm(A: Any) -> Array:
    """The hyperbolic sine."""
    return rules.sinhm(squares(A))


def tanhm(A: Any) -> Array:
    """The hyperbolic tangent."""
    return solve(coshm(A), sinhm(A))
