"""The errors that users meet: each names what was wrong, where, and what to write instead."""

from __future__ import annotations

import os
import re
import sys
import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType
from typing import Any, NoReturn

from functrans.core.declining import DeclinedError, declined

_OURS = (
    os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep,
    os.path.join(
        os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "primitives"
    )
    + os.sep,
)
_STANDARD_LIBRARY = os.path.dirname(os.path.abspath(os.__file__)) + os.sep
SCIPY = f"-packages{os.sep}scipy{os.sep}"
"""A part of the names of SciPy's files."""
_PACKAGES = (os.path.join(_STANDARD_LIBRARY, "site-packages"), f"{os.sep}dist-packages{os.sep}")
_A_LINE = re.compile(r":\d+ in \S")


class FunctransError(Exception):
    """Base of all errors that functrans raises on purpose.

    A message names the user's line; where it does not, the line is added at its end.

    Examples
    --------
    >>> import numpy as np, functrans as ft
    >>> try:
    ...     ft.grad(np.sin)(np.ones(3))
    ... except FunctransError as error:
    ...     print(type(error).__name__)
    OutputTypeError
    """

    def __init__(self, message: str) -> None:
        frame = None if _A_LINE.search(message) else user_frame()
        super().__init__(message if frame is None else f"{message} (at {described(frame)})")


class TreeError(FunctransError, ValueError):
    """Two pytrees that had to match do not.

    Give both the same containers and keys; None stands for a zero tangent:

    Examples
    --------
    >>> import functrans as ft
    >>> def loss(params):
    ...     return params["w"] * params["b"]
    >>> ft.jvp(loss, ({"w": 2.0, "b": 3.0},), ({"w": 1.0, "b": None},))     # not: ({"w": 1.0},)
    (6.0, np.float64(3.0))
    """


class LeakedArrayError(FunctransError, RuntimeError):
    """A traced array was used after its transform had ended, or in another thread.

    Return the value from the transformed function instead of storing it:

    Examples
    --------
    >>> import numpy as np, functrans as ft
    >>> def loss(x):
    ...     y = np.sin(x)
    ...     return y * y, y          # not: self.y = y
    >>> gradient, y = ft.grad(loss, has_aux=True)(1.0)
    >>> bool(y == np.sin(1.0))
    True
    """


class ConversionError(FunctransError, TypeError):
    """A traced array was asked for a plain number or a plain ndarray.

    Stay in NumPy operations, or say that no derivative is wanted:

    Examples
    --------
    >>> import numpy as np, functrans as ft
    >>> def f(x):
    ...     scale = float(ft.stop_gradient(x))       # not: float(x)
    ...     return scale * np.sin(x)
    >>> float(ft.grad(f)(0.0))
    0.0
    """


class OperandError(FunctransError, TypeError):
    """A traced array was combined with something that is no plain array and no number.

    Convert the other operand, or say with NumPy what it stands for:

    Examples
    --------
    >>> import numpy as np, functrans as ft
    >>> data = np.ma.masked_array([1.0, 2.0, 3.0], mask=[False, True, False])
    >>> def f(x):
    ...     return np.sum(np.where(data.mask, 0.0, x * data.data))       # not: x * data
    >>> ft.grad(f)(np.ones(3))
    array([1., 0., 3.])
    """


class OptionError(FunctransError, TypeError):
    """A function of NumPy was given an option that traced arrays do not support.

    The message says what does the same:

    Examples
    --------
    >>> import numpy as np, functrans as ft
    >>> def f(x):
    ...     return np.sum(np.sort(x)[:2])            # not: np.sort(x, order="a")
    >>> ft.grad(f)(np.array([3.0, 1.0, 2.0]))
    array([0., 1., 1.])
    """


class InPlaceError(FunctransError, TypeError):
    """An array was to be changed in a way that traced arrays cannot follow.

    Elements can be written to; shape, dtype and memory are fixed:

    Examples
    --------
    >>> import numpy as np, functrans as ft
    >>> def f(x):
    ...     x = x.reshape(3, 1)                      # not: x.shape = (3, 1)
    ...     x[0] = 1.0
    ...     return np.sum(x)
    >>> ft.grad(f)(np.ones(3))
    array([0., 1., 1.])
    """


