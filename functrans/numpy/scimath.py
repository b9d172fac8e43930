"""``numpy.emath``: functions that become complex where they are undefined for real numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from functrans import primitives as p
from functrans.core.types import Array, dtype_of
from functrans.numpy import indexing
from functrans.numpy.operands import operand
from functrans.numpy.registry import implements

if TYPE_CHECKING:
    from collections.abc import Callable


def _widened(x: Array, outside: Callable[[Any], Any], name: str) -> Array:
    """A real array as a complex one, if some elements lie outside the domain of the function."""
    if dtype_of(x).kind == "c":
        return x
    if not np.any(outside(indexing.plain(x, f"numpy.emath.{name} (of real numbers)"))):
        return x
    return _complex(x)


def _complex(x: Array) -> Array:
    """The array in the complex dtype of its precision, as NumPy chooses it."""
    single = dtype_of(x).char in "bB?hHef"
    return p.astype(x, dtype=np.dtype(np.complex64 if single else np.complex128))


def _negative(x: Any) -> Any:
    return np.less(x, 0)


def _beyond_one(x: Any) -> Any:
    return np.greater(np.abs(x), 1)


def _real_on_domain(
    theirs: Any, function: Callable[[Array], Array], outside: Callable[[Any], Any]
) -> None:
    """Enter the function of one argument that widens its argument where needed."""

    @implements(theirs)
    def widening(x: Any) -> Array:
        return function(_widened(operand(x), outside, theirs.__name__))


for _name, _function, _outside in (
    ("sqrt", p.sqrt, _negative),
    ("log", p.log, _negative),
    ("log2", p.log2, _negative),
    ("log10", p.log10, _negative),
    ("arccos", p.arccos, _beyond_one),
    ("arcsin", p.arcsin, _beyond_one),
    ("arctanh", p.arctanh, _beyond_one),
):
    _real_on_domain(getattr(np.emath, _name), _function, _outside)


@implements(np.emath.logn)
def logn(n: Any, x: Any) -> Array:
    """The logarithm to base `n`."""
    base, x = (_widened(operand(z), _negative, "logn") for z in (n, x))
    return p.divide(p.log(x), p.log(base))


@implements(np.emath.power)
def power(x: Any, p: Any) -> Array:
    """`x` to the power `p`."""
    return _power(operand(x), operand(p))


def _power(x: Array, y: Array) -> Array:
    if dtype_of(y).kind in "iu":
        known = indexing.plain(y, "numpy.emath.power (its exponent)")
        y = p.astype(y, dtype=np.dtype(float)) if np.any(_negative(known)) else y
    return p.power(_widened(x, _negative, "power"), y)
