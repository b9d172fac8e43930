"""Passes change no bit of a result, and find what they should."""

import itertools
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, note, settings

import functrans as ft
from functrans import tree
from functrans.compile import program
from functrans.core.primitive import REGISTRY, Primitive
from functrans.graph.graph import Equation, Graph, Variable
from functrans.graph.passes import check, optimize
from functrans.graph.passes.algebra import _RULES
from functrans.testing.cases import cases_of
from tests.programs import Program
from tests.random_programs import programs
from tests.test_numpy_programs import BOOK, run

HARD = np.array([0.0, -0.0, 1.0, -1.0, 0.1, -2.5, np.inf, -np.inf, np.nan, -np.nan, 5e-324, 1e308])


def names(graph: Graph) -> list[str]:
    return [equation.primitive.name for equation in graph.equations]


def check_same(graph: Graph, optimized: Graph, values: Sequence[Any]) -> None:
    assert optimized.input_types == graph.input_types
    assert optimized.output_types == graph.output_types
    expected = run(lambda *xs: graph.evaluate(list(xs)), values)[0]
    found = run(program(optimized), values)[0]
    assert found == expected, f"{graph}\n{optimized}"


def layouts(x: np.ndarray) -> list[Any]:
    """The elements in arrays of all layouts: the sum over each may round differently."""
    big = np.resize(x, (4, 6))
    spread = np.zeros((8, 12), x.dtype)
    spread[::2, ::2] = big
    return [x, x[::-1], np.repeat(x, 2)[::2], big, np.asfortranarray(big), spread[::2, ::2], big.T]


def points(kinds: str) -> list[Any]:
    """Hard values of each kind of dtype, as arrays, scalars, 0-d arrays and Python numbers."""
    found: list[Any] = []
    if "f" in kinds:
        found += layouts(HARD) + layouts(HARD.astype(np.float32))
        found += [*HARD, *map(float, HARD), np.array(-0.0), np.array(2.5), np.float32(-0.0)]
    if "i" in kinds:
        found += layouts(np.arange(-3, 9)) + [
            np.int8(-128),
            3,
            np.array(4),
            np.arange(4, dtype="u1"),
        ]
    if "b" in kinds:
        found += [np.array([True, False]), True, np.True_]
    if "c" in kinds:
        c = np.array([complex(a, b) for a, b in itertools.product(HARD[[0, 1, 4, 6, 8]], repeat=2)])
        found += [*layouts(c[:12]), *c, complex(-0.0, 0.0)]
    return found


def stretched(x: Any, n: int) -> Any:
    return np.broadcast_to(x, (n, *x.shape))


