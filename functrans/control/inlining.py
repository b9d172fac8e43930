"""Functions with rules of their own, in programs: the operations that they consist of.

A graph says "a call of this function" (:func:`functrans.custom`), since transforms of it will ask
for its rules. In a program none do, and what it computes becomes part of the program.
"""

from __future__ import annotations

from typing import Any

from functrans.control.call import call
from functrans.control.rolling import roll
from functrans.core.interpreter import under
from functrans.core.primitive import primitive_of
from functrans.core.types import type_of
from functrans.graph.graph import Equation, Graph, Variable
from functrans.graph.passes import optimize
from functrans.graph.passes.rewriting import rewritten
from functrans.transforms.lifting import lifted
from functrans.transforms.staging import CUSTOM_CALL, Stage


def inlined(graph: Graph) -> Graph:
    """The graph with the operations of such functions in place of their calls."""
    made = rewritten(graph, _called)
    return graph if made is graph else roll(optimize(made))


def _called(equation: Equation) -> Equation | None:
    """The call of a function as a call of its graph."""
    if equation.primitive is not CUSTOM_CALL:
        return None
    function: Any = equation.params["call"]
    kinds = [x.type if type(x) is Variable else type_of(x) for x in equation.inputs]
    with under(None), Stage() as stage:
        outs = function.run(list(map(stage.variable, kinds)))
    graph, closed = lifted(stage.graph(repr(function), outs))
    if closed or graph.output_types != [v.type for v in equation.outputs]:
        return None  # it reads what was there when it was staged
    return Equation(
        primitive_of(call),
        equation.inputs,
        {"graph": inlined(graph)},
        equation.outputs,
        equation.line,
        equation.errstate,
    )
