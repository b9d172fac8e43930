"""Where functions and methods for traced arrays are entered into the tables of the traced array."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from functrans.core.array import FUNCTIONS, METHODS, TracedArray

if TYPE_CHECKING:
    from collections.abc import Callable

    F = TypeVar("F", bound="Callable[..., Any]")


def implements(*functions: Any) -> Callable[[F], F]:
    """Enter the decorated function as what carries out NumPy's `functions` on traced arrays.

    It is called with the caller's own arguments, so it has NumPy's signature. A None among `functions`
    stands for a function that the installed NumPy is too old to have.

    >>> import numpy as np
    >>> @implements(np.sinc)                                        # doctest: +SKIP
    ... def sinc(x): ...
    """

    def enter(implementation: F) -> F:
        for function in functions:
            assert function not in FUNCTIONS, function
            if function is not None:
                FUNCTIONS[function] = implementation
        return implementation

    return enter


def method(*names: str) -> Callable[[F], F]:
    """Enter the decorated function, whose first argument is the array, as a method of traced arrays."""

    def enter(implementation: F) -> F:
        for name in names:
            assert name not in METHODS, name
            METHODS[name] = implementation
            setattr(TracedArray, name, implementation)
        return implementation

    return enter
