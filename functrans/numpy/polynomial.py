"""``numpy.polynomial``, whose functions NumPy does not hand over: its own, on traced arrays.

NumPy writes these functions in Python by functions of its namespace. Here they are the same
functions with ``functrans.numpy`` as that namespace, so that they give what the installed NumPy
gives. The modules have NumPy's names: `chebyshev`, `hermite`, `hermite_e`, `laguerre`, `legendre`
and `polynomial`. The classes (``Chebyshev`` ...) are NumPy's, and hold plain arrays only.

>>> import numpy as np, functrans as ft
>>> ft.grad(lambda c: ft.numpy.polynomial.chebyshev.chebval(0.5, c))(np.ones(3))
array([ 1. ,  0.5, -0.5])
"""

from __future__ import annotations

import builtins
import sys
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from numpy.polynomial import (
    chebyshev as _chebyshev,
    hermite as _hermite,
    hermite_e as _hermite_e,
    laguerre as _laguerre,
    legendre as _legendre,
    polynomial as _polynomial,
    polyutils as _polyutils,
)

import functrans.numpy as fnp
from functrans.core.array import TracedArray
from functrans.numpy.creation import fresh
from functrans.numpy.mistakes import telling

if TYPE_CHECKING:
    from collections.abc import Callable


class _Namespace:
    """What stands for the name ``np`` in NumPy's functions."""

    @staticmethod
    def array(*args: Any, **options: Any) -> Any:
        """An array that they may write traced values into."""
        made = fnp.array(*args, **options)
        return made if isinstance(made, TracedArray) else fresh(made)

    def __getattr__(self, name: str) -> Any:
        """All else is the function that takes traced arrays."""
        return getattr(fnp, name)


def _rebound(function: Callable[..., Any], scope: dict[str, Any]) -> Callable[..., Any]:
    """The same function with other globals."""
    own: Any = getattr(function, "_implementation", function)  # some NumPy hands over
    copy = FunctionType(own.__code__, scope, own.__name__, own.__defaults__, own.__closure__)
    copy.__kwdefaults__ = own.__kwdefaults__
    copy.__doc__ = function.__doc__
    copy.__module__ = scope["__name__"]
    return copy


def _module(theirs: ModuleType, others: dict[str, Any], replaced: dict[Any, Any]) -> Any:
    """A module of NumPy's functions with the names `others` in place of its imports."""
    name = theirs.__name__.rpartition(".")[2]
    module = ModuleType(f"{__name__}.{name}", theirs.__doc__)
    scope = vars(module)
    scope["__builtins__"] = builtins
    scope["__package__"] = __name__  # they import from one another while they run
    for key, value in vars(theirs).items():
        made_there = getattr(value, "__module__", None) == theirs.__name__
        if key in others:
            scope[key] = others[key]
        elif made_there and (hasattr(value, "__code__") or hasattr(value, "_implementation")):
            scope[key] = telling(_rebound(value, scope), value)
        elif not key.startswith("__"):
            scope[key] = replaced.get(id(value), value)
    sys.modules[module.__name__] = module
    module.__all__ = theirs.__all__  # type: ignore[attr-defined]
    return module


_namespace = _Namespace()
_utilities = _module(_polyutils, {"np": _namespace}, {})
_names = {"np": _namespace, "pu": _utilities, "la": fnp.linalg}
_functions = {
    id(value): getattr(_utilities, key)
    for key, value in vars(_polyutils).items()
    if isinstance(value, FunctionType)
}

chebyshev = _module(_chebyshev, _names, _functions)
hermite = _module(_hermite, _names, _functions)
hermite_e = _module(_hermite_e, _names, _functions)
laguerre = _module(_laguerre, _names, _functions)
legendre = _module(_legendre, _names, _functions)
polynomial = _module(_polynomial, _names, _functions)
