"""Graphs cut into segments compute what they did, in their order, with as few calls as can be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

import functrans as ft
from functrans.compile import program
from functrans.compile.llvm.cutting import cut, native, whole
from functrans.graph.graph import Equation, Graph, graphs_in
from functrans.graph.passes import check


def fits(equation: Equation) -> bool:
    """As if all but these had kernels."""
    return equation.primitive.name not in ("cumsum", "sort", "scan", "while_loop", "cond")


def segments(graph: Graph) -> list[Graph]:
    return [e.params["graph"] for e in graph.equations if e.primitive is native]


def cut_up(graph: Graph, choose: Callable[[Equation], bool] = fits) -> Graph:
    """The graph in segments that NumPy carries out, checked."""
    found = cut(graph, choose, lambda segment: program(segment).run)
    check(found)
    for segment in segments(found):
        assert all(map(choose, segment.equations))
    return found


def same(a: list[Any], b: list[Any]) -> bool:
    return all(np.array_equal(x, y, equal_nan=True) for x, y in zip(a, b, strict=True))


def test_graph_without_anything_else_is_one_segment() -> None:
    """And then the segment is the whole graph."""
    graph = ft.make_graph(lambda x: (np.sin(x) * 2.0, np.sum(x)))(np.ones(3))
    found = cut_up(graph)
    assert whole(graph, fits)
    assert [e.primitive.name for e in found.equations] == ["native"]
    assert same(program(found)(np.arange(3.0)), program(graph)(np.arange(3.0)))


def test_outputs_that_a_segment_does_not_make() -> None:
    """An argument, a constant, and one value twice are the program's to return."""
    for function in (
        lambda x: (x, np.sin(x) + 1.0),
        lambda x: (np.sin(x) + 1.0, np.ones(2)),
        lambda x: (np.sin(x) + 1.0,) * 2,
    ):
        graph = ft.make_graph(function)(np.ones(3))
        assert not whole(graph, fits)
        x = np.arange(3.0)
        outs = program(cut_up(graph))(x)
        assert same(outs, program(graph)(x))
        assert not np.may_share_memory(outs[0], x)
        assert not np.may_share_memory(*outs)


def test_no_path_leaves_a_segment_and_comes_back() -> None:
    """What is made of the sorted numbers is another segment than what is sorted; what is made of
    neither joins those who read it."""
    graph = ft.make_graph(lambda x: np.sin(x) * 2.0 + np.sort(np.cos(x) + 1.0))(np.ones(3))
    found = cut_up(graph)
    assert [e.primitive.name for e in found.equations] == ["native", "sort", "native"]
    first, second = segments(found)
    assert {e.primitive.name for e in first.equations} == {"cos", "add"}
    assert {e.primitive.name for e in second.equations} == {"sin", "multiply", "add"}
    x = np.array([0.3, 2.0, 1.0])
    assert same(program(found)(x), program(graph)(x))


def test_siblings_share_a_call() -> None:
    """Equations of one level are one segment, whether or not they are connected."""

    def function(x: Any, y: Any) -> Any:
        a, b = np.sort(np.sin(x) + 1.0), np.sort(np.sin(y) + 2.0)
        return np.cos(a) * a, np.cos(b) * b

    found = cut_up(ft.make_graph(function)(np.ones(3), np.ones(4)))
    assert [e.primitive.name for e in found.equations] == ["native", "sort", "sort", "native"]


def test_what_does_not_pay_stays_with_numpy() -> None:
    """A complex product alone, and what only looks at arrays another way."""
    for function in (lambda x: np.sort(x @ x), lambda x: np.sort(x.T.reshape(-1))):
        graph = ft.make_graph(function)(np.ones((3, 3), complex))
        assert cut_up(graph) is graph


