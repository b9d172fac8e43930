"""jit: the same results, programs found again, and what happens where a program cannot be made."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functrans as ft
from functrans.core import errors
from tests.executors import same

X = np.linspace(0.1, 1.0, 5)

SCALE = np.ones(5)


def loss(params: dict[str, Any], x: Any) -> Any:
    hidden = np.tanh(params["w"] @ x + params["b"])
    return np.sum(np.where(hidden > 0.2, hidden**2, np.abs(hidden))) / len(hidden)


PARAMS = {"w": np.random.default_rng(0).normal(size=(4, 5)), "b": np.zeros(4)}

FUNCTIONS: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "a loss": (loss, (PARAMS, X)),
    "its gradient": (ft.value_and_grad(loss), (PARAMS, X)),
    "a hessian": (ft.hessian(lambda x: np.sum(np.sin(x) * x)), (X,)),
    "lanes": (ft.vmap(lambda x: np.sum(np.exp(-x) * X)), (np.outer(X, X),)),
    "numbers of Python": (lambda x, n: np.multiply(x, n) + 1, (2.0, 3)),
    "single precision": (lambda x: np.exp(x) / 3, (X.astype(np.float32),)),
    "complex numbers": (lambda x: np.abs(np.exp(1j * x) + x), (X,)),
    "writes": (lambda x: _written(x), (X,)),
    "an argument itself": (lambda x, y: (x, y, x), (X, np.float64(2.0))),
    "a constant": (lambda x: (SCALE, 3.0), (X,)),
    "an empty array": (lambda x: np.sum(x) + x, (np.zeros((0, 3)),)),
    "a linear solver": (lambda x: np.linalg.solve(np.outer(x, x) + np.eye(5), x), (X,)),
}


def _written(x: Any) -> Any:
    out = np.zeros_like(x)
    out[1:3] = x[:2] * 2
    out[0] += x[-1]
    return out


@pytest.mark.parametrize("name", FUNCTIONS)
def test_results_are_those_of_the_function(name: str) -> None:
    function, args = FUNCTIONS[name]
    jitted = ft.jit(function)
    for _ in range(2):
        same(jitted(*args), function(*args))
    assert jitted.cache_info()[:2] == (1, 1)


def test_results_may_be_written_to() -> None:
    jitted = ft.jit(lambda x: (x, SCALE, x.reshape(5, 1)))
    x = X.copy()
    first = jitted(x)
    for result in first:
        result[:] = -1.0
    np.testing.assert_array_equal(x, X)
    np.testing.assert_array_equal(jitted(x)[1], np.ones(5))


def test_a_lambda_in_a_loop_finds_its_program() -> None:
    for i in range(3):
        jitted = ft.jit(lambda x: x * 2 + 12345)
        assert jitted(1.0) == 12347.0
        assert jitted.cache_info().hits == (i > 0)


def test_functions_that_differ_in_what_they_close_over_differ() -> None:
    def scaled(factor: Any) -> Any:
        return ft.jit(lambda x: x * factor)

    assert [scaled(n)(2.0) for n in (1.0, 2.0, np.float64(3.0))] == [2.0, 4.0, 6.0]
    same(scaled(-0.0)(0.0), -0.0 * 0.0)
    same(scaled(0.0)(0.0), 0.0 * 0.0)


@pytest.mark.parametrize("size", [2, 10_000])
def test_an_array_that_changes_is_read_again(size: int) -> None:
    weights = np.ones(size)
    jitted = ft.jit(lambda x: x * weights)
    jitted(3.0)
    weights[1] = 5.0
    np.testing.assert_array_equal(jitted(3.0)[:2], [3.0, 15.0])
    assert "weights" in jitted.cache_info().reasons[-1]


class Model:
    """Holds what a method reads."""

    def __init__(self) -> None:
        self.weights = [np.ones(2), np.ones(2)]
        self.rate = 1.0

    def __call__(self, x: Any) -> Any:
        return self.rate * x * self.weights[0]


def test_what_an_object_holds_is_read_again() -> None:
    model = Model()
    jitted = ft.jit(lambda x: model(x))
    jitted(3.0)
    model.weights[0][0] = 2.0
    np.testing.assert_array_equal(jitted(3.0), [6.0, 3.0])
    model.weights[0] = np.zeros(2)
    np.testing.assert_array_equal(jitted(3.0), [0.0, 0.0])
    model.weights = [np.full(2, 7.0)]
    model.rate = 2.0
    np.testing.assert_array_equal(jitted(3.0), [42.0, 42.0])
    assert jitted.cache_info().misses == 4


def test_an_array_that_only_the_trace_has_met_is_watched() -> None:
    hidden = {1: np.ones(2)}

    class Opaque:
        __slots__ = ()

        def get(self) -> Any:
            return hidden[1]

    opaque = Opaque()
    jitted = ft.jit(lambda x: x + opaque.get())
    jitted(1.0)
    hidden[1][0] = 4.0
    np.testing.assert_array_equal(jitted(1.0), [5.0, 2.0])


def test_each_kind_of_arguments_has_a_program() -> None:
    jitted = ft.jit(lambda x: x + 1)
    for x in (1, 1.0, np.float32(1), np.ones(2), np.ones(2, np.float32), np.ones((2, 1))):
        same(jitted(x), x + 1)
    reasons = jitted.cache_info().reasons
    assert len(reasons) == 6
    assert reasons[-1] == "the argument at [0] is float64[2,1] in place of float32[2]"


def test_a_call_like_the_last_is_told_at_a_glance_and_others_are_not() -> None:
    rate = [2.0]
    body = lambda p, k, *, y=0.0: (p["a"] * k + y, {"b": p["a"] - rate[0]})  # noqa: E731
    f = ft.jit(body, backend="numpy")

    def check(a: Any, k: Any, **options: Any) -> None:
        for _ in range(3):
            one, other = f({"a": a}, k, **options)
            wanted = a * k + options.get("y", 0.0)
            assert (type(one), np.result_type(one)) == (type(wanted), np.result_type(wanted))
            assert np.all(one == wanted) and np.all(other["b"] == a - rate[0])

    x = np.ones(3)
    for k in (2, 2.0, np.float32(2.0), x, x.astype(np.float32), 2.0):
        check(x, k)
        check(x, k, y=x)
        check(x.astype(np.float32), k)
        check(1.5, k)
    rate[0] = 3.0
    check(x, 2.0)
    hits = f.cache_info().hits
    check(x, 2.0)
    assert f.cache_info().hits == hits + 3
    with pytest.raises(ft.errors.InputTypeError):
        f({"a": "text"}, 2.0)
    with pytest.raises(KeyError):
        f({"c": x}, 2.0)
    g = ft.jit(lambda x, k: x * k, backend="numpy")
    for k in (2, 2.0, np.float64(2.0), True, x):
        for _ in range(3):
            assert type(g(1, k)) is type(1 * k) and np.all(g(1, k) == 1 * k)


def test_a_program_has_the_operations_of_functions_with_rules_of_their_own() -> None:
    """In loops and in one another too; their rules are those of gradients as before."""

    @ft.custom
    def turned(x: Any) -> Any:
        return {"sin": np.sin(x) + 1.0}

    turned.defjvp(lambda primals, tangents: (turned(*primals), {"sin": 7.0 * tangents[0]}))

    @ft.custom
    def twice(x: Any) -> Any:
        return turned(turned(x)["sin"])["sin"]

    def plain(x: Any) -> Any:
        return ft.fori_loop(0, 3, lambda i, x: twice(x) * 0.5, twice(x))

    jitted = ft.jit(plain)
    same(jitted(X), plain(X))
    assert "custom" not in jitted.lower(X).source
    assert np.all(ft.grad(lambda x: np.sum(jitted(x)))(X) == 49.0 * 24.5**3)
    assert np.all(ft.jit(ft.grad(lambda x: np.sum(plain(x))))(X) == 49.0 * 24.5**3)


def test_static_arguments() -> None:
    @ft.jit(static_argnums=1, static_argnames="kind")
    def power(x: Any, n: int, *, kind: str = "plain") -> Any:
        for _ in range(n):
            x = x * x
        return x if kind == "plain" else -x

    assert power(2.0, 2) == power(2.0, n=2) == 16.0
    assert power(2.0, 1, kind="negative") == -4.0
    assert power.cache_info().misses == 3
    assert "static arguments" in power.cache_info().reasons[-1]


def test_paths_of_python_conditions() -> None:
    @ft.jit
    def f(x: Any) -> Any:
        if x > 0:
            return np.sqrt(x)
        while x < -1:
            x = x / 2
        return x * x

    for x in map(np.float64, (4.0, -0.5, -3.0, 9.0, -0.25, -2.5, -9.0)):
        same(f(x), f.fun(x))
        same(ft.grad(f)(x), ft.grad(f.fun)(x))
        same(ft.grad(ft.grad(f))(x), ft.grad(ft.grad(f.fun))(x))
        same(ft.jit(ft.grad(f))(x), ft.grad(f.fun)(x))
        same(ft.jvp(f, (x,), (x,)), ft.jvp(f.fun, (x,), (x,)))
    assert f.cache_info().misses == 2  # for plain numbers and for traced ones


def test_counting_below_a_number_is_a_condition() -> None:
    """How many counts there are depends on values, but for integers below ``minlength``."""

    def counts(i: Any, weights: Any) -> Any:
        return np.bincount(i, minlength=4), np.bincount(i, weights, 4)

    jitted, i, weights = ft.jit(counts), np.array([1, 3, 3, 0, 1]), np.arange(5.0)
    for there in (i, i[::-1].copy(), i[:0], i.astype(np.uint8)):
        same(jitted(there, weights[: len(there)]), counts(there, weights[: len(there)]))
    slope = ft.grad(lambda w: np.sum(jitted(i, w)[1] ** 2))(weights)
    same(slope, ft.grad(lambda w: np.sum(np.bincount(i, w, 4) ** 2))(weights))
    for there in (i + 1, i - 1):
        with pytest.raises(errors.ConversionError, match="minlength=n: programs take all"):
            jitted(there, weights)
    with pytest.raises(ValueError, match="same length"):
        ft.jit(counts)(i, weights[:2])
    with pytest.raises(errors.ConversionError, match="minlength"):
        ft.make_graph(counts)(i, weights)


def test_conditions_can_be_an_error() -> None:
    f = ft.jit(lambda x: x if x > 0 else -x, branches="error")
    with pytest.raises(errors.ConversionError, match=r"numpy\.where"):
        f(1.0)


def test_paths_have_a_limit() -> None:
    def count(x: Any) -> Any:
        n = 0.0
        while x > n:
            n += 1
        return x * n

    f = ft.jit(count, max_paths=3)
    assert [f(float(i)) for i in range(3)] == [0.0, 1.0, 4.0]
    with pytest.raises(errors.ConversionError, match="has 3 paths .*while_loop"):
        f(3.0)
    assert f(2.0) == 4.0


def test_debugging_shows_values(capsys: pytest.CaptureFixture[str]) -> None:
    @ft.jit(debug=True)
    def f(x: Any) -> Any:
        y = x * 2
        print(y)
        return np.sin(y)

    same(f(X), np.sin(X * 2))
    assert repr(X * 2) in capsys.readouterr().out


def test_values_of_transforms_around_it() -> None:
    def f(x: Any) -> Any:
        return ft.jit(lambda y: np.sin(y * x))(x) + ft.jit(lambda y: y * y)(2.0)

    same(ft.grad(f)(0.5), ft.grad(lambda x: np.sin(x * x) + 4.0)(0.5))
    same(ft.vmap(f)(X), np.sin(X * X) + 4.0)
    same(ft.jit(f)(0.5), np.sin(np.float64(0.25)) + 4.0)


def test_threads_share_programs() -> None:
    f = ft.jit(lambda x: np.sum(np.sin(x) * x))
    found: list[Any] = [None] * 8
    barrier = threading.Barrier(8)

    def work(i: int) -> None:
        barrier.wait()
        found[i] = [ft.grad(f)(X * (i + 1)) for _ in range(20)]

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i, results in enumerate(found):
        wanted = ft.grad(f.fun)(X * (i + 1))
        for result in results:
            same(result, wanted)


def test_staging_is_linear_in_the_length_of_a_loop() -> None:
    """A loop of ten thousand steps has as many equations, and no recursion goes as deep."""

    def loop(x: Any) -> Any:
        for _ in range(5000):
            x = np.sin(x) * 1.01
        return x

    graph = ft.jit(ft.grad(loop)).lower(0.5).graph
    assert len(graph.equations) <= 30_000
    # Five thousand factors that are off by 4 ulp at most.
    same(ft.jit(ft.grad(loop))(0.5), ft.grad(loop)(0.5), ulps=20_000)


def test_a_method_takes_its_object() -> None:
    class Counter:
        step = 2.0

        @ft.jit(static_argnums=0)
        def advance(self, x: Any) -> Any:
            return x + self.step

    assert Counter().advance(1.0) == 3.0


def test_what_is_seen_of_a_call() -> None:
    lowered = ft.jit(lambda x: np.sin(np.sort(x)) * 2, backend="numpy").lower(X)
    assert "sin" in str(lowered.graph)
    assert "def program" in lowered.source
    assert str(lowered).startswith(f"{lowered.graph}\n\n{lowered.source}")
    assert str(lowered).endswith(lowered.native)


def test_a_generator_draws_anew_in_each_call() -> None:
    @ft.jit
    def noisy(x: Any, rng: np.random.Generator) -> Any:
        return x + rng.normal(size=3)

    rng, reference = np.random.default_rng(3), np.random.default_rng(3)
    for _ in range(3):
        np.testing.assert_array_equal(noisy(1.0, rng), 1.0 + reference.normal(size=3))
    gradient = ft.grad(lambda x: np.sum(noisy(x, rng) ** 2))(1.0)
    np.testing.assert_allclose(gradient, np.sum(2 * (1.0 + reference.normal(size=3))))


@pytest.mark.parametrize("size", [7, 100_000])
def test_results_take_the_memory_of_donated_arguments(size: int) -> None:
    def adam(x: Any, moment: Any, gradient: Any) -> Any:
        moment = 0.9 * moment + 0.1 * gradient
        return x - 0.01 * moment / (1.0 + np.abs(moment)), moment

    step = ft.jit(adam, donate_argnums=0, donate_argnames="moment")
    rng = np.random.default_rng(0)
    x, moment, gradient = rng.normal(size=(3, size))
    for arguments in (
        (x.copy(), moment.copy(), gradient),
        (x, x, gradient),  # memory that two arguments share is no one's to give
        (x.copy()[::-1], moment.copy(), x),
        (np.broadcast_to(x, x.shape), moment.copy(), gradient),
    ):
        before = [np.array(a) for a in arguments]
        wanted = adam(*before)
        found = step(*arguments)
        same(found, wanted)
        np.testing.assert_array_equal(arguments[2], before[2])
    x, moment = x.copy(), moment.copy()
    new_x, new_moment = step(x, moment, gradient)
    assert {id(new_x), id(new_moment)} <= {id(x), id(moment)}


def test_an_argument_is_not_donated_if_another_path_might_need_it() -> None:
    @ft.jit(donate_argnums=0)
    def f(x: Any) -> Any:
        y = x * 2
        return y if np.sum(y) > 0 else x - 1

    same(f(np.ones(3)), np.full(3, 2.0))
    same(f(-np.ones(3)), np.full(3, -2.0))


RATE = 2.0


class Rated:
    """A method that reads a global and an attribute of its class; a value in a slot."""

    __slots__ = ("bias",)

    scale = 1.0

    def __init__(self, bias: float) -> None:
        self.bias = bias

    def __call__(self, x: Any) -> Any:
        return x * RATE * self.scale + self.bias


def test_what_classes_slots_and_methods_read_is_read_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rated = Rated(0.0)
    jitted = ft.jit(lambda x: rated(x))
    assert jitted(1.0) == 2.0
    monkeypatch.setitem(globals(), "RATE", 3.0)
    assert jitted(1.0) == 3.0
    monkeypatch.setattr(Rated, "scale", 2.0)
    assert jitted(1.0) == 6.0
    rated.bias = 0.5
    assert jitted(1.0) == 6.5


def test_the_mode_of_a_module_is_read_again() -> None:
    from functrans.torch import nn

    layer = nn.Dropout(0.5).eval()
    jitted = ft.jit(lambda x: x * (2.0 if layer.training else 1.0))
    assert jitted(1.0) == 1.0
    layer.train()
    assert jitted(1.0) == 2.0


def test_debugging_shows_values_in_each_call(capsys: pytest.CaptureFixture[str]) -> None:
    f = ft.jit(lambda x: (print(x), x * 2)[1], debug=True)  # type: ignore[func-returns-value]
    assert (f(1.0), f(1.0)) == (2.0, 2.0)
    assert capsys.readouterr().out.count("value 1.0") == 2


def test_clearing_caches_reaches_functions_that_have_run() -> None:
    """Each is staged anew at its next call, whoever holds its program."""
    f = ft.jit(lambda x: x * 2.0)
    for _ in range(3):
        f(np.ones(3))
    ft.clear_caches()
    assert np.array_equal(f(np.ones(3)), [2.0, 2.0, 2.0])
    info = f.cache_info()
    assert (info.misses, info.size) == (2, 1)
