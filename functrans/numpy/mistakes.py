"""The errors of calls that NumPy refuses too: NumPy's own.

A call that has failed is made once more, of plain arrays with the shapes and dtypes of the traced
ones. What NumPy raises then is what the user is told, so that ``except AxisError`` does the same
inside and outside of a transform. Calls that succeed cost nothing.
"""

from __future__ import annotations

import warnings
from functools import wraps
from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.core.array import TracedArray
from functrans.core.errors import FunctransError, OperandError
from functrans.core.types import PYTHON_TYPES, is_weak

if TYPE_CHECKING:
    from collections.abc import Callable


class _NotAskable(Exception):
    """A call that is not to be made a second time."""


def numpys_error(function: Any, args: Any, kwargs: Any, error: Exception) -> Exception:
    """What NumPy raises for a call; `error`, which ours has raised, where NumPy makes the call."""
    if isinstance(error, FunctransError) and not isinstance(error, OperandError):
        return error  # what only traced arrays do
    try:
        args, kwargs = _plain(tuple(args)), _plain(kwargs)
        _refuse_crash(function, kwargs.get("out"), *args)
    except _NotAskable:
        return error
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            function(*args, **kwargs)
    except np.linalg.LinAlgError:  # of values
        return error
    except Exception as own:
        # Of the same class, ours say more where they name the function.
        told = isinstance(error, FunctransError) or function.__name__ in str(error)
        return error if told and isinstance(error, _public(type(own))) else own
    return error


def telling(own: Callable[..., Any], function: Any) -> Callable[..., Any]:
    """`own`, which raises what NumPy's (or SciPy's) `function` raises where that refuses the call
    too."""

    @wraps(own)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return own(*args, **kwargs)
        except Exception as error:
            wrong = numpys_error(function, args, kwargs, error)
            if wrong is error:
                raise
            raise wrong from None

    return call


def _public(kind: type[Exception]) -> type[Exception]:
    """The class by which users know an error: NumPy derives some of its own from Python's."""
    known = (c for c in kind.__mro__ if not c.__module__.startswith("numpy._"))
    return next(known)


def _plain(x: Any) -> Any:
    """The arguments without traced arrays, which a second call may write into."""
    if isinstance(x, list | tuple):
        parts = [_plain(part) for part in x]
        return parts if isinstance(x, list) else tuple(parts)
    if isinstance(x, dict):
        return {k: _plain(v) for k, v in x.items()}
    if isinstance(x, TracedArray):
        return _stand_in(x)
    if type(x) is np.ndarray:
        return x.copy()
    if hasattr(x, "__next__") or callable(x) and not isinstance(x, type):
        raise _NotAskable  # what it gives or does, it may do once
    return x


def _stand_in(x: TracedArray) -> Any:
    if is_weak(x):
        return PYTHON_TYPES[x.dtype.kind](1)
    make = np.ones if x.dtype.kind in "fc" else np.zeros  # whole numbers may be positions
    return make(x.shape, x.dtype)


def _refuse_crash(function: Any, *arrays: Any) -> None:
    """NumPy crashes where what it accumulates goes into an array without axes."""
    if "cum" in function.__name__ and any(type(x) is np.ndarray and not x.ndim for x in arrays):
        raise _NotAskable
