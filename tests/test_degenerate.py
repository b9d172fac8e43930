"""Equal eigenvalues and singular values: a derivative is right, or there is a warning."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functrans as ft
from functrans.core.errors import DegenerateWarning, InputTypeError, OutputTypeError

Array = Any
eigh_function = ft.numpy.linalg.eigh_function

RNG = np.random.default_rng(0)
Q = np.linalg.qr(RNG.standard_normal((3, 3)))[0]
P = np.linalg.qr(RNG.standard_normal((3, 3)))[0]
WEIGHTS = RNG.standard_normal((3, 3))
SYMMETRIC = WEIGHTS + WEIGHTS.T


def turned(*values: float) -> Array:
    a = Q @ np.diag(values) @ Q.T
    return (a + a.T) / 2


def noisy(function: Callable[[], Any]) -> bool:
    """Whether there is a warning of this kind (any other is an error)."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        function()
    assert all(w.category is DegenerateWarning for w in caught), [str(w.message) for w in caught]
    return bool(caught)


def through_eigh(h: Callable[[Array], Array], a: Array) -> Array:
    w, v = np.linalg.eigh(a)
    return (v * h(w)[..., None, :]) @ np.swapaxes(np.conj(v), -1, -2)


def through_svd(h: Callable[[Array], Array], a: Array) -> Array:
    u, s, vh = np.linalg.svd(a, full_matrices=False)
    return (u * h(s)) @ vh


def weighted(function: Callable[[Array], Array]) -> Callable[[Array], Array]:
    return lambda a: np.sum(WEIGHTS * function(a))


def span(part: slice) -> Callable[[Array], Array]:
    def function(a: Array) -> Array:
        v = np.linalg.eigh(a)[1][:, part]
        return np.sum(WEIGHTS * (v @ v.T))

    return function


IDENTITY, ZERO = np.eye(3), np.zeros((3, 3))
PAIR, TURNED, APART = np.diag([1.0, 1.0, 2.0]), turned(1.0, 1.0, 2.0), turned(1.0, 1.5, 2.0)

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
UNDETERMINED = {
    "one value": (lambda a: np.linalg.eigh(a)[0][0], [IDENTITY, PAIR, TURNED]),
    "one of the values alone": (lambda a: np.linalg.eigvalsh(a)[1], [IDENTITY, PAIR, TURNED]),
    "values with weights": (
        lambda a: np.sum(np.linalg.svdvals(a) * np.array([2.0, 1.0, 1.5])),
        [IDENTITY, TURNED],
    ),
    "one vector of a pair": (span(slice(0, 1)), [PAIR, TURNED, IDENTITY]),
    "an element of a vector": (lambda a: np.linalg.eigh(a)[1][2, 1], [TURNED]),
}
DETERMINED = {
    "a symmetric function of the values": (
        lambda a: np.sum(np.sin(np.linalg.eigh(a)[0])),
        [IDENTITY, ZERO, PAIR, TURNED],
    ),
    "one value beside the pair": (
        lambda a: np.linalg.eigh(a)[0][2] + np.linalg.svdvals(a)[0],
        [PAIR, TURNED],
    ),
    "the largest and the smallest": (
        lambda a: np.linalg.norm(a, 2) + np.linalg.norm(a, -2),
        [IDENTITY],
    ),
    "eigvalsh": (lambda a: np.sum(np.linalg.eigvalsh(a) ** 2), [IDENTITY, TURNED]),
    "the space of the pair": (span(slice(0, 2)), [PAIR, TURNED]),
    "all of the space": (span(slice(0, 3)), [IDENTITY, PAIR, TURNED]),
    "the vector beside the pair": (span(slice(2, 3)), [PAIR, TURNED]),
    "the value and the vector beside the pair": (
        lambda a: np.linalg.eigh(a)[0][2] * span(slice(2, 3))(a),
        [PAIR, TURNED],
    ),
    "a trace": (lambda a: np.trace(through_eigh(np.exp, a)), [IDENTITY, ZERO, PAIR, TURNED]),
    "the nearest matrix that is positive": (
        weighted(lambda a: through_eigh(lambda w: np.maximum(w, 0), a)),
        [turned(-1.0, -1.0, 2.0)],
    ),
    "the exponential": (weighted(lambda a: through_eigh(np.exp, a)), [APART]),
    "eigh_function": (weighted(lambda a: eigh_function(np.exp, a)), [IDENTITY, ZERO, TURNED]),
}


