"""Functions of a matrix that are written with eigenvectors or singular vectors, at matrices with
equal and vanishing values: derivatives of the second and third order are those of the function."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import functrans as ft
from functrans.core.errors import DegenerateWarning
from tests.degenerate import (
    APART,
    IDENTITY,
    LOW,
    PAIR,
    PHASES,
    SECOND_ORDER,
    SYMMETRIC,
    TIE,
    TURNED,
    WEIGHTS,
    ZERO,
    Array,
    P,
    Q,
    eigh_function,
    hermitian,
    noisy,
    polar,
    span,
    through_eigh,
    through_svd,
    turned,
)

ALONG: dict[str, Callable[[Any, Array], Any]] = {
    "j": lambda f, t: lambda a: ft.jvp(f, (a,), (t,))[1],
    "g": lambda f, t: lambda a: np.sum(np.real(t * ft.grad(f)(a))),
}


QUICK = ("jg", "gg", "jgj")


def slow(word: str) -> Any:
    return pytest.param(word, marks=pytest.mark.slow)


def words(orders: int) -> Any:
    """All nestings of so many modes; most are slow."""
    found = map("".join, itertools.product("jg", repeat=orders))
    return pytest.mark.parametrize("word", [w if w in QUICK else slow(w) for w in found])


def along(word: str, function: Any, t: Array) -> Any:
    """The derivative in these modes, from the outermost, along one direction."""
    for mode in reversed(word):
        function = ALONG[mode](function, t)
    return function


def exact(word: str, function: Any, plain: Any, a: Array, t: Array) -> None:
    found: list[Any] = []
    assert not noisy(lambda: found.append(along(word, function, t)(a)))
    expected = along(word, plain, t)(a)
    np.testing.assert_allclose(found[0], expected, rtol=1e-10, atol=1e-11)


def weighted(function: Callable[[Array], Array]) -> Callable[[Array], Array]:
    return lambda a: np.sum(np.real(WEIGHTS * function(a)))


def two_in_one(a: Array) -> Array:
    """Values, vectors, and a matrix that is no function of it."""
    w, v = np.linalg.eigh(a)
    return np.sum(w**2) * np.sin((v * np.exp(w)) @ v.T @ WEIGHTS)


def whitened(a: Array) -> Array:
    return through_eigh(lambda w: 1 / np.sqrt(w), a)


OF_HERMITIAN: dict[str, tuple[Any, Any]] = {
    "a cube": (
        lambda a: through_eigh(lambda w: w**3, a),
        lambda a: hermitian(a) @ hermitian(a) @ hermitian(a),
    ),
    "whitening": (whitened, lambda a: eigh_function(lambda w: 1 / np.sqrt(w), hermitian(a))),
    "the logarithm": (
        lambda a: through_eigh(np.log, a),
        lambda a: eigh_function(np.log, hermitian(a)),
    ),
    "a square root of it": (
        lambda a: np.cos(through_eigh(np.sqrt, a)) @ a,
        lambda a: np.cos(eigh_function(np.sqrt, hermitian(a))) @ a,
    ),
    "the inverse": (
        lambda a: through_eigh(lambda w: 1 / w, a),
        lambda a: np.linalg.inv(hermitian(a)),
    ),
    "two in one": (
        two_in_one,
        lambda a: np.sum(hermitian(a) ** 2) * np.sin(eigh_function(np.exp, hermitian(a)) @ WEIGHTS),
    ),
}
HERMITIAN = {"identity": IDENTITY, "pair": PAIR, "turned": TURNED, "twice": 2 * IDENTITY}


FIRST: dict[str, Any] = {
    "jvp": lambda f, a, t: ft.jvp(f, (a,), (t,))[1],
    "grad": lambda f, a, t: np.sum(np.real(t * ft.grad(f)(a))),
    "linearize": lambda f, a, t: ft.linearize(f, a)[1](t),
    "jacfwd": lambda f, a, t: np.sum(ft.jacfwd(f)(a) * t),
    "jvp of vmap": lambda f, a, t: ft.jvp(ft.vmap(f), (np.stack([APART, a]),), (np.stack([t, t]),))[
        1
    ][1],
    "vmap of jvp": lambda f, a, t: ft.vmap(lambda x: ft.jvp(f, (x,), (t,))[1])(
        np.stack([APART, a])
    )[1],
    "vmap of grad": lambda f, a, t: np.sum(ft.vmap(ft.grad(f))(np.stack([APART, a]))[1] * t),
    "jit of jvp": lambda f, a, t: ft.jit(lambda x: ft.jvp(f, (x,), (t,))[1])(a),
    "jvp of jit": lambda f, a, t: ft.jvp(ft.jit(f), (a,), (t,))[1],
    "grad of checkpoint": lambda f, a, t: np.sum(t * ft.grad(ft.checkpoint(f))(a)),
}


@pytest.mark.parametrize("way", FIRST)
@pytest.mark.parametrize("name", OF_HERMITIAN)
def test_first_derivatives_of_functions_of_hermitian_matrices(name: str, way: str) -> None:
    function, plain = map(weighted, OF_HERMITIAN[name])
    for a in HERMITIAN.values():
        for t in (SYMMETRIC + WEIGHTS, IDENTITY):
            found: list[Any] = []
            assert not noisy(lambda a=a, t=t, r=found: r.append(FIRST[way](function, a, t)))
            expected = np.sum(ft.grad(plain)(a) * t)
            np.testing.assert_allclose(found[0], expected, rtol=1e-11, atol=1e-12)


@words(2)
@pytest.mark.parametrize("name", OF_HERMITIAN)
def test_second_derivatives_of_functions_of_hermitian_matrices(name: str, word: str) -> None:
    function, plain = map(weighted, OF_HERMITIAN[name])
    for a in HERMITIAN.values():
        exact(word, function, plain, a, SYMMETRIC + WEIGHTS)


@words(3)
def test_third_derivatives_of_functions_of_hermitian_matrices(word: str) -> None:
    function, plain = map(weighted, OF_HERMITIAN["whitening"])
    for a in (IDENTITY, TURNED):
        exact(word, function, plain, a, SYMMETRIC)
    powers = lambda a: np.sum(np.linalg.eigvalsh(a) ** 4)  # noqa: E731
    exact(word, powers, lambda a: np.sum((hermitian(a) @ hermitian(a)) ** 2), TURNED, SYMMETRIC)


@pytest.mark.slow
def test_a_fourth_derivative() -> None:
    function, plain = map(weighted, OF_HERMITIAN["a cube"])
    exact("jgjj", lambda a: function(a) ** 2, lambda a: plain(a) ** 2, PAIR, SYMMETRIC)


WAYS = [
    way if way in ("jacfwd of jacfwd", "graph") else pytest.param(way, marks=pytest.mark.slow)
    for way in SECOND_ORDER
]


@pytest.mark.parametrize("way", WAYS)
def test_hessians(way: str) -> None:
    for name in ("whitening", "two in one"):
        function, plain = map(weighted, OF_HERMITIAN[name])
        for a in (IDENTITY, TURNED):
            found: list[Any] = []
            hessian = SECOND_ORDER[way](function)
            assert not noisy(lambda h=hessian, a=a, r=found: r.append(h(a)))
            np.testing.assert_allclose(found[0], ft.hessian(plain)(a), rtol=1e-10, atol=1e-11)


OF_MATRICES: dict[str, tuple[Any, Any]] = {
    "a cube": (lambda a: through_svd(lambda s: s**3, a), lambda a: a @ a.conj().T @ a),
    "itself": (lambda a: np.sin(through_svd(lambda s: s, a)), np.sin),
    "a fifth power of values": (
        lambda a: np.sum(np.linalg.svdvals(a) ** 6) * WEIGHTS,
        lambda a: np.trace(a @ a.conj().T @ a @ a.conj().T @ a @ a.conj().T) * WEIGHTS,
    ),
}
REGULAR: dict[str, tuple[Any, Any]] = {
    "polar factor": (
        polar,
        lambda a: a @ eigh_function(lambda w: 1 / np.sqrt(w), a.conj().T @ a),
    ),
    "pseudoinverse": (lambda a: through_svd(lambda s: 1 / s, a).conj().T, np.linalg.inv),
}
REGULAR_MATRICES = {"identity": IDENTITY, "tie": TIE, "turned": turned(1.0, 1.0, 3.0)}
SINGULAR_MATRICES = {
    "zero": ZERO,
    "low": LOW,
    "lower": np.diag([2.0, 0.0, 0.0]),
    "a tie and none": Q @ np.diag([2.0, 2.0, 0.0]) @ P,
}


@pytest.mark.parametrize("way", FIRST)
@pytest.mark.parametrize("name", OF_MATRICES | REGULAR)
def test_first_derivatives_of_functions_of_matrices(name: str, way: str) -> None:
    function, plain = map(weighted, (OF_MATRICES | REGULAR)[name])
    matrices = REGULAR_MATRICES | (SINGULAR_MATRICES if name in OF_MATRICES else {})
    for a in matrices.values():
        found: list[Any] = []
        assert not noisy(lambda a=a, r=found: r.append(FIRST[way](function, a, SYMMETRIC @ P)))
        expected = np.sum(ft.grad(plain)(a) * (SYMMETRIC @ P))
        np.testing.assert_allclose(found[0], expected, rtol=1e-11, atol=1e-12)


@words(2)
@pytest.mark.parametrize("name", OF_MATRICES | REGULAR)
def test_second_derivatives_of_functions_of_matrices(name: str, word: str) -> None:
    function, plain = map(weighted, (OF_MATRICES | REGULAR)[name])
    matrices = REGULAR_MATRICES | (SINGULAR_MATRICES if name in OF_MATRICES else {})
    for a in matrices.values():
        exact(word, function, plain, a, WEIGHTS)


@pytest.mark.slow
@pytest.mark.parametrize("word", ["jjg", "ggg"])
@pytest.mark.parametrize("name", OF_MATRICES | REGULAR)
def test_third_derivatives_of_functions_of_matrices(name: str, word: str) -> None:
    function, plain = map(weighted, (OF_MATRICES | REGULAR)[name])
    matrices = REGULAR_MATRICES | (SINGULAR_MATRICES if name in OF_MATRICES else {})
    for a in matrices.values():
        exact(word, function, plain, a, WEIGHTS)


def test_third_derivatives_of_singular_values_that_vanish() -> None:
    for word in ("jgj", "ggg"):
        function, plain = map(weighted, OF_MATRICES["a cube"])
        exact(word, function, plain, LOW, WEIGHTS)


@pytest.mark.parametrize("full", [False, True])
@words(2)
@pytest.mark.parametrize("shape", [(4, 3), (3, 4)])
def test_rectangles(shape: tuple[int, int], word: str, full: bool) -> None:
    rng = np.random.default_rng(2)
    weights, t = rng.standard_normal((2, *shape))
    u, _, vh = np.linalg.svd(rng.standard_normal(shape), full_matrices=False)

    def function(a: Array) -> Array:
        u, s, vh = np.linalg.svd(a, full_matrices=full)
        return np.sum(weights * ((u[:, :3] * s**3) @ vh[:3]))

    def complement(a: Array) -> Array:
        u, _, vh = np.linalg.svd(a, full_matrices=True)
        rest = u[:, 3:] @ u[:, 3:].T if shape[0] > 3 else vh[3:].T @ vh[3:]
        return np.sum(np.sin(rest) * (weights @ weights.T if shape[0] > 3 else weights.T @ weights))

    def projector(a: Array) -> Array:
        a = a if shape[0] > 3 else a.T
        rest = np.eye(4) - a @ np.linalg.inv(a.T @ a) @ a.T
        return np.sum(np.sin(rest) * (weights @ weights.T if shape[0] > 3 else weights.T @ weights))

    for values in ([2.0, 2.0, 1.0], [1.0, 1.0, 1.0], [2.0, 2.0, 0.0], [0.0, 0.0, 0.0]):
        a = (u * np.array(values)) @ vh
        exact(word, function, lambda a: np.sum(weights * (a @ a.T @ a)), a, t)
        if full and min(values):
            exact(word, complement, projector, a, t)


COMPLEX = {
    "identity": IDENTITY + 0j,
    "pair": PHASES @ PAIR @ PHASES.conj().T,
    "apart": PHASES @ APART @ PHASES.conj().T,
}


@pytest.mark.parametrize("word", ["j", "g", "jg", "gg", slow("jj"), slow("gj")])
def test_complex_matrices(word: str) -> None:
    t = WEIGHTS + 1j * SYMMETRIC
    for a in COMPLEX.values():
        for table, name in (
            (OF_HERMITIAN, "a cube"),
            (OF_HERMITIAN, "whitening"),
            (REGULAR, "polar factor"),
        ):
            function, plain = map(weighted, table[name])
            exact(word, function, plain, a, t)
    function, plain = map(weighted, OF_MATRICES["a cube"])
    exact(word, function, plain, PHASES @ np.diag([2.0, 2.0, 0.0]) + 0j, t)


@pytest.mark.parametrize("word", ["j", "g", "jg", "gg", slow("jj"), slow("gj")])
def test_general_eigenvectors(word: str) -> None:
    """A square of a matrix by `eig`, at matrices that have a basis of eigenvectors."""
    s = WEIGHTS + 2 * IDENTITY

    def function(a: Array) -> Array:
        w, v = np.linalg.eig(a + 0j)
        return np.sum(WEIGHTS * np.real((v * w**3) @ np.linalg.inv(v)))

    values = lambda a: np.real(np.sum(np.linalg.eigvals(a + 0j) ** 3))  # noqa: E731
    for a in (IDENTITY, PAIR, s @ np.diag([1.0, 1.0, 2.0]) @ np.linalg.inv(s)):
        exact(word, function, lambda a: np.sum(WEIGHTS * (a @ a @ a)), a, SYMMETRIC)
        exact(word, values, lambda a: np.trace(a @ a @ a), a, SYMMETRIC)


def test_single_precision() -> None:
    function, plain = map(weighted, OF_HERMITIAN["a cube"])
    a = TURNED.astype(np.float32)
    t = SYMMETRIC.astype(np.float32)
    found: list[Any] = []
    assert not noisy(lambda: found.append(ft.jvp(ft.grad(function), (a,), (t,))[1]))
    expected = ft.jvp(ft.grad(plain), (TURNED,), (SYMMETRIC,))[1]
    assert found[0].dtype == np.float32
    np.testing.assert_allclose(found[0], expected, rtol=2e-5, atol=2e-5)


def test_lanes_of_which_some_have_equal_values() -> None:
    function, plain = map(weighted, OF_HERMITIAN["whitening"])
    stack = np.stack([APART, IDENTITY, TURNED, 3 * APART])
    expected = np.stack([ft.hessian(plain)(a) for a in stack])
    for way in (
        ft.vmap(ft.hessian(function)),
        ft.jit(ft.vmap(ft.hessian(function))),
        lambda s: np.einsum(
            "aijakl->aijkl", ft.jacfwd(ft.grad(lambda x: np.sum(ft.vmap(function)(x))))(s)
        ),
    ):
        found: list[Any] = []
        assert not noisy(lambda way=way, r=found: r.append(way(stack)))
        np.testing.assert_allclose(found[0], expected, rtol=1e-10, atol=1e-11)
    # One lane in doubt leaves the others.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DegenerateWarning)
        mixed = ft.vmap(ft.hessian(span(slice(0, 1))))(np.stack([APART, PAIR]))
    assert np.isfinite(mixed[0]).all()
    assert np.isnan(mixed[1]).any()


@words(2)
def test_jitted_and_checkpointed_functions(word: str) -> None:
    function, plain = map(weighted, OF_HERMITIAN["whitening"])
    for around in (ft.jit, ft.checkpoint):
        exact(word, around(function), plain, TURNED, SYMMETRIC)
    found: list[Any] = []
    assert not noisy(lambda: found.append(ft.jit(along(word, function, SYMMETRIC))(TURNED)))
    np.testing.assert_allclose(found[0], along(word, plain, SYMMETRIC)(TURNED), rtol=1e-10)


def test_no_elements_of_vectors() -> None:
    for way in (ft.jacfwd, ft.jacrev):
        assert way(lambda a: np.linalg.svd(a)[0][:, :0])(LOW).shape == (3, 0, 3, 3)


def test_programs_carry_series_only_where_values_are_equal() -> None:
    function, plain = map(weighted, OF_HERMITIAN["whitening"])
    program, wanted = (
        ft.jit(lambda a, f=f: ft.hvp(f, (a,), (SYMMETRIC,))) for f in (function, plain)
    )
    for a in (APART, TURNED, APART, IDENTITY):
        np.testing.assert_allclose(program(a), wanted(a), rtol=1e-9, atol=1e-11)
    assert program.cache_info().size == 2  # each kind of call found its own
    assert len(str(program.lower(APART).graph)) < 0.5 * len(str(program.lower(TURNED).graph))


def test_decompositions_of_what_others_return() -> None:
    """The distance of Bures, exact where values are equal in one of both, or in both."""
    b = WEIGHTS @ WEIGHTS.T + IDENTITY

    def distance(root: Any, a: Array, b: Array) -> Array:
        return np.trace(root(root(a) @ b @ root(a)))

    through = lambda a: through_eigh(np.sqrt, a)  # noqa: E731
    plain = lambda a: eigh_function(np.sqrt, a)  # noqa: E731
    for way in ("jacfwd of jacrev", "jacfwd of jacfwd", "graph"):
        hessian = SECOND_ORDER[way]
        for a in (TURNED, APART):
            found = hessian(lambda a: distance(through, a, b))(a)
            expected = hessian(lambda a: distance(plain, a, b))(a)
            np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-11)
            found = hessian(lambda a: distance(through, a, IDENTITY))(a)
            expected = hessian(lambda a: distance(plain, a, IDENTITY))(a)
            np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-11)


TOLD_APART: dict[str, Any] = {
    "a vector": span(slice(0, 1)),
    "an element": lambda a: np.linalg.eigh(a)[1][2, 1],
    "a value": lambda a: np.linalg.eigvalsh(a)[1],
    "a value squared": lambda a: (np.linalg.eigvalsh(a)[0] - 1) ** 2,
    "values with weights": lambda a: np.sum((np.linalg.eigh(a)[0] - 1) ** 2 * [1.0, 2.0, 4.0]),
    "a function of one": lambda a: np.sum(
        WEIGHTS * through_eigh(lambda w: (w - 1) * np.array([1.0, -1.0, 0.0]), a)
    ),
    "left vectors alone": lambda a: np.sum(WEIGHTS * np.linalg.svd(a)[0]),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", TOLD_APART)
def test_what_is_no_function_of_the_matrix(name: str, way: str) -> None:
    hessian = SECOND_ORDER[way](TOLD_APART[name])
    assert not noisy(lambda: hessian(APART))
    for a in (IDENTITY, TURNED):
        found: list[Any] = []
        assert noisy(lambda a=a, r=found: r.append(hessian(a)))
        assert np.isnan(found[0]).any()


def test_kinks_where_singular_values_vanish() -> None:
    """The derivative by a value at its kink is 0, and so it is in a derivative of that."""
    a = np.diag([2.0, 1.0, 0.0])
    total = lambda x: np.sum(np.linalg.svdvals(x))  # noqa: E731
    corner = lambda x: np.sum(np.linalg.svdvals(x)[:2])  # noqa: E731
    for way in SECOND_ORDER:
        found: list[Any] = []
        assert not noisy(lambda way=way, r=found: r.append(SECOND_ORDER[way](total)(a)))
        np.testing.assert_allclose(found[0], SECOND_ORDER[way](corner)(a), atol=1e-12)
    assert not ft.hessian(total)(np.zeros((3, 3))).any()


VALUES = st.lists(st.sampled_from([0.5, 1.0, 1.5, 2.0]), min_size=2, max_size=5)


@pytest.mark.slow
@settings(max_examples=20, deadline=None)
@given(VALUES, st.integers(0, 2**16), st.sampled_from(["jj", "jg", "gj", "gg", "jgj", "ggg"]))
def test_polynomials_at_random_matrices(values: list[float], seed: int, word: str) -> None:
    """With integer powers the function is a matrix polynomial, whose derivatives are known."""
    rng = np.random.default_rng(seed)
    n = len(values)
    q, p = (np.linalg.qr(rng.standard_normal((n, n)))[0] for _ in range(2))
    weights, t = rng.standard_normal((2, n, n))
    c = rng.standard_normal(4)

    def by_eigh(a: Array) -> Array:
        w, v = np.linalg.eigh(a)
        return np.sum(weights * ((v * (c[0] + c[1] * w + c[2] * w**2 + c[3] * w**3)) @ v.T))

    def polynomial(a: Array) -> Array:
        a = (a + a.T) / 2
        power = np.eye(n)
        total = c[0] * power
        for coefficient in c[1:]:
            power = power @ a
            total = total + coefficient * power
        return np.sum(weights * total)

    def by_svd(a: Array) -> Array:
        u, s, vh = np.linalg.svd(a)
        return np.sum(weights * ((u * (c[0] * s + c[1] * s**3)) @ vh))

    def odd(a: Array) -> Array:
        return np.sum(weights * (c[0] * a + c[1] * a @ a.T @ a))

    close = {"rtol": 1e-8, "atol": 1e-8}
    for function, plain, a in (
        (by_eigh, polynomial, q @ np.diag(values) @ q.T),
        (by_svd, odd, q @ np.diag(values) @ p),
        (by_svd, odd, q @ np.diag([x - 0.5 for x in sorted(values)[::-1]]) @ p),
    ):
        found = along(word, function, t)(a)
        np.testing.assert_allclose(found, along(word, plain, t)(a), **close)
