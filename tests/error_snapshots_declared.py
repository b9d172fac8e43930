"""Wrong declarations (pytrees, custom rules, primitives, graphs) and the errors that they raise.

In the form of tests/error_snapshots.py.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import functrans as ft
from functrans.core import errors
from functrans.numpy.registry import implements
from functrans.testing import check_grads
from tests.error_snapshots import X, total

Row = tuple[Callable[[], Any], type[Exception], str]


def product(p: Any) -> Any:
    return p["a"] * p["b"]


def custom(rule: str = "", *functions: Any, fun: Any = product, **options: Any) -> Any:
    """A function with rules of its own."""
    made = ft.custom(fun, **options)
    if rule:
        getattr(made, rule)(*functions)
    return made


def pulled(cotangent: Any) -> Any:
    """The gradient of a custom function whose bwd rule returns this."""
    f = custom("defvjp", lambda p: (product(p), None), lambda residuals, g: (cotangent,))
    return ft.grad(f)({"a": 2.0, "b": 3.0})


def batched(result: Any) -> Any:
    """A mapped custom function whose batch rule returns this."""
    f = custom("defbatch", lambda size, flags, x: result, fun=lambda x: x)
    return ft.vmap(f)(X)


class WithMethod:
    method = custom(fun=lambda self, x: x)


class Opaque:
    pass


def registered(**options: Any) -> type[Any]:
    """A new class, registered as a pytree with two children."""

    class Registered:
        pass

    functions: dict[str, Any] = {
        "flatten": lambda x: ((1, 2), None),
        "unflatten": lambda static, children: None,
        **options,
    }
    keys = functions.pop("keys", None)
    flatten, unflatten = functions["flatten"], functions["unflatten"]
    ft.tree.register(Registered, flatten, unflatten, keys=keys)
    return Registered


@dataclass
class Layer:
    w: Any
    kind: Any = field(metadata={"static": True})


def unset() -> Layer:
    layer = Layer.__new__(Layer)
    layer.w = 1.0
    return layer


def nested() -> list[Any]:
    inner: list[Any] = []
    inner.append(inner)
    return inner


def leaked() -> Any:
    kept: list[Any] = []
    ft.grad(lambda x: kept.append(np.sin(x)) or kept[0])(1.0)
    return kept[0] * 2.0


def leaked_into_numpy() -> Any:
    kept: list[Any] = []
    ft.grad(lambda x: kept.append(np.sin(x)) or kept[0])(1.0)
    return np.asarray(kept[0])


def in_another_thread() -> Any:
    caught: list[BaseException] = []

    def f(x: Any) -> Any:
        def work() -> None:
            try:
                x * 2.0
            except errors.LeakedArrayError as error:
                caught.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        raise caught[0]

    return ft.grad(f)(1.0)


def closed_over() -> Any:
    def f(x: Any) -> Any:
        inner = custom("defjvp", lambda p, t: (x * p[0], x * t[0]), fun=lambda y: x * y)
        return inner(x)

    return ft.jvp(f, (1.0,), (1.0,))


def static_arrays() -> bool:
    kind = registered(flatten=lambda x: ((1, 2), np.ones(2) * 1.0))
    return bool(ft.tree.structure(kind()) == ft.tree.structure(kind()))


WITHOUT_RULES = ft.extend.general(
    "test_snapshot_without_rules", lambda x: x, samples=None, batch=lambda x: x
)
ONE_PUSH = ft.extend.general(
    "test_snapshot_one_push",
    lambda x, y: x * y,
    samples=None,
    pushes=(lambda t, y: t * y, None),
)
ONE_PULL = ft.extend.general(
    "test_snapshot_one_pull",
    lambda x, y: x * y,
    samples=None,
    pulls=(lambda g, y: g * y, None),
)
GRAPH = ft.make_graph(total)(X)

SNAPSHOTS: dict[str, Row] = {
    # Arrays that are used elsewhere.
    "leaked": (leaked, errors.LeakedArrayError, "was used after its transform had ended, at"),
    "leaked into a plain array": (
        leaked_into_numpy,
        errors.LeakedArrayError,
        "was used after its transform had ended, at",
    ),
    "another thread": (
        in_another_thread,
        errors.LeakedArrayError,
        "was used in another thread, at .*call the transform inside the thread",
    ),
    "closed over": (
        closed_over,
        errors.LeakedArrayError,
        "inside a function with rules of its own .*Pass it as an argument",
    ),
    # Rules that are missing.
    "no derivative in reverse": (
        lambda: ft.grad(WITHOUT_RULES)(1.0),
        errors.MissingRuleError,
        r"test_snapshot_without_rules: no derivative with respect to operand 0 \(used at .*"
        r"functrans\.extend\.override\(test_snapshot_without_rules, \.\.\.\)",
    ),
    "no derivative in forward": (
        lambda: ft.jvp(WITHOUT_RULES, (1.0,), (1.0,)),
        errors.MissingRuleError,
        "test_snapshot_without_rules: no derivative with respect to operand 0",
    ),
    "no push": (
        lambda: ft.jvp(ONE_PULL, (1.0, 2.0), (1.0, 1.0)),
        errors.MissingRuleError,
        "test_snapshot_one_pull: no derivative with respect to operand 1",
    ),
    "no pull": (
        lambda: ft.grad(ONE_PUSH, (0, 1))(1.0, 2.0),
        errors.MissingRuleError,
        "test_snapshot_one_push: no derivative with respect to operand 1",
    ),
    # Custom rules.
    "custom takes a function": (
        lambda: ft.custom(3),  # type: ignore[arg-type]
        errors.InputTypeError,
        "custom takes a function, got int",
    ),
    "a rule that is no function": (
        lambda: custom("defjvp", 3),
        errors.InputTypeError,
        r"custom\(product \(.*\)\): a jvp rule must be a function, got int",
    ),
    "a second rule": (
        lambda: custom("defjvp", total).defjvp(total),
        errors.RegistrationError,
        r"custom\(product \(.*\)\) has a jvp rule already",
    ),
    "a custom method": (
        lambda: WithMethod().method(1.0),
        errors.InputTypeError,
        "is used as a method; declare a function outside the class",
    ),
    "negative static position": (
        lambda: custom(static_argnums=-1),
        errors.InputTypeError,
        r"static_argnums are positions \(0, 1, \.\.\.\), got \[-1\]",
    ),
    "static name of no argument": (
        lambda: custom(static_argnames="z"),
        errors.InputTypeError,
        r"static_argnames='z' names no argument; it has \['p'\]",
    ),
    "keyword-only argument": (
        lambda: ft.grad(lambda x: custom(fun=lambda x, *, n: x)(x, n=2))(1.0),
        errors.InputTypeError,
        r"keyword-only arguments \['n'\] cannot be given",
    ),
    "custom output": (
        lambda: ft.grad(custom(fun=lambda x: "text"))(1.0),
        errors.OutputTypeError,
        "the function returned a str; it must return arrays",
    ),
    "jvp rule without pair": (
        lambda: ft.jvp(custom("defjvp", lambda p, t: t[0], fun=lambda x: x), (1.0,), (1.0,)),
        errors.OutputTypeError,
        r"the jvp rule must return a pair \(out, tangent_out\), got float64",
    ),
    "cotangent of another structure": (
        lambda: pulled({"a": 1.0}),
        errors.TreeError,
        r"custom\(product \(.*\)\): the bwd rule's result does not match",
    ),
    "one cotangent for several": (
        lambda: pulled(1.0),
        errors.TreeError,
        "the bwd rule's result has one array where its primal has several",
    ),
    "cotangent that is no array": (
        lambda: pulled({"a": "text", "b": None}),
        errors.InputTypeError,
        r"the bwd rule's result at \[0\]\['a'\] is a str, not an array",
    ),
    "cotangent of another shape": (
        lambda: pulled({"a": X, "b": None}),
        errors.InputTypeError,
        r"the bwd rule's result at \[0\]\['a'\] has type float64\[3\], its primal .*float64\[\]",
    ),
    "batch rule without flags": (
        lambda: batched((X, 1)),
        errors.OutputTypeError,
        "out_batched of the batch rule has 1; it consists of bools",
    ),
    "batch rule of wrong size": (
        lambda: batched((X[:2], True)),
        errors.OutputTypeError,
        r"the output of the batch rule has type float64\[2\], but its first axis must be the batch "
        r"axis of size 3",
    ),
    # Pytrees.
    "register no class": (
        lambda: ft.tree.register(3, len, len),  # type: ignore[call-overload]
        errors.InputTypeError,
        "register: cls must be a class, not 3",
    ),
    "register no function": (
        lambda: registered(unflatten=None),
        errors.InputTypeError,
        r"register: unflatten must be a function, not None \(while registering Registered\)",
    ),
    "register a leaf": (
        lambda: ft.tree.register(float, len, len),
        errors.RegistrationError,
        "register: float is always a leaf of a pytree",
    ),
    "register twice": (
        lambda: ft.tree.register(dict, len, len),
        errors.RegistrationError,
        "register: dict is a pytree container already",
    ),
    "flatten without pair": (
        lambda: ft.tree.flatten(registered(flatten=lambda x: [1, 2])()),
        errors.RegistrationError,
        r"flatten function registered for Registered must return the tuple \(children, static\), "
        r"not \[1, 2\]",
    ),
    "wrong keys": (
        lambda: ft.tree.flatten_with_path(registered(keys=["a"])()),
        errors.RegistrationError,
        r"the keys registered for Registered are \['a'\], but it has 2 children",
    ),
    "field without value": (
        lambda: ft.tree.flatten(unset()),
        errors.TreeError,
        "the field 'kind' of the dataclass Layer has no value; set every field",
    ),
    "a tree in itself": (
        lambda: ft.tree.flatten(nested()),
        errors.TreeError,
        "nested more deeply than Python's recursion limit, or contains itself",
    ),
    "too few leaves": (
        lambda: ft.tree.unflatten(ft.tree.structure([1, 2]), [1]),
        errors.TreeError,
        "has 2 leaves, but 1 were given",
    ),
    "maps over different trees": (
        lambda: ft.tree.map(lambda x, y: x, [1], (1,)),
        errors.TreeError,
        "the trees passed to map differ .*they must have the same structure",
    ),
    "unhashable static part": (
        lambda: hash(ft.tree.structure(registered(flatten=lambda x: ((1, 2), [3]))())),
        errors.InputTypeError,
        "cannot be hashed: unhashable type: 'list'; static fields and static parts must be "
        "hashable",
    ),
    "arrays in static parts": (
        static_arrays,
        errors.TreeError,
        "the static part of Registered cannot be compared with ==.*belong among the children",
    ),
    "unpickled class": (
        lambda: ft.tree.structure(registered()()).__reduce__()[0](Opaque, None, ()),
        errors.TreeError,
        "Opaque is not registered as a pytree here; register it first",
    ),
    # Primitives.
    "a rule of unknown names": (
        lambda: ft.extend.elementwise("t", np.sin, lambda q: q, samples=list),
        errors.RegistrationError,
        "t: a rule names 'q', which is none of ans, x, y, z, w",
    ),
    "a rule that is no Python function": (
        lambda: ft.extend.elementwise("t", np.sin, math.cos, samples=list),
        errors.RegistrationError,
        "t: a rule is <built-in function cos>; it must be a Python function",
    ),
    "an implementation that is no function": (
        lambda: ft.extend.elementwise("t", 3, lambda x: x, samples=ft.extend.unary(0, 1)),
        errors.RegistrationError,
        "t: the implementation is 3; give a ufunc, or a function of arrays",
    ),
    "a ufunc that has a primitive": (
        lambda: ft.extend.elementwise("t", np.sin, lambda x: np.cos(x), samples=list),
        errors.RegistrationError,
        "t: sin is carried out by 'sin' already",
    ),
    "override of no operand": (
        lambda: ft.extend.override(ft.primitives.sin, pull={1: lambda g: g}),
        errors.RegistrationError,
        "sin: there is no operand 1 to override",
    ),
    "a second implementation": (
        lambda: implements(np.sum)(total),
        errors.RegistrationError,
        "numpy.sum has an implementation for traced arrays already",
    ),
    # Graphs and checks.
    "graph of another type": (
        lambda: GRAPH(X[:2]),
        errors.InputTypeError,
        r"graph total: the argument at \[0\].* is float64\[2\], but the graph was made for "
        r"float64\[3\]\. Make a graph for these types",
    ),
    "graph of too few arrays": (
        lambda: GRAPH.evaluate([]),
        errors.InputTypeError,
        "graph total takes 1 arrays, got 0",
    ),
    "check_grads without tuple": (
        lambda: check_grads(total, X),
        errors.InputTypeError,
        r"args must be a tuple or list.*write check_grads\(f, \(x,\)\)",
    ),
    "check_grads in no mode": (
        lambda: check_grads(total, (X,), modes=("up",)),
        errors.InputTypeError,
        r"modes must be a selection of 'fwd' and 'rev', got \('up',\)",
    ),
    "check_grads of integers": (
        lambda: check_grads(total, (np.arange(3),)),
        errors.InputTypeError,
        r"the arguments hold no floating-point values.*x\.astype\(float\)",
    ),
    "check_grads by complex step": (
        lambda: check_grads(total, (X + 1j,), analytic=True),
        errors.InputTypeError,
        "with analytic=True the arguments must be real",
    ),
}
