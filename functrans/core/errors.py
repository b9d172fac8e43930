"""The errors that users meet: each names what was wrong, where, and what to write instead."""

from __future__ import annotations

import os
import sys

_OURS = (
    os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep,
    os.path.join(
        os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "primitives"
    )
    + os.sep,
)


class FunctransError(Exception):
    """Base of all errors that functrans raises on purpose."""


class TreeError(FunctransError, ValueError):
    """Two pytrees that had to match do not."""


class LeakedArrayError(FunctransError, RuntimeError):
    """A traced array was used after its transform had ended, or in another thread.

    Return the value from the transformed function instead of storing it:

    >>> import numpy as np, functrans as ft
    >>> def loss(x):
    ...     y = np.sin(x)
    ...     return y * y, y          # not: self.y = y
    >>> gradient, y = ft.grad(loss, has_aux=True)(1.0)
    """


class ConversionError(FunctransError, TypeError):
    """A traced array was asked for a plain number or a plain ndarray.

    Stay in NumPy operations, or say that no derivative is wanted:

    >>> import numpy as np, functrans as ft
    >>> def f(x):
    ...     scale = float(ft.stop_gradient(x))
    ...     return scale * np.sin(x)
    >>> float(ft.grad(f)(0.0))
    0.0
    """


class InPlaceError(FunctransError, TypeError):
    """A traced array was to be changed in place.

    Make a new array instead:

    >>> import numpy as np, functrans as ft
    >>> def f(x):
    ...     x = ft.numpy.index_update(x, 0, 1.0)     # not: x[0] = 1.0
    ...     x = x * 2.0                              # not: x *= 2.0
    ...     return np.sum(x)
    >>> ft.grad(f)(np.ones(3))
    array([0., 2., 2.])
    """


class MissingRuleError(FunctransError, NotImplementedError):
    """An operation has no rule for what was asked of it."""


class InputTypeError(FunctransError, TypeError):
    """An argument of a transform has a type that the transform cannot take."""


class OutputTypeError(FunctransError, TypeError):
    """The transformed function returned something that the transform cannot take."""


class AxisError(FunctransError, ValueError):
    """Mapped axes are missing, out of range or of different sizes."""


class RegistrationError(FunctransError, ValueError):
    """A primitive, rule or pytree type was declared twice or wrongly."""


def user_line() -> str:
    """``file:line in function`` of the innermost frame outside functrans and NumPy."""
    frame = sys._getframe(1)
    while frame is not None:
        name = frame.f_code.co_filename
        if not name.startswith(_OURS) and f"{os.sep}numpy{os.sep}" not in name:
            return f"{name}:{frame.f_lineno} in {frame.f_code.co_name}"
        if frame.f_back is None:
            break
        frame = frame.f_back
    return "an unknown line"


def describe_function(function: object) -> str:
    """``name (file:line)`` of a user's function."""
    inner = function
    while hasattr(inner, "__wrapped__"):
        inner = inner.__wrapped__
    name = getattr(function, "__name__", None) or type(function).__name__
    code = getattr(inner, "__code__", None)
    return f"{name} ({code.co_filename}:{code.co_firstlineno})" if code else name
