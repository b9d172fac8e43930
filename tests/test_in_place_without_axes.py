"""Arrays without axes are written to, scalars get another value: in all transforms as in NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functrans as ft
import functrans.numpy as fnp

X = np.array([2.0, 3.0, 5.0])

Function = Callable[[Any], Any]

ARRAYS: dict[str, Function] = {
    "zeros_like": lambda x: np.zeros_like(x, shape=()),
    "ones_like a scalar": lambda x: np.ones_like(x[0]),
    "full_like": lambda x: np.full_like(x, x[0], shape=()),
    "zeros": lambda x: fnp.zeros(()),
    "full": lambda x: fnp.full((), x[0]),
    "like": lambda x: np.zeros((), like=x),
    "array": lambda x: fnp.array(x[0]),
    "asarray": lambda x: fnp.asarray(x[0]),
    "copy of a scalar": lambda x: np.copy(x[0]),
    "copy of an array": lambda x: np.zeros_like(x, shape=()).copy(),
    "copy of a view": lambda x: x[0, ...].copy(),
    "astype": lambda x: x[0, ...].astype(np.float32),
    "astype that copies": lambda x: x[0, ...].astype(float),
    "broadcast_to": lambda x: np.broadcast_to(x[0], ()).copy(),
    "an Ellipsis at a scalar": lambda x: np.sum(x)[...],
    "where": lambda x: np.where(x[0] > 0.0, x[0], x[1]),
    "select": lambda x: np.select([x[0] > 0.0], [x[0]]),
    "piecewise": lambda x: np.piecewise(x[0], [x[0] > 0.0], [lambda t: t * t]),
    "tensordot": lambda x: np.tensordot(x, x, 1),
    "roll": lambda x: np.roll(x[0], 1),
    "pad": lambda x: np.pad(x[0, ...], 0),
    "out": lambda x: np.sum(x, out=np.zeros_like(x, shape=())),
}

SCALARS: dict[str, Function] = {
    "an element": lambda x: x[0],
    "a sum": np.sum,
    "an operator": lambda x: x[0, ...] * 2.0,
    "a shape": lambda x: np.sum(x).reshape(()),
    "axes": lambda x: np.squeeze(np.sum(x)),
    "copy": lambda x: x[0].copy(),
    "astype": lambda x: x[0].astype(float),
    "clip": lambda x: np.clip(x[0], 0.0, 9.0),
    "a trace": lambda x: np.einsum("ii->", np.outer(x, x)),
}

CASES = [pytest.param(f, id=f"array: {name}") for name, f in ARRAYS.items()] + [
    pytest.param(f, id=f"scalar: {name}") for name, f in SCALARS.items()
]


def lane(results: Any, i: int = 0) -> Any:
    return ft.tree.map(lambda a: a[i], results)


def outcomes(f: Function, x: Any) -> dict[str, Any]:
    """The values of a function's results by each transform and by some within others."""
    both = np.stack([x, x])
    jit = lambda g: ft.jit(g, backend="numpy")  # noqa: E731
    value: Function = lambda x: ft.vjp(f, x)[0]  # noqa: E731
    return {
        "jvp": ft.jvp(f, (x,), (x,))[0],
        "vjp": value(x),
        "linearize": ft.linearize(f, x)[0],
        "vmap": lane(ft.vmap(f)(both)),
        "jit": jit(f)(x),
        "jit of vjp": jit(value)(x),
        "vmap of vjp": lane(ft.vmap(value)(both)),
        "vjp of vmap": lane(ft.vjp(ft.vmap(f), both)[0]),
        "jvp of vjp": ft.jvp(value, (x,), (x,))[0],
        "jit of vmap": lane(jit(ft.vmap(f))(both)),
        "vmap of jit": lane(ft.vmap(jit(f))(both)),
    }


@pytest.mark.parametrize("make", CASES)
def test_who_sees_what_is_added(make: Function) -> None:
    def f(x: Any) -> Any:
        s = make(x)
        same, box = s, [s]
        s += x[1]
        s *= 2.0
        return s * 1.0, same * 1.0, box[0] * 1.0, 1.0 * isinstance(same, np.ndarray)

    want = f(X.copy())
    for transform, found in outcomes(f, X).items():
        np.testing.assert_array_equal(found, want, err_msg=transform)


def test_derivatives_by_who_sees_it() -> None:
    def f(x: Any) -> Any:
        s = np.zeros_like(x, shape=())
        same = s
        s += x[0]
        s *= x[1]
        t = x[2]
        before = t
        t *= x[0]
        return same**2 + before * t

    a, b, c = X
    want = [2 * a * b * b + c * c, 2 * a * a * b, 2 * a * c]
    for gradient in (ft.grad(f), ft.jit(ft.grad(f), backend="numpy"), ft.jacfwd(f)):
        np.testing.assert_allclose(gradient(X), want, rtol=1e-14)
    for gradient in (ft.vmap(ft.grad(f)), ft.grad(lambda xs: np.sum(ft.vmap(f)(xs)))):
        np.testing.assert_allclose(gradient(np.stack([X, X])), [want, want], rtol=1e-14)


def test_what_is_made_of_a_scalar_is_a_copy() -> None:
    """Nothing that is written to it reaches the scalar."""

    def f(x: Any) -> Any:
        s = np.sum(x)
        made = [np.atleast_1d(s), s[None], s.reshape(1, 1), np.ravel(s), s[...]]
        for k, y in enumerate(made):
            y += 10.0 * k
        return s, *made

    want = f(X)
    for transform, found in outcomes(f, X).items():
        for a, b in zip(found, want, strict=True):
            np.testing.assert_array_equal(a, b, err_msg=transform)


def written(s: Any) -> Any:
    same = s
    s += 1.0
    return same * 1.0


@pytest.mark.parametrize("given", [np.float64(2.0), np.array(2.0), 2.0])
def test_arguments_are_what_was_given(given: Any) -> None:
    want = written(given.copy() if isinstance(given, np.ndarray) else given)
    jitted = ft.jit(written, backend="numpy")
    jitted(np.array(5.0)), jitted(np.float64(5.0))  # which are programs of their own
    assert jitted(given) == want
    assert ft.jvp(written, (given,), (1.0,))[0] == want
    assert ft.vjp(written, given)[0] == want
    assert ft.jit(lambda s: ft.vjp(written, s)[0], backend="numpy")(given) == want
    assert ft.jit(lambda s: jitted(s), backend="numpy")(given) == want
    assert ft.make_graph(written)(given)(given) == want


@pytest.mark.parametrize("make", [lambda x: np.copy(x[0]), lambda x: x[0]])
def test_arguments_of_transforms_within(make: Function) -> None:
    inner = {
        "vjp": lambda s: ft.vjp(written, s)[0],
        "jvp": lambda s: ft.jvp(written, (s,), (s,))[0],
        "jit": ft.jit(written, backend="numpy"),
    }
    for name, f in inner.items():
        want = written(make(X))
        for transform, found in outcomes(lambda x, f=f: f(make(x)), X).items():
            assert found == want, (name, transform)


def test_lanes_are_scalars() -> None:
    np.testing.assert_array_equal(ft.vmap(written)(X), [written(x) for x in X])
