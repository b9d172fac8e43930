"""The order of the passes, and their repetition."""

from __future__ import annotations

from typing import TYPE_CHECKING

from functrans.core.garbage import no_collection
from functrans.graph.passes.algebra import simplify
from functrans.graph.passes.calls import flatten_calls
from functrans.graph.passes.checking import check
from functrans.graph.passes.dead import remove_dead
from functrans.graph.passes.folding import fold_constants
from functrans.graph.passes.rewriting import everywhere
from functrans.graph.passes.subexpressions import share_subexpressions

if TYPE_CHECKING:
    from functrans.graph.graph import Graph

PASSES = (flatten_calls, remove_dead, fold_constants, simplify, share_subexpressions)


def optimize(graph: Graph, *, checked: bool = False) -> Graph:
    """A graph that computes the same, to the bit, with fewer equations.

    Calls of small graphs are carried out in place; dead code, common subexpressions, small
    operations on constants and what algebra makes superfluous are removed, again and again until
    nothing changes, in nested graphs too. Operations with effects stay, in their order.

    Parameters
    ----------
    graph : Graph
        It stays as it is.
    checked : bool
        Check the types of the graph after each pass, as tests and debugging do.

    Returns
    -------
    Graph
        With the same inputs and trees; the graph itself if there was nothing to do.

    Raises
    ------
    GraphError
        A check has failed: a pass is wrong.

    Examples
    --------
    >>> import numpy as np, functrans as ft
    >>> from functrans.graph.passes import optimize
    >>> optimize(ft.make_graph(lambda x: -(-np.sin(x)) * 1.0 + np.sin(x))(np.ones(3)))
    graph <lambda>(a: float64[3]):
      b: float64[3] = sin(a)
      c: float64[3] = add(b, b)
      return c
    """
    before = None
    with no_collection():
        while before is not graph:
            before = graph
            for once in PASSES:
                graph = everywhere(once)(graph)
                if checked:
                    check(graph)
    return graph