class PlainArrayError(InPlaceError, ConversionError, ValueError):
    """A traced value was to be written into a plain ndarray, which cannot hold it.

    Make the array like a traced one, or by ``functrans.numpy``:

    Examples
    --------
    >>> import numpy as np, functrans as ft
    >>> def f(x):
    ...     y = np.zeros_like(x)                     # not: np.zeros(3)
    ...     y[1:] = x[:2]
    ...     y += x**2
    ...     return np.sum(y)
    >>> ft.grad(f)(np.ones(3))
    array([3., 3., 2.])
    """


class MissingRuleError(FunctransError, NotImplementedError):
    """An operation has no rule for what was asked of it.

    Write it with operations that have one, or give it one:

    Examples
    --------
    >>> import math, numpy as np, functrans as ft
    >>> @ft.custom
    ... def erf(x):                                  # np.frompyfunc makes ufuncs without rules
    ...     return np.asarray(np.frompyfunc(math.erf, 1, 1)(x), float)
    >>> @erf.defjvp
    ... def erf_jvp(primals, tangents):
    ...     (x,), (t,) = primals, tangents
    ...     return erf(x), t * 2.0 / np.sqrt(np.pi) * np.exp(-(x**2))
    >>> round(float(ft.grad(erf)(1.0)), 12)
    0.415107497421
    """


class InputTypeError(FunctransError, TypeError):
    """An argument of a transform has a type that the transform cannot take.

    Derivatives are taken at floating-point numbers:

    Examples
    --------
    >>> import numpy as np, functrans as ft
    >>> ft.grad(np.sum)(np.arange(3).astype(float))                 # not: np.arange(3)
    array([1., 1., 1.])
    """


class OutputTypeError(FunctransError, TypeError):
    """The transformed function returned something that the transform cannot take.

    A gradient is that of one real number; what has more outputs has a Jacobian:

    Examples
    --------
    >>> import numpy as np, functrans as ft
    >>> ft.grad(lambda x: np.sum(np.sin(x)))(np.zeros(2))           # not: ft.grad(np.sin)
    array([1., 1.])
    >>> ft.jacrev(np.sin)(np.zeros(2))
    array([[1., 0.],
           [0., 1.]])
    """


class AxisError(FunctransError, ValueError):
    """Mapped axes are missing, out of range or of different sizes.

    Map over what all examples have one of, and keep the rest unmapped:

    Examples
    --------
    >>> import numpy as np, functrans as ft
    >>> w, xs = np.ones(3), np.ones((5, 3))
    >>> ft.vmap(np.dot, in_axes=(None, 0))(w, xs)                   # not: in_axes=0
    array([3., 3., 3., 3., 3.])
    """


class GraphError(FunctransError, ValueError):
    """A graph that was put together by hand, or by a pass, is not well-formed.

    Graphs that are staged are; what is done to them can be checked:

    Examples
    --------
    >>> import numpy as np, functrans as ft
    >>> from functrans.graph.passes import check
    >>> graph = ft.make_graph(lambda x: np.sin(x) + 1.0)(1.0)
    >>> graph.equations.reverse()
    >>> try:
    ...     check(graph)
    ... except ft.errors.GraphError as error:
    ...     print(str(error).partition(":")[2].partition(": ")[2].partition(" (at")[0])
    operand 0, of type float64[], is not defined before
    """


class RandomnessError(FunctransError, RuntimeError):
    """Random numbers would not be what they look like: one set of them where two are meant, or the
    same ones in every run.

    Split a key for each use, and pass generators as arguments:

    Examples
    --------
    >>> import numpy as np, functrans as ft
    >>> def noisy(x, rng):                       # not: a generator from outside of the function
    ...     return x + rng.normal(size=2)
    >>> graph = ft.make_graph(noisy)(np.zeros(2), np.random.default_rng(0))
    >>> rng = np.random.default_rng(1)
    >>> bool((graph(np.zeros(2), rng) == graph(np.zeros(2), rng)).any())
    False
    """


