"""Programs of graphs give what the operations give one by one, to the bit, and share no memory."""

import linecache
import re
import traceback
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, note, settings

import functrans as ft
from functrans import tree
from functrans.compile import program
from functrans.core.primitive import REGISTRY
from functrans.core.types import type_of
from functrans.graph.graph import Graph
from functrans.graph.passes import optimize
from functrans.testing.cases import Case, cases_of
from functrans.testing.differences import random_like
from tests.programs import Program
from tests.random_programs import programs

BOOK = [n for n, p in REGISTRY.items() if p.samples and ".special" not in p.call.__module__]


def bits(x: Any) -> tuple[Any, ...]:
    """What must agree of a result: its class, dtype, shape and bytes."""
    array = np.asarray(x)
    return type(x), array.dtype, array.shape, array.tobytes()


def run(function: Callable[..., Any], values: Sequence[Any]) -> tuple[list[Any], list[str]]:
    """Its results to the bit, and the warnings on the way, without the lines that they name."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        outs = [bits(x) for x in function(*values)]
    return outs, [re.sub(r" \(at .*\)", "", str(w.message)) for w in caught]


def check_program(graph: Graph, values: Sequence[Any]) -> None:
    """The program of a graph against its equations, one by one."""
    expected = run(lambda *xs: graph.evaluate(list(xs)), values)
    before = [bits(x) for x in values]
    found = run(program(graph), values)
    assert found == expected, f"{graph}\n{program(graph).source}"
    outs = program(graph)(*values)
    arrays = [x for x in outs if isinstance(x, np.ndarray)]
    for i, x in enumerate(arrays):
        assert x.flags.writeable
        others = [y for y in (*values, *arrays[:i]) if isinstance(y, np.ndarray)]
        assert not any(np.may_share_memory(x, y) for y in others)
    for x in arrays:
        x[...] = 1  # not 0, which is what most unused memory holds
    assert [bits(x) for x in values] == before
    assert run(program(graph), values) == expected


def check_case(case: Case) -> None:
    function = case.function(case.arrays)
    values = case.take(case.arrays)
    with np.errstate(all="ignore"):
        check_program(ft.make_graph(function)(*values), values)
        if not case.differentiable or not case.active:
            return
        smooth = case.smooth_part(case.active)
        xs = case.take(case.active)
        rng = case.rng()
        gs = tuple(random_like(o, rng) for o in smooth(*xs))
        both = [*xs, *gs]

        def gradient(*ys: Any) -> Any:
            return ft.vjp(smooth, *ys[: len(xs)])[1](ys[len(xs) :])

        check_program(ft.make_graph(gradient)(*both), both)


@pytest.mark.filterwarnings("ignore::functrans.core.errors.DegenerateWarning")
@pytest.mark.parametrize("name", BOOK)
def test_primitives(name: str) -> None:
    """Each primitive and its gradient, at its samples."""
    for case in cases_of(REGISTRY[name].call):
        check_case(case)


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(programs())
def test_random_programs(drawn: Program) -> None:
    if drawn.reads_values:
        return
    note(drawn.name)
    leaves = tree.leaves(drawn.point)
    graph = ft.make_graph(drawn.function)(drawn.point)
    with np.errstate(all="ignore"):
        check_program(graph, leaves)
        total = ft.make_graph(
            ft.grad(lambda p: sum(np.sum(x) for x in tree.leaves(drawn.function(p))))
        )(drawn.point)
        check_program(total, leaves)


def test_outputs_are_new() -> None:
    """Inputs, constants, views and the same value twice are copied where they are returned."""
    constant = np.arange(3.0)
    graph = ft.make_graph(lambda x: (x, x, x.T, constant, constant, np.sin(x), np.sin(x).T))(
        np.ones((2, 3))
    )
    check_program(graph, [np.ones((2, 3))])


def test_a_view_of_memory_that_nobody_else_holds_is_not_copied() -> None:
    graph = ft.make_graph(lambda x: np.reshape(np.sin(x), (3, 2)))(np.ones((2, 3)))
    (out,) = program(graph)(np.ones((2, 3)))
    assert out.base is not None


def test_one_program_a_graph() -> None:
    graph = ft.make_graph(np.sin)(1.0)
    assert program(graph) is program(graph)


def test_errors_name_the_line() -> None:
    def f(x: Any) -> Any:
        return np.linalg.inv(x * 2.0)

    graph = ft.make_graph(f)(np.eye(2))
    with pytest.raises(np.linalg.LinAlgError) as caught:
        program(graph)(np.zeros((2, 2)))
    (text,) = caught.value.__notes__
    assert text.startswith("in graph f, at ") and text.endswith(" in f") and __file__ in text
    shown = "".join(traceback.format_exception(caught.value))
    assert re.search(r"v\d = inv\(v\d, strict=True\)  # ", shown)


def test_source_goes_with_the_program() -> None:
    made = program(ft.make_graph(np.sin)(1.0))
    name = made.filename
    assert linecache.getlines(name) == made.source.splitlines(keepends=True)
    del made
    assert linecache.getlines(name) == []


def test_constants_of_all_kinds() -> None:
    """Numbers that have no literal, and those that look alike."""
    for c in (np.inf, -np.inf, np.nan, -0.0, 0.0, 1j, 2, True, np.float32(0.1), np.int8(3), 1e300):
        graph = ft.make_graph(lambda x, c=c: (np.multiply(x, c), np.where(x > 0, x, c)))(1.5)
        with np.errstate(all="ignore"):
            check_program(graph, [1.5])


def test_long_graphs() -> None:
    """A loop of thousands of steps: few names, whose values go in time."""

    def f(x: Any) -> Any:
        for _ in range(3000):
            x = np.sin(x) + 0.5
        return x

    graph = ft.make_graph(f)(0.3)
    assert len(graph.equations) == 6000
    check_program(graph, [0.3])
    assert program(graph).source.count("v2") == 0
    assert type_of(program(graph)(0.3)[0]) == graph.output_types[0]


def test_errors_are_reported_as_without_a_graph() -> None:
    """What the function and the backward walk are silent about the graph is silent about."""

    def f(x: Any) -> Any:
        with np.errstate(divide="ignore"):
            y = np.log(x)
        return np.sum(np.sqrt(x)) + np.exp(y[0]) + np.sum(1.0 / (x - 1.0))

    x = np.array([0.0, 2.0])
    graph = ft.make_graph(ft.grad(f))(x)
    check_program(graph, [x])
    check_program(optimize(graph), [x])
    assert run(program(graph), [x]) == run(lambda x: [ft.grad(f)(x)], [x])
    loud = ft.make_graph(f)(x)
    with np.errstate(all="raise"), pytest.raises(FloatingPointError, match="log") as caught:
        program(ft.make_graph(np.log)(x))(x)
    assert __file__ in caught.value.__notes__[0]
    with np.errstate(all="raise"):
        program(loud)(x)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::functrans.core.errors.DegenerateWarning")
def test_special_functions() -> None:
    """Those of scipy.special and their gradients, as the others."""
    pytest.importorskip("scipy")
    import functrans.scipy.special  # noqa: F401  (registers them)

    names = [n for n, p in REGISTRY.items() if p.samples and ".special" in p.call.__module__]
    assert len(names) > 200
    for name in names:
        for case in cases_of(REGISTRY[name].call):
            check_case(case)
