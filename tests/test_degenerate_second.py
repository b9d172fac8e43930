"""Equal eigenvalues and singular values, derivatives of derivatives, in every nesting."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import functrans as ft
from functrans.core.errors import DegenerateWarning
from tests.degenerate import (
    APART,
    DETERMINED,
    IDENTITY,
    PAIR,
    PHASES,
    SECOND_ORDER,
    SYMMETRIC,
    SYMMETRIC_FUNCTIONS,
    TURNED,
    WEIGHTS,
    ZERO,
    Array,
    cases,
    difference,
    hermitian,
    noisy,
    span,
    squares,
    turned,
)

SECOND = {name: DETERMINED[name] for name in ("the exponential", "eigh_function")}


@pytest.mark.parametrize(("function", "a"), cases(SECOND))
def test_second_derivatives_that_are_determined_do_not_warn(function: Any, a: Array) -> None:
    assert not noisy(lambda: ft.hessian(function)(a))
    gradient = ft.grad(function)
    assert not noisy(lambda: ft.grad(lambda x: np.sum(gradient(x)))(a))
    assert np.isfinite(ft.hessian(function)(a)).all()


@pytest.mark.parametrize("way", SECOND_ORDER)
@pytest.mark.parametrize(
    "function",
    [
        lambda a: np.linalg.eigvalsh(a)[0],  # not symmetric in the equal values
        lambda a: (np.linalg.eigvalsh(a)[0] - 1) ** 2,  # whose cotangents are equal
        span(slice(0, 1)),
        lambda a: np.linalg.svdvals(a)[1] ** 2,
    ],
)
def test_second_derivatives_are_nan_with_a_warning(function: Any, way: str) -> None:
    hessian = SECOND_ORDER[way](function)
    assert not noisy(lambda: hessian(APART))
    assert np.isfinite(hessian(APART)).all()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert np.isnan(hessian(PAIR)).any()
    text = "the derivative is undetermined"
    assert any(text in str(w.message) and "It is NaN" in str(w.message) for w in caught)


@pytest.mark.parametrize(
    "a",
    [IDENTITY, PAIR, TURNED, PHASES @ PAIR @ PHASES.conj().T],
    ids=["identity", "pair", "turned", "complex"],
)
@pytest.mark.parametrize("name", SYMMETRIC_FUNCTIONS)
def test_second_derivatives_of_symmetric_functions_are_exact(name: str, a: Array) -> None:
    """Forward over reverse: along each direction, staged, and batched."""
    function, plain = SYMMETRIC_FUNCTIONS[name]
    directions = [np.outer(IDENTITY[i], IDENTITY[j]).astype(a.dtype) for i, j in np.ndindex(3, 3)]
    if a.dtype.kind == "c":
        directions += [1j * t for t in directions]
    directions.append(WEIGHTS.astype(a.dtype))

    def along(t: Array) -> Array:
        return ft.jvp(ft.grad(function), (a,), (t,))[1]

    expected = np.array([ft.jvp(ft.grad(plain), (a,), (t,))[1] for t in directions])
    close = {"rtol": 0, "atol": 1e-12 * max(1, np.abs(expected).max())}
    assert not noisy(lambda: along(WEIGHTS.astype(a.dtype)))
    np.testing.assert_allclose([along(t) for t in directions], expected, **close)
    np.testing.assert_allclose(ft.vmap(along)(np.array(directions)), expected, **close)
    staged = ft.make_graph(along)(directions[0])
    np.testing.assert_allclose([staged(t) for t in directions], expected, **close)


@pytest.mark.parametrize("shape", [(4, 3), (3, 4)])
def test_second_derivatives_of_singular_values_of_rectangles(shape: tuple[int, int]) -> None:
    u, _, vh = np.linalg.svd(np.random.default_rng(1).standard_normal(shape), full_matrices=False)
    a = (u * np.array([2.0, 2.0, 1.0])) @ vh
    for name in ("squares of singular values", "fourth powers of singular values"):
        function, plain = SYMMETRIC_FUNCTIONS[name]
        expected = ft.hessian(plain)(a)
        np.testing.assert_allclose(ft.hessian(function)(a), expected, rtol=0, atol=1e-12 * 64)


def test_singular_values_that_vanish() -> None:
    a = np.diag([2.0, 1.0, 0.0])
    # Their sum has a kink there, and derivative 0 by the value that vanishes.
    assert not noisy(lambda: ft.hessian(lambda x: np.sum(np.linalg.svdvals(x)))(a))
    assert not noisy(lambda: ft.hessian(lambda x: np.linalg.svdvals(x)[0] ** 2)(a))
    for way in SECOND_ORDER:
        largest = SECOND_ORDER[way](lambda x: np.linalg.svdvals(x)[0] ** 2)(a)
        np.testing.assert_allclose(
            largest, ft.hessian(lambda x: np.linalg.norm(x, 2) ** 2)(a), atol=1e-13
        )


@pytest.mark.parametrize(
    "a",
    [IDENTITY, PAIR, TURNED, PHASES @ PAIR @ PHASES.conj().T],
    ids=["identity", "pair", "turned", "complex"],
)
@pytest.mark.parametrize("name", SYMMETRIC_FUNCTIONS)
def test_every_nesting_of_symmetric_functions_is_exact(name: str, a: Array) -> None:
    function, plain = SYMMETRIC_FUNCTIONS[name]
    t = (WEIGHTS + 0.5 * np.eye(3)).astype(a.dtype)
    if a.dtype.kind == "c":
        t = t + 1j * np.triu(WEIGHTS)
    pairing = lambda g: np.real(np.sum(g * t))  # noqa: E731
    expected = ft.grad(lambda x: pairing(ft.grad(plain)(x)))(a)
    along = ft.jvp(lambda x: ft.jvp(plain, (x,), (t,))[1], (a,), (t,))[1]
    close = {"rtol": 0, "atol": 1e-12 * max(1, np.abs(expected).max())}
    doubled = np.stack([a, a])
    found: dict[str, Any] = {
        "grad of grad": lambda: ft.grad(lambda x: pairing(ft.grad(function)(x)))(a),
        "vmap of it": lambda: ft.vmap(ft.grad(lambda x: pairing(ft.grad(function)(x))))(doubled)[1],
        "graph of it": lambda: ft.make_graph(ft.grad(lambda x: pairing(ft.grad(function)(x))))(a)(
            a
        ),
        "checkpoint": lambda: ft.grad(lambda x: pairing(ft.grad(ft.checkpoint(function))(x)))(a),
        "grad of jvp": lambda: ft.grad(lambda x: ft.jvp(function, (x,), (t,))[1])(a),
        "grad of linearize": lambda: ft.grad(lambda x: ft.linearize(function, x)[1](t))(a),
        "pullback": lambda: ft.vjp(lambda x: pairing(ft.grad(function)(x)), a)[1](np.float64(1))[0],
    }
    if a.dtype.kind != "c":
        found |= {
            way: lambda way=way: np.einsum("ijkl,kl", SECOND_ORDER[way](function)(a), t)
            for way in ("jacrev of jacfwd", "jacrev of jacrev")
        }
    for way, call in found.items():
        result: list[Any] = []
        assert not noisy(lambda call=call, result=result: result.append(call())), way
        np.testing.assert_allclose(result[0], expected, err_msg=way, **close)
    forward = ft.jvp(lambda x: ft.jvp(function, (x,), (t,))[1], (a,), (t,))[1]
    np.testing.assert_allclose(forward, along, **close)


def test_several_functions_and_decompositions_of_one_matrix() -> None:
    """Each lane and each decomposition parts by itself."""
    weights = np.array([0.3, -1.2, 2.0])

    def powers(a: Array) -> Array:
        w = np.linalg.eigvalsh(a)
        return np.stack([np.sum(w**2), np.sum(w**3), np.prod(np.linalg.eigvalsh(a))])

    def plain(a: Array) -> Array:
        a = hermitian(a)
        return np.stack([np.sum(a * a), np.trace(a @ a @ a), np.linalg.det(a)])

    def combined(jacobian: Any, function: Any) -> Any:
        return lambda a: np.sum(weights[:, None, None] * SYMMETRIC * jacobian(function)(a))

    for jacobian in (ft.jacrev, ft.jacfwd):
        for a in (IDENTITY, PAIR, TURNED):
            found = ft.grad(combined(jacobian, powers))(a)
            expected = ft.grad(combined(jacobian, plain))(a)
            np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


def test_linearising_what_linearises() -> None:
    function, plain = SYMMETRIC_FUNCTIONS["cubes"]
    for a in (IDENTITY, PAIR, TURNED):
        for chunk in (None, 2):
            hessian = ft.jacfwd(ft.jacfwd(function, has_aux=False), chunk_size=chunk)
            found: list[Any] = []
            assert not noisy(lambda h=hessian, a=a, r=found: r.append(h(a)))
            np.testing.assert_allclose(found[0], ft.hessian(plain)(a), rtol=0, atol=1e-11)
        both = ft.jacfwd(lambda x: (ft.jacfwd(function)(x), 2 * x), has_aux=True)
        found = []
        assert not noisy(lambda both=both, a=a, r=found: r.append(both(a)))
        np.testing.assert_array_equal(found[0][1], 2 * a)
    linear = ft.linearize(ft.jacfwd(function), PAIR)[1]
    expected = ft.jvp(ft.jacfwd(plain), (PAIR,), (SYMMETRIC,))[1]
    np.testing.assert_allclose(linear(SYMMETRIC), expected, atol=1e-12)


@pytest.mark.parametrize(
    "function",
    [
        lambda a: np.linalg.eigvalsh(a)[0],
        lambda a: (np.linalg.eigvalsh(a)[0] - 1) ** 2,
        lambda a: np.sum(np.linalg.eigvalsh(a) ** 2 * np.array([1.0, 2.0, 1.0])),
        lambda a: np.linalg.svdvals(a)[1] ** 2,
    ],
)
def test_second_derivatives_of_what_is_not_symmetric_warn(function: Any) -> None:
    for way in (
        lambda a: ft.grad(lambda x: np.sum(SYMMETRIC * ft.grad(function)(x)))(a),
        lambda a: ft.grad(lambda x: ft.jvp(function, (x,), (SYMMETRIC,))[1])(a),
        lambda a: ft.jvp(ft.grad(function), (a,), (SYMMETRIC,)),
    ):
        assert not noisy(lambda way=way: way(APART))
        assert noisy(lambda way=way: way(PAIR))


EVEN = {
    "svdvals": np.linalg.svdvals,
    "svd": lambda a: np.linalg.svd(a, full_matrices=False)[1],
}


@pytest.mark.parametrize("way", SECOND_ORDER)
@pytest.mark.parametrize("values", EVEN)
@pytest.mark.parametrize(
    "a",
    [
        np.diag([2.0, 1.0, 0.0]),
        np.diag([2.0, 0.0, 0.0]),
        ZERO,
        np.diag([2.0, 0.0])[[0, 1, 1]],
        np.diag([2.0, 0.0])[:, [0, 1, 1]],
    ],
    ids=["one", "two", "all", "tall", "wide"],
)
def test_even_functions_of_vanishing_singular_values(a: Array, values: str, way: str) -> None:
    """The limit of the first derivative over the value, and twice the same matrix."""
    if way == "vmap":
        hessian_of = lambda f: lambda x: ft.vmap(ft.hessian(f))(np.stack([x + 1.5, x]))[1]  # noqa: E731
    else:
        hessian_of = SECOND_ORDER[way]
    for k in (2, 4):
        function = lambda x, k=k: np.sum(EVEN[values](x) ** k)  # noqa: E731
        plain = squares if k == 2 else lambda x: squares(x.T @ x)
        both = lambda x, f=function: f(x) + 2 * f(x)  # noqa: E731
        with warnings.catch_warnings():
            if values == "svd":  # forward mode warns that vectors may be used that turn
                warnings.simplefilter("ignore", DegenerateWarning)
            expected = ft.hessian(plain)(a)
            np.testing.assert_allclose(hessian_of(function)(a), expected, rtol=0, atol=1e-12)
            np.testing.assert_allclose(hessian_of(both)(a), 3 * expected, rtol=0, atol=1e-11)


def test_even_functions_of_a_complex_matrix_that_loses_rank() -> None:
    a = PHASES @ np.diag([2.0, 1.0, 0.0]) + 0j
    a[:, 2] = 0
    t = WEIGHTS + 1j * SYMMETRIC
    for values in EVEN.values():

        def function(x: Array, values: Any = values) -> Array:
            return np.sum(values(x) ** 2)

        def along(x: Array, function: Any = function) -> Array:
            return ft.jvp(function, (x,), (t,))[1]

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DegenerateWarning)
            second = ft.jvp(along, (a,), (t,))[1]
            found = ft.jvp(ft.grad(function), (a,), (t,))[1]
            reverse = ft.grad(along)(a)
        np.testing.assert_allclose(second, 2 * np.sum(np.abs(t) ** 2), rtol=1e-12)
        np.testing.assert_allclose(found, 2 * t.conj(), atol=1e-12)
        np.testing.assert_allclose(reverse, 2 * t.conj(), atol=1e-12)


def test_what_is_not_smooth_where_singular_values_vanish() -> None:
    """Products of two that vanish: NaN, with a warning."""
    a = np.diag([2.0, 0.0, 0.0])
    product = lambda x: np.prod(np.linalg.svdvals(x)[1:])  # noqa: E731
    for way in ("jacfwd of jacrev", "jacrev of jacrev", "jacfwd of jacfwd"):
        assert noisy(lambda way=way: SECOND_ORDER[way](product)(a))
    two = lambda x: np.sum(np.linalg.svdvals(x) ** 2) * np.sum(np.linalg.svdvals(x.T) ** 2)  # noqa: E731
    expected = ft.hessian(lambda x: squares(x) ** 2)(a)
    for way in SECOND_ORDER:
        np.testing.assert_allclose(SECOND_ORDER[way](two)(a), expected, atol=1e-12)


SIMPLE_VALUES = {
    # The matrix, which value, and with what it is compared: 3 stands beside a pair of 1.
    "the largest eigenvalue": (np.diag([3.0, 1.0, 1.0]), lambda a: np.linalg.eigvalsh(a)[-1]),
    "the smallest eigenvalue": (np.diag([3.0, 3.0, 1.0]), lambda a: np.linalg.eigvalsh(a).min()),
    "the spectral norm": (np.diag([3.0, 1.0, 1.0]), lambda a: np.linalg.norm(a, 2)),
    "the smallest singular value": (
        np.diag([3.0, 3.0, 1.0]),
        lambda a: np.linalg.svd(a, compute_uv=False)[-1],
    ),
    "turned": (turned(1.0, 1.0, 3.0), lambda a: np.linalg.eigvalsh(a)[2] ** 2),
}


@pytest.mark.parametrize("way", ["jacfwd of jacrev", "jacrev of jacrev", "vmap", "graph"])
@pytest.mark.parametrize("name", SIMPLE_VALUES)
def test_second_derivatives_of_a_simple_value_beside_equal_ones(name: str, way: str) -> None:
    """Only the vectors that are used have a say: the values beside may be equal."""
    a, function = SIMPLE_VALUES[name]
    hessian = []
    assert not noisy(lambda: hessian.append(SECOND_ORDER[way](function)(a)))
    first = ft.grad(function)
    found = np.einsum("ijkl,kl", hessian[0], SYMMETRIC)
    # A central difference has an error of h**2 times a third derivative.
    np.testing.assert_allclose(found, difference(first, a, SYMMETRIC), rtol=1e-6, atol=1e-6)


def test_the_spectral_norm_against_perturbation_theory() -> None:
    """``d2 s = sum over i of (s (t_0i**2 + t_i0**2) + 2 s_i t_0i t_i0) / (s**2 - s_i**2)``."""
    s = np.array([3.0, 1.0, 1.0])
    t = WEIGHTS
    expected = sum(
        (s[0] * (t[0, i] ** 2 + t[i, 0] ** 2) + 2 * s[i] * t[0, i] * t[i, 0])
        / (s[0] ** 2 - s[i] ** 2)
        for i in (1, 2)
    )
    hessian = ft.hessian(lambda a: np.linalg.norm(a, 2))(np.diag(s))
    np.testing.assert_allclose(np.einsum("ij,ijkl,kl", t, hessian, t), expected, rtol=1e-14)


def test_second_derivatives_along_tangents_that_part_no_values() -> None:
    """What is missing there is not asked for, so that the derivative is finite, and exact."""

    def first(a: Array) -> Array:
        return ft.grad(lambda x: np.sum(np.exp(np.linalg.eigvalsh(x))))(a)

    for t in (IDENTITY, PAIR, np.diag([1.0, -2.0, 0.5])):
        found = []
        assert not noisy(lambda t=t, found=found: found.append(ft.jvp(first, (PAIR,), (t,))[1]))
        np.testing.assert_allclose(found[0], np.exp(PAIR) * t, rtol=1e-14, atol=0)


STACKS = [
    np.stack([IDENTITY, IDENTITY]),
    np.stack([PAIR, IDENTITY]),
    np.stack([PAIR, PAIR[::-1, ::-1]]),
]
DIRECTIONS = np.stack([SYMMETRIC, SYMMETRIC[::-1, ::-1] + np.diag([0.3, 0.7, 0.1])])
ALONG_STACKS: dict[str, Any] = {
    "jvp of grad": lambda f, a: np.sum(DIRECTIONS * ft.jvp(ft.grad(f), (a,), (DIRECTIONS,))[1]),
    "grad of jvp": lambda f, a: np.sum(
        DIRECTIONS * ft.grad(lambda x: ft.jvp(f, (x,), (DIRECTIONS,))[1])(a)
    ),
    "jvp of jvp": lambda f, a: ft.jvp(
        lambda x: ft.jvp(f, (x,), (DIRECTIONS,))[1], (a,), (DIRECTIONS,)
    )[1],
    "grad of grad": lambda f, a: np.sum(
        DIRECTIONS * ft.grad(lambda x: np.sum(DIRECTIONS * ft.grad(f)(x)))(a)
    ),
}
values = np.linalg.eigvalsh
LOPSIDED_IN_STACKS: dict[str, Any] = {
    "weights": lambda a: np.sum((values(a) - 1) ** 2 * np.array([1.0, 2.0, 1.0])),
    "one of each": lambda a: np.sum((values(a)[..., 0] - 1) ** 2),
    "of one matrix alone": lambda a: (values(a)[0, 0] - 1) ** 2 + np.sum(values(a)[1] ** 3),
    "a product": lambda a: (values(a)[0, 0] - 1) * (values(a)[1, 0] - 1),
    "two decompositions": lambda a: (values(a[0])[0] - 1) ** 2 + (values(a[1])[0] - 1) ** 2,
}


@pytest.mark.parametrize("way", ALONG_STACKS)
@pytest.mark.parametrize("name", LOPSIDED_IN_STACKS)
def test_stacks_whose_function_is_not_symmetric_in_second_order_alone(name: str, way: str) -> None:
    """Shifts of several matrices add up; those of a symmetric function to the same on each path."""
    for a in STACKS:
        found: list[Any] = []
        assert noisy(lambda a=a, r=found: r.append(ALONG_STACKS[way](LOPSIDED_IN_STACKS[name], a)))
        assert np.isnan(found[0])


@pytest.mark.parametrize("way", ALONG_STACKS)
def test_stacks_whose_function_is_symmetric(way: str) -> None:
    pairs: list[tuple[Any, Any]] = [
        (lambda a: np.prod(np.sum(values(a) ** 2, -1)), lambda a: np.prod(np.sum(a**2, (-2, -1)))),
        (
            lambda a: np.sum(values(a[0]) ** 2) * np.sum(values(a[1])),
            lambda a: np.sum(a[0] ** 2) * np.trace(a[1]),
        ),
    ]
    for function, plain in pairs:
        for a in STACKS:
            expected = ALONG_STACKS[way](plain, a)
            np.testing.assert_allclose(ALONG_STACKS[way](function, a), expected, rtol=1e-12)


def test_transforms_of_functions_of_tensors() -> None:
    """Tensors that need no gradient are numbers like others."""
    import functrans.torch as torch

    function = lambda a: (torch.linalg.eigvalsh(a) ** 3).sum()  # noqa: E731
    eye = torch.eye(2, dtype=torch.float64)
    expected = ft.hessian(lambda a: np.trace(a @ a @ a))(np.eye(2))
    symmetric = (expected + expected.swapaxes(2, 3)) / 2
    np.testing.assert_allclose(torch.func.hessian(function)(eye).numpy(), symmetric, atol=1e-13)
