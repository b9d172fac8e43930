"""Nests in chunks of their first loop, for several threads.

Into how many chunks a nest is cut depends on its work alone, so results are the same for any number
of threads. What is reduced over the first loop has a partial result for each chunk, and these are
combined in their order. What a nest needs for one row, each chunk has for itself.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, NamedTuple

from functrans.compile.llvm.code.builder import Builder, Value
from functrans.compile.llvm.code.engine import machine
from functrans.compile.llvm.code.pool import LEAST
from functrans.compile.llvm.code.threads import OPERANDS
from functrans.compile.llvm.elements import conversions
from functrans.compile.llvm.kernels import combining
from functrans.compile.llvm.kernels.loops import Span, emit_loops, loops_of
from functrans.compile.llvm.kernels.memory import load, store
from functrans.compile.llvm.plans.arena import lines
from functrans.compile.llvm.plans.extrema import EXTREMA
from functrans.graph.graph import Variable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from functrans.compile.llvm.code.builder import Module
    from functrans.compile.llvm.kernels.loops import Loops
    from functrans.compile.llvm.kernels.nodes import Node, Write
    from functrans.compile.llvm.plans.planning import Plan
    from functrans.compile.llvm.plans.statements import Nest

CHUNK = 15_000
"""Nanoseconds of a chunk, about: claiming one takes a hundredth of that."""

MOST = 64
"""Chunks of a nest."""

FEWEST = 1000
"""Elements of a space below which nothing takes so long that threads would pay."""

# Nanoseconds for eight bytes in vectors, as measured with registers of 64 bytes; they only have to
# tell what pays.
READ, WRITTEN = 0.03, 0.05
SIMPLE, DEAR, APART = 0.02, 0.35, 0.4
"""An operation of the processor; a function of several; an element that does not lie beside the
one before."""

ALONE = 1.0
"""Nanoseconds for what is done outside vectors."""


class Chunks(NamedTuple):
    """How a nest is cut.

    Attributes
    ----------
    number : int
        How many there are.
    time : int
        Nanoseconds of the nest in one thread.
    partial : dict of Variable to Variable
        For memory that chunks write together, what stands for the parts of it that they have for
        themselves.
    private : set of Variable
        What each chunk has for itself.
    """

    number: int
    time: int
    partial: dict[Variable, Variable]
    private: set[Variable]

    def places(self, places: Sequence[Variable]) -> list[Variable]:
        """The pieces of memory of a chunk, given those of the nest."""
        return [self.partial.get(x, x) for x in places]


def chunked(plan: Plan, nest: Nest) -> Chunks | None:
    """How a nest is cut, if that pays and its first loop can be cut."""
    if max([prod(kernel.space) for kernel in nest.kernels]) < FEWEST:
        return None
    loops = loops_of(plan, nest)
    if not all([each.extents for each in loops]) or (len(loops) > 1 and not loops[0].rows):
        return None
    time = sum([nanoseconds(each) for each in loops])
    if time < 2 * LEAST:
        return None
    steps = [_turns(each) for each in loops]
    count = min(MOST, time // CHUNK, *steps)
    partial: dict[Variable, Variable] = {}
    for write in [w for each in loops for w in each.writes]:
        target = loops[0].storage(write.statement.target)
        if target in nest.temporary:
            continue
        if write.positions or target in partial:
            return None
        if not write.access.strides[0]:
            statement = write.statement
            if not (statement.reduced and statement.initial) or statement.combine in EXTREMA:
                return None
            partial[target] = Variable(target.type)
            # To combine the parts takes a nanosecond an element, in one thread.
            count = min(count, time // 8 // max(target.type.size, 1))
    if count < 2:
        return None
    return Chunks(count, time, partial, {*nest.temporary, *partial.values()})


def nanoseconds(loops: Loops) -> int:
    """About how long loops take in one thread."""
    total = 0.0
    for node in loops.order:
        total += _turned(loops, node.depth) * _cost_of(loops, node)
    for write in loops.writes:
        depth = max([i for i, n in enumerate(write.access.strides) if n], default=-1)
        alone = depth < loops.vector_axis
        cost = ALONE if alone else WRITTEN * write.dtype.itemsize / 8
        if not alone and (write.access.strides[-1] != 1 or write.positions):
            cost = APART
        total += _turned(loops, depth) * cost
        if alone:  # it is combined in a register
            total += prod(loops.extents) * SIMPLE
    return int(total)


def _cost_of(loops: Loops, node: Node) -> float:
    if node.depth < loops.vector_axis:
        return ALONE
    eighths = node.dtype.itemsize / 8
    if node.definition is not None:
        slower = 64 / machine().vector_bytes
        return (SIMPLE if node.definition.operation.exact else DEAR) * eighths * slower
    if node.access is None:
        return 0.0
    beside = node.access.strides[-1] in (0, 1) and not node.positions
    return READ * eighths if beside else APART


def _turned(loops: Loops, depth: int) -> int:
    """How often the code at a depth is run, in elements."""
    return prod(loops.extents[: depth + 1])


def _turns(loops: Loops) -> int:
    """Into how many parts the first loop can be cut."""
    turns = loops.extents[0]
    return turns // loops.width if loops.flat else turns


def write_chunk(
    module: Module, name: str, plan: Plan, nest: Nest, places: Sequence[Variable], chunks: Chunks
) -> None:
    """Write ``void name(ptr context, i64 index, ptr memory)``, which does one chunk.

    The context is a table of the addresses of `places`, those of the chunks.
    """
    b = Builder(module, name, "void", OPERANDS, internal=True)
    context, index, _ = b.operands
    at: dict[Variable, Value] = {}
    for i, x in enumerate(places):
        address = b.load("ptr", b.at(context, i, "ptr"))
        if x in chunks.private:
            address = b.at(address, b.mul(index, lines(plan.size(x))), "i8")
        at[x] = address
    for target, part in chunks.partial.items():
        at[target] = at[part]
    first = loops_of(plan, nest)[0]
    turns, step = _turns(first), first.width if first.flat else 1

    def bound(i: Value) -> Value:
        return b.mul(b.binary("udiv", b.mul(i, turns), chunks.number), step)

    final = b.icmp("eq", index, chunks.number - 1)
    span = Span(bound(index), bound(b.add(index, 1)), final)
    emit_loops(b, plan, nest, at, span)
    b.finish()


def combine(
    b: Builder, plan: Plan, nest: Nest, chunks: Chunks, at: Mapping[Variable, Value]
) -> None:
    """Combine the partial results of all chunks, in their order."""
    for each in loops_of(plan, nest):
        for write in each.writes:
            target = each.storage(write.statement.target)
            if target in chunks.partial:
                _combine(b, write, chunks.number, at[chunks.partial[target]], at[target])


def _combine(b: Builder, write: Write, number: int, parts: Value, target: Value) -> None:
    how, dtype = write.statement.combine, write.dtype
    assert how is not None
    apart = lines(write.statement.target.type.size * dtype.itemsize)

    def one(i: Value) -> None:
        first = b.at(parts, b.mul(i, dtype.itemsize), "i8")

        def add(k: Value, total: list[Value]) -> list[Value]:
            part = load(b, dtype, 1, b.at(first, b.mul(k, apart), "i8"), 1, None)
            before = conversions.joined(total)
            return conversions.parts(combining.combined(b, how, dtype, before, part))

        start = conversions.parts(load(b, dtype, 1, first, 1, None))
        whole = conversions.joined(b.loop(1, number, add, start))
        store(b, dtype, whole, b.at(target, b.mul(i, dtype.itemsize), "i8"), 1, None)

    b.repeat(0, write.statement.target.type.size, one)
