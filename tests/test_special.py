"""The rules of scipy.special: every sample, hard points against mpmath, and how they are loaded."""

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest

import functrans as ft
from functrans.core.errors import REASONS, MissingRuleError
from functrans.core.primitive import BY_UFUNC, REGISTRY
from functrans.testing import check_grads
from functrans.testing.rules import check_rules
from tests.modules import ROOT
from tests.special_inverses import check_undone, inverses

sp = pytest.importorskip("scipy.special")
fsp = pytest.importorskip("functrans.scipy.special")

SPECIAL = [
    name
    for name, primitive in REGISTRY.items()
    if primitive.call.__module__.startswith("functrans.primitives.special_")
]


# Their rules are made of those of others, by constructors that are tried by default, and they
# integrate at every call.
LONG = {
    *("betaincc", "betaincinv", "betainccinv", "btdtria", "btdtrib", "fdtrc", "fdtri", "stdtridf"),
    *("stdtrit", "gdtrc", "gdtria", "gdtrib", "gdtrix", "chdtrc", "chdtriv", "gammaincc"),
    *("gammainccinv", "gammaincinv", "pdtrik", "gdtr", "elliprg", "elliprj", "elliprd"),
}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.slow] if name in LONG else [])
        for name in SPECIAL
        if name not in inverses()
    ],
)
def test_rules(name: str) -> None:
    """Values, both modes, second derivatives, batching, staging at every sample."""
    with np.errstate(all="ignore"):
        check_rules(REGISTRY[name].call)


mp = mpmath.mp


def voigt(x: Any, width: Any) -> Any:
    """Voigt's profile at x, of this Gaussian width and Lorentzian width 0.7."""
    z = (x + mp.mpc(0, 0.7)) / (width * mp.sqrt(2))
    return mp.re(mp.exp(-z * z) * mp.erfc(-1j * z)) / (width * mp.sqrt(2 * mp.pi))


