"""Keys, bits and what follows from them by formula are those of ``jax.random``; so are the
derivatives of gamma variables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import functrans as ft

pytestmark = pytest.mark.oracle("jax")
SIZE = (1000,)


@pytest.fixture
def jax_random() -> Iterator[Any]:
    import jax

    with jax.enable_x64(True):
        yield jax.random


def keys(jax_random: Any) -> tuple[Any, Any]:
    return ft.random.key(2**40 + 42), jax_random.PRNGKey(2**40 + 42)


def test_keys_and_bits(jax_random: Any) -> None:
    key, theirs = keys(jax_random)
    assert (key == np.asarray(theirs)).all()
    for shape in (2, (2, 3)):
        assert (ft.random.split(key, shape) == np.asarray(jax_random.split(theirs, shape))).all()
    assert (ft.random.fold_in(key, 77) == np.asarray(jax_random.fold_in(theirs, 77))).all()
    for dtype in (np.uint8, np.uint16, np.uint32, np.uint64):
        bits = jax_random.bits(theirs, (4, 5), dtype)
        assert (ft.random.bits(key, (4, 5), dtype) == np.asarray(bits)).all()


CALLS: dict[str, dict[str, Any]] = {
    "uniform": {"shape": SIZE, "minval": -2.0, "maxval": 3.0},
    "normal": {"shape": SIZE},
    "truncated_normal": {"lower": -0.5, "upper": 2.0, "shape": SIZE},
    "exponential": {"shape": SIZE},
    "gumbel": {"shape": SIZE},
    "laplace": {"shape": SIZE},
    "logistic": {"shape": SIZE},
    "cauchy": {"shape": SIZE},
    "maxwell": {"shape": SIZE},
    "double_sided_maxwell": {"loc": 1.0, "scale": 2.0, "shape": SIZE},
    "rademacher": {"shape": SIZE},
    "lognormal": {"sigma": 0.5, "shape": SIZE},
    "pareto": {"b": 2.0, "shape": SIZE},
    "rayleigh": {"scale": 2.0, "shape": SIZE},
    "weibull_min": {"scale": 1.0, "concentration": 2.0, "shape": SIZE},
    "triangular": {"left": 0.0, "mode": 0.3, "right": 1.0, "shape": SIZE},
    "bernoulli": {"p": 0.3, "shape": SIZE},
    "geometric": {"p": 0.3, "shape": SIZE},
    "categorical": {"logits": np.arange(20.0).reshape(4, 5) / 9, "shape": (7, 4)},
    "choice": {"a": 50, "shape": SIZE, "p": np.arange(50) / 1225},
    "multivariate_normal": {"mean": np.arange(3.0), "cov": np.eye(3) + 0.2, "shape": SIZE},
    "orthogonal": {"n": 4},
}


@pytest.mark.parametrize("name", CALLS)
def test_numbers(name: str, jax_random: Any) -> None:
    key, theirs = keys(jax_random)
    found = getattr(ft.random, name)(key, **CALLS[name])
    expected = np.asarray(getattr(jax_random, name)(theirs, **CALLS[name]))
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
    # Their inverse of the error function is good to 1e-12 or so.
    np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("name", ["uniform", "normal", "exponential", "laplace", "gumbel"])
def test_single_precision(name: str, jax_random: Any) -> None:
    key, theirs = keys(jax_random)
    found = getattr(ft.random, name)(key, SIZE, np.float32)
    expected = np.asarray(getattr(jax_random, name)(theirs, SIZE, np.float32))
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=1e-6)


def test_derivatives_of_gamma_variables(jax_random: Any) -> None:
    """Of the same numbers: theirs take a number and its shape."""
    import jax

    shapes = np.repeat([0.05, 0.5, 1.0, 3.0, 20.0, 300.0], 50)
    key = ft.random.key(3)
    numbers = ft.random.gamma(key, shapes)
    found = ft.grad(lambda a: np.sum(ft.random.gamma(key, a)))(shapes)
    expected = np.asarray(jax.lax.random_gamma_grad(shapes, numbers))
    # Theirs are good to 1e-9 or so at large shapes.
    np.testing.assert_allclose(found, expected, rtol=1e-7)
