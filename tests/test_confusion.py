"""Perturbation confusion: derivatives inside derivatives keep apart what belongs to whom."""

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest

import functrans as ft

Derivative = Callable[[Callable[[Any], Any]], Callable[[Any], Any]]


def by_pullback(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def derivative(x: Any) -> Any:
        out, pullback = ft.vjp(f, x)
        return pullback(np.ones(np.shape(out))[()])[0]

    return derivative


# The derivative of a scalar function, in every way there is.
DERIVATIVES: dict[str, Derivative] = {
    "grad": ft.grad,
    "jvp": lambda f: lambda x: ft.jvp(f, (x,), (1.0,))[1],
    "vjp": by_pullback,
    "linearize": lambda f: lambda x: ft.linearize(f, x)[1](1.0),
    "jacfwd": ft.jacfwd,
    "jacrev": ft.jacrev,
    "batched": lambda f: lambda x: ft.vmap(lambda t: ft.jvp(f, (x,), (t,))[1])(np.ones(2))[1],
}
PAIRS = list(product(DERIVATIVES, repeat=2))


@pytest.mark.parametrize(("outer", "inner"), PAIRS)
def test_product_with_inner_derivative_of_a_sum(outer: str, inner: str) -> None:
    """d/dx (x * d/dy (x + y)) = 1; a confused tangent of x gives 2."""
    d, e = DERIVATIVES[outer], DERIVATIVES[inner]
    assert d(lambda x: x * e(lambda y: x + y)(1.0))(1.0) == 1.0


@pytest.mark.parametrize(("outer", "inner"), PAIRS)
def test_inner_derivative_of_an_outer_variable_is_zero(outer: str, inner: str) -> None:
    """d/dy x = 0, so the whole is 0 and so is its derivative."""
    d, e = DERIVATIVES[outer], DERIVATIVES[inner]
    assert d(lambda x: x * e(lambda y: x * x)(2.0))(3.0) == 0.0


@pytest.mark.parametrize(("outer", "inner"), PAIRS)
def test_inner_point_depends_on_the_outer_variable(outer: str, inner: str) -> None:
    """d/dx of (d/dy x^2 y^2 at y = x) = d/dx 2 x^3 = 6 x^2."""
    d, e = DERIVATIVES[outer], DERIVATIVES[inner]
    assert d(lambda x: e(lambda y: x**2 * y**2)(x))(2.0) == 24.0


@pytest.mark.parametrize("words", list(product(DERIVATIVES, repeat=3)), ids="-".join)
def test_three_levels(words: tuple[str, str, str]) -> None:
    """d/dx (x * d/dy (y * d/dz (x y z) at z = y) at y = x) = d/dx 3 x * x^2... by hand: 12 x^3."""
    a, b, c = (DERIVATIVES[word] for word in words)

    def innermost(x: Any, y: Any) -> Any:
        return c(lambda z: x * y * z * z)(y)  # 2 x y^2

    def middle(x: Any) -> Any:
        return b(lambda y: y * innermost(x, y))(x)  # d/dy 2 x y^3 = 6 x y^2 = 6 x^3

    assert a(lambda x: x * middle(x) / 2)(1.5) == pytest.approx(12 * 1.5**3, rel=1e-15)


@pytest.mark.parametrize("inner", DERIVATIVES)
def test_same_function_at_both_levels(inner: str) -> None:
    """One closure differentiated inside itself: levels are told apart by the call, not the code."""
    d = DERIVATIVES[inner]

    def f(x: Any, depth: int) -> Any:
        if depth == 0:
            return x**3
        return x * d(lambda y: f(y, depth - 1))(x)

    # f1 = 3 x^3, f2 = x * 9 x^2 = 9 x^3, f3 = 27 x^3
    assert d(lambda x: f(x, 2))(1.0) == 27.0


def test_outer_variable_as_tangent() -> None:
    """A tangent may itself be traced: d/dt (cos(2) t) = cos(2)."""
    assert ft.grad(lambda t: ft.jvp(np.sin, (2.0,), (t,))[1])(5.0) == np.cos(2.0)
    assert ft.jvp(lambda t: ft.jvp(np.sin, (2.0,), (t,))[1], (5.0,), (3.0,))[1] == 3 * np.cos(2.0)


def test_outer_variable_as_tangent_and_as_primal() -> None:
    """d/dx (x cos x) with x in both places."""
    expected = np.cos(0.7) - 0.7 * np.sin(0.7)
    for d in DERIVATIVES.values():
        found = d(lambda x: ft.jvp(np.sin, (x,), (x,))[1])(0.7)
        assert found == pytest.approx(expected, rel=1e-15)


def test_pullback_used_inside_a_later_trace() -> None:
    """A pullback is a function like others: it can be differentiated, batched and staged."""
    _, pullback = ft.vjp(np.sin, 0.5)
    c = np.cos(0.5)
    assert ft.grad(lambda g: pullback(g)[0] ** 2)(3.0) == pytest.approx(6 * c * c, rel=1e-15)
    assert ft.jvp(lambda g: pullback(g)[0], (3.0,), (2.0,))[1] == 2 * c
    np.testing.assert_array_equal(
        ft.vmap(lambda g: pullback(g)[0])(np.arange(3.0)), c * np.arange(3.0)
    )
    assert ft.make_graph(lambda g: pullback(g)[0])(1.0)(4.0) == 4 * c


def test_linear_function_used_inside_a_later_trace() -> None:
    _, linear = ft.linearize(lambda x: x**3, 2.0)
    assert ft.grad(lambda t: linear(t) ** 2)(3.0) == 2 * 36 * 12
    np.testing.assert_array_equal(ft.vmap(linear)(np.arange(3.0)), 12 * np.arange(3.0))


def test_pullback_of_an_outer_variable_used_inside_an_inner_trace() -> None:
    """d/dx (x * d/dg (g cos x)) = cos x - x sin x."""

    def f(x: Any) -> Any:
        _, pullback = ft.vjp(np.sin, x)
        return x * ft.grad(lambda g: pullback(g)[0])(1.0)

    assert ft.grad(f)(0.7) == pytest.approx(np.cos(0.7) - 0.7 * np.sin(0.7), rel=1e-15)


def test_batches_inside_batches() -> None:
    """The axes of two vmaps and of a gradient between them are told apart."""
    xs, ys = np.array([1.0, 2.0, 3.0]), np.array([10.0, 20.0])

    def row(x: Any) -> Any:
        return ft.vmap(lambda y: ft.grad(lambda z: z * z * x * y)(x))(ys)

    np.testing.assert_array_equal(ft.vmap(row)(xs), 2 * xs[:, None] ** 2 * ys)
    total = ft.grad(lambda v: np.sum(ft.vmap(row)(v)))
    np.testing.assert_array_equal(total(xs), 4 * xs * 30)


def test_batch_of_the_outer_is_a_constant_of_the_inner() -> None:
    xs, ys = np.arange(3.0), np.arange(3.0) * 10
    outer = ft.vmap(lambda x: ft.vmap(lambda y: x * x)(ys))(xs)
    np.testing.assert_array_equal(outer, np.repeat(xs[:, None] ** 2, 3, axis=1))


def test_custom_rule_inside_batch_inside_gradient() -> None:
    """A user's rule sees values of the transforms around it, and is used in place of the body."""

    @ft.custom
    def tripled(x: Any) -> Any:
        return x * 1.0

    @tripled.defjvp
    def rule(primals: Any, tangents: Any) -> Any:
        (x,), (t,) = primals, tangents
        return tripled(x), 3 * t * x  # not the derivative of the body, on purpose

    xs = np.array([1.0, 2.0])

    def f(scale: Any) -> Any:
        return np.sum(ft.vmap(lambda x: ft.grad(lambda y: tripled(y * scale))(x))(xs))

    # d/dy tripled(y s) = 3 s (y s) = 3 s^2 y; d/ds = 6 s y
    assert f(2.0) == 3 * 4 * 3.0
    assert ft.grad(f)(2.0) == pytest.approx(6 * 2 * 3.0, rel=1e-15)


def test_value_kept_from_the_outer_level() -> None:
    """An inner function may return what belongs to the outer level, next to its own output."""

    def f(x: Any) -> Any:
        y = np.sin(x)
        gradient, kept = ft.grad(lambda z: (z * y, y * 2), has_aux=True)(3.0)
        return gradient * kept  # y * 2 y

    assert ft.grad(f)(0.4) == pytest.approx(4 * np.sin(0.4) * np.cos(0.4), rel=1e-15)


def test_generator_crosses_levels() -> None:
    """What a generator of the outer level yields at an inner level belongs to the outer one."""

    def f(x: Any) -> Any:
        powers = (x**n for n in range(1, 4))
        first = next(powers)
        # The generator computes x**2 while the inner gradient runs.
        inner = ft.grad(lambda y: y * y * next(powers))(first)  # 2 x * x^2
        return inner + next(powers)  # 2 x^3 + x^3

    assert ft.grad(f)(2.0) == 36.0
