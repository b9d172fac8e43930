"""The order of the passes, and their repetition."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from functrans.core.garbage import no_collection
from functrans.graph.graph import Equation, Graph, graphs_in, with_graphs
from functrans.graph.passes.algebra import Simplifying
from functrans.graph.passes.calls import calls, flatten_calls
from functrans.graph.passes.checking import check
from functrans.graph.passes.dead import remove_dead
from functrans.graph.passes.folding import folded
from functrans.graph.passes.rewriting import rewritten
from functrans.graph.passes.subexpressions import sharing

if TYPE_CHECKING:
    from collections.abc import Sequence


def optimize(graph: Graph, *, checked: bool = False) -> Graph:
    """A graph that computes the same, to the bit, with fewer equations.

    Calls of small graphs are carried out in place; dead code, common subexpressions, small
    operations on constants and what algebra makes superfluous are removed until nothing changes, in
    nested graphs too. Operations with effects stay, in their order.

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
    with no_collection():
        return _Optimizing(checked).of(graph)


class _Optimizing:
    """The passes over a graph and those within it, each once however often it is called."""

    def __init__(self, checked: bool) -> None:
        self._check = check if checked else lambda graph: None
        self._done: dict[Graph, Graph] = {}

    def of(self, graph: Graph) -> Graph:
        """The graph when nothing changes any more, inner graphs first."""
        if graph not in self._done:
            made = graph
            if any([e.primitive.kind == "higher-order" for e in graph.equations]):
                made = rewritten(graph, self._inside)
            again = True
            while again:
                before = made
                made = flatten_calls(made)
                self._check(made)
                walk = _Walk(made)
                for once in (partial(rewritten, rewrite=walk.rewrite), remove_dead):
                    made = once(made)
                    self._check(made)
                # A walk leaves nothing to do but what depends on later equations.
                again = made is not before and (walk.reconsiders(made) or calls(made))
            self._done[graph] = self._done[made] = made
        return self._done[graph]

    def _inside(self, equation: Equation) -> Equation | None:
        if all(self.of(graph) is graph for graph in graphs_in(equation.params)):
            return None
        return equation.changed(params=with_graphs(equation.params, self.of))


class _Walk:
    """Folding, simplification and sharing, of one equation after the other: each meets operands
    that have been through all of them."""

    def __init__(self, graph: Graph) -> None:
        self._simplifying = Simplifying(graph)
        self._shared = sharing()

    def reconsiders(self, made: Graph) -> bool:
        """Whether something was left undone that can be done now that later equations are
        others."""
        return self._simplifying.reconsiders(made)

    def rewrite(self, equation: Equation) -> Equation | Sequence[Any] | None:
        constant = folded(equation)
        if constant is not None:
            return constant
        simpler = self._simplifying.rewrite(equation)
        if isinstance(simpler, tuple):
            return simpler
        return self._shared(simpler or equation) or simpler
