"""Programs of scipy.special are native as a whole, with their gradients."""

from typing import Any

import numpy as np
import pytest

pytest.importorskip("llvmlite")
pytest.importorskip("scipy")

from scipy import special

import functrans as ft
from functrans.compile.llvm.segment import supported
from tests.llvm.native import carried_out, staged


def poisson(rate: Any, count: Any) -> Any:
    """The logarithm of a probability."""
    return np.sum(special.xlogy(count, rate) - rate - special.gammaln(count + 1))


def student(x: Any, freedom: Any) -> Any:
    """The logarithm of a density."""
    half = freedom / 2
    constant = special.gammaln(half + 0.5) - special.gammaln(half) - np.log(freedom) / 2
    return np.sum(constant - (half + 0.5) * np.log1p(x**2 / freedom))


def von_mises(x: Any, concentration: Any) -> Any:
    """The logarithm of a density."""
    return np.sum(concentration * (np.cos(x) - 1) - np.log(special.i0e(concentration)))


@pytest.mark.parametrize("density", [poisson, student, von_mises])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_likelihoods(density: Any, dtype: str) -> None:
    """Values and slopes by the parameter that the special functions do not take."""
    rng = np.random.default_rng(0)
    x, y = rng.uniform(0.1, 9, (2, 37)).astype(dtype)
    for f in (density, ft.grad(density)):
        graph, values = staged(f, x, y)
        assert all([supported(e, False) for e in graph.equations]), graph
        for found, wanted in zip(carried_out(graph, *values), graph.evaluate(values), strict=True):
            np.testing.assert_allclose(found, wanted, rtol=2e-5 if dtype == "float32" else 1e-12)


def test_slopes_of_gamma_functions() -> None:
    """That of gammaln has a kernel of its own, left of 0 too."""
    x = np.concatenate([np.linspace(-5.9, 12, 50), [0.0, -0.0, np.inf, np.nan]])
    graph, values = staged(ft.grad(lambda x: np.sum(special.gammaln(x))), x)
    assert all([supported(e, False) for e in graph.equations])
    (found,) = carried_out(graph, *values)
    np.testing.assert_allclose(found, special.digamma(x), rtol=1e-11)