# A function of one operand, mpmath's, and hard points. First and second derivatives are compared.
POINTS: dict[str, tuple[Callable[..., Any], Callable[..., Any], list[float]]] = {
    "erf": (sp.erf, mp.erf, [0.0, 1e-9, 1.0, 5.0, -26.0]),
    "erfc": (sp.erfc, mp.erfc, [0.0, 5.0, 26.0, -3.0]),
    "erfcx": (
        sp.erfcx,
        lambda x: mp.exp(x * x) * mp.erfc(x),
        [-5.0, 0.0, 0.99, 1.0, 3.0, 50.0, 1e4],
    ),
    "erfi": (sp.erfi, mp.erfi, [0.0, 1.0, -4.0, 20.0]),
    "erfinv": (sp.erfinv, mp.erfinv, [0.0, 0.5, -0.9, 1 - 2.0**-20]),
    "dawsn": (
        sp.dawsn,
        lambda x: mp.sqrt(mp.pi) / 2 * mp.exp(-x * x) * mp.erfi(x),
        [0.0, 0.5, 2.0, 6.0, 6.5, 30.0, -1e3],
    ),
    "ndtr": (sp.ndtr, mp.ncdf, [-30.0, -1.0, 0.0, 5.0]),
    "log_ndtr": (sp.log_ndtr, lambda x: mp.log(mp.ncdf(x)), [-100.0, -20.0, -1.0, 0.0, 1.0, 20.0]),
    "gamma": (sp.gamma, mp.gamma, [1e-5, 0.5, 3.0, 100.0, -1.5]),
    "gammaln": (sp.gammaln, mp.loggamma, [1e-8, 0.5, 3.0, 1e6]),
    "rgamma": (sp.rgamma, mp.rgamma, [0.0, -1.0, -7.0, -3.5, 0.3, 0.5, 10.0]),
    "digamma": (sp.digamma, mp.digamma, [1e-4, 0.5, 30.0, 1e6, -2.25]),
    "beta far": (lambda x: sp.beta(x, 1.5), lambda x: mp.beta(x, 1.5), [1e-3, 1.0, 1e3, 1e6]),
    "betaln far": (
        lambda x: sp.betaln(2.5, x),
        lambda x: mp.log(mp.beta(2.5, x)),
        [1e-3, 1.0, 1e3, 1e6],
    ),
    "gammainc": (
        lambda x: sp.gammainc(2.5, x),
        lambda x: mp.gammainc(2.5, 0, x, regularized=True),
        [1e-3, 1.0, 10.0, 100.0],
    ),
    "gammaincc": (
        lambda x: sp.gammaincc(1e3, x),
        lambda x: mp.gammainc(1000, x, mp.inf, regularized=True),
        [700.0, 1001.0, 1200.0],
    ),
    "betainc": (
        lambda x: sp.betainc(300.0, 200.5, x),
        lambda x: mp.betainc(300, 200.5, 0, x, regularized=True),
        [0.4, 0.6125, 0.75],
    ),
    "expit": (sp.expit, lambda x: 1 / (1 + mp.exp(-x)), [-700.0, -1.0, 0.5, 40.0]),
    "logit": (sp.logit, lambda x: mp.log(x / (1 - x)), [1e-10, 0.3, 0.75, 1 - 2.0**-30]),
    "log_expit": (sp.log_expit, lambda x: -mp.log1p(mp.exp(-x)), [-50.0, 0.0, 50.0]),
    "exprel": (sp.exprel, lambda x: mp.expm1(x) / x, [-300.0, -9.0, -3.0, 1e-6, 2.0, 7.0, 100.0]),
    "boxcox by exponent": (
        lambda y: sp.boxcox(3.0, y),
        lambda y: (mp.power(3, y) - 1) / y,
        [1e-8, -0.5, 2.0],
    ),
    "inv_boxcox by exponent": (
        lambda y: sp.inv_boxcox(1.5, y),
        lambda y: mp.exp(mp.log1p(1.5 * y) / y),
        [1e-8, 0.5, 2.0],
    ),
    "kl_div": (
        lambda x: sp.kl_div(x, 2.0),
        lambda x: x * mp.log(x / 2) - x + 2,
        [1e-9, 1.0, 2 + 2.0**-30, 1e9],
    ),
    "j0": (sp.j0, lambda x: mp.besselj(0, x), [1e-3, 1.0, 10.0, 100.0]),
    "j1": (sp.j1, lambda x: mp.besselj(1, x), [1e-3, 1.0, 10.0, 100.0]),
    "y1": (sp.y1, lambda x: mp.bessely(1, x), [1e-3, 1.0, 10.0]),
    "i1": (sp.i1, lambda x: mp.besseli(1, x), [1e-3, 1.0, 100.0]),
    "i0e": (
        sp.i0e,
        lambda x: mp.exp(-abs(x)) * mp.besseli(0, x),
        [1.0, 20.0, 45.0, 1e3, 1e8, -60.0],
    ),
    "i1e": (sp.i1e, lambda x: mp.exp(-abs(x)) * mp.besseli(1, x), [1.0, 41.0, 1e4, -60.0]),
    "k0e": (sp.k0e, lambda x: mp.exp(x) * mp.besselk(0, x), [0.01, 1.0, 30.0, 50.0, 1e6]),
    "k1": (sp.k1, lambda x: mp.besselk(1, x), [0.01, 1.0, 100.0]),
    "jv": (lambda x: sp.jv(2.5, x), lambda x: mp.besselj(2.5, x), [0.1, 3.0, 50.0]),
    "kv": (lambda x: sp.kv(0.3, x), lambda x: mp.besselk(0.3, x), [0.1, 3.0, 50.0]),
    "struve": (lambda x: sp.struve(1.0, x), lambda x: mp.struveh(1, x), [0.1, 3.0, 20.0]),
    "modstruve": (lambda x: sp.modstruve(0.0, x), lambda x: mp.struvel(0, x), [0.1, 3.0]),
    "zeta": (lambda x: sp.zeta(2.5, x), lambda x: mp.zeta(2.5, x), [0.1, 3.0, 1e5]),
    "zeta by exponent": (
        lambda s: sp.zeta(s, 2.5),
        lambda s: mp.zeta(s, 2.5),
        [1.0001, 1.5, 4.0, 40.0],
    ),
    "Riemann zeta": (sp.zeta, mp.zeta, [1.001, 2.0, 30.0, 0.5, -0.5, -2.0, -7.5]),
    "ellipk": (sp.ellipk, mp.ellipk, [-1e3, -1.0, 0.0, 1e-9, 0.5, 1 - 2.0**-30]),
    "ellipkm1": (sp.ellipkm1, lambda p: mp.ellipk(1 - p), [1e-20, 1e-9, 0.5, 3.0]),
    "ellipe": (sp.ellipe, mp.ellipe, [-1e3, -1.0, 0.0, 1e-9, 0.5, 1 - 2.0**-30]),
    "expi": (sp.expi, mp.ei, [0.1, 3.0, 100.0, -5.0]),
    "exp1": (sp.exp1, mp.e1, [0.1, 3.0, 100.0]),
    "expn": (lambda x: sp.expn(2, x), lambda x: mp.expint(2, x), [0.1, 3.0, 50.0]),
    "si": (lambda x: sp.sici(x)[0], mp.si, [0.0, 1e-6, 3.0, 1e4]),
    "ci": (lambda x: sp.sici(x)[1], mp.ci, [0.1, 3.0, 1e4]),
    "shi": (lambda x: sp.shichi(x)[0], mp.shi, [0.0, 1e-6, 3.0, 100.0]),
    "fresnel": (lambda x: sp.fresnel(x)[0], mp.fresnels, [0.3, 3.3, 1000.3]),
    "spence": (sp.spence, lambda x: mp.polylog(2, 1 - x), [0.1, 0.9, 1.0, 1.5, 2.0]),
    "lambertw": (lambda x: np.real(sp.lambertw(x)), mp.lambertw, [-0.3, 0.0, 1.0, 1e10]),
    "voigt": (
        lambda x: sp.voigt_profile(x, 0.5, 0.7),
        lambda x: voigt(x, 0.5),
        [0.1, 1.0, 10.0, 100.0],
    ),
    "voigt by width": (
        lambda s: sp.voigt_profile(1.5, s, 0.7),
        lambda s: voigt(1.5, s),
        [0.05, 0.5, 5.0],
    ),
    "ellipkinc by parameter": (
        lambda m: sp.ellipkinc(8.2, m),
        lambda m: mp.ellipf(8.2, m),
        [1e-6, 0.3, 0.99],
    ),
    "ellipeinc by parameter": (
        lambda m: sp.ellipeinc(1.2, m),
        lambda m: mp.ellipe(1.2, m),
        [1e-6, 0.3, 0.99],
    ),
    "ellipj by parameter": (
        lambda m: sp.ellipj(1.3, m)[0],
        lambda m: mp.ellipfun("sn", 1.3, m=m),
        [0.3, 0.9],
    ),
    "elliprf": (lambda x: sp.elliprf(x, 1.0, 2.0), lambda x: mp.elliprf(x, 1, 2), [1e-4, 1.0, 1e6]),
    "elliprj": (
        lambda p: sp.elliprj(1.0, 2.0, 3.0, p),
        lambda p: mp.elliprj(1, 2, 3, p),
        [1e-4, 1.0, 1e4],
    ),
    "agm": (lambda x: sp.agm(x, 1.0), lambda x: mp.agm(x, 1), [1e-3, 1.5, 50.0]),
    "legendre": (
        lambda x: sp.eval_legendre(30, x),
        lambda x: mp.legendre(30, x),
        [0.1, 0.5, 0.99999],
    ),
    "binom by second": (
        lambda k: sp.binom(5.0, k),
        lambda k: mp.binomial(5, k),
        [2.5, 6.0, 7.5, -1.0],
    ),
    "airye": (
        lambda x: sp.airye(x)[0],
        lambda x: mp.airyai(x) * mp.exp(mp.mpf(2) / 3 * mp.mpf(x) ** 1.5),
        [0.5, 1.5, 30.0, 1e3],
    ),
    "kolmogorov": (
        sp.kolmogorov,
        lambda x: 2 * sum((-1) ** (k - 1) * mp.exp(-2 * k * k * x * x) for k in range(1, 40)),
        [0.5, 0.79, 0.81, 2.0],
    ),
    "pdtr": (
        lambda m: sp.pdtr(7, m),
        lambda m: mp.gammainc(8, m, mp.inf, regularized=True),
        [1.0, 8.0, 30.0],
    ),
    "fdtr by freedom": (
        lambda n: sp.fdtr(n, 7.0, 1.5),
        lambda n: mp.betainc(n / 2, 3.5, 0, n * 1.5 / (7 + n * 1.5), regularized=True),
        [0.5, 5.0, 50.0],
    ),
    "stdtr by freedom": (
        lambda v: sp.stdtr(v, 1.5),
        lambda v: 1 - mp.betainc(v / 2, 0.5, 0, v / (v + mp.mpf(2.25)), regularized=True) / 2,
        [1.0, 3.0, 30.0, 1000.0],
    ),
    "hyp1f1": (
        lambda x: sp.hyp1f1(0.5, 1.5, x),
        lambda x: mp.hyp1f1(0.5, 1.5, x),
        [-5.0, 0.0, 5.0],
    ),
    "hyp2f1": (
        lambda x: sp.hyp2f1(0.5, 0.7, 1.5, x),
        lambda x: mp.hyp2f1(0.5, 0.7, 1.5, x),
        [-5.0, 0.0, 0.9],
    ),
}
# Where SciPy's value, on which the derivative rests, is itself no better.
LOOSER = {"beta far": 1e-9}  # scipy.special.beta(1e6, 1.5) is off by 2e-10


