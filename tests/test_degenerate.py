"""Equal eigenvalues and singular values, first derivatives in reverse mode: one is right, or there
is a warning."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functrans as ft
from functrans.core.errors import DegenerateWarning
from tests.degenerate import (
    APART,
    DETERMINED,
    IDENTITY,
    LOW,
    PAIR,
    RNG,
    SYMMETRIC,
    TIE,
    TURNED,
    UNDETERMINED,
    WEIGHTS,
    ZERO,
    Array,
    P,
    cases,
    difference,
    eigh_function,
    low_rank,
    noisy,
    polar,
    span,
    through_eigh,
    through_svd,
    weighted,
)

OF_THE_MATRIX: dict[str, Any] = {
    "exponential": (np.exp, weighted, [IDENTITY, ZERO, PAIR, TURNED]),
    "logarithm, 0 at 1": (np.log, weighted, [IDENTITY, PAIR, TURNED]),
    "one element: all cotangents vanish": (
        np.log,
        lambda function: lambda a: function(a)[0, 1],
        [IDENTITY, PAIR],
    ),
    "the matrix itself": (lambda w: w, weighted, [IDENTITY, ZERO]),
}


def ways(function: Callable[[Array], Array], a: Array) -> dict[str, Callable[[], Any]]:
    """The ways by which reverse mode reaches a matrix."""
    gradient = ft.grad(function)
    stack = np.stack([APART, a])
    return {
        "grad": lambda: gradient(a),
        "vmap of grad": lambda: ft.vmap(gradient)(stack),
        "grad of vmap": lambda: ft.grad(lambda x: np.sum(ft.vmap(function)(x)))(stack),
        "jacrev": lambda: ft.jacrev(lambda x: function(x)[None])(a),
        "a graph": lambda: ft.make_graph(gradient)(a)(a),
        "checkpoint": lambda: ft.grad(ft.checkpoint(function))(a),
        "a gradient with a constant": lambda: ft.grad(lambda c: np.sum(c * gradient(a)))(1.0),
        "jvp of grad": lambda: ft.jvp(gradient, (a,), (ZERO,)),
        "grad of grad": lambda: ft.grad(lambda x: np.sum(gradient(x)))(a),
    }


@pytest.mark.parametrize("way", ways(np.sum, PAIR))
@pytest.mark.parametrize(("function", "a"), cases(UNDETERMINED))
def test_what_is_undetermined_warns(function: Any, a: Array, way: str) -> None:
    assert noisy(ways(function, a)[way])


@pytest.mark.parametrize("way", list(ways(np.sum, PAIR))[:-1])
@pytest.mark.parametrize(("function", "a"), cases(DETERMINED))
def test_what_is_determined_does_not_warn(function: Any, a: Array, way: str) -> None:
    assert not noisy(ways(function, a)[way])


@pytest.mark.parametrize(
    ("h", "outer", "a"),
    [
        pytest.param(h, outer, a, id=f"{name}-{i}")
        for name, (h, outer, points) in OF_THE_MATRIX.items()
        for i, a in enumerate(points)
    ],
)
def test_functions_of_the_matrix_through_its_vectors(h: Any, outer: Any, a: Array) -> None:
    """Exact in reverse mode, and in derivatives of derivatives."""
    function = outer(lambda x: through_eigh(h, x))
    exact = ft.grad(outer(lambda x: eigh_function(h, x)))(a)
    close = {"rtol": 0, "atol": 1e-13}
    found = ways(function, a)
    for way in ("grad", "jacrev", "checkpoint", "a graph"):
        result: list[Any] = []
        assert not noisy(lambda way=way, result=result: result.append(found[way]()))
        np.testing.assert_allclose(np.squeeze(result[0]), exact, **close)
    stack = np.stack([APART, a])
    for whole in (ft.vmap(ft.grad(function)), ft.grad(lambda x: np.sum(ft.vmap(function)(x)))):
        result = []
        assert not noisy(lambda whole=whole, result=result: result.append(whole(stack)))
        np.testing.assert_allclose(result[0][1], exact, **close)
    value, gradient = ft.value_and_grad(function)(a)
    assert type(value) is np.float64 and type(gradient) is np.ndarray
    for way in ("jvp of grad", "grad of grad"):
        assert not noisy(found[way])


def test_functions_of_a_matrix_through_singular_vectors() -> None:
    """Odd functions of the singular values are functions of the matrix."""
    for a in (IDENTITY, TIE, 3 * P):
        for h in (np.sin, np.arctan):
            function = weighted(lambda x, h=h: through_svd(h, x))
            found: list[Any] = []
            assert not noisy(lambda f=function, a=a, r=found: r.append(ft.grad(f)(a)))
            direction = WEIGHTS @ P
            wanted = difference(function, a, direction)
            np.testing.assert_allclose(np.sum(found[0] * direction), wanted, rtol=1e-6)


def test_complex_functions_of_the_matrix() -> None:
    z = np.linalg.qr(RNG.standard_normal((3, 3)) + 1j * RNG.standard_normal((3, 3)))[0]
    for a in (z @ np.diag([1.0, 1.0, 3.0]) @ z.conj().T, np.eye(3, dtype=complex)):
        for h in (np.exp, np.log):
            of = lambda g: lambda x: np.sum(np.real((WEIGHTS + 1j * SYMMETRIC) * g(x)))  # noqa: E731
            found: list[Any] = []
            through = of(lambda x, h=h: through_eigh(h, x))
            assert not noisy(lambda f=through, a=a, r=found: r.append(ft.grad(f)(a)))
            exact = ft.grad(of(lambda x, h=h: eigh_function(h, x)))(a)
            np.testing.assert_allclose(found[0], exact, rtol=0, atol=1e-13)


@pytest.mark.parametrize("part", [slice(0, 2), slice(2, 3)])
@pytest.mark.parametrize("a", [PAIR, TURNED])
def test_projectors_are_exact(part: slice, a: Array) -> None:
    found = np.sum(ft.grad(span(part))(a) * SYMMETRIC)
    # A central difference has an error of h**2 times a third derivative.
    np.testing.assert_allclose(found, difference(span(part), a, SYMMETRIC), rtol=1e-6)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_roundings_of_larger_matrices_are_told_from_doubts(seed: int, dtype: Any) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(4, 40))
    k = int(rng.integers(2, n))
    left, right = (np.linalg.qr(rng.standard_normal((n, n)))[0] for _ in range(2))
    level = float(rng.choice([1.0, 0.0, -2.0, 1e3]))
    values = np.concatenate([np.full(k, level), level + 4 + np.arange(n - k)])
    a = ((left * values) @ left.T).astype(dtype)
    b = ((left * np.concatenate([np.full(k, 2.0), 5.0 + np.arange(n - k)])) @ right.T).astype(dtype)
    weights = rng.standard_normal((n, n)).astype(dtype)

    def space(x: Array) -> Array:
        v = np.linalg.eigh(x)[1][:, :k]
        return np.sum(weights * (v @ v.T))

    assert not noisy(lambda: ft.grad(space)(a))
    assert not noisy(lambda: ft.grad(lambda x: np.trace(through_eigh(np.sin, x)))(a))
    assert not noisy(lambda: ft.grad(lambda x: np.sum(weights * polar(x)))(b))
    assert noisy(lambda: ft.grad(lambda x: np.sum(weights * np.linalg.eigh(x)[1]))(a))
    assert noisy(lambda: ft.grad(lambda x: np.linalg.eigvalsh(x)[0])(a))
    assert noisy(lambda: ft.grad(lambda x: np.linalg.svdvals(x)[-1])(b))
    through: list[Any] = []

    def gradient(function: Any, x: Array) -> Array:
        return ft.grad(lambda x: np.sum(weights * function(x)))(x)

    assert not noisy(lambda: through.append(gradient(lambda x: through_eigh(np.sin, x), a)))
    exact = gradient(lambda x: eigh_function(np.sin, x), a)
    size = np.finfo(dtype).eps * n * max(abs(level), 50) * np.abs(exact).max()
    np.testing.assert_allclose(through[0], exact, rtol=0, atol=size)
    assert not noisy(lambda: gradient(lambda x: through_svd(np.sin, x), b))


def test_the_warning_names_what_is_needed() -> None:
    function = weighted(lambda a: np.linalg.eigh(a)[1])
    with pytest.warns(DegenerateWarning) as caught:
        ft.grad(function)(3 * IDENTITY)
    message = str(caught[0].message)
    for part in (
        "eigh",
        "3, 3, 3",
        "were computed",
        "eigh_function",
        "eigvalsh",
        "test_degenerate.py:",
    ):
        assert part in message
    assert caught[0].filename == __file__


def test_the_warning_names_the_matrix_of_a_stack_and_only_its_values() -> None:
    stack = np.stack([APART, APART, TURNED])
    with pytest.warns(DegenerateWarning, match=r"eigenvalues 1, 1 of matrix 2,"):
        ft.grad(weighted(lambda a: np.linalg.eigh(a)[1]))(stack)


@pytest.mark.parametrize("h", [np.exp, np.cosh])
def test_complex_matrices(h: Callable[[Array], Array]) -> None:
    z = np.linalg.qr(RNG.standard_normal((3, 3)) + 1j * RNG.standard_normal((3, 3)))[0]

    def function(a: Array) -> Array:
        return np.sum(np.real(WEIGHTS * through_eigh(h, a) @ np.linalg.eigh(a)[1]))

    def projector(a: Array) -> Array:
        v = np.linalg.eigh(a)[1][:, :2]
        return np.sum(np.real(WEIGHTS * (v @ np.conj(v).T)))

    for a in (z @ np.diag([1.0, 1.0, 3.0]) @ z.conj().T, np.eye(3, dtype=complex)):
        assert noisy(lambda a=a: ft.grad(function)(a))
    a = z @ np.diag([1.0, 1.0, 3.0]) @ z.conj().T
    assert not noisy(lambda: ft.grad(projector)(a))


@pytest.mark.parametrize(
    ("function", "a"),
    [
        (lambda a: np.linalg.svd(a)[1][0] * np.eye(3), TIE),
        (lambda a: through_svd(np.exp, a) @ np.linalg.svd(a)[0], IDENTITY),
        (polar, np.diag([2.0, 1.0, 0.0])),
        (lambda a: np.linalg.svd(a)[0], TIE),
        (lambda a: np.linalg.svd(a)[0][:, :1] @ np.linalg.svd(a)[2][:1], TIE),
    ],
)
def test_singular_vectors_that_are_undetermined(function: Any, a: Array) -> None:
    assert noisy(lambda: ft.grad(weighted(function))(a))
    assert noisy(lambda: ft.vmap(ft.grad(weighted(function)))(np.stack([APART, a])))


@pytest.mark.parametrize(
    ("function", "a"),
    [
        (lambda a: np.sum(np.sin(np.linalg.svd(a)[1])), TIE),
        (lambda a: np.linalg.norm(a, "nuc"), LOW),
        (lambda a: np.linalg.svd(a)[1][2], TIE),
        (weighted(polar), TIE),
        (weighted(polar), IDENTITY),
        (weighted(lambda a: through_svd(lambda s: s, a)), ZERO),
        (weighted(lambda a: through_svd(lambda s: s, a)), np.diag([2.0, 1.0, 0.0])),
        (weighted(low_rank), LOW),
        (weighted(low_rank), np.diag([2.0, 1.0, 0.0])),
        (lambda a: np.trace(a.T @ through_svd(np.sin, a)), APART),
        (weighted(lambda a: np.linalg.pinv(a)), np.diag([2.0, 1.0, 0.0])),
    ],
)
def test_singular_vectors_that_are_determined(function: Any, a: Array) -> None:
    assert not noisy(lambda: ft.grad(function)(a))
    assert not noisy(lambda: ft.vmap(ft.grad(function))(np.stack([APART, a])))


@pytest.mark.parametrize("a", [IDENTITY, TIE])
def test_the_polar_factor_is_exact(a: Array) -> None:
    direction = PAIR @ WEIGHTS @ P
    found = np.sum(ft.grad(weighted(polar))(a) * direction)
    np.testing.assert_allclose(found, difference(weighted(polar), a, direction), rtol=1e-6)


def test_the_null_space_of_a_tall_matrix() -> None:
    """The vectors beyond the singular values and that of the vanishing one span it together."""
    a = np.diag([2.0, 1.0, 0.0])[[0, 1, 2, 2]]
    weights = RNG.standard_normal((4, 4))

    def projector(x: Array, first: int) -> Array:
        u = np.linalg.svd(x)[0][:, first:]
        return np.sum(weights * (u @ u.T))

    assert not noisy(lambda: ft.grad(projector)(a, 2))
    assert noisy(lambda: ft.grad(projector)(a, 3))


# General eigenvalues.


def test_general_eigenvectors() -> None:
    def function(a: Array) -> Array:
        w, v = np.linalg.eig(a)
        return np.sum(np.real(WEIGHTS * ((v * np.exp(w)) @ np.linalg.inv(v))))

    def values(a: Array) -> Array:
        return np.sum(np.real(np.exp(np.linalg.eig(a)[0])))

    for a in (IDENTITY.astype(complex), PAIR.astype(complex)):
        assert not noisy(lambda a=a: ft.grad(function)(a))
        assert not noisy(lambda a=a: ft.grad(values)(a))
        assert noisy(lambda a=a: ft.jvp(np.linalg.eig, (a,), (WEIGHTS.astype(complex),)))
    assert not noisy(lambda: ft.grad(function)(APART.astype(complex)))
