"""Functions of scipy.special by mpmath, where that has no name for them, and their derivatives."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import mpmath

mp = mpmath.mp

Exact = Callable[..., Any]
Point = tuple[float, ...]


class Special(NamedTuple):
    """A function, exactly, and where to look.

    `solved` is the operand for which the function solves ``value(...) = p``, p in its place.
    `by` are exact derivatives; the value may be None then, which is not compared. `digits` are many
    where the function comes so close to its limit that differences would vanish.
    """

    value: Exact | None
    points: Sequence[Point]
    solved: int | None = None
    params: dict[str, Any] = {}  # noqa: RUF012
    by: dict[int, Exact] = {}  # noqa: RUF012
    digits: int = 80


def at(*xs: float) -> list[Point]:
    """Points of a function of one operand."""
    return [(x,) for x in xs]


def over(parameters: Sequence[Point], xs: Sequence[float]) -> list[Point]:
    """Points with each of these parameters and each last operand."""
    return [(*p, x) for p in parameters for x in xs]


def derivative(function: Exact, xs: Sequence[Any], i: int) -> Any:
    """The partial derivative by operand `i`, by a central difference that leaves out the point."""
    h = (abs(xs[i]) or mp.mpf(10) ** -3) * mp.mpf(10) ** -24
    below, above = ([*xs[:i], xs[i] + s * h, *xs[i + 1 :]] for s in (-1, 1))
    slope = (function(*above) - function(*below)) / (2 * h)
    # At the origin of an even function it is what the third derivative leaves.
    return mp.mpf(0) if xs[i] == 0 and abs(slope) < mp.mpf(10) ** -20 else slope


def nth(function: Exact, x: Any, n: Any) -> Any:
    """The derivative of order n."""
    return mp.diff(function, x, int(n)) if n else function(x)


def scaled_bessel(function: Exact, sign: int) -> Exact:
    """The derivative of order n of ``exp(-sign * x) * function(v, x)``, by the neighbours."""

    def inner(v: Any, x: Any, j: int) -> Any:
        terms = (mp.binomial(j, k) * function(v - j + 2 * k, x) for k in range(j + 1))
        return mp.fsum(terms) * (mp.mpf(sign) / 2) ** j

    def full(v: Any, x: Any, n: Any) -> Any:
        n = int(n)
        parts = (mp.binomial(n, j) * (-sign) ** (n - j) * inner(v, x, j) for j in range(n + 1))
        return mp.exp(-sign * x) * mp.fsum(parts)

    return full


def log_gamma(x: Any) -> Any:
    return mp.re(mp.loggamma(x)) if x < 0 else mp.loggamma(x)


def lower_gamma(a: Any, x: Any) -> Any:
    return mp.gammainc(a, 0, x, regularized=True)


def upper_gamma(a: Any, x: Any) -> Any:
    return mp.gammainc(a, x, mp.inf, regularized=True)


def lower_beta(a: Any, b: Any, x: Any) -> Any:
    """The power series of the regularised incomplete beta function, from the nearer end."""
    if x > a / (a + b):
        return 1 - lower_beta(b, a, 1 - x)
    return x**a * (1 - x) ** b / a / mp.beta(a, b) * mp.hyp2f1(a + b, 1, a + 1, x)


def beta_density(a: Any, b: Any, x: Any) -> Any:
    return x ** (a - 1) * (1 - x) ** (b - 1) / mp.beta(a, b)


def log_expit(x: Any) -> Any:
    return -mp.log1p(mp.exp(-x))


def entropy(x: Any, y: Any) -> Any:
    return x * mp.log(x / y)


def pseudo_huber(d: Any, r: Any) -> Any:
    return d * d * (mp.sqrt(1 + (r / d) ** 2) - 1)


def boxcox(x: Any, y: Any) -> Any:
    return mp.log(x) if y == 0 else mp.expm1(y * mp.log(x)) / y


def inv_boxcox(x: Any, y: Any) -> Any:
    return mp.exp(x) if y == 0 else mp.exp(mp.log1p(x * y) / y)


def student(v: Any, t: Any) -> Any:
    tail = lower_beta(v / 2, mp.mpf(1) / 2, v / (v + t * t)) / 2
    return tail if t < 0 else 1 - tail


def f_ratio(n: Any, d: Any, x: Any) -> Any:
    return lower_beta(n / 2, d / 2, n * x / (d + n * x))


def mixture(c: Any, part: Exact) -> Any:
    """The sum of ``part(j)`` with Poisson's weights, of mean c / 2."""
    weight, total, j = mp.exp(-c / 2), mp.mpf(0), 0
    while j < c or weight > mp.mpf(10) ** -90:
        total += weight * part(j)
        j += 1
        weight *= c / 2 / j
    return total


