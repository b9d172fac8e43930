"""Calls of nested graphs, carried out in place."""

from __future__ import annotations

from typing import Any

from functrans.graph.graph import Equation, Graph, Variable, operand_types
from functrans.graph.passes.rewriting import like

SMALL = 16
"""Equations of a nested graph up to which every call of it is carried out in place; a larger one
only where it is called once."""


def flatten_calls(graph: Graph) -> Graph:
    """The graph with the equations of small nested graphs, and of those called once, in place of
    the ``call`` equations."""
    times: dict[Graph, int] = {}
    for equation in graph.equations:
        if (called := _called(equation)) is not None:
            times[called] = times.get(called, 0) + 1
    flat = {called for called, n in times.items() if n == 1 or len(called.equations) <= SMALL}
    if not flat:
        return graph
    known: dict[Variable, Any] = {}
    equations: list[Equation] = []

    def inner(x: Any, names: dict[Variable, Any]) -> Any:
        return names[x] if type(x) is Variable else x

    for equation in graph.equations:
        inputs = tuple([known.get(x, x) if type(x) is Variable else x for x in equation.inputs])
        called = _called(equation)
        if called is None or called not in flat:
            equations.append(equation.changed(inputs=inputs) if known else equation)
            continue
        names: dict[Variable, Any] = dict(zip(called.inputs, inputs, strict=True))
        for e in called.equations:
            made = tuple([Variable(v.type) for v in e.outputs])
            operands = tuple([inner(x, names) for x in e.inputs])
            inlined = e.changed(operands, outputs=made)
            if inlined.errstate is None:
                inlined.errstate = equation.errstate
            equations.append(inlined)
            names.update(zip(e.outputs, made, strict=True))
        known.update(zip(equation.outputs, [inner(x, names) for x in called.outputs], strict=True))
    outputs = [known.get(x, x) if type(x) is Variable else x for x in graph.outputs]
    return like(graph, equations, outputs)


def calls(graph: Graph) -> bool:
    """Whether a graph has a call that could be carried out in place, were it the only one."""
    return any([_called(equation) is not None for equation in graph.equations])


def _called(equation: Equation) -> Graph | None:
    """The graph of a plain call; one of a checkpointed function keeps to itself, since what it
    computes again would be shared with what it has computed before."""
    if equation.primitive.name != "call" or equation.primitive.kind != "higher-order":
        return None
    called = equation.params.get("graph")
    if not isinstance(called, Graph) or equation.params.get("policy", "cut") != "cut":
        return None
    given = operand_types(equation.inputs)
    return called if given == called.input_types else None
