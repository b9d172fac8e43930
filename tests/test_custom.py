"""User rules: every missing mode is derived, under every transform, and wrong rules are refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functrans as ft
from functrans.core.errors import (
    InputTypeError,
    LeakedArrayError,
    OutputTypeError,
    RegistrationError,
    TreeError,
)

X = np.array([1.0, 2.0, 3.0])
Y = np.array([0.5, 0.2, 0.1])


def plain(x: Any, y: Any) -> Any:
    return np.sin(x) * y


def with_jvp() -> Any:
    f = ft.custom(plain)

    @f.defjvp
    def f_jvp(primals: Any, tangents: Any) -> Any:
        (x, y), (s, t) = primals, tangents
        return f(x, y), np.cos(x) * y * s + np.sin(x) * t

    return f


def with_vjp() -> Any:
    f = ft.custom(plain)
    f.defvjp(
        lambda x, y: (f(x, y), {"x": x, "y": y}),
        lambda r, g: (np.cos(r["x"]) * r["y"] * g, np.sin(r["x"]) * g),
    )
    return f


def with_both() -> Any:
    f = with_jvp()
    f.defvjp(
        lambda x, y: (f(x, y), (x, y)),
        lambda r, g: [np.cos(r[0]) * r[1] * g, np.sin(r[0]) * g],
    )
    return f


def with_batch_only() -> Any:
    f = ft.custom(plain)

    @f.defbatch
    def f_batch(size: int, batched: Any, x: Any, y: Any) -> Any:
        return plain(x, y), True

    return f


USES: dict[str, Callable[[Any], Any]] = {
    "call": lambda f: f(X, Y),
    "grad": lambda f: ft.grad(lambda x: np.sum(f(x, Y)))(X),
    "jvp": lambda f: ft.jvp(f, (X, Y), (Y, X))[1],
    "jvp in one argument": lambda f: ft.jvp(lambda y: f(X, y), (Y,), (X,))[1],
    "hessian": lambda f: ft.hessian(lambda x: np.sum(f(x, Y) * x))(X),
    "vmap": lambda f: ft.vmap(f, in_axes=(0, None))(X, 2.0),
    "nested vmap": lambda f: ft.vmap(ft.vmap(f, in_axes=(None, 0)), in_axes=(0, None))(X, Y),
    "vmap of grad": lambda f: ft.vmap(ft.grad(f))(X, Y),
    "grad of vmap": lambda f: ft.grad(lambda y: np.sum(ft.vmap(f, in_axes=(0, None))(X, y)))(2.0),
    "jacrev": lambda f: ft.jacrev(f, 1)(X, Y),
    "jacfwd": lambda f: ft.jacfwd(f, 1)(X, Y),
    "graph of grad": lambda f: ft.make_graph(ft.grad(lambda x: np.sum(f(x, Y) * x)))(X)(X),
    "grad of graph": lambda f: ft.grad(ft.make_graph(lambda x: np.sum(f(x, Y) * x))(X))(X),
    "linearize": lambda f: ft.linearize(f, X, Y)[1](Y, X),
    "checkpoint": lambda f: ft.grad(lambda x: np.sum(ft.checkpoint(lambda x: f(x, Y) * x)(x)))(X),
    "third order": lambda f: ft.grad(ft.grad(ft.grad(f)))(0.7, 2.0),
}


@pytest.mark.parametrize("make", [with_jvp, with_vjp, with_both, with_batch_only])
@pytest.mark.parametrize("use", USES)
def test_equals_the_plain_function(make: Callable[[], Any], use: str) -> None:
    np.testing.assert_allclose(USES[use](make()), USES[use](plain), rtol=1e-13, atol=1e-14)


def test_the_rule_is_what_runs() -> None:
    f = ft.custom(lambda x: x * 2.0)
    f.defjvp(lambda p, t: (f(*p), t[0] * 7.0))
    assert ft.grad(f)(1.0) == 7.0
    assert ft.jvp(f, (1.0,), (1.0,))[1] == 7.0
    np.testing.assert_array_equal(ft.vmap(ft.grad(f))(X), np.full(3, 7.0))
    g = ft.custom(lambda x: x * 2.0)
    g.defvjp(lambda x: (g(x), None), lambda r, c: (c * 7.0,))
    assert ft.grad(g)(1.0) == 7.0
    assert ft.jvp(g, (1.0,), (1.0,))[1] == 7.0


def test_batch_rule_is_what_runs() -> None:
    f = ft.custom(lambda x, y: x * y)

    @f.defbatch
    def f_batch(size: int, batched: Any, x: Any, y: Any) -> Any:
        assert size == 3 and batched == (True, False)
        return x * 100.0, True

    np.testing.assert_array_equal(ft.vmap(f, in_axes=(0, None))(X, 1.0), 100 * X)


def test_trees_and_none() -> None:
    f = ft.custom(lambda p, q: {"out": p["a"] * p["b"] * q})
    f.defvjp(
        lambda p, q: (f(p, q), (p, q)),
        lambda r, g: ({"a": g["out"] * r[0]["b"] * r[1], "b": None}, None),
    )
    g = ft.grad(lambda p, q: f(p, q)["out"], (0, 1))({"a": 2.0, "b": 3.0}, 5.0)
    assert g == ({"a": 15.0, "b": 0.0}, 0.0)


def test_static_arguments() -> None:
    def power(n: int, x: Any, kind: str = "plain") -> Any:
        return x**n

    f = ft.custom(power, static_argnums=0, static_argnames="kind")

    @f.defjvp
    def f_jvp(n: int, kind: str, primals: Any, tangents: Any) -> Any:
        assert kind == "special"
        return f(n, *primals, kind), n * 100.0 * tangents[0]

    assert ft.grad(lambda x: f(3, x, "special"))(2.0) == 300.0
    assert ft.grad(lambda x: f(n=3, x=x, kind="special"))(2.0) == 300.0


def test_jax_names() -> None:
    f = ft.custom_vjp(lambda n, x: x * n, nondiff_argnums=(0,))
    f.defvjp(lambda n, x: (x * n, None), lambda n, r, g: (g * n * 10.0,))
    assert ft.grad(lambda x: f(2.0, x))(1.0) == 20.0


BAD_BACKWARD = {
    "not a tuple": (lambda r, g: g, TreeError, "one array where its primal has several"),
    "missing key": (lambda r, g: ({"a": g},), TreeError, "lacks the key 'b'"),
    "wrong shape": (
        lambda r, g: ({"a": np.ones(3), "b": None},),
        InputTypeError,
        r"\[0\]\['a'\] has type float64\[3\]",
    ),
}


@pytest.mark.parametrize("name", BAD_BACKWARD)
def test_wrong_backward_rule(name: str) -> None:
    bwd, error, message = BAD_BACKWARD[name]
    f = ft.custom(lambda p: p["a"] * p["b"])
    f.defvjp(lambda p: (f(p), p), bwd)
    with pytest.raises(error, match=message):
        ft.grad(f)({"a": 2.0, "b": 3.0})


def test_other_wrong_rules() -> None:
    f = ft.custom(lambda x: x)
    f.defjvp(lambda p, t: t[0])
    with pytest.raises(OutputTypeError, match=r"must return a pair \(out, tangent_out\)"):
        ft.jvp(f, (1.0,), (1.0,))
    with pytest.raises(RegistrationError, match="has a jvp rule already"):
        f.defjvp(lambda p, t: (p, t))
    with pytest.raises(InputTypeError, match="static_argnames='z' names no argument"):
        ft.custom(lambda x: x, static_argnames="z")
    with pytest.raises(InputTypeError, match="takes a function"):
        ft.custom(3)  # type: ignore[arg-type]


def test_closing_over_a_traced_value_is_refused() -> None:
    def use(z: Any) -> Any:
        f = ft.custom(lambda x: x * z)
        f.defjvp(lambda p, t: (f(*p), t[0]))
        return f(z)

    with pytest.raises(LeakedArrayError, match="Pass it as an argument"):
        ft.grad(use)(1.0)


def test_a_tangent_has_the_dtype_of_its_output() -> None:
    """The tangent of a Python number, which is double precision, does not widen the output's."""

    @ft.custom
    def scaled(x: Any, factor: Any) -> Any:
        return x * factor

    @scaled.defjvp
    def scaled_jvp(primals: Any, tangents: Any) -> Any:
        (x, factor), (t, t_factor) = primals, tangents
        return scaled(x, factor), t * factor + x * t_factor

    x = np.ones(2, np.float32)
    out, tangent = ft.jvp(lambda x: scaled(x, 0.5), (x,), (x,))
    assert out.dtype == tangent.dtype == np.float32