def noncentral_chi_square(x: Any, v: Any, c: Any) -> Any:
    return mixture(c, lambda j: lower_gamma(v / 2 + j, x / 2))


def noncentral_f(n: Any, d: Any, c: Any, f: Any) -> Any:
    y = n * f / (d + n * f)
    return mixture(c, lambda j: lower_beta(n / 2 + j, d / 2, y))


def binomial_sum(k: Any, n: Any, p: Any) -> Any:
    return lower_beta(n - k, k + 1, 1 - p)


def negative_binomial_sum(k: Any, n: Any, p: Any) -> Any:
    return lower_beta(n, k + 1, p)


def kolmogorov(x: Any) -> Any:
    return 2 * sum((-1) ** (k - 1) * mp.exp(-2 * k * k * x * x) for k in range(1, 60))


def tukey_quantile(p: Any, shape: Any) -> Any:
    return (p**shape - (1 - p) ** shape) / shape


def owens_t(h: Any, a: Any) -> Any:
    def density(t: Any) -> Any:
        return mp.exp(-h * h * (1 + t * t) / 2) / (1 + t * t)

    return mp.quad(density, [0, a]) / (2 * mp.pi)


def vonmises_density(x: Any, k: Any) -> Any:
    return mp.exp(k * mp.cos(x)) / (2 * mp.pi * mp.besseli(0, k))


def erfcx(x: Any) -> Any:
    return mp.exp(x * x) * mp.erfc(x)


def erfcx_moment(x: Any, n: Any) -> Any:
    return nth(erfcx, x, n) / (-2) ** int(n)


def dawson(x: Any) -> Any:
    return mp.sqrt(mp.pi) / 2 * mp.exp(-x * x) * mp.erfi(x)


def voigt(x: Any, width: Any, gamma: Any) -> Any:
    z = mp.mpc(x, gamma) / (width * mp.sqrt(2))
    return mp.re(mp.exp(-z * z) * mp.erfc(-1j * z)) / (width * mp.sqrt(2 * mp.pi))


def wright(a: Any, b: Any, x: Any) -> Any:
    return mp.nsum(lambda k: x**k / mp.factorial(k) * mp.rgamma(a * k + b), [0, mp.inf])


def fresnel_tail(sign: int) -> Exact:
    """The integral of ``exp(sign * i * t**2)`` from x on."""
    turn = mp.mpc(1, sign) / mp.sqrt(2)
    return lambda x: mp.sqrt(mp.pi) / 2 * turn * mp.erfc(x / turn)


def scaled_fresnel_tail(sign: int) -> Exact:
    tail = fresnel_tail(sign)
    return lambda x: mp.exp(-sign * 1j * (x * x + mp.pi / 4)) / mp.sqrt(mp.pi) * tail(x)


def integral(function: Exact) -> Exact:
    return lambda x: mp.quad(function, [0, x / 2, x])


def carlson(*xs: Any, powers: tuple[float, ...], rise: int) -> Any:
    def term(t: Any) -> Any:
        product = t**rise
        for x, p in zip(xs, powers, strict=True):
            product *= (t + x) ** -mp.mpf(p)
        return product

    return mp.quad(term, [0, 1, mp.inf])


def jacobi_functions(u: Any, m: Any) -> list[Any]:
    sn, cn, dn = (mp.ellipfun(name, u, m=m) for name in ("sn", "cn", "dn"))
    turns = mp.nint(u / (2 * mp.ellipk(m)))
    return [sn, cn, dn, mp.pi * turns + mp.asin((-1) ** int(turns) * sn)]


def shifted(function: Exact) -> Exact:
    """A polynomial on [0, 1]."""
    return lambda *xs: function(*xs[:-1], 2 * xs[-1] - 1)


def sph_legendre(n: Any, m: Any, angle: Any) -> Any:
    scale = mp.sqrt((2 * n + 1) / (4 * mp.pi) * mp.factorial(n - m) / mp.factorial(n + m))
    return scale * mp.re(mp.legenp(n, m, mp.cos(angle), type=2))


def spherical(function: Exact, scale: Exact) -> Exact:
    return lambda n, x: mp.sqrt(scale() / x) * function(n + mp.mpf(1) / 2, x)


def several(name: str, values: Sequence[Exact], points: Sequence[Point]) -> Iterator[Any]:
    """The rows of a function with several outputs."""
    for i, value in enumerate(values):
        yield f"{name}[{i}]", Special(value, points)
