"""Graphs with matrix decompositions in them, whose values may turn out to be equal.

What derivatives at equal values need is carried by transforms from one operation to the next
(transforms/telling.py, splitting.py), and so is not to be had from the derivative of a graph by
itself. A graph is either run in pieces between its decompositions, which the transforms then meet
themselves; or, as the body of a loop or branch, it takes shifts of rates with it.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from functrans.control.derived import cached, staged
from functrans.core.interpreter import is_left
from functrans.core.primitive import Shifted, primitive_of
from functrans.graph.graph import Equation, Graph, Variable, graphs_in
from functrans.primitives import SHIFTS, check_within, shifted_rates

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Params = dict[str, Any]

SHIFTED = primitive_of(shifted_rates)
"""What adds shifts to rates."""


def decomposes(graph: Graph, vectors: bool = False) -> bool:
    """Whether a graph holds a decomposition, or one with vectors, by itself or in a graph
    within."""

    def found() -> bool:
        return any(_special(equation, vectors) for equation in graph.equations)

    return cached(graph, ("decomposes", vectors), found)


def _special(equation: Equation, vectors: bool = False) -> bool:
    """Whether an equation is a decomposition, or holds one."""
    primitive = equation.primitive
    if primitive.higher is None:
        return (primitive.splits if vectors else primitive.tells) is not None
    return any(decomposes(graph, vectors) for graph in graphs_in(equation.params))


def has_vectors(graph: Graph) -> bool:
    """Whether some decomposition in a graph returns vectors."""

    def found() -> bool:
        return any(map(_with_vectors, graph.equations))

    return cached(graph, "has vectors", found)


def _with_vectors(equation: Equation) -> bool:
    primitive = equation.primitive
    if primitive.higher is not None:
        return any(map(has_vectors, graphs_in(equation.params)))
    if primitive.tells is None:
        return False
    rank = len(equation.inputs[0].type.shape)
    return any(len(v.type.shape) == rank for v in equation.outputs)


def postponed(*graphs: Graph) -> bool:
    """Whether derivatives of these have to wait for the values in them (late.py)."""
    return staged() and not is_left() and any(map(decomposes, graphs))


def derives(graph: Graph) -> bool:
    """Whether a graph has rules of derivatives of decompositions in it: where values are equal
    these need more than it tells."""

    def found() -> bool:
        return any(map(_of_rules, graph.equations))

    return cached(graph, "derives", found)


def _of_rules(equation: Equation) -> bool:
    """Whether an equation is of a rule of a derivative of a decomposition, or holds one."""
    primitive = equation.primitive
    if primitive.higher is None:
        factors = primitive.parts is not None and not primitive.differentiable
        return factors or primitive.when_parted is not None
    graphs = graphs_in(equation.params)
    found = decomposes if primitive.higher.derives else derives
    return any(map(found, graphs))


def calls_within(graph: Graph) -> tuple[tuple[str, str], ...]:
    """The name and the line of each decomposition."""
    found: dict[tuple[str, str], None] = {}
    for equation in graph.equations:
        if equation.primitive.tells is not None:
            found[equation.primitive.name, equation.line] = None
        for inner in graphs_in(equation.params):
            found |= dict.fromkeys(calls_within(inner))
    return tuple(found)


# Pieces.


def pieces(graph: Graph) -> list[Graph]:
    """Graphs that do the same one after another: each decomposition is one by itself, and what
    lies between them are others, as few as can be.

    Their inputs and outputs are variables of the whole.
    """
    # Effects have an order.
    groups = [[equation] for equation in graph.equations] if graph.effects else _between(graph)
    pieces = []
    needed = {x for x in graph.outputs if type(x) is Variable}
    for equations in reversed(groups):
        made = {v for equation in equations for v in equation.outputs}
        used = [x for equation in equations for x in equation.inputs if type(x) is Variable]
        inputs = [v for v in dict.fromkeys(used) if v not in made]
        outputs = [v for equation in equations for v in equation.outputs if v in needed]
        pieces.append(Graph(graph.name, inputs, equations, outputs))
        needed.update(inputs)
    return pieces[::-1]


def _between(graph: Graph) -> list[list[Equation]]:
    """The equations in groups: those that need no decomposition, the decompositions that need no
    other, what needs one, and so on."""
    levels: dict[Variable, int] = {}
    groups: dict[tuple[int, int], list[Equation]] = {}
    for number, equation in enumerate(graph.equations):
        inputs = [x for x in equation.inputs if type(x) is Variable]
        level = max([levels.get(x, 0) for x in inputs], default=0)
        special = _special(equation)
        groups.setdefault((level, number + 1 if special else 0), []).append(equation)
        levels |= dict.fromkeys(equation.outputs, level + special)
    return [equations for _, equations in sorted(groups.items(), key=lambda item: item[0])]


def run_pieces(
    graph: Graph,
    values: Sequence[Any],
    call: Callable[..., Sequence[Any]],
    at: Callable[[str], None],
) -> list[Any]:
    """Run a graph in pieces by the current interpreters: `call(graph, values)` does what lies
    between decompositions."""
    known: dict[Any, Any] = dict(zip(graph.inputs, values, strict=True))
    for piece in cached(graph, "pieces", lambda: pieces(graph)):
        operands = [known[v] for v in piece.inputs]
        if _special(piece.equations[0]):
            outs: Sequence[Any] = piece.evaluate(operands, at)
        else:
            outs = call(piece, operands)
        known.update(zip(piece.outputs, outs, strict=True))
    return [known[x] if type(x) is Variable else x for x in graph.outputs]


# Shifts of rates.


def shiftable(graph: Graph) -> Graph:
    """The graph with an input before the others, by whose tangents the rates of equal values of its
    decompositions are shifted."""
    return cached(graph, "shiftable", lambda: _shiftable(graph))


def shifted(place: int, params: Params, *graphs: Graph) -> Shifted | None:
    """An operation of these graphs, with shifts for an operand there that `params` know of; None
    where the graphs hold no decomposition, or a series will tell of its vectors."""
    if postponed(*graphs) and any(map(has_vectors, graphs)):
        return None
    calls = [call for graph in graphs for call in calls_within(graph)]
    return Shifted(place, params, partial(check_within, tuple(calls))) if calls else None


def _shiftable(graph: Graph) -> Graph:
    by = Variable(SHIFTS)
    equations = []
    for equation in graph.equations:
        primitive = equation.primitive
        if not _special(equation):
            equations.append(equation)
        elif primitive.higher is not None:
            shifted = primitive.higher.shifted(equation.params)
            if shifted is None:
                equations.append(equation)
            else:
                inputs = list(equation.inputs)
                inputs.insert(shifted.place, by)
                equations.append(equation.changed(tuple(inputs), shifted.params))
        else:
            equations += _with_shifts(equation, by)
    return Graph(graph.name, [by, *graph.inputs], equations, graph.outputs)


def _with_shifts(equation: Equation, by: Variable) -> list[Equation]:
    """A decomposition, and its values with shifts of their rates."""
    primitive = equation.primitive
    outputs = list(equation.outputs)
    rank = len(equation.inputs[0].type.shape)
    place = next(i for i, v in enumerate(outputs) if len(v.type.shape) == rank - 1)
    values, outputs[place] = outputs[place], Variable(outputs[place].type)
    options = tuple(equation.params.items())
    params = {"of": primitive.name, "options": options}
    operands = (outputs[place], by, *equation.inputs, *outputs)
    shifted = Equation(SHIFTED, operands, params, (values,), equation.line, equation.errstate)
    return [equation.changed(outputs=tuple(outputs)), shifted]
