"""Continuous distributions, as formulas of their standard form."""

from __future__ import annotations

import math

import numpy as np

from functrans.core.types import Array
from functrans.primitives import special as _rules  # noqa: F401  (registers them)
from functrans.primitives.distribution_functions import skewnorm_cdf, vonmises_cdf
from functrans.primitives.special_ufuncs import sp
from functrans.scipy.stats.distribution import (
    Continuous,
    half_line,
    real_line,
    unit_interval,
)

LOG_2, LOG_PI, LOG_TAU = math.log(2), math.log(math.pi), math.log(2 * math.pi)
ROOT_2 = math.sqrt(2)


# The normal distribution and its relatives.


def gauss(x: Array) -> Array:
    return -(x * x) / 2 - LOG_TAU / 2


norm = Continuous(
    "norm",
    support=real_line,
    logpdf=gauss,
    pdf=lambda x: np.exp(-(x * x) / 2) / math.sqrt(2 * math.pi),
    cdf=sp.ndtr,
    sf=lambda x: sp.ndtr(-x),
    logcdf=sp.log_ndtr,
    logsf=lambda x: sp.log_ndtr(-x),
    ppf=sp.ndtri,
    isf=lambda q: -sp.ndtri(q),
)
halfnorm = Continuous(
    "halfnorm",
    support=half_line,
    logpdf=lambda x: 0.5 * math.log(2 / math.pi) - x * x / 2,
    cdf=lambda x: sp.erf(x / ROOT_2),
    sf=lambda x: 2 * sp.ndtr(-x),
    ppf=lambda q: sp.ndtri((1 + q) / 2),
    isf=lambda q: -sp.ndtri(q / 2),
)
lognorm = Continuous(
    "lognorm",
    "s",
    support=half_line,
    logpdf=lambda x, s: _lognorm(x, s),
    cdf=lambda x, s: sp.ndtr(np.log(x) / s),
    sf=lambda x, s: sp.ndtr(-np.log(x) / s),
    logcdf=lambda x, s: sp.log_ndtr(np.log(x) / s),
    logsf=lambda x, s: sp.log_ndtr(-np.log(x) / s),
    ppf=lambda q, s: np.exp(s * sp.ndtri(q)),
    isf=lambda q, s: np.exp(-s * sp.ndtri(q)),
)


def _lognorm(x: Array, s: Array) -> Array:
    """Minus infinity at 0, where every derivative vanishes."""
    logarithm = np.log(np.where(x == 0, 1.0, x))
    value = -(logarithm**2) / (2 * s**2) - np.log(s) - logarithm - LOG_TAU / 2
    return np.where(x == 0, -np.inf, value)


skewnorm = Continuous(
    "skewnorm",
    "a",
    support=real_line,
    valid=lambda a: np.isfinite(a),
    logpdf=lambda x, a: LOG_2 + gauss(x) + sp.log_ndtr(a * x),
    pdf=lambda x, a: 2 * np.exp(-(x * x) / 2) / math.sqrt(2 * math.pi) * sp.ndtr(a * x),
    cdf=skewnorm_cdf,
    sf=lambda x, a: skewnorm_cdf(-x, -a),
)


def _log_ndtr(x: Array) -> Array:
    """Without a slope at infinity, where it would be infinite."""
    far = np.isinf(x)
    return np.where(far, np.where(x > 0, 0.0, -np.inf), sp.log_ndtr(np.where(far, 0.0, x)))


def log_gauss_mass(a: Array, b: Array) -> Array:
    """The logarithm of the normal probability between two points, from the nearer tail."""
    right = a > 0
    low, high = np.where(right, -b, a), np.where(right, -a, b)
    middle = high > 0
    tail_low, tail_high = np.where(middle, -1.0, low), np.where(middle, 0.0, high)
    upper = _log_ndtr(tail_high)
    tail = upper + np.log(-np.expm1(_log_ndtr(tail_low) - upper))
    low, high = np.where(middle, low, -1.0), np.where(middle, high, 1.0)
    central = np.log1p(-sp.ndtr(low) - sp.ndtr(-high))
    return np.where(middle, central, tail)


def _truncnorm_log(a: Array, x: Array, b: Array, *, upper: bool) -> Array:
    """The logarithm of the share of [a, b] on one side of x; near 1 from the other side."""
    whole = log_gauss_mass(a, b)
    shares = [log_gauss_mass(a, x) - whole, log_gauss_mass(x, b) - whole]
    own, other = shares[::-1] if upper else shares
    close = own > -0.1
    rest = np.log1p(-np.exp(np.where(close, other, -1.0)))
    return np.where(close, rest, np.where(close, -1.0, own))