@pytest.mark.parametrize("name", POINTS)
def test_against_mpmath(name: str) -> None:
    """First and second derivatives at hard points to 1e-12 of their size."""
    function, exact, points = POINTS[name]
    tolerance = LOOSER.get(name, 1e-12)
    errors = []
    with np.errstate(all="ignore"), mpmath.workdps(100):
        for x in points:
            first, second = ft.grad(function)(x), ft.grad(ft.grad(function))(x)
            for order, found in ((1, first), (2, second)):
                expected = mp.re(derivative(exact, x, order))
                if x == 0 and abs(expected) < 1e-20:  # the error of the difference
                    expected = mpmath.mpf(0)
                error = abs(found - expected) / abs(expected) if expected else abs(found)
                if not error <= tolerance:
                    errors.append((x, order, float(found), float(expected), float(error)))
    assert not errors


def derivative(function: Callable[..., Any], at: float, order: int) -> Any:
    """By a central difference in 100 digits that leaves out the point itself."""
    x = mpmath.mpf(at)
    h = mpmath.mpf(10) ** -22 * (abs(x) or mpmath.mpf(10) ** -3)
    below, above = function(x - h), function(x + h)
    if order == 1:
        return (above - below) / (2 * h)
    return (function(x + 2 * h) - above - below + function(x - 2 * h)) / (3 * h * h)


