"""scipy.stats: SciPy's values; derivatives by the variable and every parameter; exact edges."""

from typing import Any

import numpy as np
import pytest

import functrans as ft
from functrans.core.errors import MissingRuleError
from functrans.core.primitive import REGISTRY
from functrans.testing import check_grads
from functrans.testing.rules import check_rules

st = pytest.importorskip("scipy.stats")
fs = pytest.importorskip("functrans.scipy.stats")


@pytest.mark.parametrize("name", ["skewnorm_cdf", "vonmises_cdf"])
def test_rules(name: str) -> None:
    check_rules(REGISTRY[name].call)


# Shape parameters, and points of the standard form: inside, then at the edges and outside.
CONTINUOUS: dict[str, tuple[tuple[float, ...], list[float], list[float]]] = {
    "beta": ((2.5, 1.5), [0.05, 0.4, 0.9], [-0.5, 0.0, 1.0, 1.5]),
    "cauchy": ((), [-20.0, -0.5, 0.3, 30.0], [-np.inf, np.inf]),
    "chi": ((2.5,), [0.3, 1.5, 4.0], [-1.0, 0.0, np.inf]),
    "chi2": ((2.5,), [0.3, 1.5, 9.0], [-1.0, 0.0, np.inf]),
    "erlang": ((2.0,), [0.3, 1.5, 9.0], [-1.0, 0.0]),
    "expon": ((), [0.3, 1.5, 30.0], [-1.0, 0.0, np.inf]),
    "f": ((3.0, 5.0), [0.2, 1.5, 6.0], [-1.0, 0.0]),
    "gamma": ((2.5,), [0.3, 1.5, 9.0], [-1.0, 0.0, np.inf]),
    "gennorm": ((1.5,), [-2.0, 0.5, 3.0], []),
    "gumbel_l": ((), [-20.0, -0.5, 2.0], []),
    "gumbel_r": ((), [-2.0, 0.5, 20.0], []),
    "halfcauchy": ((), [0.3, 1.5, 30.0], [-1.0, 0.0]),
    "halfnorm": ((), [0.3, 1.5, 9.0], [-1.0, 0.0]),
    "invgamma": ((2.5,), [0.3, 1.5, 9.0], [-1.0, 0.0]),
    "laplace": ((), [-20.0, -0.5, 0.4, 30.0], []),
    "logistic": ((), [-40.0, -0.5, 0.4, 30.0], []),
    "lognorm": ((0.7,), [0.3, 1.5, 9.0], [-1.0, 0.0]),
    "loguniform": ((0.5, 4.0), [0.7, 1.5, 3.5], [0.2, 5.0]),
    "maxwell": ((), [0.3, 1.5, 4.0], [-1.0, 0.0]),
    "norm": ((), [-30.0, -0.5, 0.4, 5.0], [-np.inf, np.inf, np.nan]),
    "pareto": ((2.5,), [1.1, 1.5, 9.0], [0.5, 1.0]),
    "powerlaw": ((2.5,), [0.05, 0.4, 0.9], [-0.5, 0.0, 1.0, 1.5]),
    "rayleigh": ((), [0.3, 1.5, 6.0], [-1.0, 0.0]),
    "reciprocal": ((0.5, 4.0), [0.7, 1.5, 3.5], []),
    "skewnorm": ((1.5,), [-1.0, 0.5, 3.0], []),
    "t": ((2.5,), [-30.0, -0.5, 0.4, 5.0], [0.0]),
    "truncnorm": ((-0.5, 2.0), [-0.4, 0.3, 1.9], [-1.0, -0.5, 2.0, 3.0]),
    "uniform": ((), [0.1, 0.6], [-0.5, 0.0, 1.0, 1.5]),
    "vonmises": ((2.5,), [-2.0, 0.5, 3.0], []),
    "weibull_max": ((1.5,), [-9.0, -1.5, -0.3], [0.0, 1.0]),
    "weibull_min": ((1.5,), [0.3, 1.5, 9.0], [-1.0, 0.0]),
}
LOC, SCALE = 0.25, 1.75
METHODS = ("logpdf", "pdf", "logcdf", "cdf", "logsf", "sf")


