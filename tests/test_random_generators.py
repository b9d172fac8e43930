"""Generators of NumPy as arguments of transformed functions: NumPy's numbers to the bit,
derivatives by their parameters, lanes as a loop, graphs that draw when they run."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

import functrans as ft
from functrans.core.errors import FunctransError, InputTypeError, MissingRuleError, RandomnessError
from functrans.core.generators import traced
from functrans.testing import check_grads
from tests.executors import same


def new(seed: int = 5) -> np.random.Generator:
    return np.random.default_rng(seed)


def state(rng: np.random.Generator) -> Any:
    return rng.bit_generator.state


A = np.array([0.5, 1.5, 4.0])

# Methods with parameters by which their numbers have a derivative.
MOVING: dict[str, Callable[[Any, Any], Any]] = {
    "normal": lambda rng, a: rng.normal(a, 2 * a),
    "normal of a size": lambda rng, a: rng.normal(a, scale=3.0, size=(2, 3)),
    "uniform": lambda rng, a: rng.uniform(-a, high=a),
    "exponential": lambda rng, a: rng.exponential(a),
    "laplace": lambda rng, a: rng.laplace(a, a),
    "gumbel": lambda rng, a: rng.gumbel(0.5, a),
    "logistic": lambda rng, a: rng.logistic(a, a, size=3),
    "rayleigh": lambda rng, a: rng.rayleigh(a),
    "standard_gamma": lambda rng, a: rng.standard_gamma(a),
    "gamma": lambda rng, a: rng.gamma(a, 2 * a, size=(4, 3)),
    "chisquare": lambda rng, a: rng.chisquare(a),
    "f": lambda rng, a: rng.f(a, 2 * a),
    "weibull": lambda rng, a: rng.weibull(a),
    "power": lambda rng, a: rng.power(a),
    "pareto": lambda rng, a: rng.pareto(a),
    "lognormal": lambda rng, a: rng.lognormal(a, 0.3 * a),
    "wald": lambda rng, a: rng.wald(a, 2 * a),
    "triangular": lambda rng, a: rng.triangular(-a, 0.25 * a, 2 * a),
    "beta": lambda rng, a: rng.beta(a, 2 * a),
    "choice": lambda rng, a: rng.choice(a, 5, p=[0.2, 0.3, 0.5]),
    "permutation": lambda rng, a: rng.permutation(a),
    "permutation of columns": lambda rng, a: rng.permutation(a[None] + np.ones((2, 1)), axis=1),
}
NEEDS_SCIPY = {"beta"}
# Whose numbers come by another branch where the parameter is another: no difference follows them.
BY_REJECTION = {"standard_gamma", "gamma", "chisquare", "f", "beta", "wald"}

# Methods without such derivatives.
STILL: dict[str, Callable[[Any, Any], Any]] = {
    "random": lambda rng, a: rng.random(3),
    "random in single precision": lambda rng, a: rng.random((2, 3), dtype=np.float32),
    "standard_normal": lambda rng, a: rng.standard_normal(),
    "standard_exponential": lambda rng, a: rng.standard_exponential(3, method="inv"),
    "standard_cauchy": lambda rng, a: rng.standard_cauchy(3),
    "binomial": lambda rng, a: rng.binomial(10, 0.1 * a),
    "poisson": lambda rng, a: rng.poisson(a),
    "geometric": lambda rng, a: rng.geometric(a / 5),
    "negative_binomial": lambda rng, a: rng.negative_binomial(3, a / 5),
    "hypergeometric": lambda rng, a: rng.hypergeometric(8, 5, 6, 3),
    "logseries": lambda rng, a: rng.logseries(a / 5),
    "zipf": lambda rng, a: rng.zipf(a + 1),
    "integers": lambda rng, a: rng.integers(10, size=3),
    "integers between": lambda rng, a: rng.integers(-3, 3, 4, dtype=np.int32, endpoint=True),
    "a permutation of numbers": lambda rng, a: rng.permutation(6),
    "a choice of numbers": lambda rng, a: rng.choice(6, (2, 2), replace=False),
    "standard_t": lambda rng, a: rng.standard_t(3.0, 3),
    "vonmises": lambda rng, a: rng.vonmises(0.0, 2.0, 3),
    "noncentral_chisquare": lambda rng, a: rng.noncentral_chisquare(3.0, 1.0, 3),
    "noncentral_f": lambda rng, a: rng.noncentral_f(3.0, 4.0, 1.0, 3),
}
EVERY = {**MOVING, **STILL}


def needs_scipy(name: str) -> None:
    if name in NEEDS_SCIPY:
        pytest.importorskip("scipy.special")


@pytest.mark.parametrize("name", MOVING)
def test_numbers_and_state_are_those_of_numpy(name: str) -> None:
    """Under derivatives, and in a graph each time that it runs."""
    needs_scipy(name)
    draw = MOVING[name]
    rng = new()
    expected = [draw(rng, A) for _ in range(2)]
    other = new()
    found, pullback = ft.vjp(draw, other, A)
    assert found.tobytes() == expected[0].tobytes()
    assert pullback(found)[0] is None
    found = ft.jvp(draw, (other, A), (None, A))[0]
    assert found.tobytes() == expected[1].tobytes()
    assert state(other) == state(rng)
    graph = ft.make_graph(draw)(new(9), A)
    other = new()
    for values in expected:
        assert graph(other, A).tobytes() == values.tobytes()
    assert state(other) == state(rng)


@pytest.mark.parametrize("name", EVERY)
def test_lanes_draw_as_a_loop(name: str) -> None:
    """A function that draws once gives in its lanes what a loop gives, nested and staged too."""
    draw = EVERY[name]
    lanes = np.stack([A, A / 2, A / 4, A / 8])
    rng = new()
    expected = np.stack([draw(rng, a) for a in lanes])
    batched = ft.vmap(draw, in_axes=(None, 0))
    for function in (batched, ft.make_graph(batched)(new(9), lanes)):
        other = new()
        found = function(other, lanes)
        assert (found.dtype, found.tobytes()) == (expected.dtype, expected.tobytes())
        assert state(other) == state(rng)
    grid = lanes.reshape(2, 2, 3)
    nested = ft.vmap(batched, in_axes=(None, 0))
    assert nested(new(), grid).tobytes() == expected.tobytes()


@pytest.mark.parametrize("name", sorted(set(MOVING) - BY_REJECTION))
def test_derivatives(name: str) -> None:
    """Against differences: at the same state the same numbers move with the parameter."""
    draw = MOVING[name]
    check_grads(lambda a: draw(traced(new()), a), (A,), order=2)


N = 40_000
EXPECTATIONS: dict[str, tuple[Callable[[Any, Any], Any], float, float]] = {
    # What is averaged, the parameter, and the derivative of the mean by it.
    "standard_gamma": (lambda rng, a: rng.standard_gamma(a, N) ** 2, 1.5, 4.0),
    "small standard_gamma": (lambda rng, a: rng.standard_gamma(a, N), 0.01, 1.0),
    "gamma": (lambda rng, a: rng.gamma(a, 2.0, N), 0.5, 2.0),
    "chisquare": (lambda rng, a: rng.chisquare(a, N) ** 2, 3.0, 8.0),
    "f": (lambda rng, a: rng.f(4.0, a, N), 9.0, -2 / 49),
    "beta": (lambda rng, a: rng.beta(a, 2.0, N), 0.7, 2 / 2.7**2),
    "wald": (lambda rng, a: rng.wald(a, 2.0, N) ** 2, 0.8, 1.6 + 1.5 * 0.64),
    "wald by scale": (lambda rng, a: rng.wald(0.8, a, N) ** 2, 2.0, -(0.8**3) / 4),
}


@pytest.mark.parametrize("name", EXPECTATIONS)
def test_derivatives_of_expectations(name: str) -> None:
    """The mean of the derivative is the derivative of the mean, within five standard errors."""
    needs_scipy(name)
    draw, a, expected = EXPECTATIONS[name]
    slopes = ft.jvp(draw, (new(), a), (None, 1.0))[1]
    assert abs(slopes.mean() - expected) < 5 * slopes.std() / N**0.5


def test_a_plain_call_is_left_to_numpy() -> None:
    """Where nothing is traced the generator's own method returns what it returns."""

    def f(x: Any, rng: Any) -> Any:
        assert type(rng.normal()) is float
        assert isinstance(rng, np.random.Generator)
        assert len(rng.bytes(3)) == 3
        assert rng.multinomial(3, [0.5, 0.5]).sum() == 3
        assert rng.spawn(2)[0].random() < 1
        assert rng.bit_generator.state["bit_generator"] == "PCG64"
        out = np.empty(2)
        assert rng.standard_normal(out=out) is out
        return x * rng.integers(3, 4)

    assert ft.grad(f)(2.0, new()) == 3.0


