"""Graphs: equations with effects stay, nested graphs are found and shown."""

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import functrans as ft
from functrans.core.primitive import REGISTRY, Primitive
from functrans.graph.graph import Equation, Graph, Variable, graphs_in, named_graphs, with_graphs

X = np.array([1.0, 2.0])


@pytest.fixture
def noted() -> Iterator[tuple[Any, list[Any]]]:
    """A primitive that notes what it is given and returns nothing, with its notes."""
    notes: list[Any] = []

    def impl(*args: Any) -> tuple[()]:
        notes.append(args)
        return ()

    note = ft.extend.nondifferentiable(
        "note", impl, samples=None, shape=lambda *types: (), outputs=0, effects=True
    )
    yield note, notes
    del REGISTRY["note"]


def nested(inner: Graph) -> Graph:
    """A graph whose one equation holds two copies of `inner`."""
    primitive = Primitive.__new__(Primitive)  # none that stays registered
    primitive.name, primitive.kind, primitive.effects = "either", "higher-order", False
    primitive.outputs = 0
    a, b = Variable(inner.inputs[0].type), Variable(inner.output_types[0])
    params = {"branches": (inner, inner), "size": (2, 3)}
    return Graph("outer", [a], [Equation(primitive, (a,), params, (b,), "f.py:3 in f")], [b])


def test_effects_stay_in_their_order(noted: tuple[Any, list[Any]]) -> None:
    note, notes = noted

    def f(x: Any) -> Any:
        y = np.sin(x)
        note(y)
        np.cos(x)
        note()
        return x * 2.0

    graph = ft.make_graph(f)(X)
    assert notes == []
    assert [e.primitive.name for e in graph.equations] == ["sin", "note", "note", "multiply"]
    assert graph.effects and not ft.make_graph(np.sin)(X).effects
    graph(X)
    np.testing.assert_array_equal(notes[0][0], np.sin(X))
    assert notes[1] == ()
    assert [e.primitive.name for e in graph.pruned().equations] == [
        e.primitive.name for e in graph.equations
    ]
    assert "\n  note(b)\n" in str(graph)


def test_effects_of_known_values_run_while_linearizing(noted: tuple[Any, list[Any]]) -> None:
    note, notes = noted

    def f(x: Any) -> Any:
        note(np.cos(x))
        return np.sin(x)

    _, linear = ft.linearize(f, X)
    assert len(notes) == 1
    linear(X)
    assert len(notes) == 1


def test_nested_graphs_are_found_and_shown(noted: tuple[Any, list[Any]]) -> None:
    inner = ft.make_graph(lambda x: np.sin(x) * X)(X)
    outer = nested(inner)
    params = outer.equations[0].params
    assert [name for name, _ in named_graphs(params)] == ["branches[0]", "branches[1]"]
    assert list(graphs_in(params)) == [inner, inner]
    assert not outer.effects
    assert str(outer).splitlines()[:4] == [
        "graph outer(a: float64[2]):",
        "  b: float64[2] = either(a, size=(2, 3))",
        "    branches[0] = graph <lambda>(a: float64[2]):",
        "      constant0: float64[2]",
    ]
    assert outer.text(lines=True).splitlines()[1].endswith("  # f.py:3 in f")
    effects = nested(ft.make_graph(lambda x: (noted[0](x), x)[1])(X))
    assert effects.effects and effects.pruned().equations
    renamed = with_graphs(params, lambda graph: Graph("other", graph.inputs, [], graph.inputs))
    assert [graph.name for graph in graphs_in(renamed)] == ["other", "other"]
    assert renamed["size"] == (2, 3)


def test_equations_of_derivatives_have_the_line_of_their_operation() -> None:
    def f(x: Any) -> Any:
        y = np.sin(x)
        return np.sum(y * x)

    start = f.__code__.co_firstlineno
    checkpointed = ft.checkpoint(f)
    for program in (ft.grad(f), ft.vmap(ft.grad(f)), ft.grad(lambda x: f(x)), ft.jit(ft.grad(f))):
        graph = ft.make_graph(program)(np.ones((2, 2)))
        place = re.compile(r"test_graph\.py:(\d+) in f, in the backward pass$")
        found = {
            (e.primitive.name, int(line[1]) - start)
            for e in graph.equations
            if (line := place.search(e.line))
        }
        assert {("cos", 1), ("multiply", 1), ("multiply", 2)} <= found, graph.text(lines=True)
        first = graph.equations[0]
        assert first.primitive.name == "sin" and first.line.endswith(f":{start + 1} in f")
    again = ft.make_graph(ft.grad(checkpointed))(X).text(lines=True)
    assert f"test_graph.py:{start + 1} in f, in the backward pass" in again