IDENTITIES: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "times one": ("fic", lambda x: (np.sin(x) if x.dtype.kind == "f" else -x) * 1),
    "one times": ("fic", lambda x: 1 * -x),
    "times one in single precision": ("f", lambda x: -x * np.float32(1)),
    "times ones": ("f", lambda x: np.sqrt(x) * np.ones(x.shape)),
    "times broadcast ones": ("f", lambda x: -x * np.broadcast_to(1.0, x.shape)),
    "an input times one": ("f", lambda x: np.square(x * 1.0) + 1),
    "an input times one, summed": ("f", lambda x: np.sum(x * 1.0)),
    "times True": ("fi", lambda x: -x * True),
    "over one": ("fi", lambda x: -x / 1),
    "over ones": ("f", lambda x: -x / np.ones(x.shape)),
    "plus -0.0": ("fi", lambda x: -x + -0.0),
    "plus 0.0": ("fi", lambda x: -x + 0.0),
    "plus 0": ("fi", lambda x: -x + 0),
    "0 plus": ("fi", lambda x: 0 + -x),
    "minus 0.0": ("fi", lambda x: -x - 0.0),
    "minus -0.0": ("fi", lambda x: -x - (-0.0)),
    "minus 0": ("fi", lambda x: -x - 0),
    "zero minus": ("fi", lambda x: 0 - x),
    "floor division": ("fi", lambda x: -x // 1),
    "or zero": ("i", lambda x: ~x | 0),
    "xor zero": ("i", lambda x: 0 ^ ~x),
    "and itself": ("i", lambda x: (~x) & (~x)),
    "shift by zero": ("i", lambda x: (~x << 0) >> 0),
    "or false": ("b", lambda x: np.logical_or(~x, False)),
    "and true": ("b", lambda x: np.logical_and(True, ~x)),
    "not not": ("bfi", lambda x: np.logical_not(np.logical_not(x))),
    "invert invert": ("ib", lambda x: ~~x),
    "negative negative": ("fic", lambda x: np.negative(-(x + x))),
    "negative negative of an input": ("fic", lambda x: np.negative(-x)),
    "negative negative of an input, used": ("fi", lambda x: np.sqrt(np.negative(-x)) + 1),
    "conjugate": ("fc", lambda x: np.conjugate(x + x)),
    "conjugate twice": ("c", lambda x: np.conjugate(np.conjugate(-x))),
    "positive": ("fic", lambda x: +(-x)),
    "absolute twice": ("fic", lambda x: abs(abs(x))),
    "fabs twice": ("f", lambda x: np.fabs(np.fabs(x))),
    "floor twice": ("fi", lambda x: np.floor(np.floor(x))),
    "ceil twice": ("f", lambda x: np.ceil(np.ceil(x))),
    "trunc twice": ("f", lambda x: np.trunc(np.trunc(x))),
    "rint twice": ("f", lambda x: np.rint(np.rint(x))),
    "sign twice": ("f", lambda x: np.sign(np.sign(x))),
    "real of real": ("f", lambda x: np.real(-x)),
    "cast to the same": ("f", lambda x: (-x).astype(x.dtype)),
    "cast of an input to the same": ("f", lambda x: np.sum(x.astype(x.dtype))),
    "cast and back": ("f", lambda x: x.astype(np.float64).astype(np.float32)),
    "cast up and up": ("fi", lambda x: (-x).astype(np.float64).astype(complex)),
    "cast through integers": ("i", lambda x: x.astype(np.int64).astype(np.int8)),
    "cast through floats": ("i", lambda x: x.astype(np.float64).astype(np.int32)),
    "cast down and up": ("f", lambda x: x.astype(np.float32).astype(np.float64)),
    "where true": ("fi", lambda x: np.where(True, -x, x)),
    "where false": ("fi", lambda x: np.where(np.zeros(x.shape, bool), x, -x)),
    "where the same": ("fi", lambda x: np.where(x > 0, y := -x, y)),
    "where of two dtypes": ("fi", lambda x: np.where(True, -x, 1j)),
    "maximum of the same": ("fi", lambda x: np.maximum(y := -x, y)),
    "fmin of the same": ("fi", lambda x: np.fmin(y := -x, y)),
    "reshape twice": ("f", lambda x: np.reshape(np.reshape(-x, (-1,)), x.shape)),
    "reshape an input twice": ("f", lambda x: np.sum(np.reshape(np.reshape(x, (-1,)), x.shape))),
    "reshape to the same": ("f", lambda x: np.reshape(x, x.shape)),
    "transpose twice": ("f", lambda x: np.sum(x.T.T)),
    "transpose by the identity": ("f", lambda x: np.transpose(x, tuple(range(x.ndim)))),
    "broadcast twice": (
        "f",
        lambda x: stretched(stretched(x, 2), 3),
    ),
    "broadcast to the same": ("f", lambda x: np.broadcast_to(x, x.shape) * 2),
    "flip twice": ("f", lambda x: np.flip(np.flip(x))),
    "two of one": ("f", lambda x: np.exp(x) + np.exp(x) * np.sum(np.exp(x))),
    "constants": ("f", lambda x: x + np.sum(np.broadcast_to(2.0, (3,)))),
}


@pytest.mark.parametrize("name", IDENTITIES)
def test_identities(name: str) -> None:
    """Each rewrite at hard points of each dtype, in each layout."""
    kinds, f = IDENTITIES[name]
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for x in points(kinds):
            for g in (f, lambda x: (np.sum(f(x)), f(x), np.sin(f(x)))):
                graph = ft.make_graph(g)(x)
                check_same(graph, optimize(graph, checked=True), [x])