class RegistrationError(FunctransError, ValueError):
    """A primitive, rule or pytree type was declared twice or wrongly.

    Names are given once; a rule of an existing primitive is replaced on purpose:

    Examples
    --------
    >>> import numpy as np, functrans as ft
    >>> cube = ft.extend.elementwise(
    ...     "cube", lambda x: x**3, lambda x: x * x, samples=None, shape=lambda x: x
    ... )
    >>> ft.extend.override(cube, pull={0: lambda g, x: 3 * g * x * x})
    >>> ft.grad(cube)(2.0)
    np.float64(12.0)
    """


class SideEffectError(FunctransError, RuntimeError):
    """A function changed something outside of itself while it was staged, which the program that is
    made of it would not do again.

    Return what is to be kept:

    Examples
    --------
    >>> import numpy as np, functrans as ft
    >>> @ft.jit
    ... def step(state, x):
    ...     return {"count": state["count"] + 1, "sum": state["sum"] + x}    # not: count += 1
    >>> step({"count": 0, "sum": 0.0}, 2.0)
    {'count': 1, 'sum': 2.0}
    """


class GraphBreakError(FunctransError, RuntimeError):
    """A function of tensors that ``torch.compile`` is to stage as a whole does what no program can.

    Without ``fullgraph=True`` it is a warning, and the function runs as it is. Take out of the
    compiled function what asks for values:

    Examples
    --------
    >>> import functrans.torch as torch
    >>> @torch.compile(fullgraph=True)                  # not: return x / float(x.norm())
    ... def unit(x):
    ...     return x / x.norm()
    >>> unit(torch.tensor([3.0, 4.0]))
    tensor([0.6000, 0.8000])
    """


class GraphFileError(FunctransError, ValueError):
    """A graph cannot be written to a file or exported, or a file holds none that can be read.

    Stage what consists of primitives, without functions of your own:

    Examples
    --------
    >>> import os, tempfile, numpy as np, functrans as ft
    >>> @ft.custom
    ... def double(x):
    ...     return x + x
    >>> graph = ft.make_graph(ft.grad(double.fun))(1.0)             # not: make_graph(double)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     graph.save(os.path.join(folder, "double.graph"))
    """


class FormatError(FunctransError, ValueError):
    """A text with fields does not fit the values that it is to be filled with.

    Give a field for each value, and a value for each field:

    Examples
    --------
    >>> import functrans as ft
    >>> ft.debug.print("x is {x}", x=1.0)                           # not: print("x is {y}", x=1.0)
    x is 1.0
    """


class NonFiniteError(FunctransError, FloatingPointError):
    """An operation made a NaN, or an infinity, within ``functrans.debug.nans()``.

    ``error.origin`` says which, from what, and where. Keep the operands where the operation is
    defined:

    Examples
    --------
    >>> import numpy as np, functrans as ft
    >>> with ft.debug.nans():
    ...     y = ft.vmap(lambda x: np.log(np.maximum(x, 1.0)))(np.array([2.0, -1.0]))
    >>> y.tolist()                                                  # not: np.log(x)
    [0.6931471805599453, 0.0]
    """

    def __init__(self, message: str, origin: Any = None) -> None:
        super().__init__(message)
        self.origin = origin


class DegenerateWarning(UserWarning):
    """A derivative at equal eigenvalues or singular values, which these do not determine.

    The function depends on the order of equal values or on the choice of their vectors, or it may
    do so for all that is known. The way for functions of a Hermitian matrix that is exact to every
    order:

    >>> import numpy as np, functrans as ft
    >>> def f(a):
    ...     return np.sum(ft.numpy.linalg.eigh_function(np.exp, a))
    >>> ft.grad(f)(np.zeros((2, 2)))
    array([[1., 1.],
           [1., 1.]])
    """


