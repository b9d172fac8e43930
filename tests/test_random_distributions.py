"""The numbers have the distributions that they are named after, and the derivatives that keep their
probabilities; compared with SciPy at fixed keys."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functrans as ft
from functrans import random

scipy_stats = pytest.importorskip("scipy.stats")
N = 20_000
KEY = random.key(7)
UNLIKELY = 1e-3  # of a right sampler at a fixed key: the numbers are the same in every run

CONTINUOUS: dict[str, tuple[Callable[[Any, Any], Any], Any]] = {
    "uniform": (lambda k, n: random.uniform(k, n, minval=-1.0, maxval=3.0), ("uniform", -1, 4)),
    "normal": (random.normal, ("norm",)),
    "truncated_normal": (
        lambda k, n: random.truncated_normal(k, -0.5, 2.0, n),
        ("truncnorm", -0.5, 2.0),
    ),
    "far truncated_normal": (
        lambda k, n: random.truncated_normal(k, 8.0, 9.0, n),
        ("truncnorm", 8.0, 9.0),
    ),
    "exponential": (random.exponential, ("expon",)),
    "gumbel": (random.gumbel, ("gumbel_r",)),
    "laplace": (random.laplace, ("laplace",)),
    "logistic": (random.logistic, ("logistic",)),
    "cauchy": (random.cauchy, ("cauchy",)),
    "maxwell": (random.maxwell, ("maxwell",)),
    "lognormal": (lambda k, n: random.lognormal(k, 0.7, n), ("lognorm", 0.7)),
    "pareto": (lambda k, n: random.pareto(k, 2.5, n), ("pareto", 2.5)),
    "rayleigh": (lambda k, n: random.rayleigh(k, 2.0, n), ("rayleigh", 0, 2.0)),
    "weibull_min": (lambda k, n: random.weibull_min(k, 2.0, 1.5, n), ("weibull_min", 1.5, 0, 2)),
    "triangular": (lambda k, n: random.triangular(k, 1.0, 1.5, 3.0, n), ("triang", 0.25, 1, 2)),
    "wald": (lambda k, n: random.wald(k, 1.5, n), ("invgauss", 1.5)),
    "generalized_normal": (lambda k, n: random.generalized_normal(k, 1.5, n), ("gennorm", 1.5)),
    "t": (lambda k, n: random.t(k, 3.0, n), ("t", 3.0)),
    "f": (lambda k, n: random.f(k, 3.0, 7.0, n), ("f", 3.0, 7.0)),
    "chisquare": (lambda k, n: random.chisquare(k, 2.5, n), ("chi2", 2.5)),
    "beta": (lambda k, n: random.beta(k, 0.5, 2.0, n), ("beta", 0.5, 2.0)),
    "dirichlet": (
        lambda k, n: random.dirichlet(k, np.array([0.5, 1.0, 1.5]), n)[:, 0],
        ("beta", 0.5, 2.5),
    ),
    "gamma of 0.1": (lambda k, n: random.gamma(k, 0.1, n), ("gamma", 0.1)),
    "gamma of 1": (lambda k, n: random.gamma(k, 1.0, n), ("gamma", 1.0)),
    "gamma of 30": (lambda k, n: random.gamma(k, 30.0, n), ("gamma", 30.0)),
    "gamma of 1e6": (lambda k, n: random.gamma(k, 1e6, n), ("gamma", 1e6)),
    "loggamma": (lambda k, n: random.loggamma(k, 0.01, n), ("loggamma", 0.01)),
    "ball": (lambda k, n: (random.ball(k, 3, 2, n) ** 2).sum(-1) ** 1.5, ("uniform",)),
    "one entry of orthogonal": (
        lambda k, n: (random.orthogonal(k, 3, n)[:, 0, 0] + 1) / 2,
        ("uniform",),
    ),
}


@pytest.mark.parametrize("name", CONTINUOUS)
def test_continuous(name: str) -> None:
    sample, (family, *parameters) = CONTINUOUS[name]
    distribution = getattr(scipy_stats, family)(*parameters)
    assert scipy_stats.kstest(sample(KEY, N), distribution.cdf).pvalue > UNLIKELY


COUNTS: dict[str, tuple[Callable[[Any, Any], Any], Any]] = {
    "bernoulli": (lambda k, n: random.bernoulli(k, 0.3, n), ("bernoulli", 0.3)),
    "geometric": (lambda k, n: random.geometric(k, 0.3, n), ("geom", 0.3)),
    "randint": (lambda k, n: random.randint(k, n, -3, 4), ("randint", -3, 4)),
    **{
        f"poisson of {m}": (lambda k, n, m=m: random.poisson(k, m, n), ("poisson", m))
        for m in (0.01, 3.0, 9.9, 10.1, 500.0)
    },
    **{
        f"binomial of {n}, {p}": (
            lambda k, size, n=n, p=p: random.binomial(k, n, p, size),
            ("binom", n, p),
        )
        for n, p in ((1, 0.5), (30, 0.9), (50, 0.3), (10**6, 0.999), (10**6, 1e-6))
    },
    "categorical": (
        lambda k, n: random.categorical(k, np.log([0.2, 0.5, 0.3]), shape=n),
        ("rv_discrete", (range(3), [0.2, 0.5, 0.3])),
    ),
    "choice": (
        lambda k, n: random.choice(k, 3, n, p=np.array([2.0, 5.0, 3.0])),
        ("rv_discrete", (range(3), [0.2, 0.5, 0.3])),
    ),
    "the second of a permutation": (
        lambda k, n: ft.vmap(lambda key: random.permutation(key, 5)[1])(random.split(k, n)),
        ("randint", 0, 5),
    ),
    "the last outcome of a multinomial": (
        lambda k, n: random.multinomial(k, 20, np.array([2.0, 1.0, 3.0]), n)[:, 2],
        ("binom", 20, 0.5),
    ),
    "the second choice without replacement": (
        lambda k, n: ft.vmap(lambda key: random.choice(key, 4, 2, replace=False)[1])(
            random.split(k, n)
        ),
        ("randint", 0, 4),
    ),
}


@pytest.mark.parametrize("name", COUNTS)
def test_counts(name: str) -> None:
    sample, (family, *parameters) = COUNTS[name]
    if family == "rv_discrete":
        distribution = scipy_stats.rv_discrete(values=parameters[0])
    else:
        distribution = getattr(scipy_stats, family)(*parameters)
    x = np.asarray(sample(KEY, N)).astype(int)
    low, high = (int(distribution.ppf(q)) for q in (1e-4, 1 - 1e-4))
    edges = np.unique(np.linspace(low - 1, high, min(high - low + 2, 50)).astype(int))
    expected = N * np.diff(distribution.cdf(edges), prepend=0.0, append=1.0)
    found = np.bincount(np.searchsorted(edges, x), minlength=len(expected))
    large = expected > 5
    pooled = [np.append(v[large], v[~large].sum()) for v in (found, expected)]
    keep = pooled[1] > 1e-9
    assert pooled[0][~keep].sum() == 0
    assert scipy_stats.chisquare(*(v[keep] for v in pooled), sum_check=False).pvalue > UNLIKELY


def test_multivariate_normal() -> None:
    mean, cov = np.array([1.0, -2.0]), np.array([[2.0, -0.6], [-0.6, 0.5]])
    for method in ("cholesky", "eigh", "svd"):
        x = random.multivariate_normal(KEY, mean, cov, N, method=method)
        inverse = np.linalg.inv(cov)
        distance = np.einsum("ni,ij,nj->n", x - mean, inverse, x - mean)
        assert scipy_stats.kstest(distance, scipy_stats.chi2(2).cdf).pvalue > UNLIKELY
        np.testing.assert_allclose(np.cov(x.T), cov, rtol=0.1, atol=0.05)


def test_bits_are_fair() -> None:
    bits = np.unpackbits(random.bits(KEY, N, np.uint8)[:, None], axis=1)
    counts = bits.sum(0)
    chances = scipy_stats.norm.sf(np.abs(counts - N / 2) / math.sqrt(N / 4))
    assert chances.min() > UNLIKELY


def test_complex_normal() -> None:
    z = random.normal(KEY, N, complex)
    assert scipy_stats.kstest(np.abs(z) ** 2, scipy_stats.expon.cdf).pvalue > UNLIKELY
    angles = np.angle(z) / (2 * math.pi) + 0.5
    assert scipy_stats.kstest(angles, scipy_stats.uniform.cdf).pvalue > UNLIKELY


# The derivative by a parameter is that of the quantile of the probability which the number has.

IMPLICIT: dict[str, tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Any], list[float]]] = {
    "gamma": (
        lambda k, a: random.gamma(k, a, 20),
        lambda q, a: scipy_stats.gamma.ppf(q, a),
        [0.3, 2.5, 40.0, 400.0],
    ),
    "chisquare": (
        lambda k, a: random.chisquare(k, a, 20),
        lambda q, a: scipy_stats.chi2.ppf(q, a),
        [0.5, 3.0],
    ),
    "wald": (
        lambda k, m: random.wald(k, m, 20),
        lambda q, m: scipy_stats.invgauss.ppf(q, m),
        [0.5, 2.0],
    ),
}


@pytest.mark.parametrize("name", IMPLICIT)
def test_implicit_derivatives(name: str) -> None:
    """First and second ones, against differences of the quantile."""
    sample, quantile, points = IMPLICIT[name]
    family = {"gamma": "gamma", "chisquare": "chi2", "wald": "invgauss"}[name]
    for a in points:
        q = getattr(scipy_stats, family).cdf(sample(KEY, a), a)
        inner = (q > 1e-3) & (q < 1 - 1e-3)  # where SciPy's quantile is good to the last digits

        def moved(h: float, a: float = a, q: Any = q) -> Any:
            return quantile(q, a + h)

        h = 1e-3 * a
        first = (8 * (moved(h) - moved(-h)) - (moved(2 * h) - moved(-2 * h))) / (12 * h)
        second = 16 * (moved(h) + moved(-h)) - moved(2 * h) - moved(-2 * h) - 30 * moved(0.0)
        second /= 12 * h * h
        slopes = ft.jacfwd(lambda a: sample(KEY, a))(a)
        curves = ft.jacfwd(ft.jacrev(lambda a: sample(KEY, a)))(a)
        scale = np.abs(first).max()
        np.testing.assert_allclose(slopes[inner], first[inner], rtol=1e-7, atol=1e-8 * scale)
        size = np.abs(curves).max()
        np.testing.assert_allclose(curves[inner], second[inner], rtol=1e-4, atol=1e-5 * size)


EXPECTATIONS: dict[str, tuple[Callable[[Any, Any], Any], float, float]] = {
    # What is averaged over numbers, the parameter, and the derivative of the mean by it.
    "gamma": (lambda k, a: random.gamma(k, a, 20 * N) ** 2, 1.5, 2 * 1.5 + 1),
    "beta": (lambda k, a: random.beta(k, a, 2.0, 20 * N), 0.7, 2 / 2.7**2),
    "dirichlet": (
        lambda k, a: random.dirichlet(k, np.array([1.0, 2.0, 0.5]) * a, 20 * N)[:, 0] ** 2,
        0.8,
        # E x1**2 = a1 (a1 + 1) / (s (s + 1)), where a1 = a and s = 3.5 a.
        -2.5 / (3.5 * (3.5 * 0.8 + 1) ** 2),
    ),
    "t": (lambda k, d: random.t(k, d, 20 * N) ** 2, 9.0, -2 / 49),
    "wald": (lambda k, m: random.wald(k, m, 20 * N) ** 2, 0.8, 2 * 0.8 + 3 * 0.8**2),
    "f": (lambda k, d: random.f(k, 4.0, d, 20 * N), 9.0, -2 / 49),
    "truncated_normal": (lambda k, a: random.truncated_normal(k, a, 9.0, 20 * N), 0.0, 2 / math.pi),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", EXPECTATIONS)
def test_derivatives_of_expectations(name: str) -> None:
    """The mean of the derivative is the derivative of the mean, within five standard errors."""
    sample, at, expected = EXPECTATIONS[name]
    slopes = ft.jvp(lambda a: sample(KEY, a), (at,), (1.0,))[1]
    error = slopes.std() / math.sqrt(slopes.size)
    assert abs(slopes.mean() - expected) < 5 * error