FOUND = {
    "multiply": lambda x: np.sin(x) * 1.0,
    "divide": lambda x: np.sin(x) / 1,
    "add": lambda x: np.sin(x) + -0.0,
    "subtract": lambda x: np.sin(x) - 0.0,
    "floor_divide": lambda x: ~np.isnan(x).astype(int) // 1,
    "bitwise_or": lambda x: ~np.isnan(x) | False,
    "bitwise_xor": lambda x: ~np.isnan(x) ^ False,
    "bitwise_and": lambda x: np.isnan(x) & np.isnan(x),
    "left_shift": lambda x: ~np.isnan(x).astype(int) << 0,
    "right_shift": lambda x: ~np.isnan(x).astype(int) >> 0,
    "logical_or": lambda x: np.logical_or(np.isnan(x), False),
    "logical_and": lambda x: np.logical_and(np.isnan(x), True),
    "logical_not": lambda x: np.logical_not(np.logical_not(np.isnan(x))),
    "maximum": lambda x: np.maximum(np.sin(x), np.sin(x)),
    "minimum": lambda x: np.minimum(np.sin(x), np.sin(x)),
    "fmax": lambda x: np.fmax(np.sin(x), np.sin(x)),
    "fmin": lambda x: np.fmin(np.sin(x), np.sin(x)),
    "negative": lambda x: np.negative(-np.sin(x)),
    "invert": lambda x: ~~np.isnan(x),
    "conjugate": lambda x: np.conjugate(np.sin(x)),
    "positive": lambda x: +np.sin(x),
    "absolute": lambda x: abs(abs(x)),
    "fabs": lambda x: np.fabs(np.fabs(x)),
    "floor": lambda x: np.floor(np.floor(x)),
    "ceil": lambda x: np.ceil(np.ceil(x)),
    "trunc": lambda x: np.trunc(np.trunc(x)),
    "rint": lambda x: np.rint(np.rint(x)),
    "sign": lambda x: np.sign(np.sign(x)),
    "real": lambda x: ft.primitives.real(x),
    "astype": lambda x: ft.primitives.astype(np.sin(x), dtype=np.dtype(float)),
    "where": lambda x: np.where(True, np.sin(x), np.cos(x)),
    "reshape": lambda x: np.sin(x).reshape(3, 4).reshape(2, 6).reshape(12),
    "broadcast_to": lambda x: ft.primitives.broadcast_to(x, shape=(12,)),
    "transpose": lambda x: np.reshape(x, (3, 4)).T.T,
    "flip": lambda x: np.flip(np.flip(x)),
}


@pytest.mark.parametrize("name", _RULES)
def test_each_rule_applies(name: str) -> None:
    """Nothing is left of what a row of the table is for."""
    graph = ft.make_graph(FOUND[name])(HARD)
    once = name in ("absolute", "fabs", "floor", "ceil", "trunc", "rint", "sign")
    assert names(optimize(graph)).count(name) == once


@pytest.mark.filterwarnings("ignore::functrans.core.errors.DegenerateWarning")
@pytest.mark.parametrize("name", BOOK)
def test_primitives(name: str) -> None:
    """Each primitive and its gradient, at its samples."""
    for case in cases_of(REGISTRY[name].call):
        function, values = case.function(case.arrays), case.take(case.arrays)
        with np.errstate(all="ignore"):
            graph = ft.make_graph(function)(*values)
            check(graph)
            check_same(graph, optimize(graph, checked=True), values)
            if not case.differentiable or not case.active:
                continue
            xs = case.take(case.active)
            smooth = case.smooth_part(case.active)

            def gradient(*ys: Any, smooth: Any = smooth) -> Any:
                outs, pull = ft.vjp(smooth, *ys)
                return pull(tuple(np.ones_like(o)[()] for o in outs))

            graph = ft.make_graph(gradient)(*xs)
            check_same(graph, optimize(graph, checked=True), xs)


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(programs())
def test_random_programs(drawn: Program) -> None:
    if drawn.reads_values:
        return
    note(drawn.name)
    leaves = tree.leaves(drawn.point)

    def total(p: Any) -> Any:
        return sum(np.sum(x) for x in tree.leaves(drawn.function(p)))

    with np.errstate(all="ignore"):
        for f in (drawn.function, ft.grad(total)):
            graph = ft.make_graph(f)(drawn.point)
            optimized = optimize(graph, checked=True)
            assert len(optimized.equations) <= len(graph.equations)
            check_same(graph, optimized, leaves)
            assert optimize(optimized) is optimized


def test_gradient_seeds_vanish() -> None:
    graph = optimize(ft.make_graph(ft.grad(lambda x: np.sum(np.sin(x) * x)))(np.ones(3)))
    assert names(graph) == ["sin", "cos", "multiply", "add"]


def test_python_numbers_are_made_where_promotion_asks_for_them() -> None:
    def f(c: Any, x: Any) -> Any:
        return ((c * 2.0 + 1) / c) * x

    graph = ft.make_graph(f)(2.5, np.ones(3, np.float32))
    assert names(graph).count("python_number") == 3
    assert names(optimize(graph)) == ["multiply", "add", "divide", "python_number", "multiply"]
    assert optimize(graph).outputs[0].type.dtype == np.float32
    doubled = optimize(ft.make_graph(f)(2.5, np.ones(3)))
    assert names(doubled) == ["multiply", "add", "divide", "multiply"]


