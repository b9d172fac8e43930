"""Operands that are no plain arrays of numbers, beside traced arrays: NumPy is the oracle.

Each is taken with NumPy's result, or refused by an error: nothing of it is silently left out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functrans as ft
from functrans.core.errors import FunctransError, InputTypeError
from tests.test_odd_arguments import judged
from tests.test_ufunc_options import TRANSFORMS, X, differences, lanes, outcome

pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::RuntimeWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

SHAPE = (3, 4)
OPERANDS: dict[str, Any] = {
    "masked": np.ma.masked_array(np.ones(SHAPE), np.eye(3, 4, dtype=bool)),
    "objects": np.array([[1, 2.5, 3, 4]] * 3, object),
    "texts": np.array([["a"] * 4] * 3),
    "records": np.zeros(SHAPE, [("a", "f8")]),
    "dates": np.zeros(SHAPE, "M8[s]"),
    "long doubles": np.ones(SHAPE, np.longdouble),
    "half precision": np.ones(SHAPE, np.float16),
    "unsigned": np.ones(SHAPE, np.uint64),
    "the other order of bytes": np.ones(SHAPE, np.dtype(float).newbyteorder()),
}
CALLS: dict[str, Callable[[Any, Any], Any]] = {
    "add": lambda x, o: x + o,
    "add to": lambda x, o: o + x,
    "maximum": lambda x, o: np.maximum(o, x),
    "concatenate": lambda x, o: np.concatenate([x, o]),
    "where": lambda x, o: np.where(x > 1, x, o),
    "condition": lambda x, o: np.where(o, x, 0.0),
    "append": lambda x, o: np.append(x, o),
    "isclose": lambda x, o: np.isclose(x, o),
    "array_equal": lambda x, o: np.array_equal(x, o),
    "clip": lambda x, o: np.clip(x, o, 3.0),
    "select": lambda x, o: np.select([x > 1], [o], x),
    "matmul": lambda x, o: x @ np.asarray(o).T,
    "full_like": lambda x, o: np.full_like(x, o),
    "choose": lambda x, o: np.choose(o, [x, x]),
    "roll": lambda x, o: np.roll(x, o[0, :1]),
    "repeat": lambda x, o: np.repeat(x, o[0], axis=1),
    "mean of var": lambda x, o: np.var(x, axis=0, mean=o[:1]),
    "trapezoid": lambda x, o: np.trapezoid(x, o),
    "linspace": lambda x, o: np.linspace(x, o, 3),
    "nan_to_num": lambda x, o: np.nan_to_num(x, nan=o),
    "interp": lambda x, o: np.interp(o + x[0, 0] * 0, [0.0, 1, 3], x[0, :3]),
}


@pytest.mark.parametrize("name", OPERANDS)
def test_operands(name: str) -> None:
    found = {}
    for call, f in CALLS.items():
        expected = outcome(f, X, OPERANDS[name])
        for transform, apply in TRANSFORMS.items():

            def g(x: Any, f: Any = f) -> Any:
                return f(x, OPERANDS[name])

            wanted = expected
            if transform == "vmap" and not isinstance(expected, Exception):
                wanted = outcome(lanes, g, X)
            words = judged(outcome(apply, g, X), wanted, transform != "vmap")
            if words:
                found[call, transform] = words
    assert found == {}


@pytest.mark.parametrize("transform", [ft.make_graph, ft.eval_shape, ft.jit, ft.vmap, ft.grad])
def test_subclasses_are_no_arguments(transform: Any) -> None:
    f = lambda x: x * 2.0  # noqa: E731
    with pytest.raises(InputTypeError, match=r"argument 'x' is a numpy\.ma\.MaskedArray"):
        if transform is ft.eval_shape:
            ft.eval_shape(f, OPERANDS["masked"])
        else:
            transform(f)(OPERANDS["masked"])


HUGE: dict[str, Callable[[Any], Any]] = {
    "add": lambda x: x + 10**30,
    "more than an int64": lambda x: x + 2**63,
    "more than an int8": lambda x: x * 300,
    "less": lambda x: x < 10**30,
    "equal": lambda x: x == 2**64,
    "maximum": lambda x: np.maximum(x, 10**30),
    "fmax": lambda x: np.fmax(10**30, x),
    "fmin": lambda x: np.fmin(x, 10**30),
    "arctan2": lambda x: np.arctan2(x, 10**30),
    "arctan2 of it": lambda x: np.arctan2(10**30, x),
    "clip": lambda x: np.clip(x, 0, 10**30),
    "more than a float": lambda x: x * 10**400,
}


@pytest.mark.parametrize("dtype", ["f8", "f4", "i8", "i1"])
@pytest.mark.parametrize("name", HUGE)
def test_huge_integers(name: str, dtype: str) -> None:
    """Native code took their last bits, and rules asked NumPy whether they are NaN."""
    x, f = np.array([1, 2], dtype), HUGE[name]
    expected = outcome(f, x)
    runs = [ft.jit(f), ft.jit(f, backend="numpy"), lambda x: ft.make_graph(f)(x)(x)]
    if dtype[0] == "f":
        runs += [lambda x: ft.jvp(f, (x,), (x,))[0], lambda x: ft.vjp(f, x)[0]]
    for run in runs:
        found = outcome(run, x)
        if isinstance(expected, Exception):
            assert isinstance(found, type(expected))
        else:
            assert found.dtype == expected.dtype
            np.testing.assert_array_equal(found, expected)


MATRICES, OTHERS, VECTORS, ROWS = (
    np.random.default_rng(1).uniform(0.3, 2, shape)
    for shape in ((2, 3, 4), (2, 4, 3), (2, 4), (2, 3))
)
GENERALISED: dict[str, tuple[Any, ...]] = {
    name: (getattr(np, name), *operands)
    for name, operands in {
        "matmul": (MATRICES, OTHERS),
        "vecdot": (MATRICES, VECTORS[:, None]),
        "matvec": (MATRICES, VECTORS),
        "vecmat": (ROWS, MATRICES),
    }.items()
    if hasattr(np, name)
}
OPTIONS: dict[str, list[Any]] = {
    "axis": [0, -1, 1, (0,), None, "0", 5, 1.0],
    "keepdims": [True, False, 1, "x", None],
    "dtype": ["?", "i1", "f4", "c16", "none such", None],
    "casting": ["no", "unsafe", "bogus", None],
    "order": ["C", "Z", 1],
    "subok": [True, "x"],
    "where": [True, np.ones(2, bool)],
    "signature": ["dd->d", ("f4", None, None), "d->d"],
    "axes": [
        [(-2, -1), (-2, -1), (-2, -1)],
        [(0, 1), (0, 1), (0, 1)],
        [(-1, -2), (-1, -2), (-1, -2)],
        [(-1,), (-1,), ()],
        [-1, -1],
        [(-2, -1), (-1,), (-1,)],
        [(-1,), (-2, -1), (-1,)],
        [-1, (-2, -1), 0],
        None,
        3,
        [(0,)],
        [(9, 1), (0, 1), (0, 1)],
        [("a",), -1],
    ],
    "unknown": [1],
    "initial": [0],
}


def of_matrices(u: Any, *args: Any) -> dict[str, Callable[..., Any]]:
    """Calls of a generalised ufunc."""
    shape = np.shape(u(*args))
    calls: dict[str, Callable[..., Any]] = {
        f"{k}={v}": lambda *a, k=k, v=v: u(*a, **{k: v}) for k, vs in OPTIONS.items() for v in vs
    }
    for dtype in ("?", "i1", "f4", "f8", "c16"):
        calls[f"out {dtype}"] = lambda *a, d=dtype: u(
            *a, out=np.zeros_like(a[0], dtype=d, shape=shape)
        )
    for other in ((5, *shape), (1,), ()):
        calls[f"out {other}"] = lambda *a, s=other: u(*a, out=np.zeros_like(a[0], shape=s))
    calls["axis and keepdims"] = lambda *a: u(*a, axis=-1, keepdims=True)
    calls["reduce"] = lambda *a: u.reduce(a[0])
    calls["outer"] = lambda *a: u.outer(*a)
    calls["numbers"] = lambda *a: u(a[0][0, 0], 2.0)
    calls["shorter"] = lambda *a: u(a[0], a[1][..., :1])
    calls["a list"] = lambda *a: u(a[0], np.ones(np.shape(a[1])).tolist())
    calls["integers"] = lambda *a: u(a[0].astype(int), a[1].astype(int))
    calls["complex"] = lambda *a: u(a[0] * 1j, a[1] * (1 + 1j))
    calls["empty"] = lambda *a: u(a[0][:0], a[1][:0])
    return calls


@pytest.mark.parametrize("name", GENERALISED)
def test_options_of_generalised_ufuncs(name: str) -> None:
    """An axis of length 1 was taken for one of any length in `vecdot`."""
    u, *args = GENERALISED[name]
    found = {k: differences(f, *args, eps=1e-15) for k, f in of_matrices(u, *args).items()}
    assert {k: words for k, words in found.items() if words} == {}


@pytest.mark.parametrize("dtype", ["i8", "f4", "?"])
@pytest.mark.parametrize("name", ["subtract", "fmod", "divide", "fmax", "minimum", "add"])
def test_reductions_begin_in_the_array_that_they_go_into(name: str, dtype: str) -> None:
    """Without an identity the first element is what it is in there."""
    u = getattr(np, name)
    for axis in (0, 1):

        def f(x: Any, axis: int = axis) -> Any:
            return u.reduce(
                x, axis=axis, out=np.zeros_like(x, dtype=dtype, shape=X.shape[1 - axis])
            )

        expected = outcome(f, X)
        found = outcome(ft.jit(f), X)
        if isinstance(expected, Exception):
            assert isinstance(found, (FunctransError, TypeError))
        else:
            np.testing.assert_array_equal(found, expected)


OPERATORS: dict[str, Callable[[Any], Any]] = {
    "== None": lambda x: x == None,  # noqa: E711
    "!= a text": lambda x: x != "a",
    "== a text": lambda x: x[0] == "a",
    "a number == None": lambda x: x[0, 0] == None,  # noqa: E711
    "if == None": lambda x: 1.0 if x == None else x,  # noqa: E711
    "bools ** 2": lambda x: (x > 1) ** 2,
    "bools ** 3": lambda x: (x > 1) ** 3,
    "sort(axis=None)": lambda x: x.copy().sort(axis=None),
    "partition(order=None)": lambda x: x.copy().partition(1, order=None),
}


@pytest.mark.parametrize("name", OPERATORS)
def test_operators(name: str) -> None:
    """None and texts differ from each element; NumPy squares bools into int8."""
    assert differences(OPERATORS[name], X, eps=1e-15) == {}


ARRAY_OPTIONS = {
    "a number": {},
    "order that is none": {"order": "Z"},
    "order that is no text": {"order": 1},
    "no copy": {"copy": False},
    "a text for copy": {"copy": "x"},
    "two axes": {"ndmin": 2},
    "axes that are no integer": {"ndmin": 2.0},
    "like a number": {"like": 1},
    "a dtype": {"dtype": "c8"},
}


@pytest.mark.parametrize("name", ARRAY_OPTIONS)
@pytest.mark.parametrize("number", [True, False])
def test_options_of_array(name: str, number: bool) -> None:
    """The namespace's own `array`: of a scalar it makes an array, as NumPy's does."""

    def make(x: Any, namespace: Any = ft.numpy) -> Any:
        return namespace.array(x[0, 0] if number else [x, x], **ARRAY_OPTIONS[name])

    expected = outcome(lambda x: make(x, np), X)
    if number and name == "no copy":
        return  # a traced scalar is its own array
    for transform, apply in TRANSFORMS.items():
        wanted = expected
        if transform == "vmap" and not isinstance(expected, Exception):
            wanted = outcome(lanes, lambda x: make(x, np), X)
        assert judged(outcome(apply, make, X), wanted, transform != "vmap") == "", transform


def test_objects_beside_what_is_differentiated_are_refused() -> None:
    """Forward mode and graphs took their derivative to be zero, without a word."""
    objects = np.array([1, 2, 3], object)
    x = np.array([0.5, 1.0, 2.0])
    for f in (
        lambda x: np.sum(objects * x),
        lambda x: np.sum(x - objects),
        lambda x: np.sum((objects[:, None] * x).astype(float)),
        lambda x: np.sum(np.einsum("i,j->ij", objects, x)),
    ):
        for transform in (
            lambda f: ft.grad(f)(x),
            lambda f: ft.jvp(f, (x,), (x,)),
            lambda f: ft.hessian(f)(x),
            lambda f: ft.grad(ft.jit(f))(x),
            lambda f: ft.jit(ft.grad(f))(x),
            lambda f: ft.linearize(f, x),
        ):
            with pytest.raises(FunctransError, match="dtype object|of type ndarray"):
                transform(f)
    np.testing.assert_array_equal(ft.vmap(lambda x: objects * x)(x[None])[0], objects * x)
    np.testing.assert_array_equal(
        ft.grad(lambda x: np.sum(objects.astype(float) * x))(x), [1, 2, 3]
    )
