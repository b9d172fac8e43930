"""Equal eigenvalues and singular values in programs: jitted functions, loops and branches under
derivatives say what the eager function says."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import functrans as ft
from functrans.core.errors import DegenerateWarning
from tests.degenerate import (
    APART,
    IDENTITY,
    PAIR,
    SYMMETRIC,
    TURNED,
    Array,
    eigh_function,
    noisy,
    through_eigh,
)

LENGTH = 3


def quietly(function: Any) -> Any:
    """A result without the warnings on the way."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DegenerateWarning)
        return function()


def in_scan(f: Any) -> Any:
    def body(carry: Any, x: Array) -> Any:
        a, total = carry
        return (a * 1.0, total + x * f(a)), f(a)

    return lambda a: ft.scan(body, (a, 0.0), np.ones(LENGTH))[0][1] / LENGTH


def in_while(f: Any) -> Any:
    def body(state: Any) -> Any:
        i, a, total = state
        return i + 1, a * 1.0, total + f(a)

    return lambda a: ft.while_loop(lambda s: s[0] < LENGTH, body, (0, a, 0.0))[2] / LENGTH


PROGRAMS: dict[str, Any] = {
    "jit": ft.jit,
    "jit on NumPy": lambda f: ft.jit(f, backend="numpy"),
    "scan": in_scan,
    "map": lambda f: lambda a: np.mean(ft.map(f, np.stack([a, a]))),
    "while_loop": in_while,
    "cond": lambda f: lambda a: ft.cond(np.sum(a) > 0, f, lambda a: a[0, 0], a),
    "switch": lambda f: lambda a: ft.switch(np.int64(1), [np.sum, f], a),
    "jit of scan": lambda f: ft.jit(in_scan(f)),
    "scan in cond": lambda f: lambda a: ft.cond(np.sum(a) > 0, in_scan(f), np.sum, a),
    "checkpoint": ft.checkpoint,
    "checkpoint with a policy": lambda f: ft.checkpoint(
        f, policy=ft.checkpoint_policies.dots_saveable
    ),
    "scan of jit": lambda f: in_scan(ft.jit(f)),
}
FORWARD: dict[str, Any] = {
    "jvp": lambda f, a, t: ft.jvp(f, (a,), (t,))[1],
    "linearize": lambda f, a, t: ft.linearize(f, a)[1](t),
    "jit": lambda f, a, t: ft.jit(lambda x: ft.jvp(f, (x,), (t,))[1])(a),
    "jit on NumPy": lambda f, a, t: ft.jit(lambda x: ft.jvp(f, (x,), (t,))[1], backend="numpy")(a),
    "vmap": lambda f, a, t: ft.vmap(lambda x: ft.jvp(f, (x,), (t,))[1])(np.stack([APART, a]))[1],
    "vmap inside": lambda f, a, t: ft.jvp(ft.vmap(f), (np.stack([APART, a]),), (np.stack([t, t]),))[
        1
    ][1],
    "graph": lambda f, a, t: ft.make_graph(lambda s: ft.jvp(f, (a,), (s,))[1])(t)(t),
}
TELLING: dict[str, Any] = {
    "an eigenvalue": lambda a: np.linalg.eigvalsh(a)[0],
    "a singular value": lambda a: np.linalg.svdvals(a)[1] ** 2,
    "values beside vectors": lambda a: np.linalg.eigh(a)[0][0],
}
ALIKE: dict[str, Any] = {
    "a sum of eigenvalues": lambda a: np.sum(np.sin(np.linalg.eigvalsh(a))),
    "a sum of singular values": lambda a: np.sum(np.linalg.svdvals(a) ** 3),
    "a loop over one": lambda a: np.trace(a) + np.linalg.eigvalsh(a)[-1],
}


QUICK = ("jvp", "linearize", "jit", "vmap inside")
WAYS = [way if way in QUICK else pytest.param(way, marks=pytest.mark.slow) for way in FORWARD]
BY_PULLBACK = {
    "scan",
    "map",
    "while_loop",
    "cond",
    "switch",
    "jit of scan",
    "scan in cond",
    "scan of jit",
}
"""Of these `linearize` takes the transposed pullback, which warns before there is a direction."""


