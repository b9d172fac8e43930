"""Singular values that vanish but for rounding, of whatever origin: derivatives as if they did."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest

import functrans as ft
from tests.degenerate import Array, through_svd
from tests.test_near_equal import WEIGHTS, P, Q, exact, near

RNG = np.random.default_rng(5)
TALL = np.linalg.qr(RNG.standard_normal((6, 6)))[0][:, :4]
MORE = np.vstack([WEIGHTS, WEIGHTS[:2]])


def odd(a: Array) -> Array:
    return np.sum(MORE[: len(a)] * through_svd(np.sin, a))


def right(a: Array) -> Array:
    _, s, vh = np.linalg.svd(a)
    return np.sum(WEIGHTS * ((vh.T * np.cos(s)) @ vh))


def even(a: Array) -> Array:
    return np.sum(np.cos(np.linalg.svdvals(a)))


def digits(function: Any, a: Array, direction: Array, t: Any) -> Any:
    """The value of one of these functions at ``a + t * direction``, in many digits."""

    def ratio(x: Any) -> Any:
        root = mpmath.sqrt(abs(x))
        return mpmath.sin(root) / root if root else mpmath.mpf(1)

    def cosine(x: Any) -> Any:
        return mpmath.cos(mpmath.sqrt(abs(x)))

    m = mpmath.matrix(a.tolist()) + t * mpmath.matrix(direction.tolist())
    w, v = mpmath.eigsy(m.T * m)
    if function is even:
        return sum(map(cosine, w))
    y = v * mpmath.diag(list(map(cosine if function is right else ratio, w))) * v.T
    y = y if function is right else m * y
    return sum(float(MORE[i, j]) * y[i, j] for i in range(y.rows) for j in range(y.cols))


def derivatives(function: Any, a: Array, direction: Array) -> tuple[float, float]:
    """The first and the second derivative along a direction."""
    with mpmath.workdps(60):
        t = mpmath.mpf(10) ** -12
        left, middle, ahead = (digits(function, a, direction, s * t) for s in (-1, 0, 1))
        return float((ahead - left) / (2 * t)), float((ahead - 2 * middle + left) / t**2)


def small(*values: float, basis: Array = P) -> Array:
    s = np.array([2.0, 1.3, 0.8, 0.5])
    s[4 - len(values) :] = values
    return (basis * s) @ Q.T


SMALL = [
    *[(10.0**-k,) for k in (3, 6, 9, 11, 13, 15)],
    *[(1e-9, 0.7e-9), (1e-13, 0.5e-13), (1e-13, 1e-13), (1e-10, 1e-14), (1e-13, 1e-18), (1e-12, 0)],
    *[(1e-7, 1e-12), (3e-13, 2e-13, 1e-13)],
]


@pytest.mark.parametrize("values", SMALL)
@pytest.mark.parametrize(
    ("function", "basis"),
    [(odd, P), (odd, TALL), (right, P), (even, P)],
    ids=["odd", "odd of tall matrices", "right vectors", "even"],
)
def test_functions_of_the_matrix(function: Any, basis: Array, values: Any) -> None:
    a = small(*values, basis=basis)
    direction = RNG.standard_normal(a.shape)
    first, second = derivatives(function, a, direction)
    exact(lambda: np.sum(ft.grad(function)(a) * direction), first, 1e-9)
    exact(lambda: ft.jvp(function, (a,), (direction,))[1], first, 1e-9)
    exact(
        lambda: ft.jvp(ft.grad(function), (a,), (direction,))[1].ravel() @ direction.ravel(),
        second,
        1e-7,
    )


WAYS: dict[str, Callable[[Any, Array], Any]] = {
    "jit": lambda f, a: ft.jit(ft.grad(f))(a),
    "vmap": lambda f, a: ft.vmap(ft.grad(f))(np.stack([near(0.1), a]))[1],
    "graph in forward mode": lambda f, a: ft.make_graph(ft.jacfwd(f))(near(0.1))(a),
}


@pytest.mark.parametrize("way", WAYS)
def test_ways_to_take_first_derivatives(way: str) -> None:
    a = small(1e-13, 0.6e-13)
    exact(lambda: WAYS[way](right, a), ft.grad(right)(small(0.0, 0.0)), 1e-9)


@pytest.mark.parametrize("values", [(1e-9,), (1e-9, 0.7e-9), (1e-12, 1e-13)])
def test_kinks_at_zero(values: Any) -> None:
    """The derivative of a sum of values that are not zero is the polar factor."""
    a = small(*values)
    exact(lambda: ft.grad(lambda a: np.sum(np.linalg.svd(a)[1]))(a), P @ Q.T, 1e-13 / min(values))


def test_near_values_beside_those_that_vanish() -> None:
    """A pair that is near each other, and one that is not there."""
    s = np.array([2.0, 1.0 + 1e-12, 1.0, 0.0])
    a, direction = (P * s) @ Q.T, RNG.standard_normal((4, 4))
    first, second = derivatives(odd, a, direction)
    exact(lambda: np.sum(ft.grad(odd)(a) * direction), first, 1e-9)
    exact(
        lambda: ft.jvp(ft.grad(odd), (a,), (direction,))[1].ravel() @ direction.ravel(),
        second,
        1e-7,
    )
