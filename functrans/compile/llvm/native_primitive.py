"""``native``: a segment of a graph that native code carries out, as one operation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from functrans.core.dispatch import public_function
from functrans.core.primitive import Primitive
from functrans.graph.graph import Graph, graphs_in, with_graphs
from functrans.graph.passes.rewriting import rewritten

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from functrans.core.types import ArrayType
    from functrans.graph.graph import Equation


def _apart(*values: Any, graph: Graph, run: Callable[..., Sequence[Any]]) -> tuple[Any, ...]:
    return tuple(run(*values))


def _types(*types: ArrayType, graph: Graph, run: object) -> tuple[ArrayType, ...]:
    return tuple(graph.output_types)


_apart.bound = lambda graph, run: run  # type: ignore[attr-defined]

native = Primitive("native", "higher-order", _apart, outputs=0, shape=_types)
"""A segment, ``graph``, and what carries it out, ``run(*values) -> outputs``. It has no rules:
graphs are cut when no transform will see them any more."""

public_function(native, _apart, 0)


def with_runs(graph: Graph, run: Callable[[Graph, Any], Any]) -> Graph:
    """A graph whose segments, in graphs within too, have another parameter ``run``, which
    ``run(segment, before)`` gives."""
    done: dict[Graph, Graph] = {}

    def deep(inner: Graph) -> Graph:
        if inner not in done:
            done[inner] = rewritten(inner, inside)
        return done[inner]

    def inside(equation: Equation) -> Equation | None:
        params = equation.params
        if equation.primitive is native:
            return equation.changed(params={**params, "run": run(params["graph"], params["run"])})
        if not any(graphs_in(params)):
            return None
        changed = with_graphs(params, deep)
        same = all([a is b for a, b in zip(graphs_in(params), graphs_in(changed), strict=True)])
        return None if same else equation.changed(params=changed)

    return deep(graph)
