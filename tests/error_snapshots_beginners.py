"""What programs written for plain NumPy do at first under a transform, and the errors that tell.

In the form of tests/error_snapshots.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import functrans as ft
from functrans.core import errors
from tests.error_snapshots import X, sine, total

Row = tuple[Callable[[], Any], type[Exception], str]


@np.vectorize
def ramp(x: Any) -> Any:
    return x if x > 0 else 0.0


f = ramp  # also the name of a distribution of random generators


def vectorized(x: Any) -> Any:
    return np.sum(ramp(x))


def erased(x: Any) -> Any:
    y = np.arange(3.0)
    y[x > 1] = 0.0
    return np.sum(y * x)


def doubled(x: Any) -> Any:
    x[x > 1] = 2 * x
    return np.sum(x)


def counted(n: Any) -> Any:
    return np.arange(n)


def nothing(x: Any) -> None:
    return None


class Frame:
    """An object that holds an array, as those of pandas do."""

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return X


def numbers() -> Any:
    return (float(i) for i in range(3))


OBJECTS = np.array([1.0, 2.0], dtype=object)

SNAPSHOTS: dict[str, Row] = {
    "a function that numpy.vectorize made, with the name of a distribution": (
        lambda: ft.grad(lambda x: f(x))(X),
        errors.ConversionError,
        r"\(by f\(x\)\), at .*map over it with functrans\.vmap in place of numpy\.vectorize",
    ),
    "a function that numpy.vectorize made": (
        lambda: ft.grad(vectorized)(X),
        errors.ConversionError,
        r"a traced float64\[3\] of grad\(vectorized .* \(by ramp\(x\)\), at .* map over it with "
        r"functrans\.vmap in place of numpy\.vectorize.*The value is argument 'x'",
    ),
    "a plain array written to at a traced mask": (
        lambda: ft.jit(erased)(X),
        errors.PlainArrayError,
        r"a traced bool\[3\] of jit\(erased .*cannot be an index into a plain ndarray that is "
        r"written to, nor be stored into one, at .* For a mask write "
        r"y = numpy\.where\(mask, value, y\)\..*which depends on argument 'x'",
    ),
    "a whole array stored at a traced mask": (
        lambda: ft.jit(doubled)(X),
        errors.ConversionError,
        r"a mask, a traced bool\[3\] of jit\(doubled .*Write x = numpy\.where\(mask, y, x\), or "
        r"x\[mask\] = y\[mask\]",
    ),
    "a traced length": (
        lambda: ft.jit(counted)(3),
        errors.ConversionError,
        r"a traced int64\[\] of jit\(counted .*\) cannot be a length or a bound \(of "
        r"np\.arange\(n\)\), at .*static_argnums of jit.*The value is argument 'n'",
    ),
    "nothing to differentiate by": (
        lambda: ft.grad(nothing)(None),
        errors.InputTypeError,
        r"grad\(nothing .*\): argument 'x' holds no arrays, and the output is None",
    ),
    "a Jacobian of nothing": (
        lambda: ft.jacrev(nothing)(X),
        errors.OutputTypeError,
        r"jacrev\(nothing .*\): the output holds no arrays, got None\. Return what",
    ),
    "None as an operand": (
        lambda: ft.grad(lambda x: x + None)(1.0),
        errors.OperandError,
        r"for \+: a traced array and 'NoneType', at .* a function without return gives it",
    ),
    "a generator as an argument": (
        lambda: ft.grad(total)(numbers()),
        errors.InputTypeError,
        r"argument 'x' is a generator; .* Make an array of it \(numpy\.array\(list\(x\)\)\)",
    ),
    "a generator to map over": (
        lambda: ft.vmap(sine)(numbers()),
        errors.AxisError,
        r"argument 'x' is a generator, which has no axis 0 to map over\. Make an array of it",
    ),
    "an object that holds an array": (
        lambda: ft.grad(total)(Frame()),
        errors.InputTypeError,
        r"argument 'x' is a Frame; .* Take its array \(numpy\.asarray\(x\)\), or leave it out",
    ),
    "an object in a program": (
        lambda: ft.jit(total)([Frame()]),
        errors.InputTypeError,
        r"argument 'x'\[0\] is a Frame, which a program cannot take\. Take its array",
    ),
    "an array of objects": (
        lambda: ft.grad(total)({"w": OBJECTS}),
        errors.InputTypeError,
        r"argument 'x' at \['w'\] is object\[2\]; .* Convert it \(x\.astype\(float\)\)",
    ),
    "argnums that are names": (
        lambda: ft.grad(total, ["x"])(X),  # type: ignore[call-overload]
        errors.InputTypeError,
        r"argnums must be one int or a sequence of them, got \['x'\]\. Positional arguments are "
        "counted from 0",
    ),
    "a name in argnums": (
        lambda: ft.grad(total, "x")(X),  # type: ignore[call-overload]
        errors.InputTypeError,
        "got 'x'. Select an argument by its name with argnames='x'",
    ),
    "in_axes of one dict": (
        lambda: ft.vmap(lambda p: p["a"], in_axes={"a": 0})({"a": X}),  # type: ignore[arg-type]
        errors.AxisError,
        r"got \{'a': 0\}\. For axes within one argument write in_axes=\(\{'a': 0, 'b': None\},\)",
    ),
    "a static argument that is not there": (
        lambda: ft.jit(sine, static_argnums=3)(X),
        errors.InputTypeError,
        r"static_argnums=\[3\] number no positional argument; the function has \['x'\]",
    ),
    "a cotangent in a tuple": (
        lambda: ft.vjp(sine, X)[1]((X,)),
        errors.TreeError,
        "tuple of 1 in the cotangent, leaf in the output. Give it the structure of the output",
    ),
}
