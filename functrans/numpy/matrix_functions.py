"""Functions of Hermitian matrices that are given as functions of their eigenvalues."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from functrans import primitives as p
from functrans.core.array import TracedArray
from functrans.core.errors import (
    InputTypeError,
    LeakedArrayError,
    OutputTypeError,
    describe_function,
    user_line,
)
from functrans.core.types import Array, dtype_of, type_of
from functrans.numpy.operands import operand
from functrans.primitives.linalg import squares
from functrans.transforms.forward import jvp

if TYPE_CHECKING:
    from collections.abc import Callable


class Derivatives:
    """The derivatives of a function of one number, ``(order, w)`` to that order's at each `w`."""

    __slots__ = ("function",)

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self.function = function

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Derivatives) and self.function == other.function

    def __hash__(self) -> int:
        return hash(self.function)

    def __repr__(self) -> str:
        return getattr(self.function, "__name__", "function")

    def __call__(self, order: int, w: Array) -> Array:
        function = self.function
        for _ in range(order):
            function = _rate(function)
        ans: Any = None
        leak = None
        try:
            ans = function(w)
        except LeakedArrayError as error:
            leak = error
        what = f"eigh_function: h, {describe_function(self.function)},"
        if leak or isinstance(ans, TracedArray):
            raise InputTypeError(
                f"{what} uses a traced array besides its argument, at {user_line()}. Write it as "
                "an operation on matrices: not h = lambda w: w**p, but "
                "eigh_function(np.exp, p * eigh_function(np.log, a))."
            ) from leak
        if np.iscomplexobj(ans):
            raise OutputTypeError(
                f"{what} returned complex numbers at {user_line()}; call eigh_function for the "
                "real and the imaginary part"
            )
        if np.shape(ans) not in (w.shape, ()):
            raise OutputTypeError(
                f"{what} made shape {np.shape(ans)} of {w.shape} at {user_line()}; it must be "
                "elementwise"
            )
        return np.broadcast_to(np.asarray(ans, float), w.shape)


def _rate(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda w: jvp(function, (w,), (np.ones(w.shape),))[1]


def eigh_function(h: Callable[[Any], Any], a: Any) -> Array:
    """A function of Hermitian matrices, given as a function of their eigenvalues.

    ``v @ diag(h(w)) @ v.conj().mT`` with ``w, v = eigh(a)``, but with derivatives of any order that
    are exact at equal eigenvalues too, where those of eigenvalues and eigenvectors do not exist.

    Parameters
    ----------
    h : callable
        An elementwise function of real numbers to real numbers, written with NumPy. It gets arrays
        of any shape, and must be differentiable wherever there are eigenvalues. It may not depend
        on traced arrays other than its argument.
    a : array, shape (..., n, n)
        The function is that of the Hermitian part ``(a + a.conj().mT) / 2``.

    Returns
    -------
    array, shape (..., n, n)
        Of the dtype of `a`; integers count as float64.

    Raises
    ------
    LinAlgError
        `a` holds no square matrices.
    InputTypeError, OutputTypeError
        `h` uses other traced arrays, or is not elementwise or not real.

    Notes
    -----
    A derivative of order k takes ``n**(k + 1)`` divided differences.

    Examples
    --------
    The derivative of the logarithm of a matrix at the identity:

    >>> import numpy as np, functrans as ft
    >>> ft.grad(lambda a: ft.numpy.linalg.eigh_function(np.log, a)[0, 1])(np.eye(2))
    array([[0. , 0.5],
           [0.5, 0. ]])
    """
    x = operand(a)
    squares(type_of(x))
    if dtype_of(x).kind not in "fc":
        x = p.astype(x, dtype=np.dtype(float))
    return p.eigh_function(x, h=Derivatives(h))
