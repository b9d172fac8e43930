"""Distributions on whole numbers, as formulas of their standard form."""

from __future__ import annotations

from typing import Any

import numpy as np

from functrans.core.types import Array
from functrans.primitives.special_beta import beta_density
from functrans.primitives.special_ufuncs import sp
from functrans.scipy.linalg.operands import known
from functrans.scipy.stats.distribution import Discrete


def probability(p: Array) -> Any:
    return (p >= 0) & (p <= 1)


def whole(n: Array) -> Any:
    return (n >= 0) & (n == np.floor(n))


def _log_choices(k: Array, n: Array) -> Array:
    return sp.gammaln(n + 1) - (sp.gammaln(k + 1) + sp.gammaln(n - k + 1))


def _binom_log(k: Array, n: Array, p: Array) -> Array:
    return _log_choices(k, n) + sp.xlogy(k, p) + sp.xlog1py(n - k, -p)


def _binom(k: Array, n: Array, p: Array) -> Array:
    """By the density of the beta distribution, which does not cancel; at the ends by powers."""
    end = (p == 0) | (p == 1)
    inner = beta_density(k + 1, n - k + 1, np.where(end, 0.5, p)) / (n + 1)
    p = np.where(end, p, 0.5)
    choices = np.exp(_log_choices(k, n))
    return np.where(end, choices * p**k * (1 - p) ** (n - k), inner)


binom = Discrete(
    "binom",
    "n p",
    support=lambda n, p: (0.0, n),
    valid=lambda n, p: whole(n) & probability(p),
    logpmf=_binom_log,
    pmf=_binom,
    cdf=lambda k, n, p: sp.betaincc(k + 1, n - k, p),
    sf=lambda k, n, p: sp.betainc(k + 1, n - k, p),
)
bernoulli = Discrete(
    "bernoulli",
    "p",
    support=lambda p: (0.0, 1.0),
    valid=probability,
    logpmf=lambda k, p: sp.xlogy(k, p) + sp.xlog1py(1 - k, -p),
    pmf=lambda k, p: np.where(k == 1, p, 1 - p),
    cdf=lambda k, p: 1 - p,
    sf=lambda k, p: p,
)
geom = Discrete(
    "geom",
    "p",
    support=lambda p: (1.0, np.inf),
    valid=lambda p: (p > 0) & (p <= 1),
    logpmf=lambda k, p: sp.xlog1py(k - 1, -p) + np.log(p),
    pmf=lambda k, p: (1 - p) ** (k - 1) * p,
    cdf=lambda k, p: -np.expm1(sp.xlog1py(k, -p)),
    sf=lambda k, p: np.exp(sp.xlog1py(k, -p)),
    logsf=lambda k, p: sp.xlog1py(k, -p),
)
nbinom = Discrete(
    "nbinom",
    "n p",
    support=lambda n, p: (0.0, np.inf),
    valid=lambda n, p: (n > 0) & (p > 0) & (p <= 1),
    logpmf=lambda k, n, p: (
        sp.gammaln(n + k) - sp.gammaln(k + 1) - sp.gammaln(n) + n * np.log(p) + sp.xlog1py(k, -p)
    ),
    pmf=lambda k, n, p: _nbinom(k, n, p),
    cdf=lambda k, n, p: sp.betainc(n, k + 1, p),
    sf=lambda k, n, p: sp.betaincc(n, k + 1, p),
)


def _nbinom(k: Array, n: Array, p: Array) -> Array:
    """By the density of the beta distribution; for ``p = 1`` by powers."""
    end = p == 1
    inner = np.where(end, 0.5, p) / (n + k) * beta_density(n, k + 1, np.where(end, 0.5, p))
    choices = sp.poch(np.where(end, n, 1.0), k) * sp.rgamma(k + 1)
    p = np.where(end, p, 0.5)
    return np.where(end, choices * p**n * (1 - p) ** k, inner)


poisson = Discrete(
    "poisson",
    "mu",
    support=lambda mu: (0.0, np.inf),
    valid=lambda mu: mu >= 0,
    logpmf=lambda k, mu: sp.xlogy(k, mu) - sp.gammaln(k + 1) - mu,
    cdf=lambda k, mu: sp.pdtr(k, mu),
    sf=lambda k, mu: sp.pdtrc(k, mu),
)


def _betabinom_log(k: Array, n: Array, a: Array, b: Array) -> Array:
    choices = -np.log(n + 1) - sp.betaln(n - k + 1, k + 1)
    return choices + sp.betaln(k + a, n - k + b) - sp.betaln(a, b)


def _most(name: str, count: Array) -> int:
    """The largest count, which is how many probabilities a distribution function adds up."""
    value = known(count)
    if value is None:
        raise TypeError(
            f"{name}.cdf adds up as many probabilities as the count says, which is not known under "
            "vmap and staging: pass the count as a plain number"
        )
    return int(np.max(value, initial=0))


def _betabinom_cdf(k: Array, n: Array, a: Array, b: Array) -> Array:
    places = np.arange(_most("betabinom", n) + 1.0)
    inside = (places <= k[..., None]) & (places <= n[..., None])
    at = np.where(inside, places, 0.0)
    terms = np.exp(_betabinom_log(at, n[..., None], a[..., None], b[..., None]))
    return np.sum(np.where(inside, terms, 0.0), axis=-1)


betabinom = Discrete(
    "betabinom",
    "n a b",
    support=lambda n, a, b: (0.0, n),
    valid=lambda n, a, b: whole(n) & (a > 0) & (b > 0),
    logpmf=_betabinom_log,
    cdf=_betabinom_cdf,
)


def _hypergeom_log(k: Array, M: Array, n: Array, N: Array) -> Array:
    whole_urn = sp.betaln(n + 1, 1) + sp.betaln(M - n + 1, 1) + sp.betaln(M - N + 1, N + 1)
    drawn = sp.betaln(k + 1, n - k + 1) + sp.betaln(N - k + 1, M - n - N + k + 1)
    return whole_urn - drawn - sp.betaln(M + 1, 1)


def _hypergeom_cdf(k: Array, M: Array, n: Array, N: Array) -> Array:
    """The sum from the lowest possible number on."""
    low = np.maximum(N - (M - n), 0.0)
    places = np.arange(_most("hypergeom", np.minimum(n, N)) + 1.0)
    inside = (places >= low[..., None]) & (places <= k[..., None])
    at = np.where(inside, places, low[..., None])
    terms = np.exp(_hypergeom_log(at, M[..., None], n[..., None], N[..., None]))
    return np.sum(np.where(inside, terms, 0.0), axis=-1)


hypergeom = Discrete(
    "hypergeom",
    "M n N",
    support=lambda M, n, N: (np.maximum(N - (M - n), 0.0), np.minimum(n, N)),
    valid=lambda M, n, N: whole(M) & whole(n) & whole(N) & (n <= M) & (N <= M),
    logpmf=_hypergeom_log,
    cdf=_hypergeom_cdf,
)
randint = Discrete(
    "randint",
    "low high",
    support=lambda low, high: (low, high - 1),
    valid=lambda low, high: high > low,
    logpmf=lambda k, low, high: -np.log(high - low) + 0.0 * k,
    pmf=lambda k, low, high: 1.0 / (high - low) + 0.0 * k,
    cdf=lambda k, low, high: (k - low + 1.0) / (high - low),
)