def functions_of(table: dict[str, Any], way: str) -> list[Any]:
    """All functions in forward mode itself, one elsewhere."""
    return list(table.values())[: None if way == "jvp" else 1]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("program", PROGRAMS)
def test_programs_warn_as_the_eager_function_does(program: str, way: str) -> None:
    for function in functions_of(TELLING, way):
        inner = PROGRAMS[program](function)
        with pytest.warns(DegenerateWarning):
            found = FORWARD[way](inner, PAIR, SYMMETRIC)
        expected = np.sum(quietly(lambda f=function: ft.grad(f)(PAIR)) * SYMMETRIC)
        np.testing.assert_allclose(found, expected, rtol=1e-12)
        assert not noisy(lambda f=inner: FORWARD[way](f, APART, SYMMETRIC))
        if way != "linearize" or program not in BY_PULLBACK:
            assert not noisy(lambda f=inner: FORWARD[way](f, PAIR, IDENTITY))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("program", PROGRAMS)
def test_programs_do_not_warn_of_symmetric_functions(program: str, way: str) -> None:
    for function in functions_of(ALIKE, way):
        found = FORWARD[way](PROGRAMS[program](function), PAIR, SYMMETRIC)
        expected = np.sum(ft.grad(function)(PAIR) * SYMMETRIC)
        np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_a_jitted_part_of_a_symmetric_function() -> None:
    """What it returns tells equal values apart, what becomes of that does not."""
    values = ft.jit(lambda a: np.sin(np.linalg.eigvalsh(a)))
    looped = lambda a: ft.scan(lambda c, _: (c, np.linalg.eigvalsh(c)), a, None, length=2)[1]  # noqa: E731
    for part in (values, looped):
        assert not noisy(lambda f=part: ft.jvp(lambda a: np.sum(f(a)), (PAIR,), (SYMMETRIC,)))
        assert noisy(lambda f=part: ft.jvp(f, (PAIR,), (SYMMETRIC,)))


SECOND_ORDER: dict[str, Any] = {
    "jacfwd of jacrev": lambda f: ft.jacfwd(ft.jacrev(f)),
    "jacrev of jacrev": lambda f: ft.jacrev(ft.jacrev(f)),
    "jacrev of jacfwd": lambda f: ft.jacrev(ft.jacfwd(f)),
    "jacfwd of jacfwd": lambda f: ft.jacfwd(ft.jacfwd(f)),
    "jit of jacfwd of jacfwd": lambda f: ft.jit(ft.jacfwd(ft.jacfwd(f))),
    "jit of jacrev of jacfwd": lambda f: ft.jit(ft.jacrev(ft.jacfwd(f))),
}


@pytest.mark.parametrize("way", SECOND_ORDER)
@pytest.mark.parametrize("program", ["jit", "scan", "while_loop", "cond"])
def test_second_derivatives_of_programs(program: str, way: str) -> None:
    """They are run in pieces, between which values carry how they part."""
    function = lambda a: np.sum(np.exp(np.linalg.eigvalsh(a))) * np.cos(a[0, 0])  # noqa: E731
    lopsided = lambda a: (np.linalg.eigvalsh(a)[0] - 1) ** 2  # noqa: E731
    derivative = SECOND_ORDER[way]
    for a in (IDENTITY, TURNED):
        found = derivative(PROGRAMS[program](function))(a)
        np.testing.assert_allclose(found, ft.hessian(function)(a), rtol=0, atol=1e-12)
    assert noisy(lambda: derivative(PROGRAMS[program](lopsided))(PAIR))
    assert np.isnan(quietly(lambda: derivative(PROGRAMS[program](lopsided))(PAIR))).any()