def test_cheap_operands_are_made_where_they_are_read() -> None:
    """A broadcast array that only the second segment reads is not kept from the first on."""

    def function(x: Any, y: Any) -> Any:
        wide = np.broadcast_to(y * 2.0, (50, 3))
        return np.sort(np.sin(x) * x, axis=0) * wide + 1.0

    found = cut_up(ft.make_graph(function)(np.ones((50, 3)), np.ones(3)))
    first, second = segments(found)
    assert {e.primitive.name for e in first.equations} == {"sin", "multiply"}
    assert "broadcast_to" in {e.primitive.name for e in second.equations}


def test_effects_stay_in_their_order() -> None:
    """What stands before one is carried out before it."""
    seen: list[float] = []

    def function(x: Any) -> Any:
        y = np.sin(x) * 2.0
        ft.debug.callback(lambda v: seen.append(float(v)), y)
        z = np.sort(np.stack([y, x])) + 1.0
        ft.debug.callback(lambda v: seen.append(float(v)), np.sum(z) * 2.0)
        ft.debug.callback(lambda v: seen.append(float(v)), x * 3.0)
        return z + x

    graph = ft.make_graph(function)(0.5)
    found = cut_up(graph)
    calls = [e.line for e in graph.equations if e.effects]
    assert [e.line for e in found.equations if e.effects] == calls
    program(graph)(0.5)
    program(found)(0.5)
    assert len(seen) == 6
    assert seen[:3] == seen[3:]


def test_bodies_of_loops_are_cut() -> None:
    """The graphs among the parameters of what has no kernel."""

    def function(x: Any) -> Any:
        return ft.scan(lambda c, a: (np.sin(c) * a, np.cos(c) + a), x, np.arange(4.0))

    graph = ft.make_graph(function)(0.5)
    found = cut_up(graph)
    (loop,) = [e for e in found.equations if e.primitive.name == "scan"]
    (body,) = graphs_in(loop.params)
    assert [e.primitive.name for e in body.equations] == ["native"]
    assert same(program(found)(0.5), program(graph)(0.5))


def test_reported_errors_stay() -> None:
    """Each segment runs under what its equations are to report."""
    graph = ft.make_graph(lambda x: np.sort(np.log(x) + 1.0))(np.ones(2))
    found = cut_up(graph, lambda e: e.errstate is None and fits(e))
    with pytest.warns(RuntimeWarning, match="divide by zero"):
        program(found)(np.zeros(2))


@st.composite
def flows(draw: st.DrawFn) -> tuple[Graph, set[int]]:
    """A random graph of scalars, and which of its equations have kernels."""
    count = draw(st.integers(1, 14))
    picks = [draw(st.lists(st.integers(0, 100), min_size=2, max_size=2)) for _ in range(count)]
    kept = draw(st.lists(st.integers(0, 100), min_size=1, max_size=3))

    def function(x: Any) -> Any:
        values = [x]
        for i, (a, b) in enumerate(picks):
            values.append(values[a % len(values)] * 0.5 + values[b % len(values)] * (i + 1.0))
        return tuple([values[k % len(values)] for k in kept])

    graph = ft.make_graph(function)(1.5)
    native_ones = draw(st.sets(st.integers(0, max(len(graph.equations) - 1, 0))))
    return graph, native_ones


@given(flows())
def test_random_flows(flow: tuple[Graph, set[int]]) -> None:
    """Every cut computes the same; no two segments could be one."""
    graph, chosen = flow
    at = {id(e): i for i, e in enumerate(graph.equations)}

    def choose(equation: Equation) -> bool:
        return at[id(equation)] in chosen

    found = cut(graph, choose, lambda segment: program(segment).run)
    check(found)
    made = [x for s in segments(found) for x in s.equations]
    assert len({id(e) for e in made}) == len(made)
    assert same(program(found)(1.5), program(graph)(1.5))
    depth: dict[Any, int] = {}
    for equation in graph.equations:  # calls of native code on the longest path
        own = choose(equation)
        before = [depth[x] for x in equation.inputs if x in depth]
        deepest = max(before, default=0 if own else 1)
        parity = 0 if own else 1
        depth[equation.outputs[0]] = deepest + (deepest - parity) % 2
    levels = {depth[e.outputs[0]] for e in graph.equations if choose(e)}
    assert len(segments(found)) <= len(levels)