def test_subexpressions_are_told_apart() -> None:
    """By parameters, and by constants to the bit."""

    def f(x: Any) -> Any:
        return (
            *(x * c for c in (0.0, -0.0, 2, 2.0, np.float64(2), np.nan)),
            *(np.sum(x, axis=a) for a in (0, 1)),
            x + np.arange(3.0),
            x + np.arange(3.0),
            x[0],
            x[1],
            x[0],
        )

    graph = ft.make_graph(f)(np.ones((2, 3)))
    assert len(optimize(graph).equations) == len(graph.equations) - 2


def effectful(name: str) -> Any:
    return ft.extend.nondifferentiable(
        name, lambda x: np.asarray(x), samples=lambda: [], shape=lambda x: x, effects=True
    )


def test_effects_stay_in_their_order() -> None:
    one, other = effectful("pass_one"), effectful("pass_other")

    def f(x: Any) -> Any:
        y = one(x)
        other(x)
        one(x)
        other(np.sin(x) * 0)
        return y

    graph = optimize(ft.make_graph(f)(np.ones(3)))
    assert names(graph) == ["pass_one", "pass_other", "pass_one", "sin", "multiply", "pass_other"]


def nest(f: Callable[..., Any], *args: Any) -> Graph:
    return ft.make_graph(f)(*args)


def call_primitive() -> Primitive:
    """``call`` as control flow has it, or one of our own where there is none."""
    found = REGISTRY.get("call")
    if found is None:

        def carry_out(*args: Any, graph: Graph) -> list[Any]:
            return program(graph)(*args)

        found = Primitive("call", "higher-order", carry_out, outputs=0)
        found.call = carry_out
    return found


def calls(inner: Graph, *inputs: Any) -> tuple[Equation, list[Variable]]:
    outs = [Variable(kind) for kind in inner.output_types]
    return Equation(call_primitive(), inputs, {"graph": inner}, tuple(outs), "a.py:1 in f"), outs


def test_calls_are_flattened_and_nested_graphs_optimised() -> None:
    x = np.linspace(0, 1, 3)
    inner = nest(lambda a, b: (np.negative(-np.sin(a)) * 1.0, b, np.sin(a) + 2.0), x, 1.0)
    start = Variable(inner.inputs[0].type)
    first, outs = calls(inner, start, 1.0)
    second, more = calls(inner, outs[0], 1.0)
    graph = Graph("outer", [start], [first, second], [more[2], outs[1], more[1]])
    optimized = optimize(graph, checked=True)
    assert names(optimized) == ["sin", "sin", "add"]
    check_same(graph, optimized, [x])


def test_large_graphs_called_twice_stay_calls() -> None:
    def f(a: Any) -> Any:
        for _ in range(40):
            a = np.sin(a) * 1.5
        return np.negative(-a)

    inner = nest(f, np.ones(3))
    start = Variable(inner.inputs[0].type)
    first, outs = calls(inner, start)
    second, more = calls(inner, outs[0])
    third, again = calls(nest(f, np.ones(3)), outs[0])
    graph = Graph("outer", [start], [first, second, third], [more[0], again[0]])
    optimized = optimize(graph, checked=True)
    called = [e.params["graph"] for e in optimized.equations if e.primitive.name == "call"]
    assert len(called) == 2 and called[0] is called[1]
    assert names(called[0]) == ["sin", "multiply"] * 40
    check_same(graph, optimized, [np.ones(3)])


def test_folding_leaves_warnings_and_large_results_to_the_run() -> None:
    big = ft.ArrayType((1000,), float)
    graph = Graph("g", [], [], [])
    out, zero = Variable(big), Variable(ft.ArrayType((), float))
    sin, divide, stretch = (REGISTRY[n] for n in ("sin", "divide", "broadcast_to"))
    graph.equations = [
        Equation(stretch, (2.0,), {"shape": (1000,)}, (out,), ""),
        Equation(divide, (1.0, 0.0), {}, (zero,), ""),
    ]
    graph.outputs = [out, zero]
    assert optimize(graph) is graph
    one = Variable(ft.ArrayType((), float))
    small = Graph("g", [], [Equation(sin, (1.0,), {}, (one,), "")], [one])
    assert optimize(small).outputs == [np.sin(1.0)]


def test_every_pass_takes_linear_time() -> None:
    """A loop of n steps: twice the steps take about twice the time."""

    def f(x: Any, n: int) -> Any:
        for _ in range(n):
            x = np.sin(x) * 1.0 + x * -1.0
        return x

    def seconds(n: int) -> float:
        graph = ft.make_graph(lambda x: f(x, n))(0.5)
        best = np.inf
        for _ in range(2):
            start = time.process_time()
            optimize(graph)
            best = min(best, time.process_time() - start)
        return float(best)

    assert seconds(4000) < 4 * seconds(2000) + 0.05
