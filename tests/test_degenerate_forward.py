"""Equal eigenvalues and singular values in forward mode: a tangent does not know what it will be
used for; a result tells."""

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
    RNG,
    SYMMETRIC,
    TIE,
    TURNED,
    UNDETERMINED,
    WEIGHTS,
    ZERO,
    Array,
    cases,
    eigh_function,
    noisy,
    through_eigh,
)


@pytest.mark.parametrize("a", [IDENTITY, PAIR, TURNED, ZERO])
def test_tangents_warn_where_equal_values_part(a: Array) -> None:
    forward = {
        "jvp": lambda t: ft.jvp(np.linalg.eigh, (a,), (t,)),
        "vmap": lambda t: ft.vmap(lambda s: ft.jvp(np.linalg.eigh, (a,), (s,)))(np.stack([t, t])),
        "linearize": lambda t: ft.linearize(np.linalg.eigh, a)[1](t),
        "graph": lambda t: ft.make_graph(lambda s: ft.jvp(np.linalg.eigh, (a,), (s,)))(t)(t),
    }
    for way in forward.values():
        assert noisy(lambda way=way: way(SYMMETRIC))
        for t in (IDENTITY, a, a @ a):  # these do not part the values
            assert not noisy(lambda way=way, t=t: way(t))


FORWARD: dict[str, Any] = {
    "jvp": lambda f, a, t: ft.jvp(f, (a,), (t,))[1],
    "linearize": lambda f, a, t: ft.linearize(f, a)[1](t),
    "jacfwd": lambda f, a, t: np.sum(ft.jacfwd(f)(a) * t),
    "vmap": lambda f, a, t: ft.vmap(lambda s: ft.jvp(f, (a,), (s,))[1])(np.stack([t, t]))[1],
    "vmap inside": lambda f, a, t: ft.jvp(lambda x: ft.vmap(f)(np.stack([x, x])), (a,), (t,))[1][1],
    "jit": lambda f, a, t: ft.jit(lambda x: ft.jvp(f, (x,), (t,))[1])(a),
    "graph": lambda f, a, t: ft.make_graph(lambda s: ft.jvp(f, (a,), (s,))[1])(t)(t),
    "checkpoint": lambda f, a, t: ft.jvp(ft.checkpoint(f), (a,), (t,))[1],
    "aux": lambda f, a, t: ft.jvp(lambda x: (f(x), f(x)), (a,), (t,), has_aux=True)[1],
}
OF_VALUES = [name for name in UNDETERMINED if "vector" not in name]
SYMMETRIC_IN_VALUES: dict[str, Any] = {
    "a sum": lambda a: np.sum(np.sin(np.linalg.eigvalsh(a))),
    "a sum without a slope": lambda a: np.trace(a) + np.sum((np.linalg.eigvalsh(a) - 1) ** 3),
    "mean and largest": lambda a: np.mean(np.linalg.svdvals(a)) + np.linalg.norm(a, 2),
    "of a general matrix": lambda a: np.real(np.sum(np.linalg.eigvals(a + 0j) ** 3)),
    "two decompositions": lambda a: (
        np.sum(np.linalg.eigvalsh(a) ** 2) * np.prod(np.linalg.svdvals(a @ a))
    ),
    "one from another": lambda a: np.sum(
        np.linalg.eigvalsh(np.eye(2) * np.prod(np.linalg.eigvalsh(a)))
    ),
    "written into an array": lambda a: np.sum(written(np.linalg.eigvalsh(a))),
    "a loop": lambda a: ft.fori_loop(0, 2, lambda i, s: s * s, np.sum(np.linalg.eigvalsh(a))),
    "constants": lambda a: np.sum(np.argsort(np.linalg.eigvalsh(a))) + np.trace(a),
}


def written(w: Array) -> Array:
    y = np.zeros_like(w, shape=(3, 1000))  # large: written to in its own memory
    y[:, 0] = w
    y[0, 1] = np.sum(w)
    return y


