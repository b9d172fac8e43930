"""Equal eigenvalues and singular values in graphs that have derivatives in them: a jitted function
gives what the function itself gives, whatever its program cannot know."""

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