def has(family: Any, method: str) -> bool:
    if method in METHODS[2:]:
        return "cdf" in family.formulas
    return method in family.formulas or "ppf" in family.formulas


@pytest.mark.parametrize("name", CONTINUOUS)
def test_values(name: str) -> None:
    """SciPy's, to 1e-13 of their size, inside, at the edges and outside."""
    ours, theirs = getattr(fs, name), getattr(st, name)
    shapes, inside, outside = CONTINUOUS[name]
    x = np.array(inside + outside) * SCALE + LOC
    with np.errstate(all="ignore"):
        for method in METHODS:
            found = getattr(ours, method)(x, *shapes, loc=LOC, scale=SCALE)
            expected = getattr(theirs, method)(x, *shapes, loc=LOC, scale=SCALE)
            np.testing.assert_allclose(found, expected, rtol=1e-13, atol=0, err_msg=method)
            frozen = getattr(ours(*shapes, loc=LOC, scale=SCALE), method)(x[0])
            assert frozen == found[0] and type(frozen) is np.float64
        for method in filter(lambda m: has(ours, m), ("ppf", "isf")):
            q = np.array([0.0, 1e-3, 0.3, 0.7, 1.0, 1.5])
            found = getattr(ours, method)(q, *shapes, LOC, SCALE)
            expected = getattr(theirs, method)(q, *shapes, LOC, SCALE)
            np.testing.assert_allclose(found, expected, rtol=1e-12, err_msg=method)
        invalid = ours.logpdf(x, *shapes, scale=-1.0)
        assert np.isnan(invalid).all()


NO_SHAPE_RULE = {("vonmises", method) for method in ("cdf", "logcdf", "sf", "logsf")}


@pytest.mark.parametrize("name", CONTINUOUS)
def test_derivatives(name: str) -> None:
    """By the variable, every shape parameter, location and scale, to second order."""
    family = getattr(fs, name)
    shapes, inside, _ = CONTINUOUS[name]
    for method in (*METHODS, "ppf"):
        if not has(family, method) or (name, method) in NO_SHAPE_RULE:
            continue
        x = np.array([0.2, 0.6]) if method == "ppf" else np.array(inside[:3]) * SCALE + LOC
        order = 2 if method in ("logpdf", "cdf", "ppf") else 1
        # Where values are large, so is the error of differences; SciPy solves for some quantiles.
        check_grads(getattr(family, method), (x, *shapes, LOC, SCALE), order=order, rtol=1e-7)


@pytest.mark.parametrize("name", CONTINUOUS)
def test_outside_of_the_support(name: str) -> None:
    """Derivatives there are structural zeros, by every parameter."""
    family = getattr(fs, name)
    shapes, _, outside = CONTINUOUS[name]
    low, high = family.support(*map(np.float64, shapes))
    places = [x for x in outside if np.isfinite(x) and not low <= x <= high]
    for x in places:
        for method in ("logpdf", "pdf", "cdf", "logcdf", "sf"):
            with np.errstate(all="ignore"):
                value = getattr(family, method)(x, *shapes)
                every = tuple(range(len(shapes) + 3))
                found = ft.grad(getattr(family, method), every)(x, *shapes, 0.0, 1.0)
            assert value in (0, 1, -np.inf)
            assert not np.any(found), (method, x, found)


DISCRETE: dict[str, tuple[tuple[float, ...], list[float]]] = {
    "bernoulli": ((0.3,), [-1, 0, 1, 2, 0.5]),
    "betabinom": ((7, 1.5, 2.5), [-1, 0, 3, 7, 8]),
    "binom": ((7, 0.3), [-1, 0, 3, 7, 8, 2.5]),
    "geom": ((0.3,), [0, 1, 4, 30]),
    "hypergeom": ((20, 7, 12), [-1, 0, 3, 7, 8]),
    "nbinom": ((2.5, 0.3), [-1, 0, 4, 30]),
    "poisson": ((3.5,), [-1, 0, 3, 20, 2.5]),
    "randint": ((2, 7), [1, 2, 4, 6, 7]),
}
DISCRETE_METHODS = ("logpmf", "pmf", "logcdf", "cdf", "logsf", "sf")