def cases(table: dict[str, Any]) -> Any:
    return [
        pytest.param(f, x, id=f"{name}-{i}")
        for name, (f, xs) in table.items()
        for i, x in enumerate(xs)
    ]


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
    """First derivatives in reverse mode are exact; others warn."""
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
        assert noisy(found[way])


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


SECOND = {name: DETERMINED[name] for name in ("the exponential", "eigh_function")}


@pytest.mark.parametrize(("function", "a"), cases(SECOND))
def test_second_derivatives_that_are_determined_do_not_warn(function: Any, a: Array) -> None:
    assert not noisy(lambda: ft.hessian(function)(a))
    assert not noisy(ways(function, a)["grad of grad"])
    assert np.isfinite(ft.hessian(function)(a)).all()


SECOND_ORDER = {
    "jacfwd of jacrev": lambda f: ft.jacfwd(ft.jacrev(f)),
    "jacrev of jacfwd": lambda f: ft.jacrev(ft.jacfwd(f)),
    "jacfwd of jacfwd": lambda f: ft.jacfwd(ft.jacfwd(f)),
    "jacrev of jacrev": lambda f: ft.jacrev(ft.jacrev(f)),
    "vmap": lambda f: lambda a: ft.vmap(ft.hessian(f))(np.stack([APART, a]))[1],
    "graph": lambda f: lambda a: ft.make_graph(ft.hessian(f))(a)(a),
}