def test_generators_stand_anywhere_in_the_arguments() -> None:
    def f(params: Any, x: Any, *, noise: Any) -> Any:
        return np.sum(params["w"] * x + noise["rng"].normal(params["w"]))

    params = {"w": A, "rng": new(1)}
    for gradient in (
        ft.grad(f)(params, 2.0, noise={"rng": new(), "scale": 3}),
        ft.grad(f, argnums=(0, 1))(params, 2.0, noise={"rng": new()})[0],
        ft.grad(f, argnames="params")(params, 2.0, noise={"rng": new()}),
    ):
        assert gradient["w"].tolist() == [3.0] * 3
        assert gradient["rng"] is None
    assert ft.jacrev(f)(params, 2.0, noise={"rng": new()})["rng"] is None
    value, linear = ft.linearize(lambda x, rng: x * rng.normal(x), 2.0, new())
    assert value == 2.0 * new().normal(2.0)
    assert linear(1.0, None) == 2.0 + new().normal(2.0)
    assert ft.eval_shape(lambda rng: rng.normal(size=(2, 3)), new()).shape == (2, 3)


def test_several_draws_in_lanes_go_draw_by_draw() -> None:
    """What is documented: the first numbers of all lanes, then the second ones."""
    found = ft.vmap(lambda rng, x: np.stack([rng.normal(x), rng.normal(x)]), (None, 0))(new(), A)
    rng = new()
    first, second = rng.normal(A), rng.normal(A)
    assert found.tobytes() == np.stack([first, second], axis=1).tobytes()
    chunked = ft.vmap(lambda rng, x: rng.normal(x), (None, 0), chunk_size=2)
    assert chunked(new(), A).tobytes() == new().normal(A).tobytes()
    without = ft.vmap(lambda rng: rng.normal(), in_axes=None, axis_size=4)
    assert without(new()).tobytes() == new().normal(size=4).tobytes()