def _truncnorm_quantile(q: Array, a: Array, b: Array) -> Array:
    """From the logarithm of the probability up to it, in the tail that is nearer."""
    mass = log_gauss_mass(a, b)
    left = a < 0
    start = _log_ndtr(np.where(left, a, -b))
    part = np.where(left, np.log(q), np.log1p(-q)) + mass
    found = sp.ndtri_exp(np.logaddexp(start, part))
    return np.where(left, found, -found)


truncnorm = Continuous(
    "truncnorm",
    "a b",
    support=lambda a, b: (a, b),
    valid=lambda a, b: a < b,
    logpdf=lambda x, a, b: gauss(x) - log_gauss_mass(a, b),
    cdf=lambda x, a, b: np.exp(_truncnorm_log(a, x, b, upper=False)),
    sf=lambda x, a, b: np.exp(_truncnorm_log(a, x, b, upper=True)),
    logcdf=lambda x, a, b: _truncnorm_log(a, x, b, upper=False),
    logsf=lambda x, a, b: _truncnorm_log(a, x, b, upper=True),
    ppf=_truncnorm_quantile,
)

# Gamma, beta, and what is made of them.

gamma = Continuous(
    "gamma",
    "a",
    support=half_line,
    logpdf=lambda x, a: sp.xlogy(a - 1.0, x) - x - sp.gammaln(a),
    cdf=lambda x, a: sp.gammainc(a, x),
    sf=lambda x, a: sp.gammaincc(a, x),
    ppf=lambda q, a: sp.gammaincinv(a, q),
    isf=lambda q, a: sp.gammainccinv(a, q),
)
chi2 = Continuous(
    "chi2",
    "df",
    support=half_line,
    logpdf=lambda x, df: sp.xlogy(df / 2 - 1, x) - x / 2 - sp.gammaln(df / 2) - LOG_2 * df / 2,
    cdf=lambda x, df: sp.chdtr(df, x),
    sf=lambda x, df: sp.chdtrc(df, x),
    ppf=lambda q, df: 2 * sp.gammaincinv(df / 2, q),
    isf=lambda q, df: sp.chdtri(df, q),
)
chi = Continuous(
    "chi",
    "df",
    support=half_line,
    logpdf=lambda x, df: (
        LOG_2 - LOG_2 * df / 2 - sp.gammaln(df / 2) + sp.xlogy(df - 1.0, x) - x * x / 2
    ),
    cdf=lambda x, df: sp.gammainc(df / 2, x * x / 2),
    sf=lambda x, df: sp.gammaincc(df / 2, x * x / 2),
    ppf=lambda q, df: np.sqrt(2 * sp.gammaincinv(df / 2, q)),
    isf=lambda q, df: np.sqrt(2 * sp.gammainccinv(df / 2, q)),
)
invgamma = Continuous(
    "invgamma",
    "a",
    support=half_line,
    logpdf=lambda x, a: _invgamma(x, a),
    cdf=lambda x, a: sp.gammaincc(a, 1.0 / x),
    sf=lambda x, a: sp.gammainc(a, 1.0 / x),
    ppf=lambda q, a: 1.0 / sp.gammainccinv(a, q),
    isf=lambda q, a: 1.0 / sp.gammaincinv(a, q),
)


def _invgamma(x: Array, a: Array) -> Array:
    """Minus infinity at 0, where every derivative vanishes."""
    safe = np.where(x == 0, 1.0, x)
    return np.where(x == 0, -np.inf, -(a + 1) * np.log(safe) - sp.gammaln(a) - 1.0 / safe)


beta = Continuous(
    "beta",
    "a b",
    support=unit_interval,
    logpdf=lambda x, a, b: sp.xlog1py(b - 1.0, -x) + sp.xlogy(a - 1.0, x) - sp.betaln(a, b),
    cdf=lambda x, a, b: sp.betainc(a, b, x),
    sf=lambda x, a, b: sp.betaincc(a, b, x),
    ppf=lambda q, a, b: sp.betaincinv(a, b, q),
    isf=lambda q, a, b: sp.betainccinv(a, b, q),
)
f = Continuous(
    "f",
    "dfn dfd",
    support=half_line,
    logpdf=lambda x, n, m: (
        m / 2 * np.log(m)
        + n / 2 * np.log(n)
        + sp.xlogy(n / 2 - 1, x)
        - ((n + m) / 2 * np.log(m + n * x) + sp.betaln(n / 2, m / 2))
    ),
    cdf=lambda x, n, m: sp.fdtr(n, m, x),
    sf=lambda x, n, m: sp.fdtrc(n, m, x),
    ppf=lambda q, n, m: sp.fdtri(n, m, q),
)
t = Continuous(
    "t",
    "df",
    support=real_line,
    logpdf=lambda x, df: (
        np.log(sp.poch(0.5 * df, 0.5))
        - 0.5 * (np.log(df) + LOG_PI)
        - (df + 1) / 2 * np.log1p(x * x / df)
    ),
    cdf=lambda x, df: sp.stdtr(df, x),
    sf=lambda x, df: sp.stdtr(df, -x),
    ppf=lambda q, df: sp.stdtrit(df, q),
    isf=lambda q, df: -sp.stdtrit(df, q),
)
maxwell = Continuous(
    "maxwell",
    support=half_line,
    logpdf=lambda x: 0.5 * math.log(2 / math.pi) + sp.xlogy(2.0, x) - x * x / 2,
    cdf=lambda x: sp.gammainc(1.5, x * x / 2),
    sf=lambda x: sp.gammaincc(1.5, x * x / 2),
    ppf=lambda q: np.sqrt(2 * sp.gammaincinv(1.5, q)),
    isf=lambda q: np.sqrt(2 * sp.gammainccinv(1.5, q)),
)

