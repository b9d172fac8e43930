"""Rolling: what a Python loop has unrolled becomes a loop again, one ``scan`` equation.

The equations of a graph are numbered by what they are (operation, parameters, types, line of the
user), and stretches of numbers that repeat are looked for. Those of which the operands show that
each block does the same with what the block before it made are written down once. Results keep
every bit, as the same operations run on the same values that lie in memory the same way.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from functrans.control.rolled_loop import Values, find_loop, row_of
from functrans.control.rolled_scan import Scan, Writer
from functrans.core.types import type_of
from functrans.graph.graph import Graph, Variable, graphs_in, with_graphs
from functrans.graph.passes.periods import Period, periods
from functrans.graph.passes.rewriting import like, rewritten
from functrans.graph.passes.values import Keys

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from functrans.compile.executors import Executor
    from functrans.graph.graph import Equation

LEAST = 1024
"""Equations that a loop has to save."""

BLOCK = 16
"""Equations of a block from which on a loop pays that saves as many as that."""

LONG = 20_000
"""Equations saved from which on any loop pays."""

NATIVE = 96, 4, 512
"""The same three numbers for native code."""

SWEEPS = 8
"""How often a graph is looked through at most: a loop may show another."""


class Rule(NamedTuple):
    """When a loop pays: see :func:`roll`."""

    least: int
    block: int
    long: int
    takes: Callable[[Equation], bool] | None = None

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
    failed: set[tuple[Variable, int]] = set()
    looked_at: Graph | None = None
    keys, found = Keys(), list[Period]()
    for _ in range(SWEEPS):
        if len(graph.equations) < rule.least:
            break
        if graph is not looked_at:
            looked_at, keys = graph, Keys()
            found = periods(_numbers(graph, keys), rule.least)
        count = len(failed)
        graph = _sweep(graph, rule, keys, found, failed)
        if graph is looked_at and len(failed) == count:
            break
    if not any([e.primitive.kind == "higher-order" for e in graph.equations]):
        return graph

    def inside(equation: Equation) -> Equation | None:
        params = with_graphs(equation.params, lambda g: _rolled(g, rule))
        pairs = zip(graphs_in(params), graphs_in(equation.params), strict=True)
        return None if all(a is b for a, b in pairs) else equation.changed(params=params)

    return rewritten(graph, inside)


def _sweep(
    graph: Graph,
    rule: Rule,
    keys: Keys,
    found: Sequence[Period],
    failed: set[tuple[Variable, int]],
) -> Graph:
    """The graph with the largest loops rolled, as far as they do not overlap, of the stretches that
    were found to repeat; those that are no loops are entered among those that have `failed`."""
    runs: list[Period] = []
    for run in found:
        name = graph.equations[run.start].outputs[0], run.period
        apart = all(run.stop <= r.start or r.stop <= run.start for r in runs)
        if apart and name not in failed and rule.pays(run):
            runs.append(run)
    if not runs:
        return graph
    values = Values(graph, keys)
    writer = Writer(values)
    done = 0
    for run in sorted(runs):
        loop = find_loop(values, run, -(-rule.least // run.period) + 1)
        if loop is not None:
            for equation in graph.equations[done : loop.start]:
                _copy(equation, writer)
            done = loop.start
            reads = Scan(loop).write(writer, partial(rule.accepts, run.saved))
            if reads is not None:
                values.reads.update(reads)
                done = loop.stop
                continue
        failed.add((graph.equations[run.start].outputs[0], run.period))
    if not done:
        return graph
    for equation in graph.equations[done:]:
        _copy(equation, writer)
    last = "the result"
    outputs = [writer.value(x, last) for x in graph.outputs]
    return like(graph, writer.equations, outputs).pruned()


def _copy(equation: Equation, writer: Writer) -> None:
    """Write an equation of which nothing is rolled up but, perhaps, its operands."""
    reads = writer.values.reads
    if reads and any([type(x) is Variable and x in reads for x in equation.inputs]):
        inputs = tuple([writer.value(x, equation.line) for x in equation.inputs])
        equation = equation.changed(inputs=inputs)
    writer.equations.append(equation)


def _numbers(graph: Graph, keys: Keys) -> list[int]:
    """A number for each equation, the same for those that may be the same in two blocks."""
    known: dict[Hashable, int] = {}
    kinds: dict[Hashable, int] = {}
    types: dict[int, int] = {}  # those of variables, by their ids: most share a few
    states: dict[int, Hashable] = {}
    found = []

    def kind(x: Any) -> int:
        if type(x) is not Variable:
            of = type_of(x)
            return kinds.setdefault((of.shape, of.dtype, of.weak), len(kinds))
        of = x.type
        number = types.get(id(of))
        if number is None:
            number = kinds.setdefault((of.shape, of.dtype, of.weak), len(kinds))
            types[id(of)] = number
        return number

    def state(errstate: dict[str, Any]) -> Hashable:
        if id(errstate) not in states:
            states[id(errstate)] = tuple(sorted(errstate.items()))
        return states[id(errstate)]

    for i, e in enumerate(graph.equations):
        if e.effects or not e.outputs:
            found.append(known.setdefault((i,), len(known)))
            continue
        row = row_of(e)
        params: Hashable = ()
        if row is not None:
            params = keys.of(e.params["index"].entries[1:])
        elif e.params:
            params = keys.params(e.params)
        key = (
            e.primitive.name,
            params,
            e.line,
            tuple([kind(x) for x in e.inputs]),
            tuple([kind(v) for v in e.outputs]),
            None if e.errstate is None else state(e.errstate),
        )
        found.append(known.setdefault(key, len(known)))
    return found
