"""How much a graph has to compute, about: whether code made quickly does for a first call."""

from __future__ import annotations

from math import inf, prod, sqrt
from typing import TYPE_CHECKING

from functrans.core.types import type_of
from functrans.graph.graph import Variable, graphs_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from functrans.graph.graph import Equation, Graph

# Nanoseconds that code without optimisations takes more: for an element of an operation, and for a
# multiplication of a product, whose kernels live on their registers.
ELEMENT, MULTIPLICATION = 0.3, 0.2


def delay(graph: Graph, multiplies: Callable[[Equation], bool]) -> float:
    """Nanoseconds that a call takes longer without optimisations, about; infinity for loops of
    which nobody knows how often they turn.

    Parameters
    ----------
    graph : Graph
    multiplies : callable
        Whether an equation is a product of its first two operands.
    """
    total = 0.0
    for equation in graph.equations:
        bodies = list(graphs_in(equation.params))
        if equation.primitive.name == "while_loop":
            return inf
        if bodies:
            turns = equation.params.get("length", 1)
            total += turns * sum([delay(body, multiplies) for body in bodies])
            continue
        values = (*equation.inputs, *equation.outputs)
        sizes = [(x.type if type(x) is Variable else type_of(x)).size for x in values]
        if multiplies(equation):  # (m, k) by (k, n) to (m, n): the root of all sizes is m n k
            total += MULTIPLICATION * sqrt(prod([*sizes[:2], sizes[-1]]))
        total += ELEMENT * max(sizes)
    return total