# Elementary distributions.

expon = Continuous(
    "expon",
    support=half_line,
    logpdf=lambda x: -x,
    cdf=lambda x: -np.expm1(-x),
    sf=lambda x: np.exp(-x),
    logsf=lambda x: -x,
    ppf=lambda q: -np.log1p(-q),
    isf=lambda q: -np.log(q),
)
uniform = Continuous(
    "uniform",
    support=unit_interval,
    logpdf=lambda x: 0.0 * x,
    cdf=lambda x: x,
    ppf=lambda q: q,
)
loguniform = Continuous(
    "loguniform",
    "a b",
    support=lambda a, b: (a, b),
    valid=lambda a, b: (a > 0) & (b > a),
    logpdf=lambda x, a, b: -np.log(x) - np.log(np.log(b) - np.log(a)),
    cdf=lambda x, a, b: (np.log(x) - np.log(a)) / (np.log(b) - np.log(a)),
    ppf=lambda q, a, b: np.exp(np.log(a) + q * (np.log(b) - np.log(a))),
)
powerlaw = Continuous(
    "powerlaw",
    "a",
    support=unit_interval,
    logpdf=lambda x, a: np.log(a) + sp.xlogy(a - 1, x),
    cdf=lambda x, a: x**a,
    logcdf=lambda x, a: a * np.log(x),
    ppf=lambda q, a: q ** (1.0 / a),
    sf=lambda x, a: -sp.powm1(x, a),
)
laplace = Continuous(
    "laplace",
    support=real_line,
    logpdf=lambda x: -LOG_2 - np.abs(x),
    pdf=lambda x: 0.5 * np.exp(-np.abs(x)),
    cdf=lambda x: _laplace(x),
    sf=lambda x: _laplace(-x),
    ppf=lambda q: _laplace_quantile(q),
    isf=lambda q: -_laplace_quantile(q),
)


def _laplace(x: Array) -> Array:
    half = 0.5 * np.exp(-np.abs(x))
    return np.where(x > 0, 1.0 - half, half)


def _laplace_quantile(q: Array) -> Array:
    return np.where(q > 0.5, -np.log(2 * (1 - q)), np.log(2 * q))


logistic = Continuous(
    "logistic",
    support=real_line,
    logpdf=lambda x: sp.log_expit(x) + sp.log_expit(-x),
    cdf=sp.expit,
    sf=lambda x: sp.expit(-x),
    logcdf=sp.log_expit,
    logsf=lambda x: sp.log_expit(-x),
    ppf=sp.logit,
    isf=lambda q: -sp.logit(q),
)
cauchy = Continuous(
    "cauchy",
    support=real_line,
    logpdf=lambda x: -LOG_PI - 2 * np.log(np.hypot(1.0, x)),
    pdf=lambda x: 1.0 / math.pi / (1.0 + x * x),
    cdf=lambda x: np.arctan2(1.0, -x) / math.pi,
    sf=lambda x: np.arctan2(1.0, x) / math.pi,
    ppf=lambda q: _cauchy_quantile(q),
    isf=lambda q: -_cauchy_quantile(q),
)


def _cauchy_quantile(q: Array) -> Array:
    """By the cotangent of the nearer tail."""
    upper = q > 0.5
    z = 1.0 / np.tan(math.pi * np.where(upper, 1 - q, q))
    return np.where(upper, z, -z)