def is_own_code(filename: str) -> bool:
    """Whether a file is of functrans."""
    return filename.startswith(_OURS)


def is_user_code(filename: str) -> bool:
    """Whether a file is not of functrans, NumPy, SciPy or Python's standard library."""
    if is_own_code(filename) or f"{os.sep}numpy{os.sep}" in filename or SCIPY in filename:
        return False
    library = filename.startswith(_STANDARD_LIBRARY) or filename.startswith("<frozen")
    return not library or any(folder in filename for folder in _PACKAGES)


def user_frame() -> FrameType | None:
    """The innermost frame of the user's code."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if is_user_code(frame.f_code.co_filename):
            return frame
        frame = frame.f_back
    return None


def described(frame: FrameType | None, line: int | None = None) -> str:
    """``file:line in function`` of a frame."""
    if frame is None:
        return "an unknown line"
    return f"{frame.f_code.co_filename}:{line or frame.f_lineno} in {frame.f_code.co_name}"


def user_line() -> str:
    """``file:line in function`` of the innermost frame of the user's code."""
    return described(user_frame())


def warn_user(message: str, category: type[Warning]) -> None:
    """Warn of something at the user's line, which the message then names.

    Raises
    ------
    DeclinedError
        Whoever runs this can do otherwise than to hear of it.
    """
    if declined.category is not None and issubclass(category, declined.category):
        raise DeclinedError
    frame = user_frame()
    message = f"{message} (at {described(frame)})"
    if frame is None:
        warnings.warn(message, category, stacklevel=2)
        return
    name = frame.f_globals.get("__name__", "__main__")
    registry = frame.f_globals.setdefault("__warningregistry__", {})
    warnings.warn_explicit(
        message, category, frame.f_code.co_filename, frame.f_lineno, name, registry
    )


def describe_function(function: object) -> str:
    """``name (file:line)`` of a user's function, ``name`` of a library's."""
    inner: Any = function
    while hasattr(inner, "__wrapped__"):
        inner = inner.__wrapped__
    name = getattr(function, "__name__", None) or type(function).__name__
    code = getattr(inner, "__code__", None)
    if code is None or not is_user_code(code.co_filename):
        return name
    return f"{name} ({code.co_filename}:{code.co_firstlineno})"


def describe_output(x: object) -> str:
    """``a str``: what a function returned that is no array, and why, if it has not run at all."""
    name = type(x).__name__
    if name == "generator":
        return (
            "a generator (a function with yield does not run when it is called; return a list of "
            "what it yields)"
        )
    if name == "coroutine":
        x.close()  # type: ignore[attr-defined]  # or Python warns that nobody awaited it
        return "a coroutine (an async function does not run when it is called; write a plain one)"
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"


def missing_rule(name: str) -> MissingRuleError:
    """The error for what has no rule."""
    return MissingRuleError(
        f"{name} has no rule for traced arrays (called at {user_line()}). Write it with functions "
        "that have one, declare its derivative with functrans.custom, or apply "
        "functrans.stop_gradient to its arguments if no derivative is wanted."
    )


def refuse_objects(name: str) -> NoReturn:
    """Raise the error for an operation whose result is an array of Python's objects."""
    raise OperandError(
        f"{name} of a traced array and an array of dtype object, at {user_line()}: what Python "
        "does with objects has no derivative. Convert them to numbers (numpy.asarray(x, "
        "dtype=float))."
    )


REASONS: dict[tuple[str, int], str] = {}
"""Why an operand (by name of the primitive, and place) has no rule, where that is known."""


def missing_derivative(name: str, operand: int) -> MissingRuleError:
    """The error for an operand of a primitive that no rule covers."""
    reason = REASONS.get((name, operand))
    return MissingRuleError(
        f"{name}: no derivative with respect to operand {operand} (used at {user_line()})"
        f"{': ' + reason if reason else ''}. Give it one with "
        f"functrans.extend.override({name}, ...), or apply functrans.stop_gradient to "
        "that operand if no derivative is wanted."
    )