@pytest.mark.parametrize("shape", [0.3, 2.5, 300.0])
@pytest.mark.parametrize("ratio", [0.1, 0.9, 1.0, 1.1, 3.0])
def test_incomplete_gamma_by_shape(shape: float, ratio: float) -> None:
    """The derivative by the shape on both sides of the mode, relative to its size."""
    x = shape * ratio

    def exact(a: Any) -> Any:
        if ratio < 1:
            return mp.gammainc(a, 0, x, regularized=True)
        return -mp.gammainc(a, x, mp.inf, regularized=True)

    with mpmath.workdps(100):
        expected = derivative(exact, shape, 1)
        found = ft.grad(lambda a: sp.gammainc(a, x))(shape)
        assert abs(found - expected) <= 1e-12 * abs(expected)
        # At fixed probability both terms of the total derivative cancel.
        total_change = ft.grad(lambda a: sp.gammainc(a, sp.gammaincinv(a, 0.3)))(shape)
        assert abs(total_change) < 1e-13


@pytest.mark.parametrize(
    ("a", "b", "x"),
    [
        (2.0, 3.0, 0.2),
        (0.01, 0.5, 0.1),
        (0.1, 10.0, 0.001),
        (300.0, 200.0, 0.65),
        (1e4, 1e4, 0.495),
        (10.0, 0.1, 0.9999),
        (5.0, 1e5, 1e-3),
    ],
)
def test_incomplete_beta_by_parameters(a: float, b: float, x: float) -> None:
    """The derivatives by both parameters, first and mixed second, relative to their size."""
    with mpmath.workdps(50):
        upper = x > a / (a + b)

        def exact(i: int, j: int) -> Any:
            p, q, z = a * (1 + i * h), b * (1 + j * h), mpmath.mpf(x)
            if upper:
                p, q, z = q, p, 1 - z
            term = z**p * (1 - z) ** q / p / mp.beta(p, q)
            return (-1 if upper else 1) * term * mp.hyp2f1(p + q, 1, p + 1, z)

        h = mpmath.mpf(10) ** -14
        by_a = (exact(1, 0) - exact(-1, 0)) / (2 * h * a)
        by_b = (exact(0, 1) - exact(0, -1)) / (2 * h * b)
        mixed = (exact(1, 1) - exact(1, -1) - exact(-1, 1) + exact(-1, -1)) / (4 * h * h * a * b)
        found = *ft.grad(sp.betainc, (0, 1))(a, b, x), ft.hessian(sp.betainc, (0, 1))(a, b, x)[0][1]
        for one, expected in zip(found, (by_a, by_b, mixed), strict=True):
            assert abs(one - expected) <= 3e-13 * abs(expected)


