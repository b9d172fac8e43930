"""The traced arrays that a graph closes over, as inputs of it."""

from __future__ import annotations

from typing import Any

from functrans.core.array import TracedArray
from functrans.core.types import type_of
from functrans.graph.graph import Graph, Variable
from functrans.transforms.batching import BatchArray
from functrans.transforms.forward import ForwardArray
from functrans.transforms.reverse import ReverseArray
from functrans.transforms.staging import StageArray


def lifted(graph: Graph) -> tuple[Graph, list[Any]]:
    """The graph with the traced arrays among its constants as first inputs, and these arrays."""
    variables: dict[Any, Variable] = {}
    closed: list[Any] = []

    def lift(x: Any) -> Any:
        if not isinstance(x, TracedArray):
            return x
        key = key_of(x)
        if key not in variables:
            variables[key] = Variable(type_of(x))
            closed.append(x)
        return variables[key]

    equations = [
        e.changed(inputs=tuple(map(lift, e.inputs)))
        if any(isinstance(x, TracedArray) for x in e.inputs)
        else e
        for e in graph.equations
    ]
    outputs = list(map(lift, graph.outputs))
    return Graph(graph.name, [*variables.values(), *graph.inputs], equations, outputs), closed


def key_of(x: Any) -> Any:
    """What tells the content of one traced array from that of another."""
    kind = type(x)
    if kind is StageArray:
        return id(x.variable)
    if kind is ReverseArray and x.index >= 0:
        return id(x.interpreter), x.index
    if kind is ForwardArray:
        return id(x.interpreter), id(x.primal), id(x.tangent)
    if kind is BatchArray:
        return id(x.interpreter), id(x.value)
    return id(x)
