"""``eigh_function``, the way to functions of a matrix that is exact to every order."""

from __future__ import annotations

import numpy as np
import pytest

import functrans as ft
from functrans.core.errors import InputTypeError, OutputTypeError
from tests.degenerate import (
    APART,
    IDENTITY,
    PAIR,
    RNG,
    SYMMETRIC,
    TURNED,
    WEIGHTS,
    ZERO,
    Array,
    difference,
    eigh_function,
    span,
    turned,
)


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