@pytest.mark.parametrize("way", SECOND_ORDER)
@pytest.mark.parametrize(
    "function",
    [
        lambda a: np.linalg.eigvalsh(a)[0],  # not symmetric in the equal values
        lambda a: (np.linalg.eigvalsh(a)[0] - 1) ** 2,  # whose cotangents are equal
        lambda a: np.trace(through_eigh(np.exp, a)),
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
    text = "the second derivative is undetermined"
    assert any(text in str(w.message) and "It is NaN" in str(w.message) for w in caught)


def hermitian(a: Array) -> Array:
    return (a + np.conj(a.T)) / 2


def squares(a: Array) -> Array:
    return np.sum(np.real(a * np.conj(a)))


# Functions of values that are symmetric in them, and the same as functions of the matrix.
SYMMETRIC_FUNCTIONS = {
    "squares": (
        lambda a: np.sum(np.linalg.eigvalsh(a) ** 2),
        lambda a: squares(hermitian(a)),
    ),
    "cubes": (
        lambda a: np.sum(np.linalg.eigvalsh(a) ** 3),
        lambda a: np.trace(hermitian(a) @ hermitian(a) @ hermitian(a)).real,
    ),
    "log-determinant": (
        lambda a: np.sum(np.log(np.linalg.eigvalsh(a))),
        lambda a: np.linalg.slogdet(hermitian(a))[1],
    ),
    "determinant": (
        lambda a: np.prod(np.linalg.eigvalsh(a)),
        lambda a: np.exp(np.linalg.slogdet(hermitian(a))[1]),
    ),
    "exponentials": (
        lambda a: np.sum(np.exp(np.linalg.eigvalsh(a))),
        lambda a: np.trace(eigh_function(np.exp, hermitian(a))).real,
    ),
    "sum times squares": (
        lambda a: np.sum(np.linalg.eigvalsh(a)) * np.sum(np.linalg.eigvalsh(a) ** 2),
        lambda a: np.trace(hermitian(a)).real * squares(hermitian(a)),
    ),
    "squares of singular values": (
        lambda a: np.sum(np.linalg.svdvals(a) ** 2),
        lambda a: squares(a),
    ),
    "fourth powers of singular values": (
        lambda a: np.sum(np.linalg.svd(a, compute_uv=False) ** 4),
        lambda a: squares(np.conj(a.T) @ a),
    ),
    "sum of singular values": (
        lambda a: np.sum(np.linalg.svdvals(a)),
        lambda a: np.trace(eigh_function(np.sqrt, np.conj(a.T) @ a)).real,
    ),
}
PHASES = np.linalg.qr(WEIGHTS + 1j * SYMMETRIC)[0]


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
    """An even function has no kink there, and a second derivative that the first does not show."""
    a = np.diag([2.0, 1.0, 0.0])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert np.isnan(ft.hessian(lambda x: np.sum(np.linalg.svdvals(x) ** 2))(a)).any()
    assert any("singular vectors of the singular values 0 " in str(w.message) for w in caught)
    # Their sum has one, and derivative 0 by the value that vanishes.
    assert not noisy(lambda: ft.hessian(lambda x: np.sum(np.linalg.svdvals(x)))(a))
    assert not noisy(lambda: ft.hessian(lambda x: np.linalg.svdvals(x)[0] ** 2)(a))


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


def test_jacfwd_of_jacfwd_does_not_know() -> None:
    """It asks for the value before it has a direction."""
    hessian = SECOND_ORDER["jacfwd of jacfwd"](SYMMETRIC_FUNCTIONS["squares"][0])
    assert noisy(lambda: hessian(TURNED))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert np.isnan(hessian(TURNED)).any()


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


def test_even_functions_of_vanishing_singular_values() -> None:
    """Reverse over either mode: the limit of the first derivative over the value."""
    tall = np.diag([2.0, 0.0])[[0, 1, 1]]
    for a in (np.diag([2.0, 1.0, 0.0]), np.diag([2.0, 0.0, 0.0]), ZERO, tall):
        for k in (2, 4):
            function = lambda x, k=k: np.sum(np.linalg.svdvals(x) ** k)  # noqa: E731
            plain = squares if k == 2 else lambda x: squares(x.T @ x)
            expected = ft.hessian(plain)(a)
            for way in ("jacrev of jacrev", "jacrev of jacfwd"):
                found: list[Any] = []
                hessian = SECOND_ORDER[way](function)
                assert not noisy(lambda h=hessian, a=a, r=found: r.append(h(a)))
                np.testing.assert_allclose(found[0], expected, rtol=0, atol=1e-12)
    third = ft.jacrev(SECOND_ORDER["jacrev of jacrev"](lambda x: np.sum(np.linalg.svdvals(x) ** 2)))
    assert noisy(lambda: third(np.diag([2.0, 1.0, 0.0])))


def test_third_derivatives_are_nan_with_a_warning() -> None:
    def along(s: float) -> Array:
        return ft.jvp(
            ft.grad(SYMMETRIC_FUNCTIONS["cubes"][0]), (PAIR + s * SYMMETRIC,), (WEIGHTS,)
        )[1]

    with pytest.warns(DegenerateWarning, match="It is NaN"):
        assert np.isnan(ft.jvp(along, (0.0,), (1.0,))[1]).any()


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


def difference(function: Callable[[Array], Array], a: Array, direction: Array) -> Array:
    h = 1e-4
    return (function(a + h * direction) - function(a - h * direction)) / (2 * h)


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


@pytest.mark.parametrize("gap", [0.0, 1e-15, 1e-12, 1e-9, 1e-6, 1e-3, 0.1, 1.0])
@pytest.mark.parametrize("order", [1, 2])
def test_divided_differences_of_close_eigenvalues(order: int, gap: float) -> None:
    """Of 1/w they are ``(-1)**k / (w0 ... wk)``, however close the eigenvalues are."""
    w = 1 + gap * np.array([0.0, 1.0, 1.7])
    ones = np.ones((3, 3))

    def function(a: Array) -> Array:
        return eigh_function(lambda w: 1 / w, a)

    def first(a: Array) -> Array:
        return ft.jvp(function, (a,), (ones,))[1]

    if order == 1:
        found, expected = first(np.diag(w)), -1 / np.outer(w, w)
    else:
        found = ft.jvp(first, (np.diag(w),), (ones,))[1]
        expected = 2 * np.sum(1 / w) / np.outer(w, w)
    np.testing.assert_allclose(found, expected, rtol=2e-13)


def test_the_warning_names_what_is_needed() -> None:
    function = weighted(lambda a: through_eigh(np.exp, a))
    with pytest.warns(DegenerateWarning) as caught:
        ft.jvp(ft.grad(function), (3 * IDENTITY,), (ZERO,))
    message = str(caught[0].message)
    for part in ("eigh", "3, 3, 3", "assumes", "eigh_function", "eigvalsh", "test_degenerate.py:"):
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


# Forward mode: tangents do not know what they will be used for.


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


def test_tangents_without_a_warning() -> None:
    assert not noisy(lambda: ft.jvp(np.linalg.eigh, (APART,), (SYMMETRIC,)))
    assert not noisy(lambda: ft.jvp(np.linalg.eigvalsh, (PAIR,), (SYMMETRIC,)))
    assert not noisy(lambda: ft.jvp(np.linalg.svdvals, (PAIR,), (SYMMETRIC,)))


def test_a_derivative_by_another_variable() -> None:
    """The gradient has no doubt at these weights; its derivative along others has."""

    def gradient(weights: Array) -> Array:
        return ft.grad(lambda a: np.sum(weights * through_eigh(np.exp, a)))(PAIR)

    assert not noisy(lambda: gradient(IDENTITY))
    assert noisy(lambda: ft.jvp(gradient, (IDENTITY,), (SYMMETRIC,)))
    assert noisy(lambda: ft.grad(lambda c: np.sum(SYMMETRIC * gradient(c)))(IDENTITY))
    assert not noisy(lambda: ft.jvp(gradient, (IDENTITY,), (np.diag([1.0, 2.0, 3.0]),)))


# Singular values.

TIE = Q @ np.diag([2.0, 2.0, 1.0]) @ P
LOW = Q @ np.diag([2.0, 1.0, 0.0]) @ P


def polar(a: Array) -> Array:
    u, _, vh = np.linalg.svd(a)
    return u @ vh


def low_rank(a: Array) -> Array:
    u, s, vh = np.linalg.svd(a, full_matrices=False)
    return (u[:, :2] * s[:2]) @ vh[:2]


@pytest.mark.parametrize(
    ("function", "a"),
    [
        (lambda a: np.linalg.svd(a)[1][0] * np.eye(3), TIE),
        (lambda a: through_svd(np.exp, a) @ np.linalg.svd(a)[0], IDENTITY),
        (lambda a: through_svd(lambda s: s, a), ZERO),
        (lambda a: through_svd(lambda s: s, a), np.diag([2.0, 1.0, 0.0])),
        (lambda a: through_svd(lambda s: s, a), np.zeros((3, 3))[:, :]),
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


def test_tangents_of_singular_vectors() -> None:
    for a in (IDENTITY, TIE, ZERO, np.diag([2.0, 1.0, 0.0])):
        assert noisy(lambda a=a: ft.jvp(np.linalg.svd, (a,), (WEIGHTS,)))
    for a in (APART, WEIGHTS, np.diag([3.0, 2.0])):
        direction = RNG.standard_normal(a.shape)
        assert not noisy(lambda a=a, t=direction: ft.jvp(np.linalg.svd, (a,), (t,)))
    assert not noisy(lambda: ft.jvp(np.linalg.svd, (TIE,), (TIE,)))


# General eigenvalues.


def test_general_eigenvectors() -> None:
    def function(a: Array) -> Array:
        w, v = np.linalg.eig(a)
        return np.sum(np.real(WEIGHTS * ((v * np.exp(w)) @ np.linalg.inv(v))))

    def values(a: Array) -> Array:
        return np.sum(np.real(np.exp(np.linalg.eig(a)[0])))

    for a in (IDENTITY.astype(complex), PAIR.astype(complex)):
        assert noisy(lambda a=a: ft.grad(function)(a))
        assert not noisy(lambda a=a: ft.grad(values)(a))
        assert noisy(lambda a=a: ft.jvp(np.linalg.eig, (a,), (WEIGHTS.astype(complex),)))
    assert not noisy(lambda: ft.grad(function)(APART.astype(complex)))


# The exact way.

HARD = [
    IDENTITY,
    PAIR,
    ZERO,
    TURNED,
    APART,
    1e-9 * np.diag([1.0, -1.0, 0.3]),
    np.diag([1.0, 1.0 + 1e-7, 1.0 + 1e-3]),
    SYMMETRIC,
]


@pytest.mark.parametrize("a", HARD)
def test_the_exponential_against_scipy(a: Array) -> None:
    linalg = pytest.importorskip("scipy.linalg")
    close = {"rtol": 1e-12, "atol": 1e-12}  # the squarings of scipy's method round, too
    y, found = ft.jvp(lambda x: eigh_function(np.exp, x), (a,), (SYMMETRIC,))
    expected = linalg.expm_frechet(a, SYMMETRIC, compute_expm=False)
    np.testing.assert_allclose(y, linalg.expm(a), **close)
    np.testing.assert_allclose(found, expected, **close)

    def gradient(x: Array) -> Array:
        return ft.grad(lambda b: np.sum(SYMMETRIC * eigh_function(np.exp, b)))(x)

    np.testing.assert_allclose(gradient(a), expected, **close)

    def first(x: Array) -> Array:
        return linalg.expm_frechet(x, SYMMETRIC, compute_expm=False)

    other = turned(1.0, -0.5, 0.3) + PAIR @ SYMMETRIC @ PAIR
    second = difference(first, a, other)
    size = np.abs(second).max()
    forward = ft.jvp(gradient, (a,), (other,))[1]
    reverse = ft.grad(lambda x: np.sum(other * gradient(x)))(a)
    # A central difference with h = 1e-4 has an error of h**2 times a third derivative, which the
    # cube of the direction's norm (about 10) makes large.
    np.testing.assert_allclose(forward, second, rtol=1e-5, atol=1e-5 * size)
    np.testing.assert_allclose(reverse, forward, **close)


def test_third_derivatives_at_equal_eigenvalues() -> None:
    def along(t: float) -> Array:
        return np.sum(WEIGHTS * eigh_function(np.exp, t * SYMMETRIC))

    third = ft.grad(ft.grad(ft.grad(along)))(0.0)
    np.testing.assert_allclose(
        third, np.sum(WEIGHTS * (SYMMETRIC @ SYMMETRIC @ SYMMETRIC)), rtol=1e-12
    )


def test_complex_matrices_and_stacks_of_them() -> None:
    z = RNG.standard_normal((2, 3, 3)) + 1j * RNG.standard_normal((2, 3, 3))
    t = z @ np.conj(np.swapaxes(z, -1, -2))
    a = np.stack([np.eye(3), np.diag([1.0, 1.0, 2.0])]).astype(complex)
    _, found = ft.jvp(lambda x: eigh_function(lambda w: w**3, x), (a,), (t,))
    np.testing.assert_allclose(found, t @ a @ a + a @ t @ a + a @ a @ t, rtol=1e-13, atol=1e-13)
    mapped = ft.vmap(lambda x, s: ft.jvp(lambda y: eigh_function(lambda w: w**3, y), (x,), (s,))[1])
    np.testing.assert_allclose(mapped(a, t), found, rtol=1e-14)


def test_projectors_as_functions_of_the_matrix() -> None:
    def projector(a: Array) -> Array:
        return np.sum(WEIGHTS * eigh_function(lambda w: np.where(w < 1.5, 1.0, 0.0), a))

    expected = ft.grad(span(slice(0, 2)))(TURNED)
    np.testing.assert_allclose(ft.grad(projector)(TURNED), expected, rtol=1e-12, atol=1e-12)


def test_integers_and_plain_arrays() -> None:
    np.testing.assert_array_equal(eigh_function(np.exp, [[0, 0], [0, 0]]), np.eye(2))
    assert eigh_function(np.exp, np.eye(2, dtype=np.float32)).dtype == np.float32


def test_functions_that_it_cannot_take() -> None:
    with pytest.raises(InputTypeError, match="traced array besides its argument"):
        ft.grad(lambda c: np.sum(eigh_function(lambda w: np.exp(c * w), PAIR * c)))(1.0)
    with pytest.raises(OutputTypeError, match="complex"):
        eigh_function(lambda w: np.exp(1j * w), PAIR)
    with pytest.raises(OutputTypeError, match="elementwise"):
        eigh_function(lambda w: w[..., :1], PAIR)
    with pytest.raises(np.linalg.LinAlgError):
        eigh_function(np.exp, np.ones((2, 3)))
