"""``stop_gradient``: a value as a constant."""

from __future__ import annotations

from typing import TypeVar

from functrans.core import tree
from functrans.core.kinds import nondifferentiable
from functrans.core.types import is_array
from functrans.primitives.samples import unary

T = TypeVar("T")

_stop_gradient = nondifferentiable(
    "stop_gradient",
    lambda x: x,
    batch=lambda x: _stop_gradient(x),
    shape=lambda x: x,
    samples=unary(-2, 2),
)


def stop_gradient(x: T) -> T:
    """The same value, taken as a constant by derivatives.

    Parameters
    ----------
    x : pytree
        Leaves that are no arrays are passed on.

    Examples
    --------
    >>> import functrans as ft
    >>> ft.grad(lambda x: x * ft.stop_gradient(x))(3.0)
    np.float64(3.0)
    """
    return tree.map(lambda leaf: _stop_gradient(leaf) if is_array(leaf) else leaf, x)  # type: ignore[no-any-return]
