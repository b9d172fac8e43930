"""Where functions and methods for traced arrays are entered into the tables of the traced array."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from functrans.core.array import FUNCTIONS, TracedArray
from functrans.core.errors import RegistrationError
from functrans.core.interpreter import stack
from functrans.numpy.mistakes import telling
from functrans.numpy.operands import contains_traced
from functrans.numpy.outputs import taking_out
from functrans.numpy.views import showing

if TYPE_CHECKING:
    from collections.abc import Callable

    F = TypeVar("F", bound="Callable[..., Any]")


def implements(*functions: Any, views: bool = False) -> Callable[[F], F]:
    """Enter the decorated function as what carries out NumPy's `functions` on traced arrays.

    It is called with the caller's own arguments, so it has NumPy's signature; an argument ``out``
    is taken care of. `views` says that NumPy returns views: a write to one is seen by the other. A
    None among `functions` stands for a function that the installed NumPy is too old to have.

    Raises
    ------
    RegistrationError
        One of `functions` has an implementation already.

    Examples
    --------
    >>> import numpy as np, functrans as ft
    >>> @implements(np.shares_memory)
    ... def shares_memory(a, b, /, max_work=-1):
    ...     return a is b
    >>> ft.grad(lambda x: x if np.shares_memory(x, x) else 0.0)(2.0)
    np.float64(1.0)
    """

    def enter(implementation: F) -> F:
        for function in functions:
            if function in FUNCTIONS:
                raise RegistrationError(
                    f"{function.__module__}.{function.__name__} has an implementation for traced "
                    "arrays already; replace a rule of the primitives in it with "
                    "functrans.extend.override"
                )
            if function is not None:
                own = taking_out(implementation, f"{function.__module__}.{function.__name__}")
                FUNCTIONS[function] = showing(function)(own) if views else own
        return implementation

    return enter


def complete(function: Any) -> Callable[..., Any]:
    """NumPy's `function`, handed over to traced arrays in whichever argument they come."""
    own = telling(lambda *args, **kwargs: FUNCTIONS[function](*args, **kwargs), function)

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if stack.top is None:
            return function(*args, **kwargs)
        if contains_traced(args) or contains_traced(tuple(kwargs.values())):
            return own(*args, **kwargs)
        return function(*args, **kwargs)

    return call


def method(*names: str, views: bool = False) -> Callable[[F], F]:
    """Enter the decorated function, whose first argument is the array, as a method.

    `views` says that the method of ndarray returns a view.
    """

    def enter(implementation: F) -> F:
        for name in names:
            assert name not in vars(TracedArray), name
            numpys: Any = getattr(np.ndarray, name, None)
            own = taking_out(implementation, f"ndarray.{name}", numpys)
            if views:
                own = showing(numpys)(own)
            setattr(TracedArray, name, own)
        return implementation

    return enter