# Where the inverses are tried that SciPy solves for.
SOLVED_AT = {
    "bdtrik": (0.6, 7.0, 0.4),
    "bdtrin": (2.5, 0.4, 0.6),
    "nbdtrik": (0.7, 4.0, 0.5),
    "nbdtrin": (2.5, 0.6, 0.5),
    "fdtridfd": (4.0, 0.7, 1.5),
    "ncfdtrinc": (3.0, 5.0, 0.3, 1.5),
}


@pytest.mark.parametrize("name", inverses())
def test_inverses_in_parameters(name: str) -> None:
    """The distribution function undoes its inverse, to first and second order."""
    check_undone(name, getattr(sp, name), SOLVED_AT[name])


# Each takes JAX half a second to compile.
JAX = ["digamma", "log_ndtr", "i0e", "rel_entr", "gammainc"]


@pytest.mark.oracle("jax")
@pytest.mark.parametrize("name", JAX)
def test_against_jax(name: str) -> None:
    """First and second derivatives by the last operand, at ordinary points in float64."""
    import jax

    ours, theirs = getattr(sp, name), getattr(jax.scipy.special, name)
    first = () if getattr(ours, "nin", 1) == 1 else (0.7,)
    with jax.enable_x64(True):
        for x in (0.2, 0.6, 0.9):
            found = ft.grad(lambda x: total(ours(*first, x)))
            expected = jax.grad(lambda x: total(theirs(*first, x)))
            np.testing.assert_allclose(found(x), expected(x), rtol=1e-9)  # JAX's own error
            np.testing.assert_allclose(ft.grad(found)(x), jax.grad(expected)(x), rtol=1e-8)