@pytest.mark.parametrize("program", PROGRAMS)
def test_first_derivatives_of_functions_of_the_matrix_through_vectors(program: str) -> None:
    function = PROGRAMS[program](lambda a: np.sum(SYMMETRIC * through_eigh(np.exp, a)))
    plain = lambda a: np.sum(SYMMETRIC * eigh_function(np.exp, a))  # noqa: E731
    for a in (IDENTITY, TURNED, APART):
        expected, found = ft.grad(plain)(a), []
        assert not noisy(lambda a=a, r=found: r.append(ft.grad(function)(a)))
        np.testing.assert_allclose(found[0], expected, rtol=0, atol=1e-12)
        assert not noisy(lambda a=a, r=found: r.append(FORWARD["jvp"](function, a, SYMMETRIC)))
        np.testing.assert_allclose(found[1], np.sum(expected * SYMMETRIC), rtol=1e-12)


def test_loops_whose_checkpoints_are_chosen_keep_to_them_and_warn() -> None:
    def function(a: Array) -> Array:
        body = lambda c, _: (through_eigh(np.sin, c), None)  # noqa: E731
        return np.sum(SYMMETRIC * ft.scan(body, a, None, length=4, checkpoint=2)[0])

    assert noisy(lambda: ft.grad(function)(IDENTITY))
    assert not noisy(lambda: ft.grad(function)(APART))


def test_results_that_are_operands_can_be_written_to() -> None:
    """Also where a loop does not run at all, or a branch returns what it was given."""

    def function(a: Array) -> Array:
        b = ft.while_loop(lambda m: np.sum(np.linalg.eigvalsh(m)) < 0, np.linalg.inv, a)
        b[0, 0] = 7.0
        _, c = ft.jit(lambda m: (np.linalg.eigvalsh(m), m))(a)
        c[1, 1] = 8.0
        return np.sum(a**2)

    along = lambda x: ft.jvp(function, (x,), (SYMMETRIC,))[1]  # noqa: E731
    np.testing.assert_allclose(ft.grad(along)(PAIR), 2 * SYMMETRIC, rtol=1e-14)
    np.testing.assert_allclose(ft.jvp(ft.grad(function), (PAIR,), (SYMMETRIC,))[1], 2 * SYMMETRIC)


def test_gradients_of_programs_do_not_warn_of_their_tangents() -> None:
    """The decompositions of a gradient's program are not those of the function."""
    for wrap in (ft.jit, in_scan, PROGRAMS["cond"]):
        function = wrap(lambda a: np.sum(np.exp(np.linalg.eigvalsh(a))))
        along = lambda f=function: ft.jvp(ft.grad(f), (PAIR,), (SYMMETRIC,))[1]  # noqa: E731
        assert not noisy(along)


def test_the_warning_names_the_line_within() -> None:
    def values(a: Array) -> Array:
        return np.linalg.eigvalsh(a)  # this line

    line = values.__code__.co_firstlineno + 1
    for wrap in (ft.jit, in_scan):
        with pytest.warns(DegenerateWarning) as caught:
            ft.jvp(wrap(lambda a: values(a)[0]), (PAIR,), (SYMMETRIC,))
        message = str(caught[0].message)
        assert f"programs.py:{line} in values" in message
        assert "tells these eigenvalues apart" in message
        assert caught[0].filename == __file__


def test_pieces_keep_effects_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    def function(a: Array) -> Array:
        ft.debug.print("first {}", a[0, 0])
        w = np.linalg.eigvalsh(a)
        ft.debug.print("second {}", w[0])
        ft.debug.print("third {}", a[1, 1])
        return np.sum(w)

    ft.jvp(ft.jit(function), (PAIR,), (SYMMETRIC,))
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == [
        "first",
        "second",
        "third",
    ]


def test_programs_without_decompositions_are_run_whole() -> None:
    graph = ft.make_graph(ft.jit(lambda x: np.sin(x) * 2))(np.ones(3))
    from functrans.control.call import call

    rules = ft.extend.primitive_of(call).higher
    assert rules is not None and rules.opened({"graph": graph}, False, False) is None
    assert rules.shifted({"graph": graph}) is None
