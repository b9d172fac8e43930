"""Eigenvalues and singular values that are equal but for rounding, of whatever origin.

Functions of the matrix have their derivatives over all gaps, as have functions of single vectors to
what rounding over the gap leaves of them; the first with no warning.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import functrans as ft
from tests.degenerate import Array, noisy, through_eigh, through_svd

N = 4
RNG = np.random.default_rng(3)
WEIGHTS = RNG.standard_normal((N, N))
DIRECTION = WEIGHTS + WEIGHTS.T
P, Q = (np.linalg.qr(RNG.standard_normal((N, N)))[0] for _ in range(2))
GAPS = [10.0**-k for k in range(4, 17)]
eigh_function = ft.numpy.linalg.eigh_function


def near(gap: float, basis: Array = Q, values: Any = (1.0, 1.0, 0.4, 2.0)) -> Array:
    """A matrix of which two values part by this part of the largest."""
    w = np.array(values)
    w[1] += gap * w.max()
    a = (basis * w) @ basis.T
    return (a + a.T) / 2


def weighted(function: Callable[[Array], Array]) -> Callable[[Array], Array]:
    return lambda a: np.sum(WEIGHTS * function(a))


def slope(h: Any, rate: Any, a: Array, weights: Array = WEIGHTS) -> Array:
    """The gradient of a weighted sum of h of a symmetric matrix, by divided differences."""
    with mpmath.workdps(60):
        n = len(a)
        w, v = mpmath.eigsy(mpmath.matrix(((a + a.T) / 2).tolist()))
        inner = v.T * mpmath.matrix(((weights + weights.T) / 2).tolist()) * v
        for i in range(n):
            for j in range(n):
                gap = w[i] - w[j]
                equal = abs(gap) < mpmath.mpf(10) ** -40
                inner[i, j] *= rate(w[i]) if equal else (h(w[i]) - h(w[j])) / gap
        return np.array((v * inner * v.T).tolist(), float)


def singular_slope(h: Any, rate: Any, a: Array) -> Array:
    """The same of an odd function of singular values: one of a block of the symmetric matrix."""
    none = np.zeros_like(a)
    whole = np.block([[none, a], [a.T, none]])
    weights = np.block([[none, WEIGHTS], [WEIGHTS.T, none]])
    return slope(h, rate, whole, weights)[:N, N:]


def curvature(h: Any, a: Array) -> float:
    """The second derivative along a direction, by a difference in many digits."""
    with mpmath.workdps(70):

        def value(t: Any) -> Any:
            moved = mpmath.matrix(a.tolist()) + t * mpmath.matrix(DIRECTION.tolist())
            w, v = mpmath.eigsy(moved)
            y = v * mpmath.diag([h(x) for x in w]) * v.T
            return sum(float(WEIGHTS[i, j]) * y[i, j] for i in range(N) for j in range(N))

        t = mpmath.mpf(10) ** -15
        return float((value(t) - 2 * value(0) + value(-t)) / t**2)


def exact(function: Callable[[], Any], expected: Any, tolerance: float) -> None:
    """What a function returns, without a warning, to a part of the largest element."""
    found: list[Any] = []
    assert not noisy(lambda: found.append(function()))
    error = np.max(np.abs(found[0] - expected)) / np.max(np.abs(expected))
    assert error < tolerance, error


FUNCTIONS: dict[str, tuple[Any, Any, Any]] = {
    "log": (np.log, mpmath.log, lambda x: 1 / x),
    "sqrt": (np.sqrt, mpmath.sqrt, lambda x: 0.5 / mpmath.sqrt(x)),
    "exp": (np.exp, mpmath.exp, mpmath.exp),
}


@pytest.mark.parametrize("gap", GAPS)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_of_the_matrix(name: str, gap: float) -> None:
    h, digits, rate = FUNCTIONS[name]
    a = near(gap)
    function = weighted(lambda a: through_eigh(h, a))
    expected = slope(digits, rate, a)
    exact(lambda: ft.grad(function)(a), expected, 1e-10)
    exact(lambda: ft.jacfwd(function)(a), expected, 1e-10)
    exact(lambda: ft.grad(weighted(lambda a: eigh_function(h, a)))(a), expected, 1e-10)


WAYS: dict[str, Any] = {
    "jit": lambda f, a: ft.jit(ft.grad(f))(a),
    "vmap": lambda f, a: ft.vmap(ft.grad(f))(np.stack([near(0.1), a, near(0.0)]))[1],
    "stack": lambda f, a: ft.grad(lambda x: np.sum(ft.vmap(f)(x)))(np.stack([near(1e-9), a]))[1],
    "checkpoint": lambda f, a: ft.grad(ft.checkpoint(f))(a),
    "a program of a branch": lambda f, a: ft.jit(
        ft.grad(lambda x: ft.cond(x[0, 0] > -9, f, lambda x: np.sum(x), x))
    )(a),
    "graph": lambda f, a: ft.make_graph(ft.grad(f))(near(0.1))(a),
    "graph in forward mode": lambda f, a: ft.make_graph(ft.jacfwd(f))(near(0.1))(a),
    "of a program": lambda f, a: ft.grad(ft.jit(f))(a),
    "linear": lambda f, a: ft.vjp(f, a)[1](1.0)[0],
    "loop": lambda f, a: ft.grad(lambda x: ft.fori_loop(0, 1, lambda i, s: s + f(x), 0.0))(a),
}


@pytest.mark.parametrize("gap", [1e-6, 1e-9, 1e-13, 3e-15])
@pytest.mark.parametrize("way", WAYS)
def test_ways_to_take_first_derivatives(way: str, gap: float) -> None:
    h, digits, rate = FUNCTIONS["sqrt"]
    a = near(gap)
    function = weighted(lambda a: through_eigh(h, a))
    exact(lambda: WAYS[way](function, a), slope(digits, rate, a), 1e-10)


@pytest.mark.parametrize("gap", GAPS)
def test_singular_values_and_general_vectors(gap: float) -> None:
    a = near(gap)
    b = a @ P
    exact(
        lambda: ft.grad(weighted(lambda a: through_svd(np.sin, a)))(b),
        singular_slope(mpmath.sin, mpmath.cos, b),
        1e-10,
    )
    exact(
        lambda: ft.grad(weighted(lambda a: through_svd(np.sign, a)))(b),
        singular_slope(mpmath.sign, lambda x: mpmath.mpf(0), b),
        1e-10,
    )
    inverse = np.linalg.inv(b)
    exact(lambda: ft.grad(weighted(np.linalg.pinv))(b), -inverse.T @ WEIGHTS @ inverse.T, 1e-10)

    def root(a: Array) -> Array:
        w, v = np.linalg.eig(a + 0j)
        return np.real((v * np.sqrt(w)) @ np.linalg.inv(v))

    def gradient() -> Array:
        g = ft.grad(weighted(root))(a)
        return (g + g.T) / 2

    _, digits, rate = FUNCTIONS["sqrt"]
    exact(gradient, slope(digits, rate, a), 1e-10)


@pytest.mark.parametrize("gap", GAPS)
def test_complex_and_single_precision(gap: float) -> None:
    u = np.linalg.qr(WEIGHTS + 1j * DIRECTION)[0]
    w = np.array([1.0, 1.0 + 2 * gap, 0.4, 2.0])
    z = (u * w) @ u.conj().T
    z = (z + z.conj().T) / 2

    def of(function: Any) -> Any:
        return lambda a: np.sum(np.real((WEIGHTS + 1j * DIRECTION) * function(a)))

    expected = ft.grad(of(lambda a: eigh_function(np.exp, a)))(z)
    exact(lambda: ft.grad(of(lambda a: through_eigh(np.exp, a)))(z), expected, 1e-10)
    single = near(gap).astype(np.float32)
    function = weighted(lambda a: through_eigh(np.exp, a))
    expected = slope(mpmath.exp, mpmath.exp, single.astype(float))
    # Rounding over a gap as wide as is taken together, 6e-8 / 5e-3, is as large as this.
    exact(lambda: ft.grad(function)(single), expected, 2e-5)


@settings(max_examples=25, deadline=None)
@given(
    exponents=st.lists(st.floats(4, 17), min_size=1, max_size=3),
    seed=st.integers(0, 10**6),
    name=st.sampled_from(sorted(FUNCTIONS)),
)
def test_several_values_at_several_gaps(exponents: list[float], seed: int, name: str) -> None:
    basis = np.linalg.qr(np.random.default_rng(seed).standard_normal((N, N)))[0]
    w = np.array([1.0, 1.0, 1.0, 1.0])
    w[: len(exponents)] += np.cumsum(10.0 ** -np.array(exponents))
    a = (basis * w) @ basis.T
    a = (a + a.T) / 2
    h, digits, rate = FUNCTIONS[name]
    function = weighted(lambda a: through_eigh(h, a))
    exact(lambda: ft.grad(function)(a), slope(digits, rate, a), 1e-9)


# Functions of functions, whose values fall together.


@pytest.mark.parametrize("gap", [0.0, *GAPS])
def test_values_that_fall_together(gap: float) -> None:
    """1 and 2 are as far from 1.5."""
    for a in (near(gap, values=(1.0, 2.0, 1.2, 0.3)), near(gap, values=(1.0, 1.0, 2.0, 2.0))):
        function = weighted(
            lambda a: through_eigh(np.exp, through_eigh(lambda w: (w - 1.5) ** 2, a))
        )
        expected = slope(
            lambda x: mpmath.exp((x - 1.5) ** 2),
            lambda x: 2 * (x - 1.5) * mpmath.exp((x - 1.5) ** 2),
            a,
        )
        exact(lambda f=function, a=a: ft.grad(f)(a), expected, 1e-9)  # type: ignore[misc]
        exact(lambda f=function, a=a: ft.jacfwd(f)(a), expected, 1e-9)  # type: ignore[misc]


@pytest.mark.parametrize("seed", range(6))
def test_rounding_that_a_function_enlarges(seed: int) -> None:
    """Values of 1e-3 with the rounding of values of 1000."""
    basis = np.linalg.qr(np.random.default_rng(seed).standard_normal((N, N)))[0]
    a = near(0.0, basis, (1000.0, 1002.0, 1001.5, 1003.0))

    def inner(w: Array) -> Array:
        return ((w - 1001) / 30) ** 2 + 1

    function = weighted(lambda a: through_eigh(np.log, through_eigh(inner, a)))
    expected = slope(
        lambda x: mpmath.log(((x - 1001) / 30) ** 2 + 1),
        lambda x: 2 * (x - 1001) / 900 / (((x - 1001) / 30) ** 2 + 1),
        a,
    )
    exact(lambda: ft.grad(function)(a), expected, 1e-8)  # the values have an error of 1e-13


# Second derivatives.


SECOND: dict[str, Any] = {
    "jg": lambda f, a: np.sum(ft.jvp(ft.grad(f), (a,), (DIRECTION,))[1] * DIRECTION),
    "jj": lambda f, a: ft.jvp(lambda x: ft.jvp(f, (x,), (DIRECTION,))[1], (a,), (DIRECTION,))[1],
    "gg": lambda f, a: np.sum(ft.grad(lambda x: np.sum(ft.grad(f)(x) * DIRECTION))(a) * DIRECTION),
}


@pytest.mark.parametrize("gap", GAPS[1:])
@pytest.mark.parametrize("way", SECOND)
def test_second_derivatives(way: str, gap: float) -> None:
    """Rounding over the square of a gap: at the widest that is taken together, 1e-4, that is as
    large as the square of the gap."""
    a = near(gap)
    function = weighted(lambda a: through_eigh(np.sqrt, a))
    exact(lambda: SECOND[way](function, a), curvature(mpmath.sqrt, a), max(1e-9, 20 * gap**2))


@pytest.mark.parametrize("way", SECOND)
@pytest.mark.parametrize("gap", [0.0, 1e-12, 1e-7])
def test_second_derivatives_of_functions_of_functions(way: str, gap: float) -> None:
    a = near(gap, values=(1.0, 2.0, 1.2, 0.3))
    function = weighted(lambda a: through_eigh(np.exp, through_eigh(lambda w: (w - 1.5) ** 2, a)))
    expected = curvature(lambda x: mpmath.exp((x - 1.5) ** 2), a)
    exact(lambda: SECOND[way](function, a), expected, 1e-9)


# Functions of single vectors or values, and such as have kinks or poles.


def projector(a: Array) -> Array:
    v = np.linalg.eigh(a)[1][:, 1]
    return np.sum(WEIGHTS * np.outer(v, v))


def projector_slope(a: Array) -> Array:
    with mpmath.workdps(60):
        w, v = mpmath.eigsy(mpmath.matrix(a.tolist()))
        inner = v.T * mpmath.matrix((DIRECTION / 2).tolist()) * v
        for i in range(N):
            for j in range(N):
                one, other = (j, i) if i == 1 else (i, j)
                inner[i, j] = 0 if (i == 1) == (j == 1) else inner[i, j] / (w[1] - w[one])
        return np.array((v * inner * v.T).tolist(), float)


@pytest.mark.parametrize("gap", [g for g in GAPS if g > 1e-15])
def test_single_vectors(gap: float) -> None:
    """Large but finite, to rounding over the gap, which is in their vectors."""
    a = near(gap)
    expected = projector_slope(a)
    exact(lambda: ft.grad(projector)(a), expected, 1e-14 / gap + 1e-14)
    exact(lambda: ft.jacfwd(projector)(a), expected, 1e-14 / gap + 1e-14)
    exact(lambda: ft.make_graph(ft.grad(projector))(near(0.1))(a), expected, 1e-14 / gap + 1e-14)
    value = ft.value_and_grad(projector)(a)[0]
    assert value == projector(a)


@pytest.mark.parametrize("gap", [1e-14, 1e-10, 1e-7])
def test_single_values(gap: float) -> None:
    """Each beside a use of its vectors, so that a series is carried."""
    a = near(gap)

    def function(a: Array) -> Array:
        w, v = np.linalg.eigh(a)
        return w[1] + 0 * np.sum(v)

    v = np.linalg.eigh(a)[1][:, 1]
    exact(lambda: ft.grad(function)(a), np.outer(v, v), 1e-13)
    exact(lambda: ft.jacfwd(function)(a), np.outer(v, v), 1e-13)


@pytest.mark.parametrize("gap", [0.0, 1e-16])
def test_single_vectors_of_equal_values_warn(gap: float) -> None:
    a = near(gap)
    assert noisy(lambda: ft.grad(projector)(a))
    assert noisy(lambda: ft.jacfwd(projector)(a))


@pytest.mark.parametrize("gap", [1e-7, 1e-9, 1e-11])
def test_kinks_between_near_values(gap: float) -> None:
    """The nearest matrix that is positive, where small values have both signs."""
    a = (Q * np.array([-gap, gap, 0.4, 2.0])) @ Q.T
    a = (a + a.T) / 2
    function = weighted(lambda a: through_eigh(lambda w: np.maximum(w, 0), a))
    expected = slope(lambda x: max(x, 0), lambda x: mpmath.mpf(x > 0), a)
    exact(lambda: ft.grad(function)(a), expected, 1e-14 / gap)


@pytest.mark.parametrize("gap", [1e-7, 1e-10])
def test_poles_where_values_meet(gap: float) -> None:
    """What is not defined at equal values is neither used there nor warned of."""

    def function(a: Array) -> Array:
        w, v = np.linalg.eigh(a)
        return np.log(w[2] - w[1]) + 0 * np.sum(v)

    a = near(gap)
    w, v = np.linalg.eigh(a)
    expected = (np.outer(v[:, 2], v[:, 2]) - np.outer(v[:, 1], v[:, 1])) / (w[2] - w[1])
    exact(lambda: ft.grad(function)(a), expected, 1e-14 / gap)
    assert ft.value_and_grad(function)(a)[0] == function(a)


@pytest.mark.parametrize("gap", [1e-7, 1e-10, 1e-13])
def test_single_vectors_between(gap: float) -> None:
    """A function of a projector onto one of two near vectors."""

    def function(a: Array) -> Array:
        v = np.linalg.eigh(a)[1][:, 1]
        return np.sum(WEIGHTS * through_eigh(np.exp, np.outer(v, v)))

    a = near(gap)
    exact(lambda: ft.grad(function)(a), (np.e - 1) * projector_slope(a), 1e-14 / gap)


def test_values_are_those_of_the_matrix_itself() -> None:
    a = near(1e-7)
    function = weighted(lambda a: through_eigh(np.sqrt, a))
    assert ft.value_and_grad(function)(a)[0] == function(a)
    assert ft.jvp(function, (a,), (DIRECTION,))[0] == function(a)


def test_quotients_of_rounding_are_told() -> None:
    """A pass that calls hooks of nodes knows no more than the rules of its operations."""
    import functrans.torch as torch  # noqa: PLC0415

    def gradient(gap: float, function: Any) -> None:
        a = torch.tensor(near(gap), requires_grad=True)
        w, v = torch.linalg.eigh(a)
        v.grad_fn.register_prehook(lambda gs: None)
        torch.autograd.grad(function(w, v), a, create_graph=True)

    def root(w: Any, v: Any) -> Any:
        return (torch.tensor(WEIGHTS) * ((v * torch.sqrt(w)) @ v.T)).sum()

    def single(w: Any, v: Any) -> Any:
        return (torch.tensor(WEIGHTS) * (v[:, 1:2] @ v[:, 1:2].T)).sum()

    assert noisy(lambda: gradient(1e-12, root))
    assert not noisy(lambda: gradient(1e-6, root))
    assert not noisy(lambda: gradient(1e-12, single))
