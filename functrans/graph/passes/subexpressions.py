"""Common subexpressions: what is computed twice is computed once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from functrans.graph.graph import Variable
from functrans.graph.passes.rewriting import rewritten
from functrans.graph.passes.values import Keys

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from functrans.graph.graph import Equation, Graph


def share_subexpressions(graph: Graph) -> Graph:
    """The graph with one equation for each operation on the same operands.

    Parameters and constants are compared by value, to the bit, and nested graphs by what they
    compute. Operations with effects are never merged.
    """
    return rewritten(graph, sharing())


def sharing() -> Callable[[Equation], tuple[Variable, ...] | None]:
    """The rewriting of the equations of one graph, which remembers those that it has seen."""
    keys = Keys()
    of, params = keys.of, keys.params
    first: dict[Hashable, Equation] = {}

    def rewrite(equation: Equation) -> tuple[Variable, ...] | None:
        if equation.effects:
            return None
        key = (
            equation.primitive.name,
            tuple([x if type(x) is Variable else of(x) for x in equation.inputs]),
            params(equation.params) if equation.params else (),
        )
        found = first.setdefault(key, equation)
        if found is equation or found.errstate not in (None, equation.errstate):
            return None  # the first is silent about errors that this one reports
        return found.outputs

    return rewrite