def total(outputs: Any) -> Any:
    return sum(outputs) if isinstance(outputs, tuple) else outputs


@pytest.mark.parametrize(
    ("call", "operand"),
    [
        (lambda x: sp.chndtr(1.0, x, 0.5), 1),
        (lambda x: sp.jv(x, 1.0), 0),
        (lambda x: sp.hyp2f1(1.0, 1.0, x, 0.5), 2),
        (lambda x: sp.iv(x, 1.0), 0),
    ],
)
def test_parameter_without_a_rule(call: Callable[..., Any], operand: int) -> None:
    """A derivative that exists but is not written is an error, not a zero."""
    with pytest.raises(MissingRuleError, match=f"no derivative with respect to operand {operand}"):
        ft.grad(call)(1.5)


def test_ufunc_without_a_rule_is_named() -> None:
    with pytest.raises(MissingRuleError, match=r"smirnov: no derivative.*as many terms as"):
        ft.grad(lambda x: sp.smirnov(5, x))(0.5)
    found = ft.vmap(lambda x: sp.smirnov(5, x))(np.array([0.25, 0.5]))
    np.testing.assert_array_equal(found, sp.smirnov(5, np.array([0.25, 0.5])))


# Functions of whole numbers alone, or of none, or settings.
PLAIN = {
    *("bernoulli", "euler", "test", "errstate", "geterr", "seterr", "SpecialFunctionError"),
    *("SpecialFunctionWarning", "ai_zeros", "bi_zeros", "erf_zeros", "fresnel_zeros"),
    *("fresnelc_zeros", "fresnels_zeros", "y0_zeros", "y1_zeros", "y1p_zeros"),
}
# Python functions that pass a traced array on, and what functrans.scipy.special has of its own.
THROUGH: dict[str, tuple[Callable[..., Any], float]] = {
    "jvp": (lambda x: sp.jvp(1, x), 1.5),
    "yvp": (lambda x: sp.yvp(1, x), 1.5),
    "ivp": (lambda x: sp.ivp(1, x), 1.5),
    "kvp": (lambda x: sp.kvp(1, x), 1.5),
    "h1vp": (lambda x: np.real(sp.h1vp(1, x + 0j)), 1.5),
    "h2vp": (lambda x: np.real(sp.h2vp(1, x + 0j)), 1.5),
    "assoc_laguerre": (lambda x: sp.assoc_laguerre(x, 3, 0.5), 1.5),
    "lambertw": (lambda x: np.real(sp.lambertw(x)), 1.5),
    "zeta": (lambda x: sp.zeta(2.5, x), 1.5),
    "polygamma": (lambda x: fsp.polygamma(1, x), 1.5),
    "logsumexp": (lambda x: fsp.logsumexp(x * np.arange(3.0)), 1.5),
    "softmax": (lambda x: fsp.softmax(x * np.arange(3.0))[1], 1.5),
    "log_softmax": (lambda x: fsp.log_softmax(x * np.arange(3.0))[1], 1.5),
    "softplus": (fsp.softplus, 1.5),
    "sinc": (fsp.sinc, 1.5),
    "diric": (lambda x: fsp.diric(x, 4), 1.5),
    "multigammaln": (lambda a: fsp.multigammaln(a, 3), 2.5),
    "factorial": (fsp.factorial, 1.5),
    "comb": (lambda n: fsp.comb(n, 2.0), 4.5),
    "perm": (lambda n: fsp.perm(n, 2.0), 4.5),
    "legendre_p": (lambda x: fsp.legendre_p(3, x), 0.4),
    "sph_legendre_p": (lambda x: fsp.sph_legendre_p(3, 1, x), 0.4),
    "sph_harm_y": (lambda x: np.real(fsp.sph_harm_y(3, 1, x, x)), 0.4),
    "spherical_jn": (lambda x: fsp.spherical_jn(2, x, True) + fsp.spherical_jn(2, x), 1.5),
    "spherical_yn": (lambda x: fsp.spherical_yn(2, x, True) + fsp.spherical_yn(2, x), 1.5),
    "spherical_in": (lambda x: fsp.spherical_in(2, x, True) + fsp.spherical_in(2, x), 1.5),
    "spherical_kn": (lambda x: fsp.spherical_kn(2, x, True) + fsp.spherical_kn(2, x), 1.5),
}


