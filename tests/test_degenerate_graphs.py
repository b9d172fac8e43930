"""Equal eigenvalues and singular values in graphs that have derivatives in them: a jitted function
gives what the function itself gives, whatever its program cannot know, and graphs that are made
without values have derivatives that wait for these."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import functrans as ft
from functrans.core.errors import DegenerateWarning
from tests.degenerate import (
    APART,
    IDENTITY,
    SYMMETRIC,
    TIE,
    TURNED,
    WEIGHTS,
    Array,
    eigh_function,
    noisy,
    polar,
    through_eigh,
)
from tests.test_degenerate_programs import PROGRAMS, in_scan, quietly

T = SYMMETRIC[::-1, ::-1]


def along(f: Any) -> Any:
    return lambda a: ft.jvp(f, (a,), (T,))[1]


def one_lane(f: Any) -> Any:
    return lambda a: ft.vmap(f)(np.stack([APART, a]))[1]


STAGED: dict[str, Any] = {
    "jit of grad": lambda f: ft.jit(ft.grad(f)),
    "jit of jvp": lambda f: ft.jit(along(f)),
    "jit of linearize": lambda f: ft.jit(lambda a: ft.linearize(f, a)[1](T)),
    "jit of vmap of grad": lambda f: ft.jit(one_lane(ft.grad(f))),
    "vmap of jit of grad": lambda f: one_lane(ft.jit(ft.grad(f))),
    "jit of hessian": lambda f: ft.jit(ft.hessian(f)),
    "jit of jvp of grad": lambda f: ft.jit(along(ft.grad(f))),
    "jit of grad of jvp": lambda f: ft.jit(ft.grad(along(f))),
    "jvp of jit of grad": lambda f: along(ft.jit(ft.grad(f))),
    "jacrev of jit of grad": lambda f: ft.jacrev(ft.jit(ft.grad(f))),
    "grad of jit of jvp": lambda f: ft.grad(ft.jit(along(f))),
    "jit of jvp of jit of grad": lambda f: ft.jit(along(ft.jit(ft.grad(f)))),
}
PLAIN: dict[str, Any] = {
    "jit of grad": ft.grad,
    "jit of jvp": along,
    "jit of linearize": along,
    "jit of vmap of grad": ft.grad,
    "vmap of jit of grad": ft.grad,
    "jit of hessian": ft.hessian,
    "jacrev of jit of grad": ft.hessian,
    "grad of jit of jvp": lambda f: along(ft.grad(f)),
}
QUICK = {("jit of grad", "scan"), ("jvp of jit of grad", "while_loop"), ("jit of hessian", "cond")}
PAIRS = [
    pytest.param(way, program, marks=[] if (way, program) in QUICK else pytest.mark.slow)
    for way in STAGED
    for program in ("jit", "scan", "map", "while_loop", "cond", "scan in cond", "scan of jit")
    if not ("vmap" in way and "cond" in program)
]


@pytest.mark.parametrize(("way", "program"), PAIRS)
def test_functions_of_the_matrix_in_staged_derivatives(way: str, program: str) -> None:
    function = PROGRAMS[program](lambda a: np.sum(WEIGHTS * through_eigh(np.exp, a)))
    plain = PLAIN.get(way, lambda f: along(ft.grad(f)))
    exact = plain(lambda a: np.sum(WEIGHTS * eigh_function(np.exp, a)))
    staged = STAGED[way](function)
    for a in (IDENTITY, TURNED, APART, TURNED):
        found: list[Any] = []
        assert not noisy(lambda a=a, r=found: r.append(staged(a)))
        np.testing.assert_allclose(found[0], exact(a), rtol=0, atol=2e-11)


@pytest.mark.parametrize("way", ["jit of jvp", "jvp of jit of grad"])
def test_singular_vectors_in_staged_derivatives(way: str) -> None:
    """The polar factor through an inverse root of the eigenvalues of its square."""
    function = in_scan(lambda a: np.sum(WEIGHTS * polar(a)))
    root = lambda a: a @ eigh_function(lambda w: w**-0.5, a.T @ a)  # noqa: E731
    exact = along(lambda a: np.sum(WEIGHTS * root(a)))
    if way != "jit of jvp":
        exact = along(ft.grad(lambda a: np.sum(WEIGHTS * root(a))))
    found: list[Any] = []
    assert not noisy(lambda: found.append(STAGED[way](function)(TIE)))
    np.testing.assert_allclose(found[0], exact(TIE), rtol=0, atol=1e-11)


@pytest.mark.parametrize("way", ["jit of grad", "jvp of jit of grad", "jit of hessian"])
def test_what_has_no_derivative_is_said_by_the_function_itself(way: str) -> None:
    """Once, as it would without a program."""

    def told(caught: Any) -> list[str]:
        return [str(w.message).split(" (at ")[0] for w in caught]

    def function(a: Array) -> Array:
        return np.linalg.eigvalsh(a)[0] ** 2

    staged = STAGED[way](in_scan(function))
    eager = {"jit of grad": ft.grad, "jit of hessian": ft.hessian}.get(
        way, lambda f: along(ft.grad(f))
    )(in_scan(function))
    for _ in range(2):
        with pytest.warns(DegenerateWarning) as caught:
            found = staged(TURNED)
        with pytest.warns(DegenerateWarning) as wanted:
            expected = eager(TURNED)
        np.testing.assert_array_equal(found, expected)
        assert told(caught) == told(wanted)
    assert not noisy(lambda: staged(APART))


def test_effects_happen_once_and_random_numbers_are_drawn_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    looped = in_scan(lambda a: np.sum(WEIGHTS * through_eigh(np.exp, a)))

    @ft.jit
    def told(a: Array) -> Array:
        ft.debug.print("here")
        return ft.grad(looped)(a)

    assert noisy(lambda: told(TURNED))  # its program is not left
    assert capsys.readouterr().out == "here\n"

    @ft.jit
    def drawn(a: Array, rng: np.random.Generator) -> tuple[Array, Array]:
        return ft.grad(looped)(a), rng.normal(size=2)

    for _ in range(2):
        gradient, numbers = drawn(TURNED, np.random.default_rng(3))
        np.testing.assert_allclose(gradient, ft.grad(looped)(TURNED), rtol=0, atol=1e-12)
        np.testing.assert_array_equal(numbers, np.random.default_rng(3).normal(size=2))


def test_donated_arguments_are_there_for_the_function_itself() -> None:
    looped = in_scan(lambda a: np.sum(WEIGHTS * through_eigh(np.exp, a)))
    staged = ft.jit(lambda a, b: ft.grad(looped)(a) + 2 * b, donate_argnums=(0, 1))
    for a in (APART, TURNED):
        expected = ft.grad(looped)(a) + 2 * WEIGHTS
        np.testing.assert_allclose(staged(a.copy(), WEIGHTS.copy()), expected, rtol=0, atol=1e-12)


def test_errors_of_the_function_itself_are_the_users() -> None:
    @ft.jit
    def function(a: Array) -> Array:
        return ft.grad(in_scan(lambda a: np.sum(WEIGHTS * through_eigh(np.exp, a))))(a) / a[0, 1]

    with pytest.raises(FloatingPointError), np.errstate(divide="raise"):
        quietly(lambda: function(IDENTITY))


# Graphs that are made without values.

GRAPHS: dict[str, Any] = {
    "grad": ft.grad,
    "jvp": along,
    "linearize": lambda f: lambda a: ft.linearize(f, a)[1](T),
    "vmap of grad": lambda f: one_lane(ft.grad(f)),
    "jvp of grad": lambda f: along(ft.grad(f)),
    "grad of jvp": lambda f: ft.grad(along(f)),
    "jvp of jvp": lambda f: along(along(f)),
    "hessian": ft.hessian,
}
QUICK_GRAPHS = {("grad", "scan"), ("jvp", "jit"), ("jvp of grad", "while_loop"), ("jvp", "cond")}


@pytest.mark.parametrize(
    ("way", "program"),
    [
        pytest.param(way, program, marks=[] if (way, program) in QUICK_GRAPHS else pytest.mark.slow)
        for way in GRAPHS
        for program in ("jit", "scan", "map", "while_loop", "cond", "scan in cond")
        if not ("vmap" in way and "cond" in program)
    ],
)
def test_graphs_of_derivatives_of_loops_wait_for_values(way: str, program: str) -> None:
    function = PROGRAMS[program](lambda a: np.sum(WEIGHTS * through_eigh(np.exp, a)))
    exact = GRAPHS[way](lambda a: np.sum(WEIGHTS * eigh_function(np.exp, a)))
    graph = ft.make_graph(GRAPHS[way](function))(APART)
    for a in (APART, IDENTITY, TURNED):
        found: list[Any] = []
        assert not noisy(lambda a=a, r=found: r.append(graph(a)))
        np.testing.assert_allclose(found[0], exact(a), rtol=0, atol=2e-11)


@pytest.mark.parametrize("program", ["scan", "while_loop", "cond"])
def test_derivatives_of_a_graph_with_derivatives_of_loops(program: str) -> None:
    function = PROGRAMS[program](lambda a: np.sum(WEIGHTS * through_eigh(np.exp, a)))
    exact = along(ft.grad(lambda a: np.sum(WEIGHTS * eigh_function(np.exp, a))))
    graph = ft.make_graph(ft.grad(function))(APART)
    for a in (APART, IDENTITY, TURNED):
        found: list[Any] = []
        assert not noisy(lambda a=a, r=found: r.append(along(graph)(a)))
        np.testing.assert_allclose(found[0], exact(a), rtol=0, atol=2e-11)


def test_graphs_of_loops_say_what_has_no_derivative() -> None:
    for program in ("scan", "cond"):
        function = PROGRAMS[program](lambda a: np.linalg.eigvalsh(a)[0] ** 2)
        for derivative in (ft.grad, along):
            graph = ft.make_graph(derivative(function))(APART)
            assert noisy(lambda g=graph: g(TURNED))
            assert not noisy(lambda g=graph: g(APART))
        graph = ft.make_graph(along(ft.grad(function)))(APART)
        assert noisy(lambda g=graph: g(TURNED))
        assert np.isnan(quietly(lambda g=graph: g(TURNED))).all()


@pytest.mark.parametrize("name", ["vectors", "values", "singular values"])
def test_a_graph_of_derivatives_has_derivatives_where_values_are_apart(name: str) -> None:
    """And says that it has none where they are not."""
    function, plain = {
        "vectors": (
            lambda a: np.sum(WEIGHTS * through_eigh(np.exp, a)),
            lambda a: np.sum(WEIGHTS * eigh_function(np.exp, a)),
        ),
        "values": (
            lambda a: np.sum(np.exp(np.linalg.eigvalsh(a))) * a[0, 0],
            lambda a: np.trace(eigh_function(np.exp, a)) * a[0, 0],
        ),
        "singular values": (
            lambda a: np.sum(np.linalg.svdvals(a) ** 4),
            lambda a: np.sum((a.T @ a) ** 2),
        ),
    }[name]
    for derivative in (ft.hessian, lambda f: along(ft.grad(f)), along):
        graph, exact = ft.make_graph(derivative(function))(APART), derivative(plain)
        np.testing.assert_allclose(along(graph)(APART), along(exact)(APART), rtol=0, atol=1e-10)
        found = quietly(lambda g=graph: along(g)(TURNED))
        if not np.allclose(found, along(exact)(TURNED), rtol=0, atol=1e-10):
            assert np.isnan(found).any()
            assert noisy(lambda g=graph: along(g)(TURNED))


@pytest.mark.parametrize("outer", ["grad", "jvp"])
def test_derivatives_at_a_matrix_that_another_transform_does_not_know(outer: str) -> None:
    """The outermost transform of the matrix is not the outermost of all."""

    def scaled(derivative: Any, f: Any) -> Any:
        inner = lambda t: np.sum(np.sin(t) * derivative(f)(TURNED))  # noqa: E731
        return ft.grad(inner)(0.5) if outer == "grad" else ft.jvp(inner, (0.5,), (1.0,))[1]

    for derivative in (ft.grad, along, ft.hessian):
        found: list[Any] = []
        function = lambda a: np.sum(WEIGHTS * through_eigh(np.exp, a))  # noqa: E731
        assert not noisy(lambda d=derivative, r=found, f=function: r.append(scaled(d, f)))
        expected = scaled(derivative, lambda a: np.sum(WEIGHTS * eigh_function(np.exp, a)))
        np.testing.assert_allclose(found[0], expected, rtol=1e-12)