halfcauchy = Continuous(
    "halfcauchy",
    support=half_line,
    logpdf=lambda x: math.log(2 / math.pi) - np.log1p(x * x),
    pdf=lambda x: 2.0 / math.pi / (1.0 + x * x),
    cdf=lambda x: 2.0 / math.pi * np.arctan(x),
    sf=lambda x: 2.0 / math.pi * np.arctan2(1.0, x),
    ppf=lambda q: np.tan(math.pi / 2 * q),
    isf=lambda q: 1.0 / np.tan(math.pi / 2 * q),
)
pareto = Continuous(
    "pareto",
    "b",
    support=lambda b: (1.0, np.inf),
    logpdf=lambda x, b: np.log(b) - (b + 1) * np.log(x),
    pdf=lambda x, b: b * x ** (-b - 1),
    cdf=lambda x, b: -sp.powm1(x, -b),
    sf=lambda x, b: x ** (-b),
    logsf=lambda x, b: -b * np.log(x),
    ppf=lambda q, b: (1 - q) ** (-1.0 / b),
    isf=lambda q, b: q ** (-1.0 / b),
)
weibull_min = Continuous(
    "weibull_min",
    "c",
    support=half_line,
    logpdf=lambda x, c: np.log(c) + sp.xlogy(c - 1, x) - x**c,
    pdf=lambda x, c: c * x ** (c - 1) * np.exp(-(x**c)),
    cdf=lambda x, c: -np.expm1(-(x**c)),
    sf=lambda x, c: np.exp(-(x**c)),
    logsf=lambda x, c: -(x**c),
    ppf=lambda q, c: (-np.log1p(-q)) ** (1.0 / c),
    isf=lambda q, c: (-np.log(q)) ** (1.0 / c),
)
weibull_max = Continuous(
    "weibull_max",
    "c",
    support=lambda c: (-np.inf, 0.0),
    logpdf=lambda x, c: np.log(c) + sp.xlogy(c - 1, -x) - (-x) ** c,
    pdf=lambda x, c: c * (-x) ** (c - 1) * np.exp(-((-x) ** c)),
    cdf=lambda x, c: np.exp(-((-x) ** c)),
    sf=lambda x, c: -np.expm1(-((-x) ** c)),
    logcdf=lambda x, c: -((-x) ** c),
    ppf=lambda q, c: -((-np.log(q)) ** (1.0 / c)),
)
rayleigh = Continuous(
    "rayleigh",
    support=half_line,
    logpdf=lambda x: sp.xlogy(1.0, x) - 0.5 * x * x,
    pdf=lambda x: x * np.exp(-0.5 * x * x),
    cdf=lambda x: -np.expm1(-0.5 * x**2),
    sf=lambda x: np.exp(-0.5 * x * x),
    logsf=lambda x: -0.5 * x * x,
    ppf=lambda q: np.sqrt(-2 * np.log1p(-q)),
    isf=lambda q: np.sqrt(-2 * np.log(q)),
)
gumbel_r = Continuous(
    "gumbel_r",
    support=real_line,
    logpdf=lambda x: -x - np.exp(-x),
    cdf=lambda x: np.exp(-np.exp(-x)),
    sf=lambda x: -np.expm1(-np.exp(-x)),
    logcdf=lambda x: -np.exp(-x),
    ppf=lambda q: -np.log(-np.log(q)),
    isf=lambda q: -np.log(-np.log1p(-q)),
)
gumbel_l = Continuous(
    "gumbel_l",
    support=real_line,
    logpdf=lambda x: x - np.exp(x),
    cdf=lambda x: -np.expm1(-np.exp(x)),
    sf=lambda x: np.exp(-np.exp(x)),
    logsf=lambda x: -np.exp(x),
    ppf=lambda q: np.log(-np.log1p(-q)),
    isf=lambda q: np.log(-np.log(q)),
)
gennorm = Continuous(
    "gennorm",
    "beta",
    support=real_line,
    logpdf=lambda x, b: np.log(0.5 * b) - sp.gammaln(1.0 / b) - np.abs(x) ** b,
    cdf=lambda x, b: _gennorm(x, b),
    sf=lambda x, b: _gennorm(-x, b),
)


def _gennorm(x: Array, b: Array) -> Array:
    tail = 0.5 * sp.gammaincc(1.0 / b, np.abs(x) ** b)
    return np.where(x > 0, 1.0 - tail, tail)


# On the circle.

vonmises = Continuous(
    "vonmises",
    "kappa",
    support=real_line,
    valid=lambda kappa: kappa >= 0,
    logpdf=lambda x, kappa: kappa * sp.cosm1(x) - LOG_TAU - np.log(sp.i0e(kappa)),
    pdf=lambda x, kappa: np.exp(kappa * sp.cosm1(x)) / (2 * math.pi * sp.i0e(kappa)),
    cdf=vonmises_cdf,
)

reciprocal = loguniform
erlang = gamma
