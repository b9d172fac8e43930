"""What passes share: a walk over the equations of a graph that replaces some of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from functrans.graph.graph import Equation, Graph, Variable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Rewrite = Callable[[Equation], Equation | Sequence[Any] | None]


def like(graph: Graph, equations: list[Equation], outputs: list[Any]) -> Graph:
    """A graph with the name, inputs and trees of another."""
    made = Graph(graph.name, graph.inputs, equations, outputs)
    made.in_tree, made.out_tree = graph.in_tree, graph.out_tree
    return made


def bound(graph: Graph, values: Sequence[Any]) -> Graph:
    """The graph with values for its inputs, as constants: it has none."""
    known = dict(zip(graph.inputs, values, strict=True))
    equations = [e.changed(inputs=_replaced(e.inputs, known)) for e in graph.equations]
    return Graph(graph.name, [], equations, list(_replaced(graph.outputs, known)))


def rewritten(graph: Graph, rewrite: Rewrite) -> Graph:
    """The graph after `rewrite` has seen each equation in turn; itself if nothing changed.

    An equation comes with operands that are rewritten already. What is returned takes its place: an
    equation with the same outputs, an operand for each output, or the equation itself if it is
    None.
    """
    known: dict[Variable, Any] = {}
    equations = []
    changed = False
    for equation in graph.equations:
        current = equation
        if known:
            for x in equation.inputs:
                if type(x) is Variable and x in known:
                    current = equation.changed(inputs=_replaced(equation.inputs, known))
                    break
        answer = rewrite(current)
        if answer is None:
            equations.append(current)
        elif isinstance(answer, Equation):
            equations.append(answer)
            changed = True
        else:
            known.update(zip(equation.outputs, answer, strict=True))
            changed = True
    if not changed:
        return graph
    return like(graph, equations, list(_replaced(graph.outputs, known)))


def _replaced(operands: Sequence[Any], known: dict[Variable, Any]) -> tuple[Any, ...]:
    return tuple([known.get(x, x) if type(x) is Variable else x for x in operands])