@pytest.mark.parametrize("name", DISCRETE)
def test_discrete_values(name: str) -> None:
    ours, theirs = getattr(fs, name), getattr(st, name)
    shapes, points = DISCRETE[name]
    k = np.array(points) + 2
    with np.errstate(all="ignore"):
        for method in DISCRETE_METHODS:
            found = getattr(ours, method)(k, *shapes, loc=2)
            expected = getattr(theirs, method)(k, *shapes, loc=2)
            np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15, err_msg=method)


@pytest.mark.parametrize("name", ["bernoulli", "betabinom", "binom", "geom", "nbinom", "poisson"])
def test_discrete_derivatives(name: str) -> None:
    """By every parameter that is no count; by the variable they are zero."""
    family = getattr(fs, name)
    shapes, points = DISCRETE[name]
    k = np.array([p for p in points if p == int(p)][:4])
    counts = {"betabinom": 1, "binom": 1}.get(name, 0)
    for method in DISCRETE_METHODS:
        function = getattr(family, method)

        def of_parameters(*free: Any, function: Any = function) -> Any:
            values = function(k, *shapes[:counts], *free)
            return np.where(np.isfinite(ft.stop_gradient(values)), values, 0)

        with np.errstate(all="ignore"):
            check_grads(of_parameters, shapes[counts:], rtol=1e-8)
            assert not np.any(ft.grad(lambda k, f=function: np.sum(f(k, *shapes)))(k * 1.0))


def test_probabilities_of_zero_and_one() -> None:
    """The ends of the interval have one-sided slopes, not NaN."""
    for p, k, slope in ((0.0, 0, -7.0), (0.0, 1, 7.0), (1.0, 7, 7.0), (1.0, 6, -7.0)):
        found = ft.grad(lambda p, k=k: fs.binom.pmf(k, 7, p))(p)
        np.testing.assert_allclose(found, slope, rtol=1e-14)
    assert ft.grad(lambda m: fs.poisson.logpmf(0, m))(0.0) == -1
    assert ft.grad(fs.gamma.logpdf)(0.0, 1.0) == -1


MATRIX = np.array([[2.0, 0.3, 0.1], [0.3, 1.0, 0.2], [0.1, 0.2, 3.0]])


def test_multivariate_normal() -> None:
    x = np.array([[0.5, -1.0, 2.0], [1.5, 0.5, -0.5]])
    mean = np.array([0.1, 0.2, 0.3])
    for cov in (MATRIX, np.array([1.0, 2.0, 3.0]), 1.5):
        for method in ("logpdf", "pdf"):
            found = getattr(fs.multivariate_normal, method)(x, mean, cov)
            expected = getattr(st.multivariate_normal, method)(x, mean, cov)
            np.testing.assert_allclose(found, expected, rtol=1e-13)
    assert np.shape(fs.multivariate_normal.logpdf(x[0], mean, MATRIX)) == ()
    np.testing.assert_allclose(
        fs.multivariate_normal(mean, MATRIX).logpdf(x),
        st.multivariate_normal(mean, MATRIX).logpdf(x),
    )
    np.testing.assert_allclose(fs.multivariate_normal.logpdf(x[0]), st.norm.logpdf(x[0]))

    def function(x: Any, mean: Any, cov: Any) -> Any:
        return fs.multivariate_normal.logpdf(x, mean, (cov + cov.T) / 2)

    check_grads(function, (x, mean, MATRIX))
    batched = ft.vmap(function, in_axes=(0, None, None))(x, mean, MATRIX)
    np.testing.assert_allclose(batched, function(x, mean, MATRIX), rtol=1e-13)
    with pytest.raises(MissingRuleError, match="random points"):
        fs.multivariate_normal.cdf(x)
    with pytest.raises(MissingRuleError, match="subspace"):
        fs.multivariate_normal.logpdf(x, mean, MATRIX, allow_singular=True)


