"""Matrix equations: Sylvester, Lyapunov, Riccati."""

from __future__ import annotations

from typing import Any

from functrans.core.types import Array
from functrans.primitives import matrix_equations as rules
from functrans.scipy.linalg.operands import adjoint, matrices, no_option, of_number


def solve_sylvester(a: Any, b: Any, q: Any) -> Array:
    """The solution x of ``a @ x + x @ b = q``.

    Examples
    --------
    >>> import functrans as ft
    >>> import numpy as np
    >>> ft.grad(lambda q: solve_sylvester(np.eye(2), np.eye(2), q)[0, 0])(np.ones((2, 2)))
    array([[0.5, 0. ],
           [0. , 0. ]])
    """
    return rules.sylvester(
        matrices(a, "solve_sylvester", finite=True),
        matrices(b, "solve_sylvester", finite=True),
        matrices(q, "solve_sylvester"),
    )


def solve_continuous_lyapunov(a: Any, q: Any) -> Array:
    """The solution x of ``a @ x + x @ a.conj().T = q``."""
    a, q = (matrices(of_number(x), "solve_continuous_lyapunov", finite=True) for x in (a, q))
    return rules.sylvester(a, adjoint(a), q)


solve_lyapunov = solve_continuous_lyapunov


def solve_discrete_lyapunov(a: Any, q: Any, method: str | None = None) -> Array:
    """The solution x of ``a @ x @ a.conj().T - x + q = 0``."""
    if method is not None:
        method = method.lower()
        if method not in ("direct", "bilinear"):
            raise ValueError(f"Unknown solver {method}")
    return rules.stein(
        matrices(a, "solve_discrete_lyapunov", finite=True),
        matrices(q, "solve_discrete_lyapunov", finite=True),
        method=method,
    )


def solve_continuous_are(
    a: Any, b: Any, q: Any, r: Any, e: Any = None, s: Any = None, balanced: bool = True
) -> Array:
    """The stabilising solution of the continuous algebraic Riccati equation.

    A function of the Hermitian parts of `q` and `r`; without `e` and `s`, which have no rule.
    """
    _plain("solve_continuous_are", e, s)
    return rules.care(*map(matrices, (a, b, q, r)))


def solve_discrete_are(
    a: Any, b: Any, q: Any, r: Any, e: Any = None, s: Any = None, balanced: bool = True
) -> Array:
    """The stabilising solution of the discrete algebraic Riccati equation.

    A function of the Hermitian parts of `q` and `r`; without `e` and `s`, which have no rule.
    """
    _plain("solve_discrete_are", e, s)
    return rules.dare(*map(matrices, (a, b, q, r)))


def _plain(name: str, e: Any, s: Any) -> None:
    if e is not None or s is not None:
        raise no_option(
            f"{name} with e= or s=",
            "bring the equation to the standard form: solve for a and b with e, and take s into a "
            "and q",
        )