@pytest.mark.parametrize("way", FORWARD)
@pytest.mark.parametrize(("function", "a"), cases({name: UNDETERMINED[name] for name in OF_VALUES}))
def test_a_result_that_tells_equal_values_apart_warns(function: Any, a: Array, way: str) -> None:
    found: list[Any] = []
    assert noisy(lambda: found.append(FORWARD[way](function, a, SYMMETRIC)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DegenerateWarning)
        expected = np.sum(ft.grad(function)(a) * SYMMETRIC)
    np.testing.assert_allclose(found[0], expected, rtol=1e-12, atol=1e-12)
    # What moves all alike has a derivative.
    assert not noisy(lambda: FORWARD["jvp"](function, a, IDENTITY))


@pytest.mark.parametrize("way", FORWARD)
@pytest.mark.parametrize("name", SYMMETRIC_IN_VALUES)
def test_a_result_that_does_not_tell_them_apart_does_not_warn(name: str, way: str) -> None:
    function = SYMMETRIC_IN_VALUES[name]
    for a in (IDENTITY, PAIR, TURNED):
        for t in (SYMMETRIC, np.diag([1.0, -1.0, 0.0])):
            found: list[Any] = []
            if way == "graph" and name == "a loop":
                continue
            assert not noisy(lambda a=a, t=t, r=found: r.append(FORWARD[way](function, a, t)))
            expected = np.sum(ft.grad(function)(a) * t)
            np.testing.assert_allclose(found[0], expected, rtol=1e-12, atol=1e-12)


def test_tangents_of_all_values_warn() -> None:
    """Each of them is a result that tells."""
    for function in (np.linalg.eigvalsh, np.linalg.svdvals):
        assert noisy(lambda f=function: ft.jvp(f, (PAIR,), (SYMMETRIC,)))
        assert not noisy(lambda f=function: ft.jvp(f, (APART,), (SYMMETRIC,)))
    assert not noisy(lambda: ft.jvp(np.linalg.eigh, (APART,), (SYMMETRIC,)))


def test_the_warning_names_the_decomposition() -> None:
    def values(a: Array) -> Array:
        return np.linalg.eigvalsh(a)  # this line

    with pytest.warns(DegenerateWarning) as caught:
        ft.jvp(lambda a: values(a)[0], (3 * IDENTITY,), (SYMMETRIC,))
    message = str(caught[0].message)
    line = values.__code__.co_firstlineno + 1
    for part in (
        "eigh",
        "3, 3, 3",
        "tells these eigenvalues apart",
        f"forward.py:{line} in values",
    ):
        assert part in message
    assert caught[0].filename == __file__


def test_single_precision_and_stacks() -> None:
    stack = np.stack([APART, PAIR]).astype(np.float32)
    t = np.stack([SYMMETRIC, SYMMETRIC]).astype(np.float32)
    assert noisy(lambda: ft.jvp(lambda a: np.linalg.eigvalsh(a)[:, 0], (stack,), (t,)))
    assert not noisy(lambda: ft.jvp(lambda a: np.sum(np.linalg.eigvalsh(a), -1), (stack,), (t,)))
    assert not noisy(lambda: ft.jvp(lambda a: np.linalg.eigvalsh(a)[:, 2], (stack,), (t,)))


def test_a_derivative_by_another_variable() -> None:
    """The gradient is linear in these weights: it is its own derivative along them."""

    def gradient(weights: Array, of: Any = through_eigh) -> Array:
        return ft.grad(lambda a: np.sum(weights * of(np.exp, a)))(PAIR)

    for along in (SYMMETRIC, np.diag([1.0, 2.0, 3.0])):
        found: list[Any] = []
        assert not noisy(lambda t=along, r=found: r.append(ft.jvp(gradient, (IDENTITY,), (t,))[1]))
        expected = gradient(along, eigh_function)
        np.testing.assert_allclose(found[0], expected, rtol=0, atol=1e-12)
        backward = lambda c, t=along: np.sum(t * gradient(c))  # noqa: E731
        assert not noisy(lambda f=backward, r=found: r.append(ft.grad(f)(IDENTITY)))
        np.testing.assert_allclose(found[1], expected, rtol=0, atol=1e-12)


def test_tangents_of_singular_vectors() -> None:
    for a in (IDENTITY, TIE, ZERO, np.diag([2.0, 1.0, 0.0])):
        assert noisy(lambda a=a: ft.jvp(np.linalg.svd, (a,), (WEIGHTS,)))
    for a in (APART, WEIGHTS, np.diag([3.0, 2.0])):
        direction = RNG.standard_normal(a.shape)
        assert not noisy(lambda a=a, t=direction: ft.jvp(np.linalg.svd, (a,), (t,)))
    assert not noisy(lambda: ft.jvp(np.linalg.svd, (TIE,), (TIE,)))