@pytest.mark.parametrize("name", THROUGH)
def test_functions_in_python(name: str) -> None:
    """First and second derivatives of those that are no ufuncs; and SciPy's values."""
    function, at = THROUGH[name]
    check_grads(function, (at,), rtol=1e-8)
    function, at = THROUGH[name]
    ours, theirs = getattr(fsp, name), getattr(sp, name)
    points: dict[str, tuple[Any, ...]] = {
        "comb": (np.array([4.5, -1.0, 2.0]), 3.0),
        "perm": (np.array([4.5, -1.0, 2.0]), 3.0),
        "factorial": (np.array([-1.5, 0.0, 2.5]),),
        "diric": (np.array([0.3, 2 * np.pi, 8.0]), 4),
        "multigammaln": (np.array([2.5, 3.5]), 3),
        "sph_harm_y": (3, np.array([-2, 1]), 0.4, 0.7),
        "sph_legendre_p": (3, np.array([-2, 1]), 0.4),
        "spherical_jn": (np.array([0, 3]), np.array([-1.5, 0.0]), True),
        "spherical_kn": (np.array([0, 3]), 1.5, True),
        "softplus": (np.array([-50.0, 1.5]),),
    }
    if name in points:
        found, expected = ours(*points[name]), theirs(*points[name])
        np.testing.assert_allclose(found, np.reshape(expected, np.shape(found)), rtol=1e-13)


def test_no_silent_gap() -> None:
    """Every name of scipy.special differentiates in each argument, or says why it does not."""
    silent = []
    for name in dir(sp):
        found = getattr(sp, name)
        if name.startswith("_") or not callable(found) or name in PLAIN:
            continue
        if isinstance(found, np.ufunc):
            primitive = BY_UFUNC.get(found)
            pulls = primitive and (primitive.pulls or ())
            if primitive is None or any(
                pull is None and (primitive.name, i) not in REASONS for i, pull in enumerate(pulls)
            ):
                silent.append(name)
        elif name.endswith("_zeros") or "roots" in name:
            continue  # of whole numbers and parameters of a quadrature rule
        elif isinstance(ours := getattr(fsp, name), np.ufunc) or hasattr(ours, "reason"):
            continue
        elif name not in THROUGH and name not in POLYNOMIALS:
            silent.append(name)
    assert not silent


# These return polynomial objects, from a degree.
POLYNOMIALS = {
    *("chebyc", "chebys", "chebyt", "chebyu", "gegenbauer", "genlaguerre", "hermite"),
    *("hermitenorm", "jacobi", "laguerre", "legendre", "sh_chebyt", "sh_chebyu", "sh_jacobi"),
    "sh_legendre",
}


def test_refused_functions_give_the_reason() -> None:
    for function in (lambda z: sp.ive(1.0, z), lambda z: sp.jve(1.0, z), lambda z: sp.airye(z)[0]):
        with pytest.raises(MissingRuleError, match="is not holomorphic"):
            ft.grad(lambda x, f=function: np.real(f(x + 1j)))(1.5)
    with pytest.raises(MissingRuleError, match=r"scipy\.special\.lmbda has no rule.*jv\(v, x\)"):
        ft.grad(lambda x: fsp.lmbda(1, x)[0][0])(1.5)
    with pytest.raises(MissingRuleError, match=r"eval_jacobi.*operand 1.*as many terms as"):
        ft.grad(lambda a: sp.eval_jacobi(2, a, 1.0, 0.5))(1.5)
    with pytest.raises(MissingRuleError, match=r"operand 0.*slope by the order"):
        ft.grad(lambda v: sp.jv(v, 1.0))(1.5)


