"""Wrong use: each error names the argument, its path and type, and the remedy."""

from __future__ import annotations

import copy
import math
import pickle
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functrans as ft
from functrans.core import errors
from functrans.core.interpreter import stack

X = np.array([1.0, 2.0, 3.0])


def loss(params: Any) -> Any:
    return np.sum(params["w"] * params["b"])


def branch(x: Any) -> Any:
    return x if x > 0 else -x


def total(x: Any) -> Any:
    return np.sum(x)


def sine(x: Any) -> Any:
    return np.sin(x)


LOSS = r"grad\(loss \(.*test_errors.py:\d+\)\): "

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
        "the output must be real, got complex128.*holomorphic=True",
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
        r"argnames='z' names no argument of this call; the call has \['x'\]",
    ),
    "selected twice": (
        lambda: ft.grad(total, (0, -1))(X),
        errors.InputTypeError,
        "an argument is selected twice",
    ),
    "no pair with has_aux": (
        lambda: ft.grad(total, has_aux=True)(X),
        errors.OutputTypeError,
        r"with has_aux=True the function must return a pair \(output, aux\)",
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
    "if under vmap": (
        lambda: ft.vmap(branch)(X),
        errors.ConversionError,
        r"bool\(\) of a traced bool\[\] in vmap\(branch .*\) at .*test_errors.py:\d+ in branch.*"
        r"numpy\.where",
    ),
    "if under staging": (
        lambda: ft.make_graph(branch)(1.0),
        errors.ConversionError,
        r"bool\(\) of a traced bool\[\] in make_graph\(branch .*\) at .*test_errors.py:\d+ in "
        r"branch.*numpy\.where",
    ),
    "float()": (
        lambda: ft.grad(lambda x: float(x) * x)(1.0),
        errors.ConversionError,
        r"a traced float64\[\] of grad\(<lambda> .*\) cannot become a Python float .*"
        "derivative would be lost.*functrans.stop_gradient",
    ),
    "math.sin": (
        lambda: ft.grad(math.sin)(1.0),
        errors.ConversionError,
        r"use the NumPy function \(np\.sin, not math\.sin\)",
    ),
    "item()": (lambda: ft.grad(lambda x: x.item())(1.0), errors.ConversionError, "by item"),
    "np.asarray": (
        lambda: ft.grad(lambda x: np.sum(np.asarray(x)))(X),
        errors.ConversionError,
        "cannot become a plain ndarray",
    ),
    "list of traced values": (
        lambda: ft.grad(lambda x: np.sum(np.array([x, x])))(1.0),
        errors.ConversionError,
        "use numpy.stack or functrans.numpy.array",
    ),
    "traced index into a plain array": (
        lambda: ft.vmap(lambda i: X[i])(np.array([0, 1])),
        errors.ConversionError,
        r"a traced int64\[\] of vmap\(.*plain array write functrans\.numpy\.take\(x, i\)",
    ),
    "traced mask of a plain array": (
        lambda: ft.vmap(lambda x: X[x < X])(X),
        errors.ConversionError,
        r"for a mask numpy\.where\(mask, x, y\)",
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


@pytest.mark.parametrize("name", SNAPSHOTS)
def test_message(name: str) -> None:
    call, error, message = SNAPSHOTS[name]
    with pytest.raises(error, match=message):
        call()
    assert stack.top is None


def test_stored_into_an_ndarray() -> None:
    def f(x: Any) -> Any:
        out = np.zeros(3)
        out[0] = x
        return np.sum(out)

    # NumPy raises an error of its own here and gives ours as the cause.
    with pytest.raises(ValueError, match="setting an array element") as caught:
        ft.grad(f)(1.0)
    assert isinstance(caught.value.__cause__, errors.ConversionError)
    assert "cannot become a Python float" in str(caught.value.__cause__)


def leak(transform: Callable[[Any], Any], argument: Any) -> Any:
    kept: list[Any] = []

    def f(x: Any) -> Any:
        kept.append(x * 2.0)
        return np.sum(x)

    transform(f)(argument)
    return kept[0]


@pytest.mark.parametrize(
    ("transform", "text"),
    [
        (ft.grad, r"grad\(f .*, the result of multiply, was used after its transform had ended"),
        (
            lambda f: lambda x: ft.jvp(f, (x,), (x,)),
            r"jvp\(f .*was used after its transform had ended",
        ),
        (ft.vmap, r"vmap\(f .*was used after its transform had ended"),
        (
            ft.make_graph,
            r"make_graph\(f .*the result of multiply at .*test_errors.py:\d+ in f, was used after",
        ),
    ],
)
@pytest.mark.parametrize(
    "use",
    [
        lambda y: y * 2.0,
        lambda y: np.sin(y),
        lambda y: np.sum(y),
        lambda y: np.ones(3) + y,
        lambda y: y[0],
    ],
)
def test_leaked_array(transform: Any, text: str, use: Any) -> None:
    leaked = leak(transform, X.reshape(3, 1) if transform is ft.vmap else X)
    with pytest.raises(errors.LeakedArrayError, match=text) as caught:
        use(leaked)
    assert "test_errors.py" in str(caught.value)


def test_leaked_array_in_another_transform() -> None:
    leaked = leak(ft.grad, X)
    with pytest.raises(errors.LeakedArrayError, match="after its transform had ended"):
        ft.grad(lambda x: np.sum(x * leaked))(X)


def test_use_in_another_thread() -> None:
    caught: list[BaseException] = []

    def f(x: Any) -> Any:
        def work() -> None:
            try:
                x * 2.0
            except BaseException as error:
                caught.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        return np.sum(x)

    ft.grad(f)(X)
    assert isinstance(caught[0], errors.LeakedArrayError)
    assert "was used in another thread" in str(caught[0])


def test_an_exception_leaves_nothing_behind() -> None:
    for transform in (ft.grad, ft.vmap, ft.make_graph, ft.jacfwd, ft.jacrev):
        with pytest.raises(ZeroDivisionError):
            transform(lambda x: 1 / 0)(X)  # type: ignore[operator]
        assert stack.top is None
    np.testing.assert_array_equal(ft.grad(total)(X), np.ones(3))


def test_missing_derivative_names_primitive_and_operand() -> None:
    f = ft.extend.general(
        "test_without_rules", lambda x, y: x * y, samples=None, batch=lambda x, y: x * y
    )
    with pytest.raises(errors.MissingRuleError, match="test_without_rules: no derivative"):
        ft.grad(lambda x: f(x, 2.0))(1.0)
    with pytest.raises(errors.MissingRuleError, match="test_without_rules: no derivative"):
        ft.jvp(lambda x: f(x, 2.0), (1.0,), (1.0,))


def test_numpy_function_without_rule() -> None:
    with pytest.raises(
        errors.MissingRuleError, match=r"numpy.*packbits has no rule for traced arrays"
    ):
        ft.grad(lambda x: np.packbits(x))(X)


def test_copies() -> None:
    g = ft.grad(lambda x: np.sum(copy.copy(x) * copy.deepcopy(x)))(X)
    np.testing.assert_array_equal(g, 2 * X)
