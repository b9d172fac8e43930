"""Common subexpressions: what is computed twice is computed once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from functrans.graph.passes.rewriting import rewritten
from functrans.graph.passes.values import Keys, operand_key

if TYPE_CHECKING:
    from collections.abc import Hashable

    from functrans.graph.graph import Equation, Graph, Variable


def share_subexpressions(graph: Graph) -> Graph:
    """The graph with one equation for each operation on the same operands.

    Parameters and constants are compared by value, to the bit, and nested graphs by what they
    compute. Operations with effects are never merged.
    """
    keys = Keys()
    operand = operand_key(keys)
    first: dict[Hashable, Equation] = {}

    def rewrite(equation: Equation) -> tuple[Variable, ...] | None:
        if equation.effects:
            return None
        key = (
            equation.primitive.name,
            tuple([operand(x) for x in equation.inputs]),
            keys.params(equation.params),
        )
        found = first.setdefault(key, equation)
        if found is equation or found.errstate not in (None, equation.errstate):
            return None  # the first is silent about errors that this one reports
        return found.outputs

    return rewritten(graph, rewrite)