def test_plain_calls_of_python_functions() -> None:
    """Those of SciPy's Python functions that pass a traced array on to a ufunc."""
    assert ft.grad(lambda x: sp.zeta(2.0, x))(1.5) == -2 * sp.zeta(3.0, 1.5)
    assert ft.grad(lambda x: np.real(sp.lambertw(x)))(0.0) == 1


def test_lists_and_keywords() -> None:
    """Operands and keyword arguments as NumPy takes them."""
    x = np.array([0.25, 0.5])
    found = ft.grad(lambda x: np.sum(sp.betainc([1.0, 2.0], [2.0, 1.0], x, dtype=float)))(x)
    np.testing.assert_allclose(found, [1.5, 1.0], rtol=1e-14)


def test_dtype_is_kept() -> None:
    x = np.array([0.5, 1.5], np.float32)
    for function in (sp.erf, sp.gammaln, sp.j1, sp.i0e, lambda x: sp.beta(x, np.float32(2))):
        assert ft.grad(lambda x, f=function: np.sum(f(x)))(x).dtype == np.float32


def test_python_functions() -> None:
    """What functrans.scipy.special adds to the ufuncs agrees with SciPy."""
    x = np.array([[0.5, 1.5], [-1.0, 30.0]])
    np.testing.assert_allclose(fsp.softmax(x, axis=1), sp.softmax(x, axis=1), rtol=1e-14)
    np.testing.assert_allclose(fsp.log_softmax(x, 0), sp.log_softmax(x, 0), rtol=1e-14, atol=1e-15)
    # Near 0 SciPy's keeps three digits here.
    assert abs(fsp.log_softmax(x, 0)[1, 1] / -np.exp(-28.5) - 1) < 1e-12
    np.testing.assert_allclose(fsp.logsumexp(x, 0), sp.logsumexp(x, 0), rtol=1e-14)
    weights = np.array([[2.0, 0.0], [-1.0, 3.0]])
    for keepdims in (False, True):
        found = fsp.logsumexp(x, 0, weights, keepdims, True)
        for one, other in zip(found, sp.logsumexp(x, 0, weights, keepdims, True), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-14)
    check_grads(lambda x, b: fsp.logsumexp(x, 1, b, return_sign=True)[0], (x, weights))
    assert fsp.polygamma(2, 1.5) == sp.polygamma(2, 1.5)
    assert abs(fsp.polygamma(1, 0.5 + 0j) - np.pi**2 / 2) < 1e-14


def run(program: str) -> str:
    command = [sys.executable, "-W", "error", "-c", program]
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_rules_load_with_the_first_traced_call() -> None:
    """`import functrans` does not import SciPy, and nobody has to import functrans.scipy."""
    out = run(
        "import sys, functrans as ft\n"
        "print('scipy' in sys.modules)\n"
        "from scipy.special import erf\n"
        "print('functrans.primitives.special' in sys.modules)\n"
        "print(ft.grad(erf)(0.0))\n"
        "print('functrans.primitives.special' in sys.modules)\n"
    )
    assert out.split() == ["False", "False", "1.1283791670955126", "True"]


def test_without_scipy() -> None:
    """The error names what to install."""
    out = run(
        "import sys; sys.modules['scipy'] = None\n"
        "import functrans\n"
        "try:\n    import functrans.scipy\n"
        "except ModuleNotFoundError as error:\n    print(error)\n"
    )
    assert 'pip install "functrans[scipy]"' in out


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_the_normal_distribution_at_infinity_in_every_precision(dtype: str) -> None:
    """Second derivatives have their limits, where bounds of the argument fit the dtype."""
    x = np.array([-np.inf, np.inf], dtype)
    second = ft.vmap(ft.grad(ft.grad(sp.log_ndtr)))(x)
    np.testing.assert_allclose(second, [-1, 0], rtol=2 * np.finfo(dtype).eps)
