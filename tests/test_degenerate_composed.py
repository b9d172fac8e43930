"""Functions of functions of a matrix, each by a decomposition, where values are equal in both."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import functrans as ft
from tests.degenerate import (
    APART,
    IDENTITY,
    PAIR,
    SECOND_ORDER,
    SYMMETRIC,
    TURNED,
    WEIGHTS,
    Array,
    eigh_function,
    hermitian,
    noisy,
    through_eigh,
    weighted,
)

DEFINITE = WEIGHTS @ WEIGHTS.T + IDENTITY


def by_svd(a: Array) -> Array:
    u, s, vh = np.linalg.svd(a)
    return (u * s**3) @ vh


def by_eig(a: Array) -> Array:
    w, v = np.linalg.eig(a + 0j)
    return np.real((v * np.sqrt(w)) @ np.linalg.inv(v))


def whole(x: Array) -> Array:
    return x * IDENTITY


# Functions through vectors, and the same by a function of the matrix.
COMPOSED: dict[str, Any] = {
    "a root of an exponential": (
        lambda a: through_eigh(np.sqrt, through_eigh(np.exp, a)),
        lambda a: eigh_function(lambda w: np.exp(w / 2), a),
    ),
    "three": (
        lambda a: through_eigh(np.sin, through_eigh(np.exp, through_eigh(np.cos, a))),
        lambda a: eigh_function(lambda w: np.sin(np.exp(np.cos(w))), a),
    ),
    "beside another": (
        lambda a: through_eigh(np.sin, through_eigh(np.exp, a)) @ through_eigh(np.cos, a),
        lambda a: eigh_function(lambda w: np.sin(np.exp(w)) * np.cos(w), a),
    ),
    "what does not commute": (
        lambda a: through_eigh(np.sin, through_eigh(np.exp, a) + a @ DEFINITE @ a - DEFINITE),
        lambda a: eigh_function(
            np.sin, hermitian(eigh_function(np.exp, a) + a @ DEFINITE @ a - DEFINITE)
        ),
    ),
    "a function without a slope": (
        lambda a: through_eigh(np.exp, through_eigh(lambda w: (w - 1) ** 2, a)),
        lambda a: eigh_function(lambda w: np.exp((w - 1) ** 2), a),
    ),
    "a constant function": (
        lambda a: through_eigh(np.sqrt, through_eigh(lambda w: 1 + 0 * w, a)),
        lambda a: IDENTITY + 0 * a,
    ),
    "values": (
        lambda a: whole(np.sum(np.exp(np.linalg.eigvalsh(through_eigh(np.sin, a))))),
        lambda a: whole(np.trace(eigh_function(lambda w: np.exp(np.sin(w)), a))),
    ),
    "values that are apart": (
        lambda a: whole(
            np.sum(
                np.linalg.eigvalsh(through_eigh(np.sqrt, a) @ DEFINITE @ through_eigh(np.sqrt, a))
                ** 1.5
            )
        ),
        lambda a: whole(
            np.trace(
                eigh_function(
                    lambda w: w**1.5,
                    hermitian(eigh_function(np.sqrt, a) @ DEFINITE @ eigh_function(np.sqrt, a)),
                )
            )
        ),
    ),
    "singular vectors": (
        lambda a: by_svd(through_eigh(np.exp, a)),
        lambda a: eigh_function(lambda w: np.exp(3 * w), a),
    ),
    "singular values": (
        lambda a: whole(np.sum(np.linalg.svdvals(through_eigh(np.exp, a)) ** 3)),
        lambda a: whole(np.trace(eigh_function(lambda w: np.exp(3 * w), a))),
    ),
    "general vectors": (
        lambda a: by_eig(through_eigh(np.exp, a)),
        lambda a: eigh_function(lambda w: np.exp(w / 2), a),
    ),
}


def along(word: str, f: Any) -> Any:
    """Derivatives along one direction, from the inside: j by tangents, g by gradients."""
    for mode in word:
        if mode == "j":
            f = lambda a, f=f: ft.jvp(f, (a,), (SYMMETRIC,))[1]  # noqa: E731
        else:
            f = lambda a, f=f: np.sum(ft.grad(f)(a) * SYMMETRIC)  # noqa: E731
    return f


def words(*lengths: int) -> list[str]:
    return ["".join(w) for n in lengths for w in itertools.product("jg", repeat=n)]


def exact(name: str, word: str, points: Any, around: Any = lambda f: f) -> None:
    function, plain = map(weighted, COMPOSED[name])
    for a in points:
        found: list[Any] = []
        assert not noisy(lambda a=a, r=found: r.append(around(along(word, function))(a)))
        expected = along(word, plain)(a)
        np.testing.assert_allclose(found[0], expected, rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("word", words(1, 2))
@pytest.mark.parametrize("name", COMPOSED)
def test_functions_of_functions(name: str, word: str) -> None:
    exact(name, word, (IDENTITY, TURNED))


@pytest.mark.parametrize("way", SECOND_ORDER)
def test_hessians_of_functions_of_functions(way: str) -> None:
    for name in ("a root of an exponential", "beside another"):
        function, plain = map(weighted, COMPOSED[name])
        found: list[Any] = []
        assert not noisy(lambda f=function, r=found: r.append(SECOND_ORDER[way](f)(TURNED)))
        expected = ft.hessian(plain)(TURNED)
        np.testing.assert_allclose(found[0], expected, rtol=1e-9, atol=1e-11)


@pytest.mark.slow
@pytest.mark.parametrize("word", words(1, 2))
@pytest.mark.parametrize("name", COMPOSED)
def test_functions_of_functions_elsewhere(name: str, word: str) -> None:
    exact(name, word, (2 * IDENTITY, PAIR, APART))


@pytest.mark.parametrize(
    "word", ["jjg", *(pytest.param(w, marks=pytest.mark.slow) for w in words(3) if w != "jjg")]
)
def test_third_derivatives_of_functions_of_functions(word: str) -> None:
    exact("a root of an exponential", word, (IDENTITY,))


@pytest.mark.parametrize("word", ["g", "jg", pytest.param("gj", marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "around",
    [
        ft.jit,
        lambda f: lambda a: ft.vmap(f)(np.stack([APART, a]))[1],
        lambda f: lambda a: ft.jit(ft.vmap(f))(np.stack([APART, a]))[1],
    ],
)
def test_programs_and_stacks_of_functions_of_functions(word: str, around: Any) -> None:
    exact("a root of an exponential", word, (IDENTITY, TURNED), around)


def test_functions_of_functions_in_graphs_and_loops() -> None:
    function, plain = map(weighted, COMPOSED["a root of an exponential"])
    expected = ft.hessian(plain)(TURNED)

    def looped(a: Array) -> Array:
        return ft.scan(lambda c, _: (c * 1.0, function(c)), a, None, length=2)[1][1]

    for f in (ft.checkpoint(function), ft.jit(function), looped):
        np.testing.assert_allclose(ft.hessian(f)(TURNED), expected, rtol=1e-9, atol=1e-11)
    graph = ft.make_graph(ft.hessian(function))(APART)
    np.testing.assert_allclose(graph(TURNED), expected, rtol=1e-9, atol=1e-11)


def of_vectors(a: Array) -> Array:
    v = np.linalg.eigh(a)[1]
    return through_eigh(np.exp, v[:, :1] @ v[:, :1].T)


def of_other_values(a: Array) -> Array:
    w, v = np.linalg.eigh(a)
    again = np.linalg.eigh((v * w**2) @ v.T)[0]
    return (v * np.sqrt(again)) @ v.T


@pytest.mark.parametrize("function", [of_vectors, of_other_values])
@pytest.mark.parametrize("word", words(1, 2))
def test_what_is_no_function_of_the_matrix_in_between(function: Any, word: str) -> None:
    """The second is the matrix itself, but its values and vectors part on different ways."""
    for a in (IDENTITY, 3 * TURNED):
        found: list[Any] = []
        assert noisy(lambda a=a, r=found: r.append(along(word, weighted(function))(a)))
        assert np.isnan(found[0]) or word in words(1)


TELLING = {
    "an eigenvalue": lambda a: np.linalg.eigvalsh(through_eigh(np.exp, a))[0],
    "a singular value": lambda a: np.linalg.svdvals(through_eigh(np.exp, a))[-1],
    "a value beside vectors": lambda a: np.linalg.eigh(through_eigh(np.exp, a))[0][0],
    "a value of a general matrix": lambda a: np.real(
        np.linalg.eigvals(through_eigh(np.exp, a) + 0j)[0]
    ),
    "an eigenvalue beside a function of the matrix": lambda a: (
        weighted(lambda a: through_eigh(np.exp, a))(a) + np.linalg.eigvalsh(a)[0]
    ),
}


@pytest.mark.parametrize("word", words(1, 2))
@pytest.mark.parametrize("name", TELLING)
def test_what_tells_equal_values_apart(name: str, word: str) -> None:
    """By the order of what comes of another decomposition, or stands beside one."""
    assert noisy(lambda: along(word, TELLING[name])(IDENTITY))
    assert not noisy(lambda: along(word, TELLING[name])(APART))