def test_transforms_in_each_other() -> None:
    def f(x: Any, rng: Any) -> Any:
        return np.sin(x) * rng.gamma(x)

    rng = new()
    loop = np.stack([ft.grad(f)(a, rng) for a in A])
    mapped = ft.vmap(ft.grad(f), in_axes=(0, None))
    np.testing.assert_allclose(mapped(A, new()), loop, rtol=1e-13)
    np.testing.assert_allclose(ft.make_graph(mapped)(A, new(8))(A, new()), loop, rtol=1e-13)
    total = ft.grad(lambda x, rng: np.sum(ft.vmap(f, in_axes=(0, None))(x, rng)))
    np.testing.assert_allclose(total(A, new()), loop, rtol=1e-13)
    hessian = ft.hessian(f)(1.5, new())
    np.testing.assert_allclose(hessian, ft.jacfwd(ft.grad(f))(1.5, new()), rtol=1e-13)


def test_a_mapped_parameter_of_an_outer_generator_draws_in_each_lane() -> None:
    def f(x: Any, rng: Any) -> Any:
        return np.sum(ft.vmap(lambda a: rng.gamma(a))(x))

    assert ft.value_and_grad(f)(A, new())[0] == np.sum(new().gamma(A))


def test_shuffle() -> None:
    def f(rng: Any, x: Any) -> Any:
        rng.shuffle(x)
        return x

    expected = np.arange(20.0)
    new().shuffle(expected)
    assert ft.jvp(f, (new(), np.arange(20.0)), (None, np.ones(20)))[0].tobytes() == (
        expected.tobytes()
    )


def test_graphs_keep_what_draws() -> None:
    """A draw whose numbers nobody needs moves the generator on all the same."""

    def f(rng: Any, x: Any) -> Any:
        rng.normal(size=3)
        return x + rng.normal()

    graph = ft.make_graph(f)(new(), 1.0)
    assert graph.effects
    assert "generator_draw" in str(graph)
    assert graph(new(), 1.0) == f(new(), 1.0)
    with pytest.raises(InputTypeError, match=r"is a Generator, but the graph was made for float"):
        ft.make_graph(lambda x: x)(A)(new())
    with pytest.raises(InputTypeError, match=r"object\[\]"):
        graph(2.0, 1.0)


def test_checkpoint_draws_the_same_again() -> None:
    def f(x: Any, rng: Any) -> Any:
        return np.sum(np.sin(x) * rng.normal(x, size=3) * rng.random())

    plain, again = new(), new()
    expected = ft.grad(f)(A, plain)
    found = ft.grad(ft.checkpoint(f))(A, again)
    np.testing.assert_allclose(found, expected, rtol=1e-14)
    assert state(plain) == state(again)
    mapped = ft.vmap(ft.grad(ft.checkpoint(f)), in_axes=(0, None))(np.stack([A, A]), new())
    reference = ft.vmap(ft.grad(f), in_axes=(0, None))(np.stack([A, A]), new())
    np.testing.assert_allclose(mapped, reference, rtol=1e-14)