def test_dirichlet_and_multinomial() -> None:
    p, alpha = np.array([0.2, 0.3, 0.5]), np.array([1.5, 0.5, 3.0])
    np.testing.assert_allclose(
        fs.dirichlet.logpdf(p, alpha), st.dirichlet.logpdf(p, alpha), rtol=1e-13
    )
    np.testing.assert_allclose(
        fs.dirichlet.pdf(p[:2], alpha), st.dirichlet.pdf(p[:2], alpha), rtol=1e-13
    )
    check_grads(fs.dirichlet.logpdf, (p, alpha))
    counts = np.array([[1, 2, 3], [0, 0, 6], [1, 1, 1]])
    for method in ("logpmf", "pmf"):
        found = getattr(fs.multinomial, method)(counts, 6, p)
        np.testing.assert_allclose(found, getattr(st.multinomial, method)(counts, 6, p), rtol=1e-12)
    check_grads(lambda p: fs.multinomial.logpmf(counts[:2], 6, p), (p,))


def test_transforms() -> None:
    """Batching and staging of a likelihood."""
    data = np.array([0.5, 1.5, 2.5])

    def loss(parameters: Any) -> Any:
        return -np.sum(fs.gamma.logpdf(data, parameters[0], scale=parameters[1]))

    at = np.array([[1.5, 2.0], [2.5, 0.5]])
    each = ft.vmap(ft.grad(loss))(at)
    np.testing.assert_allclose(each[1], ft.grad(loss)(at[1]), rtol=1e-14)
    graph = ft.make_graph(ft.grad(loss))(at[0])
    np.testing.assert_allclose(graph(at[0]), each[0], rtol=1e-14)
    assert ft.hessian(loss)(at[0]).shape == (2, 2)


def test_errors() -> None:
    """Parameters are named; what has no rule says why."""
    with pytest.raises(TypeError, match=r"gamma: no a given"):
        fs.gamma.logpdf(1.0)
    with pytest.raises(TypeError, match=r"rate is no parameter.*a, loc, scale"):
        fs.gamma.logpdf(1.0, 2.0, rate=1.0)
    with pytest.raises(TypeError, match=r"4 parameters given.*it has 3"):
        fs.gamma.logpdf(1.0, 2.0, 3.0, 4.0, 5.0)
    with pytest.raises(AttributeError, match=r"norm has no rvs; .* use scipy\.stats\.norm\.rvs"):
        fs.norm.rvs(3)
    assert repr(fs.norm) == "<distribution norm>"
    with pytest.raises(MissingRuleError, match=r"vonmises\.ppf has no rule.*iteration"):
        fs.vonmises.ppf(0.5, 2.0)
    with pytest.raises(MissingRuleError, match="no derivative with respect to operand 1"):
        ft.grad(lambda k: fs.vonmises.cdf(0.5, k))(2.0)
    with pytest.raises(TypeError, match="pass the count as a plain number"):
        ft.vmap(lambda n: fs.betabinom.cdf(2, n, 1.0, 1.0))(np.array([3.0, 4.0]))


JAX = ["gamma", "laplace", "pareto", "t"]


@pytest.mark.oracle("jax")
@pytest.mark.parametrize("name", JAX)
def test_against_jax(name: str) -> None:
    """Gradients of the log density by all arguments, at ordinary points."""
    import jax

    shapes, inside, _ = CONTINUOUS[name]
    theirs = getattr(jax.scipy.stats, name)
    with jax.enable_x64(True):
        args = (inside[1], *shapes, *(() if name == "gennorm" else (0.0, 1.0)))
        every = tuple(range(len(args)))
        found = ft.grad(getattr(fs, name).logpdf, every)(*args)
        np.testing.assert_allclose(found, jax.grad(theirs.logpdf, every)(*args), rtol=1e-9)
