"""Matrices that are written element by element, in the order in which they are read.

Where the layout is kept, :mod:`functrans.graph.passes.sparsity` makes a matrix by its columns and
transposes it, as the whole computation did. Who does not mind the layout has the places transposed,
and not the matrix.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from functrans.core.primitive import primitive_of
from functrans.core.types import ArrayType
from functrans.graph.graph import Equation, Graph, Variable, operand_type
from functrans.graph.passes.rewriting import like
from functrans.primitives.index_expression import ARRAY
from functrans.primitives.shape import transpose

if TYPE_CHECKING:
    from collections.abc import Sequence


def turn_places(graph: Graph) -> Graph:
    """The graph with transposes of matrices that are written at places, each of which a position in
    every axis tells, as such matrices; the graph itself if there are none."""
    turned = [e for e in graph.equations if e.primitive.name == "transpose"]
    if not turned:
        return graph
    makers = {e.outputs[0]: e for e in graph.equations if _writes(e)}
    if not makers:
        return graph
    uses: dict[Variable, int] = {}
    for x in [x for e in graph.equations for x in e.inputs] + graph.outputs:
        if type(x) is Variable:
            uses[x] = uses.get(x, 0) + 1
    equations: list[Equation] = []
    changed = False
    for equation in graph.equations:
        chain = _chain(equation.inputs[0], makers, uses) if equation in turned else []
        if chain:
            equations += _turned(equation, chain)
            changed = True
        else:
            equations.append(equation)
    return like(graph, equations, graph.outputs).pruned() if changed else graph


def _writes(equation: Equation) -> bool:
    if equation.primitive.name != "index_update":
        return False
    x, _, *places = equation.inputs
    entries = equation.params["index"].entries
    ndim = operand_type(x).ndim
    return len(places) == ndim and all([e is ARRAY for e in entries])


def _chain(x: Any, makers: dict[Variable, Equation], uses: dict[Variable, int]) -> list[Equation]:
    """The writings that a value is made by and that nobody else reads, the last one first."""
    chain = []
    while type(x) is Variable and x in makers and uses[x] == 1:
        chain.append(makers[x])
        x = makers[x].inputs[0]
    return chain


def _turned(equation: Equation, chain: Sequence[Equation]) -> list[Equation]:
    """The writings into the transpose of what they are made into."""
    axes, (out,) = equation.params["axes"], equation.outputs
    first = chain[-1].inputs[0]
    made = Variable(ArrayType(out.type.shape, out.type.dtype))
    equations = [
        Equation(primitive_of(transpose), (first,), {"axes": axes}, (made,), equation.line)
    ]
    for write in reversed(chain):
        _, values, *places = write.inputs
        last = out if write is chain[0] else Variable(made.type)
        inputs = (made, values, *[places[i] for i in axes])
        equations.append(write.changed(inputs=inputs, outputs=(last,)))
        made = last
    return equations
