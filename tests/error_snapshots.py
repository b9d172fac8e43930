"""Wrong uses, each with the class of the error and the message that tells it.

The messages are regular expressions. tests/test_errors.py raises each of them.
"""

from __future__ import annotations

import fractions
import pickle
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

import functrans as ft
from functrans.core import errors

X = np.array([1.0, 2.0, 3.0])


def loss(params: Any) -> Any:
    return np.sum(params["w"] * params["b"])


def total(x: Any) -> Any:
    return np.sum(x)


def sine(x: Any) -> Any:
    return np.sin(x)


def yields(x: Any) -> Any:
    yield x


async def awaited(x: Any) -> Any:
    return x


def added(x: Any) -> Any:
    out = np.zeros(3)
    out[0] += x
    return np.sum(out)


MASKED = np.ma.masked_array(X, [False, True, False])
MATRIX = X.view(np.matrix)


def times_matrix(x: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PendingDeprecationWarning)  # of numpy.matrix itself
        return MATRIX * x


LOSS = r"grad\(loss \(.*error_snapshots.py:\d+\)\): "

SNAPSHOTS: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "output of grad is an array": (
        lambda: ft.grad(np.sin)(X),
        errors.OutputTypeError,
        r"grad\(sin\): the output must be a scalar, got float64\[3\]\. Reduce it \(for example "
        r"with numpy\.sum\), or use jacrev for the whole Jacobian\.",
    ),
    "output of grad has one element": (
        lambda: ft.grad(lambda x: x[:1])(X),
        errors.OutputTypeError,
        r"got float64\[1\]\. Take its one element \(numpy\.squeeze\)",
    ),
    "output of grad is a container": (
        lambda: ft.grad(lambda x: (x, x))(1.0),
        errors.OutputTypeError,
        "the output must be a scalar, got a tuple. Return one scalar, further results with "
        "has_aux=True",
    ),
    "output of grad is nothing": (
        lambda: ft.grad(lambda x: None)(1.0),
        errors.OutputTypeError,
        "the output must be a scalar, got None",
    ),
    "output of grad is an integer": (
        lambda: ft.grad(lambda x: np.argmax(x))(X),
        errors.OutputTypeError,
        "the output must be a floating-point number, got int64",
    ),
    "output of grad is complex": (
        lambda: ft.grad(lambda x: x * 1j)(1.0),
        errors.OutputTypeError,
        "the output must be real, got weak complex128.*holomorphic=True",
    ),
    "integer argument": (
        lambda: ft.grad(loss)({"w": np.arange(3), "b": 1.0}),
        errors.InputTypeError,
        LOSS + r"argument 'params' at \['w'\] is int64\[3\]; a derivative needs real or complex "
        r"floating-point values\. Convert it \(x\.astype\(float\)\)",
    ),
    "boolean argument": (lambda: ft.grad(total)(True), errors.InputTypeError, "argument 'x' is"),
    "text argument": (
        lambda: ft.grad(loss)({"w": X, "b": "one"}),
        errors.InputTypeError,
        r"argument 'params' at \['b'\] is a str",
    ),
    "ndarray subclass": (
        lambda: ft.grad(total)(np.ma.masked_array(X)),
        errors.InputTypeError,
        "MaskedArray.*pass a plain array",
    ),
    "no function": (
        lambda: ft.grad(3.0),
        errors.InputTypeError,
        r"grad takes a function, got float",
    ),  # type: ignore[call-overload]
    "argnums too large": (
        lambda: ft.grad(total, 1)(X),
        errors.InputTypeError,
        "argnums=1 selects a positional argument, but the call has 1",
    ),
    "argnames unknown": (
        lambda: ft.grad(total, argnames="z")(X),
        errors.InputTypeError,
        r"argnames='z' names no argument of this call; the call has \['x'\]\. Name one of",
    ),
    "selected twice": (
        lambda: ft.grad(total, (0, -1))(X),
        errors.InputTypeError,
        "an argument is selected twice",
    ),
    "no pair with has_aux": (
        lambda: ft.grad(total, has_aux=True)(X),
        errors.OutputTypeError,
        r"with has_aux=True the function must return a pair \(output, aux\), "
        r"got a traced float64\[\]",
    ),
    "argnums is a bool": (
        lambda: ft.grad(total, True)(X),
        errors.InputTypeError,
        "argnums must be one int or a sequence of them, got True",
    ),
    "a type that is no pytree": (
        lambda: ft.grad(total)(fractions.Fraction(1, 2)),
        errors.InputTypeError,
        r"argument 'x' is a Fraction; .* Register its type with functrans\.tree\.register if it "
        r"holds arrays, or leave it out with argnums\.",
    ),
    "text in a tree for vjp": (
        lambda: ft.vjp(lambda p: p["a"], {"a": X, "b": "text"}),
        errors.InputTypeError,
        r"argument 'p' at \['b'\] is a str; .* Bind it beforehand \(functools\.partial",
    ),
    "integers for a Jacobian": (
        lambda: ft.jacfwd(total)(np.array([1, 2])),
        errors.InputTypeError,
        r"Convert it \(x\.astype\(float\)\), or leave it out with argnums\.(?!.*allow_int)",
    ),
    "complex output of a Jacobian": (
        lambda: ft.jacrev(lambda z: z * 2)(1j * X),
        errors.OutputTypeError,
        r"complex128\[3\]; a Jacobian needs real floating-point values\. Take real and imaginary "
        r"parts, or pass holomorphic=True",
    ),
    "keyword without the mapped axis": (
        lambda: ft.vmap(lambda x, *, y: x * y)(X, y=2.0),
        errors.AxisError,
        r"argument 'y' is weak float64\[\], which has no axis 0 to map over\. "
        "Keyword arguments are mapped over axis 0: bind what all examples share",
    ),
    "graph called with another tree": (
        lambda: ft.make_graph(lambda p: p["a"])({"a": X})({"b": X}),
        errors.TreeError,
        r"the arguments have another structure: at \[0\]\[0\]: "
        "the staged function lacks the key 'b'",
    ),
    "holomorphic with real argument": (
        lambda: ft.grad(total, holomorphic=True)(X),
        errors.InputTypeError,
        r"the arguments must be complex, got float64\[3\]",
    ),
    "cotangent of another shape": (
        lambda: ft.vjp(np.sin, X)[1](np.ones(2)),
        errors.InputTypeError,
        r"the cotangent has type float64\[2\], its primal has type float64\[3\]",
    ),
    "cotangent of another dtype": (
        lambda: ft.vjp(np.sin, X)[1](np.ones(3, np.float32)),
        errors.InputTypeError,
        r"the cotangent has type float32\[3\]",
    ),
    "cotangent of another structure": (
        lambda: ft.vjp(lambda x: {"y": x}, X)[1](X),
        errors.TreeError,
        "the cotangent has another structure than the output",
    ),
    "tangent of another shape": (
        lambda: ft.jvp(sine, (X,), (np.ones(2),)),
        errors.InputTypeError,
        r"the tangent of argument 'x' has type float64\[2\], its primal has type float64\[3\]",
    ),
    "tangent of another structure": (
        lambda: ft.jvp(loss, ({"w": X, "b": 1.0},), ({"w": X},)),
        errors.TreeError,
        "the tangent of argument 'params' has another structure than its primal",
    ),
    "jvp without tuples": (
        lambda: ft.jvp(np.sin, X, X),
        errors.InputTypeError,
        r"primals must be a tuple or list.*write jvp\(f, \(x,\), \(t,\)\)",
    ),
    "primals and tangents of different number": (
        lambda: ft.jvp(np.add, (X, X), (X,)),
        errors.InputTypeError,
        "2 primals but 1 tangents",
    ),
    "mapped axes of different sizes": (
        lambda: ft.vmap(lambda a, b: a + b["w"])(X, {"w": np.ones((4, 2))}),
        errors.AxisError,
        r"mapped axes have different sizes: axis 0 of argument 'a' is 3 \(float64\[3\]\); "
        r"axis 0 of argument 'b'\['w'\] is 4 \(float64\[4,2\]\)",
    ),
    "mapped number": (
        lambda: ft.vmap(sine)(1.0),
        errors.AxisError,
        "argument 'x' is .*float64.*, which has no axis 0 to map over",
    ),
    "axis out of range": (
        lambda: ft.vmap(sine, in_axes=2)(X),
        errors.AxisError,
        r"argument 'x' is float64\[3\], which has no axis 2",
    ),
    "nothing mapped": (
        lambda: ft.vmap(np.sin, in_axes=None)(X),
        errors.AxisError,
        "no argument is mapped. Give one an axis in in_axes, or pass axis_size",
    ),
    "in_axes of wrong length": (
        lambda: ft.vmap(np.add, in_axes=(0,))(X, X),
        errors.AxisError,
        "in_axes has 1 entries, but the call has 2 positional arguments",
    ),
    "in_axes of another structure": (
        lambda: ft.vmap(loss, in_axes=({"w": 0},))({"w": X, "b": X}),
        errors.TreeError,
        "in_axes does not match",
    ),
    "out_axes None for a mapped output": (
        lambda: ft.vmap(np.sin, out_axes=None)(X),
        errors.AxisError,
        "the output differs between examples, but its out_axes is None",
    ),
    "out_axes out of range": (
        lambda: ft.vmap(np.sin, out_axes=3)(X),
        errors.AxisError,
        "out_axes=3 is out of range for the output, which has 1 axes",
    ),
    "vmap of a function that returns text": (
        lambda: ft.vmap(lambda x: "text")(X),
        errors.InputTypeError,
        "the output is a str; a mapped function must return arrays",
    ),
    "masked array": (
        lambda: ft.grad(lambda x: np.sum(MASKED * x))(X),
        errors.OperandError,
        r"a traced float64\[3\] of grad\(.* cannot be combined with a masked array, at "
        r".*error_snapshots.py:\d+ in <lambda>: the mask would be lost\. Write "
        r"numpy\.where\(mask, x, y\)",
    ),
    "matrix": (
        lambda: ft.grad(lambda x: np.sum(np.add(x, MATRIX)))(X),
        errors.OperandError,
        r"a numpy\.matrix cannot be combined with traced arrays, at "
        r".*error_snapshots.py.*numpy\.asarray",
    ),
    "left matrix": (
        lambda: ft.grad(lambda x: np.sum(times_matrix(x)))(X),
        errors.ConversionError,
        r"a traced float64\[3\] of grad\(.*\) cannot become a numpy\.matrix nor be combined with "
        r"one, at .*error_snapshots.py:\d+ in times_matrix: .*numpy\.asarray\(y\)",
    ),
    "text operand": (
        lambda: ft.grad(lambda x: x + "a")(1.0),
        errors.OperandError,
        r"grad\(.*\): unsupported operand type\(s\) for \+: a traced array and 'str', at "
        r".*error_snapshots.py:\d+ in <lambda>\. Convert the other operand",
    ),
    "no operand": (lambda: ft.grad(lambda x: x + None)(1.0), errors.OperandError, "'NoneType'"),
    "fraction": (
        lambda: ft.grad(lambda x: x * fractions.Fraction(1, 2))(1.0),
        errors.ConversionError,
        r"a traced float64\[\] of grad\(.*\) cannot become a Python float \(by "
        r"x \* fractions\.Fraction\(1, 2\)\), at .*error_snapshots.py",
    ),
    "text in an array": (
        lambda: ft.grad(lambda x: np.sum(np.add(x, ["a"])))(X),
        errors.OperandError,
        r"an operand of type list \(as an array: dtype <U1\) cannot be combined with traced "
        r"arrays, "
        r"at .*it must be numeric\. Convert it \(numpy\.asarray\(x, dtype=float\)\)",
    ),
    "added to text": (
        lambda: ft.grad(lambda x: "x = " + x)(1.0),
        errors.OperandError,
        r"Write a number into a text as f\"\{x\}\"",
    ),
    "a generator function": (
        lambda: ft.grad(yields)(1.0),
        errors.OutputTypeError,
        r"got a generator \(a function with yield does not run when it is called; return a list of "
        r"what it yields\)\. Return one scalar",
    ),
    "an async function": (
        lambda: ft.jacrev(awaited)(1.0),
        errors.OutputTypeError,
        r"the output is a coroutine \(an async function does not run when it is called; write a "
        r"plain "
        r"one\), which has no derivative",
    ),
    "a generator function mapped": (
        lambda: ft.vmap(yields)(X),
        errors.InputTypeError,
        "the output is a generator .*a mapped function must return arrays",
    ),
    "an async function staged": (
        lambda: ft.make_graph(awaited)(1.0),
        errors.OutputTypeError,
        "the function returned a coroutine .*a staged function returns arrays",
    ),
    "pickling": (
        lambda: ft.grad(lambda x: pickle.dumps(x) and x)(1.0),
        TypeError,
        "cannot be pickled: it lives only while grad",
    ),
    "staged argument is text": (
        lambda: ft.make_graph(lambda x, kind: x)(1.0, "text"),
        errors.InputTypeError,
        "argument 'kind' is a str, which is no array. Bind it beforehand",
    ),
    "staged output is text": (
        lambda: ft.make_graph(lambda x: "text")(1.0),
        errors.OutputTypeError,
        "the function returned a str; a staged function returns arrays",
    ),
    "graph of other structure": (
        lambda: ft.make_graph(lambda x: x)(1.0)({"a": 1.0}),
        errors.TreeError,
        "the arguments have another structure",
    ),
    "forward mode on complex": (
        lambda: ft.jacfwd(np.abs)(1j),
        errors.InputTypeError,
        "needs holomorphic=True in forward mode",
    ),
    "a primitive registered twice": (
        lambda: ft.extend.elementwise("sin", np.sin, samples=list),
        errors.RegistrationError,
        "a primitive named 'sin' is registered already",
    ),
    "no primitive": (
        lambda: ft.extend.primitive_of(len),
        errors.RegistrationError,
        "is no primitive; for a function of your own use functrans.custom",
    ),
}
