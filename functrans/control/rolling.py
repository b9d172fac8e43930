"""Rolling: what a Python loop has unrolled becomes a loop again, one ``scan`` equation.

The equations of a graph are numbered by what they are (operation, parameters, types, line of the
user), and stretches of numbers that repeat are looked for. Those of which the operands show that
each block does the same with what the block before it made are written down once. Results keep
every bit, as the same operations run on the same values that lie in memory the same way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from functrans.graph.graph import graphs_in, with_graphs
from functrans.graph.passes.rewriting import rewritten

if TYPE_CHECKING:
    from collections.abc import Callable

    from functrans.compile.executors import Executor
    from functrans.graph.graph import Equation, Graph
    from functrans.graph.passes.periods import Period

LEAST = 1024
"""Equations that a loop has to save."""

BLOCK = 16
"""Equations of a block from which on a loop pays that saves as many as that."""

LONG = 20_000
"""Equations saved from which on any loop pays."""

NATIVE = 96, 4, 512
"""The same three numbers for native code."""


class Rule:
    """When a loop pays: see :func:`roll`."""

    __slots__ = ("block", "least", "long", "takes")

    def __init__(
        self, least: int, block: int, long: int, takes: Callable[[Equation], bool] | None
    ) -> None:
        self.least = least
        self.block = block
        self.long = long
        self.takes = takes

    def pays(self, run: Period) -> bool:
        return run.saved >= self.least and (run.period >= self.block or run.saved >= self.long)

    def accepts(self, saved: int, scan: Equation) -> bool:
        """Whether it stays with the scan that it has become."""
        return self.takes is None or saved >= LONG or self.takes(scan)


def roll(
    graph: Graph,
    least: int = LEAST,
    block: int = BLOCK,
    long: int = LONG,
    takes: Callable[[Equation], bool] | None = None,
) -> Graph:
    """A graph that computes the same, to the bit, with blocks of equations that repeat written
    down once, in ``scan`` equations.

    Each block has to be the same operations on lines of the user's code that are the same, without
    effects. It may read what it makes, what up to three blocks before it made, what all blocks
    share, constants that differ from block to block, and rows of arrays that move on by the same
    step. What is read of every block behind the loop is stacked, and a loop that goes along such
    stacks backwards, as reverse mode does, is a scan in reverse. The blocks of a loop are rolled in
    turn.

    It takes n log(n)^2 steps for n equations at most, of NumPy's, and n of Python's.

    Parameters
    ----------
    graph : Graph
        It stays as it is.
    least : int
        How many equations a loop has to save; there are at least four blocks.
    block : int
        How many equations a block has to have, as each round of a scan costs time of its own ...
    long : int
        ... unless the loop saves as many as this.
    takes : callable, optional
        Of a ``scan`` equation, whether what runs the graph can do with it as well as with its
        steps; a loop of which it cannot stays as it is, if it is not longer than `LONG`.

    Returns
    -------
    Graph
        The graph itself if there was nothing to roll.

    Examples
    --------
    >>> import numpy as np, functrans as ft
    >>> from functrans.control.rolling import roll
    >>> def f(x):
    ...     for _ in range(100):
    ...         x = np.sin(x) * 0.5
    ...     return x
    >>> roll(ft.make_graph(f)(np.ones(3)), least=100, block=2)
    graph f(a: float64[3]):
      b: float64[3] = scan(a, consts=0, carry=1, length=100, reverse=False, checkpoint=None)
        body = graph block(a: float64[3]):
          b: float64[3] = sin(a)
          c: float64[3] = multiply(b, 0.5)
          return c
      return b
    """
    return _rolled(graph, Rule(least, block, long, takes))


def rolled_for(graph: Graph, executor: Executor) -> Graph:
    """The graph rolled where that pays with this executor.

    Native code runs a loop as fast as its steps and takes half a millisecond to compile for each
    operation, so it pays from a hundred on, if native code has all of the loop.
    """
    return roll(graph, *NATIVE, executor.takes) if executor.native else roll(graph)


def _rolled(graph: Graph, rule: Rule) -> Graph:
    if len(graph.equations) >= rule.least:  # most are not, and need nothing of this
        from functrans.control.rolled_sweeps import swept

        graph = swept(graph, rule)
    if not any([e.primitive.kind == "higher-order" for e in graph.equations]):
        return graph

    def inside(equation: Equation) -> Equation | None:
        params = with_graphs(equation.params, lambda g: _rolled(g, rule))
        pairs = zip(graphs_in(params), graphs_in(equation.params), strict=True)
        return None if all(a is b for a, b in pairs) else equation.changed(params=params)

    return rewritten(graph, inside)
