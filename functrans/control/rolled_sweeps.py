"""Loops looked for in a graph and rolled up, the largest first, until there are no more."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from functrans.control.rolled_loop import Values, find_loop, row_of
from functrans.core.types import type_of
from functrans.graph.graph import Graph, Variable
from functrans.graph.passes.periods import Period, periods
from functrans.graph.passes.rewriting import like
from functrans.graph.passes.values import Keys

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from functrans.control.rolled_scan import Writer
    from functrans.control.rolling import Rule
    from functrans.graph.graph import Equation

SWEEPS = 8
"""How often a graph is looked through at most: a loop may show another."""


def swept(graph: Graph, rule: Rule) -> Graph:
    """The graph with its own loops rolled, not those of graphs within."""
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
    return graph


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
    writer: Writer | None = None
    done = 0
    for run in sorted(runs):
        loop = find_loop(values, run, -(-rule.least // run.period) + 1)
        if loop is not None:
            from functrans.control.rolled_scan import Scan, Writer  # most are none

            writer = writer or Writer(values)
            for equation in graph.equations[done : loop.start]:
                _copy(equation, writer)
            done = loop.start
            reads = Scan(loop).write(writer, partial(rule.accepts, run.saved))
            if reads is not None:
                values.reads.update(reads)
                done = loop.stop
                continue
        failed.add((graph.equations[run.start].outputs[0], run.period))
    if writer is None or not done:
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