def test_dropout_takes_traced_generators() -> None:
    x = np.ones((4, 6))
    rng = new()
    loop = np.stack([ft.nn.dropout(row, 0.5, rng) for row in x])
    mapped = ft.vmap(lambda row, rng: ft.nn.dropout(row, 0.5, rng), (0, None))
    assert mapped(x, new()).tobytes() == loop.tobytes()
    graph = ft.make_graph(mapped)(x, new(9))
    assert graph(x, new()).tobytes() == loop.tobytes()


CAPTURED = new()


def test_frozen_numbers_are_refused() -> None:
    """In whatever way the function gets at a generator from outside."""
    inside = new()

    def helper() -> Any:
        return inside.normal()

    for function in (
        lambda x: x + inside.normal(),
        lambda x: x + CAPTURED.normal(),
        lambda x: x + helper(),
        lambda x: x + np.random.normal(),  # noqa: NPY002
        partial(lambda rng, x: x + rng.normal(), inside),
    ):
        with pytest.raises(RandomnessError, match="same in every run"):
            ft.make_graph(function)(1.0)
    assert ft.make_graph(lambda x: x + 1.0)(1.0)(1.0) == 2.0
    with pytest.raises(RandomnessError, match="scan"):
        ft.scan(lambda c, _: (c + inside.normal(), c), 1.0, None, length=3)
    with pytest.raises(RandomnessError, match="runs again"):
        ft.grad(ft.checkpoint(lambda x: x * inside.normal()))(1.0)


REFUSED: dict[str, Callable[[Any, Any], Any]] = {
    "multivariate_normal": lambda rng, a: rng.multivariate_normal(a, np.eye(3)),
    "dirichlet": lambda rng, a: rng.dirichlet(a),
    "choice": lambda rng, a: rng.choice(3, p=a / np.sum(a)),
    "vonmises": lambda rng, a: rng.vonmises(a, 1.0),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_is_refused_by_name(name: str) -> None:
    draw = REFUSED[name]
    with pytest.raises(MissingRuleError, match=name):
        ft.vjp(draw, new(), A)[1]
    if name != "vonmises":
        with pytest.raises(FunctransError, match=name):
            ft.vmap(draw, in_axes=(None, 0))(new(), np.stack([A, A]))


def test_wrong_parameters() -> None:
    with pytest.raises(ValueError, match="scale < 0"):
        ft.grad(lambda s, rng: rng.normal(0.0, s))(-1.0, new())
    with pytest.raises(ValueError, match=r"size \(3,\) is not compatible with .* \(2, 3\)"):
        ft.grad(lambda x, rng: np.sum(rng.normal(x, size=3)))(np.ones((2, 3)), new())
    with pytest.raises(AttributeError, match="no attribute 'nrmal'"):
        ft.grad(lambda s, rng: rng.nrmal(s))(1.0, new())
    with pytest.raises(MissingRuleError, match="out cannot be given"):
        ft.vmap(lambda rng: rng.random(out=np.empty(2)), axis_size=2, in_axes=None)(new())


def test_jitted_functions_draw() -> None:
    """Each call draws anew, on any path through the function, and under every transform."""

    def f(x: Any, rng: Any) -> Any:
        noise = rng.normal(x, 2.0)
        if np.sum(x) > 3:
            noise = noise * 2
        return np.sum(noise * x + rng.gamma(np.abs(x) + 0.1) * rng.random())

    jitted, rng, other = ft.jit(f), new(), new()
    for x in (A, A, A / 4, A, A / 4):  # the second path is left after numbers were drawn
        same(jitted(x, other), f(x, rng))
    assert state(other) == state(rng)
    assert jitted.cache_info().misses == 1
    expected = ft.grad(f)(A, new())
    for gradient in (ft.grad(jitted), ft.jit(ft.grad(f)), ft.jit(ft.grad(jitted))):
        np.testing.assert_allclose(gradient(A, new()), expected, rtol=1e-13)

    def straight(x: Any, rng: Any) -> Any:
        return rng.normal(x) * rng.gamma(x)

    lanes = ft.vmap(straight, in_axes=(0, None))
    for function in (ft.jit(lanes), ft.vmap(ft.jit(straight), in_axes=(0, None))):
        assert function(A, new()).tobytes() == lanes(A, new()).tobytes()


def test_what_made_a_nan_is_found_behind_a_draw() -> None:
    found = ft.explain_nan(lambda x, rng: rng.normal(np.sqrt(x)))(-1.0, new())
    assert "NaN was made by sqrt" in str(found)
